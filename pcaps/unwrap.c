/* Each layer takes its header off the front of the bytes, or says that this is no packet for us. */
#include <pcap/dlt.h>
#include <string.h>

#include "pcaps/unwrap.h"

enum ether_type {
    ETHER_IPV4 = 0x0800,
    ETHER_IPV6 = 0x86DD,
    ETHER_VLAN = 0x8100,
    ETHER_VLAN_SERVICE = 0x88A8,
    ETHER_VLAN_OLD = 0x9100,
};

enum protocol {
    PROTOCOL_HOP_BY_HOP = 0,
    PROTOCOL_TCP = 6,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_AUTHENTICATION = 51,
    PROTOCOL_DESTINATION = 60,
    PROTOCOL_MOBILITY = 135,
};

/* Where the network layer begins. With `type_at` negative nothing names it, and the version in the IP header
 * itself decides. */
struct link_layer {
    int link_type;
    uint32_t header;
    int type_at;
};

static const struct link_layer link_layers[] = {
    /* type            header  type at */
    {DLT_EN10MB, 14, 12},    /* Ethernet */
    {DLT_LINUX_SLL, 16, 14}, /* Linux cooked capture */
    {DLT_LINUX_SLL2, 20, 0}, /* the same, version 2 */
    {DLT_NULL, 4, -1},       /* BSD loopback: the family's number differs between systems */
    {DLT_LOOP, 4, -1},       /* OpenBSD loopback */
    {DLT_RAW, 0, -1},        /* IP alone */
    {DLT_IPV4, 0, -1},
    {DLT_IPV6, 0, -1},
    {101, 0, -1}, /* the number that raw IP has in files */
    {14, 0, -1},  /* raw IP on OpenBSD */
};

static const struct link_layer *find_link_layer(int link_type) {
    for (size_t i = 0; i < sizeof link_layers / sizeof link_layers[0]; i++)
        if (link_layers[i].link_type == link_type)
            return &link_layers[i];
    return NULL;
}

bool unwrap_knows(int link_type) {
    return find_link_layer(link_type) != NULL;
}

static uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at) {
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static bool skip(struct mqtt_bytes *bytes, uint32_t length) {
    if (bytes->length < length)
        return false;
    bytes->data += length;
    bytes->length -= length;
    return true;
}

/* Takes off the link header and all VLAN tags. */
static bool skip_link(const struct link_layer *layer, struct mqtt_bytes *bytes) {
    if (bytes->length < layer->header)
        return false;
    if (layer->type_at < 0)
        return skip(bytes, layer->header);
    uint16_t type = get16(bytes->data + layer->type_at);
    skip(bytes, layer->header);
    while (type == ETHER_VLAN || type == ETHER_VLAN_SERVICE || type == ETHER_VLAN_OLD) {
        if (bytes->length < 4)
            return false;
        type = get16(bytes->data + 2);
        skip(bytes, 4);
    }
    return type == ETHER_IPV4 || type == ETHER_IPV6;
}

/* `length` receives the length on the wire of what follows the header. */
static bool skip_ipv4(struct mqtt_bytes *bytes, struct segment *segment, uint32_t *length) {
    const uint8_t *header = bytes->data;
    if (bytes->length < 20)
        return false;
    uint32_t header_length = (header[0] & 0x0Fu) * 4;
    uint32_t total = get16(header + 2);
    bool fragment = (get16(header + 6) & 0x3FFF) != 0;
    if (header_length < 20 || header[9] != PROTOCOL_TCP || fragment)
        return false;
    /* A network card that cuts segments itself leaves 0 for what is over 65,535. */
    if (total == 0)
        total = bytes->length;
    if (total < header_length)
        return false;
    memcpy(segment->source.address, header + 12, 4);
    memcpy(segment->destination.address, header + 16, 4);
    *length = total - header_length;
    return skip(bytes, header_length);
}

/* The length of an extension header from its own second byte; 0 for what is none. */
static uint32_t extension_length(uint8_t protocol, uint8_t length_byte) {
    switch (protocol) {
    case PROTOCOL_HOP_BY_HOP:
    case PROTOCOL_ROUTING:
    case PROTOCOL_DESTINATION:
    case PROTOCOL_MOBILITY:
        return (length_byte + 1u) * 8;
    case PROTOCOL_AUTHENTICATION:
        return (length_byte + 2u) * 4;
    case PROTOCOL_FRAGMENT:
        return 8;
    default:
        return 0;
    }
}

static bool skip_ipv6(struct mqtt_bytes *bytes, struct segment *segment, uint32_t *length) {
    const uint8_t *header = bytes->data;
    if (bytes->length < 40)
        return false;
    uint32_t left = get16(header + 4);
    uint8_t protocol = header[6];
    memcpy(segment->source.address, header + 8, 16);
    memcpy(segment->destination.address, header + 24, 16);
    segment->source.is_ipv6 = segment->destination.is_ipv6 = 1;
    skip(bytes, 40);
    if (left == 0)
        left = bytes->length;
    /* Each turn takes at least eight bytes, so the packet's own length bounds the loop. */
    while (protocol != PROTOCOL_TCP) {
        if (bytes->length < 8)
            return false;
        uint32_t extension = extension_length(protocol, bytes->data[1]);
        bool is_part = protocol == PROTOCOL_FRAGMENT && (get16(bytes->data + 2) & 0xFFF9) != 0;
        if (extension == 0 || extension > left || is_part)
            return false;
        protocol = bytes->data[0];
        left -= extension;
        if (!skip(bytes, extension))
            return false;
    }
    *length = left;
    return true;
}

static bool take_tcp(struct mqtt_bytes bytes, uint32_t length, struct segment *segment) {
    const uint8_t *header = bytes.data;
    if (bytes.length < 20)
        return false;
    uint32_t header_length = (uint32_t)(header[12] >> 4) * 4;
    if (header_length < 20 || header_length > length)
        return false;
    segment->source.port = get16(header);
    segment->destination.port = get16(header + 2);
    segment->sequence = get32(header + 4);
    segment->acknowledgement = get32(header + 8);
    segment->flags = header[13];
    segment->length = length - header_length;
    if (!skip(&bytes, header_length))
        return false;
    /* What is behind the IP packet's end is padding of the link layer. */
    segment->data = (struct mqtt_bytes){bytes.data, bytes.length < segment->length ? bytes.length : segment->length};
    return true;
}

bool unwrap(int link_type, struct mqtt_bytes packet, struct segment *segment) {
    memset(segment, 0, sizeof *segment);
    const struct link_layer *layer = find_link_layer(link_type);
    if (layer == NULL || packet.length == 0 || !skip_link(layer, &packet) || packet.length == 0)
        return false;
    uint32_t length = 0;
    switch (packet.data[0] >> 4) {
    case 4:
        return skip_ipv4(&packet, segment, &length) && take_tcp(packet, length, segment);
    case 6:
        return skip_ipv6(&packet, segment, &length) && take_tcp(packet, length, segment);
    default:
        return false;
    }
}
