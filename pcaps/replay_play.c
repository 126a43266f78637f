/* Plays a recording: goes through its steps in order, and does each when it is due and when all that came before
 * it in the capture has come here too. */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "pcaps/replay.h"
#include "pcaps/replay_choices.h"
#include "pcaps/replay_link.h"

enum {
    /* A broker that answers nothing must not cost one timeout for each packet of a long capture. */
    MAXIMUM_WAITS_IN_VAIN = 10,
    MAXIMUM_EXTRAS = 1000,
};

struct live {
    struct link link; /* first: a pointer to it is a pointer to the connection */
    struct player *player;
    size_t index;
    bool goodbye; /* DISCONNECT was sent */
    struct packet_stream received;
};

struct player {
    struct recording *recording;
    const struct replay_options *options;
    struct replay_result *result;
    struct event_loop *loop;
    struct addrinfo *addresses;
    struct live *lives;      /* by index of the recording's connections, as the next one */
    struct choices *choices; /* of the live broker */
    size_t at;               /* the step to be done next */
    size_t oldest;           /* no step before this one is waited for */
    microseconds start;      /* when the recording's first step was due, moved by each wait */
    bool blocked;
    microseconds blocked_since;
    unsigned waits_in_vain;
    enum replay_outcome outcome;
    char *reason;
    size_t reason_size;
    struct spec_rules rules;
};

static void stop(struct player *player, enum replay_outcome outcome, const char *what, const char *why) {
    player->outcome = outcome;
    snprintf(player->reason, player->reason_size, "%s: %s", what, why);
}

/* ---- What the live broker sends -------------------------------------------------------------------------- */

static void add_extra(struct live *live, const char *text) {
    struct replay_result *result = live->player->result;
    struct replay_extra *extras = NULL;
    if (result->extra_count < MAXIMUM_EXTRAS)
        extras = realloc(result->extras, (result->extra_count + 1) * sizeof *extras);
    if (extras != NULL)
        result->extras = extras;
    char *copy = extras != NULL ? strdup(text) : NULL;
    if (copy == NULL)
        result->extras_untold++;
    else
        extras[result->extra_count++] = (struct replay_extra){live->index, copy};
}

static enum mqtt_version version_of(const struct live *live) {
    return live->player->recording->connections[live->index]->version;
}

static void send_acknowledgement(struct live *live, enum mqtt_type type, uint16_t identifier) {
    uint8_t buffer[16];
    struct mqtt_packet packet = {.type = type, .flags = mqtt_required_flags(type)};
    packet.acknowledgement.packet_identifier = identifier;
    size_t length = mqtt_encode(version_of(live), &packet, buffer, sizeof buffer);
    if (length > 0 && !live->link.half_closed)
        (void)link_send(&live->link, (struct mqtt_bytes){buffer, (uint32_t)length});
}

/* No recorded packet acknowledges this one; without an acknowledgement the broker might send no more. */
static void acknowledge_extra(struct live *live, const struct mqtt_packet *packet) {
    uint8_t qos = packet->type == MQTT_PUBLISH ? mqtt_publish_qos(packet->flags) : 0;
    if (qos == 1)
        send_acknowledgement(live, MQTT_PUBACK, packet->publish.packet_identifier);
    if (qos == 2)
        send_acknowledgement(live, MQTT_PUBREC, packet->publish.packet_identifier);
    if (packet->type == MQTT_PUBREL)
        send_acknowledgement(live, MQTT_PUBCOMP, packet->acknowledgement.packet_identifier);
}

static void take_packet(struct live *live, struct mqtt_packet *packet) {
    char text[SHOW_PACKET_CAPACITY];
    if (!choices_learn(&live->player->choices[live->index], version_of(live), packet))
        stop(live->player, REPLAY_FAILED, "no memory", "for what the target sends");
    if (recording_match(live->player->recording, live->index, packet) != NULL)
        return;
    show_packet(version_of(live), packet, text, sizeof text);
    add_extra(live, text);
    acknowledge_extra(live, packet);
}

static void on_bytes(struct link *link, struct mqtt_bytes bytes) {
    struct live *live = (struct live *)link;
    struct taken_packet taken;
    enum mqtt_status status;
    live->received.decoder.version = version_of(live);
    if (live->received.lost)
        return; /* told once */
    if (!packet_stream_append(&live->received, bytes)) {
        stop(live->player, REPLAY_FAILED, "no memory", "for what the target sends");
        return;
    }
    while (link->state == LINK_OPEN && (status = packet_stream_next(&live->received, &taken)) != MQTT_INCOMPLETE) {
        if (status == MQTT_OK) {
            take_packet(live, &taken.packet);
            continue;
        }
        char text[160];
        snprintf(text, sizeof text, "bytes that are no packet: %s", taken.error.what);
        add_extra(live, text);
    }
}

/* What can not come any more on this connection is missed. True when its closing is in the recording too. */
static bool settle_connection(struct live *live) {
    struct recording *recording = live->player->recording;
    bool expected = false;
    for (size_t i = 0; i < recording->step_count; i++) {
        struct step *step = &recording->steps[i];
        if (step->connection != live->index)
            continue;
        expected |= step->kind == STEP_CLOSED;
        if (step->state == STEP_PENDING && step->kind == STEP_CLOSED)
            step->state = STEP_MET;
        if (step->state == STEP_PENDING && step->kind == STEP_RECEIVE && step->decoded)
            step->state = STEP_MISSED;
    }
    return expected;
}

static void on_closed(struct link *link) {
    struct live *live = (struct live *)link;
    if (link->address == NULL) { /* none of the target's addresses could be connected to */
        stop(live->player, REPLAY_UNREACHABLE, "cannot connect", strerror(link->error));
        return;
    }
    if (!settle_connection(live) && !link->half_closed && !live->goodbye)
        add_extra(live, "closed the connection");
}

/* ---- What has to come before a step ---------------------------------------------------------------------- */

static bool is_waited_for(const struct step *step) {
    return step->state == STEP_PENDING && (step->kind == STEP_CLOSED || (step->kind == STEP_RECEIVE && step->decoded));
}

/* Messages to other clients are no answers: they take their time. */
static bool holds_back(const struct step *earlier, const struct step *step) {
    bool is_message = earlier->kind == STEP_RECEIVE && earlier->packet.type == MQTT_PUBLISH;
    if (earlier->connection == step->connection && earlier->after_goodbye)
        return false; /* once the client has said goodbye, either side may close first */
    return earlier->connection == step->connection || !is_message;
}

/* Something that came before step `index` in the capture has not come yet, and the step stands on it. Where
 * `give_up`, such things count as missed from now on. */
static bool must_wait(struct player *player, size_t index, bool give_up) {
    struct step *steps = player->recording->steps;
    bool waits = false;
    while (player->oldest < index && !is_waited_for(&steps[player->oldest]))
        player->oldest++;
    for (size_t i = player->oldest; i < index; i++) {
        if (!is_waited_for(&steps[i]) || !holds_back(&steps[i], &steps[index]))
            continue;
        if (!give_up)
            return true;
        steps[i].state = STEP_MISSED;
        waits = true;
    }
    return waits;
}

/* ---- Doing a step ---------------------------------------------------------------------------------------- */

enum progress { DONE, NOT_YET };

static enum progress open_connection(struct player *player, struct step *step) {
    struct live *live = &player->lives[step->connection];
    if (live->link.state != LINK_NOT_YET)
        return live->link.state == LINK_CONNECTING ? NOT_YET : DONE;
    player->blocked = false; /* connecting has a timeout of its own */
    if (!link_connect(&live->link, player->addresses))
        stop(player, REPLAY_UNREACHABLE, "cannot connect", strerror(live->link.error));
    return live->link.state == LINK_CONNECTING ? NOT_YET : DONE;
}

static void send_step(struct player *player, struct step *step) {
    struct live *live = &player->lives[step->connection];
    uint8_t *rewritten = NULL;
    size_t length = step->length;
    bool possible = live->link.state == LINK_OPEN && !live->link.half_closed;
    if (possible && step->decoded)
        rewritten = choices_rewrite(player->choices, player->recording, player->at, &length, &possible);
    if (!possible) {
        step->state = STEP_SKIPPED;
        player->result->skipped++;
        return;
    }
    const uint8_t *bytes = rewritten != NULL ? rewritten : step->bytes;
    if (!link_send(&live->link, (struct mqtt_bytes){bytes, (uint32_t)length}))
        stop(player, REPLAY_FAILED, "no memory", "for what is to be sent");
    free(rewritten);
    if (step->decoded)
        choices_sent(&player->choices[step->connection], &step->packet);
    live->goodbye |= step->decoded && step->packet.type == MQTT_DISCONNECT;
    step->state = STEP_MET;
    player->result->sent++;
}

/* The live broker takes fewer messages at a time than the recorded one did. */
static bool has_to_spare(const struct player *player, const struct step *step) {
    return step->kind == STEP_SEND && step->decoded && player->lives[step->connection].link.state == LINK_OPEN &&
           !choices_allow(&player->choices[step->connection], &step->packet);
}

static void close_step(struct player *player, struct step *step) {
    struct live *live = &player->lives[step->connection];
    step->state = STEP_MET;
    if (!step->reset) {
        link_half_close(&live->link);
        return;
    }
    link_close(&live->link, true);
    (void)settle_connection(live);
}

static enum progress do_step(struct player *player, struct step *step) {
    switch (step->kind) {
    case STEP_OPEN:
        return open_connection(player, step);
    case STEP_SEND:
        send_step(player, step);
        return DONE;
    case STEP_CLOSE:
        if (player->lives[step->connection].link.waiting_length > 0)
            return NOT_YET;
        close_step(player, step);
        return DONE;
    default:
        return DONE;
    }
}

/* ---- Time ------------------------------------------------------------------------------------------------ */

static microseconds due_time(const struct player *player, const struct step *step) {
    if (player->options->speed <= 0)
        return player->start;
    double since = (double)(step->time - player->recording->steps[0].time) / player->options->speed;
    /* Beyond a century no replay goes; it only must not wrap. */
    double century = 100.0 * 365 * 86400 * (double)MICROSECONDS_PER_SECOND;
    return player->start + (microseconds)(since < century ? since : century);
}

static void wait_until(struct player *player, microseconds deadline) {
    if (event_loop_wait(player->loop, deadline) < 0)
        stop(player, REPLAY_FAILED, "cannot wait for the network", strerror(errno));
}

/* Waits for what the step at hand needs; once the timeout has passed, goes on without. */
static void wait_for_step(struct player *player) {
    microseconds now = event_loop_now(player->loop);
    if (!player->blocked)
        player->blocked_since = now;
    player->blocked = true;
    if (now < player->blocked_since + player->options->timeout) {
        wait_until(player, player->blocked_since + player->options->timeout);
        return;
    }
    player->blocked = false;
    player->waits_in_vain++;
    player->result->gave_up = player->waits_in_vain >= MAXIMUM_WAITS_IN_VAIN;
    if (must_wait(player, player->at, true))
        return;
    struct live *live = &player->lives[player->recording->steps[player->at].connection];
    if (live->link.state == LINK_CONNECTING) {
        stop(player, REPLAY_UNREACHABLE, "cannot connect", "no answer within the timeout");
        return;
    }
    /* It does not take what we send. */
    link_close(&live->link, true);
    (void)settle_connection(live);
}

static void advance(struct player *player, microseconds due) {
    microseconds now = event_loop_now(player->loop);
    /* What had to wait moves all that follows, so that the pauses between packets stay. */
    if (player->blocked && now > due)
        player->start += now - due;
    player->blocked = false;
    player->at++;
}

static bool goes_on(const struct player *player) {
    return player->outcome == REPLAY_PLAYED && !player->result->gave_up;
}

/* Answers are waited for by the steps that stand on them. */
static void pass_answer(struct player *player, const struct step *step) {
    /* Some brokers close at once after DISCONNECT, others wait for the client to do it. */
    if (step->kind == STEP_CLOSED && step->after_goodbye)
        link_half_close(&player->lives[step->connection].link);
    player->at++;
}

static void play_steps(struct player *player) {
    struct recording *recording = player->recording;
    while (player->at < recording->step_count && goes_on(player)) {
        struct step *step = &recording->steps[player->at];
        microseconds due = due_time(player, step);
        if (step->kind == STEP_RECEIVE || step->kind == STEP_CLOSED)
            pass_answer(player, step);
        else if (event_loop_now(player->loop) < due)
            wait_until(player, due);
        else if (must_wait(player, player->at, false) || has_to_spare(player, step) || do_step(player, step) == NOT_YET)
            wait_for_step(player);
        else
            advance(player, due);
    }
}

/* That a broker closes after the client's goodbye keeps nobody waiting any more. */
static bool is_missed_at_end(const struct step *step) {
    return is_waited_for(step) && !step->after_goodbye;
}

/* The last answers, for at most one timeout. */
static void play_end(struct player *player) {
    struct recording *recording = player->recording;
    microseconds deadline = event_loop_now(player->loop) + player->options->timeout;
    player->oldest = 0;
    while (goes_on(player) && event_loop_now(player->loop) < deadline) {
        while (player->oldest < player->at && !is_missed_at_end(&recording->steps[player->oldest]))
            player->oldest++;
        if (player->oldest == player->at)
            break;
        wait_until(player, deadline);
    }
    for (size_t i = 0; i < recording->step_count; i++) {
        struct step *step = &recording->steps[i];
        if (is_waited_for(step))
            step->state = i < player->at ? STEP_MISSED : STEP_SKIPPED;
    }
}

/* ---- The whole ------------------------------------------------------------------------------------------- */

static bool prepare(struct player *player) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    size_t count = player->recording->connection_count;
    int error = getaddrinfo(player->options->host, player->options->port, &hints, &player->addresses);
    if (error != 0) {
        stop(player, REPLAY_UNREACHABLE, "no such address", gai_strerror(error));
        return false;
    }
    player->loop = event_loop_create();
    player->lives = calloc(count > 0 ? count : 1, sizeof *player->lives);
    player->choices = calloc(count > 0 ? count : 1, sizeof *player->choices);
    if (player->loop == NULL || player->lives == NULL || player->choices == NULL) {
        stop(player, REPLAY_FAILED, "cannot begin", strerror(errno));
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct live *live = &player->lives[i];
        live->player = player;
        live->index = i;
        live->link.loop = player->loop;
        live->link.on_bytes = on_bytes;
        live->link.on_closed = on_closed;
        packet_stream_begin(&live->received, MQTT_SERVER, MQTT_3_1_1, &player->rules);
    }
    return true;
}

static void clean_up(struct player *player) {
    for (size_t i = 0; player->lives != NULL && i < player->recording->connection_count; i++) {
        link_close(&player->lives[i].link, false);
        packet_stream_end(&player->lives[i].received);
    }
    for (size_t i = 0; player->choices != NULL && i < player->recording->connection_count; i++)
        choices_free(&player->choices[i]);
    free(player->choices);
    free(player->lives);
    if (player->loop != NULL)
        event_loop_destroy(player->loop);
    if (player->addresses != NULL)
        freeaddrinfo(player->addresses);
}

enum replay_outcome replay_play(struct recording *recording, const struct replay_options *options,
                                struct replay_result *result, char *reason, size_t reason_size) {
    memset(result, 0, sizeof *result);
    struct player player = {
        .recording = recording,
        .options = options,
        .result = result,
        .outcome = REPLAY_PLAYED,
        .reason = reason,
        .reason_size = reason_size,
    };
    if (prepare(&player)) {
        microseconds begin = player.start = event_loop_now(player.loop);
        play_steps(&player);
        play_end(&player);
        result->duration = event_loop_now(player.loop) - begin;
    }
    clean_up(&player);
    return player.outcome;
}

void replay_result_free(struct replay_result *result) {
    for (size_t i = 0; i < result->extra_count; i++)
        free(result->extras[i].text);
    free(result->extras);
    memset(result, 0, sizeof *result);
}
