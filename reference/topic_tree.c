#include "reference/topic_tree.h"

#include <assert.h>
#include <string.h>

#define SMALL_SIZE         4096u /* nodes */
#define FIRST_BUCKET_COUNT ((size_t)64)

/* ---- Levels --------------------------------------------------------------------------------------------- */

struct level {
    const uint8_t *bytes;
    uint32_t length;
};

static bool has_level(struct mqtt_bytes text, uint32_t start) {
    return start <= text.length;
}

/* The level that starts at `start`. Past the last level, a walk stands at length + 1. */
static struct level level_at(struct mqtt_bytes text, uint32_t start) {
    assert(has_level(text, start));
    const uint8_t *bytes = text.data + start;
    uint32_t rest = text.length - start;
    const uint8_t *slash = rest > 0 ? memchr(bytes, '/', rest) : NULL;
    return (struct level){bytes, slash != NULL ? (uint32_t)(slash - bytes) : rest};
}

/* The start of the level before the one that starts at `start`, which is not the first. */
static uint32_t previous_start(struct mqtt_bytes text, uint32_t start) {
    assert(start > 0);
    uint32_t before = start - 1; /* the separator, or the end of the text */
    while (before > 0 && text.data[before - 1] != '/')
        before--;
    return before;
}

static bool level_is(struct level level, char wildcard) {
    return level.length == 1 && level.bytes[0] == (uint8_t)wildcard;
}

/* ---- The table of children ------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ (hash >> 32);
}

static uint64_t hash_level(const struct topic_tree *tree, const struct topic_node *parent, struct level level) {
    uint64_t hash = mix(tree->seed ^ level.length, parent->hash);
    uint32_t at = 0;
    for (; level.length - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, level.bytes + at, 8);
        hash = mix(hash, word);
    }
    uint64_t last = 0;
    if (level.length > at)
        memcpy(&last, level.bytes + at, level.length - at);
    return mix(hash, last);
}

static struct topic_node *find_in_bucket(struct topic_node *node, const struct topic_node *parent, struct level level) {
    for (; node != NULL; node = node->hash_next)
        if (node->parent == parent && node->length == level.length &&
            memcmp(node->level, level.bytes, level.length) == 0)
            return node;
    return NULL;
}

static struct topic_node *find_literal(const struct topic_tree *tree, const struct topic_node *parent,
                                       struct level level) {
    uint64_t hash = hash_level(tree, parent, level);
    return find_in_bucket(tree->buckets[hash & (tree->bucket_count - 1)], parent, level);
}

static struct topic_node *find_child(const struct topic_tree *tree, const struct topic_node *parent,
                                     struct level level) {
    if (tree->kind == TREE_OF_FILTERS && level_is(level, '+'))
        return parent->plus;
    if (tree->kind == TREE_OF_FILTERS && level_is(level, '#'))
        return parent->number;
    return find_literal(tree, parent, level);
}

/* More buckets when there are as many nodes as buckets. Without memory the chains grow longer, nothing else. */
static void grow_buckets(struct topic_tree *tree) {
    size_t count = tree->bucket_count * 2;
    struct topic_node **buckets = memory_take_zeroed(tree->memory, count * sizeof *buckets);
    if (buckets == NULL)
        return;
    for (size_t i = 0; i < tree->bucket_count; i++) {
        struct topic_node *node = tree->buckets[i];
        while (node != NULL) {
            struct topic_node *next = node->hash_next;
            struct topic_node **bucket = &buckets[node->hash & (count - 1)];
            node->hash_next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    memory_give(tree->memory, tree->buckets, tree->bucket_count * sizeof *tree->buckets);
    tree->buckets = buckets;
    tree->bucket_count = count;
}

static bool has_literal(const struct topic_node *node) {
    return node->first_child != NULL;
}

static bool is_wildcard_child(const struct topic_node *node) {
    return node->parent != NULL && (node->parent->plus == node || node->parent->number == node);
}

static struct topic_node *add_child(struct topic_tree *tree, struct topic_node *parent, struct level level) {
    struct topic_node *node = memory_take(tree->memory, sizeof *node + level.length);
    if (node == NULL)
        return NULL;
    memset(node, 0, sizeof *node);
    node->parent = parent;
    node->length = level.length;
    memcpy(node->level, level.bytes, level.length);
    node->hash = hash_level(tree, parent, level);
    node->next_sibling = parent->first_child;
    if (parent->first_child != NULL)
        parent->first_child->previous_sibling = node;
    parent->first_child = node;
    tree->node_count++;
    if (tree->kind == TREE_OF_FILTERS && level_is(level, '+')) {
        parent->plus = node;
    } else if (tree->kind == TREE_OF_FILTERS && level_is(level, '#')) {
        parent->number = node;
    } else {
        if (tree->node_count > tree->bucket_count)
            grow_buckets(tree);
        struct topic_node **bucket = &tree->buckets[node->hash & (tree->bucket_count - 1)];
        node->hash_next = *bucket;
        *bucket = node;
    }
    return node;
}

static void remove_from_bucket(struct topic_tree *tree, struct topic_node *node) {
    struct topic_node **link = &tree->buckets[node->hash & (tree->bucket_count - 1)];
    while (*link != node) {
        assert(*link != NULL);
        link = &(*link)->hash_next;
    }
    *link = node->hash_next;
}

static void remove_leaf(struct topic_tree *tree, struct topic_node *node) {
    assert(node->first_child == NULL && node->parent != NULL);
    struct topic_node *parent = node->parent;
    if (!is_wildcard_child(node))
        remove_from_bucket(tree, node);
    if (parent->plus == node)
        parent->plus = NULL;
    if (parent->number == node)
        parent->number = NULL;
    if (node->previous_sibling != NULL)
        node->previous_sibling->next_sibling = node->next_sibling;
    else
        parent->first_child = node->next_sibling;
    if (node->next_sibling != NULL)
        node->next_sibling->previous_sibling = node->previous_sibling;
    tree->node_count--;
    memory_give(tree->memory, node, sizeof *node + node->length);
}

/* ---- Life ----------------------------------------------------------------------------------------------- */

bool topic_tree_begin(struct topic_tree *tree, enum topic_tree_kind kind, struct memory *memory, uint64_t seed) {
    *tree = (struct topic_tree){
        .memory = memory, .kind = kind, .seed = seed, .bucket_count = FIRST_BUCKET_COUNT, .small_size = SMALL_SIZE};
    tree->root = memory_take_zeroed(memory, sizeof *tree->root);
    tree->buckets = memory_take_zeroed(memory, FIRST_BUCKET_COUNT * sizeof *tree->buckets);
    if (tree->root != NULL && tree->buckets != NULL)
        return true;
    memory_give(memory, tree->root, sizeof *tree->root);
    memory_give(memory, tree->buckets, FIRST_BUCKET_COUNT * sizeof *tree->buckets);
    tree->root = NULL;
    return false;
}

void topic_tree_end(struct topic_tree *tree) {
    if (tree->root == NULL)
        return;
    struct topic_node *node = tree->root;
    while (node != tree->root || node->first_child != NULL) {
        if (node->first_child != NULL) {
            node = node->first_child;
            continue;
        }
        struct topic_node *parent = node->parent;
        remove_leaf(tree, node);
        node = parent;
    }
    memory_give(tree->memory, tree->root, sizeof *tree->root);
    memory_give(tree->memory, tree->buckets, tree->bucket_count * sizeof *tree->buckets);
    tree->root = NULL;
}

struct topic_node *topic_tree_insert(struct topic_tree *tree, struct mqtt_bytes text) {
    struct topic_node *node = tree->root;
    for (uint32_t start = 0; has_level(text, start);) {
        struct level level = level_at(text, start);
        struct topic_node *child = find_child(tree, node, level);
        if (child == NULL)
            child = add_child(tree, node, level);
        if (child == NULL) {
            topic_tree_prune(tree, node);
            return NULL;
        }
        node = child;
        start += level.length + 1;
    }
    return node;
}

struct topic_node *topic_tree_find(const struct topic_tree *tree, struct mqtt_bytes text) {
    struct topic_node *node = tree->root;
    for (uint32_t start = 0; node != NULL && has_level(text, start);) {
        struct level level = level_at(text, start);
        node = find_child(tree, node, level);
        start += level.length + 1;
    }
    return node;
}

void topic_tree_prune(struct topic_tree *tree, struct topic_node *node) {
    while (node->parent != NULL && node->value == NULL && node->first_child == NULL) {
        struct topic_node *parent = node->parent;
        remove_leaf(tree, node);
        node = parent;
    }
}

uint32_t topic_node_length(const struct topic_node *node) {
    uint32_t length = node->length;
    for (node = node->parent; node->parent != NULL; node = node->parent)
        length += node->length + 1;
    return length;
}

void topic_node_text(const struct topic_node *node, uint8_t *text) {
    uint8_t *end = text + topic_node_length(node);
    for (;;) {
        end -= node->length;
        memcpy(end, node->level, node->length);
        node = node->parent;
        if (node->parent == NULL)
            break;
        *--end = '/';
    }
    assert(end == text);
}

/* ---- Matching a name ---------------------------------------------------------------------------------------- */

/* A name may match filters in every part of the tree. In a small one, which is in the processor's cache, they are
 * followed depth first, and the way back is found by the nodes' parents.
 *
 * In a large one nearly each node that is looked at has to come from memory. There, all nodes that fit the levels so
 * far are followed together, level by level: while one comes, so do the others. Where there are too many at a time,
 * each is followed alone after all. Neither way needs a stack or recursion, however many levels somebody sends. */

#define TOGETHER 64u

static void visit_value(struct topic_node *node, topic_visitor *visit, void *context) {
    if (node->value != NULL)
        visit(context, node);
}

/* A Topic Name on its way through a tree of filters. */
struct name_walk {
    const struct topic_tree *tree;
    struct mqtt_bytes topic;
    bool dollar_leads; /* wildcards at the top do not match it */
    topic_visitor *visit;
    void *context;
};

static bool wildcards_apply(const struct name_walk *walk, const struct topic_node *parent) {
    return !(walk->dollar_leads && parent == walk->tree->root);
}

/* The next node to try, after the whole of `node` was: the + beside a literal level, then the same question for the
 * parent. NULL when all below `top` was tried. */
static struct topic_node *next_filter(const struct name_walk *walk, const struct topic_node *top,
                                      struct topic_node *node, uint32_t *start) {
    while (node != top) {
        struct topic_node *parent = node->parent;
        *start = previous_start(walk->topic, *start);
        if (node != parent->plus && parent->plus != NULL && wildcards_apply(walk, parent)) {
            *start += level_at(walk->topic, *start).length + 1;
            return parent->plus;
        }
        node = parent;
    }
    return NULL;
}

/* Follows what is below one node, whose children are compared with the level at `start`. */
static void match_alone(const struct name_walk *walk, struct topic_node *top, uint32_t start) {
    struct topic_node *node = top;
    while (node != NULL) {
        bool wildcards = wildcards_apply(walk, node);
        if (node->number != NULL && wildcards)
            visit_value(node->number, walk->visit, walk->context);
        struct topic_node *child = NULL;
        if (!has_level(walk->topic, start)) {
            visit_value(node, walk->visit, walk->context);
        } else if (node->first_child != NULL) {
            struct level level = level_at(walk->topic, start);
            child = find_literal(walk->tree, node, level);
            if (child == NULL && wildcards)
                child = node->plus;
            if (child != NULL)
                start += level.length + 1;
        }
        node = child != NULL ? child : next_filter(walk, top, node, &start);
    }
}

/* Brings the node from memory: it spans two lines of the cache. */
static inline void fetch(const struct topic_node *node) {
    __builtin_prefetch(node);
    __builtin_prefetch((const uint8_t *)node + 64);
}

/* The children of the nodes `here` that fit the level become the nodes `next`; returns how many. */
static uint32_t step(const struct name_walk *walk, struct level level, struct topic_node *const *here, uint32_t count,
                     struct topic_node **next) {
    const struct topic_tree *tree = walk->tree;
    struct topic_node **buckets[TOGETHER];
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct topic_node *node = here[i];
        buckets[i] = NULL;
        if (node->plus != NULL && wildcards_apply(walk, node)) {
            fetch(node->plus);
            next[found++] = node->plus;
        }
        if (!has_literal(node))
            continue;
        buckets[i] = &tree->buckets[hash_level(tree, node, level) & (tree->bucket_count - 1)];
        __builtin_prefetch(buckets[i]);
    }
    for (uint32_t i = 0; i < count; i++)
        if (buckets[i] != NULL && *buckets[i] != NULL)
            fetch(*buckets[i]);
    for (uint32_t i = 0; i < count; i++) {
        struct topic_node *child = buckets[i] != NULL ? find_in_bucket(*buckets[i], here[i], level) : NULL;
        if (child != NULL)
            next[found++] = child;
    }
    return found;
}

/* Nodes whose filters match: they are visited together, too, when all that they need is on its way. */
struct matched {
    uint32_t count;
    struct topic_node *nodes[2 * TOGETHER];
};

static void visit_matched(const struct name_walk *walk, struct matched *matched) {
    for (uint32_t i = 0; i < matched->count; i++)
        __builtin_prefetch(matched->nodes[i]->value);
    for (uint32_t i = 0; i < matched->count; i++)
        visit_value(matched->nodes[i], walk->visit, walk->context);
    matched->count = 0;
}

/* Gathers what ends here: the # below each node and, behind the last level, the nodes themselves. */
static void gather(const struct name_walk *walk, struct topic_node *const *here, uint32_t count, bool is_last,
                   struct matched *matched) {
    if (matched->count + 2 * count > 2 * TOGETHER)
        visit_matched(walk, matched);
    for (uint32_t i = 0; i < count; i++) {
        if (here[i]->number != NULL && wildcards_apply(walk, here[i])) {
            fetch(here[i]->number);
            matched->nodes[matched->count++] = here[i]->number;
        }
        if (is_last)
            matched->nodes[matched->count++] = here[i];
    }
}

static void match_together(const struct name_walk *walk) {
    struct topic_node *nodes[2][TOGETHER];
    struct topic_node **here = nodes[0], **next = nodes[1];
    struct matched matched;
    uint32_t count = 1, start = 0;
    matched.count = 0;
    here[0] = walk->tree->root;
    while (count > 0 && 2 * count <= TOGETHER) {
        bool is_last = !has_level(walk->topic, start);
        gather(walk, here, count, is_last, &matched);
        if (is_last) {
            count = 0;
            break;
        }
        struct level level = level_at(walk->topic, start);
        count = step(walk, level, here, count, next);
        start += level.length + 1;
        struct topic_node **other = here;
        here = next;
        next = other;
    }
    visit_matched(walk, &matched);
    for (uint32_t i = 0; i < count; i++)
        match_alone(walk, here[i], start);
}

static void match_name(const struct name_walk *walk) {
    if (walk->tree->node_count <= walk->tree->small_size)
        match_alone(walk, walk->tree->root, 0);
    else
        match_together(walk);
}

/* ---- Matching a filter -------------------------------------------------------------------------------------- */

/* A # matches its parent and everything below; at the top, not what begins with $. */
static void visit_below(const struct topic_tree *tree, struct topic_node *top, bool dollar_is_special,
                        topic_visitor *visit, void *context) {
    struct topic_node *node = top;
    for (;;) {
        bool hidden =
            dollar_is_special && node->parent == tree->root && node != top && node->length > 0 && node->level[0] == '$';
        if (!hidden)
            visit_value(node, visit, context);
        if (!hidden && node->first_child != NULL) {
            node = node->first_child;
            continue;
        }
        while (node != top && node->next_sibling == NULL)
            node = node->parent;
        if (node == top)
            return;
        node = node->next_sibling;
    }
}

static struct topic_node *skip_dollar(const struct topic_tree *tree, struct topic_node *node, bool dollar_is_special) {
    while (node != NULL && dollar_is_special && node->parent == tree->root && node->length > 0 && node->level[0] == '$')
        node = node->next_sibling;
    return node;
}

static struct topic_node *next_name(const struct topic_tree *tree, struct mqtt_bytes filter, bool dollar_is_special,
                                    struct topic_node *node, uint32_t *start) {
    while (node != tree->root) {
        *start = previous_start(filter, *start);
        struct level level = level_at(filter, *start);
        if (level_is(level, '+')) {
            struct topic_node *sibling = skip_dollar(tree, node->next_sibling, dollar_is_special);
            if (sibling != NULL) {
                *start += level.length + 1;
                return sibling;
            }
        }
        node = node->parent;
    }
    return NULL;
}

static void match_filter(const struct topic_tree *tree, struct mqtt_bytes filter, bool dollar_is_special,
                         topic_visitor *visit, void *context) {
    struct topic_node *node = tree->root;
    uint32_t start = 0;
    while (node != NULL) {
        struct topic_node *child = NULL;
        if (!has_level(filter, start)) {
            visit_value(node, visit, context);
        } else {
            struct level level = level_at(filter, start);
            if (level_is(level, '#'))
                visit_below(tree, node, dollar_is_special, visit, context);
            else if (level_is(level, '+'))
                child = skip_dollar(tree, node->first_child, dollar_is_special);
            else
                child = find_literal(tree, node, level);
            if (child != NULL)
                start += level.length + 1;
        }
        node = child != NULL ? child : next_name(tree, filter, dollar_is_special, node, &start);
    }
}

void topic_tree_match(const struct topic_tree *tree, struct mqtt_bytes text, bool dollar_is_special,
                      topic_visitor *visit, void *context) {
    if (tree->kind == TREE_OF_NAMES) {
        match_filter(tree, text, dollar_is_special, visit, context);
        return;
    }
    match_name(&(struct name_walk){.tree = tree,
                                   .topic = text,
                                   .dollar_leads = dollar_is_special && text.length > 0 && text.data[0] == '$',
                                   .visit = visit,
                                   .context = context});
}

void topic_tree_each(struct topic_tree *tree, topic_visitor *visit, void *context) {
    struct topic_node *node = tree->root;
    bool is_below_done = false;
    for (;;) {
        if (!is_below_done && node->first_child != NULL) {
            node = node->first_child;
            continue;
        }
        if (node == tree->root)
            return;
        struct topic_node *sibling = node->next_sibling, *parent = node->parent;
        visit_value(node, visit, context);
        if (node->value == NULL && node->first_child == NULL)
            remove_leaf(tree, node);
        is_below_done = sibling == NULL;
        node = sibling != NULL ? sibling : parent;
    }
}
