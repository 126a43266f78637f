/* A store for tests: keeps its records in memory, fails when it is told to, and can crash, which leaves what the last
 * commit made durable. */
#ifndef MQSPEC_STORE_IN_MEMORY_H
#define MQSPEC_STORE_IN_MEMORY_H

#include <stdlib.h>
#include <string.h>

#include "reference/store.h"

#define MAXIMUM_RECORDS 512

struct stored_record {
    uint8_t key[STORE_LONGEST_KEY];
    uint32_t key_length;
    uint8_t *value;
    uint32_t value_length;
};

/* Sorted by key. */
struct image {
    struct stored_record records[MAXIMUM_RECORDS];
    size_t count;
};

struct store_in_memory {
    struct store store;
    struct image durable;
    struct image changed; /* the same with what is not committed */
    unsigned calls;       /* of put, remove and commit */
    unsigned failing;     /* the call that fails, from 1; 0: none */
    bool has_failed;
    bool cannot_be_read;
};

/* ---- Records ----------------------------------------------------------------------------------------------- */

static inline void image_clear(struct image *image) {
    for (size_t i = 0; i < image->count; i++)
        free(image->records[i].value);
    image->count = 0;
}

static inline uint8_t *copy_of(const uint8_t *bytes, size_t length) {
    uint8_t *copy = malloc(length + 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    return copy;
}

static inline void image_copy(struct image *to, const struct image *from) {
    image_clear(to);
    *to = *from;
    for (size_t i = 0; i < to->count; i++)
        to->records[i].value = copy_of(from->records[i].value, from->records[i].value_length);
}

static inline int compare_keys(const struct stored_record *record, struct mqtt_bytes key) {
    uint32_t shorter = record->key_length < key.length ? record->key_length : key.length;
    int order = memcmp(record->key, key.data, shorter);
    return order != 0 ? order : (int)record->key_length - (int)key.length;
}

/* Where the key is or belongs. */
static inline size_t image_place(const struct image *image, struct mqtt_bytes key, bool *is_there) {
    size_t place = 0;
    while (place < image->count && compare_keys(&image->records[place], key) < 0)
        place++;
    *is_there = place < image->count && compare_keys(&image->records[place], key) == 0;
    return place;
}

/* ---- What a store does ------------------------------------------------------------------------------------- */

static inline bool call_fails(struct store_in_memory *store) {
    if (++store->calls == store->failing)
        store->has_failed = true;
    return store->has_failed;
}

static inline void memory_put(void *context, struct mqtt_bytes key, const struct mqtt_bytes *parts, size_t count) {
    struct store_in_memory *store = context;
    struct image *image = &store->changed;
    bool is_there;
    if (call_fails(store))
        return;
    assert_in_range(key.length, 1, STORE_LONGEST_KEY);
    assert_true(count >= 1);
    size_t place = image_place(image, key, &is_there);
    struct stored_record *record = &image->records[place];
    if (is_there) {
        free(record->value);
    } else {
        assert_true(image->count < MAXIMUM_RECORDS);
        memmove(record + 1, record, (image->count - place) * sizeof *record);
        image->count++;
    }
    *record = (struct stored_record){.key_length = key.length};
    memcpy(record->key, key.data, key.length);
    for (size_t i = 0; i < count; i++)
        record->value_length += parts[i].length;
    record->value = malloc(record->value_length + 1);
    assert_non_null(record->value);
    uint8_t *to = record->value;
    for (size_t i = 0; i < count; to += parts[i].length, i++)
        memcpy(to, parts[i].data, parts[i].length);
}

static inline void memory_remove(void *context, struct mqtt_bytes key) {
    struct store_in_memory *store = context;
    struct image *image = &store->changed;
    bool is_there;
    if (call_fails(store))
        return;
    size_t place = image_place(image, key, &is_there);
    if (!is_there)
        return;
    free(image->records[place].value);
    image->count--;
    memmove(&image->records[place], &image->records[place + 1], (image->count - place) * sizeof image->records[0]);
}

static inline bool memory_commit(void *context) {
    struct store_in_memory *store = context;
    if (call_fails(store))
        return false;
    image_copy(&store->durable, &store->changed);
    return true;
}

static inline bool memory_walk(void *context, struct mqtt_bytes prefix, store_visitor *visit, void *visitor_context) {
    struct store_in_memory *store = context;
    if (store->cannot_be_read)
        return false;
    for (size_t i = 0; i < store->changed.count; i++) {
        const struct stored_record *record = &store->changed.records[i];
        if (record->key_length < prefix.length ||
            (prefix.length > 0 && memcmp(record->key, prefix.data, prefix.length) != 0))
            continue;
        /* Of exactly its size, so that reading beyond it is seen. */
        uint8_t *value = malloc(record->value_length);
        memcpy(value, record->value, record->value_length);
        bool goes_on = visit(visitor_context, (struct mqtt_bytes){record->key, record->key_length},
                             (struct mqtt_bytes){value, record->value_length});
        free(value);
        if (!goes_on)
            return true;
    }
    return true;
}

static inline const char *memory_error(void *context) {
    const struct store_in_memory *store = context;
    return store->has_failed ? "the store fails" : "the store cannot be read";
}

static inline struct store_in_memory *store_in_memory_create(void) {
    struct store_in_memory *store = calloc(1, sizeof *store);
    assert_non_null(store);
    store->store = (struct store){.context = store,
                                  .put = memory_put,
                                  .remove = memory_remove,
                                  .commit = memory_commit,
                                  .walk = memory_walk,
                                  .error = memory_error};
    return store;
}

/* What was not committed is gone; a store that failed works again. */
static inline void store_in_memory_crash(struct store_in_memory *store) {
    image_copy(&store->changed, &store->durable);
    store->has_failed = false;
    store->failing = 0;
    store->calls = 0;
}

static inline void store_in_memory_destroy(struct store_in_memory *store) {
    image_clear(&store->durable);
    image_clear(&store->changed);
    free(store);
}

#endif
