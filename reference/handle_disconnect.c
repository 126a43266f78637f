/* DISCONNECT, section 3.14: the Will is discarded, the connection closed. */
#include "reference/core.h"

void handle_disconnect(struct connection *connection, const struct mqtt_packet *packet) {
    (void)packet;
    struct broker *broker = connection->broker;
    connection_report(connection, BROKER_DISCONNECTED, NULL, NULL);
    if (connection->will != NULL && !MUST(&broker->rules, V311(3_1_2_10)))
        connection_keep_will(connection);
    if (MUST(&broker->rules, V311(3_14_4_3))) {
        message_release(broker, connection->will);
        connection->will = NULL;
    }
    connection_end(connection);
}
