/* Memory that is released all at once: what a player writes down lives exactly as long as its result. */
#ifndef MQSPEC_ARENA_H
#define MQSPEC_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena_block;

/* Zero-initialised, it is empty. */
struct arena {
    struct arena_block *blocks;
    bool exhausted; /* a request was refused since the start */
};

void arena_release(struct arena *arena);

/* `size` bytes, aligned for any type, not set to zero. NULL where there is no memory. */
void *arena_take(struct arena *arena, size_t size);

/* A copy of the bytes. NULL where there is no memory; never NULL otherwise, also for no bytes. */
uint8_t *arena_copy(struct arena *arena, const uint8_t *bytes, size_t length);

/* A text as printf makes it. "" where there is no memory. */
__attribute__((format(printf, 2, 3))) const char *arena_text(struct arena *arena, const char *format, ...);

/* Makes room for one more element in an array that malloc made. Returns the array, moved or not; NULL, with the
 * old array still valid, where there is no memory. */
void *array_with_room(void *array, size_t count, size_t *capacity, size_t element_size);

#endif
