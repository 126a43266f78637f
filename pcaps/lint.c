#include "pcaps/lint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcaps/lint_packets.h"
#include "pcaps/mqtt_capture.h"
#include "pcaps/show.h"
#include "reference/monitor.h"
#include "reference/server.h"

/* Each has a monitor of its own; a capture of more servers is no capture of a network that anybody knows. */
enum { MAXIMUM_SERVERS = 4096 };

struct linted_server {
    struct linted_server *next;
    struct monitor *monitor;
    char address[64];
};

/* How long a breach waits for the packets that follow it, by the capture's time. Somebody watches a live one. */
#define PATIENCE      (10 * MICROSECONDS_PER_SECOND)
#define LIVE_PATIENCE (1 * MICROSECONDS_PER_SECOND)

struct linting {
    const struct lint_hooks *hooks;
    struct lint_totals *totals;
    struct breach_queue *queue;
    struct notices notices;
    struct linted_server *servers;
    size_t server_count;
    bool started;
    microseconds start;
    uint64_t frame; /* of the packet at hand */
    microseconds now;
};

/* How MQTT is carried is judged in the version of the CONNECT, which comes later. */
struct carriage {
    bool has_version;
    struct websocket_fault faults[WEBSOCKET_MOST_FAULTS];
    unsigned fault_count;
};

struct linted {
    struct linting *linting;
    struct linted_server *server;
    struct monitored *monitored;
    size_t number;
    enum mqtt_version version;
    bool joined_5_0; /* the monitor takes it for 3.1.1 */
    char client[SHOW_NAME_CAPACITY];
    char client_address[64];
    struct packet_ring recent;
    struct noticed noticed;
    struct carriage carriage;
};

/* ---- What the monitor tells ------------------------------------------------------------------------------ */

/* A client that gave no Client Identifier goes by the one that it was given. */
static void learn_from_connack(struct linted *linted, const struct mqtt_connack *connack) {
    struct mqtt_bytes assigned = mqtt_property_bytes(connack->properties, MQTT_ASSIGNED_CLIENT_IDENTIFIER);
    if (assigned.length > 0)
        show_name(assigned, linted->client, sizeof linted->client);
}

static void learn_from_connect(struct linted *linted, const struct mqtt_connect *connect) {
    uint8_t level = connect->protocol_level;
    if (level >= MQTT_3_1 && level <= MQTT_5_0)
        linted->version = (enum mqtt_version)level;
    if (connect->client_identifier.data != NULL)
        show_name(connect->client_identifier, linted->client, sizeof linted->client);
}

static void tell_faults(struct linted *linted);

static void saw_packet(void *context, void *owner, enum mqtt_side side, microseconds time,
                       const struct mqtt_packet *packet, struct mqtt_bytes bytes) {
    struct linting *linting = context;
    struct linted *linted = owner;
    linting->totals->packets++;
    packet_ring_add(&linted->recent, side, bytes, linting->frame, time);
    breach_queue_packet(linting->queue, &linted->recent);
    if (packet->type == MQTT_CONNACK)
        learn_from_connack(linted, &packet->connack);
    if (packet->type == MQTT_CONNECT) {
        learn_from_connect(linted, &packet->connect);
        linted->carriage.has_version = true;
        tell_faults(linted);
    }
    noticed_packet(&linting->notices, &linted->noticed, side, packet, time);
}

static void count_breach(struct lint_totals *totals, enum mqtt_side side, enum spec_statement statement,
                         const char *client) {
    totals->breaches[side]++;
    totals->by_statement[statement]++;
    lint_totals_client(totals, client)->breaches[side]++;
}

/* Fills in where the connection stands, counts, and tells. */
static void add_breach(struct linted *linted, struct lint_breach *breach, bool offends) {
    struct linting *linting = linted->linting;
    count_breach(linting->totals, breach->side, breach->statement, linted->client);
    breach->seconds = show_seconds(linting->start, breach->time);
    breach->connection = linted->number;
    breach->version = linted->version;
    breach->client = linted->client;
    breach->client_address = linted->client_address;
    breach->server_address = linted->server->address;
    breach_queue_add(linting->queue, breach, &linted->recent, offends);
}

static void saw_breach(void *context, const struct monitor_breach *breach) {
    struct linting *linting = context;
    struct linted *linted = breach->owner;
    /* Bytes that are no packet were not seen as one. */
    if (breach->packet == NULL && breach->bytes.length > 0) {
        packet_ring_add(&linted->recent, breach->side, breach->bytes, linting->frame, breach->time);
        breach_queue_packet(linting->queue, &linted->recent);
    }
    struct lint_breach told = {
        .side = breach->side,
        .statement = breach->statement,
        .what = breach->what,
        .frame = linting->frame,
        .time = breach->time,
        .offset = breach->offset,
    };
    add_breach(linted, &told, breach->bytes.length > 0);
}

/* MQTT 3.1 says nothing about WebSocket. */
static void tell_faults(struct linted *linted) {
    static const struct {
        enum spec_statement before_5, in_5;
        const char *what;
    } rules[] = {
        [WEBSOCKET_MQTT_NOT_OFFERED] = {V311(6_0_0_3), V5(6_0_0_3),
                                        "the request for WebSocket does not offer the subprotocol mqtt"},
        [WEBSOCKET_OTHER_CHOSEN] = {V311(6_0_0_4), V5(6_0_0_4),
                                    "the answer to the request for WebSocket names another subprotocol than mqtt"},
        [WEBSOCKET_TEXT_FRAME] = {V311(6_0_0_1), V5(6_0_0_1), "MQTT in a text frame of WebSocket"},
    };
    struct carriage *carriage = &linted->carriage;
    if (!carriage->has_version)
        return;
    for (unsigned i = 0; i < carriage->fault_count && linted->version >= MQTT_3_1_1; i++) {
        const struct websocket_fault *fault = &carriage->faults[i];
        struct lint_breach told = {
            .side = fault->side,
            .statement = BY_VERSION(linted->version, rules[fault->kind].before_5, rules[fault->kind].in_5),
            .what = rules[fault->kind].what,
            .frame = fault->frame,
            .time = fault->time > linted->linting->start ? fault->time : linted->linting->start,
        };
        add_breach(linted, &told, false);
    }
    carriage->fault_count = 0;
}

static void saw_notice(void *context, void *owner, enum notice_kind kind, enum mqtt_side side, const char *detail) {
    struct linting *linting = context;
    const struct linted *linted = owner;
    linting->totals->notices++;
    linting->totals->by_notice[kind]++;
    lint_totals_client(linting->totals, linted->client)->notices++;
    struct lint_notice told = {
        .kind = kind,
        .side = side,
        .detail = detail,
        .frame = linting->frame,
        .time = linting->now,
        .seconds = show_seconds(linting->start, linting->now),
        .connection = linted->number,
        .client = linted->client,
        .client_address = linted->client_address,
        .server_address = linted->server->address,
    };
    linting->hooks->notice(linting->hooks->context, &told);
}

/* ---- What the capture tells ------------------------------------------------------------------------------ */

static struct linted_server *find_server(struct linting *linting, const char *address) {
    for (struct linted_server *server = linting->servers; server != NULL; server = server->next)
        if (strcmp(server->address, address) == 0)
            return server;
    if (linting->server_count >= MAXIMUM_SERVERS)
        return NULL;
    struct linted_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return NULL;
    struct monitor_hooks hooks = {.context = linting, .breach = saw_breach, .packet = saw_packet};
    struct environment environment = environment_of_system();
    server->monitor = monitor_create(&hooks, &environment);
    if (server->monitor == NULL) {
        free(server);
        return NULL;
    }
    memcpy(server->address, address, sizeof server->address);
    server->next = linting->servers;
    linting->servers = server;
    linting->server_count++;
    return server;
}

static struct linted *add_connection(struct linting *linting, const struct stream_address *client,
                                     const struct stream_address *server) {
    struct linted *linted = calloc(1, sizeof *linted);
    if (linted == NULL)
        return NULL;
    linted->server = find_server(linting, server->text);
    if (linted->server == NULL) {
        free(linted);
        return NULL;
    }
    linted->linting = linting;
    linted->number = linting->totals->conversations;
    linted->version = MQTT_3_1_1;
    strcpy(linted->client, "?");
    memcpy(linted->client_address, client->text, sizeof linted->client_address);
    return linted;
}

/* Each event first lets the monitor see how much time has passed without one. */
static void arrive(struct linted *linted, uint64_t frame, microseconds time) {
    linted->linting->frame = frame;
    linted->linting->now = time;
    breach_queue_tick(linted->linting->queue, time);
    monitor_tick(linted->server->monitor, time);
}

static void *opened(void *context, const struct stream_address *client, const struct stream_address *server,
                    bool from_start, uint64_t frame, microseconds time) {
    struct linting *linting = context;
    if (!linting->started)
        linting->start = time;
    linting->started = true;
    linting->totals->conversations++;
    struct linted *linted = add_connection(linting, client, server);
    if (linted != NULL) {
        arrive(linted, frame, time);
        noticed_begin(&linted->noticed, server->text, linted, time);
        linted->monitored = monitor_open(linted->server->monitor, time, linted, from_start);
    }
    if (linted == NULL || linted->monitored == NULL) {
        linting->totals->not_judged++;
        free(linted);
        return NULL;
    }
    return linted;
}

static void has_fault(void *context, void *owner, const struct websocket_fault *fault) {
    struct linted *linted = owner;
    (void)context;
    if (linted == NULL || linted->carriage.fault_count == WEBSOCKET_MOST_FAULTS)
        return;
    linted->carriage.faults[linted->carriage.fault_count++] = *fault;
    tell_faults(linted);
}

/* What was promised in a CONNECT of 5.0 that nobody saw, limits and aliases above all, cannot be judged without it. */
static void shows_version(void *context, void *owner, enum mqtt_version version) {
    struct linting *linting = context;
    struct linted *linted = owner;
    if (linted == NULL || version != MQTT_5_0)
        return;
    linted->joined_5_0 = true;
    linting->totals->joined_5_0++;
}

static void received(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                     microseconds time) {
    struct linted *linted = owner;
    (void)context;
    if (linted == NULL)
        return;
    arrive(linted, frame, time);
    if (linted->joined_5_0)
        return;
    monitor_bytes(linted->monitored, side, bytes, time);
}

static void missing(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                    microseconds time) {
    struct linted *linted = owner;
    (void)context;
    (void)length;
    if (linted == NULL)
        return;
    arrive(linted, frame, time);
    monitor_gap(linted->monitored, side, time);
    noticed_gap(&linted->noticed, side, time);
}

static void ended(void *context, void *owner, enum mqtt_side side, bool reset, uint64_t frame, microseconds time) {
    struct linted *linted = owner;
    (void)context;
    (void)reset;
    if (linted == NULL)
        return;
    arrive(linted, frame, time);
    monitor_half_closed(linted->monitored, side, time);
    noticed_half_closed(&linted->linting->notices, &linted->noticed, time);
}

static void closed(void *context, void *owner, uint64_t frame, microseconds time) {
    struct linted *linted = owner;
    (void)context;
    if (linted == NULL)
        return;
    arrive(linted, frame, time);
    monitor_close(linted->monitored, time);
    noticed_end(&linted->linting->notices, &linted->noticed, time);
    breach_queue_closed(linted->linting->queue, &linted->recent);
    free(linted);
}

/* What silence shows. */
static void paused(void *context, microseconds now) {
    struct linting *linting = context;
    if (now > linting->now) {
        linting->now = now;
        breach_queue_tick(linting->queue, now);
        for (struct linted_server *server = linting->servers; server != NULL; server = server->next)
            monitor_tick(server->monitor, now);
    }
    if (linting->hooks->pause != NULL)
        linting->hooks->pause(linting->hooks->context);
}

static void free_servers(struct linting *linting) {
    while (linting->servers != NULL) {
        struct linted_server *server = linting->servers;
        linting->servers = server->next;
        monitor_destroy(server->monitor);
        free(server);
    }
}

bool lint_capture(const struct capture_source *source, const struct lint_hooks *hooks, struct lint_totals *totals,
                  char *reason, size_t reason_size) {
    memset(totals, 0, sizeof *totals);
    struct linting linting = {.hooks = hooks, .totals = totals};
    linting.queue = breach_queue_create(hooks->breach, hooks->context, source->live != NULL ? LIVE_PATIENCE : PATIENCE);
    if (linting.queue == NULL) {
        snprintf(reason, reason_size, "no memory");
        if (source->file != NULL)
            fclose(source->file);
        return false;
    }
    notices_begin(&linting.notices, saw_notice, &linting);
    const struct mqtt_capture_hooks wanted = {.stream = {&linting, opened, received, missing, ended, closed},
                                              .version = shows_version,
                                              .fault = has_fault,
                                              .pause = paused};
    struct mqtt_capture_totals found;
    bool whole = mqtt_capture_read(source, &wanted, &found, reason, reason_size);
    totals->others = found.others;
    totals->tls = found.tls;
    breach_queue_destroy(linting.queue);
    notices_end(&linting.notices);
    free_servers(&linting);
    return whole;
}
