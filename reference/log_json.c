#include "reference/log_json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "reference/log.h"

#define HOST_NAME_SHOWN 256u
#define TEXT_SHOWN      400u /* bytes of a Client Identifier or Topic Name */
#define LONGEST_ESCAPE  6u   /* \u001b */

/* All texts together fit, however much of them is escaped. */
#define LINE_SIZE (LONGEST_ESCAPE * (LOG_TEXT_SIZE + 2 * TEXT_SHOWN) + 4096u)

struct json_line {
    size_t length;
    char text[LINE_SIZE];
};

/* ---- Writing JSON -------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void put(struct json_line *line, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line->text + line->length, sizeof line->text - line->length, format, values);
    va_end(values);
    assert(length >= 0 && (size_t)length < sizeof line->text - line->length);
    line->length += (size_t)length;
}

static void put_byte(struct json_line *line, uint8_t byte) {
    assert(line->length < sizeof line->text);
    line->text[line->length++] = (char)byte;
}

/* The length of the well-formed character above ASCII that begins here, or 0. */
static uint32_t character_length(struct mqtt_bytes rest) {
    uint8_t first = rest.data[0];
    uint32_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
    if (length == 0 || length > rest.length)
        return 0;
    return mqtt_check_text((struct mqtt_bytes){rest.data, length}, NULL) == MQTT_TEXT_FINE ? length : 0;
}

/* One character, or one byte that is none; returns how many bytes it took. Control characters would let a Client write
 * to the terminal where the log is read. */
static uint32_t put_character(struct json_line *line, struct mqtt_bytes rest) {
    uint8_t first = rest.data[0];
    if (first < 0x80) {
        if (first < 0x20 || first == 0x7F)
            put(line, "\\u%04x", first);
        else if (first == '"' || first == '\\')
            put(line, "\\%c", first);
        else
            put_byte(line, first);
        return 1;
    }
    uint32_t length = character_length(rest);
    if (length == 0) {
        put(line, "\\\\x%02x", first);
        return 1;
    }
    if (first == 0xC2 && rest.data[1] < 0xA0) {
        put(line, "\\u%04x", rest.data[1]);
        return length;
    }
    for (uint32_t i = 0; i < length; i++)
        put_byte(line, rest.data[i]);
    return length;
}

/* Of a text longer than `shown` bytes, the beginning. */
static void put_string(struct json_line *line, const char *field, struct mqtt_bytes text, uint32_t shown) {
    uint32_t at = 0;
    put(line, "\"%s\":\"", field);
    while (at < text.length && at < shown)
        at += put_character(line, (struct mqtt_bytes){text.data + at, text.length - at});
    put(line, at < text.length ? "...\"," : "\",");
}

static void put_number(struct json_line *line, const char *field, uint64_t number) {
    put(line, "\"%s\":%" PRIu64 ",", field, number);
}

/* ---- What every line has -------------------------------------------------------------------------------------- */

void json_log_begin(struct json_log *log, FILE *file, enum json_log_level lowest) {
    struct json_line line = {.length = 0};
    char host[HOST_NAME_SHOWN + 1] = "";
    (void)gethostname(host, HOST_NAME_SHOWN); /* without one it stays empty */
    put(&line, "{\"v\":0,\"name\":\"mqspec\",");
    put_string(&line, "hostname", mqtt_text(host), HOST_NAME_SHOWN);
    put_number(&line, "pid", (uint64_t)getpid());
    assert(line.length <= sizeof log->head);
    log->file = file;
    log->lowest = lowest;
    log->head_length = line.length;
    memcpy(log->head, line.text, line.length);
}

static void begin_line(const struct json_log *log, struct json_line *line, enum json_log_level level) {
    line->length = log->head_length;
    memcpy(line->text, log->head, log->head_length);
    put_number(line, "level", level);
}

/* In one write, so that lines of several processes do not mix. */
static void end_line(const struct json_log *log, struct json_line *line) {
    struct timeval now;
    struct tm parts;
    char day[32];
    gettimeofday(&now, NULL);
    gmtime_r(&now.tv_sec, &parts);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    put(line, "\"time\":\"%s.%03dZ\"}\n", day, (int)(now.tv_usec / 1000));
    fwrite(line->text, 1, line->length, log->file);
    fflush(log->file);
}

/* ---- Events --------------------------------------------------------------------------------------------------- */

static enum json_log_level level_of_packet(const struct mqtt_packet *packet) {
    switch (packet->type) {
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_PINGREQ:
    case MQTT_PINGRESP:
        return JSON_LOG_TRACE;
    default:
        return JSON_LOG_DEBUG;
    }
}

static enum json_log_level level_of(const struct broker_event *event) {
    switch (event->kind) {
    case BROKER_PACKET_IN:
    case BROKER_PACKET_OUT:
        return level_of_packet(event->packet);
    case BROKER_ACCEPTED:
        return JSON_LOG_DEBUG;
    case BROKER_REFUSED:
    case BROKER_DROPPED:
    case BROKER_DISCARDED:
        return JSON_LOG_WARN;
    default:
        return JSON_LOG_INFO;
    }
}

static void put_packet(struct json_line *line, const struct mqtt_packet *packet) {
    put_string(line, "packet", mqtt_text(mqtt_type_name(packet->type)), TEXT_SHOWN);
    if (packet->type != MQTT_PUBLISH)
        return;
    put_string(line, "topic", packet->publish.topic, TEXT_SHOWN);
    put_number(line, "qos", mqtt_publish_qos(packet->flags));
    put(line, "\"retain\":%s,", (packet->flags & MQTT_PUBLISH_RETAIN) != 0 ? "true" : "false");
    put_number(line, "bytes", packet->publish.payload.length);
}

void json_log_event(void *context, const struct broker_event *event) {
    const struct json_log *log = context;
    enum json_log_level level = level_of(event);
    struct json_line line;
    char text[LOG_TEXT_SIZE];
    if (level < log->lowest)
        return;
    begin_line(log, &line, level);
    put_number(&line, "connection", event->connection);
    if (event->client_identifier.length > 0)
        put_string(&line, "client", event->client_identifier, TEXT_SHOWN);
    if (event->kind == BROKER_CONNECTED)
        put_string(&line, "version", mqtt_text(mqtt_version_name(event->version)), TEXT_SHOWN);
    if (event->packet != NULL)
        put_packet(&line, event->packet);
    if (event->error.statement != SPEC_NONE)
        put_string(&line, "statement", mqtt_text(spec_name(event->error.statement)), TEXT_SHOWN);
    size_t length = log_describe_event(event, text);
    put_string(&line, "msg", (struct mqtt_bytes){(const uint8_t *)text, (uint32_t)length}, LOG_TEXT_SIZE);
    end_line(log, &line);
}

void json_log_notice(void *context, const char *text) {
    const struct json_log *log = context;
    struct json_line line;
    begin_line(log, &line, JSON_LOG_INFO);
    put_string(&line, "msg", mqtt_text(text), LOG_TEXT_SIZE);
    end_line(log, &line);
}
