/* The opening handshake of WebSocket: RFC 6455, section 4. Text in, text out. */
#ifndef MQSPEC_WEBSOCKET_HANDSHAKE_H
#define MQSPEC_WEBSOCKET_HANDSHAKE_H

#include "codec/codec.h"

#define HANDSHAKE_LONGEST        8192u /* bytes of a request or an answer, with all its header fields */
#define HANDSHAKE_ANSWER_LONGEST 512u
#define HANDSHAKE_KEY_LENGTH     24u /* characters: 16 bytes in Base64 */
#define SUBPROTOCOL              "mqtt"

/* How many of the bytes the message takes, with the empty line that ends it; 0 while it is unfinished. It does not end
 * within the first `known` bytes. */
uint32_t handshake_end(struct mqtt_bytes bytes, uint32_t known);

/* Judges a Client's request, whole, and writes the Server's answer with a zero behind it. Returns NULL where it is
 * accepted, else why not, which the answer says as well; static. The answer names `subprotocol`; NULL: none. */
const char *handshake_answer(struct mqtt_bytes request, const char *subprotocol, char answer[HANDSHAKE_ANSWER_LONGEST]);

/* Judges a Server's answer to a request with this key. Returns NULL where the connection is open, else why not; static.
 * The subprotocol that the Server chose goes to `subprotocol`, "" for none, cut at its size. */
const char *handshake_check(struct mqtt_bytes answer, const char key[HANDSHAKE_KEY_LENGTH + 1], char *subprotocol,
                            size_t size);

/* What one message of a handshake between others says, for whoever watches them. */
struct handshake_seen {
    bool upgrades;    /* a GET that asks for WebSocket, or an answer with status 101 that switches to it */
    bool names_mqtt;  /* "mqtt" is among the subprotocols that it names */
    bool names_other; /* so is another one */
    bool compresses;  /* it names the extension permessage-deflate */
};

/* Reads a message, whole, of the Client or of the Server. It judges no more than it has to: peers differ, and what they
 * accept of each other counts. */
struct handshake_seen handshake_look(struct mqtt_bytes message, enum mqtt_side sender);

#endif
