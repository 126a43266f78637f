#include "pcaps/proxy_bounds.h"

#include <assert.h>
#include <string.h>

void packet_bounds_begin(struct packet_bounds *bounds, enum mqtt_side sender, struct spec_rules *rules) {
    memset(bounds, 0, sizeof *bounds);
    bounds->decoder = (struct mqtt_decoder){.version = MQTT_VERSION_UNKNOWN, .sender = sender, .rules = rules};
}

/* Adds bytes to the Fixed Header until it is whole or refused. Returns how many it took. */
static uint32_t read_header(struct packet_bounds *bounds, struct mqtt_bytes bytes) {
    struct mqtt_frame frame;
    struct mqtt_error error;
    uint32_t count = 0;
    enum mqtt_status status = MQTT_INCOMPLETE;
    while (count < bytes.length && status == MQTT_INCOMPLETE) {
        assert(bounds->passed + count < sizeof bounds->header); /* a fifth byte of length is refused */
        bounds->header[bounds->passed + count] = bytes.data[count];
        count++;
        status =
            mqtt_frame(&bounds->decoder, (struct mqtt_bytes){bounds->header, bounds->passed + count}, &frame, &error);
    }
    if (status == MQTT_OK)
        bounds->size = frame.packet_size;
    bounds->lost = status == MQTT_REFUSED;
    return count;
}

bool packet_bounds_next(struct packet_bounds *bounds, struct mqtt_bytes *bytes, struct packet_piece *piece) {
    memset(piece, 0, sizeof *piece);
    if (bytes->length == 0)
        return false;
    uint32_t length = 0;
    if (!bounds->lost && bounds->size == 0)
        length = read_header(bounds, *bytes);
    if (bounds->lost) {
        piece->bytes = *bytes;
        *bytes = (struct mqtt_bytes){bytes->data + bytes->length, 0};
        return true;
    }
    if (bounds->size > 0) {
        uint32_t left = bounds->size - bounds->passed;
        length = left < bytes->length ? left : bytes->length;
    }
    *piece = (struct packet_piece){.bytes = {bytes->data, length},
                                   .is_packet = true,
                                   .type = (enum mqtt_type)(bounds->header[0] >> 4),
                                   .begins = bounds->passed == 0,
                                   .offset = bounds->passed,
                                   .size = bounds->size};
    bytes->data += length;
    bytes->length -= length;
    bounds->passed += length;
    piece->ends = bounds->passed == bounds->size;
    if (piece->ends)
        bounds->passed = bounds->size = 0;
    return true;
}
