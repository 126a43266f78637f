/* Text from anywhere, made harmless. What a target sent may be no text at all, or may be meant to hurt its reader. */
#include <string.h>

#include "reports/internal.h"

size_t utf8_length(const uint8_t *at, size_t rest) {
    static const struct {
        uint8_t first_low, first_high, second_low, second_high;
        size_t length;
    } forms[] = {{0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
                 {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
                 {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (at[0] < forms[i].first_low || at[0] > forms[i].first_high)
            continue;
        if (rest < forms[i].length)
            return 0;
        if (forms[i].length > 1 && (at[1] < forms[i].second_low || at[1] > forms[i].second_high))
            return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if ((at[k] & 0xC0) != 0x80)
                return 0;
        return forms[i].length;
    }
    return 0;
}

/* The code point of a well-formed character. */
static uint32_t code_point(const uint8_t *at, size_t length) {
    static const uint8_t bits_of_first[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = at[0] & bits_of_first[length];
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (at[i] & 0x3F);
    return code;
}

/* Drives terminals, turns or breaks lines, cannot be seen, or may not stand in XML. */
static bool is_harmful(uint32_t code) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},   {0x200B, 0x200F},   {0x2028, 0x202E},
        {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE007F},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

/* Writes the escape in place of a harmful character or a byte that belongs to none; `escape` is the backslash. */
static void write_escape(FILE *file, const char *escape, uint32_t code) {
    if (code <= 0xFF)
        fprintf(file, "%sx%02x", escape, (unsigned)code);
    else if (code <= 0xFFFF)
        fprintf(file, "%su%04x", escape, (unsigned)code);
    else
        fprintf(file, "%sU%08x", escape, (unsigned)code);
}

/* Writes `text` made harmless. A character of `special` is written as the replacement in the same place of
 * `replacements`. */
static void write_harmless(FILE *file, const char *text, const char *escape, const char *special,
                           const char *const *replacements) {
    const uint8_t *at = (const uint8_t *)text;
    for (size_t rest = strlen(text); rest > 0;) {
        size_t length = utf8_length(at, rest);
        uint32_t code = length > 0 ? code_point(at, length) : at[0];
        const char *found = code < 0x80 ? memchr(special, (int)code, strlen(special)) : NULL;
        if (found != NULL)
            fputs(replacements[found - special], file);
        else if (length == 0 || is_harmful(code))
            write_escape(file, escape, code);
        else
            fwrite(at, 1, length, file);
        length += length == 0;
        at += length;
        rest -= length;
    }
}

void write_printable(FILE *file, const char *text) {
    write_harmless(file, text, "\\", "", NULL);
}

void write_markup(FILE *file, const char *text) {
    static const char *const entities[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&#39;"};
    write_harmless(file, text, "\\", "<>&\"'", entities);
}

void write_description(FILE *file, const char *text) {
    static const char *const escaped[] = {"\\x23"};
    write_harmless(file, text, "\\", "#", escaped);
}

/* The escape itself is quoted, so that a reader of the YAML sees it as the terminal does. */
void write_quoted(FILE *file, const char *text) {
    static const char *const quoted[] = {"\\\"", "\\\\"};
    fputc('"', file);
    write_harmless(file, text, "\\\\", "\"\\", quoted);
    fputc('"', file);
}
