/* SUBSCRIBE, sections 3.8 and 3.9. */
#include <string.h>

#include "reference/core.h"

/* What became of one Topic Filter of the packet. */
struct outcome {
    uint8_t code;
    bool sends_retained;
};

static bool may_subscribe(struct connection *connection, struct mqtt_bytes filter) {
    const struct broker_hooks *hooks = &connection->broker->settings.hooks;
    return hooks->may_subscribe == NULL ||
           hooks->may_subscribe(hooks->context, session_client_identifier(connection->session), filter);
}

static uint8_t refusal_code(const struct connection *connection) {
    /* MQTT 3.1 has no code for a refusal: the least that it can grant is QoS 0. */
    return connection->version == MQTT_3_1 ? 0 : MQTT_SUBSCRIBE_FAILURE;
}

static struct outcome subscribe(struct connection *connection, struct mqtt_bytes filter, uint8_t options) {
    struct spec_rules *rules = &connection->broker->rules;
    struct session *session = connection->session;
    uint8_t qos = options & 3;
    if (qos > 2)
        qos = 2;
    if (!may_subscribe(connection, filter))
        return (struct outcome){refusal_code(connection), false};
    /* MQTT-3.8.4-3: an existing Subscription is replaced and its retained messages are sent again. */
    struct subscription *existing = subscription_find(session, filter);
    if (existing != NULL && !MUST(rules, V311(3_8_4_3)))
        return (struct outcome){existing->qos, false};
    bool existed;
    if (subscription_set(session, filter, qos, &existed) == NULL)
        return (struct outcome){refusal_code(connection), false};
    return (struct outcome){qos, true};
}

static void send_suback(struct connection *connection, uint16_t packet_identifier, struct mqtt_bytes codes) {
    struct spec_rules *rules = &connection->broker->rules;
    if (!MUST(rules, V311(3_8_4_1)))
        return;
    if (!MUST(rules, V311(3_8_4_2)) || !MUST(rules, V311(2_3_1_7)))
        packet_identifier = (uint16_t)(packet_identifier % 65535 + 1);
    if (codes.length > 1 && !MUST(rules, V311(3_8_4_5)))
        codes.length = 1;
    struct mqtt_packet suback = {.type = MQTT_SUBACK};
    suback.suback.packet_identifier = packet_identifier;
    suback.suback.codes = codes;
    connection_send(connection, &suback);
}

/* One SUBACK with a code for each filter, in their order. */
static void answer(struct connection *connection, uint16_t packet_identifier, const struct outcome *outcomes,
                   uint8_t *codes, uint32_t count) {
    struct spec_rules *rules = &connection->broker->rules;
    if (count == 0)
        return; /* let pass by a broker that breaks MQTT-3.8.3-3: there is nothing to answer */
    bool in_order = MUST(rules, V311(3_9_3_1));
    for (uint32_t i = 0; i < count; i++) {
        codes[i] = outcomes[in_order ? i : count - 1 - i].code;
        if (!MUST(rules, V311(3_9_3_2)))
            codes[i] |= 0x04;
    }
    if (MUST(rules, V311(3_8_4_4))) {
        send_suback(connection, packet_identifier, (struct mqtt_bytes){codes, count});
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        send_suback(connection, packet_identifier, (struct mqtt_bytes){codes + i, 1});
}

void handle_subscribe(struct connection *connection, const struct mqtt_packet *packet) {
    struct broker *broker = connection->broker;
    const struct mqtt_subscribe *request = &packet->subscribe;
    size_t size = request->count * (sizeof(struct outcome) + 1) + 1;
    struct outcome *outcomes = memory_take(&broker->memory, size);
    if (outcomes == NULL) {
        connection_give_up(connection, "out of memory");
        return;
    }
    uint8_t *codes = (uint8_t *)(outcomes + request->count);
    struct mqtt_bytes rest = request->filters, filter;
    uint8_t options;
    for (uint32_t i = 0; mqtt_next_filter(&rest, &filter, &options); i++)
        outcomes[i] = subscribe(connection, topic_as_received(broker, filter), options);
    answer(connection, request->packet_identifier, outcomes, codes, request->count);
    rest = request->filters;
    for (uint32_t i = 0; mqtt_next_filter(&rest, &filter, &options); i++) {
        if (!outcomes[i].sends_retained)
            continue;
        filter = topic_as_received(broker, filter);
        struct subscription *subscription = subscription_find(connection->session, filter);
        if (subscription != NULL)
            publish_retained_to(subscription, filter);
    }
    memory_give(&broker->memory, outcomes, size);
}
