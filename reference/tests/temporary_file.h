/* A file with a given content, for tests of what reads files. */
#ifndef MQSPEC_TESTS_TEMPORARY_FILE_H
#define MQSPEC_TESTS_TEMPORARY_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEMPORARY_NAME 32

/* `name` receives its name; remove it with unlink(). */
static inline void write_temporary(char name[TEMPORARY_NAME], const char *content, size_t length) {
    snprintf(name, TEMPORARY_NAME, "/tmp/mqspec-test-XXXXXX");
    int descriptor = mkstemp(name);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, content, length), (ssize_t)length);
    close(descriptor);
}

#endif
