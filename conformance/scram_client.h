/* The Client's side of SCRAM-SHA-256, RFC 5802 and RFC 7677, without channel binding. */
#ifndef MQSPEC_SCRAM_CLIENT_H
#define MQSPEC_SCRAM_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reference/scram.h"

/* A Server that asks for more rounds would hold the tester up; RFC 7677 recommends at least 4096. */
#define SCRAM_MAXIMUM_ITERATIONS 200000u

#define SCRAM_MAXIMUM_MESSAGE 1024u

#define DEFAULT_SCRAM_USER     "mqspec"
#define DEFAULT_SCRAM_PASSWORD "mqspec"

/* What a Server stores of DEFAULT_SCRAM_PASSWORD. Few rounds, since it guards nothing, and each play of a scenario has
 * to do them. */
extern const struct scram_credentials scram_stored_credentials;

/* Strings end with zero and belong to the caller. The nonce is printable ASCII without comma. */
struct scram_client {
    const char *user;
    const char *password;
    const char *nonce;
};

/* Writes the first message, with a zero behind it. False where it does not fit. */
bool scram_client_first(const struct scram_client *client, char message[SCRAM_MAXIMUM_MESSAGE]);

/* Writes the answer to the Server's first message; with `wrong`, one whose proof does not hold. NULL where that went
 * well, else a static sentence on what is wrong with the Server's message. */
const char *scram_client_final(const struct scram_client *client, const uint8_t *server_first, size_t length,
                               bool wrong, char message[SCRAM_MAXIMUM_MESSAGE]);

#endif
