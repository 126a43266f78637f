/* Properties of MQTT 5.0: made for what is sent, held against what came. */
#include <string.h>

#include "conformance/player_internal.h"

const struct property_pattern *pattern_property(const struct pattern *pattern,
                                                enum mqtt_property_identifier identifier) {
    for (size_t i = 0; i < pattern->property_count; i++)
        if (pattern->properties[i].identifier == identifier)
            return &pattern->properties[i];
    return NULL;
}

/* The string, the binary data, or the name of a pair. */
static struct mqtt_bytes wanted_bytes(struct player *player, const struct client *client,
                                      const struct property_pattern *pattern, const char **fault) {
    if (pattern->length > 0)
        return (struct mqtt_bytes){(const uint8_t *)pattern->text, (uint32_t)pattern->length};
    return player_text(player, client, pattern->text == NULL ? "" : pattern->text, fault);
}

static struct mqtt_bytes wanted_value(struct player *player, const struct property_pattern *pattern) {
    return mqtt_text(pattern->value == NULL ? "" : player_expand(player, pattern->value));
}

/* ---- Sending ----------------------------------------------------------------------------------------------- */

/* One property in a buffer of its own; length 0 where it cannot be had. */
static struct mqtt_bytes build_property(struct player *player, const struct client *client,
                                        const struct property_pattern *pattern) {
    const char *fault = NULL;
    struct mqtt_property property = {
        .identifier = pattern->identifier,
        .number = (uint32_t)player_number(player, client, pattern->number),
        .bytes = wanted_bytes(player, client, pattern, &fault),
        .value = wanted_value(player, pattern),
    };
    if (fault != NULL)
        player->build_fault = fault;
    /* The identifier, and at most two lengths or one number. */
    size_t capacity = (size_t)property.bytes.length + property.value.length + 8;
    uint8_t *buffer = arena_take(&player->arena, capacity);
    size_t length = 0;
    if (buffer != NULL)
        mqtt_append_property(buffer, capacity, &length, &property);
    return (struct mqtt_bytes){buffer, (uint32_t)length};
}

struct mqtt_bytes player_build_properties(struct player *player, const struct client *client,
                                          const struct property_pattern *patterns, size_t count) {
    static const uint8_t nothing[1];
    struct mqtt_bytes set = {nothing, 0};
    for (size_t i = 0; i < count; i++) {
        if (patterns[i].test != PROPERTY_EQUALS)
            continue;
        struct mqtt_bytes one = build_property(player, client, &patterns[i]);
        uint8_t *longer = arena_take(&player->arena, (size_t)set.length + one.length + 1);
        if (longer == NULL)
            return set;
        memcpy(longer, set.data, set.length);
        if (one.length > 0)
            memcpy(longer + set.length, one.data, one.length);
        set = (struct mqtt_bytes){longer, set.length + one.length};
    }
    return set;
}

/* ---- Expecting --------------------------------------------------------------------------------------------- */

static bool is_number(uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    return kind != NULL && (kind->form == MQTT_BYTE || kind->form == MQTT_TWO_BYTE_INTEGER ||
                            kind->form == MQTT_FOUR_BYTE_INTEGER || kind->form == MQTT_VARIABLE_BYTE_INTEGER);
}

static bool property_fits(struct player *player, const struct client *client, const struct property_pattern *pattern,
                          const struct mqtt_property *property) {
    const char *fault = NULL;
    switch (pattern->test) {
    case PROPERTY_BETWEEN:
        return property->number >= player_number(player, client, pattern->number) &&
               property->number <= player_number(player, client, pattern->most);
    case PROPERTY_EQUALS:
        if (is_number(pattern->identifier))
            return property->number == player_number(player, client, pattern->number);
        return mqtt_equal(property->bytes, wanted_bytes(player, client, pattern, &fault)) && fault == NULL;
    case PROPERTY_PRESENT:
    case PROPERTY_ABSENT:
        break;
    }
    return true;
}

/* How many Subscription Identifiers of this number the patterns name. */
static size_t named_subscriptions(struct player *player, const struct client *client,
                                  const struct property_pattern *patterns, size_t count, uint32_t number) {
    size_t named = 0;
    for (size_t i = 0; i < count; i++)
        named += patterns[i].identifier == MQTT_SUBSCRIPTION_IDENTIFIER && patterns[i].test == PROPERTY_EQUALS &&
                 player_number(player, client, patterns[i].number) == number;
    return named;
}

static size_t come_subscriptions(struct mqtt_bytes properties, uint32_t number) {
    size_t come = 0;
    struct mqtt_property property;
    while (mqtt_next_property(&properties, &property))
        come += property.identifier == MQTT_SUBSCRIPTION_IDENTIFIER && property.number == number;
    return come;
}

/* Each Subscription Identifier that came is named, as often as it came. */
static bool subscriptions_fit(struct player *player, const struct client *client,
                              const struct property_pattern *patterns, size_t count, struct mqtt_bytes properties) {
    const struct mqtt_bytes all = properties;
    struct mqtt_property property;
    while (mqtt_next_property(&properties, &property))
        if (property.identifier == MQTT_SUBSCRIPTION_IDENTIFIER &&
            named_subscriptions(player, client, patterns, count, property.number) !=
                come_subscriptions(all, property.number))
            return false;
    return true;
}

/* Some property of the set is what the pattern says. */
static bool is_found(struct player *player, const struct client *client, const struct property_pattern *pattern,
                     struct mqtt_bytes properties) {
    struct mqtt_property property;
    while (mqtt_next_property(&properties, &property))
        if (property.identifier == pattern->identifier && property_fits(player, client, pattern, &property))
            return true;
    return false;
}

static bool next_user_property(struct mqtt_bytes *properties, struct mqtt_property *property) {
    while (mqtt_next_property(properties, property))
        if (property->identifier == MQTT_USER_PROPERTY)
            return true;
    return false;
}

static bool names_user_property(const struct property_pattern *pattern) {
    return pattern->identifier == MQTT_USER_PROPERTY && pattern->test == PROPERTY_EQUALS;
}

/* Exactly those that the patterns name, in their order. */
static bool user_properties_fit(struct player *player, const struct client *client,
                                const struct property_pattern *patterns, size_t count, struct mqtt_bytes properties) {
    const char *fault = NULL;
    struct mqtt_property property;
    for (size_t i = 0; i < count; i++) {
        if (!names_user_property(&patterns[i]))
            continue;
        if (!next_user_property(&properties, &property) ||
            !mqtt_equal(property.bytes, wanted_bytes(player, client, &patterns[i], &fault)) ||
            !mqtt_equal(property.value, wanted_value(player, &patterns[i])))
            return false;
    }
    return fault == NULL && !next_user_property(&properties, &property);
}

const char *player_properties_misfit(struct player *player, const struct client *client,
                                     const struct property_pattern *patterns, size_t count,
                                     struct mqtt_bytes properties) {
    bool names_users = false;
    bool names_subscriptions = false;
    for (size_t i = 0; i < count; i++) {
        const struct mqtt_property_kind *kind = mqtt_property_kind(patterns[i].identifier);
        names_users = names_users || names_user_property(&patterns[i]);
        names_subscriptions = names_subscriptions || (patterns[i].identifier == MQTT_SUBSCRIPTION_IDENTIFIER &&
                                                      patterns[i].test == PROPERTY_EQUALS);
        if (names_user_property(&patterns[i]))
            continue;
        bool found = is_found(player, client, &patterns[i], properties);
        if (found == (patterns[i].test == PROPERTY_ABSENT))
            return kind == NULL ? "property" : kind->name;
    }
    if (names_users && !user_properties_fit(player, client, patterns, count, properties))
        return mqtt_property_kind(MQTT_USER_PROPERTY)->name;
    if (names_subscriptions && !subscriptions_fit(player, client, patterns, count, properties))
        return mqtt_property_kind(MQTT_SUBSCRIPTION_IDENTIFIER)->name;
    return NULL;
}
