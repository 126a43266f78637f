/* Shared Subscriptions, section 4.8.2 of MQTT 5.0: each message goes to one of those who share. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"

#define SHARE_PREFIX "$share/"

struct share *share_find(const struct subscribers *subscribers, struct mqtt_bytes name) {
    for (struct share *share = subscribers->shares; share != NULL; share = share->next)
        if (mqtt_equal((struct mqtt_bytes){share->name, share->name_length}, name))
            return share;
    return NULL;
}

struct share *share_of(struct broker *broker, struct topic_node *node, struct mqtt_bytes name) {
    struct subscribers *subscribers = node->value;
    struct share *share = share_find(subscribers, name);
    if (share != NULL)
        return share;
    share = memory_take(&broker->memory, sizeof *share + name.length);
    if (share == NULL)
        return NULL;
    memset(share, 0, sizeof *share);
    share->node = node;
    share->name_length = name.length;
    memcpy(share->name, name.data, name.length);
    share->next = subscribers->shares;
    subscribers->shares = share;
    return share;
}

void share_join(struct share *share, struct subscription *subscription) {
    subscription->next_of_node = share->first;
    if (share->first != NULL)
        share->first->previous_of_node = subscription;
    share->first = subscription;
    share->members++;
    if (share->turn == NULL)
        share->turn = subscription;
}

static void unlink_from_node(struct share *share) {
    struct subscribers *subscribers = share->node->value;
    struct share **link = &subscribers->shares;
    while (*link != share)
        link = &(*link)->next;
    *link = share->next;
    share->node = NULL;
}

static void free_if_unused(struct broker *broker, struct share *share) {
    if (share->members == 0 && share->deliveries == 0)
        memory_give(&broker->memory, share, sizeof *share + share->name_length);
}

void share_quit(struct share *share, struct subscription *subscription) {
    struct broker *broker = subscription->session->broker;
    if (share->turn == subscription)
        share->turn = subscription->next_of_node;
    if (subscription->next_of_node != NULL)
        subscription->next_of_node->previous_of_node = subscription->previous_of_node;
    if (subscription->previous_of_node != NULL)
        subscription->previous_of_node->next_of_node = subscription->next_of_node;
    else
        share->first = subscription->next_of_node;
    if (share->turn == NULL)
        share->turn = share->first;
    if (--share->members > 0)
        return;
    unlink_from_node(share);
    free_if_unused(broker, share);
}

struct subscription *share_choose(struct share *share, const struct session *except) {
    struct subscription *away = NULL, *member = share->turn;
    for (uint32_t i = 0; i < share->members; i++) {
        struct subscription *next = member->next_of_node != NULL ? member->next_of_node : share->first;
        bool is_there = member->session->connection != NULL && member->session->connection->given_up == NULL;
        if (member->session != except && is_there) {
            share->turn = next;
            return member;
        }
        if (member->session != except && away == NULL)
            away = member;
        member = next;
    }
    if (away != NULL) /* all are: each queues in its turn */
        share->turn = away->next_of_node != NULL ? away->next_of_node : share->first;
    return away;
}

struct mqtt_bytes share_filter(const struct share *share, uint8_t *text) {
    if (share == NULL || share->node == NULL)
        return (struct mqtt_bytes){NULL, 0};
    memcpy(text, SHARE_PREFIX, sizeof SHARE_PREFIX - 1);
    memcpy(text + sizeof SHARE_PREFIX - 1, share->name, share->name_length);
    uint32_t start = (uint32_t)sizeof SHARE_PREFIX + share->name_length;
    text[start - 1] = '/';
    topic_node_text(share->node, text + start);
    return (struct mqtt_bytes){text, start + topic_node_length(share->node)};
}

void share_hold(struct share *share) {
    if (share != NULL)
        share->deliveries++;
}

void share_release(struct broker *broker, struct share *share) {
    if (share == NULL)
        return;
    assert(share->deliveries > 0);
    share->deliveries--;
    free_if_unused(broker, share);
}
