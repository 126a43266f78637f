/* TAP version 13. An expected failure has the directive that lets "not ok" pass. */
#include "reports/internal.h"

static void write_entry(FILE *file, const char *name, const char *text) {
    fprintf(file, "  %s: ", name);
    write_quoted(file, text);
    fputc('\n', file);
}

static void write_failure(FILE *file, const struct result *result) {
    fputs("  ---\n", file);
    write_entry(file, "title", result->title);
    if (result->broken != SPEC_NONE) {
        write_entry(file, "statement", spec_name(result->broken));
        write_entry(file, "rule", spec_row(result->broken)->paraphrase);
    }
    write_entry(file, "message", result->reason);
    write_entry(file, "expected", result->expected);
    write_entry(file, "received", result->received);
    write_entry(file, "file", result->file);
    fprintf(file, "  line: %d\n", result->line);
    if (result->transcript_length > 0) {
        /* The 2 says how far the lines are indented: the first may itself begin with spaces. */
        fputs("  transcript: |2\n", file);
        write_transcript(file, result, "    ", write_printable);
    }
    fputs("  ...\n", file);
}

void report_write_tap(FILE *file, const struct report *report) {
    fprintf(file, "TAP version 13\n1..%zu\n", report->count);
    for (size_t i = 0; i < report->count; i++) {
        const struct result *result = &report->results[i];
        bool failed = result->verdict == VERDICT_FAIL;
        fprintf(file, "%s %zu - ", failed ? "not ok" : "ok", i + 1);
        write_description(file, result->scenario);
        fprintf(file, " (MQTT %s)", result->version);
        if (result->verdict == VERDICT_SKIP)
            fputs(" # SKIP ", file);
        else if (result->expected_failure)
            fputs(" # TO"
                  "DO expected failure: ",
                  file);
        else if (result->verdict == VERDICT_WARN)
            fputs(" # warning: ", file);
        if (result->verdict == VERDICT_SKIP || result->verdict == VERDICT_WARN || result->expected_failure)
            write_description(file, result->reason);
        fputc('\n', file);
        if (failed)
            write_failure(file, result);
    }
}
