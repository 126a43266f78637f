/* Inputs of the broker target: what clients do, one after the other. See operations.h. */
#include "fuzz/operations.h"

#include <string.h>

#include "fuzz/mutator_draft.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define OPTION_BYTES   2u
#define MOST_STEPS     256u
#define LONGEST_STEP   257u /* an operation, a length, and as many bytes as it can tell */
#define MOST_NEW_STEPS 6u

/* Operands that follow an operation in any case. */
static const uint8_t operands[OPERATION_COUNT] = {
    [OPERATION_BYTES] = 1,   [OPERATION_CONNECT] = 3,      [OPERATION_SUBSCRIBE] = 2,    [OPERATION_UNSUBSCRIBE] = 1,
    [OPERATION_PUBLISH] = 2, [OPERATION_PUBLISH_NEXT] = 2, [OPERATION_WAIT] = 1,         [OPERATION_ACKNOWLEDGE] = 1,
    [OPERATION_REFUSE] = 1,  [OPERATION_GOODBYE] = 2,      [OPERATION_AUTHENTICATE] = 1, [OPERATION_EXPIRE] = 1,
};

/* One operation with its operands. */
struct step {
    size_t at, size;
    enum operation operation;
    unsigned client;
    enum mqtt_version version; /* of the client's connection, as far as the input tells */
};

/* ---- Reading
 * --------------------------------------------------------------------------------------------------------- */

static enum mqtt_version version_of(const uint8_t *connect) {
    if ((connect[1] & CONNECT_5_0) != 0)
        return MQTT_5_0;
    return (connect[2] & CONNECT_3_1) != 0 ? MQTT_3_1 : MQTT_3_1_1;
}

/* `at` is what is left of the input: fewer bytes than are told where the input ends. */
static size_t measure(const uint8_t *at, size_t left, enum operation operation, enum mqtt_version version) {
    size_t size = 1 + (size_t)operands[operation];
    if (size >= left)
        return left;
    bool in_5 = version == MQTT_5_0;
    bool publishes = operation == OPERATION_PUBLISH || operation == OPERATION_PUBLISH_NEXT;
    if (operation == OPERATION_BYTES)
        size += at[1];
    else if (operation == OPERATION_CONNECT)
        size += (at[1] & CONNECT_5_0) != 0 && (at[1] & CONNECT_MORE) != 0 ? 2 : 0;
    else if ((operation == OPERATION_SUBSCRIBE && in_5) || (publishes && in_5 && (at[1] & PUBLISH_MORE) != 0))
        size++;
    return size < left ? size : left;
}

static unsigned read_steps(const uint8_t *data, size_t size, struct step steps[MOST_STEPS]) {
    enum mqtt_version versions[FUZZ_CLIENTS] = {MQTT_VERSION_UNKNOWN};
    unsigned count = 0;
    for (size_t at = OPTION_BYTES; at < size && count < MOST_STEPS; count++) {
        struct step *step = &steps[count];
        step->at = at;
        step->client = data[at] % FUZZ_CLIENTS;
        step->operation = (enum operation)(data[at] / FUZZ_CLIENTS % OPERATION_COUNT);
        step->size = measure(data + at, size - at, step->operation, versions[step->client]);
        step->version = versions[step->client];
        if (step->operation == OPERATION_CONNECT && step->size > 2)
            versions[step->client] = version_of(data + at);
        at += step->size;
    }
    return count;
}

/* ---- New operations
 * ---------------------------------------------------------------------------------------------------- */

/* Those that lead somewhere come more often. */
static const uint8_t likely[] = {
    OPERATION_CONNECT,      OPERATION_CONNECT,      OPERATION_CONNECT,    OPERATION_SUBSCRIBE, OPERATION_SUBSCRIBE,
    OPERATION_SUBSCRIBE,    OPERATION_PUBLISH,      OPERATION_PUBLISH,    OPERATION_PUBLISH,   OPERATION_PUBLISH_NEXT,
    OPERATION_ANSWER,       OPERATION_ANSWER_LAST,  OPERATION_ANSWER_ALL, OPERATION_BYTES,     OPERATION_BYTES,
    OPERATION_UNSUBSCRIBE,  OPERATION_DISCONNECT,   OPERATION_DROP,       OPERATION_WAIT,      OPERATION_EXPIRE,
    OPERATION_STALL,        OPERATION_ACKNOWLEDGE,  OPERATION_REFUSE,     OPERATION_GOODBYE,   OPERATION_OPEN,
    OPERATION_AUTHENTICATE, OPERATION_AUTHENTICATE, OPERATION_PINGREQ,
};

/* Reason Codes for REFUSE and GOODBYE, and what else a byte may mean. */
static uint8_t operand(struct random *random, enum operation operation) {
    static const uint8_t reasons[] = {0x00, 0x04, 0x10, 0x80, 0x81, 0x82, 0x87, 0x8D, 0x92, 0x93, 0x97, 0x98, 0x99};
    static const uint8_t times[] = {0, 1, 2, 3, 5, 6, 10, 60, 100, 250, 255};
    if (operation == OPERATION_REFUSE || operation == OPERATION_GOODBYE)
        return reasons[random_below(random, COUNT_OF(reasons))];
    if (operation == OPERATION_WAIT || operation == OPERATION_EXPIRE)
        return times[random_below(random, COUNT_OF(times))];
    return (uint8_t)random_next(random);
}

/* Connect Flags that a broker accepts, mostly. */
static uint8_t connect_flags(struct random *random) {
    uint8_t flags = (uint8_t)random_next(random) & (CONNECT_5_0 | CONNECT_MORE | MQTT_CONNECT_CLEAN_SESSION);
    if (random_one_in(random, 3))
        flags |= MQTT_CONNECT_WILL | (uint8_t)(random_below(random, 3) << MQTT_CONNECT_WILL_QOS_SHIFT) |
                 (random_one_in(random, 2) ? MQTT_CONNECT_WILL_RETAIN : 0);
    return flags;
}

static struct mqtt_decoder decoder_for(enum mqtt_version version, struct spec_rules *rules) {
    memset(rules, 0, sizeof *rules);
    return (struct mqtt_decoder){.version = version, .sender = MQTT_CLIENT, .rules = rules};
}

/* Writes one operation of this client and returns its size. *version changes with a CONNECT. */
static size_t new_step(struct random *random, unsigned client, enum mqtt_version *version,
                       uint8_t bytes[LONGEST_STEP]) {
    enum operation operation = (enum operation)likely[random_below(random, COUNT_OF(likely))];
    bytes[0] = (uint8_t)((unsigned)operation * FUZZ_CLIENTS + client);
    if (operation == OPERATION_BYTES) {
        struct spec_rules rules;
        struct mqtt_decoder decoder = decoder_for(*version, &rules);
        bytes[1] = (uint8_t)draft_new_packet(random, &decoder, bytes + 2, LONGEST_STEP - 2);
        return 2 + (size_t)bytes[1];
    }
    for (unsigned i = 1; i <= 5; i++)
        bytes[i] = operand(random, operation);
    if (operation == OPERATION_CONNECT) {
        bytes[1] = connect_flags(random);
        *version = version_of(bytes);
    }
    return measure(bytes, LONGEST_STEP, operation, *version);
}

/* Some operations of one client or two, which may build on each other. */
static size_t insert_steps(struct random *random, uint8_t *data, size_t size, size_t capacity, size_t at,
                           enum mqtt_version version) {
    uint8_t bytes[LONGEST_STEP];
    enum mqtt_version versions[FUZZ_CLIENTS];
    unsigned clients[2] = {random_below(random, FUZZ_CLIENTS), random_below(random, FUZZ_CLIENTS)};
    for (unsigned i = 0; i < FUZZ_CLIENTS; i++)
        versions[i] = version;
    for (uint32_t count = 1 + random_below(random, MOST_NEW_STEPS); count > 0; count--) {
        unsigned client = clients[random_below(random, 2)];
        size_t length = new_step(random, client, &versions[client], bytes);
        size_t before = size;
        size = mutator_splice(data, size, capacity, at, 0, bytes, length);
        at += size - before;
    }
    return size;
}

/* ---- Changing
 * ------------------------------------------------------------------------------------------------------------ */

/* A bit, or all of one operand; the packets that BYTES carries as packets. */
static size_t change_step(struct random *random, uint8_t *data, size_t size, size_t capacity, const struct step *step) {
    if (step->operation == OPERATION_BYTES && step->size >= 2) {
        struct spec_rules rules;
        struct mqtt_decoder decoder = decoder_for(step->version, &rules);
        uint8_t bytes[255];
        size_t length = step->size - 2;
        memcpy(bytes, data + step->at + 2, length);
        length = mutate_stream(random, &decoder, bytes, length, sizeof bytes, (struct mqtt_bytes){NULL, 0});
        size_t after = mutator_splice(data, size, capacity, step->at + 2, step->size - 2, bytes, length);
        if (after == size - (step->size - 2) + length)
            data[step->at + 1] = (uint8_t)length;
        return after;
    }
    if (step->size < 2)
        return size;
    size_t at = step->at + 1 + random_below(random, (uint32_t)step->size - 1);
    if (random_one_in(random, 2))
        data[at] ^= (uint8_t)(1u << random_below(random, 8));
    else
        data[at] = operand(random, step->operation);
    return size;
}

static void change_client(struct random *random, uint8_t *data, const struct step *step) {
    data[step->at] = (uint8_t)(data[step->at] - step->client + random_below(random, FUZZ_CLIENTS));
}

static void change_options(struct random *random, uint8_t *data) {
    data[random_below(random, OPTION_BYTES)] ^= (uint8_t)(1u << random_below(random, 8));
}

/* Repeats a range of steps elsewhere, or moves it. */
static size_t copy_steps(struct random *random, uint8_t *data, size_t size, size_t capacity, const struct step *steps,
                         unsigned count) {
    uint8_t bytes[1024];
    unsigned first = random_below(random, count),
             last = first + random_below(random, count - first < 8 ? count - first : 8);
    size_t from = steps[first].at, length = steps[last].at + steps[last].size - from;
    if (length > sizeof bytes)
        return size;
    memcpy(bytes, data + from, length);
    size_t to = steps[random_below(random, count)].at;
    if (random_one_in(random, 2) && (to <= from || to >= from + length)) {
        size = mutator_splice(data, size, capacity, from, length, NULL, 0);
        to = to > from ? to - length : to;
    }
    return mutator_splice(data, size, capacity, to, 0, bytes, length);
}

static size_t delete_steps(struct random *random, uint8_t *data, size_t size, size_t capacity, const struct step *steps,
                           unsigned count) {
    unsigned first = random_below(random, count),
             last = first + random_below(random, count - first < 4 ? count - first : 4);
    size_t length = steps[last].at + steps[last].size - steps[first].at;
    return mutator_splice(data, size, capacity, steps[first].at, length, NULL, 0);
}

/* Puts a range of the other input's steps in front of a step, or of all that follow. */
static size_t take_steps(struct random *random, uint8_t *data, size_t size, size_t capacity, const struct step *step,
                         struct mqtt_bytes other) {
    struct step theirs[MOST_STEPS];
    unsigned count = read_steps(other.data, other.length, theirs);
    if (count == 0)
        return size;
    unsigned first = random_below(random, count), last = first + random_below(random, count - first);
    size_t length = theirs[last].at + theirs[last].size - theirs[first].at;
    size_t old = random_one_in(random, 3) ? size - step->at : 0;
    return mutator_splice(data, size, capacity, step->at, old, other.data + theirs[first].at, length);
}

static size_t mutate_once(struct random *random, uint8_t *data, size_t size, size_t capacity, struct mqtt_bytes other) {
    struct step steps[MOST_STEPS];
    unsigned count = read_steps(data, size, steps);
    if (count == 0)
        return insert_steps(random, data, size, capacity, size, MQTT_VERSION_UNKNOWN);
    const struct step *step = &steps[random_below(random, count)];
    switch (random_below(random, 16)) {
    case 0:
        change_options(random, data);
        return size;
    case 1:
        change_client(random, data, step);
        return size;
    case 2:
    case 3:
        return copy_steps(random, data, size, capacity, steps, count);
    case 4:
        return delete_steps(random, data, size, capacity, steps, count);
    case 5:
    case 6:
        return other.length > 0 ? take_steps(random, data, size, capacity, step, other) : size;
    case 7:
    case 8:
        return insert_steps(random, data, size, capacity, step->at, step->version);
    case 9:
    case 10:
        return insert_steps(random, data, size, capacity, size, step->version);
    default:
        return change_step(random, data, size, capacity, step);
    }
}

size_t mutate_operations(struct random *random, uint8_t *data, size_t size, size_t capacity, struct mqtt_bytes other) {
    if (capacity < OPTION_BYTES)
        return mutate_bytes(random, data, size, capacity);
    for (; size < OPTION_BYTES; size++)
        data[size] = 0;
    for (uint32_t rounds = 1 + random_below(random, 4); rounds > 0; rounds--)
        size = mutate_once(random, data, size, capacity, other);
    return size;
}
