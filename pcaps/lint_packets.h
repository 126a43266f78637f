/* The packets around a breach, kept as they were on the wire and put into words only when they are shown. Internal to
 * pcaps/.
 *
 * Each connection has a short ring of its last packets. A breach takes a copy of it, and waits for the packets that
 * follow on that connection; breaches are told in the order in which they were found. */
#ifndef MQSPEC_LINT_PACKETS_H
#define MQSPEC_LINT_PACKETS_H

#include "pcaps/lint.h"

/* The last packets of one connection, the offending one among them. Zero-initialised it is empty. */
struct packet_ring {
    struct lint_packet packets[LINT_PACKETS_BEFORE + 1];
    size_t next;  /* place of the packet that comes next */
    size_t count; /* of places that are filled */
    bool awaited; /* a breach waits for packets of this connection */
};

void packet_ring_add(struct packet_ring *ring, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                     microseconds time);

/* Breaches that wait for what follows them. */
struct breach_queue;

/* For what follows a breach, it waits no longer than its patience. NULL where there is no memory. */
struct breach_queue *breach_queue_create(lint_breach_teller *tell, void *context, microseconds patience);

/* Tells all that still wait, and frees. NULL is fine. */
void breach_queue_destroy(struct breach_queue *queue);

/* Adds a breach, whose strings are copied, with the packets of the ring; with `offends`, the last of them is the
 * offending one. Never keeps more than a fixed number of breaches waiting. */
void breach_queue_add(struct breach_queue *queue, const struct lint_breach *breach, struct packet_ring *ring,
                      bool offends);

/* The newest packet of this ring was added: breaches that wait for it take it, and those that have all are told. */
void breach_queue_packet(struct breach_queue *queue, struct packet_ring *ring);

/* The ring goes: nothing more will follow on its connection. */
void breach_queue_closed(struct breach_queue *queue, struct packet_ring *ring);

/* The capture has come to `now`: what waited too long is told.
 */
void breach_queue_tick(struct breach_queue *queue, microseconds now);

#endif
