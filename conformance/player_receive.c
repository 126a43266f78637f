/* From received bytes to packets in the inbox. */
#include <stdlib.h>
#include <string.h>

#include "conformance/player_internal.h"

/* ---- PUBLISH packets of other scenarios -------------------------------------------------------------------- */

/* The topic does not hold this run's name space: a wildcard let it through, or it is the broker's own. An empty one, of
 * a Topic Alias that was never set, is wrong whoever published. */
bool player_is_foreign(const struct player *player, struct mqtt_bytes topic) {
    const char *name_space = player->options.name_space;
    size_t width = strlen(name_space);
    if (topic.length == 0)
        return false;
    for (uint32_t i = 0; i + width <= topic.length; i++)
        if (memcmp(topic.data + i, name_space, width) == 0)
            return false;
    return true;
}

static bool forget_foreign(struct client *client, uint16_t identifier) {
    for (size_t i = 0; i < client->foreign_count; i++)
        if (client->foreign[i] == identifier) {
            client->foreign[i] = client->foreign[--client->foreign_count];
            return true;
        }
    return false;
}

static void remember_foreign(struct client *client, uint16_t identifier) {
    forget_foreign(client, identifier);
    uint16_t *foreign =
        array_with_room(client->foreign, client->foreign_count, &client->foreign_capacity, sizeof client->foreign[0]);
    if (foreign == NULL)
        return;
    client->foreign = foreign;
    foreign[client->foreign_count++] = identifier;
}

static void answer(struct client *client, enum mqtt_type type, uint16_t identifier, microseconds now) {
    uint8_t bytes[4];
    struct mqtt_packet packet = {.type = type, .flags = mqtt_required_flags(type)};
    packet.acknowledgement.packet_identifier = identifier;
    size_t length = mqtt_encode(client->decoder.version, &packet, bytes, sizeof bytes);
    client_send(client, (struct mqtt_bytes){bytes, (uint32_t)length}, now);
}

/* True when the packet belongs to others: it has been answered and no expectation will see it. */
static bool pass_over(struct client *client, const struct received *received, microseconds now) {
    const struct mqtt_packet *packet = &received->packet;
    if (packet->type == MQTT_PUBREL && forget_foreign(client, packet->acknowledgement.packet_identifier)) {
        answer(client, MQTT_PUBCOMP, packet->acknowledgement.packet_identifier, now);
        return true;
    }
    if (packet->type != MQTT_PUBLISH)
        return false;
    uint8_t qos = mqtt_publish_qos(packet->flags);
    uint16_t identifier = packet->publish.packet_identifier;
    if (!player_is_foreign(client->player, received->topic)) {
        if (qos == 2)
            forget_foreign(client, identifier);
        return false;
    }
    if (qos == 1)
        answer(client, MQTT_PUBACK, identifier, now);
    if (qos == 2) {
        remember_foreign(client, identifier);
        answer(client, MQTT_PUBREC, identifier, now);
    }
    return true;
}

/* ---- MQTT 5.0 ---------------------------------------------------------------------------------------------- */

/* The Topic Name of a PUBLISH, with what its Topic Alias stands for in its place. Empty where that was never set. */
static struct mqtt_bytes topic_of(struct client *client, const struct mqtt_packet *packet) {
    if (packet->type != MQTT_PUBLISH)
        return (struct mqtt_bytes){NULL, 0};
    struct mqtt_bytes topic = packet->publish.topic;
    uint32_t alias = 0;
    if (client->decoder.version == MQTT_5_0)
        alias = mqtt_property_number(packet->publish.properties, MQTT_TOPIC_ALIAS, 0);
    if (alias == 0 || alias > client->alias_maximum)
        return topic;
    if (topic.length == 0)
        return alias <= client->alias_count ? client->aliases[alias - 1] : topic;
    if (alias > client->alias_count) {
        struct mqtt_bytes *aliases = realloc(client->aliases, alias * sizeof *aliases);
        if (aliases == NULL)
            return topic;
        memset(aliases + client->alias_count, 0, (alias - client->alias_count) * sizeof *aliases);
        client->aliases = aliases;
        client->alias_count = alias;
    }
    client->aliases[alias - 1] = topic;
    return topic;
}

/* What a Server says to a version that it does not know has the form of one that it does. The content of CONNACK is two
 * bytes before 5.0, and more in 5.0. */
static void guess_version(struct client *client, uint8_t first_byte, uint32_t content) {
    if (!client->answers_unknown || first_byte != MQTT_CONNACK << 4)
        return;
    client->answers_unknown = false;
    if (content > 2)
        client->decoder.version = MQTT_5_0;
    else if (client->decoder.version == MQTT_5_0)
        client->decoder.version = MQTT_3_1_1;
}

/* What later steps need to know of the connection. */
static void learn(struct client *client, const struct mqtt_packet *packet) {
    struct mqtt_bytes authentication = mqtt_property_bytes(mqtt_packet_properties(packet), MQTT_AUTHENTICATION_DATA);
    if (authentication.data != NULL)
        client->authentication = authentication;
    if (packet->type == MQTT_CONNACK)
        player_learn_offer(client->player, client, &packet->connack);
}

/* ---- Packets ----------------------------------------------------------------------------------------------- */

static void out_of_memory(struct player *player, microseconds now) {
    player_fail(player, &(struct failure){.reason = "the tester ran out of memory", .line = NO_LINE}, now);
}

static const struct step *current_step(const struct player *player) {
    return player->step < player->scenario->step_count ? &player->scenario->steps[player->step] : NULL;
}

static void fail_undecodable(struct client *client, struct mqtt_bytes bytes, const struct mqtt_error *error,
                             microseconds now) {
    struct player *player = client->player;
    const struct step *step = current_step(player);
    const char *received = arena_text(&player->arena, "bytes that do not decode, at offset %lu: %s",
                                      (unsigned long)error->offset, player_hex(player, bytes));
    size_t line = player_note(player, TRANSCRIPT_RECEIVED, client,
                              arena_text(&player->arena, "does not decode: %s", error->what), bytes, now);
    player_fail(player,
                &(struct failure){
                    .statement = error->statement,
                    .reason = arena_text(&player->arena, "the target sent what does not decode: %s", error->what),
                    .expected = step == NULL ? "" : player_expectation(player, step),
                    .received = received,
                    .line = line,
                },
                now);
}

/* Takes a copy of one whole packet into the inbox. */
static void take_packet(struct client *client, struct mqtt_bytes bytes, microseconds now) {
    struct player *player = client->player;
    struct received received = {.time = now};
    struct mqtt_error error = {0};
    uint8_t *copy = arena_copy(&player->arena, bytes.data, bytes.length);
    struct received *inbox =
        array_with_room(client->inbox, client->inbox_count, &client->inbox_capacity, sizeof client->inbox[0]);
    if (inbox != NULL)
        client->inbox = inbox;
    if (copy == NULL || inbox == NULL) {
        out_of_memory(player, now);
        return;
    }
    bytes.data = copy;
    if (mqtt_decode(&client->decoder, bytes, &received.packet, &error) != MQTT_OK) {
        fail_undecodable(client, bytes, &error, now);
        return;
    }
    received.topic = topic_of(client, &received.packet);
    player->current_topic = received.topic;
    player->current_line = NO_LINE;
    bool foreign = received.packet.type == MQTT_PUBLISH && player_is_foreign(player, received.topic);
    if (!foreign)
        player->current_line =
            player_note(player, TRANSCRIPT_RECEIVED, client,
                        player_describe(player, client->decoder.version, &received.packet), bytes, now);
    received.line = player->current_line;
    if (client->monitored != NULL)
        monitor_bytes(client->monitored, MQTT_SERVER, bytes, now);
    player->current_line = NO_LINE;
    player->current_topic = (struct mqtt_bytes){NULL, 0};
    client->answered = client->answered || received.packet.type == MQTT_CONNACK;
    if (client->decoder.version == MQTT_5_0)
        learn(client, &received.packet);
    if (!pass_over(client, &received, now))
        client->inbox[client->inbox_count++] = received;
}

static bool append(struct client *client, struct mqtt_bytes bytes) {
    if (bytes.length > client->capacity - client->length) {
        size_t capacity = client->length + bytes.length + 1024;
        uint8_t *buffer = realloc(client->buffer, capacity);
        if (buffer == NULL)
            return false;
        client->buffer = buffer;
        client->capacity = capacity;
    }
    memcpy(client->buffer + client->length, bytes.data, bytes.length);
    client->length += bytes.length;
    return true;
}

/* Takes whole packets from the front of `bytes`; returns what is left, an unfinished one. */
static struct mqtt_bytes take_packets(struct client *client, struct mqtt_bytes bytes, microseconds now) {
    while (client->player->phase == PHASE_STEPS && bytes.length > 0) {
        struct mqtt_frame frame;
        struct mqtt_error error = {0};
        enum mqtt_status status = mqtt_frame(&client->decoder, bytes, &frame, &error);
        if (status == MQTT_REFUSED) {
            fail_undecodable(client, bytes, &error, now);
            break;
        }
        if (status == MQTT_INCOMPLETE || frame.packet_size > bytes.length)
            break;
        guess_version(client, frame.first_byte, frame.remaining_length);
        take_packet(client, (struct mqtt_bytes){bytes.data, frame.packet_size}, now);
        bytes.data += frame.packet_size;
        bytes.length -= frame.packet_size;
    }
    return bytes;
}

void client_receive(struct client *client, struct mqtt_bytes bytes, microseconds now) {
    struct player *player = client->player;
    player->received_total += bytes.length;
    if (player->received_total > MAXIMUM_RECEIVED_TOTAL) {
        player_fail(player,
                    &(struct failure){.reason = "the target sent more than the tester keeps, 64 MiB", .line = NO_LINE},
                    now);
        return;
    }
    if (client->length == 0) {
        struct mqtt_bytes rest = take_packets(client, bytes, now);
        if (rest.length > 0 && player->phase == PHASE_STEPS && !append(client, rest))
            out_of_memory(player, now);
        return;
    }
    if (!append(client, bytes)) {
        out_of_memory(player, now);
        return;
    }
    struct mqtt_bytes all = {client->buffer, (uint32_t)client->length};
    struct mqtt_bytes rest = take_packets(client, all, now);
    if (rest.length > 0 && rest.data != client->buffer)
        memmove(client->buffer, rest.data, rest.length);
    client->length = rest.length;
}
