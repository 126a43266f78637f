/* The columns of a row in words. */
#ifndef MQSPEC_SPEC_WORDS_H
#define MQSPEC_SPEC_WORDS_H

#include "spec/spec.h"

/* "client", "server", "both", "sender", "receiver": as in the tables. */
const char *spec_binds_name(enum spec_binds binds);

/* "MUST", "MUST NOT", "other". */
const char *spec_level_name(enum spec_level level);

/* "broker", "client", "both", "none". */
const char *spec_seen_name(enum spec_seen seen);

#endif
