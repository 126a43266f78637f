/* The options of `mqspec test`. */
#ifndef MQSPEC_TEST_OPTIONS_H
#define MQSPEC_TEST_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "reference/environment.h"
#include "spec/spec.h"

#define MAXIMUM_DEVIATIONS 64u

enum document { DOCUMENT_JUNIT, DOCUMENT_JSON, DOCUMENT_HTML, DOCUMENT_COUNT };

/* Strings are those of the command line. */
struct test_options {
    char *const *patterns;
    size_t pattern_count;
    const char *target;
    const char *run;
    unsigned versions; /* of enum scenario_versions */
    bool list;
    bool mutants;
    bool in_virtual_time;
    bool strict;
    bool tap;
    bool verbose;
    bool help;
    bool seeded;
    uint64_t seed;
    microseconds timeout;
    unsigned at_once;
    bool at_once_given;
    const char *documents[DOCUMENT_COUNT]; /* file names, or NULL */
    const char *pcap;
    const char *expected_failures;
    unsigned transports; /* to play over, in turn: bits, 1 << enum transport_kind */
    bool tls;            /* as the options say it */
    bool websocket;
    bool every_transport;
    const char *authorities; /* this and the next two are PEM files, or NULL */
    const char *certificate;
    const char *key;
    const char *key_log; /* or NULL */
    bool insecure;
    const char *websocket_path;
    const char *user; /* for SCRAM-SHA-256, or NULL */
    const char *password;
    enum spec_statement off[MAXIMUM_DEVIATIONS];
    size_t off_count;
};

/* Fills the options. False after a message on standard error. */
bool test_options_parse(struct test_options *options, int count, char **arguments);

/* The text of --help. */
extern const char test_options_help[];

#endif
