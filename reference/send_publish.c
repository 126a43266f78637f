/* One PUBLISH to one Client, in the version that it speaks. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"
#include "reference/property_set.h"

#define COPIED_PAYLOAD  ((uint32_t)1024) /* larger ones are sent from where they lie */
#define EXPIRY_SIZE     5u
#define ALIAS_SIZE      3u
#define IDENTIFIER_SIZE 5u

/* A broker that breaks MQTT-3.3.2-3 sends a topic that is cut. */
static struct mqtt_bytes topic_to_send(const struct connection *connection, struct mqtt_bytes topic) {
    if (topic.length > 1 &&
        !MUST(&connection->broker->rules, BY_VERSION(connection->version, V311(3_3_2_3), V5(3_3_2_3))))
        topic.length--;
    return topic;
}

/* ---- Properties --------------------------------------------------------------------------------------------- */

static void add_expiry(struct property_set *set, struct broker *broker, const struct application_message *parts) {
    if (parts->expiry_interval == NO_EXPIRY)
        return;
    uint32_t left = message_expiry_left(broker, parts);
    if (left != parts->expiry_interval && !MUST(&broker->rules, V5(3_3_2_6)))
        left = parts->expiry_interval;
    property_set_number(set, MQTT_MESSAGE_EXPIRY_INTERVAL, left);
}

static size_t room_for(const struct outgoing *outgoing) {
    return EXPIRY_SIZE + ALIAS_SIZE + outgoing->identifier_count * (size_t)IDENTIFIER_SIZE +
           outgoing->parts->properties.length;
}

/* Fills the set but for the Topic Alias. */
static void collect_properties(struct property_set *set, struct broker *broker, const struct outgoing *outgoing) {
    add_expiry(set, broker, outgoing->parts);
    for (uint16_t i = 0; i < outgoing->identifier_count; i++)
        property_set_number(set, MQTT_SUBSCRIPTION_IDENTIFIER, outgoing->identifiers[i]);
    if (outgoing->parts->properties.length > 0)
        set->length += message_copy_properties(broker, outgoing->parts, set->buffer + set->length);
}

/* ---- Sending ------------------------------------------------------------------------------------------------- */

/* MQTT-3.1.2-24. */
static bool is_too_large(const struct connection *connection, size_t size) {
    uint32_t largest = connection->limits.maximum_packet_size;
    return largest != 0 && size > largest && MUST(&connection->broker->rules, V5(3_1_2_24));
}

/* Section 3.3 has nothing longer in front of properties and payload. */
#define HEADER_BESIDE_TOPIC (MQTT_MAXIMUM_FIXED_HEADER + 2u + 2u)

static size_t header_room(const struct mqtt_packet *packet) {
    return HEADER_BESIDE_TOPIC + packet->publish.topic.length + MQTT_MAXIMUM_FIXED_HEADER +
           packet->publish.properties.length;
}

/* False where the packet is larger than the wire or the Client allows: then nothing was written. */
static bool write_out(struct connection *connection, const struct outgoing *outgoing,
                      const struct mqtt_packet *packet) {
    struct broker *broker = connection->broker;
    struct mqtt_bytes payload = packet->publish.payload;
    bool copied = outgoing->message == NULL || payload.length <= COPIED_PAYLOAD;
    size_t room = header_room(packet) + (copied ? payload.length : 0);
    uint8_t *buffer = room <= MQTT_MAXIMUM_PACKET_SIZE ? output_reserve(broker, &connection->output, room) : NULL;
    if (buffer == NULL) {
        connection_give_up(connection, "out of memory");
        return true;
    }
    size_t header = mqtt_encode_publish_header(connection->version, packet, buffer, header_room(packet));
    if (header == 0 || is_too_large(connection, header + payload.length))
        return false;
    if (copied && payload.length > 0)
        memcpy(buffer + header, payload.data, payload.length);
    output_commit(&connection->output, copied ? header + payload.length : header);
    if (!copied && !output_append_payload(broker, &connection->output, outgoing->message))
        connection_give_up(connection, "out of memory");
    connection_count_publish(connection, payload.length);
    connection_mark_ready(connection);
    if (broker->settings.report_packets)
        connection_report(connection, BROKER_PACKET_OUT, packet, NULL);
    return true;
}

/* Without properties. */
static void fill_packet(struct mqtt_packet *packet, const struct connection *connection,
                        const struct outgoing *outgoing) {
    packet->type = MQTT_PUBLISH;
    packet->flags = outgoing->flags;
    packet->publish.topic = topic_to_send(connection, outgoing->parts->topic);
    packet->publish.packet_identifier = outgoing->packet_identifier;
    packet->publish.properties = (struct mqtt_bytes){NULL, 0};
    packet->publish.payload = outgoing->parts->payload;
}

static bool send_with(struct connection *connection, const struct outgoing *outgoing, struct property_set *set) {
    struct mqtt_packet packet;
    bool known = false;
    fill_packet(&packet, connection, outgoing);
    collect_properties(set, connection->broker, outgoing);
    uint16_t alias = topic_alias_for(connection, packet.publish.topic, &known);
    if (alias != 0)
        property_set_number(set, MQTT_TOPIC_ALIAS, alias);
    if (known)
        packet.publish.topic.length = 0;
    packet.publish.properties = property_set_view(set);
    if (write_out(connection, outgoing, &packet))
        return true;
    if (alias == 0)
        return false;
    /* It may be the alias that makes it too large: it takes as much as a topic of one byte. */
    if (!known)
        topic_alias_withdraw(connection, alias);
    set->length -= ALIAS_SIZE;
    packet.publish.topic = topic_to_send(connection, outgoing->parts->topic);
    packet.publish.properties = property_set_view(set);
    return write_out(connection, outgoing, &packet);
}

bool send_publish(struct connection *connection, const struct outgoing *outgoing) {
    struct broker *broker = connection->broker;
    if (connection->given_up != NULL)
        return true;
    if (connection->version != MQTT_5_0) { /* there is nothing but topic and payload */
        struct mqtt_packet packet;
        fill_packet(&packet, connection, outgoing);
        return write_out(connection, outgoing, &packet);
    }
    size_t room = room_for(outgoing);
    struct property_set set = {.buffer = broker->properties, .capacity = sizeof broker->properties};
    if (room <= sizeof broker->properties)
        return send_with(connection, outgoing, &set);
    set = (struct property_set){.buffer = memory_take(&broker->memory, room), .capacity = room};
    if (set.buffer == NULL) {
        connection_give_up(connection, "out of memory");
        return true;
    }
    bool sent = send_with(connection, outgoing, &set);
    memory_give(&broker->memory, set.buffer, room);
    return sent;
}
