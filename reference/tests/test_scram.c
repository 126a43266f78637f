/* SCRAM-SHA-256 as the Server plays it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reference/tests/scram_proof.h"

/* ---- The example of RFC 7677, section 3 ---------------------------------------------------------------------- */

#define EXAMPLE_NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define EXAMPLE_SALT  "W22ZaJ0SNY7soEsUEjb6gQ=="
#define EXAMPLE_FINAL "c=biws,r=" EXAMPLE_NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="

/* Its Server has another way to make a nonce, so the exchange is set up behind the first two messages. */
static struct scram example(void) {
    uint8_t salt[SCRAM_SALT_LENGTH + 2];
    struct scram scram = {.nonce = EXAMPLE_NONCE, .nonce_length = sizeof EXAMPLE_NONCE - 1};
    assert_int_equal(EVP_DecodeBlock(salt, (const uint8_t *)EXAMPLE_SALT, sizeof EXAMPLE_SALT - 1), 18);
    assert_true(scram_derive(&scram.credentials, mqtt_text("pencil"), salt));
    scram.exchange_length =
        (size_t)snprintf(scram.exchange, sizeof scram.exchange, "n=user,r=rOprNGfwEbeRWgbNEkqO,r=%s,s=%s,i=4096,",
                         EXAMPLE_NONCE, EXAMPLE_SALT);
    return scram;
}

static size_t finish(const char *message, size_t length, char answer[SCRAM_LONGEST]) {
    struct scram scram = example();
    uint8_t *copy = malloc(length > 0 ? length : 1); /* no more than the message may be read */
    assert_non_null(copy);
    memcpy(copy, message, length);
    size_t answered = scram_finish(&scram, (struct mqtt_bytes){copy, (uint32_t)length}, answer);
    free(copy);
    return answered;
}

static void example_of_the_rfc_is_proven(void **state) {
    static const char expected[] = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    char answer[SCRAM_LONGEST];
    (void)state;
    assert_int_equal(finish(EXAMPLE_FINAL, sizeof EXAMPLE_FINAL - 1, answer), sizeof expected - 1);
    assert_memory_equal(answer, expected, sizeof expected - 1);
}

static void proof_that_is_cut_anywhere_is_refused(void **state) {
    char answer[SCRAM_LONGEST];
    (void)state;
    for (size_t length = 0; length < sizeof EXAMPLE_FINAL - 1; length++)
        if (finish(EXAMPLE_FINAL, length, answer) != 0)
            fail_msg("a final message of %zu bytes was taken", length);
}

static void proof_that_is_altered_anywhere_is_refused(void **state) {
    char answer[SCRAM_LONGEST], message[] = EXAMPLE_FINAL;
    (void)state;
    for (size_t i = 0; i < sizeof message - 1; i++) {
        message[i] ^= 1;
        if (finish(message, sizeof message - 1, answer) != 0)
            fail_msg("a final message with byte %zu altered was taken", i);
        message[i] ^= 1;
    }
}

static void final_message_of_another_form_is_refused(void **state) {
    static const char *const messages[] = {
        "r=" EXAMPLE_NONCE ",c=biws,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "c=eSws,r=" EXAMPLE_NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        EXAMPLE_FINAL ",x=y",
        EXAMPLE_FINAL "AAAA",
        "c=biws,r=" EXAMPLE_NONCE ",p=",
        "c=biws,r=" EXAMPLE_NONCE ",p============================================",
        "c=biws,r=" EXAMPLE_NONCE ",p=                                            ",
        "c=,r=,p=",
        ",,,",
        "",
    };
    char answer[SCRAM_LONGEST];
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
        if (finish(messages[i], strlen(messages[i]), answer) != 0)
            fail_msg("'%s' was taken", messages[i]);
}

static void longest_final_message_stays_in_its_room(void **state) {
    char answer[SCRAM_LONGEST], message[SCRAM_LONGEST + 1];
    (void)state;
    memset(message, 'x', sizeof message);
    memcpy(message, "c=biws,r=", 9);
    for (size_t length = SCRAM_LONGEST - 1; length <= sizeof message; length++)
        assert_int_equal(finish(message, length, answer), 0);
}

/* ---- From the first message on -------------------------------------------------------------------------------- */

static const uint8_t salt[SCRAM_SALT_LENGTH] = "fifteen  bytes.";

static struct scram_credentials credentials(void) {
    struct scram_credentials made;
    assert_true(scram_derive(&made, mqtt_text("secret"), salt));
    return made;
}

static size_t begin(struct scram *scram, const char *message, size_t length, char answer[SCRAM_LONGEST]) {
    static const uint64_t random[2] = {0x0123456789ABCDEF, UINT64_MAX};
    struct scram_credentials made = credentials();
    uint8_t *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, message, length);
    size_t answered = scram_begin(scram, &made, (struct mqtt_bytes){copy, (uint32_t)length}, random, answer);
    free(copy);
    return answered;
}

/* The Client's first message, how it repeats the header, what stands behind its nonce, and whether it is let in. */
static const struct {
    const char *first;
    const char *binding;
    const char *extension;
    bool is_taken;
} exchanges[] = {
    {"n,,n=u,r=abc", "biws", "", true},        {"n,,n=u,r=abc,x=y", "biws", "", true},
    {"n,,n=u,r=abc", "biws", ",x=y,z=", true}, {"n,,n=u,r=abc", "biws", ",m=y", false},
    {"n,,n=u,r=abc", "eSws", "", false},       {"y,,n=u,r=abc", "eSws", "", true},
    {"y,,n=u,r=abc", "biws", "", false}, /* somebody on the way may have changed the header */
};

static void exchange_is_carried_through(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
        struct scram scram;
        const char *first = exchanges[i].first;
        char challenge[SCRAM_LONGEST], final[SCRAM_LONGEST], verifier[SCRAM_LONGEST];
        size_t length = begin(&scram, first, strlen(first), challenge);
        assert_in_range(length, 1, SCRAM_LONGEST - 1);
        challenge[length] = '\0';
        assert_memory_equal(challenge, "r=abc", 5);
        assert_non_null(strstr(challenge, ",i=4096"));
        length =
            scram_answer_as("secret", salt, first + 3, challenge, exchanges[i].binding, exchanges[i].extension, final);
        size_t answered = scram_finish(&scram, (struct mqtt_bytes){(uint8_t *) final, (uint32_t)length}, verifier);
        if (answered != (exchanges[i].is_taken ? 46 : 0))
            fail_msg("row %zu: an answer of %zu bytes", i, answered);
    }
}

static void wrong_password_is_refused(void **state) {
    struct scram scram;
    char challenge[SCRAM_LONGEST], final[SCRAM_LONGEST], verifier[SCRAM_LONGEST];
    (void)state;
    size_t length = begin(&scram, "n,,n=u,r=abc", 12, challenge);
    challenge[length] = '\0';
    length = scram_answer("Secret", salt, "n=u,r=abc", challenge, final);
    assert_int_equal(scram_finish(&scram, (struct mqtt_bytes){(uint8_t *) final, (uint32_t)length}, verifier), 0);
}

/* A first message, and the user that it names; NULL: it is refused. */
static const struct {
    const char *message;
    const char *user;
} first_messages[] = {
    {"n,,n=u,r=abc", "u"},
    {"n,,n=,r=abc", ""},
    {"n,,n=a=2Cb=3Dc,r=abc", "a,b=c"},
    {"n,,n=a=2,r=abc", NULL},
    {"n,,n=a=2c,r=abc", NULL},
    {"n,,n==,r=abc", NULL},
    {"n,,n=u,r=", NULL},
    {"n,,n=u", NULL},
    {"n,,n=u,r=abc,", "u"},
    {"n,,n=u,r=abc,x=y", "u"},
    {"n,,n=u,r=abc,x=y,z=", "u"},
    {"n,,n=u,r=abc,x", NULL},
    {"n,,n=u,r=abc,1=y", NULL},
    {"n,,n=u,r=abc,m=y", NULL},
    {"n,,n=u,r=abc,p=y", NULL},
    {"y,,n=u,r=abc", "u"},
    {"x,,n=u,r=abc", NULL},
    {"n,,r=abc,n=u", NULL},
    {"n,,m=x,n=u,r=abc", NULL},
    {"p=tls-unique,,n=u,r=abc", NULL},
    {"n,a=other,n=u,r=abc", NULL},
    {"n,,", NULL},
    {"", NULL},
};

static void first_message_names_the_user(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof first_messages / sizeof first_messages[0]; i++) {
        const char *message = first_messages[i].message, *expected = first_messages[i].user;
        uint8_t name[SCRAM_LONGEST];
        struct mqtt_bytes user = scram_user_name(mqtt_text(message), name);
        if ((user.data == NULL) != (expected == NULL))
            fail_msg("'%s' was %s", message, user.data == NULL ? "refused" : "taken");
        if (expected != NULL && !mqtt_equal(user, mqtt_text(expected)))
            fail_msg("'%s' names '%.*s'", message, (int)user.length, user.data);
    }
}

static void first_message_may_be_cut_anywhere(void **state) {
    static const char whole[] = "n,,n=u,r=abc";
    const size_t shortest = sizeof "n,,n=u,r=a" - 1;
    struct scram scram;
    char challenge[SCRAM_LONGEST];
    (void)state;
    for (size_t length = 0; length < sizeof whole; length++)
        if ((begin(&scram, whole, length, challenge) > 0) != (length >= shortest))
            fail_msg("a first message of %zu bytes", length);
}

static void longest_first_message_leaves_room_for_the_rest(void **state) {
    struct scram scram;
    char message[SCRAM_LONGEST], challenge[SCRAM_LONGEST + 1], final[SCRAM_LONGEST], verifier[SCRAM_LONGEST];
    (void)state;
    memset(message, 'x', sizeof message);
    memcpy(message, "n,,n=u,r=", 9);
    assert_int_equal(begin(&scram, message, SCRAM_LONGEST / 2 + 1, challenge), 0);
    size_t length = begin(&scram, message, SCRAM_LONGEST / 2, challenge);
    assert_in_range(length, SCRAM_LONGEST / 2, SCRAM_LONGEST);
    challenge[length] = '\0';
    message[SCRAM_LONGEST / 2] = '\0';
    length = scram_answer("secret", salt, message + 3, challenge, final);
    assert_int_equal(scram_finish(&scram, (struct mqtt_bytes){(uint8_t *) final, (uint32_t)length}, verifier), 46);
}

int main(void) {
    const struct CMUnitTest rows[] = {
        cmocka_unit_test(example_of_the_rfc_is_proven),
        cmocka_unit_test(proof_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(proof_that_is_altered_anywhere_is_refused),
        cmocka_unit_test(final_message_of_another_form_is_refused),
        cmocka_unit_test(longest_final_message_stays_in_its_room),
        cmocka_unit_test(exchange_is_carried_through),
        cmocka_unit_test(wrong_password_is_refused),
        cmocka_unit_test(first_message_names_the_user),
        cmocka_unit_test(first_message_may_be_cut_anywhere),
        cmocka_unit_test(longest_first_message_leaves_room_for_the_rest),
    };
    return cmocka_run_group_tests(rows, NULL, NULL);
}
