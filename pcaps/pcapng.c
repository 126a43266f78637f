/* Of all blocks only those that hold packets, and what is needed to read them, are looked into. */
#include "pcaps/pcapng.h"

#include <stdlib.h>
#include <string.h>

enum block_type {
    INTERFACE_DESCRIPTION = 1,
    OLD_PACKET = 2,
    SIMPLE_PACKET = 3,
    ENHANCED_PACKET = 6,
    SECTION_HEADER = 0x0A0D0D0A, /* the same in both byte orders */
};

enum option_code { OPTION_END = 0, OPTION_TIME_RESOLUTION = 9, OPTION_TIME_OFFSET = 14 };

enum {
    BYTE_ORDER_MAGIC = 0x1A2B3C4D,
    HEADER = 8,  /* of a block: type and length */
    TRAILER = 4, /* the length again */
    LARGEST_BLOCK = 16 * 1024 * 1024,
    MAXIMUM_INTERFACES = 4096,
};

/* Far beyond any real capture; larger seconds are damage and must not wrap. */
#define LATEST_SECOND UINT64_C(1000000000000)

struct capturing_interface {
    int link_type;
    uint32_t snapshot_length; /* 0: no limit */
    uint8_t resolution;       /* as the file has it: of a power of 10, or with the highest bit of 2 */
    int64_t offset;           /* seconds */
};

struct pcapng {
    FILE *file;
    bool big_endian;
    uint8_t *block;
    size_t capacity;
    struct capturing_interface *interfaces; /* of the section */
    uint32_t interface_count;
    const char *reason;
};

struct pcapng *pcapng_create(FILE *file) {
    struct pcapng *reader = calloc(1, sizeof *reader);
    if (reader != NULL)
        reader->file = file;
    return reader;
}

void pcapng_destroy(struct pcapng *reader) {
    free(reader->interfaces);
    free(reader->block);
    free(reader);
}

bool pcapng_begins(FILE *file) {
    int first = getc(file);
    if (first != EOF)
        ungetc(first, file);
    return first == (SECTION_HEADER & 0xFF); /* no other kind of capture file begins so */
}

const char *pcapng_reason(const struct pcapng *reader) {
    return reader->reason;
}

static enum pcapng_result damaged(struct pcapng *reader, const char *reason) {
    reader->reason = reason;
    return PCAPNG_DAMAGED;
}

/* ---- Numbers ------------------------------------------------------------------------------------------------- */

static uint16_t get16(const struct pcapng *reader, const uint8_t *at) {
    return (uint16_t)(reader->big_endian ? at[0] << 8 | at[1] : at[1] << 8 | at[0]);
}

static uint32_t get32(const struct pcapng *reader, const uint8_t *at) {
    uint32_t first = get16(reader, at), second = get16(reader, at + 2);
    return reader->big_endian ? first << 16 | second : second << 16 | first;
}

static uint64_t get64(const struct pcapng *reader, const uint8_t *at) {
    uint64_t first = get32(reader, at), second = get32(reader, at + 4);
    return reader->big_endian ? first << 32 | second : second << 32 | first;
}

static uint64_t power_of_10(unsigned exponent) {
    uint64_t power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* Units of the interface to microseconds, without those before its offset. */
static uint64_t to_microseconds(uint64_t units, uint8_t resolution, uint64_t *seconds) {
    unsigned exponent = resolution & 0x7F;
    if (resolution & 0x80) {
        *seconds = exponent < 64 ? units >> exponent : 0;
        uint64_t part = exponent < 64 ? units & ((UINT64_C(1) << exponent) - 1) : units;
        unsigned shift = exponent > 40 ? exponent - 40 : 0;
        return (shift < 64 ? part >> shift : 0) * MICROSECONDS_PER_SECOND >> (exponent - shift);
    }
    if (exponent > 19) /* no number of them makes a second */
        exponent = 19;
    uint64_t per_second = power_of_10(exponent);
    *seconds = units / per_second;
    uint64_t part = units % per_second;
    return exponent > 6 ? part / power_of_10(exponent - 6) : part * power_of_10(6 - exponent);
}

static microseconds time_of(const struct capturing_interface *interface, uint64_t units) {
    uint64_t seconds;
    uint64_t part = to_microseconds(units, interface->resolution, &seconds);
    if (seconds > LATEST_SECOND || interface->offset > (int64_t)LATEST_SECOND ||
        interface->offset < -(int64_t)LATEST_SECOND)
        return 0;
    int64_t total = (int64_t)seconds + interface->offset;
    return total < 0 ? 0 : (microseconds)total * MICROSECONDS_PER_SECOND + part;
}

/* ---- Blocks -------------------------------------------------------------------------------------------------- */

static bool make_room(struct pcapng *reader, size_t size) {
    if (size <= reader->capacity)
        return true;
    uint8_t *block = realloc(reader->block, size * 2);
    if (block == NULL)
        return false;
    reader->block = block;
    reader->capacity = size * 2;
    return true;
}

/* The byte order stands behind the length of a section header, which it is needed for. */
static enum pcapng_result read_order(struct pcapng *reader) {
    uint8_t *magic = reader->block + HEADER;
    if (fread(magic, 1, 4, reader->file) != 4)
        return damaged(reader, "the file ends within a block");
    reader->big_endian = magic[0] == BYTE_ORDER_MAGIC >> 24;
    reader->interface_count = 0;
    return get32(reader, magic) == BYTE_ORDER_MAGIC ? PCAPNG_PACKET
                                                    : damaged(reader, "a section header has no byte-order magic");
}

/* Reads a block into reader->block: *type, and its body of *length bytes. PCAPNG_PACKET where there is one. */
static enum pcapng_result read_block(struct pcapng *reader, uint32_t *type, struct mqtt_bytes *body) {
    if (!make_room(reader, HEADER + 4))
        return damaged(reader, "there is no memory");
    size_t got = fread(reader->block, 1, HEADER, reader->file);
    if (got == 0 && feof(reader->file))
        return PCAPNG_END;
    if (got != HEADER)
        return damaged(reader, "the file ends within a block");
    size_t have = HEADER;
    if (get32(reader, reader->block) == SECTION_HEADER) {
        if (read_order(reader) != PCAPNG_PACKET)
            return PCAPNG_DAMAGED;
        have += 4;
    }
    *type = get32(reader, reader->block);
    uint32_t length = get32(reader, reader->block + 4);
    if (length < have + TRAILER || length % 4 != 0 || length > LARGEST_BLOCK)
        return damaged(reader, "a block has a length that it cannot have");
    if (!make_room(reader, length))
        return damaged(reader, "there is no memory");
    if (fread(reader->block + have, 1, length - have, reader->file) != length - have)
        return damaged(reader, "the file ends within a block");
    if (get32(reader, reader->block + length - TRAILER) != length)
        return damaged(reader, "a block ends with another length than it begins with");
    *body = (struct mqtt_bytes){reader->block + HEADER, length - HEADER - TRAILER};
    return PCAPNG_PACKET;
}

static void read_options(const struct pcapng *reader, struct mqtt_bytes options,
                         struct capturing_interface *interface) {
    while (options.length >= 4) {
        uint16_t code = get16(reader, options.data), length = get16(reader, options.data + 2);
        uint32_t padded = 4 + (((uint32_t)length + 3) & ~3u);
        if (code == OPTION_END || padded > options.length)
            return;
        if (code == OPTION_TIME_RESOLUTION && length == 1)
            interface->resolution = options.data[4];
        if (code == OPTION_TIME_OFFSET && length == 8)
            interface->offset = (int64_t)get64(reader, options.data + 4);
        options.data += padded;
        options.length -= padded;
    }
}

static enum pcapng_result add_interface(struct pcapng *reader, struct mqtt_bytes body) {
    if (body.length < 8 || reader->interface_count == MAXIMUM_INTERFACES)
        return damaged(reader, "an interface description is too short, or there are too many");
    if (reader->interfaces == NULL)
        reader->interfaces = calloc(MAXIMUM_INTERFACES, sizeof *reader->interfaces);
    if (reader->interfaces == NULL)
        return damaged(reader, "there is no memory");
    struct capturing_interface *interface = &reader->interfaces[reader->interface_count++];
    *interface = (struct capturing_interface){
        .link_type = get16(reader, body.data), .snapshot_length = get32(reader, body.data + 4), .resolution = 6};
    read_options(reader, (struct mqtt_bytes){body.data + 8, body.length - 8}, interface);
    return PCAPNG_PACKET;
}

/* ---- Packets ------------------------------------------------------------------------------------------------- */

/* Where a block of packets has what. */
struct packet_layout {
    uint32_t header;
    uint32_t time_at; /* 0: it has none */
    uint32_t captured_at;
};

static enum pcapng_result take_packet(struct pcapng *reader, uint32_t interface_number, struct mqtt_bytes body,
                                      const struct packet_layout *layout, struct pcapng_packet *packet) {
    if (interface_number >= reader->interface_count)
        return damaged(reader, "a packet is of an interface that is not described");
    const struct capturing_interface *interface = &reader->interfaces[interface_number];
    uint32_t captured = get32(reader, body.data + layout->captured_at);
    uint32_t room = body.length - layout->header;
    if (layout->time_at == 0) { /* a simple packet says only how long it was on the wire */
        if (interface->snapshot_length != 0 && captured > interface->snapshot_length)
            captured = interface->snapshot_length;
        captured = captured < room ? captured : room;
    }
    if (captured > room)
        return damaged(reader, "a packet is longer than its block");
    packet->link_type = interface->link_type;
    packet->data = (struct mqtt_bytes){body.data + layout->header, captured};
    packet->time = 0;
    if (layout->time_at != 0) {
        uint64_t high = get32(reader, body.data + layout->time_at);
        packet->time = time_of(interface, high << 32 | get32(reader, body.data + layout->time_at + 4));
    }
    return PCAPNG_PACKET;
}

enum pcapng_result pcapng_next(struct pcapng *reader, struct pcapng_packet *packet) {
    static const struct packet_layout simple = {4, 0, 0}, other = {20, 4, 12};
    for (;;) {
        struct mqtt_bytes body = {NULL, 0};
        uint32_t type = 0;
        enum pcapng_result result = read_block(reader, &type, &body);
        if (result != PCAPNG_PACKET)
            return result;
        bool is_simple = type == SIMPLE_PACKET;
        if (type == INTERFACE_DESCRIPTION && add_interface(reader, body) != PCAPNG_PACKET)
            return PCAPNG_DAMAGED;
        if (!is_simple && type != ENHANCED_PACKET && type != OLD_PACKET)
            continue;
        if (body.length < (is_simple ? simple.header : other.header))
            return damaged(reader, "a packet's block is too short");
        uint32_t interface = is_simple ? 0 : type == OLD_PACKET ? get16(reader, body.data) : get32(reader, body.data);
        return take_packet(reader, interface, body, is_simple ? &simple : &other, packet);
    }
}
