/* mqspec broker: the reference broker on a network. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "reference/log.h"
#include "reference/server.h"

#define DEFAULT_PORT          1883
#define MAXIMUM_ADDRESSES     16
#define MAXIMUM_FILE_NAME     4096
#define MAXIMUM_SHOWN_ADDRESS 300
#define MAXIMUM_SCRAM_USERS   64

/* ---- Options --------------------------------------------------------------------------------------------- */

/* A user of the enhanced authentication of MQTT 5.0. */
struct scram_user {
    struct mqtt_bytes name;
    struct scram_credentials credentials;
};

struct broker_options {
    uint16_t port;
    const char *addresses[MAXIMUM_ADDRESSES];
    size_t address_count; /* 0: the default ones */
    const char *port_file;
    int verbosity;
    struct broker_settings settings;
    struct scram_user scram_users[MAXIMUM_SCRAM_USERS];
    size_t scram_user_count;
    bool off[SPEC_COUNT];
};

/* Parsing goes on, or the command ends with `status`. */
struct outcome {
    bool ends;
    enum exit_status status;
};

static const struct outcome goes_on = {false, EXIT_HELD};
static const struct outcome wrong_usage = {true, EXIT_USAGE};

enum long_option {
    OPTION_BIND = 256, /* above every character */
    OPTION_PORT_FILE,
    OPTION_DEVIATE,
    OPTION_LIST_DEVIATIONS,
    OPTION_SCRAM_USER,
    OPTION_REDIRECT,
    OPTION_FIRST_LIMIT
};

/* An option that sets one number of the settings. */
struct limit {
    const char *name;
    size_t offset; /* in struct broker_settings */
    size_t size;   /* of the number there: two or four bytes */
    uint32_t lowest;
    uint32_t highest;
    const char *help;
};

#define SETTING(field) offsetof(struct broker_settings, field), sizeof((struct broker_settings *)0)->field

static const struct limit limits[] = {
    {"max-packet-size", SETTING(maximum_packet_size), 64, MQTT_MAXIMUM_PACKET_SIZE,
     "largest packet taken from a client, in bytes"},
    {"max-connections", SETTING(maximum_connections), 1, 1000000, "clients connected at one time"},
    {"max-in-flight", SETTING(maximum_in_flight), 1, 65534, "QoS 1 and 2 messages sent to a client, not acknowledged"},
    {"max-queued", SETTING(maximum_queued), 0, 1000000000, "further messages kept for one session"},
    {"max-output", SETTING(maximum_output), 1024, UINT32_MAX, "bytes waiting for one client, then QoS 0 is discarded"},
    {"max-client-id", SETTING(maximum_client_identifier), 23, MQTT_MAXIMUM_STRING, "bytes of a client identifier"},
    {"receive-maximum", SETTING(receive_maximum), 1, UINT16_MAX, "QoS 2 messages from a client of 5.0, not completed"},
    {"topic-alias-max", SETTING(topic_alias_maximum), 0, UINT16_MAX, "topic aliases that a client of 5.0 may set"},
    {"max-keep-alive", SETTING(maximum_keep_alive), 0, UINT16_MAX, "seconds, for clients of 5.0; 0 for any"},
    {"max-session-expiry", SETTING(maximum_session_expiry), 0, UINT32_MAX, "seconds that a session of 5.0 lives on"},
};

#define OPTION_COUNT           9 /* beside the limits */
#define LIMIT_COUNT            (sizeof limits / sizeof limits[0])
#define OPTION_CONNECT_TIMEOUT (OPTION_FIRST_LIMIT + (int)LIMIT_COUNT)
#define LONGEST_TIMEOUT        86400u
#define LONGEST_REFERENCE      1000u

static uint32_t read_limit(const struct broker_settings *settings, const struct limit *limit) {
    uint16_t narrow = 0;
    uint32_t wide = 0;
    if (limit->size == sizeof narrow)
        memcpy(&narrow, (const char *)settings + limit->offset, sizeof narrow);
    else
        memcpy(&wide, (const char *)settings + limit->offset, sizeof wide);
    return limit->size == sizeof narrow ? narrow : wide;
}

static void write_limit(struct broker_settings *settings, const struct limit *limit, uint32_t number) {
    uint16_t narrow = (uint16_t)number;
    if (limit->size == sizeof narrow)
        memcpy((char *)settings + limit->offset, &narrow, sizeof narrow);
    else
        memcpy((char *)settings + limit->offset, &number, sizeof number);
}

static void print_help(void) {
    struct broker_settings settings = broker_default_settings();
    fputs(
        "usage: mqspec broker [OPTION...]\n"
        "\n"
        "Runs the strict reference broker for MQTT 3.1, 3.1.1 and 5.0. It listens on 127.0.0.1 and ::1 only, because\n"
        "it asks nobody for a password: whoever reaches it may use it. --bind 0.0.0.0 opens it to all of IPv4.\n"
        "\n"
        "  -p, --port PORT         the port to listen on (1883); 0 lets the system choose\n"
        "      --bind ADDRESS      listen on this address or host name instead; may be given several times\n"
        "      --port-file FILE    write the port to FILE once the broker listens\n"
        "      --deviate ID        break this one statement and no other; may be given several times\n"
        "      --list-deviations   print the statements that --deviate takes, and what the broker then does\n"
        "      --scram-user NAME:PASSWORD\n"
        "                          a user for authentication by SCRAM-SHA-256 (MQTT 5.0); may be given several times\n"
        "      --redirect SERVER   refuse every client, and name this other server to those of 5.0\n"
        "  -v, --verbose           log events to standard error; twice, packets too\n"
        "  -h, --help              print this\n"
        "\n"
        "Limits:\n",
        stdout);
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        char option[32];
        snprintf(option, sizeof option, "--%s N", limits[i].name);
        printf("      %-22s %s (%u)\n", option, limits[i].help, read_limit(&settings, &limits[i]));
    }
    printf("      %-22s %s (%u)\n", "--connect-timeout S", "seconds that a new connection has to send CONNECT",
           (unsigned)(settings.connect_timeout / MICROSECONDS_PER_SECOND));
    fputs("\nSIGTERM and SIGINT stop it. Exit status: 0 stopped so; 2 wrong usage; 3 it could not listen.\n", stdout);
}

static void print_deviations(void) {
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *row = spec_row((enum spec_statement)statement);
        if (spec_can_deviate(row))
            printf("%s\t%s\n", row->qualified, row->breach);
    }
}

/* Digits only, without sign, blank or any other suffix. */
static bool parse_number(const char *text, uint32_t lowest, uint32_t highest, uint32_t *number) {
    uint64_t value = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > highest)
            return false;
    }
    *number = (uint32_t)value;
    return value >= lowest;
}

static struct outcome take_number(const char *option, uint32_t lowest, uint32_t highest, uint32_t *number) {
    if (parse_number(optarg, lowest, highest, number))
        return goes_on;
    fprintf(stderr, "mqspec broker: --%s takes a number from %u to %u, not '%s'\n", option, lowest, highest, optarg);
    return wrong_usage;
}

static struct outcome take_address(struct broker_options *options) {
    if (options->address_count == MAXIMUM_ADDRESSES) {
        fprintf(stderr, "mqspec broker: --bind can be given at most %d times\n", MAXIMUM_ADDRESSES);
        return wrong_usage;
    }
    options->addresses[options->address_count++] = optarg;
    return goes_on;
}

/* A spelling that fits statements of both versions means the one of MQTT 3.1.1 where that can be broken. */
static struct outcome take_deviation(struct broker_options *options, const char *text) {
    enum spec_statement found[SPEC_VERSION_COUNT];
    size_t count = spec_find(text, found);
    for (size_t i = 0; i < count; i++)
        if (spec_can_deviate(spec_row(found[i]))) {
            options->off[found[i]] = true;
            return goes_on;
        }
    if (count == 0)
        fprintf(stderr,
                "mqspec broker: no statement is called '%s'; --deviate takes ids such as MQTT311:3.1.2-24, and "
                "--list-deviations prints them\n",
                text);
    else
        fprintf(stderr, "mqspec broker: %s cannot be switched off; --list-deviations prints those that can\n",
                spec_name(found[0]));
    return wrong_usage;
}

/* The password is not kept, only what SCRAM derives from it. */
static struct outcome take_scram_user(struct broker_options *options, const char *text) {
    const char *colon = strchr(text, ':');
    uint8_t salt[SCRAM_SALT_LENGTH];
    struct environment environment = environment_of_system();
    if (colon == NULL || colon == text || colon[1] == '\0') {
        fprintf(stderr, "mqspec broker: --scram-user takes NAME:PASSWORD, not '%s'\n", text);
        return wrong_usage;
    }
    if (options->scram_user_count == MAXIMUM_SCRAM_USERS) {
        fprintf(stderr, "mqspec broker: --scram-user can be given at most %d times\n", MAXIMUM_SCRAM_USERS);
        return wrong_usage;
    }
    for (size_t i = 0; i < sizeof salt; i += sizeof(uint64_t)) {
        uint64_t random = environment.random(environment.context);
        memcpy(salt + i, &random, sizeof random);
    }
    struct scram_user *user = &options->scram_users[options->scram_user_count++];
    user->name = (struct mqtt_bytes){(const uint8_t *)text, (uint32_t)(colon - text)};
    if (scram_derive(&user->credentials, mqtt_text(colon + 1), salt))
        return goes_on;
    fprintf(stderr, "mqspec broker: the library that derives keys from passwords fails\n");
    return wrong_usage;
}

static struct outcome take_redirection(struct broker_options *options, const char *text) {
    options->settings.server_reference = mqtt_text(text);
    if (*text != '\0' && mqtt_check_text(options->settings.server_reference, NULL) == MQTT_TEXT_FINE &&
        strlen(text) <= LONGEST_REFERENCE)
        return goes_on;
    fprintf(stderr, "mqspec broker: --redirect takes the name of a server, such as other.example:1883\n");
    return wrong_usage;
}

static struct outcome take_port(struct broker_options *options) {
    uint32_t port;
    struct outcome outcome = take_number("port", 0, UINT16_MAX, &port);
    if (!outcome.ends)
        options->port = (uint16_t)port;
    return outcome;
}

static struct outcome take_timeout(struct broker_options *options) {
    uint32_t seconds;
    struct outcome outcome = take_number("connect-timeout", 1, LONGEST_TIMEOUT, &seconds);
    if (!outcome.ends)
        options->settings.connect_timeout = seconds * MICROSECONDS_PER_SECOND;
    return outcome;
}

/* getopt_long() tells a short option by its letter and a long one only by where it stands. */
static struct outcome refuse_option(char **arguments, int kind) {
    char letter[] = {'-', (char)optopt, '\0'};
    bool is_short = optopt > 0 && optopt < OPTION_BIND && strncmp(arguments[optind - 1], "--", 2) != 0;
    const char *name = is_short ? letter : arguments[optind - 1];
    if (kind == ':')
        fprintf(stderr, "mqspec broker: %s needs a value; 'mqspec broker --help' tells which\n", name);
    else if (optopt != 0 && !is_short)
        fprintf(stderr, "mqspec broker: %s takes no value\n", name);
    else
        fprintf(stderr, "mqspec broker: no option %s; 'mqspec broker --help' lists them\n", name);
    return wrong_usage;
}

static struct outcome take_option(struct broker_options *options, int option, char **arguments) {
    if (option >= OPTION_FIRST_LIMIT && option < OPTION_CONNECT_TIMEOUT) {
        const struct limit *limit = &limits[option - OPTION_FIRST_LIMIT];
        uint32_t number = 0;
        struct outcome outcome = take_number(limit->name, limit->lowest, limit->highest, &number);
        if (!outcome.ends)
            write_limit(&options->settings, limit, number);
        return outcome;
    }
    switch (option) {
    case 'p':
        return take_port(options);
    case 'v':
        options->verbosity++;
        return goes_on;
    case 'h':
        print_help();
        return (struct outcome){true, EXIT_HELD};
    case OPTION_BIND:
        return take_address(options);
    case OPTION_PORT_FILE:
        options->port_file = optarg;
        return goes_on;
    case OPTION_DEVIATE:
        return take_deviation(options, optarg);
    case OPTION_SCRAM_USER:
        return take_scram_user(options, optarg);
    case OPTION_REDIRECT:
        return take_redirection(options, optarg);
    case OPTION_LIST_DEVIATIONS:
        print_deviations();
        return (struct outcome){true, EXIT_HELD};
    default:
        if (option == OPTION_CONNECT_TIMEOUT)
            return take_timeout(options);
        return refuse_option(arguments, option);
    }
}

static struct outcome parse_options(int count, char **arguments, struct broker_options *options) {
    struct option long_options[OPTION_COUNT + LIMIT_COUNT + 2] = {
        {"port", required_argument, NULL, 'p'},
        {"bind", required_argument, NULL, OPTION_BIND},
        {"port-file", required_argument, NULL, OPTION_PORT_FILE},
        {"deviate", required_argument, NULL, OPTION_DEVIATE},
        {"list-deviations", no_argument, NULL, OPTION_LIST_DEVIATIONS},
        {"scram-user", required_argument, NULL, OPTION_SCRAM_USER},
        {"redirect", required_argument, NULL, OPTION_REDIRECT},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
    };
    for (size_t i = 0; i < LIMIT_COUNT; i++)
        long_options[OPTION_COUNT + i] =
            (struct option){limits[i].name, required_argument, NULL, OPTION_FIRST_LIMIT + (int)i};
    long_options[OPTION_COUNT + LIMIT_COUNT] =
        (struct option){"connect-timeout", required_argument, NULL, OPTION_CONNECT_TIMEOUT};
    optind = 1;
    opterr = 0;
    int option;
    while ((option = getopt_long(count, arguments, ":p:vh", long_options, NULL)) != -1) {
        struct outcome outcome = take_option(options, option, arguments);
        if (outcome.ends)
            return outcome;
    }
    if (optind == count)
        return goes_on;
    fprintf(stderr, "mqspec broker: '%s' is no option; 'mqspec broker --help' lists them\n", arguments[optind]);
    return wrong_usage;
}

/* ---- Signals --------------------------------------------------------------------------------------------- */

/* A signal handler is given nothing but the number of the signal, so what it needs cannot be passed. */
static volatile sig_atomic_t signal_pipe = -1;

static void note_signal(int number) {
    int before = errno;
    (void)number;
    (void)!write(signal_pipe, "", 1);
    errno = before;
}

struct stopper {
    struct event_source source; /* first */
    int pipe[2];
    bool stopping;
};

static void on_signal_ready(struct event_source *source, unsigned readiness) {
    (void)readiness;
    ((struct stopper *)source)->stopping = true;
}

/* A second signal acts as if this were not there, should stopping ever hang. */
static bool start_stopper(struct stopper *stopper, struct event_loop *loop) {
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};
    stopper->stopping = false;
    if (pipe(stopper->pipe) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        fcntl(stopper->pipe[i], F_SETFL, O_NONBLOCK);
        fcntl(stopper->pipe[i], F_SETFD, FD_CLOEXEC);
    }
    signal_pipe = stopper->pipe[1];
    if (event_loop_watch(loop, &stopper->source, stopper->pipe[0], EVENT_READABLE, on_signal_ready) &&
        sigaction(SIGTERM, &action, NULL) == 0 && sigaction(SIGINT, &action, NULL) == 0)
        return true;
    close(stopper->pipe[0]);
    close(stopper->pipe[1]);
    return false;
}

static void end_stopper(struct stopper *stopper, struct event_loop *loop) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    event_loop_forget(loop, &stopper->source);
    close(stopper->pipe[0]);
    close(stopper->pipe[1]);
}

/* ---- The port file --------------------------------------------------------------------------------------- */

/* Written aside and renamed, so that whoever waits for the file finds all of it. */
static bool write_port_file(const char *name, int port) {
    char temporary[MAXIMUM_FILE_NAME];
    int length = snprintf(temporary, sizeof temporary, "%s.XXXXXX", name);
    if (length < 0 || (size_t)length >= sizeof temporary) {
        errno = ENAMETOOLONG;
        return false;
    }
    int descriptor = mkstemp(temporary);
    if (descriptor < 0)
        return false;
    bool fine = fchmod(descriptor, 0644) == 0 && dprintf(descriptor, "%d\n", port) > 0;
    fine = close(descriptor) == 0 && fine;
    if (fine && rename(temporary, name) == 0)
        return true;
    int error = errno;
    unlink(temporary);
    errno = error;
    return false;
}

/* ---- Running --------------------------------------------------------------------------------------------- */

struct running {
    const struct broker_options *options;
    struct event_loop *loop;
    struct broker *broker;
    struct server *server;
    struct stopper stopper;
    struct log log;
    int port;
};

/* Says that an address is listened on, or why it is not. */
static bool listen_on(struct running *running, const char *address, uint16_t port) {
    const char *reason;
    const char *format = strchr(address, ':') == NULL ? "%s:%d" : "[%s]:%d";
    char shown[MAXIMUM_SHOWN_ADDRESS];
    int result = server_listen(running->server, address, port, &reason);
    int error = errno;
    snprintf(shown, sizeof shown, format, address, result < 0 ? port : result);
    if (result >= 0) {
        running->port = result;
        fprintf(stderr, "listening on %s\n", shown);
        return true;
    }
    fprintf(stderr, "mqspec broker: cannot listen on %s: %s%s\n", shown, reason,
            error == EADDRINUSE ? "; choose another with -p, or stop the program that uses it" : "");
    return false;
}

/* A machine without IPv6 is served without it. */
static bool has_ipv6_loopback(void) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int descriptor = socket(AF_INET6, SOCK_STREAM, 0);
    if (descriptor < 0)
        return false;
    bool has = bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0;
    close(descriptor);
    return has;
}

/* Where the system chooses the port, it chooses for the first address, and the others follow. */
static bool listen_on_all(struct running *running, const struct broker_options *options) {
    static const char *const loopback[] = {"127.0.0.1", "::1"};
    const char *const *addresses = options->address_count > 0 ? options->addresses : loopback;
    size_t count = options->address_count > 0 ? options->address_count : (has_ipv6_loopback() ? 2 : 1);
    running->port = options->port;
    for (size_t i = 0; i < count; i++)
        if (!listen_on(running, addresses[i], (uint16_t)running->port))
            return false;
    return true;
}

static bool find_credentials(void *context, struct mqtt_bytes user_name, struct scram_credentials *credentials) {
    const struct running *running = context;
    for (size_t i = 0; i < running->options->scram_user_count; i++)
        if (mqtt_equal(running->options->scram_users[i].name, user_name)) {
            *credentials = running->options->scram_users[i].credentials;
            return true;
        }
    return false;
}

static void report(void *context, const struct broker_event *event) {
    struct running *running = context;
    log_event(&running->log, event);
}

static bool create_all(struct running *running, const struct broker_options *options) {
    struct environment environment = environment_of_system();
    struct broker_settings settings = options->settings;
    settings.hooks = (struct broker_hooks){.context = running};
    if (options->verbosity > 0)
        settings.hooks.report = report;
    if (options->scram_user_count > 0)
        settings.hooks.scram_credentials = find_credentials;
    settings.report_packets = options->verbosity > 1;
    running->log.file = stderr;
    running->loop = event_loop_create();
    if (running->loop == NULL)
        return false;
    running->broker = broker_create(&settings, &environment);
    if (running->broker == NULL)
        return false;
    running->server = server_create(running->broker, running->loop);
    if (running->server == NULL)
        return false;
    server_tell(running->server, log_notice, &running->log);
    return true;
}

static void destroy_all(struct running *running) {
    server_destroy(running->server);
    if (running->broker != NULL)
        broker_destroy(running->broker);
    event_loop_destroy(running->loop);
}

static void switch_off(struct running *running, const struct broker_options *options) {
    struct spec_rules *rules = broker_rules(running->broker);
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        if (!options->off[statement])
            continue;
        const struct spec_row *row = spec_row((enum spec_statement)statement);
        rules->off[statement] = true;
        fprintf(stderr, "breaking %s: %s\n", row->qualified, row->breach);
    }
}

/* Each connection is a descriptor, and the usual soft limit is far below what the system grants. Where it does not,
 * the server waits with accepting. */
static void allow_many_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static enum exit_status serve(struct running *running) {
    microseconds deadline = server_turn(running->server);
    while (!running->stopper.stopping) {
        if (event_loop_wait(running->loop, deadline) < 0) {
            fprintf(stderr, "mqspec broker: stopped, the system refuses to wait for sockets: %s\n", strerror(errno));
            return EXIT_UNREACHABLE;
        }
        deadline = server_turn(running->server);
    }
    return EXIT_HELD;
}

static enum exit_status start_and_serve(struct running *running, const struct broker_options *options) {
    /* A file left by an earlier run would name a port where nobody listens. */
    if (options->port_file != NULL && unlink(options->port_file) != 0 && errno != ENOENT) {
        fprintf(stderr, "mqspec broker: cannot replace the port file '%s': %s\n", options->port_file, strerror(errno));
        return EXIT_USAGE;
    }
    switch_off(running, options);
    if (!listen_on_all(running, options))
        return EXIT_UNREACHABLE;
    if (options->port_file != NULL && !write_port_file(options->port_file, running->port)) {
        fprintf(stderr, "mqspec broker: cannot write the port file '%s': %s\n", options->port_file, strerror(errno));
        return EXIT_USAGE;
    }
    return serve(running);
}

int command_broker(int count, char **arguments) {
    struct broker_options options = {.port = DEFAULT_PORT, .settings = broker_default_settings()};
    struct outcome outcome = parse_options(count, arguments, &options);
    if (outcome.ends)
        return outcome.status;
    struct running running = {.options = &options};
    if (!create_all(&running, &options) || !start_stopper(&running.stopper, running.loop)) {
        fprintf(stderr, "mqspec broker: cannot start: %s\n", strerror(errno));
        destroy_all(&running);
        return EXIT_UNREACHABLE;
    }
    allow_many_descriptors();
    signal(SIGPIPE, SIG_IGN); /* whoever read the log may go away */
    enum exit_status status = start_and_serve(&running, &options);
    broker_shut_down(running.broker, event_loop_now(running.loop));
    server_turn(running.server);
    end_stopper(&running.stopper, running.loop);
    destroy_all(&running);
    return status;
}
