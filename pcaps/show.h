/* How the commands of this room show bytes, times and connections. Internal to pcaps/. */
#ifndef MQSPEC_SHOW_H
#define MQSPEC_SHOW_H

#include <stdio.h>

#include "codec/codec.h"
#include "reference/environment.h"
#include "reports/reports.h"

/* Enough for one packet in words; what does not fit is cut. */
#define SHOW_PACKET_CAPACITY 2048u

/* Enough for a Client Identifier as it is shown; a longer one is cut. */
#define SHOW_NAME_CAPACITY 48u

/* Writes bytes of a stranger so that a terminal cannot be made to do anything by them: what is not printable is
 * written as \xHH, and what does not fit is cut, with "..." behind. */
void show_name(struct mqtt_bytes name, char *buffer, size_t capacity);

/* Writes the packet on one line as mqtt_describe() does, in 5.0 with the name behind each Reason Code. */
void show_packet(enum mqtt_version version, const struct mqtt_packet *packet, char *buffer, size_t capacity);

/* Writes the list "fields" of an object: each field of the packet with its name, value and meaning. */
void show_json_fields(struct json_writer *json, enum mqtt_version version, const struct mqtt_packet *packet);

/* What a field of a packet of 5.0 means: the name of a Reason Code. NULL where the field is no such number. */
const char *show_meaning(enum mqtt_version version, enum mqtt_type type, const struct mqtt_field *field);

/* Writes bytes as hexadecimal digits with blanks between, at most some around `offset`, which stands in
 * brackets: "... 30 05 [00] 01 ...". */
void show_bytes_around(FILE *file, struct mqtt_bytes bytes, uint32_t offset);

/* Writes "client" or "server". */
const char *show_side(enum mqtt_side side);

/* "malformed", "protocol error", ... */
const char *show_error_class(enum mqtt_error_class error_class);

/* Seconds since `start`, to the microsecond. */
double show_seconds(microseconds start, microseconds time);

/* Says on standard error what getopt_long() found wrong: `option` is what it returned, ':' or '?', for a string of
 * options that begins with a colon. */
void show_option_error(const char *command, int option, char **arguments);

/* Flushes standard output. False with a message where not all could be written. */
bool show_finish(const char *command);

#endif
