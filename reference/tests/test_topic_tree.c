/* The broker's tree against the plain matching function, for filters and names of all shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reference/server.h"
#include "reference/topic_tree.h"

static const char *const filters[] = {
    "#",
    "+",
    "+/+",
    "/#",
    "/+",
    "a",
    "a/#",
    "a/+",
    "a/b",
    "+/b",
    "a/+/c",
    "a/b/c",
    "a/b/#",
    "+/+/+",
    "+/b/#",
    "a//c",
    "a/+/+",
    "/",
    "//",
    "a/",
    "$SYS/#",
    "$SYS/+",
    "$SYS/a",
    "+/a",
    "$SYS/+/#",
    "A/b",
    "a/b/c/d/e/f/g/h",
    "+/+/+/+/+/+/+/h",
    "a/+/c/+/e/+/g/#",
    "b/#",
    "/a",
    "a/+/",
    "/+/c",
    "\xC3\xA9",
    "e\xCC\x81",
    "a/+/#",
};
static const char *const names[] = {
    "a",        "b",
    "/",        "//",
    "a/",       "/a",
    "a/b",      "a/b/c",
    "a//c",     "a/b/",
    "/b/c",     "$SYS",
    "$SYS/a",   "$SYS/a/b",
    "$x/a",     "a/b/c/d/e/f/g/h",
    "A/b",      "a/b/c/d/e/f/g/i",
    "b/a/c",    "b/b/b",
    "a/$SYS",   "a/x/c/y/e/z/g",
    "\xC3\xA9", "e\xCC\x81",
    "///",      "a/b/c/d",
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct visited {
    size_t count;
    const void *values[64];
};

static void note(void *context, struct topic_node *node) {
    struct visited *visited = context;
    assert_true(visited->count < COUNT(visited->values));
    visited->values[visited->count++] = node->value;
}

static void count_visits(void *context, struct topic_node *node) {
    (void)node;
    ++*(size_t *)context;
}

static size_t times_visited(const struct visited *visited, const void *value) {
    size_t times = 0;
    for (size_t i = 0; i < visited->count; i++)
        times += visited->values[i] == value;
    return times;
}

/* A tree and the memory that it stands in. */
struct fixture {
    struct memory memory;
    struct topic_tree tree;
};

static struct topic_tree *begin(struct fixture *fixture, enum topic_tree_kind kind) {
    struct environment environment = environment_of_system();
    memory_begin(&fixture->memory, &environment);
    assert_true(topic_tree_begin(&fixture->tree, kind, &fixture->memory, 7));
    return &fixture->tree;
}

static void end(struct fixture *fixture) {
    topic_tree_end(&fixture->tree);
    memory_end(&fixture->memory);
}

static void fill(struct topic_tree *tree, const char *const *texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct topic_node *node = topic_tree_insert(tree, mqtt_text(texts[i]));
        assert_non_null(node);
        node->value = (void *)texts[i];
    }
}

static void check(const char *filter, const char *name, const struct visited *visited, const char *value) {
    size_t expected = mqtt_topic_matches(mqtt_text(filter), mqtt_text(name)) ? 1 : 0;
    if (times_visited(visited, value) != expected)
        fail_msg("filter '%s', name '%s': visited %zu times, expected %zu", filter, name, times_visited(visited, value),
                 expected);
}

/* In a small tree, and as in a large one. */
static const size_t no_nodes = 0, many_nodes = 100000;

static void filters_are_found_by_name(void **state) {
    struct fixture fixture;
    struct topic_tree *tree = begin(&fixture, TREE_OF_FILTERS);
    tree->small_size = *(const size_t *)*state;
    fill(tree, filters, COUNT(filters));
    for (size_t n = 0; n < COUNT(names); n++) {
        struct visited visited = {0};
        topic_tree_match(tree, mqtt_text(names[n]), true, note, &visited);
        for (size_t f = 0; f < COUNT(filters); f++)
            check(filters[f], names[n], &visited, filters[f]);
    }
    end(&fixture);
}

/* More ways at each level than are followed together: filters with '+' or 'h' at each of ten levels, and some of these
 * end in '#'. */
static void filters_of_many_ways_are_found(void **state) {
    struct fixture fixture;
    struct topic_tree *tree = begin(&fixture, TREE_OF_FILTERS);
    tree->small_size = *(const size_t *)*state;
    for (unsigned choice = 0; choice < 1u << 10; choice++) {
        char filter[32] = "";
        for (unsigned level = 0; level < 10; level++)
            strcat(filter, (choice >> level & 1) != 0 ? "/+" : "/h");
        strcat(filter, choice % 3 == 0 ? "/#" : choice % 3 == 1 ? "" : "/other");
        struct topic_node *node = topic_tree_insert(tree, mqtt_text(filter));
        assert_non_null(node);
        node->value = tree;
    }
    size_t count = 0;
    topic_tree_match(tree, mqtt_text("/h/h/h/h/h/h/h/h/h/h"), true, count_visits, &count);
    assert_int_equal(count, 342 + 341);
    end(&fixture);
}

static void names_are_found_by_filter(void **state) {
    (void)state;
    struct fixture fixture;
    struct topic_tree *tree = begin(&fixture, TREE_OF_NAMES);
    fill(tree, names, COUNT(names));
    for (size_t f = 0; f < COUNT(filters); f++) {
        struct visited visited = {0};
        topic_tree_match(tree, mqtt_text(filters[f]), true, note, &visited);
        for (size_t n = 0; n < COUNT(names); n++)
            check(filters[f], names[n], &visited, names[n]);
    }
    end(&fixture);
}

static void pruning_leaves_what_is_in_use(void **state) {
    (void)state;
    struct fixture fixture;
    struct topic_tree *tree = begin(&fixture, TREE_OF_FILTERS);
    fill(tree, filters, COUNT(filters));
    size_t full = tree->node_count;
    for (size_t i = 0; i < COUNT(filters); i++) {
        struct topic_node *node = topic_tree_find(tree, mqtt_text(filters[i]));
        assert_non_null(node);
        assert_ptr_equal(node->value, filters[i]);
        char text[64] = "";
        assert_int_equal(topic_node_length(node), strlen(filters[i]));
        topic_node_text(node, (uint8_t *)text);
        assert_string_equal(text, filters[i]);
        node->value = NULL;
        topic_tree_prune(tree, node);
        assert_true(tree->node_count <= full);
        for (size_t k = i + 1; k < COUNT(filters); k++)
            assert_non_null(topic_tree_find(tree, mqtt_text(filters[k])));
    }
    assert_int_equal(tree->node_count, 0);
    end(&fixture);
}

/* Enough names for the table of children to grow several times. */
static void many_names(void **state) {
    (void)state;
    struct fixture fixture;
    struct topic_tree *tree = begin(&fixture, TREE_OF_NAMES);
    for (unsigned i = 0; i < 5000; i++) {
        char name[32];
        snprintf(name, sizeof name, "site/%u/device/%u", i % 50, i);
        struct topic_node *node = topic_tree_insert(tree, mqtt_text(name));
        assert_non_null(node);
        node->value = tree;
    }
    for (unsigned i = 0; i < 50; i++) {
        char filter[32];
        size_t count = 0;
        snprintf(filter, sizeof filter, "site/%u/+/+", i);
        topic_tree_match(tree, mqtt_text(filter), true, count_visits, &count);
        assert_int_equal(count, 100);
    }
    end(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        {"filters_are_found_by_name", filters_are_found_by_name, NULL, NULL, (void *)&many_nodes},
        {"filters_are_found_by_name in a large tree", filters_are_found_by_name, NULL, NULL, (void *)&no_nodes},
        {"filters_of_many_ways_are_found", filters_of_many_ways_are_found, NULL, NULL, (void *)&many_nodes},
        {"filters_of_many_ways_are_found in a large tree", filters_of_many_ways_are_found, NULL, NULL,
         (void *)&no_nodes},
        cmocka_unit_test(names_are_found_by_filter),
        cmocka_unit_test(pruning_leaves_what_is_in_use),
        cmocka_unit_test(many_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
