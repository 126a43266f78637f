/* JSON, written compactly: one value is one line unless the caller ends lines itself. */
#include <inttypes.h>
#include <string.h>

#include "reports/internal.h"

void json_begin(struct json_writer *json, FILE *file) {
    *json = (struct json_writer){.file = file};
}

/* Also safe inside a script element of an HTML page: no "<", no line separators. */
static void put_string(FILE *file, const uint8_t *bytes, size_t length) {
    fputc('"', file);
    for (size_t at = 0; at < length;) {
        size_t count = utf8_length(bytes + at, length - at);
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
