/* Segments in, the client's and the server's bytes out. */
#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#include "pcaps/flow.h"
#include "pcaps/tests/event_log.h"
#include "pcaps/tests/packets.h"

enum sender { NOBODY, C, S };

struct sent {
    enum sender sender;
    unsigned flags;
    uint32_t sequence;
    uint32_t acknowledgement;
    const char *payload;
    uint32_t missing;
    unsigned seconds; /* since the capture began */
};

struct reassembly_row {
    const char *name;
    struct sent sent[12];
    const char *told;
};

#define SENT(from, what, at, received, text)                                                                           \
    { .sender = from, .flags = what, .sequence = at, .acknowledgement = received, .payload = text }
#define BARE(from, what, at, received)                                                                                 \
    { .sender = from, .flags = what, .sequence = at, .acknowledgement = received }
#define HANDSHAKE BARE(C, SYN, 100, 0), BARE(S, SYN | ACK, 500, 101), BARE(C, ACK, 101, 501)

/* clang-format off */
static const struct reassembly_row rows[] = {
    {"in order, both ways, closed by FIN",
     {HANDSHAKE, SENT(C, ACK, 101, 501, "abc"), SENT(S, ACK, 501, 104, "xy"), BARE(C, ACK | FIN, 104, 503), BARE(S,
     ACK | FIN, 503, 105), BARE(C, ACK, 105, 504)},
     "open 4000; C abc; S xy; C end; S end; closed;"},
    {"out of order: the later segment waits",
     {HANDSHAKE, SENT(C, ACK, 104, 501, "def"), SENT(C, ACK, 107, 501, "ghi"), SENT(C, ACK, 101, 501, "abc")},
     "open 4000; C abc; C def; C ghi; closed;"},
    {"retransmitted whole: handed out once",
     {HANDSHAKE, SENT(C, ACK, 101, 501, "abc"), SENT(C, ACK, 101, 501, "abc"), SENT(C, ACK, 104, 501, "d")},
     "open 4000; C abc; C d; closed;"},
    {"retransmitted while it waits: handed out once",
     {HANDSHAKE, SENT(C, ACK, 104, 501, "def"), SENT(C, ACK, 104, 501, "def"), SENT(C, ACK, 105, 501, "e"), SENT(C,
     ACK, 101, 501, "abc")},
     "open 4000; C abc; C def; closed;"},
    {"retransmitted with more behind: only the new bytes",
     {HANDSHAKE, SENT(C, ACK, 101, 501, "abc"), SENT(C, ACK, 101, 501, "abcde")},
     "open 4000; C abc; C de; closed;"},
    {"segments that wait overlap each other",
     {HANDSHAKE, SENT(C, ACK, 105, 501, "efgh"), SENT(C, ACK, 103, 501, "cdef"), SENT(C, ACK, 107, 501, "ghij"),
     SENT(C, ACK, 101, 501, "abc")},
     "open 4000; C abc; C def; C gh; C ij; closed;"},
    {"sequence numbers wrap around",
     {BARE(C, SYN, 0xFFFFFFFC, 0), BARE(S, SYN | ACK, 0xFFFFFFFF, 0xFFFFFFFD), SENT(C, ACK, 0xFFFFFFFD, 0, "abc"),
     SENT(C, ACK, 3, 0, "ghi"),
      SENT(C, ACK, 0, 0, "def"), SENT(S, ACK, 0, 6, "xy"), BARE(C, ACK | FIN, 6, 2), BARE(S, ACK | FIN, 2, 7)},
     "open 4000; C abc; C def; C ghi; S xy; C end; S end; closed;"},
    {"joined in the middle: the client is known by port",
     {SENT(S, ACK, 700, 300, "xy"), SENT(C, ACK, 300, 702, "abc"), SENT(S, ACK, 702, 303, "z")},
     "join 4000; S xy; C abc; S z; closed;"},
    {"joined in the middle: what was acknowledged before is told",
     {SENT(S, ACK, 700, 300, "x"), SENT(C, ACK, 303, 701, "def"), BARE(S, ACK, 701, 306)},
     "join 4000; S x; C gap 3; C def; closed;"},
    {"joined at the server's SYN: still from the start",
     {BARE(S, SYN | ACK, 500, 101), SENT(C, ACK, 101, 501, "abc")},
     "open 4000; C abc; closed;"},
    {"acknowledgements alone are no conversation",
     {BARE(S, ACK, 700, 300), BARE(C, ACK, 300, 700), BARE(C, ACK | FIN, 300, 700)},
     ""},
    {"the server's SYN is missing: its numbers come from the client",
     {BARE(C, SYN, 100, 0), SENT(C, ACK, 101, 501, "abc"), SENT(S, ACK, 503, 104, "z"), SENT(S, ACK, 501, 104, "xy")},
     "open 4000; C abc; S xy; S z; closed;"},
    {"lost and acknowledged: a gap before the answer",
     {HANDSHAKE, SENT(C, ACK, 101, 501, "abc"), SENT(S, ACK, 501, 109, "ok"), SENT(C, ACK, 109, 503, "def")},
     "open 4000; C abc; C gap 5; S ok; C def; closed;"},
    {"lost and partly acknowledged, later bytes wait",
     {HANDSHAKE, SENT(C, ACK, 109, 501, "def"), BARE(S, ACK, 501, 112)},
     "open 4000; C gap 8; C def; closed;"},
    {"lost at the end of the capture",
     {HANDSHAKE, SENT(C, ACK, 101, 501, "abc"), SENT(C, ACK, 106, 501, "def")},
     "open 4000; C abc; C gap 2; C def; closed;"},
    {"lost, and no acknowledgement is seen: given up after a while",
     {HANDSHAKE, SENT(C, ACK, 106, 501, "def"), {.sender = C, .flags = ACK, .sequence = 109,
     .acknowledgement = 501, .payload = "ghi", .seconds = 11}},
     "open 4000; C gap 5; C def; C ghi; closed;"},
    {"the end of a segment was not captured",
     {HANDSHAKE, {.sender = C, .flags = ACK, .sequence = 101, .acknowledgement = 501, .payload = "abc",
     .missing = 7}, SENT(C, ACK, 111, 501, "def"), BARE(S, ACK, 501, 114)},
     "open 4000; C abc; C gap 7; C def; closed;"},
    {"FIN before the bytes that precede it",
     {HANDSHAKE, BARE(C, ACK | FIN, 104, 501), SENT(C, ACK, 101, 501, "abc")},
     "open 4000; C abc; C end; closed;"},
    {"bytes are missing before FIN",
     {HANDSHAKE, SENT(C, ACK, 101, 501, "abc"), BARE(C, ACK | FIN, 110, 501), BARE(S, ACK, 501, 111)},
     "open 4000; C abc; C gap 6; C end; closed;"},
    {"FIN repeated",
     {HANDSHAKE, BARE(C, ACK | FIN, 101, 501), BARE(C, ACK | FIN, 101, 501), BARE(S, ACK | FIN, 501, 102), BARE(S,
     ACK | FIN, 501, 102)},
     "open 4000; C end; S end; closed;"},
    {"bytes behind FIN are of no connection",
     {HANDSHAKE, SENT(C, ACK | FIN, 101, 501, "ab"), SENT(C, ACK, 104, 501, "zz")},
     "open 4000; C ab; C end; closed;"},
    {"half closed: the other side goes on",
     {HANDSHAKE, BARE(C, ACK | FIN, 101, 501), SENT(S, ACK, 501, 102, "xy"), BARE(S, ACK | FIN, 503, 102)},
     "open 4000; C end; S xy; S end; closed;"},
    {"reset by the server",
     {HANDSHAKE, SENT(C, ACK, 101, 501, "abc"), BARE(S, RST | ACK, 501, 104), SENT(C, ACK, 104, 501, "zz")},
     "open 4000; C abc; S reset; closed;"},
    {"reset while bytes wait",
     {HANDSHAKE, SENT(C, ACK, 103, 501, "cd"), BARE(C, RST, 105, 0)},
     "open 4000; C gap 2; C cd; C reset; closed;"},
    {"refused: a SYN answered by RST",
     {BARE(C, SYN, 100, 0), BARE(S, RST | ACK, 0, 101)},
     "open 4000; S reset; closed;"},
    {"keep-alive probes, with and without the old byte",
     {HANDSHAKE, SENT(C, ACK, 101, 501, "abc"), BARE(C, ACK, 103, 501), SENT(C, ACK, 103, 501, "c"), BARE(S, ACK,
     501, 104), SENT(C, ACK, 104, 501, "d")},
     "open 4000; C abc; C d; closed;"},
    {"the port is used again after an orderly end",
     {HANDSHAKE, BARE(C, ACK | FIN, 101, 501), BARE(S, ACK | FIN, 501, 102), BARE(C, SYN, 9000, 0), BARE(S,
     SYN | ACK, 1, 9001), SENT(C, ACK, 9001, 2, "new")},
     "open 4000; C end; S end; closed;open 4000; C new; closed;"},
    {"the port is used again, the old end was not captured",
     {HANDSHAKE, SENT(C, ACK, 101, 501, "old"), BARE(C, SYN, 9000, 0), BARE(S, SYN | ACK, 1, 9001), SENT(C, ACK,
     9001, 2, "new")},
     "open 4000; C old; closed;open 4000; C new; closed;"},
    {"a SYN repeated is the same connection",
     {BARE(C, SYN, 100, 0), BARE(C, SYN, 100, 0), BARE(S, SYN | ACK, 500, 101), BARE(S, SYN | ACK, 500, 101),
     SENT(C, ACK, 101, 501, "abc")},
     "open 4000; C abc; closed;"},
    {"stray segments after the end open nothing",
     {HANDSHAKE, BARE(C, RST | ACK, 101, 501), SENT(S, ACK, 501, 101, "late"), BARE(S, ACK | FIN, 505, 101)},
     "open 4000; C reset; closed;"},
    {"long after the end the same ports are another connection",
     {HANDSHAKE, BARE(C, RST | ACK, 101, 501), {.sender = C, .flags = ACK, .sequence = 77, .acknowledgement = 88,
     .payload = "again", .seconds = 600}},
     "open 4000; C reset; closed;join 4000; C again; closed;"},
    {"a segment from far outside the window is passed over",
     {HANDSHAKE, SENT(C, ACK, 0x60000000, 501, "bad"), BARE(S, ACK, 501, 0x70000000), SENT(C, ACK, 101, 501, "abc")},
     "open 4000; C abc; closed;"},
    {"a reset that belongs to no connection",
     {BARE(S, RST | ACK, 1, 2)},
     ""},
};
/* clang-format on */

static void feed(struct reassembler *reassembler, const struct sent *sent, uint64_t frame) {
    bool back = sent->sender == S;
    struct tcp_fields tcp = {back ? 1883 : 4000, back ? 4000 : 1883, sent->sequence, sent->acknowledgement,
                             sent->flags,        sent->payload,      sent->missing};
    struct packet_builder builder = {.length = 0};
    append_ipv4(&builder, &tcp, back, 0);
    reassembler_packet(reassembler, DLT_RAW, (struct mqtt_bytes){builder.bytes, builder.length}, frame,
                       1 + sent->seconds * MICROSECONDS_PER_SECOND);
}

static struct reassembler *begin(struct event_log *log) {
    struct stream_hooks hooks = log_hooks(log);
    struct reassembler *reassembler = reassembler_create(&hooks);
    assert_non_null(reassembler);
    return reassembler;
}

/* In frames 1 to 3. */
static void shake_hands(struct reassembler *reassembler) {
    static const struct sent handshake[] = {HANDSHAKE};
    for (unsigned i = 0; i < 3; i++)
        feed(reassembler, &handshake[i], i + 1);
}

static void play_row(const struct reassembly_row *row, struct event_log *log) {
    struct reassembler *reassembler = begin(log);
    uint64_t frame = 0;
    for (const struct sent *sent = row->sent; sent->sender != NOBODY; sent++)
        feed(reassembler, sent, ++frame);
    reassembler_destroy(reassembler, frame, 0);
}

static void test_row(void **state) {
    const struct reassembly_row *row = *state;
    struct event_log log = {.length = 0};
    play_row(row, &log);
    if (strcmp(log.text, row->told) != 0)
        fail_msg("%s:\n  expected %s\n  received %s", row->name, row->told, log.text);
    assert_int_equal(log.opened, log.closed);
}

/* Whatever the order of arrival, the bytes come in order: all orders of four segments. */
static void test_every_order(void **state) {
    (void)state;
    static const char *const pieces[] = {"ab", "cd", "ef", "gh"};
    for (unsigned order = 0; order < 256; order++) {
        unsigned at[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3};
        struct reassembly_row row = {.sent = {HANDSHAKE}};
        bool sent[4] = {false};
        for (unsigned i = 0; i < 4; i++) {
            row.sent[3 + i] = (struct sent){C, ACK, 101 + 2 * at[i], 501, pieces[at[i]], 0, 0};
            sent[at[i]] = true;
        }
        if (!sent[0] || !sent[1] || !sent[2] || !sent[3])
            continue;
        struct event_log log = {.length = 0};
        play_row(&row, &log);
        if (strcmp(log.text, "open 4000; C ab; C cd; C ef; C gh; closed;") != 0)
            fail_msg("order %u%u%u%u: %s", at[0], at[1], at[2], at[3], log.text);
    }
}

/* A hole that nothing fills does not let memory grow: it is given up once enough waits behind it. */
static void test_waiting_is_bounded(void **state) {
    (void)state;
    struct event_log log = {.length = 0};
    struct reassembler *reassembler = begin(&log);
    shake_hands(reassembler);
    for (unsigned i = 0; i < FLOW_MAXIMUM_PIECES; i++)
        feed(reassembler, &(struct sent){C, ACK, 111 + 2 * i, 501, "ab", 0, 0}, 4 + i);
    assert_int_equal(log.bytes[MQTT_CLIENT], 0);
    feed(reassembler, &(struct sent){C, ACK, 111 + 2 * FLOW_MAXIMUM_PIECES, 501, "ab", 0, 0}, 5000);
    assert_int_equal(log.bytes[MQTT_CLIENT], 2 * (FLOW_MAXIMUM_PIECES + 1));
    assert_non_null(strstr(log.text, "C gap 10; C ab;"));
    reassembler_destroy(reassembler, 5000, 0);
}

/* A segment repeated while it waits takes its place once: the hole in front of it is still waited for. */
static void test_repeats_do_not_use_up_patience(void **state) {
    (void)state;
    struct event_log log = {.length = 0};
    struct reassembler *reassembler = begin(&log);
    shake_hands(reassembler);
    for (unsigned i = 0; i < 2 * FLOW_MAXIMUM_PIECES; i++)
        feed(reassembler, &(struct sent){C, ACK, 104, 501, "def", 0, 0}, 4 + i);
    feed(reassembler, &(struct sent){C, ACK, 101, 501, "abc", 0, 0}, 5000);
    assert_string_equal(log.text, "open 4000; C abc; C def;");
    reassembler_destroy(reassembler, 5000, 0);
}

/* Of a live capture: what is missing is given up though no further segment comes. */
static void test_silence_ends_patience(void **state) {
    (void)state;
    struct event_log log = {.length = 0};
    struct reassembler *reassembler = begin(&log);
    shake_hands(reassembler);
    feed(reassembler, &(struct sent){C, ACK, 104, 501, "def", 0, 0}, 4);
    reassembler_tick(reassembler, FLOW_MAXIMUM_WAIT - 1);
    assert_string_equal(log.text, "open 4000;");
    reassembler_tick(reassembler, FLOW_MAXIMUM_WAIT + 2 * MICROSECONDS_PER_SECOND);
    assert_string_equal(log.text, "open 4000; C gap 3; C def;");
    reassembler_tick(reassembler, 0); /* time never goes back */
    feed(reassembler, &(struct sent){C, ACK, 107, 501, "g", 0, 0}, 5);
    assert_int_equal(log.time, FLOW_MAXIMUM_WAIT + 2 * MICROSECONDS_PER_SECOND);
    reassembler_destroy(reassembler, 5, 0);
}

static void test_time_never_goes_back(void **state) {
    (void)state;
    struct event_log log = {.length = 0};
    struct reassembler *reassembler = begin(&log);
    feed(reassembler, &(struct sent){C, SYN, 100, 0, NULL, 0, 50}, 1);
    feed(reassembler, &(struct sent){C, ACK, 101, 501, "abc", 0, 20}, 2);
    assert_int_equal(log.frame, 2);
    assert_int_equal(log.time, 1 + 50 * MICROSECONDS_PER_SECOND);
    reassembler_destroy(reassembler, 2, 0);
}

/* More connections than are kept in mind: the oldest are closed, each exactly once. */
static void test_connections_are_bounded(void **state) {
    (void)state;
    struct event_log log = {.length = 0};
    struct reassembler *reassembler = begin(&log);
    enum { CONNECTIONS = 70000 };
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct tcp_fields tcp = {(uint16_t)(i % 60000 + 1), (uint16_t)(1883 + i / 60000), 1, 0, SYN, NULL, 0};
        struct packet_builder builder = {.length = 0};
        append_ipv4(&builder, &tcp, false, 0);
        reassembler_packet(reassembler, DLT_RAW, (struct mqtt_bytes){builder.bytes, builder.length}, i + 1, i);
    }
    assert_int_equal(log.opened, CONNECTIONS);
    assert_true(log.closed > 0);
    reassembler_destroy(reassembler, CONNECTIONS, CONNECTIONS);
    assert_int_equal(log.closed, CONNECTIONS);
}

int main(void) {
    enum { ROWS = sizeof rows / sizeof rows[0] };
    struct CMUnitTest tests[ROWS + 6];
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, (void *)&rows[i]};
    tests[ROWS] = (struct CMUnitTest)cmocka_unit_test(test_every_order);
    tests[ROWS + 1] = (struct CMUnitTest)cmocka_unit_test(test_waiting_is_bounded);
    tests[ROWS + 2] = (struct CMUnitTest)cmocka_unit_test(test_time_never_goes_back);
    tests[ROWS + 3] = (struct CMUnitTest)cmocka_unit_test(test_connections_are_bounded);
    tests[ROWS + 4] = (struct CMUnitTest)cmocka_unit_test(test_repeats_do_not_use_up_patience);
    tests[ROWS + 5] = (struct CMUnitTest)cmocka_unit_test(test_silence_ends_patience);
    return cmocka_run_group_tests_name("pcaps: reassembly", tests, NULL, NULL);
}
