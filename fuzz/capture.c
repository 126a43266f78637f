/* Captures of anybody: read, put in order, and judged. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/targets.h"
#include "pcaps/capture.h"
#include "pcaps/lint.h"

#define MOST_CONNECTIONS 4096u

/* What the reader has promised, by connection. */
struct watched {
    bool is_open;
    uint64_t bytes;
};

struct watching {
    struct finding *finding;
    bool failed;
    uint64_t frame;
    microseconds time;
    size_t count;
    size_t input_size;
    uint64_t bytes; /* of all connections */
    struct watched connections[MOST_CONNECTIONS];
};

__attribute__((format(printf, 2, 3))) static void fails(struct watching *watching, const char *format, ...) {
    va_list arguments;
    if (watching->failed)
        return;
    watching->failed = true;
    watching->finding->statement = SPEC_NONE;
    va_start(arguments, format);
    vsnprintf(watching->finding->what, sizeof watching->finding->what, format, arguments);
    va_end(arguments);
}

/* Neither frames nor time go back. */
static void arrive(struct watching *watching, uint64_t frame, microseconds time) {
    if (frame < watching->frame || time < watching->time)
        fails(watching, "frame %llu comes behind frame %llu", (unsigned long long)frame,
              (unsigned long long)watching->frame);
    watching->frame = frame;
    watching->time = time;
}

static void *opened(void *context, const struct stream_address *client, const struct stream_address *server,
                    bool from_start, uint64_t frame, microseconds time) {
    struct watching *watching = context;
    (void)from_start;
    arrive(watching, frame, time);
    if (memchr(client->text, 0, sizeof client->text) == NULL || memchr(server->text, 0, sizeof server->text) == NULL)
        fails(watching, "an address without end");
    if (watching->count == MOST_CONNECTIONS)
        return NULL;
    struct watched *watched = &watching->connections[watching->count++];
    watched->is_open = true;
    return watched;
}

static void received(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                     microseconds time) {
    struct watching *watching = context;
    const struct watched *watched = owner;
    (void)side;
    arrive(watching, frame, time);
    if (watched != NULL && !watched->is_open)
        fails(watching, "bytes of a connection that is over");
    watching->bytes += bytes.length;
    if (bytes.length == 0 || watching->bytes > watching->input_size)
        fails(watching, "%llu bytes come of %zu", (unsigned long long)watching->bytes, watching->input_size);
}

static void missing(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                    microseconds time) {
    (void)owner;
    (void)side;
    (void)length;
    arrive(context, frame, time);
}

static void ended(void *context, void *owner, enum mqtt_side side, bool reset, uint64_t frame, microseconds time) {
    (void)owner;
    (void)side;
    (void)reset;
    arrive(context, frame, time);
}

static void closed(void *context, void *owner, uint64_t frame, microseconds time) {
    struct watching *watching = context;
    struct watched *watched = owner;
    arrive(watching, frame, time);
    if (watched == NULL)
        return;
    if (!watched->is_open)
        fails(watching, "a connection is closed twice");
    watched->is_open = false;
}

static void tell_breach(void *context, const struct lint_breach *breach) {
    if (breach->what == NULL || breach->frame == 0)
        fails(context, "a breach without reason or place");
}

static void tell_notice(void *context, const struct lint_notice *notice) {
    (void)context;
    (void)notice;
}

static FILE *open_input(const uint8_t *data, size_t size) {
    FILE *file = fmemopen((void *)(uintptr_t)data, size, "rb");
    if (file == NULL)
        abort();
    return file;
}

static void check_end(struct watching *watching, bool whole, const char *reason) {
    for (size_t i = 0; i < watching->count; i++)
        if (watching->connections[i].is_open)
            fails(watching, "a connection is left open");
    if (!whole && reason[0] == '\0')
        fails(watching, "a capture that cannot be read, without a reason");
}

bool fuzz_capture(const uint8_t *data, size_t size, struct finding *finding) {
    if (size == 0)
        return true; /* no file in memory is empty */
    struct watching *watching = calloc(1, sizeof *watching);
    if (watching == NULL)
        abort();
    watching->finding = finding;
    watching->input_size = size;
    char reason[256] = "";
    const struct stream_hooks hooks = {watching, opened, received, missing, ended, closed};
    bool whole = capture_read(&(struct capture_source){.file = open_input(data, size)}, &hooks, reason, sizeof reason);
    check_end(watching, whole, reason);
    struct lint_totals totals;
    const struct lint_hooks judge = {watching, tell_breach, tell_notice, NULL};
    if (lint_capture(&(struct capture_source){.file = open_input(data, size)}, &judge, &totals, reason,
                     sizeof reason) != whole)
        fails(watching, "the capture is whole for one reader and not for the other");
    lint_totals_free(&totals);
    bool holds = !watching->failed;
    free(watching);
    return holds;
}
