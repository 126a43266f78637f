/* Packets that no Client may send: the Fixed Header, and the short packets. Sections 2.2, 3.4 to 3.7, 3.12, 3.14, 4.8.
 *
 * MQTT 3.1 does not say what a Server does with most of them, so these scenarios are for 3.1.1 and 5.0. */
#include "conformance/scenarios/shorthand.h"

/* A, connected, does this, and the Server closes the connection. */
#define CLOSES(name, title, breaks, ...)                                                                               \
    SCENARIO_3_1_1_AND_5(name, title, STATEMENTS(breaks), CONNECTED(A), __VA_ARGS__, EXPECT(A, breaks, CLOSED()))
/* The same, where the bytes mean something else in 5.0. */
#define CLOSES_3_1_1(name, title, breaks, ...)                                                                         \
    SCENARIO_3_1_1(name, title, STATEMENTS(breaks), CONNECTED(A), __VA_ARGS__, EXPECT(A, breaks, CLOSED()))

/* A Client sends a packet with these Fixed Header flags, and the Server closes its connection. */
#define CLOSES_ON_FLAGS(who, breaks, type, bits, ...)                                                                  \
    CONNECTED(who), SEND(who, type(.flags = bits, __VA_ARGS__)), EXPECT(who, breaks, CLOSED())

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- Types ---- */

    CLOSES(malformed_type_0,
        "Packet type 0 is reserved: it closes the connection", V311(4_8_0_1),
        SEND_BYTES(A, 0x00, 0x00)),

    CLOSES_3_1_1(malformed_type_15,
        "Packet type 15 is reserved: it closes the connection", V311(4_8_0_1),
        SEND_BYTES(A, 0xF0, 0x00)),

    CLOSES(malformed_connack_from_client,
        "A CONNACK, which only a Server sends, closes the connection", V311(4_8_0_1),
        SEND(A, CONNACK(.code = 0))),

    CLOSES(malformed_suback_from_client,
        "A SUBACK, which only a Server sends, closes the connection", V311(4_8_0_1),
        SEND(A, SUBACK(.packet_identifier = 1))),

    CLOSES(malformed_unsuback_from_client,
        "An UNSUBACK, which only a Server sends, closes the connection", V311(4_8_0_1),
        SEND(A, UNSUBACK(.packet_identifier = 1))),

    CLOSES(malformed_pingresp_from_client,
        "A PINGRESP, which only a Server sends, closes the connection", V311(4_8_0_1),
        SEND(A, PINGRESP())),

    /* ---- Remaining Length ---- */

    CLOSES(malformed_remaining_length_of_five_bytes,
        "A Remaining Length of more than four bytes closes the connection", V311(4_8_0_1),
        SEND_BYTES(A, 0x30, 0x80, 0x80, 0x80, 0x80, 0x01)),

    CLOSES(malformed_pingreq_with_content,
        "A PINGREQ with something in it closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, APPEND, 0, 1, PINGREQ())),

    /* ---- Acknowledgements ---- */

    CLOSES(malformed_puback_too_short,
        "A PUBACK with half a Packet Identifier closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, CUT, 0, 1, PUBACK(.packet_identifier = 1))),

    CLOSES(malformed_puback_empty,
        "A PUBACK without Packet Identifier closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, CUT, 0, 2, PUBACK(.packet_identifier = 1))),

    CLOSES_3_1_1(malformed_puback_too_long,
        "A PUBACK with a byte too many closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, APPEND, 0, 1, PUBACK(.packet_identifier = 1))),

    CLOSES(malformed_pubrec_too_short,
        "A PUBREC with half a Packet Identifier closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, CUT, 0, 1, PUBREC(.packet_identifier = 1))),

    CLOSES_3_1_1(malformed_pubrec_too_long,
        "A PUBREC with a byte too many closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, APPEND, 0, 1, PUBREC(.packet_identifier = 1))),

    CLOSES(malformed_pubrel_too_short,
        "A PUBREL with half a Packet Identifier closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, CUT, 0, 1, PUBREL(.packet_identifier = 1))),

    CLOSES_3_1_1(malformed_pubrel_too_long,
        "A PUBREL with a byte too many closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, APPEND, 0, 1, PUBREL(.packet_identifier = 1))),

    CLOSES(malformed_pubcomp_too_short,
        "A PUBCOMP with half a Packet Identifier closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, CUT, 0, 1, PUBCOMP(.packet_identifier = 1))),

    CLOSES_3_1_1(malformed_pubcomp_too_long,
        "A PUBCOMP with a byte too many closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, APPEND, 0, 1, PUBCOMP(.packet_identifier = 1))),

    /* ---- Reserved flags: each bit by itself ---- */

    SCENARIO_3_1_1_AND_5(malformed_pingreq_flags,
        "A PINGREQ with a reserved flag set closes the connection",
        STATEMENTS(V311(2_2_2_2)),
        CLOSES_ON_FLAGS(A, V311(2_2_2_2), PINGREQ, 1),
        CLOSES_ON_FLAGS(B, V311(2_2_2_2), PINGREQ, 2),
        CLOSES_ON_FLAGS(C, V311(2_2_2_2), PINGREQ, 4),
        CLOSES_ON_FLAGS(D, V311(2_2_2_2), PINGREQ, 8)),

    SCENARIO_3_1_1_AND_5(malformed_puback_flags,
        "A PUBACK with a reserved flag set closes the connection",
        STATEMENTS(V311(2_2_2_2)),
        CLOSES_ON_FLAGS(A, V311(2_2_2_2), PUBACK, 1, .packet_identifier = 1),
        CLOSES_ON_FLAGS(B, V311(2_2_2_2), PUBACK, 2, .packet_identifier = 1),
        CLOSES_ON_FLAGS(C, V311(2_2_2_2), PUBACK, 4, .packet_identifier = 1),
        CLOSES_ON_FLAGS(D, V311(2_2_2_2), PUBACK, 8, .packet_identifier = 1)),

    SCENARIO_3_1_1_AND_5(malformed_pubrec_flags,
        "A PUBREC with a reserved flag set closes the connection",
        STATEMENTS(V311(2_2_2_2)),
        CLOSES_ON_FLAGS(A, V311(2_2_2_2), PUBREC, 1, .packet_identifier = 1),
        CLOSES_ON_FLAGS(B, V311(2_2_2_2), PUBREC, 2, .packet_identifier = 1),
        CLOSES_ON_FLAGS(C, V311(2_2_2_2), PUBREC, 4, .packet_identifier = 1),
        CLOSES_ON_FLAGS(D, V311(2_2_2_2), PUBREC, 8, .packet_identifier = 1)),

    SCENARIO_3_1_1_AND_5(malformed_pubrel_flags,
        "A PUBREL whose flags are not 0010 closes the connection",
        STATEMENTS(V311(3_6_1_1), V311(2_2_2_2)),
        CLOSES_ON_FLAGS(A, V311(3_6_1_1), PUBREL, 0,  .packet_identifier = 1),
        CLOSES_ON_FLAGS(B, V311(3_6_1_1), PUBREL, 3,  .packet_identifier = 1),
        CLOSES_ON_FLAGS(C, V311(3_6_1_1), PUBREL, 6,  .packet_identifier = 1),
        CLOSES_ON_FLAGS(D, V311(3_6_1_1), PUBREL, 10, .packet_identifier = 1)),

    SCENARIO_3_1_1_AND_5(malformed_pubcomp_flags,
        "A PUBCOMP with a reserved flag set closes the connection",
        STATEMENTS(V311(2_2_2_2)),
        CLOSES_ON_FLAGS(A, V311(2_2_2_2), PUBCOMP, 1, .packet_identifier = 1),
        CLOSES_ON_FLAGS(B, V311(2_2_2_2), PUBCOMP, 2, .packet_identifier = 1),
        CLOSES_ON_FLAGS(C, V311(2_2_2_2), PUBCOMP, 4, .packet_identifier = 1),
        CLOSES_ON_FLAGS(D, V311(2_2_2_2), PUBCOMP, 8, .packet_identifier = 1)),

    SCENARIO_3_1_1_AND_5(malformed_subscribe_flags,
        "A SUBSCRIBE whose flags are not 0010 closes the connection",
        STATEMENTS(V311(3_8_1_1), V311(2_2_2_2)),
        CLOSES_ON_FLAGS(A, V311(3_8_1_1), SUBSCRIBE, 0,  .filters = {{"~/t", 0}}),
        CLOSES_ON_FLAGS(B, V311(3_8_1_1), SUBSCRIBE, 3,  .filters = {{"~/t", 0}}),
        CLOSES_ON_FLAGS(C, V311(3_8_1_1), SUBSCRIBE, 6,  .filters = {{"~/t", 0}}),
        CLOSES_ON_FLAGS(D, V311(3_8_1_1), SUBSCRIBE, 10, .filters = {{"~/t", 0}})),

    SCENARIO_3_1_1_AND_5(malformed_unsubscribe_flags,
        "An UNSUBSCRIBE whose flags are not 0010 closes the connection",
        STATEMENTS(V311(3_10_1_1), V311(2_2_2_2)),
        CLOSES_ON_FLAGS(A, V311(3_10_1_1), UNSUBSCRIBE, 0,  .filters = {{"~/t", -1}}),
        CLOSES_ON_FLAGS(B, V311(3_10_1_1), UNSUBSCRIBE, 3,  .filters = {{"~/t", -1}}),
        CLOSES_ON_FLAGS(C, V311(3_10_1_1), UNSUBSCRIBE, 6,  .filters = {{"~/t", -1}}),
        CLOSES_ON_FLAGS(D, V311(3_10_1_1), UNSUBSCRIBE, 10, .filters = {{"~/t", -1}})),

    /* A right DISCONNECT closes the connection too; the Will tells the two apart. */
    SCENARIO_3_1_1_AND_5(malformed_disconnect_flags,
        "A DISCONNECT with a reserved flag set is a protocol error, not a DISCONNECT: the Will is published",
        STATEMENTS(V311(3_14_1_1), V311(2_2_2_2), V311(3_1_2_8)),
        CONNECTED(B),
        SUBSCRIBED(B, "~/will", 0),
        CONNECTED(A, .will_topic = "~/will", .will_message = "gone"),
        SEND_BYTES(A, 0xE1, 0x00),
        EXPECT(A, V311(3_14_1_1), CLOSED()),
        EXPECT(B, V311(3_14_1_1), PUBLISH(.topic = "~/will", .payload = "gone"))),
};
/* clang-format on */

FAMILY(malformed, scenarios);
