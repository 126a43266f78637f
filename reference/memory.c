#include "reference/memory.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Under AddressSanitizer each block comes from the environment, so that a use after giving back is seen. */
#if defined(__SANITIZE_ADDRESS__)
#define BLOCKS_ARE_REUSED false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BLOCKS_ARE_REUSED false
#endif
#endif
#ifndef BLOCKS_ARE_REUSED
#define BLOCKS_ARE_REUSED true
#endif

#define SLAB_BYTES ((size_t)32768)
/* Larger blocks begin where lines of the processor's cache do, so that they span no more of them than they need. */
#define CACHE_LINE ((uintptr_t)64)

struct memory_block {
    struct memory_block *next;
};

/* Blocks of one size class follow the header. */
struct memory_slab {
    struct memory_slab *next;
    max_align_t align;
};

void memory_begin(struct memory *memory, const struct environment *environment) {
    memset(memory, 0, sizeof *memory);
    memory->environment = *environment;
    memory->largest_kept = BLOCKS_ARE_REUSED && !environment->allocates_each_block ? MEMORY_LARGEST_BLOCK : 0;
    uint8_t class = 0;
    for (size_t blocks = 0; blocks < sizeof memory->size_class; blocks++) {
        if (blocks > (size_t)1 << class)
            class ++;
        memory->size_class[blocks] = class;
    }
}

void memory_end(struct memory *memory) {
    while (memory->slabs != NULL) {
        struct memory_slab *slab = memory->slabs;
        memory->slabs = slab->next;
        memory->environment.release(memory->environment.context, slab, SLAB_BYTES);
    }
}

static unsigned size_class(const struct memory *memory, size_t size) {
    return memory->size_class[(size + MEMORY_SMALLEST_BLOCK - 1) / MEMORY_SMALLEST_BLOCK];
}

static bool add_slab(struct memory *memory, unsigned class) {
    struct memory_slab *slab = memory->environment.allocate(memory->environment.context, SLAB_BYTES);
    if (slab == NULL)
        return false;
    slab->next = memory->slabs;
    memory->slabs = slab;
    size_t block_size = MEMORY_SMALLEST_BLOCK << class;
    uint8_t *first = (uint8_t *)(slab + 1);
    first += -(uintptr_t)first & (CACHE_LINE - 1);
    size_t count = (size_t)((uint8_t *)slab + SLAB_BYTES - first) / block_size;
    assert(count > 0);
    for (size_t i = count; i > 0; i--) {
        struct memory_block *block = (void *)(first + (i - 1) * block_size);
        block->next = memory->free[class];
        memory->free[class] = block;
    }
    return true;
}

void *memory_take(struct memory *memory, size_t size) {
    assert(size > 0);
    if (size > memory->largest_kept)
        return memory->environment.allocate(memory->environment.context, size);
    unsigned class = size_class(memory, size);
    if (memory->free[class] == NULL && !add_slab(memory, class))
        return NULL;
    struct memory_block *block = memory->free[class];
    memory->free[class] = block->next;
    return block;
}

void *memory_take_zeroed(struct memory *memory, size_t size) {
    void *block = memory_take(memory, size);
    if (block != NULL)
        memset(block, 0, size);
    return block;
}

void memory_give(struct memory *memory, void *block, size_t size) {
    if (block == NULL)
        return;
    if (size > memory->largest_kept) {
        memory->environment.release(memory->environment.context, block, size);
        return;
    }
    unsigned class = size_class(memory, size);
    struct memory_block *freed = block;
    freed->next = memory->free[class];
    memory->free[class] = freed;
}

void *memory_resize(struct memory *memory, void *block, size_t old_size, size_t new_size, size_t kept) {
    assert(kept <= old_size && kept <= new_size);
    void *resized = memory_take(memory, new_size);
    if (resized == NULL)
        return NULL;
    if (kept > 0)
        memcpy(resized, block, kept);
    memory_give(memory, block, old_size);
    return resized;
}
