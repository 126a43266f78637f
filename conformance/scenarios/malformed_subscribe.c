/* SUBSCRIBE and UNSUBSCRIBE packets that break the rules of sections 3.8 and 3.10.
 *
 * MQTT 3.1 does not say what a Server does with most of them, so these scenarios are for 3.1.1 and 5.0. */
#include "conformance/scenarios/shorthand.h"

/* A, connected, does this, and the Server closes the connection. */
#define CLOSES(name, title, breaks, ...)                                                                               \
    SCENARIO_3_1_1_AND_5(name, title, STATEMENTS(breaks), CONNECTED(A), __VA_ARGS__, EXPECT(A, breaks, CLOSED()))
/* The same, where the bytes mean something else in 5.0. */
#define CLOSES_3_1_1(name, title, breaks, ...)                                                                         \
    SCENARIO_3_1_1(name, title, STATEMENTS(breaks), CONNECTED(A), __VA_ARGS__, EXPECT(A, breaks, CLOSED()))

/* The same with bytes that are no string of section 1.5.3. */
#define CLOSES_ON_TEXT(name, title, breaks, ...)                                                                       \
    SCENARIO_3_1_1_AND_5(name, title, STATEMENTS(breaks, V311(1_5_3_1)), CONNECTED(A), __VA_ARGS__,                    \
                         EXPECT(A, breaks, CLOSED()))

/* A filter that must not be granted. The standard leaves open whether it is refused with 0x80 or by closing. */
#define NOT_GRANTED(name, title, breaks, topic_filter)                                                                 \
    SCENARIO_3_1_1_AND_5(name, title, STATEMENTS(breaks), CONNECTED(A),                                                \
                         SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{topic_filter, 0}})),                   \
                         EXPECT(A, breaks, CLOSED(), SUBACK(.packet_identifier = 1, CODES("\x80"))))

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- SUBSCRIBE ---- */

    CLOSES(malformed_subscribe_identifier_0,
        "A SUBSCRIBE with Packet Identifier 0 closes the connection", V311(2_3_1_1),
        SEND(A, SUBSCRIBE(.packet_identifier = 0, .filters = {{"~/t", 0}}))),

    CLOSES(malformed_subscribe_empty,
        "A SUBSCRIBE with nothing in it closes the connection", V311(4_8_0_1),
        SEND_BYTES(A, 0x82, 0x00)),

    CLOSES(malformed_subscribe_half_an_identifier,
        "A SUBSCRIBE with half a Packet Identifier closes the connection", V311(4_8_0_1),
        SEND_BYTES(A, 0x82, 0x01, 0x00)),

    CLOSES(malformed_subscribe_without_filter,
        "A SUBSCRIBE without a filter closes the connection", V311(3_8_3_3),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filter_count = 0))),

    CLOSES(malformed_subscribe_without_qos,
        "A SUBSCRIBE whose last filter has no QoS closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, CUT, 0, 1, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}, {"~/u", 0}}))),

    CLOSES_3_1_1(malformed_subscribe_filter_longer_than_packet,
        "A SUBSCRIBE whose filter is longer than the packet closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, BYTE, 4, 0x7F, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}}))),

    CLOSES(malformed_subscribe_excess,
        "A SUBSCRIBE with a byte behind its last filter closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, APPEND, 0, 1, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}}))),

    CLOSES(malformed_subscribe_qos_3,
        "A SUBSCRIBE that asks for QoS 3 closes the connection", V311(3_8_3_4),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 3}}))),

    CLOSES(malformed_subscribe_second_qos_3,
        "A SUBSCRIBE that asks for QoS 3 in its second filter closes the connection", V311(3_8_3_4),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}, {"~/u", 3}}))),

    CLOSES_3_1_1(malformed_subscribe_qos_bit_2,
        "A SUBSCRIBE with the lowest reserved bit set beside the QoS closes the connection", V311(3_8_3_4),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0x04}}))),

    CLOSES(malformed_subscribe_qos_bit_7,
        "A SUBSCRIBE with the highest reserved bit set beside the QoS closes the connection", V311(3_8_3_4),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0x81}}))),

    CLOSES_ON_TEXT(malformed_subscribe_filter_ill_formed,
        "A SUBSCRIBE with a filter that is not well-formed UTF-8 closes the connection", V311(3_8_3_1),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/\xC0\xAF", 0}}))),

    CLOSES_ON_TEXT(malformed_subscribe_filter_with_surrogate,
        "A SUBSCRIBE with an encoded surrogate in its filter closes the connection", V311(3_8_3_1),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/\xED\xA0\x80", 0}}))),

    CLOSES_ON_TEXT(malformed_subscribe_second_filter_ill_formed,
        "A SUBSCRIBE with a second filter that is not well-formed UTF-8 closes the connection", V311(3_8_3_1),
        SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", 0}, {"~/\xFF", 0}}))),

    CLOSES(malformed_subscribe_filter_with_null,
        "A SUBSCRIBE with U+0000 in its filter closes the connection", V311(4_7_3_2),
        SEND_BROKEN(A, BYTE, -2, 0x00, SUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t0", 0}}))),

    NOT_GRANTED(malformed_subscribe_filter_empty,
        "An empty filter is not granted", V311(4_7_3_1), ""),

    /* ---- Wildcards out of place ---- */

    NOT_GRANTED(malformed_subscribe_hash_behind_characters,
        "A # that does not fill its level is not granted", V311(4_7_1_2), "~/sport#"),

    NOT_GRANTED(malformed_subscribe_hash_before_characters,
        "A # with characters behind it is not granted", V311(4_7_1_2), "~/#sport"),

    NOT_GRANTED(malformed_subscribe_hash_is_not_last,
        "A # that is not the last level is not granted", V311(4_7_1_2), "~/#/ranking"),

    NOT_GRANTED(malformed_subscribe_hash_with_slash,
        "A # with a slash behind it is not granted", V311(4_7_1_2), "~/#/"),

    NOT_GRANTED(malformed_subscribe_hash_twice,
        "A second # in the same level is not granted", V311(4_7_1_2), "~/##"),

    NOT_GRANTED(malformed_subscribe_plus_behind_characters,
        "A + behind characters of its level is not granted", V311(4_7_1_3), "~/sport+"),

    NOT_GRANTED(malformed_subscribe_plus_before_characters,
        "A + before characters of its level is not granted", V311(4_7_1_3), "~/+sport"),

    NOT_GRANTED(malformed_subscribe_plus_before_characters_within,
        "A + that does not fill its level is not granted, also where the filter goes on", V311(4_7_1_3), "~/+a/b"),

    NOT_GRANTED(malformed_subscribe_plus_twice,
        "A second + in the same level is not granted", V311(4_7_1_3), "~/++"),

    /* ---- UNSUBSCRIBE ---- */

    CLOSES(malformed_unsubscribe_identifier_0,
        "An UNSUBSCRIBE with Packet Identifier 0 closes the connection", V311(2_3_1_1),
        SEND(A, UNSUBSCRIBE(.packet_identifier = 0, .filters = {{"~/t", -1}}))),

    CLOSES(malformed_unsubscribe_empty,
        "An UNSUBSCRIBE with nothing in it closes the connection", V311(4_8_0_1),
        SEND_BYTES(A, 0xA2, 0x00)),

    CLOSES(malformed_unsubscribe_without_filter,
        "An UNSUBSCRIBE without a filter closes the connection", V311(3_10_3_2),
        SEND(A, UNSUBSCRIBE(.packet_identifier = 1, .filter_count = 0))),

    CLOSES_3_1_1(malformed_unsubscribe_filter_longer_than_packet,
        "An UNSUBSCRIBE whose filter is longer than the packet closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, BYTE, 4, 0x7F, UNSUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", -1}}))),

    CLOSES(malformed_unsubscribe_excess,
        "An UNSUBSCRIBE with a byte behind its last filter closes the connection", V311(4_8_0_1),
        SEND_BROKEN(A, APPEND, 0, 1, UNSUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t", -1}}))),

    CLOSES_3_1_1(malformed_unsubscribe_filter_empty,
        "An UNSUBSCRIBE with an empty filter closes the connection", V311(4_7_3_1),
        SEND(A, UNSUBSCRIBE(.packet_identifier = 1, .filters = {{"", -1}}))),

    CLOSES_ON_TEXT(malformed_unsubscribe_filter_ill_formed,
        "An UNSUBSCRIBE with a filter that is not well-formed UTF-8 closes the connection", V311(3_10_3_1),
        SEND(A, UNSUBSCRIBE(.packet_identifier = 1, .filters = {{"~/\xC3(", -1}}))),

    CLOSES_ON_TEXT(malformed_unsubscribe_filter_with_surrogate,
        "An UNSUBSCRIBE with an encoded surrogate in its filter closes the connection", V311(3_10_3_1),
        SEND(A, UNSUBSCRIBE(.packet_identifier = 1, .filters = {{"~/\xED\xBF\xBF", -1}}))),

    CLOSES(malformed_unsubscribe_filter_with_null,
        "An UNSUBSCRIBE with U+0000 in its filter closes the connection", V311(4_7_3_2),
        SEND_BROKEN(A, BYTE, -1, 0x00, UNSUBSCRIBE(.packet_identifier = 1, .filters = {{"~/t0", -1}}))),
};
/* clang-format on */

FAMILY(malformed_subscribe, scenarios);
