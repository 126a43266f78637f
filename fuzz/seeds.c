/* Writes the seeds: seeds DIRECTORY makes DIRECTORY/decode/NAME and DIRECTORY/broker/NAME. They are kept in corpus/; a
 * test holds them to what this program writes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "codec/codec.h"
#include "fuzz/operations.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define LONGEST_SEED    1024u

/* False with a message on standard error. */
static bool write_seed(const char *directory, const char *target, const char *name, const uint8_t *data, size_t size) {
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
enum { TOPIC_A, TOPIC_A_B, TOPIC_B, TOPIC_A_B_C, TOPIC_SYS };
enum { FILTER_A, FILTER_A_B, FILTER_ALL, FILTER_PLUS, FILTER_A_ALL, FILTER_PLUS_B, FILTER_SYS };
#define WILL(qos, retain)                                                                                              \
    (MQTT_CONNECT_WILL | (qos) << MQTT_CONNECT_WILL_QOS_SHIFT | ((retain) ? MQTT_CONNECT_WILL_RETAIN : 0))

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
         RETAIN(B, TOPIC_SYS, 0), CONNECT(A, CLEAN), SUBSCRIBE(A, FILTER_ALL, 2), SUBSCRIBE(A, FILTER_SYS, 0),
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
    SEED("raw-bytes", NO_OPTIONS, NO_NUMBER, DO(A, BYTES), 14, 0x10, 0x0C, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 0,
         DO(A, BYTES), 2, 0xC0, 0x00, DO(A, BYTES), 1, 0xC0, DO(A, BYTES), 1, 0x00, DO(A, BYTES), 2, 0xE0, 0x00),
};

/* ---- Decoding: packets ----------------------------------------------------------------------------------- */

struct packets {
    const char *name;
    uint8_t options; /* version: 0 not known yet, 1 for 3.1, 2 for 3.1.1; 4 the Server sends */
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
};

static bool write_decode_seed(const char *directory, const struct packets *seed) {
    uint8_t bytes[LONGEST_SEED];
    bytes[0] = seed->options;
    size_t length = mqtt_encode(MQTT_3_1_1, &seed->packet, bytes + 1, sizeof bytes - 1);
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
    static const uint8_t padded[] = {2, 0xC0, 0x80, 0x80, 0x00, 0x40, 0x82, 0x00, 0x00, 0x01};
    return write_seed(directory, "decode", "stream", stream, sizeof stream) &&
           write_seed(directory, "decode", "padded-length", padded, sizeof padded);
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", arguments[0]);
        return 2;
    }
    bool written = write_decode_streams(arguments[1]);
    for (size_t i = 0; i < COUNT_OF(decode_seeds); i++)
        written = write_decode_seed(arguments[1], &decode_seeds[i]) && written;
    for (size_t i = 0; i < COUNT_OF(broker_seeds); i++)
        written =
            write_seed(arguments[1], "broker", broker_seeds[i].name, broker_seeds[i].bytes, broker_seeds[i].length) &&
            written;
    return written ? 0 : 2;
}
