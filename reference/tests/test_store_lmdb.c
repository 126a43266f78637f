/* The store in LMDB: what was committed is there when it is opened again, in order; what is damaged is refused and left
 * as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <signal.h>

#include <cmocka.h>

#include "reference/store_lmdb.h"

#define LARGEST   (UINT64_C(64) << 20)
#define FILE_SIZE (1u << 20)
#define RECORDS   40u

struct place {
    char directory[64];
    char file[96];
};

static struct place make_place(void) {
    struct place place = {.directory = "/tmp/mqspec-store-XXXXXX"};
    assert_non_null(mkdtemp(place.directory));
    snprintf(place.file, sizeof place.file, "%s/data.mdb", place.directory);
    return place;
}

static void remove_place(const struct place *place) {
    char lock[96];
    snprintf(lock, sizeof lock, "%s/mqspec.lock", place->directory);
    unlink(lock);
    unlink(place->file);
    rmdir(place->directory);
}

static struct store open_store(const struct place *place) {
    struct store store;
    char error[STORE_LONGEST_ERROR] = "";
    if (!store_lmdb_open(&store, place->directory, LARGEST, error))
        fail_msg("%s", error);
    return store;
}

static void put(const struct store *store, const char *key, const char *first, const char *second) {
    struct mqtt_bytes parts[] = {mqtt_text(first), mqtt_text(second)};
    store->put(store->context, mqtt_text(key), parts, 2);
}

/* ---- Records --------------------------------------------------------------------------------------------------- */

struct seen {
    char text[256];
    unsigned count;
    unsigned most;
};

static bool see(void *context, struct mqtt_bytes key, struct mqtt_bytes value) {
    struct seen *seen = context;
    size_t length = strlen(seen->text);
    if (sizeof seen->text - length > key.length + value.length + 3)
        snprintf(seen->text + length, sizeof seen->text - length, "%.*s=%.*s ", (int)key.length, key.data,
                 (int)value.length, value.data);
    return ++seen->count < seen->most;
}

static void expect(const struct store *store, const char *prefix, unsigned most, const char *expected) {
    struct seen seen = {.most = most};
    assert_true(store->walk(store->context, mqtt_text(prefix), see, &seen));
    assert_string_equal(seen.text, expected);
}

static void what_was_committed_is_there(void **state) {
    (void)state;
    struct place place = make_place();
    struct store store = open_store(&place);
    expect(&store, "", 99, "");
    put(&store, "b2", "two", "");
    put(&store, "b1", "o", "ne");
    put(&store, "a", "", "first");
    put(&store, "c", "gone", " soon");
    store.remove(store.context, mqtt_text("c"));
    store.remove(store.context, mqtt_text("never there"));
    assert_true(store.commit(store.context));
    assert_true(store.commit(store.context)); /* of nothing */
    put(&store, "b1", "not", "committed");
    store.remove(store.context, mqtt_text("a"));
    store.close(store.context);

    store = open_store(&place);
    expect(&store, "", 99, "a=first b1=one b2=two ");
    expect(&store, "b", 99, "b1=one b2=two ");
    expect(&store, "b", 1, "b1=one ");
    expect(&store, "z", 99, "");
    put(&store, "b1", "re", "placed");
    assert_true(store.commit(store.context));
    store.close(store.context);

    store = open_store(&place);
    expect(&store, "", 99, "a=first b1=replaced b2=two ");
    store.close(store.context);
    remove_place(&place);
}

/* ---- No room --------------------------------------------------------------------------------------------------- */

/* Records of 64 KiB until a commit fails; returns how many are durable. */
static unsigned fill(const struct store *store, unsigned most) {
    static uint8_t large[65536];
    struct mqtt_bytes part = {large, sizeof large};
    for (unsigned i = 0; i < most; i++) {
        char key[16];
        snprintf(key, sizeof key, "fill%06u", i);
        store->put(store->context, mqtt_text(key), &part, 1);
        if (!store->commit(store->context))
            return i;
    }
    return most;
}

static void expect_filled(const struct place *place, unsigned count) {
    struct store store = open_store(place);
    struct seen seen = {.most = UINT32_MAX};
    assert_true(store.walk(store.context, mqtt_text("fill"), see, &seen));
    assert_int_equal(seen.count, count);
    assert_int_equal(fill(&store, 2), 2);
    store.close(store.context);
}

static void a_file_that_may_not_grow_says_so(void **state) {
    (void)state;
    struct place place = make_place();
    struct store store = open_store(&place);
    struct rlimit limit, before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)(1u << 20) + 1000; /* in the middle of a page, so that a write is cut short */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    unsigned count = fill(&store, 1000);
    assert_in_range(count, 1, 16);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_non_null(strstr(store.error(store.context), "start the broker again"));
    put(&store, "later", "", "");
    assert_false(store.commit(store.context)); /* not even where there would be room again */
    store.close(store.context);
    expect_filled(&place, count);
    remove_place(&place);
}

static void a_store_has_a_size_that_it_keeps_to(void **state) {
    (void)state;
    struct place place = make_place();
    struct store store;
    char error[STORE_LONGEST_ERROR];
    assert_true(store_lmdb_open(&store, place.directory, UINT64_C(1) << 20, error));
    unsigned count = fill(&store, 1000);
    assert_in_range(count, 1, 16);
    assert_non_null(strstr(store.error(store.context), "--store-size"));
    store.close(store.context);
    expect_filled(&place, count);
    remove_place(&place);
}

/* ---- Damage ---------------------------------------------------------------------------------------------------- */

static size_t read_file(const char *name, uint8_t *bytes) {
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, FILE_SIZE, file);
    fclose(file);
    return size;
}

static void write_file(const char *name, const uint8_t *bytes, size_t size) {
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* A tree of several pages, one with values on pages of their own, and pages that are free. */
static size_t write_sample(const struct place *place, uint8_t *bytes) {
    struct store store = open_store(place);
    char key[16], value[400];
    static char large[10000];
    memset(large, 'l', sizeof large - 1);
    for (unsigned i = 0; i < RECORDS; i++) {
        snprintf(key, sizeof key, "key%04u", i);
        memset(value, 'a' + (int)(i % 26), sizeof value);
        value[i * 9 + 1] = '\0';
        put(&store, key, value, i % 20 == 5 ? large : "");
        if (i % 8 == 7)
            assert_true(store.commit(store.context));
    }
    for (unsigned i = 0; i < RECORDS; i += 3) {
        snprintf(key, sizeof key, "key%04u", i);
        store.remove(store.context, mqtt_text(key));
    }
    assert_true(store.commit(store.context));
    store.close(store.context);
    return read_file(place->file, bytes);
}

/* It is refused in words and left as it is, or it can be read and written. */
static bool is_refused(const struct place *place, const uint8_t *damaged, size_t size) {
    static uint8_t after[FILE_SIZE];
    struct store store;
    struct seen seen = {.most = UINT32_MAX};
    char error[STORE_LONGEST_ERROR] = "";
    write_file(place->file, damaged, size);
    if (!store_lmdb_open(&store, place->directory, LARGEST, error)) {
        assert_true(strlen(error) > 20);
        assert_int_equal(read_file(place->file, after), size);
        assert_memory_equal(after, damaged, size);
        return true;
    }
    assert_true(store.walk(store.context, mqtt_text(""), see, &seen));
    put(&store, "key9999", "new", "");
    store.remove(store.context, mqtt_text("key0001"));
    (void)store.commit(store.context);
    store.close(store.context);
    return false;
}

struct damage {
    const char *name;
    uint8_t byte;
    bool is_flip;
    size_t length;
    size_t step;
};

static const struct damage damages[] = {
    {"a byte is another", 0x40, true, 1, 61},
    {"a run of ones", 0xFF, false, 24, 128},
    {"a sector of zeros", 0x00, false, 512, 512},
    {"a page of zeros", 0x00, false, 4096, 4096},
};

static void damage_is_refused_or_harmless(void **state) {
    (void)state;
    struct place place = make_place();
    uint8_t *bytes = malloc(FILE_SIZE), *damaged = malloc(FILE_SIZE);
    assert_true(bytes != NULL && damaged != NULL);
    size_t size = write_sample(&place, bytes);
    unsigned refused = 0;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++)
        for (size_t at = 0; at + damages[i].length <= size; at += damages[i].step) {
            memcpy(damaged, bytes, size);
            for (size_t j = at; j < at + damages[i].length; j++)
                damaged[j] = damages[i].is_flip ? damaged[j] ^ damages[i].byte : damages[i].byte;
            refused += is_refused(&place, damaged, size);
        }
    assert_in_range(refused, 20, 1000);
    free(bytes);
    free(damaged);
    remove_place(&place);
}

static void a_file_cut_short_is_refused(void **state) {
    (void)state;
    struct place place = make_place();
    uint8_t *bytes = malloc(FILE_SIZE);
    assert_non_null(bytes);
    size_t size = write_sample(&place, bytes);
    for (size_t cut = 1; cut < size - 4096; cut += 1000)
        assert_true(is_refused(&place, bytes, cut));
    free(bytes);
    remove_place(&place);
}

/* ---- Elsewhere ------------------------------------------------------------------------------------------------- */

static void what_cannot_be_a_store_is_refused(void **state) {
    (void)state;
    struct place place = make_place();
    struct store store;
    char error[STORE_LONGEST_ERROR], name[128];
    static const uint8_t other[8192] = "SQLite format 3";
    write_file(place.file, other, sizeof other);
    assert_false(store_lmdb_open(&store, place.directory, LARGEST, error));
    assert_non_null(strstr(error, "move it away"));
    assert_false(store_lmdb_open(&store, place.file, LARGEST, error));
    assert_non_null(strstr(error, "Not a directory"));
    snprintf(name, sizeof name, "%s/missing/below", place.directory);
    assert_false(store_lmdb_open(&store, name, LARGEST, error));
    assert_non_null(strstr(error, "No such file or directory"));
    assert_false(store_lmdb_open(&store, "/proc", LARGEST, error));
    remove_place(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_committed_is_there),         cmocka_unit_test(a_file_that_may_not_grow_says_so),
        cmocka_unit_test(a_store_has_a_size_that_it_keeps_to), cmocka_unit_test(damage_is_refused_or_harmless),
        cmocka_unit_test(a_file_cut_short_is_refused),         cmocka_unit_test(what_cannot_be_a_store_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
