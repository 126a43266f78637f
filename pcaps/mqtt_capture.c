#include "pcaps/mqtt_capture.h"

bool mqtt_capture_read(const struct capture_source *source, const struct mqtt_capture_hooks *hooks,
                       struct mqtt_capture_totals *totals, char *reason, size_t reason_size) {
    struct conversations conversations;
    struct capture_source pausing = *source;
    pausing.pause = hooks->pause;
    pausing.pause_context = hooks->stream.context;
    struct stream_hooks reader = conversations_begin(&conversations, &hooks->stream, hooks->version);
    bool whole = capture_read(&pausing, &reader, reason, reason_size);
    totals->others = conversations.other_count;
    return whole;
}
