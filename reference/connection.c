/* A Network Connection: bytes in, packets to their handlers, packets out, the end. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"
#include "reference/property_set.h"

const struct client_limits client_no_limits = {.receive_maximum = UINT16_MAX, .wants_problem_information = true};

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
    if (connection->session != NULL)
        event.user_name = connection->session->user_name;
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

/* So many answers are owed only to a Client that asks and does not read. Messages are not counted: one alone may be
 * larger than that. */
static bool is_hopeless(const struct connection *connection) {
    return connection->answers_waiting > connection->broker->settings.maximum_output;
}

/* What a packet leaves out before it would be larger than the Client accepts, and the statement that asks for it. */
static const struct {
    enum spec_statement reason_string;
    enum spec_statement user_property;
} left_out[MQTT_TYPE_COUNT] = {
    [MQTT_CONNACK] = {V5(3_2_2_19), V5(3_2_2_20)},  [MQTT_PUBACK] = {V5(3_4_2_2), V5(3_4_2_3)},
    [MQTT_PUBREC] = {V5(3_5_2_2), V5(3_5_2_3)},     [MQTT_PUBREL] = {V5(3_6_2_2), V5(3_6_2_3)},
    [MQTT_PUBCOMP] = {V5(3_7_2_2), V5(3_7_2_3)},    [MQTT_SUBACK] = {V5(3_9_2_1), V5(3_9_2_2)},
    [MQTT_UNSUBACK] = {V5(3_11_2_1), V5(3_11_2_2)}, [MQTT_DISCONNECT] = {V5(3_14_2_3), V5(3_14_2_4)},
    [MQTT_AUTH] = {V5(3_15_2_2), V5(3_15_2_3)},
};

/* Where the properties of a packet are kept. */
static struct mqtt_bytes *properties_of(struct mqtt_packet *packet) {
    switch (packet->type) {
    case MQTT_CONNACK:
        return &packet->connack.properties;
    case MQTT_SUBACK:
    case MQTT_UNSUBACK:
        return &packet->suback.properties;
    case MQTT_DISCONNECT:
    case MQTT_AUTH:
        return &packet->disconnect.properties;
    default:
        return &packet->acknowledgement.properties;
    }
}

/* The Server adds no User Properties of its own; a broker that breaks one of these statements adds one that makes the
 * packet too large. `value` lives as long as the broker. */
static void add_user_property(struct connection *connection, struct mqtt_packet *packet) {
    struct broker *broker = connection->broker;
    struct mqtt_bytes *properties = properties_of(packet);
    uint32_t size = connection->limits.maximum_packet_size;
    if (size > sizeof broker->properties / 2 || properties->length > sizeof broker->properties / 4)
        return;
    if (properties->length > 0)
        memmove(broker->properties, properties->data, properties->length);
    struct property_set set = {broker->properties, sizeof broker->properties, properties->length};
    memset(broker->altered, 'x', sizeof broker->altered);
    uint32_t length = size < sizeof broker->altered ? size : (uint32_t)sizeof broker->altered;
    property_set_add(&set, &(struct mqtt_property){.identifier = MQTT_USER_PROPERTY,
                                                   .bytes = mqtt_text("size"),
                                                   .value = {broker->altered, length}});
    *properties = property_set_view(&set);
}

/* Makes the packet fit what the Client accepts, MQTT-3.1.2-24 and the statements above. False where it cannot. */
static bool make_fit(struct connection *connection, struct mqtt_packet *packet, unsigned *omission) {
    struct spec_rules *rules = &connection->broker->rules;
    uint32_t largest = connection->limits.maximum_packet_size;
    *omission = MQTT_OMIT_NOTHING;
    if (connection->version != MQTT_5_0 || largest == 0 || left_out[packet->type].reason_string == SPEC_NONE)
        return true;
    if (!MUST(rules, left_out[packet->type].user_property)) {
        add_user_property(connection, packet);
        return true;
    }
    bool fits = mqtt_omission_to_fit(connection->version, packet, largest, omission);
    if ((*omission & MQTT_OMIT_REASON_STRING) != 0 && !MUST(rules, left_out[packet->type].reason_string))
        *omission &= ~(unsigned)MQTT_OMIT_REASON_STRING;
    return fits || !MUST(rules, V5(3_1_2_24));
}

/* While its send quota is used up, a broker that breaks one of these keeps back what is no PUBLISH. */
static bool is_held_back(const struct connection *connection, enum mqtt_type type) {
    struct spec_rules *rules = &connection->broker->rules;
    if (connection->version != MQTT_5_0 || connection->session == NULL ||
        (type != MQTT_PINGRESP && type != MQTT_SUBACK) || !delivery_quota_is_used(connection->session))
        return false;
    return type == MQTT_PINGRESP ? !MUST(rules, V5(4_9_0_3)) : !MUST(rules, V5(3_3_4_10));
}

/* MQTT-2.2.2-1: a broker that breaks it leaves out the Property Length of an empty set. It is the byte in front of the
 * codes of a SUBACK. */
static size_t drop_property_length(struct connection *connection, const struct mqtt_packet *packet, uint8_t *buffer,
                                   size_t size) {
    if (connection->version != MQTT_5_0 || packet->type != MQTT_SUBACK || packet->suback.properties.length > 0 ||
        packet->suback.codes.length > 100 || MUST(&connection->broker->rules, V5(2_2_2_1)))
        return size;
    const size_t place = 4;
    memmove(buffer + place, buffer + place + 1, size - place - 1);
    buffer[1]--;
    return size - 1;
}

/* MQTT-1.5.5-1: a broker that breaks it writes the Remaining Length of a SUBACK in one byte more than it needs. */
static size_t pad_remaining_length(struct connection *connection, const struct mqtt_packet *packet, uint8_t *buffer,
                                   size_t size) {
    if (connection->version != MQTT_5_0 || packet->type != MQTT_SUBACK || (buffer[1] & 0x80) != 0 ||
        MUST(&connection->broker->rules, V5(1_5_5_1)))
        return size;
    memmove(buffer + 3, buffer + 2, size - 2);
    buffer[1] |= 0x80;
    buffer[2] = 0;
    return size + 1;
}

#define PADDING      1u  /* what the function above may add */
#define SMALL_PACKET 64u /* most that are no PUBLISH are smaller: they are encoded without being measured before */

/* What a broker that breaks MQTT-2.2.2-1 (5.0: MQTT-2.1.3-1) or one of those above makes of a packet. */
static SPEC_BREACH size_t alter(struct connection *connection, const struct mqtt_packet *packet, uint8_t *buffer,
                                size_t size) {
    if (!MUST(&connection->broker->rules, BY_VERSION(connection->version, V311(2_2_2_1), V5(2_1_3_1))))
        buffer[0] ^= 1;
    size = drop_property_length(connection, packet, buffer, size);
    return pad_remaining_length(connection, packet, buffer, size);
}

/* Encodes into the output. False where there is no memory. */
static bool write_out(struct connection *connection, const struct mqtt_packet *packet, unsigned omission) {
    struct broker *broker = connection->broker;
    uint8_t *buffer = output_reserve(broker, &connection->output, SMALL_PACKET);
    if (buffer == NULL)
        return false;
    size_t size = mqtt_encode_without(connection->version, packet, omission, buffer, SMALL_PACKET - PADDING);
    if (size == 0) {
        size = mqtt_encoded_size_without(connection->version, packet, omission);
        assert(size > 0);
        buffer = output_reserve(broker, &connection->output, size + PADDING);
        if (buffer == NULL)
            return false;
        mqtt_encode_without(connection->version, packet, omission, buffer, size);
    }
    if (!spec_all_hold(&broker->rules))
        size = alter(connection, packet, buffer, size);
    output_commit(&connection->output, size);
    connection->answers_waiting += size;
    return true;
}

void connection_send(struct connection *connection, const struct mqtt_packet *given) {
    struct broker *broker = connection->broker;
    struct mqtt_packet packet = *given;
    unsigned omission;
    if (connection->given_up != NULL || is_held_back(connection, packet.type))
        return;
    if (is_hopeless(connection)) {
        connection_give_up(connection, "the Client does not read what it is sent");
        return;
    }
    if (!make_fit(connection, &packet, &omission)) {
        connection_give_up(connection, "the Client does not accept packets so large as it needs");
        return;
    }
    if (!write_out(connection, &packet, omission)) {
        connection_give_up(connection, "out of memory");
        return;
    }
    broker->counts.packets_sent++;
    connection_mark_ready(connection);
    if (broker->settings.report_packets)
        connection_report(connection, BROKER_PACKET_OUT, &packet, NULL);
}

void connection_report_discarded(struct connection *connection) {
    if (connection->discards)
        return;
    connection->discards = true;
    connection_report(connection, BROKER_DISCARDED, NULL, NULL);
}

void connection_count_publish(struct connection *connection, uint32_t payload_length) {
    struct broker_counts *counts = &connection->broker->counts;
    counts->sent++;
    counts->packets_sent++;
    counts->payload_bytes_sent += payload_length;
}

struct mqtt_bytes connection_reason_string(struct connection *connection, enum mqtt_type type, const char *what) {
    struct broker *broker = connection->broker;
    if (connection->version != MQTT_5_0 || what == NULL)
        return (struct mqtt_bytes){NULL, 0};
    bool is_always_allowed = type == MQTT_CONNACK || type == MQTT_DISCONNECT;
    if (!is_always_allowed && !connection->limits.wants_problem_information && MUST(&broker->rules, V5(3_1_2_29)))
        return (struct mqtt_bytes){NULL, 0};
    struct property_set set = {.buffer = broker->properties, .capacity = sizeof broker->properties};
    property_set_bytes(&set, MQTT_REASON_STRING, mqtt_text(what));
    return property_set_view(&set);
}

/* A broker that breaks one of these statements answers with another Packet Identifier, or with a Reason Code that is
 * not in the table of its acknowledgement. */
static SPEC_BREACH void alter_acknowledgement(struct connection *connection, struct mqtt_packet *packet) {
    struct spec_rules *rules = &connection->broker->rules;
    uint16_t *packet_identifier = &packet->acknowledgement.packet_identifier;
    static const enum spec_statement tables[MQTT_TYPE_COUNT] = {[MQTT_PUBACK] = V5(3_4_2_1),
                                                                [MQTT_PUBREC] = V5(3_5_2_1),
                                                                [MQTT_PUBREL] = V5(3_6_2_1),
                                                                [MQTT_PUBCOMP] = V5(3_7_2_1)};
    if (!MUST(rules, BY_VERSION(connection->version, V311(2_3_1_6), V5(2_2_1_5))))
        *packet_identifier = (uint16_t)(*packet_identifier % 65535 + 1);
    if (connection->version == MQTT_5_0 && !MUST(rules, tables[packet->type]))
        packet->acknowledgement.reason_code = 0x02;
}

void connection_acknowledge(struct connection *connection, enum mqtt_type type, uint16_t packet_identifier,
                            enum mqtt_reason reason, const char *what) {
    struct mqtt_packet packet = {.type = type, .flags = mqtt_required_flags(type)};
    packet.acknowledgement.packet_identifier = packet_identifier;
    packet.acknowledgement.reason_code = connection->version == MQTT_5_0 ? (uint8_t)reason : 0;
    if (!spec_all_hold(&connection->broker->rules))
        alter_acknowledgement(connection, &packet);
    packet.acknowledgement.properties = connection_reason_string(connection, type, what);
    connection_send(connection, &packet);
}

/* ---- The end -------------------------------------------------------------------------------------------- */

static void forget_input(struct connection *connection) {
    memory_give(&connection->broker->memory, (void *)connection->input.data, connection->input_capacity);
    connection->input = (struct mqtt_bytes){NULL, 0};
    connection->input_capacity = 0;
    connection->input_packet_size = 0;
}

/* MQTT-3.3.2-7: Topic Aliases end here. A broker that breaks it keeps them for the next connection. */
static void end_aliases(struct connection *connection) {
    struct session *session = connection->session;
    if (session != NULL && connection->version == MQTT_5_0 && !MUST(&connection->broker->rules, V5(3_3_2_7))) {
        topic_aliases_clear(connection->broker, &session->kept_aliases);
        session->kept_aliases = connection->aliases_in;
        connection->aliases_in = (struct topic_aliases){0};
    }
    topic_aliases_clear(connection->broker, &connection->aliases_in);
    topic_aliases_clear(connection->broker, &connection->aliases_out);
}

static void leave_session(struct connection *connection) {
    struct session *session = connection->session;
    if (session == NULL)
        return;
    connection->session = NULL;
    assert(session->connection == connection);
    connection->broker->counts.clients--;
    session_leave(session);
    struct spec_rules *rules = &connection->broker->rules;
    if (session->expiry == 0 || !MUST(rules, BY_VERSION(session->version, V311(3_1_2_4), V5(3_1_2_23)))) {
        bool is_clean_before_5 = session->version != MQTT_5_0;
        session_destroy(session);
        if (is_clean_before_5 && !MUST(rules, V311(3_1_2_7)))
            retained_clear(connection->broker);
        return;
    }
    if (session->version != MQTT_5_0 && !MUST(rules, V311(4_1_0_1)))
        delivery_clear(session);
    if (session->version == MQTT_5_0 && !MUST(rules, V5(4_8_2_4)))
        delivery_forget_shared(session);
}

void connection_keep_will(struct connection *connection) {
    struct broker *broker = connection->broker;
    message_release(broker, broker->kept_will);
    message_keep(connection->will);
    broker->kept_will = connection->will;
    broker->kept_will_client = session_hash(broker, session_client_identifier(connection->session));
}

/* A broker that breaks MQTT-3.1.2-12 of 3.1.1 publishes for a Client that has no Will. */
static struct message *invent_will(struct connection *connection) {
    uint8_t topic[64];
    struct mqtt_bytes client = session_client_identifier(connection->session);
    if (client.length + 5 > sizeof topic)
        return NULL;
    memcpy(topic, client.data, client.length);
    memcpy(topic + client.length, "/will", 5);
    struct application_message parts = {.topic = {topic, client.length + 5}, .expiry_interval = NO_EXPIRY};
    return message_create(connection->broker, &parts);
}

/* The Will of a connection that has ended, which is `will` or none. In 5.0 it may have to wait, but no longer than the
 * Session lives. */
static void hand_over_will(struct connection *connection, struct message *will) {
    struct session *session = connection->session;
    enum mqtt_version version = connection->version;
    struct broker *broker = connection->broker;
    bool waits = will != NULL && session != NULL && connection->will_delay > 0 && session->expiry > 0;
    if (waits)
        session_delay_will(session, will, connection->will_delay);
    leave_session(connection);
    if (will != NULL && !waits && !broker->is_ending &&
        MUST(&broker->rules, BY_VERSION(version, V311(3_1_2_8), V5(3_1_2_8))))
        publish_will(broker, will, version);
}

static void let_go_of_will(struct connection *connection) {
    struct broker *broker = connection->broker;
    enum mqtt_version version = connection->version;
    if (connection->will != NULL && !MUST(&broker->rules, BY_VERSION(version, V311(3_1_2_10), V5(3_1_2_10))))
        connection_keep_will(connection);
}

void connection_end(struct connection *connection) {
    struct broker *broker = connection->broker;
    if (connection->state == CLOSING)
        return;
    bool was_connected = connection->state == CONNECTED;
    connection->state = CLOSING;
    timers_set(broker, &connection->timer, NO_DEADLINE);
    connection_mark_ready(connection);
    hold_end(connection);
    authentication_end(connection);
    let_go_of_will(connection);
    end_aliases(connection);
    struct message *will = connection->will;
    connection->will = NULL;
    if (will == NULL && was_connected && connection->version != MQTT_5_0 && !MUST(&broker->rules, V311(3_1_2_12)))
        will = invent_will(connection);
    hand_over_will(connection, will);
    message_release(broker, will);
}

/* In 5.0 the Client is told why, section 4.13. Before its CONNACK that is said in a CONNACK, MQTT-3.14.0-1. */
static void tell_why(struct connection *connection, const struct mqtt_error *error) {
    struct spec_rules *rules = &connection->broker->rules;
    if (connection->version != MQTT_5_0 || error->reason_code < MQTT_REASON_FAILURE)
        return;
    bool in_connack = connection->state != CONNECTED && MUST(rules, V5(3_14_0_1));
    struct mqtt_packet packet = {.type = in_connack ? MQTT_CONNACK : MQTT_DISCONNECT};
    struct mqtt_bytes reason_string = connection_reason_string(connection, packet.type, error->what);
    if (in_connack) {
        packet.connack.code = error->reason_code;
        packet.connack.properties = reason_string;
        if (!mqtt_reason_allowed(MQTT_CONNACK, packet.connack.code))
            packet.connack.code = MQTT_REASON_UNSPECIFIED_ERROR;
    } else {
        packet.disconnect.reason_code = MUST(rules, V5(3_14_2_1)) ? error->reason_code : 0x10;
        packet.disconnect.properties = reason_string;
        if (!MUST(rules, V5(3_14_2_2))) {
            static const uint8_t session_expiry[] = {MQTT_SESSION_EXPIRY_INTERVAL, 0, 0, 0, 1};
            packet.disconnect.properties = (struct mqtt_bytes){session_expiry, sizeof session_expiry};
        }
    }
    connection_send(connection, &packet);
    if (!in_connack && !MUST(rules, V5(3_14_4_1)))
        connection_send(connection, &(struct mqtt_packet){.type = MQTT_PINGRESP});
}

void connection_tell(struct connection *connection, enum mqtt_reason reason, const char *what) {
    tell_why(connection, &(struct mqtt_error){.reason_code = (uint8_t)reason, .what = what});
}

/* Whether the connection is closed after all. */
static bool closes_after(struct connection *connection, const struct mqtt_error *error) {
    struct spec_rules *rules = &connection->broker->rules;
    if (connection->version != MQTT_5_0)
        return true;
    if (connection->state == CONNECTED && error->reason_code >= MQTT_REASON_FAILURE && !MUST(rules, V5(3_14_4_2)))
        return false;
    return MUST(rules, V5(4_13_2_1));
}

/* A broker that breaks the general statement on what is wrong passes over the packet that is. */
static bool is_passed_over(struct connection *connection, const struct mqtt_error *error) {
    struct spec_rules *rules = &connection->broker->rules;
    if (error->statement == V311(4_8_0_1))
        return !MUST(rules, V311(4_8_0_1));
    return error->statement == V5(4_13_1_1) && !MUST(rules, V5(4_13_1_1));
}

void connection_drop(struct connection *connection, const struct mqtt_error *error) {
    if (connection->state == CLOSING || is_passed_over(connection, error))
        return;
    connection_report(connection, BROKER_DROPPED, NULL, error);
    tell_why(connection, error);
    if (closes_after(connection, error))
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
    [AUTHENTICATING] = {[MQTT_AUTH] = handle_auth, [MQTT_DISCONNECT] = handle_disconnect},
    [CONNECTED] = {[MQTT_CONNECT] = handle_connect,
                   [MQTT_PUBLISH] = handle_publish,
                   [MQTT_PUBACK] = handle_puback,
                   [MQTT_PUBREC] = handle_pubrec,
                   [MQTT_PUBREL] = handle_pubrel,
                   [MQTT_PUBCOMP] = handle_pubcomp,
                   [MQTT_SUBSCRIBE] = handle_subscribe,
                   [MQTT_UNSUBSCRIBE] = handle_unsubscribe,
                   [MQTT_PINGREQ] = handle_pingreq,
                   [MQTT_DISCONNECT] = handle_disconnect,
                   [MQTT_AUTH] = handle_auth},
};

static bool accepts_input(const struct connection *connection) {
    if (connection->state != CLOSING)
        return true;
    return connection->refused &&
           !MUST(&connection->broker->rules, BY_VERSION(connection->version, V311(3_1_4_5), V5(3_1_4_6)));
}

static void handle(struct connection *connection, const struct mqtt_packet *packet) {
    struct spec_rules *rules = &connection->broker->rules;
    connection->broker->counts.packets_received++;
    if (connection->broker->settings.report_packets)
        connection_report(connection, BROKER_PACKET_IN, packet, NULL);
    packet_handler *handler = handlers[connection->state][packet->type];
    if (handler != NULL) {
        handler(connection, packet);
        if (connection->hold != NULL && !hold_is_waiting(connection))
            hold_end(connection);
        return;
    }
    if (connection->state == CLOSING) { /* only a broker that breaks MQTT-3.1.4-5 (5.0: MQTT-3.1.4-6) gets here */
        if (packet->type == MQTT_PUBLISH) {
            struct application_message parts = message_parts(connection->broker, &packet->publish, packet->flags);
            publish_to_subscribers(connection->broker, &parts, NULL, NULL);
        }
        return;
    }
    if (connection->state == AUTHENTICATING) {
        if (MUST(rules, V5(3_1_2_30)))
            connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_PROTOCOL_ERROR, V5(3_1_2_30),
                                "during authentication a Client may send AUTH and DISCONNECT alone");
        else if (packet->type == MQTT_PINGREQ)
            handle_pingreq(connection, packet);
        return;
    }
    if (connection->state == AWAITING_CONNECT && (!MUST(rules, V311(3_1_0_1)) || !MUST(rules, V5(3_1_0_1)))) {
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

/* A CONNECT that could not be decoded was meant for 5.0: its refusal can be told in that version. */
static bool names_5_0(struct mqtt_bytes bytes) {
    static const uint8_t protocol[] = {0, 4, 'M', 'Q', 'T', 'T', MQTT_5_0};
    uint32_t start = 1;
    if (bytes.data[0] >> 4 != MQTT_CONNECT)
        return false;
    while (start < bytes.length && (bytes.data[start] & 0x80) != 0)
        start++;
    start++;
    return start <= bytes.length && bytes.length - start >= sizeof protocol &&
           memcmp(bytes.data + start, protocol, sizeof protocol) == 0;
}

static void refuse(struct connection *connection, struct mqtt_bytes bytes, const struct mqtt_error *error) {
    if (connection->version == MQTT_VERSION_UNKNOWN && names_5_0(bytes)) {
        connection->version = MQTT_5_0;
        connection->limits = client_no_limits;
    }
    connection_drop(connection, error);
}

static void decode_and_handle(struct connection *connection, struct mqtt_bytes bytes) {
    struct mqtt_decoder decoder = decoder_of(connection);
    struct mqtt_packet packet;
    struct mqtt_error error;
    connection->last_received = connection->broker->now;
    if (mqtt_decode(&decoder, bytes, &packet, &error) == MQTT_OK)
        handle(connection, &packet);
    else
        refuse(connection, bytes, &error);
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

/* Handles all whole packets at the start of `bytes` and returns what is left, from a packet that waits on. */
static struct mqtt_bytes take_whole_packets(struct connection *connection, struct mqtt_bytes bytes) {
    struct mqtt_decoder decoder = decoder_of(connection);
    while (bytes.length > 0 && accepts_input(connection)) {
        struct mqtt_packet packet;
        struct mqtt_error error;
        uint32_t packet_size;
        decoder.version = connection->version; /* CONNECT tells it */
        enum mqtt_status status = mqtt_next(&decoder, bytes, &packet, &packet_size, &error);
        if (status == MQTT_INCOMPLETE)
            return bytes;
        connection->last_received = connection->broker->now;
        if (status == MQTT_OK)
            handle(connection, &packet);
        else if (packet_size == 0) { /* nobody knows where the next one begins */
            connection_drop(connection, &error);
            break;
        } else
            refuse(connection, (struct mqtt_bytes){bytes.data, packet_size}, &error);
        if (hold_is_waiting(connection))
            return bytes;
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
            connection_drop_for(connection, MQTT_LIMIT, MQTT_REASON_QUOTA_EXCEEDED,
                                BY_VERSION(connection->version, V311(4_8_0_2), SPEC_NONE), "out of memory");
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
            if (hold_is_waiting(connection)) {
                connection->input = whole;
                connection->input_capacity = capacity;
                connection->input_packet_size = whole.length;
                return true;
            }
            memory_give(&connection->broker->memory, (void *)whole.data, capacity);
            return true;
        }
    }
    return false;
}

/* Keeps what could not be handled yet. */
static void keep_rest(struct connection *connection, struct mqtt_bytes bytes) {
    if (bytes.length == 0)
        return;
    if (!keep_input(connection, bytes)) {
        connection_drop_for(connection, MQTT_LIMIT, MQTT_REASON_QUOTA_EXCEEDED,
                            BY_VERSION(connection->version, V311(4_8_0_2), SPEC_NONE), "out of memory");
        return;
    }
    (void)measure(connection, connection->input, &connection->input_packet_size);
}

void broker_receive(struct connection *connection, struct mqtt_bytes bytes, microseconds now) {
    connection->broker->now = now;
    connection->broker->counts.bytes_received += bytes.length;
    if (!hold_is_waiting(connection) && connection->input.length > 0 && !finish_packet(connection, &bytes))
        return;
    if (hold_is_waiting(connection))
        connection->last_received = now; /* what came is not silence, though it has to wait */
    else
        bytes = take_whole_packets(connection, bytes);
    keep_rest(connection, bytes);
}

/* No handler: a broker that breaks MQTT-3.1.4-2 (5.0: MQTT-3.1.4-3) took the Session from it meanwhile. */
static void answer_again(struct connection *connection, const struct mqtt_packet *packet) {
    packet_handler *handler = handlers[connection->state][packet->type];
    if (handler != NULL)
        handler(connection, packet);
}

/* Counted and reported it was when it came. */
static void handle_again(struct connection *connection, struct mqtt_bytes bytes) {
    struct mqtt_decoder decoder = decoder_of(connection);
    struct mqtt_packet packet;
    struct mqtt_error error;
    if (mqtt_decode(&decoder, bytes, &packet, &error) == MQTT_OK)
        answer_again(connection, &packet);
    else
        connection_drop(connection, &error); /* only a broker whose decoder lets something pass */
    if (!hold_is_waiting(connection))
        hold_end(connection);
}

void connection_handle_anew(struct connection *connection) {
    struct memory *memory = &connection->broker->memory;
    struct mqtt_bytes kept = connection->input;
    uint32_t capacity = connection->input_capacity, size = connection->input_packet_size;
    assert(kept.length >= size && size > 0);
    connection->input = (struct mqtt_bytes){NULL, 0};
    connection->input_capacity = 0;
    connection->input_packet_size = 0;
    handle_again(connection, (struct mqtt_bytes){kept.data, size});
    connection_mark_ready(connection); /* its owner may go on reading */
    if (hold_is_waiting(connection)) {
        connection->input = kept;
        connection->input_capacity = capacity;
        connection->input_packet_size = size;
        return;
    }
    keep_rest(connection, take_whole_packets(connection, (struct mqtt_bytes){kept.data + size, kept.length - size}));
    memory_give(memory, (void *)kept.data, capacity);
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
        if (broker->ready_committed == connection)
            broker->ready_committed = before;
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
    memory_give(&broker->memory, (void *)connection->certified_user.data, connection->certified_user.length + 1);
    output_clear(broker, &connection->output);
    timers_return(broker, &connection->timer);
    broker->counts.connections--;
    memory_give(&broker->memory, connection, sizeof *connection);
}
