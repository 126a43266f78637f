/* CONNECT packets that break the rules of section 3.1. The Server closes the connection; MQTT-3.1.4-1 wants no CONNACK
 * before that, but one that refuses is let pass but where a scenario is about MQTT-3.1.4-1.
 *
 * MQTT 3.1 does not say what a Server does with them, so these scenarios are for 3.1.1 and 5.0. */
#include "conformance/scenarios/shorthand.h"

/* A sends a CONNECT and is not let in. */
#define REFUSES(name, title, breaks, ...)                                                                              \
    SCENARIO_3_1_1_AND_5(name, title, STATEMENTS(breaks), __VA_ARGS__, REFUSED(A, breaks))
#define REFUSES_3_1_1(name, title, breaks, ...)                                                                        \
    SCENARIO_3_1_1(name, title, STATEMENTS(breaks), __VA_ARGS__, REFUSED(A, breaks))

/* The same with bytes that are a CONNECT of 3.1.1, which ends too early. */
#define REFUSES_CUT_3_1_1(name, title, breaks, ...)                                                                    \
    SCENARIO_WITH(name, title, STATEMENTS(breaks), (.versions = IN_3_1_1, .no_deviation = PAST_THE_END), __VA_ARGS__,  \
                  REFUSED(A, breaks))
#define PAST_THE_END "no broker is offered that reads on where the packet ends"

/* Bytes that are no string of section 1.5.3. */
#define REFUSES_TEXT(name, title, breaks, ...)                                                                         \
    SCENARIO_3_1_1_AND_5(name, title, STATEMENTS(breaks, V311(1_5_3_1)), __VA_ARGS__, REFUSED(A, breaks))

#define WILL          .will_topic = "~/will", .will_message = "gone"
#define WITH_PASSWORD .user_name = "mqspec-user", .password = "mqspec-password"

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- The packet as a whole ---- */

    REFUSES(malformed_connect_fixed_header_flags,
        "A CONNECT with a reserved flag in its Fixed Header is refused", V311(2_2_2_2),
        SEND(A, CONNECT(.flags = 1))),

    REFUSES(malformed_connect_reserved_bit,
        "A CONNECT with bit 0 of the Connect Flags set is refused", V311(3_1_2_3),
        SEND(A, CONNECT(.connect_flags = 0x03))),

    REFUSES_CUT_3_1_1(malformed_connect_without_payload,
        "A CONNECT without Client Identifier is refused", V311(3_1_3_3),
        SEND_BYTES(A, 0x10, 10, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x02, 0, 60)),

    SCENARIO_WITH(malformed_connect_cut_is_closed_without_connack,
        "A CONNECT that ends within the Client Identifier closes the connection, without CONNACK",
        STATEMENTS(V311(3_1_4_1)),
        (.versions = IN_3_1_1, .no_deviation = PAST_THE_END),
        SEND_BROKEN(A, CUT, 0, 1, CONNECT()),
        EXPECT_NEXT(A, V311(3_1_4_1), CLOSED())),

    SCENARIO_3_1_1(malformed_connect_excess_is_closed_without_connack,
        "A CONNECT with a byte behind its last field closes the connection, without CONNACK",
        STATEMENTS(V311(3_1_4_1)),
        SEND_BROKEN(A, APPEND, 0, 1, CONNECT(WITH_PASSWORD)),
        EXPECT_NEXT(A, V311(3_1_4_1), CLOSED())),

    REFUSES_CUT_3_1_1(malformed_connect_cut_in_protocol_name,
        "A CONNECT that ends within the protocol name is refused", V311(3_1_4_1),
        SEND_BYTES(A, 0x10, 4, 0, 4, 'M', 'Q')),

    REFUSES_CUT_3_1_1(malformed_connect_cut_in_keep_alive,
        "A CONNECT that ends within the Keep Alive is refused", V311(3_1_4_1),
        SEND_BYTES(A, 0x10, 9, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x02, 0)),

    REFUSES_CUT_3_1_1(malformed_connect_empty,
        "A CONNECT with nothing in it is refused", V311(3_1_4_1),
        SEND_BYTES(A, 0x10, 0)),

    SCENARIO_WITH(malformed_connect_is_http,
        "A connection that speaks HTTP is closed",
        STATEMENTS(V311(3_1_0_1)),
        (.versions = IN_3_1_1, .no_deviation = "its first byte breaks two rules, and each alone closes the connection"),
        SEND_BYTES(A, 'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P', '/', '1', '.', '1', '\r', '\n', '\r', '\n'),
        EXPECT_NEXT(A, V311(3_1_0_1), CLOSED())),

    SCENARIO_3_1_1(malformed_connect_remaining_length,
        "A CONNECT with a Remaining Length of five bytes is refused",
        STATEMENTS(V311(4_8_0_1)),
        SEND_BYTES(A, 0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x01),
        REFUSED(A, V311(4_8_0_1))),

    /* ---- The Will ---- */

    REFUSES(malformed_connect_will_flag_without_will,
        "Will Flag 1 without Will Topic and Will Message is refused", V311(3_1_2_9),
        SEND(A, CONNECT(.connect_flags = 0x06))),

    REFUSES(malformed_connect_will_topic_without_message,
        "Will Flag 1 with a Will Topic and no Will Message is refused", V311(3_1_2_9),
        SEND_BROKEN(A, CUT, 0, 6, CONNECT(WILL))),

    REFUSES_3_1_1(malformed_connect_will_without_will_flag,
        "Will Topic and Will Message with Will Flag 0 are refused", V311(3_1_2_11),
        SEND(A, CONNECT(WILL, .connect_flags = 0x02))),

    REFUSES(malformed_connect_will_qos_1_without_will_flag,
        "Will QoS 1 with Will Flag 0 is refused", V311(3_1_2_13),
        SEND(A, CONNECT(.connect_flags = 0x0A))),

    REFUSES(malformed_connect_will_qos_2_without_will_flag,
        "Will QoS 2 with Will Flag 0 is refused", V311(3_1_2_13),
        SEND(A, CONNECT(.connect_flags = 0x12))),

    REFUSES(malformed_connect_will_qos_3,
        "Will QoS 3 is refused", V311(3_1_2_14),
        SEND(A, CONNECT(WILL, .connect_flags = 0x1E))),

    REFUSES(malformed_connect_will_retain_without_will_flag,
        "Will Retain 1 with Will Flag 0 is refused", V311(3_1_2_15),
        SEND(A, CONNECT(.connect_flags = 0x22))),

    REFUSES(malformed_connect_will_topic_with_plus,
        "A Will Topic with the wildcard + is refused", V311(4_7_1_1),
        SEND(A, CONNECT(.will_topic = "~/+", .will_message = "gone"))),

    REFUSES(malformed_connect_will_topic_with_hash,
        "A Will Topic with the wildcard # is refused", V311(4_7_1_1),
        SEND(A, CONNECT(.will_topic = "~/#", .will_message = "gone"))),

    REFUSES(malformed_connect_will_topic_empty,
        "An empty Will Topic is refused", V311(4_7_3_1),
        SEND(A, CONNECT(.will_topic = "", .will_message = "gone"))),

    /* ---- User name and password ---- */

    REFUSES(malformed_connect_user_name_without_flag,
        "A user name with User Name Flag 0 is refused", V311(3_1_2_18),
        SEND(A, CONNECT(.user_name = "mqspec-user", .connect_flags = 0x02))),

    REFUSES(malformed_connect_user_name_flag_without_user_name,
        "User Name Flag 1 without user name is refused", V311(3_1_2_19),
        SEND(A, CONNECT(.connect_flags = 0x82))),

    REFUSES(malformed_connect_password_without_flag,
        "A password with Password Flag 0 is refused", V311(3_1_2_20),
        SEND(A, CONNECT(WITH_PASSWORD, .connect_flags = 0x82))),

    REFUSES(malformed_connect_password_flag_without_password,
        "Password Flag 1 without password is refused", V311(3_1_2_21),
        SEND(A, CONNECT(.user_name = "mqspec-user", .connect_flags = 0xC2))),

    REFUSES_3_1_1(malformed_connect_password_without_user_name,
        "Password Flag 1 with User Name Flag 0 is refused", V311(3_1_2_22),
        SEND(A, CONNECT(.password = "mqspec-password"))),

    /* ---- Strings ---- */

    REFUSES_TEXT(malformed_connect_identifier_with_surrogate,
        "A Client Identifier with an encoded surrogate is refused", V311(3_1_3_4),
        SEND(A, CONNECT(.client_identifier = "~\xED\xA0\x80"))),

    REFUSES_TEXT(malformed_connect_identifier_overlong,
        "A Client Identifier with an overlong form is refused", V311(3_1_3_4),
        SEND(A, CONNECT(.client_identifier = "~\xC1\x81"))),

    REFUSES_TEXT(malformed_connect_identifier_ends_within_character,
        "A Client Identifier that ends within a character is refused", V311(3_1_3_4),
        SEND(A, CONNECT(.client_identifier = "~\xE2\x82"))),

    REFUSES(malformed_connect_identifier_with_null,
        "A Client Identifier with U+0000 is refused", V311(1_5_3_2),
        SEND_BROKEN(A, BYTE, -1, 0x00, CONNECT(.client_identifier = "~A0"))),

    REFUSES_TEXT(malformed_connect_will_topic_ill_formed,
        "A Will Topic that is not well-formed UTF-8 is refused", V311(3_1_3_10),
        SEND(A, CONNECT(.will_topic = "~/\xFF", .will_message = "gone"))),

    REFUSES_TEXT(malformed_connect_will_topic_with_surrogate,
        "A Will Topic with an encoded surrogate is refused", V311(3_1_3_10),
        SEND(A, CONNECT(.will_topic = "~/\xED\xBF\xBF", .will_message = "gone"))),

    REFUSES(malformed_connect_will_topic_with_null,
        "A Will Topic with U+0000 is refused", V311(4_7_3_2),
        SEND_BROKEN(A, BYTE, -3, 0x00, CONNECT(.will_topic = "~/will0", .will_message = ""))),

    REFUSES_TEXT(malformed_connect_user_name_ill_formed,
        "A user name that is not well-formed UTF-8 is refused", V311(3_1_3_11),
        SEND(A, CONNECT(.user_name = "mqspec\x80", .password = "mqspec-password"))),

    REFUSES_TEXT(malformed_connect_user_name_with_surrogate,
        "A user name with an encoded surrogate is refused", V311(3_1_3_11),
        SEND(A, CONNECT(.user_name = "mqspec\xED\xA0\x80"))),

    REFUSES(malformed_connect_user_name_with_null,
        "A user name with U+0000 is refused", V311(1_5_3_2),
        SEND_BROKEN(A, BYTE, -1, 0x00, CONNECT(.user_name = "mqspec0"))),
};
/* clang-format on */

FAMILY(malformed_connect, scenarios);
