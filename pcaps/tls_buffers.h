/* Room for records and messages of TLS that come in parts, used again and again. Internal to pcaps/. */
#ifndef MQSPEC_TLS_BUFFERS_H
#define MQSPEC_TLS_BUFFERS_H

#include "pcaps/tls_protection.h"

/* In use at a time: 36 MiB. Only connections that stand in the middle of a record or a message need one. */
enum { TLS_MAXIMUM_BUFFERS = 2048 };

struct tls_buffer {
    struct tls_buffer *next; /* of those that are free */
    uint32_t length;
    uint8_t bytes[TLS_MAXIMUM_RECORD];
};

/* A zeroed one is empty. */
struct tls_buffers {
    struct tls_buffer *free;
    size_t used;
};

/* An empty buffer. NULL where all are in use, or there is no memory. */
struct tls_buffer *tls_buffer_take(struct tls_buffers *buffers);

/* NULL is fine. */
void tls_buffer_give(struct tls_buffers *buffers, struct tls_buffer *buffer);

/* All have been given back. */
void tls_buffers_clear(struct tls_buffers *buffers);

#endif
