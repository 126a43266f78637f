/* Ids compared by the number of characters to insert, delete or replace. */
#include "spec/suggest.h"

#include <string.h>

#define LONGEST_ID       24 /* "MQTT311:3.10.4-12" and a few characters too many */
#define LARGEST_DISTANCE 2

static unsigned least(unsigned first, unsigned second, unsigned third) {
    unsigned smaller = first < second ? first : second;
    return smaller < third ? smaller : third;
}

/* The Levenshtein distance, one row of its table at a time. Both texts are at most LONGEST_ID long. */
static unsigned distance_between(const char *left, const char *right) {
    unsigned row[LONGEST_ID + 1];
    size_t width = strlen(right);
    for (size_t i = 0; i <= width; i++)
        row[i] = (unsigned)i;
    for (size_t i = 0; left[i] != '\0'; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t k = 0; k < width; k++) {
            unsigned above = row[k + 1];
            row[k + 1] = least(above + 1, row[k] + 1, diagonal + (left[i] != right[k]));
            diagonal = above;
        }
    }
    return row[width];
}

static unsigned distance_from(const struct spec_row *row, const char *text) {
    return least(distance_between(text, row->qualified), distance_between(text, row->id),
                 distance_between(text, row->id + strlen("MQTT-")));
}

size_t spec_suggest(const char *text, const struct spec_row *near[MAXIMUM_SUGGESTIONS]) {
    size_t count = 0;
    if (strlen(text) > LONGEST_ID)
        return 0;
    for (unsigned distance = 1; distance <= LARGEST_DISTANCE; distance++)
        for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
            const struct spec_row *row = spec_row((enum spec_statement)statement);
            if (count == MAXIMUM_SUGGESTIONS)
                return count;
            if (distance_from(row, text) == distance)
                near[count++] = row;
        }
    return count;
}
