/* Replays inputs without a fuzzer: standalone [-n TIMES] FILE... Each must hold. With -n all are run that often and the
 * executions a second are told. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_INPUT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *data;
    size_t size;
};

/* False with a message on standard error. */
static bool read_input(const char *name, struct input *input) {
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", name, strerror(errno));
        return false;
    }
    input->data = malloc(LONGEST_INPUT);
    input->size = input->data == NULL ? 0 : fread(input->data, 1, LONGEST_INPUT, file);
    bool read = input->data != NULL && !ferror(file) && feof(file);
    if (!read)
        fprintf(stderr, "%s: cannot be read, or is longer than %zu bytes\n", name, LONGEST_INPUT);
    fclose(file);
    return read;
}

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void measure(const struct input *inputs, int count, long times) {
    double start = seconds();
    for (long i = 0; i < times; i++)
        for (int k = 0; k < count; k++)
            LLVMFuzzerTestOneInput(inputs[k].data, inputs[k].size);
    double duration = seconds() - start;
    printf("%ld executions in %.2f s: %.0f a second\n", times * count, duration, (double)(times * count) / duration);
}

/* Runs each file once, and all of them `times` more. */
static bool replay(struct input *inputs, char **names, int count, long times) {
    for (int i = 0; i < count; i++) {
        if (!read_input(names[i], &inputs[i]))
            return false;
        fprintf(stderr, "%s\n", names[i]);
        LLVMFuzzerTestOneInput(inputs[i].data, inputs[i].size);
    }
    if (times > 0)
        measure(inputs, count, times);
    return true;
}

int main(int count, char **arguments) {
    long times = 0;
    int option;
    bool usage = true;
    while ((option = getopt(count, arguments, "n:")) != -1)
        usage = usage && option == 'n' && (times = strtol(optarg, NULL, 10)) > 0;
    int files = count - optind;
    if (!usage || files == 0) {
        fprintf(stderr, "usage: %s [-n TIMES] FILE...\n", arguments[0]);
        return 2;
    }
    struct input *inputs = calloc((size_t)files, sizeof *inputs);
    if (inputs == NULL)
        return 2;
    bool replayed = replay(inputs, arguments + optind, files, times);
    for (int i = 0; i < files; i++)
        free(inputs[i].data);
    free(inputs);
    return replayed ? 0 : 2;
}
