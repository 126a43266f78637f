/* The monitor: watches conversations between Clients and one Server from outside and judges both sides.
 *
 * It sees what passes on the wire and the time, and nothing else. Each breach of the standard that these show is
 * reported with its statement. It never reports what it cannot know: where the start of a conversation was
 * missed, where a side's earlier breach left the rest undefined, or where the standard leaves something open, it
 * is silent.
 *
 * The same monitor sits behind every conformance scenario, every capture, and every fuzzed broker. It does no I/O
 * and has no global state; memory comes from the environment. */
#ifndef MQSPEC_MONITOR_H
#define MQSPEC_MONITOR_H

#include "codec/codec.h"
#include "reference/environment.h"

/* All conversations with one Server. Sessions are followed by Client Identifier across connections. */
struct monitor;

/* One Network Connection, both directions. */
struct monitored;

struct monitor_breach {
    enum mqtt_side side;           /* who broke the statement */
    enum spec_statement statement; /* SPEC_NONE where no numbered statement applies */
    const char *what;              /* static; a short sentence without full stop */
    microseconds time;
    void *owner;                      /* of the connection, as given to monitor_open() */
    const struct mqtt_packet *packet; /* the packet that broke it, or NULL */
    struct mqtt_bytes bytes;          /* of that packet, or bytes that are none; absent where silence broke it */
    uint32_t offset;                  /* of the offending byte in that packet */
};

/* What the monitor tells. Both may be NULL. Everything lives only until the callback returns; callbacks must not
 * call the monitor. */
struct monitor_hooks {
    void *context;
    void (*breach)(void *context, const struct monitor_breach *breach);
    /* Every packet that was understood, in order, before it is judged. `bytes` is the whole packet. */
    void (*packet)(void *context, void *owner, enum mqtt_side side, microseconds time, const struct mqtt_packet *packet,
                   struct mqtt_bytes bytes);
};

/* NULL where there is no memory. Structs are copied. */
struct monitor *monitor_create(const struct monitor_hooks *hooks, const struct environment *environment);
void monitor_destroy(struct monitor *monitor);

/* A Network Connection was opened. With `from_start` false, its beginning was not seen: the monitor then takes
 * CONNECT and CONNACK as done, the version as 3.1.1 until a CONNECT shows another or a packet comes that only MQTT 5.0
 * has, and the session as unknown. NULL where there is no memory. */
struct monitored *monitor_open(struct monitor *monitor, microseconds now, void *owner, bool from_start);

/* Bytes that `side` sent, cut anywhere, in the order in which they passed the observer. Unfinished packets are
 * copied. Behind bytes that do not decode nothing more of that side is judged. */
void monitor_bytes(struct monitored *monitored, enum mqtt_side side, struct mqtt_bytes bytes, microseconds now);

/* Bytes that `side` sent are missing from here on: nothing that depends on them is judged any more. Decoding of
 * that side goes on with the next bytes given, which start a packet. */
void monitor_gap(struct monitored *monitored, enum mqtt_side side, microseconds now);

/* `side` closed its direction of the connection, in order (FIN) or not (RST). */
void monitor_half_closed(struct monitored *monitored, enum mqtt_side side, microseconds now);

/* The connection is gone; the pointer is dead after this. */
void monitor_close(struct monitored *monitored, microseconds now);

/* The time has come to `now` without anything passing. Judges what silence shows: keep alive. */
void monitor_tick(struct monitor *monitor, microseconds now);

/* The version in use on the connection, MQTT_VERSION_UNKNOWN before CONNECT. */
enum mqtt_version monitor_version(const struct monitored *monitored);

/* The Client Identifier, that of CONNECT or in MQTT 5.0 the one that the Server assigned; empty before. Lives as long
 * as the connection. */
struct mqtt_bytes monitor_client_identifier(const struct monitored *monitored);

#endif
