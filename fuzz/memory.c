#include "fuzz/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_SIZE     ((size_t)64 << 20) /* untouched pages cost nothing */
#define SMALLEST_CLASS 4                  /* 16 bytes: aligned as malloc aligns */

#if defined(__SANITIZE_ADDRESS__)
#define EACH_FROM_MALLOC true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EACH_FROM_MALLOC true
#endif
#endif
#ifndef EACH_FROM_MALLOC
#define EACH_FROM_MALLOC false
#endif

bool fuzz_memory_begin(struct fuzz_memory *memory) {
    if (memory->arena == NULL && !EACH_FROM_MALLOC)
        memory->arena = malloc(ARENA_SIZE);
    memory->used = 0;
    memset(memory->free, 0, sizeof memory->free);
    return memory->arena != NULL || EACH_FROM_MALLOC;
}

void fuzz_memory_end(struct fuzz_memory *memory) {
    free(memory->arena);
    memory->arena = NULL;
}

static unsigned class_of(size_t size) {
    unsigned class = SMALLEST_CLASS;
    while (class < FUZZ_SIZE_CLASSES && (size_t)1 << class < size)
        class ++;
    return class;
}

static void *take(struct fuzz_memory *memory, size_t size) {
    unsigned class = class_of(size);
    if (class == FUZZ_SIZE_CLASSES)
        return NULL;
    struct fuzz_free *found = memory->free[class];
    if (found != NULL) {
        memory->free[class] = found->next;
        return found;
    }
    size_t length = (size_t)1 << class;
    if (length > ARENA_SIZE - memory->used)
        return NULL;
    void *taken = memory->arena + memory->used;
    memory->used += length;
    return taken;
}

static void *allocate(void *context, size_t size) {
    struct fuzz_account *account = context;
    account->taken++;
    bool refuse = account->fails_at != 0 && account->taken % account->fails_at == 0;
    void *taken = NULL;
    if (!refuse)
        taken = EACH_FROM_MALLOC || account->memory == NULL ? malloc(size) : take(account->memory, size);
    if (taken == NULL) {
        account->refused = true;
        return NULL;
    }
    account->live += size;
    return taken;
}

static void release(void *context, void *released, size_t size) {
    struct fuzz_account *account = context;
    assert(account->live >= size);
    account->live -= size;
    if (EACH_FROM_MALLOC || account->memory == NULL) {
        free(released);
        return;
    }
    struct fuzz_free *entry = released;
    unsigned class = class_of(size);
    entry->next = account->memory->free[class];
    account->memory->free[class] = entry;
}

/* splitmix64: the same numbers in every run. */
static uint64_t random_number(void *context) {
    struct fuzz_account *account = context;
    uint64_t number = account->random += UINT64_C(0x9E3779B97F4A7C15);
    number = (number ^ number >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    number = (number ^ number >> 27) * UINT64_C(0x94D049BB133111EB);
    return number ^ number >> 31;
}

struct environment fuzz_environment(struct fuzz_account *account) {
    return (struct environment){.context = account, .allocate = allocate, .release = release, .random = random_number};
}
