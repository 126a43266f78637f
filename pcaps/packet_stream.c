#include <stdlib.h>
#include <string.h>

#include "pcaps/packet_stream.h"

void packet_stream_begin(struct packet_stream *stream, enum mqtt_side sender, enum mqtt_version version,
                         struct spec_rules *rules) {
    memset(stream, 0, sizeof *stream);
    stream->decoder = (struct mqtt_decoder){.version = version, .sender = sender, .rules = rules};
}

void packet_stream_end(struct packet_stream *stream) {
    free(stream->buffer);
    stream->buffer = NULL;
    stream->length = stream->capacity = stream->taken = 0;
}

static bool make_room(struct packet_stream *stream, size_t more) {
    if (stream->taken > 0) {
        memmove(stream->buffer, stream->buffer + stream->taken, stream->length - stream->taken);
        stream->length -= stream->taken;
        stream->taken = 0;
    }
    if (more > MQTT_MAXIMUM_PACKET_SIZE * (size_t)2 - stream->length)
        return false;
    size_t wanted = stream->length + more;
    if (wanted <= stream->capacity)
        return true;
    size_t capacity = stream->capacity > wanted / 2 ? stream->capacity * 2 : wanted;
    uint8_t *buffer = realloc(stream->buffer, capacity);
    if (buffer == NULL)
        return false;
    stream->buffer = buffer;
    stream->capacity = capacity;
    return true;
}

bool packet_stream_append(struct packet_stream *stream, struct mqtt_bytes bytes) {
    if (bytes.length == 0)
        return true;
    if (!make_room(stream, bytes.length))
        return false;
    memcpy(stream->buffer + stream->length, bytes.data, bytes.length);
    stream->length += bytes.length;
    return true;
}

static enum mqtt_status take(struct packet_stream *stream, struct taken_packet *taken, size_t length) {
    taken->bytes.length = (uint32_t)length;
    stream->taken += length;
    return MQTT_REFUSED;
}

enum mqtt_status packet_stream_next(struct packet_stream *stream, struct taken_packet *taken) {
    size_t left = stream->length - stream->taken;
    struct mqtt_frame frame;
    memset(taken, 0, sizeof *taken);
    if (left == 0)
        return MQTT_INCOMPLETE;
    taken->bytes = (struct mqtt_bytes){stream->buffer + stream->taken, (uint32_t)left};
    if (stream->lost) {
        taken->error = (struct mqtt_error){.error_class = MQTT_MALFORMED,
                                           .reason_code = MQTT_REASON_MALFORMED_PACKET,
                                           .what = "what stands behind bytes that are no packet cannot be read"};
        return take(stream, taken, left);
    }
    switch (mqtt_frame(&stream->decoder, taken->bytes, &frame, &taken->error)) {
    case MQTT_INCOMPLETE:
        return MQTT_INCOMPLETE;
    case MQTT_REFUSED:
        stream->lost = true;
        return take(stream, taken, left);
    case MQTT_OK:
        break;
    }
    if (frame.packet_size > left)
        return MQTT_INCOMPLETE;
    (void)take(stream, taken, frame.packet_size);
    return mqtt_decode(&stream->decoder, taken->bytes, &taken->packet, &taken->error);
}

void packet_stream_gap(struct packet_stream *stream) {
    stream->length = stream->taken = 0;
    stream->lost = false;
}
