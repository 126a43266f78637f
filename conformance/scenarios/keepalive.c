/* Keep Alive: who falls silent is disconnected after one and a half times the interval. Section 3.1.2.10.
 *
 * MQTT-3.1.2-24 asks for the close and does not say how soon it has to follow; Servers look after silent Clients
 * every few seconds. So a late close is only warned of, and so is an early one: section 3.1.2.10 lets a Server
 * disconnect a Client that it finds inactive at any time. */
#include "conformance/scenarios/shorthand.h"

#define TOO_EARLY "disconnected before one and a half times the Keep Alive had passed"
#define TOO_LATE  "disconnected more than two seconds after one and a half times the Keep Alive had passed"

/* A silent Client with a Keep Alive of so many seconds is disconnected. */
#define CLOSED_AFTER_SILENCE(who, seconds)                                                                             \
    EXPECT(who, V311(3_1_2_24), CLOSED(.after = 1450 * (seconds), .before = 1500 * (seconds) + 2000),                  \
           CLOSED(.before = 1500 * (seconds), .warn = TOO_EARLY),                                                      \
           CLOSED(.before = 1500 * (seconds) + 8000, .warn = TOO_LATE))

/* The same where the silence began some steps ago, with a Keep Alive of one second. */
#define CLOSED_AT_LAST(who)                                                                                            \
    EXPECT(who, V311(3_1_2_24), CLOSED(.before = 2000), CLOSED(.before = 8000, .warn = TOO_LATE))

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- Closed ---- */

    SCENARIO(keepalive_silence_closes,
        "A Client with Keep Alive 1 that is silent is disconnected after 1.5 seconds",
        STATEMENTS(V311(3_1_2_24)),
        CONNECTED(A, .keep_alive = 1),
        CLOSED_AFTER_SILENCE(A, 1)),

    SCENARIO(keepalive_of_2_seconds,
        "A Client with Keep Alive 2 that is silent is disconnected after 3 seconds",
        STATEMENTS(V311(3_1_2_24)),
        CONNECTED(A, .keep_alive = 2),
        CLOSED_AFTER_SILENCE(A, 2)),

    SCENARIO(keepalive_counts_from_the_last_packet,
        "The silence is counted from the last packet of the Client",
        STATEMENTS(V311(3_1_2_24)),
        CONNECTED(A, .keep_alive = 1),
        WAIT(600),
        PINGED(A, V311(3_12_4_1)),
        CLOSED_AFTER_SILENCE(A, 1)),

    SCENARIO(keepalive_counts_what_the_client_sends,
        "Messages that the Server sends do not keep a silent Client's connection open",
        STATEMENTS(V311(3_1_2_24)),
        CONNECTED(A, .keep_alive = 1),
        SUBSCRIBED(A, "~/t", 0),
        CONNECTED(B),
        WAIT(600),
        SEND(B, PUBLISH(.payload = "1")),
        WAIT(600),
        SEND(B, PUBLISH(.payload = "2")),
        CLOSED_AT_LAST(A)),

    SCENARIO(keepalive_unfinished_packet_does_not_count,
        "Bytes that never become a Control Packet do not keep the connection open",
        STATEMENTS(V311(3_1_2_24)),
        CONNECTED(A, .keep_alive = 1),
        SEND_BYTES(A, 0x30, 0x0A, 0x00, 0x05), WAIT(600),
        SEND_BYTES(A, 't'), WAIT(600),
        SEND_BYTES(A, 'o'),
        CLOSED_AT_LAST(A)),

    SCENARIO(keepalive_silence_leaves_others_alone,
        "Only the silent Client is disconnected, not one with a longer Keep Alive",
        STATEMENTS(V311(3_1_2_24)),
        CONNECTED(B, .keep_alive = 60),
        CONNECTED(A, .keep_alive = 1),
        CLOSED_AFTER_SILENCE(A, 1),
        PINGED(B, V311(3_12_4_1))),

    SCENARIO(keepalive_silence_publishes_the_will,
        "The Will of a Client that is disconnected for its silence is published",
        STATEMENTS(V311(3_1_2_24), V311(3_1_2_8)),
        CONNECTED(B),
        SUBSCRIBED(B, "~/will", 0),
        CONNECTED(A, .keep_alive = 1, .will_topic = "~/will", .will_message = "silent"),
        EXPECT(B, V311(3_1_2_24), PUBLISH(.topic = "~/will", .payload = "silent", .before = 3500),
                                  PUBLISH(.topic = "~/will", .payload = "silent", .before = 9500, .warn = TOO_LATE))),

    SCENARIO(keepalive_silence_keeps_the_session,
        "A disconnect for silence is like a network failure: a session with CleanSession 0 outlives it",
        STATEMENTS(V311(3_1_2_24), V311(3_1_2_4)),
        CONNECTED(A, .clean_session = 0, .keep_alive = 1),
        GRANTED(A, "~/t", 1),
        CLOSED_AFTER_SILENCE(A, 1),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "waiting"),
        CONNECTED(A, .clean_session = 0),
        RECEIVED_QOS1(A, V311(3_1_2_4), 0, .payload = "waiting")),

    /* ---- Kept open ---- */

    SCENARIO(keepalive_pingreq_keeps_open,
        "PINGREQ within the Keep Alive keeps the connection open",
        STATEMENTS(V311(3_1_2_24), V311(3_12_4_1)),
        CONNECTED(A, .keep_alive = 1),
        WAIT(500), PINGED(A, V311(3_12_4_1)),
        WAIT(500), PINGED(A, V311(3_12_4_1)),
        WAIT(500), PINGED(A, V311(3_12_4_1)),
        WAIT(500), PINGED(A, V311(3_12_4_1))),

    SCENARIO(keepalive_publish_keeps_open,
        "A QoS 0 PUBLISH, though nothing answers it, keeps the connection open",
        STATEMENTS(V311(3_1_2_24)),
        CONNECTED(A, .keep_alive = 1),
        WAIT(500), SEND(A, PUBLISH(.payload = "1")),
        WAIT(500), SEND(A, PUBLISH(.payload = "2")),
        WAIT(500), SEND(A, PUBLISH(.payload = "3")),
        WAIT(500), PINGED(A, V311(3_12_4_1))),

    SCENARIO(keepalive_any_packet_keeps_open,
        "SUBSCRIBE, PUBLISH, PUBREL and UNSUBSCRIBE keep the connection open as PINGREQ does",
        STATEMENTS(V311(3_1_2_24)),
        CONNECTED(A, .keep_alive = 1),
        WAIT(450), SUBSCRIBED(A, "~/t", 0),
        WAIT(450), SEND(A, PUBLISH(.topic = "~/other", .qos = 2, .packet_identifier = 1, .payload = "hello")),
        WAIT(450), SEND(A, PUBREL(.packet_identifier = 1)),
        WAIT(450), UNSUBSCRIBED(A, "~/t"),
        WAIT(450), PINGED(A, V311(3_12_4_1))),

    SCENARIO(keepalive_acknowledgements_keep_open,
        "A Client that does nothing but acknowledge stays connected",
        STATEMENTS(V311(3_1_2_24)),
        CONNECTED(B),
        CONNECTED(A, .keep_alive = 2),
        GRANTED(A, "~/t", 1),
        WAIT(850), PUBLISHED_QOS1(B, 1, .payload = "1"), RECEIVED_QOS1(A, V311(4_5_0_1), 0, .payload = "1"),
        WAIT(850), PUBLISHED_QOS1(B, 2, .payload = "2"), RECEIVED_QOS1(A, V311(4_5_0_1), 1, .payload = "2"),
        WAIT(850), PUBLISHED_QOS1(B, 3, .payload = "3"), RECEIVED_QOS1(A, V311(4_5_0_1), 2, .payload = "3"),
        WAIT(850), PUBLISHED_QOS1(B, 4, .payload = "4"), RECEIVED_QOS1(A, V311(4_5_0_1), 3, .payload = "4")),

    SCENARIO(keepalive_0_is_off,
        "With Keep Alive 0 a silent Client stays connected",
        STATEMENTS(V311(3_1_2_24)),
        CONNECTED(A, .keep_alive = 0),
        WAIT(2500),
        SEND(A, PINGREQ()),
        EXPECT(A, V311(3_1_2_24), PINGRESP(), CLOSED(.warn = "closed after 2.5 seconds with Keep Alive 0"))),
};
/* clang-format on */

FAMILY(keepalive, scenarios);
