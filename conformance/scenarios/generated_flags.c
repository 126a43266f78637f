/* Reserved bits: every wrong value of the flags in the Fixed Header of each packet that a Client sends, section 2.2.2
 * (5.0: 2.1.3), and each reserved bit inside a packet. MQTT 3.1 leaves these bits open. */
#include "conformance/scenarios/generated.h"

static const struct {
    enum mqtt_type type;
    const char *name;
    unsigned versions;
    enum spec_statement statement; /* of 3.1.1 where it has one */
} packets[] = {
    {MQTT_PUBACK, "puback", IN_3_1_1 | IN_5_0, V311(2_2_2_2)},
    {MQTT_PUBREC, "pubrec", IN_3_1_1 | IN_5_0, V311(2_2_2_2)},
    {MQTT_PUBREL, "pubrel", IN_3_1_1 | IN_5_0, V311(3_6_1_1)},
    {MQTT_PUBCOMP, "pubcomp", IN_3_1_1 | IN_5_0, V311(2_2_2_2)},
    {MQTT_SUBSCRIBE, "subscribe", IN_3_1_1 | IN_5_0, V311(3_8_1_1)},
    {MQTT_UNSUBSCRIBE, "unsubscribe", IN_3_1_1 | IN_5_0, V311(3_10_1_1)},
    {MQTT_PINGREQ, "pingreq", IN_3_1_1 | IN_5_0, V311(2_2_2_2)},
    {MQTT_AUTH, "auth", IN_5_0, V5(3_15_1_1)},
};

static bool add_flags(struct scenario_set *set, size_t i, int flags) {
    enum spec_statement statement = packets[i].statement;
    return ADD_SCENARIO(set, scenario_text(set, "flags_%d_of_%s", flags, packets[i].name),
                        scenario_text(set, "%s with %d in its reserved flags closes the connection",
                                      mqtt_type_name(packets[i].type), flags),
                        packets[i].versions, statement, CONNECTED(A),
                        SEND(A, PATTERN(packets[i].type, .flags = flags, .filters = {{"~/t", 0}})),
                        EXPECT(A, statement, CLOSED()));
}

static bool add_connect_flags(struct scenario_set *set, int flags) {
    return ADD_SCENARIO(set, scenario_text(set, "flags_%d_of_connect", flags),
                        scenario_text(set, "CONNECT with %d in its reserved flags is refused", flags),
                        IN_3_1_1 | IN_5_0, V311(2_2_2_2), SEND(A, CONNECT(.flags = flags)), REFUSED(A, V311(2_2_2_2)));
}

/* A right DISCONNECT closes the connection too; the Will tells the two apart. */
static bool add_disconnect_flags(struct scenario_set *set, int flags) {
    return ADD_SCENARIO(
        set, scenario_text(set, "flags_%d_of_disconnect", flags),
        scenario_text(set, "DISCONNECT with %d in its reserved flags is none: the Will is published", flags),
        IN_3_1_1 | IN_5_0, V311(3_14_1_1), CONNECTED(B), SUBSCRIBED(B, "~/will", 0),
        CONNECTED(A, .will_topic = "~/will", .will_message = "gone"),
        SEND_BROKEN(A, NOTHING, 0, 0, DISCONNECT(.flags = flags)), EXPECT(A, V311(3_14_1_1), CLOSED()),
        EXPECT(B, V311(3_14_1_1), PUBLISH(.topic = "~/will", .payload = "gone")));
}

/* QoS 3, with every RETAIN and DUP. */
static bool add_publish_flags(struct scenario_set *set, int flags) {
    return ADD_SCENARIO(set, scenario_text(set, "flags_%d_of_publish", flags),
                        scenario_text(set, "PUBLISH with %d in its flags has no QoS and closes the connection", flags),
                        IN_3_1_1 | IN_5_0, V311(3_3_1_4), CONNECTED(A),
                        SEND(A, PUBLISH(.flags = flags, .topic = "~/t", .payload = "none")),
                        EXPECT(A, V311(3_3_1_4), CLOSED()));
}

/* ---- Inside packets ---------------------------------------------------------------------------------------------- */

/* Combinations of the Connect Flags that no CONNECT may have, section 3.1.2.3: each as it would be sent with a payload
 * that fits it. */
static const struct {
    const char *name;
    int flags;
    enum spec_statement statement;
} connect_flags[] = {
    {"reserved_alone", 0x03, V311(3_1_2_3)},
    {"reserved_without_clean_start", 0x01, V311(3_1_2_3)},
    {"will_qos_1_without_will", 0x0A, V311(3_1_2_13)},
    {"will_qos_2_without_will", 0x12, V311(3_1_2_13)},
    {"will_qos_3_without_will", 0x1A, V311(3_1_2_13)},
    {"will_retain_without_will", 0x22, V311(3_1_2_15)},
    {"will_qos_and_retain_without_will", 0x2A, V311(3_1_2_13)},
};

static bool add_combination(struct scenario_set *set, size_t i) {
    enum spec_statement statement = connect_flags[i].statement;
    return ADD_SCENARIO(
        set, scenario_text(set, "connect_flags_%s", connect_flags[i].name),
        scenario_text(set, "CONNECT with 0x%02X in its Connect Flags is refused", connect_flags[i].flags),
        IN_3_1_1 | IN_5_0, statement, SEND(A, CONNECT(.connect_flags = connect_flags[i].flags)), REFUSED(A, statement));
}

/* The byte behind a Topic Filter: before 5.0 all but the QoS is reserved. */
static bool add_options(struct scenario_set *set, int options) {
    bool wrong_in_5 = (options & 0xC0) != 0 || (options & 3) == 3 || (options & 0x30) == 0x30;
    bool wrong_before = (options & 0xFC) != 0 || (options & 3) == 3;
    /* No Local and Retain As Published were pressed on 3.1.1 by bridges; that is left to the tables by hand. */
    unsigned versions = (wrong_in_5 ? IN_5_0 : 0u) | (wrong_before && (options & 0x0C) == 0 ? IN_3_1_1 : 0u);
    enum spec_statement in_5 = (options & 0xC0) != 0 ? V5(3_8_3_5) : V5(4_13_1_1);
    bool good = true;
    if ((versions & IN_5_0) != 0)
        good = ADD_SCENARIO(set, scenario_text(set, "subscription_options_0x%02x", options),
                            scenario_text(set, "Subscription Options of 0x%02X are not defined", options), IN_5_0, in_5,
                            CONNECTED(A), SEND(A, SUBSCRIBE(.filters = {{"~/t", options}})), EXPECT(A, in_5, CLOSED()));
    if (good && (versions & IN_3_1_1) != 0)
        good = ADD_SCENARIO(set, scenario_text(set, "requested_qos_0x%02x", options),
                            scenario_text(set, "A requested QoS of 0x%02X is not defined", options), IN_3_1_1,
                            V311(3_8_3_4), CONNECTED(A), SEND(A, SUBSCRIBE(.filters = {{"~/t", options}})),
                            EXPECT(A, V311(3_8_3_4), CLOSED()));
    return good;
}

/* All that are defined in 5.0 are taken, also where the broker grants less. */
static bool add_options_taken(struct scenario_set *set, int options) {
    return ADD_SCENARIO(set, scenario_text(set, "subscription_options_0x%02x_are_taken", options),
                        scenario_text(set, "Subscription Options of 0x%02X are defined: SUBACK comes", options), IN_5_0,
                        V5(3_8_4_1), CONNECTED(A), SEND(A, SUBSCRIBE(.filters = {{"~/t", options}})),
                        EXPECT(A, V5(3_8_4_1), SUBACK(.packet_identifier = 1)));
}

static bool are_defined(int options) {
    return (options & MQTT_SUBSCRIBE_RESERVED) == 0 && (options & MQTT_SUBSCRIBE_QOS) != 3 &&
           (options & MQTT_SUBSCRIBE_RETAIN_HANDLING) != MQTT_SUBSCRIBE_RETAIN_HANDLING;
}

static bool generate(struct scenario_set *set) {
    static const int options[] = {0x03, 0x07, 0x0B, 0x10, 0x13, 0x20, 0x23, 0x30, 0x31, 0x32,
                                  0x33, 0x40, 0x41, 0x42, 0x80, 0x81, 0x82, 0xC0, 0xC3, 0xFF};
    bool good = true;
    for (size_t i = 0; good && i < COUNT_OF(packets); i++)
        for (int flags = 0; good && flags < 16; flags++)
            good = flags == mqtt_required_flags(packets[i].type) || add_flags(set, i, flags);
    for (int flags = 1; good && flags < 16; flags++) {
        good = add_connect_flags(set, flags) && add_disconnect_flags(set, flags);
        if (good && mqtt_publish_qos((uint8_t)flags) == 3)
            good = add_publish_flags(set, flags);
    }
    for (size_t i = 0; good && i < COUNT_OF(connect_flags); i++)
        good = add_combination(set, i);
    for (size_t i = 0; good && i < COUNT_OF(options); i++)
        good = add_options(set, options[i]);
    for (int each = 0; good && each < 256; each++)
        good = !are_defined(each) || add_options_taken(set, each);
    return good;
}

GENERATED_FAMILY(generated_flags, generate);
