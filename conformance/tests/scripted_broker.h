/* A broker that follows a script, and rows of scenarios that are played against it: for the tests of the player. */
#ifndef MQSPEC_SCRIPTED_BROKER_H
#define MQSPEC_SCRIPTED_BROKER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/player.h"

#define MILLISECOND     UINT64_C(1000)
#define TIMEOUT         (UINT64_C(1000) * MILLISECOND)
#define NAME_SPACE      "ns"
#define MAXIMUM_REPLIES 10
#define MAXIMUM_TURNS   500
#define SENT_SIZE       2048u

/* ---- The scripted broker -------------------------------------------------------------------------------------- */

enum reply_kind { REPLY_NONE, REPLY_BYTES, REPLY_CLOSE };

/* Happens `delay` milliseconds after the tester has sent `after` packets, and after the reply before it. */
struct reply {
    enum reply_kind kind;
    enum scenario_client client;
    unsigned after;
    unsigned delay;
    const char *bytes;
    size_t length;
};

#define BYTES(to, after_sends, text)                                                                                   \
    { .kind = REPLY_BYTES, .client = (to), .after = (after_sends), .bytes = text, .length = sizeof(text) - 1 }
#define LATER(to, after_sends, milliseconds, text)                                                                     \
    {                                                                                                                  \
        .kind = REPLY_BYTES, .client = (to), .after = (after_sends), .delay = (milliseconds), .bytes = text,           \
        .length = sizeof(text) - 1                                                                                     \
    }
#define CLOSES(to, after_sends, milliseconds)                                                                          \
    { .kind = REPLY_CLOSE, .client = (to), .after = (after_sends), .delay = (milliseconds) }

#define CONNACK_BYTES  "\x20\x02\x00\x00"
#define SUBACK_BYTES   "\x90\x03\x00\x65\x00"
#define PINGRESP_BYTES "\xD0\x00"

struct script {
    struct reply replies[MAXIMUM_REPLIES];
    const char *refuses; /* connections fail with this reason */
    bool mute;           /* connections are never answered */
};

struct fake {
    const struct script *script;
    struct player *player;
    microseconds now;
    microseconds ready_at; /* when the next reply's delay began */
    size_t next;
    unsigned sends;
    bool opening[SCENARIO_CLIENTS];
    bool open[SCENARIO_CLIENTS];
    uint8_t sent[SENT_SIZE];
    size_t sent_length;
};

static void fake_open(void *context, enum scenario_client client) {
    struct fake *fake = context;
    fake->opening[client] = true;
}

static void fake_send(void *context, enum scenario_client client, struct mqtt_bytes bytes) {
    struct fake *fake = context;
    assert_true(fake->open[client]);
    assert_true(bytes.length <= SENT_SIZE - fake->sent_length);
    memcpy(fake->sent + fake->sent_length, bytes.data, bytes.length);
    fake->sent_length += bytes.length;
    fake->sends++;
    fake->ready_at = fake->now;
}

static void fake_close(void *context, enum scenario_client client) {
    struct fake *fake = context;
    fake->opening[client] = false;
    fake->open[client] = false;
}

static bool open_connections(struct fake *fake) {
    bool happened = false;
    for (int i = 0; i < SCENARIO_CLIENTS; i++) {
        if (!fake->opening[i] || fake->script->mute)
            continue;
        fake->opening[i] = false;
        happened = true;
        if (fake->script->refuses != NULL) {
            player_failed(fake->player, (enum scenario_client)i, fake->script->refuses, fake->now);
            continue;
        }
        fake->open[i] = true;
        player_opened(fake->player, (enum scenario_client)i, fake->now);
    }
    return happened;
}

static const struct reply *next_reply(const struct fake *fake) {
    if (fake->next == MAXIMUM_REPLIES || fake->script->replies[fake->next].kind == REPLY_NONE)
        return NULL;
    const struct reply *reply = &fake->script->replies[fake->next];
    return fake->sends >= reply->after ? reply : NULL;
}

static void give_reply(struct fake *fake, const struct reply *reply) {
    fake->next++;
    fake->ready_at = fake->now;
    if (!fake->open[reply->client])
        return;
    if (reply->kind == REPLY_BYTES) {
        struct mqtt_bytes bytes = {(const uint8_t *)reply->bytes, (uint32_t)reply->length};
        player_received(fake->player, reply->client, bytes, fake->now);
    } else {
        fake->open[reply->client] = false;
        player_closed(fake->player, reply->client, fake->now);
    }
}

static void take_turn(struct fake *fake) {
    if (open_connections(fake))
        return;
    const struct reply *reply = next_reply(fake);
    microseconds reply_at = reply == NULL ? NO_DEADLINE : fake->ready_at + reply->delay * MILLISECOND;
    if (reply_at <= fake->now) {
        give_reply(fake, reply);
        return;
    }
    microseconds deadline = player_deadline(fake->player);
    microseconds next = reply_at < deadline ? reply_at : deadline;
    assert_true(next != NO_DEADLINE);
    fake->now = next > fake->now ? next : fake->now;
    if (deadline <= fake->now && reply_at > fake->now)
        player_tick(fake->player, fake->now);
}

/* ---- Rows ------------------------------------------------------------------------------------------------------ */

struct row {
    const char *name;
    struct scenario scenario;
    struct script script;
    enum mqtt_version version; /* 3.1.1 when not given */
    enum verdict verdict;
    enum spec_statement broken;
    const char *reason;   /* is part of the result's reason */
    const char *expected; /* is part of what the result says was expected */
    const char *received; /* is part of what the result says was received */
    const char *sent;     /* is part of the bytes that the tester sent */
    size_t sent_length;
    bool clean_up;
};

#define PLAYED(...) .scenario = {.name = "row", .title = "row", .file = __FILE__, .line = __LINE__, STEPS(__VA_ARGS__)}
#define SCRIPT(...) .script = {.replies = {__VA_ARGS__}}
#define SENT(text)  .sent = text, .sent_length = sizeof(text) - 1

static bool contains(const uint8_t *bytes, size_t length, const char *part, size_t part_length) {
    for (size_t i = 0; i + part_length <= length; i++)
        if (memcmp(bytes + i, part, part_length) == 0)
            return true;
    return false;
}

static void check_text(const struct row *row, const char *what, const char *text, const char *part) {
    if (part != NULL && strstr(text, part) == NULL)
        fail_msg("%s: the %s is \"%s\", without \"%s\"", row->name, what, text, part);
}

/* Each fail shows where it went wrong. */
static void check_transcript(const struct row *row, const struct result *result) {
    size_t offending = 0;
    for (size_t i = 0; i < result->transcript_length; i++)
        offending += result->transcript[i].offending;
    if (result->verdict == VERDICT_FAIL && offending != 1)
        fail_msg("%s: %zu lines of the transcript are marked as offending", row->name, offending);
}

static void check_sent(const struct row *row, const struct fake *fake) {
    if (row->sent == NULL || contains(fake->sent, fake->sent_length, row->sent, row->sent_length))
        return;
    char hex[3 * SENT_SIZE + 1] = "";
    for (size_t i = 0; i < fake->sent_length; i++)
        snprintf(hex + 3 * i, sizeof hex - 3 * i, "%02X ", fake->sent[i]);
    fail_msg("%s: what was sent is not as it should be: %s", row->name, hex);
}

/* Starts a player of the row's scenario against its script, at the time that the fake has. */
static inline void begin(struct fake *fake, const struct row *row) {
    struct player_link link = {.context = fake, .open = fake_open, .send = fake_send, .close = fake_close};
    struct player_options options = {
        .version = row->version == MQTT_VERSION_UNKNOWN ? MQTT_3_1_1 : row->version,
        .name_space = NAME_SPACE,
        .transport = "script",
        .timeout = TIMEOUT,
        .skip_cleanup = !row->clean_up,
    };
    fake->script = &row->script;
    fake->player = player_create(&row->scenario, &options, &link);
    assert_non_null(fake->player);
    player_start(fake->player, fake->now);
}

static inline void play_row(const struct row *row) {
    struct fake fake = {.now = 5000};
    begin(&fake, row);
    for (int turn = 0; !player_finished(fake.player); turn++) {
        if (turn == MAXIMUM_TURNS)
            fail_msg("%s: does not come to an end", row->name);
        take_turn(&fake);
    }
    const struct result *result = player_result(fake.player);
    if (result->verdict != row->verdict)
        fail_msg("%s: %s (%s, %s), not %s", row->name, verdict_name(result->verdict), result->reason,
                 spec_name(result->broken), verdict_name(row->verdict));
    if (result->verdict == VERDICT_FAIL && result->broken != row->broken)
        fail_msg("%s: blames %s (%s), not %s", row->name, spec_name(result->broken), result->reason,
                 spec_name(row->broken));
    check_text(row, "reason", result->reason, row->reason);
    check_text(row, "expectation", result->expected, row->expected);
    check_text(row, "received", result->received, row->received);
    check_transcript(row, result);
    check_sent(row, &fake);
    for (int i = 0; i < SCENARIO_CLIENTS; i++)
        if (fake.open[i] || fake.opening[i])
            fail_msg("%s: client %c stays connected", row->name, 'A' + i);
    player_destroy(fake.player);
}

#endif
