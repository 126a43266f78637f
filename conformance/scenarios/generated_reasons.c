/* Reason Codes of MQTT 5.0 in what a Client sends: each that the packet's table has is taken, each that stands in the
 * table of another packet, and some that stand in none, are not. From the codec's tables. */
#include "conformance/scenarios/authentication.h"
#include "conformance/scenarios/generated.h"

static const struct {
    enum mqtt_type type;
    const char *name;
    enum spec_statement statement;
} packets[] = {
    {MQTT_PUBACK, "puback", V5(3_4_2_1)},          {MQTT_PUBREC, "pubrec", V5(3_5_2_1)},
    {MQTT_PUBREL, "pubrel", V5(3_6_2_1)},          {MQTT_PUBCOMP, "pubcomp", V5(3_7_2_1)},
    {MQTT_DISCONNECT, "disconnect", V5(3_14_2_1)}, {MQTT_AUTH, "auth", V5(3_15_2_1)},
};

/* At the edges of what is defined. */
static const int undefined_codes[] = {0x03, 0x05, 0x0F, 0x12, 0x17, 0x1A, 0x40, 0x7F, 0xA3, 0xFF};

/* B's message is on its way to A, and A's answer to it is the packet of `type`. */
#define MESSAGE_FOR_A(wanted)                                                                                          \
    CONNECTED(A), GRANTED(A, "~/t", wanted), CONNECTED(B),                                                             \
        PUBLISHED_QOS##wanted(B, 1, .topic = "~/t", .payload = "answer this"),                                         \
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = wanted, .packet_identifier = ID(0), .payload = "answer this"))

static bool add_refused(struct scenario_set *set, size_t i, int code) {
    enum spec_statement statement = packets[i].statement;
    const char *name = scenario_text(set, "reason_0x%02x_in_%s", code, packets[i].name);
    const char *title = scenario_text(set, "%s has no Reason Code 0x%02X", mqtt_type_name(packets[i].type), code);
    if (packets[i].type == MQTT_DISCONNECT)
        return ADD_SCENARIO(set, name, title, IN_5_0, statement, CONNECTED(A),
                            SEND(A, PATTERN(packets[i].type, .reason = code)), EXPECT(A, statement, CLOSED()));
    if (packets[i].type == MQTT_AUTH)
        return ADD_SCENARIO(set, name, title, IN_5_0, statement, CHALLENGED(),
                            SEND(A, AUTH(.reason = code, PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FINAL)))),
                            NOT_LET_IN(statement));
    /* The rule binds the sender, and no rule asks the Server to look at the code: one that does not detects no error.
     */
    return ADD_SCENARIO(set, name, title, IN_5_0, statement, CONNECTED(A),
                        SEND(A, PATTERN(packets[i].type, .reason = code), PINGREQ()),
                        EXPECT(A, statement, CLOSED(), PINGRESP()));
}

static bool add_taken(struct scenario_set *set, size_t i, int code) {
    const char *name = scenario_text(set, "reason_0x%02x_is_taken_in_%s", code, packets[i].name);
    const char *title = scenario_text(set, "%s with the Reason Code '%s' is taken", mqtt_type_name(packets[i].type),
                                      mqtt_reason_name(packets[i].type, (uint8_t)code));
    switch (packets[i].type) {
    case MQTT_PUBACK:
        return ADD_SCENARIO(set, name, title, IN_5_0, V5(3_12_4_1), MESSAGE_FOR_A(1),
                            SEND(A, PUBACK(.packet_identifier = ID(0), .reason = code)), STILL_ALIVE(A, V5(3_12_4_1)));
    case MQTT_PUBREC:
        return ADD_SCENARIO(set, name, title, IN_5_0, V5(3_12_4_1), MESSAGE_FOR_A(2),
                            SEND(A, PUBREC(.packet_identifier = ID(0), .reason = code)), STILL_ALIVE(A, V5(3_12_4_1)));
    case MQTT_PUBCOMP:
        return ADD_SCENARIO(set, name, title, IN_5_0, V5(3_12_4_1), MESSAGE_FOR_A(2),
                            SEND(A, PUBREC(.packet_identifier = ID(0))),
                            EXPECT(A, V5(4_3_3_4), PUBREL(.packet_identifier = ID(0))),
                            SEND(A, PUBCOMP(.packet_identifier = ID(0), .reason = code)), STILL_ALIVE(A, V5(3_12_4_1)));
    case MQTT_PUBREL:
        return ADD_SCENARIO(set, name, title, IN_5_0, V5(4_3_3_11), CONNECTED(A),
                            SEND(A, PUBLISH(.qos = 2, .topic = "~/t")), EXPECT(A, V5(4_3_3_8), PUBREC()),
                            SEND(A, PUBREL(.reason = code)), EXPECT(A, V5(4_3_3_11), PUBCOMP()));
    default: /* that the receiver closes the connection, too, is a SHOULD */
        return ADD_SCENARIO(set, name, title, IN_5_0, V5(3_14_2_1), CONNECTED(A), SEND(A, DISCONNECT(.reason = code)),
                            EXPECT_NEXT(A, V5(3_14_2_1), CLOSED(), SILENCE(.before = 2000, .warn = LEFT_OPEN)));
    }
}

static bool is_defined(int code) {
    return mqtt_reason_name(MQTT_CONNACK, (uint8_t)code) != NULL;
}

static bool generate(struct scenario_set *set) {
    bool good = true;
    for (size_t i = 0; good && i < COUNT_OF(packets); i++) {
        for (int code = 0; good && code < 256; code++) {
            /* Those of AUTH are steps of an exchange, which has a family of its own. */
            if (mqtt_reason_allowed(packets[i].type, (uint8_t)code))
                good = packets[i].type == MQTT_AUTH || add_taken(set, i, code);
            else if (is_defined(code))
                good = add_refused(set, i, code);
        }
        for (size_t k = 0; good && k < COUNT_OF(undefined_codes); k++)
            good = add_refused(set, i, undefined_codes[k]);
    }
    return good;
}

GENERATED_FAMILY(generated_reasons, generate);
