/* Prints which scenario tests which statement, for the build to fold into `mqspec spec`: statement, file, line and
 * scenario, separated by tabs. */
#include <stdio.h>

#include "conformance/scenario.h"

int main(void) {
    for (size_t f = 0; scenario_families[f] != NULL; f++) {
        const struct scenario_family *family = scenario_families[f];
        for (size_t i = 0; i < family->count; i++) {
            const struct scenario *scenario = &family->scenarios[i];
            for (size_t k = 0; k < scenario->statement_count; k++)
                printf("%s\t%s\t%d\t%s\n", spec_name(scenario->statements[k]), scenario->file, scenario->line,
                       scenario->name);
        }
    }
    return 0;
}
