/* What the monitor holds in memory, where its limits are, and what else it tells of a breach and a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/monitor_internal.h"

struct watch {
    size_t allocated;
    size_t highest;
    unsigned packets;
    unsigned breaches;
    struct monitor_breach breach; /* the last */
};

static void *watch_allocate(void *context, size_t size) {
    struct watch *watch = context;
    watch->allocated += size;
    watch->highest = watch->allocated > watch->highest ? watch->allocated : watch->highest;
    return malloc(size);
}

static void watch_release(void *context, void *memory, size_t size) {
    struct watch *watch = context;
    watch->allocated -= size;
    free(memory);
}

static void watch_breach(void *context, const struct monitor_breach *breach) {
    struct watch *watch = context;
    watch->breaches++;
    watch->breach = *breach;
}

static void watch_packet(void *context, void *owner, enum mqtt_side side, microseconds time,
                         const struct mqtt_packet *packet, struct mqtt_bytes bytes) {
    struct watch *watch = context;
    (void)owner, (void)side, (void)time, (void)packet, (void)bytes;
    watch->packets++;
}

static struct monitor *create(struct watch *watch) {
    struct environment environment = {.context = watch, .allocate = watch_allocate, .release = watch_release};
    struct monitor_hooks hooks = {watch, watch_breach, watch_packet};
    struct monitor *monitor = monitor_create(&hooks, &environment);
    assert_non_null(monitor);
    return monitor;
}

static void destroy(struct monitor *monitor, struct watch *watch) {
    monitor_destroy(monitor);
    assert_int_equal(watch->allocated, 0);
}

static void pass(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    uint8_t buffer[512];
    size_t length = mqtt_encode(MQTT_3_1_1, packet, buffer, sizeof buffer);
    assert_true(length > 0);
    monitor_bytes(connection, side, (struct mqtt_bytes){buffer, (uint32_t)length}, 1);
}

static struct monitored *connected(struct monitor *monitor, const char *identifier, bool clean) {
    struct monitored *connection = monitor_open(monitor, 1, NULL, true);
    assert_non_null(connection);
    struct mqtt_packet packet = {.type = MQTT_CONNECT,
                                 .connect = {.protocol_name = mqtt_text("MQTT"),
                                             .protocol_level = MQTT_3_1_1,
                                             .flags = clean ? MQTT_CONNECT_CLEAN_SESSION : 0,
                                             .client_identifier = mqtt_text(identifier)}};
    pass(connection, MQTT_CLIENT, &packet);
    pass(connection, MQTT_SERVER, &(struct mqtt_packet){.type = MQTT_CONNACK});
    return connection;
}

static void send_publish(struct monitored *connection, enum mqtt_side side, uint16_t packet_identifier) {
    struct mqtt_packet packet = {.type = MQTT_PUBLISH,
                                 .flags = 1 << MQTT_PUBLISH_QOS_SHIFT,
                                 .publish = {.topic = mqtt_text("t"), .packet_identifier = packet_identifier}};
    pass(connection, side, &packet);
}

static void send_subscribe(struct monitored *connection, uint16_t packet_identifier, const char *filter) {
    uint8_t filters[400];
    uint8_t qos = 1;
    size_t length = 0;
    assert_true(mqtt_append_filter(filters, sizeof filters, &length, mqtt_text(filter), &qos));
    struct mqtt_packet packet = {
        .type = MQTT_SUBSCRIBE,
        .flags = 2,
        .subscribe = {.packet_identifier = packet_identifier, .filters = {filters, (uint32_t)length}}};
    pass(connection, MQTT_CLIENT, &packet);
}

static void send_suback(struct monitored *connection, uint16_t packet_identifier) {
    struct mqtt_packet packet = {
        .type = MQTT_SUBACK, .suback = {.packet_identifier = packet_identifier, .codes = {(const uint8_t *)"\1", 1}}};
    pass(connection, MQTT_SERVER, &packet);
}

static void expect(const struct watch *watch, unsigned breaches, enum spec_statement statement, uint32_t offset) {
    assert_int_equal(watch->breaches, breaches);
    assert_int_equal(watch->breach.statement, statement);
    assert_int_equal(watch->breach.offset, offset);
    assert_non_null(watch->breach.what);
}

static void a_breach_tells_where_it_is(void **state) {
    (void)state;
    struct watch watch = {0};
    struct monitor *monitor = create(&watch);
    struct monitored *connection = connected(monitor, "a", true);
    send_publish(connection, MQTT_SERVER, 1);
    expect(&watch, 1, V311(3_3_2_3), 2); /* the Topic Name */
    send_suback(connection, 7);
    expect(&watch, 2, V311(3_8_4_2), 2); /* the Packet Identifier */
    send_subscribe(connection, 8, "t");
    pass(connection, MQTT_SERVER,
         &(struct mqtt_packet){.type = MQTT_SUBACK,
                               .suback = {.packet_identifier = 8, .codes = {(const uint8_t *)"\2", 1}}});
    expect(&watch, 3, V311(3_8_4_5), 4); /* the return codes */
    pass(connection, MQTT_SERVER,
         &(struct mqtt_packet){
             .type = MQTT_PUBLISH,
             .flags = 2,
             .publish = {.topic = mqtt_text("t"), .packet_identifier = 1, .payload = mqtt_text("other")}});
    expect(&watch, 4, V311(2_3_1_4), 5); /* the Packet Identifier, behind the Topic Name */
    pass(connection, MQTT_CLIENT, &(struct mqtt_packet){.type = MQTT_DISCONNECT});
    pass(connection, MQTT_CLIENT, &(struct mqtt_packet){.type = MQTT_PINGREQ});
    expect(&watch, 5, V311(3_14_4_2), 0);
    destroy(monitor, &watch);
}

static void a_connection_tells_what_it_is(void **state) {
    (void)state;
    struct watch watch = {0};
    struct monitor *monitor = create(&watch);
    struct monitored *connection = monitor_open(monitor, 1, NULL, true);
    assert_int_equal(monitor_version(connection), MQTT_VERSION_UNKNOWN);
    assert_int_equal(monitor_client_identifier(connection).length, 0);
    struct monitored *late = monitor_open(monitor, 1, NULL, false);
    assert_int_equal(monitor_version(late), MQTT_3_1_1);
    struct monitored *named = connected(monitor, "name", true);
    assert_int_equal(monitor_version(named), MQTT_3_1_1);
    assert_true(mqtt_equal(monitor_client_identifier(named), mqtt_text("name")));
    destroy(monitor, &watch);
}

/* A PUBLISH of MQTT 5.0 with a topic of 60000 bytes and a Topic Alias. */
static void send_alias(struct monitored *connection, uint8_t *buffer, uint8_t alias) {
    enum { TOPIC = 60000 };
    struct mqtt_packet packet = {.type = MQTT_PUBLISH,
                                 .publish = {.topic = {buffer, TOPIC}, .properties = {(uint8_t[]){0x23, 0, alias}, 3}}};
    size_t length = mqtt_encode(MQTT_5_0, &packet, buffer + TOPIC, TOPIC + 20);
    assert_true(length > TOPIC);
    monitor_bytes(connection, MQTT_CLIENT, (struct mqtt_bytes){buffer + TOPIC, (uint32_t)length}, 1);
}

static void topic_aliases_have_a_limit(void **state) {
    (void)state;
    static const uint8_t connect[] = {0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0, 0, 0, 1, 'a'};
    static const uint8_t connack[] = {0x20, 6, 0, 0, 3, 0x22, 0xFF, 0xFF};
    static const uint8_t last[] = {0x30, 6, 0, 0, 3, 0x23, 0xFF, 0xFF};
    struct watch watch = {0};
    struct monitor *monitor = create(&watch);
    struct monitored *connection = monitor_open(monitor, 1, NULL, true);
    uint8_t *buffer = malloc(150000);
    assert_non_null(buffer);
    memset(buffer, 't', 150000);
    monitor_bytes(connection, MQTT_CLIENT, (struct mqtt_bytes){connect, sizeof connect}, 1);
    monitor_bytes(connection, MQTT_SERVER, (struct mqtt_bytes){connack, sizeof connack}, 1);
    assert_int_equal(watch.packets, 2);
    size_t before = watch.allocated;
    for (int i = 0; i < 3; i++)
        for (uint8_t alias = 1; alias < 100; alias++)
            send_alias(connection, buffer, alias);
    assert_in_range(watch.highest, before + 180000, before + MONITOR_MAXIMUM_ALIASED + 4096);
    monitor_bytes(connection, MQTT_CLIENT, (struct mqtt_bytes){last, sizeof last}, 1); /* it may be forgotten */
    assert_int_equal(watch.packets, 2 + 3 * 99 + 1);
    assert_int_equal(watch.breaches, 0);
    free(buffer);
    destroy(monitor, &watch);
}

static void bytes_of_server(struct monitored *connection, const char *bytes, uint32_t length) {
    monitor_bytes(connection, MQTT_SERVER, (struct mqtt_bytes){(const uint8_t *)bytes, length}, 1);
}

/* Where CONNECT was not seen: PUBACK with a Reason Code, and a DISCONNECT of the Server, are of MQTT 5.0. */
static void a_packet_tells_the_version(void **state) {
    (void)state;
    struct watch watch = {0};
    struct monitor *monitor = create(&watch);
    struct monitored *connection = monitor_open(monitor, 1, NULL, false);
    bytes_of_server(connection, "\100\3\0\11\20", 5);
    assert_int_equal(monitor_version(connection), MQTT_5_0);
    assert_int_equal(watch.packets, 1);
    bytes_of_server(connection,
                    "\62\7\0\1t\0\7\0"
                    "1",
                    9);
    assert_int_equal(watch.breaches, 0);
    bytes_of_server(connection,
                    "\62\7\0\1t\0\7\0"
                    "2",
                    9);
    expect(&watch, 1, V5(4_3_2_1), 5);
    connection = monitor_open(monitor, 1, NULL, false);
    bytes_of_server(connection, "\340\2\213\0", 4);
    assert_int_equal(monitor_version(connection), MQTT_5_0);
    connection = monitor_open(monitor, 1, NULL, false);
    bytes_of_server(connection, "\320\1\0", 3); /* of no version */
    assert_int_equal(monitor_version(connection), MQTT_3_1_1);
    destroy(monitor, &watch);
}

static void an_idle_connection_is_cheap(void **state) {
    (void)state;
    struct watch watch = {0};
    struct monitor *monitor = create(&watch);
    size_t before = watch.allocated;
    connected(monitor, "a", true);
    assert_in_range(watch.allocated - before, 1, 1500);
    destroy(monitor, &watch);
}

/* The buffer grows with what came, not with what was announced. */
static void a_long_packet_is_held_as_it_comes(void **state) {
    (void)state;
    enum { LENGTH = 300000 };
    struct watch watch = {0};
    struct monitor *monitor = create(&watch);
    struct monitored *connection = connected(monitor, "a", true);
    uint8_t *packet = calloc(1, LENGTH + 4);
    assert_non_null(packet);
    memcpy(packet, "\x30\xe0\xa7\x12\0\1t", 7); /* PUBLISH with a Remaining Length of 300000 */
    size_t before = watch.allocated;
    monitor_bytes(connection, MQTT_CLIENT, (struct mqtt_bytes){packet, 100}, 1);
    assert_in_range(watch.allocated, before + 100, before + 256);
    for (uint32_t at = 100; at < LENGTH + 4; at += 1000) {
        uint32_t rest = LENGTH + 4 - at;
        monitor_bytes(connection, MQTT_CLIENT, (struct mqtt_bytes){packet + at, rest < 1000 ? rest : 1000}, 1);
    }
    assert_int_equal(watch.packets, 3);
    assert_int_equal(watch.allocated, before);
    watch.highest = watch.allocated;
    monitor_bytes(connection, MQTT_CLIENT, (struct mqtt_bytes){packet, LENGTH + 4}, 1);
    assert_int_equal(watch.packets, 4);
    assert_int_equal(watch.highest, before); /* a whole packet is not copied */
    free(packet);
    destroy(monitor, &watch);
    assert_int_equal(watch.breaches, 0);
}

static void every_identifier_can_be_in_use(void **state) {
    (void)state;
    struct watch watch = {0};
    struct monitor *monitor = create(&watch);
    struct monitored *connection = connected(monitor, "a", true);
    for (uint32_t i = 1; i <= UINT16_MAX; i++)
        send_publish(connection, MQTT_CLIENT, (uint16_t)(i * 40503u % 65536u)); /* each once, far from in order */
    assert_int_equal(watch.breaches, 0);
    send_publish(connection, MQTT_CLIENT, 1);
    expect(&watch, 1, V311(2_3_1_2), 5);
    for (uint32_t i = 1; i <= UINT16_MAX; i++)
        pass(connection, MQTT_SERVER,
             &(struct mqtt_packet){.type = MQTT_PUBACK,
                                   .acknowledgement = {.packet_identifier = (uint16_t)(i * 40503u % 65536u)}});
    assert_int_equal(watch.breaches, 1);
    destroy(monitor, &watch);
}

static void beyond_its_limits_it_is_silent(void **state) {
    (void)state;
    struct watch watch = {0};
    struct monitor *monitor = create(&watch);
    struct monitored *connection = connected(monitor, "a", true);
    for (uint16_t i = 1; i <= MONITOR_MAXIMUM_REQUESTS + 1; i++)
        send_subscribe(connection, i, "t");
    for (uint16_t i = 1; i <= MONITOR_MAXIMUM_REQUESTS + 2; i++)
        send_suback(connection, i);
    struct monitored *repeater = connected(monitor, "b", true);
    send_subscribe(repeater, 1, "t");
    send_suback(repeater, 1);
    struct mqtt_packet repeated = {.type = MQTT_PUBLISH,
                                   .flags = MQTT_PUBLISH_DUP | 1 << MQTT_PUBLISH_QOS_SHIFT,
                                   .publish = {.topic = mqtt_text("t"), .packet_identifier = 1}};
    send_publish(repeater, MQTT_SERVER, 1);
    for (uint32_t i = 0; i < MONITOR_MAXIMUM_AWAITED + 2; i++)
        pass(repeater, MQTT_SERVER, &repeated);
    send_publish(repeater, MQTT_SERVER, 1);
    assert_int_equal(watch.breaches, 0);
    destroy(monitor, &watch);
}

static void filters_have_a_limit(void **state) {
    (void)state;
    struct watch watch = {0};
    struct monitor *monitor = create(&watch);
    struct monitored *connection = connected(monitor, "a", true);
    char filter[302];
    size_t before = watch.allocated;
    for (int i = 0; i < 2 * (int)MONITOR_MAXIMUM_FILTERS / 300; i++) {
        snprintf(filter, sizeof filter, "%0300d", i);
        send_subscribe(connection, 1, filter);
        send_suback(connection, 1);
    }
    assert_in_range(watch.highest, before, before + MONITOR_MAXIMUM_FILTERS * 3 / 2 + 4096);
    send_publish(connection, MQTT_SERVER, 1); /* it may match one that is not remembered */
    assert_int_equal(watch.breaches, 0);
    destroy(monitor, &watch);
}

static void clients_have_a_limit(void **state) {
    (void)state;
    struct watch watch = {0};
    struct monitor *monitor = create(&watch);
    char identifier[16];
    for (unsigned i = 0; i < MONITOR_MAXIMUM_CLIENTS + 100; i++) {
        snprintf(identifier, sizeof identifier, "%u", i);
        monitor_close(connected(monitor, identifier, false), 1);
    }
    assert_int_equal(monitor->idle_count, MONITOR_MAXIMUM_CLIENTS);
    monitor_close(connected(monitor, "0", false), 1); /* forgotten: whether its session is there is unknown */
    assert_int_equal(watch.breaches, 0);
    monitor_close(connected(monitor, "60000", false), 1);
    expect(&watch, 1, V311(3_2_2_2), 2);
    destroy(monitor, &watch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_breach_tells_where_it_is),     cmocka_unit_test(a_connection_tells_what_it_is),
        cmocka_unit_test(an_idle_connection_is_cheap),    cmocka_unit_test(a_long_packet_is_held_as_it_comes),
        cmocka_unit_test(every_identifier_can_be_in_use), cmocka_unit_test(beyond_its_limits_it_is_silent),
        cmocka_unit_test(filters_have_a_limit),           cmocka_unit_test(clients_have_a_limit),
        cmocka_unit_test(a_packet_tells_the_version),     cmocka_unit_test(topic_aliases_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
