/* Flow control: Receive Maximum, how many QoS 1 and 2 messages may be on the way unacknowledged. Sections 3.3.4
 * and 4.9.
 *
 * That a Server holds a message back shows where the answer to a PINGREQ is the next packet; should the message come
 * between that and the acknowledgement, the monitor sees it. A Server may use less of the quota than it has. */
#include "conformance/scenarios/shorthand.h"

#define TAKES(number)  PROPERTIES(NUMBER(MQTT_RECEIVE_MAXIMUM, number))
#define REFUSES_SOME   "the target refuses messages rather than to take as many as it may be sent"
#define TAKES_TOO_MANY "the target's Receive Maximum is more than this scenario sends"

/* A's quota of so many messages, of a subscription with this QoS; B publishes. */
#define LIMITED(number, granted) CONNECTED(A, TAKES(number)), GRANTED(A, "~/t", granted), CONNECTED(B)
#define LIMITED_SESSION(number, granted)                                                                               \
    CONNECTED(A, .clean_session = 0, TAKES(number)), GRANTED(A, "~/t", granted), CONNECTED(B)

/* A message comes and is not yet acknowledged. */
#define PENDING(breaks, n, ...) EXPECT(A, breaks, PUBLISH(.packet_identifier = ID(n), __VA_ARGS__))
#define PENDING_TOO(breaks, n, ...)                                                                                    \
    EXPECT(A, breaks, PUBLISH(.packet_identifier = ID(n), __VA_ARGS__), SILENCE(.before = 2000, .skip = ONE_AT_A_TIME))

/* No further message comes. */
#define HELD_BACK(breaks) SEND(A, PINGREQ()), EXPECT_NEXT(A, breaks, PINGRESP())

/* A Server that says how many it takes, and not too many to be sent. */
#define SERVER_IS_LIMITED(who, ...)                                                                                    \
    SEND(who, CONNECT(__VA_ARGS__)),                                                                                   \
        EXPECT(who, V5(3_1_4_5), CONNACK(.code = 0, PROPERTIES(BETWEEN(MQTT_RECEIVE_MAXIMUM, 1, 2000))),               \
               CONNACK(.code = 0, .skip = TAKES_TOO_MANY))
#define ALL_IT_TAKES     ANNOUNCED(MQTT_RECEIVE_MAXIMUM, 0)
#define ONE_MORE         ANNOUNCED(MQTT_RECEIVE_MAXIMUM, 1)
#define ONE_LESS         ANNOUNCED(MQTT_RECEIVE_MAXIMUM, -1)
#define UNRELEASED(many) PUBLISH(.qos = 2, .packet_identifier = 1, .repeat = many, .payload = "unreleased")

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- The Server sends: the quota ---- */

    SCENARIO_5_0(flow_control_maximum_1,
        "With Receive Maximum 1 the second QoS 1 message waits for the PUBACK of the first",
        STATEMENTS(V5(3_3_4_9), V5(4_9_0_2)),
        LIMITED(1, 1),
        PUBLISHED_QOS1(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PENDING(V5(4_9_0_1), 0, .qos = 1, .payload = "1"),
        HELD_BACK(V5(3_3_4_9)),
        SEND(A, PUBACK(.packet_identifier = ID(0))),
        RECEIVED_QOS1(A, V5(4_9_0_2), 1, .payload = "2")),

    SCENARIO_5_0(flow_control_maximum_2_exactly,
        "With Receive Maximum 2 two QoS 1 messages come without PUBACK, and the third waits",
        STATEMENTS(V5(4_9_0_2), V5(3_3_4_9), V5(4_9_0_1)),
        LIMITED(2, 1),
        PUBLISHED_QOS1(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PUBLISHED_QOS1(B, 3, .payload = "3"),
        PENDING(V5(4_9_0_1), 0, .qos = 1, .payload = "1"),
        PENDING_TOO(V5(4_9_0_1), 1, .qos = 1, .payload = "2"),
        HELD_BACK(V5(4_9_0_2)),
        SEND(A, PUBACK(.packet_identifier = ID(0))),
        RECEIVED_QOS1(A, V5(4_9_0_2), 2, .payload = "3")),

    SCENARIO_5_0(flow_control_begins_with_the_maximum,
        "The quota of a new connection is no more than Receive Maximum: of four messages that wait, at most three come",
        STATEMENTS(V5(4_9_0_1)),
        CONNECTED(A, .clean_session = 0),
        GRANTED(A, "~/t", 1),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PUBLISHED_QOS1(B, 3, .payload = "3"),
        PUBLISHED_QOS1(B, 4, .payload = "4"),
        CONNECTED(A, .clean_session = 0, TAKES(3)),
        PENDING(V5(4_9_0_1), 0, .qos = 1),
        PENDING_TOO(V5(4_9_0_1), 1, .qos = 1),
        PENDING_TOO(V5(4_9_0_1), 2, .qos = 1),
        HELD_BACK(V5(4_9_0_1))),

    SCENARIO_5_0(flow_control_messages_come_in_turn,
        "Whatever was held back comes in order, each as the one before it is acknowledged",
        STATEMENTS(V5(4_9_0_2), V5(4_6_0_5)),
        LIMITED(1, 1),
        PUBLISHED_QOS1(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PUBLISHED_QOS1(B, 3, .payload = "3"),
        PUBLISHED_QOS1(B, 4, .payload = "4"),
        RECEIVED_QOS1(A, V5(4_6_0_5), 0, .payload = "1"),
        RECEIVED_QOS1(A, V5(4_6_0_5), 1, .payload = "2"),
        RECEIVED_QOS1(A, V5(4_6_0_5), 2, .payload = "3"),
        RECEIVED_QOS1(A, V5(4_6_0_5), 3, .payload = "4")),

    SCENARIO_5_0(flow_control_qos_2_until_pubcomp,
        "A QoS 2 message takes its part of the quota until PUBCOMP: PUBREC does not set it free",
        STATEMENTS(V5(3_3_4_9), V5(4_9_0_2)),
        LIMITED(1, 2),
        PUBLISHED_QOS2(B, 1, .payload = "1"),
        PUBLISHED_QOS2(B, 2, .payload = "2"),
        PENDING(V5(4_9_0_1), 0, .qos = 2, .payload = "1"),
        HELD_BACK(V5(3_3_4_9)),
        SEND(A, PUBREC(.packet_identifier = ID(0))),
        EXPECT_NEXT(A, V5(4_3_3_4), PUBREL(.packet_identifier = ID(0))),
        HELD_BACK(V5(3_3_4_9)),
        SEND(A, PUBCOMP(.packet_identifier = ID(0))),
        RECEIVED_QOS2(A, V5(4_9_0_2), 1, .payload = "2")),

    SCENARIO_5_0(flow_control_shared_by_qos_1_and_2,
        "QoS 1 and QoS 2 messages share one quota",
        STATEMENTS(V5(3_3_4_9)),
        LIMITED(2, 2),
        PUBLISHED_QOS2(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PUBLISHED_QOS2(B, 3, .payload = "3"),
        PUBLISHED_QOS1(B, 4, .payload = "4"),
        PENDING(V5(4_9_0_1), 0, .topic = "~/t"),
        PENDING_TOO(V5(4_9_0_1), 1, .topic = "~/t"),
        HELD_BACK(V5(3_3_4_9))),

    /* ---- What sets a part of the quota free ---- */

    SCENARIO_5_0(flow_control_pubrec_with_failure_sets_free,
        "A PUBREC with Reason Code 0x80 ends the exchange: no PUBREL, and the next message comes",
        STATEMENTS(V5(4_9_0_2), V5(4_4_0_2)),
        LIMITED(1, 2),
        PUBLISHED_QOS2(B, 1, .payload = "1"),
        PUBLISHED_QOS2(B, 2, .payload = "2"),
        PENDING(V5(4_9_0_1), 0, .qos = 2, .payload = "1"),
        SEND(A, PUBREC(.packet_identifier = ID(0), .reason = MQTT_REASON_UNSPECIFIED_ERROR)),
        EXPECT_NEXT(A, V5(4_9_0_2), PUBLISH(.qos = 2, .payload = "2"))),

    SCENARIO_5_0(flow_control_pubrec_with_every_failure_sets_free,
        "A PUBREC with another Reason Code above 0x80, 0x97 Quota exceeded, ends the exchange as well",
        STATEMENTS(V5(4_9_0_2), V5(4_4_0_2)),
        LIMITED(1, 2),
        PUBLISHED_QOS2(B, 1, .payload = "1"),
        PUBLISHED_QOS2(B, 2, .payload = "2"),
        PENDING(V5(4_9_0_1), 0, .qos = 2, .payload = "1"),
        SEND(A, PUBREC(.packet_identifier = ID(0), .reason = MQTT_REASON_QUOTA_EXCEEDED)),
        EXPECT_NEXT(A, V5(4_9_0_2), PUBLISH(.qos = 2, .payload = "2"))),

    SCENARIO_5_0(flow_control_pubrec_with_0x10_sets_nothing_free,
        "A PUBREC with Reason Code 0x10 is no failure: PUBREL follows, and the next message waits for PUBCOMP",
        STATEMENTS(V5(3_3_4_9), V5(4_3_3_4)),
        LIMITED(1, 2),
        PUBLISHED_QOS2(B, 1, .payload = "1"),
        PUBLISHED_QOS2(B, 2, .payload = "2"),
        PENDING(V5(4_9_0_1), 0, .qos = 2, .payload = "1"),
        SEND(A, PUBREC(.packet_identifier = ID(0), .reason = MQTT_REASON_NO_MATCHING_SUBSCRIBERS)),
        EXPECT_NEXT(A, V5(4_3_3_4), PUBREL(.packet_identifier = ID(0))),
        HELD_BACK(V5(3_3_4_9)),
        SEND(A, PUBCOMP(.packet_identifier = ID(0))),
        RECEIVED_QOS2(A, V5(4_9_0_2), 1, .payload = "2")),

    SCENARIO_5_0(flow_control_puback_with_failure_sets_free,
        "A PUBACK with Reason Code 0x80 ends the exchange: the next message comes",
        STATEMENTS(V5(4_9_0_2)),
        LIMITED(1, 1),
        PUBLISHED_QOS1(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PENDING(V5(4_9_0_1), 0, .qos = 1, .payload = "1"),
        SEND(A, PUBACK(.packet_identifier = ID(0), .reason = MQTT_REASON_UNSPECIFIED_ERROR)),
        RECEIVED_QOS1(A, V5(4_9_0_2), 1, .payload = "2")),

    SCENARIO_5_0(flow_control_refused_message_is_not_sent_again,
        "A message that was answered with PUBREC 0x80 is not sent again on a new connection",
        STATEMENTS(V5(4_4_0_2)),
        LIMITED_SESSION(1, 2),
        PUBLISHED_QOS2(B, 1, .payload = "refused"),
        PENDING(V5(4_5_0_1), 0, .qos = 2, .payload = "refused"),
        SEND(A, PUBREC(.packet_identifier = ID(0), .reason = MQTT_REASON_UNSPECIFIED_ERROR)),
        PINGED(A, V5(3_12_4_1)),
        DROP(A),
        CONNECTED(A, .clean_session = 0),
        PUBLISHED_QOS2(B, 2, .payload = "fence"),
        EXPECT_NEXT(A, V5(4_4_0_2), PUBLISH(.qos = 2, .payload = "fence"))),

    SCENARIO_5_0(flow_control_refused_qos_1_message_is_not_sent_again,
        "A message that was answered with PUBACK 0x80 is not sent again on a new connection",
        STATEMENTS(V5(4_4_0_2)),
        LIMITED_SESSION(1, 1),
        PUBLISHED_QOS1(B, 1, .payload = "refused"),
        PENDING(V5(4_5_0_1), 0, .qos = 1, .payload = "refused"),
        SEND(A, PUBACK(.packet_identifier = ID(0), .reason = MQTT_REASON_UNSPECIFIED_ERROR)),
        PINGED(A, V5(3_12_4_1)),
        DROP(A),
        CONNECTED(A, .clean_session = 0),
        PUBLISHED_QOS1(B, 2, .payload = "fence"),
        EXPECT_NEXT(A, V5(4_4_0_2), PUBLISH(.qos = 1, .payload = "fence"))),

    /* ---- All other packets go on ---- */

    SCENARIO_5_0(flow_control_leaves_pings,
        "While the quota is used up PINGREQ is answered",
        STATEMENTS(V5(4_9_0_3)),
        LIMITED(1, 1),
        PUBLISHED_QOS1(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PENDING(V5(4_9_0_1), 0, .qos = 1, .payload = "1"),
        SEND(A, PINGREQ()),
        EXPECT(A, V5(4_9_0_3), PINGRESP())),

    SCENARIO_5_0(flow_control_leaves_subscriptions,
        "While the quota is used up SUBSCRIBE and UNSUBSCRIBE are answered",
        STATEMENTS(V5(3_3_4_10), V5(4_9_0_3)),
        LIMITED(1, 1),
        PUBLISHED_QOS1(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PENDING(V5(4_9_0_1), 0, .qos = 1, .payload = "1"),
        SEND(A, SUBSCRIBE(.packet_identifier = 5, .filters = {{"~/other", 1}})),
        EXPECT(A, V5(3_3_4_10), SUBACK(.packet_identifier = 5)),
        SEND(A, UNSUBSCRIBE(.packet_identifier = 6, .filters = {{"~/other", -1}})),
        EXPECT(A, V5(3_3_4_10), UNSUBACK(.packet_identifier = 6))),

    SCENARIO_5_0(flow_control_leaves_what_the_client_publishes,
        "While the quota is used up the Client's own messages of QoS 1 and 2 are acknowledged",
        STATEMENTS(V5(3_3_4_10), V5(4_9_0_3)),
        LIMITED(1, 1),
        PUBLISHED_QOS1(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PENDING(V5(4_9_0_1), 0, .qos = 1, .payload = "1"),
        SEND(A, PUBLISH(.topic = "~/other", .qos = 1, .packet_identifier = 7, .payload = "mine")),
        EXPECT(A, V5(3_3_4_10), PUBACK(.packet_identifier = 7)),
        SEND(A, PUBLISH(.topic = "~/other", .qos = 2, .packet_identifier = 8, .payload = "mine")),
        EXPECT(A, V5(3_3_4_10), PUBREC(.packet_identifier = 8)),
        SEND(A, PUBREL(.packet_identifier = 8)),
        EXPECT(A, V5(3_3_4_10), PUBCOMP(.packet_identifier = 8))),

    SCENARIO_5_0(flow_control_leaves_others_alone,
        "One Client's quota that is used up does not hold up another's messages",
        STATEMENTS(V5(4_9_0_2), V5(4_5_0_1)),
        LIMITED(1, 1),
        CONNECTED(C),
        GRANTED(C, "~/t", 1),
        PUBLISHED_QOS1(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PENDING(V5(4_9_0_1), 0, .qos = 1, .payload = "1"),
        RECEIVED_QOS1(C, V5(4_5_0_1), 1, .payload = "1"),
        RECEIVED_QOS1(C, V5(4_5_0_1), 2, .payload = "2"),
        HELD_BACK(V5(4_9_0_2))),

    /* ---- A new connection ---- */

    SCENARIO_5_0(flow_control_of_the_new_connection,
        "On a new connection its own Receive Maximum counts: with a smaller one less is sent again at a time",
        STATEMENTS(V5(3_3_4_9), V5(4_9_0_1)),
        LIMITED_SESSION(3, 1),
        PUBLISHED_QOS1(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PUBLISHED_QOS1(B, 3, .payload = "3"),
        PENDING(V5(4_9_0_1), 0, .qos = 1, .payload = "1"),
        PENDING_TOO(V5(4_9_0_1), 1, .qos = 1, .payload = "2"),
        DROP(A),
        CONNECTED(A, .clean_session = 0, TAKES(1)),
        PENDING(V5(4_4_0_1), 0, .qos = 1, .payload = "1"),
        HELD_BACK(V5(3_3_4_9)),
        SEND(A, PUBACK(.packet_identifier = ID(0))),
        RECEIVED_QOS1(A, V5(4_9_0_2), 1, .payload = "2"),
        RECEIVED_QOS1(A, V5(4_9_0_2), 2, .payload = "3")),

    SCENARIO_5_0(flow_control_starts_anew,
        "On a new connection the quota is whole again: what was held back comes with what is sent again",
        STATEMENTS(V5(4_9_0_1), V5(4_4_0_1)),
        LIMITED_SESSION(1, 1),
        PUBLISHED_QOS1(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PENDING(V5(4_9_0_1), 0, .qos = 1, .payload = "1"),
        HELD_BACK(V5(3_3_4_9)),
        DROP(A),
        CONNECTED(A, .clean_session = 0, TAKES(2)),
        RECEIVED_QOS1(A, V5(4_4_0_1), 0, .payload = "1"),
        RECEIVED_QOS1(A, V5(4_9_0_1), 1, .payload = "2")),

    SCENARIO_5_0(flow_control_of_what_was_queued,
        "What was queued for a Client that was away comes within its Receive Maximum",
        STATEMENTS(V5(3_3_4_9), V5(4_9_0_2)),
        CONNECTED(A, .clean_session = 0),
        GRANTED(A, "~/t", 1),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "1"),
        PUBLISHED_QOS1(B, 2, .payload = "2"),
        PUBLISHED_QOS1(B, 3, .payload = "3"),
        CONNECTED(A, .clean_session = 0, TAKES(1)),
        PENDING(V5(4_9_0_1), 0, .qos = 1, .payload = "1"),
        HELD_BACK(V5(4_9_0_2)),
        SEND(A, PUBACK(.packet_identifier = ID(0))),
        RECEIVED_QOS1(A, V5(4_9_0_2), 1, .payload = "2"),
        RECEIVED_QOS1(A, V5(4_9_0_2), 2, .payload = "3")),

    SCENARIO_5_0(flow_control_of_retained_messages,
        "Retained messages come within the Client's Receive Maximum as any others",
        STATEMENTS(V5(3_3_4_9)),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .topic = "~/r/1", .retain = 1, .payload = "kept"),
        PUBLISHED_QOS1(B, 2, .topic = "~/r/2", .retain = 1, .payload = "kept"),
        PUBLISHED_QOS1(B, 3, .topic = "~/r/3", .retain = 1, .payload = "kept"),
        CONNECTED(A, TAKES(1)),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/r/+", 1}})),
        EXPECT(A, V5(3_8_4_1), SUBACK(.packet_identifier = 1, CODES("\x01")),
                               SUBACK(.skip = "the target does not grant the QoS that is asked for")),
        PENDING(V5(3_3_1_9), 0, .qos = 1, .payload = "kept"),
        HELD_BACK(V5(3_3_4_9))),

    SCENARIO_5_0(flow_control_goes_on,
        "The quota is used up and set free time and again",
        STATEMENTS(V5(4_9_0_2), V5(4_9_0_1)),
        LIMITED(1, 2),
        PUBLISHED_QOS2(B, 1, .payload = "1"),
        PUBLISHED_QOS2(B, 2, .payload = "2"),
        PUBLISHED_QOS2(B, 3, .payload = "3"),
        RECEIVED_QOS2(A, V5(4_9_0_2), 0, .payload = "1"),
        RECEIVED_QOS2(A, V5(4_9_0_2), 1, .payload = "2"),
        PENDING(V5(4_9_0_2), 2, .qos = 2, .payload = "3"),
        PUBLISHED_QOS2(B, 4, .payload = "4"),
        HELD_BACK(V5(4_9_0_2))),

    /* ---- The Server receives ---- */

    SCENARIO_5_0(flow_control_of_the_server_exactly,
        "As many unreleased QoS 2 messages as CONNACK allows are taken, each answered with PUBREC",
        STATEMENTS(V5(3_3_4_7)),
        SERVER_IS_LIMITED(A),
        SEND(A, UNRELEASED(ALL_IT_TAKES), PINGREQ()),
        EXPECT(A, V5(3_3_4_7), PINGRESP()),
        EXPECT(A, V5(3_3_4_1), PUBREC(.packet_identifier = 1), PUBREC(.may_come = true)),
        PINGED(A, V5(3_3_4_7))),

    SCENARIO_5_0(flow_control_of_the_server_exceeded,
        "One unreleased QoS 2 message more than CONNACK allows closes the connection",
        STATEMENTS(V5(3_3_4_7)),
        SERVER_IS_LIMITED(A),
        SEND(A, UNRELEASED(ONE_MORE)),
        EXPECT(A, V5(3_3_4_7), CLOSED(), PUBREC(.reason = FINE, .may_come = true),
                               PUBREC(.reason = REFUSAL, .skip = REFUSES_SOME))),

    SCENARIO_5_0(flow_control_of_the_server_leaves_qos_0,
        "QoS 0 messages do not count: they are taken where unreleased QoS 2 messages use up the quota",
        STATEMENTS(V5(4_9_0_3)),
        CONNECTED(B),
        SUBSCRIBED(B, "~/other", 0),
        SERVER_IS_LIMITED(A),
        SEND(A, UNRELEASED(ALL_IT_TAKES)),
        FENCED(A, B, V5(4_9_0_3), "~/other"),
        PINGED(A, V5(4_9_0_3))),

    SCENARIO_5_0(flow_control_of_the_server_is_set_free,
        "A message that was released by PUBREL and PUBCOMP makes room for another",
        STATEMENTS(V5(3_3_4_7), V5(4_3_3_11)),
        SERVER_IS_LIMITED(A),
        SEND(A, UNRELEASED(ALL_IT_TAKES)),
        EXPECT(A, V5(3_3_4_1), PUBREC(.packet_identifier = 1), PUBREC(.may_come = true)),
        SEND(A, PUBREL(.packet_identifier = 1)),
        EXPECT(A, V5(4_3_3_11), PUBCOMP(.packet_identifier = 1)),
        SEND(A, PUBLISH(.qos = 2, .packet_identifier = 3000, .payload = "one more"), PINGREQ()),
        EXPECT(A, V5(3_3_4_7), PINGRESP()),
        PINGED(A, V5(3_3_4_7))),

    SCENARIO_5_0(flow_control_of_the_server_has_one_place_left,
        "Messages that are acknowledged do not count: with one place left any number can follow each other",
        STATEMENTS(V5(3_3_4_7), V5(3_3_4_1)),
        SEND(A, CONNECT()),
        EXPECT(A, V5(3_1_4_5), CONNACK(.code = 0, PROPERTIES(BETWEEN(MQTT_RECEIVE_MAXIMUM, 2, 2000))),
                               CONNACK(.code = 0, .skip = "the target's Receive Maximum is 1, or too large")),
        SEND(A, UNRELEASED(ONE_LESS), PINGREQ()),
        EXPECT(A, V5(3_3_4_7), PINGRESP()),
        PUBLISHED_QOS1(A, 3000, .payload = "1"),
        PUBLISHED_QOS1(A, 3001, .payload = "2"),
        SEND(A, PUBLISH(.qos = 2, .packet_identifier = 3002, .payload = "3")),
        EXPECT(A, V5(3_3_4_1), PUBREC(.packet_identifier = 3002), PUBREC(.may_come = true)),
        SEND(A, PUBREL(.packet_identifier = 3002)),
        EXPECT(A, V5(4_3_3_11), PUBCOMP(.packet_identifier = 3002)),
        SEND(A, PUBLISH(.qos = 2, .packet_identifier = 3003, .payload = "4")),
        EXPECT(A, V5(3_3_4_1), PUBREC(.packet_identifier = 3003), PUBREC(.may_come = true)),
        SEND(A, PUBREL(.packet_identifier = 3003)),
        EXPECT(A, V5(4_3_3_11), PUBCOMP(.packet_identifier = 3003)),
        PUBLISHED_QOS1(A, 3004, .payload = "5")),
};
/* clang-format on */

FAMILY(flow_control, scenarios);
