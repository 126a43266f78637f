/* The core's memory: blocks of a few sizes, kept for reuse, so that the packet path asks the environment for
 * nothing once it is warm. */
#ifndef MQSPEC_MEMORY_H
#define MQSPEC_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "reference/environment.h"

#define MEMORY_SMALLEST_BLOCK ((size_t)32)
#define MEMORY_SIZE_CLASSES   8 /* 32, 64, ... 4096 bytes; larger blocks come from the environment each time */
#define MEMORY_LARGEST_BLOCK  (MEMORY_SMALLEST_BLOCK << (MEMORY_SIZE_CLASSES - 1))

struct memory_block;
struct memory_slab;

struct memory {
    struct environment environment;
    size_t largest_kept; /* blocks up to this size are kept for reuse; 0: none */
    struct memory_block *free[MEMORY_SIZE_CLASSES];
    uint8_t size_class[MEMORY_LARGEST_BLOCK / MEMORY_SMALLEST_BLOCK + 1]; /* by size in smallest blocks, rounded up */
    struct memory_slab *slabs;
};

void memory_begin(struct memory *memory, const struct environment *environment);

/* Gives everything back to the environment. Large blocks must have been given back before. */
void memory_end(struct memory *memory);

/* A block of `size` bytes, more than 0; its content is undefined. NULL where the environment has none. */
void *memory_take(struct memory *memory, size_t size);

/* The same, filled with zeros. */
void *memory_take_zeroed(struct memory *memory, size_t size);

/* `size` is what was asked for. NULL is fine. */
void memory_give(struct memory *memory, void *block, size_t size);

/* A block of `new_size` with the first `kept` bytes of the old one, which is given back. NULL, and the old block
 * is as it was, where there is no memory. `block` may be NULL with old_size 0. */
void *memory_resize(struct memory *memory, void *block, size_t old_size, size_t new_size, size_t kept);

#endif
