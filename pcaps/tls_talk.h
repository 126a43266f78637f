/* One connection that is TLS: follows its handshake, has its keys, and hands on what its records hold. Internal to
 * tls_*.c. */
#ifndef MQSPEC_TLS_TALK_H
#define MQSPEC_TLS_TALK_H

#include "pcaps/tls_stream.h"

struct tls_moment {
    uint64_t frame;
    microseconds time;
};

/* What stream_hooks told when the connection appeared. */
struct tls_opening {
    struct stream_address client;
    struct stream_address server;
    struct tls_moment moment;
};

struct tls_talk;

/* NULL where there is no memory. */
struct tls_talk *tls_talk_create(struct tls_filter *filter, const struct tls_opening *opening);

/* As stream_hooks tell. */
void tls_talk_bytes(struct tls_talk *talk, enum mqtt_side side, struct mqtt_bytes bytes, struct tls_moment moment);
void tls_talk_gap(struct tls_talk *talk, enum mqtt_side side, uint64_t length, struct tls_moment moment);
void tls_talk_ended(struct tls_talk *talk, enum mqtt_side side, bool reset, struct tls_moment moment);

/* Closes and frees it. */
void tls_talk_closed(struct tls_talk *talk, struct tls_moment moment);

#endif
