/* Writes the seeds: seeds DIRECTORY makes DIRECTORY/TARGET/NAME for all targets but those that read captures. They are
 * kept in corpus/; a test holds them to what this program writes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "codec/codec.h"
#include "fuzz/operations.h"
#include "fuzz/seeds.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define LONGEST_SEED    1024u

bool write_seed(const char *directory, const char *target, const char *name, const uint8_t *data, size_t size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", directory, target, name);
    FILE *file = fopen(path, "wb");
    bool written = file != NULL && fwrite(data, 1, size, file) == size;
    if (file != NULL)
        written = fclose(file) == 0 && written;
    if (!written)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return written;
}

/* ---- The broker: operations ------------------------------------------------------------------------------ */

struct operations {
    const char *name;
    const uint8_t *bytes;
    size_t length;
};

#define SEED(seed_name, ...)                                                                                           \
    { .name = (seed_name), .bytes = (const uint8_t[]){__VA_ARGS__}, .length = sizeof((const uint8_t[]){__VA_ARGS__}) }
#define DO(client, kind) (OPERATION_##kind * FUZZ_CLIENTS + (client))

/* A, B, C, D are clients 0 to 3; topic and filter are indices in the tables of broker.c. */
#define CLEAN                     MQTT_CONNECT_CLEAN_SESSION
#define STORED                    0
#define CONNECT(client, flags)    DO(client, CONNECT), (flags), (client), 60
#define SUBSCRIBE(client, f, qos) DO(client, SUBSCRIBE), (f), (qos)
#define PUBLISH(client, t, qos)   DO(client, PUBLISH), ((qos) << 1) | 1 << PUBLISH_SIZE_SHIFT, (t)
#define RETAIN(client, t, qos)    DO(client, PUBLISH), ((qos) << 1) | 1 << PUBLISH_SIZE_SHIFT | 1, (t)
#define ANSWER_ALL(client)        DO(client, ANSWER_ALL)
#define WAIT(n)                   DO(0, WAIT), (n)
enum { A, B, C, D };
enum { NO_OPTIONS, NO_NUMBER = 0 };
enum { TOPIC_A, TOPIC_A_B, TOPIC_B, TOPIC_A_B_C, TOPIC_DOLLAR };
enum { FILTER_A, FILTER_A_B, FILTER_ALL, FILTER_PLUS, FILTER_A_ALL, FILTER_PLUS_B, FILTER_DOLLAR };
#define WILL(qos, retain)                                                                                              \
    (MQTT_CONNECT_WILL | (qos) << MQTT_CONNECT_WILL_QOS_SHIFT | ((retain) ? MQTT_CONNECT_WILL_RETAIN : 0))

/* Clients of 5.0: `first` and `second` are the properties of CONNECT, `more` those of what follows. */
#define CONNECT_5(client, flags) DO(client, CONNECT), (flags) | CONNECT_5_0, (client), 60
#define CONNECT_5_WITH(client, flags, first, second)                                                                   \
    DO(client, CONNECT), (flags) | CONNECT_5_0 | CONNECT_MORE, (client), 60, (first), (second)
#define SUBSCRIBE_5(client, f, options, more) DO(client, SUBSCRIBE), (f), (options), (more)
#define PUBLISH_WITH(client, t, qos, more)                                                                             \
    DO(client, PUBLISH), PUBLISH_MORE | ((qos) << 1) | 1 << PUBLISH_SIZE_SHIFT, (t), (more)
#define RETAIN_WITH(client, t, qos, more)                                                                              \
    DO(client, PUBLISH), PUBLISH_MORE | ((qos) << 1) | 1 << PUBLISH_SIZE_SHIFT | 1, (t), (more)
#define GOODBYE(client, reason, expiry) DO(client, GOODBYE), (reason), (expiry)
#define REFUSE(client, reason)          DO(client, REFUSE), (reason)
#define AUTHENTICATE(client, how)       DO(client, AUTHENTICATE), (how)
#define EXPIRE(seconds)                 DO(0, EXPIRE), (seconds)
enum { EXPIRES_1 = 1, EXPIRES_5 = 2, EXPIRES_NEVER = 3 }; /* Session and Message Expiry Interval */
enum { IN_FLIGHT_1 = 1 << 2, IN_FLIGHT_2 = 2 << 2, ALIASES_1 = 1 << 4, ALIASES_2 = 2 << 4, ALIASES_10 = 3 << 4 };
enum { ALIAS_1 = 1 << 2, ALIAS_2 = 2 << 2, ALIAS_9 = 3 << 2, BY_ALIAS = PUBLISH_BY_ALIAS, DELAY_1 = 1, DELAY_5 = 2 };
enum { FILTER_SHARED_A = 16, FILTER_SHARED_ALL, FILTER_SHARED_H, FILTER_SHARED_A_B };

static const struct operations broker_seeds[] = {
    SEED("qos0", NO_OPTIONS, NO_NUMBER, CONNECT(A, CLEAN), SUBSCRIBE(A, FILTER_ALL, 0), CONNECT(B, CLEAN),
         PUBLISH(B, TOPIC_A, 0), PUBLISH(B, TOPIC_A_B, 0), DO(A, PINGREQ), DO(B, DISCONNECT)),
    SEED("lower-qos", NO_OPTIONS, NO_NUMBER, CONNECT(A, CLEAN), SUBSCRIBE(A, FILTER_A_B, 0), PUBLISH(A, TOPIC_A_B, 1),
         SUBSCRIBE(A, FILTER_A, 1), PUBLISH(A, TOPIC_A, 2), ANSWER_ALL(A)),
    SEED("qos1", NO_OPTIONS, NO_NUMBER, CONNECT(A, CLEAN), SUBSCRIBE(A, FILTER_A, 1), CONNECT(B, CLEAN),
         PUBLISH(B, TOPIC_A, 1), PUBLISH(B, TOPIC_A, 1), ANSWER_ALL(A), PUBLISH(B, TOPIC_A, 1), DO(A, ANSWER_LAST)),
    SEED("qos2", NO_OPTIONS, NO_NUMBER, CONNECT(A, CLEAN), SUBSCRIBE(A, FILTER_A, 2), CONNECT(B, CLEAN),
         PUBLISH(B, TOPIC_A, 2), DO(B, ANSWER), DO(A, ANSWER), DO(A, ANSWER), PUBLISH(B, TOPIC_A, 2), ANSWER_ALL(A)),
    SEED("qos2-repeated", NO_OPTIONS, NO_NUMBER, CONNECT(A, CLEAN), SUBSCRIBE(A, FILTER_A, 2), CONNECT(B, STORED),
         PUBLISH(B, TOPIC_A, 2), DO(B, DROP), CONNECT(B, STORED), DO(B, PUBLISH),
         2 << 1 | 1 << PUBLISH_SIZE_SHIFT | PUBLISH_AGAIN | MQTT_PUBLISH_DUP, TOPIC_A, ANSWER_ALL(B), ANSWER_ALL(A)),
    SEED("qos2-resumed-after-pubrec", NO_OPTIONS, NO_NUMBER, CONNECT(A, STORED), SUBSCRIBE(A, FILTER_A, 2),
         CONNECT(B, CLEAN), PUBLISH(B, TOPIC_A, 2), DO(A, ANSWER), DO(A, DROP), CONNECT(A, STORED), ANSWER_ALL(A)),
    SEED("queued-while-away", NO_OPTIONS, NO_NUMBER, CONNECT(A, STORED), SUBSCRIBE(A, FILTER_A, 1), DO(A, DISCONNECT),
         CONNECT(B, CLEAN), PUBLISH(B, TOPIC_A, 1), PUBLISH(B, TOPIC_A, 1), PUBLISH(B, TOPIC_A, 1),
         PUBLISH(B, TOPIC_A, 1), CONNECT(A, STORED), ANSWER_ALL(A)),
    SEED("resent-on-reconnect", OPTION_FEW_IN_FLIGHT, NO_NUMBER, CONNECT(A, STORED), SUBSCRIBE(A, FILTER_A, 2),
         CONNECT(B, CLEAN), PUBLISH(B, TOPIC_A, 1), PUBLISH(B, TOPIC_A, 2), PUBLISH(B, TOPIC_A, 1), DO(A, DROP),
         CONNECT(A, STORED), ANSWER_ALL(A)),
    SEED("session-thrown-away", NO_OPTIONS, NO_NUMBER, CONNECT(A, STORED), SUBSCRIBE(A, FILTER_ALL, 1),
         DO(A, DISCONNECT), CONNECT(A, CLEAN), DO(A, DISCONNECT), CONNECT(A, STORED), PUBLISH(A, TOPIC_A, 1)),
    SEED("retained", NO_OPTIONS, NO_NUMBER, CONNECT(B, CLEAN), RETAIN(B, TOPIC_A, 1), RETAIN(B, TOPIC_A_B, 0),
         RETAIN(B, TOPIC_DOLLAR, 0), CONNECT(A, CLEAN), SUBSCRIBE(A, FILTER_ALL, 2), SUBSCRIBE(A, FILTER_DOLLAR, 0),
         ANSWER_ALL(A), DO(B, PUBLISH), MQTT_PUBLISH_RETAIN, TOPIC_A, CONNECT(C, CLEAN), SUBSCRIBE(C, FILTER_A_ALL, 1)),
    SEED("will", NO_OPTIONS, NO_NUMBER, CONNECT(A, CLEAN), SUBSCRIBE(A, FILTER_ALL, 2), CONNECT(B, CLEAN | WILL(1, 1)),
         DO(B, DROP), ANSWER_ALL(A), CONNECT(C, CLEAN | WILL(2, 0)), DO(C, DISCONNECT), CONNECT(D, CLEAN | WILL(0, 0)),
         WAIT(255), WAIT(255)),
    SEED("take-over", NO_OPTIONS, NO_NUMBER, CONNECT(A, STORED | WILL(1, 0)), SUBSCRIBE(A, FILTER_ALL, 1),
         DO(B, CONNECT), STORED, A, 60, PUBLISH(B, TOPIC_A, 1), ANSWER_ALL(B), DO(C, CONNECT), CLEAN, A, 60,
         PUBLISH(C, TOPIC_A, 2)),
    SEED("keep-alive", NO_OPTIONS, NO_NUMBER, DO(A, CONNECT), CLEAN, A, 2, WAIT(40), DO(A, PINGREQ), WAIT(50),
         DO(B, OPEN), WAIT(80), WAIT(80), DO(C, CONNECT), CLEAN, C, 0, WAIT(255)),
    SEED("overlapping", NO_OPTIONS, NO_NUMBER, CONNECT(A, CLEAN), SUBSCRIBE(A, FILTER_A_B, 0),
         SUBSCRIBE(A, FILTER_ALL, 2), SUBSCRIBE(A, FILTER_PLUS_B, 1 | 3 << SUBSCRIBE_MORE_SHIFT),
         PUBLISH(A, TOPIC_A_B, 2), ANSWER_ALL(A), DO(A, UNSUBSCRIBE), FILTER_ALL, PUBLISH(A, TOPIC_A_B, 1),
         ANSWER_ALL(A)),
    SEED("not-reading", OPTION_SMALL_OUTPUT | OPTION_SHORT_QUEUE, NO_NUMBER, CONNECT(A, STORED),
         SUBSCRIBE(A, FILTER_ALL, 1), DO(A, STALL), CONNECT(B, CLEAN), DO(B, PUBLISH), 3 << PUBLISH_SIZE_SHIFT | 2,
         TOPIC_A, DO(B, PUBLISH), 3 << PUBLISH_SIZE_SHIFT, TOPIC_A, PUBLISH(B, TOPIC_A, 1), PUBLISH(B, TOPIC_A, 1),
         DO(A, STALL), ANSWER_ALL(A)),
    SEED("denied", OPTION_DENY, NO_NUMBER, CONNECT(A, CLEAN), SUBSCRIBE(A, 10, 1), SUBSCRIBE(A, FILTER_ALL, 1),
         PUBLISH(A, TOPIC_B, 1), PUBLISH(A, TOPIC_B, 2), ANSWER_ALL(A)),
    SEED("no-memory", OPTION_NO_MEMORY, 12, CONNECT(A, STORED), SUBSCRIBE(A, FILTER_ALL, 2), PUBLISH(A, TOPIC_A, 2),
         RETAIN(A, TOPIC_A_B_C, 1), PUBLISH(A, TOPIC_A, 1), ANSWER_ALL(A), DO(A, DROP), CONNECT(A, STORED)),
    SEED("refused", NO_OPTIONS, NO_NUMBER, DO(A, CONNECT), STORED, 3, 60, DO(B, CONNECT), CLEAN, 3, 60, DO(C, CONNECT),
         CLEAN, 3 | CONNECT_3_1, 60, DO(D, CONNECT), CLEAN | MQTT_CONNECT_RESERVED, 0, 0, PUBLISH(A, TOPIC_A, 1)),
    SEED("connect-twice", NO_OPTIONS, NO_NUMBER, CONNECT(A, CLEAN), CONNECT(A, CLEAN), DO(B, CONNECT), STORED, 3, 60,
         CONNECT(B, CLEAN), PUBLISH(B, TOPIC_A, 1)),
    SEED("old-protocol", NO_OPTIONS, NO_NUMBER, DO(A, CONNECT), STORED, A | CONNECT_3_1, 60,
         SUBSCRIBE(A, FILTER_ALL, 2), PUBLISH(A, TOPIC_A, 2), ANSWER_ALL(A), DO(A, DROP), CONNECT(A, STORED),
         PUBLISH(A, TOPIC_A, 1)),
    SEED("byte-by-byte", OPTION_CUT_ONE, NO_NUMBER, CONNECT(A, CLEAN), SUBSCRIBE(A, FILTER_ALL, 2),
         PUBLISH(A, TOPIC_A, 2), ANSWER_ALL(A), DO(A, PUBLISH), 3 << PUBLISH_SIZE_SHIFT, TOPIC_A_B),
    SEED("too-large", OPTION_SMALL_PACKETS | OPTION_CUT_SEVEN, NO_NUMBER, CONNECT(A, CLEAN), PUBLISH(A, TOPIC_A, 1),
         DO(A, PUBLISH), 3 << PUBLISH_SIZE_SHIFT, TOPIC_A),
    SEED("unasked", NO_OPTIONS, NO_NUMBER, CONNECT(A, CLEAN), DO(A, ACKNOWLEDGE), 1 << 2, DO(A, ACKNOWLEDGE),
         1 << 2 | 1, DO(A, ACKNOWLEDGE), 1 << 2 | 2, DO(A, ACKNOWLEDGE), 1 << 2 | 3, PUBLISH(A, TOPIC_A, 1)),
    SEED("5.0-every-qos", NO_OPTIONS, NO_NUMBER, CONNECT_5(A, CLEAN), SUBSCRIBE_5(A, FILTER_ALL, 2, 0),
         CONNECT_5(B, CLEAN), PUBLISH(B, TOPIC_A, 0), PUBLISH(B, TOPIC_A, 1), PUBLISH(B, TOPIC_A, 2), ANSWER_ALL(B),
         ANSWER_ALL(A), DO(A, UNSUBSCRIBE), FILTER_ALL, DO(A, UNSUBSCRIBE), FILTER_A, PUBLISH(B, TOPIC_A, 1),
         DO(A, PINGREQ), DO(A, DISCONNECT)),
    SEED("5.0-lower-qos", NO_OPTIONS, NO_NUMBER, CONNECT_5(A, CLEAN), SUBSCRIBE_5(A, FILTER_A_B, 0, 0),
         PUBLISH(A, TOPIC_A_B, 1), SUBSCRIBE_5(A, FILTER_A, 1, 0), PUBLISH(A, TOPIC_A, 2), ANSWER_ALL(A)),
    SEED("5.0-message-properties", NO_OPTIONS, NO_NUMBER, CONNECT_5(A, CLEAN), SUBSCRIBE_5(A, FILTER_ALL, 1, 2),
         CONNECT(B, CLEAN), SUBSCRIBE(B, FILTER_ALL, 1), PUBLISH(B, TOPIC_A, 1), CONNECT_5(C, CLEAN),
         PUBLISH_WITH(C, TOPIC_A, 1, PUBLISH_FORMAT | PUBLISH_REQUEST | PUBLISH_USER_PROPERTIES | EXPIRES_NEVER),
         ANSWER_ALL(A), ANSWER_ALL(B)),
    SEED("5.0-message-expiry", NO_OPTIONS, NO_NUMBER, CONNECT_5_WITH(A, STORED, EXPIRES_NEVER, 0),
         SUBSCRIBE_5(A, FILTER_ALL, 1, 0), DO(A, DISCONNECT), CONNECT_5(B, CLEAN),
         PUBLISH_WITH(B, TOPIC_A, 1, EXPIRES_1), PUBLISH_WITH(B, TOPIC_A, 2, EXPIRES_5),
         RETAIN_WITH(B, TOPIC_B, 1, EXPIRES_5), RETAIN_WITH(B, TOPIC_A_B, 0, EXPIRES_1), EXPIRE(2),
         CONNECT_5_WITH(A, STORED, EXPIRES_NEVER, 0), ANSWER_ALL(A), CONNECT_5(C, CLEAN),
         SUBSCRIBE_5(C, FILTER_ALL, 1, 0), EXPIRE(4), SUBSCRIBE_5(C, FILTER_ALL, 1, 0), ANSWER_ALL(C)),
    SEED("5.0-session-expiry", NO_OPTIONS, NO_NUMBER, CONNECT_5_WITH(A, STORED, EXPIRES_5, 0),
         SUBSCRIBE_5(A, FILTER_ALL, 1, 0), DO(A, DROP), EXPIRE(4), CONNECT_5_WITH(A, STORED, EXPIRES_5, 0),
         DO(A, DISCONNECT), EXPIRE(6), CONNECT_5_WITH(A, STORED, EXPIRES_1, 0), SUBSCRIBE_5(A, FILTER_A, 1, 0),
         GOODBYE(A, 0, EXPIRES_NEVER), EXPIRE(200), CONNECT_5(A, STORED), DO(A, DISCONNECT), CONNECT_5(A, STORED)),
    SEED("5.0-goodbye", NO_OPTIONS, NO_NUMBER, CONNECT_5(A, CLEAN), SUBSCRIBE_5(A, FILTER_ALL, 2, 0),
         CONNECT_5(B, CLEAN | WILL(1, 0)), GOODBYE(B, 0x04, 0), CONNECT_5(B, CLEAN | WILL(1, 0)), GOODBYE(B, 0, 0),
         ANSWER_ALL(A), CONNECT_5(B, CLEAN | WILL(1, 0)), GOODBYE(B, 0x81, 0), CONNECT_5(B, CLEAN),
         GOODBYE(B, 0, EXPIRES_5), CONNECT_5(B, CLEAN), GOODBYE(B, 0x03, 0), ANSWER_ALL(A)),
    SEED("5.0-will", NO_OPTIONS, NO_NUMBER, CONNECT_5(A, CLEAN), SUBSCRIBE_5(A, FILTER_ALL, 2, 0),
         CONNECT_5_WITH(B, CLEAN | WILL(1, 1), 0, CONNECT_WILL_PROPERTIES), DO(B, DROP), ANSWER_ALL(A),
         CONNECT_5_WITH(B, CLEAN | WILL(2, 0), EXPIRES_NEVER, DELAY_5 | CONNECT_WILL_PROPERTIES), DO(B, DROP),
         EXPIRE(3), EXPIRE(3), ANSWER_ALL(A)),
    SEED("5.0-will-delay", NO_OPTIONS, NO_NUMBER, CONNECT_5(A, CLEAN), SUBSCRIBE_5(A, FILTER_ALL, 1, 0),
         CONNECT_5_WITH(B, CLEAN | WILL(1, 0), EXPIRES_NEVER, DELAY_5), DO(B, DROP), EXPIRE(3),
         CONNECT_5_WITH(B, STORED, EXPIRES_1, 0), EXPIRE(5), DO(B, DROP), EXPIRE(2),
         CONNECT_5_WITH(B, STORED | WILL(1, 0), EXPIRES_1, DELAY_5), DO(B, DROP), EXPIRE(2), ANSWER_ALL(A)),
    SEED("5.0-topic-alias", NO_OPTIONS, NO_NUMBER, CONNECT_5_WITH(A, CLEAN, ALIASES_2, 0),
         SUBSCRIBE_5(A, FILTER_ALL, 1, 0), CONNECT_5(B, CLEAN), PUBLISH_WITH(B, TOPIC_A, 1, ALIAS_1),
         PUBLISH_WITH(B, TOPIC_B, 1, ALIAS_2), PUBLISH_WITH(B, TOPIC_A, 1, ALIAS_1 | BY_ALIAS),
         PUBLISH_WITH(B, TOPIC_A_B, 0, ALIAS_1), PUBLISH_WITH(B, TOPIC_A, 2, ALIAS_1 | BY_ALIAS), ANSWER_ALL(B),
         ANSWER_ALL(A), PUBLISH_WITH(B, TOPIC_A, 0, ALIAS_9 | BY_ALIAS)),
    SEED("5.0-topic-alias-refused", NO_OPTIONS, OPTION_NO_ALIASES | OPTION_FEW_ALIASES,
         CONNECT_5_WITH(A, CLEAN, ALIASES_10, 0), SUBSCRIBE_5(A, FILTER_ALL, 0, 0), PUBLISH(A, TOPIC_A, 0),
         PUBLISH(A, TOPIC_B, 0), PUBLISH(A, TOPIC_A_B, 0), PUBLISH(A, TOPIC_A, 0),
         PUBLISH_WITH(A, TOPIC_A, 1, ALIAS_1)),
    SEED("5.0-receive-maximum", NO_OPTIONS, OPTION_RECEIVE_LITTLE, CONNECT_5_WITH(A, CLEAN, IN_FLIGHT_1, 0),
         SUBSCRIBE_5(A, FILTER_ALL, 2, 0), CONNECT(B, CLEAN), PUBLISH(B, TOPIC_A, 1), PUBLISH(B, TOPIC_A, 0),
         PUBLISH(B, TOPIC_A, 2), ANSWER_ALL(B), PUBLISH(B, TOPIC_A, 1), DO(A, ANSWER), DO(A, ANSWER), DO(A, ANSWER),
         ANSWER_ALL(A), CONNECT_5(C, CLEAN), PUBLISH(C, TOPIC_A, 2), PUBLISH(C, TOPIC_A, 2), PUBLISH(C, TOPIC_A, 2)),
    SEED("5.0-refused-messages", NO_OPTIONS, NO_NUMBER, CONNECT_5_WITH(A, CLEAN, IN_FLIGHT_1, 0),
         SUBSCRIBE_5(A, FILTER_ALL, 2, 0), CONNECT(B, CLEAN), PUBLISH(B, TOPIC_A, 1), PUBLISH(B, TOPIC_A, 2),
         ANSWER_ALL(B), PUBLISH(B, TOPIC_A, 1), REFUSE(A, 0x83), REFUSE(A, 0x87), REFUSE(A, 0x10), DO(A, ACKNOWLEDGE),
         9 << 2 | 2, DO(A, ACKNOWLEDGE), 9 << 2 | 1),
    SEED("5.0-small-packets", NO_OPTIONS, NO_NUMBER, CONNECT_5_WITH(A, CLEAN, CONNECT_SMALL_PACKETS, 0),
         SUBSCRIBE_5(A, FILTER_ALL, 1, 0), CONNECT(B, CLEAN), DO(B, PUBLISH), 2 << PUBLISH_SIZE_SHIFT | 2, TOPIC_A,
         DO(B, PUBLISH), 3 << PUBLISH_SIZE_SHIFT | 2, TOPIC_A, PUBLISH(B, TOPIC_A, 1), ANSWER_ALL(A)),
    SEED("5.0-packet-too-large", OPTION_SMALL_PACKETS, NO_NUMBER, CONNECT_5(A, CLEAN), DO(A, PUBLISH),
         3 << PUBLISH_SIZE_SHIFT, TOPIC_A),
    SEED("5.0-subscription-options", NO_OPTIONS, NO_NUMBER, CONNECT_5(A, CLEAN), RETAIN(A, TOPIC_A, 1),
         SUBSCRIBE_5(A, FILTER_ALL, 1 | SUBSCRIBE_LOCAL | SUBSCRIBE_PUBLISHED, 0), PUBLISH(A, TOPIC_A, 1),
         CONNECT_5(B, CLEAN), RETAIN(B, TOPIC_B, 1), SUBSCRIBE_5(A, FILTER_ALL, 1 | 1 << SUBSCRIBE_HANDLING_SHIFT, 0),
         SUBSCRIBE_5(A, FILTER_A, 1 | 2 << SUBSCRIBE_HANDLING_SHIFT, 0), RETAIN(B, TOPIC_B, 1), ANSWER_ALL(A),
         SUBSCRIBE_5(A, FILTER_A_B, 1 | 3 << SUBSCRIBE_HANDLING_SHIFT, 0)),
    SEED("5.0-subscription-identifiers", NO_OPTIONS, NO_NUMBER, CONNECT_5(A, CLEAN), SUBSCRIBE_5(A, FILTER_ALL, 0, 1),
         SUBSCRIBE_5(A, FILTER_A, 2, 2), SUBSCRIBE_5(A, FILTER_PLUS, 1, 3), RETAIN(A, TOPIC_A, 2),
         SUBSCRIBE_5(A, FILTER_A, 1, 1), ANSWER_ALL(A), SUBSCRIBE_5(A, FILTER_PLUS, 1, SUBSCRIBE_USER_PROPERTY),
         PUBLISH(A, TOPIC_A, 1), ANSWER_ALL(A)),
    SEED("5.0-shared", NO_OPTIONS, NO_NUMBER, CONNECT_5(A, CLEAN), CONNECT_5_WITH(B, STORED, EXPIRES_5, 0),
         SUBSCRIBE_5(A, FILTER_SHARED_A, 1, 1), SUBSCRIBE_5(B, FILTER_SHARED_A, 2, 2),
         SUBSCRIBE_5(B, FILTER_SHARED_ALL, 2, 0), CONNECT(C, CLEAN), PUBLISH(C, TOPIC_A, 2), ANSWER_ALL(C),
         PUBLISH(C, TOPIC_A, 1), PUBLISH(C, TOPIC_A, 1), DO(A, DROP), DO(B, DROP), PUBLISH(C, TOPIC_A, 1), EXPIRE(2),
         CONNECT_5_WITH(B, STORED, EXPIRES_5, 0), ANSWER_ALL(B),
         SUBSCRIBE_5(B, FILTER_SHARED_A, 1 | SUBSCRIBE_LOCAL, 0)),
    SEED("5.0-scram", NO_OPTIONS, NO_NUMBER, CONNECT_5_WITH(A, CLEAN, 0, CONNECT_SCRAM), AUTHENTICATE(A, 0),
         SUBSCRIBE_5(A, FILTER_ALL, 1, 0), AUTHENTICATE(A, AUTHENTICATE_AGAIN), PUBLISH(A, TOPIC_A, 1),
         AUTHENTICATE(A, 0), ANSWER_ALL(A), AUTHENTICATE(A, AUTHENTICATE_AGAIN), AUTHENTICATE(A, AUTHENTICATE_WRONG)),
    SEED("5.0-scram-refused", NO_OPTIONS, NO_NUMBER, CONNECT_5_WITH(A, CLEAN, 0, CONNECT_SCRAM),
         AUTHENTICATE(A, AUTHENTICATE_WRONG), CONNECT_5_WITH(B, CLEAN, 0, CONNECT_SCRAM), PUBLISH(B, TOPIC_A, 0),
         CONNECT_5_WITH(C, CLEAN, 0, CONNECT_OTHER_METHOD), CONNECT_5(D, CLEAN), AUTHENTICATE(D, 0),
         CONNECT_5_WITH(A, CLEAN, 0, CONNECT_SCRAM), AUTHENTICATE(A, AUTHENTICATE_OTHER),
         CONNECT_5_WITH(B, CLEAN, 0, CONNECT_SCRAM), WAIT(110)),
    SEED("5.0-assigned-identifier", NO_OPTIONS, NO_NUMBER, DO(A, CONNECT), CLEAN | CONNECT_5_0, 3, 60,
         SUBSCRIBE_5(A, FILTER_ALL, 1, 0), PUBLISH(A, TOPIC_A, 1), DO(B, CONNECT), STORED | CONNECT_5_0, 3, 60),
    SEED("5.0-take-over", NO_OPTIONS, NO_NUMBER, CONNECT_5_WITH(A, STORED | WILL(1, 0), EXPIRES_5, DELAY_1),
         SUBSCRIBE_5(A, FILTER_ALL, 1, 0), DO(B, CONNECT), STORED | CONNECT_5_0, A, 60, PUBLISH(B, TOPIC_A, 1),
         ANSWER_ALL(B), DO(C, CONNECT), CLEAN, A, 60, PUBLISH(C, TOPIC_A, 2)),
    SEED("5.0-keep-alive", NO_OPTIONS, OPTION_SHORT_KEEP_ALIVE, CONNECT_5(A, CLEAN | WILL(1, 0)), EXPIRE(4),
         DO(A, PINGREQ), EXPIRE(6), EXPIRE(4), CONNECT_5(B, CLEAN)),
    SEED("5.0-little-offered", NO_OPTIONS, OPTION_MAXIMUM_QOS | OPTION_NO_RETAIN | OPTION_SHORT_SESSIONS,
         CONNECT_5_WITH(A, STORED, EXPIRES_NEVER, CONNECT_ASK_RESPONSE), SUBSCRIBE_5(A, FILTER_ALL, 2, 0),
         PUBLISH(A, TOPIC_A, 1), ANSWER_ALL(A), DO(A, DISCONNECT), EXPIRE(3), CONNECT_5(A, STORED),
         PUBLISH(A, TOPIC_A, 2), CONNECT_5(B, CLEAN), RETAIN(B, TOPIC_A, 0), CONNECT_5(C, CLEAN | WILL(2, 0)),
         CONNECT_5(D, CLEAN | WILL(0, 1))),
    SEED("5.0-no-problem-information", OPTION_DENY, OPTION_NO_RESPONSE,
         CONNECT_5_WITH(A, CLEAN, CONNECT_NO_PROBLEMS, CONNECT_ASK_RESPONSE | CONNECT_USER_PROPERTY),
         PUBLISH(A, TOPIC_B, 1), SUBSCRIBE_5(A, 10, 1, 0), DO(A, UNSUBSCRIBE), FILTER_A,
         PUBLISH_WITH(A, TOPIC_A, 2, PUBLISH_USER_PROPERTIES), ANSWER_ALL(A), CONNECT_5(B, CLEAN),
         PUBLISH(B, TOPIC_B, 2), SUBSCRIBE_5(B, FILTER_ALL | 8, 1, 0)),
    SEED("5.0-connect-twice", NO_OPTIONS, NO_NUMBER, CONNECT_5(A, CLEAN), CONNECT_5(A, CLEAN), CONNECT_5(B, CLEAN),
         CONNECT(B, CLEAN), DO(C, OPEN), PUBLISH(C, TOPIC_A, 0)),
    SEED("5.0-malformed", NO_OPTIONS, NO_NUMBER, CONNECT_5(A, CLEAN), DO(A, BYTES), 10, 0x30, 8, 0, 1, 'a', 4, 1, 0, 1,
         0, CONNECT_5(B, CLEAN), DO(B, BYTES), 4, 0xE0, 2, 0, 5, CONNECT_5(C, CLEAN), DO(C, BYTES), 3, 0x82, 0x80, 0),
    SEED("5.0-byte-by-byte", OPTION_CUT_ONE, NO_NUMBER,
         CONNECT_5_WITH(A, CLEAN | WILL(1, 0), EXPIRES_5 | IN_FLIGHT_2 | ALIASES_2, CONNECT_WILL_PROPERTIES),
         SUBSCRIBE_5(A, FILTER_ALL, 2, 1), PUBLISH_WITH(A, TOPIC_A, 2, 0xFF & ~BY_ALIAS), ANSWER_ALL(A)),
    SEED("5.0-no-memory", OPTION_NO_MEMORY, 14, CONNECT_5_WITH(A, STORED, EXPIRES_5 | ALIASES_2, 0),
         SUBSCRIBE_5(A, FILTER_ALL, 2, 1), PUBLISH_WITH(A, TOPIC_A, 2, ALIAS_1),
         RETAIN_WITH(A, TOPIC_A_B_C, 1, EXPIRES_5), PUBLISH(A, TOPIC_A, 1), ANSWER_ALL(A), DO(A, DROP),
         CONNECT_5_WITH(A, STORED, EXPIRES_5, CONNECT_SCRAM)),
    SEED("5.0-resumed", OPTION_FEW_IN_FLIGHT, NO_NUMBER, CONNECT_5_WITH(A, STORED, EXPIRES_NEVER | IN_FLIGHT_2, 0),
         SUBSCRIBE_5(A, FILTER_ALL, 2, 1), CONNECT_5(B, CLEAN), PUBLISH(B, TOPIC_A, 2), PUBLISH(B, TOPIC_A, 1),
         PUBLISH_WITH(B, TOPIC_A, 1, EXPIRES_1), DO(A, ANSWER), DO(A, DROP), EXPIRE(2),
         CONNECT_5_WITH(A, STORED, EXPIRES_NEVER | IN_FLIGHT_1 | ALIASES_1, 0), ANSWER_ALL(A)),
    SEED("raw-bytes", NO_OPTIONS, NO_NUMBER, DO(A, BYTES), 14, 0x10, 0x0C, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 0,
         DO(A, BYTES), 2, 0xC0, 0x00, DO(A, BYTES), 1, 0xC0, DO(A, BYTES), 1, 0x00, DO(A, BYTES), 2, 0xE0, 0x00),
};

/* ---- Decoding: packets ----------------------------------------------------------------------------------- */

struct packets {
    const char *name;
    uint8_t options; /* version: 0 not known yet, 1 for 3.1, 2 for 3.1.1, 3 for 5.0; 4 the Server sends */
    struct mqtt_packet packet;
};

#define BYTES(text)                                                                                                    \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define CONNECT_PACKET(protocol, level, connect_flags, ...)                                                            \
    {                                                                                                                  \
        .type = MQTT_CONNECT, .connect = {                                                                             \
            .protocol_name = BYTES(protocol),                                                                          \
            .protocol_level = (level),                                                                                 \
            .flags = (connect_flags),                                                                                  \
            .keep_alive = 60,                                                                                          \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define ACKNOWLEDGEMENT(which)                                                                                         \
    { .type = (which), .flags = (which) == MQTT_PUBREL ? 2 : 0, .acknowledgement.packet_identifier = 0x1234 }

static const struct packets decode_seeds[] = {
    {"connect", 0, CONNECT_PACKET("MQTT", 4, 0x02, .client_identifier = BYTES("client"))},
    {"connect-empty-identifier", 0, CONNECT_PACKET("MQTT", 4, 0x02, .client_identifier = BYTES(""))},
    {"connect-full", 0,
     CONNECT_PACKET("MQTT", 4, 0xF6, .client_identifier = BYTES("client"), .will_topic = BYTES("will/topic"),
                    .will_message = BYTES("gone"), .user_name = BYTES("user"), .password = BYTES("secret"))},
    {"connect-3.1", 0, CONNECT_PACKET("MQIsdp", 3, 0x02, .client_identifier = BYTES("client"))},
    {"connect-5.0", 0, CONNECT_PACKET("MQTT", 5, 0x02, .client_identifier = BYTES("client"))},
    {"connack", 6, {.type = MQTT_CONNACK, .connack = {.acknowledge_flags = 1}}},
    {"connack-refused", 6, {.type = MQTT_CONNACK, .connack = {.code = 5}}},
    {"publish-qos0",
     2,
     {.type = MQTT_PUBLISH, .flags = 1, .publish = {.topic = BYTES("a/b"), .payload = BYTES("hello")}}},
    {"publish-qos1",
     6,
     {.type = MQTT_PUBLISH,
      .flags = 0x0A,
      .publish = {.topic = BYTES("gr\xC3\xBC\xC3\x9F/\xF0\x9F\x98\x80"),
                  .packet_identifier = 7,
                  .payload = BYTES("")}}},
    {"publish-qos2-3.1",
     1,
     {.type = MQTT_PUBLISH,
      .flags = 0x04,
      .publish = {.topic = BYTES("$SYS/x"), .packet_identifier = 65535, .payload = BYTES("\x00\xFF")}}},
    {"puback", 2, ACKNOWLEDGEMENT(MQTT_PUBACK)},
    {"pubrec", 6, ACKNOWLEDGEMENT(MQTT_PUBREC)},
    {"pubrel", 2, ACKNOWLEDGEMENT(MQTT_PUBREL)},
    {"pubcomp", 6, ACKNOWLEDGEMENT(MQTT_PUBCOMP)},
    {"subscribe",
     2,
     {.type = MQTT_SUBSCRIBE,
      .flags = 2,
      .subscribe = {.packet_identifier = 1, .filters = BYTES("\0\3a/b\0\0\1#\1\0\5+/+/x\2")}}},
    {"suback", 6, {.type = MQTT_SUBACK, .suback = {.packet_identifier = 1, .codes = BYTES("\0\1\2\x80")}}},
    {"unsubscribe",
     2,
     {.type = MQTT_UNSUBSCRIBE, .flags = 2, .unsubscribe = {.packet_identifier = 2, .filters = BYTES("\0\3a/b\0\1#")}}},
    {"unsuback", 6, ACKNOWLEDGEMENT(MQTT_UNSUBACK)},
    {"pingreq", 2, {.type = MQTT_PINGREQ}},
    {"pingresp", 6, {.type = MQTT_PINGRESP}},
    {"disconnect", 2, {.type = MQTT_DISCONNECT}},
    {"5.0-connect", 0,
     CONNECT_PACKET("MQTT", 5, 0xF6, .client_identifier = BYTES("client"),
                    .properties = BYTES("\x11\0\0\0\x0a\x21\0\5\x27\0\1\0\0\x22\0\x0a\x19\1\x17\0\x26\0\1k\0\1v"
                                        "\x26\0\1k\0\1w\x15\0\1X\x16\0\1d"),
                    .will_properties = BYTES("\x18\0\0\0\5\1\1\2\0\0\0\x3c\3\0\4text\x08\0\1r\x09\0\2\0\xff"),
                    .will_topic = BYTES("will/topic"), .will_message = BYTES("gone"), .user_name = BYTES("user"),
                    .password = BYTES("secret"))},
    {"5.0-connack",
     7,
     {.type = MQTT_CONNACK,
      .connack = {.properties = BYTES("\x11\0\0\0\x0a\x21\0\5\x24\1\x25\1\x27\0\1\0\0\x12\0\2id\x22\0\x0a\x1f\0\2ok"
                                      "\x28\1\x29\1\x2a\1\x13\0\x3c\x1a\0\2r/\x1c\0\4else\x15\0\1X\x16\0\1d")}}},
    {"5.0-connack-refused", 7, {.type = MQTT_CONNACK, .connack = {.code = 0x87}}},
    {"5.0-publish",
     7,
     {.type = MQTT_PUBLISH,
      .flags = 0x0B,
      .publish = {.topic = BYTES("a/b"),
                  .packet_identifier = 7,
                  .properties = BYTES("\1\1\2\0\0\0\x3c\3\0\4text\x08\0\1r\x09\0\2\0\xff\x0b\x80\1\x0b\xff\xff\xff\x7f"
                                      "\x26\0\1k\0\1v"),
                  .payload = BYTES("hello")}}},
    {"5.0-publish-alias",
     3,
     {.type = MQTT_PUBLISH, .publish = {.topic = BYTES(""), .properties = BYTES("\x23\0\1"), .payload = BYTES("x")}}},
    {"5.0-puback", 3, {.type = MQTT_PUBACK, .acknowledgement = {0x1234, 0x10, BYTES("\x1f\0\2no\x26\0\1k\0\1v")}}},
    {"5.0-pubrec", 7, {.type = MQTT_PUBREC, .acknowledgement = {0x1234, 0x91, {NULL, 0}}}},
    {"5.0-pubrel", 3, {.type = MQTT_PUBREL, .flags = 2, .acknowledgement = {0x1234, 0x92, {NULL, 0}}}},
    {"5.0-pubcomp", 7, {.type = MQTT_PUBCOMP, .acknowledgement = {0x1234, 0, {NULL, 0}}}},
    {"5.0-subscribe",
     3,
     {.type = MQTT_SUBSCRIBE,
      .flags = 2,
      .subscribe = {.packet_identifier = 1,
                    .properties = BYTES("\x0b\7\x26\0\1k\0\1v"),
                    .filters = BYTES("\0\3a/b\x2e\0\x0a$share/g/#\1")}}},
    {"5.0-suback",
     7,
     {.type = MQTT_SUBACK,
      .suback = {.packet_identifier = 1, .properties = BYTES("\x1f\0\2no"), .codes = BYTES("\0\1\2\x9e")}}},
    {"5.0-unsubscribe",
     3,
     {.type = MQTT_UNSUBSCRIBE,
      .flags = 2,
      .unsubscribe = {.packet_identifier = 2, .properties = BYTES("\x26\0\1k\0\1v"), .filters = BYTES("\0\3a/b")}}},
    {"5.0-unsuback", 7, {.type = MQTT_UNSUBACK, .suback = {.packet_identifier = 1, .codes = BYTES("\0\x11")}}},
    {"5.0-disconnect",
     3,
     {.type = MQTT_DISCONNECT, .disconnect = {0x04, BYTES("\x11\0\0\0\x0a\x1f\0\2by\x26\0\1k\0\1v")}}},
    {"5.0-disconnect-server", 7, {.type = MQTT_DISCONNECT, .disconnect = {0x9C, BYTES("\x1c\0\4else")}}},
    {"5.0-auth", 3, {.type = MQTT_AUTH, .disconnect = {0x18, BYTES("\x15\0\1X\x16\0\1d\x1f\0\2by")}}},
};

static bool write_decode_seed(const char *directory, const struct packets *seed) {
    uint8_t bytes[LONGEST_SEED];
    bytes[0] = seed->options;
    enum mqtt_version version = (seed->options & 3) == 3 ? MQTT_5_0 : MQTT_3_1_1;
    size_t length = mqtt_encode(version, &seed->packet, bytes + 1, sizeof bytes - 1);
    if (length == 0) {
        fprintf(stderr, "%s: cannot be encoded\n", seed->name);
        return false;
    }
    return write_seed(directory, "decode", seed->name, bytes, length + 1);
}

/* Several packets behind each other, and one with a Remaining Length that is longer than need be. */
static bool write_decode_streams(const char *directory) {
    static const uint8_t stream[] = {0, 0x10, 0x0C, 0, 4,    'M', 'Q', 'T', 'T', 4,   2,    0, 0,
                                     0, 0,    0xC0, 0, 0x30, 4,   0,   1,   'a', 'x', 0xE0, 0};
    static const uint8_t zeros[] = {3, 0x40, 3, 0, 1, 0, 0x40, 4, 0, 1, 0, 0, 0xE0, 1, 0, 0xE0, 2, 0, 0, 0xE0, 0};
    static const uint8_t padded[] = {2, 0xC0, 0x80, 0x80, 0x00, 0x40, 0x82, 0x00, 0x00, 0x01};
    return write_seed(directory, "decode", "stream", stream, sizeof stream) &&
           write_seed(directory, "decode", "padded-length", padded, sizeof padded) &&
           write_seed(directory, "decode", "5.0-reasons-of-zero", zeros, sizeof zeros);
}

/* ---- Properties: those of the packets above ---------------------------------------------------------------- */

static bool write_property_seed(const char *directory, const char *name, uint8_t choice, struct mqtt_bytes set) {
    uint8_t bytes[LONGEST_SEED];
    bytes[0] = choice;
    if (set.length > sizeof bytes - 1)
        return false;
    memcpy(bytes + 1, set.data, set.length);
    return write_seed(directory, "properties", name, bytes, set.length + 1);
}

static bool write_properties(const char *directory, const struct packets *seed) {
    struct mqtt_bytes set = mqtt_packet_properties(&seed->packet);
    enum { SERVER_SENDS = 0x10 };
    uint8_t sender = (seed->options & 4) != 0 ? SERVER_SENDS : 0;
    bool written = true;
    if (set.length > 0)
        written = write_property_seed(directory, seed->name, (uint8_t)seed->packet.type | sender, set);
    if (seed->packet.type == MQTT_CONNECT && seed->packet.connect.will_properties.length > 0)
        written = write_property_seed(directory, "5.0-will", 0, seed->packet.connect.will_properties) && written;
    return written;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", arguments[0]);
        return 2;
    }
    bool written = write_decode_streams(arguments[1]) && write_text_seeds(arguments[1]);
    for (size_t i = 0; i < COUNT_OF(decode_seeds); i++)
        written = write_decode_seed(arguments[1], &decode_seeds[i]) &&
                  write_properties(arguments[1], &decode_seeds[i]) && written;
    for (size_t i = 0; i < COUNT_OF(broker_seeds); i++)
        written =
            write_seed(arguments[1], "broker", broker_seeds[i].name, broker_seeds[i].bytes, broker_seeds[i].length) &&
            written;
    return written ? 0 : 2;
}
