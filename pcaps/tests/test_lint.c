/* Conversations written as captures, judged, and the breaches with where they stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#include "pcaps/capture.h"
#include "pcaps/lint.h"
#include "pcaps/replay.h"
#include "pcaps/show.h"
#include "pcaps/tests/event_log.h"

struct said {
    enum { ENDS, OPENS, CLIENT_SAYS, SERVER_SAYS, CLIENT_CLOSES, SERVER_CLOSES } kind;
    unsigned connection; /* 0 or 1 */
    unsigned second;
    const char *bytes;
    uint32_t length;
};

struct lint_row {
    const char *name;
    struct said said[16]; /* the last is ENDS */
    const char *told;     /* each breach as "side statement #frame; ", then what was counted */
};

#define BYTES(text) text, sizeof(text) - 1
#define OPEN(connection)                                                                                               \
    { OPENS, connection, 0, NULL, 0 }
#define C(connection, second, text)                                                                                    \
    { CLIENT_SAYS, connection, second, BYTES(text) }
#define S(connection, second, text)                                                                                    \
    { SERVER_SAYS, connection, second, BYTES(text) }
#define C_ENDS(connection, second)                                                                                     \
    { CLIENT_CLOSES, connection, second, NULL, 0 }
#define S_ENDS(connection, second)                                                                                     \
    { SERVER_CLOSES, connection, second, NULL, 0 }

/* Client "a", clean session, keep alive of 60 seconds. Frame 4 of a capture, the answer frame 6. */
#define CONNECT  "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a"
#define ACCEPTED OPEN(0), C(0, 0, CONNECT), S(0, 0, "\x20\2\0\0")

/* The same in MQTT 5.0; the client grants a Receive Maximum of 1 and wants no Reason Strings. */
#define CONNECT_5    "\x10\x13\0\4MQTT\5\2\0\x3c\5\x21\0\1\x17\0\0\1a"
#define ACCEPTED_5   OPEN(0), C(0, 0, CONNECT_5), S(0, 0, "\x20\3\0\0\0")
#define SUBSCRIBED_5 ACCEPTED_5, C(0, 1, "\x82\7\0\1\0\0\1t\1"), S(0, 1, "\x90\4\0\1\0\1")

/* Over WebSocket: the request is frame 4, the answer frame 6, then come the frames. Client and server end a field of
 * the handshake each with what they say of subprotocols. */
#define ASKS(subprotocols)     OPEN(0), C(0, 0, "GET / HTTP/1.1\r\nUpgrade: websocket\r\n" subprotocols "\r\n")
#define SWITCHES(subprotocol)  S(0, 0, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n" subprotocol "\r\n")
#define NAMES(text)            "Sec-WebSocket-Protocol: " text "\r\n"
#define CONNECT_FRAME(opcode)  C(0, 0, opcode "\x8f\0\0\0\0" CONNECT)
#define CONNECT5_FRAME(opcode) C(0, 0, opcode "\x95\0\0\0\0" CONNECT_5)
#define CONNECT31              "\x10\x0f\0\6MQIsdp\3\2\0\x3c\0\1a"

/* clang-format off */
static const struct lint_row rows[] = {
    {"WebSocket: nothing is wrong",
     {ASKS(NAMES("a, mqtt")), SWITCHES(NAMES("mqtt")), CONNECT_FRAME("\x82"), S(0, 0, "\x82\4\x20\2\0\0")},
     "1 connection, 2 packets, client 0, server 0"},
    {"WebSocket: a server that names no subprotocol has not chosen another",
     {ASKS(NAMES("mqtt")), SWITCHES(""), CONNECT_FRAME("\x82"), S(0, 0, "\x82\4\x20\2\0\0")},
     "1 connection, 2 packets, client 0, server 0"},
    {"WebSocket: mqtt is not offered, and another subprotocol is chosen",
     {ASKS(NAMES("mqttv3.1")), SWITCHES(NAMES("mqttv3.1")), CONNECT_FRAME("\x82"), S(0, 0, "\x82\4\x20\2\0\0")},
     "client MQTT311:6.0.0-3 #4; server MQTT311:6.0.0-4 #6; 1 connection, 2 packets, client 1, server 1"},
    {"WebSocket: no subprotocol is offered in 5.0",
     {ASKS(""), SWITCHES(""), CONNECT5_FRAME("\x82")},
     "client MQTT5:6.0.0-3 #4; 1 connection, 1 packets, client 1, server 0"},
    {"WebSocket: MQTT 3.1 does not ask for a subprotocol",
     {ASKS(NAMES("mqttv3.1")), SWITCHES(NAMES("mqttv3.1")), C(0, 0, "\x81\x91\0\0\0\0" CONNECT31)},
     "1 connection, 1 packets, client 0, server 0"},
    {"WebSocket: text frames, each side's told once",
     {ASKS(NAMES("mqtt")), SWITCHES(NAMES("mqtt")), CONNECT_FRAME("\x81"), S(0, 0, "\x81\4\x20\2\0\0"),
     C(0, 1, "\x81\2\xc0\0"), S(0, 1, "\x81\2\xd0\0")},
     "client MQTT311:6.0.0-1 #8; server MQTT311:6.0.0-1 #10; 1 connection, 4 packets, client 1, server 1"},
    {"WebSocket: a text frame of the client behind its CONNECT",
     {ASKS(NAMES("mqtt")), SWITCHES(NAMES("mqtt")), CONNECT_FRAME("\x82"), C(0, 1, "\x81\2\xc0\0")},
     "client MQTT311:6.0.0-1 #10; 1 connection, 2 packets, client 1, server 0"},
    {"WebSocket: other breaches are found, too",
     {ASKS(NAMES("mqtt")), SWITCHES(NAMES("mqtt")), CONNECT_FRAME("\x82"), CONNECT_FRAME("\x82")},
     "client MQTT311:3.1.0-2 #10; 1 connection, 2 packets, client 1, server 0"},
    {"nothing is wrong",
     {ACCEPTED, C(0, 1, "\x82\6\0\1\0\1t\0"), S(0, 1, "\x90\3\0\1\0"), C(0, 2, "\xc0\0"), S(0, 2, "\xd0\0"), C(0,
     3, "\xe0\0"), C_ENDS(0, 3)},
     "1 connection, 7 packets, client 0, server 0"},
    {"the first packet is not CONNECT",
     {OPEN(0), C(0, 0, "\xc0\0"), S_ENDS(0, 0)},
     "client MQTT311:3.1.0-1 #4; 1 connection, 0 packets, client 1, server 0"},
    {"a second CONNECT",
     {ACCEPTED, C(0, 1, CONNECT), S_ENDS(0, 1)},
     "client MQTT311:3.1.0-2 #8; 1 connection, 3 packets, client 1, server 0"},
    {"PUBLISH with both QoS bits",
     {ACCEPTED, C(0, 1, "\x36\6\0\1t\0\1x"), S_ENDS(0, 1)},
     "client MQTT311:3.3.1-4 #8; 1 connection, 2 packets, client 1, server 0"},
    {"SUBSCRIBE with flags 0",
     {ACCEPTED, C(0, 1, "\x80\6\0\1\0\1t\0"), S_ENDS(0, 1)},
     "client MQTT311:3.8.1-1 #8; 1 connection, 2 packets, client 1, server 0"},
    {"SUBACK with one code too many",
     {ACCEPTED, C(0, 1, "\x82\6\0\1\0\1t\0"), S(0, 1, "\x90\4\0\1\0\0")},
     "server MQTT311:3.8.4-5 #10; 1 connection, 4 packets, client 0, server 1"},
    {"CONNACK says Session Present after a clean start",
     {OPEN(0), C(0, 0, CONNECT), S(0, 0, "\x20\2\1\0")},
     "server MQTT311:3.2.2-1 #6; 1 connection, 2 packets, client 0, server 1"},
    {"two breaches by two clients are counted apart",
     {ACCEPTED, OPEN(1), C(1, 0, "\xc0\0"), C(0, 1, CONNECT)},
     "client MQTT311:3.1.0-1 #11; client MQTT311:3.1.0-2 #13; 2 connections, 3 packets, client 2, server 0"},
    {"5.0: nothing is wrong",
     {SUBSCRIBED_5, C(0, 2, "\x32\7\0\1t\0\1\0x"), S(0, 2, "\x40\2\0\1\x32\7\0\1t\0\1\0x"), C(0, 2, "\x40\3\0\1\x10"),
     C(0, 3, "\xe0\1\4"), C_ENDS(0, 3)},
     "1 connection, 9 packets, client 0, server 0"},
    {"5.0: CONNACK says Session Present after a clean start",
     {OPEN(0), C(0, 0, CONNECT_5), S(0, 0, "\x20\3\1\0\0")},
     "server MQTT5:3.2.2-2 #6; 1 connection, 2 packets, client 0, server 1"},
    {"5.0: a second CONNECT",
     {ACCEPTED_5, C(0, 1, CONNECT_5), S_ENDS(0, 1)},
     "client MQTT5:3.1.0-2 #8; 1 connection, 3 packets, client 1, server 0"},
    {"5.0: a code that SUBACK does not have",
     {ACCEPTED_5, C(0, 1, "\x82\7\0\1\0\0\1t\1"), S(0, 1, "\x90\4\0\1\0\3")},
     "server MQTT5:3.9.3-2 #10; 1 connection, 3 packets, client 0, server 1"},
    {"5.0: a Topic Alias that was not allowed",
     {ACCEPTED_5, C(0, 1, "\x30\x08\0\1t\3\x23\0\1x"), S_ENDS(0, 1)},
     "client MQTT5:3.2.2-18 #8; 1 connection, 3 packets, client 1, server 0"},
    {"5.0: a Reason String that was not wanted",
     {ACCEPTED_5, C(0, 1, "\x32\7\0\1t\0\1\0x"), S(0, 1, "\x40\x09\0\1\x10\5\x1f\0\2no")},
     "server MQTT5:3.1.2-29 #10; 1 connection, 4 packets, client 0, server 1"},
    {"5.0: more messages at a time than the Receive Maximum",
     {SUBSCRIBED_5, C(0, 2, "\x32\7\0\1t\0\1\0x\x32\7\0\1t\0\2\0y"), S(0, 2, "\x40\2\0\1\x40\2\0\2"),
     S(0, 2, "\x32\7\0\1t\0\1\0x\x32\7\0\1t\0\2\0y")},
     "server MQTT5:3.3.4-9 #16; 1 connection, 10 packets, client 0, server 1"},
    {"nothing but the handshake",
     {OPEN(0), C_ENDS(0, 1)},
     "1 connection, 0 packets, client 0, server 0"},
};
/* clang-format on */

static void write_said(const struct lint_row *row, const char *path) {
    char reason[256];
    struct capture_connection *connections[2] = {NULL, NULL};
    struct capture_writer *writer = capture_writer_open(path, UINT64_C(1700000000000000), reason, sizeof reason);
    assert_non_null(writer);
    for (const struct said *said = row->said; said->kind != ENDS; said++) {
        struct capture_connection **connection = &connections[said->connection];
        microseconds time = said->second * MICROSECONDS_PER_SECOND;
        struct mqtt_bytes bytes = {(const uint8_t *)said->bytes, said->length};
        switch (said->kind) {
        case OPENS:
            *connection = capture_writer_connect(writer, 1883, time);
            assert_non_null(*connection);
            break;
        case CLIENT_SAYS:
        case SERVER_SAYS:
            capture_writer_bytes(*connection, said->kind == CLIENT_SAYS ? MQTT_CLIENT : MQTT_SERVER, bytes, time);
            break;
        default:
            capture_writer_close(*connection, said->kind == CLIENT_CLOSES ? MQTT_CLIENT : MQTT_SERVER, time);
        }
    }
    assert_true(capture_writer_finish(writer));
}

static void note_breach(void *context, const struct lint_breach *breach) {
    log_event(context, "%s %s #%llu; ", breach->side == MQTT_CLIENT ? "client" : "server", spec_name(breach->statement),
              (unsigned long long)breach->frame);
    assert_true(breach->what != NULL && breach->what[0] != '\0');
}

static void note_notice(void *context, const struct lint_notice *notice) {
    (void)context;
    assert_true(notice->detail[0] != '\0');
}

static void test_row(void **state) {
    const struct lint_row *row = *state;
    struct event_log log = {.length = 0};
    struct lint_totals totals;
    char reason[256] = "";
    char path[] = "/tmp/mqspec-test-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    write_said(row, path);
    const struct lint_hooks hooks = {&log, note_breach, note_notice, NULL};
    bool whole = lint_capture(&(struct capture_source){.path = path}, &hooks, &totals, reason, sizeof reason);
    unlink(path);
    assert_true(whole);
    log_event(&log, "%zu connection%s, %zu packets, client %zu, server %zu", totals.conversations,
              totals.conversations == 1 ? "" : "s", totals.packets, totals.breaches[MQTT_CLIENT],
              totals.breaches[MQTT_SERVER]);
    size_t by_clients = 0;
    for (size_t i = 0; i < totals.client_count; i++)
        by_clients += totals.clients[i].breaches[MQTT_CLIENT] + totals.clients[i].breaches[MQTT_SERVER];
    size_t all = totals.breaches[MQTT_CLIENT] + totals.breaches[MQTT_SERVER];
    lint_totals_free(&totals);
    if (strcmp(log.text, row->told) != 0)
        fail_msg("%s:\n  expected %s\n  received %s", row->name, row->told, log.text);
    assert_int_equal(by_clients, all);
}

/* ---- What is told of a breach beside its statement ----------------------------------------------------------------
 */

#define PING(second) C(0, second, "\xc0\0"), S(0, second, "\xd0\0")

static const struct lint_row around[] = {
    {"packets before and behind",
     {ACCEPTED, PING(1), S(0, 2, "\x20\2\0\0"), PING(3), PING(4), C_ENDS(0, 5)},
     "#4 -> CONNECT #6 <- CONNACK #8 -> PINGREQ #10 <- PINGRESP >#12 <- CONNACK #14 -> PINGREQ #16 <- PINGRESP "
     "#18 -> PINGREQ; "},
    {"bytes that are no packet",
     {ACCEPTED, C(0, 1, "\x36\6\0\1t\0\1x"), S_ENDS(0, 1)},
     "#4 -> CONNECT #6 <- CONNACK >#8 -> 8; "},
    {"silence",
     {ACCEPTED, C(0, 91, "\xc0\0"), S(0, 91, "\xd0\0")},
     "#4 -> CONNECT #6 <- CONNACK #8 -> PINGREQ #10 <- PINGRESP; "},
};

static void note_packets(void *context, const struct lint_breach *breach) {
    for (size_t i = 0; i < breach->packet_count; i++) {
        const struct lint_packet *packet = &breach->packets[i];
        char text[SHOW_PACKET_CAPACITY];
        lint_show_packet(breach->version, packet, text, sizeof text);
        text[strcspn(text, " ")] = '\0';
        log_event(context, "%s%s#%llu %s %s", i > 0 ? " " : "", packet->offends ? ">" : "",
                  (unsigned long long)packet->frame, packet->side == MQTT_CLIENT ? "->" : "<-", text);
        assert_true(!packet->offends || packet->frame == breach->frame);
    }
    log_event(context, "; ");
}

static void test_around(void **state) {
    const struct lint_row *row = *state;
    struct event_log log = {.length = 0};
    const struct lint_hooks hooks = {&log, note_packets, note_notice, NULL};
    struct lint_totals totals;
    char reason[256] = "";
    char path[] = "/tmp/mqspec-test-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    write_said(row, path);
    bool whole = lint_capture(&(struct capture_source){.path = path}, &hooks, &totals, reason, sizeof reason);
    unlink(path);
    lint_totals_free(&totals);
    assert_true(whole);
    assert_string_equal(log.text, row->told);
}

/* Clients beyond the limit are counted together, and none is lost. */
static void test_many_clients(void **state) {
    enum { MORE = 100 };
    struct lint_totals totals = {.client_count = 0};
    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < LINT_MAXIMUM_CLIENTS + MORE; i++) {
            char name[32];
            snprintf(name, sizeof name, "client %d", i);
            lint_totals_client(&totals, name)->notices++;
        }
    assert_int_equal(totals.client_count, LINT_MAXIMUM_CLIENTS);
    for (size_t i = 0; i < totals.client_count; i++)
        assert_int_equal(totals.clients[i].notices, 2);
    assert_int_equal(totals.other_clients.notices, 2 * MORE);
    lint_totals_free(&totals);
}

/* A conversation with every kind of packet, whole and with any byte of its file changed: judged or refused with a
 * reason, and read for a replay likewise. */
static const struct lint_row every_packet = {
    "every packet",
    {ACCEPTED, C(0, 1, "\x82\6\0\1\0\1t\2"), S(0, 1, "\x90\3\0\1\2"), C(0, 2, "\x34\6\0\1t\0\2y\x32\6\0\1t\0\3z"),
     S(0, 2, "\x50\2\0\2\x40\2\0\3"), C(0, 2, "\x62\2\0\2"), S(0, 2, "\x70\2\0\2\x30\4\0\1ty"),
     C(0, 3, "\xa2\5\0\4\0\1t\xc0\0"), S(0, 3, "\xb0\2\0\4\xd0\0"), C(0, 3, "\xe0\0")},
    ""};

static const struct lint_row every_packet_of_5 = {
    "every packet of 5.0",
    {OPEN(0), C(0, 0, "\x10\x1a\0\4MQTT\5\2\0\x3c\x0d\x15\0\1X\x22\0\2\x26\0\1k\0\0\0\0"),
     S(0, 0, "\xf0\6\x18\4\x15\0\1X"), C(0, 0, "\xf0\x0a\x18\x08\x15\0\1X\x16\0\1d"),
     S(0, 0, "\x20\x0e\0\0\x0b\x12\0\1a\x15\0\1X\x22\0\2"), C(0, 1, "\x82\x09\0\1\2\x0b\7\0\1t\x2e"),
     S(0, 1, "\x90\4\0\1\0\2"), C(0, 2, "\x34\x0a\0\1t\0\2\3\x23\0\1y\x32\x09\0\0\0\3\3\x23\0\1z"),
     S(0, 2, "\x50\2\0\2\x40\3\0\3\x10"), C(0, 2, "\x62\3\0\2\0"), S(0, 2, "\x70\2\0\2\x30\x0a\0\1t\5\x0b\7\x23\0\1y"),
     C(0, 3, "\xa2\6\0\4\0\0\1t\xc0\0"), S(0, 3, "\xb0\4\0\4\0\0\xd0\0"), C(0, 3, "\xe0\7\0\5\x11\0\0\0\0")},
    ""};

static void count_breach(void *context, const struct lint_breach *breach) {
    char text[SHOW_PACKET_CAPACITY];
    size_t *count = context;
    *count += breach->what != NULL;
    for (size_t i = 0; i < breach->packet_count; i++)
        lint_show_packet(breach->version, &breach->packets[i], text, sizeof text);
}

static void ignore_notice(void *context, const struct lint_notice *notice) {
    (void)context;
    assert_true(notice->detail[0] != '\0');
}

static void judge_damaged(const char *path, size_t at) {
    struct lint_totals totals;
    struct recording recording;
    size_t told = 0;
    char reason[512] = "";
    const struct lint_hooks hooks = {&told, count_breach, ignore_notice, NULL};
    bool whole = lint_capture(&(struct capture_source){.path = path}, &hooks, &totals, reason, sizeof reason);
    size_t counted = totals.breaches[MQTT_CLIENT] + totals.breaches[MQTT_SERVER];
    lint_totals_free(&totals);
    if (told != counted || (!whole && reason[0] == '\0'))
        fail_msg("byte %zu: %zu breaches told, %zu counted, reason '%s'", at, told, counted, reason);
    if (recording_read(&recording, &(struct capture_source){.path = path}, &(struct replay_names){NULL, NULL}, reason,
                       sizeof reason) != whole)
        fail_msg("byte %zu: lint and replay do not agree whether it can be read", at);
    recording_free(&recording);
}

static void test_any_byte_changed(void **state) {
    const struct lint_row *row = *state;
    char path[] = "/tmp/mqspec-test-XXXXXX";
    int descriptor = mkstemp(path);
    uint8_t byte;
    assert_true(descriptor >= 0);
    write_said(row, path);
    judge_damaged(path, 0);
    for (off_t at = 0; pread(descriptor, &byte, 1, at) == 1; at++) {
        for (unsigned change = 1; change < 256; change = change * 4 + 3) {
            uint8_t changed = byte ^ (uint8_t)change;
            assert_int_equal(pwrite(descriptor, &changed, 1, at), 1);
            judge_damaged(path, (size_t)at);
        }
        assert_int_equal(pwrite(descriptor, &byte, 1, at), 1);
    }
    close(descriptor);
    unlink(path);
}

/* The captures of this folder, of real clients with a real broker. What is said of them was checked by hand. */
struct stored_row {
    const char *path;
    size_t connections;
    size_t packets;
    size_t breaches;
    size_t notices; /* each mosquitto_pub connects for one message: a storm */
};

static const struct stored_row stored[] = {
    {"pcaps/mosquitto-clients.pcap", 14, 86, 0, 1},
    {"pcaps/mosquitto-clients-3.1.pcap", 14, 87, 0, 1},
    {"pcaps/mosquitto-clients-5.0.pcap", 20, 125, 0, 1},
    {"pcaps/mqtt-js.pcap", 7, 62, 0, 0},
    {"pcaps/mqtt-js-5.0.pcap", 9, 102, 0, 0},
    {"pcaps/paho-python.pcap", 10, 120, 0, 0},
    {"pcaps/paho-python-5.0.pcap", 8, 104, 0, 0},
    {"pcaps/mqtt-js-aedes.pcap", 7, 62, 0, 0},
    {"pcaps/mqtt-js-hivemq-5.0.pcap", 9, 102, 0, 0},
    {"pcaps/amqtt-python.pcap", 5, 53, 0, 0},
    {"pcaps/paho-go.pcap", 5, 58, 0, 0},
    {"pcaps/mqtt-js-ws.pcap", 7, 62, 0, 0},
    {"pcaps/paho-python-ws-5.0.pcap", 8, 104, 0, 0},
    /* With the key logs beside them. */
    {"pcaps/paho-go-tls-1.3.pcap", 5, 58, 0, 0},
    {"pcaps/paho-python-tls-1.2-5.0.pcap", 8, 104, 0, 0},
    {"pcaps/mqtt-js-wss-5.0.pcap", 9, 102, 0, 0},
    {"pcaps/lossy-link.pcap", 19, 145, 0, 1},
    /* Topic Aliases to a broker that allows none. */
    {"pcaps/paho-python-mochi-5.0.pcap", 8, 104, 2, 0},
    /* PUBACK with Reason Code 0x01 where nobody subscribes. */
    {"pcaps/gmqtt-python-5.0.pcap", 5, 45, 1, 0},
};

static void test_stored(void **state) {
    const struct stored_row *row = *state;
    struct event_log log = {.length = 0};
    struct lint_totals totals;
    char reason[256] = "";
    const struct lint_hooks hooks = {&log, note_breach, note_notice, NULL};
    if (!lint_capture(&(struct capture_source){.path = row->path}, &hooks, &totals, reason, sizeof reason))
        fail_msg("%s: %s", row->path, reason);
    size_t breaches = totals.breaches[MQTT_CLIENT] + totals.breaches[MQTT_SERVER];
    lint_totals_free(&totals);
    if (totals.conversations != row->connections || totals.packets != row->packets || breaches != row->breaches ||
        totals.notices != row->notices)
        fail_msg("%s: %zu connections, %zu packets, %zu breaches, %zu notices: %s", row->path, totals.conversations,
                 totals.packets, breaches, totals.notices, log.text);
}

int main(void) {
    enum {
        ROWS = sizeof rows / sizeof rows[0],
        STORED = sizeof stored / sizeof stored[0],
        AROUND = sizeof around / sizeof around[0],
    };
    struct CMUnitTest tests[ROWS + STORED + 3 + AROUND];
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, (void *)&rows[i]};
    for (size_t i = 0; i < STORED; i++)
        tests[ROWS + i] = (struct CMUnitTest){stored[i].path, test_stored, NULL, NULL, (void *)&stored[i]};
    tests[ROWS + STORED] =
        (struct CMUnitTest){"any byte changed", test_any_byte_changed, NULL, NULL, (void *)&every_packet};
    tests[ROWS + STORED + 1] =
        (struct CMUnitTest){"any byte changed, 5.0", test_any_byte_changed, NULL, NULL, (void *)&every_packet_of_5};
    tests[ROWS + STORED + 2] = (struct CMUnitTest){"many clients", test_many_clients, NULL, NULL, NULL};
    for (size_t i = 0; i < AROUND; i++)
        tests[ROWS + STORED + 3 + i] = (struct CMUnitTest){around[i].name, test_around, NULL, NULL, (void *)&around[i]};
    return cmocka_run_group_tests_name("pcaps: lint", tests, NULL, NULL);
}
