/* Maximum Packet Size: what neither side may send. Sections 3.1.2.11.4 and 3.2.2.3.6.
 *
 * A message too large for a Client is not sent to it, and done with. Of what else would be too large, the Reason String
 * and User Properties are left out; the standard asks for that packet by packet. Whether a Server has any to leave out
 * is its own affair. A Client that accepts hardly anything may be closed, since nothing fits. */
#include "conformance/scenarios/shorthand.h"

#define TAKES(size)    PROPERTIES(NUMBER(MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, size))
#define DOES_NOT_FIT   "the target does not let in a Client that accepts packets of so few bytes only"
#define NOT_ANSWERED   "the target does not answer for a Packet Identifier that it does not know"
#define IN_SILENCE     "the target closes the connection without DISCONNECT"
#define TAKES_WILDCARD "the target sends no DISCONNECT for a wildcard in a Topic Name"
#define NO_SCRAM       "the target does not authenticate by SCRAM-SHA-256, or not in packets of so few bytes"

/* CONNACK fits into this with what Servers say in it, and hardly a sentence more. */
#define SMALL 32

/* The first AUTH of SCRAM-SHA-256 fits into this, and hardly a sentence more. */
#define AUTH_SIZE 100

/* The Client is let in, whatever few bytes it accepts. */
#define CONNECTED_SMALL(who, size)                                                                                     \
    SEND(who, CONNECT(TAKES(size))),                                                                                   \
        EXPECT(who, V5(3_1_4_5), CONNACK(.code = 0), CONNACK(.code = REFUSAL, .skip = DOES_NOT_FIT),                   \
               CLOSED(.skip = DOES_NOT_FIT))

/* The packet is not larger than the Client accepts, or it is not for the sake of that property. */
#define FITS_WITHOUT(property, type, ...)                                                                              \
    type(.packet_size = SMALL, __VA_ARGS__), type(PROPERTIES(ABSENT(property)), __VA_ARGS__)
#define WITHOUT_REASON_STRING(type, ...) FITS_WITHOUT(MQTT_REASON_STRING, type, __VA_ARGS__)
#define WITHOUT_USER_PROPERTY(type, ...) FITS_WITHOUT(MQTT_USER_PROPERTY, type, __VA_ARGS__)

/* What draws each packet from the Server, where it has something to say in it. */
#define DRAWS_PUBACK   SEND(A, PUBLISH(.topic = "~/denied/t", .qos = 1, .packet_identifier = 5, .payload = "hello"))
#define DRAWS_PUBREC   SEND(A, PUBLISH(.topic = "~/denied/t", .qos = 2, .packet_identifier = 5, .payload = "hello"))
#define DRAWS_PUBREL   SEND(A, PUBREC(.packet_identifier = 55), PINGREQ())
#define DRAWS_PUBCOMP  SEND(A, PUBREL(.packet_identifier = 55), PINGREQ())
#define DRAWS_SUBACK   SEND(A, SUBSCRIBE(.packet_identifier = 5, .filters = {{"~/denied/t", 0}}))
#define DRAWS_UNSUBACK SEND(A, UNSUBSCRIBE(.packet_identifier = 5, .filters = {{"~/never", -1}}))

/* Both rules for one packet: Reason String, then User Property. The Server may close the connection instead, or have
 * nothing to say to a Packet Identifier that it does not know. */
#define LEAVES_OUT(name, title, draws, type, reason_string, user_property)                                             \
    SCENARIO_5_0(name##_without_reason_string,                                                                         \
                 title " has no Reason String that makes it larger than the Client "                                   \
                       "accepts",                                                                                      \
                 STATEMENTS(reason_string), CONNECTED_SMALL(A, SMALL), draws,                                          \
                 EXPECT(A, reason_string, WITHOUT_REASON_STRING(type), CLOSED(), PINGRESP(.skip = NOT_ANSWERED))),     \
        SCENARIO_5_0(name##_without_user_property,                                                                     \
                     title " has no User Property that makes it larger than the Client "                               \
                           "accepts",                                                                                  \
                     STATEMENTS(user_property), CONNECTED_SMALL(A, SMALL), draws,                                      \
                     EXPECT(A, user_property, WITHOUT_USER_PROPERTY(type), CLOSED(), PINGRESP(.skip = NOT_ANSWERED)))

#define SCRAM_METHOD TEXT(MQTT_AUTHENTICATION_METHOD, "SCRAM-SHA-256"), TEXT(MQTT_AUTHENTICATION_DATA, SCRAM_FIRST)

/* A accepts packets of 100 bytes; B publishes. */
#define HUNDRED(granted) CONNECTED(A, TAKES(100)), GRANTED(A, "~/t", granted), CONNECTED(B)

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- Messages that are too large for a Client ---- */

    SCENARIO_5_0(packet_size_larger_message_is_not_sent,
        "A message larger than the Client accepts is not sent to it; the next one is",
        STATEMENTS(V5(3_1_2_24)),
        HUNDRED(0),
        SEND(B, PUBLISH(.payload_size = 500)),
        FENCED(B, A, V5(3_1_2_24), "~/t")),

    SCENARIO_5_0(packet_size_of_one_byte_more_is_not_sent,
        "A PUBLISH of one byte more than the Client accepts is not sent to it",
        STATEMENTS(V5(3_1_2_24)),
        HUNDRED(0),
        SEND(B, PUBLISH(.packet_size = 101)),
        FENCED(B, A, V5(3_1_2_24), "~/t")),

    /* A Server that says more with the message than its publisher did may find that it no longer fits. */
    SCENARIO_5_0(packet_size_exactly_is_sent,
        "A PUBLISH of exactly as many bytes as the Client accepts is sent to it",
        STATEMENTS(V5(3_1_2_24), V5(4_5_0_1)),
        HUNDRED(0),
        SEND(B, PUBLISH(.packet_size = 100), PUBLISH(.payload = "fence")),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.topic = "~/t", .packet_size = 100),
                               PUBLISH(.payload = "fence", .warn = "a message that just fits was not sent"))),

    SCENARIO_5_0(packet_size_exactly_with_a_longer_length,
        "A PUBLISH whose Remaining Length takes two bytes is measured whole: 200 bytes fit into 200, 201 do not",
        STATEMENTS(V5(3_1_2_24)),
        CONNECTED(A, TAKES(200)),
        GRANTED(A, "~/t", 0),
        CONNECTED(B),
        SEND(B, PUBLISH(.packet_size = 201), PUBLISH(.packet_size = 200), PUBLISH(.payload = "fence")),
        EXPECT(A, V5(3_1_2_24), PUBLISH(.topic = "~/t", .packet_size = 200))),

    SCENARIO_5_0(packet_size_counts_properties,
        "User Properties of a message are never left out: a message that does not fit with them is not sent",
        STATEMENTS(V5(3_1_2_24), V5(3_3_2_17)),
        HUNDRED(0),
#define VALUE_100 "one hundred bytes of value in a property, which alone are as many as the Client takes in one packet"
        SEND(B, PUBLISH(.payload = "short", PROPERTIES(USER("name", VALUE_100)))),
        FENCED(B, A, V5(3_3_2_17), "~/t")),

    SCENARIO_5_0(packet_size_of_every_client_is_its_own,
        "What is too large for one Client reaches another that accepts it",
        STATEMENTS(V5(3_1_2_24), V5(4_5_0_1)),
        HUNDRED(0),
        CONNECTED(C),
        GRANTED(C, "~/t", 0),
        SEND(B, PUBLISH(.payload_size = 500)),
        EXPECT(C, V5(4_5_0_1), PUBLISH(.payload_size = 500)),
        FENCED(B, A, V5(3_1_2_24), "~/t")),

    SCENARIO_5_0(packet_size_of_retained_message,
        "A retained message larger than the Client accepts is not sent for its subscription",
        STATEMENTS(V5(3_1_2_24)),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .retain = 1, .payload_size = 500),
        CONNECTED(A, TAKES(100)),
        GRANTED(A, "~/t", 0),
        FENCED(B, A, V5(3_1_2_24), "~/t")),

    SCENARIO_5_0(packet_size_of_will,
        "A Will Message larger than a subscriber accepts is not sent to it",
        STATEMENTS(V5(3_1_2_24)),
        HUNDRED(0),
        GRANTED(B, "~/t", 0),
        CONNECTED(C, .will_topic = "~/t", .will_message = VALUE_100),
        DROP(C),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.payload = VALUE_100)),
        FENCED(B, A, V5(3_1_2_24), "~/t")),

    /* ---- ... are done with ---- */

    SCENARIO_5_0(packet_size_message_is_done_with,
        "A QoS 1 message that is too large takes nothing of the quota: with Receive Maximum 1 the next one comes",
        STATEMENTS(V5(3_1_2_25)),
        CONNECTED(A, PROPERTIES(NUMBER(MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, 100), NUMBER(MQTT_RECEIVE_MAXIMUM, 1))),
        GRANTED(A, "~/t", 1),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload_size = 500),
        PUBLISHED_QOS1(B, 2, .payload_size = 600),
        PUBLISHED_QOS1(B, 3, .payload = "small"),
        RECEIVED_QOS1(A, V5(3_1_2_25), 0, .payload = "small")),

    SCENARIO_5_0(packet_size_qos_2_message_is_done_with,
        "A QoS 2 message that is too large takes nothing of the quota: with Receive Maximum 1 the next one comes",
        STATEMENTS(V5(3_1_2_25)),
        CONNECTED(A, PROPERTIES(NUMBER(MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, 100), NUMBER(MQTT_RECEIVE_MAXIMUM, 1))),
        GRANTED(A, "~/t", 2),
        CONNECTED(B),
        PUBLISHED_QOS2(B, 1, .payload_size = 500),
        PUBLISHED_QOS2(B, 2, .payload = "small"),
        RECEIVED_QOS2(A, V5(3_1_2_25), 0, .payload = "small")),

    SCENARIO_5_0(packet_size_message_does_not_come_later,
        "A message that was too large does not come on a later connection that would accept it",
        STATEMENTS(V5(3_1_2_25)),
        CONNECTED(A, .clean_session = 0, TAKES(100)),
        GRANTED(A, "~/t", 1),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload_size = 500),
        PUBLISHED_QOS1(B, 2, .payload = "small"),
        RECEIVED_QOS1(A, V5(3_1_2_25), 0, .payload = "small"),
        DISCONNECTED(A),
        CONNECTED(A, .clean_session = 0),
        PUBLISHED_QOS1(B, 3, .payload = "fence"),
        RECEIVED_QOS1(A, V5(3_1_2_25), 1, .payload = "fence")),

    SCENARIO_5_0(packet_size_of_queued_message,
        "Of what was queued, the message too large for the new connection is left out and the others come",
        STATEMENTS(V5(3_1_2_25), V5(3_1_2_24)),
        CONNECTED(A, .clean_session = 0),
        GRANTED(A, "~/t", 1),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "before"),
        PUBLISHED_QOS1(B, 2, .payload_size = 500),
        PUBLISHED_QOS1(B, 3, .payload = "behind"),
        CONNECTED(A, .clean_session = 0, TAKES(100)),
        RECEIVED_QOS1(A, V5(3_1_2_25), 0, .payload = "before"),
        RECEIVED_QOS1(A, V5(3_1_2_25), 1, .payload = "behind")),

    SCENARIO_5_0(packet_size_of_message_to_be_sent_again,
        "A message to be sent again that is too large for the new connection is left out and the next one comes",
        STATEMENTS(V5(3_1_2_25), V5(3_1_2_24)),
        CONNECTED(A, .clean_session = 0),
        GRANTED(A, "~/t", 1),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload_size = 500),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.qos = 1, .payload_size = 500)),
        DROP(A),
        CONNECTED(A, .clean_session = 0, TAKES(100)),
        PUBLISHED_QOS1(B, 2, .payload = "small"),
        RECEIVED_QOS1(A, V5(3_1_2_25), 0, .payload = "small")),

    SCENARIO_5_0(packet_size_of_the_next_connection,
        "On a new connection its own Maximum Packet Size counts: without one, large messages come",
        STATEMENTS(V5(3_1_2_24), V5(4_5_0_1)),
        CONNECTED(A, .clean_session = 0, TAKES(100)),
        GRANTED(A, "~/t", 0),
        DISCONNECTED(A),
        CONNECTED(A, .clean_session = 0),
        CONNECTED(B),
        SEND(B, PUBLISH(.payload_size = 500)),
        EXPECT(A, V5(4_5_0_1), PUBLISH(.payload_size = 500))),

    /* ---- Reason String and User Property ---- */

    SCENARIO_5_0(packet_size_connack_without_reason_string,
        "A CONNACK that refuses has no Reason String that makes it larger than the Client accepts",
        STATEMENTS(V5(3_2_2_19)),
        SEND(A, CONNECT(PROPERTIES(NUMBER(MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, SMALL),
                                   TEXT(MQTT_AUTHENTICATION_METHOD, "mqspec-unknown")))),
        EXPECT_NEXT(A, V5(3_2_2_19), WITHOUT_REASON_STRING(CONNACK, .code = REFUSAL), CLOSED(),
                                     CONNACK(.code = 0, .skip = "the target lets in a Client with an Authentication "
                                                                "Method that no broker knows"))),

    SCENARIO_5_0(packet_size_connack_without_user_property,
        "A CONNACK has no User Property that makes it larger than the Client accepts",
        STATEMENTS(V5(3_2_2_20)),
        SEND(A, CONNECT(TAKES(SMALL))),
        EXPECT_NEXT(A, V5(3_2_2_20), WITHOUT_USER_PROPERTY(CONNACK, .code = 0),
                                     CONNACK(.code = REFUSAL, .skip = DOES_NOT_FIT), CLOSED(.skip = DOES_NOT_FIT))),

    LEAVES_OUT(packet_size_puback, "PUBACK", DRAWS_PUBACK, PUBACK, V5(3_4_2_2), V5(3_4_2_3)),
    LEAVES_OUT(packet_size_pubrec, "PUBREC", DRAWS_PUBREC, PUBREC, V5(3_5_2_2), V5(3_5_2_3)),
    LEAVES_OUT(packet_size_pubrel, "PUBREL", DRAWS_PUBREL, PUBREL, V5(3_6_2_2), V5(3_6_2_3)),
    LEAVES_OUT(packet_size_pubcomp, "PUBCOMP", DRAWS_PUBCOMP, PUBCOMP, V5(3_7_2_2), V5(3_7_2_3)),
    LEAVES_OUT(packet_size_suback, "SUBACK", DRAWS_SUBACK, SUBACK, V5(3_9_2_1), V5(3_9_2_2)),
    LEAVES_OUT(packet_size_unsuback, "UNSUBACK", DRAWS_UNSUBACK, UNSUBACK, V5(3_11_2_1), V5(3_11_2_2)),

    SCENARIO_5_0(packet_size_disconnect_without_reason_string,
        "DISCONNECT has no Reason String that makes it larger than the Client accepts",
        STATEMENTS(V5(3_14_2_3)),
        CONNECTED_SMALL(A, SMALL),
        SEND(A, PUBLISH(.topic = "~/#", .payload = "hello")),
        EXPECT(A, V5(3_14_2_3), WITHOUT_REASON_STRING(DISCONNECT), CLOSED(.skip = IN_SILENCE),
               SILENCE(.before = 2000, .skip = TAKES_WILDCARD)),
        EXPECT(A, V5(3_14_4_2), CLOSED())),

    SCENARIO_5_0(packet_size_disconnect_without_user_property,
        "DISCONNECT has no User Property that makes it larger than the Client accepts",
        STATEMENTS(V5(3_14_2_4)),
        CONNECTED_SMALL(A, SMALL),
        SEND(A, PUBLISH(.topic = "~/#", .payload = "hello")),
        EXPECT(A, V5(3_14_2_4), WITHOUT_USER_PROPERTY(DISCONNECT), CLOSED(.skip = IN_SILENCE),
               SILENCE(.before = 2000, .skip = TAKES_WILDCARD)),
        EXPECT(A, V5(3_14_4_2), CLOSED())),

    SCENARIO_5_0(packet_size_auth_without_reason_string,
        "AUTH has no Reason String that makes it larger than the Client accepts",
        STATEMENTS(V5(3_15_2_2)),
        SEND(A, CONNECT(PROPERTIES(NUMBER(MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, AUTH_SIZE), SCRAM_METHOD))),
        EXPECT_NEXT(A, V5(3_15_2_2), AUTH(.packet_size = AUTH_SIZE), AUTH(PROPERTIES(ABSENT(MQTT_REASON_STRING))),
                                     CONNACK(.skip = NO_SCRAM), CLOSED(.skip = NO_SCRAM))),

    SCENARIO_5_0(packet_size_auth_without_user_property,
        "AUTH has no User Property that makes it larger than the Client accepts",
        STATEMENTS(V5(3_15_2_3)),
        SEND(A, CONNECT(PROPERTIES(NUMBER(MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, AUTH_SIZE), SCRAM_METHOD))),
        EXPECT_NEXT(A, V5(3_15_2_3), AUTH(.packet_size = AUTH_SIZE), AUTH(PROPERTIES(ABSENT(MQTT_USER_PROPERTY))),
                                     CONNACK(.skip = NO_SCRAM), CLOSED(.skip = NO_SCRAM))),

    /* ---- What the Server takes ---- */

    SCENARIO_5_0(packet_size_of_the_server_exactly,
        "A packet of exactly the Maximum Packet Size of CONNACK is taken",
        STATEMENTS(V5(3_2_2_15)),
        CONNECTED(A),
        SEND(A, PUBLISH(.packet_size = ANNOUNCED(MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, 0))),
        PINGED(A, V5(3_2_2_15))),

    SCENARIO_5_0(packet_size_of_the_server_exceeded,
        "A packet of one byte more than the Maximum Packet Size of CONNACK closes the connection",
        STATEMENTS(V5(3_2_2_15)),
        CONNECTED(A),
        SEND(A, PUBLISH(.packet_size = ANNOUNCED(MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, 1))),
        EXPECT(A, V5(3_2_2_15), CLOSED())),

    SCENARIO_5_0(packet_size_of_the_server_exceeded_reaches_nobody,
        "A message that is larger than the Server takes reaches nobody",
        STATEMENTS(V5(3_2_2_15)),
        CONNECTED(B),
        SUBSCRIBED(B, "~/t", 0),
        CONNECTED(A),
        SEND(A, PUBLISH(.qos = 1, .packet_identifier = 1,
                        .packet_size = ANNOUNCED(MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, 1))),
        EXPECT(A, V5(3_2_2_15), CLOSED()),
        FENCED(B, B, V5(3_2_2_15), "~/t")),
};
/* clang-format on */

FAMILY(packet_size, scenarios);
