#include "pcaps/tls_buffers.h"

#include <assert.h>
#include <stdlib.h>

struct tls_buffer *tls_buffer_take(struct tls_buffers *buffers) {
    struct tls_buffer *buffer = buffers->free;
    if (buffers->used == TLS_MAXIMUM_BUFFERS)
        return NULL;
    if (buffer != NULL)
        buffers->free = buffer->next;
    else
        buffer = malloc(sizeof *buffer);
    if (buffer == NULL)
        return NULL;
    buffers->used++;
    buffer->length = 0;
    return buffer;
}

void tls_buffer_give(struct tls_buffers *buffers, struct tls_buffer *buffer) {
    if (buffer == NULL)
        return;
    assert(buffers->used > 0);
    buffers->used--;
    buffer->next = buffers->free;
    buffers->free = buffer;
}

void tls_buffers_clear(struct tls_buffers *buffers) {
    assert(buffers->used == 0);
    while (buffers->free != NULL) {
        struct tls_buffer *buffer = buffers->free;
        buffers->free = buffer->next;
        free(buffer);
    }
}
