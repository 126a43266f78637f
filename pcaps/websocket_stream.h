/* MQTT out of WebSocket: a filter between TCP streams and whoever looks for MQTT in them. Internal to pcaps/.
 *
 *     struct websocket_filter websockets;
 *     struct stream_hooks hooks = websocket_begin(&websockets, &wanted, NULL);
 *
 * A connection is WebSocket when its client begins with an HTTP request that asks for it, of at most 8 KiB, and the
 * server answers with status 101, also where that answer is missing from the capture. Of such a connection `wanted` is
 * told the payloads of data frames alone, binary or text, however they are cut and masked, as if they had been sent
 * over TCP; the subprotocol does not matter, as MQTT shows by itself. All other connections pass unchanged.
 *
 * Bytes stand with the frame number and the time of the segment that ends the wait for them. A side has ended when it
 * sends a close frame. Payloads that are not masked are not copied.
 *
 * A gap inside a payload is told and keeps the place. Behind any other, and behind a header that breaks RFC 6455,
 * frames are found again as websocket_frame.h says, and what was passed over is told as a gap, with its length on the
 * wire. So is each payload that is compressed (permessage-deflate), which is not read: brokers hardly ever agree to
 * that. */
#ifndef MQSPEC_WEBSOCKET_STREAM_H
#define MQSPEC_WEBSOCKET_STREAM_H

#include "pcaps/capture.h"

/* Masked payloads are handed on in pieces of at most this size. */
#define WEBSOCKET_PIECE 65536u

/* Bytes of handshakes that are under way, over all connections; past that, a connection passes unchanged. */
#define WEBSOCKET_MOST_KEPT (4u * 1024 * 1024)

/* What is wrong with how a connection carries MQTT: section 6 of both standards. */
enum websocket_fault_kind {
    WEBSOCKET_MQTT_NOT_OFFERED, /* the client names no subprotocol mqtt */
    WEBSOCKET_OTHER_CHOSEN,     /* the server names another one */
    WEBSOCKET_TEXT_FRAME,       /* data in a frame that is not binary */
};

struct websocket_fault {
    enum websocket_fault_kind kind;
    enum mqtt_side side; /* whose it is */
    uint64_t frame;
    microseconds time;
};

/* There is at most one of a kind and a side. */
#define WEBSOCKET_MOST_FAULTS 4u

/* A connection has the fault. The owner is that of `wanted`. */
typedef void websocket_fault_teller(void *context, void *owner, const struct websocket_fault *fault);

struct websocket_filter {
    struct stream_hooks wanted;
    websocket_fault_teller *fault; /* or NULL */
    struct spec_rules rules;
    uint32_t kept; /* bytes of handshakes */
    uint8_t piece[WEBSOCKET_PIECE];
};

/* Fills `filter`, which the returned hooks point to. Faults are told with the context of `wanted`; NULL: not at all. */
struct stream_hooks websocket_begin(struct websocket_filter *filter, const struct stream_hooks *wanted,
                                    websocket_fault_teller *fault);

#endif
