/* What the program that runs the core publishes itself, and the numbers that the core gives it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference/tests/broker_bench.h"

#define BYTES(text)                                                                                                    \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define NOTHING                                                                                                        \
    { NULL, 0 }

/* ---- Clients ------------------------------------------------------------------------------------------------- */

static void connect_as(struct bench *bench, int client, const char *name, enum mqtt_version version, bool clean) {
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect = (struct mqtt_connect){.protocol_name = mqtt_text("MQTT"),
                                           .protocol_level = version,
                                           .flags = clean ? MQTT_CONNECT_CLEAN_SESSION : 0,
                                           .client_identifier = mqtt_text(name)};
    bench->version[client] = version;
    open_connection(bench, client);
    send_packet(bench, client, &packet);
    bench->length[client] = 0;
}

/* The output since the last look is these bytes. */
static void expect_output(struct bench *bench, const char *name, int client, struct mqtt_bytes expected) {
    if (bench->length[client] != expected.length ||
        (expected.length > 0 && memcmp(bench->output[client], expected.data, expected.length) != 0))
        fail_msg("%s: Client %d was sent something else, %zu bytes", name, client, bench->length[client]);
    bench->length[client] = 0;
}

static bool publish(struct bench *bench, const struct broker_message *message) {
    bool published = broker_publish(bench->broker, message, bench->now);
    settle(bench, 0);
    return published;
}

/* ---- What is sent --------------------------------------------------------------------------------------------- */

/* Client 0 speaks 3.1.1, Client 1 5.0; both have subscribed to # and $SYS/# at QoS 2. */
static const struct {
    const char *name;
    struct broker_message message;
    struct mqtt_bytes before_5, in_5;
} sent[] = {
    {"QoS 0", {BYTES("a"), BYTES("x"), NOTHING, 0, false}, BYTES("\x30\4\0\1ax"), BYTES("\x30\5\0\1a\0x")},
    {"QoS 1", {BYTES("a"), BYTES("x"), NOTHING, 1, false}, BYTES("\x32\6\0\1a\0\1x"), BYTES("\x32\7\0\1a\0\1\0x")},
    {"QoS 2", {BYTES("a"), BYTES("x"), NOTHING, 2, false}, BYTES("\x34\6\0\1a\0\2x"), BYTES("\x34\7\0\1a\0\2\0x")},
    {"RETAIN is not for those who are there",
     {BYTES("a"), BYTES("x"), NOTHING, 0, true},
     BYTES("\x30\4\0\1ax"),
     BYTES("\x30\5\0\1a\0x")},
    {"no payload", {BYTES("a"), NOTHING, NOTHING, 0, false}, BYTES("\x30\3\0\1a"), BYTES("\x30\4\0\1a\0")},
    {"the Server's own topics",
     {BYTES("$SYS/a"), BYTES("x"), NOTHING, 0, false},
     BYTES("\x30\x9\0\6$SYS/ax"),
     BYTES("\x30\xA\0\6$SYS/a\0x")},
    {"User Property and Message Expiry Interval",
     {BYTES("a"), BYTES("x"), BYTES("\x26\0\1k\0\1v\2\0\0\0\5"), 0, false},
     BYTES("\x30\4\0\1ax"),
     BYTES("\x30\x11\0\1a\xC\2\0\0\0\5\x26\0\1k\0\1vx")},
};

static void messages_reach_those_who_subscribed(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.own_topic_aliases = 0;
    struct bench *bench = bench_create(settings, 0);
    connect_as(bench, 0, "before", MQTT_3_1_1, true);
    connect_as(bench, 1, "five", MQTT_5_0, true);
    for (int client = 0; client < 2; client++) {
        subscribe(bench, client, "#", 2);
        subscribe(bench, client, "$SYS/#", 2);
        bench->length[client] = 0;
    }
    for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++) {
        assert_true(publish(bench, &sent[i].message));
        expect_output(bench, sent[i].name, 0, sent[i].before_5);
        expect_output(bench, sent[i].name, 1, sent[i].in_5);
    }
    bench_destroy(bench);
}

static void messages_are_kept_and_retained(void **state) {
    (void)state;
    struct bench *bench = bench_create(broker_default_settings(), 0);
    connect_as(bench, 0, "away", MQTT_3_1_1, false);
    subscribe(bench, 0, "q", 1);
    broker_closed(bench->connections[0], bench->now);
    assert_true(publish(bench, &(struct broker_message){BYTES("q"), BYTES("kept"), NOTHING, 1, false}));
    assert_true(publish(bench, &(struct broker_message){BYTES("r"), BYTES("first"), NOTHING, 0, true}));
    assert_true(publish(bench, &(struct broker_message){BYTES("r"), BYTES("last"), NOTHING, 0, true}));
    connect_as(bench, 1, "later", MQTT_3_1_1, true);
    subscribe(bench, 1, "r", 0);
    expect_output(bench, "retained", 1, (struct mqtt_bytes)BYTES("\x90\3\0\1\0\x31\7\0\1rlast"));
    assert_true(publish(bench, &(struct broker_message){BYTES("r"), NOTHING, NOTHING, 0, true}));
    assert_int_equal(broker_counts(bench->broker).retained, 0);
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect = (struct mqtt_connect){
        .protocol_name = mqtt_text("MQTT"), .protocol_level = MQTT_3_1_1, .client_identifier = mqtt_text("away")};
    open_connection(bench, 0);
    send_packet(bench, 0, &packet);
    expect_output(bench, "kept", 0, (struct mqtt_bytes)BYTES("\x20\2\1\0\x32\x9\0\1q\0\1kept"));
    bench_destroy(bench);
}

/* ---- What is refused ------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    struct broker_message message;
} refused[] = {
    {"no topic", {NOTHING, BYTES("x"), NOTHING, 0, false}},
    {"a wildcard", {BYTES("a/+"), BYTES("x"), NOTHING, 0, false}},
    {"not UTF-8", {BYTES("a\xff"), BYTES("x"), NOTHING, 0, false}},
    {"U+0000", {BYTES("a\0b"), BYTES("x"), NOTHING, 0, false}},
    {"QoS 3", {BYTES("a"), BYTES("x"), NOTHING, 3, false}},
    {"a payload too large", {BYTES("a"), {(const uint8_t *)"", MQTT_MAXIMUM_REMAINING_LENGTH}, NOTHING, 0, false}},
    {"a property of another packet", {BYTES("a"), BYTES("x"), BYTES("\x21\0\1"), 0, false}},
    {"a property that is cut", {BYTES("a"), BYTES("x"), BYTES("\2\0\0"), 0, false}},
    {"a property twice", {BYTES("a"), BYTES("x"), BYTES("\1\1\1\1"), 0, false}},
};

static void what_is_no_publish_is_refused(void **state) {
    (void)state;
    struct bench *bench = bench_create(broker_default_settings(), 0);
    connect_as(bench, 0, "five", MQTT_5_0, true);
    subscribe(bench, 0, "#", 2);
    bench->length[0] = 0;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (publish(bench, &refused[i].message))
            fail_msg("%s: was published", refused[i].name);
        expect_output(bench, refused[i].name, 0, (struct mqtt_bytes)NOTHING);
    }
    bench_destroy(bench);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    static uint8_t large[5000];
    const struct broker_message messages[] = {
        {BYTES("a"), BYTES("x"), BYTES("\x26\0\1k\0\1v"), 1, true},
        {BYTES("a/b"), {large, sizeof large}, NOTHING, 0, true},
        {BYTES("a/b"), {large, sizeof large}, NOTHING, 2, false},
    };
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        struct bench *bench = bench_create(broker_default_settings(), 0);
        connect_as(bench, 0, "five", MQTT_5_0, true);
        subscribe(bench, 0, "#", 2);
        bench->failing = bench->allocations + n;
        for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
            (void)publish(bench, &messages[i]);
        failed = bench->allocations >= bench->failing;
        if (!failed)
            assert_int_equal(broker_counts(bench->broker).retained, 2);
        bench_destroy(bench);
    }
}

/* ---- Numbers -------------------------------------------------------------------------------------------------- */

static void numbers_are_right(void **state) {
    (void)state;
    struct bench *bench = bench_create(broker_default_settings(), 0);
    connect_as(bench, 0, "one", MQTT_5_0, true);
    connect_as(bench, 1, "two", MQTT_5_0, true);
    connect_as(bench, 2, "two", MQTT_5_0, true);
    subscribe(bench, 0, "a", 1);
    subscribe(bench, 2, "$share/s/a", 1);
    assert_true(publish(bench, &(struct broker_message){BYTES("a"), BYTES("12345"), NOTHING, 1, true}));
    struct broker_counts counts = broker_counts(bench->broker);
    assert_int_equal(counts.connections, 2);
    assert_int_equal(counts.clients, 2);
    assert_int_equal(counts.most_clients, 2);
    assert_int_equal(counts.accepted, 3);
    assert_int_equal(counts.connects, 3);
    assert_int_equal(counts.subscriptions, 2);
    assert_int_equal(counts.shared_subscriptions, 1);
    assert_int_equal(counts.in_flight, 2);
    assert_int_equal(counts.retained, 1);
    assert_int_equal(counts.message_bytes, counts.messages * 6);
    assert_int_equal(counts.sent, 2);
    assert_int_equal(counts.payload_bytes_sent, 10);
    assert_int_equal(counts.packets_received, 5);
    assert_int_equal(counts.packets_sent, 3 + 1 + 2 + 2); /* one DISCONNECT: taken over */
    receive(bench, 0, "\x40\2\0\1", 4);
    receive(bench, 2, "\x40\2\0\1", 4);
    receive(bench, 2, "\xE0\0", 2);
    counts = broker_counts(bench->broker);
    assert_int_equal(counts.in_flight, 0);
    assert_int_equal(counts.clients, 1);
    assert_int_equal(counts.most_clients, 2);
    assert_int_equal(counts.shared_subscriptions, 0);
    assert_int_equal(counts.messages, 1);
    assert_true(counts.bytes_received > 3 * 15 && counts.bytes_sent > 2 * 10);
    bench_destroy(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_reach_those_who_subscribed),
        cmocka_unit_test(messages_are_kept_and_retained),
        cmocka_unit_test(what_is_no_publish_is_refused),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(numbers_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
