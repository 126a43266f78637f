/* Numbers that look random and repeat with their seed: for mutation, generation and simulation. */
#ifndef MQSPEC_RANDOM_H
#define MQSPEC_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* A generator. Its first state is the seed; any will do. */
struct random {
    uint64_t state;
};

/* SplitMix64: each number of 64 bits comes once in a period of 2^64. */
static inline uint64_t random_next(struct random *random) {
    uint64_t number = random->state += UINT64_C(0x9E3779B97F4A7C15);
    number = (number ^ (number >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94D049BB133111EB);
    return number ^ (number >> 31);
}

/* From 0 to bound - 1; 0 where the bound is 0. */
static inline uint32_t random_below(struct random *random, uint32_t bound) {
    return (uint32_t)(((random_next(random) >> 32) * bound) >> 32);
}

/* True one time in `times`. */
static inline bool random_one_in(struct random *random, uint32_t times) {
    return random_below(random, times) == 0;
}

#endif
