/* From the patterns of SEND to bytes. */
#include <string.h>

#include "conformance/player_internal.h"

uint8_t player_payload_byte(size_t index) {
    return (uint8_t)('a' + index % 26);
}

/* Who sends, and what. */
struct build {
    struct player *player;
    const struct client *client;
    const struct pattern *pattern;
    enum mqtt_version version;
};

static struct mqtt_bytes optional_text(struct player *player, const char *text) {
    return text == NULL ? (struct mqtt_bytes){NULL, 0} : mqtt_text(player_expand(player, text));
}

static struct mqtt_bytes optional_binary(const char *text) {
    return text == NULL ? (struct mqtt_bytes){NULL, 0} : mqtt_text(text);
}

static int or_usual(int given, int usual) {
    return given == ANY ? usual : given;
}

/* Absent before 5.0, and where a packet that may end before its properties is given none. */
static struct mqtt_bytes build_properties(const struct build *build, bool may_be_absent) {
    const struct pattern *pattern = build->pattern;
    if (build->version != MQTT_5_0 || (may_be_absent && pattern->properties == NULL))
        return (struct mqtt_bytes){NULL, 0};
    return player_build_properties(build->player, build->client, pattern->properties, pattern->property_count);
}

/* ---- Packets, one function a type -------------------------------------------------------------------------- */

/* What CleanSession 0 asks for in 5.0, unless the pattern has that property itself. */
static struct mqtt_bytes with_session_expiry(const struct build *build, struct mqtt_bytes properties) {
    struct player *player = build->player;
    uint32_t seconds = player_session_expiry(player, build->client, build->pattern);
    if (seconds == 0 || pattern_property(build->pattern, MQTT_SESSION_EXPIRY_INTERVAL) != NULL)
        return properties;
    size_t capacity = (size_t)properties.length + 8;
    size_t length = properties.length;
    uint8_t *longer = arena_take(&player->arena, capacity);
    if (longer == NULL)
        return properties;
    memcpy(longer, properties.data, properties.length);
    struct mqtt_property expiry = {.identifier = MQTT_SESSION_EXPIRY_INTERVAL, .number = seconds};
    mqtt_append_property(longer, capacity, &length, &expiry);
    return (struct mqtt_bytes){longer, (uint32_t)length};
}

static unsigned connect_flags(const struct pattern *pattern) {
    unsigned flags = 0;
    flags |= or_usual(pattern->clean_session, 1) ? MQTT_CONNECT_CLEAN_SESSION : 0u;
    flags |= pattern->will_topic != NULL ? MQTT_CONNECT_WILL : 0u;
    flags |= ((unsigned)or_usual(pattern->will_qos, 0) << MQTT_CONNECT_WILL_QOS_SHIFT) & MQTT_CONNECT_WILL_QOS;
    flags |= or_usual(pattern->will_retain, 0) ? MQTT_CONNECT_WILL_RETAIN : 0u;
    flags |= pattern->password != NULL ? MQTT_CONNECT_PASSWORD : 0u;
    flags |= pattern->user_name != NULL ? MQTT_CONNECT_USER_NAME : 0u;
    return flags;
}

/* The Protocol Name that goes with the level. */
static const char *usual_name(const struct player *player, uint8_t level) {
    enum mqtt_version version = player->options.version;
    bool is_3_1 = version == MQTT_3_1 || (version == MQTT_5_0 && level == MQTT_3_1);
    return is_3_1 ? "MQIsdp" : "MQTT";
}

static void build_connect(const struct build *build, struct mqtt_packet *packet) {
    struct player *player = build->player;
    const struct pattern *pattern = build->pattern;
    struct mqtt_connect *connect = &packet->connect;
    connect->protocol_level = (uint8_t)or_usual(pattern->protocol_level, (int)player->options.version);
    const char *name = pattern->protocol_name;
    connect->protocol_name = mqtt_text(name != NULL ? name : usual_name(player, connect->protocol_level));
    connect->flags = (uint8_t)or_usual(pattern->connect_flags, (int)connect_flags(pattern));
    connect->keep_alive = (uint16_t)or_usual(pattern->keep_alive, 60);
    if (connect->protocol_level == MQTT_5_0) {
        connect->properties = with_session_expiry(build, build_properties(build, false));
        /* On the wire whenever they are given, even if there is no Will. */
        if (pattern->will_topic != NULL || pattern->will_properties != NULL)
            connect->will_properties =
                player_build_properties(player, build->client, pattern->will_properties, pattern->will_property_count);
    }
    connect->client_identifier = player_client_identifier(player, build->client, pattern, &player->build_fault);
    connect->will_topic = optional_text(player, pattern->will_topic);
    connect->will_message = optional_binary(pattern->will_message);
    if (pattern->will_topic != NULL && pattern->will_message == NULL)
        connect->will_message = mqtt_text("");
    connect->user_name = optional_binary(pattern->user_name);
    connect->password = optional_binary(pattern->password);
}

static uint16_t packet_identifier(const struct build *build) {
    int identifier = or_usual(build->pattern->packet_identifier, 1);
    if (identifier >= ID(0) && identifier < ID(IDENTIFIER_VARIABLES))
        identifier = or_usual(build->player->identifiers[identifier - ID(0)], 0);
    return (uint16_t)identifier;
}

static struct mqtt_bytes made_payload(struct player *player, size_t size) {
    uint8_t *payload = arena_take(&player->arena, size > 0 ? size : 1);
    if (payload == NULL)
        return (struct mqtt_bytes){NULL, 0};
    for (size_t i = 0; i < size; i++)
        payload[i] = player_payload_byte(i);
    return (struct mqtt_bytes){payload, (uint32_t)size};
}

/* Gives the PUBLISH such a payload that the whole packet has this size. */
static void fill_up(const struct build *build, struct mqtt_packet *packet, int64_t size) {
    packet->publish.payload = mqtt_text("");
    size_t empty = mqtt_encoded_size(build->version, packet);
    if (empty == 0 || size < (int64_t)empty || size > (int64_t)MAXIMUM_SENT_PACKET) {
        build->player->build_fault = "the scenario asks for a packet of a size that cannot be";
        return;
    }
    /* The longer the packet, the more bytes tell its length. */
    for (size_t more = 0; more < MQTT_MAXIMUM_FIXED_HEADER && (size_t)size >= empty + more; more++) {
        struct mqtt_bytes payload = made_payload(build->player, (size_t)size - empty - more);
        packet->publish.payload = payload;
        if (payload.data == NULL || mqtt_encoded_size(build->version, packet) == (size_t)size)
            return;
    }
    build->player->build_fault = "the scenario asks for a packet of a size that cannot be";
}

static void build_publish(const struct build *build, struct mqtt_packet *packet) {
    struct player *player = build->player;
    const struct pattern *pattern = build->pattern;
    struct mqtt_publish *publish = &packet->publish;
    publish->topic = optional_text(player, pattern->topic != NULL ? pattern->topic : "~/t");
    publish->packet_identifier = packet_identifier(build);
    publish->properties = build_properties(build, false);
    publish->payload = mqtt_text(pattern->payload != NULL ? pattern->payload : "");
    unsigned flags = 0;
    flags |= ((unsigned)or_usual(pattern->qos, 0) << MQTT_PUBLISH_QOS_SHIFT) & MQTT_PUBLISH_QOS;
    flags |= or_usual(pattern->dup, 0) ? MQTT_PUBLISH_DUP : 0u;
    flags |= or_usual(pattern->retain, 0) ? MQTT_PUBLISH_RETAIN : 0u;
    packet->flags = (uint8_t)flags;
    if (pattern->payload_size != ANY)
        publish->payload = made_payload(player, pattern->payload_size > 0 ? (size_t)pattern->payload_size : 0);
    if (pattern->packet_size != ANY) {
        int64_t size = player_number(player, build->client, pattern->packet_size);
        if (player->phase == PHASE_STEPS)
            fill_up(build, packet, size);
    }
}

/* A Reason Code of 0 that the pattern gives is on the wire, also where it could be left out. */
static struct mqtt_bytes build_reason(const struct build *build, uint8_t *reason_code) {
    if (build->version == MQTT_5_0)
        *reason_code = (uint8_t)or_usual(build->pattern->reason, 0);
    return build_properties(build, build->pattern->reason != 0);
}

static void build_acknowledgement(const struct build *build, struct mqtt_packet *packet) {
    packet->acknowledgement.packet_identifier = packet_identifier(build);
    packet->acknowledgement.properties = build_reason(build, &packet->acknowledgement.reason_code);
}

static void build_disconnect(const struct build *build, struct mqtt_packet *packet) {
    packet->disconnect.properties = build_reason(build, &packet->disconnect.reason_code);
}

/* The filters of SUBSCRIBE, with options, or of UNSUBSCRIBE, without. */
static struct mqtt_bytes build_filters(const struct build *build, bool with_options) {
    const struct pattern *pattern = build->pattern;
    struct player *player = build->player;
    const size_t places = sizeof pattern->filters / sizeof pattern->filters[0];
    size_t count = 0;
    while (count < places && pattern->filters[count].filter != NULL)
        count++;
    if (pattern->filter_count != ANY && (size_t)pattern->filter_count < count)
        count = (size_t)pattern->filter_count;

    const char *filters[sizeof pattern->filters / sizeof pattern->filters[0]];
    size_t capacity = 0;
    for (size_t i = 0; i < count; i++) {
        filters[i] = player_expand(player, pattern->filters[i].filter);
        capacity += strlen(filters[i]) + 3;
    }
    uint8_t *buffer = arena_take(&player->arena, capacity + 1);
    size_t length = 0;
    for (size_t i = 0; buffer != NULL && i < count; i++) {
        uint8_t options = (uint8_t)or_usual(pattern->filters[i].qos, 0);
        mqtt_append_filter(buffer, capacity, &length, mqtt_text(filters[i]), with_options ? &options : NULL);
    }
    return (struct mqtt_bytes){buffer, (uint32_t)length};
}

static void build_subscribe(const struct build *build, struct mqtt_packet *packet) {
    packet->subscribe.packet_identifier = packet_identifier(build);
    packet->subscribe.properties = build_properties(build, false);
    packet->subscribe.filters = build_filters(build, true);
}

static void build_unsubscribe(const struct build *build, struct mqtt_packet *packet) {
    packet->unsubscribe.packet_identifier = packet_identifier(build);
    packet->unsubscribe.properties = build_properties(build, false);
    packet->unsubscribe.filters = build_filters(build, false);
}

/* What only a Server may send, sent by the tester to see it refused. */
static void build_connack(const struct build *build, struct mqtt_packet *packet) {
    const struct pattern *pattern = build->pattern;
    int code = or_usual(pattern->code, 0);
    packet->connack.acknowledge_flags = (uint8_t)or_usual(pattern->session_present, 0);
    packet->connack.properties = build_properties(build, false);
    packet->connack.code = (uint8_t)code;
    if (build->version == MQTT_5_0)
        packet->connack.code = (uint8_t)or_usual(pattern->reason, player_reason_of_code(code));
}

static void build_suback(const struct build *build, struct mqtt_packet *packet) {
    const struct pattern *pattern = build->pattern;
    packet->suback.packet_identifier = packet_identifier(build);
    packet->suback.properties = build_properties(build, false);
    static const uint8_t granted_qos0 = 0;
    packet->suback.codes = (struct mqtt_bytes){&granted_qos0, 1};
    if (pattern->codes != NULL)
        packet->suback.codes = (struct mqtt_bytes){(const uint8_t *)pattern->codes, (uint32_t)pattern->codes_length};
}

static void build_unsuback(const struct build *build, struct mqtt_packet *packet) {
    if (build->version == MQTT_5_0)
        build_suback(build, packet);
    else
        packet->acknowledgement.packet_identifier = packet_identifier(build);
}

static void build_nothing(const struct build *build, struct mqtt_packet *packet) {
    (void)build;
    (void)packet;
}

/* ---- On the wire ------------------------------------------------------------------------------------------- */

static uint16_t *identifier_field(enum mqtt_version version, struct mqtt_packet *packet) {
    switch (packet->type) {
    case MQTT_PUBLISH:
        return &packet->publish.packet_identifier;
    case MQTT_SUBSCRIBE:
        return &packet->subscribe.packet_identifier;
    case MQTT_UNSUBSCRIBE:
        return &packet->unsubscribe.packet_identifier;
    case MQTT_UNSUBACK:
        if (version != MQTT_5_0)
            return &packet->acknowledgement.packet_identifier;
        return &packet->suback.packet_identifier;
    case MQTT_SUBACK:
        return &packet->suback.packet_identifier;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        return &packet->acknowledgement.packet_identifier;
    default:
        return NULL;
    }
}

/* The packet as often as the pattern says, each with the next Packet Identifier. */
static struct mqtt_bytes encode(const struct build *build, struct mqtt_packet *packet) {
    const struct mqtt_bytes nothing = {NULL, 0};
    struct player *player = build->player;
    uint16_t *identifier = identifier_field(build->version, packet);
    int64_t count = 1;
    if (build->pattern->repeat != ANY)
        count = player_number(player, build->client, build->pattern->repeat);
    size_t size = mqtt_encoded_size(build->version, packet);
    if (size == 0 || count <= 0 || count > MAXIMUM_SENT_STEP || size > MAXIMUM_SENT_STEP / (size_t)count)
        return nothing;
    player_check_size(player, build->client, build->pattern, size);
    uint8_t *buffer = arena_take(&player->arena, size * (size_t)count);
    if (buffer == NULL)
        return nothing;
    for (int64_t i = 0; i < count; i++) {
        if (mqtt_encode(build->version, packet, buffer + (size_t)i * size, size) != size)
            return nothing;
        if (identifier != NULL)
            *identifier = *identifier == UINT16_MAX ? 1 : (uint16_t)(*identifier + 1);
    }
    return (struct mqtt_bytes){buffer, (uint32_t)(size * (size_t)count)};
}

static struct mqtt_bytes build_packet(struct player *player, const struct client *client,
                                      const struct pattern *pattern) {
    static void (*const make[MQTT_TYPE_COUNT])(const struct build *, struct mqtt_packet *) = {
        [MQTT_RESERVED] = build_nothing,        [MQTT_CONNECT] = build_connect,
        [MQTT_CONNACK] = build_connack,         [MQTT_PUBLISH] = build_publish,
        [MQTT_PUBACK] = build_acknowledgement,  [MQTT_PUBREC] = build_acknowledgement,
        [MQTT_PUBREL] = build_acknowledgement,  [MQTT_PUBCOMP] = build_acknowledgement,
        [MQTT_SUBSCRIBE] = build_subscribe,     [MQTT_SUBACK] = build_suback,
        [MQTT_UNSUBSCRIBE] = build_unsubscribe, [MQTT_UNSUBACK] = build_unsuback,
        [MQTT_PINGREQ] = build_nothing,         [MQTT_PINGRESP] = build_nothing,
        [MQTT_DISCONNECT] = build_disconnect,   [MQTT_AUTH] = build_disconnect,
    };
    struct build build = {player, client, pattern, client->decoder.version};
    struct mqtt_packet packet = {.type = pattern->type, .flags = mqtt_required_flags(pattern->type)};
    make[pattern->type](&build, &packet);
    if (pattern->flags != ANY)
        packet.flags = (uint8_t)pattern->flags;
    if (player->build_fault != NULL || player->phase != PHASE_STEPS)
        return (struct mqtt_bytes){NULL, 0};
    return encode(&build, &packet);
}

/* ---- Broken packets ---------------------------------------------------------------------------------------- */

/* The same packet with `cut` bytes fewer, or more zero bytes where it is negative, and a Remaining Length that
 * agrees. */
static struct mqtt_bytes resized(struct player *player, struct mqtt_bytes packet, int cut) {
    size_t header = 1;
    while (header < packet.length && (packet.data[header] & 0x80) != 0)
        header++;
    header++;
    if (header > packet.length || (cut > 0 && (size_t)cut > packet.length - header))
        return (struct mqtt_bytes){NULL, 0};
    size_t kept = packet.length - header - (cut > 0 ? (size_t)cut : 0);
    size_t remaining = kept + (cut < 0 ? (size_t)-cut : 0);
    if (remaining > MQTT_MAXIMUM_REMAINING_LENGTH)
        return (struct mqtt_bytes){NULL, 0};
    uint8_t *buffer = arena_take(&player->arena, MQTT_MAXIMUM_FIXED_HEADER + remaining);
    if (buffer == NULL)
        return (struct mqtt_bytes){NULL, 0};
    size_t length = 0;
    buffer[length++] = packet.data[0];
    size_t rest = remaining;
    do {
        buffer[length++] = (uint8_t)((rest & 0x7F) | (rest > 0x7F ? 0x80 : 0));
        rest >>= 7;
    } while (rest > 0);
    memcpy(buffer + length, packet.data + header, kept);
    memset(buffer + length + kept, 0, remaining - kept);
    return (struct mqtt_bytes){buffer, (uint32_t)(length + remaining)};
}

static struct mqtt_bytes with_byte(struct player *player, struct mqtt_bytes packet, int offset, int value) {
    int64_t place = offset < 0 ? (int64_t)packet.length + offset : offset;
    if (place < 0 || place >= (int64_t)packet.length)
        return (struct mqtt_bytes){NULL, 0};
    uint8_t *copy = arena_copy(&player->arena, packet.data, packet.length);
    if (copy == NULL)
        return (struct mqtt_bytes){NULL, 0};
    copy[place] = (uint8_t)value;
    return (struct mqtt_bytes){copy, packet.length};
}

static struct mqtt_bytes break_packet(struct player *player, const struct step *step, struct mqtt_bytes packet) {
    switch (step->broken) {
    case BROKEN_BYTE:
        return with_byte(player, packet, step->offset, step->value);
    case BROKEN_CUT:
        return resized(player, packet, step->value);
    case BROKEN_APPEND:
        return resized(player, packet, -step->value);
    case BROKEN_UNFINISHED:
        if (step->value < 0 || (uint32_t)step->value >= packet.length)
            return (struct mqtt_bytes){NULL, 0};
        packet.length -= (uint32_t)step->value;
        return packet;
    case BROKEN_NOTHING:
    case BROKEN_BYTEWISE:
        break;
    }
    return packet;
}

static struct mqtt_bytes joined(struct player *player, struct mqtt_bytes first, struct mqtt_bytes second) {
    uint8_t *buffer = arena_take(&player->arena, (size_t)first.length + second.length);
    if (buffer == NULL)
        return (struct mqtt_bytes){NULL, 0};
    memcpy(buffer, first.data, first.length);
    memcpy(buffer + first.length, second.data, second.length);
    return (struct mqtt_bytes){buffer, first.length + second.length};
}

struct mqtt_bytes player_build(struct player *player, const struct step *step) {
    const struct client *client = &player->clients[step->client];
    player->build_fault = NULL;
    struct mqtt_bytes bytes = build_packet(player, client, &step->patterns[0]);
    for (size_t i = 1; i < step->pattern_count && bytes.length > 0; i++) {
        struct mqtt_bytes next = build_packet(player, client, &step->patterns[i]);
        bytes = next.length == 0 ? next : joined(player, bytes, next);
    }
    if (bytes.length > 0)
        bytes = break_packet(player, step, bytes);
    if (bytes.length == 0 && player->build_fault == NULL)
        player->build_fault = "the scenario asks to send what cannot be encoded";
    return bytes;
}
