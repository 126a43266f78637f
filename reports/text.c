/* For a terminal: what a person wants to see first stands last. */
#include <string.h>

#include "reports/internal.h"

#define BAR_WIDTH ((size_t)24)

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
        if (result->verdict != VERDICT_PASS)
            continue;
        fprintf(file, "%spass%s  %-5s  ", colours->of[VERDICT_PASS], colours->off, result->version);
        write_printable(file, result->scenario);
        fprintf(file, "  %s", colours->dim);
        write_printable(file, result->title);
        fprintf(file, "%s\n", colours->off);
    }
}

static void write_field(FILE *file, const char *name, const char *text, const struct colours *colours) {
    if (text[0] == '\0')
        return;
    fprintf(file, "      %s%-9s%s  ", colours->dim, name, colours->off);
    write_printable(file, text);
    fputc('\n', file);
}

static void write_lines(FILE *file, const struct result *result, const struct colours *colours) {
    for (size_t i = 0; i < result->transcript_length; i++) {
        const struct transcript_line *line = &result->transcript[i];
        fprintf(file, "      %s%8.3f s%s  %s%c %s ", colours->dim, (double)line->time / 1e6, colours->off,
                line->offending ? colours->of[VERDICT_FAIL] : "", line->client != 0 ? line->client : ' ',
                transcript_arrow(line->kind));
        write_printable(file, transcript_text(line));
        fprintf(file, "%s%s\n", line->offending ? "   <== here" : "", line->offending ? colours->off : "");
    }
}

static void write_failure(FILE *file, const struct result *result, const struct colours *colours) {
    fprintf(file, "%sFAIL%s  %s", colours->of[VERDICT_FAIL], colours->off, colours->bold);
    write_printable(file, result->scenario);
    fprintf(file, "%s (MQTT %s)\n      ", colours->off, result->version);
    write_printable(file, result->title);
    fputs("\n\n", file);
    if (result->broken != SPEC_NONE) {
        fprintf(file, "      %sstatement%s  %s: ", colours->dim, colours->off, spec_name(result->broken));
        write_printable(file, spec_row(result->broken)->paraphrase);
        fputc('\n', file);
    }
    if (strcmp(result->reason, result->received) != 0)
        write_field(file, "reason", result->reason, colours);
    write_field(file, "expected", result->expected, colours);
    write_field(file, "received", result->received, colours);
    fprintf(file, "      %ssource%s     %s:%d\n\n", colours->dim, colours->off, result->file, result->line);
    write_lines(file, result, colours);
    fputs(result->transcript_length > 0 ? "\n" : "", file);
}

/* Of one scenario played in several versions with one outcome, the results stand side by side. */
static bool same_outcome(const struct result *one, const struct result *other) {
    return one->verdict == other->verdict && one->expected_failure == other->expected_failure &&
           strcmp(one->scenario, other->scenario) == 0 && strcmp(one->reason, other->reason) == 0;
}

/* A line for each scenario of this verdict, with its versions and the reason. */
static void write_short(FILE *file, const struct report *report, enum verdict verdict, bool expected,
                        const struct colours *colours) {
    for (size_t i = 0, next; i < report->count; i = next) {
        const struct result *result = &report->results[i];
        next = i + 1;
        if (result->verdict != verdict || result->expected_failure != expected)
            continue;
        fprintf(file, "%s%s%s  ", colours->of[verdict], verdict_name(verdict), colours->off);
        write_printable(file, result->scenario);
        fprintf(file, " (MQTT %s", result->version);
        for (; next < report->count && same_outcome(result, &report->results[next]); next++)
            fprintf(file, ", %s", report->results[next].version);
        fputs(expected ? "), as expected: " : "): ", file);
        write_printable(file, result->reason);
        fputc('\n', file);
    }
}

/* Skips with one reason stand on one line. */
static void write_skips(FILE *file, const struct report *report, const struct colours *colours) {
    for (size_t i = 0; i < report->count; i++) {
        const char *reason = report->results[i].reason;
        if (report->results[i].verdict != VERDICT_SKIP)
            continue;
        size_t count = 0;
        bool told = false;
        for (size_t k = 0; k < report->count && !told; k++) {
            bool same = report->results[k].verdict == VERDICT_SKIP && strcmp(report->results[k].reason, reason) == 0;
            told = same && k < i;
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

/* The shares of the verdicts. What is there at all has at least one mark. */
static void share_bar(const struct chapter *chapter, size_t widths[VERDICT_COUNT]) {
    size_t size = chapter_size(chapter), left = BAR_WIDTH, largest = 0, given = 0;
    for (size_t i = 0; i < VERDICT_COUNT; i++) {
        widths[i] = chapter->totals.of[i] > 0;
        left -= widths[i];
        if (chapter->totals.of[i] > chapter->totals.of[largest])
            largest = i;
    }
    for (size_t i = 0; i < VERDICT_COUNT; i++) {
        size_t more = chapter->totals.of[i] * left / size;
        widths[i] += more;
        given += more;
    }
    widths[largest] += left - given;
}

/* What did not pass stands at the end. */
static void write_bar(FILE *file, const struct chapter *chapter, const struct colours *colours) {
    static const struct {
        enum verdict verdict;
        char mark;
    } order[] = {{VERDICT_PASS, '='}, {VERDICT_SKIP, '-'}, {VERDICT_WARN, '!'}, {VERDICT_FAIL, '#'}};
    size_t widths[VERDICT_COUNT];
    share_bar(chapter, widths);
    fputs("  ", file);
    for (size_t i = 0; i < VERDICT_COUNT; i++) {
        fputs(colours->of[order[i].verdict], file);
        for (size_t k = 0; k < widths[order[i].verdict]; k++)
            fputc(order[i].mark, file);
    }
    fprintf(file, "%s\n", colours->off);
}

static void write_chapters(FILE *file, const struct report *report, const struct colours *colours) {
    struct chapters chapters;
    report_chapters(report, &chapters);
    for (size_t i = 0; i < chapters.count; i++) {
        const struct chapter *chapter = &chapters.all[i];
        if (i == 0 || chapter->standard != chapters.all[i - 1].standard)
            fprintf(file, "%s%sMQTT %-5s section         %6s %6s %6s %6s%s\n", i == 0 ? "" : "\n", colours->bold,
                    spec_version_name(chapter->standard), "pass", "fail", "warn", "skip", colours->off);
        fprintf(file, "%-5s %-20s", chapter->name, chapter_title(chapter));
        for (size_t verdict = 0; verdict < VERDICT_COUNT; verdict++)
            write_count(file, chapter->totals.of[verdict], (enum verdict)verdict, colours);
        write_bar(file, chapter, colours);
    }
    fputs(chapters.count > 0 ? "\n" : "", file);
}

/* Where there was more than one. */
static void write_transports(FILE *file, const struct report *report, const struct colours *colours) {
    static const char *const names[] = {"tcp", "tls", "ws", "wss"};
    struct totals totals[sizeof names / sizeof names[0]] = {0};
    size_t used = 0;
    for (size_t kind = 0; kind < sizeof names / sizeof names[0]; kind++) {
        size_t played = 0;
        for (size_t i = 0; i < report->count; i++)
            if (strcmp(report->results[i].transport, names[kind]) == 0) {
                totals[kind].of[report->results[i].verdict]++;
                played++;
            }
        used += played > 0;
    }
    if (used < 2)
        return;
    fprintf(file, "%s%-26s %6s %6s %6s %6s%s\n", colours->bold, "over", "pass", "fail", "warn", "skip", colours->off);
    for (size_t kind = 0; kind < sizeof names / sizeof names[0]; kind++) {
        fprintf(file, "%-26s", names[kind]);
        for (size_t verdict = 0; verdict < VERDICT_COUNT; verdict++)
            write_count(file, totals[kind].of[verdict], (enum verdict)verdict, colours);
        fputc('\n', file);
    }
    fputc('\n', file);
}

/* Of each standard that something was played of. */
static void write_tested(FILE *file, const struct report *report) {
    for (unsigned version = 0; version < SPEC_VERSION_COUNT; version++) {
        struct tested_statements statements = report_tested_statements(report, (enum spec_version)version);
        if (statements.tested > 0)
            fprintf(file, "MQTT %s: %zu of the %zu statements that show at a broker were tested\n",
                    spec_version_name((enum spec_version)version), statements.tested, statements.visible);
    }
}

static void write_summary(FILE *file, const struct report *report, const struct colours *colours) {
    struct totals totals = report_totals(report);
    bool failed = totals.of[VERDICT_FAIL] > totals.expected_failures;
    fputs(colours->bold, file);
    write_printable(file, report->target);
    fprintf(file, "%s: %s%s%zu pass, %zu fail, %zu warn, %zu skip%s", colours->off, colours->bold,
            colours->of[failed ? VERDICT_FAIL : VERDICT_PASS], totals.of[VERDICT_PASS], totals.of[VERDICT_FAIL],
            totals.of[VERDICT_WARN], totals.of[VERDICT_SKIP], colours->off);
    if (totals.expected_failures > 0)
        fprintf(file, " (%zu of the fails expected)", totals.expected_failures);
    fprintf(file, " in %.2f s\n", (double)report->duration / 1e6);
}

void report_write_text(FILE *file, const struct report *report, bool colour, bool verbose) {
    const struct colours *colours = colour ? &with_colours : &without_colours;
    if (verbose)
        write_passes(file, report, colours);
    for (size_t i = 0; i < report->count; i++)
        if (report->results[i].verdict == VERDICT_FAIL && !report->results[i].expected_failure)
            write_failure(file, &report->results[i], colours);
    write_short(file, report, VERDICT_FAIL, true, colours);
    write_short(file, report, VERDICT_WARN, false, colours);
    write_skips(file, report, colours);
    write_chapters(file, report, colours);
    write_transports(file, report, colours);
    write_tested(file, report);
    write_summary(file, report, colours);
}
