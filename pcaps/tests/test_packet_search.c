/* Packets found again behind gaps of any kind, and never in what is no MQTT or is a payload. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "pcaps/conversation.h"

enum { STREAM = 600000, MOST_PACKETS = 20000, SECONDS = 120 };

static uint32_t draw(uint64_t *random, uint32_t below) {
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*random >> 33) % below);
}

/* ---- Bytes of many kinds ------------------------------------------------------------------------------------ */

typedef void filler(uint8_t *bytes, uint32_t length, uint64_t *random);

static void fill_random(uint8_t *bytes, uint32_t length, uint64_t *random) {
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)draw(random, 256);
}

static void repeat(uint8_t *bytes, uint32_t length, const char *pattern, uint32_t pattern_length) {
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)pattern[i % pattern_length];
}

#define REPEATS(name, text)                                                                                            \
    static void name(uint8_t *bytes, uint32_t length, uint64_t *random) {                                              \
        (void)random;                                                                                                  \
        repeat(bytes, length, text, sizeof(text) - 1);                                                                 \
    }

REPEATS(fill_zeros, "\0")
REPEATS(fill_ones, "\xff")
REPEATS(fill_pings, "\xc0\0")
REPEATS(fill_zero_pings, "\0\xc0")
REPEATS(fill_acknowledgements, "\x40\2\0\1")
REPEATS(fill_http, "GET /30/index.html HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n0123456789")
REPEATS(fill_json, "{\"0\": 1.5, \"b\": [48, 49, 50], \"p\": \"@P`p\", \"temperature\": 21.25}\n")
REPEATS(fill_redis, "*3\r\n$3\r\nSET\r\n$10\r\n0123456789\r\n$3\r\nabc\r\n+OK\r\n:1000\r\n")
REPEATS(fill_ssh, "SSH-2.0-OpenSSH_9.2\r\n\0\0\4\x5c\x0a\x14\x30\2\0\x82 curve25519-sha256,ecdh-sha2-nistp256\0\0\0\0")
REPEATS(fill_tls, "\x16\3\1\2\0\1\0\1\xfc\3\3\x30\x82\2\x0a\x30\x82\1\x73\xa0\3\2\1\2\2\x14\x17\3\3\0\x30")
REPEATS(fill_ldap, "\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0\x30\x82\5\0\2\2\1\1\x64\x82")
REPEATS(fill_text, "Die K\xc3\xbchlung l\xc3\xa4uft. 0\xc3\xa9 2\xc2\xb0 \xe2\x82\xac 30\n\n\t0\x0a\x09")
REPEATS(fill_smtp, "220 mail.example.org ESMTP\r\n250 2.1.0 Ok\r\n354 End data\r\n")
REPEATS(fill_postgres, "Q\0\0\0\x0dSELECT 1;\0T\0\0\0\x21\0\1?column?\0\0\0\0\0\0\0\0\0\0\x17\0\4\xff\xff\xff\xff\0\0")
REPEATS(fill_mysql, "\x4a\0\0\0\x0a"
                    "8.0.30\0\x30\0\0\0abcdefgh\0\xff\xf7\xff\2\0\xff\xc1\x15\0\0\0\7\0\0\2\0\0\0")

/* Numbers of 16 and 32 bits that count up, as in samples and tables. */
static void fill_counters(uint8_t *bytes, uint32_t length, uint64_t *random) {
    uint32_t value = draw(random, 65536);
    for (uint32_t i = 0; i < length; i++) {
        uint32_t number = value + i / 4;
        bytes[i] = (uint8_t)(i / 16384 % 2 == 0 ? number >> 8 * (i % 4) : number >> 8 * (3 - i % 4));
    }
}

/* Samples near zero, and near 0x00C0, whose bytes are those of PINGREQ. */
static void fill_samples(uint8_t *bytes, uint32_t length, uint64_t *random) {
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = i % 2 == 0 ? (uint8_t)(0xBE + draw(random, 5)) : 0;
}

/* A packet of its own. */
static void fill_nested(uint8_t *bytes, uint32_t length, uint64_t *random) {
    static const uint8_t inner[] = "\x30\x0d\0\6in/sidxyzzy";
    fill_random(bytes, length, random);
    if (length >= sizeof inner - 1)
        memcpy(bytes, inner, sizeof inner - 1);
}

/* Segments below a size are left out where such segments are packets, byte for byte: pings, or acknowledgements of
 * message after message. */
static const struct kind {
    const char *name;
    filler *fill;
    uint32_t smallest; /* segment */
} kinds[] = {
    {"random bytes", fill_random, 1},
    {"zeros", fill_zeros, 1},
    {"ones", fill_ones, 1},
    {"PINGREQ over and over", fill_pings, 37},
    {"the same by one byte later", fill_zero_pings, 37},
    {"one PUBACK over and over", fill_acknowledgements, 37},
    {"HTTP", fill_http, 1},
    {"JSON", fill_json, 1},
    {"Redis", fill_redis, 1},
    {"SSH", fill_ssh, 1},
    {"TLS", fill_tls, 1},
    {"LDAP", fill_ldap, 1},
    {"text", fill_text, 1},
    {"SMTP", fill_smtp, 1},
    {"PostgreSQL", fill_postgres, 1},
    {"MySQL", fill_mysql, 1},
    {"counters", fill_counters, 1460},
    {"samples", fill_samples, 37},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const uint32_t sizes[] = {1460, 536, 100, 37, 5, 2, 1};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* ---- What comes out ----------------------------------------------------------------------------------------- */

struct watched {
    unsigned opened;
    uint64_t position[2]; /* bytes and gaps so far */
    uint64_t bytes[2];
    bool in_gap[2];
    bool wrong;
    uint64_t wrong_at;
    enum mqtt_version version;
    /* What the client sends, and where its packets begin; NULL where nobody looks. */
    const uint8_t *stream;
    const bool *begins;
};

static void *opened(void *context, const struct stream_address *client, const struct stream_address *server,
                    bool from_start, uint64_t frame, microseconds time) {
    struct watched *watched = context;
    (void)client;
    (void)server;
    (void)from_start;
    (void)frame;
    (void)time;
    watched->opened++;
    return watched;
}

static void received(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                     microseconds time) {
    struct watched *watched = context;
    uint64_t at = watched->position[side];
    (void)owner;
    (void)frame;
    (void)time;
    if (watched->stream != NULL && side == MQTT_CLIENT && !watched->wrong &&
        ((watched->in_gap[side] && !watched->begins[at]) ||
         memcmp(watched->stream + at, bytes.data, bytes.length) != 0)) {
        watched->wrong = true;
        watched->wrong_at = at;
    }
    watched->in_gap[side] = false;
    watched->position[side] += bytes.length;
    watched->bytes[side] += bytes.length;
}

static void missing(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                    microseconds time) {
    struct watched *watched = context;
    (void)owner;
    (void)frame;
    (void)time;
    watched->in_gap[side] = true;
    watched->position[side] += length;
}

static struct conversations conversations;

static struct stream_hooks watch(struct watched *watched) {
    const struct stream_hooks wanted = {.context = watched, .opened = opened, .bytes = received, .gap = missing};
    return conversations_begin(&conversations, &wanted, NULL, NULL);
}

static void *begin(const struct stream_hooks *hooks, uint16_t port, bool from_start) {
    const struct stream_address client = {"10.0.0.1:4000", 4000};
    struct stream_address server = {"10.0.0.2", port};
    return hooks->opened(hooks->context, &client, &server, from_start, 1, 1);
}

/* Each segment in a block of its own size. */
static void send(const struct stream_hooks *hooks, void *owner, enum mqtt_side side, const uint8_t *bytes,
                 uint32_t length, uint32_t size) {
    for (uint32_t at = 0; at < length; at += size) {
        uint32_t part = length - at < size ? length - at : size;
        uint8_t *segment = malloc(part);
        assert_non_null(segment);
        memcpy(segment, bytes + at, part);
        hooks->bytes(hooks->context, owner, side, (struct mqtt_bytes){segment, part}, 2, 2);
        free(segment);
    }
}

static void end(const struct stream_hooks *hooks, void *owner) {
    hooks->closed(hooks->context, owner, 3, 3);
    assert_int_equal(conversations.searcher.memory, 0);
}

static uint8_t stream[STREAM];

/* ---- What is no MQTT ---------------------------------------------------------------------------------------- */

/* Joined in the middle, on a port that says nothing. */
static void test_nothing_else_is_recognised(void **state) {
    const struct kind *kind = *state;
    enum { LENGTH = 60000 };
    uint64_t random = 1;
    for (unsigned i = 0; i < 3 * SIZES; i++) {
        struct watched watched = {0};
        struct stream_hooks hooks = watch(&watched);
        void *owner = begin(&hooks, 8000, false);
        kind->fill(stream, LENGTH, &random);
        uint32_t offset = draw(&random, 100);
        for (uint32_t turn = 0; turn < LENGTH - 1000; turn += 1000)
            send(&hooks, owner, turn / 1000 % 2 == 0 ? MQTT_CLIENT : MQTT_SERVER, stream + turn + offset, 900,
                 sizes[i % SIZES]);
        end(&hooks, owner);
        if (watched.opened != 0)
            fail_msg("%s in segments of %u is taken for MQTT", kind->name, sizes[i % SIZES]);
    }
}

/* Behind a gap on the port of MQTT: it could be the payload of a packet whose beginning is lost. */
static void test_no_packet_is_seen_in_it(void **state) {
    const struct kind *kind = *state;
    uint64_t random = 2;
    for (unsigned i = 0; i < 3 * SIZES; i++) {
        struct watched watched = {0};
        struct stream_hooks hooks = watch(&watched);
        void *owner = begin(&hooks, 1883, false);
        uint32_t length = sizes[i % SIZES] < 10 ? 3000 : STREAM;
        kind->fill(stream, length, &random);
        if (sizes[i % SIZES] >= kind->smallest)
            send(&hooks, owner, i % 2 == 0 ? MQTT_CLIENT : MQTT_SERVER, stream, length, sizes[i % SIZES]);
        end(&hooks, owner);
        if (watched.bytes[0] + watched.bytes[1] != 0)
            fail_msg("%s in segments of %u: packets are seen in it", kind->name, sizes[i % SIZES]);
    }
}

/* ---- Packets found again ------------------------------------------------------------------------------------- */

struct traffic {
    uint32_t length;
    uint32_t packets[MOST_PACKETS]; /* where they begin */
    uint32_t count;
    bool begins[STREAM + 1];
};

static struct traffic traffic;

static void add_packet(enum mqtt_version version, const struct mqtt_packet *packet) {
    size_t size = mqtt_encode(version, packet, stream + traffic.length, STREAM - traffic.length);
    assert_true(size > 0 && traffic.count < MOST_PACKETS);
    traffic.packets[traffic.count++] = traffic.length;
    traffic.begins[traffic.length] = true;
    traffic.length += (uint32_t)size;
}

static void add_publish(enum mqtt_version version, filler *fill, uint32_t length, uint64_t *random) {
    static uint8_t payload[65536];
    static uint16_t identifier = 1;
    char topic[32];
    uint8_t qos = (uint8_t)draw(random, 3);
    snprintf(topic, sizeof topic, "site/%u/t%u", draw(random, 100), draw(random, 10));
    fill(payload, length, random);
    add_packet(version, &(struct mqtt_packet){.type = MQTT_PUBLISH,
                                              .flags = (uint8_t)(qos << MQTT_PUBLISH_QOS_SHIFT),
                                              .publish = {.topic = mqtt_text(topic),
                                                          .packet_identifier = identifier++ % 1000 + 1,
                                                          .payload = {payload, length}}});
}

/* A client that publishes, acknowledges, subscribes and pings. */
static void make_traffic(enum mqtt_version version, filler *fill, uint32_t largest, uint64_t seed) {
    memset(&traffic, 0, sizeof traffic);
    uint64_t random = seed;
    add_packet(version, &(struct mqtt_packet){.type = MQTT_CONNECT,
                                              .connect = {.protocol_name = mqtt_text("MQTT"),
                                                          .protocol_level = (uint8_t)version,
                                                          .flags = MQTT_CONNECT_CLEAN_SESSION,
                                                          .client_identifier = mqtt_text("c")}});
    while (traffic.length < 100000) {
        uint16_t identifier = (uint16_t)(draw(&random, 65535) + 1);
        switch (draw(&random, 8)) {
        case 0:
            add_packet(version, &(struct mqtt_packet){.type = MQTT_PINGREQ});
            break;
        case 1:
            add_packet(version, &(struct mqtt_packet){.type = MQTT_PUBACK, .acknowledgement = {identifier, 0, {0}}});
            break;
        case 2:
            add_packet(version, &(struct mqtt_packet){.type = MQTT_SUBSCRIBE,
                                                      .flags = 2,
                                                      .subscribe = {.packet_identifier = identifier,
                                                                    .filters = {(const uint8_t *)"\0\5sub/+\1", 8}}});
            break;
        default:
            add_publish(version, fill, draw(&random, largest), &random);
        }
    }
    traffic.begins[traffic.length] = true;
}

static const struct found_row {
    const char *name;
    enum mqtt_version version;
    filler *fill;
    uint32_t smallest; /* segment */
    uint32_t largest;  /* payload */
    uint32_t found_in; /* so many bytes behind the gap at most */
} found_rows[] = {
    {"3.1.1, JSON", MQTT_3_1_1, fill_json, 1, 200, 2000},
    {"5.0, JSON", MQTT_5_0, fill_json, 1, 200, 2000},
    {"3.1.1, random payloads", MQTT_3_1_1, fill_random, 1, 200, 3000},
    {"5.0, random payloads", MQTT_5_0, fill_random, 1, 200, 3000},
    {"3.1.1, large random payloads", MQTT_3_1_1, fill_random, 1, 20000, 60000},
    {"5.0, large random payloads", MQTT_5_0, fill_random, 1, 20000, 60000},
    {"3.1.1, payloads of zeros", MQTT_3_1_1, fill_zeros, 1, 3000, 12000},
    {"3.1.1, payloads like samples of sound", MQTT_3_1_1, fill_samples, 37, 3000, 12000},
    {"3.1.1, payloads of pings", MQTT_3_1_1, fill_pings, 37, 3000, 12000},
    {"3.1.1, payloads that hold packets", MQTT_3_1_1, fill_nested, 1, 300, 4000},
    {"5.0, payloads that hold packets", MQTT_5_0, fill_nested, 1, 300, 4000},
};

/* A gap, and then what `cut` makes of the rest. */
static void check_gap(const struct found_row *row, uint32_t from, uint32_t to, uint32_t size) {
    struct watched watched = {.stream = stream, .begins = traffic.begins};
    struct stream_hooks hooks = watch(&watched);
    void *owner = begin(&hooks, 1883, true);
    uint32_t length = traffic.length - to < 2 * row->found_in ? traffic.length - to : 2 * row->found_in;
    send(&hooks, owner, MQTT_CLIENT, stream, from, 1460);
    hooks.gap(hooks.context, owner, MQTT_CLIENT, to - from, 2, 2);
    send(&hooks, owner, MQTT_CLIENT, stream + to, length, size);
    uint64_t behind = watched.bytes[MQTT_CLIENT] - from;
    end(&hooks, owner);
    if (watched.wrong)
        fail_msg("%s: %u bytes missing at %u, segments of %u: what begins at %u is no packet", row->name, to - from,
                 from, size, (unsigned)watched.wrong_at);
    if (length >= row->found_in && behind + row->found_in < length)
        fail_msg("%s: %u bytes missing at %u, segments of %u: of %u bytes only %u were found", row->name, to - from,
                 from, size, length, (unsigned)behind);
    assert_int_equal(watched.position[MQTT_CLIENT], to + length);
}

static void test_found_again(void **state) {
    const struct found_row *row = *state;
    uint64_t random = 3;
    alarm(SECONDS);
    make_traffic(row->version, row->fill, row->largest, 11);
    for (unsigned i = 0; i < 300; i++) {
        uint32_t from = traffic.packets[1] + draw(&random, traffic.length / 3);
        uint32_t to = from + 1 + draw(&random, 3000);
        uint32_t size = sizes[draw(&random, SIZES)] + draw(&random, 3);
        check_gap(row, from, to, size < row->smallest ? row->smallest : size);
    }
    alarm(0);
}

/* ---- Bounds --------------------------------------------------------------------------------------------------- */

/* Bytes that cost most: at each of them a packet seems to begin that is not whole yet, or that is no good at its end.
 */
static void test_hostile_bytes_take_no_time(void **state) {
    (void)state;
    static const struct {
        const char *pattern;
        uint32_t length;
    } hostile[] = {
        {"\x30\x7f\0\x30", 4},         {"\x30\xff\x30\0\x30", 5}, {"\x82\xff\x1f\0\1", 5},
        {"\x40\2\0\1\x40\2\0\2", 8},   {"\x30\3\0\1a", 5},        {"\x30\xff\xff\3\0\1a", 7},
        {"\x30\x30\0\x30\x30\x30", 6}, {"\xa2\x7f\x30\x30", 4},   {"\x30\3\0\1a\x30\3\0\1b\x30\4\0\1ab\xff", 17},
    };
    alarm(SECONDS);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        for (size_t k = 0; k < SIZES; k++) {
            struct watched watched = {0};
            struct stream_hooks hooks = watch(&watched);
            void *owner = begin(&hooks, 1883, false);
            repeat(stream, STREAM, hostile[i].pattern, hostile[i].length);
            send(&hooks, owner, MQTT_CLIENT, stream + 1, STREAM - 1, sizes[k]);
            end(&hooks, owner);
        }
    }
    alarm(0);
}

/* Many sides that all wait. */
static void test_memory_is_bounded(void **state) {
    (void)state;
    enum { CONNECTIONS = 300, LENGTH = 40000 };
    static void *owners[CONNECTIONS];
    static const uint8_t begins[] = "\x30\xff\xff\2\0\7a/topic";
    struct watched watched = {0};
    struct stream_hooks hooks = watch(&watched);
    memset(stream, 'x', LENGTH);
    memcpy(stream, begins, sizeof begins - 1);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        owners[i] = begin(&hooks, 1883, false);
        send(&hooks, owners[i], MQTT_CLIENT, stream, LENGTH, LENGTH);
        assert_true(conversations.searcher.memory <= SEARCH_MEMORY);
    }
    assert_true(conversations.searcher.memory > SEARCH_MEMORY / 2);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        hooks.closed(hooks.context, owners[i], 3, 3);
    assert_int_equal(conversations.searcher.memory, 0);
    assert_int_equal(watched.bytes[MQTT_CLIENT], 0);
    assert_int_equal(watched.position[MQTT_CLIENT], (uint64_t)CONNECTIONS * LENGTH);
}

int main(void) {
    enum { FOUND = sizeof found_rows / sizeof found_rows[0] };
    struct CMUnitTest rows[2 * KINDS + FOUND];
    for (size_t i = 0; i < KINDS; i++) {
        rows[i] = (struct CMUnitTest){kinds[i].name, test_nothing_else_is_recognised, NULL, NULL, (void *)&kinds[i]};
        rows[KINDS + i] =
            (struct CMUnitTest){kinds[i].name, test_no_packet_is_seen_in_it, NULL, NULL, (void *)&kinds[i]};
    }
    for (size_t i = 0; i < FOUND; i++)
        rows[2 * KINDS + i] =
            (struct CMUnitTest){found_rows[i].name, test_found_again, NULL, NULL, (void *)&found_rows[i]};
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_bytes_take_no_time),
        cmocka_unit_test(test_memory_is_bounded),
    };
    int failed = cmocka_run_group_tests_name("pcaps: packets found again", rows, NULL, NULL);
    return failed + cmocka_run_group_tests_name("pcaps: bounds of the search", tests, NULL, NULL);
}
