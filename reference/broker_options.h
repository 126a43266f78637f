/* What `mqspec broker` can be told. Each option is a row of one table (broker_options.c), from which the command line
 * its help and the configuration file (broker_ini.h) are made. To add one, add what it sets to struct broker_options
 * and a row to the table: a number, a text or a switch needs no code besides. */
#ifndef MQSPEC_BROKER_OPTIONS_H
#define MQSPEC_BROKER_OPTIONS_H

#include <stdint.h>

#include "reference/broker.h"
#include "reference/transport.h"

#define MAXIMUM_OPTIONS     128
#define MAXIMUM_ADDRESSES   16
#define MAXIMUM_LISTENERS   16
#define MAXIMUM_SCRAM_USERS 64

/* A user of the enhanced authentication of MQTT 5.0. */
struct scram_user {
    struct mqtt_bytes name;
    struct scram_credentials credentials;
};

/* A further place to listen at. */
struct listener_option {
    enum transport_kind kind;
    char address[256];
    uint16_t port; /* 0: the system chooses */
};

enum log_format {
    LOG_FORMAT_TEXT, /* for people, on standard error */
    LOG_FORMAT_JSON, /* for programs, on standard output */
};

struct kept_text;

/* Where nothing is said, they are welcome unless there is a password file. */
enum anonymous { ANONYMOUS_UNSAID, ANONYMOUS_DENIED, ANONYMOUS_ALLOWED };

struct broker_options {
    const char *config_file; /* or NULL */
    uint16_t port;           /* 0: the system chooses */
    const char *addresses[MAXIMUM_ADDRESSES];
    size_t address_count; /* 0: the default ones */
    bool port_given;
    struct listener_option listeners[MAXIMUM_LISTENERS];
    size_t listener_count;   /* where there are some, and neither port nor addresses, there are no others */
    const char *certificate; /* this and the next two are PEM files, or NULL */
    const char *key;
    const char *authorities;
    enum tls_demand demand; /* of Clients' certificates */
    enum tls_version tls_lowest;
    const char *key_log; /* or NULL */
    bool user_from_certificate;
    const char *port_file;
    enum log_format log_format;
    uint8_t verbosity; /* text: 0 silent, 1 events, 2 packets too; JSON: 0 events, 1 packets too, 2 all of them */
    microseconds sys_interval; /* between statistics; 0: none */
    struct broker_settings settings;
    struct scram_user scram_users[MAXIMUM_SCRAM_USERS];
    size_t scram_user_count;
    const char *password_file;      /* of mosquitto's format, or NULL */
    const char *acl_file;           /* likewise */
    enum anonymous allow_anonymous; /* Clients without a user name */
    const char *store_directory;    /* NULL: nothing is kept beyond the process */
    uint64_t store_size;            /* bytes, at most */
    bool off[SPEC_COUNT];           /* statements that the broker is to break */
    bool given[MAXIMUM_OPTIONS];    /* on the command line; index: place in the table */
    struct kept_text *kept;         /* values that the configuration file gave at the start */
    struct kept_text *kept_again;   /* those of the last time that it was read again */
};

/* ---- The table --------------------------------------------------------------------------------------------- */

/* Headings of the help, and sections of the configuration file. */
enum option_group {
    GROUP_NETWORK,
    GROUP_USERS,
    GROUP_LIMITS,
    GROUP_STORAGE,
    GROUP_LOG,
    GROUP_DEVIATIONS,
    GROUP_OTHER,
};

enum option_kind {
    OPTION_SWITCH, /* takes none; the field, a bool, becomes true. In a file: yes or no */
    OPTION_COUNT,  /* takes none; the field is counted up to `highest`. In a file: that number */
    OPTION_NUMBER, /* the field becomes the number times `unit`; shown in help with its default */
    OPTION_TEXT,   /* the field, a const char *, becomes the value, which lives as long as the options */
    OPTION_TAKEN,  /* take() does what is to be done */
    OPTION_CONFIG, /* as OPTION_TEXT, and not in a file */
    OPTION_ENDS,   /* take() prints something, and the broker does not run; not in a file */
};

struct option_reading;

struct broker_option {
    const char *name;
    char letter;          /* or 0 */
    bool repeats;         /* each one counts, not only the last */
    const char *argument; /* the name of its value in help; NULL: it takes none */
    const char *help;     /* without full stop */
    enum option_group group;
    enum option_kind kind;
    size_t offset; /* of the field in struct broker_options */
    size_t size;   /* of the field: for numbers 1, 2, 4 or 8 bytes */
    uint32_t lowest;
    uint32_t highest;
    uint32_t unit;
    /* `value` lives as long as the options, and is NULL where the option takes none. False after refuse_value(). */
    bool (*take)(struct option_reading *reading, const char *value);
};

/* One option while it is read. */
struct option_reading {
    struct broker_options *options;
    const struct broker_option *option;
    const char *where;  /* what a complaint begins with */
    const char *dashes; /* before an option's name */
};

/* Says on standard error what is wrong with the value, after where it stands and the option's name: "takes a number".
 * Always false. */
__attribute__((format(printf, 2, 3))) bool refuse_value(const struct option_reading *reading, const char *format, ...);

/* ---- For those who read options elsewhere than on the command line ------------------------------------------- */

const struct broker_option *broker_option_named(const char *name);
size_t broker_option_place(const struct broker_option *option);
const char *broker_option_section(enum option_group group);

/* A copy that lives as long as the options. NULL where there is no memory. */
const char *broker_options_keep(struct broker_options *options, const char *text);

/* Does what the option asks for. `value` is NULL where none was given. False after refuse_value(). */
bool broker_option_take(struct option_reading *reading, const char *value);

/* ---- Reading ----------------------------------------------------------------------------------------------- */

enum options_result {
    OPTIONS_READ,
    OPTIONS_ANSWERED, /* what was asked for is printed, and nothing else is to be done */
    OPTIONS_WRONG,    /* standard error says what, and what to do */
};

struct broker_options broker_default_options(void);

/* Reads what main() was given, and then the configuration file where it names one: what the command line says counts.
 * Values in `arguments` are not copied. */
enum options_result broker_options_read(struct broker_options *options, int count, char **arguments);

/* Reads the configuration file again, which there is, and takes the users for SCRAM from it; all else stays. Where the
 * file is wrong in anything, nothing changes: false, after standard error was told. */
bool broker_options_reload_users(struct broker_options *options);

/* Frees what the configuration file gave. */
void broker_options_release(struct broker_options *options);

#endif
