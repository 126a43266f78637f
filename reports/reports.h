/* Results in, documents out. Nothing here knows how a result came about. */
#ifndef MQSPEC_REPORTS_H
#define MQSPEC_REPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "spec/spec.h"

enum verdict {
    VERDICT_PASS,
    VERDICT_FAIL, /* a MUST was broken */
    VERDICT_WARN, /* a SHOULD was not followed */
    VERDICT_SKIP, /* the target lacks an optional capability */
    VERDICT_COUNT
};

/* "pass", "fail", "warn", "skip". */
const char *verdict_name(enum verdict verdict);

enum transcript_kind {
    TRANSCRIPT_SENT,     /* the tester to the target */
    TRANSCRIPT_RECEIVED, /* the target to the tester */
    TRANSCRIPT_OPENED,   /* the tester opened a connection */
    TRANSCRIPT_CLOSED,   /* the target closed it */
    TRANSCRIPT_DROPPED,  /* the tester closed it */
    TRANSCRIPT_EXPECTED, /* what the tester waits for; text is the expectation */
    TRANSCRIPT_NOTE,     /* a remark by the tester or the monitor */
};

/* One line of what happened. Strings belong to whoever made the result. */
struct transcript_line {
    enum transcript_kind kind;
    uint64_t time;        /* microseconds since the scenario began */
    char client;          /* 'A', 'B', ...; 0 for the scenario as a whole */
    const char *text;     /* a packet in words, or a sentence */
    const uint8_t *bytes; /* of the packet on the wire, or NULL */
    size_t length;
    bool offending; /* the line at which the verdict was lost */
};

/* One scenario, played once. Strings belong to whoever made it and live as long as it. */
struct result {
    const char *scenario;
    const char *title;     /* a sentence on what the scenario shows */
    const char *version;   /* "3.1", "3.1.1", "5.0" */
    const char *transport; /* "tcp", "virtual" */
    const char *file;      /* where the scenario stands in the source */
    int line;
    const enum spec_statement *statements; /* that the scenario tests */
    size_t statement_count;
    enum verdict verdict;
    bool expected_failure;      /* listed in --expected-failures, and failed */
    enum spec_statement broken; /* on fail and warn: the statement; may be SPEC_NONE */
    const char *reason;         /* one sentence; "" on pass */
    const char *expected;       /* on fail: what should have come; else "" */
    const char *received;       /* on fail: what came instead; else "" */
    const struct transcript_line *transcript;
    size_t transcript_length;
    uint64_t duration; /* microseconds */
};

struct report {
    const char *target;  /* as the user named it, or "built-in reference broker" */
    const char *command; /* that repeats the run */
    const struct result *results;
    size_t count;
    uint64_t duration; /* microseconds, of the whole run */
};

struct totals {
    size_t of[VERDICT_COUNT];
    size_t expected_failures; /* of the fails, those that were expected */
};

struct totals report_totals(const struct report *report);

/* For a terminal: totals by section, each fail with expectation, answer and transcript, each warn and skip on a
 * line, then totals. `colour` uses ANSI colours. With `verbose`, also each pass on a line. */
void report_write_text(FILE *file, const struct report *report, bool colour, bool verbose);

/* TAP version 13 with a YAML block on failure. Warn is "ok", skip is "ok # SKIP reason". */
void report_write_tap(FILE *file, const struct report *report);

/* JUnit XML as CI servers read it: one testsuite a section of the standard. */
void report_write_junit(FILE *file, const struct report *report);

/* One object as the contract of the command line says: target, totals, results. */
void report_write_json(FILE *file, const struct report *report);

/* One self-contained page: totals by section, a filterable table, each fail as a sequence diagram. */
void report_write_html(FILE *file, const struct report *report);

/* ---- Pages, for all rooms above -------------------------------------------------------------------------- */

/* Begins a page in the look of all reports, up to and with <main>: `kind`, which is ours, and `subject`, from anywhere,
 * are its heading. */
void report_page_begin(FILE *file, const char *kind, const char *subject);

/* Ends a page, behind its script element "data" that holds what `mqspec lint --json` writes, with the script that shows
 * it in the element "captures". */
void report_page_end_findings(FILE *file);

/* ---- Writing JSON, for all rooms above ------------------------------------------------------------------ */

/* Writes JSON to a file, placing commas by itself. Text that is not UTF-8 is made so by U+FFFD. */
struct json_writer {
    FILE *file;
    unsigned depth;
    bool comma; /* the next element needs one before it */
};

void json_begin(struct json_writer *json, FILE *file);
void json_open_object(struct json_writer *json, const char *name); /* name NULL at the top and in lists */
void json_close_object(struct json_writer *json);
void json_open_list(struct json_writer *json, const char *name);
void json_close_list(struct json_writer *json);
void json_text(struct json_writer *json, const char *name, const char *text);
void json_bytes_as_text(struct json_writer *json, const char *name, const uint8_t *bytes, size_t length);
void json_bytes_as_hex(struct json_writer *json, const char *name, const uint8_t *bytes, size_t length);
void json_number(struct json_writer *json, const char *name, uint64_t number);
void json_flag(struct json_writer *json, const char *name, bool flag);

#endif
