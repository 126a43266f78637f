/* What a way to a broker adds to the time of an answer: asks over a direct connection and over another one by turns, so
 * that whatever else the machine does meets both alike.
 *
 * usage: latency NAME DIRECT_PORT OTHER_PORT [ROUNDS]
 *
 * Prints a line for PINGREQ, answered by PINGRESP, and one for a PUBLISH of QoS 1 with 64 bytes, answered by PUBACK.
 * Exit status 1 where the median of the added time is 100 microseconds or more, 2 where something fails. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "codec/codec.h"

enum { WARM_UP = 200, MOST_ADDED = 100, PAYLOAD = 64 };

struct question {
    const char *name;
    uint8_t bytes[128];
    size_t length;
    size_t answer_length;
};

struct way {
    int descriptor;
    double *times; /* microseconds */
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void fail(const char *what) {
    perror(what);
    exit(2);
}

/* Sends and waits for the whole answer. Returns how long it took. */
static double ask(int descriptor, const uint8_t *bytes, size_t length, size_t answer_length) {
    uint8_t answer[256];
    double began = now();
    if (send(descriptor, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        fail("send");
    while (answer_length > 0) {
        ssize_t count = recv(descriptor, answer, answer_length, 0);
        if (count <= 0)
            fail("recv");
        answer_length -= (size_t)count;
    }
    return now() - began;
}

static int connect_to(int port, const char *client_identifier) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    uint8_t bytes[128];
    int one = 1;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    packet.connect.protocol_name = mqtt_text("MQTT");
    packet.connect.protocol_level = MQTT_3_1_1;
    packet.connect.flags = MQTT_CONNECT_CLEAN_SESSION;
    packet.connect.client_identifier = mqtt_text(client_identifier);
    size_t length = mqtt_encode(MQTT_3_1_1, &packet, bytes, sizeof bytes);
    (void)ask(descriptor, bytes, length, 4);
    return descriptor;
}

static struct question make_publish(void) {
    static const uint8_t payload[PAYLOAD];
    struct question question = {.name = "PUBLISH QoS 1", .answer_length = 4};
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = 1 << MQTT_PUBLISH_QOS_SHIFT};
    packet.publish.topic = mqtt_text("bench/latency");
    packet.publish.packet_identifier = 1;
    packet.publish.payload = (struct mqtt_bytes){payload, PAYLOAD};
    question.length = mqtt_encode(MQTT_3_1_1, &packet, question.bytes, sizeof question.bytes);
    return question;
}

static int by_size(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

/* False where the other way adds too much. */
static bool measure(const char *name, const struct question *question, struct way ways[2], size_t rounds) {
    for (size_t round = 0; round < rounds + WARM_UP; round++)
        for (size_t i = 0; i < 2; i++) {
            double time = ask(ways[i].descriptor, question->bytes, question->length, question->answer_length);
            if (round >= WARM_UP)
                ways[i].times[round - WARM_UP] = time;
        }
    for (size_t i = 0; i < 2; i++)
        qsort(ways[i].times, rounds, sizeof *ways[i].times, by_size);
    double added = ways[1].times[rounds / 2] - ways[0].times[rounds / 2];
    double added_at_99 = ways[1].times[rounds * 99 / 100] - ways[0].times[rounds * 99 / 100];
    printf("%-28s %-14s direct %6.1f us, through it %6.1f us: adds %5.1f us at the median, %5.1f us at 99 %%\n", name,
           question->name, ways[0].times[rounds / 2], ways[1].times[rounds / 2], added, added_at_99);
    return added < MOST_ADDED;
}

int main(int count, char **arguments) {
    size_t rounds = count > 4 ? strtoul(arguments[4], NULL, 10) : 20000;
    if (count < 4 || rounds == 0) {
        fprintf(stderr, "usage: latency NAME DIRECT_PORT OTHER_PORT [ROUNDS]\n");
        return 2;
    }
    const struct question ping = {.name = "PINGREQ", .bytes = {0xC0, 0}, .length = 2, .answer_length = 2};
    const struct question publish = make_publish();
    struct way ways[2] = {{connect_to(atoi(arguments[2]), "direct"), calloc(rounds, sizeof(double))},
                          {connect_to(atoi(arguments[3]), "through"), calloc(rounds, sizeof(double))}};
    if (ways[0].times == NULL || ways[1].times == NULL)
        fail("memory");
    bool fine = measure(arguments[1], &ping, ways, rounds);
    fine = measure(arguments[1], &publish, ways, rounds) && fine;
    for (size_t i = 0; i < 2; i++) {
        close(ways[i].descriptor);
        free(ways[i].times);
    }
    return fine ? 0 : 1;
}
