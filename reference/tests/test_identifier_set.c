/* The set of Packet Identifiers against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reference/identifier_set.h"
#include "reference/server.h"

static void behaves_as_an_array_of_flags(void **state) {
    (void)state;
    struct memory memory;
    struct environment environment = environment_of_system();
    struct identifier_set set = {0};
    static bool has[65536];
    memset(has, 0, sizeof has);
    memory_begin(&memory, &environment);
    uint32_t seed = 1, count = 0;
    for (int step = 0; step < 400000; step++) {
        seed = seed * 1664525u + 1013904223u;
        /* First few identifiers, then all of them: the set is small, and then full. */
        uint16_t identifier = (uint16_t)(1 + (seed >> 8) % (step < 100000 ? 40 : 65535));
        if ((seed >> 4 & 3) == 0) {
            assert_int_equal(identifier_set_remove(&set, identifier), has[identifier]);
            count -= has[identifier];
            has[identifier] = false;
        } else {
            assert_true(identifier_set_add(&memory, &set, identifier));
            count += !has[identifier];
            has[identifier] = true;
        }
        assert_int_equal(set.count, count);
    }
    assert_false(identifier_set_has(&set, 0));
    for (uint32_t identifier = 1; identifier < 65536; identifier++)
        assert_int_equal(identifier_set_has(&set, (uint16_t)identifier), has[identifier]);
    identifier_set_clear(&memory, &set);
    assert_int_equal(set.count, 0);
    memory_end(&memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(behaves_as_an_array_of_flags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
