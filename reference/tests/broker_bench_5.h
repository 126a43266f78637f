/* Clients of MQTT 5.0 on the bench, and what they are told in a notation to compare with. */
#ifndef MQSPEC_BROKER_BENCH_5_H
#define MQSPEC_BROKER_BENCH_5_H

#include <stdio.h>

#include "reference/tests/broker_bench.h"

#define SECONDS(count) ((microseconds)(count)*MICROSECONDS_PER_SECOND)

/* ---- What Clients send ---------------------------------------------------------------------------------------- */

struct properties {
    uint8_t bytes[2048];
    size_t length;
};

static inline void add_number(struct properties *properties, enum mqtt_property_identifier identifier,
                              uint32_t number) {
    struct mqtt_property property = {.identifier = (uint8_t)identifier, .number = number};
    assert_true(mqtt_append_property(properties->bytes, sizeof properties->bytes, &properties->length, &property));
}

static inline void add_bytes(struct properties *properties, enum mqtt_property_identifier identifier,
                             struct mqtt_bytes bytes) {
    struct mqtt_property property = {.identifier = (uint8_t)identifier, .bytes = bytes, .value = bytes};
    assert_true(mqtt_append_property(properties->bytes, sizeof properties->bytes, &properties->length, &property));
}

static inline struct mqtt_bytes bytes_of(const struct properties *properties) {
    return (struct mqtt_bytes){properties->bytes, (uint32_t)properties->length};
}

/* A CONNECT of 5.0. What is 0 is left out. */
struct client_5 {
    const char *name;
    bool clean_start;
    uint16_t keep_alive;
    uint32_t session_expiry;
    uint32_t receive_maximum;
    uint32_t maximum_packet_size;
    uint32_t topic_alias_maximum;
    bool no_problem_information;
    const char *will_topic; /* its message is "will" */
    uint8_t will_qos;
    bool will_retain;
    uint32_t will_delay;
    uint32_t will_expiry;
    const char *authentication_data; /* with SCRAM-SHA-256 */
};

static inline void add_unless_0(struct properties *properties, enum mqtt_property_identifier identifier,
                                uint32_t number) {
    if (number != 0)
        add_number(properties, identifier, number);
}

static inline void connect_5(struct bench *bench, int number, struct client_5 client) {
    struct properties properties = {.length = 0}, will = {.length = 0};
    add_unless_0(&properties, MQTT_SESSION_EXPIRY_INTERVAL, client.session_expiry);
    add_unless_0(&properties, MQTT_RECEIVE_MAXIMUM, client.receive_maximum);
    add_unless_0(&properties, MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, client.maximum_packet_size);
    add_unless_0(&properties, MQTT_TOPIC_ALIAS_MAXIMUM, client.topic_alias_maximum);
    if (client.no_problem_information)
        add_number(&properties, MQTT_REQUEST_PROBLEM_INFORMATION, 0);
    if (client.authentication_data != NULL) {
        add_bytes(&properties, MQTT_AUTHENTICATION_METHOD, mqtt_text(SCRAM_METHOD));
        add_bytes(&properties, MQTT_AUTHENTICATION_DATA, mqtt_text(client.authentication_data));
    }
    add_unless_0(&will, MQTT_WILL_DELAY_INTERVAL, client.will_delay);
    add_unless_0(&will, MQTT_MESSAGE_EXPIRY_INTERVAL, client.will_expiry);
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect = (struct mqtt_connect){.protocol_name = mqtt_text("MQTT"),
                                           .protocol_level = MQTT_5_0,
                                           .flags = client.clean_start ? MQTT_CONNECT_CLEAN_SESSION : 0,
                                           .keep_alive = client.keep_alive,
                                           .properties = bytes_of(&properties),
                                           .client_identifier = mqtt_text(client.name)};
    if (client.will_topic != NULL) {
        packet.connect.flags |= (uint8_t)(MQTT_CONNECT_WILL | client.will_qos << MQTT_CONNECT_WILL_QOS_SHIFT |
                                          (client.will_retain ? MQTT_CONNECT_WILL_RETAIN : 0));
        packet.connect.will_properties = bytes_of(&will);
        packet.connect.will_topic = mqtt_text(client.will_topic);
        packet.connect.will_message = mqtt_text("will");
    }
    bench->version[number] = MQTT_5_0;
    open_connection(bench, number);
    send_packet(bench, number, &packet);
}

/* A CONNECT of 3.1.1. */
static inline void connect_3(struct bench *bench, int number, const char *name, bool clean) {
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect = (struct mqtt_connect){.protocol_name = mqtt_text("MQTT"),
                                           .protocol_level = MQTT_3_1_1,
                                           .flags = clean ? MQTT_CONNECT_CLEAN_SESSION : 0,
                                           .client_identifier = mqtt_text(name)};
    bench->version[number] = MQTT_3_1_1;
    open_connection(bench, number);
    send_packet(bench, number, &packet);
}

/* `identifier` is the Subscription Identifier, 0 for none. Several filters are separated by blanks. */
static inline void subscribe_5(struct bench *bench, int number, const char *filters, uint8_t options,
                               uint32_t identifier) {
    struct properties properties = {.length = 0};
    uint8_t encoded[1024];
    size_t length = 0;
    for (const char *rest = filters; *rest != '\0';) {
        struct mqtt_bytes filter = {(const uint8_t *)rest, (uint32_t)strcspn(rest, " ")};
        assert_true(mqtt_append_filter(encoded, sizeof encoded, &length, filter, &options));
        rest += filter.length;
        rest += *rest == ' ';
    }
    add_unless_0(&properties, MQTT_SUBSCRIPTION_IDENTIFIER, identifier);
    struct mqtt_packet packet = {.type = MQTT_SUBSCRIBE, .flags = 2};
    packet.subscribe.packet_identifier = 1;
    packet.subscribe.properties = bytes_of(&properties);
    packet.subscribe.filters = (struct mqtt_bytes){encoded, (uint32_t)length};
    send_packet(bench, number, &packet);
}

static inline void unsubscribe_5(struct bench *bench, int number, const char *filter) {
    uint8_t encoded[256];
    size_t length = 0;
    assert_true(mqtt_append_filter(encoded, sizeof encoded, &length, mqtt_text(filter), NULL));
    struct mqtt_packet packet = {.type = MQTT_UNSUBSCRIBE, .flags = 2};
    packet.unsubscribe.packet_identifier = 1;
    packet.unsubscribe.filters = (struct mqtt_bytes){encoded, (uint32_t)length};
    send_packet(bench, number, &packet);
}

/* A PUBLISH. */
struct message_5 {
    const char *topic;
    const char *payload;
    uint8_t qos;
    bool retain, dup;
    uint16_t identifier;
    bool expires;
    uint32_t expiry;
    uint32_t alias;
    size_t user_property; /* bytes of its name and of its value */
};

static inline void publish_5(struct bench *bench, int number, struct message_5 message) {
    static uint8_t filling[1000];
    struct properties properties = {.length = 0};
    if (message.expires)
        add_number(&properties, MQTT_MESSAGE_EXPIRY_INTERVAL, message.expiry);
    add_unless_0(&properties, MQTT_TOPIC_ALIAS, message.alias);
    memset(filling, 'u', sizeof filling);
    if (message.user_property > 0)
        add_bytes(&properties, MQTT_USER_PROPERTY, (struct mqtt_bytes){filling, (uint32_t)message.user_property});
    struct mqtt_packet packet = {.type = MQTT_PUBLISH};
    packet.flags = (uint8_t)(message.qos << MQTT_PUBLISH_QOS_SHIFT | (message.retain ? MQTT_PUBLISH_RETAIN : 0) |
                             (message.dup ? MQTT_PUBLISH_DUP : 0));
    packet.publish.topic = mqtt_text(message.topic);
    packet.publish.packet_identifier = message.identifier;
    packet.publish.properties = bytes_of(&properties);
    packet.publish.payload = mqtt_text(message.payload);
    send_packet(bench, number, &packet);
}

static inline void acknowledge_5(struct bench *bench, int number, enum mqtt_type type, uint16_t identifier,
                                 enum mqtt_reason reason) {
    struct mqtt_packet packet = {.type = type, .flags = mqtt_required_flags(type)};
    packet.acknowledgement.packet_identifier = identifier;
    packet.acknowledgement.reason_code = (uint8_t)reason;
    send_packet(bench, number, &packet);
}

static inline void ping_5(struct bench *bench, int number) {
    send_packet(bench, number, &(struct mqtt_packet){.type = MQTT_PINGREQ});
}

/* `session_expiry` NO_EXPIRY_GIVEN: says nothing of it. */
#define NO_EXPIRY_GIVEN INT64_C(-1)
static inline void disconnect_5(struct bench *bench, int number, enum mqtt_reason reason, int64_t session_expiry) {
    struct properties properties = {.length = 0};
    struct mqtt_packet packet = {.type = MQTT_DISCONNECT};
    if (session_expiry != NO_EXPIRY_GIVEN)
        add_number(&properties, MQTT_SESSION_EXPIRY_INTERVAL, (uint32_t)session_expiry);
    packet.disconnect.reason_code = (uint8_t)reason;
    packet.disconnect.properties = bytes_of(&properties);
    send_packet(bench, number, &packet);
}

static inline void send_auth_5(struct bench *bench, int number, enum mqtt_reason reason, const char *data) {
    struct properties properties = {.length = 0};
    struct mqtt_packet packet = {.type = MQTT_AUTH};
    add_bytes(&properties, MQTT_AUTHENTICATION_METHOD, mqtt_text(SCRAM_METHOD));
    add_bytes(&properties, MQTT_AUTHENTICATION_DATA, mqtt_text(data));
    packet.disconnect.reason_code = (uint8_t)reason;
    packet.disconnect.properties = bytes_of(&properties);
    send_packet(bench, number, &packet);
}

/* The network fails. */
static inline void lose(struct bench *bench, int number) {
    if (bench->connections[number] != NULL)
        broker_closed(bench->connections[number], bench->now);
    bench->connections[number] = NULL;
    settle(bench, 0);
}

/* ---- What Clients are told ------------------------------------------------------------------------------------ */

struct told {
    char text[8192];
    size_t length;
};

static inline void tell(struct told *told, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(told->text + told->length, sizeof told->text - told->length, format, arguments);
    va_end(arguments);
    assert_true(length >= 0 && told->length + (size_t)length < sizeof told->text);
    told->length += (size_t)length;
}

static inline void tell_publish(struct told *told, const struct mqtt_packet *packet) {
    struct mqtt_bytes topic = packet->publish.topic, payload = packet->publish.payload;
    struct mqtt_bytes rest = packet->publish.properties;
    struct mqtt_property property;
    tell(told, "P%u%s%s:%.*s=", mqtt_publish_qos(packet->flags), (packet->flags & MQTT_PUBLISH_DUP) != 0 ? "d" : "",
         (packet->flags & MQTT_PUBLISH_RETAIN) != 0 ? "r" : "", (int)topic.length, topic.data);
    if (payload.length > 20)
        tell(told, "(%u)", payload.length);
    else if (payload.length > 0)
        tell(told, "%.*s", (int)payload.length, payload.data);
    while (mqtt_next_property(&rest, &property)) {
        if (property.identifier == MQTT_SUBSCRIPTION_IDENTIFIER)
            tell(told, "[%u]", property.number);
        if (property.identifier == MQTT_MESSAGE_EXPIRY_INTERVAL)
            tell(told, "~%u", property.number);
        if (property.identifier == MQTT_TOPIC_ALIAS)
            tell(told, "#%u", property.number);
    }
}

static inline void tell_codes(struct told *told, char letter, struct mqtt_bytes codes) {
    tell(told, "%c", letter);
    for (uint32_t i = 0; i < codes.length; i++)
        tell(told, "%s%02X", i > 0 ? "." : "", codes.data[i]);
}

static inline void tell_packet(struct told *told, const struct mqtt_packet *packet) {
    static const char letters[] = "?.CParlcsSuU.pDA";
    char letter = letters[packet->type];
    uint8_t reason = mqtt_packet_reason(packet);
    switch (packet->type) {
    case MQTT_CONNACK:
        tell(told, "C%02X%s", packet->connack.code, packet->connack.acknowledge_flags != 0 ? "p" : "");
        break;
    case MQTT_PUBLISH:
        tell_publish(told, packet);
        break;
    case MQTT_SUBACK:
    case MQTT_UNSUBACK:
        tell_codes(told, letter, packet->suback.codes);
        break;
    default:
        tell(told, reason != 0 ? "%c%02X" : "%c", letter, reason);
    }
}

/* What a Client was sent since it was last asked, packets separated by blanks:
 *   C00, C00p   CONNACK with its Reason Code, p: Session Present
 *   P1dr:t=x    PUBLISH with QoS, DUP, RETAIN, topic and payload, then [Subscription Identifier], ~Message Expiry
 *               Interval, #Topic Alias; a payload over 20 bytes is shown by its length
 *   a r l c     PUBACK, PUBREC, PUBREL, PUBCOMP, with a Reason Code that is not 0; so too D and A, DISCONNECT and AUTH
 *   S01.80 U00  SUBACK, UNSUBACK
 *   p           PINGRESP
 *   x           the connection was closed */
static inline const char *told(struct bench *bench, int number) {
    static struct told told;
    struct spec_rules *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    *rules = *broker_rules(bench->broker); /* what it lets pass is let pass here */
    struct mqtt_decoder decoder = {.version = bench->version[number], .sender = MQTT_SERVER, .rules = rules};
    struct mqtt_bytes rest = {bench->output[number], (uint32_t)bench->length[number]};
    told.length = 0;
    told.text[0] = '\0';
    while (rest.length > 0) {
        struct mqtt_packet packet;
        struct mqtt_error error;
        uint32_t size;
        if (mqtt_next(&decoder, rest, &packet, &size, &error) != MQTT_OK)
            fail_msg("after '%s' the broker sent what is no packet: %s", told.text, error.what);
        tell(&told, told.length > 0 ? " " : "");
        tell_packet(&told, &packet);
        rest.data += size;
        rest.length -= size;
    }
    if (bench->closed[number])
        tell(&told, told.length > 0 ? " x" : "x");
    bench->length[number] = 0;
    free(rules);
    return told.text;
}

#define EXPECT(number, expected) assert_string_equal(told(bench, number), expected)

static inline struct bench *bench_5(void) {
    return bench_create(broker_default_settings(), 0);
}

#endif
