/* The core by itself: what the conformance scenarios do not reach. Memory that runs out, limits, input cut
 * anywhere, time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference/tests/broker_bench.h"

/* ---- What Clients of 3.1.1 send ----------------------------------------------------------------------------- */

static void connect_as(struct bench *bench, int client, const char *name, bool clean, uint16_t keep_alive) {
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect = (struct mqtt_connect){.protocol_name = mqtt_text("MQTT"),
                                           .protocol_level = MQTT_3_1_1,
                                           .flags = clean ? MQTT_CONNECT_CLEAN_SESSION : 0,
                                           .keep_alive = keep_alive,
                                           .client_identifier = mqtt_text(name)};
    open_connection(bench, client);
    send_packet(bench, client, &packet);
}

static void publish(struct bench *bench, int client, const char *topic, uint8_t flags, uint16_t identifier,
                    size_t payload_length) {
    static uint8_t payload[OUTPUT_SIZE];
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = flags};
    packet.publish.topic = mqtt_text(topic);
    packet.publish.packet_identifier = identifier;
    packet.publish.payload = (struct mqtt_bytes){payload, (uint32_t)payload_length};
    send_packet(bench, client, &packet);
}

static void acknowledge(struct bench *bench, int client, enum mqtt_type type, uint16_t identifier) {
    struct mqtt_packet packet = {.type = type, .flags = mqtt_required_flags(type)};
    packet.acknowledgement.packet_identifier = identifier;
    send_packet(bench, client, &packet);
}

static void ping(struct bench *bench, int client) {
    struct mqtt_packet packet = {.type = MQTT_PINGREQ};
    send_packet(bench, client, &packet);
}

/* The Control Packet types that a Client was sent, as letters, and forgets them: C CONNACK, P PUBLISH, a PUBACK,
 * r PUBREC, l PUBREL, c PUBCOMP, S SUBACK, U UNSUBACK, p PINGRESP; x at the end when closed. */
static const char *sent_to(struct bench *bench, int client) {
    static char letters[4096];
    static const char letter_of[] = "?.CParlc.S.U.p..";
    struct spec_rules *rules = calloc(1, sizeof *rules);
    struct mqtt_decoder decoder = {.version = MQTT_3_1_1, .sender = MQTT_SERVER, .rules = rules};
    struct mqtt_bytes rest = {bench->output[client], (uint32_t)bench->length[client]};
    size_t count = 0;
    while (rest.length > 0) {
        struct mqtt_frame frame;
        struct mqtt_error error;
        assert_int_equal(mqtt_frame(&decoder, rest, &frame, &error), MQTT_OK);
        assert_true(frame.packet_size <= rest.length);
        assert_true(count + 2 < sizeof letters);
        letters[count++] = letter_of[frame.first_byte >> 4];
        rest.data += frame.packet_size;
        rest.length -= frame.packet_size;
    }
    if (bench->closed[client])
        letters[count++] = 'x';
    letters[count] = '\0';
    bench->length[client] = 0;
    free(rules);
    return letters;
}

/* ---- Memory ----------------------------------------------------------------------------------------------- */

/* A conversation that touches all that the core stores. Client 3 is there from the start. */
static void converse(struct bench *bench) {
    connect_as(bench, 0, "subscriber", false, 60);
    subscribe(bench, 0, "a/+", 2);
    subscribe(bench, 0, "b/#", 1);
    connect_as(bench, 1, "publisher", true, 60);
    publish(bench, 1, "a/b", 0, 0, 10);
    publish(bench, 1, "a/b", 2 | MQTT_PUBLISH_RETAIN, 1, 5000);
    publish(bench, 1, "a/c", 4, 2, 20);
    acknowledge(bench, 0, MQTT_PUBACK, 1);
    acknowledge(bench, 0, MQTT_PUBREC, 2);
    if (bench->connections[0] != NULL)
        broker_closed(bench->connections[0], bench->now);
    bench->connections[0] = NULL;
    for (uint16_t i = 3; i < 40; i++)
        publish(bench, 1, "b/x/y", 2, i, 100);
    connect_as(bench, 0, "subscriber", false, 60);
    subscribe(bench, 0, "a/b", 2);
    receive(bench, 1, "\x30\x81\x10\x00", 4);
    receive(bench, 1,
            "\x03"
            "a/b",
            4);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    size_t n = 1;
    for (;; n++) {
        struct bench *bench = bench_create(broker_default_settings(), n);
        if (bench->broker == NULL) {
            assert_true(bench->allocations >= bench->failing);
            assert_int_equal(bench->outstanding, 0);
            free(bench);
            continue;
        }
        connect_as(bench, 3, "bystander", true, 0);
        bool bystander_is_in = strcmp(sent_to(bench, 3), "C") == 0 && !bench->closed[3];
        converse(bench);
        bool failed = bench->allocations >= bench->failing;
        if (bystander_is_in && failed) { /* else the allocation that fails may be the bystander's own */
            ping(bench, 3);
            assert_string_equal(sent_to(bench, 3), "p");
        }
        bench_destroy(bench);
        if (!failed)
            break;
    }
    /* Blocks come in slabs, so few allocations reach the environment; each of them was refused once. */
    assert_true(n > 5);
}

/* ---- Limits ----------------------------------------------------------------------------------------------- */

static void client_that_reads_nothing_is_dropped(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.maximum_output = 1000;
    struct bench *bench = bench_create(settings, 0);
    connect_as(bench, 0, "deaf", true, 0);
    assert_string_equal(sent_to(bench, 0), "C");
    for (int i = 0; i < 2000; i++)
        broker_receive(bench->connections[0], (struct mqtt_bytes){(const uint8_t *)"\xC0\x00", 2}, 0);
    struct connection *ready = broker_next_ready(bench->broker);
    assert_ptr_equal(ready, bench->connections[0]);
    assert_true(broker_is_closing(ready));
    broker_closed(ready, 0);
    bench_destroy(bench);
}

static void slow_subscriber_costs_bounded_memory(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.maximum_output = 10000;
    settings.maximum_in_flight = 5;
    settings.maximum_queued = 7;
    struct bench *bench = bench_create(settings, 0);
    connect_as(bench, 0, "slow", true, 0);
    subscribe(bench, 0, "q0", 0);
    subscribe(bench, 0, "q1", 1);
    connect_as(bench, 1, "fast", true, 0);
    assert_string_equal(sent_to(bench, 0), "CSS");
    for (uint16_t i = 1; i <= 20; i++)
        publish(bench, 1, "q1", 2, i, 10);
    assert_string_equal(sent_to(bench, 0), "PPPPP");
    assert_int_equal(broker_counts(bench->broker).discarded, 20 - 5 - 7);
    for (uint16_t i = 1; i <= 5; i++)
        acknowledge(bench, 0, MQTT_PUBACK, i);
    assert_string_equal(sent_to(bench, 0), "PPPPP");
    for (uint16_t i = 6; i <= 12; i++)
        acknowledge(bench, 0, MQTT_PUBACK, i);
    assert_string_equal(sent_to(bench, 0), "PP");
    assert_int_equal(broker_counts(bench->broker).messages, 0);
    bench_destroy(bench);
}

/* Each message is 2 bytes of topic and 98 of payload. */
static void bytes_over_the_limit_are_discarded(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.maximum_in_flight = 2;
    settings.maximum_queued_bytes = 500;
    struct bench *bench = bench_create(settings, 0);
    connect_as(bench, 0, "slow", true, 0);
    subscribe(bench, 0, "q1", 2);
    connect_as(bench, 1, "fast", true, 0);
    assert_string_equal(sent_to(bench, 0), "CS");
    for (uint16_t i = 1; i <= 5; i++)
        publish(bench, 1, "q1", 4, i, 98);
    assert_string_equal(sent_to(bench, 0), "PP");
    assert_int_equal(broker_counts(bench->broker).discarded, 0);
    publish(bench, 1, "q1", 2, 6, 0);
    assert_int_equal(broker_counts(bench->broker).discarded, 1);
    acknowledge(bench, 0, MQTT_PUBREC, 1); /* the message itself is no longer needed */
    publish(bench, 1, "q1", 2, 7, 98);
    assert_int_equal(broker_counts(bench->broker).discarded, 1);
    publish(bench, 1, "q1", 2, 8, 0);
    assert_int_equal(broker_counts(bench->broker).discarded, 2);
    bench_destroy(bench);
}

/* It would otherwise reach nobody. */
static void message_larger_than_all_that_may_wait_is_sent_alone(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.maximum_queued_bytes = 0;
    struct bench *bench = bench_create(settings, 0);
    connect_as(bench, 0, "slow", true, 0);
    subscribe(bench, 0, "q1", 1);
    connect_as(bench, 1, "fast", true, 0);
    assert_string_equal(sent_to(bench, 0), "CS");
    publish(bench, 1, "q1", 2, 1, 1000);
    publish(bench, 1, "q1", 2, 2, 0);
    assert_string_equal(sent_to(bench, 0), "P");
    acknowledge(bench, 0, MQTT_PUBACK, 1);
    publish(bench, 1, "q1", 2, 3, 1000);
    assert_string_equal(sent_to(bench, 0), "P");
    assert_int_equal(broker_counts(bench->broker).discarded, 1);
    bench_destroy(bench);
}

static void discarding_is_reported_once_until_the_client_has_caught_up(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.maximum_in_flight = 1;
    settings.maximum_queued = 1;
    struct bench *bench = bench_create(settings, 0);
    connect_as(bench, 0, "slow", true, 0);
    subscribe(bench, 0, "q1", 1);
    connect_as(bench, 1, "fast", true, 0);
    for (uint16_t i = 1; i <= 9; i++)
        publish(bench, 1, "q1", 2, i, 0);
    assert_int_equal(broker_counts(bench->broker).discarded, 7);
    assert_int_equal(bench->events[BROKER_DISCARDED], 1);
    acknowledge(bench, 0, MQTT_PUBACK, 1); /* the queue is empty now, and one message on its way */
    publish(bench, 1, "q1", 2, 10, 0);
    assert_int_equal(bench->events[BROKER_DISCARDED], 1);
    publish(bench, 1, "q1", 2, 11, 0);
    assert_int_equal(bench->events[BROKER_DISCARDED], 2);
    bench_destroy(bench);
}

static void packet_over_the_limit_closes(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.maximum_packet_size = 100;
    struct bench *bench = bench_create(settings, 0);
    connect_as(bench, 0, "a", true, 0);
    publish(bench, 0, "t", 0, 0, 100 - 2 - 3);
    assert_string_equal(sent_to(bench, 0), "C");
    publish(bench, 0, "t", 0, 0, 100 - 2 - 3 + 1);
    assert_string_equal(sent_to(bench, 0), "x");
    bench_destroy(bench);
}

static void connections_over_the_limit_are_refused(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.maximum_connections = 1;
    struct bench *bench = bench_create(settings, 0);
    connect_as(bench, 0, "a", true, 0);
    connect_as(bench, 1, "b", true, 0);
    assert_int_equal(bench->output[1][3], MQTT_SERVER_UNAVAILABLE);
    assert_string_equal(sent_to(bench, 1), "Cx");
    assert_string_equal(sent_to(bench, 0), "C");
    bench_destroy(bench);
}

/* ---- Input and output cut anywhere ------------------------------------------------------------------------ */

static void input_may_be_cut_anywhere(void **state) {
    (void)state;
    static const char conversation[] = "\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01"
                                       "a"
                                       "\x82\x06\x00\x01\x00\x01t\x01"
                                       "\x32\x08\x00\x01t\x00\x09xyz"
                                       "\xC0\x00"
                                       "\x30\x04\x00\x01tz";
    size_t length = sizeof conversation - 1;
    for (size_t chunk = 1; chunk <= length; chunk++) {
        struct bench *bench = bench_create(broker_default_settings(), 0);
        open_connection(bench, 0);
        for (size_t at = 0; at < length; at += chunk)
            receive(bench, 0, conversation + at, length - at < chunk ? length - at : chunk);
        assert_string_equal(sent_to(bench, 0), "CSPapP");
        bench_destroy(bench);
    }
}

static void output_may_be_taken_in_any_pieces(void **state) {
    (void)state;
    for (size_t step = 1; step < 3000; step = step * 3 + 1) {
        struct bench *bench = bench_create(broker_default_settings(), 0);
        connect_as(bench, 0, "a", true, 0);
        subscribe(bench, 0, "t", 1);
        uint8_t flags[] = {0, 2};
        for (size_t i = 0; i < 2; i++) {
            struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = flags[i]};
            uint8_t payload[3000] = {0}, buffer[3100];
            packet.publish = (struct mqtt_publish){
                .topic = mqtt_text("t"), .packet_identifier = 1, .payload = {payload, sizeof payload}};
            size_t length = mqtt_encode(MQTT_3_1_1, &packet, buffer, sizeof buffer);
            broker_receive(bench->connections[0], (struct mqtt_bytes){buffer, (uint32_t)length}, 0);
        }
        settle(bench, step);
        assert_string_equal(sent_to(bench, 0), "CSPPa");
        bench_destroy(bench);
    }
}

/* ---- Time ------------------------------------------------------------------------------------------------- */

static void keep_alive_ends_at_one_and_a_half(void **state) {
    (void)state;
    struct bench *bench = bench_create(broker_default_settings(), 0);
    connect_as(bench, 0, "a", true, 10);
    connect_as(bench, 1, "b", true, 0);
    advance(bench, 14 * MICROSECONDS_PER_SECOND);
    ping(bench, 0);
    advance(bench, 29 * MICROSECONDS_PER_SECOND - 1);
    assert_string_equal(sent_to(bench, 0), "Cp");
    advance(bench, 29 * MICROSECONDS_PER_SECOND);
    assert_string_equal(sent_to(bench, 0), "x");
    assert_string_equal(sent_to(bench, 1), "C");
    assert_true(broker_deadline(bench->broker) == NO_DEADLINE);
    bench_destroy(bench);
}

static void connection_without_connect_ends(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.connect_timeout = 3 * MICROSECONDS_PER_SECOND;
    struct bench *bench = bench_create(settings, 0);
    open_connection(bench, 0);
    advance(bench, 3 * MICROSECONDS_PER_SECOND - 1);
    assert_string_equal(sent_to(bench, 0), "");
    advance(bench, 3 * MICROSECONDS_PER_SECOND);
    assert_string_equal(sent_to(bench, 0), "x");
    assert_int_equal(bench->events[BROKER_DROPPED], 1);
    bench_destroy(bench);
}

/* ---- Sessions --------------------------------------------------------------------------------------------- */

static void nothing_is_left_behind(void **state) {
    (void)state;
    struct bench *bench = bench_create(broker_default_settings(), 0);
    converse(bench);
    struct broker_counts counts = broker_counts(bench->broker);
    assert_int_equal(counts.sessions, 2);
    assert_int_equal(counts.subscriptions, 3);
    assert_int_equal(counts.retained, 1);
    connect_as(bench, 2, "subscriber", true, 0); /* takes over, and the session ends with it */
    assert_true(bench->closed[0]);
    publish(bench, 2, "a/b", MQTT_PUBLISH_RETAIN, 0, 0);
    for (int client = 1; client <= 2; client++) {
        broker_closed(bench->connections[client], 0);
        bench->connections[client] = NULL;
    }
    counts = broker_counts(bench->broker);
    assert_int_equal(counts.connections, 0);
    assert_int_equal(counts.sessions, 0);
    assert_int_equal(counts.subscriptions, 0);
    assert_int_equal(counts.retained, 0);
    assert_int_equal(counts.messages, 0);
    bench_destroy(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(client_that_reads_nothing_is_dropped),
        cmocka_unit_test(slow_subscriber_costs_bounded_memory),
        cmocka_unit_test(bytes_over_the_limit_are_discarded),
        cmocka_unit_test(message_larger_than_all_that_may_wait_is_sent_alone),
        cmocka_unit_test(discarding_is_reported_once_until_the_client_has_caught_up),
        cmocka_unit_test(packet_over_the_limit_closes),
        cmocka_unit_test(connections_over_the_limit_are_refused),
        cmocka_unit_test(input_may_be_cut_anywhere),
        cmocka_unit_test(output_may_be_taken_in_any_pieces),
        cmocka_unit_test(keep_alive_ends_at_one_and_a_half),
        cmocka_unit_test(connection_without_connect_ends),
        cmocka_unit_test(nothing_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
