/* The broker core's own structures. Known to the files of the core only; the way in is broker.h. */
#ifndef MQSPEC_CORE_H
#define MQSPEC_CORE_H

#include "codec/codec.h"
#include "reference/broker.h"
#include "reference/identifier_set.h"
#include "reference/memory.h"
#include "reference/topic_tree.h"

/* ---- Messages ------------------------------------------------------------------------------------------- */

/* An Application Message, stored once however many deliveries wait for it. */
struct message {
    uint32_t references;
    uint32_t topic_length;
    uint32_t payload_length;
    uint8_t qos;     /* as published */
    bool retain;     /* as published */
    bool dup;        /* as published */
    uint8_t bytes[]; /* the topic, then the payload */
};

/* A new message with one reference, or NULL where there is no memory. */
struct message *message_create(struct broker *broker, const struct mqtt_publish *publish, uint8_t flags);
void message_keep(struct message *message);
void message_release(struct broker *broker, struct message *message); /* NULL is fine */
struct mqtt_bytes message_topic(const struct message *message);
struct mqtt_bytes message_payload(const struct message *message);

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

/* A Topic Filter that a session subscribed to. */
struct subscription {
    struct session *session;
    struct topic_node *node;
    struct subscription *next_of_session, *previous_of_session;
    struct subscription *next_of_node, *previous_of_node;
    uint8_t qos; /* granted */
};

/* What a node of the tree of filters holds. */
struct subscribers {
    struct subscription *first;
    uint32_t count;
};

/* A QoS 1 or 2 message on its way to one Client, section 4.3. */
enum delivery_state {
    DELIVERY_QUEUED,   /* not sent yet */
    DELIVERY_SENT,     /* PUBLISH sent: waits for PUBACK or PUBREC */
    DELIVERY_RELEASED, /* PUBREL sent: waits for PUBCOMP; the message itself is no longer needed */
    DELIVERY_STATES
};

struct delivery {
    struct delivery *next, *previous;
    struct message *message; /* NULL once released, but for a deviation */
    uint16_t packet_identifier;
    uint8_t qos;
    bool retain;
    enum delivery_state state;
};

/* Deliveries of one state, in the order that section 4.6 asks for. */
struct delivery_list {
    struct delivery *first, *last;
    uint32_t count;
};

/* Section 4.1. */
struct session {
    struct session *hash_next;
    struct session *next, *previous; /* all sessions */
    struct broker *broker;
    struct connection *connection; /* NULL while the Client is away */
    uint64_t hash;
    bool clean; /* ends with its connection */
    enum mqtt_version version;
    struct subscription *subscriptions;
    uint32_t subscription_count;
    struct delivery_list deliveries[DELIVERY_STATES];
    struct delivery **by_identifier; /* index: Packet Identifier; the first is unused */
    uint32_t identifier_capacity;
    uint32_t last_identifier;
    struct identifier_set received; /* QoS 2 identifiers from the Client that wait for PUBREL */
    uint16_t last_acknowledged;     /* QoS 1 identifier from the Client; only a deviation reads it */
    uint64_t matched;               /* the publication that last matched */
    uint8_t matched_qos;            /* and the QoS that its subscriptions give it */
    struct session *matched_next;   /* further sessions that this publication reaches */
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
    CONNECTED,
    CLOSING, /* nothing: output is sent, then the connection is closed */
    CONNECTION_STATES
};

struct connection {
    struct broker *broker;
    struct connection *next, *previous; /* all connections */
    struct connection *ready_next;
    void *owner;
    uint64_t number;
    struct session *session; /* while CONNECTED */
    struct message *will;
    enum connection_state state;
    enum mqtt_version version;
    bool is_ready;                /* in the list of ready connections */
    bool refused;                 /* its CONNECT was answered with a refusal */
    const char *given_up;         /* why nothing more can be sent; dropped when it is next ready. NULL: all is well */
    microseconds allowed_silence; /* 0: keep alive is off */
    microseconds last_received;
    microseconds deadline;
    size_t timer;            /* place in the heap of timers, or NO_TIMER */
    struct mqtt_bytes input; /* the start of an unfinished packet, owned */
    uint32_t input_capacity;
    uint32_t input_packet_size; /* of the unfinished packet; 0 while its Fixed Header is unfinished */
    struct output output;
};

#define NO_TIMER SIZE_MAX

/* Connections by deadline: a binary heap. */
struct timers {
    struct connection **heap;
    size_t count;
    size_t capacity;
};

bool timers_reserve(struct broker *broker, size_t count);
void timers_set(struct broker *broker, struct connection *connection, microseconds deadline);
void timers_remove(struct broker *broker, struct connection *connection);

/* ---- The broker ----------------------------------------------------------------------------------------- */

struct broker {
    struct memory memory;
    struct broker_settings settings;
    struct spec_rules rules;
    microseconds now;
    uint64_t last_connection_number;
    struct connection *connections;
    struct connection *ready_first, *ready_last;
    struct timers timers;
    struct session_table sessions;
    struct topic_tree subscriptions; /* of filters; values are struct subscribers */
    struct topic_tree retained;      /* of names; values are struct message */
    uint64_t publications;           /* so far; marks sessions that a publication has matched */
    struct broker_counts counts;
    /* What a broker that breaks MQTT-3.1.2-10 keeps of a Will. */
    struct message *kept_will;
    uint64_t kept_will_client;                /* hash of its Client Identifier */
    uint8_t altered[1024];                    /* what a broker that breaks MQTT-4.7.3-4 makes of a topic */
    uint8_t header[MQTT_MAXIMUM_STRING + 16]; /* where the header of a PUBLISH is encoded */
};

/* connection.c */
void connection_report(struct connection *connection, enum broker_event_kind kind, const struct mqtt_packet *packet,
                       const struct mqtt_error *error);
/* Encodes into the output and marks the connection ready. */
void connection_send(struct connection *connection, const struct mqtt_packet *packet);
/* For packets that consist of a type and a Packet Identifier. */
void connection_acknowledge(struct connection *connection, enum mqtt_type type, uint16_t packet_identifier);
void connection_mark_ready(struct connection *connection);
/* Nothing more can be sent to this Client. It is dropped when the caller has finished what it is about: a
 * connection never ends in the middle of distributing a message. `what` is static. */
void connection_give_up(struct connection *connection, const char *what);
/* Ends the conversation: the session is left, the Will published unless it was discarded. The connection stays for
 * its output to be sent. Does nothing on a connection that is closing. */
void connection_end(struct connection *connection);
/* A broker that breaks MQTT-3.1.2-10 keeps the Will for the Client's next connection. */
void connection_keep_will(struct connection *connection);
/* Ends the conversation because of `error`. */
void connection_drop(struct connection *connection, const struct mqtt_error *error);
void connection_drop_for(struct connection *connection, enum mqtt_error_class error_class, enum mqtt_reason reason,
                         enum spec_statement statement, const char *what);

/* session.c */
bool sessions_begin(struct broker *broker);
void sessions_end(struct broker *broker);
struct session *session_find(struct broker *broker, struct mqtt_bytes client_identifier);
struct session *session_create(struct broker *broker, struct mqtt_bytes client_identifier);
void session_destroy(struct session *session);
struct mqtt_bytes session_client_identifier(const struct session *session);
uint64_t session_hash(struct broker *broker, struct mqtt_bytes client_identifier);

/* subscription.c */
/* NULL where there is no memory. `existed` tells whether the session had this filter before. */
struct subscription *subscription_set(struct session *session, struct mqtt_bytes filter, uint8_t qos, bool *existed);
struct subscription *subscription_find(struct session *session, struct mqtt_bytes filter);
void subscription_remove(struct subscription *subscription);

/* delivery.c */
void delivery_add(struct session *session, struct message *message, uint8_t qos, bool retain);
void delivery_pump(struct session *session); /* sends what is queued as far as the limits let it */
void delivery_resume(struct session *session);
void delivery_finish(struct session *session, struct delivery *delivery);
struct delivery *delivery_find(const struct session *session, uint16_t packet_identifier);
void delivery_release(struct session *session, struct delivery *delivery); /* PUBREC came: PUBREL goes out */
void delivery_clear(struct session *session);

/* Encodes a PUBLISH into the output. `message`, if not NULL, holds the payload. */
void delivery_send_publish(struct connection *connection, const struct mqtt_publish *publish, uint8_t flags,
                           struct message *message);

/* publish.c */
/* The topic as it is: only a broker that breaks MQTT-4.7.3-4 or MQTT-1.5.3-3 returns another. */
struct mqtt_bytes topic_as_received(struct broker *broker, struct mqtt_bytes topic);
/* Distributes a message to all whose subscriptions match. `message` may be NULL: one is made when needed. */
void publish_to_subscribers(struct broker *broker, const struct mqtt_publish *publish, uint8_t flags,
                            struct message *message);
void publish_retain(struct broker *broker, const struct mqtt_publish *publish, uint8_t flags);
void publish_retained_to(struct subscription *subscription, struct mqtt_bytes filter);
void publish_will(struct broker *broker, struct message *will);
void retained_clear(struct broker *broker);

/* handle_*.c: one for each Control Packet that a Client sends. */
typedef void packet_handler(struct connection *connection, const struct mqtt_packet *packet);
packet_handler handle_connect, handle_publish, handle_puback, handle_pubrec, handle_pubrel, handle_pubcomp,
    handle_subscribe, handle_unsubscribe, handle_pingreq, handle_disconnect;

#endif
