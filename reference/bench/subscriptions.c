/* How long a message looks for its subscribers among a million subscriptions.
 *
 * usage: subscriptions [COUNT]
 *
 * The core alone, without a network. A thousand Clients have COUNT (1000000) subscriptions between them, of mixed
 * depth, a part of them with wildcards. Then messages are published of which each matches ten. Prints what a
 * subscription costs in memory and what a message costs in CPU time, with the ten deliveries and without a match, and
 * the worst that Clients can ask for: filters of '+' at every level. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reference/broker.h"
#include "reference/server.h"

#define CLIENTS       1000u
#define MATCHES       10u
#define ROUNDS        20000u
#define HOSTILE_DEPTH 12u

struct counted {
    size_t bytes;
};

static void *allocate(void *context, size_t size) {
    ((struct counted *)context)->bytes += size;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size) {
    ((struct counted *)context)->bytes -= size;
    free(memory);
}

static uint64_t next_random(void *context) {
    (void)context;
    return 20260101;
}

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void send_packet(struct connection *connection, const struct mqtt_packet *packet) {
    uint8_t buffer[1024];
    size_t length = mqtt_encode(MQTT_3_1_1, packet, buffer, sizeof buffer);
    assert(length > 0);
    broker_receive(connection, (struct mqtt_bytes){buffer, (uint32_t)length}, 0);
}

/* Takes all output away; returns how many bytes there were. */
static size_t drain(struct broker *broker) {
    struct connection *connection;
    struct mqtt_bytes view;
    size_t total = 0;
    while ((connection = broker_next_ready(broker)) != NULL)
        while (broker_output(connection, &view, 1) > 0) {
            total += view.length;
            broker_sent(connection, view.length);
        }
    return total;
}

static struct connection *connect_client(struct broker *broker, unsigned number) {
    char name[32];
    snprintf(name, sizeof name, "client-%u", number);
    struct connection *connection = broker_accept(broker, 0, NULL);
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect = (struct mqtt_connect){.protocol_name = mqtt_text("MQTT"),
                                           .protocol_level = MQTT_3_1_1,
                                           .flags = MQTT_CONNECT_CLEAN_SESSION,
                                           .client_identifier = mqtt_text(name)};
    send_packet(connection, &packet);
    return connection;
}

static void subscribe(struct connection *connection, const char *filter) {
    uint8_t encoded[600];
    size_t length = strlen(filter);
    encoded[0] = (uint8_t)(length >> 8);
    encoded[1] = (uint8_t)length;
    memcpy(encoded + 2, filter, length);
    encoded[2 + length] = 0;
    struct mqtt_packet packet = {.type = MQTT_SUBSCRIBE, .flags = mqtt_required_flags(MQTT_SUBSCRIBE)};
    packet.subscribe.packet_identifier = 1;
    packet.subscribe.filters = (struct mqtt_bytes){encoded, (uint32_t)length + 3};
    packet.subscribe.count = 1;
    send_packet(connection, &packet);
}

static void publish(struct connection *connection, const char *topic) {
    struct mqtt_packet packet = {.type = MQTT_PUBLISH};
    packet.publish.topic = mqtt_text(topic);
    packet.publish.payload = mqtt_text("0123456789012345678901234567890123456789012345678901234567890123");
    send_packet(connection, &packet);
}

/* Of each hundred subscriptions, so many have this form. Those with wildcards are kept apart by site, so that a message
 * matches few of them. */
static void make_filter(char filter[100], unsigned number) {
    unsigned site = number / 100, part = number % 100;
    if (part < 60)
        snprintf(filter, 100, "site/%u/line/%u/machine/%u/temperature", site % 1000, site / 1000, part);
    else if (part < 75)
        snprintf(filter, 100, "site/%u/line/+/machine/%u/x%u", site % 1000, part, site / 1000);
    else if (part < 85)
        snprintf(filter, 100, "site/%u/+/%u/#", site, part);
    else if (part < 95)
        snprintf(filter, 100, "archive/%u/%u/#", site, part);
    else
        snprintf(filter, 100, "+/%u/%u/+/end", site, part);
}

/* The filters that the messages match, of every form. */
static const char *const matching[MATCHES] = {"plant/7/oven/3/state",
                                              "plant/7/oven/+/state",
                                              "plant/+/oven/3/state",
                                              "+/7/oven/3/state",
                                              "plant/7/#",
                                              "plant/7/oven/#",
                                              "plant/7/oven/3/#",
                                              "plant/+/+/+/state",
                                              "plant/7/oven/3/+",
                                              "plant/7/oven/3/state/#"};

/* Microseconds of CPU time for each message to this topic; *bytes is what one of them brought. */
static double measure(struct broker *broker, struct connection *publisher, const char *topic, unsigned rounds,
                      size_t *bytes) {
    double began = seconds();
    for (unsigned i = 0; i < rounds; i++) {
        publish(publisher, topic);
        *bytes = drain(broker);
    }
    return (seconds() - began) / rounds * 1e6;
}

/* A message of many levels against filters that have '+' or a name at each of them: every combination is one. */
static double measure_hostile(struct broker *broker, struct connection *client, struct connection *publisher,
                              size_t *bytes) {
    char filter[200];
    for (unsigned choice = 0; choice < 1u << HOSTILE_DEPTH; choice++) {
        size_t length = 0;
        for (unsigned level = 0; level < HOSTILE_DEPTH; level++)
            length += (size_t)snprintf(filter + length, sizeof filter - length, "%s%s", level > 0 ? "/" : "",
                                       (choice >> level & 1) != 0 ? "+" : "h");
        memcpy(filter + length, "/no", 4);
        subscribe(client, filter);
    }
    drain(broker);
    char topic[200] = "h";
    for (unsigned level = 1; level < HOSTILE_DEPTH; level++)
        strcat(topic, "/h");
    strcat(topic, "/yes");
    return measure(broker, publisher, topic, 200, bytes);
}

int main(int argument_count, char **arguments) {
    unsigned count = argument_count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 1000000;
    struct counted counted = {0};
    struct environment environment = {
        .context = &counted, .allocate = allocate, .release = release, .random = next_random};
    struct broker_settings settings = broker_default_settings();
    struct broker *broker = broker_create(&settings, &environment);
    static struct connection *clients[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++)
        clients[i] = connect_client(broker, i);
    drain(broker);
    size_t before = counted.bytes, bytes = 0;
    double began = seconds();
    char filter[100];
    for (unsigned i = 0; i + MATCHES < count; i++) {
        make_filter(filter, i);
        subscribe(clients[i % CLIENTS], filter);
        if (i % 1000 == 0)
            drain(broker);
    }
    for (unsigned i = 0; i < MATCHES; i++)
        subscribe(clients[i * 97 % CLIENTS], matching[i]);
    drain(broker);
    double subscribing = (seconds() - began) / count * 1e6;
    uint64_t made = broker_counts(broker).subscriptions;
    printf("%10llu subscriptions\n", (unsigned long long)made);
    printf("%10.0f bytes each\n", (double)(counted.bytes - before) / (double)made);
    printf("%10.2f us to make one\n", subscribing);
    struct connection *publisher = clients[CLIENTS - 1];
    printf("%10.2f us for a message that matches nothing\n",
           measure(broker, publisher, "site/none/line/3/machine/7/temperature", ROUNDS, &bytes));
    double ten = measure(broker, publisher, "plant/7/oven/3/state", ROUNDS, &bytes);
    printf("%10.2f us for a message that matches %zu, with its deliveries\n", ten,
           bytes / (2 + 2 + strlen("plant/7/oven/3/state") + 64));
    printf("%10.2f us for a message of %u levels against the %u filters of + and its names\n",
           measure_hostile(broker, clients[0], publisher, &bytes), HOSTILE_DEPTH + 1, 1u << HOSTILE_DEPTH);
    broker_destroy(broker);
    return ten < 5.0 ? 0 : 1;
}
