/* Section 6: MQTT over WebSocket. The other scenarios are played over WebSocket, too; these are about it. */
#include "conformance/scenarios/families.h"

#define VERSIONS .versions = IN_3_1_1 | IN_5_0

/* clang-format off */
/* What MQTT asks of each in between does not depend on frames, so that only their use can be at fault. */
static const struct scenario scenarios[] = {
    SCENARIO_WITH(websocket_subprotocol_is_mqtt,
        "The answer to the WebSocket handshake names the subprotocol mqtt",
        STATEMENTS(V311(6_0_0_4)), (VERSIONS, OVER_WEBSOCKET(.subprotocols = "mqtt")),
        OPEN(A),
        EXPECT_SUBPROTOCOL(A, V311(6_0_0_4), "mqtt"),
        CONNECTED(A)),
    SCENARIO_WITH(websocket_subprotocol_among_others,
        "The subprotocol mqtt is chosen among others that are offered",
        STATEMENTS(V311(6_0_0_4)), (VERSIONS, OVER_WEBSOCKET(.subprotocols = "mqspec-unknown, mqtt")),
        OPEN(A),
        EXPECT_SUBPROTOCOL(A, V311(6_0_0_4), "mqtt"),
        CONNECTED(A)),
    SCENARIO_WITH(websocket_text_frame_closes,
        "A text frame closes the connection",
        STATEMENTS(V311(6_0_0_1)), (VERSIONS, OVER_WEBSOCKET(.framing = FRAMED_AS_TEXT)),
        SEND(A, CONNECT()),
        EXPECT(A, V311(6_0_0_1), CLOSED())),
    SCENARIO_WITH(websocket_answers_in_binary_frames,
        "What the broker sends is in binary frames",
        STATEMENTS(V311(6_0_0_1)), (VERSIONS, OVER_WEBSOCKET(.framing = FRAMED_TOGETHER)),
        SEND(A, CONNECT()),
        EXPECT(A, V311(6_0_0_1), CONNACK(.code = 0)),
        SEND(A, SUBSCRIBE(.filters = {{"~/t", 0}}), PUBLISH(.topic = "~/t", .payload = "hello")),
        EXPECT(A, V311(6_0_0_1), PUBLISH(.topic = "~/t", .payload = "hello"))),
    SCENARIO_WITH(websocket_frames_of_one_byte,
        "Packets are taken from frames that hold a byte each",
        STATEMENTS(V311(6_0_0_2)), (VERSIONS, OVER_WEBSOCKET(.framing = FRAMED_BYTEWISE)),
        SEND(A, CONNECT()),
        EXPECT(A, V311(6_0_0_2), CONNACK(.code = 0)),
        SEND(A, SUBSCRIBE(.filters = {{"~/t", 0}})),
        EXPECT(A, V311(6_0_0_2), SUBACK()),
        SEND(A, PUBLISH(.topic = "~/t", .payload = "in small pieces")),
        EXPECT(A, V311(6_0_0_2), PUBLISH(.topic = "~/t", .payload = "in small pieces"))),
    SCENARIO_WITH(websocket_fragments_of_one_byte,
        "Packets are taken from messages in fragments, with pings between them",
        STATEMENTS(V311(6_0_0_2)), (VERSIONS, OVER_WEBSOCKET(.framing = FRAMED_FRAGMENTED)),
        SEND(A, CONNECT()),
        EXPECT(A, V311(6_0_0_2), CONNACK(.code = 0)),
        SEND(A, PUBLISH(.topic = "~/t", .qos = 1, .packet_identifier = 7, .payload = "in fragments")),
        EXPECT(A, V311(6_0_0_2), PUBACK(.packet_identifier = 7))),
    SCENARIO_WITH(websocket_frame_of_several_packets,
        "Packets are taken from a frame that holds several, the last of them cut",
        STATEMENTS(V311(6_0_0_2)), (VERSIONS, OVER_WEBSOCKET(.framing = FRAMED_TOGETHER)),
        CONNECTED(A),
        /* PINGREQ, PINGREQ, and the first byte of a third. */
        SEND_BYTES(A, 0xC0, 0x00, 0xC0, 0x00, 0xC0),
        EXPECT(A, V311(6_0_0_2), PINGRESP()),
        EXPECT(A, V311(6_0_0_2), PINGRESP()),
        SEND_BYTES(A, 0x00),
        EXPECT(A, V311(6_0_0_2), PINGRESP())),
};

FAMILY(websocket, scenarios);
