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
        unsigned versions = scenario_played_in(scenario);
        size_t before_5 = 0, in_5 = 0;
        for (size_t k = 0; k < scenario->statement_count; k++) {
            before_5 += spec_row(scenario->statements[k])->version == SPEC_MQTT_3_1_1;
            in_5 += spec_in_5_0(scenario->statements[k]) != SPEC_NONE;
        }
        if (((versions & (IN_3_1 | IN_3_1_1)) != 0 && before_5 == 0) || ((versions & IN_5_0) != 0 && in_5 == 0))
            fail_msg("%s is played in a version that none of its statements belongs to", scenario->name);
    }
}

/* What a generator adds stands in variables of its own, which are gone when the scenario is played. */
static void what_is_added_is_copied(void **state) {
    struct scenario_set set = *set_of(state);
    enum spec_statement statements[] = {V5(4_13_1_1)};
    struct property_pattern properties[] = {NUMBER(MQTT_TOPIC_ALIAS, 7)};
    struct pattern patterns[] = {PUBLISH(.topic = "~/t", .properties = properties, .property_count = 1)};
    uint8_t bytes[] = {0xC0, 0x00};
    struct step steps[] = {
        {.kind = STEP_SEND, .client = A, .patterns = patterns, .pattern_count = 1},
        {.kind = STEP_SEND_BYTES, .client = B, .bytes = bytes, .length = sizeof bytes},
    };
    struct scenario scenario = {.name = scenario_text(&set, "added_%d", 1),
                                .statements = statements,
                                .statement_count = 1,
                                .steps = steps,
                                .step_count = 2};
    assert_true(scenario_set_add(&set, &scenario));
    ((struct fixture *)*state)->set = set;
    memset(statements, 0, sizeof statements);
    memset(properties, 0, sizeof properties);
    memset(patterns, 0, sizeof patterns);
    memset(bytes, 0, sizeof bytes);
    memset(steps, 0, sizeof steps);
    memset(&scenario, 0, sizeof scenario);
    const struct scenario *added = scenario_set_find(&set, "added_1");
    assert_non_null(added);
    assert_int_equal(added->statements[0], V5(4_13_1_1));
    assert_int_equal(added->steps[0].patterns[0].type, MQTT_PUBLISH);
    assert_string_equal(added->steps[0].patterns[0].topic, "~/t");
    assert_int_equal(added->steps[0].patterns[0].properties[0].number, 7);
    assert_null(added->steps[0].patterns[0].will_properties);
    assert_int_equal(added->steps[1].client, B);
    assert_int_equal(added->steps[1].bytes[0], 0xC0);
    assert_null(scenario_set_find(&set, "added_2"));
}

static const struct {
    const char *scenario;
    unsigned versions;
} played[] = {
    {"connect_is_accepted", IN_3_1 | IN_3_1_1 | IN_5_0}, /* names none */
    {"filter_1_shows_topic_1", IN_3_1 | IN_3_1_1 | IN_5_0},
    {"flags_1_of_puback", IN_3_1_1 | IN_5_0},
    {"flags_1_of_auth", IN_5_0},
    {"first_packet_is_pubrel", IN_3_1_1 | IN_5_0},
    {"connect_cut_by_20", IN_3_1_1 | IN_5_0},
    {"connect_cut_by_21", IN_3_1_1},
    {"property_topic_alias_in_connect", IN_5_0},
    {"requested_qos_0x03", IN_3_1_1},
};

static void versions_are_those_of_the_rules(void **state) {
    for (size_t i = 0; i < COUNT_OF(played); i++) {
        const struct scenario *scenario = scenario_set_find(set_of(state), played[i].scenario);
        if (scenario == NULL)
            fail_msg("%s is missing", played[i].scenario);
        else if (scenario_played_in(scenario) != played[i].versions)
            fail_msg("%s is played in %u in place of %u", played[i].scenario, scenario_played_in(scenario),
                     played[i].versions);
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
    {"reason_string", "auth", false},
    {"topic_alias", "auth", true},
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
    {"flags_", "_of_", 10 * 15 + 4}, /* ten packets, fifteen wrong values each, and QoS 3 */
    {"subscription_options_0x", "_are_taken", 3 * 2 * 2 * 3},
    {"first_packet_is_", "", 14},                   /* all types but CONNECT */
    {"", "_while_authentication_is_under_way", 8},  /* all that a Client sends, but CONNECT, DISCONNECT and AUTH */
    {"property_length_", "_of_7_in_", 10 * 9 - 1},  /* 0 to 6, 8 and 127; 0 in PUBLISH is no fault */
    {"property_length_goes_on_in_", "", 10},        /* all places but AUTH */
    {"property_identifier_", "_in_", 5 * 11},       /* five faults, all places */
    {"", "_within_property", 7 * 7},                /* seven packets that may end with properties */
    {"property_", "_too_long_in_connect", 3},       /* User Property, Authentication Method and Data */
    {"property_", "_cut_in_will", 7},               /* all that belong there */
    {"connect_cut_by_", "", 26},                    /* every byte behind the Fixed Header */
    {"connect_with_will_and_user_cut_by_", "", 32}, /* every byte behind the Client Identifier */
    {"publish_of_qos_", "_cut_by_", 3 * 16},
    {"publish_with_properties_of_qos_", "_cut_by_", 3 * 18},
    {"reason_", "_is_taken_in_puback", 9},
    {"reason_", "_is_taken_in_pubrel", 2},
    {"reason_", "_is_taken_in_auth", 0},
    {"reason_", "_in_auth", 50}, /* 40 that other packets have, and the edges */
    {"text_", "_in_topic_name", 8},
    {"text_", "_of_puback", 9 + 9 + 8}, /* Reason String, name and value of User Property; no U+0000 in a value */
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
        cmocka_unit_test_setup_teardown(what_is_added_is_copied, make, release),
        cmocka_unit_test_setup_teardown(versions_are_those_of_the_rules, make, release),
        cmocka_unit_test_setup_teardown(misplaced_properties_are_those_of_the_table, make, release),
        cmocka_unit_test_setup_teardown(each_family_has_as_many_as_its_tables, make, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
