#include "reference/identifier_set.h"

#include <assert.h>
#include <string.h>

#define FIRST_CAPACITY 16u

/* Open addressing, linear probing, at most half full. */
static uint32_t home(const struct identifier_set *set, uint16_t identifier) {
    return (identifier * UINT32_C(40503)) & (set->capacity - 1);
}

static uint32_t slot_of(const struct identifier_set *set, uint16_t identifier) {
    uint32_t slot = home(set, identifier);
    while (set->slots[slot] != 0 && set->slots[slot] != identifier)
        slot = (slot + 1) & (set->capacity - 1);
    return slot;
}

bool identifier_set_has(const struct identifier_set *set, uint16_t identifier) {
    return set->count > 0 && identifier != 0 && set->slots[slot_of(set, identifier)] == identifier;
}

static bool grow(struct memory *memory, struct identifier_set *set) {
    uint32_t capacity = set->capacity == 0 ? FIRST_CAPACITY : set->capacity * 2;
    struct identifier_set grown = {.capacity = capacity, .count = set->count};
    grown.slots = memory_take_zeroed(memory, capacity * sizeof *grown.slots);
    if (grown.slots == NULL)
        return false;
    for (uint32_t i = 0; i < set->capacity; i++)
        if (set->slots[i] != 0)
            grown.slots[slot_of(&grown, set->slots[i])] = set->slots[i];
    memory_give(memory, set->slots, set->capacity * sizeof *set->slots);
    *set = grown;
    return true;
}

bool identifier_set_add(struct memory *memory, struct identifier_set *set, uint16_t identifier) {
    assert(identifier != 0);
    if (identifier_set_has(set, identifier))
        return true;
    if ((set->count + 1) * 2 > set->capacity && !grow(memory, set))
        return false;
    set->slots[slot_of(set, identifier)] = identifier;
    set->count++;
    return true;
}

bool identifier_set_remove(struct identifier_set *set, uint16_t identifier) {
    if (!identifier_set_has(set, identifier))
        return false;
    uint32_t mask = set->capacity - 1;
    uint32_t hole = slot_of(set, identifier);
    /* Close the gap: move back each that probed past it. */
    for (uint32_t next = (hole + 1) & mask; set->slots[next] != 0; next = (next + 1) & mask) {
        uint32_t distance = (next - home(set, set->slots[next])) & mask;
        if (distance >= ((next - hole) & mask)) {
            set->slots[hole] = set->slots[next];
            hole = next;
        }
    }
    set->slots[hole] = 0;
    set->count--;
    return true;
}

bool identifier_set_next(const struct identifier_set *set, uint32_t *slot, uint16_t *identifier) {
    while (*slot < set->capacity) {
        *identifier = set->slots[(*slot)++];
        if (*identifier != 0)
            return true;
    }
    return false;
}

void identifier_set_clear(struct memory *memory, struct identifier_set *set) {
    memory_give(memory, set->slots, set->capacity * sizeof *set->slots);
    memset(set, 0, sizeof *set);
}
