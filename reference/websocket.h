/* WebSocket (RFC 6455) as it carries MQTT, section 6 of both standards: the opening handshake, frames in both
 * directions, pings and the close. For a Server or a Client.
 *
 * It does no I/O. Bytes from the network go into websocket_receive(), and the MQTT bytes in them come out of it. MQTT
 * bytes go into websocket_send(). What is to be written to the network waits in websocket_output():
 *
 *     struct websocket *websocket = websocket_create(&settings);
 *     count = websocket_receive(websocket, bytes, mqtt);       // whenever something arrived
 *     websocket_send(websocket, views, view_count);            // MQTT bytes, as one frame
 *     bytes = websocket_output(websocket);                     // after each of these
 *     websocket_sent(websocket, written);
 *
 * What is received is bounded by what the caller passes in: frames of any length are handed on as they come. */
#ifndef MQSPEC_WEBSOCKET_H
#define MQSPEC_WEBSOCKET_H

#include "codec/codec.h"

struct websocket;

struct websocket_settings {
    enum mqtt_side side;
    /* Of a Client's request; they live until the handshake is over. */
    const char *host; /* "example.org:8083" */
    const char *path; /* "/mqtt" */
    /* Subprotocols that a Client offers, in the form of the header field; NULL: "mqtt". */
    const char *subprotocols;
    /* Statements of section 6 that are switched off. Never NULL, and outlives the websocket. */
    struct spec_rules *rules;
    uint64_t (*random)(void *context); /* for a Client's key and masks */
    void *random_context;
};

enum websocket_state {
    WEBSOCKET_OPENING, /* the handshake is under way */
    WEBSOCKET_OPEN,
    WEBSOCKET_ENDING, /* nothing more is received or sent: write the output, then close the connection */
};

/* NULL where there is no memory. A Client's request is in the output at once. */
struct websocket *websocket_create(const struct websocket_settings *settings);
void websocket_destroy(struct websocket *websocket); /* NULL is fine */

enum websocket_state websocket_state(const struct websocket *websocket);

/* Why it is ending, as words: what the other side did wrong. NULL where a side just closed it. Static. */
const char *websocket_reason(const struct websocket *websocket);

/* Takes what arrived, and writes the MQTT bytes in it to `mqtt`, which has room for bytes.length. Returns how many. */
size_t websocket_receive(struct websocket *websocket, struct mqtt_bytes bytes, uint8_t *mqtt);

/* How the frames of MQTT bytes are cut. A Server and a Client send FRAMED_TOGETHER; the others are for testers. */
enum websocket_framing {
    FRAMED_TOGETHER,   /* one binary frame */
    FRAMED_BYTEWISE,   /* a binary frame for each byte */
    FRAMED_FRAGMENTED, /* one binary message in fragments of a byte, with pings between them */
    FRAMED_AS_TEXT,    /* one text frame */
};

/* Puts MQTT bytes into the output. False where there is no memory, or where the websocket is not open. */
bool websocket_send(struct websocket *websocket, const struct mqtt_bytes *views, size_t count,
                    enum websocket_framing framing);

/* Says that this side is done: a close frame goes into the output. Does nothing on one that is not open. */
void websocket_close(struct websocket *websocket);

/* What waits to be written; lives until the next call on this websocket. */
struct mqtt_bytes websocket_output(const struct websocket *websocket);
void websocket_sent(struct websocket *websocket, size_t count);

/* Room for a subprotocol with a zero behind it; a longer one is cut. */
#define WEBSOCKET_SUBPROTOCOL_SIZE 32u

/* The subprotocol that the Server chose, once the websocket is open; "" for none. */
const char *websocket_subprotocol(const struct websocket *websocket);

#endif
