/* Places that a command is told: a broker that it talks to, or where it listens, with what TLS and WebSocket need
 * there. Internal to pcaps/.
 *
 *     struct place place = {.side = MQTT_CLIENT, .text = "mqtts://broker:8883"};
 *     if (place_parse(&place, "replay", "--target") && place_find(&place, "replay") && place_secure(&place, "replay"))
 *         ... place.addresses, place.transport ...
 *     place_release(&place);
 *
 * What fails is said on standard error, as `command` says it. A place is not moved once it is found. */
#ifndef MQSPEC_PLACE_H
#define MQSPEC_PLACE_H

#include "reference/broker_options.h"
#include "reference/transport.h"

struct addrinfo;

struct place {
    /* The caller's, and outlive it. All but the side and the text may be left out. */
    enum mqtt_side side; /* of the command: MQTT_SERVER listens there */
    const char *text;
    const char *certificate; /* that the command shows: a PEM file, as the next two */
    const char *key;         /* where it is not in the certificate's file */
    const char *authorities; /* who certifies the other side; else those whom the system trusts */
    bool insecure;           /* the other side's certificate is not looked at */
    const char *path;        /* that the WebSocket handshake asks for; else /mqtt */

    /* By place_parse(): */
    struct listener_option parsed;
    char authority[sizeof((struct listener_option){0}).address + 8]; /* HOST:PORT */
    /* By place_find(): */
    struct addrinfo *addresses;
    struct spec_rules rules;
    struct transport_settings transport;
};

/* Reads "PORT" (on this machine), "HOST:PORT", or this with mqtt://, mqtts://, ws:// or wss:// before it. `option` is
 * the name of the option that the text was given with. False after a message. */
bool place_parse(struct place *place, const char *command, const char *option);

/* Looks the host up. False after a message. */
bool place_find(struct place *place, const char *command);

/* Reads the certificates, where there is TLS. False after a message. */
bool place_secure(struct place *place, const char *command);

/* It has options that make sense with TLS only. */
bool place_wants_tls(const struct place *place);

/* Frees what was found. Fine on any place. */
void place_release(struct place *place);

#endif
