/* The reference broker's core: what the standard asks of a Server, and nothing else.
 *
 * The core does no I/O. Whoever owns the network hands in new connections, received bytes and the time, takes out
 * bytes to send, and closes connections when told to:
 *
 *     struct connection *connection = broker_accept(broker, now, socket);
 *     broker_receive(connection, bytes, now);              // whenever something arrived
 *     broker_tick(broker, now);                            // once now >= broker_deadline(broker)
 *     while ((connection = broker_next_ready(broker)) != NULL) {   // before sleeping
 *         count = broker_output(connection, views, MAXIMUM_VIEWS);
 *         broker_sent(connection, written);
 *         if (broker_is_closing(connection)) ... close the socket once all output is written, then:
 *             broker_closed(connection, now);              // the connection is gone
 *     }
 *
 * Time is given to each call and must not go back. A broker is used from one thread at a time; brokers share
 * nothing. */
#ifndef MQSPEC_BROKER_H
#define MQSPEC_BROKER_H

#include "codec/codec.h"
#include "reference/environment.h"
#include "reference/scram.h"

struct broker;
struct connection;
struct store;

/* ---- What the broker reports ---------------------------------------------------------------------------- */

enum broker_event_kind {
    BROKER_ACCEPTED,     /* a Network Connection was opened */
    BROKER_CONNECTED,    /* CONNACK 0 was sent */
    BROKER_REFUSED,      /* CONNACK with another code was sent; error says why */
    BROKER_DISCONNECTED, /* the Client sent DISCONNECT */
    BROKER_DROPPED,      /* the Server closes the connection; error says why */
    BROKER_LOST,         /* the network closed the connection without DISCONNECT */
    BROKER_TAKEN_OVER,   /* another connection came with the same Client Identifier */
    BROKER_WILL,         /* a Will Message was published; packet is that PUBLISH */
    BROKER_DISCARDED,    /* a message was discarded because too many wait; once until the Client has caught up */
    BROKER_PACKET_IN,    /* packet was received; only with settings.report_packets */
    BROKER_PACKET_OUT,   /* packet was put into the output; only with settings.report_packets */
};

struct broker_event {
    enum broker_event_kind kind;
    uint64_t connection;                 /* counts up from 1 */
    enum mqtt_version version;           /* of the connection; unknown before CONNECT */
    struct mqtt_bytes client_identifier; /* empty before CONNECT */
    struct mqtt_bytes user_name;         /* of a Client that is connected; absent: none */
    const struct mqtt_packet *packet;    /* or NULL */
    struct mqtt_error error;             /* error_class MQTT_NO_ERROR unless something was refused */
};

/* ---- Settings ------------------------------------------------------------------------------------------- */

/* The Client that a question is about. */
struct broker_client {
    uint64_t connection; /* its number; 0 while the Client is away */
    enum mqtt_version version;
    struct mqtt_bytes client_identifier; /* empty where the Server is still to assign one */
    struct mqtt_bytes user_name;         /* of CONNECT, of enhanced authentication, or certified; absent: none */
    bool is_certified;                   /* broker_name_user() gave the user name */
    struct connection *asking;           /* for broker_defer(); NULL where the answer cannot come later */
};

/* Everything in an event or a question lives only until the callback returns. Callbacks must not call the broker. */
struct broker_hooks {
    void *context;
    /* Each may be NULL: nothing is reported, everybody is let in, everything is allowed. */
    void (*report)(void *context, const struct broker_event *event);
    /* Returns the CONNACK return code for these credentials; a Client of 5.0 gets the Reason Code of the same meaning.
     */
    enum mqtt_connect_return_code (*authenticate)(void *context, const struct broker_client *client,
                                                  const struct mqtt_connect *connect);
    /* Enhanced authentication of 5.0: what is stored of this user's password for SCRAM-SHA-256. False for a user that
     * is not known. NULL: no Authentication Method is supported. */
    bool (*scram_credentials)(void *context, struct mqtt_bytes user_name, struct scram_credentials *credentials);
    /* Asked about each message, and about the Will when its Client connects: where that is denied, the Client is not
     * let in. */
    bool (*may_publish)(void *context, const struct broker_client *client, struct mqtt_bytes topic);
    bool (*may_subscribe)(void *context, const struct broker_client *client, struct mqtt_bytes filter);
    /* A message of a Client was taken, a subscription was made or replaced, one was ended by UNSUBSCRIBE. */
    void (*published)(void *context, const struct broker_client *client, const struct mqtt_publish *publish,
                      uint8_t flags);
    void (*subscribed)(void *context, const struct broker_client *client, struct mqtt_bytes filter, uint8_t qos);
    void (*unsubscribed)(void *context, const struct broker_client *client, struct mqtt_bytes filter);
    /* Asked before a message is delivered through a subscription, or queued for a Client that is away; what is denied
     * is left out. */
    bool (*may_receive)(void *context, const struct broker_client *client, struct mqtt_bytes topic);
};

struct broker_settings {
    uint32_t maximum_packet_size;  /* of a whole packet from a Client, bytes; announced in 5.0 */
    uint32_t maximum_connections;  /* at one time; a further CONNECT is answered with return code 3 */
    uint32_t maximum_in_flight;    /* QoS 1 and 2 messages sent to one Client and not acknowledged; 1 to 65534 */
    uint32_t maximum_queued;       /* further messages kept for one session; the newest is discarded when full */
    uint32_t maximum_queued_bytes; /* of all messages kept for one session, in flight too; the newest is discarded */
    uint32_t maximum_output;       /* bytes waiting to be sent to one Client, beyond which QoS 0 is discarded */
    uint32_t maximum_client_identifier; /* bytes; at least 23 for 3.1.1 */
    microseconds connect_timeout;       /* from a connection's opening to its CONNECT */
    bool report_packets;
    /* What CONNACK of 5.0 announces, and the Server then holds to. */
    uint16_t receive_maximum;        /* QoS 1 and 2 messages from one Client, not acknowledged; 1 to 65535 */
    uint16_t topic_alias_maximum;    /* Topic Aliases that a Client may use; 0: none */
    uint16_t maximum_keep_alive;     /* seconds; a longer one is replaced by this Server Keep Alive. 0: any goes */
    uint32_t maximum_session_expiry; /* seconds; a longer Session Expiry Interval is shortened to this */
    uint8_t maximum_qos;             /* of a PUBLISH from a Client; 0 to 2 */
    bool retain_available;           /* retained messages are kept */
    /* Given to a Client that asks for it, at most 1024 bytes; absent: none. Not copied. */
    struct mqtt_bytes response_information;
    struct mqtt_bytes server_reference; /* every CONNECT is refused with this other Server; absent: none. Not copied */
    uint16_t own_topic_aliases;         /* that the Server uses towards one Client, as far as that allows it */
    struct broker_hooks hooks;
    /* Where Sessions and retained messages are kept beyond the process; NULL: nowhere. Not copied: it lives as long as
     * the broker. */
    const struct store *store;
};

/* Settings that suit a tester's machine. */
struct broker_settings broker_default_settings(void);

/* ---- Life ----------------------------------------------------------------------------------------------- */

/* Both structs are copied. NULL where there is no memory. */
struct broker *broker_create(const struct broker_settings *settings, const struct environment *environment);

/* Releases everything, connections included. */
void broker_destroy(struct broker *broker);

/* The Server is about to stop: Clients of 5.0 are told so, and every connection is to be closed. */
void broker_shut_down(struct broker *broker, microseconds now);

/* Which statements hold, and how often each was reached. Switch statements off here before the first connection. */
struct spec_rules *broker_rules(struct broker *broker);

/* ---- Connections ---------------------------------------------------------------------------------------- */

/* A new Network Connection. `owner` is handed back by broker_owner(). NULL where there is no memory: close the
 * socket. The connection lives until broker_closed(). */
struct connection *broker_accept(struct broker *broker, microseconds now, void *owner);
void *broker_owner(const struct connection *connection);
uint64_t broker_connection_number(const struct connection *connection);

/* Something else than CONNECT has proven who the Client is, a certificate say: its user name, whatever CONNECT says.
 * Called before the first bytes. False where there is no memory: close the connection. */
bool broker_name_user(struct connection *connection, struct mqtt_bytes user_name);

/* Bytes that arrived, cut anywhere. They are not kept after the call returns, but for an unfinished packet at
 * their end, which is copied. Bytes for a connection that is closing are ignored. */
void broker_receive(struct connection *connection, struct mqtt_bytes bytes, microseconds now);

/* The network closed the connection, or the owner did after broker_is_closing(). The pointer is dead after this.
 * May be called at any time outside of callbacks. */
void broker_closed(struct connection *connection, microseconds now);

/* A connection that has output to send, or is to be closed, and was not returned since that changed. NULL when
 * there is none. One that was given up meanwhile, for want of memory or because its Client asks and does not read, is
 * dropped here. */
struct connection *broker_next_ready(struct broker *broker);

/* Views of the first bytes waiting to be sent, at most `capacity` views; returns how many were filled. They live
 * until the next call on this broker other than broker_output. */
size_t broker_output(struct connection *connection, struct mqtt_bytes *views, size_t capacity);

/* The first `count` bytes of the output were written. */
void broker_sent(struct connection *connection, size_t count);

/* The Server wants the connection closed, after its output is sent. */
bool broker_is_closing(const struct connection *connection);

/* ---- From the host program ------------------------------------------------------------------------------- */

/* An Application Message of the host's own, section 3.3. */
struct broker_message {
    struct mqtt_bytes topic;      /* a Topic Name; one that begins with $ is fine */
    struct mqtt_bytes payload;    /* at most what a PUBLISH can carry */
    struct mqtt_bytes properties; /* as on the wire behind their length, without a Topic Alias; absent: none */
    uint8_t qos;                  /* 0 to 2 */
    bool retain;
};

/* Distributes a message to all whose subscriptions match, and retains it where it says so: as a PUBLISH from a Client
 * of 5.0 that nobody asks whether it may. Nothing of *message is kept. False, and nothing done, where it cannot be a
 * PUBLISH, or no memory is left to look. Where memory is short later, it is lost to those for whom there was none.
 * May be called at any time outside of callbacks; the output that it makes is there at the next broker_next_ready(). */
bool broker_publish(struct broker *broker, const struct broker_message *message, microseconds now);

/* ---- Answers that come later -------------------------------------------------------------------------------
 *
 * Until its question is answered, a Client waits: nothing of what it sent from that packet on takes effect. The others
 * are served. Where it goes, or is not let in within connect_timeout, the question is dropped. */

/* Called by authenticate, may_publish or may_subscribe, for the client that they were given: the answer comes later,
 * and what the hook returns is not looked at. Returns the ticket to answer with, of this broker alone and never given
 * twice; or 0 where the hook has to answer now after all: in may_publish for the Will of a Client that authenticated
 * itself by SCRAM, or where memory is short. */
uint64_t broker_defer(const struct broker_client *client);

/* From inside the same callback: what it returns is the answer after all, and the ticket is void. */
void broker_undefer(const struct broker_client *client);

/* The answer: a CONNACK return code, of which MQTT_CONNECTION_ACCEPTED allows what was asked about, and for may_publish
 * and may_subscribe all others deny it. False, and nothing done, for a ticket that nobody waits for any more. May be
 * called at any time outside of callbacks. */
bool broker_answer(struct broker *broker, uint64_t ticket, enum mqtt_connect_return_code code, microseconds now);

/* False while so much waits behind a question that the owner should leave the rest in the network. It may change with
 * each call on the broker that makes the connection ready. */
bool broker_takes_input(const struct connection *connection);

/* Something that this Client sent waits for an answer. Where the network ends meanwhile, the owner keeps the connection
 * until that is over: what was sent before the end counts, DISCONNECT too. */
bool broker_is_waiting(const struct connection *connection);

/* ---- What outlives the process --------------------------------------------------------------------------
 *
 * With a store, output may be sent only once what it acknowledges is durable: between broker_receive() and
 * broker_next_ready() comes broker_commit(), once for all that a turn of the loop brought. What is added to the output
 * after a commit waits for the next: broker_is_ready() tells that there is something to commit or to send. Without a
 * store, none of these needs to be called.
 *
 * While the broker does not run, Sessions and messages go on expiring by the environment's wall clock. Where that jumps
 * back, they live longer. */

/* Takes up what the store has. To be called once, after statements were switched off and before anything else. Returns
 * NULL, or in words what is wrong: then the broker is good for nothing but broker_destroy(), and the store is as it
 * was. The words live as long as the store. */
const char *broker_restore(struct broker *broker, microseconds now);

/* Makes all changes durable. False where the store failed, now or before: nothing of what was changed since the commit
 * before will be acknowledged, and the broker is to be ended. */
bool broker_commit(struct broker *broker, microseconds now);

/* Why the store failed, in words without full stop; NULL while all is well. */
const char *broker_failure(const struct broker *broker);

/* There are connections that broker_next_ready() returns, or will after the next commit. */
bool broker_is_ready(const struct broker *broker);

/* ---- Time ----------------------------------------------------------------------------------------------- */

/* When broker_tick() wants to be called next; NO_DEADLINE when nothing waits. */
microseconds broker_deadline(const struct broker *broker);

/* Does all that is due: keep alive and connect timeouts, Sessions and messages that expire, Wills that were delayed. */
void broker_tick(struct broker *broker, microseconds now);

/* ---- Numbers, for tests and people ---------------------------------------------------------------------- */

struct broker_counts {
    /* Now. */
    uint64_t connections;          /* open */
    uint64_t clients;              /* of which CONNECT was accepted */
    uint64_t sessions;             /* stored, connected or not */
    uint64_t subscriptions;        /* shared ones too */
    uint64_t shared_subscriptions; /* those of each Client */
    uint64_t retained;
    uint64_t messages;      /* alive in memory */
    uint64_t message_bytes; /* topics, payloads and properties of those */
    uint64_t in_flight;     /* QoS 1 and 2 messages sent to Clients, not acknowledged */
    /* Since the start. */
    uint64_t most_clients; /* at one time */
    uint64_t accepted;     /* connections */
    uint64_t connects;     /* CONNECT packets */
    uint64_t received;     /* PUBLISH packets */
    uint64_t sent;         /* PUBLISH packets */
    uint64_t discarded;    /* messages */
    uint64_t expired;      /* Sessions */
    uint64_t packets_received;
    uint64_t packets_sent;
    uint64_t bytes_received;
    uint64_t bytes_sent;
    uint64_t payload_bytes_received; /* of PUBLISH packets */
    uint64_t payload_bytes_sent;
};

struct broker_counts broker_counts(const struct broker *broker);

#endif
