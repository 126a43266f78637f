/* Every input of corpus/ holds; and brokers that are wrong in one way are found out by some input of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/targets.h"

#define LONGEST_INPUT 65536u
#define MOST_INPUTS   4000u

/* ---- The corpus ------------------------------------------------------------------------------------------ */

typedef bool target_function(const uint8_t *data, size_t size, struct finding *finding);

static const struct {
    const char *directory;
    target_function *function;
} targets[] = {
    {"corpus/decode", fuzz_decode}, {"corpus/properties", fuzz_properties},
    {"corpus/topic", fuzz_topic},   {"corpus/capture", fuzz_capture},
    {"corpus/tls", fuzz_tls},       {"corpus/broker", NULL},
};

struct input {
    char name[300];          /* from the top of the repository */
    target_function *target; /* NULL: the broker, which takes more than an input */
    uint8_t *data;
    size_t size;
    struct fuzz_memory *memory;
};

struct corpus {
    struct input *inputs;
    size_t count;
    struct fuzz_memory memory;
};

static void read_file(struct input *input) {
    FILE *file = fopen(input->name, "rb");
    input->data = malloc(LONGEST_INPUT);
    if (file == NULL || input->data == NULL) {
        fprintf(stderr, "cannot read %s\n", input->name);
        exit(1);
    }
    input->size = fread(input->data, 1, LONGEST_INPUT, file);
    fclose(file);
}

/* Without the corpus there is nothing to test: that is a failure, not a success. */
static void read_directory(struct corpus *corpus, const char *directory, target_function *target) {
    DIR *opened = opendir(directory);
    size_t before = corpus->count;
    struct dirent *entry;
    while (opened != NULL && (entry = readdir(opened)) != NULL) {
        if (entry->d_name[0] == '.' || corpus->count == MOST_INPUTS)
            continue;
        struct input *input = &corpus->inputs[corpus->count++];
        snprintf(input->name, sizeof input->name, "%s/%s", directory, entry->d_name);
        input->target = target;
        input->memory = &corpus->memory;
        read_file(input);
    }
    if (opened != NULL)
        closedir(opened);
    if (corpus->count == before) {
        fprintf(stderr, "no inputs in %s; run this from the top of the repository\n", directory);
        exit(1);
    }
}

static void read_corpus(struct corpus *corpus) {
    memset(corpus, 0, sizeof *corpus);
    corpus->inputs = calloc(MOST_INPUTS, sizeof *corpus->inputs);
    if (corpus->inputs == NULL)
        exit(1);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        read_directory(corpus, targets[i].directory, targets[i].function);
}

static void forget_corpus(struct corpus *corpus) {
    for (size_t i = 0; i < corpus->count; i++)
        free(corpus->inputs[i].data);
    free(corpus->inputs);
    fuzz_memory_end(&corpus->memory);
}

/* ---- What is right holds --------------------------------------------------------------------------------- */

static bool try_input(const struct input *input, size_t size, struct finding *finding) {
    if (input->target == NULL)
        return fuzz_broker(input->memory, SPEC_NONE, NULL, input->data, size, finding);
    return input->target(input->data, size, finding);
}

static void holds(void **state) {
    const struct input *input = *state;
    struct finding finding;
    if (!try_input(input, input->size, &finding))
        fail_msg("%s: %s", input->name, finding.what);
}

/* The decoder must hold on inputs meant for others, too, and on every beginning of an input. */
static void holds_cut_anywhere(void **state) {
    const struct input *input = *state;
    struct finding finding;
    for (size_t size = 0; size <= input->size && size <= 300; size++) {
        if (!fuzz_decode(input->data, size, &finding))
            fail_msg("decoding %zu bytes of %s: %s", size, input->name, finding.what);
        if (!try_input(input, size, &finding))
            fail_msg("%zu bytes of %s: %s", size, input->name, finding.what);
    }
}

/* ---- What is wrong is found out -------------------------------------------------------------------------- */

struct canary {
    enum spec_statement off;
    const struct corpus *corpus;
};

/* Deviations that a monitor can see from outside, whatever statement it reports them under. */
static const enum spec_statement canaries[] = {
    V311(2_2_2_1), V311(2_3_1_4), V311(2_3_1_6), V311(3_1_3_8), V311(3_2_0_1), V311(3_2_2_1), V311(3_2_2_2),
    V311(3_2_2_3), V311(3_2_2_4), V311(3_2_2_6), V311(3_3_1_1), V311(3_3_1_2), V311(3_3_4_1), V311(3_8_4_2),
    V311(3_8_4_5), V311(3_8_4_6), V311(3_9_3_2), V311(4_3_3_1), V311(4_7_2_1),
};
#define CANARY_COUNT (sizeof canaries / sizeof canaries[0])

static void is_found_out(void **state) {
    const struct canary *canary = *state;
    for (size_t i = 0; i < canary->corpus->count; i++) {
        const struct input *input = &canary->corpus->inputs[i];
        struct finding finding = {.statement = SPEC_NONE};
        if (input->target != NULL || fuzz_broker(input->memory, canary->off, NULL, input->data, input->size, &finding))
            continue;
        if (finding.statement == SPEC_NONE || strstr(finding.what, spec_name(finding.statement)) == NULL)
            fail_msg("%s: the message names no statement: %s", input->name, finding.what);
        return;
    }
    fail_msg("no input of the corpus shows a broker that breaks %s", spec_name(canary->off));
}

int main(void) {
    static struct CMUnitTest tests[2 * MOST_INPUTS + CANARY_COUNT];
    static struct canary rows[CANARY_COUNT];
    static struct corpus corpus;
    size_t count = 0;
    read_corpus(&corpus);
    for (size_t i = 0; i < corpus.count; i++)
        tests[count++] = (struct CMUnitTest){corpus.inputs[i].name, holds, NULL, NULL, &corpus.inputs[i]};
    for (size_t i = 0; i < corpus.count; i++)
        tests[count++] = (struct CMUnitTest){corpus.inputs[i].name, holds_cut_anywhere, NULL, NULL, &corpus.inputs[i]};
    for (size_t i = 0; i < CANARY_COUNT; i++) {
        rows[i] = (struct canary){canaries[i], &corpus};
        tests[count++] = (struct CMUnitTest){spec_name(canaries[i]), is_found_out, NULL, NULL, &rows[i]};
    }
    int failed = _cmocka_run_group_tests("fuzz: corpus", tests, count, NULL, NULL);
    forget_corpus(&corpus);
    return failed;
}
