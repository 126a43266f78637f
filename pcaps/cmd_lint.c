/* mqspec lint: which statements of the standard the two sides of each conversation in a capture broke, and what else
 * looks wrong in it. */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "command.h"
#include "pcaps/capture_live.h"
#include "pcaps/lint_report.h"
#include "pcaps/show.h"

static const char usage[] =
    "usage: mqspec lint FILE.pcap... [--keys FILE] [--json[=FILE]] [--html FILE] [--sarif FILE]\n"
    "       mqspec lint -i INTERFACE [--keys FILE] [--json[=FILE]] [--html FILE] [--sarif FILE]\n"
    "  --keys FILE    the key log (SSLKEYLOGFILE) to read TLS 1.2 and 1.3 with;\n"
    "                 else NAME.keys beside NAME.pcap, where it is\n"
    "  --json         print JSON in place of text; with =FILE, or with FILE.json behind it,\n"
    "                 write it there beside the text\n"
    "  --html FILE    write a page that shows each breach with the packets around it\n"
    "  --sarif FILE   write SARIF 2.1.0, as code hosts and editors read it\n" LIVE_USAGE
    "FILE may be - for standard input; of what is written, for standard output in place of text. What looks wrong "
    "though\n"
    "no statement forbids it is told as a notice, which does not count as a breach.\n"
    "Exit status: 0 no breach, 1 breaches, 2 a file cannot be read to its end, holds no MQTT or cannot be written.\n";

enum { TEXT, JSON, HTML, SARIF, FORM_COUNT };

static const struct lint_form *const forms[FORM_COUNT] = {&lint_text, &lint_json, &lint_html, &lint_sarif};

struct lint_command {
    const char *keys; /* a key log, or NULL */
    bool wanted[FORM_COUNT];
    const char *paths[FORM_COUNT]; /* where to write; NULL for standard output */
    struct lint_output outputs[FORM_COUNT];
    size_t output_count;
    struct capture_live live;
};

/* ---- All outputs at once --------------------------------------------------------------------------------------- */

static void tell_breach(void *context, const struct lint_breach *breach) {
    struct lint_command *command = context;
    for (size_t i = 0; i < command->output_count; i++)
        command->outputs[i].form->breach(&command->outputs[i], breach);
}

static void tell_notice(void *context, const struct lint_notice *notice) {
    struct lint_command *command = context;
    for (size_t i = 0; i < command->output_count; i++)
        command->outputs[i].form->notice(&command->outputs[i], notice);
}

/* Whoever watches sees at once what was found. */
static void show_so_far(void *context) {
    struct lint_command *command = context;
    for (size_t i = 0; i < command->output_count; i++)
        fflush(command->outputs[i].file);
}

static bool open_output(struct lint_command *command, int form) {
    struct lint_output *output = &command->outputs[command->output_count];
    *output = (struct lint_output){
        .form = forms[form], .file = stdout, .path = command->paths[form], .version = MQSPEC_VERSION};
    if (output->path != NULL)
        output->file = fopen(output->path, "w");
    if (output->file == NULL) {
        fprintf(stderr, "mqspec lint: %s cannot be written: %s\n", output->path, strerror(errno));
        return false;
    }
    command->output_count++;
    output->form->begin(output);
    return true;
}

static bool open_outputs(struct lint_command *command) {
    for (int form = 0; form < FORM_COUNT; form++)
        if (command->wanted[form] && !open_output(command, form))
            return false;
    return true;
}

/* False where not all could be written, which is then said. */
static bool close_output(struct lint_output *output) {
    output->failed |= fflush(output->file) != 0 || ferror(output->file) != 0;
    if (output->path != NULL && fclose(output->file) != 0)
        output->failed = true;
    if (output->failed && output->path != NULL)
        fprintf(stderr, "mqspec lint: %s could not be written whole: %s\n", output->path, strerror(errno));
    return !output->failed;
}

static bool close_outputs(struct lint_command *command) {
    bool written = true;
    for (size_t i = 0; i < command->output_count; i++)
        written &= close_output(&command->outputs[i]);
    return show_finish("lint") && written;
}

/* ---- The command ------------------------------------------------------------------------------------------------- */

/* The exit status of one file; says on standard error what kept it from being judged. */
static int judge_outcome(const char *path, bool whole, const struct lint_totals *totals, const char *reason) {
    fflush(stdout); /* what was judged stands before what is wrong */
    if (!whole) {
        fprintf(stderr, "mqspec lint: %s: %s\n", path, reason);
        return EXIT_USAGE;
    }
    if (totals->conversations == 0) {
        fprintf(stderr, "mqspec lint: %s: no MQTT conversation found (%zu other TCP connections)\n", path,
                totals->others);
        return EXIT_USAGE;
    }
    if (totals->joined_5_0 > 0)
        fprintf(stderr, "mqspec lint: %s: %zu connections of MQTT 5.0 begin before the capture and are not judged\n",
                path, totals->joined_5_0);
    if (totals->not_judged > 0) {
        fprintf(stderr, "mqspec lint: %s: %zu connections were not judged: no memory, or too many servers\n", path,
                totals->not_judged);
        return EXIT_USAGE;
    }
    return totals->breaches[MQTT_CLIENT] + totals->breaches[MQTT_SERVER] > 0 ? EXIT_BREACH : EXIT_HELD;
}

/* The capture is `live` where that is not NULL. */
static int lint_file(const char *path, struct capture_live *live, struct lint_command *command) {
    const struct lint_hooks hooks = {command, tell_breach, tell_notice, show_so_far};
    const struct capture_source source = {.path = path, .live = live, .keys = command->keys};
    struct lint_totals totals;
    char reason[512] = "";
    for (size_t i = 0; i < command->output_count; i++) {
        command->outputs[i].capture = path;
        command->outputs[i].form->begin_capture(&command->outputs[i]);
    }
    bool whole = lint_capture(&source, &hooks, &totals, reason, sizeof reason);
    for (size_t i = 0; i < command->output_count; i++)
        command->outputs[i].form->end_capture(&command->outputs[i], &totals, reason);
    int status = judge_outcome(path, whole, &totals, reason);
    tls_show_troubles("lint", path, &totals.tls);
    lint_totals_free(&totals);
    return status;
}

static int lint_files(char **files, int count, struct lint_command *command) {
    int status = EXIT_HELD;
    if (!open_outputs(command)) {
        close_outputs(command);
        return EXIT_USAGE;
    }
    for (int i = 0; i < count; i++) {
        int of_file = lint_file(files[i], NULL, command);
        if (of_file > status)
            status = of_file;
    }
    if (command->live.interface != NULL) {
        status = lint_file(command->live.interface, &command->live, command);
        live_tell_dropped(&command->live, "lint");
    }
    for (size_t i = 0; i < command->output_count; i++)
        command->outputs[i].form->end(&command->outputs[i]);
    return close_outputs(command) ? status : EXIT_USAGE;
}

/* Where one form goes to standard output, text does not; and no other form can. */
static bool choose_standard_output(struct lint_command *command) {
    size_t count = 0;
    for (int form = JSON; form < FORM_COUNT; form++) {
        if (command->paths[form] != NULL && strcmp(command->paths[form], "-") == 0)
            command->paths[form] = NULL;
        count += command->wanted[form] && command->paths[form] == NULL;
    }
    command->wanted[TEXT] = count == 0;
    if (count > 1)
        fprintf(stderr, "mqspec lint: one form only can go to standard output; give the others a FILE\n");
    return count <= 1;
}

/* No capture has such a name: `--json out.json` can only mean one thing, though FILE may be left out. */
static bool is_json(const char *path) {
    static const char ending[] = ".json";
    size_t length = strlen(path);
    return length > sizeof ending - 1 && strcmp(path + length - (sizeof ending - 1), ending) == 0;
}

int command_lint(int count, char **arguments) {
    static const struct option known[] = {{"json", optional_argument, NULL, JSON},
                                          {"html", required_argument, NULL, HTML},
                                          {"sarif", required_argument, NULL, SARIF},
                                          {"keys", required_argument, NULL, 'k'},
                                          LIVE_OPTIONS,
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    struct lint_command command = {0};
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(count, arguments, ":h" LIVE_SHORT_OPTIONS, known, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return EXIT_HELD;
        }
        if (option == 'k') {
            command.keys = optarg;
            continue;
        }
        bool wrong;
        if (live_option(&command.live, "lint", option, optarg, &wrong)) {
            if (wrong)
                return EXIT_USAGE;
            continue;
        }
        if (option >= FORM_COUNT) {
            show_option_error("lint", option, arguments);
            return EXIT_USAGE;
        }
        command.wanted[option] = true;
        command.paths[option] = optarg;
        if (option == JSON && optarg == NULL && optind < count && is_json(arguments[optind]))
            command.paths[JSON] = arguments[optind++];
    }
    if (!live_options_fit(&command.live, "lint", count - optind))
        return EXIT_USAGE;
    if (optind == count && command.live.interface == NULL) {
        fprintf(stderr, "mqspec lint: give one capture file or more, or -i INTERFACE\n%s", usage);
        return EXIT_USAGE;
    }
    return choose_standard_output(&command) ? lint_files(arguments + optind, count - optind, &command) : EXIT_USAGE;
}
