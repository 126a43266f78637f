/* The monitor over a capture. Internal to pcaps/. */
#ifndef MQSPEC_LINT_H
#define MQSPEC_LINT_H

#include "codec/codec.h"
#include "reference/environment.h"

/* One breach, with where it stands in the capture. Lives until the call that tells of it returns. */
struct lint_breach {
    enum mqtt_side side; /* who broke the statement */
    enum spec_statement statement;
    const char *what;
    uint64_t frame;
    microseconds time;
    double seconds; /* since the capture's first MQTT connection */
    size_t connection;
    const char *client; /* its Client Identifier, as it can be shown; "?" where unknown */
    const char *client_address;
    const char *server_address;
    const char *packet; /* in words, or "" */
    uint32_t offset;    /* of the offending byte in the packet */
};

/* How many breaches one client is party to. */
struct lint_client {
    char *name;
    size_t breaches[2]; /* by enum mqtt_side: who broke it */
};

struct lint_totals {
    size_t conversations; /* MQTT connections */
    size_t others;        /* other TCP connections */
    size_t packets;
    size_t breaches[2]; /* by enum mqtt_side */
    size_t by_statement[SPEC_COUNT];
    struct lint_client *clients; /* in order of their first breach */
    size_t client_count;
    size_t not_judged; /* connections that there was no memory or no room for */
    size_t joined_5_0; /* connections of 5.0 without their CONNECT: judged no further once they show their version */
};

typedef void lint_teller(void *context, const struct lint_breach *breach);

/* Judges all conversations of a capture and tells each breach as it is found. *totals is filled in any case, and
 * is to be freed by lint_totals_free(). False with a reason as capture_read() gives it. */
bool lint_capture(const char *path, lint_teller *tell, void *context, struct lint_totals *totals, char *reason,
                  size_t reason_size);

void lint_totals_free(struct lint_totals *totals);

#endif
