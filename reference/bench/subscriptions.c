/* How long a message looks for its subscribers among a million subscriptions.
 *
 * usage: subscriptions [COUNT]
 *
 * The core alone, without a network. A thousand Clients have COUNT (1000000) subscriptions between them, of mixed
 * depth, most of them with wildcards. Then messages are published to machines drawn at random, so that little of what
 * is looked at is in the processor's caches; each matches ten subscriptions. Prints lines of a name and a number: bytes
 * of memory and microseconds of CPU time for each subscription, and the microseconds of a message
 *
 *   nothing    that matches no subscription
 *   find       that matches ten, until these are found
 *   deliver    the same, from its PUBLISH to ten PUBLISH packets in the output
 *   hostile    of 13 levels, against the 4096 filters that have '+' or its own name at each of 12 levels: all of them
 *              have to be followed to their ends */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reference/core.h"
#include "reference/server.h"

#define CLIENTS       1000u
#define MATCHES       10u
#define ROUNDS        50000u
#define HOSTILE_DEPTH 12u
#define SITES         500u
#define LINES         20u
#define LONGEST       200u /* filter or topic */

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

/* ---- Clients ----------------------------------------------------------------------------------------------------- */

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
    uint8_t encoded[LONGEST + 3];
    size_t length = 0;
    uint8_t options = 0;
    mqtt_append_filter(encoded, sizeof encoded, &length, mqtt_text(filter), &options);
    struct mqtt_packet packet = {.type = MQTT_SUBSCRIBE, .flags = mqtt_required_flags(MQTT_SUBSCRIBE)};
    packet.subscribe.packet_identifier = 1;
    packet.subscribe.filters = (struct mqtt_bytes){encoded, (uint32_t)length};
    packet.subscribe.count = 1;
    send_packet(connection, &packet);
}

static void publish(struct connection *connection, const char *topic) {
    struct mqtt_packet packet = {.type = MQTT_PUBLISH};
    packet.publish.topic = mqtt_text(topic);
    packet.publish.payload = mqtt_text("0123456789012345678901234567890123456789012345678901234567890123");
    send_packet(connection, &packet);
}

/* ---- Filters ----------------------------------------------------------------------------------------------------- */

/* Half of the subscriptions are of the machines that are published to, ten of each, one of each of these forms: at a
 * level is its name, or '+', or '#'. The number of the machine is no other's, so that a topic matches its ten alone;
 * but most of these filters begin as those of all other machines do. */
static const char *const forms[MATCHES] = {
    "=======", "======+", "======#", "=======#", "=+=+===", "+======", "==++==#", "=+++=+#", "++++=+=", "++++==#"};

static void make_topic(char *topic, unsigned machine) {
    snprintf(topic, LONGEST, "site/%u/line/%u/m%u/sensor/temperature", machine % SITES, machine / SITES % LINES,
             machine);
}

static void make_filter(char *filter, unsigned machine, const char *form) {
    char topic[LONGEST];
    make_topic(topic, machine);
    size_t length = 0;
    char *rest = topic;
    for (; *form != '\0'; form++) {
        const char *level = rest != NULL ? strsep(&rest, "/") : "";
        const char wildcard[] = {*form, '\0'};
        length += (size_t)snprintf(filter + length, LONGEST - length, "%s%s", length > 0 ? "/" : "",
                                   *form == '=' ? level : wildcard);
    }
}

/* The other half are subscriptions to what nobody publishes here. Of each hundred, so many have this form. */
static void make_other_filter(char *filter, unsigned number) {
    unsigned site = number / 100, part = number % 100;
    if (part < 60)
        snprintf(filter, LONGEST, "plant/%u/line/%u/machine/%u/temperature", site % 1000, site / 1000, part);
    else if (part < 75)
        snprintf(filter, LONGEST, "plant/%u/line/+/machine/%u/x%u", site % 1000, part, site / 1000);
    else if (part < 85)
        snprintf(filter, LONGEST, "plant/%u/+/%u/#", site, part);
    else if (part < 95)
        snprintf(filter, LONGEST, "archive/%u/%u/#", site, part);
    else
        snprintf(filter, LONGEST, "+/%u/%u/+/end", site, part);
}

static void make_subscriptions(struct broker *broker, struct connection **clients, unsigned count) {
    char filter[LONGEST];
    for (unsigned i = 0; i < count; i++) {
        if (i % 2 == 0)
            make_filter(filter, i / 2 / MATCHES, forms[i / 2 % MATCHES]);
        else
            make_other_filter(filter, i / 2);
        subscribe(clients[(i * 7919u) % CLIENTS], filter);
        if (i % 1000 == 0)
            drain(broker);
    }
    drain(broker);
}

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

static void count_match(void *context, struct topic_node *node) {
    const struct subscribers *subscribers = node->value;
    for (const struct subscription *each = subscribers->first; each != NULL; each = each->next_of_node)
        (*(unsigned *)context)++;
}

/* Drawn by a generator that repeats. */
static unsigned next_machine(uint64_t *state, unsigned machines) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((*state >> 33) % machines);
}

/* Microseconds for each message until its ten subscriptions are found. */
static double measure_find(const struct broker *broker, unsigned machines) {
    static char topics[ROUNDS][64];
    uint64_t state = 1;
    unsigned found = 0;
    for (unsigned i = 0; i < ROUNDS; i++)
        make_topic(topics[i], next_machine(&state, machines));
    double began = seconds();
    for (unsigned i = 0; i < ROUNDS; i++)
        topic_tree_match(&broker->subscriptions, mqtt_text(topics[i]), true, count_match, &found);
    double used = seconds() - began;
    if (found != ROUNDS * MATCHES) {
        fprintf(stderr, "subscriptions: %u were found instead of %u\n", found, ROUNDS * MATCHES);
        exit(1);
    }
    return used / ROUNDS * 1e6;
}

/* The same with all that is done to deliver it. */
static double measure_deliver(struct broker *broker, struct connection *publisher, unsigned machines) {
    char topic[LONGEST];
    uint64_t state = 2, sent = broker_counts(broker).sent;
    double used = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        make_topic(topic, next_machine(&state, machines));
        double began = seconds();
        publish(publisher, topic);
        used += seconds() - began;
        drain(broker);
    }
    assert(broker_counts(broker).sent - sent == ROUNDS * MATCHES);
    return used / ROUNDS * 1e6;
}

static double measure_one_topic(struct broker *broker, struct connection *publisher, const char *topic,
                                unsigned rounds) {
    double began = seconds();
    for (unsigned i = 0; i < rounds; i++)
        publish(publisher, topic);
    double used = seconds() - began;
    assert(drain(broker) == 0);
    return used / rounds * 1e6;
}

static double measure_hostile(struct broker *broker, struct connection *client, struct connection *publisher) {
    char filter[LONGEST];
    for (unsigned choice = 0; choice < 1u << HOSTILE_DEPTH; choice++) {
        size_t length = 0;
        for (unsigned level = 0; level < HOSTILE_DEPTH; level++)
            length += (size_t)snprintf(filter + length, sizeof filter - length, "%s/",
                                       (choice >> level & 1) != 0 ? "+" : "h");
        memcpy(filter + length, "no", 3);
        subscribe(client, filter);
    }
    drain(broker);
    char topic[LONGEST] = "";
    for (unsigned level = 0; level < HOSTILE_DEPTH; level++)
        strcat(topic, "h/");
    strcat(topic, "yes");
    return measure_one_topic(broker, publisher, topic, 100);
}

int main(int argument_count, char **arguments) {
    unsigned count = argument_count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 1000000;
    if (count < 1000) {
        fputs("usage: subscriptions [COUNT, 1000 or more]\n", stderr);
        return 2;
    }
    struct counted counted = {0};
    struct environment environment = {
        .context = &counted, .allocate = allocate, .release = release, .random = next_random};
    struct broker_settings settings = broker_default_settings();
    struct broker *broker = broker_create(&settings, &environment);
    static struct connection *clients[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++)
        clients[i] = connect_client(broker, i);
    drain(broker);
    size_t before = counted.bytes;
    double began = seconds();
    make_subscriptions(broker, clients, count);
    double making = seconds() - began;
    unsigned machines = count / 2 / MATCHES;
    uint64_t made = broker_counts(broker).subscriptions;
    printf("subscriptions %llu\n", (unsigned long long)made);
    printf("bytes %.0f\n", (double)(counted.bytes - before) / (double)made);
    printf("make %.2f\n", making / count * 1e6);
    struct connection *publisher = clients[0];
    printf("nothing %.2f\n", measure_one_topic(broker, publisher, "plant/1/line/3/machine/7/pressure", ROUNDS));
    printf("find %.2f\n", measure_find(broker, machines));
    printf("deliver %.2f\n", measure_deliver(broker, publisher, machines));
    printf("hostile %.2f\n", measure_hostile(broker, clients[0], publisher));
    broker_destroy(broker);
    return 0;
}
