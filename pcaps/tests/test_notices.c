/* What looks wrong though no statement forbids it: for each kind, packets that make it, and packets just below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#include "pcaps/notices.h"
#include "pcaps/tests/event_log.h"

enum { CONNECTIONS = 8 };

/* One packet or event, or the same many times over. */
struct told {
    enum { ENDS, SAYS, CLOSES, MISSES, GONE } kind;
    unsigned connection;
    enum mqtt_side side;
    uint64_t at; /* milliseconds */
    const char *bytes;
    uint32_t length;
    unsigned repeated;  /* 0 and 1: once */
    uint64_t apart;     /* milliseconds between them */
    const char *answer; /* of the other side to each */
    uint32_t answer_length;
};

struct notice_test {
    const char *name;
    struct told told[12]; /* the last is ENDS */
    const char *noticed;  /* "kind side connection; " of each */
};

#define BYTES(text) text, sizeof(text) - 1
#define C(connection, at, text)                                                                                        \
    { SAYS, connection, MQTT_CLIENT, at, BYTES(text), 1, 0, NULL, 0 }
#define S(connection, at, text)                                                                                        \
    { SAYS, connection, MQTT_SERVER, at, BYTES(text), 1, 0, NULL, 0 }
#define MANY(side, at, text, repeated, apart)                                                                          \
    { SAYS, 0, side, at, BYTES(text), repeated, apart, NULL, 0 }
#define ANSWERED(side, at, text, repeated, apart, answer)                                                              \
    { SAYS, 0, side, at, BYTES(text), repeated, apart, BYTES(answer) }
#define FIN(connection, side, at)                                                                                      \
    { CLOSES, connection, side, at, NULL, 0, 1, 0, NULL, 0 }
#define GAP(side, at)                                                                                                  \
    { MISSES, 0, side, at, NULL, 0, 1, 0, NULL, 0 }
#define END(connection, at)                                                                                            \
    { GONE, connection, MQTT_CLIENT, at, NULL, 0, 1, 0, NULL, 0 }

/* Client "a" with a Keep Alive of 60 seconds. */
#define CONNECT          "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a"
#define CONNECT_AS_B     "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1b"
#define CONNACK          "\x20\2\0\0"
#define IN(n, at)        C(n, at, CONNECT), S(n, at, CONNACK)
#define CONNECT_5        "\x10\x0e\0\4MQTT\5\2\0\x3c\0\0\1a"
#define IN_5             C(0, 0, CONNECT_5), S(0, 0, "\x20\3\0\0\0")
#define SUBSCRIBED(code) C(0, 0, "\x82\x08\0\1\0\3a/+\1"), S(0, 0, "\x90\3\0\1" code)
#define MESSAGE          "\x30\6\0\3a/bx"

/* clang-format off */
static const struct notice_test tests[] = {
    {"Keep Alive of 0", {C(0, 0, "\x10\x0d\0\4MQTT\4\2\0\0\0\1a"), S(0, 0, CONNACK)}, "keep-alive-off client 0; "},
    {"Keep Alive of 1", {C(0, 0, "\x10\x0d\0\4MQTT\4\2\0\1\0\1a"), S(0, 0, CONNACK)}, ""},
    {"Keep Alive of 0, refused", {C(0, 0, "\x10\x0d\0\4MQTT\4\2\0\0\0\1a"), S(0, 0, "\x20\2\0\5")}, ""},
    {"Keep Alive of 0, the server sets one",
     {C(0, 0, "\x10\x0e\0\4MQTT\5\2\0\0\0\0\1a"), S(0, 0, "\x20\6\0\0\3\x13\0\x0a")}, ""},
    {"Keep Alive of 60, the server sets 0", {C(0, 0, CONNECT_5), S(0, 0, "\x20\6\0\0\3\x13\0\0")},
     "keep-alive-off client 0; "},

    {"silent for nine tenths", {IN(0, 0), C(0, 54000, MESSAGE)}, "keep-alive-unused client 0; "},
    {"a little less", {IN(0, 0), C(0, 53999, MESSAGE)}, ""},
    {"and it is PINGREQ that comes", {IN(0, 0), C(0, 59000, "\xc0\0"), C(0, 119000, MESSAGE)}, ""},
    {"up to one and a half times", {IN(0, 0), C(0, 90000, MESSAGE)}, "keep-alive-unused client 0; "},
    {"beyond that it is a breach", {IN(0, 0), C(0, 90001, MESSAGE)}, ""},
    {"the server gives up first", {IN(0, 0), FIN(0, MQTT_SERVER, 80000)}, "keep-alive-unused client 0; "},
    {"behind DISCONNECT", {IN(0, 0), C(0, 1000, "\xe0\0"), FIN(0, MQTT_SERVER, 80000)}, ""},
    {"the capture ends", {IN(0, 0), END(0, 80000)}, ""},
    {"part of the silence is missing", {IN(0, 0), GAP(MQTT_CLIENT, 1000), C(0, 60000, MESSAGE)}, ""},

    {"five connections within ten seconds",
     {C(0, 0, CONNECT), C(1, 2500, CONNECT), C(2, 5000, CONNECT), C(3, 7500, CONNECT), C(4, 10000, CONNECT)},
     "reconnect-storm client 4; "},
    {"a little slower",
     {C(0, 0, CONNECT), C(1, 2500, CONNECT), C(2, 5000, CONNECT), C(3, 7500, CONNECT), C(4, 10001, CONNECT)}, ""},
    {"four", {C(0, 0, CONNECT), C(1, 0, CONNECT), C(2, 0, CONNECT), C(3, 0, CONNECT)}, ""},
    {"five of two clients",
     {C(0, 0, CONNECT), C(1, 0, CONNECT_AS_B), C(2, 0, CONNECT), C(3, 0, CONNECT_AS_B), C(4, 0, CONNECT)}, ""},
    {"a storm is told once",
     {C(0, 0, CONNECT), C(1, 1, CONNECT), C(2, 2, CONNECT), C(3, 3, CONNECT), C(4, 4, CONNECT), C(5, 5, CONNECT)},
     "reconnect-storm client 4; "},

    {"taken over three times within a minute",
     {IN(0, 0), C(1, 20000, CONNECT), C(2, 50000, CONNECT), C(3, 80000, CONNECT)}, "taken-over client 3; "},
    {"a little slower, taken over", {IN(0, 0), C(1, 20000, CONNECT), C(2, 50000, CONNECT), C(3, 80001, CONNECT)}, ""},
    {"taken over twice", {IN(0, 0), C(1, 20000, CONNECT), C(2, 50000, CONNECT)}, ""},
    {"each leaves before the next comes",
     {IN(0, 0), FIN(0, MQTT_CLIENT, 1), IN(1, 20000), C(1, 20000, "\xe0\0"), IN(2, 40000), END(2, 40000), C(3,
     60000, CONNECT)},
     ""},

    {"a thousand retained messages from the server", {MANY(MQTT_SERVER, 0, "\x31\4\0\1tx", 1000, 10)},
     "retained-flood server 0; "},
    {"one less", {MANY(MQTT_SERVER, 0, "\x31\4\0\1tx", 999, 10)}, ""},
    {"a thousand, but slower", {MANY(MQTT_SERVER, 0, "\x31\4\0\1tx", 1000, 11)}, ""},
    {"a thousand that are not retained", {MANY(MQTT_SERVER, 0, "\x30\4\0\1tx", 1000, 1)}, ""},
    {"a thousand retained by the client", {MANY(MQTT_CLIENT, 0, "\x31\4\0\1tx", 1000, 1)}, "retained-flood client 0; "},

    {"200 messages unacknowledged", {MANY(MQTT_CLIENT, 0, "\x32\6\0\1t\0\1x", 200, 1)}, "in-flight-grows client 0; "},
    {"199", {MANY(MQTT_CLIENT, 0, "\x32\6\0\1t\0\1x", 199, 1)}, ""},
    {"1000 that are acknowledged", {ANSWERED(MQTT_CLIENT, 0, "\x32\6\0\1t\0\1x", 1000, 1, "\x40\2\0\1")}, ""},
    {"1000 that are acknowledged, always 100 behind",
     {MANY(MQTT_SERVER, 0, "\x32\6\0\1t\0\1x", 100, 1), ANSWERED(MQTT_SERVER, 0, "\x32\6\0\1t\0\1x", 1000, 1,
     "\x40\2\0\1")}, ""},
    {"200 of QoS 0", {MANY(MQTT_CLIENT, 0, "\x30\4\0\1tx", 200, 1)}, ""},
    {"200 that are repeated", {MANY(MQTT_CLIENT, 0, "\x3a\6\0\1t\0\1x", 200, 1)}, ""},

    {"QoS 2 that stops at PUBREC", {C(0, 0, "\x34\6\0\1t\0\7x"), S(0, 0, "\x50\2\0\7"), END(0, 10000)},
     "qos-2-unfinished client 0; "},
    {"but not for long enough", {C(0, 0, "\x34\6\0\1t\0\7x"), S(0, 0, "\x50\2\0\7"), END(0, 9999)}, ""},
    {"QoS 2 that is completed",
     {C(0, 0, "\x34\6\0\1t\0\7x"), S(0, 0, "\x50\2\0\7"), C(0, 0, "\x62\2\0\7"), S(0, 0, "\x70\2\0\7"), END(0,
     99000)}, ""},
    {"QoS 2 of the server that stops at PUBREL",
     {S(0, 0, "\x34\6\0\1t\0\7x"), C(0, 0, "\x50\2\0\7"), S(0, 0, "\x62\2\0\7"), END(0, 10000)},
     "qos-2-unfinished server 0; "},
    {"QoS 2 that is refused", {IN_5, C(0, 0, "\x34\7\0\1t\0\7\0x"), S(0, 0, "\x50\3\0\7\x87"), END(0, 20000)}, ""},
    {"QoS 2, the end of which may be missing", {C(0, 0, "\x34\6\0\1t\0\7x"), GAP(MQTT_SERVER, 1), END(0, 20000)}, ""},

    {"nothing matches a subscription for 300 seconds", {IN(0, 0), SUBSCRIBED("\1"), END(0, 300000)},
     "subscription-unused client 0; "},
    {"for a little less", {IN(0, 0), SUBSCRIBED("\1"), END(0, 299999)}, ""},
    {"a message that does not match", {IN(0, 0), SUBSCRIBED("\1"), S(0, 1, "\x30\4\0\1tx"), END(0, 300000)},
     "subscription-unused client 0; "},
    {"one that does", {IN(0, 0), SUBSCRIBED("\1"), S(0, 1, MESSAGE), END(0, 900000)}, ""},
    {"one by an alias may", {IN_5, C(0, 0, "\x82\x09\0\1\0\0\3a/+\1"), S(0, 0, "\x90\4\0\1\0\1"),
     S(0, 1, "\x30\7\0\0\3\x23\0\1x"), END(0, 900000)}, ""},
    {"one that is missing may", {IN(0, 0), SUBSCRIBED("\1"), GAP(MQTT_SERVER, 1), END(0, 900000)}, ""},
    {"a subscription that was refused", {IN(0, 0), SUBSCRIBED("\x80"), END(0, 900000)}, ""},
    {"a shared subscription",
     {IN_5, C(0, 0, "\x82\x10\0\1\0\0\x0a$share/g/a\1"), S(0, 0, "\x90\4\0\1\0\1"), END(0, 900000)}, ""},
    {"until UNSUBSCRIBE",
     {IN(0, 0), SUBSCRIBED("\1"), C(0, 300000, "\xc0\0"), C(0, 300000, "\xa2\7\0\2\0\3a/+"), END(0, 300001)},
     "subscription-unused client 0; "},
    {"until an earlier UNSUBSCRIBE", {IN(0, 0), SUBSCRIBED("\1"), C(0, 1000, "\xa2\7\0\2\0\3a/+"), END(0, 900000)}, ""},
};
/* clang-format on */

static void note(void *context, void *owner, enum notice_kind kind, enum mqtt_side side, const char *detail) {
    assert_true(detail[0] != '\0');
    log_event(context, "%s %s %u; ", notice_row(kind)->name, side == MQTT_CLIENT ? "client" : "server",
              *(const unsigned *)owner);
}

struct world {
    struct notices notices;
    struct noticed connections[CONNECTIONS];
    unsigned numbers[CONNECTIONS];
    bool gone[CONNECTIONS];
    enum mqtt_version version;
    struct spec_rules rules;
};

static void say(struct world *world, unsigned connection, enum mqtt_side side, const char *text, uint32_t length,
                microseconds now) {
    struct mqtt_bytes bytes = {(const uint8_t *)text, length};
    struct mqtt_decoder decoder = {.version = world->version, .sender = side, .rules = &world->rules};
    struct mqtt_packet packet;
    struct mqtt_error error;
    uint32_t size;
    if (mqtt_next(&decoder, bytes, &packet, &size, &error) != MQTT_OK || size != length)
        fail_msg("a packet of the test is none: %s", error.what);
    if (packet.type == MQTT_CONNECT)
        world->version = (enum mqtt_version)packet.connect.protocol_level;
    noticed_packet(&world->notices, &world->connections[connection], side, &packet, now);
}

static void play(struct world *world, const struct told *told) {
    struct noticed *connection = &world->connections[told->connection];
    microseconds now = told->at * 1000;
    enum mqtt_side other = told->side == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT;
    switch (told->kind) {
    case SAYS:
        for (unsigned i = 0; i < told->repeated; i++, now += told->apart * 1000) {
            say(world, told->connection, told->side, told->bytes, told->length, now);
            if (told->answer != NULL)
                say(world, told->connection, other, told->answer, told->answer_length, now);
        }
        break;
    case CLOSES:
        noticed_half_closed(&world->notices, connection, now);
        break;
    case MISSES:
        noticed_gap(connection, told->side, now);
        break;
    default:
        noticed_end(&world->notices, connection, now);
        world->gone[told->connection] = true;
    }
}

static void test_row(void **state) {
    const struct notice_test *test = *state;
    struct event_log log = {.length = 0};
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->version = MQTT_3_1_1;
    notices_begin(&world->notices, note, &log);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        world->numbers[i] = i;
        noticed_begin(&world->connections[i], "192.0.2.1:1883", &world->numbers[i], 0);
    }
    microseconds now = 0;
    for (const struct told *told = test->told; told->kind != ENDS; told++) {
        now = told->at * 1000;
        play(world, told);
    }
    for (unsigned i = 0; i < CONNECTIONS; i++)
        if (!world->gone[i])
            noticed_end(&world->notices, &world->connections[i], now);
    notices_end(&world->notices);
    free(world);
    if (strcmp(log.text, test->noticed) != 0)
        fail_msg("%s:\n  expected %s\n  received %s", test->name, test->noticed, log.text);
}

/* Whoever reads a notice finds words for it. */
static void test_rows_are_in_words(void **state) {
    (void)state;
    for (int kind = 0; kind < NOTICE_COUNT; kind++) {
        const struct notice_row *row = notice_row((enum notice_kind)kind);
        assert_true(strlen(row->name) > 4 && strlen(row->title) > 10 && strlen(row->why) > 40);
        assert_true(strlen(row->threshold) > 10);
    }
}

int main(void) {
    enum { TESTS = sizeof tests / sizeof tests[0] };
    struct CMUnitTest all[TESTS + 1];
    for (size_t i = 0; i < TESTS; i++)
        all[i] = (struct CMUnitTest){tests[i].name, test_row, NULL, NULL, (void *)&tests[i]};
    all[TESTS] = (struct CMUnitTest){"each kind is told in words", test_rows_are_in_words, NULL, NULL, NULL};
    return cmocka_run_group_tests_name("pcaps: notices", all, NULL, NULL);
}
