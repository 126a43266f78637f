/* The statements of MQTT 3.1.1 and 5.0, and the annotation that makes them executable.
 *
 * Every normative statement is a row of spec/mqtt-3.1.1.tsv or spec/mqtt-5.0.tsv. The build turns each row into
 * an enumerator: MQTT-3.1.2-24 of MQTT 3.1.1 is V311(3_1_2_24), MQTT-3.1.2-22 of MQTT 5.0 is V5(3_1_2_22). An
 * identifier that stands in no table does not compile.
 *
 * Code that obeys a statement asks for it at the one place that decides:
 *
 *     if (silent_for > allowed_silence && MUST(rules, V311(3_1_2_24)))
 *         drop(connection);
 *
 * MUST is false when `rules` has the statement switched off. A broker with one statement switched off breaks that rule
 * and no other: a deviation. Where somebody wants to know, MUST also counts that the statement was reached.
 *
 * MQTT 3.1 has no numbered statements. Where it asks for the same as 3.1.1, the 3.1.1 identifier is cited. */
#ifndef MQSPEC_SPEC_H
#define MQSPEC_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/statements.h" /* generated: enum spec_statement { SPEC_NONE = 0, V311_..., V5_..., SPEC_COUNT } */

#define V311(section_and_number) V311_##section_and_number
#define V5(section_and_number)   V5_##section_and_number

/* Which statements are switched off, and how often each was reached. Zero-initialised, every statement holds and
 * nothing is counted. Written by the functions below alone. One belongs to each broker; nothing here is shared between
 * threads. */
struct spec_rules {
    bool is_watched; /* something was switched off or visits are counted: each statement that is reached is looked up */
    bool off[SPEC_COUNT];
    uint64_t reached[SPEC_COUNT]; /* while it is watched */
};

void spec_switch_off(struct spec_rules *rules, enum spec_statement statement);
void spec_switch_on(struct spec_rules *rules, enum spec_statement statement);
/* From now on it is counted how often each statement is reached. */
void spec_count_visits(struct spec_rules *rules);

/* True when every statement is to be obeyed and nobody counts: so it is with nearly all brokers, and all that the
 * annotation costs them is the test of this flag. */
static inline bool spec_all_hold(const struct spec_rules *rules) {
#if defined(MQSPEC_NO_DEVIATIONS) /* only to measure that cost: nothing can be switched off, nothing is counted */
    (void)rules;
    return true;
#else
    return __builtin_expect(!rules->is_watched, true);
#endif
}

/* Counts the visit; true when `statement` is to be obeyed. */
static inline bool spec_look_up(struct spec_rules *rules, enum spec_statement statement) {
    rules->reached[statement]++;
    return !rules->off[statement];
}

/* True when `statement` is to be obeyed. It can be switched off here; its row then says, in its column `breach`, what a
 * broker does that has it switched off. */
#define MUST(rules, statement) (spec_all_hold(rules) || spec_look_up((rules), (statement)))

/* Marks a function that is reached only where spec_all_hold() is false: it is kept out of the way of the others. */
#define SPEC_BREACH __attribute__((cold, noinline))

/* The statement is obeyed here but cannot be switched off: no meaningful broker would be left. Only counts. */
#define OBEYS(rules, statement) ((void)MUST(rules, statement))

enum spec_version { SPEC_MQTT_3_1_1, SPEC_MQTT_5_0, SPEC_VERSION_COUNT };
enum spec_binds { SPEC_BINDS_CLIENT, SPEC_BINDS_SERVER, SPEC_BINDS_BOTH, SPEC_BINDS_SENDER, SPEC_BINDS_RECEIVER };
enum spec_level { SPEC_MUST, SPEC_MUST_NOT, SPEC_OTHER };
/* Where a breach shows on the wire: by driving a broker, a client, either, or nowhere. */
enum spec_seen { SPEC_SEEN_BROKER, SPEC_SEEN_CLIENT, SPEC_SEEN_BOTH, SPEC_SEEN_NOWHERE };

/* One row of the tables. All strings are static; none is NULL, an empty column is "". */
struct spec_row {
    enum spec_statement statement;
    enum spec_version version;
    const char *id;        /* "MQTT-3.1.2-24" */
    const char *qualified; /* "MQTT311:3.1.2-24" or "MQTT5:3.1.2-22": unique over both versions */
    const char *section;   /* "3.1.2" */
    enum spec_binds binds;
    enum spec_level level;
    enum spec_seen seen;
    const char *how;            /* how a tester provokes it */
    const char *paraphrase;     /* the rule, in our own words */
    const char *breach;         /* what a broker does that has it switched off; "" when it cannot be switched off */
    const char *no_scenario;    /* why no scenario tests it, though a broker tester could see it; mostly "" */
    enum spec_statement in_5_0; /* see spec_in_5_0() */
};

/* The row of a statement, which is neither SPEC_NONE nor SPEC_COUNT. */
const struct spec_row *spec_row(enum spec_statement statement);

/* "MQTT311:3.1.2-24", or "-" for SPEC_NONE. */
const char *spec_name(enum spec_statement statement);

/* Finds the statements that `text` names, in any of the spellings MQTT311:3.1.2-24, MQTT5:3.1.2-22,
 * MQTT-3.1.2-24 and 3.1.2-24; the last two can name one in each version. Writes at most SPEC_VERSION_COUNT
 * statements to `found` and returns how many; 0 when the text names none. */
size_t spec_find(const char *text, enum spec_statement found[SPEC_VERSION_COUNT]);

/* "3.1.1" or "5.0". */
const char *spec_version_name(enum spec_version version);

/* The statement of MQTT 5.0 that asks the same of the same party as `statement`, or what is closest to it. SPEC_NONE
 * where 5.0 asks nothing of the kind, and for SPEC_NONE. A statement of 5.0 leads to itself. Several statements of
 * 3.1.1 can lead to one of 5.0. */
enum spec_statement spec_in_5_0(enum spec_statement statement);

/* A tester that drives a broker can see a breach. */
bool spec_seen_at_broker(const struct spec_row *row);

/* The statement can be switched off: its row says what a broker does then. */
bool spec_can_deviate(const struct spec_row *row);

/* Where a statement is obeyed in the code or tested by a scenario. Derived at build time. */
enum spec_place_kind { SPEC_OBEYED, SPEC_TESTED };
struct spec_place {
    enum spec_statement statement;
    enum spec_place_kind kind;
    const char *file;     /* from the top of the repository */
    int line;             /* from 1 */
    const char *scenario; /* its name, for SPEC_TESTED; else "" */
};

/* All places, ordered by statement, then kind, then file and line. */
extern const struct spec_place spec_places[];
extern const size_t spec_place_count;

#endif
