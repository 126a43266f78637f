/* MQTT out of WebSocket: handshakes, frames in any cut, gaps, and what is no WebSocket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#include "pcaps/tests/event_log.h"
#include "pcaps/websocket_frame.h"
#include "pcaps/websocket_stream.h"
#include "reference/websocket.h"

/* ---- Rows -------------------------------------------------------------------------------------------------- */

#define REQUEST                                                                                                        \
    "GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"      \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
#define SWITCHES "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
#define ANSWER   SWITCHES "Sec-WebSocket-Protocol: mqtt\r\n\r\n"

enum { ENDS, CLIENT_SAYS, SERVER_SAYS, CLIENT_LOSES, SERVER_LOSES, CLIENT_LEAVES, SERVER_LEAVES, CLIENT_RESETS };

struct spoken {
    int kind;
    const char *bytes;
    uint32_t length;
};

#define CLIENT(text)                                                                                                   \
    { CLIENT_SAYS, text, sizeof(text) - 1 }
#define SERVER(text)                                                                                                   \
    { SERVER_SAYS, text, sizeof(text) - 1 }
#define CLIENT_LOST(length)                                                                                            \
    { CLIENT_LOSES, NULL, length }
#define SERVER_LOST(length)                                                                                            \
    { SERVER_LOSES, NULL, length }
#define EVENT(kind)                                                                                                    \
    { kind, NULL, 0 }
#define HANDSHAKE  CLIENT(REQUEST), SERVER(ANSWER)
#define PLAIN_MASK "\0\0\0\0"

struct row {
    const char *name;
    struct spoken spoken[10];
    const char *told; /* behind "open 4000;" and before " closed;" */
};

/* clang-format off */
static const struct row rows[] = {
    {"frames of both sides", {HANDSHAKE, CLIENT("\x82\x83" PLAIN_MASK "abc"), SERVER("\x82\3xyz")}, " C abc; S xyz;"},
    {"a mask", {HANDSHAKE, CLIENT("\x82\x85\1\2\3\4" "````d")}, " C abcde;"},
    {"a mask from the server, none from the client", {HANDSHAKE, CLIENT("\x82\3abc"), SERVER("\x82\x81\1\0\0\0y")},
        " C abc; S x;"},
    {"frames in one segment with the handshake", {CLIENT(REQUEST "\x82\1a"), SERVER(ANSWER "\x82\1x")},
        " C a; S x;"},
    {"a frame before the answer was seen", {CLIENT(REQUEST), CLIENT("\x82\1a"), SERVER(ANSWER)}, " C a;"},
    {"header fields in any case and order, lines that end in LF", {
        CLIENT("GET / HTTP/1.1\nuPGRADE:WebSocket\nsec-websocket-protocol:\tfoo\n\n"),
        SERVER("HTTP/1.1 101 yes\nUPGRADE: websocket\n\n"), CLIENT("\x82\1a")}, " C a;"},
    {"no subprotocol", {CLIENT("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"), SERVER(SWITCHES "\r\n"),
        CLIENT("\x82\1a")}, " C a;"},
    {"several frames in a segment", {HANDSHAKE, CLIENT("\x82\1a\x82\2bc\x82\0\x82\1" "d")}, " C a; C bc; C d;"},
    {"fragments, and control frames between them",
        {HANDSHAKE, CLIENT("\x02\1a\x89\2pp\x00\1b\x8a\0\x80\1c")}, " C a; C b; C c;"},
    {"text frames", {HANDSHAKE, CLIENT("\x81\1a\x01\1b\x80\1c")}, " C a; C b; C c;"},
    {"a length in two bytes", {HANDSHAKE, CLIENT("\x82\x7e\0\3abc")}, " C abc;"},
    {"a length in eight bytes", {HANDSHAKE, CLIENT("\x82\x7f\0\0\0\0\0\0\0\3abc")}, " C abc;"},
    {"a header in pieces", {HANDSHAKE, CLIENT("\x82"), CLIENT("\x83\1\2"), CLIENT("\3"), CLIENT("\4`"), CLIENT("``")},
        " C a; C bc;"},
    {"a close frame ends its side once", {HANDSHAKE, CLIENT("\x82\1a\x88\2\3\xe8" "behind"), EVENT(CLIENT_LEAVES),
        SERVER("\x82\1x"), EVENT(SERVER_LEAVES)}, " C a; C end; S x; S end;"},
    {"a reset behind a close frame", {HANDSHAKE, CLIENT("\x88\0"), EVENT(CLIENT_RESETS)}, " C end; C reset;"},
    {"the end without a close frame", {HANDSHAKE, EVENT(CLIENT_LEAVES)}, " C end;"},
    {"a gap in a payload keeps the place", {HANDSHAKE, CLIENT("\x82\x88\1\2\3\4``"), CLIENT_LOST(3), CLIENT("ggi"),
        CLIENT("\x82\1z")}, " C ab; C gap 3; C edm; C z;"},
    {"a gap up to the end of a payload", {HANDSHAKE, CLIENT("\x82\3a"), CLIENT_LOST(2), CLIENT("\x82\1z")},
        " C a; C gap 2; C z;"},
    {"a gap in a ping", {HANDSHAKE, CLIENT("\x89\3a"), CLIENT_LOST(1), CLIENT("a\x82\1z")}, " C z;"},
    {"a gap over a header: the next frame that holds a packet",
        {HANDSHAKE, SERVER("\x82\3a"), SERVER_LOST(9), SERVER("rest"), SERVER("\x82\2\xd0\0"), SERVER("\x82\1x")},
        " S a; S gap 9; S gap 4; S \xd0; S x;"},
    {"a gap: a frame inside of a segment", {HANDSHAKE, SERVER_LOST(9), SERVER("re\x82st\x82\2\xd0\0\x82\2\xd0\0")},
        " S gap 9; S gap 5; S \xd0; S \xd0;"},
    {"a gap: what is no packet inside is no frame", {HANDSHAKE, SERVER_LOST(9), SERVER("\x82\2ab"),
        SERVER("\x82\3\xd0"), SERVER("\x82\3\xd0\0a"), CLIENT("\x82\1c")}, " S gap 9; S gap 4; S gap 3; S gap 5; C c;"},
    {"a gap: a server's frame has no mask, a client's has one",
        {HANDSHAKE, SERVER_LOST(9), SERVER("\x82\x82" PLAIN_MASK "\xd0\0"), CLIENT_LOST(9), CLIENT("\x82\2\xc0\0"),
        CLIENT("\x82\x82\1\1\1\1\xc1\1")}, " S gap 9; S gap 8; C gap 9; C gap 4; C \xc0;"},
    {"a gap of unknown length", {HANDSHAKE, CLIENT("\x82\4a"), CLIENT_LOST(0), CLIENT("bcd")},
        " C a; C gap 0; C gap 3;"},
    {"a gap behind a close frame", {HANDSHAKE, CLIENT("\x88\0"), CLIENT_LOST(3)}, " C end;"},
    {"the answer is missing", {CLIENT(REQUEST), SERVER_LOST(120), CLIENT("\x82\1a"), SERVER("\x82\2\xd0\0")},
        " S gap 120; C a; S \xd0;"},
    {"the end of the answer is missing",
        {CLIENT(REQUEST), SERVER("HTTP/1.1 101 "), SERVER_LOST(120), CLIENT("\x82\1a")},
        " S gap 120; C a;"},
    {"the request is missing", {CLIENT_LOST(200), SERVER("HTTP/1.1 101"), CLIENT("\x82\1a")},
        " C gap 200; S HTTP/1.1 101; C \x82\1a;"},
    {"a part of the request is missing", {CLIENT("GET /"), CLIENT_LOST(200), SERVER("HTTP/")},
        " C GET /; C gap 200; S HTTP/;"},
    {"a reserved opcode", {HANDSHAKE, CLIENT("\x82\1a\x83\1b"), CLIENT("\x82\x82" PLAIN_MASK "\xc0\0")},
        " C a; C gap 0; C gap 3; C \xc0;"},
    {"a reserved bit", {HANDSHAKE, CLIENT("\x92\1a")}, " C gap 0; C gap 3;"},
    {"a control frame in fragments", {HANDSHAKE, CLIENT("\x09\1a")}, " C gap 0; C gap 3;"},
    {"a control frame that is too long", {HANDSHAKE, CLIENT("\x89\x7e\0\1a")}, " C gap 0; C gap 5;"},
    {"a length of 64 bits", {HANDSHAKE, CLIENT("\x82\x7f\x80\0\0\0\0\0\0\1a")}, " C gap 0; C gap 11;"},
    {"a compressed frame that nobody agreed to", {HANDSHAKE, CLIENT("\xc2\1a")}, " C gap 0; C gap 3;"},
    {"compressed messages are gaps, others are not", {CLIENT(REQUEST),
        SERVER(SWITCHES "Sec-WebSocket-Extensions: foo, Permessage-Deflate ; x=1\r\n\r\n"),
        CLIENT("\x42\2ab\x80\3abc\x82\1z")}, " C gap 2; C gap 3; C z;"},
    {"refused", {CLIENT(REQUEST), SERVER("HTTP/1.1 400 no\r\n\r\n")}, " C " REQUEST "; S HTTP/1.1 400 no\r\n\r\n;"},
    {"status 101 for another protocol", {CLIENT(REQUEST), SERVER("HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n")},
        " C " REQUEST "; S HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n;"},
    {"a request that does not ask for it", {CLIENT("GET / HTTP/1.1\r\nA: b\r\n\r"), CLIENT("\nc"), CLIENT("d")},
        " C GET / HTTP/1.1\r\nA: b\r\n\r\nc; C d;"},
    {"another method", {CLIENT("POST / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"), SERVER("a")},
        " C POST / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n; S a;"},
    {"a request that is none", {CLIENT("G"), CLIENT("O")}, " C GO;"},
    {"MQTT", {CLIENT("\x10\x0d"), SERVER("\x20\2")}, " C \x10\x0d; S \x20\2;"},
    {"the server speaks first", {SERVER("220"), CLIENT(REQUEST)}, " S 220; C " REQUEST ";"},
    {"the server interrupts the request", {CLIENT("GET "), SERVER("220"), CLIENT("/")}, " C GET ; S 220; C /;"},
    {"the client leaves before the answer", {CLIENT(REQUEST), EVENT(CLIENT_LEAVES)}, " C " REQUEST "; C end;"},
    {"nothing behind the request", {CLIENT(REQUEST)}, " C " REQUEST ";"},
    {"nothing at all", {EVENT(ENDS)}, ""},
};
/* clang-format on */

static void *open_connection(const struct stream_hooks *hooks) {
    const struct stream_address client = {"10.0.0.1:4000", 4000};
    const struct stream_address server = {"10.0.0.2:80", 80};
    return hooks->opened(hooks->context, &client, &server, true, 1, 1);
}

static void say(const struct stream_hooks *hooks, void *owner, const struct spoken *spoken, uint64_t frame) {
    enum mqtt_side side = spoken->kind == SERVER_SAYS || spoken->kind == SERVER_LOSES || spoken->kind == SERVER_LEAVES
                              ? MQTT_SERVER
                              : MQTT_CLIENT;
    struct mqtt_bytes bytes = {(const uint8_t *)spoken->bytes, spoken->length};
    if (spoken->kind == CLIENT_SAYS || spoken->kind == SERVER_SAYS)
        hooks->bytes(hooks->context, owner, side, bytes, frame, frame);
    else if (spoken->kind == CLIENT_LOSES || spoken->kind == SERVER_LOSES)
        hooks->gap(hooks->context, owner, side, spoken->length, frame, frame);
    else
        hooks->ended(hooks->context, owner, side, spoken->kind == CLIENT_RESETS, frame, frame);
}

static struct websocket_filter filter;

static void test_row(void **state) {
    const struct row *row = *state;
    struct event_log log = {.length = 0};
    struct stream_hooks wanted = log_hooks(&log);
    struct stream_hooks hooks = websocket_begin(&filter, &wanted, NULL);
    void *owner = open_connection(&hooks);
    uint64_t frame = 2;
    for (const struct spoken *spoken = row->spoken; spoken->kind != ENDS; spoken++)
        say(&hooks, owner, spoken, frame++);
    hooks.closed(hooks.context, owner, frame, frame);
    char told[4096];
    snprintf(told, sizeof told, "open 4000;%s closed;", row->told);
    if (strcmp(log.text, told) != 0)
        fail_msg("%s:\n  expected %s\n  received %s", row->name, told, log.text);
    assert_int_equal(filter.kept, 0);
}

/* ---- What the reference's WebSocket makes ------------------------------------------------------------------- */

enum { LARGEST = 400000 };

/* What one side sends and receives, as it goes over the wire and inside. */
struct talk {
    uint8_t wire[2][LARGEST];
    uint32_t wire_length[2];
    uint8_t mqtt[2][LARGEST];
    uint32_t mqtt_length[2];
};

static uint64_t next_random(void *context) {
    uint64_t *random = context;
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *random ^ *random >> 29;
}

static void pass_output(struct talk *talk, enum mqtt_side side, struct websocket *from, struct websocket *to) {
    static uint8_t mqtt[LARGEST];
    struct mqtt_bytes output = websocket_output(from);
    if (output.length == 0)
        return;
    assert_true(output.length <= LARGEST - talk->wire_length[side]);
    memcpy(talk->wire[side] + talk->wire_length[side], output.data, output.length);
    talk->wire_length[side] += output.length;
    size_t count = websocket_receive(to, output, mqtt);
    memcpy(talk->mqtt[side] + talk->mqtt_length[side], mqtt, count);
    talk->mqtt_length[side] += (uint32_t)count;
    websocket_sent(from, output.length);
}

static const uint8_t publish[] = "\x30\x09\0\1tpayload\xc0\0";

/* The handshake, then packets of both sides; then, where `large` is not 0, a payload of so many bytes. */
static void talk_with(struct talk *talk, enum websocket_framing framing, uint32_t large) {
    static uint8_t many[LARGEST];
    static struct spec_rules rules;
    uint64_t random = 7;
    memset(talk, 0, sizeof *talk);
    struct websocket_settings settings = {.side = MQTT_CLIENT,
                                          .host = "h",
                                          .path = "/",
                                          .rules = &rules,
                                          .random = next_random,
                                          .random_context = &random};
    struct websocket *ends[2];
    for (settings.side = MQTT_CLIENT; settings.side <= MQTT_SERVER; settings.side++)
        assert_non_null(ends[settings.side] = websocket_create(&settings));
    pass_output(talk, MQTT_CLIENT, ends[0], ends[1]);
    pass_output(talk, MQTT_SERVER, ends[1], ends[0]);
    for (uint32_t i = 0; i < large; i++)
        many[i] = (uint8_t)(i * 31 + i / 251);
    for (unsigned turn = 0; turn < 2; turn++) {
        for (unsigned side = 0; side < 2; side++) {
            struct mqtt_bytes views[2] = {{publish, sizeof publish - 1}, {many, large}};
            assert_true(websocket_send(ends[side], views, large > 0 ? 2 : 1, framing));
            pass_output(talk, (enum mqtt_side)side, ends[side], ends[1 - side]);
            pass_output(talk, (enum mqtt_side)(1 - side), ends[1 - side], ends[side]); /* pongs */
        }
    }
    for (unsigned side = 0; side < 2; side++)
        websocket_destroy(ends[side]);
}

/* What comes out, by side: runs of bytes, with gaps between them. */
struct collected {
    uint8_t bytes[2][LARGEST];
    uint32_t length[2];
    uint32_t last_gap[2]; /* where the last one is */
    unsigned gaps[2];
    unsigned closed;
    bool overflows;
};

static void *collect_opened(void *context, const struct stream_address *client, const struct stream_address *server,
                            bool from_start, uint64_t frame, microseconds time) {
    (void)client;
    (void)server;
    (void)from_start;
    (void)frame;
    (void)time;
    return context;
}

static void collect_bytes(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                          microseconds time) {
    struct collected *collected = context;
    (void)owner;
    (void)frame;
    (void)time;
    if (bytes.length > LARGEST - collected->length[side]) {
        collected->overflows = true;
        return;
    }
    memcpy(collected->bytes[side] + collected->length[side], bytes.data, bytes.length);
    collected->length[side] += bytes.length;
}

static void collect_gap(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                        microseconds time) {
    struct collected *collected = context;
    (void)owner;
    (void)frame;
    (void)time;
    (void)length;
    collected->gaps[side]++;
    collected->last_gap[side] = collected->length[side];
}

static void collect_closed(void *context, void *owner, uint64_t frame, microseconds time) {
    struct collected *collected = context;
    (void)owner;
    (void)frame;
    (void)time;
    collected->closed++;
}

static struct talk talk;
static struct collected collected;

static struct stream_hooks collect(void) {
    memset(&collected, 0, sizeof collected);
    const struct stream_hooks wanted = {.context = &collected,
                                        .opened = collect_opened,
                                        .bytes = collect_bytes,
                                        .gap = collect_gap,
                                        .closed = collect_closed};
    return websocket_begin(&filter, &wanted, NULL);
}

/* Hands in bytes of a side, in segments of at most `size`, each in a block of its own size. */
static void hand_in(const struct stream_hooks *hooks, void *owner, enum mqtt_side side, uint32_t from, uint32_t to,
                    uint32_t size) {
    while (from < to) {
        uint32_t length = to - from < size ? to - from : size;
        uint8_t *segment = malloc(length);
        assert_non_null(segment);
        memcpy(segment, talk.wire[side] + from, length);
        hooks->bytes(hooks->context, owner, side, (struct mqtt_bytes){segment, length}, 2, 2);
        free(segment);
        from += length;
    }
}

static uint32_t request_length(enum mqtt_side side) {
    return (uint32_t)((const uint8_t *)strstr((const char *)talk.wire[side], "\r\n\r\n") - talk.wire[side]) + 4;
}

static void check_all_came(const char *what, unsigned at) {
    for (unsigned side = 0; side < 2; side++)
        if (collected.gaps[side] != 0 || collected.length[side] != talk.mqtt_length[side] ||
            memcmp(collected.bytes[side], talk.mqtt[side], talk.mqtt_length[side]) != 0)
            fail_msg("%s %u: of side %u come %u bytes of %u, with %u gaps", what, at, side, collected.length[side],
                     talk.mqtt_length[side], collected.gaps[side]);
    assert_int_equal(collected.closed, 1);
}

/* The handshake's two messages, then all of the client and all of the server. */
static void replay(uint32_t size, uint32_t cut) {
    struct stream_hooks hooks = collect();
    void *owner = open_connection(&hooks);
    uint32_t request = request_length(MQTT_CLIENT);
    hand_in(&hooks, owner, MQTT_CLIENT, 0, request, size);
    for (enum mqtt_side side = MQTT_SERVER;; side = MQTT_CLIENT) {
        uint32_t start = side == MQTT_SERVER ? 0 : request;
        uint32_t middle = cut > start && cut < talk.wire_length[side] ? cut : start;
        hand_in(&hooks, owner, side, start, middle, size);
        hand_in(&hooks, owner, side, middle, talk.wire_length[side], size);
        if (side == MQTT_CLIENT)
            break;
    }
    hooks.closed(hooks.context, owner, 3, 3);
}

static void test_cut_anywhere(void **state) {
    (void)state;
    for (enum websocket_framing framing = FRAMED_TOGETHER; framing <= FRAMED_FRAGMENTED; framing++) {
        talk_with(&talk, framing, 0);
        assert_int_equal(talk.mqtt_length[MQTT_CLIENT], 2 * (sizeof publish - 1));
        for (uint32_t cut = 0; cut < talk.wire_length[MQTT_CLIENT]; cut++) {
            replay(LARGEST, cut);
            check_all_came("cut at", cut);
        }
        for (uint32_t size = 1; size < 32; size++) {
            replay(size, 0);
            check_all_came("in segments of", size);
        }
    }
}

/* Lengths in one, two and eight bytes, and payloads larger than the buffer in which masks are taken off. */
static void test_any_size(void **state) {
    static const uint32_t sizes[] = {1, 111, 112, 113, 65521, 65522, 65523, 65537, 140001};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        talk_with(&talk, FRAMED_TOGETHER, sizes[i]);
        replay(LARGEST, 0);
        check_all_came("a payload and one more of", sizes[i]);
        replay(1459, 0);
        check_all_came("in segments, a payload and one more of", sizes[i]);
    }
}

static void test_any_byte_changed(void **state) {
    static const uint8_t changes[] = {0x01, 0x80, 0xFF};
    (void)state;
    talk_with(&talk, FRAMED_FRAGMENTED, 0);
    for (unsigned side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < talk.wire_length[side] * sizeof changes; i++) {
            talk.wire[side][i / sizeof changes] ^= changes[i % sizeof changes];
            struct stream_hooks hooks = collect();
            void *owner = open_connection(&hooks);
            hand_in(&hooks, owner, MQTT_CLIENT, 0, 150, LARGEST);
            hand_in(&hooks, owner, MQTT_SERVER, 0, talk.wire_length[MQTT_SERVER], 13);
            hand_in(&hooks, owner, MQTT_CLIENT, 150, talk.wire_length[MQTT_CLIENT], 13);
            hooks.closed(hooks.context, owner, 3, 3);
            talk.wire[side][i / sizeof changes] ^= changes[i % sizeof changes];
            if (collected.overflows || collected.closed != 1 || filter.kept != 0)
                fail_msg("byte %u of side %u changed", i / (unsigned)sizeof changes, side);
        }
    }
}

/* Without any bytes of the frames: what comes is the start of the MQTT up to the gap, and the end of it behind one. */
static void check_ends(enum mqtt_side side, uint32_t at, uint32_t length) {
    uint32_t before = collected.last_gap[side];
    uint32_t behind = collected.length[side] - before;
    if (collected.gaps[side] == 0)
        fail_msg("%u bytes missing at %u: no gap", length, at);
    if (collected.length[side] >= talk.mqtt_length[side] ||
        memcmp(collected.bytes[side] + before, talk.mqtt[side] + talk.mqtt_length[side] - behind, behind) != 0)
        fail_msg("%u bytes missing at %u: what comes behind is not what was sent", length, at);
}

static void test_a_gap_anywhere(void **state) {
    (void)state;
    talk_with(&talk, FRAMED_TOGETHER, 0);
    for (enum mqtt_side side = MQTT_CLIENT; side <= MQTT_SERVER; side++) {
        uint32_t start = request_length(side);
        for (uint32_t at = start; at < talk.wire_length[side]; at++) {
            for (uint32_t length = 1; length <= talk.wire_length[side] - at; length++) {
                struct stream_hooks hooks = collect();
                void *owner = open_connection(&hooks);
                hand_in(&hooks, owner, MQTT_CLIENT, 0, request_length(MQTT_CLIENT), LARGEST);
                hand_in(&hooks, owner, MQTT_SERVER, 0, request_length(MQTT_SERVER), LARGEST);
                hand_in(&hooks, owner, side, start, at, LARGEST);
                hooks.gap(hooks.context, owner, side, length, 2, 2);
                hand_in(&hooks, owner, side, at + length, talk.wire_length[side], LARGEST);
                hooks.closed(hooks.context, owner, 3, 3);
                check_ends(side, at, length);
            }
        }
    }
}

/* Requests that never end are kept up to a bound, and pass then. */
static void test_kept_bytes_are_bounded(void **state) {
    (void)state;
    enum { CONNECTIONS = 1000 };
    static uint8_t request[8000] = "GET ";
    static void *owners[CONNECTIONS];
    struct stream_hooks hooks = collect();
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        owners[i] = open_connection(&hooks);
        hooks.bytes(hooks.context, owners[i], MQTT_CLIENT, (struct mqtt_bytes){request, sizeof request}, 2, 2);
        assert_true(filter.kept <= WEBSOCKET_MOST_KEPT);
    }
    assert_true(filter.kept > WEBSOCKET_MOST_KEPT - sizeof request);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        hooks.closed(hooks.context, owners[i], 3, 3);
    assert_int_equal(filter.kept, 0);
    assert_int_equal(collected.closed, CONNECTIONS);
}

static void test_a_longer_request_passes(void **state) {
    (void)state;
    static uint8_t request[20000] = "GET ";
    struct stream_hooks hooks = collect();
    void *owner = open_connection(&hooks);
    hooks.bytes(hooks.context, owner, MQTT_CLIENT, (struct mqtt_bytes){request, sizeof request}, 2, 2);
    hooks.closed(hooks.context, owner, 3, 3);
    assert_int_equal(collected.length[MQTT_CLIENT], sizeof request);
    assert_memory_equal(collected.bytes[MQTT_CLIENT], request, sizeof request);
}

int main(void) {
    enum { ROWS = sizeof rows / sizeof rows[0] };
    struct CMUnitTest row_tests[ROWS];
    for (size_t i = 0; i < ROWS; i++)
        row_tests[i] = (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, (void *)&rows[i]};
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),           cmocka_unit_test(test_any_size),
        cmocka_unit_test(test_any_byte_changed),       cmocka_unit_test(test_a_gap_anywhere),
        cmocka_unit_test(test_kept_bytes_are_bounded), cmocka_unit_test(test_a_longer_request_passes),
    };
    int failed = cmocka_run_group_tests_name("pcaps: WebSocket", tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("pcaps: WebSocket rows", row_tests, NULL, NULL);
}
