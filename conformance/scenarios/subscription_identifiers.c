/* Subscription Identifiers of MQTT 5.0: which subscriptions brought a message. Sections 3.3.4 and 3.8.2.1.2. */
#include "conformance/scenarios/shorthand.h"

#define WITH_IDENTIFIER(number) PROPERTIES(NUMBER(MQTT_SUBSCRIPTION_IDENTIFIER, number))
#define WITH_IDENTIFIERS(number, another)                                                                              \
    PROPERTIES(NUMBER(MQTT_SUBSCRIPTION_IDENTIFIER, number), NUMBER(MQTT_SUBSCRIPTION_IDENTIFIER, another))
#define WITHOUT_IDENTIFIER PROPERTIES(ABSENT(MQTT_SUBSCRIPTION_IDENTIFIER))

/* B publishes twice to ~/t, where two subscriptions of A meet. A Server may send one copy for both, which then has all
 * their identifiers, or a copy for each with its own, in the order of each subscription. Where the first message came
 * in one copy, the second comes next; else the other copy of the first, maybe behind a copy of the second. */
#define OVERLAPPING_COPIES(one, for_first, for_second)                                                                 \
    SEND(B, PUBLISH(.topic = "~/t", .payload = "first")), SEND(B, PUBLISH(.topic = "~/t", .payload = "second")),       \
        EXPECT(A, V5(3_3_4_4), PUBLISH(.payload = "first", one), PUBLISH(.payload = "first", for_first),               \
               PUBLISH(.payload = "first", for_second)),                                                               \
        EXPECT(A, V5(3_3_4_4), PUBLISH(.payload = "second", one), PUBLISH(.payload = "first", for_first),              \
               PUBLISH(.payload = "first", for_second), PUBLISH(.payload = "second", for_first, .may_come = true),     \
               PUBLISH(.payload = "second", for_second, .may_come = true))

/* A subscription with this identifier brings messages that have it. */
#define CARRIES(name, title, number)                                                                                   \
    SCENARIO_5_0(name, title, STATEMENTS(V5(3_3_4_3)), CONNECTED(A),                                                   \
                 GRANTED_WITH(A, "~/t", 0, 0, WITH_IDENTIFIER(number)), CONNECTED(B),                                  \
                 SEND(B, PUBLISH(.topic = "~/t", .payload = "hello")),                                                 \
                 EXPECT(A, V5(3_3_4_3), PUBLISH(.payload = "hello", WITH_IDENTIFIER(number))))

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- One subscription ---- */

    CARRIES(subscription_identifier_1,
        "The smallest Subscription Identifier comes with the message", 1),
    CARRIES(subscription_identifier_127,
        "The largest Subscription Identifier of one byte comes with the message", 127),
    CARRIES(subscription_identifier_128,
        "The smallest Subscription Identifier of two bytes comes with the message", 128),
    CARRIES(subscription_identifier_16383,
        "The largest Subscription Identifier of two bytes comes with the message", 16383),
    CARRIES(subscription_identifier_16384,
        "The smallest Subscription Identifier of three bytes comes with the message", 16384),
    CARRIES(subscription_identifier_2097151,
        "The largest Subscription Identifier of three bytes comes with the message", 2097151),
    CARRIES(subscription_identifier_2097152,
        "The smallest Subscription Identifier of four bytes comes with the message", 2097152),
    CARRIES(subscription_identifier_268435455,
        "The largest Subscription Identifier comes with the message", 268435455),

    SCENARIO_5_0(subscription_identifier_at_every_qos,
        "The Subscription Identifier comes with messages of every QoS",
        STATEMENTS(V5(3_3_4_3)),
        CONNECTED(A),
        GRANTED_WITH(A, "~/t", 2, 0, WITH_IDENTIFIER(5)),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "QoS 0")),
        EXPECT(A, V5(3_3_4_3), PUBLISH(.qos = 0, .payload = "QoS 0", WITH_IDENTIFIER(5))),
        PUBLISHED_QOS1(B, 1, .payload = "QoS 1"),
        RECEIVED_QOS1(A, V5(3_3_4_3), 0, .payload = "QoS 1", WITH_IDENTIFIER(5)),
        PUBLISHED_QOS2(B, 2, .payload = "QoS 2"),
        RECEIVED_QOS2(A, V5(3_3_4_3), 1, .payload = "QoS 2", WITH_IDENTIFIER(5))),

    SCENARIO_5_0(subscription_identifier_is_absent_without_one,
        "A subscription without Subscription Identifier brings messages without one, also beside one that has it",
        STATEMENTS(V5(3_3_4_3)),
        CONNECTED(A),
        GRANTED(A, "~/t", 0),
        CONNECTED(B),
        GRANTED_WITH(B, "~/t", 0, 0, WITH_IDENTIFIER(9)),
        CONNECTED(C),
        SEND(C, PUBLISH(.payload = "hello")),
        EXPECT(A, V5(3_3_4_3), PUBLISH(.payload = "hello", WITHOUT_IDENTIFIER)),
        EXPECT(B, V5(3_3_4_3), PUBLISH(.payload = "hello", WITH_IDENTIFIER(9)))),

    SCENARIO_5_0(subscription_identifier_belongs_to_its_client,
        "Two Clients give the same filter different Subscription Identifiers, and each gets its own",
        STATEMENTS(V5(3_3_4_3)),
        CONNECTED(A),
        GRANTED_WITH(A, "~/t", 0, 0, WITH_IDENTIFIER(1)),
        CONNECTED(B),
        GRANTED_WITH(B, "~/t", 0, 0, WITH_IDENTIFIER(2)),
        CONNECTED(C),
        SEND(C, PUBLISH(.payload = "hello")),
        EXPECT(A, V5(3_3_4_3), PUBLISH(.payload = "hello", WITH_IDENTIFIER(1))),
        EXPECT(B, V5(3_3_4_3), PUBLISH(.payload = "hello", WITH_IDENTIFIER(2)))),

    SCENARIO_5_0(subscription_identifier_of_a_wildcard,
        "Messages of different topics have the Subscription Identifier of the one filter that matches them",
        STATEMENTS(V5(3_3_4_3)),
        CONNECTED(A),
        GRANTED_WITH(A, "~/a/+", 0, 0, WITH_IDENTIFIER(3)),
        GRANTED_WITH(A, "~/b/#", 0, 0, WITH_IDENTIFIER(4)),
        CONNECTED(B),
        SEND(B, PUBLISH(.topic = "~/a/x", .payload = "hello")),
        EXPECT(A, V5(3_3_4_3), PUBLISH(.topic = "~/a/x", WITH_IDENTIFIER(3))),
        SEND(B, PUBLISH(.topic = "~/b/x/y", .payload = "hello")),
        EXPECT(A, V5(3_3_4_3), PUBLISH(.topic = "~/b/x/y", WITH_IDENTIFIER(4)))),

    SCENARIO_5_0(subscription_identifier_is_for_all_filters_of_a_subscribe,
        "The Subscription Identifier of a SUBSCRIBE belongs to each of its filters",
        STATEMENTS(V5(3_3_4_3), V5(3_8_4_5)),
        CONNECTED(A),
        SEND(A, SUBSCRIBE(.packet_identifier = 5, .filters = {{"~/a", 0}, {"~/b", 0}, {"~/c", 0}}, WITH_IDENTIFIER(7))),
        EXPECT(A, V5(3_8_4_5), SUBACK(.packet_identifier = 5, CODES("\x00\x00\x00"))),
        CONNECTED(B),
        SEND(B, PUBLISH(.topic = "~/c", .payload = "hello")),
        EXPECT(A, V5(3_3_4_3), PUBLISH(.topic = "~/c", WITH_IDENTIFIER(7))),
        SEND(B, PUBLISH(.topic = "~/a", .payload = "hello")),
        EXPECT(A, V5(3_3_4_3), PUBLISH(.topic = "~/a", WITH_IDENTIFIER(7)))),

    /* ---- Kept for later ---- */

    SCENARIO_5_0(subscription_identifier_with_a_retained_message,
        "A retained message that comes for a new subscription has its Subscription Identifier",
        STATEMENTS(V5(3_3_4_3)),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .retain = 1, .payload = "kept"),
        CONNECTED(A),
        GRANTED_WITH(A, "~/t", 1, 0, WITH_IDENTIFIER(11)),
        RECEIVED_QOS1(A, V5(3_3_4_3), 0, .retain = 1, .payload = "kept", WITH_IDENTIFIER(11))),

    SCENARIO_5_0(subscription_identifier_is_not_retained,
        "A retained message has the Subscription Identifier of the new subscription alone, not that of an earlier one",
        STATEMENTS(V5(3_3_4_3)),
        CONNECTED(B),
        GRANTED_WITH(B, "~/t", 0, 0, WITH_IDENTIFIER(12)),
        PUBLISHED_QOS1(B, 1, .retain = 1, .payload = "kept"),
        EXPECT(B, V5(3_3_4_3), PUBLISH(.payload = "kept", WITH_IDENTIFIER(12))),
        CONNECTED(A),
        GRANTED(A, "~/t", 1),
        RECEIVED_QOS1(A, V5(3_3_4_3), 0, .retain = 1, .payload = "kept", WITHOUT_IDENTIFIER)),

    SCENARIO_5_0(subscription_identifier_with_a_queued_message,
        "A message that waited for its subscriber has the Subscription Identifier",
        STATEMENTS(V5(3_3_4_3), V5(3_1_2_5)),
        CONNECTED(A, .clean_session = 0),
        GRANTED_WITH(A, "~/t", 1, 0, WITH_IDENTIFIER(13)),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "queued"),
        CONNECTED(A, .clean_session = 0),
        RECEIVED_QOS1(A, V5(3_3_4_3), 0, .payload = "queued", WITH_IDENTIFIER(13))),

    SCENARIO_5_0(subscription_identifier_is_part_of_the_session,
        "A resumed session's subscription still has its Subscription Identifier",
        STATEMENTS(V5(3_3_4_3), V5(3_1_2_5)),
        CONNECTED(A, .clean_session = 0),
        GRANTED_WITH(A, "~/t", 0, 0, WITH_IDENTIFIER(268435455)),
        DISCONNECTED(A),
        CONNECTED(A, .clean_session = 0),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "hello")),
        EXPECT(A, V5(3_3_4_3), PUBLISH(.payload = "hello", WITH_IDENTIFIER(268435455)))),

    SCENARIO_5_0(subscription_identifier_with_a_message_sent_again,
        "A message that is sent again on reconnect has the Subscription Identifier",
        STATEMENTS(V5(3_3_4_3), V5(4_4_0_1)),
        CONNECTED(A, .clean_session = 0),
        GRANTED_WITH(A, "~/t", 1, 0, WITH_IDENTIFIER(14)),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "pending"),
        EXPECT(A, V5(3_3_4_3), PUBLISH(.qos = 1, .packet_identifier = ID(0), .payload = "pending",
                                       WITH_IDENTIFIER(14))),
        DROP(A),
        CONNECTED(A, .clean_session = 0),
        RECEIVED_QOS1(A, V5(4_4_0_1), 0, .payload = "pending", WITH_IDENTIFIER(14))),

    /* ---- Overlapping: MQTT-3.3.4-3 to -5 ---- */

    SCENARIO_5_0(subscription_identifiers_of_two_overlapping,
        "Where two subscriptions match, both Subscription Identifiers come: in one copy, or each in a copy of its own",
        STATEMENTS(V5(3_3_4_3), V5(3_3_4_4), V5(3_3_4_5)),
        CONNECTED(A),
        GRANTED_WITH(A, "~/t", 0, 0, WITH_IDENTIFIER(1)),
        GRANTED_WITH(A, "~/#", 0, 0, WITH_IDENTIFIER(2)),
        CONNECTED(B),
        OVERLAPPING_COPIES(WITH_IDENTIFIERS(1, 2), WITH_IDENTIFIER(1), WITH_IDENTIFIER(2))),

    /* In one copy both are in the first and in the second message; in two copies each is in one of the first. */
    SCENARIO_5_0(subscription_identifiers_each_come,
        "Where two subscriptions match, neither Subscription Identifier stands for both",
        STATEMENTS(V5(3_3_4_5), V5(3_3_4_4)),
        CONNECTED(A),
        GRANTED_WITH(A, "~/t", 0, 0, WITH_IDENTIFIER(51)),
        GRANTED_WITH(A, "~/#", 0, 0, WITH_IDENTIFIER(52)),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .topic = "~/t", .payload = "first"),
        PUBLISHED_QOS1(B, 2, .topic = "~/t", .payload = "second"),
        EXPECT_ALL(A, V5(3_3_4_5), PUBLISH(PROPERTIES(BETWEEN(MQTT_SUBSCRIPTION_IDENTIFIER, 51, 51))),
                                   PUBLISH(PROPERTIES(BETWEEN(MQTT_SUBSCRIPTION_IDENTIFIER, 52, 52))))),

    SCENARIO_5_0(subscription_identifiers_where_one_has_none,
        "Where one of two matching subscriptions has a Subscription Identifier, that one comes",
        STATEMENTS(V5(3_3_4_3), V5(3_3_4_4), V5(3_3_4_5)),
        CONNECTED(A),
        GRANTED(A, "~/t", 0),
        GRANTED_WITH(A, "~/+", 0, 0, WITH_IDENTIFIER(300)),
        CONNECTED(B),
        OVERLAPPING_COPIES(WITH_IDENTIFIER(300), WITH_IDENTIFIER(300), WITHOUT_IDENTIFIER)),

    SCENARIO_5_0(subscription_identifiers_that_are_equal,
        "Where two matching subscriptions have the same Subscription Identifier, it comes: once, twice, or in copies",
        STATEMENTS(V5(3_3_4_3)),
        CONNECTED(A),
        GRANTED_WITH(A, "~/t", 0, 0, WITH_IDENTIFIER(8)),
        GRANTED_WITH(A, "~/+", 0, 0, WITH_IDENTIFIER(8)),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "hello")),
        EXPECT(A, V5(3_3_4_3), PUBLISH(.payload = "hello", WITH_IDENTIFIER(8)),
                               PUBLISH(.payload = "hello", WITH_IDENTIFIERS(8, 8)))),

    SCENARIO_5_0(subscription_identifiers_of_those_that_match,
        "Of three subscriptions the two that match have their Subscription Identifiers in the message",
        STATEMENTS(V5(3_3_4_4), V5(3_3_4_5)),
        CONNECTED(A),
        GRANTED_WITH(A, "~/+", 0, 0, WITH_IDENTIFIER(1)),
        GRANTED_WITH(A, "~/t/#", 0, 0, WITH_IDENTIFIER(2)),
        GRANTED_WITH(A, "~/other", 0, 0, WITH_IDENTIFIER(3)),
        CONNECTED(B),
        OVERLAPPING_COPIES(WITH_IDENTIFIERS(1, 2), WITH_IDENTIFIER(1), WITH_IDENTIFIER(2))),

    SCENARIO_5_0(subscription_identifiers_of_different_qos,
        "The QoS of overlapping subscriptions does not matter to their Subscription Identifiers",
        STATEMENTS(V5(3_3_4_4), V5(3_3_4_5)),
        CONNECTED(A),
        GRANTED_WITH(A, "~/t", 1, 0, WITH_IDENTIFIER(21)),
        GRANTED_WITH(A, "~/+", 0, 0, WITH_IDENTIFIER(22)),
        CONNECTED(B),
        OVERLAPPING_COPIES(WITH_IDENTIFIERS(21, 22), WITH_IDENTIFIER(21), WITH_IDENTIFIER(22))),

    SCENARIO_5_0(subscription_identifiers_of_several_in_a_queued_message,
        "A message that waited for its subscriber has the Subscription Identifiers of all that match",
        STATEMENTS(V5(3_3_4_4), V5(3_3_4_5)),
        CONNECTED(A, .clean_session = 0),
        GRANTED_WITH(A, "~/t", 1, 0, WITH_IDENTIFIER(31)),
        GRANTED_WITH(A, "~/#", 1, 0, WITH_IDENTIFIER(32)),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "first"),
        PUBLISHED_QOS1(B, 2, .payload = "second"),
        CONNECTED(A, .clean_session = 0),
        EXPECT(A, V5(3_3_4_4), PUBLISH(.payload = "first", WITH_IDENTIFIERS(31, 32)),
                               PUBLISH(.payload = "first", WITH_IDENTIFIER(31)),
                               PUBLISH(.payload = "first", WITH_IDENTIFIER(32))),
        EXPECT(A, V5(3_3_4_4), PUBLISH(.payload = "second", WITH_IDENTIFIERS(31, 32)),
                               PUBLISH(.payload = "first", WITH_IDENTIFIER(31)),
                               PUBLISH(.payload = "first", WITH_IDENTIFIER(32)))),

    /* ---- Replaced and ended ---- */

    SCENARIO_5_0(subscription_identifier_is_replaced,
        "Subscribing again with another Subscription Identifier replaces it",
        STATEMENTS(V5(3_8_4_3), V5(3_3_4_3)),
        CONNECTED(A),
        GRANTED_WITH(A, "~/t", 0, 0, WITH_IDENTIFIER(1)),
        GRANTED_WITH(A, "~/t", 0, 0, WITH_IDENTIFIER(2)),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "hello")),
        EXPECT(A, V5(3_8_4_3), PUBLISH(.payload = "hello", WITH_IDENTIFIER(2))),
        FENCED(B, A, V5(3_8_4_3), "~/t")),

    SCENARIO_5_0(subscription_identifier_is_removed,
        "Subscribing again without a Subscription Identifier removes it",
        STATEMENTS(V5(3_8_4_3)),
        CONNECTED(A),
        GRANTED_WITH(A, "~/t", 0, 0, WITH_IDENTIFIER(1)),
        GRANTED_WITH(A, "~/t", 0, 0),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "hello")),
        EXPECT(A, V5(3_8_4_3), PUBLISH(.payload = "hello", WITHOUT_IDENTIFIER))),

    SCENARIO_5_0(subscription_identifier_is_added,
        "Subscribing again with a Subscription Identifier adds it",
        STATEMENTS(V5(3_8_4_3), V5(3_3_4_3)),
        CONNECTED(A),
        GRANTED_WITH(A, "~/t", 0, 0),
        GRANTED_WITH(A, "~/t", 0, 0, WITH_IDENTIFIER(40)),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "hello")),
        EXPECT(A, V5(3_8_4_3), PUBLISH(.payload = "hello", WITH_IDENTIFIER(40)))),

    SCENARIO_5_0(subscription_identifier_ends_with_its_subscription,
        "After UNSUBSCRIBE of one of two overlapping subscriptions its Subscription Identifier does not come any more",
        STATEMENTS(V5(3_10_4_1), V5(3_10_4_2)),
        CONNECTED(A),
        GRANTED_WITH(A, "~/t", 0, 0, WITH_IDENTIFIER(1)),
        GRANTED_WITH(A, "~/+", 0, 0, WITH_IDENTIFIER(2)),
        UNSUBSCRIBED(A, "~/t"),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload = "hello")),
        EXPECT(A, V5(3_10_4_2), PUBLISH(.payload = "hello", WITH_IDENTIFIER(2))),
        FENCED(B, A, V5(3_10_4_2), "~/t")),

    /* ---- Not for Clients: MQTT-3.3.4-6 ---- */

    SCENARIO_5_0(subscription_identifier_in_a_publish_to_the_server,
        "A PUBLISH from a Client with a Subscription Identifier closes the connection, and is not forwarded",
        STATEMENTS(V5(3_3_4_6)),
        CONNECTED(B),
        GRANTED(B, "~/t", 0),
        CONNECTED(A),
        SEND(A, PUBLISH(.payload = "wrong", WITH_IDENTIFIER(1))),
        EXPECT(A, V5(3_3_4_6), CLOSED()),
        FENCED(B, B, V5(3_3_4_6), "~/t")),

    SCENARIO_5_0(subscription_identifier_in_a_qos_1_publish_to_the_server,
        "A QoS 1 PUBLISH from a Client with a Subscription Identifier closes the connection",
        STATEMENTS(V5(3_3_4_6)),
        CONNECTED(A),
        SEND(A, PUBLISH(.qos = 1, .packet_identifier = 1, .payload = "wrong", WITH_IDENTIFIER(268435455))),
        EXPECT(A, V5(3_3_4_6), CLOSED())),
};
/* clang-format on */

FAMILY(subscription_identifiers, scenarios);
