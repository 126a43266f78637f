/* A Client and a Server that keep the standard, in every order that it leaves open: they answer late, repeat, lose
 * connections, take over, clean sessions. The observer sits anywhere between them: what it saw may not have arrived
 * yet, or never will. The monitor must be silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/monitor.h"
#include "reference/server.h"

#define RUNS        2000
#define STEPS       400
#define IN_FLIGHT   4
#define QUEUE       64
#define WIRE        1024
#define CONNECTIONS 2
#define NUMBERS     3 /* highest Subscription Identifier */

/* ---- Packets on their way ---------------------------------------------------------------------------------------- */

struct wire {
    struct mqtt_packet packets[WIRE];
    unsigned sent, observed, received; /* counts; received <= observed <= sent */
};

struct network_connection {
    struct monitored *monitored;
    struct wire wires[2]; /* by sender */
};

/* ---- An end
 * ---------------------------------------------------------------------------------------------------------- */

struct message {
    uint16_t id;
    uint8_t qos;
    bool released;
    bool sent;      /* at all */
    bool sent_here; /* on this connection */
    bool old;       /* sent on an earlier connection */
    bool retained;
    unsigned topic;
    unsigned number; /* Subscription Identifier, 0 for none */
    uint32_t content;
};

struct identifiers {
    uint16_t items[QUEUE];
    unsigned count;
};

enum answer { ANSWER_PUBACK, ANSWER_PUBREC, ANSWER_PUBREL, ANSWER_PUBCOMP, ANSWER_SUBACK, ANSWER_UNSUBACK, ANSWERS };

struct end {
    enum mqtt_side side;
    struct message messages[IN_FLIGHT]; /* in order of sending */
    unsigned count;
    struct identifiers answers[ANSWERS]; /* owed, in order */
    bool open;                           /* may send anything: CONNACK was received, or sent */
    /* In MQTT 5.0: */
    int quota, receive_maximum; /* of the connection; the quota is negative where more was sent before CONNACK */
    unsigned aliases;           /* taken by the other end; alias n is for topic n - 1 */
    bool alias_set[2];
    uint32_t expiry;     /* of the session, in seconds */
    microseconds closed; /* when it knew of the end of the last connection; NO_DEADLINE while it does not */
};

struct simulation {
    uint64_t random;
    struct monitor *monitor;
    struct network_connection connections[CONNECTIONS];
    int current; /* the Client's, -1 for none */
    struct end ends[2];
    uint8_t level;
    bool clean;          /* of the current CONNECT */
    bool client_session; /* the Client has one, since a CONNACK that it received */
    bool leaves;         /* the Client cannot go on with this connection */
    bool server_session; /* the Server has one stored */
    bool server_clean;   /* the session at the Server ends with the connection */
    int grants[2];       /* at the Server, for the topics; -1 for none */
    int wanted[2];       /* of the SUBSCRIBE on its way */
    unsigned numbers[2]; /* Subscription Identifiers of the subscriptions */
    bool retains[2];     /* what comes of them may have RETAIN 1 */
    microseconds now;
    uint32_t asked_expiry; /* of the current CONNECT */
    unsigned limits[2];    /* Receive Maximum and highest Topic Alias that each end announces */
    uint8_t properties[CONNECTIONS][2][12];
    uint16_t request; /* the Client's unanswered request, or 0 */
    uint32_t content;
    bool flips_dup; /* to show that a breach is found */
    unsigned breaches;
    unsigned seen[MQTT_TYPE_COUNT];
    unsigned long seed;
};

static const char *const topics[2] = {"t/0", "u/1"};

static bool in_5_0(const struct simulation *simulation) {
    return simulation->level == MQTT_5_0;
}

/* Of a PUBLISH: a Topic Alias and a Subscription Identifier, each if not 0. */
static struct mqtt_bytes publish_properties(unsigned alias, unsigned number) {
    static const uint8_t sets[3][NUMBERS + 1][5] = {
        {{0}, {0x0B, 1}, {0x0B, 2}, {0x0B, 3}},
        {{0x23, 0, 1}, {0x23, 0, 1, 0x0B, 1}, {0x23, 0, 1, 0x0B, 2}, {0x23, 0, 1, 0x0B, 3}},
        {{0x23, 0, 2}, {0x23, 0, 2, 0x0B, 1}, {0x23, 0, 2, 0x0B, 2}, {0x23, 0, 2, 0x0B, 3}}};
    return (struct mqtt_bytes){sets[alias][number], (alias > 0 ? 3u : 0u) + (number > 0 ? 2u : 0u)};
}

static unsigned chance(struct simulation *simulation, unsigned limit) {
    simulation->random ^= simulation->random << 13;
    simulation->random ^= simulation->random >> 7;
    simulation->random ^= simulation->random << 17;
    return (unsigned)(simulation->random >> 20) % limit;
}

static void push(struct simulation *simulation, enum mqtt_side side, struct mqtt_packet packet) {
    struct wire *wire = &simulation->connections[simulation->current].wires[side];
    assert_true(wire->sent < WIRE);
    wire->packets[wire->sent++] = packet;
}

static void owe(struct end *end, enum answer answer, uint16_t id) {
    struct identifiers *owed = &end->answers[answer];
    assert_true(owed->count < QUEUE);
    owed->items[owed->count++] = id;
}

static bool owes(const struct end *end, enum answer answer, uint16_t id) {
    for (unsigned i = 0; i < end->answers[answer].count; i++)
        if (end->answers[answer].items[i] == id)
            return true;
    return false;
}

static void disown(struct end *end, enum answer answer, uint16_t id) {
    struct identifiers *owed = &end->answers[answer];
    unsigned kept = 0;
    for (unsigned i = 0; i < owed->count; i++)
        if (owed->items[i] != id)
            owed->items[kept++] = owed->items[i];
    owed->count = kept;
}

/* ---- Sending -------------------------------------------------------------------------------------------------------
 */

static void send_message(struct simulation *simulation, struct end *end, struct message *message) {
    struct mqtt_packet packet = {.type = message->released ? MQTT_PUBREL : MQTT_PUBLISH};
    bool dup = message->sent != (simulation->flips_dup && chance(simulation, 10) == 0);
    if (message->released) {
        packet.flags = 2;
        packet.acknowledgement.packet_identifier = message->id;
    } else {
        bool has_alias = end->aliases > message->topic && chance(simulation, 2) == 0;
        bool is_known = has_alias && end->alias_set[message->topic];
        unsigned alias = has_alias ? message->topic + 1 : 0;
        end->alias_set[message->topic] = end->alias_set[message->topic] || has_alias;
        packet.flags = (uint8_t)(message->qos << MQTT_PUBLISH_QOS_SHIFT | (dup ? MQTT_PUBLISH_DUP : 0) |
                                 (message->retained ? MQTT_PUBLISH_RETAIN : 0));
        packet.publish.packet_identifier = message->id;
        packet.publish.topic = mqtt_text(is_known ? "" : topics[message->topic]);
        packet.publish.properties = publish_properties(alias, message->number);
        packet.publish.payload = (struct mqtt_bytes){(const uint8_t *)"", message->content};
    }
    if (!message->released && message->qos > 0 && in_5_0(simulation))
        end->quota--;
    push(simulation, end->side, packet);
    message->sent = true;
    message->sent_here = true;
}

static bool in_use(const struct simulation *simulation, const struct end *end, uint16_t id) {
    for (unsigned i = 0; i < end->count; i++)
        if (end->messages[i].id == id)
            return true;
    return end->side == MQTT_CLIENT && simulation->request == id;
}

/* From a few identifiers only, so that each is soon used again. A Server's message is queued: it may go out after
 * its subscription has ended. */
static void add_message(struct simulation *simulation, struct end *end) {
    struct message message = {.topic = chance(simulation, 2), .content = ++simulation->content % 200};
    int highest = end->side == MQTT_CLIENT ? 2 : simulation->grants[message.topic];
    uint16_t id = (uint16_t)(1 + chance(simulation, 6));
    if (end->count == IN_FLIGHT || highest < 0 || in_use(simulation, end, id))
        return;
    message.qos = (uint8_t)chance(simulation, (unsigned)highest + 1);
    message.id = id;
    if (in_5_0(simulation) && end->side == MQTT_SERVER) {
        message.number = simulation->numbers[message.topic];
        message.retained = simulation->retains[message.topic] && chance(simulation, 4) == 0;
    }
    end->messages[end->count++] = message;
}

static void remove_message(struct end *end, unsigned i) {
    memmove(&end->messages[i], &end->messages[i + 1], (end->count - i - 1) * sizeof *end->messages);
    end->count--;
}

/* The first that was not sent on this connection, so in order; or one that was, again. */
static void send_some_message(struct simulation *simulation, struct end *end) {
    unsigned first = 0;
    while (first < end->count && end->messages[first].sent_here)
        first++;
    bool may_send = first < end->count && (!in_5_0(simulation) || end->quota > 0 || end->messages[first].qos == 0 ||
                                           end->messages[first].released);
    if (may_send) {
        send_message(simulation, end, &end->messages[first]);
        if (end->messages[first].qos == 0)
            remove_message(end, first);
    } else if (end->count > 0 && chance(simulation, 3) == 0 && !in_5_0(simulation)) {
        struct message *message = &end->messages[chance(simulation, end->count)];
        if (!message->released || !owes(end, ANSWER_PUBREL, message->id))
            send_message(simulation, end, message);
    }
}

static void send_answer(struct simulation *simulation, struct end *end) {
    static const enum mqtt_type types[ANSWERS] = {MQTT_PUBACK,  MQTT_PUBREC, MQTT_PUBREL,
                                                  MQTT_PUBCOMP, MQTT_SUBACK, MQTT_UNSUBACK};
    enum answer answer = (enum answer)chance(simulation, ANSWERS);
    struct identifiers *owed = &end->answers[answer];
    if (owed->count == 0)
        return;
    struct mqtt_packet packet = {.type = types[answer], .flags = mqtt_required_flags(types[answer])};
    packet.acknowledgement.packet_identifier = owed->items[0];
    if (answer == ANSWER_SUBACK) {
        static const uint8_t codes[] = {0, 1, 2};
        packet.suback = (struct mqtt_suback){
            .packet_identifier = owed->items[0],
            .codes = {&codes[simulation->wanted[0] >= 0 ? simulation->wanted[0] : simulation->wanted[1]], 1}};
    } else if (answer == ANSWER_UNSUBACK && in_5_0(simulation)) {
        packet.suback = (struct mqtt_suback){.packet_identifier = owed->items[0], .codes = {(const uint8_t *)"\21", 1}};
    } else if (in_5_0(simulation) && answer <= ANSWER_PUBREC && chance(simulation, 6) == 0) {
        packet.acknowledgement.reason_code = MQTT_REASON_QUOTA_EXCEEDED;
    }
    memmove(&owed->items[0], &owed->items[1], --owed->count * sizeof *owed->items);
    push(simulation, end->side, packet);
}

/* One request at a time. */
static void send_request(struct simulation *simulation) {
    static const uint8_t filters[2][6][8] = {{{0, 3, 't', '/', '+', 0},
                                              {0, 3, 't', '/', '+', 1},
                                              {0, 3, 't', '/', '+', 2},
                                              {0, 3, 't', '/', '+', 0x20},
                                              {0, 3, 't', '/', '+', 0x21},
                                              {0, 3, 't', '/', '+', 0x22}},
                                             {{0, 3, 'u', '/', '#', 0},
                                              {0, 3, 'u', '/', '#', 1},
                                              {0, 3, 'u', '/', '#', 2},
                                              {0, 3, 'u', '/', '#', 0x20},
                                              {0, 3, 'u', '/', '#', 0x21},
                                              {0, 3, 'u', '/', '#', 0x22}}};
    uint16_t id = (uint16_t)(1 + chance(simulation, 6));
    unsigned topic = chance(simulation, 2), qos = chance(simulation, in_5_0(simulation) ? 6 : 3);
    if (simulation->request != 0 || in_use(simulation, &simulation->ends[MQTT_CLIENT], id))
        return;
    bool subscribes = chance(simulation, 2) == 0;
    struct mqtt_packet packet = {.type = subscribes ? MQTT_SUBSCRIBE : MQTT_UNSUBSCRIBE, .flags = 2};
    if (subscribes)
        packet.subscribe = (struct mqtt_subscribe){
            .packet_identifier = id,
            .properties = publish_properties(0, in_5_0(simulation) ? chance(simulation, NUMBERS + 1) : 0),
            .filters = {filters[topic][qos], 6}};
    else
        packet.unsubscribe = (struct mqtt_unsubscribe){.packet_identifier = id, .filters = {filters[topic][qos], 5}};
    simulation->request = id;
    push(simulation, MQTT_CLIENT, packet);
}

/* ---- Receiving
 * ------------------------------------------------------------------------------------------------------- */

static void receive_acknowledgement(struct simulation *simulation, struct end *end, const struct mqtt_packet *packet) {
    bool refused = packet->acknowledgement.reason_code >= MQTT_REASON_FAILURE;
    bool frees = packet->type == MQTT_PUBACK || packet->type == MQTT_PUBCOMP || refused;
    if (frees && end->quota < end->receive_maximum)
        end->quota++;
    for (unsigned i = 0; i < end->count; i++) {
        struct message *message = &end->messages[i];
        if (message->id != packet->acknowledgement.packet_identifier || !message->sent)
            continue;
        if (packet->type == MQTT_PUBREC && message->qos == 2 && refused && !message->released) {
            remove_message(end, i);
        } else if (packet->type == MQTT_PUBREC && message->qos == 2) {
            if (!message->released || (chance(simulation, 2) == 0 && !in_5_0(simulation)))
                owe(end, ANSWER_PUBREL, message->id);
            message->released = true;
            message->sent_here = true;
        } else if ((packet->type == MQTT_PUBACK && message->qos == 1) ||
                   (packet->type == MQTT_PUBCOMP && message->released)) {
            disown(end, ANSWER_PUBREL, message->id); /* before its identifier is used again */
            remove_message(end, i);
        }
        return;
    }
}

static void forget(struct end *end) {
    end->count = 0;
    memset(end->answers, 0, sizeof end->answers);
}

/* Where the Server knew of the end of the last connection, the session may have expired since. Where it did not, the
 * Client takes over. */
static bool expired(struct simulation *simulation, const struct end *end) {
    if (end->closed == NO_DEADLINE)
        return end->expiry == 0 && chance(simulation, 2) == 0;
    return end->expiry != UINT32_MAX && simulation->now >= end->closed + end->expiry * MICROSECONDS_PER_SECOND;
}

static void begin_connection(struct simulation *simulation, struct end *end) {
    int announced = (int)simulation->limits[end->side == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT];
    bool knows = in_5_0(simulation) && (end->side == MQTT_SERVER || end->open);
    end->receive_maximum = knows ? announced : UINT16_MAX;
    end->aliases = knows ? (unsigned)announced - 1 : 0;
}

static void announce(struct simulation *simulation, enum mqtt_side side, struct mqtt_bytes *properties,
                     uint32_t expiry) {
    static const uint8_t form[] = {0x21, 0, 0, 0x22, 0, 0, 0x11};
    uint8_t *set = simulation->properties[simulation->current][side];
    if (!in_5_0(simulation))
        return;
    simulation->limits[side] = 1 + chance(simulation, 3);
    memcpy(set, form, sizeof form);
    set[2] = (uint8_t)simulation->limits[side];
    set[5] = (uint8_t)(simulation->limits[side] - 1);
    for (int i = 0; i < 4; i++)
        set[sizeof form + (size_t)i] = (uint8_t)(expiry >> (24 - 8 * i));
    *properties = (struct mqtt_bytes){set, sizeof form + 4};
}

static void receive_connect(struct simulation *simulation) {
    struct end *server = &simulation->ends[MQTT_SERVER];
    struct mqtt_packet connack = {.type = MQTT_CONNACK};
    if (chance(simulation, 8) == 0) {
        connack.connack.code = in_5_0(simulation) ? MQTT_REASON_SERVER_BUSY : MQTT_SERVER_UNAVAILABLE;
        push(simulation, MQTT_SERVER, connack);
        return;
    }
    memset(server->answers, 0, sizeof server->answers);
    bool ended = in_5_0(simulation) ? expired(simulation, server) : simulation->server_clean;
    if (simulation->clean || ended || !simulation->server_session) {
        forget(server);
        simulation->grants[0] = simulation->grants[1] = -1;
    } else if (simulation->level != MQTT_3_1) {
        connack.connack.acknowledge_flags = 1;
    }
    simulation->server_session = true;
    simulation->server_clean = simulation->clean;
    server->open = true;
    server->closed = NO_DEADLINE;
    server->expiry = chance(simulation, 6) == 0 ? 40 : simulation->asked_expiry;
    for (unsigned i = 0; i < server->count; i++)
        server->messages[i].sent_here = false;
    begin_connection(simulation, server);
    server->quota = server->receive_maximum;
    memset(server->alias_set, 0, sizeof server->alias_set);
    announce(simulation, MQTT_SERVER, &connack.connack.properties, server->expiry);
    push(simulation, MQTT_SERVER, connack);
}

/* In MQTT 5.0 the Client gives up what it holds when the Server holds nothing. In 3.1.1 it may. */
static void give_up(struct simulation *simulation, struct end *client) {
    bool gives_up = in_5_0(simulation) || chance(simulation, 2) == 0;
    for (unsigned i = client->count; i-- > 0;)
        if (gives_up && (in_5_0(simulation) ? client->messages[i].old : !client->messages[i].sent_here))
            remove_message(client, i);
}

static void receive_connack(struct simulation *simulation, const struct mqtt_packet *packet) {
    struct end *client = &simulation->ends[MQTT_CLIENT];
    if (packet->connack.code != MQTT_CONNECTION_ACCEPTED)
        return;
    int used = client->receive_maximum - client->quota;
    client->open = true;
    if (in_5_0(simulation)) {
        begin_connection(simulation, client);
        client->quota = client->receive_maximum - used;
        client->expiry = mqtt_property_number(packet->connack.properties, MQTT_SESSION_EXPIRY_INTERVAL, 0);
    }
    if (simulation->level != MQTT_3_1 && packet->connack.acknowledge_flags == 0)
        give_up(simulation, client);
    else
        simulation->leaves = in_5_0(simulation) && !simulation->client_session;
    simulation->client_session = true;
}

static void receive_subscribe(struct simulation *simulation, const struct mqtt_packet *packet) {
    const struct mqtt_bytes filters = packet->subscribe.filters;
    unsigned topic = filters.data[2] == 't' ? 0 : 1;
    int qos = packet->type == MQTT_SUBSCRIBE ? filters.data[5] & MQTT_SUBSCRIBE_QOS : -1;
    simulation->grants[topic] = qos;
    simulation->numbers[topic] = mqtt_property_number(packet->subscribe.properties, MQTT_SUBSCRIPTION_IDENTIFIER, 0);
    simulation->retains[topic] = qos >= 0 && filters.data[5] < 0x20;
    simulation->wanted[0] = qos;
    owe(&simulation->ends[MQTT_SERVER], packet->type == MQTT_SUBSCRIBE ? ANSWER_SUBACK : ANSWER_UNSUBACK,
        packet->subscribe.packet_identifier);
}

static void receive(struct simulation *simulation, enum mqtt_side side, const struct mqtt_packet *packet) {
    struct end *end = &simulation->ends[side];
    if (packet->type == MQTT_CONNECT)
        receive_connect(simulation);
    else if (side == MQTT_SERVER && !end->open)
        return; /* it refused */
    else if (packet->type == MQTT_CONNACK)
        receive_connack(simulation, packet);
    else if (packet->type == MQTT_SUBSCRIBE || packet->type == MQTT_UNSUBSCRIBE)
        receive_subscribe(simulation, packet);
    else if (packet->type == MQTT_SUBACK || packet->type == MQTT_UNSUBACK)
        simulation->request = 0;
    else if (packet->type == MQTT_PUBREL)
        owe(end, ANSWER_PUBCOMP, packet->acknowledgement.packet_identifier);
    else if (packet->type != MQTT_PUBLISH)
        receive_acknowledgement(simulation, end, packet);
    else if (mqtt_publish_qos(packet->flags) > 0)
        owe(end, mqtt_publish_qos(packet->flags) == 1 ? ANSWER_PUBACK : ANSWER_PUBREC,
            packet->publish.packet_identifier);
}

/* ---- The network ---------------------------------------------------------------------------------------------------
 */

static void observe(struct simulation *simulation, int connection, enum mqtt_side side) {
    static const uint8_t zeros[256];
    struct network_connection *network = &simulation->connections[connection];
    struct wire *wire = &network->wires[side];
    uint8_t buffer[512];
    if (network->monitored == NULL || wire->observed == wire->sent)
        return;
    struct mqtt_packet packet = wire->packets[wire->observed++];
    if (packet.type == MQTT_PUBLISH)
        packet.publish.payload.data = zeros;
    size_t length = mqtt_encode((enum mqtt_version)simulation->level, &packet, buffer, sizeof buffer);
    assert_true(length > 0);
    simulation->seen[packet.type]++;
    monitor_bytes(network->monitored, side, (struct mqtt_bytes){buffer, (uint32_t)length}, simulation->now);
}

static void arrive(struct simulation *simulation, enum mqtt_side sender) {
    struct wire *wire = &simulation->connections[simulation->current].wires[sender];
    if (wire->received < wire->observed)
        receive(simulation, sender == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT, &wire->packets[wire->received++]);
}

static void close_connection(struct simulation *simulation, int connection) {
    struct network_connection *network = &simulation->connections[connection];
    if (network->monitored != NULL)
        monitor_close(network->monitored, simulation->now);
    network->monitored = NULL;
}

/* The Client takes its leave, with another Session Expiry Interval. Whether the Server hears of it is open. */
static void say_goodbye(struct simulation *simulation) {
    static const uint8_t set[] = {0x11, 0, 0, 0, 15};
    struct wire *wire = &simulation->connections[simulation->current].wires[MQTT_CLIENT];
    if (!simulation->ends[MQTT_CLIENT].open || simulation->asked_expiry == 0)
        return;
    push(simulation, MQTT_CLIENT,
         (struct mqtt_packet){.type = MQTT_DISCONNECT, .disconnect = {.properties = {set, sizeof set}}});
    simulation->ends[MQTT_CLIENT].expiry = 15;
    if (chance(simulation, 2) == 0)
        return;
    while (wire->observed < wire->sent)
        observe(simulation, simulation->current, MQTT_CLIENT);
    while (wire->received + 1 < wire->sent)
        arrive(simulation, MQTT_CLIENT);
    if (simulation->ends[MQTT_SERVER].open)
        simulation->ends[MQTT_SERVER].expiry = 15;
}

static void end_connection(struct simulation *simulation) {
    struct end *server = &simulation->ends[MQTT_SERVER];
    struct network_connection *network = &simulation->connections[simulation->current];
    simulation->ends[MQTT_CLIENT].closed = simulation->now;
    if (server->closed == NO_DEADLINE && chance(simulation, 2) == 0) {
        server->closed = simulation->now;
        if (server->open && network->monitored != NULL && chance(simulation, 2) == 0)
            monitor_half_closed(network->monitored, MQTT_SERVER, simulation->now);
    }
}

/* The Client's connection is gone. The observer learns it at once, or goes on seeing what was on its way. */
static void drop(struct simulation *simulation) {
    if (in_5_0(simulation) && chance(simulation, 4) == 0)
        say_goodbye(simulation);
    end_connection(simulation);
    for (int side = 0; side < 2; side++) {
        simulation->ends[side].open = false;
        memset(simulation->ends[side].answers, 0, sizeof simulation->ends[side].answers);
    }
    if (chance(simulation, 3) != 0)
        close_connection(simulation, simulation->current);
    simulation->current = -1;
    simulation->request = 0;
}

static void connect_again(struct simulation *simulation) {
    struct end *client = &simulation->ends[MQTT_CLIENT];
    int number = (int)chance(simulation, CONNECTIONS);
    struct network_connection *network = &simulation->connections[number];
    close_connection(simulation, number);
    memset(network->wires, 0, sizeof network->wires);
    network->monitored = monitor_open(simulation->monitor, simulation->now, network, true);
    assert_non_null(network->monitored);
    simulation->current = number;
    bool was_clean = simulation->clean;
    simulation->clean = chance(simulation, 4) == 0;
    if (simulation->clean || (in_5_0(simulation) ? expired(simulation, client) : was_clean)) {
        forget(client);
        simulation->client_session = false;
    }
    for (unsigned i = 0; i < client->count; i++) {
        client->messages[i].sent_here = false;
        client->messages[i].old = client->messages[i].sent;
    }
    bool old = simulation->level == MQTT_3_1;
    struct mqtt_packet connect = {
        .type = MQTT_CONNECT,
        .connect = {.protocol_name = mqtt_text(old ? "MQIsdp" : "MQTT"),
                    .protocol_level = simulation->level,
                    .flags = simulation->clean ? MQTT_CONNECT_CLEAN_SESSION : 0,
                    .client_identifier = mqtt_text("a")},
    };
    static const uint32_t expiries[] = {0, 30, UINT32_MAX};
    simulation->asked_expiry = in_5_0(simulation) ? expiries[chance(simulation, 3)] : 0;
    announce(simulation, MQTT_CLIENT, &connect.connect.properties, simulation->asked_expiry);
    push(simulation, MQTT_CLIENT, connect);
    client->open = false;
    client->expiry = simulation->asked_expiry;
    begin_connection(simulation, client);
    client->quota = client->receive_maximum;
    memset(client->alias_set, 0, sizeof client->alias_set);
    client->open = chance(simulation, 2) == 0; /* it may send before CONNACK */
}

/* ---- Runs
 * ------------------------------------------------------------------------------------------------------------ */

static void act(struct simulation *simulation, struct end *end) {
    if (!end->open)
        return;
    switch (chance(simulation, 4)) {
    case 0:
        add_message(simulation, end);
        break;
    case 1:
        send_some_message(simulation, end);
        break;
    case 2:
        send_answer(simulation, end);
        break;
    default:
        if (end->side == MQTT_CLIENT)
            send_request(simulation);
    }
}

/* What is on its way reaches the observer before. */
static void wait_a_while(struct simulation *simulation) {
    for (int i = 0; i < CONNECTIONS; i++)
        for (int side = 0; side < 2; side++)
            while (simulation->connections[i].monitored != NULL &&
                   simulation->connections[i].wires[side].observed < simulation->connections[i].wires[side].sent)
                observe(simulation, i, (enum mqtt_side)side);
    simulation->now += chance(simulation, 20) * MICROSECONDS_PER_SECOND;
}

static void step(struct simulation *simulation) {
    enum mqtt_side side = (enum mqtt_side)chance(simulation, 2);
    observe(simulation, (int)chance(simulation, CONNECTIONS), side);
    if (simulation->current < 0) {
        if (chance(simulation, 3) == 0)
            wait_a_while(simulation);
        if (chance(simulation, 4) == 0)
            connect_again(simulation);
        return;
    }
    struct network_connection *network = &simulation->connections[simulation->current];
    bool full = network->wires[0].sent > WIRE - 8 || network->wires[1].sent > WIRE - 8;
    if (full || simulation->leaves || chance(simulation, 60) == 0) {
        simulation->client_session = simulation->client_session && !simulation->leaves;
        simulation->leaves = false;
        drop(simulation);
        return;
    }
    act(simulation, &simulation->ends[chance(simulation, 2)]);
    arrive(simulation, side);
}

static void count_breach(void *context, const struct monitor_breach *breach) {
    struct simulation *simulation = context;
    simulation->breaches++;
    if (!simulation->flips_dup)
        fail_msg("seed %lu, MQTT %s: %s reported of the %s: %s, though nobody broke it", simulation->seed,
                 mqtt_version_name((enum mqtt_version)simulation->level), spec_name(breach->statement),
                 breach->side == MQTT_CLIENT ? "Client" : "Server", breach->what);
}

static void run(struct simulation *simulation, unsigned long seed, bool flips_dup) {
    struct environment environment = environment_of_system();
    struct monitor_hooks hooks = {simulation, count_breach, NULL};
    simulation->seed = seed;
    simulation->random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    simulation->flips_dup = flips_dup;
    static const uint8_t levels[] = {MQTT_3_1, MQTT_3_1_1, MQTT_3_1_1, MQTT_5_0, MQTT_5_0, MQTT_5_0};
    simulation->level = levels[chance(simulation, sizeof levels)];
    simulation->now = MICROSECONDS_PER_SECOND;
    simulation->current = -1;
    simulation->ends[MQTT_CLIENT].side = MQTT_CLIENT;
    simulation->ends[MQTT_SERVER].side = MQTT_SERVER;
    simulation->monitor = monitor_create(&hooks, &environment);
    assert_non_null(simulation->monitor);
    for (int i = 0; i < STEPS; i++)
        step(simulation);
    monitor_destroy(simulation->monitor);
}

static void legal_ends_are_never_reported(void **state) {
    (void)state;
    unsigned seen[MQTT_TYPE_COUNT] = {0};
    for (unsigned long seed = 1; seed <= RUNS; seed++) {
        struct simulation *simulation = calloc(1, sizeof *simulation);
        assert_non_null(simulation);
        run(simulation, seed, false);
        for (int type = 0; type < MQTT_TYPE_COUNT; type++)
            seen[type] += simulation->seen[type];
        free(simulation);
    }
    for (int type = MQTT_CONNECT; type <= MQTT_UNSUBACK; type++)
        assert_in_range(seen[type], RUNS / 2, UINT32_MAX);
}

static void an_end_that_breaks_dup_is_reported(void **state) {
    (void)state;
    unsigned found = 0;
    for (unsigned long seed = 1; seed <= 200; seed++) {
        struct simulation *simulation = calloc(1, sizeof *simulation);
        assert_non_null(simulation);
        run(simulation, seed, true);
        found += simulation->breaches > 0;
        free(simulation);
    }
    assert_true(found > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legal_ends_are_never_reported),
        cmocka_unit_test(an_end_that_breaks_dup_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
