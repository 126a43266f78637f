/* Each string of each packet, with each kind of bytes that are no UTF-8 and with U+0000, section 1.5.3 (5.0: 1.5.4). */
#include "conformance/scenarios/generated.h"

static const struct fault {
    const char *name;
    const char *bytes;
    int length;
    bool is_null;
} faults[] = {
    {"continuation_alone", "a\x80z", 3, false},
    {"continuation_missing", "a\xC3", 2, false},
    {"overlong_slash", "\xC0\xAF", 2, false},
    {"overlong_in_three_bytes", "\xE0\x80\xAF", 3, false},
    {"surrogate", "\xED\xA0\x80", 3, false},
    {"last_surrogate", "\xED\xBF\xBF", 3, false},
    {"above_the_last_character", "\xF4\x90\x80\x80", 4, false},
    {"byte_ff", "\xFF", 1, false},
    {"null", "a\0z", 3, true},
};

/* ---- Properties ------------------------------------------------------------------------------------------------- */

static enum spec_statement statement_of(uint8_t identifier, const struct fault *fault) {
    if (fault->is_null)
        return V5(1_5_4_2);
    switch (identifier) {
    case MQTT_RESPONSE_TOPIC:
        return V5(3_3_2_13);
    case MQTT_CONTENT_TYPE:
        return V5(3_3_2_19);
    case MQTT_USER_PROPERTY:
        return V5(1_5_7_1);
    default:
        return V5(1_5_4_1);
    }
}

/* The text of the property; of a pair the name or, where `in_value`, the value. */
static bool add_property(struct scenario_set *set, const struct property_place *place, uint8_t identifier,
                         bool in_value, const struct fault *fault) {
    struct property_pattern property = sample_property(identifier);
    const char *name = mqtt_property_kind(identifier)->name;
    const char *which = in_value ? "value_of_" : "";
    if (in_value) {
        property.value = fault->bytes;
    } else {
        property.text = fault->bytes;
        property.length = fault->length;
    }
    return ADD_PROPERTY_FAULT(
        set, place, .name = scenario_text(set, "text_%s_in_%s%s_of_%s", fault->name, which, name, place->name),
        .title = scenario_text(set, "The text of %s in %s is not well-formed: %s", name, place->name, fault->name),
        .statement = statement_of(identifier, fault), .properties = &property, .count = 1);
}

/* An AUTH whose method is another than before is wrong for that reason alone. */
static bool has_text(const struct property_place *place, uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    if (kind == NULL || (kind->places & place->place) == 0)
        return false;
    if (place->type == MQTT_AUTH && identifier == MQTT_AUTHENTICATION_METHOD)
        return false;
    return kind->form == MQTT_UTF8_STRING || kind->form == MQTT_UTF8_STRING_PAIR;
}

/* U+0000 would end the value of a pattern. */
static bool add_properties(struct scenario_set *set, const struct property_place *place, const struct fault *fault) {
    bool good = true;
    for (unsigned identifier = 0; good && identifier < MQTT_PROPERTY_COUNT; identifier++) {
        if (!has_text(place, (uint8_t)identifier))
            continue;
        good = add_property(set, place, (uint8_t)identifier, false, fault);
        if (good && identifier == MQTT_USER_PROPERTY && !fault->is_null)
            good = add_property(set, place, (uint8_t)identifier, true, fault);
    }
    return good;
}

/* ---- Fields of the packets --------------------------------------------------------------------------------------- */

/* MQTT 3.1 does not say what becomes of such strings. The text stands behind "~/", so that nobody else's is touched.
 * U+0000 would end the text of a pattern. */
static bool add_fields(struct scenario_set *set, const struct fault *fault) {
    if (fault->is_null)
        return true;
    const char *text = scenario_text(set, "~/%s", fault->bytes);
    const char *identifier = scenario_text(set, "~%s", fault->bytes);
    const char *title = scenario_text(set, "A string that is not well-formed closes the connection: %s", fault->name);
    return ADD_SCENARIO(set, scenario_text(set, "text_%s_in_client_identifier", fault->name), title, IN_3_1_1 | IN_5_0,
                        V311(3_1_3_4), SEND(A, CONNECT(.client_identifier = identifier)), REFUSED(A, V311(3_1_3_4))) &&
           ADD_SCENARIO(set, scenario_text(set, "text_%s_in_will_topic", fault->name), title, IN_3_1_1 | IN_5_0,
                        V311(3_1_3_10), SEND(A, CONNECT(.will_topic = text)), REFUSED(A, V311(3_1_3_10))) &&
           ADD_SCENARIO(set, scenario_text(set, "text_%s_in_user_name", fault->name), title, IN_3_1_1 | IN_5_0,
                        V311(3_1_3_11), SEND(A, CONNECT(.user_name = fault->bytes)), REFUSED(A, V311(3_1_3_11))) &&
           ADD_SCENARIO(set, scenario_text(set, "text_%s_in_topic_name", fault->name), title, IN_3_1_1 | IN_5_0,
                        V311(3_3_2_1), CONNECTED(A), SEND(A, PUBLISH(.topic = text)),
                        EXPECT(A, V311(3_3_2_1), CLOSED())) &&
           ADD_SCENARIO(set, scenario_text(set, "text_%s_in_subscribe", fault->name), title, IN_3_1_1 | IN_5_0,
                        V311(3_8_3_1), CONNECTED(A), SEND(A, SUBSCRIBE(.filters = {{text, 0}})),
                        EXPECT(A, V311(3_8_3_1), CLOSED())) &&
           ADD_SCENARIO(set, scenario_text(set, "text_%s_in_unsubscribe", fault->name), title, IN_3_1_1 | IN_5_0,
                        V311(3_10_3_1), CONNECTED(A), SEND(A, UNSUBSCRIBE(.filters = {{text, -1}})),
                        EXPECT(A, V311(3_10_3_1), CLOSED()));
}

static bool generate(struct scenario_set *set) {
    bool good = true;
    for (size_t f = 0; good && f < COUNT_OF(faults); f++) {
        good = add_fields(set, &faults[f]);
        for (size_t i = 0; good && i < PROPERTY_PLACES; i++)
            good = add_properties(set, &property_places[i], &faults[f]);
    }
    return good;
}

GENERATED_FAMILY(generated_text, generate);
