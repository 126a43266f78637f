/* A Network Connection: bytes in, packets to their handlers, packets out, the end. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"

/* ---- Out ------------------------------------------------------------------------------------------------ */

void connection_report(struct connection *connection, enum broker_event_kind kind, const struct mqtt_packet *packet,
                       const struct mqtt_error *error) {
    const struct broker_hooks *hooks = &connection->broker->settings.hooks;
    if (hooks->report == NULL)
        return;
    struct broker_event event = {
        .kind = kind, .connection = connection->number, .version = connection->version, .packet = packet};
    if (connection->session != NULL)
        event.client_identifier = session_client_identifier(connection->session);
    if (error != NULL)
        event.error = *error;
    hooks->report(hooks->context, &event);
}

void connection_mark_ready(struct connection *connection) {
    struct broker *broker = connection->broker;
    if (connection->is_ready)
        return;
    connection->is_ready = true;
    connection->ready_next = NULL;
    if (broker->ready_last != NULL)
        broker->ready_last->ready_next = connection;
    else
        broker->ready_first = connection;
    broker->ready_last = connection;
}

void connection_give_up(struct connection *connection, const char *what) {
    if (connection->given_up == NULL)
        connection->given_up = what;
    connection_mark_ready(connection);
}

/* Answers beyond this are owed only to a Client that asks and does not read. */
static bool output_is_hopeless(const struct connection *connection) {
    return connection->output.waiting > 2 * (size_t)connection->broker->settings.maximum_output;
}

void connection_send(struct connection *connection, const struct mqtt_packet *packet) {
    struct broker *broker = connection->broker;
    if (connection->given_up != NULL)
        return;
    if (output_is_hopeless(connection)) {
        connection_give_up(connection, "the Client does not read what it is sent");
        return;
    }
    size_t size = mqtt_encoded_size(connection->version, packet);
    assert(size > 0);
    uint8_t *buffer = output_reserve(broker, &connection->output, size);
    if (buffer == NULL) {
        connection_give_up(connection, "out of memory");
        return;
    }
    size_t written = mqtt_encode(connection->version, packet, buffer, size);
    assert(written == size);
    if (packet->type != MQTT_PUBLISH && !MUST(&broker->rules, V311(2_2_2_1)))
        buffer[0] ^= 1;
    output_commit(&connection->output, written);
    connection_mark_ready(connection);
    if (broker->settings.report_packets)
        connection_report(connection, BROKER_PACKET_OUT, packet, NULL);
}

void connection_acknowledge(struct connection *connection, enum mqtt_type type, uint16_t packet_identifier) {
    bool answers_publish = type != MQTT_UNSUBACK;
    if (answers_publish && !MUST(&connection->broker->rules, V311(2_3_1_6)))
        packet_identifier = (uint16_t)(packet_identifier % 65535 + 1);
    struct mqtt_packet packet = {.type = type, .flags = mqtt_required_flags(type)};
    packet.acknowledgement.packet_identifier = packet_identifier;
    connection_send(connection, &packet);
}

/* ---- The end -------------------------------------------------------------------------------------------- */

static void forget_input(struct connection *connection) {
    memory_give(&connection->broker->memory, (void *)connection->input.data, connection->input_capacity);
    connection->input = (struct mqtt_bytes){NULL, 0};
    connection->input_capacity = 0;
    connection->input_packet_size = 0;
}

static void leave_session(struct connection *connection) {
    struct session *session = connection->session;
    if (session == NULL)
        return;
    connection->session = NULL;
    assert(session->connection == connection);
    session->connection = NULL;
    struct spec_rules *rules = &connection->broker->rules;
    if (session->clean || !MUST(rules, V311(3_1_2_4))) {
        session_destroy(session);
        if (!MUST(rules, V311(3_1_2_7)))
            retained_clear(connection->broker);
        return;
    }
    if (!MUST(rules, V311(4_1_0_1)))
        delivery_clear(session);
}

void connection_keep_will(struct connection *connection) {
    struct broker *broker = connection->broker;
    message_release(broker, broker->kept_will);
    message_keep(connection->will);
    broker->kept_will = connection->will;
    broker->kept_will_client = session_hash(broker, session_client_identifier(connection->session));
}

/* A broker that breaks MQTT-3.1.2-12 publishes for a Client that has no Will. */
static struct message *invent_will(struct connection *connection) {
    uint8_t topic[64];
    struct mqtt_bytes client = session_client_identifier(connection->session);
    if (client.length + 5 > sizeof topic)
        return NULL;
    memcpy(topic, client.data, client.length);
    memcpy(topic + client.length, "/will", 5);
    struct mqtt_publish publish = {.topic = {topic, client.length + 5}};
    return message_create(connection->broker, &publish, 0);
}

void connection_end(struct connection *connection) {
    struct broker *broker = connection->broker;
    if (connection->state == CLOSING)
        return;
    bool was_connected = connection->state == CONNECTED;
    connection->state = CLOSING;
    timers_remove(broker, connection);
    connection_mark_ready(connection);
    if (connection->will != NULL && !MUST(&broker->rules, V311(3_1_2_10)))
        connection_keep_will(connection);
    struct message *will = connection->will;
    connection->will = NULL;
    if (will == NULL && was_connected && !MUST(&broker->rules, V311(3_1_2_12)))
        will = invent_will(connection);
    leave_session(connection);
    if (will != NULL && MUST(&broker->rules, V311(3_1_2_8)))
        publish_will(broker, will);
    message_release(broker, will);
}

void connection_drop(struct connection *connection, const struct mqtt_error *error) {
    if (connection->state == CLOSING)
        return;
    connection_report(connection, BROKER_DROPPED, NULL, error);
    connection_end(connection);
}

void connection_drop_for(struct connection *connection, enum mqtt_error_class error_class, enum mqtt_reason reason,
                         enum spec_statement statement, const char *what) {
    struct mqtt_error error = {
        .error_class = error_class, .statement = statement, .reason_code = (uint8_t)reason, .what = what};
    connection_drop(connection, &error);
}

/* ---- In ------------------------------------------------------------------------------------------------- */

/* What each packet means in each state. NULL: the Client may not send it now. */
static packet_handler *const handlers[CONNECTION_STATES][MQTT_TYPE_COUNT] = {
    [AWAITING_CONNECT] = {[MQTT_CONNECT] = handle_connect},
    [CONNECTED] = {[MQTT_CONNECT] = handle_connect,
                   [MQTT_PUBLISH] = handle_publish,
                   [MQTT_PUBACK] = handle_puback,
                   [MQTT_PUBREC] = handle_pubrec,
                   [MQTT_PUBREL] = handle_pubrel,
                   [MQTT_PUBCOMP] = handle_pubcomp,
                   [MQTT_SUBSCRIBE] = handle_subscribe,
                   [MQTT_UNSUBSCRIBE] = handle_unsubscribe,
                   [MQTT_PINGREQ] = handle_pingreq,
                   [MQTT_DISCONNECT] = handle_disconnect},
};

static bool accepts_input(const struct connection *connection) {
    if (connection->state != CLOSING)
        return true;
    return connection->refused && !MUST(&connection->broker->rules, V311(3_1_4_5));
}

static void handle(struct connection *connection, const struct mqtt_packet *packet) {
    struct spec_rules *rules = &connection->broker->rules;
    if (connection->broker->settings.report_packets)
        connection_report(connection, BROKER_PACKET_IN, packet, NULL);
    packet_handler *handler = handlers[connection->state][packet->type];
    if (handler != NULL) {
        handler(connection, packet);
        return;
    }
    if (connection->state == CLOSING) { /* only a broker that breaks MQTT-3.1.4-5 gets here */
        if (packet->type == MQTT_PUBLISH)
            publish_to_subscribers(connection->broker, &packet->publish, packet->flags, NULL);
        return;
    }
    if (connection->state == AWAITING_CONNECT && !MUST(rules, V311(3_1_0_1))) {
        if (packet->type == MQTT_PINGREQ)
            handle_pingreq(connection, packet);
        return;
    }
    connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_PROTOCOL_ERROR, V311(3_1_0_1),
                        "the first packet of a connection must be CONNECT");
}

static struct mqtt_decoder decoder_of(const struct connection *connection) {
    return (struct mqtt_decoder){.version = connection->version,
                                 .sender = MQTT_CLIENT,
                                 .maximum_packet_size = connection->broker->settings.maximum_packet_size,
                                 .rules = &connection->broker->rules};
}

static void decode_and_handle(struct connection *connection, struct mqtt_bytes bytes) {
    struct mqtt_decoder decoder = decoder_of(connection);
    struct mqtt_packet packet;
    struct mqtt_error error;
    connection->last_received = connection->broker->now;
    if (mqtt_decode(&decoder, bytes, &packet, &error) == MQTT_OK)
        handle(connection, &packet);
    else
        connection_drop(connection, &error);
}

static bool measure(struct connection *connection, struct mqtt_bytes bytes, uint32_t *packet_size) {
    struct mqtt_decoder decoder = decoder_of(connection);
    struct mqtt_frame frame;
    struct mqtt_error error;
    *packet_size = 0;
    enum mqtt_status status = mqtt_frame(&decoder, bytes, &frame, &error);
    if (status == MQTT_OK)
        *packet_size = frame.packet_size;
    if (status == MQTT_REFUSED)
        connection_drop(connection, &error);
    return status != MQTT_REFUSED;
}

/* Keeps the beginning of an unfinished packet. Memory grows with the bytes that came, not with the length that
 * the packet claims. */
static bool keep_input(struct connection *connection, struct mqtt_bytes bytes) {
    uint32_t needed = connection->input.length + bytes.length;
    if (needed > connection->input_capacity) {
        uint32_t capacity = connection->input_capacity < 32 ? 64 : connection->input_capacity;
        while (capacity < needed)
            capacity *= 2;
        uint8_t *grown = memory_resize(&connection->broker->memory, (void *)connection->input.data,
                                       connection->input_capacity, capacity, connection->input.length);
        if (grown == NULL)
            return false;
        connection->input.data = grown;
        connection->input_capacity = capacity;
    }
    memcpy((uint8_t *)connection->input.data + connection->input.length, bytes.data, bytes.length);
    connection->input.length = needed;
    return true;
}

/* Handles all whole packets at the start of `bytes` and returns what is left. */
static struct mqtt_bytes take_whole_packets(struct connection *connection, struct mqtt_bytes bytes) {
    while (bytes.length > 0 && accepts_input(connection)) {
        uint32_t packet_size;
        if (!measure(connection, bytes, &packet_size))
            break;
        if (packet_size == 0 || packet_size > bytes.length)
            return bytes;
        decode_and_handle(connection, (struct mqtt_bytes){bytes.data, packet_size});
        bytes.data += packet_size;
        bytes.length -= packet_size;
    }
    return (struct mqtt_bytes){NULL, 0};
}

/* Moves bytes to the unfinished packet until it is whole, then handles it. False when the input ended first. */
static bool finish_packet(struct connection *connection, struct mqtt_bytes *bytes) {
    while (bytes->length > 0 && accepts_input(connection)) {
        uint32_t size = connection->input_packet_size;
        uint32_t wanted = size == 0 ? 1 : size - connection->input.length;
        struct mqtt_bytes part = {bytes->data, wanted < bytes->length ? wanted : bytes->length};
        if (!keep_input(connection, part)) {
            connection_drop_for(connection, MQTT_LIMIT, MQTT_REASON_QUOTA_EXCEEDED, V311(4_8_0_2), "out of memory");
            return false;
        }
        bytes->data += part.length;
        bytes->length -= part.length;
        if (size == 0 && !measure(connection, connection->input, &connection->input_packet_size))
            return false;
        if (connection->input_packet_size != 0 && connection->input.length == connection->input_packet_size) {
            struct mqtt_bytes whole = connection->input;
            uint32_t capacity = connection->input_capacity;
            connection->input = (struct mqtt_bytes){NULL, 0};
            connection->input_capacity = 0;
            connection->input_packet_size = 0;
            decode_and_handle(connection, whole);
            memory_give(&connection->broker->memory, (void *)whole.data, capacity);
            return true;
        }
    }
    return false;
}

void broker_receive(struct connection *connection, struct mqtt_bytes bytes, microseconds now) {
    connection->broker->now = now;
    if (connection->input.length > 0 && !finish_packet(connection, &bytes))
        return;
    bytes = take_whole_packets(connection, bytes);
    if (bytes.length == 0)
        return;
    if (!keep_input(connection, bytes)) {
        connection_drop_for(connection, MQTT_LIMIT, MQTT_REASON_QUOTA_EXCEEDED, V311(4_8_0_2), "out of memory");
        return;
    }
    (void)measure(connection, connection->input, &connection->input_packet_size);
}

void broker_closed(struct connection *connection, microseconds now) {
    struct broker *broker = connection->broker;
    broker->now = now;
    if (connection->state != CLOSING) {
        connection_report(connection, BROKER_LOST, NULL, NULL);
        connection_end(connection);
    }
    struct connection **link = &broker->ready_first;
    struct connection *before = NULL;
    while (connection->is_ready && *link != connection) {
        before = *link;
        link = &before->ready_next;
    }
    if (connection->is_ready) {
        *link = connection->ready_next;
        if (broker->ready_last == connection)
            broker->ready_last = before;
    }
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        broker->connections = connection->next;
    forget_input(connection);
    output_clear(broker, &connection->output);
    broker->counts.connections--;
    memory_give(&broker->memory, connection, sizeof *connection);
}
