/* Topic Aliases that one side of a connection of MQTT 5.0 has set. Internal to pcaps/. */
#ifndef MQSPEC_TOPIC_ALIASES_H
#define MQSPEC_TOPIC_ALIASES_H

#include "codec/codec.h"

/* Zero-initialised it is empty. Memory grows with the packets seen, whatever the numbers in them. */
struct topic_aliases {
    struct topic_alias *aliases; /* ordered by number */
    size_t count;
};

/* Learns from a PUBLISH that sets an alias, and puts the topic into one that only names its alias: a view that lives
 * until the alias is set anew. Other packets, and aliases that were never set, are left as they are. False where there
 * is no memory. */
bool topic_aliases_resolve(struct topic_aliases *table, struct mqtt_packet *packet);

void topic_aliases_free(struct topic_aliases *table);

#endif
