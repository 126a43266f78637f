/* Statements and their coverage for programs. */
#include "spec/coverage.h"
#include "spec/print.h"
#include "spec/rows.h"
#include "spec/words.h"

/* The tables are UTF-8 without control characters, so quotes and backslashes are all there is to escape. */
static void print_string(FILE *file, const char *text) {
    fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

static void print_text_member(FILE *file, const char *name, const char *text) {
    fprintf(file, ",\n    \"%s\": ", name);
    print_string(file, text);
}

static void print_text_or_null(FILE *file, const char *name, const char *text) {
    if (text[0] != '\0')
        print_text_member(file, name, text);
    else
        fprintf(file, ",\n    \"%s\": null", name);
}

static void print_places(FILE *file, const char *name, const struct spec_row *row, enum spec_place_kind kind) {
    size_t count;
    const struct spec_place *places = spec_places_of(row->statement, kind, &count);
    fprintf(file, ",\n    \"%s\": [", name);
    for (size_t i = 0; i < count; i++) {
        fprintf(file, "%s\n      {\"file\": ", i == 0 ? "" : ",");
        print_string(file, places[i].file);
        fprintf(file, ", \"line\": %d", places[i].line);
        if (kind == SPEC_TESTED) {
            fputs(", \"scenario\": ", file);
            print_string(file, places[i].scenario);
        }
        fputc('}', file);
    }
    fputs(count > 0 ? "\n    ]" : "]", file);
}

/* For a statement of 3.1.1 that of 5.0 which asks the same, or null; for one of 5.0 the list of those of 3.1.1. */
static void print_counterparts(FILE *file, const struct spec_row *row) {
    if (row->version == SPEC_MQTT_3_1_1) {
        print_text_or_null(file, "in_5_0", row->in_5_0 == SPEC_NONE ? "" : spec_name(row->in_5_0));
        return;
    }
    const char *separator = "";
    fputs(",\n    \"in_3_1_1\": [", file);
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *other = spec_row((enum spec_statement)statement);
        if (!spec_is_succeeded_by(other, row))
            continue;
        fputs(separator, file);
        separator = ", ";
        print_string(file, other->qualified);
    }
    fputc(']', file);
}

static void print_statement(FILE *file, const struct spec_row *row) {
    fputs("  {\n    \"id\": ", file);
    print_string(file, row->qualified);
    print_text_member(file, "version", spec_version_name(row->version));
    print_text_member(file, "section", row->section);
    print_text_member(file, "binds", spec_binds_name(row->binds));
    print_text_member(file, "level", spec_level_name(row->level));
    print_text_member(file, "seen", spec_seen_name(row->seen));
    print_text_member(file, "asks", row->paraphrase);
    print_text_member(file, "how", row->how);
    print_counterparts(file, row);
    print_places(file, "obeyed", row, SPEC_OBEYED);
    print_places(file, "tested", row, SPEC_TESTED);
    print_text_or_null(file, "deviation", row->breach);
    print_text_or_null(file, "no_scenario", row->no_scenario);
    fputs("\n  }", file);
}

void print_statements_as_json(FILE *file, const bool selected[SPEC_COUNT]) {
    const char *separator = "";
    fputs("[\n", file);
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        if (!selected[statement])
            continue;
        fputs(separator, file);
        separator = ",\n";
        print_statement(file, spec_row((enum spec_statement)statement));
    }
    fputs("\n]\n", file);
}

static void print_uncovered(FILE *file, enum spec_version version) {
    const char *separator = "";
    fputs("    \"uncovered\": [", file);
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *row = spec_row((enum spec_statement)statement);
        if (row->version != version || !spec_is_uncovered(row))
            continue;
        fprintf(file, "%s\n      ", separator);
        print_string(file, row->qualified);
        separator = ",";
    }
    fputs("\n    ]\n", file);
}

void print_coverage_as_json(FILE *file) {
    fputs("{\n", file);
    for (int i = 0; i < SPEC_VERSION_COUNT; i++) {
        enum spec_version version = (enum spec_version)i;
        struct coverage coverage = spec_coverage(version);
        fprintf(file, "  \"%s\": {\n", spec_version_name(version));
        fprintf(file, "    \"statements\": %zu,\n", coverage.statements);
        fprintf(file, "    \"broker_visible\": %zu,\n", coverage.broker_visible);
        fprintf(file, "    \"with_scenario\": %zu,\n", coverage.with_scenario);
        fprintf(file, "    \"with_deviation\": %zu,\n", coverage.with_deviation);
        print_uncovered(file, version);
        fprintf(file, "  }%s\n", i + 1 < SPEC_VERSION_COUNT ? "," : "");
    }
    fputs("}\n", file);
}
