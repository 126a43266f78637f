/* Permissions in the format of mosquitto's ACL file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reference/access.h"
#include "reference/tests/temporary_file.h"

static struct access *load(const char *content, size_t length, char *error, size_t size) {
    char name[TEMPORARY_NAME];
    write_temporary(name, content, length);
    struct access *access = access_load(name, error, size);
    unlink(name);
    return access;
}

/* ---- Topics ---------------------------------------------------------------------------------------------------- */

static const char rules[] = "# for those without a name\n"
                            "topic read news/#\n"
                            "topic write box\n"
                            "\n"
                            "user alice\n"
                            "topic home/# \n"
                            "  topic\tdeny   home/safe/# \t\n"
                            "topic read with blanks/in it\n"
                            "topic readwrite $SYS/#\n"
                            "user  bob \r\n"
                            "topic read #\n"
                            "topic deny secret \n"
                            "topic write\n" /* a topic */
                            "user alice\n"
                            "topic write later\n"
                            "pattern write in/%c\n"
                            "pattern read out/%c/#\n"
                            "pattern u/%u/x\n"
                            "pattern deny all/denied\n"
                            "pattern read all/+\n"
                            "pattern read a%cb/+\n";

#define R ACCESS_READ
#define W ACCESS_WRITE

static const struct {
    const char *user; /* NULL: none */
    const char *client;
    const char *topic;
    enum access_kind kind;
    bool allowed;
} questions[] = {
    {NULL, "c", "news/today", R, true},
    {NULL, "c", "news", R, true},
    {NULL, "c", "news/today", W, false},
    {NULL, "c", "newspaper", R, false},
    {NULL, "c", "box", W, true},
    {NULL, "c", "box", R, false},
    {NULL, "c", "home/x", R, false},
    {"alice", "c", "news/today", R, false},
    {"alice", "c", "home/x", R, true},
    {"alice", "c", "home/x", W, true},
    {"alice", "c", "home/safe/x", R, false},
    {"alice", "c", "home/safe", W, false},
    {"alice", "c", "later", W, true},
    {"alice", "c", "later", R, false},
    {"alice", "c", "$SYS/x", W, true},
    {"alice", "c", "with blanks/in it", R, true},
    {"bob", "c", "anything", R, true},
    {"bob", "c", "anything", W, false},
    {"bob", "c", "secret", R, false},
    {"bob", "c", "write", W, true},
    {"bob", "c", "$SYS/x", R, false},
    {"bob", "c", "all/denied", R, true}, /* his own line comes before the patterns */
    {"dave", "c", "home/x", R, false},
    {"dave", "c", "in/c", W, true},
    {"dave", "c", "in/c", R, false},
    {"dave", "c", "in/d", W, false},
    {"dave", "c", "out/c/1/2", R, true},
    {"dave", "c", "u/dave/x", R, true},
    {"dave", "c", "u/dave/x", W, true},
    {"dave", "c", "u/alice/x", R, false},
    {"dave", "c", "all/x", R, true},
    {"dave", "c", "all/denied", R, false},
    {"dave", "c", "acb/x", R, true},
    {"dave", "x/y", "in/x/y", W, true},
    {NULL, "c", "in/c", W, true},
    {NULL, "c", "u//x", R, false},
    {"", "c", "u//x", R, false},
    {"", "c", "news/today", R, true},
    {"dave", "+", "in/+", W, false},
    {"dave", "+", "in/other", W, false},
    {"dave", "#", "in/a", W, false},
    {"+", "c", "u/alice/x", R, false},
    {"+", "c", "in/c", W, false},
    {"alice", "+", "home/x", R, true},
};

static struct access_client asking(const char *user, const char *client) {
    struct access_client asking = {.client_identifier = mqtt_text(client)};
    if (user != NULL)
        asking.user_name = mqtt_text(user);
    return asking;
}

static void topics_are_allowed_and_denied(void **state) {
    char error[300];
    struct access *access = load(rules, sizeof rules - 1, error, sizeof error);
    (void)state;
    if (access == NULL)
        fail_msg("%s", error);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        struct access_client client = asking(questions[i].user, questions[i].client);
        if (access_allows(access, &client, mqtt_text(questions[i].topic), questions[i].kind) != questions[i].allowed)
            fail_msg("%s, client %s: %s to '%s' was %s", questions[i].user, questions[i].client,
                     questions[i].kind == R ? "reading" : "writing", questions[i].topic,
                     questions[i].allowed ? "denied" : "allowed");
    }
    access_destroy(access);
}

/* ---- Filters ------------------------------------------------------------------------------------------------------
 */

/* A line that allows to read, a filter that is asked for, and whether some topic matches both. */
static const struct {
    const char *line;
    const char *filter;
    bool meet;
} meetings[] = {
    {"a", "a", true},           {"a", "b", false},         {"a", "#", true},         {"#", "a", true},
    {"a", "+", true},           {"+", "+", true},          {"#", "#", true},         {"a/b", "a/+", true},
    {"a/b", "+/b", true},       {"a/b", "+/c", false},     {"a/+", "+/b", true},     {"a/b", "a", false},
    {"a", "a/b", false},        {"a/#", "a", true},        {"a", "a/#", true},       {"a/#", "a/b/c", true},
    {"a/#", "b", false},        {"a/b/#", "a", false},     {"a", "a/b/#", false},    {"a/+/#", "a", false},
    {"a/+/#", "a/b", true},     {"a/+", "a/#", true},      {"+/+", "#", true},       {"+/+", "a", false},
    {"+/#", "a", true},         {"a/b/c", "a/#", true},    {"a/b/c", "+/+/+", true}, {"a/b/c", "+/+", false},
    {"a/b/c", "+/+/#", true},   {"$SYS/#", "#", false},    {"$SYS/#", "+/x", false}, {"$SYS/#", "$SYS/x", true},
    {"#", "$SYS/x", false},     {"+/x", "$SYS/x", false},  {"a/$x", "a/+", true},    {"/", "+/+", true},
    {"/", "/", true},           {"/", "+", false},         {"/a", "+/a", true},      {"/a", "a", false},
    {"a//b", "a/+/b", true},    {"a/", "a/+", true},       {"a/", "a", false},       {"a/", "a/#", true},
    {"a/b/#", "+/+/+/+", true}, {"a/b", "a/b/+/#", false},
};

static void filters_meet_or_do_not(void **state) {
    const struct access_client client = asking(NULL, "c");
    (void)state;
    for (size_t i = 0; i < sizeof meetings / sizeof meetings[0]; i++) {
        char content[100], error[300];
        int length = snprintf(content, sizeof content, "topic read %s\n", meetings[i].line);
        struct access *access = load(content, (size_t)length, error, sizeof error);
        assert_non_null(access);
        if (access_allows_filter(access, &client, mqtt_text(meetings[i].filter)) != meetings[i].meet)
            fail_msg("'%s' and '%s' %s", meetings[i].line, meetings[i].filter,
                     meetings[i].meet ? "were found apart" : "were found to meet");
        access_destroy(access);
    }
}

/* A plain check of the rows above and of all others of this size: some topic of up to three of these levels. */
static bool some_topic_matches_both(const char *left, const char *right) {
    static const char *const levels[] = {"", "a", "b", "$x"};
    char topic[20];
    for (unsigned depth = 1; depth <= 3; depth++)
        for (unsigned choice = 0; choice < 4 * 4 * 4; choice++) {
            int length = 0;
            for (unsigned i = 0; i < depth; i++)
                length += snprintf(topic + length, sizeof topic - (size_t)length, "%s%s", i > 0 ? "/" : "",
                                   levels[choice >> (2 * i) & 3]);
            if (length > 0 && mqtt_topic_matches(mqtt_text(left), mqtt_text(topic)) &&
                mqtt_topic_matches(mqtt_text(right), mqtt_text(topic)))
                return true;
        }
    return false;
}

#define FILTER_LEVELS 6u
#define FILTERS       (FILTER_LEVELS + FILTER_LEVELS * FILTER_LEVELS)

static void make_filter(unsigned number, char filter[20]) {
    static const char *const levels[FILTER_LEVELS] = {"a", "b", "+", "#", "", "$x"};
    if (number < FILTER_LEVELS)
        snprintf(filter, 20, "%s", levels[number]);
    else
        snprintf(filter, 20, "%s/%s", levels[(number - FILTER_LEVELS) / FILTER_LEVELS], levels[number % FILTER_LEVELS]);
}

static void every_pair_of_small_filters_is_judged_right(void **state) {
    const struct access_client client = asking(NULL, "c");
    (void)state;
    for (unsigned i = 0; i < FILTERS; i++) {
        char left[20], right[20], content[60], error[300];
        make_filter(i, left);
        if (left[0] == '\0' || !mqtt_topic_filter_valid(mqtt_text(left)))
            continue;
        int length = snprintf(content, sizeof content, "topic read %s\n", left);
        struct access *access = load(content, (size_t)length, error, sizeof error);
        assert_non_null(access);
        for (unsigned k = 0; k < FILTERS; k++) {
            make_filter(k, right);
            if (right[0] == '\0' || !mqtt_topic_filter_valid(mqtt_text(right)))
                continue;
            bool expected = some_topic_matches_both(left, right);
            if (access_allows_filter(access, &client, mqtt_text(right)) != expected)
                fail_msg("'%s' and '%s' %s", left, right, expected ? "were found apart" : "were found to meet");
        }
        access_destroy(access);
    }
}

static void filters_are_asked_of_the_lines_that_allow_reading(void **state) {
    static const char content[] = "topic write out/#\ntopic deny in/x\ntopic read in/+\npattern read %u/#\n";
    char error[300];
    struct access *access = load(content, sizeof content - 1, error, sizeof error);
    struct access_client nobody = asking(NULL, "c"), user = asking("u", "c"), wild = asking("+", "c");
    (void)state;
    assert_non_null(access);
    assert_false(access_allows_filter(access, &nobody, mqtt_text("out/a")));
    assert_true(access_allows_filter(access, &nobody, mqtt_text("in/#")));
    assert_true(access_allows_filter(access, &nobody, mqtt_text("+/x"))); /* what is denied is left out later */
    assert_false(access_allows_filter(access, &user, mqtt_text("in/#")));
    assert_true(access_allows_filter(access, &user, mqtt_text("u/x")));
    assert_false(access_allows_filter(access, &wild, mqtt_text("u/x")));
    access_destroy(access);
}

/* ---- Files that cannot be used
 * ---------------------------------------------------------------------------------------- */

static const struct {
    const char *content;
    size_t length;
    const char *said;
} faults[] = {
#define CONTENT(text) text, sizeof text - 1
    {CONTENT("topic a\nallow b\n"), ":2: a line begins with 'topic', 'user' or 'pattern'"},
    {CONTENT("topic\n"), ":1: the topic is missing"},
    {CONTENT("topic \t\n"), ":1: the topic is missing"},
    {CONTENT("topic a\ntopic dney a\n"), ":2: before the topic stands 'read'"},
    {CONTENT("topic READ a\n"), ":1: before the topic stands 'read'"},
    {CONTENT("pattern with blanks\n"), ":1: before the topic stands 'read'"},
    {CONTENT("user  \n"), ":1: the user's name is missing"},
    {CONTENT("topic a/#/b\n"), ":1: this is no topic"},
    {CONTENT("pattern a%c+\n"), ":1: this is no topic"},
    {CONTENT("topic \xFF\n"), ":1: this is no topic"},
    {CONTENT("topic a\0b\n"), ":1: the line has a byte 0"},
};

static void file_that_cannot_be_used_says_where_and_why(void **state) {
    char error[300];
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct access *access = load(faults[i].content, faults[i].length, error, sizeof error);
        if (access != NULL)
            fail_msg("row %zu was taken", i);
        if (strstr(error, faults[i].said) == NULL)
            fail_msg("row %zu: '%s', without '%s'", i, error, faults[i].said);
    }
    assert_null(access_load("/nonexistent/acl", error, sizeof error));
    assert_non_null(strstr(error, "'/nonexistent/acl': No such file"));
}

static void file_cut_anywhere_does_no_harm(void **state) {
    char error[300];
    (void)state;
    for (size_t length = 0; length < sizeof rules - 1; length++)
        access_destroy(load(rules, length, error, sizeof error));
}

int main(void) {
    const struct CMUnitTest rows[] = {
        cmocka_unit_test(topics_are_allowed_and_denied),
        cmocka_unit_test(filters_meet_or_do_not),
        cmocka_unit_test(every_pair_of_small_filters_is_judged_right),
        cmocka_unit_test(filters_are_asked_of_the_lines_that_allow_reading),
        cmocka_unit_test(file_that_cannot_be_used_says_where_and_why),
        cmocka_unit_test(file_cut_anywhere_does_no_harm),
    };
    return cmocka_run_group_tests(rows, NULL, NULL);
}
