/* What a conversation with a target shows.
 *
 * A breach needs more than a difference: either the monitor saw it, or the reference broker does exactly the same once
 * one statement is switched off in it, and that statement names the breach. A difference that no statement explains may
 * be lawful: it is told as such. */
#ifndef MQSPEC_JUDGE_H
#define MQSPEC_JUDGE_H

#include "fuzz/talk.h"

#define OUTCOME_STATEMENTS 12u

enum outcome_kind {
    OUTCOME_HELD,       /* nothing to report; or what differs is known to be open */
    OUTCOME_DIFFERENCE, /* other than the reference broker, for no statement known */
    OUTCOME_BREACH,     /* statements[0] is broken; or no numbered one, and the monitor says what */
    OUTCOME_HANG,       /* it does not answer any more */
    OUTCOME_MEMORY,     /* it holds more and more memory, or descriptors */
    OUTCOME_CRASH,      /* its process ended */
    OUTCOME_UNREACHABLE,
    OUTCOME_KINDS
};

struct outcome {
    enum outcome_kind kind;
    uint16_t step;
    enum spec_statement statements[OUTCOME_STATEMENTS]; /* the likeliest first */
    unsigned statement_count;
    char what[512]; /* a sentence, or several */
    char key[64];   /* the same for what is the same finding; letters, digits, '.', '-' and '_' */
};

/* For memory that judging needs; all zero at first. */
struct judge {
    struct fuzz_memory memory;
    struct script script;
    struct match match;
};

/* Judges a conversation that is over, and gives it back its plan's name: see talk_unname(). */
void judge_talk(struct judge *judge, struct talk *talk, struct outcome *outcome);
void judge_release(struct judge *judge);

/* "breach", "difference", ... */
const char *outcome_name(enum outcome_kind kind);

#endif
