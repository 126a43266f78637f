/* Recordings played against small servers that follow a script, and what is told of the differences. */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#include "pcaps/capture.h"
#include "pcaps/place.h"
#include "pcaps/replay.h"
#include "pcaps/tests/event_log.h"

enum act_kind {
    ENDS,
    OPENS,         /* recorded: the client opens; live: the server accepts */
    CLIENT_SAYS,   /* live: the server expects exactly this */
    SERVER_SAYS,   /* live: the server sends this */
    CLIENT_CLOSES, /* live: the server expects the end */
    SERVER_CLOSES, /* live: the server closes */
    QUIET,         /* live only: for a moment nobody connects and nothing comes on the connection */
};

struct act {
    enum act_kind kind;
    unsigned connection; /* 0 or 1 */
    const char *bytes;
    uint32_t length;
};

struct replay_row {
    const char *name;
    struct act recorded[16];
    struct act live[16]; /* what the server that it is played against does and expects */
    const char *told;
};

#define BYTES(text) text, sizeof(text) - 1
#define OPEN(connection)                                                                                               \
    { OPENS, connection, NULL, 0 }
#define C(connection, text)                                                                                            \
    { CLIENT_SAYS, connection, BYTES(text) }
#define S(connection, text)                                                                                            \
    { SERVER_SAYS, connection, BYTES(text) }
#define C_ENDS(connection)                                                                                             \
    { CLIENT_CLOSES, connection, NULL, 0 }
#define S_ENDS(connection)                                                                                             \
    { SERVER_CLOSES, connection, NULL, 0 }
#define NOTHING(connection)                                                                                            \
    { QUIET, connection, NULL, 0 }

#define CONNECT                       "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a"
#define CONNECT_B                     "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1b"
#define CONNACK                       "\x20\2\0\0"
#define SUBSCRIBE                     "\x82\6\0\1\0\1t\2"
#define SUBACK                        "\x90\3\0\1\2"
#define DISCONNECT                    "\xe0\0"
#define CONNECT_KEPT                  "\x10\x0d\0\4MQTT\4\0\0\x3c\0\1a"
#define CONNACK_KEPT                  "\x20\2\1\0"
#define GREETING(connection, connect) OPEN(connection), C(connection, connect), S(connection, CONNACK)

/* MQTT 5.0. */
#define CONNECT_5                       "\x10\x0e\0\4MQTT\5\2\0\x3c\0\0\1a"
#define CONNECT_5_B                     "\x10\x0e\0\4MQTT\5\2\0\x3c\0\0\1b"
#define CONNACK_5                       "\x20\3\0\0\0"
#define SUBSCRIBE_SHARED                "\x82\x10\0\1\0\0\x0a$share/g/t\1"
#define SUBACK_5                        "\x90\4\0\1\0\1"
#define GREETING_5(connection, connack) OPEN(connection), C(connection, CONNECT_5), S(connection, connack)

/* clang-format off */
static const struct replay_row rows[] = {
    {"the same answers",
     {GREETING(0, CONNECT), C(0, SUBSCRIBE), S(0, SUBACK), C(0, "\xc0\0"), S(0, "\xd0\0"), C(0, DISCONNECT), C_ENDS(0)},
     {GREETING(0, CONNECT), C(0, SUBSCRIBE), S(0, SUBACK), C(0, "\xc0\0"), S(0, "\xd0\0"), C(0, DISCONNECT), C_ENDS(0)},
     "sent 4 skipped 0"},
    {"the broker chooses other Packet Identifiers",
     {GREETING(0, CONNECT), S(0, "\x32\6\0\1t\0\1x"), C(0, "\x40\2\0\1"), S(0, "\x34\6\0\1t\0\2y"),
     C(0, "\x50\2\0\2"), S(0, "\x62\2\0\2"), C(0, "\x70\2\0\2")},
     {GREETING(0, CONNECT), S(0, "\x32\6\0\1t\1\7x"), C(0, "\x40\2\1\7"), S(0, "\x34\6\0\1t\0\1y"),
     C(0, "\x50\2\0\1"), S(0, "\x62\2\0\1"), C(0, "\x70\2\0\1")},
     "sent 4 skipped 0"},
    {"two messages come in the other order",
     {GREETING(0, CONNECT), S(0, "\x32\6\0\1t\0\1x"), S(0, "\x32\6\0\1u\0\2x"), C(0, "\x40\2\0\1"), C(0, "\x40\2\0\2")},
     {GREETING(0, CONNECT), S(0, "\x32\6\0\1u\0\1x"), S(0, "\x32\6\0\1t\0\2x"), C(0, "\x40\2\0\2"), C(0, "\x40\2\0\1")},
     "sent 3 skipped 0"},
    {"PUBREL comes on the next connection of the session",
     {OPEN(0), C(0, "\x10\x0d\0\4MQTT\4\0\0\x3c\0\1a"), S(0, CONNACK), S(0, "\x34\6\0\1t\0\2y"),
     C(0, "\x50\2\0\2"), C_ENDS(0),
      OPEN(1), C(1, "\x10\x0d\0\4MQTT\4\0\0\x3c\0\1a"), S(1, "\x20\2\1\0"), S(1, "\x62\2\0\2"), C(1, "\x70\2\0\2")},
     {OPEN(0), C(0, "\x10\x0d\0\4MQTT\4\0\0\x3c\0\1a"), S(0, CONNACK), S(0, "\x34\6\0\1t\0\5y"),
     C(0, "\x50\2\0\5"), C_ENDS(0),
      S_ENDS(0), OPEN(1), C(1, "\x10\x0d\0\4MQTT\4\0\0\x3c\0\1a"), S(1, "\x20\2\1\0"), S(1, "\x62\2\0\5"),
      C(1, "\x70\2\0\5")},
     "sent 4 skipped 0"},
    {"a message too many is told, and acknowledged all the same",
     {GREETING(0, CONNECT), C(0, "\xc0\0"), S(0, "\xd0\0"), C(0, DISCONNECT), C_ENDS(0)},
     {GREETING(0, CONNECT), C(0, "\xc0\0"), S(0, "\x32\6\0\1t\0\3x"), C(0, "\x40\2\0\3"), S(0, "\xd0\0"), C(0,
     DISCONNECT), C_ENDS(0)},
     "+PUBLISH sent 3 skipped 0"},
    {"an answer that does not come is missed",
     {GREETING(0, CONNECT), C(0, SUBSCRIBE), S(0, SUBACK), C(0, DISCONNECT), C_ENDS(0)},
     {GREETING(0, CONNECT), C(0, SUBSCRIBE), C(0, DISCONNECT), C_ENDS(0)},
     "-SUBACK sent 3 skipped 0"},
    {"what a missed message asks to acknowledge is not acknowledged",
     {GREETING(0, CONNECT), S(0, "\x32\6\0\1t\0\1x"), C(0, "\x40\2\0\1"), C(0, DISCONNECT), C_ENDS(0)},
     {GREETING(0, CONNECT), C(0, DISCONNECT), C_ENDS(0)},
     "-PUBLISH sent 2 skipped 1"},
    {"another return code",
     {GREETING(0, CONNECT), C(0, DISCONNECT), C_ENDS(0)},
     {OPEN(0), C(0, CONNECT), S(0, "\x20\2\0\5"), S_ENDS(0)},
     "~CONNACK *"},
    {"another granted QoS",
     {GREETING(0, CONNECT), C(0, SUBSCRIBE), S(0, SUBACK), C(0, DISCONNECT), C_ENDS(0)},
     {GREETING(0, CONNECT), C(0, SUBSCRIBE), S(0, "\x90\3\0\1\1"), C(0, DISCONNECT), C_ENDS(0)},
     "~SUBACK sent 3 skipped 0"},
    {"the recorded broker closed, this one does not",
     {GREETING(0, CONNECT), C(0, "\x36\6\0\1t\0\1x"), S_ENDS(0)},
     {GREETING(0, CONNECT), C(0, "\x36\6\0\1t\0\1x"), NOTHING(0)},
     "-closed sent 2 skipped 0"},
    {"both close after bytes that are no packet",
     {GREETING(0, CONNECT), C(0, "\x36\6\0\1t\0\1x"), S_ENDS(0)},
     {GREETING(0, CONNECT), C(0, "\x36\6\0\1t\0\1x"), S_ENDS(0)},
     "sent 2 skipped 0"},
    {"it answers with bytes that are no packet",
     {GREETING(0, CONNECT)},
     {OPEN(0), C(0, CONNECT), S(0, "\xff\xff\xff\xff\xff\xff"), NOTHING(0)},
     "-CONNACK +bytes sent 1 skipped 0"},
    {"it closes at once",
     {GREETING(0, CONNECT), C(0, SUBSCRIBE), S(0, SUBACK)},
     {OPEN(0), S_ENDS(0)},
     "-CONNACK -SUBACK +closed *"},
    {"a client waits for what another one was answered",
     {GREETING(0, CONNECT), GREETING(1, CONNECT_B), C(0, SUBSCRIBE), S(0, SUBACK), C(1, "\x30\4\0\1tx"),
     S(0, "\x30\4\0\1tx")},
     {GREETING(0, CONNECT), GREETING(1, CONNECT_B), C(0, SUBSCRIBE), NOTHING(1), S(0, SUBACK), C(1, "\x30\4\0\1tx"),
     S(0, "\x30\4\0\1tx")},
     "sent 4 skipped 0"},
    {"a client does not wait for what is nothing to it",
     {GREETING(0, CONNECT), GREETING(1, CONNECT_B), C(0, SUBSCRIBE), S(0, SUBACK), C(1, "\x30\4\0\1ux"), C(1, "\xc0\0"),
     S(1, "\xd0\0")},
     {GREETING(0, CONNECT), GREETING(1, CONNECT_B), C(0, SUBSCRIBE), C(1, "\x30\4\0\1ux"), C(1, "\xc0\0"),
     S(1, "\xd0\0"), S(0, SUBACK)},
     "sent 5 skipped 0"},
    {"a message comes before the client has left that it came back for, and once more",
     {GREETING(0, CONNECT_KEPT), C(0, SUBSCRIBE), S(0, SUBACK), C_ENDS(0), OPEN(1), C(1, CONNECT_KEPT),
     S(1, CONNACK_KEPT), S(1, "\x32\6\0\1t\0\3x"), C(1, "\x40\2\0\3")},
     {GREETING(0, CONNECT_KEPT), C(0, SUBSCRIBE), S(0, "\x32\6\0\1t\0\4x"), S(0, SUBACK), C_ENDS(0), S_ENDS(0), OPEN(1),
     C(1, CONNECT_KEPT), S(1, CONNACK_KEPT), S(1, "\x3a\6\0\1t\0\4x"), C(1, "\x40\2\0\4")},
     "sent 4 skipped 0"},
    {"an answer that the recorded client did not wait for",
     {GREETING(0, CONNECT), C(0, "\xc0\0"), C(0, DISCONNECT), C_ENDS(0)},
     {GREETING(0, CONNECT), C(0, "\xc0\0"), S(0, "\xd0\0"), C(0, DISCONNECT), C_ENDS(0)},
     "sent 3 skipped 0"},
    {"both answer with bytes that are no packet",
     {GREETING(0, CONNECT), S(0, "\xf0\0"), C(0, DISCONNECT), C_ENDS(0)},
     {GREETING(0, CONNECT), NOTHING(0), S(0, "\xf0\0"), C(0, DISCONNECT), C_ENDS(0)},
     "sent 2 skipped 0"},
    {"a client does not leave before its messages have come",
     {GREETING(0, CONNECT), S(0, "\x30\4\0\1tx"), C(0, DISCONNECT), C_ENDS(0)},
     {GREETING(0, CONNECT), NOTHING(0), S(0, "\x30\4\0\1tx"), C(0, DISCONNECT), C_ENDS(0)},
     "sent 2 skipped 0"},
    {"half a packet is sent as it was",
     {GREETING(0, CONNECT), C(0, "\x30\x7f\0\1t"), C_ENDS(0)},
     {GREETING(0, CONNECT), C(0, "\x30\x7f\0\1t"), C_ENDS(0)},
     "sent 2 skipped 0"},
    {"5.0: the same answers",
     {GREETING_5(0, CONNACK_5), C(0, "\x82\7\0\1\0\0\1t\2"), S(0, "\x90\4\0\1\0\2"), C(0, "\xe0\1\4"),
     C_ENDS(0)},
     {GREETING_5(0, CONNACK_5), C(0, "\x82\7\0\1\0\0\1t\2"), S(0, "\x90\4\0\1\0\2"), C(0, "\xe0\1\4"),
     C_ENDS(0)},
     "sent 3 skipped 0"},
    {"5.0: properties of CONNACK and SUBACK are the broker's own affair",
     {GREETING_5(0, "\x20\6\0\0\3\x21\0\5"), C(0, "\x82\7\0\1\0\0\1t\2"), S(0, "\x90\4\0\1\0\2")},
     {GREETING_5(0, "\x20\6\0\0\3\x13\0\x0a"), C(0, "\x82\7\0\1\0\0\1t\2"),
     S(0, "\x90\x09\0\1\5\x1f\0\2ok\2")},
     "sent 2 skipped 0"},
    {"5.0: another Packet Identifier is acknowledged with the recorded Reason Code and properties",
     {GREETING_5(0, CONNACK_5), S(0, "\x32\7\0\1t\0\1\0x"), C(0, "\x40\x47\0\1\x83\x43\x1f\0\x40"
     "0123456789012345678901234567890123456789012345678901234567890123")},
     {GREETING_5(0, CONNACK_5), S(0, "\x32\7\0\1t\1\7\0x"), C(0, "\x40\x47\1\7\x83\x43\x1f\0\x40"
     "0123456789012345678901234567890123456789012345678901234567890123")},
     "sent 2 skipped 0"},
    {"5.0: PUBREC that refuses ends the flow",
     {GREETING_5(0, CONNACK_5), S(0, "\x34\7\0\1t\0\1\0x"), C(0, "\x50\3\0\1\x83"), C(0, "\xc0\0"), S(0, "\xd0\0")},
     {GREETING_5(0, CONNACK_5), S(0, "\x34\7\0\1t\0\2\0x"), C(0, "\x50\3\0\2\x83"), C(0, "\xc0\0"), S(0, "\xd0\0")},
     "sent 3 skipped 0"},
    {"5.0: a topic and its Topic Alias are the same message",
     {GREETING_5(0, CONNACK_5), S(0, "\x30\5\0\1t\0x"), S(0, "\x30\5\0\1t\0y"), S(0, "\x30\5\0\1t\0z")},
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x08\0\1t\3\x23\0\1x"), S(0, "\x30\7\0\0\3\x23\0\1y"),
     S(0, "\x30\7\0\0\3\x23\0\1z")},
     "sent 1 skipped 0"},
    {"5.0: a recorded Topic Alias is resolved, also one that was set anew",
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x08\0\1t\3\x23\0\1x"), S(0, "\x30\7\0\0\3\x23\0\1y"),
     S(0, "\x30\x08\0\1u\3\x23\0\1x"), S(0, "\x30\7\0\0\3\x23\0\1y")},
     {GREETING_5(0, CONNACK_5), S(0, "\x30\5\0\1t\0x"), S(0, "\x30\5\0\1t\0y"), S(0, "\x30\5\0\1u\0x"),
     S(0, "\x30\5\0\1u\0y")},
     "sent 1 skipped 0"},
    {"5.0: an alias for another topic is another message",
     {GREETING_5(0, CONNACK_5), S(0, "\x30\5\0\1t\0x"), S(0, "\x30\5\0\1t\0y")},
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x08\0\1t\3\x23\0\1x"), S(0, "\x30\x08\0\1u\3\x23\0\2y"), S_ENDS(0)},
     "-PUBLISH +PUBLISH +closed sent 1 skipped 0"},
    {"5.0: a client's Topic Alias stays where the new broker allows it",
     {GREETING_5(0, "\x20\6\0\0\3\x22\0\5"), C(0, "\x30\x08\0\1t\3\x23\0\5x"), C(0, "\x30\7\0\0\3\x23\0\5y")},
     {GREETING_5(0, "\x20\6\0\0\3\x22\0\5"), C(0, "\x30\x08\0\1t\3\x23\0\5x"), C(0, "\x30\7\0\0\3\x23\0\5y")},
     "sent 3 skipped 0"},
    {"5.0: a client's Topic Alias above what the new broker allows is the topic instead",
     {GREETING_5(0, "\x20\6\0\0\3\x22\0\5"), C(0, "\x30\x0a\0\1t\5\1\1\x23\0\5x"),
     C(0, "\x30\7\0\0\3\x23\0\5y")},
     {GREETING_5(0, "\x20\6\0\0\3\x22\0\4"), C(0, "\x30\7\0\1t\2\1\1x"), C(0, "\x30\5\0\1t\0y")},
     "sent 3 skipped 0"},
    {"5.0: the client comes back under the Client Identifier that the new broker assigned",
     {OPEN(0), C(0, "\x10\x0d\0\4MQTT\5\2\0\x3c\0\0\0"), S(0, "\x20\x08\0\0\5\x12\0\2r1"), C(0, DISCONNECT),
     C_ENDS(0), OPEN(1), C(1, "\x10\x0f\0\4MQTT\5\0\0\x3c\0\0\2r1"), S(1, "\x20\3\1\0\0")},
     {OPEN(0), C(0, "\x10\x0d\0\4MQTT\5\2\0\x3c\0\0\0"), S(0, "\x20\x0a\0\0\7\x12\0\4live"), C(0, DISCONNECT),
     C_ENDS(0), S_ENDS(0), OPEN(1), C(1, "\x10\x11\0\4MQTT\5\0\0\x3c\0\0\4live"), S(1, "\x20\3\1\0\0")},
     "sent 3 skipped 0"},
    {"5.0: what is left of a Message Expiry Interval does not count",
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x0a\0\1t\5\2\0\0\0\x0ax")},
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x0a\0\1t\5\2\0\0\0\5x")},
     "sent 1 skipped 0"},
    {"5.0: that there is one counts",
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x0a\0\1t\5\2\0\0\0\x0ax")},
     {GREETING_5(0, CONNACK_5), S(0, "\x30\5\0\1t\0x")},
     "~PUBLISH sent 1 skipped 0"},
    {"5.0: another Content Type",
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x09\0\1t\4\3\0\1ax")},
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x09\0\1t\4\3\0\1bx")},
     "~PUBLISH sent 1 skipped 0"},
    {"5.0: of messages that differ in a property only, each finds its own",
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x09\0\1t\4\3\0\1ax"), S(0, "\x30\x09\0\1t\4\3\0\1bx")},
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x09\0\1t\4\3\0\1bx"), S(0, "\x30\x09\0\1t\4\3\0\1ax")},
     "sent 1 skipped 0"},
    {"5.0: the order of User Properties counts",
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x11\0\1t\x0c\x26\0\1a\0\0\x26\0\1b\0\0x")},
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x11\0\1t\x0c\x26\0\1b\0\0\x26\0\1a\0\0x")},
     "~PUBLISH sent 1 skipped 0"},
    {"5.0: the order of Subscription Identifiers and of different properties does not",
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x0b\0\1t\6\x0b\1\x0b\2\1\1x")},
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x0b\0\1t\6\1\1\x0b\2\x0b\1x")},
     "sent 1 skipped 0"},
    {"5.0: other Subscription Identifiers",
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x09\0\1t\4\x0b\1\x0b\2x")},
     {GREETING_5(0, CONNACK_5), S(0, "\x30\x09\0\1t\4\x0b\1\x0b\3x")},
     "~PUBLISH sent 1 skipped 0"},
    {"5.0: Success and No matching subscribers are both success",
     {GREETING_5(0, CONNACK_5), C(0, "\x32\7\0\1t\0\1\0x"), S(0, "\x40\3\0\1\x10")},
     {GREETING_5(0, CONNACK_5), C(0, "\x32\7\0\1t\0\1\0x"), S(0, "\x40\2\0\1")},
     "sent 2 skipped 0"},
    {"5.0: a message that is refused",
     {GREETING_5(0, CONNACK_5), C(0, "\x32\7\0\1t\0\1\0x"), S(0, "\x40\2\0\1")},
     {GREETING_5(0, CONNACK_5), C(0, "\x32\7\0\1t\0\1\0x"), S(0, "\x40\3\0\1\x87")},
     "~PUBACK sent 2 skipped 0"},
    {"5.0: other codes in UNSUBACK",
     {GREETING_5(0, CONNACK_5), C(0, "\xa2\6\0\1\0\0\1t"), S(0, "\xb0\4\0\1\0\0")},
     {GREETING_5(0, CONNACK_5), C(0, "\xa2\6\0\1\0\0\1t"), S(0, "\xb0\4\0\1\0\x11")},
     "~UNSUBACK sent 2 skipped 0"},
    {"5.0: the broker says goodbye for another reason",
     {GREETING_5(0, CONNACK_5), S(0, "\xe0\2\x8b\0"), S_ENDS(0)},
     {GREETING_5(0, CONNACK_5), S(0, "\xe0\2\x8d\0"), S_ENDS(0)},
     "~DISCONNECT sent 1 skipped 0"},
    {"5.0: the broker closes without goodbye",
     {GREETING_5(0, CONNACK_5), S(0, "\xe0\2\x8b\0"), S_ENDS(0)},
     {GREETING_5(0, CONNACK_5), S_ENDS(0)},
     "-DISCONNECT sent 1 skipped 0"},
    {"5.0: AUTH goes both ways, with data that differs",
     {OPEN(0), C(0, "\x10\x12\0\4MQTT\5\2\0\x3c\4\x15\0\1X\0\1a"), S(0, "\xf0\x0a\x18\x08\x15\0\1X\x16\0\1r"),
     C(0, "\xf0\x0a\x18\x08\x15\0\1X\x16\0\1c"), S(0, "\x20\7\0\0\4\x15\0\1X")},
     {OPEN(0), C(0, "\x10\x12\0\4MQTT\5\2\0\x3c\4\x15\0\1X\0\1a"), S(0, "\xf0\x0a\x18\x08\x15\0\1X\x16\0\1l"),
     C(0, "\xf0\x0a\x18\x08\x15\0\1X\x16\0\1c"), S(0, "\x20\7\0\0\4\x15\0\1X")},
     "sent 2 skipped 0"},
    {"5.0: a client's Topic Alias above what the recorded broker allowed is sent again",
     {GREETING_5(0, CONNACK_5), C(0, "\x30\x08\0\1t\3\x23\0\1x"), S_ENDS(0)},
     {GREETING_5(0, CONNACK_5), C(0, "\x30\x08\0\1t\3\x23\0\1x"), S_ENDS(0)},
     "sent 2 skipped 0"},
    {"5.0: PUBREL for what nobody knows",
     {GREETING_5(0, CONNACK_5), C(0, "\x50\2\0\x4d"), S(0, "\x62\3\0\x4d\x92"), C(0, DISCONNECT), C_ENDS(0)},
     {GREETING_5(0, CONNACK_5), C(0, "\x50\2\0\x4d"), S(0, "\x62\3\0\x4d\x92"), C(0, DISCONNECT), C_ENDS(0)},
     "sent 3 skipped 0"},
    {"5.0: a message comes to another member of a Shared Subscription, which acknowledges it",
     {GREETING_5(0, CONNACK_5), OPEN(1), C(1, CONNECT_5_B), S(1, CONNACK_5), C(0, SUBSCRIBE_SHARED), S(0, SUBACK_5),
     C(1, SUBSCRIBE_SHARED), S(1, SUBACK_5), C(1, "\x32\7\0\1t\0\5\0x"), S(1, "\x40\2\0\5"),
     S(0, "\x32\7\0\1t\0\1\0x"), C(0, "\x40\2\0\1")},
     {GREETING_5(0, CONNACK_5), OPEN(1), C(1, CONNECT_5_B), S(1, CONNACK_5), C(0, SUBSCRIBE_SHARED), S(0, SUBACK_5),
     C(1, SUBSCRIBE_SHARED), S(1, SUBACK_5), C(1, "\x32\7\0\1t\0\5\0x"), S(1, "\x40\2\0\5"),
     S(1, "\x32\7\0\1t\0\7\0x"), C(1, "\x40\2\0\7")},
     "sent 5 skipped 0"},
    {"5.0: no more messages at a time than the new broker's Receive Maximum",
     {GREETING_5(0, CONNACK_5), C(0, "\x32\7\0\1t\0\1\0x"), C(0, "\x32\7\0\1t\0\2\0y"), S(0, "\x40\2\0\1"),
     S(0, "\x40\2\0\2")},
     {GREETING_5(0, "\x20\6\0\0\3\x21\0\1"), C(0, "\x32\7\0\1t\0\1\0x"), NOTHING(0), S(0, "\x40\2\0\1"),
     C(0, "\x32\7\0\1t\0\2\0y"), S(0, "\x40\2\0\2")},
     "sent 3 skipped 0"},
    {"5.0: a message too many is acknowledged",
     {GREETING_5(0, CONNACK_5), C(0, "\xc0\0"), S(0, "\xd0\0"), C(0, DISCONNECT), C_ENDS(0)},
     {GREETING_5(0, CONNACK_5), C(0, "\xc0\0"), S(0, "\x34\7\0\1t\0\3\0x"), C(0, "\x50\2\0\3"), S(0, "\x62\2\0\3"),
     C(0, "\x70\2\0\3"), S(0, "\xd0\0"), C(0, DISCONNECT), C_ENDS(0)},
     "+PUBLISH +PUBREL sent 3 skipped 0"},
};
/* clang-format on */

/* ---- The recording --------------------------------------------------------------------------------------- */

static void write_capture(const struct act *acts, const char *path) {
    char reason[256];
    struct capture_connection *connections[2] = {NULL, NULL};
    struct capture_writer *writer = capture_writer_open(path, UINT64_C(1700000000000000), reason, sizeof reason);
    assert_non_null(writer);
    microseconds time = 0;
    for (const struct act *act = acts; act->kind != ENDS; act++, time += 1000) {
        struct capture_connection **connection = &connections[act->connection];
        struct mqtt_bytes bytes = {(const uint8_t *)act->bytes, act->length};
        if (act->kind == OPENS)
            *connection = capture_writer_connect(writer, 1883, time);
        else if (act->kind == CLIENT_SAYS || act->kind == SERVER_SAYS)
            capture_writer_bytes(*connection, act->kind == CLIENT_SAYS ? MQTT_CLIENT : MQTT_SERVER, bytes, time);
        else
            capture_writer_close(*connection, act->kind == CLIENT_CLOSES ? MQTT_CLIENT : MQTT_SERVER, time);
    }
    assert_true(capture_writer_finish(writer));
}

static void read_recording(const struct act *acts, const char *prefix, struct recording *recording) {
    const struct replay_names names = {.client_prefix = prefix, .topic_prefix = prefix};
    char path[] = "/tmp/mqspec-test-XXXXXX";
    char reason[256] = "";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    write_capture(acts, path);
    bool whole = recording_read(recording, &(struct capture_source){.path = path}, &names, reason, sizeof reason);
    unlink(path);
    if (!whole)
        fail_msg("%s", reason);
}

/* ---- The server, in a process of its own ------------------------------------------------------------------ */

static int listen_anywhere(char *port, size_t size) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    snprintf(port, size, "%u", (unsigned)ntohs(address.sin_port));
    return listener;
}

static bool becomes_ready(int descriptor, int milliseconds) {
    struct pollfd waited = {.fd = descriptor, .events = POLLIN};
    return poll(&waited, 1, milliseconds) > 0;
}

static bool receive_exactly(int descriptor, const struct act *act) {
    char buffer[256];
    size_t have = 0;
    while (have < act->length) {
        ssize_t got = becomes_ready(descriptor, 5000) ? read(descriptor, buffer + have, act->length - have) : 0;
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return memcmp(buffer, act->bytes, act->length) == 0;
}

static bool receive_end(int descriptor) {
    char byte;
    return becomes_ready(descriptor, 5000) && read(descriptor, &byte, 1) == 0;
}

static bool perform(const struct act *act, int listener, int *descriptor) {
    switch (act->kind) {
    case OPENS:
        *descriptor = becomes_ready(listener, 5000) ? accept(listener, NULL, NULL) : -1;
        return *descriptor >= 0;
    case CLIENT_SAYS:
        return receive_exactly(*descriptor, act);
    case SERVER_SAYS:
        return write(*descriptor, act->bytes, act->length) == (ssize_t)act->length;
    case CLIENT_CLOSES:
        return receive_end(*descriptor);
    case SERVER_CLOSES:
        return close(*descriptor) == 0;
    case QUIET: /* both at once, but one wait is as good */
        return !becomes_ready(*descriptor, 40) && !becomes_ready(listener, 0);
    default:
        return false;
    }
}

/* Until the replay is over: a server that ends closes its connections, which not every script wants to be seen. */
static void linger(const int *descriptors) {
    char buffer[256];
    for (int i = 0; i < 2; i++)
        while (descriptors[i] >= 0 && becomes_ready(descriptors[i], 5000) &&
               read(descriptors[i], buffer, sizeof buffer) > 0)
            continue;
}

/* Exits with 0 where all went as the script says, else with the number of the act that did not. */
static pid_t start_server(const struct act *script, int listener) {
    pid_t process = fork();
    assert_true(process >= 0);
    if (process > 0)
        return process;
    int descriptors[2] = {-1, -1};
    for (int i = 0; script[i].kind != ENDS; i++)
        if (!perform(&script[i], listener, &descriptors[script[i].connection]))
            _exit(i + 1);
    linger(descriptors);
    _exit(0);
}

/* ---- Playing a row ---------------------------------------------------------------------------------------- */

static void tell_differences(const struct recording *recording, const struct replay_result *result,
                             struct event_log *log) {
    for (size_t i = 0; i < recording->step_count; i++) {
        const struct step *step = &recording->steps[i];
        const char *name = step->kind == STEP_CLOSED ? "closed" : mqtt_type_name(step->packet.type);
        if (step->state == STEP_MISSED && !(step->kind == STEP_CLOSED && step->after_goodbye))
            log_event(log, "-%s ", name);
        if (step->instead != NULL)
            log_event(log, "~%s ", name);
    }
    for (size_t i = 0; i < result->extra_count; i++)
        log_event(log, "+%.*s ", (int)strcspn(result->extras[i].text, " "), result->extras[i].text);
    log_event(log, "sent %zu skipped %zu", result->sent, result->skipped);
}

/* A trailing * stands for what depends on who is faster. */
static bool matches(const char *expected, const char *received) {
    size_t length = strlen(expected);
    if (length > 0 && expected[length - 1] == '*')
        return strncmp(expected, received, length - 1) == 0;
    return strcmp(expected, received) == 0;
}

static void find_target(struct place *target, const char *port) {
    *target = (struct place){.side = MQTT_CLIENT, .text = port};
    assert_true(place_parse(target, "test", "--target") && place_find(target, "test"));
}

static void test_row(void **state) {
    const struct replay_row *row = *state;
    struct recording recording;
    struct replay_result result;
    struct event_log log = {.length = 0};
    char port[8];
    char reason[256] = "";
    int status = -1;
    read_recording(row->recorded, NULL, &recording);
    int listener = listen_anywhere(port, sizeof port);
    pid_t server = start_server(row->live, listener);
    /* Where something is to be missed, it is waited for; where not, a slow machine has time. */
    bool misses = strchr(row->told, '-') != NULL;
    microseconds timeout = misses ? MICROSECONDS_PER_SECOND / 2 : 10 * MICROSECONDS_PER_SECOND;
    struct place target;
    find_target(&target, port);
    struct replay_options options = {target.addresses, &target.transport, 0, timeout};
    enum replay_outcome outcome = replay_play(&recording, &options, &result, reason, sizeof reason);
    tell_differences(&recording, &result, &log);
    replay_result_free(&result);
    place_release(&target);
    recording_free(&recording);
    waitpid(server, &status, 0);
    close(listener);
    if (outcome != REPLAY_PLAYED)
        fail_msg("%s: %s", row->name, reason);
    if (!matches(row->told, log.text))
        fail_msg("%s:\n  expected %s\n  received %s", row->name, row->told, log.text);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s: the server did not see what it expected at act %d", row->name, WEXITSTATUS(status));
}

/* ---- Targets that are not there, or say nothing ----------------------------------------------------------- */

static const struct act plain[] = {GREETING(0, CONNECT), C(0, "\xc0\0"), S(0, "\xd0\0"), {ENDS, 0, NULL, 0}};

static void test_absent_target(void **state) {
    (void)state;
    struct recording recording;
    struct replay_result result;
    char port[8];
    char reason[256] = "";
    read_recording(plain, NULL, &recording);
    close(listen_anywhere(port, sizeof port)); /* now nobody listens there */
    struct place target;
    find_target(&target, port);
    struct replay_options options = {target.addresses, &target.transport, 0, MICROSECONDS_PER_SECOND};
    assert_int_equal(replay_play(&recording, &options, &result, reason, sizeof reason), REPLAY_UNREACHABLE);
    assert_true(reason[0] != '\0');
    replay_result_free(&result);
    place_release(&target);
    recording_free(&recording);
}

/* Accepts and says nothing, for a capture with many answers: the time does not grow with their number. */
static void test_silent_target_is_given_up(void **state) {
    (void)state;
    enum { PINGS = 200 };
    struct act acts[PINGS * 2 + 4] = {GREETING(0, CONNECT)};
    for (size_t i = 0; i < PINGS; i++) {
        acts[3 + 2 * i] = (struct act){CLIENT_SAYS, 0, "\xc0\0", 2};
        acts[4 + 2 * i] = (struct act){SERVER_SAYS, 0, "\xd0\0", 2};
    }
    struct recording recording;
    struct replay_result result;
    char port[8];
    char reason[256] = "";
    read_recording(acts, NULL, &recording);
    int listener = listen_anywhere(port, sizeof port); /* the system accepts, nobody answers */
    struct place target;
    find_target(&target, port);
    struct replay_options options = {target.addresses, &target.transport, 0, MICROSECONDS_PER_SECOND / 50};
    assert_int_equal(replay_play(&recording, &options, &result, reason, sizeof reason), REPLAY_PLAYED);
    assert_true(result.gave_up);
    assert_true(result.sent < 20);
    assert_true(result.duration < 5 * MICROSECONDS_PER_SECOND);
    replay_result_free(&result);
    place_release(&target);
    recording_free(&recording);
    close(listener);
}

/* The pauses of the capture, scaled. */
static void test_speed(void **state) {
    (void)state;
    struct recording recording;
    struct replay_result result;
    char port[8];
    char reason[256] = "";
    int status;
    read_recording(plain, NULL, &recording);
    recording.steps[recording.step_count - 1].time += 3 * MICROSECONDS_PER_SECOND;
    recording.steps[recording.step_count - 2].time += 3 * MICROSECONDS_PER_SECOND; /* the PINGREQ */
    int listener = listen_anywhere(port, sizeof port);
    pid_t server = start_server(plain, listener);
    struct place target;
    find_target(&target, port);
    struct replay_options options = {target.addresses, &target.transport, 10, MICROSECONDS_PER_SECOND};
    assert_int_equal(replay_play(&recording, &options, &result, reason, sizeof reason), REPLAY_PLAYED);
    assert_true(result.duration >= 3 * MICROSECONDS_PER_SECOND / 10);
    assert_true(result.duration < 2 * MICROSECONDS_PER_SECOND);
    replay_result_free(&result);
    place_release(&target);
    recording_free(&recording);
    waitpid(server, &status, 0);
    close(listener);
    assert_int_equal(status, 0);
}

static void test_prefix(void **state) {
    (void)state;
    struct recording recording;
    read_recording(plain, "lab-", &recording);
    assert_string_equal(recording.connections[0]->client, "lab-a");
    assert_memory_equal(recording.steps[1].bytes, "\x10\x11\0\4MQTT\4\2\0\x3c\0\5lab-a", 19);
    assert_int_equal(recording.steps[1].length, 19);
    recording_free(&recording);
}

/* What a broker assigned keeps its name: the next broker assigns another one, which takes its place. */
static void expect_bytes(const struct step *step, const char *bytes, size_t length) {
    assert_int_equal(step->length, length);
    assert_memory_equal(step->bytes, bytes, length);
}

/* Will, Topic Filters with and without a ShareName, what begins with $, both ways of PUBLISH, Response Topic. */
static void test_prefix_of_topics(void **state) {
    (void)state;
    static const struct act acts[] = {OPEN(0),
                                      C(0, "\x10\x16\0\4MQTT\5\6\0\x3c\0\0\1a\0\0\1w\0\2go"),
                                      S(0, CONNACK_5),
                                      C(0, "\x82\x1b\0\1\0\0\x0a$share/g/t\1\0\4$SYS\0\0\1#\2"),
                                      C(0, "\xa2\6\0\2\0\0\1+"),
                                      C(0, "\x30\x09\0\1t\4\x08\0\1r\0"),
                                      S(0, "\x30\5\0\1t\0x"),
                                      C_ENDS(0),
                                      {ENDS, 0, NULL, 0}};
    struct recording recording;
    read_recording(acts, "l/", &recording);
    const struct step *steps = recording.steps;
    expect_bytes(&steps[1], BYTES("\x10\x1a\0\4MQTT\5\6\0\x3c\0\0\3l/a\0\0\3l/w\0\2go"));
    expect_bytes(&steps[3], BYTES("\x82\x1f\0\1\0\0\x0c$share/g/l/t\1\0\4$SYS\0\0\3l/#\2"));
    expect_bytes(&steps[4], BYTES("\xa2\x08\0\2\0\0\3l/+"));
    expect_bytes(&steps[5], BYTES("\x30\x0d\0\3l/t\6\x08\0\3l/r\0"));
    expect_bytes(&steps[6], BYTES("\x30\7\0\3l/t\0x"));
    recording_free(&recording);
}

static void test_prefix_leaves_assigned_identifiers(void **state) {
    (void)state;
    static const struct act acts[] = {OPEN(0),
                                      C(0, "\x10\x0d\0\4MQTT\5\2\0\x3c\0\0\0"),
                                      S(0, "\x20\x08\0\0\5\x12\0\2r1"),
                                      C_ENDS(0),
                                      OPEN(1),
                                      C(1, "\x10\x0f\0\4MQTT\5\0\0\x3c\0\0\2r1"),
                                      {ENDS, 0, NULL, 0}};
    struct recording recording;
    read_recording(acts, "lab-", &recording);
    assert_int_equal(recording.connection_count, 2);
    assert_string_equal(recording.connections[0]->client, "r1");
    assert_string_equal(recording.connections[1]->client, "r1");
    recording_free(&recording);
}

int main(void) {
    enum { ROWS = sizeof rows / sizeof rows[0] };
    struct CMUnitTest tests[ROWS + 6];
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, (void *)&rows[i]};
    tests[ROWS] = (struct CMUnitTest)cmocka_unit_test(test_absent_target);
    tests[ROWS + 1] = (struct CMUnitTest)cmocka_unit_test(test_silent_target_is_given_up);
    tests[ROWS + 2] = (struct CMUnitTest)cmocka_unit_test(test_speed);
    tests[ROWS + 3] = (struct CMUnitTest)cmocka_unit_test(test_prefix);
    tests[ROWS + 4] = (struct CMUnitTest)cmocka_unit_test(test_prefix_leaves_assigned_identifiers);
    tests[ROWS + 5] = (struct CMUnitTest)cmocka_unit_test(test_prefix_of_topics);
    return cmocka_run_group_tests_name("pcaps: replay", tests, NULL, NULL);
}
