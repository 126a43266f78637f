/* Application Messages, and what of a PUBLISH belongs to them. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"

/* ---- From a PUBLISH ------------------------------------------------------------------------------------------ */

struct application_message message_parts(const struct broker *broker, const struct mqtt_publish *publish,
                                         uint8_t flags) {
    struct application_message parts = {.topic = publish->topic,
                                        .payload = publish->payload,
                                        .properties = publish->properties,
                                        .flags = flags,
                                        .expiry_interval = NO_EXPIRY,
                                        .published = broker->now};
    struct mqtt_property expiry;
    if (publish->properties.length > 0 &&
        mqtt_find_property(publish->properties, MQTT_MESSAGE_EXPIRY_INTERVAL, &expiry))
        parts.expiry_interval = expiry.number;
    return parts;
}

/* The properties that the Server passes on, and the statement that asks for it. A broker that breaks one leaves that
 * property out. */
static bool is_passed_on(struct broker *broker, uint8_t identifier) {
    static const enum spec_statement statements[MQTT_PROPERTY_COUNT] = {
        [MQTT_PAYLOAD_FORMAT_INDICATOR] = V5(3_3_2_4),
        [MQTT_RESPONSE_TOPIC] = V5(3_3_2_15),
        [MQTT_CORRELATION_DATA] = V5(3_3_2_16),
        [MQTT_USER_PROPERTY] = V5(3_3_2_17),
        [MQTT_CONTENT_TYPE] = V5(3_3_2_20),
    };
    return identifier < MQTT_PROPERTY_COUNT && statements[identifier] != SPEC_NONE &&
           MUST(&broker->rules, statements[identifier]);
}

/* MQTT-3.3.2-18, and for Wills MQTT-3.1.3-10. */
static bool keeps_order(struct broker *broker, const struct application_message *parts) {
    return parts->is_will ? MUST(&broker->rules, V5(3_1_3_10)) : MUST(&broker->rules, V5(3_3_2_18));
}

uint32_t message_copy_properties(struct broker *broker, const struct application_message *parts, uint8_t *to) {
    struct mqtt_bytes rest = parts->properties, before = rest;
    struct mqtt_property property;
    uint32_t length = 0;
    if (parts->is_stored) {
        if (rest.length > 0)
            memcpy(to, rest.data, rest.length);
        return rest.length;
    }
    while (mqtt_next_property(&rest, &property)) {
        uint32_t size = before.length - rest.length;
        if (is_passed_on(broker, property.identifier)) {
            bool in_front = property.identifier == MQTT_USER_PROPERTY && !keeps_order(broker, parts);
            if (in_front)
                memmove(to + size, to, length);
            memcpy(in_front ? to : to + length, before.data, size);
            length += size;
        }
        before = rest;
    }
    assert(length <= parts->properties.length);
    return length;
}

/* ---- Stored -------------------------------------------------------------------------------------------------- */

static size_t message_size(const struct message *message) {
    return sizeof *message + message->topic_length + message->payload_length + message->properties_room;
}

uint64_t message_bytes(const struct message *message) {
    return message_size(message) - sizeof *message;
}

static uint8_t *properties_of(struct message *message) {
    return message->bytes + message->topic_length + message->payload_length;
}

struct message *message_create(struct broker *broker, const struct application_message *parts) {
    size_t size = sizeof(struct message) + parts->topic.length + parts->payload.length + parts->properties.length;
    struct message *message = memory_take(&broker->memory, size);
    if (message == NULL)
        return NULL;
    message->references = 1;
    message->records = 0;
    message->number = 0;
    message->topic_length = parts->topic.length;
    message->payload_length = parts->payload.length;
    message->properties_room = parts->properties.length;
    message->expiry_interval = parts->expiry_interval;
    message->published = parts->published;
    message->publisher = parts->publisher;
    message->qos = mqtt_publish_qos(parts->flags);
    message->retain = (parts->flags & MQTT_PUBLISH_RETAIN) != 0;
    message->dup = (parts->flags & MQTT_PUBLISH_DUP) != 0;
    if (parts->topic.length > 0)
        memcpy(message->bytes, parts->topic.data, parts->topic.length);
    if (parts->payload.length > 0)
        memcpy(message->bytes + parts->topic.length, parts->payload.data, parts->payload.length);
    message->properties_length = 0;
    if (parts->properties.length > 0)
        message->properties_length = message_copy_properties(broker, parts, properties_of(message));
    broker->counts.messages++;
    broker->counts.message_bytes += message_bytes(message);
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
    broker->counts.message_bytes -= message_bytes(message);
    memory_give(&broker->memory, message, message_size(message));
}

struct mqtt_bytes message_topic(const struct message *message) {
    return (struct mqtt_bytes){message->bytes, message->topic_length};
}

struct mqtt_bytes message_payload(const struct message *message) {
    return (struct mqtt_bytes){message->bytes + message->topic_length, message->payload_length};
}

struct application_message message_view(const struct message *message) {
    const uint8_t *properties = message->bytes + message->topic_length + message->payload_length;
    return (struct application_message){
        .topic = message_topic(message),
        .payload = message_payload(message),
        .properties = {properties, message->properties_length},
        .is_stored = true,
        .flags = (uint8_t)(message->qos << MQTT_PUBLISH_QOS_SHIFT | (message->retain ? MQTT_PUBLISH_RETAIN : 0) |
                           (message->dup ? MQTT_PUBLISH_DUP : 0)),
        .expiry_interval = message->expiry_interval,
        .published = message->published,
        .publisher = message->publisher,
    };
}

/* ---- Message Expiry Interval, section 3.3.2.3.3 of 5.0 ------------------------------------------------------- */

bool message_has_expired(const struct broker *broker, const struct message *message) {
    microseconds waited = broker->now - message->published;
    return message->expiry_interval != NO_EXPIRY && waited > 0 &&
           waited >= message->expiry_interval * MICROSECONDS_PER_SECOND;
}

uint32_t message_expiry_left(const struct broker *broker, const struct application_message *parts) {
    microseconds waited = (broker->now - parts->published) / MICROSECONDS_PER_SECOND;
    if (waited < parts->expiry_interval)
        return (uint32_t)(parts->expiry_interval - waited);
    return parts->expiry_interval > 0 ? 1 : 0;
}
