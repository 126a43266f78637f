/* Findings: told apart, confirmed, cut down, saved. */
#include "fuzz/finding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/campaign_internal.h"

#define MOST_FINDINGS     500u
#define MOST_ATTEMPTS     5u /* to confirm what did not come again */
#define CONFIRMATIONS     3u
#define PATIENCE_IN_TRIAL 2u /* times that of the options */
#define MOST_TRIALS       60u
#define SHRINKING_TIME    (30 * MICROSECONDS_PER_SECOND)

/* ---- Told apart --------------------------------------------------------------------------------------------- */

static struct finding *find(struct campaign_result *result, const char *key) {
    for (size_t i = 0; i < result->count; i++)
        if (strcmp(result->findings[i].outcome.key, key) == 0)
            return &result->findings[i];
    return NULL;
}

static struct finding *add(struct campaign_result *result) {
    if (result->count == MOST_FINDINGS)
        return NULL;
    if (result->count == result->capacity) {
        size_t capacity = result->capacity == 0 ? 16 : result->capacity * 2;
        struct finding *findings = realloc(result->findings, capacity * sizeof *findings);
        if (findings == NULL)
            return NULL;
        result->findings = findings;
        result->capacity = capacity;
    }
    struct finding *added = &result->findings[result->count++];
    memset(added, 0, sizeof *added);
    return added;
}

/* ---- Confirmed and cut down ---------------------------------------------------------------------------------- */

static bool shows_again(struct campaign *campaign, const struct plan *plan, microseconds patience, const char *key,
                        struct outcome *outcome) {
    campaign_try(campaign, plan, patience, NULL, outcome);
    return strcmp(outcome->key, key) == 0;
}

static bool is_fatal(const struct outcome *outcome) {
    return outcome->kind == OUTCOME_HANG || outcome->kind == OUTCOME_CRASH;
}

/* Where the target hangs or ends meanwhile, that becomes the outcome. */
static bool is_steady(struct campaign *campaign, const struct plan *plan, struct outcome *outcome) {
    const struct outcome first = *outcome;
    microseconds patience = campaign->options->patience * PATIENCE_IN_TRIAL;
    for (unsigned i = 0; i < CONFIRMATIONS; i++) {
        bool again = !campaign->lost && shows_again(campaign, plan, patience, first.key, outcome);
        if (again)
            continue;
        if (!is_fatal(outcome))
            *outcome = first;
        return false;
    }
    return true;
}

/* Leaves out steps, many at first and then one by one, as long as the rest shows the same. */
static void shrink(struct campaign *campaign, struct plan *plan, struct outcome *outcome) {
    struct plan less = {.count = 0};
    struct outcome again;
    microseconds end = event_loop_now(campaign->loop) + SHRINKING_TIME;
    unsigned trials = 0;
    for (unsigned size = plan->count / 2; size > 0; size /= 2)
        for (unsigned at = plan->count; at > 0;) {
            unsigned first = at > size ? at - size : 0;
            bool is_time = trials++ < MOST_TRIALS && event_loop_now(campaign->loop) < end && !campaign->lost;
            bool smaller = is_time && plan_copy_without(&less, plan, first, at - first) && less.count > 0 &&
                           shows_again(campaign, &less, campaign->options->patience / 2, outcome->key, &again);
            if (smaller && plan_copy(plan, &less))
                *outcome = again;
            at = first < plan->count ? first : plan->count;
        }
    plan_release(&less);
}

/* ---- Saved ---------------------------------------------------------------------------------------------------- */

static FILE *create(const struct finding *finding, const char *name) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", finding->directory, name);
    return fopen(path, "w");
}

static void write_summary(const struct campaign *campaign, const struct finding *finding, FILE *file) {
    const struct outcome *outcome = &finding->outcome;
    fprintf(file, "%s: %s\n\n", outcome_name(outcome->kind), outcome->what);
    for (unsigned i = 0; i < outcome->statement_count; i++) {
        const struct spec_row *row = spec_row(outcome->statements[i]);
        fprintf(file, "%s %s: %s\n", i == 0 ? "statement" : "or perhaps", row->qualified, row->paraphrase);
    }
    fprintf(file, "\nfound in conversation %llu, seed %llu; %s\n", (unsigned long long)finding->conversation,
            (unsigned long long)campaign->options->seed,
            finding->steady ? "it came again three times of three" : "it did not come again each time of three");
    fprintf(file, "repeat it with: mqspec fuzz --repro %s %s '%s'\n", finding->directory,
            campaign->options->command != NULL ? "--run" : "--target",
            campaign->options->command != NULL ? campaign->options->command : campaign->options->target);
}

/* Plays it a last time, for the record. */
static void record(struct campaign *campaign, const struct finding *finding, const struct plan *plan) {
    char path[400], reason[200];
    struct outcome outcome;
    snprintf(path, sizeof path, "%s/capture.pcap", finding->directory);
    struct capture_writer *capture =
        capture_writer_open(path, UINT64_C(1767225600) * MICROSECONDS_PER_SECOND, reason, sizeof reason);
    if (capture == NULL || campaign->lost) {
        if (capture != NULL)
            (void)capture_writer_finish(capture);
        return;
    }
    campaign_try(campaign, plan, campaign->options->patience, capture, &outcome);
    if (!capture_writer_finish(capture))
        fprintf(stderr, "mqspec fuzz: %s could not be written whole\n", path);
}

static bool write_files(struct campaign *campaign, const struct finding *finding, const struct plan *plan) {
    FILE *files[4] = {create(finding, "plan.txt"), create(finding, "finding.txt"), create(finding, "diagram.txt"),
                      create(finding, "scenario.c")};
    bool written = true;
    for (unsigned i = 0; i < 4; i++)
        written = written && files[i] != NULL;
    if (written) {
        plan_write(plan, files[0]);
        write_summary(campaign, finding, files[1]);
        finding_draw(&campaign->trial.transcript, &finding->outcome, files[2]);
        finding_write_scenario(&campaign->trial.expected, &finding->outcome, files[3]);
    }
    for (unsigned i = 0; i < 4; i++)
        written = files[i] != NULL && fclose(files[i]) == 0 && written;
    return written;
}

static void save(struct campaign *campaign, struct finding *finding, const struct plan *plan) {
    const char *directory = campaign->options->directory;
    snprintf(finding->directory, sizeof finding->directory, "%s/%s", directory, finding->outcome.key);
    if ((mkdir(directory, 0777) != 0 && errno != EEXIST) || (mkdir(finding->directory, 0777) != 0 && errno != EEXIST)) {
        fprintf(stderr, "mqspec fuzz: %s cannot be made: %s\n", finding->directory, strerror(errno));
        finding->directory[0] = '\0';
        return;
    }
    record(campaign, finding, plan);
    if (!write_files(campaign, finding, plan))
        fprintf(stderr, "mqspec fuzz: not all of %s could be written: %s\n", finding->directory, strerror(errno));
}

static void tell(const struct campaign *campaign, const struct finding *finding) {
    const struct outcome *outcome = &finding->outcome;
    if (campaign->options->shows_progress)
        fputs("\r\033[K", stderr);
    fprintf(stderr, "%s%s%s: %s\n", outcome_name(outcome->kind), outcome->statement_count > 0 ? " of " : "",
            outcome->statement_count > 0 ? spec_name(outcome->statements[0]) : "", outcome->what);
}

/* What does not come again when it is tried alone was chance, a machine that was held up for instance. It is tried a
 * few times, and then forgotten. */
static bool is_forgotten(const struct campaign *campaign, const char *key) {
    unsigned times = 0;
    for (unsigned i = 0; i < campaign->unsteady_count; i++)
        times += strcmp(campaign->unsteady[i], key) == 0;
    return times >= MOST_ATTEMPTS || campaign->unsteady_count == CAMPAIGN_UNSTEADY;
}

static void note_unsteady(struct campaign *campaign, const char *key) {
    snprintf(campaign->unsteady[campaign->unsteady_count++], sizeof campaign->unsteady[0], "%s", key);
    campaign->result->unsteady++;
}

void finding_count(struct campaign *campaign, const char *key) {
    struct finding *known = find(campaign->result, key);
    if (known != NULL)
        known->times++;
}

void finding_take(struct campaign *campaign, const struct plan *plan, const struct outcome *outcome) {
    struct campaign_result *result = campaign->result;
    struct finding *known = find(result, outcome->key);
    struct plan own = {.count = 0};
    if (known != NULL)
        known->times++;
    if (known != NULL || is_forgotten(campaign, outcome->key))
        return;
    struct finding found = {.outcome = *outcome,
                            .conversation = result->conversations,
                            .times = 1,
                            .after = event_loop_now(campaign->loop) - campaign->began};
    if (!plan_copy(&own, plan)) {
        plan_release(&own);
        return;
    }
    bool can_repeat = outcome->kind != OUTCOME_MEMORY;
    found.steady = can_repeat && is_steady(campaign, &own, &found.outcome);
    bool is_chance = !found.steady && can_repeat && !is_fatal(&found.outcome);
    if (is_chance)
        note_unsteady(campaign, outcome->key);
    if (is_chance || find(result, found.outcome.key) != NULL) {
        plan_release(&own);
        return;
    }
    if (found.steady && campaign->options->shrinks)
        shrink(campaign, &own, &found.outcome);
    found.steps = own.count;
    struct finding *added = add(result);
    if (added != NULL) {
        *added = found;
        save(campaign, added, &own);
        tell(campaign, added);
    }
    plan_release(&own);
}
