/* The loop of a campaign. */
#include "fuzz/campaign_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reference/signals.h"

#define LOOK_INTERVAL MICROSECONDS_PER_SECOND       /* at what the target holds */
#define SHOW_INTERVAL (MICROSECONDS_PER_SECOND / 4) /* the status line */
#define HANG_TIME     (5 * MICROSECONDS_PER_SECOND)
/* At first an answer is waited for so many times shorter; what seems to be missing is then waited for longer. */
#define HASTE             4u
#define MOST_KEPT         4000u
#define SPARE_DESCRIPTORS 1000u

/* ---- The target -------------------------------------------------------------------------------------------- */

static bool restart(struct campaign *campaign) {
    subject_stop(&campaign->subject);
    if (campaign->subject.command == NULL ||
        !subject_start(&campaign->subject, campaign->reason, campaign->reason_size)) {
        campaign->lost = true;
        return false;
    }
    campaign->target.address = campaign->subject.address;
    campaign->result->restarts++;
    return true;
}

/* What a sanitizer sums up, or how the process ended: the same for the same fault. */
static void name_crash(struct outcome *outcome, const char *words) {
    const char *summary = strstr(words, "SUMMARY: ");
    const char *start = summary != NULL ? summary + strlen("SUMMARY: ") : words;
    size_t length = strcspn(start, "\n");
    size_t room = sizeof outcome->key - sizeof "crash-";
    snprintf(outcome->key, sizeof outcome->key, "crash-%.*s", (int)(length < room ? length : room), start);
    for (char *at = outcome->key; *at != '\0'; at++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", *at) == NULL)
            *at = '_';
    snprintf(outcome->what, sizeof outcome->what, "%s", words);
}

/* It may have crashed, or hang; then it is started again. */
static void look_for_end(struct campaign *campaign, bool was_silent, struct outcome *outcome) {
    if (subject_has_ended(&campaign->subject, outcome->kind == OUTCOME_UNREACHABLE)) {
        outcome->kind = OUTCOME_CRASH;
        name_crash(outcome, process_last_words(campaign->subject.process));
        (void)restart(campaign);
    } else if (was_silent && campaign->subject.answers && !subject_answers(&campaign->subject, HANG_TIME)) {
        outcome->kind = OUTCOME_HANG;
        snprintf(outcome->key, sizeof outcome->key, "hang");
        snprintf(outcome->what, sizeof outcome->what, "it runs, and does not answer CONNECT within 5 s");
        (void)restart(campaign);
    }
}

/* Nothing at all came back. */
static bool was_silent(const struct talk *talk) {
    return talk->verdict == TALK_DIFFERS && talk->observed.count == 0;
}

/* ---- Turns ------------------------------------------------------------------------------------------------- */

static void run_talks(struct campaign *campaign, microseconds deadline) {
    event_loop_wait(campaign->loop, deadline);
    microseconds now = event_loop_now(campaign->loop);
    for (unsigned i = 0; i < campaign->options->at_once; i++)
        if (campaign->busy[i] && campaign->talks[i].verdict == TALK_GOES_ON &&
            talk_deadline(&campaign->talks[i]) <= now)
            talk_tick(&campaign->talks[i], now);
}

/* The first of the deadlines of those that go on. */
static microseconds next_deadline(const struct campaign *campaign, microseconds deadline) {
    for (unsigned i = 0; i < campaign->options->at_once; i++) {
        if (!campaign->busy[i] || campaign->talks[i].verdict != TALK_GOES_ON)
            continue;
        microseconds own = talk_deadline(&campaign->talks[i]);
        deadline = own < deadline ? own : deadline;
    }
    return deadline;
}

/* ---- Which conversation comes next ---------------------------------------------------------------------------- */

static bool choose_changed(struct campaign *campaign) {
    struct random *random = &campaign->random;
    const struct plan_list *list = &campaign->kept;
    if (list->count == 0)
        return plan_generate(random, &campaign->plan);
    const struct plan *from = &list->plans[random_below(random, (uint32_t)list->count)];
    const struct plan *other = &list->plans[random_below(random, (uint32_t)list->count)];
    return plan_mutate(random, &campaign->plan, from, other);
}

/* Conversations that wait would soon be all that there is: half of the room is for others. */
static bool has_room_for_waiting(const struct campaign *campaign) {
    unsigned waiting = 0;
    for (unsigned i = 0; i < campaign->options->at_once; i++)
        waiting += campaign->busy[i] && plan_waits(&campaign->talks[i].plan) > 0;
    return waiting < campaign->options->at_once / 2;
}

/* False where there is none this time. */
static bool choose_plan(struct campaign *campaign) {
    campaign->is_seed = campaign->next_slow < campaign->slow_seeds.count || campaign->next_seed < campaign->seeds.count;
    if (campaign->next_slow < campaign->slow_seeds.count && has_room_for_waiting(campaign))
        return plan_copy(&campaign->plan, &campaign->slow_seeds.plans[campaign->next_slow++]);
    if (campaign->next_seed < campaign->seeds.count)
        return plan_copy(&campaign->plan, &campaign->seeds.plans[campaign->next_seed++]);
    campaign->is_seed = false;
    if (random_one_in(&campaign->random, 2))
        return plan_generate(&campaign->random, &campaign->plan);
    return choose_changed(campaign);
}

/* Bits of enum scenario_versions, of all that its clients want to speak. */
static unsigned versions_of(const struct plan *plan) {
    unsigned versions = 0;
    for (unsigned i = 0; i < plan->count; i++) {
        struct mqtt_bytes bytes = plan_bytes(plan, &plan->steps[i]);
        if (plan->steps[i].kind != PLAN_SEND || bytes.length < 9 || bytes.data[0] != MQTT_CONNECT << 4)
            continue;
        versions |= memcmp(bytes.data + 2, "\0\6MQIsd", 7) == 0 ? IN_3_1
                    : bytes.data[8] == MQTT_5_0                 ? IN_5_0
                                                                : IN_3_1_1;
    }
    return versions;
}

static void begin_conversation(struct campaign *campaign) {
    unsigned free = 0;
    while (campaign->busy[free])
        free++;
    campaign->busy[free] = true;
    campaign->active++;
    talk_start(&campaign->talks[free], &campaign->target, &campaign->memory, &campaign->plan, ++campaign->number);
}

static void begin_conversations(struct campaign *campaign) {
    while (campaign->active < campaign->options->at_once) {
        if (!choose_plan(campaign))
            return;
        if (plan_waits(&campaign->plan) > 0 && !has_room_for_waiting(campaign))
            continue;
        if ((versions_of(&campaign->plan) & ~campaign->subject.versions) != 0 ||
            !plan_keeps_to_itself(&campaign->plan, !campaign->is_seed))
            continue;
        begin_conversation(campaign);
    }
}

/* ---- What a conversation shows ------------------------------------------------------------------------------- */

static bool note_shape(struct campaign *campaign, uint64_t hash) {
    uint32_t place = (uint32_t)((hash * UINT64_C(0x9E3779B97F4A7C15)) >> 48) % CAMPAIGN_SHAPES;
    uint8_t bit = (uint8_t)(1u << (place % 8));
    if ((campaign->shapes[place / 8] & bit) != 0)
        return false;
    campaign->shapes[place / 8] |= bit;
    campaign->result->shapes++;
    return true;
}

/* What came, behind what, and what the client had sent. */
static bool is_new(struct campaign *campaign, const struct talk *talk) {
    uint64_t before[PLAN_LINKS] = {0};
    bool is = false;
    for (uint32_t i = 0; i < talk->observed.count; i++) {
        const struct script_item *item = &talk->observed.items[i];
        uint64_t shape = item->kind == SCRIPT_CLOSED ? 1 : 2;
        if (item->kind == SCRIPT_RECEIVE && item->decoded)
            shape = (uint64_t)item->packet.type << 16 | (uint64_t)item->packet.flags << 8 |
                    mqtt_packet_reason(&item->packet);
        shape = shape << 3 | (item->version & 7);
        is = note_shape(campaign, before[item->link] << 32 ^ shape) || is;
        before[item->link] = shape;
    }
    return is;
}

static void keep(struct campaign *campaign, const struct plan *plan) {
    if (campaign->kept.count < MOST_KEPT)
        (void)plan_list_add(&campaign->kept, plan);
    uint64_t reached[SPEC_COUNT];
    if (!script_rehearse(&campaign->judge.script, &campaign->judge.memory, plan, &campaign->target.settings, SPEC_NONE,
                         reached))
        return;
    for (unsigned i = 0; i < SPEC_COUNT; i++)
        campaign->result->reached[i] = campaign->result->reached[i] || reached[i] > 0;
}

/* A conversation is over, and its place is free. */
static void put_away(struct campaign *campaign, unsigned index) {
    talk_stop(&campaign->talks[index]);
    campaign->busy[index] = false;
    campaign->active--;
    campaign->result->conversations++;
    campaign->result->packets += campaign->talks[index].packets;
}

static bool is_known(const struct campaign *campaign, const char *key) {
    for (size_t i = 0; i < campaign->result->count; i++)
        if (strcmp(campaign->result->findings[i].outcome.key, key) == 0)
            return true;
    for (unsigned i = 0; i < campaign->pending_count; i++)
        if (strcmp(campaign->pending[i].outcome.key, key) == 0)
            return true;
    return false;
}

/* What may be a finding waits until there is time to try it again. One of a kind is enough. */
static void put_aside(struct campaign *campaign, const struct talk *talk, const struct outcome *outcome) {
    struct pending *added = &campaign->pending[campaign->pending_count];
    if (is_known(campaign, outcome->key)) {
        finding_count(campaign, outcome->key);
        return;
    }
    if (campaign->pending_count == CAMPAIGN_PENDING || !plan_copy(&added->plan, &talk->plan))
        return;
    added->outcome = *outcome;
    added->was_silent = was_silent(talk);
    campaign->pending_count++;
}

static void finish(struct campaign *campaign, unsigned index) {
    struct talk *talk = &campaign->talks[index];
    struct outcome outcome;
    put_away(campaign, index);
    judge_talk(&campaign->judge, talk, &outcome);
    if (outcome.kind == OUTCOME_UNREACHABLE) {
        campaign->unreachable = true;
        return;
    }
    if (is_new(campaign, talk))
        keep(campaign, &talk->plan);
    bool passed_over = outcome.kind == OUTCOME_DIFFERENCE && campaign->options->breaches_only;
    if ((outcome.kind != OUTCOME_HELD && !passed_over) || was_silent(talk))
        put_aside(campaign, talk, &outcome);
}

static void finish_all(struct campaign *campaign) {
    for (unsigned i = 0; i < campaign->options->at_once; i++)
        if (campaign->busy[i] && campaign->talks[i].verdict != TALK_GOES_ON)
            finish(campaign, i);
}

void campaign_try(struct campaign *campaign, const struct plan *plan, microseconds patience,
                  struct capture_writer *capture, struct outcome *outcome) {
    struct talk *talk = &campaign->trial;
    struct talk_target target = campaign->target;
    target.patience = patience;
    target.capture = capture;
    talk_start(talk, &target, &campaign->memory, plan, ++campaign->number);
    while (talk->verdict == TALK_GOES_ON) {
        begin_conversations(campaign);
        run_talks(campaign, next_deadline(campaign, talk_deadline(talk)));
        talk_tick(talk, event_loop_now(campaign->loop));
        finish_all(campaign);
    }
    talk_stop(talk);
    judge_talk(&campaign->judge, talk, outcome);
    look_for_end(campaign, was_silent(talk), outcome);
}

/* Looks closer at the first of those that were put aside. */
static void take_pending(struct campaign *campaign) {
    if (campaign->pending_count == 0)
        return;
    struct pending first = campaign->pending[0];
    campaign->pending_count--;
    memmove(campaign->pending, campaign->pending + 1, campaign->pending_count * sizeof first);
    memset(&campaign->pending[campaign->pending_count], 0, sizeof first);
    look_for_end(campaign, first.was_silent, &first.outcome);
    bool passed_over = first.outcome.kind == OUTCOME_DIFFERENCE && campaign->options->breaches_only;
    if (first.outcome.kind != OUTCOME_HELD && !passed_over)
        finding_take(campaign, &first.plan, &first.outcome);
    plan_release(&first.plan);
}

/* The process has ended, and one of those that go on has done it. */
static void find_culprit(struct campaign *campaign) {
    const struct campaign_options *options = campaign->options;
    struct outcome outcome = {.kind = OUTCOME_HELD};
    struct plan_list suspects = {.count = 0};
    for (unsigned i = 0; i < campaign->options->at_once; i++)
        if (campaign->busy[i]) {
            talk_stop(&campaign->talks[i]);
            talk_unname(&campaign->talks[i]);
            campaign->busy[i] = false;
            (void)plan_list_add(&suspects, &campaign->talks[i].plan);
        }
    campaign->active = 0;
    look_for_end(campaign, false, &outcome);
    struct outcome first = outcome;
    bool found = false;
    for (size_t i = 0; i < suspects.count && !found && !campaign->lost; i++) {
        campaign_try(campaign, &suspects.plans[i], options->patience, NULL, &outcome);
        found = outcome.kind == OUTCOME_CRASH;
        if (found)
            finding_take(campaign, &suspects.plans[i], &outcome);
    }
    if (!found && suspects.count > 0)
        finding_take(campaign, &suspects.plans[suspects.count - 1], &first);
    plan_list_release(&suspects);
}

/* ---- The loop ----------------------------------------------------------------------------------------------- */

static unsigned count_reached(const struct campaign_result *result) {
    unsigned count = 0;
    for (unsigned i = 0; i < SPEC_COUNT; i++)
        count += result->reached[i];
    return count;
}

static void show_progress(struct campaign *campaign, microseconds now) {
    const struct campaign_result *result = campaign->result;
    if (!campaign->options->shows_progress || now - campaign->shown < SHOW_INTERVAL)
        return;
    double seconds = (double)(now - campaign->began) / (double)MICROSECONDS_PER_SECOND;
    campaign->shown = now;
    fprintf(stderr, "\r%6.0f s  %llu conversations, %.0f/s  %llu shapes of answers  %u statements  %zu findings\033[K",
            seconds, (unsigned long long)result->conversations, (double)result->conversations / seconds,
            (unsigned long long)result->shapes, count_reached(result), result->count);
}

static void take_samples(struct campaign *campaign, microseconds now) {
    struct campaign_result *result = campaign->result;
    microseconds each = campaign->options->duration / CAMPAIGN_SAMPLES + 1;
    while (result->sample_count < CAMPAIGN_SAMPLES && (now - campaign->began) / each > result->sample_count)
        result->samples[result->sample_count++] =
            (struct campaign_sample){result->conversations, result->shapes, (uint32_t)result->count};
}

/* It may hold more and more. */
static void look_at_use(struct campaign *campaign, microseconds now) {
    struct outcome outcome = {.kind = OUTCOME_MEMORY};
    if (now - campaign->looked < LOOK_INTERVAL)
        return;
    campaign->looked = now;
    struct subject_use use = subject_use(&campaign->subject);
    unsigned most = campaign->options->at_once * PLAN_LINKS + SPARE_DESCRIPTORS;
    if (use.memory <= campaign->options->memory_limit && use.descriptors <= most)
        return;
    snprintf(outcome.key, sizeof outcome.key, use.descriptors > most ? "memory-descriptors" : "memory");
    snprintf(outcome.what, sizeof outcome.what, "after %llu conversations it holds %llu MiB and %u descriptors",
             (unsigned long long)campaign->result->conversations, (unsigned long long)(use.memory >> 20),
             use.descriptors);
    finding_take(campaign, &campaign->plan, &outcome);
    (void)restart(campaign);
}

static bool is_over(const struct campaign *campaign, const struct signals *signals) {
    const struct campaign_options *options = campaign->options;
    const struct campaign_result *result = campaign->result;
    return signals->stop || campaign->lost || event_loop_now(campaign->loop) - campaign->began >= options->duration ||
           (options->findings > 0 && result->count >= options->findings) ||
           (options->conversations > 0 && result->conversations >= options->conversations);
}

static void converse(struct campaign *campaign, const struct signals *signals) {
    microseconds end = campaign->began + campaign->options->duration;
    while (!is_over(campaign, signals)) {
        begin_conversations(campaign);
        run_talks(campaign, next_deadline(campaign, end));
        finish_all(campaign);
        if (subject_has_ended(&campaign->subject, campaign->unreachable))
            find_culprit(campaign);
        campaign->unreachable = false;
        take_pending(campaign);
        microseconds now = event_loop_now(campaign->loop);
        look_at_use(campaign, now);
        take_samples(campaign, now);
        show_progress(campaign, now);
    }
    if (campaign->options->shows_progress)
        fputs("\r\033[K", stderr);
}

/* ---- Beginning and end ---------------------------------------------------------------------------------------- */

/* Those that wait, and those that do not. */
static bool sort_seeds(struct campaign *campaign, const struct plan_list *seeds) {
    for (size_t i = 0; i < seeds->count; i++) {
        const struct plan *plan = &seeds->plans[i];
        if (!plan_list_add(plan_waits(plan) > 0 ? &campaign->slow_seeds : &campaign->seeds, plan)) {
            snprintf(campaign->reason, campaign->reason_size, "no memory for the seeds");
            return false;
        }
    }
    return true;
}

static bool read_seeds(struct campaign *campaign) {
    const struct campaign_options *options = campaign->options;
    struct plan_list seeds = {.count = 0};
    bool good = true;
    for (size_t i = 0; i < options->capture_count && good; i++)
        good = plan_list_capture(&seeds, options->captures[i], campaign->reason, campaign->reason_size);
    good = good && plan_list_scenarios(&seeds, campaign->reason, campaign->reason_size);
    good = good && sort_seeds(campaign, &seeds);
    plan_list_release(&seeds);
    return good;
}

static bool find_target(struct campaign *campaign) {
    const struct campaign_options *options = campaign->options;
    const char *why;
    bool usage;
    campaign->subject = (struct subject){.loop = campaign->loop, .command = options->command};
    if (options->command == NULL && !address_parse(&campaign->subject.address, options->target, &why, &usage)) {
        snprintf(campaign->reason, campaign->reason_size, "--target '%s': %s", options->target, why);
        return false;
    }
    campaign->target = (struct talk_target){
        .loop = campaign->loop, .settings = broker_default_settings(), .patience = options->patience / HASTE};
    if (!subject_start(&campaign->subject, campaign->reason, campaign->reason_size))
        return false;
    subject_look(&campaign->subject, &campaign->target.settings);
    campaign->target.address = campaign->subject.address;
    campaign->target.settings.own_topic_aliases = 0;
    return true;
}

static bool begin(struct campaign *campaign) {
    const struct campaign_options *options = campaign->options;
    /* Seeded so that the same seed gives the same plans; names differ from run to run, as what others left might be
     * there still. */
    campaign->random.state = options->seed;
    campaign->number = ((uint64_t)getpid() << 32) ^ (options->seed << 20);
    campaign->talks = calloc(options->at_once, sizeof *campaign->talks);
    campaign->busy = calloc(options->at_once, sizeof *campaign->busy);
    if (campaign->talks == NULL || campaign->busy == NULL) {
        snprintf(campaign->reason, campaign->reason_size, "no memory");
        return false;
    }
    return find_target(campaign);
}

static void end(struct campaign *campaign) {
    for (unsigned i = 0; campaign->talks != NULL && i < campaign->options->at_once; i++)
        talk_release(&campaign->talks[i]);
    free(campaign->talks);
    free(campaign->busy);
    talk_release(&campaign->trial);
    subject_stop(&campaign->subject);
    plan_release(&campaign->plan);
    plan_list_release(&campaign->seeds);
    for (unsigned i = 0; i < CAMPAIGN_PENDING; i++)
        plan_release(&campaign->pending[i].plan);
    plan_list_release(&campaign->slow_seeds);
    plan_list_release(&campaign->kept);
    judge_release(&campaign->judge);
    fuzz_memory_end(&campaign->memory);
    event_loop_destroy(campaign->loop);
    free(campaign);
}

static struct campaign *create(const struct campaign_options *options, struct campaign_result *result, char *reason,
                               size_t reason_size) {
    struct campaign *campaign = calloc(1, sizeof *campaign);
    if (campaign != NULL)
        campaign->loop = event_loop_create();
    if (campaign == NULL || campaign->loop == NULL) {
        snprintf(reason, reason_size, "it cannot begin: %s", strerror(errno));
        free(campaign);
        return NULL;
    }
    campaign->options = options;
    campaign->result = result;
    campaign->reason = reason;
    campaign->reason_size = reason_size;
    return campaign;
}

bool campaign_run(const struct campaign_options *options, struct campaign_result *result, char *reason,
                  size_t reason_size) {
    struct signals signals;
    memset(result, 0, sizeof *result);
    struct campaign *campaign = create(options, result, reason, reason_size);
    if (campaign == NULL)
        return false;
    bool good = signals_begin(&signals, campaign->loop);
    bool caught = good;
    if (!good)
        snprintf(reason, reason_size, "signals cannot be waited for: %s", strerror(errno));
    good = good && begin(campaign) && read_seeds(campaign);
    if (good) {
        event_loop_wait(campaign->loop, 0);
        campaign->began = campaign->looked = campaign->shown = event_loop_now(campaign->loop);
        converse(campaign, &signals);
        result->duration = event_loop_now(campaign->loop) - campaign->began;
        good = !campaign->lost || campaign->subject.command == NULL;
    }
    if (caught)
        signals_end(&signals, campaign->loop);
    end(campaign);
    return good;
}

void campaign_result_free(struct campaign_result *result) {
    free(result->findings);
    result->findings = NULL;
    result->count = result->capacity = 0;
}

bool campaign_repeat(const struct campaign_options *options, const char *directory, struct outcome *outcome,
                     char *reason, size_t reason_size) {
    struct campaign_result result = {.count = 0};
    char path[400];
    unsigned line;
    snprintf(path, sizeof path, "%s/plan.txt", directory);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        snprintf(reason, reason_size, "%s: %s", path, strerror(errno));
        return false;
    }
    struct campaign *campaign = create(options, &result, reason, reason_size);
    bool good = campaign != NULL && plan_read(&campaign->plan, file, &line);
    if (campaign != NULL && !good)
        snprintf(reason, reason_size, "%s: line %u is no step of a plan", path, line);
    fclose(file);
    good = good && begin(campaign);
    if (good)
        campaign_try(campaign, &campaign->plan, options->patience, NULL, outcome);
    if (campaign != NULL)
        end(campaign);
    return good;
}
