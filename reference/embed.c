/* libmqspec: the core and its shell, behind a header that knows neither. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "include/mqspec.h"
#include "reference/listeners.h"
#include "reference/server.h"
#include "reference/store_lmdb.h"
#include "spec/spec.h"

#define STORE_SIZE (UINT64_C(64) << 30) /* bytes */

/* What the host asked for, from a callback or between turns. All is done in the next turn, when the time is known and
 * the core is not at work. */
struct task {
    struct task *next;
    mqspec_ticket ticket; /* 0: a message */
    enum mqspec_answer answer;
    struct broker_message message;
    uint8_t bytes[]; /* topic, payload */
};

struct mqspec_broker {
    struct event_source source; /* first: of the pipe's reading end */
    struct mqspec_callbacks callbacks;
    void *context;
    struct event_loop *loop;
    struct broker *broker;
    struct server *server;
    struct store store;      /* close() is NULL where nothing is kept */
    struct tls_context *tls; /* NULL without certificate */
    bool names_user;
    struct task *first_task;
    struct task **last_task;
    microseconds deadline;
    int pipe[2]; /* mqspec_broker_stop() writes to it */
    bool is_stopped;
};

static void say(char error[MQSPEC_ERROR_SIZE], const char *what, const char *why) {
    snprintf(error, MQSPEC_ERROR_SIZE, "%s: %s", what, why);
}

/* ---- From the core to the host's callbacks ------------------------------------------------------------------------
 */

static struct mqspec_bytes bytes_out(struct mqtt_bytes bytes) {
    return (struct mqspec_bytes){bytes.data, bytes.length};
}

static struct mqspec_client client_out(const struct broker_client *client) {
    return (struct mqspec_client){.connection = client->connection,
                                  .version = (unsigned)client->version,
                                  .identifier = bytes_out(client->client_identifier),
                                  .user_name = bytes_out(client->user_name),
                                  .is_certified = client->is_certified};
}

static const char *reason_of(const struct broker_event *event) {
    switch (event->kind) {
    case BROKER_DISCONNECTED:
        return "the Client sent DISCONNECT";
    case BROKER_LOST:
        return "the network closed the connection";
    case BROKER_TAKEN_OVER:
        return "another connection has the same Client Identifier";
    case BROKER_DROPPED:
        return event->error.what;
    default:
        return NULL;
    }
}

static void on_report(void *context, const struct broker_event *event) {
    const struct mqspec_broker *host = context;
    const char *reason = reason_of(event);
    const struct mqspec_client client = {.connection = event->connection,
                                         .version = (unsigned)event->version,
                                         .identifier = bytes_out(event->client_identifier),
                                         .user_name = bytes_out(event->user_name)};
    if (event->kind == BROKER_CONNECTED && host->callbacks.connected != NULL)
        host->callbacks.connected(host->context, &client);
    if (reason != NULL && event->client_identifier.data != NULL && host->callbacks.disconnected != NULL)
        host->callbacks.disconnected(host->context, &client, reason);
}

static void on_published(void *context, const struct broker_client *client, const struct mqtt_publish *publish,
                         uint8_t flags) {
    const struct mqspec_broker *host = context;
    const struct mqspec_client who = client_out(client);
    const struct mqspec_message message = {.topic = bytes_out(publish->topic),
                                           .payload = bytes_out(publish->payload),
                                           .qos = mqtt_publish_qos(flags),
                                           .retain = (flags & MQTT_PUBLISH_RETAIN) != 0};
    host->callbacks.published(host->context, &who, &message);
}

static void on_subscribed(void *context, const struct broker_client *client, struct mqtt_bytes filter, uint8_t qos) {
    const struct mqspec_broker *host = context;
    const struct mqspec_client who = client_out(client);
    host->callbacks.subscribed(host->context, &who, bytes_out(filter), qos);
}

static void on_unsubscribed(void *context, const struct broker_client *client, struct mqtt_bytes filter) {
    const struct mqspec_broker *host = context;
    const struct mqspec_client who = client_out(client);
    host->callbacks.unsubscribed(host->context, &who, bytes_out(filter));
}

static void on_notice(void *context, const char *text) {
    const struct mqspec_broker *host = context;
    host->callbacks.notice(host->context, text);
}

/* The ticket is drawn before the host is asked, so that it has it in either case; where it answers at once, the ticket
 * is given back. */
static bool decide(const struct broker_client *client, enum mqspec_answer answer) {
    if (answer != MQSPEC_LATER)
        broker_undefer(client);
    return answer == MQSPEC_ALLOW;
}

static enum mqtt_connect_return_code on_authenticate(void *context, const struct broker_client *client,
                                                     const struct mqtt_connect *connect) {
    const struct mqspec_broker *host = context;
    const struct mqspec_client who = client_out(client);
    mqspec_ticket ticket = broker_defer(client);
    if (ticket == 0)
        return MQTT_SERVER_UNAVAILABLE;
    enum mqspec_answer answer = host->callbacks.authenticate(host->context, ticket, &who, bytes_out(connect->password));
    return decide(client, answer) ? MQTT_CONNECTION_ACCEPTED : MQTT_NOT_AUTHORIZED;
}

static bool on_may_publish(void *context, const struct broker_client *client, struct mqtt_bytes topic) {
    const struct mqspec_broker *host = context;
    const struct mqspec_client who = client_out(client);
    mqspec_ticket ticket = broker_defer(client);
    return ticket != 0 &&
           decide(client, host->callbacks.authorize_publish(host->context, ticket, &who, bytes_out(topic)));
}

static bool on_may_subscribe(void *context, const struct broker_client *client, struct mqtt_bytes filter) {
    const struct mqspec_broker *host = context;
    const struct mqspec_client who = client_out(client);
    mqspec_ticket ticket = broker_defer(client);
    return ticket != 0 &&
           decide(client, host->callbacks.authorize_subscribe(host->context, ticket, &who, bytes_out(filter)));
}

/* What the host does not want to know is not asked. */
static struct broker_hooks hooks_of(struct mqspec_broker *host) {
    const struct mqspec_callbacks *callbacks = &host->callbacks;
    return (struct broker_hooks){
        .context = host,
        .report = callbacks->connected != NULL || callbacks->disconnected != NULL ? on_report : NULL,
        .authenticate = callbacks->authenticate != NULL ? on_authenticate : NULL,
        .may_publish = callbacks->authorize_publish != NULL ? on_may_publish : NULL,
        .may_subscribe = callbacks->authorize_subscribe != NULL ? on_may_subscribe : NULL,
        .published = callbacks->published != NULL ? on_published : NULL,
        .subscribed = callbacks->subscribed != NULL ? on_subscribed : NULL,
        .unsubscribed = callbacks->unsubscribed != NULL ? on_unsubscribed : NULL,
    };
}

/* ---- Life ---------------------------------------------------------------------------------------------------------
 */

static void limit(uint32_t *to, uint32_t from) {
    if (from != 0)
        *to = from;
}

static bool read_settings(struct broker_settings *to, const struct mqspec_settings *from,
                          char error[MQSPEC_ERROR_SIZE]) {
    *to = broker_default_settings();
    limit(&to->maximum_packet_size, from->maximum_packet_size);
    limit(&to->maximum_connections, from->maximum_connections);
    limit(&to->maximum_queued, from->maximum_queued);
    limit(&to->maximum_queued_bytes, from->maximum_queued_bytes);
    limit(&to->maximum_in_flight, from->maximum_in_flight);
    limit(&to->maximum_output, from->maximum_output);
    if (from->connect_timeout != 0)
        to->connect_timeout = from->connect_timeout * UINT64_C(1000);
    if (to->maximum_packet_size < 16)
        say(error, "maximum_packet_size", "takes 16 bytes or more");
    else if (to->maximum_in_flight > 65534)
        say(error, "maximum_in_flight", "takes 1 to 65534");
    else
        return true;
    return false;
}

static bool deviate(struct mqspec_broker *host, const struct mqspec_settings *settings, char error[MQSPEC_ERROR_SIZE]) {
    struct spec_rules *rules = broker_rules(host->broker);
    for (size_t i = 0; i < settings->deviation_count; i++) {
        int statement = SPEC_NONE + 1;
        while (statement < SPEC_COUNT && (strcmp(spec_row(statement)->qualified, settings->deviations[i]) != 0 ||
                                          !spec_can_deviate(spec_row(statement))))
            statement++;
        if (statement == SPEC_COUNT) {
            say(error, settings->deviations[i], "is no deviation; 'mqspec broker --list-deviations' has them all");
            return false;
        }
        spec_switch_off(rules, statement);
    }
    return true;
}

static void on_stop(struct event_source *source, unsigned readiness) {
    struct mqspec_broker *host = (struct mqspec_broker *)source;
    char bytes[64];
    (void)readiness;
    host->is_stopped = read(host->pipe[0], bytes, sizeof bytes) > 0 || host->is_stopped;
}

static bool open_pipe(struct mqspec_broker *host) {
    if (pipe(host->pipe) != 0) {
        host->pipe[0] = host->pipe[1] = -1;
        return false;
    }
    for (int i = 0; i < 2; i++)
        if (fcntl(host->pipe[i], F_SETFL, O_NONBLOCK) != 0 || fcntl(host->pipe[i], F_SETFD, FD_CLOEXEC) != 0)
            return false;
    return event_loop_watch(host->loop, &host->source, host->pipe[0], EVENT_READABLE, on_stop);
}

static bool open_store(struct mqspec_broker *host, const struct mqspec_settings *settings,
                       char error[MQSPEC_ERROR_SIZE]) {
    uint64_t size = settings->store_size != 0 ? settings->store_size : STORE_SIZE;
    return settings->store_directory == NULL || store_lmdb_open(&host->store, settings->store_directory, size, error);
}

/* After statements were switched off. */
static bool restore(struct mqspec_broker *host, const char *directory, char error[MQSPEC_ERROR_SIZE]) {
    const char *problem = broker_restore(host->broker, event_loop_now(host->loop));
    if (problem != NULL)
        snprintf(error, MQSPEC_ERROR_SIZE, "the store in %s %s", directory, problem);
    return problem == NULL;
}

static bool create_all(struct mqspec_broker *host, struct broker_settings *settings) {
    struct environment environment = environment_of_system();
    settings->hooks = hooks_of(host);
    if (host->store.close != NULL)
        settings->store = &host->store;
    errno = ENOMEM;
    host->broker = broker_create(settings, &environment);
    host->loop = event_loop_create();
    if (host->broker == NULL || host->loop == NULL || !open_pipe(host))
        return false;
    host->server = server_create(host->broker, host->loop);
    if (host->server != NULL && host->callbacks.notice != NULL)
        server_tell(host->server, on_notice, host);
    return host->server != NULL;
}

/* The certificates are read, so that the host hears of what is wrong with them at once. */
static bool create_tls(struct mqspec_broker *host, const struct mqspec_tls *given, char error[MQSPEC_ERROR_SIZE]) {
    static const enum tls_demand demands[] = {
        [MQSPEC_CERTIFICATE_NONE] = TLS_NO_CERTIFICATE,
        [MQSPEC_CERTIFICATE_OPTIONAL] = TLS_CERTIFICATE_OPTIONAL,
        [MQSPEC_CERTIFICATE_REQUIRED] = TLS_CERTIFICATE_REQUIRED,
    };
    if (given->certificate == NULL)
        return true;
    if ((unsigned)given->client_certificate >= sizeof demands / sizeof demands[0]) {
        say(error, "tls.client_certificate", "is none of its three values");
        return false;
    }
    const struct tls_settings settings = {
        .side = MQTT_SERVER,
        .certificate = given->certificate,
        .key = given->key,
        .authorities = given->authorities,
        .demand = demands[given->client_certificate],
        .lowest = given->only_1_3 ? TLS_1_3 : TLS_1_2,
    };
    host->tls = tls_context_create(&settings, error, MQSPEC_ERROR_SIZE);
    host->names_user = given->user_from_certificate;
    return host->tls != NULL;
}

static void forget_tasks(struct mqspec_broker *host) {
    while (host->first_task != NULL) {
        struct task *task = host->first_task;
        host->first_task = task->next;
        free(task);
    }
}

static void release(struct mqspec_broker *host) {
    server_destroy(host->server);
    if (host->broker != NULL)
        broker_destroy(host->broker);
    if (host->store.close != NULL)
        host->store.close(host->store.context);
    event_loop_destroy(host->loop);
    for (int i = 0; i < 2; i++)
        if (host->pipe[i] >= 0)
            close(host->pipe[i]);
    tls_context_destroy(host->tls);
    forget_tasks(host);
    free(host);
}

static bool complete(struct mqspec_broker *host, const struct mqspec_settings *settings, struct broker_settings *own,
                     char error[MQSPEC_ERROR_SIZE]) {
    if (!create_tls(host, &settings->tls, error) || !open_store(host, settings, error))
        return false;
    if (!create_all(host, own)) {
        say(error, "cannot create a broker", strerror(errno));
        return false;
    }
    return deviate(host, settings, error) && restore(host, settings->store_directory, error);
}

struct mqspec_broker *mqspec_broker_create(const struct mqspec_settings *settings, char error[MQSPEC_ERROR_SIZE]) {
    struct broker_settings own;
    if (!read_settings(&own, settings, error))
        return NULL;
    struct mqspec_broker *host = calloc(1, sizeof *host);
    if (host == NULL) {
        say(error, "cannot create a broker", strerror(ENOMEM));
        return NULL;
    }
    host->callbacks = settings->callbacks;
    host->context = settings->context;
    host->last_task = &host->first_task;
    host->pipe[0] = host->pipe[1] = -1;
    if (complete(host, settings, &own, error))
        return host;
    release(host);
    return NULL;
}

void mqspec_broker_destroy(struct mqspec_broker *broker) {
    if (broker == NULL)
        return;
    broker_shut_down(broker->broker, event_loop_now(broker->loop));
    server_turn(broker->server);
    release(broker);
}

int mqspec_broker_listen(struct mqspec_broker *broker, const char *url, char error[MQSPEC_ERROR_SIZE]) {
    struct listener_option listener = {0};
    const char *reason;
    if (!listener_parse(&listener, url, &reason)) {
        say(error, url, reason);
        return -1;
    }
    if (transport_has_tls(listener.kind) && broker->tls == NULL) {
        say(error, url, "the settings name no certificate");
        return -1;
    }
    const struct server_listening how = {.kind = listener.kind, .tls = broker->tls, .names_user = broker->names_user};
    int port = server_listen_over(broker->server, listener.address, listener.port, &how, &reason);
    if (port < 0)
        say(error, url, reason);
    else if (broker->callbacks.ready != NULL)
        broker->callbacks.ready(broker->context, url, port);
    return port;
}

/* ---- Tasks --------------------------------------------------------------------------------------------------------
 */

static void add_task(struct mqspec_broker *host, struct task *task) {
    task->next = NULL;
    *host->last_task = task;
    host->last_task = &task->next;
    host->deadline = 0;
}

static struct mqtt_bytes copy(uint8_t *to, struct mqspec_bytes from) {
    if (from.length > 0)
        memcpy(to, from.data, from.length);
    return (struct mqtt_bytes){to, (uint32_t)from.length};
}

/* Of a packet's Remaining Length there go two bytes each for the length of the topic and the Packet Identifier, and one
 * for that of the properties. */
#define LARGEST_PAYLOAD (MQTT_MAXIMUM_REMAINING_LENGTH - MQTT_MAXIMUM_STRING - 5)

bool mqspec_publish(struct mqspec_broker *broker, const struct mqspec_message *message) {
    struct mqspec_bytes topic = message->topic, payload = message->payload;
    if (topic.length == 0 || topic.length > MQTT_MAXIMUM_STRING || payload.length > LARGEST_PAYLOAD || message->qos > 2)
        return false;
    struct mqtt_bytes name = {topic.data, (uint32_t)topic.length};
    if (mqtt_check_text(name, NULL) != MQTT_TEXT_FINE || !mqtt_topic_name_valid(name))
        return false;
    struct task *task = calloc(1, sizeof *task + topic.length + payload.length);
    if (task == NULL)
        return false;
    task->message = (struct broker_message){.topic = copy(task->bytes, topic),
                                            .payload = copy(task->bytes + topic.length, payload),
                                            .qos = (uint8_t)message->qos,
                                            .retain = message->retain};
    add_task(broker, task);
    return true;
}

bool mqspec_answer(struct mqspec_broker *broker, mqspec_ticket ticket, enum mqspec_answer answer) {
    struct task *task = ticket == 0 ? NULL : calloc(1, sizeof *task);
    if (task == NULL)
        return false;
    task->ticket = ticket;
    task->answer = answer;
    add_task(broker, task);
    return true;
}

static void do_task(struct mqspec_broker *host, const struct task *task) {
    microseconds now = event_loop_now(host->loop);
    if (task->ticket == 0)
        (void)broker_publish(host->broker, &task->message, now); /* short of memory: lost, as for a slow Client */
    else
        (void)broker_answer(host->broker, task->ticket,
                            task->answer == MQSPEC_ALLOW ? MQTT_CONNECTION_ACCEPTED : MQTT_NOT_AUTHORIZED, now);
}

/* Those that come meanwhile wait for the next turn. */
static void do_tasks(struct mqspec_broker *host) {
    struct task *task = host->first_task;
    host->first_task = NULL;
    host->last_task = &host->first_task;
    while (task != NULL) {
        struct task *next = task->next;
        do_task(host, task);
        free(task);
        task = next;
    }
}

/* ---- Turns --------------------------------------------------------------------------------------------------------
 */

static bool store_holds(const struct mqspec_broker *host, char error[MQSPEC_ERROR_SIZE]) {
    const char *failure = broker_failure(host->broker);
    if (failure != NULL)
        say(error, "stopped, and nothing that was acknowledged is lost", failure);
    return failure == NULL;
}

static bool turn(struct mqspec_broker *host, microseconds until, char error[MQSPEC_ERROR_SIZE]) {
    if (!store_holds(host, error))
        return false;
    if (event_loop_wait(host->loop, until) < 0) {
        say(error, "the system refuses to wait for sockets", strerror(errno));
        return false;
    }
    do_tasks(host);
    microseconds next = server_turn(host->server);
    host->deadline = host->first_task != NULL ? 0 : next;
    return store_holds(host, error);
}

bool mqspec_broker_turn(struct mqspec_broker *broker, char error[MQSPEC_ERROR_SIZE]) {
    return turn(broker, 0, error);
}

bool mqspec_broker_run(struct mqspec_broker *broker, char error[MQSPEC_ERROR_SIZE]) {
    bool fine = true;
    while (fine && !broker->is_stopped)
        fine = turn(broker, broker->deadline, error);
    broker->is_stopped = false;
    return fine;
}

void mqspec_broker_stop(struct mqspec_broker *broker) {
    int before = errno;
    (void)!write(broker->pipe[1], "", 1); /* full: it has been asked to stop already */
    errno = before;
}

int mqspec_broker_descriptor(const struct mqspec_broker *broker) {
    return event_loop_descriptor(broker->loop);
}

int mqspec_broker_timeout(const struct mqspec_broker *broker) {
    return event_loop_timeout(broker->deadline);
}

struct mqspec_statistics mqspec_statistics(const struct mqspec_broker *broker) {
    struct broker_counts counts = broker_counts(broker->broker);
    return (struct mqspec_statistics){.clients = counts.clients,
                                      .sessions = counts.sessions,
                                      .subscriptions = counts.subscriptions,
                                      .retained = counts.retained,
                                      .messages_received = counts.received,
                                      .messages_sent = counts.sent,
                                      .messages_discarded = counts.discarded,
                                      .bytes_received = counts.bytes_received,
                                      .bytes_sent = counts.bytes_sent};
}
