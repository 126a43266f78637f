/* The generated table behind spec.h. */
#ifndef MQSPEC_SPEC_ROWS_H
#define MQSPEC_SPEC_ROWS_H

#include "spec/spec.h"

extern const struct spec_row spec_rows[SPEC_COUNT];

#endif
