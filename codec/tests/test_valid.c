/* Valid packets, from bytes to fields and from fields to bytes, whole, cut and in pieces. */
#include "codec/tests/valid_packets.h"

static struct spec_rules *new_rules(void) {
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    return rules;
}

static struct mqtt_decoder decoder_of(const struct valid_packet *row, struct spec_rules *rules) {
    return (struct mqtt_decoder){.version = row->version, .sender = row->sender, .rules = rules};
}

static void decodes(void **state) {
    const struct valid_packet *row = *state;
    struct spec_rules *rules = new_rules();
    struct mqtt_decoder decoder = decoder_of(row, rules);
    uint8_t bytes[LONGEST_WIRE];
    size_t size = wire_bytes(row->wire, bytes);
    uint8_t *wire = alone(bytes, size);
    struct result result = receive(&decoder, wire, size);
    if (result.status == MQTT_REFUSED)
        fail_msg("refused at %u: %s", result.error.offset, result.error.what);
    assert_int_equal(result.status, MQTT_OK);
    assert_int_equal(result.frame.packet_size, size);
    expect_packet(&result.packet, &row->packet);
    free(wire);
    free(rules);
}

static void encodes(void **state) {
    const struct valid_packet *row = *state;
    uint8_t wire[LONGEST_WIRE], encoded[LONGEST_WIRE], untouched[LONGEST_WIRE];
    size_t size = wire_bytes(row->wire, wire);
    memset(untouched, 0xEE, sizeof untouched);
    memset(encoded, 0xEE, sizeof encoded);
    assert_int_equal(mqtt_encoded_size(row->version, &row->packet), size);
    for (size_t capacity = 0; capacity < size; capacity++)
        assert_int_equal(mqtt_encode(row->version, &row->packet, encoded, capacity), 0);
    assert_memory_equal(encoded, untouched, sizeof encoded);
    assert_int_equal(mqtt_encode(row->version, &row->packet, encoded, size), size);
    assert_memory_equal(encoded, wire, size);
    assert_memory_equal(encoded + size, untouched, sizeof encoded - size);
}

/* A receiver that is given `chunk` bytes at a time learns the same, and as soon as the bytes allow it. */
static void comes_in_pieces(void **state) {
    const struct valid_packet *row = *state;
    struct spec_rules *rules = new_rules();
    struct mqtt_decoder decoder = decoder_of(row, rules);
    uint8_t bytes[LONGEST_WIRE];
    size_t size = wire_bytes(row->wire, bytes);
    for (size_t chunk = 1; chunk <= size; chunk++) {
        for (size_t received = chunk < size ? chunk : size;;
             received = received + chunk < size ? received + chunk : size) {
            uint8_t *wire = alone(bytes, received);
            struct result result = receive(&decoder, wire, received);
            assert_int_equal(result.status, received < size ? MQTT_INCOMPLETE : MQTT_OK);
            if (received >= 2)
                assert_int_equal(result.frame.packet_size, size);
            if (received == size)
                expect_packet(&result.packet, &row->packet);
            free(wire);
            if (received == size)
                break;
        }
    }
    free(rules);
}

static bool is_fine_cut(const struct valid_packet *row, size_t cut) {
    for (size_t i = 0; i < MOST_CUTS; i++)
        if (row->fine_cuts[i] == cut)
            return true;
    return false;
}

/* The Remaining Length is told as what is left, so nothing but the fields themselves can show what is missing. */
static void cut_at_the_end(void **state) {
    const struct valid_packet *row = *state;
    struct spec_rules *rules = new_rules();
    struct mqtt_decoder decoder = decoder_of(row, rules);
    uint8_t bytes[LONGEST_WIRE];
    size_t size = wire_bytes(row->wire, bytes);
    for (size_t cut = 1; cut <= size - 2; cut++) {
        bytes[1] = (uint8_t)(size - 2 - cut);
        uint8_t *wire = alone(bytes, size - cut);
        struct result result = receive(&decoder, wire, size - cut);
        if (is_fine_cut(row, cut) != (result.status == MQTT_OK))
            fail_msg("%zu bytes cut: %s", cut, result.status == MQTT_OK ? "accepted" : result.error.what);
        if (result.status == MQTT_REFUSED)
            assert_in_range(result.error.offset, 2, size - cut);
        free(wire);
    }
    free(rules);
}

/* mqtt_next() says what the two steps say. */
static void expect_next_is_the_same(const struct mqtt_decoder *decoder, const uint8_t *data, size_t size,
                                    const struct result *result) {
    struct result next;
    memset(&next, 0, sizeof next);
    uint32_t packet_size;
    struct mqtt_bytes bytes = {data, (uint32_t)size};
    assert_int_equal(mqtt_next(decoder, bytes, &next.packet, &packet_size, &next.error), MQTT_OK);
    assert_int_equal(packet_size, result->frame.packet_size);
    expect_packet(&next.packet, &result->packet);
    bytes.length = packet_size - 1;
    assert_int_equal(mqtt_next(decoder, bytes, &next.packet, &packet_size, &next.error), MQTT_INCOMPLETE);
}

/* Everything that one side sends of one version, one packet behind the other, in pieces of every size. */
static void stream_in_pieces(void **state) {
    const struct valid_packet *first = *state;
    struct spec_rules *rules = new_rules();
    uint8_t stream[COUNT_OF(valid_packets) * LONGEST_WIRE];
    const struct valid_packet *expected[COUNT_OF(valid_packets)];
    size_t size = 0, count = 0;
    for (size_t i = 0; i < COUNT_OF(valid_packets); i++)
        if (valid_packets[i].version == first->version && valid_packets[i].sender == first->sender) {
            size += wire_bytes(valid_packets[i].wire, stream + size);
            expected[count++] = &valid_packets[i];
        }
    assert_true(count > 1);
    struct mqtt_decoder decoder = decoder_of(first, rules);
    for (size_t chunk = 1; chunk <= size; chunk++) {
        size_t start = 0, received = 0, packets = 0;
        while (received < size) {
            received = received + chunk < size ? received + chunk : size;
            struct result result = receive(&decoder, stream + start, received - start);
            while (result.status == MQTT_OK) {
                assert_true(packets < count);
                expect_packet(&result.packet, &expected[packets++]->packet);
                expect_next_is_the_same(&decoder, stream + start, received - start, &result);
                start += result.frame.packet_size;
                result = receive(&decoder, stream + start, received - start);
            }
            assert_int_equal(result.status, MQTT_INCOMPLETE);
        }
        assert_int_equal(packets, count);
        assert_int_equal(start, size);
    }
    free(rules);
}

/* Each type is in the table, in every version. */
static void table_is_whole(void **state) {
    (void)state;
    bool seen[MQTT_5_0 + 1][MQTT_TYPE_COUNT] = {{false}};
    for (size_t i = 0; i < COUNT_OF(valid_packets); i++) {
        const struct mqtt_packet *packet = &valid_packets[i].packet;
        unsigned version = packet->type == MQTT_CONNECT ? packet->connect.protocol_level : valid_packets[i].version;
        seen[version][packet->type] = true;
    }
    for (unsigned type = MQTT_CONNECT; type <= MQTT_DISCONNECT; type++)
        if (!seen[MQTT_3_1][type] || !seen[MQTT_3_1_1][type] || !seen[MQTT_5_0][type])
            fail_msg("no valid %s", mqtt_type_name((enum mqtt_type)type));
    assert_true(seen[MQTT_5_0][MQTT_AUTH]);
}

int main(void) {
    static const struct {
        const char *name;
        CMUnitTestFunction test;
    } groups[] = {{"codec: valid packets decoded", decodes},
                  {"codec: valid packets encoded", encodes},
                  {"codec: valid packets in pieces", comes_in_pieces},
                  {"codec: valid packets cut", cut_at_the_end}};
    int failed = 0;
    for (size_t group = 0; group < COUNT_OF(groups); group++) {
        struct CMUnitTest rows[COUNT_OF(valid_packets)];
        for (size_t i = 0; i < COUNT_OF(valid_packets); i++)
            rows[i] =
                (struct CMUnitTest){valid_packets[i].name, groups[group].test, NULL, NULL, (void *)&valid_packets[i]};
        failed += _cmocka_run_group_tests(groups[group].name, rows, COUNT_OF(valid_packets), NULL, NULL);
    }
    static const struct valid_packet client = {.version = MQTT_3_1_1, .sender = MQTT_CLIENT};
    static const struct valid_packet server = {.version = MQTT_3_1_1, .sender = MQTT_SERVER};
    static const struct valid_packet old_client = {.version = MQTT_3_1, .sender = MQTT_CLIENT};
    static const struct valid_packet old_server = {.version = MQTT_3_1, .sender = MQTT_SERVER};
    static const struct valid_packet new_client = {.version = MQTT_5_0, .sender = MQTT_CLIENT};
    static const struct valid_packet new_server = {.version = MQTT_5_0, .sender = MQTT_SERVER};
    const struct CMUnitTest tests[] = {
        {"all that a Client of 5.0 sends, in pieces", stream_in_pieces, NULL, NULL, (void *)&new_client},
        {"all that a Server of 5.0 sends, in pieces", stream_in_pieces, NULL, NULL, (void *)&new_server},
        {"all that a Client sends, in pieces", stream_in_pieces, NULL, NULL, (void *)&client},
        {"all that a Server sends, in pieces", stream_in_pieces, NULL, NULL, (void *)&server},
        {"all that a Client of 3.1 sends, in pieces", stream_in_pieces, NULL, NULL, (void *)&old_client},
        {"all that a Server of 3.1 sends, in pieces", stream_in_pieces, NULL, NULL, (void *)&old_server},
        cmocka_unit_test(table_is_whole),
    };
    return failed + cmocka_run_group_tests_name("codec: streams of valid packets", tests, NULL, NULL);
}
