/* Enhanced authentication of MQTT 5.0. Sections 3.15 and 4.12.
 *
 * The method is SCRAM-SHA-256 (RFC 7677). A Server need not offer it, or may not know the run's user: then what needs
 * it is skipped. */
#include "conformance/scenarios/authentication.h"

#define OTHER_METHOD "SCRAM-SHA-1"
#define UNKNOWN_USER "the target does not take the user and password of this run, --user and --password give others"
#define NO_SECOND    "the target does not let a Client authenticate again"

/* An AUTH packet of the exchange. */
#define CONTINUE(given) AUTH(.reason = 0x18, PROPERTIES(METHOD(SCRAM), DATA(given)))
#define AGAIN(given)    AUTH(.reason = 0x19, PROPERTIES(METHOD(SCRAM), DATA(given)))

/* A connects, proves what it knows, and is let in. */
#define AUTHENTICATED(...)                                                                                             \
    CHALLENGED(__VA_ARGS__), SEND(A, CONTINUE(SCRAM_FINAL)),                                                           \
        EXPECT_NEXT(A, V5(4_12_0_5), CONNACK(.code = 0, PROPERTIES(METHOD(SCRAM))),                                    \
                    CONNACK(.code = REFUSAL, .skip = UNKNOWN_USER), CLOSED(.skip = UNKNOWN_USER))

/* A, authenticated, asks to do it again, and is asked for more. */
#define CHALLENGED_AGAIN                                                                                               \
    SEND(A, AGAIN(SCRAM_FIRST)),                                                                                       \
        EXPECT_NEXT(A, V5(4_12_0_2),                                                                                   \
                    AUTH(.reason = 0x18, PROPERTIES(METHOD(SCRAM), PRESENT(MQTT_AUTHENTICATION_DATA))),                \
                    DISCONNECT(.skip = NO_SECOND), CLOSED(.skip = NO_SECOND))

/* A's method is refused; that it should be is looked at elsewhere. */
#define REFUSED_FOR_ITS_METHOD(breaks)                                                                                 \
    EXPECT_NEXT(A, breaks, CLOSED(), CONNACK(.code = REFUSAL),                                                         \
                CONNACK(.skip = "the target lets a Client in whose Authentication Method it cannot know")),            \
        EXPECT_NEXT(A, breaks, CLOSED())

/* A has been asked for more, sends this instead of what is right, and is not let in. */
#define EXCHANGE_FAILS(name, title, breaks, ...)                                                                       \
    SCENARIO_5_0(name, title, STATEMENTS(breaks), CHALLENGED(), __VA_ARGS__, NOT_LET_IN(breaks))

/* A has authenticated, sends this, and the connection is closed. */
#define CLOSES_WHEN_AUTHENTICATED(name, title, breaks, ...)                                                            \
    SCENARIO_5_0(name, title, STATEMENTS(breaks), AUTHENTICATED(), __VA_ARGS__, EXPECT_NEXT(A, breaks, CLOSED()))

/* A has connected without a method, sends this, and the connection is closed. */
#define CLOSES_WITHOUT_METHOD(name, title, ...)                                                                        \
    SCENARIO_5_0(name, title, STATEMENTS(V5(4_12_0_7)), CONNECTED(A), SEND(A, __VA_ARGS__),                            \
                 EXPECT_NEXT(A, V5(4_12_0_7), CLOSED()))

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- No method ---- */

    SCENARIO_5_0(authentication_is_not_begun_by_the_server,
        "Who connects without Authentication Method is sent neither AUTH nor an Authentication Method",
        STATEMENTS(V5(4_12_0_6)),
        SEND(A, CONNECT()),
        EXPECT_NEXT(A, V5(4_12_0_6), CONNACK(.code = 0, PROPERTIES(ABSENT(MQTT_AUTHENTICATION_METHOD),
                                                                   ABSENT(MQTT_AUTHENTICATION_DATA))))),

    SCENARIO_5_0(authentication_is_not_begun_by_user_name_and_password,
        "User name and password alone bring neither AUTH nor an Authentication Method",
        STATEMENTS(V5(4_12_0_6)),
        SEND(A, CONNECT(.user_name = "mqspec-user", .password = "mqspec-password")),
        EXPECT_NEXT(A, V5(4_12_0_6), CONNACK(.code = 0, PROPERTIES(ABSENT(MQTT_AUTHENTICATION_METHOD))),
                    CONNACK(.code = REFUSAL, PROPERTIES(ABSENT(MQTT_AUTHENTICATION_METHOD))), CLOSED())),

    CLOSES_WITHOUT_METHOD(authentication_not_begun_auth_0x19,
        "AUTH 0x19 from who connected without Authentication Method closes the connection",
        AGAIN(SCRAM_FIRST)),
    CLOSES_WITHOUT_METHOD(authentication_not_begun_auth_0x18,
        "AUTH 0x18 from who connected without Authentication Method closes the connection",
        CONTINUE(SCRAM_FIRST)),
    CLOSES_WITHOUT_METHOD(authentication_not_begun_auth_0x00,
        "AUTH 0x00 from who connected without Authentication Method closes the connection",
        AUTH(.reason = 0x00, PROPERTIES(METHOD(SCRAM)))),
    CLOSES_WITHOUT_METHOD(authentication_not_begun_empty_auth,
        "AUTH with nothing in it from who connected without Authentication Method closes the connection",
        AUTH()),

    SCENARIO_5_0(authentication_before_connect,
        "AUTH as the first packet closes the connection",
        STATEMENTS(V5(3_1_0_1)),
        SEND(A, AGAIN(SCRAM_FIRST)),
        EXPECT_NEXT(A, V5(3_1_0_1), CLOSED())),

    SCENARIO_5_0(authentication_data_without_method,
        "A CONNECT with Authentication Data and no Authentication Method is refused",
        STATEMENTS(V5(3_1_4_1)),
        SEND(A, CONNECT(PROPERTIES(DATA("data")))),
        NOT_LET_IN(V5(3_1_4_1))),

    /* ---- A method that no Server knows: MQTT-4.12.0-1 ---- */

    SCENARIO_5_0(authentication_method_is_unknown,
        "A CONNECT with an unknown Authentication Method is refused with 0x8C or 0x87, or without a word",
        STATEMENTS(V5(4_12_0_1)),
        SEND(A, CONNECT(PROPERTIES(METHOD("MQSPEC-UNKNOWN")))),
        EXPECT_NEXT(A, V5(4_12_0_1), CLOSED(), CONNACK(.reason = 0x8C), CONNACK(.reason = 0x87),
                    CONNACK(.code = REFUSAL, .warn = "the refusal has neither of the Reason Codes that fit")),
        EXPECT_NEXT(A, V5(4_12_0_1), CLOSED())),

    SCENARIO_5_0(authentication_method_is_unknown_and_has_data,
        "A CONNECT with an unknown Authentication Method and Authentication Data is refused",
        STATEMENTS(V5(4_12_0_1)),
        SEND(A, CONNECT(PROPERTIES(METHOD("MQSPEC-UNKNOWN"), BINARY(MQTT_AUTHENTICATION_DATA, "\x00\x01\x02")))),
        NOT_LET_IN(V5(4_12_0_1))),

    SCENARIO_5_0(authentication_method_is_empty,
        "A CONNECT with an empty Authentication Method is refused",
        STATEMENTS(V5(4_12_0_1)),
        SEND(A, CONNECT(PROPERTIES(METHOD("")))),
        NOT_LET_IN(V5(4_12_0_1))),

    SCENARIO_5_0(authentication_method_is_compared_by_case,
        "scram-sha-256 is not SCRAM-SHA-256: a CONNECT with it is refused, or goes on under the name that it gave",
        STATEMENTS(V5(4_12_0_1), V5(4_12_0_5)),
        SEND(A, CONNECT(PROPERTIES(METHOD("scram-sha-256"), DATA(SCRAM_FIRST)))),
        EXPECT_NEXT(A, V5(4_12_0_1), CLOSED(), CONNACK(.code = REFUSAL),
                    AUTH(.reason = 0x18, PROPERTIES(METHOD("scram-sha-256"))))),

    SCENARIO_5_0(authentication_refused_ignores_what_follows,
        "A PUBLISH sent right behind a CONNECT that is refused for its method reaches nobody",
        STATEMENTS(V5(3_1_4_6), V5(4_12_0_1)),
        CONNECTED(B),
        GRANTED(B, "~/t", 0),
        SEND(A, CONNECT(PROPERTIES(METHOD("MQSPEC-UNKNOWN"))),
                PUBLISH(.topic = "~/t", .payload = "from nobody"),
                PUBLISH(.topic = "~/t", .qos = 1, .packet_identifier = 1, .payload = "from nobody")),
        REFUSED_FOR_ITS_METHOD(V5(3_1_4_6)),
        FENCED(B, B, V5(3_1_4_6), "~/t")),

    SCENARIO_5_0(authentication_refused_publishes_no_will,
        "The Will in a CONNECT that is refused for its method is not published",
        STATEMENTS(V5(4_12_0_1), V5(3_1_4_6)),
        CONNECTED(B),
        GRANTED(B, "~/will", 0),
        SEND(A, CONNECT(PROPERTIES(METHOD("MQSPEC-UNKNOWN")), .will_topic = "~/will", .will_message = "refused")),
        REFUSED_FOR_ITS_METHOD(V5(3_1_4_6)),
        FENCED(B, B, V5(3_1_4_6), "~/will")),

    /* ---- SCRAM-SHA-256 ---- */

    SCENARIO_5_0(authentication_asks_for_more,
        "A CONNECT that begins SCRAM-SHA-256 is answered with AUTH 0x18, which repeats the method and has data",
        STATEMENTS(V5(4_12_0_2), V5(4_12_0_5), V5(3_15_2_1), V5(3_2_0_1)),
        SEND(A, CONNECT(PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FIRST)))),
        EXPECT_NEXT(A, V5(4_12_0_2), AUTH(.reason = 0x18), CONNACK(.code = REFUSAL, .skip = NO_SCRAM),
                    CLOSED(.skip = NO_SCRAM),
                    CONNACK(.code = 0, .skip = "the target lets a Client in without asking for more"))),

    SCENARIO_5_0(authentication_repeats_the_method,
        "AUTH and CONNACK of a SCRAM-SHA-256 exchange have the Authentication Method of CONNECT",
        STATEMENTS(V5(4_12_0_5)),
        SEND(A, CONNECT(PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FIRST)))),
        EXPECT_NEXT(A, V5(4_12_0_5), AUTH(PROPERTIES(METHOD(SCRAM))), CONNACK(.skip = NO_SCRAM),
                    CLOSED(.skip = NO_SCRAM)),
        SEND(A, CONTINUE(SCRAM_FINAL)),
        EXPECT_NEXT(A, V5(4_12_0_5), CONNACK(.code = 0, PROPERTIES(METHOD(SCRAM))),
                    CONNACK(.code = REFUSAL, .skip = UNKNOWN_USER), CLOSED(.skip = UNKNOWN_USER))),

    SCENARIO_5_0(authentication_lets_in,
        "Who proves the right password is let in once, and the connection works",
        STATEMENTS(V5(4_12_0_2), V5(3_1_4_5), V5(3_2_0_2)),
        AUTHENTICATED(),
        GRANTED(A, "~/t", 0),
        FENCED(A, A, V5(4_5_0_1), "~/t"),
        SEND(A, PINGREQ()),
        EXPECT_NEXT(A, V5(3_2_0_2), PINGRESP())),

    SCENARIO_5_0(authentication_byte_by_byte,
        "An AUTH that arrives byte by byte is taken",
        STATEMENTS(V5(4_12_0_2), V5(3_1_4_5)),
        CHALLENGED(),
        SEND_BROKEN(A, BYTEWISE, 0, 0, CONTINUE(SCRAM_FINAL)),
        EXPECT_NEXT(A, V5(3_1_4_5), CONNACK(.code = 0), CONNACK(.code = REFUSAL, .skip = UNKNOWN_USER),
                    CLOSED(.skip = UNKNOWN_USER))),

    SCENARIO_5_0(authentication_with_more_properties,
        "An AUTH with Reason String and User Properties is taken",
        STATEMENTS(V5(3_1_4_5)),
        CHALLENGED(),
        SEND(A, AUTH(.reason = 0x18, PROPERTIES(USER("a", "1"), METHOD(SCRAM), TEXT(MQTT_REASON_STRING, "as asked"),
                                                DATA(SCRAM_FINAL), USER("a", "2")))),
        EXPECT_NEXT(A, V5(3_1_4_5), CONNACK(.code = 0), CONNACK(.code = REFUSAL, .skip = UNKNOWN_USER),
                    CLOSED(.skip = UNKNOWN_USER))),

    SCENARIO_5_0(authentication_resumes_the_session,
        "Who is let in by SCRAM-SHA-256 with Clean Start 0 finds its session",
        STATEMENTS(V5(3_1_2_5), V5(3_2_2_3)),
        AUTHENTICATED(.clean_session = 0),
        GRANTED(A, "~/t", 1),
        DROP(A),
        CONNECTED(B),
        PUBLISHED_QOS1(B, 1, .payload = "waiting"),
        CHALLENGED(.clean_session = 0),
        SEND(A, CONTINUE(SCRAM_FINAL)),
        EXPECT_NEXT(A, V5(3_2_2_3), CONNACK(.code = 0, .session_present = 1)),
        RECEIVED_QOS1(A, V5(3_1_2_5), 0, .payload = "waiting")),

    SCENARIO_5_0(authentication_under_way_takes_nothing_over,
        "Who begins to authenticate under the Client Identifier of another does not disturb it, and may go away again",
        STATEMENTS(V5(3_1_4_6), V5(3_1_4_3)),
        CONNECTED(B, .client_identifier = "~A"),
        CHALLENGED(),
        PINGED(B, V5(3_12_4_1)),
        SEND(A, CONTINUE(SCRAM_WRONG)),
        NOT_LET_IN(V5(4_12_0_4)),
        PINGED(B, V5(3_1_4_6))),

    SCENARIO_5_0(authentication_fails_with_a_wrong_password,
        "Who proves a wrong password is not let in: the connection is closed, after a CONNACK or without one",
        STATEMENTS(V5(4_12_0_4)),
        CHALLENGED(),
        SEND(A, CONTINUE(SCRAM_WRONG)),
        NOT_LET_IN(V5(4_12_0_4))),

    EXCHANGE_FAILS(authentication_fails_with_data_that_is_no_answer,
        "Who answers with other data than the method's is not let in", V5(4_12_0_4),
        SEND(A, CONTINUE("n,,no answer"))),
    EXCHANGE_FAILS(authentication_fails_without_data,
        "Who answers without Authentication Data is not let in", V5(4_12_0_4),
        SEND(A, AUTH(.reason = 0x18, PROPERTIES(METHOD(SCRAM))))),
    EXCHANGE_FAILS(authentication_fails_with_another_method,
        "Who answers under another Authentication Method is not let in", V5(4_12_0_5),
        SEND(A, AUTH(.reason = 0x18, PROPERTIES(METHOD(OTHER_METHOD), DATA(SCRAM_FINAL))))),
    EXCHANGE_FAILS(authentication_fails_without_method,
        "Who answers without Authentication Method is not let in", V5(4_12_0_5),
        SEND(A, AUTH(.reason = 0x18, PROPERTIES(DATA(SCRAM_FINAL))))),
    EXCHANGE_FAILS(authentication_fails_with_reason_code_0x19,
        "Who answers with AUTH 0x19 in place of 0x18 is not let in", V5(4_12_0_3),
        SEND(A, AGAIN(SCRAM_FINAL))),
    EXCHANGE_FAILS(authentication_fails_with_reason_code_0x00,
        "Who answers with AUTH 0x00 in place of 0x18 is not let in", V5(4_12_0_3),
        SEND(A, AUTH(.reason = 0x00, PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FINAL))))),
    EXCHANGE_FAILS(authentication_fails_with_reason_code_0x01,
        "Who answers with AUTH 0x01, which AUTH does not have, is not let in", V5(3_15_2_1),
        SEND(A, AUTH(.reason = 0x01, PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FINAL))))),
    EXCHANGE_FAILS(authentication_fails_with_reason_code_0x87,
        "Who answers with AUTH 0x87, which AUTH does not have, is not let in", V5(3_15_2_1),
        SEND(A, AUTH(.reason = 0x87, PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FINAL))))),
    EXCHANGE_FAILS(authentication_fails_with_reserved_flags,
        "Who answers with an AUTH whose flags are not 0 is not let in", V5(3_15_1_1),
        SEND(A, AUTH(.flags = 1, .reason = 0x18, PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FINAL))))),
    EXCHANGE_FAILS(authentication_fails_with_the_highest_reserved_flag,
        "Who answers with an AUTH whose highest flag is 1 is not let in", V5(3_15_1_1),
        SEND(A, AUTH(.flags = 8, .reason = 0x18, PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FINAL))))),
    EXCHANGE_FAILS(authentication_fails_with_a_second_connect,
        "Who answers with another CONNECT is not let in", V5(3_1_0_2),
        SEND(A, CONNECT())),

    SCENARIO_5_0(authentication_under_way_answers_nothing_else,
        "A PINGREQ while the Server waits for AUTH is not answered: it is passed over or closes the connection",
        STATEMENTS(V5(3_1_2_30), V5(3_2_0_1)),
        CHALLENGED(),
        SEND(A, PINGREQ(), CONTINUE(SCRAM_FINAL)),
        EXPECT_NEXT(A, V5(3_1_2_30), CLOSED(), CONNACK(.code = 0), CONNACK(.code = REFUSAL))),

    SCENARIO_5_0(authentication_under_way_distributes_nothing,
        "A PUBLISH while the Server waits for AUTH reaches nobody when the authentication then fails",
        STATEMENTS(V5(3_1_2_30), V5(3_1_4_6)),
        CONNECTED(B),
        GRANTED(B, "~/t", 0),
        CHALLENGED(),
        SEND(A, PUBLISH(.topic = "~/t", .payload = "from nobody"), CONTINUE(SCRAM_WRONG)),
        NOT_LET_IN(V5(4_12_0_4)),
        FENCED(B, B, V5(3_1_4_6), "~/t")),

    SCENARIO_5_0(authentication_failed_leaves_no_session,
        "Who was not let in has not changed the session of that Client Identifier",
        STATEMENTS(V5(4_12_0_4), V5(3_1_4_6)),
        CONNECTED(A, .clean_session = 0),
        GRANTED(A, "~/t", 1),
        DISCONNECTED(A),
        CHALLENGED(.clean_session = 1),
        SEND(A, CONTINUE(SCRAM_WRONG)),
        NOT_LET_IN(V5(4_12_0_4)),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT_NEXT(A, V5(3_1_4_6), CONNACK(.code = 0, .session_present = 1))),

    /* ---- Once more: re-authentication ---- */

    SCENARIO_5_0(reauthentication_succeeds,
        "Who authenticates again is answered with AUTH 0x18, then AUTH 0x00, and no CONNACK, and the connection works",
        STATEMENTS(V5(4_12_0_2), V5(4_12_0_5), V5(3_15_2_1), V5(3_2_0_2)),
        AUTHENTICATED(),
        GRANTED(A, "~/t", 0),
        CHALLENGED_AGAIN,
        SEND(A, CONTINUE(SCRAM_FINAL)),
        EXPECT_NEXT(A, V5(4_12_0_5), AUTH(.reason = 0x00, PROPERTIES(METHOD(SCRAM)))),
        FENCED(A, A, V5(4_5_0_1), "~/t")),

    SCENARIO_5_0(reauthentication_may_be_repeated,
        "A Client may authenticate again and again",
        STATEMENTS(V5(4_12_0_2)),
        AUTHENTICATED(),
        CHALLENGED_AGAIN,
        SEND(A, CONTINUE(SCRAM_FINAL)),
        EXPECT_NEXT(A, V5(4_12_0_2), AUTH(.reason = 0x00)),
        CHALLENGED_AGAIN,
        SEND(A, CONTINUE(SCRAM_FINAL)),
        EXPECT_NEXT(A, V5(4_12_0_2), AUTH(.reason = 0x00)),
        PINGED(A, V5(3_12_4_1))),

    SCENARIO_5_0(reauthentication_leaves_messages_alone,
        "While a Client authenticates again, its messages and its pings are answered",
        STATEMENTS(V5(4_1_0_1), V5(3_12_4_1)),
        AUTHENTICATED(),
        GRANTED(A, "~/t", 1),
        CHALLENGED_AGAIN,
        SEND(A, PINGREQ()),
        EXPECT(A, V5(3_12_4_1), PINGRESP()),
        PUBLISHED_QOS1(A, 3, .payload = "meanwhile"),
        RECEIVED_QOS1(A, V5(4_1_0_1), 0, .payload = "meanwhile"),
        SEND(A, CONTINUE(SCRAM_FINAL)),
        EXPECT(A, V5(4_12_0_5), AUTH(.reason = 0x00))),

    SCENARIO_5_0(reauthentication_fails_with_a_wrong_password,
        "Who proves a wrong password when authenticating again has its connection closed",
        STATEMENTS(V5(4_12_1_2)),
        AUTHENTICATED(),
        CHALLENGED_AGAIN,
        SEND(A, CONTINUE(SCRAM_WRONG)),
        EXPECT_NEXT(A, V5(4_12_1_2), CLOSED(.warn = "the connection was closed without a DISCONNECT that says why"),
                                     DISCONNECT(.reason = REFUSAL)),
        EXPECT_NEXT(A, V5(4_12_1_2), CLOSED())),

    CLOSES_WHEN_AUTHENTICATED(reauthentication_with_another_method,
        "AUTH 0x19 with another Authentication Method than that of CONNECT closes the connection", V5(4_12_1_1),
        SEND(A, AUTH(.reason = 0x19, PROPERTIES(METHOD(OTHER_METHOD), DATA(SCRAM_FIRST))))),
    CLOSES_WHEN_AUTHENTICATED(reauthentication_without_method,
        "AUTH 0x19 without Authentication Method closes the connection", V5(4_12_1_1),
        SEND(A, AUTH(.reason = 0x19, PROPERTIES(DATA(SCRAM_FIRST))))),
    CLOSES_WHEN_AUTHENTICATED(reauthentication_begun_with_0x18,
        "AUTH 0x18 to begin with, where the Server has asked for nothing, closes the connection", V5(4_12_0_3),
        SEND(A, CONTINUE(SCRAM_FIRST))),
    CLOSES_WHEN_AUTHENTICATED(reauthentication_begun_with_0x00,
        "AUTH 0x00 from a Client closes the connection", V5(4_12_0_3),
        SEND(A, AUTH(.reason = 0x00, PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FIRST))))),
    CLOSES_WHEN_AUTHENTICATED(reauthentication_with_reserved_flags,
        "AUTH 0x19 whose flags are not 0 closes the connection", V5(3_15_1_1),
        SEND(A, AUTH(.flags = 2, .reason = 0x19, PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FIRST))))),
    CLOSES_WHEN_AUTHENTICATED(reauthentication_with_reason_code_0x1a,
        "AUTH 0x1A, which AUTH does not have, closes the connection", V5(3_15_2_1),
        SEND(A, AUTH(.reason = 0x1A, PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FIRST))))),
    CLOSES_WHEN_AUTHENTICATED(reauthentication_continued_with_another_method,
        "AUTH 0x18 under another Authentication Method, when authenticating again, closes the connection",
        V5(4_12_0_5),
        CHALLENGED_AGAIN,
        SEND(A, AUTH(.reason = 0x18, PROPERTIES(METHOD(OTHER_METHOD), DATA(SCRAM_FINAL))))),
    CLOSES_WHEN_AUTHENTICATED(reauthentication_continued_with_0x19,
        "AUTH 0x19 in answer to the Server's AUTH 0x18 closes the connection", V5(4_12_0_3),
        CHALLENGED_AGAIN,
        SEND(A, AGAIN(SCRAM_FINAL))),
};
/* clang-format on */

FAMILY(authentication, scenarios);
