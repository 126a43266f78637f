/* From a capture to the MQTT in it: the one way that decode, lint and replay go. Internal to pcaps/.
 *
 *     file -> packets -> TCP streams -> TLS taken off -> WebSocket taken off -> MQTT connections -> hooks
 *
 * Each step is a filter with stream_hooks on both sides. */
#ifndef MQSPEC_MQTT_CAPTURE_H
#define MQSPEC_MQTT_CAPTURE_H

#include "pcaps/conversation.h"
#include "pcaps/tls_stream.h"

/* Who wants the MQTT of a capture. */
struct mqtt_capture_hooks {
    struct stream_hooks stream;                     /* as conversation.h says */
    conversation_version *version;                  /* or NULL */
    websocket_fault_teller *fault;                  /* or NULL; with the context and the owner of `stream` */
    void (*pause)(void *context, microseconds now); /* as in capture_source, with the stream's context; or NULL */
};

struct mqtt_capture_totals {
    size_t others; /* connections that are not MQTT, as far as can be told */
    struct tls_totals tls;
};

/* As capture_read(), and false where the key log cannot be read. *totals is filled in any case. */
bool mqtt_capture_read(const struct capture_source *source, const struct mqtt_capture_hooks *hooks,
                       struct mqtt_capture_totals *totals, char *reason, size_t reason_size);

#endif
