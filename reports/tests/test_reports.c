/* Every form of a report: what must stand in it, and what must never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "reports/internal.h"
#include "reports/tests/samples.h"

/* ---- Writing to memory ----------------------------------------------------------------------------------- */

typedef void (*write_form)(FILE *file, const struct report *report);

static void plain(FILE *file, const struct report *report) {
    report_write_text(file, report, false, false);
}

static void verbose(FILE *file, const struct report *report) {
    report_write_text(file, report, false, true);
}

static void coloured(FILE *file, const struct report *report) {
    report_write_text(file, report, true, true);
}

static const struct report mixed = {"127.0.0.1:1884", "mqspec test --seed 7", sample_mixed, COUNT(sample_mixed),
                                    5250000};
static const struct report five = {"127.0.0.1:1884", "mqspec test --seed 7", sample_five, COUNT(sample_five), 1000};
static const struct report passing = {"127.0.0.1:1884", "mqspec test --seed 7", sample_mixed, 1, 1000};
static const struct report expected = {"127.0.0.1:1884", NULL, &sample_mixed[3], 1, 1000};
static const struct report empty = {"127.0.0.1:1884", NULL, NULL, 0, 0};
static const struct report hostile = {HOSTILE, HOSTILE, sample_hostile, COUNT(sample_hostile), 0};

/* As many bytes of a packet as a report shows, in hex. */
#define ZEROS_16  "00000000000000000000000000000000"
#define ZEROS_64  ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16
#define ZEROS_256 ZEROS_64 ZEROS_64 ZEROS_64 ZEROS_64

static const uint8_t large_packet[300];
static const struct transcript_line large_lines[] = {
    {TRANSCRIPT_SENT, 0, 'A', "PUBLISH", large_packet, 300, false},
    {TRANSCRIPT_SENT, 0, 'A', "PUBLISH", large_packet, 256, false},
};
static const struct result large_result = {SAMPLE("large", "", "3.1.1", sample_publish_rules, VERDICT_FAIL),
                                           .reason = "",
                                           .expected = "",
                                           .received = "",
                                           .transcript = large_lines,
                                           .transcript_length = COUNT(large_lines)};
static const struct report large = {"target", NULL, &large_result, 1, 0};

/* The caller frees the text. */
static void write_to(char **text, write_form write, const struct report *report) {
    size_t length = 0;
    FILE *file = open_memstream(text, &length);
    assert_non_null(file);
    write(file, report);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(strlen(*text), length);
}

static size_t occurrences(const char *text, const char *wanted) {
    size_t count = 0;
    for (const char *at = strstr(text, wanted); at != NULL; at = strstr(at + 1, wanted))
        count++;
    return count;
}

/* ---- What stands in a report ------------------------------------------------------------------------------ */

struct content_row {
    const char *name;
    write_form write;
    const struct report *report;
    const char *wanted;
    size_t times;
};

static const struct content_row content_rows[] = {
    {"text: scenario and version of a fail", plain, &mixed, "FAIL  overlapping_gets_the_highest_qos (MQTT 3.1.1)", 1},
    {"text: statement with paraphrase", plain, &mixed, "statement  MQTT311:3.3.5-1: When one message matches", 1},
    {"text: expected", plain, &mixed, "expected   PUBLISH qos=1 payload=\"hello\"", 1},
    {"text: received", plain, &mixed, "received   PUBLISH qos=0 payload=\"hello\"", 1},
    {"text: source", plain, &mixed, "source     conformance/scenarios/sample.c:42", 2},
    {"text: sent", plain, &mixed, "0.000 s  A --> CONNECT protocol_name", 1},
    {"text: offending line", plain, &mixed,
     "A <-- PUBLISH qos=0 dup=0 retain=0 topic=\"t\" payload=\"hello\"   <== here", 1},
    {"text: closed without words", plain, &mixed, "5.003 s  A --x the target closes the connection", 1},
    {"text: expected failure is short", plain, &mixed,
     "fail  known_to_fail (MQTT 3.1.1), as expected: the broker answered nothing", 1},
    {"text: expected failure has no block", plain, &mixed, "FAIL  known_to_fail", 0},
    {"text: warnings of versions in one line", plain, &mixed,
     "warn  keepalive_silence_closes (MQTT 3.1, 3.1.1): closed later than it should", 1},
    {"text: skips of one reason in one line", plain, &mixed, "skip  2 x the target does not check users", 1},
    {"text: summary", plain, &mixed,
     "127.0.0.1:1884: 3 pass, 3 fail, 2 warn, 2 skip (1 of the fails expected) in 5.25 s\n", 1},
    {"text: passes are not told", plain, &mixed, "qos0_reaches_subscriber", 0},
    {"text: passes are told when asked", verbose, &mixed, "pass  3.1.1  qos0_reaches_subscriber", 1},
    {"text: totals of a section", plain, &mixed, "3.1   CONNECT                   .      1      2      2  ", 1},
    {"text: no colour unless asked", plain, &mixed, "\x1b", 0},
    {"text: colour", coloured, &mixed, "\x1b[31mFAIL\x1b[0m", 2},
    {"text: statements tested, of each standard", plain, &mixed, " statements that show at a broker were tested\n", 2},
    {"text: a standard that was not played has no such line", plain, &five, "MQTT 3.1.1: ", 0},
    {"text: a section of 5.0", plain, &five, "MQTT 5.0   section", 1},
    {"text: a statement of 5.0", plain, &five, "statement  MQTT5:3.3.4-9: ", 1},
    {"text: properties", plain, &five, "receive_maximum=1 user_property=\"<a>\":\"# & b\" client_identifier", 1},
    {"text: Reason Codes", plain, &five, "A <-- CONNACK session_present=0 reason_code=0 topic_alias_maximum=10\n", 1},
    {"TAP: a statement of 5.0", report_write_tap, &five, "\n  statement: \"MQTT5:3.3.4-9\"\n", 1},
    {"TAP: properties", report_write_tap, &five, " user_property=\"<a>\":\"# & b\" ", 1},
    {"JUnit: a section of 5.0", report_write_junit, &five, "<testsuite name=\"MQTT 5.0, section 3.3 PUBLISH\"", 1},
    {"JUnit: a class of 5.0", report_write_junit, &five, "classname=\"mqspec.MQTT 5.0.3.3\"", 1},
    {"JUnit: properties", report_write_junit, &five,
     "user_property=&quot;&lt;a&gt;&quot;:&quot;# &amp; b&quot; client_identifier", 1},
    {"JSON: a version of 5.0", report_write_json, &five, "\"version\":\"5.0\"", 1},
    {"JSON: a statement of 5.0", report_write_json, &five, "\"broken\":\"MQTT5:3.3.4-9\"", 1},
    {"JSON: properties", report_write_json, &five, "user_property=\\\"<a>\\\":\\\"# & b\\\" client", 0},
    {"JSON: statements tested", report_write_json, &five, "\"tested\":1}", 1},
    {"HTML: a standard of 5.0", report_write_html, &five, "\"standard\":\"5.0\"", 3},
    {"text: empty", plain, &empty, "127.0.0.1:1884: 0 pass, 0 fail, 0 warn, 0 skip in 0.00 s\n", 1},
    {"text: empty has no table", plain, &empty, "section", 0},
    {"TAP: version and plan", report_write_tap, &mixed, "TAP version 13\n1..10\n", 1},
    {"TAP: pass", report_write_tap, &mixed, "\nok 1 - qos0_reaches_subscriber (MQTT 3.1.1)\n", 1},
    {"TAP: fail", report_write_tap, &mixed, "\nnot ok 2 - overlapping_gets_the_highest_qos (MQTT 3.1.1)\n  ---\n", 1},
    {"TAP: expected failure", report_write_tap, &mixed,
     "\nnot ok 4 - known_to_fail (MQTT 3.1.1) # TO"
     "DO ",
     1},
    {"TAP: warn is ok", report_write_tap, &mixed, "\nok 5 - keepalive_silence_closes (MQTT 3.1) # warning: closed", 1},
    {"TAP: skip", report_write_tap, &mixed, "\nok 7 - wrong_password_is_refused (MQTT 3.1.1) # SKIP the target", 1},
    {"TAP: quotes", report_write_tap, &mixed, "  expected: \"PUBLISH qos=1 payload=\\\"hello\\\"\"\n", 1},
    {"TAP: transcript", report_write_tap, &mixed, "  transcript: |2\n       0.000 s  A o-- opens a connection\n", 2},
    {"TAP: empty", report_write_tap, &empty, "TAP version 13\n1..0\n", 1},
    {"JUnit: counts leave out expected failures", report_write_junit, &mixed,
     "<testsuites name=\"mqspec\" tests=\"10\" failures=\"2\" errors=\"0\" skipped=\"3\" time=\"5.250000\">", 1},
    {"JUnit: suite", report_write_junit, &mixed,
     "<testsuite name=\"MQTT 3.1.1, section 3.3 PUBLISH\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\"", 1},
    {"JUnit: a suite for each standard", report_write_junit, &mixed, "<testsuite name=\"MQTT 5.0, section ", 2},
    {"JUnit: pass", report_write_junit, &passing, "name=\"qos0_reaches_subscriber (MQTT 3.1.1)\" time=\"0.001234\"", 1},
    {"JUnit: failure", report_write_junit, &mixed,
     "<failure type=\"MQTT311:3.3.5-1\" message=\"the message came at a lower QoS\">", 1},
    {"JUnit: quotes", report_write_junit, &mixed, "expected: PUBLISH qos=1 payload=&quot;hello&quot;\n", 1},
    {"JUnit: skipped", report_write_junit, &mixed, "<skipped message=\"the target does not check users", 2},
    {"JUnit: expected failure", report_write_junit, &mixed, "<skipped message=\"expected failure: the broker", 1},
    {"JUnit: transcripts", report_write_junit, &mixed, "<system-out>", 5},
    {"JUnit: transcript line", report_write_junit, &mixed, "0.042 s  A &lt;-- PUBLISH qos=0", 1},
    {"JUnit: empty", report_write_junit, &empty, "tests=\"0\" failures=\"0\" errors=\"0\" skipped=\"0\"", 1},
    {"JSON: target", report_write_json, &mixed, "\"target\":\"127.0.0.1:1884\"", 1},
    {"JSON: totals", report_write_json, &mixed,
     "\"totals\":{\"pass\":3,\"fail\":3,\"warn\":2,\"skip\":2,\"expected_failures\":1}", 1},
    {"JSON: statements", report_write_json, &mixed, "\"statements\":[\"MQTT311:3.3.5-1\",\"MQTT311:4.3.2-1\"]", 2},
    {"JSON: no statements", report_write_json, &mixed, "\"statements\":[]", 1},
    {"JSON: transcript", report_write_json, &mixed, "\"transcript\":[", 5},
    {"JSON: bytes", report_write_json, &mixed, "\"bytes\":\"20020000\",\"length\":4", 1},
    {"JSON: offending", report_write_json, &mixed, "\"offending\":true", 5},
    {"JSON: expected failure", report_write_json, &mixed, "\"expected_failure\":true", 1},
    {"JSON: no transcript of a pass", report_write_json, &passing, "transcript", 0},
    {"JSON: empty", report_write_json, &empty, "\"results\":[]}\n", 1},
    {"HTML: headline", report_write_html, &mixed, ">2 of 10 scenario runs found the standard broken.<", 1},
    {"HTML: headline without fails", report_write_html, &passing,
     ">None of 1 scenario runs found the standard broken.<", 1},
    {"HTML: headline with expected fails", report_write_html, &expected, ">The standard is kept, but for 1 failures",
     1},
    {"HTML: headline when empty", report_write_html, &empty, ">No scenario was played.<", 1},
    {"HTML: command", report_write_html, &mixed, "<code>mqspec test --seed 7</code>", 1},
    {"HTML: no command", report_write_html, &empty, "To repeat this run", 0},
    {"HTML: paraphrases", report_write_html, &mixed, "\"MQTT311:3.3.5-1\":\"When one message matches", 1},
    {"HTML: only the paraphrases it needs", report_write_html, &passing, "MQTT311:3.1.2-24", 0},
    {"HTML: chapters", report_write_html, &mixed, "{\"standard\":\"3.1.1\",\"name\":\"3.3\",\"title\":\"PUBLISH\"", 1},
    {"HTML: nothing is fetched: sources", report_write_html, &mixed, "src=", 0},
    {"HTML: nothing is fetched: links", report_write_html, &mixed, "href", 0},
    {"HTML: nothing is fetched: styles", report_write_html, &mixed, "url(", 0},
    {"HTML: nothing is fetched: imports", report_write_html, &mixed, "@import", 0},
    {"HTML: nothing may be fetched", report_write_html, &mixed, "content=\"default-src 'none';", 1},
    {"HTML: style and script end once each", report_write_html, &mixed, "</style>", 1},
    {"HTML: hostile text ends no script", report_write_html, &hostile, "</script>", 2},
    {"HTML: hostile text begins no script", report_write_html, &hostile, "<script", 2},
    {"HTML: hostile text begins no comment", report_write_html, &hostile, "<!--", 0},
    {"JUnit: hostile text makes no element", report_write_junit, &hostile, "<script", 0},
    {"JUnit: hostile text ends no section", report_write_junit, &hostile, "]]>", 0},
    {"JUnit: hostile text makes no entity", report_write_junit, &hostile, "& ", 0},
    {"JUnit: hostile text is shown", report_write_junit, &hostile, "name=\"&lt;/script&gt;&lt;script&gt;alert(1)", 5},
    {"JSON: hostile text begins no tag", report_write_json, &hostile, "<", 0},
    {"HTML: hostile text makes no entity", report_write_html, &hostile, "]]> &", 0},
    {"HTML: hostile text is shown", report_write_html, &hostile, "&lt;/script&gt;&lt;script&gt;alert(1)", 3},
    {"JSON: long packet is cut", report_write_json, &large, "\"bytes\":\"" ZEROS_256 "\",\"length\":300", 1},
    {"JSON: packet of the bound is whole", report_write_json, &large, "\"bytes\":\"" ZEROS_256 "\",\"length\":256", 1},
};

static void holds_what_it_should(void **state) {
    const struct content_row *row = *state;
    char *text = NULL;
    write_to(&text, row->write, row->report);
    size_t times = occurrences(text, row->wanted);
    if (times != row->times)
        print_error("'%s' stands %zu times, not %zu\n", row->wanted, times, row->times);
    free(text);
    assert_int_equal(times, row->times);
}

/* ---- What holds for every form ---------------------------------------------------------------------------- */

static const struct form_row {
    const char *name;
    write_form write;
    bool colours;
} form_rows[] = {
    {"plain text", plain, false},       {"verbose text", verbose, false},     {"coloured text", coloured, true},
    {"TAP", report_write_tap, false},   {"JUnit", report_write_junit, false}, {"JSON", report_write_json, false},
    {"HTML", report_write_html, false},
};

/* Skips the colours that reports/text.c uses, and nothing else that begins with ESC. */
static size_t colour_length(const char *at) {
    static const char *const colours[] = {"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m",
                                          "\x1b[0m",  "\x1b[1m",  "\x1b[2m"};
    for (size_t i = 0; i < COUNT(colours); i++)
        if (strncmp(at, colours[i], strlen(colours[i])) == 0)
            return strlen(colours[i]);
    return 0;
}

/* Well-formed UTF-8 with no control character but the line feed, none that turns the direction of text. */
static void hostile_text_is_harmless(void **state) {
    const struct form_row *row = *state;
    static const char *const forbidden[] = {"\xc2\x9b", "\xe2\x80\xa8", "\xe2\x80\xae", "\xef\xbf\xbf"};
    char *text = NULL;
    write_to(&text, row->write, &hostile);
    for (const char *at = text; *at != '\0';) {
        size_t colour = row->colours ? colour_length(at) : 0;
        size_t length = colour > 0 ? colour : utf8_length((const uint8_t *)at, strlen(at));
        assert_int_not_equal(length, 0);
        if (colour == 0 && ((unsigned char)*at < 0x20 || *at == 0x7F))
            assert_int_equal(*at, '\n');
        at += length;
    }
    if (row->write != report_write_json && row->write != report_write_html)
        for (size_t i = 0; i < COUNT(forbidden); i++)
            assert_null(strstr(text, forbidden[i]));
    assert_non_null(strstr(text, "alert(1)"));
    free(text);
}

static void same_results_same_bytes(void **state) {
    const struct form_row *row = *state;
    char *once = NULL;
    write_to(&once, row->write, &mixed);
    char *again = NULL;
    write_to(&again, row->write, &mixed);
    assert_string_equal(once, again);
    free(once);
    free(again);
}

/* A reader of TAP may take any number sign for the beginning of a directive. */
static void hostile_text_makes_no_directive(void **state) {
    static const char *const wanted[] = {"", "", "# TO", "# warning: ", "# SKIP "};
    (void)state;
    char *text = NULL;
    write_to(&text, report_write_tap, &hostile);
    size_t tests = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "ok ", 3) != 0 && strncmp(line, "not ok ", 7) != 0)
            continue;
        assert_in_range(tests, 0, COUNT(wanted) - 1);
        const char *sign = strchr(line, '#');
        if (wanted[tests][0] == '\0')
            assert_null(sign);
        else {
            assert_non_null(sign);
            assert_int_equal(strncmp(sign, wanted[tests], strlen(wanted[tests])), 0);
            assert_null(strchr(sign + 1, '#'));
        }
        tests++;
    }
    assert_int_equal(tests, COUNT(wanted));
    free(text);
}

/* ---- Text from anywhere ----------------------------------------------------------------------------------- */

struct text_row {
    const char *name;
    write_text write;
    const char *text;
    const char *wanted;
};

static const struct text_row text_rows[] = {
    {"printable: plain", write_printable, "a \"b\" \\ <c>", "a \"b\" \\ <c>"},
    {"printable: empty", write_printable, "", ""},
    {"printable: characters beyond ASCII", write_printable, "\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x9f",
     "\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x9f"},
    {"printable: control characters", write_printable, "\x01\x1b\n\x7f", "\\x01\\x1b\\x0a\\x7f"},
    {"printable: C1 control character", write_printable, "\xc2\x9b", "\\x9b"},
    {"printable: byte of no character", write_printable,
     "\x9b"
     "a",
     "\\x9ba"},
    {"printable: cut short", write_printable, "\xe2\x82", "\\xe2\\x82"},
    {"printable: overlong", write_printable, "\xc0\xaf", "\\xc0\\xaf"},
    {"printable: surrogate", write_printable, "\xed\xa0\x80", "\\xed\\xa0\\x80"},
    {"printable: beyond U+10FFFF", write_printable, "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    {"printable: direction", write_printable, "\xe2\x80\xae", "\\u202e"},
    {"printable: line separator", write_printable, "\xe2\x80\xa8", "\\u2028"},
    {"printable: no character", write_printable, "\xef\xbf\xbf", "\\uffff"},
    {"printable: tag", write_printable, "\xf3\xa0\x80\x81", "\\U000e0001"},
    {"markup: entities", write_markup, "<a b='c' d=\"e\">&amp;", "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;amp;"},
    {"markup: control characters", write_markup, "\x0c\n", "\\x0c\\x0a"},
    {"quoted: quotes", write_quoted, "a \"b\" \\", "\"a \\\"b\\\" \\\\\""},
    {"quoted: control characters", write_quoted, "\n\xff", "\"\\\\x0a\\\\xff\""},
    {"description: number sign", write_description, "a # SKIP", "a \\x23 SKIP"},
};

static void is_written_as_wanted(void **state) {
    const struct text_row *row = *state;
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    assert_non_null(file);
    row->write(file, row->text);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, row->wanted);
    free(text);
}

/* ---- JSON ------------------------------------------------------------------------------------------------- */

static void write_empty_object(struct json_writer *json) {
    json_open_object(json, NULL);
    json_close_object(json);
}

static void write_every_kind(struct json_writer *json) {
    json_open_object(json, NULL);
    json_text(json, "text", "a");
    json_number(json, "number", UINT64_MAX);
    json_flag(json, "yes", true);
    json_flag(json, "no", false);
    json_bytes_as_hex(json, "hex", (const uint8_t *)"\x00\xff", 2);
    json_bytes_as_text(json, "bytes", (const uint8_t *)"a\0b", 3);
    json_bytes_as_text(json, "none", NULL, 0);
    json_close_object(json);
}

static void write_nested(struct json_writer *json) {
    json_open_list(json, NULL);
    json_open_list(json, NULL);
    json_close_list(json);
    json_open_object(json, NULL);
    json_open_list(json, "a");
    json_number(json, NULL, 1);
    json_number(json, NULL, 2);
    json_close_list(json);
    json_open_object(json, "b");
    json_close_object(json);
    json_close_object(json);
    json_text(json, NULL, "c");
    json_close_list(json);
}

static void write_escapes(struct json_writer *json) {
    json_text(json, NULL, "\" \\ / \b\n\x01\x7f </script> & \xe2\x80\xa8\xe2\x80\xa9 \xe2\x80\xa7");
}

static void write_bad_text(struct json_writer *json) {
    json_open_object(json, NULL);
    json_text(json, "a\"\xff", "\xff\xc3 \xed\xa0\x80 \xf0\x9f\x90\x9f\xe2\x82");
    json_close_object(json);
}

static const struct json_row {
    const char *name;
    void (*write)(struct json_writer *json);
    const char *wanted;
} json_rows[] = {
    {"JSON writer: empty object", write_empty_object, "{}"},
    {"JSON writer: every kind", write_every_kind,
     "{\"text\":\"a\",\"number\":18446744073709551615,\"yes\":true,\"no\":false,\"hex\":\"00ff\","
     "\"bytes\":\"a\\u0000b\",\"none\":\"\"}"},
    {"JSON writer: commas in nested lists", write_nested, "[[],{\"a\":[1,2],\"b\":{}},\"c\"]"},
    {"JSON writer: escapes", write_escapes,
     "\"\\\" \\\\ / \\u0008\\u000a\\u0001\\u007f \\u003c/script\\u003e \\u0026 \\u2028\\u2029 \xe2\x80\xa7\""},
    {"JSON writer: what is not UTF-8", write_bad_text,
     "{\"a\\\"\\ufffd\":\"\\ufffd\\ufffd \\ufffd\\ufffd\\ufffd \xf0\x9f\x90\x9f\\ufffd\\ufffd\"}"},
};

static void json_is_as_wanted(void **state) {
    const struct json_row *row = *state;
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    assert_non_null(file);
    struct json_writer json;
    json_begin(&json, file);
    row->write(&json);
    assert_int_equal(json.depth, 0);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, row->wanted);
    free(text);
}

/* ---- Totals and chapters ---------------------------------------------------------------------------------- */

static void totals_count_each_verdict(void **state) {
    (void)state;
    struct totals totals = report_totals(&mixed);
    assert_int_equal(totals.of[VERDICT_PASS], 3);
    assert_int_equal(totals.of[VERDICT_FAIL], 3);
    assert_int_equal(totals.of[VERDICT_WARN], 2);
    assert_int_equal(totals.of[VERDICT_SKIP], 2);
    assert_int_equal(totals.expected_failures, 1);
    totals = report_totals(&empty);
    for (size_t i = 0; i < VERDICT_COUNT; i++)
        assert_int_equal(totals.of[i], 0);
}

static void chapters_stand_in_the_order_of_the_standards(void **state) {
    static const char *const wanted[] = {"3.1.1 3.1", "3.1.1 3.3", "3.1.1 3.10", "5.0 3.1", "5.0 other"};
    (void)state;
    struct chapters chapters;
    report_chapters(&mixed, &chapters);
    assert_int_equal(chapters.count, COUNT(wanted));
    for (size_t i = 0; i < chapters.count; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s %s", spec_version_name(chapters.all[i].standard), chapters.all[i].name);
        assert_string_equal(name, wanted[i]);
    }
}

/* Whatever a statement stands under has a chapter with a title, and there is room for all of them at once. */
static void every_statement_has_a_titled_chapter(void **state) {
    (void)state;
    static enum spec_statement statements[SPEC_COUNT];
    static struct result results[SPEC_COUNT];
    for (unsigned id = SPEC_NONE + 1; id < SPEC_COUNT; id++) {
        statements[id] = (enum spec_statement)id;
        results[id - 1].statements = &statements[id];
        results[id - 1].statement_count = 1;
    }
    struct report all = {.results = results, .count = SPEC_COUNT - 1};
    struct chapters chapters;
    report_chapters(&all, &chapters);
    size_t sum = 0;
    for (size_t i = 0; i < chapters.count; i++) {
        if (chapter_title(&chapters.all[i])[0] == '\0')
            fail_msg("MQTT %s has no title for chapter %s", spec_version_name(chapters.all[i].standard),
                     chapters.all[i].name);
        sum += chapter_size(&chapters.all[i]);
    }
    assert_int_equal(sum, SPEC_COUNT - 1);
}

/* ---- The bar of a section --------------------------------------------------------------------------------- */

#define BAR_LINE 100

struct bar_row {
    const char *name;
    size_t of[VERDICT_COUNT]; /* pass, fail, warn, skip */
    const char *wanted;
};

static const struct bar_row bar_rows[] = {
    {"bar: all pass", {1000, 0, 0, 0}, "========================"},
    {"bar: all fail", {0, 3, 0, 0}, "########################"},
    {"bar: half", {2, 2, 0, 0}, "============############"},
    {"bar: the few are seen", {2000, 1, 1, 1}, "=====================-!#"},
    {"bar: the only pass is seen", {1, 2000, 1, 1}, "=-!#####################"},
    {"bar: a quarter each", {1, 1, 1, 1}, "======------!!!!!!######"},
};

static void bar_shows_the_shares(void **state) {
    const struct bar_row *row = *state;
    static struct result results[3000];
    size_t count = 0;
    for (size_t verdict = 0; verdict < VERDICT_COUNT; verdict++)
        for (size_t i = 0; i < row->of[verdict]; i++) {
            results[count] = sample_mixed[0];
            results[count].expected_failure = true; /* keeps blocks out of the text */
            results[count++].verdict = (enum verdict)verdict;
        }
    struct report report = {.target = "target", .results = results, .count = count};
    char *text = NULL;
    write_to(&text, plain, &report);
    char line[BAR_LINE];
    snprintf(line, sizeof line, "  %s\n\nMQTT 3.1.1: ", row->wanted);
    size_t times = occurrences(text, line);
    if (times != 1)
        print_error("there is no bar '%s'\n", row->wanted);
    free(text);
    assert_int_equal(times, 1);
}

#define ADD_ROWS(table, function)                                                                                      \
    for (size_t i = 0; i < COUNT(table); i++)                                                                          \
        rows[count++] = (struct CMUnitTest) {                                                                          \
            (table)[i].name, function, NULL, NULL, (void *)&(table)[i]                                                 \
        }

int main(void) {
    struct CMUnitTest
        rows[COUNT(content_rows) + 2 * COUNT(form_rows) + COUNT(text_rows) + COUNT(json_rows) + COUNT(bar_rows)];
    size_t count = 0;
    ADD_ROWS(content_rows, holds_what_it_should);
    ADD_ROWS(form_rows, hostile_text_is_harmless);
    ADD_ROWS(form_rows, same_results_same_bytes);
    ADD_ROWS(text_rows, is_written_as_wanted);
    ADD_ROWS(json_rows, json_is_as_wanted);
    ADD_ROWS(bar_rows, bar_shows_the_shares);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_text_makes_no_directive),
        cmocka_unit_test(totals_count_each_verdict),
        cmocka_unit_test(chapters_stand_in_the_order_of_the_standards),
        cmocka_unit_test(every_statement_has_a_titled_chapter),
    };
    int failed = _cmocka_run_group_tests("reports: forms", rows, count, NULL, NULL);
    return failed + cmocka_run_group_tests_name("reports: whole reports", tests, NULL, NULL);
}
