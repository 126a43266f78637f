/* The reference broker and its clients in virtual time, as the broker target and its operations share them. Internal to
 * fuzz/. */
#ifndef MQSPEC_FUZZ_WORLD_H
#define MQSPEC_FUZZ_WORLD_H

#include "conformance/scram_client.h"
#include "fuzz/operations.h"
#include "fuzz/targets.h"
#include "reference/broker.h"
#include "reference/monitor.h"

#define MOST_UNANSWERED 32u

/* A packet of the broker's that wants an answer. */
struct unanswered {
    enum mqtt_type answer;
    uint16_t packet_identifier;
};

struct client {
    struct world *world;
    struct connection *connection; /* NULL: not connected */
    struct monitored *monitored;
    struct capture_connection *captured; /* or NULL */
    bool reads;
    enum mqtt_version version;
    uint16_t packet_identifier; /* used last */
    struct unanswered unanswered[MOST_UNANSWERED];
    unsigned unanswered_count;
    uint8_t challenge[SCRAM_MAXIMUM_MESSAGE]; /* Authentication Data of the broker's last AUTH */
    size_t challenge_length;                  /* 0: none, or it was answered */
};

struct world {
    struct broker *broker;
    struct monitor *monitor;
    struct client clients[FUZZ_CLIENTS];
    struct fuzz_account broker_account;
    struct fuzz_account monitor_account;
    struct capture_writer *capture; /* or NULL */
    microseconds now;
    uint8_t options;
    uint16_t published;
    bool failed;
    struct finding *finding;
};

/* The rest of the input. */
struct input {
    const uint8_t *data;
    size_t size;
};

/* 0 where nothing is left. */
uint8_t world_next_byte(struct input *input);

/* Opens a connection where the client has none. False where there is no memory. */
bool world_open(struct client *client);

/* The client sends, over a connection that is opened before where need be. */
void world_send(struct client *client, const uint8_t *data, size_t length);

/* The network closes the connection, which is there. */
void world_close(struct client *client, enum mqtt_side closes);

/* Every client that reads gets what waits for it. */
void world_deliver(struct world *world);

/* The client stops reading, or starts again. */
void world_change_reading(struct client *client);

/* Time goes on, and all that is due happens. */
void world_pass_time(struct world *world, microseconds duration);

/* Takes one operation from the input and does it. */
void world_perform(struct world *world, struct input *input);

/* What the broker knows of the password that the clients prove to know. */
bool world_credentials(void *context, struct mqtt_bytes user_name, struct scram_credentials *credentials);

#endif
