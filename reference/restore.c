/* From the records of the store to the core's state, when the broker starts.
 *
 * Kinds are read in the order in which they refer to each other. What a record refers to by number is found in an array
 * that was filled in the order of the keys, and so is sorted. */
#include <assert.h>
#include <string.h>

#include "reference/persist.h"
#include "reference/record.h"

#define DAMAGED      "is damaged: move it away to start without it, or put a copy from before the damage in its place"
#define NOT_OURS     "holds something else than what mqspec keeps: name another place"
#define OTHER_FORMAT "was written by another version of mqspec: use that version, or name another place"
#define NO_MEMORY    "does not fit into memory"

struct numbered {
    uint64_t number;
    void *item;
};

/* Sorted by number. */
struct catalogue {
    struct numbered *entries;
    size_t count;
    size_t capacity;
};

struct restoring {
    struct broker *broker;
    microseconds now, wall;
    const char *problem; /* NULL: none yet */
    bool has_format;
    struct catalogue sessions;
    struct catalogue messages; /* each with a reference of its own */
};

static bool fail(struct restoring *restoring, const char *problem) {
    restoring->problem = problem;
    return false;
}

/* ---- Finding by number --------------------------------------------------------------------------------------- */

static bool add(struct restoring *restoring, struct catalogue *catalogue, uint64_t number, void *item) {
    struct memory *memory = &restoring->broker->memory;
    assert(catalogue->count == 0 || catalogue->entries[catalogue->count - 1].number < number);
    if (catalogue->count == catalogue->capacity) {
        size_t capacity = catalogue->capacity == 0 ? 64 : catalogue->capacity * 2;
        struct numbered *entries = memory_resize(memory, catalogue->entries, catalogue->capacity * sizeof *entries,
                                                 capacity * sizeof *entries, catalogue->count * sizeof *entries);
        if (entries == NULL)
            return fail(restoring, NO_MEMORY);
        catalogue->entries = entries;
        catalogue->capacity = capacity;
    }
    catalogue->entries[catalogue->count++] = (struct numbered){number, item};
    return true;
}

static void *find(const struct catalogue *catalogue, uint64_t number) {
    size_t low = 0, high = catalogue->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (catalogue->entries[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < catalogue->count && catalogue->entries[low].number == number ? catalogue->entries[low].item : NULL;
}

static void discard(struct restoring *restoring, struct catalogue *catalogue) {
    memory_give(&restoring->broker->memory, catalogue->entries, catalogue->capacity * sizeof *catalogue->entries);
}

/* No number is given out again. */
static void note_number(struct broker *broker, uint64_t number) {
    if (number > broker->last_number)
        broker->last_number = number;
}

/* ---- Time ---------------------------------------------------------------------------------------------------- */

/* How long ago by the wall clock; 0 where that jumped back. */
static microseconds age(const struct restoring *restoring, microseconds wall) {
    return restoring->wall > wall ? restoring->wall - wall : 0;
}

/* What is left of so many seconds. */
static microseconds what_is_left(uint32_t seconds, microseconds passed) {
    microseconds whole = seconds * MICROSECONDS_PER_SECOND;
    return whole > passed ? whole - passed : 0;
}

/* ---- One record of each kind --------------------------------------------------------------------------------- */

static bool restore_format(void *context, struct mqtt_bytes key, struct mqtt_bytes value) {
    struct restoring *restoring = context;
    struct format_record record;
    if (!record_read_format(key, value, &record))
        return fail(restoring, DAMAGED);
    if (record.version != RECORD_VERSION)
        return fail(restoring, OTHER_FORMAT);
    restoring->broker->sessions.seed = record.seed;
    restoring->has_format = true;
    return true;
}

static bool restore_message(void *context, struct mqtt_bytes key, struct mqtt_bytes value) {
    struct restoring *restoring = context;
    struct broker *broker = restoring->broker;
    struct message_record record;
    uint64_t number, none;
    if (!record_read_key(key, RECORD_MESSAGE, &number, &none) || number == 0 ||
        !record_read_message(key, value, &record))
        return fail(restoring, DAMAGED);
    uint32_t before_properties = record.topic_length + record.payload_length;
    struct application_message parts = {
        .topic = {record.bytes.data, record.topic_length},
        .payload = {record.bytes.data + record.topic_length, record.payload_length},
        .properties = {record.bytes.data + before_properties, record.bytes.length - before_properties},
        .is_stored = true,
        .flags = record.flags,
        .expiry_interval = record.expiry_interval,
        .published = restoring->now - age(restoring, record.published), /* may wrap, as all that is done with it */
        .publisher = record.publisher};
    struct message *message = message_create(broker, &parts);
    if (message == NULL)
        return fail(restoring, NO_MEMORY);
    message->number = number;
    note_number(broker, number);
    if (add(restoring, &restoring->messages, number, message))
        return true;
    message_release(broker, message);
    return false;
}

/* A Session whose Client was connected was left when the broker ended; nobody knows when, so it counts from now. */
static bool restore_session(void *context, struct mqtt_bytes key, struct mqtt_bytes value) {
    struct restoring *restoring = context;
    struct broker *broker = restoring->broker;
    struct session_record record;
    uint64_t number, none;
    if (!record_read_key(key, RECORD_SESSION, &number, &none) || number == 0 ||
        !record_read_session(key, value, &record) || record.expiry == 0 ||
        session_find(broker, record.client_identifier) != NULL)
        return fail(restoring, DAMAGED);
    struct message *will = find(&restoring->messages, record.will);
    if (record.will != 0 && will == NULL)
        return fail(restoring, DAMAGED);
    struct session *session = session_create(broker, record.client_identifier);
    if (session == NULL)
        return fail(restoring, NO_MEMORY);
    microseconds passed = record.left != 0 ? age(restoring, record.left) : 0;
    if (!session_name_user(session, record.user_name, record.is_certified))
        return fail(restoring, NO_MEMORY);
    session->version = (enum mqtt_version)record.version;
    session->expiry = record.expiry;
    session->kept = (struct kept_session){number, will};
    session->left = restoring->now - passed; /* may wrap */
    session->will_delay = record.will_delay;
    if (record.expiry != SESSION_NEVER_EXPIRES)
        session->expires = restoring->now + what_is_left(record.expiry, passed);
    if (will != NULL) {
        message_keep(will); /* for the Session */
        message_keep(will); /* and for its record */
        will->records++;
        session->will = will;
        session->will_due = restoring->now + what_is_left(record.will_delay, passed);
    }
    session_set_timer(session);
    note_number(broker, number);
    return add(restoring, &restoring->sessions, number, session);
}

static bool restore_subscription(void *context, struct mqtt_bytes key, struct mqtt_bytes value) {
    struct restoring *restoring = context;
    struct subscription_record record;
    uint64_t of_session, number;
    if (!record_read_key(key, RECORD_SUBSCRIPTION, &of_session, &number) || number == 0 ||
        !record_read_subscription(key, value, &record))
        return fail(restoring, DAMAGED);
    struct session *session = find(&restoring->sessions, of_session);
    bool existed = false;
    if (session == NULL)
        return fail(restoring, DAMAGED);
    struct subscription *subscription =
        subscription_set(session, record.filter, record.options, record.identifier, &existed);
    if (subscription == NULL || existed)
        return fail(restoring, existed ? DAMAGED : NO_MEMORY);
    subscription->number = number;
    note_number(restoring->broker, number);
    return true;
}

static void read_identifiers(const struct delivery_record *record, uint32_t *identifiers) {
    const uint8_t *bytes = record->identifiers.data;
    for (uint16_t i = 0; i < record->identifier_count; i++) {
        identifiers[i] = 0;
        for (uint32_t byte = 0; byte < RECORD_IDENTIFIER_SIZE; byte++)
            identifiers[i] = identifiers[i] << 8 | *bytes++;
    }
}

/* NULL too where it has no members any more. */
static struct share *find_share(struct broker *broker, struct mqtt_bytes text) {
    struct mqtt_bytes name, filter;
    if (text.length == 0 || !mqtt_shared_filter(text, &name, &filter))
        return NULL;
    const struct topic_node *node = topic_tree_find(&broker->subscriptions, filter);
    return node != NULL && node->value != NULL ? share_find(node->value, name) : NULL;
}

/* What was queued has a message and perhaps an identifier; what was sent has both. */
static bool is_consistent(const struct delivery_record *record, const struct message *message) {
    if (record->state >= DELIVERY_STATES || record->identifier_count > IDENTIFIERS_ONCE)
        return false;
    if ((message == NULL) != (record->message == 0))
        return false;
    return record->state == DELIVERY_RELEASED
               ? record->packet_identifier != 0
               : message != NULL && (record->state == DELIVERY_QUEUED || record->packet_identifier != 0);
}

static bool restore_delivery(void *context, struct mqtt_bytes key, struct mqtt_bytes value) {
    struct restoring *restoring = context;
    struct broker *broker = restoring->broker;
    struct delivery_record record;
    uint64_t of_session, number;
    if (!record_read_key(key, RECORD_DELIVERY, &of_session, &number) || number == 0 ||
        !record_read_delivery(key, value, &record))
        return fail(restoring, DAMAGED);
    struct session *session = find(&restoring->sessions, of_session);
    struct message *message = find(&restoring->messages, record.message);
    uint32_t identifiers[IDENTIFIERS_ONCE];
    if (session == NULL || !is_consistent(&record, message) ||
        (record.packet_identifier != 0 && delivery_find(session, record.packet_identifier) != NULL))
        return fail(restoring, DAMAGED);
    read_identifiers(&record, identifiers);
    struct delivery_terms terms = {.qos = record.qos,
                                   .retain = record.retain != 0,
                                   .share = find_share(broker, record.share),
                                   .identifiers = identifiers,
                                   .identifier_count = record.identifier_count};
    struct delivery *delivery =
        delivery_restore(session, message, &terms, (enum delivery_state)record.state, record.packet_identifier);
    if (delivery == NULL)
        return fail(restoring, NO_MEMORY);
    delivery->number = number;
    if (message != NULL)
        message->records++;
    note_number(broker, number);
    return true;
}

static bool restore_received(void *context, struct mqtt_bytes key, struct mqtt_bytes value) {
    struct restoring *restoring = context;
    uint64_t of_session, identifier;
    if (!record_read_key(key, RECORD_RECEIVED, &of_session, &identifier) || identifier == 0 ||
        !record_read_nothing(key, value))
        return fail(restoring, DAMAGED);
    struct session *session = find(&restoring->sessions, of_session);
    if (session == NULL)
        return fail(restoring, DAMAGED);
    return identifier_set_add(&restoring->broker->memory, &session->received, (uint16_t)identifier) ||
           fail(restoring, NO_MEMORY);
}

static bool restore_retained(void *context, struct mqtt_bytes key, struct mqtt_bytes value) {
    struct restoring *restoring = context;
    struct broker *broker = restoring->broker;
    uint64_t number, none;
    if (!record_read_key(key, RECORD_RETAINED, &number, &none) || !record_read_nothing(key, value))
        return fail(restoring, DAMAGED);
    struct message *message = find(&restoring->messages, number);
    if (message == NULL || retained_find(broker, message_topic(message)) != NULL)
        return fail(restoring, DAMAGED);
    if (!retained_restore(broker, message))
        return fail(restoring, NO_MEMORY);
    message->records++;
    return true;
}

static bool find_any(void *context, struct mqtt_bytes key, struct mqtt_bytes value) {
    (void)key;
    (void)value;
    return fail(context, NOT_OURS);
}

/* ---- All ----------------------------------------------------------------------------------------------------- */

static bool walk(struct restoring *restoring, enum record_kind kind, store_visitor *visit) {
    const struct store *store = restoring->broker->settings.store;
    uint8_t letter = (uint8_t)kind;
    if (!store->walk(store->context, (struct mqtt_bytes){&letter, 1}, visit, restoring) && restoring->problem == NULL)
        return fail(restoring, store->error(store->context));
    return restoring->problem == NULL;
}

/* A store that holds nothing is new. */
static bool walk_all(struct restoring *restoring) {
    const struct store *store = restoring->broker->settings.store;
    if (!walk(restoring, RECORD_FORMAT, restore_format))
        return false;
    if (restoring->has_format)
        return walk(restoring, RECORD_MESSAGE, restore_message) && walk(restoring, RECORD_SESSION, restore_session) &&
               walk(restoring, RECORD_SUBSCRIPTION, restore_subscription) &&
               walk(restoring, RECORD_DELIVERY, restore_delivery) &&
               walk(restoring, RECORD_RECEIVED, restore_received) && walk(restoring, RECORD_RETAINED, restore_retained);
    if (!store->walk(store->context, (struct mqtt_bytes){NULL, 0}, find_any, restoring) && restoring->problem == NULL)
        return fail(restoring, store->error(store->context));
    return restoring->problem == NULL;
}

/* From here on changes go to the store. A message that no record refers to is of no use to anyone. */
static void begin_keeping(struct restoring *restoring) {
    struct broker *broker = restoring->broker;
    broker->store = broker->settings.store;
    broker->wall_offset = restoring->wall - restoring->now;
    if (!restoring->has_format)
        persist_format(broker);
    for (size_t i = 0; i < restoring->messages.count; i++)
        persist_unused_message(broker, restoring->messages.entries[i].item);
    for (size_t i = 0; i < restoring->sessions.count; i++) {
        struct session *session = restoring->sessions.entries[i].item;
        if (session->left == restoring->now) /* its record says that its Client is there */
            persist_session(session);
    }
}

const char *broker_restore(struct broker *broker, microseconds now) {
    const struct environment *environment = &broker->memory.environment;
    struct restoring restoring = {.broker = broker, .now = now};
    assert(broker->connections == NULL && broker->sessions.count == 0);
    if (broker->settings.store == NULL)
        return NULL;
    broker->now = now;
    restoring.wall = environment->wall_clock(environment->context);
    if (walk_all(&restoring))
        begin_keeping(&restoring);
    for (size_t i = 0; i < restoring.messages.count; i++)
        message_release(broker, restoring.messages.entries[i].item);
    discard(&restoring, &restoring.messages);
    discard(&restoring, &restoring.sessions);
    return restoring.problem;
}
