/* From fields to bytes, chapter 3: the counterpart of decode.c, packet by packet. Nothing is judged here. */
#include <assert.h>

#include "codec/writer.h"

/* Each writes what stands behind the Fixed Header. */
typedef void body_writer(struct writer *writer, const struct mqtt_packet *packet);

static void write_connect(struct writer *writer, const struct mqtt_packet *packet) {
    const struct mqtt_connect *connect = &packet->connect;
    write_field(writer, connect->protocol_name);
    write_byte(writer, connect->protocol_level);
    write_byte(writer, connect->flags);
    write_two_bytes(writer, connect->keep_alive);
    write_field(writer, connect->client_identifier);
    write_field(writer, connect->will_topic);
    write_field(writer, connect->will_message);
    write_field(writer, connect->user_name);
    write_field(writer, connect->password);
}

static void write_connack(struct writer *writer, const struct mqtt_packet *packet) {
    write_byte(writer, packet->connack.acknowledge_flags);
    write_byte(writer, packet->connack.code);
}

/* A topic is always there, if only as an empty one. */
static void write_publish_header(struct writer *writer, const struct mqtt_packet *packet) {
    struct mqtt_bytes topic = packet->publish.topic;
    if (topic.data == NULL)
        topic.data = (const uint8_t *)"";
    write_field(writer, topic);
    if (mqtt_publish_qos(packet->flags) > 0)
        write_two_bytes(writer, packet->publish.packet_identifier);
}

static void write_publish(struct writer *writer, const struct mqtt_packet *packet) {
    write_publish_header(writer, packet);
    write_bytes(writer, packet->publish.payload);
}

static void write_acknowledgement(struct writer *writer, const struct mqtt_packet *packet) {
    write_two_bytes(writer, packet->acknowledgement.packet_identifier);
}

static void write_subscribe(struct writer *writer, const struct mqtt_packet *packet) {
    write_two_bytes(writer, packet->subscribe.packet_identifier);
    write_bytes(writer, packet->subscribe.filters);
}

static void write_suback(struct writer *writer, const struct mqtt_packet *packet) {
    write_two_bytes(writer, packet->suback.packet_identifier);
    write_bytes(writer, packet->suback.codes);
}

static void write_unsubscribe(struct writer *writer, const struct mqtt_packet *packet) {
    write_two_bytes(writer, packet->unsubscribe.packet_identifier);
    write_bytes(writer, packet->unsubscribe.filters);
}

static void write_nothing(struct writer *writer, const struct mqtt_packet *packet) {
    (void)writer;
    (void)packet;
}

static body_writer *const writers[MQTT_TYPE_COUNT] = {
    [MQTT_RESERVED] = write_nothing,        [MQTT_CONNECT] = write_connect,
    [MQTT_CONNACK] = write_connack,         [MQTT_PUBLISH] = write_publish,
    [MQTT_PUBACK] = write_acknowledgement,  [MQTT_PUBREC] = write_acknowledgement,
    [MQTT_PUBREL] = write_acknowledgement,  [MQTT_PUBCOMP] = write_acknowledgement,
    [MQTT_SUBSCRIBE] = write_subscribe,     [MQTT_SUBACK] = write_suback,
    [MQTT_UNSUBSCRIBE] = write_unsubscribe, [MQTT_UNSUBACK] = write_acknowledgement,
    [MQTT_PINGREQ] = write_nothing,         [MQTT_PINGRESP] = write_nothing,
    [MQTT_DISCONNECT] = write_nothing,      [MQTT_AUTH] = write_nothing,
};

/* The Remaining Length; false where the wire cannot carry the packet. */
static bool measure(const struct mqtt_packet *packet, uint32_t *remaining_length) {
    struct writer counter = {0};
    writers[packet->type](&counter, packet);
    if (counter.impossible || counter.length > MQTT_MAXIMUM_REMAINING_LENGTH)
        return false;
    *remaining_length = (uint32_t)counter.length;
    return true;
}

static void write_fixed_header(struct writer *writer, const struct mqtt_packet *packet, uint32_t remaining_length) {
    write_byte(writer, (uint8_t)(packet->type << 4 | (packet->flags & 0x0F)));
    write_remaining_length(writer, remaining_length);
}

static size_t fixed_header_size(uint32_t remaining_length) {
    return remaining_length < 1u << 7 ? 2 : remaining_length < 1u << 14 ? 3 : remaining_length < 1u << 21 ? 4 : 5;
}

size_t mqtt_encoded_size(enum mqtt_version version, const struct mqtt_packet *packet) {
    (void)version;
    uint32_t remaining_length;
    if (!measure(packet, &remaining_length))
        return 0;
    return fixed_header_size(remaining_length) + remaining_length;
}

/* Writes all but the last `left_out` bytes. */
static size_t encode(const struct mqtt_packet *packet, body_writer *write_body, uint32_t left_out, uint8_t *buffer,
                     size_t capacity) {
    uint32_t remaining_length;
    if (!measure(packet, &remaining_length))
        return 0;
    assert(left_out <= remaining_length);
    size_t size = fixed_header_size(remaining_length) + remaining_length - left_out;
    if (size > capacity)
        return 0;
    struct writer writer = {.at = buffer};
    write_fixed_header(&writer, packet, remaining_length);
    write_body(&writer, packet);
    assert(writer.length == size);
    return size;
}

size_t mqtt_encode(enum mqtt_version version, const struct mqtt_packet *packet, uint8_t *buffer, size_t capacity) {
    (void)version;
    return encode(packet, writers[packet->type], 0, buffer, capacity);
}

size_t mqtt_encode_publish_header(enum mqtt_version version, const struct mqtt_packet *packet, uint8_t *buffer,
                                  size_t capacity) {
    (void)version;
    assert(packet->type == MQTT_PUBLISH);
    return encode(packet, write_publish_header, packet->publish.payload.length, buffer, capacity);
}

bool mqtt_append_filter(uint8_t *buffer, size_t capacity, size_t *length, struct mqtt_bytes filter,
                        const uint8_t *options) {
    size_t needed = 2 + (size_t)filter.length + (options != NULL ? 1 : 0);
    if (filter.length > MQTT_MAXIMUM_STRING || *length > capacity || capacity - *length < needed)
        return false;
    struct writer writer = {.at = buffer + *length};
    if (filter.data == NULL)
        filter.data = (const uint8_t *)"";
    write_field(&writer, filter);
    if (options != NULL)
        write_byte(&writer, *options);
    *length += needed;
    return true;
}
