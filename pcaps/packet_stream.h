/* One side's bytes, cut anywhere, to its packets. Internal to pcaps/.
 *
 *     packet_stream_append(stream, bytes);
 *     while (packet_stream_next(stream, &taken) != MQTT_INCOMPLETE) use(&taken);  */
#ifndef MQSPEC_PACKET_STREAM_H
#define MQSPEC_PACKET_STREAM_H

#include "codec/codec.h"

struct packet_stream {
    struct mqtt_decoder decoder; /* its version is the caller's to set, once a CONNECT shows it */
    uint8_t *buffer;
    size_t length;
    size_t capacity;
    size_t taken; /* of the buffer, what was handed out */
    bool lost;    /* where packets begin is not known any more */
};

struct taken_packet {
    struct mqtt_bytes bytes;   /* on the wire; live until the stream's next append */
    struct mqtt_packet packet; /* of MQTT_OK */
    struct mqtt_error error;   /* of MQTT_REFUSED */
};

void packet_stream_begin(struct packet_stream *stream, enum mqtt_side sender, enum mqtt_version version,
                         struct spec_rules *rules);
void packet_stream_end(struct packet_stream *stream);

/* False where there is no memory: the bytes are then lost. */
bool packet_stream_append(struct packet_stream *stream, struct mqtt_bytes bytes);

/* MQTT_OK: a packet. MQTT_REFUSED: bytes that are none. Where they have a length, the packet behind them comes
 * next; else they are all that is left, and whatever is appended later is refused for the same reason.
 * MQTT_INCOMPLETE: nothing for now; `bytes` then holds what is there of a packet. */
enum mqtt_status packet_stream_next(struct packet_stream *stream, struct taken_packet *taken);

/* Bytes are missing: forgets the unfinished packet. What is appended next begins one. */
void packet_stream_gap(struct packet_stream *stream);

#endif
