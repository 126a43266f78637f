/* The front door of the core, broker.h. */
#include "reference/broker.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "reference/core.h"

struct broker_settings broker_default_settings(void) {
    return (struct broker_settings){
        .maximum_packet_size = 16u << 20,
        .maximum_connections = 100000,
        .maximum_in_flight = 1000,
        .maximum_queued = 100000,
        .maximum_queued_bytes = 64u << 20,
        .maximum_output = 8u << 20,
        .maximum_client_identifier = 1024,
        .connect_timeout = 30 * MICROSECONDS_PER_SECOND,
        .receive_maximum = 1000,
        .topic_alias_maximum = 64,
        .maximum_session_expiry = UINT32_MAX,
        .maximum_qos = 2,
        .retain_available = true,
        .response_information = mqtt_text("response/"),
        .own_topic_aliases = 16,
    };
}

static bool settings_are_sound(const struct broker_settings *settings) {
    return settings->maximum_in_flight >= 1 && settings->maximum_in_flight <= 65534 &&
           settings->maximum_packet_size >= 16 && settings->maximum_client_identifier >= 23 &&
           settings->receive_maximum >= 1 && settings->maximum_qos <= 2 &&
           settings->response_information.length <= PROPERTIES_ROOM / 4;
}

struct broker *broker_create(const struct broker_settings *settings, const struct environment *environment) {
    assert(settings_are_sound(settings));
    struct broker *broker = environment->allocate(environment->context, sizeof *broker);
    if (broker == NULL)
        return NULL;
    memset(broker, 0, offsetof(struct broker, altered)); /* the scratch buffers need not be cleared */
    memory_begin(&broker->memory, environment);
    broker->settings = *settings;
    uint64_t seed = environment->random(environment->context);
    if (sessions_begin(broker) && topic_tree_begin(&broker->subscriptions, TREE_OF_FILTERS, &broker->memory, seed) &&
        topic_tree_begin(&broker->retained, TREE_OF_NAMES, &broker->memory, seed) &&
        timers_reserve(broker, &broker->retained_timer, TIMER_RETAINED))
        return broker;
    broker_destroy(broker);
    return NULL;
}

void broker_destroy(struct broker *broker) {
    if (broker == NULL)
        return;
    broker->settings.hooks = (struct broker_hooks){0}; /* nobody listens any more */
    broker->is_ending = true;
    broker->store = NULL; /* what is kept stays as the last commit left it */
    while (broker->connections != NULL)
        broker_closed(broker->connections, broker->now);
    sessions_end(broker);
    message_release(broker, broker->kept_will);
    if (broker->retained.root != NULL)
        retained_clear(broker);
    topic_tree_end(&broker->subscriptions);
    topic_tree_end(&broker->retained);
    memory_give(&broker->memory, broker->timers.heap, broker->timers.capacity * sizeof(struct timer *));
    assert(broker->counts.messages == 0);
    struct environment environment = broker->memory.environment;
    memory_end(&broker->memory);
    environment.release(environment.context, broker, sizeof *broker);
}

struct spec_rules *broker_rules(struct broker *broker) {
    return &broker->rules;
}

/* ---- Connections ---------------------------------------------------------------------------------------- */

struct connection *broker_accept(struct broker *broker, microseconds now, void *owner) {
    broker->now = now;
    struct connection *connection = memory_take_zeroed(&broker->memory, sizeof *connection);
    if (connection == NULL)
        return NULL;
    if (!timers_reserve(broker, &connection->timer, TIMER_CONNECTION)) {
        memory_give(&broker->memory, connection, sizeof *connection);
        return NULL;
    }
    connection->broker = broker;
    connection->owner = owner;
    connection->number = ++broker->last_connection_number;
    broker->counts.accepted++;
    connection->last_received = now;
    connection->next = broker->connections;
    if (broker->connections != NULL)
        broker->connections->previous = connection;
    broker->connections = connection;
    broker->counts.connections++;
    if (broker->settings.connect_timeout != 0)
        timers_set(broker, &connection->timer, now + broker->settings.connect_timeout);
    connection_report(connection, BROKER_ACCEPTED, NULL, NULL);
    return connection;
}

void *broker_owner(const struct connection *connection) {
    return connection->owner;
}

bool broker_name_user(struct connection *connection, struct mqtt_bytes user_name) {
    assert(connection->state == AWAITING_CONNECT && connection->certified_user.data == NULL);
    uint8_t *copy = memory_take(&connection->broker->memory, user_name.length + 1);
    if (copy == NULL)
        return false;
    if (user_name.length > 0)
        memcpy(copy, user_name.data, user_name.length);
    connection->certified_user = (struct mqtt_bytes){copy, user_name.length};
    return true;
}

uint64_t broker_connection_number(const struct connection *connection) {
    return connection->number;
}

/* The connection is taken out of the list of those that are ready; it comes back once the rest of its output may be
 * sent. */
static void wait_for_commit(struct connection *connection) {
    if (connection->broker->ready_committed == connection)
        connection->broker->ready_committed = NULL;
    if (connection->committed < connection->output.waiting)
        connection_mark_ready(connection);
}

/* Of these views those that may be sent; the last may become shorter. */
static size_t committed_views(const struct connection *connection, struct mqtt_bytes *views, size_t count) {
    size_t left = connection->committed;
    for (size_t i = 0; i < count; i++) {
        if (left == 0)
            return i;
        if (views[i].length > left)
            views[i].length = (uint32_t)left;
        left -= views[i].length;
    }
    return count;
}

struct connection *broker_next_ready(struct broker *broker) {
    struct connection *connection = broker->ready_first;
    if (connection == NULL || (broker->store != NULL && broker->ready_committed == NULL))
        return NULL;
    if (connection->given_up != NULL)
        connection_drop_for(connection, MQTT_LIMIT, MQTT_REASON_QUOTA_EXCEEDED, SPEC_NONE, connection->given_up);
    broker->ready_first = connection->ready_next;
    if (broker->ready_first == NULL)
        broker->ready_last = NULL;
    connection->is_ready = false;
    if (broker->store != NULL)
        wait_for_commit(connection);
    return connection;
}

bool broker_is_ready(const struct broker *broker) {
    return broker->ready_first != NULL;
}

size_t broker_output(struct connection *connection, struct mqtt_bytes *views, size_t capacity) {
    size_t count = output_views(&connection->output, views, capacity);
    return connection->broker->store == NULL ? count : committed_views(connection, views, count);
}

void broker_sent(struct connection *connection, size_t count) {
    connection->broker->counts.bytes_sent += count;
    /* Where they stand in the output is not known: as many of them go as of all. */
    if (count > 0)
        connection->answers_waiting -= connection->answers_waiting * count / connection->output.waiting;
    output_consume(connection->broker, &connection->output, count);
    if (connection->broker->store != NULL)
        connection->committed -= count;
    struct session *session = connection->session;
    if (session != NULL && session->deliveries[DELIVERY_QUEUED].first != NULL)
        delivery_pump(session);
    if (connection->discards && connection->output.waiting == 0 &&
        (session == NULL || session->deliveries[DELIVERY_QUEUED].first == NULL))
        connection->discards = false;
}

bool broker_is_closing(const struct connection *connection) {
    bool has_uncommitted = connection->broker->store != NULL && connection->committed < connection->output.waiting;
    return connection->state == CLOSING && !has_uncommitted;
}

/* ---- Time ----------------------------------------------------------------------------------------------- */

microseconds broker_deadline(const struct broker *broker) {
    return broker->timers.count > 0 ? broker->timers.heap[0]->deadline : NO_DEADLINE;
}

static void connection_time_is_up(struct connection *connection) {
    struct broker *broker = connection->broker;
    enum spec_statement statement = BY_VERSION(connection->version, V311(3_1_2_24), V5(3_1_2_22));
    timers_set(broker, &connection->timer, NO_DEADLINE);
    if (connection->state != CONNECTED) {
        connection_drop_for(connection, MQTT_LIMIT, MQTT_REASON_KEEP_ALIVE_TIMEOUT, SPEC_NONE,
                            connection->state == AWAITING_CONNECT && !hold_is_waiting(connection)
                                ? "no CONNECT came in time"
                                : "the authentication took too long");
        return;
    }
    if (!broker_takes_input(connection)) /* it is not read, so nobody knows whether it is silent */
        connection->last_received = broker->now;
    microseconds due = connection->last_received + connection->allowed_silence;
    if (broker->now < due)
        timers_set(broker, &connection->timer, due);
    else if (MUST(&broker->rules, statement))
        connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_KEEP_ALIVE_TIMEOUT, statement,
                            "silent for one and a half times the Keep Alive");
}

#define OWNER_OF(timer_of, type) ((type *)(void *)((char *)(timer_of)-offsetof(type, timer)))

static void time_is_up(struct broker *broker, struct timer *timer) {
    switch (timer->kind) {
    case TIMER_CONNECTION:
        connection_time_is_up(OWNER_OF(timer, struct connection));
        break;
    case TIMER_SESSION:
        session_time_is_up(OWNER_OF(timer, struct session));
        break;
    case TIMER_RETAINED:
        retained_expire(broker);
        break;
    }
}

void broker_tick(struct broker *broker, microseconds now) {
    broker->now = now;
    while (broker->timers.count > 0 && broker->timers.heap[0]->deadline <= now)
        time_is_up(broker, broker->timers.heap[0]);
}

void broker_shut_down(struct broker *broker, microseconds now) {
    broker->now = now;
    for (struct connection *connection = broker->connections; connection != NULL; connection = connection->next)
        connection_drop_for(connection, MQTT_LIMIT, MQTT_REASON_SERVER_SHUTTING_DOWN, SPEC_NONE,
                            "the Server is shutting down");
}

struct broker_counts broker_counts(const struct broker *broker) {
    struct broker_counts counts = broker->counts;
    counts.sessions = broker->sessions.count;
    return counts;
}
