#include <assert.h>
#include <string.h>

#include "reference/core.h"

static size_t message_size(const struct message *message) {
    return sizeof *message + message->topic_length + message->payload_length;
}

struct message *message_create(struct broker *broker, const struct mqtt_publish *publish, uint8_t flags) {
    size_t size = sizeof(struct message) + publish->topic.length + publish->payload.length;
    struct message *message = memory_take(&broker->memory, size);
    if (message == NULL)
        return NULL;
    message->references = 1;
    message->topic_length = publish->topic.length;
    message->payload_length = publish->payload.length;
    message->qos = mqtt_publish_qos(flags);
    message->retain = (flags & MQTT_PUBLISH_RETAIN) != 0;
    message->dup = (flags & MQTT_PUBLISH_DUP) != 0;
    if (publish->topic.length > 0)
        memcpy(message->bytes, publish->topic.data, publish->topic.length);
    if (publish->payload.length > 0)
        memcpy(message->bytes + publish->topic.length, publish->payload.data, publish->payload.length);
    broker->counts.messages++;
    return message;
}

void message_keep(struct message *message) {
    assert(message->references > 0 && message->references < UINT32_MAX);
    message->references++;
}

void message_release(struct broker *broker, struct message *message) {
    if (message == NULL)
        return;
    assert(message->references > 0);
    if (--message->references > 0)
        return;
    broker->counts.messages--;
    memory_give(&broker->memory, message, message_size(message));
}

struct mqtt_bytes message_topic(const struct message *message) {
    return (struct mqtt_bytes){message->bytes, message->topic_length};
}

struct mqtt_bytes message_payload(const struct message *message) {
    return (struct mqtt_bytes){message->bytes + message->topic_length, message->payload_length};
}
