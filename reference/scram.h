/* SCRAM-SHA-256 as a Server plays it, RFC 5802 and RFC 7677, without channel binding: the enhanced authentication that
 * comes with the broker.
 *
 * The Client's first message leads to scram_begin(), its second to scram_finish(). Nothing is allocated. */
#ifndef MQSPEC_SCRAM_H
#define MQSPEC_SCRAM_H

#include "codec/codec.h"

#define SCRAM_METHOD       "SCRAM-SHA-256"
#define SCRAM_KEY_LENGTH   32u /* of SHA-256 */
#define SCRAM_SALT_LENGTH  16u
#define SCRAM_ITERATIONS   4096u
#define SCRAM_NONCE_LENGTH 18u  /* of the Server's part, characters */
#define SCRAM_LONGEST      512u /* of any message of an exchange, bytes */

/* What a Server stores of a password. */
struct scram_credentials {
    uint8_t salt[SCRAM_SALT_LENGTH];
    uint32_t iterations;
    uint8_t stored_key[SCRAM_KEY_LENGTH];
    uint8_t server_key[SCRAM_KEY_LENGTH];
};

/* Derives them, with SCRAM_ITERATIONS. False where the library fails. */
bool scram_derive(struct scram_credentials *credentials, struct mqtt_bytes password,
                  const uint8_t salt[SCRAM_SALT_LENGTH]);

/* One exchange under way. */
struct scram {
    struct scram_credentials credentials;
    char exchange[2 * SCRAM_LONGEST]; /* the messages so far, as the proof is made from them */
    size_t exchange_length;
    char nonce[SCRAM_LONGEST]; /* both parts */
    size_t nonce_length;
    uint8_t header; /* which one the first message had */
};

/* The user that the Client's first message names, written to `name`; absent where the message is not one. */
struct mqtt_bytes scram_user_name(struct mqtt_bytes client_first, uint8_t name[SCRAM_LONGEST]);

/* Takes the Client's first message and writes the Server's answer, at most SCRAM_LONGEST bytes. `random` makes the
 * Server's nonce. Returns its length, 0 where the message is not well-formed. */
size_t scram_begin(struct scram *scram, const struct scram_credentials *credentials, struct mqtt_bytes client_first,
                   const uint64_t random[2], char answer[SCRAM_LONGEST]);

/* Takes the Client's final message. Returns the length of the Server's final one, 0 where the Client did not prove that
 * it knows the password. */
size_t scram_finish(struct scram *scram, struct mqtt_bytes client_final, char answer[SCRAM_LONGEST]);

#endif
