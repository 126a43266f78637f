/* Capture files: read into byte streams, and written from them.
 *
 * Reading: libpcap gives packets; this room strips link, IP and TCP, puts each direction of each connection in
 * order, and hands out the bytes once each, in order, with the number of the packet in the capture (as Wireshark
 * counts, from 1). Memory for segments that wait for an earlier one is bounded.
 *
 * Writing: a run's conversations become a capture with made-up addresses, complete handshakes, sequence numbers
 * and checksums. */
#ifndef MQSPEC_CAPTURE_H
#define MQSPEC_CAPTURE_H

#include <stdio.h>

#include "codec/codec.h"
#include "reference/environment.h"

/* ---- Reading -------------------------------------------------------------------------------------------- */

struct stream; /* one TCP connection of a capture */

/* An end of a TCP connection, in words: "192.0.2.7:1883" or "[2001:db8::7]:1883". */
struct stream_address {
    char text[64];
    uint16_t port;
};

/* Called as the capture is read. All but `opened` may be NULL. `frame` is the number of the packet in the
 * capture; `time` is the capture's own, microseconds since 1970, but never goes back. `side` is MQTT_CLIENT for the end
 * that opened the connection, where its SYN was seen; else a guess from ports and content. */
struct stream_hooks {
    void *context;
    /* A connection appeared. Returns an owner that later calls hand back. `from_start`: its SYN was seen. */
    void *(*opened)(void *context, const struct stream_address *client, const struct stream_address *server,
                    bool from_start, uint64_t frame, microseconds time);
    /* The next bytes of one direction. They live until the call returns. */
    void (*bytes)(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                  microseconds time);
    /* `length` bytes are missing from the capture here; 0 where it is not known how many. */
    void (*gap)(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame, microseconds time);
    /* One direction ended: in order (FIN), or the whole connection was reset. */
    void (*ended)(void *context, void *owner, enum mqtt_side side, bool reset, uint64_t frame, microseconds time);
    /* The connection is over, or the capture is. `owner` is not used again. */
    void (*closed)(void *context, void *owner, uint64_t frame, microseconds time);
};

/* Capturing from a network interface. */
struct capture_live {
    const char *interface;
    const char *filter;    /* which packets, as tcpdump has it; NULL: all */
    const char *write_to;  /* name of a capture file that receives them; or NULL */
    microseconds duration; /* after which it ends by itself; 0: never */
    uint64_t dropped;      /* receives how many packets the kernel could not keep */
};

/* Where a capture comes from. All lives while it is read. */
struct capture_source {
    const char *path; /* of a file; "-" is standard input */
    FILE *file;       /* one that is open, in place of the path: closed in any case; or NULL */
    /* An interface, in place of both; or NULL. It is read, like a standard input that is a pipe, until SIGINT or
     * SIGTERM comes. */
    struct capture_live *live;
    /* Called where nothing more of the capture is there for now: a good time to show what is known. `now` is the
     * capture's time, or 0 where nobody knows. May be NULL. */
    void (*pause)(void *context, microseconds now);
    void *pause_context;
    const char *keys; /* a key log to read TLS with, where MQTT is looked for; or NULL: that beside the file */
};

/* Reads a whole capture. Returns true at its end. False where it cannot be read, is cut or is damaged: `reason` then
 * holds a sentence that says so and where; the hooks have been called for all that came before, and each open
 * connection was closed. */
bool capture_read(const struct capture_source *source, const struct stream_hooks *hooks, char *reason,
                  size_t reason_size);

/* ---- Reassembly, apart from files, so that it can be tested and fuzzed alone ----------------------------- */

struct reassembler;

/* NULL where there is no memory. Hooks are copied. */
struct reassembler *reassembler_create(const struct stream_hooks *hooks);

/* One packet as libpcap gives it, with its link type (DLT_...). What is not TCP is passed over. */
void reassembler_packet(struct reassembler *reassembler, int link_type, struct mqtt_bytes packet, uint64_t frame,
                        microseconds time);

/* Time has passed without a packet: what was waited for too long is given up. */
void reassembler_tick(struct reassembler *reassembler, microseconds time);

/* Ends all connections and frees. */
void reassembler_destroy(struct reassembler *reassembler, uint64_t frame, microseconds time);

/* ---- Writing -------------------------------------------------------------------------------------------- */

struct capture_writer;
struct capture_connection;

/* Creates the file. NULL with `reason` filled where that cannot be done. `epoch` is the wall time, in
 * microseconds since 1970, of the caller's time 0. */
struct capture_writer *capture_writer_open(const char *path, microseconds epoch, char *reason, size_t reason_size);

/* A connection from the tester (client) to the target (server) opens: writes the handshake. The client's address
 * and port are made up, a different one for each connection. NULL where there is no memory. */
struct capture_connection *capture_writer_connect(struct capture_writer *writer, uint16_t server_port,
                                                  microseconds now);

/* `side` sent these bytes: one or more segments, and the other side's acknowledgement. */
void capture_writer_bytes(struct capture_connection *connection, enum mqtt_side side, struct mqtt_bytes bytes,
                          microseconds now);

/* `side` closes its direction, and sends no bytes any more. The other one may still do so. */
void capture_writer_half_close(struct capture_connection *connection, enum mqtt_side side, microseconds now);

/* `side` closes first, the other follows, as far as they have not closed yet. Frees the connection. */
void capture_writer_close(struct capture_connection *connection, enum mqtt_side side, microseconds now);

/* `side` breaks the connection. Frees it. */
void capture_writer_reset(struct capture_connection *connection, enum mqtt_side side, microseconds now);

/* Writes what is buffered and frees, also connections that are still open. False where a write failed at any time: the
 * file is then not complete. */
bool capture_writer_finish(struct capture_writer *writer);

#endif
