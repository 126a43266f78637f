/* Who may publish to and read which topics, from a file in mosquitto's format:
 *
 *     topic [read|write|readwrite|deny] TOPIC    for the user named above, or for those without a user name
 *     user NAME                                  the topics that follow are this user's
 *     pattern [read|write|readwrite|deny] TOPIC  for everybody; %c stands for the Client Identifier, %u for the user
 *
 * Without one of the four words, a line allows both. A TOPIC may hold wildcards, and blanks where one of the four words
 * stands before it. Blank lines and those that begin with '#' are passed over, and blanks at the ends of a line. The
 * user's own lines are asked first, then the patterns; among each, those that deny before those that allow. What no
 * line allows is denied. Patterns allow nothing to a Client whose identifier or user name has '+' or '#' in it. */
#ifndef MQSPEC_ACCESS_H
#define MQSPEC_ACCESS_H

#include "codec/codec.h"

struct access;

enum access_kind { ACCESS_READ = 1, ACCESS_WRITE = 2 };

/* Who asks. An empty user name is none. */
struct access_client {
    struct mqtt_bytes client_identifier;
    struct mqtt_bytes user_name;
};

/* Reads the whole file. NULL with `error` naming file and line and saying what to do. */
struct access *access_load(const char *file, char *error, size_t size);
void access_destroy(struct access *access); /* NULL is fine */

/* Whether this Topic Name may be written to, or read. Nothing is allocated; patterns are filled
 * in within `access`, so not from two threads at a time. */
bool access_allows(struct access *access, const struct access_client *client, struct mqtt_bytes topic,
                   enum access_kind kind);

/* Whether there can be a topic that the Topic Filter matches and that the Client may read. Where not, a subscription
 * is of no use. The filter is one without $share. */
bool access_allows_filter(struct access *access, const struct access_client *client, struct mqtt_bytes filter);

#endif
