/* Where packets begin in one side's bytes when that is not known: behind a gap, or when the connection was joined in
 * the middle. Internal to pcaps/.
 *
 * A place is trusted when a chain of packets that decode strictly begins there and goes on as far as the bytes do, with
 * evidence enough that it is no payload. Evidence is counted in bits, by how rarely random bytes would look so: a
 * packet counts by its type, PUBLISH by its topic, too; that the chain begins where a segment does counts, and that it
 * ends where one ends; what only repeats the packet before it counts nothing, and a short packet that repeats again and
 * again is a table in a payload, not packets. Text is never taken for packets: the length of a topic has no text in it.
 *
 * A PUBLISH can have a whole packet as its payload, and short packets look like numbers. So the first packet of a chain
 * is passed over, unless a segment begins with it, and short ones are at the beginning of one that has others, too.
 *
 * What is kept is bounded, and so is the time: a side that asks for more decoding than real traffic does is
 * passed over instead. A packet above SEARCH_KEPT is waited out, not found. */
#ifndef MQSPEC_PACKET_SEARCH_H
#define MQSPEC_PACKET_SEARCH_H

#include "codec/codec.h"

enum {
    SEARCH_KEPT = 65536,             /* bytes of a side */
    SEARCH_SLICE = 16384,            /* bytes that are put in at once */
    SEARCH_MEMORY = 8 * 1024 * 1024, /* bytes of all sides */
    SEARCH_SEGMENTS = 32,            /* beginnings of segments that are kept in mind */
    SEARCH_TRUSTED = 36,             /* bits of evidence: a packet that fills a segment has as many */
    SEARCH_RECOGNISED = 56,          /* where it is not even known that the connection is MQTT */
};

/* What all searches share. */
struct packet_searcher {
    struct spec_rules *rules;
    size_t memory;       /* in use */
    bool begins[2][256]; /* by enum mqtt_side: a packet can have this first byte */
};

/* Packets in a row. Offsets are into the search's bytes. */
struct packet_chain {
    uint32_t start;
    uint32_t count;
    uint32_t first;  /* where the first packet of more than a few bytes begins */
    uint32_t behind; /* where it ends; 0 while there is none */
    uint32_t last;   /* where the last packet begins */
    uint32_t next;   /* where it ends */
    uint32_t evidence;
    uint32_t slight;      /* evidence of packets of a few bytes */
    uint32_t provisional; /* of the packet that is not whole */
    uint32_t repeats;
    uint32_t place; /* evidence of a segment that begins with the chain; 0: none does */
    enum mqtt_version version;
};

struct packet_search {
    uint8_t *bytes;
    uint32_t length;
    uint32_t capacity;
    uint32_t segments[SEARCH_SEGMENTS]; /* where segments begin, from the chain's start on */
    uint32_t segment_count;
    uint64_t seen_bytes; /* of all segments */
    uint64_t seen_segments;
    uint32_t place;            /* evidence of a segment's begin or end, as the ones before it were */
    struct packet_chain chain; /* the first one that may be */
    uint64_t effort;           /* bytes that may still be decoded */
    /* After packet_search_put(): */
    uint32_t total;    /* bits of evidence */
    uint32_t boundary; /* where a packet begins, if they are enough */
    uint32_t end;      /* of the whole packets from there on */
};

void packet_searcher_begin(struct packet_searcher *searcher, struct spec_rules *rules);

/* A search is zero-initialised; this frees what it holds, and empties it. */
void packet_search_end(struct packet_searcher *searcher, struct packet_search *search);

/* Takes the next bytes, at most SEARCH_SLICE, and looks for packets in all that are kept. `begins` and `ends`: so does
 * a segment there. MQTT_VERSION_UNKNOWN: the version can be any. False where there is no memory: the bytes, and those
 * that were kept, are lost. */
bool packet_search_put(struct packet_searcher *searcher, struct packet_search *search, enum mqtt_side side,
                       enum mqtt_version version, struct mqtt_bytes bytes, bool begins, bool ends);

/* Drops bytes in which nothing begins that can be trusted any more. Returns how many. */
uint32_t packet_search_drop(struct packet_search *search);

#endif
