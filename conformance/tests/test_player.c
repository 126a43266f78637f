/* The player against a scripted broker: each verdict is reached, and a broker that is wrong fails. */
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
    const char *received; /* is part of what the result says was received */
    const char *sent;     /* is part of the bytes that the tester sent */
    size_t sent_length;
    bool clean_up;
};

#define PLAYED(...) .scenario = {.name = "row", .title = "row", .file = __FILE__, .line = __LINE__, STEPS(__VA_ARGS__)}
#define SCRIPT(...) .script = {.replies = {__VA_ARGS__}}
#define SENT(text)  .sent = text, .sent_length = sizeof(text) - 1

static const struct row rows[] = {
    {.name = "all expectations met: pass",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/t", 0), SEND(A, PINGREQ()), EXPECT(A, V311(3_12_4_1), PINGRESP())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), BYTES(A, 3, PINGRESP_BYTES)),
     .verdict = VERDICT_PASS,
     SENT("\x82\x09\x00\x65\x00\x04ns/t\x00\xC0\x00")},
    {.name = "packets cut into bytes and run together: pass",
     PLAYED(CONNECTED(A), SEND(A, PINGREQ()), EXPECT(A, V311(3_12_4_1), PINGRESP()), SEND(A, PINGREQ()),
            EXPECT(A, V311(3_12_4_1), PINGRESP())),
     SCRIPT(BYTES(A, 1, "\x20"), BYTES(A, 1, "\x02\x00"), BYTES(A, 1, "\x00"), BYTES(A, 2, PINGRESP_BYTES),
            BYTES(A, 3, "\xD0"), BYTES(A, 3, "\x00")),
     .verdict = VERDICT_PASS},
    {.name = "another return code: fail by mismatch",
     PLAYED(SEND(A, CONNECT()), EXPECT(A, V311(3_1_4_4), CONNACK(.code = 0))),
     SCRIPT(BYTES(A, 1, "\x20\x02\x00\x05"), CLOSES(A, 1, 0)),
     .verdict = VERDICT_FAIL,
     .broken = V311(3_1_4_4),
     .reason = "CONNACK came with another code",
     .received = "CONNACK(.session_present = 0, .code = 5)"},
    {.name = "MQTT 3.1 names itself and has no Session Present",
     PLAYED(SEND(A, CONNECT()), EXPECT(A, V311(3_1_4_4), CONNACK(.code = 0, .session_present = 1))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES)),
     .version = MQTT_3_1,
     .verdict = VERDICT_PASS,
     SENT("MQIsdp\x03")},
    {.name = "another payload: fail by mismatch in the notation of scenarios",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/t", 0), EXPECT(A, V311(3_8_4_1), PUBLISH(.topic = "~/t", .payload = "a"))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), BYTES(A, 2, "\x30\x07\x00\x04ns/tb")),
     .verdict = VERDICT_FAIL,
     .broken = V311(3_8_4_1),
     .reason = "PUBLISH came with another payload",
     .received = "PUBLISH(.topic = \"~/t\", .payload = \"b\", .qos = 0, .dup = 0, .retain = 0)"},
    {.name = "closed in place of a packet: fail",
     PLAYED(CONNECTED(A), SEND(A, PINGREQ()), EXPECT(A, V311(3_12_4_1), PINGRESP())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), CLOSES(A, 2, 0)),
     .verdict = VERDICT_FAIL,
     .broken = V311(3_12_4_1),
     .reason = "closed the connection",
     .received = "CLOSED()"},
    {.name = "silence: fail",
     PLAYED(CONNECTED(A), SEND(A, PINGREQ()), EXPECT(A, V311(3_12_4_1), PINGRESP())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES)),
     .verdict = VERDICT_FAIL,
     .broken = V311(3_12_4_1),
     .reason = "nothing came within 1 s"},
    {.name = "not closed where it must be: fail",
     PLAYED(CONNECTED(A), SEND_BYTES(A, 0xF0, 0x00), EXPECT(A, V311(4_8_0_1), CLOSED())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES)),
     .verdict = VERDICT_FAIL,
     .broken = V311(4_8_0_1),
     .reason = "did not close the connection within 1 s"},
    {.name = "closed where it must be, after other packets: pass",
     PLAYED(CONNECTED(A), SEND(A, PINGREQ()), SEND_BYTES(A, 0xF0, 0x00), EXPECT(A, V311(4_8_0_1), CLOSED())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, PINGRESP_BYTES), CLOSES(A, 3, 0)),
     .verdict = VERDICT_PASS,
     SENT("\xC0\x00\xF0\x00")},
    {.name = "one close meets two expectations",
     PLAYED(SEND(A, CONNECT()), EXPECT(A, V311(3_1_2_2), CONNACK(.code = 1), CLOSED()),
            EXPECT(A, V311(3_1_2_2), CLOSED())),
     SCRIPT(CLOSES(A, 1, 0)),
     .verdict = VERDICT_PASS},
    {.name = "a client connects again after its close was expected",
     PLAYED(CONNECTED(A), SEND_BYTES(A, 0xF0, 0x00), EXPECT(A, V311(4_8_0_1), CLOSED()), CONNECTED(A)),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), CLOSES(A, 2, 0), BYTES(A, 3, CONNACK_BYTES)),
     .verdict = VERDICT_PASS},
    {.name = "a packet left from the old connection does not count on the new one",
     PLAYED(CONNECTED(A), SEND(A, PINGREQ()), SEND_BYTES(A, 0xF0, 0x00), EXPECT(A, V311(4_8_0_1), CLOSED()),
            CONNECTED(A), EXPECT(A, V311(3_12_4_1), PINGRESP())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, PINGRESP_BYTES), CLOSES(A, 3, 0), BYTES(A, 4, CONNACK_BYTES)),
     .verdict = VERDICT_FAIL,
     .broken = V311(3_12_4_1),
     .reason = "nothing came"},
    {.name = "the target lacks something: skip",
     PLAYED(SEND(A, CONNECT()),
            EXPECT(A, V311(3_1_4_4), CONNACK(.code = 0), CONNACK(.code = 5, .skip = "needs access")),
            SEND(A, PINGREQ()), EXPECT(A, V311(3_12_4_1), PINGRESP())),
     SCRIPT(BYTES(A, 1, "\x20\x02\x00\x05")),
     .verdict = VERDICT_SKIP,
     .reason = "needs access"},
    {.name = "a SHOULD is not followed: warn, and the scenario goes on",
     PLAYED(SEND(A, CONNECT()), EXPECT(A, V311(3_1_4_4), CONNACK(.code = 5, .warn = "better 0"), CONNACK(.code = 0)),
            SEND(A, PINGREQ()), EXPECT(A, V311(3_12_4_1), PINGRESP(), CLOSED())),
     SCRIPT(BYTES(A, 1, "\x20\x02\x00\x05"), CLOSES(A, 2, 0)),
     .verdict = VERDICT_WARN,
     .broken = V311(3_1_4_4),
     .reason = "better 0",
     SENT("\xC0\x00")},
    {.name = "a fail after a warn is a fail",
     PLAYED(SEND(A, CONNECT()), EXPECT(A, V311(3_1_4_4), CONNACK(.code = 5, .warn = "better 0")),
            EXPECT(A, V311(3_1_4_1), CLOSED())),
     SCRIPT(BYTES(A, 1, "\x20\x02\x00\x05")),
     .verdict = VERDICT_FAIL,
     .broken = V311(3_1_4_1)},
    {.name = "a close within its window: pass",
     PLAYED(CONNECTED(A, .keep_alive = 1), EXPECT(A, V311(3_1_2_24), CLOSED(.after = 1000, .before = 2000))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), CLOSES(A, 1, 1500)),
     .verdict = VERDICT_PASS},
    {.name = "a close before its window: fail",
     PLAYED(CONNECTED(A, .keep_alive = 1), EXPECT(A, V311(3_1_2_24), CLOSED(.after = 1000, .before = 2000))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), CLOSES(A, 1, 900)),
     .verdict = VERDICT_FAIL,
     .broken = V311(3_1_2_24),
     .reason = "too early, after 0.9 s"},
    {.name = "no close within its window: fail at its end",
     PLAYED(CONNECTED(A, .keep_alive = 1), EXPECT(A, V311(3_1_2_24), CLOSED(.after = 1000, .before = 2000))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), CLOSES(A, 1, 2100)),
     .verdict = VERDICT_FAIL,
     .broken = V311(3_1_2_24),
     .reason = "within 2 s"},
    {.name = "a packet behind its own window, though another alternative waits on: fail",
     PLAYED(CONNECTED(A), SEND(A, PINGREQ()),
            EXPECT(A, V311(3_12_4_1), PINGRESP(.before = 100), CLOSED(.before = 900))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), LATER(A, 2, 500, PINGRESP_BYTES)),
     .verdict = VERDICT_FAIL,
     .broken = V311(3_12_4_1),
     .reason = "too late, after 0.5 s"},
    {.name = "the alternative in whose window it comes is taken",
     PLAYED(CONNECTED(A), SEND(A, PINGREQ()),
            EXPECT(A, V311(3_12_4_1), PINGRESP(.before = 100), PINGRESP(.before = 900, .warn = "slow"))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), LATER(A, 2, 500, PINGRESP_BYTES)),
     .verdict = VERDICT_WARN,
     .reason = "slow"},
    {.name = "WAIT passes time, and a close in it is seen later",
     PLAYED(CONNECTED(A), WAIT(3000), EXPECT(A, V311(3_1_2_24), CLOSED())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), CLOSES(A, 1, 2500)),
     .verdict = VERDICT_PASS},
    {.name = "a variable holds what came: pass",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/t", 1),
            EXPECT(A, V311(4_3_2_2), PUBLISH(.topic = "~/t", .qos = 1, .packet_identifier = ID(0))),
            SEND(A, PUBACK(.packet_identifier = ID(0)))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, "\x90\x03\x00\x65\x01"),
            BYTES(A, 2, "\x32\x09\x00\x04ns/t\x01\x07x")),
     .verdict = VERDICT_PASS,
     SENT("\x40\x02\x01\x07")},
    {.name = "a variable compares what comes later: fail",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/t", 2),
            EXPECT(A, V311(4_3_3_2), PUBLISH(.qos = 2, .packet_identifier = ID(3))),
            SEND(A, PUBREC(.packet_identifier = ID(3))), EXPECT(A, V311(2_3_1_6), PUBREL(.packet_identifier = ID(3)))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, "\x90\x03\x00\x65\x02"),
            BYTES(A, 2, "\x34\x09\x00\x04ns/t\x00\x07x"), BYTES(A, 3, "\x62\x02\x00\x08")),
     .verdict = VERDICT_FAIL,
     .broken = V311(2_3_1_6),
     .reason = "another packet_identifier"},
    {.name = "messages of others are passed over and acknowledged",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "#", 2), SEND(A, PINGREQ()), EXPECT_NEXT(A, V311(3_12_4_1), PINGRESP())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, "\x90\x03\x00\x65\x02"), BYTES(A, 3, "\x30\x04\x00\x01qx"),
            BYTES(A, 3, "\x32\x06\x00\x01q\x00\x05x"), BYTES(A, 4, "\x34\x06\x00\x01q\x00\x06x"),
            BYTES(A, 5, "\x62\x02\x00\x06"), BYTES(A, 6, PINGRESP_BYTES)),
     .verdict = VERDICT_PASS,
     SENT("\x40\x02\x00\x05\x50\x02\x00\x06\x70\x02\x00\x06")},
    {.name = "PUBREL of the scenario's own message is not passed over",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "#", 2),
            EXPECT(A, V311(4_3_3_2), PUBLISH(.qos = 2, .packet_identifier = ID(0))),
            SEND(A, PUBREC(.packet_identifier = ID(0))), EXPECT(A, V311(4_3_3_2), PUBREL(.packet_identifier = ID(0)))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, "\x90\x03\x00\x65\x02"),
            BYTES(A, 2, "\x34\x09\x00\x04ns/t\x00\x07x"), BYTES(A, 3, "\x62\x02\x00\x07")),
     .verdict = VERDICT_PASS},
    {.name = "EXPECT_ALL takes them in any order",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/#", 0),
            EXPECT_ALL(A, V311(4_3_1_1), PUBLISH(.payload = "1"), PUBLISH(.payload = "2"), PINGRESP())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), BYTES(A, 2, "\x30\x07\x00\x04ns/t2"),
            BYTES(A, 2, "\x30\x07\x00\x04ns/t1"), BYTES(A, 2, PINGRESP_BYTES)),
     .verdict = VERDICT_PASS},
    {.name = "EXPECT_ALL does not take one twice: fail",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/#", 0),
            EXPECT_ALL(A, V311(4_3_1_1), PUBLISH(.payload = "1"), PUBLISH(.payload = "2"))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), BYTES(A, 2, "\x30\x07\x00\x04ns/t1"),
            BYTES(A, 2, "\x30\x07\x00\x04ns/t1")),
     .verdict = VERDICT_FAIL,
     .broken = V311(4_3_1_1),
     .reason = "another payload"},
    {.name = "EXPECT_ALL with one missing: fail",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/#", 0),
            EXPECT_ALL(A, V311(4_3_1_1), PUBLISH(.payload = "1"), PUBLISH(.payload = "2"))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), BYTES(A, 2, "\x30\x07\x00\x04ns/t1")),
     .verdict = VERDICT_FAIL,
     .broken = V311(4_3_1_1),
     .reason = "nothing came"},
    {.name = "EXPECT passes a packet of another type by",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/#", 0), SEND(A, PINGREQ()), EXPECT(A, V311(3_12_4_1), PINGRESP()),
            EXPECT(A, V311(4_3_1_1), PUBLISH(.payload = "1"))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), BYTES(A, 2, "\x30\x07\x00\x04ns/t1"),
            BYTES(A, 3, PINGRESP_BYTES)),
     .verdict = VERDICT_PASS},
    {.name = "EXPECT_NEXT does not: fail",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/#", 0), SEND(A, PINGREQ()), EXPECT_NEXT(A, V311(3_12_4_1), PINGRESP())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), BYTES(A, 2, "\x30\x07\x00\x04ns/t1"),
            BYTES(A, 3, PINGRESP_BYTES)),
     .verdict = VERDICT_FAIL,
     .broken = V311(3_12_4_1),
     .reason = "PUBLISH came out of turn"},
    {.name = "a breach that no expectation looks at: fail by the monitor",
     PLAYED(CONNECTED(A), SEND(A, PUBLISH(.topic = "~/t", .qos = 1, .packet_identifier = 9)), SEND(A, PINGREQ()),
            EXPECT(A, V311(3_12_4_1), PINGRESP())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, "\x40\x02\x00\x08"), BYTES(A, 3, PINGRESP_BYTES)),
     .verdict = VERDICT_FAIL,
     .broken = V311(2_3_1_6)},
    {.name = "what does not decode: fail",
     PLAYED(CONNECTED(A), SEND(A, PINGREQ()), EXPECT(A, V311(3_12_4_1), PINGRESP())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, "\xD1\x00")),
     .verdict = VERDICT_FAIL,
     .broken = V311(2_2_2_2),
     .reason = "does not decode"},
    {.name = "a connection that is refused: fail that says so",
     PLAYED(CONNECTED(A)),
     .script = {.refuses = "Connection refused"},
     .verdict = VERDICT_FAIL,
     .broken = SPEC_NONE,
     .reason = "could not connect: Connection refused"},
    {.name = "a connection that is not answered: fail that says so",
     PLAYED(CONNECTED(A)),
     .script = {.mute = true},
     .verdict = VERDICT_FAIL,
     .broken = SPEC_NONE,
     .reason = "could not connect: no answer within 1 s"},
    {.name = "after DISCONNECT the target's close comes before other clients go on",
     PLAYED(CONNECTED(A), SEND(A, DISCONNECT()), CONNECTED(B)),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), CLOSES(A, 2, 100), BYTES(B, 3, CONNACK_BYTES)),
     .verdict = VERDICT_PASS},
    {.name = "after DISCONNECT the tester closes where the target does not",
     PLAYED(CONNECTED(A), SEND(A, DISCONNECT()), CONNECTED(A)),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 3, CONNACK_BYTES)),
     .verdict = VERDICT_PASS},
    {.name = "broken packets: a byte replaced from the end, cut, appended, unfinished",
     PLAYED(CONNECTED(A), SEND_BROKEN(A, BYTE, -1, 3, SUBSCRIBE(.filters = {{"~", 0}})),
            SEND_BROKEN(A, CUT, 0, 1, SUBSCRIBE(.filters = {{"~", 0}})), SEND_BROKEN(A, APPEND, 0, 2, PINGREQ()),
            SEND_BROKEN(A, UNFINISHED, 0, 1, PUBACK(.packet_identifier = 5)), EXPECT(A, V311(4_8_0_1), CLOSED())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), CLOSES(A, 5, 0)),
     .verdict = VERDICT_PASS,
     SENT("\x82\x07\x00\x01\x00\x02ns\x03\x82\x06\x00\x01\x00\x02ns\xC0\x02\x00\x00\x40\x02\x00")},
    {.name = "a packet sent byte by byte",
     PLAYED(CONNECTED(A), SEND_BROKEN(A, BYTEWISE, 0, 0, PINGREQ()), EXPECT(A, V311(3_12_4_1), PINGRESP())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 3, PINGRESP_BYTES)),
     .verdict = VERDICT_PASS},
    {.name = "several packets in one write",
     PLAYED(SEND(A, CONNECT(), PUBLISH(.topic = "~/t", .payload = "x"), DISCONNECT()), CONNECTED(B)),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), CLOSES(A, 1, 100), BYTES(B, 2, CONNACK_BYTES)),
     .verdict = VERDICT_PASS,
     SENT("nsA\x30\x07\x00\x04ns/tx\xE0\x00\x10")},
    {.name = "an identifier other than the one before: pass",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/t", 1), EXPECT(A, V311(2_3_1_4), PUBLISH(.packet_identifier = ID(0))),
            EXPECT(A, V311(2_3_1_4), PUBLISH(.packet_identifier = OTHER_THAN_ID(0)))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, "\x90\x03\x00\x65\x01"),
            BYTES(A, 2, "\x32\x09\x00\x04ns/t\x00\x07x"), BYTES(A, 2, "\x32\x09\x00\x04ns/t\x00\x08x")),
     .verdict = VERDICT_PASS},
    {.name = "an identifier other than the one before: fail",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/t", 1), EXPECT(A, V311(2_3_1_4), PUBLISH(.packet_identifier = ID(0))),
            EXPECT(A, V311(4_3_2_2), PUBLISH(.packet_identifier = OTHER_THAN_ID(0)))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, "\x90\x03\x00\x65\x01"),
            BYTES(A, 2, "\x32\x09\x00\x04ns/t\x00\x07x"), BYTES(A, 2, "\x32\x09\x00\x04ns/t\x00\x07x")),
     .verdict = VERDICT_FAIL,
     .broken = V311(4_3_2_2),
     .reason = "another packet_identifier"},
    {.name = "what may come before does not end the expectation",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/#", 0),
            EXPECT(A, V311(4_3_1_1), PUBLISH(.payload = "1", .may_come = true), PUBLISH(.payload = "2"))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), BYTES(A, 2, "\x30\x07\x00\x04ns/t1"),
            BYTES(A, 2, "\x30\x07\x00\x04ns/t1"), BYTES(A, 2, "\x30\x07\x00\x04ns/t2")),
     .verdict = VERDICT_PASS},
    {.name = "what may come before does not meet the expectation: fail",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/#", 0),
            EXPECT(A, V311(4_3_1_1), PUBLISH(.payload = "1", .may_come = true), PUBLISH(.payload = "2"))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), BYTES(A, 2, "\x30\x07\x00\x04ns/t1")),
     .verdict = VERDICT_FAIL,
     .broken = V311(4_3_1_1),
     .reason = "nothing came"},
    {.name = "silence that is allowed ends the wait: skip",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/#", 0),
            EXPECT(A, V311(4_3_1_1), PUBLISH(), SILENCE(.before = 300, .skip = "keeps silent"))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), LATER(A, 2, 400, "\x30\x07\x00\x04ns/t1")),
     .verdict = VERDICT_SKIP,
     .reason = "keeps silent"},
    {.name = "silence that is broken is not silence",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/#", 0),
            EXPECT(A, V311(4_3_1_1), PUBLISH(), SILENCE(.before = 300, .skip = "keeps silent"))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), LATER(A, 2, 200, "\x30\x07\x00\x04ns/t1")),
     .verdict = VERDICT_PASS},
    {.name = "a payload made by size comes back: pass",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/t", 0), EXPECT(A, V311(4_3_1_1), PUBLISH(.payload_size = 3))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), BYTES(A, 2, "\x30\x09\x00\x04ns/tabc")),
     .verdict = VERDICT_PASS},
    {.name = "a payload made by size that is damaged: fail",
     PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/t", 0), EXPECT(A, V311(4_3_1_1), PUBLISH(.payload_size = 3))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES), BYTES(A, 2, "\x30\x09\x00\x04ns/tabd")),
     .verdict = VERDICT_FAIL,
     .broken = V311(4_3_1_1),
     .reason = "another payload"},
    {.name = "what a scenario leaves behind is removed",
     PLAYED(CONNECTED(A, .clean_session = 0), SEND(A, PUBLISH(.topic = "~/r", .retain = 1, .payload = "x"))),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 4, CONNACK_BYTES), BYTES(A, 6, PINGRESP_BYTES),
            BYTES(A, 8, CONNACK_BYTES)),
     .verdict = VERDICT_PASS,
     SENT("\x31\x06\x00\x04ns/r\xC0\x00\xE0\x00\x10\x0F\x00\x04MQTT\x04\x02\x00\x3C\x00\x03nsA\xE0\x00"),
     .clean_up = true},
    {.name = "what cannot be removed does not change the verdict",
     PLAYED(CONNECTED(A, .clean_session = 0)),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES)),
     .verdict = VERDICT_PASS,
     .clean_up = true},
};

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

static void play_row(const struct row *row) {
    struct fake fake = {.script = &row->script, .now = 5000};
    struct player_link link = {.context = &fake, .open = fake_open, .send = fake_send, .close = fake_close};
    struct player_options options = {
        .version = row->version == MQTT_VERSION_UNKNOWN ? MQTT_3_1_1 : row->version,
        .name_space = NAME_SPACE,
        .transport = "script",
        .timeout = TIMEOUT,
        .skip_cleanup = !row->clean_up,
    };
    fake.player = player_create(&row->scenario, &options, &link);
    assert_non_null(fake.player);
    player_start(fake.player, fake.now);
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
    check_text(row, "received", result->received, row->received);
    check_transcript(row, result);
    if (row->sent != NULL && !contains(fake.sent, fake.sent_length, row->sent, row->sent_length))
        fail_msg("%s: was not sent as it should be", row->name);
    for (int i = 0; i < SCENARIO_CLIENTS; i++)
        if (fake.open[i] || fake.opening[i])
            fail_msg("%s: client %c stays connected", row->name, 'A' + i);
    player_destroy(fake.player);
}

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        play_row(&rows[i]);
}

/* What a hostile target sends is bounded. */
static void test_flood(void **state) {
    (void)state;
    const struct row row = {
        .name = "flood",
        PLAYED(CONNECTED(A), SUBSCRIBED(A, "~/t", 0), SEND(A, PINGREQ()), EXPECT(A, V311(3_12_4_1), PINGRESP())),
        SCRIPT(BYTES(A, 1, CONNACK_BYTES), BYTES(A, 2, SUBACK_BYTES)),
    };
    static uint8_t packet[1000004] = {0x30, 0xC0, 0x84, 0x3D, 0x00, 0x04, 'n', 's', '/', 't'};
    struct fake fake = {.script = &row.script};
    struct player_link link = {.context = &fake, .open = fake_open, .send = fake_send, .close = fake_close};
    struct player_options options = {MQTT_3_1_1, NAME_SPACE, "script", TIMEOUT, true};
    fake.player = player_create(&row.scenario, &options, &link);
    assert_non_null(fake.player);
    player_start(fake.player, 0);
    while (fake.sends < 3)
        take_turn(&fake);
    for (int i = 0; i < 100 && !player_finished(fake.player); i++)
        player_received(fake.player, A, (struct mqtt_bytes){packet, sizeof packet}, 0);
    assert_true(player_finished(fake.player));
    assert_int_equal(player_result(fake.player)->verdict, VERDICT_FAIL);
    assert_non_null(strstr(player_result(fake.player)->reason, "more than the tester keeps"));
    player_destroy(fake.player);
}

/* A tester that is held up knows it, and by how much. */
static void test_lateness(void **state) {
    (void)state;
    const struct row row = {
        .name = "lateness",
        PLAYED(CONNECTED(A), WAIT(100), SEND(A, PINGREQ()), EXPECT(A, V311(3_12_4_1), PINGRESP())),
        SCRIPT(BYTES(A, 1, CONNACK_BYTES)),
    };
    struct fake fake = {.script = &row.script};
    struct player_link link = {.context = &fake, .open = fake_open, .send = fake_send, .close = fake_close};
    struct player_options options = {MQTT_3_1_1, NAME_SPACE, "script", TIMEOUT, true};
    fake.player = player_create(&row.scenario, &options, &link);
    assert_non_null(fake.player);
    player_start(fake.player, 0);
    while (fake.next == 0)
        take_turn(&fake);
    assert_int_equal(player_deadline(fake.player), 100 * MILLISECOND);
    player_tick(fake.player, 99 * MILLISECOND);
    assert_int_equal(fake.sends, 1);
    assert_int_equal(player_lateness(fake.player), 0);
    player_tick(fake.player, 170 * MILLISECOND);
    assert_int_equal(fake.sends, 2);
    assert_int_equal(player_lateness(fake.player), 70 * MILLISECOND);
    player_abandon(fake.player, "enough", 180 * MILLISECOND);
    assert_true(player_finished(fake.player));
    assert_int_equal(player_result(fake.player)->verdict, VERDICT_FAIL);
    assert_string_equal(player_result(fake.player)->reason, "enough");
    player_destroy(fake.player);
}

/* A player that is thrown away in the middle leaves nothing behind; the sanitizers and valgrind look at that. */
static void test_destroyed_in_the_middle(void **state) {
    (void)state;
    for (unsigned stop = 0; stop < 8; stop++) {
        struct fake fake = {.script = &rows[0].script};
        struct player_link link = {.context = &fake, .open = fake_open, .send = fake_send, .close = fake_close};
        struct player_options options = {MQTT_3_1_1, NAME_SPACE, "script", TIMEOUT, true};
        fake.player = player_create(&rows[0].scenario, &options, &link);
        assert_non_null(fake.player);
        player_start(fake.player, 0);
        for (unsigned i = 0; i < stop && !player_finished(fake.player); i++)
            take_turn(&fake);
        player_destroy(fake.player);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_lateness),
        cmocka_unit_test(test_destroyed_in_the_middle),
    };
    return cmocka_run_group_tests_name("player", tests, NULL, NULL);
}
