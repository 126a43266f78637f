/* Plays a recording: goes through its steps in order, and does each when it is due and when all that came before
 * it in the capture has come here too. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pcaps/replay.h"
#include "pcaps/replay_choices.h"
#include "pcaps/replay_link.h"
#include "pcaps/replay_order.h"

enum {
    /* A broker that answers nothing must not cost one timeout for each packet of a long capture. */
    MAXIMUM_WAITS_IN_VAIN = 10,
    MAXIMUM_EXTRAS = 1000,
};

/* One connection, which goes through its steps by itself. */
struct live {
    struct link link; /* first: a pointer to it is a pointer to the connection */
    struct player *player;
    struct live *next; /* of those that have begun and are not done */
    size_t index;
    size_t at;         /* of its steps, the one to be done next */
    microseconds late; /* by so much its steps come later, as it had to wait */
    size_t blocker;    /* the step of the recording that it waits for, or NO_STEP */
    bool blocked;      /* since then, by that or by its own socket: */
    microseconds blocked_since;
    bool goodbye; /* DISCONNECT was sent */
    struct packet_stream received;
};

struct player {
    struct recording *recording;
    const struct replay_options *options;
    struct replay_result *result;
    struct event_loop *loop;
    struct live *lives;      /* by index of the recording's connections, as the next one */
    struct choices *choices; /* of the live broker */
    struct live *first;      /* that has begun and is not done */
    size_t open;             /* how many there are */
    size_t begun;            /* connections that have begun: they do so in the recording's order */
    size_t oldest;           /* no step before this one is waited for */
    microseconds start;
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

/* The client of the recording left next, and may not have seen what was on its way: how much of that comes before it
 * leaves is chance. */
static bool is_chance(const struct live *live, const struct mqtt_packet *packet) {
    const struct recording *recording = live->player->recording;
    const struct recorded_connection *connection = recording->connections[live->index];
    if (live->goodbye || live->link.half_closed)
        return true;
    if (live->at >= connection->step_count)
        return false;
    const struct step *next = &recording->steps[connection->steps[live->at]];
    bool leaves =
        next->kind == STEP_CLOSE || (next->kind == STEP_SEND && next->decoded && next->packet.type == MQTT_DISCONNECT);
    return leaves && recording_may_lack(recording, live->index, packet);
}

static void take_packet(struct live *live, struct mqtt_packet *packet) {
    char text[SHOW_PACKET_CAPACITY];
    if (!choices_learn(&live->player->choices[live->index], version_of(live), packet))
        stop(live->player, REPLAY_FAILED, "no memory", "for what the target sends");
    const struct step *step = recording_match(live->player->recording, live->index, packet);
    if (step != NULL && step->member == live->index + 1)
        acknowledge_extra(live, packet); /* the recorded client does not do it */
    if (step != NULL)
        return;
    if (is_chance(live, packet)) {
        acknowledge_extra(live, packet);
        return;
    }
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
        if (recording_match_bytes(live->player->recording, live->index) != NULL)
            continue;
        char text[160];
        snprintf(text, sizeof text, "bytes that are no packet: %s", taken.error.what);
        add_extra(live, text);
    }
}

/* What can not come any more on this connection is missed. True when its closing is in the recording too. */
static bool settle_connection(struct live *live) {
    struct recording *recording = live->player->recording;
    const struct recorded_connection *connection = recording->connections[live->index];
    bool expected = false;
    for (size_t i = 0; i < connection->step_count; i++) {
        struct step *step = &recording->steps[connection->steps[i]];
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
    if (link->reason[0] != '\0') { /* it never opened */
        stop(live->player, REPLAY_UNREACHABLE, "cannot connect", link->reason);
        return;
    }
    if (!settle_connection(live) && !link->half_closed && !live->goodbye)
        add_extra(live, "closed the connection");
}

/* ---- Doing a step ---------------------------------------------------------------------------------------- */

enum progress { DONE, NOT_YET };

static enum progress open_connection(struct player *player, struct step *step) {
    struct live *live = &player->lives[step->connection];
    if (live->link.state != LINK_NOT_YET)
        return live->link.state == LINK_CONNECTING ? NOT_YET : DONE;
    if (!link_connect(&live->link, player->options->addresses))
        stop(player, REPLAY_UNREACHABLE, "cannot connect", live->link.reason);
    return live->link.state == LINK_CONNECTING ? NOT_YET : DONE;
}

/* The message came to another member of its Shared Subscription, which has acknowledged it. */
static bool is_done_elsewhere(const struct player *player, const struct step *step) {
    if (!step->decoded || step->packet.type < MQTT_PUBACK || step->packet.type > MQTT_PUBCOMP)
        return false;
    const struct step *acknowledged =
        recording_acknowledged(player->recording, (size_t)(step - player->recording->steps));
    return acknowledged != NULL && acknowledged->member != 0;
}

/* The recorded broker closed the connection as well: whether the client sent something before is chance. Of a packet
 * that was cut by that it is not known when it began. */
static bool was_closed_too(const struct player *player, const struct live *live, const struct step *step) {
    const struct recorded_connection *connection = player->recording->connections[live->index];
    for (size_t i = step->decoded ? live->at : 0; i < connection->step_count; i++)
        if (player->recording->steps[connection->steps[i]].kind == STEP_CLOSED)
            return live->link.state == LINK_GONE;
    return false;
}

static void send_step(struct player *player, struct step *step) {
    struct live *live = &player->lives[step->connection];
    if (is_done_elsewhere(player, step))
        return;
    uint8_t *rewritten = NULL;
    size_t length = step->length;
    bool possible = live->link.state == LINK_OPEN && !live->link.half_closed;
    if (possible && step->decoded)
        rewritten = choices_rewrite(player->choices, player->recording, (size_t)(step - player->recording->steps),
                                    &length, &possible);
    if (!possible) {
        step->state = was_closed_too(player, live, step) ? STEP_MET : STEP_SKIPPED;
        player->result->skipped += step->state == STEP_SKIPPED;
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
    return step->kind == STEP_SEND && step->decoded && !step->beyond_limits &&
           player->lives[step->connection].link.state == LINK_OPEN &&
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

static struct step *next_step(struct player *player, const struct live *live) {
    const struct recorded_connection *connection = player->recording->connections[live->index];
    return live->at < connection->step_count ? &player->recording->steps[connection->steps[live->at]] : NULL;
}

static microseconds due_time(const struct player *player, const struct live *live, const struct step *step) {
    if (player->options->speed <= 0)
        return player->start;
    double since = (double)(step->time - player->recording->steps[0].time) / player->options->speed;
    /* Beyond a century no replay goes; it only must not wrap. */
    double century = 100.0 * 365 * 86400 * (double)MICROSECONDS_PER_SECOND;
    return player->start + live->late + (microseconds)(since < century ? since : century);
}

static void wait_until(struct player *player, microseconds deadline) {
    if (event_loop_wait(player->loop, deadline) < 0)
        stop(player, REPLAY_FAILED, "cannot wait for the network", strerror(errno));
}

static bool goes_on(const struct player *player) {
    return player->outcome == REPLAY_PLAYED && !player->result->gave_up;
}

/* ---- Waiting --------------------------------------------------------------------------------------------- */

/* The timeout has passed: goes on without what was waited for. */
static void give_up_waiting(struct player *player, struct live *live) {
    live->blocked = false;
    if (live->blocker != NO_STEP) {
        struct step *blocker = &player->recording->steps[live->blocker];
        if (!order_is_awaited(blocker))
            return; /* another client is late, and has a timeout of its own */
        blocker->state = STEP_MISSED;
    }
    player->waits_in_vain++;
    player->result->gave_up = player->waits_in_vain >= MAXIMUM_WAITS_IN_VAIN;
    if (live->blocker != NO_STEP)
        return;
    if (live->link.state == LINK_CONNECTING) {
        stop(player, REPLAY_UNREACHABLE, "cannot connect", "no answer within the timeout");
        return;
    }
    /* It does not take what we send. */
    link_close(&live->link, true);
    (void)settle_connection(live);
}

/* Returns until when to wait, at most; 0 where the wait is over. */
static microseconds wait_for(struct player *player, struct live *live, size_t blocker) {
    microseconds now = event_loop_now(player->loop);
    if (!live->blocked || live->blocker != blocker)
        live->blocked_since = now;
    live->blocked = true;
    live->blocker = blocker;
    microseconds deadline = live->blocked_since + player->options->timeout;
    if (now < deadline)
        return deadline;
    give_up_waiting(player, live);
    return 0;
}

/* ---- Going through the steps ------------------------------------------------------------------------------- */

/* Answers are waited for by the steps that stand on them. */
static void pass_answer(struct live *live, const struct step *step) {
    /* Some brokers close at once after DISCONNECT, others wait for the client to do it. */
    if (step->kind == STEP_CLOSED && step->after_goodbye)
        link_half_close(&live->link);
    live->at++;
}

/* Does the connection's next step if it can; else *deadline becomes the time to look again, if that is earlier. True
 * where something was done. */
static bool go_on(struct player *player, struct live *live, microseconds *deadline) {
    struct step *step = next_step(player, live);
    microseconds now = event_loop_now(player->loop), due = due_time(player, live, step), until = due;
    if (step->kind == STEP_RECEIVE || step->kind == STEP_CLOSED) {
        pass_answer(live, step);
        return true;
    }
    if (now >= due) {
        size_t blocker = order_blocker(player->recording, (size_t)(step - player->recording->steps));
        if (blocker == NO_STEP && !has_to_spare(player, step) && do_step(player, step) == DONE) {
            /* What had to wait moves all that follows, so that the pauses between packets stay. */
            if (live->blocked && player->options->speed > 0)
                live->late += now - due;
            live->blocked = false;
            step->state = step->state == STEP_PENDING ? STEP_MET : step->state;
            live->at++;
            return true;
        }
        until = wait_for(player, live, blocker);
        if (until == 0)
            return true;
    }
    *deadline = until < *deadline ? until : *deadline;
    return false;
}

/* The next connection of the recording begins: never more at a time than there were. */
static void begin_connections(struct player *player, microseconds *deadline) {
    while (player->begun < player->recording->connection_count && player->open < player->recording->most_open) {
        struct live *live = &player->lives[player->begun];
        microseconds due = due_time(player, live, next_step(player, live));
        if (event_loop_now(player->loop) < due) {
            *deadline = due < *deadline ? due : *deadline;
            return;
        }
        struct live **last = &player->first;
        while (*last != NULL)
            last = &(*last)->next;
        *last = live;
        player->open++;
        player->begun++;
    }
}

/* Goes through all that have begun. True where one of them did something. */
static bool go_through(struct player *player, microseconds *deadline) {
    bool progress = false;
    struct live **place = &player->first;
    while (*place != NULL && goes_on(player)) {
        struct live *live = *place;
        while (next_step(player, live) != NULL && goes_on(player) && go_on(player, live, deadline))
            progress = true;
        if (next_step(player, live) == NULL) {
            *place = live->next;
            player->open--;
            progress = true;
        } else {
            place = &live->next;
        }
    }
    return progress;
}

static void play_steps(struct player *player) {
    while (goes_on(player)) {
        microseconds deadline = NO_DEADLINE;
        begin_connections(player, &deadline);
        bool progress = go_through(player, &deadline);
        if (player->first == NULL && player->begun == player->recording->connection_count)
            return;
        if (goes_on(player))
            wait_until(player, progress ? event_loop_now(player->loop) : deadline);
    }
}

/* That a broker closes after the client's goodbye keeps nobody waiting any more. */
static bool is_missed_at_end(const struct step *step) {
    return order_is_awaited(step) && !step->after_goodbye;
}

/* Whether the connection got as far as this step. */
static bool was_reached(const struct player *player, const struct step *step) {
    const struct live *live = &player->lives[step->connection];
    const struct recorded_connection *connection = player->recording->connections[step->connection];
    return live->at == connection->step_count || step < &player->recording->steps[connection->steps[live->at]];
}

/* The last answers, for at most one timeout. */
static void play_end(struct player *player) {
    struct recording *recording = player->recording;
    microseconds deadline = event_loop_now(player->loop) + player->options->timeout;
    player->oldest = 0;
    while (goes_on(player) && event_loop_now(player->loop) < deadline) {
        while (player->oldest < recording->step_count && !is_missed_at_end(&recording->steps[player->oldest]))
            player->oldest++;
        if (player->oldest == recording->step_count)
            break;
        wait_until(player, deadline);
    }
    for (size_t i = 0; i < recording->step_count; i++) {
        struct step *step = &recording->steps[i];
        if (order_is_awaited(step))
            step->state = was_reached(player, step) ? STEP_MISSED : STEP_SKIPPED;
    }
}

/* ---- The whole ------------------------------------------------------------------------------------------- */

static bool prepare(struct player *player) {
    size_t count = player->recording->connection_count;
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
        live->blocker = NO_STEP;
        live->link.loop = player->loop;
        live->link.settings = player->options->transport;
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
