/* A set of Packet Identifiers: small while it holds few, never more than 65535. */
#ifndef MQSPEC_IDENTIFIER_SET_H
#define MQSPEC_IDENTIFIER_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "reference/memory.h"

/* Zero-initialised, it is empty. Packet Identifiers are never 0, so 0 marks a free slot. */
struct identifier_set {
    uint16_t *slots;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
};

bool identifier_set_has(const struct identifier_set *set, uint16_t identifier);
/* False where there is no memory. Adding what is there already changes nothing. */
bool identifier_set_add(struct memory *memory, struct identifier_set *set, uint16_t identifier);
/* False when it was not there. */
bool identifier_set_remove(struct identifier_set *set, uint16_t identifier);
/* Walks through them, in no order: *slot begins with 0, and each call sets *identifier to the next. False after the
 * last. The set must not change meanwhile. */
bool identifier_set_next(const struct identifier_set *set, uint32_t *slot, uint16_t *identifier);
void identifier_set_clear(struct memory *memory, struct identifier_set *set);

#endif
