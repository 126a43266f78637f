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

static const struct {
    enum mqtt_type type;
    bool in_will;
    uint8_t identifier;
    const char *name;
} strings[] = {
    {MQTT_CONNECT, true, MQTT_CONTENT_TYPE, "content_type_of_will"},
    {MQTT_CONNECT, true, MQTT_RESPONSE_TOPIC, "response_topic_of_will"},
    {MQTT_CONNECT, true, MQTT_USER_PROPERTY, "user_property_of_will"},
    {MQTT_CONNECT, false, MQTT_USER_PROPERTY, "user_property_of_connect"},
    {MQTT_CONNECT, false, MQTT_AUTHENTICATION_METHOD, "authentication_method"},
    {MQTT_PUBLISH, false, MQTT_CONTENT_TYPE, "content_type"},
    {MQTT_PUBLISH, false, MQTT_RESPONSE_TOPIC, "response_topic"},
    {MQTT_PUBLISH, false, MQTT_USER_PROPERTY, "user_property_of_publish"},
    {MQTT_PUBACK, false, MQTT_REASON_STRING, "reason_string_of_puback"},
    {MQTT_PUBACK, false, MQTT_USER_PROPERTY, "user_property_of_puback"},
    {MQTT_PUBREC, false, MQTT_REASON_STRING, "reason_string_of_pubrec"},
    {MQTT_PUBREL, false, MQTT_REASON_STRING, "reason_string_of_pubrel"},
    {MQTT_PUBCOMP, false, MQTT_REASON_STRING, "reason_string_of_pubcomp"},
    {MQTT_SUBSCRIBE, false, MQTT_USER_PROPERTY, "user_property_of_subscribe"},
    {MQTT_UNSUBSCRIBE, false, MQTT_USER_PROPERTY, "user_property_of_unsubscribe"},
};

static bool add_property(struct scenario_set *set, size_t i, const struct fault *fault) {
    enum spec_statement statement = statement_of(strings[i].identifier, fault);
    const char *name = scenario_text(set, "text_%s_in_%s", fault->name, strings[i].name);
    const char *title = scenario_text(set, "The text of %s is not well-formed: %s", strings[i].name, fault->name);
    const struct property_pattern property = {.test = PROPERTY_EQUALS,
                                              .identifier = strings[i].identifier,
                                              .text = fault->bytes,
                                              .length = fault->length,
                                              .value = "value"};
    if (strings[i].in_will)
        return ADD_SCENARIO(set, name, title, IN_5_0, statement,
                            SEND(A, CONNECT(.will_topic = "~/will", WILL_PROPERTIES(property))), REFUSED(A, statement));
    if (strings[i].type == MQTT_CONNECT)
        return ADD_SCENARIO(set, name, title, IN_5_0, statement, SEND(A, CONNECT(PROPERTIES(property))),
                            REFUSED(A, statement));
    return ADD_SCENARIO(set, name, title, IN_5_0, statement, CONNECTED(A),
                        SEND(A, PATTERN(strings[i].type, .filters = {{"~/t", 0}}, PROPERTIES(property))),
                        EXPECT(A, statement, CLOSED()));
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
        for (size_t i = 0; good && i < COUNT_OF(strings); i++)
            good = add_property(set, i, &faults[f]);
    }
    return good;
}

GENERATED_FAMILY(generated_text, generate);
