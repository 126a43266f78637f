#include "pcaps/mqtt_capture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pcaps/websocket_stream.h"

enum { LONGEST_PATH = 4096 };

/* What comes that way may still be captured. */
static bool is_standard_input(const struct capture_source *source) {
    return source->path != NULL && strcmp(source->path, "-") == 0;
}

static bool read_streams(const struct capture_source *source, struct keylog *keylog,
                         const struct mqtt_capture_hooks *hooks, struct mqtt_capture_totals *totals, char *reason,
                         size_t reason_size) {
    struct conversations conversations;
    struct tls_filter tls;
    struct websocket_filter websockets;
    const struct stream_hooks mqtt = conversations_begin(&conversations, &hooks->stream, hooks->version, hooks->fault);
    const struct stream_hooks plain = websocket_begin(&websockets, &mqtt, conversation_has_fault);
    const struct stream_hooks any = tls_begin(&tls, keylog, source->live != NULL || is_standard_input(source), &plain);
    struct capture_source pausing = *source;
    pausing.pause = hooks->pause;
    pausing.pause_context = hooks->stream.context;
    bool whole = capture_read(&pausing, &any, reason, reason_size);
    tls_end(&tls);
    totals->others = conversations.other_count + tls.withheld;
    totals->tls = tls.totals;
    totals->tls.has_keys = keylog != NULL;
    return whole;
}

/* The key log that stands beside a capture: NAME.keys beside NAME.pcap. False where there is none. */
static bool find_keys_beside(const char *path, char *keys, size_t size) {
    const char *name = strrchr(path, '/');
    const char *ending = strrchr(name != NULL ? name : path, '.');
    int length = ending != NULL ? (int)(ending - path) : (int)strlen(path);
    int needed = snprintf(keys, size, "%.*s.keys", length, path);
    return needed > 0 && (size_t)needed < size && strcmp(keys, path) != 0 && access(keys, R_OK) == 0;
}

bool mqtt_capture_read(const struct capture_source *source, const struct mqtt_capture_hooks *hooks,
                       struct mqtt_capture_totals *totals, char *reason, size_t reason_size) {
    struct keylog *keylog = NULL;
    const char *keys = source->keys;
    char beside[LONGEST_PATH];
    memset(totals, 0, sizeof *totals);
    bool is_named = source->live == NULL && source->file == NULL && !is_standard_input(source);
    if (keys == NULL && is_named && find_keys_beside(source->path, beside, sizeof beside))
        keys = beside;
    if (keys != NULL && (keylog = keylog_open(keys, reason, reason_size)) == NULL) {
        if (source->file != NULL)
            fclose(source->file);
        return false;
    }
    bool whole = read_streams(source, keylog, hooks, totals, reason, reason_size);
    keylog_free(keylog);
    return whole;
}
