#include "pcaps/decode_filter.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "pcaps/show.h"

/* ---- Reading the options ----------------------------------------------------------------------------------- */

bool decode_filter_topic(struct decode_filter *filter, const char *text) {
    struct mqtt_bytes topic = mqtt_text(text);
    if (!mqtt_topic_filter_valid(topic) || mqtt_check_text(topic, NULL) != MQTT_TEXT_FINE) {
        fprintf(stderr,
                "mqspec decode: '%s' is no Topic Filter: + stands alone in its level, # alone in the last, as in "
                "--topic 'plant/+/temperature' or --topic 'plant/#'\n",
                text);
        return false;
    }
    filter->topic = topic;
    return true;
}

/* The type of that name, in capitals or not; MQTT_TYPE_COUNT where there is none. */
static enum mqtt_type find_type(const char *name, size_t length) {
    for (int type = MQTT_CONNECT; type < MQTT_TYPE_COUNT; type++) {
        const char *candidate = mqtt_type_name((enum mqtt_type)type);
        if (strlen(candidate) == length && strncasecmp(candidate, name, length) == 0)
            return (enum mqtt_type)type;
    }
    return MQTT_TYPE_COUNT;
}

bool decode_filter_types(struct decode_filter *filter, const char *text) {
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        enum mqtt_type type = find_type(at, length);
        if (type == MQTT_TYPE_COUNT) {
            fprintf(stderr, "mqspec decode: there is no packet type '%.*s'; give names with commas between, of:",
                    (int)(length < 64 ? length : 64), at);
            for (int known = MQTT_CONNECT; known < MQTT_TYPE_COUNT; known++)
                fprintf(stderr, " %s", mqtt_type_name((enum mqtt_type)known));
            fputc('\n', stderr);
            return false;
        }
        filter->types |= 1u << type;
        at += length;
        if (*at == '\0')
            return true;
    }
}

/* Digits behind a decimal point, as microseconds; further ones are passed over. */
static microseconds parse_fraction(const char **at) {
    microseconds fraction = 0, unit = MICROSECONDS_PER_SECOND;
    for ((*at)++; **at >= '0' && **at <= '9'; (*at)++) {
        unit /= 10;
        fraction += (microseconds)(**at - '0') * unit;
    }
    return fraction;
}

/* "2026-03-01T12:00:00.5Z" */
static bool parse_date(const char *text, microseconds *value) {
    struct tm date = {0};
    const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &date);
    if (at == NULL)
        return false;
    microseconds fraction = *at == '.' ? parse_fraction(&at) : 0;
    time_t seconds = timegm(&date);
    if (strcmp(at, "Z") != 0 || seconds < 0)
        return false;
    *value = (microseconds)seconds * MICROSECONDS_PER_SECOND + fraction;
    return true;
}

static bool parse_seconds(const char *text, microseconds *value) {
    static const double most = 1e12;
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(seconds) || seconds < 0 || seconds > most)
        return false;
    *value = (microseconds)llround(seconds * (double)MICROSECONDS_PER_SECOND);
    return true;
}

bool decode_filter_time(struct filter_time *time, const char *option, const char *text) {
    if (parse_seconds(text, &time->value))
        time->kind = SINCE_START;
    else if (parse_date(text, &time->value))
        time->kind = SINCE_1970;
    else
        fprintf(stderr,
                "mqspec decode: --%s takes seconds as the first column shows them, as in 12.5, or a time of UTC as in "
                "2026-03-01T12:00:00Z, not '%s'\n",
                option, text);
    return time->kind != NO_TIME;
}

/* ---- Choosing ------------------------------------------------------------------------------------------------ */

bool decode_filter_is_set(const struct decode_filter *filter) {
    return filter->client != NULL || filter->topic.data != NULL || filter->types != 0 || filter->from.kind != NO_TIME ||
           filter->to.kind != NO_TIME;
}

bool decode_filter_wants_client(const struct decode_filter *filter, struct mqtt_bytes identifier) {
    enum { LONGEST = 4096 }; /* of a longer one, its beginning is looked at */
    char name[LONGEST];
    if (filter->client == NULL)
        return true;
    show_name(identifier, name, sizeof name);
    return fnmatch(filter->client, name, 0) == 0;
}

static microseconds moment_of(const struct filter_time *time, microseconds start) {
    return time->kind == SINCE_START ? start + time->value : time->value;
}

bool decode_filter_wants_time(const struct decode_filter *filter, microseconds start, microseconds time) {
    return (filter->from.kind == NO_TIME || time >= moment_of(&filter->from, start)) &&
           (filter->to.kind == NO_TIME || time <= moment_of(&filter->to, start));
}

bool decode_filter_wants_type(const struct decode_filter *filter, enum mqtt_type type) {
    return filter->types == 0 || (filter->types >> type & 1) != 0;
}

static bool wants_topic(const struct decode_filter *filter, struct mqtt_bytes topic) {
    return topic.length > 0 && (mqtt_equal(filter->topic, topic) || mqtt_topic_matches(filter->topic, topic));
}

static bool wants_a_filter(const struct decode_filter *filter, struct mqtt_bytes filters, bool with_options) {
    struct mqtt_bytes each, share_name;
    uint8_t options;
    while (mqtt_next_filter(&filters, &each, with_options ? &options : NULL))
        if (wants_topic(filter, each) || (mqtt_shared_filter(each, &share_name, &each) && wants_topic(filter, each)))
            return true;
    return false;
}

bool decode_filter_wants_packet(const struct decode_filter *filter, const struct mqtt_packet *packet,
                                struct mqtt_bytes alias_topic) {
    if (!decode_filter_wants_type(filter, packet->type))
        return false;
    if (filter->topic.data == NULL)
        return true;
    switch (packet->type) {
    case MQTT_PUBLISH:
        return wants_topic(filter, packet->publish.topic.length > 0 ? packet->publish.topic : alias_topic);
    case MQTT_CONNECT:
        return wants_topic(filter, packet->connect.will_topic);
    case MQTT_SUBSCRIBE:
        return wants_a_filter(filter, packet->subscribe.filters, true);
    case MQTT_UNSUBSCRIBE:
        return wants_a_filter(filter, packet->unsubscribe.filters, false);
    default:
        return false;
    }
}
