/* Steps that many scenarios have in common, so that a table shows what is particular to it.
 *
 * Each stands for a few steps of conformance/scenario.h. `breaks` is the statement that a failure is reported
 * under; where a macro has none, it names the statement that asks for the step itself. */
#ifndef MQSPEC_SHORTHAND_H
#define MQSPEC_SHORTHAND_H

#include "conformance/scenarios/families.h"

/* What MQTT 3.1 leaves open, or asks for with "should", is judged in 3.1.1 alone. */
#define SCENARIO_3_1_1(scenario_name, scenario_title, tested, ...)                                                     \
    {                                                                                                                  \
        .name = #scenario_name, .title = scenario_title, .file = __FILE__, .line = __LINE__, tested,                   \
        .versions = IN_3_1_1, STEPS(__VA_ARGS__)                                                                       \
    }
#define SCENARIO_3_1(scenario_name, scenario_title, tested, ...)                                                       \
    {                                                                                                                  \
        .name = #scenario_name, .title = scenario_title, .file = __FILE__, .line = __LINE__, tested,                   \
        .versions = IN_3_1, STEPS(__VA_ARGS__)                                                                         \
    }

/* Holds in 3.1.1 and in 5.0, and 3.1 leaves it open. */
#define SCENARIO_3_1_1_AND_5(scenario_name, scenario_title, tested, ...)                                               \
    {                                                                                                                  \
        .name = #scenario_name, .title = scenario_title, .file = __FILE__, .line = __LINE__, tested,                   \
        .versions = IN_3_1_1 | IN_5_0, STEPS(__VA_ARGS__)                                                              \
    }
/* What 5.0 asks for in another way, or no longer. */
#define SCENARIO_BEFORE_5(scenario_name, scenario_title, tested, ...)                                                  \
    {                                                                                                                  \
        .name = #scenario_name, .title = scenario_title, .file = __FILE__, .line = __LINE__, tested,                   \
        .versions = IN_3_1 | IN_3_1_1, STEPS(__VA_ARGS__)                                                              \
    }
#define SCENARIO_5_0(scenario_name, scenario_title, tested, ...)                                                       \
    {                                                                                                                  \
        .name = #scenario_name, .title = scenario_title, .file = __FILE__, .line = __LINE__, tested,                   \
        .versions = IN_5_0, STEPS(__VA_ARGS__)                                                                         \
    }

/* ---- Connections ---------------------------------------------------------------------------------------- */

/* The Client goes away as it should; what it leaves behind is settled before the next step. */
#define DISCONNECTED(who) SEND(who, DISCONNECT())

/* The connection works: a PINGREQ is answered. */
#define PINGED(who, breaks) SEND(who, PINGREQ()), EXPECT(who, breaks, PINGRESP())

/* A CONNECT that breaks the rules: closed, after a CONNACK that refuses or without one. Section 3.1.4 wants it
 * without; the scenarios for MQTT-3.1.4-1 look at that. */
#define REFUSED(who, breaks) EXPECT_NEXT(who, breaks, CLOSED(), CONNACK(.code = REFUSAL)), EXPECT(who, breaks, CLOSED())

/* A CONNECT with a user name or password that the Server does not accept, where it checks them. Further arguments are
 * fields of the CONNACK. */
#define CHECKS_NO_USERS "the target lets in a user with a wrong password: it does not check users"
#define OTHER_REFUSAL   "refused with another code than those for user names, passwords and authorization"
#define USER_REFUSED(who, breaks, ...)                                                                                 \
    EXPECT_NEXT(who, breaks, CONNACK(.code = 4, __VA_ARGS__), CONNACK(.code = 5, __VA_ARGS__), CLOSED(),               \
                CONNACK(.code = 0, .skip = CHECKS_NO_USERS),                                                           \
                CONNACK(.code = REFUSAL, .warn = OTHER_REFUSAL, __VA_ARGS__)),                                         \
        EXPECT(who, V311(3_2_2_5), CLOSED())

/* ---- Subscriptions -------------------------------------------------------------------------------------- */

#define GRANT_0 "\x00"
#define GRANT_1 "\x01"
#define GRANT_2 "\x02"

/* SUBSCRIBED, and the scenario needs the very QoS that it asks for: 0, 1 or 2 as a digit. */
#define GRANTED(who, topic_filter, wanted)                                                                             \
    SEND(who, SUBSCRIBE(.packet_identifier = 100, .filters = {{topic_filter, wanted}})),                               \
        EXPECT(who, V311(3_8_4_1), SUBACK(.packet_identifier = 100, CODES(GRANT_##wanted)),                            \
               SUBACK(.packet_identifier = 100, .skip = "the target does not grant the QoS that is asked for"))

#define UNSUBSCRIBED(who, topic_filter)                                                                                \
    SEND(who, UNSUBSCRIBE(.packet_identifier = 102, .filters = {{topic_filter, -1}})),                                 \
        EXPECT(who, V311(3_10_4_4), UNSUBACK(.packet_identifier = 102))

/* ---- Messages ------------------------------------------------------------------------------------------- */

/* A Client publishes and the exchange is complete: the Server owns the message. */
#define PUBLISHED_QOS1(from, identifier, ...)                                                                          \
    SEND(from, PUBLISH(.qos = 1, .packet_identifier = identifier, __VA_ARGS__)),                                       \
        EXPECT(from, V311(3_3_4_1), PUBACK(.packet_identifier = identifier))
#define PUBLISHED_QOS2(from, identifier, ...)                                                                          \
    SEND(from, PUBLISH(.qos = 2, .packet_identifier = identifier, __VA_ARGS__)),                                       \
        EXPECT(from, V311(3_3_4_1), PUBREC(.packet_identifier = identifier)),                                          \
        SEND(from, PUBREL(.packet_identifier = identifier)),                                                           \
        EXPECT(from, V311(4_3_3_2), PUBCOMP(.packet_identifier = identifier))

/* A message of a size that 3.1.1 lets a Server neither refuse nor announce, and that some do not take. */
#define TOO_LARGE "the target closes the connection at a large message: it limits sizes"
#define PUBLISHED_LARGE_QOS0(from, ...)                                                                                \
    SEND(from, PUBLISH(.qos = 0, __VA_ARGS__), PINGREQ()),                                                             \
        EXPECT(from, V311(3_12_4_1), PINGRESP(), CLOSED(.skip = TOO_LARGE))
#define PUBLISHED_LARGE_QOS1(from, identifier, ...)                                                                    \
    SEND(from, PUBLISH(.qos = 1, .packet_identifier = identifier, __VA_ARGS__)),                                       \
        EXPECT(from, V311(3_3_4_1), PUBACK(.packet_identifier = identifier), CLOSED(.skip = TOO_LARGE))
#define PUBLISHED_LARGE_QOS2(from, identifier, ...)                                                                    \
    SEND(from, PUBLISH(.qos = 2, .packet_identifier = identifier, __VA_ARGS__)),                                       \
        EXPECT(from, V311(3_3_4_1), PUBREC(.packet_identifier = identifier), CLOSED(.skip = TOO_LARGE)),               \
        SEND(from, PUBREL(.packet_identifier = identifier)),                                                           \
        EXPECT(from, V311(4_3_3_2), PUBCOMP(.packet_identifier = identifier))

/* A Client receives a message and completes the exchange. The Server's Packet Identifier is ID(n). */
#define RECEIVED_QOS1(at, breaks, n, ...)                                                                              \
    EXPECT(at, breaks, PUBLISH(.qos = 1, .packet_identifier = ID(n), __VA_ARGS__)),                                    \
        SEND(at, PUBACK(.packet_identifier = ID(n)))
#define RECEIVED_QOS2(at, breaks, n, ...)                                                                              \
    EXPECT(at, breaks, PUBLISH(.qos = 2, .packet_identifier = ID(n), __VA_ARGS__)),                                    \
        SEND(at, PUBREC(.packet_identifier = ID(n))), EXPECT(at, V311(4_3_3_1), PUBREL(.packet_identifier = ID(n))),   \
        SEND(at, PUBCOMP(.packet_identifier = ID(n)))

/* The fence, section "Absence" of scenario.h: the next message to reach `at` is this one, published now at QoS 0. */
#define FENCED(from, at, breaks, fence_topic)                                                                          \
    SEND(from, PUBLISH(.topic = fence_topic, .payload = "fence")),                                                     \
        EXPECT(at, breaks, PUBLISH(.topic = fence_topic, .payload = "fence"))

/* ---- What the standard leaves to the Server ----------------------------------------------------------------- */

/* A Server need not send a message while an earlier one is not acknowledged. */
#define ONE_AT_A_TIME "the target sends one message at a time"

/* That the receiver of DISCONNECT closes the connection is a SHOULD, or less. */
#define LEFT_OPEN "the connection was not closed within 2 seconds of DISCONNECT"

/* ---- MQTT 5.0 ------------------------------------------------------------------------------------------- */

/* Bits of the Subscription Options, section 3.8.3.1. */
#define NO_LOCAL            0x04
#define RETAIN_AS_PUBLISHED 0x08
#define RETAIN_HANDLING_0   0x00
#define RETAIN_HANDLING_1   0x10
#define RETAIN_HANDLING_2   0x20

/* GRANTED, with further Subscription Options, and with what else the SUBSCRIBE has. */
#define GRANTED_WITH(who, topic_filter, wanted, options, ...)                                                          \
    SEND(who, SUBSCRIBE(.packet_identifier = 103, .filters = {{topic_filter, (wanted) | (options)}}, __VA_ARGS__)),    \
        EXPECT(who, V5(3_8_4_1), SUBACK(.packet_identifier = 103, CODES(GRANT_##wanted)),                              \
               SUBACK(.packet_identifier = 103, .skip = "the target does not grant the QoS that is asked for"))

/* In a 5.0 play this client speaks MQTT 3.1.1. */
#define CONNECTED_3_1_1(who, ...)                                                                                      \
    SEND(who, CONNECT(.protocol_level = 4, __VA_ARGS__)),                                                              \
        EXPECT(who, V5(3_1_4_5), CONNACK(.code = 0), CONNACK(.code = 1, .skip = "the target does not speak 3.1.1"),    \
               CLOSED(.skip = "the target does not speak 3.1.1"))

#endif
