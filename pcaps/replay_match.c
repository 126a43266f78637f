/* Which recorded packet a packet of the live broker stands for. The two choose Packet Identifiers of their own for
 * what they publish, and may send in another order where the standard allows it. */
#include <stdlib.h>
#include <string.h>

#include "pcaps/replay_order.h"

static bool is_publish_with(const struct step *step, uint8_t qos) {
    return step->packet.type == MQTT_PUBLISH && mqtt_publish_qos(step->packet.flags) == qos;
}

/* The recorded identifier of a PUBLISH of QoS 2 that the live broker sends under `live`; false where that is not
 * known. The latest wins, as identifiers are used again. */
static bool recorded_identifier(const struct recording *recording, const struct recorded_connection *connection,
                                uint16_t live, uint16_t *identifier) {
    while (connection->next_of_client != NULL) /* it may have come for a later one */
        connection = connection->next_of_client;
    for (; connection != NULL; connection = connection->previous_of_client)
        for (size_t i = connection->step_count; i > 0; i--) {
            const struct step *step = &recording->steps[connection->steps[i - 1]];
            if (step->kind != STEP_RECEIVE || step->state != STEP_MET || !is_publish_with(step, 2) ||
                step->live_identifier != live || step->member != 0)
                continue;
            *identifier = step->packet.publish.packet_identifier;
            return true;
        }
    return false;
}

/* ---- Properties of a message ------------------------------------------------------------------------------ */

/* The next property with this identifier. */
static bool next_of(struct mqtt_bytes *properties, uint8_t identifier, struct mqtt_property *property) {
    while (mqtt_next_property(properties, property))
        if (property->identifier == identifier)
            return true;
    return false;
}

/* How long a message has waited differs from run to run, and so what is left of its interval. */
static bool same_value(const struct mqtt_property *one, const struct mqtt_property *other) {
    return (one->number == other->number || one->identifier == MQTT_MESSAGE_EXPIRY_INTERVAL) &&
           mqtt_equal(one->bytes, other->bytes) && mqtt_equal(one->value, other->value);
}

/* All with this identifier, in their order: that of User Properties counts. */
static bool same_of(struct mqtt_bytes one, struct mqtt_bytes other, uint8_t identifier) {
    struct mqtt_property from_one, from_other;
    while (next_of(&one, identifier, &from_one))
        if (!next_of(&other, identifier, &from_other) || !same_value(&from_one, &from_other))
            return false;
    return !next_of(&other, identifier, &from_other);
}

static int compare_numbers(const void *left, const void *right) {
    uint32_t one = *(const uint32_t *)left, other = *(const uint32_t *)right;
    return (one > other) - (one < other);
}

enum { MOST_SORTED = 64 };

static size_t sorted_identifiers(struct mqtt_bytes properties, uint32_t numbers[MOST_SORTED]) {
    struct mqtt_property property;
    size_t count = 0;
    while (count < MOST_SORTED && next_of(&properties, MQTT_SUBSCRIPTION_IDENTIFIER, &property))
        numbers[count++] = property.number;
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    return count;
}

/* Their order is the broker's own affair; of very many, the first have to be the same. */
static bool same_subscriptions(struct mqtt_bytes one, struct mqtt_bytes other) {
    uint32_t of_one[MOST_SORTED], of_other[MOST_SORTED];
    size_t count = sorted_identifiers(one, of_one);
    return count == sorted_identifiers(other, of_other) && memcmp(of_one, of_other, count * sizeof *of_one) == 0;
}

/* But for the Topic Alias, which is resolved. The order of different properties has no meaning. */
static bool same_properties(struct mqtt_bytes one, struct mqtt_bytes other) {
    if (one.length == 0 && other.length == 0)
        return true;
    for (uint8_t identifier = 0; identifier < MQTT_PROPERTY_COUNT; identifier++) {
        if (identifier == MQTT_TOPIC_ALIAS || identifier == MQTT_SUBSCRIPTION_IDENTIFIER)
            continue;
        if (!same_of(one, other, identifier))
            return false;
    }
    return same_subscriptions(one, other);
}

/* ---- Packets ----------------------------------------------------------------------------------------------- */

/* DUP and the Packet Identifier are the broker's own affair; all else is the message. */
static bool same_publish(const struct mqtt_packet *one, const struct mqtt_packet *other) {
    return (one->flags & ~MQTT_PUBLISH_DUP) == (other->flags & ~MQTT_PUBLISH_DUP) &&
           mqtt_equal(one->publish.topic, other->publish.topic) &&
           mqtt_equal(one->publish.payload, other->publish.payload);
}

/* UNSUBACK of 5.0 has codes, as SUBACK has. */
static uint16_t unsuback_identifier(enum mqtt_version version, const struct mqtt_packet *packet) {
    return version == MQTT_5_0 ? packet->suback.packet_identifier : packet->acknowledgement.packet_identifier;
}

static bool stands_for(const struct step *step, enum mqtt_version version, const struct mqtt_packet *packet,
                       uint16_t identifier) {
    if (step->packet.type != packet->type)
        return false;
    switch (packet->type) {
    case MQTT_PUBLISH:
        return same_publish(&step->packet, packet);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        return step->packet.acknowledgement.packet_identifier == identifier;
    case MQTT_UNSUBACK:
        return unsuback_identifier(version, &step->packet) == identifier;
    case MQTT_SUBACK:
        return step->packet.suback.packet_identifier == identifier;
    default:
        return true;
    }
}

/* The Packet Identifier of `packet` as the recording has it. */
static uint16_t find_identifier(const struct recording *recording, size_t connection,
                                const struct mqtt_packet *packet) {
    uint16_t live = packet->acknowledgement.packet_identifier, identifier;
    switch (packet->type) {
    case MQTT_PUBREL: /* one of a message that nobody knows answers a PUBREC with the same identifier */
        return recorded_identifier(recording, recording->connections[connection], live, &identifier) ? identifier
                                                                                                     : live;
    case MQTT_SUBACK:
        return packet->suback.packet_identifier;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        return live;
    case MQTT_UNSUBACK:
        return unsuback_identifier(recording->connections[connection]->version, packet);
    default:
        return 0;
    }
}

static uint16_t own_identifier(const struct mqtt_packet *packet) {
    if (packet->type == MQTT_PUBLISH)
        return packet->publish.packet_identifier;
    return packet->type == MQTT_PUBREL ? packet->acknowledgement.packet_identifier : 0;
}

/* "No matching subscribers" is a remark that a broker may make in place of "Success". */
static bool same_reason(uint8_t one, uint8_t other) {
    return one == other || (one < MQTT_REASON_FAILURE && other < MQTT_REASON_FAILURE);
}

/* Beside the message of a PUBLISH, codes count; the properties of an answer are the broker's own affair. */
static bool says_the_same(enum mqtt_version version, const struct mqtt_packet *one, const struct mqtt_packet *other) {
    switch (one->type) {
    case MQTT_CONNACK:
        return one->connack.code == other->connack.code &&
               one->connack.acknowledge_flags == other->connack.acknowledge_flags;
    case MQTT_PUBLISH:
        return same_properties(one->publish.properties, other->publish.properties);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        return same_reason(one->acknowledgement.reason_code, other->acknowledgement.reason_code);
    case MQTT_SUBACK:
        return mqtt_equal(one->suback.codes, other->suback.codes);
    case MQTT_UNSUBACK:
        return version != MQTT_5_0 || mqtt_equal(one->suback.codes, other->suback.codes);
    case MQTT_DISCONNECT:
    case MQTT_AUTH:
        return one->disconnect.reason_code == other->disconnect.reason_code;
    default:
        return true;
    }
}

static void meet(struct step *step, enum mqtt_version version, const struct mqtt_packet *packet) {
    char text[SHOW_PACKET_CAPACITY];
    step->state = STEP_MET;
    step->live_identifier = own_identifier(packet);
    if (says_the_same(version, &step->packet, packet))
        return;
    show_packet(version, packet, text, sizeof text);
    step->instead = strdup(text);
}

/* Of several messages that differ in their properties only, the one whose properties are the same. */
static bool is_worth_a_search(enum mqtt_version version, const struct step *step, const struct mqtt_packet *packet) {
    return packet->type == MQTT_PUBLISH && !says_the_same(version, &step->packet, packet);
}

static bool may_come(const struct step *step) {
    return step->kind == STEP_RECEIVE && step->decoded && step->state != STEP_MET;
}

/* The first on the connection that the packet stands for; of messages that differ in properties, the best. */
static struct step *find_pending(struct recording *recording, struct recorded_connection *connection,
                                 const struct mqtt_packet *packet, uint16_t identifier) {
    struct step *found = NULL;
    while (connection->unmatched < connection->step_count &&
           !may_come(&recording->steps[connection->steps[connection->unmatched]]))
        connection->unmatched++;
    for (size_t i = connection->unmatched; i < connection->step_count; i++) {
        struct step *step = &recording->steps[connection->steps[i]];
        if (!may_come(step) || !stands_for(step, connection->version, packet, identifier))
            continue;
        if (found == NULL || !is_worth_a_search(connection->version, step, packet))
            found = step;
        if (!is_worth_a_search(connection->version, step, packet))
            break;
    }
    return found;
}

/* A message that was met before and is sent again, for its acknowledgement has not come. */
static struct step *find_repeated(struct recording *recording, const struct recorded_connection *connection,
                                  const struct mqtt_packet *packet) {
    if ((packet->flags & MQTT_PUBLISH_DUP) == 0)
        return NULL;
    while (connection->next_of_client != NULL)
        connection = connection->next_of_client;
    for (; connection != NULL; connection = connection->previous_of_client)
        for (size_t i = connection->step_count; i > 0; i--) {
            struct step *step = &recording->steps[connection->steps[i - 1]];
            if (step->kind == STEP_RECEIVE && step->decoded && step->state == STEP_MET &&
                step->live_identifier == packet->publish.packet_identifier && step->packet.type == MQTT_PUBLISH &&
                same_publish(&step->packet, packet))
                return step;
        }
    return NULL;
}

/* Its PUBREL goes to the other member, too. */
static void meet_pubrel(struct recording *recording, const struct recorded_connection *connection,
                        const struct step *message) {
    for (size_t i = 0; i < connection->step_count; i++) {
        struct step *step = &recording->steps[connection->steps[i]];
        if (step <= message || !may_come(step) || step->packet.type != MQTT_PUBREL ||
            step->packet.acknowledgement.packet_identifier != message->packet.publish.packet_identifier)
            continue;
        step->state = STEP_MET;
        step->member = message->member;
        return;
    }
}

/* Which member of a Shared Subscription gets a message is up to each broker. */
static struct step *find_shared(struct recording *recording, size_t connection, const struct mqtt_packet *packet) {
    if (packet->type != MQTT_PUBLISH || !recording->connections[connection]->shares)
        return NULL;
    for (size_t i = 0; i < recording->connection_count; i++) {
        struct recorded_connection *other = recording->connections[i];
        struct step *step = other->shares && i != connection ? find_pending(recording, other, packet, 0) : NULL;
        if (step == NULL)
            continue;
        meet(step, other->version, packet);
        step->member = connection + 1;
        if (mqtt_publish_qos(packet->flags) == 2)
            meet_pubrel(recording, other, step);
        return step;
    }
    return NULL;
}

/* The PUBREL of a message that was another member's in the recording. */
static struct step *find_shared_pubrel(struct recording *recording, size_t connection,
                                       const struct mqtt_packet *packet) {
    for (size_t i = 0; i < recording->connection_count && packet->type == MQTT_PUBREL; i++) {
        const struct recorded_connection *other = recording->connections[i];
        for (size_t k = 0; other->shares && k < other->step_count; k++) {
            struct step *step = &recording->steps[other->steps[k]];
            if (step->member == connection + 1 && is_publish_with(step, 2) &&
                step->live_identifier == packet->acknowledgement.packet_identifier)
                return step;
        }
    }
    return NULL;
}

struct step *recording_match(struct recording *recording, size_t connection, const struct mqtt_packet *packet) {
    struct recorded_connection *one = recording->connections[connection];
    enum mqtt_version version = one->version;
    bool is_sure = packet->type == MQTT_PUBLISH && mqtt_publish_qos(packet->flags) > 0;
    struct step *found = find_shared_pubrel(recording, connection, packet);
    if (found != NULL)
        return found;
    uint16_t identifier = find_identifier(recording, connection, packet);
    do {
        found = find_pending(recording, one, packet, identifier);
        one = one->next_of_client;
    } while (found == NULL && is_sure && one != NULL && one->version == version);
    if (found != NULL)
        meet(found, version, packet);
    else if (is_sure)
        found = find_repeated(recording, recording->connections[connection], packet);
    return found != NULL ? found : find_shared(recording, connection, packet);
}

struct step *recording_match_bytes(struct recording *recording, size_t connection) {
    const struct recorded_connection *one = recording->connections[connection];
    for (size_t i = 0; i < one->step_count; i++) {
        struct step *step = &recording->steps[one->steps[i]];
        if (step->kind != STEP_RECEIVE || step->decoded || step->state == STEP_MET)
            continue;
        step->state = STEP_MET;
        return step;
    }
    return NULL;
}

static bool acknowledges(const struct mqtt_packet *packet, const struct step *step) {
    uint16_t identifier = packet->acknowledgement.packet_identifier;
    switch (packet->type) {
    case MQTT_PUBACK:
        return is_publish_with(step, 1) && step->packet.publish.packet_identifier == identifier;
    case MQTT_PUBREC:
        return is_publish_with(step, 2) && step->packet.publish.packet_identifier == identifier;
    case MQTT_PUBCOMP:
        return step->packet.type == MQTT_PUBREL && step->packet.acknowledgement.packet_identifier == identifier;
    default:
        return false;
    }
}

const struct step *recording_acknowledged(const struct recording *recording, size_t index) {
    const struct step *own = &recording->steps[index];
    const struct recorded_connection *one = recording->connections[own->connection];
    for (; one != NULL; one = one->previous_of_client)
        for (size_t i = one->step_count; i > 0; i--) {
            const struct step *step = &recording->steps[one->steps[i - 1]];
            if (one->steps[i - 1] < index && step->kind == STEP_RECEIVE && step->decoded &&
                acknowledges(&own->packet, step))
                return step;
        }
    return NULL;
}

/* ---- What the recording may lack ---------------------------------------------------------------------------- */

static size_t count_filters(const struct mqtt_packet *packet) {
    struct mqtt_bytes filters = packet->subscribe.filters, filter;
    uint8_t options;
    size_t count = 0;
    while (filters.length > 0 && mqtt_next_filter(&filters, &filter, &options))
        count++;
    return count;
}

/* Some client published it, and it came less often than the client had subscriptions: a broker may send a copy for
 * each. */
static bool may_be_another_copy(const struct recording *recording, const struct recorded_connection *connection,
                                const struct mqtt_packet *packet) {
    size_t copies = 0, filters = 0;
    if (!order_was_published(recording, &packet->publish))
        return false;
    for (size_t i = 0; i < connection->step_count; i++) {
        const struct step *step = &recording->steps[connection->steps[i]];
        if (!step->decoded)
            continue;
        if (step->kind == STEP_SEND && step->packet.type == MQTT_SUBSCRIBE)
            filters += count_filters(&step->packet);
        copies += step->kind == STEP_RECEIVE && step->state == STEP_MET && step->packet.type == MQTT_PUBLISH &&
                  same_publish(&step->packet, packet);
    }
    return copies == 0 || copies < filters;
}

/* The request to which it is the answer. */
static const enum mqtt_type requests[MQTT_TYPE_COUNT] = {
    [MQTT_CONNACK] = MQTT_CONNECT,  [MQTT_PUBACK] = MQTT_PUBLISH,       [MQTT_PUBREC] = MQTT_PUBLISH,
    [MQTT_PUBREL] = MQTT_PUBREC,    [MQTT_PUBCOMP] = MQTT_PUBREL,       [MQTT_SUBACK] = MQTT_SUBSCRIBE,
    [MQTT_PINGRESP] = MQTT_PINGREQ, [MQTT_UNSUBACK] = MQTT_UNSUBSCRIBE,
};

/* More was asked, or may have been, than was answered. */
static bool may_be_an_answer(const struct recording *recording, const struct recorded_connection *connection,
                             enum mqtt_type type) {
    size_t asked = 0, answered = 0;
    for (size_t i = 0; i < connection->step_count; i++) {
        const struct step *step = &recording->steps[connection->steps[i]];
        asked += step->kind == STEP_SEND && (!step->decoded || step->packet.type == requests[type]);
        answered += step->kind == STEP_RECEIVE && step->decoded && step->packet.type == type;
    }
    return asked > answered;
}

bool recording_may_lack(const struct recording *recording, size_t connection, const struct mqtt_packet *packet) {
    const struct recorded_connection *one = recording->connections[connection];
    if (packet->type == MQTT_PUBLISH)
        return may_be_another_copy(recording, one, packet);
    return packet->type == MQTT_DISCONNECT ||
           (requests[packet->type] != MQTT_RESERVED && may_be_an_answer(recording, one, packet->type));
}
