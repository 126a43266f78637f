/* The Will in MQTT 5.0: Will Delay Interval, Will Properties, and which DISCONNECT discards it. Sections 3.1.2.5,
 * 3.1.3.2 and 3.14.4.
 *
 * The Will is published once its delay has passed or the Session ends, whichever comes first. Servers that count whole
 * seconds may be up to a second early, which is warned of. */
#include "conformance/scenarios/shorthand.h"

#define WATCHED(granted)               CONNECTED(B), GRANTED(B, "~/will", granted)
#define WILL(message)                  .will_topic = "~/will", .will_message = message
#define EXPIRY(seconds)                PROPERTIES(NUMBER(MQTT_SESSION_EXPIRY_INTERVAL, seconds))
#define DELAY(seconds)                 WILL_PROPERTIES(NUMBER(MQTT_WILL_DELAY_INTERVAL, seconds))
#define CONTAINS(...)                  WILL_PROPERTIES(__VA_ARGS__)
#define DELAYED(who, seconds, message) CONNECTED(who, .clean_session = 0, WILL(message), DELAY(seconds), EXPIRY(3600))

#define TOO_EARLY "the Will was published up to a second before its delay had passed"
#define NOT_SENT  "the Will of a Client that was displaced was not published, though it was not to be delayed"

/* The Client says goodbye with this Reason Code, which is not 0x00: the Will is published. */
#define PUBLISHED_ON(name, title, code)                                                                                \
    SCENARIO_5_0(name, title, STATEMENTS(V5(3_1_2_8), V5(3_1_2_10)), WATCHED(0), CONNECTED(A, WILL("gone")),           \
                 SEND(A, DISCONNECT(.reason = code)),                                                                  \
                 EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone")))

/* A Will with this property, and the message that B gets has it. */
#define FORWARDED(name, title, breaks, property)                                                                       \
    SCENARIO_5_0(name, title, STATEMENTS(breaks), WATCHED(0), CONNECTED(A, WILL("gone"), CONTAINS(property)), DROP(A), \
                 EXPECT(B, breaks, PUBLISH(.topic = "~/will", .payload = "gone", PROPERTIES(property))))

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- Kept and published ---- */

    SCENARIO_5_0(will_delay_absent_is_0,
        "The Will is stored with the Session, and published when the connection is lost",
        STATEMENTS(V5(3_1_2_7), V5(3_1_2_8)),
        WATCHED(0),
        CONNECTED(A, .clean_session = 0, WILL("gone"), EXPIRY(3600)),
        PINGED(A, V5(3_12_4_1)),
        DROP(A),
        EXPECT(B, V5(3_1_2_7), PUBLISH(.topic = "~/will", .payload = "gone", .before = 3000))),

    SCENARIO_5_0(will_delay_0,
        "A Will with Will Delay Interval 0 is published when the connection is lost, while the Session is kept",
        STATEMENTS(V5(3_1_2_8)),
        WATCHED(0),
        DELAYED(A, 0, "gone"),
        DROP(A),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone", .before = 3000))),

    SCENARIO_5_0(will_delay_is_waited_for,
        "A Will with Will Delay Interval 2 is published two seconds after the connection was lost",
        STATEMENTS(V5(3_1_2_8)),
        WATCHED(0),
        DELAYED(A, 2, "gone"),
        DROP(A),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone", .after = 1950),
                               PUBLISH(.topic = "~/will", .payload = "gone", .after = 950, .warn = TOO_EARLY))),

    SCENARIO_5_0(will_delay_is_waited_for_after_disconnect,
        "The delay counts as well after a DISCONNECT that asks for the Will",
        STATEMENTS(V5(3_1_2_8)),
        WATCHED(0),
        DELAYED(A, 2, "gone"),
        SEND(A, DISCONNECT(.reason = MQTT_REASON_DISCONNECT_WITH_WILL_MESSAGE)),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone", .after = 1950),
                               PUBLISH(.topic = "~/will", .payload = "gone", .after = 950, .warn = TOO_EARLY))),

    SCENARIO_5_0(will_delay_publishes_once,
        "A Will that was delayed is published once",
        STATEMENTS(V5(3_1_2_10)),
        WATCHED(0),
        DELAYED(A, 1, "gone"),
        DROP(A),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone")),
        CONNECTED(A, .clean_session = 0),
        DROP(A),
        CONNECTED(A, .clean_session = 0),
        FENCED(A, B, V5(3_1_2_10), "~/will")),

    SCENARIO_5_0(will_delay_leaves_others_alone,
        "The Will of one Client is not held up by the delay of another's",
        STATEMENTS(V5(3_1_2_8)),
        WATCHED(0),
        DELAYED(A, 2, "late"),
        DELAYED(C, 0, "at once"),
        DROP(A),
        DROP(C),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "at once")),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "late"))),

    /* ---- The Session ends first ---- */

    SCENARIO_5_0(will_delay_ends_with_the_connection,
        "Where the Session ends with the connection, so does the delay: the Will is published at once",
        STATEMENTS(V5(3_1_2_8)),
        WATCHED(0),
        CONNECTED(A, WILL("gone"), DELAY(3600)),
        DROP(A),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone"))),

    SCENARIO_5_0(will_delay_ends_with_the_session,
        "Where the Session Expiry Interval is shorter than the delay, the Will is published when the Session ends",
        STATEMENTS(V5(3_1_2_8)),
        WATCHED(0),
        CONNECTED(A, .clean_session = 0, WILL("gone"), DELAY(3600), EXPIRY(1)),
        DROP(A),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone", .after = 950),
                               PUBLISH(.topic = "~/will", .payload = "gone", .warn = TOO_EARLY))),

    SCENARIO_5_0(will_delay_ends_with_clean_start,
        "A new connection with Clean Start 1 ends the Session, and so the delay: the Will is published",
        STATEMENTS(V5(3_1_2_8)),
        WATCHED(0),
        DELAYED(A, 3600, "gone"),
        DROP(A),
        CONNECTED(A, .clean_session = 1),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone"))),

    SCENARIO_5_0(will_delay_ends_when_disconnect_ends_the_session,
        "DISCONNECT that asks for the Will and sets Session Expiry Interval 0 has it published at once",
        STATEMENTS(V5(3_1_2_8)),
        WATCHED(0),
        DELAYED(A, 3600, "gone"),
        SEND(A, DISCONNECT(.reason = MQTT_REASON_DISCONNECT_WITH_WILL_MESSAGE, EXPIRY(0))),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone"))),

    /* ---- The Client is back in time ---- */

    SCENARIO_5_0(will_delay_client_is_back_in_time,
        "A Client that is back in its Session before the delay has passed has no Will published",
        STATEMENTS(V5(3_1_3_9)),
        WATCHED(0),
        DELAYED(A, 1, "gone"),
        DROP(A),
        CONNECTED(A, .clean_session = 0),
        WAIT(1500),
        FENCED(A, B, V5(3_1_3_9), "~/will")),

    SCENARIO_5_0(will_delay_client_is_back_and_lost_again,
        "A Will whose delay was ended by the Client's return does not come with a later loss; the new one does",
        STATEMENTS(V5(3_1_3_9), V5(3_1_2_10)),
        WATCHED(0),
        DELAYED(A, 1, "first"),
        DROP(A),
        DELAYED(A, 0, "second"),
        DROP(A),
        EXPECT(B, V5(3_1_2_10), PUBLISH(.topic = "~/will", .payload = "second")),
        WAIT(1500),
        CONNECTED(C),
        FENCED(C, B, V5(3_1_3_9), "~/will")),

    SCENARIO_5_0(will_delay_client_is_back_and_leaves,
        "A Client that is back in time and then leaves with DISCONNECT has no Will published",
        STATEMENTS(V5(3_1_3_9), V5(3_14_4_3)),
        WATCHED(0),
        DELAYED(A, 1, "gone"),
        DROP(A),
        CONNECTED(A, .clean_session = 0),
        DISCONNECTED(A),
        WAIT(1500),
        CONNECTED(C),
        FENCED(C, B, V5(3_1_3_9), "~/will")),

    /* ---- Taken over ---- */

    SCENARIO_5_0(will_delay_taken_over_in_time,
        "Who takes over with Clean Start 0 a connection whose Will is to be delayed has no Will published",
        STATEMENTS(V5(3_1_3_9), V5(3_1_4_3)),
        WATCHED(0),
        DELAYED(A, 1, "gone"),
        CONNECTED(C, .client_identifier = "~A", .clean_session = 0),
        EXPECT(A, V5(3_1_4_3), CLOSED()),
        WAIT(1500),
        FENCED(C, B, V5(3_1_3_9), "~/will")),

    SCENARIO_5_0(will_delay_taken_over_with_clean_start,
        "Who takes over with Clean Start 1 ends the Session: its Will is published, whatever its delay",
        STATEMENTS(V5(3_1_2_8), V5(3_1_4_3)),
        WATCHED(0),
        DELAYED(A, 3600, "gone"),
        CONNECTED(C, .client_identifier = "~A", .clean_session = 1),
        EXPECT(A, V5(3_1_4_3), CLOSED()),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone"))),

    /* Section 3.1.4 notes that the Will is sent; MQTT-3.1.2-8 can be read so that a new connection always spares it. */
    SCENARIO_5_0(will_delay_0_taken_over,
        "Who takes over with Clean Start 0 a connection whose Will has no delay has it published",
        STATEMENTS(V5(3_1_4_3)),
        WATCHED(0),
        DELAYED(A, 0, "gone"),
        CONNECTED(C, .client_identifier = "~A", .clean_session = 0),
        EXPECT(A, V5(3_1_4_3), CLOSED()),
        SEND(C, PUBLISH(.topic = "~/will", .payload = "fence")),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone"),
                               PUBLISH(.topic = "~/will", .payload = "fence", .warn = NOT_SENT))),

    /* ---- DISCONNECT ---- */

    SCENARIO_5_0(will_delay_discarded_by_disconnect,
        "DISCONNECT with Normal disconnection discards the Will, also where it is to be delayed",
        STATEMENTS(V5(3_14_4_3), V5(3_1_2_10)),
        WATCHED(0),
        DELAYED(A, 1, "gone"),
        DISCONNECTED(A),
        WAIT(1500),
        CONNECTED(C),
        FENCED(C, B, V5(3_14_4_3), "~/will")),

    SCENARIO_5_0(will_discarded_by_disconnect_with_reason_0,
        "DISCONNECT that spells out Reason Code 0x00 and has properties discards the Will",
        STATEMENTS(V5(3_14_4_3)),
        WATCHED(0),
        CONNECTED(A, WILL("gone")),
        SEND(A, DISCONNECT(.reason = 0, PROPERTIES(TEXT(MQTT_REASON_STRING, "done"), USER("name", "value")))),
        CONNECTED(C),
        FENCED(C, B, V5(3_14_4_3), "~/will")),

    SCENARIO_5_0(will_discarded_by_disconnect_does_not_come_back,
        "A Will that DISCONNECT discarded does not come with the end of the Session",
        STATEMENTS(V5(3_1_2_10), V5(3_14_4_3)),
        WATCHED(0),
        CONNECTED(A, .clean_session = 0, WILL("gone"), DELAY(3600), EXPIRY(3600)),
        DISCONNECTED(A),
        CONNECTED(A, .clean_session = 1),
        FENCED(A, B, V5(3_1_2_10), "~/will")),

    PUBLISHED_ON(will_published_on_disconnect_with_will,
        "DISCONNECT with Reason Code 0x04, Disconnect with Will Message, has the Will published",
        MQTT_REASON_DISCONNECT_WITH_WILL_MESSAGE),

    PUBLISHED_ON(will_published_on_malformed_packet,
        "DISCONNECT with Reason Code 0x81 does not discard the Will",
        MQTT_REASON_MALFORMED_PACKET),

    PUBLISHED_ON(will_published_on_protocol_error,
        "DISCONNECT with Reason Code 0x82 does not discard the Will",
        MQTT_REASON_PROTOCOL_ERROR),

    PUBLISHED_ON(will_published_on_quota_exceeded,
        "DISCONNECT with Reason Code 0x97 does not discard the Will",
        MQTT_REASON_QUOTA_EXCEEDED),

    PUBLISHED_ON(will_published_on_administrative_action,
        "DISCONNECT with Reason Code 0x98 does not discard the Will",
        MQTT_REASON_ADMINISTRATIVE_ACTION),

    /* ---- Will Properties ---- */

    FORWARDED(will_user_property_is_forwarded,
        "A User Property of the Will is sent with it",
        V5(3_3_2_17), USER("name", "value")),

    SCENARIO_5_0(will_user_properties_are_in_order,
        "The User Properties of the Will are sent in their order, also where a name or a pair stands twice",
        STATEMENTS(V5(3_1_3_10)),
        WATCHED(0),
        CONNECTED(A, WILL("gone"),
                  CONTAINS(USER("b", "1"), USER("a", "2"), USER("b", "0"), USER("a", "2"), USER("", ""))),
        DROP(A),
        EXPECT(B, V5(3_1_3_10), PUBLISH(.topic = "~/will", .payload = "gone",
                                        PROPERTIES(USER("b", "1"), USER("a", "2"), USER("b", "0"), USER("a", "2"),
                                                   USER("", ""))))),

    SCENARIO_5_0(will_user_properties_outlast_the_delay,
        "A Will that was delayed is sent with its User Properties in order",
        STATEMENTS(V5(3_1_3_10)),
        WATCHED(0),
        CONNECTED(A, .clean_session = 0, WILL("gone"), EXPIRY(3600),
                  CONTAINS(USER("z", "1"), NUMBER(MQTT_WILL_DELAY_INTERVAL, 1), USER("y", "2"), USER("x", "3"))),
        DROP(A),
        EXPECT(B, V5(3_1_3_10), PUBLISH(.topic = "~/will", .payload = "gone",
                                        PROPERTIES(USER("z", "1"), USER("y", "2"), USER("x", "3"))))),

    FORWARDED(will_content_type_is_forwarded,
        "The Content Type of the Will is sent with it",
        V5(3_3_2_20), TEXT(MQTT_CONTENT_TYPE, "text/plain")),

    FORWARDED(will_response_topic_is_forwarded,
        "The Response Topic of the Will is sent with it",
        V5(3_3_2_15), TEXT(MQTT_RESPONSE_TOPIC, "~/answers")),

    FORWARDED(will_correlation_data_is_forwarded,
        "The Correlation Data of the Will are sent with it, byte for byte",
        V5(3_3_2_16), BINARY(MQTT_CORRELATION_DATA, "\x00\x01\xFE\xFF\x00")),

    FORWARDED(will_payload_format_1_is_forwarded,
        "The Payload Format Indicator of the Will is sent with it",
        V5(3_3_2_4), NUMBER(MQTT_PAYLOAD_FORMAT_INDICATOR, 1)),

    SCENARIO_5_0(will_message_expiry_is_forwarded,
        "The Message Expiry Interval of the Will counts from its publication: it is sent with it, hardly less",
        STATEMENTS(V5(3_3_2_6)),
        WATCHED(0),
        CONNECTED(A, .clean_session = 0, WILL("gone"), EXPIRY(3600),
                  CONTAINS(NUMBER(MQTT_WILL_DELAY_INTERVAL, 1), NUMBER(MQTT_MESSAGE_EXPIRY_INTERVAL, 60))),
        DROP(A),
        EXPECT(B, V5(3_3_2_6), PUBLISH(.topic = "~/will", .payload = "gone",
                                       PROPERTIES(BETWEEN(MQTT_MESSAGE_EXPIRY_INTERVAL, 50, 60))))),

    SCENARIO_5_0(will_properties_are_retained,
        "A retained Will has its properties for later subscribers as well",
        STATEMENTS(V5(3_1_2_15), V5(3_1_3_10)),
        WATCHED(0),
        CONNECTED(A, WILL("gone"), .will_retain = 1, .will_qos = 1, CONTAINS(USER("b", "1"), USER("a", "2"))),
        DROP(A),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone")),
        CONNECTED(C),
        GRANTED(C, "~/will", 1),
        RECEIVED_QOS1(C, V5(3_1_2_15), 0, .topic = "~/will", .retain = 1, .payload = "gone",
                      PROPERTIES(USER("b", "1"), USER("a", "2")))),

    SCENARIO_5_0(will_not_retained_leaves_nothing,
        "A Will with Will Retain 0 that was delayed is not kept for later subscribers",
        STATEMENTS(V5(3_1_2_14)),
        WATCHED(0),
        CONNECTED(A, .clean_session = 0, WILL("gone"), .will_qos = 1, .will_retain = 0, DELAY(1), EXPIRY(3600)),
        DROP(A),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone")),
        CONNECTED(C),
        GRANTED(C, "~/will", 1),
        FENCED(C, C, V5(3_1_2_14), "~/will")),

    SCENARIO_5_0(will_retained_is_kept,
        "A Will with Will Retain 1 that was delayed is kept for later subscribers",
        STATEMENTS(V5(3_1_2_15)),
        WATCHED(0),
        CONNECTED(A, .clean_session = 0, WILL("gone"), .will_qos = 1, .will_retain = 1, DELAY(1), EXPIRY(3600)),
        DROP(A),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone")),
        CONNECTED(C),
        GRANTED(C, "~/will", 1),
        RECEIVED_QOS1(C, V5(3_1_2_15), 0, .topic = "~/will", .retain = 1, .payload = "gone")),
};
/* clang-format on */

FAMILY(will_delay, scenarios);
