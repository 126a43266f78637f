/* Compares what a target sends with what the reference broker sends in the same place.
 *
 * What the standard leaves to the Server is no difference: Packet Identifiers, Reason Codes of one meaning, the order
 * of packets of different exchanges, what CONNACK announces, the last word before a connection is closed. */
#ifndef MQSPEC_MATCH_H
#define MQSPEC_MATCH_H

#include "fuzz/script.h"

#define MATCH_IDENTIFIERS 128u

struct match_identifier {
    uint32_t session;
    uint16_t expected, live;
};

/* How far a script has come true. */
struct match {
    const struct script *expected;
    bool met[SCRIPT_ITEMS];
    uint16_t live[SCRIPT_ITEMS]; /* of a RECEIVE that was met: the Packet Identifier that came */
    struct match_identifier identifiers[MATCH_IDENTIFIERS]; /* of QoS 2 messages under way */
    unsigned identifier_count;
};

/* Nothing is met yet. The script lives as long as the match. */
void match_begin(struct match *match, const struct script *expected);

/* Marks what this RECEIVE or CLOSED of the target's stands for, and returns its index: an item of `step`, or of an
 * earlier one that has not come yet. SCRIPT_NONE where there is none. */
uint32_t match_take(struct match *match, uint16_t step, const struct script_item *item);

/* All that the broker does in this step has come, or what is left may stay away. */
bool match_is_done(const struct match *match, uint16_t step);

/* The target may send this beside what the reference broker sends: a repetition in 3.1 and 3.1.1, DISCONNECT before it
 * closes. */
bool match_may_come(const struct match *match, uint16_t step, const struct script_item *item);

/* All that `observed` tells up to `step` is what `expected` tells, no more and no less. */
bool match_whole(struct match *match, const struct script *expected, const struct script *observed, uint16_t step);

#endif
