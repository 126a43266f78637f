/* QoS 0: at most once. Section 4.3.1. */
#include "conformance/scenarios/shorthand.h"

/* clang-format off */
static const struct scenario scenarios[] = {

    SCENARIO(qos0_reaches_subscriber,
        "A QoS 0 message reaches a subscriber, at QoS 0 and with DUP 0",
        STATEMENTS(V311(4_3_1_1)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "hello")),
        EXPECT(A, V311(4_3_1_1), PUBLISH(.topic = "~/t", .qos = 0, .dup = 0, .payload = "hello"))),

    SCENARIO(qos0_reaches_publisher_that_subscribed,
        "A Client that subscribed to its own topic receives its own message",
        STATEMENTS(V311(4_3_1_1)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        SEND(A, PUBLISH(.payload = "to myself")),
        EXPECT(A, V311(4_3_1_1), PUBLISH(.topic = "~/t", .qos = 0, .payload = "to myself"))),

    SCENARIO(qos0_reaches_every_subscriber,
        "A QoS 0 message reaches every subscriber",
        STATEMENTS(V311(4_5_0_1)),
        CONNECTED(A), SUBSCRIBED(A, "~/t", 0),
        CONNECTED(B), SUBSCRIBED(B, "~/t", 0),
        CONNECTED(C), SUBSCRIBED(C, "~/t", 0),
        CONNECTED(D),
        SEND(D, PUBLISH(.payload = "to all")),
        EXPECT(A, V311(4_5_0_1), PUBLISH(.payload = "to all")),
        EXPECT(B, V311(4_5_0_1), PUBLISH(.payload = "to all")),
        EXPECT(C, V311(4_5_0_1), PUBLISH(.payload = "to all"))),

    SCENARIO(qos0_comes_once,
        "A QoS 0 message comes once",
        STATEMENTS(V311(4_3_1_1)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "once")),
        EXPECT(A, V311(4_3_1_1), PUBLISH(.payload = "once")),
        FENCED(B, A, V311(4_3_1_1), "~/t")),

    SCENARIO(qos0_has_no_packet_identifier,
        "A QoS 0 message has no Packet Identifier between topic and payload",
        STATEMENTS(V311(2_3_1_5)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "payload")),
        EXPECT(A, V311(2_3_1_5), PUBLISH(.qos = 0, .payload = "payload"))),

    SCENARIO(qos0_has_no_packet_identifier_when_downgraded,
        "A QoS 1 message sent on at QoS 0 has no Packet Identifier",
        STATEMENTS(V311(2_3_1_5), V311(3_8_4_6)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 7, .payload = "payload"),
        EXPECT(A, V311(2_3_1_5), PUBLISH(.qos = 0, .payload = "payload"))),

    SCENARIO(qos0_is_not_acknowledged,
        "A QoS 0 PUBLISH is not answered: the next packet is the answer to a PINGREQ",
        STATEMENTS(V311(3_3_4_1)),
        CONNECTED(A),
        SEND(A, PUBLISH(.payload = "hello")),
        SEND(A, PINGREQ()),
        EXPECT_NEXT(A, V311(3_3_4_1), PINGRESP())),

    SCENARIO_3_1_1_AND_5(qos0_never_has_dup,
        "A QoS 0 message has DUP 0, also where it was published at QoS 1 with DUP 1",
        STATEMENTS(V311(3_3_1_2), V311(3_3_1_3)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "plain")),
        EXPECT(A, V311(3_3_1_2), PUBLISH(.qos = 0, .dup = 0, .payload = "plain")),
        PUBLISHED_QOS1(B, 7, .dup = 1, .payload = "repeated"),
        EXPECT(A, V311(3_3_1_3), PUBLISH(.qos = 0, .dup = 0, .payload = "repeated"))),

    SCENARIO_3_1_1_AND_5(qos0_with_dup_is_not_sent_on_so,
        "A PUBLISH with QoS 0 and DUP 1, which must not be, is refused or sent on with DUP 0",
        STATEMENTS(V311(3_3_1_2)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        SEND(A, PUBLISH(.qos = 0, .dup = 1, .payload = "hello")),
        EXPECT(A, V311(3_3_1_2), CLOSED(), PUBLISH(.qos = 0, .dup = 0, .payload = "hello"))),

    SCENARIO(qos0_empty_payload,
        "A message without payload is delivered",
        STATEMENTS(V311(4_3_1_1)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        SEND(A, PUBLISH(.payload = "")),
        EXPECT(A, V311(4_3_1_1), PUBLISH(.topic = "~/t", .payload = ""))),

    SCENARIO(qos0_nobody_listens,
        "A message that nobody subscribed to does no harm",
        STATEMENTS(V311(4_3_1_1)),
        CONNECTED(A),
        SEND(A, PUBLISH(.payload = "into the void")),
        PINGED(A, V311(3_12_4_1))),

    SCENARIO(qos0_byte_by_byte,
        "A PUBLISH that arrives byte by byte is delivered whole",
        STATEMENTS(V311(4_3_1_1)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        CONNECTED(B),
        SEND_BROKEN(B, BYTEWISE, 0, 0, PUBLISH(.payload = "in small pieces")),
        EXPECT(A, V311(4_3_1_1), PUBLISH(.topic = "~/t", .payload = "in small pieces"))),

    SCENARIO_3_1_1_AND_5(qos0_several_in_one_write,
        "Several packets in one write are each handled, in order",
        STATEMENTS(V311(4_6_0_6)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "1"), PUBLISH(.payload = "2"), PINGREQ(), PUBLISH(.payload = "3")),
        EXPECT(A, V311(4_6_0_6), PUBLISH(.payload = "1")),
        EXPECT(A, V311(4_6_0_6), PUBLISH(.payload = "2")),
        EXPECT(A, V311(4_6_0_6), PUBLISH(.payload = "3")),
        EXPECT(B, V311(3_12_4_1), PINGRESP())),

    /* ---- Sizes ---- */

#define ARRIVES_WHOLE(size)                                                                                           \
        CONNECTED(A),                                                                                                 \
        SUBSCRIBED(A, "~/t", 0),                                                                                      \
        CONNECTED(B),                                                                                                 \
        PUBLISHED_LARGE_QOS0(B, .payload_size = size),                                                                \
        EXPECT(A, V311(4_3_1_1), PUBLISH(.topic = "~/t", .payload_size = size))

    SCENARIO(qos0_payload_of_130_bytes,
        "A payload of 130 bytes, whose Remaining Length takes two bytes, arrives as it was sent",
        STATEMENTS(V311(4_3_1_1)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload_size = 130)),
        EXPECT(A, V311(4_3_1_1), PUBLISH(.topic = "~/t", .payload_size = 130))),

    SCENARIO(qos0_payload_of_40000_bytes,
        "A payload of 40000 bytes, whose Remaining Length takes three bytes, arrives as it was sent",
        STATEMENTS(V311(4_3_1_1)),
        ARRIVES_WHOLE(40000)),

    SCENARIO(qos0_payload_of_300000_bytes,
        "A payload of 300000 bytes arrives as it was sent",
        STATEMENTS(V311(4_3_1_1)),
        ARRIVES_WHOLE(300000)),

    /* ---- Down to what was published: MQTT-3.8.4-6 ---- */

    SCENARIO(qos0_to_granted_1,
        "A QoS 0 message reaches a subscription of QoS 1 at QoS 0",
        STATEMENTS(V311(3_8_4_6)),
        CONNECTED(A),
        GRANTED(A, "~/t", 1),
        CONNECTED(B),
        SEND(B, PUBLISH(.qos = 0, .payload = "hello")),
        EXPECT(A, V311(3_8_4_6), PUBLISH(.qos = 0, .payload = "hello"))),

    SCENARIO(qos0_to_granted_2,
        "A QoS 0 message reaches a subscription of QoS 2 at QoS 0",
        STATEMENTS(V311(3_8_4_6)),
        CONNECTED(A),
        GRANTED(A, "~/t", 2),
        CONNECTED(B),
        SEND(B, PUBLISH(.qos = 0, .payload = "hello")),
        EXPECT(A, V311(3_8_4_6), PUBLISH(.qos = 0, .payload = "hello"))),
};
/* clang-format on */

FAMILY(qos0, scenarios);
