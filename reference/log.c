#include "reference/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

/* Longest line; what goes beyond is cut. */
#define LINE_SIZE LOG_TEXT_SIZE
/* Bytes of a Client Identifier that are shown. */
#define IDENTIFIER_SHOWN 64

struct line {
    size_t length;
    char text[LINE_SIZE];
};

static const char *const event_words[] = {
    [BROKER_ACCEPTED] = "opened",
    [BROKER_CONNECTED] = "connected",
    [BROKER_REFUSED] = "refused",
    [BROKER_DISCONNECTED] = "disconnected",
    [BROKER_DROPPED] = "dropped",
    [BROKER_LOST] = "lost: closed by the network without DISCONNECT",
    [BROKER_TAKEN_OVER] = "taken over: the same Client Identifier connected again",
    [BROKER_WILL] = "Will Message",
    [BROKER_DISCARDED] = "discards messages: the Client does not keep up",
    [BROKER_PACKET_IN] = "<",
    [BROKER_PACKET_OUT] = ">",
};

/* One byte stays free for the end of the line. */
static size_t room(const struct line *line) {
    return sizeof line->text - 1 - line->length;
}

__attribute__((format(printf, 2, 3))) static void append(struct line *line, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line->text + line->length, room(line), format, values);
    va_end(values);
    if (length > 0)
        line->length += (size_t)length < room(line) ? (size_t)length : room(line) - (room(line) > 0);
}

static void append_time(struct line *line) {
    struct timeval now;
    struct tm parts;
    char text[16];
    gettimeofday(&now, NULL);
    localtime_r(&now.tv_sec, &parts);
    strftime(text, sizeof text, "%H:%M:%S", &parts);
    append(line, "%s.%03d", text, (int)(now.tv_usec / 1000));
}

/* Control characters would let a Client write to the terminal. Those above 0x7F have the lead byte 0xC2. */
static bool is_control(const uint8_t *bytes, uint32_t left) {
    return bytes[0] < 0x20 || bytes[0] == 0x7F || (bytes[0] == 0xC2 && left > 1 && bytes[1] < 0xA0);
}

static void append_identifier(struct line *line, struct mqtt_bytes identifier) {
    bool is_text = mqtt_check_text(identifier, NULL) == MQTT_TEXT_FINE;
    uint32_t shown = identifier.length;
    if (shown > IDENTIFIER_SHOWN)
        for (shown = IDENTIFIER_SHOWN; (identifier.data[shown] & 0xC0) == 0x80 && shown > 0;)
            shown--;
    append(line, " \"");
    for (uint32_t i = 0; i < shown; i++) {
        uint8_t byte = identifier.data[i];
        bool after_lead = i > 0 && identifier.data[i - 1] == 0xC2 && byte < 0xA0;
        if (is_control(&identifier.data[i], identifier.length - i) || after_lead || (byte >= 0x80 && !is_text))
            append(line, "\\x%02x", byte);
        else if (byte == '"' || byte == '\\')
            append(line, "\\%c", byte);
        else
            append(line, "%c", byte);
    }
    append(line, shown < identifier.length ? "\"..." : "\"");
}

static void append_packet(struct line *line, enum mqtt_version version, const struct mqtt_packet *packet) {
    append(line, " ");
    line->length += mqtt_describe(version, packet, line->text + line->length, room(line));
}

static void append_error(struct line *line, const struct mqtt_error *error) {
    append(line, ": %s", error->what == NULL ? "no reason given" : error->what);
    if (error->statement != SPEC_NONE)
        append(line, " [%s]", spec_name(error->statement));
}

/* In one write, so that lines of several processes do not mix. */
static void write_line(FILE *file, struct line *line) {
    line->text[line->length++] = '\n';
    fwrite(line->text, 1, line->length, file);
    fflush(file);
}

static void append_event(struct line *line, const struct broker_event *event) {
    append(line, "%s", event_words[event->kind]);
    if (event->kind == BROKER_CONNECTED)
        append(line, " with MQTT %s", mqtt_version_name(event->version));
    if (event->packet != NULL)
        append_packet(line, event->version, event->packet);
    if (event->error.error_class != MQTT_NO_ERROR)
        append_error(line, &event->error);
}

size_t log_describe_event(const struct broker_event *event, char *text) {
    struct line line = {.length = 0};
    append_event(&line, event);
    memcpy(text, line.text, line.length);
    return line.length;
}

void log_event(void *context, const struct broker_event *event) {
    const struct log *log = context;
    struct line line = {.length = 0};
    append_time(&line);
    append(&line, " #%" PRIu64, event->connection);
    if (event->client_identifier.length > 0)
        append_identifier(&line, event->client_identifier);
    append(&line, " ");
    append_event(&line, event);
    write_line(log->file, &line);
}

void log_notice(void *context, const char *text) {
    const struct log *log = context;
    struct line line = {.length = 0};
    append_time(&line);
    append(&line, " %s", text);
    write_line(log->file, &line);
}
