/* The codec's promises, on any bytes that one side may send. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"
#include "fuzz/targets.h"

/* The first byte of the input. */
enum option {
    OPTION_VERSION = 0x03, /* of the connection: not known yet, 3.1, 3.1.1, 5.0 */
    OPTION_SERVER = 0x04,  /* the Server sends */
    OPTION_LIMIT = 0x08,   /* packets over SMALL_LIMIT are refused */
};
#define SMALL_LIMIT     64u
#define LONGEST_TEXT    600
#define JUDGED_PREFIXES 8u /* longer prefixes are judged at the packet's end and at that of the input */

struct decoding {
    struct mqtt_decoder decoder;
    struct finding *finding;
};

__attribute__((format(printf, 2, 3))) static bool fails(struct decoding *decoding, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    decoding->finding->statement = SPEC_NONE;
    vsnprintf(decoding->finding->what, sizeof decoding->finding->what, format, arguments);
    va_end(arguments);
    return false;
}

/* The bytes alone in memory of their own, so that no access beside them goes unnoticed. */
static uint8_t *alone(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

/* ---- Framing --------------------------------------------------------------------------------------------- */

struct answer {
    enum mqtt_status status;
    struct mqtt_frame frame;
    struct mqtt_error error;
};

static struct answer frame_of(struct decoding *decoding, const uint8_t *data, size_t size) {
    struct answer answer;
    memset(&answer, 0, sizeof answer);
    uint8_t *copy = alone(data, size);
    answer.status =
        mqtt_frame(&decoding->decoder, (struct mqtt_bytes){copy, (uint32_t)size}, &answer.frame, &answer.error);
    free(copy);
    return answer;
}

static bool same_answer(const struct answer *left, const struct answer *right) {
    if (left->status != right->status)
        return false;
    if (left->status == MQTT_OK)
        return left->frame.first_byte == right->frame.first_byte &&
               left->frame.header_size == right->frame.header_size &&
               left->frame.remaining_length == right->frame.remaining_length &&
               left->frame.packet_size == right->frame.packet_size;
    return left->error.error_class == right->error.error_class && left->error.statement == right->error.statement &&
           left->error.reason_code == right->error.reason_code && left->error.offset == right->error.offset;
}

/* An answer never changes when more bytes come. */
static bool cutting_changes_nothing(struct decoding *decoding, const uint8_t *data, size_t size) {
    struct answer whole = frame_of(decoding, data, size);
    bool decided = false;
    for (size_t length = 0; length < size && length <= JUDGED_PREFIXES; length++) {
        struct answer prefix = frame_of(decoding, data, length);
        if (prefix.status == MQTT_INCOMPLETE && !decided)
            continue;
        if (!same_answer(&prefix, &whole))
            return fails(decoding, "mqtt_frame answers otherwise for %zu of %zu bytes", length, size);
        decided = true;
    }
    if (size >= MQTT_MAXIMUM_FIXED_HEADER && whole.status == MQTT_INCOMPLETE)
        return fails(decoding, "mqtt_frame wants more than %u bytes", MQTT_MAXIMUM_FIXED_HEADER);
    return true;
}

/* ---- Decoding -------------------------------------------------------------------------------------------- */

static void count_field(void *context, const struct mqtt_field *field) {
    unsigned *fields = context;
    (void)field->number;
    *fields += 1;
}

/* What people see of a packet ends where it should, whatever room it is given. */
static bool describes(struct decoding *decoding, const struct mqtt_packet *packet) {
    char text[LONGEST_TEXT];
    static const size_t capacities[] = {1, 2, 20, sizeof text};
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        memset(text, 'x', sizeof text);
        size_t length = mqtt_describe(decoding->decoder.version, packet, text, capacities[i]);
        if (length >= capacities[i] || text[length] != '\0' || strlen(text) != length)
            return fails(decoding, "mqtt_describe does not end its text in %zu bytes", capacities[i]);
    }
    unsigned fields = 0;
    mqtt_visit_fields(decoding->decoder.version, packet, count_field, &fields);
    return true;
}

/* The codec reads no further than name and level of a protocol that it does not know. */
static bool is_of_unknown_protocol(const struct mqtt_packet *packet) {
    return packet->type == MQTT_CONNECT && packet->connect.client_identifier.data == NULL;
}

/* In 5.0 a Reason Code of 0 with nothing behind it may stand there or not; encoding leaves it out. */
static uint32_t left_out(enum mqtt_version version, const struct mqtt_packet *packet, uint32_t remaining_length) {
    bool has_identifier = packet->type >= MQTT_PUBACK && packet->type <= MQTT_PUBCOMP;
    bool has_reason = has_identifier || packet->type == MQTT_DISCONNECT || packet->type == MQTT_AUTH;
    return version == MQTT_5_0 && has_reason && mqtt_packet_reason(packet) == 0 &&
                   mqtt_packet_properties(packet).data == NULL && remaining_length == (has_identifier ? 3u : 1u)
               ? 1
               : 0;
}

/* The same flags, type and body; the Remaining Length in its shortest form. */
static bool encodes_to_the_same(struct decoding *decoding, const struct mqtt_packet *packet, const uint8_t *data,
                                const struct mqtt_frame *frame) {
    enum mqtt_version version = decoding->decoder.version;
    size_t size = mqtt_encoded_size(version, packet);
    if (size == 0 || size > frame->packet_size)
        return fails(decoding, "%s of %u bytes is encoded to %zu", mqtt_type_name(packet->type), frame->packet_size,
                     size);
    uint32_t body = frame->remaining_length - left_out(version, packet, frame->remaining_length);
    uint8_t *encoded = alone(data, size);
    size_t written = mqtt_encode(version, packet, encoded, size);
    size_t header = size - body;
    bool same = written == size && encoded[0] == data[0] && size > body && header >= 2 &&
                header <= frame->header_size && memcmp(encoded + header, data + frame->header_size, body) == 0;
    bool refuses_less = mqtt_encode(version, packet, encoded, size - 1) == 0;
    free(encoded);
    if (!same)
        return fails(decoding, "%s is not encoded to the bytes it was decoded from", mqtt_type_name(packet->type));
    return refuses_less || fails(decoding, "%s is encoded into too little room", mqtt_type_name(packet->type));
}

static bool check_packet(struct decoding *decoding, const uint8_t *data, const struct mqtt_frame *frame) {
    struct mqtt_bytes bytes = {data, frame->packet_size};
    struct mqtt_packet packet;
    struct mqtt_error error;
    enum mqtt_status status = mqtt_decode(&decoding->decoder, bytes, &packet, &error);
    if (status == MQTT_INCOMPLETE)
        return fails(decoding, "mqtt_decode wants more than the whole packet");
    if (status == MQTT_REFUSED && (error.error_class == MQTT_NO_ERROR || error.what == NULL))
        return fails(decoding, "mqtt_decode refuses and does not say why");
    if (status == MQTT_REFUSED && error.offset > frame->packet_size)
        return fails(decoding, "the error is at offset %u of a packet of %u bytes", error.offset, frame->packet_size);
    if (status == MQTT_REFUSED)
        return true;
    if (!describes(decoding, &packet))
        return false;
    if (packet.type == MQTT_CONNECT && decoding->decoder.version == MQTT_VERSION_UNKNOWN)
        decoding->decoder.version =
            is_of_unknown_protocol(&packet) ? MQTT_VERSION_UNKNOWN : (enum mqtt_version)packet.connect.protocol_level;
    return is_of_unknown_protocol(&packet) || encodes_to_the_same(decoding, &packet, data, frame);
}

/* ---- The target ------------------------------------------------------------------------------------------ */

struct mqtt_decoder fuzz_decode_decoder(uint8_t options, struct spec_rules *rules) {
    static const enum mqtt_version versions[] = {MQTT_VERSION_UNKNOWN, MQTT_3_1, MQTT_3_1_1, MQTT_5_0};
    return (struct mqtt_decoder){.version = versions[options & OPTION_VERSION],
                                 .sender = (options & OPTION_SERVER) != 0 ? MQTT_SERVER : MQTT_CLIENT,
                                 .maximum_packet_size = (options & OPTION_LIMIT) != 0 ? SMALL_LIMIT : 0,
                                 .rules = rules};
}

bool fuzz_decode(const uint8_t *data, size_t size, struct finding *finding) {
    struct spec_rules rules;
    memset(&rules, 0, sizeof rules);
    if (size == 0)
        return true;
    struct decoding decoding = {fuzz_decode_decoder(data[0], &rules), finding};
    data++;
    size--;
    while (size > 0) {
        if (!cutting_changes_nothing(&decoding, data, size))
            return false;
        struct answer answer = frame_of(&decoding, data, size);
        if (answer.status != MQTT_OK || answer.frame.packet_size > size)
            return true;
        uint8_t *packet = alone(data, answer.frame.packet_size);
        bool holds = check_packet(&decoding, packet, &answer.frame);
        free(packet);
        if (!holds)
            return false;
        data += answer.frame.packet_size;
        size -= answer.frame.packet_size;
    }
    return true;
}
