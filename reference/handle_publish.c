/* PUBLISH from a Client, section 3.3, and PUBREL, which completes its QoS 2, section 4.3.3. */
#include <string.h>

#include "reference/core.h"

#define SERVER_TOPICS "$SYS/" /* are the Server's own to publish to */

/* ---- May it be published? --------------------------------------------------------------------------------- */

static bool is_of_server(struct mqtt_bytes topic) {
    const uint32_t length = sizeof SERVER_TOPICS - 1;
    return topic.length >= length && memcmp(topic.data, SERVER_TOPICS, length) == 0;
}

bool client_may_publish(struct broker *broker, const struct broker_client *client, struct mqtt_bytes topic) {
    const struct broker_hooks *hooks = &broker->settings.hooks;
    if (is_of_server(topic))
        return false;
    if (hooks->may_publish == NULL)
        return true;
    enum mqtt_connect_return_code answer;
    if (client->asking != NULL && hold_recall(client->asking, &answer))
        return answer == MQTT_CONNECTION_ACCEPTED;
    bool allowed = hooks->may_publish(hooks->context, client, topic);
    if (client->asking != NULL)
        hold_note(client->asking, hold_code(allowed));
    return allowed;
}

static bool may_publish(struct connection *connection, struct mqtt_bytes topic) {
    if (connection->broker->settings.hooks.may_publish == NULL)
        return !is_of_server(topic);
    struct broker_client client = session_client(connection->session);
    client.asking = connection;
    return client_may_publish(connection->broker, &client, topic);
}

/* What CONNACK of 5.0 has told the Client to leave. */
static bool keeps_to_offer(struct connection *connection, uint8_t flags) {
    struct broker *broker = connection->broker;
    struct spec_rules *rules = &broker->rules;
    uint8_t qos = mqtt_publish_qos(flags); /* 3 gets here only where the decoder lets it pass */
    if (qos > 0 && qos <= 2 && qos > broker_maximum_qos(broker) && MUST(rules, V5(3_2_2_11))) {
        connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_QOS_NOT_SUPPORTED, V5(3_2_2_11),
                            "a QoS above the Maximum QoS");
        return false;
    }
    if ((flags & MQTT_PUBLISH_RETAIN) != 0 && !broker_retains(broker) && MUST(rules, V5(3_2_2_14))) {
        connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_RETAIN_NOT_SUPPORTED, V5(3_2_2_14),
                            "RETAIN, though retained messages are not available");
        return false;
    }
    return true;
}

/* MQTT-3.3.4-7: QoS 1 is acknowledged at once, so only QoS 2 can add up. */
static bool keeps_receive_maximum(struct connection *connection) {
    struct broker *broker = connection->broker;
    connection->unacknowledged++;
    if (connection->version != MQTT_5_0 || connection->unacknowledged <= broker->settings.receive_maximum ||
        !MUST(&broker->rules, V5(3_3_4_7)))
        return true;
    connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_RECEIVE_MAXIMUM_EXCEEDED, V5(3_3_4_7),
                        "more messages than the Receive Maximum");
    return false;
}

/* ---- Answering ---------------------------------------------------------------------------------------------- */

/* A broker that breaks MQTT-3.3.4-1 confuses the answers; one that breaks MQTT-4.3.2-4 or MQTT-4.3.3-8 of 5.0 leaves
 * one out. */
static SPEC_BREACH enum mqtt_type wrong_answer(struct connection *connection, uint8_t qos) {
    struct spec_rules *rules = &connection->broker->rules;
    if (connection->version == MQTT_5_0 && !(qos == 1 ? MUST(rules, V5(4_3_2_4)) : MUST(rules, V5(4_3_3_8))))
        return MQTT_RESERVED; /* none */
    bool right = MUST(rules, BY_VERSION(connection->version, V311(3_3_4_1), V5(3_3_4_1)));
    return (qos == 1) == right ? MQTT_PUBACK : MQTT_PUBREC;
}

/* The answer that Table 3.4 (5.0: Table 3-4) asks for. */
static void answer(struct connection *connection, uint8_t qos, uint16_t packet_identifier, enum mqtt_reason reason,
                   const char *what) {
    if (qos == 0)
        return;
    enum mqtt_type type = qos == 1 ? MQTT_PUBACK : MQTT_PUBREC;
    if (!spec_all_hold(&connection->broker->rules))
        type = wrong_answer(connection, qos);
    if (type != MQTT_RESERVED)
        connection_acknowledge(connection, type, packet_identifier, reason, what);
}

static void refuse_topic(struct connection *connection, const struct mqtt_publish *publish, uint8_t qos) {
    struct session *session = connection->session;
    struct broker *broker = connection->broker;
    struct spec_rules *rules = &broker->rules;
    if (connection->version == MQTT_5_0) {
        /* A broker that breaks MQTT-4.3.3-9 takes the identifier for one that is in use. */
        if (qos == 2 && !MUST(rules, V5(4_3_3_9)))
            (void)session_note_received(session, publish->packet_identifier);
        answer(connection, qos, publish->packet_identifier, MQTT_REASON_NOT_AUTHORIZED,
               "this Client may not publish to this topic");
        return;
    }
    if (MUST(rules, V311(3_3_5_2)))
        answer(connection, qos, publish->packet_identifier, MQTT_REASON_SUCCESS, NULL);
}

/* ---- Taking ------------------------------------------------------------------------------------------------- */

/* The identifier is that of a message of QoS 2 that was taken and whose exchange goes on. */
static bool was_taken(const struct session *session, uint8_t qos, uint16_t packet_identifier) {
    return qos == 2 && identifier_set_has(&session->received, packet_identifier);
}

/* The message was taken before and is only sent again: it must not be distributed a second time. */
static bool is_repeated(struct session *session, uint8_t flags, uint16_t packet_identifier) {
    struct spec_rules *rules = &session->broker->rules;
    enum mqtt_version version = session->version;
    uint8_t qos = mqtt_publish_qos(flags);
    if (qos == 2)
        return was_taken(session, qos, packet_identifier) &&
               MUST(rules, BY_VERSION(version, V311(4_3_3_2), V5(4_3_3_10)));
    /* MQTT-4.3.2-2 (5.0: 4.3.2-5): once acknowledged, an identifier stands for a new message, whatever DUP says. */
    return qos == 1 && (flags & MQTT_PUBLISH_DUP) != 0 && packet_identifier == session->last_acknowledged &&
           !MUST(rules, BY_VERSION(version, V311(4_3_2_2), V5(4_3_2_5)));
}

static void tell_published(struct connection *connection, const struct mqtt_publish *publish, uint8_t flags) {
    const struct broker_hooks *hooks = &connection->broker->settings.hooks;
    if (hooks->published == NULL)
        return;
    const struct broker_client client = session_client(connection->session);
    hooks->published(hooks->context, &client, publish, flags);
}

/* Returns how many it reached. */
static uint32_t distribute(struct connection *connection, const struct mqtt_publish *publish, uint8_t flags) {
    struct broker *broker = connection->broker;
    struct application_message parts = message_parts(broker, publish, flags);
    parts.publisher = connection->session->hash;
    tell_published(connection, publish, flags);
    if (is_to_retain(broker, connection->version, flags))
        retain_message(broker, connection->version, &parts);
    return publish_to_subscribers(broker, &parts, NULL, connection->session);
}

static void take(struct connection *connection, const struct mqtt_publish *publish, uint8_t flags) {
    struct session *session = connection->session;
    uint16_t packet_identifier = publish->packet_identifier;
    uint8_t qos = mqtt_publish_qos(flags);
    bool repeated = is_repeated(session, flags, packet_identifier);
    /* Identifier 0 gets here only where the decoder is told to let it pass. */
    bool remembered = qos == 2 && packet_identifier != 0;
    bool is_new = remembered && !was_taken(session, qos, packet_identifier);
    if (is_new && !keeps_receive_maximum(connection))
        return;
    if (remembered && !session_note_received(session, packet_identifier)) {
        connection_give_up(connection, "out of memory");
        return;
    }
    struct mqtt_property expiry;
    if (qos == 2 && mqtt_find_property(publish->properties, MQTT_MESSAGE_EXPIRY_INTERVAL, &expiry))
        session->last_expiring = packet_identifier;
    bool nobody = !repeated && distribute(connection, publish, flags) == 0;
    answer(connection, qos, packet_identifier, nobody ? MQTT_REASON_NO_MATCHING_SUBSCRIBERS : MQTT_REASON_SUCCESS,
           nobody ? "no subscription matches" : NULL);
    if (qos == 1)
        session->last_acknowledged = packet_identifier;
}

void handle_publish(struct connection *connection, const struct mqtt_packet *packet) {
    struct broker *broker = connection->broker;
    struct mqtt_publish publish = packet->publish;
    uint8_t qos = mqtt_publish_qos(packet->flags);
    if (!hold_is_anew(connection)) {
        broker->counts.received++;
        broker->counts.payload_bytes_received += publish.payload.length;
    }
    if (connection->version == MQTT_5_0 &&
        (!keeps_to_offer(connection, packet->flags) || !topic_alias_resolve(connection, &publish)))
        return;
    publish.topic = topic_as_received(broker, connection->version, publish.topic);
    /* What was taken is not denied later, though permissions may have changed. */
    bool allowed =
        was_taken(connection->session, qos, publish.packet_identifier) || may_publish(connection, publish.topic);
    if (hold_is_waiting(connection))
        return;
    if (allowed)
        take(connection, &publish, packet->flags);
    else
        refuse_topic(connection, &publish, qos);
}

/* ---- PUBREL ------------------------------------------------------------------------------------------------- */

/* A broker that breaks one of these leaves the exchange open. */
static SPEC_BREACH bool completes(struct session *session, uint16_t packet_identifier) {
    struct spec_rules *rules = &session->broker->rules;
    if (session->version != MQTT_5_0)
        return true;
    if (packet_identifier == session->last_expiring && !MUST(rules, V5(4_3_3_13)))
        return false;
    return MUST(rules, V5(4_3_3_11));
}

/* Answered even when the identifier is not known: the Client then learns that the exchange is over. */
void handle_pubrel(struct connection *connection, const struct mqtt_packet *packet) {
    struct session *session = connection->session;
    uint16_t packet_identifier = packet->acknowledgement.packet_identifier;
    bool was_known = identifier_set_has(&session->received, packet_identifier);
    /* MQTT-4.3.3-12: from here on the identifier stands for a new message. */
    if (session->version != MQTT_5_0 || MUST(&session->broker->rules, V5(4_3_3_12)))
        session_forget_received(session, packet_identifier);
    if (was_known && connection->unacknowledged > 0)
        connection->unacknowledged--;
    if (spec_all_hold(&session->broker->rules) || completes(session, packet_identifier))
        connection_acknowledge(connection, MQTT_PUBCOMP, packet_identifier,
                               was_known ? MQTT_REASON_SUCCESS : MQTT_REASON_PACKET_IDENTIFIER_NOT_FOUND,
                               was_known ? NULL : "no message waits under this identifier");
}
