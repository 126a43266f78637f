/* mqspec spec: look up statements of the standard, and count how far they are covered. */
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "spec/print.h"
#include "spec/spec.h"
#include "spec/suggest.h"

struct spec_options {
    bool list;
    bool coverage;
    bool json;
};

static const struct option long_options[] = {
    {"list", no_argument, NULL, 'l'},
    {"coverage", no_argument, NULL, 'c'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void print_help(FILE *file) {
    fputs("usage: mqspec spec [OPTION...] ID...\n"
          "       mqspec spec --list [ID...]\n"
          "       mqspec spec --coverage\n"
          "\n"
          "Tells what a statement of MQTT 3.1.1 or 5.0 asks, in our words, where the reference broker obeys it, which\n"
          "scenarios test it, and whether 'mqspec broker --deviate' can break it.\n"
          "\n"
          "An ID is one of MQTT311:3.1.2-24, MQTT5:3.1.2-22, MQTT-3.1.2-24 and 3.1.2-24; the last two name the\n"
          "statements of both versions. Shell wildcards select many: '3.1.2-*', 'MQTT5:4.*'.\n"
          "\n"
          "      --list      one statement a line: id, tab, what it asks; all of them, or those that ID selects\n"
          "      --coverage  count statements, those a broker tester can see, those with a scenario or a deviation\n"
          "      --json      print JSON\n"
          "  -h, --help      print this\n"
          "\n"
          "Exit status: 0 found; 2 wrong usage, or no such statement.\n",
          file);
}

/* ---- Selecting ------------------------------------------------------------------------------------------- */

static bool is_pattern(const char *text) {
    return strpbrk(text, "*?[") != NULL;
}

static bool matches(const struct spec_row *row, const char *pattern) {
    return fnmatch(pattern, row->qualified, 0) == 0 || fnmatch(pattern, row->id, 0) == 0 ||
           fnmatch(pattern, row->id + strlen("MQTT-"), 0) == 0;
}

/* Marks what `text` names. False when that is nothing. */
static bool select_by(const char *text, bool selected[SPEC_COUNT]) {
    enum spec_statement found[SPEC_VERSION_COUNT];
    size_t count = spec_find(text, found);
    for (size_t i = 0; i < count; i++)
        selected[found[i]] = true;
    if (!is_pattern(text))
        return count > 0;
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        if (!matches(spec_row((enum spec_statement)statement), text))
            continue;
        selected[statement] = true;
        count++;
    }
    return count > 0;
}

static void complain_about(const char *text) {
    if (is_pattern(text)) {
        fprintf(stderr, "mqspec spec: no statement matches '%s'; 'mqspec spec --list' prints all\n", text);
        return;
    }
    fprintf(stderr, "mqspec spec: no statement '%s'", text);
    const struct spec_row *near[MAXIMUM_SUGGESTIONS];
    size_t count = spec_suggest(text, near);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "%s%s", i == 0 ? "; did you mean " : i + 1 == count ? " or " : ", ", near[i]->qualified);
    fputs(count > 0 ? "?\n" : "; 'mqspec spec --list' prints all\n", stderr);
}

/* ---- The command ----------------------------------------------------------------------------------------- */

static int print_selected(const struct spec_options *options, const bool selected[SPEC_COUNT]) {
    if (options->json)
        print_statements_as_json(stdout, selected);
    else if (options->list)
        print_list(stdout, selected);
    else
        print_statements(stdout, selected);
    return EXIT_HELD;
}

static int print_coverage_if_alone(const struct spec_options *options, int id_count) {
    if (id_count > 0 || options->list) {
        fprintf(stderr, "mqspec spec: --coverage counts all statements: leave out %s\n",
                options->list ? "--list" : "the IDs");
        return EXIT_USAGE;
    }
    if (options->json)
        print_coverage_as_json(stdout);
    else
        print_coverage(stdout);
    return EXIT_HELD;
}

/* A long option is in `arguments`; of short ones, which may stand together, getopt notes the letter. */
static void complain_about_option(char **arguments) {
    static const char help[] = "'mqspec spec --help' lists them";
    if (optopt > ' ' && optopt < 0x7F && strncmp(arguments[optind - 1], "--", 2) != 0)
        fprintf(stderr, "mqspec spec: '-%c' is no option here; %s\n", optopt, help);
    else
        fprintf(stderr, "mqspec spec: '%s' is no option here; %s\n", arguments[optind - 1], help);
}

/* Parsing goes on, or the command ends with `status`. */
struct outcome {
    bool ends;
    enum exit_status status;
};

static struct outcome parse(struct spec_options *options, int count, char **arguments) {
    int option;
    opterr = 0; /* the messages are ours */
    optind = 1;
    while ((option = getopt_long(count, arguments, "h", long_options, NULL)) != -1) {
        switch (option) {
        case 'l':
            options->list = true;
            break;
        case 'c':
            options->coverage = true;
            break;
        case 'j':
            options->json = true;
            break;
        case 'h':
            print_help(stdout);
            return (struct outcome){true, EXIT_HELD};
        default:
            complain_about_option(arguments);
            return (struct outcome){true, EXIT_USAGE};
        }
    }
    return (struct outcome){false, EXIT_HELD};
}

int command_spec(int count, char **arguments) {
    struct spec_options options = {false, false, false};
    struct outcome parsed = parse(&options, count, arguments);
    if (parsed.ends)
        return (int)parsed.status;
    if (options.coverage)
        return print_coverage_if_alone(&options, count - optind);
    if (optind == count && !options.list) {
        fputs("mqspec spec: name a statement, as in 'mqspec spec 3.1.2-24', or give --list or --coverage\n", stderr);
        return EXIT_USAGE;
    }
    bool selected[SPEC_COUNT] = {false};
    if (optind == count)
        memset(selected + 1, true, sizeof selected - 1);
    for (int i = optind; i < count; i++) {
        if (select_by(arguments[i], selected))
            continue;
        complain_about(arguments[i]);
        return EXIT_USAGE;
    }
    return print_selected(&options, selected);
}
