/* Key logs: which lines are taken, passed over or refused, and what is found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#include <string.h>

#include "pcaps/keylog.h"

#define R1               "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define R2               "ff112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"
#define S32              "01" R1_WITHOUT_FIRST
#define R1_WITHOUT_FIRST "112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define S48              "02" R1_WITHOUT_FIRST "00112233445566778899aabbccddeeff"
#define OTHER48          "03" R1_WITHOUT_FIRST "00112233445566778899aabbccddeeff"

/* What is looked for: the connection whose Random begins with that byte. */
struct wanted {
    uint8_t first;
    enum keylog_label label;
    size_t length; /* 0: nothing is found */
    uint8_t secret_first;
};

struct keylog_test {
    const char *name;
    const char *text;
    const char *reason; /* part of it; NULL: the key log can be read */
    struct wanted wanted[4];
};

/* clang-format off */
static const struct keylog_test tests[] = {
    {"a line of TLS 1.2", "CLIENT_RANDOM " R1 " " S48 "\n", NULL,
     {{0x00, KEYLOG_MASTER_SECRET, 48, 2}, {0xff, KEYLOG_MASTER_SECRET, 0, 0}, {0x00, KEYLOG_CLIENT_TRAFFIC, 0, 0}}},
    {"lines of TLS 1.3",
     "SERVER_HANDSHAKE_TRAFFIC_SECRET " R1 " " S32 "\nCLIENT_HANDSHAKE_TRAFFIC_SECRET " R1 " " S48 "\n"
     "SERVER_TRAFFIC_SECRET_0 " R2 " " S32 "\nCLIENT_TRAFFIC_SECRET_0 " R2 " " OTHER48 "\n",
     NULL, {{0x00, KEYLOG_SERVER_HANDSHAKE, 32, 1}, {0x00, KEYLOG_CLIENT_HANDSHAKE, 48, 2},
            {0xff, KEYLOG_SERVER_TRAFFIC, 32, 1}, {0xff, KEYLOG_CLIENT_TRAFFIC, 48, 3}}},
    {"line ends of Windows", "CLIENT_RANDOM " R1 " " S48 "\r\nCLIENT_RANDOM " R2 " " OTHER48 "\r\n", NULL,
     {{0x00, KEYLOG_MASTER_SECRET, 48, 2}, {0xff, KEYLOG_MASTER_SECRET, 48, 3}}},
    {"no line end at the end", "CLIENT_RANDOM " R1 " " S48, NULL, {{0x00, KEYLOG_MASTER_SECRET, 48, 2}}},
    {"comments, blank lines and other labels",
     "# made by hand\n\n  \t\nEXPORTER_SECRET " R1 " " S32 "\nRSA 0011 2233\nCLIENT_RANDOM " R1 " " S48 "\n", NULL,
     {{0x00, KEYLOG_MASTER_SECRET, 48, 2}}},
    {"more blanks, also a tab", " CLIENT_RANDOM \t" R1 "  " S48 "  \n", NULL, {{0x00, KEYLOG_MASTER_SECRET, 48, 2}}},
    {"early data", "CLIENT_EARLY_TRAFFIC_SECRET " R1 " " S32 "\n", NULL, {{0x00, KEYLOG_CLIENT_EARLY, 32, 1}}},
    {"of two for one connection the last",
     "CLIENT_RANDOM " R1 " " S48 "\nCLIENT_RANDOM " R1 " " OTHER48 "\n", NULL,
     {{0x00, KEYLOG_MASTER_SECRET, 48, 3}}},
    {"the last line is still written", "CLIENT_RANDOM " R1 " " S48 "\nCLIENT_RANDOM " R2 " 0011", NULL,
     {{0x00, KEYLOG_MASTER_SECRET, 48, 2}, {0xff, KEYLOG_MASTER_SECRET, 0, 0}}},
    {"an empty file", "", NULL, {{0x00, KEYLOG_MASTER_SECRET, 0, 0}}},
    {"a comment alone", "# nothing yet\n", NULL, {{0x00, KEYLOG_MASTER_SECRET, 0, 0}}},

    {"a Random that is cut", "# one\nCLIENT_RANDOM 0011 " S48 "\n", "line 2 of the key log keys.txt", {{0}}},
    {"a Random that is too long", "CLIENT_RANDOM " R1 "00 " S48 "\n", "line 1 of the key log keys.txt", {{0}}},
    {"no hexadecimal digit", "CLIENT_RANDOM " R1 " x" S48 "\n", "96 hexadecimal digits", {{0}}},
    {"half a byte", "CLIENT_RANDOM " R1 " " S48 "0\n", "96 hexadecimal digits", {{0}}},
    {"a master secret of 32 bytes", "CLIENT_RANDOM " R1 " " S32 "\n", "96 hexadecimal digits", {{0}}},
    {"a secret that is too long", "CLIENT_TRAFFIC_SECRET_0 " R1 " " S48 "00\n", "64 or 96 hexadecimal digits", {{0}}},
    {"no secret", "CLIENT_TRAFFIC_SECRET_0 " R1 "\n", "64 or 96 hexadecimal digits", {{0}}},
    {"a label alone", "CLIENT_RANDOM\n", "64 hexadecimal digits", {{0}}},
    {"a third value", "CLIENT_RANDOM " R1 " " S48 " 00\n", "there is more", {{0}}},
    {"no key log", "-----BEGIN PRIVATE KEY-----\n", "SSLKEYLOGFILE", {{0}}},
};
/* clang-format on */

static struct keylog *read_text(const char *text, size_t length, char *reason, size_t reason_size) {
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    rewind(file);
    struct keylog *keylog = keylog_read(file, "keys.txt", reason, reason_size);
    fclose(file);
    return keylog;
}

static void check_found(const struct keylog *keylog, const struct wanted *wanted) {
    uint8_t client_random[KEYLOG_RANDOM_SIZE];
    for (size_t i = 0; i < sizeof client_random; i++)
        client_random[i] = (uint8_t)(i % 16 * 0x11);
    client_random[0] = wanted->first;
    struct mqtt_bytes secret = keylog_find(keylog, client_random, wanted->label);
    assert_int_equal(secret.length, wanted->length);
    if (secret.length > 0)
        assert_int_equal(secret.data[0], wanted->secret_first);
}

static void test_row(void **state) {
    const struct keylog_test *test = *state;
    char reason[512] = "";
    struct keylog *keylog = read_text(test->text, strlen(test->text), reason, sizeof reason);
    assert_int_equal(keylog != NULL, test->reason == NULL);
    if (keylog == NULL) {
        if (strstr(reason, test->reason) == NULL)
            fail_msg("%s: expected %s, received %s", test->name, test->reason, reason);
        return;
    }
    for (size_t i = 0; i < 4 && (i == 0 || test->wanted[i].length > 0 || test->wanted[i].first > 0); i++)
        check_found(keylog, &test->wanted[i]);
    keylog_free(keylog);
}

/* A line of any length is one line. */
static void test_long_lines(void **state) {
    enum { LENGTH = 100000 };
    char *text = malloc(LENGTH + 256);
    char reason[512] = "";
    (void)state;
    assert_non_null(text);
    memset(text, 'x', LENGTH);
    int rest = snprintf(text + LENGTH, 256, "\nCLIENT_RANDOM " R1 " " S48 "\n");
    struct keylog *keylog = read_text(text, LENGTH + (size_t)rest, reason, sizeof reason);
    assert_non_null(keylog);
    check_found(keylog, &(struct wanted){0x00, KEYLOG_MASTER_SECRET, 48, 2});
    keylog_free(keylog);

    memcpy(text, "CLIENT_RANDOM ", 14);
    assert_null(read_text(text, LENGTH + (size_t)rest, reason, sizeof reason));
    assert_non_null(strstr(reason, "line 1 "));
    assert_non_null(strstr(reason, "too long"));
    free(text);
}

/* All are found among many, whatever their order in the file. */
static void test_many(void **state) {
    enum { COUNT = 5000 };
    FILE *file = tmpfile();
    char reason[512] = "";
    (void)state;
    assert_non_null(file);
    for (unsigned i = 0; i < COUNT; i++)
        fprintf(file, "CLIENT_RANDOM %08x%056x %08x%088x\n", i * 2654435761u, 0, i, 0);
    rewind(file);
    struct keylog *keylog = keylog_read(file, "keys.txt", reason, sizeof reason);
    fclose(file);
    assert_non_null(keylog);
    for (unsigned i = 0; i < COUNT; i++) {
        uint32_t start = i * 2654435761u;
        const uint8_t client_random[KEYLOG_RANDOM_SIZE] = {(uint8_t)(start >> 24), (uint8_t)(start >> 16),
                                                           (uint8_t)(start >> 8), (uint8_t)start};
        struct mqtt_bytes secret = keylog_find(keylog, client_random, KEYLOG_MASTER_SECRET);
        assert_int_equal(secret.length, 48);
        assert_int_equal(secret.data[2] << 8 | secret.data[3], i);
        assert_int_equal(keylog_find(keylog, client_random, KEYLOG_SERVER_TRAFFIC).length, 0);
    }
    keylog_free(keylog);
}

static void test_no_file(void **state) {
    char reason[512] = "";
    (void)state;
    assert_null(keylog_open("/no/such/file", reason, sizeof reason));
    assert_non_null(strstr(reason, "/no/such/file"));
    assert_null(keylog_open("/", reason, sizeof reason));
    assert_non_null(strstr(reason, "cannot be read"));
}

/* What is written later is found, too, line by line, and what is not whole only when it is. */
static void test_refresh(void **state) {
    static const char name[] = "/tmp/mqspec-keylog-XXXXXX";
    static const struct wanted first = {0x00, KEYLOG_MASTER_SECRET, 48, 2},
                               second = {0xff, KEYLOG_MASTER_SECRET, 48, 3},
                               no_second = {0xff, KEYLOG_MASTER_SECRET, 0, 0};
    char path[sizeof name], reason[512] = "";
    (void)state;
    memcpy(path, name, sizeof name);
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    FILE *file = fdopen(descriptor, "w");
    assert_non_null(file);
    struct keylog *keylog = keylog_open(path, reason, sizeof reason);
    assert_non_null(keylog);
    assert_false(keylog_refresh(keylog));
    fputs("CLIENT_RANDOM " R1 " " S48 "\nCLIENT_RANDOM " R2 " 0311", file);
    fflush(file);
    assert_true(keylog_refresh(keylog));
    check_found(keylog, &first);
    check_found(keylog, &no_second);
    assert_false(keylog_refresh(keylog));
    fputs(&R1_WITHOUT_FIRST[2], file);
    fputs("00112233445566778899aabbccddeeff\nthis is no key\nCLIENT_RANDOM 00\n", file);
    fflush(file);
    assert_true(keylog_refresh(keylog));
    check_found(keylog, &first);
    check_found(keylog, &second);
    assert_false(keylog_refresh(keylog));
    keylog_free(keylog);
    fclose(file);
    assert_int_equal(remove(path), 0);
}

int main(void) {
    enum { TESTS = sizeof tests / sizeof tests[0], MORE = 4 };
    struct CMUnitTest all[TESTS + MORE] = {
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_refresh),
    };
    for (size_t i = 0; i < TESTS; i++)
        all[MORE + i] = (struct CMUnitTest){tests[i].name, test_row, NULL, NULL, (void *)&tests[i]};
    return cmocka_run_group_tests_name("pcaps: key logs", all, NULL, NULL);
}
