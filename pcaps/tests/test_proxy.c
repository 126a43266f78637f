/* The parts of the proxy that do no I/O: how faults are written and which packets they strike, where packets begin,
 * and what waits for a slow receiver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pcaps/proxy_bounds.h"
#include "pcaps/proxy_fault.h"
#include "pcaps/proxy_queue.h"

#define CLIENT (1u << MQTT_CLIENT)
#define SERVER (1u << MQTT_SERVER)
#define BOTH   (CLIENT | SERVER)

/* ---- How faults are written ----------------------------------------------------------------------------------------
 */

static void faults_are_read(void **state) {
    static const struct {
        const char *text;
        enum fault_action action;
        unsigned types, senders;
        microseconds delay;
        uint32_t every, chance;
        uint64_t times;
    } rows[] = {
        {"delay PUBACK 200ms", FAULT_DELAY, 1u << MQTT_PUBACK, BOTH, 200000, 1, FAULT_ALWAYS, UINT64_MAX},
        {"delay any 1.5s", FAULT_DELAY, ~1u, BOTH, 1500000, 1, FAULT_ALWAYS, UINT64_MAX},
        {"delay any 7us", FAULT_DELAY, ~1u, BOTH, 7, 1, FAULT_ALWAYS, UINT64_MAX},
        {"drop PUBREL from server", FAULT_DROP, 1u << MQTT_PUBREL, SERVER, 0, 1, FAULT_ALWAYS, UINT64_MAX},
        {"duplicate PUBLISH", FAULT_DUPLICATE, 1u << MQTT_PUBLISH, BOTH, 0, 1, FAULT_ALWAYS, UINT64_MAX},
        {"cut after SUBSCRIBE", FAULT_CUT_AFTER, 1u << MQTT_SUBSCRIBE, BOTH, 0, 1, FAULT_ALWAYS, UINT64_MAX},
        {"cut before auth", FAULT_CUT_BEFORE, 1u << MQTT_AUTH, BOTH, 0, 1, FAULT_ALWAYS, UINT64_MAX},
        {"  CUT  publish IN the middle ", FAULT_CUT_MIDDLE, 1u << MQTT_PUBLISH, BOTH, 0, 1, FAULT_ALWAYS, UINT64_MAX},
        {"drop PUBACK,PUBREC every 3 times 2 from client chance 2.5%", FAULT_DROP,
         1u << MQTT_PUBACK | 1u << MQTT_PUBREC, CLIENT, 0, 3, 25000, 2},
        {"cut PUBLISH in the middle every 2", FAULT_CUT_MIDDLE, 1u << MQTT_PUBLISH, BOTH, 0, 2, FAULT_ALWAYS,
         UINT64_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct faults faults = {0};
        char reason[400] = "";
        assert_true(faults_add(&faults, rows[i].text, reason, sizeof reason));
        const struct fault *fault = &faults.list[0];
        assert_int_equal(faults.count, 1);
        assert_int_equal(fault->action, rows[i].action);
        assert_int_equal(fault->types, rows[i].types);
        assert_int_equal(fault->senders, rows[i].senders);
        assert_int_equal(fault->delay, rows[i].delay);
        assert_int_equal(fault->every, rows[i].every);
        assert_int_equal(fault->chance, rows[i].chance);
        assert_true(fault->times == rows[i].times);
    }
}

static void other_texts_are_refused_with_what_to_do(void **state) {
    static const struct {
        const char *text;
        const char *reason;
    } rows[] = {
        {"", "begins with none of drop"},
        {"lose PUBACK", "begins with none of drop"},
        {"drop", "type is missing"},
        {"drop PUBLICATION", "no packet type 'PUBLICATION'"},
        {"drop PUBACK,", "no packet type ''"},
        {"drop RESERVED", "no packet type 'RESERVED'"},
        {"delay PUBACK", "needs a time"},
        {"delay PUBACK soon", "needs a time"},
        {"delay PUBACK 200", "us, ms or s"},
        {"delay PUBACK 0x20ms", "needs a time"},
        {"delay PUBACK 1h", "us, ms or s"},
        {"delay PUBACK 3601s", "an hour"},
        {"cut PUBLISH", "cut says where"},
        {"cut PUBLISH in the", "cut says where"},
        {"drop PUBACK from broker", "client or server"},
        {"drop PUBACK from", "client or server"},
        {"drop PUBACK every 0", "number from 1 on"},
        {"drop PUBACK every -1", "number from 1 on"},
        {"drop PUBACK every 99999999999", "number from 1 on"},
        {"drop PUBACK every 3 every 4", "twice"},
        {"drop PUBACK chance 5", "0% to 100%"},
        {"drop PUBACK chance 101%", "0% to 100%"},
        {"drop PUBACK chance nan%", "0% to 100%"},
        {"drop PUBACK times x", "number from 1 on"},
        {"drop PUBACK 200ms", "'200ms' is not understood"},
        {"drop a b c d e f g h i j k l m n o p q r s t u v w x y z", "too long"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct faults faults = {0};
        char reason[400] = "";
        assert_false(faults_add(&faults, rows[i].text, reason, sizeof reason));
        assert_int_equal(faults.count, 0);
        if (strstr(reason, rows[i].reason) == NULL)
            fail_msg("'%s' is refused with: %s", rows[i].text, reason);
    }
}

static void there_is_room_for_so_many_faults(void **state) {
    struct faults faults = {0};
    char reason[400] = "";
    (void)state;
    for (int i = 0; i < MAXIMUM_FAULTS; i++)
        assert_true(faults_add(&faults, "drop any", reason, sizeof reason));
    assert_false(faults_add(&faults, "drop any", reason, sizeof reason));
    assert_non_null(strstr(reason, "too many"));
}

/* ---- Which packets they strike -------------------------------------------------------------------------------------
 */

static void add(struct faults *faults, const char *text) {
    char reason[400];
    if (!faults_add(faults, text, reason, sizeof reason))
        fail_msg("%s: %s", text, reason);
}

static void faults_strike_what_they_name(void **state) {
    static const struct {
        const char *fault;
        const char *struck; /* of ten PUBACK from the client */
    } rows[] = {
        {"drop PUBACK", "xxxxxxxxxx"},
        {"drop PUBACK from server", ".........."},
        {"drop PUBREC", ".........."},
        {"drop PUBREC,PUBACK", "xxxxxxxxxx"},
        {"drop any from client", "xxxxxxxxxx"},
        {"drop PUBACK every 3", "..x..x..x."},
        {"drop PUBACK every 3 times 2", "..x..x...."},
        {"drop PUBACK times 1", "x........."},
        {"drop PUBACK chance 0%", ".........."},
        {"drop PUBACK chance 100%", "xxxxxxxxxx"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct faults faults = {0};
        char struck[11] = "";
        add(&faults, rows[i].fault);
        for (int packet = 0; packet < 10; packet++)
            struck[packet] = faults_strike(&faults, MQTT_CLIENT, MQTT_PUBACK) != NULL ? 'x' : '.';
        if (strcmp(struck, rows[i].struck) != 0)
            fail_msg("'%s' strikes %s", rows[i].fault, struck);
    }
}

static void chances_come_from_the_seed(void **state) {
    uint64_t made[3];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct faults faults = {.random = i < 2 ? 7 : 8};
        uint64_t pattern = 0;
        add(&faults, "drop any chance 50%");
        assert_true(faults_depend_on_seed(&faults));
        for (int packet = 0; packet < 64; packet++)
            pattern = pattern << 1 | (faults_strike(&faults, MQTT_SERVER, MQTT_PINGRESP) != NULL);
        made[i] = pattern;
    }
    assert_true(made[0] == made[1]);
    assert_true(made[0] != made[2]);
}

static void chances_are_as_often_as_they_say(void **state) {
    struct faults faults = {.random = 1};
    (void)state;
    add(&faults, "drop any chance 5%");
    for (int packet = 0; packet < 100000; packet++)
        (void)faults_strike(&faults, MQTT_SERVER, MQTT_PINGRESP);
    assert_in_range(faults.list[0].made, 4700, 5300);
    assert_int_equal(faults.list[0].met, 100000);
}

static void the_first_fault_that_strikes_is_made(void **state) {
    struct faults faults = {0};
    (void)state;
    add(&faults, "drop PUBACK every 2");
    add(&faults, "duplicate any");
    assert_false(faults_depend_on_seed(&faults));
    assert_int_equal(faults_strike(&faults, MQTT_CLIENT, MQTT_PUBACK)->action, FAULT_DUPLICATE);
    assert_int_equal(faults_strike(&faults, MQTT_CLIENT, MQTT_PUBACK)->action, FAULT_DROP);
}

/* ---- Where packets begin and end -----------------------------------------------------------------------------------
 */

/* A PINGREQ, a PUBLISH of 3 + 200 bytes, a PINGREQ. */
static size_t write_packets(uint8_t *bytes) {
    static const uint8_t head[] = {0xC0, 0, 0x30, 0xC8, 0x01, 0, 1, 't'};
    memcpy(bytes, head, sizeof head);
    memset(bytes + sizeof head, 'x', 197);
    bytes[sizeof head + 197] = 0xC0;
    bytes[sizeof head + 198] = 0;
    return sizeof head + 199;
}

static void packets_are_found_however_they_are_cut(void **state) {
    uint8_t bytes[300];
    size_t length = write_packets(bytes);
    struct spec_rules rules = {0};
    (void)state;
    for (size_t step = 1; step <= length; step++) {
        struct packet_bounds bounds;
        struct packet_piece piece;
        size_t begun = 0, ended = 0, passed = 0;
        packet_bounds_begin(&bounds, MQTT_CLIENT, &rules);
        bounds.decoder.version = MQTT_3_1_1;
        for (size_t at = 0; at < length; at += step) {
            struct mqtt_bytes part = {bytes + at, (uint32_t)(length - at < step ? length - at : step)};
            while (packet_bounds_next(&bounds, &part, &piece)) {
                assert_true(piece.is_packet);
                assert_ptr_equal(piece.bytes.data, bytes + passed); /* each byte, once, in order */
                passed += piece.bytes.length;
                begun += piece.begins;
                ended += piece.ends;
                assert_int_equal(piece.type, ended - piece.ends == 1 ? MQTT_PUBLISH : MQTT_PINGREQ);
                assert_true(piece.size == 0 || piece.size == (piece.type == MQTT_PUBLISH ? 203 : 2));
                assert_true(piece.begins == (piece.offset == 0));
            }
        }
        assert_int_equal(passed, length);
        assert_int_equal(begun, 3);
        assert_int_equal(ended, 3);
    }
}

static void other_bytes_pass_as_they_are(void **state) {
    static const struct {
        const char *bytes;
        enum mqtt_version version;
    } rows[] = {
        {"GET / HTTP/1.1\r\n", MQTT_VERSION_UNKNOWN}, /* not a CONNECT first */
        {"\x30\xff\xff\xff\xff\x01", MQTT_3_1_1},     /* a length of five bytes */
        {"\x10\xff\xff\xff\xff\x01", MQTT_VERSION_UNKNOWN},
        {"\xc0", MQTT_VERSION_UNKNOWN},
    };
    struct spec_rules rules = {0};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct packet_bounds bounds;
        struct packet_piece piece;
        struct mqtt_bytes left = mqtt_text(rows[i].bytes);
        packet_bounds_begin(&bounds, MQTT_CLIENT, &rules);
        bounds.decoder.version = rows[i].version;
        assert_true(packet_bounds_next(&bounds, &left, &piece));
        assert_false(piece.is_packet);
        assert_ptr_equal(piece.bytes.data, rows[i].bytes);
        assert_int_equal(piece.bytes.length, strlen(rows[i].bytes));
        assert_false(packet_bounds_next(&bounds, &left, &piece));
        left = mqtt_text("\xc0"); /* and so does all behind them */
        assert_true(packet_bounds_next(&bounds, &left, &piece));
        assert_false(piece.is_packet);
    }
}

/* ---- What waits ----------------------------------------------------------------------------------------------------
 */

static void append(struct byte_queue *queue, const char *text, microseconds due) {
    assert_true(byte_queue_append(queue, mqtt_text(text), due));
}

static void bytes_wait_in_order_for_their_time(void **state) {
    struct byte_queue queue = {0};
    struct mqtt_bytes views[8];
    (void)state;
    assert_true(byte_queue_is_empty(&queue));
    assert_true(byte_queue_next(&queue) == NO_DEADLINE);
    append(&queue, "at once", 10);
    append(&queue, "later", 500);
    append(&queue, "behind it", 20); /* not before what is in front of it */
    append(&queue, "", 20);
    assert_int_equal(byte_queue_next(&queue), 10);
    assert_int_equal(byte_queue_end(&queue), 500);
    assert_int_equal(byte_queue_due(&queue, 9, views, 8), 0);
    assert_int_equal(byte_queue_due(&queue, 499, views, 8), 1);
    assert_int_equal(byte_queue_due(&queue, 500, views, 8), 3);
    assert_int_equal(byte_queue_due(&queue, 500, views, 2), 2);
    byte_queue_take(&queue, 7 + 2);
    assert_int_equal(byte_queue_next(&queue), 500);
    assert_int_equal(byte_queue_due(&queue, 500, views, 8), 2);
    assert_true(mqtt_equal(views[0], mqtt_text("ter")));
    byte_queue_take(&queue, 3 + 9);
    assert_true(byte_queue_is_empty(&queue));
    assert_int_equal(queue.cost, 0);
    append(&queue, "again", 0);
    assert_true(queue.cost >= 5);
    byte_queue_clear(&queue);
    assert_int_equal(queue.cost, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_read),
        cmocka_unit_test(other_texts_are_refused_with_what_to_do),
        cmocka_unit_test(there_is_room_for_so_many_faults),
        cmocka_unit_test(faults_strike_what_they_name),
        cmocka_unit_test(chances_come_from_the_seed),
        cmocka_unit_test(chances_are_as_often_as_they_say),
        cmocka_unit_test(the_first_fault_that_strikes_is_made),
        cmocka_unit_test(packets_are_found_however_they_are_cut),
        cmocka_unit_test(other_bytes_pass_as_they_are),
        cmocka_unit_test(bytes_wait_in_order_for_their_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
