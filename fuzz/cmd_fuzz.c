/* mqspec fuzz: a campaign against a broker. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "fuzz/campaign.h"
#include "reports/reports.h"

#define MOST_JOBS     64u
#define MOST_CAPTURES 64u
#define REASON_SIZE   1024u
#define PLOT_ROWS     8

static const char help[] =
    "usage: mqspec fuzz --run 'CMD with {port}' | --target HOST:PORT [OPTION...]\n"
    "       mqspec fuzz --repro DIR/FINDING --run 'CMD with {port}' | --target HOST:PORT\n"
    "\n"
    "Plays many conversations at once with a broker: the scenarios of the suite first, then others out of the "
    "protocol\n"
    "model and changed ones. Each is judged by the monitor and compared with the reference broker. A difference is a\n"
    "breach where the reference broker does the same once one statement is switched off in it; else it is told as a\n"
    "difference, and may be lawful. Crashes, hangs and memory that grows are findings too.\n"
    "\n"
    "  --run CMD           start the broker by this shell command, on a port that is free; it is started again when "
    "it\n"
    "                      ends\n"
    "  --target HOST:PORT  a broker that runs\n"
    "  --time TIME         how long: seconds, or 90s, 30m, 8h (60s)\n"
    "  --count N           end after so many conversations\n"
    "  --findings N        end after so many findings\n"
    "  --seed N            of all that is random (the time)\n"
    "  --out DIR           receives a directory for each finding (findings)\n"
    "  --capture FILE      begin with what the clients of this capture did, too; may be given several times\n"
    "  --at-once N         conversations at one time, 1 to 256 (48)\n"
    "  --jobs N            so many campaigns side by side, each with a broker and a seed of its own (1)\n"
    "  --timeout S         how long the broker may take for an answer (1)\n"
    "  --memory-limit MIB  of the broker, which --run has started (2048)\n"
    "  --no-shrink         save findings as they came\n"
    "  --breaches-only     pass over differences that no statement explains\n"
    "  --strict            differences count as findings for the exit status\n"
    "  --json              write the result as JSON\n"
    "  --repro DIR         repeat one finding\n"
    "  --help              this text\n"
    "\n"
    "Each finding's directory holds finding.txt, plan.txt (what clients do), diagram.txt, capture.pcap, and "
    "scenario.c,\n"
    "an entry for a table of scenarios. Exit status: 0 nothing found; 1 findings; 2 wrong usage; 3 the target could "
    "not\n"
    "be reached or started.\n";

struct fuzz_options {
    struct campaign_options campaign;
    const char *captures[MOST_CAPTURES];
    unsigned jobs;
    const char *repro;
    bool json, strict, help;
};

/* ---- Options ------------------------------------------------------------------------------------------------- */

static bool complain(const char *what, const char *value) {
    fprintf(stderr, "mqspec fuzz: %s, not '%s'; 'mqspec fuzz --help' tells the options\n", what, value);
    return false;
}

static bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *number) {
    char *end;
    errno = 0;
    unsigned long long read = strtoull(text, &end, 10);
    *number = read;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && read >= least && read <= most;
}

static bool read_time(const char *text, microseconds *time) {
    char *end;
    double number = strtod(text, &end);
    double unit = strcmp(end, "h") == 0 ? 3600 : strcmp(end, "m") == 0 ? 60 : 1;
    bool known = *end == '\0' || strcmp(end, "s") == 0 || unit > 1;
    if (end == text || !known || !isfinite(number) || number * unit < 0.01 || number * unit > 1e8)
        return false;
    *time = (microseconds)(number * unit * (double)MICROSECONDS_PER_SECOND);
    return true;
}

enum {
    RUN = 256,
    TARGET,
    TIME,
    COUNT,
    FINDINGS,
    SEED,
    OUT,
    CAPTURE,
    AT_ONCE,
    JOBS,
    TIMEOUT,
    MEMORY,
    NO_SHRINK,
    BREACHES_ONLY,
    STRICT,
    JSON,
    REPRO,
    HELP
};

static const struct option long_options[] = {
    {"run", required_argument, NULL, RUN},
    {"target", required_argument, NULL, TARGET},
    {"time", required_argument, NULL, TIME},
    {"count", required_argument, NULL, COUNT},
    {"findings", required_argument, NULL, FINDINGS},
    {"seed", required_argument, NULL, SEED},
    {"out", required_argument, NULL, OUT},
    {"capture", required_argument, NULL, CAPTURE},
    {"at-once", required_argument, NULL, AT_ONCE},
    {"jobs", required_argument, NULL, JOBS},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"memory-limit", required_argument, NULL, MEMORY},
    {"no-shrink", no_argument, NULL, NO_SHRINK},
    {"strict", no_argument, NULL, STRICT},
    {"breaches-only", no_argument, NULL, BREACHES_ONLY},
    {"json", no_argument, NULL, JSON},
    {"repro", required_argument, NULL, REPRO},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static bool take_numeric(struct fuzz_options *options, int option, const char *text) {
    struct campaign_options *campaign = &options->campaign;
    uint64_t number = 0;
    switch (option) {
    case COUNT:
        return read_number(text, 1, UINT64_MAX, &campaign->conversations) ||
               complain("--count takes a number of conversations", text);
    case SEED:
        return read_number(text, 0, UINT64_MAX, &campaign->seed) || complain("--seed takes a number", text);
    case FINDINGS:
        if (!read_number(text, 1, 500, &number))
            return complain("--findings takes a number from 1 to 500", text);
        campaign->findings = (unsigned)number;
        return true;
    case AT_ONCE:
        if (!read_number(text, 1, CAMPAIGN_MOST_AT_ONCE, &number))
            return complain("--at-once takes a number from 1 to 256", text);
        campaign->at_once = (unsigned)number;
        return true;
    case JOBS:
        if (!read_number(text, 1, MOST_JOBS, &number))
            return complain("--jobs takes a number from 1 to 64", text);
        options->jobs = (unsigned)number;
        return true;
    default:
        if (!read_number(text, 1, 1u << 24, &number))
            return complain("--memory-limit takes a number of MiB", text);
        campaign->memory_limit = number << 20;
        return true;
    }
}

static bool take_option(struct fuzz_options *options, int option, const char *text) {
    struct campaign_options *campaign = &options->campaign;
    switch (option) {
    case RUN:
        campaign->command = text;
        return strstr(text, "{port}") != NULL || complain("--run takes a command with {port} in it", text);
    case TARGET:
        campaign->target = text;
        return true;
    case TIME:
        return read_time(text, &campaign->duration) || complain("--time takes seconds, or 90s, 30m, 8h", text);
    case TIMEOUT:
        return read_time(text, &campaign->patience) || complain("--timeout takes seconds", text);
    case OUT:
        campaign->directory = text;
        return true;
    case CAPTURE:
        if (campaign->capture_count == MOST_CAPTURES)
            return complain("at most 64 captures can be given", text);
        options->captures[campaign->capture_count++] = text;
        return true;
    case NO_SHRINK:
        campaign->shrinks = false;
        return true;
    case BREACHES_ONLY:
        campaign->breaches_only = true;
        return true;
    case STRICT:
        return options->strict = true;
    case JSON:
        return options->json = true;
    case REPRO:
        options->repro = text;
        return true;
    case HELP:
        return options->help = true;
    case '?':
        fputs("'mqspec fuzz --help' tells the options\n", stderr);
        return false;
    default:
        return take_numeric(options, option, text);
    }
}

static bool parse(struct fuzz_options *options, int count, char **arguments) {
    int option;
    options->jobs = 1;
    options->campaign = (struct campaign_options){
        .duration = 60 * MICROSECONDS_PER_SECOND,
        .seed = (uint64_t)time(NULL),
        .directory = "findings",
        .at_once = 48,
        .patience = MICROSECONDS_PER_SECOND,
        .memory_limit = UINT64_C(2048) << 20,
        .shrinks = true,
        .shows_progress = isatty(STDERR_FILENO),
        .captures = (char *const *)options->captures,
    };
    while ((option = getopt_long(count, arguments, "", long_options, NULL)) != -1)
        if (!take_option(options, option, optarg))
            return false;
    if (options->help)
        return true;
    if (optind < count)
        return complain("it takes options only", arguments[optind]);
    if ((options->campaign.command == NULL) == (options->campaign.target == NULL)) {
        fputs("mqspec fuzz: it needs a broker: either --run 'CMD with {port}' or --target HOST:PORT\n", stderr);
        return false;
    }
    return true;
}

/* ---- Several at once ------------------------------------------------------------------------------------------ */

/* What a job tells; the findings follow. */
struct job_report {
    bool good;
    char reason[REASON_SIZE];
    struct campaign_result result;
};

static bool write_all(int descriptor, const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    while (length > 0) {
        ssize_t written = write(descriptor, at, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        at += written;
        length -= (size_t)written;
    }
    return true;
}

static bool read_all(int descriptor, void *bytes, size_t length) {
    uint8_t *at = bytes;
    while (length > 0) {
        ssize_t got = read(descriptor, at, length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        length -= (size_t)got;
    }
    return true;
}

static void run_job(const struct fuzz_options *options, unsigned index, int descriptor) {
    struct campaign_options own = options->campaign;
    struct job_report *report = calloc(1, sizeof *report);
    if (report == NULL)
        _exit(EXIT_UNREACHABLE);
    own.seed += index;
    own.shows_progress = own.shows_progress && index == 0;
    report->good = campaign_run(&own, &report->result, report->reason, sizeof report->reason);
    bool told = write_all(descriptor, report, sizeof *report) &&
                write_all(descriptor, report->result.findings, report->result.count * sizeof *report->result.findings);
    _exit(told ? EXIT_HELD : EXIT_UNREACHABLE);
}

static bool add_findings(struct campaign_result *sum, const struct campaign_result *part) {
    for (size_t i = 0; i < part->count; i++) {
        const struct finding *finding = &part->findings[i];
        size_t at = 0;
        while (at < sum->count && strcmp(sum->findings[at].outcome.key, finding->outcome.key) != 0)
            at++;
        if (at < sum->count) {
            sum->findings[at].times += finding->times;
            continue;
        }
        struct finding *findings = realloc(sum->findings, (sum->count + 1) * sizeof *findings);
        if (findings == NULL)
            return false;
        sum->findings = findings;
        sum->findings[sum->count++] = *finding;
    }
    return true;
}

static bool add_result(struct campaign_result *sum, const struct campaign_result *part) {
    sum->conversations += part->conversations;
    sum->packets += part->packets;
    sum->shapes = part->shapes > sum->shapes ? part->shapes : sum->shapes;
    sum->restarts += part->restarts;
    sum->duration = part->duration > sum->duration ? part->duration : sum->duration;
    for (unsigned i = 0; i < part->sample_count; i++) {
        sum->samples[i].conversations += part->samples[i].conversations;
        sum->samples[i].shapes =
            part->samples[i].shapes > sum->samples[i].shapes ? part->samples[i].shapes : sum->samples[i].shapes;
        sum->samples[i].findings += part->samples[i].findings;
    }
    sum->sample_count = part->sample_count > sum->sample_count ? part->sample_count : sum->sample_count;
    for (unsigned i = 0; i < SPEC_COUNT; i++)
        sum->reached[i] = sum->reached[i] || part->reached[i];
    return add_findings(sum, part);
}

static bool read_report(int descriptor, struct campaign_result *result, char *reason, size_t reason_size) {
    struct job_report *report = calloc(1, sizeof *report);
    bool good = report != NULL && read_all(descriptor, report, sizeof *report);
    if (!good)
        snprintf(reason, reason_size, "one of the jobs ended without a result");
    struct finding *findings = good ? calloc(report->result.count + 1, sizeof *findings) : NULL;
    good = good && findings != NULL && read_all(descriptor, findings, report->result.count * sizeof *findings);
    if (good && !report->good)
        snprintf(reason, reason_size, "%s", report->reason);
    good = good && report->good;
    if (good) {
        report->result.findings = findings;
        good = add_result(result, &report->result);
    }
    free(findings);
    free(report);
    return good;
}

static bool run_jobs(const struct fuzz_options *options, struct campaign_result *result, char *reason,
                     size_t reason_size) {
    int pipes[MOST_JOBS];
    pid_t children[MOST_JOBS];
    bool good = true;
    unsigned started = 0;
    memset(result, 0, sizeof *result);
    for (; started < options->jobs; started++) {
        int ends[2];
        if (pipe(ends) != 0 || (children[started] = fork()) < 0) {
            snprintf(reason, reason_size, "a job cannot be started: %s", strerror(errno));
            good = false;
            break;
        }
        if (children[started] == 0) {
            close(ends[0]);
            run_job(options, started, ends[1]);
        }
        close(ends[1]);
        pipes[started] = ends[0];
    }
    for (unsigned i = 0; i < started; i++) {
        good = read_report(pipes[i], result, reason, reason_size) && good;
        close(pipes[i]);
        while (waitpid(children[i], NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    return good;
}

/* ---- What is told ---------------------------------------------------------------------------------------------- */

static double seconds_of(microseconds time) {
    return (double)time / (double)MICROSECONDS_PER_SECOND;
}

static unsigned count_reached(const struct campaign_result *result) {
    unsigned count = 0;
    for (unsigned i = 0; i < SPEC_COUNT; i++)
        count += result->reached[i];
    return count;
}

/* Shapes of answers over the time, so that one sees whether more time is worth it. */
static void plot(const struct campaign_result *result) {
    uint64_t most = result->shapes;
    if (result->sample_count < 2 || most == 0)
        return;
    puts("\nshapes of answers seen, over the time");
    for (unsigned row = PLOT_ROWS; row > 0; row--) {
        printf("%8llu |", (unsigned long long)(most * row / PLOT_ROWS));
        for (unsigned i = 0; i < result->sample_count; i++)
            putchar(result->samples[i].shapes * PLOT_ROWS >= most * row                 ? '#'
                    : result->samples[i].shapes * PLOT_ROWS * 2 >= most * (2 * row - 1) ? '.'
                                                                                        : ' ');
        putchar('\n');
    }
    printf("         +%.*s\n", (int)result->sample_count,
           "------------------------------------------------------------");
    printf("          0 %*.0f s\n", (int)result->sample_count - 2, seconds_of(result->duration));
}

static void tell_finding(const struct finding *finding) {
    const struct outcome *outcome = &finding->outcome;
    printf("\n%s", outcome_name(outcome->kind));
    for (unsigned i = 0; i < outcome->statement_count && i < 4; i++)
        printf("%s%s", i == 0 ? " of " : i == 1 ? ", or perhaps " : ", ", spec_name(outcome->statements[i]));
    printf("\n  %s\n", outcome->what);
    printf("  seen %llu times, first after %.1f s; %u steps%s\n", (unsigned long long)finding->times,
           seconds_of(finding->after), finding->steps,
           finding->steady ? "" : "; not each time when it was tried again");
    if (finding->directory[0] != '\0')
        printf("  %s\n", finding->directory);
}

static void tell_text(const struct campaign_result *result, uint64_t seed) {
    double seconds = seconds_of(result->duration);
    plot(result);
    for (size_t i = 0; i < result->count; i++)
        tell_finding(&result->findings[i]);
    printf(
        "\n%llu conversations in %.0f s, %.0f a second, %llu packets; %llu shapes of answers, %u statements reached; "
        "%u restarts; seed %llu\n",
        (unsigned long long)result->conversations, seconds, (double)result->conversations / seconds,
        (unsigned long long)result->packets, (unsigned long long)result->shapes, count_reached(result),
        result->restarts, (unsigned long long)seed);
    printf("%zu finding%s\n", result->count, result->count == 1 ? "" : "s");
}

static void tell_json(const struct campaign_result *result, uint64_t seed) {
    struct json_writer json;
    json_begin(&json, stdout);
    json_open_object(&json, NULL);
    json_number(&json, "seed", seed);
    json_number(&json, "milliseconds", result->duration / 1000);
    json_number(&json, "conversations", result->conversations);
    json_number(&json, "packets", result->packets);
    json_number(&json, "shapes", result->shapes);
    json_number(&json, "statements_reached", count_reached(result));
    json_number(&json, "restarts", result->restarts);
    json_open_list(&json, "findings");
    for (size_t i = 0; i < result->count; i++) {
        const struct finding *finding = &result->findings[i];
        json_open_object(&json, NULL);
        json_text(&json, "kind", outcome_name(finding->outcome.kind));
        json_open_list(&json, "statements");
        for (unsigned k = 0; k < finding->outcome.statement_count; k++)
            json_text(&json, NULL, spec_name(finding->outcome.statements[k]));
        json_close_list(&json);
        json_text(&json, "what", finding->outcome.what);
        json_number(&json, "times", finding->times);
        json_number(&json, "after_milliseconds", finding->after / 1000);
        json_number(&json, "steps", finding->steps);
        json_flag(&json, "steady", finding->steady);
        json_text(&json, "directory", finding->directory);
        json_close_object(&json);
    }
    json_close_list(&json);
    json_close_object(&json);
    putchar('\n');
}

static int status_of(const struct campaign_result *result, bool strict) {
    for (size_t i = 0; i < result->count; i++)
        if (strict || result->findings[i].outcome.kind != OUTCOME_DIFFERENCE)
            return EXIT_BREACH;
    return EXIT_HELD;
}

static int fuzz(const struct fuzz_options *options) {
    struct campaign_result result;
    char reason[REASON_SIZE] = "";
    bool good = options->jobs > 1 ? run_jobs(options, &result, reason, sizeof reason)
                                  : campaign_run(&options->campaign, &result, reason, sizeof reason);
    if (!good)
        fprintf(stderr, "mqspec fuzz: %s\n", reason);
    int status = good ? status_of(&result, options->strict) : EXIT_UNREACHABLE;
    if (good && options->json)
        tell_json(&result, options->campaign.seed);
    else if (good || result.count > 0)
        tell_text(&result, options->campaign.seed);
    campaign_result_free(&result);
    return status;
}

static int repeat(const struct fuzz_options *options) {
    struct outcome outcome;
    char reason[REASON_SIZE];
    if (!campaign_repeat(&options->campaign, options->repro, &outcome, reason, sizeof reason)) {
        fprintf(stderr, "mqspec fuzz: %s\n", reason);
        return EXIT_UNREACHABLE;
    }
    if (outcome.kind == OUTCOME_HELD) {
        puts("it does not show: the target does what it should");
        return EXIT_HELD;
    }
    tell_finding(&(struct finding){.outcome = outcome, .times = 1, .steady = true});
    return outcome.kind == OUTCOME_DIFFERENCE && !options->strict ? EXIT_HELD : EXIT_BREACH;
}

int command_fuzz(int count, char **arguments) {
    struct fuzz_options options = {.jobs = 1};
    if (!parse(&options, count, arguments))
        return EXIT_USAGE;
    if (options.help) {
        fputs(help, stdout);
        return EXIT_HELD;
    }
    return options.repro != NULL ? repeat(&options) : fuzz(&options);
}
