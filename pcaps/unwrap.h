/* From a captured packet to the TCP segment in it: link layer, IP and TCP headers taken off. Internal to pcaps/. */
#ifndef MQSPEC_UNWRAP_H
#define MQSPEC_UNWRAP_H

#include "codec/codec.h"

enum segment_flag {
    SEGMENT_FIN = 0x01,
    SEGMENT_SYN = 0x02,
    SEGMENT_RST = 0x04,
    SEGMENT_ACK = 0x10,
};

/* One end of a connection. IPv4 addresses use the first four bytes, the rest is zero. No padding, so that two can
 * be compared by memcmp. */
struct segment_end {
    uint8_t address[16];
    uint16_t port;
    uint16_t is_ipv6;
};

struct segment {
    struct segment_end source;
    struct segment_end destination;
    uint32_t sequence;
    uint32_t acknowledgement; /* means something only with SEGMENT_ACK */
    uint8_t flags;            /* of enum segment_flag */
    uint32_t length;          /* of the payload on the wire */
    struct mqtt_bytes data;   /* of the payload, what was captured: from its start, at most `length` */
};

/* The link types (DLT_...) that unwrap() understands. */
bool unwrap_knows(int link_type);

/* True when the packet holds a TCP segment whose headers were captured whole; *segment is then filled with views
 * into the packet. Fragments of IP packets are passed over. */
bool unwrap(int link_type, struct mqtt_bytes packet, struct segment *segment);

#endif
