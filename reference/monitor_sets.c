/* The monitor's memory: growing buffers, queues and sets of Packet Identifiers, and the table of messages on their
 * way. An empty one takes no memory beyond itself. */
#include "reference/monitor_internal.h"

#include <assert.h>
#include <string.h>

#define SMALL_QUEUE 64u /* a queue or table up to this size keeps its memory when it runs empty */
#define FIRST_SIZE  8u  /* of whatever grows by doubling; a power of two */

void *monitor_allocate(const struct environment *environment, size_t size) {
    void *memory = environment->allocate(environment->context, size);
    if (memory != NULL)
        memset(memory, 0, size);
    return memory;
}

void monitor_release(const struct environment *environment, void *memory, size_t size) {
    if (memory != NULL)
        environment->release(environment->context, memory, size);
}

void *monitor_grown(const struct environment *environment, void *old, size_t old_size, size_t size) {
    assert(size > old_size);
    void *memory = monitor_allocate(environment, size);
    if (memory == NULL)
        return NULL;
    if (old_size > 0)
        memcpy(memory, old, old_size);
    monitor_release(environment, old, old_size);
    return memory;
}

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 32;
}

uint64_t monitor_hash(uint64_t hash, struct mqtt_bytes bytes) {
    uint64_t word;
    uint32_t at = 0;
    for (; bytes.length - at >= sizeof word; at += (uint32_t)sizeof word) {
        memcpy(&word, bytes.data + at, sizeof word);
        hash = mix(hash, word);
    }
    word = bytes.length;
    hash = mix(hash, word);
    if (at == bytes.length)
        return hash;
    word = 0;
    memcpy(&word, bytes.data + at, bytes.length - at);
    return mix(hash, word);
}

/* ---- Queues -------------------------------------------------------------------------------------------------- */

void monitor_queue_clear(const struct environment *environment, struct monitor_queue *queue) {
    monitor_release(environment, queue->identifiers, queue->capacity * sizeof *queue->identifiers);
    *queue = (struct monitor_queue){0};
}

bool monitor_queue_add(const struct environment *environment, struct monitor_queue *queue, uint16_t packet_identifier) {
    if (queue->count >= MONITOR_MAXIMUM_AWAITED)
        return false;
    if (queue->count == 0 && queue->capacity > SMALL_QUEUE)
        monitor_queue_clear(environment, queue);
    /* Moving only when at least half is free keeps the cost of each addition constant. */
    if (queue->head + queue->count == queue->capacity && queue->head > queue->count) {
        memmove(queue->identifiers, queue->identifiers + queue->head, queue->count * sizeof *queue->identifiers);
        queue->head = 0;
    }
    if (queue->head + queue->count == queue->capacity) {
        uint32_t capacity = queue->capacity == 0 ? FIRST_SIZE : queue->capacity * 2;
        uint16_t *identifiers = monitor_grown(environment, queue->identifiers, queue->capacity * sizeof *identifiers,
                                              capacity * sizeof *identifiers);
        if (identifiers == NULL)
            return false;
        queue->identifiers = identifiers;
        queue->capacity = capacity;
    }
    queue->identifiers[queue->head + queue->count++] = packet_identifier;
    return true;
}

uint32_t monitor_queue_find(const struct monitor_queue *queue, uint16_t packet_identifier) {
    for (uint32_t place = 0; place < queue->count; place++)
        if (queue->identifiers[queue->head + place] == packet_identifier)
            return place;
    return MONITOR_NOT_FOUND;
}

void monitor_queue_take(struct monitor_queue *queue, uint32_t place) {
    assert(place < queue->count);
    uint16_t *first = queue->identifiers + queue->head;
    memmove(first + 1, first, place * sizeof *first);
    queue->head++;
    queue->count--;
    if (queue->count == 0)
        queue->head = 0;
}

bool monitor_queue_remove(struct monitor_queue *queue, uint16_t packet_identifier) {
    uint32_t place = monitor_queue_find(queue, packet_identifier);
    if (place == MONITOR_NOT_FOUND)
        return false;
    monitor_queue_take(queue, place);
    return true;
}

/* ---- Sets ---------------------------------------------------------------------------------------------------- */

bool monitor_identifiers_add(const struct environment *environment, struct monitor_identifiers *set,
                             uint16_t packet_identifier) {
    uint32_t byte = packet_identifier / 8u;
    if (byte >= set->size) {
        uint32_t size = set->size == 0 ? FIRST_SIZE : set->size;
        while (size <= byte)
            size *= 2;
        uint8_t *bits = monitor_grown(environment, set->bits, set->size, size);
        if (bits == NULL)
            return false;
        set->bits = bits;
        set->size = size;
    }
    set->bits[byte] |= (uint8_t)(1u << packet_identifier % 8u);
    return true;
}

bool monitor_identifiers_hold(const struct monitor_identifiers *set, uint16_t packet_identifier) {
    uint32_t byte = packet_identifier / 8u;
    return byte < set->size && (set->bits[byte] >> packet_identifier % 8u & 1u) != 0;
}

void monitor_identifiers_clear(const struct environment *environment, struct monitor_identifiers *set) {
    monitor_release(environment, set->bits, set->size);
    *set = (struct monitor_identifiers){0};
}

/* ---- Messages on their way ----------------------------------------------------------------------------------- */

/* Identifiers mostly count up: their low bits spread them best. */
static uint32_t home(const struct monitor_exchanges *exchanges, uint16_t packet_identifier) {
    return packet_identifier & (exchanges->capacity - 1);
}

static struct monitor_exchange *slot_of(const struct monitor_exchanges *exchanges, uint16_t packet_identifier) {
    uint32_t i = home(exchanges, packet_identifier);
    while (exchanges->slots[i].packet_identifier != 0 && exchanges->slots[i].packet_identifier != packet_identifier)
        i = (i + 1) & (exchanges->capacity - 1);
    return &exchanges->slots[i];
}

struct monitor_exchange *monitor_exchange_find(const struct monitor_exchanges *exchanges, uint16_t packet_identifier) {
    if (exchanges->count == 0)
        return NULL;
    struct monitor_exchange *exchange = slot_of(exchanges, packet_identifier);
    return exchange->packet_identifier == 0 ? NULL : exchange;
}

/* At most half of the slots are filled, so that every search ends. */
static bool make_room(const struct environment *environment, struct monitor_exchanges *exchanges) {
    if (exchanges->count == 0 && exchanges->capacity > SMALL_QUEUE)
        monitor_exchanges_clear(environment, exchanges);
    if ((exchanges->count + 1) * 2 <= exchanges->capacity)
        return true;
    struct monitor_exchanges larger = {.capacity = exchanges->capacity == 0 ? FIRST_SIZE : exchanges->capacity * 2};
    larger.slots = monitor_allocate(environment, larger.capacity * sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    larger.count = exchanges->count;
    for (uint32_t i = 0; i < exchanges->capacity; i++)
        if (exchanges->slots[i].packet_identifier != 0)
            *slot_of(&larger, exchanges->slots[i].packet_identifier) = exchanges->slots[i];
    monitor_exchanges_clear(environment, exchanges);
    *exchanges = larger;
    return true;
}

struct monitor_exchange *monitor_exchange_add(const struct environment *environment,
                                              struct monitor_exchanges *exchanges, uint16_t packet_identifier) {
    assert(packet_identifier != 0);
    if (!make_room(environment, exchanges))
        return NULL;
    struct monitor_exchange *exchange = slot_of(exchanges, packet_identifier);
    if (exchange->packet_identifier == 0)
        exchanges->count++;
    *exchange = (struct monitor_exchange){.packet_identifier = packet_identifier};
    return exchange;
}

/* Those behind it that searches would miss move up into the hole. */
void monitor_exchange_remove(struct monitor_exchanges *exchanges, struct monitor_exchange *exchange) {
    uint32_t mask = exchanges->capacity - 1;
    uint32_t hole = (uint32_t)(exchange - exchanges->slots);
    for (uint32_t i = (hole + 1) & mask; exchanges->slots[i].packet_identifier != 0; i = (i + 1) & mask) {
        uint32_t wanted = home(exchanges, exchanges->slots[i].packet_identifier);
        if (((i - wanted) & mask) >= ((i - hole) & mask)) {
            exchanges->slots[hole] = exchanges->slots[i];
            hole = i;
        }
    }
    exchanges->slots[hole].packet_identifier = 0;
    exchanges->count--;
}

void monitor_exchanges_clear(const struct environment *environment, struct monitor_exchanges *exchanges) {
    monitor_release(environment, exchanges->slots, exchanges->capacity * sizeof *exchanges->slots);
    *exchanges = (struct monitor_exchanges){0};
}
