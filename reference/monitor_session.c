/* Sessions by Client Identifier, across connections. */
#include "reference/monitor_internal.h"

#include <string.h>

/* ---- Sessions ------------------------------------------------------------------------------------------------ */

struct monitor_session *monitor_session_create(struct monitor *monitor, uint64_t connection, bool known) {
    struct monitor_session *session = monitor_allocate(&monitor->environment, sizeof *session);
    if (session == NULL)
        return NULL;
    session->holders = 1;
    session->first_connection = connection;
    session->past[MQTT_CLIENT] = known;
    session->past[MQTT_SERVER] = known;
    session->filters_known = true;
    return session;
}

static void forget_filters(struct monitor *monitor, struct monitor_session *session) {
    monitor_release(&monitor->environment, session->filters, session->filters_capacity);
    session->filters = NULL;
    session->filters_length = 0;
    session->filters_capacity = 0;
}

void monitor_session_forget_flow(struct monitor *monitor, struct monitor_session *session, enum mqtt_side side) {
    session->past[side] = false;
    monitor_exchanges_clear(&monitor->environment, &session->flows[side].exchanges);
    monitor_identifiers_clear(&monitor->environment, &session->flows[side].used);
}

void monitor_session_forget(struct monitor *monitor, struct monitor_session *session) {
    monitor_session_forget_flow(monitor, session, MQTT_CLIENT);
    monitor_session_forget_flow(monitor, session, MQTT_SERVER);
    forget_filters(monitor, session);
    session->filters_known = false;
}

void monitor_session_lost_by_server(struct monitor *monitor, struct monitor_session *session) {
    monitor_session_forget_flow(monitor, session, MQTT_SERVER);
    forget_filters(monitor, session);
    session->filters_known = true;
    session->past[MQTT_SERVER] = true;
}

void monitor_session_drop(struct monitor *monitor, struct monitor_session *session) {
    if (session == NULL || --session->holders > 0)
        return;
    monitor_session_forget(monitor, session);
    monitor_release(&monitor->environment, session, sizeof *session);
}

static bool has_filter(const struct monitor_session *session, struct mqtt_bytes filter, uint8_t qos) {
    struct mqtt_bytes filters = {session->filters, session->filters_length};
    struct mqtt_bytes known;
    uint8_t known_qos;
    while (filters.length > 0 && mqtt_next_filter(&filters, &known, &known_qos))
        if (known_qos >= qos && mqtt_equal(known, filter))
            return true;
    return false;
}

void monitor_session_add_filter(struct monitor *monitor, struct monitor_session *session, struct mqtt_bytes filter,
                                uint8_t qos) {
    if (!session->filters_known || has_filter(session, filter, qos))
        return;
    size_t needed = session->filters_length + (size_t)filter.length + 3; /* length, filter, options */
    if (needed > session->filters_capacity) {
        uint32_t capacity = session->filters_capacity == 0 ? 64 : session->filters_capacity;
        while (capacity < needed && capacity <= MONITOR_MAXIMUM_FILTERS)
            capacity *= 2;
        uint8_t *filters = NULL;
        if (capacity <= MONITOR_MAXIMUM_FILTERS)
            filters = monitor_grown(&monitor->environment, session->filters, session->filters_capacity, capacity);
        if (filters == NULL) {
            forget_filters(monitor, session);
            session->filters_known = false;
            return;
        }
        session->filters = filters;
        session->filters_capacity = capacity;
    }
    size_t length = session->filters_length;
    if (!mqtt_append_filter(session->filters, session->filters_capacity, &length, filter, &qos))
        session->filters_known = false;
    session->filters_length = (uint32_t)length;
}

/* ---- Clients ------------------------------------------------------------------------------------------------- */

static struct monitor_client **place_of(struct monitor *monitor, struct mqtt_bytes identifier, uint64_t hash) {
    struct monitor_client **place = &monitor->buckets[hash % MONITOR_BUCKETS];
    for (; *place != NULL; place = &(*place)->next) {
        struct mqtt_bytes known = {(*place)->identifier, (*place)->length};
        if ((*place)->hash == hash && mqtt_equal(known, identifier))
            break;
    }
    return place;
}

static void leave_idle(struct monitor *monitor, struct monitor_client *client) {
    *(client->idle_newer != NULL ? &client->idle_newer->idle_older : &monitor->idle_newest) = client->idle_older;
    *(client->idle_older != NULL ? &client->idle_older->idle_newer : &monitor->idle_oldest) = client->idle_newer;
    client->idle_newer = NULL;
    client->idle_older = NULL;
    monitor->idle_count--;
}

static void enter_idle(struct monitor *monitor, struct monitor_client *client) {
    client->idle_older = monitor->idle_newest;
    *(monitor->idle_newest != NULL ? &monitor->idle_newest->idle_newer : &monitor->idle_oldest) = client;
    monitor->idle_newest = client;
    monitor->idle_count++;
}

static void destroy_client(struct monitor *monitor, struct monitor_client *client) {
    struct mqtt_bytes identifier = {client->identifier, client->length};
    *place_of(monitor, identifier, client->hash) = client->next;
    monitor_session_drop(monitor, client->session);
    monitor_release(&monitor->environment, client, sizeof *client + client->length);
}

struct monitor_client *monitor_client_enter(struct monitor *monitor, struct mqtt_bytes identifier) {
    uint64_t hash = monitor_hash(MONITOR_HASH, identifier);
    struct monitor_client **place = place_of(monitor, identifier, hash);
    struct monitor_client *client = *place;
    if (client == NULL) {
        client = monitor_allocate(&monitor->environment, sizeof *client + identifier.length);
        if (client == NULL) {
            monitor->forgetful = true;
            monitor_clients_forget(monitor);
            return NULL;
        }
        client->hash = hash;
        client->length = identifier.length;
        memcpy(client->identifier, identifier.data, identifier.length);
        *place = client;
    } else if (client->connections == 0) {
        leave_idle(monitor, client);
    }
    client->connections++;
    return client;
}

void monitor_client_leave(struct monitor *monitor, struct monitor_client *client) {
    if (client == NULL || --client->connections > 0)
        return;
    enter_idle(monitor, client);
    /* Of one whose session is unknown there is nothing to remember. */
    struct monitor_client *forgotten = client->existence == MONITOR_UNKNOWN            ? client
                                       : monitor->idle_count > MONITOR_MAXIMUM_CLIENTS ? monitor->idle_oldest
                                                                                       : NULL;
    if (forgotten == NULL)
        return;
    leave_idle(monitor, forgotten);
    destroy_client(monitor, forgotten);
}

void monitor_client_settle(struct monitor *monitor, struct monitor_client *client, enum monitor_existence existence,
                           struct monitor_session *session) {
    client->existence = monitor->forgetful ? MONITOR_UNKNOWN : existence;
    if (client->existence != MONITOR_PRESENT)
        session = NULL;
    if (session == client->session)
        return;
    if (session != NULL)
        session->holders++;
    monitor_session_drop(monitor, client->session);
    client->session = session;
}

void monitor_clients_forget(struct monitor *monitor) {
    for (uint32_t i = 0; i < MONITOR_BUCKETS; i++)
        for (struct monitor_client *client = monitor->buckets[i]; client != NULL; client = client->next)
            monitor_client_settle(monitor, client, MONITOR_UNKNOWN, NULL);
}

void monitor_clients_destroy(struct monitor *monitor) {
    for (uint32_t i = 0; i < MONITOR_BUCKETS; i++)
        while (monitor->buckets[i] != NULL)
            destroy_client(monitor, monitor->buckets[i]);
}
