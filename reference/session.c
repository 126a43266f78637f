/* Sessions by Client Identifier, section 3.1.2.4 and 4.1. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"
#include "reference/persist.h"

#define FIRST_BUCKET_COUNT ((size_t)64)

uint64_t session_hash(struct broker *broker, struct mqtt_bytes client_identifier) {
    uint64_t hash = broker->sessions.seed ^ UINT64_C(0xCBF29CE484222325);
    for (uint32_t i = 0; i < client_identifier.length; i++) {
        hash = (hash ^ client_identifier.data[i]) * UINT64_C(0x100000001B3);
        hash ^= hash >> 29;
    }
    return hash;
}

bool sessions_begin(struct broker *broker) {
    struct session_table *table = &broker->sessions;
    table->seed = broker->memory.environment.random(broker->memory.environment.context);
    table->buckets = memory_take_zeroed(&broker->memory, FIRST_BUCKET_COUNT * sizeof *table->buckets);
    table->bucket_count = table->buckets != NULL ? FIRST_BUCKET_COUNT : 0;
    return table->buckets != NULL;
}

void sessions_end(struct broker *broker) {
    struct session_table *table = &broker->sessions;
    while (table->first != NULL)
        session_destroy(table->first);
    memory_give(&broker->memory, table->buckets, table->bucket_count * sizeof *table->buckets);
}

struct mqtt_bytes session_client_identifier(const struct session *session) {
    return (struct mqtt_bytes){session->client_identifier, session->client_identifier_length};
}

/* What sessions are told apart by. A broker that breaks MQTT-3.1.3-2 looks at all but the last byte. */
static struct mqtt_bytes key(struct broker *broker, struct mqtt_bytes client_identifier) {
    if (client_identifier.length > 1 && !MUST(&broker->rules, V311(3_1_3_2)))
        client_identifier.length--;
    return client_identifier;
}

struct session *session_find(struct broker *broker, struct mqtt_bytes client_identifier) {
    struct session_table *table = &broker->sessions;
    struct mqtt_bytes wanted = key(broker, client_identifier);
    uint64_t hash = session_hash(broker, wanted);
    for (struct session *session = table->buckets[hash & (table->bucket_count - 1)]; session != NULL;
         session = session->hash_next)
        if (session->hash == hash && mqtt_equal(key(broker, session_client_identifier(session)), wanted))
            return session;
    return NULL;
}

/* Without memory the chains grow longer, nothing else. */
static void grow_buckets(struct broker *broker) {
    struct session_table *table = &broker->sessions;
    size_t count = table->bucket_count * 2;
    struct session **buckets = memory_take_zeroed(&broker->memory, count * sizeof *buckets);
    if (buckets == NULL)
        return;
    for (struct session *session = table->first; session != NULL; session = session->next) {
        session->hash_next = buckets[session->hash & (count - 1)];
        buckets[session->hash & (count - 1)] = session;
    }
    memory_give(&broker->memory, table->buckets, table->bucket_count * sizeof *table->buckets);
    table->buckets = buckets;
    table->bucket_count = count;
}

struct session *session_create(struct broker *broker, struct mqtt_bytes client_identifier) {
    struct session_table *table = &broker->sessions;
    struct session *session = memory_take(&broker->memory, sizeof *session + client_identifier.length);
    if (session == NULL)
        return NULL;
    memset(session, 0, sizeof *session);
    if (!timers_reserve(broker, &session->timer, TIMER_SESSION)) {
        memory_give(&broker->memory, session, sizeof *session + client_identifier.length);
        return NULL;
    }
    session->expires = session->will_due = NO_DEADLINE;
    session->broker = broker;
    session->client_identifier_length = client_identifier.length;
    memcpy(session->client_identifier, client_identifier.data, client_identifier.length);
    session->hash = session_hash(broker, key(broker, client_identifier));
    if (table->count >= table->bucket_count)
        grow_buckets(broker);
    struct session **bucket = &table->buckets[session->hash & (table->bucket_count - 1)];
    session->hash_next = *bucket;
    *bucket = session;
    session->next = table->first;
    if (table->first != NULL)
        table->first->previous = session;
    table->first = session;
    table->count++;
    return session;
}

/* ---- Its time, sections 3.1.2.11.2 and 3.1.3.2.2 of 5.0 ------------------------------------------------------ */

void session_set_timer(struct session *session) {
    microseconds first = session->expires < session->will_due ? session->expires : session->will_due;
    timers_set(session->broker, &session->timer, first);
}

void session_leave(struct session *session) {
    session->connection = NULL;
    session->left = session->broker->now;
    session->expires = NO_DEADLINE;
    if (session->expiry != SESSION_NEVER_EXPIRES)
        session->expires = session->broker->now + session->expiry * MICROSECONDS_PER_SECOND;
    session_set_timer(session);
    persist_session(session);
}

void session_delay_will(struct session *session, struct message *will, uint32_t delay) {
    message_release(session->broker, session->will);
    message_keep(will);
    session->will = will;
    session->will_delay = delay;
    session->will_due = session->broker->now + delay * MICROSECONDS_PER_SECOND;
    session_set_timer(session);
}

static void publish_delayed_will(struct session *session) {
    struct broker *broker = session->broker;
    struct message *will = session->will;
    session->will = NULL;
    session->will_due = NO_DEADLINE;
    if (will == NULL)
        return;
    /* Before 5.0 only a broker that starts anew delays a Will: until it is there. */
    if (!broker->is_ending && MUST(&broker->rules, BY_VERSION(session->version, V311(3_1_2_8), V5(3_1_2_8))))
        publish_will(broker, will, session->version);
    if (session_is_kept(session))
        persist_session(session);
    message_release(broker, will);
}

void session_resume(struct session *session) {
    session->expires = NO_DEADLINE;
    if (session->will != NULL && MUST(&session->broker->rules, V5(3_1_3_9))) {
        message_release(session->broker, session->will);
        session->will = NULL;
        session->will_due = NO_DEADLINE;
    }
    session_set_timer(session);
}

void session_time_is_up(struct session *session) {
    microseconds now = session->broker->now;
    if (session->will_due <= now)
        publish_delayed_will(session);
    session_set_timer(session);
    if (session->expires > now)
        return;
    session->expires = NO_DEADLINE;
    session_set_timer(session);
    if (!MUST(&session->broker->rules, V5(4_1_0_2)))
        return;
    session->broker->counts.expired++;
    session_destroy(session);
}

/* ---- QoS 2 identifiers from the Client, section 4.3.3 --------------------------------------------------------- */

bool session_note_received(struct session *session, uint16_t packet_identifier) {
    if (!identifier_set_add(&session->broker->memory, &session->received, packet_identifier))
        return false;
    persist_received(session, packet_identifier);
    return true;
}

void session_forget_received(struct session *session, uint16_t packet_identifier) {
    if (identifier_set_remove(&session->received, packet_identifier))
        persist_received_end(session, packet_identifier);
}

/* ---- Its end ------------------------------------------------------------------------------------------------- */

static void unlink_session(struct session_table *table, struct session *session) {
    struct session **link = &table->buckets[session->hash & (table->bucket_count - 1)];
    while (*link != session) {
        assert(*link != NULL);
        link = &(*link)->hash_next;
    }
    *link = session->hash_next;
    if (session->next != NULL)
        session->next->previous = session->previous;
    if (session->previous != NULL)
        session->previous->next = session->next;
    else
        table->first = session->next;
    table->count--;
}

struct broker_client session_client(const struct session *session) {
    return (struct broker_client){
        .connection = session->connection != NULL ? session->connection->number : 0,
        .version = session->version,
        .client_identifier = session_client_identifier(session),
        .user_name = session->user_name,
        .is_certified = session->is_certified,
    };
}

static void forget_user(struct session *session) {
    memory_give(&session->broker->memory, (void *)session->user_name.data, session->user_name.length + 1);
    session->user_name = (struct mqtt_bytes){NULL, 0};
}

bool session_name_user(struct session *session, struct mqtt_bytes user_name, bool is_certified) {
    session->is_certified = is_certified;
    forget_user(session);
    if (user_name.data == NULL)
        return true;
    uint8_t *copy = memory_take(&session->broker->memory, user_name.length + 1); /* an empty name is one, too */
    if (copy == NULL)
        return false;
    if (user_name.length > 0)
        memcpy(copy, user_name.data, user_name.length);
    session->user_name = (struct mqtt_bytes){copy, user_name.length};
    return true;
}

void session_destroy(struct session *session) {
    struct broker *broker = session->broker;
    assert(session->connection == NULL);
    while (session->subscriptions != NULL)
        subscription_remove(session->subscriptions);
    if (!broker->is_ending)
        delivery_hand_over(session);
    delivery_clear(session);
    publish_delayed_will(session);
    delivery_clear(session); /* what a broker that breaks a rule may have added */
    persist_session_end(session);
    timers_return(broker, &session->timer);
    topic_aliases_clear(broker, &session->kept_aliases);
    memory_give(&broker->memory, session->by_identifier, session->identifier_capacity * sizeof *session->by_identifier);
    identifier_set_clear(&broker->memory, &session->received);
    unlink_session(&broker->sessions, session);
    forget_user(session);
    memory_give(&broker->memory, session, sizeof *session + session->client_identifier_length);
}
