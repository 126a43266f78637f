/* The result of a run as one JSON object; the page is made from the same. */
#include "reports/internal.h"

#define TRANSCRIPT_BYTES ((size_t)256) /* of one packet, in hex; the rest is left out */

static const char *const kind_names[] = {
    [TRANSCRIPT_SENT] = "sent",     [TRANSCRIPT_RECEIVED] = "received", [TRANSCRIPT_OPENED] = "opened",
    [TRANSCRIPT_CLOSED] = "closed", [TRANSCRIPT_DROPPED] = "dropped",   [TRANSCRIPT_EXPECTED] = "expected",
    [TRANSCRIPT_NOTE] = "note",
};

static void write_line(struct json_writer *json, const struct transcript_line *line) {
    char client[2] = {line->client, '\0'};
    json_open_object(json, NULL);
    json_number(json, "time_us", line->time);
    json_text(json, "kind", kind_names[line->kind]);
    json_text(json, "client", client);
    json_text(json, "text", transcript_text(line));
    if (line->bytes != NULL) {
        json_bytes_as_hex(json, "bytes", line->bytes,
                          line->length < TRANSCRIPT_BYTES ? line->length : TRANSCRIPT_BYTES);
        json_number(json, "length", line->length);
    }
    if (line->offending)
        json_flag(json, "offending", true);
    json_close_object(json);
}

static void write_failure(struct json_writer *json, const struct result *result) {
    json_text(json, "broken", spec_name(result->broken));
    json_text(json, "expected", result->expected);
    json_text(json, "received", result->received);
    json_open_list(json, "transcript");
    for (size_t i = 0; i < result->transcript_length; i++)
        write_line(json, &result->transcript[i]);
    json_close_list(json);
}

static void write_result(struct json_writer *json, const struct result *result) {
    json_open_object(json, NULL);
    json_text(json, "scenario", result->scenario);
    json_text(json, "title", result->title);
    json_text(json, "version", result->version);
    json_text(json, "transport", result->transport);
    json_open_list(json, "statements");
    for (size_t i = 0; i < result->statement_count; i++)
        json_text(json, NULL, spec_name(result->statements[i]));
    json_close_list(json);
    json_text(json, "standard", spec_version_name(result_standard(result)));
    json_text(json, "section", result_section(result));
    json_text(json, "verdict", verdict_name(result->verdict));
    json_text(json, "reason", result->reason);
    if (result->verdict == VERDICT_FAIL || result->verdict == VERDICT_WARN)
        write_failure(json, result);
    if (result->expected_failure)
        json_flag(json, "expected_failure", true);
    json_text(json, "file", result->file);
    json_number(json, "line", (uint64_t)result->line);
    json_number(json, "duration_us", result->duration);
    json_close_object(json);
}

static void write_tested(struct json_writer *json, const struct report *report) {
    json_open_list(json, "tested_statements");
    for (unsigned version = 0; version < SPEC_VERSION_COUNT; version++) {
        struct tested_statements statements = report_tested_statements(report, (enum spec_version)version);
        json_open_object(json, NULL);
        json_text(json, "standard", spec_version_name((enum spec_version)version));
        json_number(json, "visible_at_a_broker", statements.visible);
        json_number(json, "tested", statements.tested);
        json_close_object(json);
    }
    json_close_list(json);
}

void report_write_json_members(struct json_writer *json, const struct report *report) {
    struct totals totals = report_totals(report);
    json_text(json, "target", report->target);
    json_text(json, "command", report->command != NULL ? report->command : "");
    json_number(json, "duration_us", report->duration);
    json_open_object(json, "totals");
    for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
        json_number(json, verdict_name((enum verdict)verdict), totals.of[verdict]);
    json_number(json, "expected_failures", totals.expected_failures);
    json_close_object(json);
    write_tested(json, report);
    json_open_list(json, "results");
    for (size_t i = 0; i < report->count; i++)
        write_result(json, &report->results[i]);
    json_close_list(json);
}

void report_write_json(FILE *file, const struct report *report) {
    struct json_writer json;
    json_begin(&json, file);
    json_open_object(&json, NULL);
    report_write_json_members(&json, report);
    json_close_object(&json);
    fputc('\n', file);
}
