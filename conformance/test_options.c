#include "conformance/test_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/scenario.h"
#include "reference/transport.h"

#define DEFAULT_TIMEOUT 5.0
#define MAXIMUM_TIMEOUT 600.0
#define DEFAULT_AT_ONCE 96u
#define MAXIMUM_AT_ONCE 1000u

const char test_options_help[] =
    "usage: mqspec test [OPTION...] [PATTERN...]\n"
    "\n"
    "Plays the conformance scenarios that a PATTERN names, by scenario name or statement id with shell\n"
    "wildcards, or all of them, and says which statements the target breaks.\n"
    "\n"
    "What is tested (without any of these, the built-in reference broker):\n"
    "  --target HOST:PORT         a broker that runs already; IPv6 as [::1]:1883\n"
    "  --run 'CMD with {port}'    a broker that is started for this, and ended afterwards\n"
    "  --deviate ID               the built-in broker breaks this statement; may be repeated\n"
    "  --every-transport          the built-in broker, over TCP, and what is not generated from tables of packets\n"
    "                             also over TLS, over WebSocket, and over both\n"
    "  --virtual                  the built-in broker, in virtual time without sockets\n"
    "  --mutants                  plays the suite once for each statement that can be switched off, and\n"
    "                             says which scenarios notice\n"
    "How:\n"
    "  --tls  --ws                over TLS, over WebSocket, or both; TCP without them\n"
    "  --ca FILE                  who certifies the target (those whom this system trusts)\n"
    "  --insecure                 the target's certificate is not looked at\n"
    "  --cert FILE --key FILE     a certificate to show; the key may be in its file\n"
    "  --ws-path PATH             what the WebSocket handshake asks for (/mqtt)\n"
    "  -V 3.1|3.1.1|5.0           only in this version of MQTT\n"
    "  --timeout S                seconds that one step may take (5)\n"
    "  --seed N                   what the names of topics and clients are made from (the time)\n"
    "  --at-once N                scenarios that play at one time (96)\n"
    "  --user NAME --password PASSWORD\n"
    "                             for SCRAM-SHA-256, where scenarios use it (mqspec, mqspec)\n"
    "  --strict                   a SHOULD that is not followed is a fail\n"
    "  --expected-failures FILE   scenarios that may fail, one a line: NAME or NAME VERSION; # begins a comment\n"
    "What is written (FILE - is standard output):\n"
    "  --list                     the names of the scenarios; nothing is played\n"
    "  --tap                      TAP on standard output in place of the text\n"
    "  --junit FILE  --json FILE  --html FILE\n"
    "  --pcap FILE                everything that was sent and received, as a capture\n"
    "  --key-log FILE             the secrets of TLS connections, as SSLKEYLOGFILE takes them; added to FILE\n"
    "  -v, --verbose              also each scenario that passes\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all held; 1 a statement is broken; 2 wrong usage; 3 the target could not be reached or started.\n";

enum option_number {
    OPTION_TARGET = 256,
    OPTION_RUN,
    OPTION_DEVIATE,
    OPTION_TLS,
    OPTION_WS,
    OPTION_EVERY_TRANSPORT,
    OPTION_CA,
    OPTION_INSECURE,
    OPTION_CERT,
    OPTION_KEY,
    OPTION_WS_PATH,
    OPTION_KEY_LOG,
    OPTION_VIRTUAL,
    OPTION_MUTANTS,
    OPTION_TIMEOUT,
    OPTION_SEED,
    OPTION_AT_ONCE,
    OPTION_USER,
    OPTION_PASSWORD,
    OPTION_STRICT,
    OPTION_EXPECTED_FAILURES,
    OPTION_LIST,
    OPTION_TAP,
    OPTION_JUNIT,
    OPTION_JSON,
    OPTION_HTML,
    OPTION_PCAP,
};

static const struct option long_options[] = {
    {"target", required_argument, NULL, OPTION_TARGET},
    {"run", required_argument, NULL, OPTION_RUN},
    {"deviate", required_argument, NULL, OPTION_DEVIATE},
    {"tls", no_argument, NULL, OPTION_TLS},
    {"ws", no_argument, NULL, OPTION_WS},
    {"every-transport", no_argument, NULL, OPTION_EVERY_TRANSPORT},
    {"ca", required_argument, NULL, OPTION_CA},
    {"insecure", no_argument, NULL, OPTION_INSECURE},
    {"cert", required_argument, NULL, OPTION_CERT},
    {"key", required_argument, NULL, OPTION_KEY},
    {"ws-path", required_argument, NULL, OPTION_WS_PATH},
    {"key-log", required_argument, NULL, OPTION_KEY_LOG},
    {"virtual", no_argument, NULL, OPTION_VIRTUAL},
    {"mutants", no_argument, NULL, OPTION_MUTANTS},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"at-once", required_argument, NULL, OPTION_AT_ONCE},
    {"user", required_argument, NULL, OPTION_USER},
    {"password", required_argument, NULL, OPTION_PASSWORD},
    {"strict", no_argument, NULL, OPTION_STRICT},
    {"expected-failures", required_argument, NULL, OPTION_EXPECTED_FAILURES},
    {"list", no_argument, NULL, OPTION_LIST},
    {"tap", no_argument, NULL, OPTION_TAP},
    {"junit", required_argument, NULL, OPTION_JUNIT},
    {"json", required_argument, NULL, OPTION_JSON},
    {"html", required_argument, NULL, OPTION_HTML},
    {"pcap", required_argument, NULL, OPTION_PCAP},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool refuse(const char *text, const char *what) {
    fprintf(stderr, "mqspec test: '%s' %s\n", text, what);
    return false;
}

/* ---- Arguments ------------------------------------------------------------------------------------------------- */

static bool parse_version(struct test_options *options, const char *text) {
    static const struct {
        const char *name;
        unsigned version;
    } versions[] = {{"3.1", IN_3_1}, {"3.1.1", IN_3_1_1}, {"5.0", IN_5_0}};
    for (size_t i = 0; i < COUNT_OF(versions); i++)
        if (strcmp(text, versions[i].name) == 0) {
            options->versions = versions[i].version;
            return true;
        }
    return refuse(text, "is no version of MQTT; -V takes 3.1, 3.1.1 or 5.0");
}

static bool parse_timeout(struct test_options *options, const char *text) {
    char *end;
    errno = 0;
    double seconds = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(seconds >= 0.01 && seconds <= MAXIMUM_TIMEOUT))
        return refuse(text, "is no timeout; --timeout takes seconds, 0.01 to 600");
    options->timeout = (microseconds)(seconds * (double)MICROSECONDS_PER_SECOND);
    return true;
}

static bool parse_number(const char *text, uint64_t maximum, uint64_t *number) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value > maximum)
        return false;
    *number = value;
    return true;
}

static bool parse_seed(struct test_options *options, const char *text) {
    options->seeded = true;
    return parse_number(text, UINT64_MAX, &options->seed) || refuse(text, "is no seed; --seed takes a number");
}

static bool parse_at_once(struct test_options *options, const char *text) {
    uint64_t number = 0;
    if (!parse_number(text, MAXIMUM_AT_ONCE, &number) || number == 0)
        return refuse(text, "is not possible; --at-once takes a number from 1 to 1000");
    options->at_once = (unsigned)number;
    options->at_once_given = true;
    return true;
}

/* An id that names one statement that can be switched off. */
static bool parse_deviation(struct test_options *options, const char *text) {
    enum spec_statement found[SPEC_VERSION_COUNT];
    size_t count = spec_find(text, found);
    enum spec_statement chosen = SPEC_NONE;
    for (size_t i = 0; i < count; i++)
        if (spec_can_deviate(spec_row(found[i])) && chosen == SPEC_NONE)
            chosen = found[i];
    if (count == 0)
        return refuse(text, "names no statement; 'mqspec spec --list' lists them");
    if (chosen == SPEC_NONE)
        return refuse(text, "cannot be switched off; 'mqspec broker --list-deviations' lists what can");
    if (options->off_count == MAXIMUM_DEVIATIONS)
        return refuse(text, "is one deviation too many");
    options->off[options->off_count++] = chosen;
    return true;
}

/* It becomes part of a line of HTTP. */
static bool parse_path(struct test_options *options, const char *text) {
    if (text[0] != '/')
        return refuse(text, "does not begin with /; --ws-path takes a path such as /mqtt");
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return refuse(text, "has characters that no path has; --ws-path takes it as it stands in a URL");
    options->websocket_path = text;
    return true;
}

/* Options without a value. */
static bool set_flag(struct test_options *options, int option) {
    bool *flag = option == OPTION_VIRTUAL           ? &options->in_virtual_time
                 : option == OPTION_TLS             ? &options->tls
                 : option == OPTION_WS              ? &options->websocket
                 : option == OPTION_EVERY_TRANSPORT ? &options->every_transport
                 : option == OPTION_INSECURE        ? &options->insecure
                 : option == OPTION_MUTANTS         ? &options->mutants
                 : option == OPTION_STRICT          ? &options->strict
                 : option == OPTION_LIST            ? &options->list
                 : option == OPTION_TAP             ? &options->tap
                 : option == 'v'                    ? &options->verbose
                                                    : &options->help;
    *flag = true;
    return true;
}

static bool take_option(struct test_options *options, int option, const char *argument) {
    switch (option) {
    case 'V':
        return parse_version(options, argument);
    case OPTION_TIMEOUT:
        return parse_timeout(options, argument);
    case OPTION_SEED:
        return parse_seed(options, argument);
    case OPTION_AT_ONCE:
        return parse_at_once(options, argument);
    case OPTION_DEVIATE:
        return parse_deviation(options, argument);
    case OPTION_TARGET:
        options->target = argument;
        return true;
    case OPTION_RUN:
        options->run = argument;
        return true;
    case OPTION_EXPECTED_FAILURES:
        options->expected_failures = argument;
        return true;
    case OPTION_USER:
        options->user = argument;
        return true;
    case OPTION_PASSWORD:
        options->password = argument;
        return true;
    case OPTION_PCAP:
        options->pcap = argument;
        return true;
    case OPTION_CA:
        options->authorities = argument;
        return true;
    case OPTION_CERT:
        options->certificate = argument;
        return true;
    case OPTION_KEY:
        options->key = argument;
        return true;
    case OPTION_KEY_LOG:
        options->key_log = argument;
        return true;
    case OPTION_WS_PATH:
        return parse_path(options, argument);
    case OPTION_JUNIT:
    case OPTION_JSON:
    case OPTION_HTML:
        options->documents[option - OPTION_JUNIT] = argument;
        return true;
    }
    return set_flag(options, option);
}

/* ---- Options that do not go together --------------------------------------------------------------------------- */

static bool check_together(const struct test_options *options) {
    bool other = options->target != NULL || options->run != NULL;
    const char *what = NULL;
    unsigned to_standard_output = options->tap;
    for (int i = 0; i < DOCUMENT_COUNT; i++)
        to_standard_output += options->documents[i] != NULL && strcmp(options->documents[i], "-") == 0;
    if (options->target != NULL && options->run != NULL)
        what = "--target and --run exclude each other: a broker runs already or is started";
    else if (other && options->off_count > 0)
        what = "--deviate is for the built-in broker; leave out --target and --run";
    else if (other && (options->in_virtual_time || options->mutants))
        what = "--virtual and --mutants are for the built-in broker; leave out --target and --run";
    else if (other && options->every_transport)
        what = "--every-transport is for the built-in broker; a target has one at a port: --tls, --ws or both";
    else if ((options->tls || options->websocket || options->every_transport) &&
             (options->in_virtual_time || options->mutants))
        what = "--virtual and --mutants need no transport; leave out --tls, --ws and --every-transport";
    else if (!options->tls && (options->authorities != NULL || options->insecure || options->certificate != NULL))
        what = "--ca, --insecure and --cert are for a target with TLS; add --tls";
    else if (!other && (options->authorities != NULL || options->certificate != NULL))
        what = "--ca and --cert are for other brokers; the built-in one has a certificate of its own";
    else if (options->key != NULL && options->certificate == NULL)
        what = "--key needs --cert";
    else if (options->mutants && options->off_count > 0)
        what = "--mutants tries each deviation by itself; leave out --deviate";
    else if (options->mutants && options->pattern_count > 0)
        what = "--mutants plays the whole suite; leave out the patterns";
    else if (to_standard_output > 1)
        what = "only one document can go to standard output";
    if (what != NULL)
        fprintf(stderr, "mqspec test: %s\n", what);
    return what == NULL;
}

static unsigned transports_of(const struct test_options *options) {
    static const enum transport_kind kinds[2][2] = {{TRANSPORT_TCP, TRANSPORT_WS}, {TRANSPORT_TLS, TRANSPORT_WSS}};
    if (options->in_virtual_time || options->mutants || options->list)
        return 0;
    if (options->every_transport)
        return (1u << TRANSPORT_KINDS) - 1;
    return 1u << kinds[options->tls][options->websocket];
}

/* getopt's complaint: ':' for a missing value, '?' for anything else. */
static bool refuse_option(int complaint, const char *text) {
    char letter[] = {'-', (char)optopt, '\0'};
    if (optopt > 0 && optopt < 128)
        text = letter;
    if (complaint == ':')
        fprintf(stderr, "mqspec test: option '%s' needs a value; 'mqspec test --help' tells which\n", text);
    else
        fprintf(stderr, "mqspec test: there is no option '%s'; 'mqspec test --help' lists them\n", text);
    return false;
}

bool test_options_parse(struct test_options *options, int count, char **arguments) {
    *options = (struct test_options){
        .versions = IN_3_1 | IN_3_1_1 | IN_5_0,
        .timeout = (microseconds)(DEFAULT_TIMEOUT * (double)MICROSECONDS_PER_SECOND),
        .at_once = DEFAULT_AT_ONCE,
        .websocket_path = "/mqtt",
    };
    opterr = 0;
    optind = 1;
    int option;
    while ((option = getopt_long(count, arguments, ":V:vh", long_options, NULL)) != -1) {
        bool taken = option == ':' || option == '?' ? refuse_option(option, arguments[optind - 1])
                                                    : take_option(options, option, optarg);
        if (!taken)
            return false;
    }
    options->patterns = arguments + optind;
    options->pattern_count = (size_t)(count - optind);
    options->transports = transports_of(options);
    if (options->every_transport && !options->at_once_given)
        options->at_once = DEFAULT_AT_ONCE * TRANSPORT_KINDS;
    return check_together(options);
}
