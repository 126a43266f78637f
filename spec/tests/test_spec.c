/* The table of statements, its look-up, and the places derived from the sources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/coverage.h"
#include "spec/print.h"
#include "spec/spec.h"
#include "spec/suggest.h"

/* ---- Look-up --------------------------------------------------------------------------------------------- */

struct find_row {
    const char *name;
    const char *text;
    size_t count;
    enum spec_statement found[SPEC_VERSION_COUNT];
};

static const struct find_row find_rows[] = {
    {"qualified, 3.1.1", "MQTT311:3.1.2-24", 1, {V311(3_1_2_24)}},
    {"qualified, 5.0", "MQTT5:3.1.2-22", 1, {V5(3_1_2_22)}},
    {"id in both versions", "MQTT-3.1.2-24", 2, {V311(3_1_2_24), V5(3_1_2_24)}},
    {"number in both versions", "3.1.2-24", 2, {V311(3_1_2_24), V5(3_1_2_24)}},
    {"number in 3.1.1 only", "1.5.3-1", 1, {V311(1_5_3_1)}},
    {"number in 5.0 only", "4.13.2-1", 1, {V5(4_13_2_1)}},
    {"number of another version", "MQTT5:1.5.3-1", 0, {0}},
    {"empty", "", 0, {0}},
    {"prefix of an id", "3.1.2-2", 2, {V311(3_1_2_2), V5(3_1_2_2)}},
    {"section", "3.1.2", 0, {0}},
    {"something behind", "3.1.2-24 ", 0, {0}},
    {"wildcard", "3.1.2-*", 0, {0}},
    {"enumerator", "V311(3_1_2_24)", 0, {0}},
};

static void finds(void **state) {
    const struct find_row *row = *state;
    enum spec_statement found[SPEC_VERSION_COUNT];
    assert_int_equal(spec_find(row->text, found), row->count);
    for (size_t i = 0; i < row->count; i++)
        assert_int_equal(found[i], row->found[i]);
}

/* ---- From 3.1.1 to 5.0 ------------------------------------------------------------------------------------- */

struct version_row {
    const char *name;
    enum spec_statement statement;
    enum spec_statement in_5_0;
};

static const struct version_row version_rows[] = {
    {"same id, same rule", V311(4_7_2_1), V5(4_7_2_1)},
    {"same rule under another id", V311(3_1_2_24), V5(3_1_2_22)},
    {"same id for another rule", V311(3_2_2_4), V5(3_2_2_6)},
    {"two lead to one: the reserved flags", V311(2_2_2_1), V5(2_1_3_1)},
    {"two lead to one: closing on wrong ones", V311(2_2_2_2), V5(2_1_3_1)},
    {"protocol violation", V311(4_8_0_1), V5(4_13_1_1)},
    {"CONNACK for a good CONNECT", V311(3_1_4_4), V5(3_1_4_5)},
    {"a return code for each filter", V311(3_8_4_5), V5(3_8_4_6)},
    {"password without user name: 5.0 allows it", V311(3_1_2_22), SPEC_NONE},
    {"empty Client Identifier without clean session: 5.0 allows it", V311(3_1_3_8), SPEC_NONE},
    {"a statement of 5.0", V5(3_1_2_22), V5(3_1_2_22)},
    {"the first statement of 5.0", V5(1_5_4_1), V5(1_5_4_1)},
    {"none", SPEC_NONE, SPEC_NONE},
};

static void leads_to_5_0(void **state) {
    const struct version_row *row = *state;
    assert_string_equal(spec_name(spec_in_5_0(row->statement)), spec_name(row->in_5_0));
}

static void every_statement_leads_to_5_0_or_nowhere(void **state) {
    (void)state;
    size_t counterparts = 0;
    for (int i = SPEC_NONE + 1; i < SPEC_COUNT; i++) {
        enum spec_statement statement = (enum spec_statement)i;
        enum spec_statement in_5_0 = spec_in_5_0(statement);
        if (spec_row(statement)->version == SPEC_MQTT_5_0) {
            assert_int_equal(in_5_0, statement);
            continue;
        }
        if (in_5_0 == SPEC_NONE)
            continue;
        counterparts++;
        if (spec_row(in_5_0)->version != SPEC_MQTT_5_0)
            fail_msg("%s leads to %s", spec_name(statement), spec_name(in_5_0));
    }
    assert_true(counterparts > 0 && counterparts < spec_coverage(SPEC_MQTT_3_1_1).statements);
}

/* ---- Near ids -------------------------------------------------------------------------------------------- */

struct suggest_row {
    const char *name;
    const char *text;
    const char *nearest; /* NULL: nothing is near */
};

static const struct suggest_row suggest_rows[] = {
    {"number too high", "MQTT311:3.1.2-94", "MQTT311:3.1.2-4"},
    {"dot for dash", "MQTT5:3.1.2.22", "MQTT5:3.1.2-22"},
    {"prefix without dash", "MQTT3.1.2-24", "MQTT311:3.1.2-24"},
    {"nothing alike", "retain", NULL},
    {"longer than any id", "MQTT311:3.1.2-2444444444444444444444444444444444444444", NULL},
    {"empty", "", NULL},
};

static void suggests(void **state) {
    const struct suggest_row *row = *state;
    const struct spec_row *near[MAXIMUM_SUGGESTIONS];
    size_t count = spec_suggest(row->text, near);
    if (row->nearest == NULL) {
        assert_int_equal(count, 0);
        return;
    }
    assert_true(count > 0 && count <= MAXIMUM_SUGGESTIONS);
    assert_string_equal(near[0]->qualified, row->nearest);
}

/* ---- The whole table ------------------------------------------------------------------------------------- */

static void every_row_is_found_by_its_own_names(void **state) {
    (void)state;
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *row = spec_row((enum spec_statement)statement);
        enum spec_statement found[SPEC_VERSION_COUNT];
        assert_int_equal(row->statement, statement);
        assert_string_equal(spec_name(row->statement), row->qualified);
        assert_int_equal(spec_find(row->qualified, found), 1);
        assert_int_equal(found[0], statement);
        size_t count = spec_find(row->id, found);
        assert_true(found[0] == row->statement || (count == 2 && found[1] == row->statement));
        assert_int_equal(strncmp(row->id + strlen("MQTT-"), row->section, strlen(row->section)), 0);
    }
}

static void both_standards_are_whole(void **state) {
    (void)state;
    assert_int_equal(spec_coverage(SPEC_MQTT_3_1_1).statements, 141);
    assert_int_equal(spec_coverage(SPEC_MQTT_5_0).statements, 251);
    assert_string_equal(spec_version_name(SPEC_MQTT_3_1_1), "3.1.1");
    assert_string_equal(spec_version_name(SPEC_MQTT_5_0), "5.0");
    assert_string_equal(spec_name(SPEC_NONE), "-");
}

static void what_is_switched_off_is_not_asked_for_again(void **state) {
    (void)state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    assert_true(MUST(rules, V311(3_1_2_24)));
    assert_int_equal(rules->reached[V311(3_1_2_24)], 0); /* nobody has asked for a count */
    spec_switch_off(rules, V311(3_1_2_24));
    assert_false(MUST(rules, V311(3_1_2_24)));
    assert_true(MUST(rules, V5(3_1_2_24)));
    OBEYS(rules, V5(3_1_2_24));
    assert_int_equal(rules->reached[V311(3_1_2_24)], 1);
    assert_int_equal(rules->reached[V5(3_1_2_24)], 2);
    spec_switch_on(rules, V311(3_1_2_24));
    assert_true(MUST(rules, V311(3_1_2_24)));
    assert_int_equal(rules->reached[V311(3_1_2_24)], 2);
    free(rules);
}

/* A scenario that tests a statement shows it to a broker tester, so the counts of `--coverage` add up. */
static void counts_add_up(void **state) {
    (void)state;
    for (int version = 0; version < SPEC_VERSION_COUNT; version++) {
        struct coverage coverage = spec_coverage((enum spec_version)version);
        assert_int_equal(coverage.with_scenario + coverage.uncovered, coverage.broker_visible);
        assert_true(coverage.broker_visible <= coverage.statements);
        assert_true(coverage.with_deviation <= coverage.statements);
    }
    assert_true(spec_coverage(SPEC_MQTT_3_1_1).with_deviation > 0);
    assert_true(spec_coverage(SPEC_MQTT_3_1_1).with_scenario > 0);
}

/* A reason why there is no scenario must not outlive the scenario. */
static void no_statement_has_both_scenario_and_excuse(void **state) {
    (void)state;
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *row = spec_row((enum spec_statement)statement);
        size_t count;
        if (row->no_scenario[0] != '\0' && spec_places_of(row->statement, SPEC_TESTED, &count) != NULL)
            fail_msg("%s has a reason for no scenario, and %zu scenarios", row->qualified, count);
    }
}

/* MQTT 3.1.1 is done: what is not tested says why. */
static void what_is_untested_says_why(void **state) {
    (void)state;
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *row = spec_row((enum spec_statement)statement);
        if (row->version == SPEC_MQTT_3_1_1 && spec_is_uncovered(row) && row->no_scenario[0] == '\0')
            fail_msg("%s has neither a scenario nor a reason in column no_scenario", row->qualified);
    }
}

/* ---- Places ---------------------------------------------------------------------------------------------- */

static int place_order(const struct spec_place *left, const struct spec_place *right) {
    if (left->statement != right->statement)
        return left->statement < right->statement ? -1 : 1;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    int files = strcmp(left->file, right->file);
    return files != 0 ? files : left->line - right->line;
}

static void places_are_in_order(void **state) {
    (void)state;
    assert_true(spec_place_count > 0);
    for (size_t i = 0; i < spec_place_count; i++) {
        assert_true(spec_places[i].statement > SPEC_NONE && spec_places[i].statement < SPEC_COUNT);
        assert_true(spec_places[i].line > 0);
        assert_true(spec_places[i].file[0] != '\0' && spec_places[i].file[0] != '/');
        assert_int_equal(spec_places[i].kind == SPEC_TESTED, spec_places[i].scenario[0] != '\0');
        if (i > 0)
            assert_true(place_order(&spec_places[i - 1], &spec_places[i]) <= 0);
    }
}

static void places_of_a_statement_are_all_its_own(void **state) {
    (void)state;
    size_t total = 0;
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++)
        for (int kind = SPEC_OBEYED; kind <= SPEC_TESTED; kind++) {
            size_t count;
            const struct spec_place *places =
                spec_places_of((enum spec_statement)statement, (enum spec_place_kind)kind, &count);
            assert_int_equal(places == NULL, count == 0);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(places[i].statement, statement);
            total += count;
        }
    assert_int_equal(total, spec_place_count);
}

/* ---- Printing -------------------------------------------------------------------------------------------- */

#define LONGEST_LINE 100

static void text_keeps_to_its_width(void **state) {
    (void)state;
    bool all[SPEC_COUNT];
    memset(all, true, sizeof all);
    all[SPEC_NONE] = false;
    FILE *file = tmpfile();
    assert_non_null(file);
    print_statements(file, all);
    rewind(file);
    char line[1000];
    size_t lines = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        lines++;
        if (strstr(line, "conformance/scenarios/") == NULL && strlen(line) > LONGEST_LINE + 1)
            fail_msg("%zu characters: %s", strlen(line) - 1, line);
    }
    assert_true(lines > 8u * (SPEC_COUNT - 1));
    fclose(file);
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

int main(void) {
    struct CMUnitTest rows[COUNT_OF(find_rows) + COUNT_OF(version_rows) + COUNT_OF(suggest_rows)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(find_rows); i++)
        rows[count++] = (struct CMUnitTest){find_rows[i].name, finds, NULL, NULL, (void *)&find_rows[i]};
    for (size_t i = 0; i < COUNT_OF(version_rows); i++)
        rows[count++] = (struct CMUnitTest){version_rows[i].name, leads_to_5_0, NULL, NULL, (void *)&version_rows[i]};
    for (size_t i = 0; i < COUNT_OF(suggest_rows); i++)
        rows[count++] = (struct CMUnitTest){suggest_rows[i].name, suggests, NULL, NULL, (void *)&suggest_rows[i]};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_found_by_its_own_names),
        cmocka_unit_test(both_standards_are_whole),
        cmocka_unit_test(every_statement_leads_to_5_0_or_nowhere),
        cmocka_unit_test(what_is_switched_off_is_not_asked_for_again),
        cmocka_unit_test(counts_add_up),
        cmocka_unit_test(no_statement_has_both_scenario_and_excuse),
        cmocka_unit_test(what_is_untested_says_why),
        cmocka_unit_test(places_are_in_order),
        cmocka_unit_test(places_of_a_statement_are_all_its_own),
        cmocka_unit_test(text_keeps_to_its_width),
    };
    int failed = _cmocka_run_group_tests("spec: look-up", rows, count, NULL, NULL);
    return failed + cmocka_run_group_tests_name("spec: table", tests, NULL, NULL);
}
