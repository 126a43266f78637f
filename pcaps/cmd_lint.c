/* mqspec lint: which statements of the standard the two sides of each conversation in a capture broke. */
#include <getopt.h>

#include "command.h"
#include "pcaps/lint.h"
#include "pcaps/show.h"
#include "reports/reports.h"

static const char usage[] = "usage: mqspec lint FILE.pcap... [--json]\n"
                            "FILE may be - for standard input. Exit status: 0 no breach, 1 breaches, 2 a file cannot\n"
                            "be read to its end or holds no MQTT.\n";

/* What a missing statement id stands for. */
static const char *paraphrase(enum spec_statement statement) {
    return statement == SPEC_NONE ? "no numbered statement" : spec_row(statement)->paraphrase;
}

/* ---- Text ------------------------------------------------------------------------------------------------ */

static void tell_text(void *context, const struct lint_breach *breach) {
    (void)context;
    printf("%12.6f  #%-5llu c%-3zu %-16s the %s broke %s: %s\n", breach->seconds, (unsigned long long)breach->frame,
           breach->connection, breach->client, show_side(breach->side), spec_name(breach->statement),
           paraphrase(breach->statement));
    printf("%14sseen: %s\n", "", breach->what);
    if (breach->packet[0] != '\0')
        printf("%14sin:   %s\n", "", breach->packet);
}

static void summarise_text(const char *path, const struct lint_totals *totals) {
    size_t breaches = totals->breaches[MQTT_CLIENT] + totals->breaches[MQTT_SERVER];
    printf("%s: %zu MQTT connection%s, %zu packet%s, ", path, totals->conversations,
           totals->conversations == 1 ? "" : "s", totals->packets, totals->packets == 1 ? "" : "s");
    if (breaches == 0) {
        puts("no breach");
        return;
    }
    printf("%zu breach%s: %zu by clients, %zu by servers\n", breaches, breaches == 1 ? "" : "es",
           totals->breaches[MQTT_CLIENT], totals->breaches[MQTT_SERVER]);
    puts("  by client:");
    for (size_t i = 0; i < totals->client_count; i++)
        printf("    %-24s %zu by it, %zu by its server\n", totals->clients[i].name,
               totals->clients[i].breaches[MQTT_CLIENT], totals->clients[i].breaches[MQTT_SERVER]);
    puts("  by statement:");
    for (int statement = 0; statement < SPEC_COUNT; statement++)
        if (totals->by_statement[statement] > 0)
            printf("    %-24s %zu  %s\n", spec_name((enum spec_statement)statement), totals->by_statement[statement],
                   paraphrase((enum spec_statement)statement));
}

/* ---- JSON ------------------------------------------------------------------------------------------------ */

static void tell_json(void *context, const struct lint_breach *breach) {
    struct json_writer *json = context;
    json_open_object(json, NULL);
    json_text(json, "statement", spec_name(breach->statement));
    json_text(json, "paraphrase", paraphrase(breach->statement));
    json_text(json, "what", breach->what);
    json_text(json, "broken_by", show_side(breach->side));
    json_number(json, "frame", breach->frame);
    json_number(json, "time", breach->time);
    json_number(json, "connection", breach->connection);
    json_text(json, "client", breach->client);
    json_text(json, "client_address", breach->client_address);
    json_text(json, "server_address", breach->server_address);
    json_text(json, "packet", breach->packet);
    json_number(json, "offset", breach->offset);
    json_close_object(json);
}

static void summarise_json(struct json_writer *json, const struct lint_totals *totals, const char *reason) {
    json_number(json, "connections", totals->conversations);
    json_number(json, "other_connections", totals->others);
    json_number(json, "packets", totals->packets);
    json_number(json, "connections_not_judged", totals->not_judged + totals->joined_5_0);
    json_number(json, "breaches_by_clients", totals->breaches[MQTT_CLIENT]);
    json_number(json, "breaches_by_servers", totals->breaches[MQTT_SERVER]);
    json_open_list(json, "by_client");
    for (size_t i = 0; i < totals->client_count; i++) {
        json_open_object(json, NULL);
        json_text(json, "client", totals->clients[i].name);
        json_number(json, "by_client", totals->clients[i].breaches[MQTT_CLIENT]);
        json_number(json, "by_server", totals->clients[i].breaches[MQTT_SERVER]);
        json_close_object(json);
    }
    json_close_list(json);
    json_open_list(json, "by_statement");
    for (int statement = 0; statement < SPEC_COUNT; statement++) {
        if (totals->by_statement[statement] == 0)
            continue;
        json_open_object(json, NULL);
        json_text(json, "statement", spec_name((enum spec_statement)statement));
        json_number(json, "breaches", totals->by_statement[statement]);
        json_close_object(json);
    }
    json_close_list(json);
    json_text(json, "unreadable", reason);
}

/* ---- The command ----------------------------------------------------------------------------------------- */

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

static int lint_file(const char *path, struct json_writer *json) {
    struct lint_totals totals;
    char reason[512] = "";
    bool whole;
    if (json != NULL) {
        json_open_object(json, NULL);
        json_text(json, "file", path);
        json_open_list(json, "breaches");
        whole = lint_capture(path, tell_json, json, &totals, reason, sizeof reason);
        json_close_list(json);
        summarise_json(json, &totals, reason);
        json_close_object(json);
    } else {
        whole = lint_capture(path, tell_text, NULL, &totals, reason, sizeof reason);
        if (totals.conversations > 0)
            summarise_text(path, &totals);
    }
    int status = judge_outcome(path, whole, &totals, reason);
    lint_totals_free(&totals);
    return status;
}

static int lint_files(char **files, int count, bool as_json) {
    struct json_writer json;
    int status = EXIT_HELD;
    if (as_json) {
        json_begin(&json, stdout);
        json_open_list(&json, NULL);
    }
    for (int i = 0; i < count; i++) {
        int of_file = lint_file(files[i], as_json ? &json : NULL);
        if (of_file > status)
            status = of_file;
    }
    if (as_json) {
        json_close_list(&json);
        putchar('\n');
    }
    return show_finish("lint") ? status : EXIT_USAGE;
}

int command_lint(int count, char **arguments) {
    static const struct option known[] = {{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    bool as_json = false;
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(count, arguments, ":h", known, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return EXIT_HELD;
        }
        if (option != 'j') {
            show_option_error("lint", option, arguments);
            return EXIT_USAGE;
        }
        as_json = true;
    }
    if (optind == count) {
        fprintf(stderr, "mqspec lint: give one capture file or more\n%s", usage);
        return EXIT_USAGE;
    }
    return lint_files(arguments + optind, count - optind, as_json);
}
