/* Reason Codes of MQTT 5.0: section 2.4 there, and the table of each packet in chapter 3. */
#include "codec/codec.h"

#define CONNACK_    MQTT_IN(MQTT_CONNACK)
#define PUBACK_     MQTT_IN(MQTT_PUBACK)
#define PUBREC_     MQTT_IN(MQTT_PUBREC)
#define RECEIPTS_   (PUBACK_ | PUBREC_)
#define RELEASES_   (MQTT_IN(MQTT_PUBREL) | MQTT_IN(MQTT_PUBCOMP))
#define SUBACK_     MQTT_IN(MQTT_SUBACK)
#define UNSUBACK_   MQTT_IN(MQTT_UNSUBACK)
#define DISCONNECT_ MQTT_IN(MQTT_DISCONNECT)
#define AUTH_       MQTT_IN(MQTT_AUTH)

/* Where section 2.4 and the table of a packet differ, what one of them allows is allowed: section 2.4 gives 0x8C to
 * DISCONNECT, too. */
struct reason_kind {
    uint8_t reason_code;
    const char *name;
    uint32_t packets; /* MQTT_IN() of each that has it */
};

/* clang-format off: one Reason Code a line, in their order */
static const struct reason_kind kinds[] = {
    {0x00, "Success", CONNACK_ | RECEIPTS_ | RELEASES_ | UNSUBACK_ | AUTH_},
    {0x00, "Normal disconnection", DISCONNECT_},
    {0x00, "Granted QoS 0", SUBACK_},
    {0x01, "Granted QoS 1", SUBACK_},
    {0x02, "Granted QoS 2", SUBACK_},
    {0x04, "Disconnect with Will Message", DISCONNECT_},
    {0x10, "No matching subscribers", RECEIPTS_},
    {0x11, "No subscription existed", UNSUBACK_},
    {0x18, "Continue authentication", AUTH_},
    {0x19, "Re-authenticate", AUTH_},
    {0x80, "Unspecified error", CONNACK_ | RECEIPTS_ | SUBACK_ | UNSUBACK_ | DISCONNECT_},
    {0x81, "Malformed Packet", CONNACK_ | DISCONNECT_},
    {0x82, "Protocol Error", CONNACK_ | DISCONNECT_},
    {0x83, "Implementation specific error", CONNACK_ | RECEIPTS_ | SUBACK_ | UNSUBACK_ | DISCONNECT_},
    {0x84, "Unsupported Protocol Version", CONNACK_},
    {0x85, "Client Identifier not valid", CONNACK_},
    {0x86, "Bad User Name or Password", CONNACK_},
    {0x87, "Not authorized", CONNACK_ | RECEIPTS_ | SUBACK_ | UNSUBACK_ | DISCONNECT_},
    {0x88, "Server unavailable", CONNACK_},
    {0x89, "Server busy", CONNACK_ | DISCONNECT_},
    {0x8A, "Banned", CONNACK_},
    {0x8B, "Server shutting down", DISCONNECT_},
    {0x8C, "Bad authentication method", CONNACK_ | DISCONNECT_},
    {0x8D, "Keep Alive timeout", DISCONNECT_},
    {0x8E, "Session taken over", DISCONNECT_},
    {0x8F, "Topic Filter invalid", SUBACK_ | UNSUBACK_ | DISCONNECT_},
    {0x90, "Topic Name invalid", CONNACK_ | RECEIPTS_ | DISCONNECT_},
    {0x91, "Packet Identifier in use", RECEIPTS_ | SUBACK_ | UNSUBACK_},
    {0x92, "Packet Identifier not found", RELEASES_},
    {0x93, "Receive Maximum exceeded", DISCONNECT_},
    {0x94, "Topic Alias invalid", DISCONNECT_},
    {0x95, "Packet too large", CONNACK_ | DISCONNECT_},
    {0x96, "Message rate too high", DISCONNECT_},
    {0x97, "Quota exceeded", CONNACK_ | RECEIPTS_ | SUBACK_ | DISCONNECT_},
    {0x98, "Administrative action", DISCONNECT_},
    {0x99, "Payload format invalid", CONNACK_ | RECEIPTS_ | DISCONNECT_},
    {0x9A, "Retain not supported", CONNACK_ | DISCONNECT_},
    {0x9B, "QoS not supported", CONNACK_ | DISCONNECT_},
    {0x9C, "Use another server", CONNACK_ | DISCONNECT_},
    {0x9D, "Server moved", CONNACK_ | DISCONNECT_},
    {0x9E, "Shared Subscriptions not supported", SUBACK_ | DISCONNECT_},
    {0x9F, "Connection rate exceeded", CONNACK_ | DISCONNECT_},
    {0xA0, "Maximum connect time", DISCONNECT_},
    {0xA1, "Subscription Identifiers not supported", SUBACK_ | DISCONNECT_},
    {0xA2, "Wildcard Subscriptions not supported", SUBACK_ | DISCONNECT_},
};
/* clang-format on */

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

const char *mqtt_reason_name(enum mqtt_type type, uint8_t reason_code) {
    const char *name = NULL;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].reason_code != reason_code)
            continue;
        if ((kinds[i].packets & MQTT_IN(type)) != 0)
            return kinds[i].name;
        if (name == NULL)
            name = kinds[i].name;
    }
    return name;
}

bool mqtt_reason_allowed(enum mqtt_type type, uint8_t reason_code) {
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (kinds[i].reason_code == reason_code && (kinds[i].packets & MQTT_IN(type)) != 0)
            return true;
    return false;
}

/* ---- Of a packet of any type -------------------------------------------------------------------------------- */

struct mqtt_bytes mqtt_packet_properties(const struct mqtt_packet *packet) {
    switch (packet->type) {
    case MQTT_CONNECT:
        return packet->connect.properties;
    case MQTT_CONNACK:
        return packet->connack.properties;
    case MQTT_PUBLISH:
        return packet->publish.properties;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        return packet->acknowledgement.properties;
    case MQTT_SUBSCRIBE:
        return packet->subscribe.properties;
    case MQTT_SUBACK:
    case MQTT_UNSUBACK: /* before 5.0 it has none, and they are absent */
        return packet->suback.properties;
    case MQTT_UNSUBSCRIBE:
        return packet->unsubscribe.properties;
    case MQTT_DISCONNECT:
    case MQTT_AUTH:
        return packet->disconnect.properties;
    default:
        return (struct mqtt_bytes){NULL, 0};
    }
}

uint8_t mqtt_packet_reason(const struct mqtt_packet *packet) {
    switch (packet->type) {
    case MQTT_CONNACK:
        return packet->connack.code;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        return packet->acknowledgement.reason_code;
    case MQTT_DISCONNECT:
    case MQTT_AUTH:
        return packet->disconnect.reason_code;
    default:
        return 0;
    }
}
