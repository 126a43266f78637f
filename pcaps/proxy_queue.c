#include "pcaps/proxy_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What was added in one go. */
struct queue_block {
    struct queue_block *next;
    microseconds due;
    uint32_t length;
    uint32_t taken; /* of it, from the front */
    uint8_t bytes[];
};

static size_t cost_of(const struct queue_block *block) {
    return sizeof *block + block->length;
}

bool byte_queue_append(struct byte_queue *queue, struct mqtt_bytes bytes, microseconds due) {
    if (bytes.length == 0)
        return true;
    struct queue_block *block = malloc(sizeof *block + bytes.length);
    if (block == NULL)
        return false;
    microseconds before = byte_queue_end(queue);
    block->next = NULL;
    block->due = due > before ? due : before;
    block->length = bytes.length;
    block->taken = 0;
    memcpy(block->bytes, bytes.data, bytes.length);
    *(queue->last == NULL ? &queue->first : &queue->last->next) = block;
    queue->last = block;
    queue->cost += cost_of(block);
    return true;
}

size_t byte_queue_due(const struct byte_queue *queue, microseconds now, struct mqtt_bytes *views, size_t most) {
    size_t count = 0;
    for (const struct queue_block *block = queue->first; block != NULL && count < most && block->due <= now;
         block = block->next)
        views[count++] = (struct mqtt_bytes){block->bytes + block->taken, block->length - block->taken};
    return count;
}

static void drop_first(struct byte_queue *queue) {
    struct queue_block *block = queue->first;
    queue->first = block->next;
    if (queue->first == NULL)
        queue->last = NULL;
    queue->cost -= cost_of(block);
    free(block);
}

void byte_queue_take(struct byte_queue *queue, size_t count) {
    while (count > 0) {
        struct queue_block *block = queue->first;
        assert(block != NULL);
        uint32_t left = block->length - block->taken;
        if (count < left) {
            block->taken += (uint32_t)count;
            return;
        }
        count -= left;
        drop_first(queue);
    }
}

microseconds byte_queue_next(const struct byte_queue *queue) {
    return queue->first != NULL ? queue->first->due : NO_DEADLINE;
}

microseconds byte_queue_end(const struct byte_queue *queue) {
    return queue->last != NULL ? queue->last->due : 0;
}

bool byte_queue_is_empty(const struct byte_queue *queue) {
    return queue->first == NULL;
}

void byte_queue_clear(struct byte_queue *queue) {
    while (queue->first != NULL)
        drop_first(queue);
}
