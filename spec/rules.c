/* Which statements hold. */
#include <assert.h>

#include "spec/spec.h"

void spec_switch_off(struct spec_rules *rules, enum spec_statement statement) {
    assert(statement < SPEC_COUNT);
    rules->is_watched = true;
    rules->off[statement] = true;
}

void spec_switch_on(struct spec_rules *rules, enum spec_statement statement) {
    assert(statement < SPEC_COUNT);
    rules->off[statement] = false;
}

void spec_count_visits(struct spec_rules *rules) {
    rules->is_watched = true;
}
