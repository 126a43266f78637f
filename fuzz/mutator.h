/* Changes what is fuzzed, knowing its structure: shared by libFuzzer, AFL++ and the campaign on the network. */
#ifndef MQSPEC_MUTATOR_H
#define MQSPEC_MUTATOR_H

#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"
#include "fuzz/random.h"

enum mutation {
    MUTATION_LAWFUL, /* what decodes before decodes after */
    MUTATION_BREAK,  /* exactly one thing is wrong afterwards, so that the packet is refused for it */
};

/* Writes to `out` a changed form of the one whole packet `in`. `decoder` says who sends it and in what version; its
 * rules are all in force. A packet that is refused before is changed byte by byte. Returns the length of the new
 * packet, which may be the old one where nothing can be changed so; 0 where it does not fit. `in` and `out` must not
 * overlap. */
size_t mutate_packet(struct random *random, const struct mqtt_decoder *decoder, enum mutation mutation,
                     struct mqtt_bytes in, uint8_t *out, size_t capacity);

/* Changes bytes that one side sends, whole packets mostly: one packet or several are mutated (mostly lawfully), left
 * out, repeated, exchanged, or taken from `other` (which may be empty). In place; returns the new length, at most
 * `capacity`. */
size_t mutate_stream(struct random *random, const struct mqtt_decoder *decoder, uint8_t *data, size_t size,
                     size_t capacity, struct mqtt_bytes other);

/* Changes an input of the broker target, see operations.h: options, operations, their operands, packets within them,
 * time. In place; returns the new length, at most `capacity`. */
size_t mutate_operations(struct random *random, uint8_t *data, size_t size, size_t capacity, struct mqtt_bytes other);

#endif
