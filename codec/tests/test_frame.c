/* The Fixed Header, and what is known of a packet by its type alone. */
#include "codec/tests/wire.h"

/* ---- Remaining Length, section 2.2.3 ------------------------------------------------------------------------ */

struct length_row {
    const char *name;
    const char *wire; /* the length bytes */
    uint32_t remaining_length;
    uint8_t header_size;
    bool is_shortest; /* as encoding writes it */
};

static const struct length_row length_rows[] = {
    {"0", "00", 0, 2, true},
    {"127", "7f", 127, 2, true},
    {"128", "80 01", 128, 3, true},
    {"16383", "ff 7f", 16383, 3, true},
    {"16384", "80 80 01", 16384, 4, true},
    {"2097151", "ff ff 7f", 2097151, 4, true},
    {"2097152", "80 80 80 01", 2097152, 5, true},
    {"268435455", "ff ff ff 7f", 268435455, 5, true},
    {"0 in two bytes", "80 00", 0, 3, false},
    {"1 in four bytes", "81 80 80 00", 1, 5, false},
};

static void length_is_read(void **state) {
    const struct length_row *row = *state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    struct mqtt_decoder decoder = {.version = MQTT_3_1_1, .sender = MQTT_SERVER, .rules = rules};
    uint8_t bytes[1 + LONGEST_WIRE];
    bytes[0] = 0x3D;
    size_t size = 1 + wire_bytes(row->wire, bytes + 1);
    const struct mqtt_frame untouched = {0xAA, 0xAA, 0xAAAAAAAA, 0xAAAAAAAA};
    for (size_t received = 0; received <= size; received++) {
        uint8_t *wire = alone(bytes, received);
        struct mqtt_frame frame = untouched;
        struct mqtt_error error = {.what = "untouched"};
        enum mqtt_status status = mqtt_frame(&decoder, (struct mqtt_bytes){wire, (uint32_t)received}, &frame, &error);
        assert_int_equal(status, received < size ? MQTT_INCOMPLETE : MQTT_OK);
        assert_string_equal(error.what, "untouched");
        assert_int_equal(frame.first_byte, received < size ? 0xAA : 0x3D);
        assert_int_equal(frame.header_size, received < size ? 0xAA : row->header_size);
        assert_int_equal(frame.remaining_length, received < size ? 0xAAAAAAAA : row->remaining_length);
        assert_int_equal(frame.packet_size, received < size ? 0xAAAAAAAA : row->remaining_length + row->header_size);
        free(wire);
    }
    free(rules);
}

/* A PUBLISH whose payload fills the packet to that length; only what comes before the payload is written. */
static void length_is_written(void **state) {
    const struct length_row *row = *state;
    uint8_t expected[LONGEST_WIRE], header[16];
    size_t size = wire_bytes(row->wire, expected);
    uint32_t remaining_length = row->remaining_length;
    static const uint8_t payload = 0; /* never read */
    struct mqtt_packet packet = {.type = MQTT_PUBLISH,
                                 .publish = {.topic = BYTES("t"), .payload = {&payload, remaining_length - 3}}};
    assert_int_equal(mqtt_encoded_size(MQTT_3_1_1, &packet), 1 + size + remaining_length);
    assert_int_equal(mqtt_encode_publish_header(MQTT_3_1_1, &packet, header, 1 + size + 2), 0);
    assert_int_equal(mqtt_encode_publish_header(MQTT_3_1_1, &packet, header, 1 + size + 3), 1 + size + 3);
    assert_int_equal(header[0], 0x30);
    assert_memory_equal(header + 1, expected, size);
    assert_memory_equal(header + 1 + size, "\0\1t", 3);
}

/* ---- The limit on packet size ------------------------------------------------------------------------------- */

struct limit_row {
    const char *name;
    uint32_t limit;
    const char *wire;
    enum mqtt_status status;
};

static const struct limit_row limit_rows[] = {
    {"a packet of the limit's size", 12, "30 0a", MQTT_OK},
    {"a byte more", 11, "30 0a", MQTT_REFUSED},
    {"a longer length counts", 12, "30 8a 00", MQTT_REFUSED},
    {"the largest packet", MQTT_MAXIMUM_PACKET_SIZE, "30 ffffff7f", MQTT_OK},
    {"the largest packet, a limit below", MQTT_MAXIMUM_PACKET_SIZE - 1, "30 ffffff7f", MQTT_REFUSED},
    {"no limit", 0, "30 ffffff7f", MQTT_OK},
    {"no limit larger than the wire's", UINT32_MAX, "30 ffffff7f", MQTT_OK},
    {"length not all there", 2, "30 ff", MQTT_INCOMPLETE},
};

static void limit_holds(void **state) {
    const struct limit_row *row = *state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    struct mqtt_decoder decoder = {
        .version = MQTT_3_1_1, .sender = MQTT_CLIENT, .maximum_packet_size = row->limit, .rules = rules};
    uint8_t wire[LONGEST_WIRE];
    struct mqtt_bytes bytes = {wire, (uint32_t)wire_bytes(row->wire, wire)};
    struct mqtt_frame frame;
    struct mqtt_error error = {0};
    assert_int_equal(mqtt_frame(&decoder, bytes, &frame, &error), row->status);
    if (row->status == MQTT_REFUSED) {
        assert_int_equal(error.error_class, MQTT_LIMIT);
        assert_int_equal(error.reason_code, MQTT_REASON_PACKET_TOO_LARGE);
        assert_int_equal(error.statement, SPEC_NONE);
    }
    free(rules);
}

/* In 5.0 either side has announced its limit, and the other keeps it under a statement of its own. */
static void limit_of_5_0_has_its_statement(void **state) {
    static const enum spec_statement statements[] = {
        [MQTT_CLIENT] = V5(3_2_2_15),
        [MQTT_SERVER] = V5(3_1_2_24),
    };
    (void)state;
    for (int sender = MQTT_CLIENT; sender <= MQTT_SERVER; sender++) {
        struct spec_rules *rules = calloc(1, sizeof *rules);
        assert_non_null(rules);
        struct mqtt_decoder decoder = {
            .version = MQTT_5_0, .sender = (enum mqtt_side)sender, .maximum_packet_size = 11, .rules = rules};
        const uint8_t wire[] = {0x30, 10};
        struct mqtt_bytes bytes = {wire, sizeof wire};
        struct mqtt_frame frame;
        struct mqtt_error error = {0};
        assert_int_equal(mqtt_frame(&decoder, bytes, &frame, &error), MQTT_REFUSED);
        assert_string_equal(spec_name(error.statement), spec_name(statements[sender]));
        assert_int_equal(error.error_class, MQTT_LIMIT);
        assert_int_equal(error.reason_code, MQTT_REASON_PACKET_TOO_LARGE);
        spec_switch_off(rules, statements[sender]);
        assert_int_equal(mqtt_frame(&decoder, bytes, &frame, &error), MQTT_OK);
        assert_int_equal(frame.packet_size, 12);
        free(rules);
    }
}

/* ---- Types ---------------------------------------------------------------------------------------------------- */

struct type_row {
    const char *name;
    enum mqtt_type type;
    uint8_t flags;
    bool client, server, client_5, server_5;
};

static const struct type_row type_rows[] = {
    {"RESERVED", MQTT_RESERVED, 0, false, false, false, false},
    {"CONNECT", MQTT_CONNECT, 0, true, false, true, false},
    {"CONNACK", MQTT_CONNACK, 0, false, true, false, true},
    {"PUBLISH", MQTT_PUBLISH, 0, true, true, true, true},
    {"PUBACK", MQTT_PUBACK, 0, true, true, true, true},
    {"PUBREC", MQTT_PUBREC, 0, true, true, true, true},
    {"PUBREL", MQTT_PUBREL, 2, true, true, true, true},
    {"PUBCOMP", MQTT_PUBCOMP, 0, true, true, true, true},
    {"SUBSCRIBE", MQTT_SUBSCRIBE, 2, true, false, true, false},
    {"SUBACK", MQTT_SUBACK, 0, false, true, false, true},
    {"UNSUBSCRIBE", MQTT_UNSUBSCRIBE, 2, true, false, true, false},
    {"UNSUBACK", MQTT_UNSUBACK, 0, false, true, false, true},
    {"PINGREQ", MQTT_PINGREQ, 0, true, false, true, false},
    {"PINGRESP", MQTT_PINGRESP, 0, false, true, false, true},
    {"DISCONNECT", MQTT_DISCONNECT, 0, true, false, true, true},
    {"AUTH", MQTT_AUTH, 0, false, false, true, true},
};

static void type_is_known(void **state) {
    const struct type_row *row = *state;
    static const enum mqtt_version before_5[] = {MQTT_VERSION_UNKNOWN, MQTT_3_1, MQTT_3_1_1};
    assert_string_equal(mqtt_type_name(row->type), row->name);
    assert_int_equal(mqtt_required_flags(row->type), row->flags);
    for (size_t i = 0; i < COUNT_OF(before_5); i++) {
        assert_int_equal(mqtt_may_send(MQTT_CLIENT, before_5[i], row->type), row->client);
        assert_int_equal(mqtt_may_send(MQTT_SERVER, before_5[i], row->type), row->server);
    }
    assert_int_equal(mqtt_may_send(MQTT_CLIENT, MQTT_5_0, row->type), row->client_5);
    assert_int_equal(mqtt_may_send(MQTT_SERVER, MQTT_5_0, row->type), row->server_5);
}

static void no_type_is_beyond_auth(void **state) {
    (void)state;
    assert_string_equal(mqtt_type_name(MQTT_TYPE_COUNT), "RESERVED");
    assert_false(mqtt_may_send(MQTT_CLIENT, MQTT_5_0, MQTT_TYPE_COUNT));
    assert_false(mqtt_may_send(MQTT_SERVER, MQTT_3_1_1, MQTT_TYPE_COUNT));
}

static void versions_have_names(void **state) {
    (void)state;
    assert_int_equal(COUNT_OF(type_rows), MQTT_TYPE_COUNT);
    assert_string_equal(mqtt_version_name(MQTT_3_1), "3.1");
    assert_string_equal(mqtt_version_name(MQTT_3_1_1), "3.1.1");
    assert_string_equal(mqtt_version_name(MQTT_5_0), "5.0");
    assert_string_equal(mqtt_version_name(MQTT_VERSION_UNKNOWN), "?");
    assert_string_equal(mqtt_version_name((enum mqtt_version)6), "?");
}

/* Every first byte is judged as soon as it is there, and no byte behind it changes the judgement. */
static void first_byte_decides_at_once(void **state) {
    (void)state;
    static const enum mqtt_version versions[] = {MQTT_VERSION_UNKNOWN, MQTT_3_1, MQTT_3_1_1, MQTT_5_0};
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    unsigned refused = 0;
    for (unsigned i = 0; i < 256u * 2 * COUNT_OF(versions); i++) {
        struct mqtt_decoder decoder = {
            .version = versions[i / 512], .sender = (enum mqtt_side)(i / 256 % 2), .rules = rules};
        uint8_t bytes[] = {(uint8_t)i, 0};
        struct mqtt_frame frame;
        struct mqtt_error one = {0}, two = {0};
        enum mqtt_status status = mqtt_frame(&decoder, (struct mqtt_bytes){bytes, 1}, &frame, &one);
        assert_int_equal(mqtt_frame(&decoder, (struct mqtt_bytes){bytes, 2}, &frame, &two),
                         status == MQTT_REFUSED ? MQTT_REFUSED : MQTT_OK);
        bool may_send = mqtt_may_send(decoder.sender, decoder.version, (enum mqtt_type)(bytes[0] >> 4));
        if (!may_send)
            assert_int_equal(status, MQTT_REFUSED);
        if (status == MQTT_REFUSED) {
            expect_same_error(&one, &two);
            assert_int_equal(one.offset, 0);
            refused++;
        }
    }
    /* What is fine of the 256 first bytes. A Client has PUBLISH and 9 other types, a Server PUBLISH and 8. */
    unsigned fine = 16;                /* CONNECT comes first; its flags are judged with its version */
    fine += 12 + 9 * 16 + 12 + 8 * 16; /* MQTT 3.1 refuses QoS 3 alone, a quarter of the flags */
    fine += 10 + 16 + 8 + 10 + 8;      /* 3.1.1: DUP at QoS 0 too; CONNECT keeps its 16, all others have 1 */
    fine += 10 + 16 + 9 + 10 + 10;     /* 5.0: AUTH from both, and DISCONNECT also from a Server */
    assert_int_equal(refused, 8 * 256 - fine);
    free(rules);
}

int main(void) {
    struct CMUnitTest rows[2 * COUNT_OF(length_rows) + COUNT_OF(limit_rows) + COUNT_OF(type_rows) + 4];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(length_rows); i++)
        rows[count++] = (struct CMUnitTest){length_rows[i].name, length_is_read, NULL, NULL, (void *)&length_rows[i]};
    for (size_t i = 0; i < COUNT_OF(length_rows); i++)
        if (length_rows[i].is_shortest && length_rows[i].remaining_length >= 3)
            rows[count++] =
                (struct CMUnitTest){length_rows[i].name, length_is_written, NULL, NULL, (void *)&length_rows[i]};
    for (size_t i = 0; i < COUNT_OF(limit_rows); i++)
        rows[count++] = (struct CMUnitTest){limit_rows[i].name, limit_holds, NULL, NULL, (void *)&limit_rows[i]};
    for (size_t i = 0; i < COUNT_OF(type_rows); i++)
        rows[count++] = (struct CMUnitTest){type_rows[i].name, type_is_known, NULL, NULL, (void *)&type_rows[i]};
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(limit_of_5_0_has_its_statement);
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(no_type_is_beyond_auth);
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(versions_have_names);
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(first_byte_decides_at_once);
    return _cmocka_run_group_tests("codec: Fixed Header", rows, count, NULL, NULL);
}
