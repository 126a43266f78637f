/* What a Client of SCRAM-SHA-256 answers, for tests of the Server's side. */
#ifndef MQSPEC_SCRAM_PROOF_H
#define MQSPEC_SCRAM_PROOF_H

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "reference/scram.h"

/* Writes "c=BINDING,r=...EXTENSION,p=..." for the user's first message, without its header, and the Server's first
 * message. */
static inline size_t scram_answer_as(const char *password, const uint8_t salt[SCRAM_SALT_LENGTH],
                                     const char *first_bare, const char *server_first, const char *binding,
                                     const char *extension, char answer[SCRAM_LONGEST]) {
    uint8_t salted[SCRAM_KEY_LENGTH], key[SCRAM_KEY_LENGTH], stored[SCRAM_KEY_LENGTH], proof[SCRAM_KEY_LENGTH];
    char exchange[3 * SCRAM_LONGEST], encoded[64];
    int nonce_length = (int)strcspn(server_first, ",");
    int length = snprintf(answer, SCRAM_LONGEST, "c=%s,%.*s%s", binding, nonce_length, server_first, extension);
    int signed_length = snprintf(exchange, sizeof exchange, "%s,%s,%.*s", first_bare, server_first, length, answer);
    PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, SCRAM_SALT_LENGTH, SCRAM_ITERATIONS, EVP_sha256(),
                      SCRAM_KEY_LENGTH, salted);
    HMAC(EVP_sha256(), salted, SCRAM_KEY_LENGTH, (const uint8_t *)"Client Key", 10, key, NULL);
    SHA256(key, sizeof key, stored);
    HMAC(EVP_sha256(), stored, SCRAM_KEY_LENGTH, (const uint8_t *)exchange, (size_t)signed_length, proof, NULL);
    for (unsigned i = 0; i < SCRAM_KEY_LENGTH; i++)
        proof[i] ^= key[i];
    EVP_EncodeBlock((uint8_t *)encoded, proof, SCRAM_KEY_LENGTH);
    return (size_t)(length + snprintf(answer + length, SCRAM_LONGEST - (size_t)length, ",p=%s", encoded));
}

/* The same for a Client that knows nothing of channel binding. */
static inline size_t scram_answer(const char *password, const uint8_t salt[SCRAM_SALT_LENGTH], const char *first_bare,
                                  const char *server_first, char answer[SCRAM_LONGEST]) {
    return scram_answer_as(password, salt, first_bare, server_first, "biws", "", answer);
}

#endif
