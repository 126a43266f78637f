#include "pcaps/show.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_BEFORE = 12, BYTES_AFTER = 12 };

/* C1 control characters are well-formed UTF-8, and some terminals obey them. */
static bool is_control(const uint8_t *at, uint32_t left) {
    return at[0] < 0x20 || at[0] == 0x7F || (at[0] == 0xC2 && left > 1 && at[1] < 0xA0);
}

void show_name(struct mqtt_bytes name, char *buffer, size_t capacity) {
    enum { LONGEST = 4, DOTS = 3 };
    bool is_text = mqtt_check_text(name, NULL) == MQTT_TEXT_FINE;
    size_t length = 0;
    for (uint32_t i = 0; i < name.length; i++) {
        uint8_t byte = name.data[i];
        bool plain = !is_control(name.data + i, name.length - i) && (byte < 0x80 || is_text);
        bool starts_character = byte < 0x80 || byte >= 0xC0;
        /* Room for the longest character or escape, the dots and the zero; and no character is cut in two. */
        if (starts_character && length + LONGEST + DOTS + 1 > capacity) {
            memcpy(buffer + length, "...", DOTS);
            length += DOTS;
            break;
        }
        if (length + LONGEST + 1 > capacity)
            break;
        if (plain)
            buffer[length++] = (char)byte;
        else
            length += (size_t)snprintf(buffer + length, capacity - length, "\\x%02X", byte);
    }
    buffer[length] = '\0';
}

const char *show_meaning(enum mqtt_version version, enum mqtt_type type, const struct mqtt_field *field) {
    if (version != MQTT_5_0 || field->kind != MQTT_FIELD_NUMBER || strcmp(field->name, "reason_code") != 0)
        return NULL;
    const char *name = mqtt_reason_name(type, (uint8_t)field->number);
    return name != NULL ? name : "not defined";
}

/* What the fields of a packet are written with. */
struct field_writer {
    enum mqtt_version version;
    enum mqtt_type type;
    struct json_writer *json;
};

static void write_field(void *context, const struct mqtt_field *field) {
    const struct field_writer *writer = context;
    struct json_writer *json = writer->json;
    const char *meaning = show_meaning(writer->version, writer->type, field);
    json_open_object(json, NULL);
    json_text(json, "name", field->name);
    switch (field->kind) {
    case MQTT_FIELD_NUMBER:
        json_number(json, "value", field->number);
        break;
    case MQTT_FIELD_FLAG:
        json_flag(json, "value", field->number != 0);
        break;
    case MQTT_FIELD_TEXT:
        json_bytes_as_text(json, "value", field->bytes.data, field->bytes.length);
        break;
    case MQTT_FIELD_BINARY:
        json_bytes_as_hex(json, "hex", field->bytes.data, field->bytes.length);
        break;
    case MQTT_FIELD_PAIR:
        json_bytes_as_text(json, "key", field->bytes.data, field->bytes.length);
        json_bytes_as_text(json, "value", field->value.data, field->value.length);
        break;
    }
    if (meaning != NULL)
        json_text(json, "meaning", meaning);
    json_close_object(json);
}

void show_json_fields(struct json_writer *json, enum mqtt_version version, const struct mqtt_packet *packet) {
    struct field_writer writer = {.version = version, .type = packet->type, .json = json};
    json_open_list(json, "fields");
    mqtt_visit_fields(version, packet, write_field, &writer);
    json_close_list(json);
}

/* Writes the Reason Code that stands at the start of `text`, with its name. Returns how many characters of the text it
 * took, 0 where none stands there. */
static size_t append_reason(const char *text, enum mqtt_type type, char *buffer, size_t capacity) {
    static const char field[] = " reason_code=";
    if (strncmp(text, field, sizeof field - 1) != 0)
        return 0;
    char *end;
    unsigned long code = strtoul(text + sizeof field - 1, &end, 10);
    const char *name = mqtt_reason_name(type, (uint8_t)code);
    snprintf(buffer, capacity, "%s%lu (%s)", field, code, name != NULL ? name : "not defined");
    return (size_t)(end - text);
}

void show_packet(enum mqtt_version version, const struct mqtt_packet *packet, char *buffer, size_t capacity) {
    char plain[SHOW_PACKET_CAPACITY];
    size_t length = mqtt_describe(version, packet, plain, sizeof plain);
    size_t read = 0, written = 0;
    bool quoted = false, escaped = false;
    while (read < length && written + 1 < capacity) {
        size_t reason = 0;
        if (version == MQTT_5_0 && !quoted)
            reason = append_reason(plain + read, packet->type, buffer + written, capacity - written);
        if (reason > 0) {
            read += reason;
            written += strlen(buffer + written);
            continue;
        }
        char character = plain[read++];
        quoted ^= character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        buffer[written++] = character;
    }
    buffer[written] = '\0';
}

void show_bytes_around(FILE *file, struct mqtt_bytes bytes, uint32_t offset) {
    if (offset > bytes.length)
        offset = bytes.length;
    uint32_t first = offset > BYTES_BEFORE ? offset - BYTES_BEFORE : 0;
    uint32_t last = bytes.length - offset > BYTES_AFTER ? offset + BYTES_AFTER : bytes.length;
    if (first > 0)
        fputs("... ", file);
    for (uint32_t i = first; i < last; i++)
        fprintf(file, i == offset ? "%s[%02x]" : "%s%02x", i > first ? " " : "", bytes.data[i]);
    if (offset == bytes.length)
        fputs(offset > first ? " []" : "[]", file);
    if (last < bytes.length)
        fputs(" ...", file);
}

const char *show_side(enum mqtt_side side) {
    return side == MQTT_CLIENT ? "client" : "server";
}

const char *show_error_class(enum mqtt_error_class error_class) {
    static const char *const names[] = {
        [MQTT_NO_ERROR] = "no error",  [MQTT_MALFORMED] = "malformed", [MQTT_PROTOCOL] = "protocol error",
        [MQTT_LIMIT] = "over a limit", [MQTT_USAGE] = "wrong use",
    };
    return names[error_class];
}

double show_seconds(microseconds start, microseconds time) {
    return time > start ? (double)(time - start) / (double)MICROSECONDS_PER_SECOND : 0;
}

void show_option_error(const char *command, int option, char **arguments) {
    fprintf(stderr, "mqspec %s: %s '%s'; mqspec %s --help lists the options\n", command,
            option == ':' ? "a value is missing behind" : "there is no option", arguments[optind - 1], command);
}

bool show_finish(const char *command) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    fprintf(stderr, "mqspec %s: the output could not be written: %s\n", command, strerror(errno));
    return false;
}
