/* PUBLISH from a Client, section 3.3, and PUBREL, which completes its QoS 2, section 4.3.3. */
#include "reference/core.h"

static bool may_publish(struct connection *connection, struct mqtt_bytes topic) {
    const struct broker_hooks *hooks = &connection->broker->settings.hooks;
    return hooks->may_publish == NULL ||
           hooks->may_publish(hooks->context, session_client_identifier(connection->session), topic);
}

/* The answer that Table 3.4 asks for. A broker that breaks MQTT-3.3.4-1 confuses them. */
static void answer(struct connection *connection, uint8_t qos, uint16_t packet_identifier) {
    bool right = MUST(&connection->broker->rules, V311(3_3_4_1));
    if (qos > 0)
        connection_acknowledge(connection, (qos == 1) == right ? MQTT_PUBACK : MQTT_PUBREC, packet_identifier);
}

/* The message was taken before and is only sent again: it must not be distributed a second time. */
static bool is_repeated(struct session *session, uint8_t flags, uint16_t packet_identifier) {
    struct spec_rules *rules = &session->broker->rules;
    uint8_t qos = mqtt_publish_qos(flags);
    if (qos == 2)
        return identifier_set_has(&session->received, packet_identifier) && MUST(rules, V311(4_3_3_2));
    /* MQTT-4.3.2-2: once acknowledged, an identifier stands for a new message, whatever DUP says. */
    return qos == 1 && (flags & MQTT_PUBLISH_DUP) != 0 && packet_identifier == session->last_acknowledged &&
           !MUST(rules, V311(4_3_2_2));
}

void handle_publish(struct connection *connection, const struct mqtt_packet *packet) {
    struct broker *broker = connection->broker;
    struct session *session = connection->session;
    struct mqtt_publish publish = packet->publish;
    uint8_t qos = mqtt_publish_qos(packet->flags);
    broker->counts.received++;
    publish.topic = topic_as_received(broker, publish.topic);
    if (!may_publish(connection, publish.topic)) {
        if (MUST(&broker->rules, V311(3_3_5_2)))
            answer(connection, qos, publish.packet_identifier);
        return;
    }
    bool repeated = is_repeated(session, packet->flags, publish.packet_identifier);
    /* Identifier 0 gets here only where the decoder is told to let it pass. */
    bool remembered = qos == 2 && publish.packet_identifier != 0;
    if (remembered && !identifier_set_add(&broker->memory, &session->received, publish.packet_identifier)) {
        connection_give_up(connection, "out of memory");
        return;
    }
    if (!repeated) {
        publish_retain(broker, &publish, packet->flags);
        publish_to_subscribers(broker, &publish, packet->flags, NULL);
    }
    answer(connection, qos, publish.packet_identifier);
    if (qos == 1)
        session->last_acknowledged = publish.packet_identifier;
}

/* Answered even when the identifier is not known: the Client then learns that the exchange is over. */
void handle_pubrel(struct connection *connection, const struct mqtt_packet *packet) {
    uint16_t packet_identifier = packet->acknowledgement.packet_identifier;
    identifier_set_remove(&connection->session->received, packet_identifier);
    connection_acknowledge(connection, MQTT_PUBCOMP, packet_identifier);
}
