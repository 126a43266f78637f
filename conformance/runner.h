/* Plays scenarios: in virtual time against the core inside this process, or in real time over sockets.
 *
 *     struct run run;
 *     run_plan(&run, patterns, pattern_count, versions);
 *     run_virtual(&run, &settings);  or  run_sockets(&run, &settings);
 *     ... run.plays[i].result ...
 *     run_release(&run); */
#ifndef MQSPEC_RUNNER_H
#define MQSPEC_RUNNER_H

#include "conformance/address.h"
#include "conformance/player.h"
#include "conformance/scenario_set.h"
#include "pcaps/capture.h"
#include "reference/broker.h"
#include "reference/event_loop.h"
#include "reference/transport.h"

/* ---- What is played ------------------------------------------------------------------------------------------ */

#define NAME_SPACE_SIZE 17

/* One scenario in one version, and what came of it. */
struct play {
    const struct scenario *scenario;
    enum mqtt_version version;
    enum transport_kind transport; /* with sockets */
    char name_space[NAME_SPACE_SIZE];
    struct player *player;           /* owns what the result points to; NULL where it was not played */
    enum spec_statement *statements; /* of the result, where it was not played: owned */
    bool decided;                    /* the result is there */
    struct result result;
};

struct run {
    struct scenario_set set;
    struct play *plays;
    size_t count;
    microseconds duration;
    bool target_lost;    /* it stopped accepting connections; what was left was not played */
    size_t played_again; /* fails that were not believed, because this machine had held the tester up */
};

/* In place of a set of transports: without sockets. */
#define NO_TRANSPORTS 0u

/* All scenarios that one of the patterns fits, or all where there are none, once for each of their versions among
 * `versions` (of enum scenario_versions) and each of `transports` (bits, 1 << enum transport_kind) that can show what
 * they are about. Of several transports, only the first has the generated scenarios: what is in a packet does not
 * depend on what carries it. A pattern is a scenario's name or the id of a statement, with shell wildcards. False where
 * there is no memory. */
bool run_plan(struct run *run, char *const *patterns, size_t pattern_count, unsigned versions, unsigned transports);
void run_release(struct run *run);

/* The scenario is among those that the patterns name. */
bool scenario_fits(const struct scenario *scenario, enum mqtt_version version, char *const *patterns,
                   size_t pattern_count);

/* Milliseconds that the scenario spends waiting even where all goes well; 0 for most. */
unsigned scenario_waits(const struct scenario *scenario);

/* Gives the play a name space of its own: repeated with the same numbers it is the same, with any other number it
 * is another. */
void play_name(struct play *play, uint64_t seed, size_t index, unsigned attempt);

/* A verdict without playing; `reason` lives as long as the run. The runners leave alone what is decided. */
void play_decide(struct play *play, const char *transport, enum verdict verdict, const char *reason);

/* ---- The built-in broker --------------------------------------------------------------------------------------- */

/* Some statements hold only for a broker that lacks something, and most scenarios need it. */
enum target_offer {
    TARGET_OFFERS_ALL,
    TARGET_OFFERS_LESS, /* in 5.0: Maximum QoS 1, no retained messages, no Topic Aliases, no enhanced authentication */
};

/* The reference broker as the suite wants it, with the given statements switched off. User name "mqspec" needs the
 * password "right", user name "mqspec-denied" is not authorized, and nobody may publish or subscribe to a topic
 * with a level "denied". By SCRAM-SHA-256, user "mqspec" has the password "mqspec". What it announces in CONNACK of 5.0
 * is small, so that scenarios reach each limit and exceed it by one with little to send. NULL where there is no
 * memory. */
struct broker *create_target_broker(enum target_offer offer, const enum spec_statement *off, size_t off_count);

/* ---- Virtual time ---------------------------------------------------------------------------------------------- */

struct virtual_settings {
    microseconds timeout;
    uint64_t seed;
    enum target_offer offer;
    const enum spec_statement *off; /* statements that the broker breaks */
    size_t off_count;
    uint64_t *reached;              /* SPEC_COUNT sums of how often statements were reached, or NULL */
    struct capture_writer *capture; /* or NULL */
    microseconds start;             /* of the virtual clock */
    const char *user;               /* for SCRAM-SHA-256; NULL: the defaults of player.h */
    const char *password;
};

/* Plays one scenario against a broker of its own. Returns when the virtual clock stands at the end. A scenario that
 * does not come to an end is a fail that says so. */
microseconds play_virtual(struct play *play, const struct virtual_settings *settings);

/* A scenario that is skipped is played once more against the broker that offers less: there its verdict counts, unless
 * it is skipped there, too. */
void run_virtual(struct run *run, const struct virtual_settings *settings);

/* ---- Sockets ----------------------------------------------------------------------------------------------------- */

struct server;

/* How the target is reached over one transport. */
struct way {
    struct address address;
    struct transport_settings transport; /* of a Client */
};

struct socket_settings {
    struct event_loop *loop;
    const struct way *ways; /* index: enum transport_kind. Those that are played over are filled */
    struct server *server;  /* the built-in broker's, which is given its turn; or NULL */
    microseconds timeout;
    uint64_t seed;
    size_t at_once; /* scenarios that play at one time */
    bool progress;  /* tell standard error how far it is */
    struct capture_writer *capture;
    const bool *target_ended; /* becomes true when the process of the target ends; or NULL */
    const char *user;         /* for SCRAM-SHA-256; NULL: the defaults of player.h */
    const char *password;
};

void run_sockets(struct run *run, const struct socket_settings *settings);

/* ---- Looking at the target first --------------------------------------------------------------------------------- */

enum probe_outcome {
    PROBE_FINE,
    PROBE_UNREACHABLE, /* no connection, or an answer that no MQTT broker gives: nothing can be tested */
    PROBE_REFUSED,     /* an MQTT broker that does not accept this CONNECT */
};

struct probe {
    enum probe_outcome outcome;
    bool refused_at_once; /* nothing listens at the address */
    uint8_t code;         /* of CONNACK, with PROBE_REFUSED: return code, or Reason Code of 5.0 */
    char reason[200];     /* a sentence on what happened and what to do */
};

/* One connection over the transport, CONNECT with CleanSession 1, and the answer, within the timeout of the settings.
 */
void probe_target(struct probe *probe, const struct socket_settings *settings, enum transport_kind transport,
                  enum mqtt_version version);

/* ---- Mutants ------------------------------------------------------------------------------------------------------
 */

/* Plays, for each statement that can be switched off, all that reaches it, and writes which scenarios notice. What does
 * not reach it cannot tell the difference. True when each deviation is noticed under its own statement, and each
 * scenario notices one or says why it cannot. */
bool run_mutants(FILE *file, microseconds timeout, bool verbose);

#endif
