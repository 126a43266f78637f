/* A broker on a bench: allocations counted and made to fail, time set by hand, what each Client is sent kept. */
#ifndef MQSPEC_BROKER_BENCH_H
#define MQSPEC_BROKER_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference/broker.h"

#define CLIENTS     8
#define OUTPUT_SIZE (256u << 10)

struct bench {
    size_t allocations;
    size_t outstanding;
    size_t failing; /* the allocation that fails, from 1; 0: none */
    struct broker *broker;
    microseconds now;
    microseconds wall_at_start; /* what the clock on the wall showed when `now` was 0 */
    bool holds_commit;          /* what was received is not committed, and so nothing sent */
    struct connection *connections[CLIENTS];
    uint8_t output[CLIENTS][OUTPUT_SIZE]; /* all that was sent to each Client and not looked at */
    size_t length[CLIENTS];
    bool closed[CLIENTS];
    enum mqtt_version version[CLIENTS]; /* that each Client speaks; 3.1.1 unless it is set */
    unsigned events[BROKER_PACKET_OUT + 1];
};

static inline void *allocate(void *context, size_t size) {
    struct bench *bench = context;
    if (++bench->allocations == bench->failing)
        return NULL;
    bench->outstanding++;
    return malloc(size);
}

static inline void release(void *context, void *memory, size_t size) {
    struct bench *bench = context;
    (void)size;
    assert_non_null(memory);
    bench->outstanding--;
    free(memory);
}

static inline uint64_t next_random(void *context) {
    (void)context;
    return 4; /* the core must cope with any generator */
}

static inline microseconds wall_clock(void *context) {
    const struct bench *bench = context;
    return bench->wall_at_start + bench->now;
}

static inline void count_event(void *context, const struct broker_event *event) {
    struct bench *bench = context;
    bench->events[event->kind]++;
}

/* Where an allocation fails, each block is allocated by itself, so that each is reached. */
static inline struct bench *bench_create(struct broker_settings settings, size_t failing) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->failing = failing;
    for (int client = 0; client < CLIENTS; client++)
        bench->version[client] = MQTT_3_1_1;
    settings.hooks.context = bench;
    settings.hooks.report = count_event;
    const struct environment environment = {.context = bench,
                                            .allocate = allocate,
                                            .release = release,
                                            .random = next_random,
                                            .wall_clock = wall_clock,
                                            .allocates_each_block = failing != 0};
    bench->broker = broker_create(&settings, &environment);
    return bench;
}

static inline void bench_destroy(struct bench *bench) {
    broker_destroy(bench->broker);
    assert_int_equal(bench->outstanding, 0);
    free(bench);
}

/* Takes the output that may be sent, a few bytes at a time where `step` says so, and closes what is to be closed. */
static inline void take_output(struct bench *bench, size_t step) {
    struct connection *connection;
    while ((connection = broker_next_ready(bench->broker)) != NULL) {
        int client = (int)(intptr_t)broker_owner(connection);
        struct mqtt_bytes view;
        while (broker_output(connection, &view, 1) > 0) {
            size_t count = step != 0 && view.length > step ? step : view.length;
            assert_true(bench->length[client] + count <= OUTPUT_SIZE);
            memcpy(bench->output[client] + bench->length[client], view.data, count);
            bench->length[client] += count;
            broker_sent(connection, count);
        }
        if (broker_is_closing(connection)) {
            bench->closed[client] = true;
            bench->connections[client] = NULL;
            broker_closed(connection, bench->now);
        }
    }
}

/* All output: where there is a store, what is sent may be followed by more, which waits for a commit of its own. */
static inline void settle(struct bench *bench, size_t step) {
    if (bench->holds_commit)
        return;
    do {
        (void)broker_commit(bench->broker, bench->now);
        take_output(bench, step);
    } while (broker_is_ready(bench->broker) && broker_failure(bench->broker) == NULL);
}

static inline void open_connection(struct bench *bench, int client) {
    bench->connections[client] = broker_accept(bench->broker, bench->now, (void *)(intptr_t)client);
    bench->closed[client] = bench->connections[client] == NULL;
    bench->length[client] = 0;
}

static inline void receive(struct bench *bench, int client, const void *bytes, size_t length) {
    if (bench->connections[client] != NULL)
        broker_receive(bench->connections[client], (struct mqtt_bytes){bytes, (uint32_t)length}, bench->now);
    settle(bench, 0);
}

static inline void send_packet(struct bench *bench, int client, const struct mqtt_packet *packet) {
    static uint8_t buffer[2 * OUTPUT_SIZE];
    size_t length = mqtt_encode(bench->version[client], packet, buffer, sizeof buffer);
    assert_true(length > 0);
    receive(bench, client, buffer, length);
}

/* To the next deadline, if that is still to come: time does not go back. */
static inline void tick(struct bench *bench) {
    if (broker_deadline(bench->broker) > bench->now)
        bench->now = broker_deadline(bench->broker);
    broker_tick(bench->broker, bench->now);
    settle(bench, 0);
}

static inline void advance(struct bench *bench, microseconds to) {
    while (broker_deadline(bench->broker) <= to)
        tick(bench);
    bench->now = to;
}

static inline void subscribe(struct bench *bench, int client, const char *filter, uint8_t qos) {
    uint8_t filters[128];
    size_t length = 0;
    assert_true(mqtt_append_filter(filters, sizeof filters, &length, mqtt_text(filter), &qos));
    struct mqtt_packet packet = {.type = MQTT_SUBSCRIBE, .flags = 2};
    packet.subscribe.packet_identifier = 1;
    packet.subscribe.filters = (struct mqtt_bytes){filters, (uint32_t)length};
    send_packet(bench, client, &packet);
}

#endif
