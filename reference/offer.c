/* What the Server offers to a Client of MQTT 5.0: the properties of CONNACK, section 3.2.2.3 there. */
#include "reference/core.h"
#include "reference/property_set.h"

uint8_t broker_maximum_qos(struct broker *broker) {
    struct spec_rules *rules = &broker->rules;
    bool plays_less = !MUST(rules, V5(3_2_2_9)) || !MUST(rules, V5(3_2_2_10)) || !MUST(rules, V5(3_2_2_12));
    return plays_less ? 1 : broker->settings.maximum_qos;
}

bool broker_retains(struct broker *broker) {
    return broker->settings.retain_available && MUST(&broker->rules, V5(3_2_2_13));
}

uint16_t offer_keep_alive(const struct broker *broker, uint16_t asked) {
    uint16_t longest = broker->settings.maximum_keep_alive;
    return longest != 0 && (asked == 0 || asked > longest) ? longest : asked;
}

uint32_t offer_session_expiry(const struct broker *broker, const struct mqtt_connect *connect) {
    uint32_t asked = mqtt_property_number(connect->properties, MQTT_SESSION_EXPIRY_INTERVAL, 0);
    uint32_t longest = broker->settings.maximum_session_expiry;
    return asked < longest ? asked : longest;
}

/* ---- Limits ------------------------------------------------------------------------------------------------- */

static void add_limits(struct property_set *set, struct broker *broker) {
    const struct broker_settings *settings = &broker->settings;
    uint8_t maximum_qos = broker_maximum_qos(broker);
    if (settings->receive_maximum != UINT16_MAX)
        property_set_number(set, MQTT_RECEIVE_MAXIMUM, settings->receive_maximum);
    if (maximum_qos < 2 && MUST(&broker->rules, V5(3_2_2_9)))
        property_set_number(set, MQTT_MAXIMUM_QOS, maximum_qos);
    if (!broker_retains(broker))
        property_set_number(set, MQTT_RETAIN_AVAILABLE, 0);
    if (settings->maximum_packet_size < MQTT_MAXIMUM_PACKET_SIZE)
        property_set_number(set, MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, settings->maximum_packet_size);
    if (settings->topic_alias_maximum > 0)
        property_set_number(set, MQTT_TOPIC_ALIAS_MAXIMUM, settings->topic_alias_maximum);
}

/* What differs from what the Client asked for. MQTT-3.2.2-22: without a Server Keep Alive, the Client's holds. */
static void add_changes(struct property_set *set, struct connection *connection, const struct mqtt_connect *connect,
                        struct mqtt_bytes assigned) {
    struct broker *broker = connection->broker;
    uint32_t expiry = offer_session_expiry(broker, connect);
    uint16_t keep_alive = offer_keep_alive(broker, connect->keep_alive);
    if (expiry != mqtt_property_number(connect->properties, MQTT_SESSION_EXPIRY_INTERVAL, 0))
        property_set_number(set, MQTT_SESSION_EXPIRY_INTERVAL, expiry);
    if (keep_alive != connect->keep_alive)
        property_set_number(set, MQTT_SERVER_KEEP_ALIVE, keep_alive);
    if (assigned.data != NULL && MUST(&broker->rules, V5(3_1_3_7)) && MUST(&broker->rules, V5(3_2_2_16)))
        property_set_bytes(set, MQTT_ASSIGNED_CLIENT_IDENTIFIER, assigned);
}

/* MQTT-3.1.2-28. */
static void add_response_information(struct property_set *set, const struct connection *connection) {
    struct broker *broker = connection->broker;
    struct mqtt_bytes information = broker->settings.response_information;
    if (information.data == NULL)
        return;
    if (connection->limits.wants_response_information || !MUST(&broker->rules, V5(3_1_2_28)))
        property_set_bytes(set, MQTT_RESPONSE_INFORMATION, information);
}

/* MQTT-4.12.0-5, and MQTT-4.12.0-6 where there was no method. */
static void add_authentication(struct property_set *set, const struct connection *connection, struct mqtt_bytes data) {
    struct spec_rules *rules = &connection->broker->rules;
    bool names_method = connection->uses_scram ? MUST(rules, V5(4_12_0_5)) : !MUST(rules, V5(4_12_0_6));
    if (names_method)
        property_set_bytes(set, MQTT_AUTHENTICATION_METHOD, mqtt_text(SCRAM_METHOD));
    if (names_method && data.data != NULL)
        property_set_bytes(set, MQTT_AUTHENTICATION_DATA, data);
}

struct mqtt_bytes offer_properties(struct connection *connection, const struct mqtt_connect *connect,
                                   struct mqtt_bytes assigned, struct mqtt_bytes authentication_data) {
    struct broker *broker = connection->broker;
    struct property_set set = {.buffer = broker->properties, .capacity = sizeof broker->properties};
    if (connection->version != MQTT_5_0)
        return (struct mqtt_bytes){NULL, 0};
    add_limits(&set, broker);
    add_changes(&set, connection, connect, assigned);
    add_response_information(&set, connection);
    add_authentication(&set, connection, authentication_data);
    return property_set_view(&set);
}
