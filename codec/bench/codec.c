/* How fast the codec is on one core: packets and bytes a second, strict decoding and encoding.
 *
 *     codec            every row, best and median of the rounds
 *     codec --once N   each row N times and no clock, for tools that count instructions
 *
 * The packets of a row stand one behind the other in a buffer that fits the cache, as they do when they were received
 * together. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codec/codec.h"

#define COPIES       64u
#define ROUNDS       41u
#define ROUND_TIME   5000000u /* nanoseconds, about */
#define LARGEST      512u
#define TOPIC        "sensors/kitchen/temper" /* 22 bytes */
#define PAYLOAD_SIZE 64u

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

struct sample {
    const char *name;
    enum mqtt_version version; /* of the connection */
    struct mqtt_packet packet;
    uint8_t properties[128];
    uint8_t filters[128];
};

static const uint8_t payload[PAYLOAD_SIZE] = {'2', '1', '.', '5'};

static void add(struct sample *sample, size_t *length, struct mqtt_property property) {
    if (!mqtt_append_property(sample->properties, sizeof sample->properties, length, &property))
        abort();
}

static void make_publish(struct sample *sample, uint8_t qos) {
    sample->packet.type = MQTT_PUBLISH;
    sample->packet.flags = (uint8_t)(qos << MQTT_PUBLISH_QOS_SHIFT);
    sample->packet.publish.topic = mqtt_text(TOPIC);
    sample->packet.publish.packet_identifier = 1000;
    sample->packet.publish.payload = (struct mqtt_bytes){payload, sizeof payload};
}

static void qos_0(struct sample *sample) {
    make_publish(sample, 0);
}

static void qos_1(struct sample *sample) {
    make_publish(sample, 1);
}

static void qos_0_with_three_properties(struct sample *sample) {
    size_t length = 0;
    make_publish(sample, 0);
    add(sample, &length, (struct mqtt_property){.identifier = MQTT_MESSAGE_EXPIRY_INTERVAL, .number = 3600});
    add(sample, &length, (struct mqtt_property){.identifier = MQTT_CONTENT_TYPE, .bytes = mqtt_text("text/plain")});
    add(sample, &length,
        (struct mqtt_property){
            .identifier = MQTT_USER_PROPERTY, .bytes = mqtt_text("unit"), .value = mqtt_text("celsius")});
    sample->packet.publish.properties = (struct mqtt_bytes){sample->properties, (uint32_t)length};
}

static void connect(struct sample *sample) {
    sample->packet.type = MQTT_CONNECT;
    sample->packet.connect.protocol_name = mqtt_text("MQTT");
    sample->packet.connect.protocol_level = (uint8_t)sample->version;
    sample->packet.connect.flags = MQTT_CONNECT_CLEAN_SESSION | MQTT_CONNECT_USER_NAME | MQTT_CONNECT_PASSWORD;
    sample->packet.connect.keep_alive = 60;
    sample->packet.connect.client_identifier = mqtt_text("kitchen-sensor-17");
    sample->packet.connect.user_name = mqtt_text("sensor");
    sample->packet.connect.password = mqtt_text("secret");
}

static void connect_with_properties(struct sample *sample) {
    size_t length = 0;
    connect(sample);
    add(sample, &length, (struct mqtt_property){.identifier = MQTT_SESSION_EXPIRY_INTERVAL, .number = 3600});
    add(sample, &length, (struct mqtt_property){.identifier = MQTT_RECEIVE_MAXIMUM, .number = 20});
    sample->packet.connect.properties = (struct mqtt_bytes){sample->properties, (uint32_t)length};
}

static void subscribe(struct sample *sample) {
    size_t length = 0;
    uint8_t options = 1;
    sample->packet.type = MQTT_SUBSCRIBE;
    sample->packet.flags = 2;
    sample->packet.subscribe.packet_identifier = 7;
    if (!mqtt_append_filter(sample->filters, sizeof sample->filters, &length, mqtt_text("sensors/+/temper"), &options))
        abort();
    sample->packet.subscribe.filters = (struct mqtt_bytes){sample->filters, (uint32_t)length};
}

static void puback(struct sample *sample) {
    sample->packet.type = MQTT_PUBACK;
    sample->packet.acknowledgement.packet_identifier = 1000;
}

static const struct {
    const char *name;
    enum mqtt_version version;
    void (*make)(struct sample *sample);
} rows[] = {
    {"3.1.1 PUBLISH QoS 0", MQTT_3_1_1, qos_0},
    {"3.1.1 PUBLISH QoS 1", MQTT_3_1_1, qos_1},
    {"3.1.1 PUBACK", MQTT_3_1_1, puback},
    {"3.1.1 SUBSCRIBE", MQTT_3_1_1, subscribe},
    {"3.1.1 CONNECT", MQTT_3_1_1, connect},
    {"5.0 PUBLISH QoS 0", MQTT_5_0, qos_0},
    {"5.0 PUBLISH, 3 properties", MQTT_5_0, qos_0_with_three_properties},
    {"5.0 SUBSCRIBE", MQTT_5_0, subscribe},
    {"5.0 CONNECT, 2 properties", MQTT_5_0, connect_with_properties},
};

/* ---- Work -------------------------------------------------------------------------------------------------------- */

struct bench {
    struct sample sample;
    struct spec_rules rules;
    struct mqtt_decoder decoder;
    uint8_t bytes[COPIES * LARGEST];
    size_t size;    /* of one packet */
    uint64_t check; /* keeps the compiler from leaving the work out */
};

static void fail(const struct bench *bench, const char *what) {
    fprintf(stderr, "codec: %s: %s\n", bench->sample.name, what);
    exit(2);
}

static void prepare(struct bench *bench, size_t row) {
    memset(bench, 0, sizeof *bench);
    bench->sample.name = rows[row].name;
    bench->sample.version = rows[row].version;
    rows[row].make(&bench->sample);
    bool first = bench->sample.packet.type == MQTT_CONNECT;
    bench->decoder = (struct mqtt_decoder){.version = first ? MQTT_VERSION_UNKNOWN : rows[row].version,
                                           .sender = MQTT_CLIENT,
                                           .maximum_packet_size = 1u << 20,
                                           .rules = &bench->rules};
    for (size_t i = 0; i < COPIES; i++) {
        bench->size = mqtt_encode(rows[row].version, &bench->sample.packet, bench->bytes + i * bench->size, LARGEST);
        if (bench->size == 0)
            fail(bench, "does not encode");
    }
}

/* All copies, framed and decoded. */
static void receive_all(struct bench *bench) {
    struct mqtt_bytes rest = {bench->bytes, (uint32_t)(COPIES * bench->size)};
    struct mqtt_packet packet;
    struct mqtt_error error;
    while (rest.length > 0) {
        uint32_t packet_size;
        if (mqtt_next(&bench->decoder, rest, &packet, &packet_size, &error) != MQTT_OK)
            fail(bench, "does not decode");
        bench->check += packet.type;
        rest.data += packet_size;
        rest.length -= packet_size;
    }
}

static void decode_all(struct bench *bench) {
    struct mqtt_packet packet;
    struct mqtt_error error;
    for (size_t i = 0; i < COPIES; i++) {
        struct mqtt_bytes bytes = {bench->bytes + i * bench->size, (uint32_t)bench->size};
        if (mqtt_decode(&bench->decoder, bytes, &packet, &error) != MQTT_OK)
            fail(bench, error.what);
        bench->check += packet.type;
    }
}

static void encode_all(struct bench *bench) {
    for (size_t i = 0; i < COPIES; i++)
        bench->check +=
            mqtt_encode(bench->sample.version, &bench->sample.packet, bench->bytes + i * bench->size, LARGEST);
}

static const struct {
    const char *name;
    void (*all)(struct bench *bench);
} works[] = {{"frame and decode", receive_all}, {"decode", decode_all}, {"encode", encode_all}};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Time -------------------------------------------------------------------------------------------------------- */

static uint64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double time_of(struct bench *bench, size_t work, unsigned times) {
    uint64_t start = nanoseconds();
    for (unsigned i = 0; i < times; i++)
        works[work].all(bench);
    return (double)(nanoseconds() - start) / ((double)times * COPIES);
}

static int by_size(const void *left, const void *right) {
    double l = *(const double *)left, r = *(const double *)right;
    return (l > r) - (l < r);
}

static void measure(struct bench *bench, size_t work) {
    double rounds[ROUNDS];
    double estimate = time_of(bench, work, 100);
    unsigned times = (unsigned)(ROUND_TIME / (estimate * COPIES)) + 1;
    for (unsigned i = 0; i < ROUNDS; i++)
        rounds[i] = time_of(bench, work, times);
    qsort(rounds, ROUNDS, sizeof rounds[0], by_size);
    double best = 1000 / rounds[0], median = 1000 / rounds[ROUNDS / 2];
    printf("%-26s %5zu  %-17s %8.1f %8.1f %9.0f\n", bench->sample.name, bench->size, works[work].name, best, median,
           best * (double)bench->size);
    fflush(stdout);
}

int main(int count, char **arguments) {
    static struct bench bench;
    uint64_t check = 0;
    bool once = count == 3 && strcmp(arguments[1], "--once") == 0;
    unsigned long times = once ? strtoul(arguments[2], NULL, 10) : 0;
    if (count != 1 && !once) {
        fprintf(stderr, "usage: codec [--once N]\n");
        return 2;
    }
    if (!once)
        printf("%-26s %5s  %-17s %8s %8s %9s\n", "packet", "bytes", "work", "M/s best", "median", "MB/s best");
    for (size_t row = 0; row < COUNT_OF(rows); row++) {
        prepare(&bench, row);
        for (size_t work = 0; work < COUNT_OF(works); work++)
            if (!once)
                measure(&bench, work);
            else
                for (unsigned long i = 0; i < times; i++)
                    works[work].all(&bench);
        check += bench.check;
    }
    return check == 0;
}
