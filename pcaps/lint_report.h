/* The forms in which `lint` tells what it found. Internal to pcaps/.
 *
 * What is found is written at once and not kept, so that memory does not grow with it. */
#ifndef MQSPEC_LINT_REPORT_H
#define MQSPEC_LINT_REPORT_H

#include <stdio.h>

#include "pcaps/lint.h"
#include "reports/reports.h"

struct lint_output;

/* Called in this order: begin; for each capture begin_capture, breach and notice as they come, end_capture; end. */
struct lint_form {
    void (*begin)(struct lint_output *output);
    void (*begin_capture)(struct lint_output *output);
    void (*breach)(struct lint_output *output, const struct lint_breach *breach);
    void (*notice)(struct lint_output *output, const struct lint_notice *notice);
    /* `reason` is "" where the capture could be read to its end. */
    void (*end_capture)(struct lint_output *output, const struct lint_totals *totals, const char *reason);
    void (*end)(struct lint_output *output);
};

extern const struct lint_form lint_text;  /* for people, at a terminal */
extern const struct lint_form lint_json;  /* a list of an object a capture */
extern const struct lint_form lint_sarif; /* SARIF 2.1.0 */
extern const struct lint_form lint_html;  /* a page that needs nothing else */

/* What is written in one form, and where. */
struct lint_output {
    const struct lint_form *form;
    FILE *file;
    const char *path;    /* of this output; NULL for standard output */
    const char *version; /* of mqspec */
    bool failed;         /* something could not be written */

    /* The form's own. */
    const char *capture; /* that is being told of */
    struct json_writer json;
    FILE *aside; /* notices, until the list of breaches is done; owned */
    struct json_writer aside_json;
    size_t breaches_told; /* of this capture */
    size_t notices_told;
    bool unreadable;             /* a capture could not be read to its end */
    bool statements[SPEC_COUNT]; /* that were broken */
    bool notices[NOTICE_COUNT];  /* that were told */
};

/* ---- Shared by the forms ----------------------------------------------------------------------------------------- */

/* The rule in words; "no numbered statement" for SPEC_NONE. */
const char *lint_paraphrase(enum spec_statement statement);

/* An object of a list for a breach, with the packets around it in words, or for a notice. */
void lint_json_breach(struct json_writer *json, const struct lint_breach *breach);
void lint_json_notice(struct json_writer *json, const struct lint_notice *notice);

/* The members that count what was found. */
void lint_json_summary(struct json_writer *json, const struct lint_totals *totals, const char *reason);

/* A list that is written while another one of the same object is. */
void lint_aside_begin(struct lint_output *output);
void lint_aside_end(struct lint_output *output, const char *name); /* puts it into the object */

#endif
