/* Which session subscribed to which Topic Filter: a list at the session and one at the filter's node, or at the share
 * there. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"
#include "reference/persist.h"

/* A filter taken apart: what is matched, and the ShareName, absent where it is not shared. The broker offers Shared
 * Subscriptions in every version: names that begin with $ are the Server's to give a meaning, section 4.7.2. */
struct target {
    struct mqtt_bytes filter;
    struct mqtt_bytes share_name;
};

static struct target target_of(struct mqtt_bytes filter) {
    struct target target = {.filter = filter};
    if (!mqtt_shared_filter(filter, &target.share_name, &target.filter))
        target = (struct target){.filter = filter};
    return target;
}

/* ---- Finding ------------------------------------------------------------------------------------------------ */

static struct subscription *find_in(struct session *session, const struct topic_node *node, const struct share *share) {
    const struct subscribers *subscribers = node->value;
    uint32_t count = share != NULL ? share->members : subscribers->count;
    /* The shorter of the two lists that would hold it. */
    if (session->subscription_count < count) {
        for (struct subscription *each = session->subscriptions; each != NULL; each = each->next_of_session)
            if (each->node == node && each->share == share)
                return each;
        return NULL;
    }
    struct subscription *each = share != NULL ? share->first : subscribers->first;
    for (; each != NULL; each = each->next_of_node)
        if (each->session == session)
            return each;
    return NULL;
}

static struct subscription *find(struct session *session, const struct target *target) {
    struct topic_node *node = topic_tree_find(&session->broker->subscriptions, target->filter);
    if (node == NULL || node->value == NULL)
        return NULL;
    if (target->share_name.data == NULL)
        return find_in(session, node, NULL);
    struct share *share = share_find(node->value, target->share_name);
    return share != NULL ? find_in(session, node, share) : NULL;
}

struct subscription *subscription_find(struct session *session, struct mqtt_bytes filter) {
    struct target target = target_of(filter);
    return find(session, &target);
}

/* ---- Adding ------------------------------------------------------------------------------------------------- */

static void link_subscription(struct subscription *subscription) {
    struct session *session = subscription->session;
    struct subscribers *subscribers = subscription->node->value;
    subscription->next_of_session = session->subscriptions;
    if (session->subscriptions != NULL)
        session->subscriptions->previous_of_session = subscription;
    session->subscriptions = subscription;
    session->subscription_count++;
    session->broker->counts.subscriptions++;
    if (subscription->share != NULL) {
        session->broker->counts.shared_subscriptions++;
        share_join(subscription->share, subscription);
        return;
    }
    subscription->next_of_node = subscribers->first;
    if (subscribers->first != NULL)
        subscribers->first->previous_of_node = subscription;
    subscribers->first = subscription;
    subscribers->count++;
}

/* A node that nobody subscribes to any more goes. */
static void drop_if_empty(struct broker *broker, struct topic_node *node) {
    struct subscribers *subscribers = node->value;
    if (subscribers != NULL && (subscribers->first != NULL || subscribers->shares != NULL))
        return;
    memory_give(&broker->memory, subscribers, sizeof *subscribers);
    node->value = NULL;
    topic_tree_prune(&broker->subscriptions, node);
}

static struct subscription *add(struct session *session, const struct target *target) {
    struct broker *broker = session->broker;
    struct topic_node *node = topic_tree_insert(&broker->subscriptions, target->filter);
    if (node == NULL)
        return NULL;
    if (node->value == NULL)
        node->value = memory_take_zeroed(&broker->memory, sizeof(struct subscribers));
    struct subscription *subscription =
        node->value != NULL ? memory_take_zeroed(&broker->memory, sizeof *subscription) : NULL;
    if (subscription == NULL) {
        drop_if_empty(broker, node);
        return NULL;
    }
    if (target->share_name.data != NULL) {
        subscription->share = share_of(broker, node, target->share_name);
        if (subscription->share == NULL) {
            memory_give(&broker->memory, subscription, sizeof *subscription);
            drop_if_empty(broker, node);
            return NULL;
        }
    }
    subscription->session = session;
    subscription->node = node;
    link_subscription(subscription);
    return subscription;
}

struct subscription *subscription_set(struct session *session, struct mqtt_bytes filter, uint8_t options,
                                      uint32_t identifier, bool *existed) {
    struct target target = target_of(filter);
    struct subscription *subscription = find(session, &target);
    *existed = subscription != NULL;
    if (subscription == NULL)
        subscription = add(session, &target);
    if (subscription == NULL)
        return NULL;
    subscription->options = options;
    subscription->identifier = identifier;
    persist_subscription(subscription);
    return subscription;
}

/* ---- Removing ----------------------------------------------------------------------------------------------- */

static void unlink_from_node(struct subscription *subscription) {
    struct subscribers *subscribers = subscription->node->value;
    if (subscription->share != NULL) {
        share_quit(subscription->share, subscription);
        return;
    }
    if (subscription->next_of_node != NULL)
        subscription->next_of_node->previous_of_node = subscription->previous_of_node;
    if (subscription->previous_of_node != NULL)
        subscription->previous_of_node->next_of_node = subscription->next_of_node;
    else
        subscribers->first = subscription->next_of_node;
    subscribers->count--;
}

void subscription_remove(struct subscription *subscription) {
    struct session *session = subscription->session;
    struct broker *broker = session->broker;
    persist_subscription_end(subscription);
    if (subscription->next_of_session != NULL)
        subscription->next_of_session->previous_of_session = subscription->previous_of_session;
    if (subscription->previous_of_session != NULL)
        subscription->previous_of_session->next_of_session = subscription->next_of_session;
    else
        session->subscriptions = subscription->next_of_session;
    session->subscription_count--;
    if (subscription->share != NULL)
        broker->counts.shared_subscriptions--;
    unlink_from_node(subscription);
    drop_if_empty(broker, subscription->node);
    broker->counts.subscriptions--;
    memory_give(&broker->memory, subscription, sizeof *subscription);
}

struct mqtt_bytes subscription_filter(const struct subscription *subscription, uint8_t *text) {
    if (subscription->share != NULL)
        return share_filter(subscription->share, text);
    topic_node_text(subscription->node, text);
    return (struct mqtt_bytes){text, topic_node_length(subscription->node)};
}
