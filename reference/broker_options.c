#include "reference/broker_options.h"

#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/broker_ini.h"
#include "reference/listeners.h"
#include "reference/server.h"

#define DEFAULT_PORT      1883
#define LONGEST_TIMEOUT   86400u
#define SYS_INTERVAL      10
#define LONGEST_REFERENCE 1000u
#define MEBIBYTE          (1u << 20)
#define STORE_SIZE        (UINT64_C(65536) * MEBIBYTE)
#define FIRST_LONG        256 /* above every letter */
#define HELP_COLUMN       26

static const struct {
    const char *heading, *section;
} groups[] = {
    [GROUP_NETWORK] = {"Network", "network"},
    [GROUP_USERS] = {"Users", "users"},
    [GROUP_LIMITS] = {"Limits", "limits"},
    [GROUP_STORAGE] = {"Storage", "storage"},
    [GROUP_LOG] = {"Log", "log"},
    [GROUP_DEVIATIONS] = {"Deviations", "deviations"},
    [GROUP_OTHER] = {"Other", "other"},
};

#define GROUP_COUNT (sizeof groups / sizeof groups[0])

/* ---- Values that are more than a number or a text ----------------------------------------------------------- */

bool refuse_value(const struct option_reading *reading, const char *format, ...) {
    va_list values;
    va_start(values, format);
    fprintf(stderr, "%s: %s%s ", reading->where, reading->dashes, reading->option->name);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    return false;
}

static bool parse_number(const char *text, uint32_t lowest, uint32_t highest, uint32_t *number);

static bool take_port(struct option_reading *reading, const char *value) {
    uint32_t port;
    if (!parse_number(value, 0, UINT16_MAX, &port))
        return refuse_value(reading, "takes a number from 0 to %d, not '%s'", UINT16_MAX, value);
    reading->options->port = (uint16_t)port;
    reading->options->port_given = true;
    return true;
}

static bool take_address(struct option_reading *reading, const char *value) {
    struct broker_options *options = reading->options;
    if (options->address_count == MAXIMUM_ADDRESSES)
        return refuse_value(reading, "can be given at most %d times", MAXIMUM_ADDRESSES);
    options->addresses[options->address_count++] = value;
    return true;
}

static bool take_listener(struct option_reading *reading, const char *value) {
    struct broker_options *options = reading->options;
    const char *reason;
    if (options->listener_count == MAXIMUM_LISTENERS)
        return refuse_value(reading, "can be given at most %d times", MAXIMUM_LISTENERS);
    if (!listener_parse(&options->listeners[options->listener_count], value, &reason))
        return refuse_value(reading, "takes SCHEME://ADDRESS:PORT, not '%s': %s", value, reason);
    options->listener_count++;
    return true;
}

static bool take_demand(struct option_reading *reading, const char *value) {
    static const char *const names[] = {[TLS_NO_CERTIFICATE] = "none",
                                        [TLS_CERTIFICATE_OPTIONAL] = "optional",
                                        [TLS_CERTIFICATE_REQUIRED] = "required"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(value, names[i]) == 0) {
            reading->options->demand = (enum tls_demand)i;
            return true;
        }
    return refuse_value(reading, "takes none, optional or required, not '%s'", value);
}

static bool take_tls_version(struct option_reading *reading, const char *value) {
    bool is_1_3 = strcmp(value, "1.3") == 0;
    if (!is_1_3 && strcmp(value, "1.2") != 0)
        return refuse_value(reading, "takes 1.2 or 1.3, not '%s'", value);
    reading->options->tls_lowest = is_1_3 ? TLS_1_3 : TLS_1_2;
    return true;
}

/* A spelling that fits statements of both versions means the one of MQTT 3.1.1 where that can be broken. */
static bool take_deviation(struct option_reading *reading, const char *value) {
    enum spec_statement found[SPEC_VERSION_COUNT];
    size_t count = spec_find(value, found);
    for (size_t i = 0; i < count; i++)
        if (spec_can_deviate(spec_row(found[i]))) {
            reading->options->off[found[i]] = true;
            return true;
        }
    if (count == 0)
        return refuse_value(reading,
                            "takes ids such as MQTT311:3.1.2-24, and no statement is called '%s'; --list-deviations "
                            "prints them",
                            value);
    return refuse_value(reading,
                        "takes statements that can be switched off, and %s cannot be switched off; --list-deviations "
                        "prints those that can",
                        spec_name(found[0]));
}

/* The password is not kept, only what SCRAM derives from it. */
static bool take_scram_user(struct option_reading *reading, const char *value) {
    struct broker_options *options = reading->options;
    const char *colon = strchr(value, ':');
    uint8_t salt[SCRAM_SALT_LENGTH];
    struct environment environment = environment_of_system();
    if (colon == NULL || colon == value || colon[1] == '\0')
        return refuse_value(reading, "takes NAME:PASSWORD, not '%s'", value);
    if (options->scram_user_count == MAXIMUM_SCRAM_USERS)
        return refuse_value(reading, "can be given at most %d times", MAXIMUM_SCRAM_USERS);
    for (size_t i = 0; i < sizeof salt; i += sizeof(uint64_t)) {
        uint64_t random = environment.random(environment.context);
        memcpy(salt + i, &random, sizeof random);
    }
    struct scram_user *user = &options->scram_users[options->scram_user_count++];
    user->name = (struct mqtt_bytes){(const uint8_t *)value, (uint32_t)(colon - value)};
    if (scram_derive(&user->credentials, mqtt_text(colon + 1), salt))
        return true;
    return refuse_value(reading, "cannot be taken: the library that derives keys from passwords fails");
}

static bool take_anonymous(struct option_reading *reading, const char *value) {
    bool yes = strcmp(value, "yes") == 0;
    if (!yes && strcmp(value, "no") != 0)
        return refuse_value(reading, "takes yes or no, not '%s'", value);
    reading->options->allow_anonymous = yes ? ANONYMOUS_ALLOWED : ANONYMOUS_DENIED;
    return true;
}

static bool take_redirection(struct option_reading *reading, const char *value) {
    struct mqtt_bytes server = mqtt_text(value);
    if (*value == '\0' || mqtt_check_text(server, NULL) != MQTT_TEXT_FINE || strlen(value) > LONGEST_REFERENCE)
        return refuse_value(reading, "takes the name of a server, such as other.example:1883");
    reading->options->settings.server_reference = server;
    return true;
}

static bool take_log_format(struct option_reading *reading, const char *value) {
    bool is_json = strcmp(value, "json") == 0;
    if (!is_json && strcmp(value, "text") != 0)
        return refuse_value(reading, "takes text or json, not '%s'", value);
    reading->options->log_format = is_json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
    return true;
}

static bool take_store(struct option_reading *reading, const char *value) {
    static const char lmdb[] = "lmdb:";
    bool is_lmdb = strncmp(value, lmdb, sizeof lmdb - 1) == 0 && value[sizeof lmdb - 1] != '\0';
    if (!is_lmdb && strcmp(value, "memory") != 0)
        return refuse_value(reading, "takes memory, or lmdb: and a directory, not '%s'", value);
    reading->options->store_directory = is_lmdb ? value + sizeof lmdb - 1 : NULL;
    return true;
}

static bool print_deviations(struct option_reading *reading, const char *value) {
    (void)reading;
    (void)value;
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        const struct spec_row *row = spec_row((enum spec_statement)statement);
        if (spec_can_deviate(row))
            printf("%s\t%s\n", row->qualified, row->breach);
    }
    return true;
}

static bool print_help(struct option_reading *reading, const char *value);

/* ---- The table ---------------------------------------------------------------------------------------------- */

#define FIELD(field) .offset = offsetof(struct broker_options, field), .size = sizeof((struct broker_options *)0)->field

#define NUMBER(field, low, high) .kind = OPTION_NUMBER, FIELD(field), .lowest = (low), .highest = (high), .unit = 1
#define SECONDS(field, low, high)                                                                                      \
    .kind = OPTION_NUMBER, FIELD(field), .lowest = (low), .highest = (high), .unit = MICROSECONDS_PER_SECOND
#define COUNT(field, high) .kind = OPTION_COUNT, FIELD(field), .highest = (high), .unit = 1
#define TEXT(field)        .kind = OPTION_TEXT, FIELD(field)
#define TAKEN(taker)       .kind = OPTION_TAKEN, .take = (taker)
#define ENDS(taker)        .kind = OPTION_ENDS, .take = (taker)

/* Help shows them in this order. */
static const struct broker_option table[] = {
    {"port", 'p', false, "PORT", "the port to listen on; 0 lets the system choose (1883)", GROUP_NETWORK,
     TAKEN(take_port)},
    {"bind", 0, true, "ADDRESS", "listen on this address or host name instead", GROUP_NETWORK, TAKEN(take_address)},
    {"listen", 0, true, "URL", "listen at mqtt://, mqtts://, ws:// or wss://ADDRESS:PORT", GROUP_NETWORK,
     TAKEN(take_listener)},
    {"cert", 0, false, "FILE", "the certificate for mqtts and wss, in PEM form, with those it rests on", GROUP_NETWORK,
     TEXT(certificate)},
    {"key", 0, false, "FILE", "its private key; without this it is in the certificate's file", GROUP_NETWORK,
     TEXT(key)},
    {"ca", 0, false, "FILE", "certificates of those who certify clients", GROUP_NETWORK, TEXT(authorities)},
    {"client-cert", 0, false, "WHEN", "none, optional or required: clients show a certificate (none)", GROUP_NETWORK,
     TAKEN(take_demand)},
    {"tls-min", 0, false, "VERSION", "the lowest version of TLS, 1.2 or 1.3 (1.2)", GROUP_NETWORK,
     TAKEN(take_tls_version)},
    {"key-log", 0, false, "FILE", "add the secrets of TLS connections to FILE, for Wireshark and mqspec decode",
     GROUP_NETWORK, TEXT(key_log)},
    {"user-from-cert", 0, false, NULL, "the Common Name of a client's certificate is its user name", GROUP_NETWORK,
     .kind = OPTION_SWITCH, FIELD(user_from_certificate)},
    {"port-file", 0, false, "FILE", "write the port to FILE once the broker listens; those of further listeners follow",
     GROUP_NETWORK, TEXT(port_file)},
    {"redirect", 0, false, "SERVER", "refuse every client, and name this other server to those of 5.0", GROUP_NETWORK,
     TAKEN(take_redirection)},

    {"password-file", 0, false, "FILE", "let in the users of this file, as mosquitto_passwd writes it", GROUP_USERS,
     TEXT(password_file)},
    {"acl-file", 0, false, "FILE", "who may publish to and read which topics, in mosquitto's format", GROUP_USERS,
     TEXT(acl_file)},
    {"allow-anonymous", 0, false, "YES|NO",
     "let in clients that prove nothing of who they are (yes; no with a password file)", GROUP_USERS,
     TAKEN(take_anonymous)},
    {"scram-user", 0, true, "NAME:PASSWORD", "a user for authentication by SCRAM-SHA-256 (MQTT 5.0)", GROUP_USERS,
     TAKEN(take_scram_user)},

    {"max-packet-size", 0, false, "N", "largest packet taken from a client, in bytes", GROUP_LIMITS,
     NUMBER(settings.maximum_packet_size, 64, MQTT_MAXIMUM_PACKET_SIZE)},
    {"max-connections", 0, false, "N", "clients connected at one time", GROUP_LIMITS,
     NUMBER(settings.maximum_connections, 1, 1000000)},
    {"max-in-flight", 0, false, "N", "QoS 1 and 2 messages sent to a client, not acknowledged", GROUP_LIMITS,
     NUMBER(settings.maximum_in_flight, 1, 65534)},
    {"max-queued", 0, false, "N", "further messages kept for one session", GROUP_LIMITS,
     NUMBER(settings.maximum_queued, 0, 1000000000)},
    {"max-queued-bytes", 0, false, "N", "bytes of QoS 1 and 2 messages kept for one session", GROUP_LIMITS,
     NUMBER(settings.maximum_queued_bytes, 0, UINT32_MAX)},
    {"max-output", 0, false, "N", "bytes waiting for one client, then QoS 0 is discarded", GROUP_LIMITS,
     NUMBER(settings.maximum_output, 1024, UINT32_MAX)},
    {"max-client-id", 0, false, "N", "bytes of a client identifier", GROUP_LIMITS,
     NUMBER(settings.maximum_client_identifier, 23, MQTT_MAXIMUM_STRING)},
    {"receive-maximum", 0, false, "N", "QoS 2 messages from a client of 5.0, not completed", GROUP_LIMITS,
     NUMBER(settings.receive_maximum, 1, UINT16_MAX)},
    {"topic-alias-max", 0, false, "N", "topic aliases that a client of 5.0 may set", GROUP_LIMITS,
     NUMBER(settings.topic_alias_maximum, 0, UINT16_MAX)},
    {"max-keep-alive", 0, false, "S", "seconds, for clients of 5.0; 0 for any", GROUP_LIMITS,
     NUMBER(settings.maximum_keep_alive, 0, UINT16_MAX)},
    {"max-session-expiry", 0, false, "S", "seconds that a session of 5.0 lives on", GROUP_LIMITS,
     NUMBER(settings.maximum_session_expiry, 0, UINT32_MAX)},
    {"connect-timeout", 0, false, "S", "seconds that a new connection has to send CONNECT", GROUP_LIMITS,
     SECONDS(settings.connect_timeout, 1, LONGEST_TIMEOUT)},

    {"store", 0, false, "WHERE", "keep sessions and messages in memory, or lmdb:DIRECTORY (memory)", GROUP_STORAGE,
     TAKEN(take_store)},
    {"store-size", 0, false, "MIB", "the most that the store may grow to, in MiB", GROUP_STORAGE, .kind = OPTION_NUMBER,
     FIELD(store_size), .lowest = 1, .highest = 1u << 24, .unit = MEBIBYTE},

    {"log", 0, false, "FORMAT", "text, or json: events on standard output as bunyan reads them (text)", GROUP_LOG,
     TAKEN(take_log_format)},
    {"sys-interval", 0, false, "S", "seconds between what the $SYS topics tell; 0 for none", GROUP_LOG,
     SECONDS(sys_interval, 0, UINT16_MAX)},
    {"verbose", 'v', true, NULL, "log events to standard error; twice, packets too (json: packets; twice, pings too)",
     GROUP_LOG, COUNT(verbosity, 2)},

    {"deviate", 0, true, "ID", "break this one statement and no other", GROUP_DEVIATIONS, TAKEN(take_deviation)},
    {"list-deviations", 0, false, NULL, "print the statements that --deviate takes, and what the broker then does",
     GROUP_DEVIATIONS, ENDS(print_deviations)},

    {"config", 'c', false, "FILE", "take options from FILE too", GROUP_OTHER, .kind = OPTION_CONFIG,
     FIELD(config_file)},
    {"help", 'h', false, NULL, "print this", GROUP_OTHER, ENDS(print_help)},
};

#define TABLE_SIZE (sizeof table / sizeof table[0])

static_assert(TABLE_SIZE <= MAXIMUM_OPTIONS, "struct broker_options notes which options were given");

const struct broker_option *broker_option_named(const char *name) {
    for (size_t i = 0; i < TABLE_SIZE; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

size_t broker_option_place(const struct broker_option *option) {
    return (size_t)(option - table);
}

const char *broker_option_section(enum option_group group) {
    return groups[group].section;
}

/* ---- Numbers in their fields -------------------------------------------------------------------------------- */

static uint64_t read_number(const struct broker_options *options, const struct broker_option *option) {
    const char *field = (const char *)options + option->offset;
    union {
        uint8_t one;
        uint16_t two;
        uint32_t four;
        uint64_t eight;
    } number;
    assert(option->size <= sizeof number);
    memcpy(&number, field, option->size);
    uint64_t value = option->size == 1   ? number.one
                     : option->size == 2 ? number.two
                     : option->size == 4 ? number.four
                                         : number.eight;
    return value / option->unit;
}

static void write_number(struct broker_options *options, const struct broker_option *option, uint32_t number) {
    uint64_t value = (uint64_t)number * option->unit;
    uint8_t one = (uint8_t)value;
    uint16_t two = (uint16_t)value;
    uint32_t four = (uint32_t)value;
    const void *from = option->size == 1   ? (const void *)&one
                       : option->size == 2 ? (const void *)&two
                       : option->size == 4 ? (const void *)&four
                                           : (const void *)&value;
    memcpy((char *)options + option->offset, from, option->size);
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

struct broker_options broker_default_options(void) {
    return (struct broker_options){.port = DEFAULT_PORT,
                                   .sys_interval = SYS_INTERVAL * MICROSECONDS_PER_SECOND,
                                   .store_size = STORE_SIZE,
                                   .settings = broker_default_settings()};
}

/* ---- Texts that are kept ------------------------------------------------------------------------------------ */

struct kept_text {
    struct kept_text *next;
    char text[];
};

const char *broker_options_keep(struct broker_options *options, const char *text) {
    size_t size = strlen(text) + 1;
    struct kept_text *kept = malloc(sizeof *kept + size);
    if (kept == NULL)
        return NULL;
    memcpy(kept->text, text, size);
    kept->next = options->kept;
    options->kept = kept;
    return kept->text;
}

static void free_texts(struct kept_text *first) {
    while (first != NULL) {
        struct kept_text *text = first;
        first = text->next;
        free(text);
    }
}

void broker_options_release(struct broker_options *options) {
    free_texts(options->kept);
    free_texts(options->kept_again);
    options->kept = options->kept_again = NULL;
}

/* ---- Help --------------------------------------------------------------------------------------------------- */

static void print_option(const struct broker_option *option, const struct broker_options *defaults) {
    char letter[] = "    ";
    if (option->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    int width = printf("  %.4s--%s", letter, option->name);
    if (option->argument != NULL)
        width += printf(" %s", option->argument);
    if (width > HELP_COLUMN) {
        putchar('\n');
        width = 0;
    }
    printf("%*s  %s", HELP_COLUMN - width, "", option->help);
    if (option->kind == OPTION_NUMBER)
        printf(" (%" PRIu64 ")", read_number(defaults, option));
    puts(option->repeats && option->argument != NULL ? "; may be given several times" : "");
}

static bool print_help(struct option_reading *reading, const char *value) {
    struct broker_options defaults = broker_default_options();
    (void)reading;
    (void)value;
    fputs(
        "usage: mqspec broker [OPTION...]\n"
        "\n"
        "Runs the strict reference broker for MQTT 3.1, 3.1.1 and 5.0. It listens on 127.0.0.1 and ::1 only, because\n"
        "it asks nobody for a password: whoever reaches it may use it. --bind 0.0.0.0 opens it to all of IPv4.\n",
        stdout);
    for (size_t group = 0; group < GROUP_COUNT; group++) {
        printf("\n%s:\n", groups[group].heading);
        for (size_t i = 0; i < TABLE_SIZE; i++)
            if (table[i].group == group)
                print_option(&table[i], &defaults);
    }
    fputs(
        "\nA configuration file has lines such as 'max-queued = 500': the long name of an option without its dashes. "
        "An\n"
        "option that takes no value has yes or no there, and verbose a number. Sections are optional: the headings\n"
        "above in small letters, as [limits]. What the command line gives counts, and not what the file says of it.\n",
        stdout);
    fputs(
        "\nSIGHUP has it read the password and ACL files again, and the SCRAM users of the configuration file. "
        "SIGTERM\n"
        "and SIGINT stop it. Exit status: 0 stopped so; 2 wrong usage, or a store that cannot be used; 3 it could not\n"
        "listen, or not go on.\n",
        stdout);
    return true;
}

/* ---- Reading ------------------------------------------------------------------------------------------------ */

static bool take_number(struct option_reading *reading, const char *value) {
    const struct broker_option *option = reading->option;
    uint32_t number = 0;
    if (!parse_number(value, option->lowest, option->highest, &number))
        return refuse_value(reading, "takes a number from %u to %u, not '%s'", option->lowest, option->highest, value);
    write_number(reading->options, option, number);
    return true;
}

/* Without a value it is given once more. */
static bool take_count(struct option_reading *reading, const char *value) {
    const struct broker_option *option = reading->option;
    if (value != NULL)
        return take_number(reading, value);
    uint32_t number = (uint32_t)read_number(reading->options, option);
    write_number(reading->options, option, number < option->highest ? number + 1 : number);
    return true;
}

static bool take_switch(struct option_reading *reading, const char *value) {
    bool *field = (bool *)((char *)reading->options + reading->option->offset);
    *field = value == NULL || strcmp(value, "yes") == 0;
    return *field || strcmp(value, "no") == 0 || refuse_value(reading, "takes yes or no, not '%s'", value);
}

bool broker_option_take(struct option_reading *reading, const char *value) {
    const struct broker_option *option = reading->option;
    switch (option->kind) {
    case OPTION_SWITCH:
        return take_switch(reading, value);
    case OPTION_COUNT:
        return take_count(reading, value);
    case OPTION_NUMBER:
        return take_number(reading, value);
    case OPTION_TEXT:
    case OPTION_CONFIG:
        memcpy((char *)reading->options + option->offset, &value, sizeof value);
        return true;
    case OPTION_TAKEN:
    case OPTION_ENDS:
        return option->take(reading, value);
    }
    return false;
}

/* getopt_long() tells a short option by its letter, and a long one by the number given here. */
static const struct broker_option *find_option(int found) {
    if (found >= FIRST_LONG)
        return &table[found - FIRST_LONG];
    for (size_t i = 0; i < TABLE_SIZE; i++)
        if (table[i].letter != 0 && table[i].letter == found)
            return &table[i];
    return NULL;
}

static enum options_result refuse_argument(char **arguments, int kind) {
    char letter[] = {'-', (char)optopt, '\0'};
    bool is_short = optopt > 0 && optopt < FIRST_LONG;
    const char *name = is_short ? letter : arguments[optind - 1];
    if (kind == ':')
        fprintf(stderr, "mqspec broker: %s needs a value; 'mqspec broker --help' tells which\n", name);
    else if (optopt >= FIRST_LONG)
        fprintf(stderr, "mqspec broker: %s takes no value\n", name);
    else
        fprintf(stderr, "mqspec broker: no option %s; 'mqspec broker --help' lists them\n", name);
    return OPTIONS_WRONG;
}

struct getopt_tables {
    struct option long_options[TABLE_SIZE + 1];
    char letters[1 + 2 * TABLE_SIZE + 1];
};

static void fill_getopt_tables(struct getopt_tables *tables) {
    size_t length = 0;
    tables->letters[length++] = ':'; /* a value that is missing is told from an option that is not known */
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        int has_argument = table[i].argument != NULL ? required_argument : no_argument;
        tables->long_options[i] = (struct option){table[i].name, has_argument, NULL, FIRST_LONG + (int)i};
        if (table[i].letter == 0)
            continue;
        tables->letters[length++] = table[i].letter;
        if (has_argument == required_argument)
            tables->letters[length++] = ':';
    }
    tables->letters[length] = '\0';
    tables->long_options[TABLE_SIZE] = (struct option){0};
}

static enum options_result read_arguments(struct broker_options *options, int count, char **arguments) {
    struct option_reading reading = {.options = options, .where = "mqspec broker", .dashes = "--"};
    struct getopt_tables tables;
    int found;
    fill_getopt_tables(&tables);
    optind = 1;
    opterr = 0;
    while ((found = getopt_long(count, arguments, tables.letters, tables.long_options, NULL)) != -1) {
        reading.option = found == '?' || found == ':' ? NULL : find_option(found);
        if (reading.option == NULL)
            return refuse_argument(arguments, found);
        if (!broker_option_take(&reading, optarg))
            return OPTIONS_WRONG;
        options->given[broker_option_place(reading.option)] = true;
        if (reading.option->kind == OPTION_ENDS)
            return OPTIONS_ANSWERED;
    }
    if (optind == count)
        return OPTIONS_READ;
    fprintf(stderr, "mqspec broker: '%s' is no option; 'mqspec broker --help' lists them\n", arguments[optind]);
    return OPTIONS_WRONG;
}

enum options_result broker_options_read(struct broker_options *options, int count, char **arguments) {
    enum options_result result = read_arguments(options, count, arguments);
    if (result == OPTIONS_READ && options->config_file != NULL && !broker_ini_read(options))
        return OPTIONS_WRONG;
    return result;
}

bool broker_options_reload_users(struct broker_options *options) {
    struct broker_options fresh = broker_default_options();
    fresh.config_file = options->config_file;
    memcpy(fresh.given, options->given, sizeof fresh.given);
    if (!broker_ini_read(&fresh)) {
        broker_options_release(&fresh);
        return false;
    }
    memcpy(options->scram_users, fresh.scram_users, sizeof options->scram_users);
    options->scram_user_count = fresh.scram_user_count;
    /* Other options still point to values that were read at the start; what was read again in between can go. */
    free_texts(options->kept_again);
    options->kept_again = fresh.kept;
    return true;
}
