/* Enhanced authentication of MQTT 5.0, section 4.12 there, with SCRAM-SHA-256 as the method: of a CONNECT before it is
 * answered, and again at any time later. */
#include <string.h>

#include "reference/core.h"
#include "reference/property_set.h"

static void forget_connect(struct connection *connection) {
    struct authentication *authentication = connection->authentication;
    memory_give(&connection->broker->memory, (void *)authentication->connect.data, authentication->connect.length);
    authentication->connect = (struct mqtt_bytes){NULL, 0};
}

void authentication_end(struct connection *connection) {
    if (connection->authentication == NULL)
        return;
    forget_connect(connection);
    memory_give(&connection->broker->memory, connection->authentication, sizeof *connection->authentication);
    connection->authentication = NULL;
}

/* ---- AUTH to the Client ------------------------------------------------------------------------------------- */

/* MQTT-4.12.0-2, MQTT-4.12.0-5. */
static void send_auth(struct connection *connection, enum mqtt_reason reason, struct mqtt_bytes data) {
    struct broker *broker = connection->broker;
    struct spec_rules *rules = &broker->rules;
    uint8_t buffer[2 * SCRAM_LONGEST];
    struct property_set set = {.buffer = buffer, .capacity = sizeof buffer};
    const char *method = MUST(rules, V5(4_12_0_5)) ? SCRAM_METHOD : "SCRAM-SHA-1";
    property_set_bytes(&set, MQTT_AUTHENTICATION_METHOD, mqtt_text(method));
    property_set_bytes(&set, MQTT_AUTHENTICATION_DATA, data);
    if (connection->limits.wants_problem_information)
        property_set_bytes(&set, MQTT_REASON_STRING,
                           mqtt_text(reason == MQTT_REASON_SUCCESS ? "authenticated" : "the challenge"));
    struct mqtt_packet auth = {.type = MQTT_AUTH};
    auth.disconnect.reason_code = (uint8_t)reason;
    if (reason == MQTT_REASON_CONTINUE_AUTHENTICATION && !MUST(rules, V5(4_12_0_2)))
        auth.disconnect.reason_code = MQTT_REASON_RE_AUTHENTICATE;
    if (!MUST(rules, V5(3_15_2_1)))
        auth.disconnect.reason_code = MQTT_REASON_UNSPECIFIED_ERROR;
    auth.disconnect.properties = property_set_view(&set);
    connection_send(connection, &auth);
}

/* ---- The exchange --------------------------------------------------------------------------------------------- */

static bool credentials_of(struct connection *connection, struct mqtt_bytes client_first,
                           struct scram_credentials *credentials) {
    const struct broker_hooks *hooks = &connection->broker->settings.hooks;
    struct authentication *authentication = connection->authentication;
    struct mqtt_bytes user_name = scram_user_name(client_first, authentication->user_name);
    authentication->user_name_length = user_name.length;
    return user_name.data != NULL && hooks->scram_credentials(hooks->context, user_name, credentials);
}

/* Sends the challenge. False where the Client's first message is not well-formed or names nobody who is known. */
static bool challenge(struct connection *connection, struct mqtt_bytes client_first) {
    struct broker *broker = connection->broker;
    const struct environment *environment = &broker->memory.environment;
    struct scram_credentials credentials;
    char answer[SCRAM_LONGEST];
    uint64_t random[2] = {environment->random(environment->context), environment->random(environment->context)};
    if (!credentials_of(connection, client_first, &credentials))
        return false;
    size_t length = scram_begin(&connection->authentication->scram, &credentials, client_first, random, answer);
    if (length == 0)
        return false;
    connection->authentication->is_under_way = true;
    send_auth(connection, MQTT_REASON_CONTINUE_AUTHENTICATION,
              (struct mqtt_bytes){(const uint8_t *)answer, (uint32_t)length});
    return true;
}

static bool is_supported(const struct connection *connection, struct mqtt_bytes method) {
    return connection->broker->settings.hooks.scram_credentials != NULL && mqtt_equal(method, mqtt_text(SCRAM_METHOD));
}

/* ---- Of a CONNECT --------------------------------------------------------------------------------------------- */

/* CONNECT has to wait for the end of the exchange: it is kept as it would be on the wire. */
static bool keep_connect(struct connection *connection, const struct mqtt_packet *packet) {
    struct broker *broker = connection->broker;
    size_t size = mqtt_encoded_size(connection->version, packet);
    connection->authentication = memory_take_zeroed(&broker->memory, sizeof *connection->authentication);
    uint8_t *copy = connection->authentication != NULL ? memory_take(&broker->memory, size) : NULL;
    if (copy == NULL)
        return false;
    mqtt_encode(connection->version, packet, copy, size);
    connection->authentication->connect = (struct mqtt_bytes){copy, (uint32_t)size};
    return true;
}

void authentication_begin(struct connection *connection, const struct mqtt_packet *packet) {
    struct mqtt_bytes properties = packet->connect.properties;
    struct spec_rules *rules = &connection->broker->rules;
    if (!is_supported(connection, mqtt_property_bytes(properties, MQTT_AUTHENTICATION_METHOD))) {
        if (MUST(rules, V5(4_12_0_1)))
            connect_refuse(connection, MQTT_REASON_BAD_AUTHENTICATION_METHOD, V5(4_12_0_1),
                           "the Authentication Method is not supported");
        else
            connect_authenticated(connection, &packet->connect, (struct mqtt_bytes){NULL, 0});
        return;
    }
    connection->uses_scram = true;
    connection->state = AUTHENTICATING;
    if (!keep_connect(connection, packet))
        connection_give_up(connection, "out of memory");
    else if (!challenge(connection, mqtt_property_bytes(properties, MQTT_AUTHENTICATION_DATA)))
        connect_refuse(connection, MQTT_REASON_NOT_AUTHORIZED, SPEC_NONE, "the Authentication Data is not accepted");
}

/* The exchange is over; `data` proves the Server to the Client. */
static void accept_connect(struct connection *connection, struct mqtt_bytes data) {
    struct broker *broker = connection->broker;
    struct mqtt_decoder decoder = {.version = MQTT_VERSION_UNKNOWN, .sender = MQTT_CLIENT, .rules = &broker->rules};
    struct mqtt_packet packet;
    struct mqtt_error error;
    struct mqtt_bytes bytes = connection->authentication->connect;
    connection->authentication->connect = (struct mqtt_bytes){NULL, 0};
    if (mqtt_decode(&decoder, bytes, &packet, &error) == MQTT_OK)
        connect_authenticated(connection, &packet.connect, data);
    else
        connection_drop(connection, &error); /* only a broker whose decoder lets something pass */
    memory_give(&broker->memory, (void *)bytes.data, bytes.length);
}

/* MQTT-4.12.0-4: a broker that breaks it lets the Client in all the same. */
static void answer_connect(struct connection *connection, bool proven, struct mqtt_bytes data) {
    if (proven || !MUST(&connection->broker->rules, V5(4_12_0_4)))
        accept_connect(connection, data);
    else
        connect_refuse(connection, MQTT_REASON_NOT_AUTHORIZED, V5(4_12_0_4), "the Authentication Data is wrong");
}

/* ---- Again, section 4.12.1 ------------------------------------------------------------------------------------ */

static void refuse_again(struct connection *connection) {
    if (MUST(&connection->broker->rules, V5(4_12_1_2)))
        connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_NOT_AUTHORIZED, V5(4_12_1_2),
                            "the Authentication Data is wrong");
}

static void begin_again(struct connection *connection, struct mqtt_bytes data) {
    struct broker *broker = connection->broker;
    if (connection->authentication == NULL)
        connection->authentication = memory_take_zeroed(&broker->memory, sizeof *connection->authentication);
    if (connection->authentication == NULL)
        connection_give_up(connection, "out of memory");
    else if (!challenge(connection, data))
        refuse_again(connection);
}

/* ---- AUTH from the Client --------------------------------------------------------------------------------------- */

static void finish(struct connection *connection, struct mqtt_bytes data) {
    char answer[SCRAM_LONGEST];
    struct authentication *authentication = connection->authentication;
    size_t length = scram_finish(&authentication->scram, data, answer);
    struct mqtt_bytes proof = {(const uint8_t *)answer, (uint32_t)length};
    authentication->is_under_way = false;
    if (connection->state == AUTHENTICATING)
        answer_connect(connection, length > 0, proof);
    else if (length > 0)
        send_auth(connection, MQTT_REASON_SUCCESS, proof);
    else
        refuse_again(connection);
    authentication_end(connection); /* another one takes memory of its own */
}

static void refuse(struct connection *connection, enum spec_statement statement, const char *what) {
    connection_drop_for(connection, MQTT_PROTOCOL, MQTT_REASON_PROTOCOL_ERROR, statement, what);
}

/* The method is the one that CONNECT named. False where the connection was dropped. */
static bool check_method(struct connection *connection, const struct mqtt_packet *packet) {
    struct spec_rules *rules = &connection->broker->rules;
    struct mqtt_bytes method = mqtt_property_bytes(packet->disconnect.properties, MQTT_AUTHENTICATION_METHOD);
    enum spec_statement statement = connection->state == CONNECTED ? V5(4_12_1_1) : V5(4_12_0_5);
    if (!connection->uses_scram) {
        if (MUST(rules, V5(4_12_0_7)))
            refuse(connection, V5(4_12_0_7), "AUTH, though CONNECT named no Authentication Method");
        return false;
    }
    if (mqtt_equal(method, mqtt_text(SCRAM_METHOD)) || !MUST(rules, statement))
        return true;
    refuse(connection, statement, "another Authentication Method than that of CONNECT");
    return false;
}

void handle_auth(struct connection *connection, const struct mqtt_packet *packet) {
    struct spec_rules *rules = &connection->broker->rules;
    struct mqtt_bytes data = mqtt_property_bytes(packet->disconnect.properties, MQTT_AUTHENTICATION_DATA);
    uint8_t reason = packet->disconnect.reason_code;
    if (!check_method(connection, packet))
        return;
    bool is_under_way = connection->authentication != NULL && connection->authentication->is_under_way;
    if (is_under_way && (reason == MQTT_REASON_CONTINUE_AUTHENTICATION || !MUST(rules, V5(4_12_0_3))))
        finish(connection, data);
    else if (!is_under_way && connection->state == CONNECTED && reason == MQTT_REASON_RE_AUTHENTICATE)
        begin_again(connection, data);
    else
        refuse(connection, is_under_way ? V5(4_12_0_3) : V5(4_13_1_1),
               "AUTH with a Reason Code that does not fit here");
}
