/* Session Expiry Interval: how long the Server remembers a Client that is away. Sections 3.1.2.11.2, 3.14.2.2.2, 4.1.
 *
 * The interval counts from the moment at which the connection is closed. A Server may grant another one in CONNACK;
 * what measures time is then skipped. Nothing is said of how late a Session may end: the scenarios give it a second
 * beyond the interval. */
#include "conformance/scenarios/shorthand.h"

#define EXPIRY(seconds) NUMBER(MQTT_SESSION_EXPIRY_INTERVAL, seconds)
#define NO_EXPIRY       ABSENT(MQTT_SESSION_EXPIRY_INTERVAL)
#define FOREVER         0xFFFFFFFF

#define GRANTS_OTHER "the target's CONNACK gives another Session Expiry Interval than was asked for"

/* The Client comes, with Clean Start 0 or 1, and its Session is to outlive the connection by so many seconds. */
#define KEPT_FOR(who, clean_start, seconds)                                                                            \
    SEND(who, CONNECT(.clean_session = clean_start, PROPERTIES(EXPIRY(seconds)))),                                     \
        EXPECT(who, V5(3_1_4_5), CONNACK(.code = 0, PROPERTIES(NO_EXPIRY)),                                            \
               CONNACK(.code = 0, PROPERTIES(EXPIRY(seconds))), CONNACK(.code = 0, .skip = GRANTS_OTHER))

/* The Client comes back, and the Server has its Session or has it no more. This Session ends with the connection. */
#define COMES_BACK(who)            SEND(who, CONNECT(.clean_session = 0, PROPERTIES(NO_EXPIRY)))
#define FINDS_SESSION(who, breaks) COMES_BACK(who), EXPECT(who, breaks, CONNACK(.code = 0, .session_present = 1))
#define FINDS_NONE(who, breaks)    COMES_BACK(who), EXPECT(who, breaks, CONNACK(.code = 0, .session_present = 0))

/* DISCONNECT with a Session Expiry Interval. */
#define LEFT_WITH(who, seconds) SEND(who, DISCONNECT(.reason = 0, PROPERTIES(EXPIRY(seconds))))

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- Ends with the connection ---- */

    SCENARIO_5_0(session_expiry_absent_is_0,
        "Without Session Expiry Interval the Session ends with the connection",
        STATEMENTS(V5(4_1_0_2)),
        CONNECTED(A, .clean_session = 1),
        DISCONNECTED(A),
        FINDS_NONE(A, V5(4_1_0_2))),

    SCENARIO_5_0(session_expiry_0,
        "With Session Expiry Interval 0 the Session ends with the connection",
        STATEMENTS(V5(4_1_0_2)),
        CONNECTED(A, .clean_session = 0, PROPERTIES(EXPIRY(0))),
        DISCONNECTED(A),
        FINDS_NONE(A, V5(4_1_0_2))),

    /* That the Server has noticed the loss is told by the Will. */
    SCENARIO_5_0(session_expiry_0_after_loss,
        "With Session Expiry Interval 0 the Session ends as well when the connection is lost",
        STATEMENTS(V5(4_1_0_2)),
        CONNECTED(B),
        SUBSCRIBED(B, "~/will", 0),
        CONNECTED(A, .clean_session = 0, .will_topic = "~/will", .will_message = "gone", PROPERTIES(EXPIRY(0))),
        GRANTED(A, "~/t", 1),
        DROP(A),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone")),
        FINDS_NONE(A, V5(4_1_0_2))),

    SCENARIO_5_0(session_expiry_0_leaves_nothing,
        "Nothing of a Session that ended comes back: no subscription, no message",
        STATEMENTS(V5(3_1_2_6), V5(4_1_0_2)),
        CONNECTED(A, .clean_session = 0, PROPERTIES(EXPIRY(0))),
        GRANTED(A, "~/old", 1),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .topic = "~/old", .payload = "missed"),
        COMES_BACK(A),
        EXPECT(A, V5(3_1_2_6), CONNACK(.code = 0, .session_present = 0)),
        GRANTED(A, "~/new", 1),
        PUBLISHED_QOS1(B, 2, .topic = "~/old", .payload = "unwanted"),
        PUBLISHED_QOS1(B, 3, .topic = "~/new", .payload = "fence"),
        RECEIVED_QOS1(A, V5(3_1_2_6), 0, .topic = "~/new", .payload = "fence")),

    /* ---- A new Session ---- */

    SCENARIO_5_0(session_expiry_clean_start_0_without_session,
        "Clean Start 0 without a stored Session makes a new one, which works",
        STATEMENTS(V5(3_1_2_6), V5(3_2_2_3)),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V5(3_1_2_6), CONNACK(.code = 0, .session_present = 0)),
        SUBSCRIBED(A, "~/t", 0),
        CONNECTED(B),
        FENCED(B, A, V5(3_1_2_6), "~/t")),

    SCENARIO_5_0(session_expiry_clean_start_1_can_be_kept,
        "Clean Start 1 says nothing of the end: with a Session Expiry Interval the new Session is kept",
        STATEMENTS(V5(3_1_2_5), V5(3_1_2_23)),
        KEPT_FOR(A, 1, 3600),
        GRANTED(A, "~/t", 1),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "missed"),
        FINDS_SESSION(A, V5(3_1_2_23)),
        RECEIVED_QOS1(A, V5(3_1_2_5), 0, .topic = "~/t", .payload = "missed")),

    SCENARIO_5_0(session_expiry_resumed_session_works,
        "Clean Start 0 goes on with the stored Session: its subscriptions and what was queued for them",
        STATEMENTS(V5(3_1_2_5), V5(3_1_4_4)),
        KEPT_FOR(A, 0, 3600),
        GRANTED(A, "~/a", 1),
        GRANTED(A, "~/b", 2),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .topic = "~/a", .payload = "queued"),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V5(3_1_4_4), CONNACK(.code = 0, .session_present = 1)),
        RECEIVED_QOS1(A, V5(3_1_2_5), 0, .topic = "~/a", .payload = "queued"),
        PUBLISHED_QOS2(B, 2, .topic = "~/b", .payload = "new"),
        RECEIVED_QOS2(A, V5(3_1_2_5), 1, .topic = "~/b", .payload = "new")),

    SCENARIO_5_0(session_expiry_clean_start_1_discards,
        "Clean Start 1 ends a stored Session, however long it was to be kept",
        STATEMENTS(V5(3_1_2_4), V5(3_2_2_2)),
        KEPT_FOR(A, 0, 3600),
        GRANTED(A, "~/old", 1),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .topic = "~/old", .payload = "missed"),
        SEND(A, CONNECT(.clean_session = 1)),
        EXPECT(A, V5(3_2_2_2), CONNACK(.code = 0, .session_present = 0)),
        GRANTED(A, "~/new", 1),
        PUBLISHED_QOS1(B, 2, .topic = "~/old", .payload = "unwanted"),
        PUBLISHED_QOS1(B, 3, .topic = "~/new", .payload = "fence"),
        RECEIVED_QOS1(A, V5(3_1_2_4), 0, .topic = "~/new", .payload = "fence")),

    SCENARIO_5_0(session_expiry_clean_start_1_then_0,
        "Each Clean Start is heeded: 1 finds no Session, 0 after it finds the new one",
        STATEMENTS(V5(3_1_4_4), V5(3_2_2_2), V5(3_2_2_3)),
        KEPT_FOR(A, 0, 3600),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 1, PROPERTIES(EXPIRY(3600)))),
        EXPECT(A, V5(3_1_4_4), CONNACK(.code = 0, .session_present = 0)),
        DISCONNECTED(A),
        FINDS_SESSION(A, V5(3_1_4_4))),

    SCENARIO_5_0(session_expiry_clean_start_is_carried_out,
        "Clean Start is carried out once CONNECT is accepted: 1 leaves nothing of the stored Session, 0 all of it",
        STATEMENTS(V5(3_1_4_4)),
        KEPT_FOR(A, 0, 3600),
        GRANTED(A, "~/old", 1),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .topic = "~/old", .payload = "missed"),
        SEND(A, CONNECT(.clean_session = 1, PROPERTIES(EXPIRY(3600)))),
        EXPECT(A, V5(3_1_4_4), CONNACK(.code = 0)),
        GRANTED(A, "~/new", 1),
        PUBLISHED_QOS1(B, 2, .topic = "~/new", .payload = "first"),
        RECEIVED_QOS1(A, V5(3_1_4_4), 0, .topic = "~/new", .payload = "first"),
        DISCONNECTED(A),
        PUBLISHED_QOS1(B, 3, .topic = "~/old", .payload = "unwanted"),
        PUBLISHED_QOS1(B, 4, .topic = "~/new", .payload = "second"),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V5(3_1_4_4), CONNACK(.code = 0)),
        RECEIVED_QOS1(A, V5(3_1_4_4), 1, .topic = "~/new", .payload = "second")),

    SCENARIO_5_0(session_expiry_clean_start_brings_no_message,
        "With Clean Start 1 nothing of what waited in the stored Session follows CONNACK",
        STATEMENTS(V5(3_1_4_4)),
        KEPT_FOR(A, 0, 3600),
        GRANTED(A, "~/t", 1),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .topic = "~/t", .payload = "missed"),
        SEND(A, CONNECT(.clean_session = 1), PINGREQ()),
        EXPECT(A, V5(3_1_4_5), CONNACK(.code = 0)),
        EXPECT_NEXT(A, V5(3_1_4_4), PINGRESP())),

    /* ---- Runs out ---- */

    SCENARIO_5_0(session_expiry_of_1_second_runs_out,
        "With Session Expiry Interval 1 the Session is gone two seconds after DISCONNECT",
        STATEMENTS(V5(4_1_0_2)),
        KEPT_FOR(A, 0, 1),
        DISCONNECTED(A),
        WAIT(2200),
        FINDS_NONE(A, V5(4_1_0_2))),

    SCENARIO_5_0(session_expiry_of_1_second_runs_out_after_loss,
        "With Session Expiry Interval 1 the Session is gone two seconds after the connection was lost",
        STATEMENTS(V5(4_1_0_2)),
        KEPT_FOR(A, 0, 1),
        DROP(A),
        WAIT(2200),
        FINDS_NONE(A, V5(4_1_0_2))),

    SCENARIO_5_0(session_expiry_takes_everything_along,
        "With the Session its subscriptions and queued messages are gone",
        STATEMENTS(V5(4_1_0_2), V5(3_1_2_6)),
        KEPT_FOR(A, 0, 1),
        GRANTED(A, "~/old", 1),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .topic = "~/old", .payload = "missed"),
        WAIT(2200),
        FINDS_NONE(A, V5(4_1_0_2)),
        GRANTED(A, "~/new", 1),
        PUBLISHED_QOS1(B, 2, .topic = "~/old", .payload = "unwanted"),
        PUBLISHED_QOS1(B, 3, .topic = "~/new", .payload = "fence"),
        RECEIVED_QOS1(A, V5(4_1_0_2), 0, .topic = "~/new", .payload = "fence")),

    SCENARIO_5_0(session_expiry_forgets_received_identifiers,
        "With the Session the identifiers of unfinished QoS 2 messages are gone: the same one is a new message",
        STATEMENTS(V5(4_1_0_2), V5(4_3_3_12)),
        CONNECTED(A),
        GRANTED(A, "~/t", 0),
        KEPT_FOR(B, 0, 1),
        SEND(B, PUBLISH(.topic = "~/other", .qos = 2, .packet_identifier = 6, .payload = "unfinished")),
        EXPECT(B, V5(3_3_4_1), PUBREC(.packet_identifier = 6)),
        DISCONNECTED(B),
        WAIT(2200),
        FINDS_NONE(B, V5(4_1_0_2)),
        PUBLISHED_QOS2(B, 6, .payload = "new"),
        EXPECT(A, V5(4_1_0_2), PUBLISH(.payload = "new"))),

    /* ---- Is kept ---- */

    SCENARIO_5_0(session_expiry_is_waited_for,
        "Before the Session Expiry Interval has passed, the Session is there",
        STATEMENTS(V5(3_1_2_23)),
        KEPT_FOR(A, 0, 5),
        GRANTED(A, "~/t", 1),
        DISCONNECTED(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "missed"),
        WAIT(1500),
        FINDS_SESSION(A, V5(3_1_2_23)),
        RECEIVED_QOS1(A, V5(3_1_2_23), 0, .topic = "~/t", .payload = "missed")),

    SCENARIO_5_0(session_expiry_is_waited_for_after_loss,
        "A Session is kept as well when the connection was lost",
        STATEMENTS(V5(3_1_2_23)),
        KEPT_FOR(A, 0, 3600),
        SUBSCRIBED(A, "~/t", 0),
        DROP(A),
        FINDS_SESSION(A, V5(3_1_2_23)),
        CONNECTED(B),
        FENCED(B, A, V5(3_1_2_23), "~/t")),

    SCENARIO_5_0(session_expiry_never,
        "With Session Expiry Interval 0xFFFFFFFF, which is never, the Session is kept",
        STATEMENTS(V5(3_1_2_23)),
        SEND(A, CONNECT(.clean_session = 0, PROPERTIES(EXPIRY(FOREVER)))),
        EXPECT(A, V5(3_1_4_5), CONNACK(.code = 0, PROPERTIES(NO_EXPIRY)),
                               CONNACK(.code = 0, PROPERTIES(BETWEEN(MQTT_SESSION_EXPIRY_INTERVAL, 60, FOREVER))),
                               CONNACK(.code = 0, .skip = GRANTS_OTHER)),
        DISCONNECTED(A),
        WAIT(1200),
        FINDS_SESSION(A, V5(3_1_2_23))),

    SCENARIO_5_0(session_expiry_longest,
        "With Session Expiry Interval 0xFFFFFFFE, the longest that ends, the Session is kept",
        STATEMENTS(V5(3_1_2_23)),
        SEND(A, CONNECT(.clean_session = 0, PROPERTIES(EXPIRY(0xFFFFFFFE)))),
        EXPECT(A, V5(3_1_4_5), CONNACK(.code = 0, PROPERTIES(NO_EXPIRY)),
                               CONNACK(.code = 0, PROPERTIES(BETWEEN(MQTT_SESSION_EXPIRY_INTERVAL, 60, FOREVER))),
                               CONNACK(.code = 0, .skip = GRANTS_OTHER)),
        DISCONNECTED(A),
        WAIT(1200),
        FINDS_SESSION(A, V5(3_1_2_23))),

    SCENARIO_5_0(session_expiry_does_not_pass_while_connected,
        "The interval does not pass while the Client is connected: its subscription works",
        STATEMENTS(V5(4_1_0_1)),
        KEPT_FOR(A, 0, 1),
        SUBSCRIBED(A, "~/t", 0),
        WAIT(2200),
        CONNECTED(B),
        FENCED(B, A, V5(4_1_0_1), "~/t")),

    SCENARIO_5_0(session_expiry_stops_when_the_client_is_back,
        "The interval stops when the Client is back: afterwards subscription and Session are there",
        STATEMENTS(V5(4_1_0_1), V5(3_1_2_23)),
        KEPT_FOR(A, 0, 2),
        SUBSCRIBED(A, "~/t", 0),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 0, PROPERTIES(EXPIRY(2)))),
        EXPECT(A, V5(3_1_2_23), CONNACK(.code = 0, .session_present = 1)),
        WAIT(2500),
        CONNECTED(B),
        FENCED(B, A, V5(4_1_0_1), "~/t"),
        DISCONNECTED(A),
        FINDS_SESSION(A, V5(3_1_2_23))),

    SCENARIO_5_0(session_expiry_leaves_exchanges_while_connected,
        "While the Client is connected an unfinished QoS 2 exchange goes on, however short the interval",
        STATEMENTS(V5(4_1_0_1)),
        KEPT_FOR(A, 0, 1),
        SEND(A, PUBLISH(.qos = 2, .packet_identifier = 3, .payload = "slow")),
        EXPECT(A, V5(3_3_4_1), PUBREC(.packet_identifier = 3)),
        WAIT(2200),
        SEND(A, PUBREL(.packet_identifier = 3)),
        EXPECT(A, V5(4_1_0_1), PUBCOMP(.packet_identifier = 3, .reason = 0))),

    /* ---- The next connection says anew ---- */

    SCENARIO_5_0(session_expiry_is_set_anew,
        "A Session that was resumed with Session Expiry Interval 0 ends with that connection",
        STATEMENTS(V5(4_1_0_2)),
        KEPT_FOR(A, 0, 3600),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 0, PROPERTIES(EXPIRY(0)))),
        EXPECT(A, V5(3_1_2_23), CONNACK(.code = 0, .session_present = 1)),
        DISCONNECTED(A),
        FINDS_NONE(A, V5(4_1_0_2))),

    SCENARIO_5_0(session_expiry_of_who_took_over,
        "For a Session that was taken over, the interval of the one who took over counts",
        STATEMENTS(V5(4_1_0_2), V5(3_1_4_3)),
        KEPT_FOR(A, 0, 3600),
        SEND(B, CONNECT(.client_identifier = "~A", .clean_session = 0, PROPERTIES(EXPIRY(0)))),
        EXPECT(B, V5(3_2_2_3), CONNACK(.code = 0, .session_present = 1)),
        EXPECT(A, V5(3_1_4_3), CLOSED()),
        DISCONNECTED(B),
        FINDS_NONE(A, V5(4_1_0_2))),

    SCENARIO_5_0(session_expiry_after_taking_over_with_clean_start,
        "A Client that takes over with Clean Start 1 ends the Session of the one before it",
        STATEMENTS(V5(3_1_2_4), V5(3_2_2_2)),
        KEPT_FOR(A, 0, 3600),
        GRANTED(A, "~/old", 1),
        SEND(B, CONNECT(.client_identifier = "~A", .clean_session = 1)),
        EXPECT(B, V5(3_2_2_2), CONNACK(.code = 0, .session_present = 0)),
        EXPECT(A, V5(3_1_4_3), CLOSED()),
        SUBSCRIBED(B, "~/new", 0),
        SEND(B, PUBLISH(.topic = "~/old", .payload = "unwanted")),
        FENCED(B, B, V5(3_1_2_4), "~/new")),

    /* ---- Changed by DISCONNECT ---- */

    SCENARIO_5_0(session_expiry_raised_by_disconnect,
        "DISCONNECT with a longer Session Expiry Interval: the Session is kept beyond that of CONNECT",
        STATEMENTS(V5(3_1_2_23)),
        KEPT_FOR(A, 0, 1),
        LEFT_WITH(A, 3600),
        WAIT(2200),
        FINDS_SESSION(A, V5(3_1_2_23))),

    SCENARIO_5_0(session_expiry_ended_by_disconnect,
        "DISCONNECT with Session Expiry Interval 0 ends the Session",
        STATEMENTS(V5(4_1_0_2)),
        KEPT_FOR(A, 0, 3600),
        LEFT_WITH(A, 0),
        FINDS_NONE(A, V5(4_1_0_2))),

    SCENARIO_5_0(session_expiry_lowered_by_disconnect,
        "DISCONNECT with Session Expiry Interval 1: the Session is gone two seconds later",
        STATEMENTS(V5(4_1_0_2)),
        KEPT_FOR(A, 0, 3600),
        LEFT_WITH(A, 1),
        WAIT(2200),
        FINDS_NONE(A, V5(4_1_0_2))),

    SCENARIO_5_0(session_expiry_not_changed_by_disconnect,
        "DISCONNECT without Session Expiry Interval leaves that of CONNECT",
        STATEMENTS(V5(3_1_2_23)),
        KEPT_FOR(A, 0, 3600),
        SEND(A, DISCONNECT(.reason = 0, PROPERTIES(TEXT(MQTT_REASON_STRING, "until later")))),
        FINDS_SESSION(A, V5(3_1_2_23))),

    /* DISCONNECT is then not a valid one, and the Server is to answer it with DISCONNECT 0x82. */
    SCENARIO_5_0(session_expiry_0_cannot_be_raised,
        "DISCONNECT with a Session Expiry Interval where CONNECT had 0 is a Protocol Error: no Session is kept",
        STATEMENTS(V5(4_1_0_2), V5(4_13_1_1)),
        CONNECTED(A, .clean_session = 0, PROPERTIES(EXPIRY(0))),
        LEFT_WITH(A, 3600),
        EXPECT(A, V5(4_13_1_1), CLOSED()),
        FINDS_NONE(A, V5(4_1_0_2))),

    SCENARIO_5_0(session_expiry_absent_cannot_be_raised,
        "DISCONNECT with a Session Expiry Interval where CONNECT had none is a Protocol Error: no Session is kept",
        STATEMENTS(V5(4_1_0_2), V5(4_13_1_1)),
        CONNECTED(A),
        LEFT_WITH(A, FOREVER),
        EXPECT(A, V5(4_13_1_1), CLOSED()),
        FINDS_NONE(A, V5(4_1_0_2))),

    SCENARIO_5_0(session_expiry_raised_from_0_publishes_the_will,
        "DISCONNECT that raises the Session Expiry Interval from 0 is not a valid one: the Will is published",
        STATEMENTS(V5(3_1_2_8), V5(4_13_1_1)),
        CONNECTED(B),
        SUBSCRIBED(B, "~/will", 0),
        CONNECTED(A, .will_topic = "~/will", .will_message = "gone"),
        LEFT_WITH(A, 3600),
        EXPECT(A, V5(4_13_1_1), CLOSED()),
        CONNECTED(C),
        SEND(C, PUBLISH(.topic = "~/will", .payload = "fence")),
        EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone"),
                               PUBLISH(.topic = "~/will", .payload = "fence",
                                       .warn = "the Will was discarded by a DISCONNECT that is not a valid one"))),

    SCENARIO_5_0(session_expiry_0_may_be_repeated,
        "DISCONNECT with Session Expiry Interval 0 where CONNECT had 0 is valid: the Will is discarded",
        STATEMENTS(V5(3_14_4_3)),
        CONNECTED(B),
        SUBSCRIBED(B, "~/will", 0),
        CONNECTED(A, .will_topic = "~/will", .will_message = "gone", PROPERTIES(EXPIRY(0))),
        LEFT_WITH(A, 0),
        CONNECTED(C),
        FENCED(C, B, V5(3_14_4_3), "~/will")),
};
/* clang-format on */

FAMILY(session_expiry, scenarios);
