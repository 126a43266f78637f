#include "pcaps/topic_aliases.h"

#include <stdlib.h>
#include <string.h>

struct topic_alias {
    uint32_t number;
    uint8_t *topic; /* owned */
    uint32_t length;
};

/* Where the alias stands, or would stand. */
static size_t place_of(const struct topic_aliases *table, uint32_t number) {
    size_t first = 0, behind = table->count;
    while (first < behind) {
        size_t middle = first + (behind - first) / 2;
        if (table->aliases[middle].number < number)
            first = middle + 1;
        else
            behind = middle;
    }
    return first;
}

static bool stands_at(const struct topic_aliases *table, size_t place, uint32_t number) {
    return place < table->count && table->aliases[place].number == number;
}

static bool make_room(struct topic_aliases *table, size_t place, uint32_t number) {
    if (stands_at(table, place, number))
        return true;
    struct topic_alias *aliases = realloc(table->aliases, (table->count + 1) * sizeof *aliases);
    if (aliases == NULL)
        return false;
    table->aliases = aliases;
    memmove(aliases + place + 1, aliases + place, (table->count - place) * sizeof *aliases);
    aliases[place] = (struct topic_alias){.number = number};
    table->count++;
    return true;
}

static bool set_alias(struct topic_aliases *table, uint32_t number, struct mqtt_bytes topic) {
    size_t place = place_of(table, number);
    uint8_t *copy = malloc(topic.length);
    if (copy == NULL || !make_room(table, place, number)) {
        free(copy);
        return false;
    }
    memcpy(copy, topic.data, topic.length);
    free(table->aliases[place].topic);
    table->aliases[place].topic = copy;
    table->aliases[place].length = topic.length;
    return true;
}

bool topic_aliases_resolve(struct topic_aliases *table, struct mqtt_packet *packet) {
    struct mqtt_property alias;
    if (packet->type != MQTT_PUBLISH || !mqtt_find_property(packet->publish.properties, MQTT_TOPIC_ALIAS, &alias))
        return true;
    if (packet->publish.topic.length > 0)
        return set_alias(table, alias.number, packet->publish.topic);
    size_t place = place_of(table, alias.number);
    if (stands_at(table, place, alias.number))
        packet->publish.topic = (struct mqtt_bytes){table->aliases[place].topic, table->aliases[place].length};
    return true;
}

void topic_aliases_free(struct topic_aliases *table) {
    for (size_t i = 0; i < table->count; i++)
        free(table->aliases[i].topic);
    free(table->aliases);
    *table = (struct topic_aliases){NULL, 0};
}
