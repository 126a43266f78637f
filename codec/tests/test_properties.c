/* Properties of MQTT 5.0, Reason Codes, Shared Subscription filters, and packets that are made to fit. */
#include "codec/tests/wire.h"

/* ---- Where each property may stand, after Table 2-4 of 5.0, one letter a packet ---------------------------------- */

/* C CONNECT, c CONNACK, P PUBLISH, W Will, a PUBACK, r PUBREC, l PUBREL, o PUBCOMP, S SUBSCRIBE, s SUBACK,
 * U UNSUBSCRIBE, u UNSUBACK, D DISCONNECT, A AUTH. */
static const struct {
    uint8_t identifier;
    const char *name;
    const char *places;
    const char *repeated;
    enum mqtt_property_form form;
} properties[] = {
    {0x01, "payload_format_indicator", "PW", "", MQTT_BYTE},
    {0x02, "message_expiry_interval", "PW", "", MQTT_FOUR_BYTE_INTEGER},
    {0x03, "content_type", "PW", "", MQTT_UTF8_STRING},
    {0x08, "response_topic", "PW", "", MQTT_UTF8_STRING},
    {0x09, "correlation_data", "PW", "", MQTT_BINARY_DATA},
    {0x0B, "subscription_identifier", "PS", "P", MQTT_VARIABLE_BYTE_INTEGER},
    {0x11, "session_expiry_interval", "CcD", "", MQTT_FOUR_BYTE_INTEGER},
    {0x12, "assigned_client_identifier", "c", "", MQTT_UTF8_STRING},
    {0x13, "server_keep_alive", "c", "", MQTT_TWO_BYTE_INTEGER},
    {0x15, "authentication_method", "CcA", "", MQTT_UTF8_STRING},
    {0x16, "authentication_data", "CcA", "", MQTT_BINARY_DATA},
    {0x17, "request_problem_information", "C", "", MQTT_BYTE},
    {0x18, "will_delay_interval", "W", "", MQTT_FOUR_BYTE_INTEGER},
    {0x19, "request_response_information", "C", "", MQTT_BYTE},
    {0x1A, "response_information", "c", "", MQTT_UTF8_STRING},
    {0x1C, "server_reference", "cD", "", MQTT_UTF8_STRING},
    {0x1F, "reason_string", "carlosuDA", "", MQTT_UTF8_STRING},
    {0x21, "receive_maximum", "Cc", "", MQTT_TWO_BYTE_INTEGER},
    {0x22, "topic_alias_maximum", "Cc", "", MQTT_TWO_BYTE_INTEGER},
    {0x23, "topic_alias", "P", "", MQTT_TWO_BYTE_INTEGER},
    {0x24, "maximum_qos", "c", "", MQTT_BYTE},
    {0x25, "retain_available", "c", "", MQTT_BYTE},
    {0x26, "user_property", "CcPWarloSsUuDA", "CcPWarloSsUuDA", MQTT_UTF8_STRING_PAIR},
    {0x27, "maximum_packet_size", "Cc", "", MQTT_FOUR_BYTE_INTEGER},
    {0x28, "wildcard_subscription_available", "c", "", MQTT_BYTE},
    {0x29, "subscription_identifier_available", "c", "", MQTT_BYTE},
    {0x2A, "shared_subscription_available", "c", "", MQTT_BYTE},
};

/* A packet of each kind, in front of and behind its properties. */
static const struct {
    char letter;
    enum mqtt_version version;
    enum mqtt_side sender;
    const char *before; /* from the first byte behind the Remaining Length */
    const char *behind;
    uint8_t first;
} packets[] = {
    {'C', MQTT_VERSION_UNKNOWN, MQTT_CLIENT, "0004'MQTT' 05 02 0000", "0000", 0x10},
    {'W', MQTT_VERSION_UNKNOWN, MQTT_CLIENT, "0004'MQTT' 05 06 0000 00 0000", "0001'w' 0000", 0x10},
    {'c', MQTT_5_0, MQTT_SERVER, "00 00", "", 0x20},
    {'P', MQTT_5_0, MQTT_SERVER, "0001'a'", "'x'", 0x30},
    {'a', MQTT_5_0, MQTT_SERVER, "0001 00", "", 0x40},
    {'r', MQTT_5_0, MQTT_CLIENT, "0001 00", "", 0x50},
    {'l', MQTT_5_0, MQTT_CLIENT, "0001 00", "", 0x62},
    {'o', MQTT_5_0, MQTT_SERVER, "0001 00", "", 0x70},
    {'S', MQTT_5_0, MQTT_CLIENT, "0001", "0001'a' 00", 0x82},
    {'s', MQTT_5_0, MQTT_SERVER, "0001", "00", 0x90},
    {'U', MQTT_5_0, MQTT_CLIENT, "0001", "0001'a'", 0xA2},
    {'u', MQTT_5_0, MQTT_SERVER, "0001", "00", 0xB0},
    {'D', MQTT_5_0, MQTT_CLIENT, "00", "", 0xE0},
    {'A', MQTT_5_0, MQTT_CLIENT, "18", "", 0xF0},
};

static struct mqtt_property sample(size_t i) {
    struct mqtt_property property = {.identifier = properties[i].identifier, .number = 1};
    property.bytes = mqtt_text("text");
    property.value = mqtt_text("value");
    return property;
}

static bool has(const char *letters, char letter) {
    return strchr(letters, letter) != NULL;
}

/* Receives packet p with so many copies of the property. Authentication Data has its method with it. */
static enum mqtt_status receive_with(size_t p, size_t property, size_t copies, struct mqtt_error *error) {
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    struct mqtt_decoder decoder = {.version = packets[p].version, .sender = packets[p].sender, .rules = rules};
    uint8_t set[LONGEST_WIRE], wire[2 * LONGEST_WIRE], part[LONGEST_WIRE];
    size_t set_length = 0, length = 2;
    struct mqtt_property added = sample(property);
    if (added.identifier == MQTT_AUTHENTICATION_DATA)
        assert_true(mqtt_append_property(
            set, sizeof set, &set_length,
            &(struct mqtt_property){.identifier = MQTT_AUTHENTICATION_METHOD, .bytes = mqtt_text("m")}));
    for (size_t i = 0; i < copies; i++)
        assert_true(mqtt_append_property(set, sizeof set, &set_length, &added));
    size_t size = wire_bytes(packets[p].before, part);
    memcpy(wire + length, part, size);
    length += size;
    assert_true(set_length < 128);
    wire[length++] = (uint8_t)set_length;
    memcpy(wire + length, set, set_length);
    length += set_length;
    size = wire_bytes(packets[p].behind, part);
    memcpy(wire + length, part, size);
    length += size;
    assert_true(length - 2 < 128);
    wire[0] = packets[p].first;
    wire[1] = (uint8_t)(length - 2);
    uint8_t *exact = alone(wire, length);
    struct result result = receive(&decoder, exact, length);
    *error = result.error;
    free(exact);
    free(rules);
    return result.status;
}

static void stands_where_it_may(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(properties); i++)
        for (size_t p = 0; p < COUNT_OF(packets); p++) {
            struct mqtt_error error;
            bool allowed = has(properties[i].places, packets[p].letter);
            if ((receive_with(p, i, 1, &error) == MQTT_OK) != allowed)
                fail_msg("%s in %c is %s", properties[i].name, packets[p].letter, allowed ? error.what : "accepted");
            if (!allowed && (error.error_class != MQTT_MALFORMED || error.reason_code != MQTT_REASON_MALFORMED_PACKET))
                fail_msg("%s in %c is not called malformed", properties[i].name, packets[p].letter);
            if (!allowed)
                continue;
            bool repeated = has(properties[i].repeated, packets[p].letter);
            if ((receive_with(p, i, 2, &error) == MQTT_OK) != repeated)
                fail_msg("%s twice in %c", properties[i].name, packets[p].letter);
            if (!repeated && error.reason_code != MQTT_REASON_PROTOCOL_ERROR)
                fail_msg("%s twice in %c is not called a Protocol Error", properties[i].name, packets[p].letter);
        }
}

static void has_its_name_and_form(void **state) {
    (void)state;
    size_t defined = 0;
    for (unsigned identifier = 0; identifier < 256; identifier++)
        defined += mqtt_property_kind((uint8_t)identifier) != NULL;
    assert_int_equal(defined, COUNT_OF(properties));
    for (size_t i = 0; i < COUNT_OF(properties); i++) {
        const struct mqtt_property_kind *kind = mqtt_property_kind(properties[i].identifier);
        assert_non_null(kind);
        assert_string_equal(kind->name, properties[i].name);
        assert_int_equal(kind->form, properties[i].form);
    }
}

/* ---- Strings: the short way past plain text lets nothing through ------------------------------------------------- */

#define LONGEST_TEXT 20u

/* Whether this byte may stand in a text of single bytes. */
typedef bool byte_judge(uint8_t byte);

static bool fits_a_text(uint8_t byte) {
    return byte > 0 && byte < 0x80;
}

static bool fits_a_topic(uint8_t byte) {
    return fits_a_text(byte) && byte != '+' && byte != '#';
}

/* `before` is all in front of the two bytes of the text's length, `behind` all behind the text. The offsets of the
 * bytes that hold lengths of what the text is part of are in `lengths`. */
struct text_place {
    const char *name;
    const char *before;
    const char *behind;
    size_t lengths[2];
    byte_judge *fits;
};

static const struct text_place text_places[] = {
    {"Reason String of PUBACK", "40 05 0001 00 01 1f", "", {1, 5}, fits_a_text},
    {"Content Type of PUBLISH", "30 05 0001'a' 01 03", "", {1, 5}, fits_a_text},
    {"name of a User Property", "40 07 0001 00 03 26", "0000", {1, 5}, fits_a_text},
    {"value of a User Property", "40 07 0001 00 03 26 0000", "", {1, 5}, fits_a_text},
    {"Response Topic of PUBLISH", "30 05 0001'a' 01 08", "", {1, 5}, fits_a_topic},
    {"topic of PUBLISH", "30 01", "00", {1, 0}, fits_a_topic},
    {"topic of PUBLISH at QoS 1", "32 03", "0001 00", {1, 0}, fits_a_topic},
};

static size_t place_text(const struct text_place *place, const uint8_t *text, size_t length, uint8_t *wire) {
    size_t size = wire_bytes(place->before, wire);
    wire[size++] = 0;
    wire[size++] = (uint8_t)length;
    memcpy(wire + size, text, length);
    size += length;
    uint8_t behind[LONGEST_WIRE];
    size_t behind_size = wire_bytes(place->behind, behind);
    memcpy(wire + size, behind, behind_size);
    for (size_t i = 0; i < COUNT_OF(place->lengths); i++)
        if (place->lengths[i] != 0)
            wire[place->lengths[i]] = (uint8_t)(wire[place->lengths[i]] + 2 + length);
    return size + behind_size;
}

/* Both ways to decode say the same of one packet. */
static void expect_judgement(const struct mqtt_decoder *decoder, const uint8_t *wire, size_t size, bool fits,
                             uint32_t offset, const char *name) {
    uint8_t *exact = alone(wire, size);
    struct result result = receive(decoder, exact, size);
    struct mqtt_packet packet;
    struct mqtt_error error;
    uint32_t packet_size;
    enum mqtt_status next =
        mqtt_next(decoder, (struct mqtt_bytes){exact, (uint32_t)size}, &packet, &packet_size, &error);
    if (result.status != (fits ? MQTT_OK : MQTT_REFUSED) || next != result.status || packet_size != size)
        fail_msg("%s of %zu bytes, byte 0x%02x at %u: status %d and %d", name, size, wire[offset], (unsigned)offset,
                 (int)result.status, (int)next);
    if (fits) {
        expect_packet(&packet, &result.packet);
    } else {
        expect_same_error(&error, &result.error);
        assert_int_equal(error.offset, offset);
    }
    free(exact);
}

static void every_byte_at_every_place_of_a_text(void **state) {
    (void)state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    struct mqtt_decoder decoder = {.version = MQTT_5_0, .sender = MQTT_SERVER, .rules = rules};
    for (size_t p = 0; p < COUNT_OF(text_places); p++)
        for (size_t length = 1; length <= LONGEST_TEXT; length++)
            for (size_t at = 0; at < length; at++)
                for (unsigned byte = 0; byte < 256; byte++) {
                    uint8_t text[LONGEST_TEXT], wire[LONGEST_WIRE];
                    memset(text, 'x', sizeof text);
                    text[at] = (uint8_t)byte;
                    size_t size = place_text(&text_places[p], text, length, wire);
                    uint8_t before[LONGEST_WIRE];
                    size_t offset = wire_bytes(text_places[p].before, before) + 2 + at;
                    expect_judgement(&decoder, wire, size, text_places[p].fits((uint8_t)byte), (uint32_t)offset,
                                     text_places[p].name);
                }
    free(rules);
}

/* ---- Sets: written, walked, searched ----------------------------------------------------------------------------- */

static void set_is_read_as_written(void **state) {
    (void)state;
    uint8_t set[1000];
    size_t length = 0;
    for (size_t i = 0; i < COUNT_OF(properties); i++) {
        struct mqtt_property property = sample(i);
        size_t before = length;
        for (size_t capacity = before; !mqtt_append_property(set, capacity, &length, &property); capacity++)
            assert_int_equal(length, before);
        assert_false(mqtt_append_property(set, before, &length, &property) && length < before);
    }
    uint8_t *exact = alone(set, length);
    struct mqtt_bytes rest = {exact, (uint32_t)length};
    for (size_t i = 0; i < COUNT_OF(properties); i++) {
        struct mqtt_property property;
        assert_true(mqtt_next_property(&rest, &property));
        assert_int_equal(property.identifier, properties[i].identifier);
        bool is_text = properties[i].form >= MQTT_UTF8_STRING;
        assert_int_equal(property.number, is_text ? 0 : 1);
        expect_bytes(property.bytes, is_text ? mqtt_text("text") : (struct mqtt_bytes){NULL, 0});
        assert_int_equal(property.value.length, properties[i].form == MQTT_UTF8_STRING_PAIR ? 5 : 0);
    }
    struct mqtt_property none;
    assert_false(mqtt_next_property(&rest, &none));
    free(exact);
}

static void set_that_is_cut_ends(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(properties); i++) {
        uint8_t set[100];
        size_t length = 0;
        struct mqtt_property property = sample(i);
        assert_true(mqtt_append_property(set, sizeof set, &length, &property));
        for (size_t cut = 0; cut < length; cut++) {
            uint8_t *exact = alone(set, cut);
            struct mqtt_bytes rest = {exact, (uint32_t)cut};
            assert_false(mqtt_next_property(&rest, &property));
            free(exact);
        }
    }
}

static void set_is_searched(void **state) {
    (void)state;
    static const uint8_t set[] = {0x21, 0, 9, 0x26, 0, 1, 'a', 0, 0, 0x26, 0, 1, 'b', 0, 1, 'c', 0x1F, 0, 2, 'o', 'k'};
    struct mqtt_bytes bytes = {set, sizeof set}, absent = {NULL, 0};
    struct mqtt_property property;
    assert_true(mqtt_find_property(bytes, MQTT_USER_PROPERTY, &property));
    expect_bytes(property.bytes, mqtt_text("a"));
    assert_false(mqtt_find_property(bytes, MQTT_TOPIC_ALIAS, &property));
    assert_false(mqtt_find_property(absent, MQTT_TOPIC_ALIAS, &property));
    assert_int_equal(mqtt_property_number(bytes, MQTT_RECEIVE_MAXIMUM, 5), 9);
    assert_int_equal(mqtt_property_number(bytes, MQTT_TOPIC_ALIAS_MAXIMUM, 5), 5);
    expect_bytes(mqtt_property_bytes(bytes, MQTT_REASON_STRING), mqtt_text("ok"));
    expect_bytes(mqtt_property_bytes(bytes, MQTT_CONTENT_TYPE), absent);
}

static void odd_properties_are_written_as_told(void **state) {
    (void)state;
    uint8_t set[20];
    size_t length = 0;
    static uint8_t long_text[65536];
    assert_true(mqtt_append_property(set, sizeof set, &length, &(struct mqtt_property){.identifier = 0x7E}));
    assert_true(
        mqtt_append_property(set, sizeof set, &length, &(struct mqtt_property){.identifier = MQTT_REASON_STRING}));
    assert_true(mqtt_append_property(
        set, sizeof set, &length, &(struct mqtt_property){.identifier = MQTT_SUBSCRIPTION_IDENTIFIER, .number = 128}));
    assert_memory_equal(set, "\x7e\x1f\x00\x00\x0b\x80\x01", length);
    assert_false(mqtt_append_property(
        set, sizeof set, &length,
        &(struct mqtt_property){.identifier = MQTT_REASON_STRING, .bytes = {long_text, sizeof long_text}}));
    size_t beyond = sizeof set + 1;
    assert_false(mqtt_append_property(set, sizeof set, &beyond, &(struct mqtt_property){.identifier = 1}));
    assert_int_equal(length, 7);
}

/* ---- Made to fit ------------------------------------------------------------------------------------------------- */

#define REASON_AND_USER                                                                                                \
    "\x1f\x00\x06"                                                                                                     \
    "reason"                                                                                                           \
    "\x26\x00\x01"                                                                                                     \
    "k"                                                                                                                \
    "\x00\x01"                                                                                                         \
    "v"

static const struct {
    const char *name;
    struct mqtt_packet packet;
    uint32_t maximum;
    bool fits;
    unsigned omission;
    size_t size;
} fits[] = {
    {"no limit", {.type = MQTT_PUBACK, .acknowledgement = {1, 0, BYTES(REASON_AND_USER)}}, 0, true, 0, 22},
    {"as it is", {.type = MQTT_PUBACK, .acknowledgement = {1, 0, BYTES(REASON_AND_USER)}}, 22, true, 0, 22},
    {"without User Properties",
     {.type = MQTT_PUBACK, .acknowledgement = {1, 0, BYTES(REASON_AND_USER)}},
     21,
     true,
     MQTT_OMIT_USER_PROPERTIES,
     15},
    {"without Reason String",
     {.type = MQTT_PUBACK, .acknowledgement = {1, 0, BYTES(REASON_AND_USER)}},
     14,
     true,
     MQTT_OMIT_REASON_STRING,
     13},
    {"without both",
     {.type = MQTT_SUBACK, .suback = {1, BYTES(REASON_AND_USER), BYTES("\x00")}},
     7,
     true,
     MQTT_OMIT_USER_PROPERTIES | MQTT_OMIT_REASON_STRING,
     6},
    {"not at all", {.type = MQTT_SUBACK, .suback = {1, BYTES(REASON_AND_USER), BYTES("\x00")}}, 5, false, 0, 0},
    {"other properties stay",
     {.type = MQTT_CONNACK, .connack = {0, 0, BYTES("\x21\x00\x09" REASON_AND_USER)}},
     9,
     true,
     MQTT_OMIT_USER_PROPERTIES | MQTT_OMIT_REASON_STRING,
     8},
    {"what is no property stays",
     {.type = MQTT_DISCONNECT,
      .disconnect = {0, BYTES("\x1f\x00\x06"
                              "reason\x7f\x7f")}},
     7,
     true,
     MQTT_OMIT_REASON_STRING,
     6},
    {"PUBLISH keeps its User Properties",
     {.type = MQTT_PUBLISH, .publish = {.topic = BYTES("a"), .properties = BYTES("\x26\x00\x00\x00\x00")}},
     8,
     false,
     0,
     0},
};

static void is_made_to_fit(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(fits); i++) {
        unsigned omission = 99;
        uint8_t buffer[100];
        bool fit = mqtt_omission_to_fit(MQTT_5_0, &fits[i].packet, fits[i].maximum, &omission);
        if (fit != fits[i].fits)
            fail_msg("%s", fits[i].name);
        if (!fit)
            continue;
        if (omission != fits[i].omission ||
            mqtt_encoded_size_without(MQTT_5_0, &fits[i].packet, omission) != fits[i].size)
            fail_msg("%s: omission %u, size %zu", fits[i].name, omission,
                     mqtt_encoded_size_without(MQTT_5_0, &fits[i].packet, omission));
        assert_int_equal(mqtt_encode_without(MQTT_5_0, &fits[i].packet, omission, buffer, sizeof buffer), fits[i].size);
    }
}

static void wire_cannot_carry_it(void **state) {
    (void)state;
    struct mqtt_packet packet = {.type = MQTT_PUBACK};
    unsigned omission;
    packet.acknowledgement.properties = (struct mqtt_bytes){(const uint8_t *)"", MQTT_MAXIMUM_REMAINING_LENGTH + 1};
    assert_int_equal(mqtt_encoded_size(MQTT_5_0, &packet), 0);
    assert_false(mqtt_omission_to_fit(MQTT_5_0, &packet, 0, &omission));
}

/* ---- Reason Codes ------------------------------------------------------------------------------------------------ */

static const struct {
    enum mqtt_type type;
    uint8_t reason_code;
    const char *name;
    bool allowed;
} reasons[] = {
    {MQTT_CONNACK, 0x00, "Success", true},
    {MQTT_DISCONNECT, 0x00, "Normal disconnection", true},
    {MQTT_SUBACK, 0x00, "Granted QoS 0", true},
    {MQTT_PINGREQ, 0x00, "Success", false},
    {MQTT_PUBACK, 0x10, "No matching subscribers", true},
    {MQTT_PUBREL, 0x10, "No matching subscribers", false},
    {MQTT_UNSUBACK, 0x11, "No subscription existed", true},
    {MQTT_AUTH, 0x19, "Re-authenticate", true},
    {MQTT_CONNACK, 0x8A, "Banned", true},
    {MQTT_DISCONNECT, 0x8A, "Banned", false},
    {MQTT_PUBCOMP, 0x92, "Packet Identifier not found", true},
    {MQTT_DISCONNECT, 0xA2, "Wildcard Subscriptions not supported", true},
    {MQTT_DISCONNECT, 0x03, NULL, false},
    {MQTT_CONNACK, 0xFF, NULL, false},
};

static void reason_has_its_name_and_packets(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        const char *name = mqtt_reason_name(reasons[i].type, reasons[i].reason_code);
        assert_int_equal(name == NULL, reasons[i].name == NULL);
        if (name != NULL)
            assert_string_equal(name, reasons[i].name);
        assert_int_equal(mqtt_reason_allowed(reasons[i].type, reasons[i].reason_code), reasons[i].allowed);
    }
}

/* After the tables of chapter 3. Table 2-6 gives 0x8C to DISCONNECT as well, the table of
 * DISCONNECT does not: who sends it can point to the standard. */
static const struct {
    enum mqtt_type type;
    const char *codes;
} codes[] = {
    {MQTT_CONNACK, "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f"},
    {MQTT_PUBACK, "00 10 80 83 87 90 91 97 99"},
    {MQTT_PUBREC, "00 10 80 83 87 90 91 97 99"},
    {MQTT_PUBREL, "00 92"},
    {MQTT_PUBCOMP, "00 92"},
    {MQTT_SUBACK, "00 01 02 80 83 87 8f 91 97 9e a1 a2"},
    {MQTT_UNSUBACK, "00 11 80 83 87 8f 91"},
    {MQTT_DISCONNECT, "00 04 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2"},
    {MQTT_AUTH, "00 18 19"},
    {MQTT_CONNECT, ""},
    {MQTT_PUBLISH, ""},
    {MQTT_SUBSCRIBE, ""},
    {MQTT_PINGREQ, ""},
};

static void packets_have_the_codes_of_their_tables(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        bool expected[256] = {false};
        uint8_t listed[LONGEST_WIRE];
        size_t count = wire_bytes(codes[i].codes, listed);
        for (size_t c = 0; c < count; c++)
            expected[listed[c]] = true;
        for (unsigned code = 0; code < 256; code++)
            if (mqtt_reason_allowed(codes[i].type, (uint8_t)code) != expected[code])
                fail_msg("0x%02X in %s", code, mqtt_type_name(codes[i].type));
    }
}

static void parts_of_any_packet(void **state) {
    static const struct mqtt_bytes set = BYTES("\x26\x00\x00\x00\x00");
    (void)state;
    for (unsigned type = 0; type < MQTT_TYPE_COUNT; type++) {
        struct mqtt_packet packet;
        memset(&packet, 0, sizeof packet);
        packet.type = (enum mqtt_type)type;
        bool has_properties = true, has_reason = true;
        switch (packet.type) {
        case MQTT_CONNECT:
            packet.connect.properties = set;
            has_reason = false;
            break;
        case MQTT_CONNACK:
            packet.connack = (struct mqtt_connack){0, 7, set};
            break;
        case MQTT_PUBLISH:
            packet.publish.properties = set;
            has_reason = false;
            break;
        case MQTT_PUBACK:
        case MQTT_PUBREC:
        case MQTT_PUBREL:
        case MQTT_PUBCOMP:
            packet.acknowledgement = (struct mqtt_acknowledgement){1, 7, set};
            break;
        case MQTT_SUBSCRIBE:
            packet.subscribe.properties = set;
            has_reason = false;
            break;
        case MQTT_SUBACK:
        case MQTT_UNSUBACK:
            packet.suback.properties = set;
            has_reason = false;
            break;
        case MQTT_UNSUBSCRIBE:
            packet.unsubscribe.properties = set;
            has_reason = false;
            break;
        case MQTT_DISCONNECT:
        case MQTT_AUTH:
            packet.disconnect = (struct mqtt_disconnect){7, set};
            break;
        default:
            has_properties = has_reason = false;
            break;
        }
        assert_int_equal(mqtt_packet_properties(&packet).length, has_properties ? set.length : 0);
        assert_int_equal(mqtt_packet_reason(&packet), has_reason ? 7 : 0);
    }
}

/* ---- Shared Subscriptions ---------------------------------------------------------------------------------------- */

static const struct {
    const char *filter;
    const char *share_name; /* NULL: it is none */
    const char *topic_filter;
} shares[] = {
    {"$share/g/a/b", "g", "a/b"}, {"$share/g//", "g", "/"}, {"$share/group/#", "group", "#"},
    {"$share/g/", NULL, NULL},    {"$share/g", NULL, NULL}, {"$share//a", NULL, NULL},
    {"$share/", NULL, NULL},      {"$share", NULL, NULL},   {"$Share/g/a", NULL, NULL},
    {"a/b", NULL, NULL},          {"", NULL, NULL},
};

static void shared_filter_is_taken_apart(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(shares); i++) {
        struct mqtt_bytes name, filter;
        bool is_shared = mqtt_shared_filter(mqtt_text(shares[i].filter), &name, &filter);
        if (is_shared != (shares[i].share_name != NULL))
            fail_msg("%s", shares[i].filter);
        if (!is_shared)
            continue;
        expect_bytes(name, mqtt_text(shares[i].share_name));
        expect_bytes(filter, mqtt_text(shares[i].topic_filter));
    }
}

/* ---- One packet after the other ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum mqtt_version version;
    const char *wire;
    uint32_t maximum;
    enum mqtt_status status;
    uint32_t packet_size;
} nexts[] = {
    {"nothing", MQTT_3_1_1, "", 0, MQTT_INCOMPLETE, 0},
    {"a header that is cut", MQTT_3_1_1, "30", 0, MQTT_INCOMPLETE, 0},
    {"a length that is cut", MQTT_3_1_1, "30 80", 0, MQTT_INCOMPLETE, 0},
    {"a packet that is cut", MQTT_3_1_1, "30 05 0001'a' 'x'", 0, MQTT_INCOMPLETE, 7},
    {"a packet of the size allowed", MQTT_3_1_1, "30 05 0001'a' 'xy'", 7, MQTT_OK, 7},
    {"one byte more", MQTT_3_1_1, "30 05 0001'a' 'xy'", 6, MQTT_REFUSED, 0},
    {"a length in two bytes for one", MQTT_3_1_1, "30 8400 0001'a' 'x'", 0, MQTT_OK, 7},
    {"a length in three bytes for one", MQTT_3_1_1, "30 848000 0001'a' 'x'", 0, MQTT_OK, 8},
    {"the same in 5.0", MQTT_5_0, "30 8400 0001'a' 00", 0, MQTT_REFUSED, 0},
    {"QoS 3", MQTT_3_1_1, "36 06 0001'a' 0001 'x'", 0, MQTT_REFUSED, 0},
    {"a PUBLISH of one byte", MQTT_3_1_1, "30 01 00 00", 0, MQTT_REFUSED, 3},
    {"a topic beyond the packet", MQTT_3_1_1, "30 03 0005'abcde'", 0, MQTT_REFUSED, 5},
    {"Packet Identifier beyond the packet", MQTT_3_1_1, "32 04 0001'a' 00 01", 0, MQTT_REFUSED, 6},
    {"Packet Identifier 0", MQTT_3_1_1, "32 05 0001'a' 0000", 0, MQTT_REFUSED, 7},
    {"a wildcard in a short topic", MQTT_3_1_1, "30 03 0001'+' ", 0, MQTT_REFUSED, 5},
    {"a wildcard in a long topic", MQTT_3_1_1, "30 0c 000a'abcdefghi#'", 0, MQTT_REFUSED, 14},
    {"no properties where they belong", MQTT_5_0, "30 03 0001'a'", 0, MQTT_REFUSED, 5},
    {"properties", MQTT_5_0, "30 06 0001'a' 02 01 01", 0, MQTT_OK, 8},
    {"another type", MQTT_5_0, "c0 00", 0, MQTT_OK, 2},
    {"PUBLISH first of all", MQTT_VERSION_UNKNOWN, "30 05 0001'a' 'xy'", 0, MQTT_REFUSED, 0},
};

static void next_packet(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(nexts); i++) {
        struct spec_rules *rules = calloc(1, sizeof *rules);
        assert_non_null(rules);
        struct mqtt_decoder decoder = {.version = nexts[i].version,
                                       .sender = MQTT_CLIENT,
                                       .maximum_packet_size = nexts[i].maximum,
                                       .rules = rules};
        uint8_t bytes[LONGEST_WIRE];
        size_t size = wire_bytes(nexts[i].wire, bytes);
        uint8_t *wire = alone(bytes, size);
        struct mqtt_packet packet;
        struct mqtt_error error;
        uint32_t packet_size = 99;
        enum mqtt_status status =
            mqtt_next(&decoder, (struct mqtt_bytes){wire, (uint32_t)size}, &packet, &packet_size, &error);
        if (status != nexts[i].status || packet_size != nexts[i].packet_size)
            fail_msg("%s: status %d, size %u", nexts[i].name, (int)status, (unsigned)packet_size);
        free(wire);
        free(rules);
    }
}

/* A PUBLISH at the ends of what one, two and three length bytes hold: one byte short, whole, and with others behind. */
static void next_packet_of_every_width(void **state) {
    static const uint32_t lengths[] = {127, 128, 255, 256, 16383, 16384, 65536};
    (void)state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    struct mqtt_decoder decoder = {.version = MQTT_5_0, .sender = MQTT_CLIENT, .rules = rules};
    uint8_t *payload = calloc(1, 65536);
    assert_non_null(payload);
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct mqtt_packet packet = {.type = MQTT_PUBLISH, .publish = {.topic = BYTES("topic")}}, back;
        packet.publish.payload = (struct mqtt_bytes){payload, lengths[i] - 8};
        size_t size = mqtt_encoded_size(MQTT_5_0, &packet);
        uint8_t *wire = malloc(3 * size);
        assert_non_null(wire);
        for (size_t copy = 0; copy < 3; copy++)
            assert_int_equal(mqtt_encode(MQTT_5_0, &packet, wire + copy * size, size), size);
        struct mqtt_error error;
        uint32_t packet_size;
        struct mqtt_bytes bytes = {wire, (uint32_t)size - 1};
        assert_int_equal(mqtt_next(&decoder, bytes, &back, &packet_size, &error), MQTT_INCOMPLETE);
        assert_int_equal(packet_size, size);
        packet.publish.properties = mqtt_text("");
        for (size_t copies = 1; copies <= 3; copies++) {
            bytes.length = (uint32_t)(copies * size);
            assert_int_equal(mqtt_next(&decoder, bytes, &back, &packet_size, &error), MQTT_OK);
            assert_int_equal(packet_size, size);
            expect_packet(&back, &packet);
        }
        free(wire);
    }
    free(payload);
    free(rules);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stands_where_it_may),
        cmocka_unit_test(has_its_name_and_form),
        cmocka_unit_test(every_byte_at_every_place_of_a_text),
        cmocka_unit_test(set_is_read_as_written),
        cmocka_unit_test(set_that_is_cut_ends),
        cmocka_unit_test(set_is_searched),
        cmocka_unit_test(odd_properties_are_written_as_told),
        cmocka_unit_test(is_made_to_fit),
        cmocka_unit_test(wire_cannot_carry_it),
        cmocka_unit_test(reason_has_its_name_and_packets),
        cmocka_unit_test(packets_have_the_codes_of_their_tables),
        cmocka_unit_test(parts_of_any_packet),
        cmocka_unit_test(shared_filter_is_taken_apart),
        cmocka_unit_test(next_packet),
        cmocka_unit_test(next_packet_of_every_width),
    };
    return cmocka_run_group_tests_name("codec: properties and Reason Codes", tests, NULL, NULL);
}
