/* pcapng files of blocks in both byte orders: what is read of them, and what is said of those that are damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the four above stdio.h. */
#include <cmocka.h>

#include "pcaps/pcapng.h"

/* ---- Building -------------------------------------------------------------------------------------------------- */

#define CAPACITY 4096u

struct file {
    uint8_t bytes[CAPACITY];
    size_t length;
    bool big_endian;
};

static void put(struct file *file, uint64_t value, size_t size) {
    assert_true(file->length + size <= CAPACITY);
    for (size_t i = 0; i < size; i++) {
        size_t shift = 8 * (file->big_endian ? size - 1 - i : i);
        file->bytes[file->length++] = (uint8_t)(value >> shift);
    }
}

enum kind { END, SECTION, INTERFACE, ENHANCED, SIMPLE, OLD, OTHER, RAW };

/* What the numbers mean depends on the kind. */
struct block {
    enum kind kind;
    uint32_t number; /* SECTION: 1 for big-endian; INTERFACE: link type; ENHANCED, OLD: interface; OTHER: type */
    uint32_t
        length;    /* INTERFACE: snapshot length; of packets: on the wire, and captured where 0 stands for the text's */
    uint64_t time; /* of ENHANCED and OLD */
    const char *text; /* of packets; options of INTERFACE, in hexadecimal; of RAW, bytes in hexadecimal */
};

static void put_text(struct file *file, const char *text) {
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        put(file, (uint8_t)text[i], 1);
    for (; length % 4 != 0; length++)
        put(file, 0, 1);
}

static void put_hex(struct file *file, const char *text) {
    for (; text != NULL && text[0] != '\0'; text += 2) {
        char digits[3] = {text[0], text[1], '\0'};
        put(file, strtoul(digits, NULL, 16), 1);
    }
}

static void put_body(struct file *file, const struct block *block) {
    uint32_t captured = block->text != NULL ? (uint32_t)strlen(block->text) : 0;
    uint32_t claimed = block->length != 0 ? block->length : captured;
    switch (block->kind) {
    case SECTION:
        put(file, 0x1A2B3C4D, 4);
        put(file, 1, 2);
        put(file, 0, 2);
        put(file, UINT64_MAX, 8);
        break;
    case INTERFACE:
        put(file, block->number, 2);
        put(file, 0, 2);
        put(file, block->length, 4);
        put_hex(file, block->text);
        break;
    case ENHANCED:
    case OLD:
        put(file, block->number, block->kind == OLD ? 2 : 4);
        if (block->kind == OLD)
            put(file, 0xFFFF, 2);
        put(file, block->time >> 32, 4);
        put(file, block->time & 0xFFFFFFFF, 4);
        put(file, claimed, 4);
        put(file, claimed, 4);
        put_text(file, block->text);
        break;
    case SIMPLE:
        put(file, claimed, 4);
        put_text(file, block->text);
        break;
    default:
        put_text(file, "something else that is passed over");
    }
}

static void put_block(struct file *file, const struct block *block) {
    static const uint32_t types[] = {
        [SECTION] = 0x0A0D0D0A, [INTERFACE] = 1, [ENHANCED] = 6, [SIMPLE] = 3, [OLD] = 2, [OTHER] = 0};
    if (block->kind == RAW) {
        put_hex(file, block->text);
        return;
    }
    if (block->kind == SECTION)
        file->big_endian = block->number == 1;
    size_t start = file->length;
    put(file, block->kind == OTHER ? block->number : types[block->kind], 4);
    put(file, 0, 4);
    put_body(file, block);
    size_t end = file->length + 4;
    put(file, end - start, 4);
    file->length = start + 4;
    put(file, end - start, 4);
    file->length = end;
}

/* ---- Reading --------------------------------------------------------------------------------------------------- */

struct row {
    const char *name;
    struct block blocks[8];
    const char *told; /* "1:abc@1500000 " for each packet: link type, text, microseconds; then what is wrong */
};

#define ETHERNET                                                                                                       \
    { INTERFACE, 1, 0, 0, NULL }
#define LITTLE                                                                                                         \
    { SECTION, 0, 0, 0, NULL }
#define BIG                                                                                                            \
    { SECTION, 1, 0, 0, NULL }
#define RESOLUTION                                                                                                     \
    "0900"                                                                                                             \
    "0100"

/* clang-format off */
static const struct row rows[] = {
    {"little-endian", {LITTLE, ETHERNET, {ENHANCED, 0, 0, 1500000, "abc"}}, "1:abc@1500000 "},
    {"big-endian", {BIG, ETHERNET, {ENHANCED, 0, 0, 1500000, "abc"}}, "1:abc@1500000 "},
    {"a time above 32 bits", {LITTLE, ETHERNET, {ENHANCED, 0, 0, UINT64_C(1700000000000000), "abc"}},
     "1:abc@1700000000000000 "},
    {"two link types", {LITTLE, ETHERNET, {INTERFACE, 113, 0, 0, NULL}, {ENHANCED, 1, 0, 1, "abcd"}, {ENHANCED, 0, 0,
     2, "e"}},
     "113:abcd@1 1:e@2 "},
    {"two snapshot lengths", {LITTLE, ETHERNET, {INTERFACE, 1, 96, 0, NULL}, {ENHANCED, 1, 0, 1, "abcd"}}, "1:abcd@1 "},
    {"two sections of different order", {LITTLE, ETHERNET, {ENHANCED, 0, 0, 1, "abc"}, BIG, {INTERFACE, 9, 0, 0, NULL},
     {ENHANCED, 0, 0, 2, "def"}}, "1:abc@1 9:def@2 "},
    {"a section forgets the interfaces before", {LITTLE, ETHERNET, LITTLE, {ENHANCED, 0, 0, 1, "abc"}},
     "a packet is of an interface that is not described"},
    {"a simple packet", {LITTLE, ETHERNET, {SIMPLE, 0, 0, 0, "abcde"}}, "1:abcde@0 "},
    {"a simple packet that was cut", {LITTLE, {INTERFACE, 1, 2, 0, NULL}, {SIMPLE, 0, 100, 0, "ab"}}, "1:ab@0 "},
    {"a simple packet without interface", {LITTLE, {SIMPLE, 0, 0, 0, "ab"}},
     "a packet is of an interface that is not described"},
    {"an old packet", {LITTLE, ETHERNET, {OLD, 0, 0, 7, "abc"}}, "1:abc@7 "},
    {"others are passed over", {LITTLE, {OTHER, 5, 0, 0, NULL}, ETHERNET, {OTHER, 0x80000001, 0, 0, NULL},
     {ENHANCED, 0, 0, 1, "abc"}, {OTHER, 10, 0, 0, NULL}}, "1:abc@1 "},
    {"an empty packet", {LITTLE, ETHERNET, {ENHANCED, 0, 0, 1, ""}}, "1:@1 "},
    {"nothing but a section", {LITTLE}, ""},
    /* Resolutions: one option, code 9. */
    {"nanoseconds", {LITTLE, {INTERFACE, 1, 0, 0, RESOLUTION "09000000"}, {ENHANCED, 0, 0, 1500000999, "a"}},
     "1:a@1500000 "},
    {"milliseconds", {LITTLE, {INTERFACE, 1, 0, 0, RESOLUTION "03000000"}, {ENHANCED, 0, 0, 1500, "a"}},
     "1:a@1500000 "},
    {"seconds", {LITTLE, {INTERFACE, 1, 0, 0, RESOLUTION "00000000"}, {ENHANCED, 0, 0, 15, "a"}}, "1:a@15000000 "},
    {"halves of seconds", {LITTLE, {INTERFACE, 1, 0, 0, RESOLUTION "81000000"}, {ENHANCED, 0, 0, 3, "a"}},
     "1:a@1500000 "},
    {"1/2^32 of a second", {LITTLE, {INTERFACE, 1, 0, 0, RESOLUTION "a0000000"}, {ENHANCED, 0, 0, UINT64_C(3) << 31,
     "a"}},
     "1:a@1500000 "},
    {"1/2^63 of a second", {LITTLE, {INTERFACE, 1, 0, 0, RESOLUTION "bf000000"}, {ENHANCED, 0, 0, UINT64_C(3) << 62,
     "a"}},
     "1:a@1500000 "},
    {"1/2^127 of a second", {LITTLE, {INTERFACE, 1, 0, 0, RESOLUTION "ff000000"}, {ENHANCED, 0, 0, UINT64_MAX, "a"}},
     "1:a@0 "},
    {"1/10^127 of a second", {LITTLE, {INTERFACE, 1, 0, 0, RESOLUTION "7f000000"}, {ENHANCED, 0, 0, 5, "a"}}, "1:a@0 "},
    {"an offset of seconds", {LITTLE, {INTERFACE, 1, 0, 0, "0e000800" "0a00000000000000"}, {ENHANCED, 0, 0, 1, "a"}},
     "1:a@10000001 "},
    {"an offset before 1970", {LITTLE, {INTERFACE, 1, 0, 0, "0e000800" "f6ffffffffffffff"}, {ENHANCED, 0, 0, 1,
     "a"}}, "1:a@0 "},
    {"an offset beyond all times", {LITTLE, {INTERFACE, 1, 0, 0, "0e000800" "ffffffffffffff7f"}, {ENHANCED, 0, 0, 1,
     "a"}},
     "1:a@0 "},
    {"an option that is longer than its block", {LITTLE, {INTERFACE, 1, 0, 0, "0900ff00" "03000000"}, {ENHANCED, 0,
     0, 1, "a"}},
     "1:a@1 "},
    /* Damage. */
    {"a packet longer than its block", {LITTLE, ETHERNET, {ENHANCED, 0, 5, 1, "abc"}},
     "a packet is longer than its block"},
    {"a packet's length beyond all", {LITTLE, ETHERNET, {ENHANCED, 0, UINT32_MAX, 1, "abc"}},
     "a packet is longer than its block"},
    {"a block without end", {LITTLE, {RAW, 0, 0, 0, "0600000020000000" "00000000"}}, "the file ends within a block"},
    {"a block without body", {LITTLE, {RAW, 0, 0, 0, "060000000c0000000c000000"}}, "a packet's block is too short"},
    {"a block of no length", {LITTLE, {RAW, 0, 0, 0, "060000000000000000000000"}},
     "a block has a length that it cannot have"},
    {"a block of an odd length", {LITTLE, {RAW, 0, 0, 0, "060000000d0000000000000000"}},
     "a block has a length that it cannot have"},
    {"a block of 4 GiB", {LITTLE, {RAW, 0, 0, 0, "06000000fcffffff00000000"}},
     "a block has a length that it cannot have"},
    {"two lengths that differ", {LITTLE, {RAW, 0, 0, 0, "050000001000000000000000" "14000000"}},
     "a block ends with another length than it begins with"},
    {"no byte-order magic", {{RAW, 0, 0, 0, "0a0d0d0a1c00000000000000"}}, "a section header has no byte-order magic"},
};
/* clang-format on */

static void read_all(const uint8_t *bytes, size_t length, char *told, size_t size) {
    struct pcapng_packet packet;
    enum pcapng_result result;
    size_t used = 0;
    FILE *file = fmemopen((void *)(uintptr_t)bytes, length, "rb");
    assert_non_null(file);
    assert_true(pcapng_begins(file));
    struct pcapng *reader = pcapng_create(file);
    assert_non_null(reader);
    told[0] = '\0';
    while ((result = pcapng_next(reader, &packet)) == PCAPNG_PACKET && used < size)
        used += (size_t)snprintf(told + used, size - used, "%d:%.*s@%llu ", packet.link_type, (int)packet.data.length,
                                 (const char *)packet.data.data, (unsigned long long)packet.time);
    if (result == PCAPNG_DAMAGED && used < size)
        snprintf(told + used, size - used, "%s", pcapng_reason(reader));
    pcapng_destroy(reader);
    fclose(file);
}

static void build(const struct row *row, struct file *file) {
    *file = (struct file){.length = 0};
    for (size_t i = 0; i < sizeof row->blocks / sizeof row->blocks[0] && row->blocks[i].kind != END; i++)
        put_block(file, &row->blocks[i]);
}

static void test_row(void **state) {
    const struct row *row = *state;
    struct file file;
    char told[512];
    build(row, &file);
    read_all(file.bytes, file.length, told, sizeof told);
    if (strcmp(told, row->told) != 0)
        fail_msg("%s:\n  expected %s\n  received %s", row->name, row->told, told);
}

/* In memory of exactly that length; what was read before the cut stays what it is. */
static void test_cut_anywhere(void **state) {
    (void)state;
    struct file file;
    char whole[512], told[512];
    build(&rows[5], &file);
    read_all(file.bytes, file.length, whole, sizeof whole);
    for (size_t length = 1; length < file.length; length++) {
        uint8_t *exact = malloc(length);
        assert_non_null(exact);
        memcpy(exact, file.bytes, length);
        read_all(exact, length, told, sizeof told);
        free(exact);
        char *reason = strstr(told, "the file ends within a block");
        if (reason != NULL)
            *reason = '\0';
        if (strncmp(told, whole, strlen(told)) != 0)
            fail_msg("cut at %zu: %s", length, told);
    }
}

/* Whatever a byte becomes, the reader comes to an end. */
static void test_any_byte_changed(void **state) {
    (void)state;
    struct file file;
    char told[512];
    build(&rows[5], &file);
    for (size_t at = 1; at < file.length; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            file.bytes[at] ^= (uint8_t)(1u << bit);
            read_all(file.bytes, file.length, told, sizeof told);
            file.bytes[at] ^= (uint8_t)(1u << bit);
        }
    }
}

int main(void) {
    enum { ROWS = sizeof rows / sizeof rows[0] };
    struct CMUnitTest tests[ROWS + 2];
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, (void *)&rows[i]};
    tests[ROWS] = (struct CMUnitTest)cmocka_unit_test(test_cut_anywhere);
    tests[ROWS + 1] = (struct CMUnitTest)cmocka_unit_test(test_any_byte_changed);
    return cmocka_run_group_tests_name("pcaps: pcapng", tests, NULL, NULL);
}
