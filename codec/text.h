/* Eight bytes of a string at a time: most strings are plain ASCII, and pass without being looked at one by one. */
#ifndef MQSPEC_CODEC_TEXT_H
#define MQSPEC_CODEC_TEXT_H

#include <string.h>

#include "codec/codec.h"

#define EVERY_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* All eight bytes are ASCII and none is 0. Where a byte breaks this, a carry may spoil its neighbour: the answer is
 * false all the same. */
static inline bool is_plain_text(uint64_t word) {
    uint64_t not_zero = word + EVERY_BYTE(0x7F);
    return ((word | ~not_zero) & EVERY_BYTE(0x80)) == 0;
}

/* As above, and none is a wildcard: '+' and '#' differ in one bit, which is set here, so one comparison sees both. */
static inline bool is_plain_topic(uint64_t word) {
    uint64_t not_zero = word + EVERY_BYTE(0x7F);
    uint64_t not_wildcard = ((word | EVERY_BYTE('+' ^ '#')) ^ EVERY_BYTE('+' | '#')) + EVERY_BYTE(0x7F);
    return ((word | ~(not_zero & not_wildcard)) & EVERY_BYTE(0x80)) == 0;
}

/* The last one to seven bytes, filled up with a letter. */
static inline uint64_t short_word(const uint8_t *at, uint32_t length) {
    uint64_t word = EVERY_BYTE('a');
    memcpy(&word, at, length);
    return word;
}

/* A Topic Name that needs no closer look: ASCII without U+0000 and wildcards. False decides nothing. */
static inline bool topic_is_plain(struct mqtt_bytes topic) {
    const uint8_t *at = topic.data;
    uint32_t rest = topic.length;
    uint64_t word;
    for (; rest >= sizeof word; at += sizeof word, rest -= (uint32_t)sizeof word) {
        memcpy(&word, at, sizeof word);
        if (!is_plain_topic(word))
            return false;
    }
    if (rest == 0)
        return true;
    if (topic.length < sizeof word)
        return is_plain_topic(short_word(at, rest));
    /* The last eight bytes again take in the rest. */
    memcpy(&word, at + rest - sizeof word, sizeof word);
    return is_plain_topic(word);
}

#endif
