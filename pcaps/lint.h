/* The monitor over a capture, and what looks wrong beside. Internal to pcaps/. */
#ifndef MQSPEC_LINT_H
#define MQSPEC_LINT_H

#include "pcaps/capture.h"
#include "pcaps/notices.h"
#include "pcaps/tls_troubles.h"
#include "reference/environment.h"

enum {
    /* Packets of the same connection that are shown around a breach, and what is kept of each. */
    LINT_PACKETS_BEFORE = 4,
    LINT_PACKETS_AFTER = 3,
    LINT_KEPT_BYTES = 192,
    /* Clients that are counted apart; the others are counted together. */
    LINT_MAXIMUM_CLIENTS = 4096,
};

/* A packet near a breach, as it was on the wire. */
struct lint_packet {
    microseconds time;
    uint64_t frame;
    enum mqtt_side side;
    bool offends;    /* it broke the statement */
    uint32_t length; /* of the packet */
    uint32_t kept;   /* of it, from its start */
    uint8_t bytes[LINT_KEPT_BYTES];
};

/* Writes the packet in words as show_packet() does; one that is not understood as the first of its bytes. */
void lint_show_packet(enum mqtt_version version, const struct lint_packet *packet, char *text, size_t capacity);

/* One breach, with where it stands in the capture. Lives until the call that tells of it returns. */
struct lint_breach {
    enum mqtt_side side; /* who broke the statement */
    enum spec_statement statement;
    const char *what;
    uint64_t frame;
    microseconds time;
    double seconds; /* since the capture's first MQTT connection */
    size_t connection;
    enum mqtt_version version;
    const char *client; /* its Client Identifier, as it can be shown; "?" where unknown */
    const char *client_address;
    const char *server_address;
    uint32_t offset;                   /* of the offending byte in the packet */
    const struct lint_packet *packets; /* around the breach, in their order, the offending one among them if any */
    size_t packet_count;
};

/* Something that looks wrong. Lives as a breach does. */
struct lint_notice {
    enum notice_kind kind;
    enum mqtt_side side; /* whose doing it is */
    const char *detail;
    uint64_t frame;
    microseconds time;
    double seconds;
    size_t connection;
    const char *client;
    const char *client_address;
    const char *server_address;
};

/* What one client is party to. */
struct lint_client {
    char *name;
    size_t breaches[2]; /* by enum mqtt_side: who broke it */
    size_t notices;
};

struct lint_totals {
    size_t conversations; /* MQTT connections */
    size_t others;        /* other TCP connections */
    struct tls_totals tls;
    size_t packets;
    size_t breaches[2]; /* by enum mqtt_side */
    size_t by_statement[SPEC_COUNT];
    size_t notices;
    size_t by_notice[NOTICE_COUNT];
    struct lint_client *clients; /* in order of their first breach or notice */
    size_t client_count;
    struct lint_client other_clients; /* beyond LINT_MAXIMUM_CLIENTS, or without memory; has no name */
    uint16_t *client_places;          /* to look them up */
    size_t not_judged;                /* connections that there was no memory or no room for */
    size_t joined_5_0; /* connections of 5.0 without their CONNECT: judged no further once they show their version */
};

typedef void lint_breach_teller(void *context, const struct lint_breach *breach);
typedef void lint_notice_teller(void *context, const struct lint_notice *notice);

struct lint_hooks {
    void *context;
    lint_breach_teller *breach;
    lint_notice_teller *notice;
    void (*pause)(void *context); /* nothing more of the capture is there for now; or NULL */
};

/* Judges all conversations of a capture. Breaches are told in the order in which they were found, each some packets
 * later; notices as they are found. *totals is filled in any case, and is to be freed by lint_totals_free(). False with
 * a reason as capture_read() gives it. */
bool lint_capture(const struct capture_source *source, const struct lint_hooks *hooks, struct lint_totals *totals,
                  char *reason, size_t reason_size);

/* The row of the client of that name, made where there is none. Never NULL. */
struct lint_client *lint_totals_client(struct lint_totals *totals, const char *name);
void lint_totals_free(struct lint_totals *totals);

#endif
