/* Statements and their coverage for people. */
#include <inttypes.h>
#include <string.h>

#include "spec/coverage.h"
#include "spec/print.h"
#include "spec/rows.h"
#include "spec/words.h"

#define WIDTH        100
#define LABEL_INDENT 2
#define TEXT_INDENT  16

/* Writes words behind a label, and lines that are too long on under the first. */
struct paragraph {
    FILE *file;
    size_t column;
};

static struct paragraph paragraph_begin(FILE *file, const char *label) {
    fprintf(file, "%*s%-*s", LABEL_INDENT, "", TEXT_INDENT - LABEL_INDENT, label);
    return (struct paragraph){file, TEXT_INDENT};
}

static void paragraph_word(struct paragraph *paragraph, const char *word, size_t length) {
    bool is_first = paragraph->column == TEXT_INDENT;
    if (!is_first && paragraph->column + 1 + length > WIDTH) {
        fprintf(paragraph->file, "\n%*s", TEXT_INDENT, "");
        paragraph->column = TEXT_INDENT;
        is_first = true;
    }
    fprintf(paragraph->file, "%s%.*s", is_first ? "" : " ", (int)length, word);
    paragraph->column += length + !is_first;
}

static void paragraph_text(struct paragraph *paragraph, const char *text) {
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        if (length > 0)
            paragraph_word(paragraph, text, length);
        text += length + (text[length] == ' ');
    }
}

static void paragraph_end(struct paragraph *paragraph) {
    fputc('\n', paragraph->file);
}

static void print_labelled(FILE *file, const char *label, const char *text) {
    struct paragraph paragraph = paragraph_begin(file, label);
    paragraph_text(&paragraph, text);
    paragraph_end(&paragraph);
}

/* ---- One statement --------------------------------------------------------------------------------------- */

/* Which statement of the other version asks the same: one of 5.0, or any number of 3.1.1. */
static void print_counterparts(FILE *file, const struct spec_row *row) {
    if (row->version == SPEC_MQTT_3_1_1) {
        bool has_one = row->in_5_0 != SPEC_NONE;
        print_labelled(file, "in MQTT 5.0", has_one ? spec_name(row->in_5_0) : "no such statement");
        return;
    }
    struct paragraph paragraph = paragraph_begin(file, "in MQTT 3.1.1");
    size_t count = 0;
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *other = spec_row((enum spec_statement)statement);
        if (!spec_is_succeeded_by(other, row))
            continue;
        paragraph_text(&paragraph, other->qualified);
        count++;
    }
    if (count == 0)
        paragraph_text(&paragraph, "no such statement");
    paragraph_end(&paragraph);
}

/* "reference/broker.c:141, 142; codec/decode.c:7" */
static void print_obeyed(FILE *file, const struct spec_row *row) {
    size_t count;
    const struct spec_place *places = spec_places_of(row->statement, SPEC_OBEYED, &count);
    struct paragraph paragraph = paragraph_begin(file, "obeyed at");
    char word[300];
    for (size_t i = 0; i < count; i++) {
        bool same_file = i > 0 && strcmp(places[i].file, places[i - 1].file) == 0;
        bool more_there = i + 1 < count && strcmp(places[i].file, places[i + 1].file) == 0;
        const char *end = i + 1 == count ? "" : more_there ? "," : ";";
        if (same_file)
            snprintf(word, sizeof word, "%d%s", places[i].line, end);
        else
            snprintf(word, sizeof word, "%s:%d%s", places[i].file, places[i].line, end);
        paragraph_word(&paragraph, word, strlen(word));
    }
    if (count == 0)
        paragraph_text(&paragraph, "no place in the code names it");
    paragraph_end(&paragraph);
}

static void print_tested(FILE *file, const struct spec_row *row) {
    size_t count;
    const struct spec_place *places = spec_places_of(row->statement, SPEC_TESTED, &count);
    for (size_t i = 0; i < count; i++)
        fprintf(file, "%*s%-*s%s (%s:%d)\n", LABEL_INDENT, "", TEXT_INDENT - LABEL_INDENT, i == 0 ? "tested by" : "",
                places[i].scenario, places[i].file, places[i].line);
    if (count > 0)
        return;
    if (row->no_scenario[0] != '\0')
        print_labelled(file, "not tested", row->no_scenario);
    else
        print_labelled(file, "tested by", "no scenario");
}

static void print_deviation(FILE *file, const struct spec_row *row) {
    struct paragraph paragraph = paragraph_begin(file, "switched off");
    if (spec_can_deviate(row)) {
        paragraph_text(&paragraph, "mqspec broker --deviate");
        paragraph_text(&paragraph, row->qualified);
        paragraph_end(&paragraph);
        print_labelled(file, "", row->breach);
        return;
    }
    paragraph_text(&paragraph, "cannot be");
    paragraph_end(&paragraph);
}

static void print_statement(FILE *file, const struct spec_row *row) {
    static const char *const seen[] = {
        [SPEC_SEEN_BROKER] = "by driving a broker",
        [SPEC_SEEN_CLIENT] = "by driving a client",
        [SPEC_SEEN_BOTH] = "by driving a broker or a client",
        [SPEC_SEEN_NOWHERE] = "nowhere on the wire",
    };
    fprintf(file, "%s\n", row->qualified);
    print_labelled(file, "asks", row->paraphrase);
    print_labelled(file, "of", spec_binds_name(row->binds));
    print_labelled(file, "level", spec_level_name(row->level));
    print_labelled(file, "breach shows", seen[row->seen]);
    print_labelled(file, "to provoke", row->how);
    print_counterparts(file, row);
    print_obeyed(file, row);
    print_tested(file, row);
    print_deviation(file, row);
}

void print_statements(FILE *file, const bool selected[SPEC_COUNT]) {
    const char *separator = "";
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        if (!selected[statement])
            continue;
        fputs(separator, file);
        separator = "\n";
        print_statement(file, spec_row((enum spec_statement)statement));
    }
}

void print_list(FILE *file, const bool selected[SPEC_COUNT]) {
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *row = spec_row((enum spec_statement)statement);
        if (selected[statement])
            fprintf(file, "%s\t%s\n", row->qualified, row->paraphrase);
    }
}

/* ---- Coverage -------------------------------------------------------------------------------------------- */

/* Those with a reason on a line each, the others together. */
static void print_uncovered(FILE *file, enum spec_version version) {
    struct paragraph without_reason = {file, 0};
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *row = spec_row((enum spec_statement)statement);
        if (row->version == version && spec_is_uncovered(row) && row->no_scenario[0] != '\0')
            print_labelled(file, row->id + strlen("MQTT-"), row->no_scenario);
    }
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *row = spec_row((enum spec_statement)statement);
        if (row->version != version || !spec_is_uncovered(row) || row->no_scenario[0] != '\0')
            continue;
        if (without_reason.column == 0)
            without_reason = paragraph_begin(file, "no scenario");
        paragraph_text(&without_reason, row->id + strlen("MQTT-"));
    }
    if (without_reason.column > 0)
        paragraph_end(&without_reason);
}

void print_coverage(FILE *file) {
    for (int i = 0; i < SPEC_VERSION_COUNT; i++) {
        enum spec_version version = (enum spec_version)i;
        struct coverage coverage = spec_coverage(version);
        fprintf(file, "%sMQTT %s\n", i == 0 ? "" : "\n", spec_version_name(version));
        fprintf(file, "  %4zu statements\n", coverage.statements);
        fprintf(file, "  %4zu a broker tester can see\n", coverage.broker_visible);
        fprintf(file, "  %4zu with a scenario\n", coverage.with_scenario);
        fprintf(file, "  %4zu with a deviation\n", coverage.with_deviation);
        fprintf(file, "  %4zu that a broker tester could see and no scenario tests%s\n", coverage.uncovered,
                coverage.uncovered > 0 ? ":" : "");
        print_uncovered(file, version);
    }
}
