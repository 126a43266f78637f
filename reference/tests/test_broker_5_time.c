/* The core and time in MQTT 5.0: Sessions, Wills and messages that expire, and who waits how long for what. */
#include "reference/tests/broker_bench_5.h"

static uint64_t sessions(const struct bench *bench) {
    return broker_counts(bench->broker).sessions;
}

/* ---- Sessions --------------------------------------------------------------------------------------------------- */

static void session_ends_with_its_expiry_interval(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 10});
    lose(bench, 0);
    advance(bench, SECONDS(10) - 1);
    assert_int_equal(sessions(bench), 1);
    advance(bench, SECONDS(10));
    assert_int_equal(sessions(bench), 0);
    bench_destroy(bench);
}

static void session_taken_up_in_time_does_not_end(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 10});
    lose(bench, 0);
    advance(bench, SECONDS(9));
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 3});
    EXPECT(0, "C00p");
    advance(bench, SECONDS(100));
    lose(bench, 0);
    advance(bench, SECONDS(103) - 1);
    assert_int_equal(sessions(bench), 1);
    advance(bench, SECONDS(103));
    assert_int_equal(sessions(bench), 0);
    bench_destroy(bench);
}

static void longest_expiry_interval_is_counted(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    bench->now = SECONDS(UINT32_MAX);
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = UINT32_MAX - 1});
    lose(bench, 0);
    assert_true(broker_deadline(bench->broker) == SECONDS(UINT32_MAX) + SECONDS(UINT32_MAX - 1));
    bench_destroy(bench);
}

static void session_of_no_end_sets_no_deadline(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = UINT32_MAX});
    lose(bench, 0);
    assert_true(broker_deadline(bench->broker) == NO_DEADLINE);
    broker_tick(bench->broker, NO_DEADLINE - 1);
    assert_int_equal(sessions(bench), 1);
    bench_destroy(bench);
}

static void disconnect_may_change_the_expiry_interval(void **state) {
    static const struct {
        uint32_t asked;
        int64_t changed;
        uint64_t lives; /* seconds; 0: ends at once */
    } rows[] = {{10, 100, 100}, {10, 0, 0}, {10, NO_EXPIRY_GIVEN, 10}, {UINT32_MAX, 5, 5}, {1, 0, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench *bench = bench_5();
        connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = rows[i].asked});
        disconnect_5(bench, 0, MQTT_REASON_SUCCESS, rows[i].changed);
        EXPECT(0, "C00 x");
        if (rows[i].lives > 0) {
            advance(bench, SECONDS(rows[i].lives) - 1);
            assert_int_equal(sessions(bench), 1);
            advance(bench, SECONDS(rows[i].lives));
        }
        assert_int_equal(sessions(bench), 0);
        bench_destroy(bench);
    }
}

static void disconnect_may_not_make_a_session_stay(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a"});
    disconnect_5(bench, 0, MQTT_REASON_SUCCESS, 1);
    EXPECT(0, "C00 D82 x");
    assert_int_equal(sessions(bench), 0);
    bench_destroy(bench);
}

/* What is wrong depends on what the Client asked for, not on what the Server made of it. */
static void server_that_shortens_to_0_takes_the_disconnect(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.maximum_session_expiry = 0;
    struct bench *bench = bench_create(settings, 0);
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 100});
    disconnect_5(bench, 0, MQTT_REASON_SUCCESS, 100);
    EXPECT(0, "C00 x");
    assert_int_equal(sessions(bench), 0);
    bench_destroy(bench);
}

static void server_shortens_what_disconnect_asks_for(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.maximum_session_expiry = 7;
    struct bench *bench = bench_create(settings, 0);
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 1});
    disconnect_5(bench, 0, MQTT_REASON_SUCCESS, UINT32_MAX);
    assert_true(broker_deadline(bench->broker) == SECONDS(7));
    bench_destroy(bench);
}

static void session_changes_with_the_version_of_its_client(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_3(bench, 0, "a", false);
    lose(bench, 0);
    assert_true(broker_deadline(bench->broker) == NO_DEADLINE);
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 5});
    EXPECT(0, "C00p");
    lose(bench, 0);
    assert_true(broker_deadline(bench->broker) == SECONDS(5));
    connect_3(bench, 0, "a", false);
    EXPECT(0, "C00p");
    lose(bench, 0);
    assert_true(broker_deadline(bench->broker) == NO_DEADLINE);
    connect_3(bench, 0, "a", true);
    EXPECT(0, "C00");
    lose(bench, 0);
    assert_int_equal(sessions(bench), 0);
    bench_destroy(bench);
}

/* ---- Wills ------------------------------------------------------------------------------------------------------ */

static struct bench *bench_with_watcher(void) {
    struct bench *bench = bench_5();
    connect_5(bench, 7, (struct client_5){.name = "watcher"});
    subscribe_5(bench, 7, "w", 1, 0);
    EXPECT(7, "C00 S01");
    return bench;
}

static void will_waits_for_its_delay(void **state) {
    (void)state;
    struct bench *bench = bench_with_watcher();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 10, .will_topic = "w", .will_delay = 5});
    lose(bench, 0);
    advance(bench, SECONDS(5) - 1);
    EXPECT(7, "");
    advance(bench, SECONDS(5));
    EXPECT(7, "P0:w=will");
    advance(bench, SECONDS(100));
    EXPECT(7, "");
    bench_destroy(bench);
}

static void will_comes_when_its_session_ends(void **state) {
    static const struct {
        uint32_t session_expiry, will_delay;
        uint64_t comes; /* seconds */
    } rows[] = {{3, 100, 3}, {3, 3, 3}, {UINT32_MAX, 4, 4}, {2, UINT32_MAX, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench *bench = bench_with_watcher();
        connect_5(bench, 0,
                  (struct client_5){.name = "a",
                                    .session_expiry = rows[i].session_expiry,
                                    .will_topic = "w",
                                    .will_delay = rows[i].will_delay});
        lose(bench, 0);
        advance(bench, SECONDS(rows[i].comes) - 1);
        EXPECT(7, "");
        advance(bench, SECONDS(rows[i].comes));
        EXPECT(7, "P0:w=will");
        bench_destroy(bench);
    }
}

static void will_of_a_session_without_expiry_comes_at_once(void **state) {
    (void)state;
    struct bench *bench = bench_with_watcher();
    connect_5(bench, 0, (struct client_5){.name = "a", .will_topic = "w", .will_delay = 5});
    lose(bench, 0);
    EXPECT(7, "P0:w=will");
    bench_destroy(bench);
}

static void disconnect_that_ends_the_session_lets_the_will_come_at_once(void **state) {
    (void)state;
    struct bench *bench = bench_with_watcher();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 10, .will_topic = "w", .will_delay = 5});
    disconnect_5(bench, 0, MQTT_REASON_DISCONNECT_WITH_WILL_MESSAGE, 0);
    EXPECT(7, "P0:w=will");
    bench_destroy(bench);
}

static void will_is_dropped_when_the_session_is_taken_up(void **state) {
    (void)state;
    struct bench *bench = bench_with_watcher();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 10, .will_topic = "w", .will_delay = 5});
    connect_5(bench, 1, (struct client_5){.name = "a", .session_expiry = 10});
    EXPECT(0, "C00 D8E x");
    EXPECT(1, "C00p");
    advance(bench, SECONDS(20));
    EXPECT(7, "");
    bench_destroy(bench);
}

static void will_comes_when_the_session_is_started_anew(void **state) {
    (void)state;
    struct bench *bench = bench_with_watcher();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 10, .will_topic = "w", .will_delay = 5});
    connect_5(bench, 1, (struct client_5){.name = "a", .clean_start = true});
    EXPECT(1, "C00");
    EXPECT(7, "P0:w=will");
    bench_destroy(bench);
}

/* A Client of 3.1.1 takes up the session: the Will that waits is dropped all the same. */
static void will_is_dropped_for_a_client_of_another_version(void **state) {
    (void)state;
    struct bench *bench = bench_with_watcher();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 10, .will_topic = "w", .will_delay = 5});
    lose(bench, 0);
    connect_3(bench, 0, "a", false);
    EXPECT(0, "C00p");
    advance(bench, SECONDS(20));
    EXPECT(7, "");
    bench_destroy(bench);
}

/* The Will of a session that ends may wake others, and may be for the session itself: that one gets nothing. */
static void will_of_a_session_that_subscribed_to_it(void **state) {
    (void)state;
    struct bench *bench = bench_with_watcher();
    connect_5(bench, 0,
              (struct client_5){.name = "a", .session_expiry = 5, .will_topic = "w", .will_qos = 1, .will_delay = 9});
    subscribe_5(bench, 0, "w", 1, 0);
    subscribe_5(bench, 0, "$share/g/w", 1, 0);
    lose(bench, 0);
    advance(bench, SECONDS(5));
    EXPECT(7, "P1:w=will");
    assert_int_equal(sessions(bench), 1);
    bench_destroy(bench);
}

static void expiry_of_a_will_counts_from_its_publication(void **state) {
    (void)state;
    struct bench *bench = bench_with_watcher();
    connect_5(
        bench, 0,
        (struct client_5){.name = "a", .session_expiry = 100, .will_topic = "w", .will_delay = 50, .will_expiry = 10});
    lose(bench, 0);
    advance(bench, SECONDS(50));
    EXPECT(7, "P0:w=will~10");
    bench_destroy(bench);
}

static void will_is_not_retained_where_nothing_is(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.retain_available = false;
    struct bench *bench = bench_create(settings, 0);
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect = (struct mqtt_connect){
        .protocol_name = mqtt_text("MQTT"),
        .protocol_level = MQTT_3_1_1,
        .flags = MQTT_CONNECT_CLEAN_SESSION | MQTT_CONNECT_WILL | MQTT_CONNECT_WILL_RETAIN,
        .client_identifier = mqtt_text("a"),
        .will_topic = mqtt_text("w"),
        .will_message = mqtt_text("will"),
    };
    open_connection(bench, 0);
    send_packet(bench, 0, &packet);
    lose(bench, 0);
    assert_int_equal(bench->events[BROKER_WILL], 1);
    assert_int_equal(broker_counts(bench->broker).retained, 0);
    bench_destroy(bench);
}

/* ---- Messages --------------------------------------------------------------------------------------------------- */

static void message_that_expired_in_the_queue_is_not_sent(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 100});
    subscribe_5(bench, 0, "t", 1, 0);
    lose(bench, 0);
    connect_5(bench, 1, (struct client_5){.name = "b"});
    publish_5(bench, 1, (struct message_5){.topic = "t", .payload = "0", .qos = 1, .identifier = 1, .expires = true});
    publish_5(
        bench, 1,
        (struct message_5){.topic = "t", .payload = "5", .qos = 1, .identifier = 2, .expires = true, .expiry = 5});
    publish_5(
        bench, 1,
        (struct message_5){.topic = "t", .payload = "9", .qos = 1, .identifier = 3, .expires = true, .expiry = 9});
    advance(bench, SECONDS(5));
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 100});
    EXPECT(0, "C00p P1:t=9~4");
    assert_int_equal(broker_counts(bench->broker).messages, 1);
    bench_destroy(bench);
}

static void message_of_expiry_0_goes_to_who_is_there(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a"});
    subscribe_5(bench, 0, "t", 1, 0);
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "x", .expires = true});
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "y", .qos = 1, .identifier = 1, .expires = true});
    EXPECT(0, "C00 S01 P0:t=x~0 P1:t=y~0 a");
    bench_destroy(bench);
}

/* What was sent is seen to its end. */
static void message_that_expired_under_way_is_sent_again(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 100});
    subscribe_5(bench, 0, "t", 2, 0);
    publish_5(
        bench, 0,
        (struct message_5){.topic = "t", .payload = "x", .qos = 2, .identifier = 1, .expires = true, .expiry = 1});
    EXPECT(0, "C00 S02 P2:t=x~1 r");
    lose(bench, 0);
    advance(bench, SECONDS(50));
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 100});
    EXPECT(0, "C00p P2d:t=x~1");
    bench_destroy(bench);
}

static void expired_message_is_not_handed_over(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 10});
    subscribe_5(bench, 0, "$share/g/t", 1, 0);
    lose(bench, 0);
    connect_5(bench, 1, (struct client_5){.name = "b"});
    publish_5(
        bench, 1,
        (struct message_5){.topic = "t", .payload = "5", .qos = 1, .identifier = 1, .expires = true, .expiry = 5});
    publish_5(bench, 1, (struct message_5){.topic = "t", .payload = "x", .qos = 1, .identifier = 2});
    subscribe_5(bench, 1, "$share/g/t", 0, 0);
    EXPECT(1, "C00 a a S00");
    advance(bench, SECONDS(10));
    EXPECT(1, "P0:t=x");
    bench_destroy(bench);
}

static void retained_message_expires(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a"});
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "x", .retain = true, .expires = true, .expiry = 3});
    advance(bench, SECONDS(2));
    subscribe_5(bench, 0, "t", 0, 0);
    EXPECT(0, "C00 S00 P0r:t=x~1");
    advance(bench, SECONDS(3));
    subscribe_5(bench, 0, "t", 0, 0);
    EXPECT(0, "S00");
    advance(bench, SECONDS(4));
    assert_int_equal(broker_counts(bench->broker).retained, 0);
    assert_int_equal(broker_counts(bench->broker).messages, 0);
    assert_true(broker_deadline(bench->broker) == NO_DEADLINE);
    bench_destroy(bench);
}

/* However many expire at however many times, all that is retained is gone through once a second at most. */
static void many_retained_messages_expire_in_few_steps(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a"});
    for (unsigned i = 0; i < 1000; i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "t/%u/%u", i % 7, i);
        bench->now++;
        publish_5(bench, 0,
                  (struct message_5){
                      .topic = topic, .payload = "x", .retain = true, .expires = i % 10 != 0, .expiry = i % 3});
    }
    assert_int_equal(broker_counts(bench->broker).retained, 1000);
    unsigned steps = 0;
    for (; broker_deadline(bench->broker) != NO_DEADLINE; steps++)
        tick(bench);
    assert_in_range(steps, 1, 5);
    assert_int_equal(broker_counts(bench->broker).retained, 100);
    subscribe_5(bench, 0, "t/3/#", 0, 0);
    assert_int_equal(broker_counts(bench->broker).sent, 15); /* of the 100, those with i % 7 == 3 */
    bench_destroy(bench);
}

/* ---- Connections ------------------------------------------------------------------------------------------------ */

static bool knows_everybody(void *context, struct mqtt_bytes user_name, struct scram_credentials *credentials) {
    (void)context;
    (void)user_name;
    *credentials = (struct scram_credentials){.iterations = SCRAM_ITERATIONS};
    return true;
}

/* Keep Alive begins with CONNACK; until then the time for CONNECT counts. */
static void authentication_ends_with_the_time_for_connect(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.hooks.scram_credentials = knows_everybody;
    struct bench *bench = bench_create(settings, 0);
    connect_5(bench, 0, (struct client_5){.name = "a", .keep_alive = 1, .authentication_data = "n,,n=u,r=abc"});
    EXPECT(0, "A18");
    advance(bench, SECONDS(30) - 1);
    EXPECT(0, "");
    advance(bench, SECONDS(30));
    EXPECT(0, "C80 x");
    bench_destroy(bench);
}

static void server_keep_alive_replaces_that_of_the_client(void **state) {
    static const struct {
        uint16_t asked;
        uint64_t ends; /* milliseconds */
    } rows[] = {{0, 15000}, {10, 15000}, {11, 15000}, {4, 6000}, {UINT16_MAX, 15000}};
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.maximum_keep_alive = 10;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench *bench = bench_create(settings, 0);
        connect_5(bench, 0, (struct client_5){.name = "a", .keep_alive = rows[i].asked});
        advance(bench, rows[i].ends * 1000 - 1);
        EXPECT(0, "C00");
        advance(bench, rows[i].ends * 1000);
        EXPECT(0, "D8D x");
        bench_destroy(bench);
    }
}

/* A machine that slept: all that is due comes in one tick. */
static void tick_far_in_the_future_does_all_that_is_due(void **state) {
    (void)state;
    struct bench *bench = bench_with_watcher();
    connect_5(
        bench, 0,
        (struct client_5){.name = "a", .keep_alive = 1, .session_expiry = 10, .will_topic = "w", .will_delay = 5});
    connect_5(bench, 1, (struct client_5){.name = "b", .session_expiry = UINT32_MAX - 1});
    publish_5(bench, 1,
              (struct message_5){.topic = "t", .payload = "x", .retain = true, .expires = true, .expiry = UINT32_MAX});
    lose(bench, 1);
    open_connection(bench, 2);
    microseconds far = SECONDS(UINT32_MAX) * 2;
    for (int i = 0; i < 3; i++) { /* what ends now starts what ends later */
        bench->now = far * (unsigned)(i + 1);
        broker_tick(bench->broker, bench->now);
        settle(bench, 0);
    }
    EXPECT(0, "C00 D8D x");
    EXPECT(2, "x");
    EXPECT(7, "P0:w=will");
    assert_int_equal(sessions(bench), 1);
    assert_int_equal(broker_counts(bench->broker).retained, 0);
    assert_true(broker_deadline(bench->broker) == NO_DEADLINE);
    bench_destroy(bench);
}

/* ---- Shutting down ---------------------------------------------------------------------------------------------- */

static void shutting_down_tells_everybody(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.hooks.scram_credentials = knows_everybody;
    struct bench *bench = bench_create(settings, 0);
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 9, .will_topic = "w", .will_delay = 5});
    connect_3(bench, 1, "b", true);
    connect_5(bench, 2, (struct client_5){.name = "c", .authentication_data = "n,,n=u,r=abc"});
    open_connection(bench, 3);
    connect_5(bench, 4, (struct client_5){.name = "d", .will_topic = "w"});
    broker_shut_down(bench->broker, bench->now);
    broker_receive(bench->connections[0], mqtt_text("\xC0"), bench->now);
    settle(bench, 0);
    EXPECT(0, "C00 D8B x");
    EXPECT(1, "C00 x");
    EXPECT(2, "A18 C80 x");
    EXPECT(3, "x");
    EXPECT(4, "C00 D8B x");
    assert_int_equal(broker_counts(bench->broker).connections, 0);
    broker_shut_down(bench->broker, bench->now);
    bench_destroy(bench);
}

int main(void) {
    const struct CMUnitTest rows[] = {
        cmocka_unit_test(session_ends_with_its_expiry_interval),
        cmocka_unit_test(session_taken_up_in_time_does_not_end),
        cmocka_unit_test(longest_expiry_interval_is_counted),
        cmocka_unit_test(session_of_no_end_sets_no_deadline),
        cmocka_unit_test(disconnect_may_change_the_expiry_interval),
        cmocka_unit_test(disconnect_may_not_make_a_session_stay),
        cmocka_unit_test(server_that_shortens_to_0_takes_the_disconnect),
        cmocka_unit_test(server_shortens_what_disconnect_asks_for),
        cmocka_unit_test(session_changes_with_the_version_of_its_client),
        cmocka_unit_test(will_waits_for_its_delay),
        cmocka_unit_test(will_comes_when_its_session_ends),
        cmocka_unit_test(will_of_a_session_without_expiry_comes_at_once),
        cmocka_unit_test(disconnect_that_ends_the_session_lets_the_will_come_at_once),
        cmocka_unit_test(will_is_dropped_when_the_session_is_taken_up),
        cmocka_unit_test(will_comes_when_the_session_is_started_anew),
        cmocka_unit_test(will_is_dropped_for_a_client_of_another_version),
        cmocka_unit_test(will_of_a_session_that_subscribed_to_it),
        cmocka_unit_test(expiry_of_a_will_counts_from_its_publication),
        cmocka_unit_test(will_is_not_retained_where_nothing_is),
        cmocka_unit_test(message_that_expired_in_the_queue_is_not_sent),
        cmocka_unit_test(message_of_expiry_0_goes_to_who_is_there),
        cmocka_unit_test(message_that_expired_under_way_is_sent_again),
        cmocka_unit_test(expired_message_is_not_handed_over),
        cmocka_unit_test(retained_message_expires),
        cmocka_unit_test(many_retained_messages_expire_in_few_steps),
        cmocka_unit_test(authentication_ends_with_the_time_for_connect),
        cmocka_unit_test(server_keep_alive_replaces_that_of_the_client),
        cmocka_unit_test(tick_far_in_the_future_does_all_that_is_due),
        cmocka_unit_test(shutting_down_tells_everybody),
    };
    return cmocka_run_group_tests(rows, NULL, NULL);
}
