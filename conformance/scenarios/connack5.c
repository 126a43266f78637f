/* CONNACK in MQTT 5.0: what it says of the connection, and which CONNECT is refused with it. Section 3.2.
 *
 * A CONNECT with an Authentication Method that no broker knows is refused by every one, by a rule of its own: 4.12. */
#include "conformance/scenarios/shorthand.h"

#define UNKNOWN_METHOD PROPERTIES(TEXT(MQTT_AUTHENTICATION_METHOD, "mqspec-unknown"))
#define KNOWS_METHOD   "the target lets in a Client with an Authentication Method that no broker knows"
#define IN_SILENCE     "the target refuses without CONNACK"
#define UNKNOWN_USER   "the target does not let in a user that it does not know"
#define NAMES_NOBODY   "the target accepts no empty Client Identifier"
#define HAS_EVERY_QOS  "the target supports QoS 2"
#define HAS_RETAIN     "the target keeps retained messages"

/* What the first Client of a scenario learns: the broker is limited, or the scenario is not for it. */
#define LIMITED_QOS(who)                                                                                               \
    SEND(who, CONNECT()), EXPECT(who, V5(3_1_4_5), CONNACK(.code = 0, PROPERTIES(BETWEEN(MQTT_MAXIMUM_QOS, 0, 1))),    \
                                 CONNACK(.code = 0, .skip = HAS_EVERY_QOS))
#define WITHOUT_RETAIN(who)                                                                                            \
    SEND(who, CONNECT()), EXPECT(who, V5(3_1_4_5), CONNACK(.code = 0, PROPERTIES(NUMBER(MQTT_RETAIN_AVAILABLE, 0))),   \
                                 CONNACK(.code = 0, .skip = HAS_RETAIN))

/* A Client that names itself not at all is let in, and told its name. */
#define ASSIGNED(who, breaks)                                                                                          \
    EXPECT(who, breaks, CONNACK(.code = 0, PROPERTIES(PRESENT(MQTT_ASSIGNED_CLIENT_IDENTIFIER))),                      \
           CONNACK(.code = REFUSAL, .skip = NAMES_NOBODY), CLOSED(.skip = NAMES_NOBODY))

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- Once, first, and well formed ---- */

    SCENARIO_5_0(connack5_has_no_reserved_flag,
        "The reserved bits of the Connect Acknowledge Flags are 0, with and without Session Present",
        STATEMENTS(V5(3_2_2_1)),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V5(3_2_2_1), CONNACK(.code = 0, .session_present = 0)),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V5(3_2_2_1), CONNACK(.code = 0))),

    SCENARIO_5_0(connack5_comes_once,
        "A CONNECT is answered with one CONNACK: the next packet is the answer to a PINGREQ",
        STATEMENTS(V5(3_2_0_2)),
        SEND(A, CONNECT(), PINGREQ()),
        EXPECT_NEXT(A, V5(3_2_0_1), CONNACK(.code = 0)),
        EXPECT_NEXT(A, V5(3_2_0_2), PINGRESP())),

    SCENARIO_5_0(connack5_does_not_answer_a_second_connect,
        "A second CONNECT is not answered with a second CONNACK",
        STATEMENTS(V5(3_2_0_2), V5(3_1_0_2)),
        CONNECTED(A),
        SEND(A, CONNECT()),
        EXPECT_NEXT(A, V5(3_2_0_2), CLOSED())),

    SCENARIO_5_0(connack5_precedes_what_was_asked_before_it,
        "CONNACK comes before the answers to what was sent right behind CONNECT",
        STATEMENTS(V5(3_2_0_1)),
        SEND(A, CONNECT(), SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}}),
                PUBLISH(.qos = 1, .packet_identifier = 2, .payload = "early"), PINGREQ()),
        EXPECT_NEXT(A, V5(3_2_0_1), CONNACK(.code = 0)),
        EXPECT(A, V5(3_8_4_1), SUBACK(.packet_identifier = 1)),
        EXPECT(A, V5(3_3_4_1), PUBACK(.packet_identifier = 2)),
        EXPECT(A, V5(3_12_4_1), PINGRESP())),

    /* ---- Refusals ---- */

    SCENARIO_5_0(connack5_refusal_has_no_session_present,
        "A refusal has Session Present 0, also where the Client has a stored Session",
        STATEMENTS(V5(3_2_2_6)),
        CONNECTED(A, .clean_session = 0),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 0, UNKNOWN_METHOD)),
        EXPECT_NEXT(A, V5(3_2_2_6), CONNACK(.code = REFUSAL, .session_present = 0),
                                    CONNACK(.code = 0, .skip = KNOWS_METHOD), CLOSED(.skip = IN_SILENCE)),
        EXPECT(A, V5(3_2_2_7), CLOSED())),

    SCENARIO_5_0(connack5_refusal_closes,
        "After a CONNACK with a Reason Code from 0x80 up the connection is closed, and nothing comes between",
        STATEMENTS(V5(3_2_2_7), V5(4_13_2_1)),
        SEND(A, CONNECT(UNKNOWN_METHOD)),
        EXPECT_NEXT(A, V5(3_2_2_7), CONNACK(.code = REFUSAL), CONNACK(.code = 0, .skip = KNOWS_METHOD),
                                    CLOSED(.skip = IN_SILENCE)),
        EXPECT_NEXT(A, V5(3_2_2_7), CLOSED())),

    SCENARIO_5_0(connack5_refusal_has_a_listed_code,
        "A refusal has one of the Reason Codes listed for CONNACK",
        STATEMENTS(V5(3_2_2_8)),
        SEND(A, CONNECT(UNKNOWN_METHOD)),
        EXPECT_NEXT(A, V5(3_2_2_8), CONNACK(.code = REFUSAL), CONNACK(.code = 0, .skip = KNOWS_METHOD),
                                    CLOSED(.skip = IN_SILENCE)),
        EXPECT(A, V5(3_2_2_7), CLOSED())),

    SCENARIO_5_0(connack5_wrong_password_has_a_listed_code,
        "A wrong password is refused with one of the Reason Codes listed for CONNACK, and the connection closed",
        STATEMENTS(V5(3_2_2_8), V5(3_1_4_2)),
        SEND(A, CONNECT(.user_name = "mqspec", .password = "wrong")),
        EXPECT_NEXT(A, V5(3_2_2_8), CONNACK(.code = REFUSAL), CONNACK(.code = 0, .skip = CHECKS_NO_USERS), CLOSED()),
        EXPECT(A, V5(3_1_4_2), CLOSED())),

    SCENARIO_5_0(connack5_denied_user_is_closed,
        "A user that may not connect is refused: the connection is closed, and what the Client sent is ignored",
        STATEMENTS(V5(3_1_4_2), V5(3_1_4_6)),
        CONNECTED(B),
        SUBSCRIBED(B, "~/t", 0),
        SEND(A, CONNECT(.user_name = "mqspec-denied", .password = "denied"), PUBLISH(.payload = "denied")),
        EXPECT_NEXT(A, V5(3_1_4_2), CONNACK(.code = REFUSAL), CONNACK(.code = 0, .skip = CHECKS_NO_USERS), CLOSED()),
        EXPECT(A, V5(3_1_4_2), CLOSED()),
        FENCED(B, B, V5(3_1_4_6), "~/t")),

    SCENARIO_5_0(connack5_refusal_keeps_the_session,
        "A refused CONNECT with Clean Start 1 does not end the stored Session of its Client Identifier",
        STATEMENTS(V5(3_2_2_3), V5(3_1_2_23)),
        CONNECTED(A, .clean_session = 0),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 1, UNKNOWN_METHOD)),
        EXPECT_NEXT(A, V5(4_12_0_1), CONNACK(.code = REFUSAL), CONNACK(.code = 0, .skip = KNOWS_METHOD), CLOSED()),
        EXPECT(A, V5(3_2_2_7), CLOSED()),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V5(3_2_2_3), CONNACK(.code = 0, .session_present = 1))),

    SCENARIO_5_0(connack5_refused_client_does_not_take_over,
        "A refused CONNECT does not displace the Client that holds its Client Identifier",
        STATEMENTS(V5(3_1_4_6)),
        CONNECTED(A, .client_identifier = "~same"),
        SEND(B, CONNECT(.client_identifier = "~same", UNKNOWN_METHOD)),
        EXPECT_NEXT(B, V5(4_12_0_1), CONNACK(.code = REFUSAL), CONNACK(.code = 0, .skip = KNOWS_METHOD), CLOSED()),
        EXPECT(B, V5(3_2_2_7), CLOSED()),
        PINGED(A, V5(3_1_4_6))),

    SCENARIO_5_0(connack5_publish_behind_refusal_is_ignored,
        "A PUBLISH sent in one write behind a CONNECT that is refused reaches nobody",
        STATEMENTS(V5(3_1_4_6)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        SEND(B, CONNECT(UNKNOWN_METHOD), PUBLISH(.payload = "refused")),
        EXPECT_NEXT(B, V5(4_12_0_1), CONNACK(.code = REFUSAL), CONNACK(.code = 0, .skip = KNOWS_METHOD), CLOSED()),
        EXPECT(B, V5(3_2_2_7), CLOSED()),
        FENCED(A, A, V5(3_1_4_6), "~/t")),

    SCENARIO_5_0(connack5_retained_behind_refusal_is_ignored,
        "A retained PUBLISH sent in one write behind a CONNECT that is refused is not stored",
        STATEMENTS(V5(3_1_4_6)),
        SEND(B, CONNECT(UNKNOWN_METHOD), PUBLISH(.retain = 1, .payload = "refused")),
        EXPECT_NEXT(B, V5(4_12_0_1), CONNACK(.code = REFUSAL), CONNACK(.code = 0, .skip = KNOWS_METHOD), CLOSED()),
        EXPECT(B, V5(3_2_2_7), CLOSED()),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        FENCED(A, A, V5(3_1_4_6), "~/t")),

    SCENARIO_5_0(connack5_publish_behind_malformed_connect_is_ignored,
        "A PUBLISH sent behind a CONNECT that is malformed reaches nobody",
        STATEMENTS(V5(3_1_4_6), V5(3_1_4_1)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        SEND(B, CONNECT(.connect_flags = 0x03), PUBLISH(.payload = "refused")),
        REFUSED(B, V5(3_1_4_1)),
        FENCED(A, A, V5(3_1_4_6), "~/t")),

    /* ---- The form of CONNECT, section 3.1.4 ---- */

    SCENARIO_5_0(connack5_excess_is_refused,
        "A CONNECT with a byte behind its last field is refused",
        STATEMENTS(V5(3_1_4_1)),
        SEND_BROKEN(A, APPEND, 0, 1, CONNECT(.user_name = "mqspec-user", .password = "mqspec-password")),
        REFUSED(A, V5(3_1_4_1))),

    SCENARIO_5_0(connack5_will_without_will_flag_is_refused,
        "Will Properties, Will Topic and Will Payload with Will Flag 0 are refused: they are no part of the Payload",
        STATEMENTS(V5(3_1_4_1), V5(3_1_2_16)),
        SEND(A, CONNECT(.will_topic = "~/will", .will_message = "gone", .connect_flags = 0x02)),
        REFUSED(A, V5(3_1_2_16))),

    SCENARIO_5_0(connack5_missing_identifier_is_refused,
        "A CONNECT without Client Identifier is refused",
        STATEMENTS(V5(3_1_3_3), V5(3_1_4_1)),
        SEND_BYTES(A, 0x10, 11, 0, 4, 'M', 'Q', 'T', 'T', 5, 0x02, 0, 60, 0),
        REFUSED(A, V5(3_1_3_3))),

    SCENARIO_5_0(connack5_missing_property_length_is_refused,
        "A CONNECT that lacks the Property Length is refused",
        STATEMENTS(V5(2_2_2_1), V5(3_1_4_1)),
        SEND_BYTES(A, 0x10, 10, 0, 4, 'M', 'Q', 'T', 'T', 5, 0x02, 0, 60),
        REFUSED(A, V5(2_2_2_1))),

    SCENARIO_5_0(connack5_cut_identifier_is_refused,
        "A CONNECT that ends within the Client Identifier is refused",
        STATEMENTS(V5(3_1_3_3), V5(3_1_4_1)),
        SEND_BROKEN(A, CUT, 0, 1, CONNECT()),
        REFUSED(A, V5(3_1_3_3))),

    SCENARIO_5_0(connack5_password_needs_no_user_name,
        "Other than in 3.1.1, a CONNECT with a password and no user name is well formed: a CONNACK answers it",
        STATEMENTS(V5(3_1_4_5)),
        SEND(A, CONNECT(.password = "mqspec-password")),
        EXPECT_NEXT(A, V5(3_1_4_5), CONNACK(.code = 0), CONNACK(.code = 4, .skip = UNKNOWN_USER),
                                    CONNACK(.code = 5, .skip = UNKNOWN_USER))),

    /* ---- The protocol ---- */

    SCENARIO_5_0(connack5_later_version_is_refused,
        "A CONNECT with Protocol Version 6 closes the connection",
        STATEMENTS(V5(3_1_2_2)),
        SEND(A, CONNECT(.protocol_level = 6)),
        EXPECT(A, V5(3_1_2_2), CLOSED())),

    SCENARIO_5_0(connack5_highest_version_is_refused,
        "A CONNECT with Protocol Version 255 closes the connection",
        STATEMENTS(V5(3_1_2_2)),
        SEND(A, CONNECT(.protocol_level = 255)),
        EXPECT(A, V5(3_1_2_2), CLOSED())),

    SCENARIO_5_0(connack5_old_name_with_new_version,
        "The protocol name of MQTT 3.1 with Protocol Version 5 closes the connection",
        STATEMENTS(V5(3_1_2_1)),
        SEND(A, CONNECT(.protocol_name = "MQIsdp")),
        EXPECT(A, V5(3_1_2_1), CLOSED())),

    /* ---- Assigned Client Identifier ---- */

    SCENARIO_5_0(connack5_tells_the_assigned_identifier,
        "A Client with an empty Client Identifier is told in CONNACK which one it was assigned",
        STATEMENTS(V5(3_2_2_16), V5(3_1_3_7)),
        SEND(A, CONNECT(.client_identifier = "")),
        ASSIGNED(A, V5(3_2_2_16)),
        PINGED(A, V5(3_1_3_6))),

    SCENARIO_5_0(connack5_assigned_identifier_is_told_for_clean_start_0,
        "An empty Client Identifier with Clean Start 0 is assigned one, and no Session is present",
        STATEMENTS(V5(3_1_3_7), V5(3_2_2_3)),
        SEND(A, CONNECT(.client_identifier = "", .clean_session = 0, PROPERTIES(ABSENT(MQTT_SESSION_EXPIRY_INTERVAL)))),
        EXPECT(A, V5(3_1_3_7), CONNACK(.code = 0, .session_present = 0,
                                       PROPERTIES(PRESENT(MQTT_ASSIGNED_CLIENT_IDENTIFIER))),
                               CONNACK(.code = REFUSAL, .skip = NAMES_NOBODY), CLOSED(.skip = NAMES_NOBODY))),

    SCENARIO_5_0(connack5_assigned_identifiers_are_unique,
        "Clients with an empty Client Identifier are each assigned one of their own: none displaces another",
        STATEMENTS(V5(3_1_3_6), V5(3_2_2_16)),
        SEND(A, CONNECT(.client_identifier = "")),
        ASSIGNED(A, V5(3_1_3_7)),
        SEND(B, CONNECT(.client_identifier = "")),
        ASSIGNED(B, V5(3_1_3_7)),
        SEND(C, CONNECT(.client_identifier = "")),
        ASSIGNED(C, V5(3_1_3_7)),
        PINGED(A, V5(3_1_3_6)),
        PINGED(B, V5(3_1_3_6)),
        PINGED(C, V5(3_1_3_6))),

    SCENARIO_5_0(connack5_assigned_identifier_is_not_that_of_a_session,
        "A Client that is assigned an identifier does not get the Session of one that left: none is present",
        STATEMENTS(V5(3_2_2_16), V5(3_1_3_6)),
        SEND(A, CONNECT(.client_identifier = "", PROPERTIES(NUMBER(MQTT_SESSION_EXPIRY_INTERVAL, 3600)))),
        ASSIGNED(A, V5(3_1_3_7)),
        GRANTED(A, "~/t", 1),
        DISCONNECTED(A),
        CONNECTED(C),
        PUBLISHED_QOS1(C, 1, .payload = "for the Session that is left"),
        SEND(B, CONNECT(.client_identifier = "", .clean_session = 0, PROPERTIES(ABSENT(MQTT_SESSION_EXPIRY_INTERVAL)))),
        EXPECT(B, V5(3_2_2_16), CONNACK(.code = 0, .session_present = 0,
                                        PROPERTIES(PRESENT(MQTT_ASSIGNED_CLIENT_IDENTIFIER))),
                                CONNACK(.reason = 0x85, .skip = "the target assigns none where Clean Start is 0")),
        GRANTED(B, "~/t", 1),
        PUBLISHED_QOS1(C, 2, .payload = "fence"),
        RECEIVED_QOS1(B, V5(3_2_2_16), 0, .payload = "fence")),

    SCENARIO_5_0(connack5_assigned_identifier_names_the_session,
        "With the identifier that it was assigned, a Client comes back to its Session",
        STATEMENTS(V5(3_1_3_7), V5(3_2_2_3)),
        SEND(A, CONNECT(.client_identifier = "", PROPERTIES(NUMBER(MQTT_SESSION_EXPIRY_INTERVAL, 3600)))),
        ASSIGNED(A, V5(3_1_3_7)),
        GRANTED(A, "~/t", 1),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "waiting"),
        SEND(A, CONNECT(.client_identifier = ASSIGNED_TO_A, .clean_session = 0)),
        EXPECT(A, V5(3_1_3_7), CONNACK(.code = 0, .session_present = 1)),
        RECEIVED_QOS1(A, V5(3_1_3_7), 0, .topic = "~/t", .payload = "waiting")),

    SCENARIO_5_0(connack5_assigned_identifier_can_be_taken_over,
        "A CONNECT with the identifier that another Client was assigned displaces that Client",
        STATEMENTS(V5(3_1_3_7), V5(3_1_4_3)),
        SEND(A, CONNECT(.client_identifier = "")),
        ASSIGNED(A, V5(3_1_3_7)),
        CONNECTED(B, .client_identifier = ASSIGNED_TO_A),
        EXPECT(A, V5(3_1_3_7), CLOSED()),
        PINGED(B, V5(3_1_4_3))),

#define BYTES_20  "0123456789abcdefghij"
#define BYTES_100 BYTES_20 BYTES_20 BYTES_20 BYTES_20 BYTES_20
#define BYTES_500 BYTES_100 BYTES_100 BYTES_100 BYTES_100 BYTES_100
    SCENARIO_5_0(connack5_refused_identifier_closes,
        "A Client Identifier of 2000 bytes is accepted, or the connection closed, as a rule after Reason Code 0x85",
        STATEMENTS(V5(3_1_3_8)),
        SEND(A, CONNECT(.client_identifier = BYTES_500 BYTES_500 BYTES_500 BYTES_500)),
        EXPECT_NEXT(A, V5(3_1_3_8), CONNACK(.code = 2), CLOSED(),
                                    CONNACK(.code = 0, .skip = "the target accepts a long Client Identifier"),
                                    CONNACK(.code = REFUSAL,
                                            .warn = "refused with another code than Client Identifier not valid")),
        EXPECT(A, V5(3_1_3_8), CLOSED())),

    /* ---- Keep Alive ---- */

    SCENARIO_5_0(connack5_without_server_keep_alive,
        "A Server whose CONNACK has no Server Keep Alive goes by that of CONNECT: a PINGREQ within it is in time",
        STATEMENTS(V5(3_2_2_22)),
        SEND(A, CONNECT(.keep_alive = 2)),
        EXPECT(A, V5(3_1_4_5), CONNACK(.code = 0, PROPERTIES(ABSENT(MQTT_SERVER_KEEP_ALIVE))),
                               CONNACK(.code = 0, .skip = "the target's CONNACK has a Server Keep Alive")),
        WAIT(1900),
        SEND(A, PINGREQ()),
        EXPECT(A, V5(3_2_2_22), PINGRESP())),

    /* ---- Maximum QoS, Retain Available ---- */

    SCENARIO_5_0(connack5_without_maximum_qos_takes_qos_2,
        "A Server whose CONNACK has no Maximum QoS takes a PUBLISH of QoS 2, and one of QoS 1",
        STATEMENTS(V5(3_2_2_9)),
        CONNECTED(A),
        SEND(A, PUBLISH(.qos = 2, .packet_identifier = 1, .payload = "at QoS 2")),
        EXPECT(A, V5(3_2_2_9), PUBREC(.packet_identifier = 1)),
        SEND(A, PUBREL(.packet_identifier = 1)),
        EXPECT(A, V5(4_3_3_11), PUBCOMP(.packet_identifier = 1)),
        SEND(A, PUBLISH(.qos = 1, .packet_identifier = 2, .payload = "at QoS 1")),
        EXPECT(A, V5(3_2_2_9), PUBACK(.packet_identifier = 2))),

    SCENARIO_5_0(connack5_every_qos_can_be_subscribed,
        "SUBSCRIBE for QoS 0, 1 and 2 is accepted, whatever QoS the Server takes from publishers",
        STATEMENTS(V5(3_2_2_10)),
        CONNECTED(A),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/a", 0}, {"~/b", 1}, {"~/c", 2}})),
        EXPECT(A, V5(3_2_2_10), SUBACK(CODES("\x00\x01\x02")), SUBACK(CODES("\x00\x01\x01")),
                                SUBACK(CODES("\x00\x00\x00")),
                                SUBACK(CODES("\x80\x80\x80"), .skip = "the target refuses the subscriptions"))),

    SCENARIO_5_0(connack5_publish_beyond_maximum_qos,
        "A PUBLISH with a QoS beyond the Maximum QoS of CONNACK closes the connection",
        STATEMENTS(V5(3_2_2_11)),
        LIMITED_QOS(A),
        SEND(A, PUBLISH(.qos = 2, .packet_identifier = 1, .payload = "too much", .beyond_offer = true)),
        EXPECT(A, V5(3_2_2_11), CLOSED())),

    SCENARIO_5_0(connack5_will_beyond_maximum_qos,
        "A CONNECT whose Will QoS is beyond the Maximum QoS is refused, with Reason Code 0x9B where there is a CONNACK",
        STATEMENTS(V5(3_2_2_12)),
        LIMITED_QOS(B),
        SEND(A, CONNECT(.will_topic = "~/will", .will_message = "gone", .will_qos = 2, .beyond_offer = true)),
        EXPECT_NEXT(A, V5(3_2_2_12), CONNACK(.reason = MQTT_REASON_QOS_NOT_SUPPORTED), CLOSED(),
                                     CONNACK(.code = REFUSAL, .warn = "refused with another code than 0x9B")),
        EXPECT(A, V5(3_2_2_12), CLOSED())),

    SCENARIO_5_0(connack5_retained_will_is_refused,
        "A CONNECT with Will Retain 1 to a Server without retained messages is refused, with 0x9A where there is a "
        "CONNACK",
        STATEMENTS(V5(3_2_2_13)),
        WITHOUT_RETAIN(B),
        SEND(A, CONNECT(.will_topic = "~/will", .will_message = "gone", .will_retain = 1, .beyond_offer = true)),
        EXPECT_NEXT(A, V5(3_2_2_13), CONNACK(.reason = MQTT_REASON_RETAIN_NOT_SUPPORTED), CLOSED(),
                                     CONNACK(.code = REFUSAL, .warn = "refused with another code than 0x9A")),
        EXPECT(A, V5(3_2_2_13), CLOSED())),

    SCENARIO_5_0(connack5_retained_publish_to_server_without,
        "A PUBLISH with RETAIN 1 to a Server that says Retain Available 0 closes the connection",
        STATEMENTS(V5(3_2_2_14)),
        WITHOUT_RETAIN(A),
        SEND(A, PUBLISH(.retain = 1, .payload = "kept", .beyond_offer = true)),
        EXPECT(A, V5(3_2_2_14), CLOSED())),
};
/* clang-format on */

FAMILY(connack5, scenarios);
