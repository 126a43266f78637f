#include "reference/users.h"

#include <argon2.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/lines.h"

#define HASH_LENGTH  64u /* of SHA-512 */
#define LONGEST_SALT 64u

enum method { METHOD_SHA512, METHOD_PBKDF2, METHOD_ARGON2ID };

struct user {
    char *name; /* owned; the hash of Argon2id lies behind its zero */
    uint32_t name_length;
    enum method method;
    const char *encoded; /* of Argon2id */
    uint32_t iterations;
    uint32_t salt_length;
    uint8_t salt[LONGEST_SALT];
    uint8_t hash[HASH_LENGTH];
};

struct users {
    struct user *all; /* by name */
    size_t count;
    size_t capacity;
    struct user first; /* of the file, without its name: stands for users that do not exist */
};

/* ---- Lines ------------------------------------------------------------------------------------------------------ */

/* Decodes Base64 of at most `size` bytes; the number of bytes, or 0 where the text is not that. */
static uint32_t decode_base64(const char *text, size_t length, uint8_t *to, size_t size) {
    uint8_t decoded[3 * HASH_LENGTH];
    size_t padding = length >= 2 && text[length - 1] == '=' ? (text[length - 2] == '=' ? 2 : 1) : 0;
    if (length == 0 || length % 4 != 0 || length / 4 * 3 > sizeof decoded || length / 4 * 3 - padding > size)
        return 0;
    if (EVP_DecodeBlock(decoded, (const uint8_t *)text, (int)length) < 0)
        return 0;
    memcpy(to, decoded, length / 4 * 3 - padding);
    return (uint32_t)(length / 4 * 3 - padding);
}

/* "SALT$HASH" */
static const char *read_salt_and_hash(struct user *user, const char *text) {
    const char *dollar = strchr(text, '$');
    if (dollar == NULL)
        return "the hash is cut; write the user again with mosquitto_passwd";
    user->salt_length = decode_base64(text, (size_t)(dollar - text), user->salt, sizeof user->salt);
    if (user->salt_length == 0 || decode_base64(dollar + 1, strlen(dollar + 1), user->hash, HASH_LENGTH) != HASH_LENGTH)
        return "salt or hash is not what mosquitto_passwd writes; write the user again with it";
    return NULL;
}

static const char *read_pbkdf2(struct user *user, const char *text) {
    char *end;
    errno = 0;
    unsigned long iterations = *text >= '1' && *text <= '9' ? strtoul(text, &end, 10) : 0;
    if (iterations == 0 || *end != '$')
        return "the number of iterations is missing; write the user again with mosquitto_passwd";
    if (errno != 0 || iterations > USERS_MAXIMUM_ITERATIONS)
        return "more than 200000 iterations would hold up the broker; write the user with fewer";
    user->iterations = (uint32_t)iterations;
    return read_salt_and_hash(user, end + 1);
}

/* In Base64 without padding. */
static bool is_salt_and_hash(const char *text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t salt = strspn(text, digits);
    size_t hash = text[salt] == '$' ? strspn(text + salt + 1, digits) : 0;
    return salt > 0 && hash > 0 && text[salt + 1 + hash] == '\0';
}

/* "$argon2id$v=19$m=47104,t=1,p=1$SALT$HASH": the library reads it again for each check. */
static const char *read_argon2id(const char *encoded) {
    unsigned version, memory, passes, lanes;
    int read = 0;
    if (sscanf(encoded, "$argon2id$v=%u$m=%u,t=%u,p=%u$%n", &version, &memory, &passes, &lanes, &read) != 4 ||
        read == 0 || memory == 0 || passes == 0 || lanes == 0 || !is_salt_and_hash(encoded + read))
        return "the hash is not what mosquitto_passwd writes; write the user again with it";
    if (memory > USERS_MAXIMUM_ARGON2_WORK / passes || lanes > USERS_MAXIMUM_ARGON2_LANES)
        return "Argon2id over more than 192 MiB in all passes, or 8 lanes, would hold up the broker; write the user "
               "with "
               "less";
    return NULL;
}

/* NULL, or what is wrong. */
static const char *read_hash(struct user *user, const char *text) {
    if (strncmp(text, "$6$", 3) == 0) {
        user->method = METHOD_SHA512;
        return read_salt_and_hash(user, text + 3);
    }
    if (strncmp(text, "$7$", 3) == 0) {
        user->method = METHOD_PBKDF2;
        return read_pbkdf2(user, text + 3);
    }
    if (strncmp(text, "$argon2id$", 10) == 0) {
        user->method = METHOD_ARGON2ID;
        user->encoded = text;
        return read_argon2id(text);
    }
    return text[0] == '$' ? "this kind of hash is not known; mosquitto_passwd writes those that are"
                          : "the password is not hashed; 'mosquitto_passwd -U FILE' does that";
}

/* Splits "name:hash" in place; no blanks stand before it, so that the name is where the line was. */
static const char *read_user(struct user *user, char *line) {
    char *colon = strchr(line, ':');
    if (colon == NULL || colon == line)
        return "this is no line 'name:hash'; mosquitto_passwd writes such lines";
    *colon = '\0';
    user->name = trim_blanks(line);
    size_t length = strlen(user->name);
    if (length > MQTT_MAXIMUM_STRING)
        return "the name is longer than MQTT allows";
    user->name_length = (uint32_t)length;
    return read_hash(user, trim_blanks(colon + 1));
}

/* ---- The file ------------------------------------------------------------------------------------------------------
 */

static bool has_room(struct users *users) {
    if (users->count < users->capacity)
        return true;
    size_t capacity = users->capacity == 0 ? 16 : users->capacity * 2;
    struct user *all = realloc(users->all, capacity * sizeof *all);
    if (all == NULL)
        return false;
    users->all = all;
    users->capacity = capacity;
    return true;
}

/* NULL, or what is wrong with the line. */
static const char *add_line(void *context, char *text) {
    struct users *users = context;
    text = trim_blanks(text);
    if (text[0] == '\0' || text[0] == '#')
        return NULL;
    struct user user = {.name = NULL};
    char *line = strdup(text);
    if (line == NULL || !has_room(users)) {
        free(line);
        return "out of memory";
    }
    const char *fault = read_user(&user, line);
    if (fault != NULL) {
        free(line);
        return fault;
    }
    users->all[users->count++] = user;
    return NULL;
}

static int by_name(const void *left, const void *right) {
    return strcmp(((const struct user *)left)->name, ((const struct user *)right)->name);
}

/* Names the user that is there twice, or returns NULL. */
static const char *sort(struct users *users) {
    if (users->count == 0)
        return NULL;
    users->first = users->all[0];
    qsort(users->all, users->count, sizeof *users->all, by_name);
    for (size_t i = 1; i < users->count; i++)
        if (by_name(&users->all[i - 1], &users->all[i]) == 0)
            return users->all[i].name;
    return NULL;
}

struct users *users_load(const char *name, char *error, size_t size) {
    struct users *users = calloc(1, sizeof *users);
    if (users == NULL) {
        snprintf(error, size, "%s: out of memory", name);
        return NULL;
    }
    bool taken = lines_read(name, "password file", add_line, users, error, size);
    const char *twice = taken ? sort(users) : NULL;
    if (taken && twice == NULL)
        return users;
    if (twice != NULL)
        snprintf(error, size, "%s: the user '%s' is there twice; remove one of the lines", name, twice);
    users_destroy(users);
    return NULL;
}

void users_destroy(struct users *users) {
    if (users == NULL)
        return;
    for (size_t i = 0; i < users->count; i++)
        free(users->all[i].name);
    free(users->all);
    free(users);
}

size_t users_count(const struct users *users) {
    return users->count;
}

/* ---- Checking
 * ---------------------------------------------------------------------------------------------------------- */

static const struct user *find(const struct users *users, struct mqtt_bytes name) {
    size_t low = 0, high = users->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct user *user = &users->all[middle];
        uint32_t shorter = user->name_length < name.length ? user->name_length : name.length;
        int order = shorter > 0 ? memcmp(user->name, name.data, shorter) : 0;
        if (order == 0 && user->name_length == name.length)
            return user;
        if (order < 0 || (order == 0 && user->name_length < name.length))
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool hash_sha512(const struct user *user, struct mqtt_bytes password, uint8_t hash[HASH_LENGTH]) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned length = HASH_LENGTH;
    bool fine = context != NULL && EVP_DigestInit_ex(context, EVP_sha512(), NULL) == 1 &&
                EVP_DigestUpdate(context, password.data, password.length) == 1 &&
                EVP_DigestUpdate(context, user->salt, user->salt_length) == 1 &&
                EVP_DigestFinal_ex(context, hash, &length) == 1;
    EVP_MD_CTX_free(context);
    return fine;
}

static bool matches(const struct user *user, struct mqtt_bytes password) {
    uint8_t hash[HASH_LENGTH];
    bool fine = false;
    switch (user->method) {
    case METHOD_ARGON2ID:
        return argon2id_verify(user->encoded, password.data, password.length) == ARGON2_OK;
    case METHOD_SHA512:
        fine = hash_sha512(user, password, hash);
        break;
    case METHOD_PBKDF2:
        fine = PKCS5_PBKDF2_HMAC((const char *)password.data, (int)password.length, user->salt, (int)user->salt_length,
                                 (int)user->iterations, EVP_sha512(), HASH_LENGTH, hash) == 1;
        break;
    }
    return fine && CRYPTO_memcmp(hash, user->hash, HASH_LENGTH) == 0;
}

bool users_check(const struct users *users, struct mqtt_bytes name, struct mqtt_bytes password) {
    static const uint8_t nothing[1];
    if (users->count == 0)
        return false;
    if (password.data == NULL)
        password = (struct mqtt_bytes){nothing, 0};
    const struct user *user = find(users, name);
    bool right = matches(user != NULL ? user : &users->first, password);
    return user != NULL && right;
}
