#include "pcaps/packet_search.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CAPACITY = 2048,
    /* Bits for a place that is one of a thousand, as those within a segment of usual size; less where they are short.
     */
    PLACE_BITS = 10,
    SEGMENTS_TO_JUDGE = 3,
    /* Numbers in a table are alike: a chain of them is no such chance as one of random bytes. */
    DOUBT_BITS = 8,
    /* So many of them make it worth to wait for any packet that begins there. */
    GOOD_PLACE_BITS = 7,
    /* Of one letter of a topic a bit, for half of all bytes could be one; and no more than of a good name. */
    MOST_TOPIC_BITS = 16,
    /* Acknowledgements, pings and topics of a few letters alone are not enough unless a segment begins and ends with
     * them. */
    MOST_SLIGHT_BITS = 24,
    SHORT_PACKET = 4,
    SHORT_TOPIC = 4,
    MOST_REPEATS = 1,
    /* A chain of as many bits has others wait: the beginning of a PUBLISH with a topic of four letters does. */
    STRONG_BITS = 20,
    /* Nothing but PUBLISH is longer in practice, and less is worth to wait for with little reason. */
    LONG_PACKET = 1024,
    WAITED_FOR = 256,
    /* Each byte may be decoded so often, in chains that begin at different places. */
    EFFORT = 64,
    EFFORT_OF_PACKET = 16,
};

/* Bits of a packet by its type: its first byte, its length that fits, and what its content has to be. */
static const uint8_t bits[MQTT_TYPE_COUNT] = {
    [MQTT_CONNECT] = 64,  [MQTT_CONNACK] = 24, [MQTT_PUBLISH] = 16,   [MQTT_PUBACK] = 16,     [MQTT_PUBREC] = 16,
    [MQTT_PUBREL] = 16,   [MQTT_PUBCOMP] = 16, [MQTT_SUBSCRIBE] = 24, [MQTT_SUBACK] = 24,     [MQTT_UNSUBSCRIBE] = 24,
    [MQTT_UNSUBACK] = 16, [MQTT_PINGREQ] = 16, [MQTT_PINGRESP] = 16,  [MQTT_DISCONNECT] = 16, [MQTT_AUTH] = 16,
};

/* Sizes of packets that have no choice of it. */
static const uint8_t fixed_sizes[MQTT_TYPE_COUNT] = {[MQTT_PINGREQ] = 2, [MQTT_PINGRESP] = 2};
static const uint8_t fixed_sizes_before_5[MQTT_TYPE_COUNT] = {
    [MQTT_CONNACK] = 4,  [MQTT_PUBACK] = 4,  [MQTT_PUBREC] = 4,   [MQTT_PUBREL] = 4,     [MQTT_PUBCOMP] = 4,
    [MQTT_UNSUBACK] = 4, [MQTT_PINGREQ] = 2, [MQTT_PINGRESP] = 2, [MQTT_DISCONNECT] = 2,
};

static bool can_begin(enum mqtt_side side, uint8_t first) {
    enum mqtt_type type = first >> 4;
    uint8_t flags = first & 0x0F;
    if (!mqtt_may_send(side, MQTT_5_0, type))
        return false;
    if (type == MQTT_PUBLISH)
        return mqtt_publish_qos(flags) <= 2;
    return flags == mqtt_required_flags(type);
}

void packet_searcher_begin(struct packet_searcher *searcher, struct spec_rules *rules) {
    memset(searcher, 0, sizeof *searcher);
    searcher->rules = rules;
    for (enum mqtt_side side = MQTT_CLIENT; side <= MQTT_SERVER; side++)
        for (unsigned first = 0; first < 256; first++)
            searcher->begins[side][first] = can_begin(side, (uint8_t)first);
}

/* ---- One chain -------------------------------------------------------------------------------------------- */

static struct packet_chain new_chain(uint32_t start, uint32_t place, enum mqtt_version version) {
    return (struct packet_chain){.start = start, .last = start, .next = start, .place = place, .version = version};
}

static bool has_size(enum mqtt_version version, const struct mqtt_frame *frame) {
    enum mqtt_type type = frame->first_byte >> 4;
    uint8_t fixed = version == MQTT_5_0 ? fixed_sizes[type] : fixed_sizes_before_5[type];
    if (fixed > 0)
        return frame->packet_size == fixed;
    return type == MQTT_PUBLISH || frame->packet_size <= LONG_PACKET;
}

/* Of a topic that is cut anywhere, what is there is text. */
static bool may_be_text(struct mqtt_bytes text) {
    for (unsigned i = 0; i < 3 && text.length > 0 && text.data[text.length - 1] >= 0x80; i++)
        text.length--;
    return mqtt_check_text(text, NULL) == MQTT_TEXT_FINE;
}

/* A PUBLISH that is not whole goes on well so far. */
static bool may_be_publish(struct packet_chain *chain, const struct mqtt_frame *frame, struct mqtt_bytes bytes) {
    if (bytes.length < frame->header_size + 2u)
        return true;
    const uint8_t *topic = bytes.data + frame->header_size;
    uint32_t length = (uint32_t)topic[0] << 8 | topic[1];
    uint32_t seen = bytes.length - frame->header_size - 2;
    seen = seen < length ? seen : length;
    if (length + 2 > frame->remaining_length || !may_be_text((struct mqtt_bytes){topic + 2, seen}))
        return false;
    chain->provisional = bits[MQTT_PUBLISH] + (seen < MOST_TOPIC_BITS ? seen : MOST_TOPIC_BITS);
    return true;
}

/* Anything else is waited for only where there is reason to. */
static bool may_go_on(struct packet_chain *chain, const struct mqtt_frame *frame, struct mqtt_bytes bytes) {
    if (frame->first_byte >> 4 == MQTT_PUBLISH)
        return may_be_publish(chain, frame, bytes);
    if (chain->evidence + chain->slight >= STRONG_BITS)
        return true;
    return (chain->count > 0 || chain->place >= GOOD_PLACE_BITS) && frame->packet_size <= WAITED_FOR;
}

/* The decoder leaves a CONNECT of a protocol or version that it does not know to the server; here it is none. */
static bool is_whole_connect(const struct mqtt_packet *packet) {
    return packet->type != MQTT_CONNECT || packet->connect.client_identifier.data != NULL;
}

/* Adds a packet to the chain. False where it is not to be there. */
static bool add_packet(struct packet_chain *chain, const uint8_t *bytes, uint32_t size,
                       const struct mqtt_packet *packet) {
    bool is_short = size <= SHORT_PACKET;
    if (!is_whole_connect(packet) || (is_short && chain->count == 0 && chain->place == 0))
        return false;
    bool repeats = chain->count > 0 && chain->next - chain->last == size &&
                   memcmp(bytes + chain->last, bytes + chain->next, size) == 0;
    chain->repeats = repeats ? chain->repeats + 1 : 0;
    chain->last = chain->next;
    chain->next += size;
    chain->count++;
    if (!is_short && chain->behind == 0) {
        chain->first = chain->last;
        chain->behind = chain->next;
    }
    if (repeats)
        return !is_short || chain->repeats <= MOST_REPEATS;
    uint32_t more = bits[packet->type];
    if (packet->type == MQTT_PUBLISH)
        more += packet->publish.topic.length < MOST_TOPIC_BITS ? packet->publish.topic.length : MOST_TOPIC_BITS;
    if (is_short || (packet->type == MQTT_PUBLISH && packet->publish.topic.length < SHORT_TOPIC))
        chain->slight = chain->slight + more < MOST_SLIGHT_BITS ? chain->slight + more : MOST_SLIGHT_BITS;
    else if (chain->evidence < UINT16_MAX)
        chain->evidence += more;
    return true;
}

/* Goes along the chain as far as there are bytes. False where it is none. */
static bool follow(const struct packet_searcher *searcher, struct packet_search *search, enum mqtt_side side,
                   struct packet_chain *chain) {
    const struct mqtt_decoder decoder = {.version = chain->version, .sender = side, .rules = searcher->rules};
    chain->provisional = 0;
    while (chain->next < search->length) {
        struct mqtt_bytes bytes = {search->bytes + chain->next, search->length - chain->next};
        struct mqtt_frame frame;
        struct mqtt_packet packet;
        struct mqtt_error error;
        enum mqtt_status status = mqtt_frame(&decoder, bytes, &frame, &error);
        if (status != MQTT_OK)
            return status == MQTT_INCOMPLETE;
        if (!searcher->begins[side][frame.first_byte] || !has_size(chain->version, &frame) ||
            frame.packet_size > SEARCH_KEPT - (chain->next - chain->start))
            return false;
        if (frame.packet_size > bytes.length)
            return may_go_on(chain, &frame, bytes);
        uint32_t effort = frame.packet_size + EFFORT_OF_PACKET;
        search->effort -= effort < search->effort ? effort : search->effort;
        bytes.length = frame.packet_size;
        if (search->effort == 0 || mqtt_decode(&decoder, bytes, &packet, &error) != MQTT_OK ||
            !add_packet(chain, search->bytes, frame.packet_size, &packet))
            return false;
    }
    return true;
}

static uint32_t weigh(const struct packet_search *search, const struct packet_chain *chain, bool ends) {
    if (chain->count == 0)
        return 0;
    return chain->evidence + chain->slight + chain->place + (ends && chain->next == search->length ? search->place : 0);
}

/* ---- All places ------------------------------------------------------------------------------------------- */

/* A segment begins at the place; beginnings before it are forgotten. */
static bool is_segment_start(struct packet_search *search, uint32_t place) {
    uint32_t passed = 0;
    while (passed < search->segment_count && search->segments[passed] < place)
        passed++;
    search->segment_count -= passed;
    memmove(search->segments, search->segments + passed, search->segment_count * sizeof search->segments[0]);
    return search->segment_count > 0 && search->segments[0] == place;
}

static void begin_chain(struct packet_search *search, uint32_t start, enum mqtt_version version) {
    search->chain = new_chain(start, is_segment_start(search, start) ? search->place : 0,
                              version == MQTT_VERSION_UNKNOWN ? MQTT_3_1_1 : version);
}

/* Goes on from place to place until a chain may be one. */
static void advance(const struct packet_searcher *searcher, struct packet_search *search, enum mqtt_side side,
                    enum mqtt_version version) {
    struct packet_chain *chain = &search->chain;
    while (chain->start < search->length) {
        bool may_begin = searcher->begins[side][search->bytes[chain->start]];
        if (may_begin && follow(searcher, search, side, chain))
            return;
        if (search->effort == 0) {
            begin_chain(search, search->length, version);
        } else if (may_begin && version == MQTT_VERSION_UNKNOWN && chain->version != MQTT_5_0) {
            *chain = new_chain(chain->start, chain->place, MQTT_5_0);
        } else {
            uint32_t place = chain->start + 1;
            while (place < search->length && !searcher->begins[side][search->bytes[place]])
                place++;
            begin_chain(search, place, version);
        }
    }
}

static void conclude(struct packet_search *search, const struct packet_chain *chain, bool ends) {
    search->total = weigh(search, chain, ends);
    search->boundary = chain->behind == 0 ? chain->start : chain->place > 0 ? chain->first : chain->behind;
    search->end = chain->next;
}

/* A chain that waits for more bytes with little reason does not hold up a segment of whole packets. */
static void try_segment(const struct packet_searcher *searcher, struct packet_search *search, enum mqtt_side side,
                        enum mqtt_version version, uint32_t start) {
    const struct packet_chain *chain = &search->chain;
    if (chain->start >= start || chain->evidence + chain->slight + chain->provisional + chain->place >= STRONG_BITS)
        return;
    struct packet_chain own = new_chain(start, search->place, version == MQTT_VERSION_UNKNOWN ? MQTT_3_1_1 : version);
    bool reads_well = follow(searcher, search, side, &own);
    if (!reads_well && version == MQTT_VERSION_UNKNOWN) {
        own = new_chain(start, search->place, MQTT_5_0);
        reads_well = follow(searcher, search, side, &own);
    }
    if (!reads_well || own.next < search->length || weigh(search, &own, true) < SEARCH_TRUSTED)
        return;
    search->chain = own;
    search->segment_count = 0;
    conclude(search, &own, true);
}

/* ---- Bytes ------------------------------------------------------------------------------------------------ */

void packet_search_end(struct packet_searcher *searcher, struct packet_search *search) {
    searcher->memory -= search->capacity;
    free(search->bytes);
    memset(search, 0, sizeof *search);
}

static bool make_room(struct packet_searcher *searcher, struct packet_search *search, uint32_t more) {
    uint32_t wanted = search->length + more;
    uint32_t capacity = search->capacity > 0 ? search->capacity : FIRST_CAPACITY;
    while (capacity < wanted)
        capacity *= 2;
    if (capacity == search->capacity)
        return true;
    uint32_t added = capacity - search->capacity;
    uint8_t *grown = added <= SEARCH_MEMORY - searcher->memory ? realloc(search->bytes, capacity) : NULL;
    if (grown == NULL)
        return false;
    searcher->memory += added;
    search->bytes = grown;
    search->capacity = capacity;
    return true;
}

static void note_segment(struct packet_search *search) {
    search->place = PLACE_BITS;
    if (search->seen_segments >= SEGMENTS_TO_JUDGE) {
        uint64_t size = search->seen_bytes / search->seen_segments;
        for (search->place = 1; size > 0 && search->place < PLACE_BITS; size /= 2)
            search->place++;
    }
    search->seen_segments++;
    if (search->segment_count == SEARCH_SEGMENTS) {
        search->segment_count--;
        memmove(search->segments, search->segments + 1, search->segment_count * sizeof search->segments[0]);
    }
    search->segments[search->segment_count++] = search->length;
}

bool packet_search_put(struct packet_searcher *searcher, struct packet_search *search, enum mqtt_side side,
                       enum mqtt_version version, struct mqtt_bytes bytes, bool begins, bool ends) {
    if (!make_room(searcher, search, bytes.length)) {
        packet_search_end(searcher, search);
        return false;
    }
    uint32_t start = search->length;
    if (begins)
        note_segment(search);
    memcpy(search->bytes + start, bytes.data, bytes.length);
    search->length += bytes.length;
    search->seen_bytes += bytes.length;
    search->effort += (uint64_t)EFFORT * (bytes.length + EFFORT_OF_PACKET);
    if (search->effort > (uint64_t)EFFORT * SEARCH_KEPT)
        search->effort = (uint64_t)EFFORT * SEARCH_KEPT;
    struct packet_chain *chain = &search->chain;
    bool is_fresh = chain->start == start && chain->count == 0;
    if (is_fresh || (version != MQTT_VERSION_UNKNOWN && chain->version != version))
        begin_chain(search, chain->start, version);
    advance(searcher, search, side, version);
    conclude(search, &search->chain, ends);
    if (search->total < SEARCH_TRUSTED && begins && ends)
        try_segment(searcher, search, side, version, start);
    return true;
}

uint32_t packet_search_drop(struct packet_search *search) {
    uint32_t passed = search->chain.start;
    if (passed == 0)
        return 0;
    (void)is_segment_start(search, passed);
    memmove(search->bytes, search->bytes + passed, search->length - passed);
    search->length -= passed;
    for (uint32_t i = 0; i < search->segment_count; i++)
        search->segments[i] -= passed;
    struct packet_chain *chain = &search->chain;
    chain->start = 0;
    chain->last -= passed;
    chain->next -= passed;
    if (chain->behind > 0) {
        chain->first -= passed;
        chain->behind -= passed;
    }
    return passed;
}
