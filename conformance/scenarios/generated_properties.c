/* Properties of MQTT 5.0 where they do not belong, twice where they may stand once, and beyond their range; and at the
 * ends of their range, where they have to be taken. From the codec's table of properties. */
#include "conformance/scenarios/generated.h"

static bool add_misplaced(struct scenario_set *set, const struct property_place *place, uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    const struct property_pattern property = sample_property(identifier);
    if (kind != NULL && (kind->places & place->place) != 0)
        return true;
    const char *label = kind != NULL ? kind->name : scenario_text(set, "0x%02x", identifier);
    return ADD_PROPERTY_FAULT(set, place, .name = scenario_text(set, "property_%s_in_%s", label, place->name),
                              .title = scenario_text(set, "The property %s does not belong in %s", label, place->name),
                              .statement = V5(4_13_1_1), .properties = &property, .count = 1);
}

static bool add_twice(struct scenario_set *set, const struct property_place *place, uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    if (kind == NULL || (kind->places & place->place) == 0 || (kind->repeated & place->place) != 0)
        return true;
    const struct property_pattern twice[] = {sample_property(identifier), sample_property(identifier)};
    return ADD_PROPERTY_FAULT(
        set, place, .name = scenario_text(set, "property_%s_twice_in_%s", kind->name, place->name),
        .title = scenario_text(set, "The property %s may stand once only in %s", kind->name, place->name),
        .statement = V5(4_13_1_1), .properties = twice, .count = 2);
}

/* ---- Ranges -------------------------------------------------------------------------------------------------------
 */

static bool is_number(const struct mqtt_property_kind *kind) {
    return kind->form >= MQTT_BYTE && kind->form <= MQTT_VARIABLE_BYTE_INTEGER;
}

/* The largest number that its form can carry. */
static int64_t largest(const struct mqtt_property_kind *kind) {
    static const int64_t numbers[] = {[MQTT_BYTE] = 255,
                                      [MQTT_TWO_BYTE_INTEGER] = 65535,
                                      [MQTT_FOUR_BYTE_INTEGER] = UINT32_MAX,
                                      [MQTT_VARIABLE_BYTE_INTEGER] = MQTT_MAXIMUM_REMAINING_LENGTH};
    return numbers[kind->form];
}

static bool add_beyond(struct scenario_set *set, const struct property_place *place, uint8_t identifier,
                       int64_t number) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    const struct property_pattern property = NUMBER(identifier, number);
    enum spec_statement statement = identifier == MQTT_TOPIC_ALIAS ? V5(3_3_2_8) : V5(4_13_1_1);
    return ADD_PROPERTY_FAULT(
        set, place, .name = scenario_text(set, "property_%s_of_%lld_in_%s", kind->name, (long long)number, place->name),
        .title = scenario_text(set, "%lld is out of the range of the property %s", (long long)number, kind->name),
        .statement = statement, .properties = &property, .count = 1);
}

static bool add_out_of_range(struct scenario_set *set, const struct property_place *place, uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    if (kind == NULL || (kind->places & place->place) == 0 || !is_number(kind))
        return true;
    if (identifier == MQTT_SUBSCRIPTION_IDENTIFIER && place->type == MQTT_PUBLISH)
        return true; /* it may not stand there at all, when a Client sends it */
    bool good = kind->minimum == 0 || add_beyond(set, place, identifier, (int64_t)kind->minimum - 1);
    if (good && (int64_t)kind->maximum < largest(kind))
        good = add_beyond(set, place, identifier, (int64_t)kind->maximum + 1) &&
               add_beyond(set, place, identifier, largest(kind));
    return good;
}

/* A Topic Alias depends on what the Server announced, and with the least Maximum Packet Size no CONNACK can come: these
 * are left to the families about them. */
static bool is_harmless(uint8_t identifier, int64_t number) {
    return identifier != MQTT_TOPIC_ALIAS && (identifier != MQTT_MAXIMUM_PACKET_SIZE_PROPERTY || number > 1);
}

static bool add_taken(struct scenario_set *set, const struct property_place *place, uint8_t identifier,
                      int64_t number) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    const char *name =
        scenario_text(set, "property_%s_of_%lld_is_taken_in_%s", kind->name, (long long)number, place->name);
    const char *title =
        scenario_text(set, "%lld is within the range of the property %s", (long long)number, kind->name);
    if (place->place == MQTT_IN_WILL_PROPERTIES)
        return ADD_SCENARIO(
            set, name, title, IN_5_0, V5(3_1_4_5),
            CONNECTED(A, .will_topic = "~/will", .will_message = "gone", WILL_PROPERTIES(NUMBER(identifier, number))));
    if (place->type == MQTT_CONNECT)
        return ADD_SCENARIO(set, name, title, IN_5_0, V5(3_1_4_5),
                            CONNECTED(A, PROPERTIES(NUMBER(identifier, number))));
    return ADD_SCENARIO(set, name, title, IN_5_0, V5(3_12_4_1), CONNECTED(A),
                        SEND(A, PATTERN(place->type, .filters = {{"~/t", 0}}, PROPERTIES(NUMBER(identifier, number)))),
                        STILL_ALIVE(A, V5(3_12_4_1)));
}

static bool add_end_of_range(struct scenario_set *set, const struct property_place *place, uint8_t identifier,
                             int64_t number) {
    return !is_harmless(identifier, number) || add_taken(set, place, identifier, number);
}

static bool add_ends_of_range(struct scenario_set *set, const struct property_place *place, uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    if (kind == NULL || (kind->places & place->place) == 0 || !is_number(kind) || place->type == MQTT_DISCONNECT)
        return true;
    if (identifier == MQTT_SUBSCRIPTION_IDENTIFIER && place->type == MQTT_PUBLISH)
        return true;
    /* The standard gives two values of the Payload Format Indicator and does not say what another one is. */
    int64_t last = identifier == MQTT_PAYLOAD_FORMAT_INDICATOR ? 1 : (int64_t)kind->maximum;
    return add_end_of_range(set, place, identifier, kind->minimum) && add_end_of_range(set, place, identifier, last);
}

/* ---- All of them ----------------------------------------------------------------------------------------------------
 */

static bool generate(struct scenario_set *set) {
    bool good = true;
    for (size_t i = 0; good && i < PROPERTY_PLACES; i++)
        for (unsigned identifier = 0; good && identifier <= MQTT_PROPERTY_COUNT; identifier++)
            good = add_misplaced(set, &property_places[i], (uint8_t)identifier) &&
                   add_twice(set, &property_places[i], (uint8_t)identifier) &&
                   add_out_of_range(set, &property_places[i], (uint8_t)identifier) &&
                   add_ends_of_range(set, &property_places[i], (uint8_t)identifier);
    return good;
}

GENERATED_FAMILY(generated_properties, generate);
