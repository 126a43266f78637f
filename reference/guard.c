#include "reference/guard.h"

#include <stdio.h>
#include <stdlib.h>

#include "reference/access.h"
#include "reference/users.h"

struct guard {
    struct guard_settings settings;
    struct users *users;   /* NULL without a file */
    struct access *access; /* NULL without a file */
};

/* ---- Files ------------------------------------------------------------------------------------------------- */

static void forget(struct guard *guard) {
    users_destroy(guard->users);
    access_destroy(guard->access);
    guard->users = NULL;
    guard->access = NULL;
}

static bool load(struct guard *guard, char *error, size_t size) {
    if (guard->settings.password_file != NULL)
        guard->users = users_load(guard->settings.password_file, error, size);
    if (guard->settings.password_file != NULL && guard->users == NULL)
        return false;
    if (guard->settings.acl_file != NULL)
        guard->access = access_load(guard->settings.acl_file, error, size);
    return guard->settings.acl_file == NULL || guard->access != NULL;
}

struct guard *guard_create(const struct guard_settings *settings, char *error, size_t size) {
    struct guard *guard = calloc(1, sizeof *guard);
    if (guard == NULL) {
        snprintf(error, size, "out of memory");
        return NULL;
    }
    guard->settings = *settings;
    if (load(guard, error, size))
        return guard;
    guard_destroy(guard);
    return NULL;
}

void guard_destroy(struct guard *guard) {
    if (guard == NULL)
        return;
    forget(guard);
    free(guard);
}

bool guard_reload(struct guard *guard, char *error, size_t size) {
    struct guard fresh = {.settings = guard->settings};
    if (!load(&fresh, error, size)) {
        forget(&fresh);
        return false;
    }
    forget(guard);
    *guard = fresh;
    return true;
}

/* ---- Who ------------------------------------------------------------------------------------------------------ */

bool guard_asks_who(const struct guard *guard) {
    return guard->users != NULL || !guard->settings.allow_anonymous;
}

static bool authenticates_otherwise(const struct mqtt_connect *connect) {
    struct mqtt_property method;
    return mqtt_find_property(connect->properties, MQTT_AUTHENTICATION_METHOD, &method);
}

enum mqtt_connect_return_code guard_authenticate(struct guard *guard, const struct broker_client *client,
                                                 const struct mqtt_connect *connect) {
    if (client->is_certified || authenticates_otherwise(connect))
        return MQTT_CONNECTION_ACCEPTED;
    if (connect->user_name.length == 0)
        return guard->settings.allow_anonymous ? MQTT_CONNECTION_ACCEPTED : MQTT_NOT_AUTHORIZED;
    bool right = guard->users == NULL ? guard->settings.allow_anonymous
                                      : users_check(guard->users, connect->user_name, connect->password);
    return right ? MQTT_CONNECTION_ACCEPTED : MQTT_BAD_USER_NAME_OR_PASSWORD;
}

/* ---- What ------------------------------------------------------------------------------------------------------- */

bool guard_asks_what(const struct guard *guard) {
    return guard->access != NULL;
}

static bool allows(struct guard *guard, const struct broker_client *client, struct mqtt_bytes topic,
                   enum access_kind kind) {
    const struct access_client asking = {client->client_identifier, client->user_name};
    return guard->access == NULL || access_allows(guard->access, &asking, topic, kind);
}

bool guard_may_publish(struct guard *guard, const struct broker_client *client, struct mqtt_bytes topic) {
    return allows(guard, client, topic, ACCESS_WRITE);
}

bool guard_may_receive(struct guard *guard, const struct broker_client *client, struct mqtt_bytes topic) {
    return allows(guard, client, topic, ACCESS_READ);
}

bool guard_may_subscribe(struct guard *guard, const struct broker_client *client, struct mqtt_bytes filter) {
    const struct access_client asking = {client->client_identifier, client->user_name};
    struct mqtt_bytes name, shared;
    if (mqtt_shared_filter(filter, &name, &shared))
        filter = shared;
    return guard->access == NULL || access_allows_filter(guard->access, &asking, filter);
}
