/* What the decoding functions share. */
#ifndef MQSPEC_CODEC_DECODE_H
#define MQSPEC_CODEC_DECODE_H

#include "codec/codec.h"
#include "codec/reader.h"

/* What a packet's function works with. */
struct decoding {
    enum mqtt_version version;
    enum mqtt_side sender;
    struct spec_rules *rules;
    struct reader reader;
    struct mqtt_error *error;
};

/* Fills *error and returns MQTT_REFUSED, so that a check reads "if (wrong && MUST(...)) return refuse(...)". */
enum mqtt_status mqtt_refuse(struct mqtt_error *error, enum mqtt_error_class error_class, enum mqtt_reason reason,
                             enum spec_statement statement, uint32_t offset, const char *what);

/* The statement for what is wrong and has none of its own: the receiver has to close. That of 5.0 binds Servers. */
static inline enum spec_statement mqtt_general_statement(enum mqtt_version version, enum mqtt_side sender) {
    if (version != MQTT_5_0)
        return V311(4_8_0_1);
    return sender == MQTT_CLIENT ? V5(4_13_1_1) : SPEC_NONE;
}

static inline enum spec_statement general_statement(const struct decoding *decoding) {
    return mqtt_general_statement(decoding->version, decoding->sender);
}

static inline enum mqtt_status malformed(struct decoding *decoding, enum spec_statement statement, uint32_t offset,
                                         const char *what) {
    return mqtt_refuse(decoding->error, MQTT_MALFORMED, MQTT_REASON_MALFORMED_PACKET, statement, offset, what);
}

static inline enum mqtt_status not_allowed(struct decoding *decoding, enum spec_statement statement, uint32_t offset,
                                           const char *what) {
    return mqtt_refuse(decoding->error, MQTT_PROTOCOL, MQTT_REASON_PROTOCOL_ERROR, statement, offset, what);
}

static inline enum mqtt_status ends_too_early(struct decoding *decoding, enum spec_statement statement) {
    OBEYS(decoding->rules, statement);
    return malformed(decoding, statement, reader_offset(&decoding->reader), "the packet ends too early");
}

static inline uint32_t offset_of(const struct decoding *decoding, struct mqtt_bytes field) {
    return (uint32_t)(field.data - decoding->reader.packet);
}

/* A UTF-8 Encoded String, section 1.5.3 (5.0: 1.5.4). `ill_formed` and `null` are the statements for this very field.
 * Where one of them lets a fault pass, the other still holds for what stands behind it. */
enum mqtt_status check_text(struct decoding *decoding, struct mqtt_bytes text, enum spec_statement ill_formed,
                            enum spec_statement null);

/* Reads the Property Length and the properties behind it, which stand in `place`, an MQTT_IN(). Each is checked for
 * where it is allowed, how often, and its range; *properties receives the set. */
enum mqtt_status decode_properties(struct decoding *decoding, uint32_t place, struct mqtt_bytes *properties);

#endif
