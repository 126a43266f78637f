/* Which target reads its inputs how. */
#include <string.h>

#include "fuzz/mutator.h"
#include "fuzz/targets.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Each has a byte of options in front, see decode.c and properties.c. */
static size_t mutate_decode(struct random *random, uint8_t *data, size_t size, size_t capacity,
                            struct mqtt_bytes other) {
    struct spec_rules rules;
    memset(&rules, 0, sizeof rules);
    if (size == 0 || random_one_in(random, 24))
        data[0] = (uint8_t)random_below(random, 16);
    struct mqtt_decoder decoder = fuzz_decode_decoder(data[0], &rules);
    if (other.length > 0)
        other = (struct mqtt_bytes){other.data + 1, other.length - 1};
    return 1 + mutate_stream(random, &decoder, data + 1, size > 0 ? size - 1 : 0, capacity - 1, other);
}

static size_t mutate_set(struct random *random, uint8_t *data, size_t size, size_t capacity, struct mqtt_bytes other) {
    if (size == 0 || random_one_in(random, 24))
        data[0] = (uint8_t)random_below(random, 32);
    size = size == 0 ? 1 : size;
    if (other.length > 1 && random_one_in(random, 8) && other.length - 1 <= capacity - size) {
        memcpy(data + size, other.data + 1, other.length - 1);
        size += other.length - 1;
    }
    enum mutation mutation = random_one_in(random, 4) ? MUTATION_BREAK : MUTATION_LAWFUL;
    enum mqtt_type type = (enum mqtt_type)(data[0] & 0x0F);
    enum mqtt_side sender = (data[0] & 0x10) != 0 ? MQTT_SERVER : MQTT_CLIENT;
    return 1 + mutate_properties(random, type, sender, mutation, data + 1, size - 1, capacity - 1);
}

static const struct {
    const char *target;
    size_t (*mutate)(struct random *, uint8_t *, size_t, size_t, struct mqtt_bytes);
} mutators[] = {{"decode", mutate_decode}, {"properties", mutate_set}, {"broker", mutate_operations}};

bool mutate_input(const char *target, struct random *random, uint8_t *data, size_t *size, size_t capacity,
                  struct mqtt_bytes other) {
    for (size_t i = 0; i < COUNT_OF(mutators); i++) {
        if (strcmp(target, mutators[i].target) != 0 || capacity == 0)
            continue;
        *size = mutators[i].mutate(random, data, *size, capacity, other);
        return true;
    }
    return false;
}
