#include "pcaps/websocket_frame.h"

#include <string.h>

enum {
    FINAL_BIT = 0x80,
    FIRST_RESERVED_BIT = 0x40,
    OTHER_RESERVED_BITS = 0x30,
    OPCODE_BITS = 0x0F,
    MASK_BIT = 0x80,
    LENGTH_BITS = 0x7F,
    LENGTH_OF_TWO_BYTES = 126,
    LENGTH_OF_EIGHT_BYTES = 127,
    /* Frames, and packets in each, that are looked at before a place is trusted. */
    ENOUGH_IN_A_ROW = 8,
};

static const bool opcodes[OPCODE_BITS + 1] = {
    [OPCODE_CONTINUATION] = true, [OPCODE_TEXT] = true, [OPCODE_BINARY] = true,
    [OPCODE_CLOSE] = true,        [OPCODE_PING] = true, [OPCODE_PONG] = true,
};

static uint64_t read_number(const uint8_t *at, unsigned size) {
    uint64_t number = 0;
    for (unsigned i = 0; i < size; i++)
        number = number << 8 | at[i];
    return number;
}

static bool has_meaning(const struct websocket_header *header, uint8_t first) {
    if (!opcodes[header->opcode] || first & OTHER_RESERVED_BITS || header->length > INT64_MAX)
        return false;
    return !websocket_is_control(header->opcode) ||
           (header->final && !header->compressed && header->length <= WEBSOCKET_LONGEST_CONTROL);
}

enum mqtt_status websocket_read_header(struct mqtt_bytes bytes, struct websocket_header *header) {
    if (bytes.length < 2)
        return MQTT_INCOMPLETE;
    uint8_t first = bytes.data[0];
    uint8_t second = bytes.data[1];
    unsigned extended = (second & LENGTH_BITS) == LENGTH_OF_TWO_BYTES     ? 2
                        : (second & LENGTH_BITS) == LENGTH_OF_EIGHT_BYTES ? 8
                                                                          : 0;
    struct websocket_header read = {
        .opcode = first & OPCODE_BITS,
        .final = (first & FINAL_BIT) != 0,
        .compressed = (first & FIRST_RESERVED_BIT) != 0,
        .masked = (second & MASK_BIT) != 0,
        .length = second & LENGTH_BITS,
    };
    read.size = (uint8_t)(2 + extended + (read.masked ? sizeof read.mask : 0));
    if (!has_meaning(&read, first))
        return MQTT_REFUSED;
    if (bytes.length < read.size)
        return MQTT_INCOMPLETE;
    if (extended > 0)
        read.length = read_number(bytes.data + 2, extended);
    read.shortest = extended == 0 || read.length > (extended == 2 ? LENGTH_OF_TWO_BYTES - 1 : UINT16_MAX);
    if (read.masked)
        memcpy(read.mask, bytes.data + 2 + extended, sizeof read.mask);
    *header = read;
    return read.length > INT64_MAX ? MQTT_REFUSED : MQTT_OK;
}

void websocket_unmask(uint8_t *to, struct mqtt_bytes from, const uint8_t mask[4], unsigned phase) {
    uint8_t turned[sizeof(uint64_t)];
    for (unsigned i = 0; i < sizeof turned; i++)
        turned[i] = mask[(phase + i) % 4];
    uint64_t word, wide;
    memcpy(&wide, turned, sizeof wide);
    uint32_t i = 0;
    for (; from.length - i >= sizeof word; i += sizeof word) {
        memcpy(&word, from.data + i, sizeof word);
        word ^= wide;
        memcpy(to + i, &word, sizeof word);
    }
    for (; i < from.length; i++)
        to[i] = from.data[i] ^ turned[i % sizeof turned];
}

/* ---- Found again ------------------------------------------------------------------------------------------ */

/* The payload consists of packets, as far as Fixed Headers show. */
static bool holds_packets(const struct websocket_header *header, const uint8_t *payload,
                          const struct mqtt_decoder *decoder) {
    uint64_t at = 0;
    for (unsigned count = 0; count < ENOUGH_IN_A_ROW && at < header->length; count++) {
        uint8_t start[MQTT_MAXIMUM_FIXED_HEADER];
        uint64_t left = header->length - at;
        struct mqtt_bytes begins = {payload + at, left < sizeof start ? (uint32_t)left : (uint32_t)sizeof start};
        struct mqtt_frame frame;
        struct mqtt_error error;
        websocket_unmask(start, begins, header->mask, at % 4);
        begins.data = start;
        if (mqtt_frame(decoder, begins, &frame, &error) != MQTT_OK || frame.packet_size > left)
            return false;
        at += frame.packet_size;
    }
    return header->length > 0;
}

static bool begins_frames(struct mqtt_bytes bytes, const struct mqtt_decoder *decoder) {
    for (unsigned count = 0; count < ENOUGH_IN_A_ROW && bytes.length > 0; count++) {
        struct websocket_header header;
        if (websocket_read_header(bytes, &header) != MQTT_OK || header.opcode != OPCODE_BINARY || !header.final ||
            header.compressed || header.masked != (decoder->sender == MQTT_CLIENT) || !header.shortest ||
            header.length > bytes.length - header.size || !holds_packets(&header, bytes.data + header.size, decoder))
            return false;
        uint32_t size = header.size + (uint32_t)header.length;
        bytes = (struct mqtt_bytes){bytes.data + size, bytes.length - size};
    }
    return true;
}

uint32_t websocket_find_frame(struct mqtt_bytes bytes, enum mqtt_side side, struct spec_rules *rules) {
    const struct mqtt_decoder decoder = {.version = MQTT_5_0, .sender = side, .rules = rules};
    for (uint32_t at = 0; at < bytes.length; at++)
        if (bytes.data[at] == (FINAL_BIT | OPCODE_BINARY) &&
            begins_frames((struct mqtt_bytes){bytes.data + at, bytes.length - at}, &decoder))
            return at;
    return bytes.length;
}
