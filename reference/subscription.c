/* Which session subscribed to which Topic Filter: a list at the session and one at the filter's node. */
#include "reference/core.h"

struct subscription *subscription_find(struct session *session, struct mqtt_bytes filter) {
    struct topic_node *node = topic_tree_find(&session->broker->subscriptions, filter);
    if (node == NULL || node->value == NULL)
        return NULL;
    /* The shorter of the two lists that would hold it. */
    const struct subscribers *subscribers = node->value;
    if (session->subscription_count < subscribers->count) {
        for (struct subscription *each = session->subscriptions; each != NULL; each = each->next_of_session)
            if (each->node == node)
                return each;
        return NULL;
    }
    for (struct subscription *each = subscribers->first; each != NULL; each = each->next_of_node)
        if (each->session == session)
            return each;
    return NULL;
}

static void link_subscription(struct subscription *subscription) {
    struct session *session = subscription->session;
    struct subscribers *subscribers = subscription->node->value;
    subscription->next_of_session = session->subscriptions;
    if (session->subscriptions != NULL)
        session->subscriptions->previous_of_session = subscription;
    session->subscriptions = subscription;
    session->subscription_count++;
    subscription->next_of_node = subscribers->first;
    if (subscribers->first != NULL)
        subscribers->first->previous_of_node = subscription;
    subscribers->first = subscription;
    subscribers->count++;
    session->broker->counts.subscriptions++;
}

struct subscription *subscription_set(struct session *session, struct mqtt_bytes filter, uint8_t qos, bool *existed) {
    struct broker *broker = session->broker;
    struct subscription *subscription = subscription_find(session, filter);
    *existed = subscription != NULL;
    if (*existed) {
        subscription->qos = qos;
        return subscription;
    }
    struct topic_node *node = topic_tree_insert(&broker->subscriptions, filter);
    if (node == NULL)
        return NULL;
    if (node->value == NULL)
        node->value = memory_take_zeroed(&broker->memory, sizeof(struct subscribers));
    subscription = node->value != NULL ? memory_take_zeroed(&broker->memory, sizeof *subscription) : NULL;
    if (subscription == NULL) {
        struct subscribers *subscribers = node->value;
        if (subscribers != NULL && subscribers->count == 0) {
            memory_give(&broker->memory, subscribers, sizeof *subscribers);
            node->value = NULL;
        }
        topic_tree_prune(&broker->subscriptions, node);
        return NULL;
    }
    subscription->session = session;
    subscription->node = node;
    subscription->qos = qos;
    link_subscription(subscription);
    return subscription;
}

void subscription_remove(struct subscription *subscription) {
    struct session *session = subscription->session;
    struct broker *broker = session->broker;
    struct topic_node *node = subscription->node;
    struct subscribers *subscribers = node->value;
    if (subscription->next_of_session != NULL)
        subscription->next_of_session->previous_of_session = subscription->previous_of_session;
    if (subscription->previous_of_session != NULL)
        subscription->previous_of_session->next_of_session = subscription->next_of_session;
    else
        session->subscriptions = subscription->next_of_session;
    session->subscription_count--;
    if (subscription->next_of_node != NULL)
        subscription->next_of_node->previous_of_node = subscription->previous_of_node;
    if (subscription->previous_of_node != NULL)
        subscription->previous_of_node->next_of_node = subscription->next_of_node;
    else
        subscribers->first = subscription->next_of_node;
    if (--subscribers->count == 0) {
        memory_give(&broker->memory, subscribers, sizeof *subscribers);
        node->value = NULL;
        topic_tree_prune(&broker->subscriptions, node);
    }
    broker->counts.subscriptions--;
    memory_give(&broker->memory, subscription, sizeof *subscription);
}
