/* Reads pcapng files block by block. libpcap reads those in which all interfaces have one link type and one snapshot
 * length; Wireshark and mergecap write others too. Internal to pcaps/.
 *
 *     while ((result = pcapng_next(reader, &packet)) == PCAPNG_PACKET) use(&packet);  */
#ifndef MQSPEC_PCAPNG_H
#define MQSPEC_PCAPNG_H

#include <stdio.h>

#include "codec/codec.h"
#include "reference/environment.h"

struct pcapng;

struct pcapng_packet {
    int link_type;          /* LINKTYPE_..., as in files */
    struct mqtt_bytes data; /* what was captured of it; lives until the next call */
    microseconds time;      /* since 1970; 0 where the file has none */
};

enum pcapng_result {
    PCAPNG_PACKET,
    PCAPNG_END,
    PCAPNG_DAMAGED, /* cut or damaged: pcapng_reason() says how */
};

/* The file is one that pcapng_begins() is true for; it stays the caller's, and outlives the reader. NULL where there is
 * no memory. */
struct pcapng *pcapng_create(FILE *file);
void pcapng_destroy(struct pcapng *reader);

/* The next byte of the file begins a pcapng file. Reads nothing away. */
bool pcapng_begins(FILE *file);

enum pcapng_result pcapng_next(struct pcapng *reader, struct pcapng_packet *packet);

/* Static. */
const char *pcapng_reason(const struct pcapng *reader);

#endif
