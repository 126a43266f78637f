/* Look-up in the table of statements. */
#include "spec/spec.h"

#include <assert.h>
#include <string.h>

#include "spec/rows.h"

const struct spec_row *spec_row(enum spec_statement statement) {
    assert(statement > SPEC_NONE && statement < SPEC_COUNT);
    return &spec_rows[statement];
}

const char *spec_name(enum spec_statement statement) {
    return statement == SPEC_NONE ? "-" : spec_row(statement)->qualified;
}

/* The statement's id without its leading "MQTT-". */
static const char *number_of(const struct spec_row *row) {
    return row->id + strlen("MQTT-");
}

static bool is_named_by(const struct spec_row *row, const char *text) {
    return strcmp(text, row->qualified) == 0 || strcmp(text, row->id) == 0 || strcmp(text, number_of(row)) == 0;
}

size_t spec_find(const char *text, enum spec_statement found[SPEC_VERSION_COUNT]) {
    size_t count = 0;
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *row = &spec_rows[statement];
        if (!is_named_by(row, text))
            continue;
        assert(count < SPEC_VERSION_COUNT); /* the build refuses an id that stands twice in a version's table */
        found[count++] = row->statement;
    }
    return count;
}

const char *spec_version_name(enum spec_version version) {
    static const char *const names[SPEC_VERSION_COUNT] = {[SPEC_MQTT_3_1_1] = "3.1.1", [SPEC_MQTT_5_0] = "5.0"};
    assert((unsigned)version < SPEC_VERSION_COUNT);
    return names[version];
}

enum spec_statement spec_in_5_0(enum spec_statement statement) {
    return statement == SPEC_NONE ? SPEC_NONE : spec_row(statement)->in_5_0;
}

bool spec_seen_at_broker(const struct spec_row *row) {
    return row->seen == SPEC_SEEN_BROKER || row->seen == SPEC_SEEN_BOTH;
}

bool spec_can_deviate(const struct spec_row *row) {
    return row->breach[0] != '\0';
}
