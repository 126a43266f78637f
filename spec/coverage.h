/* How far the statements of one version are covered. */
#ifndef MQSPEC_SPEC_COVERAGE_H
#define MQSPEC_SPEC_COVERAGE_H

#include "spec/spec.h"

struct coverage {
    size_t statements;
    size_t broker_visible;
    size_t with_scenario;
    size_t with_deviation;
    size_t uncovered; /* a broker tester could see it, no scenario tests it */
};

struct coverage spec_coverage(enum spec_version version);

/* The places of one statement and kind: returns the first and sets *count; NULL when there is none. */
const struct spec_place *spec_places_of(enum spec_statement statement, enum spec_place_kind kind, size_t *count);

/* A broker tester could see a breach, and no scenario looks. */
bool spec_is_uncovered(const struct spec_row *row);

#endif
