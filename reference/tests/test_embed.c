/* libmqspec from inside one process: two brokers, what is refused, and how they stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "include/mqspec.h"

/* ---- What is refused ----------------------------------------------------------------------------------------------
 */

static const char *const known[] = {"MQTT5:3.3.1-12"};
static const char *const unknown[] = {"MQTT5:9.9.9-9"};

static const struct {
    const char *name;
    struct mqspec_settings settings;
    const char *error; /* its beginning; NULL: none */
} settings_rows[] = {
    {"all zero", {0}, NULL},
    {"a deviation", {.deviations = known, .deviation_count = 1}, NULL},
    {"no deviation", {.deviations = unknown, .deviation_count = 1}, "MQTT5:9.9.9-9: is no deviation"},
    {"tiny packets", {.maximum_packet_size = 15}, "maximum_packet_size: "},
    {"too many in flight", {.maximum_in_flight = 65535}, "maximum_in_flight: "},
};

static void test_settings(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof settings_rows / sizeof settings_rows[0]; i++) {
        char error[MQSPEC_ERROR_SIZE] = "";
        struct mqspec_broker *broker = mqspec_broker_create(&settings_rows[i].settings, error);
        const char *expected = settings_rows[i].error;
        if ((broker != NULL) != (expected == NULL) || (expected != NULL && strncmp(error, expected, strlen(expected))))
            fail_msg("%s: %s", settings_rows[i].name, error);
        mqspec_broker_destroy(broker);
    }
}

static const struct {
    const char *url;
    bool is_fine;
} urls[] = {
    {"mqtt://127.0.0.1:0", true}, {"ws://127.0.0.1:0", true},        {"mqtts://127.0.0.1:0", false},
    {"127.0.0.1:0", false},       {"mqtt://127.0.0.1:65536", false}, {"mqtt://192.0.2.1:0", false},
};

static void test_urls(void **state) {
    (void)state;
    struct mqspec_settings settings = {0};
    char error[MQSPEC_ERROR_SIZE];
    struct mqspec_broker *broker = mqspec_broker_create(&settings, error);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        if ((mqspec_broker_listen(broker, urls[i].url, error) > 0) != urls[i].is_fine)
            fail_msg("%s: %s", urls[i].url, error);
    mqspec_broker_destroy(broker);
}

/* ---- TLS ----------------------------------------------------------------------------------------------------------
 */

static const struct {
    struct mqspec_tls tls;
    const char *error; /* how it begins; NULL: a broker is made */
} tls_rows[] = {
    {{0}, NULL},
    {{.key = "/nonexistent/key.pem"}, NULL}, /* it is not asked for without a certificate */
    {{.certificate = "/nonexistent/certificate.pem"}, "cannot "},
    {{.certificate = "/dev/null"}, "there is no certificate"},
    {{.certificate = "x", .client_certificate = (enum mqspec_client_certificate)3}, "tls.client_certificate: "},
};

static void test_tls_settings(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof tls_rows / sizeof tls_rows[0]; i++) {
        struct mqspec_settings settings = {.tls = tls_rows[i].tls};
        char error[MQSPEC_ERROR_SIZE] = "";
        struct mqspec_broker *broker = mqspec_broker_create(&settings, error);
        const char *expected = tls_rows[i].error;
        if ((broker != NULL) != (expected == NULL) || (expected != NULL && strncmp(error, expected, strlen(expected))))
            fail_msg("row %zu: %s", i, error);
        mqspec_broker_destroy(broker);
    }
}

/* ---- Messages ------------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    struct mqspec_message message;
    bool is_fine;
} messages[] = {
    {"a message", {{"a/b", 3}, {"x", 1}, 2, true}, true},
    {"empty", {{"a", 1}, {NULL, 0}, 0, false}, true},
    {"a topic with $", {{"$SYS/x", 6}, {"x", 1}, 0, false}, true},
    {"no topic", {{"", 0}, {"x", 1}, 0, false}, false},
    {"a wildcard", {{"a/#", 3}, {"x", 1}, 0, false}, false},
    {"a zero character", {{"a\0b", 3}, {"x", 1}, 0, false}, false},
    {"no UTF-8", {{"\xff", 1}, {"x", 1}, 0, false}, false},
    {"QoS 3", {{"a", 1}, {"x", 1}, 3, false}, false},
    {"too large", {{"a", 1}, {"x", 268435455}, 0, false}, false},
};

static void test_messages(void **state) {
    (void)state;
    struct mqspec_settings settings = {0};
    char error[MQSPEC_ERROR_SIZE];
    struct mqspec_broker *broker = mqspec_broker_create(&settings, error);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
        if (mqspec_publish(broker, &messages[i].message) != messages[i].is_fine)
            fail_msg("%s", messages[i].name);
    assert_int_equal(mqspec_broker_timeout(broker), 0);
    assert_true(mqspec_broker_turn(broker, error));
    assert_int_equal(mqspec_statistics(broker).retained, 1);
    mqspec_broker_destroy(broker);
}

/* ---- Two in one process ---------------------------------------------------------------------------------------------
 */

struct counter {
    int connected;
    int disconnected;
};

static void on_connected(void *context, const struct mqspec_client *client) {
    (void)client;
    ((struct counter *)context)->connected++;
}

static void on_disconnected(void *context, const struct mqspec_client *client, const char *reason) {
    (void)client;
    assert_non_null(reason);
    ((struct counter *)context)->disconnected++;
}

static int connect_to(int port) {
    static const char connect_packet[] = "\x10\x0d\0\4MQTT\4\2\0\0\0\1c";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(descriptor, connect_packet, sizeof connect_packet - 1), sizeof connect_packet - 1);
    return descriptor;
}

/* Both in one loop, each with Clients of its own under the same Client Identifier. */
static void test_two_brokers(void **state) {
    (void)state;
    struct counter counters[2] = {{0, 0}, {0, 0}};
    struct mqspec_broker *brokers[2];
    struct pollfd polled[2];
    int clients[2];
    char error[MQSPEC_ERROR_SIZE];
    for (int i = 0; i < 2; i++) {
        const struct mqspec_settings settings = {
            .context = &counters[i], .callbacks = {.connected = on_connected, .disconnected = on_disconnected}};
        brokers[i] = mqspec_broker_create(&settings, error);
        clients[i] = connect_to(mqspec_broker_listen(brokers[i], "mqtt://127.0.0.1:0", error));
        polled[i] = (struct pollfd){.fd = mqspec_broker_descriptor(brokers[i]), .events = POLLIN};
    }
    while (counters[0].connected == 0 || counters[1].connected == 0) {
        assert_true(poll(polled, 2, 10000) > 0);
        for (int i = 0; i < 2; i++)
            assert_true(mqspec_broker_turn(brokers[i], error));
    }
    for (int i = 0; i < 2; i++) {
        mqspec_broker_destroy(brokers[i]);
        close(clients[i]);
        assert_int_equal(counters[i].connected, 1);
        assert_int_equal(counters[i].disconnected, 1);
    }
}

/* ---- A store ------------------------------------------------------------------------------------------------------
 */

/* A directory that is made by the broker, and the files in it. */
struct place {
    char above[32];
    char directory[64];
};

static struct place make_place(void) {
    struct place place = {.above = "/tmp/mqspec-embed-XXXXXX"};
    assert_non_null(mkdtemp(place.above));
    snprintf(place.directory, sizeof place.directory, "%s/store", place.above);
    return place;
}

static void remove_place(const struct place *place) {
    static const char *const files[] = {"data.mdb", "mqspec.lock"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s/%s", place->directory, files[i]);
        assert_int_equal(unlink(name), 0);
    }
    assert_int_equal(rmdir(place->directory), 0);
    assert_int_equal(rmdir(place->above), 0);
}

static void test_store(void **state) {
    (void)state;
    const struct place place = make_place();
    const struct mqspec_settings settings = {.store_directory = place.directory, .store_size = 1 << 20};
    const struct mqspec_message kept = {{"kept", 4}, {"x", 1}, 1, true};
    char error[MQSPEC_ERROR_SIZE] = "";
    struct mqspec_broker *broker = mqspec_broker_create(&settings, error);
    if (broker == NULL)
        fail_msg("%s", error);
    assert_true(mqspec_publish(broker, &kept));
    assert_true(mqspec_broker_turn(broker, error));
    assert_null(mqspec_broker_create(&settings, error)); /* this one has it */
    assert_non_null(strstr(error, "is in use by process"));
    mqspec_broker_destroy(broker);
    broker = mqspec_broker_create(&settings, error);
    assert_non_null(broker);
    assert_int_equal(mqspec_statistics(broker).retained, 1);
    mqspec_broker_destroy(broker);
    remove_place(&place);
}

static void test_store_that_cannot_be_opened(void **state) {
    (void)state;
    const struct mqspec_settings settings = {.store_directory = "/dev/null/store"};
    char error[MQSPEC_ERROR_SIZE] = "";
    assert_null(mqspec_broker_create(&settings, error));
    assert_non_null(strstr(error, "cannot use the directory /dev/null/store"));
}

static void test_store_that_is_full(void **state) {
    (void)state;
    static char payload[4096];
    const struct place place = make_place();
    const struct mqspec_settings settings = {.store_directory = place.directory, .store_size = 1 << 18};
    char error[MQSPEC_ERROR_SIZE] = "";
    struct mqspec_broker *broker = mqspec_broker_create(&settings, error);
    assert_non_null(broker);
    bool fine = true;
    for (unsigned i = 0; fine && i < 1000; i++) {
        char topic[16];
        int length = snprintf(topic, sizeof topic, "kept/%u", i);
        const struct mqspec_message message = {{topic, (size_t)length}, {payload, sizeof payload}, 1, true};
        assert_true(mqspec_publish(broker, &message));
        fine = mqspec_broker_turn(broker, error);
    }
    assert_false(fine);
    assert_non_null(strstr(error, "nothing that was acknowledged is lost: "));
    assert_false(mqspec_broker_run(broker, error));
    mqspec_broker_destroy(broker);
    remove_place(&place);
}

/* ---- Stopping -----------------------------------------------------------------------------------------------------
 */

static void *stop(void *broker) {
    mqspec_broker_stop(broker);
    return NULL;
}

static void test_stop_from_a_thread(void **state) {
    (void)state;
    struct mqspec_settings settings = {0};
    char error[MQSPEC_ERROR_SIZE];
    struct mqspec_broker *broker = mqspec_broker_create(&settings, error);
    for (int i = 0; i < 2; i++) { /* it can run again */
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, stop, broker), 0);
        assert_true(mqspec_broker_run(broker, error));
        pthread_join(thread, NULL);
    }
    mqspec_broker_destroy(broker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_tls_settings),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_two_brokers),
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_store_that_cannot_be_opened),
        cmocka_unit_test(test_store_that_is_full),
        cmocka_unit_test(test_stop_from_a_thread),
    };
    return cmocka_run_group_tests_name("embed", tests, NULL, NULL);
}
