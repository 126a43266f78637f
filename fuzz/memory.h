/* Memory for one execution of a fuzz target: cheap to take and to give back all at once, and able to fail. Under
 * AddressSanitizer each allocation is one of malloc, so that every overrun is seen. */
#ifndef MQSPEC_FUZZ_MEMORY_H
#define MQSPEC_FUZZ_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reference/environment.h"

#define FUZZ_SIZE_CLASSES 25 /* powers of two, from 2^0 to 2^24 */

/* What was given back and can be taken again. */
struct fuzz_free {
    struct fuzz_free *next;
};

struct fuzz_memory {
    uint8_t *arena; /* malloc's; NULL until first used */
    size_t used;
    struct fuzz_free *free[FUZZ_SIZE_CLASSES];
};

/* One user of the memory, with numbers of its own. */
struct fuzz_account {
    struct fuzz_memory *memory; /* NULL: all of malloc */
    size_t live;                /* bytes taken and not given back */
    uint64_t taken;             /* allocations so far */
    uint64_t fails_at;          /* this allocation and each further `fails_at`th is refused; 0: none */
    bool refused;               /* an allocation was refused */
    uint64_t random;            /* state of the generator */
};

/* Forgets all that was taken, for the next execution. Everybody has given back his memory, or is found out by
 * `live`. False where there is no memory at all. */
bool fuzz_memory_begin(struct fuzz_memory *memory);

void fuzz_memory_end(struct fuzz_memory *memory);

/* The account outlives whoever uses the environment. */
struct environment fuzz_environment(struct fuzz_account *account);

#endif
