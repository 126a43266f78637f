/* IP packets that were sent in fragments, put together again. Internal to pcaps/.
 *
 * As hosts do it (RFC 791, RFC 8200, RFC 5722): a fragment that is there already is passed over, and where fragments
 * overlap in any other way the whole packet is. Memory is bounded: past a number of packets under way, the oldest is
 * given up, and so is one that lacks something for 30 seconds. */
#ifndef MQSPEC_FRAGMENTS_H
#define MQSPEC_FRAGMENTS_H

#include "pcaps/unwrap.h"
#include "reference/environment.h"

enum {
    /* Of packets under way; each has at most 64 KiB. */
    FRAGMENTS_MAXIMUM_PACKETS = 64,
};
#define FRAGMENTS_MAXIMUM_WAIT (30 * MICROSECONDS_PER_SECOND)

struct fragments;

/* NULL where there is no memory. */
struct fragments *fragments_create(void);
void fragments_destroy(struct fragments *fragments); /* NULL is fine */

/* Takes a fragment. True where its packet is whole now: *payload is then what its fragments hold together, until the
 * next call. Without memory, the fragment is lost. */
bool fragments_add(struct fragments *fragments, const struct fragment *fragment, microseconds now,
                   struct mqtt_bytes *payload);

#endif
