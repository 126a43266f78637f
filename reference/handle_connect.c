/* CONNECT, section 3.1: check, refuse or accept, answer, resume. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"

#define ASSIGNED_PREFIX "mqspec"
#define ASSIGNED_LENGTH (sizeof ASSIGNED_PREFIX - 1 + 16)

/* ---- Refusals ------------------------------------------------------------------------------------------- */

struct refusal {
    enum mqtt_connect_return_code code; /* MQTT_CONNECTION_ACCEPTED: not refused */
    enum mqtt_reason reason;
    enum spec_statement statement;
    const char *what;
};

static const struct refusal accepted = {MQTT_CONNECTION_ACCEPTED, MQTT_REASON_SUCCESS, SPEC_NONE, ""};

static void send_connack(struct connection *connection, uint8_t acknowledge_flags, uint8_t code) {
    struct mqtt_packet connack = {.type = MQTT_CONNACK};
    connack.connack.acknowledge_flags = acknowledge_flags;
    connack.connack.code = code;
    connection_send(connection, &connack);
}

static void refuse(struct connection *connection, const struct refusal *refusal) {
    struct spec_rules *rules = &connection->broker->rules;
    uint8_t code = (uint8_t)refusal->code;
    if (!MUST(rules, V311(3_2_2_6)))
        code = MQTT_NOT_AUTHORIZED + 1;
    uint8_t flags = connection->version == MQTT_3_1 || MUST(rules, V311(3_2_2_4)) ? 0 : 1;
    send_connack(connection, flags, code);
    struct mqtt_error error = {.error_class = MQTT_PROTOCOL,
                               .statement = refusal->statement,
                               .reason_code = (uint8_t)refusal->reason,
                               .what = refusal->what};
    connection_report(connection, BROKER_REFUSED, NULL, &error);
    if (!MUST(rules, V311(3_2_2_5)))
        return;
    connection->refused = true;
    connection_end(connection);
}

/* The Client Identifier, sections 3.1.3.1. */
static struct refusal judge_client_identifier(struct connection *connection, const struct mqtt_connect *connect) {
    struct spec_rules *rules = &connection->broker->rules;
    uint32_t length = connect->client_identifier.length;
    uint32_t longest = connection->broker->settings.maximum_client_identifier;
    bool clean = (connect->flags & MQTT_CONNECT_CLEAN_SESSION) != 0;
    if (connection->version == MQTT_3_1 && longest > 23)
        longest = 23;
    if (length == 0 && (!clean || connection->version == MQTT_3_1)) {
        if (MUST(rules, V311(3_1_3_8)))
            return (struct refusal){MQTT_IDENTIFIER_REJECTED, MQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID, V311(3_1_3_8),
                                    "an empty Client Identifier needs CleanSession 1"};
        return accepted;
    }
    if (length > longest)
        return (struct refusal){MQTT_IDENTIFIER_REJECTED, MQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID, V311(3_1_3_9),
                                "the Client Identifier is too long"};
    if (length > 22 && !MUST(rules, V311(3_1_3_5)))
        return (struct refusal){MQTT_IDENTIFIER_REJECTED, MQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID, V311(3_1_3_5),
                                "the Client Identifier has more than 22 bytes"};
    return accepted;
}

static struct refusal judge_user(struct connection *connection, const struct mqtt_connect *connect) {
    const struct broker_hooks *hooks = &connection->broker->settings.hooks;
    if (hooks->authenticate == NULL)
        return accepted;
    enum mqtt_connect_return_code code = hooks->authenticate(hooks->context, connect);
    if (code == MQTT_CONNECTION_ACCEPTED)
        return accepted;
    enum mqtt_reason reason =
        code == MQTT_BAD_USER_NAME_OR_PASSWORD ? MQTT_REASON_BAD_USER_NAME_OR_PASSWORD : MQTT_REASON_NOT_AUTHORIZED;
    return (struct refusal){code, reason, SPEC_NONE, "user name or password not accepted"};
}

static struct refusal judge(struct connection *connection, const struct mqtt_connect *connect) {
    struct broker *broker = connection->broker;
    struct refusal refusal = judge_client_identifier(connection, connect);
    if (refusal.code == MQTT_CONNECTION_ACCEPTED && broker->counts.connections > broker->settings.maximum_connections)
        refusal = (struct refusal){MQTT_SERVER_UNAVAILABLE, MQTT_REASON_SERVER_UNAVAILABLE, SPEC_NONE,
                                   "too many connections"};
    if (refusal.code == MQTT_CONNECTION_ACCEPTED)
        refusal = judge_user(connection, connect);
    return refusal;
}

/* ---- The session ---------------------------------------------------------------------------------------- */

/* MQTT-3.1.3-6: a Client that names itself not at all gets a name of its own. */
static struct mqtt_bytes assign_client_identifier(struct broker *broker, uint8_t buffer[ASSIGNED_LENGTH]) {
    static const char digits[] = "0123456789abcdef";
    memcpy(buffer, ASSIGNED_PREFIX, sizeof ASSIGNED_PREFIX - 1);
    struct mqtt_bytes assigned = {buffer, ASSIGNED_LENGTH};
    do {
        uint64_t number = broker->memory.environment.random(broker->memory.environment.context);
        if (!MUST(&broker->rules, V311(3_1_3_6)))
            number = 0;
        for (size_t i = 0; i < 16; i++)
            buffer[sizeof ASSIGNED_PREFIX - 1 + i] = (uint8_t)digits[number >> (4 * i) & 15];
    } while (!broker->rules.off[V311(3_1_3_6)] && session_find(broker, assigned) != NULL);
    return assigned;
}

/* MQTT-3.1.4-2: the Client Identifier is in use by another connection, which ends. */
static void take_over(struct connection *other) {
    if (MUST(&other->broker->rules, V311(3_1_4_2))) {
        connection_report(other, BROKER_TAKEN_OVER, NULL, NULL);
        connection_end(other);
        return;
    }
    message_release(other->broker, other->will);
    other->will = NULL;
    other->session->connection = NULL;
    other->session = NULL;
    other->state = AWAITING_CONNECT;
    timers_remove(other->broker, other);
}

/* Finds or makes the session that this CONNECT asks for, section 3.1.2.4. NULL where there is no memory. */
static struct session *open_session(struct broker *broker, struct mqtt_bytes client_identifier, bool clean,
                                    bool *existed) {
    struct spec_rules *rules = &broker->rules;
    struct session *session = session_find(broker, client_identifier);
    if (session != NULL && session->connection != NULL) {
        take_over(session->connection);
        session = session_find(broker, client_identifier); /* a clean one ended with its connection */
    }
    if (session != NULL && clean && MUST(rules, V311(3_1_2_6))) {
        session_destroy(session);
        session = NULL;
    }
    *existed = session != NULL;
    if (session == NULL)
        session = session_create(broker, client_identifier);
    if (session != NULL)
        session->clean = clean;
    return session;
}

static uint8_t session_present(struct connection *connection, bool clean, bool existed) {
    struct spec_rules *rules = &connection->broker->rules;
    if (connection->version == MQTT_3_1)
        return 0;
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
    struct mqtt_publish will = {.topic = connect->will_topic, .payload = connect->will_message};
    uint8_t qos = mqtt_will_qos(connect->flags);
    uint8_t flags = (uint8_t)((qos < 2 ? qos : 2) << MQTT_PUBLISH_QOS_SHIFT);
    if ((connect->flags & MQTT_CONNECT_WILL_RETAIN) != 0)
        flags |= MQTT_PUBLISH_RETAIN;
    connection->will = message_create(broker, &will, flags);
    return connection->will != NULL;
}

/* ---- CONNECT -------------------------------------------------------------------------------------------- */

static void start_keep_alive(struct connection *connection, uint16_t keep_alive) {
    connection->allowed_silence = keep_alive * MICROSECONDS_PER_SECOND * 3 / 2;
    timers_remove(connection->broker, connection);
    if (keep_alive != 0)
        timers_set(connection->broker, connection, connection->last_received + connection->allowed_silence);
}

static void accept(struct connection *connection, const struct mqtt_connect *connect) {
    static const struct refusal no_memory = {MQTT_SERVER_UNAVAILABLE, MQTT_REASON_SERVER_UNAVAILABLE, SPEC_NONE,
                                             "out of memory"};
    struct broker *broker = connection->broker;
    struct spec_rules *rules = &broker->rules;
    uint8_t assigned[ASSIGNED_LENGTH];
    struct mqtt_bytes client_identifier = connect->client_identifier;
    if (client_identifier.length == 0)
        client_identifier = assign_client_identifier(broker, assigned);
    bool clean = (connect->flags & MQTT_CONNECT_CLEAN_SESSION) != 0 || !MUST(rules, V311(3_1_4_3));
    bool existed = false;
    struct session *session = open_session(broker, client_identifier, clean, &existed);
    if (session == NULL) {
        refuse(connection, &no_memory);
        return;
    }
    session->version = connection->version;
    session->connection = connection;
    connection->session = session;
    connection->state = CONNECTED;
    if (!store_will(connection, connect)) {
        refuse(connection, &no_memory);
        return;
    }
    start_keep_alive(connection, connect->keep_alive);
    bool connack_first = MUST(rules, V311(3_2_0_1));
    if (!connack_first)
        delivery_resume(session);
    if (MUST(rules, V311(3_1_4_4)))
        send_connack(connection, session_present(connection, clean, existed), MQTT_CONNECTION_ACCEPTED);
    connection_report(connection, BROKER_CONNECTED, NULL, NULL);
    if (connack_first)
        delivery_resume(session);
}

/* A protocol that this broker does not speak: its CONNECT could be read only up to name and level. */
static void answer_unknown_protocol(struct connection *connection, bool name_is_known) {
    static const struct refusal level = {MQTT_UNACCEPTABLE_PROTOCOL_VERSION, MQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION,
                                         V311(3_1_2_2), "the Protocol Level is not supported"};
    struct spec_rules *rules = &connection->broker->rules;
    connection->version = MQTT_3_1_1; /* for the answer */
    if (!name_is_known && MUST(rules, V311(3_1_2_1))) {
        connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION, V311(3_1_2_1),
                            "the protocol name is not MQTT");
        return;
    }
    if (name_is_known && MUST(rules, V311(3_1_2_2))) {
        refuse(connection, &level);
        return;
    }
    struct mqtt_connect taken_for = {.flags = MQTT_CONNECT_CLEAN_SESSION};
    accept(connection, &taken_for);
}

void handle_connect(struct connection *connection, const struct mqtt_packet *packet) {
    struct spec_rules *rules = &connection->broker->rules;
    const struct mqtt_connect *connect = &packet->connect;
    if (connection->state == CONNECTED) {
        if (MUST(rules, V311(3_1_0_2)))
            connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_PROTOCOL_ERROR, V311(3_1_0_2),
                                "a second CONNECT on one connection");
        else
            send_connack(connection, 0, MQTT_CONNECTION_ACCEPTED);
        return;
    }
    bool is_3_1 = mqtt_equal(connect->protocol_name, mqtt_text("MQIsdp"));
    bool is_3_1_1 = mqtt_equal(connect->protocol_name, mqtt_text("MQTT"));
    if (connect->protocol_level != (is_3_1 ? MQTT_3_1 : MQTT_3_1_1) || (!is_3_1 && !is_3_1_1)) {
        answer_unknown_protocol(connection, is_3_1 || is_3_1_1);
        return;
    }
    connection->version = (enum mqtt_version)connect->protocol_level;
    struct refusal refusal = judge(connection, connect);
    if (refusal.code == MQTT_CONNECTION_ACCEPTED)
        accept(connection, connect);
    else if (refusal.statement == V311(3_1_3_9) && !MUST(rules, V311(3_1_3_9)))
        connection_end(connection);
    else
        refuse(connection, &refusal);
}
