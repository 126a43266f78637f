/* Mutation: what is lawful decodes, what is broken is refused for just that, and every way to break is reached. */
#include "codec/tests/valid_packets.h"

#include <stdio.h>

#include "fuzz/mutator_draft.h"
#include "fuzz/operations.h"
#include "fuzz/targets.h"

#define LAWFUL_MUTATIONS 2000u
#define BREAKS           200u
#define LONGEST          8192u
#define MOST_SOURCES     200u

/* ---- What is mutated -------------------------------------------------------------------------------------------- */

/* A packet that decodes. */
struct source {
    char name[100];
    struct mqtt_decoder decoder;
    enum mqtt_version version; /* of the packet */
    enum mqtt_type type;
    uint8_t bytes[LONGEST_WIRE];
    size_t size;
};

static struct source sources[MOST_SOURCES];
static size_t source_count;
static struct spec_rules rules; /* all in force */

static void add_valid_packets(void) {
    for (size_t i = 0; i < COUNT_OF(valid_packets); i++) {
        const struct valid_packet *row = &valid_packets[i];
        struct source *source = &sources[source_count++];
        snprintf(source->name, sizeof source->name, "%s", row->name);
        source->decoder = (struct mqtt_decoder){.version = row->version, .sender = row->sender, .rules = &rules};
        source->type = row->packet.type;
        source->version =
            row->packet.type == MQTT_CONNECT ? (enum mqtt_version)row->packet.connect.protocol_level : row->version;
        source->size = wire_bytes(row->wire, source->bytes);
    }
}

/* What the table of the codec's tests has not: each type in each version from each side. */
static void add_least_packets(enum mqtt_version version, enum mqtt_side sender) {
    for (unsigned type = MQTT_CONNECT; type < MQTT_TYPE_COUNT; type++) {
        if (!mqtt_may_send(sender, version, (enum mqtt_type)type))
            continue;
        struct source *source = &sources[source_count++];
        struct mqtt_packet packet = draft_least_packet(version, (enum mqtt_type)type, mqtt_text(""));
        snprintf(source->name, sizeof source->name, "%s: the least %s from %s", mqtt_version_name(version),
                 mqtt_type_name((enum mqtt_type)type), sender == MQTT_CLIENT ? "a Client" : "a Server");
        source->decoder = (struct mqtt_decoder){
            .version = type == MQTT_CONNECT ? MQTT_VERSION_UNKNOWN : version, .sender = sender, .rules = &rules};
        source->type = (enum mqtt_type)type;
        source->version = version;
        source->size = mqtt_encode(version, &packet, source->bytes, sizeof source->bytes);
    }
}

static void collect_sources(void) {
    add_valid_packets();
    for (unsigned version = MQTT_3_1; version <= MQTT_5_0; version++) {
        add_least_packets((enum mqtt_version)version, MQTT_CLIENT);
        add_least_packets((enum mqtt_version)version, MQTT_SERVER);
    }
}

/* Judges bytes that are one whole packet, in memory of their own. The packet's views are of no use afterwards. */
static enum mqtt_status judge(const struct mqtt_decoder *decoder, const uint8_t *data, size_t size,
                              struct mqtt_packet *packet, uint32_t *packet_size, struct mqtt_error *error) {
    uint8_t *copy = alone(data, size);
    *packet_size = 0;
    *error = (struct mqtt_error){.error_class = MQTT_NO_ERROR};
    enum mqtt_status status = mqtt_next(decoder, (struct mqtt_bytes){copy, (uint32_t)size}, packet, packet_size, error);
    free(copy);
    return status;
}

/* ---- Lawful -------------------------------------------------------------------------------------------------------
 */

static bool source_decodes(const struct source *source) {
    struct mqtt_packet packet;
    uint32_t packet_size;
    struct mqtt_error error;
    return judge(&source->decoder, source->bytes, source->size, &packet, &packet_size, &error) == MQTT_OK &&
           packet_size == source->size;
}

/* A chain of mutations, each of what the one before has made, begun anew from time to time. */
static void lawful_decodes(void **state) {
    const struct source *source = *state;
    struct random random = {source->size};
    uint8_t packets[2][LONGEST];
    size_t size = 0;
    unsigned changed = 0;
    assert_true(source_decodes(source));
    for (unsigned i = 0; i < LAWFUL_MUTATIONS; i++) {
        const uint8_t *before = packets[i % 2];
        uint8_t *after = packets[(i + 1) % 2];
        if (i % 10 == 0) {
            memcpy(packets[0], source->bytes, source->size);
            size = source->size;
        }
        size_t length = mutate_packet(&random, &source->decoder, MUTATION_LAWFUL,
                                      (struct mqtt_bytes){before, (uint32_t)size}, after, LONGEST);
        struct mqtt_packet packet;
        uint32_t packet_size;
        struct mqtt_error error;
        if (length == 0 || judge(&source->decoder, after, length, &packet, &packet_size, &error) != MQTT_OK ||
            packet_size != length || packet.type != source->type)
            fail_msg("mutation %u of %s: %zu bytes: %s", i, source->name, length, error.what);
        changed += length != size || memcmp(before, after, size) != 0;
        size = length;
    }
    bool has_content = source->size > 2 || source->version == MQTT_5_0;
    if (has_content && source->type != MQTT_PINGREQ && source->type != MQTT_PINGRESP)
        assert_true(changed > LAWFUL_MUTATIONS / 2);
}

/* ---- Broken ---------------------------------------------------------------------------------------------------------
 */

static bool is_unknown_protocol(const struct mqtt_packet *packet) {
    return packet->type == MQTT_CONNECT && packet->connect.client_identifier.data == NULL;
}

static void expect_broken(const struct breakage *row, const struct source *source, const uint8_t *data, size_t size) {
    struct mqtt_packet packet;
    uint32_t packet_size;
    struct mqtt_error error;
    enum mqtt_status status = judge(&source->decoder, data, size, &packet, &packet_size, &error);
    if (row->error_class == MQTT_NO_ERROR) {
        if (status != MQTT_OK || !is_unknown_protocol(&packet))
            fail_msg("%s, %s: its protocol is known", source->name, row->name);
        return;
    }
    if (status != MQTT_REFUSED)
        fail_msg("%s, %s: %s", source->name, row->name, status == MQTT_OK ? "decodes" : "wants more bytes");
    enum spec_statement statement = mutate_broken_statement(row, source->version, source->decoder.sender);
    if (error.error_class != row->error_class || error.statement != statement)
        fail_msg("%s, %s: refused for %s, class %d: %s; expected %s, class %d", source->name, row->name,
                 spec_name(error.statement), error.error_class, error.what, spec_name(statement), row->error_class);
}

/* Nothing else is wrong with it: where this one statement is off, the packet passes, or is refused for what all
 * packets share that do not end where they should. */
static void expect_nothing_else(const struct breakage *row, const struct source *source, const uint8_t *data,
                                size_t size) {
    enum spec_statement statement = mutate_broken_statement(row, source->version, source->decoder.sender);
    if (statement == SPEC_NONE || !spec_can_deviate(spec_row(statement)))
        return;
    struct spec_rules *off = calloc(1, sizeof *off);
    assert_non_null(off);
    spec_switch_off(off, statement);
    struct mqtt_decoder decoder = source->decoder;
    decoder.rules = off;
    struct mqtt_packet packet;
    uint32_t packet_size;
    struct mqtt_error error;
    enum mqtt_status status = judge(&decoder, data, size, &packet, &packet_size, &error);
    free(off);
    if (status == MQTT_REFUSED && error.statement != statement)
        fail_msg("%s, %s: with %s off it is refused for %s: %s", source->name, row->name, spec_name(statement),
                 spec_name(error.statement), error.what);
}

static unsigned version_bit(enum mqtt_version version) {
    return version == MQTT_3_1 ? BREAKS_3_1 : version == MQTT_3_1_1 ? BREAKS_3_1_1 : BREAKS_5_0;
}

/* In every packet that the row is for; of each version that it names, from each type, there is one at least. */
static void break_is_refused(void **state) {
    const struct breakage *row = *state;
    uint8_t broken[LONGEST];
    unsigned versions = 0;
    uint32_t types = 0;
    for (size_t i = 0; i < source_count; i++) {
        const struct source *source = &sources[i];
        struct random random = {i};
        for (unsigned k = 0; k < BREAKS; k++) {
            size_t size =
                mutate_break(&random, &source->decoder, row, (struct mqtt_bytes){source->bytes, (uint32_t)source->size},
                             broken, sizeof broken);
            if (size == 0)
                break;
            expect_broken(row, source, broken, size);
            expect_nothing_else(row, source, broken, size);
            versions |= version_bit(source->version);
            types |= MQTT_IN(source->type);
        }
    }
    assert_int_equal(versions, row->versions);
    assert_int_equal(types, row->packets);
}

/* The whole mutator picks rows by itself. */
static void broken_is_refused(void **state) {
    const struct source *source = *state;
    struct random random = {7};
    for (unsigned i = 0; i < LAWFUL_MUTATIONS; i++) {
        uint8_t out[LONGEST];
        size_t size = mutate_packet(&random, &source->decoder, MUTATION_BREAK,
                                    (struct mqtt_bytes){source->bytes, (uint32_t)source->size}, out, sizeof out);
        struct mqtt_packet packet;
        uint32_t packet_size;
        struct mqtt_error error;
        enum mqtt_status status = judge(&source->decoder, out, size, &packet, &packet_size, &error);
        if (status != MQTT_REFUSED && !(status == MQTT_OK && is_unknown_protocol(&packet)))
            fail_msg("break %u of %s is not refused", i, source->name);
    }
}

/* ---- Room
 * ------------------------------------------------------------------------------------------------------------- */

/* Where it does not fit, nothing is written beyond the end, and 0 is the answer. */
static void keeps_to_its_room(void **state) {
    (void)state;
    struct random random = {1};
    for (size_t i = 0; i < source_count; i++)
        for (size_t capacity = 0; capacity < 40; capacity++) {
            const struct source *source = &sources[i];
            uint8_t *out = malloc(capacity + 1);
            assert_non_null(out);
            out[capacity] = 0xA5;
            struct mqtt_bytes in = {source->bytes, (uint32_t)source->size};
            enum mutation mutation = random_one_in(&random, 2) ? MUTATION_BREAK : MUTATION_LAWFUL;
            assert_true(mutate_packet(&random, &source->decoder, mutation, in, out, capacity) <= capacity);
            assert_int_equal(out[capacity], 0xA5);
            free(out);
        }
}

/* What is refused before is changed all the same. */
static void changes_what_is_refused(void **state) {
    (void)state;
    static const uint8_t refused[] = {0x36, 5, 0, 1, 'a', 0, 1};
    struct mqtt_decoder decoder = {.version = MQTT_3_1_1, .sender = MQTT_CLIENT, .rules = &rules};
    struct random random = {2};
    unsigned changed = 0;
    for (unsigned i = 0; i < 100; i++) {
        uint8_t out[64];
        size_t size = mutate_packet(&random, &decoder, MUTATION_LAWFUL, (struct mqtt_bytes){refused, sizeof refused},
                                    out, sizeof out);
        changed += size != sizeof refused || memcmp(refused, out, size) != 0;
    }
    assert_true(changed > 80);
}

/* ---- Sets, streams, operations
 * ----------------------------------------------------------------------------------------- */

static void lawful_sets_decode(void **state) {
    (void)state;
    struct random random = {3};
    for (unsigned i = 0; i < 20000; i++) {
        enum mqtt_type type = (enum mqtt_type)(i % MQTT_TYPE_COUNT);
        enum mqtt_side sender =
            mqtt_may_send(MQTT_CLIENT, MQTT_5_0, type) || type == MQTT_RESERVED ? MQTT_CLIENT : MQTT_SERVER;
        if (type == MQTT_PINGREQ || type == MQTT_PINGRESP)
            continue;
        uint8_t set[LONGEST], packet_bytes[2 * LONGEST];
        size_t size = 0;
        for (unsigned k = 0; k < 3; k++)
            size = mutate_properties(&random, type, sender, MUTATION_LAWFUL, set, size, sizeof set);
        struct mqtt_packet packet = draft_least_packet(MQTT_5_0, type, (struct mqtt_bytes){set, (uint32_t)size});
        struct mqtt_decoder decoder = {.version = MQTT_5_0, .sender = sender, .rules = &rules};
        size_t length = mqtt_encode(MQTT_5_0, &packet, packet_bytes, sizeof packet_bytes);
        struct mqtt_packet decoded;
        uint32_t packet_size;
        struct mqtt_error error;
        if (judge(&decoder, packet_bytes, length, &decoded, &packet_size, &error) != MQTT_OK)
            fail_msg("set %u in %s: %s", i, mqtt_type_name(type), error.what);
    }
}

/* The packets of a stream that decode, up to the first that does not. */
static unsigned decodable(struct mqtt_decoder decoder, const uint8_t *data, size_t size) {
    unsigned count = 0;
    struct mqtt_packet packet;
    struct mqtt_error error;
    for (uint32_t packet_size; size > 0; count++) {
        if (mqtt_next(&decoder, (struct mqtt_bytes){data, (uint32_t)size}, &packet, &packet_size, &error) != MQTT_OK)
            break;
        data += packet_size;
        size -= packet_size;
    }
    return count;
}

static void streams_stay_streams(void **state) {
    (void)state;
    static const uint8_t begun[] = {0x30, 3, 0, 1, 'a', 0xC0, 0, 0x82, 6, 0, 1, 0, 1, '#', 1, 0x40, 2, 0, 1};
    struct mqtt_decoder decoder = {.version = MQTT_3_1_1, .sender = MQTT_CLIENT, .rules = &rules};
    struct random random = {4};
    unsigned whole = 0, total = 1000;
    for (unsigned i = 0; i < total; i++) {
        uint8_t *data = malloc(300);
        assert_non_null(data);
        memcpy(data, begun, sizeof begun);
        size_t size = mutate_stream(&random, &decoder, data, sizeof begun, 300,
                                    (struct mqtt_bytes){begun, i % 2 == 0 ? sizeof begun : 0});
        assert_true(size <= 300);
        whole += decodable(decoder, data, size) >= 4;
        free(data);
    }
    assert_true(whole > total / 3);
}

static const char *const structured[] = {"decode", "properties", "broker"};

/* From nothing, in memory of just the room given; and the same seed gives the same. */
static void inputs_grow_from_nothing(void **state) {
    const char *target = *state;
    static const size_t capacities[] = {1, 2, 3, 7, 64, 1000};
    for (size_t i = 0; i < COUNT_OF(capacities); i++) {
        size_t capacity = capacities[i], sizes[2] = {0, 0}, largest = 0;
        uint8_t *data[2] = {malloc(capacity), malloc(capacity)};
        assert_true(data[0] != NULL && data[1] != NULL);
        for (unsigned twice = 0; twice < 2; twice++) {
            struct random random = {5};
            for (unsigned k = 0; k < 3000; k++) {
                sizes[twice] = k % 30 == 0 ? 0 : sizes[twice];
                struct mqtt_bytes other = {k % 3 == 0 ? sources[k % source_count].bytes : NULL,
                                           k % 3 == 0 ? (uint32_t)sources[k % source_count].size : 0};
                assert_true(mutate_input(target, &random, data[twice], &sizes[twice], capacity, other));
                assert_true(sizes[twice] <= capacity);
                largest = sizes[twice] > largest ? sizes[twice] : largest;
            }
        }
        assert_int_equal(sizes[0], sizes[1]);
        assert_memory_equal(data[0], data[1], sizes[0]);
        assert_true(largest > capacity / 4);
        free(data[0]);
        free(data[1]);
    }
}

static void unknown_targets_are_left_alone(void **state) {
    (void)state;
    struct random random = {6};
    uint8_t data[4] = {1, 2, 3, 4};
    size_t size = 3;
    assert_false(mutate_input("capture", &random, data, &size, sizeof data, (struct mqtt_bytes){NULL, 0}));
    assert_int_equal(size, 3);
    assert_memory_equal(data, ((uint8_t[]){1, 2, 3, 4}), 4);
}

/* What the broker target's mutator makes of nothing leads clients through to messages. */
static void operations_reach_the_broker(void **state) {
    (void)state;
    struct random random = {8};
    uint32_t seen = 0;
    for (unsigned i = 0; i < 300; i++) {
        uint8_t data[400];
        size_t size = 0;
        for (unsigned k = 0; k < 10; k++)
            size = mutate_operations(&random, data, size, sizeof data, (struct mqtt_bytes){NULL, 0});
        struct fuzz_memory memory = {0};
        struct finding finding;
        if (!fuzz_broker(&memory, SPEC_NONE, NULL, data, size, &finding))
            fail_msg("input %u: %s", i, finding.what);
        fuzz_memory_end(&memory);
        for (size_t at = 2; at < size; at++)
            seen |= 1u << data[at] / FUZZ_CLIENTS % OPERATION_COUNT;
    }
    assert_int_equal(seen, (1u << OPERATION_COUNT) - 1);
}

int main(void) {
    static struct CMUnitTest tests[3 * MOST_SOURCES];
    size_t count = 0, breakage_count;
    const struct breakage *rows = mutate_breakages(&breakage_count);
    collect_sources();
    for (size_t i = 0; i < source_count; i++) {
        tests[count++] = (struct CMUnitTest){sources[i].name, lawful_decodes, NULL, NULL, &sources[i]};
        tests[count++] = (struct CMUnitTest){sources[i].name, broken_is_refused, NULL, NULL, &sources[i]};
    }
    for (size_t i = 0; i < breakage_count; i++)
        tests[count++] = (struct CMUnitTest){rows[i].name, break_is_refused, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (size_t i = 0; i < COUNT_OF(structured); i++)
        tests[count++] =
            (struct CMUnitTest){structured[i], inputs_grow_from_nothing, NULL, NULL, (void *)(uintptr_t)structured[i]};
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(keeps_to_its_room);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(changes_what_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(lawful_sets_decode);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(streams_stay_streams);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(unknown_targets_are_left_alone);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(operations_reach_the_broker);
    return _cmocka_run_group_tests("fuzz: mutator", tests, count, NULL, NULL);
}
