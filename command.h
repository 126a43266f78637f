/* The contract of the command line that every subcommand keeps. */
#ifndef MQSPEC_COMMAND_H
#define MQSPEC_COMMAND_H

#define MQSPEC_VERSION "0.1.0"

/* What scripts and CI depend on. */
enum exit_status {
    EXIT_HELD = 0,        /* all held */
    EXIT_BREACH = 1,      /* a breach or a finding */
    EXIT_USAGE = 2,       /* wrong usage or unreadable input */
    EXIT_UNREACHABLE = 3, /* the target could not be reached or started */
};

/* Each runs one subcommand and returns an exit status. arguments[0] is the subcommand's own name, so that
 * getopt_long can be used as in main. Results go to standard output, progress and diagnostics to standard error.
 * A diagnostic says what was wrong and what to do, and starts with "mqspec NAME: ". */
int command_broker(int count, char **arguments);
int command_test(int count, char **arguments);
int command_lint(int count, char **arguments);
int command_decode(int count, char **arguments);
int command_replay(int count, char **arguments);
int command_proxy(int count, char **arguments);
int command_fuzz(int count, char **arguments);
int command_spec(int count, char **arguments);

#endif
