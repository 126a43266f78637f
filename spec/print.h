/* Statements and their coverage in words and in JSON. */
#ifndef MQSPEC_SPEC_PRINT_H
#define MQSPEC_SPEC_PRINT_H

#include <stdio.h>

#include "spec/spec.h"

/* One line each: qualified id, tab, paraphrase. */
void print_list(FILE *file, const bool selected[SPEC_COUNT]);

/* A paragraph each: all that the row and the places tell. */
void print_statements(FILE *file, const bool selected[SPEC_COUNT]);

/* A list of one object each. */
void print_statements_as_json(FILE *file, const bool selected[SPEC_COUNT]);

/* For each version the numbers, then the statements that a broker tester could see and no scenario tests. */
void print_coverage(FILE *file);

/* One object with one member a version, as the contract of the command line says. */
void print_coverage_as_json(FILE *file);

#endif
