/* Topic Aliases of MQTT 5.0, section 3.3.2.3.4 there: those that a Client sets, and those that the Server uses. */
#include <assert.h>
#include <string.h>

#include "reference/core.h"

static void forget(struct broker *broker, struct mqtt_bytes *topic) {
    memory_give(&broker->memory, (void *)topic->data, topic->length);
    *topic = (struct mqtt_bytes){NULL, 0};
}

/* False where there is no memory. */
static bool remember(struct broker *broker, struct topic_aliases *aliases, uint32_t places, uint16_t alias,
                     struct mqtt_bytes topic) {
    assert(alias >= 1 && alias <= places && topic.length > 0);
    if (aliases->topics == NULL) {
        aliases->topics = memory_take_zeroed(&broker->memory, places * sizeof *aliases->topics);
        if (aliases->topics == NULL)
            return false;
        aliases->count = places;
    }
    uint8_t *copy = memory_take(&broker->memory, topic.length);
    if (copy == NULL)
        return false;
    memcpy(copy, topic.data, topic.length);
    forget(broker, &aliases->topics[alias - 1]);
    aliases->topics[alias - 1] = (struct mqtt_bytes){copy, topic.length};
    return true;
}

void topic_aliases_clear(struct broker *broker, struct topic_aliases *aliases) {
    for (uint32_t i = 0; i < aliases->count; i++)
        forget(broker, &aliases->topics[i]);
    memory_give(&broker->memory, aliases->topics, aliases->count * sizeof *aliases->topics);
    *aliases = (struct topic_aliases){0};
}

/* ---- From the Client -------------------------------------------------------------------------------------- */

/* The statements on an alias above the limit that CONNACK announced, which for a limit of 0 is another. */
static bool is_within_limit(struct connection *connection, uint32_t alias) {
    struct spec_rules *rules = &connection->broker->rules;
    uint16_t limit = connection->broker->settings.topic_alias_maximum;
    if (alias <= limit)
        return MUST(rules, V5(3_3_2_12)); /* whatever it is, up to the limit, is taken */
    return limit == 0 ? !MUST(rules, V5(3_2_2_18)) : !MUST(rules, V5(3_2_2_17)) || !MUST(rules, V5(3_3_2_9));
}

static bool refuse(struct connection *connection, enum mqtt_reason reason, enum spec_statement statement,
                   const char *what) {
    connection_drop_for(connection, MQTT_PROTOCOL, reason, statement, what);
    return false;
}

bool topic_alias_resolve(struct connection *connection, struct mqtt_publish *publish) {
    struct broker *broker = connection->broker;
    struct topic_aliases *aliases = &connection->aliases_in;
    uint32_t alias = mqtt_property_number(publish->properties, MQTT_TOPIC_ALIAS, 0);
    uint16_t limit = broker->settings.topic_alias_maximum;
    if (alias == 0)
        return true;
    if (!is_within_limit(connection, alias))
        return refuse(connection, MQTT_REASON_TOPIC_ALIAS_INVALID, limit == 0 ? V5(3_2_2_18) : V5(3_2_2_17),
                      "a Topic Alias above the Topic Alias Maximum");
    if (alias > limit) { /* only a broker that breaks one of these gets here: it takes the message and keeps no alias */
        return publish->topic.length > 0 ||
               refuse(connection, MQTT_REASON_PROTOCOL_ERROR, V5(4_13_1_1), "a Topic Alias that stands for no topic");
    }
    if (publish->topic.length > 0) {
        if (remember(broker, aliases, limit, (uint16_t)alias, publish->topic))
            return true;
        connection_give_up(connection, "out of memory");
        return false;
    }
    if (alias > aliases->count || aliases->topics[alias - 1].data == NULL)
        return refuse(connection, MQTT_REASON_PROTOCOL_ERROR, V5(4_13_1_1), "a Topic Alias that stands for no topic");
    publish->topic = aliases->topics[alias - 1];
    return true;
}

/* ---- To the Client ---------------------------------------------------------------------------------------- */

/* A broker that breaks one of these statements goes beyond what the Client allows. */
uint16_t topic_aliases_to_use(struct connection *connection) {
    struct spec_rules *rules = &connection->broker->rules;
    uint16_t own = connection->broker->settings.own_topic_aliases;
    uint16_t allowed = connection->limits.topic_alias_maximum;
    if (allowed == 0)
        return MUST(rules, V5(3_1_2_27)) ? 0 : own;
    if (!MUST(rules, V5(3_1_2_26)) || !MUST(rules, V5(3_3_2_11)))
        return (uint16_t)(allowed + (allowed < UINT16_MAX));
    return own < allowed ? own : allowed;
}

uint16_t topic_alias_for(struct connection *connection, struct mqtt_bytes topic, bool *known) {
    struct broker *broker = connection->broker;
    struct topic_aliases *aliases = &connection->aliases_out;
    uint16_t places = connection->own_topic_aliases;
    *known = false;
    if (topic.length == 0) /* only a broker whose decoder lets it pass gets here */
        return 0;
    uint32_t place = 0;
    for (; place < aliases->count && aliases->topics[place].data != NULL; place++)
        if (mqtt_equal(aliases->topics[place], topic)) {
            *known = true;
            return (uint16_t)(place + 1);
        }
    if (place >= places || (aliases->topics != NULL && place >= aliases->count))
        return 0;
    /* A broker that goes beyond the Client's limit begins there, to be seen at once. */
    if (places > connection->limits.topic_alias_maximum && place == 0)
        return (uint16_t)(connection->limits.topic_alias_maximum + 1);
    return remember(broker, aliases, places, (uint16_t)(place + 1), topic) ? (uint16_t)(place + 1) : 0;
}

void topic_alias_withdraw(struct connection *connection, uint16_t alias) {
    struct topic_aliases *aliases = &connection->aliases_out;
    if (alias >= 1 && alias <= aliases->count)
        forget(connection->broker, &aliases->topics[alias - 1]);
}
