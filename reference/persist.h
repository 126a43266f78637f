/* What the core puts into the store, where it has one: called at the places where the state changes that is to outlive
 * the process. That is the state of Sessions that outlive their connection, and what topics retain. Each of these does
 * nothing where there is no store, or where the Session is not kept; none can fail: what goes wrong is told by the
 * commit, before which no Client is sent anything.
 *
 * A message is stored once, by number, however many deliveries, Wills and topics refer to it, and removed with the
 * last record that does. */
#ifndef MQSPEC_PERSIST_H
#define MQSPEC_PERSIST_H

#include "reference/core.h"

/* After anything changed of it beside its subscriptions and messages: its Client came or left, its Will. From the first
 * time on the Session is kept, with all that it holds; no longer once it is to end with its connection. */
void persist_session(struct session *session);
/* The Session ends. */
void persist_session_end(struct session *session);
/* A message changed that may be stored already. */
void persist_message(struct broker *broker, struct message *message);
void persist_retained(struct broker *broker, struct message *message);
void persist_retained_end(struct broker *broker, struct message *message);

/* For restore.c: what a new store begins with, and the record of a message that no other refers to, which goes. */
void persist_format(struct broker *broker);
void persist_unused_message(struct broker *broker, struct message *message);

/* Out of line, for the functions below. */
void persist_put_subscription(struct subscription *subscription);
void persist_remove_subscription(struct subscription *subscription);
void persist_put_delivery(struct session *session, struct delivery *delivery);
void persist_remove_delivery(struct session *session, struct delivery *delivery);
void persist_put_received(struct session *session, uint16_t packet_identifier);
void persist_remove_received(struct session *session, uint16_t packet_identifier);

static inline bool session_is_kept(const struct session *session) {
    return session->kept.number != 0;
}

/* It was made or changed. */
static inline void persist_subscription(struct subscription *subscription) {
    if (session_is_kept(subscription->session))
        persist_put_subscription(subscription);
}

static inline void persist_subscription_end(struct subscription *subscription) {
    if (subscription->number != 0)
        persist_remove_subscription(subscription);
}

/* It was queued or sent. Keeps its place in the order if it has one already, else takes the last. */
static inline void persist_delivery(struct session *session, struct delivery *delivery) {
    if (session_is_kept(session))
        persist_put_delivery(session, delivery);
}

/* It is over, or is about to take another place in the order. Called while it still has its message. */
static inline void persist_delivery_end(struct session *session, struct delivery *delivery) {
    if (delivery->number != 0)
        persist_remove_delivery(session, delivery);
}

/* QoS 2 identifiers from the Client. */
static inline void persist_received(struct session *session, uint16_t packet_identifier) {
    if (session_is_kept(session))
        persist_put_received(session, packet_identifier);
}

static inline void persist_received_end(struct session *session, uint16_t packet_identifier) {
    if (session_is_kept(session))
        persist_remove_received(session, packet_identifier);
}

#endif
