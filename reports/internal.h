/* What the forms of a report share with each other. */
#ifndef MQSPEC_REPORTS_INTERNAL_H
#define MQSPEC_REPORTS_INTERNAL_H

#include "reports/reports.h"

#define CHAPTER_SIZE     12
#define MAXIMUM_CHAPTERS 64

/* The results of one chapter of the standard: "3.1" is CONNECT. */
struct chapter {
    char name[CHAPTER_SIZE];
    struct totals totals;
};

struct chapters {
    size_t count;
    struct chapter all[MAXIMUM_CHAPTERS];
};

/* In the standard's order. */
void report_chapters(const struct report *report, struct chapters *chapters);
void result_chapter(const struct result *result, char chapter[CHAPTER_SIZE]);
const char *result_section(const struct result *result);
const char *section_title(const char *chapter); /* "" where there is none */

const char *transcript_arrow(enum transcript_kind kind);
const char *transcript_text(const struct transcript_line *line); /* never empty for opening and closing */

/* The members of the object that report_write_json() writes. */
void report_write_json_members(struct json_writer *json, const struct report *report);

/* Control characters are shown as escapes: what a target sends cannot drive a terminal. */
void write_printable(FILE *file, const char *text);

/* One line for each line of the transcript; `mark` points at the offending one. */
void write_transcript(FILE *file, const struct result *result, const char *indent, bool mark);

#endif
