/* One whole packet from bytes to fields, chapter 3. Each function reads as its section's tables do. */
#include "codec/decode.h"

#include <assert.h>

#include "codec/reader.h"
#include "codec/text.h"
#include "codec/topic.h"

/* What a packet's function works with. */
struct decoding {
    enum mqtt_version version;
    struct spec_rules *rules;
    struct reader reader;
    struct mqtt_error *error;
};

static enum mqtt_status malformed(struct decoding *decoding, enum spec_statement statement, uint32_t offset,
                                  const char *what) {
    return mqtt_refuse(decoding->error, MQTT_MALFORMED, MQTT_REASON_MALFORMED_PACKET, statement, offset, what);
}

static enum mqtt_status not_allowed(struct decoding *decoding, enum spec_statement statement, uint32_t offset,
                                    const char *what) {
    return mqtt_refuse(decoding->error, MQTT_PROTOCOL, MQTT_REASON_PROTOCOL_ERROR, statement, offset, what);
}

static enum mqtt_status ends_too_early(struct decoding *decoding, enum spec_statement statement) {
    OBEYS(decoding->rules, statement);
    return malformed(decoding, statement, reader_offset(&decoding->reader), "the packet ends too early");
}

/* Nothing may stand behind the last field. */
static enum mqtt_status expect_end(struct decoding *decoding, enum spec_statement statement) {
    if (reader_rest(&decoding->reader) > 0 && MUST(decoding->rules, statement))
        return malformed(decoding, statement, reader_offset(&decoding->reader), "bytes behind the last field");
    return MQTT_OK;
}

static uint32_t offset_of(const struct decoding *decoding, struct mqtt_bytes field) {
    return (uint32_t)(field.data - decoding->reader.packet);
}

/* ---- Strings -------------------------------------------------------------------------------------------- */

/* Section 1.5.3. `ill_formed` and `null` are the statements for this very field. Where one of them lets a fault
 * pass, the other still holds for what stands behind it. */
static enum mqtt_status check_text(struct decoding *decoding, struct mqtt_bytes text, enum spec_statement ill_formed,
                                   enum spec_statement null) {
    while (true) {
        uint32_t fault_at = 0;
        enum mqtt_text_fault fault = mqtt_check_text(text, &fault_at);
        if (fault == MQTT_TEXT_FINE)
            return MQTT_OK;
        OBEYS(decoding->rules, V311(1_5_3_1));
        text.data += fault_at;
        text.length -= fault_at;
        if (fault == MQTT_TEXT_ILL_FORMED && MUST(decoding->rules, ill_formed))
            return malformed(decoding, ill_formed, offset_of(decoding, text), "a string that is not well-formed UTF-8");
        if (fault == MQTT_TEXT_NULL && MUST(decoding->rules, null))
            return malformed(decoding, null, offset_of(decoding, text), "a string that holds U+0000");
        text.data++;
        text.length--;
    }
}

static enum mqtt_status check_not_empty(struct decoding *decoding, struct mqtt_bytes text) {
    if (text.length == 0 && MUST(decoding->rules, V311(4_7_3_1)))
        return not_allowed(decoding, V311(4_7_3_1), offset_of(decoding, text), "an empty topic");
    return MQTT_OK;
}

/* A Topic Name, section 4.7. */
static enum mqtt_status check_topic_name(struct decoding *decoding, struct mqtt_bytes topic,
                                         enum spec_statement ill_formed, enum spec_statement wildcard) {
    if (check_text(decoding, topic, ill_formed, V311(4_7_3_2)) != MQTT_OK ||
        check_not_empty(decoding, topic) != MQTT_OK)
        return MQTT_REFUSED;
    for (uint32_t i = 0; i < topic.length; i++)
        if (is_wildcard(topic.data[i]) && MUST(decoding->rules, wildcard))
            return malformed(decoding, wildcard, offset_of(decoding, topic) + i, "a wildcard in a Topic Name");
    return MQTT_OK;
}

/* A Topic Filter, section 4.7.1. */
static enum mqtt_status check_topic_filter(struct decoding *decoding, struct mqtt_bytes filter,
                                           enum spec_statement ill_formed) {
    if (check_text(decoding, filter, ill_formed, V311(4_7_3_2)) != MQTT_OK ||
        check_not_empty(decoding, filter) != MQTT_OK)
        return MQTT_REFUSED;
    for (uint32_t i = 0; i < filter.length; i++) {
        if (!is_wildcard(filter.data[i]) || wildcard_is_in_place(filter, i))
            continue;
        uint32_t offset = offset_of(decoding, filter) + i;
        if (filter.data[i] == '#' && MUST(decoding->rules, V311(4_7_1_2)))
            return malformed(decoding, V311(4_7_1_2), offset, "a # that is not alone in the last level");
        if (filter.data[i] == '+' && MUST(decoding->rules, V311(4_7_1_3)))
            return malformed(decoding, V311(4_7_1_3), offset, "a + that is not alone in its level");
    }
    return MQTT_OK;
}

/* ---- CONNECT, section 3.1 --------------------------------------------------------------------------------- */

static bool protocol_is_known(const struct mqtt_connect *connect) {
    return (connect->protocol_level == MQTT_3_1_1 && mqtt_equal(connect->protocol_name, mqtt_text("MQTT"))) ||
           (connect->protocol_level == MQTT_3_1 && mqtt_equal(connect->protocol_name, mqtt_text("MQIsdp")));
}

/* Section 3.1.2.3. MQTT 3.1 says that the Will bits are ignored without the Will Flag, and nothing of bit 0. */
static enum mqtt_status check_connect_flags(struct decoding *decoding, uint8_t flags) {
    uint32_t offset = reader_offset(&decoding->reader) - 1;
    struct spec_rules *rules = decoding->rules;
    bool has_will = (flags & MQTT_CONNECT_WILL) != 0;
    if (has_will && mqtt_will_qos(flags) == 3 && MUST(rules, V311(3_1_2_14)))
        return malformed(decoding, V311(3_1_2_14), offset, "Will QoS is 3");
    if ((flags & MQTT_CONNECT_PASSWORD) != 0 && (flags & MQTT_CONNECT_USER_NAME) == 0 && MUST(rules, V311(3_1_2_22)))
        return malformed(decoding, V311(3_1_2_22), offset, "Password Flag without User Name Flag");
    if (decoding->version == MQTT_3_1)
        return MQTT_OK;
    if ((flags & MQTT_CONNECT_RESERVED) != 0 && MUST(rules, V311(3_1_2_3)))
        return malformed(decoding, V311(3_1_2_3), offset, "the reserved bit of the Connect Flags is set");
    if (!has_will && mqtt_will_qos(flags) != 0 && MUST(rules, V311(3_1_2_13)))
        return malformed(decoding, V311(3_1_2_13), offset, "Will QoS without Will Flag");
    if (!has_will && (flags & MQTT_CONNECT_WILL_RETAIN) != 0 && MUST(rules, V311(3_1_2_15)))
        return malformed(decoding, V311(3_1_2_15), offset, "Will Retain without Will Flag");
    return MQTT_OK;
}

static enum mqtt_status decode_will(struct decoding *decoding, struct mqtt_connect *connect) {
    if ((connect->flags & MQTT_CONNECT_WILL) == 0) {
        OBEYS(decoding->rules, V311(3_1_2_11));
        return MQTT_OK;
    }
    if (!read_field(&decoding->reader, &connect->will_topic))
        return ends_too_early(decoding, V311(3_1_2_9));
    if (check_topic_name(decoding, connect->will_topic, V311(3_1_3_10), V311(4_7_1_1)) != MQTT_OK)
        return MQTT_REFUSED;
    if (!read_field(&decoding->reader, &connect->will_message))
        return ends_too_early(decoding, V311(3_1_2_9));
    return MQTT_OK;
}

/* In MQTT 3.1 the Remaining Length has precedence: a flag without its field at the end is fine. */
static bool may_be_left_out(const struct decoding *decoding) {
    return decoding->version == MQTT_3_1 && reader_rest(&decoding->reader) == 0;
}

static enum mqtt_status decode_credentials(struct decoding *decoding, struct mqtt_connect *connect) {
    if ((connect->flags & MQTT_CONNECT_USER_NAME) != 0 && !may_be_left_out(decoding)) {
        if (!read_field(&decoding->reader, &connect->user_name))
            return ends_too_early(decoding, V311(3_1_2_19));
        if (check_text(decoding, connect->user_name, V311(3_1_3_11), V311(1_5_3_2)) != MQTT_OK)
            return MQTT_REFUSED;
    }
    if ((connect->flags & MQTT_CONNECT_PASSWORD) != 0 && !may_be_left_out(decoding) &&
        !read_field(&decoding->reader, &connect->password))
        return ends_too_early(decoding, V311(3_1_2_21));
    return MQTT_OK;
}

static enum mqtt_status decode_connect_payload(struct decoding *decoding, struct mqtt_connect *connect) {
    if (!read_field(&decoding->reader, &connect->client_identifier))
        return ends_too_early(decoding, V311(3_1_3_3));
    if (check_text(decoding, connect->client_identifier, V311(3_1_3_4), V311(1_5_3_2)) != MQTT_OK)
        return MQTT_REFUSED;
    if (decode_will(decoding, connect) != MQTT_OK || decode_credentials(decoding, connect) != MQTT_OK)
        return MQTT_REFUSED;
    /* What is left over would be a field whose flag is 0. */
    if ((connect->flags & MQTT_CONNECT_USER_NAME) == 0)
        return expect_end(decoding, V311(3_1_2_18));
    if ((connect->flags & MQTT_CONNECT_PASSWORD) == 0)
        return expect_end(decoding, V311(3_1_2_20));
    return expect_end(decoding, V311(3_1_4_1));
}

static enum mqtt_status decode_connect(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_connect *connect = &packet->connect;
    *connect = (struct mqtt_connect){0};
    if (!read_field(&decoding->reader, &connect->protocol_name) ||
        !read_byte(&decoding->reader, &connect->protocol_level))
        return ends_too_early(decoding, V311(3_1_4_1));
    if (!protocol_is_known(connect))
        return MQTT_OK;
    decoding->version = (enum mqtt_version)connect->protocol_level;
    if (packet->flags != 0 && decoding->version != MQTT_3_1 && MUST(decoding->rules, V311(2_2_2_2)))
        return malformed(decoding, V311(2_2_2_2), 0, "the reserved flags of the fixed header have the wrong value");
    if (!read_byte(&decoding->reader, &connect->flags))
        return ends_too_early(decoding, V311(3_1_4_1));
    if (check_connect_flags(decoding, connect->flags) != MQTT_OK)
        return MQTT_REFUSED;
    if (!read_two_bytes(&decoding->reader, &connect->keep_alive))
        return ends_too_early(decoding, V311(3_1_4_1));
    return decode_connect_payload(decoding, connect);
}

/* ---- CONNACK, section 3.2 --------------------------------------------------------------------------------- */

static enum mqtt_status decode_connack(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_connack *connack = &packet->connack;
    *connack = (struct mqtt_connack){0};
    if (!read_byte(&decoding->reader, &connack->acknowledge_flags) || !read_byte(&decoding->reader, &connack->code))
        return ends_too_early(decoding, V311(4_8_0_1));
    uint32_t offset = reader_offset(&decoding->reader) - 2;
    bool has_flags = decoding->version != MQTT_3_1; /* MQTT 3.1 reserves the byte and leaves open what it holds */
    if (has_flags && (connack->acknowledge_flags & 0xFE) != 0)
        return malformed(decoding, SPEC_NONE, offset, "a reserved bit of the Connect Acknowledge Flags is set");
    if (has_flags && connack->acknowledge_flags != 0 && connack->code != 0 && MUST(decoding->rules, V311(3_2_2_4)))
        return not_allowed(decoding, V311(3_2_2_4), offset, "Session Present in a refusal");
    if (connack->code > MQTT_NOT_AUTHORIZED && MUST(decoding->rules, V311(3_2_2_6)))
        return malformed(decoding, V311(3_2_2_6), offset + 1, "a return code that the standard does not define");
    return expect_end(decoding, V311(4_8_0_1));
}

/* ---- PUBLISH, section 3.3 --------------------------------------------------------------------------------- */

static enum mqtt_status decode_publish(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_publish *publish = &packet->publish;
    publish->packet_identifier = 0;
    publish->properties = (struct mqtt_bytes){NULL, 0};
    if (!read_field(&decoding->reader, &publish->topic))
        return ends_too_early(decoding, V311(3_3_2_1));
    if (check_topic_name(decoding, publish->topic, V311(3_3_2_1), V311(3_3_2_2)) != MQTT_OK)
        return MQTT_REFUSED;
    if (mqtt_publish_qos(packet->flags) > 0) {
        uint32_t offset = reader_offset(&decoding->reader);
        if (!read_two_bytes(&decoding->reader, &publish->packet_identifier))
            return ends_too_early(decoding, V311(2_3_1_1));
        if (publish->packet_identifier == 0 && MUST(decoding->rules, V311(2_3_1_1)))
            return not_allowed(decoding, V311(2_3_1_1), offset, "Packet Identifier 0");
    }
    publish->payload = read_rest(&decoding->reader);
    return MQTT_OK;
}

/* Most packets are PUBLISH without anything unusual, so these have a way of their own: what it takes would pass every
 * check of decode_publish(). False: it is not one of them, and decode_publish() has to judge it. */
static inline bool take_plain_publish(struct reader reader, struct mqtt_packet *packet) {
    struct mqtt_bytes topic;
    uint16_t identifier = 0;
    if (!read_field(&reader, &topic) || topic.length == 0 || !topic_is_plain(topic))
        return false;
    if (mqtt_publish_qos(packet->flags) > 0 && (!read_two_bytes(&reader, &identifier) || identifier == 0))
        return false;
    packet->publish.topic = topic;
    packet->publish.packet_identifier = identifier;
    packet->publish.properties = (struct mqtt_bytes){NULL, 0};
    packet->publish.payload = read_rest(&reader);
    return true;
}

/* ---- PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK, sections 3.4 to 3.7 and 3.11 ------------------------------ */

static enum mqtt_status read_identifier(struct decoding *decoding, uint16_t *identifier,
                                        enum spec_statement statement) {
    uint32_t offset = reader_offset(&decoding->reader);
    if (!read_two_bytes(&decoding->reader, identifier))
        return ends_too_early(decoding, V311(4_8_0_1));
    if (*identifier == 0 && MUST(decoding->rules, statement))
        return not_allowed(decoding, statement, offset, "Packet Identifier 0");
    return MQTT_OK;
}

static enum mqtt_status decode_acknowledgement(struct decoding *decoding, struct mqtt_packet *packet) {
    packet->acknowledgement = (struct mqtt_acknowledgement){0};
    if (read_identifier(decoding, &packet->acknowledgement.packet_identifier, V311(2_3_1_1)) != MQTT_OK)
        return MQTT_REFUSED;
    return expect_end(decoding, V311(4_8_0_1));
}

/* ---- SUBSCRIBE and UNSUBSCRIBE, sections 3.8 and 3.10 ----------------------------------------------------- */

static enum mqtt_status check_requested_qos(struct decoding *decoding, uint8_t options) {
    uint8_t reserved = decoding->version == MQTT_3_1 ? 0 : 0xFC; /* MQTT 3.1 does not use these bits */
    if (((options & 3) == 3 || (options & reserved) != 0) && MUST(decoding->rules, V311(3_8_3_4)))
        return malformed(decoding, V311(3_8_3_4), reader_offset(&decoding->reader) - 1,
                         "a requested QoS other than 0, 1 and 2");
    return MQTT_OK;
}

static enum mqtt_status decode_subscribe(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_subscribe *subscribe = &packet->subscribe;
    struct reader *reader = &decoding->reader;
    *subscribe = (struct mqtt_subscribe){0};
    if (read_identifier(decoding, &subscribe->packet_identifier, V311(2_3_1_1)) != MQTT_OK)
        return MQTT_REFUSED;
    subscribe->filters = (struct mqtt_bytes){reader->at, reader_rest(reader)};
    if (reader_rest(reader) == 0 && MUST(decoding->rules, V311(3_8_3_3)))
        return not_allowed(decoding, V311(3_8_3_3), reader_offset(reader), "SUBSCRIBE without a Topic Filter");
    while (reader_rest(reader) > 0) {
        struct mqtt_bytes filter;
        uint8_t options;
        if (!read_field(reader, &filter))
            return ends_too_early(decoding, V311(4_8_0_1));
        if (check_topic_filter(decoding, filter, V311(3_8_3_1)) != MQTT_OK)
            return MQTT_REFUSED;
        if (!read_byte(reader, &options))
            return ends_too_early(decoding, V311(4_8_0_1));
        if (check_requested_qos(decoding, options) != MQTT_OK)
            return MQTT_REFUSED;
        subscribe->count++;
    }
    return MQTT_OK;
}

static enum mqtt_status decode_unsubscribe(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_unsubscribe *unsubscribe = &packet->unsubscribe;
    struct reader *reader = &decoding->reader;
    *unsubscribe = (struct mqtt_unsubscribe){0};
    if (read_identifier(decoding, &unsubscribe->packet_identifier, V311(2_3_1_1)) != MQTT_OK)
        return MQTT_REFUSED;
    unsubscribe->filters = (struct mqtt_bytes){reader->at, reader_rest(reader)};
    if (reader_rest(reader) == 0 && MUST(decoding->rules, V311(3_10_3_2)))
        return not_allowed(decoding, V311(3_10_3_2), reader_offset(reader), "UNSUBSCRIBE without a Topic Filter");
    while (reader_rest(reader) > 0) {
        struct mqtt_bytes filter;
        if (!read_field(reader, &filter))
            return ends_too_early(decoding, V311(4_8_0_1));
        if (check_topic_filter(decoding, filter, V311(3_10_3_1)) != MQTT_OK)
            return MQTT_REFUSED;
        unsubscribe->count++;
    }
    return MQTT_OK;
}

bool mqtt_next_filter(struct mqtt_bytes *filters, struct mqtt_bytes *filter, uint8_t *options) {
    if (filters->length == 0)
        return false;
    struct reader reader = {filters->data, filters->data, filters->data + filters->length};
    if (!read_field(&reader, filter) || (options != NULL && !read_byte(&reader, options)))
        return false;
    *filters = read_rest(&reader);
    return true;
}

/* ---- SUBACK, section 3.9 ---------------------------------------------------------------------------------- */

static enum mqtt_status decode_suback(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_suback *suback = &packet->suback;
    *suback = (struct mqtt_suback){0};
    if (read_identifier(decoding, &suback->packet_identifier, V311(2_3_1_7)) != MQTT_OK)
        return MQTT_REFUSED;
    uint32_t offset = reader_offset(&decoding->reader);
    suback->codes = read_rest(&decoding->reader);
    if (suback->codes.length == 0) {
        OBEYS(decoding->rules, V311(3_8_4_5));
        return malformed(decoding, V311(3_8_4_5), offset, "SUBACK without a return code");
    }
    for (uint32_t i = 0; i < suback->codes.length; i++) {
        uint8_t code = suback->codes.data[i];
        bool defined = code <= 2 || (code == MQTT_SUBSCRIBE_FAILURE && decoding->version != MQTT_3_1);
        if (!defined && MUST(decoding->rules, V311(3_9_3_2)))
            return malformed(decoding, V311(3_9_3_2), offset + i, "a return code that the standard does not define");
    }
    return MQTT_OK;
}

/* ---- PINGREQ, PINGRESP, DISCONNECT, sections 3.12 to 3.14 ------------------------------------------------- */

static enum mqtt_status decode_nothing(struct decoding *decoding, struct mqtt_packet *packet) {
    packet->disconnect = (struct mqtt_disconnect){0};
    return expect_end(decoding, V311(4_8_0_1));
}

/* ---- All of them ---------------------------------------------------------------------------------------- */

typedef enum mqtt_status packet_decoder(struct decoding *decoding, struct mqtt_packet *packet);

static packet_decoder *const decoders[MQTT_TYPE_COUNT] = {
    [MQTT_CONNECT] = decode_connect,
    [MQTT_CONNACK] = decode_connack,
    [MQTT_PUBLISH] = decode_publish,
    [MQTT_PUBACK] = decode_acknowledgement,
    [MQTT_PUBREC] = decode_acknowledgement,
    [MQTT_PUBREL] = decode_acknowledgement,
    [MQTT_PUBCOMP] = decode_acknowledgement,
    [MQTT_SUBSCRIBE] = decode_subscribe,
    [MQTT_SUBACK] = decode_suback,
    [MQTT_UNSUBSCRIBE] = decode_unsubscribe,
    [MQTT_UNSUBACK] = decode_acknowledgement,
    [MQTT_PINGREQ] = decode_nothing,
    [MQTT_PINGRESP] = decode_nothing,
    [MQTT_DISCONNECT] = decode_nothing,
};

/* The Fixed Header, which mqtt_frame() has judged. */
static void skip_fixed_header(struct reader *reader) {
    uint8_t byte;
    bool is_there = read_byte(reader, &byte);
    do
        is_there = is_there && read_byte(reader, &byte);
    while (is_there && (byte & 0x80) != 0);
    assert(is_there && reader_offset(reader) <= MQTT_MAXIMUM_FIXED_HEADER);
}

enum mqtt_status mqtt_decode(const struct mqtt_decoder *decoder, struct mqtt_bytes bytes, struct mqtt_packet *packet,
                             struct mqtt_error *error) {
    struct reader reader = {bytes.data, bytes.data, bytes.data + bytes.length};
    skip_fixed_header(&reader);
    packet->type = (enum mqtt_type)(bytes.data[0] >> 4);
    packet->flags = bytes.data[0] & 0x0F;
    if (decoder->version == MQTT_5_0)
        return mqtt_refuse(error, MQTT_USAGE, MQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION, SPEC_NONE, 0,
                           "MQTT 5.0 is not supported yet");
    if (packet->type == MQTT_PUBLISH && take_plain_publish(reader, packet))
        return MQTT_OK;
    assert(decoders[packet->type] != NULL);
    struct decoding decoding = {.version = decoder->version, .rules = decoder->rules, .reader = reader, .error = error};
    return decoders[packet->type](&decoding, packet);
}
