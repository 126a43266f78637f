/* One self-contained page. The results stand in it as JSON; reports/page.js shows them. */
#include <string.h>

#include "reports/internal.h"

/* Generated from page.css and page.js: lines, then NULL. */
extern const char *const page_style[];
extern const char *const page_script[];

static void write_lines(FILE *file, const char *const *lines) {
    for (; *lines != NULL; lines++)
        fputs(*lines, file);
}

static void write_escaped(FILE *file, const char *text) {
    for (; *text != '\0'; text++)
        if (strchr("<>&\"'", *text) != NULL || (unsigned char)*text < 0x20)
            fprintf(file, "&#%d;", (unsigned char)*text < 0x20 ? '?' : *text);
        else
            fputc(*text, file);
}

static void write_chapters(struct json_writer *json, const struct report *report) {
    struct chapters chapters;
    report_chapters(report, &chapters);
    json_open_list(json, "chapters");
    for (size_t i = 0; i < chapters.count; i++) {
        json_open_object(json, NULL);
        json_text(json, "name", chapters.all[i].name);
        json_text(json, "title", section_title(chapters.all[i].name));
        for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
            json_number(json, verdict_name((enum verdict)verdict), chapters.all[i].totals.of[verdict]);
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

void report_write_html(FILE *file, const struct report *report) {
    struct json_writer json;
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>mqspec: ",
          file);
    write_escaped(file, report->target);
    fputs("</title>\n<style>\n", file);
    write_lines(file, page_style);
    fputs("</style>\n</head>\n<body>\n<header>\n<div><h1>MQTT conformance</h1>\n<p>of <b>", file);
    write_escaped(file, report->target);
    fprintf(file, "</b> <span class=\"soft\">%zu scenario runs in %.2f s</span></p>\n", report->count,
            (double)report->duration / 1e6);
    fputs("<p class=\"soft\">A scenario passes when the broker did only what the standard allows. It fails when a MUST "
          "was broken, warns when a SHOULD was not followed, and is skipped when the broker lacks something "
          "optional.</p></div>\n<button id=\"theme\">light / dark</button>\n</header>\n"
          "<div class=\"totals\" id=\"totals\"></div>\n"
          "<h2>By section of the standard</h2>\n<div class=\"sections\" id=\"sections\"></div>\n"
          "<h2>Scenarios <span class=\"soft\" id=\"count\"></span></h2>\n<div class=\"filters\">"
          "<input id=\"search\" type=\"search\" placeholder=\"filter by name, statement or reason\" "
          "aria-label=\"filter by name, statement or reason\">"
          "<select id=\"section\" aria-label=\"section\"></select>"
          "<select id=\"version\" aria-label=\"version\"></select></div>\n"
          "<table><thead><tr><th>verdict</th><th>scenario</th><th class=\"wide\">MQTT</th>"
          "<th class=\"wide\">statements</th><th class=\"wide\">reason</th></tr></thead>"
          "<tbody id=\"results\"></tbody></table>\n<noscript>This page needs JavaScript.</noscript>\n"
          "<script type=\"application/json\" id=\"data\">",
          file);
    json_begin(&json, file);
    json_open_object(&json, NULL);
    report_write_json_members(&json, report);
    write_chapters(&json, report);
    write_statements(&json, report);
    json_close_object(&json);
    fputs("</script>\n<script>\n", file);
    write_lines(file, page_script);
    fputs("</script>\n</body>\n</html>\n", file);
}
