/* For a terminal: what a person wants to see first stands last. */
#include <string.h>

#include "reports/internal.h"

struct colours {
    const char *of[VERDICT_COUNT];
    const char *bold, *dim, *off;
};

static const struct colours with_colours = {
    {"\033[32m", "\033[31m", "\033[33m", "\033[36m"}, "\033[1m", "\033[2m", "\033[0m"};
static const struct colours without_colours = {{"", "", "", ""}, "", "", ""};

static void write_passes(FILE *file, const struct report *report, const struct colours *colours) {
    for (size_t i = 0; i < report->count; i++) {
        const struct result *result = &report->results[i];
        if (result->verdict == VERDICT_PASS)
            fprintf(file, "%spass%s  %-5s  %s  %s%s%s\n", colours->of[VERDICT_PASS], colours->off, result->version,
                    result->scenario, colours->dim, result->title, colours->off);
    }
}

static void write_statement(FILE *file, enum spec_statement statement) {
    if (statement == SPEC_NONE)
        return;
    fprintf(file, "      statement  %s: %s\n", spec_name(statement), spec_row(statement)->paraphrase);
}

static void write_failure(FILE *file, const struct result *result, const struct colours *colours) {
    fprintf(file, "%s%s%s  %s%s%s (MQTT %s)%s\n", colours->of[VERDICT_FAIL], "FAIL", colours->off, colours->bold,
            result->scenario, colours->off, result->version, result->expected_failure ? "  expected" : "");
    fprintf(file, "      %s\n", result->title);
    write_statement(file, result->broken);
    fputs("      reason     ", file);
    write_printable(file, result->reason);
    if (result->expected[0] != '\0') {
        fputs("\n      expected   ", file);
        write_printable(file, result->expected);
    }
    if (result->received[0] != '\0') {
        fputs("\n      received   ", file);
        write_printable(file, result->received);
    }
    fprintf(file, "\n      source     %s:%d\n", result->file, result->line);
    write_transcript(file, result, "      ", true);
    fputc('\n', file);
}

static void write_warning(FILE *file, const struct result *result, const struct colours *colours) {
    fprintf(file, "%swarn%s  %s (MQTT %s): ", colours->of[VERDICT_WARN], colours->off, result->scenario,
            result->version);
    write_printable(file, result->reason);
    fputc('\n', file);
}

/* Skips with one reason stand on one line. */
static void write_skips(FILE *file, const struct report *report, const struct colours *colours) {
    for (size_t i = 0; i < report->count; i++) {
        const char *reason = report->results[i].reason;
        if (report->results[i].verdict != VERDICT_SKIP)
            continue;
        size_t count = 0;
        bool told = false;
        for (size_t k = 0; k < report->count; k++) {
            bool same = report->results[k].verdict == VERDICT_SKIP && strcmp(report->results[k].reason, reason) == 0;
            told |= same && k < i;
            count += same;
        }
        if (told)
            continue;
        fprintf(file, "%sskip%s  %zu x ", colours->of[VERDICT_SKIP], colours->off, count);
        write_printable(file, reason);
        fputc('\n', file);
    }
}

static void write_count(FILE *file, size_t count, enum verdict verdict, const struct colours *colours) {
    if (count == 0)
        fprintf(file, " %s%6s%s", colours->dim, ".", colours->off);
    else
        fprintf(file, " %s%6zu%s", colours->of[verdict], count, colours->off);
}

static void write_chapters(FILE *file, const struct report *report, const struct colours *colours) {
    struct chapters chapters;
    report_chapters(report, &chapters);
    fprintf(file, "%s%-7s %-22s %6s %6s %6s %6s%s\n", colours->bold, "section", "", "pass", "fail", "warn", "skip",
            colours->off);
    for (size_t i = 0; i < chapters.count; i++) {
        const struct chapter *chapter = &chapters.all[i];
        fprintf(file, "%-7s %-22s", chapter->name, section_title(chapter->name));
        for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
            write_count(file, chapter->totals.of[verdict], (enum verdict)verdict, colours);
        fputc('\n', file);
    }
}

void report_write_text(FILE *file, const struct report *report, bool colour, bool verbose) {
    const struct colours *colours = colour ? &with_colours : &without_colours;
    struct totals totals = report_totals(report);
    if (verbose)
        write_passes(file, report, colours);
    for (size_t i = 0; i < report->count; i++)
        if (report->results[i].verdict == VERDICT_FAIL)
            write_failure(file, &report->results[i], colours);
    for (size_t i = 0; i < report->count; i++)
        if (report->results[i].verdict == VERDICT_WARN)
            write_warning(file, &report->results[i], colours);
    write_skips(file, report, colours);
    write_chapters(file, report, colours);
    enum verdict worst = totals.of[VERDICT_FAIL] > totals.expected_failures ? VERDICT_FAIL : VERDICT_PASS;
    fprintf(file, "\n%s: %s%s%zu pass, %zu fail, %zu warn, %zu skip%s in %.2f s", report->target, colours->bold,
            colours->of[worst], totals.of[VERDICT_PASS], totals.of[VERDICT_FAIL], totals.of[VERDICT_WARN],
            totals.of[VERDICT_SKIP], colours->off, (double)report->duration / 1e6);
    if (totals.expected_failures > 0)
        fprintf(file, " (%zu of the fails expected)", totals.expected_failures);
    fputc('\n', file);
}
