/* Judges what Servers send: CONNACK, SUBACK, UNSUBACK, DISCONNECT, and PUBLISH against the subscriptions. */
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

/* The session goes on, or begins, for whoever connects next. In MQTT 5.0 it has an end. */
static void settle_present(struct monitored *connection) {
    struct monitor_client *client = connection->client;
    if (client == NULL)
        return;
    monitor_client_settle(connection->monitor, client, MONITOR_PRESENT, connection->session);
    monitor_client_lasts(client);
    if (!monitor_in_5_0(connection))
        return;
    client->holder = connection->number;
    client->certain_until = 0;
    monitor_session_heard(connection);
}

static void accept_clean(struct monitored *connection, bool present) {
    if (present) {
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_PRESENT_AFTER_CLEAN);
        monitor_session_forget(connection->monitor, connection->session);
        connection->session_unwanted = true;
    }
    if (monitor_in_5_0(connection))
        settle_present(connection);
    else if (connection->client != NULL)
        monitor_client_settle(connection->monitor, connection->client, MONITOR_ABSENT, NULL);
}

static void accept_stored(struct monitored *connection, bool present) {
    struct monitor_client *client = connection->client;
    enum monitor_existence existence = client == NULL ? MONITOR_UNKNOWN : client->existence;
    /* MQTT 3.1 does not tell whether the Server has a session. */
    bool told = connection->version != MQTT_3_1;
    connection->session_denied = !present;
    bool certain = existence == MONITOR_PRESENT && connection->now < client->certain_until;
    if (told && certain && !present) {
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_NOT_PRESENT);
        monitor_session_forget(connection->monitor, connection->session);
    } else if (told && existence == MONITOR_ABSENT && present) {
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_PRESENT_FROM_NOWHERE);
        monitor_session_forget(connection->monitor, connection->session);
    } else if (told && existence != MONITOR_ABSENT && !present) {
        /* A Client of MQTT 5.0 gives up what it holds, and so does one whose session has expired. */
        if (monitor_in_5_0(connection) || existence == MONITOR_PRESENT)
            monitor_session_forget_flow(connection->monitor, connection->session, MQTT_CLIENT);
        monitor_session_lost_by_server(connection->monitor, connection->session);
    }
    settle_present(connection);
}

/* An empty Client Identifier in CONNECT of MQTT 5.0: the Server assigns one that no other session has. */
static void accept_assigned(struct monitored *connection, struct mqtt_bytes identifier, bool present) {
    if (identifier.length == 0)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_NO_ASSIGNED_IDENTIFIER);
    if (present) {
        monitor_breach(connection, MQTT_SERVER,
                       connection->clean_session ? MONITOR_RULE_PRESENT_AFTER_CLEAN
                                                 : MONITOR_RULE_PRESENT_FROM_NOWHERE);
        monitor_session_forget(connection->monitor, connection->session);
    }
    monitor_enter_client(connection, identifier);
    struct monitor_client *client = connection->client;
    if (client == NULL)
        return;
    if (client->existence == MONITOR_PRESENT && connection->now < client->certain_until)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_ASSIGNED_NOT_UNIQUE);
    client->unheard = connection->unheard;
    settle_present(connection);
}

static void accept_connection(struct monitored *connection, const struct mqtt_connack *connack) {
    bool present = (connack->acknowledge_flags & SESSION_PRESENT) != 0;
    connection->phase = MONITOR_CONNECTED;
    connection->client_spoke = connection->now;
    connection->silence_judged = connection->seen[MQTT_CLIENT];
    if (connection->identifier_empty) {
        accept_assigned(connection, mqtt_property_bytes(connack->properties, MQTT_ASSIGNED_CLIENT_IDENTIFIER), present);
        return;
    }
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
    if (connection->phase != MONITOR_AWAITS_CONNACK) {
        /* Where the start was missed, this may be the first one. */
        if (connection->from_start && connection->seen[side])
            monitor_breach(connection, side, MONITOR_RULE_SECOND_CONNACK);
        monitor_leave_undefined(connection);
        return;
    }
    monitor_take_connack(connection, connack);
    if (connack->code != MQTT_CONNECTION_ACCEPTED) {
        refuse(connection);
    } else {
        accept_connection(connection, connack);
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
    struct monitor_filter filter;
    bool paired = codes.length == request->count;
    bool above = false;
    for (uint32_t i = 0; i < request->count && monitor_next_requested(connection, request, &filters, &filter); i++) {
        uint8_t granted = paired ? codes.data[i] : filter.qos;
        if (granted >= MQTT_SUBSCRIBE_FAILURE)
            continue;
        above = above || granted > filter.qos;
        filter.qos = granted;
        monitor_session_add_filter(connection->monitor, connection->session, &filter);
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
        /* What it grants was asked for when nobody looked, if it was asked for at all. */
        connection->session->filters_known = false;
        monitor_breach(connection, side, MONITOR_RULE_SUBACK_UNKNOWN);
        return;
    }
    grant(connection, request, suback->codes);
    monitor_request_remove(connection, request);
}

static void judge_unsuback(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    bool in_5_0 = monitor_in_5_0(connection);
    uint16_t packet_identifier = in_5_0 ? packet->suback.packet_identifier : packet->acknowledgement.packet_identifier;
    struct monitor_request *request = monitor_request_find(connection, MQTT_UNSUBSCRIBE, packet_identifier);
    if (request == NULL) {
        monitor_breach(connection, side, MONITOR_RULE_UNSUBACK_UNKNOWN);
        return;
    }
    if (in_5_0 && packet->suback.codes.length != request->count)
        monitor_breach(connection, side, MONITOR_RULE_UNSUBACK_COUNT);
    monitor_request_remove(connection, request);
}

/* ---- PUBLISH against subscriptions
 * ------------------------------------------------------------------------------------ */

struct match {
    struct mqtt_bytes topic;
    bool any;
    bool but_for_dollar; /* a filter that starts with a wildcard would match if $ were no special character */
    bool retains;        /* one of them may bring a PUBLISH with RETAIN 1 */
    bool nameless;       /* one of them has no Subscription Identifier */
    uint8_t highest_qos;
    /* The Subscription Identifiers of the PUBLISH, and which of them belong to filters that match. */
    uint32_t identifier_count;
    uint32_t identifiers[MONITOR_MAXIMUM_NUMBERS];
    bool found[MONITOR_MAXIMUM_NUMBERS];
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

static void match_one(struct match *match, const struct monitor_filter *granted) {
    struct mqtt_bytes topic = match->topic;
    struct mqtt_bytes rest = {topic.data + 1, topic.length - 1}; /* a Topic Name is never empty */
    struct mqtt_bytes filter = without_share(granted->filter);
    if (!mqtt_topic_matches(filter, topic)) {
        bool dollar = topic.data[0] == '$' && topic.length > 1;
        if (dollar && starts_with_wildcard(filter) && mqtt_topic_matches(filter, rest))
            match->but_for_dollar = true;
        return;
    }
    match->any = true;
    match->retains = match->retains || granted->retains;
    match->nameless = match->nameless || granted->identifier == 0;
    match->highest_qos = granted->qos > match->highest_qos ? granted->qos : match->highest_qos;
    for (uint32_t i = 0; i < match->identifier_count; i++)
        match->found[i] = match->found[i] || match->identifiers[i] == granted->identifier;
}

static void take_identifiers(struct match *match, struct mqtt_bytes properties) {
    struct mqtt_property property;
    while (match->identifier_count < MONITOR_MAXIMUM_NUMBERS && mqtt_next_property(&properties, &property))
        if (property.identifier == MQTT_SUBSCRIPTION_IDENTIFIER)
            match->identifiers[match->identifier_count++] = property.number;
}

/* Filters that are gone count as well, for what was queued under them; and those asked for but not answered yet,
 * for the Server may deliver before its SUBACK. */
static void match_all(const struct monitored *connection, struct match *match) {
    const struct monitor_session *session = connection->session;
    struct mqtt_bytes filters = {session->filters, session->filters_length};
    struct monitor_filter filter;
    while (monitor_next_filter(&filters, &filter))
        match_one(match, &filter);
    for (const struct monitor_request *request = connection->requests; request != NULL; request = request->next) {
        filters = (struct mqtt_bytes){request->filters, request->length};
        while (monitor_next_requested(connection, request, &filters, &filter))
            match_one(match, &filter);
    }
}

/* What MQTT 5.0 asks of a PUBLISH that some subscription matches. */
static void judge_matched(struct monitored *connection, const struct mqtt_packet *packet, const struct match *match) {
    bool all_found = true;
    for (uint32_t i = 0; i < match->identifier_count; i++)
        all_found = all_found && match->found[i];
    if (!all_found)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_IDENTIFIER_OF_NO_SUBSCRIPTION);
    if (match->identifier_count == 0 && !match->nameless && connection->offer.identifiers)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_IDENTIFIER_MISSING);
    if ((packet->flags & MQTT_PUBLISH_RETAIN) != 0 && !match->retains)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_RETAIN_UNASKED);
}

static void judge_subscribed(struct monitored *connection, const struct mqtt_packet *packet) {
    struct match match = {.topic = packet->publish.topic};
    if (!connection->session->filters_known || match.topic.length == 0)
        return;
    if (monitor_in_5_0(connection))
        take_identifiers(&match, packet->publish.properties);
    match_all(connection, &match);
    if (!match.any)
        monitor_breach(connection, MQTT_SERVER,
                       match.but_for_dollar ? MONITOR_RULE_DOLLAR_TOPIC : MONITOR_RULE_NO_SUBSCRIPTION);
    else if (mqtt_publish_qos(packet->flags) > match.highest_qos)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_QOS_ABOVE_GRANT);
    else if (monitor_in_5_0(connection))
        judge_matched(connection, packet, &match);
}

static void judge_publish(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    struct mqtt_packet resolved = *packet;
    resolved.publish.topic = monitor_topic(connection, side, &packet->publish);
    judge_subscribed(connection, &resolved);
    monitor_publish(connection, side, &resolved);
}

static void judge_disconnect(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    (void)packet;
    connection->disconnected[side] = true;
}

/* ---- By type
 * ------------------------------------------------------------------------------------------------------------ */

/* NULL: nothing to judge. What a Server may not send at all does not decode. No statement forbids a PINGRESP that
 * nobody asked for. */
static server_judge *const judges[MQTT_TYPE_COUNT] = {
    [MQTT_CONNACK] = judge_connack,
    [MQTT_PUBLISH] = judge_publish,
    [MQTT_PUBACK] = monitor_puback,
    [MQTT_PUBREC] = monitor_pubrec,
    [MQTT_PUBREL] = monitor_pubrel,
    [MQTT_PUBCOMP] = monitor_pubcomp,
    [MQTT_SUBACK] = judge_suback,
    [MQTT_UNSUBACK] = judge_unsuback,
    [MQTT_PINGRESP] = NULL,
    [MQTT_DISCONNECT] = judge_disconnect,
    [MQTT_AUTH] = monitor_judge_authentication,
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

/* In place of CONNACK, or of CONNACK that accepts. */
static void judge_instead(struct monitored *connection, const struct mqtt_packet *packet) {
    enum monitor_rule rule =
        connection->phase == MONITOR_REFUSED ? MONITOR_RULE_AFTER_REFUSAL : MONITOR_RULE_FIRST_NOT_CONNACK;
    if (packet->type == MQTT_DISCONNECT)
        rule = MONITOR_RULE_EARLY_DISCONNECT;
    if (connection->from_start || connection->phase == MONITOR_REFUSED)
        monitor_breach(connection, MQTT_SERVER, rule);
    monitor_leave_undefined(connection);
}

void monitor_server_packet(struct monitored *connection, const struct mqtt_packet *packet) {
    switch (connection->phase) {
    case MONITOR_AWAITS_CONNECT: /* the CONNECT did not decode */
        return;
    case MONITOR_FOREIGN:
        hear_foreign(connection, packet);
        return;
    case MONITOR_REFUSED:
        judge_instead(connection, packet);
        return;
    case MONITOR_AWAITS_CONNACK:
        if (packet->type == MQTT_CONNACK || packet->type == MQTT_AUTH)
            break;
        judge_instead(connection, packet);
        return;
    case MONITOR_CONNECTED:
        break;
    }
    if (connection->disconnected[MQTT_SERVER]) {
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_AFTER_DISCONNECT);
        monitor_leave_undefined(connection);
        return;
    }
    monitor_judge_limits(connection, MQTT_SERVER, packet);
    monitor_session_heard(connection);
    if (judges[packet->type] != NULL)
        judges[packet->type](connection, MQTT_SERVER, packet);
}
