/* Where libFuzzer, AFL++ and the replaying driver come in. Built once a target, with FUZZ_TARGET_DECODE,
 * FUZZ_TARGET_PROPERTIES, FUZZ_TARGET_CAPTURE, FUZZ_TARGET_TLS or FUZZ_TARGET_BROKER defined. A failing input ends the
 * process. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#if defined(FUZZ_TARGET_DECODE)
static bool holds(const uint8_t *data, size_t size, struct finding *finding) {
    return fuzz_decode(data, size, finding);
}
#elif defined(FUZZ_TARGET_PROPERTIES)
static bool holds(const uint8_t *data, size_t size, struct finding *finding) {
    return fuzz_properties(data, size, finding);
}
#elif defined(FUZZ_TARGET_CAPTURE)
static bool holds(const uint8_t *data, size_t size, struct finding *finding) {
    return fuzz_capture(data, size, finding);
}
#elif defined(FUZZ_TARGET_TLS)
static bool holds(const uint8_t *data, size_t size, struct finding *finding) {
    return fuzz_tls(data, size, finding);
}
#elif defined(FUZZ_TARGET_BROKER)
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

static bool holds(const uint8_t *data, size_t size, struct finding *finding) {
    static struct fuzz_memory memory; /* libFuzzer hands no context to its target */
    return fuzz_broker(&memory, canary(), data, size, finding);
}
#else
#error "no target: define FUZZ_TARGET_DECODE, _PROPERTIES, _CAPTURE, _TLS or _BROKER"
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct finding finding;
    if (holds(data, size, &finding))
        return 0;
    fprintf(stderr, "mqspec fuzz: %s\n", finding.what);
    abort();
}
