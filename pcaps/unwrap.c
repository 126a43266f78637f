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
    ETHER_MPLS = 0x8847,
    ETHER_PPPOE = 0x8864,
};

enum ppp_protocol { PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057, PPP_MPLS = 0x0281 };

enum protocol {
    PROTOCOL_HOP_BY_HOP = 0,
    PROTOCOL_TCP = 6,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_AUTHENTICATION = 51,
    PROTOCOL_DESTINATION = 60,
    PROTOCOL_MOBILITY = 135,
};

enum naming {
    NAMED_BY_TYPE,    /* by an Ethernet type */
    NAMED_BY_PPP,     /* by PPP, which comes behind the header */
    NAMED_BY_VERSION, /* by nothing but the version in the IP header itself */
};

/* Where the network layer begins, and what names it. */
struct link_layer {
    int link_type;
    uint32_t header;
    enum naming naming;
    uint32_t type_at;
};

static const struct link_layer link_layers[] = {
    /* type        header  named by           at */
    {DLT_EN10MB, 14, NAMED_BY_TYPE, 12},    /* Ethernet */
    {DLT_LINUX_SLL, 16, NAMED_BY_TYPE, 14}, /* Linux cooked capture */
    {DLT_LINUX_SLL2, 20, NAMED_BY_TYPE, 0}, /* the same, version 2 */
    {DLT_NULL, 4, NAMED_BY_VERSION, 0},     /* BSD loopback: the family's number differs between systems */
    {DLT_LOOP, 4, NAMED_BY_VERSION, 0},     /* OpenBSD loopback */
    {DLT_ENC, 12, NAMED_BY_VERSION, 0},     /* what IPsec carried, on the BSDs */
    {DLT_RAW, 0, NAMED_BY_VERSION, 0},      /* IP alone */
    {DLT_IPV4, 0, NAMED_BY_VERSION, 0},     {DLT_IPV6, 0, NAMED_BY_VERSION, 0},
    {101, 0, NAMED_BY_VERSION, 0}, /* the number that raw IP has in files */
    {14, 0, NAMED_BY_VERSION, 0},  /* raw IP on OpenBSD */
    {DLT_PPP, 0, NAMED_BY_PPP, 0},          {DLT_PPP_SERIAL, 0, NAMED_BY_PPP, 0}, /* in HDLC */
    {DLT_PPP_WITH_DIR, 1, NAMED_BY_PPP, 0}, /* behind a byte that tells the direction */
    {DLT_PPP_ETHER, 6, NAMED_BY_PPP, 0},    /* PPPoE, the session's packets */
    {DLT_C_HDLC, 4, NAMED_BY_TYPE, 2},      /* of Cisco */
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

/* Takes off the labels up to the one that says it is the last. */
static bool skip_mpls(struct mqtt_bytes *bytes) {
    bool is_last = false;
    while (!is_last) {
        if (bytes->length < 4)
            return false;
        is_last = (bytes->data[2] & 1) != 0;
        skip(bytes, 4);
    }
    return true;
}

/* Takes off the frame of HDLC, where it is there, and the protocol. Both sides may have agreed to leave out the former,
 * and the latter's first byte. */
static bool skip_ppp(struct mqtt_bytes *bytes) {
    if (bytes->length >= 2 && bytes->data[0] == 0xFF && bytes->data[1] == 0x03)
        skip(bytes, 2);
    if (bytes->length < 2)
        return false;
    bool is_short = (bytes->data[0] & 1) != 0;
    uint16_t protocol = is_short ? bytes->data[0] : get16(bytes->data);
    skip(bytes, is_short ? 1 : 2);
    return protocol == PPP_IPV4 || protocol == PPP_IPV6 || (protocol == PPP_MPLS && skip_mpls(bytes));
}

/* Takes off what stands between a header of this type and IP: tags of VLANs, and more. */
static bool skip_to_ip(uint16_t type, struct mqtt_bytes *bytes) {
    while (type == ETHER_VLAN || type == ETHER_VLAN_SERVICE || type == ETHER_VLAN_OLD) {
        if (bytes->length < 4)
            return false;
        type = get16(bytes->data + 2);
        skip(bytes, 4);
    }
    switch (type) {
    case ETHER_IPV4:
    case ETHER_IPV6:
        return true;
    case ETHER_MPLS:
        return skip_mpls(bytes);
    case ETHER_PPPOE:
        return skip(bytes, 6) && skip_ppp(bytes);
    default:
        return false;
    }
}

static bool skip_link(const struct link_layer *layer, struct mqtt_bytes *bytes) {
    if (bytes->length < layer->header)
        return false;
    const uint8_t *header = bytes->data;
    skip(bytes, layer->header);
    switch (layer->naming) {
    case NAMED_BY_TYPE:
        return skip_to_ip(get16(header + layer->type_at), bytes);
    case NAMED_BY_PPP:
        return skip_ppp(bytes);
    default:
        return true;
    }
}

/* An IP packet, its header taken off. */
struct datagram {
    struct mqtt_bytes payload; /* as captured */
    uint32_t length;           /* of the payload on the wire */
    uint8_t protocol;          /* that the payload begins with */
    bool is_part;
};

static bool skip_ipv4(struct mqtt_bytes bytes, struct segment *segment, struct fragment *fragment,
                      struct datagram *datagram) {
    const uint8_t *header = bytes.data;
    if (bytes.length < 20)
        return false;
    uint32_t header_length = (header[0] & 0x0Fu) * 4;
    uint32_t total = get16(header + 2);
    uint16_t place = get16(header + 6);
    if (header_length < 20)
        return false;
    /* A network card that cuts segments itself leaves 0 for what is over 65,535. */
    if (total == 0)
        total = bytes.length;
    if (total < header_length || !skip(&bytes, header_length))
        return false;
    memcpy(segment->source.address, header + 12, 4);
    memcpy(segment->destination.address, header + 16, 4);
    *datagram = (struct datagram){bytes, total - header_length, header[9], (place & 0x3FFF) != 0};
    if (datagram->is_part) {
        fragment->identification = get16(header + 4);
        fragment->offset = (place & 0x1FFFu) * 8;
        fragment->is_last = (place & 0x2000) == 0;
    }
    return true;
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

/* Takes off extension headers, up to TCP or up to that of a fragment, which is taken off too. */
static bool skip_extensions(struct datagram *datagram, struct fragment *fragment) {
    /* Each turn takes at least eight bytes, so the packet's own length bounds the loop. */
    while (datagram->protocol != PROTOCOL_TCP && !datagram->is_part) {
        const uint8_t *header = datagram->payload.data;
        if (datagram->payload.length < 8)
            return false;
        uint32_t extension = extension_length(datagram->protocol, header[1]);
        if (extension == 0 || extension > datagram->length || !skip(&datagram->payload, extension))
            return false;
        uint16_t place = get16(header + 2);
        datagram->is_part = datagram->protocol == PROTOCOL_FRAGMENT && (place & 0xFFF9) != 0;
        if (datagram->is_part) {
            fragment->identification = get32(header + 4);
            fragment->offset = place & 0xFFF8u;
            fragment->is_last = (place & 1) == 0;
        }
        datagram->protocol = header[0];
        datagram->length -= extension;
    }
    return true;
}

static bool skip_ipv6(struct mqtt_bytes bytes, struct segment *segment, struct fragment *fragment,
                      struct datagram *datagram) {
    const uint8_t *header = bytes.data;
    if (bytes.length < 40)
        return false;
    uint32_t length = get16(header + 4);
    memcpy(segment->source.address, header + 8, 16);
    memcpy(segment->destination.address, header + 24, 16);
    segment->source.is_ipv6 = segment->destination.is_ipv6 = 1;
    skip(&bytes, 40);
    *datagram = (struct datagram){bytes, length != 0 ? length : bytes.length, header[6], false};
    return skip_extensions(datagram, fragment);
}

static bool take_tcp(const struct datagram *datagram, struct segment *segment) {
    struct mqtt_bytes bytes = datagram->payload;
    uint32_t length = datagram->length;
    const uint8_t *header = bytes.data;
    if (datagram->protocol != PROTOCOL_TCP || bytes.length < 20)
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

/* Only what was captured whole can be put together. What is behind the IP packet's end is padding of the link layer.
 * TCP can stand behind extension headers of IPv6 alone. */
static enum unwrapped take_fragment(const struct datagram *datagram, const struct segment *segment,
                                    struct fragment *fragment) {
    bool may_hold_tcp =
        datagram->protocol == PROTOCOL_TCP || (segment->source.is_ipv6 && extension_length(datagram->protocol, 0) > 0);
    fragment->source = segment->source;
    fragment->destination = segment->destination;
    fragment->protocol = datagram->protocol;
    fragment->data = (struct mqtt_bytes){datagram->payload.data, datagram->length};
    return may_hold_tcp && datagram->payload.length >= datagram->length ? UNWRAPPED_FRAGMENT : UNWRAPPED_NOTHING;
}

enum unwrapped unwrap(int link_type, struct mqtt_bytes packet, struct segment *segment, struct fragment *fragment) {
    struct datagram datagram;
    const struct link_layer *layer = find_link_layer(link_type);
    memset(segment, 0, sizeof *segment);
    if (layer == NULL || packet.length == 0 || !skip_link(layer, &packet) || packet.length == 0)
        return UNWRAPPED_NOTHING;
    bool is_ip = false;
    switch (packet.data[0] >> 4) {
    case 4:
        is_ip = skip_ipv4(packet, segment, fragment, &datagram);
        break;
    case 6:
        is_ip = skip_ipv6(packet, segment, fragment, &datagram);
        break;
    default:
        break;
    }
    if (!is_ip)
        return UNWRAPPED_NOTHING;
    if (datagram.is_part)
        return take_fragment(&datagram, segment, fragment);
    return take_tcp(&datagram, segment) ? UNWRAPPED_SEGMENT : UNWRAPPED_NOTHING;
}

bool unwrap_whole(const struct fragment *fragment, struct mqtt_bytes payload, struct segment *segment) {
    struct datagram datagram = {payload, payload.length, fragment->protocol, false};
    struct fragment within; /* no fragment has fragments */
    memset(segment, 0, sizeof *segment);
    segment->source = fragment->source;
    segment->destination = fragment->destination;
    if (fragment->source.is_ipv6 && !skip_extensions(&datagram, &within))
        return false;
    return !datagram.is_part && take_tcp(&datagram, segment);
}
