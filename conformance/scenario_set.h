/* All scenarios: those of the tables, and those that are generated from the codec's tables.
 *
 *     struct scenario_set set;
 *     if (scenario_set_make(&set))
 *         ... set.scenarios[0 .. set.count - 1] ...
 *     scenario_set_release(&set); */
#ifndef MQSPEC_SCENARIO_SET_H
#define MQSPEC_SCENARIO_SET_H

#include "conformance/arena.h"
#include "conformance/scenario.h"

struct scenario_set {
    const struct scenario **scenarios; /* family by family; the generated ones live in the arena */
    size_t count;
    size_t capacity;
    struct arena arena;
};

/* Takes in every family. False where there is no memory; release it all the same. */
bool scenario_set_make(struct scenario_set *set);
void scenario_set_release(struct scenario_set *set);

/* The versions that it is played in, of enum scenario_versions: those that it names, or all. */
unsigned scenario_played_in(const struct scenario *scenario);

/* The scenario of that name, or NULL. */
const struct scenario *scenario_set_find(const struct scenario_set *set, const char *name);

/* For generators: adds a copy of the scenario with its statements, steps, patterns, properties and bytes. Its texts are
 * not copied: they are literals or come from scenario_text(). False where there is no memory. */
bool scenario_set_add(struct scenario_set *set, const struct scenario *scenario);

/* A text, as printf makes it, that lives as long as the set. "" where there is no memory. */
__attribute__((format(printf, 2, 3))) const char *scenario_text(struct scenario_set *set, const char *format, ...);

#endif
