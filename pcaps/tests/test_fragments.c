/* IP packets in fragments: what is put together, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants the four above stdio.h. */
#include <cmocka.h>

#include "pcaps/fragments.h"

enum { V4, V6 };

/* A fragment of a text whose bytes tell their place: "0123..." A `length` of 0 ends the row. */
struct part {
    uint32_t packet; /* identification */
    uint32_t offset;
    uint32_t length;
    bool more;
    unsigned seconds;  /* when it comes */
    bool is_different; /* from what stands at that place */
    uint8_t protocol;
};

struct row {
    const char *name;
    int network;
    struct part parts[8];
    const char *told; /* "80 " for each whole packet of 80 bytes */
};

#define MORE(packet, offset, length)                                                                                   \
    { packet, offset, length, true, 0, false, 6 }
#define LAST(packet, offset, length)                                                                                   \
    { packet, offset, length, false, 0, false, 6 }

static const struct row rows[] = {
    {"in order", V4, {MORE(1, 0, 40), MORE(1, 40, 40), LAST(1, 80, 5)}, "85 "},
    {"backwards", V4, {LAST(1, 80, 5), MORE(1, 40, 40), MORE(1, 0, 40)}, "85 "},
    {"the middle at last", V4, {MORE(1, 0, 40), LAST(1, 80, 5), MORE(1, 40, 40)}, "85 "},
    {"one is missing", V4, {MORE(1, 0, 40), LAST(1, 80, 5)}, ""},
    {"the last is missing", V4, {MORE(1, 0, 40), MORE(1, 40, 40)}, ""},
    {"one comes twice", V4, {MORE(1, 0, 40), MORE(1, 0, 40), LAST(1, 40, 5)}, "45 "},
    {"the last comes twice", V4, {LAST(1, 40, 5), LAST(1, 40, 5), MORE(1, 0, 40)}, "45 "},
    {"the same again when it is whole begins another",
     V4,
     {MORE(1, 0, 40), LAST(1, 40, 5), MORE(1, 0, 40), LAST(1, 40, 5)},
     "45 45 "},
    {"two packets between each other", V4, {MORE(1, 0, 40), MORE(2, 0, 16), LAST(1, 40, 5), LAST(2, 16, 8)}, "45 24 "},
    {"part of one comes again", V4, {MORE(1, 0, 40), MORE(1, 8, 16), LAST(1, 40, 5)}, "45 "},
    {"two overlap", V4, {MORE(1, 0, 40), MORE(1, 32, 16), LAST(1, 48, 5)}, ""},
    {"one comes twice and differs", V4, {MORE(1, 0, 40), {1, 0, 40, true, 0, true, 6}, LAST(1, 40, 5)}, ""},
    {"one is behind the last", V4, {LAST(1, 40, 5), MORE(1, 48, 8), MORE(1, 0, 40)}, ""},
    {"the last is before another", V4, {MORE(1, 48, 8), LAST(1, 40, 5), MORE(1, 0, 40)}, ""},
    {"two are the last", V4, {LAST(1, 40, 5), LAST(1, 40, 16), MORE(1, 0, 40)}, ""},
    {"one that is not the last has an odd length", V4, {MORE(1, 0, 41), LAST(1, 40, 5)}, ""},
    {"one ends beyond the longest packet", V4, {LAST(1, 65528, 16), MORE(1, 0, 40)}, ""},
    {"the rest comes in time", V4, {{1, 0, 40, true, 0, false, 6}, {1, 40, 5, false, 30, false, 6}}, "45 "},
    {"the rest comes too late", V4, {{1, 0, 40, true, 0, false, 6}, {1, 40, 5, false, 31, false, 6}}, ""},
    {"another protocol is another packet", V4, {MORE(1, 0, 40), {1, 40, 5, false, 0, false, 17}}, ""},
    {"IPv6", V6, {MORE(1, 0, 40), LAST(1, 40, 5)}, "45 "},
    {"IPv6: the first tells the protocol", V6, {{1, 40, 5, false, 0, false, 60}, MORE(1, 0, 40)}, "45 "},
    {"IPv6: two overlap", V6, {MORE(1, 0, 40), MORE(1, 32, 16), LAST(1, 48, 5)}, ""},
};

/* The byte at a place of any whole packet. */
static uint8_t byte_at(uint32_t place) {
    return (uint8_t)(place * 7 + place / 256);
}

static void fill(struct fragment *fragment, const struct part *part, int network, uint8_t *data) {
    *fragment = (struct fragment){
        .source = {.address = {10, 0, 0, 1}, .is_ipv6 = network == V6},
        .destination = {.address = {10, 0, 0, 2}, .is_ipv6 = network == V6},
        .identification = part->packet,
        .protocol = part->protocol,
        .offset = part->offset,
        .is_last = !part->more,
        .data = {data, part->length},
    };
    for (uint32_t i = 0; i < part->length; i++)
        data[i] = (uint8_t)(byte_at(part->offset + i) ^ (part->is_different ? 1 : 0));
}

static void test_row(void **state) {
    const struct row *row = *state;
    struct fragments *fragments = fragments_create();
    char told[64] = "";
    assert_non_null(fragments);
    for (size_t i = 0; i < sizeof row->parts / sizeof row->parts[0] && row->parts[i].length > 0; i++) {
        uint8_t data[64];
        struct fragment fragment;
        struct mqtt_bytes payload;
        fill(&fragment, &row->parts[i], row->network, data);
        if (!fragments_add(fragments, &fragment, row->parts[i].seconds * MICROSECONDS_PER_SECOND, &payload))
            continue;
        for (uint32_t at = 0; at < payload.length; at++)
            assert_int_equal(payload.data[at], byte_at(at));
        snprintf(told + strlen(told), sizeof told - strlen(told), "%u ", payload.length);
    }
    fragments_destroy(fragments);
    if (strcmp(told, row->told) != 0)
        fail_msg("%s:\n  expected %s\n  received %s", row->name, row->told, told);
}

/* The oldest of too many is given up; the others are still put together. */
static void test_too_many(void **state) {
    (void)state;
    struct fragments *fragments = fragments_create();
    struct fragment fragment;
    struct mqtt_bytes payload;
    uint8_t data[64];
    size_t whole = 0;
    assert_non_null(fragments);
    for (uint32_t packet = 0; packet <= FRAGMENTS_MAXIMUM_PACKETS; packet++) {
        fill(&fragment, &(struct part)MORE(packet, 0, 40), V4, data);
        assert_false(fragments_add(fragments, &fragment, packet, &payload));
    }
    for (uint32_t packet = FRAGMENTS_MAXIMUM_PACKETS + 1; packet-- > 0;) {
        fill(&fragment, &(struct part)LAST(packet, 40, 8), V4, data);
        whole += fragments_add(fragments, &fragment, 100, &payload);
    }
    assert_int_equal(whole, FRAGMENTS_MAXIMUM_PACKETS);
    fragments_destroy(fragments);
}

int main(void) {
    enum { ROWS = sizeof rows / sizeof rows[0] };
    struct CMUnitTest tests[ROWS + 1];
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, (void *)&rows[i]};
    tests[ROWS] = (struct CMUnitTest)cmocka_unit_test(test_too_many);
    return cmocka_run_group_tests_name("pcaps: fragments", tests, NULL, NULL);
}
