/* Topic Names and Topic Filters: what matches what. Section 4.7. */
#include "conformance/scenarios/shorthand.h"

/* Strings that are broken where the next character could be taken for part of an escape. */
#define U_FEFF            "\xEF\xBB\xBF"     /* zero width no-break space */
#define E_ACUTE           "\xC3\xA9"         /* U+00E9, one character */
#define E_WITH_ACUTE      "e\xCC\x81"        /* U+0065 U+0301, a letter and a combining accent */
#define A_RING            "\xC3\x85"         /* U+00C5 */
#define ANGSTROM          "\xE2\x84\xAB"     /* U+212B, which normalization turns into U+00C5 */
#define BEFORE_SURROGATES "\xED\x9F\xBF"     /* U+D7FF */
#define AFTER_SURROGATES  "\xEE\x80\x80"     /* U+E000 */
#define BEYOND_16_BITS    "\xF0\x9F\x90\x9D" /* U+1F41D */

/* A subscribes to the filter, B publishes to the topic, and A receives it. */
#define MATCH_STEPS(breaks, topic_filter, topic_name)                                                                  \
    CONNECTED(A), SUBSCRIBED(A, topic_filter, 0), CONNECTED(B),                                                        \
        SEND(B, PUBLISH(.topic = topic_name, .payload = "match")),                                                     \
        EXPECT(A, breaks, PUBLISH(.topic = topic_name, .payload = "match"))

/* A subscribes to the filter and to that of the fence, B publishes to the topic, and A does not receive it. */
#define NO_MATCH_STEPS(breaks, topic_filter, topic_name)                                                               \
    CONNECTED(A), SUBSCRIBED(A, topic_filter, 0), SUBSCRIBED(A, "~/fence", 0), CONNECTED(B),                           \
        SEND(B, PUBLISH(.topic = topic_name, .payload = "no match")), FENCED(B, A, breaks, "~/fence")

#define MATCH(name, title, topic_filter, topic_name)                                                                   \
    SCENARIO(name, title, STATEMENTS(V311(4_5_0_1)), MATCH_STEPS(V311(4_5_0_1), topic_filter, topic_name))
#define NO_MATCH(name, title, topic_filter, topic_name)                                                                \
    SCENARIO(name, title, STATEMENTS(V311(3_3_2_3)), NO_MATCH_STEPS(V311(3_3_2_3), topic_filter, topic_name))

/* Byte for byte, on which MQTT 3.1 is silent. */
#define SAME_BYTES(breaks, name, title, topic_filter, topic_name)                                                      \
    SCENARIO_3_1_1_AND_5(name, title, STATEMENTS(breaks), MATCH_STEPS(breaks, topic_filter, topic_name))
#define OTHER_BYTES(breaks, name, title, topic_filter, topic_name)                                                     \
    SCENARIO_3_1_1_AND_5(name, title, STATEMENTS(breaks), NO_MATCH_STEPS(breaks, topic_filter, topic_name))

#define NO_DOLLAR "the target does not let Clients publish to topics that begin with $"

#define KEEPS_DOLLAR "the target keeps topics that begin with $ for itself"

/* B publishes to a topic that begins with $, which a Server may refuse. At QoS 1, for then it says so before anything
 * else: one that closes the connection may still answer a PINGREQ. */
#define DOLLAR_PUBLISHED(topic_name, retained)                                                                         \
    SEND(B, PUBLISH(.qos = 1, .packet_identifier = 1, .topic = topic_name, .retain = retained, .payload = "dollar")),  \
        EXPECT(B, V311(3_3_4_1), PUBACK(.packet_identifier = 1), CLOSED(.skip = NO_DOLLAR))

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- The number sign ---- */

    MATCH(topics_hash_matches_the_parent,
        "sport/tennis/player1/# matches sport/tennis/player1",
        "~/sport/tennis/player1/#", "~/sport/tennis/player1"),

    MATCH(topics_hash_matches_a_child,
        "sport/tennis/player1/# matches sport/tennis/player1/ranking",
        "~/sport/tennis/player1/#", "~/sport/tennis/player1/ranking"),

    MATCH(topics_hash_matches_any_depth,
        "sport/tennis/player1/# matches sport/tennis/player1/score/wimbledon",
        "~/sport/tennis/player1/#", "~/sport/tennis/player1/score/wimbledon"),

    MATCH(topics_hash_matches_an_empty_level,
        "sport/# matches sport/",
        "~/sport/#", "~/sport/"),

    NO_MATCH(topics_hash_needs_whole_levels,
        "sport/tennis/player1/# does not match sport/tennis/player10",
        "~/sport/tennis/player1/#", "~/sport/tennis/player10"),

    MATCH(topics_hash_alone_matches_everything,
        "# alone matches any topic",
        "#", "~/sport/tennis"),

    /* ---- The plus sign ---- */

    MATCH(topics_plus_matches_one_level,
        "sport/tennis/+ matches sport/tennis/player1",
        "~/sport/tennis/+", "~/sport/tennis/player1"),

    NO_MATCH(topics_plus_matches_no_second_level,
        "sport/tennis/+ does not match sport/tennis/player1/ranking",
        "~/sport/tennis/+", "~/sport/tennis/player1/ranking"),

    NO_MATCH(topics_plus_does_not_match_the_parent,
        "sport/+ does not match sport",
        "~/sport/+", "~/sport"),

    MATCH(topics_plus_matches_an_empty_level,
        "sport/+ matches sport/",
        "~/sport/+", "~/sport/"),

    MATCH(topics_plus_in_the_middle,
        "sport/+/player1 matches sport/tennis/player1",
        "~/sport/+/player1", "~/sport/tennis/player1"),

    NO_MATCH(topics_plus_in_the_middle_is_one_level,
        "sport/+/player1 does not match sport/tennis/men/player1",
        "~/sport/+/player1", "~/sport/tennis/men/player1"),

    MATCH(topics_plus_in_front,
        "+/tennis/# matches any first level",
        "+/tennis/#", "~/tennis/player1/ranking"),

    MATCH(topics_plus_twice,
        "+/+ matches /finance: its first level is empty",
        "+/+", "/~"),

    MATCH(topics_slash_plus,
        "/+ matches /finance",
        "/+", "/~"),

    NO_MATCH(topics_plus_alone_is_one_level,
        "+ does not match /finance",
        "+", "/~"),

    MATCH(topics_plus_and_hash,
        "sport/+/# matches sport/tennis",
        "~/sport/+/#", "~/sport/tennis"),

    NO_MATCH(topics_plus_and_hash_need_a_level,
        "sport/+/# does not match sport",
        "~/sport/+/#", "~/sport"),

    /* ---- Levels ---- */

    NO_MATCH(topics_leading_slash_makes_a_topic_distinct,
        "A leading slash makes another topic",
        "~/a", "/~/a"),

    NO_MATCH(topics_trailing_slash_makes_a_topic_distinct,
        "A trailing slash makes another topic",
        "~/a", "~/a/"),

    MATCH(topics_empty_level_is_a_level,
        "sport//tennis is matched by sport/+/tennis: the level between is empty",
        "~/sport/+/tennis", "~/sport//tennis"),

    NO_MATCH(topics_empty_level_is_not_skipped,
        "sport/tennis does not match sport//tennis",
        "~/sport/tennis", "~/sport//tennis"),

    MATCH(topics_many_levels,
        "A topic of thirty levels is matched level by level",
        "~/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/+/22/23/24/25/26/27/28/29/30",
        "~/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25/26/27/28/29/30"),

#define BYTES_50  "a long topic name that goes on and on and on until"
#define BYTES_250 BYTES_50 BYTES_50 BYTES_50 BYTES_50 BYTES_50
    MATCH(topics_long_name,
        "A topic of a thousand bytes is delivered whole",
        "~/+", "~/" BYTES_250 BYTES_250 BYTES_250 BYTES_250),

    /* ---- Characters ---- */

    NO_MATCH(topics_are_case_sensitive,
        "ACCOUNTS and Accounts are different topics",
        "~/ACCOUNTS", "~/Accounts"),

    MATCH(topics_may_have_spaces,
        "A topic can have spaces in it",
        "~/Accounts payable", "~/Accounts payable"),

    NO_MATCH(topics_spaces_count,
        "A space more makes another topic",
        "~/a", "~/a "),

    SAME_BYTES(V311(4_7_3_4), topics_composed_character_matches_itself,
        "A composed character is matched by its own bytes",
        "~/caf" E_ACUTE, "~/caf" E_ACUTE),

    SAME_BYTES(V311(4_7_3_4), topics_decomposed_character_matches_itself,
        "A letter with a combining accent is matched by its own bytes, and delivered as they are",
        "~/caf" E_WITH_ACUTE, "~/caf" E_WITH_ACUTE),

    OTHER_BYTES(V311(4_7_3_4), topics_are_not_composed,
        "A letter with a combining accent is not the composed character",
        "~/caf" E_ACUTE, "~/caf" E_WITH_ACUTE),

    OTHER_BYTES(V311(4_7_3_4), topics_are_not_decomposed,
        "A composed character is not the letter with a combining accent",
        "~/caf" E_WITH_ACUTE, "~/caf" E_ACUTE),

    OTHER_BYTES(V311(4_7_3_4), topics_are_not_normalized,
        "Characters that normalization would make equal stay different",
        "~/" A_RING, "~/" ANGSTROM),

    SAME_BYTES(V311(1_5_3_3), topics_keep_u_feff,
        "U+FEFF in a topic is a character like any other: it is matched and delivered",
        "~/" U_FEFF "a", "~/" U_FEFF "a"),

    OTHER_BYTES(V311(1_5_3_3), topics_u_feff_makes_a_topic_distinct,
        "U+FEFF in a topic is not skipped: with it the topic is another one",
        "~/a", "~/" U_FEFF "a"),

    SAME_BYTES(V311(1_5_3_3), topics_keep_u_feff_in_front,
        "U+FEFF at the start of a string is not taken for a byte order mark",
        U_FEFF "~", U_FEFF "~"),

    SAME_BYTES(V311(4_7_3_4), topics_around_the_surrogates,
        "The characters right before and behind the surrogates are well-formed",
        "~/" BEFORE_SURROGATES AFTER_SURROGATES, "~/" BEFORE_SURROGATES AFTER_SURROGATES),

    SAME_BYTES(V311(4_7_3_4), topics_beyond_16_bits,
        "A character of four bytes is matched and delivered as it is",
        "~/" BEYOND_16_BITS, "~/" BEYOND_16_BITS),

    /* ---- The dollar sign: MQTT-4.7.2-1 ---- */

    SCENARIO_3_1_1_AND_5(topics_hash_does_not_match_dollar,
        "# does not match topics that begin with $",
        STATEMENTS(V311(4_7_2_1)),
        CONNECTED(A),
        SUBSCRIBED(A, "#", 0),
        CONNECTED(B),
        DOLLAR_PUBLISHED("$~/x", 0),
        FENCED(B, A, V311(4_7_2_1), "~/fence")),

    SCENARIO_3_1_1_AND_5(topics_plus_does_not_match_dollar,
        "+/x does not match $test/x",
        STATEMENTS(V311(4_7_2_1)),
        CONNECTED(A),
        SUBSCRIBED(A, "+/x", 0),
        CONNECTED(B),
        DOLLAR_PUBLISHED("$~/x", 0),
        FENCED(B, A, V311(4_7_2_1), "~/x")),

    SCENARIO_3_1_1_AND_5(topics_hash_does_not_bring_retained_dollar,
        "A new subscription to +/x does not bring the retained message of $test/x",
        STATEMENTS(V311(4_7_2_1)),
        CONNECTED(B),
        DOLLAR_PUBLISHED("$~/x", 1),
        CONNECTED(A),
        SUBSCRIBED(A, "+/x", 0),
        FENCED(B, A, V311(4_7_2_1), "~/x")),

    SCENARIO_3_1_1_AND_5(topics_dollar_is_matched_by_name,
        "$test/x is matched by filters that begin with $test",
        STATEMENTS(V311(4_7_2_1)),
        CONNECTED(A),
        SUBSCRIBED(A, "$~/#", 0),
        SUBSCRIBED(A, "~/fence", 0),
        CONNECTED(B),
        DOLLAR_PUBLISHED("$~/x", 0),
        SEND(B, PUBLISH(.topic = "~/fence", .payload = "fence")),
        EXPECT(A, V311(4_7_2_1), PUBLISH(.topic = "$~/x", .payload = "dollar"),
                                 PUBLISH(.topic = "~/fence", .skip = KEEPS_DOLLAR))),

    SCENARIO_3_1_1_AND_5(topics_dollar_inside_is_nothing_special,
        "A $ that is not the first character of the topic is a character like any other",
        STATEMENTS(V311(4_5_0_1), V311(4_7_2_1)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/+/x", 0),
        SEND(A, PUBLISH(.topic = "~/$test/x", .payload = "hello")),
        EXPECT(A, V311(4_5_0_1), PUBLISH(.topic = "~/$test/x", .payload = "hello"))),
};
/* clang-format on */

FAMILY(topics, scenarios);
