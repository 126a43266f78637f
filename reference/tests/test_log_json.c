/* The lines of the log that programs read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "reference/log.h"
#include "reference/log_json.h"

#define BYTES(text)                                                                                                    \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

struct row {
    const char *name;
    struct broker_event event;
    const char *expected; /* between process and time; NULL: no line */
};

static const struct mqtt_packet pingreq = {.type = MQTT_PINGREQ};
static const struct mqtt_packet publish = {
    .type = MQTT_PUBLISH, .flags = MQTT_PUBLISH_RETAIN, .publish = {.topic = BYTES("a\"\xff"), .payload = BYTES("21")}};

static const struct row rows[] = {
    {"connected",
     {.kind = BROKER_CONNECTED, .connection = 1, .version = MQTT_3_1_1, .client_identifier = BYTES("sensor")},
     "\"level\":30,\"connection\":1,\"client\":\"sensor\",\"version\":\"3.1.1\",\"msg\":\"connected with MQTT "
     "3.1.1\","},
    {"statement",
     {.kind = BROKER_DROPPED,
      .connection = 2,
      .error = {.error_class = MQTT_PROTOCOL, .statement = V311_3_1_2_24, .what = "silent too long"}},
     "\"level\":40,\"connection\":2,\"statement\":\"MQTT311:3.1.2-24\","
     "\"msg\":\"dropped: silent too long [MQTT311:3.1.2-24]\","},
    {"packet",
     {.kind = BROKER_PACKET_IN, .connection = 3, .version = MQTT_3_1_1, .packet = &publish},
     "\"level\":20,\"connection\":3,\"packet\":\"PUBLISH\",\"topic\":\"a\\\"\\\\xff\",\"qos\":0,\"retain\":true,"
     "\"bytes\":2,\"msg\":\"< PUBLISH qos=0 dup=0 retain=1 topic=\\\"a\\\\\\\"\\\\xff\\\" payload=\\\"21\\\"\","},
    {"below the lowest level", {.kind = BROKER_PACKET_IN, .connection = 3, .packet = &pingreq}, NULL},
    {"quotes and backslash",
     {.kind = BROKER_ACCEPTED, .connection = 4, .client_identifier = BYTES("a\"b\\")},
     "\"level\":20,\"connection\":4,\"client\":\"a\\\"b\\\\\",\"msg\":\"opened\","},
    {"control characters",
     {.kind = BROKER_ACCEPTED, .connection = 5, .client_identifier = BYTES("\x1b[\n\x7f\xc2\x9b")},
     "\"level\":20,\"connection\":5,\"client\":\"\\u001b[\\u000a\\u007f\\u009b\",\"msg\":\"opened\","},
    {"text beyond ASCII",
     {.kind = BROKER_ACCEPTED, .connection = 6, .client_identifier = BYTES("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80")},
     "\"level\":20,\"connection\":6,\"client\":\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\",\"msg\":\"opened\","},
    {"no text",
     {.kind = BROKER_ACCEPTED, .connection = 6, .client_identifier = BYTES("\xff\x80 \xed\xa0\x80 \xc3")},
     "\"level\":20,\"connection\":6,\"client\":\"\\\\xff\\\\x80 \\\\xed\\\\xa0\\\\x80 \\\\xc3\",\"msg\":\"opened\","},
    {"longest shown",
     {.kind = BROKER_ACCEPTED, .connection = 7, .client_identifier = BYTES(HUNDRED HUNDRED HUNDRED HUNDRED)},
     "\"level\":20,\"connection\":7,\"client\":\"" HUNDRED HUNDRED HUNDRED HUNDRED "\",\"msg\":\"opened\","},
    {"cut",
     {.kind = BROKER_ACCEPTED, .connection = 7, .client_identifier = BYTES(HUNDRED HUNDRED HUNDRED HUNDRED "x")},
     "\"level\":20,\"connection\":7,\"client\":\"" HUNDRED HUNDRED HUNDRED HUNDRED "...\",\"msg\":\"opened\","},
};

/* What is between the process and the time, where the rest has its form; the text is changed. */
static const char *middle_of(const char *name, char *line) {
    static const char head[] = "{\"v\":0,\"name\":\"mqspec\",\"hostname\":\"";
    static const char tail[] = "\"time\":\"0000-00-00T00:00:00.000Z\"}\n";
    size_t length = strlen(line);
    char *level = strstr(line, "\"level\":");
    if (strncmp(line, head, sizeof head - 1) != 0 || level == NULL || length < sizeof tail - 1)
        fail_msg("%s: the line is %s", name, line);
    char *end = line + length - (sizeof tail - 1);
    for (size_t i = 0; i < sizeof tail - 1; i++)
        if (tail[i] == '0' ? end[i] < '0' || end[i] > '9' : end[i] != tail[i])
            fail_msg("%s: no time at the end of %s", name, line);
    *end = '\0';
    return level;
}

static void lines_are_as_expected(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = NULL;
        size_t length = 0;
        struct json_log log;
        json_log_begin(&log, open_memstream(&text, &length), JSON_LOG_DEBUG);
        json_log_event(&log, &rows[i].event);
        fclose(log.file);
        if (rows[i].expected == NULL)
            assert_int_equal(length, 0);
        else
            assert_string_equal(middle_of(rows[i].name, text), rows[i].expected);
        free(text);
    }
}

static void notices_have_their_text(void **state) {
    (void)state;
    char *text = NULL;
    size_t length = 0;
    struct json_log log;
    json_log_begin(&log, open_memstream(&text, &length), JSON_LOG_INFO);
    json_log_notice(&log, "all \"is\" well");
    fclose(log.file);
    assert_string_equal(middle_of("notice", text), "\"level\":30,\"msg\":\"all \\\"is\\\" well\",");
    free(text);
}

/* As much as there can be, and all of it escaped, has its place in the line. */
static void the_longest_line_fits(void **state) {
    (void)state;
    static char what[2 * LOG_TEXT_SIZE];
    char *text = NULL;
    size_t length = 0;
    uint8_t *bytes = test_malloc(MQTT_MAXIMUM_STRING);
    memset(bytes, 1, MQTT_MAXIMUM_STRING);
    memset(what, 1, sizeof what - 1);
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .publish.topic = {bytes, MQTT_MAXIMUM_STRING}};
    struct broker_event event = {.kind = BROKER_DROPPED,
                                 .connection = UINT64_MAX,
                                 .client_identifier = {bytes, MQTT_MAXIMUM_STRING},
                                 .packet = &packet,
                                 .error = {.error_class = MQTT_LIMIT, .what = what}};
    struct json_log log;
    json_log_begin(&log, open_memstream(&text, &length), JSON_LOG_TRACE);
    json_log_event(&log, &event);
    fclose(log.file);
    (void)middle_of("longest", text);
    assert_int_equal(strlen(text) + strlen("\"time\":\"0000-00-00T00:00:00.000Z\"}\n"), length);
    free(text);
    test_free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_as_expected),
        cmocka_unit_test(notices_have_their_text),
        cmocka_unit_test(the_longest_line_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
