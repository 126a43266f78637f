/* Starts and stops a target.
 *
 * The command runs by /bin/sh in a session of its own, under a guardian: a process that sees when the tester is gone,
 * for whatever reason, and ends the target's whole process group. So nothing is left behind, also when the tester
 * is interrupted or killed. */
#ifndef MQSPEC_PROCESS_H
#define MQSPEC_PROCESS_H

#include <sys/types.h>

#include "reference/event_loop.h"

struct process;

/* `command` with each "{port}" replaced is started. NULL with *reason, static or from the system, saying why not. */
struct process *process_start(struct event_loop *loop, const char *command, uint16_t port, const char **reason);

/* Becomes true, while the loop runs, when the command has ended by itself. */
const bool *process_ended(const struct process *process);

/* The session that the command and all that it starts are in. */
pid_t process_session(const struct process *process);

/* Once it has ended: a sentence on how, and behind it the last lines that it wrote, if any. Lives as long as the
 * process. */
const char *process_last_words(const struct process *process);

/* Asks the process group to end, forces it after two seconds, and frees. Returns when nothing is left of it. */
void process_stop(struct process *process);

#endif
