/* QoS 1 and 2 messages on their way to one Client, section 4.3, in the order of section 4.6. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"
#include "reference/persist.h"

#define FIRST_IDENTIFIER_CAPACITY 16u

/* ---- Lists ---------------------------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct delivery *delivery) {
    return delivery->message == NULL ? 0 : message_bytes(delivery->message);
}

/* While a delivery is in a list, its message stays the same. */
static void append(struct session *session, struct delivery *delivery, enum delivery_state state) {
    struct delivery_list *list = &session->deliveries[state];
    session->kept_bytes += bytes_of(delivery);
    if (state != DELIVERY_QUEUED)
        session->broker->counts.in_flight++;
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
    session->kept_bytes += bytes_of(delivery);
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
    assert(session->kept_bytes >= bytes_of(delivery));
    session->kept_bytes -= bytes_of(delivery);
    if (delivery->state != DELIVERY_QUEUED)
        session->broker->counts.in_flight--;
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

/* The statements on a fresh Packet Identifier. */
static bool keeps_identifiers_apart(const struct session *session, uint8_t qos) {
    struct spec_rules *rules = &session->broker->rules;
    if (session->version != MQTT_5_0)
        return MUST(rules, V311(2_3_1_4));
    return MUST(rules, V5(2_2_1_4)) && (qos == 1 ? MUST(rules, V5(4_3_2_1)) : MUST(rules, V5(4_3_3_1)));
}

/* An identifier that no delivery of the session uses; 0 where there is no memory. They are taken in turn, so that
 * one is not used again right after it was freed. */
static uint16_t take_identifier(struct session *session, struct delivery *delivery) {
    if (session->identifiers_taken + 1 >= session->identifier_capacity && !grow_identifiers(session))
        return 0;
    uint32_t identifier = session->last_identifier;
    do
        identifier = identifier + 1 < session->identifier_capacity ? identifier + 1 : 1;
    while (session->by_identifier[identifier] != NULL);
    if (!keeps_identifiers_apart(session, delivery->qos))
        identifier = 1;
    session->last_identifier = identifier;
    if (session->by_identifier[identifier] == NULL)
        session->identifiers_taken++;
    session->by_identifier[identifier] = delivery;
    delivery->packet_identifier = (uint16_t)identifier;
    return (uint16_t)identifier;
}

struct delivery *delivery_find(const struct session *session, uint16_t packet_identifier) {
    return packet_identifier < session->identifier_capacity ? session->by_identifier[packet_identifier] : NULL;
}

/* ---- Sending -------------------------------------------------------------------------------------------- */

/* A broker that breaks one of these sets DUP where it does not belong, or leaves it out where it does. */
static SPEC_BREACH bool wrong_dup(const struct session *session, const struct delivery *delivery, bool again) {
    struct spec_rules *rules = &session->broker->rules;
    if (again)
        return MUST(rules, BY_VERSION(session->version, V311(3_3_1_1), V5(3_3_1_1)));
    if (delivery->message->dup && !MUST(rules, BY_VERSION(session->version, V311(3_3_1_3), V5(3_3_1_3))))
        return true;
    if (session->version != MQTT_5_0)
        return false;
    return delivery->qos == 1 ? !MUST(rules, V5(4_3_2_2)) : !MUST(rules, V5(4_3_3_2));
}

static bool send_delivery(struct session *session, const struct delivery *delivery, bool again) {
    bool dup = spec_all_hold(&session->broker->rules) ? again : wrong_dup(session, delivery, again);
    struct application_message parts = message_view(delivery->message);
    struct outgoing outgoing = {.parts = &parts,
                                .message = delivery->message,
                                .identifiers = delivery->identifiers,
                                .identifier_count = delivery->identifier_count,
                                .packet_identifier = delivery->packet_identifier};
    outgoing.flags = (uint8_t)(delivery->qos << MQTT_PUBLISH_QOS_SHIFT | (dup ? MQTT_PUBLISH_DUP : 0) |
                               (delivery->retain ? MQTT_PUBLISH_RETAIN : 0));
    return send_publish(session->connection, &outgoing);
}

/* What a broker that breaks one of these takes the Client's Receive Maximum for. */
static SPEC_BREACH uint32_t wrong_quota(struct spec_rules *rules, uint32_t allowed) {
    if (!MUST(rules, V5(3_3_4_9)) || !MUST(rules, V5(4_9_0_2)))
        return UINT32_MAX;
    return MUST(rules, V5(4_9_0_1)) ? allowed : allowed + 1;
}

uint32_t delivery_quota(struct connection *connection) {
    struct broker *broker = connection->broker;
    uint32_t own = broker->settings.maximum_in_flight;
    uint32_t allowed = connection->limits.receive_maximum;
    if (connection->version != MQTT_5_0)
        return own;
    if (!spec_all_hold(&broker->rules))
        allowed = wrong_quota(&broker->rules, allowed);
    return allowed < own ? allowed : own;
}

bool delivery_quota_is_used(const struct session *session) {
    return session->connection != NULL && in_flight(session) >= session->connection->in_flight_limit;
}

static bool may_send_more(const struct session *session) {
    const struct connection *connection = session->connection;
    return connection != NULL && connection->given_up == NULL && in_flight(session) < connection->in_flight_limit &&
           connection->output.waiting <= session->broker->settings.maximum_output;
}

/* MQTT-3.3.2-5; but what has been sent is seen to its end, MQTT-4.3.3-7. */
static bool is_outdated(const struct session *session, const struct delivery *delivery) {
    struct spec_rules *rules = &session->broker->rules;
    if (delivery->message == NULL || !message_has_expired(session->broker, delivery->message))
        return false;
    if (delivery->packet_identifier == 0)
        return MUST(rules, V5(3_3_2_5));
    return delivery->qos == 2 && !MUST(rules, V5(4_3_3_7));
}

/* A broker that breaks one of these takes what it has sent for done. */
static bool stays_unacknowledged(const struct session *session, uint8_t qos) {
    struct spec_rules *rules = &session->broker->rules;
    if (session->version != MQTT_5_0)
        return qos != 1 || MUST(rules, V311(4_3_2_1));
    return qos == 1 ? MUST(rules, V5(4_3_2_3)) : MUST(rules, V5(4_3_3_3));
}

/* MQTT-3.1.2-25: what the Client does not accept counts as delivered. */
static void too_large(struct session *session, struct delivery *delivery) {
    struct connection *connection = session->connection;
    session->broker->counts.discarded++;
    delivery_finish(session, delivery);
    if (!MUST(&session->broker->rules, V5(3_1_2_25)))
        connection_give_up(connection, "a message is larger than the Client accepts");
}

/* From the queue onto its way. It has a Packet Identifier already where it was sent on an earlier connection. */
static void send_first(struct session *session, struct delivery *delivery) {
    bool again = delivery->packet_identifier != 0;
    if (!again && take_identifier(session, delivery) == 0) {
        connection_give_up(session->connection, "out of memory");
        persist_delivery(session, delivery);
        return;
    }
    take_out(session, delivery);
    append(session, delivery, DELIVERY_SENT);
    if (!again)
        persist_delivery(session, delivery);
    if (!send_delivery(session, delivery, again))
        too_large(session, delivery);
    else if (!stays_unacknowledged(session, delivery->qos))
        delivery_finish(session, delivery);
}

/* Called when something may have changed: for a new message, an acknowledgement, a new connection, and by broker_sent()
 * when output drains. */
void delivery_pump(struct session *session) {
    struct delivery *delivery;
    while ((delivery = session->deliveries[DELIVERY_QUEUED].first) != NULL && may_send_more(session)) {
        if (is_outdated(session, delivery))
            delivery_finish(session, delivery);
        else
            send_first(session, delivery);
    }
}

/* False where there is no memory. */
static bool keep_identifiers(struct broker *broker, struct delivery *delivery, const struct delivery_terms *terms) {
    if (terms->identifier_count == 0)
        return true;
    size_t size = terms->identifier_count * sizeof *delivery->identifiers;
    delivery->identifiers = memory_take(&broker->memory, size);
    if (delivery->identifiers == NULL)
        return false;
    memcpy(delivery->identifiers, terms->identifiers, size);
    delivery->identifier_count = terms->identifier_count;
    return true;
}

static struct delivery *delivery_create(struct broker *broker, const struct delivery_terms *terms) {
    struct delivery *delivery = memory_take_zeroed(&broker->memory, sizeof *delivery);
    if (delivery == NULL)
        return NULL;
    if (!keep_identifiers(broker, delivery, terms)) {
        memory_give(&broker->memory, delivery, sizeof *delivery);
        return NULL;
    }
    delivery->qos = terms->qos;
    delivery->retain = terms->retain;
    delivery->share = terms->share;
    share_hold(terms->share);
    return delivery;
}

/* Every topic is an Ordered Topic. */
static SPEC_BREACH bool keeps_order(const struct session *session) {
    struct spec_rules *rules = &session->broker->rules;
    if (session->version == MQTT_5_0)
        return MUST(rules, V5(4_6_0_5)) && MUST(rules, V5(4_6_0_6));
    OBEYS(rules, V311(4_6_0_5));
    return MUST(rules, V311(4_6_0_6));
}

/* What a Client does not read or acknowledge costs bounded memory. A message that goes out at once, alone, may be
 * larger than all that may wait. */
static bool has_room(const struct session *session, const struct message *message, bool must_wait) {
    const struct broker_settings *settings = &session->broker->settings;
    if (!must_wait && session->kept_bytes == 0)
        return true;
    if (must_wait && session->deliveries[DELIVERY_QUEUED].count >= settings->maximum_queued)
        return false;
    return session->kept_bytes + message_bytes(message) <= settings->maximum_queued_bytes;
}

void delivery_add(struct session *session, struct message *message, const struct delivery_terms *terms) {
    struct broker *broker = session->broker;
    bool must_wait = !may_send_more(session) || session->deliveries[DELIVERY_QUEUED].count > 0;
    struct delivery *delivery = has_room(session, message, must_wait) ? delivery_create(broker, terms) : NULL;
    if (delivery == NULL) {
        broker->counts.discarded++;
        if (session->connection != NULL)
            connection_report_discarded(session->connection);
        return;
    }
    message_keep(message);
    delivery->message = message;
    if (spec_all_hold(&broker->rules) || keeps_order(session))
        append(session, delivery, DELIVERY_QUEUED);
    else
        prepend(session, delivery, DELIVERY_QUEUED);
    if (must_wait)
        persist_delivery(session, delivery); /* else it is sent now, and put then */
    delivery_pump(session);
}

struct delivery *delivery_restore(struct session *session, struct message *message, const struct delivery_terms *terms,
                                  enum delivery_state state, uint16_t packet_identifier) {
    while (packet_identifier != 0 && packet_identifier >= session->identifier_capacity)
        if (!grow_identifiers(session))
            return NULL;
    if (packet_identifier != 0 && delivery_find(session, packet_identifier) != NULL)
        return NULL;
    struct delivery *delivery = delivery_create(session->broker, terms);
    if (delivery == NULL)
        return NULL;
    if (message != NULL)
        message_keep(message);
    delivery->message = message;
    delivery->packet_identifier = packet_identifier;
    append(session, delivery, state);
    if (packet_identifier != 0) {
        session->by_identifier[packet_identifier] = delivery;
        session->identifiers_taken++;
    }
    return delivery;
}

/* ---- On a new connection, section 4.4 ---------------------------------------------------------------------- */

/* What was sent and not acknowledged is to be sent again, before all that was not: it goes back to the head of the
 * queue, from where the Client's Receive Maximum lets it out. */
static void queue_again(struct session *session, bool in_order) {
    struct delivery_list *sent = &session->deliveries[DELIVERY_SENT];
    while (sent->first != NULL) {
        struct delivery *delivery = in_order ? sent->last : sent->first;
        take_out(session, delivery);
        prepend(session, delivery, DELIVERY_QUEUED);
    }
}

static void resume_released(struct session *session, bool in_order) {
    const struct delivery_list *list = &session->deliveries[DELIVERY_RELEASED];
    const struct delivery *delivery = in_order ? list->first : list->last;
    for (; delivery != NULL; delivery = in_order ? delivery->next : delivery->previous) {
        if (delivery->message != NULL)
            send_delivery(session, delivery, true);
        else
            connection_acknowledge(session->connection, MQTT_PUBREL, delivery->packet_identifier, MQTT_REASON_SUCCESS,
                                   NULL);
    }
}

void delivery_resume(struct session *session) {
    struct spec_rules *rules = &session->broker->rules;
    bool in_order = keeps_order(session);
    if (MUST(rules, BY_VERSION(session->version, V311(4_4_0_1), V5(4_4_0_1)))) {
        resume_released(session, in_order);
        queue_again(session, in_order);
    }
    delivery_pump(session);
}

/* ---- The end -------------------------------------------------------------------------------------------- */

static void free_delivery(struct session *session, struct delivery *delivery) {
    struct broker *broker = session->broker;
    if (delivery->packet_identifier != 0 && delivery_find(session, delivery->packet_identifier) == delivery) {
        session->by_identifier[delivery->packet_identifier] = NULL;
        session->identifiers_taken--;
    }
    persist_delivery_end(session, delivery);
    message_release(broker, delivery->message);
    share_release(broker, delivery->share);
    memory_give(&broker->memory, delivery->identifiers, delivery->identifier_count * sizeof *delivery->identifiers);
    memory_give(&broker->memory, delivery, sizeof *delivery);
}

void delivery_finish(struct session *session, struct delivery *delivery) {
    take_out(session, delivery);
    free_delivery(session, delivery);
}

void delivery_release(struct session *session, struct delivery *delivery) {
    struct spec_rules *rules = &session->broker->rules;
    enum mqtt_version version = session->version;
    uint16_t packet_identifier = delivery->packet_identifier;
    if (delivery->state == DELIVERY_SENT) {
        persist_delivery_end(session, delivery);
        take_out(session, delivery);
        /* A broker that breaks MQTT-4.3.3-1 (5.0: MQTT-4.3.3-6) keeps the message, to send it again. */
        if (MUST(rules, BY_VERSION(version, V311(4_3_3_1), V5(4_3_3_6)))) {
            message_release(session->broker, delivery->message);
            delivery->message = NULL;
        }
        append(session, delivery, DELIVERY_RELEASED);
        persist_delivery(session, delivery); /* PUBREL is sent in the order of the PUBRECs, MQTT-4.6.0-4 */
    }
    if (version == MQTT_5_0 && !MUST(rules, V5(4_3_3_4)))
        return;
    connection_acknowledge(session->connection, MQTT_PUBREL, packet_identifier, MQTT_REASON_SUCCESS, NULL);
    if (version == MQTT_5_0 && !MUST(rules, V5(4_3_3_5)))
        delivery_finish(session, delivery);
}

void delivery_clear(struct session *session) {
    for (unsigned state = 0; state < DELIVERY_STATES; state++)
        while (session->deliveries[state].first != NULL)
            delivery_finish(session, session->deliveries[state].first);
}

/* ---- To another member of a Shared Subscription, section 4.8.2 of 5.0 --------------------------------------- */

static void give_to_another(struct session *session, struct delivery *delivery) {
    struct broker *broker = session->broker;
    struct subscription *member = delivery->share->members > 0 ? share_choose(delivery->share, session) : NULL;
    if (member != NULL)
        publish_to_member(broker, delivery->message, member);
}

/* QoS 2 that has begun stays with this Client, MQTT-4.8.2-5. */
static bool may_go_to_another(const struct session *session, const struct delivery *delivery) {
    struct spec_rules *rules = &session->broker->rules;
    if (delivery->share == NULL || delivery->message == NULL)
        return false;
    if (message_has_expired(session->broker, delivery->message) && MUST(rules, V5(3_3_2_5)))
        return false;
    return delivery->qos == 1 || delivery->packet_identifier == 0 || !MUST(rules, V5(4_8_2_5));
}

void delivery_hand_over(struct session *session) {
    static const enum delivery_state states[] = {DELIVERY_SENT, DELIVERY_QUEUED};
    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++)
        for (struct delivery *each = session->deliveries[states[i]].first; each != NULL; each = each->next)
            if (may_go_to_another(session, each))
                give_to_another(session, each);
}

/* A broker that breaks MQTT-4.8.2-4 does not see them to their end. */
void delivery_forget_shared(struct session *session) {
    static const enum delivery_state states[] = {DELIVERY_SENT, DELIVERY_RELEASED};
    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct delivery *next;
        for (struct delivery *each = session->deliveries[states[i]].first; each != NULL; each = next) {
            next = each->next;
            if (each->share != NULL && each->qos == 2)
                delivery_finish(session, each);
        }
    }
}

/* The message is done with: not sent again (MQTT-4.4.0-2), nor given to another member (MQTT-4.8.2-6). */
void delivery_refused(struct session *session, struct delivery *delivery) {
    struct spec_rules *rules = &session->broker->rules;
    if (!MUST(rules, V5(4_4_0_2)))
        return;
    if (delivery->share != NULL && delivery->message != NULL && !MUST(rules, V5(4_8_2_6)))
        give_to_another(session, delivery);
    delivery_finish(session, delivery);
}
