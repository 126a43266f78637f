/* mqspec test: plays the scenarios and reports. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "conformance/expected_failures.h"
#include "conformance/process.h"
#include "conformance/runner.h"
#include "conformance/test_options.h"
#include "reference/server.h"

/* A target that was started gets this long until it listens. */
#define START_TIME     (10 * MICROSECONDS_PER_SECOND)
#define START_INTERVAL (MICROSECONDS_PER_SECOND / 50)
/* And this long, once it cannot be reached, to be seen to end. */
#define END_TIME (MICROSECONDS_PER_SECOND / 5)

/* Descriptors that the tester needs beside those of scenarios, and those of one scenario: its clients and, where the
 * broker is built in, their other ends. */
#define SPARE_DESCRIPTORS        64
#define DESCRIPTORS_PER_SCENARIO 8

#define MAXIMUM_HOST 300

struct test {
    struct test_options options;
    struct run run;
    struct expected_failures expected;
    FILE *documents[DOCUMENT_COUNT];
    struct capture_writer *capture;
    const char *target_name;
    /* Only with sockets: */
    struct event_loop *loop;
    struct way ways[TRANSPORT_KINDS];
    struct tls_context *client_tls; /* where there is a transport with TLS */
    struct tls_context *server_tls; /* and the broker is built in */
    struct spec_rules client_rules; /* nothing is switched off: the tester keeps to section 6 */
    char host[MAXIMUM_HOST];        /* of the target, as WebSocket's handshake names it */
    struct process *process;
    struct broker *broker;
    struct server *server;
};

static void complain(const char *what, const char *why) {
    fprintf(stderr, "mqspec test: %s: %s\n", what, why);
}

/* ---- Before the run ------------------------------------------------------------------------------------------ */

static uint64_t seed_of_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + ((uint64_t)getpid() << 20);
}

static microseconds wall_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (microseconds)now.tv_sec * MICROSECONDS_PER_SECOND + (microseconds)now.tv_nsec / 1000;
}

static int list_scenarios(const struct run *run) {
    for (size_t i = 0; i < run->count; i++) {
        const struct scenario *scenario = run->plays[i].scenario;
        if (i > 0 && run->plays[i - 1].scenario == scenario)
            continue;
        printf("%s\t%s", scenario->name, scenario->title);
        for (size_t k = 0; k < scenario->statement_count; k++)
            printf("%s%s", k == 0 ? "\t" : " ", spec_name(scenario->statements[k]));
        printf("\n");
    }
    return EXIT_HELD;
}

/* Opens what is to be written, so that a bad name is known before the run. */
static bool open_documents(struct test *test) {
    for (int i = 0; i < DOCUMENT_COUNT; i++) {
        const char *path = test->options.documents[i];
        if (path == NULL)
            continue;
        test->documents[i] = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
        if (test->documents[i] == NULL) {
            fprintf(stderr, "mqspec test: cannot write '%s': %s\n", path, strerror(errno));
            return false;
        }
    }
    if (test->options.pcap == NULL)
        return true;
    char reason[300];
    microseconds start = test->loop == NULL ? 0 : event_loop_now(test->loop);
    test->capture = capture_writer_open(test->options.pcap, wall_time() - start, reason, sizeof reason);
    if (test->capture == NULL)
        fprintf(stderr, "mqspec test: cannot write '%s': %s\n", test->options.pcap, reason);
    return test->capture != NULL;
}

/* Descriptors are what runs out first where many scenarios play at once. */
static size_t affordable_at_once(size_t wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return wanted;
    rlim_t needed = (rlim_t)wanted * DESCRIPTORS_PER_SCENARIO + SPARE_DESCRIPTORS;
    if (limit.rlim_cur < needed) {
        limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || needed < limit.rlim_max ? needed : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= needed)
        return wanted;
    if (limit.rlim_cur < SPARE_DESCRIPTORS + DESCRIPTORS_PER_SCENARIO)
        return 1;
    return (size_t)((limit.rlim_cur - SPARE_DESCRIPTORS) / DESCRIPTORS_PER_SCENARIO);
}

/* ---- The target ---------------------------------------------------------------------------------------------- */

static struct socket_settings settings_of(const struct test *test) {
    return (struct socket_settings){
        .loop = test->loop,
        .ways = test->ways,
        .server = test->server,
        .timeout = test->options.timeout,
        .seed = test->options.seed,
        .at_once = affordable_at_once(test->options.at_once),
        .progress = isatty(STDERR_FILENO) != 0,
        .capture = test->capture,
        .target_ended = test->process == NULL ? NULL : process_ended(test->process),
        .user = test->options.user,
        .password = test->options.password,
    };
}

static bool is_played_over(const struct test *test, int kind) {
    return (test->options.transports & 1u << kind) != 0;
}

/* How the tester's ends speak, for each transport that is played over. False after a message. */
static bool prepare_ways(struct test *test) {
    const struct test_options *options = &test->options;
    bool built_in = options->target == NULL && options->run == NULL;
    bool trusts_all = options->insecure || built_in;
    struct tls_settings settings = {
        .side = MQTT_CLIENT,
        .certificate = options->certificate,
        .key = options->key,
        .authorities = options->authorities,
        .resumes = built_in,
        .key_log = options->key_log != NULL ? options->key_log : tls_key_log_wanted(),
        .demand = trusts_all ? TLS_NO_CERTIFICATE : TLS_CERTIFICATE_REQUIRED,
    };
    char host[MAXIMUM_HOST] = "localhost";
    char reason[400];
    if (options->target != NULL && !address_host(options->target, host, sizeof host))
        host[0] = '\0';
    settings.host = host;
    for (int kind = 0; kind < TRANSPORT_KINDS; kind++) {
        if (!is_played_over(test, kind))
            continue;
        if (transport_has_tls((enum transport_kind)kind) && test->client_tls == NULL)
            test->client_tls = tls_context_create(&settings, reason, sizeof reason);
        if (transport_has_tls((enum transport_kind)kind) && test->client_tls == NULL) {
            fprintf(stderr, "mqspec test: %s\n", reason);
            return false;
        }
        test->ways[kind].transport = (struct transport_settings){.kind = (enum transport_kind)kind,
                                                                 .side = MQTT_CLIENT,
                                                                 .tls = test->client_tls,
                                                                 .rules = &test->client_rules,
                                                                 .host = test->host,
                                                                 .path = options->websocket_path};
    }
    return true;
}

/* A target has one address, whatever is spoken there. */
static void set_address(struct test *test, struct address address, const char *host) {
    snprintf(test->host, sizeof test->host, "%s", host);
    for (int kind = 0; kind < TRANSPORT_KINDS; kind++)
        test->ways[kind].address = address;
}

static bool listen_over(struct test *test, enum transport_kind kind, const char **reason) {
    if (transport_has_tls(kind) && test->server_tls == NULL)
        test->server_tls = tls_context_self_signed();
    *reason = "a certificate for it cannot be made";
    if (transport_has_tls(kind) && test->server_tls == NULL)
        return false;
    const struct server_listening how = {.kind = kind, .tls = test->server_tls};
    int port = server_listen_over(test->server, "127.0.0.1", 0, &how, reason);
    test->ways[kind].address = address_of_loopback((uint16_t)port);
    return port >= 0;
}

static int start_built_in(struct test *test) {
    const char *reason = "out of memory";
    snprintf(test->host, sizeof test->host, "localhost");
    test->broker = create_target_broker(TARGET_OFFERS_ALL, test->options.off, test->options.off_count);
    if (test->broker != NULL) {
        test->server = server_create(test->broker, test->loop);
        reason = strerror(errno);
    }
    bool listens = test->server != NULL;
    for (int kind = 0; listens && kind < TRANSPORT_KINDS; kind++)
        listens = !is_played_over(test, kind) || listen_over(test, (enum transport_kind)kind, &reason);
    if (listens)
        return EXIT_HELD;
    complain("the built-in broker cannot be started", reason);
    return EXIT_UNREACHABLE;
}

static int start_process(struct test *test) {
    const char *reason = "no port of the loopback interface is free";
    char host[32];
    uint16_t port = address_free_port();
    if (port != 0)
        test->process = process_start(test->loop, test->options.run, port, &reason);
    if (test->process == NULL) {
        complain("the target cannot be started", reason);
        return EXIT_UNREACHABLE;
    }
    snprintf(host, sizeof host, "localhost:%u", port);
    set_address(test, address_of_loopback(port), host);
    return EXIT_HELD;
}

static int find_target(struct test *test) {
    const char *reason;
    bool usage;
    struct address address;
    if (address_parse(&address, test->options.target, &reason, &usage)) {
        set_address(test, address, test->options.target);
        return EXIT_HELD;
    }
    fprintf(stderr, "mqspec test: --target '%s': %s\n", test->options.target, reason);
    return usage ? EXIT_USAGE : EXIT_UNREACHABLE;
}

static int prepare_target(struct test *test) {
    test->loop = event_loop_create();
    if (test->loop == NULL) {
        complain("the event loop cannot be made", strerror(errno));
        return EXIT_UNREACHABLE;
    }
    if (!prepare_ways(test))
        return EXIT_USAGE;
    if (test->options.target != NULL)
        return find_target(test);
    return test->options.run != NULL ? start_process(test) : start_built_in(test);
}

/* ---- Looking at it first --------------------------------------------------------------------------------------- */

/* A target that was just started is asked again and again until it listens. */
static void probe_started(const struct test *test, struct probe *probe, enum transport_kind transport,
                          enum mqtt_version version) {
    struct socket_settings settings = settings_of(test);
    event_loop_wait(test->loop, 0);
    microseconds end = event_loop_now(test->loop) + START_TIME;
    for (;;) {
        probe_target(probe, &settings, transport, version);
        microseconds now = event_loop_now(test->loop);
        if (test->process == NULL || !probe->refused_at_once || *settings.target_ended)
            return;
        if (now >= end) {
            snprintf(probe->reason, sizeof probe->reason,
                     "the target did not listen on port %u within 10 s; does the command use {port}?",
                     test->ways[transport].address.port);
            return;
        }
        event_loop_wait(test->loop, now + START_INTERVAL);
    }
}

/* The target lacks a version: its scenarios are skipped. */
static void skip_version(struct run *run, enum mqtt_version version) {
    for (size_t i = 0; i < run->count; i++)
        if (run->plays[i].version == version)
            play_decide(&run->plays[i], transport_kind_name(run->plays[i].transport), VERDICT_SKIP,
                        "the target does not accept this version of MQTT");
}

static bool is_played(const struct run *run, enum mqtt_version version) {
    for (size_t i = 0; i < run->count; i++)
        if (run->plays[i].version == version)
            return true;
    return false;
}

/* The target speaks MQTT, but not to us as we are. */
static bool lacks_version(const struct probe *probe, bool another_accepted) {
    if (probe->outcome == PROBE_REFUSED)
        return probe->code == MQTT_UNACCEPTABLE_PROTOCOL_VERSION ||
               probe->code == MQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION;
    return probe->outcome == PROBE_UNREACHABLE && another_accepted && !probe->refused_at_once;
}

/* That connections are closed or refused shows a moment before the reason for it, the end of the process. */
static bool has_ended(const struct test *test) {
    if (test->process == NULL)
        return false;
    microseconds end = event_loop_now(test->loop) + END_TIME;
    while (!*process_ended(test->process) && event_loop_now(test->loop) < end)
        event_loop_wait(test->loop, end);
    return *process_ended(test->process);
}

/* The built-in broker is the same over each transport; another has one. */
static enum transport_kind first_transport(const struct test *test) {
    int kind = 0;
    while (!is_played_over(test, kind))
        kind++;
    return (enum transport_kind)kind;
}

static int look_at_target(struct test *test) {
    static const enum mqtt_version versions[] = {MQTT_3_1_1, MQTT_3_1, MQTT_5_0};
    bool accepted = false;
    struct probe probe = {0};
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        if (!is_played(&test->run, versions[i]))
            continue;
        probe_started(test, &probe, first_transport(test), versions[i]);
        if (probe.outcome == PROBE_FINE)
            accepted = true;
        else if (lacks_version(&probe, accepted))
            skip_version(&test->run, versions[i]);
        else
            break;
    }
    if (accepted && (probe.outcome == PROBE_FINE || lacks_version(&probe, true)))
        return EXIT_HELD;
    if (has_ended(test))
        fprintf(stderr, "mqspec test: the target ended before it could be tested: %s\n",
                process_last_words(test->process));
    else
        complain(test->target_name, probe.reason);
    return EXIT_UNREACHABLE;
}

/* ---- The run --------------------------------------------------------------------------------------------------- */

static void tell_lost_target(const struct test *test) {
    if (!test->run.target_lost)
        return;
    if (has_ended(test))
        fprintf(stderr, "mqspec test: the target ended while the suite was played: %s\n",
                process_last_words(test->process));
    else
        fprintf(stderr, "mqspec test: the target stopped accepting connections while the suite was played; what "
                        "came after that fails\n");
}

static int play_over_sockets(struct test *test) {
    struct socket_settings settings = settings_of(test);
    int status = look_at_target(test);
    if (status != EXIT_HELD)
        return status;
    run_sockets(&test->run, &settings);
    if (test->run.played_again > 0)
        fprintf(stderr,
                "mqspec test: %zu fails were played again, because this machine had held the tester up; the last "
                "attempt counts\n",
                test->run.played_again);
    tell_lost_target(test);
    return EXIT_HELD;
}

static void play_in_virtual_time(struct test *test) {
    struct virtual_settings settings = {
        .timeout = test->options.timeout,
        .seed = test->options.seed,
        .off = test->options.off,
        .off_count = test->options.off_count,
        .capture = test->capture,
        .user = test->options.user,
        .password = test->options.password,
    };
    microseconds began = wall_time();
    run_virtual(&test->run, &settings);
    test->run.duration = wall_time() - began; /* what the user waited, not what the virtual clock shows */
}

/* ---- Afterwards ------------------------------------------------------------------------------------------------ */

/* The command line as a shell takes it, with the seed even where it was taken from the time. NULL where there is no
 * memory. */
static char *command_line(const struct test_options *options, int count, char **arguments) {
    size_t size = sizeof "mqspec --seed 18446744073709551615";
    for (int i = 0; i < count; i++)
        size += strlen(arguments[i]) * 4 + 3;
    char *line = malloc(size);
    if (line == NULL)
        return NULL;
    char *to = line + snprintf(line, size, "mqspec");
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        bool plain = argument[0] != '\0' && argument[strcspn(argument, " \t\n'\"\\$`!*?[](){}<>|&;#~")] == '\0';
        *to++ = ' ';
        if (!plain)
            *to++ = '\'';
        for (; *argument != '\0'; argument++) {
            if (*argument == '\'') {
                memcpy(to, "'\\''", 4);
                to += 4;
            } else {
                *to++ = *argument;
            }
        }
        if (!plain)
            *to++ = '\'';
    }
    *to = '\0';
    if (!options->seeded)
        snprintf(to, size - (size_t)(to - line), " --seed %llu", (unsigned long long)options->seed);
    return line;
}

static bool close_document(FILE *file, const char *path) {
    bool good = fflush(file) == 0 && !ferror(file);
    if (file != stdout)
        good = fclose(file) == 0 && good;
    if (!good)
        fprintf(stderr, "mqspec test: cannot write '%s': %s\n", path, strerror(errno));
    return good;
}

/* False after a message where something could not be written. */
static bool write_report(struct test *test, const struct report *report) {
    static void (*const write[DOCUMENT_COUNT])(FILE *, const struct report *) = {
        [DOCUMENT_JUNIT] = report_write_junit,
        [DOCUMENT_JSON] = report_write_json,
        [DOCUMENT_HTML] = report_write_html,
    };
    const char *no_colour = getenv("NO_COLOR");
    bool colour = isatty(STDOUT_FILENO) && (no_colour == NULL || no_colour[0] == '\0');
    bool taken = false; /* standard output, by a document */
    bool good = true;
    for (int i = 0; i < DOCUMENT_COUNT; i++) {
        if (test->documents[i] == NULL)
            continue;
        taken = taken || test->documents[i] == stdout;
        write[i](test->documents[i], report);
        good = close_document(test->documents[i], test->options.documents[i]) && good;
        test->documents[i] = NULL;
    }
    if (test->options.tap)
        report_write_tap(stdout, report);
    else if (!taken)
        report_write_text(stdout, report, colour, test->options.verbose);
    if (!test->options.tap && taken)
        return good;
    return close_document(stdout, "standard output") && good;
}

static int report_run(struct test *test, int count, char **arguments) {
    struct result *results = calloc(test->run.count + 1, sizeof *results);
    char *command = command_line(&test->options, count, arguments);
    int status = EXIT_USAGE;
    if (results == NULL || command == NULL) {
        complain("the report cannot be made", "out of memory");
    } else {
        for (size_t i = 0; i < test->run.count; i++) {
            results[i] = test->run.plays[i].result;
            if (test->options.strict && results[i].verdict == VERDICT_WARN)
                results[i].verdict = VERDICT_FAIL;
        }
        expected_failures_apply(&test->expected, results, test->run.count);
        struct report report = {
            .target = test->target_name,
            .command = command,
            .results = results,
            .count = test->run.count,
            .duration = test->run.duration,
        };
        struct totals totals = report_totals(&report);
        bool written = write_report(test, &report);
        status = totals.of[VERDICT_FAIL] > totals.expected_failures ? EXIT_BREACH : EXIT_HELD;
        status = written ? status : EXIT_USAGE;
    }
    free(results);
    free(command);
    return status;
}

static bool finish_capture(struct test *test) {
    if (test->capture == NULL)
        return true;
    bool good = capture_writer_finish(test->capture);
    test->capture = NULL;
    if (!good)
        fprintf(stderr, "mqspec test: '%s' could not be written to its end\n", test->options.pcap);
    return good;
}

static void release(struct test *test) {
    for (int i = 0; i < DOCUMENT_COUNT; i++)
        if (test->documents[i] != NULL && test->documents[i] != stdout)
            fclose(test->documents[i]);
    finish_capture(test);
    if (test->process != NULL)
        process_stop(test->process);
    if (test->server != NULL)
        server_destroy(test->server);
    if (test->broker != NULL)
        broker_destroy(test->broker);
    if (test->loop != NULL)
        event_loop_destroy(test->loop);
    tls_context_destroy(test->client_tls);
    tls_context_destroy(test->server_tls);
    expected_failures_release(&test->expected);
    run_release(&test->run);
}

/* ---- The command ----------------------------------------------------------------------------------------------- */

static const char *name_target(const struct test_options *options) {
    if (options->target != NULL)
        return options->target;
    return options->run != NULL ? options->run : "built-in reference broker";
}

static int play_and_report(struct test *test, int count, char **arguments) {
    int status = EXIT_HELD;
    if (!test->options.in_virtual_time)
        status = prepare_target(test);
    if (status != EXIT_HELD)
        return status;
    if (!open_documents(test))
        return EXIT_USAGE;
    if (test->options.in_virtual_time)
        play_in_virtual_time(test);
    else
        status = play_over_sockets(test);
    if (status != EXIT_HELD)
        return status;
    bool captured = finish_capture(test);
    status = report_run(test, count, arguments);
    return captured ? status : EXIT_USAGE;
}

static int run_test(struct test *test, int count, char **arguments) {
    const struct test_options *options = &test->options;
    if (options->mutants)
        return run_mutants(stdout, options->timeout, options->verbose) ? EXIT_HELD : EXIT_BREACH;
    if (!run_plan(&test->run, options->patterns, options->pattern_count, options->versions, options->transports)) {
        complain("the run cannot be planned", "out of memory");
        return EXIT_USAGE;
    }
    if (test->run.count == 0) {
        fprintf(stderr,
                "mqspec test: no scenario fits%s; 'mqspec test --list' lists them, and those on WebSocket need --ws\n",
                options->pattern_count > 0 ? " these patterns in this version over this transport" : " this version");
        return EXIT_USAGE;
    }
    if (options->list)
        return list_scenarios(&test->run);
    if (options->expected_failures != NULL &&
        !expected_failures_read(&test->expected, &test->run.set, options->expected_failures))
        return EXIT_USAGE;
    return play_and_report(test, count, arguments);
}

int command_test(int count, char **arguments) {
    struct test test = {0};
    if (!test_options_parse(&test.options, count, arguments))
        return EXIT_USAGE;
    if (test.options.help) {
        fputs(test_options_help, stdout);
        return EXIT_HELD;
    }
    if (!test.options.seeded)
        test.options.seed = seed_of_time();
    test.target_name = name_target(&test.options);
    /* Writing to a connection or a pipe that is gone is answered by the call itself. */
    signal(SIGPIPE, SIG_IGN);
    int status = run_test(&test, count, arguments);
    release(&test);
    return status;
}
