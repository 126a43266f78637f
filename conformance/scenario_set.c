#include "conformance/scenario_set.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_TEXT 300

static bool add(struct scenario_set *set, const struct scenario *scenario) {
    const struct scenario **scenarios =
        array_with_room(set->scenarios, set->count, &set->capacity, sizeof set->scenarios[0]);
    if (scenarios == NULL)
        return false;
    set->scenarios = scenarios;
    scenarios[set->count++] = scenario;
    return true;
}

bool scenario_set_make(struct scenario_set *set) {
    *set = (struct scenario_set){0};
    for (size_t f = 0; scenario_families[f] != NULL; f++) {
        const struct scenario_family *family = scenario_families[f];
        for (size_t i = 0; i < family->count; i++)
            if (!add(set, &family->scenarios[i]))
                return false;
        if (family->generate != NULL && !family->generate(set))
            return false;
    }
    return !set->arena.exhausted;
}

void scenario_set_release(struct scenario_set *set) {
    free(set->scenarios);
    arena_release(&set->arena);
    *set = (struct scenario_set){0};
}

unsigned scenario_played_in(const struct scenario *scenario) {
    return scenario->versions == 0 ? IN_3_1 | IN_3_1_1 | IN_5_0 : scenario->versions;
}

const struct scenario *scenario_set_find(const struct scenario_set *set, const char *name) {
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->scenarios[i]->name, name) == 0)
            return set->scenarios[i];
    return NULL;
}

const char *scenario_text(struct scenario_set *set, const char *format, ...) {
    char text[LONGEST_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return arena_text(&set->arena, "%s", text);
}

/* ---- Copies --------------------------------------------------------------------------------------------------- */

static void *copy(struct scenario_set *set, const void *elements, size_t count, size_t size) {
    if (elements == NULL)
        return NULL;
    return arena_copy(&set->arena, elements, count * size);
}

static void copy_properties(struct scenario_set *set, const struct property_pattern **properties, size_t count) {
    *properties = copy(set, *properties, count, sizeof **properties);
}

static const struct pattern *copy_patterns(struct scenario_set *set, const struct step *step) {
    struct pattern *patterns = copy(set, step->patterns, step->pattern_count, sizeof *patterns);
    for (size_t i = 0; patterns != NULL && i < step->pattern_count; i++) {
        copy_properties(set, &patterns[i].properties, patterns[i].property_count);
        copy_properties(set, &patterns[i].will_properties, patterns[i].will_property_count);
    }
    return patterns;
}

bool scenario_set_add(struct scenario_set *set, const struct scenario *given) {
    struct scenario *scenario = copy(set, given, 1, sizeof *scenario);
    struct step *steps = copy(set, given->steps, given->step_count, sizeof *steps);
    if (scenario == NULL || steps == NULL)
        return false;
    for (size_t i = 0; i < given->step_count; i++) {
        steps[i].patterns = copy_patterns(set, &steps[i]);
        steps[i].bytes = copy(set, steps[i].bytes, steps[i].length, 1);
    }
    scenario->generated = true;
    scenario->steps = steps;
    scenario->statements = copy(set, given->statements, given->statement_count, sizeof *given->statements);
    return !set->arena.exhausted && add(set, scenario);
}
