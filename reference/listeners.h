/* Where the broker command listens, and how: what -p, --bind, --listen and the options on certificates ask for. */
#ifndef MQSPEC_LISTENERS_H
#define MQSPEC_LISTENERS_H

#include "reference/broker_options.h"
#include "reference/server.h"

struct listeners {
    struct tls_context *tls; /* or NULL */
    struct {
        const char *scheme;
        int port;
    } opened[MAXIMUM_LISTENERS + 1];
    size_t count;
    void (*tell)(void *context, const char *text); /* takes one sentence without full stop */
    void *context;
};

/* Reads "SCHEME://ADDRESS:PORT". False with *reason, static, saying what is wrong. */
bool listener_parse(struct listener_option *listener, const char *text, const char **reason);

/* Reads the certificates, and checks that what the options say goes together. False after a message. */
bool listeners_prepare(struct listeners *listeners, const struct broker_options *options);

/* Opens them all. False after a message. */
bool listeners_open(struct listeners *listeners, const struct broker_options *options, struct server *server);

/* The port of the first listener in a line by itself, then a line "SCHEME PORT" for each further one. False with errno
 * set. */
bool listeners_write_ports(const struct listeners *listeners, const char *file_name);

/* After the server is gone. */
void listeners_release(struct listeners *listeners);

#endif
