/* Strings and numbers in the properties of MQTT 5.0. Sections 1.5.4 to 1.5.7 and 2.2.2.
 *
 * A string that is not well-formed UTF-8 makes its packet malformed, in whatever property it stands. */
#include "conformance/scenarios/shorthand.h"

/* Strings that are broken where the next character could be taken for part of an escape. */
#define SURROGATE  "bad \xED\xA0\x80"
#define OVERLONG   "bad \xC0\xAF"
#define UNFINISHED "bad \xE2\x82"
#define U_FEFF     "\xEF\xBB\xBF"

#define WATCHED CONNECTED(B), SUBSCRIBED(B, "~/t", 0), SUBSCRIBED(B, "~/will", 0)

/* A, connected, sends this, and the Server closes the connection. */
#define CLOSES(name, title, breaks, ...)                                                                               \
    SCENARIO_5_0(name, title, STATEMENTS(breaks), CONNECTED(A), SEND(A, __VA_ARGS__), EXPECT(A, breaks, CLOSED()))

/* A CONNECT with this is refused. */
#define REFUSES(name, title, breaks, ...)                                                                              \
    SCENARIO_5_0(name, title, STATEMENTS(breaks), SEND(A, CONNECT(__VA_ARGS__)), REFUSED(A, breaks))

/* A receives a message of QoS 1 or 2, acknowledges it with this, and the Server closes the connection. */
#define CLOSES_ON_ANSWER(name, title, breaks, granted, ...)                                                            \
    SCENARIO_5_0(name, title, STATEMENTS(breaks), CONNECTED(A), GRANTED(A, "~/t", granted), CONNECTED(B),              \
                 PUBLISHED_QOS##granted(B, 9, .payload = "hello"),                                                     \
                 EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = granted, .packet_identifier = ID(0))), SEND(A, __VA_ARGS__),    \
                 EXPECT(A, breaks, CLOSED()))

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- User Property ---- */

    REFUSES(encoding5_connect_user_property_name,
        "A CONNECT with a User Property whose name is not well-formed UTF-8 is refused", V5(1_5_7_1),
        PROPERTIES(USER(SURROGATE, "value"))),

    REFUSES(encoding5_connect_user_property_value,
        "A CONNECT with a User Property whose value is not well-formed UTF-8 is refused", V5(1_5_7_1),
        PROPERTIES(USER("name", OVERLONG))),

    REFUSES(encoding5_will_user_property_value,
        "A CONNECT with a Will whose User Property is not well-formed UTF-8 is refused", V5(1_5_7_1),
        .will_topic = "~/will", .will_message = "gone", WILL_PROPERTIES(USER("name", UNFINISHED))),

    CLOSES(encoding5_publish_user_property_name,
        "A PUBLISH with a User Property whose name is not well-formed UTF-8 closes the connection", V5(1_5_7_1),
        PUBLISH(.payload = "hello", PROPERTIES(USER(OVERLONG, "value")))),

    CLOSES(encoding5_publish_user_property_value,
        "A PUBLISH with a User Property whose value is not well-formed UTF-8 closes the connection", V5(1_5_7_1),
        PUBLISH(.payload = "hello", PROPERTIES(USER("name", SURROGATE)))),

    CLOSES(encoding5_publish_second_user_property,
        "A PUBLISH whose second User Property is not well-formed UTF-8 closes the connection", V5(1_5_7_1),
        PUBLISH(.payload = "hello", PROPERTIES(USER("name", "value"), USER("name", UNFINISHED)))),

    CLOSES(encoding5_subscribe_user_property,
        "A SUBSCRIBE with a User Property that is not well-formed UTF-8 closes the connection", V5(1_5_7_1),
        SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}}, PROPERTIES(USER("name", SURROGATE)))),

    CLOSES(encoding5_unsubscribe_user_property,
        "An UNSUBSCRIBE with a User Property that is not well-formed UTF-8 closes the connection", V5(1_5_7_1),
        UNSUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", -1}}, PROPERTIES(USER(SURROGATE, "value")))),

    SCENARIO_5_0(encoding5_user_property_reaches_nobody,
        "A message whose User Property is not well-formed UTF-8 is not passed on",
        STATEMENTS(V5(1_5_7_1)),
        WATCHED,
        CONNECTED(A),
        SEND(A, PUBLISH(.payload = "hello", PROPERTIES(USER("name", OVERLONG)))),
        EXPECT(A, V5(1_5_7_1), CLOSED()),
        FENCED(B, B, V5(1_5_7_1), "~/t")),

    /* ---- Reason String ---- */

    CLOSES_ON_ANSWER(encoding5_puback_reason_string,
        "A PUBACK with a Reason String that is not well-formed UTF-8 closes the connection", V5(1_5_4_1), 1,
        PUBACK(.packet_identifier = ID(0), .reason = 0, PROPERTIES(TEXT(MQTT_REASON_STRING, SURROGATE)))),

    CLOSES_ON_ANSWER(encoding5_pubrec_reason_string,
        "A PUBREC with a Reason String that is not well-formed UTF-8 closes the connection", V5(1_5_4_1), 2,
        PUBREC(.packet_identifier = ID(0), .reason = 0, PROPERTIES(TEXT(MQTT_REASON_STRING, OVERLONG)))),

    CLOSES_ON_ANSWER(encoding5_puback_reason_string_with_null,
        "A PUBACK with U+0000 in its Reason String closes the connection", V5(1_5_4_2), 1,
        PUBACK(.packet_identifier = ID(0), .reason = 0, PROPERTIES(BINARY(MQTT_REASON_STRING, "a\0b")))),

    /* A right DISCONNECT closes the connection too; the Will tells the two apart. */
    SCENARIO_5_0(encoding5_disconnect_reason_string,
        "A DISCONNECT with a Reason String that is not well-formed UTF-8 is malformed: the Will is published",
        STATEMENTS(V5(1_5_4_1), V5(3_1_2_8)),
        WATCHED,
        CONNECTED(A, .will_topic = "~/will", .will_message = "gone"),
        SEND(A, DISCONNECT(.reason = 0, PROPERTIES(TEXT(MQTT_REASON_STRING, UNFINISHED)))),
        EXPECT(B, V5(1_5_4_1), PUBLISH(.topic = "~/will", .payload = "gone"))),

    /* ---- Other strings ---- */

    CLOSES(encoding5_content_type_with_null,
        "A PUBLISH with U+0000 in its Content Type closes the connection", V5(1_5_4_2),
        PUBLISH(.payload = "hello", PROPERTIES(BINARY(MQTT_CONTENT_TYPE, "text\0plain")))),

    CLOSES(encoding5_response_topic_with_null,
        "A PUBLISH with U+0000 in its Response Topic closes the connection", V5(1_5_4_2),
        PUBLISH(.payload = "hello", PROPERTIES(BINARY(MQTT_RESPONSE_TOPIC, "a\0b")))),

    REFUSES(encoding5_will_content_type,
        "A CONNECT with a Will whose Content Type is not well-formed UTF-8 is refused", V5(1_5_4_1),
        .will_topic = "~/will", .will_message = "gone", WILL_PROPERTIES(TEXT(MQTT_CONTENT_TYPE, SURROGATE))),

    SCENARIO_5_0(encoding5_keeps_u_feff,
        "U+FEFF in a property is a character like any other, also in front: it is delivered",
        STATEMENTS(V5(1_5_4_3)),
        WATCHED,
        CONNECTED(A),
        SEND(A, PUBLISH(.payload = "hello", PROPERTIES(TEXT(MQTT_CONTENT_TYPE, U_FEFF "text/plain"),
                                                       USER(U_FEFF "name", "value" U_FEFF)))),
        EXPECT(B, V5(1_5_4_3), PUBLISH(.payload = "hello", PROPERTIES(TEXT(MQTT_CONTENT_TYPE, U_FEFF "text/plain"),
                                                                      USER(U_FEFF "name", "value" U_FEFF))))),

    /* ---- Numbers ---- */

    SCENARIO_5_0(encoding5_numbers_are_short,
        "The lengths that the Server writes take no more bytes than they need",
        STATEMENTS(V5(1_5_5_1)),
        SEND(A, CONNECT()),
        EXPECT(A, V5(1_5_5_1), CONNACK(.code = 0)),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}})),
        EXPECT(A, V5(1_5_5_1), SUBACK(.packet_identifier = 1)),
        SEND(A, PUBLISH(.payload_size = 127, PROPERTIES(USER("name", "value")))),
        EXPECT(A, V5(1_5_5_1), PUBLISH(.payload_size = 127)),
        SEND(A, PINGREQ()),
        EXPECT(A, V5(1_5_5_1), PINGRESP())),

    /* MQTT-1.5.5-1 binds who writes the number. What the Server does with a longer one is left to it. */
    SCENARIO_5_0(encoding5_long_remaining_length,
        "A PINGREQ whose Remaining Length takes two bytes, though it is 0, closes the connection or is answered",
        STATEMENTS(V5(1_5_5_1)),
        CONNECTED(A),
        SEND_BYTES(A, 0xC0, 0x80, 0x00),
        EXPECT(A, V5(1_5_5_1), CLOSED(), PINGRESP())),

    /* ---- The length of an empty set ---- */

    SCENARIO_5_0(encoding5_empty_sets_have_a_length,
        "Packets without properties say so: CONNACK, SUBACK, UNSUBACK and PUBLISH are read to their last byte",
        STATEMENTS(V5(2_2_2_1)),
        SEND(A, CONNECT()),
        EXPECT(A, V5(2_2_2_1), CONNACK(.code = 0)),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}, {"~/u", 0}})),
        EXPECT(A, V5(2_2_2_1), SUBACK(.packet_identifier = 1, CODES("\x00\x00")),
                               SUBACK(.packet_identifier = 1, CODES("\x80\x80"))),
        SEND(A, PUBLISH(.payload = "")),
        EXPECT(A, V5(2_2_2_1), PUBLISH(.topic = "~/t", .payload = "")),
        SEND(A, UNSUBSCRIBE(.packet_identifier = 2, .filters = {{"~/t", -1}, {"~/u", -1}})),
        EXPECT(A, V5(2_2_2_1), UNSUBACK(.packet_identifier = 2, CODES("\x00\x00")),
                               UNSUBACK(.packet_identifier = 2, CODES("\x11\x11")))),
};
/* clang-format on */

FAMILY(encoding5, scenarios);
