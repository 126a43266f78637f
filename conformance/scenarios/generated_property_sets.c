/* Sets of properties in MQTT 5.0 that do not read as such: a Property Length that is wrong, properties that end too
 * early or reach beyond their set, identifiers of several bytes that the standard does not define. Section 2.2.2. */
#include "conformance/scenarios/generated.h"

#define LARGEST_SAMPLE 32u

/* ---- The Property Length ------------------------------------------------------------------------------------- */

/* This set takes seven bytes: the identifier, and twice a length of two bytes and a character. */
static const struct property_pattern seven_bytes = USER("n", "v");
#define SEVEN 7

static bool add_length(struct scenario_set *set, const struct property_place *place, int length) {
    if (length == 0 && place->type == MQTT_PUBLISH)
        return true; /* what follows is then the payload */
    return ADD_PROPERTY_FAULT(
        set, place, .name = scenario_text(set, "property_length_%d_of_%d_in_%s", length, SEVEN, place->name),
        .title = scenario_text(set, "A Property Length of %d in %s, where the property takes %d bytes, is malformed",
                               length, place->name, SEVEN),
        .statement = V5(4_13_1_1), .properties = &seven_bytes, .count = 1, .broken = BROKEN_BYTE,
        .offset = place->length_at, .value = length);
}

/* With the top bit of its byte set, the Property Length goes on into the first property, and is far too long. */
static bool add_long_length(struct scenario_set *set, const struct property_place *place) {
    return ADD_PROPERTY_FAULT(
        set, place, .name = scenario_text(set, "property_length_goes_on_in_%s", place->name),
        .title = scenario_text(set, "A Property Length in %s that reaches beyond the packet is malformed", place->name),
        .statement = V5(4_13_1_1), .properties = &seven_bytes, .count = 1, .broken = BROKEN_BYTE,
        .offset = place->length_at, .value = 0x80 | SEVEN);
}

static bool add_lengths(struct scenario_set *set, const struct property_place *place) {
    bool good = add_length(set, place, SEVEN + 1) && add_length(set, place, 127) && add_long_length(set, place);
    for (int length = 0; good && length < SEVEN; length++)
        good = add_length(set, place, length);
    return good;
}

/* Where the properties are the last of the packet, it can end too early within them. */
static bool add_cut_packets(struct scenario_set *set, const struct property_place *place) {
    bool good = true;
    if (place->type == MQTT_CONNECT || place->type == MQTT_SUBSCRIBE || place->type == MQTT_UNSUBSCRIBE)
        return true;
    for (int cut = 1; good && cut <= SEVEN; cut++)
        good = ADD_PROPERTY_FAULT(
            set, place, .name = scenario_text(set, "%s_cut_by_%d_within_property", place->name, cut),
            .title =
                scenario_text(set, "A set of properties without its last " BYTES_FORMAT " is malformed", BYTES(cut)),
            .statement = V5(4_13_1_1), .properties = &seven_bytes, .count = 1, .broken = BROKEN_CUT, .value = cut);
    return good;
}

/* ---- Values ---------------------------------------------------------------------------------------------------- */

/* How many bytes the sample of a property takes. */
static int size_of_sample(uint8_t identifier) {
    const struct property_pattern sample = sample_property(identifier);
    struct mqtt_property property = {.identifier = identifier, .number = (uint32_t)sample.number};
    uint8_t buffer[LARGEST_SAMPLE];
    size_t length = 0;
    if (sample.text != NULL)
        property.bytes = mqtt_text(sample.text);
    if (sample.value != NULL)
        property.value = mqtt_text(sample.value);
    return mqtt_append_property(buffer, sizeof buffer, &length, &property) ? (int)length : 0;
}

/* The set ends within the property's value. */
static bool add_cut(struct scenario_set *set, const struct property_place *place, uint8_t identifier) {
    const struct property_pattern property = sample_property(identifier);
    const char *name = mqtt_property_kind(identifier)->name;
    return ADD_PROPERTY_FAULT(
        set, place, .name = scenario_text(set, "property_%s_cut_in_%s", name, place->name),
        .title = scenario_text(set, "The property %s without the last byte of its value is malformed", name),
        .statement = V5(4_13_1_1), .properties = &property, .count = 1, .broken = BROKEN_BYTE,
        .offset = place->length_at, .value = size_of_sample(identifier) - 1);
}

/* Behind the Property Length and the identifier stand the two bytes of the text's length. */
static bool add_too_long(struct scenario_set *set, const struct property_place *place, uint8_t identifier) {
    const struct property_pattern property = sample_property(identifier);
    const char *name = mqtt_property_kind(identifier)->name;
    if (property.text == NULL)
        return true;
    return ADD_PROPERTY_FAULT(
        set, place, .name = scenario_text(set, "property_%s_too_long_in_%s", name, place->name),
        .title = scenario_text(set, "The property %s is malformed when it is longer than the packet", name),
        .statement = V5(4_13_1_1), .properties = &property, .count = 1, .broken = BROKEN_BYTE,
        .offset = place->length_at + 2, .value = 0x7F);
}

static bool add_values(struct scenario_set *set, const struct property_place *place) {
    bool good = true;
    for (unsigned identifier = 0; good && identifier < MQTT_PROPERTY_COUNT; identifier++) {
        const struct mqtt_property_kind *kind = mqtt_property_kind((uint8_t)identifier);
        bool is_at_home = kind != NULL && (kind->places & place->place) != 0;
        /* This one may not stand there at all, when a Client sends it. */
        if (is_at_home && !(identifier == MQTT_SUBSCRIPTION_IDENTIFIER && place->type == MQTT_PUBLISH))
            good = add_cut(set, place, (uint8_t)identifier) && add_too_long(set, place, (uint8_t)identifier);
    }
    return good;
}

/* ---- Identifiers ------------------------------------------------------------------------------------------------ */

/* An identifier is a Variable Byte Integer. Bytes that are no identifier are written as they are. */
static const struct {
    const char *name;
    const char *title;
    struct property_pattern bytes[5];
    size_t count;
} identifiers[] = {
    {"127", "A property with the largest identifier of one byte is not defined", {{.identifier = 0x7F}}, 1},
    {"128",
     "A property with the smallest identifier of two bytes is not defined",
     {{.identifier = 0x80}, {.identifier = 0x2D}},
     2},
    {"of_four_bytes",
     "A property with the largest identifier of four bytes is not defined",
     {{.identifier = 0xFF}, {.identifier = 0xFF}, {.identifier = 0xFF}, {.identifier = 0x7F}},
     4},
    {"of_five_bytes",
     "A property's identifier of five bytes is malformed",
     {{.identifier = 0xFF}, {.identifier = 0xFF}, {.identifier = 0xFF}, {.identifier = 0xFF}, {.identifier = 0x7F}},
     5},
    {"unfinished", "A property's identifier that does not end is malformed", {{.identifier = 0xA6}}, 1},
};

static bool add_identifiers(struct scenario_set *set, const struct property_place *place) {
    bool good = true;
    for (size_t i = 0; good && i < COUNT_OF(identifiers); i++)
        good = ADD_PROPERTY_FAULT(
            set, place, .name = scenario_text(set, "property_identifier_%s_in_%s", identifiers[i].name, place->name),
            .title = identifiers[i].title, .statement = V5(4_13_1_1), .properties = identifiers[i].bytes,
            .count = identifiers[i].count);
    return good;
}

/* ---- All of them ------------------------------------------------------------------------------------------------- */

static bool generate(struct scenario_set *set) {
    bool good = true;
    for (size_t i = 0; good && i < PROPERTY_PLACES; i++) {
        const struct property_place *place = &property_places[i];
        good = add_identifiers(set, place) && add_cut_packets(set, place) &&
               (place->length_at == 0 || (add_lengths(set, place) && add_values(set, place)));
    }
    return good;
}

GENERATED_FAMILY(generated_property_sets, generate);
