/* The monitor's front door: connections, their bytes cut into packets, and the time. */
#include "reference/monitor_internal.h"

#include <assert.h>
#include <string.h>

/* ---- Life ---------------------------------------------------------------------------------------------------- */

struct monitor *monitor_create(const struct monitor_hooks *hooks, const struct environment *environment) {
    struct monitor *monitor = monitor_allocate(environment, sizeof *monitor);
    if (monitor == NULL)
        return NULL;
    monitor->environment = *environment;
    monitor->hooks = *hooks;
    monitor->next_silence = NO_DEADLINE;
    return monitor;
}

static void release_bytes(struct monitored *connection, struct monitor_stream *stream) {
    monitor_release(&connection->monitor->environment, stream->bytes, stream->capacity);
    stream->bytes = NULL;
    stream->length = 0;
    stream->capacity = 0;
}

static void forget_requests(struct monitored *connection) {
    while (connection->requests != NULL)
        monitor_request_remove(connection, connection->requests);
}

static void forget_awaited(struct monitored *connection) {
    for (int side = 0; side < MONITOR_SIDES; side++) {
        monitor_identifiers_clear(&connection->monitor->environment, &connection->loose[side]);
        for (int kind = 0; kind < MONITOR_AWAITED_COUNT; kind++)
            monitor_queue_clear(&connection->monitor->environment, &connection->awaited[side][kind]);
    }
}

static void destroy_connection(struct monitored *connection) {
    struct monitor *monitor = connection->monitor;
    *(connection->previous != NULL ? &connection->previous->next : &monitor->connections) = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    for (int side = 0; side < MONITOR_SIDES; side++)
        release_bytes(connection, &connection->streams[side]);
    forget_requests(connection);
    forget_awaited(connection);
    monitor_forget_aliases(connection);
    monitor_session_drop(monitor, connection->session);
    monitor_client_leave(monitor, connection->client);
    monitor_release(&monitor->environment, connection, sizeof *connection);
}

void monitor_destroy(struct monitor *monitor) {
    if (monitor == NULL)
        return;
    while (monitor->connections != NULL)
        destroy_connection(monitor->connections);
    monitor_clients_destroy(monitor);
    struct environment environment = monitor->environment;
    monitor_release(&environment, monitor, sizeof *monitor);
}

/* The beginning was not seen: a conversation of unknown version in an unknown session. */
static void assume_connected(struct monitored *connection) {
    connection->phase = MONITOR_CONNECTED;
    connection->version = MQTT_3_1_1;
    connection->version_assumed = true;
    connection->connect_missed = true;
    connection->aliases[MQTT_CLIENT].unknown = true;
    connection->aliases[MQTT_SERVER].unknown = true;
    connection->seen[MQTT_CLIENT] = false;
    connection->seen[MQTT_SERVER] = false;
    connection->session = monitor_session_create(connection->monitor, connection->number, false);
    if (connection->session == NULL)
        monitor_leave_undefined(connection);
}

struct monitored *monitor_open(struct monitor *monitor, microseconds now, void *owner, bool from_start) {
    struct monitored *connection = monitor_allocate(&monitor->environment, sizeof *connection);
    if (connection == NULL) {
        monitor->forgetful = true;
        monitor_clients_forget(monitor);
        return NULL;
    }
    connection->monitor = monitor;
    connection->owner = owner;
    connection->number = ++monitor->connection_count;
    connection->from_start = from_start;
    connection->seen[MQTT_CLIENT] = true;
    connection->seen[MQTT_SERVER] = true;
    connection->now = now;
    connection->client_spoke = now;
    connection->next = monitor->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    monitor->connections = connection;
    connection->unheard = monitor->unheard;
    if (from_start)
        monitor->awaited++;
    else
        assume_connected(connection);
    return connection;
}

/* ---- What is no longer known --------------------------------------------------------------------------------- */

void monitor_lose_track(struct monitored *connection) {
    connection->seen[MQTT_CLIENT] = false;
    connection->seen[MQTT_SERVER] = false;
    forget_requests(connection);
    forget_awaited(connection);
    monitor_forget_aliases(connection);
    monitor_expiry_unknown(connection);
    if (connection->session != NULL)
        monitor_session_forget(connection->monitor, connection->session);
}

void monitor_leave_undefined(struct monitored *connection) {
    connection->undefined = true;
    connection->silence_judged = false;
    monitor_lose_track(connection);
}

void monitor_connect_unanswered(struct monitored *connection) {
    struct monitor_client *client = connection->client;
    if (client == NULL)
        return;
    enum monitor_existence settled = connection->clean_session ? MONITOR_ABSENT : MONITOR_PRESENT;
    bool same = client->existence == settled && !monitor_in_5_0(connection);
    monitor_client_settle(connection->monitor, client, same ? settled : MONITOR_UNKNOWN,
                          client->session == connection->session ? client->session : NULL);
    client->absent_from = MONITOR_NEVER; /* it may have been taken to last */
    if (--client->unanswered == 0)
        client->overlapped = false;
}

/* ---- Requests ------------------------------------------------------------------------------------------------ */

struct monitor_request *monitor_request_find(const struct monitored *connection, enum mqtt_type type,
                                             uint16_t packet_identifier) {
    for (struct monitor_request *request = connection->requests; request != NULL; request = request->next)
        if (request->packet_identifier == packet_identifier && (type == MQTT_RESERVED || request->type == type))
            return request;
    return NULL;
}

void monitor_request_remove(struct monitored *connection, struct monitor_request *request) {
    struct monitor_request **place = &connection->requests;
    while (*place != request)
        place = &(*place)->next;
    *place = request->next;
    connection->request_count--;
    connection->request_bytes -= request->length;
    monitor_release(&connection->monitor->environment, request, sizeof *request + request->length);
}

bool monitor_next_requested(const struct monitored *connection, const struct monitor_request *request,
                            struct mqtt_bytes *filters, struct monitor_filter *filter) {
    uint8_t options;
    if (filters->length == 0 || !mqtt_next_filter(filters, &filter->filter, &options))
        return false;
    bool sends_retained = (options & MQTT_SUBSCRIBE_RETAIN_HANDLING) >> MQTT_SUBSCRIBE_RETAIN_HANDLING_SHIFT < 2;
    filter->qos = options & MQTT_SUBSCRIBE_QOS;
    filter->identifier = request->identifier;
    filter->retains =
        !monitor_in_5_0(connection) || sends_retained || (options & MQTT_SUBSCRIBE_RETAIN_AS_PUBLISHED) != 0;
    return true;
}

void monitor_requests_end(struct monitored *connection) {
    for (struct monitor_request *request = connection->requests; request != NULL; request = request->next) {
        struct mqtt_bytes filters = {request->filters, request->length};
        struct monitor_filter filter;
        while (connection->session != NULL && monitor_next_requested(connection, request, &filters, &filter))
            monitor_session_add_filter(connection->monitor, connection->session, &filter);
    }
    forget_requests(connection);
}

/* ---- Time
 * ------------------------------------------------------------------------------------------------------------ */

/* A Client that has not received CONNACK does not know of a Server Keep Alive. */
static microseconds allowed_silence(const struct monitored *connection) {
    microseconds allowed = connection->keep_alive * MICROSECONDS_PER_SECOND * 3 / 2;
    return connection->server_keep_alive && !connection->informed ? allowed + MONITOR_ARRIVAL : allowed;
}

static bool silence_can_be_judged(const struct monitored *connection) {
    /* A Server of MQTT 5.0 may have ended the conversation unseen. */
    if (monitor_in_5_0(connection) && !connection->seen[MQTT_SERVER])
        return false;
    return connection->silence_judged && connection->keep_alive > 0 && !connection->disconnected[MQTT_CLIENT] &&
           !connection->disconnected[MQTT_SERVER] && !connection->streams[MQTT_CLIENT].closed &&
           !connection->streams[MQTT_SERVER].closed;
}

/* Each silence is reported once. */
static void judge_silence(struct monitored *connection, microseconds now) {
    connection->now = now;
    if (!silence_can_be_judged(connection) || now - connection->client_spoke <= allowed_silence(connection))
        return;
    monitor_breach(connection, MQTT_CLIENT,
                   connection->server_keep_alive ? MONITOR_RULE_SERVER_KEEP_ALIVE : MONITOR_RULE_KEEP_ALIVE);
    connection->silence_judged = false;
}

static void expect_silence_to_end(struct monitored *connection) {
    microseconds end = connection->client_spoke + allowed_silence(connection);
    if (silence_can_be_judged(connection) && end < connection->monitor->next_silence)
        connection->monitor->next_silence = end;
}

void monitor_tick(struct monitor *monitor, microseconds now) {
    if (now <= monitor->next_silence)
        return;
    monitor->next_silence = NO_DEADLINE;
    for (struct monitored *connection = monitor->connections; connection != NULL; connection = connection->next) {
        judge_silence(connection, now);
        expect_silence_to_end(connection);
    }
}

/* ---- Bytes
 * ------------------------------------------------------------------------------------------------------------- */

static struct mqtt_decoder decoder_of(const struct monitored *connection, enum mqtt_side side) {
    struct mqtt_decoder decoder = {connection->version, side, 0, &connection->monitor->rules};
    /* What a Server says to a CONNECT in a protocol that is not known here is read in the form that is most likely:
     * it refuses as MQTT 3.1.1 does. */
    if (side == MQTT_SERVER && decoder.version == MQTT_VERSION_UNKNOWN)
        decoder.version = MQTT_3_1_1;
    return decoder;
}

/* A Server of an earlier version that is asked for MQTT 5.0 refuses as its own version does. */
static bool refuses_version(const struct monitored *connection, enum mqtt_side side, struct mqtt_bytes bytes) {
    static const uint8_t refusal[] = {MQTT_CONNACK << 4, 2, 0, MQTT_UNACCEPTABLE_PROTOCOL_VERSION};
    return side == MQTT_SERVER && !connection->streams[side].spoke && monitor_in_5_0(connection) &&
           mqtt_equal(bytes, (struct mqtt_bytes){refusal, sizeof refusal});
}

/* Where the version is only assumed, and the bytes are of no packet of it but of one of MQTT 5.0, they tell the
 * version. `whole`: they are a whole packet, else its Fixed Header at least. */
static bool tells_5_0(struct monitored *connection, enum mqtt_side side, struct mqtt_bytes bytes, bool whole) {
    struct mqtt_decoder decoder = decoder_of(connection, side);
    struct mqtt_packet packet;
    struct mqtt_frame frame;
    struct mqtt_error error;
    decoder.version = MQTT_5_0;
    if (!connection->version_assumed || connection->version == MQTT_5_0 ||
        mqtt_frame(&decoder, bytes, &frame, &error) == MQTT_REFUSED)
        return false;
    if (whole && mqtt_decode(&decoder, bytes, &packet, &error) != MQTT_OK)
        return false;
    connection->version = MQTT_5_0;
    monitor_lose_track(connection); /* it was read as another */
    return true;
}

/* A Fixed Header that no version allows. */
static bool refused_in_every_version(struct mqtt_decoder decoder, struct mqtt_bytes bytes) {
    static const enum mqtt_version versions[] = {MQTT_3_1, MQTT_3_1_1, MQTT_5_0};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct mqtt_frame frame;
        struct mqtt_error error;
        decoder.version = versions[i];
        if (mqtt_frame(&decoder, bytes, &frame, &error) != MQTT_REFUSED)
            return false;
    }
    return true;
}

/* Where the CONNECT was not seen, or not understood, it may have changed the session of any Client. When it did is
 * not known, but it was before the Server answers. */
static void note_unknown_connect(struct monitored *connection, enum mqtt_side side, const struct mqtt_packet *packet) {
    bool starts = packet != NULL && packet->type == MQTT_CONNECT;
    bool refused = packet != NULL && packet->type == MQTT_CONNACK && packet->connack.code != MQTT_CONNECTION_ACCEPTED;
    bool missed = connection->connect_missed && !starts && !connection->streams[side].spoke;
    bool unjudged = connection->phase == MONITOR_AWAITS_CONNECT && (side == MQTT_SERVER || connection->undefined);
    if (missed || (unjudged && !refused))
        monitor_clients_forget(connection->monitor);
}

/* The bytes do not decode: nothing behind them can be trusted. */
static void refuse(struct monitored *connection, enum mqtt_side side, struct mqtt_bytes bytes,
                   const struct mqtt_error *error) {
    const struct monitor_hooks *hooks = &connection->monitor->hooks;
    bool foreign =
        connection->phase == MONITOR_FOREIGN || (side == MQTT_SERVER && connection->phase == MONITOR_AWAITS_CONNECT);
    bool certain = !connection->version_assumed || refused_in_every_version(decoder_of(connection, side), bytes);
    if (!foreign && certain && hooks->breach != NULL) {
        struct monitor_breach breach = {.side = side,
                                        .statement = error->statement,
                                        .what = error->what,
                                        .time = connection->now,
                                        .owner = connection->owner,
                                        .bytes = bytes,
                                        .offset = error->offset};
        hooks->breach(hooks->context, &breach);
    }
    note_unknown_connect(connection, side, NULL);
    connection->streams[side].silent = true;
    if (side == MQTT_CLIENT)
        connection->silence_judged = false;
    else if (connection->phase == MONITOR_FOREIGN)
        monitor_clients_forget(connection->monitor);
    monitor_lose_track(connection);
}

static void take_packet(struct monitored *connection, enum mqtt_side side, struct mqtt_bytes bytes) {
    const struct monitor_hooks *hooks = &connection->monitor->hooks;
    struct mqtt_decoder decoder = decoder_of(connection, side);
    struct mqtt_packet packet;
    struct mqtt_error error;
    if (refuses_version(connection, side, bytes))
        decoder.version = MQTT_3_1_1;
    if (mqtt_decode(&decoder, bytes, &packet, &error) != MQTT_OK) {
        if (tells_5_0(connection, side, bytes, true))
            take_packet(connection, side, bytes);
        else
            refuse(connection, side, bytes, &error);
        return;
    }
    if (hooks->packet != NULL)
        hooks->packet(hooks->context, connection->owner, side, connection->now, &packet, bytes);
    note_unknown_connect(connection, side, &packet);
    connection->packet = &packet;
    connection->bytes = bytes;
    if (!connection->undefined)
        (side == MQTT_CLIENT ? monitor_client_packet : monitor_server_packet)(connection, &packet);
    if (connection->exhausted)
        monitor_leave_undefined(connection);
    connection->packet = NULL;
    connection->streams[side].spoke = true;
}

static enum mqtt_status read_frame(struct monitored *connection, enum mqtt_side side, struct mqtt_bytes bytes,
                                   struct mqtt_frame *frame) {
    struct mqtt_decoder decoder = decoder_of(connection, side);
    struct mqtt_error error;
    enum mqtt_status status = mqtt_frame(&decoder, bytes, frame, &error);
    if (status == MQTT_REFUSED && tells_5_0(connection, side, bytes, false))
        return read_frame(connection, side, bytes, frame);
    if (status == MQTT_REFUSED)
        refuse(connection, side, bytes, &error);
    return status;
}

/* Copies bytes of an unfinished packet. The buffer grows with what really came, not with what was announced. */
static bool hold(struct monitored *connection, enum mqtt_side side, struct mqtt_bytes bytes) {
    struct monitor_stream *stream = &connection->streams[side];
    uint32_t needed = stream->length + bytes.length;
    assert(needed <= MQTT_MAXIMUM_PACKET_SIZE);
    if (needed > stream->capacity) {
        uint32_t capacity = stream->capacity == 0 ? 64 : stream->capacity;
        while (capacity < needed)
            capacity *= 2;
        uint8_t *grown = monitor_grown(&connection->monitor->environment, stream->bytes, stream->capacity, capacity);
        if (grown == NULL) {
            stream->silent = true;
            monitor_leave_undefined(connection);
            return false;
        }
        stream->bytes = grown;
        stream->capacity = capacity;
    }
    memcpy(stream->bytes + stream->length, bytes.data, bytes.length);
    stream->length = needed;
    return true;
}

static bool hold_first(struct monitored *connection, enum mqtt_side side, struct mqtt_bytes *bytes, uint32_t count) {
    struct mqtt_bytes first = {bytes->data, count < bytes->length ? count : bytes->length};
    bytes->data += first.length;
    bytes->length -= first.length;
    return hold(connection, side, first);
}

/* Adds to the unfinished packet what belongs to it, and judges it once it is whole. False when it is not. */
static bool finish_packet(struct monitored *connection, enum mqtt_side side, struct mqtt_bytes *bytes) {
    struct monitor_stream *stream = &connection->streams[side];
    struct mqtt_frame frame;
    for (;;) {
        struct mqtt_bytes held = {stream->bytes, stream->length};
        enum mqtt_status status = read_frame(connection, side, held, &frame);
        if (status == MQTT_OK)
            break;
        if (status == MQTT_REFUSED || bytes->length == 0 || !hold_first(connection, side, bytes, 1))
            return false;
    }
    if (!hold_first(connection, side, bytes, frame.packet_size - stream->length) || stream->length < frame.packet_size)
        return false;
    /* Out of the stream first: judging may leave it silent. */
    struct monitor_stream whole = *stream;
    stream->bytes = NULL;
    stream->length = 0;
    stream->capacity = 0;
    take_packet(connection, side, (struct mqtt_bytes){whole.bytes, whole.length});
    release_bytes(connection, &whole);
    return true;
}

static void read_packets(struct monitored *connection, enum mqtt_side side, struct mqtt_bytes bytes) {
    struct monitor_stream *stream = &connection->streams[side];
    if (stream->length > 0 && !finish_packet(connection, side, &bytes))
        return;
    while (bytes.length > 0 && !stream->silent) {
        struct mqtt_frame frame;
        enum mqtt_status status = read_frame(connection, side, bytes, &frame);
        if (status == MQTT_REFUSED)
            return;
        if (status == MQTT_INCOMPLETE || bytes.length < frame.packet_size) {
            hold(connection, side, bytes);
            return;
        }
        take_packet(connection, side, (struct mqtt_bytes){bytes.data, frame.packet_size});
        bytes.data += frame.packet_size;
        bytes.length -= frame.packet_size;
    }
}

/* A Server that speaks while nothing at all came from the Client cannot be answering a CONNECT. */
static bool speaks_unasked(const struct monitored *connection, enum mqtt_side side) {
    const struct monitor_stream *client = &connection->streams[MQTT_CLIENT];
    return side == MQTT_SERVER && connection->phase == MONITOR_AWAITS_CONNECT && !client->silent && client->length == 0;
}

void monitor_bytes(struct monitored *connection, enum mqtt_side side, struct mqtt_bytes bytes, microseconds now) {
    struct monitor_stream *stream = &connection->streams[side];
    connection->now = now;
    if (bytes.length == 0)
        return;
    if (side == MQTT_CLIENT) {
        judge_silence(connection, now);
        connection->client_spoke = now;
        connection->silence_judged =
            connection->phase == MONITOR_CONNECTED && !connection->undefined && !stream->silent;
    }
    if (speaks_unasked(connection, side) && !connection->undefined) {
        monitor_breach(connection, side, MONITOR_RULE_BEFORE_CONNECT);
        monitor_leave_undefined(connection);
    }
    if (!stream->silent)
        read_packets(connection, side, bytes);
    if (stream->silent)
        release_bytes(connection, stream);
    expect_silence_to_end(connection);
}

/* ---- What happens to the connection -------------------------------------------------------------------------- */

/* The CONNECT or its answer may have been among what is missing. */
static void gap_before_connected(struct monitored *connection, enum mqtt_side side) {
    if (connection->phase == MONITOR_AWAITS_CONNECT && side == MQTT_CLIENT) {
        connection->monitor->awaited--;
        assume_connected(connection);
        connection->from_start = false;
    } else if (connection->phase == MONITOR_AWAITS_CONNECT) {
        monitor_clients_forget(connection->monitor);
    } else if (connection->phase == MONITOR_AWAITS_CONNACK && side == MQTT_SERVER) {
        monitor_connect_unanswered(connection);
        connection->phase = MONITOR_CONNECTED;
    }
}

void monitor_gap(struct monitored *connection, enum mqtt_side side, microseconds now) {
    connection->now = now;
    release_bytes(connection, &connection->streams[side]);
    if (side == MQTT_CLIENT)
        connection->silence_judged = false;
    gap_before_connected(connection, side);
    monitor_lose_track(connection);
}

void monitor_half_closed(struct monitored *connection, enum mqtt_side side, microseconds now) {
    judge_silence(connection, now);
    connection->streams[side].closed = true;
    connection->streams[side].closed_at = now;
}

void monitor_close(struct monitored *connection, microseconds now) {
    judge_silence(connection, now);
    if (connection->phase == MONITOR_AWAITS_CONNACK)
        monitor_connect_unanswered(connection);
    /* Where the Client closed its direction, all that it sent was seen: nothing. */
    if (connection->phase == MONITOR_AWAITS_CONNECT) {
        connection->monitor->awaited--;
        connection->monitor->unheard += !connection->streams[MQTT_CLIENT].closed;
    }
    if (connection->phase == MONITOR_FOREIGN || (connection->connect_missed && !connection->streams[MQTT_SERVER].spoke))
        monitor_clients_forget(connection->monitor); /* it may have been accepted, for any Client Identifier */
    monitor_expiry_begins(connection);
    monitor_requests_end(connection);
    destroy_connection(connection);
}

enum mqtt_version monitor_version(const struct monitored *connection) {
    return connection->version;
}

struct mqtt_bytes monitor_client_identifier(const struct monitored *connection) {
    if (connection->client == NULL)
        return mqtt_text("");
    return (struct mqtt_bytes){connection->client->identifier, connection->client->length};
}
