/* The generated table behind spec.h. */
#ifndef MQSPEC_SPEC_ROWS_H
#define MQSPEC_SPEC_ROWS_H

#include "spec/spec.h"

extern const struct spec_row spec_rows[SPEC_COUNT];

/* `row` is a statement of 3.1.1, and `successor` the one of 5.0 that spec_in_5_0() leads to from there. */
static inline bool spec_is_succeeded_by(const struct spec_row *row, const struct spec_row *successor) {
    return row->version == SPEC_MQTT_3_1_1 && row->in_5_0 == successor->statement;
}

#endif
