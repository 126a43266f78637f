/* Judges what Clients send: CONNECT, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT, and PUBLISH against what is offered. */
#include "reference/monitor_internal.h"

#include <string.h>

typedef void client_judge(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet);

/* ---- CONNECT ------------------------------------------------------------------------------------------------- */

static bool protocol_is_known(const struct mqtt_connect *connect) {
    static const struct {
        enum mqtt_version version;
        const char *name;
    } protocols[] = {{MQTT_3_1, "MQIsdp"}, {MQTT_3_1_1, "MQTT"}, {MQTT_5_0, "MQTT"}};
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (connect->protocol_level == protocols[i].version &&
            mqtt_equal(connect->protocol_name, mqtt_text(protocols[i].name)))
            return true;
    return false;
}

void monitor_enter_client(struct monitored *connection, struct mqtt_bytes identifier) {
    if (identifier.length == 0)
        return;
    struct monitor_client *client = monitor_client_enter(connection->monitor, identifier);
    connection->client = client;
    if (client == NULL)
        return;
    if (client->unanswered > 0)
        client->overlapped = true;
    client->unanswered++;
    if (client->newest < connection->number)
        client->newest = connection->number;
}

/* A stored session that an open connection still uses is about to be taken over. What is still on its way there
 * cannot be known, so the new connection starts with an unknown one, and the old one goes on with its own. */
static struct monitor_session *stored_session(struct monitored *connection, struct monitor_client *client) {
    struct monitor_session *session = client->session;
    if (client->existence == MONITOR_PRESENT && session != NULL && session->holders == 1) {
        session->holders++;
        return session;
    }
    return monitor_session_create(connection->monitor, connection->number, client->existence == MONITOR_ABSENT);
}

static struct monitor_session *session_for(struct monitored *connection) {
    struct monitor_client *client = connection->client;
    struct monitor *monitor = connection->monitor;
    if (connection->clean_session || connection->identifier_empty)
        return monitor_session_create(monitor, connection->number, true);
    /* It has expired at the Server. The Client may have begun to count later. */
    if (client != NULL && client->existence == MONITOR_PRESENT && connection->now >= client->absent_from) {
        monitor_client_settle(monitor, client, MONITOR_ABSENT, NULL);
        client->unheard = MONITOR_NEVER;
    }
    if (client == NULL || client->overlapped || connection->number < client->newest)
        return monitor_session_create(monitor, connection->number, false);
    struct monitor_session *session = stored_session(connection, client);
    /* The Client may have asked for a clean session meanwhile, or sent messages, without anybody noticing. */
    if (session != NULL && (client->unheard != monitor->unheard || monitor->awaited > 0))
        monitor_session_forget_flow(monitor, session, MQTT_CLIENT);
    return session;
}

static void start_conversation(struct monitored *connection, const struct mqtt_connect *connect) {
    if (!protocol_is_known(connect)) {
        connection->phase = MONITOR_FOREIGN;
        connection->connect_missed = false;
        connection->version = MQTT_VERSION_UNKNOWN;
        connection->streams[MQTT_CLIENT].silent = true;
        return;
    }
    connection->phase = MONITOR_AWAITS_CONNACK;
    connection->version = (enum mqtt_version)connect->protocol_level;
    connection->version_assumed = false;
    connection->connect_missed = false;
    connection->clean_session = (connect->flags & MQTT_CONNECT_CLEAN_SESSION) != 0;
    connection->keep_alive = connect->keep_alive;
    connection->seen[MQTT_CLIENT] = true;
    connection->seen[MQTT_SERVER] = true;
    connection->identifier_missing = connect->client_identifier.length == 0 && !connection->clean_session;
    monitor_take_connect(connection, connect);
    monitor_enter_client(connection, connect->client_identifier);
    monitor_session_drop(connection->monitor, connection->session);
    connection->session = session_for(connection);
    if (connection->session == NULL)
        monitor_leave_undefined(connection);
    if (connection->identifier_missing)
        monitor_breach(connection, MQTT_CLIENT, MONITOR_RULE_EMPTY_IDENTIFIER);
}

/* Where the start was missed, a CONNECT before anything else shows that it was not. */
static bool may_start(const struct monitored *connection) {
    return connection->phase == MONITOR_AWAITS_CONNECT ||
           (connection->version_assumed && !connection->streams[MQTT_CLIENT].spoke &&
            !connection->streams[MQTT_SERVER].spoke);
}

static void judge_connect(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    if (may_start(connection)) {
        if (connection->phase == MONITOR_AWAITS_CONNECT)
            connection->monitor->awaited--;
        start_conversation(connection, &packet->connect);
        return;
    }
    monitor_breach(connection, side, MONITOR_RULE_SECOND_CONNECT);
    if (!mqtt_equal(packet->connect.client_identifier, monitor_client_identifier(connection))) {
        monitor_clients_forget(connection->monitor);
    } else if (connection->client != NULL) {
        monitor_client_settle(connection->monitor, connection->client, MONITOR_UNKNOWN, NULL);
    }
    monitor_leave_undefined(connection);
}

/* ---- SUBSCRIBE and UNSUBSCRIBE ------------------------------------------------------------------------------- */

static void add_request(struct monitored *connection, enum mqtt_type type, uint16_t packet_identifier, uint32_t count,
                        uint32_t identifier, struct mqtt_bytes filters) {
    struct monitor_request *request = NULL;
    if (connection->request_count < MONITOR_MAXIMUM_REQUESTS &&
        filters.length <= MONITOR_MAXIMUM_FILTERS - connection->request_bytes)
        request = monitor_allocate(&connection->monitor->environment, sizeof *request + filters.length);
    if (request == NULL) {
        monitor_lose_track(connection);
        return;
    }
    request->type = type;
    request->packet_identifier = packet_identifier;
    request->count = count;
    request->identifier = identifier;
    request->length = filters.length;
    if (filters.length > 0)
        memcpy(request->filters, filters.data, filters.length);
    struct monitor_request **last = &connection->requests;
    while (*last != NULL)
        last = &(*last)->next;
    *last = request;
    connection->request_count++;
    connection->request_bytes += filters.length;
}

/* MQTT 3.1 has Clients repeat an unanswered request with DUP 1. */
static void judge_request_identifier(struct monitored *connection, uint16_t packet_identifier, uint8_t flags) {
    const struct monitor_exchanges *published = &connection->session->flows[MQTT_CLIENT].exchanges;
    const struct monitor_exchange *exchange = monitor_exchange_find(published, packet_identifier);
    bool requested = monitor_request_find(connection, MQTT_RESERVED, packet_identifier) != NULL;
    bool repeated = connection->version == MQTT_3_1 && (flags & MQTT_PUBLISH_DUP) != 0;
    bool lost = exchange != NULL && exchange->connection != connection->number &&
                monitor_may_have_lost_session(connection, MQTT_CLIENT);
    if (requested) /* which of the two an answer is for is open */
        connection->session->filters_known = connection->session->filters_known && repeated;
    if (!repeated && (requested || (exchange != NULL && !exchange->uncertain && !lost)))
        monitor_breach(connection, MQTT_CLIENT, MONITOR_RULE_REQUEST_IDENTIFIER_IN_USE);
}

static void judge_subscribe(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    (void)side;
    const struct mqtt_subscribe *subscribe = &packet->subscribe;
    judge_request_identifier(connection, subscribe->packet_identifier, packet->flags);
    uint32_t identifier =
        monitor_in_5_0(connection) ? mqtt_property_number(subscribe->properties, MQTT_SUBSCRIPTION_IDENTIFIER, 0) : 0;
    monitor_judge_offer(connection, packet);
    add_request(connection, MQTT_SUBSCRIBE, subscribe->packet_identifier, subscribe->count, identifier,
                subscribe->filters);
}

static void judge_unsubscribe(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    (void)side;
    const struct mqtt_unsubscribe *unsubscribe = &packet->unsubscribe;
    judge_request_identifier(connection, unsubscribe->packet_identifier, packet->flags);
    add_request(connection, MQTT_UNSUBSCRIBE, unsubscribe->packet_identifier, unsubscribe->count, 0,
                (struct mqtt_bytes){0});
}

/* ---- DISCONNECT
 * ------------------------------------------------------------------------------------------------------- */

/* A Client that has resent a later message can no longer resend an earlier one in order. That it was slow is no
 * excuse then. */
static bool left_one_out(const struct monitored *connection) {
    const struct monitor_exchanges *published = &connection->session->flows[MQTT_CLIENT].exchanges;
    for (uint32_t i = 0; i < published->capacity && connection->last_resent[MQTT_CLIENT] > 0; i++) {
        const struct monitor_exchange *exchange = &published->slots[i];
        if (exchange->packet_identifier != 0 && !exchange->uncertain && exchange->state == MONITOR_PUBLISHED &&
            exchange->connection != connection->number && exchange->sequence != 0 && !exchange->expires &&
            exchange->sequence < connection->last_resent[MQTT_CLIENT])
            return true;
    }
    return false;
}

static void judge_disconnect(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    if (left_one_out(connection) && !monitor_may_have_lost_session(connection, side))
        monitor_breach(connection, side, MONITOR_RULE_NOT_RESENT);
    monitor_change_expiry(connection, &packet->disconnect);
    connection->disconnected[side] = true;
}

/* ---- PUBLISH
 * ---------------------------------------------------------------------------------------------------------- */

static void judge_publish(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    struct mqtt_packet resolved = *packet;
    monitor_judge_offer(connection, packet);
    resolved.publish.topic = monitor_topic(connection, side, &packet->publish);
    monitor_publish(connection, side, &resolved);
}

/* ---- By type
 * ------------------------------------------------------------------------------------------------------------ */

/* NULL: nothing to judge. What a Client may not send at all does not decode. */
static client_judge *const judges[MQTT_TYPE_COUNT] = {
    [MQTT_CONNECT] = judge_connect,
    [MQTT_PUBLISH] = judge_publish,
    [MQTT_PUBACK] = monitor_puback,
    [MQTT_PUBREC] = monitor_pubrec,
    [MQTT_PUBREL] = monitor_pubrel,
    [MQTT_PUBCOMP] = monitor_pubcomp,
    [MQTT_SUBSCRIBE] = judge_subscribe,
    [MQTT_UNSUBSCRIBE] = judge_unsubscribe,
    [MQTT_PINGREQ] = NULL,
    [MQTT_DISCONNECT] = judge_disconnect,
    [MQTT_AUTH] = monitor_judge_authentication,
};

/* A Client that authenticates sends nothing else until it has received CONNACK. */
static void judge_patience(struct monitored *connection, const struct mqtt_packet *packet) {
    bool waits = packet->type == MQTT_AUTH || packet->type == MQTT_DISCONNECT || packet->type == MQTT_CONNECT;
    if (!connection->has_method || waits)
        return;
    if (connection->phase == MONITOR_AWAITS_CONNACK) {
        monitor_breach(connection, MQTT_CLIENT, MONITOR_RULE_BEFORE_AUTHENTICATED);
        connection->impatient = true;
    } else if (!connection->impatient) {
        connection->informed = connection->limits[MQTT_CLIENT].known;
    }
}

void monitor_client_packet(struct monitored *connection, const struct mqtt_packet *packet) {
    if (connection->disconnected[MQTT_CLIENT]) {
        monitor_breach(connection, MQTT_CLIENT, MONITOR_RULE_AFTER_DISCONNECT);
        monitor_leave_undefined(connection);
        return;
    }
    if (connection->limits[MQTT_CLIENT].known && connection->now - connection->acknowledged >= MONITOR_ARRIVAL)
        connection->informed = true;
    if (connection->session_unwanted && connection->informed && packet->type != MQTT_DISCONNECT) {
        monitor_breach(connection, MQTT_CLIENT, MONITOR_RULE_GOES_ON_WITHOUT_SESSION);
        connection->session_unwanted = false; /* told once */
    }
    judge_patience(connection, packet);
    monitor_judge_limits(connection, MQTT_CLIENT, packet);
    if (judges[packet->type] != NULL)
        judges[packet->type](connection, MQTT_CLIENT, packet);
}
