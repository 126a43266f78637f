/* Questions that the host answers later: what the Client is sent when, and what becomes of what it sends meanwhile. */
#include "reference/tests/broker_bench_5.h"

#define MAXIMUM_TICKETS 16

static struct {
    uint64_t tickets[MAXIMUM_TICKETS];
    size_t count;
} host;

static void defer(const struct broker_client *client) {
    assert_true(host.count < MAXIMUM_TICKETS);
    host.tickets[host.count] = broker_defer(client);
    assert_true(host.tickets[host.count++] != 0);
}

static enum mqtt_connect_return_code authenticate(void *context, const struct broker_client *client,
                                                  const struct mqtt_connect *connect) {
    (void)context;
    (void)connect;
    defer(client);
    return MQTT_NOT_AUTHORIZED; /* which is not looked at */
}

static bool may(void *context, const struct broker_client *client, struct mqtt_bytes topic) {
    (void)context;
    if (mqtt_equal(topic, mqtt_text("now")))
        return true;
    defer(client);
    return true;
}

/* All in 3.1.1. */
#define CONNECT       "\x10\x0d\0\4MQTT\4\2\0\0\0\1c"
#define CONNECT_WILL  "\x10\x12\0\4MQTT\4\6\0\0\0\1c\0\1w\0\0"
#define SUBSCRIBE     "\x82\x0a\0\1\0\1a\1\0\1b\0"
#define SUBSCRIBE_NOW "\x82\x0c\0\1\0\3now\1\0\1b\0"
#define PUBLISH       "\x32\x06\0\1a\0\7x"
#define PING          "\xc0\0"
#define LEAVE         "\xe0\0"
#define ACCEPTED      "\x20\2\0\0"
#define PONG          "\xd0\0"

#define BYTES(text) text, sizeof(text) - 1

/* What the Client sends, the answers in the order of the questions, and all that it is sent after each. */
static const struct row {
    const char *name;
    const char *input;
    size_t length;
    struct {
        enum mqtt_connect_return_code code;
        const char *output;
        size_t length;
    } steps[4];
    size_t count;
    bool asks_who;
    bool asks_what;
} rows[] = {
    {"accepted", BYTES(CONNECT), {{0, BYTES(ACCEPTED)}}, 1, true, false},
    {"refused", BYTES(CONNECT), {{5, BYTES("\x20\2\0\5")}}, 1, true, false},
    {"what follows CONNECT waits", BYTES(CONNECT PING PING), {{0, BYTES(ACCEPTED PONG PONG)}}, 1, true, false},
    {"nothing follows a refusal", BYTES(CONNECT PING), {{4, BYTES("\x20\2\0\4")}}, 1, true, false},
    {"the Client, then its Will", BYTES(CONNECT_WILL PING), {{0, BYTES("")}, {0, BYTES(ACCEPTED PONG)}}, 2, true, true},
    {"the Will is denied", BYTES(CONNECT_WILL), {{0, BYTES("")}, {5, BYTES("\x20\2\0\5")}}, 2, true, true},
    {"PUBLISH", BYTES(CONNECT PUBLISH PING), {{0, BYTES("\x40\2\0\7" PONG)}}, 1, false, true},
    {"PUBLISH is denied", BYTES(CONNECT PUBLISH PING), {{5, BYTES("\x40\2\0\7" PONG)}}, 1, false, true},
    {"two in a row",
     BYTES(CONNECT PUBLISH PUBLISH),
     {{0, BYTES("\x40\2\0\7")}, {0, BYTES("\x40\2\0\7")}},
     2,
     false,
     true},
    {"each filter",
     BYTES(CONNECT SUBSCRIBE PING),
     {{0, BYTES("")}, {5, BYTES("\x90\4\0\1\1\x80" PONG)}},
     2,
     false,
     true},
    {"a filter that was answered at once is not asked about again",
     BYTES(CONNECT SUBSCRIBE_NOW),
     {{0, BYTES("\x90\4\0\1\1\0")}},
     1,
     false,
     true},
};

static struct bench *create(bool asks_who, bool asks_what) {
    struct broker_settings settings = broker_default_settings();
    memset(&host, 0, sizeof host);
    settings.hooks.authenticate = asks_who ? authenticate : NULL;
    settings.hooks.may_publish = settings.hooks.may_subscribe = asks_what ? may : NULL;
    struct bench *bench = bench_create(settings, 0);
    assert_non_null(bench);
    open_connection(bench, 0);
    return bench;
}

static void play(const struct row *row, size_t step) {
    struct bench *bench = create(row->asks_who, row->asks_what);
    for (size_t i = 0; i < row->length; i += step)
        receive(bench, 0, row->input + i, i + step < row->length ? step : row->length - i);
    size_t before = row->asks_who ? 0 : sizeof ACCEPTED - 1;
    if (bench->length[0] != before)
        fail_msg("%s: %zu bytes came before the first answer", row->name, bench->length[0]);
    for (size_t i = 0; i < row->count; i++) {
        bench->length[0] = 0;
        if (host.count != i + 1)
            fail_msg("%s, cut every %zu: the host was asked %zu times at answer %zu", row->name, step, host.count, i);
        assert_true(broker_answer(bench->broker, host.tickets[i], row->steps[i].code, bench->now));
        settle(bench, 0);
        if (bench->length[0] != row->steps[i].length ||
            memcmp(bench->output[0], row->steps[i].output, row->steps[i].length) != 0)
            fail_msg("%s, cut every %zu: something else came after answer %zu", row->name, step, i);
        assert_false(broker_answer(bench->broker, host.tickets[i], MQTT_CONNECTION_ACCEPTED, bench->now));
    }
    assert_int_equal(host.count, row->count);
    bench_destroy(bench);
}

/* However the bytes are cut. */
static void test_answers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t step = 1; step <= rows[i].length; step++)
            play(&rows[i], step);
}

static void test_client_goes(void **state) {
    (void)state;
    struct bench *bench = create(true, false);
    receive(bench, 0, BYTES(CONNECT LEAVE));
    assert_int_equal(host.count, 1);
    broker_closed(bench->connections[0], bench->now);
    bench->connections[0] = NULL;
    assert_false(broker_answer(bench->broker, host.tickets[0], MQTT_CONNECTION_ACCEPTED, bench->now));
    assert_false(broker_answer(bench->broker, 0, MQTT_CONNECTION_ACCEPTED, bench->now));
    bench_destroy(bench);
}

static void test_host_is_silent(void **state) {
    (void)state;
    struct bench *bench = create(true, false);
    receive(bench, 0, BYTES(CONNECT));
    advance(bench, bench->now + broker_default_settings().connect_timeout + 1);
    assert_false(broker_answer(bench->broker, host.tickets[0], MQTT_CONNECTION_ACCEPTED, bench->now));
    bench_destroy(bench);
}

/* What waits is bounded, as long as its owner asks. */
static void test_input_is_bounded(void **state) {
    (void)state;
    struct bench *bench = create(true, false);
    receive(bench, 0, BYTES(CONNECT));
    size_t sent = 0;
    for (; broker_takes_input(bench->connections[0]); sent += 2)
        receive(bench, 0, BYTES(PING));
    assert_int_equal(sent, 65536);
    assert_true(broker_is_waiting(bench->connections[0]));
    bench->length[0] = 0;
    assert_true(broker_answer(bench->broker, host.tickets[0], MQTT_CONNECTION_ACCEPTED, bench->now));
    assert_true(broker_takes_input(bench->connections[0]));
    bench_destroy(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_client_goes),
        cmocka_unit_test(test_host_is_silent),
        cmocka_unit_test(test_input_is_bounded),
    };
    return cmocka_run_group_tests_name("broker_later", tests, NULL, NULL);
}
