/* Packets of a recording under other names: a prefix before Client Identifiers and topics, so that a replay does not
 * meet the clients and messages of others. Internal to pcaps/. */
#ifndef MQSPEC_REPLAY_RENAME_H
#define MQSPEC_REPLAY_RENAME_H

#include "codec/codec.h"

struct replay_names {
    const char *client_prefix; /* before each Client Identifier that is not empty; NULL: none */
    /* Before Topic Names and Topic Filters (within a Shared Subscription, behind the ShareName), Wills' and Response
     * Topics; those that begin with $ are the broker's own and stay. It ends with '/'. NULL: none. */
    const char *topic_prefix;
};

/* Encodes the packet under its new names: returns the length of *bytes, which is to be freed. 0 where nothing of it is
 * named anew, or a name would become too long, or there is no memory; the packet then stays as it is. */
size_t rename_packet(const struct replay_names *names, enum mqtt_version version, const struct mqtt_packet *packet,
                     uint8_t **bytes);

#endif
