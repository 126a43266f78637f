/* The fields of a packet by name, in wire order: what its text and JSON forms are made from. */
#include "codec/codec.h"

struct visit {
    mqtt_field_visitor *visitor;
    void *context;
};

static void number(const struct visit *visit, const char *name, uint32_t value) {
    visit->visitor(visit->context, &(struct mqtt_field){.name = name, .kind = MQTT_FIELD_NUMBER, .number = value});
}

static void flag(const struct visit *visit, const char *name, bool value) {
    visit->visitor(visit->context, &(struct mqtt_field){.name = name, .kind = MQTT_FIELD_FLAG, .number = value});
}

/* Absent fields are not visited. */
static void text(const struct visit *visit, const char *name, struct mqtt_bytes bytes) {
    if (bytes.data != NULL)
        visit->visitor(visit->context, &(struct mqtt_field){.name = name, .kind = MQTT_FIELD_TEXT, .bytes = bytes});
}

static void binary(const struct visit *visit, const char *name, struct mqtt_bytes bytes) {
    if (bytes.data != NULL)
        visit->visitor(visit->context, &(struct mqtt_field){.name = name, .kind = MQTT_FIELD_BINARY, .bytes = bytes});
}

static void visit_connect(const struct visit *visit, const struct mqtt_packet *packet) {
    const struct mqtt_connect *connect = &packet->connect;
    text(visit, "protocol_name", connect->protocol_name);
    number(visit, "protocol_level", connect->protocol_level);
    if (connect->client_identifier.data == NULL && connect->flags == 0)
        return; /* a protocol that the codec does not know */
    flag(visit, "clean_session", (connect->flags & MQTT_CONNECT_CLEAN_SESSION) != 0);
    if ((connect->flags & MQTT_CONNECT_WILL) != 0) {
        number(visit, "will_qos", mqtt_will_qos(connect->flags));
        flag(visit, "will_retain", (connect->flags & MQTT_CONNECT_WILL_RETAIN) != 0);
    }
    number(visit, "keep_alive", connect->keep_alive);
    text(visit, "client_identifier", connect->client_identifier);
    text(visit, "will_topic", connect->will_topic);
    binary(visit, "will_message", connect->will_message);
    text(visit, "user_name", connect->user_name);
    binary(visit, "password", connect->password);
}

static void visit_publish(const struct visit *visit, const struct mqtt_packet *packet) {
    number(visit, "qos", mqtt_publish_qos(packet->flags));
    flag(visit, "dup", (packet->flags & MQTT_PUBLISH_DUP) != 0);
    flag(visit, "retain", (packet->flags & MQTT_PUBLISH_RETAIN) != 0);
    text(visit, "topic", packet->publish.topic.data != NULL ? packet->publish.topic : mqtt_text(""));
    if (mqtt_publish_qos(packet->flags) > 0)
        number(visit, "packet_identifier", packet->publish.packet_identifier);
    binary(visit, "payload", packet->publish.payload);
}

static void visit_suback(const struct visit *visit, const struct mqtt_packet *packet) {
    number(visit, "packet_identifier", packet->suback.packet_identifier);
    for (uint32_t i = 0; i < packet->suback.codes.length; i++)
        number(visit, "code", packet->suback.codes.data[i]);
}

static void visit_filters(const struct visit *visit, uint16_t packet_identifier, struct mqtt_bytes filters,
                          bool has_options) {
    struct mqtt_bytes filter;
    uint8_t options;
    number(visit, "packet_identifier", packet_identifier);
    while (mqtt_next_filter(&filters, &filter, has_options ? &options : NULL)) {
        text(visit, "filter", filter);
        if (has_options)
            number(visit, "qos", options);
    }
}

void mqtt_visit_fields(enum mqtt_version version, const struct mqtt_packet *packet, mqtt_field_visitor *visitor,
                       void *context) {
    struct visit visit = {visitor, context};
    switch (packet->type) {
    case MQTT_CONNECT:
        visit_connect(&visit, packet);
        break;
    case MQTT_CONNACK:
        if (version != MQTT_3_1)
            flag(&visit, "session_present", (packet->connack.acknowledge_flags & 1) != 0);
        number(&visit, "code", packet->connack.code);
        break;
    case MQTT_PUBLISH:
        visit_publish(&visit, packet);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        number(&visit, "packet_identifier", packet->acknowledgement.packet_identifier);
        break;
    case MQTT_SUBSCRIBE:
        visit_filters(&visit, packet->subscribe.packet_identifier, packet->subscribe.filters, true);
        break;
    case MQTT_SUBACK:
        visit_suback(&visit, packet);
        break;
    case MQTT_UNSUBSCRIBE:
        visit_filters(&visit, packet->unsubscribe.packet_identifier, packet->unsubscribe.filters, false);
        break;
    default:
        break;
    }
}
