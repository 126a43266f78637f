/* What the files of the player share. */
#ifndef MQSPEC_PLAYER_INTERNAL_H
#define MQSPEC_PLAYER_INTERNAL_H

#include "conformance/arena.h"
#include "conformance/player.h"
#include "reference/monitor.h"

/* A target may not make the tester keep more than this. */
#define MAXIMUM_RECEIVED_PACKET (16u * 1024 * 1024)
#define MAXIMUM_RECEIVED_TOTAL  (64u * 1024 * 1024)
#define MAXIMUM_TRANSCRIPT      4000u

/* Of one step; those that were met are ticked off in one mask. */
#define MAXIMUM_PATTERNS 32u

enum client_state {
    CLIENT_APART,   /* it has no connection */
    CLIENT_OPENING, /* waits for player_opened() */
    CLIENT_OPEN,
    CLIENT_CLOSED, /* the target closed the connection */
};

/* A packet that has come. */
struct received {
    struct mqtt_packet packet;
    microseconds time;
    size_t line; /* of the transcript */
    bool taken;  /* by an expectation */
};

struct client {
    struct player *player;
    enum client_state state;
    bool close_taken;       /* an expectation has taken the close */
    bool sent_disconnect;   /* what follows needs a new connection */
    microseconds closed_at; /* in state CLIENT_CLOSED */
    size_t closed_line;     /* of the transcript */
    struct mqtt_decoder decoder;
    struct monitored *monitored;
    uint8_t *buffer; /* received and not yet a whole packet */
    size_t length;
    size_t capacity;
    struct received *inbox;
    size_t inbox_count;
    size_t inbox_capacity;
    uint16_t *foreign; /* QoS 2 packets of other scenarios that wait for PUBREL */
    size_t foreign_count;
    size_t foreign_capacity;
};

enum phase {
    PHASE_STEPS,
    PHASE_DECIDED, /* the verdict stands; nothing more is played */
    PHASE_CLEANUP,
    PHASE_DONE, /* nothing is left to do but to make the result */
    PHASE_FINISHED,
};

/* What a failure says beside the verdict. */
struct failure {
    enum spec_statement statement;
    const char *reason;
    const char *expected;
    const char *received;
    size_t line; /* of the transcript, the offending one; NO_LINE where the expectation itself is it */
};
#define NO_LINE SIZE_MAX

/* What the scenario leaves behind on the target. */
struct leftovers {
    const char **topics; /* with a retained message */
    size_t topic_count;
    size_t topic_capacity;
    const char **identifiers; /* of persistent sessions */
    size_t identifier_count;
    size_t identifier_capacity;
    size_t next_job;
    microseconds deadline;
    uint8_t *buffer;
    size_t length;
    size_t capacity;
};

struct player {
    const struct scenario *scenario;
    struct player_options options;
    struct player_link link;
    struct arena arena;
    struct spec_rules rules; /* nothing is off: what comes is decoded strictly */
    struct monitor *monitor;
    struct client clients[SCENARIO_CLIENTS];

    enum phase phase;
    bool could_not_connect;
    microseconds began;
    microseconds lateness;
    size_t received_total;

    size_t step;
    bool acted;                            /* the step's action is done, its end is awaited */
    uint32_t matched;                      /* patterns of EXPECT_ALL that have been met */
    microseconds step_began;               /* the end of the step before */
    microseconds acted_at;                 /* the end of the last step that was no expectation */
    int identifiers[IDENTIFIER_VARIABLES]; /* ANY until learned */

    bool breached; /* by the target, as the monitor says; becomes the verdict unless an expectation fails first */
    struct failure breach;
    size_t current_line; /* of the packet that the monitor looks at */

    struct leftovers leftovers;
    struct transcript_line *lines;
    size_t line_count;
    size_t line_capacity;
    struct result result;
};

/* ---- player.c -------------------------------------------------------------------------------------------- */

/* The verdict is fail; nothing more is played. Only the first counts. Connections and memory stay as they are until
 * the player's entry point is about to return. */
void player_fail(struct player *player, const struct failure *failure, microseconds now);
void player_skip(struct player *player, const char *reason);
void player_warn(struct player *player, enum spec_statement statement, const char *reason);

/* Sends on an open connection, and shows it to the monitor. */
void client_send(struct client *client, struct mqtt_bytes bytes, microseconds now);
/* The tester opens or closes the connection. */
void client_open(struct client *client);
void client_close(struct client *client, microseconds now);
char client_letter(const struct client *client);

/* ---- player_receive.c ------------------------------------------------------------------------------------ */

void client_receive(struct client *client, struct mqtt_bytes bytes, microseconds now);

/* ---- player_send.c --------------------------------------------------------------------------------------- */

/* `text` with the name space in place of "~". */
const char *player_expand(struct player *player, const char *text);

/* The bytes that a STEP_SEND or STEP_SEND_BROKEN asks for; length 0 where the wire cannot carry them. */
struct mqtt_bytes player_build(struct player *player, const struct step *step);

/* A payload of `size` bytes as SEND makes it and EXPECT compares it. */
uint8_t player_payload_byte(size_t index);

/* The step opens with a CONNECT packet. */
bool step_connects(const struct step *step);

/* The step ends with a DISCONNECT packet that is as it should be. */
bool step_disconnects(const struct step *step);

/* Performs a step that sends, on an open connection. */
void player_send_step(struct player *player, const struct step *step, microseconds now);

/* ---- player_expect.c ------------------------------------------------------------------------------------- */

/* True when the expectation is met or the scenario is over; false when it waits on. */
bool player_expect(struct player *player, const struct step *step, microseconds now);

/* When the wait for the expectation ends. */
microseconds player_expect_deadline(const struct player *player, const struct step *step);

/* That time has come. True when silence was what the step allows. */
bool player_expect_silence(struct player *player, const struct step *step, microseconds now);

/* ---- player_notation.c ----------------------------------------------------------------------------------- */

/* A packet in the notation of scenarios, with "~" for the name space. */
const char *player_notation(struct player *player, const struct mqtt_packet *packet);

/* The step as it stands in the scenario, and what its variables hold. */
const char *player_expectation(struct player *player, const struct step *step);

/* "1.5 s". */
const char *player_seconds(struct player *player, microseconds time);

/* ---- player_transcript.c --------------------------------------------------------------------------------- */

/* Adds a line and returns its index. `client` may be NULL. The text is kept as given, the bytes are copied. */
size_t player_note(struct player *player, enum transcript_kind kind, const struct client *client, const char *text,
                   struct mqtt_bytes bytes, microseconds now);

/* Adds a line for bytes that were sent: packet by packet where they are packets. */
void player_note_sent(struct player *player, const struct client *client, struct mqtt_bytes bytes, microseconds now);

/* A packet on one line of text. */
const char *player_describe(struct player *player, enum mqtt_version version, const struct mqtt_packet *packet);

/* "F0 00 12" */
const char *player_hex(struct player *player, struct mqtt_bytes bytes);

/* ---- player_cleanup.c ------------------------------------------------------------------------------------ */

/* Remembers what a step leaves on the target. */
void cleanup_remember(struct player *player, const struct step *step);
void cleanup_begin(struct player *player, microseconds now);
void cleanup_opened(struct player *player, microseconds now);
void cleanup_received(struct player *player, struct mqtt_bytes bytes, microseconds now);
/* The connection is lost, or the time is over. */
void cleanup_give_up(struct player *player, const char *why, microseconds now);

/* The topic is not of this scenario's name space: another scenario's message, section "~" of scenario.h. */
bool player_is_foreign(const struct player *player, struct mqtt_bytes topic);

#endif
