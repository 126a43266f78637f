/* What is kept of a finding. Internal to fuzz/. */
#ifndef MQSPEC_FINDING_H
#define MQSPEC_FINDING_H

#include "fuzz/judge.h"

/* The conversation as a sequence diagram: a column for each client, and the broker's. */
void finding_draw(const struct script *script, const struct outcome *outcome, FILE *file);

/* The conversation as an entry of a table of scenarios, ready to be pasted into conformance/scenarios/. */
void finding_write_scenario(const struct script *script, const struct outcome *outcome, FILE *file);

#endif
