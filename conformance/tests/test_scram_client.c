/* The Client's side of SCRAM-SHA-256 against the example of RFC 7677, and Servers that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/scram_client.h"

#define NONCE "rOprNGfwEbeRWgbNEkqO"
#define WHOLE NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SALT  "W22ZaJ0SNY7soEsUEjb6gQ=="

static const struct scram_client example = {.user = "user", .password = "pencil", .nonce = NONCE};

static void test_first(void **state) {
    (void)state;
    char message[SCRAM_MAXIMUM_MESSAGE];
    assert_true(scram_client_first(&example, message));
    assert_string_equal(message, "n,,n=user,r=" NONCE);
    struct scram_client escaped = {.user = "a=b,c", .password = "", .nonce = "x"};
    assert_true(scram_client_first(&escaped, message));
    assert_string_equal(message, "n,,n=a=3Db=2Cc,r=x");
    char large[SCRAM_MAXIMUM_MESSAGE + 1];
    memset(large, 'u', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    escaped.user = large;
    assert_false(scram_client_first(&escaped, message));
}

static const struct {
    const char *name;
    const char *server_first;
    const char *message; /* NULL where the Server's message is refused */
} rows[] = {
    {"the example of RFC 7677", "r=" WHOLE ",s=" SALT ",i=4096",
     "c=biws,r=" WHOLE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="},
    {"empty", "", NULL},
    {"without salt", "r=" WHOLE ",i=4096", NULL},
    {"without iterations", "r=" WHOLE ",s=" SALT, NULL},
    {"fields in another order", "s=" SALT ",r=" WHOLE ",i=4096", NULL},
    {"another nonce", "r=somebody-else,s=" SALT ",i=4096", NULL},
    {"the client's nonce alone", "r=" NONCE ",s=" SALT ",i=4096", NULL},
    {"a salt that is not Base64", "r=" WHOLE ",s=W22Z!!==,i=4096", NULL},
    {"a salt of three characters", "r=" WHOLE ",s=W22,i=4096", NULL},
    {"an empty salt", "r=" WHOLE ",s=,i=4096", NULL},
    {"no rounds", "r=" WHOLE ",s=" SALT ",i=0", NULL},
    {"rounds that are no number", "r=" WHOLE ",s=" SALT ",i=many", NULL},
    {"more rounds than anybody waits for", "r=" WHOLE ",s=" SALT ",i=4000000000", NULL},
};

static void test_final(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char message[SCRAM_MAXIMUM_MESSAGE] = "";
        const char *fault = scram_client_final(&example, (const uint8_t *)rows[i].server_first,
                                               strlen(rows[i].server_first), false, message);
        if ((fault == NULL) != (rows[i].message != NULL))
            fail_msg("%s: %s", rows[i].name, fault == NULL ? "is answered" : fault);
        if (fault == NULL && strcmp(message, rows[i].message) != 0)
            fail_msg("%s: the answer is %s", rows[i].name, message);
    }
}

static void test_wrong(void **state) {
    (void)state;
    char right[SCRAM_MAXIMUM_MESSAGE];
    char wrong[SCRAM_MAXIMUM_MESSAGE];
    const uint8_t *challenge = (const uint8_t *)rows[0].server_first;
    size_t length = strlen(rows[0].server_first);
    assert_null(scram_client_final(&example, challenge, length, false, right));
    assert_null(scram_client_final(&example, challenge, length, true, wrong));
    assert_string_not_equal(right, wrong);
    assert_int_equal(strlen(right), strlen(wrong));
    assert_memory_equal(right, wrong, strlen("c=biws,r=" WHOLE ",p="));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_final),
        cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests_name("scram client", tests, NULL, NULL);
}
