#include "pcaps/replay_rename.h"

#include <stdlib.h>
#include <string.h>

/* Names that are put together live here until the packet is encoded. */
struct renaming {
    const struct replay_names *names;
    uint8_t *room;
    size_t used;
    size_t capacity;
    bool changed;
    bool failed; /* a name is too long */
};

static struct mqtt_bytes prefixed(struct renaming *renaming, const char *prefix, struct mqtt_bytes name) {
    size_t length = strlen(prefix), whole = length + name.length;
    if (whole > MQTT_MAXIMUM_STRING || renaming->capacity - renaming->used < whole) {
        renaming->failed = true;
        return name;
    }
    uint8_t *start = renaming->room + renaming->used;
    memcpy(start, prefix, length);
    memcpy(start + length, name.data, name.length);
    renaming->used += whole;
    renaming->changed = true;
    return (struct mqtt_bytes){start, (uint32_t)whole};
}

static struct mqtt_bytes new_topic(struct renaming *renaming, struct mqtt_bytes topic) {
    const char *prefix = renaming->names->topic_prefix;
    return prefix == NULL || topic.length == 0 || topic.data[0] == '$' ? topic : prefixed(renaming, prefix, topic);
}

static struct mqtt_bytes new_filter(struct renaming *renaming, enum mqtt_version version, struct mqtt_bytes filter) {
    struct mqtt_bytes share, topic_filter;
    if (version != MQTT_5_0 || !mqtt_shared_filter(filter, &share, &topic_filter))
        return new_topic(renaming, filter);
    struct mqtt_bytes renamed = new_topic(renaming, topic_filter);
    uint32_t before = filter.length - topic_filter.length;
    if (renamed.data == topic_filter.data || renaming->capacity - renaming->used < before + renamed.length) {
        renaming->failed |= renamed.data != topic_filter.data;
        return filter;
    }
    uint8_t *start = renaming->room + renaming->used;
    memcpy(start, filter.data, before);
    memcpy(start + before, renamed.data, renamed.length);
    renaming->used += before + renamed.length;
    return (struct mqtt_bytes){start, before + renamed.length};
}

/* ---- Parts of packets ------------------------------------------------------------------------------------------ */

static struct mqtt_bytes new_properties(struct renaming *renaming, struct mqtt_bytes properties) {
    struct mqtt_bytes rest = properties;
    struct mqtt_property property;
    if (mqtt_property_bytes(properties, MQTT_RESPONSE_TOPIC).length == 0)
        return properties;
    struct mqtt_bytes topic = new_topic(renaming, mqtt_property_bytes(properties, MQTT_RESPONSE_TOPIC));
    uint8_t *start = renaming->room + renaming->used;
    size_t written = 0;
    while (mqtt_next_property(&rest, &property)) {
        if (property.identifier == MQTT_RESPONSE_TOPIC)
            property.bytes = topic;
        if (!mqtt_append_property(start, renaming->capacity - renaming->used, &written, &property))
            renaming->failed = true;
    }
    renaming->used += written;
    return (struct mqtt_bytes){start, (uint32_t)written};
}

static struct mqtt_bytes new_filters(struct renaming *renaming, enum mqtt_version version, struct mqtt_bytes filters,
                                     bool has_options) {
    struct mqtt_bytes filter;
    uint8_t options;
    /* Each entry is put together above the list. */
    size_t capacity = renaming->capacity / 2, written = 0;
    uint8_t *list = renaming->room;
    while (filters.length > 0 && mqtt_next_filter(&filters, &filter, has_options ? &options : NULL)) {
        renaming->used = capacity;
        struct mqtt_bytes renamed = new_filter(renaming, version, filter);
        if (!mqtt_append_filter(list, capacity, &written, renamed, has_options ? &options : NULL))
            renaming->failed = true;
    }
    return (struct mqtt_bytes){list, (uint32_t)written};
}

static void rename_connect(struct renaming *renaming, struct mqtt_connect *connect) {
    if (renaming->names->client_prefix != NULL && connect->client_identifier.length > 0)
        connect->client_identifier = prefixed(renaming, renaming->names->client_prefix, connect->client_identifier);
    connect->will_topic = new_topic(renaming, connect->will_topic);
    connect->will_properties = new_properties(renaming, connect->will_properties);
}

static void rename_parts(struct renaming *renaming, enum mqtt_version version, struct mqtt_packet *packet) {
    bool topics = renaming->names->topic_prefix != NULL;
    switch (packet->type) {
    case MQTT_CONNECT:
        rename_connect(renaming, &packet->connect);
        break;
    case MQTT_PUBLISH:
        packet->publish.topic = new_topic(renaming, packet->publish.topic);
        packet->publish.properties = new_properties(renaming, packet->publish.properties);
        break;
    case MQTT_SUBSCRIBE:
        if (topics)
            packet->subscribe.filters = new_filters(renaming, version, packet->subscribe.filters, true);
        break;
    case MQTT_UNSUBSCRIBE:
        if (topics)
            packet->unsubscribe.filters = new_filters(renaming, version, packet->unsubscribe.filters, false);
        break;
    default:
        break;
    }
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static size_t count_filters(struct mqtt_bytes filters, bool has_options) {
    struct mqtt_bytes filter;
    uint8_t options;
    size_t count = 0;
    while (filters.length > 0 && mqtt_next_filter(&filters, &filter, has_options ? &options : NULL))
        count++;
    return count;
}

/* Enough for all new names of the packet, twice. */
static size_t room_for(const struct replay_names *names, const struct mqtt_packet *packet, size_t size) {
    size_t prefix = names->topic_prefix != NULL ? strlen(names->topic_prefix) : 0, count = 4;
    if (packet->type == MQTT_SUBSCRIBE)
        count += count_filters(packet->subscribe.filters, true);
    if (packet->type == MQTT_UNSUBSCRIBE)
        count += count_filters(packet->unsubscribe.filters, false);
    return 4 * (size + count * prefix + (names->client_prefix != NULL ? strlen(names->client_prefix) : 0));
}

size_t rename_packet(const struct replay_names *names, enum mqtt_version version, const struct mqtt_packet *packet,
                     uint8_t **bytes) {
    struct mqtt_packet renamed = *packet;
    struct renaming renaming = {.names = names};
    size_t size = mqtt_encoded_size(version, packet), written = 0;
    *bytes = NULL;
    if ((names->client_prefix == NULL && names->topic_prefix == NULL) || size == 0 || packet->type > MQTT_UNSUBSCRIBE)
        return 0;
    renaming.capacity = room_for(names, packet, size);
    renaming.room = malloc(renaming.capacity);
    if (renaming.room == NULL)
        return 0;
    rename_parts(&renaming, version, &renamed);
    if (renaming.changed && !renaming.failed) {
        size = mqtt_encoded_size(version, &renamed);
        *bytes = size > 0 ? malloc(size) : NULL;
        written = *bytes != NULL ? mqtt_encode(version, &renamed, *bytes, size) : 0;
    }
    free(renaming.room);
    return written;
}
