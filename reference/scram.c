#include "reference/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#define HEADER_LENGTH        3u
#define BASE64_LENGTH(bytes) (((bytes) + 2u) / 3u * 4u)

/* How a Client's first message begins: no channel binding, no other identity. One that could bind channels, and sees
 * that this Server does not offer it, says so. It repeats that in Base64. */
static const struct {
    const char *text;
    const char *base64;
} headers[] = {{"n,,", "biws"}, {"y,,", "eSws"}};

/* ---- Keys ------------------------------------------------------------------------------------------------- */

static bool keyed_hash(const uint8_t key[SCRAM_KEY_LENGTH], const void *data, size_t length,
                       uint8_t hash[SCRAM_KEY_LENGTH]) {
    unsigned size = SCRAM_KEY_LENGTH;
    return HMAC(EVP_sha256(), key, SCRAM_KEY_LENGTH, data, length, hash, &size) != NULL;
}

bool scram_derive(struct scram_credentials *credentials, struct mqtt_bytes password,
                  const uint8_t salt[SCRAM_SALT_LENGTH]) {
    uint8_t salted[SCRAM_KEY_LENGTH], client_key[SCRAM_KEY_LENGTH];
    memcpy(credentials->salt, salt, SCRAM_SALT_LENGTH);
    credentials->iterations = SCRAM_ITERATIONS;
    if (PKCS5_PBKDF2_HMAC((const char *)password.data, (int)password.length, salt, SCRAM_SALT_LENGTH, SCRAM_ITERATIONS,
                          EVP_sha256(), SCRAM_KEY_LENGTH, salted) != 1)
        return false;
    if (!keyed_hash(salted, "Client Key", strlen("Client Key"), client_key) ||
        !keyed_hash(salted, "Server Key", strlen("Server Key"), credentials->server_key))
        return false;
    SHA256(client_key, SCRAM_KEY_LENGTH, credentials->stored_key);
    return true;
}

/* ---- Reading ---------------------------------------------------------------------------------------------- */

/* Takes "x=value" from the front of a message, up to the next comma or the end. */
static bool take_attribute(struct mqtt_bytes *message, char name, struct mqtt_bytes *value) {
    if (message->length < 2 || message->data[0] != (uint8_t)name || message->data[1] != '=')
        return false;
    uint32_t end = 2;
    while (end < message->length && message->data[end] != ',')
        end++;
    *value = (struct mqtt_bytes){message->data + 2, end - 2};
    uint32_t next = end < message->length ? end + 1 : end;
    message->data += next;
    message->length -= next;
    return true;
}

/* Extensions that are not known are passed over. Those that must not be, called "m", come first where they come. */
static bool pass_extensions(struct mqtt_bytes *message) {
    struct mqtt_bytes value;
    while (message->length > 0 && message->data[0] != 'p') {
        char name = (char)message->data[0];
        bool is_letter = (name >= 'a' && name <= 'z') || (name >= 'A' && name <= 'Z');
        if (!is_letter || name == 'm' || !take_attribute(message, name, &value))
            return false;
    }
    return true;
}

/* The index of the header, or -1. */
static int find_header(struct mqtt_bytes client_first) {
    for (int i = 0; i < (int)(sizeof headers / sizeof headers[0]); i++)
        if (client_first.length > HEADER_LENGTH && memcmp(client_first.data, headers[i].text, HEADER_LENGTH) == 0)
            return i;
    return -1;
}

/* The first message without its header: "n=user,r=nonce". */
static bool read_first(struct mqtt_bytes client_first, struct mqtt_bytes *bare, struct mqtt_bytes *user_name,
                       struct mqtt_bytes *nonce) {
    if (client_first.length > SCRAM_LONGEST / 2 || find_header(client_first) < 0)
        return false;
    *bare = (struct mqtt_bytes){client_first.data + HEADER_LENGTH, client_first.length - HEADER_LENGTH};
    struct mqtt_bytes rest = *bare;
    return take_attribute(&rest, 'n', user_name) && take_attribute(&rest, 'r', nonce) && nonce->length > 0 &&
           pass_extensions(&rest) && rest.length == 0;
}

/* A name has =2C for a comma and =3D for an equals sign; any other = is wrong. */
struct mqtt_bytes scram_user_name(struct mqtt_bytes client_first, uint8_t name[SCRAM_LONGEST]) {
    static const struct mqtt_bytes absent = {NULL, 0};
    struct mqtt_bytes bare, user_name, nonce;
    uint32_t length = 0;
    if (!read_first(client_first, &bare, &user_name, &nonce))
        return absent;
    for (uint32_t i = 0; i < user_name.length; i++) {
        const uint8_t *at = user_name.data + i;
        name[length] = *at;
        if (*at == '=') {
            if (user_name.length - i < 3 || (memcmp(at, "=2C", 3) != 0 && memcmp(at, "=3D", 3) != 0))
                return absent;
            name[length] = at[1] == '2' ? ',' : '=';
            i += 2;
        }
        length++;
    }
    return (struct mqtt_bytes){name, length};
}

/* ---- Writing ---------------------------------------------------------------------------------------------- */

struct text {
    char *buffer;
    size_t length;
};

static void put(struct text *text, const void *data, size_t length) {
    memcpy(text->buffer + text->length, data, length);
    text->length += length;
}

static void put_base64(struct text *text, const uint8_t *data, size_t length) {
    char encoded[BASE64_LENGTH(SCRAM_KEY_LENGTH) + 1];
    EVP_EncodeBlock((uint8_t *)encoded, data, (int)length);
    put(text, encoded, BASE64_LENGTH(length));
}

static void put_number(struct text *text, uint32_t number) {
    char digits[10];
    size_t count = 0;
    do
        digits[sizeof digits - ++count] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    put(text, digits + sizeof digits - count, count);
}

static void make_nonce(char nonce[SCRAM_NONCE_LENGTH], const uint64_t random[2]) {
    static const char characters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    for (unsigned i = 0; i < SCRAM_NONCE_LENGTH; i++)
        nonce[i] = characters[random[i % 2] >> (i / 2 * 6) & 63];
}

/* ---- The exchange ----------------------------------------------------------------------------------------- */

size_t scram_begin(struct scram *scram, const struct scram_credentials *credentials, struct mqtt_bytes client_first,
                   const uint64_t random[2], char answer[SCRAM_LONGEST]) {
    struct mqtt_bytes bare, user_name, nonce;
    if (!read_first(client_first, &bare, &user_name, &nonce))
        return 0;
    scram->credentials = *credentials;
    scram->header = (uint8_t)find_header(client_first);
    memcpy(scram->nonce, nonce.data, nonce.length);
    make_nonce(scram->nonce + nonce.length, random);
    scram->nonce_length = nonce.length + SCRAM_NONCE_LENGTH;
    struct text text = {.buffer = answer};
    put(&text, "r=", 2);
    put(&text, scram->nonce, scram->nonce_length);
    put(&text, ",s=", 3);
    put_base64(&text, credentials->salt, SCRAM_SALT_LENGTH);
    put(&text, ",i=", 3);
    put_number(&text, credentials->iterations);
    struct text exchange = {.buffer = scram->exchange};
    put(&exchange, bare.data, bare.length);
    put(&exchange, ",", 1);
    put(&exchange, text.buffer, text.length);
    put(&exchange, ",", 1);
    scram->exchange_length = exchange.length;
    return text.length;
}

/* "c=biws,r=nonce,p=proof" */
static bool read_final(const struct scram *scram, struct mqtt_bytes message, struct mqtt_bytes *without_proof,
                       uint8_t proof[SCRAM_KEY_LENGTH]) {
    struct mqtt_bytes rest = message, binding, nonce, encoded;
    if (!take_attribute(&rest, 'c', &binding) || !take_attribute(&rest, 'r', &nonce) || !pass_extensions(&rest))
        return false;
    *without_proof = (struct mqtt_bytes){message.data, message.length - rest.length - (rest.length > 0 ? 1 : 0)};
    if (!take_attribute(&rest, 'p', &encoded) || rest.length > 0)
        return false;
    uint8_t decoded[BASE64_LENGTH(SCRAM_KEY_LENGTH)];
    if (encoded.length != BASE64_LENGTH(SCRAM_KEY_LENGTH) ||
        EVP_DecodeBlock(decoded, encoded.data, (int)encoded.length) < (int)SCRAM_KEY_LENGTH)
        return false;
    memcpy(proof, decoded, SCRAM_KEY_LENGTH);
    return mqtt_equal(binding, mqtt_text(headers[scram->header].base64)) &&
           mqtt_equal(nonce, (struct mqtt_bytes){(const uint8_t *)scram->nonce, (uint32_t)scram->nonce_length});
}

size_t scram_finish(struct scram *scram, struct mqtt_bytes client_final, char answer[SCRAM_LONGEST]) {
    uint8_t proof[SCRAM_KEY_LENGTH], signature[SCRAM_KEY_LENGTH], hash[SCRAM_KEY_LENGTH];
    struct mqtt_bytes without_proof;
    if (client_final.length > SCRAM_LONGEST || !read_final(scram, client_final, &without_proof, proof) ||
        without_proof.length > sizeof scram->exchange - scram->exchange_length)
        return 0;
    struct text exchange = {.buffer = scram->exchange, .length = scram->exchange_length};
    put(&exchange, without_proof.data, without_proof.length);
    if (!keyed_hash(scram->credentials.stored_key, exchange.buffer, exchange.length, signature))
        return 0;
    for (unsigned i = 0; i < SCRAM_KEY_LENGTH; i++)
        proof[i] ^= signature[i]; /* what is left is the Client's key */
    SHA256(proof, SCRAM_KEY_LENGTH, hash);
    if (CRYPTO_memcmp(hash, scram->credentials.stored_key, SCRAM_KEY_LENGTH) != 0 ||
        !keyed_hash(scram->credentials.server_key, exchange.buffer, exchange.length, signature))
        return 0;
    struct text text = {.buffer = answer};
    put(&text, "v=", 2);
    put_base64(&text, signature, SCRAM_KEY_LENGTH);
    return text.length;
}
