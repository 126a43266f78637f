/* Control Packet types and the Fixed Header, section 2.2. */
#include "codec/decode.h"

static const char *const type_names[MQTT_TYPE_COUNT] = {
    "RESERVED",  "CONNECT", "CONNACK",     "PUBLISH",  "PUBACK",  "PUBREC",   "PUBREL",     "PUBCOMP",
    "SUBSCRIBE", "SUBACK",  "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"};

const char *mqtt_type_name(enum mqtt_type type) {
    return (unsigned)type < MQTT_TYPE_COUNT ? type_names[type] : "RESERVED";
}

const char *mqtt_version_name(enum mqtt_version version) {
    switch (version) {
    case MQTT_3_1:
        return "3.1";
    case MQTT_3_1_1:
        return "3.1.1";
    case MQTT_5_0:
        return "5.0";
    default:
        return "?";
    }
}

uint8_t mqtt_required_flags(enum mqtt_type type) {
    return type == MQTT_PUBREL || type == MQTT_SUBSCRIBE || type == MQTT_UNSUBSCRIBE ? 2 : 0;
}

/* Table 2.1: who may send what. */
enum direction { NOBODY = 0, FROM_CLIENT = 1 << MQTT_CLIENT, FROM_SERVER = 1 << MQTT_SERVER, FROM_BOTH = 3 };

static const uint8_t directions[MQTT_TYPE_COUNT] = {
    [MQTT_CONNECT] = FROM_CLIENT,     [MQTT_CONNACK] = FROM_SERVER,   [MQTT_PUBLISH] = FROM_BOTH,
    [MQTT_PUBACK] = FROM_BOTH,        [MQTT_PUBREC] = FROM_BOTH,      [MQTT_PUBREL] = FROM_BOTH,
    [MQTT_PUBCOMP] = FROM_BOTH,       [MQTT_SUBSCRIBE] = FROM_CLIENT, [MQTT_SUBACK] = FROM_SERVER,
    [MQTT_UNSUBSCRIBE] = FROM_CLIENT, [MQTT_UNSUBACK] = FROM_SERVER,  [MQTT_PINGREQ] = FROM_CLIENT,
    [MQTT_PINGRESP] = FROM_SERVER,    [MQTT_DISCONNECT] = FROM_CLIENT};

bool mqtt_may_send(enum mqtt_side side, enum mqtt_version version, enum mqtt_type type) {
    if ((unsigned)type >= MQTT_TYPE_COUNT)
        return false;
    if (version == MQTT_5_0 && (type == MQTT_DISCONNECT || type == MQTT_AUTH))
        return true;
    return (directions[type] & 1 << side) != 0;
}

/* The statement on the Fixed Header flags of a type, before 5.0 and in 5.0; most types share the general one. */
static const enum spec_statement flag_statements[MQTT_TYPE_COUNT] = {[MQTT_PUBREL] = V311(3_6_1_1),
                                                                     [MQTT_SUBSCRIBE] = V311(3_8_1_1),
                                                                     [MQTT_UNSUBSCRIBE] = V311(3_10_1_1),
                                                                     [MQTT_DISCONNECT] = V311(3_14_1_1)};
static const enum spec_statement flag_statements_5_0[MQTT_TYPE_COUNT] = {[MQTT_PUBREL] = V5(3_6_1_1),
                                                                         [MQTT_SUBSCRIBE] = V5(3_8_1_1),
                                                                         [MQTT_UNSUBSCRIBE] = V5(3_10_1_1),
                                                                         [MQTT_DISCONNECT] = V5(3_14_1_1),
                                                                         [MQTT_AUTH] = V5(3_15_1_1)};

enum mqtt_status mqtt_refuse(struct mqtt_error *error, enum mqtt_error_class error_class, enum mqtt_reason reason,
                             enum spec_statement statement, uint32_t offset, const char *what) {
    *error = (struct mqtt_error){.error_class = error_class,
                                 .statement = statement,
                                 .reason_code = (uint8_t)reason,
                                 .offset = offset,
                                 .what = what};
    return MQTT_REFUSED;
}

static enum mqtt_status refuse_bytes(struct mqtt_error *error, enum spec_statement statement, uint32_t offset,
                                     const char *what) {
    return mqtt_refuse(error, MQTT_MALFORMED, MQTT_REASON_MALFORMED_PACKET, statement, offset, what);
}

static enum mqtt_status judge_publish_flags(const struct mqtt_decoder *decoder, uint8_t flags,
                                            struct mqtt_error *error) {
    uint8_t qos = mqtt_publish_qos(flags);
    enum spec_statement qos_3 = BY_VERSION(decoder->version, V311(3_3_1_4), V5(3_3_1_4));
    enum spec_statement dup = BY_VERSION(decoder->version, V311(3_3_1_2), V5(3_3_1_2));
    if (qos == 3 && MUST(decoder->rules, qos_3))
        return refuse_bytes(error, qos_3, 0, "both QoS bits are set");
    /* MQTT 3.1 gives DUP no meaning at QoS 0, and does not forbid it. */
    if (qos == 0 && (flags & MQTT_PUBLISH_DUP) != 0 && decoder->version != MQTT_3_1 && MUST(decoder->rules, dup))
        return mqtt_refuse(error, MQTT_PROTOCOL, MQTT_REASON_PROTOCOL_ERROR, dup, 0, "DUP is set at QoS 0");
    return MQTT_OK;
}

/* MQTT 3.1 calls these bits unused and leaves open what they hold. Those of CONNECT are judged when its version is
 * known. */
static enum mqtt_status judge_reserved_flags(const struct mqtt_decoder *decoder, enum mqtt_type type, uint8_t flags,
                                             struct mqtt_error *error) {
    if (flags == mqtt_required_flags(type) || decoder->version == MQTT_3_1 || type == MQTT_CONNECT)
        return MQTT_OK;
    const enum spec_statement *statements = decoder->version == MQTT_5_0 ? flag_statements_5_0 : flag_statements;
    enum spec_statement statement = statements[type];
    if (statement == SPEC_NONE)
        statement = BY_VERSION(decoder->version, V311(2_2_2_2), V5(2_1_3_1));
    if (MUST(decoder->rules, statement))
        return refuse_bytes(error, statement, 0, "the reserved flags of the fixed header have the wrong value");
    return MQTT_OK;
}

static enum mqtt_status refuse_type(const struct mqtt_decoder *decoder, enum mqtt_type type, struct mqtt_error *error) {
    enum mqtt_side other = decoder->sender == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT;
    enum spec_statement statement = mqtt_general_statement(decoder->version, decoder->sender);
    OBEYS(decoder->rules, statement);
    if (!mqtt_may_send(other, decoder->version, type))
        return refuse_bytes(error, statement, 0, "a reserved packet type");
    return mqtt_refuse(error, MQTT_PROTOCOL, MQTT_REASON_PROTOCOL_ERROR, statement, 0,
                       "a packet that only the other side may send");
}

/* The version is not known yet: what every version asks for holds in the name of each. */
static enum mqtt_status judge_first_packet(const struct mqtt_decoder *decoder, struct mqtt_error *error) {
    if (MUST(decoder->rules, V311(3_1_0_1)) && MUST(decoder->rules, V5(3_1_0_1)))
        return mqtt_refuse(error, MQTT_PROTOCOL, MQTT_REASON_PROTOCOL_ERROR, V311(3_1_0_1), 0,
                           "the first packet of a connection must be CONNECT");
    return MQTT_OK;
}

static enum mqtt_status judge_first_byte(const struct mqtt_decoder *decoder, uint8_t first, struct mqtt_error *error) {
    enum mqtt_type type = (enum mqtt_type)(first >> 4);
    if (!mqtt_may_send(decoder->sender, decoder->version, type))
        return refuse_type(decoder, type, error);
    if (decoder->version == MQTT_VERSION_UNKNOWN && type != MQTT_CONNECT &&
        judge_first_packet(decoder, error) != MQTT_OK)
        return MQTT_REFUSED;
    if (type == MQTT_PUBLISH)
        return judge_publish_flags(decoder, first & 0x0F, error);
    return judge_reserved_flags(decoder, type, first & 0x0F, error);
}

/* Section 2.2.3: up to four bytes of seven bits each, the lowest first. */
static enum mqtt_status read_remaining_length(const struct mqtt_decoder *decoder, struct mqtt_bytes bytes,
                                              uint32_t *remaining_length, uint32_t *header_size,
                                              struct mqtt_error *error) {
    uint32_t value = 0;
    for (uint32_t i = 1; i < MQTT_MAXIMUM_FIXED_HEADER; i++) {
        if (i >= bytes.length)
            return MQTT_INCOMPLETE;
        value |= (uint32_t)(bytes.data[i] & 0x7F) << 7 * (i - 1);
        if ((bytes.data[i] & 0x80) == 0) {
            *remaining_length = value;
            *header_size = i + 1;
            if (decoder->version == MQTT_5_0 && i > variable_byte_integer_size(value) &&
                MUST(decoder->rules, V5(1_5_5_1)))
                return refuse_bytes(error, V5(1_5_5_1), i, "a Remaining Length in more bytes than it needs");
            return MQTT_OK;
        }
    }
    enum spec_statement statement = mqtt_general_statement(decoder->version, decoder->sender);
    OBEYS(decoder->rules, statement);
    return refuse_bytes(error, statement, MQTT_MAXIMUM_FIXED_HEADER - 1, "the Remaining Length has a fifth byte");
}

/* In MQTT 5.0 each side announces the limit, and the other has to keep it. */
static enum spec_statement size_statement(const struct mqtt_decoder *decoder) {
    if (decoder->version != MQTT_5_0)
        return SPEC_NONE;
    return decoder->sender == MQTT_CLIENT ? V5(3_2_2_15) : V5(3_1_2_24);
}

enum mqtt_status mqtt_frame(const struct mqtt_decoder *decoder, struct mqtt_bytes bytes, struct mqtt_frame *frame,
                            struct mqtt_error *error) {
    if (bytes.length == 0)
        return MQTT_INCOMPLETE;
    if (judge_first_byte(decoder, bytes.data[0], error) != MQTT_OK)
        return MQTT_REFUSED;
    uint32_t remaining_length, header_size;
    enum mqtt_status status = read_remaining_length(decoder, bytes, &remaining_length, &header_size, error);
    if (status != MQTT_OK)
        return status;
    uint32_t packet_size = header_size + remaining_length;
    enum spec_statement size = size_statement(decoder);
    if (decoder->maximum_packet_size != 0 && packet_size > decoder->maximum_packet_size && MUST(decoder->rules, size))
        return mqtt_refuse(error, MQTT_LIMIT, MQTT_REASON_PACKET_TOO_LARGE, size, 1,
                           "the packet is larger than this receiver accepts");
    frame->first_byte = bytes.data[0];
    frame->header_size = (uint8_t)header_size;
    frame->remaining_length = remaining_length;
    frame->packet_size = packet_size;
    return MQTT_OK;
}
