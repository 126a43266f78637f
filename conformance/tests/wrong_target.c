/* A target that is wrong in a way of its own, for test_cli.sh: wrong_target MODE PORT [NUMBER].
 *
 *   silent      accepts and never answers
 *   closing     accepts and closes at once
 *   garbage     answers with what is not MQTT
 *   refusing    answers CONNECT with CONNACK return code NUMBER, of 5.0 with that Reason Code
 *   old         answers CONNECT with CONNACK 0, but of 5.0 as a broker that does not know it
 *   dying       answers CONNECT with CONNACK 0, and ends with exit status 7 at connection NUMBER
 *   stubborn    as silent, and does not end on SIGTERM
 *
 * Port 0 lets the system choose. The port is printed once it listens. It ends by itself after a minute. */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAXIMUM_CLIENTS 1000
#define LIFETIME        60

struct target {
    const char *mode;
    int number;
    int accepted;
    int count; /* of descriptors; the first is the listener */
    struct pollfd descriptors[1 + MAXIMUM_CLIENTS];
};

static int is(const struct target *target, const char *mode) {
    return strcmp(target->mode, mode) == 0;
}

static int listen_on(unsigned short port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t length = sizeof address;
    int one = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 128) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        perror("wrong_target");
        exit(1);
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void answer(int client, const char *bytes, size_t length) {
    if (write(client, bytes, length) != (ssize_t)length)
        perror("wrong_target: write");
}

static void accept_client(struct target *target) {
    static const char garbage[] = "SSH-2.0-OpenSSH_9.2\r\n";
    int client = accept(target->descriptors[0].fd, NULL, NULL);
    if (client < 0)
        return;
    if (++target->accepted == target->number && is(target, "dying")) {
        fprintf(stderr, "giving up at connection %d\n", target->accepted);
        exit(7);
    }
    if (is(target, "garbage"))
        answer(client, garbage, sizeof garbage - 1);
    if (is(target, "closing") || target->count > MAXIMUM_CLIENTS)
        close(client);
    else
        target->descriptors[target->count++] = (struct pollfd){.fd = client, .events = POLLIN};
}

/* Of a CONNECT that comes in one piece, with a Protocol Name of four characters. */
static int is_5_0(const char *bytes, ssize_t length) {
    ssize_t level = 8;
    for (ssize_t i = 1; i < length && i < 4 && (bytes[i] & 0x80) != 0; i++)
        level++;
    return length > level && memcmp(bytes + level - 4, "MQTT", 4) == 0 && bytes[level] == 5;
}

static void answer_connect(const struct target *target, int client, int in_5_0) {
    char before_5[] = {0x20, 0x02, 0x00, 0x00};
    char of_5[] = {0x20, 0x03, 0x00, 0x00, 0x00};
    if (is(target, "refusing")) {
        before_5[3] = (char)target->number;
        of_5[3] = (char)target->number;
    }
    if (is(target, "old") && in_5_0)
        before_5[3] = 1;
    if (in_5_0 && !is(target, "old"))
        answer(client, of_5, sizeof of_5);
    else
        answer(client, before_5, sizeof before_5);
}

static void read_client(struct target *target, int index) {
    char buffer[4096];
    int client = target->descriptors[index].fd;
    ssize_t got = read(client, buffer, sizeof buffer);
    if (got <= 0) {
        close(client);
        target->descriptors[index] = target->descriptors[--target->count];
        return;
    }
    if ((is(target, "refusing") || is(target, "dying") || is(target, "old")) && buffer[0] == 0x10)
        answer_connect(target, client, is_5_0(buffer, got));
}

int main(int count, char **arguments) {
    if (count < 3) {
        fputs("usage: wrong_target MODE PORT [NUMBER]\n", stderr);
        return 2;
    }
    struct target target = {.mode = arguments[1], .number = count > 3 ? atoi(arguments[3]) : 0};
    signal(SIGPIPE, SIG_IGN);
    if (is(&target, "stubborn"))
        signal(SIGTERM, SIG_IGN);
    alarm(LIFETIME);
    target.descriptors[target.count++] =
        (struct pollfd){.fd = listen_on((unsigned short)atoi(arguments[2])), .events = POLLIN};
    for (;;) {
        if (poll(target.descriptors, (nfds_t)target.count, -1) < 0)
            return 1;
        for (int i = target.count - 1; i > 0; i--)
            if (target.descriptors[i].revents != 0)
                read_client(&target, i);
        if (target.descriptors[0].revents != 0)
            accept_client(&target);
    }
}
