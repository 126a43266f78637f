/* The list of scenarios that may fail: one a line, NAME or NAME VERSION. */
#ifndef MQSPEC_EXPECTED_FAILURES_H
#define MQSPEC_EXPECTED_FAILURES_H

#include <stdbool.h>
#include <stddef.h>

#include "conformance/runner.h"

struct expected_failure {
    char name[100];
    char version[8]; /* "" for each */
    bool failed;     /* a scenario that was played failed as expected */
    bool passed;     /* one did not */
};

struct expected_failures {
    struct expected_failure *entries;
    size_t count;
};

/* False after a message on standard error: the file cannot be read, or a line names no scenario of the set. */
bool expected_failures_read(struct expected_failures *expected, const struct scenario_set *set, const char *path);

/* Marks the results that fail as expected, and says on standard error which entries are no longer needed. */
void expected_failures_apply(struct expected_failures *expected, struct result *results, size_t count);

void expected_failures_release(struct expected_failures *expected);

#endif
