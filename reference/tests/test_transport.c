/* The server behind each transport, and clients on the same seam in front, all in one process and one thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reference/server.h"

#define PATIENCE (10 * MICROSECONDS_PER_SECOND)
#define LARGE    (1024u * 1024 + 13)

struct fixture {
    struct event_loop *loop;
    struct broker *broker;
    struct server *server;
    struct tls_context *tls;        /* of the server */
    struct tls_context *trustful;   /* of clients */
    struct spec_rules client_rules; /* nothing is switched off */
    uint16_t ports[TRANSPORT_KINDS];
    int accepted, lost, dropped;
    char notice[400];
};

static void count_event(void *context, const struct broker_event *event) {
    struct fixture *fixture = context;
    fixture->accepted += event->kind == BROKER_ACCEPTED;
    fixture->lost += event->kind == BROKER_LOST;
    fixture->dropped += event->kind == BROKER_DROPPED;
}

static void keep_notice(void *context, const char *text) {
    struct fixture *fixture = context;
    strncpy(fixture->notice, text, sizeof fixture->notice - 1);
}

static struct fixture *start(microseconds connect_timeout) {
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    struct environment environment = environment_of_system();
    struct broker_settings settings = broker_default_settings();
    struct tls_settings client = {.side = MQTT_CLIENT};
    char reason[300] = "";
    settings.connect_timeout = connect_timeout;
    settings.maximum_output = 2 * LARGE;
    settings.hooks = (struct broker_hooks){.context = fixture, .report = count_event};
    fixture->loop = event_loop_create();
    fixture->broker = broker_create(&settings, &environment);
    fixture->server = server_create(fixture->broker, fixture->loop);
    fixture->tls = tls_context_self_signed();
    fixture->trustful = tls_context_create(&client, reason, sizeof reason);
    assert_string_equal(reason, "");
    server_tell(fixture->server, keep_notice, fixture);
    for (int kind = 0; kind < TRANSPORT_KINDS; kind++) {
        struct server_listening how = {.kind = (enum transport_kind)kind, .tls = fixture->tls};
        const char *why = NULL;
        int port = server_listen_over(fixture->server, "127.0.0.1", 0, &how, &why);
        assert_true(port > 0);
        fixture->ports[kind] = (uint16_t)port;
    }
    return fixture;
}

static int set_up(void **state) {
    *state = start(600 * MICROSECONDS_PER_SECOND);
    return 0;
}

static int set_up_impatient(void **state) {
    *state = start(MICROSECONDS_PER_SECOND / 2);
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    server_destroy(fixture->server);
    broker_destroy(fixture->broker);
    tls_context_destroy(fixture->tls);
    tls_context_destroy(fixture->trustful);
    event_loop_destroy(fixture->loop);
    test_free(fixture);
    return 0;
}

/* The client's side is not in the loop, so the wait is short. */
static void turn(struct fixture *fixture) {
    assert_true(event_loop_wait(fixture->loop, event_loop_now(fixture->loop) + 1000) >= 0);
    server_turn(fixture->server);
}

static int open_socket(const struct fixture *fixture, enum transport_kind kind) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(fixture->ports[kind]), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(descriptor, F_SETFL, O_NONBLOCK), 0);
    return descriptor;
}

/* ---- Clients on the seam ------------------------------------------------------------------------------------ */

struct client {
    struct fixture *fixture;
    struct transport transport;
    uint8_t buffer[TRANSPORT_RECEIVE_LEAST];
    uint8_t received[2 * LARGE];
    size_t length;
    enum transport_result last;
};

static struct client *open_client(struct fixture *fixture, enum transport_kind kind) {
    struct client *client = test_calloc(1, sizeof *client);
    struct transport_settings settings = {.kind = kind,
                                          .side = MQTT_CLIENT,
                                          .tls = fixture->trustful,
                                          .rules = &fixture->client_rules,
                                          .host = "localhost",
                                          .path = "/mqtt"};
    client->fixture = fixture;
    assert_true(transport_start(&client->transport, open_socket(fixture, kind), &settings));
    return client;
}

static void close_client(struct client *client) {
    transport_release(&client->transport);
    close(client->transport.descriptor);
    test_free(client);
}

/* One turn of the server, and what arrived. False once nothing more comes. */
static bool receive_some(struct client *client) {
    size_t count;
    turn(client->fixture);
    client->last = transport_receive(&client->transport, client->buffer, sizeof client->buffer, &count);
    assert_true(client->length + count <= sizeof client->received);
    memcpy(client->received + client->length, client->buffer, count);
    client->length += count;
    return client->last == TRANSPORT_DONE || client->last == TRANSPORT_BLOCKED;
}

static void expect(struct client *client, const void *bytes, size_t length) {
    microseconds deadline = event_loop_now(client->fixture->loop) + PATIENCE;
    while (client->length < length && event_loop_now(client->fixture->loop) < deadline)
        assert_true(receive_some(client) || client->length >= length);
    assert_int_equal(client->length, length);
    assert_memory_equal(client->received, bytes, length);
    client->length = 0;
}

static void expect_end(struct client *client) {
    microseconds deadline = event_loop_now(client->fixture->loop) + PATIENCE;
    while (receive_some(client))
        assert_true(event_loop_now(client->fixture->loop) < deadline);
    assert_int_equal(client->last, TRANSPORT_ENDED);
}

static void send_all(struct client *client, struct mqtt_bytes bytes) {
    microseconds deadline = event_loop_now(client->fixture->loop) + PATIENCE;
    for (;;) {
        size_t taken;
        enum transport_result result = transport_send(&client->transport, &bytes, 1, &taken);
        bytes = (struct mqtt_bytes){bytes.data + taken, bytes.length - (uint32_t)taken};
        if (result == TRANSPORT_DONE)
            break;
        assert_int_equal(result, TRANSPORT_BLOCKED);
        assert_true(event_loop_now(client->fixture->loop) < deadline);
        receive_some(client);
    }
    assert_int_equal(bytes.length, 0);
}

#define SEND(client, text)   send_all(client, (struct mqtt_bytes){(const uint8_t *)(text), sizeof(text) - 1})
#define EXPECT(client, text) expect(client, text, sizeof(text) - 1)

#define CONNECT  "\x10\x0D\0\4MQTT\4\2\0\0\0\1c"
#define CONNACK  "\x20\2\0\0"
#define PINGREQ  "\xC0\0"
#define PINGRESP "\xD0\0"

/* ---- Rows --------------------------------------------------------------------------------------------------- */

static void packets_pass(void **state) {
    struct fixture *fixture = *state;
    for (int kind = 0; kind < TRANSPORT_KINDS; kind++) {
        struct client *client = open_client(fixture, (enum transport_kind)kind);
        print_message("# %s\n", transport_kind_name((enum transport_kind)kind));
        SEND(client, CONNECT PINGREQ);
        EXPECT(client, CONNACK PINGRESP);
        assert_true(transport_is_open(&client->transport));
        assert_string_equal(transport_subprotocol(&client->transport),
                            transport_has_websocket((enum transport_kind)kind) ? "mqtt" : "");
        SEND(client, "\xE0\0");
        expect_end(client);
        close_client(client);
    }
    assert_int_equal(fixture->lost, 0);
    assert_string_equal(fixture->notice, "");
}

static void large_messages_pass(void **state) {
    struct fixture *fixture = *state;
    static uint8_t packet[LARGE + 5];
    uint32_t content = LARGE;
    packet[0] = 0x30;
    for (int i = 1; i < 4; i++, content >>= 7)
        packet[i] = (uint8_t)(content | (i < 3 ? 0x80 : 0));
    memcpy(packet + 4, "\0\1t", 3);
    for (size_t i = 7; i < 4 + LARGE; i++)
        packet[i] = (uint8_t)(i * 31 + i / 251);
    for (int kind = 0; kind < TRANSPORT_KINDS; kind++) {
        struct client *client = open_client(fixture, (enum transport_kind)kind);
        print_message("# %s\n", transport_kind_name((enum transport_kind)kind));
        SEND(client, CONNECT "\x82\6\0\1\0\1t\0");
        EXPECT(client, CONNACK "\x90\3\0\1\0");
        send_all(client, (struct mqtt_bytes){packet, 4 + LARGE});
        expect(client, packet, 4 + LARGE);
        close_client(client);
    }
}

static void a_refused_client_is_told(void **state) {
    struct fixture *fixture = *state;
    for (int kind = 0; kind < TRANSPORT_KINDS; kind++) {
        struct client *client = open_client(fixture, (enum transport_kind)kind);
        SEND(client, "\x10\x0C\0\4MQTT\4\0\0\0\0\0"); /* no Client Identifier, and CleanSession 0 */
        EXPECT(client, "\x20\2\0\2");
        expect_end(client);
        close_client(client);
    }
}

static void text_frames_are_refused(void **state) {
    struct client *client = open_client(*state, TRANSPORT_WSS);
    transport_set_framing(&client->transport, FRAMED_AS_TEXT);
    SEND(client, CONNECT);
    expect_end(client);
    assert_int_equal(client->length, 0);
    assert_string_equal(client->fixture->notice, "connection #1: WebSocket failed: a frame is not binary");
    close_client(client);
}

/* ---- Peers that are not what they should be ------------------------------------------------------------------ */

#define UPGRADE                                                                                                        \
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"          \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
#define ROW(bytes) bytes, sizeof(bytes) - 1

static const struct {
    const char *name;
    enum transport_kind kind;
    const char *bytes;
    size_t length;
    const char *answer; /* somewhere in it */
    size_t answer_length;
    const char *notice;
} rows[] = {
    {"MQTT to a TLS port", TRANSPORT_TLS, ROW(CONNECT), ROW(""), "the TLS handshake failed: wrong version number"},
    {"HTTP to a TLS port", TRANSPORT_WSS, ROW(UPGRADE), ROW(""), "the TLS handshake failed: http request"},
    {"garbage to a TLS port", TRANSPORT_TLS, ROW("\x16\3\1\0\5\1\0\0\1\xFF\xFF\xFF"), ROW(""),
     "the TLS handshake failed: "},
    {"MQTT to a WebSocket port", TRANSPORT_WS, ROW(CONNECT "\n\n"), ROW("HTTP/1.1 400 "),
     "WebSocket failed: the request is not HTTP/1.1"},
    {"a browser", TRANSPORT_WS, ROW("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ROW("HTTP/1.1 426 "),
     "WebSocket failed: the request does not ask for WebSocket"},
    {"a frame without mask", TRANSPORT_WS, ROW(UPGRADE "\x82\1a"), ROW("\x88\x02\x03\xEA"),
     "WebSocket failed: a frame breaks RFC 6455"},
    {"a frame that is no MQTT", TRANSPORT_WS, ROW(UPGRADE "\x82\x82\0\0\0\0\xFF\xFF"), ROW("\x88\x02\x03\xE8"), ""},
    {"a frame of 2^63 - 1 bytes", TRANSPORT_WS, ROW(UPGRADE "\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0\xFF\xFF"),
     ROW("\x88\x02\x03\xE8"), ""},
};

/* What comes until the connection ends, which it does in order. */
static size_t receive_raw(struct fixture *fixture, int descriptor, uint8_t *buffer, size_t size) {
    microseconds deadline = event_loop_now(fixture->loop) + PATIENCE;
    size_t length = 0;
    while (event_loop_now(fixture->loop) < deadline) {
        ssize_t count = recv(descriptor, buffer + length, size - length, 0);
        if (count == 0)
            return length;
        if (count > 0)
            length += (size_t)count;
        else
            assert_int_equal(errno, EAGAIN);
        turn(fixture);
    }
    fail_msg("the connection does not end");
    return 0;
}

static void wrong_peers_are_told(void **state) {
    struct fixture *fixture = *state;
    uint8_t answer[4096];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int descriptor = open_socket(fixture, rows[i].kind);
        print_message("# %s\n", rows[i].name);
        memset(fixture->notice, 0, sizeof fixture->notice);
        assert_int_equal(send(descriptor, rows[i].bytes, rows[i].length, MSG_NOSIGNAL), rows[i].length);
        size_t length = receive_raw(fixture, descriptor, answer, sizeof answer);
        assert_non_null(memmem(answer, length, rows[i].answer, rows[i].answer_length));
        assert_non_null(strstr(fixture->notice, rows[i].notice));
        close(descriptor);
    }
}

/* The time to CONNECT begins with the connection, so that it covers every handshake. */
static void slow_handshakes_end(void **state) {
    struct fixture *fixture = *state;
    static const char client_hello[] = "\x16\3\1\2\0\1\0\1\xFC\3\3";
    for (int kind = 0; kind < TRANSPORT_KINDS; kind++) {
        int descriptor = open_socket(fixture, (enum transport_kind)kind);
        const char *bytes = kind == TRANSPORT_TCP ? CONNECT : kind == TRANSPORT_WS ? UPGRADE : client_hello;
        microseconds next = 0;
        microseconds deadline = event_loop_now(fixture->loop) + PATIENCE;
        uint8_t answer[64];
        ssize_t count;
        while ((count = recv(descriptor, answer, sizeof answer, 0)) < 0 && errno == EAGAIN) {
            turn(fixture);
            assert_true(event_loop_now(fixture->loop) < deadline);
            if (event_loop_now(fixture->loop) < next)
                continue;
            next = event_loop_now(fixture->loop) + MICROSECONDS_PER_SECOND / 20;
            (void)!send(descriptor, bytes++, 1, MSG_NOSIGNAL);
        }
        assert_int_equal(count, 0);
        close(descriptor);
    }
    assert_int_equal(fixture->dropped, TRANSPORT_KINDS);
}

/* Answers to pings wait for a peer that does not read, and are not endless: it is not read any more. */
static void pings_without_end_wait(void **state) {
    struct fixture *fixture = *state;
    static uint8_t pings[6 * 10000];
    static uint8_t drained[65536];
    int descriptor = open_socket(fixture, TRANSPORT_WS);
    for (size_t i = 0; i < sizeof pings; i += 6)
        memcpy(pings + i, "\x89\x80\0\0\0\0", 6);
    assert_int_equal(send(descriptor, UPGRADE, sizeof UPGRADE - 1, MSG_NOSIGNAL), sizeof UPGRADE - 1);
    size_t sent = 0;
    for (int refused = 0; refused < 100;) {
        size_t cut = sent % 6; /* what the socket took of a ping so far */
        ssize_t count = send(descriptor, pings + cut, sizeof pings - cut, MSG_NOSIGNAL);
        turn(fixture);
        refused = count < 0 ? refused + 1 : 0;
        sent += count > 0 ? (size_t)count : 0;
        assert_true(sent < 200u * 1024 * 1024);
    }
    /* Once it reads, all goes on, and the ping that was cut is finished. */
    for (int quiet = 0; quiet < 100;) {
        ssize_t count = recv(descriptor, drained, sizeof drained, 0);
        if (count == 0)
            fail_msg("the connection was closed: lost %u, dropped %u, '%s'", fixture->lost, fixture->dropped,
                     fixture->notice);
        turn(fixture);
        quiet = count < 0 ? quiet + 1 : 0;
    }
    assert_int_equal(send(descriptor, "\x89\x80\0\0\0\0", 6 - sent % 6, MSG_NOSIGNAL), 6 - sent % 6);
    assert_int_equal(fixture->lost + fixture->dropped, 0);
    close(descriptor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(packets_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_messages_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_client_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(text_frames_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_peers_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slow_handshakes_end, set_up_impatient, tear_down),
        cmocka_unit_test_setup_teardown(pings_without_end_wait, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
