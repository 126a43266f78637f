/* Kills the broker at random moments under load, starts it again, and checks that its Clients lose nothing by it.
 *
 * Publishers of QoS 1 and 2 number their messages, keep a window of them on the way, and after each crash repeat what
 * was not acknowledged, as section 4.4 asks. Each has two subscribers with Sessions that stay: one always comes back,
 * one stays away for about half of the rounds. So of QoS 2, each number must come exactly once and in order; of QoS 1,
 * each at least once, and for the first time in order. Whoever was told that it has a Session must still have it.
 *
 * usage: crash [-r ROUNDS] [-s SEED] [-t LONGEST_ROUND_IN_MILLISECONDS] MQSPEC DIRECTORY
 * The store is made in DIRECTORY. Exit status 0 when all held. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "codec/codec.h"
#include "reference/event_loop.h"

#define BUFFER_SIZE    (256 * 1024)
#define WINDOW         20u
#define PUBLISHERS     4u /* QoS 1 and 2, of 3.1.1 and 5.0 */
#define CLIENT_COUNT   (3 * PUBLISHERS)
#define IDENTIFIERS    65536u
#define LONGEST_OUTPUT 4096
#define LAST_ROUND     (120 * MICROSECONDS_PER_SECOND)
#define LISTENING      "listening on 127.0.0.1:"

enum role { ROLE_PUBLISHER, ROLE_SUBSCRIBER, ROLE_SLEEPER, ROLES };

/* Of a message in a publisher's window. */
enum sending { SENDING_DONE, SENDING_PUBLISH, SENDING_PUBREL };

struct client {
    struct event_source source; /* first */
    struct crash *crash;
    enum role role;
    uint32_t number; /* of the publisher */
    enum mqtt_version version;
    uint8_t qos;
    bool is_open;
    bool is_connected; /* CONNACK came on this connection */
    bool has_session;  /* CONNACK came once */
    bool has_subscribed;
    char topic[16];
    /* Publisher: messages first .. next - 1 are on their way. Subscriber: `first` is what comes next. */
    uint64_t first, next;
    enum sending window[WINDOW];
    bool received[IDENTIFIERS]; /* QoS 2 identifiers that wait for PUBREL */
    size_t in, out;             /* bytes in the buffers */
    uint8_t input[BUFFER_SIZE];
    uint8_t output[BUFFER_SIZE];
};

struct crash {
    struct event_source said; /* first: the broker's standard error */
    const char *mqspec;
    const char *directory;
    struct event_loop *loop;
    struct spec_rules rules;
    uint64_t random;
    unsigned round;
    bool is_last;
    bool failed;
    pid_t broker; /* 0: none runs */
    char output[LONGEST_OUTPUT];
    size_t output_length;
    uint16_t port; /* 0: it does not listen yet */
    uint64_t delivered, repeated, early;
    struct client clients[CLIENT_COUNT];
};

static void fail(struct crash *crash, const struct client *client, const char *what, uint64_t number) {
    if (crash->failed)
        return;
    crash->failed = true;
    fprintf(stderr, "crash: round %u: ", crash->round);
    if (client != NULL)
        fprintf(stderr, "%s, QoS %u, %s: ", client->role == ROLE_PUBLISHER ? "publisher" : "subscriber", client->qos,
                client->topic);
    fprintf(stderr, "%s (%llu)\n%.*s", what, (unsigned long long)number, (int)crash->output_length, crash->output);
}

/* xorshift: what matters is that a seed gives the same run as far as the machine does. */
static uint64_t next_random(struct crash *crash) {
    crash->random ^= crash->random << 13;
    crash->random ^= crash->random >> 7;
    crash->random ^= crash->random << 17;
    return crash->random;
}

/* ---- Sending ------------------------------------------------------------------------------------------------- */

static void on_client_ready(struct event_source *source, unsigned readiness);

static void send_waiting(struct client *client) {
    if (!client->is_open || client->out == 0)
        return;
    ssize_t sent = send(client->source.descriptor, client->output, client->out, MSG_NOSIGNAL);
    if (sent > 0) {
        client->out -= (size_t)sent;
        memmove(client->output, client->output + sent, client->out);
    }
    unsigned wanted = client->out > 0 ? EVENT_READABLE | EVENT_WRITABLE : EVENT_READABLE;
    if (wanted != client->source.wanted)
        event_loop_watch(client->crash->loop, &client->source, client->source.descriptor, wanted, on_client_ready);
}

static void put(struct client *client, const struct mqtt_packet *packet) {
    size_t size =
        mqtt_encode(client->version, packet, client->output + client->out, sizeof client->output - client->out);
    if (size == 0)
        fail(client->crash, client, "the broker does not read", client->out);
    client->out += size;
}

static void put_acknowledgement(struct client *client, enum mqtt_type type, uint16_t packet_identifier) {
    put(client, &(struct mqtt_packet){.type = type,
                                      .flags = mqtt_required_flags(type),
                                      .acknowledgement.packet_identifier = packet_identifier});
}

static void put_connect(struct client *client) {
    static const uint8_t expires_never[] = {MQTT_SESSION_EXPIRY_INTERVAL, 0xFF, 0xFF, 0xFF, 0xFF};
    char name[32];
    snprintf(name, sizeof name, "crash-%u-%u", client->number, (unsigned)client->role);
    struct mqtt_packet packet = {.type = MQTT_CONNECT,
                                 .connect = {.protocol_name = mqtt_text("MQTT"),
                                             .protocol_level = (uint8_t)client->version,
                                             .client_identifier = mqtt_text(name)}};
    if (client->version == MQTT_5_0)
        packet.connect.properties = (struct mqtt_bytes){expires_never, sizeof expires_never};
    put(client, &packet);
}

static void put_subscribe(struct client *client) {
    uint8_t filters[64];
    size_t length = 0;
    mqtt_append_filter(filters, sizeof filters, &length, mqtt_text(client->topic), &client->qos);
    put(client, &(struct mqtt_packet){.type = MQTT_SUBSCRIBE,
                                      .flags = mqtt_required_flags(MQTT_SUBSCRIBE),
                                      .subscribe = {.packet_identifier = 1, .filters = {filters, (uint32_t)length}}});
}

/* ---- Publishers ---------------------------------------------------------------------------------------------- */

static uint16_t identifier_of(uint64_t number) {
    return (uint16_t)(number % 65535 + 1);
}

static void put_publish(struct client *client, uint64_t number, bool again) {
    uint8_t payload[64] = {0};
    memcpy(payload, &number, sizeof number);
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = (uint8_t)(client->qos << MQTT_PUBLISH_QOS_SHIFT)};
    if (again)
        packet.flags |= MQTT_PUBLISH_DUP;
    packet.publish.topic = mqtt_text(client->topic);
    packet.publish.packet_identifier = identifier_of(number);
    packet.publish.payload = (struct mqtt_bytes){payload, sizeof payload};
    put(client, &packet);
}

static bool has_subscribers(const struct client *publisher) {
    for (const struct client *each = publisher->crash->clients; each < publisher->crash->clients + CLIENT_COUNT; each++)
        if (each->number == publisher->number && each->role != ROLE_PUBLISHER && !each->has_subscribed)
            return false;
    return true;
}

static void fill_window(struct client *publisher) {
    if (publisher->crash->is_last || !has_subscribers(publisher))
        return;
    while (publisher->next < publisher->first + WINDOW) {
        publisher->window[publisher->next % WINDOW] = SENDING_PUBLISH;
        put_publish(publisher, publisher->next++, false);
    }
}

static void repeat_window(struct client *publisher) {
    for (uint64_t number = publisher->first; number < publisher->next; number++) {
        if (publisher->window[number % WINDOW] == SENDING_PUBLISH)
            put_publish(publisher, number, true);
        else if (publisher->window[number % WINDOW] == SENDING_PUBREL)
            put_acknowledgement(publisher, MQTT_PUBREL, identifier_of(number));
    }
}

/* PUBACK, PUBREC or PUBCOMP came. */
static void take_answer(struct client *publisher, const struct mqtt_packet *packet) {
    uint16_t identifier = packet->acknowledgement.packet_identifier;
    uint64_t number = publisher->first;
    while (number < publisher->next && identifier_of(number) != identifier)
        number++;
    if (number == publisher->next) {
        fail(publisher->crash, publisher, "an answer to nothing that is on its way", identifier);
        return;
    }
    enum sending *sending = &publisher->window[number % WINDOW];
    if (packet->type == MQTT_PUBREC) {
        *sending = SENDING_PUBREL;
        put_acknowledgement(publisher, MQTT_PUBREL, identifier);
        return;
    }
    *sending = SENDING_DONE;
    while (publisher->first < publisher->next && publisher->window[publisher->first % WINDOW] == SENDING_DONE)
        publisher->first++;
    fill_window(publisher);
}

/* ---- Subscribers --------------------------------------------------------------------------------------------- */

static void take_number(struct client *client, uint64_t number) {
    struct crash *crash = client->crash;
    crash->delivered++;
    if (number == client->first) {
        client->first++;
        return;
    }
    if (number > client->first)
        fail(crash, client, "a message is lost or too early; it should be the one after that", client->first - 1);
    else if (client->qos == 2)
        fail(crash, client, "a message came twice", number);
    else
        crash->repeated++;
}

static void take_publish(struct client *client, const struct mqtt_packet *packet) {
    uint16_t identifier = packet->publish.packet_identifier;
    uint64_t number;
    if (packet->publish.payload.length < sizeof number || mqtt_publish_qos(packet->flags) != client->qos) {
        fail(client->crash, client, "what came is not what was published", identifier);
        return;
    }
    memcpy(&number, packet->publish.payload.data, sizeof number);
    if (client->qos == 1) {
        take_number(client, number);
        put_acknowledgement(client, MQTT_PUBACK, identifier);
        return;
    }
    if (!client->received[identifier])
        take_number(client, number);
    client->received[identifier] = true;
    put_acknowledgement(client, MQTT_PUBREC, identifier);
}

/* ---- Receiving ----------------------------------------------------------------------------------------------- */

static void take_connack(struct client *client, const struct mqtt_packet *packet) {
    if (packet->connack.code != 0)
        fail(client->crash, client, "CONNECT was refused", packet->connack.code);
    if (client->has_session && packet->connack.acknowledge_flags == 0)
        fail(client->crash, client, "the Session is lost", 0);
    client->is_connected = client->has_session = true;
    if (client->role != ROLE_PUBLISHER) {
        if (!client->has_subscribed)
            put_subscribe(client);
        return;
    }
    repeat_window(client);
    fill_window(client);
}

static void take_packet(struct client *client, const struct mqtt_packet *packet) {
    switch (packet->type) {
    case MQTT_CONNACK:
        take_connack(client, packet);
        break;
    case MQTT_SUBACK:
        client->has_subscribed = true;
        for (struct client *each = client->crash->clients; each < client->crash->clients + CLIENT_COUNT; each++)
            if (each->role == ROLE_PUBLISHER && each->is_connected)
                fill_window(each);
        break;
    case MQTT_PUBLISH:
        take_publish(client, packet);
        break;
    case MQTT_PUBREL:
        client->received[packet->acknowledgement.packet_identifier] = false;
        put_acknowledgement(client, MQTT_PUBCOMP, packet->acknowledgement.packet_identifier);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        take_answer(client, packet);
        break;
    default:
        fail(client->crash, client, "a packet that was not expected", packet->type);
    }
}

static void take_input(struct client *client) {
    const struct mqtt_decoder decoder = {
        .version = client->version, .sender = MQTT_SERVER, .rules = &client->crash->rules};
    struct mqtt_bytes rest = {client->input, (uint32_t)client->in};
    while (!client->crash->failed) {
        struct mqtt_packet packet;
        struct mqtt_error error;
        uint32_t size;
        enum mqtt_status status = mqtt_next(&decoder, rest, &packet, &size, &error);
        if (status == MQTT_INCOMPLETE)
            break;
        if (status != MQTT_OK) {
            fail(client->crash, client, error.what, 0);
            return;
        }
        take_packet(client, &packet);
        rest.data += size;
        rest.length -= size;
    }
    memmove(client->input, rest.data, rest.length);
    client->in = rest.length;
}

/* False when there is nothing more. */
static bool receive(struct client *client) {
    ssize_t count = recv(client->source.descriptor, client->input + client->in, sizeof client->input - client->in, 0);
    if (count <= 0)
        return false;
    client->in += (size_t)count;
    take_input(client);
    return true;
}

static void close_client(struct client *client) {
    if (!client->is_open)
        return;
    event_loop_forget(client->crash->loop, &client->source);
    close(client->source.descriptor);
    client->is_open = client->is_connected = false;
    client->in = client->out = 0;
}

static void on_client_ready(struct event_source *source, unsigned readiness) {
    struct client *client = (struct client *)source;
    if ((readiness & (EVENT_READABLE | EVENT_HUNG_UP)) != 0 && !receive(client) && errno != EAGAIN) {
        fail(client->crash, client, "the broker closed the connection", 0);
        return;
    }
    send_waiting(client);
}

static void open_client(struct client *client) {
    struct crash *crash = client->crash;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(crash->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
        fcntl(descriptor, F_SETFL, O_NONBLOCK) != 0 || fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0 ||
        !event_loop_watch(crash->loop, &client->source, descriptor, EVENT_READABLE, on_client_ready)) {
        fail(crash, client, strerror(errno), crash->port);
        if (descriptor >= 0)
            close(descriptor);
        return;
    }
    client->is_open = true;
    put_connect(client);
    send_waiting(client);
}

/* ---- The broker ---------------------------------------------------------------------------------------------- */

static bool is_awake(struct crash *crash, const struct client *client) {
    bool sleeps = client->role == ROLE_SLEEPER && client->has_subscribed && next_random(crash) % 2 == 0;
    return crash->is_last || !sleeps;
}

/* What it says tells when it listens, and is shown should it fail. */
static void on_said(struct event_source *source, unsigned readiness) {
    struct crash *crash = (struct crash *)source;
    (void)readiness;
    ssize_t count =
        read(source->descriptor, crash->output + crash->output_length, sizeof crash->output - 1 - crash->output_length);
    if (count <= 0) {
        fail(crash, NULL, "the broker ended by itself", (uint64_t)crash->broker);
        return;
    }
    crash->output_length += (size_t)count;
    crash->output[crash->output_length] = '\0';
    const char *place = strstr(crash->output, LISTENING);
    if (crash->port != 0 || place == NULL || strchr(place, '\n') == NULL)
        return;
    crash->port = (uint16_t)strtoul(place + strlen(LISTENING), NULL, 10);
    for (struct client *client = crash->clients; client < crash->clients + CLIENT_COUNT; client++)
        if (is_awake(crash, client))
            open_client(client);
}

static void run_broker(const struct crash *crash, int standard_error) {
    char store[LONGEST_OUTPUT];
    snprintf(store, sizeof store, "lmdb:%s/store", crash->directory);
#if defined(__linux__)
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    dup2(standard_error, STDERR_FILENO);
    execl(crash->mqspec, crash->mqspec, "broker", "--port", "0", "--bind", "127.0.0.1", "--store", store,
          "--max-in-flight", "50", (char *)NULL);
    _exit(127);
}

static bool start_broker(struct crash *crash) {
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    crash->port = 0;
    crash->output_length = 0;
    crash->broker = fork();
    if (crash->broker == 0)
        run_broker(crash, ends[1]);
    close(ends[1]);
    return crash->broker > 0 && event_loop_watch(crash->loop, &crash->said, ends[0], EVENT_READABLE, on_said);
}

/* Returns how the process ended, as waitpid() tells. What it had sent before it ended is read first: an
 * acknowledgement that reached the Client counts. */
static int end_broker(struct crash *crash, int signal_number) {
    int status = 0;
    kill(crash->broker, signal_number);
    while (waitpid(crash->broker, &status, 0) < 0 && errno == EINTR)
        ;
    crash->broker = 0;
    event_loop_forget(crash->loop, &crash->said);
    close(crash->said.descriptor);
    for (struct client *client = crash->clients; client < crash->clients + CLIENT_COUNT; client++) {
        while (client->is_open && signal_number == SIGKILL && receive(client))
            ;
        close_client(client);
    }
    return status;
}

/* ---- Rounds -------------------------------------------------------------------------------------------------- */

static bool is_complete(const struct crash *crash) {
    for (const struct client *client = crash->clients; client < crash->clients + CLIENT_COUNT; client++) {
        const struct client *publisher = &crash->clients[client->number * ROLES];
        if (publisher->first != publisher->next || client->first != publisher->next || !client->is_connected)
            return false;
    }
    return true;
}

static void play_round(struct crash *crash, microseconds length) {
    microseconds end = event_loop_now(crash->loop) + length;
    if (!start_broker(crash)) {
        fail(crash, NULL, strerror(errno), 0);
        return;
    }
    while (!crash->failed && event_loop_now(crash->loop) < end && !(crash->is_last && is_complete(crash)))
        if (event_loop_wait(crash->loop, end) < 0)
            fail(crash, NULL, strerror(errno), 0);
    if (crash->is_last && !crash->failed && !is_complete(crash))
        fail(crash, NULL, "not all that was published came in time", 0);
    crash->early += crash->port == 0;
    int status = end_broker(crash, crash->is_last ? SIGTERM : SIGKILL);
    if (crash->is_last && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        fail(crash, NULL, "the broker did not stop as it should", (uint64_t)status);
}

static void prepare_clients(struct crash *crash) {
    for (uint32_t i = 0; i < CLIENT_COUNT; i++) {
        struct client *client = &crash->clients[i];
        client->crash = crash;
        client->number = i / ROLES;
        client->role = (enum role)(i % ROLES);
        client->qos = (uint8_t)(client->number % 2 + 1);
        client->version = client->number < PUBLISHERS / 2 ? MQTT_3_1_1 : MQTT_5_0;
        client->first = client->next = 1;
        snprintf(client->topic, sizeof client->topic, "crash/%u", client->number);
    }
}

static void play(struct crash *crash, unsigned rounds, unsigned longest) {
    prepare_clients(crash);
    for (crash->round = 1; crash->round <= rounds && !crash->failed; crash->round++)
        play_round(crash, next_random(crash) % (longest * UINT64_C(1000)));
    crash->is_last = true;
    if (!crash->failed)
        play_round(crash, LAST_ROUND);
    uint64_t published = 0;
    for (uint32_t i = 0; i < PUBLISHERS; i++)
        published += crash->clients[i * ROLES].next - 1;
    printf(
        "%u rounds, %llu of them ended before the broker listened; %llu messages published, %llu delivered, of QoS 1 "
        "%llu of them again: %s\n",
        crash->round - 1, (unsigned long long)crash->early, (unsigned long long)published,
        (unsigned long long)crash->delivered, (unsigned long long)crash->repeated,
        crash->failed ? "FAILED" : "none lost, none of QoS 2 twice, all in order");
}

int main(int count, char **arguments) {
    unsigned rounds = 25, longest = 200;
    unsigned long long seed = (unsigned long long)getpid() * 2654435761u;
    int option;
    while ((option = getopt(count, arguments, "r:s:t:")) != -1) {
        if (option == 'r')
            rounds = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 't')
            longest = (unsigned)strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    struct crash *crash = calloc(1, sizeof *crash);
    if (crash == NULL || count - optind != 2 || longest == 0) {
        fputs("usage: crash [-r ROUNDS] [-s SEED] [-t MILLISECONDS] MQSPEC DIRECTORY\n", stderr);
        free(crash);
        return 2;
    }
    printf("seed %llu\n", seed);
    crash->random = seed != 0 ? seed : 1;
    crash->mqspec = arguments[optind];
    crash->directory = arguments[optind + 1];
    crash->loop = event_loop_create();
    if (crash->loop != NULL)
        play(crash, rounds, longest);
    int status = crash->loop == NULL || crash->failed ? 1 : 0;
    event_loop_destroy(crash->loop);
    free(crash);
    return status;
}
