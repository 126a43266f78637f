/* What the generators share. Each makes scenarios from the codec's tables, or from small ones of its own, in the
 * notation of scenario.h. */
#ifndef MQSPEC_GENERATED_H
#define MQSPEC_GENERATED_H

#include "conformance/scenario_set.h"
#include "conformance/scenarios/shorthand.h"

/* Adds a scenario with these steps to `set`; its name and title are scenario_text() or literals. It stands in the
 * source where this stands. */
#define ADD_SCENARIO(set, scenario_name, scenario_title, in_versions, tested, ...)                                     \
    scenario_set_add((set), &(const struct scenario){.name = (scenario_name),                                          \
                                                     .title = (scenario_title),                                        \
                                                     .file = __FILE__,                                                 \
                                                     .line = __LINE__,                                                 \
                                                     .versions = (in_versions),                                        \
                                                     STATEMENTS(tested),                                               \
                                                     STEPS(__VA_ARGS__)})

/* A packet that a Client sends, so that something in it can be wrong. What it needs before it is sent comes with it: a
 * connection, or, for the answer to a message, that message on its way. */
struct client_packet {
    enum mqtt_type type;
    const char *name;
};

/* One connection, and the PINGRESP that shows it alive. */
#define STILL_ALIVE(who, breaks) SEND(who, PINGREQ()), EXPECT(who, breaks, PINGRESP())

#endif
