/* The log for programs: one JSON object a line, in the format of bunyan, so that `mqspec broker --log json | npx
 * bunyan` reads well. Beside bunyan's own fields (v, name, hostname, pid, level, time, msg), where they are known:
 *
 *     connection    number of the connection, from 1
 *     client        Client Identifier
 *     version       of MQTT: "3.1", "3.1.1" or "5.0"
 *     packet        type of the Control Packet, such as "PUBLISH"
 *     topic, qos, retain, bytes    of a PUBLISH; bytes are those of its payload
 *     statement     that was broken, such as "MQTT311:3.1.2-24"
 *
 * Every line is valid JSON, whatever bytes came from the network: those that are not UTF-8 are shown as \xNN, and long
 * texts are cut. */
#ifndef MQSPEC_LOG_JSON_H
#define MQSPEC_LOG_JSON_H

#include <stdio.h>

#include "reference/broker.h"

/* As bunyan counts them. */
enum json_log_level {
    JSON_LOG_TRACE = 10, /* acknowledgements and pings */
    JSON_LOG_DEBUG = 20, /* other packets; connections before they are accepted */
    JSON_LOG_INFO = 30,  /* Clients come and go; notices */
    JSON_LOG_WARN = 40,  /* a Client was refused or dropped, a message discarded */
};

struct json_log {
    FILE *file;
    enum json_log_level lowest; /* what is below is left out */
    size_t head_length;
    char head[2048]; /* what every line begins with */
};

void json_log_begin(struct json_log *log, FILE *file, enum json_log_level lowest);

/* The broker's report hook; `context` is a struct json_log. */
void json_log_event(void *context, const struct broker_event *event);

/* A line about the broker as a whole, at level INFO. `context` is a struct json_log. */
void json_log_notice(void *context, const char *text);

#endif
