/* SUBSCRIBE, sections 3.8 and 3.9. */
#include <string.h>

#include "reference/core.h"

/* What became of one Topic Filter of the packet. */
struct outcome {
    uint8_t code;
    bool is_allowed;
    bool sends_retained;
};

static bool may_subscribe(struct connection *connection, struct mqtt_bytes filter) {
    const struct broker_hooks *hooks = &connection->broker->settings.hooks;
    if (hooks->may_subscribe == NULL)
        return true;
    enum mqtt_connect_return_code code;
    if (hold_recall(connection, &code))
        return code == MQTT_CONNECTION_ACCEPTED;
    struct broker_client client = session_client(connection->session);
    client.asking = connection;
    bool allowed = hooks->may_subscribe(hooks->context, &client, filter);
    hold_note(connection, hold_code(allowed));
    return allowed;
}

/* Before any subscription is made. Stops where the host answers later: then nothing is to be done now. */
static void ask_about_all(struct connection *connection, const struct mqtt_subscribe *request,
                          struct outcome *outcomes) {
    struct mqtt_bytes rest = request->filters, filter;
    uint8_t options;
    if (request->count > 1 && connection->broker->settings.hooks.may_subscribe != NULL)
        hold_begin(connection, request->count);
    for (uint32_t i = 0; !hold_is_waiting(connection) && mqtt_next_filter(&rest, &filter, &options); i++)
        outcomes[i].is_allowed =
            may_subscribe(connection, topic_as_received(connection->broker, connection->version, filter));
}

static void tell_subscribed(struct connection *connection, struct mqtt_bytes filter, uint8_t qos) {
    const struct broker_hooks *hooks = &connection->broker->settings.hooks;
    if (hooks->subscribed == NULL)
        return;
    const struct broker_client client = session_client(connection->session);
    hooks->subscribed(hooks->context, &client, filter, qos);
}

static uint8_t refusal_code(const struct connection *connection, enum mqtt_reason reason) {
    switch (connection->version) {
    case MQTT_5_0:
        return (uint8_t)reason;
    case MQTT_3_1:
        return 0; /* MQTT 3.1 has no code for a refusal: the least that it can grant is QoS 0 */
    default:
        return MQTT_SUBSCRIBE_FAILURE;
    }
}

/* Section 3.8.3.1 of 5.0. Those of a Shared Subscription are never sent; before 5.0 they always are. */
static bool sends_retained(struct connection *connection, const struct subscription *subscription, bool existed) {
    struct spec_rules *rules = &connection->broker->rules;
    if (subscription->share != NULL)
        return false;
    switch ((subscription->options & MQTT_SUBSCRIBE_RETAIN_HANDLING) >> MQTT_SUBSCRIBE_RETAIN_HANDLING_SHIFT) {
    case 0:
        return connection->version != MQTT_5_0 || !existed || MUST(rules, V5(3_8_4_4));
    case 1:
        return MUST(rules, V5(3_3_1_10)) ? !existed : existed;
    default:
        return !MUST(rules, V5(3_3_1_11));
    }
}

/* MQTT-3.2.2-10: whatever QoS a PUBLISH may have, a subscription may ask for any. */
static bool accepts_qos(struct connection *connection, uint8_t options) {
    struct broker *broker = connection->broker;
    return connection->version != MQTT_5_0 || (options & MQTT_SUBSCRIBE_QOS) <= broker_maximum_qos(broker) ||
           MUST(&broker->rules, V5(3_2_2_10));
}

static struct outcome subscribe(struct connection *connection, struct mqtt_bytes filter, uint8_t options,
                                uint32_t identifier, bool is_allowed) {
    struct spec_rules *rules = &connection->broker->rules;
    struct session *session = connection->session;
    if ((options & MQTT_SUBSCRIBE_QOS) == 3)
        options &= (uint8_t)~1;
    if (connection->version != MQTT_5_0)
        options &= MQTT_SUBSCRIBE_QOS;
    if (!is_allowed)
        return (struct outcome){refusal_code(connection, MQTT_REASON_NOT_AUTHORIZED), false, false};
    if (!accepts_qos(connection, options))
        return (struct outcome){refusal_code(connection, MQTT_REASON_UNSPECIFIED_ERROR), true, false};
    /* MQTT-3.8.4-3: an existing Subscription is replaced. */
    struct subscription *existing = subscription_find(session, filter);
    if (existing != NULL && !MUST(rules, BY_VERSION(connection->version, V311(3_8_4_3), V5(3_8_4_3))))
        return (struct outcome){existing->options & MQTT_SUBSCRIBE_QOS, true, false};
    bool existed;
    const struct subscription *subscription = subscription_set(session, filter, options, identifier, &existed);
    if (subscription == NULL)
        return (struct outcome){refusal_code(connection, MQTT_REASON_QUOTA_EXCEEDED), true, false};
    tell_subscribed(connection, filter, options & MQTT_SUBSCRIBE_QOS);
    return (struct outcome){options & MQTT_SUBSCRIBE_QOS, true, sends_retained(connection, subscription, existed)};
}

static const char *reason_for(const struct mqtt_bytes codes) {
    for (uint32_t i = 0; i < codes.length; i++)
        if (codes.data[i] >= MQTT_REASON_FAILURE)
            return "not every subscription was made";
    return NULL;
}

static void send_suback(struct connection *connection, uint16_t packet_identifier, struct mqtt_bytes codes) {
    struct spec_rules *rules = &connection->broker->rules;
    enum mqtt_version version = connection->version;
    if (!MUST(rules, BY_VERSION(version, V311(3_8_4_1), V5(3_8_4_1))))
        return;
    if (!MUST(rules, BY_VERSION(version, V311(3_8_4_2), V5(3_8_4_2))) ||
        !MUST(rules, BY_VERSION(version, V311(2_3_1_7), V5(2_2_1_6))))
        packet_identifier = (uint16_t)(packet_identifier % 65535 + 1);
    if (codes.length > 1 && !MUST(rules, BY_VERSION(version, V311(3_8_4_5), V5(3_8_4_6))))
        codes.length = 1;
    struct mqtt_packet suback = {.type = MQTT_SUBACK};
    suback.suback.properties = connection_reason_string(connection, MQTT_SUBACK, reason_for(codes));
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
    enum mqtt_version version = connection->version;
    bool in_order = MUST(rules, BY_VERSION(version, V311(3_9_3_1), V5(3_9_3_1)));
    for (uint32_t i = 0; i < count; i++) {
        codes[i] = outcomes[in_order ? i : count - 1 - i].code;
        if (!MUST(rules, BY_VERSION(version, V311(3_9_3_2), V5(3_9_3_2))))
            codes[i] |= 0x04;
        if (version == MQTT_5_0 && codes[i] <= 2 && !MUST(rules, V5(3_8_4_7)))
            codes[i] = MQTT_REASON_GRANTED_QOS_2; /* which is not what it was granted */
    }
    if (MUST(rules, BY_VERSION(version, V311(3_8_4_4), V5(3_8_4_5)))) {
        send_suback(connection, packet_identifier, (struct mqtt_bytes){codes, count});
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        send_suback(connection, packet_identifier, (struct mqtt_bytes){codes + i, 1});
}

static void send_retained(struct connection *connection, struct mqtt_bytes filters, const struct outcome *outcomes) {
    struct mqtt_bytes filter;
    uint8_t options;
    for (uint32_t i = 0; mqtt_next_filter(&filters, &filter, &options); i++) {
        if (!outcomes[i].sends_retained)
            continue;
        filter = topic_as_received(connection->broker, connection->version, filter);
        struct subscription *subscription = subscription_find(connection->session, filter);
        if (subscription != NULL)
            publish_retained_to(subscription, filter);
    }
}

static void subscribe_to_all(struct connection *connection, const struct mqtt_subscribe *request,
                             struct outcome *outcomes) {
    struct broker *broker = connection->broker;
    uint8_t *codes = (uint8_t *)(outcomes + request->count);
    struct mqtt_bytes rest = request->filters, filter;
    uint32_t identifier = mqtt_property_number(request->properties, MQTT_SUBSCRIPTION_IDENTIFIER, 0);
    uint8_t options;
    for (uint32_t i = 0; mqtt_next_filter(&rest, &filter, &options); i++)
        outcomes[i] = subscribe(connection, topic_as_received(broker, connection->version, filter), options, identifier,
                                outcomes[i].is_allowed);
    answer(connection, request->packet_identifier, outcomes, codes, request->count);
    send_retained(connection, request->filters, outcomes);
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
    ask_about_all(connection, request, outcomes);
    if (!hold_is_waiting(connection))
        subscribe_to_all(connection, request, outcomes);
    memory_give(&broker->memory, outcomes, size);
}
