/* A program with an MQTT broker inside: it shows each callback of libmqspec, answers later, and publishes itself. It
 * runs the broker in its own loop, as a program does that has other things to wait for.
 *
 *     cc embedded_broker.c $(pkg-config --cflags --libs mqspec) -o embedded_broker
 *     ./embedded_broker mqtt://127.0.0.1:1883
 *     mosquitto_sub -i me -u guest -P guest -t 'greeting/#'
 *
 * With the names of a certificate and its key behind the URL, that may be mqtts://.
 *
 * Everybody is let in whose password is the user name, a quarter of a second after asking: as if a data base had to be
 * asked. Nobody may publish to secret/#, nor subscribe to it, and the second is decided later too. */
#include <errno.h>
#include <mqspec.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THINKING_TIME    250 /* milliseconds */
#define MAXIMUM_THOUGHTS 64  /* at one time; beyond, Clients are denied at once */

/* A question that is answered later. */
struct thought {
    mqspec_ticket ticket;
    enum mqspec_answer answer;
    long due;
};

struct host {
    struct mqspec_broker *broker;
    struct thought thoughts[MAXIMUM_THOUGHTS]; /* the first is due first */
    size_t count;
};

static volatile sig_atomic_t is_over;

static void on_signal(int number) {
    (void)number;
    is_over = 1;
}

static long milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000L + time.tv_nsec / 1000000L;
}

/* ---- Answering later ------------------------------------------------------------------------------------------------
 */

static enum mqspec_answer think(struct host *host, mqspec_ticket ticket, enum mqspec_answer answer) {
    if (host->count == MAXIMUM_THOUGHTS)
        return MQSPEC_DENY;
    host->thoughts[host->count++] = (struct thought){ticket, answer, milliseconds() + THINKING_TIME};
    return MQSPEC_LATER;
}

static void answer_what_is_due(struct host *host) {
    size_t done = 0;
    while (done < host->count && host->thoughts[done].due <= milliseconds() &&
           mqspec_answer(host->broker, host->thoughts[done].ticket, host->thoughts[done].answer))
        done++;
    host->count -= done;
    memmove(host->thoughts, host->thoughts + done, host->count * sizeof host->thoughts[0]);
}

/* The sooner of the broker's time and this program's own. */
static int timeout(const struct host *host) {
    int broker = mqspec_broker_timeout(host->broker);
    if (host->count == 0)
        return broker;
    long own = host->thoughts[0].due - milliseconds();
    if (own < 0)
        own = 0;
    return broker < 0 || own < broker ? (int)own : broker;
}

/* ---- Callbacks ------------------------------------------------------------------------------------------------------
 */

static bool is_secret(struct mqspec_bytes topic) {
    return topic.length >= 7 && memcmp(topic.data, "secret/", 7) == 0;
}

static bool are_equal(struct mqspec_bytes left, struct mqspec_bytes right) {
    return left.length == right.length && (left.length == 0 || memcmp(left.data, right.data, left.length) == 0);
}

static void tell(const struct mqspec_client *client, const char *what, struct mqspec_bytes of, const char *more) {
    printf("%.*s %s %.*s%s\n", (int)client->identifier.length, (const char *)client->identifier.data, what,
           (int)of.length, of.length > 0 ? (const char *)of.data : "", more);
}

static const struct mqspec_bytes nothing = {NULL, 0};

static void on_ready(void *context, const char *url, int port) {
    (void)context;
    printf("listening on %s, port %d\n", url, port);
}

static void on_connected(void *context, const struct mqspec_client *client) {
    struct host *host = context;
    char topic[300] = "greeting/";
    size_t length = strlen(topic);
    tell(client, "is here:", client->user_name, "");
    if (length + client->identifier.length > sizeof topic)
        return;
    memcpy(topic + length, client->identifier.data, client->identifier.length);
    mqspec_publish(host->broker, &(struct mqspec_message){.topic = {topic, length + client->identifier.length},
                                                          .payload = {"welcome", 7},
                                                          .qos = 1,
                                                          .retain = true});
}

static void on_disconnected(void *context, const struct mqspec_client *client, const char *reason) {
    (void)context;
    tell(client, "is gone:", nothing, reason);
}

static void on_published(void *context, const struct mqspec_client *client, const struct mqspec_message *message) {
    (void)context;
    tell(client, "published to", message->topic, message->retain ? ", retained" : "");
}

static void on_subscribed(void *context, const struct mqspec_client *client, struct mqspec_bytes filter, unsigned qos) {
    (void)context;
    tell(client, "subscribed to", filter, qos == 0 ? " at QoS 0" : qos == 1 ? " at QoS 1" : " at QoS 2");
}

static void on_unsubscribed(void *context, const struct mqspec_client *client, struct mqspec_bytes filter) {
    (void)context;
    tell(client, "unsubscribed from", filter, "");
}

static enum mqspec_answer on_authenticate(void *context, mqspec_ticket ticket, const struct mqspec_client *client,
                                          struct mqspec_bytes password) {
    bool known = client->user_name.length > 0 && are_equal(client->user_name, password);
    return think(context, ticket, known ? MQSPEC_ALLOW : MQSPEC_DENY);
}

static enum mqspec_answer on_authorize_publish(void *context, mqspec_ticket ticket, const struct mqspec_client *client,
                                               struct mqspec_bytes topic) {
    (void)context, (void)ticket;
    if (!is_secret(topic))
        return MQSPEC_ALLOW;
    tell(client, "may not publish to", topic, "");
    return MQSPEC_DENY;
}

static enum mqspec_answer on_authorize_subscribe(void *context, mqspec_ticket ticket,
                                                 const struct mqspec_client *client, struct mqspec_bytes filter) {
    if (is_secret(filter))
        tell(client, "may not subscribe to", filter, "");
    return think(context, ticket, is_secret(filter) ? MQSPEC_DENY : MQSPEC_ALLOW);
}

/* ---- The loop -------------------------------------------------------------------------------------------------------
 */

static bool serve(struct host *host, char error[MQSPEC_ERROR_SIZE]) {
    struct pollfd broker = {.fd = mqspec_broker_descriptor(host->broker), .events = POLLIN};
    while (!is_over) {
        if (poll(&broker, 1, timeout(host)) < 0 && errno != EINTR) {
            snprintf(error, MQSPEC_ERROR_SIZE, "poll: %s", strerror(errno));
            return false;
        }
        answer_what_is_due(host);
        if (!mqspec_broker_turn(host->broker, error))
            return false;
    }
    return true;
}

int main(int count, char **arguments) {
    struct host host = {0};
    struct mqspec_settings settings = {.context = &host,
                                       .callbacks = {.ready = on_ready,
                                                     .connected = on_connected,
                                                     .disconnected = on_disconnected,
                                                     .published = on_published,
                                                     .subscribed = on_subscribed,
                                                     .unsubscribed = on_unsubscribed,
                                                     .authenticate = on_authenticate,
                                                     .authorize_publish = on_authorize_publish,
                                                     .authorize_subscribe = on_authorize_subscribe}};
    char error[MQSPEC_ERROR_SIZE];
    if (count > 3)
        settings.tls = (struct mqspec_tls){.certificate = arguments[2], .key = arguments[3]};
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0); /* whoever reads it through a pipe sees each line at once */
    host.broker = mqspec_broker_create(&settings, error);
    bool fine = host.broker != NULL &&
                mqspec_broker_listen(host.broker, count > 1 ? arguments[1] : "mqtt://127.0.0.1:1883", error) >= 0 &&
                serve(&host, error);
    if (!fine)
        fprintf(stderr, "%s\n", error);
    mqspec_broker_destroy(host.broker);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
