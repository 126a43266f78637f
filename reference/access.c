#include "reference/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/lines.h"

/* One line. */
struct rule {
    char *topic; /* owned */
    uint32_t length;
    unsigned allows; /* of enum access_kind; 0: it denies */
    bool needs_user; /* a pattern with %u */
};

struct rules {
    struct rule *all; /* those that deny first */
    size_t count;
    size_t capacity;
    size_t denials;
};

/* The lines behind "user NAME", all that there are for it. */
struct group {
    char *name; /* owned; NULL: those without a user name */
    struct rules rules;
};

struct access {
    struct group *groups; /* by name; the first is that without one */
    size_t count;
    size_t capacity;
    struct rules patterns;
    uint8_t text[MQTT_MAXIMUM_STRING]; /* where a pattern is filled in */
};

/* ---- Reading ------------------------------------------------------------------------------------------------------
 */

static bool add_rule(struct rules *rules, struct rule rule) {
    if (rules->count == rules->capacity) {
        size_t capacity = rules->capacity == 0 ? 8 : rules->capacity * 2;
        struct rule *all = realloc(rules->all, capacity * sizeof *all);
        if (all == NULL)
            return false;
        rules->all = all;
        rules->capacity = capacity;
    }
    size_t place = rule.allows == 0 ? rules->denials++ : rules->count;
    memmove(rules->all + place + 1, rules->all + place, (rules->count - place) * sizeof *rules->all);
    rules->all[place] = rule;
    rules->count++;
    return true;
}

static struct group *find_group(const struct access *access, const char *name, size_t length) {
    for (size_t i = 1; i < access->count; i++)
        if (strlen(access->groups[i].name) == length && memcmp(access->groups[i].name, name, length) == 0)
            return &access->groups[i];
    return NULL;
}

/* The group of that name, made where it is not there; NULL where there is no memory. */
static struct group *enter_group(struct access *access, const char *name) {
    struct group *there = name != NULL ? find_group(access, name, strlen(name)) : NULL;
    if (there != NULL)
        return there;
    if (access->count == access->capacity) {
        size_t capacity = access->capacity == 0 ? 8 : access->capacity * 2;
        struct group *groups = realloc(access->groups, capacity * sizeof *groups);
        if (groups == NULL)
            return NULL;
        access->groups = groups;
        access->capacity = capacity;
    }
    struct group *group = &access->groups[access->count];
    *group = (struct group){.name = name != NULL ? strdup(name) : NULL};
    if (name != NULL && group->name == NULL)
        return NULL;
    access->count++;
    return group;
}

/* Takes a word and the blanks behind it. */
static char *take_word(char **text) {
    char *word = *text;
    size_t length = strcspn(word, " \t");
    char *rest = word + length;
    rest += strspn(rest, " \t");
    word[length] = '\0';
    *text = rest;
    return word;
}

static const struct {
    const char *word;
    unsigned allows;
} words[] = {{"read", ACCESS_READ}, {"write", ACCESS_WRITE}, {"readwrite", ACCESS_READ | ACCESS_WRITE}, {"deny", 0}};

/* Takes what the line allows, where it says so. What stands alone is a topic, and only behind a word may a topic hold
 * blanks: else a slip of the pen ("dney secret") would be one. False where the word is another. */
static bool take_kind(char **text, unsigned *allows) {
    *allows = ACCESS_READ | ACCESS_WRITE;
    if ((*text)[strcspn(*text, " \t")] == '\0')
        return true;
    const char *word = take_word(text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i].word) == 0) {
            *allows = words[i].allows;
            return true;
        }
    return false;
}

static const char *read_rule(struct rules *rules, char *text, bool is_pattern) {
    unsigned allows;
    if (!take_kind(&text, &allows))
        return "before the topic stands 'read', 'write', 'readwrite', 'deny' or nothing";
    struct mqtt_bytes topic = mqtt_text(text);
    if (topic.length == 0)
        return "the topic is missing";
    if (topic.length > MQTT_MAXIMUM_STRING || mqtt_check_text(topic, NULL) != MQTT_TEXT_FINE ||
        !mqtt_topic_filter_valid(topic))
        return "this is no topic, nor a topic with wildcards: '+' and '#' stand for whole levels, '#' for the last";
    struct rule rule = {.topic = strdup(text),
                        .length = topic.length,
                        .allows = allows,
                        .needs_user = is_pattern && strstr(text, "%u") != NULL};
    if (rule.topic != NULL && add_rule(rules, rule))
        return NULL;
    free(rule.topic);
    return "out of memory";
}

struct reading {
    struct access *access;
    size_t current; /* the group that topics are for */
};

/* NULL, or what is wrong. */
static const char *read_line(void *context, char *line) {
    struct reading *reading = context;
    struct access *access = reading->access;
    line = trim_blanks(line);
    if (*line == '\0' || *line == '#')
        return NULL;
    const char *keyword = take_word(&line);
    if (strcmp(keyword, "topic") == 0)
        return read_rule(&access->groups[reading->current].rules, line, false);
    if (strcmp(keyword, "pattern") == 0)
        return read_rule(&access->patterns, line, true);
    if (strcmp(keyword, "user") != 0)
        return "a line begins with 'topic', 'user' or 'pattern'";
    if (*line == '\0')
        return "the user's name is missing";
    const struct group *group = enter_group(access, line);
    if (group == NULL)
        return "out of memory";
    reading->current = (size_t)(group - access->groups);
    return NULL;
}

static int by_name(const void *left, const void *right) {
    return strcmp(((const struct group *)left)->name, ((const struct group *)right)->name);
}

struct access *access_load(const char *name, char *error, size_t size) {
    struct reading reading = {.access = calloc(1, sizeof *reading.access)};
    struct access *access = reading.access;
    if (access == NULL || enter_group(access, NULL) == NULL) {
        snprintf(error, size, "%s: out of memory", name);
    } else if (lines_read(name, "ACL file", read_line, &reading, error, size)) {
        qsort(access->groups + 1, access->count - 1, sizeof *access->groups, by_name);
        return access;
    }
    access_destroy(access);
    return NULL;
}

static void clear(struct rules *rules) {
    for (size_t i = 0; i < rules->count; i++)
        free(rules->all[i].topic);
    free(rules->all);
}

void access_destroy(struct access *access) {
    if (access == NULL)
        return;
    for (size_t i = 0; i < access->count; i++) {
        free(access->groups[i].name);
        clear(&access->groups[i].rules);
    }
    free(access->groups);
    clear(&access->patterns);
    free(access);
}

/* ---- Patterns
 * -------------------------------------------------------------------------------------------------------- */

static bool append(struct access *access, uint32_t *length, struct mqtt_bytes part) {
    if (part.length > sizeof access->text - *length)
        return false;
    if (part.length > 0)
        memcpy(access->text + *length, part.data, part.length);
    *length += part.length;
    return true;
}

/* Fills in who asks; absent where that is longer than any topic. The bytes live until the next call. */
static struct mqtt_bytes filled_in(struct access *access, const struct rule *rule, const struct access_client *client) {
    uint32_t length = 0;
    for (uint32_t i = 0; i < rule->length; i++) {
        struct mqtt_bytes part = {(const uint8_t *)rule->topic + i, 1};
        char next = i + 1 < rule->length ? rule->topic[i + 1] : '\0';
        if (rule->topic[i] == '%' && (next == 'c' || next == 'u')) {
            part = next == 'c' ? client->client_identifier : client->user_name;
            i++;
        }
        if (!append(access, &length, part))
            return (struct mqtt_bytes){NULL, 0};
    }
    return (struct mqtt_bytes){access->text, length};
}

/* ---- Asking
 * ----------------------------------------------------------------------------------------------------------- */

typedef bool matcher(struct mqtt_bytes rule, struct mqtt_bytes asked);

enum answer { ANSWER_NONE, ANSWER_ALLOWED, ANSWER_DENIED };

static enum answer ask(const struct rules *rules, struct access *filler, const struct access_client *client,
                       struct mqtt_bytes asked, enum access_kind kind, matcher *matches) {
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->all[i];
        bool denies = rule->allows == 0;
        /* That a line denies some of the topics that a filter matches says nothing of the others. */
        if ((denies && matches != mqtt_topic_matches) || (!denies && (rule->allows & (unsigned)kind) == 0) ||
            (rule->needs_user && client->user_name.length == 0))
            continue;
        struct mqtt_bytes topic = {(const uint8_t *)rule->topic, rule->length};
        if (filler != NULL)
            topic = filled_in(filler, rule, client);
        if (topic.length > 0 && matches(topic, asked))
            return denies ? ANSWER_DENIED : ANSWER_ALLOWED;
    }
    return ANSWER_NONE;
}

static const struct group *group_of(const struct access *access, const struct access_client *client) {
    if (client->user_name.length == 0)
        return &access->groups[0];
    size_t low = 1, high = access->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct group *group = &access->groups[middle];
        size_t length = strlen(group->name);
        size_t shorter = length < client->user_name.length ? length : client->user_name.length;
        int order = shorter > 0 ? memcmp(group->name, client->user_name.data, shorter) : 0;
        if (order == 0 && length == client->user_name.length)
            return group;
        if (order < 0 || (order == 0 && length < client->user_name.length))
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool is_allowed(struct access *access, const struct access_client *client, struct mqtt_bytes asked,
                       enum access_kind kind, matcher *matches) {
    const struct group *group = group_of(access, client);
    enum answer answer = group == NULL ? ANSWER_NONE : ask(&group->rules, NULL, client, asked, kind, matches);
    if (answer != ANSWER_NONE)
        return answer == ANSWER_ALLOWED;
    /* Who is called "+" must not become a wildcard. */
    if (mqtt_topic_filter_has_wildcard(client->client_identifier) || mqtt_topic_filter_has_wildcard(client->user_name))
        return false;
    return ask(&access->patterns, access, client, asked, kind, matches) == ANSWER_ALLOWED;
}

bool access_allows(struct access *access, const struct access_client *client, struct mqtt_bytes topic,
                   enum access_kind kind) {
    return is_allowed(access, client, topic, kind, mqtt_topic_matches);
}

/* ---- Filters
 * ------------------------------------------------------------------------------------------------------------ */

static struct mqtt_bytes take_level(struct mqtt_bytes *filter, bool *more) {
    uint32_t end = 0;
    while (end < filter->length && filter->data[end] != '/')
        end++;
    struct mqtt_bytes level = {filter->data, end};
    *more = end < filter->length;
    uint32_t next = *more ? end + 1 : end;
    *filter = (struct mqtt_bytes){filter->data + next, filter->length - next};
    return level;
}

static bool is(struct mqtt_bytes level, char character) {
    return level.length == 1 && level.data[0] == (uint8_t)character;
}

/* "#" alone is what is left, so that it also stands for nothing. */
static bool rest_is_hash(struct mqtt_bytes rest, bool more) {
    return more && is(rest, '#');
}

static bool levels_meet(struct mqtt_bytes left, struct mqtt_bytes right, bool first) {
    bool left_is_wild = is(left, '+') || is(left, '#');
    bool right_is_wild = is(right, '+') || is(right, '#');
    /* MQTT-4.7.2-1: a wildcard in front does not stand for a level that begins with '$'. */
    if (first && ((left_is_wild && right.length > 0 && right.data[0] == '$') ||
                  (right_is_wild && left.length > 0 && left.data[0] == '$')))
        return false;
    return left_is_wild || right_is_wild || mqtt_equal(left, right);
}

/* Some topic matches both filters. */
static bool filters_meet(struct mqtt_bytes left, struct mqtt_bytes right) {
    for (bool first = true;; first = false) {
        bool more_left, more_right;
        struct mqtt_bytes level_left = take_level(&left, &more_left);
        struct mqtt_bytes level_right = take_level(&right, &more_right);
        if (!levels_meet(level_left, level_right, first))
            return false;
        if (is(level_left, '#') || is(level_right, '#') || (!more_left && !more_right))
            return true;
        /* No topic is empty. */
        if (first && !(more_left && more_right) && (level_left.length == 0 || level_right.length == 0))
            return false;
        if (!more_left || !more_right)
            return rest_is_hash(left, more_left) || rest_is_hash(right, more_right);
    }
}

bool access_allows_filter(struct access *access, const struct access_client *client, struct mqtt_bytes filter) {
    return is_allowed(access, client, filter, ACCESS_READ, filters_meet);
}
