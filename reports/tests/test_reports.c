/* Each form of a report: what must stand in it, and what must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/tests/samples.h"

static void write_plain(FILE *file, const struct report *report) {
    report_write_text(file, report, false, false);
}

static void write_verbose(FILE *file, const struct report *report) {
    report_write_text(file, report, false, true);
}

static void write_coloured(FILE *file, const struct report *report) {
    report_write_text(file, report, true, false);
}

typedef void report_writer(FILE *file, const struct report *report);

/* The text that a writer makes; the caller frees it. */
static char *written(report_writer *write, const struct result *results, size_t count) {
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    assert_non_null(file);
    const struct report report = {.target = "127.0.0.1:1884",
                                  .command = "mqspec test --target 127.0.0.1:1884",
                                  .results = results,
                                  .count = count,
                                  .duration = 5250000};
    write(file, &report);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(strlen(text), length);
    return text;
}

struct row {
    const char *name;
    report_writer *write;
    const char *holds[4]; /* NULL: no more */
    const char *lacks[4];
};

static const struct row mixed_rows[] = {
    {"text: totals", write_plain, {"3 pass, 3 fail, 2 warn, 2 skip"}, {"\x1b", "qos0_reaches_subscriber"}},
    {"text: a fail says what was expected and what came",
     write_plain,
     {"overlapping_gets_the_highest_qos", "MQTT311:3.3.5-1", "PUBLISH qos=1", "conformance/scenarios/sample.c:42"},
     {NULL}},
    {"text: skips with one reason are told once", write_plain, {"2 x the target does not check users"}, {NULL}},
    {"text: passes when verbose", write_verbose, {"qos0_reaches_subscriber"}, {NULL}},
    {"text: colours", write_coloured, {"\x1b["}, {"\x1b[2J", "\x07"}},
    {"TAP: plan and verdicts",
     report_write_tap,
     {"TAP version 13\n1..10\n", "ok 1 - qos0_reaches_subscriber", "not ok 2 - ", "# SKIP the target does not check"},
     {"\x1b", "\x07"}},
    {"TAP: an expected failure", report_write_tap, {"not ok 4 - known_to_fail (MQTT 3.1.1) # TO", "expected"}, {NULL}},
    {"JUnit: failures are escaped",
     report_write_junit,
     {"<testsuites", "failures=\"2\"", "&lt;/script&gt;", "<skipped"},
     {"</script>", "\x1b", "\x07", "\xff"}},
    {"JSON: contract",
     report_write_json,
     {"\"totals\":{\"pass\":3,\"fail\":3,\"warn\":2,\"skip\":2", "\"verdict\":\"warn\"", "\"transport\":\"tcp\"",
      "\"transcript\":["},
     {"</script>", "\x1b", "\xff", "\xe2\x80\xa8"}},
    {"page: hostile text stays text",
     report_write_html,
     {"id=\"data\"", "\\u003c/script"},
     {"alert(1)</script>", "\x1b"}},
};

static const struct row empty_rows[] = {
    {"text: nothing", write_plain, {"0 pass, 0 fail, 0 warn, 0 skip"}, {NULL}},
    {"TAP: nothing", report_write_tap, {"TAP version 13\n1..0\n"}, {"ok"}},
    {"JUnit: nothing", report_write_junit, {"tests=\"0\"", "</testsuites>"}, {"testcase"}},
    {"JSON: nothing", report_write_json, {"\"results\":[]"}, {NULL}},
    {"page: nothing", report_write_html, {"\"results\":[]"}, {NULL}},
};

static void check_rows(const struct row *rows, size_t row_count, const struct result *results, size_t count) {
    for (size_t i = 0; i < row_count; i++) {
        char *text = written(rows[i].write, results, count);
        for (size_t k = 0; k < COUNT(rows[i].holds) && rows[i].holds[k] != NULL; k++)
            if (strstr(text, rows[i].holds[k]) == NULL)
                fail_msg("%s: '%s' is missing in:\n%s", rows[i].name, rows[i].holds[k], text);
        for (size_t k = 0; k < COUNT(rows[i].lacks) && rows[i].lacks[k] != NULL; k++)
            if (strstr(text, rows[i].lacks[k]) != NULL)
                fail_msg("%s: '%s' should not be in:\n%s", rows[i].name, rows[i].lacks[k], text);
        free(text);
    }
}

static void mixed_results(void **state) {
    (void)state;
    check_rows(mixed_rows, COUNT(mixed_rows), sample_mixed, COUNT(sample_mixed));
}

static void no_results(void **state) {
    (void)state;
    check_rows(empty_rows, COUNT(empty_rows), NULL, 0);
}

static void totals_count_each_verdict(void **state) {
    (void)state;
    const struct report report = {.target = "", .results = sample_mixed, .count = COUNT(sample_mixed)};
    struct totals totals = report_totals(&report);
    assert_int_equal(totals.of[VERDICT_PASS], 3);
    assert_int_equal(totals.of[VERDICT_FAIL], 3);
    assert_int_equal(totals.of[VERDICT_WARN], 2);
    assert_int_equal(totals.of[VERDICT_SKIP], 2);
    assert_int_equal(totals.expected_failures, 1);
}

static void write_nested_json(FILE *file, const struct report *report) {
    (void)report;
    struct json_writer json;
    json_begin(&json, file);
    json_open_object(&json, NULL);
    json_open_list(&json, "list");
    json_number(&json, NULL, UINT64_MAX);
    json_open_object(&json, NULL);
    json_close_object(&json);
    json_open_list(&json, NULL);
    json_close_list(&json);
    json_close_list(&json);
    json_flag(&json, "flag", true);
    json_text(&json, "text", "a\"b\\c\n\x01<");
    json_bytes_as_hex(&json, "hex", (const uint8_t *)"\x00\xfe", 2);
    json_bytes_as_text(&json, "bytes", (const uint8_t *)"\xed\xa0\x80\xc3\xa9\xf0\x9f", 7);
    json_close_object(&json);
}

static void json_writer_places_commas_and_escapes(void **state) {
    (void)state;
    char *text = written(write_nested_json, NULL, 0);
    const char *begin = "{\"list\":[18446744073709551615,{},[]],\"flag\":true,\"text\":\"a\\\"b\\\\c\\";
    assert_memory_equal(text, begin, strlen(begin));
    assert_non_null(strstr(text, "\\u0001\\u003c\",\"hex\":\"00fe\",\"bytes\":\""));
    assert_non_null(strstr(text, "\xc3\xa9"));
    assert_null(strstr(text, "\xed\xa0"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixed_results),
        cmocka_unit_test(no_results),
        cmocka_unit_test(totals_count_each_verdict),
        cmocka_unit_test(json_writer_places_commas_and_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
