/* The broker that a campaign is about: started, watched, started again. */
#ifndef MQSPEC_SUBJECT_H
#define MQSPEC_SUBJECT_H

#include "conformance/process.h"
#include "conformance/runner.h"
#include "fuzz/talk.h"

struct subject {
    struct event_loop *loop;
    const char *command; /* with {port}; NULL: it runs elsewhere */
    struct address address;
    struct process *process; /* NULL while there is none */
    unsigned versions;       /* that it accepts, of enum scenario_versions; set by subject_look() */
    bool answers;            /* CONNECT, as it should; set by the same */
};

/* Starts the command, if there is one, on a port that is free, and waits until it takes connections. False with a
 * reason of one sentence. */
bool subject_start(struct subject *subject, char *reason, size_t reason_size);
void subject_stop(struct subject *subject);

/* The process has ended by itself; what shows that first is a connection that is closed, so a moment is waited for it
 * where `wait` says so. */
bool subject_has_ended(const struct subject *subject, bool wait);

/* Finds out which versions it accepts, and what it announces to clients of 5.0: `settings` are made to agree with
 * that. Where it accepts none, all are taken for accepted. */
void subject_look(struct subject *subject, struct broker_settings *settings);

/* It takes a connection and answers CONNECT within the time. */
bool subject_answers(const struct subject *subject, microseconds patience);

/* What the processes of the command hold together; 0 where that is not known. */
struct subject_use {
    uint64_t memory; /* bytes that are resident */
    unsigned descriptors;
};
struct subject_use subject_use(const struct subject *subject);

#endif
