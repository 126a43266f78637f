/* mqspec decode: the packets of a capture, or of bytes given by hand, one a line. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "pcaps/capture_live.h"
#include "pcaps/decode.h"
#include "pcaps/show.h"

static const char usage[] = "usage: mqspec decode FILE.pcap... [--keys FILE] [-v|--json] [FILTER...]\n"
                            "       mqspec decode -i INTERFACE [--keys FILE] [-v|--json] [FILTER...]\n"
                            "       mqspec decode --hex BYTES [--from client|server] [-V 3.1|3.1.1|5.0] [-v|--json]\n"
                            "  -v, --verbose  each field and the bytes of a packet on lines of their own\n"
                            "  --keys FILE    the key log (SSLKEYLOGFILE) to read TLS 1.2 and 1.3 with;\n"
                            "                 else NAME.keys beside NAME.pcap, where it is\n"
                            "  --from SIDE    who sent the bytes; else the packets tell\n"
                            "  -V VERSION     of the bytes; else a CONNECT among them tells, and without it 3.1.1\n"
                            "Filters; packets are shown that meet all that are given:\n"
                            "  --client NAME     of this Client Identifier; NAME may hold * and ? as in a shell\n"
                            "  --topic FILTER    of this topic, which may hold + and #: messages, Will Messages,\n"
                            "                    subscriptions\n"
                            "  --type TYPE,...   of these types: CONNECT, PUBLISH, ...\n"
                            "  --from-time TIME  not before; TIME is in seconds as the first column shows them, or\n"
                            "  --to-time TIME    not behind; a time of UTC as in 2026-03-01T12:00:00Z\n" LIVE_USAGE
                            "FILE may be - for standard input. Exit status: 0 all bytes are packets, 1 some are not,\n"
                            "2 a file cannot be read or holds no MQTT.\n";

struct options {
    enum decode_form form;
    bool help;
    const char *hex;
    const char *keys;
    int from; /* of enum mqtt_side; -1: the packets tell */
    enum mqtt_version version;
    struct decode_filter filter;
    struct capture_live live;
    char **files;
    int file_count;
};

static bool parse_version(const char *text, enum mqtt_version *version) {
    static const enum mqtt_version versions[] = {MQTT_3_1, MQTT_3_1_1, MQTT_5_0};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (strcmp(text, mqtt_version_name(versions[i])) != 0)
            continue;
        *version = versions[i];
        return true;
    }
    fprintf(stderr, "mqspec decode: there is no MQTT version '%s'; give 3.1, 3.1.1 or 5.0\n", text);
    return false;
}

static bool parse_side(const char *text, int *side) {
    for (int candidate = MQTT_CLIENT; candidate <= MQTT_SERVER; candidate++) {
        if (strcmp(text, show_side((enum mqtt_side)candidate)) != 0)
            continue;
        *side = candidate;
        return true;
    }
    fprintf(stderr, "mqspec decode: --from takes client or server, not '%s'\n", text);
    return false;
}

static bool parse_option(int option, char **arguments, struct options *options) {
    bool wrong;
    if (live_option(&options->live, "decode", option, optarg, &wrong))
        return !wrong;
    switch (option) {
    case 'h':
        options->help = true;
        return true;
    case 'j':
        options->form = DECODE_JSON;
        return true;
    case 'v':
        options->form = DECODE_FIELDS;
        return true;
    case 'x':
        options->hex = optarg;
        return true;
    case 'k':
        options->keys = optarg;
        return true;
    case 'f':
        return parse_side(optarg, &options->from);
    case 'c':
        options->filter.client = optarg;
        return true;
    case 't':
        return decode_filter_topic(&options->filter, optarg);
    case 'T':
        return decode_filter_types(&options->filter, optarg);
    case 'F':
        return decode_filter_time(&options->filter.from, "from-time", optarg);
    case 'U':
        return decode_filter_time(&options->filter.to, "to-time", optarg);
    case 'V':
        return parse_version(optarg, &options->version);
    default:
        show_option_error("decode", option, arguments);
        return false;
    }
}

static bool parse(int count, char **arguments, struct options *options) {
    static const struct option known[] = {
        {"keys", required_argument, NULL, 'k'},
        {"json", no_argument, NULL, 'j'},
        {"verbose", no_argument, NULL, 'v'},
        {"hex", required_argument, NULL, 'x'},
        {"from", required_argument, NULL, 'f'},
        {"client", required_argument, NULL, 'c'},
        {"topic", required_argument, NULL, 't'},
        {"type", required_argument, NULL, 'T'},
        {"from-time", required_argument, NULL, 'F'},
        {"to-time", required_argument, NULL, 'U'},
        LIVE_OPTIONS,
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    *options = (struct options){.from = -1};
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(count, arguments, ":V:vh" LIVE_SHORT_OPTIONS, known, NULL)) != -1)
        if (!parse_option(option, arguments, options))
            return false;
    options->files = arguments + optind;
    options->file_count = count - optind;
    if (!options->help && !live_options_fit(&options->live, "decode", options->file_count))
        return false;
    bool captured = options->file_count > 0 || options->live.interface != NULL;
    if (!options->help && (options->hex != NULL) == captured) {
        fprintf(stderr, "mqspec decode: give either capture files, or -i INTERFACE, or --hex BYTES\n%s", usage);
        return false;
    }
    if (!options->help && options->hex != NULL && decode_filter_is_set(&options->filter)) {
        fprintf(stderr, "mqspec decode: filters are for the packets of a capture; leave them out with --hex\n");
        return false;
    }
    return true;
}

static int digit(char character) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = character != '\0' ? strchr(digits, character) : NULL;
    return at != NULL ? (int)((at - digits) % 16) : -1;
}

/* Reads pairs of digits; blanks, line ends, colons and commas may stand between. Returns the number of bytes, or
 * -1 after saying what is wrong. `bytes` has room for half of strlen(text). */
static long parse_hex(const char *text, uint8_t *bytes) {
    static const char separators[] = " \t\r\n:,";
    long length = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (strchr(separators, *at) != NULL)
            continue;
        int high = digit(at[0]);
        int low = high >= 0 ? digit(at[1]) : -1;
        if (high >= 0 && low < 0 && strchr(separators, at[1]) != NULL) { /* the terminating zero is found too */
            fprintf(stderr, "mqspec decode: the digit at character %ld of --hex has no second one; a byte is two\n",
                    (long)(at - text) + 1);
            return -1;
        }
        if (low < 0) {
            fprintf(stderr, "mqspec decode: character %ld of --hex is no hexadecimal digit\n",
                    (long)(at - text) + (high < 0 ? 1 : 2));
            return -1;
        }
        bytes[length++] = (uint8_t)(high << 4 | low);
        at++;
    }
    return length;
}

/* Bytes that are refused in the version that was assumed may be fine in another one. */
static void hint_at_version(const struct options *options, struct mqtt_bytes bytes) {
    fflush(stdout); /* what was decoded stands before what is wrong */
    if (options->version == MQTT_VERSION_UNKNOWN && decode_reads(bytes, options->from, MQTT_5_0))
        fprintf(stderr, "mqspec decode: read as MQTT 3.1.1; as MQTT 5.0 all of it can be read: give -V 5.0\n");
}

static int decode_hex(const struct options *options) {
    uint8_t *bytes = malloc(strlen(options->hex) / 2 + 1);
    if (bytes == NULL) {
        fprintf(stderr, "mqspec decode: no memory\n");
        return EXIT_USAGE;
    }
    long length = parse_hex(options->hex, bytes);
    int status = EXIT_USAGE;
    if (length == 0)
        fprintf(stderr, "mqspec decode: --hex holds no bytes\n");
    if (length > 0) {
        struct decode_totals totals;
        struct mqtt_bytes given = {bytes, (uint32_t)length};
        decode_bytes(given, options->from, options->version, options->form, &totals);
        status = totals.refused > 0 ? EXIT_BREACH : EXIT_HELD;
        if (totals.refused > 0)
            hint_at_version(options, given);
    }
    free(bytes);
    return status;
}

/* The capture is `live` where that is not NULL. */
static int decode_file(const char *path, struct capture_live *live, const struct options *options) {
    struct decode_totals totals = {0};
    char reason[512] = "";
    const struct capture_source source = {.path = path, .live = live, .keys = options->keys};
    bool whole = decode_capture(&source, options->form, &options->filter, &totals, reason, sizeof reason);
    fflush(stdout); /* what was decoded stands before what is wrong */
    tls_show_troubles("decode", path, &totals.tls);
    if (!whole) {
        fprintf(stderr, "mqspec decode: %s: %s\n", path, reason);
        return EXIT_USAGE;
    }
    if (totals.conversations == 0) {
        fprintf(stderr, "mqspec decode: %s: no MQTT conversation found (%zu other TCP connections)\n", path,
                totals.others);
        return EXIT_USAGE;
    }
    if (totals.shown + totals.refused == 0 && decode_filter_is_set(&options->filter))
        fprintf(stderr, "mqspec decode: %s: none of its %zu packets meets all filters\n", path, totals.packets);
    return totals.refused > 0 ? EXIT_BREACH : EXIT_HELD;
}

int command_decode(int count, char **arguments) {
    struct options options;
    if (!parse(count, arguments, &options))
        return EXIT_USAGE;
    if (options.help)
        fputs(usage, stdout);
    int status = options.hex != NULL && !options.help ? decode_hex(&options) : EXIT_HELD;
    if (options.live.interface != NULL && !options.help) {
        status = decode_file(options.live.interface, &options.live, &options);
        live_tell_dropped(&options.live, "decode");
    }
    for (int i = 0; i < options.file_count && !options.help; i++) {
        int of_file = decode_file(options.files[i], NULL, &options);
        if (of_file > status)
            status = of_file;
    }
    return show_finish("decode") ? status : EXIT_USAGE;
}
