/* Judges what only Servers send: CONNACK, SUBACK, UNSUBACK, and PUBLISH against the subscriptions. */
#include "reference/monitor_internal.h"

typedef void server_judge(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet);

#define SESSION_PRESENT 0x01u

/* ---- CONNACK ------------------------------------------------------------------------------------------------- */

/* Two CONNECTs with one Client Identifier at a time: the order in which either side took them is unknown. */
static void accept_overlapped(struct monitored *connection) {
    monitor_client_settle(connection->monitor, connection->client, MONITOR_UNKNOWN, NULL);
    if (!connection->clean_session)
        monitor_session_forget(connection->monitor, connection->session);
}

static void accept_clean(struct monitored *connection, bool present) {
    if (present) {
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_PRESENT_AFTER_CLEAN);
        monitor_session_forget(connection->monitor, connection->session);
    }
    if (connection->client != NULL)
        monitor_client_settle(connection->monitor, connection->client, MONITOR_ABSENT, NULL);
}

static void accept_stored(struct monitored *connection, bool present) {
    struct monitor_client *client = connection->client;
    enum monitor_existence existence = client == NULL ? MONITOR_UNKNOWN : client->existence;
    /* MQTT 3.1 does not tell whether the Server has a session. */
    bool told = connection->version != MQTT_3_1;
    if (told && existence == MONITOR_PRESENT && !present) {
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_NOT_PRESENT);
        monitor_session_forget(connection->monitor, connection->session);
    } else if (told && existence == MONITOR_ABSENT && present) {
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_PRESENT_FROM_NOWHERE);
        monitor_session_forget(connection->monitor, connection->session);
    } else if (told && existence == MONITOR_UNKNOWN && !present) {
        monitor_session_lost_by_server(connection->monitor, connection->session);
    }
    if (client != NULL)
        monitor_client_settle(connection->monitor, client, MONITOR_PRESENT, connection->session);
}

static void accept_connection(struct monitored *connection, bool present) {
    connection->phase = MONITOR_CONNECTED;
    connection->client_spoke = connection->now;
    connection->silence_judged = connection->seen[MQTT_CLIENT];
    if (connection->identifier_missing)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_EMPTY_IDENTIFIER_ACCEPTED);
    struct monitor_client *client = connection->client;
    if (client != NULL)
        client->unheard = connection->unheard;
    if (client != NULL && (client->overlapped || connection->number < client->newest))
        accept_overlapped(connection);
    else
        (connection->clean_session ? accept_clean : accept_stored)(connection, present);
}

/* The Server keeps what it has. But the Client may have sent messages before it knew, or have thrown its session
 * away when it asked for a clean one. */
static void refuse(struct monitored *connection) {
    struct monitor_client *client = connection->client;
    connection->phase = MONITOR_REFUSED;
    if (client == NULL)
        return;
    if (client->session != connection->session)
        client->unheard = MONITOR_NEVER;
    if (client->session != NULL && connection->clean_session)
        monitor_session_forget(connection->monitor, client->session);
}

static void judge_connack(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    const struct mqtt_connack *connack = &packet->connack;
    bool present = (connack->acknowledge_flags & SESSION_PRESENT) != 0;
    if (connection->phase != MONITOR_AWAITS_CONNACK) {
        /* Where the start was missed, this may be the first one. */
        if (connection->from_start && connection->seen[side])
            monitor_breach(connection, side, MONITOR_RULE_SECOND_CONNACK);
        monitor_leave_undefined(connection);
        return;
    }
    if (connack->code != MQTT_CONNECTION_ACCEPTED) {
        refuse(connection);
    } else {
        accept_connection(connection, present);
    }
    struct monitor_client *client = connection->client;
    if (client != NULL && --client->unanswered == 0)
        client->overlapped = false;
}

/* ---- SUBACK and UNSUBACK
 * --------------------------------------------------------------------------------------------- */

/* The codes are for the filters one by one. Where they do not pair up, any filter may have got what it asked for. */
static void grant(struct monitored *connection, const struct monitor_request *request, struct mqtt_bytes codes) {
    struct mqtt_bytes filters = {request->filters, request->length};
    struct mqtt_bytes filter;
    uint8_t requested;
    bool paired = codes.length == request->count;
    bool above = false;
    for (uint32_t i = 0; i < request->count && mqtt_next_filter(&filters, &filter, &requested); i++) {
        uint8_t granted = paired ? codes.data[i] : requested;
        above = above || (granted != MQTT_SUBSCRIBE_FAILURE && granted > requested);
        if (granted != MQTT_SUBSCRIBE_FAILURE)
            monitor_session_add_filter(connection->monitor, connection->session, filter, granted);
    }
    if (!paired)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_SUBACK_COUNT);
    if (above)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_GRANT_ABOVE_REQUEST);
}

static void judge_suback(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    const struct mqtt_suback *suback = &packet->suback;
    struct monitor_request *request = monitor_request_find(connection, MQTT_SUBSCRIBE, suback->packet_identifier);
    if (request == NULL) {
        monitor_breach(connection, side, MONITOR_RULE_SUBACK_UNKNOWN);
        return;
    }
    grant(connection, request, suback->codes);
    monitor_request_remove(connection, request);
}

static void judge_unsuback(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    struct monitor_request *request =
        monitor_request_find(connection, MQTT_UNSUBSCRIBE, packet->acknowledgement.packet_identifier);
    if (request == NULL)
        monitor_breach(connection, side, MONITOR_RULE_UNSUBACK_UNKNOWN);
    else
        monitor_request_remove(connection, request);
}

/* ---- PUBLISH against subscriptions
 * ------------------------------------------------------------------------------------ */

struct match {
    bool any;
    bool but_for_dollar; /* a filter that starts with a wildcard would match if $ were no special character */
    uint8_t highest_qos;
};

static bool starts_with_wildcard(struct mqtt_bytes filter) {
    return filter.length > 0 && (filter.data[0] == '#' || filter.data[0] == '+');
}

/* Many Servers offer the shared subscriptions of MQTT 5.0 to all Clients: "$share/group/filter". Who subscribes so
 * asks for it, and expects what `filter` matches. */
static struct mqtt_bytes without_share(struct mqtt_bytes filter) {
    static const char prefix[] = "$share/";
    uint32_t start = sizeof prefix - 1;
    if (filter.length <= start || !mqtt_equal((struct mqtt_bytes){filter.data, start}, mqtt_text(prefix)))
        return filter;
    while (start < filter.length && filter.data[start] != '/')
        start++;
    if (start + 1 >= filter.length)
        return filter;
    return (struct mqtt_bytes){filter.data + start + 1, filter.length - start - 1};
}

static void match_all(struct match *match, struct mqtt_bytes filters, struct mqtt_bytes topic) {
    struct mqtt_bytes rest = {topic.data + 1, topic.length - 1}; /* a Topic Name is never empty */
    bool dollar = topic.data[0] == '$' && topic.length > 1;
    struct mqtt_bytes filter;
    uint8_t qos;
    while (filters.length > 0 && mqtt_next_filter(&filters, &filter, &qos)) {
        filter = without_share(filter);
        if (mqtt_topic_matches(filter, topic)) {
            match->any = true;
            match->highest_qos = qos > match->highest_qos ? qos : match->highest_qos;
        } else if (dollar && starts_with_wildcard(filter) && mqtt_topic_matches(filter, rest)) {
            match->but_for_dollar = true;
        }
    }
}

/* Filters that are gone count as well, for what was queued under them; and those asked for but not answered yet,
 * for the Server may deliver before its SUBACK. */
static void judge_subscribed(struct monitored *connection, const struct mqtt_packet *packet) {
    const struct monitor_session *session = connection->session;
    if (!session->filters_known)
        return;
    struct match match = {0};
    struct mqtt_bytes topic = packet->publish.topic;
    match_all(&match, (struct mqtt_bytes){session->filters, session->filters_length}, topic);
    for (const struct monitor_request *request = connection->requests; request != NULL; request = request->next)
        match_all(&match, (struct mqtt_bytes){request->filters, request->length}, topic);
    if (!match.any)
        monitor_breach(connection, MQTT_SERVER,
                       match.but_for_dollar ? MONITOR_RULE_DOLLAR_TOPIC : MONITOR_RULE_NO_SUBSCRIPTION);
    else if (mqtt_publish_qos(packet->flags) > match.highest_qos)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_QOS_ABOVE_GRANT);
}

static void judge_publish(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    judge_subscribed(connection, packet);
    monitor_publish(connection, side, packet);
}

/* ---- By type
 * ------------------------------------------------------------------------------------------------------------ */

/* NULL: nothing to judge. What a Server may not send at all does not decode. No statement forbids a PINGRESP that
 * nobody asked for. */
static server_judge *const judges[MQTT_TYPE_COUNT] = {
    [MQTT_CONNACK] = judge_connack, [MQTT_PUBLISH] = judge_publish,   [MQTT_PUBACK] = monitor_puback,
    [MQTT_PUBREC] = monitor_pubrec, [MQTT_PUBREL] = monitor_pubrel,   [MQTT_PUBCOMP] = monitor_pubcomp,
    [MQTT_SUBACK] = judge_suback,   [MQTT_UNSUBACK] = judge_unsuback, [MQTT_PINGRESP] = NULL,
};

/* An answer in a protocol that is not known here, unless it is the refusal of MQTT 3.1.1. */
static void hear_foreign(struct monitored *connection, const struct mqtt_packet *packet) {
    if (packet->type != MQTT_CONNACK || packet->connack.code == MQTT_CONNECTION_ACCEPTED) {
        monitor_clients_forget(connection->monitor);
        return;
    }
    connection->phase = MONITOR_REFUSED;
    connection->undefined = true;
}

void monitor_server_packet(struct monitored *connection, const struct mqtt_packet *packet) {
    switch (connection->phase) {
    case MONITOR_AWAITS_CONNECT: /* the CONNECT did not decode */
        return;
    case MONITOR_FOREIGN:
        hear_foreign(connection, packet);
        return;
    case MONITOR_REFUSED:
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_AFTER_REFUSAL);
        monitor_leave_undefined(connection);
        return;
    case MONITOR_AWAITS_CONNACK:
        if (packet->type == MQTT_CONNACK)
            break;
        if (connection->from_start)
            monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_FIRST_NOT_CONNACK);
        monitor_leave_undefined(connection);
        return;
    case MONITOR_CONNECTED:
        break;
    }
    if (judges[packet->type] != NULL)
        judges[packet->type](connection, MQTT_SERVER, packet);
}
