/* What the CONNACK of a connection says that the broker offers, and what it therefore is not asked for. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "conformance/player_internal.h"

#define HOUR 3600u

static bool speaks_5_0(const struct client *client) {
    return client->decoder.version == MQTT_5_0;
}

/* A property as people know it: "Topic Alias Maximum". */
static const char *title_of(struct player *player, enum mqtt_property_identifier identifier) {
    if (identifier == MQTT_MAXIMUM_QOS)
        return "Maximum QoS";
    const struct mqtt_property_kind *kind = mqtt_property_kind((uint8_t)identifier);
    char title[60] = "";
    snprintf(title, sizeof title, "%s", kind == NULL ? "property that is not defined" : kind->name);
    for (size_t i = 0; title[i] != '\0'; i++) {
        if (title[i] == '_')
            title[i] = ' ';
        if (i == 0 || title[i - 1] == ' ')
            title[i] = (char)toupper((unsigned char)title[i]);
    }
    return arena_text(&player->arena, "%s", title);
}

static void skip_lacking(struct player *player, const struct client *client, enum mqtt_property_identifier identifier) {
    struct mqtt_property property;
    const char *title = title_of(player, identifier);
    if (mqtt_find_property(client->offer, identifier, &property))
        player_skip(player, arena_text(&player->arena, "the target's CONNACK says %s %lu", title,
                                       (unsigned long)property.number));
    else
        player_skip(player, arena_text(&player->arena, "the target's CONNACK has no %s", title));
}

/* ---- ANNOUNCED() -------------------------------------------------------------------------------------------- */

/* What holds where CONNACK does not have the property, and the most that there is. */
struct limit {
    uint8_t identifier;
    int64_t otherwise;
    int64_t most;
};

#define NO_DEFAULT (-1)

static struct limit limit_of(uint8_t identifier) {
    static const struct limit limits[] = {
        {MQTT_RECEIVE_MAXIMUM, 65535, 65535},
        {MQTT_TOPIC_ALIAS_MAXIMUM, 0, 65535},
        {MQTT_MAXIMUM_QOS, 2, 2},
        {MQTT_RETAIN_AVAILABLE, 1, 1},
        {MQTT_WILDCARD_SUBSCRIPTION_AVAILABLE, 1, 1},
        {MQTT_SUBSCRIPTION_IDENTIFIER_AVAILABLE, 1, 1},
        {MQTT_SHARED_SUBSCRIPTION_AVAILABLE, 1, 1},
        {MQTT_SERVER_KEEP_ALIVE, NO_DEFAULT, 65535},
        {MQTT_SESSION_EXPIRY_INTERVAL, NO_DEFAULT, UINT32_MAX},
        {MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, NO_DEFAULT, MAXIMUM_SENT_PACKET},
    };
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        if (limits[i].identifier == identifier)
            return limits[i];
    return (struct limit){identifier, NO_DEFAULT, UINT32_MAX};
}

/* ANNOUNCED(property, more) of scenario.h, for any `more`. */
#define FIRST_ANNOUNCED ANNOUNCED(0, -0x8000)
#define LAST_ANNOUNCED  ANNOUNCED(MQTT_PROPERTY_COUNT - 1, 0x7FFF)

static bool is_announced(int64_t number) {
    return number >= FIRST_ANNOUNCED && number <= LAST_ANNOUNCED;
}

int64_t player_number(struct player *player, const struct client *client, int64_t number) {
    if (!is_announced(number))
        return number;
    enum mqtt_property_identifier identifier = (enum mqtt_property_identifier)((number - FIRST_ANNOUNCED) / 0x10000);
    int64_t more = (number - FIRST_ANNOUNCED) % 0x10000 - 0x8000;
    struct limit limit = limit_of((uint8_t)identifier);
    struct mqtt_property property;
    int64_t announced = limit.otherwise;
    if (mqtt_find_property(client->offer, identifier, &property))
        announced = property.number;
    if (announced == NO_DEFAULT) {
        skip_lacking(player, client, identifier);
        return 0;
    }
    if (announced + more < 0 || announced + more > limit.most) {
        player_skip(player,
                    arena_text(&player->arena, "the target's %s is %lld, and %lld cannot be had",
                               title_of(player, identifier), (long long)announced, (long long)(announced + more)));
        return 0;
    }
    return announced + more;
}

/* ---- What is asked for -------------------------------------------------------------------------------------- */

uint32_t player_session_expiry(struct player *player, const struct client *client, const struct pattern *pattern) {
    const struct property_pattern *given = pattern_property(pattern, MQTT_SESSION_EXPIRY_INTERVAL);
    if (given != NULL)
        return given->test == PROPERTY_EQUALS ? (uint32_t)player_number(player, client, given->number) : 0;
    return pattern->clean_session == 0 ? HOUR : 0;
}

/* QoS 3 is malformed: no broker offers it, and each has to refuse it. */
static void ask_qos(struct asked *asked, int qos) {
    if (qos > asked->qos && qos <= 2)
        asked->qos = qos;
}

static void ask_for_filters(struct asked *asked, const struct pattern *pattern) {
    static const char share[] = "$share/";
    for (size_t i = 0; i < COUNT_OF(pattern->filters) && pattern->filters[i].filter != NULL; i++) {
        const char *filter = pattern->filters[i].filter;
        asked->wildcard = asked->wildcard || strpbrk(filter, "+#") != NULL;
        asked->shared_subscription = asked->shared_subscription || strncmp(filter, share, sizeof share - 1) == 0;
    }
}

static void ask(struct player *player, struct client *client, const struct pattern *pattern) {
    struct asked *asked = &client->asked;
    if (pattern->type == MQTT_CONNECT) {
        ask_qos(asked, pattern->will_topic == NULL ? 0 : pattern->will_qos);
        asked->retain = asked->retain || (pattern->will_topic != NULL && pattern->will_retain == 1);
        asked->keep_alive = pattern->keep_alive;
        asked->session_expiry = player_session_expiry(player, client, pattern);
    }
    if (pattern->type == MQTT_PUBLISH) {
        const struct property_pattern *alias = pattern_property(pattern, MQTT_TOPIC_ALIAS);
        uint32_t number = alias == NULL ? 0 : (uint32_t)player_number(player, client, alias->number);
        asked->topic_alias = number > asked->topic_alias ? number : asked->topic_alias;
        asked->retain = asked->retain || pattern->retain == 1;
        ask_qos(asked, pattern->qos);
    }
    if (pattern->type == MQTT_SUBSCRIBE) {
        ask_for_filters(asked, pattern);
        asked->subscription_identifier =
            asked->subscription_identifier || pattern_property(pattern, MQTT_SUBSCRIPTION_IDENTIFIER) != NULL;
    }
}

/* Skips the scenario at the first thing that was asked for and is not offered. */
static void compare(struct player *player, const struct client *client) {
    const struct asked *asked = &client->asked;
    const struct {
        enum mqtt_property_identifier identifier;
        uint32_t wanted;
        uint32_t otherwise;
    } rows[] = {
        {MQTT_MAXIMUM_QOS, (uint32_t)asked->qos, 2},
        {MQTT_RETAIN_AVAILABLE, asked->retain, 1},
        {MQTT_WILDCARD_SUBSCRIPTION_AVAILABLE, asked->wildcard, 1},
        {MQTT_SUBSCRIPTION_IDENTIFIER_AVAILABLE, asked->subscription_identifier, 1},
        {MQTT_SHARED_SUBSCRIPTION_AVAILABLE, asked->shared_subscription, 1},
        {MQTT_TOPIC_ALIAS_MAXIMUM, asked->topic_alias, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].wanted > mqtt_property_number(client->offer, rows[i].identifier, rows[i].otherwise)) {
            skip_lacking(player, client, rows[i].identifier);
            return;
        }
}

/* ---- Before sending ----------------------------------------------------------------------------------------- */

/* More messages in one step than may be in flight. A number that was made from what is announced knows that. */
static bool exceeds_receive_maximum(const struct client *client, const struct step *step) {
    uint32_t messages = 0;
    for (size_t i = 0; i < step->pattern_count; i++) {
        const struct pattern *pattern = &step->patterns[i];
        if (pattern->type == MQTT_PUBLISH && pattern->qos > 0 && !pattern->beyond_offer &&
            !is_announced(pattern->repeat))
            messages += pattern->repeat > 0 ? (uint32_t)pattern->repeat : 1;
    }
    return messages > mqtt_property_number(client->offer, MQTT_RECEIVE_MAXIMUM, 65535);
}

void player_check_offer(struct player *player, struct client *client, const struct step *step) {
    if (!speaks_5_0(client))
        return;
    for (size_t i = 0; i < step->pattern_count; i++) {
        const struct pattern *pattern = &step->patterns[i];
        if (pattern->beyond_offer)
            continue;
        if (pattern->type == MQTT_CONNECT && pattern->clean_session == 0 && player->session_denied) {
            player_skip(player, "the target's CONNACK says Session Expiry Interval 0");
            return;
        }
        ask(player, client, pattern);
    }
    if (!client->offer_known)
        return;
    compare(player, client);
    if (exceeds_receive_maximum(client, step))
        skip_lacking(player, client, MQTT_RECEIVE_MAXIMUM);
}

void player_check_size(struct player *player, const struct client *client, const struct pattern *pattern, size_t size) {
    bool on_purpose = pattern->beyond_offer || is_announced(pattern->packet_size);
    uint32_t most = mqtt_property_number(client->offer, MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, 0);
    if (most > 0 && size > most && !on_purpose)
        skip_lacking(player, client, MQTT_MAXIMUM_PACKET_SIZE_PROPERTY);
}

/* ---- CONNACK ------------------------------------------------------------------------------------------------ */

static bool depends_on_time(const struct scenario *scenario) {
    for (size_t i = 0; i < scenario->step_count; i++) {
        const struct step *step = &scenario->steps[i];
        if (step->kind == STEP_WAIT)
            return true;
        for (size_t k = 0; k < step->pattern_count; k++)
            if (step->patterns[k].after > 0 || step->patterns[k].kind == PATTERN_TIMEOUT)
                return true;
    }
    return false;
}

/* The Client has to keep to the Server's Keep Alive: what the scenario measures by its own would mean nothing. */
static bool has_other_keep_alive(const struct player *player, const struct client *client) {
    int asked = client->asked.keep_alive;
    return asked != ANY &&
           mqtt_property_number(client->offer, MQTT_SERVER_KEEP_ALIVE, (uint32_t)asked) != (uint32_t)asked &&
           depends_on_time(player->scenario);
}

static void learn_session(struct player *player, struct client *client) {
    uint32_t asked = client->asked.session_expiry;
    uint32_t granted = mqtt_property_number(client->offer, MQTT_SESSION_EXPIRY_INTERVAL, asked);
    struct mqtt_bytes assigned = mqtt_property_bytes(client->offer, MQTT_ASSIGNED_CLIENT_IDENTIFIER);
    player->session_denied = player->session_denied || (asked > 0 && granted == 0);
    if (assigned.data == NULL)
        return;
    client->assigned = arena_text(&player->arena, "%.*s", (int)assigned.length, (const char *)assigned.data);
    if (granted > 0)
        cleanup_remember_session(player, assigned);
}

void player_learn_offer(struct player *player, struct client *client, const struct mqtt_connack *connack) {
    if (!speaks_5_0(client))
        return;
    client->offer_known = true;
    client->offer = connack->properties;
    /* A breach is the verdict, also where the broker lacks something. */
    if (player->breached)
        return;
    if (connack->code == MQTT_REASON_RETAIN_NOT_SUPPORTED && client->asked.retain)
        player_skip(player, "the target refuses a retained Will Message: Retain not supported");
    if (connack->code == MQTT_REASON_QOS_NOT_SUPPORTED && client->asked.qos > 0)
        player_skip(player, "the target refuses the QoS of the Will Message: QoS not supported");
    if (connack->code >= MQTT_REASON_FAILURE)
        return;
    compare(player, client);
    if (has_other_keep_alive(player, client))
        skip_lacking(player, client, MQTT_SERVER_KEEP_ALIVE);
    learn_session(player, client);
}
