/* CONNECT: who is let in, who is not, and what happens to a connection that is taken over. Section 3.1. */
#include "conformance/scenarios/shorthand.h"

#define NAMES_NOBODY    "the target accepts no empty Client Identifier"
#define OUTSIDE_1_TO_23 "accepted, though MQTT 3.1 asks for 1 to 23 characters"

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- Let in ---- */

    SCENARIO(connect_is_accepted,
        "A valid CONNECT is answered with CONNACK return code 0",
        STATEMENTS(V311(3_1_4_4)),
        SEND(A, CONNECT()),
        EXPECT_NEXT(A, V311(3_1_4_4), CONNACK(.code = 0))),

    SCENARIO_3_1_1(connect_needs_nothing_beyond_the_standard,
        "A Client that does only what the standard describes can connect, subscribe, publish, ping and leave",
        STATEMENTS(V311(7_0_0_2)),
        SEND(A, CONNECT()),
        EXPECT(A, V311(7_0_0_2), CONNACK(.code = 0)),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}})),
        EXPECT(A, V311(7_0_0_2), SUBACK(.packet_identifier = 1)),
        SEND(A, PUBLISH(.qos = 1, .packet_identifier = 2, .payload = "to myself")),
        EXPECT_ALL(A, V311(7_0_0_2), PUBACK(.packet_identifier = 2), PUBLISH(.qos = 0, .payload = "to myself")),
        SEND(A, UNSUBSCRIBE(.packet_identifier = 3, .filters = {{"~/t", -1}})),
        EXPECT(A, V311(7_0_0_2), UNSUBACK(.packet_identifier = 3)),
        SEND(A, PINGREQ()),
        EXPECT(A, V311(7_0_0_2), PINGRESP()),
        DISCONNECTED(A)),

    SCENARIO(connect_byte_by_byte,
        "A CONNECT that arrives byte by byte is accepted",
        STATEMENTS(V311(3_1_4_4)),
        SEND_BROKEN(A, BYTEWISE, 0, 0, CONNECT(.will_topic = "~/will", .will_message = "gone")),
        EXPECT(A, V311(3_1_4_4), CONNACK(.code = 0)),
        PINGED(A, V311(3_12_4_1))),

    SCENARIO(connect_does_not_wait_for_connack,
        "Packets sent right behind CONNECT are handled, and CONNACK is the first answer",
        STATEMENTS(V311(3_2_0_1)),
        SEND(A, CONNECT(), SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}}), PINGREQ()),
        EXPECT_NEXT(A, V311(3_2_0_1), CONNACK(.code = 0)),
        EXPECT(A, V311(3_8_4_1), SUBACK(.packet_identifier = 1)),
        EXPECT(A, V311(3_12_4_1), PINGRESP())),

    SCENARIO(connect_longest_keep_alive,
        "The longest Keep Alive, 65535 seconds, is accepted",
        STATEMENTS(V311(3_1_4_4)),
        CONNECTED(A, .keep_alive = 65535),
        PINGED(A, V311(3_12_4_1))),

    /* ---- Client Identifiers ---- */

    SCENARIO(connect_identifier_of_one_byte,
        "A Client Identifier of one byte is accepted",
        STATEMENTS(V311(3_1_3_5)),
        SEND(A, CONNECT(.client_identifier = "q")),
        EXPECT(A, V311(3_1_3_5), CONNACK(.code = 0))),

    SCENARIO(connect_identifier_of_23_bytes,
        "Client Identifiers of 23 bytes, of every digit and letter, are accepted",
        STATEMENTS(V311(3_1_3_5)),
        SEND(A, CONNECT(.client_identifier = "0123456789abcdefghijklm")),
        EXPECT(A, V311(3_1_3_5), CONNACK(.code = 0)),
        SEND(B, CONNECT(.client_identifier = "nopqrstuvwxyzABCDEFGHIJ")),
        EXPECT(B, V311(3_1_3_5), CONNACK(.code = 0)),
        SEND(C, CONNECT(.client_identifier = "KLMNOPQRSTUVWXYZ0123456")),
        EXPECT(C, V311(3_1_3_5), CONNACK(.code = 0))),

    SCENARIO(connect_identifiers_tell_clients_apart,
        "Clients whose identifiers differ in the last byte, or in case, do not get into each other's way",
        STATEMENTS(V311(3_1_3_2)),
        CONNECTED(A, .client_identifier = "~x", .clean_session = 0),
        SEND(B, CONNECT(.client_identifier = "~y")),
        EXPECT(B, V311(3_1_3_2), CONNACK(.code = 0)),
        SEND(C, CONNECT(.client_identifier = "~X")),
        EXPECT(C, V311(3_1_3_2), CONNACK(.code = 0)),
        PINGED(A, V311(3_1_3_2)),
        PINGED(B, V311(3_1_3_2)),
        PINGED(C, V311(3_1_3_2))),

    SCENARIO_3_1_1_AND_5(connect_empty_identifiers_are_made_unique,
        "Clients with an empty Client Identifier are each given one of their own",
        STATEMENTS(V311(3_1_3_6)),
        SEND(A, CONNECT(.client_identifier = "")),
        EXPECT(A, V311(3_1_3_6), CONNACK(.code = 0, .session_present = 0),
                                 CONNACK(.code = 2, .skip = NAMES_NOBODY), CLOSED(.skip = NAMES_NOBODY)),
        SEND(B, CONNECT(.client_identifier = "")),
        EXPECT(B, V311(3_1_3_6), CONNACK(.code = 0, .session_present = 0)),
        PINGED(A, V311(3_1_3_6)),
        PINGED(B, V311(3_1_3_6))),

    SCENARIO_3_1_1_AND_5(connect_empty_identifier_works_like_any,
        "A Client with an empty Client Identifier is served like any other",
        STATEMENTS(V311(3_1_3_6)),
        SEND(A, CONNECT(.client_identifier = "")),
        EXPECT(A, V311(3_1_3_6), CONNACK(.code = 0),
                                 CONNACK(.code = 2, .skip = NAMES_NOBODY), CLOSED(.skip = NAMES_NOBODY)),
        SUBSCRIBED(A, "~/t", 0),
        SEND(A, PUBLISH(.payload = "to myself")),
        EXPECT(A, V311(3_1_3_6), PUBLISH(.topic = "~/t", .payload = "to myself"))),

    SCENARIO_3_1_1(connect_empty_identifier_needs_clean_session,
        "An empty Client Identifier with CleanSession 0 is refused with return code 2",
        STATEMENTS(V311(3_1_3_8), V311(3_1_3_7)),
        SEND(A, CONNECT(.client_identifier = "", .clean_session = 0)),
        EXPECT_NEXT(A, V311(3_1_3_8), CONNACK(.code = 2),
                                      CLOSED(.warn = "closed without the return code 2 that MQTT-3.1.3-8 asks for")),
        EXPECT(A, V311(3_1_3_8), CLOSED())),

    SCENARIO_3_1(connect_empty_identifier_is_refused,
        "In MQTT 3.1 an empty Client Identifier is refused with return code 2",
        STATEMENTS(V311(3_1_3_9)),
        SEND(A, CONNECT(.client_identifier = "")),
        EXPECT_NEXT(A, V311(3_1_3_9), CONNACK(.code = 2),
                                      CONNACK(.code = 0, .warn = OUTSIDE_1_TO_23))),

    SCENARIO_3_1(connect_identifier_of_24_bytes_is_refused,
        "In MQTT 3.1 a Client Identifier of more than 23 characters is refused with return code 2",
        STATEMENTS(V311(3_1_3_9)),
        SEND(A, CONNECT(.client_identifier = "0123456789abcdefghijklmn")),
        EXPECT_NEXT(A, V311(3_1_3_9), CONNACK(.code = 2),
                                      CONNACK(.code = 0, .warn = OUTSIDE_1_TO_23))),

    SCENARIO_3_1_1(connect_refused_identifier_gets_return_code_2,
        "A Client Identifier of 2000 bytes is accepted, or refused with return code 2",
        STATEMENTS(V311(3_1_3_9)),
#define BYTES_20  "0123456789abcdefghij"
#define BYTES_100 BYTES_20 BYTES_20 BYTES_20 BYTES_20 BYTES_20
#define BYTES_500 BYTES_100 BYTES_100 BYTES_100 BYTES_100 BYTES_100
        SEND(A, CONNECT(.client_identifier = BYTES_500 BYTES_500 BYTES_500 BYTES_500)),
        EXPECT_NEXT(A, V311(3_1_3_9), CONNACK(.code = 2),
                                      CONNACK(.code = 0, .skip = "the target accepts a long Client Identifier")),
        EXPECT(A, V311(3_1_3_9), CLOSED())),

    /* ---- The protocol ---- */

    SCENARIO_3_1_1(connect_unknown_level_is_refused,
        "An unknown Protocol Level is answered with return code 1 and the connection closed",
        STATEMENTS(V311(3_1_2_2)),
        SEND(A, CONNECT(.protocol_level = 0x7F)),
        EXPECT_NEXT(A, V311(3_1_2_2), CONNACK(.code = 1),
                                      CLOSED(.warn = "closed without the return code 1 that MQTT-3.1.2-2 asks for")),
        EXPECT(A, V311(3_1_2_2), CLOSED())),

    SCENARIO_3_1_1(connect_level_0_is_refused,
        "Protocol Level 0 is answered with return code 1 and the connection closed",
        STATEMENTS(V311(3_1_2_2)),
        SEND(A, CONNECT(.protocol_level = 0)),
        EXPECT_NEXT(A, V311(3_1_2_2), CONNACK(.code = 1),
                                      CLOSED(.warn = "closed without the return code 1 that MQTT-3.1.2-2 asks for")),
        EXPECT(A, V311(3_1_2_2), CLOSED())),

    SCENARIO_3_1_1_AND_5(connect_unknown_protocol_name,
        "A CONNECT with an unknown protocol name is not served",
        STATEMENTS(V311(3_1_2_1)),
        SEND(A, CONNECT(.protocol_name = "MQTX")),
        REFUSED(A, V311(3_1_2_1))),

    SCENARIO_3_1_1_AND_5(connect_protocol_name_in_lower_case,
        "The protocol name is told by its bytes: \"mqtt\" is not served",
        STATEMENTS(V311(3_1_2_1)),
        SEND(A, CONNECT(.protocol_name = "mqtt")),
        REFUSED(A, V311(3_1_2_1))),

    SCENARIO_3_1_1_AND_5(connect_empty_protocol_name,
        "A CONNECT with an empty protocol name is not served",
        STATEMENTS(V311(3_1_2_1)),
        SEND(A, CONNECT(.protocol_name = "")),
        REFUSED(A, V311(3_1_2_1))),

    SCENARIO_3_1_1(connect_old_name_with_new_level,
        "The protocol name of MQTT 3.1 with the level of 3.1.1 is not served as MQTT 3.1.1",
        STATEMENTS(V311(3_1_2_1)),
        SEND(A, CONNECT(.protocol_name = "MQIsdp", .protocol_level = 4)),
        EXPECT_NEXT(A, V311(3_1_2_1), CLOSED(), CONNACK(.code = REFUSAL),
                    CONNACK(.code = 0, .skip = "the target serves the name MQIsdp by another specification"))),

    /* ---- Out of turn ---- */

    SCENARIO_3_1_1_AND_5(connect_twice,
        "A second CONNECT on one connection closes it",
        STATEMENTS(V311(3_1_0_2)),
        CONNECTED(A),
        SEND(A, CONNECT()),
        EXPECT(A, V311(3_1_0_2), CLOSED())),

    SCENARIO_3_1_1_AND_5(connect_must_come_before_pingreq,
        "A connection that begins with PINGREQ is closed unanswered",
        STATEMENTS(V311(3_1_0_1)),
        SEND(A, PINGREQ()),
        EXPECT_NEXT(A, V311(3_1_0_1), CLOSED())),

    SCENARIO_3_1_1_AND_5(connect_must_come_before_subscribe,
        "A connection that begins with SUBSCRIBE is closed unanswered",
        STATEMENTS(V311(3_1_0_1)),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}})),
        EXPECT_NEXT(A, V311(3_1_0_1), CLOSED())),

    SCENARIO_3_1_1_AND_5(connect_must_come_before_unsubscribe,
        "A connection that begins with UNSUBSCRIBE is closed unanswered",
        STATEMENTS(V311(3_1_0_1)),
        SEND(A, UNSUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", -1}})),
        EXPECT_NEXT(A, V311(3_1_0_1), CLOSED())),

    SCENARIO_3_1_1_AND_5(connect_must_come_before_publish,
        "A PUBLISH before CONNECT closes the connection and reaches nobody",
        STATEMENTS(V311(3_1_0_1)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        SEND(B, PUBLISH(.qos = 1, .packet_identifier = 1, .payload = "too early")),
        EXPECT_NEXT(B, V311(3_1_0_1), CLOSED()),
        FENCED(A, A, V311(3_1_0_1), "~/t")),

    SCENARIO_3_1_1_AND_5(connect_must_come_before_pubrel,
        "A connection that begins with PUBREL is closed unanswered",
        STATEMENTS(V311(3_1_0_1)),
        SEND(A, PUBREL(.packet_identifier = 1)),
        EXPECT_NEXT(A, V311(3_1_0_1), CLOSED())),

    /* ---- Taking over ---- */

    SCENARIO(connect_takes_over_client_identifier,
        "A second Client with the same Client Identifier displaces the first",
        STATEMENTS(V311(3_1_4_2)),
        CONNECTED(A, .client_identifier = "~same"),
        SEND(B, CONNECT(.client_identifier = "~same")),
        EXPECT(A, V311(3_1_4_2), CLOSED()),
        EXPECT(B, V311(3_1_4_4), CONNACK(.code = 0)),
        PINGED(B, V311(3_1_4_2))),

    SCENARIO_3_1_1_AND_5(connect_takes_over_session,
        "Who takes over a Client Identifier with CleanSession 0 takes over its session and subscriptions",
        STATEMENTS(V311(3_1_4_2), V311(3_1_2_4)),
        CONNECTED(A, .client_identifier = "~same", .clean_session = 0),
        SUBSCRIBED(A, "~/t", 0),
        SEND(B, CONNECT(.client_identifier = "~same", .clean_session = 0)),
        EXPECT(A, V311(3_1_4_2), CLOSED()),
        EXPECT(B, V311(3_2_2_2), CONNACK(.code = 0, .session_present = 1)),
        FENCED(B, B, V311(3_1_2_4), "~/t")),

    SCENARIO(connect_takes_over_what_is_in_flight,
        "A message that the displaced Client has not acknowledged is sent again to the one that took over",
        STATEMENTS(V311(3_1_4_2), V311(4_4_0_1)),
        CONNECTED(A, .client_identifier = "~same", .clean_session = 0),
        GRANTED(A, "~/t", 1),
        CONNECTED(C),
        PUBLISHED_QOS1(C, 1, .payload = "pending"),
        EXPECT(A, V311(4_3_2_1), PUBLISH(.qos = 1, .packet_identifier = ID(0), .payload = "pending")),
        CONNECTED(B, .client_identifier = "~same", .clean_session = 0),
        EXPECT(A, V311(3_1_4_2), CLOSED()),
        RECEIVED_QOS1(B, V311(4_4_0_1), 0, .payload = "pending")),

    SCENARIO(connect_takes_over_with_clean_session,
        "Who takes over a Client Identifier with CleanSession 1 gets nothing of the earlier session",
        STATEMENTS(V311(3_1_4_2), V311(3_1_2_6)),
        CONNECTED(A, .client_identifier = "~same", .clean_session = 0),
        GRANTED(A, "~/t", 1),
        CONNECTED(C),
        PUBLISHED_QOS1(C, 1, .payload = "pending"),
        EXPECT(A, V311(4_3_2_1), PUBLISH(.qos = 1, .payload = "pending")),
        CONNECTED(B, .client_identifier = "~same"),
        EXPECT(A, V311(3_1_4_2), CLOSED()),
        SUBSCRIBED(B, "~/t", 0),
        FENCED(C, B, V311(3_1_2_6), "~/t")),
};
/* clang-format on */

FAMILY(connect, scenarios);
