/* A key log: what programs write that are run with SSLKEYLOGFILE, and read the TLS of a capture with. Internal to
 * pcaps/.
 *
 * Each line is a label, the Random of a ClientHello and a secret, with blanks between, the latter two in hexadecimal:
 *
 *     CLIENT_RANDOM 3f5a... 9c01...                    the master secret, of TLS 1.2
 *     CLIENT_TRAFFIC_SECRET_0 3f5a... 77d2...          and others, of TLS 1.3
 *
 * Blank lines, comments (from #) and other labels are passed over. */
#ifndef MQSPEC_KEYLOG_H
#define MQSPEC_KEYLOG_H

#include <stdio.h>

#include "codec/codec.h"

enum {
    KEYLOG_RANDOM_SIZE = 32,
    KEYLOG_SECRET_SIZE = 48,      /* at most; TLS 1.3 has 32, too */
    KEYLOG_MAXIMUM = 1024 * 1024, /* secrets, which take some 100 MB */
};

enum keylog_label {
    KEYLOG_MASTER_SECRET, /* CLIENT_RANDOM */
    KEYLOG_CLIENT_EARLY,
    KEYLOG_CLIENT_HANDSHAKE,
    KEYLOG_SERVER_HANDSHAKE,
    KEYLOG_CLIENT_TRAFFIC,
    KEYLOG_SERVER_TRAFFIC,
    KEYLOG_LABEL_COUNT
};

struct keylog;

/* Reads a whole file, and keeps it open. NULL with a sentence in `reason` that names it, where it cannot be read, holds
 * nothing of a key log, or has a line that is wrong; a last line without line end, which may still be written, is then
 * passed over. To be freed by keylog_free(). */
struct keylog *keylog_open(const char *path, char *reason, size_t reason_size);

/* The same of a stream, which is the caller's and is not read again; `name` is for the reason. */
struct keylog *keylog_read(FILE *file, const char *name, char *reason, size_t reason_size);

/* Reads what was added to the file since. True where there are new secrets. A line that is wrong is passed over here.
 */
bool keylog_refresh(struct keylog *keylog);

/* The secret of that label for the connection whose ClientHello has this Random, of KEYLOG_RANDOM_SIZE bytes; of
 * several, the last. It lives until keylog_refresh(). Without bytes where there is none. */
struct mqtt_bytes keylog_find(const struct keylog *keylog, const uint8_t *client_random, enum keylog_label label);

void keylog_free(struct keylog *keylog); /* NULL is fine */

#endif
