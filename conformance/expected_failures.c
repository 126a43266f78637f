#include "conformance/expected_failures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/arena.h"

static bool is_version(const char *text) {
    return text[0] == '\0' || strcmp(text, "3.1") == 0 || strcmp(text, "3.1.1") == 0 || strcmp(text, "5.0") == 0;
}

/* Takes one line. False after a message. */
static bool take_line(struct expected_failures *expected, const struct scenario_set *set, size_t *capacity,
                      const char *path, int number, char *line) {
    struct expected_failure entry = {0};
    char extra[2] = "";
    line[strcspn(line, "#\n")] = '\0';
    int words = sscanf(line, "%99s %7s %1s", entry.name, entry.version, extra);
    if (words <= 0)
        return true;
    if (words == 3 || !is_version(entry.version)) {
        fprintf(stderr, "mqspec test: %s:%d: a line is NAME or NAME VERSION, the version 3.1, 3.1.1 or 5.0\n", path,
                number);
        return false;
    }
    if (scenario_set_find(set, entry.name) == NULL) {
        fprintf(stderr, "mqspec test: %s:%d: there is no scenario '%s'; 'mqspec test --list' lists them\n", path,
                number, entry.name);
        return false;
    }
    struct expected_failure *entries =
        array_with_room(expected->entries, expected->count, capacity, sizeof expected->entries[0]);
    if (entries == NULL) {
        fprintf(stderr, "mqspec test: out of memory\n");
        return false;
    }
    expected->entries = entries;
    entries[expected->count++] = entry;
    return true;
}

bool expected_failures_read(struct expected_failures *expected, const struct scenario_set *set, const char *path) {
    char line[500];
    size_t capacity = 0;
    bool good = true;
    *expected = (struct expected_failures){0};
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "mqspec test: cannot read '%s': %s\n", path, strerror(errno));
        return false;
    }
    errno = 0;
    for (int number = 1; good && fgets(line, sizeof line, file) != NULL; number++)
        good = take_line(expected, set, &capacity, path, number, line);
    if (good && ferror(file)) {
        fprintf(stderr, "mqspec test: cannot read '%s': %s\n", path, strerror(errno));
        good = false;
    }
    fclose(file);
    if (!good)
        expected_failures_release(expected);
    return good;
}

void expected_failures_apply(struct expected_failures *expected, struct result *results, size_t count) {
    for (size_t e = 0; e < expected->count; e++) {
        struct expected_failure *entry = &expected->entries[e];
        for (size_t i = 0; i < count; i++) {
            struct result *result = &results[i];
            if (strcmp(entry->name, result->scenario) != 0)
                continue;
            if (entry->version[0] != '\0' && strcmp(entry->version, result->version) != 0)
                continue;
            result->expected_failure = result->verdict == VERDICT_FAIL;
            entry->failed = entry->failed || result->expected_failure;
            entry->passed = entry->passed || result->verdict == VERDICT_PASS || result->verdict == VERDICT_WARN;
        }
        if (entry->passed && !entry->failed)
            fprintf(stderr, "mqspec test: '%s%s%s' was expected to fail and did not; take it off the list\n",
                    entry->name, entry->version[0] != '\0' ? " " : "", entry->version);
    }
}

void expected_failures_release(struct expected_failures *expected) {
    free(expected->entries);
    *expected = (struct expected_failures){0};
}
