#include "pcaps/tls_messages.h"

#include <string.h>

enum {
    HEAD_SIZE = 4,
    EXTENSION_EARLY_DATA = 42,
    EXTENSION_SUPPORTED_VERSIONS = 43,
    EXTENSION_ENCRYPT_THEN_MAC = 22,
    OLDEST_MINOR = 0, /* SSL 3.0 */
    NEWEST_MINOR = 4,
};

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

void tls_messages_restart(struct tls_messages *messages, struct tls_buffers *buffers) {
    tls_buffer_give(buffers, messages->held);
    memset(messages, 0, sizeof *messages);
}

static struct mqtt_bytes consume(struct mqtt_bytes *bytes, uint32_t length) {
    if (length > bytes->length)
        length = bytes->length;
    struct mqtt_bytes consumed = {bytes->data, length};
    if (length > 0) /* else there may be no bytes at all */
        bytes->data += length;
    bytes->length -= length;
    return consumed;
}

static bool is_wanted(uint8_t type) {
    return type == TLS_CLIENT_HELLO || type == TLS_SERVER_HELLO || type == TLS_KEY_UPDATE;
}

static uint32_t body_size(const struct tls_messages *messages) {
    return (uint32_t)messages->head[1] << 16 | (uint32_t)messages->head[2] << 8 | messages->head[3];
}

/* Reads type and length. False where the content ends before. */
static bool take_head(struct tls_messages *messages, struct tls_buffers *buffers, struct mqtt_bytes *content) {
    struct mqtt_bytes head = consume(content, HEAD_SIZE - (uint32_t)messages->head_length);
    memcpy(messages->head + messages->head_length, head.data, head.length);
    messages->head_length += (uint8_t)head.length;
    if (messages->head_length < HEAD_SIZE)
        return false;
    messages->left = body_size(messages);
    bool is_whole = messages->left <= content->length;
    if (is_wanted(messages->head[0]) && !is_whole && messages->left <= TLS_MAXIMUM_RECORD)
        messages->held = tls_buffer_take(buffers); /* without one, it is passed over */
    return true;
}

bool tls_messages_take(struct tls_messages *messages, struct tls_buffers *buffers, struct mqtt_bytes *content,
                       struct tls_message *message) {
    if (messages->has_ended)
        tls_messages_restart(messages, buffers);
    if (messages->head_length < HEAD_SIZE && (content->length == 0 || !take_head(messages, buffers, content)))
        return false;
    struct tls_buffer *held = messages->held;
    struct mqtt_bytes part = consume(content, messages->left);
    messages->left -= part.length;
    if (held != NULL) {
        memcpy(held->bytes + held->length, part.data, part.length);
        held->length += part.length;
        part = (struct mqtt_bytes){held->bytes, held->length};
    }
    if (messages->left > 0)
        return false;
    *message = (struct tls_message){.type = messages->head[0]};
    if (is_wanted(message->type) && part.length == body_size(messages))
        message->body = part;
    messages->has_ended = true;
    return true;
}

/* ---- Hellos ------------------------------------------------------------------------------------------------------ */

/* Takes a value of `size` bytes. False where there are fewer. */
static bool take_number(struct mqtt_bytes *bytes, int size, uint32_t *number) {
    if (bytes->length < (uint32_t)size)
        return false;
    struct mqtt_bytes digits = consume(bytes, (uint32_t)size);
    *number = 0;
    for (int i = 0; i < size; i++)
        *number = *number << 8 | digits.data[i];
    return true;
}

/* Takes what has its length before it, in `size` bytes. */
static bool take_vector(struct mqtt_bytes *bytes, int size, struct mqtt_bytes *vector) {
    uint32_t length;
    if (!take_number(bytes, size, &length) || length > bytes->length)
        return false;
    *vector = consume(bytes, length);
    return true;
}

static bool take_random(struct mqtt_bytes *bytes, uint8_t *random) {
    struct mqtt_bytes taken = consume(bytes, TLS_RANDOM_SIZE);
    if (taken.length < TLS_RANDOM_SIZE)
        return false;
    memcpy(random, taken.data, TLS_RANDOM_SIZE);
    return true;
}

static bool take_extension(struct mqtt_bytes *extensions, uint32_t *type, struct mqtt_bytes *value) {
    return take_number(extensions, 2, type) && take_vector(extensions, 2, value);
}

bool tls_read_client_hello(struct mqtt_bytes body, struct tls_client_hello *hello) {
    uint32_t version, type;
    struct mqtt_bytes session, suites, compressions, extensions = {NULL, 0}, value;
    memset(hello, 0, sizeof *hello);
    if (!take_number(&body, 2, &version) || !take_random(&body, hello->random) || !take_vector(&body, 1, &session) ||
        !take_vector(&body, 2, &suites) || !take_vector(&body, 1, &compressions))
        return false;
    if (body.length > 0 && !take_vector(&body, 2, &extensions))
        return false;
    while (extensions.length > 0) {
        if (!take_extension(&extensions, &type, &value))
            return false;
        hello->has_early_data |= type == EXTENSION_EARLY_DATA;
    }
    return true;
}

/* The Random of a HelloRetryRequest: SHA-256 of that word. */
static const uint8_t retry_random[TLS_RANDOM_SIZE] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                                                      0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                                                      0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

bool tls_read_server_hello(struct mqtt_bytes body, struct tls_server_hello *hello) {
    uint32_t version, suite, compression, type;
    struct mqtt_bytes session, extensions = {NULL, 0}, value;
    memset(hello, 0, sizeof *hello);
    if (!take_number(&body, 2, &version) || !take_random(&body, hello->random) || !take_vector(&body, 1, &session) ||
        !take_number(&body, 2, &suite) || !take_number(&body, 1, &compression))
        return false;
    if (body.length > 0 && !take_vector(&body, 2, &extensions))
        return false;
    while (extensions.length > 0) {
        if (!take_extension(&extensions, &type, &value))
            return false;
        if (type == EXTENSION_SUPPORTED_VERSIONS && !take_number(&value, 2, &version))
            return false;
        hello->encrypt_then_mac |= type == EXTENSION_ENCRYPT_THEN_MAC;
    }
    hello->version = version;
    hello->suite = suite;
    hello->compresses = compression != 0;
    hello->is_retry = memcmp(hello->random, retry_random, sizeof retry_random) == 0;
    return true;
}

/* ---- Beginnings -------------------------------------------------------------------------------------------------- */

/* Each of the first bytes that is there lies within its range. */
static bool lie_within(struct mqtt_bytes bytes, const uint8_t (*ranges)[2], uint32_t count) {
    for (uint32_t i = 0; i < count && i < bytes.length; i++)
        if (bytes.data[i] < ranges[i][0] || bytes.data[i] > ranges[i][1])
            return false;
    return true;
}

enum tls_beginning tls_begins(struct mqtt_bytes bytes) {
    /* The version of the first record is that of any TLS; its length is at most 2^14. */
    static const uint8_t ranges[TLS_BEGINNING_SIZE][2] = {
        {TLS_HANDSHAKE, TLS_HANDSHAKE},      {3, 3}, {OLDEST_MINOR, NEWEST_MINOR}, {0, 0x40}, {0, 0xFF},
        {TLS_CLIENT_HELLO, TLS_CLIENT_HELLO}};
    if (!lie_within(bytes, ranges, TLS_BEGINNING_SIZE))
        return TLS_BEGINS_NOT;
    return bytes.length < TLS_BEGINNING_SIZE ? TLS_MAY_BEGIN : TLS_BEGINS;
}

bool tls_looks_like_record(struct mqtt_bytes bytes) {
    static const uint8_t ranges[TLS_HEADER_SIZE][2] = {{TLS_CHANGE_CIPHER_SPEC, TLS_APPLICATION_DATA},
                                                       {3, 3},
                                                       {OLDEST_MINOR, NEWEST_MINOR},
                                                       {0, TLS_MAXIMUM_FRAGMENT >> 8},
                                                       {0, 0xFF}};
    return bytes.length >= TLS_HEADER_SIZE && lie_within(bytes, ranges, TLS_HEADER_SIZE);
}
