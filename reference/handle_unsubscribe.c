/* UNSUBSCRIBE, sections 3.10 and 3.11. */
#include "reference/core.h"

/* A broker that breaks MQTT-3.10.4-1 takes the filter for a pattern and removes all that it covers. */
static uint32_t remove_covered(struct session *session, struct mqtt_bytes filter) {
    struct broker *broker = session->broker;
    uint32_t removed = 0;
    struct subscription *next;
    for (struct subscription *each = session->subscriptions; each != NULL; each = next) {
        next = each->next_of_session;
        uint32_t length = topic_node_length(each->node);
        topic_node_text(each->node, broker->header);
        if (mqtt_topic_matches(filter, (struct mqtt_bytes){broker->header, length})) {
            subscription_remove(each);
            removed++;
        }
    }
    return removed;
}

static uint32_t unsubscribe(struct session *session, struct mqtt_bytes filter) {
    struct spec_rules *rules = &session->broker->rules;
    if (!MUST(rules, V311(3_10_4_1)))
        return remove_covered(session, filter);
    struct subscription *subscription = subscription_find(session, filter);
    if (subscription == NULL)
        return 0;
    if (MUST(rules, V311(3_10_4_2)))
        subscription_remove(subscription);
    return 1;
}

static void send_unsuback(struct connection *connection, uint16_t packet_identifier) {
    struct spec_rules *rules = &connection->broker->rules;
    if (!MUST(rules, V311(3_10_4_4)))
        return;
    if (!MUST(rules, V311(2_3_1_7)))
        packet_identifier = (uint16_t)(packet_identifier % 65535 + 1);
    connection_acknowledge(connection, MQTT_UNSUBACK, packet_identifier);
}

void handle_unsubscribe(struct connection *connection, const struct mqtt_packet *packet) {
    struct broker *broker = connection->broker;
    struct spec_rules *rules = &broker->rules;
    struct session *session = connection->session;
    uint32_t removed = 0;
    struct mqtt_bytes rest = packet->unsubscribe.filters, filter;
    while (mqtt_next_filter(&rest, &filter, NULL))
        removed += unsubscribe(session, topic_as_received(broker, filter));
    /* MQTT-3.10.4-3: deliveries that have begun go on to their end. */
    if (removed > 0 && !MUST(rules, V311(3_10_4_3)))
        delivery_clear(session);
    if (removed == 0 && !MUST(rules, V311(3_10_4_5)))
        return;
    uint32_t answers = MUST(rules, V311(3_10_4_6)) ? 1 : packet->unsubscribe.count;
    for (uint32_t i = 0; i < answers; i++)
        send_unsuback(connection, packet->unsubscribe.packet_identifier);
}
