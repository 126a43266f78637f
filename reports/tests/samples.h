/* Results made up for the tests and for looking at the page: what goes well, what goes wrong, and what is hostile. */
#ifndef MQSPEC_REPORTS_SAMPLES_H
#define MQSPEC_REPORTS_SAMPLES_H

#include "reports/reports.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Text that means something to a browser, an XML or YAML parser, a TAP reader or a terminal. */
#define HOSTILE                                                                                                        \
    "</script><script>alert(1)</script> ]]> & \" ' \\ # SKIP %s \x1b[2J\x07\r\n\x7f \xff\xc0\xaf \xc2\x9b "            \
    "\xe2\x80\xa8"                                                                                                     \
    "\xe2\x80\xae \xef\xbf\xbf <!-- \xed\xa0\x80 --> \xf0\x9f\x90\x9f"

static const uint8_t sample_connect[] = {0x10, 0x12, 0, 4, 'M', 'Q', 'T', 'T', 4,   2,
                                         0,    60,   0, 6, 's', 'a', 'm', 'p', 'l', 'e'};
static const uint8_t sample_connack[] = {0x20, 2, 0, 0};
static const uint8_t sample_publish[] = {0x30, 8, 0, 1, 't', 'h', 'e', 'l', 'l', 'o'};

static const struct transcript_line sample_qos_lines[] = {
    {TRANSCRIPT_OPENED, 100, 'A', "opens a connection", NULL, 0, false},
    {TRANSCRIPT_SENT, 130, 'A',
     "CONNECT protocol_name=\"MQTT\" protocol_level=4 clean_session=1 keep_alive=60 client_identifier=\"sample\"",
     sample_connect, sizeof sample_connect, false},
    {TRANSCRIPT_RECEIVED, 540, 'A', "CONNACK session_present=0 code=0", sample_connack, sizeof sample_connack, false},
    {TRANSCRIPT_SENT, 550, 'A', "SUBSCRIBE packet_identifier=101 filter=\"t/#\" qos=1", NULL, 0, false},
    {TRANSCRIPT_RECEIVED, 880, 'A', "SUBACK packet_identifier=101 code=1", NULL, 0, false},
    {TRANSCRIPT_OPENED, 990, 'B', "opens a connection", NULL, 0, false},
    {TRANSCRIPT_SENT, 1020, 'B', "CONNECT protocol_name=\"MQTT\" protocol_level=4 clean_session=1", NULL, 0, false},
    {TRANSCRIPT_RECEIVED, 1400, 'B', "CONNACK session_present=0 code=0", NULL, 0, false},
    {TRANSCRIPT_SENT, 1410, 'B', "PUBLISH qos=1 dup=0 retain=0 topic=\"t\" packet_identifier=1 payload=\"hello\"", NULL,
     0, false},
    {TRANSCRIPT_RECEIVED, 1600, 'B', "PUBACK packet_identifier=1", NULL, 0, false},
    {TRANSCRIPT_DROPPED, 1700, 'B', "closes the connection without DISCONNECT", NULL, 0, false},
    {TRANSCRIPT_NOTE, 1800, 0, "the tester waits for what the broker owes", NULL, 0, false},
    {TRANSCRIPT_RECEIVED, 42000, 'A', "PUBLISH qos=0 dup=0 retain=0 topic=\"t\" payload=\"hello\"", sample_publish,
     sizeof sample_publish, true},
    {TRANSCRIPT_EXPECTED, 5002000, 'A', "PUBLISH qos=1 payload=\"hello\"", NULL, 0, false},
    {TRANSCRIPT_CLOSED, 5003000, 'A', "", NULL, 0, false},
};

static const struct transcript_line sample_hostile_lines[] = {
    {TRANSCRIPT_SENT, 10000000, 'A', "PUBLISH payload=\"" HOSTILE "\"", (const uint8_t *)HOSTILE, sizeof HOSTILE - 1,
     false},
    {TRANSCRIPT_RECEIVED, 20, 'D', HOSTILE, NULL, 0, true},
    {TRANSCRIPT_NOTE, 30, 0, "...", NULL, 0, false},
};

static const struct transcript_line sample_warn_lines[] = {
    {TRANSCRIPT_OPENED, 10, 'A', "", NULL, 0, false},
    {TRANSCRIPT_CLOSED, 4600000, 'A', "", NULL, 0, true},
};

static const enum spec_statement sample_connect_rules[] = {V311(3_1_2_24)};
static const enum spec_statement sample_publish_rules[] = {V311(3_3_5_1), V311(4_3_2_1)};
static const enum spec_statement sample_unsubscribe_rules[] = {V311(3_10_4_1)};
static const enum spec_statement sample_five_rules[] = {V5(3_1_2_22), V5(4_12_0_1)};

#define SAMPLE(scenario_name, scenario_title, mqtt, rules, outcome)                                                    \
    .scenario = scenario_name, .title = scenario_title, .version = mqtt, .transport = "tcp",                           \
    .file = "conformance/scenarios/sample.c", .line = 42, .statements = rules, .statement_count = COUNT(rules),        \
    .verdict = outcome, .duration = 1234

static const struct result sample_mixed[] = {
    {SAMPLE("qos0_reaches_subscriber", "A QoS 0 message reaches a subscriber once", "3.1.1", sample_publish_rules,
            VERDICT_PASS),
     .reason = "", .expected = "", .received = ""},
    {SAMPLE("overlapping_gets_the_highest_qos", "Where subscriptions overlap, a message comes at the highest QoS",
            "3.1.1", sample_publish_rules, VERDICT_FAIL),
     .broken = V311(3_3_5_1), .reason = "the message came at a lower QoS",
     .expected = "PUBLISH qos=1 payload=\"hello\"", .received = "PUBLISH qos=0 payload=\"hello\"",
     .transcript = sample_qos_lines, .transcript_length = COUNT(sample_qos_lines)},
    {SAMPLE("hostile", "Everything that came is hostile: " HOSTILE, "3.1", sample_connect_rules, VERDICT_FAIL),
     .broken = V311(3_1_2_24), .reason = HOSTILE, .expected = HOSTILE, .received = HOSTILE,
     .transcript = sample_hostile_lines, .transcript_length = COUNT(sample_hostile_lines)},
    {SAMPLE("known_to_fail", "What is listed as an expected failure", "3.1.1", sample_unsubscribe_rules, VERDICT_FAIL),
     .expected_failure = true, .broken = SPEC_NONE, .reason = "the broker answered nothing", .expected = "UNSUBACK",
     .received = "nothing", .transcript = sample_warn_lines, .transcript_length = COUNT(sample_warn_lines)},
    {SAMPLE("keepalive_silence_closes", "Silence for long enough closes the connection", "3.1", sample_connect_rules,
            VERDICT_WARN),
     .broken = V311(3_1_2_24), .reason = "closed later than it should", .expected = "", .received = "",
     .transcript = sample_warn_lines, .transcript_length = COUNT(sample_warn_lines)},
    {SAMPLE("keepalive_silence_closes", "Silence for long enough closes the connection", "3.1.1", sample_connect_rules,
            VERDICT_WARN),
     .broken = V311(3_1_2_24), .reason = "closed later than it should", .expected = "", .received = "",
     .transcript = sample_warn_lines, .transcript_length = COUNT(sample_warn_lines)},
    {SAMPLE("wrong_password_is_refused", "A wrong password is refused", "3.1.1", sample_connect_rules, VERDICT_SKIP),
     .reason = "the target does not check users # at all", .expected = "", .received = ""},
    {SAMPLE("wrong_user_is_refused", "A wrong user is refused", "3.1.1", sample_connect_rules, VERDICT_SKIP),
     .reason = "the target does not check users # at all", .expected = "", .received = ""},
    {SAMPLE("keepalive_in_mqtt_5", "Keep Alive holds in MQTT 5.0 as well", "5.0", sample_five_rules, VERDICT_PASS),
     .reason = "", .expected = "", .received = ""},
    {.scenario = "of_no_statement",
     .title = "A scenario that names no statement",
     .version = "5.0",
     .transport = "virtual",
     .file = "conformance/scenarios/sample.c",
     .line = 7,
     .verdict = VERDICT_PASS,
     .reason = "",
     .expected = "",
     .received = "",
     .duration = 1},
};

/* MQTT 5.0: properties, Reason Codes, and text in a property that means something to each form. */
static const struct transcript_line sample_five_lines[] = {
    {TRANSCRIPT_SENT, 130, 'A',
     "CONNECT protocol_name=\"MQTT\" protocol_level=5 clean_start=1 keep_alive=60 receive_maximum=1 "
     "user_property=\"<a>\":\"# & b\" client_identifier=\"sample\"",
     NULL, 0, false},
    {TRANSCRIPT_RECEIVED, 540, 'A', "CONNACK session_present=0 reason_code=0 topic_alias_maximum=10", NULL, 0, false},
    {TRANSCRIPT_RECEIVED, 900, 'A',
     "PUBLISH qos=1 dup=0 retain=0 topic=\"t\" packet_identifier=2 subscription_identifier=7 payload=\"x\"", NULL, 0,
     true},
};
static const enum spec_statement sample_flow_rules[] = {V5(3_3_4_9)};

static const struct result sample_five[] = {
    {SAMPLE("receive_maximum_is_kept", "No more messages at a time than the Receive Maximum", "5.0", sample_flow_rules,
            VERDICT_FAIL),
     .broken = V5(3_3_4_9), .reason = "a second message came", .expected = "nothing", .received = "PUBLISH qos=1",
     .transcript = sample_five_lines, .transcript_length = COUNT(sample_five_lines)},
};

/* Each place that a verdict gives to text, filled with hostile text. */
#define SAMPLE_HOSTILE(outcome)                                                                                        \
    SAMPLE(HOSTILE, HOSTILE, "3.1.1", sample_connect_rules, outcome), .reason = HOSTILE, .expected = HOSTILE,          \
                                                                      .received = HOSTILE

#define SAMPLE_HOSTILE_LINES .transcript = sample_hostile_lines, .transcript_length = COUNT(sample_hostile_lines)

static const struct result sample_hostile[] = {
    {SAMPLE_HOSTILE(VERDICT_PASS)},
    {SAMPLE_HOSTILE(VERDICT_FAIL), SAMPLE_HOSTILE_LINES, .broken = V311(3_1_2_24)},
    {SAMPLE_HOSTILE(VERDICT_FAIL), SAMPLE_HOSTILE_LINES, .expected_failure = true},
    {SAMPLE_HOSTILE(VERDICT_WARN), SAMPLE_HOSTILE_LINES, .broken = V311(3_1_2_24)},
    {SAMPLE_HOSTILE(VERDICT_SKIP)},
};

#endif
