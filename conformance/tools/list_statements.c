/* Prints which scenario tests which statement, for the build to fold into `mqspec spec`: statement, file, line and
 * scenario, separated by tabs. What a scenario says in the terms of 3.1.1 counts in 5.0 for the statements that stand
 * for it there. */
#include <stdio.h>

#include "conformance/scenario_set.h"

static void print(const struct scenario *scenario, enum spec_statement statement) {
    printf("%s\t%s\t%d\t%s\n", spec_name(statement), scenario->file, scenario->line, scenario->name);
}

/* Several statements of 3.1.1 can stand for one of 5.0, which is printed once. */
static bool is_repeated(const struct scenario *scenario, size_t index) {
    for (size_t i = 0; i < index; i++)
        if (spec_in_5_0(scenario->statements[i]) == spec_in_5_0(scenario->statements[index]))
            return true;
    return false;
}

static void print_all(const struct scenario *scenario) {
    unsigned versions = scenario_played_in(scenario);
    for (size_t i = 0; i < scenario->statement_count; i++) {
        enum spec_statement statement = scenario->statements[i];
        if (spec_row(statement)->version == SPEC_MQTT_3_1_1 && (versions & (IN_3_1 | IN_3_1_1)) != 0)
            print(scenario, statement);
        if ((versions & IN_5_0) != 0 && spec_in_5_0(statement) != SPEC_NONE && !is_repeated(scenario, i))
            print(scenario, spec_in_5_0(statement));
    }
}

int main(void) {
    struct scenario_set set;
    bool made = scenario_set_make(&set);
    for (size_t i = 0; made && i < set.count; i++)
        print_all(set.scenarios[i]);
    scenario_set_release(&set);
    return made ? 0 : 1;
}
