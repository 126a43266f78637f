/* What campaign.c and finding.c share. */
#ifndef MQSPEC_CAMPAIGN_INTERNAL_H
#define MQSPEC_CAMPAIGN_INTERNAL_H

#include "fuzz/campaign.h"

#define CAMPAIGN_SHAPES   (1u << 16)
#define CAMPAIGN_UNSTEADY 256u

#define CAMPAIGN_PENDING 64u

/* Something that may be a finding. */
struct pending {
    struct plan plan;
    struct outcome outcome;
    bool was_silent; /* nothing at all came back */
};

struct campaign {
    const struct campaign_options *options;
    struct campaign_result *result;
    struct event_loop *loop;
    struct subject subject;
    struct talk_target target;
    struct fuzz_memory memory;
    struct judge judge;
    struct random random;
    struct plan_list seeds;      /* tried first, one after the other */
    struct plan_list slow_seeds; /* the same, of those that wait */
    size_t next_seed, next_slow;
    bool is_seed;                         /* the plan is one of them */
    char unsteady[CAMPAIGN_UNSTEADY][64]; /* keys of what did not come again */
    unsigned unsteady_count;
    struct pending pending[CAMPAIGN_PENDING];
    unsigned pending_count;
    bool unreachable;      /* a connection could not be opened */
    struct plan_list kept; /* that showed something new; what mutation begins with */
    struct plan plan;      /* of the next conversation */
    struct talk *talks;    /* options->at_once */
    bool *busy;
    unsigned active;
    struct talk trial;
    uint64_t number; /* names conversations */
    uint8_t shapes[CAMPAIGN_SHAPES / 8];
    microseconds began, looked, shown;
    bool lost; /* the target is gone and cannot be started again */
    char *reason;
    size_t reason_size;
};

/* Plays one plan while no other conversation is begun, and judges it. With `capture` what passes is recorded. */
void campaign_try(struct campaign *campaign, const struct plan *plan, microseconds patience,
                  struct capture_writer *capture, struct outcome *outcome);

/* Something was found by this plan: counts it, or confirms, cuts down and saves it. */
void finding_take(struct campaign *campaign, const struct plan *plan, const struct outcome *outcome);

/* One more conversation that shows what is known. */
void finding_count(struct campaign *campaign, const char *key);

#endif
