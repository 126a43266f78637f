/* mqspec proxy: between live clients and a broker, judging what passes and making faults on request. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "pcaps/proxy.h"
#include "pcaps/show.h"

static const char usage[] =
    "usage: mqspec proxy --listen [ADDRESS:]PORT --target HOST:PORT [OPTION...]\n"
    "Passes bytes on unchanged, shows and judges each packet, and sums up when it is ended by SIGINT or SIGTERM.\n"
    "  --listen PLACE        where clients connect; without an address, on this machine alone; port 0: any that is\n"
    "                        free. PLACE may be mqtts://, ws:// or wss://ADDRESS:PORT\n"
    "  --target PLACE        the broker; PLACE may be mqtts://, ws:// or wss://HOST:PORT\n"
    "  --pcap FILE           a capture of what passes, in plain, for Wireshark and for mqspec lint, decode, replay\n"
    "  --json                one object a line\n"
    "  --quiet               breaches alone\n"
    "  --fault FAULT         see below; may be repeated\n"
    "  --seed N              of what goes by chance (the time)\n"
    "  --port-file FILE      receives the port that it listens on, once it does\n"
    "  --cert FILE --key FILE                  what TLS shows to clients; the key may be in the certificate's file\n"
    "  --target-ca FILE, --target-insecure     who certifies the target; or its certificate is not looked at\n"
    "  --target-cert FILE --target-key FILE    a certificate to show to the target\n"
    "  --ws-path PATH        what the WebSocket handshake asks the target for (/mqtt)\n"
    "\n";

static const char status_usage[] =
    "\n"
    "With faults, a capture has two connections for each client: to the port of --listen what the client sent and\n"
    "received, to that of --target what the broker did. Faults count as no breach of either.\n"
    "Exit status: 0 no breach was seen, 1 some were, 2 wrong usage or unwritable output, 3 it cannot listen.\n";

enum option_number {
    OPTION_LISTEN = 256,
    OPTION_TARGET,
    OPTION_PCAP,
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_FAULT,
    OPTION_SEED,
    OPTION_PORT_FILE,
    OPTION_CERT,
    OPTION_KEY,
    OPTION_TARGET_CA,
    OPTION_TARGET_INSECURE,
    OPTION_TARGET_CERT,
    OPTION_TARGET_KEY,
    OPTION_WS_PATH,
};

static const struct option known[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"target", required_argument, NULL, OPTION_TARGET},
    {"pcap", required_argument, NULL, OPTION_PCAP},
    {"json", no_argument, NULL, OPTION_JSON},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"fault", required_argument, NULL, OPTION_FAULT},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"port-file", required_argument, NULL, OPTION_PORT_FILE},
    {"cert", required_argument, NULL, OPTION_CERT},
    {"key", required_argument, NULL, OPTION_KEY},
    {"target-ca", required_argument, NULL, OPTION_TARGET_CA},
    {"target-insecure", no_argument, NULL, OPTION_TARGET_INSECURE},
    {"target-cert", required_argument, NULL, OPTION_TARGET_CERT},
    {"target-key", required_argument, NULL, OPTION_TARGET_KEY},
    {"ws-path", required_argument, NULL, OPTION_WS_PATH},
    {"help", no_argument, NULL, 'h'},
    {0},
};

struct options {
    struct proxy_settings proxy;
    bool seed_given;
    bool help;
};

/* ---- Options -------------------------------------------------------------------------------------------------------
 */

static bool parse_fault(const char *text, struct options *options) {
    char reason[400];
    if (faults_add(&options->proxy.faults, text, reason, sizeof reason))
        return true;
    fprintf(stderr, "mqspec proxy: the fault '%s': %s; mqspec proxy --help explains faults\n", text, reason);
    return false;
}

static bool parse_seed(const char *text, struct options *options) {
    char *end;
    errno = 0;
    options->proxy.faults.random = strtoull(text, &end, 10);
    options->seed_given = true;
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0)
        return true;
    fprintf(stderr, "mqspec proxy: --seed takes a number from 0 on, not '%s'\n", text);
    return false;
}

/* Where an option's text goes; NULL for the others. */
static const char **text_of(int option, struct options *options) {
    switch (option) {
    case OPTION_LISTEN:
        return &options->proxy.listen.text;
    case OPTION_TARGET:
        return &options->proxy.target.text;
    case OPTION_PCAP:
        return &options->proxy.watch.capture;
    case OPTION_PORT_FILE:
        return &options->proxy.port_file;
    case OPTION_CERT:
        return &options->proxy.listen.certificate;
    case OPTION_KEY:
        return &options->proxy.listen.key;
    case OPTION_TARGET_CA:
        return &options->proxy.target.authorities;
    case OPTION_TARGET_CERT:
        return &options->proxy.target.certificate;
    case OPTION_TARGET_KEY:
        return &options->proxy.target.key;
    case OPTION_WS_PATH:
        return &options->proxy.target.path;
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
    case OPTION_JSON:
        options->proxy.watch.json = true;
        return true;
    case OPTION_QUIET:
        options->proxy.watch.quiet = true;
        return true;
    case OPTION_TARGET_INSECURE:
        options->proxy.target.insecure = true;
        return true;
    case OPTION_FAULT:
        return parse_fault(optarg, options);
    case OPTION_SEED:
        return parse_seed(optarg, options);
    default:
        show_option_error("proxy", option, arguments);
        return false;
    }
}

static const char *find_contradiction(const struct proxy_settings *proxy) {
    bool listens_tls = transport_has_tls(proxy->listen.parsed.kind);
    bool target_tls = transport_has_tls(proxy->target.parsed.kind);
    if (listens_tls && proxy->listen.certificate == NULL)
        return "mqtts and wss need a certificate to show to clients; give --cert FILE and --key FILE";
    if (!listens_tls && place_wants_tls(&proxy->listen))
        return "--cert and --key are for clients over TLS; give --listen mqtts://127.0.0.1:8883 or the like";
    if (!target_tls && place_wants_tls(&proxy->target))
        return "--target-ca, --target-insecure and --target-cert are for a target with TLS; give --target "
               "mqtts://HOST:PORT";
    if (proxy->target.authorities != NULL && proxy->target.insecure)
        return "--target-ca and --target-insecure contradict each other; leave one out";
    if (proxy->watch.capture != NULL && strcmp(proxy->watch.capture, "-") == 0)
        return "standard output has the packets; give --pcap a file";
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
    if (optind < count || options->proxy.listen.text == NULL || options->proxy.target.text == NULL) {
        fprintf(stderr, "mqspec proxy: give --listen [ADDRESS:]PORT and --target HOST:PORT%s%s\n",
                optind < count ? ", and not " : "", optind < count ? arguments[optind] : "");
        return false;
    }
    if (!place_parse(&options->proxy.listen, "proxy", "--listen") ||
        !place_parse(&options->proxy.target, "proxy", "--target"))
        return false;
    const char *contradiction = find_contradiction(&options->proxy);
    if (contradiction != NULL)
        fprintf(stderr, "mqspec proxy: %s\n", contradiction);
    return contradiction == NULL;
}

/* ---- Running -------------------------------------------------------------------------------------------------------
 */

static void choose_seed(struct options *options) {
    struct timespec time;
    if (options->seed_given || !faults_depend_on_seed(&options->proxy.faults))
        return;
    clock_gettime(CLOCK_REALTIME, &time);
    options->proxy.faults.random = (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
    fprintf(stderr, "mqspec proxy: --seed %llu\n", (unsigned long long)options->proxy.faults.random);
}

static int run(struct options *options) {
    static const int statuses[] = {
        [PROXY_ENDED] = EXIT_HELD, [PROXY_NO_LISTEN] = EXIT_UNREACHABLE, [PROXY_FAILED] = EXIT_USAGE};
    struct proxy_settings *proxy = &options->proxy;
    size_t breaches = 0;
    proxy->watch.file = stdout;
    choose_seed(options);
    /* Whoever reads the output may leave: that shows as a failed write. */
    signal(SIGPIPE, SIG_IGN);
    enum proxy_result result = proxy_run(proxy, &breaches);
    return result == PROXY_ENDED && breaches > 0 ? EXIT_BREACH : statuses[result];
}

static int find_and_run(struct options *options) {
    struct proxy_settings *proxy = &options->proxy;
    int status = EXIT_UNREACHABLE;
    if (place_find(&proxy->listen, "proxy") && place_find(&proxy->target, "proxy"))
        status =
            place_secure(&proxy->listen, "proxy") && place_secure(&proxy->target, "proxy") ? run(options) : EXIT_USAGE;
    place_release(&proxy->listen);
    place_release(&proxy->target);
    return status;
}

int command_proxy(int count, char **arguments) {
    struct options options = {.proxy = {.listen.side = MQTT_SERVER, .target.side = MQTT_CLIENT}};
    int status = parse(count, arguments, &options) ? EXIT_HELD : EXIT_USAGE;
    if (status == EXIT_HELD && options.help) {
        fputs(usage, stdout);
        faults_explain(stdout);
        fputs(status_usage, stdout);
    } else if (status == EXIT_HELD) {
        status = find_and_run(&options);
    }
    return show_finish("proxy") ? status : EXIT_USAGE;
}
