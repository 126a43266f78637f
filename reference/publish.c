/* From one message to all whose subscriptions match it, section 3.3. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"
#include "reference/persist.h"

#define ENCODED_ONCE  ((size_t)1024) /* QoS 0 packets up to this size are encoded once for all who get them alike */
#define ENCODED_FORMS 4              /* before 5.0 and in 5.0, with RETAIN 0 and 1 */

/* A message while it is being distributed. */
struct publication {
    struct broker *broker;
    const struct application_message *parts;
    struct message *message; /* made when a delivery needs it */
    struct session *publisher;
    struct session *reached; /* linked by next_reached */
    struct session *last_reached;
    struct share *shares; /* linked by next_chosen */
    uint32_t count;
    size_t encoded_length[ENCODED_FORMS]; /* 0: not encoded yet, or it has no room there */
    uint8_t encoded[ENCODED_FORMS][ENCODED_ONCE];
};

/* Its buffers are not cleared. */
static void publication_begin(struct publication *publication, struct broker *broker,
                              const struct application_message *parts, struct message *message) {
    publication->broker = broker;
    publication->parts = parts;
    publication->message = message;
    publication->publisher = NULL;
    publication->reached = publication->last_reached = NULL;
    publication->shares = NULL;
    publication->count = 0;
    memset(publication->encoded_length, 0, sizeof publication->encoded_length);
    if (message != NULL)
        message_keep(message);
}

static void publication_end(struct publication *publication) {
    message_release(publication->broker, publication->message);
}

/* ---- QoS 0 to one Client --------------------------------------------------------------------------------- */

/* A broker that breaks one of these sets DUP. */
static SPEC_BREACH bool qos0_wrong_dup(struct publication *publication, enum mqtt_version version) {
    struct spec_rules *rules = &publication->broker->rules;
    bool dup = !MUST(rules, BY_VERSION(version, V311(3_3_1_2), V5(3_3_1_2)));
    if ((publication->parts->flags & MQTT_PUBLISH_DUP) != 0 &&
        !MUST(rules, BY_VERSION(version, V311(3_3_1_3), V5(3_3_1_3))))
        dup = true;
    return dup;
}

static uint8_t qos0_flags(struct publication *publication, enum mqtt_version version, bool retain) {
    bool dup = !spec_all_hold(&publication->broker->rules) && qos0_wrong_dup(publication, version);
    return (uint8_t)((dup ? MQTT_PUBLISH_DUP : 0) | (retain ? MQTT_PUBLISH_RETAIN : 0));
}

/* A broker that breaks MQTT-2.3.1-5 (5.0: MQTT-2.2.1-2) writes a Packet Identifier, as QoS 1 would have; one that
 * breaks MQTT-3.3.2-3 sends a topic that is cut. */
static SPEC_BREACH void alter_qos0(struct publication *publication, enum mqtt_version version,
                                   struct mqtt_packet *packet) {
    struct spec_rules *rules = &publication->broker->rules;
    if (!MUST(rules, BY_VERSION(version, V311(2_3_1_5), V5(2_2_1_2))))
        packet->flags |= 1 << MQTT_PUBLISH_QOS_SHIFT;
    if (packet->publish.topic.length > 1 && !MUST(rules, BY_VERSION(version, V311(3_3_2_3), V5(3_3_2_3))))
        packet->publish.topic.length--;
}

/* What differs between Clients is left to send_publish(). */
static bool is_alike_for_all(const struct publication *publication, const struct connection *connection,
                             const struct delivery_terms *terms) {
    if (connection->version != MQTT_5_0)
        return true;
    return terms->identifier_count == 0 && connection->own_topic_aliases == 0 &&
           publication->parts->properties.length == 0 && publication->parts->expiry_interval == NO_EXPIRY;
}

/* Out of line: what is done once for a message stays out of the way of what is done for each Client. */
static __attribute__((noinline)) bool encode_once(struct publication *publication, const struct connection *connection,
                                                  bool retain, unsigned form) {
    enum mqtt_version version = connection->version;
    uint8_t flags = qos0_flags(publication, version, retain);
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = flags};
    packet.publish.topic = publication->parts->topic;
    packet.publish.payload = publication->parts->payload;
    packet.publish.packet_identifier = 1;
    if (!spec_all_hold(&publication->broker->rules))
        alter_qos0(publication, version, &packet);
    uint8_t *buffer = publication->encoded[form];
    publication->encoded_length[form] = mqtt_encode(version, &packet, buffer, ENCODED_ONCE);
    buffer[0] = (uint8_t)(MQTT_PUBLISH << 4 | flags);
    return publication->encoded_length[form] > 0;
}

static void report_sent(struct publication *publication, struct connection *connection, bool retain) {
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = qos0_flags(publication, connection->version, retain)};
    packet.publish.topic = publication->parts->topic;
    packet.publish.payload = publication->parts->payload;
    connection_report(connection, BROKER_PACKET_OUT, &packet, NULL);
}

/* False where it has to be encoded for this Client alone. */
static bool send_encoded(struct publication *publication, struct connection *connection, bool retain) {
    struct broker *broker = publication->broker;
    unsigned form = (connection->version == MQTT_5_0 ? 2u : 0u) + retain;
    if (publication->encoded_length[form] == 0 && !encode_once(publication, connection, retain, form))
        return false;
    size_t length = publication->encoded_length[form];
    if (connection->limits.maximum_packet_size != 0 && length > connection->limits.maximum_packet_size)
        return false;
    uint8_t *buffer = output_reserve(broker, &connection->output, length);
    if (buffer == NULL) {
        connection_give_up(connection, "out of memory");
        return true;
    }
    memcpy(buffer, publication->encoded[form], length);
    output_commit(&connection->output, length);
    connection_count_publish(connection, publication->parts->payload.length);
    connection_mark_ready(connection);
    if (broker->settings.report_packets)
        report_sent(publication, connection, retain);
    return true;
}

static struct message *message_of(struct publication *publication) {
    if (publication->message == NULL)
        publication->message = message_create(publication->broker, publication->parts);
    return publication->message;
}

static void send_qos0(struct publication *publication, struct connection *connection,
                      const struct delivery_terms *terms) {
    struct broker *broker = publication->broker;
    if (connection->given_up != NULL)
        return;
    if (connection->output.waiting > broker->settings.maximum_output) {
        broker->counts.discarded++;
        connection_report_discarded(connection);
        return;
    }
    if (is_alike_for_all(publication, connection, terms) && send_encoded(publication, connection, terms->retain))
        return;
    /* A large payload is stored once, however many Clients it goes to. */
    if (publication->parts->payload.length > ENCODED_ONCE)
        (void)message_of(publication);
    struct outgoing outgoing = {.parts = publication->parts,
                                .message = publication->message,
                                .identifiers = terms->identifiers,
                                .identifier_count = terms->identifier_count,
                                .flags = qos0_flags(publication, connection->version, terms->retain)};
    if (send_publish(connection, &outgoing))
        return;
    /* MQTT-3.1.2-25: for the Client the message is over and done with. */
    broker->counts.discarded++;
    if (!MUST(&broker->rules, V5(3_1_2_25)))
        connection_give_up(connection, "a message is larger than the Client accepts");
}

/* ---- To one session -------------------------------------------------------------------------------------- */

/* What a broker that breaks one of these delivers with: the QoS that was published whatever was granted, or QoS 1 where
 * MQTT-4.3.1-1 asks for QoS 0. */
static SPEC_BREACH uint8_t wrong_qos(struct publication *publication, const struct session *session,
                                     const struct delivery_terms *terms) {
    struct spec_rules *rules = &publication->broker->rules;
    uint8_t published = mqtt_publish_qos(publication->parts->flags), qos = published;
    if (terms->qos < published) {
        bool is_shared = session->version == MQTT_5_0 && terms->share != NULL;
        if ((!is_shared || MUST(rules, V5(4_8_2_3))) &&
            MUST(rules, BY_VERSION(session->version, V311(3_8_4_6), V5(3_8_4_8))))
            qos = terms->qos;
    }
    return qos > 0 || MUST(rules, BY_VERSION(session->version, V311(4_3_1_1), V5(4_3_1_1))) ? qos : 1;
}

/* MQTT-3.8.4-6 (5.0: MQTT-3.8.4-8, and MQTT-4.8.2-3 where it is shared): the lower of what was published and what was
 * granted. */
static uint8_t effective_qos(struct publication *publication, const struct session *session,
                             const struct delivery_terms *terms) {
    uint8_t published = mqtt_publish_qos(publication->parts->flags);
    uint8_t lower = terms->qos < published ? terms->qos : published;
    return spec_all_hold(&publication->broker->rules) ? lower : wrong_qos(publication, session, terms);
}

static bool may_receive(const struct broker_hooks *hooks, const struct session *session, struct mqtt_bytes topic) {
    const struct broker_client client = session_client(session);
    return hooks->may_receive(hooks->context, &client, topic);
}

/* QoS 1 and 2. */
static void deliver_surely(struct publication *publication, struct session *session,
                           const struct delivery_terms *terms) {
    struct broker *broker = publication->broker;
    if (session->connection == NULL && !MUST(&broker->rules, BY_VERSION(session->version, V311(3_1_2_5), V5(4_5_0_1))))
        return;
    if (message_of(publication) != NULL)
        delivery_add(session, publication->message, terms);
    else
        broker->counts.discarded++;
}

/* Lowers terms->qos to that with which it is sent. */
static void deliver(struct publication *publication, struct session *session, struct delivery_terms *terms) {
    const struct broker_hooks *hooks = &publication->broker->settings.hooks;
    if (hooks->may_receive != NULL && !may_receive(hooks, session, publication->parts->topic))
        return;
    terms->qos = effective_qos(publication, session, terms);
    publication->count++;
    if (terms->qos > 0)
        deliver_surely(publication, session, terms);
    else if (session->connection != NULL)
        send_qos0(publication, session->connection, terms);
}

/* ---- What RETAIN says ------------------------------------------------------------------------------------- */

/* For those who subscribed before, this is not a retained message: MQTT-3.3.1-9 (5.0: MQTT-3.3.1-12), unless they asked
 * for RETAIN as it was published, MQTT-3.3.1-13. */
static bool passes_retain_on(struct publication *publication, const struct subscription *subscription) {
    struct spec_rules *rules = &publication->broker->rules;
    enum mqtt_version version = subscription->session->version; /* which may have changed since it subscribed */
    if (version == MQTT_5_0 && (subscription->options & MQTT_SUBSCRIBE_RETAIN_AS_PUBLISHED) != 0)
        return MUST(rules, V5(3_3_1_13));
    return !MUST(rules, BY_VERSION(version, V311(3_3_1_9), V5(3_3_1_12)));
}

static inline bool retain_to_send(struct publication *publication, const struct subscription *subscription) {
    return (publication->parts->flags & MQTT_PUBLISH_RETAIN) != 0 && passes_retain_on(publication, subscription);
}

/* ---- To all that match ------------------------------------------------------------------------------------ */

/* Builds lists on two levels: the sessions that the publication reaches, and of each its subscriptions that matched. */
static void reach(struct publication *publication, struct subscription *subscription) {
    struct broker *broker = publication->broker;
    struct session *session = subscription->session;
    if ((subscription->options & MQTT_SUBSCRIBE_NO_LOCAL) != 0 && session == publication->publisher &&
        MUST(&broker->rules, V5(3_8_3_3)))
        return;
    subscription->also_matched = NULL;
    if (session->matched_in == broker->publications) {
        subscription->also_matched = session->matched_by;
        session->matched_by = subscription;
        return;
    }
    session->matched_in = broker->publications;
    session->matched_by = subscription;
    session->next_reached = NULL;
    if (publication->last_reached != NULL)
        publication->last_reached->next_reached = session;
    else
        publication->reached = session;
    publication->last_reached = session;
}

static void reach_subscribers(void *context, struct topic_node *node) {
    struct publication *publication = context;
    const struct subscribers *subscribers = node->value;
    for (struct subscription *each = subscribers->first; each != NULL; each = each->next_of_node)
        reach(publication, each);
    for (struct share *share = subscribers->shares; share != NULL; share = share->next) {
        share->next_chosen = publication->shares;
        publication->shares = share;
    }
}

/* MQTT-3.3.5-1 (5.0: MQTT-3.3.4-2): of overlapping subscriptions the highest QoS counts. */
static void combine(struct publication *publication, const struct session *session, struct delivery_terms *terms) {
    const struct subscription *each = session->matched_by;
    terms->qos = each->options & MQTT_SUBSCRIBE_QOS;
    terms->retain = retain_to_send(publication, each);
    if (each->also_matched == NULL)
        return;
    bool highest = MUST(&publication->broker->rules, BY_VERSION(session->version, V311(3_3_5_1), V5(3_3_4_2)));
    for (each = each->also_matched; each != NULL; each = each->also_matched) {
        uint8_t qos = each->options & MQTT_SUBSCRIBE_QOS;
        if (highest ? qos > terms->qos : qos < terms->qos)
            terms->qos = qos;
        terms->retain = terms->retain || retain_to_send(publication, each);
    }
}

/* The Subscription Identifiers of the next so many subscriptions, section 3.3.4 of 5.0. */
static uint16_t take_identifiers(const struct subscription **next, uint32_t identifiers[IDENTIFIERS_ONCE]) {
    uint16_t count = 0;
    for (; *next != NULL && (count < IDENTIFIERS_ONCE || (*next)->identifier == 0); *next = (*next)->also_matched)
        if ((*next)->identifier != 0)
            identifiers[count++] = (*next)->identifier;
    return count;
}

/* What a broker that breaks a statement on them leaves of several. */
static uint16_t identifiers_to_send(struct spec_rules *rules, uint16_t count) {
    if (count > 0 && !MUST(rules, V5(3_3_4_3)))
        return 0;
    return count > 1 && !MUST(rules, V5(3_3_4_4)) ? 1 : count;
}

/* A broker that breaks MQTT-3.3.4-5 sends a copy for each subscription, all with the identifier of one. */
static SPEC_BREACH void deliver_wrong_copies(struct publication *publication, struct session *session,
                                             struct delivery_terms *terms) {
    terms->identifier_count = terms->identifier_count > 0;
    for (const struct subscription *each = session->matched_by; each != NULL; each = each->also_matched)
        deliver(publication, session, terms);
}

static void deliver_to_session(struct publication *publication, struct session *session) {
    struct spec_rules *rules = &publication->broker->rules;
    struct delivery_terms terms = {0};
    combine(publication, session, &terms);
    if (session->version != MQTT_5_0) {
        deliver(publication, session, &terms);
        return;
    }
    uint32_t identifiers[IDENTIFIERS_ONCE];
    const struct subscription *next = session->matched_by;
    do {
        terms.identifiers = identifiers;
        terms.identifier_count = identifiers_to_send(rules, take_identifiers(&next, identifiers));
        if (terms.identifier_count > 1 && !MUST(rules, V5(3_3_4_5)))
            deliver_wrong_copies(publication, session, &terms);
        else
            deliver(publication, session, &terms);
    } while (next != NULL);
}

/* To the member of a Shared Subscription that was chosen. */
static void deliver_to_member(struct publication *publication, struct subscription *member) {
    uint32_t identifier = member->identifier;
    struct delivery_terms terms = {.qos = member->options & MQTT_SUBSCRIBE_QOS,
                                   .retain = retain_to_send(publication, member),
                                   .share = member->share,
                                   .identifiers = &identifier,
                                   .identifier_count = identifier != 0};
    deliver(publication, member->session, &terms);
}

/* MQTT-4.7.2-1, in the name of the publisher's version; Wills come without a publisher. */
static SPEC_BREACH bool dollar_is_special(struct broker *broker, const struct session *publisher) {
    enum mqtt_version version = publisher != NULL ? publisher->version : MQTT_3_1_1;
    return MUST(&broker->rules, BY_VERSION(version, V311(4_7_2_1), V5(4_7_2_1)));
}

uint32_t publish_to_subscribers(struct broker *broker, const struct application_message *parts, struct message *message,
                                struct session *publisher) {
    struct publication publication;
    publication_begin(&publication, broker, parts, message);
    publication.publisher = publisher;
    broker->publications++;
    topic_tree_match(&broker->subscriptions, parts->topic,
                     spec_all_hold(&broker->rules) || dollar_is_special(broker, publisher), reach_subscribers,
                     &publication);
    struct session *first = publication.reached;
    if (first != NULL && !MUST(&broker->rules, BY_VERSION(first->version, V311(4_5_0_1), V5(4_5_0_1))))
        first->next_reached = NULL; /* a broker that breaks it has no copy for any other */
    for (struct session *session = first; session != NULL; session = session->next_reached)
        deliver_to_session(&publication, session);
    for (struct share *share = publication.shares; share != NULL; share = share->next_chosen) {
        struct subscription *member = share_choose(share, NULL);
        if (member != NULL)
            deliver_to_member(&publication, member);
    }
    publication_end(&publication);
    return publication.count;
}

void publish_to_member(struct broker *broker, struct message *message, struct subscription *member) {
    struct publication publication;
    struct application_message parts = message_view(message);
    publication_begin(&publication, broker, &parts, message);
    deliver_to_member(&publication, member);
    publication_end(&publication);
}

/* One that was stored before the subscription was made, as publish_retained_to() finds it. */
void publish_retained(struct subscription *subscription, struct message *message) {
    struct session *session = subscription->session;
    struct broker *broker = session->broker;
    struct publication publication;
    struct application_message parts = message_view(message);
    parts.flags &= (uint8_t)~MQTT_PUBLISH_DUP;
    publication_begin(&publication, broker, &parts, message);
    uint32_t identifier = session->version == MQTT_5_0 ? subscription->identifier : 0;
    /* In 5.0 no numbered statement asks for RETAIN here; section 3.3.1.3 does. */
    struct delivery_terms terms = {.qos = subscription->options & MQTT_SUBSCRIBE_QOS,
                                   .retain = session->version == MQTT_5_0 || MUST(&broker->rules, V311(3_3_1_8)),
                                   .identifiers = &identifier,
                                   .identifier_count = identifier != 0};
    deliver(&publication, session, &terms);
    publication_end(&publication);
}

/* ---- Wills ------------------------------------------------------------------------------------------------- */

/* Before 5.0 the Will has the QoS that CONNECT gave it by MQTT-3.1.2-9. */
void publish_will(struct broker *broker, struct message *will, enum mqtt_version version) {
    struct spec_rules *rules = &broker->rules;
    struct application_message parts = message_view(will);
    parts.published = broker->now; /* the Message Expiry Interval of a Will counts from its publication */
    uint8_t qos = will->qos;
    if (qos > 0 && version != MQTT_5_0 && !MUST(rules, V311(3_1_2_9)))
        qos = 0;
    bool retain = will->retain ? MUST(rules, BY_VERSION(version, V311(3_1_2_17), V5(3_1_2_15)))
                               : !MUST(rules, BY_VERSION(version, V311(3_1_2_16), V5(3_1_2_14)));
    parts.flags = (uint8_t)(qos << MQTT_PUBLISH_QOS_SHIFT | (retain ? MQTT_PUBLISH_RETAIN : 0));
    if (retain)
        retain_message(broker, version, &parts);
    will->published = broker->now;
    persist_message(broker, will);
    publish_to_subscribers(broker, &parts, qos == will->qos ? will : NULL, NULL);
    if (broker->settings.hooks.report != NULL) {
        struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = parts.flags};
        packet.publish.topic = parts.topic;
        packet.publish.properties = parts.properties;
        packet.publish.payload = parts.payload;
        struct broker_event event = {.kind = BROKER_WILL, .version = version, .packet = &packet};
        broker->settings.hooks.report(broker->settings.hooks.context, &event);
    }
}

/* ---- From the host program ---------------------------------------------------------------------------------- */

/* The codec judges all but the payload, for which any bytes do. */
static bool is_well_formed(struct broker *broker, const struct mqtt_packet *given) {
    struct mqtt_packet packet = *given;
    struct mqtt_decoder decoder = {.version = MQTT_5_0, .sender = MQTT_CLIENT, .rules = &broker->rules};
    struct mqtt_error error;
    packet.publish.payload.length = 0;
    size_t size = mqtt_encoded_size(MQTT_5_0, &packet);
    uint8_t *buffer = size > 0 ? memory_take(&broker->memory, size) : NULL;
    if (buffer == NULL)
        return false;
    size_t length = mqtt_encode(MQTT_5_0, &packet, buffer, size);
    bool fine = mqtt_decode(&decoder, (struct mqtt_bytes){buffer, (uint32_t)length}, &packet, &error) == MQTT_OK;
    memory_give(&broker->memory, buffer, size);
    return fine && given->publish.topic.length > 0;
}

bool broker_publish(struct broker *broker, const struct broker_message *message, microseconds now) {
    uint8_t flags = (uint8_t)(message->qos << MQTT_PUBLISH_QOS_SHIFT | (message->retain ? MQTT_PUBLISH_RETAIN : 0));
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = flags};
    packet.publish = (struct mqtt_publish){.topic = message->topic,
                                           .packet_identifier = 1,
                                           .properties = message->properties,
                                           .payload = message->payload};
    broker->now = now;
    if (message->qos > 2 || mqtt_encoded_size(MQTT_5_0, &packet) == 0 || !is_well_formed(broker, &packet))
        return false;
    struct application_message parts = message_parts(broker, &packet.publish, flags);
    if (is_to_retain(broker, MQTT_5_0, flags))
        retain_message(broker, MQTT_5_0, &parts);
    publish_to_subscribers(broker, &parts, NULL, NULL);
    return true;
}

/* ---- Topics ------------------------------------------------------------------------------------------------- */

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

struct mqtt_bytes topic_altered(struct broker *broker, enum mqtt_version version, struct mqtt_bytes topic) {
    if (!MUST(&broker->rules, BY_VERSION(version, V311(1_5_3_3), V5(1_5_4_3))))
        return without_marks(broker, topic);
    if (!MUST(&broker->rules, BY_VERSION(version, V311(4_7_3_4), V5(4_7_3_4))))
        return composed(broker, topic);
    return topic;
}
