/* What a capture's clients did, step by step, and playing it again against a broker. Internal to pcaps/. */
#ifndef MQSPEC_REPLAY_H
#define MQSPEC_REPLAY_H

#include "pcaps/capture.h"
#include "pcaps/packet_stream.h"
#include "pcaps/replay_rename.h"
#include "pcaps/show.h"
#include "pcaps/tls_troubles.h"
#include "reference/environment.h"
#include "reference/transport.h"

struct addrinfo;

/* ---- The recording --------------------------------------------------------------------------------------- */

enum step_kind {
    STEP_OPEN,    /* the client opens the connection */
    STEP_SEND,    /* the client sends a packet, or bytes that are none */
    STEP_RECEIVE, /* the broker sends a packet */
    STEP_CLOSE,   /* the client closes its direction, or resets the connection */
    STEP_CLOSED,  /* the broker does */
};

enum step_state {
    STEP_PENDING, /* not yet done, or not yet arrived */
    STEP_MET,     /* done; or arrived, from this broker too */
    STEP_MISSED,  /* waited for in vain */
    STEP_SKIPPED, /* not done, as what it stands on did not come */
};

struct step {
    enum step_kind kind;
    enum step_state state;
    size_t connection; /* index in the recording */
    uint64_t frame;
    microseconds time;
    uint8_t *bytes; /* of STEP_SEND and STEP_RECEIVE; owned */
    uint32_t length;
    bool decoded;              /* `packet` is filled, with views into `bytes` */
    struct mqtt_packet packet; /* as recorded, but for the topic of a PUBLISH that names only its alias */
    uint8_t *topic;            /* which is this one; owned */
    bool reset;                /* of STEP_CLOSE */
    bool after_goodbye;        /* of STEP_CLOSED: the client had sent DISCONNECT or had closed */
    bool beyond_limits;        /* of STEP_SEND: more than the recorded broker allowed */
    uint16_t live_identifier;  /* of STEP_RECEIVE, met: the Packet Identifier that this broker chose */
    size_t member;             /* of STEP_RECEIVE, met: 1 + the connection that it came on, where that is another
                                  member's of a Shared Subscription; else 0 */
    char *instead;             /* of STEP_RECEIVE, met: what came, where it is not the same; owned */
};

struct companions;
struct subject;

struct recorded_connection {
    size_t index;  /* in the recording */
    size_t number; /* from 1, as `decode` counts */
    char client[SHOW_NAME_CAPACITY];
    struct mqtt_bytes client_identifier; /* a view into the step of CONNECT or CONNACK; empty where there is none */
    struct mqtt_bytes assigned;          /* the same, where the broker assigned it; else empty */
    enum mqtt_version version;
    bool shares;   /* has a Shared Subscription */
    size_t *steps; /* their places in the recording */
    size_t step_count;
    size_t step_capacity;
    /* For replay_order.c and who uses it. */
    struct recorded_connection *previous_of_client, *next_of_client; /* NULL: none */
    const struct companions **stands_on;
    size_t stands_on_count;
    size_t stands_on_capacity;
    size_t blocking_itself; /* of `steps`, the first that may keep it waiting; and others */
    size_t blocking_others;
    size_t unmatched; /* of `steps`, the first that may still come */
};

struct recording {
    struct step *steps; /* in the order of the capture */
    size_t step_count;
    size_t step_capacity;
    struct recorded_connection **connections;
    size_t connection_count;
    size_t most_open; /* connections at a time */
    struct subject *subjects;
    uint64_t *messages; /* hashes of all that clients published, sorted */
    size_t message_count;
    bool all_related; /* each connection stands on all others */
    size_t others;    /* TCP connections that are not MQTT */
    struct tls_totals tls;
    size_t joined;  /* MQTT connections that begin before the capture: they cannot be played */
    size_t gaps;    /* places at which the capture lacks bytes of a client */
    bool no_memory; /* the recording is not complete */
};

/* Reads a capture, with `names` for what is in it; Client Identifiers that a broker assigned stay. The recording is to
 * be freed in any case. False with a reason as capture_read() gives it. */
bool recording_read(struct recording *recording, const struct capture_source *source, const struct replay_names *names,
                    char *reason, size_t reason_size);
void recording_free(struct recording *recording);

/* ---- Matching what a live broker sends -------------------------------------------------------------------- */

/* Finds the recorded packet that `packet`, which the live broker has sent on `connection`, stands for, marks it as
 * met, and returns it. A message of QoS 1 or 2 may stand for one on a later connection of the same client, or repeat
 * one that was met before. NULL where the recorded broker sent no such packet. */
struct step *recording_match(struct recording *recording, size_t connection, const struct mqtt_packet *packet);

/* The recorded broker may have sent this packet as well, to a client that left before it came: it answers what was not
 * answered, or it is a message that somebody published and that has not come to the client as often as it may. */
bool recording_may_lack(const struct recording *recording, size_t connection, const struct mqtt_packet *packet);

/* As recording_match(), for bytes of the live broker that are no packet. */
struct step *recording_match_bytes(struct recording *recording, size_t connection);

/* What the client's recorded acknowledgement at step `index` acknowledges: a PUBLISH or PUBREL of the broker,
 * earlier, to the same client. NULL where there is none. */
const struct step *recording_acknowledged(const struct recording *recording, size_t index);

/* ---- Playing it ------------------------------------------------------------------------------------------- */

struct replay_options {
    const struct addrinfo *addresses; /* of the target; not NULL */
    const struct transport_settings *transport;
    double speed; /* 1: as recorded; 0: as fast as the answers allow */
    microseconds timeout;
};

/* Something that the live broker sent and the recorded one did not. */
struct replay_extra {
    size_t connection;
    char *text; /* owned */
};

struct replay_result {
    size_t sent; /* packets of clients */
    size_t skipped;
    bool gave_up; /* too often waited in vain: the rest was not played */
    struct replay_extra *extras;
    size_t extra_count;
    size_t extras_untold; /* beyond the limit of what is kept */
    microseconds duration;
};

enum replay_outcome { REPLAY_PLAYED, REPLAY_UNREACHABLE, REPLAY_FAILED };

/* Plays the recording; its steps receive their states. `reason` is filled where the outcome is not
 * REPLAY_PLAYED. */
enum replay_outcome replay_play(struct recording *recording, const struct replay_options *options,
                                struct replay_result *result, char *reason, size_t reason_size);
void replay_result_free(struct replay_result *result);

#endif
