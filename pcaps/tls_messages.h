/* Handshake messages of TLS: found in what records hold, and the two that matter read. Internal to pcaps/.
 *
 *     while (tls_messages_take(messages, buffers, &content, &message))
 *         switch (message.type) ... */
#ifndef MQSPEC_TLS_MESSAGES_H
#define MQSPEC_TLS_MESSAGES_H

#include "pcaps/tls_buffers.h"

enum tls_message_type {
    TLS_CLIENT_HELLO = 1,
    TLS_SERVER_HELLO = 2,
    TLS_FINISHED = 20,
    TLS_KEY_UPDATE = 24,
};

struct tls_message {
    uint8_t type;
    struct mqtt_bytes
        body; /* of the types above, where it is of sensible size, else empty; lives until the next call */
};

/* Messages of one direction. A zeroed one is at the beginning of a message. */
struct tls_messages {
    uint8_t head[4]; /* type and length */
    uint8_t head_length;
    uint32_t left;           /* of the body that is passed over */
    struct tls_buffer *held; /* the beginning of a body, or NULL */
    bool has_ended;          /* what is held was handed out and goes with the next call */
};

/* Takes the next message, and from `content` what it has read. False where the content holds no more. */
bool tls_messages_take(struct tls_messages *messages, struct tls_buffers *buffers, struct mqtt_bytes *content,
                       struct tls_message *message);

/* Something is missing: what comes next begins a message. */
void tls_messages_restart(struct tls_messages *messages, struct tls_buffers *buffers);

struct tls_client_hello {
    uint8_t random[TLS_RANDOM_SIZE];
    bool has_early_data;
};

struct tls_server_hello {
    uint8_t random[TLS_RANDOM_SIZE];
    unsigned version; /* 0x0303 is TLS 1.2, 0x0304 is TLS 1.3 */
    unsigned suite;
    bool is_retry; /* HelloRetryRequest: another ClientHello follows */
    bool compresses;
    bool encrypt_then_mac;
};

/* False where it is malformed. */
bool tls_read_client_hello(struct mqtt_bytes body, struct tls_client_hello *hello);
bool tls_read_server_hello(struct mqtt_bytes body, struct tls_server_hello *hello);

/* These bytes, the first of a connection, begin a ClientHello: true or false, or not yet known. */
enum tls_beginning { TLS_BEGINS, TLS_BEGINS_NOT, TLS_MAY_BEGIN };
enum { TLS_BEGINNING_SIZE = TLS_HEADER_SIZE + 1 }; /* bytes that decide */
enum tls_beginning tls_begins(struct mqtt_bytes bytes);

/* These bytes, from the middle of a connection, begin with a record. */
bool tls_looks_like_record(struct mqtt_bytes bytes);

#endif
