/* Eight bytes of a string at a time: most strings are plain ASCII, and pass without being looked at one by one. */
#ifndef MQSPEC_CODEC_TEXT_H
#define MQSPEC_CODEC_TEXT_H

#include <string.h>

#include "codec/codec.h"

#define EVERY_BYTE(value) (UINT64_C(0x0101010101010101) * (value))
#define TOP_BITS          EVERY_BYTE(0x80)

/* Each of these has the top bit set in some byte where one of the eight is no ASCII or is 0, and a topic's also where
 * one is a wildcard. A borrow may set the bit in a neighbour too: which byte it is, nobody asks. */
static inline uint64_t text_faults(uint64_t word) {
    return word | (word - EVERY_BYTE(1));
}

/* '+' and '#' differ in one bit, which is set here, so that one comparison sees both. */
static inline uint64_t topic_faults(uint64_t word) {
    uint64_t wildcard_is_zero = (word | EVERY_BYTE('+' ^ '#')) ^ EVERY_BYTE('+' | '#');
    return text_faults(word) | (wildcard_is_zero - EVERY_BYTE(1));
}

static inline uint64_t load_word(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* All bytes of a string of one to seven, some of them twice, filled up with a letter. */
static inline uint64_t short_word(const uint8_t *at, uint32_t length) {
    if (length >= 4) {
        uint32_t first, last;
        memcpy(&first, at, sizeof first);
        memcpy(&last, at + length - sizeof last, sizeof last);
        return (uint64_t)last << 32 | first;
    }
    return (EVERY_BYTE('a') << 24) | (uint64_t)at[length - 1] << 16 | (uint64_t)at[length / 2] << 8 | at[0];
}

/* A text that needs no closer look: ASCII without U+0000. False decides nothing. */
static inline bool text_is_plain(struct mqtt_bytes text) {
    const uint8_t *at = text.data;
    if (text.length < sizeof(uint64_t))
        return text.length == 0 || (text_faults(short_word(at, text.length)) & TOP_BITS) == 0;
    const uint8_t *last = at + text.length - sizeof(uint64_t);
    uint64_t faults = text_faults(load_word(last));
    for (; at < last; at += sizeof(uint64_t))
        faults |= text_faults(load_word(at));
    return (faults & TOP_BITS) == 0;
}

/* A Topic Name that needs no closer look: not empty, and ASCII without U+0000 and wildcards. False decides nothing. */
static inline bool topic_is_plain(struct mqtt_bytes topic) {
    const uint8_t *at = topic.data;
    if (topic.length < sizeof(uint64_t))
        return topic.length > 0 && (topic_faults(short_word(at, topic.length)) & TOP_BITS) == 0;
    const uint8_t *last = at + topic.length - sizeof(uint64_t);
    uint64_t faults = topic_faults(load_word(last));
    for (; at < last; at += sizeof(uint64_t))
        faults |= topic_faults(load_word(at));
    return (faults & TOP_BITS) == 0;
}

#endif
