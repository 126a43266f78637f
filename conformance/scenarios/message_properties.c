/* Properties of an Application Message: they reach every subscriber as the publisher gave them. Section 3.3.2.3. */
#include "conformance/scenarios/shorthand.h"

#define U_FEFF     "\xEF\xBB\xBF"
#define E_ACUTE    "\xC3\xA9"
#define FOUR_BYTES "\xF0\x9F\x90\x9D" /* U+1F41D */

/* Every property that a PUBLISH may have and that concerns the receiver alone. */
#define EVERY_PROPERTY                                                                                                 \
    PROPERTIES(NUMBER(MQTT_PAYLOAD_FORMAT_INDICATOR, 1), TEXT(MQTT_CONTENT_TYPE, "text/plain; charset=utf-8"),         \
               TEXT(MQTT_RESPONSE_TOPIC, "~/answer"), BINARY(MQTT_CORRELATION_DATA, "\x00\x01\xFE\xFF\x00"),           \
               USER("first", "1"), USER("second", "2"), USER("first", "3"))

/* None of them. */
#define NO_PROPERTY                                                                                                    \
    PROPERTIES(ABSENT(MQTT_CONTENT_TYPE), ABSENT(MQTT_RESPONSE_TOPIC), ABSENT(MQTT_CORRELATION_DATA),                  \
               ABSENT(MQTT_USER_PROPERTY))

/* B publishes with these properties, and A gets the message with the same. */
#define UNCHANGED(name, title, breaks, ...)                                                                            \
    SCENARIO_5_0(name, title, STATEMENTS(breaks), CONNECTED(A), GRANTED(A, "~/t", 0), CONNECTED(B),                    \
                 SEND(B, PUBLISH(.topic = "~/t", .payload = "hello", PROPERTIES(__VA_ARGS__))),                        \
                 EXPECT(A, breaks, PUBLISH(.topic = "~/t", .payload = "hello", PROPERTIES(__VA_ARGS__))))

/* No penalty is stated for a wildcard in a Response Topic, so the Server may close or take the message. But what it
 * sends may not have one either. */
#define NOT_PASSED_ON(scenario_name, scenario_title, response_topic)                                                   \
    SCENARIO_5_0(scenario_name, scenario_title, STATEMENTS(V5(3_3_2_14)), CONNECTED(A), GRANTED(A, "~/t", 0),          \
                 CONNECTED(B),                                                                                         \
                 SEND(B, PUBLISH(.qos = 1, .topic = "~/t", .payload = "wrong",                                         \
                                 PROPERTIES(TEXT(MQTT_RESPONSE_TOPIC, response_topic)))),                              \
                 EXPECT(B, V5(3_3_2_14), CLOSED(), PUBACK(.packet_identifier = 1)), CONNECTED(C),                      \
                 SEND(C, PUBLISH(.topic = "~/t", .payload = "fence")),                                                 \
                 EXPECT(A, V5(3_3_2_14), PUBLISH(.payload = "fence"),                                                  \
                        PUBLISH(.payload = "wrong", .may_come = true, PROPERTIES(ABSENT(MQTT_RESPONSE_TOPIC)))))

/* A publishes with this property, which may not be as it is. */
#define CLOSES(name, title, breaks, ...)                                                                               \
    SCENARIO_5_0(name, title, STATEMENTS(breaks), CONNECTED(B), GRANTED(B, "~/t", 0), CONNECTED(A),                    \
                 SEND(A, PUBLISH(.topic = "~/t", .payload = "wrong", PROPERTIES(__VA_ARGS__))),                        \
                 EXPECT(A, breaks, CLOSED()), FENCED(B, B, breaks, "~/t"))

#define BYTES_50  "a long text that goes on and on and on and on till"
#define BYTES_250 BYTES_50 BYTES_50 BYTES_50 BYTES_50 BYTES_50

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- Payload Format Indicator ---- */

    UNCHANGED(properties_payload_format_1,
        "Payload Format Indicator 1 reaches the subscriber", V5(3_3_2_4),
        NUMBER(MQTT_PAYLOAD_FORMAT_INDICATOR, 1)),
    UNCHANGED(properties_payload_format_0,
        "Payload Format Indicator 0 reaches the subscriber, though it says what its absence would", V5(3_3_2_4),
        NUMBER(MQTT_PAYLOAD_FORMAT_INDICATOR, 0)),

    SCENARIO_5_0(properties_payload_format_is_not_invented,
        "A message without Payload Format Indicator does not get one that says 1",
        STATEMENTS(V5(3_3_2_4)),
        CONNECTED(A),
        GRANTED(A, "~/t", 0),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "hello", PROPERTIES(NUMBER(MQTT_PAYLOAD_FORMAT_INDICATOR, 1)))),
        EXPECT(A, V5(3_3_2_4), PUBLISH(.payload = "hello", PROPERTIES(NUMBER(MQTT_PAYLOAD_FORMAT_INDICATOR, 1)))),
        SEND(B, PUBLISH(.payload = "hello")),
        EXPECT(A, V5(3_3_2_4), PUBLISH(.payload = "hello", PROPERTIES(ABSENT(MQTT_PAYLOAD_FORMAT_INDICATOR))),
                               PUBLISH(.payload = "hello", PROPERTIES(NUMBER(MQTT_PAYLOAD_FORMAT_INDICATOR, 0))))),

    /* ---- Content Type ---- */

    UNCHANGED(properties_content_type,
        "Content Type reaches the subscriber", V5(3_3_2_20),
        TEXT(MQTT_CONTENT_TYPE, "application/vnd.example+json; a=\"b\"")),
    UNCHANGED(properties_content_type_empty,
        "An empty Content Type reaches the subscriber", V5(3_3_2_20),
        TEXT(MQTT_CONTENT_TYPE, "")),
    UNCHANGED(properties_content_type_beyond_ascii,
        "A Content Type beyond ASCII reaches the subscriber byte for byte", V5(3_3_2_20),
        TEXT(MQTT_CONTENT_TYPE, "caf" E_ACUTE "/" FOUR_BYTES)),

    /* ---- Response Topic and Correlation Data ---- */

    UNCHANGED(properties_response_topic,
        "Response Topic reaches the subscriber", V5(3_3_2_15),
        TEXT(MQTT_RESPONSE_TOPIC, "~/answer")),
    UNCHANGED(properties_response_topic_of_many_levels,
        "A Response Topic with empty levels and spaces reaches the subscriber byte for byte", V5(3_3_2_15),
        TEXT(MQTT_RESPONSE_TOPIC, "/~//a b/" E_ACUTE "/")),
    UNCHANGED(properties_correlation_data,
        "Correlation Data that is no text reaches the subscriber byte for byte", V5(3_3_2_16),
        BINARY(MQTT_CORRELATION_DATA, "\x00\x01\xFF\xFE\x80\x00")),
    UNCHANGED(properties_correlation_data_of_one_zero,
        "Correlation Data of one zero byte reaches the subscriber", V5(3_3_2_16),
        BINARY(MQTT_CORRELATION_DATA, "\x00")),
    UNCHANGED(properties_correlation_data_empty,
        "Correlation Data of no bytes reaches the subscriber", V5(3_3_2_16),
        BINARY(MQTT_CORRELATION_DATA, "")),
    UNCHANGED(properties_correlation_data_long,
        "Correlation Data of a thousand bytes reaches the subscriber", V5(3_3_2_16),
        BINARY(MQTT_CORRELATION_DATA, BYTES_250 BYTES_250 BYTES_250 BYTES_250)),

    SCENARIO_5_0(properties_request_and_response,
        "A request is answered on its Response Topic with its Correlation Data",
        STATEMENTS(V5(3_3_2_15), V5(3_3_2_16)),
        CONNECTED(A),
        GRANTED(A, "~/request", 1),
        CONNECTED(B),
        GRANTED(B, "~/answer", 1),
        PUBLISHED_QOS1(B, 1, .topic = "~/request", .payload = "?",
                       PROPERTIES(TEXT(MQTT_RESPONSE_TOPIC, "~/answer"),
                                  BINARY(MQTT_CORRELATION_DATA, "\x07\x00\x07"))),
        RECEIVED_QOS1(A, V5(3_3_2_15), 0, .payload = "?",
                      PROPERTIES(TEXT(MQTT_RESPONSE_TOPIC, "~/answer"), BINARY(MQTT_CORRELATION_DATA, "\x07\x00\x07"))),
        PUBLISHED_QOS1(A, 1, .topic = "~/answer", .payload = "!",
                       PROPERTIES(BINARY(MQTT_CORRELATION_DATA, "\x07\x00\x07"))),
        RECEIVED_QOS1(B, V5(3_3_2_16), 1, .payload = "!",
                      PROPERTIES(BINARY(MQTT_CORRELATION_DATA, "\x07\x00\x07"), ABSENT(MQTT_RESPONSE_TOPIC)))),

    /* ---- User Properties ---- */

    UNCHANGED(properties_one_user_property,
        "A User Property reaches the subscriber", V5(3_3_2_17),
        USER("name", "value")),
    UNCHANGED(properties_user_properties_in_order,
        "User Properties reach the subscriber in their order", V5(3_3_2_18),
        USER("z", "1"), USER("a", "2"), USER("m", "3"), USER("b", "4")),
    UNCHANGED(properties_user_properties_of_one_name,
        "User Properties of one name all reach the subscriber, in their order", V5(3_3_2_18),
        USER("name", "b"), USER("name", "a"), USER("name", "c")),
    UNCHANGED(properties_user_properties_that_are_equal,
        "A User Property that stands twice reaches the subscriber twice", V5(3_3_2_17),
        USER("name", "value"), USER("name", "value")),
    UNCHANGED(properties_user_properties_empty,
        "User Properties with an empty name, an empty value, or both reach the subscriber", V5(3_3_2_17),
        USER("", "value"), USER("name", ""), USER("", "")),
    UNCHANGED(properties_user_properties_beyond_ascii,
        "User Properties beyond ASCII reach the subscriber byte for byte", V5(3_3_2_17),
        USER("caf" E_ACUTE, FOUR_BYTES), USER("e\xCC\x81", "\xE2\x84\xAB")),
    UNCHANGED(properties_user_properties_with_u_feff,
        "U+FEFF in a User Property is a character like any other, also at the start", V5(1_5_4_3),
        USER(U_FEFF "name", U_FEFF), USER("na" U_FEFF "me", "value" U_FEFF)),
    UNCHANGED(properties_user_property_long,
        "A User Property of a thousand bytes reaches the subscriber whole", V5(3_3_2_17),
        USER(BYTES_250 BYTES_250, BYTES_250 BYTES_250)),
    UNCHANGED(properties_user_properties_many,
        "Twenty User Properties reach the subscriber in their order", V5(3_3_2_18),
        USER("20", "a"), USER("19", "b"), USER("18", "c"), USER("17", "d"), USER("16", "e"), USER("15", "f"),
        USER("14", "g"), USER("13", "h"), USER("12", "i"), USER("11", "j"), USER("10", "k"), USER("9", "l"),
        USER("8", "m"), USER("7", "n"), USER("6", "o"), USER("5", "p"), USER("4", "q"), USER("3", "r"), USER("2", "s"),
        USER("1", "t")),

    /* User Properties may stand between the others, whose order means nothing. */
    UNCHANGED(properties_user_properties_among_others,
        "User Properties that stand between other properties reach the subscriber in their order", V5(3_3_2_18),
        USER("b", "1"), TEXT(MQTT_CONTENT_TYPE, "x"), USER("a", "2"), NUMBER(MQTT_PAYLOAD_FORMAT_INDICATOR, 1),
        USER("b", "3")),

    /* ---- On every way ---- */

    SCENARIO_5_0(properties_at_every_qos,
        "The properties of a message reach the subscriber at QoS 0, 1 and 2",
        STATEMENTS(V5(3_3_2_4), V5(3_3_2_15), V5(3_3_2_16), V5(3_3_2_17), V5(3_3_2_18), V5(3_3_2_20)),
        CONNECTED(A),
        GRANTED(A, "~/t", 2),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "0", EVERY_PROPERTY)),
        EXPECT(A, V5(3_3_2_17), PUBLISH(.qos = 0, .payload = "0", EVERY_PROPERTY)),
        PUBLISHED_QOS1(B, 1, .payload = "1", EVERY_PROPERTY),
        RECEIVED_QOS1(A, V5(3_3_2_17), 0, .payload = "1", EVERY_PROPERTY),
        PUBLISHED_QOS2(B, 2, .payload = "2", EVERY_PROPERTY),
        RECEIVED_QOS2(A, V5(3_3_2_17), 1, .payload = "2", EVERY_PROPERTY)),

    SCENARIO_5_0(properties_reach_every_subscriber,
        "The properties of a message reach every subscriber",
        STATEMENTS(V5(3_3_2_4), V5(3_3_2_15), V5(3_3_2_16), V5(3_3_2_17), V5(3_3_2_20)),
        CONNECTED(A), GRANTED(A, "~/t", 0),
        CONNECTED(B), GRANTED(B, "~/+", 1),
        CONNECTED(C), GRANTED(C, "~/#", 2),
        CONNECTED(D),
        PUBLISHED_QOS1(D, 1, .payload = "hello", EVERY_PROPERTY),
        EXPECT(A, V5(3_3_2_4), PUBLISH(.payload = "hello", EVERY_PROPERTY)),
        EXPECT(B, V5(3_3_2_15), PUBLISH(.payload = "hello", EVERY_PROPERTY)),
        EXPECT(C, V5(3_3_2_16), PUBLISH(.payload = "hello", EVERY_PROPERTY))),

    SCENARIO_5_0(properties_of_a_retained_message,
        "The properties of a retained message reach who subscribes later",
        STATEMENTS(V5(3_3_2_4), V5(3_3_2_15), V5(3_3_2_16), V5(3_3_2_17), V5(3_3_2_18), V5(3_3_2_20)),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .retain = 1, .payload = "kept", EVERY_PROPERTY),
        CONNECTED(A),
        GRANTED(A, "~/t", 1),
        RECEIVED_QOS1(A, V5(3_3_2_17), 0, .retain = 1, .payload = "kept", EVERY_PROPERTY)),

    SCENARIO_5_0(properties_of_a_retained_message_are_replaced,
        "A new retained message has its own properties, none of those of the one that it replaces",
        STATEMENTS(V5(3_3_1_5), V5(3_3_2_17)),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .retain = 1, .payload = "old", EVERY_PROPERTY),
        PUBLISHED_QOS1(B, 2, .retain = 1, .payload = "new"),
        CONNECTED(A),
        GRANTED(A, "~/t", 1),
        RECEIVED_QOS1(A, V5(3_3_1_5), 0, .retain = 1, .payload = "new", NO_PROPERTY)),

    SCENARIO_5_0(properties_of_a_queued_message,
        "The properties of a message that waited for its subscriber reach it",
        STATEMENTS(V5(3_3_2_4), V5(3_3_2_15), V5(3_3_2_16), V5(3_3_2_17), V5(3_3_2_18), V5(3_3_2_20)),
        CONNECTED(A, .clean_session = 0),
        GRANTED(A, "~/t", 2),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "1", EVERY_PROPERTY),
        PUBLISHED_QOS2(B, 2, .payload = "2", EVERY_PROPERTY),
        CONNECTED(A, .clean_session = 0),
        RECEIVED_QOS1(A, V5(3_3_2_17), 0, .payload = "1", EVERY_PROPERTY),
        RECEIVED_QOS2(A, V5(3_3_2_17), 1, .payload = "2", EVERY_PROPERTY)),

    SCENARIO_5_0(properties_of_a_message_sent_again,
        "A message that is sent again on reconnect has its properties",
        STATEMENTS(V5(3_3_2_17), V5(4_4_0_1)),
        CONNECTED(A, .clean_session = 0),
        GRANTED(A, "~/t", 1),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "pending", EVERY_PROPERTY),
        EXPECT(A, V5(3_3_2_17), PUBLISH(.qos = 1, .packet_identifier = ID(0), .payload = "pending", EVERY_PROPERTY)),
        DROP(A),
        CONNECTED(A, .clean_session = 0),
        RECEIVED_QOS1(A, V5(4_4_0_1), 0, .payload = "pending", EVERY_PROPERTY)),

    SCENARIO_5_0(properties_belong_to_their_message,
        "A message without properties gets none of those of the message before it",
        STATEMENTS(V5(3_3_2_17)),
        CONNECTED(A),
        GRANTED(A, "~/t", 1),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "with", EVERY_PROPERTY)),
        EXPECT(A, V5(3_3_2_17), PUBLISH(.payload = "with", EVERY_PROPERTY)),
        SEND(B, PUBLISH(.payload = "without")),
        EXPECT(A, V5(3_3_2_17), PUBLISH(.payload = "without", NO_PROPERTY))),

    SCENARIO_5_0(properties_byte_by_byte,
        "The properties of a PUBLISH that arrives byte by byte reach the subscriber",
        STATEMENTS(V5(3_3_2_17), V5(3_3_2_16)),
        CONNECTED(A),
        GRANTED(A, "~/t", 0),
        CONNECTED(B),
        SEND_BROKEN(B, BYTEWISE, 0, 0, PUBLISH(.topic = "~/t", .payload = "in pieces", EVERY_PROPERTY)),
        EXPECT(A, V5(3_3_2_16), PUBLISH(.topic = "~/t", .payload = "in pieces", EVERY_PROPERTY))),

    SCENARIO_5_0(properties_beside_a_large_payload,
        "The properties of a message of 100000 bytes reach the subscriber, and its payload too",
        STATEMENTS(V5(3_3_2_17)),
        CONNECTED(A),
        GRANTED(A, "~/t", 1),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload_size = 100000, EVERY_PROPERTY),
        RECEIVED_QOS1(A, V5(3_3_2_17), 0, .payload_size = 100000, EVERY_PROPERTY)),

    /* ---- Not well formed ---- */

    NOT_PASSED_ON(properties_response_topic_with_hash,
        "A Response Topic with # in it reaches no subscriber", "~/answer/#"),
    NOT_PASSED_ON(properties_response_topic_with_plus,
        "A Response Topic with + in it reaches no subscriber", "~/+/answer"),
    NOT_PASSED_ON(properties_response_topic_is_hash,
        "A Response Topic of # alone reaches no subscriber", "#"),
    CLOSES(properties_response_topic_ill_formed,
        "A PUBLISH whose Response Topic is not well-formed UTF-8 closes the connection", V5(3_3_2_13),
        TEXT(MQTT_RESPONSE_TOPIC, "~/\xC0\xAF")),
    CLOSES(properties_response_topic_with_surrogate,
        "A PUBLISH with an encoded surrogate in its Response Topic closes the connection", V5(3_3_2_13),
        TEXT(MQTT_RESPONSE_TOPIC, "~/\xED\xA0\x80")),
    CLOSES(properties_content_type_ill_formed,
        "A PUBLISH whose Content Type is not well-formed UTF-8 closes the connection", V5(3_3_2_19),
        TEXT(MQTT_CONTENT_TYPE, "text/\xFF")),
    CLOSES(properties_content_type_with_surrogate,
        "A PUBLISH with an encoded surrogate in its Content Type closes the connection", V5(3_3_2_19),
        TEXT(MQTT_CONTENT_TYPE, "\xED\xBF\xBF")),

    /* A Server may look into the payload, and refuse it with 0x99. */
    SCENARIO_5_0(properties_payload_that_is_not_what_its_format_says,
        "A payload that is no UTF-8, though Payload Format Indicator says so, is forwarded as it is or refused",
        STATEMENTS(V5(3_3_2_4), V5(3_3_4_1)),
        CONNECTED(A),
        GRANTED(A, "~/t", 1),
        CONNECTED(B),
        SEND(B, PUBLISH(.qos = 1, .packet_identifier = 4, .payload = "\xFF\xFE",
                        PROPERTIES(NUMBER(MQTT_PAYLOAD_FORMAT_INDICATOR, 1)))),
        EXPECT(B, V5(3_3_4_1), PUBACK(.packet_identifier = 4, .reason = FINE),
                               PUBACK(.packet_identifier = 4, .reason = 0x99, .skip = "the target refuses the payload"),
                               CLOSED(.skip = "the target refuses the payload")),
        RECEIVED_QOS1(A, V5(3_3_2_4), 0, .payload = "\xFF\xFE", PROPERTIES(NUMBER(MQTT_PAYLOAD_FORMAT_INDICATOR, 1)))),
};
/* clang-format on */

FAMILY(message_properties, scenarios);
