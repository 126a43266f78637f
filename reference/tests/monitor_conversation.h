/* Conversations for the tests of the monitor, written as rows, and what plays them: who sends what on which
 * connection, and which statement a line breaks. A line without BREAKS must pass in silence. */
#ifndef MQSPEC_TESTS_MONITOR_CONVERSATION_H
#define MQSPEC_TESTS_MONITOR_CONVERSATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/monitor.h"

/* ---- Notation --------------------------------------------------------------------------------------------------- */

enum event { PACKET, RAW, OPEN, OPEN_LATE, CLOSE, HALF_CLOSE, GAP, TICK };

/* Rows about messages hold in both directions: they say who publishes and who answers, and are played with the
 * Client publishing and with the Server publishing. */
enum actor { THE_CLIENT, THE_SERVER, THE_SENDER, THE_RECEIVER };

struct line {
    enum event event;
    int connection;
    enum actor actor;
    enum spec_statement breaks;         /* SPEC_NONE: nothing */
    enum spec_statement breaks_if_sent; /* by the Server, where its statement is another */
    unsigned after;                     /* milliseconds since the line before */
    enum mqtt_type type;
    int level; /* of CONNECT, 0 for 3.1.1; elsewhere what is spoken though no CONNECT was seen */
    bool stored;
    uint16_t keep_alive;
    uint8_t present;
    uint8_t code; /* return code or Reason Code */
    uint8_t dup;
    uint8_t retain;
    uint8_t qos;
    uint16_t id;
    const char *text; /* Client Identifier, Topic Name */
    const char *payload;
    struct {
        const char *filter;
        uint8_t qos; /* options, in MQTT 5.0 */
    } filters[2];
    struct {
        enum mqtt_property_identifier identifier; /* 0 for none */
        uint32_t number;
        const char *text;
        const char *value;
    } properties[6];
    const char *bytes; /* codes of SUBACK, of UNSUBACK in MQTT 5.0, or all of RAW */
    uint32_t length;
};

#define CONVERSATION_LINES 40
#define CONNECTIONS        2

struct conversation {
    const char *name;
    struct line lines[CONVERSATION_LINES];
};

#define C(number, ...)                                                                                                 \
    { .connection = number, .actor = THE_CLIENT, __VA_ARGS__ }
#define S(number, ...)                                                                                                 \
    { .connection = number, .actor = THE_SERVER, __VA_ARGS__ }
#define SENDER(number, ...)                                                                                            \
    { .connection = number, .actor = THE_SENDER, __VA_ARGS__ }
#define RECEIVER(number, ...)                                                                                          \
    { .connection = number, .actor = THE_RECEIVER, __VA_ARGS__ }
#define OPENS(...) OPENS_(__VA_ARGS__, .event = OPEN)
#define OPENS_(number, ...)                                                                                            \
    { .connection = number, __VA_ARGS__ }
#define OPENS_LATE(number)                                                                                             \
    { .event = OPEN_LATE, .connection = number }
#define CLOSES(number, ...)                                                                                            \
    { .event = CLOSE, .connection = number, __VA_ARGS__ }
#define TICKS(...)                                                                                                     \
    { .event = TICK, __VA_ARGS__ }

#define BREAKS(id)                 .breaks = V311(id)
#define BREAKS_BY(client, server)  .breaks = V311(client), .breaks_if_sent = V311(server)
#define BREAKS5(id)                .breaks = V5(id)
#define BREAKS5_BY(client, server) .breaks = V5(client), .breaks_if_sent = V5(server)

#define CONNECT(name)                    .type = MQTT_CONNECT, .text = name
#define CONNECT_STORED(name)             .type = MQTT_CONNECT, .text = name, .stored = true
#define CONNACK                          .type = MQTT_CONNACK
#define CONNACK_PRESENT                  .type = MQTT_CONNACK, .present = 1
#define REFUSAL(number)                  .type = MQTT_CONNACK, .code = number
#define PUBLISH0(topic)                  .type = MQTT_PUBLISH, .text = topic
#define PUBLISH1(number, topic, content) .type = MQTT_PUBLISH, .qos = 1, .id = number, .text = topic, .payload = content
#define PUBLISH2(number, topic, content) .type = MQTT_PUBLISH, .qos = 2, .id = number, .text = topic, .payload = content
#define DUP                              .dup = 1
#define PUBACK(number)                   .type = MQTT_PUBACK, .id = number
#define PUBREC(number)                   .type = MQTT_PUBREC, .id = number
#define PUBREL(number)                   .type = MQTT_PUBREL, .id = number
#define PUBCOMP(number)                  .type = MQTT_PUBCOMP, .id = number
#define SUBSCRIBE(number, ...)           .type = MQTT_SUBSCRIBE, .id = number, .filters = {__VA_ARGS__}
#define SUBACK(number, codes)            .type = MQTT_SUBACK, .id = number, .bytes = codes, .length = sizeof codes - 1
#define UNSUBSCRIBE(number, name)        .type = MQTT_UNSUBSCRIBE, .id = number, .filters = {{name, 0}}
#define UNSUBACK(number)                 .type = MQTT_UNSUBACK, .id = number
#define PINGREQ                          .type = MQTT_PINGREQ
#define PINGRESP                         .type = MQTT_PINGRESP
#define DISCONNECT                       .type = MQTT_DISCONNECT
#define BYTES(text)                      .event = RAW, .bytes = text, .length = sizeof text - 1
#define GAPS                             .event = GAP
#define HALF_CLOSES                      .event = HALF_CLOSE

/* Connections made: of a Client "a" with a clean session, with a new stored one, with one stored before. */
#define CONNECTED(number)        OPENS(number), C(number, CONNECT("a")), S(number, CONNACK)
#define CONNECTED_STORED(number) OPENS(number), C(number, CONNECT_STORED("a")), S(number, CONNACK)
#define RESUMED(number)          OPENS(number), C(number, CONNECT_STORED("a")), S(number, CONNACK_PRESENT)
/* Afterwards it is certain that neither side holds a session. */
#define CLEANED CONNECTED(0), C(0, DISCONNECT), CLOSES(0)
/* To MQTT 3.1. */
#define CONNECTED_3_1(number) OPENS(number), C(number, CONNECT("a"), .level = 3), S(number, CONNACK)
/* MQTT 5.0. */
#define NUMBER(identifier, number)                                                                                     \
    { identifier, number, NULL, NULL }
#define TEXT(identifier, text)                                                                                         \
    { identifier, 0, text, NULL }
#define PAIR(identifier, name, value)                                                                                  \
    { identifier, 0, name, value }
#define PROPERTIES(...)         .properties = {__VA_ARGS__}
#define CONNECT5(name)          .type = MQTT_CONNECT, .text = name, .level = 5
#define CONNECT5_STORED(name)   .type = MQTT_CONNECT, .text = name, .level = 5, .stored = true
#define UNSUBACK5(number, list) .type = MQTT_UNSUBACK, .id = number, .bytes = list, .length = sizeof list - 1
#define AUTH(reason)            .type = MQTT_AUTH, .code = reason
#define REASON(number)          .code = number
#define EXPIRY(seconds)         PROPERTIES(NUMBER(MQTT_SESSION_EXPIRY_INTERVAL, seconds))
#define ALIAS(number)           PROPERTIES(NUMBER(MQTT_TOPIC_ALIAS, number))
#define METHOD(name)            PROPERTIES(TEXT(MQTT_AUTHENTICATION_METHOD, name))
#define CONNECTED5(number)      OPENS(number), C(number, CONNECT5("a")), S(number, CONNACK)
/* With a session that never expires, new and resumed. */
#define FOREVER                   EXPIRY(UINT32_MAX)
#define CONNECTED5_STORED(number) OPENS(number), C(number, CONNECT5_STORED("a"), FOREVER), S(number, CONNACK)
#define STARTED5(number)          OPENS(number), C(number, CONNECT5("a"), FOREVER), S(number, CONNACK)
#define RESUMED5(number)          OPENS(number), C(number, CONNECT5_STORED("a"), FOREVER), S(number, CONNACK_PRESENT)
/* After it, the Client has received CONNACK: it answers a message of the Server. */
#define INFORMED(number)                                                                                               \
    C(number, SUBSCRIBE(98, {"informed", 1})), S(number, SUBACK(98, "\1")), S(number, PUBLISH1(98, "informed", "")),   \
        C(number, PUBACK(98))
/* To all topics, at QoS 2. */
#define SUBSCRIBED(number) C(number, SUBSCRIBE(99, {"#", 2})), S(number, SUBACK(99, "\2"))

/* ---- Playing ------------------------------------------------------------------------------------------------------
 */

/* Changes to a conversation under which the monitor must not report anything new. */
struct variation {
    bool server_sends;     /* rows about messages: the Server publishes */
    bool bytewise;         /* each byte by itself */
    bool late;             /* no beginning was seen */
    bool subset;           /* it may report less than the row says */
    bool lost;             /* the packet of line `gap_at` is lost, else there is a gap before it */
    int gap_at;            /* line number, or -1 */
    unsigned long fail_at; /* this allocation fails, counted from 1; 0 for none */
};

struct play {
    struct variation variation;
    const struct conversation *conversation;
    int line;
    bool told; /* the line's breach was reported */
    unsigned long allocations;
    unsigned long allocated;
    unsigned long packets;
    struct monitor *monitor;
    struct monitored *connections[CONNECTIONS];
    enum mqtt_version versions[CONNECTIONS];
    microseconds now;
};

static void *play_allocate(void *context, size_t size) {
    struct play *play = context;
    if (++play->allocations == play->variation.fail_at)
        return NULL;
    void *memory = malloc(size);
    assert_non_null(memory);
    play->allocated += size;
    return memory;
}

static void play_release(void *context, void *memory, size_t size) {
    struct play *play = context;
    play->allocated -= size;
    free(memory);
}

static enum mqtt_side side_of(const struct play *play, const struct line *line) {
    switch (line->actor) {
    case THE_CLIENT:
        return MQTT_CLIENT;
    case THE_SERVER:
        return MQTT_SERVER;
    case THE_SENDER:
        return play->variation.server_sends ? MQTT_SERVER : MQTT_CLIENT;
    case THE_RECEIVER:
        break;
    }
    return play->variation.server_sends ? MQTT_CLIENT : MQTT_SERVER;
}

static enum spec_statement expected(const struct play *play, const struct line *line) {
    bool by_server = side_of(play, line) == MQTT_SERVER && line->breaks_if_sent != SPEC_NONE;
    return by_server ? line->breaks_if_sent : line->breaks;
}

static void play_breach(void *context, const struct monitor_breach *breach) {
    struct play *play = context;
    const struct line *line = &play->conversation->lines[play->line];
    enum spec_statement statement = expected(play, line);
    if (breach->statement != statement || play->told || breach->side != side_of(play, line))
        fail_msg("\"%s\", line %d, gap at %d, allocation %lu: %s reported of the %s: %s, expected %s",
                 play->conversation->name, play->line, play->variation.gap_at, play->variation.fail_at,
                 spec_name(breach->statement), breach->side == MQTT_CLIENT ? "Client" : "Server", breach->what,
                 play->told ? "nothing more" : spec_name(statement));
    assert_int_equal(breach->time, play->now);
    assert_ptr_equal(breach->owner, &play->connections[line->event == TICK ? 0 : line->connection]);
    play->told = true;
}

static void play_packet(void *context, void *owner, enum mqtt_side side, microseconds time,
                        const struct mqtt_packet *packet, struct mqtt_bytes bytes) {
    struct play *play = context;
    const struct line *line = &play->conversation->lines[play->line];
    assert_ptr_equal(owner, &play->connections[line->connection]);
    assert_int_equal(side, side_of(play, line));
    assert_int_equal(time, play->now);
    assert_int_equal(bytes.data[0] >> 4, packet->type);
    play->packets++;
}

static size_t encode_filters(const struct line *line, uint8_t *buffer, size_t capacity) {
    size_t length = 0;
    for (size_t i = 0; i < sizeof line->filters / sizeof *line->filters && line->filters[i].filter != NULL; i++)
        assert_true(mqtt_append_filter(buffer, capacity, &length, mqtt_text(line->filters[i].filter),
                                       line->type == MQTT_SUBSCRIBE ? &line->filters[i].qos : NULL));
    return length;
}

static struct mqtt_packet connect_packet(const struct line *line) {
    bool old = line->level == MQTT_3_1;
    return (struct mqtt_packet){.type = MQTT_CONNECT,
                                .connect = {.protocol_name = mqtt_text(old ? "MQIsdp" : "MQTT"),
                                            .protocol_level = (uint8_t)(line->level != 0 ? line->level : MQTT_3_1_1),
                                            .flags = line->stored ? 0 : MQTT_CONNECT_CLEAN_SESSION,
                                            .keep_alive = line->keep_alive,
                                            .client_identifier = mqtt_text(line->text)}};
}

static size_t encode_properties(const struct line *line, uint8_t *buffer, size_t capacity) {
    size_t length = 0;
    for (size_t i = 0; i < sizeof line->properties / sizeof *line->properties; i++) {
        struct mqtt_property property = {.identifier = (uint8_t)line->properties[i].identifier,
                                         .number = line->properties[i].number};
        if (line->properties[i].text != NULL)
            property.bytes = mqtt_text(line->properties[i].text);
        if (line->properties[i].value != NULL)
            property.value = mqtt_text(line->properties[i].value);
        if (property.identifier != 0)
            assert_true(mqtt_append_property(buffer, capacity, &length, &property));
    }
    return length;
}

static size_t encode_line(struct play *play, const struct line *line, uint8_t *buffer, size_t capacity) {
    uint8_t filters[64];
    uint8_t properties[128];
    struct mqtt_packet packet = {.type = line->type, .flags = mqtt_required_flags(line->type)};
    struct mqtt_bytes set = {properties, (uint32_t)encode_properties(line, properties, sizeof properties)};
    struct mqtt_bytes optional = set.length > 0 ? set : (struct mqtt_bytes){NULL, 0};
    struct mqtt_bytes codes = {(const uint8_t *)line->bytes, line->length};
    if (line->level != 0)
        play->versions[line->connection] = (enum mqtt_version)line->level;
    bool in_5_0 = play->versions[line->connection] == MQTT_5_0;
    struct mqtt_bytes encoded = {filters, (uint32_t)encode_filters(line, filters, sizeof filters)};
    if (line->type == MQTT_CONNECT) {
        packet = connect_packet(line);
        packet.connect.properties = set;
        play->versions[line->connection] = packet.connect.protocol_level;
    } else if (line->type == MQTT_CONNACK) {
        packet.connack =
            (struct mqtt_connack){.acknowledge_flags = line->present, .code = line->code, .properties = set};
    } else if (line->type == MQTT_PUBLISH) {
        packet.flags = (uint8_t)(line->qos << MQTT_PUBLISH_QOS_SHIFT | (line->dup ? MQTT_PUBLISH_DUP : 0) |
                                 (line->retain ? MQTT_PUBLISH_RETAIN : 0));
        packet.publish = (struct mqtt_publish){.topic = mqtt_text(line->text),
                                               .packet_identifier = line->id,
                                               .properties = set,
                                               .payload = mqtt_text(line->payload != NULL ? line->payload : "")};
    } else if (line->type == MQTT_SUBSCRIBE) {
        packet.flags |= line->dup ? MQTT_PUBLISH_DUP : 0;
        packet.subscribe =
            (struct mqtt_subscribe){.packet_identifier = line->id, .properties = set, .filters = encoded};
    } else if (line->type == MQTT_UNSUBSCRIBE) {
        packet.unsubscribe =
            (struct mqtt_unsubscribe){.packet_identifier = line->id, .properties = set, .filters = encoded};
    } else if (line->type == MQTT_SUBACK || (line->type == MQTT_UNSUBACK && in_5_0)) {
        packet.suback = (struct mqtt_suback){.packet_identifier = line->id, .properties = set, .codes = codes};
    } else if (line->id != 0) {
        packet.acknowledgement = (struct mqtt_acknowledgement){
            .packet_identifier = line->id, .reason_code = line->code, .properties = optional};
    } else {
        packet.disconnect = (struct mqtt_disconnect){.reason_code = line->code, .properties = optional};
    }
    size_t length = mqtt_encode(play->versions[line->connection], &packet, buffer, capacity);
    assert_true(length > 0);
    return length;
}

/* From a block of exactly their size, so that a sanitizer sees what is read behind them. */
static void send_bytes(struct play *play, const struct line *line, const void *bytes, size_t length) {
    struct monitored *connection = play->connections[line->connection];
    size_t step = play->variation.bytewise ? 1 : length;
    for (size_t i = 0; i < length; i += step) {
        uint8_t *copy = malloc(step);
        assert_non_null(copy);
        memcpy(copy, (const uint8_t *)bytes + i, step);
        monitor_bytes(connection, side_of(play, line), (struct mqtt_bytes){copy, (uint32_t)step}, play->now);
        free(copy);
    }
}

static void play_sent(struct play *play, const struct line *line) {
    uint8_t buffer[256];
    struct monitored *connection = play->connections[line->connection];
    bool at_gap = play->line == play->variation.gap_at;
    size_t length = line->length;
    if (line->event == PACKET)
        length = encode_line(play, line, buffer, sizeof buffer);
    if (connection == NULL)
        return;
    if (at_gap)
        monitor_gap(connection, side_of(play, line), play->now);
    if (!at_gap || !play->variation.lost)
        send_bytes(play, line, line->event == PACKET ? (const void *)buffer : line->bytes, length);
}

static void play_line(struct play *play, const struct line *line) {
    struct monitored **connection = &play->connections[line->connection];
    switch (line->event) {
    case OPEN:
    case OPEN_LATE:
        assert_null(*connection);
        *connection = monitor_open(play->monitor, play->now, connection, line->event == OPEN && !play->variation.late);
        break;
    case CLOSE:
        if (*connection != NULL)
            monitor_close(*connection, play->now);
        *connection = NULL;
        break;
    case TICK:
        monitor_tick(play->monitor, play->now);
        break;
    case HALF_CLOSE:
        if (*connection != NULL)
            monitor_half_closed(*connection, side_of(play, line), play->now);
        break;
    case GAP:
        if (*connection != NULL)
            monitor_gap(*connection, side_of(play, line), play->now);
        break;
    case PACKET:
    case RAW:
        play_sent(play, line);
        break;
    }
}

static bool line_is_empty(const struct line *line) {
    return line->event == PACKET && line->type == MQTT_RESERVED;
}

/* Returns how many allocations were made. Fails when other than the row's breaches were reported. */
static unsigned long play_conversation(const struct conversation *conversation, struct variation variation) {
    struct play play = {.variation = variation, .conversation = conversation, .now = 5000000};
    struct environment environment = {.context = &play, .allocate = play_allocate, .release = play_release};
    struct monitor_hooks hooks = {&play, play_breach, play_packet};
    play.monitor = monitor_create(&hooks, &environment);
    for (int i = 0; play.monitor != NULL && i < CONVERSATION_LINES && !line_is_empty(&conversation->lines[i]); i++) {
        const struct line *line = &conversation->lines[i];
        play.line = i;
        play.told = false;
        play.now += line->after * UINT64_C(1000);
        play_line(&play, line);
        if (line->breaks != SPEC_NONE && !play.told && !variation.subset)
            fail_msg("\"%s\", line %d: %s was not reported", conversation->name, i, spec_name(expected(&play, line)));
    }
    monitor_destroy(play.monitor);
    assert_int_equal(play.allocated, 0);
    return play.allocations;
}

static bool goes_both_ways(const struct conversation *conversation) {
    for (int i = 0; i < CONVERSATION_LINES; i++)
        if (conversation->lines[i].actor == THE_SENDER || conversation->lines[i].actor == THE_RECEIVER)
            return true;
    return false;
}

static int line_count(const struct conversation *conversation) {
    int count = 0;
    while (count < CONVERSATION_LINES && !line_is_empty(&conversation->lines[count]))
        count++;
    assert_true(count < CONVERSATION_LINES);
    return count;
}

/* The line is not a whole packet: the lines of raw bytes around it carry the rest. */
static bool is_part(const struct conversation *conversation, int number) {
    const struct line *line = &conversation->lines[number];
    return line->event == RAW && ((number > 0 && line[-1].event == RAW) || line[1].event == RAW);
}

/* What a row says is reported, whole or byte by byte. Who knows less reports nothing else. */
static void play_all_ways(const struct conversation *conversation, bool server_sends) {
    struct variation plain = {.server_sends = server_sends, .gap_at = -1};
    struct variation varied = plain;
    play_conversation(conversation, plain);
    varied.bytewise = true;
    play_conversation(conversation, varied);
    varied = plain;
    varied.subset = true;
    varied.late = true;
    play_conversation(conversation, varied);
    varied.late = false;
    for (varied.gap_at = 0; varied.gap_at < line_count(conversation); varied.gap_at++) {
        const struct line *line = &conversation->lines[varied.gap_at];
        varied.lost = false;
        if (!is_part(conversation, varied.gap_at))
            play_conversation(conversation, varied);
        /* Without a line that breaks something, other lines may break something else. */
        varied.lost = true;
        if (!is_part(conversation, varied.gap_at) && line->breaks == SPEC_NONE)
            play_conversation(conversation, varied);
    }
    varied = plain;
    varied.subset = true;
    for (varied.fail_at = 1; play_conversation(conversation, varied) >= varied.fail_at; varied.fail_at++)
        ;
}

static void row_holds(void **state) {
    const struct conversation *conversation = *state;
    play_all_ways(conversation, false);
    if (goes_both_ways(conversation))
        play_all_ways(conversation, true);
}

#define ROWS_MAXIMUM 200

/* Each row is a test of its own name. Returns how many failed. */
static int play_table(const char *name, const struct conversation *conversations, size_t count) {
    struct CMUnitTest tests[ROWS_MAXIMUM];
    if (count > ROWS_MAXIMUM)
        return -1;
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){.name = conversations[i].name,
                                       .test_func = row_holds,
                                       .initial_state = (void *)(uintptr_t)&conversations[i]};
    return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

#endif
