/* The broker's shell: gives the core a network, a clock, memory and a log. */
#ifndef MQSPEC_SERVER_H
#define MQSPEC_SERVER_H

#include "reference/broker.h"
#include "reference/event_loop.h"
#include "reference/transport.h"

struct server;

/* Memory from malloc, random numbers from the system. */
struct environment environment_of_system(void);

/* The same, and *use tells how much memory is taken. It lives as long as the environment. */
struct memory_use;
struct environment environment_of_system_counting(struct memory_use *use);

/* Serves `broker` on the loop. The server does not own either. NULL with errno set. */
struct server *server_create(struct broker *broker, struct event_loop *loop);

/* Closes all listeners and connections, then frees the server. Output that is waiting is written where the
 * socket takes it at once. */
void server_destroy(struct server *server);

/* Where the server says what its operator should know, as one sentence without full stop: that the system has no
 * descriptor for a new connection, and that this is over; why a handshake failed. Without this it is silent. */
void server_tell(struct server *server, void (*notice)(void *context, const char *text), void *context);

/* Listens on an address ("127.0.0.1", "::1", "0.0.0.0", a host name) and port; port 0 lets the system choose.
 * Returns the port, or -1 with *reason saying in words why not (static or from the system, do not free) and errno set.
 * A name that stands for several addresses is listened on at each that this machine has. */
int server_listen(struct server *server, const char *address, uint16_t port, const char **reason);

/* How one listener's connections are carried. */
struct server_listening {
    enum transport_kind kind;
    struct tls_context *tls; /* of a Server, where the kind has TLS; outlives the server */
    bool names_user;         /* the Common Name of a Client's certificate becomes its User Name */
};

/* As server_listen(), which listens for TCP. */
int server_listen_over(struct server *server, const char *address, uint16_t port, const struct server_listening *how,
                       const char **reason);

/* Writes and closes what the core asks for; call it after event_loop_wait() and before the next. Also ticks the
 * core when its deadline has come, and commits what the turn brought before anything is written that acknowledges it;
 * where that fails (broker_failure() says why), nothing is written. Returns when the loop should wake at the latest. */
microseconds server_turn(struct server *server);

#endif
