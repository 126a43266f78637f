/* Steps that send. */
#include <string.h>

#include "conformance/player_internal.h"

bool step_connects(const struct step *step) {
    if (step->kind == STEP_SEND_BYTES)
        return step->length > 0 && step->bytes[0] >> 4 == MQTT_CONNECT;
    return step->patterns[0].type == MQTT_CONNECT;
}

bool step_disconnects(const struct step *step) {
    return step->kind == STEP_SEND && step->patterns[step->pattern_count - 1].type == MQTT_DISCONNECT;
}

/* What this client may be sent, and in which version, is what its CONNECT says. */
static void prepare_connection(struct player *player, struct client *client, const struct step *step) {
    if (step->kind == STEP_SEND_BYTES || step->patterns[0].type != MQTT_CONNECT)
        return;
    const struct pattern *connect = &step->patterns[0];
    int level = connect->protocol_level;
    if (level == MQTT_3_1 || level == MQTT_3_1_1 || level == MQTT_5_0)
        client->decoder.version = (enum mqtt_version)level;
    const char *name = client->decoder.version == MQTT_3_1 ? "MQIsdp" : "MQTT";
    client->answers_unknown = (level != ANY && level != (int)client->decoder.version) ||
                              (connect->protocol_name != NULL && strcmp(connect->protocol_name, name) != 0);
    const struct property_pattern *aliases = pattern_property(connect, MQTT_TOPIC_ALIAS_MAXIMUM);
    client->alias_maximum = aliases == NULL ? 0 : (uint32_t)player_number(player, client, aliases->number);
}

static void fail_to_build(struct player *player, const struct step *step, microseconds now) {
    struct failure failure = {
        .reason = player->build_fault,
        .expected = player_expectation(player, step),
        .line = NO_LINE,
    };
    /* What the target did wrong before may be why. */
    player_fail(player, player->breached ? &player->breach : &failure, now);
}

/* What is to go on the wire. Length 0 where the scenario is over. */
static struct mqtt_bytes bytes_of(struct player *player, struct client *client, const struct step *step,
                                  microseconds now) {
    if (step->kind == STEP_SEND_BYTES)
        return (struct mqtt_bytes){step->bytes, (uint32_t)step->length};
    prepare_connection(player, client, step);
    player_check_offer(player, client, step);
    struct mqtt_bytes bytes = {NULL, 0};
    if (player->phase == PHASE_STEPS)
        bytes = player_build(player, step);
    if (player->phase == PHASE_STEPS && bytes.length == 0)
        fail_to_build(player, step, now);
    return player->phase == PHASE_STEPS ? bytes : (struct mqtt_bytes){NULL, 0};
}

void player_send_step(struct player *player, const struct step *step, microseconds now) {
    struct client *client = &player->clients[step->client];
    struct mqtt_bytes bytes = bytes_of(player, client, step, now);
    if (bytes.length == 0)
        return;
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
