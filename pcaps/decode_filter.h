/* Which packets of a capture `decode` shows. Internal to pcaps/. */
#ifndef MQSPEC_DECODE_FILTER_H
#define MQSPEC_DECODE_FILTER_H

#include "codec/codec.h"
#include "reference/environment.h"

/* A moment as the command line names it. */
struct filter_time {
    enum { NO_TIME, SINCE_START, SINCE_1970 } kind;
    microseconds value;
};

/* What packets have to be to be shown. Zero-initialised: anything. Strings belong to the command line. */
struct decode_filter {
    const char *client;      /* Client Identifier, with the wildcards of a shell; NULL for any */
    struct mqtt_bytes topic; /* a valid Topic Filter; absent for any */
    unsigned types;          /* a bit for each enum mqtt_type; 0 for any */
    struct filter_time from; /* this one or later */
    struct filter_time to;   /* this one or earlier */
};

/* Each reads the value of one option. False after saying on standard error what is wrong with it. */
bool decode_filter_topic(struct decode_filter *filter, const char *text);
bool decode_filter_types(struct decode_filter *filter, const char *text); /* names with commas between */
bool decode_filter_time(struct filter_time *time, const char *option, const char *text);

/* Something is asked for. */
bool decode_filter_is_set(const struct decode_filter *filter);

/* The Client Identifier is one that is asked for. */
bool decode_filter_wants_client(const struct decode_filter *filter, struct mqtt_bytes identifier);

/* `start` is the time of the capture's first MQTT connection. */
bool decode_filter_wants_time(const struct decode_filter *filter, microseconds start, microseconds time);

/* Packets of this type can be what is asked for. */
bool decode_filter_wants_type(const struct decode_filter *filter, enum mqtt_type type);

/* The packet is of a type that is asked for, and of a topic: that of PUBLISH or of a Will Message, or a filter in
 * SUBSCRIBE or UNSUBSCRIBE that is the same or lies within. `alias_topic` is what the Topic Alias of a PUBLISH without
 * topic stands for; absent where it is not known. */
bool decode_filter_wants_packet(const struct decode_filter *filter, const struct mqtt_packet *packet,
                                struct mqtt_bytes alias_topic);

#endif
