/* JUnit XML as CI servers read it: a testsuite for each chapter of the standard. */
#include "reports/internal.h"

static void write_attribute(FILE *file, const char *name, const char *text) {
    fprintf(file, " %s=\"", name);
    write_markup(file, text);
    fputc('"', file);
}

static void write_failure(FILE *file, const struct result *result) {
    fputs("      <failure", file);
    write_attribute(file, "type", spec_name(result->broken));
    write_attribute(file, "message", result->reason);
    fputc('>', file);
    if (result->broken != SPEC_NONE) {
        fprintf(file, "%s: ", spec_name(result->broken));
        write_markup(file, spec_row(result->broken)->paraphrase);
        fputc('\n', file);
    }
    fputs("expected: ", file);
    write_markup(file, result->expected);
    fputs("\nreceived: ", file);
    write_markup(file, result->received);
    fputs("\n</failure>\n", file);
}

/* An expected failure is no failure to a CI server, and no pass either. */
static void write_skipped(FILE *file, const struct result *result) {
    fputs("      <skipped message=\"", file);
    if (result->expected_failure)
        fputs("expected failure: ", file);
    write_markup(file, result->reason);
    fputs("\"/>\n", file);
}

static void write_output(FILE *file, const struct result *result) {
    bool warned = result->verdict == VERDICT_WARN;
    if (!warned && result->transcript_length == 0)
        return;
    fputs("      <system-out>", file);
    if (warned) {
        fputs("warning: ", file);
        write_markup(file, result->reason);
        fputc('\n', file);
    }
    write_transcript(file, result, "", write_markup);
    fputs("</system-out>\n", file);
}

static void write_case(FILE *file, const struct result *result, const struct chapter *chapter) {
    fprintf(file, "    <testcase classname=\"mqspec.MQTT %s.%s\" name=\"", spec_version_name(chapter->standard),
            chapter->name);
    write_markup(file, result->scenario);
    fprintf(file, " (MQTT %s)\" time=\"%.6f\"", result->version, (double)result->duration / 1e6);
    write_attribute(file, "file", result->file);
    fprintf(file, " line=\"%d\"", result->line);
    if (result->verdict == VERDICT_PASS) {
        fputs("/>\n", file);
        return;
    }
    fputs(">\n", file);
    if (result->verdict == VERDICT_SKIP || result->expected_failure)
        write_skipped(file, result);
    else if (result->verdict == VERDICT_FAIL)
        write_failure(file, result);
    write_output(file, result);
    fputs("    </testcase>\n", file);
}

static void write_counts(FILE *file, size_t tests, const struct totals *totals) {
    fprintf(file, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\"", tests,
            totals->of[VERDICT_FAIL] - totals->expected_failures, totals->of[VERDICT_SKIP] + totals->expected_failures);
}

static void write_suite(FILE *file, const struct report *report, const struct chapter *chapter) {
    uint64_t duration = 0;
    for (size_t i = 0; i < report->count; i++)
        if (result_is_in(&report->results[i], chapter))
            duration += report->results[i].duration;
    const char *title = chapter_title(chapter);
    fprintf(file, "  <testsuite name=\"MQTT %s, section %s%s%s\"", spec_version_name(chapter->standard), chapter->name,
            title[0] != '\0' ? " " : "", title);
    write_counts(file, chapter_size(chapter), &chapter->totals);
    fprintf(file, " time=\"%.6f\">\n", (double)duration / 1e6);
    for (size_t i = 0; i < report->count; i++)
        if (result_is_in(&report->results[i], chapter))
            write_case(file, &report->results[i], chapter);
    fputs("  </testsuite>\n", file);
}

void report_write_junit(FILE *file, const struct report *report) {
    struct chapters chapters;
    struct totals totals = report_totals(report);
    report_chapters(report, &chapters);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"mqspec\"", file);
    write_counts(file, report->count, &totals);
    fprintf(file, " time=\"%.6f\">\n", (double)report->duration / 1e6);
    for (size_t i = 0; i < chapters.count; i++)
        write_suite(file, report, &chapters.all[i]);
    fputs("</testsuites>\n", file);
}
