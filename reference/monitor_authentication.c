/* Judges enhanced authentication, section 4.12 of MQTT 5.0: AUTH, and the Authentication Method of CONNACK. */
#include "reference/monitor_internal.h"

static bool same_method(const struct monitored *connection, struct mqtt_bytes method) {
    return monitor_hash(MONITOR_HASH, method) == connection->method;
}

/* Before CONNACK, every AUTH says that more is to come. Afterwards, what is in order depends on what is on its way; but
 * some codes are of one side only. */
static void judge_reason(struct monitored *connection, enum mqtt_side side, uint8_t reason_code) {
    bool begins = connection->phase == MONITOR_AWAITS_CONNACK;
    uint8_t foreign = side == MQTT_CLIENT ? MQTT_REASON_SUCCESS : MQTT_REASON_RE_AUTHENTICATE;
    if (begins && reason_code != MQTT_REASON_CONTINUE_AUTHENTICATION)
        monitor_breach(connection, side, MONITOR_RULE_AUTH_REASON);
    else if (!begins && reason_code == foreign)
        monitor_breach(connection, side, MONITOR_RULE_AUTH_REASON_OF_OTHER_SIDE);
}

void monitor_judge_authentication(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    const struct mqtt_disconnect *auth = &packet->disconnect;
    struct mqtt_bytes method = mqtt_property_bytes(auth->properties, MQTT_AUTHENTICATION_METHOD);
    bool again = side == MQTT_CLIENT && auth->reason_code == MQTT_REASON_RE_AUTHENTICATE;
    if (!connection->asked)
        return;
    if (again && connection->phase == MONITOR_CONNECTED)
        connection->informed = connection->limits[MQTT_CLIENT].known;
    if (!connection->has_method) {
        monitor_breach(connection, side, MONITOR_RULE_NO_METHOD_ASKED);
        return;
    }
    judge_reason(connection, side, auth->reason_code);
    /* Section 3.15.2.1 lets all be left out behind the header when the code is 0 and there are no properties. */
    if (method.data == NULL && auth->properties.data != NULL)
        monitor_breach(connection, side, MONITOR_RULE_METHOD_MISSING);
    else if (method.data != NULL && !same_method(connection, method))
        monitor_breach(connection, side, again ? MONITOR_RULE_OTHER_METHOD_AGAIN : MONITOR_RULE_OTHER_METHOD);
}

void monitor_judge_connack_method(struct monitored *connection, const struct mqtt_connack *connack) {
    struct mqtt_bytes method = mqtt_property_bytes(connack->properties, MQTT_AUTHENTICATION_METHOD);
    if (!connection->asked)
        return;
    if (!connection->has_method && method.data != NULL)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_NO_METHOD_ASKED);
    if (!connection->has_method || connack->code != MQTT_REASON_SUCCESS)
        return;
    if (method.data == NULL)
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_METHOD_MISSING);
    else if (!same_method(connection, method))
        monitor_breach(connection, MQTT_SERVER, MONITOR_RULE_OTHER_METHOD);
}
