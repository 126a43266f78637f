/* The way of bytes through a connection of the proxy, from one end to the other, and what faults make of it. Internal
 * to pcaps/. */
#ifndef MQSPEC_PROXY_PASS_H
#define MQSPEC_PROXY_PASS_H

#include "pcaps/proxy_connection.h"

/* Bytes arrived from `sender`: sends them on, or queues what cannot be sent on yet; judges and tells them. */
void proxy_pass(struct proxied *connection, enum mqtt_side sender, struct mqtt_bytes bytes, microseconds now);

/* Sends on what is queued and due of what `sender` sends. */
void proxy_pass_queued(struct proxied *connection, enum mqtt_side sender, microseconds now);

#endif
