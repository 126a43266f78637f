/* Self-contained pages. What they show stands in them as JSON, which a script of their own shows: page.js results,
 * findings.js what lint found, both with common.js. */
#include "reports/internal.h"

/* Made from these files: lines, then a null pointer. */
extern const char *const page_style[];
extern const char *const page_script[];
extern const char *const findings_script[];

static void write_lines(FILE *file, const char *const *lines) {
    for (; *lines != NULL; lines++)
        fputs(*lines, file);
}

static void write_chapters(struct json_writer *json, const struct report *report) {
    struct chapters chapters;
    report_chapters(report, &chapters);
    json_open_list(json, "chapters");
    for (size_t i = 0; i < chapters.count; i++) {
        const struct chapter *chapter = &chapters.all[i];
        json_open_object(json, NULL);
        json_text(json, "standard", spec_version_name(chapter->standard));
        json_text(json, "name", chapter->name);
        json_text(json, "title", chapter_title(chapter));
        for (size_t verdict = 0; verdict < VERDICT_COUNT; verdict++)
            json_number(json, verdict_name((enum verdict)verdict), chapter->totals.of[verdict]);
        json_close_object(json);
    }
    json_close_list(json);
}

/* The paraphrase of each statement that the page may name. */
static void write_statements(struct json_writer *json, const struct report *report) {
    bool named[SPEC_COUNT] = {false};
    for (size_t i = 0; i < report->count; i++) {
        named[report->results[i].broken] = true;
        for (size_t k = 0; k < report->results[i].statement_count; k++)
            named[report->results[i].statements[k]] = true;
    }
    json_open_object(json, "statements");
    for (unsigned id = SPEC_NONE + 1; id < SPEC_COUNT; id++)
        if (named[id])
            json_text(json, spec_name((enum spec_statement)id), spec_row((enum spec_statement)id)->paraphrase);
    json_close_object(json);
}

/* The content security policy keeps what a target sent from ever being fetched, whatever it is. */
void report_page_begin(FILE *file, const char *kind, const char *subject) {
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
          "script-src 'unsafe-inline'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          file);
    fprintf(file, "%s ", kind);
    write_markup(file, subject);
    fputs("</title>\n<style>\n", file);
    write_lines(file, page_style);
    fprintf(file, "</style>\n</head>\n<body>\n<header>\n<h1><span class=\"soft\">%s</span> ", kind);
    write_markup(file, subject);
    fputs("</h1>\n<button id=\"theme\" type=\"button\">Light or dark</button>\n</header>\n<main>\n", file);
}

static void end_page(FILE *file, const char *const *script) {
    fputs("<script>\n", file);
    write_lines(file, script);
    fputs("</script>\n</body>\n</html>\n", file);
}

void report_page_end_findings(FILE *file) {
    end_page(file, findings_script);
}

static void write_headline(FILE *file, const struct report *report) {
    struct totals totals = report_totals(report);
    size_t breaches = totals.of[VERDICT_FAIL] - totals.expected_failures;
    if (report->count == 0)
        fputs("<p class=\"headline\">No scenario was played.</p>\n", file);
    else if (breaches > 0)
        fprintf(file, "<p class=\"headline fail\">%zu of %zu scenario runs found the standard broken.</p>\n", breaches,
                report->count);
    else if (totals.expected_failures > 0)
        fprintf(file, "<p class=\"headline pass\">The standard is kept, but for %zu failures that were expected.</p>\n",
                totals.expected_failures);
    else
        fprintf(file, "<p class=\"headline pass\">None of %zu scenario runs found the standard broken.</p>\n",
                report->count);
    fprintf(file,
            "<noscript><p>%zu pass, %zu fail, %zu warn, %zu skip. To show more, this page needs "
            "JavaScript.</p></noscript>\n",
            totals.of[VERDICT_PASS], totals.of[VERDICT_FAIL], totals.of[VERDICT_WARN], totals.of[VERDICT_SKIP]);
    fprintf(
        file,
        "<p class=\"soft\">The run took %.2f s. A scenario passes when the broker did only what the standard allows. "
        "It fails when a MUST was broken, warns when a SHOULD was not followed, and is skipped when the broker lacks "
        "something optional.</p>\n",
        (double)report->duration / 1e6);
}

static void write_body(FILE *file, const struct report *report) {
    write_headline(file, report);
    if (report->command != NULL && report->command[0] != '\0') {
        fputs("<p class=\"command\"><span class=\"soft\">To repeat this run:</span> <code>", file);
        write_markup(file, report->command);
        fputs("</code></p>\n", file);
    }
    fputs("<div class=\"totals\" id=\"totals\" role=\"group\" aria-label=\"Show only one verdict\"></div>\n"
          "<h2>By section of the standard</h2>\n<div class=\"sections\" id=\"sections\"></div>\n"
          "<h2 id=\"scenarios\">Scenarios <span class=\"soft\" id=\"count\" role=\"status\"></span></h2>\n"
          "<div class=\"filters\" role=\"search\">\n"
          "<input id=\"search\" type=\"search\" placeholder=\"Filter by name, statement or reason ( / )\" "
          "aria-label=\"Filter by name, statement or reason\">\n"
          "<select id=\"verdict\" aria-label=\"Verdict\"></select>\n"
          "<select id=\"section\" aria-label=\"Section of the standard\"></select>\n"
          "<select id=\"version\" aria-label=\"MQTT version\"></select>\n"
          "<button id=\"reset\" type=\"button\">Show all</button>\n</div>\n"
          "<table class=\"results\" aria-labelledby=\"scenarios\">\n<thead><tr><th scope=\"col\">Verdict</th>"
          "<th scope=\"col\">Scenario</th><th scope=\"col\" class=\"wide\">MQTT</th>"
          "<th scope=\"col\" class=\"wide\">Statements</th><th scope=\"col\" class=\"wide\">Reason</th></tr></thead>\n"
          "<tbody id=\"results\"></tbody>\n</table>\n<button id=\"more\" type=\"button\" hidden></button>\n<p "
          "id=\"none\" class=\"soft\" hidden>Nothing matches.</p>\n"
          "</main>\n",
          file);
}

void report_write_html(FILE *file, const struct report *report) {
    struct json_writer json;
    report_page_begin(file, "MQTT conformance of", report->target);
    write_body(file, report);
    fputs("<script type=\"application/json\" id=\"data\">", file);
    json_begin(&json, file);
    json_open_object(&json, NULL);
    report_write_json_members(&json, report);
    write_chapters(&json, report);
    write_statements(&json, report);
    json_close_object(&json);
    fputs("</script>\n", file);
    end_page(file, page_script);
}
