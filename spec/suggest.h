/* Which statements somebody may have meant. */
#ifndef MQSPEC_SPEC_SUGGEST_H
#define MQSPEC_SPEC_SUGGEST_H

#include "spec/spec.h"

#define MAXIMUM_SUGGESTIONS 3

/* Fills `near` with the statements whose ids differ least from `text`, the nearest first, and returns how many; 0
 * where nothing is near. */
size_t spec_suggest(const char *text, const struct spec_row *near[MAXIMUM_SUGGESTIONS]);

#endif
