#include "conformance/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_SIZE 8000u

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    max_align_t memory[];
};

void arena_release(struct arena *arena) {
    while (arena->blocks != NULL) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}

void *arena_take(struct arena *arena, size_t size) {
    const size_t unit = sizeof(max_align_t);
    if (size > SIZE_MAX / 2) {
        arena->exhausted = true;
        return NULL;
    }
    size = (size + unit - 1) / unit * unit;
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > ARENA_BLOCK_SIZE ? size : ARENA_BLOCK_SIZE;
        block = malloc(sizeof *block + room);
        if (block == NULL) {
            arena->exhausted = true;
            return NULL;
        }
        block->next = arena->blocks;
        block->used = 0;
        block->size = room;
        arena->blocks = block;
    }
    void *taken = (unsigned char *)block->memory + block->used;
    block->used += size;
    return taken;
}

uint8_t *arena_copy(struct arena *arena, const uint8_t *bytes, size_t length) {
    uint8_t *copy = arena_take(arena, length > 0 ? length : 1);
    if (copy != NULL && length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

const char *arena_text(struct arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : arena_take(arena, (size_t)length + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text == NULL ? "" : text;
}

void *array_with_room(void *array, size_t count, size_t *capacity, size_t element_size) {
    if (count < *capacity)
        return array;
    size_t larger = *capacity == 0 ? 16 : *capacity * 2;
    if (larger > SIZE_MAX / element_size)
        return NULL;
    void *moved = realloc(array, larger * element_size);
    if (moved != NULL)
        *capacity = larger;
    return moved;
}
