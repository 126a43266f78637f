/* The one place that puts bytes on the wire. A writer without a buffer only counts. */
#ifndef MQSPEC_CODEC_WRITER_H
#define MQSPEC_CODEC_WRITER_H

#include <string.h>

#include "codec/codec.h"

struct writer {
    uint8_t *at;     /* NULL: nothing is written */
    size_t length;   /* bytes written or counted */
    bool impossible; /* the wire cannot carry what was asked for */
};

static inline void write_byte(struct writer *writer, uint8_t byte) {
    if (writer->at != NULL)
        *writer->at++ = byte;
    writer->length++;
}

static inline void write_two_bytes(struct writer *writer, uint16_t number) {
    write_byte(writer, (uint8_t)(number >> 8));
    write_byte(writer, (uint8_t)number);
}

static inline void write_bytes(struct writer *writer, struct mqtt_bytes bytes) {
    if (bytes.length > MQTT_MAXIMUM_REMAINING_LENGTH) {
        writer->impossible = true; /* and not counted, so that no sum can wrap */
        return;
    }
    if (writer->at != NULL && bytes.length > 0) {
        memcpy(writer->at, bytes.data, bytes.length);
        writer->at += bytes.length;
    }
    writer->length += bytes.length;
}

/* A field with its length in front; nothing where it is absent. */
static inline void write_field(struct writer *writer, struct mqtt_bytes field) {
    if (field.data == NULL)
        return;
    if (field.length > MQTT_MAXIMUM_STRING)
        writer->impossible = true;
    write_two_bytes(writer, (uint16_t)field.length);
    write_bytes(writer, field);
}

/* Section 2.2.3 (5.0: 1.5.5), in the fewest bytes. */
static inline void write_variable_byte_integer(struct writer *writer, uint32_t number) {
    do {
        uint8_t low = number & 0x7F;
        number >>= 7;
        write_byte(writer, number > 0 ? low | 0x80 : low);
    } while (number > 0);
}

/* The Property Length and the properties, without those that `omission`, of enum mqtt_omission, names. Absent ones are
 * an empty set. */
void write_properties(struct writer *writer, struct mqtt_bytes properties, unsigned omission);

#endif
