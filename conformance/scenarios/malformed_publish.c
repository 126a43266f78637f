/* PUBLISH packets that break the rules of section 3.3. The Server closes the connection.
 *
 * MQTT 3.1 does not say what a Server does with most of them, so these scenarios are for 3.1.1 and 5.0. */
#include "conformance/scenarios/shorthand.h"

/* A, connected, does this, and the Server closes the connection. */
#define CLOSES(name, title, breaks, ...)                                                                               \
    SCENARIO_3_1_1_AND_5(name, title, STATEMENTS(breaks), CONNECTED(A), __VA_ARGS__, EXPECT(A, breaks, CLOSED()))
/* The same, where the bytes mean something else in 5.0. */
#define CLOSES_3_1_1(name, title, breaks, ...)                                                                         \
    SCENARIO_3_1_1(name, title, STATEMENTS(breaks), CONNECTED(A), __VA_ARGS__, EXPECT(A, breaks, CLOSED()))

/* A publishes to a topic that is no string of section 1.5.3. */
#define CLOSES_ON_TOPIC(name, title, bytes)                                                                            \
    SCENARIO_3_1_1_AND_5(name, title, STATEMENTS(V311(3_3_2_1), V311(1_5_3_1)), CONNECTED(A),                          \
                         SEND(A, PUBLISH(.topic = bytes, .payload = "hello")), EXPECT(A, V311(3_3_2_1), CLOSED()))

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- QoS and Packet Identifier ---- */

    CLOSES(malformed_publish_qos_3,
        "A PUBLISH with QoS 3 closes the connection", V311(3_3_1_4),
        SEND(A, PUBLISH(.qos = 3, .packet_identifier = 1, .payload = "hello"))),

    CLOSES(malformed_publish_qos_3_with_dup_and_retain,
        "A PUBLISH with all four flags set closes the connection", V311(3_3_1_4),
        SEND(A, PUBLISH(.qos = 3, .dup = 1, .retain = 1, .packet_identifier = 1, .payload = "hello"))),

    CLOSES(malformed_publish_qos_1_identifier_0,
        "A QoS 1 PUBLISH with Packet Identifier 0 closes the connection", V311(2_3_1_1),
        SEND(A, PUBLISH(.qos = 1, .packet_identifier = 0, .payload = "hello"))),

    CLOSES(malformed_publish_qos_2_identifier_0,
        "A QoS 2 PUBLISH with Packet Identifier 0 closes the connection", V311(2_3_1_1),
        SEND(A, PUBLISH(.qos = 2, .packet_identifier = 0, .payload = "hello"))),

    CLOSES_3_1_1(malformed_publish_without_identifier,
        "A QoS 1 PUBLISH that ends before its Packet Identifier closes the connection", V311(2_3_1_1),
        SEND_BROKEN(A, CUT, 0, 2, PUBLISH(.qos = 1, .packet_identifier = 1, .payload = ""))),

    CLOSES_3_1_1(malformed_publish_half_an_identifier,
        "A QoS 2 PUBLISH that ends within its Packet Identifier closes the connection", V311(2_3_1_1),
        SEND_BROKEN(A, CUT, 0, 1, PUBLISH(.qos = 2, .packet_identifier = 1, .payload = ""))),

    /* ---- The Topic Name ---- */

    CLOSES(malformed_publish_empty,
        "A PUBLISH with nothing in it closes the connection", V311(3_3_2_1),
        SEND_BYTES(A, 0x30, 0x00)),

    CLOSES(malformed_publish_half_a_topic_length,
        "A PUBLISH with half the length of a topic closes the connection", V311(3_3_2_1),
        SEND_BYTES(A, 0x30, 0x01, 0x00)),

    CLOSES(malformed_publish_topic_longer_than_packet,
        "A PUBLISH whose topic is longer than the packet closes the connection", V311(3_3_2_1),
        SEND_BROKEN(A, BYTE, 2, 0x7F, PUBLISH(.payload = "hello"))),

    CLOSES_3_1_1(malformed_publish_topic_one_byte_too_long,
        "A PUBLISH that ends within its topic closes the connection", V311(3_3_2_1),
        SEND_BROKEN(A, CUT, 0, 1, PUBLISH(.payload = ""))),

    CLOSES(malformed_publish_empty_topic,
        "A PUBLISH with an empty topic closes the connection", V311(4_7_3_1),
        SEND(A, PUBLISH(.topic = "", .payload = "hello"))),

    CLOSES(malformed_publish_topic_is_hash,
        "A PUBLISH to the wildcard # closes the connection", V311(3_3_2_2),
        SEND(A, PUBLISH(.topic = "#", .payload = "hello"))),

    CLOSES(malformed_publish_topic_ends_with_hash,
        "A PUBLISH to a topic that ends with # closes the connection", V311(3_3_2_2),
        SEND(A, PUBLISH(.topic = "~/#", .payload = "hello"))),

    CLOSES(malformed_publish_topic_has_plus,
        "A PUBLISH to a topic with + as one of its levels closes the connection", V311(3_3_2_2),
        SEND(A, PUBLISH(.topic = "~/+/t", .qos = 1, .packet_identifier = 1, .payload = "hello"))),

    CLOSES(malformed_publish_topic_has_plus_within_level,
        "A PUBLISH to a topic with + within a level closes the connection", V311(3_3_2_2),
        SEND(A, PUBLISH(.topic = "~/a+b", .payload = "hello"))),

    /* ---- Bytes that are no string ---- */

    CLOSES(malformed_publish_topic_with_null,
        "A topic with U+0000 closes the connection", V311(4_7_3_2),
        SEND_BROKEN(A, BYTE, 4, 0x00, PUBLISH(.payload = "hello"))),

    CLOSES_ON_TOPIC(malformed_publish_topic_stray_continuation,
        "A topic with a continuation byte that continues nothing closes the connection", "~/\x80"),

    CLOSES_ON_TOPIC(malformed_publish_topic_missing_continuation,
        "A topic with a character that is not continued closes the connection", "~/\xC3("),

    CLOSES_ON_TOPIC(malformed_publish_topic_ends_within_character,
        "A topic that ends within a character closes the connection", "~/\xE2\x82"),

    CLOSES_ON_TOPIC(malformed_publish_topic_overlong_2,
        "A topic with an overlong form of two bytes closes the connection", "~/\xC0\xAF"),

    CLOSES_ON_TOPIC(malformed_publish_topic_overlong_3,
        "A topic with an overlong form of three bytes closes the connection", "~/\xE0\x80\xAF"),

    CLOSES_ON_TOPIC(malformed_publish_topic_overlong_4,
        "A topic with an overlong form of four bytes closes the connection", "~/\xF0\x80\x80\xAF"),

    CLOSES_ON_TOPIC(malformed_publish_topic_overlong_null,
        "A topic with an overlong form of U+0000 closes the connection", "~/\xC0\x80"),

    CLOSES_ON_TOPIC(malformed_publish_topic_first_surrogate,
        "A topic with the first surrogate, U+D800, closes the connection", "~/\xED\xA0\x80"),

    CLOSES_ON_TOPIC(malformed_publish_topic_last_surrogate,
        "A topic with the last surrogate, U+DFFF, closes the connection", "~/\xED\xBF\xBF"),

    CLOSES_ON_TOPIC(malformed_publish_topic_surrogate_pair,
        "A topic with a character encoded as a pair of surrogates closes the connection", "~/\xED\xA0\xBD\xED\xB0\x9D"),

    CLOSES_ON_TOPIC(malformed_publish_topic_above_10ffff,
        "A topic with a character above U+10FFFF closes the connection", "~/\xF4\x90\x80\x80"),

    CLOSES_ON_TOPIC(malformed_publish_topic_five_byte_form,
        "A topic with a form of five bytes closes the connection", "~/\xF8\x88\x80\x80\x80"),

    CLOSES_ON_TOPIC(malformed_publish_topic_byte_ff,
        "A topic with the byte FF closes the connection", "~/\xFF"),
};
/* clang-format on */

FAMILY(malformed_publish, scenarios);
