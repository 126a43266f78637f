/* What the broker tells people while it runs: one line for each event, to be read while it scrolls by. */
#ifndef MQSPEC_LOG_H
#define MQSPEC_LOG_H

#include <stdio.h>

#include "reference/broker.h"

struct log {
    FILE *file;
};

/* The broker's report hook; `context` is a struct log. A line is
 *
 *     14:03:27.120 #7 "sensor" refused: Client Identifier is not allowed [MQTT311:3.1.3-8]
 *
 * local time, number of the connection, Client Identifier once it is known, what happened, and the statement where
 * one was broken. Bytes that came from the network are escaped. */
void log_event(void *context, const struct broker_event *event);

#define LOG_TEXT_SIZE 4096

/* Writes what happened, as in that line behind the Client Identifier, and returns its length. `text` has room for
 * LOG_TEXT_SIZE bytes; there is no zero at the end. What does not fit is cut. */
size_t log_describe_event(const struct broker_event *event, char *text);

/* A line about the broker as a whole. `context` is a struct log. */
void log_notice(void *context, const char *text);

#endif
