/* All that the broker core and the monitor take from outside, besides bytes and the time. */
#ifndef MQSPEC_ENVIRONMENT_H
#define MQSPEC_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Microseconds since an epoch of the caller's choice. Never goes back. */
typedef uint64_t microseconds;

#define MICROSECONDS_PER_SECOND UINT64_C(1000000)
#define NO_DEADLINE             UINT64_MAX

struct environment {
    void *context;
    /* NULL where there is no memory; the core then refuses what it was about to do and goes on. Aligned as malloc
     * aligns. */
    void *(*allocate)(void *context, size_t size);
    /* `size` is what was asked for. `memory` is not NULL. */
    void (*release)(void *context, void *memory, size_t size);
    /* For Client Identifiers that the broker assigns. */
    uint64_t (*random)(void *context);
    /* The time of the wall clock since 1970, which may jump. Asked only where there is a store; else it may be NULL. */
    microseconds (*wall_clock)(void *context);
    /* Each block that the core needs is allocated, and released when it is no longer needed: for tests that make one
     * fail, or count what is left. Otherwise blocks come in slabs and are kept for reuse. */
    bool allocates_each_block;
};

#endif
