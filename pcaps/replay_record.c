/* From a capture to the steps of a replay. */
#include <stdlib.h>
#include <string.h>

#include "pcaps/mqtt_capture.h"
#include "pcaps/replay_choices.h"
#include "pcaps/replay_order.h"

struct recorder {
    struct recording *recording;
    const struct replay_names *names;
    size_t count; /* of MQTT connections, with those that cannot be played */
    size_t open;  /* that can be played */
    struct spec_rules rules;
};

struct recorded {
    struct recorder *recorder;
    struct recorded_connection *connection;
    size_t index;
    bool connected;                  /* the client has sent CONNECT */
    bool goodbye;                    /* and DISCONNECT */
    bool closed;                     /* the client has closed */
    bool closed_by_it;               /* the broker has closed */
    struct packet_stream streams[2]; /* by enum mqtt_side, as the next one */
    struct topic_aliases aliases[2];
    struct choices limits; /* of the recorded broker */
};

struct moment {
    uint64_t frame;
    microseconds time;
};

/* ---- Steps ----------------------------------------------------------------------------------------------- */

/* Notes that the next step of the recording is this connection's. */
static bool note_step(struct recorded_connection *connection, size_t step) {
    if (connection->step_count == connection->step_capacity) {
        size_t capacity = connection->step_capacity == 0 ? 8 : connection->step_capacity * 2;
        size_t *steps = realloc(connection->steps, capacity * sizeof *steps);
        if (steps == NULL)
            return false;
        connection->steps = steps;
        connection->step_capacity = capacity;
    }
    connection->steps[connection->step_count++] = step;
    return true;
}

static struct step *add_step(struct recorded *recorded, enum step_kind kind, struct moment moment) {
    struct recording *recording = recorded->recorder->recording;
    if (recording->step_count == recording->step_capacity) {
        size_t capacity = recording->step_capacity == 0 ? 64 : recording->step_capacity * 2;
        struct step *steps = realloc(recording->steps, capacity * sizeof *steps);
        if (steps == NULL) {
            recording->no_memory = true;
            return NULL;
        }
        recording->steps = steps;
        recording->step_capacity = capacity;
    }
    if (!note_step(recorded->connection, recording->step_count)) {
        recording->no_memory = true;
        return NULL;
    }
    struct step *step = &recording->steps[recording->step_count++];
    *step = (struct step){.kind = kind, .connection = recorded->index, .frame = moment.frame, .time = moment.time};
    return step;
}

/* The live broker will assign another one in its place. */
static bool was_assigned(const struct recording *recording, struct mqtt_bytes identifier) {
    for (size_t i = 0; i < recording->connection_count; i++)
        if (mqtt_equal(recording->connections[i]->assigned, identifier))
            return true;
    return false;
}

static enum mqtt_version version_of(const struct recorded *recorded, const struct mqtt_packet *packet) {
    uint8_t level = packet->type == MQTT_CONNECT ? packet->connect.protocol_level : 0;
    return level >= MQTT_3_1 && level <= MQTT_5_0 ? (enum mqtt_version)level : recorded->connection->version;
}

/* Gives the step its own copy of the bytes, and decodes them there. */
static void fill_step(struct recorded *recorded, struct step *step, enum mqtt_side side, struct mqtt_bytes bytes,
                      const struct mqtt_packet *packet) {
    struct recorder *recorder = recorded->recorder;
    struct mqtt_error error;
    struct replay_names names = *recorder->names;
    if (packet != NULL && packet->type == MQTT_CONNECT &&
        was_assigned(recorder->recording, packet->connect.client_identifier))
        names.client_prefix = NULL;
    if (packet != NULL)
        step->length = (uint32_t)rename_packet(&names, version_of(recorded, packet), packet, &step->bytes);
    if (step->length == 0) {
        free(step->bytes);
        step->bytes = malloc(bytes.length);
        if (step->bytes == NULL) {
            recorder->recording->no_memory = true;
            return;
        }
        memcpy(step->bytes, bytes.data, bytes.length);
        step->length = bytes.length;
    }
    struct mqtt_bytes own = {step->bytes, step->length};
    step->decoded =
        packet != NULL && mqtt_decode(&recorded->streams[side].decoder, own, &step->packet, &error) == MQTT_OK;
}

static void learn_from_connect(struct recorded *recorded, const struct step *step) {
    const struct mqtt_connect *connect = &step->packet.connect;
    struct recorded_connection *connection = recorded->connection;
    uint8_t level = connect->protocol_level;
    if (recorded->connected)
        return; /* a second one changes nothing */
    recorded->connected = true;
    connection->version = level >= MQTT_3_1 && level <= MQTT_5_0 ? (enum mqtt_version)level : MQTT_3_1_1;
    recorded->streams[MQTT_CLIENT].decoder.version = connection->version;
    recorded->streams[MQTT_SERVER].decoder.version = connection->version;
    if (connect->client_identifier.data == NULL)
        return;
    connection->client_identifier = connect->client_identifier;
    show_name(connect->client_identifier, connection->client, sizeof connection->client);
}

static void learn_from_connack(struct recorded *recorded, const struct step *step) {
    struct recorded_connection *connection = recorded->connection;
    struct mqtt_bytes assigned = mqtt_property_bytes(step->packet.connack.properties, MQTT_ASSIGNED_CLIENT_IDENTIFIER);
    if (assigned.length == 0)
        return;
    connection->assigned = connection->client_identifier = assigned;
    show_name(assigned, connection->client, sizeof connection->client);
}

/* Puts the topic into a PUBLISH that names only its alias, in memory of its own: aliases are set anew. */
static void resolve_topic(struct recorded *recorded, enum mqtt_side side, struct step *step) {
    struct mqtt_packet packet = step->packet;
    if (!topic_aliases_resolve(&recorded->aliases[side], &packet))
        recorded->recorder->recording->no_memory = true;
    if (packet.type != MQTT_PUBLISH || packet.publish.topic.length == step->packet.publish.topic.length)
        return;
    step->topic = malloc(packet.publish.topic.length);
    if (step->topic == NULL) {
        recorded->recorder->recording->no_memory = true;
        return;
    }
    memcpy(step->topic, packet.publish.topic.data, packet.publish.topic.length);
    step->packet.publish.topic = (struct mqtt_bytes){step->topic, packet.publish.topic.length};
}

static bool has_shared(const struct mqtt_subscribe *subscribe) {
    struct mqtt_bytes filters = subscribe->filters, filter, share, topic_filter;
    uint8_t options;
    while (filters.length > 0 && mqtt_next_filter(&filters, &filter, &options))
        if (mqtt_shared_filter(filter, &share, &topic_filter))
            return true;
    return false;
}

/* A client that goes beyond what the recorded broker allowed is to do so again. */
static void note_limits(struct recorded *recorded, enum mqtt_side side, struct step *step) {
    struct choices *limits = &recorded->limits;
    struct mqtt_packet packet = step->packet;
    if (side == MQTT_SERVER) {
        if (!choices_learn(limits, recorded->connection->version, &packet))
            recorded->recorder->recording->no_memory = true;
        return;
    }
    bool is_message = packet.type == MQTT_PUBLISH && recorded->connection->version == MQTT_5_0;
    step->beyond_limits = !choices_allow(limits, &packet) ||
                          (is_message && mqtt_property_number(packet.publish.properties, MQTT_TOPIC_ALIAS, 0) >
                                             limits->topic_alias_maximum);
    choices_sent(limits, &packet);
}

static void add_packet(struct recorded *recorded, enum mqtt_side side, struct mqtt_bytes bytes,
                       const struct mqtt_packet *packet, struct moment moment) {
    struct step *step = add_step(recorded, side == MQTT_CLIENT ? STEP_SEND : STEP_RECEIVE, moment);
    if (step == NULL)
        return;
    fill_step(recorded, step, side, bytes, packet);
    if (!step->decoded)
        return;
    resolve_topic(recorded, side, step);
    note_limits(recorded, side, step);
    if (step->packet.type == MQTT_CONNECT)
        learn_from_connect(recorded, step);
    if (step->packet.type == MQTT_CONNACK)
        learn_from_connack(recorded, step);
    if (step->packet.type == MQTT_DISCONNECT && side == MQTT_CLIENT)
        recorded->goodbye = true;
    if (step->packet.type == MQTT_SUBSCRIBE && recorded->connection->version == MQTT_5_0)
        recorded->connection->shares |= has_shared(&step->packet.subscribe);
}

static void add_packets(struct recorded *recorded, enum mqtt_side side, struct moment moment) {
    struct taken_packet taken;
    enum mqtt_status status;
    while ((status = packet_stream_next(&recorded->streams[side], &taken)) != MQTT_INCOMPLETE)
        add_packet(recorded, side, taken.bytes, status == MQTT_OK ? &taken.packet : NULL, moment);
}

/* The client's last bytes may be the beginning of a packet only: they were sent all the same. */
static void add_rest(struct recorded *recorded, struct moment moment) {
    struct taken_packet taken;
    struct packet_stream *stream = &recorded->streams[MQTT_CLIENT];
    if (packet_stream_next(stream, &taken) == MQTT_INCOMPLETE && taken.bytes.length > 0)
        add_packet(recorded, MQTT_CLIENT, taken.bytes, NULL, moment);
    packet_stream_gap(stream);
}

/* ---- What the capture tells ------------------------------------------------------------------------------ */

static struct recorded_connection *add_connection(struct recording *recording, size_t number) {
    size_t size = (recording->connection_count + 1) * sizeof *recording->connections;
    struct recorded_connection **connections = realloc(recording->connections, size);
    if (connections == NULL)
        return NULL;
    recording->connections = connections;
    struct recorded_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    connection->index = recording->connection_count;
    connection->number = number;
    connection->version = MQTT_3_1_1;
    strcpy(connection->client, "?");
    connections[recording->connection_count++] = connection;
    return connection;
}

static void *opened(void *context, const struct stream_address *client, const struct stream_address *server,
                    bool from_start, uint64_t frame, microseconds time) {
    struct recorder *recorder = context;
    (void)client;
    (void)server;
    recorder->count++;
    if (!from_start) {
        recorder->recording->joined++;
        return NULL;
    }
    struct recorded *recorded = calloc(1, sizeof *recorded);
    if (recorded != NULL)
        recorded->connection = add_connection(recorder->recording, recorder->count);
    if (recorded == NULL || recorded->connection == NULL) {
        recorder->recording->no_memory = true;
        free(recorded);
        return NULL;
    }
    recorded->recorder = recorder;
    recorded->index = recorded->connection->index;
    if (++recorder->open > recorder->recording->most_open)
        recorder->recording->most_open = recorder->open;
    packet_stream_begin(&recorded->streams[MQTT_CLIENT], MQTT_CLIENT, MQTT_3_1_1, &recorder->rules);
    packet_stream_begin(&recorded->streams[MQTT_SERVER], MQTT_SERVER, MQTT_3_1_1, &recorder->rules);
    (void)add_step(recorded, STEP_OPEN, (struct moment){frame, time});
    return recorded;
}

static void received(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                     microseconds time) {
    struct recorder *recorder = context;
    struct recorded *recorded = owner;
    if (recorded == NULL)
        return;
    if (!packet_stream_append(&recorded->streams[side], bytes))
        recorder->recording->no_memory = true;
    add_packets(recorded, side, (struct moment){frame, time});
}

static void missing(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                    microseconds time) {
    struct recorder *recorder = context;
    struct recorded *recorded = owner;
    (void)length;
    (void)frame;
    (void)time;
    if (recorded == NULL)
        return;
    recorder->recording->gaps += side == MQTT_CLIENT;
    packet_stream_gap(&recorded->streams[side]);
}

static void ended(void *context, void *owner, enum mqtt_side side, bool reset, uint64_t frame, microseconds time) {
    struct recorded *recorded = owner;
    struct moment moment = {frame, time};
    (void)context;
    if (recorded == NULL || (side == MQTT_CLIENT ? recorded->closed : recorded->closed_by_it))
        return;
    if (side == MQTT_CLIENT)
        add_rest(recorded, moment);
    struct step *step = add_step(recorded, side == MQTT_CLIENT ? STEP_CLOSE : STEP_CLOSED, moment);
    if (step != NULL) {
        step->reset = reset;
        step->after_goodbye = recorded->goodbye || recorded->closed;
    }
    *(side == MQTT_CLIENT ? &recorded->closed : &recorded->closed_by_it) = true;
}

static void closed(void *context, void *owner, uint64_t frame, microseconds time) {
    struct recorder *recorder = context;
    struct recorded *recorded = owner;
    if (recorded == NULL)
        return;
    recorder->open--;
    if (!recorded->closed)
        add_rest(recorded, (struct moment){frame, time});
    packet_stream_end(&recorded->streams[MQTT_CLIENT]);
    packet_stream_end(&recorded->streams[MQTT_SERVER]);
    topic_aliases_free(&recorded->aliases[MQTT_CLIENT]);
    topic_aliases_free(&recorded->aliases[MQTT_SERVER]);
    choices_free(&recorded->limits);
    free(recorded);
}

bool recording_read(struct recording *recording, const struct capture_source *source, const struct replay_names *names,
                    char *reason, size_t reason_size) {
    memset(recording, 0, sizeof *recording);
    struct recorder recorder = {.recording = recording, .names = names};
    const struct mqtt_capture_hooks wanted = {.stream = {&recorder, opened, received, missing, ended, closed}};
    struct mqtt_capture_totals found;
    bool whole = mqtt_capture_read(source, &wanted, &found, reason, reason_size);
    recording->others = found.others;
    recording->tls = found.tls;
    if (!order_begin(recording))
        recording->no_memory = true;
    if (whole && recording->no_memory) {
        snprintf(reason, reason_size, "no memory for all of it");
        return false;
    }
    return whole;
}

void recording_free(struct recording *recording) {
    order_end(recording);
    for (size_t i = 0; i < recording->step_count; i++) {
        free(recording->steps[i].bytes);
        free(recording->steps[i].topic);
        free(recording->steps[i].instead);
    }
    for (size_t i = 0; i < recording->connection_count; i++)
        free(recording->connections[i]);
    free(recording->steps);
    free(recording->connections);
    memset(recording, 0, sizeof *recording);
}
