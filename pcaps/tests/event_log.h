/* Writes what a reader of captures tells into one line, for the tests of this room. */
#ifndef MQSPEC_TESTS_EVENT_LOG_H
#define MQSPEC_TESTS_EVENT_LOG_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pcaps/capture.h"

struct event_log {
    char text[8192];
    size_t length;
    unsigned opened;
    unsigned closed;
    uint64_t bytes[2]; /* by enum mqtt_side */
    uint64_t frame;    /* of the last event */
    microseconds time;
    char client[64];
    char server[64];
};

static inline void log_event(struct event_log *log, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(log->text + log->length, sizeof log->text - log->length, format, arguments);
    va_end(arguments);
    if (written > 0)
        log->length += (size_t)written;
    if (log->length >= sizeof log->text)
        log->length = sizeof log->text - 1;
}

static inline void *log_opened(void *context, const struct stream_address *client, const struct stream_address *server,
                               bool from_start, uint64_t frame, microseconds time) {
    struct event_log *log = context;
    log->frame = frame;
    log->time = time;
    log->opened++;
    memcpy(log->client, client->text, sizeof log->client);
    memcpy(log->server, server->text, sizeof log->server);
    log_event(log, from_start ? "open %u;" : "join %u;", (unsigned)client->port);
    return log;
}

static inline void log_bytes(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                             microseconds time) {
    struct event_log *log = context;
    log->frame = frame;
    log->time = owner == log ? time : 0;
    log->bytes[side] += bytes.length;
    log_event(log, " %c %.*s;", side == MQTT_CLIENT ? 'C' : 'S', (int)bytes.length, (const char *)bytes.data);
}

static inline void log_gap(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                           microseconds time) {
    struct event_log *log = context;
    log->frame = frame;
    log->time = owner == log ? time : 0;
    log_event(log, " %c gap %llu;", side == MQTT_CLIENT ? 'C' : 'S', (unsigned long long)length);
}

static inline void log_ended(void *context, void *owner, enum mqtt_side side, bool reset, uint64_t frame,
                             microseconds time) {
    struct event_log *log = context;
    log->frame = frame;
    log->time = owner == log ? time : 0;
    log_event(log, " %c %s;", side == MQTT_CLIENT ? 'C' : 'S', reset ? "reset" : "end");
}

static inline void log_closed(void *context, void *owner, uint64_t frame, microseconds time) {
    struct event_log *log = context;
    log->frame = frame;
    log->time = owner == log ? time : 0;
    log->closed++;
    log_event(log, " closed;");
}

static inline struct stream_hooks log_hooks(struct event_log *log) {
    return (struct stream_hooks){log, log_opened, log_bytes, log_gap, log_ended, log_closed};
}

#endif
