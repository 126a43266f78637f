/* Packets in words, one a line on standard output. Internal to pcaps/. */
#ifndef MQSPEC_DECODE_H
#define MQSPEC_DECODE_H

#include "codec/codec.h"

struct decode_totals {
    size_t conversations; /* MQTT connections */
    size_t others;        /* other TCP connections */
    size_t packets;
    size_t unspoken; /* packets of a version of MQTT that is not decoded yet */
    size_t refused;  /* places at which bytes are no packet, or end within one */
};

/* All MQTT packets of a capture, as capture_read() finds them; its reason where false. */
bool decode_capture(const char *path, bool json, struct decode_totals *totals, char *reason, size_t reason_size);

/* Bytes that stand for themselves. `from` is of enum mqtt_side, or -1: the type of the first packet tells. A
 * version of MQTT_VERSION_UNKNOWN: that of a CONNECT among the bytes, else 3.1.1. *totals is filled. */
void decode_bytes(struct mqtt_bytes bytes, int from, enum mqtt_version version, bool json,
                  struct decode_totals *totals);

#endif
