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

/* Each filter is remembered as two bytes of length and the filter itself, options as in SUBSCRIBE, and four bytes of
 * Subscription Identifier. */
#define FILTER_FIXED   7u
#define FILTER_RETAINS 0x08u

static uint32_t write_filter(uint8_t *at, const struct monitor_filter *filter) {
    uint32_t length = filter->filter.length;
    *at++ = (uint8_t)(length >> 8);
    *at++ = (uint8_t)length;
    memcpy(at, filter->filter.data, length);
    at += length;
    *at++ = filter->qos | (filter->retains ? FILTER_RETAINS : 0);
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(filter->identifier >> shift);
    return length + FILTER_FIXED;
}

bool monitor_next_filter(struct mqtt_bytes *filters, struct monitor_filter *filter) {
    if (filters->length == 0)
        return false;
    const uint8_t *at = filters->data;
    filter->filter.length = (uint32_t)at[0] << 8 | at[1];
    filter->filter.data = at + 2;
    at += 2 + filter->filter.length;
    filter->qos = at[0] & MQTT_SUBSCRIBE_QOS;
    filter->retains = (at[0] & FILTER_RETAINS) != 0;
    filter->identifier = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 | at[4];
    filters->data += filter->filter.length + FILTER_FIXED;
    filters->length -= filter->filter.length + FILTER_FIXED;
    return true;
}

static bool has_filter(const struct monitor_session *session, const struct monitor_filter *filter) {
    struct mqtt_bytes filters = {session->filters, session->filters_length};
    struct monitor_filter known;
    while (monitor_next_filter(&filters, &known))
        if (known.qos >= filter->qos && known.identifier == filter->identifier && (known.retains || !filter->retains) &&
            mqtt_equal(known.filter, filter->filter))
            return true;
    return false;
}

void monitor_session_add_filter(struct monitor *monitor, struct monitor_session *session,
                                const struct monitor_filter *filter) {
    if (!session->filters_known || has_filter(session, filter))
        return;
    size_t needed = session->filters_length + (size_t)filter->filter.length + FILTER_FIXED;
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
    session->filters_length += write_filter(session->filters + session->filters_length, filter);
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

void monitor_client_lasts(struct monitor_client *client) {
    client->holder = 0;
    client->certain_until = MONITOR_NEVER;
    client->absent_from = MONITOR_NEVER;
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

/* ---- The end of sessions of MQTT 5.0
 * ------------------------------------------------------------------------------------- */

static bool holds_session(const struct monitored *connection) {
    const struct monitor_client *client = connection->client;
    return monitor_in_5_0(connection) && client != NULL && client->holder == connection->number;
}

static microseconds certain_until(const struct monitored *connection) {
    uint32_t shortest = connection->expiry_shortest;
    if (shortest == MONITOR_NO_EXPIRY)
        return MONITOR_NEVER;
    if (shortest <= MONITOR_EXPIRY_DOUBT)
        return 0;
    return connection->now + (shortest - MONITOR_EXPIRY_DOUBT) * MICROSECONDS_PER_SECOND;
}

void monitor_session_heard(struct monitored *connection) {
    if (holds_session(connection) && !connection->disconnected[MQTT_CLIENT])
        connection->client->certain_until = certain_until(connection);
}

static void shorten_certainty(struct monitored *connection) {
    microseconds until = certain_until(connection);
    if (holds_session(connection) && until < connection->client->certain_until)
        connection->client->certain_until = until;
}

/* Whether the Server still learns of the other interval is open. */
void monitor_change_expiry(struct monitored *connection, const struct mqtt_disconnect *disconnect) {
    struct mqtt_property expiry;
    if (!mqtt_find_property(disconnect->properties, MQTT_SESSION_EXPIRY_INTERVAL, &expiry))
        return;
    if (connection->asked && connection->asked_expiry == 0 && expiry.number != 0)
        monitor_breach(connection, MQTT_CLIENT, MONITOR_RULE_EXPIRY_RAISED);
    if (expiry.number < connection->expiry_shortest)
        connection->expiry_shortest = expiry.number;
    if (expiry.number > connection->expiry_longest)
        connection->expiry_longest = expiry.number;
    shorten_certainty(connection);
}

void monitor_expiry_unknown(struct monitored *connection) {
    connection->expiry_shortest = 0;
    connection->expiry_longest = MONITOR_NO_EXPIRY;
    shorten_certainty(connection);
}

/* Where the Server closed its direction, it has ended the connection. Else it must once Keep Alive has run out, if
 * there is one; until then it may not know. */
void monitor_expiry_begins(struct monitored *connection) {
    const struct monitor_stream *server = &connection->streams[MQTT_SERVER];
    if (!holds_session(connection) || connection->expiry_longest == MONITOR_NO_EXPIRY ||
        (!server->closed && connection->keep_alive == 0))
        return;
    microseconds ended =
        server->closed ? server->closed_at
                       : connection->now + MONITOR_ARRIVAL + connection->keep_alive * MICROSECONDS_PER_SECOND * 3 / 2;
    microseconds lasts = connection->expiry_longest * MICROSECONDS_PER_SECOND;
    /* Clocks differ, and need not tick more than once in a second. */
    connection->client->absent_from = ended + lasts + (lasts > 0 ? lasts / 10 + MICROSECONDS_PER_SECOND : 0);
}
