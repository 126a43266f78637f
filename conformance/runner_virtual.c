/* Plays against the core inside this process, in virtual time: the clock leaps to the next deadline of either. */
#include <string.h>

#include "conformance/runner.h"

/* A scenario has some dozens of steps, each of some turns. */
#define MAXIMUM_TURNS 100000u
#define OUTPUT_SIZE   65536u
#define MAXIMUM_VIEWS 16u

/* The wire between one client of the scenario and the broker. Where the scenario is about WebSocket, both ends of one
 * stand between them. */
struct wire {
    struct connection *connection; /* NULL while there is none */
    struct websocket *ends[2];     /* index: enum mqtt_side; or NULL */
    struct capture_connection *captured;
    bool opening; /* player_opened() is due */
    bool refused; /* the broker had no memory for it: player_failed() is due */
};

struct world {
    struct broker *broker;
    struct player *player;
    struct capture_writer *capture;
    microseconds now;
    const struct websocket_use *websocket; /* or NULL */
    struct spec_rules client_rules;        /* nothing is switched off */
    uint64_t random;
    struct wire wires[SCENARIO_CLIENTS];
    uint8_t output[OUTPUT_SIZE];
};

/* ---- WebSocket --------------------------------------------------------------------------------------------- */

/* Masks need no secrecy here, and a run repeats. */
static uint64_t next_number(void *context) {
    uint64_t *number = context;
    return *number = *number * 6364136223846793005u + 1442695040888963407u;
}

static bool create_ends(struct world *world, struct wire *wire) {
    struct websocket_settings settings = {.side = MQTT_CLIENT,
                                          .host = "localhost",
                                          .path = "/mqtt",
                                          .subprotocols = world->websocket->subprotocols,
                                          .rules = &world->client_rules,
                                          .random = next_number,
                                          .random_context = &world->random};
    wire->ends[MQTT_CLIENT] = websocket_create(&settings);
    settings.side = MQTT_SERVER;
    settings.rules = broker_rules(world->broker);
    wire->ends[MQTT_SERVER] = websocket_create(&settings);
    return wire->ends[MQTT_CLIENT] != NULL && wire->ends[MQTT_SERVER] != NULL;
}

/* Moves what one end has to send to the other, as much as the buffer takes. Returns the MQTT bytes in it, which stand
 * in the buffer; *moved tells of any. */
static struct mqtt_bytes carry(struct world *world, struct wire *wire, enum mqtt_side from, bool *moved) {
    struct websocket *other = wire->ends[from == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT];
    struct mqtt_bytes frames = websocket_output(wire->ends[from]);
    if (frames.length > OUTPUT_SIZE)
        frames.length = OUTPUT_SIZE;
    *moved = frames.length > 0;
    if (!*moved)
        return frames;
    size_t count = websocket_receive(other, frames, world->output);
    websocket_sent(wire->ends[from], frames.length);
    return (struct mqtt_bytes){world->output, (uint32_t)count};
}

/* What the client's end has sent goes to the broker. */
static bool carry_to_broker(struct world *world, struct wire *wire) {
    bool any = false;
    bool moved = true;
    while (moved) {
        struct mqtt_bytes bytes = carry(world, wire, MQTT_CLIENT, &moved);
        if (bytes.length > 0)
            broker_receive(wire->connection, bytes, world->now);
        any = any || moved;
    }
    return any;
}

/* ---- What the player asks for ------------------------------------------------------------------------------ */

static void open_wire(void *context, enum scenario_client client) {
    struct world *world = context;
    struct wire *wire = &world->wires[client];
    wire->connection = broker_accept(world->broker, world->now, wire);
    wire->refused = wire->connection == NULL || (world->websocket != NULL && !create_ends(world, wire));
    wire->opening = !wire->refused;
    if (wire->connection != NULL && world->capture != NULL)
        wire->captured = capture_writer_connect(world->capture, 1883, world->now);
}

static void send_on_wire(void *context, enum scenario_client client, struct mqtt_bytes bytes) {
    struct world *world = context;
    struct wire *wire = &world->wires[client];
    if (wire->captured != NULL)
        capture_writer_bytes(wire->captured, MQTT_CLIENT, bytes, world->now);
    if (wire->connection == NULL)
        return;
    if (world->websocket == NULL)
        broker_receive(wire->connection, bytes, world->now);
    else if (websocket_send(wire->ends[MQTT_CLIENT], &bytes, 1, world->websocket->framing))
        carry_to_broker(world, wire);
}

/* Afterwards the wire is free for another connection. */
static void cut_wire(struct world *world, struct wire *wire, enum mqtt_side side) {
    if (wire->connection != NULL)
        broker_closed(wire->connection, world->now);
    if (wire->captured != NULL)
        capture_writer_close(wire->captured, side, world->now);
    websocket_destroy(wire->ends[MQTT_CLIENT]);
    websocket_destroy(wire->ends[MQTT_SERVER]);
    *wire = (struct wire){0};
}

static void close_wire(void *context, enum scenario_client client) {
    struct world *world = context;
    cut_wire(world, &world->wires[client], MQTT_CLIENT);
}

/* ---- Turns ------------------------------------------------------------------------------------------------- */

/* Both ends shake hands. False where the client's end does not accept the answer. */
static bool shake_hands(struct world *world, struct wire *wire, enum scenario_client client) {
    bool moved;
    if (world->websocket == NULL)
        return true;
    carry(world, wire, MQTT_CLIENT, &moved);
    carry(world, wire, MQTT_SERVER, &moved);
    player_chose_subprotocol(world->player, client, websocket_subprotocol(wire->ends[MQTT_CLIENT]));
    return websocket_state(wire->ends[MQTT_CLIENT]) == WEBSOCKET_OPEN;
}

/* True when something happened. */
static bool open_wires(struct world *world) {
    bool happened = false;
    for (int i = 0; i < SCENARIO_CLIENTS; i++) {
        struct wire *wire = &world->wires[i];
        bool opening = wire->opening;
        bool refused = wire->refused;
        wire->opening = false;
        wire->refused = false;
        if (opening && !shake_hands(world, wire, (enum scenario_client)i))
            refused = true;
        else if (opening)
            player_opened(world->player, (enum scenario_client)i, world->now);
        if (refused) {
            cut_wire(world, wire, MQTT_SERVER);
            player_failed(world->player, (enum scenario_client)i, "the broker refuses it", world->now);
        }
        happened = happened || opening || refused;
    }
    return happened;
}

/* Moves what the broker has to send on one connection, as much as the buffer takes. Returns the number of bytes. */
static size_t take_output(struct world *world, struct connection *connection) {
    struct mqtt_bytes views[MAXIMUM_VIEWS];
    size_t count = broker_output(connection, views, MAXIMUM_VIEWS);
    size_t length = 0;
    for (size_t i = 0; i < count && length < OUTPUT_SIZE; i++) {
        size_t room = OUTPUT_SIZE - length;
        size_t part = views[i].length < room ? views[i].length : room;
        memcpy(world->output + length, views[i].data, part);
        length += part;
    }
    if (length > 0)
        broker_sent(connection, length);
    return length;
}

static void deliver(struct world *world, struct wire *wire, struct mqtt_bytes bytes) {
    if (bytes.length == 0)
        return;
    if (wire->captured != NULL)
        capture_writer_bytes(wire->captured, MQTT_SERVER, bytes, world->now);
    player_received(world->player, (enum scenario_client)(wire - world->wires), bytes, world->now);
}

/* What both ends of a WebSocket have to send beside MQTT: pongs and closes. True when something happened. */
static bool settle_websocket(struct world *world, struct wire *wire) {
    struct connection *connection = wire->connection;
    bool any = false;
    bool moved = connection != NULL && wire->ends[MQTT_SERVER] != NULL && !wire->opening;
    while (moved && wire->connection == connection) {
        deliver(world, wire, carry(world, wire, MQTT_SERVER, &moved));
        moved = wire->connection == connection && (carry_to_broker(world, wire) || moved);
        any = any || moved;
    }
    if (wire->connection != connection || connection == NULL || wire->ends[MQTT_SERVER] == NULL ||
        websocket_state(wire->ends[MQTT_SERVER]) != WEBSOCKET_ENDING)
        return any;
    cut_wire(world, wire, MQTT_SERVER);
    player_closed(world->player, (enum scenario_client)(wire - world->wires), world->now);
    return true;
}

/* Delivers all that a connection has to send, and its close. The player may close it meanwhile. */
static void drain(struct world *world, struct connection *connection) {
    struct wire *wire = broker_owner(connection);
    size_t length;
    while (wire->connection == connection && (length = take_output(world, connection)) > 0) {
        struct mqtt_bytes bytes = {world->output, (uint32_t)length};
        if (wire->ends[MQTT_SERVER] == NULL)
            deliver(world, wire, bytes);
        else if (websocket_send(wire->ends[MQTT_SERVER], &bytes, 1, FRAMED_TOGETHER))
            settle_websocket(world, wire);
    }
    if (wire->connection == connection && broker_is_closing(connection)) {
        cut_wire(world, wire, MQTT_SERVER);
        player_closed(world->player, (enum scenario_client)(wire - world->wires), world->now);
    }
}

static bool drain_all(struct world *world) {
    bool happened = false;
    struct connection *connection;
    while ((connection = broker_next_ready(world->broker)) != NULL) {
        drain(world, connection);
        happened = true;
    }
    for (int i = 0; world->websocket != NULL && i < SCENARIO_CLIENTS; i++)
        happened = settle_websocket(world, &world->wires[i]) || happened;
    return happened;
}

/* Nothing happens any more at this time. False where nothing ever will. */
static bool leap(struct world *world) {
    microseconds broker = broker_deadline(world->broker);
    microseconds player = player_deadline(world->player);
    microseconds next = broker < player ? broker : player;
    if (next == NO_DEADLINE)
        return false;
    if (next > world->now)
        world->now = next;
    /* At one and the same time the broker comes first: what it does then is still in time. */
    if (broker <= world->now)
        broker_tick(world->broker, world->now);
    drain_all(world);
    if (player_deadline(world->player) <= world->now)
        player_tick(world->player, world->now);
    return true;
}

static void play_out(struct world *world) {
    player_start(world->player, world->now);
    for (unsigned turn = 0; !player_finished(world->player); turn++) {
        if (turn == MAXIMUM_TURNS) {
            player_abandon(world->player, "fault of the tester: the scenario does not come to an end", world->now);
            return;
        }
        bool happened = open_wires(world);
        happened = drain_all(world) || happened;
        if (!happened && !player_finished(world->player) && !leap(world)) {
            player_abandon(world->player, "fault of the tester: neither side waits for anything", world->now);
            return;
        }
    }
}

/* The connections are closed before the broker counts: what closing brings about is reached, too. */
static void sum_reached(struct world *world, uint64_t *reached) {
    if (reached == NULL)
        return;
    const struct spec_rules *rules = broker_rules(world->broker);
    for (int i = 0; i < SPEC_COUNT; i++)
        reached[i] += rules->reached[i];
}

microseconds play_virtual(struct play *play, const struct virtual_settings *settings) {
    struct world world;
    world.capture = settings->capture;
    world.now = settings->start;
    world.websocket = play->scenario->websocket;
    world.random = settings->seed;
    memset(&world.client_rules, 0, sizeof world.client_rules);
    for (int i = 0; i < SCENARIO_CLIENTS; i++)
        world.wires[i] = (struct wire){0};
    struct player_link link = {.context = &world, .open = open_wire, .send = send_on_wire, .close = close_wire};
    struct player_options options = {
        .version = play->version,
        .name_space = play->name_space,
        .transport = "virtual",
        .timeout = settings->timeout,
        .skip_cleanup = true,
        .user = settings->user,
        .password = settings->password,
    };
    world.broker = create_target_broker(settings->offer, settings->off, settings->off_count);
    world.player = world.broker == NULL ? NULL : player_create(play->scenario, &options, &link);
    if (world.player == NULL) {
        if (world.broker != NULL)
            broker_destroy(world.broker);
        play_decide(play, options.transport, VERDICT_FAIL, "the tester ran out of memory");
        return world.now;
    }
    if (settings->reached != NULL)
        spec_count_visits(broker_rules(world.broker));
    play_out(&world);
    sum_reached(&world, settings->reached);
    for (int i = 0; i < SCENARIO_CLIENTS; i++) {
        websocket_destroy(world.wires[i].ends[MQTT_CLIENT]);
        websocket_destroy(world.wires[i].ends[MQTT_SERVER]);
    }
    broker_destroy(world.broker);
    play->player = world.player;
    play->result = *player_result(world.player);
    play->decided = true;
    return world.now;
}

/* What one broker cannot show may show at the other. */
static microseconds play_where_it_shows(struct play *play, const struct virtual_settings *settings) {
    struct virtual_settings less = *settings;
    less.start = play_virtual(play, settings) + 1;
    if (play->result.verdict != VERDICT_SKIP)
        return less.start;
    less.offer = TARGET_OFFERS_LESS;
    struct play again = *play;
    again.player = NULL;
    microseconds end = play_virtual(&again, &less) + 1;
    struct player *useless = again.player;
    if (again.result.verdict != VERDICT_SKIP) {
        useless = play->player;
        *play = again;
    }
    if (useless != NULL)
        player_destroy(useless);
    return end;
}

void run_virtual(struct run *run, const struct virtual_settings *settings) {
    struct virtual_settings each = *settings;
    for (size_t i = 0; i < run->count; i++) {
        if (run->plays[i].decided)
            continue;
        play_name(&run->plays[i], settings->seed, i, 0);
        each.start = play_where_it_shows(&run->plays[i], &each);
    }
    run->duration = each.start - settings->start;
}
