/* The frames of WebSocket, RFC 6455, section 5, as who only watches sees them. Internal to pcaps/. */
#ifndef MQSPEC_WEBSOCKET_FRAME_H
#define MQSPEC_WEBSOCKET_FRAME_H

#include "codec/codec.h"

enum {
    WEBSOCKET_LONGEST_HEADER = 2 + 8 + 4,
    WEBSOCKET_LONGEST_CONTROL = 125, /* bytes in a control frame, section 5.5 */
};

enum websocket_opcode {
    OPCODE_CONTINUATION = 0,
    OPCODE_TEXT = 1,
    OPCODE_BINARY = 2,
    OPCODE_CLOSE = 8,
    OPCODE_PING = 9,
    OPCODE_PONG = 10,
};

struct websocket_header {
    uint8_t size;   /* of the header: 2 to WEBSOCKET_LONGEST_HEADER */
    uint8_t opcode; /* one of the six */
    bool final;
    bool compressed; /* the first reserved bit, which permessage-deflate uses */
    bool masked;
    bool shortest; /* its length is written in as few bytes as can be, as section 5.2 asks */
    uint8_t mask[4];
    uint64_t length; /* of the payload */
};

static inline bool websocket_is_control(uint8_t opcode) {
    return (opcode & 8) != 0;
}

/* Reads the header at the start of `bytes`. MQTT_OK: *header is filled. MQTT_INCOMPLETE: it is cut. MQTT_REFUSED: an
 * opcode or a reserved bit without meaning, a control frame in fragments or too long, or a length beyond 63 bits: where
 * the next frame begins cannot be trusted. */
enum mqtt_status websocket_read_header(struct mqtt_bytes bytes, struct websocket_header *header);

/* Writes `from`, of which the mask's byte `phase` (0 to 3) meets the first byte, to `to` without its mask. */
void websocket_unmask(uint8_t *to, struct mqtt_bytes from, const uint8_t mask[4], unsigned phase);

/* Where in these bytes of a side, of which the first do not begin a frame for certain, a frame begins that can be
 * trusted; their length where nowhere. Trusted is a place from which whole binary frames, of which each holds whole
 * MQTT packets and nothing else as their Fixed Headers tell, go on to the end of the bytes, or eight of them in a row;
 * a Client's have to be masked, a Server's must not be. Takes time in proportion to the bytes. */
uint32_t websocket_find_frame(struct mqtt_bytes bytes, enum mqtt_side side, struct spec_rules *rules);

#endif
