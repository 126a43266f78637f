/* The set of all scenarios, and what the generators make of the codec's tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/scenario_set.h"

struct fixture {
    struct scenario_set set;
};

static int make(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    *state = fixture;
    return fixture != NULL && scenario_set_make(&fixture->set) ? 0 : -1;
}

static int release(void **state) {
    struct fixture *fixture = *state;
    scenario_set_release(&fixture->set);
    free(fixture);
    return 0;
}

static const struct scenario_set *set_of(void **state) {
    return &((struct fixture *)*state)->set;
}

static int by_name(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void no_name_stands_twice(void **state) {
    const struct scenario_set *set = set_of(state);
    const char **names = malloc(set->count * sizeof *names);
    assert_non_null(names);
    for (size_t i = 0; i < set->count; i++)
        names[i] = set->scenarios[i]->name;
    qsort(names, set->count, sizeof *names, by_name);
    for (size_t i = 1; i < set->count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            fail_msg("two scenarios are called %s", names[i]);
    free(names);
}

static void each_is_whole(void **state) {
    const struct scenario_set *set = set_of(state);
    for (size_t i = 0; i < set->count; i++) {
        const struct scenario *scenario = set->scenarios[i];
        if (scenario->name[strspn(scenario->name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
            fail_msg("%s is no name of lower case words", scenario->name);
        if (scenario->statement_count == 0 || scenario->step_count == 0 || scenario->title[0] == '\0')
            fail_msg("%s lacks a statement, a step or a title", scenario->name);
        for (size_t k = 0; k < scenario->statement_count; k++)
            if (scenario->statements[k] <= SPEC_NONE || scenario->statements[k] >= SPEC_COUNT)
                fail_msg("%s names what is no statement", scenario->name);
    }
}

/* A scenario of 3.1.1 with no statement that counts in its versions would be played for nothing. */
static void each_says_something_in_its_versions(void **state) {
    const struct scenario_set *set = set_of(state);
    for (size_t i = 0; i < set->count; i++) {
        const struct scenario *scenario = set->scenarios[i];
        unsigned versions = scenario->versions == 0 ? IN_3_1 | IN_3_1_1 | IN_5_0 : scenario->versions;
        size_t before_5 = 0, in_5 = 0;
        for (size_t k = 0; k < scenario->statement_count; k++) {
            before_5 += spec_row(scenario->statements[k])->version == SPEC_MQTT_3_1_1;
            in_5 += spec_in_5_0(scenario->statements[k]) != SPEC_NONE;
        }
        if (((versions & (IN_3_1 | IN_3_1_1)) != 0 && before_5 == 0) || ((versions & IN_5_0) != 0 && in_5 == 0))
            fail_msg("%s is played in a version that none of its statements belongs to", scenario->name);
    }
}

/* ---- Against the tables they come from ----------------------------------------------------------------------------
 */

static size_t count_of(const struct scenario_set *set, const char *prefix, const char *part) {
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        count += strncmp(set->scenarios[i]->name, prefix, strlen(prefix)) == 0 &&
                 strstr(set->scenarios[i]->name, part) != NULL;
    return count;
}

static const struct {
    const char *name; /* of the property */
    const char *place;
    bool is_there; /* a scenario says that it does not belong */
} misplaced[] = {
    {"topic_alias", "publish", false},
    {"topic_alias", "will", true},
    {"topic_alias", "connect", true},
    {"will_delay_interval", "will", false},
    {"will_delay_interval", "publish", true},
    {"receive_maximum", "connect", false},
    {"receive_maximum", "subscribe", true},
    {"subscription_identifier", "subscribe", false},
    {"subscription_identifier", "unsubscribe", true},
    {"reason_string", "puback", false},
    {"reason_string", "publish", true},
    {"user_property", "disconnect", false},
    {"assigned_client_identifier", "connect", true},
    {"server_keep_alive", "connect", true},
    {"session_expiry_interval", "disconnect", false},
    {"session_expiry_interval", "pubrel", true},
    {"0x00", "publish", true},
    {"0x2b", "connect", true},
};

static void misplaced_properties_are_those_of_the_table(void **state) {
    for (size_t i = 0; i < COUNT_OF(misplaced); i++) {
        char name[100];
        snprintf(name, sizeof name, "property_%s_in_%s", misplaced[i].name, misplaced[i].place);
        if ((scenario_set_find(set_of(state), name) != NULL) != misplaced[i].is_there)
            fail_msg("%s is %s", name, misplaced[i].is_there ? "missing" : "there");
    }
}

static const struct {
    const char *prefix;
    const char *part;
    size_t count;
} counts[] = {
    {"flags_", "_of_", 8 * 15 + 15}, /* eight packets and CONNECT, fifteen wrong values each */
    {"first_packet_is_", "", 14},    /* all types but CONNECT */
    {"reason_", "_is_taken_in_puback", 9},
    {"reason_", "_is_taken_in_pubrel", 2},
    {"text_", "_in_topic_name", 8},
    {"qos_", "_to_a_grant_of_", 9},
    {"retained_qos_", "_to_a_grant_of_", 9},
    {"waiting_qos_", "_to_a_grant_of_", 4},
    {"filter_", "_topic_", 27 * 12},
};

static void each_family_has_as_many_as_its_tables(void **state) {
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        size_t count = count_of(set_of(state), counts[i].prefix, counts[i].part);
        if (count != counts[i].count)
            fail_msg("%s...%s: %zu scenarios in place of %zu", counts[i].prefix, counts[i].part, count,
                     counts[i].count);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_name_stands_twice, make, release),
        cmocka_unit_test_setup_teardown(each_is_whole, make, release),
        cmocka_unit_test_setup_teardown(each_says_something_in_its_versions, make, release),
        cmocka_unit_test_setup_teardown(misplaced_properties_are_those_of_the_table, make, release),
        cmocka_unit_test_setup_teardown(each_family_has_as_many_as_its_tables, make, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
