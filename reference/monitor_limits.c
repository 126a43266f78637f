/* What the two sides of MQTT 5.0 announce to each other in CONNECT and CONNACK, and whether the other keeps it: sizes,
 * Topic Aliases, Receive Maximum, what the Server offers.
 *
 * A Server has received CONNECT before it sends anything. A Client may send packets before it receives CONNACK, and
 * what was seen of CONNACK may still be on its way to it. So it is judged only from where it shows that it has received
 * it. Topic Aliases are another matter: without a CONNACK that allows them, none may be sent. */
#include "reference/monitor_internal.h"

#include <string.h>

/* ---- What is announced ------------------------------------------------------------------------------------------ */

static struct monitor_limits limits_of(struct mqtt_bytes properties) {
    return (struct monitor_limits){
        .known = true,
        .packet_size = mqtt_property_number(properties, MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, 0),
        .receive_maximum = (uint16_t)mqtt_property_number(properties, MQTT_RECEIVE_MAXIMUM, UINT16_MAX),
        .topic_alias_maximum = (uint16_t)mqtt_property_number(properties, MQTT_TOPIC_ALIAS_MAXIMUM, 0),
    };
}

void monitor_take_connect(struct monitored *connection, const struct mqtt_connect *connect) {
    if (!monitor_in_5_0(connection))
        return;
    struct mqtt_bytes properties = connect->properties;
    struct mqtt_property method;
    connection->asked = true;
    connection->identifier_empty = connect->client_identifier.length == 0;
    connection->response_asked = mqtt_property_number(properties, MQTT_REQUEST_RESPONSE_INFORMATION, 0) != 0;
    connection->problem_refused = mqtt_property_number(properties, MQTT_REQUEST_PROBLEM_INFORMATION, 1) == 0;
    connection->has_method = mqtt_find_property(properties, MQTT_AUTHENTICATION_METHOD, &method);
    connection->method = connection->has_method ? monitor_hash(MONITOR_HASH, method.bytes) : 0;
    connection->asked_expiry = mqtt_property_number(properties, MQTT_SESSION_EXPIRY_INTERVAL, 0);
    connection->expiry_shortest = connection->asked_expiry;
    connection->expiry_longest = connection->asked_expiry;
    connection->limits[MQTT_SERVER] = limits_of(properties);
    connection->aliases[MQTT_CLIENT].unknown = false;
    connection->aliases[MQTT_SERVER].unknown = false;
}

static void take_keep_alive(struct monitored *connection, struct mqtt_bytes properties) {
    struct mqtt_property keep_alive;
    if (!mqtt_find_property(properties, MQTT_SERVER_KEEP_ALIVE, &keep_alive))
        return;
    connection->server_keep_alive = true;
    connection->keep_alive = (uint16_t)keep_alive.number;
}

void monitor_take_connack(struct monitored *connection, const struct mqtt_connack *connack) {
    if (!monitor_in_5_0(connection))
        return;
    struct mqtt_bytes properties = connack->properties;
    struct mqtt_property expiry;
    if (!connection->response_asked && mqtt_property_bytes(properties, MQTT_RESPONSE_INFORMATION).data != NULL)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_RESPONSE_INFORMATION);
    monitor_judge_connack_method(connection, connack);
    if (connack->code != MQTT_REASON_SUCCESS)
        return;
    connection->acknowledged = connection->now;
    connection->limits[MQTT_CLIENT] = limits_of(properties);
    connection->offer = (struct monitor_offer){
        .maximum_qos = (uint8_t)mqtt_property_number(properties, MQTT_MAXIMUM_QOS, 2),
        .retained = mqtt_property_number(properties, MQTT_RETAIN_AVAILABLE, 1) != 0,
        .wildcards = mqtt_property_number(properties, MQTT_WILDCARD_SUBSCRIPTION_AVAILABLE, 1) != 0,
        .shared = mqtt_property_number(properties, MQTT_SHARED_SUBSCRIPTION_AVAILABLE, 1) != 0,
        .identifiers = mqtt_property_number(properties, MQTT_SUBSCRIPTION_IDENTIFIER_AVAILABLE, 1) != 0,
    };
    take_keep_alive(connection, properties);
    if (!mqtt_find_property(properties, MQTT_SESSION_EXPIRY_INTERVAL, &expiry))
        return;
    /* The Client may have changed it already, as it left. */
    bool left = connection->disconnected[MQTT_CLIENT];
    if (!left || expiry.number < connection->expiry_shortest)
        connection->expiry_shortest = expiry.number;
    if (!left || expiry.number > connection->expiry_longest)
        connection->expiry_longest = expiry.number;
}

/* ---- Packets of any type ---------------------------------------------------------------------------------------- */

/* The statements on leaving these out of a packet that would be too large. Where there is none, the packet is. */
static const struct {
    enum spec_statement reason_string;
    enum spec_statement user_property;
} omissions[MQTT_TYPE_COUNT] = {
    [MQTT_CONNACK] = {V5(3_2_2_19), V5(3_2_2_20)},  [MQTT_PUBACK] = {V5(3_4_2_2), V5(3_4_2_3)},
    [MQTT_PUBREC] = {V5(3_5_2_2), V5(3_5_2_3)},     [MQTT_PUBREL] = {V5(3_6_2_2), V5(3_6_2_3)},
    [MQTT_PUBCOMP] = {V5(3_7_2_2), V5(3_7_2_3)},    [MQTT_SUBACK] = {V5(3_9_2_1), V5(3_9_2_2)},
    [MQTT_UNSUBACK] = {V5(3_11_2_1), V5(3_11_2_2)}, [MQTT_DISCONNECT] = {V5(3_14_2_3), V5(3_14_2_4)},
    [MQTT_AUTH] = {V5(3_15_2_2), V5(3_15_2_3)},
};

static void judge_size(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    const struct monitor_limits *limits = &connection->limits[side];
    unsigned omission = MQTT_OMIT_NOTHING;
    if (!limits->known || limits->packet_size == 0 || connection->bytes.length <= limits->packet_size)
        return;
    bool would_fit = omissions[packet->type].reason_string != SPEC_NONE &&
                     mqtt_omission_to_fit(MQTT_5_0, packet, limits->packet_size, &omission);
    if (would_fit && (omission & MQTT_OMIT_REASON_STRING) != 0)
        monitor_breach_of(connection, side, MONITOR_RULE_REASON_STRING_SIZE, omissions[packet->type].reason_string);
    if (would_fit && (omission & MQTT_OMIT_USER_PROPERTIES) != 0)
        monitor_breach_of(connection, side, MONITOR_RULE_USER_PROPERTY_SIZE, omissions[packet->type].user_property);
    if (!would_fit || omission == MQTT_OMIT_NOTHING)
        monitor_breach(connection, side, MONITOR_RULE_PACKET_SIZE);
}

static void judge_problem_information(struct monitored *connection, const struct mqtt_packet *packet) {
    const uint32_t free_to_tell = MQTT_IN(MQTT_PUBLISH) | MQTT_IN(MQTT_CONNACK) | MQTT_IN(MQTT_DISCONNECT);
    struct mqtt_bytes properties = mqtt_packet_properties(packet);
    struct mqtt_property property;
    if (connection->problem_refused && (MQTT_IN(packet->type) & free_to_tell) == 0 &&
        (mqtt_find_property(properties, MQTT_REASON_STRING, &property) ||
         mqtt_find_property(properties, MQTT_USER_PROPERTY, &property)))
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_PROBLEM_INFORMATION);
}

void monitor_judge_limits(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    if (!monitor_in_5_0(connection))
        return;
    judge_size(connection, side, packet);
    if (side == MQTT_SERVER)
        judge_problem_information(connection, packet);
}

/* ---- Topic Aliases ---------------------------------------------------------------------------------------------- */

void monitor_forget_aliases(struct monitored *connection) {
    const struct environment *environment = &connection->monitor->environment;
    for (int side = 0; side < MONITOR_SIDES; side++) {
        struct monitor_aliases *aliases = &connection->aliases[side];
        for (uint32_t i = 0; i < aliases->capacity; i++)
            monitor_release(environment, aliases->entries[i].topic, aliases->entries[i].length);
        monitor_release(environment, aliases->entries, aliases->capacity * sizeof *aliases->entries);
        *aliases = (struct monitor_aliases){.unknown = true};
    }
}

static bool reach_alias(const struct environment *environment, struct monitor_aliases *aliases, uint32_t alias) {
    uint32_t capacity = aliases->capacity == 0 ? 8 : aliases->capacity;
    while (capacity <= alias)
        capacity *= 2;
    if (capacity == aliases->capacity)
        return true;
    struct monitor_alias *entries =
        monitor_grown(environment, aliases->entries, aliases->capacity * sizeof *entries, capacity * sizeof *entries);
    if (entries == NULL)
        return false;
    aliases->entries = entries;
    aliases->capacity = capacity;
    return true;
}

/* Without memory for it, the alias is not known any more. */
static void set_alias(struct monitored *connection, struct monitor_aliases *aliases, uint32_t alias,
                      struct mqtt_bytes topic) {
    const struct environment *environment = &connection->monitor->environment;
    if (!reach_alias(environment, aliases, alias)) {
        aliases->unknown = true;
        return;
    }
    struct monitor_alias *entry = &aliases->entries[alias];
    if (entry->topic != NULL && mqtt_equal(topic, (struct mqtt_bytes){entry->topic, entry->length}))
        return;
    monitor_release(environment, entry->topic, entry->length);
    aliases->bytes -= entry->length;
    *entry = (struct monitor_alias){0};
    if (topic.length <= MONITOR_MAXIMUM_ALIASED - aliases->bytes)
        entry->topic = monitor_allocate(environment, topic.length);
    if (entry->topic == NULL) {
        aliases->unknown = true;
        return;
    }
    memcpy(entry->topic, topic.data, topic.length);
    entry->length = topic.length;
    aliases->bytes += topic.length;
}

/* Where the limit is not known, or not to a Client, the alias is not remembered. */
static bool alias_is_taken(struct monitored *connection, enum mqtt_side side, uint32_t alias) {
    const struct monitor_limits *limits = &connection->limits[side];
    if (limits->known && alias <= limits->topic_alias_maximum)
        return true;
    connection->aliases[side].unknown = true;
    if (limits->known)
        monitor_breach(connection, side,
                       limits->topic_alias_maximum == 0 ? MONITOR_RULE_ALIAS_UNWANTED : MONITOR_RULE_ALIAS_TOO_HIGH);
    return false;
}

struct mqtt_bytes monitor_topic(struct monitored *connection, enum mqtt_side side, const struct mqtt_publish *publish) {
    struct monitor_aliases *aliases = &connection->aliases[side];
    uint32_t alias = monitor_in_5_0(connection) ? mqtt_property_number(publish->properties, MQTT_TOPIC_ALIAS, 0) : 0;
    if (alias == 0 || !alias_is_taken(connection, side, alias))
        return publish->topic;
    if (publish->topic.length > 0) {
        set_alias(connection, aliases, alias, publish->topic);
        return publish->topic;
    }
    if (alias < aliases->capacity && aliases->entries[alias].topic != NULL)
        return (struct mqtt_bytes){aliases->entries[alias].topic, aliases->entries[alias].length};
    if (!aliases->unknown)
        monitor_breach(connection, side, MONITOR_RULE_ALIAS_NOT_SET);
    aliases->unknown = true; /* told once */
    return publish->topic;
}

/* ---- What the Server offers ---------------------------------------------------------------------------------------
 */

static void judge_offered_filters(struct monitored *connection, const struct mqtt_subscribe *subscribe) {
    struct mqtt_bytes filters = subscribe->filters;
    struct mqtt_bytes filter, share_name, shared;
    uint8_t options;
    bool has_wildcard = false, has_share = false;
    while (filters.length > 0 && mqtt_next_filter(&filters, &filter, &options)) {
        has_wildcard = has_wildcard || mqtt_topic_filter_has_wildcard(filter);
        has_share = has_share || mqtt_shared_filter(filter, &share_name, &shared);
    }
    if (has_wildcard && !connection->offer.wildcards)
        monitor_breach(connection, MQTT_CLIENT, MONITOR_RULE_WILDCARD_NOT_OFFERED);
    if (has_share && !connection->offer.shared)
        monitor_breach(connection, MQTT_CLIENT, MONITOR_RULE_SHARED_NOT_OFFERED);
    if (!connection->offer.identifiers &&
        mqtt_property_number(subscribe->properties, MQTT_SUBSCRIPTION_IDENTIFIER, 0) != 0)
        monitor_breach(connection, MQTT_CLIENT, MONITOR_RULE_IDENTIFIER_NOT_OFFERED);
}

void monitor_judge_offer(struct monitored *connection, const struct mqtt_packet *packet) {
    if (!monitor_in_5_0(connection) || !connection->limits[MQTT_CLIENT].known)
        return;
    if (packet->type == MQTT_SUBSCRIBE)
        judge_offered_filters(connection, &packet->subscribe);
    if (packet->type != MQTT_PUBLISH)
        return;
    if (mqtt_publish_qos(packet->flags) > connection->offer.maximum_qos)
        monitor_breach(connection, MQTT_CLIENT, MONITOR_RULE_QOS_NOT_OFFERED);
    if ((packet->flags & MQTT_PUBLISH_RETAIN) != 0 && !connection->offer.retained)
        monitor_breach(connection, MQTT_CLIENT, MONITOR_RULE_RETAIN_NOT_OFFERED);
}

/* ---- Receive Maximum ----------------------------------------------------------------------------------------------
 */

void monitor_use_quota(struct monitored *connection, enum mqtt_side sender) {
    const struct monitor_limits *limits = &connection->limits[sender];
    if (!monitor_in_5_0(connection))
        return;
    connection->unacknowledged[sender]++;
    if (limits->known && connection->unacknowledged[sender] > limits->receive_maximum)
        monitor_breach(connection, sender, MONITOR_RULE_RECEIVE_MAXIMUM);
}

/* Section 4.9 counts also what frees nothing: an answer to a PUBREL of an earlier connection gives one more PUBLISH
 * when it arrives after others were sent. So the count may fall below 0. */
void monitor_free_quota(struct monitored *connection, enum mqtt_side sender) {
    if (monitor_in_5_0(connection))
        connection->unacknowledged[sender]--;
}
