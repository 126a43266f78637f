/* DISCONNECT of MQTT 5.0, from both sides, and the Reason Code that the standard names for an error. Sections 3.14 and
 * 4.13.
 *
 * The Server has to close the connection at an error that it notices; before that it SHOULD tell which in a
 * DISCONNECT. Only the close is asked for here: another Reason Code, or none, is a warning. */
#include "conformance/scenarios/shorthand.h"

#define NOT_TOLD   "the connection was closed without a DISCONNECT that says why"
#define LETS_IN    "the target lets a Client in whose Authentication Method it cannot know"
#define OTHER_CODE "the DISCONNECT has another Reason Code than the standard names"

/* The Server closes A's connection, as it should with this Reason Code, and nothing follows its DISCONNECT. What A
 * asked for behind its error may be answered before. */
#define DISCONNECTS(breaks, named)                                                                                     \
    EXPECT(A, breaks, DISCONNECT(.reason = named, PROPERTIES(ABSENT(MQTT_SESSION_EXPIRY_INTERVAL))),                   \
           DISCONNECT(.reason = REFUSAL, .warn = OTHER_CODE), CLOSED(.warn = NOT_TOLD)),                               \
        EXPECT_NEXT(A, V5(3_14_4_1), CLOSED())

/* A, connected, sends this, which is an error, and asks for an answer right behind it. */
#define ERROR_IS_TOLD(name, title, breaks, named, ...)                                                                 \
    SCENARIO_5_0(name, title, STATEMENTS(breaks, V5(4_13_1_1), V5(3_14_2_1), V5(3_14_4_1), V5(3_14_4_2)),              \
                 CONNECTED(A), SEND(A, __VA_ARGS__, PINGREQ()), DISCONNECTS(breaks, named))

/* Both of Malformed Packet and Protocol Error can be meant. */
#define MALFORMED_OR_PROTOCOL_ERROR(breaks)                                                                            \
    EXPECT(A, breaks, DISCONNECT(.reason = 0x81), DISCONNECT(.reason = 0x82),                                          \
           DISCONNECT(.reason = REFUSAL, .warn = OTHER_CODE), CLOSED(.warn = NOT_TOLD)),                               \
        EXPECT_NEXT(A, V5(3_14_4_1), CLOSED())

/* A DISCONNECT that no Server sends. Where an expectation names one, no other is passed by either. */
#define NO_DISCONNECT DISCONNECT(.reason = 0x04)

#define WILL(message) .will_topic = "~/will", .will_message = message

/* B watches, A has a Will, and sends this DISCONNECT. */
#define WILL_IS_DISCARDED(name, title, ...)                                                                            \
    SCENARIO_5_0(name, title, STATEMENTS(V5(3_14_4_3), V5(3_1_2_10)), CONNECTED(B), GRANTED(B, "~/will", 0),           \
                 CONNECTED(A, WILL("gone")), __VA_ARGS__, EXPECT(A, V5(3_14_4_3), CLOSED(), SILENCE(.before = 1000)),  \
                 DROP(A), CONNECTED(C), FENCED(C, B, V5(3_14_4_3), "~/will"))
#define WILL_IS_PUBLISHED(name, title, ...)                                                                            \
    SCENARIO_5_0(name, title, STATEMENTS(V5(3_1_2_8)), CONNECTED(B), GRANTED(B, "~/will", 0),                          \
                 CONNECTED(A, WILL("gone")), __VA_ARGS__,                                                              \
                 EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone")))

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- From the Client ---- */

    WILL_IS_DISCARDED(disconnect_of_no_content_discards_the_will,
        "DISCONNECT with nothing in it is Normal disconnection, and discards the Will",
        SEND(A, DISCONNECT())),
    WILL_IS_DISCARDED(disconnect_with_reason_0_discards_the_will,
        "DISCONNECT with Reason Code 0x00 and no Property Length discards the Will",
        SEND_BYTES(A, 0xE0, 0x01, 0x00)),
    WILL_IS_DISCARDED(disconnect_with_no_properties_discards_the_will,
        "DISCONNECT with Reason Code 0x00 and Property Length 0 discards the Will",
        SEND_BYTES(A, 0xE0, 0x02, 0x00, 0x00)),
    WILL_IS_DISCARDED(disconnect_with_properties_discards_the_will,
        "DISCONNECT with Reason Code 0x00, Reason String and User Properties discards the Will",
        SEND(A, DISCONNECT(.reason = 0, PROPERTIES(TEXT(MQTT_REASON_STRING, "enough"), USER("a", "1"),
                                                   USER("a", "2"))))),

    WILL_IS_PUBLISHED(disconnect_with_will_publishes_the_will,
        "DISCONNECT 0x04, Disconnect with Will Message, lets the Will be published",
        SEND(A, DISCONNECT(.reason = 0x04))),
    WILL_IS_PUBLISHED(disconnect_with_will_and_properties_publishes_the_will,
        "DISCONNECT 0x04 with properties lets the Will be published",
        SEND(A, DISCONNECT(.reason = 0x04, PROPERTIES(TEXT(MQTT_REASON_STRING, "enough"), USER("a", "1"))))),
    WILL_IS_PUBLISHED(disconnect_0x80_publishes_the_will,
        "DISCONNECT 0x80, Unspecified error, lets the Will be published",
        SEND(A, DISCONNECT(.reason = 0x80))),
    WILL_IS_PUBLISHED(disconnect_0x99_publishes_the_will,
        "DISCONNECT 0x99, Payload format invalid, lets the Will be published",
        SEND(A, DISCONNECT(.reason = 0x99))),

    SCENARIO_5_0(disconnect_is_the_last_packet,
        "What a Client sends behind its DISCONNECT is not answered and does nothing",
        STATEMENTS(V5(3_14_4_1)),
        CONNECTED(B),
        GRANTED(B, "~/t", 0),
        CONNECTED(A),
        SEND(A, DISCONNECT(), PUBLISH(.topic = "~/t", .payload = "too late"), PINGREQ()),
        EXPECT(A, V5(3_14_4_1), CLOSED(),
               SILENCE(.before = 1000, .warn = "the connection was not closed within a second of DISCONNECT"),
               PINGRESP(.warn = "a PINGREQ behind DISCONNECT was answered")),
        DROP(A),
        SEND(B, PUBLISH(.topic = "~/t", .payload = "fence")),
        EXPECT(B, V5(3_14_4_1), PUBLISH(.topic = "~/t", .payload = "fence"),
                                PUBLISH(.payload = "too late", .warn = "a PUBLISH behind DISCONNECT was distributed"))),

    SCENARIO_5_0(disconnect_leaves_a_session_with_expiry,
        "DISCONNECT 0x00 does not end a session that outlives its connection",
        STATEMENTS(V5(3_1_2_23), V5(3_2_2_3)),
        CONNECTED(A, .clean_session = 0),
        GRANTED(A, "~/t", 1),
        SEND(A, DISCONNECT(.reason = 0)),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "waiting"),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V5(3_2_2_3), CONNACK(.code = 0, .session_present = 1)),
        RECEIVED_QOS1(A, V5(3_1_2_23), 0, .payload = "waiting")),

    /* ---- From the Server: Malformed Packet ---- */

    SCENARIO_5_0(error_reserved_type,
        "A packet of the reserved type 0 is told as malformed",
        STATEMENTS(V5(4_13_1_1), V5(3_14_2_1), V5(3_14_4_1), V5(3_14_4_2)),
        CONNECTED(A),
        SEND_BYTES(A, 0x00, 0x00, 0xC0, 0x00),
        MALFORMED_OR_PROTOCOL_ERROR(V5(4_13_1_1))),

    SCENARIO_5_0(error_flags_of_subscribe,
        "A SUBSCRIBE with wrong flags is told as malformed",
        STATEMENTS(V5(3_8_1_1), V5(3_14_2_1), V5(3_14_4_1), V5(3_14_4_2)),
        CONNECTED(A),
        SEND(A, SUBSCRIBE(.flags = 0, .packet_identifier = 1, .filters = {{"~/t", 0}}), PINGREQ()),
        DISCONNECTS(V5(3_8_1_1), 0x81)),

    ERROR_IS_TOLD(error_reserved_subscription_options,
        "A SUBSCRIBE with a reserved bit in its options is told as malformed", V5(3_8_3_5), 0x81,
        SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0x80}})),

    ERROR_IS_TOLD(error_qos_3,
        "A PUBLISH of QoS 3 is told as malformed", V5(3_3_1_4), 0x81,
        PUBLISH(.flags = 0x06, .qos = 2, .packet_identifier = 1, .payload = "wrong")),

    SCENARIO_5_0(error_topic_name_with_wildcard,
        "A PUBLISH to a topic with a wildcard is told as malformed, or as Topic Name invalid",
        STATEMENTS(V5(3_3_2_2), V5(3_14_2_1), V5(3_14_4_1), V5(3_14_4_2)),
        CONNECTED(A),
        SEND(A, PUBLISH(.topic = "~/#", .payload = "wrong"), PINGREQ()),
        EXPECT(A, V5(3_3_2_2), DISCONNECT(.reason = 0x81), DISCONNECT(.reason = 0x82), DISCONNECT(.reason = 0x90),
               DISCONNECT(.reason = REFUSAL, .warn = OTHER_CODE), CLOSED(.warn = NOT_TOLD)),
        EXPECT_NEXT(A, V5(3_14_4_1), CLOSED())),

    SCENARIO_5_0(error_ill_formed_topic_name,
        "A PUBLISH whose topic is not well-formed UTF-8 is told as malformed, or as Topic Name invalid",
        STATEMENTS(V5(1_5_4_1), V5(3_14_2_1), V5(3_14_4_1), V5(3_14_4_2)),
        CONNECTED(A),
        SEND(A, PUBLISH(.topic = "~/\xC0\xAF", .payload = "wrong"), PINGREQ()),
        EXPECT(A, V5(1_5_4_1), DISCONNECT(.reason = 0x81), DISCONNECT(.reason = 0x82), DISCONNECT(.reason = 0x90),
               DISCONNECT(.reason = REFUSAL, .warn = OTHER_CODE), CLOSED(.warn = NOT_TOLD)),
        EXPECT_NEXT(A, V5(3_14_4_1), CLOSED())),

    /* ---- From the Server: Protocol Error ---- */

    ERROR_IS_TOLD(error_second_connect,
        "A second CONNECT is told as a Protocol Error", V5(3_1_0_2), 0x82,
        CONNECT()),

    ERROR_IS_TOLD(error_subscription_identifier_from_a_client,
        "A PUBLISH with a Subscription Identifier is told as a Protocol Error", V5(3_3_4_6), 0x82,
        PUBLISH(.payload = "wrong", PROPERTIES(NUMBER(MQTT_SUBSCRIPTION_IDENTIFIER, 1)))),

    SCENARIO_5_0(error_subscribe_without_filter,
        "A SUBSCRIBE without filter is told as a Protocol Error",
        STATEMENTS(V5(3_8_3_2), V5(3_14_2_1), V5(3_14_4_1), V5(3_14_4_2)),
        CONNECTED(A),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filter_count = 0), PINGREQ()),
        MALFORMED_OR_PROTOCOL_ERROR(V5(3_8_3_2))),

    SCENARIO_5_0(error_unsubscribe_without_filter,
        "An UNSUBSCRIBE without filter is told as a Protocol Error",
        STATEMENTS(V5(3_10_3_2), V5(3_14_2_1), V5(3_14_4_1), V5(3_14_4_2)),
        CONNECTED(A),
        SEND(A, UNSUBSCRIBE(.packet_identifier = 1, .filter_count = 0), PINGREQ()),
        MALFORMED_OR_PROTOCOL_ERROR(V5(3_10_3_2))),

    SCENARIO_5_0(error_property_twice,
        "A PUBLISH with a property twice that may be there once is told as a Protocol Error",
        STATEMENTS(V5(4_13_1_1), V5(3_14_2_1), V5(3_14_4_1), V5(3_14_4_2)),
        CONNECTED(A),
        SEND(A, PUBLISH(.payload = "wrong", PROPERTIES(TEXT(MQTT_CONTENT_TYPE, "a"), TEXT(MQTT_CONTENT_TYPE, "b"))),
                PINGREQ()),
        MALFORMED_OR_PROTOCOL_ERROR(V5(4_13_1_1))),

    SCENARIO_5_0(error_no_local_for_a_shared_subscription,
        "A Shared Subscription with No Local 1 is told as a Protocol Error",
        STATEMENTS(V5(3_8_3_4), V5(3_14_2_1), V5(3_14_4_1), V5(3_14_4_2)),
        CONNECTED(A),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"$share/~g/~/t", NO_LOCAL}}), PINGREQ()),
        EXPECT(A, V5(3_8_3_4), DISCONNECT(.reason = 0x82), DISCONNECT(.reason = REFUSAL, .warn = OTHER_CODE),
               CLOSED(.warn = NOT_TOLD),
               SUBACK(CODES("\x80"), .skip = "the target refuses the subscription and leaves it at that")),
        EXPECT_NEXT(A, V5(3_14_4_1), CLOSED())),

    ERROR_IS_TOLD(error_auth_without_method,
        "An AUTH from a Client that connected without Authentication Method is told as a Protocol Error",
        V5(4_12_0_7), 0x82,
        AUTH(.reason = 0x19, PROPERTIES(TEXT(MQTT_AUTHENTICATION_METHOD, "SCRAM-SHA-256")))),

    ERROR_IS_TOLD(error_session_expiry_raised_from_0,
        "A DISCONNECT that raises the Session Expiry Interval from 0 is told as a Protocol Error",
        V5(4_13_1_1), 0x82,
        DISCONNECT(.reason = 0, PROPERTIES(NUMBER(MQTT_SESSION_EXPIRY_INTERVAL, 10)))),

    /* ---- From the Server: packets that only a Server sends ---- */

    ERROR_IS_TOLD(error_connack_from_a_client,
        "A CONNACK from a Client is told as a Protocol Error", V5(4_13_1_1), 0x82, CONNACK(.code = 0)),
    ERROR_IS_TOLD(error_suback_from_a_client,
        "A SUBACK from a Client is told as a Protocol Error", V5(4_13_1_1), 0x82, SUBACK(.packet_identifier = 1)),
    ERROR_IS_TOLD(error_unsuback_from_a_client,
        "An UNSUBACK from a Client is told as a Protocol Error", V5(4_13_1_1), 0x82, UNSUBACK(.packet_identifier = 1)),
    ERROR_IS_TOLD(error_pingresp_from_a_client,
        "A PINGRESP from a Client is told as a Protocol Error", V5(4_13_1_1), 0x82, PINGRESP()),

    /* ---- From the Server: others ---- */

    SCENARIO_5_0(error_session_taken_over,
        "When another connection takes the session over, the earlier one is told so, and nothing else comes on it",
        STATEMENTS(V5(3_1_4_3), V5(3_14_2_1), V5(3_14_4_1), V5(3_14_4_2)),
        CONNECTED(A),
        CONNECTED(B, .client_identifier = "~A"),
        DISCONNECTS(V5(3_1_4_3), 0x8E),
        PINGED(B, V5(3_12_4_1))),

    SCENARIO_5_0(error_session_taken_over_amid_messages,
        "When a session is taken over amid messages, none comes on the earlier connection behind DISCONNECT",
        STATEMENTS(V5(3_1_4_3), V5(3_14_4_1)),
        CONNECTED(A, .clean_session = 0),
        GRANTED(A, "~/t", 1),
        SEND(B, CONNECT(.client_identifier = "~A", .clean_session = 0),
                PUBLISH(.qos = 1, .packet_identifier = 1, .payload = "on the new one")),
        EXPECT(B, V5(3_1_4_5), CONNACK(.code = 0, .session_present = 1)),
        DISCONNECTS(V5(3_1_4_3), 0x8E),
        EXPECT(B, V5(4_5_0_1), PUBLISH(.qos = 1, .payload = "on the new one"))),

    ERROR_IS_TOLD(error_topic_alias_0,
        "A PUBLISH with Topic Alias 0 is told as Topic Alias invalid", V5(3_3_2_8), 0x94,
        PUBLISH(.topic = "~/t", .payload = "wrong", PROPERTIES(NUMBER(MQTT_TOPIC_ALIAS, 0)))),

    ERROR_IS_TOLD(error_topic_alias_above_the_maximum,
        "A PUBLISH with a Topic Alias above the Server's maximum is told as Topic Alias invalid", V5(3_3_2_9), 0x94,
        PUBLISH(.topic = "~/t", .payload = "wrong", .beyond_offer = true,
                PROPERTIES(NUMBER(MQTT_TOPIC_ALIAS, ANNOUNCED(MQTT_TOPIC_ALIAS_MAXIMUM, 1))))),

    SCENARIO_5_0(error_topic_alias_that_stands_for_nothing,
        "A PUBLISH without topic whose Topic Alias was not set is told as a Protocol Error, or as Topic Alias invalid",
        STATEMENTS(V5(4_13_1_1), V5(3_14_2_1), V5(3_14_4_1), V5(3_14_4_2)),
        CONNECTED(A),
        SEND(A, PUBLISH(.topic = "", .payload = "wrong", PROPERTIES(NUMBER(MQTT_TOPIC_ALIAS, 1))), PINGREQ()),
        EXPECT(A, V5(4_13_1_1), DISCONNECT(.reason = 0x82), DISCONNECT(.reason = 0x94),
               DISCONNECT(.reason = REFUSAL, .warn = OTHER_CODE), CLOSED(.warn = NOT_TOLD)),
        EXPECT_NEXT(A, V5(3_14_4_1), CLOSED())),

    SCENARIO_5_0(error_receive_maximum_exceeded,
        "One QoS 2 message more than the Server's Receive Maximum is told as Receive Maximum exceeded",
        STATEMENTS(V5(3_3_4_7), V5(3_14_2_1)),
        CONNECTED(A),
        SEND(A, PUBLISH(.qos = 2, .payload = "one of many", .beyond_offer = true,
                        .repeat = ANNOUNCED(MQTT_RECEIVE_MAXIMUM, 1))),
        EXPECT(A, V5(3_3_4_7), DISCONNECT(.reason = 0x93), DISCONNECT(.reason = REFUSAL, .warn = OTHER_CODE),
               CLOSED(.warn = NOT_TOLD), PUBREC(.reason = FINE, .may_come = true),
               PUBREC(.reason = REFUSAL, .warn = "the message is refused, and the connection goes on"))),

    SCENARIO_5_0(error_keep_alive_timeout,
        "Silence beyond the Keep Alive closes the connection, and a DISCONNECT before that says Keep Alive timeout",
        STATEMENTS(V5(3_1_2_22), V5(3_14_2_1)),
        CONNECTED(A, .keep_alive = 1),
        EXPECT_NEXT(A, V5(3_1_2_22), DISCONNECT(.reason = 0x8D, .before = 9500), CLOSED(.before = 9500),
                    DISCONNECT(.reason = REFUSAL, .before = 9500, .warn = OTHER_CODE)),
        EXPECT_NEXT(A, V5(3_1_2_22), CLOSED())),

    /* ---- Before CONNACK: MQTT-3.14.0-1 ---- */

    SCENARIO_5_0(no_disconnect_before_connect,
        "A first packet that is no CONNECT closes the connection, and no DISCONNECT comes before",
        STATEMENTS(V5(3_14_0_1), V5(3_1_0_1)),
        SEND(A, PINGREQ()),
        EXPECT_NEXT(A, V5(3_14_0_1), CLOSED(), NO_DISCONNECT,
                    SILENCE(.before = 2000, .skip = "the target does not answer a first packet that is no CONNECT"))),

    SCENARIO_5_0(no_disconnect_instead_of_connack,
        "A CONNECT with a reserved flag closes the connection, and no DISCONNECT comes before",
        STATEMENTS(V5(3_14_0_1), V5(3_1_2_3)),
        SEND(A, CONNECT(.connect_flags = 0x03)),
        EXPECT_NEXT(A, V5(3_14_0_1), CLOSED(), CONNACK(.code = REFUSAL), NO_DISCONNECT),
        EXPECT_NEXT(A, V5(3_14_0_1), CLOSED(), NO_DISCONNECT)),

    SCENARIO_5_0(no_disconnect_after_a_refusal,
        "After a CONNACK that refuses, the connection is closed without DISCONNECT",
        STATEMENTS(V5(3_14_0_1), V5(3_2_2_7)),
        SEND(A, CONNECT(PROPERTIES(TEXT(MQTT_AUTHENTICATION_METHOD, "MQSPEC-UNKNOWN")))),
        EXPECT_NEXT(A, V5(3_14_0_1), CLOSED(), CONNACK(.code = REFUSAL), CONNACK(.skip = LETS_IN), NO_DISCONNECT),
        EXPECT_NEXT(A, V5(3_2_2_7), CLOSED(), NO_DISCONNECT)),

    /* ---- Closed in any case ---- */

    SCENARIO_5_0(disconnect_of_the_server_closes,
        "The Server closes the connection on which it has sent DISCONNECT",
        STATEMENTS(V5(3_14_4_2)),
        CONNECTED(A),
        SEND(A, CONNECT()),
        EXPECT(A, V5(3_14_4_2), CLOSED())),

    SCENARIO_5_0(disconnect_of_the_server_closes_at_once,
        "A Server that has told of an error in DISCONNECT does not wait for the Client to close the connection",
        STATEMENTS(V5(4_13_2_1)),
        CONNECTED(A),
        SEND(A, SUBSCRIBE(.flags = 0, .packet_identifier = 1, .filters = {{"~/t", 0}})),
        EXPECT(A, V5(4_13_2_1), CLOSED())),

    SCENARIO_5_0(connack_of_a_refusal_closes_at_once,
        "A Server that has refused in CONNACK does not wait for the Client to close the connection",
        STATEMENTS(V5(4_13_2_1), V5(3_2_2_7)),
        SEND(A, CONNECT(PROPERTIES(TEXT(MQTT_AUTHENTICATION_METHOD, "MQSPEC-UNKNOWN")))),
        EXPECT_NEXT(A, V5(4_12_0_1), CLOSED(), CONNACK(.code = REFUSAL), CONNACK(.skip = LETS_IN)),
        EXPECT(A, V5(4_13_2_1), CLOSED())),
};
/* clang-format on */

FAMILY(disconnect_reasons, scenarios);
