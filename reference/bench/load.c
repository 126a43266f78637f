/* A load generator: publishers, each with subscribers of its own, against a broker on this machine.
 *
 * A publisher keeps at most a window of messages on the way: it goes on when the slowest of its subscribers has
 * received all but that many. So no broker is driven into discarding, and all get the same load. Every message is
 * numbered, and a subscriber that does not get them all in order fails the run.
 *
 * With a rate, each publisher sends so many messages a second instead, whatever has arrived: latency counts from when a
 * message was to be sent, so a broker that stalls is charged for all that should have been sent meanwhile.
 *
 * Prints one line: messages published, messages delivered, seconds of wall time, seconds of the broker's CPU time; with
 * a rate also the latency in microseconds: median, 99th percentile and maximum, and then the 99th percentile of each
 * tenth of a second. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "codec/codec.h"
#include "reference/event_loop.h"

#define BUFFER_SIZE     (256 * 1024)
#define MAXIMUM_PAYLOAD 1024
#define STAMP_SIZE      16 /* the payload starts with the number of the message and when it was to be sent */
#define MAXIMUM_CLIENTS 2000
#define NANOSECONDS     UINT64_C(1000000000)
/* What the run may take beyond the time of publishing. */
#define GRACE_TIME (30 * MICROSECONDS_PER_SECOND)

struct settings {
    uint16_t port;
    uint32_t version; /* enum mqtt_version */
    uint32_t publishers;
    uint32_t subscribers; /* of each publisher */
    uint32_t qos;
    uint32_t messages; /* of each publisher, at most */
    uint32_t payload;
    uint32_t window;
    uint32_t rate;    /* messages a second from each publisher; 0: as many as the window lets through */
    uint32_t seconds; /* of publishing, at most */
    uint32_t kept;    /* 1: with Sessions that outlive the connection, before 5.0 */
    uint32_t broker;  /* process whose CPU time counts; 0 for none */
};

enum role { ROLE_PUBLISHER, ROLE_SUBSCRIBER };

struct client {
    struct event_source source; /* first */
    struct load *load;
    enum role role;
    bool ready;     /* connected and, for a subscriber, subscribed */
    uint32_t topic; /* number of its publisher */
    uint32_t count; /* messages published or received */
    char topic_name[16];
    size_t received; /* bytes in `input` that are not handled */
    size_t waiting;  /* bytes in `output` that are not sent */
    uint8_t input[BUFFER_SIZE];
    uint8_t output[BUFFER_SIZE];
};

struct load {
    struct settings settings;
    struct event_loop *loop;
    struct spec_rules rules;
    struct client **clients; /* first the publishers, then the subscribers in the order of their publishers */
    uint32_t client_count;
    uint32_t ready_count;
    uint64_t delivered;
    bool failed;
    /* With a rate. */
    struct event_source timer; /* for the next message */
    uint64_t start;            /* nanoseconds, as all that follows; 0 before the run */
    uint64_t stop;
    uint32_t *latencies;
    uint64_t received_at; /* what is being taken */
    size_t latency_count;
    size_t latency_capacity;
};

static void fail(struct load *load, const char *what) {
    if (!load->failed)
        fprintf(stderr, "load: %s\n", what);
    load->failed = true;
}

static uint64_t nanoseconds_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

/* ---- Sending --------------------------------------------------------------------------------------------- */

static void on_client_ready(struct event_source *source, unsigned readiness);

static void send_waiting(struct client *client) {
    if (client->waiting == 0)
        return;
    ssize_t sent = send(client->source.descriptor, client->output, client->waiting, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        fail(client->load, "the broker closed a connection");
        return;
    }
    if (sent > 0) {
        client->waiting -= (size_t)sent;
        memmove(client->output, client->output + sent, client->waiting);
    }
    unsigned wanted = client->waiting > 0 ? EVENT_READABLE | EVENT_WRITABLE : EVENT_READABLE;
    if (wanted != client->source.wanted)
        event_loop_watch(client->load->loop, &client->source, client->source.descriptor, wanted, on_client_ready);
}

/* False where the output has no room. */
static bool put(struct client *client, const struct mqtt_packet *packet) {
    enum mqtt_version version = (enum mqtt_version)client->load->settings.version;
    size_t size =
        mqtt_encode(version, packet, client->output + client->waiting, sizeof client->output - client->waiting);
    client->waiting += size;
    return size > 0;
}

static void acknowledge(struct client *client, enum mqtt_type type, uint16_t packet_identifier) {
    struct mqtt_packet packet = {
        .type = type, .flags = mqtt_required_flags(type), .acknowledgement.packet_identifier = packet_identifier};
    if (!put(client, &packet))
        fail(client->load, "the broker sent more than is on the way");
}

static void put_connect(struct client *client, uint32_t number) {
    char name[32];
    snprintf(name, sizeof name, "load-%u", number);
    struct mqtt_packet packet = {.type = MQTT_CONNECT,
                                 .connect = {.protocol_name = mqtt_text("MQTT"),
                                             .protocol_level = (uint8_t)client->load->settings.version,
                                             .flags = client->load->settings.kept != 0 ? 0 : MQTT_CONNECT_CLEAN_SESSION,
                                             .client_identifier = mqtt_text(name)}};
    put(client, &packet);
}

static void put_subscribe(struct client *client) {
    uint8_t filters[64];
    size_t length = 0;
    uint8_t options = (uint8_t)client->load->settings.qos;
    mqtt_append_filter(filters, sizeof filters, &length, mqtt_text(client->topic_name), &options);
    struct mqtt_packet packet = {
        .type = MQTT_SUBSCRIBE,
        .flags = mqtt_required_flags(MQTT_SUBSCRIBE),
        .subscribe = {.packet_identifier = 1, .filters = {.data = filters, .length = (uint32_t)length}}};
    put(client, &packet);
}

static uint32_t received_by_slowest(const struct load *load, const struct client *publisher) {
    uint32_t slowest = publisher->count;
    uint32_t subscribers = load->settings.subscribers;
    for (uint32_t i = 0; i < subscribers; i++) {
        const struct client *one = load->clients[load->settings.publishers + publisher->topic * subscribers + i];
        if (one->count < slowest)
            slowest = one->count;
    }
    return slowest;
}

/* The next message, with when it was to be sent. False where the output has no room. */
static bool publish_one(struct client *publisher, uint64_t when) {
    const struct settings *settings = &publisher->load->settings;
    uint8_t payload[MAXIMUM_PAYLOAD] = {0};
    struct mqtt_packet packet = {.type = MQTT_PUBLISH,
                                 .flags = (uint8_t)(settings->qos << MQTT_PUBLISH_QOS_SHIFT),
                                 .publish = {.topic = mqtt_text(publisher->topic_name),
                                             .packet_identifier = (uint16_t)(publisher->count % 65535 + 1),
                                             .payload = {.data = payload, .length = settings->payload}}};
    uint64_t sequence = publisher->count;
    memcpy(payload, &sequence, sizeof sequence);
    memcpy(payload + sizeof sequence, &when, sizeof when);
    if (!put(publisher, &packet))
        return false;
    publisher->count++;
    return true;
}

static void publish_window(struct client *publisher) {
    const struct settings *settings = &publisher->load->settings;
    uint64_t end = (uint64_t)received_by_slowest(publisher->load, publisher) + settings->window;
    while (publisher->count < end && publisher->count < settings->messages)
        if (!publish_one(publisher, 0))
            return;
}

/* When the publisher is to send its next message: they take turns, so that their messages are spread evenly. */
static uint64_t next_time(const struct client *publisher) {
    const struct settings *settings = &publisher->load->settings;
    uint64_t turn = (uint64_t)publisher->count * settings->publishers + publisher->topic;
    return publisher->load->start + turn * NANOSECONDS / ((uint64_t)settings->rate * settings->publishers);
}

static void publish_due(struct client *publisher, uint64_t now) {
    struct load *load = publisher->load;
    for (uint64_t due = next_time(publisher); due <= now && due < load->stop; due = next_time(publisher))
        if (!publish_one(publisher, due)) {
            fail(load, "the broker does not keep up with the rate");
            return;
        }
}

/* ---- Receiving ------------------------------------------------------------------------------------------- */

static void become_ready(struct client *client) {
    if (!client->ready)
        client->load->ready_count++;
    client->ready = true;
}

static void note_latency(struct load *load, const uint8_t *stamp) {
    uint64_t when;
    memcpy(&when, stamp, sizeof when);
    if (load->latency_count < load->latency_capacity)
        load->latencies[load->latency_count++] = (uint32_t)((load->received_at - when) / 1000);
}

static void take_publish(struct client *client, const struct mqtt_packet *packet) {
    uint64_t sequence;
    if (packet->publish.payload.length != client->load->settings.payload) {
        fail(client->load, "a message has not the length that was published");
        return;
    }
    memcpy(&sequence, packet->publish.payload.data, sizeof sequence);
    if (sequence != client->count)
        fail(client->load, "a message is missing or out of order");
    note_latency(client->load, packet->publish.payload.data + sizeof sequence);
    client->count++;
    client->load->delivered++;
    uint8_t qos = mqtt_publish_qos(packet->flags);
    if (qos != client->load->settings.qos)
        fail(client->load, "a message came with another QoS");
    if (qos > 0)
        acknowledge(client, qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, packet->publish.packet_identifier);
}

static void take_packet(struct client *client, const struct mqtt_packet *packet) {
    switch (packet->type) {
    case MQTT_CONNACK:
        if (packet->connack.code != MQTT_CONNECTION_ACCEPTED)
            fail(client->load, "the broker refused a connection");
        else if (client->role == ROLE_PUBLISHER)
            become_ready(client);
        else
            put_subscribe(client);
        break;
    case MQTT_SUBACK:
        become_ready(client);
        break;
    case MQTT_PUBLISH:
        take_publish(client, packet);
        break;
    case MQTT_PUBREC:
        acknowledge(client, MQTT_PUBREL, packet->acknowledgement.packet_identifier);
        break;
    case MQTT_PUBREL:
        acknowledge(client, MQTT_PUBCOMP, packet->acknowledgement.packet_identifier);
        break;
    default:
        break; /* PUBACK and PUBCOMP end a message that the subscribers count */
    }
}

static void take_input(struct client *client) {
    struct load *load = client->load;
    const struct mqtt_decoder decoder = {
        .version = (enum mqtt_version)load->settings.version, .sender = MQTT_SERVER, .rules = &load->rules};
    size_t used = 0;
    while (!load->failed) {
        struct mqtt_bytes rest = {client->input + used, (uint32_t)(client->received - used)};
        struct mqtt_frame frame;
        struct mqtt_packet packet;
        struct mqtt_error error;
        enum mqtt_status status = mqtt_frame(&decoder, rest, &frame, &error);
        if (status == MQTT_INCOMPLETE || (status == MQTT_OK && rest.length < frame.packet_size))
            break;
        rest.length = frame.packet_size;
        if (status == MQTT_OK)
            status = mqtt_decode(&decoder, rest, &packet, &error);
        if (status != MQTT_OK) {
            fail(load, error.what);
            return;
        }
        take_packet(client, &packet);
        used += frame.packet_size;
    }
    client->received -= used;
    memmove(client->input, client->input + used, client->received);
}

static void on_client_ready(struct event_source *source, unsigned readiness) {
    struct client *client = (struct client *)source;
    if (readiness & EVENT_READABLE) {
        ssize_t count =
            recv(source->descriptor, client->input + client->received, sizeof client->input - client->received, 0);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
            fail(client->load, "the broker closed a connection");
            return;
        }
        client->received += count > 0 ? (size_t)count : 0;
        if (client->load->settings.rate > 0)
            client->load->received_at = nanoseconds_now();
        take_input(client);
    }
    send_waiting(client);
}

/* ---- The run --------------------------------------------------------------------------------------------- */

static struct client *open_client(struct load *load, uint32_t number) {
    const struct settings *settings = &load->settings;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(settings->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    struct client *client = calloc(1, sizeof *client);
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (client == NULL || descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
        fcntl(descriptor, F_SETFL, O_NONBLOCK) != 0 ||
        !event_loop_watch(load->loop, &client->source, descriptor, EVENT_READABLE, on_client_ready)) {
        fprintf(stderr, "load: cannot connect to port %u: %s\n", settings->port, strerror(errno));
        if (descriptor >= 0)
            close(descriptor);
        free(client);
        return NULL;
    }
    client->load = load;
    client->role = number < settings->publishers ? ROLE_PUBLISHER : ROLE_SUBSCRIBER;
    client->topic = client->role == ROLE_PUBLISHER ? number : (number - settings->publishers) / settings->subscribers;
    snprintf(client->topic_name, sizeof client->topic_name, "bench/%u", client->topic);
    put_connect(client, number);
    send_waiting(client);
    return client;
}

static bool open_clients(struct load *load) {
    uint32_t count = load->settings.publishers * (1 + load->settings.subscribers);
    load->clients = calloc(count, sizeof *load->clients);
    if (load->clients == NULL)
        return false;
    for (; load->client_count < count; load->client_count++) {
        load->clients[load->client_count] = open_client(load, load->client_count);
        if (load->clients[load->client_count] == NULL)
            return false;
    }
    return true;
}

static void close_clients(struct load *load) {
    for (uint32_t i = 0; i < load->client_count; i++) {
        event_loop_forget(load->loop, &load->clients[i]->source);
        close(load->clients[i]->source.descriptor);
        free(load->clients[i]);
    }
    free(load->clients);
}

/* User and system time of the broker in seconds; 0 where the system does not tell. */
static double cpu_time(uint32_t process) {
    clockid_t clock;
    struct timespec time;
    if (process == 0 || clock_getcpuclockid((pid_t)process, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (double)time.tv_sec + (double)time.tv_nsec / NANOSECONDS;
}

static bool all_received(const struct load *load) {
    uint64_t published = 0;
    for (uint32_t i = 0; i < load->settings.publishers; i++)
        published += load->clients[i]->count;
    return load->delivered == published * load->settings.subscribers;
}

/* One turn; false when the run is over, well or not. */
static bool turn(struct load *load, microseconds deadline) {
    if (event_loop_wait(load->loop, deadline) < 0)
        fail(load, "the system refuses to wait for sockets");
    else if (event_loop_now(load->loop) >= deadline)
        fail(load, "the broker took too long");
    return !load->failed;
}

/* Sets the timer for the next message that is due. */
static void set_timer(struct load *load) {
    uint64_t next = load->stop;
    for (uint32_t i = 0; i < load->settings.publishers; i++) {
        uint64_t due = next_time(load->clients[i]);
        next = due < next ? due : next;
    }
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(next / NANOSECONDS), .tv_nsec = (long)(next % NANOSECONDS)}};
    if (timerfd_settime(load->timer.descriptor, TFD_TIMER_ABSTIME, &when, NULL) != 0)
        fail(load, "the system refuses a timer");
}

static void on_timer(struct event_source *source, unsigned readiness) {
    uint64_t times;
    (void)readiness;
    (void)!read(source->descriptor, &times, sizeof times); /* the turn does what is due */
}

static void publish_all(struct load *load) {
    uint64_t now = load->settings.rate > 0 ? nanoseconds_now() : 0;
    for (uint32_t i = 0; i < load->settings.publishers; i++) {
        if (load->settings.rate > 0)
            publish_due(load->clients[i], now);
        else
            publish_window(load->clients[i]);
        send_waiting(load->clients[i]);
    }
    if (load->settings.rate > 0 && now < load->stop)
        set_timer(load);
}

/* The loop's own time is too coarse for a rate: a timer of the system wakes it. */
static bool begin_rate(struct load *load) {
    const struct settings *settings = &load->settings;
    int descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    load->latency_capacity = (size_t)settings->publishers * settings->subscribers * settings->rate * settings->seconds;
    load->latencies = malloc(load->latency_capacity * sizeof *load->latencies);
    if (load->latencies != NULL) /* or each page of it would be found while it is measured */
        memset(load->latencies, 1, load->latency_capacity * sizeof *load->latencies);
    load->start = nanoseconds_now();
    load->stop = load->start + settings->seconds * NANOSECONDS;
    if (descriptor >= 0 && load->latencies != NULL &&
        event_loop_watch(load->loop, &load->timer, descriptor, EVENT_READABLE, on_timer))
        return true;
    fail(load, "the system has no timer or no memory left");
    return false;
}

static int compare_latencies(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static uint32_t percentile_99(uint32_t *latencies, size_t count) {
    qsort(latencies, count, sizeof *latencies, compare_latencies);
    return latencies[count - 1 - count / 100];
}

/* They are in the order in which the messages came. */
static void print_latencies(struct load *load) {
    size_t count = load->latency_count, tenth = load->latency_capacity / load->settings.seconds / 10;
    uint32_t tenths[6000];
    size_t tenth_count = 0;
    if (tenth == 0 || count < tenth)
        return;
    for (size_t at = 0; at + tenth <= count && tenth_count < sizeof tenths / sizeof tenths[0]; at += tenth)
        tenths[tenth_count++] = percentile_99(load->latencies + at, tenth);
    uint32_t p99 = percentile_99(load->latencies, count);
    printf(" %u %u %u", load->latencies[count / 2], p99, load->latencies[count - 1]);
    for (size_t i = 0; i < tenth_count; i++)
        printf(" %u", tenths[i]);
}

static void run(struct load *load) {
    const struct settings *settings = &load->settings;
    microseconds deadline = event_loop_now(load->loop) + GRACE_TIME;
    while (load->ready_count < load->client_count)
        if (!turn(load, deadline))
            return;
    if (settings->rate > 0 && !begin_rate(load))
        return;
    microseconds start = event_loop_now(load->loop);
    microseconds stop = start + settings->seconds * MICROSECONDS_PER_SECOND;
    double cpu_before = cpu_time(settings->broker);
    do {
        if (event_loop_now(load->loop) < stop)
            publish_all(load);
        if (all_received(load) && (settings->rate == 0 || event_loop_now(load->loop) >= stop))
            break;
    } while (turn(load, stop + GRACE_TIME));
    if (load->failed)
        return;
    uint64_t published = load->delivered / settings->subscribers;
    printf("%llu %llu %.3f %.6f", (unsigned long long)published, (unsigned long long)load->delivered,
           (double)(event_loop_now(load->loop) - start) / MICROSECONDS_PER_SECOND,
           cpu_time(settings->broker) - cpu_before);
    print_latencies(load);
    putchar('\n');
}

/* ---- Options --------------------------------------------------------------------------------------------- */

struct number_option {
    char letter;
    size_t offset; /* in struct settings, of a uint32_t */
    uint32_t lowest;
    uint32_t highest;
    const char *help;
};

static const struct number_option number_options[] = {
    {'V', offsetof(struct settings, version), MQTT_3_1_1, MQTT_5_0, "protocol level: 4 is 3.1.1, 5 is 5.0"},
    {'P', offsetof(struct settings, publishers), 1, 1000, "publishers"},
    {'S', offsetof(struct settings, subscribers), 1, 1000, "subscribers of each publisher"},
    {'q', offsetof(struct settings, qos), 0, 2, "QoS"},
    {'n', offsetof(struct settings, messages), 1, 1000000000, "messages of each publisher, at most"},
    {'s', offsetof(struct settings, payload), STAMP_SIZE, MAXIMUM_PAYLOAD, "payload in bytes"},
    {'w', offsetof(struct settings, window), 1, 10000, "messages of a publisher on the way"},
    {'r', offsetof(struct settings, rate), 0, 100000, "messages a second from each publisher; 0: no fixed rate"},
    {'t', offsetof(struct settings, seconds), 1, 600, "seconds of publishing, at most"},
    {'k', offsetof(struct settings, kept), 0, 1, "1: Sessions that outlive their connection, before 5.0"},
    {'b', offsetof(struct settings, broker), 0, 1u << 30, "process of the broker, whose CPU time is measured"},
};

#define NUMBER_OPTION_COUNT (sizeof number_options / sizeof number_options[0])

static int usage(void) {
    fputs("usage: load [OPTION...] PORT\n", stderr);
    for (size_t i = 0; i < NUMBER_OPTION_COUNT; i++)
        fprintf(stderr, "  -%c N  %s (%u to %u)\n", number_options[i].letter, number_options[i].help,
                number_options[i].lowest, number_options[i].highest);
    return 2;
}

static bool parse_number(const char *text, uint32_t lowest, uint32_t highest, uint32_t *number) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    *number = (uint32_t)value;
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && value >= lowest && value <= highest;
}

static bool take_option(struct settings *settings, int letter) {
    for (size_t i = 0; i < NUMBER_OPTION_COUNT; i++)
        if (number_options[i].letter == letter)
            return parse_number(optarg, number_options[i].lowest, number_options[i].highest,
                                (uint32_t *)((char *)settings + number_options[i].offset));
    return false;
}

static bool parse_options(int count, char **arguments, struct settings *settings) {
    int letter;
    uint32_t port;
    while ((letter = getopt(count, arguments, "V:P:S:q:n:s:w:r:t:k:b:")) != -1)
        if (!take_option(settings, letter))
            return false;
    if (optind + 1 != count || !parse_number(arguments[optind], 1, UINT16_MAX, &port))
        return false;
    settings->port = (uint16_t)port;
    return settings->publishers * (1 + settings->subscribers) <= MAXIMUM_CLIENTS;
}

int main(int count, char **arguments) {
    struct load load = {.settings = {.version = MQTT_3_1_1,
                                     .publishers = 1,
                                     .subscribers = 1,
                                     .messages = 1000000000,
                                     .payload = 64,
                                     .window = 500,
                                     .seconds = 3}};
    if (!parse_options(count, arguments, &load.settings))
        return usage();
    load.loop = event_loop_create();
    if (load.loop == NULL || !open_clients(&load))
        load.failed = true;
    else
        run(&load);
    close_clients(&load);
    if (load.timer.descriptor > 0)
        close(load.timer.descriptor);
    free(load.latencies);
    event_loop_destroy(load.loop);
    return load.failed ? 1 : 0;
}
