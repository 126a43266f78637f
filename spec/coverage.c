#include "spec/coverage.h"

const struct spec_place *spec_places_of(enum spec_statement statement, enum spec_place_kind kind, size_t *count) {
    size_t first = 0;
    while (first < spec_place_count && (spec_places[first].statement != statement || spec_places[first].kind != kind))
        first++;
    size_t end = first;
    while (end < spec_place_count && spec_places[end].statement == statement && spec_places[end].kind == kind)
        end++;
    *count = end - first;
    return end > first ? &spec_places[first] : NULL;
}

static bool has_scenario(const struct spec_row *row) {
    size_t count;
    return spec_places_of(row->statement, SPEC_TESTED, &count) != NULL;
}

bool spec_is_uncovered(const struct spec_row *row) {
    return spec_seen_at_broker(row) && !has_scenario(row);
}

struct coverage spec_coverage(enum spec_version version) {
    struct coverage coverage = {0, 0, 0, 0, 0};
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *row = spec_row((enum spec_statement)statement);
        if (row->version != version)
            continue;
        coverage.statements++;
        coverage.broker_visible += spec_seen_at_broker(row);
        coverage.with_scenario += has_scenario(row);
        coverage.with_deviation += spec_can_deviate(row);
        coverage.uncovered += spec_is_uncovered(row);
    }
    return coverage;
}
