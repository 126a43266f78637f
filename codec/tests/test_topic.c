/* Topic Names and Topic Filters, section 4.7. */
#include "codec/tests/wire.h"

#include <stdio.h>

struct match_row {
    const char *filter;
    const char *topic;
    bool matches;
};

static const struct match_row match_rows[] = {
    /* #, section 4.7.1.2 */
    {"sport/tennis/player1/#", "sport/tennis/player1", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
    {"sport/tennis/player1/#", "sport/tennis/player10", false},
    {"sport/#", "sport", true},
    {"sport/#", "sport/", true},
    {"sport/#", "sports", false},
    {"#", "a", true},
    {"#", "/", true},
    {"#", "/a//b/", true},
    {"/#", "/", true},
    {"/#", "/a", true},
    {"/#", "a", false},
    {"+/#", "a", true},
    {"+/#", "/", true},
    {"+/+/#", "a", false},
    {"+/+/#", "a/b", true},
    {"a/+/#", "a", false},
    /* +, section 4.7.1.3 */
    {"sport/tennis/+", "sport/tennis/player1", true},
    {"sport/tennis/+", "sport/tennis/player2", true},
    {"sport/tennis/+", "sport/tennis/player1/ranking", false},
    {"sport/+", "sport", false},
    {"sport/+", "sport/", true},
    {"+", "a", true},
    {"+", "/a", false},
    {"+", "a/", false},
    {"+/tennis/#", "sport/tennis", true},
    {"+/tennis/#", "sport/tennis/a/b", true},
    {"sport/+/player1", "sport/tennis/player1", true},
    {"sport/+/player1", "sport/player1", false},
    {"sport/+/player1", "sport//player1", true},
    {"+/+", "/finance", true},
    {"/+", "/finance", true},
    {"+", "/finance", false},
    {"+/+/+", "//", true},
    {"+/+", "//", false},
    /* $, section 4.7.2 */
    {"#", "$SYS/broker", false},
    {"+/monitor/Clients", "$SYS/monitor/Clients", false},
    {"+", "$SYS", false},
    {"$SYS/#", "$SYS/monitor/Clients", true},
    {"$SYS/#", "$SYS", true},
    {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
    {"$SYS/+", "$SYS/$x", true},
    {"a/#", "a/$SYS", true},
    {"a/+", "a/$b", true},
    {"$", "$", true},
    /* Byte for byte, section 4.7.3 */
    {"a/b", "a/b", true},
    {"a/b", "a/B", false},
    {"a/b", "a", false},
    {"a", "a/b", false},
    {"a", "a/", false},
    {"a/", "a", false},
    {"/a", "a", false},
    {"a", "/a", false},
    {"a//b", "a/b", false},
    {"/", "/", true},
    {"/", "//", false},
    {"a b", "a b", true},
    {"ab", "abc", false},
    {"abc", "ab", false},
    {"\xc3\xa9", "\xc3\xa9", true},
    {"\xc3\xa9", "e\xcc\x81", false},
    {"\xef\xbb\xbf"
     "a",
     "a", false},
    {"+", "\xf0\x9f\x8c\x8d", true},
};

static void topic_is_matched(void **state) {
    const struct match_row *row = *state;
    uint8_t *filter = alone((const uint8_t *)row->filter, strlen(row->filter));
    uint8_t *topic = alone((const uint8_t *)row->topic, strlen(row->topic));
    struct mqtt_bytes filter_view = {filter, (uint32_t)strlen(row->filter)};
    struct mqtt_bytes topic_view = {topic, (uint32_t)strlen(row->topic)};
    assert_true(mqtt_topic_filter_valid(filter_view));
    assert_true(mqtt_topic_name_valid(topic_view));
    if (mqtt_topic_matches(filter_view, topic_view) != row->matches)
        fail_msg("%s %s %s", row->filter, row->matches ? "does not match" : "matches", row->topic);
    free(filter);
    free(topic);
}

struct valid_row {
    const char *text;
    bool as_name, as_filter, has_wildcard;
};

static const struct valid_row valid_rows[] = {
    {"", false, false, false},      {"a", true, true, false},     {"/", true, true, false},
    {"//", true, true, false},      {"a/b", true, true, false},   {" ", true, true, false},
    {"$SYS", true, true, false},    {"#", false, true, true},     {"/#", false, true, true},
    {"a/#", false, true, true},     {"a#", false, false, true},   {"a/#b", false, false, true},
    {"a/b#", false, false, true},   {"#/", false, false, true},   {"#/a", false, false, true},
    {"a/#/b", false, false, true},  {"##", false, false, true},   {"#/#", false, false, true},
    {"+", false, true, true},       {"+/+", false, true, true},   {"/+", false, true, true},
    {"+/", false, true, true},      {"a/+/b", false, true, true}, {"+/a/#", false, true, true},
    {"a+", false, false, true},     {"+a", false, false, true},   {"a/+b", false, false, true},
    {"a/b+/c", false, false, true}, {"++", false, false, true},   {"+#", false, false, true},
    {"#+", false, false, true},     {"+/#", false, true, true},   {"$SYS/#", false, true, true},
};

static void topic_is_judged(void **state) {
    const struct valid_row *row = *state;
    size_t length = strlen(row->text);
    uint8_t *text = alone((const uint8_t *)row->text, length);
    struct mqtt_bytes view = {text, (uint32_t)length};
    assert_int_equal(mqtt_topic_name_valid(view), row->as_name);
    assert_int_equal(mqtt_topic_filter_valid(view), row->as_filter);
    assert_int_equal(mqtt_topic_filter_has_wildcard(view), row->has_wildcard);
    free(text);
}

static void nothing_matches_nothing(void **state) {
    (void)state;
    assert_false(mqtt_topic_matches(mqtt_text(""), mqtt_text("a")));
    assert_false(mqtt_topic_matches(mqtt_text("#"), mqtt_text("")));
    assert_false(mqtt_topic_matches(mqtt_text(""), mqtt_text("")));
}

/* The decoder looks at topics eight bytes at once: no wildcard may go unseen, and nothing else may be taken for one. */
static void every_byte_at_every_place(void **state) {
    (void)state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    struct mqtt_decoder decoder = {.version = MQTT_3_1_1, .sender = MQTT_CLIENT, .rules = rules};
    for (uint32_t length = 1; length <= 26; length++)
        for (uint32_t at = 0; at < length; at++)
            for (unsigned byte = 0; byte < 256; byte++) {
                uint8_t wire[30] = {0x30, (uint8_t)(2 + length), 0, (uint8_t)length};
                memset(wire + 4, 'x', length);
                wire[4 + at] = (uint8_t)byte;
                struct result result = receive(&decoder, wire, 4 + length);
                enum spec_statement expected = byte == 0                    ? V311(4_7_3_2)
                                               : byte >= 0x80               ? V311(3_3_2_1)
                                               : byte == '+' || byte == '#' ? V311(3_3_2_2)
                                                                            : SPEC_NONE;
                if (result.status != (expected == SPEC_NONE ? MQTT_OK : MQTT_REFUSED) ||
                    result.error.statement != expected || (expected != SPEC_NONE && result.error.offset != 4 + at))
                    fail_msg("byte %02x at %u of %u", byte, at, length);
            }
    free(rules);
}

int main(void) {
    struct CMUnitTest rows[COUNT_OF(match_rows) + COUNT_OF(valid_rows) + 2];
    char names[COUNT_OF(rows)][100];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(match_rows); i++) {
        const struct match_row *row = &match_rows[i];
        snprintf(names[count], sizeof names[count], "%s %s %s", row->filter,
                 row->matches ? "matches" : "does not match", row->topic);
        rows[count] = (struct CMUnitTest){names[count], topic_is_matched, NULL, NULL, (void *)row};
        count++;
    }
    for (size_t i = 0; i < COUNT_OF(valid_rows); i++) {
        snprintf(names[count], sizeof names[count], "topic \"%s\"", valid_rows[i].text);
        rows[count] = (struct CMUnitTest){names[count], topic_is_judged, NULL, NULL, (void *)&valid_rows[i]};
        count++;
    }
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(nothing_matches_nothing);
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(every_byte_at_every_place);
    return _cmocka_run_group_tests("codec: topics", rows, count, NULL, NULL);
}
