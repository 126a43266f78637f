/* CONNACK: Session Present, return codes, and what follows a refusal. Section 3.2. */
#include "conformance/scenarios/shorthand.h"

/* clang-format off */
static const struct scenario scenarios[] = {

    /* ---- Session Present ---- */

    SCENARIO_3_1_1_AND_5(connack_no_session_is_present,
        "CleanSession 0 without a stored session is answered with Session Present 0",
        STATEMENTS(V311(3_2_2_3)),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V311(3_2_2_3), CONNACK(.code = 0, .session_present = 0))),

    SCENARIO_3_1_1_AND_5(connack_stored_session_is_present,
        "CleanSession 0 with a stored session is answered with Session Present 1",
        STATEMENTS(V311(3_2_2_2)),
        CONNECTED(A, .clean_session = 0),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V311(3_2_2_2), CONNACK(.code = 0, .session_present = 1))),

    SCENARIO_3_1_1_AND_5(connack_session_is_present_after_loss,
        "A session is present as well when the connection was lost without DISCONNECT",
        STATEMENTS(V311(3_2_2_2)),
        CONNECTED(A, .clean_session = 0),
        DROP(A),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V311(3_2_2_2), CONNACK(.code = 0, .session_present = 1))),

    SCENARIO_3_1_1_AND_5(connack_clean_session_is_never_present,
        "CleanSession 1 is answered with Session Present 0, also where a session was stored",
        STATEMENTS(V311(3_2_2_1)),
        CONNECTED(A, .clean_session = 0),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 1)),
        EXPECT(A, V311(3_2_2_1), CONNACK(.code = 0, .session_present = 0))),

    SCENARIO_3_1_1_AND_5(connack_clean_session_leaves_nothing,
        "After a connection with CleanSession 1 no session is present",
        STATEMENTS(V311(3_2_2_3), V311(3_1_2_6)),
        CONNECTED(A, .clean_session = 1),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V311(3_2_2_3), CONNACK(.code = 0, .session_present = 0))),

    SCENARIO_3_1_1_AND_5(connack_clean_session_ends_stored_session,
        "CleanSession 1 ends a stored session: afterwards none is present",
        STATEMENTS(V311(3_2_2_3), V311(3_1_2_6)),
        CONNECTED(A, .clean_session = 0),
        DISCONNECTED(A),
        CONNECTED(A, .clean_session = 1),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V311(3_1_2_6), CONNACK(.code = 0, .session_present = 0))),

    SCENARIO_3_1_1_AND_5(connack_other_sessions_are_not_present,
        "The session of another Client Identifier is not present",
        STATEMENTS(V311(3_2_2_3), V311(3_1_3_2)),
        CONNECTED(A, .clean_session = 0, .client_identifier = "~one"),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 0, .client_identifier = "~onf")),
        EXPECT(A, V311(3_1_3_2), CONNACK(.code = 0, .session_present = 0))),

    /* ---- Refusals ---- */

    SCENARIO_3_1_1(connack_refusal_has_no_session_present,
        "A refusal has Session Present 0, also where the Client has a stored session",
        STATEMENTS(V311(3_2_2_4)),
        CONNECTED(A, .clean_session = 0),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 0, .protocol_level = 0x7F)),
        EXPECT_NEXT(A, V311(3_2_2_4), CONNACK(.code = 1, .session_present = 0),
                                      CLOSED(.skip = "the target refuses without CONNACK"))),

    SCENARIO_3_1_1(connack_refusal_closes,
        "After a CONNACK that refuses, the connection is closed",
        STATEMENTS(V311(3_2_2_5)),
        SEND(A, CONNECT(.protocol_level = 0x7F)),
        EXPECT_NEXT(A, V311(3_1_2_2), CONNACK(.code = 1), CLOSED(.skip = "the target refuses without CONNACK")),
        EXPECT(A, V311(3_2_2_5), CLOSED())),

    SCENARIO_3_1_1(connack_refusal_has_a_known_code,
        "A refusal has one of the return codes 1 to 5, or there is no CONNACK",
        STATEMENTS(V311(3_2_2_6)),
        SEND(A, CONNECT(.protocol_level = 0x7F)),
        EXPECT_NEXT(A, V311(3_2_2_6), CLOSED(), CONNACK(.code = 1), CONNACK(.code = 2), CONNACK(.code = 3),
                                      CONNACK(.code = 4), CONNACK(.code = 5)),
        EXPECT(A, V311(3_2_2_6), CLOSED())),

    SCENARIO_3_1_1_AND_5(connack_wrong_password_is_refused,
        "A wrong password is refused with return code 4 or 5, and the connection closed",
        STATEMENTS(V311(3_2_2_5), V311(3_2_2_4)),
        SEND(A, CONNECT(.user_name = "mqspec", .password = "wrong")),
        USER_REFUSED(A, V311(3_2_2_4), .session_present = 0)),

    SCENARIO_3_1_1_AND_5(connack_denied_user_is_refused,
        "A user that may not connect is refused with return code 4 or 5, and the connection closed",
        STATEMENTS(V311(3_2_2_5), V311(3_2_2_6)),
        SEND(A, CONNECT(.user_name = "mqspec-denied", .password = "denied")),
        USER_REFUSED(A, V311(3_2_2_6))),

    SCENARIO_3_1_1_AND_5(connack_refusal_keeps_the_session,
        "A refused CONNECT with CleanSession 1 does not end the stored session of its Client Identifier",
        STATEMENTS(V311(3_2_2_2), V311(3_1_2_4)),
        CONNECTED(A, .clean_session = 0),
        DISCONNECTED(A),
        SEND(A, CONNECT(.clean_session = 1, .user_name = "mqspec", .password = "wrong")),
        USER_REFUSED(A, V311(3_2_2_5)),
        SEND(A, CONNECT(.clean_session = 0)),
        EXPECT(A, V311(3_2_2_2), CONNACK(.code = 0, .session_present = 1))),

    SCENARIO_3_1_1_AND_5(connack_refused_client_does_not_take_over,
        "A refused CONNECT does not displace the Client that holds its Client Identifier",
        STATEMENTS(V311(3_1_4_5)),
        CONNECTED(A, .client_identifier = "~same"),
        SEND(B, CONNECT(.client_identifier = "~same", .user_name = "mqspec", .password = "wrong")),
        USER_REFUSED(B, V311(3_2_2_5)),
        PINGED(A, V311(3_1_4_5))),

    /* ---- Behind a refusal ---- */

    SCENARIO_3_1_1(connack_publish_behind_refusal_is_ignored,
        "A PUBLISH sent in one write behind a CONNECT that is refused reaches nobody",
        STATEMENTS(V311(3_1_4_5)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        SEND(B, CONNECT(.protocol_level = 0x7F), PUBLISH(.payload = "refused")),
        EXPECT(B, V311(3_2_2_5), CLOSED()),
        FENCED(A, A, V311(3_1_4_5), "~/t")),

    SCENARIO_3_1_1_AND_5(connack_publish_behind_wrong_password_is_ignored,
        "A PUBLISH sent in one write behind a CONNECT with a wrong password reaches nobody",
        STATEMENTS(V311(3_1_4_5)),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        SEND(B, CONNECT(.user_name = "mqspec", .password = "wrong"), PUBLISH(.payload = "refused")),
        USER_REFUSED(B, V311(3_2_2_5)),
        FENCED(A, A, V311(3_1_4_5), "~/t")),

    SCENARIO_3_1_1(connack_retained_behind_refusal_is_ignored,
        "A retained PUBLISH sent in one write behind a CONNECT that is refused is not stored",
        STATEMENTS(V311(3_1_4_5)),
        SEND(B, CONNECT(.protocol_level = 0x7F), PUBLISH(.retain = 1, .payload = "refused")),
        EXPECT(B, V311(3_2_2_5), CLOSED()),
        CONNECTED(A),
        SUBSCRIBED(A, "~/t", 0),
        FENCED(A, A, V311(3_1_4_5), "~/t")),
};
/* clang-format on */

FAMILY(connack, scenarios);
