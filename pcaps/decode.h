/* Packets in words, one a line on standard output. Internal to pcaps/. */
#ifndef MQSPEC_DECODE_H
#define MQSPEC_DECODE_H

#include "pcaps/capture.h"
#include "pcaps/decode_filter.h"
#include "pcaps/tls_troubles.h"

struct decode_totals {
    size_t conversations; /* MQTT connections */
    size_t others;        /* other TCP connections */
    struct tls_totals tls;
    size_t packets;
    size_t shown;   /* of these, what the filter wants */
    size_t refused; /* places at which bytes are no packet, or end within one, that the filter wants */
};

enum decode_form {
    DECODE_LINES,  /* one packet a line */
    DECODE_FIELDS, /* and each of its fields, whole, on a line below */
    DECODE_JSON,   /* one object a line */
};

/* The MQTT packets of a capture that the filter wants, as capture_read() finds them; its reason where false. Bytes that
 * are no packet have no topic, and a type where there is a first byte. */
bool decode_capture(const struct capture_source *source, enum decode_form form, const struct decode_filter *filter,
                    struct decode_totals *totals, char *reason, size_t reason_size);

/* Bytes that stand for themselves. `from` is of enum mqtt_side, or -1: the side as whose packets all the bytes can be
 * read, else the one that the type of the first packet tells. A version of MQTT_VERSION_UNKNOWN: that of a CONNECT
 * among the bytes, else 3.1.1. *totals is filled. */
void decode_bytes(struct mqtt_bytes bytes, int from, enum mqtt_version version, enum decode_form form,
                  struct decode_totals *totals);

/* The bytes are packets of this version from the one side or the other, and nothing else. */
bool decode_reads(struct mqtt_bytes bytes, int from, enum mqtt_version version);

#endif
