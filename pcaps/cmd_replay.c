/* mqspec replay: does against a live broker what the clients of a capture did, and compares the answers. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "pcaps/place.h"
#include "pcaps/replay.h"

static const char usage[] =
    "usage: mqspec replay FILE.pcap --target PLACE [OPTION...]\n"
    "  --target PLACE  the broker: HOST:PORT, or mqtts://, ws:// or wss://HOST:PORT, over whatever the capture was\n"
    "  --speed N       1 keeps the pauses of the capture (default), 10 makes them ten times shorter, max leaves\n"
    "                  them out\n"
    "  --timeout S     seconds to wait for an answer that the capture shows (default 5)\n"
    "  --prefix TEXT   put before each Client Identifier\n"
    "  --topic-prefix TEXT/\n"
    "                  put before each topic and filter; those that begin with $ stay as they are\n"
    "  --ca FILE       who certifies the target (those whom this system trusts)\n"
    "  --insecure      the target's certificate is not looked at\n"
    "  --cert FILE --key FILE\n"
    "                  a certificate to show; the key may be in its file\n"
    "  --ws-path PATH  what the WebSocket handshake asks for (/mqtt)\n"
    "  --keys FILE     the key log (SSLKEYLOGFILE) to read TLS 1.2 and 1.3 of the capture with;\n"
    "                  else NAME.keys beside NAME.pcap, where it is\n"
    "FILE may be - for standard input. Exit status: 0 the target answered as recorded, 1 it did not, 2 the capture\n"
    "cannot be read or played, 3 the target could not be reached.\n";

struct options {
    bool help;
    const char *file;
    const char *keys; /* a key log, or NULL */
    struct replay_names names;
    struct place target;
    struct replay_options replay;
};

/* ---- Options --------------------------------------------------------------------------------------------- */

static bool parse_number(const char *text, double least, double most, double *number) {
    char *end;
    errno = 0;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && errno == 0 && isfinite(*number) && *number >= least && *number <= most;
}

static bool parse_speed(const char *text, struct options *options) {
    options->replay.speed = 0;
    if (strcmp(text, "max") == 0 || parse_number(text, 0.001, 1e6, &options->replay.speed))
        return true;
    fprintf(stderr, "mqspec replay: --speed takes a number from 0.001 to 1000000, or max, not '%s'\n", text);
    return false;
}

static bool parse_timeout(const char *text, struct options *options) {
    double seconds;
    if (!parse_number(text, 0.01, 3600, &seconds)) {
        fprintf(stderr, "mqspec replay: --timeout takes seconds from 0.01 to 3600, not '%s'\n", text);
        return false;
    }
    options->replay.timeout = (microseconds)(seconds * (double)MICROSECONDS_PER_SECOND);
    return true;
}

/* Behind it stands any filter: + and # have to be whole levels. */
static bool parse_topic_prefix(const char *text, struct options *options) {
    size_t length = strlen(text);
    options->names.topic_prefix = text;
    if (length > 0 && length < MQTT_MAXIMUM_STRING && text[length - 1] == '/' && text[0] != '$' &&
        mqtt_topic_name_valid(mqtt_text(text)) && mqtt_check_text(mqtt_text(text), NULL) == MQTT_TEXT_FINE)
        return true;
    fprintf(stderr, "mqspec replay: --topic-prefix takes levels of a topic with / at the end, as lab/, not '%s'\n",
            text);
    return false;
}

enum option_number {
    OPTION_TARGET = 256,
    OPTION_SPEED,
    OPTION_TIMEOUT,
    OPTION_PREFIX,
    OPTION_TOPIC_PREFIX,
    OPTION_CA,
    OPTION_INSECURE,
    OPTION_CERT,
    OPTION_KEY,
    OPTION_KEYS,
    OPTION_WS_PATH,
};

static const struct option known[] = {
    {"target", required_argument, NULL, OPTION_TARGET},
    {"speed", required_argument, NULL, OPTION_SPEED},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"prefix", required_argument, NULL, OPTION_PREFIX},
    {"topic-prefix", required_argument, NULL, OPTION_TOPIC_PREFIX},
    {"ca", required_argument, NULL, OPTION_CA},
    {"insecure", no_argument, NULL, OPTION_INSECURE},
    {"cert", required_argument, NULL, OPTION_CERT},
    {"key", required_argument, NULL, OPTION_KEY},
    {"keys", required_argument, NULL, OPTION_KEYS},
    {"ws-path", required_argument, NULL, OPTION_WS_PATH},
    {"help", no_argument, NULL, 'h'},
    {0},
};

/* Where the text of an option goes that is taken as it is; NULL for other options. */
static const char **text_of(int option, struct options *options) {
    switch (option) {
    case OPTION_TARGET:
        return &options->target.text;
    case OPTION_PREFIX:
        return &options->names.client_prefix;
    case OPTION_CA:
        return &options->target.authorities;
    case OPTION_CERT:
        return &options->target.certificate;
    case OPTION_KEY:
        return &options->target.key;
    case OPTION_KEYS:
        return &options->keys;
    case OPTION_WS_PATH:
        return &options->target.path;
    default:
        return NULL;
    }
}

static bool parse_option(int option, char **arguments, struct options *options) {
    const char **text = text_of(option, options);
    if (text != NULL) {
        *text = optarg;
        return true;
    }
    switch (option) {
    case 'h':
        options->help = true;
        return true;
    case OPTION_INSECURE:
        options->target.insecure = true;
        return true;
    case OPTION_SPEED:
        return parse_speed(optarg, options);
    case OPTION_TIMEOUT:
        return parse_timeout(optarg, options);
    case OPTION_TOPIC_PREFIX:
        return parse_topic_prefix(optarg, options);
    default:
        show_option_error("replay", option, arguments);
        return false;
    }
}

static const char *find_contradiction(const struct place *target) {
    if (!transport_has_tls(target->parsed.kind) && place_wants_tls(target))
        return "--ca, --insecure and --cert are for a target with TLS; give --target mqtts://HOST:PORT";
    if (!transport_has_websocket(target->parsed.kind) && target->path != NULL)
        return "--ws-path is for a target with WebSocket; give --target ws://HOST:PORT";
    if (target->authorities != NULL && target->insecure)
        return "--ca and --insecure contradict each other; leave one out";
    return NULL;
}

static bool parse(int count, char **arguments, struct options *options) {
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(count, arguments, ":h", known, NULL)) != -1)
        if (!parse_option(option, arguments, options))
            return false;
    if (options->help)
        return true;
    if (optind != count - 1 || options->target.text == NULL) {
        fprintf(stderr, "mqspec replay: give one capture file and --target HOST:PORT\n%s", usage);
        return false;
    }
    options->file = arguments[optind];
    if (!place_parse(&options->target, "replay", "--target"))
        return false;
    const char *contradiction = find_contradiction(&options->target);
    if (contradiction != NULL)
        fprintf(stderr, "mqspec replay: %s\n", contradiction);
    return contradiction == NULL;
}

/* ---- The outcome ----------------------------------------------------------------------------------------- */

static void show_step(const struct recording *recording, char mark, const struct step *step) {
    const struct recorded_connection *connection = recording->connections[step->connection];
    char text[SHOW_PACKET_CAPACITY] = "closed the connection";
    if (step->kind != STEP_CLOSED && step->decoded)
        show_packet(connection->version, &step->packet, text, sizeof text);
    else if (step->kind == STEP_SEND)
        snprintf(text, sizeof text, "%u bytes that are no packet", (unsigned)step->length);
    printf("%c #%-5llu c%-3zu %-16s %s\n", mark, (unsigned long long)step->frame, connection->number,
           connection->client, text);
}

/* What the recorded broker did and this one did not, or did otherwise. Returns how often. */
static size_t show_missed(const struct recording *recording) {
    size_t count = 0;
    for (size_t i = 0; i < recording->step_count; i++) {
        const struct step *step = &recording->steps[i];
        bool missed = step->state == STEP_MISSED && !(step->kind == STEP_CLOSED && step->after_goodbye);
        if (!missed && step->instead == NULL)
            continue;
        count++;
        show_step(recording, missed ? '-' : '~', step);
        if (!missed)
            printf("  %29s %s\n", "the target sent:", step->instead);
    }
    return count;
}

/* What of the clients was not sent, for what it stands on did not come. */
static void show_skipped(const struct recording *recording) {
    for (size_t i = 0; i < recording->step_count; i++)
        if (recording->steps[i].kind == STEP_SEND && recording->steps[i].state == STEP_SKIPPED)
            show_step(recording, '!', &recording->steps[i]);
}

static void show_extras(const struct recording *recording, const struct replay_result *result) {
    for (size_t i = 0; i < result->extra_count; i++) {
        const struct recorded_connection *connection = recording->connections[result->extras[i].connection];
        printf("+ %6s c%-3zu %-16s %s\n", "", connection->number, connection->client, result->extras[i].text);
    }
    if (result->extras_untold > 0)
        printf("+ and %zu more\n", result->extras_untold);
}

/* Lines that begin with - are answers that only the recorded broker gave, + only this one, ~ other ones; those with !
 * packets of clients that were not sent. */
static int show_outcome(const struct recording *recording, const struct replay_result *result) {
    size_t extras = result->extra_count + result->extras_untold;
    size_t missed = show_missed(recording);
    show_extras(recording, result);
    show_skipped(recording);
    printf("played %zu packets of clients on %zu connections in %.3f s: ", result->sent, recording->connection_count,
           show_seconds(0, result->duration));
    if (missed + extras + result->skipped == 0 && !result->gave_up) {
        puts("the target answered as recorded");
        return EXIT_HELD;
    }
    printf("%zu recorded answers did not come or differ, %zu came that were not recorded, %zu packets were not sent\n",
           missed, extras, result->skipped);
    if (result->gave_up)
        puts("gave up: too many answers were waited for in vain; the rest of the capture was not played");
    return EXIT_BREACH;
}

/* ---- The command ----------------------------------------------------------------------------------------- */

/* Says what of the capture is not played. False where that is all. */
static bool check_recording(const struct recording *recording, const char *file) {
    if (recording->connection_count + recording->joined == 0) {
        fprintf(stderr, "mqspec replay: %s: no MQTT conversation found (%zu other TCP connections)\n", file,
                recording->others);
        return false;
    }
    if (recording->joined > 0)
        fprintf(stderr, "mqspec replay: %s: %zu connections begin before the capture and are not played\n", file,
                recording->joined);
    if (recording->gaps > 0)
        fprintf(stderr, "mqspec replay: %s: bytes of clients are missing in %zu places and are not played\n", file,
                recording->gaps);
    return recording->connection_count > 0;
}

static void show_plan(const struct recording *recording, const struct options *options) {
    const struct step *steps = recording->steps;
    double seconds = show_seconds(steps[0].time, steps[recording->step_count - 1].time);
    if (options->replay.speed > 0 && seconds / options->replay.speed >= 10)
        fprintf(stderr, "mqspec replay: this takes %.0f s; --speed max leaves out the pauses\n",
                seconds / options->replay.speed);
}

static int play(struct recording *recording, struct options *options) {
    struct replay_result result;
    char reason[256] = "";
    show_plan(recording, options);
    /* A broker that closes must show as a failed write, not end the program. */
    signal(SIGPIPE, SIG_IGN);
    int status = EXIT_USAGE;
    switch (replay_play(recording, &options->replay, &result, reason, sizeof reason)) {
    case REPLAY_PLAYED:
        status = show_outcome(recording, &result);
        break;
    case REPLAY_UNREACHABLE:
        fprintf(stderr, "mqspec replay: %s cannot be reached: %s\n", options->target.text, reason);
        status = EXIT_UNREACHABLE;
        break;
    case REPLAY_FAILED:
        fprintf(stderr, "mqspec replay: %s\n", reason);
        break;
    }
    replay_result_free(&result);
    return status;
}

/* The exit status. */
static int find_and_play(struct recording *recording, struct options *options) {
    struct place *target = &options->target;
    if (!place_find(target, "replay"))
        return EXIT_UNREACHABLE;
    if (!place_secure(target, "replay"))
        return EXIT_USAGE;
    options->replay.addresses = target->addresses;
    options->replay.transport = &target->transport;
    return play(recording, options);
}

static int replay(struct options *options) {
    struct recording recording;
    char reason[512] = "";
    int status = EXIT_USAGE;
    if (options->help) {
        fputs(usage, stdout);
        return EXIT_HELD;
    }
    const struct capture_source source = {.path = options->file, .keys = options->keys};
    bool whole = recording_read(&recording, &source, &options->names, reason, sizeof reason);
    tls_show_troubles("replay", options->file, &recording.tls);
    if (!whole)
        fprintf(stderr, "mqspec replay: %s: %s\n", options->file, reason);
    else if (check_recording(&recording, options->file))
        status = find_and_play(&recording, options);
    recording_free(&recording);
    return status;
}

int command_replay(int count, char **arguments) {
    struct options options = {.target.side = MQTT_CLIENT,
                              .replay = {.speed = 1, .timeout = 5 * MICROSECONDS_PER_SECOND}};
    int status = parse(count, arguments, &options) ? replay(&options) : EXIT_USAGE;
    place_release(&options.target);
    return show_finish("replay") ? status : EXIT_USAGE;
}
