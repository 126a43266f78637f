/* What the forms of a report share with each other. */
#ifndef MQSPEC_REPORTS_INTERNAL_H
#define MQSPEC_REPORTS_INTERNAL_H

#include "reports/reports.h"

/* ---- Chapters -------------------------------------------------------------------------------------------- */

#define CHAPTER_SIZE     12
#define MAXIMUM_CHAPTERS 128

/* The results of one chapter of a standard: "3.1" is CONNECT. What tests no statement stands under "other". */
struct chapter {
    enum spec_version standard;
    char name[CHAPTER_SIZE];
    struct totals totals;
};

struct chapters {
    size_t count;
    struct chapter all[MAXIMUM_CHAPTERS];
};

/* In the order of the standards; 3.1.1 before 5.0. */
void report_chapters(const struct report *report, struct chapters *chapters);
bool result_is_in(const struct result *result, const struct chapter *chapter);
size_t chapter_size(const struct chapter *chapter);
const char *chapter_title(const struct chapter *chapter); /* "" where there is none */
const char *result_section(const struct result *result);
enum spec_version result_standard(const struct result *result);

/* ---- Coverage -------------------------------------------------------------------------------------------- */

/* The statements of one version whose breach shows at a broker, and those of them that some scenario tested that was
 * not skipped. */
struct tested_statements {
    size_t visible;
    size_t tested;
};

struct tested_statements report_tested_statements(const struct report *report, enum spec_version version);

/* ---- Transcripts ----------------------------------------------------------------------------------------- */

const char *transcript_arrow(enum transcript_kind kind);
const char *transcript_text(const struct transcript_line *line); /* never empty for opening and closing */

/* How text is written so that what a target sent cannot do harm. Control characters, and those that turn or break
 * lines, are shown as escapes: \x1b. */
typedef void (*write_text)(FILE *file, const char *text);

/* One line for each line of the transcript, the offending one marked. */
void write_transcript(FILE *file, const struct result *result, const char *indent, write_text write);

/* ---- Text from anywhere ---------------------------------------------------------------------------------- */

/* The length of the well-formed UTF-8 character at `at`, 1 to 4; 0 where there is none. `rest` is not 0. */
size_t utf8_length(const uint8_t *at, size_t rest);

void write_printable(FILE *file, const char *text);   /* for a terminal */
void write_markup(FILE *file, const char *text);      /* for XML and HTML, between tags and in quoted attributes */
void write_description(FILE *file, const char *text); /* in a line of TAP: no "#", which begins a directive */
void write_quoted(FILE *file, const char *text);      /* as a double-quoted YAML string, with its quotes */

/* ---- JSON ------------------------------------------------------------------------------------------------ */

/* The members of the object that report_write_json() writes. */
void report_write_json_members(struct json_writer *json, const struct report *report);

#endif
