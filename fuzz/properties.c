/* The codec's promises on sets of properties. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"
#include "fuzz/targets.h"

/* The first byte of the input. */
enum option {
    OPTION_TYPE = 0x0F,   /* of the packet that they stand in; RESERVED for the Will Properties of a CONNECT */
    OPTION_SERVER = 0x10, /* the Server sends it */
};
#define MOST_PROPERTIES 4000u

__attribute__((format(printf, 2, 3))) static bool fails(struct finding *finding, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    finding->statement = SPEC_NONE;
    vsnprintf(finding->what, sizeof finding->what, format, arguments);
    va_end(arguments);
    return false;
}

/* Memory of exactly this size, so that no access beside it goes unnoticed. */
static uint8_t *memory_of(size_t size) {
    uint8_t *memory = malloc(size > 0 ? size : 1);
    if (memory == NULL)
        abort();
    return memory;
}

/* ---- Any bytes --------------------------------------------------------------------------------------------- */

/* Appending what was read gives the bytes that it was read from; a number of variable length may become shorter. */
static bool appends_to_the_same(const struct mqtt_property *property, struct mqtt_bytes from, struct finding *finding) {
    bool variable = mqtt_property_kind(property->identifier)->form == MQTT_VARIABLE_BYTE_INTEGER;
    uint8_t *memory = memory_of(from.length);
    size_t length = 0;
    bool fits = mqtt_append_property(memory, from.length, &length, property);
    bool same = fits && (length == from.length || variable) && length <= from.length;
    same = same && (variable || memcmp(memory, from.data, length) == 0);
    size_t before = length;
    bool refuses = !mqtt_append_property(memory, length, &length, property) && length == before;
    free(memory);
    if (!same)
        return fails(finding, "property 0x%02x is not appended as it was read", property->identifier);
    return refuses || fails(finding, "property 0x%02x is appended where it does not fit", property->identifier);
}

/* What finding tells is the first that walking meets. */
static bool finds_the_first(struct mqtt_bytes set, const struct mqtt_property *first, struct finding *finding) {
    struct mqtt_property found;
    enum mqtt_property_identifier identifier = (enum mqtt_property_identifier)first->identifier;
    bool same = mqtt_find_property(set, identifier, &found) && found.identifier == first->identifier &&
                found.number == first->number && found.bytes.data == first->bytes.data &&
                found.value.data == first->value.data;
    same = same && mqtt_property_number(set, identifier, first->number + 1) == first->number &&
           mqtt_property_bytes(set, identifier).data == first->bytes.data;
    return same || fails(finding, "property 0x%02x is not found as it stands there", first->identifier);
}

static bool finds_no_other(struct mqtt_bytes set, const bool *seen, struct finding *finding) {
    struct mqtt_property found;
    for (unsigned identifier = 0; identifier <= MQTT_PROPERTY_COUNT; identifier++) /* and one that is not defined */
        if ((identifier == MQTT_PROPERTY_COUNT || !seen[identifier]) &&
            mqtt_find_property(set, (enum mqtt_property_identifier)identifier, &found))
            return fails(finding, "property 0x%02x is found and is not there", identifier);
    return true;
}

static bool walks(struct mqtt_bytes set, struct finding *finding) {
    bool seen[MQTT_PROPERTY_COUNT] = {false};
    struct mqtt_bytes rest = set, before = set;
    struct mqtt_property property;
    for (unsigned i = 0; i < MOST_PROPERTIES && mqtt_next_property(&rest, &property); i++, before = rest) {
        if (rest.length >= before.length || rest.data != before.data + (before.length - rest.length))
            return fails(finding, "walking does not move on at property 0x%02x", property.identifier);
        struct mqtt_bytes read = {before.data, before.length - rest.length};
        if (!appends_to_the_same(&property, read, finding))
            return false;
        if (!seen[property.identifier] && !finds_the_first(set, &property, finding))
            return false;
        seen[property.identifier] = true;
    }
    return rest.length != before.length || finds_no_other(set, seen, finding);
}

/* ---- In a packet ------------------------------------------------------------------------------------------- */

static struct mqtt_packet packet_with(enum mqtt_type type, struct mqtt_bytes set) {
    struct mqtt_packet packet = {.type = type, .flags = mqtt_required_flags(type)};
    static const uint8_t filter[] = {0, 1, 'a', 0}, code = 0;
    switch (type) {
    case MQTT_RESERVED:
    case MQTT_CONNECT:
        packet.type = MQTT_CONNECT;
        packet.connect = (struct mqtt_connect){.protocol_name = mqtt_text("MQTT"),
                                               .protocol_level = MQTT_5_0,
                                               .flags = MQTT_CONNECT_WILL,
                                               .client_identifier = mqtt_text("c"),
                                               .will_topic = mqtt_text("t"),
                                               .will_message = mqtt_text("m")};
        *(type == MQTT_CONNECT ? &packet.connect.properties : &packet.connect.will_properties) = set;
        break;
    case MQTT_CONNACK:
        packet.connack.properties = set;
        break;
    case MQTT_PUBLISH:
        packet.publish = (struct mqtt_publish){.topic = mqtt_text("t"), .properties = set, .payload = mqtt_text("p")};
        break;
    case MQTT_SUBSCRIBE:
        packet.subscribe = (struct mqtt_subscribe){1, set, {filter, 4}, 1};
        break;
    case MQTT_UNSUBSCRIBE:
        packet.unsubscribe = (struct mqtt_unsubscribe){1, set, {filter, 3}, 1};
        break;
    case MQTT_SUBACK:
    case MQTT_UNSUBACK:
        packet.suback = (struct mqtt_suback){1, set, {&code, 1}};
        break;
    case MQTT_DISCONNECT:
    case MQTT_AUTH:
        packet.disconnect.properties = set;
        break;
    default:
        packet.acknowledgement = (struct mqtt_acknowledgement){1, 0, set};
        break;
    }
    return packet;
}

static struct mqtt_bytes set_of(const struct mqtt_packet *packet, enum mqtt_type type) {
    return type == MQTT_RESERVED ? packet->connect.will_properties : mqtt_packet_properties(packet);
}

/* Each property of a set that was decoded may stand there. */
static bool is_lawful(struct mqtt_bytes set, enum mqtt_type type, struct finding *finding) {
    unsigned count[MQTT_PROPERTY_COUNT] = {0};
    struct mqtt_property property;
    while (mqtt_next_property(&set, &property)) {
        const struct mqtt_property_kind *kind = mqtt_property_kind(property.identifier);
        bool is_number = kind->form <= MQTT_VARIABLE_BYTE_INTEGER;
        bool is_text = kind->form == MQTT_UTF8_STRING || kind->form == MQTT_UTF8_STRING_PAIR;
        if ((kind->places & MQTT_IN(type)) == 0)
            return fails(finding, "%s decodes in %s", kind->name, mqtt_type_name(type));
        if (++count[property.identifier] > 1 && (kind->repeated & MQTT_IN(type)) == 0)
            return fails(finding, "%s decodes twice in %s", kind->name, mqtt_type_name(type));
        if (is_number && (property.number < kind->minimum || property.number > kind->maximum))
            return fails(finding, "%s decodes as %u", kind->name, property.number);
        if (is_text && (mqtt_check_text(property.bytes, NULL) != MQTT_TEXT_FINE ||
                        mqtt_check_text(property.value, NULL) != MQTT_TEXT_FINE))
            return fails(finding, "%s decodes with text that is not UTF-8", kind->name);
    }
    return set.length == 0 || fails(finding, "%u bytes of a set that decodes are not walked", set.length);
}

static bool has(struct mqtt_bytes set, enum mqtt_property_identifier identifier) {
    struct mqtt_property property;
    return mqtt_find_property(set, identifier, &property);
}

/* Bytes that the properties take without those that are omitted. */
static size_t size_of(struct mqtt_bytes set, unsigned omission) {
    struct mqtt_bytes before = set;
    struct mqtt_property property;
    size_t size = 0;
    for (; mqtt_next_property(&set, &property); before = set)
        if (!((property.identifier == MQTT_USER_PROPERTY && (omission & MQTT_OMIT_USER_PROPERTIES) != 0) ||
              (property.identifier == MQTT_REASON_STRING && (omission & MQTT_OMIT_REASON_STRING) != 0)))
            size += before.length - set.length;
    return size;
}

static bool leaves_out(const struct mqtt_decoder *decoder, const struct mqtt_packet *packet, enum mqtt_type type,
                       unsigned omission, struct finding *finding) {
    size_t size = mqtt_encoded_size_without(MQTT_5_0, packet, omission);
    struct mqtt_packet decoded;
    struct mqtt_error error;
    unsigned chosen = 0;
    uint8_t *memory = memory_of(size);
    size_t written = mqtt_encode_without(MQTT_5_0, packet, omission, memory, size);
    bool same = size > 0 && written == size;
    same = same && mqtt_decode(decoder, (struct mqtt_bytes){memory, (uint32_t)size}, &decoded, &error) == MQTT_OK;
    struct mqtt_bytes left = same ? set_of(&decoded, type) : (struct mqtt_bytes){NULL, 0};
    same = same && size_of(left, 0) == size_of(set_of(packet, type), omission);
    same = same && ((omission & MQTT_OMIT_USER_PROPERTIES) == 0 || !has(left, MQTT_USER_PROPERTY));
    same = same && ((omission & MQTT_OMIT_REASON_STRING) == 0 || !has(left, MQTT_REASON_STRING));
    free(memory);
    if (!same)
        return fails(finding, "%s without %u is not what is left", mqtt_type_name(type), omission);
    bool fits = mqtt_omission_to_fit(MQTT_5_0, packet, (uint32_t)size, &chosen);
    if (packet->type != MQTT_PUBLISH && (!fits || mqtt_encoded_size_without(MQTT_5_0, packet, chosen) > size))
        return fails(finding, "%s is not brought down to %zu bytes", mqtt_type_name(type), size);
    return true;
}

static bool stands_in_a_packet(enum mqtt_type type, enum mqtt_side sender, struct mqtt_bytes set,
                               struct finding *finding) {
    struct spec_rules rules;
    memset(&rules, 0, sizeof rules);
    struct mqtt_decoder decoder = {.version = MQTT_5_0, .sender = sender, .rules = &rules};
    struct mqtt_packet packet = packet_with(type, set), decoded;
    struct mqtt_error error;
    size_t size = mqtt_encoded_size(MQTT_5_0, &packet);
    if (type == MQTT_PINGREQ || type == MQTT_PINGRESP || size == 0)
        return true;
    uint8_t *memory = memory_of(size);
    bool holds = mqtt_encode(MQTT_5_0, &packet, memory, size) == size || fails(finding, "its size was told wrong");
    enum mqtt_status status = mqtt_decode(&decoder, (struct mqtt_bytes){memory, (uint32_t)size}, &decoded, &error);
    if (status == MQTT_OK) {
        holds = holds && is_lawful(set_of(&decoded, type), type, finding);
        holds = holds && (mqtt_equal(set_of(&decoded, type), set) || fails(finding, "the set comes back changed"));
        for (unsigned omission = 0; holds && omission < 4; omission++)
            holds = type == MQTT_RESERVED || type == MQTT_PUBLISH ||
                    leaves_out(&decoder, &decoded, type, omission, finding);
    } else if (error.what == NULL || error.offset > size) {
        holds = fails(finding, "%s is refused at %u of %zu bytes", mqtt_type_name(type), error.offset, size);
    }
    free(memory);
    return holds;
}

bool fuzz_properties(const uint8_t *data, size_t size, struct finding *finding) {
    if (size == 0)
        return true;
    uint8_t *memory = memory_of(size - 1);
    if (size > 1)
        memcpy(memory, data + 1, size - 1);
    struct mqtt_bytes set = {memory, (uint32_t)(size - 1)};
    enum mqtt_side sender = (data[0] & OPTION_SERVER) != 0 ? MQTT_SERVER : MQTT_CLIENT;
    bool holds =
        walks(set, finding) && stands_in_a_packet((enum mqtt_type)(data[0] & OPTION_TYPE), sender, set, finding);
    free(memory);
    return holds;
}
