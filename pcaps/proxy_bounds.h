/* Where packets begin and end in what one side sends, while it passes and without keeping it. Internal to pcaps/.
 *
 *     while (packet_bounds_next(&bounds, &bytes, &piece)) use(&piece);
 *
 * packet_stream.h has whole packets, and copies them; a proxy hands on the first byte of a packet before the last one
 * has come. */
#ifndef MQSPEC_PROXY_BOUNDS_H
#define MQSPEC_PROXY_BOUNDS_H

#include "codec/codec.h"

struct packet_bounds {
    struct mqtt_decoder decoder; /* its version is the caller's to set, once a CONNECT shows it */
    uint8_t header[MQTT_MAXIMUM_FIXED_HEADER];
    uint32_t passed; /* of the packet under way */
    uint32_t size;   /* of it; 0 until its Fixed Header has passed */
    bool lost;       /* what passes is no MQTT */
};

/* Bytes of one packet, or of none. */
struct packet_piece {
    struct mqtt_bytes bytes;
    bool is_packet; /* else all that follows on this direction is no packet either */
    enum mqtt_type type;
    bool begins, ends; /* it has the first byte of the packet, and the last */
    uint32_t offset;   /* of its first byte in the packet */
    uint32_t size;     /* of the packet; 0 while that is not known */
};

void packet_bounds_begin(struct packet_bounds *bounds, enum mqtt_side sender, struct spec_rules *rules);

/* Takes the next piece off the front of `bytes`. False where none are left. */
bool packet_bounds_next(struct packet_bounds *bounds, struct mqtt_bytes *bytes, struct packet_piece *piece);

#endif
