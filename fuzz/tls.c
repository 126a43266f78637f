/* TLS of anybody, read with a key log of anybody. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/targets.h"
#include "pcaps/tls_stream.h"

enum { CHUNK_HEADER = 3, OF_SERVER = 1, MISSING = 2, ENDED = 4, JOINED = 8 };

struct watching {
    struct finding *finding;
    bool failed;
    uint64_t frame;
    size_t opened;
    size_t closed;
    size_t bytes; /* of both sides */
    size_t input_size;
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

static void arrive(struct watching *watching, const void *owner, uint64_t frame) {
    if (owner != watching || watching->opened != 1 || watching->closed > 0)
        fails(watching, "something of a connection that is not open");
    if (frame != watching->frame)
        fails(watching, "frame %llu is told in frame %llu", (unsigned long long)frame,
              (unsigned long long)watching->frame);
}

static void *opened(void *context, const struct stream_address *client, const struct stream_address *server,
                    bool from_start, uint64_t frame, microseconds time) {
    struct watching *watching = context;
    (void)client;
    (void)server;
    (void)from_start;
    (void)time;
    watching->opened++;
    if (frame != 0)
        fails(watching, "the connection began in frame 0, not %llu", (unsigned long long)frame);
    return watching;
}

static void received(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                     microseconds time) {
    struct watching *watching = context;
    (void)side;
    (void)time;
    arrive(watching, owner, frame);
    watching->bytes += bytes.length;
    if (bytes.length == 0 || watching->bytes > watching->input_size)
        fails(watching, "%zu bytes come of %zu", watching->bytes, watching->input_size);
}

static void missing(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                    microseconds time) {
    (void)side;
    (void)length;
    (void)time;
    arrive(context, owner, frame);
}

static void ended(void *context, void *owner, enum mqtt_side side, bool reset, uint64_t frame, microseconds time) {
    (void)side;
    (void)reset;
    (void)time;
    arrive(context, owner, frame);
}

static void closed(void *context, void *owner, uint64_t frame, microseconds time) {
    struct watching *watching = context;
    (void)time;
    arrive(watching, owner, frame);
    watching->closed++;
}

/* What stands before the first blank line. NULL where it is no key log. */
static struct keylog *take_keylog(const uint8_t **data, size_t *size) {
    const uint8_t *end = memmem(*data, *size, "\n\n", 2);
    size_t length = end != NULL ? (size_t)(end - *data) + 1 : 0;
    char reason[256];
    if (length == 0)
        return NULL;
    FILE *file = fmemopen((void *)(uintptr_t)*data, length, "rb");
    if (file == NULL)
        abort();
    struct keylog *keylog = keylog_read(file, "keys", reason, sizeof reason);
    fclose(file);
    *data += length + 1;
    *size -= length + 1;
    return keylog;
}

static void play(const struct stream_hooks *hooks, struct watching *watching, void *owner, const uint8_t *data,
                 size_t size) {
    while (size >= CHUNK_HEADER) {
        enum mqtt_side side = data[0] & OF_SERVER ? MQTT_SERVER : MQTT_CLIENT;
        uint32_t length = (uint32_t)data[1] << 8 | data[2];
        uint8_t kind = data[0];
        data += CHUNK_HEADER;
        size -= CHUNK_HEADER;
        watching->frame++;
        if (kind & MISSING) {
            hooks->gap(hooks->context, owner, side, length, watching->frame, 0);
            continue;
        }
        length = length < size ? length : (uint32_t)size;
        if (length > 0)
            hooks->bytes(hooks->context, owner, side, (struct mqtt_bytes){data, length}, watching->frame, 0);
        if (kind & ENDED)
            hooks->ended(hooks->context, owner, side, false, watching->frame, 0);
        data += length;
        size -= length;
    }
}

bool fuzz_tls(const uint8_t *data, size_t size, struct finding *finding) {
    static const struct stream_address client = {"10.0.0.1:50000", 50000}, server = {"10.0.0.2:8443", 8443};
    struct watching watching = {.finding = finding, .input_size = size};
    const struct stream_hooks wanted = {&watching, opened, received, missing, ended, closed};
    struct tls_filter *filter = malloc(sizeof *filter);
    if (filter == NULL)
        abort();
    struct keylog *keylog = take_keylog(&data, &size);
    bool joined = size > 0 && (data[0] & JOINED);
    const struct stream_hooks hooks = tls_begin(filter, keylog, false, &wanted);
    void *owner = hooks.opened(hooks.context, &client, &server, !joined, 0, 0);
    if (owner == NULL)
        abort();
    play(&hooks, &watching, owner, data, size);
    hooks.closed(hooks.context, owner, watching.frame, 0);
    tls_end(filter);
    free(filter);
    keylog_free(keylog);
    if (watching.opened != watching.closed)
        fails(&watching, "opened %zu times, closed %zu times", watching.opened, watching.closed);
    return !watching.failed;
}
