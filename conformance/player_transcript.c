/* What happened, line by line. */
#include <stdio.h>
#include <string.h>

#include "conformance/player_internal.h"

#define DESCRIPTION_SIZE 600
#define HEX_SHOWN        24u

size_t player_note(struct player *player, enum transcript_kind kind, const struct client *client, const char *text,
                   struct mqtt_bytes bytes, microseconds now) {
    if (player->line_count >= MAXIMUM_TRANSCRIPT)
        return NO_LINE;
    struct transcript_line *lines =
        array_with_room(player->lines, player->line_count, &player->line_capacity, sizeof player->lines[0]);
    if (lines == NULL)
        return NO_LINE;
    player->lines = lines;
    struct transcript_line *line = &lines[player->line_count];
    *line = (struct transcript_line){
        .kind = kind,
        .time = now - player->began,
        .client = client == NULL ? 0 : client_letter(client),
        .text = text,
    };
    if (bytes.length > 0)
        line->bytes = arena_copy(&player->arena, bytes.data, bytes.length);
    if (line->bytes != NULL)
        line->length = bytes.length;
    return player->line_count++;
}

const char *player_describe(struct player *player, enum mqtt_version version, const struct mqtt_packet *packet) {
    char description[DESCRIPTION_SIZE];
    mqtt_describe(version, packet, description, sizeof description);
    return arena_text(&player->arena, "%s", description);
}

const char *player_hex(struct player *player, struct mqtt_bytes bytes) {
    char hex[HEX_SHOWN * 3 + 1] = "";
    uint32_t shown = bytes.length < HEX_SHOWN ? bytes.length : HEX_SHOWN;
    for (uint32_t i = 0; i < shown; i++)
        snprintf(hex + (size_t)i * 3, sizeof hex - (size_t)i * 3, i + 1 < shown ? "%02X " : "%02X", bytes.data[i]);
    if (shown == bytes.length)
        return arena_text(&player->arena, "%s", hex);
    return arena_text(&player->arena, "%s ... (%lu bytes)", hex, (unsigned long)bytes.length);
}

/* What is said of bytes that do not decode: they are so because the scenario wants them so. */
static const char *describe_broken(struct player *player, struct mqtt_bytes bytes, const char *what) {
    return arena_text(&player->arena, "%s, broken on purpose: %s", mqtt_type_name(bytes.data[0] >> 4), what);
}

void player_note_sent(struct player *player, const struct client *client, struct mqtt_bytes bytes, microseconds now) {
    struct mqtt_decoder decoder = client->decoder;
    decoder.sender = MQTT_CLIENT;
    decoder.maximum_packet_size = 0;
    while (bytes.length > 0 && player->line_count < MAXIMUM_TRANSCRIPT) {
        struct mqtt_frame frame;
        struct mqtt_error error = {0};
        struct mqtt_packet packet;
        struct mqtt_bytes one = bytes;
        const char *text = NULL;
        enum mqtt_status status = mqtt_frame(&decoder, bytes, &frame, &error);
        if (status == MQTT_OK && frame.packet_size <= bytes.length) {
            one.length = frame.packet_size;
            status = mqtt_decode(&decoder, one, &packet, &error);
            if (status == MQTT_OK)
                text = player_describe(player, decoder.version, &packet);
        } else if (status == MQTT_OK) {
            status = MQTT_INCOMPLETE;
        }
        if (text == NULL)
            text = describe_broken(player, one, status == MQTT_INCOMPLETE ? "unfinished" : error.what);
        player_note(player, TRANSCRIPT_SENT, client, text, one, now);
        bytes.data += one.length;
        bytes.length -= one.length;
    }
}
