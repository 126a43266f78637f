/* The one place that takes bytes off the wire. A read moves on only when all of it is there. */
#ifndef MQSPEC_CODEC_READER_H
#define MQSPEC_CODEC_READER_H

#include "codec/codec.h"

struct reader {
    const uint8_t *packet; /* where offsets count from */
    const uint8_t *at;
    const uint8_t *end;
};

static inline uint32_t reader_offset(const struct reader *reader) {
    return (uint32_t)(reader->at - reader->packet);
}

static inline uint32_t reader_rest(const struct reader *reader) {
    return (uint32_t)(reader->end - reader->at);
}

static inline bool read_byte(struct reader *reader, uint8_t *byte) {
    if (reader_rest(reader) < 1)
        return false;
    *byte = *reader->at++;
    return true;
}

static inline bool read_two_bytes(struct reader *reader, uint16_t *number) {
    if (reader_rest(reader) < 2)
        return false;
    *number = (uint16_t)(reader->at[0] << 8 | reader->at[1]);
    reader->at += 2;
    return true;
}

/* A field that has its length in front, section 1.5.3. */
static inline bool read_field(struct reader *reader, struct mqtt_bytes *field) {
    if (reader_rest(reader) < 2)
        return false;
    uint32_t length = (uint32_t)(reader->at[0] << 8 | reader->at[1]);
    if (reader_rest(reader) - 2 < length)
        return false;
    *field = (struct mqtt_bytes){reader->at + 2, length};
    reader->at += 2 + length;
    return true;
}

enum variable_byte_integer { VARIABLE_BYTE_INTEGER_READ, VARIABLE_BYTE_INTEGER_CUT, VARIABLE_BYTE_INTEGER_TOO_LONG };

/* Up to four bytes of seven bits each, the lowest first, section 1.5.5 of 5.0. Moves on in any case. */
static inline enum variable_byte_integer read_variable_byte_integer(struct reader *reader, uint32_t *number) {
    *number = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
        uint8_t byte;
        if (!read_byte(reader, &byte))
            return VARIABLE_BYTE_INTEGER_CUT;
        *number |= (uint32_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0)
            return VARIABLE_BYTE_INTEGER_READ;
    }
    return VARIABLE_BYTE_INTEGER_TOO_LONG;
}

/* The fewest bytes that hold the number. */
static inline uint32_t variable_byte_integer_size(uint32_t number) {
    return number < 1u << 7 ? 1 : number < 1u << 14 ? 2 : number < 1u << 21 ? 3 : 4;
}

static inline struct mqtt_bytes read_rest(struct reader *reader) {
    struct mqtt_bytes rest = {reader->at, reader_rest(reader)};
    reader->at = reader->end;
    return rest;
}

#endif
