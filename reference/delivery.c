/* QoS 1 and 2 messages on their way to one Client, section 4.3, in the order of section 4.6. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"

#define COPIED_PAYLOAD            ((uint32_t)1024) /* larger ones are sent from where they lie */
#define FIRST_IDENTIFIER_CAPACITY 16u

/* ---- Lists ---------------------------------------------------------------------------------------------- */

static void append(struct session *session, struct delivery *delivery, enum delivery_state state) {
    struct delivery_list *list = &session->deliveries[state];
    delivery->state = state;
    delivery->next = NULL;
    delivery->previous = list->last;
    if (list->last != NULL)
        list->last->next = delivery;
    else
        list->first = delivery;
    list->last = delivery;
    list->count++;
}

static void prepend(struct session *session, struct delivery *delivery, enum delivery_state state) {
    struct delivery_list *list = &session->deliveries[state];
    delivery->state = state;
    delivery->previous = NULL;
    delivery->next = list->first;
    if (list->first != NULL)
        list->first->previous = delivery;
    else
        list->last = delivery;
    list->first = delivery;
    list->count++;
}

static void take_out(struct session *session, struct delivery *delivery) {
    struct delivery_list *list = &session->deliveries[delivery->state];
    if (delivery->next != NULL)
        delivery->next->previous = delivery->previous;
    else
        list->last = delivery->previous;
    if (delivery->previous != NULL)
        delivery->previous->next = delivery->next;
    else
        list->first = delivery->next;
    list->count--;
}

/* ---- Packet Identifiers ----------------------------------------------------------------------------------- */

static uint32_t in_flight(const struct session *session) {
    return session->deliveries[DELIVERY_SENT].count + session->deliveries[DELIVERY_RELEASED].count;
}

static bool grow_identifiers(struct session *session) {
    uint32_t old = session->identifier_capacity;
    uint32_t capacity = old == 0 ? FIRST_IDENTIFIER_CAPACITY : old * 2;
    struct delivery **grown = memory_resize(&session->broker->memory, session->by_identifier, old * sizeof *grown,
                                            capacity * sizeof *grown, old * sizeof *grown);
    if (grown == NULL)
        return false;
    memset(grown + old, 0, (capacity - old) * sizeof *grown);
    session->by_identifier = grown;
    session->identifier_capacity = capacity;
    return true;
}

/* An identifier that no delivery of the session uses; 0 where there is no memory. They are taken in turn, so that
 * one is not used again right after it was freed. */
static uint16_t take_identifier(struct session *session, struct delivery *delivery) {
    assert(in_flight(session) < 65535);
    if (in_flight(session) + 1 >= session->identifier_capacity && !grow_identifiers(session))
        return 0;
    uint32_t identifier = session->last_identifier;
    do
        identifier = identifier + 1 < session->identifier_capacity ? identifier + 1 : 1;
    while (session->by_identifier[identifier] != NULL);
    if (!MUST(&session->broker->rules, V311(2_3_1_4)))
        identifier = 1;
    session->last_identifier = identifier;
    session->by_identifier[identifier] = delivery;
    delivery->packet_identifier = (uint16_t)identifier;
    return (uint16_t)identifier;
}

struct delivery *delivery_find(const struct session *session, uint16_t packet_identifier) {
    return packet_identifier < session->identifier_capacity ? session->by_identifier[packet_identifier] : NULL;
}

/* ---- Sending -------------------------------------------------------------------------------------------- */

void delivery_send_publish(struct connection *connection, const struct mqtt_publish *publish, uint8_t flags,
                           struct message *message) {
    struct broker *broker = connection->broker;
    if (connection->given_up != NULL)
        return;
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = flags, .publish = *publish};
    size_t header = mqtt_encode_publish_header(connection->version, &packet, broker->header, sizeof broker->header);
    assert(header > 0);
    bool copied = message == NULL || publish->payload.length <= COPIED_PAYLOAD;
    size_t size = copied ? header + publish->payload.length : header;
    uint8_t *buffer = output_reserve(broker, &connection->output, size);
    if (buffer == NULL) {
        connection_give_up(connection, "out of memory");
        return;
    }
    memcpy(buffer, broker->header, header);
    if (copied && publish->payload.length > 0)
        memcpy(buffer + header, publish->payload.data, publish->payload.length);
    output_commit(&connection->output, size);
    if (!copied && !output_append_payload(broker, &connection->output, message))
        connection_give_up(connection, "out of memory");
    broker->counts.sent++;
    connection_mark_ready(connection);
    if (broker->settings.report_packets)
        connection_report(connection, BROKER_PACKET_OUT, &packet, NULL);
}

static void send_delivery(struct session *session, const struct delivery *delivery, bool again) {
    struct spec_rules *rules = &session->broker->rules;
    bool dup = again && MUST(rules, V311(3_3_1_1));
    if (!again && delivery->message->dup)
        dup = !MUST(rules, V311(3_3_1_3));
    uint8_t flags = (uint8_t)(delivery->qos << MQTT_PUBLISH_QOS_SHIFT);
    if (dup)
        flags |= MQTT_PUBLISH_DUP;
    if (delivery->retain)
        flags |= MQTT_PUBLISH_RETAIN;
    struct mqtt_publish publish = {.topic = message_topic(delivery->message),
                                   .packet_identifier = delivery->packet_identifier,
                                   .payload = message_payload(delivery->message)};
    delivery_send_publish(session->connection, &publish, flags, delivery->message);
}

static bool may_send_more(const struct session *session) {
    const struct connection *connection = session->connection;
    const struct broker_settings *settings = &session->broker->settings;
    return connection != NULL && connection->given_up == NULL && in_flight(session) < settings->maximum_in_flight &&
           connection->output.waiting <= settings->maximum_output;
}

void delivery_pump(struct session *session) {
    struct spec_rules *rules = &session->broker->rules;
    struct delivery *delivery;
    while ((delivery = session->deliveries[DELIVERY_QUEUED].first) != NULL && may_send_more(session)) {
        if (take_identifier(session, delivery) == 0) {
            connection_give_up(session->connection, "out of memory");
            return;
        }
        take_out(session, delivery);
        append(session, delivery, DELIVERY_SENT);
        send_delivery(session, delivery, false);
        if (delivery->qos == 1 && !MUST(rules, V311(4_3_2_1)))
            delivery_finish(session, delivery);
    }
}

void delivery_add(struct session *session, struct message *message, uint8_t qos, bool retain) {
    struct broker *broker = session->broker;
    bool must_wait = !may_send_more(session) || session->deliveries[DELIVERY_QUEUED].count > 0;
    bool is_full = must_wait && session->deliveries[DELIVERY_QUEUED].count >= broker->settings.maximum_queued;
    struct delivery *delivery = is_full ? NULL : memory_take_zeroed(&broker->memory, sizeof *delivery);
    if (delivery == NULL) {
        broker->counts.discarded++;
        if (session->connection != NULL)
            connection_report(session->connection, BROKER_DISCARDED, NULL, NULL);
        return;
    }
    message_keep(message);
    delivery->message = message;
    delivery->qos = qos;
    delivery->retain = retain;
    OBEYS(&broker->rules, V311(4_6_0_5)); /* every topic is an Ordered Topic */
    if (MUST(&broker->rules, V311(4_6_0_6)))
        append(session, delivery, DELIVERY_QUEUED);
    else
        prepend(session, delivery, DELIVERY_QUEUED);
    delivery_pump(session);
}

static void resume_list(struct session *session, enum delivery_state state) {
    struct spec_rules *rules = &session->broker->rules;
    bool in_order = MUST(rules, V311(4_6_0_6));
    const struct delivery_list *list = &session->deliveries[state];
    const struct delivery *delivery = in_order ? list->first : list->last;
    for (; delivery != NULL; delivery = in_order ? delivery->next : delivery->previous) {
        if (state == DELIVERY_SENT || delivery->message != NULL)
            send_delivery(session, delivery, true);
        else
            connection_acknowledge(session->connection, MQTT_PUBREL, delivery->packet_identifier);
    }
}

void delivery_resume(struct session *session) {
    if (MUST(&session->broker->rules, V311(4_4_0_1))) {
        resume_list(session, DELIVERY_RELEASED);
        resume_list(session, DELIVERY_SENT);
    }
    delivery_pump(session);
}

/* ---- The end -------------------------------------------------------------------------------------------- */

static void free_delivery(struct session *session, struct delivery *delivery) {
    struct broker *broker = session->broker;
    if (delivery_find(session, delivery->packet_identifier) == delivery)
        session->by_identifier[delivery->packet_identifier] = NULL;
    message_release(broker, delivery->message);
    memory_give(&broker->memory, delivery, sizeof *delivery);
}

void delivery_finish(struct session *session, struct delivery *delivery) {
    take_out(session, delivery);
    free_delivery(session, delivery);
}

void delivery_release(struct session *session, struct delivery *delivery) {
    if (delivery->state == DELIVERY_SENT) {
        take_out(session, delivery);
        append(session, delivery, DELIVERY_RELEASED);
        /* A broker that breaks MQTT-4.3.3-1 keeps the message, to send it again. */
        if (MUST(&session->broker->rules, V311(4_3_3_1))) {
            message_release(session->broker, delivery->message);
            delivery->message = NULL;
        }
    }
    connection_acknowledge(session->connection, MQTT_PUBREL, delivery->packet_identifier);
}

void delivery_clear(struct session *session) {
    for (unsigned state = 0; state < DELIVERY_STATES; state++)
        while (session->deliveries[state].first != NULL)
            delivery_finish(session, session->deliveries[state].first);
}
