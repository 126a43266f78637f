#include "conformance/scram_client.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct scram_credentials scram_stored_credentials = {
    .salt = {1, 9, 8, 3, 3, 1, 1, 5},
    .iterations = 16,
    .stored_key = {0xE8, 0x3A, 0x6D, 0xA3, 0x86, 0x86, 0xAA, 0x96, 0xFF, 0xC9, 0x19, 0x64, 0x36, 0x78, 0x12, 0xD6,
                   0xB6, 0x97, 0x2C, 0xFA, 0x67, 0xF4, 0xEE, 0x52, 0x0B, 0x64, 0x2D, 0x25, 0x55, 0xF3, 0x5F, 0x4F},
    .server_key = {0x87, 0x0C, 0x4F, 0xE0, 0x32, 0x3D, 0x02, 0x97, 0x44, 0xA3, 0xFA, 0xE4, 0x9C, 0x46, 0x7E, 0x67,
                   0x7E, 0xE1, 0xF5, 0x93, 0x9B, 0x0D, 0x4A, 0xBC, 0xE3, 0x59, 0xFA, 0x45, 0xEF, 0xB8, 0x0E, 0xA8},
};

#define DIGEST_SIZE  SHA256_DIGEST_LENGTH
#define MAXIMUM_SALT (SCRAM_MAXIMUM_MESSAGE / 4 * 3)

/* "n=user,r=nonce": what stands behind the header of the first message, and is signed later. */
static bool write_first_bare(const struct scram_client *client, char bare[SCRAM_MAXIMUM_MESSAGE]) {
    char user[SCRAM_MAXIMUM_MESSAGE];
    size_t length = 0;
    for (const char *c = client->user; *c != '\0'; c++) {
        if (length + 4 > sizeof user)
            return false;
        const char *escaped = *c == ',' ? "=2C" : *c == '=' ? "=3D" : NULL;
        if (escaped == NULL) {
            user[length++] = *c;
            continue;
        }
        memcpy(user + length, escaped, 3);
        length += 3;
    }
    user[length] = '\0';
    int written = snprintf(bare, SCRAM_MAXIMUM_MESSAGE, "n=%s,r=%s", user, client->nonce);
    return written > 0 && (size_t)written < SCRAM_MAXIMUM_MESSAGE;
}

bool scram_client_first(const struct scram_client *client, char message[SCRAM_MAXIMUM_MESSAGE]) {
    char bare[SCRAM_MAXIMUM_MESSAGE];
    if (!write_first_bare(client, bare))
        return false;
    int written = snprintf(message, SCRAM_MAXIMUM_MESSAGE, "n,,%s", bare);
    return written > 0 && (size_t)written < SCRAM_MAXIMUM_MESSAGE;
}

/* ---- The Server's first message ---------------------------------------------------------------------------- */

struct challenge {
    char text[SCRAM_MAXIMUM_MESSAGE];
    const char *nonce; /* these point into a copy of the text */
    uint8_t salt[MAXIMUM_SALT];
    size_t salt_length;
    unsigned long iterations;
    char copy[SCRAM_MAXIMUM_MESSAGE];
};

static bool decode_salt(struct challenge *challenge, const char *text) {
    size_t length = strlen(text);
    if (length == 0 || length % 4 != 0 || length / 4 * 3 > sizeof challenge->salt)
        return false;
    int decoded = EVP_DecodeBlock(challenge->salt, (const unsigned char *)text, (int)length);
    if (decoded < 0)
        return false;
    size_t padding = text[length - 1] != '=' ? 0 : text[length - 2] != '=' ? 1 : 2;
    challenge->salt_length = (size_t)decoded - padding;
    return true;
}

/* "r=nonce,s=salt,i=iterations", and extensions that are passed over. */
static const char *read_challenge(const struct scram_client *client, const uint8_t *bytes, size_t length,
                                  struct challenge *challenge) {
    if (length >= sizeof challenge->text || memchr(bytes, '\0', length) != NULL)
        return "the SCRAM server-first-message is too long or holds a zero";
    memcpy(challenge->text, bytes, length);
    challenge->text[length] = '\0';
    memcpy(challenge->copy, challenge->text, length + 1);
    char *nonce = challenge->copy;
    char *salt = strchr(nonce, ',');
    char *iterations = salt == NULL ? NULL : strchr(salt + 1, ',');
    if (iterations == NULL || strncmp(nonce, "r=", 2) != 0 || strncmp(salt, ",s=", 3) != 0 ||
        strncmp(iterations, ",i=", 3) != 0)
        return "the SCRAM server-first-message is not r=..., s=..., i=...";
    *salt = '\0';
    *iterations = '\0';
    challenge->nonce = nonce + 2;
    if (strncmp(challenge->nonce, client->nonce, strlen(client->nonce)) != 0 ||
        strlen(challenge->nonce) == strlen(client->nonce))
        return "the nonce of the SCRAM server-first-message does not continue the client's";
    if (!decode_salt(challenge, salt + 3))
        return "the salt of the SCRAM server-first-message is not Base64";
    char *end;
    challenge->iterations = strtoul(iterations + 3, &end, 10);
    if (end == iterations + 3 || (*end != '\0' && *end != ',') || challenge->iterations == 0 ||
        challenge->iterations > SCRAM_MAXIMUM_ITERATIONS)
        return "the iteration count of the SCRAM server-first-message is no number from 1 to 200000";
    return NULL;
}

/* ---- The answer ---------------------------------------------------------------------------------------------- */

/* ClientProof, RFC 5802 section 3. */
static bool make_proof(const struct scram_client *client, const struct challenge *challenge, const char *signed_text,
                       uint8_t proof[DIGEST_SIZE]) {
    uint8_t salted[DIGEST_SIZE];
    uint8_t key[DIGEST_SIZE];
    uint8_t stored[DIGEST_SIZE];
    uint8_t signature[DIGEST_SIZE];
    static const unsigned char purpose[] = "Client Key";
    if (PKCS5_PBKDF2_HMAC(client->password, (int)strlen(client->password), challenge->salt, (int)challenge->salt_length,
                          (int)challenge->iterations, EVP_sha256(), DIGEST_SIZE, salted) != 1)
        return false;
    if (HMAC(EVP_sha256(), salted, DIGEST_SIZE, purpose, sizeof purpose - 1, key, NULL) == NULL ||
        SHA256(key, DIGEST_SIZE, stored) == NULL ||
        HMAC(EVP_sha256(), stored, DIGEST_SIZE, (const unsigned char *)signed_text, strlen(signed_text), signature,
             NULL) == NULL)
        return false;
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        proof[i] = key[i] ^ signature[i];
    return true;
}

const char *scram_client_final(const struct scram_client *client, const uint8_t *server_first, size_t length,
                               bool wrong, char message[SCRAM_MAXIMUM_MESSAGE]) {
    char bare[SCRAM_MAXIMUM_MESSAGE];
    char signed_text[3 * SCRAM_MAXIMUM_MESSAGE];
    unsigned char encoded[DIGEST_SIZE * 2];
    uint8_t proof[DIGEST_SIZE];
    struct challenge challenge;
    if (!write_first_bare(client, bare))
        return "the user name does not fit into a SCRAM message";
    const char *fault = read_challenge(client, server_first, length, &challenge);
    if (fault != NULL)
        return fault;
    /* "biws" is "n,," in Base64: no channel binding. */
    snprintf(signed_text, sizeof signed_text, "%s,%s,c=biws,r=%s", bare, challenge.text, challenge.nonce);
    if (!make_proof(client, &challenge, signed_text, proof))
        return "OpenSSL could not compute the SCRAM proof";
    proof[0] ^= wrong ? 1u : 0u;
    EVP_EncodeBlock(encoded, proof, DIGEST_SIZE);
    int written = snprintf(message, SCRAM_MAXIMUM_MESSAGE, "c=biws,r=%s,p=%s", challenge.nonce, (char *)encoded);
    if (written < 0 || (size_t)written >= SCRAM_MAXIMUM_MESSAGE)
        return "the nonce of the SCRAM server-first-message is too long";
    return NULL;
}
