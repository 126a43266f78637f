/* JSON, written compactly: one value is one line unless the caller ends lines itself. */
#include <inttypes.h>
#include <string.h>

#include "reports/reports.h"

void json_begin(struct json_writer *json, FILE *file) {
    *json = (struct json_writer){.file = file};
}

/* The length of the well-formed UTF-8 character here, or 0. */
static size_t character_length(const uint8_t *at, size_t rest) {
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

/* Also safe inside a script element of an HTML page: no "<", no line separators. */
static void put_string(FILE *file, const uint8_t *bytes, size_t length) {
    fputc('"', file);
    for (size_t at = 0; at < length;) {
        size_t count = character_length(bytes + at, length - at);
        bool separator = count == 3 && bytes[at] == 0xE2 && bytes[at + 1] == 0x80 && (bytes[at + 2] & 0xFE) == 0xA8;
        if (count == 0)
            fputs("\\ufffd", file);
        else if (separator)
            fprintf(file, "\\u20%02x", bytes[at + 2] & 0x3F);
        else if (bytes[at] == '"' || bytes[at] == '\\')
            fprintf(file, "\\%c", bytes[at]);
        else if (bytes[at] < 0x20 || bytes[at] == 0x7F || bytes[at] == '<' || bytes[at] == '>' || bytes[at] == '&')
            fprintf(file, "\\u%04x", bytes[at]);
        else
            fwrite(bytes + at, 1, count, file);
        at += count > 0 ? count : 1;
    }
    fputc('"', file);
}

static void begin_element(struct json_writer *json, const char *name) {
    if (json->comma)
        fputc(',', json->file);
    json->comma = true;
    if (name == NULL)
        return;
    put_string(json->file, (const uint8_t *)name, strlen(name));
    fputc(':', json->file);
}

static void open_element(struct json_writer *json, const char *name, char bracket) {
    begin_element(json, name);
    fputc(bracket, json->file);
    json->depth++;
    json->comma = false;
}

static void close_element(struct json_writer *json, char bracket) {
    fputc(bracket, json->file);
    json->depth--;
    json->comma = true;
}

void json_open_object(struct json_writer *json, const char *name) {
    open_element(json, name, '{');
}

void json_close_object(struct json_writer *json) {
    close_element(json, '}');
}

void json_open_list(struct json_writer *json, const char *name) {
    open_element(json, name, '[');
}

void json_close_list(struct json_writer *json) {
    close_element(json, ']');
}

void json_text(struct json_writer *json, const char *name, const char *text) {
    begin_element(json, name);
    put_string(json->file, (const uint8_t *)text, strlen(text));
}

void json_bytes_as_text(struct json_writer *json, const char *name, const uint8_t *bytes, size_t length) {
    begin_element(json, name);
    put_string(json->file, bytes, length);
}

void json_bytes_as_hex(struct json_writer *json, const char *name, const uint8_t *bytes, size_t length) {
    begin_element(json, name);
    fputc('"', json->file);
    for (size_t i = 0; i < length; i++)
        fprintf(json->file, "%02x", bytes[i]);
    fputc('"', json->file);
}

void json_number(struct json_writer *json, const char *name, uint64_t number) {
    begin_element(json, name);
    fprintf(json->file, "%" PRIu64, number);
}

void json_flag(struct json_writer *json, const char *name, bool flag) {
    begin_element(json, name);
    fputs(flag ? "true" : "false", json->file);
}
