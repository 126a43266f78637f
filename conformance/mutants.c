/* The kill matrix: each statement switched off, and the scenarios that notice.
 *
 * All is played once with nothing switched off, and what each play reaches is kept. Until a statement is reached, a
 * broker that breaks it does what any broker does; so only what reaches it is played against that broker. */
#include <stdlib.h>
#include <string.h>

#include "conformance/runner.h"

#define NAMES_SHOWN 3u
#define SET_SIZE    ((SPEC_COUNT + 7) / 8)

struct matrix {
    FILE *file;
    microseconds timeout;
    bool verbose;
    struct run run;
    uint8_t *reached;          /* SET_SIZE bytes a play: a bit for each statement that it reaches */
    enum target_offer *offers; /* a play: of the broker where it shows something */
    bool *noticed;             /* a play: by this deviation */
    bool *useful;              /* a play: failed under some deviation */
    size_t deviations;
    size_t survivors;
    size_t by_another; /* noticed, but under other statements only */
    size_t useless;
    size_t faults; /* scenarios that fail without any deviation */
};

struct kill {
    size_t scenarios;
    bool own_statement;
    enum spec_statement another; /* that the first scenario names, where it is not that one */
};

static bool reaches(const struct matrix *matrix, size_t play, enum spec_statement statement) {
    return (matrix->reached[play * SET_SIZE + statement / 8] & 1u << statement % 8) != 0;
}

/* Plays one without deviation, and keeps what it reaches. Returns the verdict. */
static enum verdict play_right(struct matrix *matrix, size_t index, enum target_offer offer, microseconds *clock) {
    uint64_t counts[SPEC_COUNT] = {0};
    struct virtual_settings settings = {
        .timeout = matrix->timeout,
        .offer = offer,
        .reached = counts,
        .start = *clock,
    };
    struct play play = matrix->run.plays[index];
    uint8_t *reached = matrix->reached + index * SET_SIZE;
    play_name(&play, 1, index, 0);
    *clock = play_virtual(&play, &settings) + 1;
    memset(reached, 0, SET_SIZE);
    for (int i = 0; i < SPEC_COUNT; i++)
        if (counts[i] > 0)
            reached[i / 8] |= (uint8_t)(1u << i % 8);
    if (play.result.verdict == VERDICT_FAIL)
        fprintf(matrix->file, "fails without a deviation: %s (%s): %s\n", play.scenario->name,
                mqtt_version_name(play.version), play.result.reason);
    if (play.player != NULL)
        player_destroy(play.player);
    return play.result.verdict;
}

/* Plays all, each where it shows something, and keeps what each play reaches. Returns how many fail. */
static size_t play_without_deviation(struct matrix *matrix) {
    size_t faults = 0;
    microseconds clock = 0;
    for (size_t i = 0; i < matrix->run.count; i++) {
        enum verdict verdict = play_right(matrix, i, TARGET_OFFERS_ALL, &clock);
        if (verdict == VERDICT_SKIP) {
            matrix->offers[i] = TARGET_OFFERS_LESS;
            verdict = play_right(matrix, i, TARGET_OFFERS_LESS, &clock);
        }
        if (verdict == VERDICT_SKIP) {
            matrix->offers[i] = TARGET_OFFERS_ALL;
            verdict = play_right(matrix, i, TARGET_OFFERS_ALL, &clock);
        }
        faults += verdict == VERDICT_FAIL;
    }
    return faults;
}

/* Plays what reaches the statement, with it switched off. */
static struct kill play_deviation(struct matrix *matrix, enum spec_statement off) {
    struct kill kill = {0};
    struct virtual_settings settings = {.timeout = matrix->timeout, .off = &off, .off_count = 1};
    for (size_t i = 0; i < matrix->run.count; i++) {
        matrix->noticed[i] = false;
        if (!reaches(matrix, i, off))
            continue;
        struct play play = matrix->run.plays[i];
        settings.offer = matrix->offers[i];
        play_name(&play, 1, i, 0);
        settings.start = play_virtual(&play, &settings) + 1;
        matrix->noticed[i] = play.result.verdict == VERDICT_FAIL;
        if (matrix->noticed[i]) {
            if (kill.scenarios++ == 0)
                kill.another = play.result.broken;
            kill.own_statement = kill.own_statement || play.result.broken == off;
        }
        if (play.player != NULL)
            player_destroy(play.player);
    }
    return kill;
}

static void write_names(struct matrix *matrix) {
    size_t written = 0;
    size_t all = 0;
    const struct scenario *last = NULL;
    for (size_t i = 0; i < matrix->run.count; i++) {
        const struct scenario *scenario = matrix->run.plays[i].scenario;
        if (!matrix->noticed[i] || scenario == last)
            continue;
        last = scenario;
        all++;
        if (matrix->verbose || written < NAMES_SHOWN)
            fprintf(matrix->file, "%s %s", written++ > 0 ? "," : "", scenario->name);
    }
    fprintf(matrix->file, all > written ? ", ...\n" : "\n");
}

static void try_deviation(struct matrix *matrix, enum spec_statement off) {
    struct kill kill = play_deviation(matrix, off);
    matrix->deviations++;
    for (size_t i = 0; i < matrix->run.count; i++)
        matrix->useful[i] = matrix->useful[i] || matrix->noticed[i];
    const char *how = kill.scenarios == 0  ? "SURVIVES"
                      : kill.own_statement ? "caught"
                                           : "caught by another statement, ";
    const char *another = kill.scenarios == 0 || kill.own_statement ? "" : spec_name(kill.another);
    matrix->survivors += kill.scenarios == 0;
    matrix->by_another += kill.scenarios > 0 && !kill.own_statement;
    fprintf(matrix->file, "%-18s %4zu  %s%s:", spec_name(off), kill.scenarios, how, another);
    write_names(matrix);
}

/* A scenario is played in several versions; it is useful when one of them is. */
static void write_useless(struct matrix *matrix) {
    const struct run *run = &matrix->run;
    for (size_t i = 0; i < run->count;) {
        const struct scenario *scenario = run->plays[i].scenario;
        bool useful = false;
        for (; i < run->count && run->plays[i].scenario == scenario; i++)
            useful = useful || matrix->useful[i];
        if (!useful && scenario->no_deviation == NULL) {
            matrix->useless++;
            fprintf(matrix->file, "no deviation fails it, and it does not say why: %s (%s:%d)\n", scenario->name,
                    scenario->file, scenario->line);
        }
        if (useful && scenario->no_deviation != NULL)
            fprintf(matrix->file, "a deviation fails it, though it says that none can: %s (%s:%d)\n", scenario->name,
                    scenario->file, scenario->line);
    }
}

static bool write_summary(const struct matrix *matrix) {
    fprintf(matrix->file,
            "%zu deviations: %zu caught (%zu of them by another statement), %zu survive; %zu scenarios that nothing "
            "fails without a reason; %zu that fail without a deviation\n",
            matrix->deviations, matrix->deviations - matrix->survivors, matrix->by_another, matrix->survivors,
            matrix->useless, matrix->faults);
    return matrix->survivors == 0 && matrix->by_another == 0 && matrix->useless == 0 && matrix->faults == 0;
}

bool run_mutants(FILE *file, microseconds timeout, bool verbose) {
    struct matrix matrix = {.file = file, .timeout = timeout, .verbose = verbose};
    if (!run_plan(&matrix.run, NULL, 0, IN_3_1 | IN_3_1_1 | IN_5_0, NO_TRANSPORTS)) {
        fprintf(file, "out of memory\n");
        return false;
    }
    matrix.noticed = calloc(matrix.run.count + 1, sizeof *matrix.noticed);
    matrix.useful = calloc(matrix.run.count + 1, sizeof *matrix.useful);
    matrix.reached = calloc(matrix.run.count + 1, SET_SIZE);
    matrix.offers = calloc(matrix.run.count + 1, sizeof *matrix.offers);
    bool held = false;
    if (matrix.noticed == NULL || matrix.useful == NULL || matrix.reached == NULL || matrix.offers == NULL) {
        fprintf(file, "out of memory\n");
    } else {
        matrix.faults = play_without_deviation(&matrix);
        for (int i = SPEC_NONE + 1; i < SPEC_COUNT; i++)
            if (spec_can_deviate(spec_row((enum spec_statement)i)))
                try_deviation(&matrix, (enum spec_statement)i);
        write_useless(&matrix);
        held = write_summary(&matrix);
    }
    free(matrix.noticed);
    free(matrix.useful);
    free(matrix.reached);
    free(matrix.offers);
    run_release(&matrix.run);
    return held;
}
