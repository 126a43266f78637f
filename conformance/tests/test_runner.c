/* The runners: planning, virtual time, sockets, targets that are started, and the options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conformance/expected_failures.h"
#include "conformance/process.h"
#include "conformance/runner.h"
#include "conformance/test_options.h"
#include "reference/server.h"

/* ---- Scenarios of our own --------------------------------------------------------------------------------------- */

static const struct scenario delivery = {
    .name = "own_delivery",
    .title = "A message reaches its subscriber",
    .file = __FILE__,
    .line = __LINE__,
    STATEMENTS(V311(4_3_1_1)),
    STEPS(CONNECTED(A), SUBSCRIBED(A, "~/t", 0), CONNECTED(B), SEND(B, PUBLISH(.topic = "~/t", .payload = "hello")),
          EXPECT(A, V311(3_3_5_1), PUBLISH(.topic = "~/t", .payload = "hello"))),
};

static const struct scenario keep_alive = {
    .name = "own_keep_alive",
    .title = "A silent client is closed",
    .file = __FILE__,
    .line = __LINE__,
    STATEMENTS(V311(3_1_2_24)),
    STEPS(CONNECTED(A, .keep_alive = 1), EXPECT(A, V311(3_1_2_24), CLOSED(.after = 1000, .before = 4000))),
};

static const struct scenario large = {
    .name = "own_large",
    .title = "A payload larger than what a socket takes at once comes back whole",
    .file = __FILE__,
    .line = __LINE__,
    STATEMENTS(V311(3_3_5_1)),
    STEPS(CONNECTED(A), SUBSCRIBED(A, "~/t", 0), SEND(A, PUBLISH(.topic = "~/t", .payload_size = 200000)),
          SEND(A, PUBLISH(.topic = "~/t", .payload_size = 200001)),
          EXPECT(A, V311(3_3_5_1), PUBLISH(.payload_size = 200000)),
          EXPECT(A, V311(3_3_5_1), PUBLISH(.payload_size = 200001))),
};

static const struct scenario wrong = {
    .name = "own_wrong",
    .title = "Expects what no broker does",
    .file = __FILE__,
    .line = __LINE__,
    STATEMENTS(V311(3_12_4_1)),
    STEPS(CONNECTED(A), SEND(A, PINGREQ()), EXPECT(A, V311(3_12_4_1), CLOSED())),
};

static const struct scenario needs_less = {
    .name = "own_needs_less",
    .title = "A retained message is refused where the broker keeps none",
    .file = __FILE__,
    .line = __LINE__,
    STATEMENTS(V5(3_2_2_14)),
    STEPS(SEND(A, CONNECT()),
          EXPECT(A, V5(3_1_4_5), CONNACK(PROPERTIES(NUMBER(MQTT_RETAIN_AVAILABLE, 0))),
                 CONNACK(.skip = "the target keeps retained messages")),
          SEND(A, PUBLISH(.retain = 1, .beyond_offer = true)), EXPECT(A, V5(3_2_2_14), CLOSED())),
};

static const struct scenario scram = {
    .name = "own_scram",
    .title = "A Client proves that it knows its password, and another does not",
    .file = __FILE__,
    .line = __LINE__,
    STATEMENTS(V5(4_12_0_2)),
    STEPS(SEND(A, CONNECT(PROPERTIES(TEXT(MQTT_AUTHENTICATION_METHOD, "SCRAM-SHA-256"),
                                     TEXT(MQTT_AUTHENTICATION_DATA, SCRAM_FIRST)))),
          EXPECT(A, V5(4_12_0_2), AUTH(.reason = 0x18)),
          SEND(A, AUTH(.reason = 0x18, PROPERTIES(TEXT(MQTT_AUTHENTICATION_METHOD, "SCRAM-SHA-256"),
                                                  TEXT(MQTT_AUTHENTICATION_DATA, SCRAM_FINAL)))),
          EXPECT(A, V5(4_12_0_2), CONNACK(.code = 0)),
          SEND(B, CONNECT(PROPERTIES(TEXT(MQTT_AUTHENTICATION_METHOD, "SCRAM-SHA-256"),
                                     TEXT(MQTT_AUTHENTICATION_DATA, SCRAM_FIRST)))),
          EXPECT(B, V5(4_12_0_2), AUTH(.reason = 0x18)),
          SEND(B, AUTH(.reason = 0x18, PROPERTIES(TEXT(MQTT_AUTHENTICATION_METHOD, "SCRAM-SHA-256"),
                                                  TEXT(MQTT_AUTHENTICATION_DATA, SCRAM_WRONG)))),
          EXPECT(B, V5(4_12_0_1), CONNACK(.code = REFUSAL), CLOSED())),
};

static const struct scenario limits = {
    .name = "own_limits",
    .title = "What the built-in broker announces is reached exactly, and exceeded by one",
    .file = __FILE__,
    .line = __LINE__,
    STATEMENTS(V5(3_3_2_9)),
    STEPS(CONNECTED(A), SEND(A, PUBLISH(.packet_size = ANNOUNCED(MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, 0))),
          SEND(A, PUBLISH(PROPERTIES(NUMBER(MQTT_TOPIC_ALIAS, ANNOUNCED(MQTT_TOPIC_ALIAS_MAXIMUM, 0))))),
          SEND(A, PUBLISH(.qos = 2, .repeat = ANNOUNCED(MQTT_RECEIVE_MAXIMUM, 0))), SEND(A, PINGREQ()),
          EXPECT(A, V311(3_12_4_1), PINGRESP()),
          SEND(A, PUBLISH(.beyond_offer = true,
                          PROPERTIES(NUMBER(MQTT_TOPIC_ALIAS, ANNOUNCED(MQTT_TOPIC_ALIAS_MAXIMUM, 1))))),
          EXPECT(A, V5(4_13_1_1), CLOSED()), CONNECTED(A),
          SEND(A, PUBLISH(.packet_size = ANNOUNCED(MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, 1))),
          EXPECT(A, V5(4_13_1_1), CLOSED()), CONNECTED(A),
          SEND(A, PUBLISH(.qos = 2, .repeat = ANNOUNCED(MQTT_RECEIVE_MAXIMUM, 1))), EXPECT(A, V5(4_13_1_1), CLOSED())),
};

/* A run of these scenarios in MQTT 3.1.1. */
static struct run run_of(const struct scenario *const *scenarios, size_t count) {
    struct run run = {.plays = calloc(count, sizeof(struct play)), .count = count};
    assert_non_null(run.plays);
    for (size_t i = 0; i < count; i++)
        run.plays[i] = (struct play){.scenario = scenarios[i], .version = MQTT_3_1_1};
    return run;
}

static void assert_verdict(const struct play *play, enum verdict verdict, enum spec_statement broken) {
    const struct result *result = &play->result;
    if (!play->decided || result->verdict != verdict || result->broken != broken)
        fail_msg("%s: %s (%s, %s), not %s (%s)", play->scenario->name,
                 play->decided ? verdict_name(result->verdict) : "not played", play->decided ? result->reason : "",
                 spec_name(result->broken), verdict_name(verdict), spec_name(broken));
}

/* ---- Planning --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *pattern;
    bool fits;
} patterns[] = {
    {"own_keep_alive", true}, {"own_*", true},           {"*alive", true},   {"own", false},
    {"3.1.2-24", true},       {"MQTT-3.1.2-24", true},   {"3.1.2-*", true},  {"MQTT311:3.1.2-24", true},
    {"3.1.2-2", false},       {"MQTT5:3.1.2-24", false}, {"MQTT5:*", false}, {"", false},
};

static void test_patterns(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        char *pattern = (char *)(uintptr_t)patterns[i].pattern;
        if (scenario_fits(&keep_alive, MQTT_3_1_1, &pattern, 1) != patterns[i].fits)
            fail_msg("pattern '%s' fits wrongly", pattern);
    }
    assert_true(scenario_fits(&keep_alive, MQTT_3_1_1, NULL, 0));
}

static void test_plan_of_versions(void **state) {
    (void)state;
    struct run all;
    struct run some;
    assert_true(run_plan(&all, NULL, 0, IN_3_1 | IN_3_1_1, NO_TRANSPORTS));
    assert_true(run_plan(&some, NULL, 0, IN_3_1, NO_TRANSPORTS));
    assert_true(some.count > 0);
    assert_true(some.count < all.count);
    for (size_t i = 0; i < some.count; i++)
        assert_int_equal(some.plays[i].version, MQTT_3_1);
    run_release(&all);
    run_release(&some);
}

static void test_names(void **state) {
    (void)state;
    struct play plays[5] = {0};
    play_name(&plays[0], 1, 2, 0);
    play_name(&plays[1], 1, 2, 0);
    play_name(&plays[2], 2, 2, 0);
    play_name(&plays[3], 1, 3, 0);
    play_name(&plays[4], 1, 2, 1);
    assert_string_equal(plays[0].name_space, plays[1].name_space);
    for (size_t i = 0; i < COUNT_OF(plays); i++) {
        assert_in_range(strlen(plays[i].name_space), 1, 16);
        assert_int_equal(strspn(plays[i].name_space, "abcdefghijklmnopqrstuvwxyz0123456789"),
                         strlen(plays[i].name_space));
        for (size_t k = 2; k < i; k++)
            assert_string_not_equal(plays[i].name_space, plays[k].name_space);
    }
}

static void test_waits(void **state) {
    (void)state;
    assert_int_equal(scenario_waits(&delivery), 0);
    assert_int_equal(scenario_waits(&keep_alive), 1000);
}

/* ---- Addresses -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    bool good;
    bool usage;
    int family;
    uint16_t port;
} addresses[] = {
    {"127.0.0.1:1884", true, false, AF_INET, 1884},
    {"127.0.0.1", true, false, AF_INET, 1883},
    {"localhost:1", true, false, 0, 1},
    {"[::1]:1884", true, false, AF_INET6, 1884},
    {"[::1]", true, false, AF_INET6, 1883},
    {"::1:1884", false, true, 0, 0},
    {"[::1:1884", false, true, 0, 0},
    {"[::1]1884", false, true, 0, 0},
    {":1884", false, true, 0, 0},
    {"", false, true, 0, 0},
    {"localhost:", false, true, 0, 0},
    {"localhost:0", false, true, 0, 0},
    {"localhost:65536", false, true, 0, 0},
    {"localhost:123456", false, true, 0, 0},
    {"localhost:mqtt", false, true, 0, 0},
    {"nowhere.invalid:1883", false, false, 0, 0},
};

static void test_addresses(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        struct address address;
        const char *reason = NULL;
        bool usage = false;
        bool good = address_parse(&address, addresses[i].text, &reason, &usage);
        if (good != addresses[i].good)
            fail_msg("'%s' is %s: %s", addresses[i].text, good ? "taken" : "refused", good ? "" : reason);
        if (!good && (reason == NULL || usage != addresses[i].usage))
            fail_msg("'%s' is refused without the right reason", addresses[i].text);
        if (good && (address.port != addresses[i].port ||
                     (addresses[i].family != 0 && address.socket.ss_family != addresses[i].family)))
            fail_msg("'%s' is read wrongly", addresses[i].text);
    }
}

/* ---- Virtual time ----------------------------------------------------------------------------------------------- */

static void test_virtual_verdicts(void **state) {
    (void)state;
    const struct scenario *const scenarios[] = {&delivery, &keep_alive, &large, &wrong};
    struct run run = run_of(scenarios, COUNT_OF(scenarios));
    uint64_t reached[SPEC_COUNT] = {0};
    struct virtual_settings settings = {.timeout = MICROSECONDS_PER_SECOND, .reached = reached};
    run_virtual(&run, &settings);
    assert_verdict(&run.plays[0], VERDICT_PASS, SPEC_NONE);
    assert_verdict(&run.plays[1], VERDICT_PASS, SPEC_NONE);
    assert_verdict(&run.plays[2], VERDICT_PASS, SPEC_NONE);
    assert_verdict(&run.plays[3], VERDICT_FAIL, V311(3_12_4_1));
    assert_true(reached[V311(3_1_2_24)] > 0);
    run_release(&run);
}

static void test_virtual_deviation(void **state) {
    (void)state;
    const struct scenario *const scenarios[] = {&delivery, &keep_alive};
    const enum spec_statement off[] = {V311(3_1_2_24)};
    struct run run = run_of(scenarios, COUNT_OF(scenarios));
    struct virtual_settings settings = {.timeout = MICROSECONDS_PER_SECOND, .off = off, .off_count = 1};
    run_virtual(&run, &settings);
    assert_verdict(&run.plays[0], VERDICT_PASS, SPEC_NONE);
    assert_verdict(&run.plays[1], VERDICT_FAIL, V311(3_1_2_24));
    run_release(&run);
}

/* The same seed gives the same transcript, byte for byte and to the microsecond. */
static void test_virtual_repeats(void **state) {
    (void)state;
    const struct scenario *const scenarios[] = {&delivery, &keep_alive, &wrong};
    struct virtual_settings settings = {.timeout = MICROSECONDS_PER_SECOND, .seed = 7};
    struct run first = run_of(scenarios, COUNT_OF(scenarios));
    struct run second = run_of(scenarios, COUNT_OF(scenarios));
    run_virtual(&first, &settings);
    run_virtual(&second, &settings);
    for (size_t i = 0; i < first.count; i++) {
        const struct result *left = &first.plays[i].result;
        const struct result *right = &second.plays[i].result;
        assert_int_equal(left->transcript_length, right->transcript_length);
        for (size_t k = 0; k < left->transcript_length; k++) {
            assert_string_equal(left->transcript[k].text, right->transcript[k].text);
            assert_int_equal(left->transcript[k].time, right->transcript[k].time);
        }
    }
    run_release(&first);
    run_release(&second);
}

static void test_virtual_5_0(void **state) {
    (void)state;
    const struct scenario *const scenarios[] = {&delivery, &keep_alive, &large, &needs_less, &scram, &limits, &wrong};
    struct run run = run_of(scenarios, COUNT_OF(scenarios));
    struct virtual_settings settings = {.timeout = MICROSECONDS_PER_SECOND};
    for (size_t i = 0; i < run.count; i++)
        run.plays[i].version = MQTT_5_0;
    run_virtual(&run, &settings);
    for (size_t i = 0; i + 1 < run.count; i++)
        assert_verdict(&run.plays[i], VERDICT_PASS, SPEC_NONE);
    assert_verdict(&run.plays[run.count - 1], VERDICT_FAIL, V5(3_12_4_1));
    run_release(&run);
}

/* A user whom the built-in broker does not know. */
static void test_virtual_credentials(void **state) {
    (void)state;
    const struct scenario *const scenarios[] = {&scram};
    struct run run = run_of(scenarios, COUNT_OF(scenarios));
    struct virtual_settings settings = {.timeout = MICROSECONDS_PER_SECOND, .user = "nobody", .password = "mqspec"};
    run.plays[0].version = MQTT_5_0;
    run_virtual(&run, &settings);
    assert_verdict(&run.plays[0], VERDICT_FAIL, V5(4_12_0_2));
    run_release(&run);
}

/* What is decided is not played. */
static void test_decided(void **state) {
    (void)state;
    const struct scenario *const scenarios[] = {&wrong, &delivery};
    struct run run = run_of(scenarios, COUNT_OF(scenarios));
    struct virtual_settings settings = {.timeout = MICROSECONDS_PER_SECOND};
    play_decide(&run.plays[0], "virtual", VERDICT_SKIP, "not today");
    run_virtual(&run, &settings);
    assert_verdict(&run.plays[0], VERDICT_SKIP, SPEC_NONE);
    assert_verdict(&run.plays[1], VERDICT_PASS, SPEC_NONE);
    run_release(&run);
}

/* ---- Sockets ---------------------------------------------------------------------------------------------------- */

struct built_in {
    struct event_loop *loop;
    struct broker *broker;
    struct server *server;
    struct tls_context *server_tls, *client_tls;
    struct spec_rules rules; /* of the tester: nothing is switched off */
    struct way ways[TRANSPORT_KINDS];
    struct socket_settings settings;
};

static void start_built_in(struct built_in *target) {
    const char *reason = NULL;
    target->loop = event_loop_create();
    target->broker = create_target_broker(TARGET_OFFERS_ALL, NULL, 0);
    target->server = server_create(target->broker, target->loop);
    const struct tls_settings trusting = {.side = MQTT_CLIENT, .resumes = true};
    char complaint[200];
    target->server_tls = tls_context_self_signed();
    target->client_tls = tls_context_create(&trusting, complaint, sizeof complaint);
    target->rules = (struct spec_rules){0};
    for (int kind = 0; kind < TRANSPORT_KINDS; kind++) {
        const struct server_listening how = {.kind = (enum transport_kind)kind, .tls = target->server_tls};
        int port = server_listen_over(target->server, "127.0.0.1", 0, &how, &reason);
        assert_true(port > 0);
        target->ways[kind] = (struct way){.address = address_of_loopback((uint16_t)port),
                                          .transport = {.kind = (enum transport_kind)kind,
                                                        .side = MQTT_CLIENT,
                                                        .tls = target->client_tls,
                                                        .rules = &target->rules,
                                                        .host = "localhost",
                                                        .path = "/mqtt"}};
    }
    target->settings = (struct socket_settings){
        .loop = target->loop,
        .ways = target->ways,
        .server = target->server,
        .timeout = 2 * MICROSECONDS_PER_SECOND,
        .seed = 1,
        .at_once = 2,
    };
}

static void stop_built_in(struct built_in *target) {
    server_destroy(target->server);
    broker_destroy(target->broker);
    tls_context_destroy(target->server_tls);
    tls_context_destroy(target->client_tls);
    event_loop_destroy(target->loop);
}

static void test_sockets(void **state) {
    (void)state;
    const struct scenario *const scenarios[] = {&delivery, &large, &wrong, &delivery, &keep_alive, &large, &delivery};
    struct run run = run_of(scenarios, COUNT_OF(scenarios));
    struct built_in target;
    start_built_in(&target);
    run_sockets(&run, &target.settings);
    for (size_t i = 0; i < run.count; i++)
        if (run.plays[i].scenario == &wrong)
            assert_verdict(&run.plays[i], VERDICT_FAIL, V311(3_12_4_1));
        else
            assert_verdict(&run.plays[i], VERDICT_PASS, SPEC_NONE);
    assert_false(run.target_lost);
    run_release(&run);
    stop_built_in(&target);
}

/* Nothing stays on the target: no session, no retained message. */
static const struct scenario littering = {
    .name = "own_littering",
    .title = "Leaves a session, a retained message and a retained will",
    .file = __FILE__,
    .line = __LINE__,
    STATEMENTS(V311(3_1_2_4)),
    STEPS(CONNECTED(A, .clean_session = 0), SUBSCRIBED(A, "~/#", 1),
          SEND(A, PUBLISH(.topic = "~/r", .qos = 1, .retain = 1, .payload = "x")),
          EXPECT(A, V311(3_3_4_1), PUBACK(.packet_identifier = 1)), CONNECTED(B),
          CONNECTED(C, .will_topic = "~/w", .will_message = "gone", .will_retain = 1), DROP(C), SUBSCRIBED(B, "~/w", 0),
          EXPECT(B, V311(3_1_2_8), PUBLISH(.topic = "~/w", .payload = "gone"))),
};

static const struct scenario littering_5_0 = {
    .name = "own_littering_5_0",
    .title = "Leaves sessions of a given and of an assigned name, and a message retained by its alias",
    .file = __FILE__,
    .line = __LINE__,
    STATEMENTS(V5(3_1_2_4)),
    STEPS(CONNECTED(A, .client_identifier = "", PROPERTIES(NUMBER(MQTT_SESSION_EXPIRY_INTERVAL, 1000))),
          SUBSCRIBED(A, "~/#", 1), CONNECTED(B, PROPERTIES(NUMBER(MQTT_SESSION_EXPIRY_INTERVAL, UINT32_MAX))),
          SEND(B, PUBLISH(.topic = "~/r", PROPERTIES(NUMBER(MQTT_TOPIC_ALIAS, 1))),
               PUBLISH(.topic = "", .retain = 1, .payload = "x", PROPERTIES(NUMBER(MQTT_TOPIC_ALIAS, 1))), PINGREQ()),
          EXPECT(B, V5(3_12_4_1), PINGRESP())),
};

static void test_leaves_nothing(void **state) {
    (void)state;
    const struct scenario *const scenarios[] = {&littering, &littering, &littering, &littering_5_0};
    struct run run = run_of(scenarios, COUNT_OF(scenarios));
    run.plays[0].version = MQTT_3_1;
    run.plays[2].version = MQTT_5_0;
    run.plays[3].version = MQTT_5_0;
    struct built_in target;
    start_built_in(&target);
    run_sockets(&run, &target.settings);
    for (int i = 0; i < 20; i++) {
        server_turn(target.server);
        event_loop_wait(target.loop, 0);
    }
    for (size_t i = 0; i < run.count; i++)
        assert_verdict(&run.plays[i], VERDICT_PASS, SPEC_NONE);
    struct broker_counts counts = broker_counts(target.broker);
    assert_int_equal(counts.retained, 0);
    assert_int_equal(counts.sessions, 0);
    run_release(&run);
    stop_built_in(&target);
}

static void test_target_that_is_not_there(void **state) {
    (void)state;
    const struct scenario *scenarios[40];
    for (size_t i = 0; i < COUNT_OF(scenarios); i++)
        scenarios[i] = &delivery;
    struct run run = run_of(scenarios, COUNT_OF(scenarios));
    struct built_in target;
    struct probe probe;
    start_built_in(&target);
    target.ways[TRANSPORT_TCP].address = address_of_loopback(address_free_port());
    probe_target(&probe, &target.settings, TRANSPORT_TCP, MQTT_3_1_1);
    assert_int_equal(probe.outcome, PROBE_UNREACHABLE);
    assert_true(probe.refused_at_once);
    run_sockets(&run, &target.settings);
    assert_true(run.target_lost);
    for (size_t i = 0; i < run.count; i++)
        assert_verdict(&run.plays[i], VERDICT_FAIL, SPEC_NONE);
    assert_non_null(strstr(run.plays[0].result.reason, "could not connect"));
    assert_non_null(strstr(run.plays[39].result.reason, "not played"));
    run_release(&run);
    stop_built_in(&target);
}

static void test_probe(void **state) {
    (void)state;
    struct built_in target;
    struct probe probe;
    start_built_in(&target);
    for (int kind = 0; kind < TRANSPORT_KINDS; kind++) {
        probe_target(&probe, &target.settings, (enum transport_kind)kind, MQTT_3_1);
        assert_int_equal(probe.outcome, PROBE_FINE);
        probe_target(&probe, &target.settings, (enum transport_kind)kind, MQTT_3_1_1);
        assert_int_equal(probe.outcome, PROBE_FINE);
        probe_target(&probe, &target.settings, (enum transport_kind)kind, MQTT_5_0);
        assert_int_equal(probe.outcome, PROBE_FINE);
    }
    stop_built_in(&target);
}

/* What is spoken at a port is something else than what the tester speaks. */
static void test_probe_of_another_transport(void **state) {
    static const struct {
        enum transport_kind spoken, there;
        const char *reason;
    } rows[] = {
        {TRANSPORT_TLS, TRANSPORT_WS, "the TLS handshake failed: wrong version number"},
        {TRANSPORT_WS, TRANSPORT_TCP, "closes the connection during the handshake"},
        {TRANSPORT_WS, TRANSPORT_TLS, "closes the connection during the handshake"},
        {TRANSPORT_TCP, TRANSPORT_TLS, "closes it without answering CONNECT"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct built_in target;
        struct probe probe;
        start_built_in(&target);
        target.ways[rows[i].spoken].address = target.ways[rows[i].there].address;
        probe_target(&probe, &target.settings, rows[i].spoken, MQTT_3_1_1);
        assert_int_equal(probe.outcome, PROBE_UNREACHABLE);
        if (strstr(probe.reason, rows[i].reason) == NULL)
            fail_msg("%s at a port for %s: %s", transport_kind_name(rows[i].spoken), transport_kind_name(rows[i].there),
                     probe.reason);
        stop_built_in(&target);
    }
}

/* ---- Targets that are started ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *command;
    const char *words;
} processes[] = {
    {"status", "exit 3", "it ended with exit status 3"},
    {"signal", "kill -9 $$", "it was ended by signal 9"},
    {"port", "echo port {port} and {port}", "port 1234 and 1234"},
    {"last lines", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo line $i; done; exit 1",
     "last lines:\nline 6\nline 7\n"},
    {"much output", "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done; echo end >&2",
     "0123456789\nend"},
};

static void test_processes(void **state) {
    (void)state;
    struct event_loop *loop = event_loop_create();
    for (size_t i = 0; i < COUNT_OF(processes); i++) {
        const char *reason = NULL;
        struct process *process = process_start(loop, processes[i].command, 1234, &reason);
        assert_non_null(process);
        microseconds end = event_loop_now(loop) + 20 * MICROSECONDS_PER_SECOND;
        while (!*process_ended(process) && event_loop_now(loop) < end)
            event_loop_wait(loop, end);
        if (!*process_ended(process))
            fail_msg("%s: is not seen to end", processes[i].name);
        if (strstr(process_last_words(process), processes[i].words) == NULL)
            fail_msg("%s: \"%s\"", processes[i].name, process_last_words(process));
        process_stop(process);
    }
    event_loop_destroy(loop);
}

/* ---- Options ---------------------------------------------------------------------------------------------------- */

static void test_options(void **state) {
    (void)state;
    char *arguments[] = {"test",   "keepalive_*", "-V",         "3.1.1",  "--timeout", "0.5", "--seed",
                         "9",      "--tap",       "--json",     "a.j",    "--at-once", "7",   "--strict",
                         "--user", "name",        "--password", "secret", "-v",        NULL};
    struct test_options options;
    assert_true(test_options_parse(&options, (int)COUNT_OF(arguments) - 1, arguments));
    assert_int_equal(options.pattern_count, 1);
    assert_string_equal(options.patterns[0], "keepalive_*");
    assert_int_equal(options.versions, IN_3_1_1);
    assert_int_equal(options.timeout, MICROSECONDS_PER_SECOND / 2);
    assert_int_equal(options.seed, 9);
    assert_true(options.seeded && options.tap && options.strict && options.verbose);
    assert_false(options.list || options.mutants || options.in_virtual_time || options.help);
    assert_string_equal(options.documents[DOCUMENT_JSON], "a.j");
    assert_null(options.documents[DOCUMENT_HTML]);
    assert_int_equal(options.at_once, 7);
    assert_string_equal(options.user, "name");
    assert_string_equal(options.password, "secret");
}

/* ---- Expected failures --------------------------------------------------------------------------------------------
 */

static void test_expected_failures(void **state) {
    (void)state;
    struct result results[] = {
        {.scenario = "one", .version = "3.1", .verdict = VERDICT_FAIL},
        {.scenario = "one", .version = "3.1.1", .verdict = VERDICT_FAIL},
        {.scenario = "two", .version = "3.1.1", .verdict = VERDICT_FAIL},
        {.scenario = "two", .version = "3.1", .verdict = VERDICT_PASS},
        {.scenario = "three", .version = "3.1", .verdict = VERDICT_FAIL},
    };
    struct expected_failure entries[] = {{.name = "one", .version = "3.1.1"}, {.name = "two"}};
    struct expected_failures expected = {entries, COUNT_OF(entries)};
    expected_failures_apply(&expected, results, COUNT_OF(results));
    assert_false(results[0].expected_failure);
    assert_true(results[1].expected_failure);
    assert_true(results[2].expected_failure);
    assert_false(results[3].expected_failure);
    assert_false(results[4].expected_failure);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_plan_of_versions),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_virtual_verdicts),
        cmocka_unit_test(test_virtual_deviation),
        cmocka_unit_test(test_virtual_repeats),
        cmocka_unit_test(test_virtual_5_0),
        cmocka_unit_test(test_virtual_credentials),
        cmocka_unit_test(test_decided),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_leaves_nothing),
        cmocka_unit_test(test_target_that_is_not_there),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_probe_of_another_transport),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_expected_failures),
    };
    return cmocka_run_group_tests_name("runner", tests, NULL, NULL);
}
