/* One whole packet from bytes to fields, chapter 3. Each function reads as its section's tables do. */
#include "codec/decode.h"

#include <assert.h>
#include <string.h>

#include "codec/text.h"
#include "codec/topic.h"

/* Nothing may stand behind the last field. */
static enum mqtt_status expect_end(struct decoding *decoding, enum spec_statement statement) {
    if (reader_rest(&decoding->reader) > 0 && (statement == SPEC_NONE || MUST(decoding->rules, statement)))
        return malformed(decoding, statement, reader_offset(&decoding->reader), "bytes behind the last field");
    return MQTT_OK;
}

/* ---- Strings -------------------------------------------------------------------------------------------- */

enum mqtt_status check_text(struct decoding *decoding, struct mqtt_bytes text, enum spec_statement ill_formed,
                            enum spec_statement null) {
    while (true) {
        uint32_t fault_at = 0;
        enum mqtt_text_fault fault = mqtt_check_text(text, &fault_at);
        if (fault == MQTT_TEXT_FINE)
            return MQTT_OK;
        OBEYS(decoding->rules, BY_VERSION(decoding->version, V311(1_5_3_1), V5(1_5_4_1)));
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
    enum spec_statement statement = BY_VERSION(decoding->version, V311(4_7_3_1), V5(4_7_3_1));
    if (text.length == 0 && MUST(decoding->rules, statement))
        return not_allowed(decoding, statement, offset_of(decoding, text), "an empty topic");
    return MQTT_OK;
}

/* A Topic Name, section 4.7; that it is not empty is another question. */
static enum mqtt_status check_topic_name(struct decoding *decoding, struct mqtt_bytes topic,
                                         enum spec_statement ill_formed, enum spec_statement wildcard) {
    if (check_text(decoding, topic, ill_formed, BY_VERSION(decoding->version, V311(4_7_3_2), V5(4_7_3_2))) != MQTT_OK)
        return MQTT_REFUSED;
    for (uint32_t i = 0; i < topic.length; i++)
        if (is_wildcard(topic.data[i]) && MUST(decoding->rules, wildcard))
            return malformed(decoding, wildcard, offset_of(decoding, topic) + i, "a wildcard in a Topic Name");
    return MQTT_OK;
}

/* Section 4.8.2 of 5.0. A wildcard in a ShareName is found here, whether or not it would be in place in a filter. */
static enum mqtt_status check_shared_filter(struct decoding *decoding, struct mqtt_bytes filter) {
    static const char prefix[] = "$share/";
    const uint32_t start = sizeof prefix - 1;
    if (decoding->version != MQTT_5_0 || filter.length < start || memcmp(filter.data, prefix, start) != 0)
        return MQTT_OK;
    uint32_t end = start;
    while (end < filter.length && filter.data[end] != '/') {
        if (is_wildcard(filter.data[end]) && MUST(decoding->rules, V5(4_8_2_2)))
            return malformed(decoding, V5(4_8_2_2), offset_of(decoding, filter) + end, "a wildcard in a ShareName");
        end++;
    }
    if (end == start && MUST(decoding->rules, V5(4_8_2_1)))
        return malformed(decoding, V5(4_8_2_1), offset_of(decoding, filter) + end, "an empty ShareName");
    if (end + 1 >= filter.length && MUST(decoding->rules, V5(4_8_2_2)))
        return malformed(decoding, V5(4_8_2_2), offset_of(decoding, filter) + end,
                         "a ShareName without a Topic Filter behind it");
    return MQTT_OK;
}

/* A Topic Filter, section 4.7.1. */
static enum mqtt_status check_topic_filter(struct decoding *decoding, struct mqtt_bytes filter,
                                           enum spec_statement ill_formed) {
    enum spec_statement misplaced_number = BY_VERSION(decoding->version, V311(4_7_1_2), V5(4_7_1_1));
    enum spec_statement misplaced_plus = BY_VERSION(decoding->version, V311(4_7_1_3), V5(4_7_1_2));
    if (check_text(decoding, filter, ill_formed, BY_VERSION(decoding->version, V311(4_7_3_2), V5(4_7_3_2))) !=
            MQTT_OK ||
        check_not_empty(decoding, filter) != MQTT_OK)
        return MQTT_REFUSED;
    for (uint32_t i = 0; i < filter.length; i++) {
        if (!is_wildcard(filter.data[i]) || wildcard_is_in_place(filter, i))
            continue;
        uint32_t offset = offset_of(decoding, filter) + i;
        if (filter.data[i] == '#' && MUST(decoding->rules, misplaced_number))
            return malformed(decoding, misplaced_number, offset, "a # that is not alone in the last level");
        if (filter.data[i] == '+' && MUST(decoding->rules, misplaced_plus))
            return malformed(decoding, misplaced_plus, offset, "a + that is not alone in its level");
    }
    return check_shared_filter(decoding, filter);
}

/* ---- CONNECT, section 3.1 --------------------------------------------------------------------------------- */

static bool protocol_is_known(const struct mqtt_connect *connect) {
    return ((connect->protocol_level == MQTT_3_1_1 || connect->protocol_level == MQTT_5_0) &&
            mqtt_equal(connect->protocol_name, mqtt_text("MQTT"))) ||
           (connect->protocol_level == MQTT_3_1 && mqtt_equal(connect->protocol_name, mqtt_text("MQIsdp")));
}

/* Section 3.1.2.3. MQTT 3.1 says that the Will bits are ignored without the Will Flag, and nothing of bit 0; MQTT 5.0
 * lets a Password stand without a User Name. */
static enum mqtt_status check_connect_flags(struct decoding *decoding, uint8_t flags) {
    uint32_t offset = reader_offset(&decoding->reader) - 1;
    struct spec_rules *rules = decoding->rules;
    enum mqtt_version version = decoding->version;
    bool has_will = (flags & MQTT_CONNECT_WILL) != 0;
    enum spec_statement will_qos_3 = BY_VERSION(version, V311(3_1_2_14), V5(3_1_2_12));
    enum spec_statement reserved = BY_VERSION(version, V311(3_1_2_3), V5(3_1_2_3));
    enum spec_statement will_qos = BY_VERSION(version, V311(3_1_2_13), V5(3_1_2_11));
    enum spec_statement will_retain = BY_VERSION(version, V311(3_1_2_15), V5(3_1_2_13));
    if (has_will && mqtt_will_qos(flags) == 3 && MUST(rules, will_qos_3))
        return malformed(decoding, will_qos_3, offset, "Will QoS is 3");
    if (version != MQTT_5_0 && (flags & MQTT_CONNECT_PASSWORD) != 0 && (flags & MQTT_CONNECT_USER_NAME) == 0 &&
        MUST(rules, V311(3_1_2_22)))
        return malformed(decoding, V311(3_1_2_22), offset, "Password Flag without User Name Flag");
    if (version == MQTT_3_1)
        return MQTT_OK;
    if ((flags & MQTT_CONNECT_RESERVED) != 0 && MUST(rules, reserved))
        return malformed(decoding, reserved, offset, "the reserved bit of the Connect Flags is set");
    if (!has_will && mqtt_will_qos(flags) != 0 && MUST(rules, will_qos))
        return malformed(decoding, will_qos, offset, "Will QoS without Will Flag");
    if (!has_will && (flags & MQTT_CONNECT_WILL_RETAIN) != 0 && MUST(rules, will_retain))
        return malformed(decoding, will_retain, offset, "Will Retain without Will Flag");
    return MQTT_OK;
}

static enum mqtt_status decode_will(struct decoding *decoding, struct mqtt_connect *connect) {
    enum mqtt_version version = decoding->version;
    enum spec_statement missing = BY_VERSION(version, V311(3_1_2_9), V5(3_1_2_9));
    if ((connect->flags & MQTT_CONNECT_WILL) == 0) {
        if (version != MQTT_5_0)
            OBEYS(decoding->rules, V311(3_1_2_11));
        return MQTT_OK;
    }
    if (version == MQTT_5_0 &&
        decode_properties(decoding, MQTT_IN_WILL_PROPERTIES, &connect->will_properties) != MQTT_OK)
        return MQTT_REFUSED;
    if (!read_field(&decoding->reader, &connect->will_topic))
        return ends_too_early(decoding, missing);
    if (check_topic_name(decoding, connect->will_topic, BY_VERSION(version, V311(3_1_3_10), V5(3_1_3_11)),
                         BY_VERSION(version, V311(4_7_1_1), V5(4_7_0_1))) != MQTT_OK ||
        check_not_empty(decoding, connect->will_topic) != MQTT_OK)
        return MQTT_REFUSED;
    if (!read_field(&decoding->reader, &connect->will_message))
        return ends_too_early(decoding, missing);
    return MQTT_OK;
}

/* In MQTT 3.1 the Remaining Length has precedence: a flag without its field at the end is fine. */
static bool may_be_left_out(const struct decoding *decoding) {
    return decoding->version == MQTT_3_1 && reader_rest(&decoding->reader) == 0;
}

static enum mqtt_status decode_credentials(struct decoding *decoding, struct mqtt_connect *connect) {
    enum mqtt_version version = decoding->version;
    if ((connect->flags & MQTT_CONNECT_USER_NAME) != 0 && !may_be_left_out(decoding)) {
        if (!read_field(&decoding->reader, &connect->user_name))
            return ends_too_early(decoding, BY_VERSION(version, V311(3_1_2_19), V5(3_1_2_17)));
        if (check_text(decoding, connect->user_name, BY_VERSION(version, V311(3_1_3_11), V5(3_1_3_12)),
                       BY_VERSION(version, V311(1_5_3_2), V5(1_5_4_2))) != MQTT_OK)
            return MQTT_REFUSED;
    }
    if ((connect->flags & MQTT_CONNECT_PASSWORD) != 0 && !may_be_left_out(decoding) &&
        !read_field(&decoding->reader, &connect->password))
        return ends_too_early(decoding, BY_VERSION(version, V311(3_1_2_21), V5(3_1_2_19)));
    return MQTT_OK;
}

static enum mqtt_status decode_connect_payload(struct decoding *decoding, struct mqtt_connect *connect) {
    enum mqtt_version version = decoding->version;
    if (!read_field(&decoding->reader, &connect->client_identifier))
        return ends_too_early(decoding, BY_VERSION(version, V311(3_1_3_3), V5(3_1_3_3)));
    if (check_text(decoding, connect->client_identifier, BY_VERSION(version, V311(3_1_3_4), V5(3_1_3_4)),
                   BY_VERSION(version, V311(1_5_3_2), V5(1_5_4_2))) != MQTT_OK)
        return MQTT_REFUSED;
    if (decode_will(decoding, connect) != MQTT_OK || decode_credentials(decoding, connect) != MQTT_OK)
        return MQTT_REFUSED;
    /* What is left over would be a field whose flag is 0. */
    if ((connect->flags & MQTT_CONNECT_USER_NAME) == 0)
        return expect_end(decoding, BY_VERSION(version, V311(3_1_2_18), V5(3_1_2_16)));
    if ((connect->flags & MQTT_CONNECT_PASSWORD) == 0)
        return expect_end(decoding, BY_VERSION(version, V311(3_1_2_20), V5(3_1_2_18)));
    return expect_end(decoding, BY_VERSION(version, V311(3_1_4_1), V5(3_1_4_1)));
}

/* What is known only now that the version is. */
static enum mqtt_status check_connect_header(struct decoding *decoding, const struct mqtt_packet *packet,
                                             uint32_t header_size) {
    enum spec_statement flags = BY_VERSION(decoding->version, V311(2_2_2_2), V5(2_1_3_1));
    if (packet->flags != 0 && decoding->version != MQTT_3_1 && MUST(decoding->rules, flags))
        return malformed(decoding, flags, 0, "the reserved flags of the fixed header have the wrong value");
    uint32_t remaining_length = (uint32_t)(decoding->reader.end - decoding->reader.packet) - header_size;
    if (decoding->version == MQTT_5_0 && header_size != 1 + variable_byte_integer_size(remaining_length) &&
        MUST(decoding->rules, V5(1_5_5_1)))
        return malformed(decoding, V5(1_5_5_1), 1, "a Remaining Length in more bytes than it needs");
    return MQTT_OK;
}

static enum mqtt_status decode_connect(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_connect *connect = &packet->connect;
    uint32_t header_size = reader_offset(&decoding->reader);
    *connect = (struct mqtt_connect){0};
    if (!read_field(&decoding->reader, &connect->protocol_name) ||
        !read_byte(&decoding->reader, &connect->protocol_level))
        return ends_too_early(decoding, V311(3_1_4_1));
    if (!protocol_is_known(connect))
        return MQTT_OK;
    decoding->version = (enum mqtt_version)connect->protocol_level;
    enum spec_statement layout = BY_VERSION(decoding->version, V311(3_1_4_1), V5(3_1_4_1));
    if (check_connect_header(decoding, packet, header_size) != MQTT_OK)
        return MQTT_REFUSED;
    if (!read_byte(&decoding->reader, &connect->flags))
        return ends_too_early(decoding, layout);
    if (check_connect_flags(decoding, connect->flags) != MQTT_OK)
        return MQTT_REFUSED;
    if (!read_two_bytes(&decoding->reader, &connect->keep_alive))
        return ends_too_early(decoding, layout);
    if (decoding->version == MQTT_5_0 &&
        decode_properties(decoding, MQTT_IN(MQTT_CONNECT), &connect->properties) != MQTT_OK)
        return MQTT_REFUSED;
    return decode_connect_payload(decoding, connect);
}

/* ---- Reason Codes of 5.0 ---------------------------------------------------------------------------------- */

/* The statement that binds a packet to its table of Reason Codes. */
static const enum spec_statement reason_statements[MQTT_TYPE_COUNT] = {
    [MQTT_CONNACK] = V5(3_2_2_8),   [MQTT_PUBACK] = V5(3_4_2_1),      [MQTT_PUBREC] = V5(3_5_2_1),
    [MQTT_PUBREL] = V5(3_6_2_1),    [MQTT_PUBCOMP] = V5(3_7_2_1),     [MQTT_SUBACK] = V5(3_9_3_2),
    [MQTT_UNSUBACK] = V5(3_11_3_2), [MQTT_DISCONNECT] = V5(3_14_2_1), [MQTT_AUTH] = V5(3_15_2_1),
};

static enum mqtt_status check_reason(struct decoding *decoding, enum mqtt_type type, uint8_t reason_code,
                                     uint32_t offset) {
    if (!mqtt_reason_allowed(type, reason_code) && MUST(decoding->rules, reason_statements[type]))
        return not_allowed(decoding, reason_statements[type], offset, "a Reason Code that this packet does not have");
    return MQTT_OK;
}

/* A Reason Code and properties at the end of a packet. Both may be left out, and but in AUTH the properties alone. */
static enum mqtt_status decode_reason(struct decoding *decoding, enum mqtt_type type, uint8_t *reason_code,
                                      struct mqtt_bytes *properties) {
    uint32_t offset = reader_offset(&decoding->reader);
    if (!read_byte(&decoding->reader, reason_code))
        return MQTT_OK;
    if (check_reason(decoding, type, *reason_code, offset) != MQTT_OK)
        return MQTT_REFUSED;
    if (reader_rest(&decoding->reader) == 0 && type != MQTT_AUTH)
        return MQTT_OK;
    if (decode_properties(decoding, MQTT_IN(type), properties) != MQTT_OK)
        return MQTT_REFUSED;
    return expect_end(decoding, general_statement(decoding));
}

/* ---- CONNACK, section 3.2 --------------------------------------------------------------------------------- */

static enum mqtt_status decode_connack(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_connack *connack = &packet->connack;
    enum mqtt_version version = decoding->version;
    *connack = (struct mqtt_connack){0};
    if (!read_byte(&decoding->reader, &connack->acknowledge_flags) || !read_byte(&decoding->reader, &connack->code))
        return ends_too_early(decoding, general_statement(decoding));
    uint32_t offset = reader_offset(&decoding->reader) - 2;
    bool has_flags = version != MQTT_3_1; /* MQTT 3.1 reserves the byte and leaves open what it holds */
    enum spec_statement present = BY_VERSION(version, V311(3_2_2_4), V5(3_2_2_6));
    if (has_flags && (connack->acknowledge_flags & 0xFE) != 0 &&
        (version != MQTT_5_0 || MUST(decoding->rules, V5(3_2_2_1))))
        return malformed(decoding, BY_VERSION(version, SPEC_NONE, V5(3_2_2_1)), offset,
                         "a reserved bit of the Connect Acknowledge Flags is set");
    if (has_flags && connack->acknowledge_flags != 0 && connack->code != 0 && MUST(decoding->rules, present))
        return not_allowed(decoding, present, offset, "Session Present in a refusal");
    if (version == MQTT_5_0) {
        if (check_reason(decoding, MQTT_CONNACK, connack->code, offset + 1) != MQTT_OK ||
            decode_properties(decoding, MQTT_IN(MQTT_CONNACK), &connack->properties) != MQTT_OK)
            return MQTT_REFUSED;
    } else if (connack->code > MQTT_NOT_AUTHORIZED && MUST(decoding->rules, V311(3_2_2_6))) {
        return malformed(decoding, V311(3_2_2_6), offset + 1, "a return code that the standard does not define");
    }
    return expect_end(decoding, general_statement(decoding));
}

/* ---- PUBLISH, section 3.3 --------------------------------------------------------------------------------- */

static enum mqtt_type packet_type_of(const struct decoding *decoding) {
    return (enum mqtt_type)(decoding->reader.packet[0] >> 4);
}

static enum mqtt_status read_identifier(struct decoding *decoding, uint16_t *identifier,
                                        enum spec_statement statement) {
    uint32_t offset = reader_offset(&decoding->reader);
    if (!read_two_bytes(&decoding->reader, identifier))
        return ends_too_early(decoding,
                              packet_type_of(decoding) == MQTT_PUBLISH ? statement : general_statement(decoding));
    if (*identifier == 0 && MUST(decoding->rules, statement))
        return not_allowed(decoding, statement, offset, "Packet Identifier 0");
    return MQTT_OK;
}

/* The statement on the Packet Identifier that a new exchange begins with; that of 5.0 depends on who begins it. */
static enum spec_statement new_identifier_statement(const struct decoding *decoding) {
    if (decoding->version != MQTT_5_0)
        return V311(2_3_1_1);
    return decoding->sender == MQTT_CLIENT ? V5(2_2_1_3) : V5(2_2_1_4);
}

/* In 5.0 a Topic Alias may stand in place of a Topic Name. */
static enum mqtt_status decode_publish_properties(struct decoding *decoding, struct mqtt_publish *publish) {
    struct mqtt_property alias;
    publish->properties = (struct mqtt_bytes){NULL, 0};
    if (decoding->version != MQTT_5_0)
        return MQTT_OK;
    if (decode_properties(decoding, MQTT_IN(MQTT_PUBLISH), &publish->properties) != MQTT_OK)
        return MQTT_REFUSED;
    if (publish->topic.length > 0 || mqtt_find_property(publish->properties, MQTT_TOPIC_ALIAS, &alias))
        return MQTT_OK;
    return check_not_empty(decoding, publish->topic);
}

static enum mqtt_status decode_publish(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_publish *publish = &packet->publish;
    enum mqtt_version version = decoding->version;
    enum spec_statement topic = BY_VERSION(version, V311(3_3_2_1), V5(3_3_2_1));
    enum spec_statement wildcard = BY_VERSION(version, V311(3_3_2_2), V5(3_3_2_2));
    publish->packet_identifier = 0;
    if (!read_field(&decoding->reader, &publish->topic))
        return ends_too_early(decoding, topic);
    if (check_topic_name(decoding, publish->topic, topic, wildcard) != MQTT_OK)
        return MQTT_REFUSED;
    if (version != MQTT_5_0 && check_not_empty(decoding, publish->topic) != MQTT_OK)
        return MQTT_REFUSED;
    if (mqtt_publish_qos(packet->flags) > 0 &&
        read_identifier(decoding, &publish->packet_identifier, new_identifier_statement(decoding)) != MQTT_OK)
        return MQTT_REFUSED;
    if (decode_publish_properties(decoding, publish) != MQTT_OK)
        return MQTT_REFUSED;
    publish->payload = read_rest(&decoding->reader);
    return MQTT_OK;
}

/* Most packets are PUBLISH with nothing unusual in their topic, so these have a way of their own: what it takes would
 * pass every check of decode_publish(). Moves the reader behind the Packet Identifier. False: decode_publish() has to
 * judge it, from the beginning. */
static inline bool take_plain_topic(struct reader *reader, struct mqtt_packet *packet) {
    struct mqtt_publish *publish = &packet->publish;
    publish->packet_identifier = 0;
    if (!read_field(reader, &publish->topic) || !topic_is_plain(publish->topic))
        return false;
    return mqtt_publish_qos(packet->flags) == 0 ||
           (read_two_bytes(reader, &publish->packet_identifier) && publish->packet_identifier != 0);
}

static enum mqtt_status decode_behind_topic(const struct mqtt_decoder *decoder, struct reader reader,
                                            struct mqtt_packet *packet, struct mqtt_error *error) {
    struct decoding decoding = {decoder->version, decoder->sender, decoder->rules, reader, error};
    if (decode_properties(&decoding, MQTT_IN(MQTT_PUBLISH), &packet->publish.properties) != MQTT_OK)
        return MQTT_REFUSED;
    packet->publish.payload = read_rest(&decoding.reader);
    return MQTT_OK;
}

/* The rest of such a PUBLISH; a set of properties that is empty needs no look. */
static inline enum mqtt_status finish_publish(const struct mqtt_decoder *decoder, struct reader reader,
                                              struct mqtt_packet *packet, struct mqtt_error *error) {
    packet->publish.properties = (struct mqtt_bytes){NULL, 0};
    if (decoder->version == MQTT_5_0) {
        if (reader_rest(&reader) == 0 || *reader.at != 0)
            return decode_behind_topic(decoder, reader, packet, error);
        packet->publish.properties.data = ++reader.at;
    }
    packet->publish.payload = read_rest(&reader);
    return MQTT_OK;
}

/* ---- PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK, sections 3.4 to 3.7 and 3.11 ------------------------------ */

static enum mqtt_status decode_acknowledgement(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_acknowledgement *acknowledgement = &packet->acknowledgement;
    enum spec_statement statement = BY_VERSION(decoding->version, V311(2_3_1_1), V5(2_2_1_5));
    *acknowledgement = (struct mqtt_acknowledgement){0};
    if (read_identifier(decoding, &acknowledgement->packet_identifier, statement) != MQTT_OK)
        return MQTT_REFUSED;
    if (decoding->version == MQTT_5_0)
        return decode_reason(decoding, packet->type, &acknowledgement->reason_code, &acknowledgement->properties);
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

/* Section 3.8.3.1 of 5.0. */
static enum mqtt_status check_options(struct decoding *decoding, struct mqtt_bytes filter, uint8_t options) {
    uint32_t offset = reader_offset(&decoding->reader) - 1;
    struct mqtt_bytes share_name, shared;
    if ((options & MQTT_SUBSCRIBE_RESERVED) != 0 && MUST(decoding->rules, V5(3_8_3_5)))
        return malformed(decoding, V5(3_8_3_5), offset, "a reserved bit of the Subscription Options is set");
    if ((options & MQTT_SUBSCRIBE_QOS) == 3 || (options & MQTT_SUBSCRIBE_RETAIN_HANDLING) == 0x30) {
        OBEYS(decoding->rules, general_statement(decoding));
        return not_allowed(decoding, general_statement(decoding), offset,
                           (options & MQTT_SUBSCRIBE_QOS) == 3 ? "a requested QoS of 3" : "a Retain Handling of 3");
    }
    if ((options & MQTT_SUBSCRIBE_NO_LOCAL) != 0 && mqtt_shared_filter(filter, &share_name, &shared) &&
        MUST(decoding->rules, V5(3_8_3_4)))
        return not_allowed(decoding, V5(3_8_3_4), offset, "No Local on a Shared Subscription");
    return MQTT_OK;
}

static enum mqtt_status decode_filter(struct decoding *decoding, enum spec_statement ill_formed,
                                      struct mqtt_bytes *filter) {
    if (!read_field(&decoding->reader, filter))
        return ends_too_early(decoding, general_statement(decoding));
    return check_topic_filter(decoding, *filter, ill_formed);
}

static enum mqtt_status decode_subscribe(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_subscribe *subscribe = &packet->subscribe;
    struct reader *reader = &decoding->reader;
    enum mqtt_version version = decoding->version;
    enum spec_statement empty = BY_VERSION(version, V311(3_8_3_3), V5(3_8_3_2));
    enum spec_statement ill_formed = BY_VERSION(version, V311(3_8_3_1), V5(3_8_3_1));
    *subscribe = (struct mqtt_subscribe){0};
    if (read_identifier(decoding, &subscribe->packet_identifier, new_identifier_statement(decoding)) != MQTT_OK)
        return MQTT_REFUSED;
    if (version == MQTT_5_0 && decode_properties(decoding, MQTT_IN(MQTT_SUBSCRIBE), &subscribe->properties) != MQTT_OK)
        return MQTT_REFUSED;
    subscribe->filters = (struct mqtt_bytes){reader->at, reader_rest(reader)};
    if (reader_rest(reader) == 0 && MUST(decoding->rules, empty))
        return not_allowed(decoding, empty, reader_offset(reader), "SUBSCRIBE without a Topic Filter");
    while (reader_rest(reader) > 0) {
        struct mqtt_bytes filter;
        uint8_t options;
        if (decode_filter(decoding, ill_formed, &filter) != MQTT_OK)
            return MQTT_REFUSED;
        if (!read_byte(reader, &options))
            return ends_too_early(decoding, general_statement(decoding));
        if ((version == MQTT_5_0 ? check_options(decoding, filter, options) : check_requested_qos(decoding, options)) !=
            MQTT_OK)
            return MQTT_REFUSED;
        subscribe->count++;
    }
    return MQTT_OK;
}

static enum mqtt_status decode_unsubscribe(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_unsubscribe *unsubscribe = &packet->unsubscribe;
    struct reader *reader = &decoding->reader;
    enum mqtt_version version = decoding->version;
    enum spec_statement empty = BY_VERSION(version, V311(3_10_3_2), V5(3_10_3_2));
    enum spec_statement ill_formed = BY_VERSION(version, V311(3_10_3_1), V5(3_10_3_1));
    *unsubscribe = (struct mqtt_unsubscribe){0};
    if (read_identifier(decoding, &unsubscribe->packet_identifier, new_identifier_statement(decoding)) != MQTT_OK)
        return MQTT_REFUSED;
    if (version == MQTT_5_0 &&
        decode_properties(decoding, MQTT_IN(MQTT_UNSUBSCRIBE), &unsubscribe->properties) != MQTT_OK)
        return MQTT_REFUSED;
    unsubscribe->filters = (struct mqtt_bytes){reader->at, reader_rest(reader)};
    if (reader_rest(reader) == 0 && MUST(decoding->rules, empty))
        return not_allowed(decoding, empty, reader_offset(reader), "UNSUBSCRIBE without a Topic Filter");
    while (reader_rest(reader) > 0) {
        struct mqtt_bytes filter;
        if (decode_filter(decoding, ill_formed, &filter) != MQTT_OK)
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

/* Before 5.0: the return codes of SUBACK. */
static bool return_code_defined(const struct decoding *decoding, uint8_t code) {
    return code <= 2 || (code == MQTT_SUBSCRIBE_FAILURE && decoding->version != MQTT_3_1);
}

/* Also UNSUBACK of 5.0. */
static enum mqtt_status decode_suback(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_suback *suback = &packet->suback;
    bool in_5 = decoding->version == MQTT_5_0;
    enum spec_statement identifier = BY_VERSION(decoding->version, V311(2_3_1_7), V5(2_2_1_6));
    enum spec_statement none = BY_VERSION(decoding->version, V311(3_8_4_5), V5(3_8_4_6));
    *suback = (struct mqtt_suback){0};
    if (read_identifier(decoding, &suback->packet_identifier, identifier) != MQTT_OK)
        return MQTT_REFUSED;
    if (in_5 && decode_properties(decoding, MQTT_IN(packet->type), &suback->properties) != MQTT_OK)
        return MQTT_REFUSED;
    uint32_t offset = reader_offset(&decoding->reader);
    suback->codes = read_rest(&decoding->reader);
    if (suback->codes.length == 0) {
        none = packet->type == MQTT_UNSUBACK ? V5(3_11_3_1) : none;
        OBEYS(decoding->rules, none);
        return malformed(decoding, none, offset, "an acknowledgement without a return code");
    }
    for (uint32_t i = 0; i < suback->codes.length; i++) {
        uint8_t code = suback->codes.data[i];
        if (in_5 && check_reason(decoding, packet->type, code, offset + i) != MQTT_OK)
            return MQTT_REFUSED;
        if (!in_5 && !return_code_defined(decoding, code) && MUST(decoding->rules, V311(3_9_3_2)))
            return malformed(decoding, V311(3_9_3_2), offset + i, "a return code that the standard does not define");
    }
    return MQTT_OK;
}

static enum mqtt_status decode_unsuback(struct decoding *decoding, struct mqtt_packet *packet) {
    if (decoding->version == MQTT_5_0)
        return decode_suback(decoding, packet);
    packet->acknowledgement = (struct mqtt_acknowledgement){0};
    if (read_identifier(decoding, &packet->acknowledgement.packet_identifier, V311(2_3_1_7)) != MQTT_OK)
        return MQTT_REFUSED;
    return expect_end(decoding, V311(4_8_0_1));
}

/* ---- PINGREQ, PINGRESP, DISCONNECT, AUTH, sections 3.12 to 3.15 -------------------------------------------- */

static enum mqtt_status decode_nothing(struct decoding *decoding, struct mqtt_packet *packet) {
    packet->disconnect = (struct mqtt_disconnect){0};
    return expect_end(decoding, general_statement(decoding));
}

static enum mqtt_status decode_disconnect(struct decoding *decoding, struct mqtt_packet *packet) {
    struct mqtt_disconnect *disconnect = &packet->disconnect;
    if (decoding->version != MQTT_5_0)
        return decode_nothing(decoding, packet);
    *disconnect = (struct mqtt_disconnect){0};
    return decode_reason(decoding, packet->type, &disconnect->reason_code, &disconnect->properties);
}

/* ---- All of them ---------------------------------------------------------------------------------------- */

typedef enum mqtt_status packet_decoder(struct decoding *decoding, struct mqtt_packet *packet);

static packet_decoder *const decoders[MQTT_TYPE_COUNT] = {
    [MQTT_CONNECT] = decode_connect,         [MQTT_CONNACK] = decode_connack,
    [MQTT_PUBLISH] = decode_publish,         [MQTT_PUBACK] = decode_acknowledgement,
    [MQTT_PUBREC] = decode_acknowledgement,  [MQTT_PUBREL] = decode_acknowledgement,
    [MQTT_PUBCOMP] = decode_acknowledgement, [MQTT_SUBSCRIBE] = decode_subscribe,
    [MQTT_SUBACK] = decode_suback,           [MQTT_UNSUBSCRIBE] = decode_unsubscribe,
    [MQTT_UNSUBACK] = decode_unsuback,       [MQTT_PINGREQ] = decode_nothing,
    [MQTT_PINGRESP] = decode_nothing,        [MQTT_DISCONNECT] = decode_disconnect,
    [MQTT_AUTH] = decode_disconnect,
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

static enum mqtt_status decode_behind_header(const struct mqtt_decoder *decoder, struct reader reader,
                                             struct mqtt_packet *packet, struct mqtt_error *error) {
    struct reader behind = reader;
    if (packet->type == MQTT_PUBLISH && take_plain_topic(&behind, packet))
        return finish_publish(decoder, behind, packet, error);
    assert(decoders[packet->type] != NULL);
    struct decoding decoding = {decoder->version, decoder->sender, decoder->rules, reader, error};
    return decoders[packet->type](&decoding, packet);
}

enum mqtt_status mqtt_decode(const struct mqtt_decoder *decoder, struct mqtt_bytes bytes, struct mqtt_packet *packet,
                             struct mqtt_error *error) {
    struct reader reader = {bytes.data, bytes.data, bytes.data + bytes.length};
    skip_fixed_header(&reader);
    packet->type = (enum mqtt_type)(bytes.data[0] >> 4);
    packet->flags = bytes.data[0] & 0x0F;
    return decode_behind_header(decoder, reader, packet, error);
}

/* ---- Frame and packet in one go ----------------------------------------------------------------------------- */

/* The flags of PUBLISH that are right in every version, as bits: no QoS 3, no DUP at QoS 0. */
#define RIGHT_PUBLISH_FLAGS 0x3C3Fu

/* A PUBLISH that is whole and has nothing unusual in flags, length, topic and Packet Identifier: sets these fields and
 * *packet_size, and returns where its properties or payload begin. NULL for all else, which is not judged here. */
static inline const uint8_t *take_plain_start(const struct mqtt_decoder *decoder, struct mqtt_bytes bytes,
                                              struct mqtt_packet *packet, uint32_t *packet_size) {
    const uint8_t *at = bytes.data;
    if (bytes.length < 4 || at[0] >> 4 != MQTT_PUBLISH || (RIGHT_PUBLISH_FLAGS >> (at[0] & 0x0F) & 1u) == 0 ||
        decoder->version == MQTT_VERSION_UNKNOWN)
        return NULL;
    uint32_t rest = at[1], header = 2;
    if (rest >= 0x80) {
        if (at[2] >= 0x80 || at[2] == 0)
            return NULL;
        rest = (rest & 0x7F) | (uint32_t)at[2] << 7;
        header = 3;
    }
    uint32_t size = header + rest, limit = decoder->maximum_packet_size;
    if (size > bytes.length || (limit != 0 && size > limit) || rest < 2)
        return NULL;
    uint32_t behind_topic = mqtt_publish_qos(at[0]) > 0 ? 2 : 0;
    at += header;
    struct mqtt_bytes topic = {at + 2, (uint32_t)(at[0] << 8 | at[1])};
    if (topic.length + 2 + behind_topic > rest || !topic_is_plain(topic))
        return NULL;
    at = topic.data + topic.length;
    uint16_t identifier = behind_topic != 0 ? (uint16_t)(at[0] << 8 | at[1]) : 1;
    if (identifier == 0)
        return NULL;
    packet->type = MQTT_PUBLISH;
    packet->flags = bytes.data[0] & 0x0F;
    packet->publish.topic = topic;
    packet->publish.packet_identifier = behind_topic != 0 ? identifier : 0;
    *packet_size = size;
    return at + behind_topic;
}

static enum mqtt_status frame_and_decode(const struct mqtt_decoder *decoder, struct mqtt_bytes bytes,
                                         struct mqtt_packet *packet, uint32_t *packet_size, struct mqtt_error *error) {
    struct mqtt_frame frame;
    *packet_size = 0;
    enum mqtt_status status = mqtt_frame(decoder, bytes, &frame, error);
    if (status != MQTT_OK)
        return status;
    *packet_size = frame.packet_size;
    if (frame.packet_size > bytes.length)
        return MQTT_INCOMPLETE;
    return mqtt_decode(decoder, (struct mqtt_bytes){bytes.data, frame.packet_size}, packet, error);
}

enum mqtt_status mqtt_next(const struct mqtt_decoder *decoder, struct mqtt_bytes bytes, struct mqtt_packet *packet,
                           uint32_t *packet_size, struct mqtt_error *error) {
    const uint8_t *at = take_plain_start(decoder, bytes, packet, packet_size);
    if (at == NULL)
        return frame_and_decode(decoder, bytes, packet, packet_size, error);
    const uint8_t *end = bytes.data + *packet_size;
    packet->publish.properties = (struct mqtt_bytes){NULL, 0};
    if (decoder->version == MQTT_5_0) {
        if (at == end || *at != 0)
            return decode_behind_topic(decoder, (struct reader){bytes.data, at, end}, packet, error);
        packet->publish.properties.data = ++at;
    }
    packet->publish.payload = (struct mqtt_bytes){at, (uint32_t)(end - at)};
    return MQTT_OK;
}
