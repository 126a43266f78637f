/* The broker's core alone, without a network: what a delivered message costs in it.
 *
 * Each load is that of the line of the same name in `make bench`: publishers, each with subscribers of its own, who
 * acknowledge what they get. Packets come and go in batches, as a turn of the broker's loop gathers them. Only what the
 * core does is measured, not what the Clients do.
 *
 * Prints a line for each load: nanoseconds of CPU time for each delivered message, and the name. Under callgrind with
 * --toggle-collect=core_works, a load by its number (and how many batches) gives a count of instructions that repeats.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reference/broker.h"
#include "reference/server.h"

#define MAXIMUM_CLIENTS 64
#define BATCH           20 /* messages of one publisher */
#define PAYLOAD_SIZE    64
#define BUFFER_SIZE     (BATCH * 128u)
#define WARM_UP         50 /* batches before the first that counts */

struct kind_of_load {
    const char *name;
    enum mqtt_version version;
    uint8_t qos;
    unsigned publishers;
    unsigned subscribers; /* of each publisher */
};

static const struct kind_of_load kinds[] = {
    {"1 publisher to 50 subscribers, QoS 0", MQTT_3_1_1, 0, 1, 50},
    {"20 pairs, QoS 0", MQTT_3_1_1, 0, 20, 1},
    {"10 pairs, QoS 1", MQTT_3_1_1, 1, 10, 1},
    {"10 pairs, QoS 2", MQTT_3_1_1, 2, 10, 1},
    {"1 publisher to 50 subscribers, QoS 0, MQTT 5.0", MQTT_5_0, 0, 1, 50},
    {"20 pairs, QoS 0, MQTT 5.0", MQTT_5_0, 0, 20, 1},
    {"10 pairs, QoS 1, MQTT 5.0", MQTT_5_0, 1, 10, 1},
    {"10 pairs, QoS 2, MQTT 5.0", MQTT_5_0, 2, 10, 1},
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

struct client {
    struct connection *connection;
    char topic[16];
    uint32_t to_broker_length;
    uint32_t from_broker_length;
    uint8_t to_broker[BUFFER_SIZE];
    uint8_t from_broker[BUFFER_SIZE];
};

struct core_load {
    const struct kind_of_load *kind;
    struct broker *broker;
    struct spec_rules rules; /* of the Clients' decoder */
    unsigned client_count;   /* first the publishers */
    uint64_t delivered;
    double cpu_seconds; /* of the core */
    struct client clients[MAXIMUM_CLIENTS];
};

static double cpu_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- The core's part --------------------------------------------------------------------------------------------- */

static void take_output(struct connection *connection) {
    struct client *client = broker_owner(connection);
    struct mqtt_bytes views[64];
    size_t count;
    while ((count = broker_output(connection, views, sizeof views / sizeof views[0])) > 0) {
        size_t total = 0;
        for (size_t i = 0; i < count; i++) {
            assert(client->from_broker_length + views[i].length <= BUFFER_SIZE);
            memcpy(client->from_broker + client->from_broker_length, views[i].data, views[i].length);
            client->from_broker_length += views[i].length;
            total += views[i].length;
        }
        broker_sent(connection, total);
    }
}

/* One turn: all that the Clients have to say goes in, and what the broker says comes out. Not static, so that callgrind
 * finds it by its name. */
void core_works(struct core_load *load);
void core_works(struct core_load *load) {
    struct connection *connection;
    for (unsigned i = 0; i < load->client_count; i++) {
        struct client *client = &load->clients[i];
        if (client->to_broker_length > 0)
            broker_receive(client->connection, (struct mqtt_bytes){client->to_broker, client->to_broker_length}, 0);
        client->to_broker_length = 0;
    }
    while ((connection = broker_next_ready(load->broker)) != NULL)
        take_output(connection);
}

/* ---- The Clients' part ------------------------------------------------------------------------------------------- */

static void put(struct core_load *load, struct client *client, const struct mqtt_packet *packet) {
    size_t size = mqtt_encode(load->kind->version, packet, client->to_broker + client->to_broker_length,
                              BUFFER_SIZE - client->to_broker_length);
    assert(size > 0);
    client->to_broker_length += (uint32_t)size;
}

static void put_acknowledgement(struct core_load *load, struct client *client, enum mqtt_type type,
                                uint16_t packet_identifier) {
    put(load, client,
        &(struct mqtt_packet){
            .type = type, .flags = mqtt_required_flags(type), .acknowledgement.packet_identifier = packet_identifier});
}

static void put_publish(struct core_load *load, struct client *client, uint16_t packet_identifier) {
    uint8_t payload[PAYLOAD_SIZE] = {0};
    put(load, client,
        &(struct mqtt_packet){.type = MQTT_PUBLISH,
                              .flags = (uint8_t)(load->kind->qos << MQTT_PUBLISH_QOS_SHIFT),
                              .publish = {.topic = mqtt_text(client->topic),
                                          .packet_identifier = packet_identifier,
                                          .payload = {.data = payload, .length = sizeof payload}}});
}

static void answer(struct core_load *load, struct client *client, const struct mqtt_packet *packet) {
    switch (packet->type) {
    case MQTT_PUBLISH:
        load->delivered++;
        if (load->kind->qos > 0)
            put_acknowledgement(load, client, load->kind->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC,
                                packet->publish.packet_identifier);
        break;
    case MQTT_PUBREC:
        put_acknowledgement(load, client, MQTT_PUBREL, packet->acknowledgement.packet_identifier);
        break;
    case MQTT_PUBREL:
        put_acknowledgement(load, client, MQTT_PUBCOMP, packet->acknowledgement.packet_identifier);
        break;
    default:
        break;
    }
}

/* False where no Client has anything more to say. */
static bool clients_work(struct core_load *load) {
    const struct mqtt_decoder decoder = {.version = load->kind->version, .sender = MQTT_SERVER, .rules = &load->rules};
    bool more = false;
    for (unsigned i = 0; i < load->client_count; i++) {
        struct client *client = &load->clients[i];
        struct mqtt_bytes rest = {client->from_broker, client->from_broker_length};
        struct mqtt_packet packet;
        struct mqtt_error error;
        uint32_t size;
        while (mqtt_next(&decoder, rest, &packet, &size, &error) == MQTT_OK) {
            answer(load, client, &packet);
            rest.data += size;
            rest.length -= size;
        }
        assert(rest.length == 0);
        client->from_broker_length = 0;
        more = more || client->to_broker_length > 0;
    }
    return more;
}

/* ---- A load ------------------------------------------------------------------------------------------------------ */

static void settle(struct core_load *load) {
    double before = cpu_time();
    core_works(load);
    load->cpu_seconds += cpu_time() - before;
}

static void publish_batch(struct core_load *load) {
    for (unsigned i = 0; i < load->kind->publishers; i++)
        for (uint16_t message = 1; message <= BATCH; message++)
            put_publish(load, &load->clients[i], message);
    do
        settle(load);
    while (clients_work(load));
}

static void open_client(struct core_load *load, unsigned number) {
    const struct kind_of_load *kind = load->kind;
    struct client *client = &load->clients[number];
    char name[16];
    client->connection = broker_accept(load->broker, 0, client);
    assert(client->connection != NULL);
    bool publishes = number < kind->publishers;
    unsigned topic = publishes ? number : (number - kind->publishers) / kind->subscribers;
    snprintf(client->topic, sizeof client->topic, "bench/%u", topic);
    snprintf(name, sizeof name, "load-%u", number);
    put(load, client,
        &(struct mqtt_packet){.type = MQTT_CONNECT,
                              .connect = {.protocol_name = mqtt_text("MQTT"),
                                          .protocol_level = (uint8_t)kind->version,
                                          .flags = MQTT_CONNECT_CLEAN_SESSION,
                                          .client_identifier = mqtt_text(name)}});
    if (publishes)
        return;
    uint8_t filters[64];
    size_t length = 0;
    mqtt_append_filter(filters, sizeof filters, &length, mqtt_text(client->topic), &kind->qos);
    put(load, client,
        &(struct mqtt_packet){
            .type = MQTT_SUBSCRIBE,
            .flags = mqtt_required_flags(MQTT_SUBSCRIBE),
            .subscribe = {.packet_identifier = 1, .filters = {.data = filters, .length = (uint32_t)length}}});
}

static bool begin(struct core_load *load, const struct kind_of_load *kind) {
    const struct environment environment = environment_of_system();
    struct broker_settings settings = broker_default_settings();
    settings.maximum_in_flight = 100;
    memset(load, 0, sizeof *load);
    load->kind = kind;
    load->broker = broker_create(&settings, &environment);
    if (load->broker == NULL)
        return false;
    load->client_count = kind->publishers * (1 + kind->subscribers);
    assert(load->client_count <= MAXIMUM_CLIENTS);
    for (unsigned i = 0; i < load->client_count; i++)
        open_client(load, i);
    do
        core_works(load);
    while (clients_work(load));
    return true;
}

static bool run(const struct kind_of_load *kind, unsigned batches) {
    static struct core_load load;
    if (!begin(&load, kind)) {
        fputs("core: out of memory\n", stderr);
        return false;
    }
    for (unsigned i = 0; i < WARM_UP; i++)
        publish_batch(&load);
    load.cpu_seconds = 0;
    load.delivered = 0;
    for (unsigned i = 0; i < batches; i++)
        publish_batch(&load);
    broker_destroy(load.broker);
    uint64_t expected = (uint64_t)batches * BATCH * kind->publishers * kind->subscribers;
    if (load.delivered != expected) {
        fprintf(stderr, "core: %llu messages came instead of %llu\n", (unsigned long long)load.delivered,
                (unsigned long long)expected);
        return false;
    }
    printf("%.1f %s\n", load.cpu_seconds * 1e9 / (double)load.delivered, kind->name);
    return true;
}

static int usage(void) {
    fputs("usage: core [-l | LOAD [BATCHES]]\n"
          "  -l  list the loads: number, messages delivered in a batch, name\n",
          stderr);
    return 2;
}

static int list(void) {
    for (size_t i = 0; i < KIND_COUNT; i++)
        printf("%zu %u %s\n", i, BATCH * kinds[i].publishers * kinds[i].subscribers, kinds[i].name);
    return 0;
}

static bool parse_number(const char *text, unsigned long lowest, unsigned long highest, unsigned long *number) {
    char *end;
    *number = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && *number >= lowest && *number <= highest;
}

int main(int count, char **arguments) {
    unsigned long first = 0, last = KIND_COUNT - 1, batches = 2000;
    if (count == 2 && strcmp(arguments[1], "-l") == 0)
        return list();
    if (count > 3 || (count > 1 && !parse_number(arguments[1], 0, KIND_COUNT - 1, &first)) ||
        (count > 2 && !parse_number(arguments[2], 1, 1000000, &batches)))
        return usage();
    if (count > 1)
        last = first;
    bool fine = true;
    for (size_t i = first; i <= last; i++)
        fine = run(&kinds[i], (unsigned)batches) && fine;
    return fine ? 0 : 1;
}
