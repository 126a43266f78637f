/* Who is let in, and to what: users, permissions, and whether Clients without a user name are welcome. It answers what
 * the hooks of a broker ask. */
#ifndef MQSPEC_GUARD_H
#define MQSPEC_GUARD_H

#include "reference/broker.h"

struct guard;

struct guard_settings {
    const char *password_file; /* NULL: no password can be checked */
    const char *acl_file;      /* NULL: everything is allowed */
    bool allow_anonymous;      /* a Client without a user name is let in, or with any that cannot be checked */
};

/* Reads the files. NULL with `error` saying which and what to do. The names live as long as the guard. */
struct guard *guard_create(const struct guard_settings *settings, char *error, size_t size);
void guard_destroy(struct guard *guard); /* NULL is fine */

/* Whether there is anything to ask: where not, the answer is always yes. */
bool guard_asks_who(const struct guard *guard);
bool guard_asks_what(const struct guard *guard);

/* The answers, as struct broker_hooks has the questions. A Client that a certificate names needs no password, nor does
 * one that names an Authentication Method, for that follows. An empty user name is none. */
enum mqtt_connect_return_code guard_authenticate(struct guard *guard, const struct broker_client *client,
                                                 const struct mqtt_connect *connect);
bool guard_may_publish(struct guard *guard, const struct broker_client *client, struct mqtt_bytes topic);
bool guard_may_receive(struct guard *guard, const struct broker_client *client, struct mqtt_bytes topic);
/* Denied where nothing that the filter matches may be received. */
bool guard_may_subscribe(struct guard *guard, const struct broker_client *client, struct mqtt_bytes filter);

/* Reads the files again. Where one of them cannot be used, all stays as it was, and false with `error` says why.
 * Clients that are connected stay so; what they publish and subscribe to from then on goes by the new files, and what
 * is published to them. Wills that were accepted, and messages that wait in a Session, are let through. */
bool guard_reload(struct guard *guard, char *error, size_t size);

#endif
