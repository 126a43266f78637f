/* libmqspec: the reference broker of mqspec, run inside a program of your own.
 *
 * It speaks MQTT 3.1, 3.1.1 and 5.0. A complete program:
 *
 *     #include <mqspec.h>
 *     #include <stdio.h>
 *
 *     int main(void) {
 *         struct mqspec_settings settings = {0};
 *         char error[MQSPEC_ERROR_SIZE];
 *         struct mqspec_broker *broker = mqspec_broker_create(&settings, error);
 *         if (broker == NULL || mqspec_broker_listen(broker, "mqtt://127.0.0.1:1883", error) < 0 ||
 *             !mqspec_broker_run(broker, error))
 *             fprintf(stderr, "%s\n", error);
 *         mqspec_broker_destroy(broker);
 *     }
 *
 * Build it with: cc program.c $(pkg-config --cflags --libs mqspec)
 *
 * Threads. The library starts none and has no state of its own outside of brokers. A broker belongs to one thread: the
 * one that creates it calls it, and gets its callbacks, for as long as it lives. Only mqspec_broker_stop() may be
 * called from other threads and from signal handlers. Several brokers may run in one process, each in a thread of its
 * own or several in one thread's loop.
 *
 * Signals. Writing to a Client that has gone raises none. */
#ifndef MQSPEC_H
#define MQSPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default) /* the library's own functions are hidden */
#endif

struct mqspec_broker;

/* ---- What callbacks are told ---------------------------------------------------------------------------------- */

/* Bytes that the library owns; they live until the callback returns. Not terminated by a zero. `data` is NULL where
 * there are none. */
struct mqspec_bytes {
    const void *data;
    size_t length;
};

struct mqspec_client {
    uint64_t connection;            /* counts up from 1 in each broker; a Client that comes back has a new one */
    unsigned version;               /* 3: MQTT 3.1, 4: MQTT 3.1.1, 5: MQTT 5.0 */
    struct mqspec_bytes identifier; /* Client Identifier; empty in authenticate where the broker is to choose one */
    struct mqspec_bytes user_name;  /* as CONNECT has it, or as certified; data is NULL where there is none */
    bool is_certified;              /* the user name is that of the Client's certificate, which was checked */
};

struct mqspec_message {
    struct mqspec_bytes topic; /* a Topic Name, section 4.7 of the standard; no wildcards, no zero character */
    struct mqspec_bytes payload;
    unsigned qos; /* 0 to 2 */
    bool retain;  /* the topic keeps it for those who subscribe later */
};

enum mqspec_answer {
    MQSPEC_ALLOW = 0,
    MQSPEC_DENY = 1,
    MQSPEC_LATER = 2, /* the answer is given by mqspec_answer() */
};

/* Names one question. Never 0, and never given twice by one broker. */
typedef uint64_t mqspec_ticket;

/* Each callback may be NULL: nothing is reported, everybody is let in, everything is allowed. `context` is that of the
 * settings.
 *
 * From inside a callback, mqspec_publish(), mqspec_answer(), mqspec_statistics() and mqspec_broker_stop() may be
 * called; no other function with this broker. */
struct mqspec_callbacks {
    /* It listens. `url` is the one that was given; `port` is the one that the system chose where that was 0. Called
     * from inside mqspec_broker_listen(). */
    void (*ready)(void *context, const char *url, int port);

    /* A Client was let in: its CONNACK is on its way. */
    void (*connected)(void *context, const struct mqspec_client *client);
    /* A Client that was let in is gone. `reason` says why, in words without full stop: "the Client sent DISCONNECT". */
    void (*disconnected)(void *context, const struct mqspec_client *client, const char *reason);

    /* A Client published a message, and was allowed to. Not called for Wills, nor for what the host publishes. */
    void (*published)(void *context, const struct mqspec_client *client, const struct mqspec_message *message);
    /* A subscription was made or replaced, with the QoS that was granted; one was ended by UNSUBSCRIBE. */
    void (*subscribed)(void *context, const struct mqspec_client *client, struct mqspec_bytes filter, unsigned qos);
    void (*unsubscribed)(void *context, const struct mqspec_client *client, struct mqspec_bytes filter);

    /* May this Client come in with this password; may it publish to this topic, as a Will too; may it subscribe with
     * this filter? A Client that is denied is told so as its version of the standard has it: "not authorized" in
     * CONNACK, PUBACK, PUBREC or SUBACK of 5.0; before 5.0 a PUBLISH that is denied is acknowledged and goes nowhere.
     *
     * With MQSPEC_LATER, the Client waits until mqspec_answer() is called with `ticket`: nothing of what it sent from
     * there on takes effect, and the order of its packets is kept. Other Clients are served. A CONNECT has to be
     * answered within connect_timeout. */
    enum mqspec_answer (*authenticate)(void *context, mqspec_ticket ticket, const struct mqspec_client *client,
                                       struct mqspec_bytes password);
    enum mqspec_answer (*authorize_publish)(void *context, mqspec_ticket ticket, const struct mqspec_client *client,
                                            struct mqspec_bytes topic);
    enum mqspec_answer (*authorize_subscribe)(void *context, mqspec_ticket ticket, const struct mqspec_client *client,
                                              struct mqspec_bytes filter);

    /* What an operator should know, in one sentence without full stop: there is no descriptor left for a connection. */
    void (*notice)(void *context, const char *text);
};

/* ---- Life ------------------------------------------------------------------------------------------------------- */

enum mqspec_client_certificate { MQSPEC_CERTIFICATE_NONE, MQSPEC_CERTIFICATE_OPTIONAL, MQSPEC_CERTIFICATE_REQUIRED };

/* For mqtts:// and wss://. Names of PEM files, which are read while the broker is created. All zero: no TLS. */
struct mqspec_tls {
    const char *certificate; /* with the certificates that it rests on behind it */
    const char *key;         /* NULL: it is in the certificate's file */
    const char *authorities; /* of Clients' certificates; NULL: those that the system trusts */
    enum mqspec_client_certificate client_certificate; /* what is asked of Clients */
    bool user_from_certificate;                        /* its Common Name is the Client's user name */
    bool only_1_3;                                     /* TLS 1.2 is refused */
};

/* All of it may be zero: then each limit is the default that stands beside it. */
struct mqspec_settings {
    void *context; /* given to each callback */
    struct mqspec_callbacks callbacks;

    uint32_t maximum_packet_size;  /* bytes of a packet from a Client, at least 16; 16 MiB */
    uint32_t maximum_connections;  /* at one time; further Clients are refused. 100000 */
    uint32_t maximum_queued;       /* messages kept for a Session beside those in flight; 100000 */
    uint32_t maximum_queued_bytes; /* of all messages kept for a Session; 64 MiB */
    uint32_t maximum_in_flight;    /* QoS 1 and 2 messages sent to a Client and not acknowledged, at most 65534; 1000 */
    uint32_t maximum_output;       /* bytes waiting for a Client, beyond which QoS 0 messages are discarded; 8 MiB */
    uint32_t connect_timeout;      /* milliseconds from a connection to its CONNECT being answered; 30000 */

    struct mqspec_tls tls;

    /* The directory of an LMDB store, made if it is not there (not so those above it), in which Sessions, their
     * messages and retained messages outlive the program; one broker at a time. NULL: they are kept in memory. What
     * was acknowledged to a Client is there however the program ends. While it is opened the library forks a process,
     * which looks for damage and ends. */
    const char *store_directory;
    uint64_t store_size; /* bytes, at most; 64 GiB */

    /* Statements of the standard that the broker is to break, as `mqspec broker --list-deviations` names them:
     * "MQTT5:3.3.1-12". NULL: none. Read while the broker is created. */
    const char *const *deviations;
    size_t deviation_count;
};

/* Room that is always enough for what went wrong, as a sentence without full stop. */
#define MQSPEC_ERROR_SIZE 512

/* NULL, with what went wrong in `error`. Nothing of *settings is kept but what `context` points to. */
struct mqspec_broker *mqspec_broker_create(const struct mqspec_settings *settings, char error[MQSPEC_ERROR_SIZE]);

/* Listens on "mqtt://ADDRESS:PORT", or "ws://ADDRESS:PORT" for MQTT over WebSocket, or on mqtts:// and wss:// for both
 * over TLS: an address of this machine or a host name, IPv6 in brackets; port 0 lets the system choose. May be called
 * several times. Returns the port, or -1 with what went wrong in `error`. Clients are served from the next turn on. */
int mqspec_broker_listen(struct mqspec_broker *broker, const char *url, char error[MQSPEC_ERROR_SIZE]);

/* Tells Clients of 5.0 that the Server is shutting down, closes all connections, and frees all. `disconnected` is still
 * called for each Client. NULL is fine. Not from inside a callback. */
void mqspec_broker_destroy(struct mqspec_broker *broker);

/* ---- Running: in a thread of its own ------------------------------------------------------------------------------
 */

/* Serves until mqspec_broker_stop(). True then; it may be called again. False with what went wrong in `error` where the
 * system refuses to wait for sockets, or the store fails: then nothing that was acknowledged is lost, nothing more is
 * acknowledged, and the broker is to be destroyed. */
bool mqspec_broker_run(struct mqspec_broker *broker, char error[MQSPEC_ERROR_SIZE]);

/* Has mqspec_broker_run() return soon; where it does not run now, as soon as it is called. From any thread and from
 * signal handlers, as long as the broker is not being destroyed. Keeps errno. */
void mqspec_broker_stop(struct mqspec_broker *broker);

/* ---- Running: in the host's own loop --------------------------------------------------------------------------------
 *
 * The host waits until the descriptor is readable or the time is up, then takes a turn:
 *
 *     struct pollfd one = {.fd = mqspec_broker_descriptor(broker), .events = POLLIN};
 *     for (;;) {
 *         poll(&one, 1, mqspec_broker_timeout(broker));
 *         mqspec_broker_turn(broker, error);
 *     }
 *
 * The timeout is asked for anew before each wait: mqspec_publish() and mqspec_answer() shorten it. */

/* For poll, select, epoll, libuv, and what else waits for descriptors; to be asked for readability alone. It stays the
 * same while the broker lives. On Linux alone: elsewhere it is -1, and mqspec_broker_run() is to be used. */
int mqspec_broker_descriptor(const struct mqspec_broker *broker);

/* Milliseconds until a turn is due, rounded up; -1: only the descriptor matters. */
int mqspec_broker_timeout(const struct mqspec_broker *broker);

/* Does all that can be done without waiting. False as mqspec_broker_run(). Not from inside a callback. */
bool mqspec_broker_turn(struct mqspec_broker *broker, char error[MQSPEC_ERROR_SIZE]);

/* ---- From the host ------------------------------------------------------------------------------------------------
 *
 * What is published or answered takes effect in the next turn, in the order of the calls. Where that is inside a
 * callback, or before mqspec_broker_run(), it needs nothing more. With a store, it is durable when that turn is over.
 */

/* Publishes to all who have subscribed, as if a Client did that may do everything; topics that begin with $ are fine.
 * *message is copied. False, and nothing is done, where it is no message that MQTT can carry or no memory is left. */
bool mqspec_publish(struct mqspec_broker *broker, const struct mqspec_message *message);

/* Answers a question that a callback left for later: MQSPEC_ALLOW, or another answer that denies. Where its Client has
 * gone meanwhile, or was answered already, nothing happens. False where no memory is left: the question stays. */
bool mqspec_answer(struct mqspec_broker *broker, mqspec_ticket ticket, enum mqspec_answer answer);

struct mqspec_statistics {
    /* Now. */
    uint64_t clients;
    uint64_t sessions; /* also of Clients that are away */
    uint64_t subscriptions;
    uint64_t retained;
    /* Since the start. */
    uint64_t messages_received; /* from Clients */
    uint64_t messages_sent;     /* to Clients */
    uint64_t messages_discarded;
    uint64_t bytes_received;
    uint64_t bytes_sent;
};

struct mqspec_statistics mqspec_statistics(const struct mqspec_broker *broker);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
