/* What looks wrong in a capture though no statement forbids it. Internal to pcaps/.
 *
 * What is kept of a connection and of all clients together is bounded; of a capture with more of something than is
 * kept, less is noticed. Nothing is noticed that hangs on bytes that the capture lacks. */
#ifndef MQSPEC_NOTICES_H
#define MQSPEC_NOTICES_H

#include "codec/codec.h"
#include "reference/environment.h"

enum notice_kind {
    NOTICE_KEEP_ALIVE_OFF,
    NOTICE_KEEP_ALIVE_UNUSED,
    NOTICE_RECONNECT_STORM,
    NOTICE_TAKEN_OVER,
    NOTICE_RETAINED_FLOOD,
    NOTICE_IN_FLIGHT_GROWS,
    NOTICE_QOS_2_UNFINISHED,
    NOTICE_SUBSCRIPTION_UNUSED,
    NOTICE_COUNT
};

/* One kind of notice, in words. All strings are static. */
struct notice_row {
    const char *name;      /* "reconnect-storm" */
    const char *title;     /* a sentence without full stop */
    const char *threshold; /* from where on it is told */
    const char *why;       /* what is behind it, and what to do */
};

const struct notice_row *notice_row(enum notice_kind kind);

/* Told once for each connection and kind; of a storm of connections, once for the storm. `detail` lives until the call
 * returns. */
typedef void notice_teller(void *context, void *owner, enum notice_kind kind, enum mqtt_side side, const char *detail);

/* Of a whole capture. */
struct notices {
    notice_teller *tell;
    void *context;
    struct noticed_client *clients; /* owned; those who connected last */
    uint64_t turn;
};

enum { NOTICED_EXCHANGES = 16, NOTICED_SIDES = 2 };

/* Of one connection. */
struct noticed {
    void *owner;
    uint64_t server; /* a number for its address */
    uint64_t client; /* a number for its server and Client Identifier; 0 where it has none */
    unsigned told;   /* a bit for each enum notice_kind */
    bool connected;  /* CONNECT and CONNACK were seen */
    bool counted;    /* as an open connection of its client */
    bool pinged;
    bool over; /* one side has said that it is, or has closed */
    microseconds keep_alive;
    microseconds client_spoke;
    struct {
        microseconds since;
        uint32_t count;
    } retained[NOTICED_SIDES]; /* by who sent them */
    struct {
        uint32_t now;           /* PUBLISH packets without their last acknowledgement */
        uint32_t lowest;        /* in this stretch */
        uint32_t lowest_before; /* in the one before it */
        uint32_t published;     /* in this stretch */
        uint32_t grown;         /* stretches in a row */
    } in_flight[NOTICED_SIDES]; /* by who published */
    struct noticed_exchange {
        microseconds since; /* of its last packet */
        uint16_t packet_identifier;
        uint8_t publisher; /* of enum mqtt_side */
    } exchanges[NOTICED_EXCHANGES];
    size_t exchange_count;
    struct noticed_filters *filters; /* owned; NULL before the first SUBSCRIBE */
};

void notices_begin(struct notices *notices, notice_teller *tell, void *context);
void notices_end(struct notices *notices);

/* `server` is the address in words. */
void noticed_begin(struct noticed *noticed, const char *server, void *owner, microseconds now);
void noticed_packet(struct notices *notices, struct noticed *noticed, enum mqtt_side side,
                    const struct mqtt_packet *packet, microseconds now);
void noticed_gap(struct noticed *noticed, enum mqtt_side side, microseconds now);
/* One side closed its direction. */
void noticed_half_closed(struct notices *notices, struct noticed *noticed, microseconds now);
/* The connection or the capture is over. */
void noticed_end(struct notices *notices, struct noticed *noticed, microseconds now);

#endif
