/* Reason Codes of PUBACK, PUBREC, PUBREL and PUBCOMP in MQTT 5.0, and what they do to an exchange. Sections 4.3 and
 * 4.4. */
#include "conformance/scenarios/shorthand.h"

#define PERMITS_ALL "the target permits every publication"
#define CLOSES      "the target closes the connection of who publishes what it may not"
#define NO_REASON   "an unknown Packet Identifier is answered with Success"

/* A has a persistent session and this subscription, and B publishes. */
#define PERSISTENT_SUBSCRIBER(granted) CONNECTED(A, .clean_session = 0), GRANTED(A, "~/t", granted), CONNECTED(B)

/* The next message on ~/t to reach A is the fence, also after it has come back. */
#define NOT_SENT_AGAIN(breaks)                                                                                         \
    PINGED(A, V5(3_12_4_1)), DROP(A), CONNECTED(A, .clean_session = 0), FENCED(B, A, breaks, "~/t")

/* A answers a QoS 1 message with this Reason Code, and it does not come again. */
#define PUBACK_ENDS(name, title, refusal)                                                                              \
    SCENARIO_5_0(name, title, STATEMENTS(V5(4_4_0_2)), PERSISTENT_SUBSCRIBER(1),                                       \
                 PUBLISHED_QOS1(B, 1, .topic = "~/t", .payload = "answered"),                                          \
                 EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 1, .packet_identifier = ID(0), .payload = "answered")),         \
                 SEND(A, PUBACK(.packet_identifier = ID(0), .reason = refusal)), NOT_SENT_AGAIN(V5(4_4_0_2)))

/* A answers a QoS 2 message with this Reason Code: no PUBREL follows, and the message does not come again. */
#define PUBREC_ENDS(name, title, refusal)                                                                              \
    SCENARIO_5_0(name, title, STATEMENTS(V5(4_4_0_2), V5(4_3_3_4)), PERSISTENT_SUBSCRIBER(2),                          \
                 PUBLISHED_QOS2(B, 1, .topic = "~/t", .payload = "answered"),                                          \
                 EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 2, .packet_identifier = ID(0), .payload = "answered")),         \
                 SEND(A, PUBREC(.packet_identifier = ID(0), .reason = refusal), PINGREQ()),                            \
                 EXPECT(A, V5(4_3_3_4), PINGRESP(), PUBREL(.warn = "PUBREL answers a PUBREC that refused")), DROP(A),  \
                 SEND(A, CONNECT(.clean_session = 0)), EXPECT(A, V5(3_1_4_5), CONNACK(.code = 0)),                     \
                 SEND(B, PUBLISH(.topic = "~/t", .payload = "fence")),                                                 \
                 EXPECT(A, V5(4_4_0_2), PUBLISH(.payload = "fence")))

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- The Client refuses: MQTT-4.4.0-2 ---- */

    PUBACK_ENDS(puback_0x80_ends_the_exchange,
        "A message answered with PUBACK 0x80 is not sent again", 0x80),
    PUBACK_ENDS(puback_0x97_ends_the_exchange,
        "A message answered with PUBACK 0x97 is not sent again", 0x97),
    PUBACK_ENDS(puback_0x99_ends_the_exchange,
        "A message answered with PUBACK 0x99, the last Reason Code of PUBACK, is not sent again", 0x99),
    PUBREC_ENDS(pubrec_0x80_ends_the_exchange,
        "A message answered with PUBREC 0x80 is not sent again, and no PUBREL follows", 0x80),
    PUBREC_ENDS(pubrec_0x97_ends_the_exchange,
        "A message answered with PUBREC 0x97 is not sent again, and no PUBREL follows", 0x97),
    PUBREC_ENDS(pubrec_0x99_ends_the_exchange,
        "A message answered with PUBREC 0x99, the last Reason Code of PUBREC, is not sent again", 0x99),

    SCENARIO_5_0(puback_refusal_leaves_the_next_message_alone,
        "After PUBACK 0x83 the next messages come, and are each completed",
        STATEMENTS(V5(4_4_0_2), V5(4_5_0_1)),
        CONNECTED(A),
        GRANTED(A, "~/t", 1),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "refused"),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 1, .packet_identifier = ID(0), .payload = "refused")),
        SEND(A, PUBACK(.packet_identifier = ID(0), .reason = 0x83)),
        PUBLISHED_QOS1(B, 2, .payload = "next"),
        RECEIVED_QOS1(A, V5(4_4_0_2), 1, .payload = "next")),

    SCENARIO_5_0(pubrec_refusal_leaves_other_exchanges_alone,
        "PUBREC 0x87 ends its own exchange, and the one beside it goes on",
        STATEMENTS(V5(4_3_3_4), V5(4_4_0_2)),
        CONNECTED(A),
        GRANTED(A, "~/t", 2),
        CONNECTED(B),
        PUBLISHED_QOS2(B, 1, .payload = "refused"),
        PUBLISHED_QOS2(B, 2, .payload = "taken"),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 2, .packet_identifier = ID(0), .payload = "refused")),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 2, .packet_identifier = ID(1), .payload = "taken"),
               SILENCE(.before = 2000, .skip = ONE_AT_A_TIME)),
        SEND(A, PUBREC(.packet_identifier = ID(0), .reason = 0x87), PUBREC(.packet_identifier = ID(1))),
        EXPECT_NEXT(A, V5(4_3_3_4), PUBREL(.packet_identifier = ID(1))),
        SEND(A, PUBCOMP(.packet_identifier = ID(1)))),

    /* ---- The Client answers with a Reason Code that is no refusal ---- */

    SCENARIO_5_0(puback_with_reason_code_0,
        "PUBACK with its Reason Code 0x00 written out, and then with properties too, acknowledges",
        STATEMENTS(V5(4_3_2_3), V5(4_4_0_1)),
        PERSISTENT_SUBSCRIBER(1),
        PUBLISHED_QOS1(B, 1, .payload = "first"),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 1, .packet_identifier = ID(0), .payload = "first")),
        SEND(A, PUBACK(.packet_identifier = ID(0), .reason = 0)),
        PUBLISHED_QOS1(B, 2, .payload = "second"),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 1, .packet_identifier = ID(1), .payload = "second")),
        SEND(A, PUBACK(.packet_identifier = ID(1), .reason = 0,
                       PROPERTIES(TEXT(MQTT_REASON_STRING, "well received"), USER("a", "1"), USER("a", "2")))),
        NOT_SENT_AGAIN(V5(4_4_0_1))),

    SCENARIO_5_0(pubrec_with_reason_code_0,
        "PUBREC and PUBCOMP with their Reason Codes 0x00 written out go on with the exchange and end it",
        STATEMENTS(V5(4_3_3_4), V5(4_3_3_6)),
        PERSISTENT_SUBSCRIBER(2),
        PUBLISHED_QOS2(B, 1, .payload = "hello"),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 2, .packet_identifier = ID(0), .payload = "hello")),
        SEND(A, PUBREC(.packet_identifier = ID(0), .reason = 0)),
        EXPECT(A, V5(4_3_3_4), PUBREL(.packet_identifier = ID(0), .reason = 0)),
        SEND(A, PUBCOMP(.packet_identifier = ID(0), .reason = 0)),
        NOT_SENT_AGAIN(V5(4_3_3_6))),

    SCENARIO_5_0(pubrec_with_properties,
        "PUBREC, PUBREL and PUBCOMP with Reason String and User Properties are taken, both ways",
        STATEMENTS(V5(4_3_3_4), V5(4_3_3_11)),
        CONNECTED(A),
        GRANTED(A, "~/t", 2),
        CONNECTED(B),
        SEND(B, PUBLISH(.qos = 2, .packet_identifier = 8, .payload = "hello")),
        EXPECT(B, V5(4_3_3_8), PUBREC(.packet_identifier = 8)),
        SEND(B, PUBREL(.packet_identifier = 8, .reason = 0, PROPERTIES(TEXT(MQTT_REASON_STRING, "so be it"),
                                                                       USER("a", "b")))),
        EXPECT(B, V5(4_3_3_11), PUBCOMP(.packet_identifier = 8)),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 2, .packet_identifier = ID(0), .payload = "hello")),
        SEND(A, PUBREC(.packet_identifier = ID(0), .reason = 0, PROPERTIES(TEXT(MQTT_REASON_STRING, "so be it"),
                                                                           USER("a", "b")))),
        EXPECT(A, V5(4_3_3_4), PUBREL(.packet_identifier = ID(0))),
        SEND(A, PUBCOMP(.packet_identifier = ID(0), .reason = 0, PROPERTIES(TEXT(MQTT_REASON_STRING, "done"))),
             PINGREQ()),
        EXPECT(A, V5(3_12_4_1), PINGRESP())),

    /* ---- The Server answers ---- */

    SCENARIO_5_0(acknowledgements_of_the_server,
        "The Server's PUBACK, PUBREC, PUBREL and PUBCOMP of exchanges that go well have Reason Codes from their tables",
        STATEMENTS(V5(3_4_2_1), V5(3_5_2_1), V5(3_6_2_1), V5(3_7_2_1)),
        CONNECTED(A),
        GRANTED(A, "~/t", 2),
        SEND(A, PUBLISH(.topic = "~/nobody", .qos = 1, .packet_identifier = 2, .payload = "to nobody")),
        EXPECT(A, V5(3_4_2_1), PUBACK(.packet_identifier = 2, .reason = 0),
                               PUBACK(.packet_identifier = 2, .reason = 0x10)),
        SEND(A, PUBLISH(.topic = "~/nobody", .qos = 2, .packet_identifier = 3, .payload = "to nobody")),
        EXPECT(A, V5(3_5_2_1), PUBREC(.packet_identifier = 3, .reason = 0),
                               PUBREC(.packet_identifier = 3, .reason = 0x10)),
        SEND(A, PUBREL(.packet_identifier = 3)),
        EXPECT(A, V5(3_7_2_1), PUBCOMP(.packet_identifier = 3, .reason = 0)),
        SEND(A, PUBLISH(.qos = 2, .packet_identifier = 4, .payload = "to A")),
        EXPECT(A, V5(3_5_2_1), PUBREC(.packet_identifier = 4, .reason = 0),
                               PUBREC(.packet_identifier = 4, .reason = 0x10)),
        SEND(A, PUBREL(.packet_identifier = 4)),
        EXPECT(A, V5(3_7_2_1), PUBCOMP(.packet_identifier = 4, .reason = 0)),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 2, .packet_identifier = ID(0), .payload = "to A")),
        SEND(A, PUBREC(.packet_identifier = ID(0))),
        EXPECT(A, V5(3_6_2_1), PUBREL(.packet_identifier = ID(0), .reason = 0)),
        SEND(A, PUBCOMP(.packet_identifier = ID(0)))),

    SCENARIO_5_0(acknowledgements_tell_of_matching_subscribers,
        "No matching subscribers is not said of a message that has one",
        STATEMENTS(V5(3_4_2_1), V5(4_5_0_1)),
        CONNECTED(A),
        GRANTED(A, "~/t", 0),
        CONNECTED(B),
        SEND(B, PUBLISH(.qos = 1, .packet_identifier = 2, .payload = "to A")),
        EXPECT(B, V5(3_4_2_1), PUBACK(.packet_identifier = 2, .reason = 0),
                               PUBACK(.packet_identifier = 2, .reason = 0x10, .warn = "the subscriber is overlooked")),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.payload = "to A"))),

    SCENARIO_5_0(puback_not_authorized,
        "A QoS 1 message that is not permitted is answered with Not authorized, and goes to nobody",
        STATEMENTS(V5(3_3_4_1), V5(3_4_2_1)),
        CONNECTED(B),
        GRANTED(B, "~/#", 0),
        CONNECTED(A),
        SEND(A, PUBLISH(.topic = "~/denied/t", .qos = 1, .packet_identifier = 5, .payload = "not permitted")),
        EXPECT(A, V5(3_4_2_1), PUBACK(.packet_identifier = 5, .reason = 0x87),
                               PUBACK(.packet_identifier = 5, .reason = REFUSAL,
                                      .warn = "the refusal has another Reason Code than Not authorized"),
                               PUBACK(.packet_identifier = 5, .reason = FINE, .skip = PERMITS_ALL),
                               CLOSED(.skip = CLOSES)),
        FENCED(A, B, V5(3_3_4_1), "~/t")),

    SCENARIO_5_0(puback_refusal_frees_the_identifier,
        "After PUBACK with a refusal the same Packet Identifier stands for a new message",
        STATEMENTS(V5(4_3_2_5), V5(3_3_4_1)),
        CONNECTED(B),
        GRANTED(B, "~/#", 0),
        CONNECTED(A),
        SEND(A, PUBLISH(.topic = "~/denied/t", .qos = 1, .packet_identifier = 5, .payload = "not permitted")),
        EXPECT(A, V5(3_3_4_1), PUBACK(.packet_identifier = 5, .reason = REFUSAL),
                               PUBACK(.packet_identifier = 5, .reason = FINE, .skip = PERMITS_ALL),
                               CLOSED(.skip = CLOSES)),
        PUBLISHED_QOS1(A, 5, .topic = "~/t", .payload = "permitted"),
        EXPECT(B, V5(4_3_2_5), PUBLISH(.topic = "~/t", .payload = "permitted"))),

    SCENARIO_5_0(pubrec_not_authorized,
        "A QoS 2 message that is not permitted is answered with Not authorized, and goes to nobody",
        STATEMENTS(V5(3_3_4_1), V5(3_5_2_1)),
        CONNECTED(B),
        GRANTED(B, "~/#", 0),
        CONNECTED(A),
        SEND(A, PUBLISH(.topic = "~/denied/t", .qos = 2, .packet_identifier = 5, .payload = "not permitted")),
        EXPECT(A, V5(3_5_2_1), PUBREC(.packet_identifier = 5, .reason = 0x87),
                               PUBREC(.packet_identifier = 5, .reason = REFUSAL,
                                      .warn = "the refusal has another Reason Code than Not authorized"),
                               PUBREC(.packet_identifier = 5, .reason = FINE, .skip = PERMITS_ALL),
                               CLOSED(.skip = CLOSES)),
        FENCED(A, B, V5(3_3_4_1), "~/t")),

    SCENARIO_5_0(pubrec_refusal_frees_the_identifier,
        "After PUBREC with a refusal the same Packet Identifier stands for a new message, which is delivered",
        STATEMENTS(V5(4_3_3_9)),
        CONNECTED(B),
        GRANTED(B, "~/#", 0),
        CONNECTED(A),
        SEND(A, PUBLISH(.topic = "~/denied/t", .qos = 2, .packet_identifier = 5, .payload = "not permitted")),
        EXPECT(A, V5(3_3_4_1), PUBREC(.packet_identifier = 5, .reason = REFUSAL),
                               PUBREC(.packet_identifier = 5, .reason = FINE, .skip = PERMITS_ALL),
                               CLOSED(.skip = CLOSES)),
        SEND(A, PUBLISH(.topic = "~/t", .qos = 2, .packet_identifier = 5, .payload = "permitted")),
        EXPECT(A, V5(4_3_3_9), PUBREC(.packet_identifier = 5, .reason = FINE)),
        SEND(A, PUBREL(.packet_identifier = 5)),
        EXPECT(A, V5(4_3_3_11), PUBCOMP(.packet_identifier = 5, .reason = 0)),
        EXPECT(B, V5(4_3_3_9), PUBLISH(.topic = "~/t", .payload = "permitted"))),

    SCENARIO_5_0(pubrec_refusal_frees_the_identifier_for_the_same_topic,
        "After PUBREC with a refusal the same PUBLISH is judged anew: it is refused again, not taken for a repetition",
        STATEMENTS(V5(4_3_3_9)),
        CONNECTED(A),
        SEND(A, PUBLISH(.topic = "~/denied/t", .qos = 2, .packet_identifier = 5, .payload = "not permitted")),
        EXPECT(A, V5(3_3_4_1), PUBREC(.packet_identifier = 5, .reason = REFUSAL),
                               PUBREC(.packet_identifier = 5, .reason = FINE, .skip = PERMITS_ALL),
                               CLOSED(.skip = CLOSES)),
        SEND(A, PUBLISH(.topic = "~/denied/t", .qos = 2, .packet_identifier = 5, .payload = "not permitted")),
        EXPECT(A, V5(4_3_3_9), PUBREC(.packet_identifier = 5, .reason = REFUSAL))),

    /* ---- Packet Identifier not found ---- */

    SCENARIO_5_0(pubcomp_packet_identifier_not_found,
        "A PUBREL for an identifier that was never used gets PUBCOMP 0x92, or closes the connection",
        STATEMENTS(V5(4_3_3_11), V5(3_7_2_1)),
        CONNECTED(A),
        SEND(A, PUBREL(.packet_identifier = 77)),
        EXPECT(A, V5(4_3_3_11), PUBCOMP(.packet_identifier = 77, .reason = 0x92),
                                PUBCOMP(.packet_identifier = 77, .reason = 0, .warn = NO_REASON), CLOSED())),

    SCENARIO_5_0(pubcomp_packet_identifier_not_found_again,
        "A PUBREL sent again after PUBCOMP gets a further PUBCOMP, 0x92 or 0x00, or closes the connection",
        STATEMENTS(V5(4_3_3_11)),
        CONNECTED(A),
        PUBLISHED_QOS2(A, 6, .payload = "hello"),
        SEND(A, PUBREL(.packet_identifier = 6)),
        EXPECT(A, V5(4_3_3_11), PUBCOMP(.packet_identifier = 6, .reason = 0x92),
                                PUBCOMP(.packet_identifier = 6, .reason = 0), CLOSED())),

    SCENARIO_5_0(pubcomp_packet_identifier_not_found_after_reconnect,
        "A PUBREL sent again on the next connection, its PUBCOMP perhaps lost, gets PUBCOMP 0x92 or 0x00",
        STATEMENTS(V5(4_3_3_11)),
        CONNECTED(A, .clean_session = 0),
        PUBLISHED_QOS2(A, 6, .payload = "hello"),
        DROP(A),
        CONNECTED(A, .clean_session = 0),
        SEND(A, PUBREL(.packet_identifier = 6)),
        EXPECT(A, V5(4_3_3_11), PUBCOMP(.packet_identifier = 6, .reason = 0x92),
                                PUBCOMP(.packet_identifier = 6, .reason = 0))),

    SCENARIO_5_0(pubrel_packet_identifier_not_found,
        "A PUBREC for an identifier that was never used gets PUBREL 0x92, nothing, or a close",
        STATEMENTS(V5(3_6_2_1)),
        CONNECTED(A),
        SEND(A, PUBREC(.packet_identifier = 77), PINGREQ()),
        EXPECT_NEXT(A, V5(3_6_2_1), PUBREL(.packet_identifier = 77, .reason = 0x92), PINGRESP(), CLOSED(),
                                    PUBREL(.packet_identifier = 77, .reason = 0, .warn = NO_REASON))),

    SCENARIO_5_0(pubrel_of_the_client_with_0x92,
        "A PUBREL with 0x92, as a Client sends it for an unknown PUBREC, is answered or closes the connection",
        STATEMENTS(V5(4_3_3_11)),
        CONNECTED(A),
        SEND(A, PUBREL(.packet_identifier = 78, .reason = 0x92)),
        EXPECT(A, V5(4_3_3_11), PUBCOMP(.packet_identifier = 78), CLOSED())),

    /* ---- Sent again on reconnect, and at no other time: MQTT-4.4.0-1 ---- */

    SCENARIO_5_0(nothing_is_sent_again_on_the_same_connection,
        "A message without PUBACK does not come again while the connection lasts, but on reconnect",
        STATEMENTS(V5(4_4_0_1)),
        PERSISTENT_SUBSCRIBER(1),
        PUBLISHED_QOS1(B, 1, .payload = "pending"),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 1, .packet_identifier = ID(0), .dup = 0, .payload = "pending")),
        PINGED(A, V5(3_12_4_1)),
        WAIT(1500),
        SEND(B, PUBLISH(.topic = "~/t", .payload = "fence")), /* which a Server may keep back until PUBACK */
        EXPECT(A, V5(4_4_0_1), PUBLISH(.topic = "~/t", .payload = "fence"), SILENCE(.before = 2000)),
        DROP(A),
        CONNECTED(A, .clean_session = 0),
        RECEIVED_QOS1(A, V5(4_4_0_1), 0, .dup = 1, .payload = "pending")),

    SCENARIO_5_0(pubrel_is_not_sent_again_on_the_same_connection,
        "A PUBREL without PUBCOMP does not come again while the connection lasts, but on reconnect",
        STATEMENTS(V5(4_4_0_1)),
        PERSISTENT_SUBSCRIBER(2),
        PUBLISHED_QOS2(B, 1, .payload = "pending"),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 2, .packet_identifier = ID(0), .payload = "pending")),
        SEND(A, PUBREC(.packet_identifier = ID(0))),
        EXPECT(A, V5(4_3_3_4), PUBREL(.packet_identifier = ID(0))),
        WAIT(1500),
        SEND(A, PINGREQ()),
        EXPECT_NEXT(A, V5(4_4_0_1), PINGRESP()),
        DROP(A),
        CONNECTED(A, .clean_session = 0),
        EXPECT(A, V5(4_4_0_1), PUBREL(.packet_identifier = ID(0))),
        SEND(A, PUBCOMP(.packet_identifier = ID(0)))),

    SCENARIO_5_0(nothing_is_sent_again_with_clean_start,
        "With Clean Start 1 what was on its way is not sent again",
        STATEMENTS(V5(4_4_0_1), V5(3_1_2_4)),
        PERSISTENT_SUBSCRIBER(1),
        PUBLISHED_QOS1(B, 1, .payload = "pending"),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 1, .payload = "pending")),
        DROP(A),
        CONNECTED(A, .clean_session = 1),
        GRANTED(A, "~/t", 1),
        FENCED(B, A, V5(3_1_2_4), "~/t")),
};
/* clang-format on */

FAMILY(acknowledgement_reasons, scenarios);
