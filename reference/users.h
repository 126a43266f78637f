/* Users and what is stored of their passwords, from a file in mosquitto's format: a line "name:hash" for each, as
 * mosquitto_passwd writes them. Blank lines and those that begin with '#' are passed over, and blanks around name and
 * hash.
 *
 * A hash is one of
 *     $6$SALT$HASH             SHA-512 of the password and the salt
 *     $7$ITERATIONS$SALT$HASH  PBKDF2 with HMAC-SHA-512
 *     $argon2id$...            Argon2id, as its reference implementation writes it
 * with salt and hash in Base64. */
#ifndef MQSPEC_USERS_H
#define MQSPEC_USERS_H

#include "codec/codec.h"

struct users;

/* A broker that checks a password answers nobody else meanwhile. What would take longer is refused when the file is
 * read. */
#define USERS_MAXIMUM_ITERATIONS   200000u /* of PBKDF2: a quarter of a second */
#define USERS_MAXIMUM_ARGON2_WORK  196608u /* KiB, times the passes over them: about the same; mosquitto's are 47104 */
#define USERS_MAXIMUM_ARGON2_LANES 8u      /* each is a thread */

/* Reads the whole file. NULL with `error` naming file and line and saying what to do. */
struct users *users_load(const char *file, char *error, size_t size);
void users_destroy(struct users *users); /* NULL is fine */

size_t users_count(const struct users *users);

/* Whether the user exists and this is the password. Takes as long for a user that does not exist as for the first one
 * in the file, and as long for a wrong password as for the right one. */
bool users_check(const struct users *users, struct mqtt_bytes name, struct mqtt_bytes password);

#endif
