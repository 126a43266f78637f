/* One conversation with a target over TCP: a plan is played, what comes back is judged by the monitor and compared with
 * what the reference broker does. */
#ifndef MQSPEC_TALK_H
#define MQSPEC_TALK_H

#include "conformance/address.h"
#include "fuzz/match.h"
#include "pcaps/capture.h"
#include "pcaps/topic_aliases.h"
#include "reference/event_loop.h"
#include "reference/monitor.h"

#define TALK_BREACHES 8u
#define TALK_OTHERS   16u

/* Whom all conversations are with. */
struct talk_target {
    struct event_loop *loop;
    struct address address;
    struct broker_settings settings; /* of the reference broker that it is compared with */
    microseconds patience;           /* how long what the reference broker does may take */
    struct capture_writer *capture;  /* receives what passes, in the loop's time; or NULL */
};

enum talk_verdict {
    TALK_GOES_ON,
    TALK_AGREES,      /* all came as the reference broker does it */
    TALK_DIFFERS,     /* something did not come, or something else did: in step `step` */
    TALK_UNREACHABLE, /* a connection could not be opened */
    TALK_NO_MEMORY,
};

struct talk_breach {
    enum spec_statement statement;
    const char *what; /* static */
    uint16_t step;
};

struct talk;

struct talk_link {
    struct event_source source; /* first, so that the link is found from it */
    struct talk *talk;
    uint8_t link;
    bool open;
    bool closing;     /* the client has closed its direction, and waits for the target to close */
    bool established; /* the socket was writable once */
    bool spoiled;     /* what came is no MQTT: nothing more of it is read as packets */
    enum mqtt_version version;
    uint32_t session;
    uint8_t *in; /* owned, as the next one */
    uint32_t in_length, in_capacity;
    uint8_t *out;
    uint32_t out_length, out_capacity;
    struct monitored *monitored; /* or NULL, as the next one */
    struct capture_connection *captured;
    struct topic_aliases aliases;
    uint16_t others[TALK_OTHERS]; /* Packet Identifiers of QoS 2 messages that are none of this conversation's */
    unsigned other_count;
};

/* All zero before talk_start(). */
struct talk {
    const struct talk_target *target;
    struct plan plan;         /* with the conversation's name */
    struct script expected;   /* the reference broker's */
    struct script observed;   /* the target's: RECEIVE and CLOSED */
    struct script transcript; /* of both sides, where `target` has a capture */
    struct match match;
    bool done[SCRIPT_ITEMS]; /* of what clients do: it is done */
    char name[PLAN_NAME_LENGTH + 1];
    struct talk_link links[PLAN_LINKS];
    struct monitor *monitor;
    struct spec_rules rules; /* of who decodes */
    uint16_t step;
    uint16_t last_step;
    uint32_t cursor; /* no item of an earlier step is behind it */
    bool is_odd;     /* something came that is not expected */
    microseconds not_before, deadline;
    microseconds closing_until; /* while a link is closing */
    enum talk_verdict verdict;
    struct talk_breach breaches[TALK_BREACHES]; /* of the Server, by the monitor */
    unsigned breach_count;
    unsigned packets; /* that passed, both ways */
};

/* Begins with `plan`, of which it keeps a copy. `number` gives the conversation its name. `memory` is used during the
 * call alone. */
void talk_start(struct talk *talk, const struct talk_target *target, struct fuzz_memory *memory,
                const struct plan *plan, uint64_t number);

/* When talk_tick() is wanted at the latest. */
microseconds talk_deadline(const struct talk *talk);
void talk_tick(struct talk *talk, microseconds now);

/* Closes what is open. The result stays until the next start. */
void talk_stop(struct talk *talk);

/* Its plan and what passed have PLAN_NAME again in the place of the conversation's own name. */
void talk_unname(struct talk *talk);

/* Frees all. */
void talk_release(struct talk *talk);

#endif
