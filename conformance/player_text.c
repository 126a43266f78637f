/* What stands for something else in the texts of patterns: "~", and what only the run knows. */
#include <string.h>

#include "conformance/player_internal.h"
#include "conformance/scram_client.h"

/* Texts that begin so are no texts, but name one: ASSIGNED_TO_A, SCRAM_FIRST and their like. */
#define MARKER '\001'

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

/* "A" to "D". */
static struct mqtt_bytes assigned_to(const struct player *player, const char *letter, const char **fault) {
    const char *assigned = NULL;
    if (letter[0] >= 'A' && letter[0] < 'A' + SCENARIO_CLIENTS && letter[1] == '\0')
        assigned = player->clients[letter[0] - 'A'].assigned;
    if (assigned != NULL)
        return mqtt_text(assigned);
    *fault = "the target has assigned no Client Identifier to send";
    return (struct mqtt_bytes){NULL, 0};
}

/* The nonce is the same whenever the run is repeated with its seed. */
static struct scram_client scram_of(struct player *player, const struct client *client) {
    return (struct scram_client){
        .user = player->options.user == NULL ? DEFAULT_SCRAM_USER : player->options.user,
        .password = player->options.password == NULL ? DEFAULT_SCRAM_PASSWORD : player->options.password,
        .nonce = arena_text(&player->arena, "%s-%c-%u", player->options.name_space, client_letter(client),
                            client->connections),
    };
}

static struct mqtt_bytes scram_answer(struct player *player, const struct client *client, bool wrong,
                                      const char **fault) {
    char message[SCRAM_MAXIMUM_MESSAGE];
    struct scram_client scram = scram_of(player, client);
    if (client->authentication.data == NULL)
        *fault = "the target has sent no SCRAM server-first-message to answer";
    else
        *fault = scram_client_final(&scram, client->authentication.data, client->authentication.length, wrong, message);
    if (*fault != NULL)
        return (struct mqtt_bytes){NULL, 0};
    return mqtt_text(arena_text(&player->arena, "%s", message));
}

struct mqtt_bytes player_text(struct player *player, const struct client *client, const char *text,
                              const char **fault) {
    if (text[0] != MARKER)
        return mqtt_text(player_expand(player, text));
    if (strcmp(text, SCRAM_FINAL) == 0 || strcmp(text, SCRAM_WRONG) == 0)
        return scram_answer(player, client, strcmp(text, SCRAM_WRONG) == 0, fault);
    if (strcmp(text, SCRAM_FIRST) != 0)
        return assigned_to(player, text + 1, fault);
    char message[SCRAM_MAXIMUM_MESSAGE];
    struct scram_client scram = scram_of(player, client);
    if (scram_client_first(&scram, message))
        return mqtt_text(arena_text(&player->arena, "%s", message));
    *fault = "the user name of --user does not fit into a SCRAM message";
    return (struct mqtt_bytes){NULL, 0};
}

struct mqtt_bytes player_client_identifier(struct player *player, const struct client *client,
                                           const struct pattern *pattern, const char **fault) {
    const char *identifier = pattern->client_identifier;
    if (identifier == NULL)
        identifier = arena_text(&player->arena, "~%c", client_letter(client));
    return player_text(player, client, identifier, fault);
}
