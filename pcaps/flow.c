#include <stdlib.h>
#include <string.h>

#include "pcaps/flow.h"

/* A window can be 1 GiB at most (RFC 7323); what is further off than that is not of this flow. */
#define FARTHEST (1 << 30)

struct piece {
    struct piece *next;
    uint32_t sequence;
    uint32_t length;
    uint8_t data[];
};

/* From `from` to `to` in sequence space, where numbers wrap around. */
static int32_t distance(uint32_t from, uint32_t to) {
    return (int32_t)(to - from);
}

void flow_start(struct flow *flow, uint32_t sequence) {
    flow->started = true;
    flow->next = sequence;
}

static void account(struct flow *flow, const struct piece *piece, bool added) {
    size_t size = sizeof *piece + piece->length;
    flow->waiting_count = added ? flow->waiting_count + 1 : flow->waiting_count - 1;
    flow->waiting_bytes = added ? flow->waiting_bytes + size : flow->waiting_bytes - size;
}

static bool covers(const struct piece *piece, uint32_t sequence, uint32_t length) {
    return distance(piece->sequence, sequence) >= 0 &&
           distance(sequence + length, piece->sequence + piece->length) >= 0;
}

/* Puts the bytes into the list, which is ordered by sequence. */
static bool insert(struct flow *flow, uint32_t sequence, struct mqtt_bytes data, microseconds now) {
    struct piece **at = &flow->waiting;
    while (*at != NULL && distance((*at)->sequence, sequence) >= 0) {
        if (covers(*at, sequence, data.length))
            return true;
        at = &(*at)->next;
    }
    struct piece *piece = malloc(sizeof *piece + data.length);
    if (piece == NULL)
        return false;
    piece->sequence = sequence;
    piece->length = data.length;
    memcpy(piece->data, data.data, data.length);
    piece->next = *at;
    *at = piece;
    if (flow->waiting_count == 0)
        flow->waiting_since = now;
    account(flow, piece, true);
    return true;
}

bool flow_pass(struct flow *flow, uint32_t sequence, struct mqtt_bytes data, uint32_t length, microseconds now) {
    if (!flow->started || flow->ended || flow->finished || flow->has_end || flow->waiting != NULL ||
        sequence != flow->next || data.length != length)
        return false;
    flow->next += length;
    flow->waiting_since = now;
    return true;
}

bool flow_put(struct flow *flow, uint32_t sequence, struct mqtt_bytes data, uint32_t length, bool end,
              microseconds now) {
    int32_t start = distance(flow->next, sequence);
    if (flow->finished || start > FARTHEST || start < -FARTHEST)
        return true;
    if (end && !flow->has_end && distance(flow->next, sequence + length) >= 0) {
        flow->has_end = true;
        flow->end = sequence + length;
        if (flow->waiting_count == 0)
            flow->waiting_since = now;
    }
    /* A retransmission, or a keep-alive probe, which repeats the last byte. */
    if (start < 0) {
        uint32_t old = (uint32_t)-start;
        if (data.length <= old)
            return true;
        data.data += old;
        data.length -= old;
        sequence = flow->next;
    }
    return data.length == 0 || insert(flow, sequence, data, now);
}

void flow_acknowledged(struct flow *flow, uint32_t sequence) {
    int32_t ahead = distance(flow->next, sequence);
    if (ahead <= 0 || ahead > FARTHEST)
        return;
    if (flow->has_acknowledged && distance(flow->acknowledged, sequence) < 0)
        return;
    flow->has_acknowledged = true;
    flow->acknowledged = sequence;
}

void flow_finish(struct flow *flow) {
    flow->finished = true;
}

static void drop_first(struct flow *flow) {
    struct piece *piece = flow->waiting;
    flow->waiting = piece->next;
    account(flow, piece, false);
    free(flow->handed_out);
    flow->handed_out = piece;
}

/* The bytes behind `next`, if they are here. */
static bool take_bytes(struct flow *flow, microseconds now, struct flow_item *item) {
    while (flow->waiting != NULL && distance(flow->next, flow->waiting->sequence) <= 0) {
        struct piece *piece = flow->waiting;
        int32_t left = distance(flow->next, piece->sequence + piece->length);
        drop_first(flow);
        if (left <= 0)
            continue;
        *item = (struct flow_item){
            .kind = FLOW_BYTES,
            .bytes = {piece->data + piece->length - (uint32_t)left, (uint32_t)left},
        };
        flow->next += (uint32_t)left;
        flow->waiting_since = now;
        return true;
    }
    return false;
}

static bool patience_is_over(const struct flow *flow, microseconds now) {
    return flow->finished || flow->waiting_count > FLOW_MAXIMUM_PIECES || flow->waiting_bytes > FLOW_MAXIMUM_BYTES ||
           now - flow->waiting_since > FLOW_MAXIMUM_WAIT;
}

/* How far it is to the first byte that waits, or to the end. False where neither is known. */
static bool find_hole(const struct flow *flow, int32_t *hole) {
    if (flow->waiting == NULL && !flow->has_end)
        return false;
    *hole = FARTHEST;
    if (flow->waiting != NULL)
        *hole = distance(flow->next, flow->waiting->sequence);
    if (flow->has_end && distance(flow->next, flow->end) < *hole)
        *hole = distance(flow->next, flow->end);
    return true;
}

/* How many bytes are missing before the next that can be handed out, when it is certain that they will not come. */
static uint32_t missing(const struct flow *flow, microseconds now, bool impatient) {
    int32_t hole;
    bool has_hole = find_hole(flow, &hole);
    if (has_hole && hole <= 0)
        return 0; /* the end is reached */
    if (has_hole && (impatient || patience_is_over(flow, now)))
        return (uint32_t)hole;
    if (!flow->has_acknowledged)
        return 0;
    int32_t acknowledged = distance(flow->next, flow->acknowledged);
    if (has_hole && hole < acknowledged)
        return (uint32_t)hole;
    return (uint32_t)acknowledged;
}

bool flow_take(struct flow *flow, microseconds now, bool impatient, struct flow_item *item) {
    if (!flow->started || flow->ended)
        return false;
    if (take_bytes(flow, now, item))
        return true;
    /* Forgotten once passed: half a turn of the numbers later it would look as if it were ahead. */
    if (flow->has_acknowledged && distance(flow->next, flow->acknowledged) <= 0)
        flow->has_acknowledged = false;
    uint32_t length = missing(flow, now, impatient);
    if (length > 0) {
        *item = (struct flow_item){.kind = FLOW_GAP, .length = length};
        flow->next += length;
        flow->waiting_since = now;
        return true;
    }
    if (!flow->has_end || distance(flow->next, flow->end) > 0)
        return false;
    flow->ended = true;
    *item = (struct flow_item){.kind = FLOW_END};
    return true;
}

void flow_clear(struct flow *flow) {
    while (flow->waiting != NULL)
        drop_first(flow);
    free(flow->handed_out);
    flow->handed_out = NULL;
}
