/* From the core's state to the records of the store. */
#include "reference/persist.h"

#include <assert.h>
#include <string.h>

#include "reference/record.h"

/* ---- Records --------------------------------------------------------------------------------------------------- */

static void put(struct broker *broker, const struct record_key *key, const struct record_value *value) {
    if (broker->store == NULL || broker->failure != NULL)
        return;
    broker->is_uncommitted = true;
    broker->store->put(broker->store->context, (struct mqtt_bytes){key->bytes, key->length}, value->parts,
                       value->count);
}

static void put_nothing(struct broker *broker, const struct record_key *key) {
    struct record_value value;
    record_write_nothing(&value, key);
    put(broker, key, &value);
}

static void remove_record(struct broker *broker, enum record_kind kind, uint64_t first, uint64_t second) {
    if (broker->store == NULL || broker->failure != NULL)
        return;
    struct record_key key = record_key(kind, first, second);
    broker->is_uncommitted = true;
    broker->store->remove(broker->store->context, (struct mqtt_bytes){key.bytes, key.length});
}

void persist_format(struct broker *broker) {
    struct format_record record = {.version = RECORD_VERSION, .seed = broker->sessions.seed};
    struct record_key key = record_key(RECORD_FORMAT, 0, 0);
    struct record_value value;
    record_write_format(&value, &key, &record);
    put(broker, &key, &value);
}

/* By the wall clock, which goes on while the broker does not run. The sum may wrap, and so may `time`: a message can be
 * older than the core's own clock. */
static microseconds by_wall_clock(const struct broker *broker, microseconds time) {
    return time + broker->wall_offset;
}

/* ---- Messages -------------------------------------------------------------------------------------------------- */

static void put_message(struct broker *broker, const struct message *message) {
    struct application_message parts = message_view(message);
    struct message_record record = {
        .published = by_wall_clock(broker, message->published),
        .expiry_interval = message->expiry_interval,
        .publisher = message->publisher,
        .topic_length = message->topic_length,
        .payload_length = message->payload_length,
        .flags = parts.flags,
        .bytes = {message->bytes, message->topic_length + message->payload_length + message->properties_length}};
    struct record_key key = record_key(RECORD_MESSAGE, message->number, 0);
    struct record_value value;
    record_write_message(&value, &key, &record);
    put(broker, &key, &value);
}

/* One more record refers to it. Returns its number, 0 for no message. */
static uint64_t keep_stored(struct broker *broker, struct message *message) {
    if (message == NULL)
        return 0;
    if (message->records++ == 0) {
        message->number = ++broker->last_number;
        put_message(broker, message);
    }
    return message->number;
}

static void release_stored(struct broker *broker, struct message *message) {
    if (message == NULL)
        return;
    assert(message->records > 0);
    if (--message->records > 0)
        return;
    remove_record(broker, RECORD_MESSAGE, message->number, 0);
    message->number = 0;
}

void persist_message(struct broker *broker, struct message *message) {
    if (message->records > 0)
        put_message(broker, message);
}

void persist_unused_message(struct broker *broker, struct message *message) {
    if (message->records > 0)
        return;
    remove_record(broker, RECORD_MESSAGE, message->number, 0);
    message->number = 0;
}

/* What $SYS topics tell is of this process. */
static bool is_kept(const struct broker *broker, const struct message *message) {
    static const char own[] = "$SYS/";
    struct mqtt_bytes topic = message_topic(message);
    bool is_own = topic.length >= sizeof own - 1 && memcmp(topic.data, own, sizeof own - 1) == 0;
    return broker->store != NULL && !is_own;
}

void persist_retained(struct broker *broker, struct message *message) {
    if (!is_kept(broker, message))
        return;
    struct record_key key = record_key(RECORD_RETAINED, keep_stored(broker, message), 0);
    put_nothing(broker, &key);
}

void persist_retained_end(struct broker *broker, struct message *message) {
    if (!is_kept(broker, message))
        return;
    remove_record(broker, RECORD_RETAINED, message->number, 0);
    release_stored(broker, message);
}

/* ---- Subscriptions --------------------------------------------------------------------------------------------- */

void persist_put_subscription(struct subscription *subscription) {
    struct session *session = subscription->session;
    struct broker *broker = session->broker;
    if (subscription->number == 0)
        subscription->number = ++broker->last_number;
    struct subscription_record record = {.identifier = subscription->identifier,
                                         .options = subscription->options,
                                         .filter = subscription_filter(subscription, broker->text)};
    struct record_key key = record_key(RECORD_SUBSCRIPTION, session->kept.number, subscription->number);
    struct record_value value;
    record_write_subscription(&value, &key, &record);
    put(broker, &key, &value);
}

void persist_remove_subscription(struct subscription *subscription) {
    const struct session *session = subscription->session;
    remove_record(session->broker, RECORD_SUBSCRIPTION, session->kept.number, subscription->number);
    subscription->number = 0;
}

/* ---- Deliveries ------------------------------------------------------------------------------------------------ */

static struct mqtt_bytes write_identifiers(const struct delivery *delivery, uint8_t *buffer) {
    uint32_t length = 0;
    for (uint16_t i = 0; i < delivery->identifier_count; i++)
        for (uint32_t byte = 0; byte < RECORD_IDENTIFIER_SIZE; byte++)
            buffer[length++] = (uint8_t)(delivery->identifiers[i] >> (8 * (RECORD_IDENTIFIER_SIZE - 1 - byte)));
    return (struct mqtt_bytes){buffer, length};
}

void persist_put_delivery(struct session *session, struct delivery *delivery) {
    struct broker *broker = session->broker;
    uint8_t identifiers[IDENTIFIERS_ONCE * RECORD_IDENTIFIER_SIZE];
    assert(delivery->identifier_count <= IDENTIFIERS_ONCE);
    if (delivery->number == 0) {
        keep_stored(broker, delivery->message);
        delivery->number = ++broker->last_number;
    }
    struct delivery_record record = {.message = delivery->message != NULL ? delivery->message->number : 0,
                                     .packet_identifier = delivery->packet_identifier,
                                     .identifier_count = delivery->identifier_count,
                                     .state = (uint8_t)delivery->state,
                                     .qos = delivery->qos,
                                     .retain = delivery->retain,
                                     .identifiers = write_identifiers(delivery, identifiers),
                                     .share = share_filter(delivery->share, broker->text)};
    struct record_key key = record_key(RECORD_DELIVERY, session->kept.number, delivery->number);
    struct record_value value;
    record_write_delivery(&value, &key, &record);
    put(broker, &key, &value);
}

void persist_remove_delivery(struct session *session, struct delivery *delivery) {
    struct broker *broker = session->broker;
    remove_record(broker, RECORD_DELIVERY, session->kept.number, delivery->number);
    release_stored(broker, delivery->message);
    delivery->number = 0;
}

/* ---- Received identifiers -------------------------------------------------------------------------------------- */

void persist_put_received(struct session *session, uint16_t packet_identifier) {
    struct record_key key = record_key(RECORD_RECEIVED, session->kept.number, packet_identifier);
    put_nothing(session->broker, &key);
}

void persist_remove_received(struct session *session, uint16_t packet_identifier) {
    remove_record(session->broker, RECORD_RECEIVED, session->kept.number, packet_identifier);
}

/* ---- Sessions -------------------------------------------------------------------------------------------------- */

/* The record of the session refers to this Will from now on. Its connection may let go of it before the record is
 * changed, so it is kept in memory as long. */
static uint64_t keep_will(struct session *session, struct message *will) {
    struct broker *broker = session->broker;
    struct message *before = session->kept.will;
    session->kept.will = will;
    if (will != NULL)
        message_keep(will);
    uint64_t number = keep_stored(broker, will);
    release_stored(broker, before);
    message_release(broker, before);
    return number;
}

/* The Will is part of the Session's state, section 4.1 of 5.0, also while it is its connection's: should the broker end
 * without notice, so has that connection, and the Will is to be published. */
static void put_session(struct session *session) {
    struct broker *broker = session->broker;
    const struct connection *connection = session->connection;
    struct message *will = connection != NULL ? connection->will : session->will;
    uint32_t delay = connection != NULL ? connection->will_delay : session->will_delay;
    struct session_record record = {.left = connection != NULL ? 0 : by_wall_clock(broker, session->left),
                                    .will = keep_will(session, will),
                                    .will_delay = delay,
                                    .expiry = session->expiry,
                                    .version = (uint8_t)session->version,
                                    .is_certified = session->is_certified,
                                    .client_identifier = session_client_identifier(session),
                                    .user_name = session->user_name};
    struct record_key key = record_key(RECORD_SESSION, session->kept.number, 0);
    struct record_value value;
    record_write_session(&value, &key, &record);
    put(broker, &key, &value);
}

static void put_contents(struct session *session) {
    for (struct subscription *each = session->subscriptions; each != NULL; each = each->next_of_session)
        persist_subscription(each);
    for (unsigned state = 0; state < DELIVERY_STATES; state++)
        for (struct delivery *each = session->deliveries[state].first; each != NULL; each = each->next)
            persist_delivery(session, each);
    uint16_t identifier;
    for (uint32_t slot = 0; identifier_set_next(&session->received, &slot, &identifier);)
        persist_received(session, identifier);
}

void persist_session(struct session *session) {
    struct broker *broker = session->broker;
    if (broker->store == NULL)
        return;
    if (session->expiry == 0) {
        persist_session_end(session);
        return;
    }
    bool is_new = !session_is_kept(session);
    if (is_new)
        session->kept.number = ++broker->last_number;
    put_session(session);
    if (is_new)
        put_contents(session);
}

void persist_session_end(struct session *session) {
    struct broker *broker = session->broker;
    if (!session_is_kept(session))
        return;
    for (struct subscription *each = session->subscriptions; each != NULL; each = each->next_of_session)
        persist_subscription_end(each);
    for (unsigned state = 0; state < DELIVERY_STATES; state++)
        for (struct delivery *each = session->deliveries[state].first; each != NULL; each = each->next)
            persist_delivery_end(session, each);
    uint16_t identifier;
    for (uint32_t slot = 0; identifier_set_next(&session->received, &slot, &identifier);)
        persist_received_end(session, identifier);
    keep_will(session, NULL);
    remove_record(broker, RECORD_SESSION, session->kept.number, 0);
    session->kept.number = 0;
}

/* ---- Commits --------------------------------------------------------------------------------------------------- */

/* What waits to be sent may go now. */
static void let_output_go(struct broker *broker) {
    for (struct connection *each = broker->ready_first; each != NULL; each = each->ready_next)
        each->committed = each->output.waiting;
    broker->ready_committed = broker->ready_last;
}

bool broker_commit(struct broker *broker, microseconds now) {
    if (broker->store == NULL)
        return true;
    if (broker->failure != NULL)
        return false;
    const struct environment *environment = &broker->memory.environment;
    broker->wall_offset = environment->wall_clock(environment->context) - now;
    if (broker->is_uncommitted && !broker->store->commit(broker->store->context)) {
        broker->failure = broker->store->error(broker->store->context);
        return false;
    }
    broker->is_uncommitted = false;
    let_output_go(broker);
    return true;
}

const char *broker_failure(const struct broker *broker) {
    return broker->failure;
}
