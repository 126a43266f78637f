/* From fields to bytes, chapter 3: the counterpart of decode.c, packet by packet. Nothing is judged here. */
#include <assert.h>

#include "codec/writer.h"

/* What a packet's function works with. */
struct encoding {
    struct writer writer;
    enum mqtt_version version;
    unsigned omission;
};

/* Each writes what stands behind the Fixed Header. */
typedef void body_writer(struct encoding *encoding, const struct mqtt_packet *packet);

/* Where 5.0 has a set of properties. */
static void write_set_in_5(struct encoding *encoding, struct mqtt_bytes properties) {
    if (encoding->version == MQTT_5_0)
        write_properties(&encoding->writer, properties, encoding->omission);
}

/* A Reason Code and properties at the end of a packet, in as few bytes as they need. */
static void write_reason(struct encoding *encoding, uint8_t reason_code, struct mqtt_bytes properties) {
    if (encoding->version != MQTT_5_0 || (reason_code == 0 && properties.data == NULL))
        return;
    write_byte(&encoding->writer, reason_code);
    if (properties.data != NULL)
        write_properties(&encoding->writer, properties, encoding->omission);
}

static void write_connect(struct encoding *encoding, const struct mqtt_packet *packet) {
    const struct mqtt_connect *connect = &packet->connect;
    struct writer *writer = &encoding->writer;
    write_field(writer, connect->protocol_name);
    write_byte(writer, connect->protocol_level);
    write_byte(writer, connect->flags);
    write_two_bytes(writer, connect->keep_alive);
    write_set_in_5(encoding, connect->properties);
    write_field(writer, connect->client_identifier);
    if (connect->will_topic.data != NULL || connect->will_properties.data != NULL)
        write_set_in_5(encoding, connect->will_properties);
    write_field(writer, connect->will_topic);
    write_field(writer, connect->will_message);
    write_field(writer, connect->user_name);
    write_field(writer, connect->password);
}

static void write_connack(struct encoding *encoding, const struct mqtt_packet *packet) {
    write_byte(&encoding->writer, packet->connack.acknowledge_flags);
    write_byte(&encoding->writer, packet->connack.code);
    write_set_in_5(encoding, packet->connack.properties);
}

/* A topic is always there, if only as an empty one. */
static void write_publish_header(struct encoding *encoding, const struct mqtt_packet *packet) {
    struct mqtt_bytes topic = packet->publish.topic;
    if (topic.data == NULL)
        topic.data = (const uint8_t *)"";
    write_field(&encoding->writer, topic);
    if (mqtt_publish_qos(packet->flags) > 0)
        write_two_bytes(&encoding->writer, packet->publish.packet_identifier);
    write_set_in_5(encoding, packet->publish.properties);
}

static void write_publish(struct encoding *encoding, const struct mqtt_packet *packet) {
    write_publish_header(encoding, packet);
    write_bytes(&encoding->writer, packet->publish.payload);
}

static void write_acknowledgement(struct encoding *encoding, const struct mqtt_packet *packet) {
    write_two_bytes(&encoding->writer, packet->acknowledgement.packet_identifier);
    write_reason(encoding, packet->acknowledgement.reason_code, packet->acknowledgement.properties);
}

static void write_subscribe(struct encoding *encoding, const struct mqtt_packet *packet) {
    write_two_bytes(&encoding->writer, packet->subscribe.packet_identifier);
    write_set_in_5(encoding, packet->subscribe.properties);
    write_bytes(&encoding->writer, packet->subscribe.filters);
}

static void write_suback(struct encoding *encoding, const struct mqtt_packet *packet) {
    write_two_bytes(&encoding->writer, packet->suback.packet_identifier);
    write_set_in_5(encoding, packet->suback.properties);
    write_bytes(&encoding->writer, packet->suback.codes);
}

static void write_unsubscribe(struct encoding *encoding, const struct mqtt_packet *packet) {
    write_two_bytes(&encoding->writer, packet->unsubscribe.packet_identifier);
    write_set_in_5(encoding, packet->unsubscribe.properties);
    write_bytes(&encoding->writer, packet->unsubscribe.filters);
}

static void write_unsuback(struct encoding *encoding, const struct mqtt_packet *packet) {
    if (encoding->version == MQTT_5_0)
        write_suback(encoding, packet);
    else
        write_two_bytes(&encoding->writer, packet->acknowledgement.packet_identifier);
}

static void write_nothing(struct encoding *encoding, const struct mqtt_packet *packet) {
    (void)encoding;
    (void)packet;
}

/* DISCONNECT, and AUTH. */
static void write_disconnect(struct encoding *encoding, const struct mqtt_packet *packet) {
    write_reason(encoding, packet->disconnect.reason_code, packet->disconnect.properties);
}

static body_writer *const writers[MQTT_TYPE_COUNT] = {
    [MQTT_RESERVED] = write_nothing,        [MQTT_CONNECT] = write_connect,
    [MQTT_CONNACK] = write_connack,         [MQTT_PUBLISH] = write_publish,
    [MQTT_PUBACK] = write_acknowledgement,  [MQTT_PUBREC] = write_acknowledgement,
    [MQTT_PUBREL] = write_acknowledgement,  [MQTT_PUBCOMP] = write_acknowledgement,
    [MQTT_SUBSCRIBE] = write_subscribe,     [MQTT_SUBACK] = write_suback,
    [MQTT_UNSUBSCRIBE] = write_unsubscribe, [MQTT_UNSUBACK] = write_unsuback,
    [MQTT_PINGREQ] = write_nothing,         [MQTT_PINGRESP] = write_nothing,
    [MQTT_DISCONNECT] = write_disconnect,   [MQTT_AUTH] = write_disconnect,
};

static struct encoding encoding_of(enum mqtt_version version, const struct mqtt_packet *packet, unsigned omission,
                                   uint8_t *buffer) {
    if (packet->type == MQTT_CONNECT)
        version = (enum mqtt_version)packet->connect.protocol_level;
    return (struct encoding){.writer = {.at = buffer}, .version = version, .omission = omission};
}

/* The Remaining Length; false where the wire cannot carry the packet. */
static bool measure(enum mqtt_version version, const struct mqtt_packet *packet, unsigned omission,
                    uint32_t *remaining_length) {
    struct encoding counting = encoding_of(version, packet, omission, NULL);
    writers[packet->type](&counting, packet);
    if (counting.writer.impossible || counting.writer.length > MQTT_MAXIMUM_REMAINING_LENGTH)
        return false;
    *remaining_length = (uint32_t)counting.writer.length;
    return true;
}

static void write_fixed_header(struct writer *writer, const struct mqtt_packet *packet, uint32_t remaining_length) {
    write_byte(writer, (uint8_t)(packet->type << 4 | (packet->flags & 0x0F)));
    write_variable_byte_integer(writer, remaining_length);
}

static size_t fixed_header_size(uint32_t remaining_length) {
    return remaining_length < 1u << 7 ? 2 : remaining_length < 1u << 14 ? 3 : remaining_length < 1u << 21 ? 4 : 5;
}

size_t mqtt_encoded_size_without(enum mqtt_version version, const struct mqtt_packet *packet, unsigned omission) {
    uint32_t remaining_length;
    if (!measure(version, packet, omission, &remaining_length))
        return 0;
    return fixed_header_size(remaining_length) + remaining_length;
}

size_t mqtt_encoded_size(enum mqtt_version version, const struct mqtt_packet *packet) {
    return mqtt_encoded_size_without(version, packet, MQTT_OMIT_NOTHING);
}

/* Writes all but the last `left_out` bytes. */
static size_t encode(struct encoding *encoding, const struct mqtt_packet *packet, body_writer *write_body,
                     uint32_t left_out, size_t capacity) {
    uint32_t remaining_length;
    if (!measure(encoding->version, packet, encoding->omission, &remaining_length))
        return 0;
    assert(left_out <= remaining_length);
    size_t size = fixed_header_size(remaining_length) + remaining_length - left_out;
    if (size > capacity)
        return 0;
    write_fixed_header(&encoding->writer, packet, remaining_length);
    write_body(encoding, packet);
    assert(encoding->writer.length == size);
    return size;
}

size_t mqtt_encode_without(enum mqtt_version version, const struct mqtt_packet *packet, unsigned omission,
                           uint8_t *buffer, size_t capacity) {
    struct encoding encoding = encoding_of(version, packet, omission, buffer);
    return encode(&encoding, packet, writers[packet->type], 0, capacity);
}

size_t mqtt_encode(enum mqtt_version version, const struct mqtt_packet *packet, uint8_t *buffer, size_t capacity) {
    return mqtt_encode_without(version, packet, MQTT_OMIT_NOTHING, buffer, capacity);
}

size_t mqtt_encode_publish_header(enum mqtt_version version, const struct mqtt_packet *packet, uint8_t *buffer,
                                  size_t capacity) {
    assert(packet->type == MQTT_PUBLISH);
    struct encoding encoding = encoding_of(version, packet, MQTT_OMIT_NOTHING, buffer);
    return encode(&encoding, packet, write_publish_header, packet->publish.payload.length, capacity);
}

bool mqtt_omission_to_fit(enum mqtt_version version, const struct mqtt_packet *packet, uint32_t maximum_packet_size,
                          unsigned *omission) {
    static const unsigned tried[] = {MQTT_OMIT_NOTHING, MQTT_OMIT_USER_PROPERTIES, MQTT_OMIT_REASON_STRING,
                                     MQTT_OMIT_USER_PROPERTIES | MQTT_OMIT_REASON_STRING};
    size_t choices = packet->type == MQTT_PUBLISH ? 1 : sizeof tried / sizeof tried[0];
    for (size_t i = 0; i < choices; i++) {
        size_t size = mqtt_encoded_size_without(version, packet, tried[i]);
        if (size > 0 && (maximum_packet_size == 0 || size <= maximum_packet_size)) {
            *omission = tried[i];
            return true;
        }
    }
    return false;
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
