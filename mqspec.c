/* The table of subcommands, and nothing else. */
#include <stdio.h>
#include <string.h>

#include "command.h"

struct subcommand {
    const char *name;
    int (*run)(int count, char **arguments);
    const char *summary;
};

static const struct subcommand subcommands[] = {
    {"test", command_test, "judge a broker by the conformance scenarios"},
    {"broker", command_broker, "run the strict reference broker, or one that breaks exactly one rule"},
    {"lint", command_lint, "report every breach of the standard in a capture"},
    {"decode", command_decode, "print the MQTT packets of a capture or of bytes in hex"},
    {"replay", command_replay, "play the clients of a capture against a live broker"},
    {"proxy", command_proxy, "stand between clients and a broker: judge what passes, record it, make faults"},
    {"fuzz", command_fuzz, "fuzz a broker over the network, with the reference broker and the monitor as judges"},
    {"spec", command_spec, "look up a statement of the standard: what it asks, where it is obeyed, what tests it"},
};

static const size_t subcommand_count = sizeof subcommands / sizeof subcommands[0];

static void print_usage(FILE *file) {
    fputs("usage: mqspec SUBCOMMAND [OPTION...]\n"
          "\n"
          "Tells whether an MQTT implementation keeps the standard, and proves it.\n"
          "\n",
          file);
    for (size_t i = 0; i < subcommand_count; i++)
        fprintf(file, "  %-8s %s\n", subcommands[i].name, subcommands[i].summary);
    fputs("\n"
          "mqspec SUBCOMMAND --help tells its options; mqspec --version tells the version.\n"
          "Exit status: 0 all held; 1 a breach or finding; 2 wrong usage or unreadable input;\n"
          "3 the target could not be reached or started.\n",
          file);
}

int main(int count, char **arguments) {
    if (count < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    const char *name = arguments[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return EXIT_HELD;
    }
    if (strcmp(name, "--version") == 0) {
        puts("mqspec " MQSPEC_VERSION);
        return EXIT_HELD;
    }
    for (size_t i = 0; i < subcommand_count; i++)
        if (strcmp(name, subcommands[i].name) == 0)
            return subcommands[i].run(count - 1, arguments + 1);
    fprintf(stderr, "mqspec: no subcommand '%s'; 'mqspec --help' lists them\n", name);
    return EXIT_USAGE;
}
