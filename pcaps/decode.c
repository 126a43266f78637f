#include "pcaps/decode.h"

#include <stdlib.h>
#include <string.h>

#include "pcaps/mqtt_capture.h"
#include "pcaps/packet_stream.h"
#include "pcaps/show.h"
#include "pcaps/topic_aliases.h"
#include "reports/reports.h"

struct decoding {
    const char *path; /* NULL for bytes that stand for themselves */
    enum decode_form form;
    struct decode_filter filter;
    bool started;
    microseconds start; /* of the first connection */
    struct decode_totals totals;
    struct spec_rules rules;
};

struct connection {
    struct decoding *decoding;
    size_t number; /* from 1 */
    bool wanted;   /* by its Client Identifier */
    char client[SHOW_NAME_CAPACITY];
    char addresses[2][64];
    struct packet_stream streams[2]; /* by enum mqtt_side, as the next one */
    struct topic_aliases aliases[2];
};

/* Where and when something was seen. */
struct moment {
    uint64_t frame;
    microseconds time;
};

/* ---- Lines ----------------------------------------------------------------------------------------------- */

static void begin_line(const struct connection *connection, enum mqtt_side side, struct moment moment) {
    const struct decoding *decoding = connection->decoding;
    if (decoding->path == NULL)
        return;
    printf("%12.6f  #%-5llu c%-3zu %-16s %s ", show_seconds(decoding->start, moment.time),
           (unsigned long long)moment.frame, connection->number, connection->client, side == MQTT_CLIENT ? "->" : "<-");
}

static void begin_object(struct json_writer *json, const struct connection *connection, enum mqtt_side side,
                         struct moment moment) {
    const struct decoding *decoding = connection->decoding;
    json_begin(json, stdout);
    json_open_object(json, NULL);
    if (decoding->path != NULL) {
        json_text(json, "file", decoding->path);
        json_number(json, "frame", moment.frame);
        json_number(json, "time", moment.time);
        json_number(json, "connection", connection->number);
        json_text(json, "client_address", connection->addresses[MQTT_CLIENT]);
        json_text(json, "server_address", connection->addresses[MQTT_SERVER]);
        json_text(json, "client", connection->client);
    }
    json_text(json, "sender", show_side(side));
}

static void end_object(struct json_writer *json) {
    json_close_object(json);
    putchar('\n');
}

/* What the fields of a packet are printed with. */
struct field_writer {
    enum mqtt_version version;
    enum mqtt_type type;
};

/* Whole, but so that a terminal cannot be made to do anything by it. */
static void print_text(struct mqtt_bytes text) {
    size_t capacity = (size_t)text.length * 4 + SHOW_NAME_CAPACITY;
    char *buffer = malloc(capacity);
    if (buffer == NULL) {
        printf("(%u bytes; no memory to show them)", text.length);
        return;
    }
    show_name(text, buffer, capacity);
    printf("\"%s\"", buffer);
    free(buffer);
}

static void print_field(void *context, const struct mqtt_field *field) {
    const struct field_writer *writer = context;
    const char *meaning = show_meaning(writer->version, writer->type, field);
    printf("%16s%s: ", "", field->name);
    switch (field->kind) {
    case MQTT_FIELD_NUMBER:
    case MQTT_FIELD_FLAG:
        printf("%u", field->number);
        break;
    case MQTT_FIELD_TEXT:
    case MQTT_FIELD_BINARY:
        print_text(field->bytes);
        break;
    case MQTT_FIELD_PAIR:
        print_text(field->bytes);
        fputs(" = ", stdout);
        print_text(field->value);
        break;
    }
    if (meaning != NULL)
        printf(" (%s)", meaning);
    putchar('\n');
}

static void print_fields(enum mqtt_version version, const struct taken_packet *taken) {
    struct field_writer writer = {.version = version, .type = taken->packet.type};
    mqtt_visit_fields(version, &taken->packet, print_field, &writer);
    printf("%16sbytes:", "");
    for (uint32_t i = 0; i < taken->bytes.length; i++)
        printf(" %02x", taken->bytes.data[i]);
    putchar('\n');
}

/* The topic of a PUBLISH that has only a Topic Alias; absent for all other packets. */
static struct mqtt_bytes topic_of_alias(struct connection *connection, enum mqtt_side side,
                                        const struct taken_packet *taken) {
    struct mqtt_packet resolved = taken->packet;
    bool known = topic_aliases_resolve(&connection->aliases[side], &resolved);
    if (!known || taken->packet.type != MQTT_PUBLISH || taken->packet.publish.topic.length > 0)
        return (struct mqtt_bytes){NULL, 0};
    return resolved.publish.topic;
}

static void show_taken(const struct connection *connection, enum mqtt_side side, const struct taken_packet *taken,
                       struct mqtt_bytes topic, struct moment moment) {
    enum mqtt_version version = connection->streams[side].decoder.version;
    if (connection->decoding->form == DECODE_JSON) {
        struct json_writer json;
        begin_object(&json, connection, side, moment);
        json_text(&json, "type", mqtt_type_name(taken->packet.type));
        json_text(&json, "version", mqtt_version_name(version));
        show_json_fields(&json, version, &taken->packet);
        if (topic.length > 0)
            json_bytes_as_text(&json, "topic_of_alias", topic.data, topic.length);
        json_bytes_as_hex(&json, "bytes", taken->bytes.data, taken->bytes.length);
        end_object(&json);
        return;
    }
    char text[SHOW_PACKET_CAPACITY];
    show_packet(version, &taken->packet, text, sizeof text);
    begin_line(connection, side, moment);
    fputs(text, stdout);
    if (topic.length > 0) {
        fputs(" topic_of_alias=", stdout);
        print_text(topic);
    }
    putchar('\n');
    if (connection->decoding->form == DECODE_FIELDS)
        print_fields(version, taken);
}

static void show_refused(const struct connection *connection, enum mqtt_side side, const struct taken_packet *taken,
                         struct moment moment) {
    const struct mqtt_error *error = &taken->error;
    if (connection->decoding->form == DECODE_JSON) {
        struct json_writer json;
        begin_object(&json, connection, side, moment);
        json_text(&json, "refused", error->what);
        json_text(&json, "class", show_error_class(error->error_class));
        json_text(&json, "statement", spec_name(error->statement));
        json_number(&json, "offset", error->offset);
        json_bytes_as_hex(&json, "bytes", taken->bytes.data, taken->bytes.length);
        end_object(&json);
        return;
    }
    begin_line(connection, side, moment);
    printf("refused: %s (%s, %s), at offset %u of %u: ", error->what, show_error_class(error->error_class),
           spec_name(error->statement), error->offset, taken->bytes.length);
    show_bytes_around(stdout, taken->bytes, error->offset);
    putchar('\n');
}

/* A remark on a connection: bytes are missing or are the beginning of a packet only. */
static void show_remark(const struct connection *connection, enum mqtt_side side, const char *remark, uint64_t length,
                        struct moment moment) {
    if (connection->decoding->form == DECODE_JSON) {
        struct json_writer json;
        begin_object(&json, connection, side, moment);
        json_text(&json, "remark", remark);
        json_number(&json, "length", length);
        end_object(&json);
        return;
    }
    begin_line(connection, side, moment);
    printf("%s (%llu bytes)\n", remark, (unsigned long long)length);
}

/* ---- Packets --------------------------------------------------------------------------------------------- */

static enum mqtt_version version_of(const struct mqtt_connect *connect) {
    bool known = connect->protocol_level >= MQTT_3_1 && connect->protocol_level <= MQTT_5_0;
    return known ? (enum mqtt_version)connect->protocol_level : MQTT_3_1_1;
}

static void learn_name(struct connection *connection, struct mqtt_bytes name) {
    show_name(name, connection->client, sizeof connection->client);
    connection->wanted = decode_filter_wants_client(&connection->decoding->filter, name);
}

static void learn_from_connect(struct connection *connection, const struct mqtt_connect *connect) {
    enum mqtt_version version = version_of(connect);
    connection->streams[MQTT_CLIENT].decoder.version = version;
    connection->streams[MQTT_SERVER].decoder.version = version;
    if (connect->client_identifier.data != NULL)
        learn_name(connection, connect->client_identifier);
}

/* A client that gave no Client Identifier goes by the one that it was given. */
static void learn_from_connack(struct connection *connection, const struct mqtt_connack *connack) {
    struct mqtt_bytes assigned = mqtt_property_bytes(connack->properties, MQTT_ASSIGNED_CLIENT_IDENTIFIER);
    if (assigned.length > 0)
        learn_name(connection, assigned);
}

/* What is said of this connection now can be what is asked for. */
static bool wants_moment(const struct connection *connection, struct moment moment) {
    const struct decoding *decoding = connection->decoding;
    return connection->wanted && decode_filter_wants_time(&decoding->filter, decoding->start, moment.time);
}

static void take_refused(const struct connection *connection, enum mqtt_side side, const struct taken_packet *taken,
                         struct moment moment) {
    const struct decode_filter *filter = &connection->decoding->filter;
    enum mqtt_type type = (enum mqtt_type)(taken->bytes.data[0] >> 4);
    if (filter->topic.data != NULL || !decode_filter_wants_type(filter, type) || !wants_moment(connection, moment))
        return;
    connection->decoding->totals.refused++;
    show_refused(connection, side, taken, moment);
}

static void take_packet(struct connection *connection, enum mqtt_side side, const struct taken_packet *taken,
                        struct moment moment) {
    struct decode_totals *totals = &connection->decoding->totals;
    totals->packets++;
    if (taken->packet.type == MQTT_CONNECT)
        learn_from_connect(connection, &taken->packet.connect);
    if (taken->packet.type == MQTT_CONNACK)
        learn_from_connack(connection, &taken->packet.connack);
    struct mqtt_bytes topic =
        topic_of_alias(connection, side, taken); /* aliases are learned from what is not shown, too */
    if (!wants_moment(connection, moment) ||
        !decode_filter_wants_packet(&connection->decoding->filter, &taken->packet, topic))
        return;
    totals->shown++;
    show_taken(connection, side, taken, topic, moment);
}

static void show_packets(struct connection *connection, enum mqtt_side side, struct moment moment) {
    struct taken_packet taken;
    enum mqtt_status status;
    while ((status = packet_stream_next(&connection->streams[side], &taken)) != MQTT_INCOMPLETE) {
        if (status == MQTT_REFUSED)
            take_refused(connection, side, &taken, moment);
        else
            take_packet(connection, side, &taken, moment);
    }
}

/* What is neither a packet nor bytes that are none has no type and no topic. */
static bool wants_remark(const struct connection *connection, struct moment moment) {
    const struct decode_filter *filter = &connection->decoding->filter;
    return filter->topic.data == NULL && filter->types == 0 && wants_moment(connection, moment);
}

/* Says so where a side's bytes end within a packet. */
static void show_rest(struct connection *connection, enum mqtt_side side, struct moment moment) {
    struct taken_packet taken;
    if (packet_stream_next(&connection->streams[side], &taken) != MQTT_INCOMPLETE || taken.bytes.length == 0)
        return;
    if (wants_remark(connection, moment)) {
        connection->decoding->totals.refused++;
        show_remark(connection, side, "the bytes end within a packet", taken.bytes.length, moment);
    }
    packet_stream_gap(&connection->streams[side]);
}

static void begin_streams(struct connection *connection, enum mqtt_version version) {
    struct spec_rules *rules = &connection->decoding->rules;
    packet_stream_begin(&connection->streams[MQTT_CLIENT], MQTT_CLIENT, version, rules);
    packet_stream_begin(&connection->streams[MQTT_SERVER], MQTT_SERVER, version, rules);
}

static void end_streams(struct connection *connection) {
    packet_stream_end(&connection->streams[MQTT_CLIENT]);
    packet_stream_end(&connection->streams[MQTT_SERVER]);
    topic_aliases_free(&connection->aliases[MQTT_CLIENT]);
    topic_aliases_free(&connection->aliases[MQTT_SERVER]);
}

/* ---- Captures -------------------------------------------------------------------------------------------- */

static void *opened(void *context, const struct stream_address *client, const struct stream_address *server,
                    bool from_start, uint64_t frame, microseconds time) {
    struct decoding *decoding = context;
    (void)frame;
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    if (!decoding->started)
        decoding->start = time;
    decoding->started = true;
    connection->decoding = decoding;
    connection->number = ++decoding->totals.conversations;
    strcpy(connection->client, "?");
    connection->wanted = decode_filter_wants_client(&decoding->filter, mqtt_text(connection->client));
    memcpy(connection->addresses[MQTT_CLIENT], client->text, sizeof client->text);
    memcpy(connection->addresses[MQTT_SERVER], server->text, sizeof server->text);
    begin_streams(connection, from_start ? MQTT_VERSION_UNKNOWN : MQTT_3_1_1);
    return connection;
}

static void shows_version(void *context, void *owner, enum mqtt_version version) {
    struct connection *connection = owner;
    (void)context;
    if (connection == NULL)
        return;
    connection->streams[MQTT_CLIENT].decoder.version = version;
    connection->streams[MQTT_SERVER].decoder.version = version;
}

static void received(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                     microseconds time) {
    (void)context;
    struct connection *connection = owner;
    struct moment moment = {frame, time};
    if (connection == NULL)
        return;
    if (!packet_stream_append(&connection->streams[side], bytes)) {
        show_remark(connection, side, "no memory for these bytes", bytes.length, moment);
        packet_stream_gap(&connection->streams[side]);
        return;
    }
    show_packets(connection, side, moment);
}

static void missing(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                    microseconds time) {
    (void)context;
    struct connection *connection = owner;
    struct moment moment = {frame, time};
    if (connection == NULL)
        return;
    show_rest(connection, side, moment);
    if (wants_remark(connection, moment))
        show_remark(connection, side, "missing from the capture, or without the start of a packet", length, moment);
    packet_stream_gap(&connection->streams[side]);
    /* Behind a lost CONNECT the version can only be assumed. */
    for (int i = MQTT_CLIENT; i <= MQTT_SERVER; i++)
        if (connection->streams[i].decoder.version == MQTT_VERSION_UNKNOWN)
            connection->streams[i].decoder.version = MQTT_3_1_1;
}

static void closed(void *context, void *owner, uint64_t frame, microseconds time) {
    (void)context;
    struct connection *connection = owner;
    if (connection == NULL)
        return;
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++)
        show_rest(connection, (enum mqtt_side)side, (struct moment){frame, time});
    end_streams(connection);
    free(connection);
}

/* Whoever watches sees at once what has passed. */
static void paused(void *context, microseconds now) {
    (void)context;
    (void)now;
    fflush(stdout);
}

bool decode_capture(const struct capture_source *source, enum decode_form form, const struct decode_filter *filter,
                    struct decode_totals *totals, char *reason, size_t reason_size) {
    struct decoding decoding = {.path = source->path, .form = form, .filter = *filter};
    const struct mqtt_capture_hooks wanted = {
        .stream = {.context = &decoding, .opened = opened, .bytes = received, .gap = missing, .closed = closed},
        .version = shows_version,
        .pause = paused};
    struct mqtt_capture_totals found;
    bool whole = mqtt_capture_read(source, &wanted, &found, reason, reason_size);
    *totals = decoding.totals;
    totals->others = found.others;
    totals->tls = found.tls;
    return whole;
}

/* ---- Bytes by hand --------------------------------------------------------------------------------------- */

static enum mqtt_side likely_sender(enum mqtt_version version, uint8_t first_byte) {
    enum mqtt_type type = (enum mqtt_type)(first_byte >> 4);
    return mqtt_may_send(MQTT_SERVER, version, type) && !mqtt_may_send(MQTT_CLIENT, version, type) ? MQTT_SERVER
                                                                                                   : MQTT_CLIENT;
}

/* The bytes are packets that this side may send, and nothing else. */
static bool reads_as(struct mqtt_bytes bytes, enum mqtt_side side, enum mqtt_version version) {
    struct spec_rules rules = {0};
    struct packet_stream stream;
    struct taken_packet taken;
    enum mqtt_status status;
    packet_stream_begin(&stream, side, version, &rules);
    bool reads = packet_stream_append(&stream, bytes);
    while (reads && (status = packet_stream_next(&stream, &taken)) != MQTT_INCOMPLETE) {
        reads = status == MQTT_OK;
        if (reads && taken.packet.type == MQTT_CONNECT)
            stream.decoder.version = version_of(&taken.packet.connect);
    }
    reads = reads && taken.bytes.length == 0;
    packet_stream_end(&stream);
    return reads;
}

bool decode_reads(struct mqtt_bytes bytes, int from, enum mqtt_version version) {
    return (from != MQTT_SERVER && reads_as(bytes, MQTT_CLIENT, version)) ||
           (from != MQTT_CLIENT && reads_as(bytes, MQTT_SERVER, version));
}

static enum mqtt_side find_sender(struct mqtt_bytes bytes, enum mqtt_version version) {
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++)
        if (reads_as(bytes, (enum mqtt_side)side, version))
            return (enum mqtt_side)side;
    return likely_sender(version, bytes.data[0]);
}

void decode_bytes(struct mqtt_bytes bytes, int from, enum mqtt_version version, enum decode_form form,
                  struct decode_totals *totals) {
    struct decoding decoding = {.form = form};
    struct connection connection = {.decoding = &decoding, .wanted = true};
    if (version == MQTT_VERSION_UNKNOWN)
        version = MQTT_3_1_1;
    enum mqtt_side side = from >= 0 ? (enum mqtt_side)from : find_sender(bytes, version);
    begin_streams(&connection, version);
    if (packet_stream_append(&connection.streams[side], bytes)) {
        show_packets(&connection, side, (struct moment){0, 0});
        show_rest(&connection, side, (struct moment){0, 0});
    } else {
        decoding.totals.refused++;
        fprintf(stderr, "mqspec decode: no memory\n");
    }
    end_streams(&connection);
    *totals = decoding.totals;
}
