/* The messages that topics retain, section 3.3.1.3. */
#include <assert.h>

#include "reference/core.h"
#include "reference/persist.h"

/* Looking for what has expired goes through all that is retained. That one has expired is also seen when it would be
 * delivered, so the look may wait a little. */
#define BETWEEN_LOOKS MICROSECONDS_PER_SECOND

static void forget_retained(struct broker *broker, struct topic_node *node) {
    if (node->value == NULL)
        return;
    persist_retained_end(broker, node->value);
    message_release(broker, node->value);
    node->value = NULL;
    broker->counts.retained--;
}

static void forget_topic(struct broker *broker, struct topic_node *node) {
    forget_retained(broker, node);
    topic_tree_prune(&broker->retained, node);
}

/* ---- Storing ------------------------------------------------------------------------------------------------ */

static microseconds expiry_of(const struct message *message) {
    if (message->expiry_interval == NO_EXPIRY)
        return NO_DEADLINE;
    return message->published + message->expiry_interval * MICROSECONDS_PER_SECOND + 1;
}

static void look_again(struct broker *broker, microseconds expiry) {
    microseconds soonest = broker->now + BETWEEN_LOOKS;
    timers_set(broker, &broker->retained_timer, expiry > soonest ? expiry : soonest);
}

/* Before 5.0, MQTT-3.3.1-7 has a new message of QoS 0 replace the old one too. */
static void store_retained(struct broker *broker, enum mqtt_version version, const struct application_message *parts) {
    struct topic_node *node = topic_tree_insert(&broker->retained, parts->topic);
    if (node == NULL)
        return;
    bool keeps_old = node->value != NULL && version != MQTT_5_0 && mqtt_publish_qos(parts->flags) == 0 &&
                     !MUST(&broker->rules, V311(3_3_1_7));
    struct message *message = keeps_old ? NULL : message_create(broker, parts);
    if (message != NULL) {
        forget_retained(broker, node);
        node->value = message;
        broker->counts.retained++;
        persist_retained(broker, message);
        if (expiry_of(message) < broker->retained_timer.deadline)
            look_again(broker, expiry_of(message));
    }
    topic_tree_prune(&broker->retained, node);
}

void retain_message(struct broker *broker, enum mqtt_version version, const struct application_message *parts) {
    struct spec_rules *rules = &broker->rules;
    if (!broker_retains(broker))
        return;
    if (parts->payload.length == 0) {
        struct topic_node *node = topic_tree_find(&broker->retained, parts->topic);
        if (node != NULL && node->value != NULL && MUST(rules, BY_VERSION(version, V311(3_3_1_10), V5(3_3_1_6))))
            forget_topic(broker, node);
        if (MUST(rules, BY_VERSION(version, V311(3_3_1_11), V5(3_3_1_7))))
            return;
    }
    if (MUST(rules, BY_VERSION(version, V311(3_3_1_5), V5(3_3_1_5))))
        store_retained(broker, version, parts);
}

struct message *retained_find(const struct broker *broker, struct mqtt_bytes topic) {
    const struct topic_node *node = topic_tree_find(&broker->retained, topic);
    return node != NULL ? node->value : NULL;
}

bool retained_restore(struct broker *broker, struct message *message) {
    struct topic_node *node = topic_tree_insert(&broker->retained, message_topic(message));
    if (node == NULL)
        return false;
    message_keep(message);
    node->value = message;
    broker->counts.retained++;
    if (message->expiry_interval != NO_EXPIRY)
        look_again(broker, broker->now); /* it may be over already, and what is over has no deadline */
    return true;
}

/* ---- Delivering to a new subscription ------------------------------------------------------------------------- */

static void deliver_retained(void *context, struct topic_node *node) {
    struct subscription *subscription = context;
    struct session *session = subscription->session;
    struct broker *broker = session->broker;
    struct message *message = node->value;
    if (message_has_expired(broker, message) && MUST(&broker->rules, V5(3_3_2_5)))
        return;
    bool is_own = message->publisher != 0 && message->publisher == session->hash;
    if ((subscription->options & MQTT_SUBSCRIBE_NO_LOCAL) != 0 && is_own && MUST(&broker->rules, V5(3_8_3_3)))
        return;
    publish_retained(subscription, message);
}

void publish_retained_to(struct subscription *subscription, struct mqtt_bytes filter) {
    struct broker *broker = subscription->session->broker;
    enum mqtt_version version = subscription->session->version;
    if (MUST(&broker->rules, BY_VERSION(version, V311(3_3_1_6), V5(3_3_1_9))))
        topic_tree_match(&broker->retained, filter,
                         MUST(&broker->rules, BY_VERSION(version, V311(4_7_2_1), V5(4_7_2_1))), deliver_retained,
                         subscription);
}

/* ---- Forgetting ------------------------------------------------------------------------------------------------ */

struct look {
    struct broker *broker;
    microseconds next; /* when the first of those that are left expires */
};

static void look_at(void *context, struct topic_node *node) {
    struct look *look = context;
    const struct message *message = node->value;
    microseconds expiry = expiry_of(message);
    if (message_has_expired(look->broker, message))
        forget_retained(look->broker, node);
    else if (expiry < look->next)
        look->next = expiry;
}

void retained_expire(struct broker *broker) {
    struct look look = {.broker = broker, .next = NO_DEADLINE};
    topic_tree_each(&broker->retained, look_at, &look);
    look_again(broker, look.next);
}

static void forget_visited(void *context, struct topic_node *node) {
    forget_retained(context, node);
}

void retained_clear(struct broker *broker) {
    topic_tree_each(&broker->retained, forget_visited, broker);
}
