/* JUnit XML as CI servers read it: a testsuite for each chapter of the standard. */
#include <string.h>

#include "reports/internal.h"

/* XML 1.0 knows no way to write most control characters; they become a question mark. */
static void write_escaped(FILE *file, const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        switch (*at) {
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '&':
            fputs("&amp;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        default:
            fputc((*at < 0x20 && *at != '\n' && *at != '\t') || *at >= 0x7F ? '?' : *at, file);
        }
}

static void write_attribute(FILE *file, const char *name, const char *text) {
    fprintf(file, " %s=\"", name);
    write_escaped(file, text);
    fputc('"', file);
}

static void write_transcript_text(FILE *file, const struct result *result) {
    for (size_t i = 0; i < result->transcript_length; i++) {
        const struct transcript_line *line = &result->transcript[i];
        fprintf(file, "%8.3f s  %c ", (double)line->time / 1e6, line->client != 0 ? line->client : ' ');
        write_escaped(file, transcript_arrow(line->kind));
        fputc(' ', file);
        write_escaped(file, transcript_text(line));
        fputs(line->offending ? "   (here)\n" : "\n", file);
    }
}

static void write_case(FILE *file, const struct result *result, const char *chapter) {
    fputs("    <testcase", file);
    fprintf(file, " classname=\"mqspec.%s\"", chapter);
    fputs(" name=\"", file);
    write_escaped(file, result->scenario);
    fprintf(file, " (MQTT %s)\" time=\"%.6f\"", result->version, (double)result->duration / 1e6);
    write_attribute(file, "file", result->file);
    fprintf(file, " line=\"%d\"", result->line);
    if (result->verdict == VERDICT_PASS) {
        fputs("/>\n", file);
        return;
    }
    fputs(">\n", file);
    bool failed = result->verdict == VERDICT_FAIL && !result->expected_failure;
    if (failed) {
        fputs("      <failure", file);
        write_attribute(file, "type", spec_name(result->broken));
        write_attribute(file, "message", result->reason);
        fputs(">expected: ", file);
        write_escaped(file, result->expected);
        fputs("\nreceived: ", file);
        write_escaped(file, result->received);
        fputs("\n", file);
        write_transcript_text(file, result);
        fputs("</failure>\n", file);
    } else if (result->verdict == VERDICT_WARN) {
        fputs("      <system-out>warning: ", file);
        write_escaped(file, result->reason);
        fputs("</system-out>\n", file);
    } else {
        fputs("      <skipped", file);
        write_attribute(file, "message", result->reason);
        fputs("/>\n", file);
    }
    fputs("    </testcase>\n", file);
}

static void write_chapter(FILE *file, const struct report *report, const struct chapter *chapter) {
    size_t expected = 0, count = 0;
    char name[CHAPTER_SIZE];
    for (size_t i = 0; i < report->count; i++) {
        result_chapter(&report->results[i], name);
        if (strcmp(name, chapter->name) != 0)
            continue;
        count++;
        expected += report->results[i].expected_failure;
    }
    fprintf(file, "  <testsuite name=\"%s %s\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\">\n", chapter->name,
            section_title(chapter->name), count, chapter->totals.of[VERDICT_FAIL] - expected,
            chapter->totals.of[VERDICT_SKIP] + expected);
    for (size_t i = 0; i < report->count; i++) {
        result_chapter(&report->results[i], name);
        if (strcmp(name, chapter->name) == 0)
            write_case(file, &report->results[i], chapter->name);
    }
    fputs("  </testsuite>\n", file);
}

void report_write_junit(FILE *file, const struct report *report) {
    struct chapters chapters;
    struct totals totals = report_totals(report);
    report_chapters(report, &chapters);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"mqspec\"", file);
    fprintf(file, " tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\" time=\"%.6f\">\n", report->count,
            totals.of[VERDICT_FAIL] - totals.expected_failures, totals.of[VERDICT_SKIP] + totals.expected_failures,
            (double)report->duration / 1e6);
    for (size_t i = 0; i < chapters.count; i++)
        write_chapter(file, report, &chapters.all[i]);
    fputs("</testsuites>\n", file);
}
