/* WebSocket without a network: handshakes and frames, from tables. Every row is fed whole, and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "reference/websocket.h"
#include "reference/websocket_handshake.h"

#define LARGE 70000u

static uint64_t count_up(void *context) {
    uint64_t *number = context;
    return *number += 0x0123456789ABCDEFu;
}

struct fixture {
    struct spec_rules rules;
    uint64_t number;
};

static struct websocket *create(struct fixture *fixture, enum mqtt_side side, const char *subprotocols) {
    struct websocket_settings settings = {.side = side,
                                          .host = "localhost:80",
                                          .path = "/mqtt",
                                          .subprotocols = subprotocols,
                                          .rules = &fixture->rules,
                                          .random = count_up,
                                          .random_context = &fixture->number};
    struct websocket *websocket = websocket_create(&settings);
    assert_non_null(websocket);
    return websocket;
}

/* Feeds the bytes in pieces of `step`; the MQTT bytes go to `mqtt`. Returns how many. */
static size_t feed(struct websocket *websocket, const void *bytes, size_t length, size_t step, uint8_t *mqtt) {
    size_t total = 0;
    for (size_t at = 0; at < length; at += step) {
        size_t piece = length - at < step ? length - at : step;
        uint8_t *copy = test_malloc(piece); /* received in place, as transport.c does */
        memcpy(copy, (const uint8_t *)bytes + at, piece);
        size_t count = websocket_receive(websocket, (struct mqtt_bytes){copy, (uint32_t)piece}, copy);
        assert_true(count <= piece);
        memcpy(mqtt + total, copy, count);
        total += count;
        test_free(copy);
    }
    return total;
}

/* ---- The Server's handshake ------------------------------------------------------------------------------- */

#define HOST       "Host: a\r\n"
#define UPGRADE    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION    "Sec-WebSocket-Version: 13\r\n"
#define PROTOCOL   "Sec-WebSocket-Protocol: mqtt\r\n"
#define GET        "GET /mqtt HTTP/1.1\r\n"
#define END        "\r\n"
#define ACCEPT     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" /* RFC 6455, section 1.3 */
#define ANSWER_101 "HTTP/1.1 101 Switching Protocols\r\n" UPGRADE ACCEPT PROTOCOL END

static const struct {
    const char *name;
    const char *request;
    const char *answer; /* how it begins */
} requests[] = {
    {"the sample of RFC 6455", GET HOST UPGRADE KEY VERSION PROTOCOL END, ANSWER_101},
    {"another path", "GET /?x HTTP/1.1\r\n" HOST UPGRADE KEY VERSION PROTOCOL END, ANSWER_101},
    {"names in any case", GET "hOST: a\r\nUPGRADE: WebSocket\r\nconnection: upgrade\r\n" KEY VERSION PROTOCOL END,
     ANSWER_101},
    {"lists", GET HOST "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" KEY VERSION PROTOCOL END,
     ANSWER_101},
    {"other subprotocols first", GET HOST UPGRADE KEY VERSION "Sec-WebSocket-Protocol: mqttv3.1 ,\tmqtt\r\n" END,
     ANSWER_101},
    {"subprotocols in two fields", GET HOST UPGRADE KEY VERSION "Sec-WebSocket-Protocol: chat\r\n" PROTOCOL END,
     ANSWER_101},
    {"blanks around values", GET HOST UPGRADE KEY "Sec-WebSocket-Version: \t13 \r\n" PROTOCOL END, ANSWER_101},
    {"lines that end in LF",
     "GET / HTTP/1.1\nHost: a\nUpgrade: websocket\nConnection: Upgrade\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\nSec-WebSocket-Protocol: mqtt\n\n",
     ANSWER_101},
    {"no subprotocol", GET HOST UPGRADE KEY VERSION END, "HTTP/1.1 400 "},
    {"another subprotocol", GET HOST UPGRADE KEY VERSION "Sec-WebSocket-Protocol: mqttv3.1\r\n" END, "HTTP/1.1 400 "},
    {"the subprotocol in capitals", GET HOST UPGRADE KEY VERSION "Sec-WebSocket-Protocol: MQTT\r\n" END,
     "HTTP/1.1 400 "},
    {"no upgrade", GET HOST END, "HTTP/1.1 426 "},
    {"no Connection", GET HOST "Upgrade: websocket\r\n" KEY VERSION PROTOCOL END, "HTTP/1.1 426 "},
    {"upgrade to something else", GET HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n" KEY VERSION PROTOCOL END,
     "HTTP/1.1 426 "},
    {"version 8", GET HOST UPGRADE KEY "Sec-WebSocket-Version: 8\r\n" PROTOCOL END, "HTTP/1.1 426 "},
    {"no version", GET HOST UPGRADE KEY PROTOCOL END, "HTTP/1.1 426 "},
    {"no key", GET HOST UPGRADE VERSION PROTOCOL END, "HTTP/1.1 400 "},
    {"two keys", GET HOST UPGRADE KEY KEY VERSION PROTOCOL END, "HTTP/1.1 400 "},
    {"a short key", GET HOST UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n" VERSION PROTOCOL END, "HTTP/1.1 400 "},
    {"a key that is not Base64",
     GET HOST UPGRADE "Sec-WebSocket-Key: dGhlIHNhb*BsZSBub25jZQ==\r\n" VERSION PROTOCOL END, "HTTP/1.1 400 "},
    {"POST", "POST /mqtt HTTP/1.1\r\n" HOST UPGRADE KEY VERSION PROTOCOL END, "HTTP/1.1 405 "},
    {"HTTP/1.0", "GET /mqtt HTTP/1.0\r\n" HOST UPGRADE KEY VERSION PROTOCOL END, "HTTP/1.1 400 "},
    {"no Host", GET UPGRADE KEY VERSION PROTOCOL END, "HTTP/1.1 400 "},
    {"two Hosts", GET HOST HOST UPGRADE KEY VERSION PROTOCOL END, "HTTP/1.1 400 "},
    {"a field without colon", GET HOST "nonsense\r\n" UPGRADE KEY VERSION PROTOCOL END, "HTTP/1.1 400 "},
    {"a folded field", GET HOST " folded: x\r\n" UPGRADE KEY VERSION PROTOCOL END, "HTTP/1.1 400 "},
    {"a blank before the colon", GET "Host : a\r\n" UPGRADE KEY VERSION PROTOCOL END, "HTTP/1.1 400 "},
    {"MQTT", "\x10\x0D\x00\x04MQTT\n\n", "HTTP/1.1 400 "},
};

static void requests_are_answered(void **state) {
    uint8_t none[8];
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
        for (size_t step = 1; step < 4096; step += 4000) {
            struct fixture fixture = {0};
            struct websocket *websocket = create(&fixture, MQTT_SERVER, NULL);
            bool accepts = strstr(requests[i].answer, " 101 ") != NULL;
            size_t length = i + 1 == sizeof requests / sizeof requests[0] ? 10 : strlen(requests[i].request);
            print_message("# %s, %zu at a time\n", requests[i].name, step);
            assert_int_equal(feed(websocket, requests[i].request, length, step, none), 0);
            struct mqtt_bytes output = websocket_output(websocket);
            assert_true(output.length >= strlen(requests[i].answer));
            assert_memory_equal(output.data, requests[i].answer, strlen(requests[i].answer));
            assert_int_equal(websocket_state(websocket), accepts ? WEBSOCKET_OPEN : WEBSOCKET_ENDING);
            assert_int_equal(websocket_reason(websocket) == NULL, accepts);
            websocket_destroy(websocket);
        }
    (void)state;
}

static void endless_handshakes_end(void **state) {
    struct fixture fixture = {0};
    struct websocket *websocket = create(&fixture, MQTT_SERVER, NULL);
    uint8_t none[8];
    (void)state;
    feed(websocket, GET, strlen(GET), 64, none);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(feed(websocket, "X-Padding: xxxxxxxxxxxx\r\n", 25, 25, none), 0);
    assert_int_equal(websocket_state(websocket), WEBSOCKET_ENDING);
    assert_string_equal(websocket_reason(websocket), "the handshake is longer than 8 KiB");
    assert_memory_equal(websocket_output(websocket).data, "HTTP/1.1 431 ", 13);
    websocket_destroy(websocket);
}

/* ---- The Client's handshake ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *answer; /* %s: what the key asks for */
    const char *subprotocol;
    const char *reason; /* NULL: accepted */
} answers[] = {
    {"as asked", "HTTP/1.1 101 Go\r\n" UPGRADE "sec-websocket-accept: %s\r\n" PROTOCOL END, "mqtt", NULL},
    {"no subprotocol", "HTTP/1.1 101 Go\r\n" UPGRADE "Sec-WebSocket-Accept: %s\r\n" END, "", NULL},
    {"another subprotocol",
     "HTTP/1.1 101 Go\r\n" UPGRADE "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: chat\r\n" END, "chat", NULL},
    {"refused", "HTTP/1.1 403 No\r\n\r\n%s", "", "the handshake was refused"},
    {"not HTTP", "SSH-2.0-OpenSSH\r\n\r\n%s", "", "the answer to the handshake is not HTTP/1.1"},
    {"a wrong key", "HTTP/1.1 101 Go\r\n" UPGRADE "Sec-WebSocket-Accept: x%s\r\n" PROTOCOL END, "",
     "the answer to the handshake has a wrong Sec-WebSocket-Accept"},
    {"no upgrade", "HTTP/1.1 101 Go\r\nSec-WebSocket-Accept: %s\r\n" END, "",
     "the answer to the handshake does not switch to WebSocket"},
};

/* What a right Server says is taken from one. */
static void find_accept(struct fixture *fixture, const struct websocket *client, char accept[64]) {
    struct websocket *server = create(fixture, MQTT_SERVER, NULL);
    struct mqtt_bytes request = websocket_output(client);
    uint8_t none[8];
    assert_int_equal(feed(server, request.data, request.length, request.length, none), 0);
    struct mqtt_bytes answer = websocket_output(server);
    char text[512];
    snprintf(text, sizeof text, "%.*s", (int)answer.length, (const char *)answer.data);
    const char *found = strstr(text, "Accept: ");
    assert_non_null(found);
    snprintf(accept, 64, "%.28s", found + strlen("Accept: "));
    websocket_destroy(server);
}

static void answers_are_judged(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fixture fixture = {0};
        struct websocket *client = create(&fixture, MQTT_CLIENT, NULL);
        char accept[64];
        char text[512];
        uint8_t none[8];
        find_accept(&fixture, client, accept);
        print_message("# %s\n", answers[i].name);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, answers[i].answer, accept);
#pragma GCC diagnostic pop
        feed(client, text, strlen(text), 1, none);
        assert_int_equal(websocket_state(client), answers[i].reason == NULL ? WEBSOCKET_OPEN : WEBSOCKET_ENDING);
        assert_string_equal(websocket_subprotocol(client), answers[i].subprotocol);
        if (answers[i].reason != NULL)
            assert_string_equal(websocket_reason(client), answers[i].reason);
        websocket_destroy(client);
    }
}

/* ---- Frames to a Server ------------------------------------------------------------------------------------ */

/* Masks of zeros leave the payload as it is. */
#define MASK       "\0\0\0\0"
#define ROW(bytes) bytes, sizeof(bytes) - 1

static const struct {
    const char *name;
    const char *frames;
    size_t length;
    const char *mqtt;
    size_t mqtt_length;
    const char *output;
    size_t output_length;
    bool ends;
} frames[] = {
    {"a frame", ROW("\x82\x83" MASK "abc"), ROW("abc"), ROW(""), false},
    {"a mask", ROW("\x82\x83\1\2\3\4\x60\x60\x60"), ROW("abc"), ROW(""), false},
    {"two frames", ROW("\x82\x82" MASK "ab\x82\x81" MASK "c"), ROW("abc"), ROW(""), false},
    {"an empty frame", ROW("\x82\x80" MASK "\x82\x81" MASK "c"), ROW("c"), ROW(""), false},
    {"a length of two bytes, longer than it needs", ROW("\x82\xFE\0\1" MASK "a"), ROW(""), ROW("\x88\0"), true},
    {"fragments", ROW("\x02\x81" MASK "a\x00\x81" MASK "b\x80\x81" MASK "c"), ROW("abc"), ROW(""), false},
    {"a ping among fragments", ROW("\x02\x81" MASK "a\x89\x82" MASK "hi\x80\x81" MASK "b"), ROW("ab"),
     ROW("\x8A\x02hi"), false},
    {"a pong that nobody asked for", ROW("\x8A\x82" MASK "hi\x82\x81" MASK "b"), ROW("b"), ROW(""), false},
    {"a close", ROW("\x82\x81" MASK "a\x88\x82" MASK "\x03\xE8\x82\x81" MASK "b"), ROW("a"), ROW("\x88\x02\x03\xE8"),
     true},
    {"a close without code", ROW("\x88\x80" MASK), ROW(""), ROW("\x88\x00"), true},
    {"text", ROW("\x82\x81" MASK "a\x81\x81" MASK "b\x82\x81" MASK "c"), ROW("a"),
     ROW("\x88\x1C\x03\xEBMQTT goes in binary frames"), true},
    {"text in fragments", ROW("\x01\x81" MASK "b"), ROW(""), ROW("\x88\x1C\x03\xEBMQTT goes in binary frames"), true},
    {"no mask",
     ROW("\x82\x01"
         "a"),
     ROW(""), ROW("\x88\x02\x03\xEA"), true},
    {"a reserved bit", ROW("\xC2\x81" MASK "a"), ROW(""), ROW("\x88\x02\x03\xEA"), true},
    {"a reserved opcode", ROW("\x83\x81" MASK "a"), ROW(""), ROW("\x88\x02\x03\xEA"), true},
    {"a continuation of nothing", ROW("\x80\x81" MASK "a"), ROW(""), ROW("\x88\x02\x03\xEA"), true},
    {"a new message among fragments", ROW("\x02\x81" MASK "a\x82\x81" MASK "b"), ROW("a"), ROW("\x88\x02\x03\xEA"),
     true},
    {"a ping in fragments", ROW("\x09\x81" MASK "a"), ROW(""), ROW("\x88\0"), true},
    {"a ping that is too long", ROW("\x89\xFE\0\x7E" MASK), ROW(""), ROW("\x88\0"), true},
    {"a length of 2^63", ROW("\x82\xFF\x80\0\0\0\0\0\0\0" MASK "a"), ROW(""), ROW("\x88\0"), true},
    {"a length just below 2^63", ROW("\x82\xFF\x3F\xFF\xFF\xFF\xFF\xFF\xFF\xFF" MASK "abc"), ROW("abc"), ROW(""),
     false},
};

/* A Server whose handshake is over. */
static struct websocket *open_server(struct fixture *fixture) {
    struct websocket *server = create(fixture, MQTT_SERVER, NULL);
    uint8_t none[8];
    feed(server, requests[0].request, strlen(requests[0].request), 4096, none);
    websocket_sent(server, websocket_output(server).length);
    assert_int_equal(websocket_state(server), WEBSOCKET_OPEN);
    return server;
}

static void frames_are_read(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        for (size_t step = 1; step <= frames[i].length; step++) {
            struct fixture fixture = {0};
            struct websocket *server = open_server(&fixture);
            uint8_t mqtt[64];
            if (step == 1)
                print_message("# %s\n", frames[i].name);
            assert_int_equal(feed(server, frames[i].frames, frames[i].length, step, mqtt), frames[i].mqtt_length);
            assert_memory_equal(mqtt, frames[i].mqtt, frames[i].mqtt_length);
            struct mqtt_bytes output = websocket_output(server);
            assert_int_equal(output.length, frames[i].output_length);
            if (output.length > 0)
                assert_memory_equal(output.data, frames[i].output, output.length);
            assert_int_equal(websocket_state(server), frames[i].ends ? WEBSOCKET_ENDING : WEBSOCKET_OPEN);
            websocket_destroy(server);
        }
}

/* ---- Both sides -------------------------------------------------------------------------------------------- */

/* Moves what waits on one side to the other. Returns the number of MQTT bytes. */
static size_t move(struct websocket *from, struct websocket *to, uint8_t *mqtt) {
    struct mqtt_bytes output = websocket_output(from);
    size_t count = feed(to, output.data, output.length, 1000, mqtt);
    websocket_sent(from, output.length);
    return count;
}

static void what_is_sent_arrives(void **state) {
    static const size_t sizes[] = {1, 125, 126, 127, 65535, 65536, LARGE};
    static uint8_t sent[LARGE];
    static uint8_t received[LARGE];
    (void)state;
    for (size_t i = 0; i < LARGE; i++)
        sent[i] = (uint8_t)(i * 31 + i / 251);
    for (enum websocket_framing framing = FRAMED_TOGETHER; framing <= FRAMED_FRAGMENTED; framing++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && (framing == FRAMED_TOGETHER || sizes[i] < 1000); i++) {
            struct fixture fixture = {0};
            struct websocket *server = create(&fixture, MQTT_SERVER, NULL);
            struct websocket *client = create(&fixture, MQTT_CLIENT, "chat, mqtt");
            struct mqtt_bytes views[2] = {{sent, (uint32_t)sizes[i] / 2},
                                          {sent + sizes[i] / 2, (uint32_t)(sizes[i] - sizes[i] / 2)}};
            move(client, server, received);
            move(server, client, received);
            assert_int_equal(websocket_state(client), WEBSOCKET_OPEN);
            assert_string_equal(websocket_subprotocol(client), "mqtt");
            for (int way = 0; way < 2; way++) {
                struct websocket *from = way == 0 ? client : server;
                struct websocket *to = way == 0 ? server : client;
                assert_true(websocket_send(from, views, 2, framing));
                assert_int_equal(move(from, to, received), sizes[i]);
                assert_memory_equal(sent, received, sizes[i]);
                move(to, from, received); /* answers to pings */
            }
            websocket_close(server);
            move(server, client, received);
            assert_int_equal(websocket_state(client), WEBSOCKET_ENDING);
            assert_null(websocket_reason(client));
            assert_false(websocket_send(client, views, 2, framing));
            websocket_destroy(server);
            websocket_destroy(client);
        }
}

/* ---- Deviations -------------------------------------------------------------------------------------------- */

static void deviations_show(void **state) {
    static const enum spec_statement text[] = {V311(6_0_0_1), V5(6_0_0_1)};
    static const enum spec_statement alignment[] = {V311(6_0_0_2), V5(6_0_0_2)};
    uint8_t mqtt[64];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture fixture = {0};
        spec_switch_off(&fixture.rules, text[i]);
        struct websocket *server = open_server(&fixture);
        assert_int_equal(feed(server, "\x81\x81" MASK "b", 7, 100, mqtt), 1);
        assert_int_equal(websocket_state(server), WEBSOCKET_OPEN);
        websocket_destroy(server);

        fixture = (struct fixture){0};
        spec_switch_off(&fixture.rules, alignment[i]);
        server = open_server(&fixture);
        /* Two PINGREQ in a frame, then one and a half. */
        assert_int_equal(feed(server, "\x82\x84" MASK "\xC0\0\xC0\0", 10, 100, mqtt), 4);
        assert_int_equal(feed(server, "\x82\x83" MASK "\xC0\0\xC0\x82\x81" MASK "\0", 16, 100, mqtt), 2);
        websocket_destroy(server);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered), cmocka_unit_test(endless_handshakes_end),
        cmocka_unit_test(answers_are_judged),    cmocka_unit_test(frames_are_read),
        cmocka_unit_test(what_is_sent_arrives),  cmocka_unit_test(deviations_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
