#include "pcaps/replay_choices.h"

#include <stdlib.h>
#include <string.h>

/* ---- What the live broker chose -------------------------------------------------------------------------- */

static bool learn_from_connack(struct choices *choices, enum mqtt_version version, const struct mqtt_connack *connack) {
    choices->receive_maximum = MQTT_MAXIMUM_STRING;
    if (version != MQTT_5_0)
        return true;
    choices->receive_maximum = mqtt_property_number(connack->properties, MQTT_RECEIVE_MAXIMUM, MQTT_MAXIMUM_STRING);
    choices->topic_alias_maximum = mqtt_property_number(connack->properties, MQTT_TOPIC_ALIAS_MAXIMUM, 0);
    struct mqtt_bytes assigned = mqtt_property_bytes(connack->properties, MQTT_ASSIGNED_CLIENT_IDENTIFIER);
    if (assigned.length == 0)
        return true;
    uint8_t *copy = malloc(assigned.length);
    if (copy == NULL)
        return false;
    memcpy(copy, assigned.data, assigned.length);
    free((void *)choices->assigned.data);
    choices->assigned = (struct mqtt_bytes){copy, assigned.length};
    return true;
}

/* Section 4.9: these give back what a PUBLISH took of the Receive Maximum. */
static bool acknowledges_publish(const struct mqtt_packet *packet) {
    return packet->type == MQTT_PUBACK || packet->type == MQTT_PUBCOMP ||
           (packet->type == MQTT_PUBREC && packet->acknowledgement.reason_code >= MQTT_REASON_FAILURE);
}

bool choices_learn(struct choices *choices, enum mqtt_version version, struct mqtt_packet *packet) {
    if (packet->type == MQTT_CONNACK)
        return learn_from_connack(choices, version, &packet->connack);
    if (acknowledges_publish(packet) && choices->unacknowledged > 0)
        choices->unacknowledged--;
    return topic_aliases_resolve(&choices->aliases, packet);
}

static bool counts_as_sent(const struct mqtt_packet *packet) {
    return packet->type == MQTT_PUBLISH && mqtt_publish_qos(packet->flags) > 0;
}

bool choices_allow(const struct choices *choices, const struct mqtt_packet *packet) {
    return !counts_as_sent(packet) || choices->receive_maximum == 0 ||
           choices->unacknowledged < choices->receive_maximum;
}

void choices_sent(struct choices *choices, const struct mqtt_packet *packet) {
    if (counts_as_sent(packet))
        choices->unacknowledged++;
}

void choices_free(struct choices *choices) {
    topic_aliases_free(&choices->aliases);
    free((void *)choices->assigned.data);
    *choices = (struct choices){.receive_maximum = 0};
}

/* ---- What a client's packet becomes ---------------------------------------------------------------------- */

static uint8_t *encode(enum mqtt_version version, const struct mqtt_packet *packet, size_t *length) {
    size_t size = mqtt_encoded_size(version, packet);
    uint8_t *bytes = size > 0 ? malloc(size) : NULL;
    *length = bytes != NULL ? mqtt_encode(version, packet, bytes, size) : 0;
    return bytes;
}

static uint8_t *rewrite_acknowledgement(const struct recording *recording, size_t index, size_t *length,
                                        bool *possible) {
    const struct step *step = &recording->steps[index];
    const struct step *acknowledged = recording_acknowledged(recording, index);
    if (acknowledged == NULL)
        return NULL; /* the recorded client acknowledged what it had not received; so do we */
    *possible = acknowledged->state == STEP_MET;
    if (!*possible || acknowledged->live_identifier == step->packet.acknowledgement.packet_identifier)
        return NULL;
    struct mqtt_packet packet = step->packet;
    packet.acknowledgement.packet_identifier = acknowledged->live_identifier;
    return encode(recording->connections[step->connection]->version, &packet, length);
}

/* Without the Topic Alias, the whole topic stands in the packet. */
static uint8_t *rewrite_publish(const struct choices *choices, const struct step *step, size_t *length) {
    struct mqtt_packet packet = step->packet;
    struct mqtt_bytes rest = packet.publish.properties;
    struct mqtt_property property;
    if (mqtt_property_number(rest, MQTT_TOPIC_ALIAS, 0) <= choices->topic_alias_maximum ||
        packet.publish.topic.length == 0 || step->beyond_limits)
        return NULL;
    size_t written = 0;
    uint8_t *properties = malloc(rest.length);
    if (properties == NULL)
        return NULL;
    while (mqtt_next_property(&rest, &property))
        if (property.identifier != MQTT_TOPIC_ALIAS)
            (void)mqtt_append_property(properties, packet.publish.properties.length, &written, &property);
    packet.publish.properties = (struct mqtt_bytes){properties, (uint32_t)written};
    uint8_t *bytes = encode(MQTT_5_0, &packet, length);
    free(properties);
    return bytes;
}

/* A client that comes back under the Client Identifier that the recorded broker had assigned to it. */
static uint8_t *rewrite_connect(const struct choices *all, const struct recording *recording, const struct step *step,
                                size_t *length) {
    struct mqtt_packet packet = step->packet;
    struct mqtt_bytes identifier = packet.connect.client_identifier;
    if (identifier.length == 0)
        return NULL;
    for (size_t i = step->connection; i > 0; i--) {
        if (!mqtt_equal(recording->connections[i - 1]->assigned, identifier) || all[i - 1].assigned.length == 0)
            continue;
        packet.connect.client_identifier = all[i - 1].assigned;
        return encode(MQTT_5_0, &packet, length);
    }
    return NULL;
}

uint8_t *choices_rewrite(const struct choices *all, const struct recording *recording, size_t index, size_t *length,
                         bool *possible) {
    const struct step *step = &recording->steps[index];
    switch (step->packet.type) {
    case MQTT_CONNECT:
        return rewrite_connect(all, recording, step, length);
    case MQTT_PUBLISH:
        return rewrite_publish(&all[step->connection], step, length);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        return rewrite_acknowledgement(recording, index, length, possible);
    default:
        return NULL;
    }
}
