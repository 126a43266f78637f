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

#endif
