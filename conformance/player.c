#include "conformance/player.h"

#include <stdlib.h>
#include <string.h>

#include "conformance/player_internal.h"
#include "reference/server.h"

#define MICROSECONDS_PER_MILLISECOND UINT64_C(1000)

/* After DISCONNECT the target should close the connection. Part of the step's timeout that it gets for that, before
 * the tester does it. */
#define GOODBYE_SHARE 4

/* Nothing orders the close of one connection before what is sent on another. Where the tester closed it, the broker has
 * so long to notice before the scenario goes on. */
#define NOTICING_TIME (100 * MICROSECONDS_PER_MILLISECOND)

/* ---- Life -------------------------------------------------------------------------------------------------- */

static void on_breach(void *context, const struct monitor_breach *breach) {
    struct player *player = context;
    const struct client *client = breach->owner;
    if (breach->side != MQTT_SERVER || player->phase != PHASE_STEPS)
        return;
    const char *text = arena_text(&player->arena, "the monitor: %s [%s]", breach->what, spec_name(breach->statement));
    player_note(player, TRANSCRIPT_NOTE, client, text, (struct mqtt_bytes){NULL, 0}, breach->time);
    if (breach->statement != SPEC_NONE && spec_row(breach->statement)->level == SPEC_OTHER) {
        player_warn(player, breach->statement, breach->what);
        return;
    }
    /* What reached this client from another scenario depends on what else runs: told, but not judged here. */
    struct mqtt_bytes topic = {NULL, 0};
    bool is_publish = breach->packet != NULL && breach->packet->type == MQTT_PUBLISH;
    if (is_publish)
        topic = breach->packet->publish.topic.length > 0 ? breach->packet->publish.topic : player->current_topic;
    bool is_others = is_publish && player_is_foreign(player, topic);
    if (player->breached || is_others)
        return;
    player->breached = true;
    player->breach = (struct failure){
        .statement = breach->statement,
        .reason = breach->what,
        .expected = breach->statement == SPEC_NONE ? "" : spec_row(breach->statement)->paraphrase,
        .received = breach->packet == NULL ? breach->what
                                           : player_notation(player, client->decoder.version, breach->packet, topic),
        .line = player->current_line,
    };
}

enum spec_statement player_statement(const struct player *player, enum spec_statement statement) {
    return player->options.version == MQTT_5_0 ? spec_in_5_0(statement) : statement;
}

/* The statements that the scenario tests, as they are called in this version. */
static void name_statements(struct player *player) {
    const struct scenario *scenario = player->scenario;
    player->result.statements = scenario->statements;
    player->result.statement_count = scenario->statement_count;
    if (player->options.version != MQTT_5_0)
        return;
    enum spec_statement *statements = arena_take(&player->arena, (scenario->statement_count + 1) * sizeof *statements);
    size_t count = 0;
    for (size_t i = 0; statements != NULL && i < scenario->statement_count; i++) {
        enum spec_statement statement = spec_in_5_0(scenario->statements[i]);
        bool is_new = statement != SPEC_NONE;
        for (size_t k = 0; k < count; k++)
            is_new = is_new && statements[k] != statement;
        if (is_new)
            statements[count++] = statement;
    }
    player->result.statements = statements;
    player->result.statement_count = count;
}

struct player *player_create(const struct scenario *scenario, const struct player_options *options,
                             const struct player_link *link) {
    struct player *player = calloc(1, sizeof *player);
    if (player == NULL)
        return NULL;
    player->scenario = scenario;
    player->options = *options;
    player->link = *link;
    struct monitor_hooks hooks = {.context = player, .breach = on_breach};
    struct environment environment = environment_of_system();
    player->monitor = monitor_create(&hooks, &environment);
    if (player->monitor == NULL) {
        free(player);
        return NULL;
    }
    for (size_t i = 0; i < SCENARIO_CLIENTS; i++)
        player->clients[i].player = player;
    for (size_t i = 0; i < IDENTIFIER_VARIABLES; i++)
        player->identifiers[i] = ANY;
    player->result = (struct result){
        .scenario = scenario->name,
        .title = scenario->title,
        .version = mqtt_version_name(options->version),
        .transport = options->transport,
        .file = scenario->file,
        .line = scenario->line,
        .verdict = VERDICT_PASS,
        .reason = "",
        .expected = "",
        .received = "",
    };
    name_statements(player);
    return player;
}

/* What is needed to play, but not to look at the result. */
static void release_play(struct player *player) {
    for (size_t i = 0; i < SCENARIO_CLIENTS; i++) {
        struct client *client = &player->clients[i];
        free(client->buffer);
        free(client->inbox);
        free(client->foreign);
        free(client->aliases);
        memset(client, 0, sizeof *client);
        client->player = player;
    }
    if (player->monitor != NULL)
        monitor_destroy(player->monitor);
    player->monitor = NULL;
    free(player->leftovers.topics);
    free(player->leftovers.identifiers);
    free(player->leftovers.buffer);
    memset(&player->leftovers, 0, sizeof player->leftovers);
}

void player_destroy(struct player *player) {
    for (size_t i = 0; i < SCENARIO_CLIENTS; i++)
        if (player->clients[i].monitored != NULL)
            monitor_close(player->clients[i].monitored, player->began);
    release_play(player);
    free(player->lines);
    arena_release(&player->arena);
    free(player);
}

/* ---- The end ----------------------------------------------------------------------------------------------- */

static void finish(struct player *player, microseconds now) {
    if (player->arena.exhausted && player->result.verdict == VERDICT_PASS) {
        player->result.verdict = VERDICT_FAIL;
        player->result.reason = "the tester ran out of memory";
    }
    player->phase = PHASE_FINISHED;
    player->result.transcript = player->lines;
    player->result.transcript_length = player->line_count;
    player->result.duration = now - player->began;
    release_play(player);
}

static void close_all(struct player *player, microseconds now) {
    static const uint8_t disconnect[] = {MQTT_DISCONNECT << 4, 0};
    for (size_t i = 0; i < SCENARIO_CLIENTS; i++) {
        struct client *client = &player->clients[i];
        if (client->state == CLIENT_OPEN && !client->sent_disconnect)
            client_send(client, (struct mqtt_bytes){disconnect, sizeof disconnect}, now);
        if (client->state == CLIENT_OPEN || client->state == CLIENT_OPENING)
            client_close(client, now);
    }
}

/* What an entry point does last: once the verdict stands, the target is left as it was found. */
static void settle(struct player *player, microseconds now) {
    if (player->phase == PHASE_DECIDED) {
        close_all(player, now);
        player->phase = PHASE_CLEANUP;
        if (player->options.skip_cleanup)
            player->phase = PHASE_DONE;
        else
            cleanup_begin(player, now);
    }
    if (player->phase == PHASE_DONE)
        finish(player, now);
}

void player_fail(struct player *player, const struct failure *failure, microseconds now) {
    if (player->phase != PHASE_STEPS)
        return;
    struct result *result = &player->result;
    result->verdict = VERDICT_FAIL;
    result->broken = failure->statement;
    result->reason = failure->reason;
    result->expected = failure->expected == NULL ? "" : failure->expected;
    result->received = failure->received == NULL ? "" : failure->received;
    size_t line = failure->line;
    if (result->expected[0] != '\0') {
        const struct client *client = NULL;
        if (player->step < player->scenario->step_count)
            client = &player->clients[player->scenario->steps[player->step].client];
        size_t expected =
            player_note(player, TRANSCRIPT_EXPECTED, client, result->expected, (struct mqtt_bytes){NULL, 0}, now);
        if (line == NO_LINE)
            line = expected;
    }
    if (line < player->line_count)
        player->lines[line].offending = true;
    player->phase = PHASE_DECIDED;
}

void player_skip(struct player *player, const char *reason) {
    if (player->phase != PHASE_STEPS)
        return;
    player->result.verdict = VERDICT_SKIP;
    player->result.reason = reason;
    player->phase = PHASE_DECIDED;
}

void player_warn(struct player *player, enum spec_statement statement, const char *reason) {
    if (player->result.verdict != VERDICT_PASS)
        return;
    player->result.verdict = VERDICT_WARN;
    player->result.broken = statement;
    player->result.reason = reason;
}

static void fail_by_breach(struct player *player, microseconds now) {
    struct failure breach = player->breach;
    player->breached = false;
    player_fail(player, &breach, now);
}

/* ---- Connections ------------------------------------------------------------------------------------------- */

char client_letter(const struct client *client) {
    return (char)('A' + (client - client->player->clients));
}

static enum scenario_client index_of(const struct client *client) {
    return (enum scenario_client)(client - client->player->clients);
}

void client_open(struct client *client) {
    client->state = CLIENT_OPENING;
    client->close_taken = false;
    client->answered = false;
    client->sent_disconnect = false;
    client->length = 0;
    client->inbox_count = 0;
    client->connections++;
    client->asked = (struct asked){.keep_alive = ANY};
    client->answers_unknown = false;
    client->offer_known = false;
    client->offer = (struct mqtt_bytes){NULL, 0};
    client->authentication = (struct mqtt_bytes){NULL, 0};
    client->alias_count = 0;
    client->alias_maximum = 0;
    client->decoder = (struct mqtt_decoder){
        .version = client->player->options.version,
        .sender = MQTT_SERVER,
        .maximum_packet_size = MAXIMUM_RECEIVED_PACKET,
        .rules = &client->player->rules,
    };
    client->player->link.open(client->player->link.context, index_of(client));
}

static void stop_monitoring(struct client *client, enum mqtt_side closing, microseconds now) {
    if (client->monitored == NULL)
        return;
    monitor_half_closed(client->monitored, closing, now);
    monitor_close(client->monitored, now);
    client->monitored = NULL;
}

void client_close(struct client *client, microseconds now) {
    stop_monitoring(client, MQTT_CLIENT, now);
    client->state = CLIENT_APART;
    client->left_at = now;
    client->player->link.close(client->player->link.context, index_of(client));
}

void client_send(struct client *client, struct mqtt_bytes bytes, microseconds now) {
    if (client->monitored != NULL)
        monitor_bytes(client->monitored, MQTT_CLIENT, bytes, now);
    client->player->link.send(client->player->link.context, index_of(client), bytes);
}

/* ---- Steps: each returns true when it is over ---------------------------------------------------------------- */

static bool wants_new_connection(const struct client *client, const struct step *step) {
    if (client->state == CLIENT_APART)
        return true;
    if (client->state == CLIENT_CLOSED)
        return client->close_taken || step_connects(step);
    return client->state == CLIENT_OPEN && client->sent_disconnect && step_connects(step);
}

/* After DISCONNECT the target's close is waited for, so that what follows on other connections comes after it. Not
 * where the scenario itself looks at this connection next. */
static bool waits_for_goodbye(const struct player *player, const struct step *step) {
    const struct client *client = &player->clients[step->client];
    if (client->state != CLIENT_OPEN || !client->sent_disconnect)
        return false;
    if (!step_disconnects(step))
        return false;
    if (player->step + 1 == player->scenario->step_count)
        return false;
    const struct step *next = step + 1;
    bool sends = next->kind == STEP_SEND || next->kind == STEP_SEND_BYTES || next->kind == STEP_SEND_BROKEN;
    if (next->kind == STEP_WAIT || next->client != step->client)
        return true;
    return sends && step_connects(next);
}

static microseconds noticed_at(const struct client *client) {
    return client->left_at > 0 ? client->left_at + NOTICING_TIME : 0;
}

static bool play_send(struct player *player, const struct step *step, microseconds now) {
    struct client *client = &player->clients[step->client];
    if (player->acted)
        return !waits_for_goodbye(player, step) && now >= noticed_at(client);
    if (wants_new_connection(client, step)) {
        if (client->state == CLIENT_OPEN)
            client_close(client, now);
        if (now < noticed_at(client))
            return false;
        client_open(client);
    }
    if (client->state == CLIENT_OPENING)
        return false;
    player->acted = true;
    player->acted_at = now;
    if (client->state == CLIENT_OPEN)
        player_send_step(player, step, now);
    else
        player_note(player, TRANSCRIPT_NOTE, client,
                    arena_text(&player->arena, "not sent, the target had closed the connection: %s", step->source),
                    (struct mqtt_bytes){NULL, 0}, now);
    return !waits_for_goodbye(player, step);
}

static bool play_open(struct player *player, const struct step *step, microseconds now) {
    struct client *client = &player->clients[step->client];
    if (!player->acted) {
        if (now < noticed_at(client))
            return false;
        player->acted = true;
        player->acted_at = now;
        if (client->state == CLIENT_APART || client->state == CLIENT_CLOSED)
            client_open(client);
    }
    return client->state != CLIENT_OPENING;
}

static bool play_drop(struct player *player, const struct step *step, microseconds now) {
    struct client *client = &player->clients[step->client];
    if (!player->acted) {
        player->acted = true;
        player->acted_at = now;
        if (client->state == CLIENT_OPEN) {
            player_note(player, TRANSCRIPT_DROPPED, client, "closes the connection without DISCONNECT",
                        (struct mqtt_bytes){NULL, 0}, now);
            client_close(client, now);
        }
        client->state = CLIENT_APART;
    }
    return now >= noticed_at(client);
}

static bool play_wait(struct player *player, const struct step *step, microseconds now) {
    return now >= player->step_began + (microseconds)step->milliseconds * MICROSECONDS_PER_MILLISECOND;
}

static bool play_subprotocol(struct player *player, const struct step *step, microseconds now) {
    const struct client *client = &player->clients[step->client];
    if (strcmp(client->subprotocol, step->subprotocol) == 0)
        return true;
    const char *received =
        client->subprotocol[0] == '\0'
            ? "the target's answer to the WebSocket handshake names no subprotocol"
            : arena_text(&player->arena, "the target's answer names the subprotocol \"%s\"", client->subprotocol);
    struct failure failure = {.statement = player_statement(player, step->statement),
                              .reason = received,
                              .expected = player_expectation(player, step),
                              .received = received,
                              .line = NO_LINE};
    player_fail(player, &failure, now);
    return false;
}

static bool is_expectation(const struct step *step) {
    return step->kind == STEP_EXPECT || step->kind == STEP_EXPECT_NEXT || step->kind == STEP_EXPECT_ALL;
}

static bool play_step(struct player *player, const struct step *step, microseconds now) {
    static bool (*const play[])(struct player *, const struct step *, microseconds) = {
        [STEP_SEND] = play_send,
        [STEP_SEND_BYTES] = play_send,
        [STEP_SEND_BROKEN] = play_send,
        [STEP_EXPECT] = player_expect,
        [STEP_EXPECT_NEXT] = player_expect,
        [STEP_EXPECT_ALL] = player_expect,
        [STEP_OPEN] = play_open,
        [STEP_DROP] = play_drop,
        [STEP_WAIT] = play_wait,
        [STEP_SUBPROTOCOL] = play_subprotocol,
    };
    return play[step->kind](player, step, now);
}

static void end_step(struct player *player, microseconds now) {
    player->step_began = now;
    /* What the broker does in answer to a step may come from the moment it was done. */
    if (!is_expectation(&player->scenario->steps[player->step]) && !player->acted)
        player->acted_at = now;
    player->step++;
    player->acted = false;
    player->matched = 0;
}

/* Plays on as far as nothing has to be waited for. */
static void advance(struct player *player, microseconds now) {
    while (player->phase == PHASE_STEPS && player->step < player->scenario->step_count) {
        bool over = play_step(player, &player->scenario->steps[player->step], now);
        if (player->phase != PHASE_STEPS)
            return;
        if (!over)
            break;
        end_step(player, now);
    }
    if (player->phase != PHASE_STEPS)
        return;
    if (player->breached)
        fail_by_breach(player, now);
    else if (player->step == player->scenario->step_count)
        player->phase = PHASE_DECIDED;
}

/* ---- What the owner reports -------------------------------------------------------------------------------- */

void player_start(struct player *player, microseconds now) {
    player->began = now;
    player->step_began = now;
    player->acted_at = now;
    advance(player, now);
    settle(player, now);
}

/* What follows shows packets; how they go shows here. */
static const char *opening_of(const struct player *player) {
    static const char *const openings[] = {
        [FRAMED_TOGETHER] = "opens a connection",
        [FRAMED_BYTEWISE] = "opens a connection, and sends WebSocket frames of one byte",
        [FRAMED_FRAGMENTED] = "opens a connection, and sends WebSocket messages in fragments of one byte",
        [FRAMED_AS_TEXT] = "opens a connection, and sends text frames of WebSocket",
    };
    const struct websocket_use *websocket = player->scenario->websocket;
    return openings[websocket == NULL ? FRAMED_TOGETHER : websocket->framing];
}

void player_opened(struct player *player, enum scenario_client which, microseconds now) {
    struct client *client = &player->clients[which];
    if (client->state != CLIENT_OPENING)
        return;
    client->state = CLIENT_OPEN;
    if (player->phase == PHASE_CLEANUP) {
        cleanup_opened(player, now);
    } else {
        player_note(player, TRANSCRIPT_OPENED, client, opening_of(player), (struct mqtt_bytes){NULL, 0}, now);
        client->monitored = monitor_open(player->monitor, now, client, true);
        advance(player, now);
    }
    settle(player, now);
}

void player_chose_subprotocol(struct player *player, enum scenario_client client, const char *subprotocol) {
    snprintf(player->clients[client].subprotocol, WEBSOCKET_SUBPROTOCOL_SIZE, "%s", subprotocol);
}

/* The connection could not be opened. */
static void fail_to_open(struct player *player, struct client *client, const char *why, microseconds now) {
    client->state = CLIENT_APART;
    if (player->phase == PHASE_CLEANUP) {
        cleanup_give_up(player, why, now);
        return;
    }
    player->could_not_connect = true;
    const char *reason = arena_text(&player->arena, "could not connect: %s", why);
    size_t line = player_note(player, TRANSCRIPT_NOTE, client, reason, (struct mqtt_bytes){NULL, 0}, now);
    player_fail(player, &(struct failure){.reason = reason, .line = line}, now);
}

void player_failed(struct player *player, enum scenario_client which, const char *why, microseconds now) {
    fail_to_open(player, &player->clients[which], why, now);
    settle(player, now);
}

void player_received(struct player *player, enum scenario_client which, struct mqtt_bytes bytes, microseconds now) {
    struct client *client = &player->clients[which];
    if (client->state != CLIENT_OPEN)
        return;
    if (player->phase == PHASE_CLEANUP) {
        cleanup_received(player, bytes, now);
    } else {
        client_receive(client, bytes, now);
        advance(player, now);
    }
    settle(player, now);
}

void player_closed(struct player *player, enum scenario_client which, microseconds now) {
    struct client *client = &player->clients[which];
    if (client->state != CLIENT_OPEN)
        return;
    if (player->phase == PHASE_CLEANUP) {
        client->state = CLIENT_APART;
        cleanup_give_up(player, "the target closed the connection", now);
        settle(player, now);
        return;
    }
    client->state = CLIENT_CLOSED;
    client->closed_at = now;
    client->closed_line = player_note(player, TRANSCRIPT_CLOSED, client, "the target closes the connection",
                                      (struct mqtt_bytes){NULL, 0}, now);
    player->current_line = client->closed_line;
    stop_monitoring(client, MQTT_SERVER, now);
    player->current_line = NO_LINE;
    advance(player, now);
    settle(player, now);
}

/* ---- Time -------------------------------------------------------------------------------------------------- */

microseconds player_deadline(const struct player *player) {
    if (player->phase == PHASE_FINISHED)
        return NO_DEADLINE;
    if (player->phase == PHASE_CLEANUP)
        return player->leftovers.deadline;
    const struct step *step = &player->scenario->steps[player->step];
    if (is_expectation(step))
        return player_expect_deadline(player, step);
    if (step->kind == STEP_WAIT)
        return player->step_began + (microseconds)step->milliseconds * MICROSECONDS_PER_MILLISECOND;
    const struct client *client = &player->clients[step->client];
    if (client->state == CLIENT_APART && noticed_at(client) > player->step_began)
        return noticed_at(client);
    if (player->acted && step->kind != STEP_OPEN)
        return player->acted_at + player->options.timeout / GOODBYE_SHARE;
    return player->step_began + player->options.timeout;
}

/* The time of the current step is over, and it is no WAIT. */
static void step_timed_out(struct player *player, const struct step *step, microseconds now) {
    struct client *client = &player->clients[step->client];
    if (is_expectation(step)) {
        if (player_expect_silence(player, step, now) && player->phase == PHASE_STEPS)
            end_step(player, now);
        return;
    }
    if (client->state == CLIENT_OPENING) {
        client_close(client, now);
        const char *waited = player_seconds(player, player->options.timeout);
        fail_to_open(player, client, arena_text(&player->arena, "no answer within %s", waited), now);
        return;
    }
    if (waits_for_goodbye(player, step)) {
        player_note(player, TRANSCRIPT_DROPPED, client, "closes the connection after DISCONNECT",
                    (struct mqtt_bytes){NULL, 0}, now);
        client_close(client, now);
    }
}

void player_tick(struct player *player, microseconds now) {
    microseconds deadline = player_deadline(player);
    if (now < deadline || player->phase == PHASE_FINISHED)
        return;
    if (now - deadline > player->lateness)
        player->lateness = now - deadline;
    if (player->phase == PHASE_CLEANUP) {
        cleanup_give_up(player, "no answer in time", now);
        settle(player, now);
        return;
    }
    monitor_tick(player->monitor, now);
    const struct step *step = &player->scenario->steps[player->step];
    if (step->kind != STEP_WAIT)
        step_timed_out(player, step, now);
    advance(player, now);
    settle(player, now);
}

void player_abandon(struct player *player, const char *reason, microseconds now) {
    player_fail(player, &(struct failure){.reason = reason, .line = NO_LINE}, now);
    settle(player, now);
    if (player->phase == PHASE_CLEANUP) {
        cleanup_give_up(player, reason, now);
        settle(player, now);
    }
}

bool player_finished(const struct player *player) {
    return player->phase == PHASE_FINISHED;
}

bool player_could_not_connect(const struct player *player) {
    return player->could_not_connect;
}

microseconds player_lateness(const struct player *player) {
    return player->lateness;
}

const struct result *player_result(const struct player *player) {
    return &player->result;
}
