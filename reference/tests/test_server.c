/* The server with a broker behind it and real sockets in front, all in one process and one thread: whoever waits
 * for something turns the loop meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reference/server.h"

#define PATIENCE (10 * MICROSECONDS_PER_SECOND)
#define MEGABYTE (1024u * 1024)

struct fixture {
    struct event_loop *loop;
    struct broker *broker;
    struct server *server;
    microseconds wake; /* what server_turn() asked for */
    uint16_t port;
    int events[BROKER_PACKET_OUT + 1];
    int notices;
    struct rlimit descriptors; /* as the test found it */
};

static void count_event(void *context, const struct broker_event *event) {
    struct fixture *fixture = context;
    fixture->events[event->kind]++;
}

static void count_notice(void *context, const char *text) {
    struct fixture *fixture = context;
    assert_true(strlen(text) > 0);
    fixture->notices++;
}

static struct fixture *start(struct broker_settings settings) {
    struct environment environment = environment_of_system();
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    const char *reason = NULL;
    settings.hooks = (struct broker_hooks){.context = fixture, .report = count_event};
    fixture->loop = event_loop_create();
    fixture->broker = broker_create(&settings, &environment);
    fixture->server = server_create(fixture->broker, fixture->loop);
    server_tell(fixture->server, count_notice, fixture);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &fixture->descriptors), 0);
    int port = server_listen(fixture->server, "127.0.0.1", 0, &reason);
    assert_true(port > 0);
    fixture->port = (uint16_t)port;
    fixture->wake = server_turn(fixture->server);
    return fixture;
}

static int set_up(void **state) {
    struct broker_settings settings = broker_default_settings();
    settings.maximum_output = 64 * MEGABYTE;
    settings.maximum_packet_size = 4 * MEGABYTE;
    *state = start(settings);
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    setrlimit(RLIMIT_NOFILE, &fixture->descriptors);
    server_destroy(fixture->server);
    broker_destroy(fixture->broker);
    event_loop_destroy(fixture->loop);
    test_free(fixture);
    return 0;
}

/* ---- Turning the loop ------------------------------------------------------------------------------------ */

static int turn_until(struct fixture *fixture, microseconds deadline) {
    int called = event_loop_wait(fixture->loop, deadline < fixture->wake ? deadline : fixture->wake);
    assert_true(called >= 0);
    fixture->wake = server_turn(fixture->server);
    return called;
}

/* The client's side of a socket is not in the loop, so waits are short where only that side can go on. */
static void turn(struct fixture *fixture) {
    turn_until(fixture, event_loop_now(fixture->loop) + 1000);
}

static void turn_until_event(struct fixture *fixture, enum broker_event_kind kind, int count) {
    microseconds deadline = event_loop_now(fixture->loop) + PATIENCE;
    while (fixture->events[kind] < count && event_loop_now(fixture->loop) < deadline)
        turn_until(fixture, deadline);
    assert_int_equal(fixture->events[kind], count);
}

/* ---- Clients --------------------------------------------------------------------------------------------- */

static int open_socket(const struct fixture *fixture, int receive_buffer) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(fixture->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(client >= 0);
    if (receive_buffer > 0)
        setsockopt(client, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(client, F_SETFL, O_NONBLOCK), 0);
    return client;
}

static void send_bytes(struct fixture *fixture, int client, const void *bytes, size_t length) {
    microseconds deadline = event_loop_now(fixture->loop) + PATIENCE;
    for (size_t sent = 0; sent < length;) {
        ssize_t count = send(client, (const char *)bytes + sent, length - sent, MSG_NOSIGNAL);
        if (count > 0)
            sent += (size_t)count;
        else
            assert_int_equal(errno, EAGAIN);
        turn(fixture);
        assert_true(event_loop_now(fixture->loop) < deadline);
    }
}

static void receive_bytes(struct fixture *fixture, int client, void *bytes, size_t length) {
    microseconds deadline = event_loop_now(fixture->loop) + PATIENCE;
    for (size_t received = 0; received < length;) {
        ssize_t count = recv(client, (char *)bytes + received, length - received, 0);
        assert_int_not_equal(count, 0);
        if (count > 0) {
            received += (size_t)count;
            continue;
        }
        assert_int_equal(errno, EAGAIN);
        turn(fixture);
        assert_true(event_loop_now(fixture->loop) < deadline);
    }
}

static void expect_bytes(struct fixture *fixture, int client, const void *expected, size_t length) {
    uint8_t bytes[64];
    assert_true(length <= sizeof bytes);
    receive_bytes(fixture, client, bytes, length);
    assert_memory_equal(bytes, expected, length);
}

/* In order: a reset would be an error instead of the end. */
static void expect_end(struct fixture *fixture, int client) {
    microseconds deadline = event_loop_now(fixture->loop) + PATIENCE;
    char byte;
    ssize_t count;
    while ((count = recv(client, &byte, 1, 0)) < 0 && errno == EAGAIN && event_loop_now(fixture->loop) < deadline)
        turn(fixture);
    assert_int_equal(count, 0);
}

static void send_packet(struct fixture *fixture, int client, const struct mqtt_packet *packet) {
    size_t size = mqtt_encoded_size(MQTT_3_1_1, packet);
    uint8_t *bytes = test_malloc(size);
    assert_int_equal(mqtt_encode(MQTT_3_1_1, packet, bytes, size), size);
    send_bytes(fixture, client, bytes, size);
    test_free(bytes);
}

static const uint8_t connack[] = {0x20, 2, 0, 0};
static const uint8_t pingreq[] = {0xC0, 0};
static const uint8_t pingresp[] = {0xD0, 0};

static struct mqtt_packet connect_packet(const char *name, uint8_t level) {
    return (struct mqtt_packet){.type = MQTT_CONNECT,
                                .connect = {.protocol_name = mqtt_text("MQTT"),
                                            .protocol_level = level,
                                            .flags = MQTT_CONNECT_CLEAN_SESSION,
                                            .client_identifier = mqtt_text(name)}};
}

static int connect_client(struct fixture *fixture, const char *name, int receive_buffer) {
    struct mqtt_packet packet = connect_packet(name, MQTT_3_1_1);
    int client = open_socket(fixture, receive_buffer);
    send_packet(fixture, client, &packet);
    expect_bytes(fixture, client, connack, sizeof connack);
    return client;
}

static void ping(struct fixture *fixture, int client) {
    send_bytes(fixture, client, pingreq, sizeof pingreq);
    expect_bytes(fixture, client, pingresp, sizeof pingresp);
}

/* Topic "t" at QoS 0. */
static void subscribe(struct fixture *fixture, int client) {
    static const uint8_t request[] = {0x82, 6, 0, 1, 0, 1, 't', 0};
    static const uint8_t answer[] = {0x90, 3, 0, 1, 0};
    send_bytes(fixture, client, request, sizeof request);
    expect_bytes(fixture, client, answer, sizeof answer);
}

/* A payload whose bytes differ from one message to the next. */
static uint8_t *make_payload(size_t size, unsigned number) {
    uint8_t *payload = test_malloc(size);
    for (size_t i = 0; i < size; i++)
        payload[i] = (uint8_t)(i * 31 + i / 251 + number);
    return payload;
}

static void publish_large(struct fixture *fixture, int client, unsigned number) {
    uint8_t *payload = make_payload(MEGABYTE, number);
    struct mqtt_packet packet = {.type = MQTT_PUBLISH,
                                 .publish = {.topic = mqtt_text("t"), .payload = {payload, MEGABYTE}}};
    send_packet(fixture, client, &packet);
    test_free(payload);
}

static void expect_large(struct fixture *fixture, int client, unsigned number) {
    static const uint8_t header[] = {0x30, 0x83, 0x80, 0x40, 0, 1, 't'};
    uint8_t *expected = make_payload(MEGABYTE, number);
    uint8_t *payload = test_malloc(MEGABYTE);
    expect_bytes(fixture, client, header, sizeof header);
    receive_bytes(fixture, client, payload, MEGABYTE);
    assert_memory_equal(payload, expected, MEGABYTE);
    test_free(payload);
    test_free(expected);
}

/* ---- Rows ------------------------------------------------------------------------------------------------ */

static void packets_arrive_byte_by_byte(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t bytes[] = {0x10, 13,  0,    4, 'M',  'Q', 'T', 'T', 4,   2,   0,    0, 0,
                                    1,    'a', 0xC0, 0, 0x30, 4,   0,   1,   't', 'x', 0xC0, 0};
    int client = open_socket(fixture, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        send_bytes(fixture, client, &bytes[i], 1);
    expect_bytes(fixture, client, connack, sizeof connack);
    expect_bytes(fixture, client, pingresp, sizeof pingresp);
    expect_bytes(fixture, client, pingresp, sizeof pingresp);
    close(client);
}

static void many_connections_all_get_the_message(void **state) {
    struct fixture *fixture = *state;
    enum { COUNT = 300 };
    static const uint8_t publish[] = {0x30, 4, 0, 1, 't', 'x'};
    int clients[COUNT];
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "many%d", i);
        clients[i] = connect_client(fixture, name, 0);
        subscribe(fixture, clients[i]);
    }
    assert_int_equal(broker_counts(fixture->broker).connections, COUNT);
    send_bytes(fixture, clients[0], publish, sizeof publish);
    for (int i = 0; i < COUNT; i++) {
        expect_bytes(fixture, clients[i], publish, sizeof publish);
        close(clients[i]);
    }
    turn_until_event(fixture, BROKER_LOST, COUNT);
    assert_int_equal(broker_counts(fixture->broker).connections, 0);
}

static void slow_reader_gets_every_byte(void **state) {
    struct fixture *fixture = *state;
    int publisher = connect_client(fixture, "fast", 0);
    int subscriber = connect_client(fixture, "slow", 4096);
    subscribe(fixture, subscriber);
    for (unsigned number = 0; number < 6; number++)
        publish_large(fixture, publisher, number);
    ping(fixture, publisher); /* the broker has them all, and serves others */
    for (unsigned number = 0; number < 6; number++)
        expect_large(fixture, subscriber, number);
    ping(fixture, subscriber);
    close(publisher);
    close(subscriber);
}

static void reader_that_vanishes_while_output_waits(void **state) {
    struct fixture *fixture = *state;
    int publisher = connect_client(fixture, "fast", 0);
    int subscriber = connect_client(fixture, "gone", 4096);
    subscribe(fixture, subscriber);
    for (unsigned number = 0; number < 6; number++)
        publish_large(fixture, publisher, number);
    ping(fixture, publisher); /* the broker has them all */
    close(subscriber);
    turn_until_event(fixture, BROKER_LOST, 1);
    ping(fixture, publisher);
    assert_int_equal(broker_counts(fixture->broker).connections, 1);
    assert_int_equal(broker_counts(fixture->broker).messages, 0);
    close(publisher);
}

static void client_that_resets_is_lost(void **state) {
    struct fixture *fixture = *state;
    struct linger at_once = {.l_onoff = 1};
    int client = connect_client(fixture, "reset", 0);
    setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(client);
    turn_until_event(fixture, BROKER_LOST, 1);
    assert_int_equal(broker_counts(fixture->broker).connections, 0);
}

static void half_closed_client_gets_its_answers(void **state) {
    struct fixture *fixture = *state;
    struct mqtt_packet packet = connect_packet("half", MQTT_3_1_1);
    uint8_t bytes[64];
    size_t size = mqtt_encode(MQTT_3_1_1, &packet, bytes, sizeof bytes);
    int client = open_socket(fixture, 0);
    memcpy(bytes + size, pingreq, sizeof pingreq);
    size += sizeof pingreq;
    assert_int_equal(send(client, bytes, size, 0), size);
    shutdown(client, SHUT_WR);
    expect_bytes(fixture, client, connack, sizeof connack);
    expect_bytes(fixture, client, pingresp, sizeof pingresp);
    expect_end(fixture, client);
    assert_int_equal(fixture->events[BROKER_LOST], 1);
    close(client);
}

/* The server does not read what follows a refused CONNECT. It must not make a reset of that, which could destroy
 * the CONNACK on its way. */
static void refusal_is_readable_though_the_client_sends_on(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t refusal[] = {0x20, 2, 0, MQTT_UNACCEPTABLE_PROTOCOL_VERSION};
    struct mqtt_packet packet = connect_packet("old", 9);
    uint8_t *more = make_payload(300000, 1);
    int client = open_socket(fixture, 0);
    send_packet(fixture, client, &packet);
    send_bytes(fixture, client, more, 300000);
    expect_bytes(fixture, client, refusal, sizeof refusal);
    expect_end(fixture, client);
    assert_int_equal(broker_counts(fixture->broker).connections, 0);
    test_free(more);
    close(client);
}

static void client_that_never_closes_is_let_go(void **state) {
    struct fixture *fixture = *state;
    struct mqtt_packet packet = connect_packet("old", 9);
    int client = open_socket(fixture, 0);
    send_packet(fixture, client, &packet);
    expect_bytes(fixture, client, (const uint8_t[]){0x20, 2, 0, 1}, 4);
    expect_end(fixture, client);
    /* What arrives is thrown away for a while, then it meets a closed socket. */
    microseconds deadline = event_loop_now(fixture->loop) + PATIENCE;
    while (send(client, "x", 1, MSG_NOSIGNAL) == 1) {
        turn_until(fixture, event_loop_now(fixture->loop) + 50000);
        assert_true(event_loop_now(fixture->loop) < deadline);
    }
    assert_true(errno == EPIPE || errno == ECONNRESET);
    close(client);
}

static void output_is_written_before_closing(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t reserved_packet[] = {0xF0, 0};
    int publisher = connect_client(fixture, "fast", 0);
    int subscriber = connect_client(fixture, "slow", 4096);
    subscribe(fixture, subscriber);
    for (unsigned number = 0; number < 6; number++)
        publish_large(fixture, publisher, number);
    ping(fixture, publisher); /* the broker has them all */
    send_bytes(fixture, subscriber, reserved_packet, sizeof reserved_packet);
    turn_until_event(fixture, BROKER_DROPPED, 1);
    for (unsigned number = 0; number < 6; number++)
        expect_large(fixture, subscriber, number);
    expect_end(fixture, subscriber);
    close(publisher);
    close(subscriber);
}

/* Sends requests and reads no answers until nothing more is taken; returns how many bytes were. */
static size_t flood(struct fixture *fixture, int client, const uint8_t *requests, size_t size) {
    size_t total = 0;
    for (int refusals = 0; refusals < 50;) {
        size_t at = total % sizeof pingreq; /* a request may have been cut */
        ssize_t count = send(client, requests + at, size - at, MSG_NOSIGNAL);
        refusals = count > 0 ? 0 : refusals + 1;
        total += count > 0 ? (size_t)count : 0;
        turn(fixture);
        assert_true(total < 64 * MEGABYTE);
    }
    return total;
}

static void client_that_only_sends_is_held_back(void **state) {
    struct fixture *fixture = *state;
    enum { SIZE = 65536 };
    uint8_t *requests = test_malloc(SIZE);
    uint8_t *answers = test_malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        requests[i] = pingreq[i % sizeof pingreq];
    int client = connect_client(fixture, "flood", 4096);
    size_t sent = flood(fixture, client, requests, SIZE);
    size_t left = sent - sent % sizeof pingreq;
    while (left > 0) {
        size_t piece = left < SIZE ? left : SIZE;
        receive_bytes(fixture, client, answers, piece);
        for (size_t i = 0; i < piece; i++)
            assert_int_equal(answers[i], pingresp[i % sizeof pingresp]);
        left -= piece;
    }
    test_free(requests);
    test_free(answers);
    close(client);
}

static void silent_connection_is_closed_in_time(void **state) {
    struct broker_settings settings = broker_default_settings();
    settings.connect_timeout = 50000;
    (void)state;
    struct fixture *fixture = start(settings);
    int client = open_socket(fixture, 0);
    expect_end(fixture, client);
    assert_int_equal(fixture->events[BROKER_DROPPED], 1);
    close(client);
    void *own = fixture;
    tear_down(&own);
}

static void destroying_ends_every_connection(void **state) {
    struct fixture *fixture = *state;
    struct mqtt_packet packet = connect_packet("late", MQTT_3_1_1);
    int client = connect_client(fixture, "end", 0);
    int late = open_socket(fixture, 0);
    char byte;
    send_packet(fixture, late, &packet);
    turn_until_event(fixture, BROKER_CONNECTED, 2);
    server_destroy(fixture->server);
    fixture->server = NULL;
    assert_int_equal(broker_counts(fixture->broker).connections, 0);
    assert_int_equal(recv(client, &byte, 1, 0), 0);
    assert_int_equal(recv(late, &byte, 1, 0), 1);
    close(client);
    close(late);
}

/* Leaves this process only so many descriptors. Which numbers are free depends on who started it. */
static void leave_descriptors(const struct fixture *fixture, int count) {
    struct rlimit low = fixture->descriptors;
    int highest = 0;
    int probes[8];
    assert_true(count <= 8);
    for (int i = 0; i < count; i++) {
        probes[i] = dup(STDIN_FILENO);
        highest = probes[i] > highest ? probes[i] : highest;
    }
    for (int i = 0; i < count; i++)
        close(probes[i]);
    low.rlim_cur = (rlim_t)highest + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
}

static void out_of_descriptors_waits_without_spinning(void **state) {
    struct fixture *fixture = *state;
    enum { COUNT = 5, ACCEPTED = 2 };
    int clients[COUNT];
    for (int i = 0; i < COUNT; i++)
        clients[i] = open_socket(fixture, 0);
    leave_descriptors(fixture, ACCEPTED);
    turn_until_event(fixture, BROKER_ACCEPTED, ACCEPTED);
    turn(fixture);
    assert_int_equal(fixture->notices, 1);
    microseconds start = event_loop_now(fixture->loop);
    assert_int_equal(turn_until(fixture, start + 20000), 0);
    close(clients[0]);
    turn_until_event(fixture, BROKER_LOST, 1);
    /* Both ends of the closed connection were descriptors of this process. */
    turn_until_event(fixture, BROKER_ACCEPTED, ACCEPTED + 2);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &fixture->descriptors), 0);
    /* Nothing of the server's closes now: it tries again by itself. */
    turn_until_event(fixture, BROKER_ACCEPTED, COUNT);
    turn(fixture);
    for (int i = 1; i < COUNT; i++)
        close(clients[i]);
}

static void port_in_use_is_told(void **state) {
    struct fixture *fixture = *state;
    const char *reason = NULL;
    assert_int_equal(server_listen(fixture->server, "127.0.0.1", fixture->port, &reason), -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_string_equal(reason, "the port is in use");
}

static void foreign_address_is_told(void **state) {
    struct fixture *fixture = *state;
    const char *reason = NULL;
    assert_int_equal(server_listen(fixture->server, "192.0.2.1", 0, &reason), -1);
    assert_int_equal(errno, EADDRNOTAVAIL);
    assert_string_equal(reason, "this machine does not have that address");
}

static void name_without_address_is_told(void **state) {
    struct fixture *fixture = *state;
    const char *reason = NULL;
    assert_int_equal(server_listen(fixture->server, "..", 0, &reason), -1);
    assert_non_null(reason);
    assert_true(strlen(reason) > 0);
}

static void ipv6_has_a_listener_of_its_own(void **state) {
    struct fixture *fixture = *state;
    const char *reason = NULL;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int port = server_listen(fixture->server, "::1", fixture->port, &reason);
    if (port < 0 && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT))
        skip();
    assert_int_equal(port, fixture->port);
    address.sin6_port = htons(fixture->port);
    int client = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(client, F_SETFL, O_NONBLOCK), 0);
    struct mqtt_packet packet = connect_packet("six", MQTT_3_1_1);
    send_packet(fixture, client, &packet);
    expect_bytes(fixture, client, connack, sizeof connack);
    close(client);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest rows[] = {
        ROW(packets_arrive_byte_by_byte),
        ROW(many_connections_all_get_the_message),
        ROW(slow_reader_gets_every_byte),
        ROW(reader_that_vanishes_while_output_waits),
        ROW(client_that_resets_is_lost),
        ROW(half_closed_client_gets_its_answers),
        ROW(refusal_is_readable_though_the_client_sends_on),
        ROW(client_that_never_closes_is_let_go),
        ROW(output_is_written_before_closing),
        ROW(client_that_only_sends_is_held_back),
        cmocka_unit_test(silent_connection_is_closed_in_time),
        ROW(destroying_ends_every_connection),
        ROW(out_of_descriptors_waits_without_spinning),
        ROW(port_in_use_is_told),
        ROW(foreign_address_is_told),
        ROW(name_without_address_is_told),
        ROW(ipv6_has_a_listener_of_its_own),
    };
    return cmocka_run_group_tests(rows, NULL, NULL);
}
