/* Builds TCP segments as a capture holds them, for the tests of this room. */
#ifndef MQSPEC_TESTS_PACKETS_H
#define MQSPEC_TESTS_PACKETS_H

#include <string.h>

#include "codec/codec.h"

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 };

#define PACKET_CAPACITY 2048u

struct packet_builder {
    uint8_t bytes[PACKET_CAPACITY];
    uint32_t length;
};

static inline void append(struct packet_builder *builder, const void *bytes, size_t length) {
    if (length > sizeof builder->bytes - builder->length)
        length = sizeof builder->bytes - builder->length;
    if (length > 0)
        memcpy(builder->bytes + builder->length, bytes, length);
    builder->length += (uint32_t)length;
}

static inline void append8(struct packet_builder *builder, unsigned value) {
    uint8_t byte = (uint8_t)value;
    append(builder, &byte, 1);
}

static inline void append16(struct packet_builder *builder, unsigned value) {
    append8(builder, value >> 8 & 0xFF);
    append8(builder, value & 0xFF);
}

static inline void append32(struct packet_builder *builder, uint32_t value) {
    append16(builder, value >> 16);
    append16(builder, value & 0xFFFF);
}

struct tcp_fields {
    uint16_t source_port;
    uint16_t destination_port;
    uint32_t sequence;
    uint32_t acknowledgement;
    unsigned flags;
    const char *payload;
    uint32_t missing; /* bytes of the payload, at its end, that were on the wire but not captured */
};

static inline void append_tcp(struct packet_builder *builder, const struct tcp_fields *tcp) {
    append16(builder, tcp->source_port);
    append16(builder, tcp->destination_port);
    append32(builder, tcp->sequence);
    append32(builder, tcp->acknowledgement);
    append8(builder, 0x50);
    append8(builder, tcp->flags);
    append16(builder, 65535);
    append32(builder, 0);
    append(builder, tcp->payload, tcp->payload != NULL ? strlen(tcp->payload) : 0);
}

static inline uint32_t tcp_length(const struct tcp_fields *tcp) {
    return 20 + (tcp->payload != NULL ? (uint32_t)strlen(tcp->payload) : 0) + tcp->missing;
}

/* From 10.0.0.1 to 10.0.0.2, or back where `back`. `fragment` is the field of flags and offset. */
static inline void append_ipv4(struct packet_builder *builder, const struct tcp_fields *tcp, bool back,
                               unsigned fragment) {
    append8(builder, 0x45);
    append8(builder, 0);
    append16(builder, 20 + tcp_length(tcp));
    append16(builder, 0);
    append16(builder, fragment);
    append8(builder, 64);
    append8(builder, 6);
    append16(builder, 0);
    append32(builder, back ? 0x0A000002 : 0x0A000001);
    append32(builder, back ? 0x0A000001 : 0x0A000002);
    append_tcp(builder, tcp);
}

/* From 2001:db8::1 to 2001:db8::2. `extensions` stand between, the first of them of type `protocol`. */
static inline void append_ipv6(struct packet_builder *builder, const struct tcp_fields *tcp, unsigned protocol,
                               struct mqtt_bytes extensions) {
    static const uint8_t network[15] = {0x20, 0x01, 0x0d, 0xb8};
    append32(builder, 0x60000000);
    append16(builder, extensions.length + tcp_length(tcp));
    append8(builder, protocol);
    append8(builder, 64);
    append(builder, network, sizeof network);
    append8(builder, 1);
    append(builder, network, sizeof network);
    append8(builder, 2);
    append(builder, extensions.data, extensions.length);
    append_tcp(builder, tcp);
}

#endif
