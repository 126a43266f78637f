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
 * rules are all in force. A packet that is refused before, or a CONNECT of an unknown protocol, is changed byte by
 * byte. Returns the length of the new packet, which may be the old one where nothing can be changed so; 0 where it does
 * not fit. `in` and `out` must not overlap. */
size_t mutate_packet(struct random *random, const struct mqtt_decoder *decoder, enum mutation mutation,
                     struct mqtt_bytes in, uint8_t *out, size_t capacity);

/* Changes bytes that one side sends, whole packets mostly: one packet or several are mutated (mostly lawfully), left
 * out, repeated, exchanged, or taken from `other` (which may be empty). In place; returns the new length, at most
 * `capacity`. */
size_t mutate_stream(struct random *random, const struct mqtt_decoder *decoder, uint8_t *data, size_t size,
                     size_t capacity, struct mqtt_bytes other);

/* Changes a set of properties of 5.0, without its Property Length, that stands in a packet of this type (RESERVED: as
 * the Will Properties of CONNECT) from this side. A set that does not decode there is changed byte by byte. In place;
 * returns the new length, at most `capacity`. */
size_t mutate_properties(struct random *random, enum mqtt_type type, enum mqtt_side sender, enum mutation mutation,
                         uint8_t *data, size_t size, size_t capacity);

/* Changes an input of the broker target, see operations.h: options, operations, their operands, packets within them,
 * time. In place; returns the new length, at most `capacity`. */
size_t mutate_operations(struct random *random, uint8_t *data, size_t size, size_t capacity, struct mqtt_bytes other);

/* Changes an input of the target of this name as that target reads it; false where nothing is known of its structure,
 * and nothing is changed then. `*size` is updated, at most `capacity`. `other` is an input of the same target, or
 * empty. */
bool mutate_input(const char *target, struct random *random, uint8_t *data, size_t *size, size_t capacity,
                  struct mqtt_bytes other);

/* Changes bytes of which nothing is known: bits, bytes, numbers, ranges that are repeated or left out. In place;
 * returns the new length, at most `capacity`. */
size_t mutate_bytes(struct random *random, uint8_t *data, size_t size, size_t capacity);

/* ---- Breaking, row by row ----------------------------------------------------------------------------------- */

struct draft;

enum { BREAKS_3_1 = 1, BREAKS_3_1_1 = 2, BREAKS_5_0 = 4 };

/* One way to break a packet. */
struct breakage {
    const char *name;
    uint32_t packets;                  /* MQTT_IN() of each type that can be broken so */
    uint8_t versions;                  /* BREAKS_... */
    uint8_t senders;                   /* 1 << MQTT_CLIENT, 1 << MQTT_SERVER, or both */
    enum mqtt_error_class error_class; /* MQTT_NO_ERROR: decodes as a CONNECT of an unknown protocol */
    enum spec_statement before_5, in_5;
    bool (*apply)(struct draft *draft);
};

/* The rows of the table; *count receives how many. */
const struct breakage *mutate_breakages(size_t *count);

/* The statement that a packet of this version from this side breaks by it, or SPEC_NONE: no numbered one does. */
enum spec_statement mutate_broken_statement(const struct breakage *breakage, enum mqtt_version version,
                                            enum mqtt_side sender);

/* Breaks a packet that decodes in this way. Returns the length of what is written to `out`; 0 where the row is not for
 * this packet, or it does not fit. The receiver's limit of size is not looked at. */
size_t mutate_break(struct random *random, const struct mqtt_decoder *decoder, const struct breakage *breakage,
                    struct mqtt_bytes in, uint8_t *out, size_t capacity);

#endif
