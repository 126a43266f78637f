/* Topic Names and Topic Filters, and the trees of them, against a plain recursion. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/targets.h"
#include "reference/topic_tree.h"

/* The first byte of the input. */
enum option {
    OPTION_TOGETHER = 0x01, /* trees are taken for large ones, whose nodes are followed together */
    OPTION_PLAIN = 0x02,    /* a leading $ is nothing special */
    OPTION_NO_MEMORY = 0x04 /* each seventh allocation is refused */
};

/* The first byte of a line, by its remainder; the letters are those of the seeds. */
enum action {
    ADD_FILTER,    /* 'd' */
    REMOVE_FILTER, /* 'e' */
    ADD_NAME,      /* 'f' */
    REMOVE_NAME,   /* 'g' */
    CLEAR,         /* 'h': each second entry of both trees goes, in one walk */
    ASK,           /* 'i': what matches? */
    ACTION_COUNT = 10
};
#define MOST_LINES   64u
#define LONGEST_TEXT 4096u /* the oracle recurses as deep */

/* A text that was in one of the trees. */
struct entry {
    struct mqtt_bytes text;
    struct topic_node *node; /* NULL: not there now */
    unsigned visits;
};

struct forest {
    struct finding *finding;
    struct fuzz_account account;
    struct memory memory;
    struct topic_tree trees[2]; /* by enum topic_tree_kind */
    struct entry entries[2][MOST_LINES];
    size_t counts[2];
    bool dollar_is_special;
    bool strays; /* a node was visited whose value is none of ours */
};

/* ---- The oracle: one character at a time ------------------------------------------------------------------- */

/* `filter` and `topic` from here to their ends, where a level of the filter is at its first character or within. */
static bool matches_rest(struct mqtt_bytes filter, struct mqtt_bytes topic, bool at_start) {
    if (filter.length == 0)
        return topic.length == 0;
    struct mqtt_bytes next = {filter.data + 1, filter.length - 1};
    if (at_start && filter.data[0] == '#')
        return true;
    if (filter.length == 2 && filter.data[0] == '/' && filter.data[1] == '#' && topic.length == 0)
        return true; /* sport/# also matches sport */
    if (at_start && filter.data[0] == '+') {
        while (topic.length > 0 && topic.data[0] != '/')
            topic = (struct mqtt_bytes){topic.data + 1, topic.length - 1};
        return matches_rest(next, topic, false);
    }
    return topic.length > 0 && filter.data[0] == topic.data[0] &&
           matches_rest(next, (struct mqtt_bytes){topic.data + 1, topic.length - 1}, filter.data[0] == '/');
}

static bool matches_plainly(struct mqtt_bytes filter, struct mqtt_bytes topic, bool dollar_is_special) {
    bool is_wild = filter.length > 0 && (filter.data[0] == '+' || filter.data[0] == '#');
    if (dollar_is_special && is_wild && topic.length > 0 && topic.data[0] == '$')
        return false;
    return matches_rest(filter, topic, true);
}

/* `left` is the character before. */
static bool is_filter_rest(struct mqtt_bytes text, uint8_t left) {
    if (text.length == 0)
        return true;
    bool is_wild = text.data[0] == '+' || text.data[0] == '#';
    bool ends = text.length == 1 || (text.data[0] == '+' && text.data[1] == '/');
    if (is_wild && (left != '/' || !ends))
        return false;
    return is_filter_rest((struct mqtt_bytes){text.data + 1, text.length - 1}, text.data[0]);
}

static bool is_name_rest(struct mqtt_bytes text) {
    return text.length == 0 || (text.data[0] != '+' && text.data[0] != '#' &&
                                is_name_rest((struct mqtt_bytes){text.data + 1, text.length - 1}));
}

static bool is_valid(enum topic_tree_kind kind, struct mqtt_bytes text) {
    return text.length > 0 && (kind == TREE_OF_FILTERS ? is_filter_rest(text, '/') : is_name_rest(text));
}

/* ---- Trees ------------------------------------------------------------------------------------------------- */

static struct entry *find_entry(struct forest *forest, enum topic_tree_kind kind, struct mqtt_bytes text) {
    for (size_t i = 0; i < forest->counts[kind]; i++)
        if (mqtt_equal(forest->entries[kind][i].text, text))
            return &forest->entries[kind][i];
    return NULL;
}

static bool add(struct forest *forest, enum topic_tree_kind kind, struct mqtt_bytes text) {
    struct topic_tree *tree = &forest->trees[kind];
    struct entry *entry = find_entry(forest, kind, text);
    if (entry == NULL) {
        entry = &forest->entries[kind][forest->counts[kind]++];
        *entry = (struct entry){.text = text};
    }
    bool was_refused = forest->account.refused;
    forest->account.refused = false;
    struct topic_node *node = topic_tree_insert(tree, text);
    bool is_refused = forest->account.refused;
    forest->account.refused = was_refused || is_refused;
    if (node == NULL)
        return is_refused || fuzz_fails(forest->finding, "nothing is inserted, and there is memory");
    if (entry->node != NULL && entry->node != node)
        return fuzz_fails(forest->finding, "the same text is inserted in another place");
    if (entry->node == NULL && node->value != NULL)
        return fuzz_fails(forest->finding, "a text that is new has a value");
    entry->node = node;
    node->value = entry;
    return true;
}

static bool remove_text(struct forest *forest, enum topic_tree_kind kind, struct mqtt_bytes text) {
    struct topic_tree *tree = &forest->trees[kind];
    struct entry *entry = find_entry(forest, kind, text);
    struct topic_node *node = topic_tree_find(tree, text);
    struct topic_node *expected = entry == NULL ? NULL : entry->node;
    if (expected == NULL ? node != NULL && node->value != NULL : node != expected)
        return fuzz_fails(forest->finding, "a text is found that is not there, or not found although it is");
    if (expected == NULL)
        return true;
    entry->node = NULL;
    node->value = NULL;
    topic_tree_prune(tree, node);
    node = topic_tree_find(tree, text);
    return node == NULL || node->value == NULL || fuzz_fails(forest->finding, "a text that was removed has a value");
}

static void clear_second(void *context, struct topic_node *node) {
    struct forest *forest = context;
    struct entry *entry = node->value;
    size_t place = (size_t)(entry - forest->entries[0]) % MOST_LINES;
    entry->visits++;
    if (place % 2 == 0)
        return;
    entry->node = NULL;
    node->value = NULL;
}

static void note_visit(void *context, struct topic_node *node) {
    struct forest *forest = context;
    struct entry *entry = node->value;
    entry->visits++;
    forest->strays = forest->strays || entry->node != node;
}

static void forget_visits(struct forest *forest) {
    for (unsigned kind = 0; kind < 2; kind++)
        for (size_t i = 0; i < forest->counts[kind]; i++)
            forest->entries[kind][i].visits = 0;
}

/* Walking a tree meets each entry once. */
static bool clear(struct forest *forest) {
    for (unsigned kind = 0; kind < 2; kind++) {
        bool was_there[MOST_LINES];
        for (size_t i = 0; i < forest->counts[kind]; i++)
            was_there[i] = forest->entries[kind][i].node != NULL;
        forget_visits(forest);
        topic_tree_each(&forest->trees[kind], clear_second, forest);
        for (size_t i = 0; i < forest->counts[kind]; i++)
            if (forest->entries[kind][i].visits != was_there[i])
                return fuzz_fails(forest->finding, "topic_tree_each() meets an entry %u times",
                                  forest->entries[kind][i].visits);
    }
    return true;
}

/* ---- Questions --------------------------------------------------------------------------------------------- */

static struct mqtt_bytes filter_of(enum topic_tree_kind kind, struct mqtt_bytes entry, struct mqtt_bytes asked) {
    return kind == TREE_OF_FILTERS ? entry : asked;
}

static struct mqtt_bytes topic_of(enum topic_tree_kind kind, struct mqtt_bytes entry, struct mqtt_bytes asked) {
    return kind == TREE_OF_FILTERS ? asked : entry;
}

static bool finds_its_own(struct forest *forest, enum topic_tree_kind kind, struct mqtt_bytes asked) {
    forget_visits(forest);
    topic_tree_match(&forest->trees[kind], asked, forest->dollar_is_special, note_visit, forest);
    if (forest->strays)
        return fuzz_fails(forest->finding, "a node is visited that was removed");
    for (size_t i = 0; i < forest->counts[kind]; i++) {
        const struct entry *entry = &forest->entries[kind][i];
        struct mqtt_bytes filter = filter_of(kind, entry->text, asked), topic = topic_of(kind, entry->text, asked);
        bool matches = entry->node != NULL && matches_plainly(filter, topic, forest->dollar_is_special);
        if (entry->visits != matches)
            return fuzz_fails(forest->finding, "%.*s is met %u times where %.*s is asked for", (int)entry->text.length,
                              (const char *)entry->text.data, entry->visits, (int)asked.length,
                              (const char *)asked.data);
        if (mqtt_topic_matches(filter, topic) != matches_plainly(filter, topic, true))
            return fuzz_fails(forest->finding, "mqtt_topic_matches() is wrong of %.*s and %.*s", (int)filter.length,
                              (const char *)filter.data, (int)topic.length, (const char *)topic.data);
    }
    return true;
}

/* A node spells its text. */
static bool spell(struct forest *forest, enum topic_tree_kind kind) {
    for (size_t i = 0; i < forest->counts[kind]; i++) {
        const struct entry *entry = &forest->entries[kind][i];
        if (entry->node == NULL)
            continue;
        if (topic_node_length(entry->node) != entry->text.length)
            return fuzz_fails(forest->finding, "a node has another length than its text");
        uint8_t *text = malloc(entry->text.length);
        if (text == NULL)
            abort();
        topic_node_text(entry->node, text);
        bool is_same = memcmp(text, entry->text.data, entry->text.length) == 0;
        free(text);
        if (!is_same)
            return fuzz_fails(forest->finding, "a node spells another text");
    }
    return true;
}

static bool ask(struct forest *forest, struct mqtt_bytes text) {
    return (!is_valid(TREE_OF_NAMES, text) || finds_its_own(forest, TREE_OF_FILTERS, text)) &&
           (!is_valid(TREE_OF_FILTERS, text) || finds_its_own(forest, TREE_OF_NAMES, text)) &&
           spell(forest, TREE_OF_FILTERS) && spell(forest, TREE_OF_NAMES);
}

/* ---- The target -------------------------------------------------------------------------------------------- */

static bool take_line(struct forest *forest, enum action action, struct mqtt_bytes text) {
    bool is_name = is_valid(TREE_OF_NAMES, text), is_filter = is_valid(TREE_OF_FILTERS, text);
    if (mqtt_topic_name_valid(text) != is_name || mqtt_topic_filter_valid(text) != is_filter)
        return fuzz_fails(forest->finding, "%.*s is judged wrong", (int)text.length, (const char *)text.data);
    switch (action) {
    case ADD_FILTER:
        return !is_filter || add(forest, TREE_OF_FILTERS, text);
    case REMOVE_FILTER:
        return !is_filter || remove_text(forest, TREE_OF_FILTERS, text);
    case ADD_NAME:
        return !is_name || add(forest, TREE_OF_NAMES, text);
    case REMOVE_NAME:
        return !is_name || remove_text(forest, TREE_OF_NAMES, text);
    case CLEAR:
        return clear(forest);
    default:
        return ask(forest, text);
    }
}

static bool begin(struct forest *forest, uint8_t options) {
    struct environment environment = fuzz_environment(&forest->account);
    environment.allocates_each_block = true;
    forest->account.fails_at = (options & OPTION_NO_MEMORY) != 0 ? 7 : 0;
    forest->dollar_is_special = (options & OPTION_PLAIN) == 0;
    memory_begin(&forest->memory, &environment);
    for (unsigned kind = 0; kind < 2; kind++) {
        struct topic_tree *tree = &forest->trees[kind];
        if (!topic_tree_begin(tree, (enum topic_tree_kind)kind, &forest->memory, 4711))
            return false;
        tree->small_size = (options & OPTION_TOGETHER) != 0 ? 0 : tree->small_size;
    }
    return true;
}

/* A tree without entries is without nodes, and what was taken is given back. */
static bool end(struct forest *forest) {
    bool holds = true;
    for (unsigned kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < forest->counts[kind]; i++)
            holds = remove_text(forest, (enum topic_tree_kind)kind, forest->entries[kind][i].text) && holds;
        if (holds && forest->trees[kind].node_count != 0)
            holds = fuzz_fails(forest->finding, "%zu nodes are left in an empty tree", forest->trees[kind].node_count);
        topic_tree_end(&forest->trees[kind]);
    }
    memory_end(&forest->memory);
    return (forest->account.live == 0 ||
            fuzz_fails(forest->finding, "the trees keep %zu bytes", forest->account.live)) &&
           holds;
}

bool fuzz_topic(const uint8_t *data, size_t size, struct finding *finding) {
    static const struct forest nothing;
    struct forest forest = nothing;
    if (size == 0)
        return true;
    forest.finding = finding;
    bool holds = true;
    bool has_trees = begin(&forest, data[0]);
    size_t at = 1;
    for (unsigned line = 0; has_trees && holds && at < size && line < MOST_LINES; line++) {
        const uint8_t *end_of_line = memchr(data + at, '\n', size - at);
        size_t length = end_of_line == NULL ? size - at : (size_t)(end_of_line - data) - at;
        if (length > 0 && length <= LONGEST_TEXT)
            holds = take_line(&forest, (enum action)(data[at] % ACTION_COUNT),
                              (struct mqtt_bytes){data + at + 1, (uint32_t)length - 1});
        at += length + 1;
    }
    return end(&forest) && holds;
}
