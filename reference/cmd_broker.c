/* mqspec broker: the reference broker on a network. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "command.h"
#include "reference/broker_options.h"
#include "reference/guard.h"
#include "reference/listeners.h"
#include "reference/log.h"
#include "reference/log_json.h"
#include "reference/server.h"
#include "reference/signals.h"
#include "reference/statistics.h"
#include "reference/store_lmdb.h"

#define MAXIMUM_ERROR 4500 /* a file name and a sentence */

/* ---- Running --------------------------------------------------------------------------------------------- */

struct running {
    struct broker_options *options;
    struct store store; /* close() is NULL where nothing is kept */
    struct event_loop *loop;
    struct broker *broker;
    struct server *server;
    struct signals signals;
    struct statistics statistics;
    struct memory_use memory;
    struct guard *guard;
    struct log log;
    struct json_log json_log;
    struct listeners listeners;
};

/* ---- What it tells --------------------------------------------------------------------------------------- */

#define MAXIMUM_TOLD 1024

/* A sentence about the broker as a whole, to standard error or into the log that programs read. */
__attribute__((format(printf, 2, 3))) static void tell(struct running *running, const char *format, ...) {
    char text[MAXIMUM_TOLD];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (running->options->log_format == LOG_FORMAT_JSON)
        json_log_notice(&running->json_log, text);
    else
        fprintf(stderr, "%s\n", text);
}

static void report_as_text(void *context, const struct broker_event *event) {
    struct running *running = context;
    log_event(&running->log, event);
}

static void report_as_json(void *context, const struct broker_event *event) {
    struct running *running = context;
    json_log_event(&running->json_log, event);
}

static void begin_log(struct running *running, struct broker_settings *settings) {
    static const enum json_log_level lowest[] = {JSON_LOG_INFO, JSON_LOG_DEBUG, JSON_LOG_TRACE};
    uint8_t verbosity = running->options->verbosity;
    running->log.file = stderr;
    if (running->options->log_format == LOG_FORMAT_JSON) {
        json_log_begin(&running->json_log, stdout, lowest[verbosity]);
        settings->hooks.report = report_as_json;
        settings->report_packets = verbosity > 0;
    } else {
        settings->hooks.report = verbosity > 0 ? report_as_text : NULL;
        settings->report_packets = verbosity > 1;
    }
}

static void tell_sentence(void *context, const char *text) {
    tell(context, "%s", text);
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

/* False where it cannot be used: that was said. */
static bool open_store(struct running *running, const struct broker_options *options) {
    char error[STORE_LONGEST_ERROR];
    if (options->store_directory == NULL ||
        store_lmdb_open(&running->store, options->store_directory, options->store_size, error))
        return true;
    fprintf(stderr, "mqspec broker: %s\n", error);
    return false;
}

static bool restore(struct running *running) {
    const char *problem = broker_restore(running->broker, event_loop_now(running->loop));
    if (problem != NULL)
        fprintf(stderr, "mqspec broker: the store in %s %s\n", running->options->store_directory, problem);
    return problem == NULL;
}

static enum mqtt_connect_return_code authenticate(void *context, const struct broker_client *client,
                                                  const struct mqtt_connect *connect) {
    const struct running *running = context;
    return guard_authenticate(running->guard, client, connect);
}

static bool may_publish(void *context, const struct broker_client *client, struct mqtt_bytes topic) {
    const struct running *running = context;
    return guard_may_publish(running->guard, client, topic);
}

static bool may_receive(void *context, const struct broker_client *client, struct mqtt_bytes topic) {
    const struct running *running = context;
    return guard_may_receive(running->guard, client, topic);
}

static bool may_subscribe(void *context, const struct broker_client *client, struct mqtt_bytes filter) {
    const struct running *running = context;
    return guard_may_subscribe(running->guard, client, filter);
}

/* Says what is wrong with its files. */
static bool create_guard(struct running *running, const struct broker_options *options) {
    char error[MAXIMUM_ERROR];
    bool by_default = options->password_file == NULL;
    struct guard_settings settings = {
        .password_file = options->password_file,
        .acl_file = options->acl_file,
        .allow_anonymous =
            options->allow_anonymous == ANONYMOUS_UNSAID ? by_default : options->allow_anonymous == ANONYMOUS_ALLOWED,
    };
    running->guard = guard_create(&settings, error, sizeof error);
    if (running->guard == NULL)
        fprintf(stderr, "mqspec broker: %s\n", error);
    return running->guard != NULL;
}

/* What there is nothing to ask about is not asked. */
static void set_guard(const struct guard *guard, struct broker_hooks *hooks) {
    if (guard_asks_who(guard))
        hooks->authenticate = authenticate;
    if (!guard_asks_what(guard))
        return;
    hooks->may_publish = may_publish;
    hooks->may_receive = may_receive;
    hooks->may_subscribe = may_subscribe;
}

static bool create_all(struct running *running, const struct broker_options *options) {
    struct environment environment = environment_of_system_counting(&running->memory);
    struct broker_settings settings = options->settings;
    settings.hooks = (struct broker_hooks){.context = running};
    set_guard(running->guard, &settings.hooks);
    /* A file may bring users later. */
    if (options->scram_user_count > 0 || options->config_file != NULL)
        settings.hooks.scram_credentials = find_credentials;
    begin_log(running, &settings);
    if (running->store.close != NULL)
        settings.store = &running->store;
    running->loop = event_loop_create();
    if (running->loop == NULL)
        return false;
    running->broker = broker_create(&settings, &environment);
    if (running->broker == NULL)
        return false;
    running->server = server_create(running->broker, running->loop);
    if (running->server == NULL)
        return false;
    if (options->log_format == LOG_FORMAT_JSON)
        server_tell(running->server, json_log_notice, &running->json_log);
    else
        server_tell(running->server, log_notice, &running->log);
    return true;
}

static void destroy_all(struct running *running) {
    server_destroy(running->server);
    if (running->broker != NULL)
        broker_destroy(running->broker);
    event_loop_destroy(running->loop);
    guard_destroy(running->guard);
    listeners_release(&running->listeners);
    if (running->store.close != NULL)
        running->store.close(running->store.context);
}

static void switch_off(struct running *running, const struct broker_options *options) {
    struct spec_rules *rules = broker_rules(running->broker);
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        if (!options->off[statement])
            continue;
        const struct spec_row *row = spec_row((enum spec_statement)statement);
        spec_switch_off(rules, statement);
        tell(running, "breaking %s: %s", row->qualified, row->breach);
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

/* ---- Reading again ---------------------------------------------------------------------------------------- */

static bool has_guard_files(const struct broker_options *options) {
    return options->password_file != NULL || options->acl_file != NULL;
}

static void reload_guard(struct running *running) {
    char error[MAXIMUM_ERROR];
    if (!has_guard_files(running->options))
        return;
    if (guard_reload(running->guard, error, sizeof error))
        tell(running, "passwords and permissions are read again");
    else
        tell(running, "passwords and permissions stay as they were: %s", error);
}

static void reload_users(struct running *running) {
    struct broker_options *options = running->options;
    if (options->config_file == NULL && has_guard_files(options))
        return;
    if (options->config_file == NULL)
        tell(running, "nothing is read again: there is no configuration file, nor one of passwords or permissions");
    else if (options->given[broker_option_place(broker_option_named("scram-user"))])
        tell(running, "the users stay those of the command line, which count and not those of '%s'",
             options->config_file);
    else if (broker_options_reload_users(options))
        tell(running, "the users are those of '%s' now: %zu", options->config_file, options->scram_user_count);
    else
        tell(running, "the users stay as they were: '%s' cannot be used", options->config_file);
}

/* What SIGHUP reads again. Each part takes all that is new, or keeps all as it was, and says in a line which. */
static void reload(struct running *running) {
    running->signals.reload = false;
    reload_guard(running);
    reload_users(running);
}

/* ---- Serving ---------------------------------------------------------------------------------------------- */

/* Returns when the next turn is due. */
static microseconds take_turn(struct running *running) {
    if (running->signals.reload)
        reload(running);
    microseconds statistics = statistics_turn(&running->statistics, event_loop_now(running->loop));
    microseconds server = server_turn(running->server);
    return statistics < server ? statistics : server;
}

static enum exit_status serve(struct running *running) {
    microseconds deadline = take_turn(running);
    while (!running->signals.stop && broker_failure(running->broker) == NULL) {
        if (event_loop_wait(running->loop, deadline) < 0) {
            fprintf(stderr, "mqspec broker: stopped, the system refuses to wait for sockets: %s\n", strerror(errno));
            return EXIT_UNREACHABLE;
        }
        deadline = take_turn(running);
    }
    return EXIT_HELD;
}

static enum exit_status start_and_serve(struct running *running, const struct broker_options *options) {
    /* A file left by an earlier run would name a port where nobody listens. */
    if (options->port_file != NULL && unlink(options->port_file) != 0 && errno != ENOENT) {
        fprintf(stderr, "mqspec broker: cannot replace the port file '%s': %s\n", options->port_file, strerror(errno));
        return EXIT_USAGE;
    }
    if (!listeners_prepare(&running->listeners, options))
        return EXIT_USAGE;
    switch_off(running, options);
    if (!restore(running))
        return EXIT_USAGE;
    statistics_begin(&running->statistics, running->broker, "mqspec version " MQSPEC_VERSION, &running->memory,
                     options->sys_interval, event_loop_now(running->loop));
    if (!listeners_open(&running->listeners, options, running->server))
        return EXIT_UNREACHABLE;
    if (options->port_file != NULL && !listeners_write_ports(&running->listeners, options->port_file)) {
        fprintf(stderr, "mqspec broker: cannot write the port file '%s': %s\n", options->port_file, strerror(errno));
        return EXIT_USAGE;
    }
    return serve(running);
}

static enum exit_status run(struct broker_options *options) {
    struct running running = {.options = options};
    running.listeners = (struct listeners){.tell = tell_sentence, .context = &running};
    if (!create_guard(&running, options) || !open_store(&running, options)) {
        destroy_all(&running);
        return EXIT_USAGE;
    }
    if (!create_all(&running, options) || !signals_begin(&running.signals, running.loop)) {
        fprintf(stderr, "mqspec broker: cannot start: %s\n", strerror(errno));
        destroy_all(&running);
        return EXIT_UNREACHABLE;
    }
    allow_many_descriptors();
    signal(SIGPIPE, SIG_IGN); /* whoever read the log may go away */
    signal(SIGXFSZ, SIG_IGN); /* a store that may not grow further says so by an error */
    enum exit_status status = start_and_serve(&running, options);
    broker_shut_down(running.broker, event_loop_now(running.loop));
    server_turn(running.server);
    if (broker_failure(running.broker) != NULL) {
        fprintf(stderr, "mqspec broker: stopped, and nothing that was acknowledged is lost: %s\n",
                broker_failure(running.broker));
        status = EXIT_UNREACHABLE;
    }
    signals_end(&running.signals, running.loop);
    destroy_all(&running);
    return status;
}

int command_broker(int count, char **arguments) {
    struct broker_options options = broker_default_options();
    enum exit_status status = EXIT_HELD;
    switch (broker_options_read(&options, count, arguments)) {
    case OPTIONS_READ:
        status = run(&options);
        break;
    case OPTIONS_ANSWERED:
        break;
    case OPTIONS_WRONG:
        status = EXIT_USAGE;
        break;
    }
    broker_options_release(&options);
    return status;
}
