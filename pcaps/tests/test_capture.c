/* Files written and read back, damaged files, link layers, and which connections are MQTT. */
#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#include "pcaps/conversation.h"
#include "pcaps/tests/event_log.h"
#include "pcaps/tests/packets.h"

#define EPOCH UINT64_C(1700000000000000)

/* ---- Files of the tests ---------------------------------------------------------------------------------- */

struct scratch {
    char path[64];
};

static int make_scratch(void **state) {
    struct scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL)
        return -1;
    strcpy(scratch->path, "/tmp/mqspec-test-XXXXXX");
    int descriptor = mkstemp(scratch->path);
    if (descriptor < 0)
        return -1;
    close(descriptor);
    *state = scratch;
    return 0;
}

static int remove_scratch(void **state) {
    struct scratch *scratch = *state;
    unlink(scratch->path);
    free(scratch);
    return 0;
}

/* Over what is there: to empty a file first makes some file systems write it out each time. */
static void write_file(const char *path, const uint8_t *bytes, size_t length) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fflush(file), 0);
    assert_int_equal(ftruncate(fileno(file), (off_t)length), 0);
    assert_int_equal(fclose(file), 0);
}

static uint8_t *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *length = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*length);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *length, file), *length);
    fclose(file);
    return bytes;
}

static struct mqtt_bytes text(const char *characters) {
    return (struct mqtt_bytes){(const uint8_t *)characters, (uint32_t)strlen(characters)};
}

/* Two conversations, interleaved. */
static void write_small_capture(const char *path) {
    char reason[256];
    struct capture_writer *writer = capture_writer_open(path, EPOCH, reason, sizeof reason);
    assert_non_null(writer);
    struct capture_connection *one = capture_writer_connect(writer, 1883, 0);
    struct capture_connection *other = capture_writer_connect(writer, 1884, 10);
    assert_non_null(one);
    assert_non_null(other);
    capture_writer_bytes(one, MQTT_CLIENT, text("ping"), 20);
    capture_writer_bytes(other, MQTT_CLIENT, text("hello"), 30);
    capture_writer_bytes(one, MQTT_SERVER, text("pong"), 40);
    capture_writer_close(one, MQTT_CLIENT, 50);
    capture_writer_bytes(other, MQTT_SERVER, text("bye"), 60);
    capture_writer_close(other, MQTT_SERVER, 70);
    assert_true(capture_writer_finish(writer));
}

/* ---- Written and read back ------------------------------------------------------------------------------- */

static void test_conversations_come_back(void **state) {
    struct scratch *scratch = *state;
    struct event_log log = {.length = 0};
    struct stream_hooks hooks = log_hooks(&log);
    char reason[256] = "";
    write_small_capture(scratch->path);
    assert_true(capture_read(&(struct capture_source){.path = scratch->path}, &hooks, reason, sizeof reason));
    assert_string_equal(log.text, "open 49152;open 49152; C ping; C hello; S pong; C end; S end; closed; S bye; S end; "
                                  "C end; closed;");
    assert_string_equal(log.client, "198.51.100.2:49152");
    assert_string_equal(log.server, "192.0.2.1:1884");
    assert_int_equal(log.time, EPOCH + 70);
    assert_int_equal(log.frame, 19); /* the last FIN; an acknowledgement follows */
}

/* Collects one direction and compares it with a pattern. */
struct pattern_check {
    uint64_t length;
    bool wrong;
    unsigned gaps;
};

static uint8_t pattern(uint64_t at) {
    return (uint8_t)(at * 31 + at / 251);
}

static void *check_opened(void *context, const struct stream_address *client, const struct stream_address *server,
                          bool from_start, uint64_t frame, microseconds time) {
    (void)client;
    (void)server;
    (void)frame;
    (void)time;
    struct pattern_check *check = context;
    check->wrong |= !from_start;
    return check;
}

static void check_bytes(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                        microseconds time) {
    (void)owner;
    (void)side;
    (void)frame;
    (void)time;
    struct pattern_check *check = context;
    for (uint32_t i = 0; i < bytes.length; i++)
        check->wrong |= bytes.data[i] != pattern(check->length++);
}

static void check_gap(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                      microseconds time) {
    (void)owner;
    (void)side;
    (void)length;
    (void)frame;
    (void)time;
    struct pattern_check *check = context;
    check->gaps++;
}

/* Sizes around those of segments, and one over a window. */
static void test_any_size_comes_back(void **state) {
    static const uint32_t sizes[] = {0, 1, 1459, 1460, 1461, 2919, 2920, 2921, 65535, 65536, 300001};
    struct scratch *scratch = *state;
    uint8_t *bytes = malloc(300001);
    assert_non_null(bytes);
    for (uint32_t i = 0; i < 300001; i++)
        bytes[i] = pattern(i);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char reason[256] = "";
        struct capture_writer *writer = capture_writer_open(scratch->path, EPOCH, reason, sizeof reason);
        assert_non_null(writer);
        struct capture_connection *connection = capture_writer_connect(writer, 1883, 0);
        assert_non_null(connection);
        enum mqtt_side side = i % 2 == 0 ? MQTT_CLIENT : MQTT_SERVER;
        capture_writer_bytes(connection, side, (struct mqtt_bytes){bytes, sizes[i]}, 1);
        capture_writer_close(connection, side, 2);
        assert_true(capture_writer_finish(writer));
        struct pattern_check check = {0};
        struct stream_hooks hooks = {.context = &check, .opened = check_opened, .bytes = check_bytes, .gap = check_gap};
        assert_true(capture_read(&(struct capture_source){.path = scratch->path}, &hooks, reason, sizeof reason));
        if (check.length != sizes[i] || check.wrong || check.gaps != 0)
            fail_msg("%u bytes: %llu came back, wrong %d, gaps %u", sizes[i], (unsigned long long)check.length,
                     check.wrong, check.gaps);
    }
    free(bytes);
}

/* More connections than one client address has: ports and addresses are all different. */
static void test_many_connections_are_told_apart(void **state) {
    struct scratch *scratch = *state;
    char reason[256] = "";
    enum { CONNECTIONS = 600 };
    struct capture_writer *writer = capture_writer_open(scratch->path, EPOCH, reason, sizeof reason);
    assert_non_null(writer);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        assert_non_null(capture_writer_connect(writer, 1883, i));
    assert_true(capture_writer_finish(writer)); /* all still open */
    struct event_log log = {.length = 0};
    struct stream_hooks hooks = log_hooks(&log);
    assert_true(capture_read(&(struct capture_source){.path = scratch->path}, &hooks, reason, sizeof reason));
    assert_int_equal(log.opened, CONNECTIONS);
    assert_int_equal(log.closed, CONNECTIONS);
}

static void test_unwritable_is_said(void **state) {
    (void)state;
    char reason[256] = "";
    assert_null(capture_writer_open("/no/such/folder/x.pcap", 0, reason, sizeof reason));
    assert_non_null(strstr(reason, "/no/such/folder/x.pcap"));
}

static void test_full_disk_is_told(void **state) {
    (void)state;
    char reason[256] = "";
    if (access("/dev/full", W_OK) != 0)
        skip();
    struct capture_writer *writer = capture_writer_open("/dev/full", 0, reason, sizeof reason);
    assert_non_null(writer);
    struct capture_connection *connection = capture_writer_connect(writer, 1883, 0);
    assert_non_null(connection);
    capture_writer_close(connection, MQTT_CLIENT, 1);
    assert_false(capture_writer_finish(writer));
}

/* ---- Damage ---------------------------------------------------------------------------------------------- */

/* Cut anywhere: a result, or a reason; and each connection that was opened is closed. */
static void test_cut_anywhere(void **state) {
    struct scratch *scratch = *state;
    size_t length;
    write_small_capture(scratch->path);
    uint8_t *bytes = read_file(scratch->path, &length);
    size_t whole = 0;
    for (size_t cut = 0; cut < length; cut++) {
        struct event_log log = {.length = 0};
        struct stream_hooks hooks = log_hooks(&log);
        char reason[512] = "";
        write_file(scratch->path, bytes, cut);
        bool read = capture_read(&(struct capture_source){.path = scratch->path}, &hooks, reason, sizeof reason);
        if (!read && reason[0] == '\0')
            fail_msg("cut at %zu: no reason", cut);
        if (log.opened != log.closed)
            fail_msg("cut at %zu: %u opened, %u closed", cut, log.opened, log.closed);
        whole += read;
    }
    free(bytes);
    assert_int_equal(whole, 20); /* exactly where a packet ends, the file header's end included */
}

static void test_any_byte_changed(void **state) {
    static const uint8_t changes[] = {0x01, 0x80, 0xFF};
    struct scratch *scratch = *state;
    size_t length;
    write_small_capture(scratch->path);
    uint8_t *bytes = read_file(scratch->path, &length);
    for (size_t i = 0; i < length * sizeof changes; i++) {
        struct event_log log = {.length = 0};
        struct stream_hooks hooks = log_hooks(&log);
        char reason[512] = "";
        bytes[i / sizeof changes] ^= changes[i % sizeof changes];
        write_file(scratch->path, bytes, length);
        bool read = capture_read(&(struct capture_source){.path = scratch->path}, &hooks, reason, sizeof reason);
        bytes[i / sizeof changes] ^= changes[i % sizeof changes];
        if (!read && reason[0] == '\0')
            fail_msg("byte %zu changed: no reason", i / sizeof changes);
        if (log.opened != log.closed)
            fail_msg("byte %zu changed: %u opened, %u closed", i / sizeof changes, log.opened, log.closed);
    }
    free(bytes);
}

static void test_truncated_keeps_what_came_before(void **state) {
    struct scratch *scratch = *state;
    struct event_log log = {.length = 0};
    struct stream_hooks hooks = log_hooks(&log);
    char reason[512] = "";
    size_t length;
    write_small_capture(scratch->path);
    uint8_t *bytes = read_file(scratch->path, &length);
    write_file(scratch->path, bytes, length - 3);
    free(bytes);
    assert_false(capture_read(&(struct capture_source){.path = scratch->path}, &hooks, reason, sizeof reason));
    assert_non_null(strstr(reason, "after packet 19"));
    assert_non_null(strstr(log.text, "S bye;"));
}

static void test_unknown_link_type_is_named(void **state) {
    struct scratch *scratch = *state;
    struct event_log log = {.length = 0};
    struct stream_hooks hooks = log_hooks(&log);
    char reason[512] = "";
    size_t length;
    write_small_capture(scratch->path);
    uint8_t *bytes = read_file(scratch->path, &length);
    bytes[20] = 105; /* IEEE 802.11 */
    write_file(scratch->path, bytes, length);
    free(bytes);
    assert_false(capture_read(&(struct capture_source){.path = scratch->path}, &hooks, reason, sizeof reason));
    assert_non_null(strstr(reason, "IEEE802_11"));
}

/* ---- pcapng ---------------------------------------------------------------------------------------------- */

static void append_block(struct packet_builder *file, uint32_t type, const struct packet_builder *body) {
    uint32_t padding = (4 - body->length % 4) % 4;
    static const uint8_t zeros[4];
    append32(file, type);
    append32(file, 12 + body->length + padding);
    append(file, body->bytes, body->length);
    append(file, zeros, padding);
    append32(file, 12 + body->length + padding);
}

static void append_enhanced_packet(struct packet_builder *file, microseconds time, const struct tcp_fields *tcp) {
    struct packet_builder packet = {.length = 0};
    struct packet_builder body = {.length = 0};
    append_ipv4(&packet, tcp, false, 0);
    append32(&body, 0);
    append32(&body, (uint32_t)(time >> 32));
    append32(&body, (uint32_t)time);
    append32(&body, packet.length);
    append32(&body, packet.length);
    append(&body, packet.bytes, packet.length);
    append_block(file, 6, &body);
}

static void test_pcapng(void **state) {
    struct scratch *scratch = *state;
    struct packet_builder file = {.length = 0};
    struct packet_builder body = {.length = 0};
    append32(&body, 0x1A2B3C4D); /* all in the order of networks */
    append16(&body, 1);
    append16(&body, 0);
    append32(&body, 0xFFFFFFFF);
    append32(&body, 0xFFFFFFFF);
    append_block(&file, 0x0A0D0D0A, &body);
    body.length = 0;
    append16(&body, 101); /* raw IP */
    append16(&body, 0);
    append32(&body, 65535);
    append_block(&file, 1, &body);
    append_enhanced_packet(&file, EPOCH + 1, &(struct tcp_fields){4000, 1883, 100, 0, SYN, NULL, 0});
    append_enhanced_packet(&file, EPOCH + 2, &(struct tcp_fields){4000, 1883, 101, 1, ACK, "abc", 0});
    write_file(scratch->path, file.bytes, file.length);

    struct event_log log = {.length = 0};
    struct stream_hooks hooks = log_hooks(&log);
    char reason[512] = "";
    assert_true(capture_read(&(struct capture_source){.path = scratch->path}, &hooks, reason, sizeof reason));
    assert_string_equal(log.text, "open 4000; C abc; closed;");
    assert_int_equal(log.time, EPOCH + 2);
}

/* ---- Link layers ----------------------------------------------------------------------------------------- */

enum network { IPV4, IPV6 };

struct link_row {
    const char *name;
    int link_type;
    const char *header; /* as C string; its length counts, as zeros stand in it */
    uint32_t header_length;
    enum network network;
    unsigned protocol;      /* of IPv6's first extension, or 6 */
    const char *extensions; /* of IPv6 */
    uint32_t extensions_length;
    unsigned fragment; /* of IPv4 */
    const char *behind;
    const char *told;
};

#define BYTES(text) text, sizeof(text) - 1
#define FOUND       "open 4000; C abc; closed;"

/* clang-format off */
static const struct link_row link_rows[] = {
    {"Ethernet", DLT_EN10MB, BYTES("ddddddssssss\x08\x00"), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"Ethernet, padded to its least length", DLT_EN10MB, BYTES("ddddddssssss\x08\x00"), IPV4, 6, BYTES(""),
    0, "padding", FOUND},
    {"Ethernet, IPv6", DLT_EN10MB, BYTES("ddddddssssss\x86\xdd"), IPV6, 6, BYTES(""), 0, "", FOUND},
    {"Ethernet, a VLAN", DLT_EN10MB, BYTES("ddddddssssss\x81\x00\x00\x07\x08\x00"), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"Ethernet, a VLAN in a VLAN", DLT_EN10MB, BYTES("ddddddssssss\x88\xa8\x00\x07\x81\x00\x00\x07\x08\x00"), IPV4,
    6, BYTES(""), 0, "", FOUND},
    {"Ethernet, ARP", DLT_EN10MB, BYTES("ddddddssssss\x08\x06"), IPV4, 6, BYTES(""), 0, "", ""},
    {"Linux cooked", DLT_LINUX_SLL, BYTES("\x00\x00\x03\x04\x00\x06mmmmmm\x00\x00\x08\x00"), IPV4, 6, BYTES(""),
    0, "", FOUND},
    {"Linux cooked, version 2", DLT_LINUX_SLL2, BYTES("\x08\x00\x00\x00\x00\x00\x00\x01\x03\x04\x00\x06mmmmmmmm"),
    IPV4, 6, BYTES(""), 0, "", FOUND},
    {"loopback, host order", DLT_NULL, BYTES("\x02\x00\x00\x00"), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"loopback, IPv6 as macOS numbers it", DLT_NULL, BYTES("\x1e\x00\x00\x00"), IPV6, 6, BYTES(""), 0, "", FOUND},
    {"loopback of OpenBSD", DLT_LOOP, BYTES("\x00\x00\x00\x02"), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"what IPsec carried", DLT_ENC, BYTES("\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), IPV4, 6, BYTES(""),
    0, "", FOUND},
    {"PPP in HDLC", DLT_PPP, BYTES("\xff\x03\x00\x21"), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"PPP", DLT_PPP, BYTES("\x00\x21"), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"PPP, the protocol in one byte", DLT_PPP, BYTES("\x21"), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"PPP, IPv6", DLT_PPP, BYTES("\x00\x57"), IPV6, 6, BYTES(""), 0, "", FOUND},
    {"PPP in HDLC, IPv6 in one byte", DLT_PPP, BYTES("\xff\x03\x57"), IPV6, 6, BYTES(""), 0, "", FOUND},
    {"PPP, its own control", DLT_PPP, BYTES("\xff\x03\xc0\x21"), IPV4, 6, BYTES(""), 0, "", ""},
    {"PPP, MPLS", DLT_PPP, BYTES("\xff\x03\x02\x81\x00\x01\x01\x40"), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"PPP on a serial line", DLT_PPP_SERIAL, BYTES("\xff\x03\x00\x21"), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"PPP with the direction", DLT_PPP_WITH_DIR, BYTES("\x01\xff\x03\x00\x21"), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"PPPoE", DLT_PPP_ETHER, BYTES("\x11\x00\x00\x01\x00\x2d\x00\x21"), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"Ethernet, PPPoE", DLT_EN10MB, BYTES("ddddddssssss\x88\x64\x11\x00\x00\x01\x00\x2d\x00\x21"), IPV4, 6, BYTES(""),
    0, "", FOUND},
    {"Ethernet, PPPoE in a VLAN, IPv6", DLT_EN10MB,
    BYTES("ddddddssssss\x81\x00\x00\x07\x88\x64\x11\x00\x00\x01\x00\x2d\x00\x57"), IPV6, 6, BYTES(""), 0, "", FOUND},
    {"Ethernet, MPLS with two labels", DLT_EN10MB, BYTES("ddddddssssss\x88\x47\x00\x01\x00\x40\x00\x02\x01\x40"),
    IPV4, 6,
    BYTES(""), 0, "", FOUND},
    {"Linux cooked, a VLAN", DLT_LINUX_SLL, BYTES("\x00\x00\x03\x04\x00\x06mmmmmm\x00\x00\x81\x00\x00\x07\x08\x00"),
    IPV4, 6,
    BYTES(""), 0, "", FOUND},
    {"HDLC of Cisco", DLT_C_HDLC, BYTES("\x0f\x00\x08\x00"), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"raw IPv4", DLT_RAW, BYTES(""), IPV4, 6, BYTES(""), 0, "", FOUND},
    {"raw IPv6", DLT_RAW, BYTES(""), IPV6, 6, BYTES(""), 0, "", FOUND},
    {"IPv6 with hop-by-hop and destination options", DLT_RAW, BYTES(""), IPV6, 0,
    BYTES("\x3c\x00......\x06\x01.............."), 0, "", FOUND},
    {"IPv6 with an authentication header", DLT_RAW, BYTES(""), IPV6, 51, BYTES("\x06\x01.........."), 0, "", FOUND},
    {"IPv6 with a fragment header, but whole", DLT_RAW, BYTES(""), IPV6, 44, BYTES("\x06\x00\x00\x00...."), 0, "",
    FOUND},
    {"IPv6, a fragment", DLT_RAW, BYTES(""), IPV6, 44, BYTES("\x06\x00\x00\x01...."), 0, "", ""},
    {"IPv6, an extension longer than the packet", DLT_RAW, BYTES(""), IPV6, 0, BYTES("\x06\xff......"), 0, "", ""},
    {"IPv6, a header that is none of the known", DLT_RAW, BYTES(""), IPV6, 50, BYTES("\x06\x00......"), 0, "", ""},
    {"IPv4, not to be fragmented", DLT_RAW, BYTES(""), IPV4, 6, BYTES(""), 0x4000, "", FOUND},
    {"IPv4, the first fragment", DLT_RAW, BYTES(""), IPV4, 6, BYTES(""), 0x2000, "", ""},
    {"IPv4, the last fragment", DLT_RAW, BYTES(""), IPV4, 6, BYTES(""), 0x0010, "", ""},
    {"a link layer that is not known", DLT_IEEE802_11, BYTES(""), IPV4, 6, BYTES(""), 0, "", ""},
};
/* clang-format on */

static void build_linked(const struct link_row *row, const struct tcp_fields *tcp, struct packet_builder *builder) {
    struct mqtt_bytes extensions = {(const uint8_t *)row->extensions, row->extensions_length};
    builder->length = 0;
    append(builder, row->header, row->header_length);
    if (row->network == IPV4)
        append_ipv4(builder, tcp, false, row->fragment);
    else
        append_ipv6(builder, tcp, row->protocol, extensions);
    append(builder, row->behind, strlen(row->behind));
}

static void test_link_row(void **state) {
    const struct link_row *row = *state;
    static const struct tcp_fields sent[] = {{4000, 1883, 100, 0, SYN, NULL, 0}, {4000, 1883, 101, 1, ACK, "abc", 0}};
    struct event_log log = {.length = 0};
    struct stream_hooks hooks = log_hooks(&log);
    struct reassembler *reassembler = reassembler_create(&hooks);
    assert_non_null(reassembler);
    for (unsigned i = 0; i < 2; i++) {
        struct packet_builder builder;
        build_linked(row, &sent[i], &builder);
        reassembler_packet(reassembler, row->link_type, (struct mqtt_bytes){builder.bytes, builder.length}, i + 1, i);
    }
    reassembler_destroy(reassembler, 2, 2);
    if (strcmp(log.text, row->told) != 0)
        fail_msg("%s:\n  expected %s\n  received %s", row->name, row->told, log.text);
}

/* Each packet cut at each length, in memory of exactly that length. */
static void test_packets_cut_anywhere(void **state) {
    (void)state;
    struct tcp_fields tcp = {4000, 1883, 101, 1, ACK, "abc", 0};
    for (size_t i = 0; i < sizeof link_rows / sizeof link_rows[0]; i++) {
        struct packet_builder builder;
        build_linked(&link_rows[i], &tcp, &builder);
        for (uint32_t length = 0; length <= builder.length; length++) {
            struct event_log log = {.length = 0};
            struct stream_hooks hooks = log_hooks(&log);
            struct reassembler *reassembler = reassembler_create(&hooks);
            uint8_t *exact = malloc(length > 0 ? length : 1);
            assert_non_null(reassembler);
            assert_non_null(exact);
            memcpy(exact, builder.bytes, length);
            reassembler_packet(reassembler, link_rows[i].link_type, (struct mqtt_bytes){exact, length}, 1, 1);
            reassembler_destroy(reassembler, 1, 1);
            free(exact);
            if (log.opened != log.closed)
                fail_msg("%s cut at %u: %u opened, %u closed", link_rows[i].name, length, log.opened, log.closed);
        }
    }
}

/* ---- Which connections are MQTT --------------------------------------------------------------------------- */

struct spoken {
    enum { ENDS, CLIENT_SAYS, SERVER_SAYS, CLIENT_LOSES } kind;
    const char *bytes;
    uint32_t length;
};

struct conversation_row {
    const char *name;
    uint16_t port;
    bool from_start;
    struct spoken spoken[6];
    const char *told;
};

#define CLIENT(text)                                                                                                   \
    { CLIENT_SAYS, BYTES(text) }
#define SERVER(text)                                                                                                   \
    { SERVER_SAYS, BYTES(text) }
#define LOST(count)                                                                                                    \
    { CLIENT_LOSES, NULL, count }

/* Text stands for its length, so that the rows can be read: what matters is who is told what. */
static const struct conversation_row conversation_rows[] = {
    {"CONNECT on another port",
     8000,
     true,
     {CLIENT("\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a"), SERVER("\x20\2\0\0")},
     "open; C 15; S 4; closed; mqtt 1 other 0"},
    {"CONNECT of MQTT 3.1, byte by byte",
     8000,
     true,
     {CLIENT("\x10"), CLIENT("\x0f"), CLIENT("\0"), CLIENT("\6MQIs"), CLIENT("dp\3\2\0\x3c\0\1a")},
     "open; C 8; C 9; closed; mqtt 1 other 0"},
    {"another protocol in which the client speaks first",
     8000,
     true,
     {CLIENT("GET / HTTP/1.1\r\n"), SERVER("HTTP/1.1 200\r\n")},
     "mqtt 0 other 1"},
    {"another protocol that begins like CONNECT",
     8000,
     true,
     {CLIENT("\x10\x0d\0\4MXTT\4\2\0\x3c\0\1a")},
     "mqtt 0 other 1"},
    {"the server speaks first", 8000, true, {SERVER("220 ready\r\n"), CLIENT("\x10\x0d")}, "mqtt 0 other 1"},
    {"a Remaining Length of five bytes", 8000, true, {CLIENT("\x10\x80\x80\x80\x80\1\0\4MQTT")}, "mqtt 0 other 1"},
    {"nothing is said", 8000, true, {{ENDS, NULL, 0}}, "mqtt 0 other 1"},
    {"port 1883: whatever is said", 1883, true, {CLIENT("GET /")}, "open; C 5; closed; mqtt 1 other 0"},
    {"joined on another port: whole packets tell",
     8000,
     false,
     {CLIENT("middle of something"), CLIENT("\xc0\0"), SERVER("\xd0\0")},
     "join; C 2; S 2; closed; mqtt 1 other 0"},
    {"joined on another port: nothing tells", 8000, false, {CLIENT("abc"), SERVER("def")}, "mqtt 0 other 1"},
    {"joined on port 1883: what is no packet is told as missing",
     1883,
     false,
     {CLIENT("middle of something"), CLIENT("\xc0\0\xc0\0"), SERVER("\xd0\0")},
     "join; C gap 19; C 4; S 2; closed; mqtt 1 other 0"},
    {"behind a gap, bytes are passed over until a packet begins",
     1883,
     true,
     {CLIENT("\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a"), LOST(7), CLIENT("tail"), CLIENT("\xc0\0"), CLIENT("\xc0")},
     "open; C 15; C gap 7; C gap 4; C 2; C 1; closed; mqtt 1 other 0"},
    {"behind a gap, what is two packets but for the last byte is passed over",
     1883,
     true,
     {LOST(7), CLIENT("\xc0\0\xc0"), CLIENT("\xc0\0")},
     "open; C gap 7; C gap 3; C 2; closed; mqtt 1 other 0"},
    {"the CONNECT on another port is lost",
     8000,
     true,
     {LOST(15), CLIENT("\xc0\0"), SERVER("\xd0\0")},
     "join; C 2; S 2; closed; mqtt 1 other 0"},
    {"joined on another port: one ping alone tells nothing", 8000, false, {CLIENT("\xc0\0")}, "mqtt 0 other 1"},
    {"joined on another port: several packets of one side tell",
     8000,
     false,
     {CLIENT("\x30\6\0\4abcd"), CLIENT("\x82\6\0\1\0\1t\0")},
     "join; 3.1.1; C 16; closed; mqtt 1 other 0"},
    {"behind a gap: the rest of a packet, and the next one in the same segment",
     1883,
     true,
     {LOST(7), CLIENT("rest\x30\x0e\0\x0ctopic/abcdef\xc0\0\x30"), CLIENT("\3\0\1t")},
     "open; C gap 7; C gap 20; C 3; C 4; closed; mqtt 1 other 0"},
    {"behind a gap: a packet over several segments",
     1883,
     true,
     {LOST(7), CLIENT("rest"), CLIENT("\x30\x0e\0\7a/topic"), CLIENT("12345"), CLIENT("\xc0\0")},
     "open; C gap 7; C gap 4; 3.1.1; C 16; C 2; closed; mqtt 1 other 0"},
    {"behind a gap: segments that never begin with a packet",
     1883,
     true,
     {LOST(7), CLIENT("rest\x30\x0a\0\7a/t"), CLIENT("opic1\x30\x0a\0\7a/t"), CLIENT("opic2\x30\x0a\0\7a/t")},
     "open; C gap 7; C gap 4; C gap 12; 3.1.1; C 19; closed; mqtt 1 other 0"},
    {"behind a gap: a packet that is not finished waits",
     1883,
     true,
     {LOST(7), CLIENT("\x30\x0e\0\7a/topic"), CLIENT("1234")},
     "open; C gap 7; C gap 15; closed; mqtt 1 other 0"},
    {"behind a gap: what looks like a packet inside one that is not finished is its payload",
     1883,
     true,
     {LOST(7), CLIENT("\x30\x0f\0\7a/topic"), CLIENT("\xc0\0"), CLIENT("\xc0\0"), CLIENT("\xc0\0\xc0\0")},
     "open; C gap 7; 3.1.1; C 19; closed; mqtt 1 other 0"},
    {"behind a gap: the same short packet over and over is a table",
     1883,
     true,
     {LOST(7), CLIENT("\x40\2\0\1\x40\2\0\1\x40\2\0\1\x40\2\0\1\x40\2\0\1\x40\2\0\1\x40\2\0\1\xff\xff\xff\xff"),
      CLIENT("\xc0\0")},
     "open; C gap 7; C gap 32; C 2; closed; mqtt 1 other 0"},
    {"behind a gap: the end of the stream ends the search",
     1883,
     true,
     {LOST(7), CLIENT("\x30\x0e\0\7a/topic"), LOST(3), CLIENT("\xc0\0")},
     "open; C gap 7; C gap 11; C gap 3; C 2; closed; mqtt 1 other 0"},
    {"joined: a packet that only 5.0 has shows the version",
     1883,
     false,
     {CLIENT("\xc0\0"), CLIENT("\xe0\1\4")},
     "join; C 2; 5.0; C 3; closed; mqtt 1 other 0"},
    {"joined: a packet that 5.0 does not have shows the version",
     1883,
     false,
     {SERVER("\x90\3\0\1\0"), SERVER("\x90\4\0\1\0\1")},
     "join; 3.1.1; S 5; S 6; closed; mqtt 1 other 0"},
    {"joined: text behind the place of the properties shows 5.0",
     1883,
     false,
     {SERVER("\x30\7\0\1a\0{1}")},
     "join; 5.0; S 9; closed; mqtt 1 other 0"},
    {"joined: properties show 5.0",
     1883,
     false,
     {SERVER("\x30\7\0\1a\2\1\1\xff")},
     "join; 5.0; S 9; closed; mqtt 1 other 0"},
    {"joined: text in their place shows 3.1.1",
     1883,
     false,
     {CLIENT("\x30\5\0\1ahi"), CLIENT("\x30\7\0\1a\2\1\1\xff")},
     "join; 3.1.1; C 7; C 9; closed; mqtt 1 other 0"},
    {"joined: what can be either shows nothing",
     1883,
     false,
     {CLIENT("\x40\2\0\1"), CLIENT("\x30\6\0\1a\0\xff\xfe"), SERVER("\x90\4\0\1\0\1")},
     "join; C 4; C 8; S 6; closed; mqtt 1 other 0"},
    {"the version of a CONNECT in pieces holds behind a gap",
     1883,
     true,
     {CLIENT("\x10\x0e\0\4MQTT"), CLIENT("\5\2\0\x3c\0\0\1a"), LOST(7), CLIENT("\xe0\1\4")},
     "open; C 8; C 8; C gap 7; C 3; closed; mqtt 1 other 0"},
    {"behind a lost CONNECT the packets show the version",
     1883,
     true,
     {LOST(16), CLIENT("\xe0\1\4")},
     "open; C gap 16; 5.0; C 3; closed; mqtt 1 other 0"},
};

static void *note_opened(void *context, const struct stream_address *client, const struct stream_address *server,
                         bool from_start, uint64_t frame, microseconds time) {
    (void)client;
    (void)server;
    (void)frame;
    (void)time;
    log_event(context, from_start ? "open; " : "join; ");
    return context;
}

static void note_bytes(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                       microseconds time) {
    (void)context;
    (void)frame;
    (void)time;
    log_event(owner, "%c %u; ", side == MQTT_CLIENT ? 'C' : 'S', bytes.length);
}

static void note_version(void *context, void *owner, enum mqtt_version version) {
    (void)context;
    log_event(owner, "%s; ", mqtt_version_name(version));
}

static void note_gap(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                     microseconds time) {
    (void)context;
    (void)frame;
    (void)time;
    log_event(owner, "%c gap %u; ", side == MQTT_CLIENT ? 'C' : 'S', (unsigned)length);
}

static void note_closed(void *context, void *owner, uint64_t frame, microseconds time) {
    (void)context;
    (void)frame;
    (void)time;
    log_event(owner, "closed; ");
}

static void test_conversation_row(void **state) {
    const struct conversation_row *row = *state;
    struct event_log log = {.length = 0};
    struct conversations conversations;
    struct stream_hooks wanted = {
        .context = &log, .opened = note_opened, .bytes = note_bytes, .gap = note_gap, .closed = note_closed};
    struct stream_hooks hooks = conversations_begin(&conversations, &wanted, note_version, NULL);
    struct stream_address client = {"10.0.0.1:4000", 4000};
    struct stream_address server = {"10.0.0.2", row->port};
    void *owner = hooks.opened(hooks.context, &client, &server, row->from_start, 1, 1);
    for (size_t i = 0; i < 6 && row->spoken[i].kind != ENDS; i++) {
        const struct spoken *spoken = &row->spoken[i];
        struct mqtt_bytes bytes = {(const uint8_t *)spoken->bytes, spoken->length};
        if (spoken->kind == CLIENT_LOSES)
            hooks.gap(hooks.context, owner, MQTT_CLIENT, spoken->length, i + 2, i + 2);
        else
            hooks.bytes(hooks.context, owner, spoken->kind == CLIENT_SAYS ? MQTT_CLIENT : MQTT_SERVER, bytes, i + 2,
                        i + 2);
    }
    hooks.closed(hooks.context, owner, 9, 9);
    log_event(&log, "mqtt %zu other %zu", conversations.mqtt_count, conversations.other_count);
    if (strcmp(log.text, row->told) != 0)
        fail_msg("%s:\n  expected %s\n  received %s", row->name, row->told, log.text);
}

/* MQTT in all that the writer can do, for tshark.sh: two interleaved connections, large packets both ways, and a
 * close by either side. */
static int write_sample(const char *path) {
    char reason[256] = "";
    struct capture_writer *writer = capture_writer_open(path, EPOCH, reason, sizeof reason);
    if (writer == NULL) {
        fprintf(stderr, "%s\n", reason);
        return 1;
    }
    static const uint8_t connect[] = "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a";
    static const uint8_t start_of_publish[] = "\x30\x84\x80\x06\0\2ab"; /* Remaining Length 98308 */
    static uint8_t publish[98312];
    memset(publish, 'x', sizeof publish);
    memcpy(publish, start_of_publish, sizeof start_of_publish - 1);
    struct capture_connection *connections[2];
    for (unsigned i = 0; i < 2; i++) {
        connections[i] = capture_writer_connect(writer, 1883, i);
        if (connections[i] == NULL)
            return 1;
        capture_writer_bytes(connections[i], MQTT_CLIENT, (struct mqtt_bytes){connect, 15}, 10 + i);
    }
    for (unsigned i = 0; i < 2; i++) {
        capture_writer_bytes(connections[i], MQTT_SERVER, text("\x20\2"), 20 + i);
        capture_writer_bytes(connections[i], MQTT_SERVER, (struct mqtt_bytes){(const uint8_t *)"\0\0", 2}, 22 + i);
        capture_writer_bytes(connections[i], MQTT_CLIENT, (struct mqtt_bytes){publish, sizeof publish}, 30 + i);
        capture_writer_bytes(connections[i], MQTT_SERVER, (struct mqtt_bytes){publish, sizeof publish}, 40 + i);
    }
    capture_writer_close(connections[0], MQTT_CLIENT, 50);
    capture_writer_close(connections[1], MQTT_SERVER, 60);
    return capture_writer_finish(writer) ? 0 : 1;
}

int main(int count, char **arguments) {
    if (count == 3 && strcmp(arguments[1], "--write") == 0)
        return write_sample(arguments[2]);
    enum {
        LINKS = sizeof link_rows / sizeof link_rows[0],
        CONVERSATIONS = sizeof conversation_rows / sizeof conversation_rows[0],
    };
    struct CMUnitTest rows[LINKS + CONVERSATIONS];
    for (size_t i = 0; i < LINKS; i++)
        rows[i] = (struct CMUnitTest){link_rows[i].name, test_link_row, NULL, NULL, (void *)&link_rows[i]};
    for (size_t i = 0; i < CONVERSATIONS; i++)
        rows[LINKS + i] = (struct CMUnitTest){conversation_rows[i].name, test_conversation_row, NULL, NULL,
                                              (void *)&conversation_rows[i]};
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_conversations_come_back, make_scratch, remove_scratch),
        cmocka_unit_test_setup_teardown(test_any_size_comes_back, make_scratch, remove_scratch),
        cmocka_unit_test_setup_teardown(test_many_connections_are_told_apart, make_scratch, remove_scratch),
        cmocka_unit_test(test_unwritable_is_said),
        cmocka_unit_test(test_full_disk_is_told),
        cmocka_unit_test_setup_teardown(test_cut_anywhere, make_scratch, remove_scratch),
        cmocka_unit_test_setup_teardown(test_any_byte_changed, make_scratch, remove_scratch),
        cmocka_unit_test_setup_teardown(test_truncated_keeps_what_came_before, make_scratch, remove_scratch),
        cmocka_unit_test_setup_teardown(test_unknown_link_type_is_named, make_scratch, remove_scratch),
        cmocka_unit_test_setup_teardown(test_pcapng, make_scratch, remove_scratch),
        cmocka_unit_test(test_packets_cut_anywhere),
    };
    int failed = cmocka_run_group_tests_name("pcaps: capture files", tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("pcaps: links and conversations", rows, NULL, NULL);
}
