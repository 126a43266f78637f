/* One client's connection through the proxy: a socket to the client, one to the target, and what goes between them.
 * Internal to pcaps/. */
#ifndef MQSPEC_PROXY_CONNECTION_H
#define MQSPEC_PROXY_CONNECTION_H

#include "pcaps/proxy.h"
#include "pcaps/proxy_bounds.h"
#include "pcaps/proxy_queue.h"
#include "reference/event_loop.h"

/* The most that is read in one go; shared by all connections. */
#define PROXY_RECEIVE_SIZE ((size_t)128 * 1024)

struct proxied;

/* What all connections share. */
struct proxy {
    struct proxy_settings *settings;
    struct event_loop *loop;
    struct watch watch;
    struct spec_rules rules;
    struct proxied *connections;
    struct proxied *timed;                /* those of them that have something to do by themselves later */
    size_t accepted;                      /* connections so far */
    void (*on_gone)(struct proxy *proxy); /* one has closed: there is room for another */
    uint8_t received[PROXY_RECEIVE_SIZE];
};

struct proxied_end {
    struct event_source source; /* first: the loop hands back its address */
    struct proxied *connection;
    struct transport transport;
    bool is_open;    /* there is a socket, connected or connecting */
    bool is_started; /* and its transport, so it is connected */
    bool is_watched;
    bool is_deaf; /* it takes nothing any more */
};

/* What one end sends to the other. */
struct proxied_direction {
    struct byte_queue queue; /* that could not be sent on yet */
    bool has_ended;          /* no more will come */
    bool is_broken;          /* and that was a reset */
    bool end_passed;         /* the other end knows */
    /* Where faults are made: */
    struct packet_bounds bounds;
    const struct fault *fault; /* that strikes the packet under way */
    microseconds due;          /* when what comes now is to be sent on */
    struct byte_queue copy;    /* of a packet that is to arrive twice */
};

struct proxied {
    struct proxy *proxy;
    struct proxied *next, *previous;
    struct proxied *timed_next, *timed_previous;
    microseconds wake; /* when it has something to do by itself; NO_DEADLINE: it is not in the list of those */
    size_t number;
    char address[64];                       /* the client's */
    struct proxied_end ends[2];             /* by enum mqtt_side */
    struct proxied_direction directions[2]; /* by the side that sends */
    const struct addrinfo *trying;          /* address of the target, while connecting */
    bool is_shaking_hands;                  /* TLS or WebSocket, at some end */
    bool is_opened;                         /* the watch knows it */
    bool has_failed;                        /* no memory, or the system refuses */
    const struct fault *cut;                /* a fault ends it */
    enum mqtt_side cut_side;                /* whose packet that was */
    int ended_first;                        /* the enum mqtt_side whose direction ended first, or -1 */
    microseconds deadline;                  /* of connecting or of closing; NO_DEADLINE: none */
    struct watched watched;
};

/* Takes a client's socket, and begins to connect to the target. False where there is no memory: the socket is then
 * closed. */
bool proxied_open(struct proxy *proxy, int descriptor, const char *address);

/* Closes all that is left of it and frees it. */
void proxied_close(struct proxied *connection);

/* The earliest time at which some connection has something to do by itself. */
microseconds proxied_next_wake(const struct proxy *proxy);

/* Does what is due. */
void proxied_wake(struct proxy *proxy);

#endif
