/* What the core takes from outside, as the operating system gives it. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#if defined(__APPLE__)
#include <sys/random.h>
#endif

#include "reference/server.h"
#include "reference/statistics.h"

static void *allocate_from_system(void *context, size_t size) {
    (void)context;
    return malloc(size);
}

static void release_to_system(void *context, void *memory, size_t size) {
    (void)context;
    (void)size;
    free(memory);
}

static void *allocate_counting(void *context, size_t size) {
    struct memory_use *use = context;
    void *memory = malloc(size);
    if (memory == NULL)
        return NULL;
    use->current += size;
    if (use->current > use->maximum)
        use->maximum = use->current;
    return memory;
}

static void release_counting(void *context, void *memory, size_t size) {
    struct memory_use *use = context;
    use->current -= size;
    free(memory);
}

static uint64_t random_from_system(void *context) {
    (void)context;
    uint64_t number;
    if (getentropy(&number, sizeof number) == 0)
        return number;
    /* Only a kernel without random numbers comes here. Client Identifiers have to differ, not to be secret. */
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    number = (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
    return number * UINT64_C(0x9E3779B97F4A7C15);
}

static microseconds wall_clock_of_system(void *context) {
    (void)context;
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (microseconds)time.tv_sec * MICROSECONDS_PER_SECOND + (microseconds)time.tv_nsec / 1000;
}

struct environment environment_of_system(void) {
    return (struct environment){
        .allocate = allocate_from_system,
        .release = release_to_system,
        .random = random_from_system,
        .wall_clock = wall_clock_of_system,
    };
}

struct environment environment_of_system_counting(struct memory_use *use) {
    return (struct environment){
        .context = use,
        .allocate = allocate_counting,
        .release = release_counting,
        .random = random_from_system,
        .wall_clock = wall_clock_of_system,
    };
}
