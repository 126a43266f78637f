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

/* A part of an IP packet that was sent in parts. */
struct fragment {
    struct segment_end source; /* ports are 0 */
    struct segment_end destination;
    uint32_t identification;
    uint8_t protocol;       /* of IP: what the whole begins with */
    uint32_t offset;        /* of its data in the whole's */
    bool is_last;           /* the whole ends with it */
    struct mqtt_bytes data; /* all of it was captured */
};

enum unwrapped {
    UNWRAPPED_NOTHING, /* no TCP, or its headers were not captured whole */
    UNWRAPPED_SEGMENT,
    UNWRAPPED_FRAGMENT, /* perhaps of TCP */
};

/* The link types (DLT_..., or LINKTYPE_... as in files) that unwrap() understands. */
bool unwrap_knows(int link_type);

/* Fills *segment or *fragment, with views into the packet. */
enum unwrapped unwrap(int link_type, struct mqtt_bytes packet, struct segment *segment, struct fragment *fragment);

/* The segment in an IP packet whose fragments have been put together: `fragment` is one of them, `payload` all of their
 * data. False where it holds none. */
bool unwrap_whole(const struct fragment *fragment, struct mqtt_bytes payload, struct segment *segment);

#endif
