#include "reference/statistics.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PREFIX             "$SYS/broker/"
#define LONGEST_TOPIC      64
#define SECONDS_PER_MINUTE 60.0

/* All numbers that are told as they are. */
struct numbers {
    struct broker_counts counts;
    struct memory_use memory;
    uint64_t disconnected;
    uint64_t subscriptions; /* that are not shared */
};

#define NUMBER(field) offsetof(struct numbers, field)

/* The topics that mosquitto calls deprecated are there for those who still read them. */
static const struct {
    const char *topic;
    size_t offset; /* in struct numbers */
} numbers_told[] = {
    {"clients/total", NUMBER(counts.sessions)},
    {"clients/maximum", NUMBER(counts.most_clients)},
    {"clients/disconnected", NUMBER(disconnected)},
    {"clients/inactive", NUMBER(disconnected)},
    {"clients/connected", NUMBER(counts.clients)},
    {"clients/active", NUMBER(counts.clients)},
    {"clients/expired", NUMBER(counts.expired)},
    {"messages/stored", NUMBER(counts.messages)},
    {"messages/received", NUMBER(counts.packets_received)},
    {"messages/sent", NUMBER(counts.packets_sent)},
    {"messages/inflight", NUMBER(counts.in_flight)},
    {"store/messages/count", NUMBER(counts.messages)},
    {"store/messages/bytes", NUMBER(counts.message_bytes)},
    {"subscriptions/count", NUMBER(subscriptions)},
    {"shared_subscriptions/count", NUMBER(counts.shared_subscriptions)},
    {"retained messages/count", NUMBER(counts.retained)},
    {"heap/current", NUMBER(memory.current)},
    {"heap/maximum", NUMBER(memory.maximum)},
    {"publish/messages/dropped", NUMBER(counts.discarded)},
    {"publish/messages/received", NUMBER(counts.received)},
    {"publish/messages/sent", NUMBER(counts.sent)},
    {"publish/bytes/received", NUMBER(counts.payload_bytes_received)},
    {"publish/bytes/sent", NUMBER(counts.payload_bytes_sent)},
    {"bytes/received", NUMBER(counts.bytes_received)},
    {"bytes/sent", NUMBER(counts.bytes_sent)},
};

#define NUMBER_COUNT (sizeof numbers_told / sizeof numbers_told[0])

static_assert(NUMBER_COUNT <= STATISTICS_TOPICS, "struct statistics keeps what was told of each");

/* Those of which moving averages are told, per minute. */
static const struct {
    const char *topic;
    size_t offset; /* in struct broker_counts */
} loads_told[STATISTICS_LOADS] = {
    {"load/messages/received", offsetof(struct broker_counts, packets_received)},
    {"load/messages/sent", offsetof(struct broker_counts, packets_sent)},
    {"load/publish/dropped", offsetof(struct broker_counts, discarded)},
    {"load/publish/received", offsetof(struct broker_counts, received)},
    {"load/publish/sent", offsetof(struct broker_counts, sent)},
    {"load/bytes/received", offsetof(struct broker_counts, bytes_received)},
    {"load/bytes/sent", offsetof(struct broker_counts, bytes_sent)},
    {"load/sockets", offsetof(struct broker_counts, accepted)},
    {"load/connections", offsetof(struct broker_counts, connects)},
};

static const struct {
    const char *name;
    double minutes;
} periods[STATISTICS_PERIODS] = {{"1min", 1}, {"5min", 5}, {"15min", 15}};

/* ---- Telling ------------------------------------------------------------------------------------------------- */

/* What memory is too short for is told the next time, when it will have changed again or not. */
static void publish(struct statistics *statistics, const char *topic, const char *text, microseconds now) {
    char full[LONGEST_TOPIC];
    int length = snprintf(full, sizeof full, PREFIX "%s", topic);
    assert(length > 0 && (size_t)length < sizeof full);
    struct broker_message message = {.topic = mqtt_text(full), .payload = mqtt_text(text), .retain = true};
    (void)broker_publish(statistics->broker, &message, now);
}

static void publish_if_changed(struct statistics *statistics, const char *topic, const char *text,
                               char told[STATISTICS_LONGEST_TEXT], microseconds now) {
    if (strcmp(text, told) == 0)
        return;
    memcpy(told, text, strlen(text) + 1);
    publish(statistics, topic, text, now);
}

static uint64_t number_at(const void *start, size_t offset) {
    uint64_t number;
    memcpy(&number, (const char *)start + offset, sizeof number);
    return number;
}

static void tell_numbers(struct statistics *statistics, const struct broker_counts *counts, microseconds now) {
    struct numbers numbers = {.counts = *counts, .memory = *statistics->memory};
    /* A broker that breaks MQTT-3.1.4-2 has Clients without a Session. */
    numbers.disconnected = counts->sessions > counts->clients ? counts->sessions - counts->clients : 0;
    numbers.subscriptions = counts->subscriptions - counts->shared_subscriptions;
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        char text[STATISTICS_LONGEST_TEXT];
        snprintf(text, sizeof text, "%" PRIu64, number_at(&numbers, numbers_told[i].offset));
        publish_if_changed(statistics, numbers_told[i].topic, text, statistics->topics[i], now);
    }
}

/* A moving average in which what was t minutes ago counts e to the power of -t over the period. */
static void tell_loads(struct statistics *statistics, const struct broker_counts *counts, microseconds now) {
    double minutes = (double)(now - statistics->last) / (double)MICROSECONDS_PER_SECOND / SECONDS_PER_MINUTE;
    for (size_t i = 0; i < STATISTICS_LOADS; i++) {
        size_t offset = loads_told[i].offset;
        uint64_t more = number_at(counts, offset) - number_at(&statistics->counts, offset);
        double rate = minutes > 0 ? (double)more / minutes : 0;
        for (size_t period = 0; period < STATISTICS_PERIODS; period++) {
            double *load = &statistics->loads[i][period];
            char topic[LONGEST_TOPIC], text[STATISTICS_LONGEST_TEXT];
            *load = rate + exp(-minutes / periods[period].minutes) * (*load - rate);
            snprintf(topic, sizeof topic, "%s/%s", loads_told[i].topic, periods[period].name);
            snprintf(text, sizeof text, "%.2f", *load);
            publish_if_changed(statistics, topic, text, statistics->load_topics[i][period], now);
        }
    }
}

static void tell_all(struct statistics *statistics, microseconds now) {
    struct broker_counts counts = broker_counts(statistics->broker);
    char uptime[STATISTICS_LONGEST_TEXT + sizeof " seconds"];
    snprintf(uptime, sizeof uptime, "%" PRIu64 " seconds", (now - statistics->started) / MICROSECONDS_PER_SECOND);
    publish(statistics, "uptime", uptime, now);
    tell_numbers(statistics, &counts, now);
    tell_loads(statistics, &counts, now);
    statistics->counts = counts;
    statistics->last = now;
}

/* ---- Life ---------------------------------------------------------------------------------------------------- */

void statistics_begin(struct statistics *statistics, struct broker *broker, const char *version,
                      const struct memory_use *memory, microseconds interval, microseconds now) {
    *statistics =
        (struct statistics){.broker = broker, .memory = memory, .interval = interval, .started = now, .last = now};
    if (interval == 0)
        return;
    publish(statistics, "version", version, now);
    tell_all(statistics, now);
}

microseconds statistics_turn(struct statistics *statistics, microseconds now) {
    if (statistics->interval == 0)
        return NO_DEADLINE;
    if (now >= statistics->last + statistics->interval)
        tell_all(statistics, now);
    return statistics->last + statistics->interval;
}
