/* From one message to all whose subscriptions match it, section 3.3, and the messages that topics retain. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"

#define ENCODED_ONCE ((size_t)1024) /* QoS 0 packets up to this size are encoded once for all who get them */

/* A message while it is being distributed. */
struct publication {
    struct broker *broker;
    struct mqtt_publish publish;
    uint8_t flags;
    struct message *message; /* made when a delivery needs it */
    struct session *reached; /* linked by matched_next */
    struct session *last_reached;
    size_t encoded_length; /* 0: not encoded yet */
    uint8_t encoded[ENCODED_ONCE];
};

/* ---- To one Client -------------------------------------------------------------------------------------- */

static struct message *message_of(struct publication *publication) {
    if (publication->message == NULL)
        publication->message = message_create(publication->broker, &publication->publish, publication->flags);
    return publication->message;
}

static uint8_t qos0_flags(struct publication *publication, bool retain) {
    struct spec_rules *rules = &publication->broker->rules;
    bool dup = !MUST(rules, V311(3_3_1_2));
    if ((publication->flags & MQTT_PUBLISH_DUP) != 0 && !MUST(rules, V311(3_3_1_3)))
        dup = true;
    return (uint8_t)((dup ? MQTT_PUBLISH_DUP : 0) | (retain ? MQTT_PUBLISH_RETAIN : 0));
}

/* A broker that breaks MQTT-2.3.1-5 writes a Packet Identifier, as QoS 1 would have. */
static uint8_t qos0_layout(struct publication *publication) {
    return MUST(&publication->broker->rules, V311(2_3_1_5)) ? 0 : 1 << MQTT_PUBLISH_QOS_SHIFT;
}

static void encode_once(struct publication *publication, enum mqtt_version version, bool retain) {
    uint8_t flags = qos0_flags(publication, retain);
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .publish = publication->publish};
    packet.publish.packet_identifier = 1;
    packet.flags = flags | qos0_layout(publication);
    publication->encoded_length = mqtt_encode(version, &packet, publication->encoded, sizeof publication->encoded);
    if (publication->encoded_length > 0)
        publication->encoded[0] = (uint8_t)(MQTT_PUBLISH << 4 | flags);
}

static void send_qos0(struct publication *publication, struct connection *connection, bool retain) {
    struct broker *broker = publication->broker;
    if (connection->output.waiting > broker->settings.maximum_output) {
        broker->counts.discarded++;
        connection_report(connection, BROKER_DISCARDED, NULL, NULL);
        return;
    }
    if (publication->encoded_length == 0)
        encode_once(publication, connection->version, retain);
    size_t length = publication->encoded_length;
    if (length == 0) { /* too large to copy to everybody */
        delivery_send_publish(connection, &publication->publish, qos0_flags(publication, retain),
                              message_of(publication));
        return;
    }
    if (connection->given_up != NULL)
        return;
    uint8_t *buffer = output_reserve(broker, &connection->output, length);
    if (buffer == NULL) {
        connection_give_up(connection, "out of memory");
        return;
    }
    memcpy(buffer, publication->encoded, length);
    output_commit(&connection->output, length);
    broker->counts.sent++;
    connection_mark_ready(connection);
    if (broker->settings.report_packets) {
        struct mqtt_packet packet = {
            .type = MQTT_PUBLISH, .flags = publication->encoded[0] & 0x0F, .publish = publication->publish};
        connection_report(connection, BROKER_PACKET_OUT, &packet, NULL);
    }
}

/* MQTT-3.8.4-6: the lower of what was published and what was granted. */
static uint8_t effective_qos(struct publication *publication, uint8_t granted) {
    uint8_t published = mqtt_publish_qos(publication->flags);
    if (granted < published && MUST(&publication->broker->rules, V311(3_8_4_6)))
        return granted;
    return published;
}

static void deliver(struct publication *publication, struct session *session, uint8_t granted, bool retain) {
    struct spec_rules *rules = &publication->broker->rules;
    uint8_t qos = effective_qos(publication, granted);
    if (qos == 0 && MUST(rules, V311(4_3_1_1))) {
        if (session->connection != NULL)
            send_qos0(publication, session->connection, retain);
        return;
    }
    if (qos == 0)
        qos = 1;
    if (session->connection == NULL && !MUST(rules, V311(3_1_2_5)))
        return;
    if (message_of(publication) == NULL) {
        publication->broker->counts.discarded++;
        return;
    }
    delivery_add(session, publication->message, qos, retain);
}

/* ---- To all that match ---------------------------------------------------------------------------------- */

static void reach_session(struct publication *publication, struct session *session, uint8_t qos) {
    struct broker *broker = publication->broker;
    if (session->matched == broker->publications) {
        /* MQTT-3.3.5-1: of overlapping subscriptions the highest QoS counts. */
        bool highest = MUST(&broker->rules, V311(3_3_5_1));
        if (highest ? qos > session->matched_qos : qos < session->matched_qos)
            session->matched_qos = qos;
        return;
    }
    session->matched = broker->publications;
    session->matched_qos = qos;
    session->matched_next = NULL;
    if (publication->last_reached != NULL)
        publication->last_reached->matched_next = session;
    else
        publication->reached = session;
    publication->last_reached = session;
}

static void reach_subscribers(void *context, struct topic_node *node) {
    const struct subscribers *subscribers = node->value;
    for (const struct subscription *each = subscribers->first; each != NULL; each = each->next_of_node)
        reach_session(context, each->session, each->qos);
}

/* A broker that breaks MQTT-3.3.2-3 sends a topic that is cut. */
static struct mqtt_bytes topic_to_send(struct broker *broker, struct mqtt_bytes topic) {
    if (topic.length > 1 && !MUST(&broker->rules, V311(3_3_2_3)))
        topic.length--;
    return topic;
}

void publish_to_subscribers(struct broker *broker, const struct mqtt_publish *publish, uint8_t flags,
                            struct message *message) {
    struct publication publication; /* its buffer is not cleared */
    publication.broker = broker;
    publication.publish = *publish;
    publication.flags = flags;
    publication.message = message;
    publication.reached = publication.last_reached = NULL;
    publication.encoded_length = 0;
    if (message != NULL)
        message_keep(message);
    broker->publications++;
    topic_tree_match(&broker->subscriptions, publish->topic, MUST(&broker->rules, V311(4_7_2_1)), reach_subscribers,
                     &publication);
    publication.publish.topic = topic_to_send(broker, publish->topic);
    /* MQTT-3.3.1-9: for those who subscribed before, this is not a retained message. */
    bool retain = (flags & MQTT_PUBLISH_RETAIN) != 0 && !MUST(&broker->rules, V311(3_3_1_9));
    for (struct session *session = publication.reached; session != NULL; session = session->matched_next) {
        deliver(&publication, session, session->matched_qos, retain);
        if (!MUST(&broker->rules, V311(4_5_0_1)))
            break;
    }
    message_release(broker, publication.message);
}

/* ---- Retained messages ---------------------------------------------------------------------------------- */

static void forget_retained(struct broker *broker, struct topic_node *node) {
    if (node->value == NULL)
        return;
    message_release(broker, node->value);
    node->value = NULL;
    broker->counts.retained--;
}

static void store_retained(struct broker *broker, const struct mqtt_publish *publish, uint8_t flags) {
    struct topic_node *node = topic_tree_insert(&broker->retained, publish->topic);
    if (node == NULL)
        return;
    bool keeps_old = node->value != NULL && mqtt_publish_qos(flags) == 0 && !MUST(&broker->rules, V311(3_3_1_7));
    struct message *message = keeps_old ? NULL : message_create(broker, publish, flags);
    if (message != NULL) {
        forget_retained(broker, node);
        node->value = message;
        broker->counts.retained++;
    }
    topic_tree_prune(&broker->retained, node);
}

void publish_retain(struct broker *broker, const struct mqtt_publish *publish, uint8_t flags) {
    struct spec_rules *rules = &broker->rules;
    if ((flags & MQTT_PUBLISH_RETAIN) == 0 && MUST(rules, V311(3_3_1_12)))
        return;
    if (publish->payload.length == 0) {
        struct topic_node *node = topic_tree_find(&broker->retained, publish->topic);
        if (node != NULL && node->value != NULL && MUST(rules, V311(3_3_1_10))) {
            forget_retained(broker, node);
            topic_tree_prune(&broker->retained, node);
        }
        if (MUST(rules, V311(3_3_1_11)))
            return;
    }
    if (MUST(rules, V311(3_3_1_5)))
        store_retained(broker, publish, flags);
}

static void deliver_retained(void *context, struct topic_node *node) {
    struct subscription *subscription = context;
    struct broker *broker = subscription->session->broker;
    struct message *message = node->value;
    struct publication publication;
    publication.broker = broker;
    publication.publish = (struct mqtt_publish){.topic = message_topic(message), .payload = message_payload(message)};
    publication.flags = (uint8_t)(message->qos << MQTT_PUBLISH_QOS_SHIFT);
    publication.message = message;
    publication.encoded_length = 0;
    deliver(&publication, subscription->session, subscription->qos, MUST(&broker->rules, V311(3_3_1_8)));
}

void publish_retained_to(struct subscription *subscription, struct mqtt_bytes filter) {
    struct broker *broker = subscription->session->broker;
    if (MUST(&broker->rules, V311(3_3_1_6)))
        topic_tree_match(&broker->retained, filter, MUST(&broker->rules, V311(4_7_2_1)), deliver_retained,
                         subscription);
}

static void forget_visited(void *context, struct topic_node *node) {
    forget_retained(context, node);
}

void retained_clear(struct broker *broker) {
    topic_tree_each(&broker->retained, forget_visited, broker);
}

/* ---- Wills ---------------------------------------------------------------------------------------------- */

void publish_will(struct broker *broker, struct message *will) {
    struct spec_rules *rules = &broker->rules;
    struct mqtt_publish publish = {.topic = message_topic(will), .payload = message_payload(will)};
    /* MQTT-3.1.2-9: the Will has the QoS that CONNECT gave it. */
    uint8_t qos = will->qos > 0 && MUST(rules, V311(3_1_2_9)) ? will->qos : 0;
    uint8_t flags = (uint8_t)(qos << MQTT_PUBLISH_QOS_SHIFT);
    bool retain = will->retain ? MUST(rules, V311(3_1_2_17)) : !MUST(rules, V311(3_1_2_16));
    if (retain) {
        flags |= MQTT_PUBLISH_RETAIN;
        publish_retain(broker, &publish, flags);
    }
    struct message *shared = qos == will->qos ? will : NULL;
    publish_to_subscribers(broker, &publish, flags, shared);
    if (broker->settings.hooks.report != NULL) {
        struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = flags, .publish = publish};
        struct broker_event event = {.kind = BROKER_WILL, .packet = &packet};
        broker->settings.hooks.report(broker->settings.hooks.context, &event);
    }
}

/* ---- Topics --------------------------------------------------------------------------------------------- */

#define BYTE_ORDER_MARK       "\xEF\xBB\xBF"
#define COMBINING_ACUTE       "e\xCC\x81"
#define PRECOMPOSED_E_ACUTE   "\xC3\xA9"
#define COMBINING_ACUTE_BYTES 3u

static struct mqtt_bytes composed(struct broker *broker, struct mqtt_bytes topic) {
    uint32_t length = 0;
    if (topic.length > sizeof broker->altered)
        return topic;
    for (uint32_t i = 0; i < topic.length;) {
        if (topic.length - i >= COMBINING_ACUTE_BYTES &&
            memcmp(topic.data + i, COMBINING_ACUTE, COMBINING_ACUTE_BYTES) == 0) {
            memcpy(broker->altered + length, PRECOMPOSED_E_ACUTE, 2);
            length += 2;
            i += COMBINING_ACUTE_BYTES;
        } else {
            broker->altered[length++] = topic.data[i++];
        }
    }
    return (struct mqtt_bytes){broker->altered, length};
}

static struct mqtt_bytes without_marks(struct broker *broker, struct mqtt_bytes topic) {
    uint32_t length = 0;
    if (topic.length > sizeof broker->altered)
        return topic;
    for (uint32_t i = 0; i < topic.length;) {
        if (topic.length - i >= 3 && memcmp(topic.data + i, BYTE_ORDER_MARK, 3) == 0)
            i += 3;
        else
            broker->altered[length++] = topic.data[i++];
    }
    return (struct mqtt_bytes){broker->altered, length};
}

struct mqtt_bytes topic_as_received(struct broker *broker, struct mqtt_bytes topic) {
    if (!MUST(&broker->rules, V311(1_5_3_3)))
        return without_marks(broker, topic);
    if (!MUST(&broker->rules, V311(4_7_3_4)))
        return composed(broker, topic);
    return topic;
}
