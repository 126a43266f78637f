/* UTF-8 encoded strings, section 1.5.3. */
#include "codec/text.h"

struct mqtt_bytes mqtt_text(const char *text) {
    return (struct mqtt_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

bool mqtt_equal(struct mqtt_bytes left, struct mqtt_bytes right) {
    return left.length == right.length && (left.length == 0 || memcmp(left.data, right.data, left.length) == 0);
}

static bool is_continuation(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

/* The length of the well-formed character at `at`, or 0. The ranges are those of Unicode's table of well-formed
 * byte sequences: no overlong forms, no surrogates, nothing above U+10FFFF. */
static uint32_t character_length(const uint8_t *at, uint32_t rest) {
    uint8_t first = at[0];
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    if (first < 0xE0)
        return rest >= 2 && is_continuation(at[1]) ? 2 : 0;
    uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (rest < 3 || at[1] < low || at[1] > high || !is_continuation(at[2]))
        return 0;
    if (first < 0xF0)
        return 3;
    return rest >= 4 && is_continuation(at[3]) ? 4 : 0;
}

enum mqtt_text_fault mqtt_check_text(struct mqtt_bytes text, uint32_t *offset) {
    uint32_t at = 0;
    while (at < text.length) {
        uint64_t word;
        while (text.length - at >= sizeof word) {
            memcpy(&word, text.data + at, sizeof word);
            if ((text_faults(word) & TOP_BITS) != 0)
                break;
            at += sizeof word;
        }
        if (at == text.length)
            break;
        uint32_t length = character_length(text.data + at, text.length - at);
        if (length == 0 || text.data[at] == 0) {
            if (offset != NULL)
                *offset = at;
            return length == 0 ? MQTT_TEXT_ILL_FORMED : MQTT_TEXT_NULL;
        }
        at += length;
    }
    return MQTT_TEXT_FINE;
}
