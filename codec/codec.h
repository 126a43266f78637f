/* MQTT bytes to packets and back.
 *
 * The codec is pure: no I/O, no clock, no allocation, no global. What it decodes are views into the caller's
 * bytes, valid as long as those bytes are; payloads are never copied.
 *
 * Receiving goes in two steps. mqtt_frame() tells how long the packet at the start of the received bytes is, from
 * its Fixed Header alone. mqtt_decode() then takes exactly one whole packet. Decoding is strict: what the
 * standard calls malformed is refused, with the statement that it breaks and the offset of the offending byte.
 *
 * Encoding writes what it is told to, also what no well-behaved peer would send: a tester needs that. Only what
 * the wire cannot carry is refused.
 *
 * All three versions share these structures. Properties exist in MQTT 5.0 alone; in earlier versions they are absent
 * (data is NULL). */
#ifndef MQSPEC_CODEC_H
#define MQSPEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/spec.h"

/* ---- Terms ---------------------------------------------------------------------------------------------- */

/* The Protocol Level byte of CONNECT. */
enum mqtt_version { MQTT_VERSION_UNKNOWN = 0, MQTT_3_1 = 3, MQTT_3_1_1 = 4, MQTT_5_0 = 5 };

/* Control Packet types, section 2.2.1 (5.0: 2.1.2). */
enum mqtt_type {
    MQTT_RESERVED = 0,
    MQTT_CONNECT = 1,
    MQTT_CONNACK = 2,
    MQTT_PUBLISH = 3,
    MQTT_PUBACK = 4,
    MQTT_PUBREC = 5,
    MQTT_PUBREL = 6,
    MQTT_PUBCOMP = 7,
    MQTT_SUBSCRIBE = 8,
    MQTT_SUBACK = 9,
    MQTT_UNSUBSCRIBE = 10,
    MQTT_UNSUBACK = 11,
    MQTT_PINGREQ = 12,
    MQTT_PINGRESP = 13,
    MQTT_DISCONNECT = 14,
    MQTT_AUTH = 15, /* MQTT 5.0; reserved before */
    MQTT_TYPE_COUNT = 16
};

/* The statement that holds in this version, where 5.0 and the versions before it number one rule differently. */
#define BY_VERSION(version, before_5, in_5) ((version) == MQTT_5_0 ? (in_5) : (before_5))

/* The side of the connection that sent a packet. */
enum mqtt_side { MQTT_CLIENT, MQTT_SERVER };

/* "CONNECT" ... "AUTH"; "RESERVED" for 0. Type is below MQTT_TYPE_COUNT. */
const char *mqtt_type_name(enum mqtt_type type);

/* "3.1", "3.1.1", "5.0", or "?" for any other value. */
const char *mqtt_version_name(enum mqtt_version version);

/* Bytes that somebody else owns. data is NULL where a field is absent, not NULL where it is empty. */
struct mqtt_bytes {
    const uint8_t *data;
    uint32_t length;
};

/* A view of a C string, without its terminating zero. */
struct mqtt_bytes mqtt_text(const char *text);

/* Same length and same bytes. Absent and empty are equal. */
bool mqtt_equal(struct mqtt_bytes left, struct mqtt_bytes right);

/* ---- Limits of the wire --------------------------------------------------------------------------------- */

#define MQTT_MAXIMUM_REMAINING_LENGTH 268435455u /* four bytes of seven bits, section 2.2.3 */
#define MQTT_MAXIMUM_FIXED_HEADER     5u
#define MQTT_MAXIMUM_PACKET_SIZE      (MQTT_MAXIMUM_REMAINING_LENGTH + MQTT_MAXIMUM_FIXED_HEADER)
#define MQTT_MAXIMUM_STRING           65535u

/* ---- Errors --------------------------------------------------------------------------------------------- */

enum mqtt_error_class {
    MQTT_NO_ERROR,
    MQTT_MALFORMED, /* the bytes do not form a packet as the standard defines it */
    MQTT_PROTOCOL,  /* a well-formed packet that the sender may not send, or not now */
    MQTT_LIMIT,     /* larger or more than this receiver accepts */
    MQTT_USAGE,     /* the caller asked for what the wire cannot carry */
};

/* Why something was refused. One form for codec, broker and monitor. */
struct mqtt_error {
    enum mqtt_error_class error_class;
    enum spec_statement statement; /* the statement broken, or SPEC_NONE where no numbered one applies */
    uint8_t reason_code;           /* the MQTT 5.0 Reason Code that fits, also for earlier versions */
    uint32_t offset;               /* of the offending byte, from the start of the packet */
    const char *what;              /* static; a short sentence without full stop, for people */
};

/* Reason Codes of MQTT 5.0, section 2.4 of 5.0. Values that several packets use under other names stand once. */
enum mqtt_reason {
    MQTT_REASON_SUCCESS = 0x00, /* also Normal disconnection, Granted QoS 0 */
    MQTT_REASON_GRANTED_QOS_1 = 0x01,
    MQTT_REASON_GRANTED_QOS_2 = 0x02,
    MQTT_REASON_DISCONNECT_WITH_WILL_MESSAGE = 0x04,
    MQTT_REASON_NO_MATCHING_SUBSCRIBERS = 0x10,
    MQTT_REASON_NO_SUBSCRIPTION_EXISTED = 0x11,
    MQTT_REASON_CONTINUE_AUTHENTICATION = 0x18,
    MQTT_REASON_RE_AUTHENTICATE = 0x19,
    MQTT_REASON_UNSPECIFIED_ERROR = 0x80,
    MQTT_REASON_MALFORMED_PACKET = 0x81,
    MQTT_REASON_PROTOCOL_ERROR = 0x82,
    MQTT_REASON_IMPLEMENTATION_SPECIFIC_ERROR = 0x83,
    MQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION = 0x84,
    MQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID = 0x85,
    MQTT_REASON_BAD_USER_NAME_OR_PASSWORD = 0x86,
    MQTT_REASON_NOT_AUTHORIZED = 0x87,
    MQTT_REASON_SERVER_UNAVAILABLE = 0x88,
    MQTT_REASON_SERVER_BUSY = 0x89,
    MQTT_REASON_BANNED = 0x8A,
    MQTT_REASON_SERVER_SHUTTING_DOWN = 0x8B,
    MQTT_REASON_BAD_AUTHENTICATION_METHOD = 0x8C,
    MQTT_REASON_KEEP_ALIVE_TIMEOUT = 0x8D,
    MQTT_REASON_SESSION_TAKEN_OVER = 0x8E,
    MQTT_REASON_TOPIC_FILTER_INVALID = 0x8F,
    MQTT_REASON_TOPIC_NAME_INVALID = 0x90,
    MQTT_REASON_PACKET_IDENTIFIER_IN_USE = 0x91,
    MQTT_REASON_PACKET_IDENTIFIER_NOT_FOUND = 0x92,
    MQTT_REASON_RECEIVE_MAXIMUM_EXCEEDED = 0x93,
    MQTT_REASON_TOPIC_ALIAS_INVALID = 0x94,
    MQTT_REASON_PACKET_TOO_LARGE = 0x95,
    MQTT_REASON_MESSAGE_RATE_TOO_HIGH = 0x96,
    MQTT_REASON_QUOTA_EXCEEDED = 0x97,
    MQTT_REASON_ADMINISTRATIVE_ACTION = 0x98,
    MQTT_REASON_PAYLOAD_FORMAT_INVALID = 0x99,
    MQTT_REASON_RETAIN_NOT_SUPPORTED = 0x9A,
    MQTT_REASON_QOS_NOT_SUPPORTED = 0x9B,
    MQTT_REASON_USE_ANOTHER_SERVER = 0x9C,
    MQTT_REASON_SERVER_MOVED = 0x9D,
    MQTT_REASON_SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E,
    MQTT_REASON_CONNECTION_RATE_EXCEEDED = 0x9F,
    MQTT_REASON_MAXIMUM_CONNECT_TIME = 0xA0,
    MQTT_REASON_SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1,
    MQTT_REASON_WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xA2,
};

/* Reason Codes from here on tell of a failure. */
#define MQTT_REASON_FAILURE 0x80u

/* "Packet too large"; NULL for a value that no packet uses. Type tells the names of 0x00 apart. */
const char *mqtt_reason_name(enum mqtt_type type, uint8_t reason_code);

/* Section 2.4 or the packet's table in chapter 3 lists this Reason Code for this packet, whichever side sends it. */
bool mqtt_reason_allowed(enum mqtt_type type, uint8_t reason_code);

/* Return codes of CONNACK before MQTT 5.0, section 3.2.2.3. */
enum mqtt_connect_return_code {
    MQTT_CONNECTION_ACCEPTED = 0,
    MQTT_UNACCEPTABLE_PROTOCOL_VERSION = 1,
    MQTT_IDENTIFIER_REJECTED = 2,
    MQTT_SERVER_UNAVAILABLE = 3,
    MQTT_BAD_USER_NAME_OR_PASSWORD = 4,
    MQTT_NOT_AUTHORIZED = 5,
};

/* Return code of SUBACK for a refused subscription, section 3.9.3. */
#define MQTT_SUBSCRIBE_FAILURE 0x80u

enum mqtt_status {
    MQTT_OK,
    MQTT_INCOMPLETE, /* more bytes are needed */
    MQTT_REFUSED,    /* the error says why */
};

/* ---- Packets -------------------------------------------------------------------------------------------- */

/* Bits of the Connect Flags, section 3.1.2.3. */
enum mqtt_connect_flag {
    MQTT_CONNECT_RESERVED = 0x01,
    MQTT_CONNECT_CLEAN_SESSION = 0x02, /* 5.0: Clean Start */
    MQTT_CONNECT_WILL = 0x04,
    MQTT_CONNECT_WILL_QOS = 0x18,
    MQTT_CONNECT_WILL_QOS_SHIFT = 3,
    MQTT_CONNECT_WILL_RETAIN = 0x20,
    MQTT_CONNECT_PASSWORD = 0x40,
    MQTT_CONNECT_USER_NAME = 0x80,
};

/* Bits of the first byte of PUBLISH, section 3.3.1. */
enum mqtt_publish_flag {
    MQTT_PUBLISH_RETAIN = 0x01,
    MQTT_PUBLISH_QOS = 0x06,
    MQTT_PUBLISH_QOS_SHIFT = 1,
    MQTT_PUBLISH_DUP = 0x08,
};

/* Bits of the Subscription Options of 5.0, section 3.8.3.1 there; before, the byte is the requested QoS alone. */
enum mqtt_subscription_option {
    MQTT_SUBSCRIBE_QOS = 0x03,
    MQTT_SUBSCRIBE_NO_LOCAL = 0x04,
    MQTT_SUBSCRIBE_RETAIN_AS_PUBLISHED = 0x08,
    MQTT_SUBSCRIBE_RETAIN_HANDLING = 0x30,
    MQTT_SUBSCRIBE_RETAIN_HANDLING_SHIFT = 4,
    MQTT_SUBSCRIBE_RESERVED = 0xC0,
};

/* Properties, wherever they stand below, are still encoded, without the Property Length in front: read them with
 * mqtt_next_property(). Where 5.0 lets a packet end before its Property Length, they are absent (data is NULL) when it
 * does; everywhere else of 5.0 absent and empty are written alike. */

/* Section 3.1. The flags are the byte on the wire; a payload field is on the wire exactly when its data is not
 * NULL. Decoding makes the two agree or refuses; encoding takes them as given. */
struct mqtt_connect {
    struct mqtt_bytes protocol_name;
    uint8_t protocol_level; /* a version this codec knows, or any other value: the server has to answer that */
    uint8_t flags;
    uint16_t keep_alive; /* seconds, 0 switches it off */
    struct mqtt_bytes properties;
    struct mqtt_bytes client_identifier;
    struct mqtt_bytes will_properties;
    struct mqtt_bytes will_topic;
    struct mqtt_bytes will_message;
    struct mqtt_bytes user_name;
    struct mqtt_bytes password;
};

/* Section 3.2. */
struct mqtt_connack {
    uint8_t acknowledge_flags; /* bit 0: Session Present; reserved in MQTT 3.1 */
    uint8_t code;              /* return code, 5.0: Reason Code */
    struct mqtt_bytes properties;
};

/* Section 3.3. DUP, QoS and RETAIN are the flags of the packet. */
struct mqtt_publish {
    struct mqtt_bytes topic;
    uint16_t packet_identifier; /* on the wire only when QoS is 1 or 2 */
    struct mqtt_bytes properties;
    struct mqtt_bytes payload;
};

/* PUBACK, PUBREC, PUBREL, PUBCOMP, and before 5.0 UNSUBACK. Sections 3.4 to 3.7, 3.11. In 5.0 the Reason Code is left
 * out on the wire when it is 0 and the properties are absent. */
struct mqtt_acknowledgement {
    uint16_t packet_identifier;
    uint8_t reason_code; /* 0 before 5.0 */
    struct mqtt_bytes properties;
};

/* Section 3.8: pairs of Topic Filter and options byte, still encoded; read them with mqtt_next_filter(). */
struct mqtt_subscribe {
    uint16_t packet_identifier;
    struct mqtt_bytes properties;
    struct mqtt_bytes filters;
    uint32_t count; /* set by decoding, not read by encoding */
};

/* Section 3.9; also UNSUBACK of 5.0. One code a filter. */
struct mqtt_suback {
    uint16_t packet_identifier;
    struct mqtt_bytes properties;
    struct mqtt_bytes codes;
};

/* Section 3.10: Topic Filters, still encoded; read them with mqtt_next_filter(). */
struct mqtt_unsubscribe {
    uint16_t packet_identifier;
    struct mqtt_bytes properties;
    struct mqtt_bytes filters;
    uint32_t count; /* set by decoding, not read by encoding */
};

/* DISCONNECT and AUTH of 5.0, sections 3.14 and 3.15; before 5.0 DISCONNECT has no content. The Reason Code is left out
 * on the wire when it is 0 and the properties are absent. AUTH may not end between the two: its properties are then to
 * be empty, not absent. */
struct mqtt_disconnect {
    uint8_t reason_code;
    struct mqtt_bytes properties;
};

/* Any Control Packet. `flags` is the low nibble of the first byte. PINGREQ and PINGRESP have no content. */
struct mqtt_packet {
    enum mqtt_type type;
    uint8_t flags;
    union {
        struct mqtt_connect connect;
        struct mqtt_connack connack;
        struct mqtt_publish publish;
        struct mqtt_acknowledgement acknowledgement;
        struct mqtt_subscribe subscribe;
        struct mqtt_suback suback;
        struct mqtt_unsubscribe unsubscribe;
        struct mqtt_disconnect disconnect;
    };
};

/* The flags that section 2.2.2 asks for with a type: 2 for PUBREL, SUBSCRIBE and UNSUBSCRIBE, else 0. */
uint8_t mqtt_required_flags(enum mqtt_type type);

static inline uint8_t mqtt_publish_qos(uint8_t flags) {
    return (flags & MQTT_PUBLISH_QOS) >> MQTT_PUBLISH_QOS_SHIFT;
}
static inline uint8_t mqtt_will_qos(uint8_t connect_flags) {
    return (connect_flags & MQTT_CONNECT_WILL_QOS) >> MQTT_CONNECT_WILL_QOS_SHIFT;
}

/* ---- Properties of MQTT 5.0 ------------------------------------------------------------------------------- */

/* Identifiers on the wire, section 2.2.2.2 of 5.0. */
enum mqtt_property_identifier {
    MQTT_PAYLOAD_FORMAT_INDICATOR = 0x01,
    MQTT_MESSAGE_EXPIRY_INTERVAL = 0x02,
    MQTT_CONTENT_TYPE = 0x03,
    MQTT_RESPONSE_TOPIC = 0x08,
    MQTT_CORRELATION_DATA = 0x09,
    MQTT_SUBSCRIPTION_IDENTIFIER = 0x0B,
    MQTT_SESSION_EXPIRY_INTERVAL = 0x11,
    MQTT_ASSIGNED_CLIENT_IDENTIFIER = 0x12,
    MQTT_SERVER_KEEP_ALIVE = 0x13,
    MQTT_AUTHENTICATION_METHOD = 0x15,
    MQTT_AUTHENTICATION_DATA = 0x16,
    MQTT_REQUEST_PROBLEM_INFORMATION = 0x17,
    MQTT_WILL_DELAY_INTERVAL = 0x18,
    MQTT_REQUEST_RESPONSE_INFORMATION = 0x19,
    MQTT_RESPONSE_INFORMATION = 0x1A,
    MQTT_SERVER_REFERENCE = 0x1C,
    MQTT_REASON_STRING = 0x1F,
    MQTT_RECEIVE_MAXIMUM = 0x21,
    MQTT_TOPIC_ALIAS_MAXIMUM = 0x22,
    MQTT_TOPIC_ALIAS = 0x23,
    MQTT_MAXIMUM_QOS = 0x24,
    MQTT_RETAIN_AVAILABLE = 0x25,
    MQTT_USER_PROPERTY = 0x26,
    MQTT_MAXIMUM_PACKET_SIZE_PROPERTY = 0x27,
    MQTT_WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28,
    MQTT_SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29,
    MQTT_SHARED_SUBSCRIPTION_AVAILABLE = 0x2A,
    MQTT_PROPERTY_COUNT = 0x2B /* identifiers are below */
};

enum mqtt_property_form {
    MQTT_NO_PROPERTY, /* the identifier is not defined */
    MQTT_BYTE,
    MQTT_TWO_BYTE_INTEGER,
    MQTT_FOUR_BYTE_INTEGER,
    MQTT_VARIABLE_BYTE_INTEGER,
    MQTT_UTF8_STRING,
    MQTT_BINARY_DATA,
    MQTT_UTF8_STRING_PAIR,
    MQTT_PROPERTY_FORM_COUNT
};

/* Where a set of properties stands: in a packet of a type, or as the Will Properties of CONNECT. */
#define MQTT_IN(type)           (1u << (type))
#define MQTT_IN_WILL_PROPERTIES MQTT_IN(MQTT_RESERVED)

/* A row of Table 2-4 of 5.0, and what the sections on the packets add to it. */
struct mqtt_property_kind {
    const char *name; /* "topic_alias" */
    enum mqtt_property_form form;
    uint32_t places;           /* MQTT_IN() of each set of properties in which it may stand */
    uint32_t repeated;         /* those among them where it may stand more than once */
    uint32_t minimum, maximum; /* of a number */
};

/* NULL for an identifier that is not defined. */
const struct mqtt_property_kind *mqtt_property_kind(uint8_t identifier);

struct mqtt_property {
    uint8_t identifier;
    uint32_t number;         /* of the four integer forms */
    struct mqtt_bytes bytes; /* of a string or binary data; of a string pair the name */
    struct mqtt_bytes value; /* of a string pair */
};

/* Takes the next property from a decoded set and moves `properties` behind it. Views point into the set. False at the
 * end, or where the bytes do not hold a further property. */
bool mqtt_next_property(struct mqtt_bytes *properties, struct mqtt_property *property);

/* The first property with that identifier. False where there is none; *property is then undefined. */
bool mqtt_find_property(struct mqtt_bytes properties, enum mqtt_property_identifier identifier,
                        struct mqtt_property *property);

/* Its number, or `otherwise` where there is none. */
uint32_t mqtt_property_number(struct mqtt_bytes properties, enum mqtt_property_identifier identifier,
                              uint32_t otherwise);

/* Its string or binary data; absent where there is none. */
struct mqtt_bytes mqtt_property_bytes(struct mqtt_bytes properties, enum mqtt_property_identifier identifier);

/* Appends a property to a set at buffer[*length]. Its number is written in the width of its form, whatever it is;
 * properties that are not defined are written as an identifier alone. False, and nothing written, when it does not fit
 * or a string is too long. */
bool mqtt_append_property(uint8_t *buffer, size_t capacity, size_t *length, const struct mqtt_property *property);

/* The properties of a packet, absent where its type has none; the Will Properties are not among them. */
struct mqtt_bytes mqtt_packet_properties(const struct mqtt_packet *packet);

/* The Reason Code of a packet that has one; 0 for others and for SUBACK and UNSUBACK, which have several. */
uint8_t mqtt_packet_reason(const struct mqtt_packet *packet);

/* The ShareName and the Topic Filter of a Shared Subscription, section 4.8.2 of 5.0: false for a filter that does not
 * begin with $share/ or lacks one of the two parts. */
bool mqtt_shared_filter(struct mqtt_bytes filter, struct mqtt_bytes *share_name, struct mqtt_bytes *topic_filter);

/* ---- Who sends what ----------------------------------------------------------------------------------------- */

/* The side that may send packets of this type; both may send PUBLISH and its acknowledgements (and in 5.0
 * DISCONNECT and AUTH). */
bool mqtt_may_send(enum mqtt_side side, enum mqtt_version version, enum mqtt_type type);

/* ---- Receiving ------------------------------------------------------------------------------------------ */

/* How to judge what one side of a connection sends. */
struct mqtt_decoder {
    enum mqtt_version version;    /* of the connection; MQTT_VERSION_UNKNOWN until its CONNECT: only CONNECT decodes */
    enum mqtt_side sender;        /* what only the other side may send is refused */
    uint32_t maximum_packet_size; /* whole packets larger than this are refused; 0 for no limit but the wire's */
    struct spec_rules *rules;     /* statements that are off are let pass; never NULL */
};

/* The Fixed Header of a packet, section 2.2. */
struct mqtt_frame {
    uint8_t first_byte;
    uint8_t header_size;       /* 2 to 5 */
    uint32_t remaining_length; /* 0 to MQTT_MAXIMUM_REMAINING_LENGTH */
    uint32_t packet_size;      /* header and rest together */
};

/* Reads the Fixed Header at the start of `bytes`.
 * MQTT_OK: *frame is filled. The packet is whole when bytes.length >= frame->packet_size.
 * MQTT_INCOMPLETE: the Fixed Header itself is cut; come back with more bytes. *frame and *error are untouched.
 * MQTT_REFUSED: *error says why: a fifth length byte, flags that the type does not allow, a reserved type, a type
 * that this side may not send, or a packet over the limit. Nothing that follows can be trusted. The flags of CONNECT
 * are judged in mqtt_decode(), since versions differ on them.
 * An answer never changes when more bytes come. */
enum mqtt_status mqtt_frame(const struct mqtt_decoder *decoder, struct mqtt_bytes bytes, struct mqtt_frame *frame,
                            struct mqtt_error *error);

/* Decodes one packet. `bytes` is exactly one whole packet as mqtt_frame() measured it, Fixed Header included.
 * MQTT_OK: *packet is filled with views into `bytes`. A CONNECT with a protocol name or level that the codec does
 * not know is MQTT_OK too, with protocol_name and protocol_level set and all else absent: the server has to
 * answer it. Its rest cannot be judged.
 * MQTT_REFUSED: *error is filled and *packet is undefined.
 * Never MQTT_INCOMPLETE. */
enum mqtt_status mqtt_decode(const struct mqtt_decoder *decoder, struct mqtt_bytes bytes, struct mqtt_packet *packet,
                             struct mqtt_error *error);

/* Both in one go, for whoever has many packets in a row: frames and decodes the packet at the start of `bytes`.
 * MQTT_OK: *packet is filled, and *packet_size says where the next one begins.
 * MQTT_INCOMPLETE: come back with more bytes. *packet_size is the size of the whole packet, 0 while that is unknown.
 * MQTT_REFUSED: *error says why. *packet_size is 0 where the Fixed Header itself was refused. */
enum mqtt_status mqtt_next(const struct mqtt_decoder *decoder, struct mqtt_bytes bytes, struct mqtt_packet *packet,
                           uint32_t *packet_size, struct mqtt_error *error);

/* Takes the next entry from the filters of a decoded SUBSCRIBE or UNSUBSCRIBE and moves `filters` behind it.
 * `options` receives the byte behind a SUBSCRIBE filter; it is NULL for UNSUBSCRIBE, whose filters have none.
 * False at the end, or where the bytes do not hold a further entry. */
bool mqtt_next_filter(struct mqtt_bytes *filters, struct mqtt_bytes *filter, uint8_t *options);

/* ---- Sending -------------------------------------------------------------------------------------------- */

/* Bytes that mqtt_encode() would write, Fixed Header included; 0 where the wire cannot carry the packet: a
 * string over MQTT_MAXIMUM_STRING, or a Remaining Length over MQTT_MAXIMUM_REMAINING_LENGTH. */
size_t mqtt_encoded_size(enum mqtt_version version, const struct mqtt_packet *packet);

/* Writes the packet to `buffer` and returns the number of bytes; 0 where the wire cannot carry it or it does not
 * fit into `capacity`, and then nothing is written. For CONNECT the version is that of the packet's own
 * protocol_level. */
size_t mqtt_encode(enum mqtt_version version, const struct mqtt_packet *packet, uint8_t *buffer, size_t capacity);

/* What a sender of 5.0 leaves out of a packet that would exceed the receiver's Maximum Packet Size. */
enum mqtt_omission { MQTT_OMIT_NOTHING = 0, MQTT_OMIT_USER_PROPERTIES = 1, MQTT_OMIT_REASON_STRING = 2 };

/* The fewest omissions, of enum mqtt_omission, that bring the packet down to `maximum_packet_size` (0: no limit).
 * False where none does, as for PUBLISH, whose User Properties belong to the message. Sections 3.2.2.3.9, 3.2.2.3.10
 * and their like. */
bool mqtt_omission_to_fit(enum mqtt_version version, const struct mqtt_packet *packet, uint32_t maximum_packet_size,
                          unsigned *omission);

/* As mqtt_encoded_size() and mqtt_encode(), without the properties that `omission` names. */
size_t mqtt_encoded_size_without(enum mqtt_version version, const struct mqtt_packet *packet, unsigned omission);
size_t mqtt_encode_without(enum mqtt_version version, const struct mqtt_packet *packet, unsigned omission,
                           uint8_t *buffer, size_t capacity);

/* Writes all of a PUBLISH that comes before its payload, for callers that send the payload from where it lies.
 * Returns as mqtt_encode() does; the Remaining Length counts the payload. */
size_t mqtt_encode_publish_header(enum mqtt_version version, const struct mqtt_packet *packet, uint8_t *buffer,
                                  size_t capacity);

/* Appends one entry to a list of filters at buffer[*length], as SUBSCRIBE (options not NULL) or UNSUBSCRIBE
 * (options NULL) wants it. False, and nothing written, when it does not fit or the filter is too long. */
bool mqtt_append_filter(uint8_t *buffer, size_t capacity, size_t *length, struct mqtt_bytes filter,
                        const uint8_t *options);

/* ---- Strings and topics --------------------------------------------------------------------------------- */

/* What is wrong with a string. */
enum mqtt_text_fault {
    MQTT_TEXT_FINE,
    MQTT_TEXT_ILL_FORMED, /* not UTF-8: stray or missing continuation, overlong, surrogate, above U+10FFFF */
    MQTT_TEXT_NULL,       /* holds U+0000 */
};

/* Checks a UTF-8 encoded string, section 1.5.3. `offset`, if not NULL, receives where the first fault begins. */
enum mqtt_text_fault mqtt_check_text(struct mqtt_bytes text, uint32_t *offset);

/* A Topic Name, section 4.7: not empty and without + and #. The text itself is not checked again. */
bool mqtt_topic_name_valid(struct mqtt_bytes topic);

/* A Topic Filter, section 4.7.1: not empty, + alone in its level, # alone in the last. The text itself is not
 * checked again. */
bool mqtt_topic_filter_valid(struct mqtt_bytes filter);

/* The filter holds + or #. */
bool mqtt_topic_filter_has_wildcard(struct mqtt_bytes filter);

/* A valid Topic Name matches a valid Topic Filter, sections 4.7.1 and 4.7.2: byte for byte, and a leading
 * wildcard does not match a leading $. The plain form, to judge others by; the broker's tree has its own. */
bool mqtt_topic_matches(struct mqtt_bytes filter, struct mqtt_bytes topic);

/* ---- For people and scripts ----------------------------------------------------------------------------- */

enum mqtt_field_kind { MQTT_FIELD_NUMBER, MQTT_FIELD_TEXT, MQTT_FIELD_BINARY, MQTT_FIELD_FLAG, MQTT_FIELD_PAIR };

/* One field of a packet, by its name in the standard in lower case with underscores: "packet_identifier". */
struct mqtt_field {
    const char *name;
    enum mqtt_field_kind kind;
    uint32_t number;         /* for NUMBER and FLAG */
    struct mqtt_bytes bytes; /* for TEXT and BINARY; of a PAIR the name */
    struct mqtt_bytes value; /* for PAIR */
};

typedef void mqtt_field_visitor(void *context, const struct mqtt_field *field);

/* Calls `visit` for each field that is on the wire, in wire order; filters and their options in pairs; each property by
 * its name in the standard. What text and JSON forms of a packet are made from. */
void mqtt_visit_fields(enum mqtt_version version, const struct mqtt_packet *packet, mqtt_field_visitor *visit,
                       void *context);

/* Writes the packet on one line, as in
 * "PUBLISH qos=1 dup=0 retain=0 topic=\"a/b\" packet_identifier=7 payload=\"hello\"". Text is escaped so that the line
 * is printable ASCII but for well-formed UTF-8; a long text or payload is cut and its length told. Always ends with a
 * zero when capacity > 0. Returns the length of what was written, without the zero. */
size_t mqtt_describe(enum mqtt_version version, const struct mqtt_packet *packet, char *buffer, size_t capacity);

#endif
