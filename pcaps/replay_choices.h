/* What a broker chooses for itself on a connection of MQTT 5.0, and what a recorded packet of a client becomes where
 * the live broker chose otherwise than the recorded one. Internal to pcaps/. */
#ifndef MQSPEC_REPLAY_CHOICES_H
#define MQSPEC_REPLAY_CHOICES_H

#include "pcaps/replay.h"
#include "pcaps/topic_aliases.h"

/* Of the live broker, on one connection. Zero-initialised before its CONNACK. */
struct choices {
    struct topic_aliases aliases; /* that it has set */
    uint32_t topic_alias_maximum; /* that it allows the client to set */
    uint32_t receive_maximum;     /* 0: no CONNACK yet */
    uint32_t unacknowledged;      /* PUBLISH packets of QoS 1 and 2 that it has not acknowledged on this connection */
    struct mqtt_bytes assigned;   /* Client Identifier; owned */
};

/* Learns from a packet of the live broker, and puts the topic into a PUBLISH that only names its alias. False where
 * there is no memory. */
bool choices_learn(struct choices *choices, enum mqtt_version version, struct mqtt_packet *packet);

/* The live broker lets this client send the packet now: its Receive Maximum is not reached. */
bool choices_allow(const struct choices *choices, const struct mqtt_packet *packet);

/* The packet was sent. */
void choices_sent(struct choices *choices, const struct mqtt_packet *packet);

/* What to send for the client's packet at step `index`: the Packet Identifier that the live broker chose for what is
 * acknowledged, no Topic Alias above its maximum, the Client Identifier that it assigned. `all` is indexed as the
 * recording's connections are. Returns memory to be freed, with *length filled; NULL for the recorded bytes as they
 * are. *possible becomes false where what the packet acknowledges did not come. */
uint8_t *choices_rewrite(const struct choices *all, const struct recording *recording, size_t index, size_t *length,
                         bool *possible);

void choices_free(struct choices *choices);

#endif
