/* PINGREQ, section 3.12. */
#include "reference/core.h"

void handle_pingreq(struct connection *connection, const struct mqtt_packet *packet) {
    (void)packet;
    struct spec_rules *rules = &connection->broker->rules;
    struct session *session = connection->session;
    enum mqtt_version version = connection->version;
    /* A broker that breaks MQTT-4.1.0-2 (5.0: 4.1.0-1) forgets the session's subscriptions while its Client is there.
     */
    if (session != NULL && !MUST(rules, BY_VERSION(version, V311(4_1_0_2), V5(4_1_0_1))))
        while (session->subscriptions != NULL)
            subscription_remove(session->subscriptions);
    if (!MUST(rules, BY_VERSION(version, V311(3_12_4_1), V5(3_12_4_1))))
        return;
    struct mqtt_packet pingresp = {.type = MQTT_PINGRESP};
    connection_send(connection, &pingresp);
}
