/* UTF-8 as section 1.5.3 wants it. */
#include "codec/tests/wire.h"

struct text_row {
    const char *name;
    struct mqtt_bytes text;
    enum mqtt_text_fault fault;
    uint32_t offset;
};

static const struct text_row text_rows[] = {
    {"empty", BYTES(""), MQTT_TEXT_FINE, 0},
    {"U+0000", BYTES("\0"), MQTT_TEXT_NULL, 0},
    {"U+0001", BYTES("\x01"), MQTT_TEXT_FINE, 0},
    {"U+007F", BYTES("\x7f"), MQTT_TEXT_FINE, 0},
    {"U+0080", BYTES("\xc2\x80"), MQTT_TEXT_FINE, 0},
    {"U+07FF", BYTES("\xdf\xbf"), MQTT_TEXT_FINE, 0},
    {"U+0800", BYTES("\xe0\xa0\x80"), MQTT_TEXT_FINE, 0},
    {"U+D7FF", BYTES("\xed\x9f\xbf"), MQTT_TEXT_FINE, 0},
    {"U+D800, a surrogate", BYTES("\xed\xa0\x80"), MQTT_TEXT_ILL_FORMED, 0},
    {"U+DFFF, a surrogate", BYTES("\xed\xbf\xbf"), MQTT_TEXT_ILL_FORMED, 0},
    {"a pair of surrogates", BYTES("\xed\xa0\xbd\xed\xb8\x80"), MQTT_TEXT_ILL_FORMED, 0},
    {"U+E000", BYTES("\xee\x80\x80"), MQTT_TEXT_FINE, 0},
    {"U+FEFF", BYTES("\xef\xbb\xbf"), MQTT_TEXT_FINE, 0},
    {"U+FFFE, not a character", BYTES("\xef\xbf\xbe"), MQTT_TEXT_FINE, 0},
    {"U+FFFF, not a character", BYTES("\xef\xbf\xbf"), MQTT_TEXT_FINE, 0},
    {"U+10000", BYTES("\xf0\x90\x80\x80"), MQTT_TEXT_FINE, 0},
    {"U+10FFFF", BYTES("\xf4\x8f\xbf\xbf"), MQTT_TEXT_FINE, 0},
    {"U+110000", BYTES("\xf4\x90\x80\x80"), MQTT_TEXT_ILL_FORMED, 0},
    {"first byte F5", BYTES("\xf5\x80\x80\x80"), MQTT_TEXT_ILL_FORMED, 0},
    {"first byte FE", BYTES("\xfe"), MQTT_TEXT_ILL_FORMED, 0},
    {"first byte FF", BYTES("\xff"), MQTT_TEXT_ILL_FORMED, 0},
    {"five bytes", BYTES("\xf8\x88\x80\x80\x80"), MQTT_TEXT_ILL_FORMED, 0},
    {"overlong U+0000", BYTES("\xc0\x80"), MQTT_TEXT_ILL_FORMED, 0},
    {"overlong /", BYTES("\xc0\xaf"), MQTT_TEXT_ILL_FORMED, 0},
    {"overlong U+007F", BYTES("\xc1\xbf"), MQTT_TEXT_ILL_FORMED, 0},
    {"overlong U+07FF", BYTES("\xe0\x9f\xbf"), MQTT_TEXT_ILL_FORMED, 0},
    {"overlong U+FFFF", BYTES("\xf0\x8f\xbf\xbf"), MQTT_TEXT_ILL_FORMED, 0},
    {"a stray continuation", BYTES("\x80"), MQTT_TEXT_ILL_FORMED, 0},
    {"a stray continuation behind a character", BYTES("\xc3\xa9\xa9"), MQTT_TEXT_ILL_FORMED, 2},
    {"one byte of two", BYTES("\xc3"), MQTT_TEXT_ILL_FORMED, 0},
    {"one byte of three", BYTES("a\xe2"), MQTT_TEXT_ILL_FORMED, 1},
    {"two bytes of three", BYTES("ab\xe2\x82"), MQTT_TEXT_ILL_FORMED, 2},
    {"three bytes of four", BYTES("\xf0\x9f\x8c"), MQTT_TEXT_ILL_FORMED, 0},
    {"second byte no continuation", BYTES("\xc3("), MQTT_TEXT_ILL_FORMED, 0},
    {"third byte no continuation", BYTES("\xe2\x82("), MQTT_TEXT_ILL_FORMED, 0},
    {"fourth byte no continuation", BYTES("\xf0\x9f\x8c("), MQTT_TEXT_ILL_FORMED, 0},
    {"eight ASCII bytes", BYTES("abcdefgh"), MQTT_TEXT_FINE, 0},
    {"U+0000 as ninth byte", BYTES("abcdefgh\0"), MQTT_TEXT_NULL, 8},
    {"U+0000 among eight bytes", BYTES("abcdef\0h"), MQTT_TEXT_NULL, 6},
    {"U+0000 behind U+0001", BYTES("abcdef\x01\0hijklmno"), MQTT_TEXT_NULL, 7},
    {"a character over the eighth byte", BYTES("abcdefg\xc3\xa9hijklmno"), MQTT_TEXT_FINE, 0},
    {"ill-formed behind sixteen bytes", BYTES("abcdefghijklmnop\xff"), MQTT_TEXT_ILL_FORMED, 16},
    {"U+0000 before ill-formed", BYTES("a\0\xff"), MQTT_TEXT_NULL, 1},
    {"ill-formed before U+0000", BYTES("a\xff\0"), MQTT_TEXT_ILL_FORMED, 1},
};

static void text_is_judged(void **state) {
    const struct text_row *row = *state;
    uint8_t *copy = alone(row->text.data, row->text.length);
    uint32_t offset = 0xAAAA;
    assert_int_equal(mqtt_check_text((struct mqtt_bytes){copy, row->text.length}, &offset), row->fault);
    if (row->fault != MQTT_TEXT_FINE)
        assert_int_equal(offset, row->offset);
    assert_int_equal(mqtt_check_text((struct mqtt_bytes){copy, row->text.length}, NULL), row->fault);
    free(copy);
}

/* ---- Every code point, and every place in a longer string --------------------------------------------------- */

/* The form that the encoding's definition gives a number below 2^21, in as many bytes as wanted. */
static void spell(uint32_t code_point, uint32_t length, uint8_t *bytes) {
    static const uint8_t marks[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    for (uint32_t i = length - 1; i > 0; i--) {
        bytes[i] = 0x80 | (code_point & 0x3F);
        code_point >>= 6;
    }
    bytes[0] = (uint8_t)(marks[length] | code_point);
}

static uint32_t shortest(uint32_t code_point) {
    return code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
}

static void every_code_point_in_every_form(void **state) {
    (void)state;
    static const uint32_t room[] = {0, 0x80, 0x800, 0x10000, 0x200000};
    for (uint32_t length = 1; length <= 4; length++)
        for (uint32_t code_point = 0; code_point < room[length]; code_point++) {
            uint8_t bytes[4];
            spell(code_point, length, bytes);
            bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
            bool is_fine = length == shortest(code_point) && !is_surrogate && code_point <= 0x10FFFF;
            enum mqtt_text_fault expected = !is_fine          ? MQTT_TEXT_ILL_FORMED
                                            : code_point == 0 ? MQTT_TEXT_NULL
                                                              : MQTT_TEXT_FINE;
            if (mqtt_check_text((struct mqtt_bytes){bytes, length}, NULL) != expected)
                fail_msg("U+%04X in %u bytes", code_point, length);
        }
}

/* Strings are looked at several bytes at once: no place may go unseen, whatever the length. */
static void every_byte_at_every_place(void **state) {
    (void)state;
    for (uint32_t length = 1; length <= 26; length++)
        for (uint32_t at = 0; at < length; at++)
            for (unsigned byte = 0; byte < 256; byte++) {
                uint8_t text[26];
                memset(text, 'x', length);
                text[at] = (uint8_t)byte;
                uint32_t offset = at;
                enum mqtt_text_fault expected = byte == 0     ? MQTT_TEXT_NULL
                                                : byte < 0x80 ? MQTT_TEXT_FINE
                                                              : MQTT_TEXT_ILL_FORMED;
                enum mqtt_text_fault fault = mqtt_check_text((struct mqtt_bytes){text, length}, &offset);
                if (fault != expected || offset != at)
                    fail_msg("byte %02x at %u of %u", byte, at, length);
            }
}

static void views_are_compared(void **state) {
    (void)state;
    const struct mqtt_bytes absent = {NULL, 0}, empty = BYTES(""), a = BYTES("a"), b = BYTES("b"),
                            with_null = BYTES("a\0");
    assert_true(mqtt_equal(absent, empty));
    assert_true(mqtt_equal(absent, absent));
    assert_false(mqtt_equal(absent, a));
    assert_false(mqtt_equal(a, b));
    assert_false(mqtt_equal(a, with_null));
    assert_true(mqtt_equal(a, mqtt_text("a")));
    assert_non_null(mqtt_text("").data);
    assert_int_equal(mqtt_text("").length, 0);
}

int main(void) {
    struct CMUnitTest rows[COUNT_OF(text_rows) + 3];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(text_rows); i++)
        rows[count++] = (struct CMUnitTest){text_rows[i].name, text_is_judged, NULL, NULL, (void *)&text_rows[i]};
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(every_code_point_in_every_form);
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(every_byte_at_every_place);
    rows[count++] = (struct CMUnitTest)cmocka_unit_test(views_are_compared);
    return _cmocka_run_group_tests("codec: text", rows, count, NULL, NULL);
}
