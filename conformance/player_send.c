/* From the patterns of SEND to bytes. */
#include <string.h>

#include "conformance/player_internal.h"

const char *player_expand(struct player *player, const char *text) {
    const char *name_space = player->options.name_space;
    size_t tildes = 0;
    for (const char *c = text; *c != '\0'; c++)
        tildes += *c == '~';
    if (tildes == 0)
        return text;
    char *expanded = arena_take(&player->arena, strlen(text) + tildes * strlen(name_space) + 1);
    if (expanded == NULL)
        return "";
    char *to = expanded;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '~') {
            *to++ = *c;
            continue;
        }
        memcpy(to, name_space, strlen(name_space));
        to += strlen(name_space);
    }
    *to = '\0';
    return expanded;
}

uint8_t player_payload_byte(size_t index) {
    return (uint8_t)('a' + index % 26);
}

static struct mqtt_bytes optional_text(struct player *player, const char *text) {
    return text == NULL ? (struct mqtt_bytes){NULL, 0} : mqtt_text(player_expand(player, text));
}

static struct mqtt_bytes optional_binary(const char *text) {
    return text == NULL ? (struct mqtt_bytes){NULL, 0} : mqtt_text(text);
}

static int or_usual(int given, int usual) {
    return given == ANY ? usual : given;
}

/* ---- Packets, one function a type -------------------------------------------------------------------------- */

static void build_connect(struct player *player, const struct step *step, const struct pattern *pattern,
                          struct mqtt_packet *packet) {
    enum mqtt_version version = player->options.version;
    struct mqtt_connect *connect = &packet->connect;
    const char *name = pattern->protocol_name;
    if (name == NULL)
        name = version == MQTT_3_1 ? "MQIsdp" : "MQTT";
    connect->protocol_name = mqtt_text(name);
    connect->protocol_level = (uint8_t)or_usual(pattern->protocol_level, (int)version);
    connect->keep_alive = (uint16_t)or_usual(pattern->keep_alive, 60);
    const char *identifier = pattern->client_identifier;
    if (identifier == NULL)
        identifier = arena_text(&player->arena, "~%c", 'A' + (int)step->client);
    connect->client_identifier = optional_text(player, identifier);
    connect->will_topic = optional_text(player, pattern->will_topic);
    connect->will_message = optional_binary(pattern->will_message);
    if (pattern->will_topic != NULL && pattern->will_message == NULL)
        connect->will_message = mqtt_text("");
    connect->user_name = optional_binary(pattern->user_name);
    connect->password = optional_binary(pattern->password);

    unsigned flags = 0;
    flags |= or_usual(pattern->clean_session, 1) ? MQTT_CONNECT_CLEAN_SESSION : 0u;
    flags |= pattern->will_topic != NULL ? MQTT_CONNECT_WILL : 0u;
    flags |= ((unsigned)or_usual(pattern->will_qos, 0) << MQTT_CONNECT_WILL_QOS_SHIFT) & MQTT_CONNECT_WILL_QOS;
    flags |= or_usual(pattern->will_retain, 0) ? MQTT_CONNECT_WILL_RETAIN : 0u;
    flags |= pattern->password != NULL ? MQTT_CONNECT_PASSWORD : 0u;
    flags |= pattern->user_name != NULL ? MQTT_CONNECT_USER_NAME : 0u;
    connect->flags = (uint8_t)or_usual(pattern->connect_flags, (int)flags);
}

static uint16_t packet_identifier(const struct player *player, const struct pattern *pattern) {
    int identifier = or_usual(pattern->packet_identifier, 1);
    if (identifier >= ID(0) && identifier < ID(IDENTIFIER_VARIABLES))
        identifier = or_usual(player->identifiers[identifier - ID(0)], 0);
    return (uint16_t)identifier;
}

static struct mqtt_bytes made_payload(struct player *player, int size) {
    uint8_t *payload = arena_take(&player->arena, size > 0 ? (size_t)size : 1);
    if (payload == NULL)
        return (struct mqtt_bytes){NULL, 0};
    for (int i = 0; i < size; i++)
        payload[i] = player_payload_byte((size_t)i);
    return (struct mqtt_bytes){payload, (uint32_t)size};
}

static void build_publish(struct player *player, const struct step *step, const struct pattern *pattern,
                          struct mqtt_packet *packet) {
    (void)step;
    struct mqtt_publish *publish = &packet->publish;
    publish->topic = optional_text(player, pattern->topic != NULL ? pattern->topic : "~/t");
    publish->packet_identifier = packet_identifier(player, pattern);
    publish->payload = mqtt_text(pattern->payload != NULL ? pattern->payload : "");
    if (pattern->payload_size != ANY)
        publish->payload = made_payload(player, pattern->payload_size);
    unsigned flags = 0;
    flags |= ((unsigned)or_usual(pattern->qos, 0) << MQTT_PUBLISH_QOS_SHIFT) & MQTT_PUBLISH_QOS;
    flags |= or_usual(pattern->dup, 0) ? MQTT_PUBLISH_DUP : 0u;
    flags |= or_usual(pattern->retain, 0) ? MQTT_PUBLISH_RETAIN : 0u;
    packet->flags = (uint8_t)flags;
}

static void build_acknowledgement(struct player *player, const struct step *step, const struct pattern *pattern,
                                  struct mqtt_packet *packet) {
    (void)step;
    packet->acknowledgement.packet_identifier = packet_identifier(player, pattern);
}

/* The filters of SUBSCRIBE, with options, or of UNSUBSCRIBE, without. */
static struct mqtt_bytes build_filters(struct player *player, const struct pattern *pattern, bool with_options) {
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

static void build_subscribe(struct player *player, const struct step *step, const struct pattern *pattern,
                            struct mqtt_packet *packet) {
    (void)step;
    packet->subscribe.packet_identifier = packet_identifier(player, pattern);
    packet->subscribe.filters = build_filters(player, pattern, true);
}

static void build_unsubscribe(struct player *player, const struct step *step, const struct pattern *pattern,
                              struct mqtt_packet *packet) {
    (void)step;
    packet->unsubscribe.packet_identifier = packet_identifier(player, pattern);
    packet->unsubscribe.filters = build_filters(player, pattern, false);
}

/* What only a Server may send, sent by the tester to see it refused. */
static void build_connack(struct player *player, const struct step *step, const struct pattern *pattern,
                          struct mqtt_packet *packet) {
    (void)player;
    (void)step;
    packet->connack.acknowledge_flags = (uint8_t)or_usual(pattern->session_present, 0);
    packet->connack.code = (uint8_t)or_usual(pattern->code, 0);
}

static void build_suback(struct player *player, const struct step *step, const struct pattern *pattern,
                         struct mqtt_packet *packet) {
    (void)step;
    packet->suback.packet_identifier = packet_identifier(player, pattern);
    static const uint8_t granted_qos0 = 0;
    packet->suback.codes = (struct mqtt_bytes){&granted_qos0, 1};
    if (pattern->codes != NULL)
        packet->suback.codes = (struct mqtt_bytes){(const uint8_t *)pattern->codes, (uint32_t)pattern->codes_length};
}

static void build_nothing(struct player *player, const struct step *step, const struct pattern *pattern,
                          struct mqtt_packet *packet) {
    (void)player;
    (void)step;
    (void)pattern;
    (void)packet;
}

static struct mqtt_bytes build_packet(struct player *player, const struct step *step, const struct pattern *pattern) {
    static void (*const build[MQTT_TYPE_COUNT])(struct player *, const struct step *, const struct pattern *,
                                                struct mqtt_packet *) = {
        [MQTT_RESERVED] = build_nothing,        [MQTT_CONNECT] = build_connect,
        [MQTT_CONNACK] = build_connack,         [MQTT_PUBLISH] = build_publish,
        [MQTT_PUBACK] = build_acknowledgement,  [MQTT_PUBREC] = build_acknowledgement,
        [MQTT_PUBREL] = build_acknowledgement,  [MQTT_PUBCOMP] = build_acknowledgement,
        [MQTT_SUBSCRIBE] = build_subscribe,     [MQTT_SUBACK] = build_suback,
        [MQTT_UNSUBSCRIBE] = build_unsubscribe, [MQTT_UNSUBACK] = build_acknowledgement,
        [MQTT_PINGREQ] = build_nothing,         [MQTT_PINGRESP] = build_nothing,
        [MQTT_DISCONNECT] = build_nothing,      [MQTT_AUTH] = build_nothing,
    };
    struct mqtt_packet packet = {.type = pattern->type, .flags = mqtt_required_flags(pattern->type)};
    build[pattern->type](player, step, pattern, &packet);
    if (pattern->flags != ANY)
        packet.flags = (uint8_t)pattern->flags;

    size_t size = mqtt_encoded_size(player->options.version, &packet);
    uint8_t *buffer = size == 0 ? NULL : arena_take(&player->arena, size);
    if (buffer == NULL)
        return (struct mqtt_bytes){NULL, 0};
    size = mqtt_encode(player->options.version, &packet, buffer, size);
    return (struct mqtt_bytes){buffer, (uint32_t)size};
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
    struct mqtt_bytes bytes = build_packet(player, step, &step->patterns[0]);
    for (size_t i = 1; i < step->pattern_count && bytes.length > 0; i++) {
        struct mqtt_bytes next = build_packet(player, step, &step->patterns[i]);
        bytes = next.length == 0 ? next : joined(player, bytes, next);
    }
    return bytes.length == 0 ? bytes : break_packet(player, step, bytes);
}

bool step_connects(const struct step *step) {
    if (step->kind == STEP_SEND_BYTES)
        return step->length > 0 && step->bytes[0] >> 4 == MQTT_CONNECT;
    return step->patterns[0].type == MQTT_CONNECT;
}

bool step_disconnects(const struct step *step) {
    return step->kind == STEP_SEND && step->patterns[step->pattern_count - 1].type == MQTT_DISCONNECT;
}

/* What the target answers is read by the version that the tester's CONNECT names. */
static void expect_version(struct client *client, const struct step *step) {
    if (step->kind == STEP_SEND_BYTES || step->patterns[0].type != MQTT_CONNECT)
        return;
    int level = step->patterns[0].protocol_level;
    if (level == MQTT_3_1 || level == MQTT_3_1_1 || level == MQTT_5_0)
        client->decoder.version = (enum mqtt_version)level;
}

void player_send_step(struct player *player, const struct step *step, microseconds now) {
    struct client *client = &player->clients[step->client];
    struct mqtt_bytes bytes = {step->bytes, (uint32_t)step->length};
    if (step->kind != STEP_SEND_BYTES)
        bytes = player_build(player, step);
    if (bytes.length == 0) {
        player_fail(player,
                    &(struct failure){.reason = "the scenario asks to send what cannot be encoded",
                                      .expected = player_expectation(player, step),
                                      .received = "",
                                      .line = NO_LINE},
                    now);
        return;
    }
    expect_version(client, step);
    player_note_sent(player, client, bytes, now);
    cleanup_remember(player, step);
    client->sent_disconnect = client->sent_disconnect || step_disconnects(step);
    if (step->broken != BROKEN_BYTEWISE) {
        client_send(client, bytes, now);
        return;
    }
    for (uint32_t i = 0; i < bytes.length; i++)
        client_send(client, (struct mqtt_bytes){bytes.data + i, 1}, now);
}
