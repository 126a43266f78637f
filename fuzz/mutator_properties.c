/* Sets of properties: adding, changing and leaving out by the codec's table. */
#include <string.h>

#include "fuzz/mutator_draft.h"

/* ---- Where a set stands --------------------------------------------------------------------------------------------
 */

static struct mqtt_bytes *set_of(struct mqtt_packet *packet) {
    switch (packet->type) {
    case MQTT_CONNECT:
        return &packet->connect.properties;
    case MQTT_CONNACK:
        return &packet->connack.properties;
    case MQTT_PUBLISH:
        return &packet->publish.properties;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        return &packet->acknowledgement.properties;
    case MQTT_SUBSCRIBE:
        return &packet->subscribe.properties;
    case MQTT_UNSUBSCRIBE:
        return &packet->unsubscribe.properties;
    case MQTT_SUBACK:
    case MQTT_UNSUBACK:
        return &packet->suback.properties;
    case MQTT_DISCONNECT:
    case MQTT_AUTH:
        return &packet->disconnect.properties;
    default:
        return NULL;
    }
}

struct place draft_properties(struct draft *draft) {
    struct mqtt_packet *packet = &draft->packet;
    if (draft->decoder.version != MQTT_5_0)
        return (struct place){NULL, 0};
    return (struct place){set_of(packet), MQTT_IN(packet->type)};
}

struct place draft_any_properties(struct draft *draft) {
    struct mqtt_packet *packet = &draft->packet;
    struct place place = draft_properties(draft);
    bool has_will = place.set != NULL && packet->type == MQTT_CONNECT && packet->connect.will_topic.data != NULL;
    if (has_will && random_one_in(draft->random, 2))
        return (struct place){&packet->connect.will_properties, MQTT_IN_WILL_PROPERTIES};
    return place;
}

/* ---- Editing a set --------------------------------------------------------------------------------------------------
 */

static bool has(struct mqtt_bytes set, enum mqtt_property_identifier identifier) {
    struct mqtt_property property;
    return mqtt_find_property(set, identifier, &property);
}

/* Copies the set without the properties of this identifier; `room` bytes are free behind the copy. NULL where there is
 * no memory. */
static uint8_t *copy_without(struct draft *draft, struct mqtt_bytes set, unsigned identifier, size_t room,
                             size_t *length) {
    uint8_t *memory = draft_take(draft, (size_t)set.length + room);
    struct mqtt_property property;
    struct mqtt_bytes rest = set;
    *length = 0;
    if (memory == NULL)
        return NULL;
    while (mqtt_next_property(&rest, &property)) {
        uint32_t size = set.length - rest.length;
        if (property.identifier != identifier) {
            memcpy(memory + *length, set.data, size);
            *length += size;
        }
        set = rest;
    }
    return memory;
}

bool draft_put_property(struct draft *draft, struct place place, const struct mqtt_property *property, bool repeated) {
    size_t room = 16 + (size_t)property->bytes.length + property->value.length, length;
    unsigned without = repeated ? MQTT_PROPERTY_COUNT : property->identifier;
    uint8_t *memory = copy_without(draft, *place.set, without, room, &length);
    if (memory == NULL || !mqtt_append_property(memory, length + room, &length, property))
        return false;
    *place.set = (struct mqtt_bytes){memory, (uint32_t)length};
    return true;
}

bool draft_remove_property(struct draft *draft, struct place place, uint8_t identifier) {
    size_t length;
    uint8_t *memory = copy_without(draft, *place.set, identifier, 0, &length);
    if (memory == NULL)
        return false;
    if (place.set->data != NULL)
        *place.set = (struct mqtt_bytes){memory, (uint32_t)length};
    return true;
}

bool draft_put_raw(struct draft *draft, struct place place, const void *bytes, size_t size) {
    size_t length;
    uint8_t *memory = copy_without(draft, *place.set, MQTT_PROPERTY_COUNT, size, &length);
    if (memory == NULL)
        return false;
    memcpy(memory + length, bytes, size);
    *place.set = (struct mqtt_bytes){memory, (uint32_t)(length + size)};
    return true;
}

/* ---- Lawful values --------------------------------------------------------------------------------------------------
 */

static uint32_t number_between(struct draft *draft, uint32_t minimum, uint32_t maximum) {
    switch (random_below(draft->random, 5)) {
    case 0:
        return minimum;
    case 1:
        return maximum;
    case 2:
        return minimum + random_below(draft->random, maximum - minimum < 10 ? maximum - minimum + 1 : 10);
    case 3:
        return minimum + (random_below(draft->random, UINT32_MAX) & (maximum - minimum) & 0xFF);
    default: /* the span may be all of 32 bits */
        return minimum + (uint32_t)(random_next(draft->random) % ((uint64_t)maximum - minimum + 1));
    }
}

void draft_value(struct draft *draft, uint8_t identifier, struct mqtt_property *property) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    *property = (struct mqtt_property){.identifier = identifier};
    switch (kind->form) {
    case MQTT_UTF8_STRING_PAIR:
        property->bytes = draft_text(draft, TEXT_ANY);
        property->value = draft_text(draft, TEXT_ANY);
        break;
    case MQTT_UTF8_STRING:
        property->bytes = draft_text(draft, identifier == MQTT_RESPONSE_TOPIC ? TEXT_TOPIC : TEXT_ANY);
        break;
    case MQTT_BINARY_DATA:
        property->bytes = draft_binary(draft);
        break;
    default:
        property->number = number_between(draft, kind->minimum, kind->maximum);
        break;
    }
}

/* What the standard says about it besides its table; see decode_property(). */
static bool suits(const struct draft *draft, struct place place, uint8_t identifier) {
    bool from_client = draft->decoder.sender == MQTT_CLIENT;
    switch (identifier) {
    case MQTT_SUBSCRIPTION_IDENTIFIER:
        return place.in != MQTT_IN(MQTT_PUBLISH) || !from_client;
    case MQTT_SESSION_EXPIRY_INTERVAL:
        return place.in != MQTT_IN(MQTT_DISCONNECT) || from_client;
    case MQTT_AUTHENTICATION_DATA:
        return place.in == MQTT_IN(MQTT_CONNACK) || has(*place.set, MQTT_AUTHENTICATION_METHOD);
    default:
        return true;
    }
}

bool draft_may_add(const struct draft *draft, struct place place, uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    if (kind == NULL || (kind->places & place.in) == 0 || !suits(draft, place, identifier))
        return false;
    return (kind->repeated & place.in) != 0 || !has(*place.set, (enum mqtt_property_identifier)identifier);
}

/* Nothing else depends on it. */
static bool may_go(const struct draft *draft, struct place place, uint8_t identifier) {
    if (identifier == MQTT_AUTHENTICATION_METHOD)
        return place.in == MQTT_IN(MQTT_CONNACK) || !has(*place.set, MQTT_AUTHENTICATION_DATA);
    return identifier != MQTT_TOPIC_ALIAS || draft->packet.publish.topic.length > 0;
}

/* ---- Lawful changes
 * --------------------------------------------------------------------------------------------------- */

bool draft_add_property(struct draft *draft) {
    struct place place = draft_any_properties(draft);
    uint8_t candidates[MQTT_PROPERTY_COUNT];
    uint32_t count = 0;
    struct mqtt_property property;
    for (uint8_t identifier = 1; place.set != NULL && identifier < MQTT_PROPERTY_COUNT; identifier++)
        if (draft_may_add(draft, place, identifier))
            candidates[count++] = identifier;
    if (count == 0)
        return false;
    draft_value(draft, candidates[random_below(draft->random, count)], &property);
    return draft_put_property(draft, place, &property, true);
}

/* One that stands there, by chance. */
static bool pick(struct draft *draft, struct place place, struct mqtt_property *picked) {
    struct mqtt_property property;
    uint32_t count = 0;
    if (place.set == NULL)
        return false;
    for (struct mqtt_bytes rest = *place.set; mqtt_next_property(&rest, &property);)
        if (random_one_in(draft->random, ++count))
            *picked = property;
    return count > 0;
}

/* All of one identifier. */
bool draft_leave_out_property(struct draft *draft) {
    struct place place = draft_any_properties(draft);
    struct mqtt_property property;
    if (!pick(draft, place, &property) || !may_go(draft, place, property.identifier))
        return false;
    return draft_remove_property(draft, place, property.identifier);
}

/* It gets another value, and comes last. */
bool draft_change_property(struct draft *draft) {
    struct place place = draft_any_properties(draft);
    struct mqtt_property property;
    if (!pick(draft, place, &property))
        return false;
    draft_value(draft, property.identifier, &property);
    return draft_put_property(draft, place, &property, false);
}
