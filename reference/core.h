/* The broker core's own structures. Known to the files of the core only; the way in is broker.h. */
#ifndef MQSPEC_CORE_H
#define MQSPEC_CORE_H

#include "codec/codec.h"
#include "reference/broker.h"
#include "reference/identifier_set.h"
#include "reference/memory.h"
#include "reference/scram.h"
#include "reference/store.h"
#include "reference/topic_tree.h"

/* ---- Messages ------------------------------------------------------------------------------------------- */

/* An Application Message, stored once however many deliveries wait for it. */
struct message {
    uint32_t references;
    uint32_t topic_length;
    uint32_t payload_length;
    uint32_t properties_length;
    uint32_t properties_room;
    uint32_t records;         /* in the store that refer to it */
    uint64_t expiry_interval; /* seconds, as published; NO_EXPIRY: none */
    microseconds published;   /* when the Server got it: the Message Expiry Interval counts from here */
    uint64_t publisher;       /* hash of the publisher's Client Identifier; 0: the Server itself */
    uint64_t number;          /* in the store; 0: it is not there */
    uint8_t qos;              /* as published */
    bool retain;              /* as published */
    bool dup;                 /* as published */
    uint8_t bytes[];          /* the topic, the payload, then the properties that are passed on */
};

#define NO_EXPIRY UINT64_MAX /* above every Message Expiry Interval */

/* What is to become a message: a PUBLISH from a Client, or a Will. */
struct application_message {
    struct mqtt_bytes topic;
    struct mqtt_bytes payload;
    struct mqtt_bytes properties; /* as received, or of a message; message_copy_properties() takes what is passed on */
    bool is_stored;               /* the properties are those of a message: all are passed on */
    bool is_will;
    uint8_t flags; /* of the PUBLISH */
    uint64_t expiry_interval;
    microseconds published;
    uint64_t publisher;
};

/* The parts of a PUBLISH or Will that was received now. */
struct application_message message_parts(const struct broker *broker, const struct mqtt_publish *publish,
                                         uint8_t flags);

/* Writes the properties that go with the message to whoever gets it, at most parts->properties.length bytes, and
 * returns how many: not those that belong to one connection (Topic Alias, Subscription Identifier) or change on the way
 * (Message Expiry Interval, Will Delay Interval). */
uint32_t message_copy_properties(struct broker *broker, const struct application_message *parts, uint8_t *to);

/* A new message with one reference, or NULL where there is no memory. */
struct message *message_create(struct broker *broker, const struct application_message *parts);
void message_keep(struct message *message);
void message_release(struct broker *broker, struct message *message); /* NULL is fine */
struct mqtt_bytes message_topic(const struct message *message);
struct mqtt_bytes message_payload(const struct message *message);
/* Its topic, payload and properties together. */
uint64_t message_bytes(const struct message *message);
/* The parts again, as views into the message. */
struct application_message message_view(const struct message *message);
/* Its Message Expiry Interval has passed. */
bool message_has_expired(const struct broker *broker, const struct message *message);
/* The Message Expiry Interval to send: what is left of it, at least 1 while it has not passed. */
uint32_t message_expiry_left(const struct broker *broker, const struct application_message *parts);

/* ---- Timers --------------------------------------------------------------------------------------------- */

enum timer_kind { TIMER_CONNECTION, TIMER_SESSION, TIMER_RETAINED };

/* Part of what waits; the kind tells what that is. */
struct timer {
    microseconds deadline;
    size_t place; /* in the heap, or NO_TIMER */
    enum timer_kind kind;
};

#define NO_TIMER SIZE_MAX

/* By deadline: a binary heap. */
struct timers {
    struct timer **heap;
    size_t count;
    size_t capacity;
    size_t reserved; /* by all who may set one */
};

/* Makes room for one more timer, so that setting it cannot fail; false where there is no memory. */
bool timers_reserve(struct broker *broker, struct timer *timer, enum timer_kind kind);
/* The owner of a timer ends. */
void timers_return(struct broker *broker, struct timer *timer);
/* NO_DEADLINE takes it away. */
void timers_set(struct broker *broker, struct timer *timer, microseconds deadline);

/* ---- Output --------------------------------------------------------------------------------------------- */

/* Bytes waiting to be sent: a chain of chunks. Small packets are copied together; a large payload stays where its
 * message lies. */
struct output {
    struct output_chunk *first;
    struct output_chunk *last;
    size_t waiting; /* bytes in all chunks */
};

/* Room for `size` bytes in a row; NULL where there is no memory. output_commit() makes the first of them part of
 * the output. */
uint8_t *output_reserve(struct broker *broker, struct output *output, size_t size);
void output_commit(struct output *output, size_t size);
/* Appends the payload of a message without copying it. */
bool output_append_payload(struct broker *broker, struct output *output, struct message *message);
size_t output_views(const struct output *output, struct mqtt_bytes *views, size_t capacity);
void output_consume(struct broker *broker, struct output *output, size_t count);
void output_clear(struct broker *broker, struct output *output);

/* ---- Sessions ------------------------------------------------------------------------------------------- */

/* Topic Names by Topic Alias, section 3.3.2.3.4 of 5.0. They live as long as the connection. */
struct topic_aliases {
    struct mqtt_bytes *topics; /* index: Topic Alias - 1; owned; absent where nothing was set */
    uint32_t count;            /* places */
};

/* A Topic Filter that a session subscribed to. */
struct subscription {
    struct session *session;
    struct topic_node *node;
    struct share *share; /* NULL: not shared */
    struct subscription *next_of_session, *previous_of_session;
    struct subscription *next_of_node, *previous_of_node; /* of the share, where there is one */
    struct subscription *also_matched;                    /* of the same session, in one publication */
    uint64_t number;                                      /* in the store; 0: it is not there */
    uint32_t identifier;                                  /* Subscription Identifier; 0: none */
    uint8_t options;                                      /* Subscription Options, with the QoS that was granted */
};

/* The Sessions that share a Topic Filter under one ShareName, section 4.8.2 of 5.0. It lives as long as it has members
 * or deliveries that were chosen through it. */
struct share {
    struct share *next; /* at the same node */
    struct topic_node *node;
    struct subscription *first;
    struct subscription *turn; /* who is asked first for the next message */
    struct share *next_chosen; /* that the same publication reaches */
    uint32_t members;
    uint32_t deliveries;
    uint32_t name_length;
    uint8_t name[];
};

/* What a node of the tree of filters holds. */
struct subscribers {
    struct subscription *first;
    uint32_t count;
    struct share *shares;
};

/* A QoS 1 or 2 message on its way to one Client, section 4.3. */
enum delivery_state {
    DELIVERY_QUEUED,   /* waits to be sent, the first time or, with a Packet Identifier, again */
    DELIVERY_SENT,     /* PUBLISH sent: waits for PUBACK or PUBREC */
    DELIVERY_RELEASED, /* PUBREL sent: waits for PUBCOMP; the message itself is no longer needed */
    DELIVERY_STATES
};

struct delivery {
    struct delivery *next, *previous;
    struct message *message; /* NULL once released, but for a deviation */
    struct share *share;     /* through which it was chosen, or NULL */
    uint32_t *identifiers;   /* Subscription Identifiers */
    uint64_t number;         /* in the store; 0: it is not there */
    uint16_t identifier_count;
    uint16_t packet_identifier; /* 0: never sent */
    uint8_t qos;
    bool retain;
    enum delivery_state state;
};

/* Deliveries of one state, in the order that section 4.6 asks for. */
struct delivery_list {
    struct delivery *first, *last;
    uint32_t count;
};

#define SESSION_NEVER_EXPIRES UINT32_MAX

/* What the store has of a Session. */
struct kept_session {
    uint64_t number;      /* 0: it is not there */
    struct message *will; /* that its record refers to, with a reference; or NULL */
};

/* Section 4.1. */
struct session {
    struct session *hash_next;
    struct session *next, *previous; /* all sessions */
    struct broker *broker;
    struct connection *connection; /* NULL while the Client is away */
    uint64_t hash;
    uint32_t expiry; /* seconds after its connection; 0: it ends with that. Before 5.0, 0 or never by CleanSession */
    enum mqtt_version version;
    struct timer timer;    /* for the next two */
    microseconds expires;  /* NO_DEADLINE while the Client is there */
    microseconds will_due; /* NO_DEADLINE: no Will waits */
    microseconds left;     /* when its connection ended; undefined while the Client is there */
    struct message *will;  /* delayed */
    uint32_t will_delay;   /* seconds */
    struct kept_session kept;
    struct subscription *subscriptions;
    uint32_t subscription_count;
    struct delivery_list deliveries[DELIVERY_STATES];
    uint64_t kept_bytes;             /* of the messages of all deliveries */
    struct delivery **by_identifier; /* index: Packet Identifier; the first is unused */
    uint32_t identifier_capacity;
    uint32_t last_identifier;
    uint32_t identifiers_taken;
    struct identifier_set received;    /* QoS 2 identifiers from the Client that wait for PUBREL */
    uint16_t last_acknowledged;        /* QoS 1 identifier from the Client; only a deviation reads it */
    uint16_t last_expiring;            /* QoS 2 identifier of a message that can expire; only a deviation reads it */
    struct topic_aliases kept_aliases; /* of the connection before, where MQTT-3.3.2-7 is broken */
    uint64_t matched_in;               /* the publication that last matched, by its number */
    struct subscription *matched_by;   /* the first of its subscriptions that did */
    struct session *next_reached;      /* that the same publication reaches */
    struct mqtt_bytes user_name;       /* of its last connection, owned; absent: none */
    bool is_certified;
    uint32_t client_identifier_length;
    uint8_t client_identifier[];
};

struct session_table {
    struct session **buckets;
    size_t bucket_count;
    size_t count;
    uint64_t seed;
    struct session *first;
};

/* ---- Connections ---------------------------------------------------------------------------------------- */

/* What is expected next on a connection. */
enum connection_state {
    AWAITING_CONNECT,
    AUTHENTICATING, /* CONNECT came, CONNACK has not been sent: AUTH */
    CONNECTED,
    CLOSING, /* nothing: output is sent, then the connection is closed */
    CONNECTION_STATES
};

/* What CONNECT of 5.0 says of this connection; before 5.0 as if it said nothing. */
struct client_limits {
    uint32_t maximum_packet_size; /* 0: no limit */
    uint16_t receive_maximum;
    uint16_t topic_alias_maximum;
    bool wants_problem_information;
    bool wants_response_information;
    bool wants_session_to_stay; /* it has a Session Expiry Interval above 0 */
};

/* Of a Client whose CONNECT says nothing of them. */
extern const struct client_limits client_no_limits;

/* Enhanced authentication, section 4.12 of 5.0. */
struct authentication {
    struct mqtt_bytes connect; /* the whole CONNECT, owned, until it is answered */
    struct scram scram;
    bool is_under_way;
    uint32_t user_name_length;
    uint8_t user_name[SCRAM_LONGEST];
};

/* What the host was asked about one packet, so that it can be asked later: see hold.c. */
struct hold {
    struct connection *connection;
    struct hold *next, *previous; /* of those that wait */
    uint64_t ticket;              /* of the question that waits; 0: none */
    bool is_anew;                 /* the packet is handled again */
    uint32_t capacity;
    uint32_t answered;
    uint32_t asked;    /* while the packet is handled: questions so far */
    uint8_t answers[]; /* CONNACK return codes, in the order of the questions */
};

/* Bytes kept for a Client behind the packet that waits. It bounds what one costs that goes on sending. */
#define HELD_INPUT 65536u

struct connection {
    struct broker *broker;
    struct connection *next, *previous; /* all connections */
    struct connection *ready_next;
    void *owner;
    uint64_t number;
    struct session *session; /* while CONNECTED */
    struct message *will;
    uint32_t will_delay; /* seconds */
    enum connection_state state;
    enum mqtt_version version;
    bool is_ready;                /* in the list of ready connections */
    bool discards;                /* BROKER_DISCARDED was reported, and messages still wait */
    bool refused;                 /* its CONNECT was answered with a refusal */
    bool uses_scram;              /* CONNECT named the Authentication Method */
    const char *given_up;         /* why nothing more can be sent; dropped when it is next ready. NULL: all is well */
    microseconds allowed_silence; /* 0: keep alive is off */
    microseconds last_received;
    struct timer timer;
    struct client_limits limits;
    uint16_t own_topic_aliases; /* that the Server uses */
    uint32_t in_flight_limit;   /* as many messages may be on their way to the Client at a time */
    struct topic_aliases aliases_in;
    struct topic_aliases aliases_out;
    uint32_t unacknowledged;               /* QoS 2 messages from the Client on this connection, before their PUBCOMP */
    struct authentication *authentication; /* NULL where there is none */
    struct mqtt_bytes certified_user;      /* owned; absent: none */
    struct hold *hold;                     /* of the packet that is being handled, or waits; or NULL */
    struct mqtt_bytes input;               /* the start of an unfinished packet, owned */
    uint32_t input_capacity;
    uint32_t input_packet_size; /* of the unfinished packet; 0 while its Fixed Header is unfinished */
    struct output output;
    uint64_t answers_waiting; /* bytes of the output that are no PUBLISH, about */
    size_t committed;         /* bytes of the output that may be sent; only where there is a store */
};

/* Properties of one packet beside those of its message: as many Subscription Identifiers as this has room for. */
#define PROPERTIES_ROOM 4096u

/* ---- The broker ----------------------------------------------------------------------------------------- */

struct broker {
    struct memory memory;
    struct broker_settings settings;
    struct spec_rules rules;
    microseconds now;
    uint64_t last_connection_number;
    struct connection *connections;
    struct connection *ready_first, *ready_last;
    struct connection *ready_committed; /* the last whose output may be sent; only where there is a store */
    const struct store *store;          /* NULL: nothing is kept */
    uint64_t last_number;               /* of those that records have */
    microseconds wall_offset;           /* from the core's clock to that on the wall */
    bool is_uncommitted;                /* the store was changed since the last commit */
    const char *failure;                /* of the store, in words; NULL: all is well */
    struct timers timers;
    struct session_table sessions;
    struct topic_tree subscriptions; /* of filters; values are struct subscribers */
    struct topic_tree retained;      /* of names; values are struct message */
    struct timer retained_timer;     /* for the first retained message that expires */
    uint64_t publications;           /* so far; marks sessions that a publication has matched */
    bool is_ending;                  /* nothing is published any more */
    struct broker_counts counts;
    struct hold *held_first, *held_last; /* packets that wait for the host, in the order of their questions */
    uint64_t last_ticket;
    /* What a broker that breaks MQTT-3.1.2-10 keeps of a Will. */
    struct message *kept_will;
    uint64_t kept_will_client;           /* hash of its Client Identifier */
    uint8_t altered[1024];               /* what a broker that breaks MQTT-4.7.3-4 makes of a topic */
    uint8_t text[MQTT_MAXIMUM_STRING];   /* where the text of a filter is put together */
    uint8_t properties[PROPERTIES_ROOM]; /* where the properties of a packet are put together */
};

/* connection.c */
void connection_report(struct connection *connection, enum broker_event_kind kind, const struct mqtt_packet *packet,
                       const struct mqtt_error *error);
/* Reports a message that was discarded, unless that was done since the Client last had caught up: a Client that is slow
 * would fill the log. */
void connection_report_discarded(struct connection *connection);
/* Encodes into the output and marks the connection ready. In 5.0, what may be left out is left out where the packet
 * would otherwise be larger than the Client accepts. Not for PUBLISH. */
void connection_send(struct connection *connection, const struct mqtt_packet *packet);
/* For packets that consist of a type, a Packet Identifier and in 5.0 a Reason Code. `what`, if not NULL, becomes the
 * Reason String. */
void connection_acknowledge(struct connection *connection, enum mqtt_type type, uint16_t packet_identifier,
                            enum mqtt_reason reason, const char *what);
/* A set of properties with this Reason String alone; absent before 5.0, for `what` NULL, and where the Client of 5.0
 * does not want to be told (`type` is the packet's). Lives until the next call. */
struct mqtt_bytes connection_reason_string(struct connection *connection, enum mqtt_type type, const char *what);
void connection_mark_ready(struct connection *connection);
/* A PUBLISH was put into its output. */
void connection_count_publish(struct connection *connection, uint32_t payload_length);
/* Nothing more can be sent to this Client. It is dropped when the caller has finished what it is about: a
 * connection never ends in the middle of distributing a message. `what` is static. */
void connection_give_up(struct connection *connection, const char *what);
/* Ends the conversation: the session is left, the Will published unless it was discarded. The connection stays for
 * its output to be sent. Does nothing on a connection that is closing. */
void connection_end(struct connection *connection);
/* A broker that breaks MQTT-3.1.2-10 keeps the Will for the Client's next connection. */
void connection_keep_will(struct connection *connection);
/* Sends DISCONNECT to a Client of 5.0. `what` is static. */
void connection_tell(struct connection *connection, enum mqtt_reason reason, const char *what);
/* Ends the conversation because of `error`, and tells a Client of 5.0 so. */
void connection_drop(struct connection *connection, const struct mqtt_error *error);
void connection_drop_for(struct connection *connection, enum mqtt_error_class error_class, enum mqtt_reason reason,
                         enum spec_statement statement, const char *what);

/* The host has answered: the packet that waited is handled again, then what came after it. */
void connection_handle_anew(struct connection *connection);

/* hold.c */
/* The packet may bring so many questions. To be called before the first of them where there may be more than one. */
void hold_begin(struct connection *connection, uint32_t questions);
/* The packet was handled, or its connection ends. */
void hold_end(struct connection *connection);
/* A question waits: the handler returns, and is called again with the same packet. */
static inline bool hold_is_waiting(const struct connection *connection) {
    return connection->hold != NULL && connection->hold->ticket != 0;
}
/* The handler was called with this packet before. */
static inline bool hold_is_anew(const struct connection *connection) {
    return connection->hold != NULL && connection->hold->is_anew;
}
/* False where the next question was not answered yet and is to be put; its answer is then noted. */
bool hold_recall(struct connection *connection, enum mqtt_connect_return_code *answer);
void hold_note(struct connection *connection, enum mqtt_connect_return_code answer);
/* What a yes or no is kept as. */
static inline enum mqtt_connect_return_code hold_code(bool allowed) {
    return allowed ? MQTT_CONNECTION_ACCEPTED : MQTT_NOT_AUTHORIZED;
}

/* session.c */
bool sessions_begin(struct broker *broker);
void sessions_end(struct broker *broker);
struct session *session_find(struct broker *broker, struct mqtt_bytes client_identifier);
struct session *session_create(struct broker *broker, struct mqtt_bytes client_identifier);
/* The Session ends: a Will that was delayed is published now. */
void session_destroy(struct session *session);
/* Its connection is gone; it stays until it expires. */
void session_leave(struct session *session);
/* A connection took it up again: the Will that was delayed is dropped. */
void session_resume(struct session *session);
/* Keeps the Will to be published after `delay` seconds. */
void session_delay_will(struct session *session, struct message *will, uint32_t delay);
/* `expires` or `will_due` changed. */
void session_set_timer(struct session *session);
/* The session's timer is due. */
void session_time_is_up(struct session *session);
/* A QoS 2 message came, and its PUBREL. False where there is no memory. */
bool session_note_received(struct session *session, uint16_t packet_identifier);
void session_forget_received(struct session *session, uint16_t packet_identifier);
struct mqtt_bytes session_client_identifier(const struct session *session);
/* Who its Client is, for a question to the host. */
struct broker_client session_client(const struct session *session);
/* Takes a copy. False where there is no memory. */
bool session_name_user(struct session *session, struct mqtt_bytes user_name, bool is_certified);
uint64_t session_hash(struct broker *broker, struct mqtt_bytes client_identifier);

/* subscription.c */
/* NULL where there is no memory. `existed` tells whether the session had this filter before. */
struct subscription *subscription_set(struct session *session, struct mqtt_bytes filter, uint8_t options,
                                      uint32_t identifier, bool *existed);
struct subscription *subscription_find(struct session *session, struct mqtt_bytes filter);
void subscription_remove(struct subscription *subscription);
/* Writes the whole filter, with $share and ShareName, and returns it. It has room for MQTT_MAXIMUM_STRING bytes. */
struct mqtt_bytes subscription_filter(const struct subscription *subscription, uint8_t *text);

/* share.c */
struct share *share_of(struct broker *broker, struct topic_node *node, struct mqtt_bytes name);
struct share *share_find(const struct subscribers *subscribers, struct mqtt_bytes name);
void share_join(struct share *share, struct subscription *subscription);
void share_quit(struct share *share, struct subscription *subscription);
/* Whose turn it is: a member whose Client is connected before one whose is not, and never `except`. NULL where there
 * is none. */
struct subscription *share_choose(struct share *share, const struct session *except);
/* Writes the whole filter, as subscription_filter(). Empty for NULL and for a share that has no members any more. */
struct mqtt_bytes share_filter(const struct share *share, uint8_t *text);
void share_hold(struct share *share);                           /* NULL is fine */
void share_release(struct broker *broker, struct share *share); /* NULL is fine */

/* delivery.c */
#define IDENTIFIERS_ONCE 512u /* Subscription Identifiers in one PUBLISH; for more, further copies are sent */

/* What a message is to be delivered with. */
struct delivery_terms {
    uint8_t qos;
    bool retain;
    struct share *share;
    const uint32_t *identifiers;
    uint16_t identifier_count;
};
void delivery_add(struct session *session, struct message *message, const struct delivery_terms *terms);
/* One that the store had, after all those that came before it. NULL where there is no memory, or where its Packet
 * Identifier is taken. */
struct delivery *delivery_restore(struct session *session, struct message *message, const struct delivery_terms *terms,
                                  enum delivery_state state, uint16_t packet_identifier);
void delivery_pump(struct session *session); /* sends what is queued as far as the limits let it */
void delivery_resume(struct session *session);
void delivery_finish(struct session *session, struct delivery *delivery);
struct delivery *delivery_find(const struct session *session, uint16_t packet_identifier);
void delivery_release(struct session *session, struct delivery *delivery); /* PUBREC came: PUBREL goes out */
void delivery_clear(struct session *session);
/* The session ends: what was chosen for it from a Shared Subscription and may go to another member does. */
void delivery_hand_over(struct session *session);
/* Forgets the QoS 2 messages of Shared Subscriptions that are under way. */
void delivery_forget_shared(struct session *session);
/* How many messages may be on their way to this Client at a time, section 4.9 of 5.0. Those whose PUBREL was sent count
 * as well, also on a new connection: that is never more than the Client allows. */
uint32_t delivery_quota(struct connection *connection);
/* As many messages are on their way as the Client lets there be. */
bool delivery_quota_is_used(const struct session *session);
/* The Client refused the message. */
void delivery_refused(struct session *session, struct delivery *delivery);

/* send_publish.c */
/* A PUBLISH to one Client. */
struct outgoing {
    const struct application_message *parts;
    struct message *message; /* the same, where it is stored; or NULL */
    const uint32_t *identifiers;
    uint16_t identifier_count;
    uint16_t packet_identifier;
    uint8_t flags;
};
/* Encodes it into the output. False where the Client does not accept a packet so large: nothing was sent. */
bool send_publish(struct connection *connection, const struct outgoing *outgoing);

/* topic_alias.c */
/* Sets or looks up the alias of a PUBLISH from the Client: publish->topic becomes the Topic Name. False where the
 * connection was dropped. */
bool topic_alias_resolve(struct connection *connection, struct mqtt_publish *publish);
/* How many Topic Aliases the Server uses towards this Client. */
uint16_t topic_aliases_to_use(struct connection *connection);
/* The Topic Alias to send for this topic, 0 for none; *known tells that the Client has it already. */
uint16_t topic_alias_for(struct connection *connection, struct mqtt_bytes topic, bool *known);
/* What it was set with did not reach the Client. */
void topic_alias_withdraw(struct connection *connection, uint16_t alias);
void topic_aliases_clear(struct broker *broker, struct topic_aliases *aliases);

/* authenticate.c */
/* CONNECT names a method: the exchange begins, and CONNECT is answered when it ends. */
void authentication_begin(struct connection *connection, const struct mqtt_packet *packet);
void authentication_end(struct connection *connection);

/* handle_publish.c */
/* Only the Server publishes to these, and nobody to what the host denies. Asked about messages and Wills. */
bool client_may_publish(struct broker *broker, const struct broker_client *client, struct mqtt_bytes topic);

/* publish.c */
/* What a broker that breaks MQTT-4.7.3-4 or MQTT-1.5.3-3 makes of a topic. */
SPEC_BREACH struct mqtt_bytes topic_altered(struct broker *broker, enum mqtt_version version, struct mqtt_bytes topic);
/* The topic as it is. */
static inline struct mqtt_bytes topic_as_received(struct broker *broker, enum mqtt_version version,
                                                  struct mqtt_bytes topic) {
    return spec_all_hold(&broker->rules) ? topic : topic_altered(broker, version, topic);
}
/* Distributes a message to all whose subscriptions match, and returns how many. `message`, if not NULL, is the same
 * where it is stored. `publisher` is NULL for a Will; it is not reached through subscriptions with No Local. */
uint32_t publish_to_subscribers(struct broker *broker, const struct application_message *parts, struct message *message,
                                struct session *publisher);
/* To one member of a Shared Subscription. */
void publish_to_member(struct broker *broker, struct message *message, struct subscription *member);
void publish_will(struct broker *broker, struct message *will, enum mqtt_version version);

/* retain.c */
/* Without RETAIN nothing is stored, MQTT-3.3.1-12 (5.0: MQTT-3.3.1-8). */
static inline bool is_to_retain(struct broker *broker, enum mqtt_version version, uint8_t flags) {
    return (flags & MQTT_PUBLISH_RETAIN) != 0 ||
           !MUST(&broker->rules, BY_VERSION(version, V311(3_3_1_12), V5(3_3_1_8)));
}
void retain_message(struct broker *broker, enum mqtt_version version, const struct application_message *parts);
/* What a topic retains, or NULL. */
struct message *retained_find(const struct broker *broker, struct mqtt_bytes topic);
/* One that the store had, for a topic that retains nothing yet. False where there is no memory. */
bool retained_restore(struct broker *broker, struct message *message);
void retained_expire(struct broker *broker);
void retained_clear(struct broker *broker);
void publish_retained_to(struct subscription *subscription, struct mqtt_bytes filter);
/* One retained message, for publish_retained_to(). */
void publish_retained(struct subscription *subscription, struct message *message);

/* offer.c */
/* What CONNACK of 5.0 announces of what the Server can do. A broker that breaks MQTT-3.2.2-9, -10, -12 or -13 plays one
 * that can do less. */
uint8_t broker_maximum_qos(struct broker *broker);
bool broker_retains(struct broker *broker);
/* What this Client's Keep Alive and Session Expiry Interval, in seconds, become. */
uint16_t offer_keep_alive(const struct broker *broker, uint16_t asked);
uint32_t offer_session_expiry(const struct broker *broker, const struct mqtt_connect *connect);
/* The properties of a CONNACK that accepts. `assigned` is the Client Identifier that the Server chose, or absent. */
struct mqtt_bytes offer_properties(struct connection *connection, const struct mqtt_connect *connect,
                                   struct mqtt_bytes assigned, struct mqtt_bytes authentication_data);

/* handle_connect.c */
/* Goes on with a CONNECT whose authentication has succeeded; `data` is the Authentication Data for its CONNACK. */
void connect_authenticated(struct connection *connection, const struct mqtt_connect *connect, struct mqtt_bytes data);
/* Answers CONNECT with a refusal and ends the connection. `what` is static. */
void connect_refuse(struct connection *connection, enum mqtt_reason reason, enum spec_statement statement,
                    const char *what);

/* handle_*.c: one for each Control Packet that a Client sends. */
typedef void packet_handler(struct connection *connection, const struct mqtt_packet *packet);
packet_handler handle_connect, handle_publish, handle_puback, handle_pubrec, handle_pubrel, handle_pubcomp,
    handle_subscribe, handle_unsubscribe, handle_pingreq, handle_disconnect, handle_auth;

#endif
