/* What the parts of the monitor share. Nobody else includes this.
 *
 * How it can be sure. The observer sees the packets of both sides in one order, which is not the order at either
 * end. But a packet is seen after it was sent and before it arrives. So whatever a side has received was seen
 * before what it sends now, and nothing that was not yet seen can be the reason for it. An answer to nothing that
 * was seen is thus a breach for certain, and an identifier is certainly in use as long as no acknowledgement of
 * it was seen. The other way round nothing follows: what was seen may still be on its way, or be lost with the
 * connection. Wherever a rule would need that, it is not judged. */
#ifndef MQSPEC_MONITOR_INTERNAL_H
#define MQSPEC_MONITOR_INTERNAL_H

#include "reference/monitor.h"

#define MONITOR_SIDES 2

/* ---- Limits: beyond each, the monitor forgets and is silent -------------------------------------------------- */

#define MONITOR_MAXIMUM_AWAITED  65535u  /* answers awaited of one kind on a connection: as many as identifiers */
#define MONITOR_MAXIMUM_REQUESTS 1024u   /* unanswered SUBSCRIBE and UNSUBSCRIBE of a connection */
#define MONITOR_MAXIMUM_FILTERS  262144u /* bytes of Topic Filters remembered for a session */
#define MONITOR_MAXIMUM_CLIENTS  65536u  /* Client Identifiers remembered without an open connection */
#define MONITOR_MAXIMUM_ALIASED  262144u /* bytes of Topic Names behind the Topic Aliases of one side */
#define MONITOR_MAXIMUM_NUMBERS  16u     /* Subscription Identifiers judged in one PUBLISH */

/* ---- Time ---------------------------------------------------------------------------------------------------- */

/* After so long, what was seen has arrived. */
#define MONITOR_ARRIVAL (60 * MICROSECONDS_PER_SECOND)
/* A session is not certain any more so long before its expiry, for the ends may have lost the connection before the
 * observer. In seconds. */
#define MONITOR_EXPIRY_DOUBT 5u
#define MONITOR_NO_EXPIRY    UINT32_MAX /* a Session Expiry Interval that never ends */

/* ---- Memory -------------------------------------------------------------------------------------------------- */

/* Zeroed memory, or NULL. */
void *monitor_allocate(const struct environment *environment, size_t size);

/* New memory of `size` bytes that starts with the `old_size` bytes at `old`, the rest zeroed; `old` is released.
 * NULL where there is none, and then `old` stays. */
void *monitor_grown(const struct environment *environment, void *old, size_t old_size, size_t size);

/* `memory` may be NULL. */
void monitor_release(const struct environment *environment, void *memory, size_t size);

/* Carried on from `hash`; start with MONITOR_HASH. Whole words at a time, for it runs over each payload. */
#define MONITOR_HASH UINT64_C(0xcbf29ce484222325)
uint64_t monitor_hash(uint64_t hash, struct mqtt_bytes bytes);

/* ---- Packet Identifiers in the order of their packets -------------------------------------------------------- */

struct monitor_queue {
    uint16_t *identifiers;
    uint32_t head;
    uint32_t count;
    uint32_t capacity;
};

#define MONITOR_NOT_FOUND UINT32_MAX

bool monitor_queue_add(const struct environment *environment, struct monitor_queue *queue, uint16_t packet_identifier);
/* The place of the identifier, 0 for the first in the queue. */
uint32_t monitor_queue_find(const struct monitor_queue *queue, uint16_t packet_identifier);
void monitor_queue_take(struct monitor_queue *queue, uint32_t place);
/* Takes the identifier out if it is there. */
bool monitor_queue_remove(struct monitor_queue *queue, uint16_t packet_identifier);
void monitor_queue_clear(const struct environment *environment, struct monitor_queue *queue);

/* ---- A set of Packet Identifiers ----------------------------------------------------------------------------- */

struct monitor_identifiers {
    uint8_t *bits;
    uint32_t size; /* bytes */
};

bool monitor_identifiers_add(const struct environment *environment, struct monitor_identifiers *set,
                             uint16_t packet_identifier);
bool monitor_identifiers_hold(const struct monitor_identifiers *set, uint16_t packet_identifier);
void monitor_identifiers_clear(const struct environment *environment, struct monitor_identifiers *set);

/* ---- Messages of QoS 1 and 2 on their way -------------------------------------------------------------------- */

/* Named for what was seen last. */
enum monitor_exchange_state { MONITOR_PUBLISHED, MONITOR_RECEIVED, MONITOR_RELEASED };

struct monitor_exchange {
    uint64_t topic;      /* hash */
    uint64_t content;    /* hash of topic and payload */
    uint64_t sequence;   /* counts first transmissions in a session from 1; 0 when the first was not seen */
    uint64_t connection; /* on which it was last sent */
    uint64_t released;   /* connection on which PUBREL was last sent; 0 for none */
    uint32_t size;       /* of the PUBLISH packet */
    uint16_t packet_identifier;
    uint8_t qos;
    uint8_t state;
    bool resent;         /* on that connection, after an earlier one */
    bool uncertain;      /* a breach or a lost session leaves open what its identifier stands for */
    bool expires;        /* has a Message Expiry Interval */
    bool received_again; /* PUBREC came more than once */
};

/* By Packet Identifier: open addressing, empty slots have identifier 0. */
struct monitor_exchanges {
    struct monitor_exchange *slots;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
};

struct monitor_exchange *monitor_exchange_find(const struct monitor_exchanges *exchanges, uint16_t packet_identifier);
/* Finds or adds; an added one is zeroed but for its identifier. NULL where there is no memory. Moves the others. */
struct monitor_exchange *monitor_exchange_add(const struct environment *environment,
                                              struct monitor_exchanges *exchanges, uint16_t packet_identifier);
/* Moves the others. */
void monitor_exchange_remove(struct monitor_exchanges *exchanges, struct monitor_exchange *exchange);
void monitor_exchanges_clear(const struct environment *environment, struct monitor_exchanges *exchanges);

/* ---- Sessions and clients ------------------------------------------------------------------------------------ */

/* What one side sends in a session. */
struct monitor_flow {
    struct monitor_exchanges exchanges;
    struct monitor_identifiers used; /* identifiers of QoS 1 and 2 PUBLISH packets seen at any time */
};

struct monitor_session {
    uint32_t holders; /* connections, and the client that it is stored for */
    uint64_t first_connection;
    uint64_t sequence;
    bool past[MONITOR_SIDES]; /* all that this side can hold as session state was seen */
    bool filters_known;       /* `filters` is complete, as far as the Server's past is known */
    uint8_t *filters;         /* each filter ever granted, for monitor_next_filter(). Never taken out: messages may
                               * still be queued for one that is gone */
    uint32_t filters_length;
    uint32_t filters_capacity;
    struct monitor_flow flows[MONITOR_SIDES]; /* by sender */
};

/* A Topic Filter and what was granted to it, or may be. */
struct monitor_filter {
    struct mqtt_bytes filter;
    uint32_t identifier; /* Subscription Identifier, 0 for none */
    uint8_t qos;
    bool retains; /* a PUBLISH with RETAIN 1 may come of it */
};

/* Whether the Server stores a session for a Client Identifier, for the next CONNECT. PRESENT may have an end: see
 * `certain_until` and `absent_from`. */
enum monitor_existence { MONITOR_UNKNOWN, MONITOR_PRESENT, MONITOR_ABSENT };

struct monitor_client {
    struct monitor_client *next; /* with the same hash */
    struct monitor_client *idle_newer;
    struct monitor_client *idle_older;
    uint64_t hash;
    struct monitor_session *session; /* what is stored, NULL where its content is unknown or there is none */
    enum monitor_existence existence;
    uint32_t connections;       /* open ones */
    uint32_t unanswered;        /* CONNECTs without a CONNACK */
    uint64_t newest;            /* connection: one that was opened before it and shows itself later is out of turn */
    uint64_t unheard;           /* the monitor's count when what the Client holds was last certain */
    uint64_t holder;            /* connection of MQTT 5.0 that the session was last used on, 0 for none */
    microseconds certain_until; /* while PRESENT: the Server stores it at least so long */
    microseconds absent_from;   /* while PRESENT: then it has certainly expired */
    bool overlapped;            /* more than one of them at a time: which the Server took first is unknown */
    uint32_t length;
    uint8_t identifier[];
};

#define MONITOR_BUCKETS 4096u
#define MONITOR_NEVER   UINT64_MAX

struct monitor {
    struct environment environment;
    struct monitor_hooks hooks;
    struct spec_rules rules; /* for the decoder; nothing is off */
    struct monitored *connections;
    uint64_t connection_count; /* ever opened */
    microseconds next_silence; /* no keep alive can run out before */
    struct monitor_client *idle_newest;
    struct monitor_client *idle_oldest;
    uint32_t idle_count;
    uint64_t awaited; /* open connections without a CONNECT yet */
    uint64_t unheard; /* connections that ended before a CONNECT was seen: the Client may have sent on them */
    bool forgetful;   /* a connection could not be followed: no session is known across connections any more */
    struct monitor_client *buckets[MONITOR_BUCKETS];
};

/* NULL where there is no memory. The caller is its one holder. `known`: it begins here, with nothing in it. */
struct monitor_session *monitor_session_create(struct monitor *monitor, uint64_t connection, bool known);
void monitor_session_drop(struct monitor *monitor, struct monitor_session *session);
/* Forgets what that side sent and holds. */
void monitor_session_forget_flow(struct monitor *monitor, struct monitor_session *session, enum mqtt_side side);
/* Forgets all that both sides sent, and that it ever knew. */
void monitor_session_forget(struct monitor *monitor, struct monitor_session *session);
/* The Server has no state: what it sent and what was subscribed is gone, and what the Client still holds is open. */
void monitor_session_lost_by_server(struct monitor *monitor, struct monitor_session *session);
void monitor_session_add_filter(struct monitor *monitor, struct monitor_session *session,
                                const struct monitor_filter *filter);
/* Takes the next one from the filters of a session. False at the end. */
bool monitor_next_filter(struct mqtt_bytes *filters, struct monitor_filter *filter);

/* The client of that identifier with one connection more, or NULL where there is no memory. */
struct monitor_client *monitor_client_enter(struct monitor *monitor, struct mqtt_bytes identifier);
void monitor_client_leave(struct monitor *monitor, struct monitor_client *client);
/* What the next CONNECT of the client finds. */
void monitor_client_settle(struct monitor *monitor, struct monitor_client *client, enum monitor_existence existence,
                           struct monitor_session *session);
/* The session does not expire. */
void monitor_client_lasts(struct monitor_client *client);
/* Packets that nobody saw may have changed every session. */
void monitor_clients_forget(struct monitor *monitor);
void monitor_clients_destroy(struct monitor *monitor);

/* ---- Connections --------------------------------------------------------------------------------------------- */

/* Named for what is expected next. */
enum monitor_phase {
    MONITOR_AWAITS_CONNECT,
    MONITOR_AWAITS_CONNACK,
    MONITOR_CONNECTED,
    MONITOR_REFUSED, /* nothing but the end */
    MONITOR_FOREIGN, /* a protocol that cannot be judged */
};

/* Answers that one side's packets wait for. Those to PUBLISH, PUBREC and PUBREL by kind; each PUBLISH or PUBREL
 * that repeats one still unanswered is under REPEATED, whose order means nothing. */
enum monitor_awaited {
    MONITOR_AWAITS_PUBACK,
    MONITOR_AWAITS_PUBREC,
    MONITOR_AWAITS_PUBREL,
    MONITOR_AWAITS_PUBCOMP,
    MONITOR_AWAITS_REPEATED,
    MONITOR_AWAITED_COUNT
};

/* An unanswered SUBSCRIBE or UNSUBSCRIBE. */
struct monitor_request {
    struct monitor_request *next;
    enum mqtt_type type;
    uint16_t packet_identifier;
    uint32_t count;
    uint32_t identifier; /* Subscription Identifier, 0 for none */
    uint32_t length;
    uint8_t filters[]; /* of SUBSCRIBE, as encoded */
};

/* What one side must keep because the other announced it in CONNECT or CONNACK of MQTT 5.0. */
struct monitor_limits {
    bool known;           /* it was seen */
    uint32_t packet_size; /* 0 for none */
    uint16_t receive_maximum;
    uint16_t topic_alias_maximum;
};

/* What a Server offers in CONNACK of MQTT 5.0. */
struct monitor_offer {
    uint8_t maximum_qos;
    bool retained;
    bool wildcards;
    bool shared;
    bool identifiers;
};

struct monitor_alias {
    uint8_t *topic; /* NULL for none */
    uint32_t length;
};

/* The Topic Aliases that one side has set on a connection. */
struct monitor_aliases {
    struct monitor_alias *entries; /* by Topic Alias */
    uint32_t capacity;
    uint32_t bytes; /* of all topics */
    bool unknown;   /* others may have been set */
};

/* What one side sends: the unfinished packet at its end. */
struct monitor_stream {
    uint8_t *bytes;
    uint32_t length;
    uint32_t capacity;
    bool silent; /* nothing more is read */
    bool closed;
    bool spoke; /* a packet was understood */
    microseconds closed_at;
};

struct monitored {
    struct monitor *monitor;
    struct monitored *previous;
    struct monitored *next;
    void *owner;
    uint64_t number;
    uint64_t unheard; /* the monitor's count when it was opened */
    enum mqtt_version version;
    enum monitor_phase phase;
    bool version_assumed;
    bool from_start;
    bool connect_missed; /* a CONNECT may have passed unseen, of any Client */
    bool exhausted;      /* memory ran out while a packet was being judged */
    bool undefined;      /* a breach left all that follows undefined */
    bool disconnected[MONITOR_SIDES];
    bool clean_session;
    bool identifier_missing;   /* no Client Identifier, though CleanSession is 0 */
    bool silence_judged;       /* Keep Alive can be judged: accepted, and nothing missing since the last bytes */
    bool seen[MONITOR_SIDES];  /* all that this side sent on this connection was seen */
    uint16_t keep_alive;       /* seconds */
    microseconds client_spoke; /* last */
    struct monitor_stream streams[MONITOR_SIDES];
    struct monitor_client *client;   /* NULL without a Client Identifier */
    struct monitor_session *session; /* NULL before CONNECT, or where there is no memory */
    struct monitor_request *requests;
    uint32_t request_count;
    uint32_t request_bytes;
    struct monitor_queue awaited[MONITOR_SIDES][MONITOR_AWAITED_COUNT]; /* by the side whose message it is about */
    /* Identifiers of this sender that may have more answers on their way than packets: where one was repeated, or
     * answered though nothing was there. An answer may then free the next message that takes the identifier. */
    struct monitor_identifiers loose[MONITOR_SIDES];
    uint64_t last_resent[MONITOR_SIDES]; /* highest sequence resent here, by sender */
    uint64_t last_resent_topic[MONITOR_SIDES];
    uint8_t last_resent_qos[MONITOR_SIDES];
    /* Of MQTT 5.0, from here on. */
    bool asked;                /* its CONNECT was seen */
    bool informed;             /* the Client has certainly received the CONNACK that was seen */
    bool identifier_empty;     /* in CONNECT */
    bool response_asked;       /* Request Response Information is 1 */
    bool problem_refused;      /* Request Problem Information is 0 */
    bool has_method;           /* CONNECT names an Authentication Method */
    bool session_denied;       /* Session Present is 0 though Clean Start is 0 */
    bool session_unwanted;     /* Session Present is 1 though Clean Start is 1 */
    bool impatient;            /* the Client did not wait for the end of authentication */
    bool server_keep_alive;    /* `keep_alive` is the Server's */
    uint64_t method;           /* hash */
    microseconds acknowledged; /* when CONNACK was seen */
    uint32_t asked_expiry;     /* Session Expiry Interval in CONNECT */
    uint32_t expiry_shortest;  /* what may be in force, in seconds */
    uint32_t expiry_longest;
    struct monitor_limits limits[MONITOR_SIDES]; /* by the side that must keep them */
    struct monitor_offer offer;
    struct monitor_aliases aliases[MONITOR_SIDES]; /* by sender */
    int64_t unacknowledged[MONITOR_SIDES]; /* by sender; below 0 after answers to what an earlier connection saw */
    /* While a packet is being judged. */
    microseconds now;
    const struct mqtt_packet *packet;
    struct mqtt_bytes bytes;
};

static inline enum mqtt_side monitor_other(enum mqtt_side side) {
    return side == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT;
}

/* Something of this conversation or of this session's memory is missing: forget, and judge only what comes. */
void monitor_lose_track(struct monitored *connection);
/* The Topic Aliases that were set are not known any more, and others may be. */
void monitor_forget_aliases(struct monitored *connection);
/* Nothing that follows on this connection is defined any more. */
void monitor_leave_undefined(struct monitored *connection);
/* CONNECT will not be answered any more, or the answer was missed. `accepted` is not known then. */
void monitor_connect_unanswered(struct monitored *connection);

struct monitor_request *monitor_request_find(const struct monitored *connection, enum mqtt_type type,
                                             uint16_t packet_identifier);
void monitor_request_remove(struct monitored *connection, struct monitor_request *request);
/* Takes the next one from the filters of an unanswered SUBSCRIBE. False at the end. */
bool monitor_next_requested(const struct monitored *connection, const struct monitor_request *request,
                            struct mqtt_bytes *filters, struct monitor_filter *filter);
/* The Server may have taken the unanswered SUBSCRIBEs before the connection ended. */
void monitor_requests_end(struct monitored *connection);

/* ---- Rules
 * ----------------------------------------------------------------------------------------------------------- */

enum monitor_rule {
    MONITOR_RULE_BEFORE_CONNECT,
    MONITOR_RULE_FIRST_NOT_CONNACK,
    MONITOR_RULE_SECOND_CONNACK,
    MONITOR_RULE_AFTER_REFUSAL,
    MONITOR_RULE_PRESENT_AFTER_CLEAN,
    MONITOR_RULE_NOT_PRESENT,
    MONITOR_RULE_PRESENT_FROM_NOWHERE,
    MONITOR_RULE_EMPTY_IDENTIFIER_ACCEPTED,
    MONITOR_RULE_SECOND_CONNECT,
    MONITOR_RULE_EMPTY_IDENTIFIER,
    MONITOR_RULE_AFTER_DISCONNECT,
    MONITOR_RULE_KEEP_ALIVE,
    MONITOR_RULE_REQUEST_IDENTIFIER_IN_USE,
    MONITOR_RULE_IDENTIFIER_IN_USE_QOS_1,
    MONITOR_RULE_IDENTIFIER_IN_USE_QOS_2,
    MONITOR_RULE_RESENT_OTHER_IDENTIFIER,
    MONITOR_RULE_RESENT_WITHOUT_DUP,
    MONITOR_RULE_FIRST_WITH_DUP_QOS_1,
    MONITOR_RULE_FIRST_WITH_DUP_QOS_2,
    MONITOR_RULE_RESENT_AFTER_PUBREL,
    MONITOR_RULE_RESENT_ORDER,
    MONITOR_RULE_NOT_RESENT,
    MONITOR_RULE_PUBREL_EARLY,
    MONITOR_RULE_PUBREL_UNKNOWN,
    MONITOR_RULE_PUBREL_ORDER,
    MONITOR_RULE_ANSWERS_NOTHING,
    MONITOR_RULE_WRONG_ANSWER,
    MONITOR_RULE_PUBACK_ORDER,
    MONITOR_RULE_PUBREC_ORDER,
    MONITOR_RULE_PUBCOMP_UNKNOWN,
    MONITOR_RULE_SUBACK_UNKNOWN,
    MONITOR_RULE_SUBACK_COUNT,
    MONITOR_RULE_GRANT_ABOVE_REQUEST,
    MONITOR_RULE_UNSUBACK_UNKNOWN,
    MONITOR_RULE_NO_SUBSCRIPTION,
    MONITOR_RULE_DOLLAR_TOPIC,
    MONITOR_RULE_QOS_ABOVE_GRANT,
    MONITOR_RULE_IDENTIFIER_OF_NO_SUBSCRIPTION,
    MONITOR_RULE_IDENTIFIER_MISSING,
    MONITOR_RULE_RETAIN_UNASKED,
    MONITOR_RULE_UNSUBACK_COUNT,
    MONITOR_RULE_SERVER_KEEP_ALIVE,
    MONITOR_RULE_RESENT_ON_CONNECTION,
    MONITOR_RULE_RECEIVE_MAXIMUM,
    MONITOR_RULE_PACKET_SIZE,
    MONITOR_RULE_REASON_STRING_SIZE,
    MONITOR_RULE_USER_PROPERTY_SIZE,
    MONITOR_RULE_PROBLEM_INFORMATION,
    MONITOR_RULE_RESPONSE_INFORMATION,
    MONITOR_RULE_ALIAS_UNWANTED,
    MONITOR_RULE_ALIAS_TOO_HIGH,
    MONITOR_RULE_ALIAS_NOT_SET,
    MONITOR_RULE_QOS_NOT_OFFERED,
    MONITOR_RULE_RETAIN_NOT_OFFERED,
    MONITOR_RULE_WILDCARD_NOT_OFFERED,
    MONITOR_RULE_SHARED_NOT_OFFERED,
    MONITOR_RULE_IDENTIFIER_NOT_OFFERED,
    MONITOR_RULE_NO_ASSIGNED_IDENTIFIER,
    MONITOR_RULE_ASSIGNED_NOT_UNIQUE,
    MONITOR_RULE_EXPIRY_RAISED,
    MONITOR_RULE_EARLY_DISCONNECT,
    MONITOR_RULE_GOES_ON_WITHOUT_SESSION,
    MONITOR_RULE_RESENT_OF_LOST_SESSION,
    MONITOR_RULE_BEFORE_AUTHENTICATED,
    MONITOR_RULE_NO_METHOD_ASKED,
    MONITOR_RULE_METHOD_MISSING,
    MONITOR_RULE_OTHER_METHOD,
    MONITOR_RULE_OTHER_METHOD_AGAIN,
    MONITOR_RULE_AUTH_REASON,
    MONITOR_RULE_AUTH_REASON_OF_OTHER_SIDE,
    MONITOR_RULE_COUNT
};

/* `side` broke the rule with the packet that is being judged. Tells it, unless the version has no such rule or
 * what is known does not suffice for it. */
void monitor_breach(const struct monitored *connection, enum mqtt_side side, enum monitor_rule rule);
/* The same, for a rule whose statement depends on the type of the packet. */
void monitor_breach_of(const struct monitored *connection, enum mqtt_side side, enum monitor_rule rule,
                       enum spec_statement statement);

/* ---- Judges
 * ---------------------------------------------------------------------------------------------------------- */

void monitor_client_packet(struct monitored *connection, const struct mqtt_packet *packet);
void monitor_server_packet(struct monitored *connection, const struct mqtt_packet *packet);

/* The connection is one of that Client, whose CONNECT has no answer yet. */
void monitor_enter_client(struct monitored *connection, struct mqtt_bytes identifier);

/* ---- What MQTT 5.0 adds: all of these do nothing in a connection of another version --------------------------------
 */

static inline bool monitor_in_5_0(const struct monitored *connection) {
    return connection->version == MQTT_5_0;
}

/* The Client may have lost its session, though nothing was seen of that: it changed the Session Expiry Interval in a
 * DISCONNECT that was lost. Where CONNACK says that there is a session, it must leave then; so it has one as soon as it
 * shows that it goes on. */
static inline bool monitor_may_have_lost_session(const struct monitored *connection, enum mqtt_side side) {
    return side == MQTT_CLIENT && monitor_in_5_0(connection) && !connection->informed;
}

/* What CONNECT and CONNACK announce. */
void monitor_take_connect(struct monitored *connection, const struct mqtt_connect *connect);
void monitor_take_connack(struct monitored *connection, const struct mqtt_connack *connack);

/* A packet of any type: its size, and what it says of problems. */
void monitor_judge_limits(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet);
/* The topic of a PUBLISH, resolved where it is an alias; empty where it is not known. */
struct mqtt_bytes monitor_topic(struct monitored *connection, enum mqtt_side side, const struct mqtt_publish *publish);
void monitor_judge_offer(struct monitored *connection, const struct mqtt_packet *packet);

/* One more PUBLISH of QoS 1 or 2 by `sender` is on its way, or one fewer. */
void monitor_use_quota(struct monitored *connection, enum mqtt_side sender);
void monitor_free_quota(struct monitored *connection, enum mqtt_side sender);

/* The Server shows that it still holds the session. */
void monitor_session_heard(struct monitored *connection);
/* The Client asks for another Session Expiry Interval as it leaves. */
void monitor_change_expiry(struct monitored *connection, const struct mqtt_disconnect *disconnect);
/* The Session Expiry Interval may have been changed unseen. */
void monitor_expiry_unknown(struct monitored *connection);
/* The connection is gone: from when on is its session gone as well? */
void monitor_expiry_begins(struct monitored *connection);

void monitor_judge_authentication(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet);
void monitor_judge_connack_method(struct monitored *connection, const struct mqtt_connack *connack);

/* PUBLISH and its acknowledgements follow the same rules on both sides. */
void monitor_publish(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet);
void monitor_puback(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet);
void monitor_pubrec(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet);
void monitor_pubrel(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet);
void monitor_pubcomp(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet);

#endif
