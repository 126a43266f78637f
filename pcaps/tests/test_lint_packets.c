/* The packets around a breach: which are kept, when the breach is told, and how they are put into words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#include "pcaps/lint_packets.h"
#include "pcaps/show.h"
#include "pcaps/tests/event_log.h"

enum { RINGS = 2 };

struct world {
    struct event_log log;
    struct packet_ring rings[RINGS];
    struct breach_queue *queue;
    uint64_t frame;
};

/* "breach 5: #1 #2 >#3 #4; " */
static void note(void *context, const struct lint_breach *breach) {
    struct world *world = context;
    log_event(&world->log, "%llu:", (unsigned long long)breach->frame);
    for (size_t i = 0; i < breach->packet_count; i++)
        log_event(&world->log, " %s%llu", breach->packets[i].offends ? ">" : "",
                  (unsigned long long)breach->packets[i].frame);
    log_event(&world->log, "; ");
    assert_string_equal(breach->client, "device");
    assert_string_equal(breach->server_address, "192.0.2.1:1883");
}

static void packet(struct world *world, size_t ring) {
    static const uint8_t pingreq[] = {0xC0, 0};
    packet_ring_add(&world->rings[ring], MQTT_CLIENT, (struct mqtt_bytes){pingreq, 2}, ++world->frame, 0);
    breach_queue_packet(world->queue, &world->rings[ring]);
}

static void breach(struct world *world, size_t ring, bool offends) {
    char client[] = "device", address[] = "192.0.2.1:1883"; /* that do not outlive the call */
    struct lint_breach found = {
        .frame = world->frame, .client = client, .client_address = address, .server_address = address};
    breach_queue_add(world->queue, &found, &world->rings[ring], offends);
}

/* A digit is a packet on that connection, B a breach by the last packet on connection 0, b one by silence there, D the
 * same as B on connection 1, C closes connection 0, T lets time pass, W a little less. */
static const struct row {
    const char *name;
    const char *events;
    const char *told;
} rows[] = {
    {"four before, three behind", "000000B0000", "6: 2 3 4 5 >6 7 8 9; "},
    {"told only when three are there", "0B00", ""},
    {"others are of other connections", "01010B101010", "5: 1 3 >5 7 9 11; "},
    {"none before", "0B000", "1: >1 2 3 4; "},
    {"the connection closes", "00B0C", "2: 1 >2 3; "},
    {"silence has no offending packet", "00000b000", "5: 2 3 4 5 6 7 8; "},
    {"silence behind nothing", "bC", "0:; "},
    {"two breaches of one packet", "0BB000", "1: >1 2 3 4; 1: >1 2 3 4; "},
    {"breaches close to each other", "0B0B000", "1: >1 2 3 4; 2: 1 >2 3 4 5; "},
    {"the order is that of finding", "1D0B000111", "1: >1 6 7 8; 2: >2 3 4 5; "},
    {"time passes", "0B0T", "1: >1 2; "},
    {"a little less", "0B0W", ""},
    {"one that is told early keeps none back", "1D0B000T111", "1: >1; 2: >2 3 4 5; "},
};

static void play(struct world *world, char event) {
    switch (event) {
    case 'B':
    case 'b':
        breach(world, 0, event == 'B');
        break;
    case 'D':
        breach(world, 1, true);
        break;
    case 'C':
        breach_queue_closed(world->queue, &world->rings[0]);
        break;
    case 'T':
        breach_queue_tick(world->queue, 10 * MICROSECONDS_PER_SECOND + 1);
        break;
    case 'W':
        breach_queue_tick(world->queue, 10 * MICROSECONDS_PER_SECOND);
        break;
    default:
        packet(world, (size_t)(event - '0'));
    }
}

static void test_row(void **state) {
    const struct row *row = *state;
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->queue = breach_queue_create(note, world, 10 * MICROSECONDS_PER_SECOND);
    assert_non_null(world->queue);
    for (const char *event = row->events; *event != '\0'; event++)
        play(world, *event);
    if (strcmp(world->log.text, row->told) != 0)
        fail_msg("%s:\n  expected %s\n  received %s", row->name, row->told, world->log.text);
    breach_queue_destroy(world->queue);
    free(world);
}

/* No more than a fixed number waits, and none is lost. */
static void test_many(void **state) {
    enum { MANY = 1000, BOUND = 128 };
    struct world *world = calloc(1, sizeof *world);
    (void)state;
    assert_non_null(world);
    world->queue = breach_queue_create(note, world, 10 * MICROSECONDS_PER_SECOND);
    assert_non_null(world->queue);
    for (int i = 0; i < MANY; i++) {
        world->frame = (uint64_t)i;
        world->log.length = 0;
        world->log.text[0] = '\0';
        breach(world, 0, true);
        assert_int_equal(world->log.length > 0, i >= BOUND);
    }
    world->log.length = 0;
    breach_queue_destroy(world->queue);
    assert_non_null(strstr(world->log.text, "872:; 873:; "));
    assert_non_null(strstr(world->log.text, "999:; "));
    free(world);
}

/* ---- In words -------------------------------------------------------------------------------------------------- */

static void show_bytes(enum mqtt_version version, enum mqtt_side side, const uint8_t *bytes, uint32_t length,
                       char *text) {
    struct packet_ring ring = {.count = 0};
    packet_ring_add(&ring, side, (struct mqtt_bytes){bytes, length}, 1, 0);
    lint_show_packet(version, &ring.packets[0], text, SHOW_PACKET_CAPACITY);
}

struct shown {
    const char *name;
    enum mqtt_version version;
    enum mqtt_side side;
    const char *bytes;
    uint32_t length;
    const char *text;
};

#define BYTES(text) text, sizeof(text) - 1

static const struct shown shown[] = {
    {"a packet", MQTT_3_1_1, MQTT_CLIENT, BYTES("\x30\4\0\1tx"),
     "PUBLISH qos=0 dup=0 retain=0 topic=\"t\" payload=\"x\""},
    {"one of 5.0 by its name", MQTT_5_0, MQTT_SERVER, BYTES("\xe0\1\x8e"),
     "DISCONNECT reason_code=142 (Session taken over)"},
    {"a refusal of a version", MQTT_5_0, MQTT_SERVER, BYTES("\x20\2\0\1"), "CONNACK session_present=0 code=1"},
    {"bytes that are none", MQTT_3_1_1, MQTT_CLIENT, BYTES("\x36\6\0\1t\0\1x"), "8 bytes: 36 06 00 01 74 00 01 78"},
    {"one byte", MQTT_3_1_1, MQTT_CLIENT, BYTES("\xff"), "1 byte: ff"},
};

static void test_shown(void **state) {
    const struct shown *row = *state;
    char text[SHOW_PACKET_CAPACITY];
    show_bytes(row->version, row->side, (const uint8_t *)row->bytes, row->length, text);
    assert_string_equal(text, row->text);
}

/* A PUBLISH of any length, of which the beginning is kept: shown as if all of it were there. */
static void test_long_publish(void **state) {
    static const uint32_t lengths[] = {70, 125, 126, 180, 190, 191, 1000, 16384, 300000};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint32_t payload = lengths[i];
        uint8_t *content = malloc(payload);
        uint8_t *bytes = malloc(payload + 16);
        char kept[SHOW_PACKET_CAPACITY], whole[SHOW_PACKET_CAPACITY];
        assert_true(content != NULL && bytes != NULL);
        memset(content, 'p', payload);
        struct mqtt_packet packet = {.type = MQTT_PUBLISH,
                                     .publish = {.topic = mqtt_text("t"), .payload = {content, payload}}};
        size_t length = mqtt_encode(MQTT_3_1_1, &packet, bytes, payload + 16);
        show_packet(MQTT_3_1_1, &packet, whole, sizeof whole);
        show_bytes(MQTT_3_1_1, MQTT_CLIENT, bytes, (uint32_t)length, kept);
        assert_string_equal(kept, whole);
        free(content);
        free(bytes);
    }
}

/* Whatever the bytes are and wherever they are cut, there are words. */
static void test_anything(void **state) {
    uint8_t bytes[600];
    char text[SHOW_PACKET_CAPACITY];
    (void)state;
    for (unsigned first = 0; first < 256; first++)
        for (uint32_t length = 1; length < sizeof bytes; length += 1 + length / 3) {
            memset(bytes, (int)(first * 7 + length), sizeof bytes);
            bytes[0] = (uint8_t)first;
            show_bytes(MQTT_5_0, MQTT_CLIENT, bytes, length, text);
            assert_true(text[0] != '\0');
        }
}

int main(void) {
    enum { ROWS = sizeof rows / sizeof rows[0], SHOWN = sizeof shown / sizeof shown[0] };
    struct CMUnitTest tests[ROWS + SHOWN + 3];
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, (void *)&rows[i]};
    for (size_t i = 0; i < SHOWN; i++)
        tests[ROWS + i] = (struct CMUnitTest){shown[i].name, test_shown, NULL, NULL, (void *)&shown[i]};
    tests[ROWS + SHOWN] = (struct CMUnitTest){"many breaches at once", test_many, NULL, NULL, NULL};
    tests[ROWS + SHOWN + 1] = (struct CMUnitTest){"a long PUBLISH", test_long_publish, NULL, NULL, NULL};
    tests[ROWS + SHOWN + 2] = (struct CMUnitTest){"any bytes", test_anything, NULL, NULL, NULL};
    return cmocka_run_group_tests_name("pcaps: packets around a breach", tests, NULL, NULL);
}
