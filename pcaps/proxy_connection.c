#include "pcaps/proxy_connection.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "pcaps/proxy_pass.h"
#include "pcaps/proxy_socket.h"

/* A sender is read while less than this waits for its receiver. */
#define MOST_QUEUED ((size_t)256 * 1024)

/* For each address of the target, and for handshakes of TLS and WebSocket. */
#define CONNECTING_TIME (10 * MICROSECONDS_PER_SECOND)
/* For what still waits when a connection breaks. */
#define CLOSING_TIME (30 * MICROSECONDS_PER_SECOND)

static enum mqtt_side other(enum mqtt_side side) {
    return side == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT;
}

static microseconds time_of(const struct proxied *connection) {
    return event_loop_now(connection->proxy->loop);
}

static enum mqtt_side side_of(const struct proxied_end *end) {
    return end == &end->connection->ends[MQTT_CLIENT] ? MQTT_CLIENT : MQTT_SERVER;
}

/* ---- The list of those with something to do later ------------------------------------------------------------------
 */

static void set_wake(struct proxied *connection, microseconds wake) {
    struct proxy *proxy = connection->proxy;
    bool was_timed = connection->wake != NO_DEADLINE;
    connection->wake = wake;
    if (was_timed == (wake != NO_DEADLINE))
        return;
    if (was_timed) {
        *(connection->timed_previous == NULL ? &proxy->timed : &connection->timed_previous->timed_next) =
            connection->timed_next;
        if (connection->timed_next != NULL)
            connection->timed_next->timed_previous = connection->timed_previous;
        return;
    }
    connection->timed_previous = NULL;
    connection->timed_next = proxy->timed;
    if (proxy->timed != NULL)
        proxy->timed->timed_previous = connection;
    proxy->timed = connection;
}

microseconds proxied_next_wake(const struct proxy *proxy) {
    microseconds earliest = NO_DEADLINE;
    for (const struct proxied *connection = proxy->timed; connection != NULL; connection = connection->timed_next)
        if (connection->wake < earliest)
            earliest = connection->wake;
    return earliest;
}

static void note_wake(struct proxied *connection) {
    microseconds now = time_of(connection);
    microseconds wake = connection->deadline;
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++) {
        microseconds due = byte_queue_next(&connection->directions[side].queue);
        if (due > now && due < wake) /* what is due already waits for the socket */
            wake = due;
    }
    set_wake(connection, wake);
}

/* ---- The end of a connection ---------------------------------------------------------------------------------------
 */

static void close_end(struct proxied_end *end, bool reset) {
    if (!end->is_open)
        return;
    if (end->is_watched)
        event_loop_forget(end->connection->proxy->loop, &end->source);
    if (end->is_started)
        transport_release(&end->transport);
    proxy_socket_close(end->source.descriptor, reset);
    end->is_open = end->is_started = end->is_watched = false;
}

static struct watch_ending ending_of(const struct proxied *connection) {
    static const char *const words[2][2] = {{"closed by the client", "broken by the client"},
                                            {"closed by the server", "broken by the server"}};
    int first = connection->ended_first;
    if (connection->cut != NULL)
        return (struct watch_ending){"cut by a fault", -1, false};
    if (connection->has_failed)
        return (struct watch_ending){"closed by the proxy, for want of memory", -1, false};
    if (first < 0)
        return (struct watch_ending){"closed by the proxy, which ends", -1, false};
    bool broken = connection->directions[first].is_broken;
    return (struct watch_ending){words[first][broken], first, broken};
}

static void tell_end(struct proxied *connection) {
    struct watch_ending ending = ending_of(connection);
    if (connection->is_opened)
        watch_closed(&connection->proxy->watch, &connection->watched, &ending, time_of(connection));
}

void proxied_close(struct proxied *connection) {
    struct proxy *proxy = connection->proxy;
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++) {
        struct proxied_direction *direction = &connection->directions[side];
        close_end(&connection->ends[side], connection->directions[other((enum mqtt_side)side)].is_broken);
        byte_queue_clear(&direction->queue);
        byte_queue_clear(&direction->copy);
    }
    tell_end(connection);
    set_wake(connection, NO_DEADLINE);
    *(connection->previous == NULL ? &proxy->connections : &connection->previous->next) = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    free(connection);
    proxy->on_gone(proxy);
}

/* Why TLS or WebSocket failed. Where the other side just closed there is nothing to say. */
static void tell_reason(const struct proxied_end *end) {
    char text[256];
    transport_reason(&end->transport, text, sizeof text);
    if (text[0] != '\0')
        fprintf(stderr, "mqspec proxy: c%zu: with the %s: %s\n", end->connection->number, show_side(side_of(end)),
                text);
}

/* No more will come from this end. */
static void end_direction(struct proxied_end *end, bool broken) {
    struct proxied *connection = end->connection;
    enum mqtt_side side = side_of(end);
    struct proxied_direction *direction = &connection->directions[side];
    tell_reason(end);
    direction->has_ended = true;
    direction->is_broken = broken || end->is_deaf;
    if (direction->is_broken)
        connection->deadline = time_of(connection) + CLOSING_TIME;
    if (connection->ended_first < 0)
        connection->ended_first = (int)side;
    watch_half_closed(&connection->proxy->watch, &connection->watched, side, side, direction->is_broken,
                      time_of(connection));
}

/* Hands on the end of a direction, behind all that came before it. */
static void pass_end(struct proxied *connection, enum mqtt_side sender) {
    struct proxied_direction *direction = &connection->directions[sender];
    struct proxied_end *receiver = &connection->ends[other(sender)];
    if (!direction->has_ended || direction->end_passed || !byte_queue_is_empty(&direction->queue))
        return;
    if (!receiver->is_deaf && !direction->is_broken && transport_finish(&receiver->transport) == TRANSPORT_BLOCKED)
        return;
    direction->end_passed = true;
    watch_half_closed(&connection->proxy->watch, &connection->watched, other(sender), sender, direction->is_broken,
                      time_of(connection));
}

static bool is_over(const struct proxied *connection) {
    const struct proxied_direction *directions = connection->directions;
    if (connection->has_failed)
        return true;
    if (connection->cut != NULL)
        return byte_queue_is_empty(&directions[connection->cut_side].queue);
    if (directions[MQTT_CLIENT].end_passed && directions[MQTT_SERVER].end_passed)
        return true;
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++)
        if (directions[side].end_passed && (directions[side].is_broken || connection->ends[side].is_deaf))
            return true;
    return false;
}

/* ---- Going on ------------------------------------------------------------------------------------------------------
 */

static void on_end_ready(struct event_source *source, unsigned readiness);

static bool may_receive(const struct proxied_end *end) {
    const struct proxied *connection = end->connection;
    enum mqtt_side side = side_of(end);
    const struct proxied_end *receiver = &connection->ends[other(side)];
    const struct proxied_direction *direction = &connection->directions[side];
    return end->is_started && receiver->is_started && !direction->has_ended && !receiver->is_deaf &&
           connection->cut == NULL && direction->queue.cost < MOST_QUEUED;
}

/* What is due, or the end behind it, waits for the socket. */
static bool has_to_send(const struct proxied_end *end) {
    const struct proxied_direction *direction = &end->connection->directions[other(side_of(end))];
    if (end->is_deaf)
        return false;
    return byte_queue_next(&direction->queue) <= time_of(end->connection) ||
           (direction->has_ended && !direction->end_passed && byte_queue_is_empty(&direction->queue));
}

/* An end of which nothing is wanted is not watched at all: its hanging up would be told again and again. */
static bool watch_end_of(struct proxied_end *end) {
    struct event_loop *loop = end->connection->proxy->loop;
    unsigned wanted = transport_wants(&end->transport, may_receive(end), has_to_send(end));
    if (wanted == 0) {
        if (end->is_watched)
            event_loop_forget(loop, &end->source);
        end->is_watched = false;
        return true;
    }
    if (end->is_watched && end->source.wanted == wanted)
        return true;
    end->is_watched = event_loop_watch(loop, &end->source, end->source.descriptor, wanted, on_end_ready);
    return end->is_watched;
}

static void note_handshakes(struct proxied *connection) {
    const struct proxied_end *ends = connection->ends;
    if (!connection->is_shaking_hands || !transport_is_open(&ends[MQTT_CLIENT].transport) ||
        !transport_is_open(&ends[MQTT_SERVER].transport))
        return;
    connection->is_shaking_hands = false;
    connection->deadline = NO_DEADLINE;
}

/* What follows from what has happened. The connection may be gone afterwards. */
static void settle(struct proxied *connection) {
    note_handshakes(connection);
    pass_end(connection, MQTT_CLIENT);
    pass_end(connection, MQTT_SERVER);
    bool goes_on = !is_over(connection);
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++) {
        if (goes_on && connection->ends[side].is_deaf && connection->deadline == NO_DEADLINE)
            connection->deadline = time_of(connection) + CLOSING_TIME;
        if (goes_on && !watch_end_of(&connection->ends[side])) {
            connection->has_failed = true;
            goes_on = false;
        }
    }
    if (!goes_on) {
        proxied_close(connection);
        return;
    }
    if (connection->cut != NULL && connection->deadline == NO_DEADLINE) {
        microseconds due = byte_queue_end(&connection->directions[connection->cut_side].queue);
        microseconds now = time_of(connection);
        connection->deadline = (due > now ? due : now) + CLOSING_TIME;
    }
    note_wake(connection);
}

static void receive(struct proxied_end *end) {
    struct proxied *connection = end->connection;
    struct proxy *proxy = connection->proxy;
    size_t count = 0;
    enum transport_result result = transport_receive(&end->transport, proxy->received, sizeof proxy->received, &count);
    if (count > 0)
        proxy_pass(connection, side_of(end), (struct mqtt_bytes){proxy->received, (uint32_t)count},
                   time_of(connection));
    if (result == TRANSPORT_ENDED || result == TRANSPORT_BROKEN)
        end_direction(end, result == TRANSPORT_BROKEN);
}

static void on_end_ready(struct event_source *source, unsigned readiness) {
    struct proxied_end *end = (struct proxied_end *)source;
    struct proxied *connection = end->connection;
    bool receives = may_receive(end) && (readiness & transport_wants(&end->transport, true, false)) != 0;
    if ((readiness & transport_wants(&end->transport, false, has_to_send(end))) != 0)
        proxy_pass_queued(connection, other(side_of(end)), time_of(connection));
    if (receives)
        receive(end);
    settle(connection);
}

static void tell_too_late(const struct proxied *connection) {
    const char *shown = connection->proxy->settings->target.text;
    if (!connection->is_opened)
        fprintf(stderr, "mqspec proxy: c%zu: %s does not answer; the client's connection is closed\n",
                connection->number, shown);
    else if (connection->is_shaking_hands)
        fprintf(stderr, "mqspec proxy: c%zu: TLS or WebSocket does not begin with the %s; it is closed\n",
                connection->number,
                show_side(transport_is_open(&connection->ends[MQTT_CLIENT].transport) ? MQTT_SERVER : MQTT_CLIENT));
}

void proxied_wake(struct proxy *proxy) {
    microseconds now = event_loop_now(proxy->loop);
    struct proxied *next;
    for (struct proxied *connection = proxy->timed; connection != NULL; connection = next) {
        next = connection->timed_next;
        if (connection->wake > now)
            continue;
        if (connection->deadline <= now) {
            tell_too_late(connection);
            proxied_close(connection);
            continue;
        }
        proxy_pass_queued(connection, MQTT_CLIENT, now);
        proxy_pass_queued(connection, MQTT_SERVER, now);
        settle(connection);
    }
}

/* ---- The beginning -------------------------------------------------------------------------------------------------
 */

static void on_connecting_ready(struct event_source *source, unsigned readiness);

static void tell_unreachable(const struct proxied *connection, int error) {
    fprintf(stderr, "mqspec proxy: c%zu: %s cannot be reached: %s; the connection of %s is closed\n",
            connection->number, connection->proxy->settings->target.text, strerror(error), connection->address);
}

/* Begins to connect to the address that is tried, or one behind it. False after a message where there is none. */
static bool try_addresses(struct proxied *connection, int error) {
    struct proxied_end *target = &connection->ends[MQTT_SERVER];
    struct event_loop *loop = connection->proxy->loop;
    for (; connection->trying != NULL; connection->trying = connection->trying->ai_next) {
        int descriptor = proxy_socket_connect(connection->trying);
        target->is_open = descriptor >= 0;
        target->source.descriptor = descriptor;
        target->is_watched =
            target->is_open && event_loop_watch(loop, &target->source, descriptor, EVENT_WRITABLE, on_connecting_ready);
        if (target->is_watched) {
            connection->deadline = time_of(connection) + CONNECTING_TIME;
            note_wake(connection);
            return true;
        }
        error = errno;
        close_end(target, false);
    }
    tell_unreachable(connection, error);
    return false;
}

/* Both sockets are connected. */
static bool begin(struct proxied *connection) {
    struct proxy *proxy = connection->proxy;
    struct proxied_end *client = &connection->ends[MQTT_CLIENT];
    struct proxied_end *target = &connection->ends[MQTT_SERVER];
    connection->is_shaking_hands = true;
    connection->deadline = time_of(connection) + CONNECTING_TIME;
    client->is_started =
        transport_start(&client->transport, client->source.descriptor, &proxy->settings->listen.transport);
    target->is_started =
        transport_start(&target->transport, target->source.descriptor, &proxy->settings->target.transport);
    if (!client->is_started || !target->is_started)
        return false;
    watch_opened(&proxy->watch, &connection->watched, connection->number, connection->address, time_of(connection));
    connection->is_opened = true;
    if (transport_has_tls(proxy->settings->target.transport.kind))
        receive(target); /* begins the handshake */
    return true;
}

static void on_connecting_ready(struct event_source *source, unsigned readiness) {
    struct proxied_end *target = (struct proxied_end *)source;
    struct proxied *connection = target->connection;
    int error = proxy_socket_error(target->source.descriptor);
    (void)readiness;
    if (error == 0 && begin(connection)) {
        settle(connection);
        return;
    }
    if (error == 0) {
        fprintf(stderr, "mqspec proxy: c%zu: no memory for it; it is closed\n", connection->number);
        proxied_close(connection);
        return;
    }
    close_end(target, false);
    connection->trying = connection->trying->ai_next;
    if (!try_addresses(connection, error))
        proxied_close(connection);
}

bool proxied_open(struct proxy *proxy, int descriptor, const char *address) {
    struct proxied *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        proxy_socket_close(descriptor, false);
        return false;
    }
    connection->proxy = proxy;
    connection->number = ++proxy->accepted;
    connection->wake = connection->deadline = NO_DEADLINE;
    connection->ended_first = -1;
    connection->trying = proxy->settings->target.addresses;
    snprintf(connection->address, sizeof connection->address, "%s", address);
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++) {
        connection->ends[side].connection = connection;
        packet_bounds_begin(&connection->directions[side].bounds, (enum mqtt_side)side, &proxy->rules);
    }
    connection->ends[MQTT_CLIENT].source.descriptor = descriptor;
    connection->ends[MQTT_CLIENT].is_open = true;
    connection->next = proxy->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    proxy->connections = connection;
    if (!try_addresses(connection, 0))
        proxied_close(connection);
    return true;
}
