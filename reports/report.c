/* What all forms of a report share. */
#include "reports/internal.h"

#include <string.h>

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

/* The section of the first statement; what names none stands under the last. */
const char *result_section(const struct result *result) {
    return result->statement_count > 0 ? spec_row(result->statements[0])->section : "other";
}

const char *section_title(const char *section) {
    static const struct {
        const char *section, *title;
    } titles[] = {
        {"1.5", "Data representation"},
        {"2.2", "Fixed header"},
        {"2.3", "Variable header"},
        {"3.1", "CONNECT"},
        {"3.2", "CONNACK"},
        {"3.3", "PUBLISH"},
        {"3.4", "PUBACK"},
        {"3.5", "PUBREC"},
        {"3.6", "PUBREL"},
        {"3.7", "PUBCOMP"},
        {"3.8", "SUBSCRIBE"},
        {"3.9", "SUBACK"},
        {"3.10", "UNSUBSCRIBE"},
        {"3.11", "UNSUBACK"},
        {"3.12", "PINGREQ"},
        {"3.14", "DISCONNECT"},
        {"4.1", "Session state"},
        {"4.3", "Quality of Service"},
        {"4.4", "Message delivery"},
        {"4.5", "Receipt"},
        {"4.6", "Message ordering"},
        {"4.7", "Topics"},
        {"4.8", "Handling errors"},
        {"6.0", "WebSocket"},
        {"7.0", "Conformance"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        if (strcmp(titles[i].section, section) == 0)
            return titles[i].title;
    return "";
}

/* "3.1.2" belongs to chapter "3.1". */
static void chapter_of(const char *section, char chapter[CHAPTER_SIZE]) {
    size_t length = 0;
    for (unsigned dots = 0; section[length] != '\0' && length + 1 < CHAPTER_SIZE; length++) {
        dots += section[length] == '.';
        if (dots == 2)
            break;
        chapter[length] = section[length];
    }
    chapter[length] = '\0';
}

/* Orders "3.2" before "3.10". */
static unsigned chapter_order(const char *chapter) {
    unsigned major = 0, minor = 0;
    if (sscanf(chapter, "%u.%u", &major, &minor) != 2)
        return 1000000;
    return major * 1000 + minor;
}

static struct chapter *find_chapter(struct chapters *chapters, const char *name) {
    for (size_t i = 0; i < chapters->count; i++)
        if (strcmp(chapters->all[i].name, name) == 0)
            return &chapters->all[i];
    if (chapters->count == MAXIMUM_CHAPTERS)
        return NULL;
    size_t at = chapters->count++;
    while (at > 0 && chapter_order(chapters->all[at - 1].name) > chapter_order(name)) {
        chapters->all[at] = chapters->all[at - 1];
        at--;
    }
    memset(&chapters->all[at], 0, sizeof chapters->all[at]);
    snprintf(chapters->all[at].name, CHAPTER_SIZE, "%s", name);
    return &chapters->all[at];
}

void result_chapter(const struct result *result, char chapter[CHAPTER_SIZE]) {
    chapter_of(result_section(result), chapter);
}

void report_chapters(const struct report *report, struct chapters *chapters) {
    chapters->count = 0;
    for (size_t i = 0; i < report->count; i++) {
        char name[CHAPTER_SIZE];
        result_chapter(&report->results[i], name);
        struct chapter *chapter = find_chapter(chapters, name);
        if (chapter != NULL)
            chapter->totals.of[report->results[i].verdict]++;
    }
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
        return "connection opened";
    case TRANSCRIPT_CLOSED:
        return "closed by the broker";
    case TRANSCRIPT_DROPPED:
        return "closed by the tester";
    default:
        return "";
    }
}

void write_printable(FILE *file, const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        if (*at < 0x20 || *at == 0x7F)
            fprintf(file, "\\x%02x", *at);
        else
            fputc(*at, file);
}

void write_transcript(FILE *file, const struct result *result, const char *indent, bool mark) {
    for (size_t i = 0; i < result->transcript_length; i++) {
        const struct transcript_line *line = &result->transcript[i];
        fprintf(file, "%s%8.3f s  %c %s ", indent, (double)line->time / 1e6, line->client != 0 ? line->client : ' ',
                transcript_arrow(line->kind));
        write_printable(file, transcript_text(line));
        fputs(mark && line->offending ? "   <== here\n" : "\n", file);
    }
}
