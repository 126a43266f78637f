/* Bytes waiting to be sent to a Client. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"

struct output_chunk {
    struct output_chunk *next;
    struct message *message; /* whose payload this chunk is; NULL when the bytes are its own */
    const uint8_t *start;    /* of what is not sent yet */
    uint32_t length;         /* of what is not sent yet */
    uint32_t capacity;       /* of `bytes` */
    uint32_t used;           /* of `bytes`, from its beginning */
    uint8_t bytes[];
};

#define CHUNK_CAPACITY ((uint32_t)(MEMORY_LARGEST_BLOCK - sizeof(struct output_chunk)))

static struct output_chunk *append_chunk(struct broker *broker, struct output *output, uint32_t capacity) {
    struct output_chunk *chunk = memory_take(&broker->memory, sizeof *chunk + capacity);
    if (chunk == NULL)
        return NULL;
    memset(chunk, 0, sizeof *chunk);
    chunk->capacity = capacity;
    chunk->start = chunk->bytes;
    if (output->last != NULL)
        output->last->next = chunk;
    else
        output->first = chunk;
    output->last = chunk;
    return chunk;
}

uint8_t *output_reserve(struct broker *broker, struct output *output, size_t size) {
    assert(size <= MQTT_MAXIMUM_PACKET_SIZE);
    struct output_chunk *last = output->last;
    if (last == NULL || last->message != NULL || last->capacity - last->used < size)
        last = append_chunk(broker, output, size > CHUNK_CAPACITY ? (uint32_t)size : CHUNK_CAPACITY);
    return last != NULL ? last->bytes + last->used : NULL;
}

void output_commit(struct output *output, size_t size) {
    struct output_chunk *last = output->last;
    assert(last != NULL && last->message == NULL && last->capacity - last->used >= size);
    last->used += (uint32_t)size;
    last->length += (uint32_t)size;
    output->waiting += size;
}

bool output_append_payload(struct broker *broker, struct output *output, struct message *message) {
    struct output_chunk *chunk = append_chunk(broker, output, 0);
    if (chunk == NULL)
        return false;
    struct mqtt_bytes payload = message_payload(message);
    message_keep(message);
    chunk->message = message;
    chunk->start = payload.data;
    chunk->length = payload.length;
    output->waiting += payload.length;
    return true;
}

size_t output_views(const struct output *output, struct mqtt_bytes *views, size_t capacity) {
    size_t count = 0;
    for (const struct output_chunk *chunk = output->first; chunk != NULL && count < capacity; chunk = chunk->next)
        if (chunk->length > 0)
            views[count++] = (struct mqtt_bytes){chunk->start, chunk->length};
    return count;
}

static void remove_first(struct broker *broker, struct output *output) {
    struct output_chunk *chunk = output->first;
    output->first = chunk->next;
    if (output->first == NULL)
        output->last = NULL;
    message_release(broker, chunk->message);
    memory_give(&broker->memory, chunk, sizeof *chunk + chunk->capacity);
}

void output_consume(struct broker *broker, struct output *output, size_t count) {
    assert(count <= output->waiting);
    output->waiting -= count;
    while (output->first != NULL && count >= output->first->length) {
        count -= output->first->length;
        remove_first(broker, output);
    }
    if (count > 0) {
        output->first->start += count;
        output->first->length -= (uint32_t)count;
    }
}

void output_clear(struct broker *broker, struct output *output) {
    while (output->first != NULL)
        remove_first(broker, output);
    output->waiting = 0;
}
