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

static void pair(const struct visit *visit, const char *name, const struct mqtt_property *property) {
    visit->visitor(visit->context,
                   &(struct mqtt_field){
                       .name = name, .kind = MQTT_FIELD_PAIR, .bytes = property->bytes, .value = property->value});
}

/* Each by its name in the table of properties. */
static void visit_properties(const struct visit *visit, struct mqtt_bytes properties) {
    struct mqtt_property property;
    while (mqtt_next_property(&properties, &property)) {
        const struct mqtt_property_kind *kind = mqtt_property_kind(property.identifier);
        switch (kind->form) {
        case MQTT_UTF8_STRING:
            text(visit, kind->name, property.bytes);
            break;
        case MQTT_BINARY_DATA:
            binary(visit, kind->name, property.bytes);
            break;
        case MQTT_UTF8_STRING_PAIR:
            pair(visit, kind->name, &property);
            break;
        default:
            number(visit, kind->name, property.number);
            break;
        }
    }
}

static void visit_connect(const struct visit *visit, const struct mqtt_packet *packet) {
    const struct mqtt_connect *connect = &packet->connect;
    text(visit, "protocol_name", connect->protocol_name);
    number(visit, "protocol_level", connect->protocol_level);
    if (connect->client_identifier.data == NULL && connect->flags == 0)
        return; /* a protocol that the codec does not know */
    flag(visit, connect->protocol_level == MQTT_5_0 ? "clean_start" : "clean_session",
         (connect->flags & MQTT_CONNECT_CLEAN_SESSION) != 0);
    if ((connect->flags & MQTT_CONNECT_WILL) != 0) {
        number(visit, "will_qos", mqtt_will_qos(connect->flags));
        flag(visit, "will_retain", (connect->flags & MQTT_CONNECT_WILL_RETAIN) != 0);
    }
    number(visit, "keep_alive", connect->keep_alive);
    visit_properties(visit, connect->properties);
    text(visit, "client_identifier", connect->client_identifier);
    visit_properties(visit, connect->will_properties);
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
    visit_properties(visit, packet->publish.properties);
    binary(visit, "payload", packet->publish.payload);
}

static void visit_connack(const struct visit *visit, enum mqtt_version version, const struct mqtt_packet *packet) {
    if (version != MQTT_3_1)
        flag(visit, "session_present", (packet->connack.acknowledge_flags & 1) != 0);
    number(visit, version == MQTT_5_0 ? "reason_code" : "code", packet->connack.code);
    visit_properties(visit, packet->connack.properties);
}

static void visit_suback(const struct visit *visit, enum mqtt_version version, const struct mqtt_packet *packet) {
    number(visit, "packet_identifier", packet->suback.packet_identifier);
    visit_properties(visit, packet->suback.properties);
    for (uint32_t i = 0; i < packet->suback.codes.length; i++)
        number(visit, version == MQTT_5_0 ? "reason_code" : "code", packet->suback.codes.data[i]);
}

static void visit_acknowledgement(const struct visit *visit, enum mqtt_version version,
                                  const struct mqtt_packet *packet) {
    number(visit, "packet_identifier", packet->acknowledgement.packet_identifier);
    if (version == MQTT_5_0)
        number(visit, "reason_code", packet->acknowledgement.reason_code);
    visit_properties(visit, packet->acknowledgement.properties);
}

/* DISCONNECT, and AUTH. */
static void visit_disconnect(const struct visit *visit, enum mqtt_version version, const struct mqtt_packet *packet) {
    if (version != MQTT_5_0)
        return;
    number(visit, "reason_code", packet->disconnect.reason_code);
    visit_properties(visit, packet->disconnect.properties);
}

static void visit_options(const struct visit *visit, enum mqtt_version version, uint8_t options) {
    if (version != MQTT_5_0) {
        number(visit, "qos", options);
        return;
    }
    number(visit, "qos", options & MQTT_SUBSCRIBE_QOS);
    flag(visit, "no_local", (options & MQTT_SUBSCRIBE_NO_LOCAL) != 0);
    flag(visit, "retain_as_published", (options & MQTT_SUBSCRIBE_RETAIN_AS_PUBLISHED) != 0);
    number(visit, "retain_handling",
           (options & MQTT_SUBSCRIBE_RETAIN_HANDLING) >> MQTT_SUBSCRIBE_RETAIN_HANDLING_SHIFT);
}

static void visit_subscribe(const struct visit *visit, enum mqtt_version version, const struct mqtt_packet *packet) {
    struct mqtt_bytes filters = packet->subscribe.filters, filter;
    uint8_t options;
    number(visit, "packet_identifier", packet->subscribe.packet_identifier);
    visit_properties(visit, packet->subscribe.properties);
    while (mqtt_next_filter(&filters, &filter, &options)) {
        text(visit, "filter", filter);
        visit_options(visit, version, options);
    }
}

static void visit_unsubscribe(const struct visit *visit, const struct mqtt_packet *packet) {
    struct mqtt_bytes filters = packet->unsubscribe.filters, filter;
    number(visit, "packet_identifier", packet->unsubscribe.packet_identifier);
    visit_properties(visit, packet->unsubscribe.properties);
    while (mqtt_next_filter(&filters, &filter, NULL))
        text(visit, "filter", filter);
}

void mqtt_visit_fields(enum mqtt_version version, const struct mqtt_packet *packet, mqtt_field_visitor *visitor,
                       void *context) {
    struct visit visit = {visitor, context};
    switch (packet->type) {
    case MQTT_CONNECT:
        visit_connect(&visit, packet);
        break;
    case MQTT_CONNACK:
        visit_connack(&visit, version, packet);
        break;
    case MQTT_PUBLISH:
        visit_publish(&visit, packet);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        visit_acknowledgement(&visit, version, packet);
        break;
    case MQTT_SUBSCRIBE:
        visit_subscribe(&visit, version, packet);
        break;
    case MQTT_SUBACK:
        visit_suback(&visit, version, packet);
        break;
    case MQTT_UNSUBSCRIBE:
        visit_unsubscribe(&visit, packet);
        break;
    case MQTT_UNSUBACK:
        if (version == MQTT_5_0)
            visit_suback(&visit, version, packet);
        else
            number(&visit, "packet_identifier", packet->acknowledgement.packet_identifier);
        break;
    case MQTT_DISCONNECT:
    case MQTT_AUTH:
        visit_disconnect(&visit, version, packet);
        break;
    default:
        break;
    }
}
