/* Plays over sockets, in real time, many scenarios at once on one event loop. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conformance/arena.h"
#include "conformance/runner.h"
#include "reference/server.h"

#define INPUT_SIZE 65536u

/* A tester held up for so long measures nothing. The scenario is then played again, so many times at most. */
#define TOLERABLE_LATENESS (MICROSECONDS_PER_SECOND / 20)
#define MAXIMUM_ATTEMPTS   4u

/* So many scenarios in a row that could not connect: the target is gone. */
#define LOST_AFTER 4u

struct active;

/* How far an end is on its way to the broker. */
enum end_state { END_ABSENT, END_CONNECTING, END_SHAKING_HANDS, END_OPEN };

/* The tester's end of one connection. */
struct end {
    struct event_source source; /* first, so that on_ready finds the end */
    struct active *active;
    enum end_state state;
    int descriptor; /* -1 while there is none */
    struct transport transport;
    int failure; /* errno of a connection that failed at once, to be reported from the loop; 0 for none */
    bool deaf;   /* the target takes no more bytes; what it sent is still read */
    uint8_t *waiting;
    size_t waiting_length;
    size_t waiting_capacity;
    struct capture_connection *captured;
    unsigned opened; /* which of the scenario's connections it is */
};

/* A scenario that is being played. */
struct active {
    struct runner *runner;
    struct play *play; /* NULL while the place is free */
    struct player *player;
    size_t index;
    unsigned attempt;
    unsigned opened; /* connections so far */
    struct end ends[SCENARIO_CLIENTS];
};

struct runner {
    const struct socket_settings *settings;
    struct run *run;
    size_t *order; /* indices of plays, the slow ones first */
    size_t count;  /* of them */
    size_t next;   /* in order */
    size_t over;
    size_t at_once;
    struct active *places;
    bool failures_due; /* some end has a failure to report */
    unsigned unreachable_in_a_row;
    microseconds limit; /* the run is broken off then */
    uint8_t input[INPUT_SIZE];
};

/* ---- One end ----------------------------------------------------------------------------------------------- */

static microseconds now_of(const struct end *end) {
    return event_loop_now(end->active->runner->settings->loop);
}

static enum scenario_client client_of(const struct end *end) {
    return (enum scenario_client)(end - end->active->ends);
}

static const struct way *way_of(const struct end *end) {
    return &end->active->runner->settings->ways[end->active->play->transport];
}

static void shut_end(struct end *end, enum mqtt_side closing) {
    if (end->descriptor >= 0) {
        event_loop_forget(end->active->runner->settings->loop, &end->source);
        transport_release(&end->transport);
        close(end->descriptor);
    }
    if (end->captured != NULL)
        capture_writer_close(end->captured, closing, now_of(end));
    free(end->waiting);
    *end = (struct end){.active = end->active, .descriptor = -1};
}

static void on_ready(struct event_source *source, unsigned readiness);

static bool watch(struct end *end) {
    unsigned wanted =
        end->state == END_CONNECTING ? EVENT_WRITABLE : transport_wants(&end->transport, true, end->waiting_length > 0);
    return event_loop_watch(end->active->runner->settings->loop, &end->source, end->descriptor, wanted, on_ready);
}

/* Reported from the loop, because the player may not be called now. */
static void fail_end(struct end *end, int error) {
    end->failure = error;
    end->active->runner->failures_due = true;
}

/* The connection could not be opened. */
static void fail_to_open(struct end *end, const char *why) {
    enum scenario_client client = client_of(end);
    struct active *active = end->active;
    microseconds now = now_of(end);
    shut_end(end, MQTT_CLIENT);
    player_failed(active->player, client, why, now);
}

/* Writes what waits. */
static void flush_end(struct end *end) {
    struct mqtt_bytes bytes = {end->waiting, (uint32_t)end->waiting_length};
    size_t taken;
    if (end->deaf)
        return;
    end->deaf = transport_send(&end->transport, &bytes, 1, &taken) == TRANSPORT_BROKEN;
    end->waiting_length = end->deaf ? 0 : end->waiting_length - taken;
    if (taken > 0)
        memmove(end->waiting, end->waiting + taken, end->waiting_length);
}

static void note_opening(struct end *end) {
    const struct socket_settings *settings = end->active->runner->settings;
    const struct websocket_use *use = end->active->play->scenario->websocket;
    enum scenario_client client = client_of(end);
    end->state = END_OPEN;
    if (use != NULL)
        transport_set_framing(&end->transport, use->framing);
    if (settings->capture != NULL)
        end->captured = capture_writer_connect(settings->capture, way_of(end)->address.port, now_of(end));
    player_chose_subprotocol(end->active->player, client, transport_subprotocol(&end->transport));
    player_opened(end->active->player, client, now_of(end));
}

/* The socket is connected: what goes over it follows. */
static bool start_transport(struct end *end) {
    struct transport_settings settings = way_of(end)->transport;
    const struct websocket_use *use = end->active->play->scenario->websocket;
    int error = 0;
    socklen_t length = sizeof error;
    if (use != NULL && use->subprotocols != NULL)
        settings.subprotocols = use->subprotocols;
    if (getsockopt(end->descriptor, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    if (error == 0 && !transport_start(&end->transport, end->descriptor, &settings))
        error = ENOMEM;
    if (error != 0)
        fail_to_open(end, strerror(error));
    else
        end->state = END_SHAKING_HANDS;
    return error == 0;
}

/* The connection is over, or never was one. A reset, too, is a close: the standard does not say how a Server closes. */
static void note_end(struct end *end) {
    char why[200];
    enum scenario_client client = client_of(end);
    struct active *active = end->active;
    microseconds now = now_of(end);
    bool was_open = end->state == END_OPEN;
    if (*transport_reason(&end->transport, why, sizeof why) == '\0')
        snprintf(why, sizeof why, "the target closed the connection");
    shut_end(end, MQTT_SERVER);
    if (was_open)
        player_closed(active->player, client, now);
    else
        player_failed(active->player, client, why, now);
}

static void read_end(struct end *end) {
    struct runner *runner = end->active->runner;
    struct player *player = end->active->player;
    enum scenario_client client = client_of(end);
    unsigned before = end->opened;
    char why[2]; /* any reason at all */
    size_t count;
    enum transport_result result = transport_receive(&end->transport, runner->input, INPUT_SIZE, &count);
    bool ended = result == TRANSPORT_ENDED || result == TRANSPORT_BROKEN;
    /* A target may close at once what it has accepted; but a handshake that failed was no opening. */
    if (end->state == END_SHAKING_HANDS && transport_is_open(&end->transport) &&
        (!ended || *transport_reason(&end->transport, why, sizeof why) == '\0'))
        note_opening(end);
    if (count > 0 && end->opened == before && end->state == END_OPEN) {
        struct mqtt_bytes bytes = {runner->input, (uint32_t)count};
        if (end->captured != NULL)
            capture_writer_bytes(end->captured, MQTT_SERVER, bytes, now_of(end));
        player_received(player, client, bytes, now_of(end));
    }
    /* The player may have closed it meanwhile, and even opened another. */
    if (end->opened != before || end->state == END_ABSENT || end->state == END_CONNECTING)
        return;
    if (ended)
        note_end(end);
    else
        watch(end);
}

static void on_ready(struct event_source *source, unsigned readiness) {
    struct end *end = (struct end *)source;
    (void)readiness;
    if (end->state == END_CONNECTING && !start_transport(end))
        return;
    if (end->waiting_length > 0 || transport_has_output(&end->transport))
        flush_end(end);
    read_end(end);
}

/* ---- What the player asks for ------------------------------------------------------------------------------ */

static void open_end(void *context, enum scenario_client client) {
    struct active *active = context;
    struct end *end = &active->ends[client];
    end->descriptor = address_connect(&way_of(end)->address);
    if (end->descriptor < 0) {
        fail_end(end, errno);
        return;
    }
    end->state = END_CONNECTING;
    end->opened = ++active->opened;
    if (!watch(end)) {
        int error = errno;
        close(end->descriptor);
        *end = (struct end){.active = active, .descriptor = -1};
        fail_end(end, error);
    }
}

/* False where there is no memory. */
static bool keep_waiting(struct end *end, struct mqtt_bytes bytes) {
    if (bytes.length > end->waiting_capacity - end->waiting_length) {
        size_t capacity = end->waiting_length + bytes.length;
        uint8_t *waiting = realloc(end->waiting, capacity);
        if (waiting == NULL)
            return false;
        end->waiting = waiting;
        end->waiting_capacity = capacity;
    }
    memcpy(end->waiting + end->waiting_length, bytes.data, bytes.length);
    end->waiting_length += bytes.length;
    return true;
}

static void send_on_end(void *context, enum scenario_client client, struct mqtt_bytes bytes) {
    struct active *active = context;
    struct end *end = &active->ends[client];
    size_t taken = 0;
    if (end->state != END_OPEN || end->deaf)
        return;
    if (end->captured != NULL)
        capture_writer_bytes(end->captured, MQTT_CLIENT, bytes, now_of(end));
    if (end->waiting_length == 0)
        end->deaf = transport_send(&end->transport, &bytes, 1, &taken) == TRANSPORT_BROKEN;
    bytes = (struct mqtt_bytes){bytes.data + taken, bytes.length - (uint32_t)taken};
    if (!end->deaf && bytes.length > 0)
        end->deaf = !keep_waiting(end, bytes);
    watch(end);
}

static void close_end(void *context, enum scenario_client client) {
    struct active *active = context;
    shut_end(&active->ends[client], MQTT_CLIENT);
}

/* ---- Plays ------------------------------------------------------------------------------------------------- */

/* False where there is no memory. */
static bool start_play(struct active *active) {
    struct runner *runner = active->runner;
    struct play *play = active->play;
    play_name(play, runner->settings->seed, active->index, active->attempt);
    struct player_link link = {.context = active, .open = open_end, .send = send_on_end, .close = close_end};
    struct player_options options = {
        .version = play->version,
        .name_space = play->name_space,
        .transport = transport_kind_name(play->transport),
        .timeout = runner->settings->timeout,
        .user = runner->settings->user,
        .password = runner->settings->password,
    };
    for (int i = 0; i < SCENARIO_CLIENTS; i++)
        active->ends[i] = (struct end){.active = active, .descriptor = -1};
    active->player = player_create(play->scenario, &options, &link);
    if (active->player == NULL) {
        play_decide(play, options.transport, VERDICT_FAIL, "the tester ran out of memory");
        active->play = NULL;
        runner->over++;
        return false;
    }
    player_start(active->player, event_loop_now(runner->settings->loop));
    return true;
}

static void end_play(struct active *active) {
    struct runner *runner = active->runner;
    struct play *play = active->play;
    const struct result *result = player_result(active->player);
    for (int i = 0; i < SCENARIO_CLIENTS; i++)
        shut_end(&active->ends[i], MQTT_CLIENT);
    bool unreachable = player_could_not_connect(active->player);
    runner->unreachable_in_a_row = unreachable ? runner->unreachable_in_a_row + 1 : 0;
    if (result->verdict == VERDICT_FAIL && !unreachable && active->attempt + 1 < MAXIMUM_ATTEMPTS &&
        player_lateness(active->player) > TOLERABLE_LATENESS) {
        player_destroy(active->player);
        active->attempt++;
        runner->run->played_again++;
        start_play(active);
        return;
    }
    play->player = active->player;
    play->result = *result;
    play->decided = true;
    active->play = NULL;
    runner->over++;
}

static void fill_places(struct runner *runner) {
    for (size_t i = 0; i < runner->at_once && runner->next < runner->count; i++) {
        struct active *active = &runner->places[i];
        if (active->play != NULL)
            continue;
        active->runner = runner;
        active->index = runner->order[runner->next++];
        active->play = &runner->run->plays[active->index];
        active->attempt = 0;
        start_play(active);
    }
}

static void decide_unplayed(struct play *play, const char *reason) {
    play_decide(play, transport_kind_name(play->transport), VERDICT_FAIL, reason);
}

/* The rest is not played. */
static void give_up_rest(struct runner *runner, const char *reason) {
    for (; runner->next < runner->count; runner->next++, runner->over++)
        decide_unplayed(&runner->run->plays[runner->order[runner->next]], reason);
}

static void watch_target(struct runner *runner) {
    const struct socket_settings *settings = runner->settings;
    bool ended = settings->target_ended != NULL && *settings->target_ended;
    if (runner->run->target_lost || (!ended && runner->unreachable_in_a_row < LOST_AFTER))
        return;
    runner->run->target_lost = true;
    give_up_rest(runner, ended ? "not played: the target's process had ended"
                               : "not played: the target no longer accepted connections");
}

/* ---- The loop ---------------------------------------------------------------------------------------------- */

static void report_failures(struct runner *runner) {
    if (!runner->failures_due)
        return;
    runner->failures_due = false;
    for (size_t i = 0; i < runner->at_once; i++)
        for (int k = 0; k < SCENARIO_CLIENTS && runner->places[i].play != NULL; k++) {
            struct end *end = &runner->places[i].ends[k];
            int error = end->failure;
            end->failure = 0;
            if (error != 0)
                player_failed(runner->places[i].player, (enum scenario_client)k, strerror(error), now_of(end));
        }
}

/* Ticks what is due, ends what is over. Returns when the loop should wake at the latest. */
static microseconds turn(struct runner *runner) {
    microseconds now = event_loop_now(runner->settings->loop);
    microseconds earliest = runner->limit;
    report_failures(runner);
    for (size_t i = 0; i < runner->at_once; i++) {
        struct active *active = &runner->places[i];
        if (active->play == NULL)
            continue;
        if (player_deadline(active->player) <= now)
            player_tick(active->player, now);
        if (now >= runner->limit && !player_finished(active->player))
            player_abandon(active->player, "the run's upper bound in time was reached", now);
        if (player_finished(active->player))
            end_play(active);
        if (active->play != NULL && player_deadline(active->player) < earliest)
            earliest = player_deadline(active->player);
    }
    if (now >= runner->limit)
        give_up_rest(runner, "not played: the run's upper bound in time was reached");
    return runner->failures_due ? now : earliest;
}

static void show_progress(const struct runner *runner, bool last) {
    if (runner->settings->progress)
        fprintf(stderr, last ? "\r\033[K" : "\r%zu of %zu played", runner->over, runner->count);
}

static void play_all(struct runner *runner) {
    const struct socket_settings *settings = runner->settings;
    while (runner->over < runner->count) {
        watch_target(runner);
        fill_places(runner);
        microseconds wake = turn(runner);
        show_progress(runner, false);
        if (runner->over == runner->count)
            break;
        bool places_free = runner->next < runner->count && runner->over + runner->at_once > runner->next;
        if (settings->server != NULL) {
            microseconds server = server_turn(settings->server);
            wake = server < wake ? server : wake;
        }
        if (event_loop_wait(settings->loop, places_free ? 0 : wake) < 0) {
            runner->limit = 0;
            give_up_rest(runner, strerror(errno));
        }
    }
    show_progress(runner, true);
}

/* ---- The run ----------------------------------------------------------------------------------------------- */

/* Slow scenarios first, so that the fast ones are played beside them; else as the tables have it. Returns how many
 * are to be played. */
static size_t order_plays(const struct run *run, size_t *order) {
    size_t placed = 0;
    bool more = true;
    for (uint64_t bound = UINT64_MAX; more;) {
        uint64_t longest = 0;
        more = false;
        for (size_t i = 0; i < run->count; i++) {
            uint64_t waits = scenario_waits(run->plays[i].scenario);
            if (waits < bound && !run->plays[i].decided) {
                longest = waits > longest ? waits : longest;
                more = true;
            }
        }
        for (size_t i = 0; more && i < run->count; i++)
            if (!run->plays[i].decided && scenario_waits(run->plays[i].scenario) == longest)
                order[placed++] = i;
        bound = longest;
    }
    return placed;
}

/* Where each step of each scenario takes all the time it may, with what the slowest waits on top. */
static microseconds longest_run(const struct run *run, const struct socket_settings *settings) {
    microseconds longest = 10 * MICROSECONDS_PER_SECOND;
    for (size_t i = 0; i < run->count; i++) {
        microseconds waits = (microseconds)scenario_waits(run->plays[i].scenario) * 1000;
        longest += (waits + 4 * settings->timeout) / settings->at_once + waits / 8;
    }
    return longest + 8 * settings->timeout + PATIENCE_BEFORE_CONNACK;
}

void run_sockets(struct run *run, const struct socket_settings *settings) {
    struct runner *runner = calloc(1, sizeof *runner);
    size_t *order = calloc(run->count + 1, sizeof *order);
    struct active *places = calloc(settings->at_once + 1, sizeof *places);
    microseconds began = event_loop_now(settings->loop);
    if (runner == NULL || order == NULL || places == NULL) {
        for (size_t i = 0; i < run->count; i++)
            decide_unplayed(&run->plays[i], "the tester ran out of memory");
    } else {
        *runner = (struct runner){.settings = settings, .run = run, .order = order, .places = places};
        runner->count = order_plays(run, order);
        runner->at_once = settings->at_once;
        runner->limit = began + longest_run(run, settings);
        play_all(runner);
    }
    run->duration = event_loop_now(settings->loop) - began;
    free(places);
    free(order);
    free(runner);
}
