/* UNSUBSCRIBE, sections 3.10 and 3.11. */
#include "reference/core.h"

/* A broker that breaks MQTT-3.10.4-1 takes the filter for a pattern and removes all that it covers. */
static uint32_t remove_covered(struct session *session, struct mqtt_bytes filter) {
    struct broker *broker = session->broker;
    uint32_t removed = 0;
    struct subscription *next;
    for (struct subscription *each = session->subscriptions; each != NULL; each = next) {
        next = each->next_of_session;
        if (mqtt_topic_matches(filter, subscription_filter(each, broker->text))) {
            subscription_remove(each);
            removed++;
        }
    }
    return removed;
}

static uint32_t unsubscribe(struct session *session, struct mqtt_bytes filter) {
    struct spec_rules *rules = &session->broker->rules;
    enum mqtt_version version = session->version;
    if (!MUST(rules, BY_VERSION(version, V311(3_10_4_1), V5(3_10_4_1))))
        return remove_covered(session, filter);
    struct subscription *subscription = subscription_find(session, filter);
    if (subscription == NULL)
        return 0;
    if (MUST(rules, BY_VERSION(version, V311(3_10_4_2), V5(3_10_4_2))))
        subscription_remove(subscription);
    return 1;
}

/* ---- Answering ---------------------------------------------------------------------------------------------- */

/* In 5.0 with a code for each filter. */
static struct mqtt_packet unsuback_of(struct connection *connection, struct mqtt_bytes codes) {
    struct mqtt_packet unsuback = {.type = MQTT_UNSUBACK};
    const char *what = NULL;
    for (uint32_t i = 0; i < codes.length; i++)
        if (codes.data[i] != MQTT_REASON_SUCCESS)
            what = "not every subscription existed";
    if (connection->version != MQTT_5_0)
        return unsuback;
    unsuback.suback.properties = connection_reason_string(connection, MQTT_UNSUBACK, what);
    unsuback.suback.codes = codes;
    return unsuback;
}

static void send_unsuback(struct connection *connection, uint16_t packet_identifier, struct mqtt_bytes codes) {
    struct spec_rules *rules = &connection->broker->rules;
    enum mqtt_version version = connection->version;
    if (!MUST(rules, BY_VERSION(version, V311(3_10_4_4), V5(3_10_4_4))))
        return;
    if (!MUST(rules, BY_VERSION(version, V311(2_3_1_7), V5(2_2_1_6))))
        packet_identifier = (uint16_t)(packet_identifier % 65535 + 1);
    struct mqtt_packet unsuback = unsuback_of(connection, codes);
    if (version == MQTT_5_0)
        unsuback.suback.packet_identifier = packet_identifier;
    else
        unsuback.acknowledgement.packet_identifier = packet_identifier;
    connection_send(connection, &unsuback);
}

/* What a broker that breaks a statement on the codes makes of them. */
static void spoil_codes(struct spec_rules *rules, uint8_t *codes, uint32_t count) {
    if (!MUST(rules, V5(3_11_3_1)))
        for (uint32_t i = 0; i < count / 2; i++) {
            uint8_t first = codes[i];
            codes[i] = codes[count - 1 - i];
            codes[count - 1 - i] = first;
        }
    if (!MUST(rules, V5(3_11_3_2)))
        for (uint32_t i = 0; i < count; i++)
            codes[i] |= 0x02;
}

static void answer(struct connection *connection, const struct mqtt_unsubscribe *request, uint8_t *codes) {
    struct spec_rules *rules = &connection->broker->rules;
    struct mqtt_bytes all = {codes, request->count};
    if (connection->version == MQTT_5_0)
        spoil_codes(rules, codes, request->count);
    if (request->count == 0 && connection->version == MQTT_5_0)
        return; /* let pass by a broker that breaks MQTT-3.10.3-2: an UNSUBACK without codes cannot be */
    if (MUST(rules, BY_VERSION(connection->version, V311(3_10_4_6), V5(3_10_4_6)))) {
        send_unsuback(connection, request->packet_identifier, all);
        return;
    }
    for (uint32_t i = 0; i < request->count; i++)
        send_unsuback(connection, request->packet_identifier, (struct mqtt_bytes){codes + i, 1});
}

static void tell_unsubscribed(struct connection *connection, struct mqtt_bytes filter) {
    const struct broker_hooks *hooks = &connection->broker->settings.hooks;
    if (hooks->unsubscribed == NULL)
        return;
    const struct broker_client client = session_client(connection->session);
    hooks->unsubscribed(hooks->context, &client, filter);
}

void handle_unsubscribe(struct connection *connection, const struct mqtt_packet *packet) {
    struct broker *broker = connection->broker;
    struct spec_rules *rules = &broker->rules;
    struct session *session = connection->session;
    enum mqtt_version version = connection->version;
    const struct mqtt_unsubscribe *request = &packet->unsubscribe;
    uint8_t *codes = memory_take(&broker->memory, request->count + 1);
    if (codes == NULL) {
        connection_give_up(connection, "out of memory");
        return;
    }
    uint32_t removed = 0, count = 0;
    struct mqtt_bytes rest = request->filters, filter;
    while (mqtt_next_filter(&rest, &filter, NULL)) {
        uint32_t before = removed;
        filter = topic_as_received(broker, version, filter);
        removed += unsubscribe(session, filter);
        if (removed > before)
            tell_unsubscribed(connection, filter);
        codes[count++] = removed > before ? MQTT_REASON_SUCCESS : MQTT_REASON_NO_SUBSCRIPTION_EXISTED;
    }
    /* MQTT-3.10.4-3: deliveries that have begun go on to their end. */
    if (removed > 0 && !MUST(rules, BY_VERSION(version, V311(3_10_4_3), V5(3_10_4_3))))
        delivery_clear(session);
    if (removed > 0 || MUST(rules, BY_VERSION(version, V311(3_10_4_5), V5(3_10_4_5))))
        answer(connection, request, codes);
    memory_give(&broker->memory, codes, request->count + 1);
}
