/* Plays one scenario: a state machine that does no I/O.
 *
 * Whoever owns the connections tells the player what happened and does what the player asks. The same player runs
 * in virtual time against the core inside the process and in real time over sockets. */
#ifndef MQSPEC_PLAYER_H
#define MQSPEC_PLAYER_H

#include "conformance/scenario.h"
#include "conformance/scram_client.h"
#include "reference/environment.h"
#include "reports/reports.h"

struct player;

/* How long a step at least waits for the broker to close a connection that has had no CONNACK. The standard gives no
 * time for that, and brokers leave such connections to a timer of 5 to 15 seconds. */
#define PATIENCE_BEFORE_CONNACK (20 * MICROSECONDS_PER_SECOND)

/* What the player asks of the owner of the connections. Clients are those of the scenario. None of these may call
 * back into the player before returning. */
struct player_link {
    void *context;
    /* Open a connection; player_opened() or player_failed() follows. */
    void (*open)(void *context, enum scenario_client client);
    /* Send bytes; all of them, in order, as one write where possible. They live until the call returns. */
    void (*send)(void *context, enum scenario_client client, struct mqtt_bytes bytes);
    /* Close the connection at once. No further call about it follows. */
    void (*close)(void *context, enum scenario_client client);
};

struct player_options {
    enum mqtt_version version;
    const char *name_space; /* what "~" stands for; letters and digits, at most 16; lives as long as the player */
    const char *transport;  /* for the result */
    microseconds timeout;   /* of one step, but see PATIENCE_BEFORE_CONNACK */
    bool skip_cleanup;      /* the target is thrown away afterwards: nothing needs to be left as it was found */
    /* For SCRAM-SHA-256; NULL: the defaults above. */
    const char *user;
    const char *password;
};

/* NULL where there is no memory. The scenario lives as long as the player. */
struct player *player_create(const struct scenario *scenario, const struct player_options *options,
                             const struct player_link *link);
void player_destroy(struct player *player);

/* Starts with the first step. */
void player_start(struct player *player, microseconds now);

/* The owner reports. */
void player_opened(struct player *player, enum scenario_client client, microseconds now);
/* Over WebSocket, before player_opened(): the subprotocol that the broker chose. It is copied. */
void player_chose_subprotocol(struct player *player, enum scenario_client client, const char *subprotocol);
void player_failed(struct player *player, enum scenario_client client, const char *why, microseconds now);
void player_received(struct player *player, enum scenario_client client, struct mqtt_bytes bytes, microseconds now);
void player_closed(struct player *player, enum scenario_client client, microseconds now);
void player_tick(struct player *player, microseconds now);

/* Ends the scenario as a fail that has nothing to do with the standard. `reason` lives as long as the player. */
void player_abandon(struct player *player, const char *reason, microseconds now);

/* When player_tick() is wanted at the latest; NO_DEADLINE once finished. */
microseconds player_deadline(const struct player *player);

/* The scenario is over and has left the target as it found it: retained messages cleared, sessions ended,
 * connections closed. */
bool player_finished(const struct player *player);

/* A connection could not be opened; the result is then a fail that says so. */
bool player_could_not_connect(const struct player *player);

/* How much later than wanted player_tick() came at worst. Where it is large, the tester itself was held up, and a
 * failure of a scenario that measures time proves nothing. */
microseconds player_lateness(const struct player *player);

/* The result; lives as long as the player. Only once finished. */
const struct result *player_result(const struct player *player);

#endif
