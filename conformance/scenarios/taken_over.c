/* A Client Identifier that is in use: the new connection takes over. Section 3.1.4.
 *
 * The Server tells the Client that it displaces, by DISCONNECT with Reason Code 0x8E, and closes its connection. The
 * standard words the first as what a Server does and the second with MUST. Wills are in the family will_delay. */
#include "conformance/scenarios/shorthand.h"

#define NOT_TOLD   "a Client that was displaced was not told by DISCONNECT with Reason Code 0x8E"
#define OTHER_CODE "a Client that was displaced was told another Reason Code than 0x8E, Session taken over"

/* A is displaced, told so and closed. */
#define DISPLACED                                                                                                      \
    EXPECT(A, V5(3_1_4_3), DISCONNECT(.reason = MQTT_REASON_SESSION_TAKEN_OVER), DISCONNECT(.warn = OTHER_CODE),       \
           CLOSED(.warn = NOT_TOLD)),                                                                                  \
        EXPECT(A, V5(3_1_4_3), CLOSED())

/* clang-format off */
static const struct scenario scenarios[] = {

    SCENARIO_5_0(taken_over_client_is_told,
        "A Client whose Client Identifier another takes is told by DISCONNECT 0x8E, and its connection closed",
        STATEMENTS(V5(3_1_4_3)),
        CONNECTED(A, .client_identifier = "~same"),
        SEND(B, CONNECT(.client_identifier = "~same")),
        DISPLACED,
        EXPECT(B, V5(3_1_4_5), CONNACK(.code = 0)),
        PINGED(B, V5(3_1_4_3))),

    SCENARIO_5_0(taken_over_client_is_told_in_its_session,
        "A Client whose Session another takes over is told as well, and the Session goes on with the other",
        STATEMENTS(V5(3_1_4_3), V5(3_1_2_5)),
        CONNECTED(A, .client_identifier = "~same", .clean_session = 0),
        SUBSCRIBED(A, "~/t", 0),
        SEND(B, CONNECT(.client_identifier = "~same", .clean_session = 0)),
        DISPLACED,
        EXPECT(B, V5(3_2_2_3), CONNACK(.code = 0, .session_present = 1)),
        FENCED(B, B, V5(3_1_2_5), "~/t")),

    SCENARIO_5_0(taken_over_disconnect_is_the_last_packet,
        "Nothing follows the DISCONNECT that tells a Client of its displacement, whatever it had asked for",
        STATEMENTS(V5(3_14_4_1), V5(3_14_4_2)),
        CONNECTED(A, .client_identifier = "~same"),
        SUBSCRIBED(A, "~/#", 0),
        CONNECTED(B, .client_identifier = "~same"),
        SEND(B, PUBLISH(.payload = "after")),
        EXPECT(A, V5(3_1_4_3), DISCONNECT(), CLOSED(.warn = NOT_TOLD)),
        EXPECT_NEXT(A, V5(3_14_4_1), CLOSED())),

    SCENARIO_5_0(taken_over_disconnect_has_no_session_expiry,
        "The DISCONNECT that tells a Client of its displacement has no Session Expiry Interval",
        STATEMENTS(V5(3_14_2_2), V5(3_14_2_1)),
        CONNECTED(A, .client_identifier = "~same", .clean_session = 0),
        CONNECTED(B, .client_identifier = "~same", .clean_session = 0),
        EXPECT(A, V5(3_14_2_2), DISCONNECT(PROPERTIES(ABSENT(MQTT_SESSION_EXPIRY_INTERVAL))), CLOSED(.warn = NOT_TOLD)),
        EXPECT(A, V5(3_14_4_2), CLOSED())),

    SCENARIO_5_0(taken_over_time_and_again,
        "A Client Identifier can be taken over time and again: each time the last one stays",
        STATEMENTS(V5(3_1_4_3)),
        CONNECTED(A, .client_identifier = "~same"),
        CONNECTED(B, .client_identifier = "~same"),
        DISPLACED,
        CONNECTED(C, .client_identifier = "~same"),
        EXPECT(B, V5(3_1_4_3), CLOSED()),
        CONNECTED(A, .client_identifier = "~same"),
        EXPECT(C, V5(3_1_4_3), CLOSED()),
        PINGED(A, V5(3_1_4_3))),

    SCENARIO_5_0(taken_over_leaves_others_alone,
        "Other Clients do not notice that one is displaced",
        STATEMENTS(V5(3_1_4_3), V5(3_1_3_2)),
        CONNECTED(C, .client_identifier = "~samf"),
        CONNECTED(A, .client_identifier = "~same"),
        CONNECTED(B, .client_identifier = "~same"),
        DISPLACED,
        PINGED(B, V5(3_1_4_3)),
        PINGED(C, V5(3_1_3_2))),

    SCENARIO_5_0(taken_over_exchange_goes_on,
        "A QoS 2 exchange that the displaced Client began is completed by the one that took over",
        STATEMENTS(V5(3_1_4_3), V5(3_1_2_5), V5(4_3_3_11)),
        CONNECTED(C),
        SUBSCRIBED(C, "~/t", 0),
        CONNECTED(A, .client_identifier = "~same", .clean_session = 0),
        SEND(A, PUBLISH(.qos = 2, .packet_identifier = 6, .payload = "once")),
        EXPECT(A, V5(3_3_4_1), PUBREC(.packet_identifier = 6)),
        CONNECTED(B, .client_identifier = "~same", .clean_session = 0),
        DISPLACED,
        SEND(B, PUBREL(.packet_identifier = 6)),
        EXPECT(B, V5(3_1_2_5), PUBCOMP(.packet_identifier = 6, .reason = 0)),
        EXPECT(C, V5(4_3_3_10), PUBLISH(.payload = "once")),
        FENCED(B, C, V5(4_3_3_10), "~/t")),

    SCENARIO_5_0(taken_over_by_an_older_client,
        "A Client of MQTT 3.1.1 takes over from one of 5.0, which is told",
        STATEMENTS(V5(3_1_4_3)),
        CONNECTED(A, .client_identifier = "~same"),
        CONNECTED_3_1_1(B, .client_identifier = "~same"),
        DISPLACED,
        PINGED(B, V5(3_12_4_1))),

    SCENARIO_5_0(taken_over_from_an_older_client,
        "A Client of MQTT 5.0 takes over from one of 3.1.1, which is closed without DISCONNECT: there is none in 3.1.1",
        STATEMENTS(V5(3_1_4_3)),
        CONNECTED_3_1_1(A, .client_identifier = "~same"),
        CONNECTED(B, .client_identifier = "~same"),
        EXPECT_NEXT(A, V5(3_1_4_3), CLOSED()),
        PINGED(B, V5(3_12_4_1))),
};
/* clang-format on */

FAMILY(taken_over, scenarios);
