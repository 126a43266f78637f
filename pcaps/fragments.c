#include "pcaps/fragments.h"

#include <stdlib.h>
#include <string.h>

enum {
    UNIT = 8, /* fragments begin at multiples of it, and all but the last are some of them long */
    LARGEST_PAYLOAD = 65535,
    UNITS = LARGEST_PAYLOAD / UNIT + 1,
};

/* A packet under way. */
struct partial {
    bool is_used;
    bool is_refused; /* its fragments contradict each other */
    struct segment_end source;
    struct segment_end destination;
    uint32_t identification;
    uint8_t protocol; /* of its first fragment */
    microseconds since;
    uint32_t length;   /* of the whole, once its last fragment is here; else 0 */
    uint32_t farthest; /* end of the last byte that is here */
    uint32_t units;    /* how many are here */
    uint8_t *payload;
    uint8_t here[UNITS / 8 + 1]; /* a bit for each unit */
};

struct fragments {
    struct partial partials[FRAGMENTS_MAXIMUM_PACKETS];
    uint8_t *whole; /* that was handed out */
};

struct fragments *fragments_create(void) {
    return calloc(1, sizeof(struct fragments));
}

static void drop(struct partial *partial) {
    free(partial->payload);
    memset(partial, 0, sizeof *partial);
}

void fragments_destroy(struct fragments *fragments) {
    if (fragments == NULL)
        return;
    for (size_t i = 0; i < FRAGMENTS_MAXIMUM_PACKETS; i++)
        drop(&fragments->partials[i]);
    free(fragments->whole);
    free(fragments);
}

static bool belongs(const struct partial *partial, const struct fragment *fragment) {
    return partial->is_used && partial->identification == fragment->identification &&
           memcmp(&partial->source, &fragment->source, sizeof partial->source) == 0 &&
           memcmp(&partial->destination, &fragment->destination, sizeof partial->destination) == 0 &&
           (fragment->source.is_ipv6 || partial->protocol == fragment->protocol);
}

/* The packet of the fragment, a new one where needed: in place of one that is too old, else in a free place, else in
 * the oldest one's. */
static struct partial *find(struct fragments *fragments, const struct fragment *fragment, microseconds now) {
    struct partial *chosen = &fragments->partials[0];
    for (size_t i = 0; i < FRAGMENTS_MAXIMUM_PACKETS; i++) {
        struct partial *partial = &fragments->partials[i];
        if (partial->is_used && now - partial->since > FRAGMENTS_MAXIMUM_WAIT)
            drop(partial);
        if (belongs(partial, fragment))
            return partial;
        if (chosen->is_used && (!partial->is_used || partial->since < chosen->since))
            chosen = partial;
    }
    drop(chosen);
    chosen->is_used = true;
    chosen->source = fragment->source;
    chosen->destination = fragment->destination;
    chosen->identification = fragment->identification;
    chosen->protocol = fragment->protocol;
    chosen->since = now;
    return chosen;
}

/* How many of its units are here already. */
static uint32_t count_here(const struct partial *partial, uint32_t first, uint32_t count) {
    uint32_t here = 0;
    for (uint32_t unit = first; unit < first + count; unit++)
        here += partial->here[unit / 8] >> unit % 8 & 1;
    return here;
}

/* Its length and place are those of a fragment, and fit to what is here. */
static bool fits(const struct partial *partial, const struct fragment *fragment) {
    uint32_t end = fragment->offset + fragment->data.length;
    if (fragment->data.length == 0 || end > LARGEST_PAYLOAD ||
        (!fragment->is_last && fragment->data.length % UNIT != 0))
        return false;
    if (fragment->is_last && (partial->farthest > end || (partial->length != 0 && partial->length != end)))
        return false;
    return partial->length == 0 || end <= partial->length;
}

static void keep(struct partial *partial, const struct fragment *fragment, uint32_t first, uint32_t count) {
    uint32_t end = fragment->offset + fragment->data.length;
    memcpy(partial->payload + fragment->offset, fragment->data.data, fragment->data.length);
    for (uint32_t unit = first; unit < first + count; unit++)
        partial->here[unit / 8] |= (uint8_t)(1u << unit % 8);
    partial->units += count;
    partial->farthest = end > partial->farthest ? end : partial->farthest;
    if (fragment->is_last)
        partial->length = end;
    if (fragment->offset == 0)
        partial->protocol = fragment->protocol; /* in IPv6 only the first tells */
}

bool fragments_add(struct fragments *fragments, const struct fragment *fragment, microseconds now,
                   struct mqtt_bytes *payload) {
    struct partial *partial = find(fragments, fragment, now);
    uint32_t first = fragment->offset / UNIT, count = (fragment->data.length + UNIT - 1) / UNIT;
    if (partial->is_refused)
        return false;
    if (partial->payload == NULL)
        partial->payload = malloc(LARGEST_PAYLOAD);
    if (partial->payload == NULL)
        return false;
    partial->is_refused = !fits(partial, fragment);
    uint32_t here = partial->is_refused ? 0 : count_here(partial, first, count);
    bool again = here == count && !partial->is_refused &&
                 memcmp(partial->payload + fragment->offset, fragment->data.data, fragment->data.length) == 0;
    if (again)
        return false;
    partial->is_refused |= here > 0;
    if (partial->is_refused)
        return false;
    keep(partial, fragment, first, count);
    if (partial->length == 0 || partial->units < (partial->length + UNIT - 1) / UNIT)
        return false;
    free(fragments->whole);
    fragments->whole = partial->payload;
    *payload = (struct mqtt_bytes){partial->payload, partial->length};
    partial->payload = NULL;
    drop(partial);
    return true;
}
