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

/* "3 bytes", in a title. */
#define BYTES_FORMAT  "%d byte%s"
#define BYTES(number) (number), (number) == 1 ? "" : "s"

/* One connection, and the PINGRESP that shows it alive. */
#define STILL_ALIVE(who, breaks) SEND(who, PINGREQ()), EXPECT(who, breaks, PINGRESP())

/* ---- Properties of MQTT 5.0 --------------------------------------------------------------------------------- */

/* Where a Client sends properties. */
struct property_place {
    uint32_t place; /* MQTT_IN() */
    enum mqtt_type type;
    const char *name;
    int length_at; /* offset of the Property Length in the packet that add_property_fault() sends; 0: it varies */
};

#define PROPERTY_PLACES 11
extern const struct property_place property_places[PROPERTY_PLACES];

/* A property that would be fine in some place. */
struct property_pattern sample_property(uint8_t identifier);

/* A set of properties that no packet may have, and one byte of that packet changed where `broken` says so. */
struct property_fault {
    const char *name;
    const char *title;
    const char *file;
    int line;
    enum spec_statement statement;
    const struct property_pattern *properties;
    size_t count; /* PROPERTY_FAULT_MAXIMUM at most */
    enum broken_kind broken;
    int offset;
    int value;
};
#define PROPERTY_FAULT_MAXIMUM 6

/* Adds the scenario in which a Client sends that packet, and the Server refuses it. A DISCONNECT with such a fault is
 * none, so the Will tells; and an AUTH is the answer to a Server that asked for it, which then lets nobody in. */
bool add_property_fault(struct scenario_set *set, const struct property_place *place,
                        const struct property_fault *fault);

/* The same with the fields of the fault. The scenario stands in the source where this stands. */
#define ADD_PROPERTY_FAULT(set, place, ...)                                                                            \
    add_property_fault((set), (place), &(const struct property_fault){.file = __FILE__, .line = __LINE__, __VA_ARGS__})

#endif
