#include "pcaps/tls_framing.h"

#include <string.h>

enum { LAST_MINOR_VERSION = 4 };

/* The size of the record that these bytes, a header at least, begin. 0 where they begin none. */
static uint32_t record_size(const uint8_t *header) {
    uint32_t length = (uint32_t)header[3] << 8 | header[4];
    bool fits = header[0] >= TLS_CHANGE_CIPHER_SPEC && header[0] <= TLS_HEARTBEAT && header[1] == 3 &&
                header[2] <= LAST_MINOR_VERSION && length > 0 && length <= TLS_MAXIMUM_FRAGMENT;
    return fits ? TLS_HEADER_SIZE + length : 0;
}

/* These bytes may begin a protected record: those of its header that are there are as they should be. */
static bool may_begin(const struct tls_framing *framing, struct mqtt_bytes bytes) {
    const uint8_t *data = bytes.data;
    if (data[0] < TLS_ALERT || data[0] > TLS_APPLICATION_DATA)
        return false;
    if ((bytes.length > 1 && data[1] != 3) || (bytes.length > 2 && data[2] != 3))
        return false;
    if (bytes.length < TLS_HEADER_SIZE)
        return bytes.length < 4 || data[3] <= TLS_MAXIMUM_FRAGMENT >> 8;
    uint32_t size = record_size(data);
    return size > 0 && size >= framing->shortest;
}

/* The number of bytes before the first that may begin a record. */
static uint32_t find_candidate(const struct tls_framing *framing, struct mqtt_bytes bytes) {
    uint32_t at = 0;
    while (at < bytes.length && !may_begin(framing, (struct mqtt_bytes){bytes.data + at, bytes.length - at}))
        at++;
    return at;
}

static struct mqtt_bytes consume(struct mqtt_bytes *bytes, uint32_t length) {
    struct mqtt_bytes consumed = {bytes->data, length};
    if (length > 0) /* else there may be no bytes at all */
        bytes->data += length;
    bytes->length -= length;
    return consumed;
}

static void release(struct tls_framing *framing, struct tls_buffers *buffers) {
    tls_buffer_give(buffers, framing->held);
    framing->held = NULL;
    framing->taken = 0;
}

static void drop(struct tls_framing *framing, struct tls_buffers *buffers, uint32_t length) {
    struct tls_buffer *held = framing->held;
    held->length -= length;
    framing->taken = 0;
    if (held->length == 0)
        release(framing, buffers);
    else if (length > 0)
        memmove(held->bytes, held->bytes + length, held->length);
}

static void drop_taken(struct tls_framing *framing, struct tls_buffers *buffers) {
    if (framing->taken > 0)
        drop(framing, buffers, framing->taken);
}

/* Adds to what is held until it has so many bytes. False where there are too few. */
static bool fill(struct tls_framing *framing, uint32_t wanted) {
    struct tls_buffer *held = framing->held;
    uint32_t lacking = held->length < wanted ? wanted - held->length : 0;
    uint32_t length = lacking < framing->input.length ? lacking : framing->input.length;
    struct mqtt_bytes more = consume(&framing->input, length);
    if (length > 0)
        memcpy(held->bytes + held->length, more.data, length);
    held->length += length;
    return length == lacking;
}

static bool tell(struct tls_piece *piece, enum tls_piece_kind kind, struct mqtt_bytes bytes) {
    *piece = (struct tls_piece){kind, bytes};
    return true;
}

static bool go_astray(struct tls_framing *framing, struct tls_piece *piece) {
    framing->astray = true;
    return tell(piece, TLS_ASTRAY, (struct mqtt_bytes){NULL, 0});
}

/* From what is held and, where that is no whole record, the input. */
static bool take_held(struct tls_framing *framing, struct tls_buffers *buffers, struct tls_piece *piece) {
    struct tls_buffer *held = framing->held;
    /* It may have lost its beginning when that was judged. */
    uint32_t before = framing->astray ? find_candidate(framing, (struct mqtt_bytes){held->bytes, held->length}) : 0;
    if (before > 0) {
        drop(framing, buffers, before);
        return tell(piece, TLS_PASSED, (struct mqtt_bytes){NULL, before});
    }
    if (!fill(framing, TLS_HEADER_SIZE))
        return false;
    uint32_t size = record_size(held->bytes);
    if (framing->astray && !may_begin(framing, (struct mqtt_bytes){held->bytes, held->length}))
        return take_held(framing, buffers, piece); /* finds that it is none, and so gets shorter */
    if (size == 0)
        return go_astray(framing, piece);
    if (!fill(framing, size))
        return false;
    framing->taken = size;
    return tell(piece, TLS_RECORD, (struct mqtt_bytes){held->bytes, size});
}

/* A record that lies whole in the input is handed out as it is; the beginning of one is held. */
static bool take_input(struct tls_framing *framing, struct tls_buffers *buffers, struct tls_piece *piece) {
    struct mqtt_bytes *input = &framing->input;
    uint32_t before = framing->astray ? find_candidate(framing, *input) : 0;
    if (before > 0)
        return tell(piece, TLS_PASSED, consume(input, before));
    uint32_t size = input->length >= TLS_HEADER_SIZE ? record_size(input->data) : 0;
    if (input->length >= TLS_HEADER_SIZE && size == 0)
        return go_astray(framing, piece);
    if (size > 0 && size <= input->length)
        return tell(piece, TLS_RECORD, (struct mqtt_bytes){input->data, size});
    framing->held = tls_buffer_take(buffers);
    if (framing->held != NULL)
        return take_held(framing, buffers, piece);
    consume(input, input->length);
    return go_astray(framing, piece);
}

void tls_framing_put(struct tls_framing *framing, struct mqtt_bytes bytes) {
    framing->input = bytes;
}

bool tls_framing_take(struct tls_framing *framing, struct tls_buffers *buffers, struct tls_piece *piece) {
    drop_taken(framing, buffers);
    uint32_t rest = framing->pass_over < framing->input.length ? framing->pass_over : framing->input.length;
    consume(&framing->input, rest);
    framing->pass_over -= rest;
    if (framing->held != NULL)
        return take_held(framing, buffers, piece);
    return framing->input.length > 0 && take_input(framing, buffers, piece);
}

void tls_framing_judge(struct tls_framing *framing, struct tls_buffers *buffers, bool is_record) {
    framing->astray = !is_record;
    if (framing->held == NULL)
        consume(&framing->input, is_record ? record_size(framing->input.data) : 1);
    else if (!is_record)
        drop(framing, buffers, 1); /* else what was taken goes with the next call */
}

bool tls_framing_gap(struct tls_framing *framing, struct tls_buffers *buffers, uint64_t length) {
    uint64_t left = framing->pass_over;
    drop_taken(framing, buffers);
    const struct tls_buffer *held = framing->held;
    if (!framing->astray && held != NULL && held->length >= TLS_HEADER_SIZE)
        left = record_size(held->bytes) - held->length;
    release(framing, buffers);
    framing->pass_over = 0;
    if (length == 0 || length > left) {
        framing->astray = true;
        return false;
    }
    framing->pass_over = (uint32_t)(left - length);
    return true;
}

bool tls_framing_end(struct tls_framing *framing, struct tls_buffers *buffers) {
    drop_taken(framing, buffers);
    if (framing->held == NULL)
        return false;
    framing->astray = true;
    drop(framing, buffers, 1);
    return true;
}

void tls_framing_clear(struct tls_framing *framing, struct tls_buffers *buffers) {
    release(framing, buffers);
}
