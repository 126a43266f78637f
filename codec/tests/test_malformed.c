/* Packets that break a rule: refused with its statement and offset, and let pass where it is switched off. */
#include "codec/tests/malformed_packets.h"

static struct mqtt_decoder decoder_of(const struct malformed_packet *row, struct spec_rules *rules) {
    return (struct mqtt_decoder){.version = row->version, .sender = row->sender, .rules = rules};
}

static struct result receive_row(const struct malformed_packet *row, struct spec_rules *rules) {
    struct mqtt_decoder decoder = decoder_of(row, rules);
    uint8_t bytes[LONGEST_WIRE];
    size_t size = wire_bytes(row->wire, bytes);
    uint8_t *wire = alone(bytes, size);
    struct result result = receive(&decoder, wire, size);
    free(wire); /* the views are not looked at */
    return result;
}

static void expect_refusal(const struct malformed_packet *row, const struct result *result) {
    assert_int_equal(result->status, MQTT_REFUSED);
    assert_string_equal(spec_name(result->error.statement), spec_name(row->statement));
    assert_int_equal(result->error.offset, row->offset);
    assert_int_equal(result->error.error_class, row->error_class);
    uint8_t reason = row->error_class == MQTT_PROTOCOL ? MQTT_REASON_PROTOCOL_ERROR : MQTT_REASON_MALFORMED_PACKET;
    if (row->statement == V5(3_3_2_8))
        reason = MQTT_REASON_TOPIC_ALIAS_INVALID;
    assert_int_equal(result->error.reason_code, reason);
    assert_true(result->error.what[0] != '\0' && result->error.what[strlen(result->error.what) - 1] != '.');
}

static void is_refused(void **state) {
    const struct malformed_packet *row = *state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    spec_count_visits(rules);
    struct result result = receive_row(row, rules);
    expect_refusal(row, &result);
    assert_true(row->statement == SPEC_NONE || rules->reached[row->statement] > 0);
    free(rules);
}

/* With this one statement off the packet passes; with all others off it does not. */
static void is_decided_by_one_statement(void **state) {
    const struct malformed_packet *row = *state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    spec_switch_off(rules, row->statement);
    struct result result = receive_row(row, rules);
    if (row->when_off == PASSES && result.status != MQTT_OK)
        fail_msg("still refused, by %s: %s", spec_name(result.error.statement), result.error.what);
    if (row->when_off == REFUSED_STILL)
        expect_refusal(row, &result);
    for (size_t statement = 0; statement < SPEC_COUNT; statement++)
        (rules->off[statement] ? spec_switch_on : spec_switch_off)(rules, (enum spec_statement)statement);
    if (row->statement == V311(3_1_0_1)) /* before CONNECT nobody knows the version: 5.0 says the same */
        spec_switch_on(rules, V5(3_1_0_1));
    result = receive_row(row, rules);
    expect_refusal(row, &result);
    free(rules);
}

/* However the bytes come, the refusal is the same, and it stays. */
static void is_refused_in_pieces(void **state) {
    const struct malformed_packet *row = *state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    struct mqtt_decoder decoder = decoder_of(row, rules);
    uint8_t bytes[LONGEST_WIRE];
    size_t size = wire_bytes(row->wire, bytes);
    struct result whole = receive(&decoder, bytes, size);
    bool by_its_frame =
        mqtt_frame(&decoder, (struct mqtt_bytes){bytes, (uint32_t)size}, &whole.frame, &whole.error) == MQTT_REFUSED;
    for (size_t received = 0; received <= size; received++) {
        uint8_t *wire = alone(bytes, received);
        struct result result = receive(&decoder, wire, received);
        size_t needed = by_its_frame ? row->offset + 1 : size;
        assert_int_equal(result.status, received < needed ? MQTT_INCOMPLETE : MQTT_REFUSED);
        if (result.status == MQTT_REFUSED)
            expect_same_error(&result.error, &whole.error);
        free(wire);
    }
    free(rules);
}

/* ---- Two faults in one string ------------------------------------------------------------------------------ */

/* Where a statement is off, the fault that it lets pass does not hide the one behind it. */
static const struct malformed_packet double_faults[] = {
    {"U+0000 let pass, ill-formed behind it", CLIENT, "30 05 0003'a' 00 ff", V311(3_3_2_1), 6, MQTT_MALFORMED, PASSES},
    {"ill-formed let pass, U+0000 behind it", CLIENT, "30 05 0003'a' ff 00", V311(4_7_3_2), 6, MQTT_MALFORMED, PASSES},
    {"U+0000 let pass, wildcard behind it", CLIENT, "30 05 0003'a' 00 '#'", V311(3_3_2_2), 6, MQTT_MALFORMED, PASSES},
    {"misplaced # let pass, misplaced + behind it", CLIENT, "82 09 0001 0004'#a+b' 00", V311(4_7_1_3), 8,
     MQTT_MALFORMED, PASSES},
    {"empty topic let pass, Packet Identifier 0 behind it", CLIENT, "32 04 0000 0000", V311(2_3_1_1), 4, MQTT_PROTOCOL,
     PASSES},
};

static void first_fault_hides_nothing(void **state) {
    const struct malformed_packet *row = *state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    struct result result = receive_row(row, rules);
    assert_int_equal(result.status, MQTT_REFUSED);
    assert_int_not_equal(result.error.statement, row->statement);
    enum spec_statement first = result.error.statement;
    spec_switch_off(rules, first);
    result = receive_row(row, rules);
    expect_refusal(row, &result);
    spec_switch_off(rules, row->statement);
    result = receive_row(row, rules);
    assert_int_equal(result.status, MQTT_OK);
    free(rules);
}

/* ---- Protocols that the codec does not know ---------------------------------------------------------------- */

struct unknown_protocol {
    const char *name;
    const char *wire;
    struct mqtt_bytes protocol_name;
    uint8_t protocol_level;
};

static const struct unknown_protocol unknown_protocols[] = {
    {"level 6", "10 0d 0004'MQTT' 06 02 003c 00 0000", BYTES("MQTT"), 6},
    {"level 3 with the name of level 4", "10 0c 0004'MQTT' 03 02 0000 0000", BYTES("MQTT"), 3},
    {"level 4 with the name of level 3", "10 0e 0006'MQIsdp' 04 02 0000 0000", BYTES("MQIsdp"), 4},
    {"level 0", "10 07 0004'MQTT' 00", BYTES("MQTT"), 0},
    {"level of a bridge", "10 0c 0004'MQTT' 84 02 0000 0000", BYTES("MQTT"), 0x84},
    {"name in lower case", "10 0c 0004'mqtt' 04 02 0000 0000", BYTES("mqtt"), 4},
    {"name with a byte more", "10 08 0005'MQTTx' 04", BYTES("MQTTx"), 4},
    {"empty name", "10 03 0000 04", BYTES(""), 4},
    {"name that is no text", "10 06 0002 ff00 04 ff", BYTES("\xff\x00"), 4},
    {"fixed header flags of whatever that may be", "1f 07 0004'MQTT' 06", BYTES("MQTT"), 6},
};

static void protocol_is_handed_on(void **state) {
    const struct unknown_protocol *row = *state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    struct mqtt_decoder decoder = {.version = MQTT_VERSION_UNKNOWN, .sender = MQTT_CLIENT, .rules = rules};
    uint8_t wire[LONGEST_WIRE];
    struct result result = receive(&decoder, wire, wire_bytes(row->wire, wire));
    assert_int_equal(result.status, MQTT_OK);
    const struct mqtt_packet expected = {
        .type = MQTT_CONNECT,
        .flags = wire[0] & 0x0F,
        .connect = {.protocol_name = row->protocol_name, .protocol_level = row->protocol_level}};
    expect_packet(&result.packet, &expected);
    free(rules);
}

int main(void) {
    static const struct {
        const char *name;
        CMUnitTestFunction test;
    } groups[] = {{"codec: malformed packets", is_refused},
                  {"codec: malformed packets and their statements", is_decided_by_one_statement},
                  {"codec: malformed packets in pieces", is_refused_in_pieces}};
    int failed = 0;
    for (size_t group = 0; group < COUNT_OF(groups); group++) {
        struct CMUnitTest rows[COUNT_OF(malformed_packets)];
        for (size_t i = 0; i < COUNT_OF(malformed_packets); i++)
            rows[i] = (struct CMUnitTest){malformed_packets[i].name, groups[group].test, NULL, NULL,
                                          (void *)&malformed_packets[i]};
        failed += _cmocka_run_group_tests(groups[group].name, rows, COUNT_OF(malformed_packets), NULL, NULL);
    }
    struct CMUnitTest rows[COUNT_OF(double_faults) + COUNT_OF(unknown_protocols)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(double_faults); i++)
        rows[count++] = (struct CMUnitTest){double_faults[i].name, first_fault_hides_nothing, NULL, NULL,
                                            (void *)&double_faults[i]};
    for (size_t i = 0; i < COUNT_OF(unknown_protocols); i++)
        rows[count++] = (struct CMUnitTest){unknown_protocols[i].name, protocol_is_handed_on, NULL, NULL,
                                            (void *)&unknown_protocols[i]};
    return failed + _cmocka_run_group_tests("codec: double faults and other protocols", rows, count, NULL, NULL);
}
