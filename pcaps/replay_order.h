/* Which steps of a recording stand on which: what has to be done, or to have come, before a client goes on. Internal to
 * pcaps/.
 *
 * A client stands on all that it was sent before, and on what others did before to which it may owe what it is sent:
 * connections of the same client, those that subscribe to what it publishes or publish what it subscribes to, and those
 * that publish or subscribe to the same. All others go their own way, so that one that has to wait holds up nobody
 * else. */
#ifndef MQSPEC_REPLAY_ORDER_H
#define MQSPEC_REPLAY_ORDER_H

#include "pcaps/replay.h"

#define NO_STEP SIZE_MAX

/* Connections that others stand on together. */
struct companions {
    size_t *connections;
    size_t count;
    size_t capacity;
};

/* Finds out who stands on whom. False where there is no memory. */
bool order_begin(struct recording *recording);
void order_end(struct recording *recording);

/* The earliest step that has to be done or to have come before step `index` of the recording is done; NO_STEP where
 * there is none. */
size_t order_blocker(struct recording *recording, size_t index);

/* A client of the recording published this message, or had it as its Will. */
bool order_was_published(const struct recording *recording, const struct mqtt_publish *publish);

/* The step is an answer of the broker that has not come yet. */
bool order_is_awaited(const struct step *step);

#endif
