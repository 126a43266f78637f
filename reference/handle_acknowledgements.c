/* PUBACK, PUBREC and PUBCOMP: the Client's answers to what the Server delivers, section 4.3. An answer to nothing
 * that is on its way is passed over; the standard does not call it an error. */
#include "reference/core.h"

static struct delivery *answered(const struct connection *connection, const struct mqtt_packet *packet, uint8_t qos) {
    struct delivery *delivery = delivery_find(connection->session, packet->acknowledgement.packet_identifier);
    return delivery != NULL && delivery->qos == qos ? delivery : NULL;
}

static void finish(struct connection *connection, struct delivery *delivery) {
    delivery_finish(connection->session, delivery);
    delivery_pump(connection->session);
}

void handle_puback(struct connection *connection, const struct mqtt_packet *packet) {
    struct delivery *delivery = answered(connection, packet, 1);
    if (delivery != NULL)
        finish(connection, delivery);
}

/* A PUBREC for an unknown identifier is answered too, so that the Client can end the exchange. */
void handle_pubrec(struct connection *connection, const struct mqtt_packet *packet) {
    struct delivery *delivery = answered(connection, packet, 2);
    if (delivery != NULL)
        delivery_release(connection->session, delivery);
    else
        connection_acknowledge(connection, MQTT_PUBREL, packet->acknowledgement.packet_identifier);
}

void handle_pubcomp(struct connection *connection, const struct mqtt_packet *packet) {
    struct delivery *delivery = answered(connection, packet, 2);
    if (delivery != NULL && delivery->state == DELIVERY_RELEASED)
        finish(connection, delivery);
}
