/* Packets as people and scripts see them. */
#include "codec/tests/wire.h"

struct line_row {
    const char *name;
    enum mqtt_version version;
    enum mqtt_side sender;
    const char *wire;
    const char *line;
};

#define FIRST  MQTT_VERSION_UNKNOWN, MQTT_CLIENT
#define CLIENT MQTT_3_1_1, MQTT_CLIENT
#define SERVER MQTT_3_1_1, MQTT_SERVER

static const struct line_row line_rows[] = {
    {"CONNECT", FIRST, "10 0e 0004'MQTT' 04 02 003c 0002'id'",
     "CONNECT protocol_name=\"MQTT\" protocol_level=4 clean_session=1 keep_alive=60 client_identifier=\"id\""},
    {"CONNECT with everything", FIRST, "10 1d 0004'MQTT' 04 f4 003c 0002'id' 0003'w/t' 0002'wm' 0001'u' 0001'p'",
     "CONNECT protocol_name=\"MQTT\" protocol_level=4 clean_session=0 will_qos=2 will_retain=1 keep_alive=60 "
     "client_identifier=\"id\" will_topic=\"w/t\" will_message=\"wm\" user_name=\"u\" password=\"p\""},
    {"CONNECT of another protocol", FIRST, "10 07 0004'MQTT' 06", "CONNECT protocol_name=\"MQTT\" protocol_level=6"},
    {"CONNACK", SERVER, "20 02 01 00", "CONNACK session_present=1 code=0"},
    {"CONNACK of 3.1", MQTT_3_1, MQTT_SERVER, "20 02 01 05", "CONNACK code=5"},
    {"PUBLISH", CLIENT, "32 0c 0003'a/b' 0007 'hello'",
     "PUBLISH qos=1 dup=0 retain=0 topic=\"a/b\" packet_identifier=7 payload=\"hello\""},
    {"PUBLISH at QoS 0, retained and empty", SERVER, "31 03 0001'a'",
     "PUBLISH qos=0 dup=0 retain=1 topic=\"a\" payload=\"\""},
    {"PUBLISH again", SERVER, "3c 05 0001'a' ffff",
     "PUBLISH qos=2 dup=1 retain=0 topic=\"a\" packet_identifier=65535 payload=\"\""},
    {"PUBACK", CLIENT, "40 02 0001", "PUBACK packet_identifier=1"},
    {"PUBREC", CLIENT, "50 02 0001", "PUBREC packet_identifier=1"},
    {"PUBREL", CLIENT, "62 02 0001", "PUBREL packet_identifier=1"},
    {"PUBCOMP", CLIENT, "70 02 0001", "PUBCOMP packet_identifier=1"},
    {"SUBSCRIBE", CLIENT, "82 0c 000a 0003'a/#' 02 0001'+' 00",
     "SUBSCRIBE packet_identifier=10 filter=\"a/#\" qos=2 filter=\"+\" qos=0"},
    {"SUBACK", SERVER, "90 04 000a 0280", "SUBACK packet_identifier=10 code=2 code=128"},
    {"UNSUBSCRIBE", CLIENT, "a2 08 000a 0001'+' 0001'/'", "UNSUBSCRIBE packet_identifier=10 filter=\"+\" filter=\"/\""},
    {"UNSUBACK", SERVER, "b0 02 000a", "UNSUBACK packet_identifier=10"},
    {"PINGREQ", CLIENT, "c0 00", "PINGREQ"},
    {"PINGRESP", SERVER, "d0 00", "PINGRESP"},
    {"DISCONNECT", CLIENT, "e0 00", "DISCONNECT"},
    {"CONNECT of 5.0", FIRST, "10 1b 0004'MQTT' 05 06 003c 03 21 0014 0000 05 18 00000001 0001'w' 0000",
     "CONNECT protocol_name=\"MQTT\" protocol_level=5 clean_start=1 will_qos=0 will_retain=0 keep_alive=60 "
     "receive_maximum=20 client_identifier=\"\" will_delay_interval=1 will_topic=\"w\" will_message=\"\""},
    {"CONNACK of 5.0", MQTT_5_0, MQTT_SERVER, "20 08 00 87 05 1f 0002'no'",
     "CONNACK session_present=0 reason_code=135 reason_string=\"no\""},
    {"PUBLISH of 5.0", MQTT_5_0, MQTT_CLIENT, "30 11 0001'a' 0d 09 0001 00 23 0001 26 0001'k' 0000 ",
     "PUBLISH qos=0 dup=0 retain=0 topic=\"a\" correlation_data=\"\\x00\" topic_alias=1 user_property=\"k\":\"\" "
     "payload=\"\""},
    {"PUBACK of 5.0", MQTT_5_0, MQTT_CLIENT, "40 03 0001 10", "PUBACK packet_identifier=1 reason_code=16"},
    {"SUBSCRIBE of 5.0", MQTT_5_0, MQTT_CLIENT, "82 07 0001 00 0001'a' 2d",
     "SUBSCRIBE packet_identifier=1 filter=\"a\" qos=1 no_local=1 retain_as_published=1 retain_handling=2"},
    {"SUBACK of 5.0", MQTT_5_0, MQTT_SERVER, "90 05 0001 00 02 80",
     "SUBACK packet_identifier=1 reason_code=2 reason_code=128"},
    {"UNSUBACK of 5.0", MQTT_5_0, MQTT_SERVER, "b0 04 0001 00 11", "UNSUBACK packet_identifier=1 reason_code=17"},
    {"DISCONNECT of 5.0", MQTT_5_0, MQTT_SERVER, "e0 00", "DISCONNECT reason_code=0"},
    {"AUTH", MQTT_5_0, MQTT_CLIENT, "f0 06 19 04 15 0001'm'", "AUTH reason_code=25 authentication_method=\"m\""},
    {"quote and backslash", CLIENT, "30 05 0001'a' '\"\\'",
     "PUBLISH qos=0 dup=0 retain=0 topic=\"a\" payload=\"\\\"\\\\\""},
    {"control characters", CLIENT, "30 09 0001'a' 00 0a 1b 7f c285",
     "PUBLISH qos=0 dup=0 retain=0 topic=\"a\" payload=\"\\x00\\x0a\\x1b\\x7f\\xc2\\x85\""},
    {"well-formed characters stay", CLIENT, "30 0d 0004 f09f8c8d c3a9 e282ac c2a0",
     "PUBLISH qos=0 dup=0 retain=0 topic=\"\xf0\x9f\x8c\x8d\" payload=\"\xc3\xa9\xe2\x82\xac\xc2\xa0\""},
    {"ill-formed ones do not", CLIENT, "30 0c 0001'a' ff c3 'x' c080 eda080 e2",
     "PUBLISH qos=0 dup=0 retain=0 topic=\"a\" payload=\"\\xff\\xc3x\\xc0\\x80\\xed\\xa0\\x80\\xe2\""},
    {"payload of 64 bytes is whole", CLIENT,
     "30 43 0001'a' '0123456789012345678901234567890123456789012345678901234567890123'",
     "PUBLISH qos=0 dup=0 retain=0 topic=\"a\" "
     "payload=\"0123456789012345678901234567890123456789012345678901234567890123\""},
    {"payload of 65 bytes is cut", CLIENT,
     "30 44 0001'a' '01234567890123456789012345678901234567890123456789012345678901234'",
     "PUBLISH qos=0 dup=0 retain=0 topic=\"a\" "
     "payload=\"0123456789012345678901234567890123456789012345678901234567890123\"... (65 bytes)"},
    {"a character at the cut stays whole", CLIENT,
     "30 46 0001'a' '012345678901234567890123456789012345678901234567890123456789012' c3a9 'xy'",
     "PUBLISH qos=0 dup=0 retain=0 topic=\"a\" "
     "payload=\"012345678901234567890123456789012345678901234567890123456789012\xc3\xa9\"... (67 bytes)"},
};

/* The packet at the start of `wire`, which must be a valid one. */
static struct mqtt_packet decoded(enum mqtt_version version, enum mqtt_side sender, const uint8_t *wire, size_t size) {
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    struct mqtt_decoder decoder = {.version = version, .sender = sender, .rules = rules};
    struct result result = receive(&decoder, wire, size);
    free(rules);
    if (result.status == MQTT_REFUSED)
        fail_msg("refused at %u: %s", result.error.offset, result.error.what);
    assert_int_equal(result.status, MQTT_OK);
    return result.packet;
}

static void is_described(void **state) {
    const struct line_row *row = *state;
    uint8_t wire[LONGEST_WIRE];
    struct mqtt_packet packet = decoded(row->version, row->sender, wire, wire_bytes(row->wire, wire));
    char line[400];
    assert_int_equal(mqtt_describe(row->version, &packet, line, sizeof line), strlen(row->line));
    assert_string_equal(line, row->line);
}

/* In every smaller room the line ends with its zero, and is the beginning of the whole one but for a character that
 * the end would cut in two: that one is escaped, as far as it fits. */
static void is_cut_where_the_room_ends(void **state) {
    const struct line_row *row = *state;
    uint8_t wire[LONGEST_WIRE];
    struct mqtt_packet packet = decoded(row->version, row->sender, wire, wire_bytes(row->wire, wire));
    assert_int_equal(mqtt_describe(row->version, &packet, NULL, 0), 0);
    for (size_t capacity = 1; capacity <= strlen(row->line) + 1; capacity++) {
        char *line = malloc(capacity);
        assert_non_null(line);
        size_t length = mqtt_describe(row->version, &packet, line, capacity);
        assert_int_equal(length, capacity - 1);
        assert_int_equal(line[length], '\0');
        assert_int_equal(mqtt_check_text((struct mqtt_bytes){(const uint8_t *)line, (uint32_t)length}, NULL),
                         MQTT_TEXT_FINE);
        size_t same = 0;
        while (same < length && line[same] == row->line[same])
            same++;
        assert_true(same == length || (length - same < 4 && (row->line[same] & 0x80) != 0));
        free(line);
    }
}

/* ---- Fields ------------------------------------------------------------------------------------------------------ */

struct seen {
    char kinds[16];
    size_t count;
};

static void note(void *context, const struct mqtt_field *field) {
    static const char letters[] = {
        [MQTT_FIELD_NUMBER] = 'n', [MQTT_FIELD_TEXT] = 't', [MQTT_FIELD_BINARY] = 'b', [MQTT_FIELD_FLAG] = 'f'};
    struct seen *seen = context;
    assert_true(seen->count < sizeof seen->kinds - 1);
    assert_true(field->name[0] != '\0');
    seen->kinds[seen->count++] = letters[field->kind];
    bool has_bytes = field->kind == MQTT_FIELD_TEXT || field->kind == MQTT_FIELD_BINARY;
    assert_int_equal(field->bytes.data != NULL, has_bytes);
    if (field->kind == MQTT_FIELD_FLAG)
        assert_true(field->number <= 1);
}

struct kinds_row {
    const char *name;
    enum mqtt_version version;
    enum mqtt_side sender;
    const char *wire;
    const char *kinds;
};

static const struct kinds_row kinds_rows[] = {
    {"kinds of CONNECT", FIRST, "10 1d 0004'MQTT' 04 f4 003c 0002'id' 0003'w/t' 0002'wm' 0001'u' 0001'p'",
     "tnfnfnttbtb"},
    {"kinds of CONNACK", SERVER, "20 02 01 00", "fn"},
    {"kinds of PUBLISH", CLIENT, "32 0c 0003'a/b' 0007 'hello'", "nfftnb"},
    {"kinds of PUBACK", CLIENT, "40 02 0001", "n"},
    {"kinds of SUBSCRIBE", CLIENT, "82 0c 000a 0003'a/#' 02 0001'+' 00", "ntntn"},
    {"kinds of SUBACK", SERVER, "90 04 000a 0280", "nnn"},
    {"kinds of UNSUBSCRIBE", CLIENT, "a2 08 000a 0001'+' 0001'/'", "ntt"},
    {"kinds of PINGREQ", CLIENT, "c0 00", ""},
};

static void fields_have_their_kinds(void **state) {
    const struct kinds_row *row = *state;
    uint8_t wire[LONGEST_WIRE];
    struct mqtt_packet packet = decoded(row->version, row->sender, wire, wire_bytes(row->wire, wire));
    struct seen seen = {.count = 0};
    mqtt_visit_fields(row->version, &packet, note, &seen);
    seen.kinds[seen.count] = '\0';
    assert_string_equal(seen.kinds, row->kinds);
}

int main(void) {
    struct CMUnitTest rows[2 * COUNT_OF(line_rows) + COUNT_OF(kinds_rows)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(line_rows); i++) {
        rows[count++] = (struct CMUnitTest){line_rows[i].name, is_described, NULL, NULL, (void *)&line_rows[i]};
        rows[count++] =
            (struct CMUnitTest){line_rows[i].name, is_cut_where_the_room_ends, NULL, NULL, (void *)&line_rows[i]};
    }
    for (size_t i = 0; i < COUNT_OF(kinds_rows); i++)
        rows[count++] =
            (struct CMUnitTest){kinds_rows[i].name, fields_have_their_kinds, NULL, NULL, (void *)&kinds_rows[i]};
    return _cmocka_run_group_tests("codec: descriptions", rows, count, NULL, NULL);
}
