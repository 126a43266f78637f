/* What the codec's tests share: bytes in a notation that people read, and packets compared field by field. */
#ifndef MQSPEC_CODEC_TESTS_WIRE_H
#define MQSPEC_CODEC_TESTS_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A view of a literal, which may hold zeros. */
#define BYTES(literal)                                                                                                 \
    { (const uint8_t *)(literal), sizeof(literal) - 1 }

#define LONGEST_WIRE 300u

/* Bytes in heap memory of exactly their size, so that a read beside them does not go unnoticed. */
static inline uint8_t *alone(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

static inline unsigned digit_value(char digit) {
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, digit);
    assert_true(at != NULL && digit != '\0');
    return (unsigned)(at - digits);
}

/* Takes "30 05 0003 'a/b'": hexadecimal digits in pairs, text in quotes, and blanks between them. */
static inline size_t wire_bytes(const char *notation, uint8_t bytes[LONGEST_WIRE]) {
    size_t count = 0;
    bool quoted = false;
    for (; *notation != '\0'; notation++) {
        if (*notation == '\'') {
            quoted = !quoted;
        } else if (quoted) {
            assert_true(count < LONGEST_WIRE);
            bytes[count++] = (uint8_t)*notation;
        } else if (*notation != ' ') {
            assert_true(count < LONGEST_WIRE);
            bytes[count++] = (uint8_t)(digit_value(notation[0]) << 4 | digit_value(notation[1]));
            notation++;
        }
    }
    assert_false(quoted);
    return count;
}

/* ---- Receiving ------------------------------------------------------------------------------------------- */

/* What one packet led to. Views in `packet` point into the bytes given. */
struct result {
    enum mqtt_status status;
    struct mqtt_frame frame;
    struct mqtt_packet packet;
    struct mqtt_error error;
};

/* Frames and decodes the packet at the start of `bytes`. */
static inline struct result receive(const struct mqtt_decoder *decoder, const uint8_t *data, size_t size) {
    struct result result;
    memset(&result, 0, sizeof result);
    struct mqtt_bytes bytes = {data, (uint32_t)size};
    result.status = mqtt_frame(decoder, bytes, &result.frame, &result.error);
    if (result.status != MQTT_OK)
        return result;
    if (size < result.frame.packet_size) {
        result.status = MQTT_INCOMPLETE;
        return result;
    }
    bytes.length = result.frame.packet_size;
    result.status = mqtt_decode(decoder, bytes, &result.packet, &result.error);
    return result;
}

static inline void expect_same_error(const struct mqtt_error *actual, const struct mqtt_error *expected) {
    assert_string_equal(actual->what, expected->what);
    assert_string_equal(spec_name(actual->statement), spec_name(expected->statement));
    assert_int_equal(actual->error_class, expected->error_class);
    assert_int_equal(actual->reason_code, expected->reason_code);
    assert_int_equal(actual->offset, expected->offset);
}

/* ---- Packets compared ------------------------------------------------------------------------------------ */

/* Absent and empty are told apart here. */
static inline void expect_bytes(struct mqtt_bytes actual, struct mqtt_bytes expected) {
    assert_int_equal(actual.data == NULL, expected.data == NULL);
    assert_int_equal(actual.length, expected.length);
    if (actual.length > 0)
        assert_memory_equal(actual.data, expected.data, actual.length);
}

static inline void expect_connect(const struct mqtt_connect *actual, const struct mqtt_connect *expected) {
    expect_bytes(actual->protocol_name, expected->protocol_name);
    assert_int_equal(actual->protocol_level, expected->protocol_level);
    assert_int_equal(actual->flags, expected->flags);
    assert_int_equal(actual->keep_alive, expected->keep_alive);
    expect_bytes(actual->properties, expected->properties);
    expect_bytes(actual->client_identifier, expected->client_identifier);
    expect_bytes(actual->will_properties, expected->will_properties);
    expect_bytes(actual->will_topic, expected->will_topic);
    expect_bytes(actual->will_message, expected->will_message);
    expect_bytes(actual->user_name, expected->user_name);
    expect_bytes(actual->password, expected->password);
}

static inline void expect_publish(const struct mqtt_publish *actual, const struct mqtt_publish *expected) {
    expect_bytes(actual->topic, expected->topic);
    assert_int_equal(actual->packet_identifier, expected->packet_identifier);
    expect_bytes(actual->properties, expected->properties);
    expect_bytes(actual->payload, expected->payload);
}

static inline void expect_subscribe(const struct mqtt_subscribe *actual, const struct mqtt_subscribe *expected) {
    assert_int_equal(actual->packet_identifier, expected->packet_identifier);
    expect_bytes(actual->properties, expected->properties);
    expect_bytes(actual->filters, expected->filters);
    assert_int_equal(actual->count, expected->count);
}

static inline void expect_unsubscribe(const struct mqtt_unsubscribe *actual, const struct mqtt_unsubscribe *expected) {
    assert_int_equal(actual->packet_identifier, expected->packet_identifier);
    expect_bytes(actual->properties, expected->properties);
    expect_bytes(actual->filters, expected->filters);
    assert_int_equal(actual->count, expected->count);
}

static inline void expect_acknowledgement(const struct mqtt_acknowledgement *actual,
                                          const struct mqtt_acknowledgement *expected) {
    assert_int_equal(actual->packet_identifier, expected->packet_identifier);
    assert_int_equal(actual->reason_code, expected->reason_code);
    expect_bytes(actual->properties, expected->properties);
}

static inline void expect_suback(const struct mqtt_suback *actual, const struct mqtt_suback *expected) {
    assert_int_equal(actual->packet_identifier, expected->packet_identifier);
    expect_bytes(actual->properties, expected->properties);
    expect_bytes(actual->codes, expected->codes);
}

static inline void expect_packet(const struct mqtt_packet *actual, const struct mqtt_packet *expected) {
    assert_string_equal(mqtt_type_name(actual->type), mqtt_type_name(expected->type));
    assert_int_equal(actual->flags, expected->flags);
    switch (expected->type) {
    case MQTT_CONNECT:
        expect_connect(&actual->connect, &expected->connect);
        break;
    case MQTT_CONNACK:
        assert_int_equal(actual->connack.acknowledge_flags, expected->connack.acknowledge_flags);
        assert_int_equal(actual->connack.code, expected->connack.code);
        expect_bytes(actual->connack.properties, expected->connack.properties);
        break;
    case MQTT_PUBLISH:
        expect_publish(&actual->publish, &expected->publish);
        break;
    case MQTT_SUBSCRIBE:
        expect_subscribe(&actual->subscribe, &expected->subscribe);
        break;
    case MQTT_SUBACK:
        expect_suback(&actual->suback, &expected->suback);
        break;
    case MQTT_UNSUBSCRIBE:
        expect_unsubscribe(&actual->unsubscribe, &expected->unsubscribe);
        break;
    case MQTT_PINGREQ:
    case MQTT_PINGRESP:
        break;
    case MQTT_UNSUBACK: /* in 5.0 as SUBACK */
        if (expected->suback.codes.data == NULL)
            expect_acknowledgement(&actual->acknowledgement, &expected->acknowledgement);
        else
            expect_suback(&actual->suback, &expected->suback);
        break;
    case MQTT_DISCONNECT:
    case MQTT_AUTH:
        assert_int_equal(actual->disconnect.reason_code, expected->disconnect.reason_code);
        expect_bytes(actual->disconnect.properties, expected->disconnect.properties);
        break;
    default:
        expect_acknowledgement(&actual->acknowledgement, &expected->acknowledgement);
        break;
    }
}

#endif
