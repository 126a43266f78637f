/* Password files in mosquitto's format. The hashes were written by mosquitto_passwd and the argon2 command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reference/tests/temporary_file.h"
#include "reference/users.h"

#define SECRET_OF_ALICE                                                                                                \
    "$7$101$hlp2iuqnMyNdDZC8$Gmojrq2YmNNYM+8kLKH5fHc1EJuDjoK/eaAEObc6k1vW40MPWneAdmI1z8YAvXdc9R3U6yI5b/guQxMurPExHw=="
#define HIDDEN_OF_BOB                                                                                                  \
    "$6$cvg8oZMWGiwi8a0Q$UVeCHpOVOkkrCvhqltZ3MkaFL/0gK8FHKJ2TJut7rZNMI4GfVoO8447w5LZFkDLGtRK/zhstcxbhVsYnrFMUhw=="
#define PASSWORD_OF_CAROL                                                                                              \
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQxMjM0$"                                                                    \
    "p4go9zhk3Enh5J1bKrAFhwqrZT3DYZ3KtOahPtxz0BZ23mNc8YGbRQ/tD+8JrN3jXUrEGkSGNsRTmGKmsfOUqA"

#define FILE_OF_THREE "# users\n\nbob:" HIDDEN_OF_BOB "\n alice : " SECRET_OF_ALICE " \t\r\ncarol:" PASSWORD_OF_CAROL

static struct users *load(const char *content, size_t length, char *error, size_t size) {
    char name[TEMPORARY_NAME];
    write_temporary(name, content, length);
    struct users *users = users_load(name, error, size);
    unlink(name);
    return users;
}

/* ---- Who is let in ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *password; /* NULL: none */
    bool right;
} attempts[] = {
    {"alice", "secret", true},   {"alice", "Secret", false}, {"alice", "", false},      {"alice", NULL, false},
    {"alice", "hidden", false},  {"bob", "hidden", true},    {"bob", "hidden ", false}, {"bob", "secret", false},
    {"carol", "password", true}, {"carol", "secret", false}, {"carol", NULL, false},    {"dave", "secret", false},
    {"dave", "hidden", false},   {"Alice", "secret", false}, {"alic", "secret", false}, {"alicee", "secret", false},
    {"", "secret", false},       {"# users", "", false},
};

static void passwords_are_checked(void **state) {
    char error[200];
    struct users *users = load(FILE_OF_THREE, sizeof FILE_OF_THREE - 1, error, sizeof error);
    (void)state;
    if (users == NULL)
        fail_msg("%s", error);
    assert_int_equal(users_count(users), 3);
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        struct mqtt_bytes password =
            attempts[i].password == NULL ? (struct mqtt_bytes){NULL, 0} : mqtt_text(attempts[i].password);
        if (users_check(users, mqtt_text(attempts[i].name), password) != attempts[i].right)
            fail_msg("'%s' with '%s' was %s", attempts[i].name, attempts[i].password,
                     attempts[i].right ? "refused" : "let in");
    }
    users_destroy(users);
}

static void nobody_is_let_in_by_an_empty_file(void **state) {
    char error[200];
    struct users *users = load("# nobody\n", 9, error, sizeof error);
    (void)state;
    assert_non_null(users);
    assert_int_equal(users_count(users), 0);
    assert_false(users_check(users, mqtt_text("alice"), mqtt_text("secret")));
    users_destroy(users);
}

/* ---- Files that cannot be used --------------------------------------------------------------------------------- */

#define CONTENT(text) text, sizeof text - 1

static const struct {
    const char *content;
    size_t length;
    const char *said; /* part of the error, behind the file's name */
} faults[] = {
    {CONTENT("alice\n"), ":1: this is no line 'name:hash'"},
    {CONTENT(":" SECRET_OF_ALICE), ":1: this is no line"},
    {CONTENT("bob:" HIDDEN_OF_BOB "\n\n#\nalice:secret\n"), ":4: the password is not hashed; 'mosquitto_passwd -U"},
    {CONTENT("alice:"), ":1: the password is not hashed"},
    {CONTENT("alice:$5$abc$def"), ":1: this kind of hash is not known"},
    {CONTENT("alice:$6$"), ":1: the hash is cut"},
    {CONTENT("alice:$6$cvg8$"), ":1: salt or hash is not what"},
    {CONTENT("alice:$6$$cvg8"), ":1: salt or hash is not what"},
    {CONTENT("alice:$6$!!!!$cvg8"), ":1: salt or hash is not what"},
    {CONTENT("alice:$7$$cvg8$cvg8"), ":1: the number of iterations"},
    {CONTENT("alice:$7$0$cvg8$cvg8"), ":1: the number of iterations"},
    {CONTENT("alice:$7$-1$cvg8$cvg8"), ":1: the number of iterations"},
    {CONTENT("alice:$7$10x$cvg8$cvg8"), ":1: the number of iterations"},
    {CONTENT("alice:$7$200001$cvg8$cvg8"), ":1: more than 200000 iterations"},
    {CONTENT("alice:$7$99999999999999999999$cvg8$cvg8"), ":1: more than 200000 iterations"},
    {CONTENT("alice:$argon2id$v=19$m=1"), ":1: the hash is not what"},
    {CONTENT("alice:$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ"), ":1: the hash is not what"},
    {CONTENT("alice:$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$"), ":1: the hash is not what"},
    {CONTENT("alice:$argon2id$v=19$m=64,t=1,p=1$$x"), ":1: the hash is not what"},
    {CONTENT("alice:$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$x$"), ":1: the hash is not what"},
    {CONTENT("alice:$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$x"), ":1: the hash is not what"},
    {CONTENT("alice:$argon2id$v=19$m=64,t=1,p=0$c29tZXNhbHQ$x"), ":1: the hash is not what"},
    {CONTENT("alice:$argon2id$v=19$m=196609,t=1,p=1$c29tZXNhbHQ$x"), ":1: Argon2id over more than 192 MiB"},
    {CONTENT("alice:$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHQ$x"), ":1: Argon2id over more than 192 MiB"},
    {CONTENT("alice:$argon2id$v=19$m=-1,t=-1,p=1$c29tZXNhbHQ$x"), ":1: Argon2id over more than 192 MiB"},
    {CONTENT("alice:$argon2id$v=19$m=1024,t=1,p=9$c29tZXNhbHQ$x"), ":1: Argon2id over more than 192 MiB"},
    {CONTENT(" :" SECRET_OF_ALICE), ":1: this is no line"},
    {CONTENT("alice:$7$101$a\0b\n"), ":1: the line has a byte 0"},
    {CONTENT("a:" HIDDEN_OF_BOB "\na:" SECRET_OF_ALICE "\n"), ": the user 'a' is there twice"},
};

static void file_that_cannot_be_used_says_where_and_why(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        char error[300] = "";
        struct users *users = load(faults[i].content, faults[i].length, error, sizeof error);
        if (users != NULL)
            fail_msg("row %zu was taken", i);
        if (strstr(error, faults[i].said) == NULL)
            fail_msg("row %zu: '%s', without '%s'", i, error, faults[i].said);
    }
}

static void file_that_cannot_be_read_says_so(void **state) {
    char error[300];
    (void)state;
    assert_null(users_load("/nonexistent/passwords", error, sizeof error));
    assert_non_null(strstr(error, "'/nonexistent/passwords': No such file"));
    assert_null(users_load("/", error, sizeof error));
    assert_non_null(strstr(error, "it is a folder"));
}

static void file_cut_anywhere_does_no_harm(void **state) {
    char error[300];
    (void)state;
    for (size_t length = 0; length < sizeof FILE_OF_THREE - 1; length++)
        users_destroy(load(FILE_OF_THREE, length, error, sizeof error));
}

int main(void) {
    const struct CMUnitTest rows[] = {
        cmocka_unit_test(passwords_are_checked),
        cmocka_unit_test(nobody_is_let_in_by_an_empty_file),
        cmocka_unit_test(file_that_cannot_be_used_says_where_and_why),
        cmocka_unit_test(file_that_cannot_be_read_says_so),
        cmocka_unit_test(file_cut_anywhere_does_no_harm),
    };
    return cmocka_run_group_tests(rows, NULL, NULL);
}
