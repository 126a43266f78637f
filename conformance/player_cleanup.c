/* Leaves the target as it was found: no retained message and no session of this run stays behind.
 *
 * The jobs are done one after the other on a connection of client A: first the retained messages, then each
 * persistent session. A job is CONNECT with CleanSession 1 (5.0: Clean Start 1 and no expiry), what is to be done, and
 * DISCONNECT. */
#include <stdlib.h>
#include <string.h>

#include "conformance/player_internal.h"

#define MAXIMUM_LEFTOVERS 64u

static bool remember(struct arena *arena, const char ***list, size_t *count, size_t *capacity, const char *text) {
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*list)[i], text) == 0)
            return true;
    if (*count == MAXIMUM_LEFTOVERS)
        return false;
    const char **longer = array_with_room((void *)*list, *count, capacity, sizeof **list);
    if (longer == NULL)
        return false;
    *list = longer;
    longer[(*count)++] = arena_text(arena, "%s", text);
    return true;
}

static void remember_topic(struct player *player, const char *topic) {
    struct leftovers *leftovers = &player->leftovers;
    struct mqtt_bytes bytes = mqtt_text(topic);
    if (mqtt_check_text(bytes, NULL) == MQTT_TEXT_FINE && mqtt_topic_name_valid(bytes))
        remember(&player->arena, &leftovers->topics, &leftovers->topic_count, &leftovers->topic_capacity, topic);
}

void cleanup_remember_session(struct player *player, struct mqtt_bytes client_identifier) {
    struct leftovers *leftovers = &player->leftovers;
    if (player->options.skip_cleanup || client_identifier.length == 0 ||
        mqtt_check_text(client_identifier, NULL) != MQTT_TEXT_FINE)
        return;
    const char *text =
        arena_text(&player->arena, "%.*s", (int)client_identifier.length, (const char *)client_identifier.data);
    remember(&player->arena, &leftovers->identifiers, &leftovers->identifier_count, &leftovers->identifier_capacity,
             text);
}

static bool leaves_session(struct player *player, const struct client *client, const struct pattern *pattern) {
    if (client->decoder.version == MQTT_5_0)
        return player_session_expiry(player, client, pattern) > 0;
    return pattern->clean_session == 0;
}

static void remember_packet(struct player *player, const struct client *client, const struct pattern *pattern) {
    const char *fault = NULL;
    /* A retained message without a Topic Name goes where an earlier one has set its alias. */
    bool may_retain = pattern->retain == 1 || pattern_property(pattern, MQTT_TOPIC_ALIAS) != NULL;
    if (pattern->type == MQTT_PUBLISH && may_retain)
        remember_topic(player, player_expand(player, pattern->topic != NULL ? pattern->topic : "~/t"));
    if (pattern->type != MQTT_CONNECT)
        return;
    if (pattern->will_topic != NULL && pattern->will_retain == 1)
        remember_topic(player, player_expand(player, pattern->will_topic));
    if (leaves_session(player, client, pattern))
        cleanup_remember_session(player, player_client_identifier(player, client, pattern, &fault));
}

void cleanup_remember(struct player *player, const struct step *step) {
    if (player->options.skip_cleanup || step->kind == STEP_SEND_BYTES)
        return;
    for (size_t i = 0; i < step->pattern_count; i++)
        remember_packet(player, &player->clients[step->client], &step->patterns[i]);
}

/* ---- Jobs --------------------------------------------------------------------------------------------------- */

static bool clears_topics(const struct leftovers *leftovers) {
    return leftovers->topic_count > 0 && leftovers->next_job == 0;
}

/* The Client Identifier of the current job; NULL when all are done. */
static const char *job_identifier(struct player *player) {
    const struct leftovers *leftovers = &player->leftovers;
    size_t topic_jobs = leftovers->topic_count > 0 ? 1 : 0;
    if (leftovers->next_job < topic_jobs)
        return player_expand(player, "~Z");
    size_t index = leftovers->next_job - topic_jobs;
    return index < leftovers->identifier_count ? leftovers->identifiers[index] : NULL;
}

static void send_packet(struct player *player, const struct mqtt_packet *packet, microseconds now) {
    size_t size = mqtt_encoded_size(player->options.version, packet);
    uint8_t *buffer = size == 0 ? NULL : arena_take(&player->arena, size);
    if (buffer == NULL)
        return;
    size = mqtt_encode(player->options.version, packet, buffer, size);
    client_send(&player->clients[A], (struct mqtt_bytes){buffer, (uint32_t)size}, now);
}

static void next_job(struct player *player) {
    player->leftovers.length = 0;
    if (job_identifier(player) == NULL)
        player->phase = PHASE_DONE;
    else
        client_open(&player->clients[A]);
}

void cleanup_begin(struct player *player, microseconds now) {
    player->leftovers.deadline = now + player->options.timeout;
    if (player->could_not_connect)
        player->phase = PHASE_DONE;
    else
        next_job(player);
}

void cleanup_opened(struct player *player, microseconds now) {
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect.protocol_name = mqtt_text(player->options.version == MQTT_3_1 ? "MQIsdp" : "MQTT");
    packet.connect.protocol_level = (uint8_t)player->options.version;
    packet.connect.flags = MQTT_CONNECT_CLEAN_SESSION;
    packet.connect.keep_alive = 60;
    packet.connect.client_identifier = mqtt_text(job_identifier(player));
    send_packet(player, &packet, now);
}

/* Empty retained messages, and PINGREQ, whose answer shows that they have been taken. */
static void clear_topics(struct player *player, microseconds now) {
    for (size_t i = 0; i < player->leftovers.topic_count; i++) {
        struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = MQTT_PUBLISH_RETAIN};
        packet.publish.topic = mqtt_text(player->leftovers.topics[i]);
        packet.publish.payload = mqtt_text("");
        send_packet(player, &packet, now);
    }
    send_packet(player, &(struct mqtt_packet){.type = MQTT_PINGREQ}, now);
}

static void end_job(struct player *player, microseconds now) {
    send_packet(player, &(struct mqtt_packet){.type = MQTT_DISCONNECT}, now);
    client_close(&player->clients[A], now);
    player->leftovers.next_job++;
    next_job(player);
}

static bool is_accepted(const struct client *client, struct mqtt_bytes packet) {
    struct mqtt_packet decoded;
    struct mqtt_error error;
    return mqtt_decode(&client->decoder, packet, &decoded, &error) == MQTT_OK && decoded.connack.code == 0;
}

/* Only the type matters, and the code of CONNACK. False when the job is over. */
static bool take(struct player *player, struct mqtt_bytes packet, microseconds now) {
    uint8_t type = packet.data[0] >> 4;
    if (type == MQTT_CONNACK && clears_topics(&player->leftovers) && is_accepted(&player->clients[A], packet)) {
        clear_topics(player, now);
        return true;
    }
    if (type == MQTT_CONNACK || type == MQTT_PINGRESP) {
        end_job(player, now);
        return false;
    }
    return true;
}

void cleanup_received(struct player *player, struct mqtt_bytes bytes, microseconds now) {
    struct leftovers *leftovers = &player->leftovers;
    if (leftovers->length + bytes.length > leftovers->capacity) {
        size_t capacity = leftovers->length + bytes.length + 1024;
        uint8_t *buffer = capacity > MAXIMUM_RECEIVED_PACKET ? NULL : realloc(leftovers->buffer, capacity);
        if (buffer == NULL) {
            cleanup_give_up(player, "too much came", now);
            return;
        }
        leftovers->buffer = buffer;
        leftovers->capacity = capacity;
    }
    memcpy(leftovers->buffer + leftovers->length, bytes.data, bytes.length);
    leftovers->length += bytes.length;

    size_t offset = 0;
    while (offset < leftovers->length) {
        struct mqtt_bytes rest = {leftovers->buffer + offset, (uint32_t)(leftovers->length - offset)};
        struct mqtt_frame frame;
        struct mqtt_error error = {0};
        enum mqtt_status status = mqtt_frame(&player->clients[A].decoder, rest, &frame, &error);
        if (status == MQTT_REFUSED) {
            cleanup_give_up(player, error.what, now);
            return;
        }
        if (status == MQTT_INCOMPLETE || frame.packet_size > rest.length)
            break;
        if (!take(player, (struct mqtt_bytes){rest.data, frame.packet_size}, now))
            return;
        offset += frame.packet_size;
    }
    memmove(leftovers->buffer, leftovers->buffer + offset, leftovers->length - offset);
    leftovers->length -= offset;
}

void cleanup_give_up(struct player *player, const char *why, microseconds now) {
    struct client *client = &player->clients[A];
    player_note(player, TRANSCRIPT_NOTE, NULL,
                arena_text(&player->arena, "what the scenario left on the target could not be removed: %s", why),
                (struct mqtt_bytes){NULL, 0}, now);
    if (client->state == CLIENT_OPEN || client->state == CLIENT_OPENING)
        client_close(client, now);
    player->phase = PHASE_DONE;
}
