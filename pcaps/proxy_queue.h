/* Bytes on their way that cannot be sent yet, because the receiver is slow or they are delayed. Internal to pcaps/. */
#ifndef MQSPEC_PROXY_QUEUE_H
#define MQSPEC_PROXY_QUEUE_H

#include "codec/codec.h"
#include "reference/environment.h"

struct queue_block;

/* Begins as zeros. */
struct byte_queue {
    struct queue_block *first;
    struct queue_block *last;
    size_t cost; /* bytes of memory */
};

/* Copies the bytes to the end. They are due at the time `due`, or when those in front of them are, if that is later.
 * False where there is no memory. */
bool byte_queue_append(struct byte_queue *queue, struct mqtt_bytes bytes, microseconds due);

/* Fills `views` with what is due, at most `most` of them, and returns how many. They live until the queue changes. */
size_t byte_queue_due(const struct byte_queue *queue, microseconds now, struct mqtt_bytes *views, size_t most);

/* Takes bytes off the front. There are as many. */
void byte_queue_take(struct byte_queue *queue, size_t count);

/* When its first bytes are due; NO_DEADLINE where there are none. */
microseconds byte_queue_next(const struct byte_queue *queue);

/* When its last bytes are due; 0 where there are none. */
microseconds byte_queue_end(const struct byte_queue *queue);

bool byte_queue_is_empty(const struct byte_queue *queue);

void byte_queue_clear(struct byte_queue *queue);

#endif
