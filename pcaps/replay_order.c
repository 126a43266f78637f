#include "pcaps/replay_order.h"

#include <stdlib.h>
#include <string.h>

#include "reference/server.h"
#include "reference/topic_tree.h"

/* Beyond so many relations between connections, each is taken to stand on all. */
#define MOST_RELATIONS ((size_t)1 << 22)

/* What a node of the tree of filters stands for; a topic is one, too. */
struct subject {
    struct subject *next; /* of all */
    struct companions subscribers;
    struct companions publishers;
    bool is_topic;
    size_t last_publisher; /* whose relation was noted; counted from 1 */
};

struct relating {
    struct recording *recording;
    struct memory memory;
    struct topic_tree tree;
    struct subject *subjects;
    size_t relations;
    size_t publisher; /* at hand */
    bool no_memory;
};

/* ---- Lists ---------------------------------------------------------------------------------------------------- */

static bool make_room(void **items, size_t size, size_t count, size_t *capacity) {
    if (count < *capacity)
        return true;
    size_t wanted = *capacity == 0 ? 4 : *capacity * 2;
    void *grown = realloc(*items, wanted * size);
    if (grown == NULL)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

static void add_companion(struct relating *relating, struct companions *companions, size_t connection) {
    if (companions->count > 0 && companions->connections[companions->count - 1] == connection)
        return;
    if (!make_room((void **)&companions->connections, sizeof *companions->connections, companions->count,
                   &companions->capacity)) {
        relating->no_memory = true;
        return;
    }
    companions->connections[companions->count++] = connection;
    relating->relations++;
}

static void stand_on(struct relating *relating, size_t connection, const struct companions *companions) {
    struct recorded_connection *one = relating->recording->connections[connection];
    if (one->stands_on_count > 0 && one->stands_on[one->stands_on_count - 1] == companions)
        return;
    if (!make_room((void **)&one->stands_on, sizeof *one->stands_on, one->stands_on_count, &one->stands_on_capacity)) {
        relating->no_memory = true;
        return;
    }
    one->stands_on[one->stands_on_count++] = companions;
    relating->relations++;
}

/* ---- Clients -------------------------------------------------------------------------------------------------- */

/* By Client Identifier, then in the order of the capture. */
static int compare_clients(const void *left, const void *right) {
    const struct recorded_connection *one = *(struct recorded_connection *const *)left;
    const struct recorded_connection *other = *(struct recorded_connection *const *)right;
    struct mqtt_bytes a = one->client_identifier, b = other->client_identifier;
    uint32_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
    if (order == 0)
        order = (a.length > b.length) - (a.length < b.length);
    return order != 0 ? order : (one->number > other->number) - (one->number < other->number);
}

/* Chains the connections of each client. */
static bool chain_clients(struct recording *recording) {
    size_t count = recording->connection_count;
    struct recorded_connection **sorted = malloc((count > 0 ? count : 1) * sizeof *sorted);
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = recording->connections[i];
        sorted[i]->next_of_client = sorted[i]->previous_of_client = NULL;
    }
    qsort(sorted, count, sizeof *sorted, compare_clients);
    for (size_t i = 1; i < count; i++)
        if (sorted[i]->client_identifier.length > 0 &&
            mqtt_equal(sorted[i]->client_identifier, sorted[i - 1]->client_identifier)) {
            sorted[i - 1]->next_of_client = sorted[i];
            sorted[i]->previous_of_client = sorted[i - 1];
        }
    free(sorted);
    return true;
}

/* ---- Topics --------------------------------------------------------------------------------------------------- */

static struct subject *subject_of(struct relating *relating, struct mqtt_bytes text) {
    struct topic_node *node = text.length > 0 ? topic_tree_insert(&relating->tree, text) : NULL;
    if (node == NULL) {
        relating->no_memory |= text.length > 0;
        return NULL;
    }
    if (node->value == NULL) {
        struct subject *subject = calloc(1, sizeof *subject);
        if (subject == NULL) {
            topic_tree_prune(&relating->tree, node);
            relating->no_memory = true;
            return NULL;
        }
        subject->next = relating->subjects;
        relating->subjects = subject;
        node->value = subject;
    }
    return node->value;
}

/* A Shared Subscription is one to what stands behind the ShareName. */
static struct mqtt_bytes without_share(struct mqtt_bytes filter) {
    struct mqtt_bytes share, topic_filter;
    return mqtt_shared_filter(filter, &share, &topic_filter) ? topic_filter : filter;
}

/* The subscription may live on in the later connections of the client. */
static void note_subscriptions(struct relating *relating, size_t connection, const struct mqtt_packet *packet) {
    struct mqtt_bytes filters = packet->subscribe.filters, filter;
    uint8_t options;
    while (filters.length > 0 && mqtt_next_filter(&filters, &filter, &options)) {
        struct subject *subject = subject_of(relating, without_share(filter));
        const struct recorded_connection *one = relating->recording->connections[connection];
        for (; subject != NULL && one != NULL && relating->relations < MOST_RELATIONS; one = one->next_of_client) {
            add_companion(relating, &subject->subscribers, one->index);
            stand_on(relating, one->index, &subject->publishers);
            stand_on(relating, one->index, &subject->subscribers);
        }
    }
}

static void note_publisher(void *context, struct topic_node *node) {
    struct relating *relating = context;
    struct subject *subject = node->value;
    if (subject->last_publisher == relating->publisher + 1)
        return;
    subject->last_publisher = relating->publisher + 1;
    add_companion(relating, &subject->publishers, relating->publisher);
    stand_on(relating, relating->publisher, &subject->subscribers);
    if (subject->is_topic)
        stand_on(relating, relating->publisher, &subject->publishers);
}

static struct mqtt_bytes topic_of(const struct mqtt_packet *packet) {
    if (packet->type == MQTT_CONNECT && (packet->connect.flags & MQTT_CONNECT_WILL) != 0)
        return packet->connect.will_topic;
    return packet->type == MQTT_PUBLISH ? packet->publish.topic : (struct mqtt_bytes){NULL, 0};
}

static bool is_send(const struct step *step) {
    return step->kind == STEP_SEND && step->decoded;
}

/* ---- Messages ------------------------------------------------------------------------------------------------- */

static uint64_t hash_bytes(uint64_t hash, struct mqtt_bytes bytes) {
    for (uint32_t i = 0; i < bytes.length; i++)
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_message(struct mqtt_bytes topic, struct mqtt_bytes payload) {
    return hash_bytes(hash_bytes(topic.length, topic), payload);
}

static int compare_hashes(const void *left, const void *right) {
    uint64_t one = *(const uint64_t *)left, other = *(const uint64_t *)right;
    return (one > other) - (one < other);
}

/* Notes all that clients published, and their Wills. */
static bool note_messages(struct recording *recording) {
    size_t count = 0;
    for (size_t i = 0; i < recording->step_count; i++)
        count += is_send(&recording->steps[i]) && topic_of(&recording->steps[i].packet).length > 0;
    recording->messages = malloc((count > 0 ? count : 1) * sizeof *recording->messages);
    if (recording->messages == NULL)
        return false;
    for (size_t i = 0; i < recording->step_count; i++) {
        const struct mqtt_packet *packet = &recording->steps[i].packet;
        if (!is_send(&recording->steps[i]) || topic_of(packet).length == 0)
            continue;
        recording->messages[recording->message_count++] = hash_message(
            topic_of(packet), packet->type == MQTT_CONNECT ? packet->connect.will_message : packet->publish.payload);
    }
    qsort(recording->messages, recording->message_count, sizeof *recording->messages, compare_hashes);
    return true;
}

bool order_was_published(const struct recording *recording, const struct mqtt_publish *publish) {
    uint64_t hash = hash_message(publish->topic, publish->payload);
    return bsearch(&hash, recording->messages, recording->message_count, sizeof hash, compare_hashes) != NULL;
}

/* ---- Who publishes what others want --------------------------------------------------------------------------- */

/* All filters and topics come before the first match. */
static void note_subjects(struct relating *relating) {
    const struct recording *recording = relating->recording;
    for (size_t i = 0; i < recording->step_count; i++) {
        const struct step *step = &recording->steps[i];
        if (!is_send(step))
            continue;
        if (step->packet.type == MQTT_SUBSCRIBE)
            note_subscriptions(relating, step->connection, &step->packet);
        struct mqtt_bytes topic = topic_of(&step->packet);
        if (topic.length == 0 || !mqtt_topic_name_valid(topic))
            continue;
        struct subject *subject = subject_of(relating, topic);
        if (subject != NULL)
            subject->is_topic = true;
    }
}

static void note_topics(struct relating *relating, const struct recorded_connection *connection) {
    const struct recording *recording = relating->recording;
    for (size_t i = 0; i < connection->step_count; i++) {
        const struct step *step = &recording->steps[connection->steps[i]];
        struct mqtt_bytes topic = is_send(step) ? topic_of(&step->packet) : (struct mqtt_bytes){NULL, 0};
        if (topic.length > 0 && mqtt_topic_name_valid(topic))
            topic_tree_match(&relating->tree, topic, true, note_publisher, relating);
    }
}

/* A client that comes back may be answered with what it published before, and keeps a Will from being published. */
static void note_publishers(struct relating *relating) {
    const struct recording *recording = relating->recording;
    for (size_t c = 0; c < recording->connection_count && relating->relations < MOST_RELATIONS; c++) {
        const struct recorded_connection *connection = recording->connections[c];
        relating->publisher = c;
        note_topics(relating, connection);
        if (connection->previous_of_client != NULL)
            note_topics(relating, connection->previous_of_client);
    }
}

/* ---- The whole ------------------------------------------------------------------------------------------------- */

bool order_begin(struct recording *recording) {
    struct relating relating = {.recording = recording};
    struct environment environment = environment_of_system();
    memory_begin(&relating.memory, &environment);
    bool begun =
        chain_clients(recording) && note_messages(recording) &&
        topic_tree_begin(&relating.tree, TREE_OF_FILTERS, &relating.memory, environment.random(environment.context));
    if (begun) {
        note_subjects(&relating);
        note_publishers(&relating);
        topic_tree_end(&relating.tree);
    }
    memory_end(&relating.memory);
    recording->subjects = relating.subjects;
    recording->all_related = relating.relations >= MOST_RELATIONS;
    return begun && !relating.no_memory;
}

void order_end(struct recording *recording) {
    while (recording->subjects != NULL) {
        struct subject *subject = recording->subjects;
        recording->subjects = subject->next;
        free(subject->subscribers.connections);
        free(subject->publishers.connections);
        free(subject);
    }
    for (size_t i = 0; i < recording->connection_count; i++) {
        free(recording->connections[i]->stands_on);
        free(recording->connections[i]->steps);
    }
    free(recording->messages);
}

/* ---- What a step waits for --------------------------------------------------------------------------------------- */

bool order_is_awaited(const struct step *step) {
    return step->state == STEP_PENDING && (step->kind == STEP_CLOSED || step->kind == STEP_RECEIVE);
}

/* What is done, and what comes: a message, too, may be what made another client act. */
static bool blocks_others(const struct step *step) {
    return step->state == STEP_PENDING && (step->kind != STEP_RECEIVE || step->decoded);
}

/* Once the client has said goodbye, either side may close first. */
static bool blocks_itself(const struct step *step) {
    return order_is_awaited(step) && !step->after_goodbye;
}

/* The connection's first step from *at on, by place, that blocks; NO_STEP where none does. */
static size_t first_that(const struct recording *recording, const struct recorded_connection *connection, size_t *at,
                         bool (*blocks)(const struct step *step)) {
    while (*at < connection->step_count && !blocks(&recording->steps[connection->steps[*at]]))
        ++*at;
    return *at < connection->step_count ? connection->steps[*at] : NO_STEP;
}

static size_t earlier_in(struct recording *recording, size_t connection, size_t earliest) {
    struct recorded_connection *other = recording->connections[connection];
    size_t step = first_that(recording, other, &other->blocking_others, blocks_others);
    return step < earliest ? step : earliest;
}

static size_t earliest_of(struct recording *recording, const struct companions *companions, size_t own,
                          size_t earliest) {
    for (size_t i = 0; i < companions->count; i++)
        if (companions->connections[i] != own)
            earliest = earlier_in(recording, companions->connections[i], earliest);
    return earliest;
}

static size_t earliest_of_client(struct recording *recording, const struct recorded_connection *own, size_t earliest) {
    const struct recorded_connection *one = own;
    while (one->previous_of_client != NULL)
        one = one->previous_of_client;
    for (; one != NULL; one = one->next_of_client)
        if (one != own)
            earliest = earlier_in(recording, one->index, earliest);
    return earliest;
}

size_t order_blocker(struct recording *recording, size_t index) {
    size_t connection = recording->steps[index].connection;
    struct recorded_connection *own = recording->connections[connection];
    size_t earliest = first_that(recording, own, &own->blocking_itself, blocks_itself);
    for (size_t i = 0; recording->all_related && i < recording->connection_count; i++)
        if (i != connection)
            earliest = earlier_in(recording, i, earliest);
    for (size_t i = 0; !recording->all_related && i < own->stands_on_count; i++)
        earliest = earliest_of(recording, own->stands_on[i], connection, earliest);
    earliest = earliest_of_client(recording, own, earliest);
    return earliest < index ? earliest : NO_STEP;
}
