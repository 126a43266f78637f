/* What the broker tells of itself, with the time set by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference/statistics.h"
#include "reference/tests/broker_bench.h"

#define SECONDS(count) ((count)*MICROSECONDS_PER_SECOND)
#define INTERVAL       SECONDS(10)
#define CONNECT        "\x10\xD\0\4MQTT\4\2\0\0\0\1"

struct told {
    struct bench *bench;
    struct statistics statistics;
    struct memory_use memory;
};

/* A Client that reads all that is told. */
static struct told *begin(microseconds interval) {
    static const uint8_t subscribe[] = "\x82\x0B\0\1\0\6$SYS/#";
    struct told *told = calloc(1, sizeof *told);
    assert_non_null(told);
    told->bench = bench_create(broker_default_settings(), 0);
    told->memory = (struct memory_use){.current = 10, .maximum = 20};
    statistics_begin(&told->statistics, told->bench->broker, "mqspec version 1", &told->memory, interval, 0);
    open_connection(told->bench, 0);
    receive(told->bench, 0, CONNECT "r", sizeof CONNECT);
    receive(told->bench, 0, subscribe, sizeof subscribe); /* its QoS is the zero at the end */
    return told;
}

static void end(struct told *told) {
    bench_destroy(told->bench);
    free(told);
}

static microseconds turn(struct told *told, microseconds now) {
    told->bench->now = now;
    told->bench->length[0] = 0;
    microseconds next = statistics_turn(&told->statistics, now);
    settle(told->bench, 0);
    return next;
}

/* The Client was sent this topic with this payload; with NULL, that it was not sent the topic. */
static void expect(const struct told *told, const char *topic, const char *payload) {
    char full[128];
    int length = snprintf(full, sizeof full, "$SYS/broker/%s", topic);
    const uint8_t *at = told->bench->output[0], *limit = at + told->bench->length[0];
    for (; at < limit; at += 2 + at[1]) { /* all are shorter than 128 bytes */
        struct mqtt_bytes rest = {at + 4, at[1] - 2u};
        if (at[0] >> 4 != MQTT_PUBLISH || at[3] != length || memcmp(rest.data, full, (size_t)length) != 0)
            continue;
        rest.data += length;
        rest.length -= (uint32_t)length;
        if (payload == NULL || rest.length != strlen(payload) || memcmp(rest.data, payload, rest.length) != 0)
            fail_msg("%s: %.*s", topic, (int)rest.length, (const char *)rest.data);
        return;
    }
    if (payload != NULL)
        fail_msg("%s is not told", topic);
}

static void all_is_told_at_first(void **state) {
    (void)state;
    struct told *told = begin(INTERVAL);
    expect(told, "version", "mqspec version 1");
    expect(told, "uptime", "0 seconds");
    expect(told, "clients/connected", "0");
    expect(told, "heap/maximum", "20");
    expect(told, "load/bytes/received/15min", "0.00");
    end(told);
}

static void what_has_changed_is_told_in_time(void **state) {
    (void)state;
    struct told *told = begin(INTERVAL);
    assert_int_equal(turn(told, INTERVAL - 1), INTERVAL);
    assert_int_equal(told->bench->length[0], 0);
    assert_int_equal(turn(told, INTERVAL), 2 * INTERVAL);
    expect(told, "uptime", "10 seconds");
    expect(told, "clients/connected", "1");
    expect(told, "subscriptions/count", "1");
    expect(told, "version", NULL);
    expect(told, "clients/expired", NULL);
    expect(told, "heap/current", NULL);
    told->memory.current = 15;
    assert_int_equal(turn(told, SECONDS(65)), SECONDS(75)); /* who comes late is not told twice */
    expect(told, "uptime", "65 seconds");
    expect(told, "clients/connected", NULL);
    expect(told, "heap/current", "15");
    end(told);
}

/* One connection in the first minute: 1 - 1/e of it in the average of one minute, and so on. */
static void averages_rise_and_fall(void **state) {
    (void)state;
    struct told *told = begin(SECONDS(60));
    turn(told, SECONDS(60));
    expect(told, "load/connections/1min", "0.63");
    expect(told, "load/connections/5min", "0.18");
    expect(told, "load/connections/15min", "0.06");
    expect(told, "load/sockets/1min", "0.63");
    expect(told, "load/publish/dropped/1min", NULL);
    turn(told, SECONDS(120));
    expect(told, "load/connections/1min", "0.23");
    expect(told, "load/connections/5min", "0.15");
    expect(told, "load/connections/15min", NULL); /* 0.0645 before, 0.0603 then: both are shown alike */
    end(told);
}

static void without_interval_nothing_is_told(void **state) {
    (void)state;
    struct told *told = begin(0);
    expect(told, "version", NULL);
    assert_true(turn(told, SECONDS(100)) == NO_DEADLINE);
    assert_int_equal(told->bench->length[0], 0);
    assert_int_equal(broker_counts(told->bench->broker).retained, 0);
    end(told);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_told_at_first),
        cmocka_unit_test(what_has_changed_is_told_in_time),
        cmocka_unit_test(averages_rise_and_fall),
        cmocka_unit_test(without_interval_nothing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
