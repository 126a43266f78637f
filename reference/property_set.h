/* A set of properties that is being put together, in memory that the caller gives. */
#ifndef MQSPEC_PROPERTY_SET_H
#define MQSPEC_PROPERTY_SET_H

#include <assert.h>

#include "codec/codec.h"

struct property_set {
    uint8_t *buffer;
    size_t capacity;
    size_t length;
};

/* Who puts together what does not fit has given too little memory. */
static inline void property_set_add(struct property_set *set, const struct mqtt_property *property) {
    bool fits = mqtt_append_property(set->buffer, set->capacity, &set->length, property);
    assert(fits);
    (void)fits;
}

static inline void property_set_number(struct property_set *set, enum mqtt_property_identifier identifier,
                                       uint32_t number) {
    property_set_add(set, &(struct mqtt_property){.identifier = (uint8_t)identifier, .number = number});
}

static inline void property_set_bytes(struct property_set *set, enum mqtt_property_identifier identifier,
                                      struct mqtt_bytes bytes) {
    property_set_add(set, &(struct mqtt_property){.identifier = (uint8_t)identifier, .bytes = bytes});
}

/* Not absent even when it is empty. */
static inline struct mqtt_bytes property_set_view(const struct property_set *set) {
    return (struct mqtt_bytes){set->buffer, (uint32_t)set->length};
}

#endif
