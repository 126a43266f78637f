/* A packet on one line, for people. */
#include <string.h>

#include "codec/codec.h"

#define SHOWN_BYTES 64u /* of a text or payload; longer ones are cut and their length told */

/* Text that is cut where the buffer ends; the terminating zero always has its place. */
struct line {
    char *buffer;
    size_t capacity;
    size_t length;
};

static void put(struct line *line, char character) {
    if (line->length + 1 < line->capacity)
        line->buffer[line->length++] = character;
}

static void put_text(struct line *line, const char *text) {
    while (*text != '\0')
        put(line, *text++);
}

static void put_number(struct line *line, uint32_t number) {
    char digits[10];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        put(line, digits[--count]);
}

static void put_escaped(struct line *line, uint8_t byte) {
    static const char hex[] = "0123456789abcdef";
    if (byte == '"' || byte == '\\') {
        put(line, '\\');
        put(line, (char)byte);
    } else if (byte >= 0x20 && byte < 0x7F) {
        put(line, (char)byte);
    } else {
        put_text(line, "\\x");
        put(line, hex[byte >> 4]);
        put(line, hex[byte & 15]);
    }
}

/* The length of the well-formed character above ASCII that begins here and is fit to print, or 0. */
static uint32_t printable_character(struct mqtt_bytes rest) {
    uint8_t first = rest.data[0];
    uint32_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
    if (length == 0 || length > rest.length || (first == 0xC2 && rest.data[1] < 0xA0))
        return 0; /* U+0080 to U+009F are control characters */
    if (mqtt_check_text((struct mqtt_bytes){rest.data, length}, NULL) != MQTT_TEXT_FINE)
        return 0;
    return length;
}

static void put_quoted(struct line *line, struct mqtt_bytes bytes) {
    uint32_t at = 0;
    put(line, '"');
    while (at < bytes.length && at < SHOWN_BYTES) {
        uint32_t length = printable_character((struct mqtt_bytes){bytes.data + at, bytes.length - at});
        if (length == 0 || line->capacity - line->length <= length) {
            put_escaped(line, bytes.data[at++]);
            continue;
        }
        for (uint32_t i = 0; i < length; i++)
            put(line, (char)bytes.data[at + i]);
        at += length;
    }
    put(line, '"');
    if (at < bytes.length) {
        put_text(line, "... (");
        put_number(line, bytes.length);
        put_text(line, " bytes)");
    }
}

static void put_field(void *context, const struct mqtt_field *field) {
    struct line *line = context;
    put(line, ' ');
    put_text(line, field->name);
    put(line, '=');
    if (field->kind == MQTT_FIELD_NUMBER || field->kind == MQTT_FIELD_FLAG)
        put_number(line, field->number);
    else
        put_quoted(line, field->bytes);
    if (field->kind == MQTT_FIELD_PAIR) {
        put(line, ':');
        put_quoted(line, field->value);
    }
}

size_t mqtt_describe(enum mqtt_version version, const struct mqtt_packet *packet, char *buffer, size_t capacity) {
    if (capacity == 0)
        return 0;
    struct line line = {buffer, capacity, 0};
    put_text(&line, mqtt_type_name(packet->type));
    mqtt_visit_fields(version, packet, put_field, &line);
    line.buffer[line.length] = '\0';
    return line.length;
}
