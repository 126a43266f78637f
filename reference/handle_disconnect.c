/* DISCONNECT, section 3.14: the Will is discarded, unless a Client of 5.0 says otherwise, and the connection closed. */
#include "reference/core.h"

static void drop_will(struct connection *connection) {
    struct broker *broker = connection->broker;
    enum mqtt_version version = connection->version;
    if (connection->will != NULL && !MUST(&broker->rules, BY_VERSION(version, V311(3_1_2_10), V5(3_1_2_10))))
        connection_keep_will(connection);
    if (MUST(&broker->rules, BY_VERSION(version, V311(3_14_4_3), V5(3_14_4_3)))) {
        message_release(broker, connection->will);
        connection->will = NULL;
    }
}

/* Section 3.14.2.2.2 of 5.0. False where it would make a Session live on that was to end: the connection was dropped.
 */
static bool change_session_expiry(struct connection *connection, const struct mqtt_packet *packet) {
    struct session *session = connection->session;
    if (session == NULL)
        return true;
    uint32_t expiry =
        mqtt_property_number(packet->disconnect.properties, MQTT_SESSION_EXPIRY_INTERVAL, session->expiry);
    if (connection->version == MQTT_5_0 && !connection->limits.wants_session_to_stay && expiry != 0) {
        connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_PROTOCOL_ERROR, V5(4_13_1_1),
                            "a Session Expiry Interval in DISCONNECT, but none in CONNECT");
        return false;
    }
    uint32_t longest = connection->broker->settings.maximum_session_expiry;
    if (connection->version == MQTT_5_0)
        session->expiry = expiry < longest ? expiry : longest;
    return true;
}

void handle_disconnect(struct connection *connection, const struct mqtt_packet *packet) {
    if (!change_session_expiry(connection, packet))
        return;
    connection_report(connection, BROKER_DISCONNECTED, packet, NULL);
    if (connection->version != MQTT_5_0 || packet->disconnect.reason_code == MQTT_REASON_SUCCESS)
        drop_will(connection);
    connection_end(connection);
}
