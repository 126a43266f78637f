/* Fuzzing a broker over the network: many conversations at once, each judged; what is found is confirmed, cut down to
 * what matters, and saved. */
#ifndef MQSPEC_CAMPAIGN_H
#define MQSPEC_CAMPAIGN_H

#include "fuzz/judge.h"
#include "fuzz/subject.h"

#define CAMPAIGN_MOST_AT_ONCE 256u

struct campaign_options {
    const char *command; /* with {port}; or NULL */
    const char *target;  /* HOST:PORT; or NULL */
    microseconds duration;
    uint64_t conversations; /* after which it ends; 0: any number */
    unsigned findings;      /* after which it ends; 0: any number */
    uint64_t seed;
    const char *directory; /* receives the findings */
    unsigned at_once;
    microseconds patience;
    uint64_t memory_limit; /* bytes */
    bool shrinks;
    bool breaches_only; /* differences are passed over */
    bool shows_progress;
    char *const *captures; /* further seeds */
    size_t capture_count;
};

struct finding {
    struct outcome outcome;
    uint64_t conversation; /* the first that showed it, from 1 */
    uint64_t times;        /* conversations that showed it */
    microseconds after;    /* from the start */
    bool steady;           /* it came again three times of three */
    unsigned steps;        /* of the plan that is saved */
    char directory[300];   /* "" where nothing was saved */
};

#define CAMPAIGN_SAMPLES 60u

/* How far it was at a sixtieth of its time, for a plot. */
struct campaign_sample {
    uint64_t conversations, shapes;
    uint32_t findings;
};

struct campaign_result {
    struct finding *findings; /* owned */
    size_t count;
    size_t capacity;
    uint64_t conversations;
    uint64_t packets;
    uint64_t shapes; /* of answers, that were seen */
    unsigned restarts;
    uint64_t unsteady; /* findings that did not come again and were forgotten */
    microseconds duration;
    struct campaign_sample samples[CAMPAIGN_SAMPLES];
    unsigned sample_count;
    bool reached[SPEC_COUNT]; /* by the reference broker, in the conversations that were kept */
};

/* Runs until the time is up, or SIGINT. False with a reason where the target cannot be reached or the seeds cannot be
 * read; the result is to be freed in any case. */
bool campaign_run(const struct campaign_options *options, struct campaign_result *result, char *reason,
                  size_t reason_size);
void campaign_result_free(struct campaign_result *result);

/* Repeats a saved finding once: what the directory's plan shows now. False with a reason where it cannot be tried. */
bool campaign_repeat(const struct campaign_options *options, const char *directory, struct outcome *outcome,
                     char *reason, size_t reason_size);

#endif
