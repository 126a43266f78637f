/* Writes a capture of much MQTT traffic, such as a server of some size has.
 *
 * usage: traffic FILE MEBIBYTES [QOS]
 *
 * A hundred publishers, each with a subscriber of its own, in MQTT 3.1.1 and 5.0 by turns, talk to the reference broker
 * in virtual time: six of ten pairs at QoS 0, three at QoS 1, one at QoS 2; or all at QOS. Payloads are text of 40 to
 * 1000 bytes, in batches of one to four messages. It ends when so many mebibytes of MQTT are written; they stand in
 * segments as TCP makes them. The same size gives the same file. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcaps/capture.h"
#include "reference/broker.h"
#include "reference/server.h"

#define PAIRS           100u
#define BUFFER_SIZE     65536u
#define LARGEST_BATCH   4u
#define SMALLEST        40u
#define LARGEST         1000u
#define TURN            (MICROSECONDS_PER_SECOND / 100)
#define CAPTURE_BEGINS  (UINT64_C(1700000000) * MICROSECONDS_PER_SECOND)
#define SERVER_PORT     1883
#define LARGEST_TRAFFIC 65536u /* MiB */

struct client {
    struct connection *connection;
    struct capture_connection *captured;
    enum mqtt_version version;
    uint8_t qos;
    uint16_t packet_identifier;
    char topic[32];
    size_t length;
    uint8_t to_broker[BUFFER_SIZE];
};

struct traffic {
    struct broker *broker;
    struct capture_writer *writer;
    struct spec_rules rules;
    microseconds now;
    uint64_t random;
    uint64_t written; /* bytes of MQTT */
    int qos;          /* of all; -1: of each its own */
    struct client clients[2 * PAIRS];
};

static uint32_t draw(struct traffic *traffic, uint32_t below) {
    traffic->random = traffic->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((traffic->random >> 33) % below);
}

/* ---- Clients ------------------------------------------------------------------------------------------------- */

static void put(struct client *client, const struct mqtt_packet *packet) {
    size_t size =
        mqtt_encode(client->version, packet, client->to_broker + client->length, BUFFER_SIZE - client->length);
    assert(size > 0);
    client->length += size;
}

static void put_acknowledgement(struct client *client, enum mqtt_type type, uint16_t packet_identifier) {
    put(client, &(struct mqtt_packet){.type = type,
                                      .flags = mqtt_required_flags(type),
                                      .acknowledgement.packet_identifier = packet_identifier});
}

static void put_connect(struct client *client, unsigned number) {
    char name[16];
    snprintf(name, sizeof name, "client-%u", number);
    put(client, &(struct mqtt_packet){.type = MQTT_CONNECT,
                                      .connect = {.protocol_name = mqtt_text("MQTT"),
                                                  .protocol_level = (uint8_t)client->version,
                                                  .flags = MQTT_CONNECT_CLEAN_SESSION,
                                                  .client_identifier = mqtt_text(name)}});
}

static void put_subscribe(struct client *client) {
    uint8_t filters[64];
    size_t length = 0;
    mqtt_append_filter(filters, sizeof filters, &length, mqtt_text(client->topic), &client->qos);
    put(client, &(struct mqtt_packet){
                    .type = MQTT_SUBSCRIBE,
                    .flags = mqtt_required_flags(MQTT_SUBSCRIBE),
                    .subscribe = {.packet_identifier = 1, .filters = {.data = filters, .length = (uint32_t)length}}});
}

static void put_publish(struct traffic *traffic, struct client *client) {
    static const char text[] = "{\"temperature\": 21.5, \"humidity\": 48, \"battery\": 3.71, \"state\": \"running\"} ";
    uint8_t payload[LARGEST];
    uint32_t length = SMALLEST + draw(traffic, LARGEST - SMALLEST + 1);
    for (uint32_t at = 0; at < length; at++)
        payload[at] = (uint8_t)text[at % (sizeof text - 1)];
    if (client->qos > 0)
        client->packet_identifier = (uint16_t)(client->packet_identifier % 65535 + 1);
    put(client, &(struct mqtt_packet){.type = MQTT_PUBLISH,
                                      .flags = (uint8_t)(client->qos << MQTT_PUBLISH_QOS_SHIFT),
                                      .publish = {.topic = mqtt_text(client->topic),
                                                  .packet_identifier = client->packet_identifier,
                                                  .payload = {.data = payload, .length = length}}});
}

static void answer(struct client *client, const struct mqtt_packet *packet) {
    uint8_t qos = packet->type == MQTT_PUBLISH ? mqtt_publish_qos(packet->flags) : 0;
    if (qos > 0)
        put_acknowledgement(client, qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, packet->publish.packet_identifier);
    else if (packet->type == MQTT_PUBREC)
        put_acknowledgement(client, MQTT_PUBREL, packet->acknowledgement.packet_identifier);
    else if (packet->type == MQTT_PUBREL)
        put_acknowledgement(client, MQTT_PUBCOMP, packet->acknowledgement.packet_identifier);
}

static void answer_all(struct traffic *traffic, struct client *client, struct mqtt_bytes bytes) {
    const struct mqtt_decoder decoder = {.version = client->version, .sender = MQTT_SERVER, .rules = &traffic->rules};
    struct mqtt_packet packet;
    struct mqtt_error error;
    uint32_t size;
    while (mqtt_next(&decoder, bytes, &packet, &size, &error) == MQTT_OK) {
        answer(client, &packet);
        bytes.data += size;
        bytes.length -= size;
    }
    assert(bytes.length == 0);
}

/* ---- The wire ------------------------------------------------------------------------------------------------ */

static void pass(struct traffic *traffic, struct client *client, enum mqtt_side side, struct mqtt_bytes bytes) {
    capture_writer_bytes(client->captured, side, bytes, traffic->now);
    traffic->written += bytes.length;
}

static void send_to_broker(struct traffic *traffic, struct client *client) {
    struct mqtt_bytes bytes = {client->to_broker, (uint32_t)client->length};
    client->length = 0;
    pass(traffic, client, MQTT_CLIENT, bytes);
    broker_receive(client->connection, bytes, traffic->now);
}

static void send_to_client(struct traffic *traffic, struct connection *connection) {
    static uint8_t gathered[16 * BUFFER_SIZE];
    struct client *client = broker_owner(connection);
    struct mqtt_bytes views[64];
    size_t count, length = 0;
    while ((count = broker_output(connection, views, sizeof views / sizeof views[0])) > 0) {
        size_t before = length;
        for (size_t i = 0; i < count; i++) {
            assert(length + views[i].length <= sizeof gathered);
            memcpy(gathered + length, views[i].data, views[i].length);
            length += views[i].length;
        }
        broker_sent(connection, length - before);
    }
    if (length == 0)
        return;
    struct mqtt_bytes bytes = {gathered, (uint32_t)length};
    pass(traffic, client, MQTT_SERVER, bytes);
    answer_all(traffic, client, bytes);
}

/* Until nobody has anything more to say. */
static void settle(struct traffic *traffic) {
    bool more = true;
    while (more) {
        struct connection *connection;
        for (unsigned i = 0; i < 2 * PAIRS; i++)
            if (traffic->clients[i].length > 0)
                send_to_broker(traffic, &traffic->clients[i]);
        while ((connection = broker_next_ready(traffic->broker)) != NULL)
            send_to_client(traffic, connection);
        more = false;
        for (unsigned i = 0; i < 2 * PAIRS; i++)
            more = more || traffic->clients[i].length > 0;
        traffic->now += TURN / 100;
    }
}

/* ---- All of it ----------------------------------------------------------------------------------------------- */

/* A pair is a publisher and the subscriber behind it. */
static void open_client(struct traffic *traffic, unsigned number) {
    struct client *client = &traffic->clients[number];
    unsigned pair = number / 2;
    client->version = pair % 2 == 0 ? MQTT_3_1_1 : MQTT_5_0;
    client->qos = traffic->qos >= 0 ? (uint8_t)traffic->qos : pair % 10 < 6 ? 0 : pair % 10 < 9 ? 1 : 2;
    snprintf(client->topic, sizeof client->topic, "site/%u/telemetry", pair);
    client->connection = broker_accept(traffic->broker, traffic->now, client);
    client->captured = capture_writer_connect(traffic->writer, SERVER_PORT, traffic->now);
    assert(client->connection != NULL && client->captured != NULL);
    put_connect(client, number);
    settle(traffic);
    if (number % 2 != 0)
        put_subscribe(client);
    settle(traffic);
}

static void talk(struct traffic *traffic, uint64_t bytes) {
    for (unsigned i = 0; i < 2 * PAIRS; i++)
        open_client(traffic, i);
    while (traffic->written < bytes) {
        for (unsigned i = 0; i < 2 * PAIRS; i += 2)
            for (uint32_t count = 1 + draw(traffic, LARGEST_BATCH); count > 0; count--)
                put_publish(traffic, &traffic->clients[i]);
        settle(traffic);
        traffic->now += TURN;
    }
    for (unsigned i = 0; i < 2 * PAIRS; i++) {
        put(&traffic->clients[i], &(struct mqtt_packet){.type = MQTT_DISCONNECT});
        send_to_broker(traffic, &traffic->clients[i]);
        capture_writer_close(traffic->clients[i].captured, MQTT_CLIENT, traffic->now);
    }
}

int main(int count, char **arguments) {
    static struct traffic traffic;
    const struct broker_settings settings = broker_default_settings();
    const struct environment environment = environment_of_system();
    char reason[256];
    unsigned long size = count == 3 || count == 4 ? strtoul(arguments[2], NULL, 10) : 0;
    bool has_qos = count == 4;
    traffic.qos = has_qos ? atoi(arguments[3]) : -1;
    if (size == 0 || size > LARGEST_TRAFFIC || (has_qos && (traffic.qos < 0 || traffic.qos > 2))) {
        fprintf(stderr, "usage: traffic FILE MEBIBYTES [QOS]; 1 to %u MiB, QoS 0 to 2\n", LARGEST_TRAFFIC);
        return 2;
    }
    traffic.writer = capture_writer_open(arguments[1], CAPTURE_BEGINS, reason, sizeof reason);
    traffic.broker = broker_create(&settings, &environment);
    if (traffic.writer == NULL || traffic.broker == NULL) {
        fprintf(stderr, "traffic: %s\n", traffic.writer == NULL ? reason : "no memory");
        return 3;
    }
    talk(&traffic, (uint64_t)size << 20);
    broker_destroy(traffic.broker);
    if (!capture_writer_finish(traffic.writer)) {
        fprintf(stderr, "traffic: %s could not be written\n", arguments[1]);
        return 3;
    }
    return 0;
}
