/* Which scenarios are played, in which versions. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/arena.h"
#include "conformance/runner.h"

/* The spellings that spec_find() knows, for wildcards. */
static bool statement_fits(enum spec_statement statement, const char *pattern) {
    if (statement == SPEC_NONE)
        return false;
    const struct spec_row *row = spec_row(statement);
    const char *number = strchr(row->qualified, ':');
    return fnmatch(pattern, row->qualified, 0) == 0 || fnmatch(pattern, row->id, 0) == 0 ||
           (number != NULL && fnmatch(pattern, number + 1, 0) == 0);
}

/* What a scenario says in the terms of 3.1.1 stands in 5.0 for the counterpart there. */
static enum spec_statement statement_in(enum mqtt_version version, enum spec_statement statement) {
    return version == MQTT_5_0 ? spec_in_5_0(statement) : statement;
}

bool scenario_fits(const struct scenario *scenario, enum mqtt_version version, char *const *patterns,
                   size_t pattern_count) {
    if (pattern_count == 0)
        return true;
    for (size_t i = 0; i < pattern_count; i++) {
        if (fnmatch(patterns[i], scenario->name, 0) == 0)
            return true;
        for (size_t k = 0; k < scenario->statement_count; k++)
            if (statement_fits(statement_in(version, scenario->statements[k]), patterns[i]))
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

static bool plan_play(struct run *run, size_t *capacity, const struct scenario *scenario, enum mqtt_version version,
                      enum transport_kind transport) {
    struct play *plays = array_with_room(run->plays, run->count, capacity, sizeof run->plays[0]);
    if (plays == NULL)
        return false;
    run->plays = plays;
    plays[run->count++] = (struct play){.scenario = scenario, .version = version, .transport = transport};
    return true;
}

/* What is about WebSocket shows over nothing else; without sockets, it is played over one inside the process. */
static bool plan_transports(struct run *run, size_t *capacity, const struct scenario *scenario,
                            enum mqtt_version version, unsigned transports) {
    if (transports == NO_TRANSPORTS)
        return plan_play(run, capacity, scenario, version, TRANSPORT_TCP);
    bool planned = false;
    for (int kind = 0; kind < TRANSPORT_KINDS; kind++) {
        if ((transports & 1u << kind) == 0 || (planned && scenario->generated) ||
            (scenario->websocket != NULL && !transport_has_websocket((enum transport_kind)kind)))
            continue;
        if (!plan_play(run, capacity, scenario, version, (enum transport_kind)kind))
            return false;
        planned = true;
    }
    return true;
}

bool run_plan(struct run *run, char *const *patterns, size_t pattern_count, unsigned versions, unsigned transports) {
    static const struct {
        enum scenario_versions flag;
        enum mqtt_version version;
    } each[] = {{IN_3_1, MQTT_3_1}, {IN_3_1_1, MQTT_3_1_1}, {IN_5_0, MQTT_5_0}};
    size_t capacity = 0;
    memset(run, 0, sizeof *run);
    bool good = scenario_set_make(&run->set);
    for (size_t i = 0; good && i < run->set.count; i++) {
        const struct scenario *scenario = run->set.scenarios[i];
        unsigned in = scenario_played_in(scenario);
        for (size_t k = 0; good && k < COUNT_OF(each); k++)
            if ((in & versions & each[k].flag) != 0 &&
                scenario_fits(scenario, each[k].version, patterns, pattern_count))
                good = plan_transports(run, &capacity, scenario, each[k].version, transports);
    }
    if (!good)
        run_release(run);
    return good;
}

void run_release(struct run *run) {
    for (size_t i = 0; i < run->count; i++) {
        if (run->plays[i].player != NULL)
            player_destroy(run->plays[i].player);
        free(run->plays[i].statements);
    }
    free(run->plays);
    scenario_set_release(&run->set);
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

/* Without memory the result names none. */
static size_t name_statements(struct play *play) {
    const struct scenario *scenario = play->scenario;
    size_t count = 0;
    free(play->statements);
    play->statements = malloc((scenario->statement_count + 1) * sizeof *play->statements);
    for (size_t i = 0; play->statements != NULL && i < scenario->statement_count; i++) {
        enum spec_statement statement = statement_in(play->version, scenario->statements[i]);
        if (statement != SPEC_NONE)
            play->statements[count++] = statement;
    }
    return count;
}

void play_decide(struct play *play, const char *transport, enum verdict verdict, const char *reason) {
    const struct scenario *scenario = play->scenario;
    size_t statement_count = name_statements(play);
    play->decided = true;
    play->result = (struct result){
        .scenario = scenario->name,
        .title = scenario->title,
        .version = mqtt_version_name(play->version),
        .transport = transport,
        .file = scenario->file,
        .line = scenario->line,
        .statements = play->statements,
        .statement_count = statement_count,
        .verdict = verdict,
        .reason = reason,
        .expected = "",
        .received = "",
    };
}
