/* The notation of scenarios.
 *
 * A scenario is a table: a sentence on what it shows, the statements it tests, and steps, one packet a line.
 * Clients are called A, B, C and D. The other end is always the broker under test.
 *
 *     SCENARIO(qos0_reaches_subscriber,
 *         "A QoS 0 message reaches a subscriber once",
 *         STATEMENTS(V311(4_3_1_1)),
 *         CONNECTED(A),
 *         SUBSCRIBED(A, "~/t", 0),
 *         CONNECTED(B),
 *         SEND(B, PUBLISH(.topic = "~/t", .payload = "hello")),
 *         EXPECT(A, V311(4_3_1_1), PUBLISH(.topic = "~/t", .qos = 0, .dup = 0, .payload = "hello")))
 *
 * "~" in a topic, filter or Client Identifier stands for text that belongs to this run of this scenario alone, so
 * that all scenarios can run at once against one broker, and nothing of an earlier run is in the way. It holds
 * letters and digits only. PUBLISH packets that reach a client on topics without it (or without it right behind a
 * leading $) belong to others and are passed over, and acknowledged where their QoS asks for it.
 *
 * What SEND leaves out has its usual value. What EXPECT leaves out is not checked.
 *
 * Order. A broker answers requests in its own time, and the standard does not order a SUBACK against a PUBLISH.
 * So an EXPECT takes the first packet of its type that has come on that connection and not been taken, and waits
 * if there is none. Packets of one type are thus taken in the order in which they came. EXPECT_NEXT takes the first
 * packet of any type.
 *
 * Absence. Nothing is waited for in vain: a step that must not see a packet is followed by a message on the same
 * way that must be the next one to come (a fence); whatever came before it is then found in its place.
 *
 * DISCONNECT. A client that has sent it expects to be closed. Unless the next step looks at that connection, what
 * follows waits until the broker has closed it, or for a part of the timeout, and then the client closes it. So
 * other clients see what the disconnection brought about.
 *
 * MQTT 5.0. A scenario is written once for all versions that it holds in. What it says in the terms of 3.1.1 is read
 * in 5.0 as follows.
 * - A statement of 3.1.1 stands for its counterpart in 5.0, as the table of statements gives it: spec_in_5_0().
 * - CONNECT with .clean_session = 0 has Clean Start 0 and a Session Expiry Interval of an hour, unless the scenario
 *   gives that property itself; with 1 it has Clean Start 1 and no Session Expiry Interval.
 * - .code of CONNACK 1 to 5 stands for 0x84, 0x85, 0x88, 0x86, 0x87; REFUSAL for any code that refuses, in all
 *   versions. A code 0x80 in CODES() stands for any from 0x80 up, and codes below stand for themselves.
 * - Before the broker closes a connection it may send DISCONNECT with a Reason Code from 0x80 up; an expectation that
 *   allows CLOSED() lets it pass, unless it asks for a DISCONNECT itself.
 * - A PUBLISH that comes with a Topic Alias is compared by the Topic Name that the alias stands for; .wire_topic asks
 *   for what is on the wire.
 * - What the CONNACK of a connection says that the broker lacks (QoS, retained messages, wildcards, Subscription
 *   Identifiers, Shared Subscriptions, Topic Aliases) is not asked of it: a SEND that would makes the scenario end as
 *   skipped, unless the pattern says .beyond_offer. So does a SEND of a packet over its Maximum Packet Size, or of more
 *   messages in one step than its Receive Maximum, unless that number is itself ANNOUNCED(); a CONNECT with
 *   .clean_session = 0 once a CONNACK of this run has cut a Session Expiry Interval down to 0; and a Server Keep Alive
 *   other than the .keep_alive that the scenario gives, where it goes on to measure time.
 * - A client may speak 3.1.1 in a play of 5.0: its CONNECT says .protocol_level = 4. What 5.0 adds is then neither sent
 *   nor looked at on its connection.
 * - A CONNECT with a protocol that nobody knows, by name or version, may be answered in the form of any.
 * - A CONNACK that fits no alternative and says that the Server cannot serve anybody more now (unavailable, busy, quota
 *   or connection rate exceeded) makes the scenario end as skipped.
 *
 * Every step waits at most the run's timeout, and for a close before CONNACK at least PATIENCE_BEFORE_CONNACK. All that
 * a broker may do by the standard is listed as an alternative in the one EXPECT. */
#ifndef MQSPEC_SCENARIO_H
#define MQSPEC_SCENARIO_H

#include "codec/codec.h"
#include "reference/websocket.h"
#include "spec/spec.h"

/* The clients of a scenario. */
enum scenario_client { A, B, C, D, SCENARIO_CLIENTS };

/* Not given: not checked in EXPECT, the usual value in SEND. */
#define ANY (-1)

/* A Packet Identifier that the broker chooses. The first EXPECT that meets ID(n) learns it, later ones compare,
 * SEND uses it. n is 0 to 7. */
#define ID(n)                (0x10000 + (n))
#define IDENTIFIER_VARIABLES 8
/* In EXPECT: any Packet Identifier but the one that ID(n) holds. */
#define OTHER_THAN_ID(n) (0x20000 + (n))

/* In .code and .reason: any that tells of failure, and any that does not. */
#define REFUSAL (-2)
#define FINE    (-3)

/* A number that the broker's CONNACK on the same connection announced with that property, and so many more: as a
 * property's number, .packet_size or .repeat. Where it announced none, the standard's default counts; where there is no
 * default, or one more cannot be had, the scenario is skipped. */
#define ANNOUNCED(property, more) (0x1000000 + (property)*0x10000 + 0x8000 + (more))

/* The Client Identifier that the broker assigned to that client's connection in this scenario, in .client_identifier.
 */
#define ASSIGNED_TO_A "\001A"
#define ASSIGNED_TO_B "\001B"
#define ASSIGNED_TO_C "\001C"
#define ASSIGNED_TO_D "\001D"

/* Authentication Data of SCRAM-SHA-256 (RFC 7677) as a Client makes it, in a property's text: its first message, its
 * answer to what the broker last sent on this connection, and a wrong answer. User name and password are the run's. */
#define SCRAM_FIRST "\001scram-first"
#define SCRAM_FINAL "\001scram-final"
#define SCRAM_WRONG "\001scram-wrong"

/* A property to send, or to find in what came. */
enum property_test { PROPERTY_EQUALS, PROPERTY_PRESENT, PROPERTY_ABSENT, PROPERTY_BETWEEN };

struct property_pattern {
    enum property_test test;
    uint8_t identifier;
    int64_t number;    /* of an integer form; the least for BETWEEN */
    int64_t most;      /* for BETWEEN */
    const char *text;  /* of a string, binary data, or the name of a pair; "~" as in topics */
    int length;        /* of `text` where it is binary data with zeros in it; 0: up to the terminating zero */
    const char *value; /* of a pair */
};

#define NUMBER(property, wanted)                                                                                       \
    { .test = PROPERTY_EQUALS, .identifier = (property), .number = (wanted) }
#define TEXT(property, wanted)                                                                                         \
    { .test = PROPERTY_EQUALS, .identifier = (property), .text = (wanted) }
#define BINARY(property, literal)                                                                                      \
    { .test = PROPERTY_EQUALS, .identifier = (property), .text = (literal), .length = (int)sizeof(literal) - 1 }
/* Where an expectation names one User Property, what came has exactly those that it names, in that order. */
#define USER(name, wanted)                                                                                             \
    { .test = PROPERTY_EQUALS, .identifier = MQTT_USER_PROPERTY, .text = (name), .value = (wanted) }
#define PRESENT(property)                                                                                              \
    { .test = PROPERTY_PRESENT, .identifier = (property) }
#define ABSENT(property)                                                                                               \
    { .test = PROPERTY_ABSENT, .identifier = (property) }
#define BETWEEN(property, least, greatest)                                                                             \
    { .test = PROPERTY_BETWEEN, .identifier = (property), .number = (least), .most = (greatest) }

/* Where an expectation names one Subscription Identifier, what came has exactly those that it names, in any order.
 *
 * SEND sends what is to be equal. ABSENT(MQTT_SESSION_EXPIRY_INTERVAL) keeps that from being added to a CONNECT with
 * .clean_session = 0.
 *
 * In a pattern: .topic = "~/t", PROPERTIES(NUMBER(MQTT_TOPIC_ALIAS, 1), USER("name", "value")). */
#define PROPERTIES(...)                                                                                                \
    .properties = (const struct property_pattern[]){__VA_ARGS__},                                                      \
    .property_count = COUNT_OF(((const struct property_pattern[]){__VA_ARGS__}))
#define WILL_PROPERTIES(...)                                                                                           \
    .will_properties = (const struct property_pattern[]){__VA_ARGS__},                                                 \
    .will_property_count = COUNT_OF(((const struct property_pattern[]){__VA_ARGS__}))

enum pattern_kind {
    PATTERN_PACKET,
    PATTERN_CLOSED,  /* the broker closes the connection */
    PATTERN_TIMEOUT, /* nothing of the kind comes within `before` */
};

/* A packet to send, or what a received one must look like. Numbers are ANY where not given, strings NULL. */
struct pattern {
    enum pattern_kind kind;
    enum mqtt_type type;
    int flags;             /* low nibble of the first byte, when it is to be sent other than the fields say */
    int packet_identifier; /* SEND: 1 when not given */
    /* CONNECT */
    const char *protocol_name;
    int protocol_level;
    int clean_session;             /* SEND: 1 when not given */
    int keep_alive;                /* seconds; SEND: 60 when not given */
    const char *client_identifier; /* SEND: "~A" for client A when not given */
    const char *will_topic;        /* sets the Will Flag */
    const char *will_message;
    int will_qos;
    int will_retain;
    const char *user_name;
    const char *password;
    int connect_flags; /* SEND: the whole byte, when it is to differ from what the fields say */
    /* CONNACK */
    int session_present; /* not looked at in MQTT 3.1, where the bit is reserved */
    int code;            /* return code, 5.0: Reason Code as told above */
    /* PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT, AUTH, and CONNACK when no return code of 3.1.1 stands for it */
    int reason; /* SEND: left out when not given. Before 5.0 not looked at and not sent */
    /* MQTT 5.0: all packets. Before, not looked at and not sent. SEND: an empty set when not given, and left out where
     * the packet may end before it. */
    const struct property_pattern *properties;
    size_t property_count;
    const struct property_pattern *will_properties; /* CONNECT */
    size_t will_property_count;
    bool beyond_offer; /* SEND: what the broker said that it lacks is asked for on purpose */
    int packet_size;   /* SEND of PUBLISH: the payload is made so long that the whole packet has this size; EXPECT: it
                          has this size at most */
    int repeat;        /* SEND: so many times, each with the next Packet Identifier; 1 when not given */
    /* PUBLISH */
    const char *topic;
    const char *wire_topic;
    const char *payload; /* "" is an empty one */
    int payload_size;    /* a payload of this many bytes made by the player, in place of `payload` */
    int qos;
    int dup;
    int retain;
    /* SUBSCRIBE and UNSUBSCRIBE: pairs of filter and QoS (-1 where the packet has none); in 5.0 the whole byte of
     * Subscription Options */
    struct {
        const char *filter;
        int qos;
    } filters[4];
    int filter_count; /* ANY: as many as have a filter given */
    /* SUBACK, and UNSUBACK of 5.0: the codes, as a string of that many bytes */
    const char *codes;
    int codes_length;
    /* Milliseconds; 0: no bound but the run's timeout. `before` counts from the end of the step before. `after` counts
     * from the end of the last step that was no expectation: the broker's clock may start when it receives that, and
     * its answers may be held up on the way. */
    int after;
    int before;
    /* What it means when this alternative is what came. NULL: the expectation holds. */
    const char *skip; /* the target lacks something optional: the scenario ends with this reason */
    const char *warn; /* a SHOULD is not followed: the scenario goes on and ends with at most a warning */
    bool may_come;    /* EXPECT: it may come, any number of times, before what is awaited */
};

enum step_kind {
    STEP_SEND,        /* the client sends the patterns in one write, opening its connection if it has none */
    STEP_SEND_BYTES,  /* the client sends `bytes` as they are */
    STEP_SEND_BROKEN, /* as SEND of one packet, with the change that `broken` describes */
    STEP_EXPECT,      /* one of the patterns must come */
    STEP_EXPECT_NEXT, /* one of the patterns must be the very next */
    STEP_EXPECT_ALL,  /* all of the patterns must come, in any order */
    STEP_OPEN,        /* the client opens a connection and sends nothing */
    STEP_DROP,        /* the client closes its connection without DISCONNECT */
    STEP_WAIT,        /* `milliseconds` pass */
    STEP_SUBPROTOCOL, /* the broker has chosen this subprotocol of WebSocket for the client's open connection */
};

enum broken_kind {
    BROKEN_NOTHING,
    BROKEN_BYTE,       /* the byte at `offset` is replaced by `value`; negative offsets count from the end */
    BROKEN_CUT,        /* the last `value` bytes are left out and the Remaining Length says so: ends too early */
    BROKEN_APPEND,     /* `value` zero bytes are added and the Remaining Length says so: has something behind */
    BROKEN_BYTEWISE,   /* nothing is wrong, but each byte is sent by itself */
    BROKEN_UNFINISHED, /* the last `value` bytes are not sent */
};

struct step {
    enum step_kind kind;
    enum scenario_client client;
    bool either; /* EXPECT: what is awaited may come to `other` in place of `client` */
    enum scenario_client other;
    enum spec_statement statement; /* that is broken when an expectation is not met */
    const struct pattern *patterns;
    size_t pattern_count;
    const uint8_t *bytes; /* for SEND_BYTES */
    size_t length;
    enum broken_kind broken;
    int offset;
    int value;
    int milliseconds;
    const char *subprotocol;
    const char *source; /* the step as it stands in the table */
};

/* Versions that a scenario is played in. */
enum scenario_versions { IN_3_1 = 1, IN_3_1_1 = 2, IN_5_0 = 4 };

/* How clients use WebSocket where a scenario is about that. */
struct websocket_use {
    enum websocket_framing framing; /* of each SEND */
    const char *subprotocols;       /* that they offer; NULL: "mqtt" */
};

struct scenario {
    const char *name; /* words with underscores; unique */
    const char *title;
    const char *file;
    int line;
    unsigned versions;                     /* of enum scenario_versions; 0 means IN_3_1 | IN_3_1_1 | IN_5_0 */
    const char *no_deviation;              /* why no deviation can fail it; NULL where one does */
    bool generated;                        /* from the codec's tables */
    const struct websocket_use *websocket; /* where it is played over WebSocket only; NULL: over all transports */
    const enum spec_statement *statements;
    size_t statement_count;
    const struct step *steps;
    size_t step_count;
};

struct scenario_set;

/* A family of scenarios: keepalive, QoS, ... One file in conformance/scenarios/ defines each: as a table, or as a
 * function that makes the scenarios from other tables and adds them to the set. */
struct scenario_family {
    const char *name;
    const struct scenario *scenarios;
    size_t count;
    bool (*generate)(struct scenario_set *set); /* NULL where there is nothing to make; false: no memory */
};

/* All families; ends with NULL. */
extern const struct scenario_family *const scenario_families[];

/* ---- The table notation --------------------------------------------------------------------------------- */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* SCENARIO(name, title, STATEMENTS(...), steps...) and, with more fields, SCENARIO_WITH(name, title,
 * STATEMENTS(...), (.versions = IN_3_1_1, .no_deviation = "..."), steps...). Both stand in an array of
 * struct scenario. */
#define STATEMENTS(...)                                                                                                \
    .statements = (const enum spec_statement[]){__VA_ARGS__},                                                          \
    .statement_count = COUNT_OF(((const enum spec_statement[]){__VA_ARGS__}))
#define STEPS(...)                                                                                                     \
    .steps = (const struct step[]){__VA_ARGS__}, .step_count = COUNT_OF(((const struct step[]){__VA_ARGS__}))
#define SCENARIO(scenario_name, scenario_title, tested, ...)                                                           \
    { .name = #scenario_name, .title = scenario_title, .file = __FILE__, .line = __LINE__, tested, STEPS(__VA_ARGS__) }
#define SCENARIO_WITH(scenario_name, scenario_title, tested, fields, ...)                                              \
    {                                                                                                                  \
        .name = #scenario_name, .title = scenario_title, .file = __FILE__, .line = __LINE__, tested,                   \
        WITHOUT_PARENTHESES fields, STEPS(__VA_ARGS__)                                                                 \
    }
#define WITHOUT_PARENTHESES(...) __VA_ARGS__
/* Among the fields of SCENARIO_WITH: OVER_WEBSOCKET(.framing = FRAMED_BYTEWISE). */
#define OVER_WEBSOCKET(...)                                                                                            \
    .websocket = &(const struct websocket_use) {                                                                       \
        __VA_ARGS__                                                                                                    \
    }

#define PATTERN(pattern_type, ...)                                                                                     \
    {                                                                                                                  \
        .kind = PATTERN_PACKET, .type = (pattern_type), .flags = ANY, .packet_identifier = ANY, .protocol_level = ANY, \
        .reason = ANY, .packet_size = ANY, .repeat = ANY, .clean_session = ANY, .keep_alive = ANY, .will_qos = ANY,    \
        .will_retain = ANY, .connect_flags = ANY, .session_present = ANY, .code = ANY, .payload_size = ANY,            \
        .qos = ANY, .dup = ANY, .retain = ANY, .filter_count = ANY, __VA_ARGS__                                        \
    }

#define CONNECT(...)     PATTERN(MQTT_CONNECT, __VA_ARGS__)
#define CONNACK(...)     PATTERN(MQTT_CONNACK, __VA_ARGS__)
#define PUBLISH(...)     PATTERN(MQTT_PUBLISH, __VA_ARGS__)
#define PUBACK(...)      PATTERN(MQTT_PUBACK, __VA_ARGS__)
#define PUBREC(...)      PATTERN(MQTT_PUBREC, __VA_ARGS__)
#define PUBREL(...)      PATTERN(MQTT_PUBREL, __VA_ARGS__)
#define PUBCOMP(...)     PATTERN(MQTT_PUBCOMP, __VA_ARGS__)
#define SUBSCRIBE(...)   PATTERN(MQTT_SUBSCRIBE, __VA_ARGS__)
#define SUBACK(...)      PATTERN(MQTT_SUBACK, __VA_ARGS__)
#define UNSUBSCRIBE(...) PATTERN(MQTT_UNSUBSCRIBE, __VA_ARGS__)
#define UNSUBACK(...)    PATTERN(MQTT_UNSUBACK, __VA_ARGS__)
#define PINGREQ(...)     PATTERN(MQTT_PINGREQ, __VA_ARGS__)
#define PINGRESP(...)    PATTERN(MQTT_PINGRESP, __VA_ARGS__)
#define DISCONNECT(...)  PATTERN(MQTT_DISCONNECT, __VA_ARGS__)
#define AUTH(...)        PATTERN(MQTT_AUTH, __VA_ARGS__)
#define CLOSED(...)                                                                                                    \
    { .kind = PATTERN_CLOSED, __VA_ARGS__ }
/* Nothing of what the other patterns name comes: SILENCE(.before = 2000, .skip = "..."). */
#define SILENCE(...)                                                                                                   \
    { .kind = PATTERN_TIMEOUT, __VA_ARGS__ }

/* Return codes of SUBACK: .codes = ..., as CODES("\x00\x80"). */
#define CODES(string) .codes = string, .codes_length = (int)sizeof(string) - 1

#define PATTERNS(...)                                                                                                  \
    .patterns = (const struct pattern[]){__VA_ARGS__},                                                                 \
    .pattern_count = COUNT_OF(((const struct pattern[]){__VA_ARGS__}))

/* SEND(client, packet, further packets...). */
#define SEND(from, ...)                                                                                                \
    { .kind = STEP_SEND, .client = (from), PATTERNS(__VA_ARGS__), .source = "SEND(" #from ", " #__VA_ARGS__ ")" }
/* Raw bytes: SEND_BYTES(A, 0xF0, 0x00). */
#define SEND_BYTES(from, ...)                                                                                          \
    {                                                                                                                  \
        .kind = STEP_SEND_BYTES, .client = (from), .bytes = (const uint8_t[]){__VA_ARGS__},                            \
        .length = sizeof((const uint8_t[]){__VA_ARGS__}), .source = "SEND_BYTES(" #from ", " #__VA_ARGS__ ")"          \
    }
/* SEND_BROKEN(A, BYTE, offset, value, packet); CUT and APPEND and UNFINISHED and BYTEWISE ignore the offset. */
#define SEND_BROKEN(from, how, at, with, ...)                                                                          \
    {                                                                                                                  \
        .kind = STEP_SEND_BROKEN, .client = (from), PATTERNS(__VA_ARGS__), .broken = BROKEN_##how, .offset = (at),     \
        .value = (with), .source = "SEND_BROKEN(" #from ", " #how ", " #at ", " #with ", " #__VA_ARGS__ ")"            \
    }
/* EXPECT(client, statement that is broken if none of these comes, pattern, further patterns...). */
#define EXPECT(at, breaks, ...)                                                                                        \
    {                                                                                                                  \
        .kind = STEP_EXPECT, .client = (at), .statement = (breaks), PATTERNS(__VA_ARGS__),                             \
        .source = "EXPECT(" #at ", " #__VA_ARGS__ ")"                                                                  \
    }
/* One of two clients gets it, the broker chooses which. Patterns are of packets alone. */
#define EXPECT_EITHER(at, or_at, breaks, ...)                                                                          \
    {                                                                                                                  \
        .kind = STEP_EXPECT, .client = (at), .either = true, .other = (or_at), .statement = (breaks),                  \
        PATTERNS(__VA_ARGS__), .source = "EXPECT_EITHER(" #at ", " #or_at ", " #__VA_ARGS__ ")"                        \
    }
#define EXPECT_NEXT(at, breaks, ...)                                                                                   \
    {                                                                                                                  \
        .kind = STEP_EXPECT_NEXT, .client = (at), .statement = (breaks), PATTERNS(__VA_ARGS__),                        \
        .source = "EXPECT_NEXT(" #at ", " #__VA_ARGS__ ")"                                                             \
    }
#define EXPECT_ALL(at, breaks, ...)                                                                                    \
    {                                                                                                                  \
        .kind = STEP_EXPECT_ALL, .client = (at), .statement = (breaks), PATTERNS(__VA_ARGS__),                         \
        .source = "EXPECT_ALL(" #at ", " #__VA_ARGS__ ")"                                                              \
    }
#define OPEN(who)                                                                                                      \
    { .kind = STEP_OPEN, .client = (who), .source = "OPEN(" #who ")" }
#define DROP(who)                                                                                                      \
    { .kind = STEP_DROP, .client = (who), .source = "DROP(" #who ")" }
#define WAIT(time)                                                                                                     \
    { .kind = STEP_WAIT, .milliseconds = (time), .source = "WAIT(" #time ")" }

#define EXPECT_SUBPROTOCOL(at, breaks, name)                                                                           \
    {                                                                                                                  \
        .kind = STEP_SUBPROTOCOL, .client = (at), .statement = (breaks), .subprotocol = (name),                        \
        .source = "EXPECT_SUBPROTOCOL(" #at ", " #name ")"                                                             \
    }

/* What most scenarios begin with. */
#define CONNECTED(who, ...) SEND(who, CONNECT(__VA_ARGS__)), EXPECT(who, V311(3_1_4_4), CONNACK(.code = 0))
#define SUBSCRIBED(who, topic_filter, granted)                                                                         \
    SEND(who, SUBSCRIBE(.packet_identifier = 101, .filters = {{topic_filter, granted}})),                              \
        EXPECT(who, V311(3_8_4_1), SUBACK(.packet_identifier = 101))

#endif
