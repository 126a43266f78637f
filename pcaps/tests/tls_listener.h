/* Who listens to what comes out of the TLS filter, for its tests. To be included behind cmocka.h. */
#ifndef MQSPEC_TESTS_TLS_LISTENER_H
#define MQSPEC_TESTS_TLS_LISTENER_H

#include "pcaps/tests/tls_talks.h"
#include "pcaps/tls_stream.h"

enum { MOST_PIECES = 512 };

/* The bytes of one direction between two gaps. */
struct heard {
    uint8_t *bytes;
    size_t length;
    size_t starts[MOST_PIECES]; /* of the pieces */
    size_t pieces;
    size_t gaps;
};

struct listener {
    struct heard heard[2];
    size_t opened;
    size_t ended;
    size_t closed;
    uint64_t frame; /* in which the last bytes came */
    struct tls_totals totals;
};

static void *listener_opened(void *context, const struct stream_address *client, const struct stream_address *server,
                             bool from_start, uint64_t frame, microseconds time) {
    struct listener *listener = context;
    (void)time;
    assert_true(from_start);
    assert_int_equal(client->port, 50000);
    assert_int_equal(server->port, 8883);
    assert_true(frame > 0);
    listener->opened++;
    return listener;
}

static void listener_bytes(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                           microseconds time) {
    struct listener *listener = context;
    struct heard *heard = &listener->heard[side];
    assert_ptr_equal(owner, listener);
    assert_int_equal(time, frame * 1000);
    assert_true(bytes.length > 0);
    heard->bytes = talk_append(heard->bytes, &heard->length, bytes.data, bytes.length);
    listener->frame = frame;
}

static void listener_gap(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                         microseconds time) {
    struct listener *listener = context;
    struct heard *heard = &listener->heard[side];
    (void)length;
    (void)frame;
    (void)time;
    assert_ptr_equal(owner, listener);
    heard->gaps++;
    assert_true(heard->pieces < MOST_PIECES);
    heard->starts[heard->pieces++] = heard->length;
}

static void listener_ended(void *context, void *owner, enum mqtt_side side, bool reset, uint64_t frame,
                           microseconds time) {
    struct listener *listener = context;
    (void)side;
    (void)frame;
    (void)time;
    assert_ptr_equal(owner, listener);
    assert_false(reset);
    listener->ended++;
}

static void listener_closed(void *context, void *owner, uint64_t frame, microseconds time) {
    struct listener *listener = context;
    (void)frame;
    (void)time;
    assert_ptr_equal(owner, listener);
    listener->closed++;
}

static void listener_free(struct listener *listener) {
    free(listener->heard[MQTT_CLIENT].bytes);
    free(listener->heard[MQTT_SERVER].bytes);
}

#endif
