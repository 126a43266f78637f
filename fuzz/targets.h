/* What is fuzzed: a property of the project's own code, checked on one input. Each target is a plain function, so that
 * libFuzzer, AFL++, the replaying driver and the unit tests all call the same. */
#ifndef MQSPEC_FUZZ_TARGETS_H
#define MQSPEC_FUZZ_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"
#include "fuzz/memory.h"
#include "pcaps/capture.h"
#include "spec/spec.h"

/* Why an input fails. */
struct finding {
    enum spec_statement statement; /* the statement broken, or SPEC_NONE where a property of our own does not hold */
    char what[300];
};

/* Fills *finding with a property of our own that does not hold, and returns false. */
__attribute__((format(printf, 2, 3))) bool fuzz_fails(struct finding *finding, const char *format, ...);

/* All that decodes is encoded to the same bytes again, but for a Remaining Length or a Reason Code that can be shorter;
 * cutting the input anywhere changes no answer; what is refused
 * names its place within the packet. False with *finding filled when that does not hold.
 * The input: a byte of options (see decode.c), then the bytes that one side sends. */
bool fuzz_decode(const uint8_t *data, size_t size, struct finding *finding);

/* How the target judges what stands behind this byte of options. */
struct mqtt_decoder fuzz_decode_decoder(uint8_t options, struct spec_rules *rules);

/* Sets of properties of 5.0: walking one and appending each property gives the same bytes; finding agrees with walking;
 * what decodes in a packet may stand there, as often as it does and with the values it has; leaving properties out
 * leaves out those and no others. False with *finding filled when that does not hold. The input: a byte that chooses
 * the packet (see properties.c), then a set of properties. */
bool fuzz_properties(const uint8_t *data, size_t size, struct finding *finding);

/* Topic Names and Topic Filters: which are valid, which match, and what trees of filters and of names hold and find,
 * all as a plain recursion over their characters says; the trees give back their memory. False with *finding filled
 * when that does not hold. The input: a byte of options (see topic.c), then lines, each a letter of what to do (see
 * there, too) and a text. */
bool fuzz_topic(const uint8_t *data, size_t size, struct finding *finding);

/* A capture in pcap or pcapng: reading, reassembly and lint end with a result or a reason; frames and time never go
 * back; no bytes come that are not in the file; each connection that is opened is closed once, and nothing comes of it
 * behind that. False with *finding filled when that does not hold. The input: the file. */
bool fuzz_capture(const uint8_t *data, size_t size, struct finding *finding);

/* TLS of a capture: what comes out is of one connection, which is opened and closed at most once each, in the frame
 * that is at hand, and is no more than what came in. False with *finding filled when that does not hold. The input: a
 * key log up to the first blank line, then parts of the connection, each with a byte of what it is (see tls.c) and its
 * length in two. */
bool fuzz_tls(const uint8_t *data, size_t size, struct finding *finding);

/* The reference broker and several clients in virtual time, with the monitor as judge: the Server breaks no statement,
 * the broker leaks no memory and always moves on in time. False with *finding filled when that does not hold.
 * `off` is switched off in the broker unless it is SPEC_NONE. `memory` is used for all allocations; nothing in it
 * outlives the call.
 * `capture` receives all that passes between the clients and the broker, unless it is NULL. The input is a list of
 * operations, see operations.h. */
bool fuzz_broker(struct fuzz_memory *memory, enum spec_statement off, struct capture_writer *capture,
                 const uint8_t *data, size_t size, struct finding *finding);

#endif
