/* One live connection of a replay: a transport on a socket, with what is still to be written. Internal to pcaps/. */
#ifndef MQSPEC_REPLAY_LINK_H
#define MQSPEC_REPLAY_LINK_H

#include "codec/codec.h"
#include "reference/event_loop.h"
#include "reference/transport.h"

struct addrinfo;

/* Connecting ends when MQTT can be sent: behind the handshakes of TLS and WebSocket. */
enum link_state { LINK_NOT_YET, LINK_CONNECTING, LINK_OPEN, LINK_GONE };

struct link {
    struct event_source source; /* first: a pointer to it is a pointer to the link */
    struct event_loop *loop;
    const struct transport_settings *settings;
    enum link_state state;
    struct transport transport;
    bool is_started;                /* there is a transport: the socket is connected */
    bool is_finished;               /* the other side knows that nothing more comes */
    bool half_closed;               /* our direction is closed, or will be once all is written */
    const struct addrinfo *address; /* that is tried */
    char reason[160];               /* why it never opened */
    uint8_t *waiting;               /* to be written */
    size_t waiting_length;
    size_t waiting_capacity;
    void *owner;
    void (*on_bytes)(struct link *link, struct mqtt_bytes bytes);
    void (*on_closed)(struct link *link); /* by the other side, broken, or never opened; not by link_close() */
};

/* Begins to connect to the first of `addresses` that answers. False where none does: `reason` says why. */
bool link_connect(struct link *link, const struct addrinfo *addresses);

/* Writes, now or once the socket takes it. False where there is no memory. */
bool link_send(struct link *link, struct mqtt_bytes bytes);

/* Closes our direction behind all that waits; what comes is still read, but over WebSocket, which has no such thing:
 * there it is all that closes. */
void link_half_close(struct link *link);

/* Closes at once; with `reset`, so that the other side sees a broken connection. */
void link_close(struct link *link, bool reset);

#endif
