/* What lint found, as one page. It holds the JSON, which reports/findings.js shows. */
#include "pcaps/lint_report.h"

/* More cannot be read, and a browser would not take it; they are still counted. */
enum { MAXIMUM_SHOWN = 2000 };

static void begin(struct lint_output *output) {
    report_page_begin(output->file, "Captured MQTT judged by", "mqspec lint");
    fputs(
        "<div id=\"captures\"></div>\n<noscript><p>To show what was found, this page needs JavaScript.</p></noscript>\n"
        "</main>\n<script type=\"application/json\" id=\"data\">",
        output->file);
    lint_json.begin(output);
}

static void begin_capture(struct lint_output *output) {
    output->breaches_told = 0;
    output->notices_told = 0;
    lint_json.begin_capture(output);
}

static void tell_breach(struct lint_output *output, const struct lint_breach *breach) {
    if (output->breaches_told++ < MAXIMUM_SHOWN)
        lint_json.breach(output, breach);
}

static void tell_notice(struct lint_output *output, const struct lint_notice *notice) {
    if (output->notices_told++ < MAXIMUM_SHOWN)
        lint_json.notice(output, notice);
}

static size_t beyond(size_t told) {
    return told > MAXIMUM_SHOWN ? told - MAXIMUM_SHOWN : 0;
}

static void end_capture(struct lint_output *output, const struct lint_totals *totals, const char *reason) {
    json_close_list(&output->json);
    lint_aside_end(output, "notices");
    lint_json_summary(&output->json, totals, reason);
    json_number(&output->json, "left_off", beyond(output->breaches_told) + beyond(output->notices_told));
    json_close_object(&output->json);
}

static void end(struct lint_output *output) {
    lint_json.end(output);
    fputs("</script>\n", output->file);
    report_page_end_findings(output->file);
}

const struct lint_form lint_html = {begin, begin_capture, tell_breach, tell_notice, end_capture, end};
