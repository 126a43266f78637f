/* The lines that the broker's log prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "reference/log.h"

#define TIME_LENGTH 13 /* "12:34:56.789 " */

#define BYTES(text)                                                                                                    \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define TEN   "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

struct row {
    const char *name;
    struct broker_event event;
    const char *expected; /* behind the time */
};

static const struct mqtt_packet pingreq = {.type = MQTT_PINGREQ};

static const struct row rows[] = {
    {"before CONNECT", {.kind = BROKER_ACCEPTED, .connection = 7}, "#7 opened\n"},
    {"connected",
     {.kind = BROKER_CONNECTED, .connection = 1, .version = MQTT_3_1_1, .client_identifier = BYTES("sensor")},
     "#1 \"sensor\" connected with MQTT 3.1.1\n"},
    {"statement",
     {.kind = BROKER_DROPPED,
      .connection = 2,
      .error = {.error_class = MQTT_PROTOCOL, .statement = V311_3_1_2_24, .what = "silent too long"}},
     "#2 dropped: silent too long [MQTT311:3.1.2-24]\n"},
    {"refusal without statement",
     {.kind = BROKER_REFUSED, .connection = 2, .error = {.error_class = MQTT_LIMIT, .what = "too many clients"}},
     "#2 refused: too many clients\n"},
    {"packet",
     {.kind = BROKER_PACKET_IN, .connection = 3, .version = MQTT_3_1_1, .packet = &pingreq},
     "#3 < PINGREQ\n"},
    {"quotes and backslash",
     {.kind = BROKER_LOST, .connection = 4, .client_identifier = BYTES("a\"b\\")},
     "#4 \"a\\\"b\\\\\" lost: closed by the network without DISCONNECT\n"},
    {"control characters",
     {.kind = BROKER_ACCEPTED, .connection = 5, .client_identifier = BYTES("\x1b[31m\n\x7f")},
     "#5 \"\\x1b[31m\\x0a\\x7f\" opened\n"},
    {"control characters of two bytes",
     {.kind = BROKER_ACCEPTED, .connection = 5, .client_identifier = BYTES("x\xc2\x9b y")},
     "#5 \"x\\xc2\\x9b y\" opened\n"},
    {"text beyond ASCII",
     {.kind = BROKER_ACCEPTED, .connection = 6, .client_identifier = BYTES("gr\xc3\xbc\xc3\x9f")},
     "#6 \"gr\xc3\xbc\xc3\x9f\" opened\n"},
    {"no text",
     {.kind = BROKER_ACCEPTED, .connection = 6, .client_identifier = BYTES("a\xff\xc3\xbc")},
     "#6 \"a\\xff\\xc3\\xbc\" opened\n"},
    {"longest shown",
     {.kind = BROKER_ACCEPTED, .connection = 8, .client_identifier = BYTES(SIXTY "abcd")},
     "#8 \"" SIXTY "abcd\" opened\n"},
    {"cut",
     {.kind = BROKER_ACCEPTED, .connection = 8, .client_identifier = BYTES(SIXTY "abcde")},
     "#8 \"" SIXTY "abcd\"... opened\n"},
    {"cut before a character, not inside",
     {.kind = BROKER_ACCEPTED, .connection = 8, .client_identifier = BYTES(SIXTY "abc\xc3\xbc")},
     "#8 \"" SIXTY "abc\"... opened\n"},
};

static void check_time(const char *name, const char *line) {
    static const char form[] = "00:00:00.000 ";
    for (size_t i = 0; i < TIME_LENGTH; i++)
        if (form[i] == '0' ? line[i] < '0' || line[i] > '9' : line[i] != form[i])
            fail_msg("%s: no time at the start of: %s", name, line);
}

static void lines_are_as_expected(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = NULL;
        size_t length = 0;
        struct log log = {.file = open_memstream(&text, &length)};
        log_event(&log, &rows[i].event);
        fclose(log.file);
        if (length < TIME_LENGTH || strcmp(text + TIME_LENGTH, rows[i].expected) != 0)
            fail_msg("%s: expected ... %s got %s", rows[i].name, rows[i].expected, text);
        check_time(rows[i].name, text);
        free(text);
    }
}

/* A packet with all the text that it can have does not run over the line. */
static void long_lines_are_cut(void **state) {
    (void)state;
    char *text = NULL;
    size_t length = 0;
    uint8_t *topic = test_malloc(MQTT_MAXIMUM_STRING);
    memset(topic, 'x', MQTT_MAXIMUM_STRING);
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .publish.topic = {topic, MQTT_MAXIMUM_STRING}};
    struct broker_event event = {
        .kind = BROKER_WILL, .connection = 9, .version = MQTT_3_1_1, .packet = &packet, .error.what = "unused"};
    struct log log = {.file = open_memstream(&text, &length)};
    event.error.error_class = MQTT_LIMIT; /* there is no room left for it */
    log_event(&log, &event);
    fclose(log.file);
    assert_in_range(length, 1, 4096);
    assert_int_equal(text[length - 1], '\n');
    assert_int_equal(strlen(text), length);
    free(text);
    test_free(topic);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_as_expected),
        cmocka_unit_test(long_lines_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
