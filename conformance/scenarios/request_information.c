/* What a Client asks to be told: Request Response Information and Request Problem Information. Sections 3.1.2.11.6 and
 * 3.1.2.11.7. */
#include "conformance/scenarios/shorthand.h"

#define RESPONSE_INFORMATION(wanted) PROPERTIES(NUMBER(MQTT_REQUEST_RESPONSE_INFORMATION, wanted))
#define PROBLEM_INFORMATION(wanted)  PROPERTIES(NUMBER(MQTT_REQUEST_PROBLEM_INFORMATION, wanted))

/* What only PUBLISH, CONNACK and DISCONNECT may have when Request Problem Information is 0. */
#define NOT_EXPLAINED PROPERTIES(ABSENT(MQTT_REASON_STRING), ABSENT(MQTT_USER_PROPERTY))

#define PERMITS_ALL "the target permits every publication and subscription"

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- Request Response Information: MQTT-3.1.2-28 ---- */

    SCENARIO_5_0(response_information_is_not_sent_unasked,
        "Without Request Response Information CONNACK has no Response Information",
        STATEMENTS(V5(3_1_2_28)),
        SEND(A, CONNECT()),
        EXPECT_NEXT(A, V5(3_1_2_28), CONNACK(.code = 0, PROPERTIES(ABSENT(MQTT_RESPONSE_INFORMATION))))),

    SCENARIO_5_0(response_information_is_not_sent_when_refused,
        "With Request Response Information 0 CONNACK has no Response Information",
        STATEMENTS(V5(3_1_2_28)),
        SEND(A, CONNECT(RESPONSE_INFORMATION(0))),
        EXPECT_NEXT(A, V5(3_1_2_28), CONNACK(.code = 0, PROPERTIES(ABSENT(MQTT_RESPONSE_INFORMATION))))),

    SCENARIO_5_0(response_information_is_for_its_connection,
        "Who asked for Response Information on one connection is not sent it on the next, where it did not ask",
        STATEMENTS(V5(3_1_2_28)),
        CONNECTED(A, .clean_session = 0, RESPONSE_INFORMATION(1)),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT_NEXT(A, V5(3_1_2_28), CONNACK(.code = 0, PROPERTIES(ABSENT(MQTT_RESPONSE_INFORMATION))))),

    SCENARIO_5_0(response_information_may_be_asked_for,
        "Request Response Information 1 is taken, whether or not Response Information comes",
        STATEMENTS(V5(3_1_4_5)),
        SEND(A, CONNECT(RESPONSE_INFORMATION(1))),
        EXPECT_NEXT(A, V5(3_1_4_5), CONNACK(.code = 0))),

    /* ---- Request Problem Information: MQTT-3.1.2-29 ---- */

    SCENARIO_5_0(problem_information_in_suback,
        "With Request Problem Information 0 the SUBACK of a refused subscription has no explanation",
        STATEMENTS(V5(3_1_2_29)),
        CONNECTED(A, PROBLEM_INFORMATION(0)),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}})),
        EXPECT(A, V5(3_1_2_29), SUBACK(.packet_identifier = 1, NOT_EXPLAINED)),
        SEND(A, SUBSCRIBE(.packet_identifier = 2, .filters = {{"~/denied/t", 0}})),
        EXPECT(A, V5(3_1_2_29), SUBACK(.packet_identifier = 2, NOT_EXPLAINED))),

    SCENARIO_5_0(problem_information_in_unsuback,
        "With Request Problem Information 0 the UNSUBACK for what was not subscribed has no explanation",
        STATEMENTS(V5(3_1_2_29)),
        CONNECTED(A, PROBLEM_INFORMATION(0)),
        SEND(A, UNSUBSCRIBE(.packet_identifier = 1, .filters = {{"~/never", -1}})),
        EXPECT(A, V5(3_1_2_29), UNSUBACK(.packet_identifier = 1, NOT_EXPLAINED))),

    SCENARIO_5_0(problem_information_in_puback,
        "With Request Problem Information 0 no PUBACK has an explanation, of a message taken or not permitted",
        STATEMENTS(V5(3_1_2_29)),
        CONNECTED(A, PROBLEM_INFORMATION(0)),
        SEND(A, PUBLISH(.qos = 1, .packet_identifier = 1, .payload = "to nobody")),
        EXPECT(A, V5(3_1_2_29), PUBACK(.packet_identifier = 1, NOT_EXPLAINED)),
        SEND(A, PUBLISH(.topic = "~/denied/t", .qos = 1, .packet_identifier = 2, .payload = "not permitted")),
        EXPECT(A, V5(3_1_2_29), PUBACK(.packet_identifier = 2, NOT_EXPLAINED),
                                CLOSED(.skip = "the target closes the connection of who publishes what it may not"))),

    SCENARIO_5_0(problem_information_in_pubrec,
        "With Request Problem Information 0 no PUBREC has an explanation, of a message taken or not permitted",
        STATEMENTS(V5(3_1_2_29)),
        CONNECTED(A, PROBLEM_INFORMATION(0)),
        SEND(A, PUBLISH(.qos = 2, .packet_identifier = 1, .payload = "to nobody")),
        EXPECT(A, V5(3_1_2_29), PUBREC(.packet_identifier = 1, NOT_EXPLAINED)),
        SEND(A, PUBLISH(.topic = "~/denied/t", .qos = 2, .packet_identifier = 2, .payload = "not permitted")),
        EXPECT(A, V5(3_1_2_29), PUBREC(.packet_identifier = 2, NOT_EXPLAINED),
                                CLOSED(.skip = "the target closes the connection of who publishes what it may not"))),

    SCENARIO_5_0(problem_information_in_pubcomp,
        "With Request Problem Information 0 the PUBCOMP for an unknown Packet Identifier has no explanation",
        STATEMENTS(V5(3_1_2_29)),
        CONNECTED(A, PROBLEM_INFORMATION(0)),
        SEND(A, PUBREL(.packet_identifier = 77)),
        EXPECT(A, V5(3_1_2_29), PUBCOMP(.packet_identifier = 77, NOT_EXPLAINED),
                                CLOSED(.skip = "the target closes the connection at an unknown Packet Identifier"))),

    SCENARIO_5_0(problem_information_in_pubrel,
        "With Request Problem Information 0 the PUBREL for an unknown Packet Identifier has no explanation",
        STATEMENTS(V5(3_1_2_29)),
        CONNECTED(A, PROBLEM_INFORMATION(0)),
        SEND(A, PUBREC(.packet_identifier = 77), PINGREQ()),
        EXPECT(A, V5(3_1_2_29), PUBREL(.packet_identifier = 77, NOT_EXPLAINED),
                                PINGRESP(.skip = "the target passes over a PUBREC with an unknown Packet Identifier"),
                                CLOSED(.skip = "the target closes the connection at an unknown Packet Identifier"))),

    SCENARIO_5_0(problem_information_0_leaves_messages_alone,
        "With Request Problem Information 0 messages still have their User Properties",
        STATEMENTS(V5(3_3_2_17)),
        CONNECTED(A, PROBLEM_INFORMATION(0)),
        GRANTED(A, "~/t", 1),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "hello", PROPERTIES(USER("name", "value"), USER("name", "value"))),
        RECEIVED_QOS1(A, V5(3_3_2_17), 0, .payload = "hello", PROPERTIES(USER("name", "value"), USER("name",
                "value")))),

    SCENARIO_5_0(problem_information_1_is_taken,
        "With Request Problem Information 1 a refused subscription is answered, with an explanation or without",
        STATEMENTS(V5(3_8_4_1)),
        CONNECTED(A, PROBLEM_INFORMATION(1)),
        SEND(A, SUBSCRIBE(.packet_identifier = 2, .filters = {{"~/denied/t", 0}})),
        EXPECT(A, V5(3_8_4_1), SUBACK(.packet_identifier = 2, CODES("\x80")),
                               SUBACK(.packet_identifier = 2, CODES("\x00"), .skip = PERMITS_ALL))),
};
/* clang-format on */

FAMILY(request_information, scenarios);
