/* Faults that `mqspec proxy` makes on request: how they are written, and which packet each strikes. Internal to pcaps/.
 *
 *     drop PUBREL from server
 *     delay PUBACK,PUBREC 200ms every 3
 *     cut PUBLISH in the middle chance 5% times 1
 *
 * It does no I/O. Chances come from a seed, so that a run with the same packets meets the same faults. */
#ifndef MQSPEC_PROXY_FAULT_H
#define MQSPEC_PROXY_FAULT_H

#include <stdio.h>

#include "codec/codec.h"
#include "reference/environment.h"

enum fault_action {
    FAULT_DROP,       /* the packet does not arrive */
    FAULT_DELAY,      /* it arrives later, and so does all behind it */
    FAULT_DUPLICATE,  /* it arrives twice, byte for byte */
    FAULT_CUT_BEFORE, /* both connections end before it, */
    FAULT_CUT_AFTER,  /* when it has arrived, */
    FAULT_CUT_MIDDLE, /* when its first half has */
    FAULT_ACTIONS
};

/* Probabilities are counted in these. */
#define FAULT_ALWAYS 1000000u

struct fault {
    enum fault_action action;
    unsigned types;     /* a bit for each enum mqtt_type */
    unsigned senders;   /* a bit for each enum mqtt_side */
    microseconds delay; /* of FAULT_DELAY */
    uint32_t every;     /* strikes each such packet whose number this divides; at least 1 */
    uint32_t chance;    /* of FAULT_ALWAYS */
    uint64_t times;     /* that it strikes at most */
    const char *text;   /* as the user wrote it */

    uint64_t met;  /* packets that it could have struck */
    uint64_t made; /* those that it did */
};

#define MAXIMUM_FAULTS 32

struct faults {
    struct fault list[MAXIMUM_FAULTS];
    size_t count;
    uint64_t random; /* begins as the seed */
};

/* Reads one fault and adds it; the text stays the caller's. False with a sentence in `reason`: what is wrong and what
 * to write instead. */
bool faults_add(struct faults *faults, const char *text, char *reason, size_t size);

/* A packet passes. Returns the fault that strikes it, the first in the order in which they were added, or NULL. */
const struct fault *faults_strike(struct faults *faults, enum mqtt_side sender, enum mqtt_type type);

/* Some fault depends on chance, and so on the seed. */
bool faults_depend_on_seed(const struct faults *faults);

/* What was done to a packet: "dropped", "cut in the middle". */
const char *fault_outcome(enum fault_action action);

/* Explains how faults are written. */
void faults_explain(FILE *file);

#endif
