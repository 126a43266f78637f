/* Which scenarios are played, in which versions. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/arena.h"
#include "conformance/runner.h"

/* The spellings that spec_find() knows, for wildcards. */
static bool statement_fits(enum spec_statement statement, const char *pattern) {
    const struct spec_row *row = spec_row(statement);
    const char *number = strchr(row->qualified, ':');
    return fnmatch(pattern, row->qualified, 0) == 0 || fnmatch(pattern, row->id, 0) == 0 ||
           (number != NULL && fnmatch(pattern, number + 1, 0) == 0);
}

bool scenario_fits(const struct scenario *scenario, char *const *patterns, size_t pattern_count) {
    if (pattern_count == 0)
        return true;
    for (size_t i = 0; i < pattern_count; i++) {
        if (fnmatch(patterns[i], scenario->name, 0) == 0)
            return true;
        for (size_t k = 0; k < scenario->statement_count; k++)
            if (statement_fits(scenario->statements[k], patterns[i]))
                return true;
    }
    return false;
}

unsigned scenario_waits(const struct scenario *scenario) {
    unsigned milliseconds = 0;
    for (size_t i = 0; i < scenario->step_count; i++) {
        const struct step *step = &scenario->steps[i];
        int longest = step->milliseconds;
        for (size_t k = 0; k < step->pattern_count; k++) {
            const struct pattern *pattern = &step->patterns[k];
            if (pattern->after > longest)
                longest = pattern->after;
            if (pattern->kind == PATTERN_TIMEOUT && pattern->before > longest)
                longest = pattern->before;
        }
        milliseconds += (unsigned)longest;
    }
    return milliseconds;
}

static bool plan_play(struct run *run, size_t *capacity, const struct scenario *scenario, enum mqtt_version version) {
    struct play *plays = array_with_room(run->plays, run->count, capacity, sizeof run->plays[0]);
    if (plays == NULL)
        return false;
    run->plays = plays;
    plays[run->count++] = (struct play){.scenario = scenario, .version = version};
    return true;
}

bool run_plan(struct run *run, char *const *patterns, size_t pattern_count, unsigned versions) {
    static const struct {
        enum scenario_versions flag;
        enum mqtt_version version;
    } each[] = {{IN_3_1, MQTT_3_1}, {IN_3_1_1, MQTT_3_1_1}, {IN_5_0, MQTT_5_0}};
    size_t capacity = 0;
    memset(run, 0, sizeof *run);
    for (size_t f = 0; scenario_families[f] != NULL; f++)
        for (size_t i = 0; i < scenario_families[f]->count; i++) {
            const struct scenario *scenario = &scenario_families[f]->scenarios[i];
            unsigned in = scenario->versions == 0 ? IN_3_1 | IN_3_1_1 | IN_5_0 : scenario->versions;
            if (!scenario_fits(scenario, patterns, pattern_count))
                continue;
            for (size_t k = 0; k < COUNT_OF(each); k++)
                if ((in & versions & each[k].flag) != 0 && !plan_play(run, &capacity, scenario, each[k].version)) {
                    run_release(run);
                    return false;
                }
        }
    return true;
}

void run_release(struct run *run) {
    for (size_t i = 0; i < run->count; i++)
        if (run->plays[i].player != NULL)
            player_destroy(run->plays[i].player);
    free(run->plays);
    memset(run, 0, sizeof *run);
}

static char *put_base36(char *to, uint64_t number, size_t digits) {
    for (size_t i = digits; i > 0; i--) {
        to[i - 1] = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
        number /= 36;
    }
    return to + digits;
}

void play_name(struct play *play, uint64_t seed, size_t index, unsigned attempt) {
    char *to = play->name_space;
    *to++ = 'm';
    *to++ = 'q';
    to = put_base36(to, seed, 7);
    to = put_base36(to, index, 3);
    to = put_base36(to, attempt, 1);
    *to = '\0';
}

void play_decide(struct play *play, const char *transport, enum verdict verdict, const char *reason) {
    const struct scenario *scenario = play->scenario;
    play->decided = true;
    play->result = (struct result){
        .scenario = scenario->name,
        .title = scenario->title,
        .version = mqtt_version_name(play->version),
        .transport = transport,
        .file = scenario->file,
        .line = scenario->line,
        .statements = scenario->statements,
        .statement_count = scenario->statement_count,
        .verdict = verdict,
        .reason = reason,
        .expected = "",
        .received = "",
    };
}
