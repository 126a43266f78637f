/* Packets, streams of packets and sets of properties, mutated. */
#include "fuzz/mutator.h"

#include <string.h>

#include "fuzz/mutator_draft.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Bytes of which nothing is known --------------------------------------------------------------------------------
 */

static size_t insert_bytes(struct random *random, uint8_t *data, size_t size, size_t capacity) {
    size_t count = 1 + random_below(random, 8), at = random_below(random, (uint32_t)size + 1);
    if (count > capacity - size)
        return size;
    memmove(data + at + count, data + at, size - at);
    for (size_t i = 0; i < count; i++)
        data[at + i] = random_one_in(random, 3) ? 0 : (uint8_t)random_next(random);
    return size + count;
}

static size_t delete_bytes(struct random *random, uint8_t *data, size_t size) {
    size_t at = random_below(random, (uint32_t)size);
    size_t count = 1 + random_below(random, (uint32_t)(size - at < 16 ? size - at : 16));
    memmove(data + at, data + at + count, size - at - count);
    return size - count;
}

size_t mutate_bytes(struct random *random, uint8_t *data, size_t size, size_t capacity) {
    static const uint8_t odd[] = {0x00, 0x01, 0x7F, 0x80, 0xFF, '/', '+', '#', '$'};
    for (uint32_t rounds = 1 + random_below(random, 3); rounds > 0; rounds--) {
        unsigned kind = size == 0 ? 0 : random_below(random, 5);
        uint32_t at = random_below(random, (uint32_t)size);
        if (kind == 0)
            size = insert_bytes(random, data, size, capacity);
        else if (kind == 1)
            size = delete_bytes(random, data, size);
        else if (kind == 2)
            data[at] ^= (uint8_t)(1u << random_below(random, 8));
        else if (kind == 3)
            data[at] = odd[random_below(random, COUNT_OF(odd))];
        else
            data[at] = (uint8_t)(data[at] + random_below(random, 33) - 16);
    }
    return size;
}

/* ---- One packet
 * -------------------------------------------------------------------------------------------------------- */

static size_t copy(struct mqtt_bytes in, uint8_t *out, size_t capacity) {
    if (in.length > capacity)
        return 0;
    if (in.length > 0)
        memcpy(out, in.data, in.length);
    return in.length;
}

static bool decodes(const struct mqtt_decoder *decoder, const uint8_t *data, size_t size) {
    struct mqtt_packet packet;
    struct mqtt_error error;
    uint32_t packet_size;
    return mqtt_next(decoder, (struct mqtt_bytes){data, (uint32_t)size}, &packet, &packet_size, &error) == MQTT_OK &&
           packet_size == size && (packet.type != MQTT_CONNECT || packet.connect.client_identifier.data != NULL);
}

/* The receiver's limit of size may refuse a packet that grew: then it is tried again. */
static size_t change(struct random *random, const struct mqtt_decoder *decoder, struct mqtt_bytes in, uint8_t *out,
                     size_t capacity) {
    struct draft draft;
    for (unsigned tries = 0; tries < 4 && draft_begin(&draft, random, decoder, in); tries++) {
        size_t size = draft_change(&draft) ? draft_finish(&draft, out, capacity) : 0;
        if (size > 0 && decodes(decoder, out, size))
            return size;
    }
    return copy(in, out, capacity);
}

static size_t damage(struct random *random, const struct mqtt_decoder *decoder, struct mqtt_bytes in, uint8_t *out,
                     size_t capacity) {
    struct draft draft;
    for (unsigned tries = 0; tries < 4 && draft_begin(&draft, random, decoder, in); tries++) {
        size_t size = draft_break(&draft) ? draft_finish(&draft, out, capacity) : 0;
        if (size > 0)
            return size;
    }
    return copy(in, out, capacity);
}

size_t mutate_packet(struct random *random, const struct mqtt_decoder *decoder, enum mutation mutation,
                     struct mqtt_bytes in, uint8_t *out, size_t capacity) {
    if (!decodes(decoder, in.data, in.length)) {
        size_t size = copy(in, out, capacity);
        return size == 0 && in.length > 0 ? 0 : mutate_bytes(random, out, size, capacity);
    }
    return (mutation == MUTATION_BREAK ? damage : change)(random, decoder, in, out, capacity);
}

/* ---- A set of properties
 * ----------------------------------------------------------------------------------------------- */

#define LONGEST_SET 8192u

static bool change_set(struct draft *draft) {
    static bool (*const changes[])(struct draft *) = {draft_add_property, draft_add_property, draft_change_property,
                                                      draft_leave_out_property};
    bool changed = false;
    for (uint32_t rounds = 1 + random_below(draft->random, 3); rounds > 0; rounds--)
        changed = changes[random_below(draft->random, COUNT_OF(changes))](draft) || changed;
    return changed;
}

static struct mqtt_bytes set_in(const struct mqtt_packet *packet, enum mqtt_type type) {
    return type == MQTT_RESERVED ? packet->connect.will_properties : mqtt_packet_properties(packet);
}

/* Works on the least packet that the set can stand in, until something becomes of the set. */
size_t mutate_properties(struct random *random, enum mqtt_type type, enum mqtt_side sender, enum mutation mutation,
                         uint8_t *data, size_t size, size_t capacity) {
    struct spec_rules rules;
    memset(&rules, 0, sizeof rules);
    struct mqtt_decoder decoder = {.version = MQTT_5_0, .sender = sender, .rules = &rules};
    struct mqtt_packet packet = draft_least_packet(MQTT_5_0, type, (struct mqtt_bytes){data, (uint32_t)size});
    uint8_t around[LONGEST_SET + 64];
    size_t length = mqtt_encode(MQTT_5_0, &packet, around, sizeof around);
    struct draft draft;
    bool is_lawful = length > 0 && decodes(&decoder, around, length);
    for (unsigned tries = 0; tries < 8 && is_lawful; tries++) {
        (void)draft_begin(&draft, random, &decoder, (struct mqtt_bytes){around, (uint32_t)length});
        const uint8_t *before = set_in(&draft.packet, type).data;
        bool changed = mutation == MUTATION_BREAK ? draft_break(&draft) : change_set(&draft);
        struct mqtt_bytes after = set_in(&draft.packet, type);
        if (changed && after.data != before && after.data != NULL && after.length <= capacity)
            return copy(after, data, capacity);
    }
    return is_lawful && mutation == MUTATION_LAWFUL ? size : mutate_bytes(random, data, size, capacity);
}

/* ---- A stream of packets
 * ------------------------------------------------------------------------------------------------- */

#define MOST_PACKETS   64u
#define LONGEST_PACKET 8192u

/* Where a packet of a stream begins and ends, and how it is to be judged. What cannot be framed is one at the end. */
struct piece {
    size_t at, size;
    struct mqtt_decoder decoder;
};

static unsigned split(struct mqtt_decoder decoder, const uint8_t *data, size_t size,
                      struct piece pieces[MOST_PACKETS]) {
    unsigned count = 0;
    for (size_t at = 0; at < size && count < MOST_PACKETS; count++) {
        struct mqtt_packet packet;
        struct mqtt_error error;
        uint32_t packet_size = 0;
        struct mqtt_bytes rest = {data + at, (uint32_t)(size - at)};
        enum mqtt_status status = mqtt_next(&decoder, rest, &packet, &packet_size, &error);
        if (status == MQTT_INCOMPLETE || packet_size == 0 || count + 1 == MOST_PACKETS)
            packet_size = rest.length;
        pieces[count] = (struct piece){at, packet_size, decoder};
        if (status == MQTT_OK && packet.type == MQTT_CONNECT && packet.connect.client_identifier.data != NULL)
            decoder.version = (enum mqtt_version)packet.connect.protocol_level;
        at += packet_size;
    }
    return count;
}

/* Puts these bytes in place of the piece. */
static size_t replace(uint8_t *data, size_t size, size_t capacity, const struct piece *piece, const uint8_t *bytes,
                      size_t count) {
    return mutator_splice(data, size, capacity, piece->at, piece->size, bytes, count);
}

/* Puts bytes in front of the piece. */
static size_t insert(uint8_t *data, size_t size, size_t capacity, const struct piece *piece, const uint8_t *bytes,
                     size_t count) {
    return mutator_splice(data, size, capacity, piece->at, 0, bytes, count);
}

static size_t mutate_piece(struct random *random, uint8_t *data, size_t size, size_t capacity,
                           const struct piece *piece) {
    uint8_t changed[LONGEST_PACKET];
    enum mutation mutation = random_one_in(random, 4) ? MUTATION_BREAK : MUTATION_LAWFUL;
    struct mqtt_bytes in = {data + piece->at, (uint32_t)piece->size};
    size_t length = mutate_packet(random, &piece->decoder, mutation, in, changed, sizeof changed);
    return length == 0 ? size : replace(data, size, capacity, piece, changed, length);
}

size_t draft_new_packet(struct random *random, const struct mqtt_decoder *decoder, uint8_t *out, size_t capacity) {
    uint8_t least[64];
    enum mqtt_type type = (enum mqtt_type)(1 + random_below(random, MQTT_TYPE_COUNT - 1));
    if (decoder->version == MQTT_VERSION_UNKNOWN)
        type = MQTT_CONNECT;
    if (!mqtt_may_send(decoder->sender, decoder->version, type))
        return 0;
    enum mqtt_version version =
        type == MQTT_CONNECT ? (enum mqtt_version)(MQTT_3_1 + random_below(random, 3)) : decoder->version;
    struct mqtt_packet packet = draft_least_packet(version, type, mqtt_text(""));
    size_t length = mqtt_encode(version, &packet, least, sizeof least);
    enum mutation mutation = random_one_in(random, 6) ? MUTATION_BREAK : MUTATION_LAWFUL;
    return mutate_packet(random, decoder, mutation, (struct mqtt_bytes){least, (uint32_t)length}, out, capacity);
}

/* In front of the piece. */
static size_t insert_packet(struct random *random, uint8_t *data, size_t size, size_t capacity,
                            const struct piece *piece) {
    uint8_t packet[LONGEST_PACKET];
    size_t length = draft_new_packet(random, &piece->decoder, packet, sizeof packet);
    return insert(data, size, capacity, piece, packet, length);
}

static size_t exchange(uint8_t *data, size_t size, size_t capacity, const struct piece *first,
                       const struct piece *second) {
    uint8_t moved[LONGEST_PACKET];
    if (second->at <= first->at || second->size > sizeof moved)
        return size;
    memcpy(moved, data + second->at, second->size);
    size = replace(data, size, capacity, second, NULL, 0);
    return insert(data, size, capacity, first, moved, second->size);
}

static size_t take_from(struct random *random, uint8_t *data, size_t size, size_t capacity, const struct piece *piece,
                        struct mqtt_bytes other) {
    struct piece theirs[MOST_PACKETS];
    unsigned count = split(piece->decoder, other.data, other.length, theirs);
    if (count == 0)
        return size;
    unsigned first = random_below(random, count), last = first + random_below(random, count - first);
    size_t length = theirs[last].at + theirs[last].size - theirs[first].at;
    return insert(data, size, capacity, piece, other.data + theirs[first].at, length);
}

static size_t repeat(uint8_t *data, size_t size, size_t capacity, const struct piece *piece) {
    uint8_t again[LONGEST_PACKET];
    if (piece->size > sizeof again)
        return size;
    memcpy(again, data + piece->at, piece->size);
    return insert(data, size, capacity, piece, again, piece->size);
}

static size_t mutate_once(struct random *random, const struct mqtt_decoder *decoder, uint8_t *data, size_t size,
                          size_t capacity, struct mqtt_bytes other) {
    struct piece pieces[MOST_PACKETS];
    unsigned count = split(*decoder, data, size, pieces);
    if (count == 0)
        return insert_packet(random, data, size, capacity, &(struct piece){0, 0, *decoder});
    const struct piece *piece = &pieces[random_below(random, count)];
    switch (random_below(random, 16)) {
    case 0:
        return mutate_bytes(random, data, size, capacity);
    case 1:
        return count > 1 ? replace(data, size, capacity, piece, NULL, 0) : size;
    case 2:
        return repeat(data, size, capacity, piece);
    case 3:
        return exchange(data, size, capacity, piece, &pieces[random_below(random, count)]);
    case 4:
        return take_from(random, data, size, capacity, piece, other);
    case 5:
    case 6:
        return insert_packet(random, data, size, capacity, piece);
    default:
        return mutate_piece(random, data, size, capacity, piece);
    }
}

size_t mutate_stream(struct random *random, const struct mqtt_decoder *decoder, uint8_t *data, size_t size,
                     size_t capacity, struct mqtt_bytes other) {
    for (uint32_t rounds = 1 + random_below(random, 3); rounds > 0; rounds--)
        size = mutate_once(random, decoder, data, size, capacity, other);
    return size;
}
