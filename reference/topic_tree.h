/* Topic Filters or Topic Names by levels, each node one level, section 4.7.
 *
 * A tree of filters holds subscriptions and is asked by Topic Name; a tree of names holds retained messages and is
 * asked by Topic Filter. What a node stands for is its `value`; nodes without one only lead to others. */
#ifndef MQSPEC_TOPIC_TREE_H
#define MQSPEC_TOPIC_TREE_H

#include "codec/codec.h"
#include "reference/memory.h"

struct topic_node {
    void *value; /* NULL: nothing here */
    struct topic_node *parent;
    struct topic_node *first_child;
    struct topic_node *next_sibling;
    struct topic_node *previous_sibling;
    struct topic_node *plus;      /* the child whose level is +, in a tree of filters */
    struct topic_node *number;    /* the child whose level is #, in a tree of filters */
    struct topic_node *hash_next; /* in its bucket */
    uint64_t hash;
    uint32_t length;
    uint8_t level[]; /* `length` bytes */
};

enum topic_tree_kind { TREE_OF_FILTERS, TREE_OF_NAMES };

struct topic_tree {
    struct memory *memory;
    enum topic_tree_kind kind;
    uint64_t seed; /* makes it hard to send topics that collide */
    struct topic_node *root;
    struct topic_node **buckets;
    size_t bucket_count; /* a power of two */
    size_t node_count;
    size_t small_size; /* so many nodes are taken to be in the processor's cache: see match_name() */
};

/* False where there is no memory; topic_tree_end() need not follow then. */
bool topic_tree_begin(struct topic_tree *tree, enum topic_tree_kind kind, struct memory *memory, uint64_t seed);

/* Frees all nodes. Their values are the caller's to free before. */
void topic_tree_end(struct topic_tree *tree);

/* The node of a filter or name, made if need be; NULL where there is no memory. A node that is made and gets no
 * value must be pruned. */
struct topic_node *topic_tree_insert(struct topic_tree *tree, struct mqtt_bytes text);

/* The node of a filter or name, or NULL. */
struct topic_node *topic_tree_find(const struct topic_tree *tree, struct mqtt_bytes text);

/* Removes the node and the ancestors that only led to it, unless it has a value or children. */
void topic_tree_prune(struct topic_tree *tree, struct topic_node *node);

/* Bytes of the filter or name that the node stands for; and writes them to `text`, which has room for them. */
uint32_t topic_node_length(const struct topic_node *node);
void topic_node_text(const struct topic_node *node, uint8_t *text);

typedef void topic_visitor(void *context, struct topic_node *node);

/* Visits each node with a value whose filter matches the Topic Name, or whose name matches the Topic Filter. The
 * visitor must not change the tree. With `dollar_is_special`, a leading wildcard does not match a leading $. */
void topic_tree_match(const struct topic_tree *tree, struct mqtt_bytes text, bool dollar_is_special,
                      topic_visitor *visit, void *context);

/* Visits each node with a value. The visitor may clear the value, and change nothing else; nodes that then lead nowhere
 * are removed. */
void topic_tree_each(struct topic_tree *tree, topic_visitor *visit, void *context);

#endif
