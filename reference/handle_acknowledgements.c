/* PUBACK, PUBREC and PUBCOMP: the Client's answers to what the Server delivers, section 4.3. An answer to nothing
 * that is on its way is passed over; the standard does not call it an error. */
#include "reference/core.h"

static struct delivery *answered(const struct connection *connection, const struct mqtt_packet *packet, uint8_t qos) {
    struct delivery *delivery = delivery_find(connection->session, packet->acknowledgement.packet_identifier);
    bool is_on_its_way = delivery != NULL && delivery->state != DELIVERY_QUEUED;
    return is_on_its_way && delivery->qos == qos ? delivery : NULL;
}

static bool is_refusal(const struct mqtt_packet *packet) {
    return packet->acknowledgement.reason_code >= MQTT_REASON_FAILURE;
}

static void finish(struct connection *connection, struct delivery *delivery, const struct mqtt_packet *packet) {
    struct session *session = connection->session;
    if (is_refusal(packet) && packet->type != MQTT_PUBCOMP)
        delivery_refused(session, delivery);
    else
        delivery_finish(session, delivery);
    delivery_pump(session);
}

void handle_puback(struct connection *connection, const struct mqtt_packet *packet) {
    struct delivery *delivery = answered(connection, packet, 1);
    if (delivery != NULL)
        finish(connection, delivery, packet);
}

/* A PUBREC for an unknown identifier is answered too, so that the Client can end the exchange. */
void handle_pubrec(struct connection *connection, const struct mqtt_packet *packet) {
    struct delivery *delivery = answered(connection, packet, 2);
    if (delivery != NULL && is_refusal(packet))
        finish(connection, delivery, packet);
    else if (delivery != NULL)
        delivery_release(connection->session, delivery);
    else if (!is_refusal(packet))
        connection_acknowledge(connection, MQTT_PUBREL, packet->acknowledgement.packet_identifier,
                               MQTT_REASON_PACKET_IDENTIFIER_NOT_FOUND, "no message waits under this identifier");
}

void handle_pubcomp(struct connection *connection, const struct mqtt_packet *packet) {
    struct delivery *delivery = answered(connection, packet, 2);
    if (delivery != NULL && delivery->state == DELIVERY_RELEASED)
        finish(connection, delivery, packet);
}
