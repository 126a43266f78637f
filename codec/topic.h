/* Where wildcards may stand, section 4.7.1. */
#ifndef MQSPEC_CODEC_TOPIC_H
#define MQSPEC_CODEC_TOPIC_H

#include "codec/codec.h"

static inline bool is_wildcard(uint8_t byte) {
    return byte == '+' || byte == '#';
}

/* The wildcard at filter.data[at] fills its level, and # the last one. */
static inline bool wildcard_is_in_place(struct mqtt_bytes filter, uint32_t at) {
    bool begins_level = at == 0 || filter.data[at - 1] == '/';
    bool is_last = at + 1 == filter.length;
    bool ends_level = is_last || (filter.data[at] == '+' && filter.data[at + 1] == '/');
    return begins_level && ends_level;
}

#endif
