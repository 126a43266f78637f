/* Judges PUBLISH, PUBACK, PUBREC, PUBREL and PUBCOMP, in both directions alike.
 *
 * Two things are followed for each direction. The session's table of exchanges holds what the sender must still
 * regard as unacknowledged. The connection's queues hold what the receiver has to answer, in order of arrival. */
#include "reference/monitor_internal.h"

#include <assert.h>

static const struct environment *environment_of(const struct monitored *connection) {
    return &connection->monitor->environment;
}

/* Bookkeeping needs memory: without it, nothing behind this packet can be judged. */
static void await(struct monitored *connection, enum mqtt_side sender, enum monitor_awaited kind,
                  uint16_t packet_identifier) {
    if (!monitor_queue_add(environment_of(connection), &connection->awaited[sender][kind], packet_identifier))
        connection->exhausted = true;
}

static void loosen(struct monitored *connection, enum mqtt_side sender, uint16_t packet_identifier) {
    if (!monitor_identifiers_add(environment_of(connection), &connection->loose[sender], packet_identifier))
        connection->exhausted = true;
}

/* True when the answer was awaited already. */
static bool await_again(struct monitored *connection, enum mqtt_side sender, enum monitor_awaited kind,
                        uint16_t packet_identifier) {
    bool there = monitor_queue_find(&connection->awaited[sender][kind], packet_identifier) != MONITOR_NOT_FOUND;
    await(connection, sender, there ? MONITOR_AWAITS_REPEATED : kind, packet_identifier);
    return there;
}

/* ---- PUBLISH ------------------------------------------------------------------------------------------------- */

static struct monitor_exchange *find_by_content(const struct monitor_exchanges *exchanges,
                                                const struct monitor_exchange *sought) {
    for (uint32_t i = 0; i < exchanges->capacity; i++) {
        struct monitor_exchange *exchange = &exchanges->slots[i];
        if (exchange->packet_identifier != 0 && !exchange->uncertain && exchange->content == sought->content &&
            exchange->qos == sought->qos)
            return exchange;
    }
    return NULL;
}

/* DUP 1 with an identifier that was never seen in this session. In its first connection that is certainly wrong.
 * In a later one, an earlier connection may have swallowed the first transmission. But then it swallowed the last
 * ones, and an older message that is the same and not resent yet is about to be resent out of order. */
static void judge_unknown_dup(struct monitored *connection, enum mqtt_side side,
                              const struct monitor_exchange *published) {
    const struct monitor_session *session = connection->session;
    const struct monitor_exchange *same = find_by_content(&session->flows[side].exchanges, published);
    bool first = session->first_connection == connection->number;
    bool unsent = same != NULL && same->connection != connection->number && same->state == MONITOR_PUBLISHED;
    /* MQTT 3.1 does not order what is resent, nor does MQTT 5.0 for Servers. */
    bool ordered = connection->version != MQTT_3_1 && (side == MQTT_CLIENT || !monitor_in_5_0(connection));
    if (same != NULL && (first || (unsent && ordered)))
        monitor_breach(connection, side, MONITOR_RULE_RESENT_OTHER_IDENTIFIER);
    else if (first)
        monitor_breach(connection, side,
                       published->qos == 1 ? MONITOR_RULE_FIRST_WITH_DUP_QOS_1 : MONITOR_RULE_FIRST_WITH_DUP_QOS_2);
}

static enum monitor_rule in_use(const struct monitor_exchange *published) {
    return published->qos == 1 ? MONITOR_RULE_IDENTIFIER_IN_USE_QOS_1 : MONITOR_RULE_IDENTIFIER_IN_USE_QOS_2;
}

/* No PUBLISH with this identifier is on its way. */
static void judge_first(struct monitored *connection, enum mqtt_side side, const struct monitor_exchange *published,
                        bool dup) {
    uint16_t packet_identifier = published->packet_identifier;
    const struct monitor_session *session = connection->session;
    bool used = monitor_identifiers_hold(&session->flows[side].used, packet_identifier);
    bool first = session->first_connection == connection->number && session->past[side];
    if (side == MQTT_CLIENT && monitor_request_find(connection, MQTT_RESERVED, packet_identifier) != NULL)
        monitor_breach(connection, side, in_use(published));
    else if (dup && !used && connection->session_denied && side == MQTT_CLIENT && !session->past[side])
        monitor_breach(connection, side, MONITOR_RULE_RESENT_OF_LOST_SESSION);
    else if (dup && !used)
        judge_unknown_dup(connection, side, published);
    else if (dup && first)
        monitor_breach(connection, side, MONITOR_RULE_RESENT_ON_CONNECTION);
}

/* Clients keep the order over all messages. Servers keep it within a topic, and may have topics that are not
 * ordered against each other. */
static bool out_of_order(const struct monitored *connection, enum mqtt_side side,
                         const struct monitor_exchange *resent) {
    const struct monitor_exchanges *exchanges = &connection->session->flows[side].exchanges;
    if (resent->sequence == 0 || resent->sequence > connection->last_resent[side])
        return false;
    if (side == MQTT_CLIENT ||
        (connection->last_resent_topic[side] == resent->topic && connection->last_resent_qos[side] == resent->qos))
        return true;
    for (uint32_t i = 0; i < exchanges->capacity; i++) {
        const struct monitor_exchange *later = &exchanges->slots[i];
        if (later->packet_identifier != 0 && later->sequence > resent->sequence && later->topic == resent->topic &&
            later->qos == resent->qos && later->connection == connection->number && later->resent)
            return true;
    }
    return false;
}

/* The first time on this connection that a message of an earlier connection is sent. */
static void judge_resent(struct monitored *connection, enum mqtt_side side, struct monitor_exchange *exchange,
                         bool dup) {
    if (!dup)
        monitor_breach(connection, side, MONITOR_RULE_RESENT_WITHOUT_DUP);
    if (out_of_order(connection, side, exchange))
        monitor_breach(connection, side, MONITOR_RULE_RESENT_ORDER);
    if (exchange->sequence > connection->last_resent[side]) {
        connection->last_resent[side] = exchange->sequence;
        connection->last_resent_topic[side] = exchange->topic;
        connection->last_resent_qos[side] = exchange->qos;
    }
    exchange->connection = connection->number;
    exchange->resent = true;
    exchange->state = MONITOR_PUBLISHED; /* so it cannot know of a PUBREC */
    exchange->received_again = false;
}

/* Too large for the connection, it is as good as sent (MQTT-3.1.2-25): its identifier may be free. */
static bool may_be_left_out(const struct monitored *connection, enum mqtt_side side,
                            const struct monitor_exchange *exchange) {
    uint32_t maximum = connection->limits[side].packet_size;
    return maximum != 0 && exchange->size > maximum;
}

/* The identifier is that of a message on its way. False when that message is not the one sent now. */
static bool judge_again(struct monitored *connection, enum mqtt_side side, struct monitor_exchange *exchange,
                        const struct monitor_exchange *published, bool dup) {
    if (exchange->uncertain)
        return false;
    bool same = exchange->content == published->content && exchange->qos == published->qos;
    bool earlier = exchange->connection != connection->number;
    if (earlier && (!same || !dup) && monitor_may_have_lost_session(connection, side))
        return false;
    if (earlier && !same && may_be_left_out(connection, side, exchange))
        return false;
    if (!same || (!dup && !earlier && exchange->state != MONITOR_RELEASED)) {
        monitor_breach(connection, side, in_use(published));
        return false;
    }
    if (exchange->state == MONITOR_RELEASED) {
        monitor_breach(connection, side, MONITOR_RULE_RESENT_AFTER_PUBREL);
        return false;
    }
    if (earlier)
        judge_resent(connection, side, exchange, dup);
    else
        monitor_breach(connection, side, MONITOR_RULE_RESENT_ON_CONNECTION);
    return true;
}

static void remember(struct monitored *connection, enum mqtt_side side, const struct monitor_exchange *published) {
    struct monitor_flow *flow = &connection->session->flows[side];
    struct monitor_exchange *exchange =
        monitor_exchange_add(environment_of(connection), &flow->exchanges, published->packet_identifier);
    if (exchange == NULL ||
        !monitor_identifiers_add(environment_of(connection), &flow->used, published->packet_identifier)) {
        connection->exhausted = true;
        return;
    }
    *exchange = *published;
}

/* Without its Topic Name, which an unknown Topic Alias hides, it cannot be told from other messages. */
static struct monitor_exchange exchange_of(const struct monitored *connection, const struct mqtt_packet *packet) {
    const struct mqtt_publish *publish = &packet->publish;
    struct mqtt_property expiry;
    struct monitor_exchange published = {
        .topic = monitor_hash(MONITOR_HASH, publish->topic),
        .connection = connection->number,
        .size = (uint32_t)connection->bytes.length,
        .packet_identifier = publish->packet_identifier,
        .qos = mqtt_publish_qos(packet->flags),
        .state = MONITOR_PUBLISHED,
        .expires = monitor_in_5_0(connection) &&
                   mqtt_find_property(publish->properties, MQTT_MESSAGE_EXPIRY_INTERVAL, &expiry),
        .uncertain = publish->topic.length == 0,
    };
    published.content = monitor_hash(published.topic, publish->payload);
    return published;
}

void monitor_publish(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    uint16_t packet_identifier = packet->publish.packet_identifier;
    bool dup = (packet->flags & MQTT_PUBLISH_DUP) != 0;
    struct monitor_session *session = connection->session;
    if (mqtt_publish_qos(packet->flags) == 0)
        return;
    struct monitor_exchange published = exchange_of(connection, packet);
    struct monitor_exchange *exchange = monitor_exchange_find(&session->flows[side].exchanges, packet_identifier);
    /* Once on each connection is no repetition: answers to an earlier one cannot come here. */
    bool repeated = exchange != NULL ? exchange->connection == connection->number : dup;
    monitor_use_quota(connection, side);
    if (exchange == NULL) {
        judge_first(connection, side, &published, dup);
        /* A repetition may have crossed its acknowledgement: then the identifier is free once that arrives. */
        published.uncertain =
            published.uncertain || dup || monitor_identifiers_hold(&connection->loose[side], packet_identifier);
        published.sequence = dup ? 0 : ++session->sequence;
        remember(connection, side, &published);
    } else if (published.uncertain || !judge_again(connection, side, exchange, &published, dup)) {
        published.uncertain = true;
        *exchange = published;
    }
    enum monitor_awaited kind = published.qos == 1 ? MONITOR_AWAITS_PUBACK : MONITOR_AWAITS_PUBREC;
    if (exchange == NULL)
        await(connection, side, kind, packet_identifier);
    else
        await_again(connection, side, kind, packet_identifier);
    if (repeated)
        loosen(connection, side, packet_identifier);
}

/* ---- Acknowledgements by the receiver ------------------------------------------------------------------------ */

/* The Client answers what the Server sent behind CONNACK. */
static void note_answer(struct monitored *connection, enum mqtt_side side) {
    if (side == MQTT_CLIENT)
        connection->informed = connection->limits[MQTT_CLIENT].known;
}

/* Takes the answer out of what is awaited. MONITOR_NOT_FOUND when it was not; else how many before it in order
 * were left unanswered. What can be the answer to a repetition is. */
static uint32_t take_awaited(struct monitored *connection, enum mqtt_side sender, enum monitor_awaited kind,
                             uint16_t packet_identifier) {
    struct monitor_queue *queue = &connection->awaited[sender][kind];
    struct monitor_queue *repeated = &connection->awaited[sender][MONITOR_AWAITS_REPEATED];
    uint32_t place = monitor_queue_find(queue, packet_identifier);
    if (place != 0 && monitor_queue_remove(repeated, packet_identifier))
        place = 0;
    else if (place != MONITOR_NOT_FOUND)
        monitor_queue_take(queue, place);
    if (place != MONITOR_NOT_FOUND)
        note_answer(connection, monitor_other(sender));
    return place;
}

/* One answer has passed others. Those need not come in any order any more, so that each disorder is told once. */
static void judge_order(struct monitored *connection, enum mqtt_side side, enum monitor_awaited kind, uint32_t passed,
                        enum monitor_rule rule) {
    struct monitor_queue *queue = &connection->awaited[monitor_other(side)][kind];
    if (passed == 0 || passed == MONITOR_NOT_FOUND || side == MQTT_SERVER)
        return;
    monitor_breach(connection, side, rule);
    for (uint32_t i = 0; i < passed && queue->count > 0; i++) {
        uint16_t packet_identifier = queue->identifiers[queue->head];
        monitor_queue_take(queue, 0);
        await(connection, monitor_other(side), MONITOR_AWAITS_REPEATED, packet_identifier);
    }
}

/* Nothing with that identifier is on its way. In a session that goes on from an earlier connection, it may belong
 * to what was exchanged there. */
static void judge_stray(struct monitored *connection, enum mqtt_side side, uint16_t packet_identifier,
                        enum monitor_rule rule) {
    const struct monitor_session *session = connection->session;
    const struct monitor_flow *flow = &session->flows[monitor_other(side)];
    if (session->first_connection == connection->number || !monitor_identifiers_hold(&flow->used, packet_identifier))
        monitor_breach(connection, side, rule);
    loosen(connection, monitor_other(side), packet_identifier);
}

/* PUBACK for QoS 2, or PUBREC or PUBCOMP for QoS 1. What comes of the message now is open. */
static void judge_wrong_answer(struct monitored *connection, enum mqtt_side side, struct monitor_exchange *exchange) {
    enum mqtt_side sender = monitor_other(side);
    enum monitor_awaited kind = exchange->qos == 1 ? MONITOR_AWAITS_PUBACK : MONITOR_AWAITS_PUBREC;
    if (!exchange->uncertain)
        monitor_breach(connection, side, MONITOR_RULE_WRONG_ANSWER);
    exchange->uncertain = true;
    loosen(connection, sender, exchange->packet_identifier);
    monitor_queue_remove(&connection->awaited[sender][kind], exchange->packet_identifier);
    monitor_queue_remove(&connection->awaited[sender][MONITOR_AWAITS_PUBREL], exchange->packet_identifier);
}

void monitor_puback(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    uint16_t packet_identifier = packet->acknowledgement.packet_identifier;
    enum mqtt_side sender = monitor_other(side);
    struct monitor_exchanges *exchanges = &connection->session->flows[sender].exchanges;
    struct monitor_exchange *exchange = monitor_exchange_find(exchanges, packet_identifier);
    uint32_t place = take_awaited(connection, sender, MONITOR_AWAITS_PUBACK, packet_identifier);
    if (place == MONITOR_NOT_FOUND && exchange == NULL)
        judge_stray(connection, side, packet_identifier, MONITOR_RULE_ANSWERS_NOTHING);
    else if (exchange != NULL && exchange->qos == 2 && (place == MONITOR_NOT_FOUND || !exchange->uncertain))
        judge_wrong_answer(connection, side, exchange);
    if (exchange != NULL && exchange->qos == 1)
        monitor_exchange_remove(exchanges, exchange);
    monitor_free_quota(connection, sender);
    judge_order(connection, side, MONITOR_AWAITS_PUBACK, place, MONITOR_RULE_PUBACK_ORDER);
}

/* The message is where it is going, or refused. In MQTT 5.0 that is the end of it. */
static void take_pubrec(struct monitored *connection, enum mqtt_side sender, struct monitor_exchange *exchange,
                        bool refused) {
    if (refused) {
        monitor_queue_remove(&connection->awaited[sender][MONITOR_AWAITS_PUBREL], exchange->packet_identifier);
        monitor_exchange_remove(&connection->session->flows[sender].exchanges, exchange);
    } else if (!exchange->uncertain && exchange->state == MONITOR_PUBLISHED) {
        exchange->state = MONITOR_RECEIVED;
        await(connection, sender, MONITOR_AWAITS_PUBREL, exchange->packet_identifier);
    } else {
        exchange->received_again = true;
    }
}

void monitor_pubrec(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    uint16_t packet_identifier = packet->acknowledgement.packet_identifier;
    bool refused = packet->acknowledgement.reason_code >= MQTT_REASON_FAILURE; /* never before MQTT 5.0 */
    enum mqtt_side sender = monitor_other(side);
    struct monitor_exchange *exchange =
        monitor_exchange_find(&connection->session->flows[sender].exchanges, packet_identifier);
    uint32_t place = take_awaited(connection, sender, MONITOR_AWAITS_PUBREC, packet_identifier);
    if (place == MONITOR_NOT_FOUND && exchange == NULL)
        judge_stray(connection, side, packet_identifier, MONITOR_RULE_ANSWERS_NOTHING);
    else if (exchange != NULL && exchange->qos == 1 && (place == MONITOR_NOT_FOUND || !exchange->uncertain))
        judge_wrong_answer(connection, side, exchange);
    if (exchange != NULL && exchange->qos == 2)
        take_pubrec(connection, sender, exchange, refused);
    if (refused)
        monitor_free_quota(connection, sender);
    judge_order(connection, side, MONITOR_AWAITS_PUBREC, place, MONITOR_RULE_PUBREC_ORDER);
}

void monitor_pubcomp(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    uint16_t packet_identifier = packet->acknowledgement.packet_identifier;
    enum mqtt_side sender = monitor_other(side);
    struct monitor_exchanges *exchanges = &connection->session->flows[sender].exchanges;
    struct monitor_exchange *exchange = monitor_exchange_find(exchanges, packet_identifier);
    uint32_t place = take_awaited(connection, sender, MONITOR_AWAITS_PUBCOMP, packet_identifier);
    if (place == MONITOR_NOT_FOUND && exchange == NULL) {
        judge_stray(connection, side, packet_identifier, MONITOR_RULE_PUBCOMP_UNKNOWN);
    } else if (exchange != NULL && exchange->qos == 1 && (place == MONITOR_NOT_FOUND || !exchange->uncertain)) {
        judge_wrong_answer(connection, side, exchange);
    } else if (place == MONITOR_NOT_FOUND && !exchange->uncertain && exchange->state != MONITOR_RELEASED) {
        monitor_breach(connection, side, MONITOR_RULE_PUBCOMP_UNKNOWN);
        exchange->uncertain = true;
    }
    if (exchange != NULL && exchange->qos == 2 && exchange->state == MONITOR_RELEASED)
        monitor_exchange_remove(exchanges, exchange);
    monitor_free_quota(connection, sender);
}

/* ---- PUBREL by the sender ------------------------------------------------------------------------------------ */

/* Servers keep the order of PUBRECs within a topic, as that of messages. */
static bool passes_one_of_its_topic(const struct monitored *connection, enum mqtt_side side, uint32_t place,
                                    const struct monitor_exchange *released) {
    const struct monitor_queue *queue = &connection->awaited[side][MONITOR_AWAITS_PUBREL];
    for (uint32_t i = 0; i < place; i++) {
        const struct monitor_exchange *earlier =
            monitor_exchange_find(&connection->session->flows[side].exchanges, queue->identifiers[queue->head + i]);
        if (side == MQTT_CLIENT || (earlier != NULL && earlier->topic == released->topic))
            return true;
    }
    return false;
}

static void judge_released(struct monitored *connection, enum mqtt_side side, struct monitor_exchange *exchange) {
    struct monitor_queue *queue = &connection->awaited[side][MONITOR_AWAITS_PUBREL];
    uint32_t place = monitor_queue_find(queue, exchange->packet_identifier);
    if (exchange->state == MONITOR_PUBLISHED)
        monitor_breach(connection, side, MONITOR_RULE_PUBREL_EARLY);
    else if (exchange->released == connection->number && !exchange->received_again)
        monitor_breach(connection, side, MONITOR_RULE_RESENT_ON_CONNECTION);
    else if (place != MONITOR_NOT_FOUND && passes_one_of_its_topic(connection, side, place, exchange))
        monitor_breach(connection, side, MONITOR_RULE_PUBREL_ORDER);
    /* Those that were passed come too late for any order: each disorder is told once. */
    for (uint32_t i = 0; place != MONITOR_NOT_FOUND && side == MQTT_CLIENT && i < place; i++)
        monitor_queue_take(queue, 0);
    if (monitor_queue_remove(queue, exchange->packet_identifier))
        note_answer(connection, side);
    exchange->state = MONITOR_RELEASED;
    exchange->released = connection->number;
}

void monitor_pubrel(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    uint16_t packet_identifier = packet->acknowledgement.packet_identifier;
    struct monitor_flow *flow = &connection->session->flows[side];
    struct monitor_exchange *exchange = monitor_exchange_find(&flow->exchanges, packet_identifier);
    if (exchange == NULL) {
        if (!monitor_identifiers_hold(&flow->used, packet_identifier) &&
            !monitor_identifiers_hold(&connection->loose[side], packet_identifier))
            monitor_breach(connection, side, MONITOR_RULE_PUBREL_UNKNOWN);
    } else if (exchange->qos == 1) {
        if (!exchange->uncertain)
            monitor_breach(connection, side, MONITOR_RULE_PUBREL_UNKNOWN);
        exchange->uncertain = true;
    } else if (exchange->uncertain) {
        exchange->state = MONITOR_RELEASED;
    } else {
        judge_released(connection, side, exchange);
    }
    bool repeated = await_again(connection, side, MONITOR_AWAITS_PUBCOMP, packet_identifier);
    if (repeated || exchange == NULL)
        loosen(connection, side, packet_identifier);
}
