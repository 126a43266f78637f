/* Packets of random content, always the same ones: what is encoded decodes to the same fields, and bytes changed at
 * random never lead the codec out of what it was given. */
#include "codec/tests/wire.h"

#define ROUNDS  20000u
#define LONGEST 400u

/* xorshift, so that a run repeats. */
static uint32_t draw(uint64_t *seed, uint32_t below) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 32) % below;
}

/* Where a random packet's bytes lie. */
struct source {
    uint64_t seed;
    uint8_t bytes[2 * LONGEST];
    size_t used;
};

static uint8_t *take(struct source *source, uint32_t length) {
    assert_true(source->used + length <= sizeof source->bytes);
    uint8_t *bytes = source->bytes + source->used;
    source->used += length;
    return bytes;
}

static struct mqtt_bytes random_bytes(struct source *source, uint32_t longest) {
    uint32_t length = draw(&source->seed, longest + 1);
    uint8_t *bytes = take(source, length);
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)draw(&source->seed, 256);
    return (struct mqtt_bytes){bytes, length};
}

/* Well-formed, with at least one character, and without wildcards. */
static struct mqtt_bytes random_text(struct source *source, uint32_t most) {
    static const char *const characters[] = {
        "a", "Z", "/", "$", " ", "\x01", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\x8d"};
    uint32_t count = 1 + draw(&source->seed, most);
    uint8_t *start = take(source, 0);
    uint32_t length = 0;
    for (; count > 0; count--) {
        const char *character = characters[draw(&source->seed, COUNT_OF(characters))];
        memcpy(take(source, (uint32_t)strlen(character)), character, strlen(character));
        length += (uint32_t)strlen(character);
    }
    return (struct mqtt_bytes){start, length};
}

static uint16_t random_identifier(struct source *source) {
    return (uint16_t)(1 + draw(&source->seed, 65535));
}

static struct mqtt_bytes random_filters(struct source *source, bool with_options, uint32_t *count) {
    uint8_t *list = take(source, 150);
    size_t length = 0;
    *count = 1 + draw(&source->seed, 4);
    for (uint32_t i = 0; i < *count; i++) {
        static const char *const wild[] = {"#", "+", "a/#", "+/b/+", "/+"};
        struct mqtt_bytes filter =
            draw(&source->seed, 2) == 0 ? random_text(source, 6) : mqtt_text(wild[draw(&source->seed, COUNT_OF(wild))]);
        uint8_t qos = (uint8_t)draw(&source->seed, 3);
        assert_true(mqtt_append_filter(list, 150, &length, filter, with_options ? &qos : NULL));
    }
    return (struct mqtt_bytes){list, (uint32_t)length};
}

static struct mqtt_connect random_connect(struct source *source, enum mqtt_version version) {
    struct mqtt_connect connect = {.protocol_name = mqtt_text(version == MQTT_3_1 ? "MQIsdp" : "MQTT"),
                                   .protocol_level = (uint8_t)version,
                                   .flags = (uint8_t)(draw(&source->seed, 2) * MQTT_CONNECT_CLEAN_SESSION),
                                   .keep_alive = (uint16_t)draw(&source->seed, 65536),
                                   .client_identifier = random_text(source, 8)};
    if (draw(&source->seed, 2) == 0) {
        connect.flags |= MQTT_CONNECT_WILL | draw(&source->seed, 3) << MQTT_CONNECT_WILL_QOS_SHIFT;
        connect.flags |= draw(&source->seed, 2) * MQTT_CONNECT_WILL_RETAIN;
        connect.will_topic = random_text(source, 8);
        connect.will_message = random_bytes(source, 20);
    }
    if (draw(&source->seed, 2) == 0) {
        connect.flags |= MQTT_CONNECT_USER_NAME;
        connect.user_name = random_text(source, 8);
        if (draw(&source->seed, 2) == 0) {
            connect.flags |= MQTT_CONNECT_PASSWORD;
            connect.password = random_bytes(source, 20);
        }
    }
    return connect;
}

static void random_publish(struct source *source, struct mqtt_packet *packet) {
    uint32_t qos = draw(&source->seed, 3);
    packet->flags = (uint8_t)(qos << MQTT_PUBLISH_QOS_SHIFT | draw(&source->seed, 2));
    packet->publish.topic = random_text(source, 12);
    packet->publish.payload = random_bytes(source, 150);
    if (qos > 0) {
        packet->flags |= draw(&source->seed, 2) * MQTT_PUBLISH_DUP;
        packet->publish.packet_identifier = random_identifier(source);
    }
}

static struct mqtt_packet random_packet(struct source *source, enum mqtt_version version) {
    struct mqtt_packet packet;
    memset(&packet, 0, sizeof packet);
    packet.type = (enum mqtt_type)(MQTT_CONNECT + draw(&source->seed, MQTT_DISCONNECT));
    packet.flags = mqtt_required_flags(packet.type);
    switch (packet.type) {
    case MQTT_CONNECT:
        packet.connect = random_connect(source, version);
        break;
    case MQTT_CONNACK:
        packet.connack.code = (uint8_t)draw(&source->seed, 6);
        packet.connack.acknowledge_flags = packet.connack.code == 0 ? (uint8_t)draw(&source->seed, 2) : 0;
        break;
    case MQTT_PUBLISH:
        random_publish(source, &packet);
        break;
    case MQTT_SUBSCRIBE:
        packet.subscribe.packet_identifier = random_identifier(source);
        packet.subscribe.filters = random_filters(source, true, &packet.subscribe.count);
        break;
    case MQTT_UNSUBSCRIBE:
        packet.unsubscribe.packet_identifier = random_identifier(source);
        packet.unsubscribe.filters = random_filters(source, false, &packet.unsubscribe.count);
        break;
    case MQTT_SUBACK: {
        uint32_t count = 1 + draw(&source->seed, 5);
        uint8_t *codes = take(source, count);
        for (uint32_t i = 0; i < count; i++)
            codes[i] = (uint8_t)draw(&source->seed, 3);
        packet.suback.packet_identifier = random_identifier(source);
        packet.suback.codes = (struct mqtt_bytes){codes, count};
        break;
    }
    case MQTT_PINGREQ:
    case MQTT_PINGRESP:
    case MQTT_DISCONNECT:
        break;
    default:
        packet.acknowledgement.packet_identifier = random_identifier(source);
        break;
    }
    return packet;
}

static struct mqtt_decoder decoder_for(const struct mqtt_packet *packet, enum mqtt_version version,
                                       struct spec_rules *rules) {
    return (struct mqtt_decoder){.version = version,
                                 .sender =
                                     mqtt_may_send(MQTT_CLIENT, version, packet->type) ? MQTT_CLIENT : MQTT_SERVER,
                                 .rules = rules};
}

static void packets_come_back(void **state) {
    (void)state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    spec_count_visits(rules);
    struct source source = {.seed = 20260101};
    for (unsigned round = 0; round < ROUNDS; round++) {
        enum mqtt_version version = round % 2 == 0 ? MQTT_3_1_1 : MQTT_3_1;
        source.used = 0;
        struct mqtt_packet packet = random_packet(&source, version);
        uint8_t encoded[LONGEST];
        size_t size = mqtt_encode(version, &packet, encoded, sizeof encoded);
        assert_in_range(size, 2, sizeof encoded);
        assert_int_equal(mqtt_encoded_size(version, &packet), size);
        uint8_t *wire = alone(encoded, size);
        struct mqtt_decoder decoder = decoder_for(&packet, version, rules);
        struct result result = receive(&decoder, wire, size);
        if (result.status != MQTT_OK)
            fail_msg("round %u, %s: %s", round, mqtt_type_name(packet.type), result.error.what);
        assert_int_equal(result.frame.packet_size, size);
        expect_packet(&result.packet, &packet);
        free(wire);
    }
    for (size_t statement = 0; statement < SPEC_COUNT; statement++)
        if (statement != V311(3_1_2_11)) /* also asked for where it holds */
            assert_int_equal(rules->reached[statement], 0);
    free(rules);
}

/* ---- Changed at random ------------------------------------------------------------------------------------------- */

struct bounds {
    const uint8_t *start;
    const uint8_t *end;
    unsigned fields;
};

static void lies_within(void *context, const struct mqtt_field *field) {
    struct bounds *bounds = context;
    bounds->fields++;
    if (field->kind != MQTT_FIELD_TEXT && field->kind != MQTT_FIELD_BINARY)
        return;
    assert_true(field->bytes.data >= bounds->start && field->bytes.data <= bounds->end);
    assert_true(field->bytes.length <= (size_t)(bounds->end - field->bytes.data));
}

/* Some statements off, another set each time: their checks fall away, those of the bounds never do. */
static void switch_off_some(struct spec_rules *rules, uint64_t *seed) {
    uint32_t share = 1 + draw(seed, 4);
    for (size_t statement = 0; statement < SPEC_COUNT; statement++)
        (draw(seed, share) == 0 ? spec_switch_off : spec_switch_on)(rules, (enum spec_statement)statement);
}

static void expect_within_bounds(const struct mqtt_decoder *decoder, const uint8_t *data, size_t size,
                                 unsigned accepted[MQTT_TYPE_COUNT]) {
    uint8_t *wire = alone(data, size);
    struct result result = receive(decoder, wire, size);
    if (result.status == MQTT_OK) {
        struct bounds bounds = {wire, wire + result.frame.packet_size, 0};
        char line[1000];
        mqtt_visit_fields(decoder->version, &result.packet, lies_within, &bounds);
        assert_in_range(mqtt_describe(decoder->version, &result.packet, line, sizeof line), 6, sizeof line - 1);
        accepted[result.packet.type]++;
    }
    if (result.status == MQTT_REFUSED)
        assert_true(result.error.offset <= size && result.error.error_class != MQTT_NO_ERROR);
    free(wire);
}

static void changed_bytes_stay_within_bounds(void **state) {
    (void)state;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    unsigned accepted[MQTT_TYPE_COUNT] = {0};
    struct source source = {.seed = 20260102};
    for (unsigned round = 0; round < ROUNDS; round++) {
        enum mqtt_version version = round % 2 == 0 ? MQTT_3_1_1 : MQTT_3_1;
        source.used = 0;
        struct mqtt_packet packet = random_packet(&source, version);
        uint8_t encoded[LONGEST];
        size_t size = mqtt_encode(version, &packet, encoded, sizeof encoded);
        if (round % 64 < 2)
            switch_off_some(rules, &source.seed);
        for (uint32_t changes = 1 + draw(&source.seed, 3); changes > 0; changes--)
            encoded[draw(&source.seed, (uint32_t)size)] ^= (uint8_t)(1u << draw(&source.seed, 8));
        struct mqtt_decoder decoder = decoder_for(&packet, version, rules);
        expect_within_bounds(&decoder, encoded, size, accepted);
    }
    for (unsigned type = MQTT_CONNECT; type <= MQTT_DISCONNECT; type++)
        assert_true(accepted[type] > 0);
    free(rules);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_come_back),
        cmocka_unit_test(changed_bytes_stay_within_bounds),
    };
    return cmocka_run_group_tests_name("codec: random packets", tests, NULL, NULL);
}
