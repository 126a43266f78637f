/* Is what came what the reference broker sends? */
#include "fuzz/match.h"

#include <string.h>

#define EXPIRY_TOLERANCE 2u /* seconds that a message may have waited more or less */

void match_begin(struct match *match, const struct script *expected) {
    match->expected = expected;
    memset(match->met, 0, expected->count * sizeof match->met[0]);
    match->identifier_count = 0;
}

/* ---- Properties -------------------------------------------------------------------------------------------- */

static bool same_property(const struct mqtt_property *left, const struct mqtt_property *right) {
    if (left->identifier == MQTT_MESSAGE_EXPIRY_INTERVAL)
        return left->number <= right->number + EXPIRY_TOLERANCE && right->number <= left->number + EXPIRY_TOLERANCE;
    return left->number == right->number && mqtt_equal(left->bytes, right->bytes) &&
           mqtt_equal(left->value, right->value);
}

/* How the broker names the topic is its own affair. */
static bool is_compared(const struct mqtt_property *property) {
    return property->identifier != MQTT_TOPIC_ALIAS;
}

static unsigned count_property(struct mqtt_bytes set, const struct mqtt_property *wanted) {
    struct mqtt_property property;
    unsigned count = 0;
    while (mqtt_next_property(&set, &property))
        count += property.identifier == wanted->identifier && same_property(&property, wanted);
    return count;
}

static unsigned count_compared(struct mqtt_bytes set) {
    struct mqtt_property property;
    unsigned count = 0;
    while (mqtt_next_property(&set, &property))
        count += is_compared(&property);
    return count;
}

/* User Properties keep their order; others have none. */
static bool same_user_properties(struct mqtt_bytes left, struct mqtt_bytes right) {
    struct mqtt_property one, other;
    for (;;) {
        bool more = false, other_more = false;
        while (!more && mqtt_next_property(&left, &one))
            more = one.identifier == MQTT_USER_PROPERTY;
        while (!other_more && mqtt_next_property(&right, &other))
            other_more = other.identifier == MQTT_USER_PROPERTY;
        if (more != other_more)
            return false;
        if (!more)
            return true;
        if (!same_property(&one, &other))
            return false;
    }
}

static bool same_properties(struct mqtt_bytes left, struct mqtt_bytes right) {
    struct mqtt_bytes rest = left;
    struct mqtt_property property;
    if (count_compared(left) != count_compared(right))
        return false;
    while (mqtt_next_property(&rest, &property))
        if (is_compared(&property) && count_property(left, &property) != count_property(right, &property))
            return false;
    return same_user_properties(left, right);
}

/* ---- Packets ----------------------------------------------------------------------------------------------- */

static bool same_publish(const struct mqtt_packet *expected, const struct mqtt_packet *came) {
    return expected->flags == came->flags && mqtt_equal(expected->publish.topic, came->publish.topic) &&
           mqtt_equal(expected->publish.payload, came->publish.payload) &&
           same_properties(expected->publish.properties, came->publish.properties);
}

/* Reason Codes that say the same in other words. */
static uint8_t meaning_of(enum mqtt_type type, uint8_t reason) {
    /* That an identifier is not known may be said or not: 3.6.2.1, 3.7.2.1 of 5.0. */
    if (type == MQTT_PUBREL || type == MQTT_PUBCOMP)
        return MQTT_REASON_SUCCESS;
    return reason >= MQTT_REASON_FAILURE                   ? MQTT_REASON_FAILURE
           : reason == MQTT_REASON_NO_MATCHING_SUBSCRIBERS ? MQTT_REASON_SUCCESS
                                                           : reason;
}

static bool same_connack(const struct script_item *expected, const struct script_item *came) {
    const struct mqtt_connack *one = &expected->packet.connack, *other = &came->packet.connack;
    bool one_assigns = mqtt_property_bytes(one->properties, MQTT_ASSIGNED_CLIENT_IDENTIFIER).length > 0;
    bool other_assigns = mqtt_property_bytes(other->properties, MQTT_ASSIGNED_CLIENT_IDENTIFIER).length > 0;
    return (one->code == 0) == (other->code == 0) && one->acknowledge_flags == other->acknowledge_flags &&
           one_assigns == other_assigns;
}

static bool same_codes(const struct mqtt_suback *one, const struct mqtt_suback *other) {
    if (one->packet_identifier != other->packet_identifier || one->codes.length != other->codes.length)
        return false;
    for (uint32_t i = 0; i < one->codes.length; i++) {
        uint8_t code = one->codes.data[i], came = other->codes.data[i];
        if (code != came && !(code >= MQTT_REASON_FAILURE && came >= MQTT_REASON_FAILURE))
            return false;
    }
    return true;
}

/* The Packet Identifier that the target uses for what the reference broker sends under `expected`; 0: not known. */
static uint16_t live_identifier(const struct match *match, uint32_t session, uint16_t expected) {
    for (unsigned i = match->identifier_count; i > 0; i--)
        if (match->identifiers[i - 1].session == session && match->identifiers[i - 1].expected == expected)
            return match->identifiers[i - 1].live;
    return 0;
}

static bool same_acknowledgement(const struct match *match, const struct script_item *expected,
                                 const struct script_item *came) {
    const struct mqtt_acknowledgement *one = &expected->packet.acknowledgement;
    const struct mqtt_acknowledgement *other = &came->packet.acknowledgement;
    uint16_t wanted = one->packet_identifier;
    if (expected->packet.type == MQTT_PUBREL) {
        uint16_t live = live_identifier(match, expected->session, wanted);
        wanted = live == 0 ? other->packet_identifier : live;
    }
    return wanted == other->packet_identifier &&
           meaning_of(expected->packet.type, one->reason_code) == meaning_of(expected->packet.type, other->reason_code);
}

static bool same_packet(const struct match *match, const struct script_item *expected, const struct script_item *came) {
    if (expected->packet.type != came->packet.type)
        return false;
    switch (expected->packet.type) {
    case MQTT_CONNACK:
        return same_connack(expected, came);
    case MQTT_PUBLISH:
        return same_publish(&expected->packet, &came->packet);
    case MQTT_SUBACK:
        return same_codes(&expected->packet.suback, &came->packet.suback);
    case MQTT_UNSUBACK:
        return expected->version == MQTT_5_0 ? same_codes(&expected->packet.suback, &came->packet.suback)
                                             : same_acknowledgement(match, expected, came);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        return same_acknowledgement(match, expected, came);
    default:
        return true; /* PINGRESP, DISCONNECT, AUTH: their like is enough */
    }
}

static bool same_item(const struct match *match, const struct script_item *expected, const struct script_item *came,
                      struct mqtt_bytes expected_bytes) {
    if (expected->kind != came->kind || expected->link != came->link)
        return false;
    if (came->kind == SCRIPT_CLOSED)
        return true;
    if (expected->decoded != came->decoded)
        return false;
    return came->decoded ? same_packet(match, expected, came) : expected_bytes.length > 0;
}

/* ---- Matching ---------------------------------------------------------------------------------------------- */

static void remember_identifier(struct match *match, const struct script_item *expected, uint16_t live) {
    uint16_t identifier = expected->packet.publish.packet_identifier;
    if (mqtt_publish_qos(expected->packet.flags) != 2)
        return;
    if (match->identifier_count == MATCH_IDENTIFIERS) {
        match->identifier_count--;
        memmove(match->identifiers, match->identifiers + 1, match->identifier_count * sizeof match->identifiers[0]);
    }
    match->identifiers[match->identifier_count++] = (struct match_identifier){expected->session, identifier, live};
}

static void note_met(struct match *match, uint32_t index, const struct script_item *came) {
    const struct script_item *expected = &match->expected->items[index];
    match->met[index] = true;
    match->live[index] = 0;
    if (!came->decoded)
        return;
    if (came->packet.type == MQTT_PUBLISH) {
        match->live[index] = came->packet.publish.packet_identifier;
        remember_identifier(match, expected, match->live[index]);
    } else if (came->packet.type >= MQTT_PUBACK && came->packet.type <= MQTT_PUBCOMP) {
        match->live[index] = came->packet.acknowledgement.packet_identifier;
    }
}

uint32_t match_take(struct match *match, uint16_t step, const struct script_item *item) {
    const struct script *expected = match->expected;
    for (uint32_t i = 0; i < expected->count && expected->items[i].step <= step; i++)
        if (!match->met[i] &&
            same_item(match, &expected->items[i], item, script_bytes(expected, &expected->items[i]))) {
            note_met(match, i, item);
            return i;
        }
    return SCRIPT_NONE;
}

/* The reference broker closes this connection in this step. */
static bool closes(const struct match *match, uint16_t step, uint8_t link, bool met) {
    for (uint32_t i = 0; i < match->expected->count; i++) {
        const struct script_item *item = &match->expected->items[i];
        if (item->step == step && item->link == link && item->kind == SCRIPT_CLOSED && match->met[i] == met)
            return true;
    }
    return false;
}

bool match_is_done(const struct match *match, uint16_t step) {
    for (uint32_t i = 0; i < match->expected->count; i++) {
        const struct script_item *item = &match->expected->items[i];
        if (item->due != step || match->met[i] || (item->kind != SCRIPT_RECEIVE && item->kind != SCRIPT_CLOSED))
            continue;
        bool is_farewell = item->kind == SCRIPT_RECEIVE && item->decoded && item->packet.type == MQTT_DISCONNECT;
        if (!is_farewell || !closes(match, step, item->link, true))
            return false;
    }
    return true;
}

bool match_may_come(const struct match *match, uint16_t step, const struct script_item *item) {
    if (item->kind != SCRIPT_RECEIVE || !item->decoded)
        return false;
    if (item->packet.type == MQTT_DISCONNECT)
        return closes(match, step, item->link, true) || closes(match, step, item->link, false);
    bool repeats = item->packet.type == MQTT_PUBREL ||
                   (item->packet.type == MQTT_PUBLISH && (item->packet.flags & MQTT_PUBLISH_DUP) != 0);
    return repeats && item->version != MQTT_5_0;
}

bool match_whole(struct match *match, const struct script *expected, const struct script *observed, uint16_t step) {
    match_begin(match, expected);
    for (uint32_t i = 0; i < observed->count; i++) {
        const struct script_item *item = &observed->items[i];
        if (item->step <= step && (item->kind == SCRIPT_RECEIVE || item->kind == SCRIPT_CLOSED) &&
            match_take(match, item->step, item) == SCRIPT_NONE && !match_may_come(match, item->step, item))
            return false;
    }
    for (uint16_t i = 0; i <= step; i++)
        if (!match_is_done(match, i))
            return false;
    return true;
}
