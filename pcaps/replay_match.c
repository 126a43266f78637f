/* Which recorded packet a packet of the live broker stands for. The two choose Packet Identifiers of their own for
 * what they publish, and may send in another order where the standard allows it. */
#include <stdlib.h>
#include <string.h>

#include "pcaps/replay.h"

static bool is_publish_with(const struct step *step, uint8_t qos) {
    return step->packet.type == MQTT_PUBLISH && mqtt_publish_qos(step->packet.flags) == qos;
}

static bool same_client(const struct recording *recording, size_t one, size_t other) {
    struct mqtt_bytes identifier = recording->connections[one]->client_identifier;
    return one == other ||
           (identifier.length > 0 && mqtt_equal(identifier, recording->connections[other]->client_identifier));
}

/* The recorded identifier of a PUBLISH of QoS 2 that the live broker sends under `live`; false where that is not
 * known. The latest wins, as identifiers are used again. */
static bool recorded_identifier(const struct recording *recording, size_t connection, uint16_t live,
                                uint16_t *identifier) {
    for (size_t i = recording->step_count; i > 0; i--) {
        const struct step *step = &recording->steps[i - 1];
        if (step->kind != STEP_RECEIVE || step->state != STEP_MET || !is_publish_with(step, 2))
            continue;
        if (step->live_identifier != live || !same_client(recording, step->connection, connection))
            continue;
        *identifier = step->packet.publish.packet_identifier;
        return true;
    }
    return false;
}

/* DUP and the Packet Identifier are the broker's own affair; all else is the message. */
static bool same_publish(const struct mqtt_packet *one, const struct mqtt_packet *other) {
    return (one->flags & ~MQTT_PUBLISH_DUP) == (other->flags & ~MQTT_PUBLISH_DUP) &&
           mqtt_equal(one->publish.topic, other->publish.topic) &&
           mqtt_equal(one->publish.payload, other->publish.payload);
}

static bool stands_for(const struct step *step, const struct mqtt_packet *packet, uint16_t identifier) {
    if (step->packet.type != packet->type)
        return false;
    switch (packet->type) {
    case MQTT_PUBLISH:
        return same_publish(&step->packet, packet);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        return step->packet.acknowledgement.packet_identifier == identifier;
    case MQTT_SUBACK:
        return step->packet.suback.packet_identifier == identifier;
    default:
        return true;
    }
}

/* The Packet Identifier of `packet` as the recording has it. False where it answers nothing recorded. */
static bool find_identifier(const struct recording *recording, size_t connection, const struct mqtt_packet *packet,
                            uint16_t *identifier) {
    switch (packet->type) {
    case MQTT_PUBREL:
        return recorded_identifier(recording, connection, packet->acknowledgement.packet_identifier, identifier);
    case MQTT_SUBACK:
        *identifier = packet->suback.packet_identifier;
        return true;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        *identifier = packet->acknowledgement.packet_identifier;
        return true;
    default:
        *identifier = 0;
        return true;
    }
}

static uint16_t own_identifier(const struct mqtt_packet *packet) {
    if (packet->type == MQTT_PUBLISH)
        return packet->publish.packet_identifier;
    return packet->type == MQTT_PUBREL ? packet->acknowledgement.packet_identifier : 0;
}

static bool says_the_same(const struct mqtt_packet *one, const struct mqtt_packet *other) {
    switch (one->type) {
    case MQTT_CONNACK:
        return one->connack.code == other->connack.code &&
               one->connack.acknowledge_flags == other->connack.acknowledge_flags;
    case MQTT_SUBACK:
        return mqtt_equal(one->suback.codes, other->suback.codes);
    default:
        return true;
    }
}

static void meet(const struct recording *recording, struct step *step, const struct mqtt_packet *packet) {
    char text[SHOW_PACKET_CAPACITY];
    step->state = STEP_MET;
    step->live_identifier = own_identifier(packet);
    if (says_the_same(&step->packet, packet))
        return;
    mqtt_describe(recording->connections[step->connection]->version, packet, text, sizeof text);
    step->instead = strdup(text);
}

struct step *recording_match(struct recording *recording, size_t connection, const struct mqtt_packet *packet) {
    uint16_t identifier;
    if (!find_identifier(recording, connection, packet, &identifier))
        return NULL;
    for (size_t i = 0; i < recording->step_count; i++) {
        struct step *step = &recording->steps[i];
        if (step->kind != STEP_RECEIVE || step->connection != connection || !step->decoded || step->state == STEP_MET)
            continue;
        if (!stands_for(step, packet, identifier))
            continue;
        meet(recording, step, packet);
        return step;
    }
    return NULL;
}

static bool acknowledges(const struct mqtt_packet *packet, const struct step *step) {
    uint16_t identifier = packet->acknowledgement.packet_identifier;
    switch (packet->type) {
    case MQTT_PUBACK:
        return is_publish_with(step, 1) && step->packet.publish.packet_identifier == identifier;
    case MQTT_PUBREC:
        return is_publish_with(step, 2) && step->packet.publish.packet_identifier == identifier;
    case MQTT_PUBCOMP:
        return step->packet.type == MQTT_PUBREL && step->packet.acknowledgement.packet_identifier == identifier;
    default:
        return false;
    }
}

const struct step *recording_acknowledged(const struct recording *recording, size_t index) {
    const struct step *own = &recording->steps[index];
    for (size_t i = index; i > 0; i--) {
        const struct step *step = &recording->steps[i - 1];
        if (step->kind == STEP_RECEIVE && step->decoded && acknowledges(&own->packet, step) &&
            same_client(recording, step->connection, own->connection))
            return step;
    }
    return NULL;
}
