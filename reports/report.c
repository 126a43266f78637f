/* What all forms of a report share. */
#include <assert.h>
#include <string.h>

#include "reports/internal.h"

static const char *const verdict_names[VERDICT_COUNT] = {"pass", "fail", "warn", "skip"};

const char *verdict_name(enum verdict verdict) {
    return verdict_names[verdict];
}

struct totals report_totals(const struct report *report) {
    struct totals totals = {0};
    for (size_t i = 0; i < report->count; i++) {
        totals.of[report->results[i].verdict]++;
        totals.expected_failures += report->results[i].expected_failure;
    }
    return totals;
}

/* The section of the first statement. */
const char *result_section(const struct result *result) {
    return result->statement_count > 0 ? spec_row(result->statements[0])->section : "other";
}

enum spec_version result_standard(const struct result *result) {
    if (result->statement_count > 0)
        return spec_row(result->statements[0])->version;
    return strcmp(result->version, spec_version_name(SPEC_MQTT_5_0)) == 0 ? SPEC_MQTT_5_0 : SPEC_MQTT_3_1_1;
}

const char *chapter_title(const struct chapter *chapter) {
    static const struct {
        const char *name, *titles[SPEC_VERSION_COUNT]; /* the chapters of 3.1.1 and of 5.0 */
    } rows[] = {
        {"1.5", {"Data representation", "Data representation"}},
        {"2.1", {"", "Fixed header"}},
        {"2.2", {"Fixed header", "Variable header"}},
        {"2.3", {"Variable header", ""}},
        {"3.1", {"CONNECT", "CONNECT"}},
        {"3.2", {"CONNACK", "CONNACK"}},
        {"3.3", {"PUBLISH", "PUBLISH"}},
        {"3.4", {"PUBACK", "PUBACK"}},
        {"3.5", {"PUBREC", "PUBREC"}},
        {"3.6", {"PUBREL", "PUBREL"}},
        {"3.7", {"PUBCOMP", "PUBCOMP"}},
        {"3.8", {"SUBSCRIBE", "SUBSCRIBE"}},
        {"3.9", {"SUBACK", "SUBACK"}},
        {"3.10", {"UNSUBSCRIBE", "UNSUBSCRIBE"}},
        {"3.11", {"UNSUBACK", "UNSUBACK"}},
        {"3.12", {"PINGREQ", "PINGREQ"}},
        {"3.13", {"PINGRESP", "PINGRESP"}},
        {"3.14", {"DISCONNECT", "DISCONNECT"}},
        {"3.15", {"", "AUTH"}},
        {"4.1", {"Session state", "Session state"}},
        {"4.2", {"Network connections", "Network connections"}},
        {"4.3", {"Quality of Service", "Quality of Service"}},
        {"4.4", {"Delivery retry", "Delivery retry"}},
        {"4.5", {"Message receipt", "Message receipt"}},
        {"4.6", {"Message ordering", "Message ordering"}},
        {"4.7", {"Topics and filters", "Topics and filters"}},
        {"4.8", {"Handling errors", "Subscriptions"}},
        {"4.9", {"", "Flow control"}},
        {"4.10", {"", "Request and response"}},
        {"4.11", {"", "Server redirection"}},
        {"4.12", {"", "Authentication"}},
        {"4.13", {"", "Handling errors"}},
        {"6.0", {"WebSocket", "WebSocket"}},
        {"7.0", {"Conformance", "Conformance"}},
        {"7.1", {"Conformance targets", "Conformance targets"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, chapter->name) == 0)
            return rows[i].titles[chapter->standard];
    return "";
}

/* "3.1.2" belongs to chapter "3.1". */
static void chapter_of(const struct result *result, struct chapter *chapter) {
    const char *section = result_section(result);
    size_t length = 0;
    for (unsigned dots = 0; section[length] != '\0' && length + 1 < CHAPTER_SIZE; length++) {
        dots += section[length] == '.';
        if (dots == 2)
            break;
        chapter->name[length] = section[length];
    }
    chapter->name[length] = '\0';
    chapter->standard = result_standard(result);
}

/* Orders "3.2" before "3.10", what is no number behind those of its standard, and 3.1.1 before 5.0. */
static unsigned chapter_order(const struct chapter *chapter) {
    unsigned major = 0, minor = 0;
    unsigned base = (unsigned)chapter->standard * 1000000;
    if (sscanf(chapter->name, "%2u.%2u", &major, &minor) != 2)
        return base + 999999;
    return base + major * 1000 + minor;
}

static bool same_chapter(const struct chapter *one, const struct chapter *other) {
    return one->standard == other->standard && strcmp(one->name, other->name) == 0;
}

bool result_is_in(const struct result *result, const struct chapter *chapter) {
    struct chapter own;
    chapter_of(result, &own);
    return same_chapter(&own, chapter);
}

size_t chapter_size(const struct chapter *chapter) {
    size_t size = 0;
    for (size_t verdict = 0; verdict < VERDICT_COUNT; verdict++)
        size += chapter->totals.of[verdict];
    return size;
}

/* Chapters are as many as the tables have, which is less than there is room for. */
static struct chapter *find_chapter(struct chapters *chapters, const struct chapter *wanted) {
    for (size_t i = 0; i < chapters->count; i++)
        if (same_chapter(&chapters->all[i], wanted))
            return &chapters->all[i];
    assert(chapters->count < MAXIMUM_CHAPTERS);
    size_t at = chapters->count++;
    for (; at > 0 && chapter_order(&chapters->all[at - 1]) > chapter_order(wanted); at--)
        chapters->all[at] = chapters->all[at - 1];
    chapters->all[at] = *wanted;
    return &chapters->all[at];
}

void report_chapters(const struct report *report, struct chapters *chapters) {
    chapters->count = 0;
    for (size_t i = 0; i < report->count; i++) {
        struct chapter wanted = {0};
        chapter_of(&report->results[i], &wanted);
        struct chapter *chapter = find_chapter(chapters, &wanted);
        chapter->totals.of[report->results[i].verdict]++;
        chapter->totals.expected_failures += report->results[i].expected_failure;
    }
}

struct tested_statements report_tested_statements(const struct report *report, enum spec_version version) {
    bool tested[SPEC_COUNT] = {false};
    struct tested_statements statements = {0, 0};
    for (size_t i = 0; i < report->count; i++)
        for (size_t k = 0; k < report->results[i].statement_count; k++)
            tested[report->results[i].statements[k]] |= report->results[i].verdict != VERDICT_SKIP;
    for (unsigned id = SPEC_NONE + 1; id < SPEC_COUNT; id++) {
        const struct spec_row *row = spec_row((enum spec_statement)id);
        if (row->version != version || !spec_seen_at_broker(row))
            continue;
        statements.visible++;
        statements.tested += tested[id];
    }
    return statements;
}

const char *transcript_arrow(enum transcript_kind kind) {
    switch (kind) {
    case TRANSCRIPT_SENT:
        return "-->";
    case TRANSCRIPT_RECEIVED:
        return "<--";
    case TRANSCRIPT_OPENED:
        return "o--";
    case TRANSCRIPT_CLOSED:
        return "--x";
    case TRANSCRIPT_DROPPED:
        return "x--";
    case TRANSCRIPT_EXPECTED:
        return "???";
    default:
        return "  *";
    }
}

const char *transcript_text(const struct transcript_line *line) {
    if (line->text != NULL && line->text[0] != '\0')
        return line->text;
    switch (line->kind) {
    case TRANSCRIPT_OPENED:
        return "opens a connection";
    case TRANSCRIPT_CLOSED:
        return "the target closes the connection";
    case TRANSCRIPT_DROPPED:
        return "closes the connection";
    default:
        return "";
    }
}

void write_transcript(FILE *file, const struct result *result, const char *indent, write_text write) {
    for (size_t i = 0; i < result->transcript_length; i++) {
        const struct transcript_line *line = &result->transcript[i];
        fprintf(file, "%s%8.3f s  %c ", indent, (double)line->time / 1e6, line->client != 0 ? line->client : ' ');
        write(file, transcript_arrow(line->kind));
        fputc(' ', file);
        write(file, transcript_text(line));
        fputs(line->offending ? "   (here)\n" : "\n", file);
    }
}
