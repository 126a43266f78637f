/* One live connection of a replay: a socket with what is still to be written. Internal to pcaps/. */
#ifndef MQSPEC_REPLAY_LINK_H
#define MQSPEC_REPLAY_LINK_H

#include "codec/codec.h"
#include "reference/event_loop.h"

struct addrinfo;

enum link_state { LINK_NOT_YET, LINK_CONNECTING, LINK_OPEN, LINK_GONE };

struct link {
    struct event_source source; /* first: a pointer to it is a pointer to the link */
    struct event_loop *loop;
    enum link_state state;
    bool half_closed;               /* our direction is closed, or will be once all is written */
    const struct addrinfo *address; /* that is tried */
    int error;                      /* errno of the last address that refused */
    uint8_t *waiting;               /* to be written */
    size_t waiting_length;
    size_t waiting_capacity;
    void *owner;
    void (*on_bytes)(struct link *link, struct mqtt_bytes bytes);
    void (*on_closed)(struct link *link); /* by the other side, or broken; not by link_close() */
};

/* Begins to connect to the first of `addresses` that answers. False where none does: `error` says why. */
bool link_connect(struct link *link, const struct addrinfo *addresses);

/* Writes, now or once the socket takes it. False where there is no memory. */
bool link_send(struct link *link, struct mqtt_bytes bytes);

/* Closes our direction behind all that waits; what comes is still read. */
void link_half_close(struct link *link);

/* Closes at once; with `reset`, so that the other side sees a broken connection. */
void link_close(struct link *link, bool reset);

#endif
