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

/* What one SEND may put on the wire, however often it repeats a packet of whatever size. */
#define MAXIMUM_SENT_PACKET (16u * 1024 * 1024)
#define MAXIMUM_SENT_STEP   (64u * 1024 * 1024)

enum client_state {
    CLIENT_APART,   /* it has no connection */
    CLIENT_OPENING, /* waits for player_opened() */
    CLIENT_OPEN,
    CLIENT_CLOSED, /* the target closed the connection */
};

/* A packet that has come. */
struct received {
    struct mqtt_packet packet;
    struct mqtt_bytes topic; /* of PUBLISH: what a Topic Alias stands for is in its place */
    microseconds time;
    size_t line; /* of the transcript */
    bool taken;  /* by an expectation */
};

/* What the scenario has asked of the broker on one connection, where a broker of MQTT 5.0 may say that it lacks it. */
struct asked {
    int qos;              /* the highest, of PUBLISH and the Will */
    uint32_t topic_alias; /* the highest */
    bool retain;
    bool wildcard;
    bool subscription_identifier;
    bool shared_subscription;
    int keep_alive;          /* of CONNECT; ANY where the scenario does not care */
    uint32_t session_expiry; /* of CONNECT, seconds */
};

struct client {
    struct player *player;
    enum client_state state;
    bool close_taken;       /* an expectation has taken the close */
    bool answered;          /* CONNACK has come */
    bool sent_disconnect;   /* what follows needs a new connection */
    microseconds closed_at; /* in state CLIENT_CLOSED */
    microseconds left_at;   /* when the tester last closed a connection of this client; 0: never */
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
    /* MQTT 5.0, of this connection: */
    struct asked asked;
    bool answers_unknown;             /* CONNECT named a protocol that nobody knows: CONNACK may have either form */
    bool offer_known;                 /* CONNACK has come */
    struct mqtt_bytes offer;          /* its properties */
    struct mqtt_bytes authentication; /* the data that the broker sent last */
    struct mqtt_bytes *aliases;       /* what the broker's Topic Aliases stand for; the first is alias 1 */
    size_t alias_count;
    uint32_t alias_maximum; /* as this client's CONNECT announced it */
    /* Of the whole scenario: */
    const char *assigned;                         /* the Client Identifier that the broker chose last, or NULL */
    unsigned connections;                         /* opened so far */
    char subprotocol[WEBSOCKET_SUBPROTOCOL_SIZE]; /* of WebSocket, that the broker chose last; "" for none */
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
    bool session_denied;                   /* a CONNACK has said that no session outlives its connection */
    const char *build_fault;               /* why a packet could not be made, or NULL */
    struct mqtt_bytes current_topic;       /* of the PUBLISH that the monitor looks at */

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

/* The statement as it is called in the version that is played: SPEC_NONE where 5.0 has no counterpart of one of
 * 3.1.1. */
enum spec_statement player_statement(const struct player *player, enum spec_statement statement);

/* ---- player_receive.c ------------------------------------------------------------------------------------ */

void client_receive(struct client *client, struct mqtt_bytes bytes, microseconds now);

/* The topic does not hold this run's name space: another scenario's message, section "~" of scenario.h. */
bool player_is_foreign(const struct player *player, struct mqtt_bytes topic);

/* ---- player_text.c --------------------------------------------------------------------------------------- */

/* `text` with the name space in place of "~". */
const char *player_expand(struct player *player, const char *text);

/* As player_expand, and ASSIGNED_TO_A and SCRAM_FIRST and their like as `client` has them. Where that cannot be had,
 * absent, and *fault says why. */
struct mqtt_bytes player_text(struct player *player, const struct client *client, const char *text, const char **fault);

/* The Client Identifier of a CONNECT that is to be sent. */
struct mqtt_bytes player_client_identifier(struct player *player, const struct client *client,
                                           const struct pattern *pattern, const char **fault);

/* ---- player_properties.c --------------------------------------------------------------------------------- */

/* The property that a pattern gives, to be sent or awaited; NULL where it does not. */
const struct property_pattern *pattern_property(const struct pattern *pattern,
                                                enum mqtt_property_identifier identifier);

/* Properties as they stand on the wire, without their length; not absent. */
struct mqtt_bytes player_build_properties(struct player *player, const struct client *client,
                                          const struct property_pattern *patterns, size_t count);

/* NULL where the set fits the patterns, else the name of the first property that does not. */
const char *player_properties_misfit(struct player *player, const struct client *client,
                                     const struct property_pattern *patterns, size_t count,
                                     struct mqtt_bytes properties);

/* ---- player_offer.c -------------------------------------------------------------------------------------- */

/* A number of a pattern with ANNOUNCED() resolved. Where it cannot be, the scenario is skipped and the result is 0. */
int64_t player_number(struct player *player, const struct client *client, int64_t number);

/* Seconds that the session of this CONNECT is to outlive its connection. */
uint32_t player_session_expiry(struct player *player, const struct client *client, const struct pattern *pattern);

/* Skips the scenario where the step asks for what the broker has said that it lacks. */
void player_check_offer(struct player *player, struct client *client, const struct step *step);

/* Skips the scenario where the packet is larger than the broker has said that it takes. */
void player_check_size(struct player *player, const struct client *client, const struct pattern *pattern, size_t size);

/* CONNACK has come: what it says of the broker, held against what was asked of it before. */
void player_learn_offer(struct player *player, struct client *client, const struct mqtt_connack *connack);

/* ---- player_build.c -------------------------------------------------------------------------------------- */

/* The bytes that a STEP_SEND or STEP_SEND_BROKEN asks for. Length 0 where they cannot be had: player->build_fault says
 * why, or the scenario is skipped. */
struct mqtt_bytes player_build(struct player *player, const struct step *step);

/* A payload of `size` bytes as SEND makes it and EXPECT compares it. */
uint8_t player_payload_byte(size_t index);

/* ---- player_send.c --------------------------------------------------------------------------------------- */

/* The step opens with a CONNECT packet. */
bool step_connects(const struct step *step);

/* The step ends with a DISCONNECT packet that is as it should be. */
bool step_disconnects(const struct step *step);

/* Performs a step that sends, on an open connection. */
void player_send_step(struct player *player, const struct step *step, microseconds now);

/* The Reason Code of CONNACK in 5.0 for a return code of 3.1.1; the code itself where it is none. */
uint8_t player_reason_of_code(int code);

/* ---- player_expect.c ------------------------------------------------------------------------------------- */

/* True when the expectation is met or the scenario is over; false when it waits on. */
bool player_expect(struct player *player, const struct step *step, microseconds now);

/* When the wait for the expectation ends. */
microseconds player_expect_deadline(const struct player *player, const struct step *step);

/* That time has come. True when silence was what the step allows. */
bool player_expect_silence(struct player *player, const struct step *step, microseconds now);

/* ---- player_notation.c ----------------------------------------------------------------------------------- */

/* A packet in the notation of scenarios, with "~" for the name space. `topic` is that of PUBLISH, with what an alias
 * stands for in its place. */
const char *player_notation(struct player *player, enum mqtt_version version, const struct mqtt_packet *packet,
                            struct mqtt_bytes topic);

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

/* Remembers what a step leaves on the target, and the session of a Client Identifier. */
void cleanup_remember(struct player *player, const struct step *step);
void cleanup_remember_session(struct player *player, struct mqtt_bytes client_identifier);
void cleanup_begin(struct player *player, microseconds now);
void cleanup_opened(struct player *player, microseconds now);
void cleanup_received(struct player *player, struct mqtt_bytes bytes, microseconds now);
/* The connection is lost, or the time is over. */
void cleanup_give_up(struct player *player, const char *why, microseconds now);

#endif
