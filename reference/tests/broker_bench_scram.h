/* A user of SCRAM-SHA-256 on the bench: "u" with the password "secret". */
#ifndef MQSPEC_BROKER_BENCH_SCRAM_H
#define MQSPEC_BROKER_BENCH_SCRAM_H

#include "reference/tests/broker_bench_5.h"
#include "reference/tests/scram_proof.h"

static const uint8_t bench_salt[SCRAM_SALT_LENGTH] = "fifteen  bytes.";

static inline bool credentials_of_u(void *context, struct mqtt_bytes user_name, struct scram_credentials *credentials) {
    static struct scram_credentials derived; /* takes thousands of rounds */
    (void)context;
    if (!mqtt_equal(user_name, mqtt_text("u")))
        return false;
    if (derived.iterations == 0 && !scram_derive(&derived, mqtt_text("secret"), bench_salt))
        return false;
    *credentials = derived;
    return true;
}

static inline struct broker_settings settings_with_scram(void) {
    struct broker_settings settings = broker_default_settings();
    settings.hooks.scram_credentials = credentials_of_u;
    return settings;
}

#define FIRST "n=u,r=abc"

/* The answer to the challenge, which is always the same: the bench's generator is. */
static inline const char *final_message(const char *password) {
    static char right[SCRAM_LONGEST], wrong[SCRAM_LONGEST];
    char *answer = strcmp(password, "secret") == 0 ? right : wrong;
    struct scram_credentials credentials;
    struct scram scram;
    char server_first[SCRAM_LONGEST + 1];
    const uint64_t random[2] = {next_random(NULL), next_random(NULL)};
    if (answer[0] != '\0')
        return answer;
    assert_true(credentials_of_u(NULL, mqtt_text("u"), &credentials));
    size_t length = scram_begin(&scram, &credentials, mqtt_text("n,," FIRST), random, server_first);
    server_first[length] = '\0';
    answer[scram_answer(password, bench_salt, FIRST, server_first, answer)] = '\0';
    return answer;
}

#endif
