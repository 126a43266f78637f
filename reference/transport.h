/* One Network Connection, section 4.2 of both standards: MQTT bytes in and out, over TCP, TLS, WebSocket, or WebSocket
 * over TLS. For a Server or a Client.
 *
 * The owner has a non-blocking socket and an event loop. It starts a transport on the socket, waits for what the
 * transport wants, and then receives and sends:
 *
 *     transport_start(&transport, descriptor, &settings);
 *     ... wait until the descriptor is ready for transport_wants(&transport, true, has_output), then:
 *     result = transport_send(&transport, views, view_count, &taken);    // where there is something to send
 *     result = transport_receive(&transport, buffer, size, &count);
 *     ...
 *     result = transport_finish(&transport);      // until it is done: says goodbye
 *     transport_release(&transport);              // then close the socket
 *
 * Handshakes go on inside of transport_receive() and transport_send(); they need no call of their own. Over TCP alone
 * each of the two is one system call, and nothing is copied or allocated. */
#ifndef MQSPEC_TRANSPORT_H
#define MQSPEC_TRANSPORT_H

#include "codec/codec.h"
#include "reference/tls.h"
#include "reference/websocket.h"

enum transport_kind { TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_WS, TRANSPORT_WSS, TRANSPORT_KINDS };

/* "tcp", "tls", "ws", "wss". */
const char *transport_kind_name(enum transport_kind kind);
bool transport_has_tls(enum transport_kind kind);
bool transport_has_websocket(enum transport_kind kind);

/* They may be shared by many transports, and outlive them. */
struct transport_settings {
    enum transport_kind kind;
    enum mqtt_side side;     /* this end of the connection */
    struct tls_context *tls; /* where the kind has TLS */
    /* Where the kind has WebSocket: */
    struct spec_rules *rules; /* statements of section 6 that are switched off */
    const char *host;         /* of a Client's request: "example.org:8083" */
    const char *path;         /* of a Client's request: "/mqtt" */
    const char *subprotocols; /* that a Client offers, as the header field has them; NULL: "mqtt" */
};

/* For its owner to embed; only these functions touch the fields. */
struct transport {
    int descriptor;
    bool receive_wants_writing; /* TLS has something to write before it can read on, and the other way round */
    bool send_wants_reading;
    bool is_secure;   /* the TLS handshake is over */
    bool is_finished; /* goodbye was said to WebSocket and TLS */
    struct ssl_st *tls;
    struct websocket *websocket;
    enum websocket_framing framing;
    const char *reason[2]; /* why it ended or broke, the second in more detail; static, or NULL */
};

/* Room for a whole TLS record: the least that transport_receive() takes as a buffer. */
#define TRANSPORT_RECEIVE_LEAST 16384u

/* False where there is no memory; then there is nothing to release. The descriptor stays the owner's. A Client's socket
 * may still be connecting: wait until it is writable before the first call. */
bool transport_start(struct transport *transport, int descriptor, const struct transport_settings *settings);

/* Frees what the transport has. Does not close the socket. */
void transport_release(struct transport *transport);

enum transport_result {
    TRANSPORT_DONE,
    TRANSPORT_BLOCKED, /* nothing goes on until the socket is ready */
    TRANSPORT_ENDED,   /* the other side will send no more, or a handshake was refused: send what waits, finish */
    TRANSPORT_BROKEN,  /* nothing can be sent or received any more: close the socket */
};

/* Reads what has arrived, and writes the MQTT bytes in it to `buffer`, of at least TRANSPORT_RECEIVE_LEAST bytes.
 * `count` receives how many there are, with any result; it can be 0 where a handshake or a ping arrived. What it leaves
 * unread keeps the socket readable. */
enum transport_result transport_receive(struct transport *transport, uint8_t *buffer, size_t size, size_t *count);

/* Sends the views, in order. `taken` receives how many of their bytes are not to be offered again, with any result.
 * TRANSPORT_BLOCKED: call it again when the socket is ready, with the bytes that were not taken at the front, also
 * where there are none. */
enum transport_result transport_send(struct transport *transport, const struct mqtt_bytes *views, size_t count,
                                     size_t *taken);

/* Something waits to be sent beside what the owner has. */
bool transport_has_output(const struct transport *transport);

/* The readiness to wait for (of enum event_readiness), for an owner that wants to receive, to send, or both. */
unsigned transport_wants(const struct transport *transport, bool receiving, bool sending);

/* All handshakes are over: MQTT can be sent. */
bool transport_is_open(const struct transport *transport);

/* Tells the other side that nothing more comes, on each layer, and shuts this direction down. Again after
 * TRANSPORT_BLOCKED. What arrives afterwards is to be read from the socket and thrown away. */
enum transport_result transport_finish(struct transport *transport);

/* Why the transport ended or broke, in words: "the TLS handshake failed: no shared cipher". "" where the other side
 * just closed the connection. Returns `text`. */
const char *transport_reason(const struct transport *transport, char *text, size_t size);

/* The Common Name of the certificate that the other side showed, once the transport is open: *length bytes of `name`, 0
 * where it showed no certificate. False where the certificate has none, or one that has no room or is no text that MQTT
 * allows. */
bool transport_peer_name(const struct transport *transport, char *name, size_t size, size_t *length);

/* The subprotocol that a Server chose, for a Client; "" for none, or without WebSocket. */
const char *transport_subprotocol(const struct transport *transport);

/* How the next MQTT bytes are framed, where the kind has WebSocket: for testers. */
void transport_set_framing(struct transport *transport, enum websocket_framing framing);

#endif
