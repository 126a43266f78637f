/* CONNECT, section 3.1: check, refuse or accept, answer, resume. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"
#include "reference/persist.h"
#include "reference/property_set.h"

#define ASSIGNED_PREFIX "mqspec"
#define ASSIGNED_LENGTH (sizeof ASSIGNED_PREFIX - 1 + 16)

/* ---- Refusals ------------------------------------------------------------------------------------------- */

struct refusal {
    enum mqtt_reason reason; /* MQTT_REASON_SUCCESS: not refused */
    enum spec_statement statement;
    const char *what;
};

static const struct refusal accepted = {MQTT_REASON_SUCCESS, SPEC_NONE, ""};

/* The return code of the versions before 5.0 that means the same. */
static uint8_t return_code(enum mqtt_reason reason) {
    switch (reason) {
    case MQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION:
        return MQTT_UNACCEPTABLE_PROTOCOL_VERSION;
    case MQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID:
        return MQTT_IDENTIFIER_REJECTED;
    case MQTT_REASON_BAD_USER_NAME_OR_PASSWORD:
        return MQTT_BAD_USER_NAME_OR_PASSWORD;
    case MQTT_REASON_NOT_AUTHORIZED:
        return MQTT_NOT_AUTHORIZED;
    default:
        return MQTT_SERVER_UNAVAILABLE;
    }
}

static void send_connack(struct connection *connection, uint8_t acknowledge_flags, uint8_t code,
                         struct mqtt_bytes properties) {
    struct mqtt_packet connack = {.type = MQTT_CONNACK};
    connack.connack.acknowledge_flags = acknowledge_flags;
    connack.connack.code = code;
    connack.connack.properties = properties;
    if (connection->version == MQTT_5_0 && !MUST(&connection->broker->rules, V5(3_2_2_1)))
        connack.connack.acknowledge_flags |= 0x02;
    connection_send(connection, &connack);
}

/* MQTT-3.2.2-6 (5.0: MQTT-3.2.2-8). */
static uint8_t code_to_send(struct connection *connection, enum mqtt_reason reason) {
    struct spec_rules *rules = &connection->broker->rules;
    if (connection->version == MQTT_5_0)
        return MUST(rules, V5(3_2_2_8)) ? (uint8_t)reason : MQTT_REASON_SESSION_TAKEN_OVER;
    return MUST(rules, V311(3_2_2_6)) ? return_code(reason) : MQTT_NOT_AUTHORIZED + 1;
}

/* Where else the Client may go, section 4.11 of 5.0; otherwise why it was refused. */
static struct mqtt_bytes refusal_properties(struct connection *connection, const struct refusal *refusal) {
    struct broker *broker = connection->broker;
    if (connection->version != MQTT_5_0 || refusal->reason != MQTT_REASON_USE_ANOTHER_SERVER)
        return connection_reason_string(connection, MQTT_CONNACK, refusal->what);
    struct property_set set = {.buffer = broker->properties, .capacity = sizeof broker->properties};
    struct mqtt_bytes reference = broker->settings.server_reference;
    if (reference.length < sizeof broker->properties / 2)
        property_set_bytes(&set, MQTT_SERVER_REFERENCE, reference);
    return property_set_view(&set);
}

/* What is refused and how depends on who refuses: see MQTT-3.1.3-8 and MQTT-3.1.4-2 of 5.0, which all ask
 * for the close. */
static bool closes_after(struct connection *connection, const struct refusal *refusal) {
    struct spec_rules *rules = &connection->broker->rules;
    if (connection->version != MQTT_5_0)
        return MUST(rules, V311(3_2_2_5));
    if (refusal->statement == V5(3_1_3_8) && !MUST(rules, V5(3_1_3_8)))
        return false;
    if (refusal->statement == V5(3_1_4_2) && !MUST(rules, V5(3_1_4_2)))
        return false;
    return MUST(rules, V5(3_2_2_7)) && MUST(rules, V5(4_13_2_1));
}

static void refuse(struct connection *connection, const struct refusal *refusal) {
    struct spec_rules *rules = &connection->broker->rules;
    enum mqtt_version version = connection->version;
    bool absent = version == MQTT_3_1 || MUST(rules, BY_VERSION(version, V311(3_2_2_4), V5(3_2_2_6)));
    send_connack(connection, absent ? 0 : 1, code_to_send(connection, refusal->reason),
                 refusal_properties(connection, refusal));
    struct mqtt_error error = {.error_class = MQTT_PROTOCOL,
                               .statement = refusal->statement,
                               .reason_code = (uint8_t)refusal->reason,
                               .what = refusal->what};
    connection_report(connection, BROKER_REFUSED, NULL, &error);
    if (!closes_after(connection, refusal))
        return;
    connection->refused = true;
    connection_end(connection);
}

void connect_refuse(struct connection *connection, enum mqtt_reason reason, enum spec_statement statement,
                    const char *what) {
    refuse(connection, &(struct refusal){reason, statement, what});
}

/* The Client Identifier, sections 3.1.3.1. */
static struct refusal judge_client_identifier(struct connection *connection, const struct mqtt_connect *connect) {
    struct spec_rules *rules = &connection->broker->rules;
    enum mqtt_version version = connection->version;
    uint32_t length = connect->client_identifier.length;
    uint32_t longest = connection->broker->settings.maximum_client_identifier;
    bool clean = (connect->flags & MQTT_CONNECT_CLEAN_SESSION) != 0;
    if (version == MQTT_3_1 && longest > 23)
        longest = 23;
    if (length == 0 && version != MQTT_5_0 && (!clean || version == MQTT_3_1)) {
        if (MUST(rules, V311(3_1_3_8)))
            return (struct refusal){MQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID, V311(3_1_3_8),
                                    "an empty Client Identifier needs CleanSession 1"};
        return accepted;
    }
    if (length > longest)
        return (struct refusal){MQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID,
                                BY_VERSION(version, V311(3_1_3_9), V5(3_1_3_8)), "the Client Identifier is too long"};
    if (length > 22 && !MUST(rules, BY_VERSION(version, V311(3_1_3_5), V5(3_1_3_5))))
        return (struct refusal){MQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID,
                                BY_VERSION(version, V311(3_1_3_5), V5(3_1_3_5)),
                                "the Client Identifier has more than 22 bytes"};
    return accepted;
}

/* Who the Client says it is, or has proven to be. */
static struct broker_client client_of(const struct connection *connection, const struct mqtt_connect *connect) {
    const struct authentication *authentication = connection->authentication;
    struct broker_client client = {
        .connection = connection->number,
        .version = connection->version,
        .client_identifier = connect->client_identifier,
        .user_name = connect->user_name,
        .is_certified = connection->certified_user.data != NULL,
    };
    if (authentication != NULL)
        client.user_name = (struct mqtt_bytes){authentication->user_name, authentication->user_name_length};
    if (client.is_certified)
        client.user_name = connection->certified_user;
    return client;
}

static struct refusal judge_user(struct connection *connection, const struct mqtt_connect *connect) {
    static const enum mqtt_reason reasons[] = {
        [MQTT_UNACCEPTABLE_PROTOCOL_VERSION] = MQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION,
        [MQTT_IDENTIFIER_REJECTED] = MQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID,
        [MQTT_SERVER_UNAVAILABLE] = MQTT_REASON_SERVER_UNAVAILABLE,
        [MQTT_BAD_USER_NAME_OR_PASSWORD] = MQTT_REASON_BAD_USER_NAME_OR_PASSWORD,
        [MQTT_NOT_AUTHORIZED] = MQTT_REASON_NOT_AUTHORIZED,
    };
    const struct broker_hooks *hooks = &connection->broker->settings.hooks;
    if (hooks->authenticate == NULL)
        return accepted;
    enum mqtt_connect_return_code code;
    if (!hold_recall(connection, &code)) {
        struct broker_client client = client_of(connection, connect);
        client.asking = connection;
        code = hooks->authenticate(hooks->context, &client, connect);
        hold_note(connection, code);
    }
    if (hold_is_waiting(connection))
        return accepted; /* for now */
    if (code == MQTT_CONNECTION_ACCEPTED)
        return accepted;
    return (struct refusal){reasons[code], V5(3_1_4_2), "user name or password not accepted"};
}

/* A Will that the Server could not publish as asked, MQTT-3.2.2-12 and MQTT-3.2.2-13. */
static struct refusal judge_will(struct connection *connection, const struct mqtt_connect *connect) {
    struct broker *broker = connection->broker;
    if (connection->version != MQTT_5_0)
        return accepted;
    uint8_t qos = mqtt_will_qos(connect->flags); /* 3 gets here only where the decoder lets it pass */
    if (qos <= 2 && qos > broker_maximum_qos(broker) && MUST(&broker->rules, V5(3_2_2_12)))
        return (struct refusal){MQTT_REASON_QOS_NOT_SUPPORTED, V5(3_2_2_12), "the Will QoS is above the Maximum QoS"};
    if ((connect->flags & MQTT_CONNECT_WILL_RETAIN) != 0 && !broker_retains(broker) &&
        MUST(&broker->rules, V5(3_2_2_13)))
        return (struct refusal){MQTT_REASON_RETAIN_NOT_SUPPORTED, V5(3_2_2_13),
                                "Will Retain, though retained messages are not available"};
    return accepted;
}

/* What the Server itself is not ready for. */
static struct refusal judge_server(struct connection *connection) {
    struct broker *broker = connection->broker;
    if (broker->settings.server_reference.data != NULL)
        return (struct refusal){MQTT_REASON_USE_ANOTHER_SERVER, SPEC_NONE, "another Server is to be used"};
    if (broker->counts.connections > broker->settings.maximum_connections)
        return (struct refusal){MQTT_REASON_SERVER_UNAVAILABLE, SPEC_NONE, "too many connections"};
    return accepted;
}

static struct refusal judge(struct connection *connection, const struct mqtt_connect *connect) {
    struct refusal refusal = judge_client_identifier(connection, connect);
    if (refusal.reason == MQTT_REASON_SUCCESS)
        refusal = judge_server(connection);
    if (refusal.reason == MQTT_REASON_SUCCESS)
        refusal = judge_will(connection, connect);
    if (refusal.reason == MQTT_REASON_SUCCESS)
        refusal = judge_user(connection, connect);
    return refusal;
}

/* ---- The session ---------------------------------------------------------------------------------------- */

/* MQTT-3.1.3-6: a Client that names itself not at all gets a name of its own. */
static struct mqtt_bytes assign_client_identifier(struct broker *broker, enum mqtt_version version,
                                                  uint8_t buffer[ASSIGNED_LENGTH]) {
    static const char digits[] = "0123456789abcdef";
    bool unique = MUST(&broker->rules, BY_VERSION(version, V311(3_1_3_6), V5(3_1_3_6)));
    memcpy(buffer, ASSIGNED_PREFIX, sizeof ASSIGNED_PREFIX - 1);
    struct mqtt_bytes assigned = {buffer, ASSIGNED_LENGTH};
    uint64_t tries = 0; /* added, so that the search ends whatever the generator gives */
    do {
        uint64_t number = unique ? broker->memory.environment.random(broker->memory.environment.context) + tries++ : 0;
        for (size_t i = 0; i < 16; i++)
            buffer[sizeof ASSIGNED_PREFIX - 1 + i] = (uint8_t)digits[number >> (4 * i) & 15];
    } while (unique && session_find(broker, assigned) != NULL);
    return assigned;
}

/* MQTT-3.1.4-2 (5.0: MQTT-3.1.4-3): the Client Identifier is in use by another connection, which ends. */
static void take_over(struct connection *other) {
    struct broker *broker = other->broker;
    if (MUST(&broker->rules, BY_VERSION(other->version, V311(3_1_4_2), V5(3_1_4_3)))) {
        connection_report(other, BROKER_TAKEN_OVER, NULL, NULL);
        connection_tell(other, MQTT_REASON_SESSION_TAKEN_OVER, "another connection has the same Client Identifier");
        connection_end(other);
        return;
    }
    message_release(broker, other->will);
    other->will = NULL;
    authentication_end(other);
    topic_aliases_clear(broker, &other->aliases_in);
    topic_aliases_clear(broker, &other->aliases_out);
    broker->counts.clients--;
    other->session->connection = NULL;
    other->session = NULL;
    other->state = AWAITING_CONNECT;
    timers_set(broker, &other->timer, NO_DEADLINE);
}

/* Finds or makes the session that this CONNECT asks for, section 3.1.2.4. NULL where there is no memory. */
static struct session *open_session(struct connection *connection, struct mqtt_bytes client_identifier, bool clean,
                                    bool *existed) {
    struct broker *broker = connection->broker;
    struct spec_rules *rules = &broker->rules;
    enum mqtt_version version = connection->version;
    struct session *session = session_find(broker, client_identifier);
    if (session != NULL && session->connection != NULL) {
        take_over(session->connection);
        session = session_find(broker, client_identifier); /* it may have ended with its connection */
    }
    bool starts_anew = clean && MUST(rules, BY_VERSION(version, V311(3_1_2_6), V5(3_1_2_4)));
    if (session != NULL && version == MQTT_5_0)
        starts_anew = (starts_anew && MUST(rules, V5(3_1_4_4))) || (!clean && !MUST(rules, V5(3_1_2_5)));
    if (session != NULL && starts_anew) {
        session_destroy(session);
        session = NULL;
    }
    *existed = session != NULL;
    if (session == NULL)
        return session_create(broker, client_identifier);
    session_resume(session);
    return session;
}

static uint8_t session_present(struct connection *connection, bool clean, bool existed) {
    struct spec_rules *rules = &connection->broker->rules;
    if (connection->version == MQTT_3_1)
        return 0;
    if (connection->version == MQTT_5_0) {
        if (clean)
            return MUST(rules, V5(3_2_2_2)) ? 0 : 1;
        if (!existed && !MUST(rules, V5(3_1_2_6)))
            return 1;
        return existed == MUST(rules, V5(3_2_2_3)) ? 1 : 0;
    }
    if (clean)
        return MUST(rules, V311(3_2_2_1)) ? 0 : 1;
    if (existed)
        return MUST(rules, V311(3_2_2_2)) ? 1 : 0;
    return MUST(rules, V311(3_2_2_3)) ? 0 : 1;
}

/* ---- The Will ------------------------------------------------------------------------------------------- */

/* False where there is no memory. */
static bool store_will(struct connection *connection, const struct mqtt_connect *connect) {
    struct broker *broker = connection->broker;
    if ((connect->flags & MQTT_CONNECT_WILL) == 0) {
        if (broker->kept_will != NULL &&
            broker->kept_will_client == session_hash(broker, session_client_identifier(connection->session))) {
            connection->will = broker->kept_will;
            broker->kept_will = NULL;
        }
        return true;
    }
    if (connection->version == MQTT_5_0 && !MUST(&broker->rules, V5(3_1_2_7)))
        return true; /* the Will is forgotten */
    struct mqtt_publish will = {
        .topic = connect->will_topic, .payload = connect->will_message, .properties = connect->will_properties};
    uint8_t qos = mqtt_will_qos(connect->flags);
    uint8_t flags = (uint8_t)((qos < 2 ? qos : 2) << MQTT_PUBLISH_QOS_SHIFT);
    if ((connect->flags & MQTT_CONNECT_WILL_RETAIN) != 0)
        flags |= MQTT_PUBLISH_RETAIN;
    struct application_message parts = message_parts(broker, &will, flags);
    parts.is_will = true;
    connection->will_delay = mqtt_property_number(connect->will_properties, MQTT_WILL_DELAY_INTERVAL, 0);
    connection->will = message_create(broker, &parts);
    return connection->will != NULL;
}

/* ---- CONNECT -------------------------------------------------------------------------------------------- */

/* MQTT-3.1.2-24 (5.0: MQTT-3.1.2-22). A broker that breaks MQTT-3.2.2-22 goes by half of what the Client asked for. */
static void start_keep_alive(struct connection *connection, uint16_t asked) {
    struct broker *broker = connection->broker;
    uint16_t keep_alive = asked;
    if (connection->version == MQTT_5_0) {
        keep_alive = offer_keep_alive(broker, asked);
        if (keep_alive == asked && !MUST(&broker->rules, V5(3_2_2_22)))
            keep_alive = (uint16_t)(asked / 2);
    }
    connection->allowed_silence = keep_alive * MICROSECONDS_PER_SECOND * 3 / 2;
    timers_set(broker, &connection->timer,
               keep_alive != 0 ? connection->last_received + connection->allowed_silence : NO_DEADLINE);
}

static void read_limits(struct connection *connection, const struct mqtt_connect *connect) {
    struct mqtt_bytes properties = connect->properties;
    connection->limits = (struct client_limits){
        .maximum_packet_size = mqtt_property_number(properties, MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, 0),
        .receive_maximum = (uint16_t)mqtt_property_number(properties, MQTT_RECEIVE_MAXIMUM, UINT16_MAX),
        .topic_alias_maximum = (uint16_t)mqtt_property_number(properties, MQTT_TOPIC_ALIAS_MAXIMUM, 0),
        .wants_problem_information = mqtt_property_number(properties, MQTT_REQUEST_PROBLEM_INFORMATION, 1) != 0,
        .wants_response_information = mqtt_property_number(properties, MQTT_REQUEST_RESPONSE_INFORMATION, 0) != 0,
        .wants_session_to_stay = mqtt_property_number(properties, MQTT_SESSION_EXPIRY_INTERVAL, 0) != 0,
    };
    connection->own_topic_aliases = connection->version == MQTT_5_0 ? topic_aliases_to_use(connection) : 0;
    connection->in_flight_limit = delivery_quota(connection);
}

/* Before 5.0 a session either ends with its connection or lives on for good. */
static uint32_t session_expiry(const struct connection *connection, const struct mqtt_connect *connect, bool clean) {
    if (connection->version == MQTT_5_0)
        return offer_session_expiry(connection->broker, connect);
    return clean ? 0 : SESSION_NEVER_EXPIRES;
}

/* The connection is the session's from here on. */
static void join_session(struct connection *connection, struct session *session, uint32_t expiry) {
    session->version = connection->version;
    session->expiry = expiry;
    session->connection = connection;
    connection->session = session;
    connection->state = CONNECTED;
    struct broker_counts *counts = &connection->broker->counts;
    if (++counts->clients > counts->most_clients)
        counts->most_clients = counts->clients;
    if (connection->version == MQTT_5_0 && session->kept_aliases.count > 0) {
        connection->aliases_in = session->kept_aliases;
        session->kept_aliases = (struct topic_aliases){0};
    }
}

static void answer(struct connection *connection, const struct mqtt_connect *connect, uint8_t present,
                   struct mqtt_bytes assigned, struct mqtt_bytes data) {
    struct session *session = connection->session;
    struct spec_rules *rules = &connection->broker->rules;
    enum mqtt_version version = connection->version;
    bool connack_first = MUST(rules, BY_VERSION(version, V311(3_2_0_1), V5(3_2_0_1)));
    if (!connack_first && version == MQTT_5_0)
        connection_send(connection, &(struct mqtt_packet){.type = MQTT_PINGRESP});
    else if (!connack_first)
        delivery_resume(session);
    if (MUST(rules, BY_VERSION(version, V311(3_1_4_4), V5(3_1_4_5))))
        send_connack(connection, present, MQTT_CONNECTION_ACCEPTED,
                     offer_properties(connection, connect, assigned, data));
    if (version == MQTT_5_0 && !MUST(rules, V5(3_2_0_2)))
        send_connack(connection, present, MQTT_CONNECTION_ACCEPTED,
                     offer_properties(connection, connect, assigned, data));
    connection_report(connection, BROKER_CONNECTED, NULL, NULL);
    if (connack_first || version == MQTT_5_0)
        delivery_resume(session);
}

static void accept(struct connection *connection, const struct mqtt_connect *connect, struct mqtt_bytes data) {
    static const struct refusal no_memory = {MQTT_REASON_SERVER_UNAVAILABLE, SPEC_NONE, "out of memory"};
    static const struct refusal denied_will = {MQTT_REASON_NOT_AUTHORIZED, V5(3_1_4_2),
                                               "this Client may not publish to the Will Topic"};
    struct broker *broker = connection->broker;
    struct spec_rules *rules = &broker->rules;
    enum mqtt_version version = connection->version;
    uint8_t buffer[ASSIGNED_LENGTH];
    struct mqtt_bytes client_identifier = connect->client_identifier, assigned = {NULL, 0};
    if (client_identifier.length == 0)
        client_identifier = assigned = assign_client_identifier(broker, version, buffer);
    struct broker_client client = client_of(connection, connect);
    client.client_identifier = client_identifier;
    client.asking = connection->state == AWAITING_CONNECT ? connection : NULL;
    bool allowed =
        (connect->flags & MQTT_CONNECT_WILL) == 0 || client_may_publish(broker, &client, connect->will_topic);
    if (hold_is_waiting(connection))
        return;
    if (!allowed) {
        refuse(connection, &denied_will);
        return;
    }
    bool clean =
        (connect->flags & MQTT_CONNECT_CLEAN_SESSION) != 0 || (version != MQTT_5_0 && !MUST(rules, V311(3_1_4_3)));
    bool existed = false;
    struct session *session = open_session(connection, client_identifier, clean, &existed);
    if (session == NULL) {
        refuse(connection, &no_memory);
        return;
    }
    join_session(connection, session, session_expiry(connection, connect, clean));
    if (!session_name_user(session, client.user_name, client.is_certified) || !store_will(connection, connect)) {
        refuse(connection, &no_memory);
        return;
    }
    start_keep_alive(connection, connect->keep_alive);
    persist_session(session);
    answer(connection, connect, session_present(connection, clean, existed), assigned, data);
}

void connect_authenticated(struct connection *connection, const struct mqtt_connect *connect, struct mqtt_bytes data) {
    accept(connection, connect, data);
}

/* ---- A protocol that this broker does not speak ---------------------------------------------------------- */

/* Its CONNECT could be read only up to name and level, and nobody knows what version its Client would have: the rules
 * of 3.1.1 and 5.0 say the same, and each can be broken. */
static void answer_unknown_protocol(struct connection *connection, bool name_is_known) {
    struct spec_rules *rules = &connection->broker->rules;
    connection->version = MQTT_3_1_1; /* for the answer */
    connection->limits = client_no_limits;
    connection->in_flight_limit = delivery_quota(connection);
    if (!name_is_known && MUST(rules, V311(3_1_2_1)) && MUST(rules, V5(3_1_2_1))) {
        connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION, V311(3_1_2_1),
                            "the protocol name is not MQTT");
        return;
    }
    if (name_is_known && MUST(rules, V311(3_1_2_2)) && MUST(rules, V5(3_1_2_2))) {
        connect_refuse(connection, MQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION, V311(3_1_2_2),
                       "the Protocol Level is not supported");
        return;
    }
    struct mqtt_connect taken_for = {.flags = MQTT_CONNECT_CLEAN_SESSION};
    accept(connection, &taken_for, (struct mqtt_bytes){NULL, 0});
}

/* MQTT-3.1.0-2. */
static void answer_second_connect(struct connection *connection) {
    enum spec_statement statement = BY_VERSION(connection->version, V311(3_1_0_2), V5(3_1_0_2));
    if (MUST(&connection->broker->rules, statement))
        connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_PROTOCOL_ERROR, statement,
                            "a second CONNECT on one connection");
    else
        send_connack(connection, 0, MQTT_CONNECTION_ACCEPTED, (struct mqtt_bytes){NULL, 0});
}

static bool is_supported(const struct mqtt_connect *connect, bool is_3_1, bool is_later) {
    if (is_3_1)
        return connect->protocol_level == MQTT_3_1;
    return is_later && (connect->protocol_level == MQTT_3_1_1 || connect->protocol_level == MQTT_5_0);
}

void handle_connect(struct connection *connection, const struct mqtt_packet *packet) {
    struct spec_rules *rules = &connection->broker->rules;
    const struct mqtt_connect *connect = &packet->connect;
    connection->broker->counts.connects += !hold_is_anew(connection);
    if (connection->state == CONNECTED) {
        answer_second_connect(connection);
        return;
    }
    bool is_3_1 = mqtt_equal(connect->protocol_name, mqtt_text("MQIsdp"));
    bool is_later = mqtt_equal(connect->protocol_name, mqtt_text("MQTT"));
    if (!is_supported(connect, is_3_1, is_later)) {
        answer_unknown_protocol(connection, is_3_1 || is_later);
        return;
    }
    struct mqtt_property method;
    connection->version = (enum mqtt_version)connect->protocol_level;
    read_limits(connection, connect);
    if (connection->broker->settings.hooks.may_publish != NULL && (connect->flags & MQTT_CONNECT_WILL) != 0)
        hold_begin(connection, 2); /* about the Client and about its Will */
    struct refusal refusal = judge(connection, connect);
    if (hold_is_waiting(connection))
        return;
    if (refusal.reason != MQTT_REASON_SUCCESS && refusal.statement == V311(3_1_3_9) && !MUST(rules, V311(3_1_3_9)))
        connection_end(connection);
    else if (refusal.reason != MQTT_REASON_SUCCESS)
        refuse(connection, &refusal);
    else if (mqtt_find_property(connect->properties, MQTT_AUTHENTICATION_METHOD, &method))
        authentication_begin(connection, packet);
    else
        accept(connection, connect, (struct mqtt_bytes){NULL, 0});
}
