/* The player against a scripted broker: each verdict is reached, and a broker that is wrong fails. */
#include "conformance/tests/scripted_broker.h"

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
    {.name = "before CONNACK, a close by the broker's timer is in time: pass",
     PLAYED(SEND(A, PINGREQ()), EXPECT(A, V311(3_1_0_1), CLOSED())),
     SCRIPT(CLOSES(A, 1, 19000)),
     .verdict = VERDICT_PASS},
    {.name = "before CONNACK, no close by any timer: fail",
     PLAYED(SEND(A, PINGREQ()), EXPECT(A, V311(3_1_0_1), CLOSED())),
     SCRIPT(CLOSES(A, 1, 21000)),
     .verdict = VERDICT_FAIL,
     .broken = V311(3_1_0_1),
     .reason = "did not close the connection within 20 s"},
    {.name = "behind CONNACK, a close has the timeout: fail",
     PLAYED(CONNECTED(A), SEND_BYTES(A, 0xF0, 0x00), EXPECT(A, V311(4_8_0_1), CLOSED())),
     SCRIPT(BYTES(A, 1, CONNACK_BYTES), CLOSES(A, 2, 1100)),
     .verdict = VERDICT_FAIL,
     .broken = V311(4_8_0_1),
     .reason = "did not close the connection within 1 s"},
    {.name = "Server unavailable: skip",
     PLAYED(CONNECTED(A)),
     SCRIPT(BYTES(A, 1, "\x20\x02\x00\x03"), CLOSES(A, 1, 0)),
     .verdict = VERDICT_SKIP,
     .reason = "Server unavailable"},
    {.name = "Server unavailable, where a refusal is awaited: pass",
     PLAYED(SEND(A, CONNECT()), EXPECT(A, V311(3_1_4_1), CONNACK(.code = REFUSAL))),
     SCRIPT(BYTES(A, 1, "\x20\x02\x00\x03"), CLOSES(A, 1, 0)),
     .verdict = VERDICT_PASS},
    {.name = "Quota exceeded in 5.0: skip",
     PLAYED(CONNECTED(A)),
     SCRIPT(BYTES(A, 1, "\x20\x03\x00\x97\x00"), CLOSES(A, 1, 0)),
     .version = MQTT_5_0,
     .verdict = VERDICT_SKIP,
     .reason = "Quota exceeded"},
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
    {.name = "a window opens when the tester closed the connection, not when it goes on",
     PLAYED(CONNECTED(B), SUBSCRIBED(B, "~/t", 0), CONNECTED(A), DROP(A),
            EXPECT(B, V311(3_1_2_8), PUBLISH(.after = 1000, .before = 2000))),
     SCRIPT(BYTES(B, 1, CONNACK_BYTES), BYTES(B, 2, SUBACK_BYTES), BYTES(A, 3, CONNACK_BYTES),
            LATER(B, 3, 1000, "\x30\x07\x00\x04ns/tb")),
     .verdict = VERDICT_PASS},
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
    struct fake fake = {.now = 0};
    begin(&fake, &row);
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
    struct fake fake = {.now = 0};
    begin(&fake, &row);
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

/* A client that the tester disconnected comes back once the broker had time to notice. */
static void test_noticing(void **state) {
    (void)state;
    const struct row row = {
        .name = "noticing",
        PLAYED(CONNECTED(A), DROP(A), SEND(A, CONNECT()), EXPECT(A, V311(3_1_4_4), CONNACK())),
        SCRIPT(BYTES(A, 1, CONNACK_BYTES)),
    };
    struct fake fake = {.now = MILLISECOND};
    begin(&fake, &row);
    while (fake.next == 0)
        take_turn(&fake);
    microseconds dropped = fake.now;
    assert_false(fake.open[A]);
    assert_int_equal(player_deadline(fake.player), dropped + 100 * MILLISECOND);
    player_tick(fake.player, dropped + 99 * MILLISECOND);
    assert_false(fake.opening[A]);
    player_tick(fake.player, dropped + 100 * MILLISECOND);
    assert_true(fake.opening[A]);
    player_destroy(fake.player);
}

/* A player that is thrown away in the middle leaves nothing behind; the sanitizers and valgrind look at that. */
static void test_destroyed_in_the_middle(void **state) {
    (void)state;
    for (unsigned stop = 0; stop < 8; stop++) {
        struct fake fake = {.now = 0};
        begin(&fake, &rows[0]);
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
        cmocka_unit_test(test_noticing),
        cmocka_unit_test(test_destroyed_in_the_middle),
    };
    return cmocka_run_group_tests_name("player", tests, NULL, NULL);
}
