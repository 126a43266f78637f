/* The memory of a fuzz target: what is given back is taken again, what is refused is refused, nothing is miscounted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "fuzz/memory.h"

struct fixture {
    struct fuzz_memory memory;
    struct fuzz_account account;
    struct environment environment;
};

static int set_up(void **state) {
    static struct fixture fixture;
    assert_true(fuzz_memory_begin(&fixture.memory));
    fixture.account = (struct fuzz_account){.memory = &fixture.memory, .random = 7};
    fixture.environment = fuzz_environment(&fixture.account);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    fuzz_memory_end(&fixture->memory);
    return 0;
}

static void counts_what_is_taken(void **state) {
    struct fixture *fixture = *state;
    void *first = fixture->environment.allocate(fixture->environment.context, 100);
    void *second = fixture->environment.allocate(fixture->environment.context, 5000);
    assert_non_null(first);
    assert_non_null(second);
    assert_int_equal(fixture->account.live, 5100);
    fixture->environment.release(fixture->environment.context, first, 100);
    assert_int_equal(fixture->account.live, 5000);
    fixture->environment.release(fixture->environment.context, second, 5000);
    assert_int_equal(fixture->account.live, 0);
    assert_int_equal(fixture->account.taken, 2);
    assert_false(fixture->account.refused);
}

/* Of every size up to a page and beyond, side by side: none reaches into another. */
static void blocks_do_not_overlap(void **state) {
    struct fixture *fixture = *state;
    enum { COUNT = 300 };
    uint8_t *blocks[COUNT];
    for (int round = 0; round < 2; round++) { /* the second time from what was given back */
        for (size_t i = 0; i < COUNT; i++) {
            blocks[i] = fixture->environment.allocate(fixture->environment.context, i * 17 + 1);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
            memset(blocks[i], (int)(i & 0xFF), i * 17 + 1);
        }
        for (size_t i = 0; i < COUNT; i++) {
            for (size_t k = 0; k < i * 17 + 1; k++)
                assert_int_equal(blocks[i][k], i & 0xFF);
            fixture->environment.release(fixture->environment.context, blocks[i], i * 17 + 1);
        }
    }
    assert_int_equal(fixture->account.live, 0);
}

static void refuses_when_told_to(void **state) {
    struct fixture *fixture = *state;
    fixture->account.fails_at = 3;
    size_t refused = 0;
    for (int i = 1; i <= 9; i++) {
        void *taken = fixture->environment.allocate(fixture->environment.context, 10);
        assert_int_equal(taken == NULL, i % 3 == 0);
        refused += taken == NULL;
        if (taken != NULL)
            fixture->environment.release(fixture->environment.context, taken, 10);
    }
    assert_int_equal(refused, 3);
    assert_true(fixture->account.refused);
    assert_int_equal(fixture->account.live, 0);
}

static void repeats_its_random_numbers(void **state) {
    struct fixture *fixture = *state;
    uint64_t numbers[4];
    for (size_t i = 0; i < 4; i++)
        numbers[i] = fixture->environment.random(fixture->environment.context);
    fixture->account.random = 7;
    for (size_t i = 0; i < 4; i++)
        assert_true(fixture->environment.random(fixture->environment.context) == numbers[i]);
    assert_true(numbers[0] != numbers[1] && numbers[1] != numbers[2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_what_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(blocks_do_not_overlap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_when_told_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown(repeats_its_random_numbers, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("fuzz: memory", tests, NULL, NULL);
}
