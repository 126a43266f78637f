/* Where the broker keeps what is to outlive its process: an ordered set of records, each a key and a value.
 *
 * A store is a struct of functions, so that another one (a Redis, say) is one file that fills it in. The core calls
 * it (persist.c, restore.c) and knows nothing else of it; whoever opens a store closes it, after the broker is gone.
 *
 * Changes gather until commit(), which makes all since the last one durable at once, or none of them: what a record
 * says then holds together with what the others say, wherever the process or the machine is stopped. A change that
 * fails need not be told on the spot: the next commit() fails. */
#ifndef MQSPEC_STORE_H
#define MQSPEC_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "codec/codec.h"

#define STORE_LONGEST_KEY   17u  /* bytes */
#define STORE_LONGEST_ERROR 512u /* bytes of the words for what is wrong */

/* One record. The views live until it returns. False ends the walk. It must not change the store. */
typedef bool store_visitor(void *visitor_context, struct mqtt_bytes key, struct mqtt_bytes value);

struct store {
    void *context;
    /* Makes the record, or replaces its value, which is the parts one after the other (at least one, together at most
     * MQTT_MAXIMUM_PACKET_SIZE and a few hundred bytes). Key and parts are not kept after the call. */
    void (*put)(void *context, struct mqtt_bytes key, const struct mqtt_bytes *parts, size_t count);
    /* A record that is not there may be removed. */
    void (*remove)(void *context, struct mqtt_bytes key);
    /* Returns once it is durable. False: nothing since the last commit is kept, nor will anything be; error() says why.
     */
    bool (*commit)(void *context);
    /* Visits the records whose keys begin with `prefix` (empty: all), in the order of their bytes. Called before the
     * first change. False where the store cannot be read; error() says why. */
    bool (*walk)(void *context, struct mqtt_bytes prefix, store_visitor *visit, void *visitor_context);
    /* What is wrong and what can be done, in words without full stop, for the operator. Lives until the next call. */
    const char *(*error)(void *context);
    /* Changes that were not committed are dropped. */
    void (*close)(void *context);
};

#endif
