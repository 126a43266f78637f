/* Encoding beyond what valid packets show: what the wire cannot carry, what no well-behaved peer sends, and the
 * lists of filters. */
#include "codec/tests/wire.h"

/* ---- Limits ---------------------------------------------------------------------------------------------------- */

static uint8_t long_text[MQTT_MAXIMUM_STRING + 1];

struct limit_row {
    const char *name;
    struct mqtt_packet packet;
    size_t size; /* 0: the wire cannot carry it */
};

#define LONGEST                                                                                                        \
    { long_text, MQTT_MAXIMUM_STRING }
#define TOO_LONG                                                                                                       \
    { long_text, MQTT_MAXIMUM_STRING + 1 }
/* Nobody reads these; only their length counts. */
#define PAYLOAD(length)                                                                                                \
    { long_text, (length) }

static const struct limit_row limit_rows[] = {
    {"longest topic", {.type = MQTT_PUBLISH, .publish = {.topic = LONGEST}}, 1 + 3 + 2 + 65535},
    {"topic too long", {.type = MQTT_PUBLISH, .publish = {.topic = TOO_LONG}}, 0},
    {"longest Client Identifier",
     {.type = MQTT_CONNECT, .connect = {.protocol_name = BYTES("MQTT"), .client_identifier = LONGEST}},
     1 + 3 + 10 + 2 + 65535},
    {"protocol name too long", {.type = MQTT_CONNECT, .connect = {.protocol_name = TOO_LONG}}, 0},
    {"Client Identifier too long", {.type = MQTT_CONNECT, .connect = {.client_identifier = TOO_LONG}}, 0},
    {"Will Topic too long", {.type = MQTT_CONNECT, .connect = {.will_topic = TOO_LONG}}, 0},
    {"Will Message too long", {.type = MQTT_CONNECT, .connect = {.will_message = TOO_LONG}}, 0},
    {"user name too long", {.type = MQTT_CONNECT, .connect = {.user_name = TOO_LONG}}, 0},
    {"password too long", {.type = MQTT_CONNECT, .connect = {.password = TOO_LONG}}, 0},
    {"largest packet",
     {.type = MQTT_PUBLISH, .publish = {.topic = BYTES("t"), .payload = PAYLOAD(268435452)}},
     MQTT_MAXIMUM_PACKET_SIZE},
    {"packet too large", {.type = MQTT_PUBLISH, .publish = {.topic = BYTES("t"), .payload = PAYLOAD(268435453)}}, 0},
    {"payload that no sum can hold",
     {.type = MQTT_PUBLISH, .publish = {.topic = BYTES("t"), .payload = PAYLOAD(UINT32_MAX)}},
     0},
    {"filters too large", {.type = MQTT_SUBSCRIBE, .subscribe = {.filters = PAYLOAD(268435454)}}, 0},
    {"return codes too many", {.type = MQTT_SUBACK, .suback = {.codes = PAYLOAD(UINT32_MAX)}}, 0},
};

static void limit_is_kept(void **state) {
    const struct limit_row *row = *state;
    uint8_t buffer[8], untouched[8];
    memset(buffer, 0xEE, sizeof buffer);
    memset(untouched, 0xEE, sizeof untouched);
    assert_int_equal(mqtt_encoded_size(MQTT_3_1_1, &row->packet), row->size);
    /* No more is promised of the buffer than is there. */
    assert_int_equal(mqtt_encode(MQTT_3_1_1, &row->packet, buffer, row->size == 0 ? SIZE_MAX : sizeof buffer), 0);
    if (row->packet.type == MQTT_PUBLISH && row->size == 0)
        assert_int_equal(mqtt_encode_publish_header(MQTT_3_1_1, &row->packet, buffer, SIZE_MAX), 0);
    assert_memory_equal(buffer, untouched, sizeof buffer);
}

/* ---- What a tester needs ---------------------------------------------------------------------------------------- */

struct odd_row {
    const char *name;
    struct mqtt_packet packet;
    const char *wire;
};

static const struct odd_row odd_rows[] = {
    {"reserved type", {.type = MQTT_RESERVED, .flags = 3}, "03 00"},
    {"AUTH", {.type = MQTT_AUTH}, "f0 00"},
    {"wrong flags", {.type = MQTT_PINGREQ, .flags = 0x0F}, "cf 00"},
    {"flags beyond their four bits", {.type = MQTT_PINGREQ, .flags = 0xF1}, "c1 00"},
    {"QoS 3",
     {.type = MQTT_PUBLISH, .flags = 6, .publish = {.topic = BYTES("a"), .packet_identifier = 9}},
     "36 05 0001'a' 0009"},
    {"no topic is an empty topic", {.type = MQTT_PUBLISH}, "30 02 0000"},
    {"Packet Identifier is not on the wire at QoS 0",
     {.type = MQTT_PUBLISH, .publish = {.topic = BYTES("a"), .packet_identifier = 9}},
     "30 03 0001'a'"},
    {"fields against their flags",
     {.type = MQTT_CONNECT,
      .connect = {.protocol_name = BYTES("MQTT"), .protocol_level = 4, .flags = 0xC6, .user_name = BYTES("u")}},
     "10 0d 0004'MQTT' 04 c6 0000 0001'u'"},
    {"level 6",
     {.type = MQTT_CONNECT, .connect = {.protocol_name = BYTES("MQTT"), .protocol_level = 6}},
     "10 0a 0004'MQTT' 06 00 0000"},
    {"SUBSCRIBE of nothing", {.type = MQTT_SUBSCRIBE, .flags = 2}, "82 02 0000"},
    {"SUBACK of nothing", {.type = MQTT_SUBACK}, "90 02 0000"},
    {"return code out of range", {.type = MQTT_CONNACK, .connack = {0xFF, 0xFE, {NULL, 0}}}, "20 02 fffe"},
};

static void is_written_as_told(void **state) {
    const struct odd_row *row = *state;
    uint8_t expected[LONGEST_WIRE], encoded[LONGEST_WIRE];
    size_t size = wire_bytes(row->wire, expected);
    assert_int_equal(mqtt_encoded_size(MQTT_3_1_1, &row->packet), size);
    assert_int_equal(mqtt_encode(MQTT_3_1_1, &row->packet, encoded, sizeof encoded), size);
    assert_memory_equal(encoded, expected, size);
}

/* ---- PUBLISH without its payload --------------------------------------------------------------------------------- */

static void payload_is_left_out(void **state) {
    (void)state;
    for (uint8_t qos = 0; qos <= 2; qos++) {
        struct mqtt_packet packet = {
            .type = MQTT_PUBLISH,
            .flags = (uint8_t)(qos << MQTT_PUBLISH_QOS_SHIFT),
            .publish = {.topic = BYTES("a/b"), .packet_identifier = 0x0102, .payload = {long_text, 200}}};
        uint8_t whole[LONGEST_WIRE], header[LONGEST_WIRE];
        size_t size = mqtt_encode(MQTT_3_1_1, &packet, whole, sizeof whole);
        size_t length = size - 200;
        assert_int_equal(size, 3 + 5 + (qos > 0 ? 2 : 0) + 200);
        assert_int_equal(mqtt_encode_publish_header(MQTT_3_1_1, &packet, header, length - 1), 0);
        assert_int_equal(mqtt_encode_publish_header(MQTT_3_1_1, &packet, header, length), length);
        assert_memory_equal(header, whole, length);
    }
}

/* ---- Lists of filters -------------------------------------------------------------------------------------------- */

static void filters_are_appended_and_taken(void **state) {
    (void)state;
    static const char *const names[] = {"a/b", "#", "", "+/+"};
    for (int with_options = 0; with_options <= 1; with_options++) {
        uint8_t list[64];
        size_t length = 0;
        for (uint8_t i = 0; i < COUNT_OF(names); i++)
            assert_true(mqtt_append_filter(list, sizeof list, &length, mqtt_text(names[i]), with_options ? &i : NULL));
        assert_int_equal(length, COUNT_OF(names) * (with_options ? 3 : 2) + 3 + 1 + 0 + 3);
        struct mqtt_bytes rest = {list, (uint32_t)length}, filter;
        uint8_t options = 0xFF;
        for (uint8_t i = 0; i < COUNT_OF(names); i++) {
            assert_true(mqtt_next_filter(&rest, &filter, with_options ? &options : NULL));
            expect_bytes(filter, mqtt_text(names[i]));
            assert_int_equal(options, with_options ? i : 0xFF);
        }
        assert_false(mqtt_next_filter(&rest, &filter, with_options ? &options : NULL));
        assert_int_equal(rest.length, 0);
    }
}

static void filter_that_does_not_fit_is_not_appended(void **state) {
    (void)state;
    uint8_t list[8];
    const uint8_t qos = 1;
    size_t length = 2;
    memset(list, 0xEE, sizeof list);
    assert_false(mqtt_append_filter(list, sizeof list, &length, mqtt_text("1234"), &qos));
    assert_false(mqtt_append_filter(list, sizeof list, &length, mqtt_text("12345"), NULL));
    assert_false(mqtt_append_filter(list, 1, &length, mqtt_text(""), NULL));
    assert_false(mqtt_append_filter(list, SIZE_MAX, &length, (struct mqtt_bytes)TOO_LONG, NULL));
    assert_int_equal(length, 2);
    for (size_t i = 0; i < sizeof list; i++)
        assert_int_equal(list[i], 0xEE);
    size_t none = 0;
    uint8_t empty[2] = {0xEE, 0xEE};
    assert_true(mqtt_append_filter(empty, sizeof empty, &none, (struct mqtt_bytes){NULL, 0}, NULL));
    assert_memory_equal(empty, "\0\0", none);
    assert_int_equal(none, 2);
    assert_true(mqtt_append_filter(list, sizeof list, &length, mqtt_text("123"), &qos));
    assert_int_equal(length, 8);
    assert_memory_equal(list + 2, "\0\003123\001", 6);
}

static void cut_list_ends(void **state) {
    (void)state;
    static const uint8_t list[] = {0, 3, 'a', '/', 'b', 1};
    for (uint32_t length = 0; length <= sizeof list; length++) {
        uint8_t *copy = alone(list, length);
        struct mqtt_bytes with = {copy, length}, without = with, filter;
        uint8_t options;
        assert_int_equal(mqtt_next_filter(&with, &filter, &options), length == 6);
        assert_int_equal(mqtt_next_filter(&without, &filter, NULL), length >= 5);
        assert_int_equal(with.length, length == 6 ? 0 : length);
        free(copy);
    }
    struct mqtt_bytes absent = {NULL, 0}, filter;
    assert_false(mqtt_next_filter(&absent, &filter, NULL));
}

int main(void) {
    struct CMUnitTest rows[COUNT_OF(limit_rows) + COUNT_OF(odd_rows) + 4];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(limit_rows); i++)
        rows[count++] = (struct CMUnitTest){limit_rows[i].name, limit_is_kept, NULL, NULL, (void *)&limit_rows[i]};
    for (size_t i = 0; i < COUNT_OF(odd_rows); i++)
        rows[count++] = (struct CMUnitTest){odd_rows[i].name, is_written_as_told, NULL, NULL, (void *)&odd_rows[i]};
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(payload_is_left_out);
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(filters_are_appended_and_taken);
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(filter_that_does_not_fit_is_not_appended);
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(cut_list_ends);
    return _cmocka_run_group_tests("codec: encoding", rows, count, NULL, NULL);
}
