/* Where libFuzzer, AFL++ and the replaying driver come in. Built once a target, with FUZZ_TARGET defined as its
 * function; or FUZZ_BROKER for the broker, which takes more than an input, and CANARY for one that is wrong. A failing
 * input ends the process. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#if defined(FUZZ_BROKER)
#if defined(CANARY)
/* A fuzzer that cannot find a broker known to be wrong finds nothing: this one breaks the statement that the
 * environment names. */
static enum spec_statement canary(void) {
    enum spec_statement found[SPEC_VERSION_COUNT];
    const char *name = getenv("MQSPEC_CANARY");
    if (name == NULL || spec_find(name, found) != 1 || !spec_can_deviate(spec_row(found[0]))) {
        fputs("MQSPEC_CANARY must name one statement that can be switched off, as MQTT311:3.1.2-24\n", stderr);
        exit(2);
    }
    return found[0];
}
#else
static enum spec_statement canary(void) {
    return SPEC_NONE;
}
#endif

/* The wall time at which the world's time of 0 is, in a capture: 2026-01-01. */
#define EPOCH (UINT64_C(1767225600) * MICROSECONDS_PER_SECOND)

/* Where the environment names a file, what passed for this input goes there as a capture. */
static struct capture_writer *open_capture(void) {
    char reason[512];
    const char *name = getenv("MQSPEC_PCAP");
    struct capture_writer *capture = name == NULL ? NULL : capture_writer_open(name, EPOCH, reason, sizeof reason);
    if (name == NULL || capture != NULL)
        return capture;
    fprintf(stderr, "MQSPEC_PCAP: %s\n", reason);
    exit(2);
}

static bool holds(const uint8_t *data, size_t size, struct finding *finding) {
    static struct fuzz_memory memory; /* libFuzzer hands no context to its target */
    struct capture_writer *capture = open_capture();
    bool held = fuzz_broker(&memory, canary(), capture, data, size, finding);
    if (capture == NULL || capture_writer_finish(capture))
        return held;
    fputs("MQSPEC_PCAP: the file could not be written whole\n", stderr);
    exit(2);
}
#else
static bool holds(const uint8_t *data, size_t size, struct finding *finding) {
    return FUZZ_TARGET(data, size, finding);
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct finding finding;
    if (holds(data, size, &finding))
        return 0;
    fprintf(stderr, "mqspec fuzz: %s\n", finding.what);
    abort();
}
