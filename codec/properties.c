/* Properties of MQTT 5.0, section 2.2.2 there. What the standard gives as a table is the table `kinds` here. */
#include "codec/codec.h"

#include "codec/decode.h"
#include "codec/text.h"
#include "codec/topic.h"
#include "codec/writer.h"

#define CONNECT_    MQTT_IN(MQTT_CONNECT)
#define CONNACK_    MQTT_IN(MQTT_CONNACK)
#define PUBLISH_    MQTT_IN(MQTT_PUBLISH)
#define SUBSCRIBE_  MQTT_IN(MQTT_SUBSCRIBE)
#define DISCONNECT_ MQTT_IN(MQTT_DISCONNECT)
#define AUTH_       MQTT_IN(MQTT_AUTH)
#define WILL_       MQTT_IN_WILL_PROPERTIES
#define ANSWERS_                                                                                                       \
    (CONNACK_ | MQTT_IN(MQTT_PUBACK) | MQTT_IN(MQTT_PUBREC) | MQTT_IN(MQTT_PUBREL) | MQTT_IN(MQTT_PUBCOMP) |           \
     MQTT_IN(MQTT_SUBACK) | MQTT_IN(MQTT_UNSUBACK) | DISCONNECT_ | AUTH_)
#define EVERYWHERE_ (ANSWERS_ | CONNECT_ | WILL_ | PUBLISH_ | SUBSCRIBE_ | MQTT_IN(MQTT_UNSUBSCRIBE))

#define TWO_BYTES  UINT32_C(0xFFFF)
#define FOUR_BYTES UINT32_MAX

/* clang-format off: one property a line, as in Table 2-4 */
static const struct mqtt_property_kind kinds[MQTT_PROPERTY_COUNT] = {
    [MQTT_PAYLOAD_FORMAT_INDICATOR] = {"payload_format_indicator", MQTT_BYTE, PUBLISH_ | WILL_, 0, 0,
                                       255} /* 2 and more are not called an error */,
    [MQTT_MESSAGE_EXPIRY_INTERVAL] = {"message_expiry_interval", MQTT_FOUR_BYTE_INTEGER, PUBLISH_ | WILL_, 0, 0,
                                      FOUR_BYTES},
    [MQTT_CONTENT_TYPE] = {"content_type", MQTT_UTF8_STRING, PUBLISH_ | WILL_, 0, 0, 0},
    [MQTT_RESPONSE_TOPIC] = {"response_topic", MQTT_UTF8_STRING, PUBLISH_ | WILL_, 0, 0, 0},
    [MQTT_CORRELATION_DATA] = {"correlation_data", MQTT_BINARY_DATA, PUBLISH_ | WILL_, 0, 0, 0},
    [MQTT_SUBSCRIPTION_IDENTIFIER] = {"subscription_identifier", MQTT_VARIABLE_BYTE_INTEGER, PUBLISH_ | SUBSCRIBE_,
                                      PUBLISH_, 1, MQTT_MAXIMUM_REMAINING_LENGTH},
    [MQTT_SESSION_EXPIRY_INTERVAL] = {"session_expiry_interval", MQTT_FOUR_BYTE_INTEGER,
                                      CONNECT_ | CONNACK_ | DISCONNECT_, 0, 0, FOUR_BYTES},
    [MQTT_ASSIGNED_CLIENT_IDENTIFIER] = {"assigned_client_identifier", MQTT_UTF8_STRING, CONNACK_, 0, 0, 0},
    [MQTT_SERVER_KEEP_ALIVE] = {"server_keep_alive", MQTT_TWO_BYTE_INTEGER, CONNACK_, 0, 0, TWO_BYTES},
    [MQTT_AUTHENTICATION_METHOD] = {"authentication_method", MQTT_UTF8_STRING, CONNECT_ | CONNACK_ | AUTH_, 0, 0, 0},
    [MQTT_AUTHENTICATION_DATA] = {"authentication_data", MQTT_BINARY_DATA, CONNECT_ | CONNACK_ | AUTH_, 0, 0, 0},
    [MQTT_REQUEST_PROBLEM_INFORMATION] = {"request_problem_information", MQTT_BYTE, CONNECT_, 0, 0, 1},
    [MQTT_WILL_DELAY_INTERVAL] = {"will_delay_interval", MQTT_FOUR_BYTE_INTEGER, WILL_, 0, 0, FOUR_BYTES},
    [MQTT_REQUEST_RESPONSE_INFORMATION] = {"request_response_information", MQTT_BYTE, CONNECT_, 0, 0, 1},
    [MQTT_RESPONSE_INFORMATION] = {"response_information", MQTT_UTF8_STRING, CONNACK_, 0, 0, 0},
    [MQTT_SERVER_REFERENCE] = {"server_reference", MQTT_UTF8_STRING, CONNACK_ | DISCONNECT_, 0, 0, 0},
    [MQTT_REASON_STRING] = {"reason_string", MQTT_UTF8_STRING, ANSWERS_, 0, 0, 0},
    [MQTT_RECEIVE_MAXIMUM] = {"receive_maximum", MQTT_TWO_BYTE_INTEGER, CONNECT_ | CONNACK_, 0, 1, TWO_BYTES},
    [MQTT_TOPIC_ALIAS_MAXIMUM] = {"topic_alias_maximum", MQTT_TWO_BYTE_INTEGER, CONNECT_ | CONNACK_, 0, 0, TWO_BYTES},
    [MQTT_TOPIC_ALIAS] = {"topic_alias", MQTT_TWO_BYTE_INTEGER, PUBLISH_, 0, 1, TWO_BYTES},
    [MQTT_MAXIMUM_QOS] = {"maximum_qos", MQTT_BYTE, CONNACK_, 0, 0, 1},
    [MQTT_RETAIN_AVAILABLE] = {"retain_available", MQTT_BYTE, CONNACK_, 0, 0, 1},
    [MQTT_USER_PROPERTY] = {"user_property", MQTT_UTF8_STRING_PAIR, EVERYWHERE_, EVERYWHERE_, 0, 0},
    [MQTT_MAXIMUM_PACKET_SIZE_PROPERTY] = {"maximum_packet_size", MQTT_FOUR_BYTE_INTEGER, CONNECT_ | CONNACK_, 0, 1,
                                           FOUR_BYTES},
    [MQTT_WILDCARD_SUBSCRIPTION_AVAILABLE] = {"wildcard_subscription_available", MQTT_BYTE, CONNACK_, 0, 0, 1},
    [MQTT_SUBSCRIPTION_IDENTIFIER_AVAILABLE] = {"subscription_identifier_available", MQTT_BYTE, CONNACK_, 0, 0, 1},
    [MQTT_SHARED_SUBSCRIPTION_AVAILABLE] = {"shared_subscription_available", MQTT_BYTE, CONNACK_, 0, 0, 1},
};
/* clang-format on */

const struct mqtt_property_kind *mqtt_property_kind(uint8_t identifier) {
    if (identifier >= MQTT_PROPERTY_COUNT || kinds[identifier].form == MQTT_NO_PROPERTY)
        return NULL;
    return &kinds[identifier];
}

/* ---- Reading ---------------------------------------------------------------------------------------------- */

static bool read_integer(struct reader *reader, unsigned bytes, uint32_t *number) {
    if (reader_rest(reader) < bytes)
        return false;
    *number = 0;
    for (unsigned i = 0; i < bytes; i++)
        *number = *number << 8 | *reader->at++;
    return true;
}

/* Reads the value behind the identifier. False where the bytes end first. */
static bool read_value(struct reader *reader, enum mqtt_property_form form, struct mqtt_property *property) {
    switch (form) {
    case MQTT_BYTE:
        return read_integer(reader, 1, &property->number);
    case MQTT_TWO_BYTE_INTEGER:
        return read_integer(reader, 2, &property->number);
    case MQTT_FOUR_BYTE_INTEGER:
        return read_integer(reader, 4, &property->number);
    case MQTT_VARIABLE_BYTE_INTEGER:
        return read_variable_byte_integer(reader, &property->number) == VARIABLE_BYTE_INTEGER_READ;
    case MQTT_UTF8_STRING:
    case MQTT_BINARY_DATA:
        return read_field(reader, &property->bytes);
    case MQTT_UTF8_STRING_PAIR:
        return read_field(reader, &property->bytes) && read_field(reader, &property->value);
    default:
        return false;
    }
}

bool mqtt_next_property(struct mqtt_bytes *properties, struct mqtt_property *property) {
    *property = (struct mqtt_property){0};
    if (properties->length == 0) /* nothing is added to a null pointer, not even nothing */
        return false;
    struct reader reader = {properties->data, properties->data, properties->data + properties->length};
    if (!read_byte(&reader, &property->identifier))
        return false;
    const struct mqtt_property_kind *kind = mqtt_property_kind(property->identifier);
    if (kind == NULL || !read_value(&reader, kind->form, property))
        return false;
    *properties = read_rest(&reader);
    return true;
}

bool mqtt_find_property(struct mqtt_bytes properties, enum mqtt_property_identifier identifier,
                        struct mqtt_property *property) {
    while (mqtt_next_property(&properties, property))
        if (property->identifier == identifier)
            return true;
    return false;
}

uint32_t mqtt_property_number(struct mqtt_bytes properties, enum mqtt_property_identifier identifier,
                              uint32_t otherwise) {
    struct mqtt_property property;
    return mqtt_find_property(properties, identifier, &property) ? property.number : otherwise;
}

struct mqtt_bytes mqtt_property_bytes(struct mqtt_bytes properties, enum mqtt_property_identifier identifier) {
    struct mqtt_property property;
    return mqtt_find_property(properties, identifier, &property) ? property.bytes : (struct mqtt_bytes){NULL, 0};
}

/* ---- Judging ---------------------------------------------------------------------------------------------- */

/* The statement on the text of a property; most share the general one. */
static enum spec_statement text_statement(uint8_t identifier) {
    switch (identifier) {
    case MQTT_RESPONSE_TOPIC:
        return V5(3_3_2_13);
    case MQTT_CONTENT_TYPE:
        return V5(3_3_2_19);
    case MQTT_USER_PROPERTY:
        return V5(1_5_7_1);
    default:
        return V5(1_5_4_1);
    }
}

static enum mqtt_status wrong(struct decoding *decoding, uint32_t offset, const char *what) {
    OBEYS(decoding->rules, general_statement(decoding));
    return not_allowed(decoding, general_statement(decoding), offset, what);
}

/* Topic Alias 0 is the only number that has a statement of its own. */
static enum mqtt_status check_number(struct decoding *decoding, const struct mqtt_property_kind *kind,
                                     const struct mqtt_property *property, uint32_t offset) {
    if (property->number >= kind->minimum && property->number <= kind->maximum)
        return MQTT_OK;
    if (property->identifier != MQTT_TOPIC_ALIAS)
        return wrong(decoding, offset, "a property whose number is out of its range");
    if (!MUST(decoding->rules, V5(3_3_2_8)))
        return MQTT_OK;
    return mqtt_refuse(decoding->error, MQTT_PROTOCOL, MQTT_REASON_TOPIC_ALIAS_INVALID, V5(3_3_2_8), offset,
                       "Topic Alias 0");
}

static enum mqtt_status check_response_topic(struct decoding *decoding, struct mqtt_bytes topic) {
    for (uint32_t i = 0; i < topic.length; i++)
        if (is_wildcard(topic.data[i]) && MUST(decoding->rules, V5(3_3_2_14)))
            return not_allowed(decoding, V5(3_3_2_14), offset_of(decoding, topic) + i,
                               "a wildcard in a Response Topic");
    return MQTT_OK;
}

static enum mqtt_status check_strings(struct decoding *decoding, const struct mqtt_property *property) {
    if (property->identifier != MQTT_RESPONSE_TOPIC && text_is_plain(property->bytes) && text_is_plain(property->value))
        return MQTT_OK;
    enum spec_statement statement = text_statement(property->identifier);
    if (check_text(decoding, property->bytes, statement, V5(1_5_4_2)) != MQTT_OK)
        return MQTT_REFUSED;
    if (property->value.length > 0 && check_text(decoding, property->value, statement, V5(1_5_4_2)) != MQTT_OK)
        return MQTT_REFUSED;
    if (property->identifier == MQTT_RESPONSE_TOPIC)
        return check_response_topic(decoding, property->bytes);
    return MQTT_OK;
}

/* What depends on who sends the packet. */
static enum mqtt_status check_sender(struct decoding *decoding, uint8_t identifier, uint32_t place, uint32_t offset) {
    bool from_client = decoding->sender == MQTT_CLIENT;
    if (identifier == MQTT_SUBSCRIPTION_IDENTIFIER && place == PUBLISH_ && from_client &&
        MUST(decoding->rules, V5(3_3_4_6)))
        return not_allowed(decoding, V5(3_3_4_6), offset, "a Subscription Identifier in a PUBLISH from a Client");
    if (identifier == MQTT_SESSION_EXPIRY_INTERVAL && place == DISCONNECT_ && !from_client &&
        MUST(decoding->rules, V5(3_14_2_2)))
        return not_allowed(decoding, V5(3_14_2_2), offset, "a Session Expiry Interval in a DISCONNECT from a Server");
    return MQTT_OK;
}

static enum mqtt_status check_value(struct decoding *decoding, const struct mqtt_property_kind *kind,
                                    const struct mqtt_property *property, uint32_t offset) {
    switch (kind->form) {
    case MQTT_BINARY_DATA:
        return MQTT_OK;
    case MQTT_UTF8_STRING:
    case MQTT_UTF8_STRING_PAIR:
        return check_strings(decoding, property);
    default:
        return check_number(decoding, kind, property, offset);
    }
}

/* One property; `seen` has a bit for each identifier that the set has held. */
static enum mqtt_status decode_property(struct decoding *decoding, uint32_t place, uint64_t *seen) {
    struct reader *reader = &decoding->reader;
    uint32_t offset = reader_offset(reader);
    struct mqtt_property property = {.identifier = *reader->at++};
    const struct mqtt_property_kind *kind = mqtt_property_kind(property.identifier);
    if (kind == NULL) {
        OBEYS(decoding->rules, general_statement(decoding));
        return malformed(decoding, general_statement(decoding), offset, "a property that the standard does not define");
    }
    uint64_t bit = UINT64_C(1) << property.identifier;
    if ((kind->places & place) == 0) {
        OBEYS(decoding->rules, general_statement(decoding));
        return malformed(decoding, general_statement(decoding), offset,
                         "a property that does not belong in this packet");
    }
    if ((*seen & bit) != 0 && (kind->repeated & place) == 0)
        return wrong(decoding, offset, "a property that may stand once only, twice");
    *seen |= bit;
    const uint8_t *value_at = reader->at;
    if (!read_value(reader, kind->form, &property)) {
        OBEYS(decoding->rules, general_statement(decoding));
        return malformed(decoding, general_statement(decoding), offset, "a property whose value does not end in time");
    }
    if (kind->form == MQTT_VARIABLE_BYTE_INTEGER &&
        (uint32_t)(reader->at - value_at) != variable_byte_integer_size(property.number) &&
        MUST(decoding->rules, V5(1_5_5_1)))
        return malformed(decoding, V5(1_5_5_1), offset + 1, "a number in more bytes than it needs");
    if (check_sender(decoding, property.identifier, place, offset) != MQTT_OK)
        return MQTT_REFUSED;
    return check_value(decoding, kind, &property, offset);
}

/* The Property Length in front of a set. */
static enum mqtt_status read_property_length(struct decoding *decoding, uint32_t *length) {
    struct reader *reader = &decoding->reader;
    const uint8_t *start = reader->at;
    uint32_t offset = reader_offset(reader);
    if (reader_rest(reader) == 0)
        return ends_too_early(decoding, V5(2_2_2_1));
    switch (read_variable_byte_integer(reader, length)) {
    case VARIABLE_BYTE_INTEGER_CUT:
        return ends_too_early(decoding, general_statement(decoding));
    case VARIABLE_BYTE_INTEGER_TOO_LONG:
        OBEYS(decoding->rules, general_statement(decoding));
        return malformed(decoding, general_statement(decoding), offset, "the Property Length has a fifth byte");
    case VARIABLE_BYTE_INTEGER_READ:
        break;
    }
    if ((uint32_t)(reader->at - start) != variable_byte_integer_size(*length) && MUST(decoding->rules, V5(1_5_5_1)))
        return malformed(decoding, V5(1_5_5_1), offset, "a Property Length in more bytes than it needs");
    if (*length <= reader_rest(reader))
        return MQTT_OK;
    OBEYS(decoding->rules, general_statement(decoding));
    return malformed(decoding, general_statement(decoding), offset, "the properties reach beyond the packet");
}

/* ---- What needs no closer look ----------------------------------------------------------------------------- */

/* The end of a string of plain text that begins here; NULL where it is something else. */
static inline const uint8_t *behind_plain_text(const uint8_t *at, const uint8_t *end) {
    if (end - at < 2)
        return NULL;
    struct mqtt_bytes text = {at + 2, (uint32_t)(at[0] << 8 | at[1])};
    if ((uint32_t)(end - text.data) < text.length || !text_is_plain(text))
        return NULL;
    return text.data + text.length;
}

static inline const uint8_t *behind_integer(const uint8_t *at, const uint8_t *end, int bytes,
                                            const struct mqtt_property_kind *kind) {
    uint32_t number = 0;
    if (end - at < bytes)
        return NULL;
    for (int i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return number >= kind->minimum && number <= kind->maximum ? at + bytes : NULL;
}

/* Most properties are where they belong, once, and plain text or a number in its range: what this takes would pass
 * every check of decode_property(). NULL: that has to judge it. Else where the next one begins. */
static inline const uint8_t *behind_plain_property(const uint8_t *at, const uint8_t *end, uint32_t place,
                                                   uint64_t *seen) {
    uint8_t identifier = *at++;
    if (identifier >= MQTT_PROPERTY_COUNT || identifier == MQTT_RESPONSE_TOPIC ||
        identifier == MQTT_SESSION_EXPIRY_INTERVAL)
        return NULL;
    const struct mqtt_property_kind *kind = &kinds[identifier];
    uint64_t bit = UINT64_C(1) << identifier;
    if ((kind->places & place) == 0 || ((*seen & bit) != 0 && (kind->repeated & place) == 0))
        return NULL;
    *seen |= bit;
    switch (kind->form) {
    case MQTT_BYTE:
        return behind_integer(at, end, 1, kind);
    case MQTT_TWO_BYTE_INTEGER:
        return behind_integer(at, end, 2, kind);
    case MQTT_FOUR_BYTE_INTEGER:
        return behind_integer(at, end, 4, kind);
    case MQTT_UTF8_STRING:
        return behind_plain_text(at, end);
    case MQTT_UTF8_STRING_PAIR:
        at = behind_plain_text(at, end);
        return at != NULL ? behind_plain_text(at, end) : NULL;
    default:
        return NULL;
    }
}

/* ---- A whole set ------------------------------------------------------------------------------------------- */

enum mqtt_status decode_properties(struct decoding *decoding, uint32_t place, struct mqtt_bytes *properties) {
    struct reader *reader = &decoding->reader;
    uint32_t length = 0;
    if (read_property_length(decoding, &length) != MQTT_OK)
        return MQTT_REFUSED;
    *properties = (struct mqtt_bytes){reader->at, length};
    const uint8_t *packet_end = reader->end;
    uint64_t seen = 0;
    reader->end = reader->at + length; /* no property reaches beyond the set */
    while (reader->at < reader->end) {
        uint64_t before = seen;
        const uint8_t *next = behind_plain_property(reader->at, reader->end, place, &seen);
        if (next != NULL) {
            reader->at = next;
            continue;
        }
        seen = before;
        if (decode_property(decoding, place, &seen) != MQTT_OK)
            return MQTT_REFUSED;
    }
    reader->end = packet_end;
    /* A CONNACK that refuses may leave its Authentication Method out, and no rule speaks of the data then. */
    if (place != CONNACK_ && (seen & UINT64_C(1) << MQTT_AUTHENTICATION_DATA) != 0 &&
        (seen & UINT64_C(1) << MQTT_AUTHENTICATION_METHOD) == 0)
        return wrong(decoding, offset_of(decoding, *properties), "Authentication Data without Authentication Method");
    return MQTT_OK;
}

/* ---- Writing ---------------------------------------------------------------------------------------------- */

static void write_integer(struct writer *writer, unsigned bytes, uint32_t number) {
    while (bytes-- > 0)
        write_byte(writer, (uint8_t)(number >> 8 * bytes));
}

/* Absent strings are written as empty ones. */
static void write_string(struct writer *writer, struct mqtt_bytes text) {
    if (text.data == NULL)
        text.data = (const uint8_t *)"";
    write_field(writer, text);
}

static void write_property(struct writer *writer, const struct mqtt_property *property) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(property->identifier);
    write_byte(writer, property->identifier);
    switch (kind != NULL ? kind->form : MQTT_NO_PROPERTY) {
    case MQTT_BYTE:
        write_integer(writer, 1, property->number);
        break;
    case MQTT_TWO_BYTE_INTEGER:
        write_integer(writer, 2, property->number);
        break;
    case MQTT_FOUR_BYTE_INTEGER:
        write_integer(writer, 4, property->number);
        break;
    case MQTT_VARIABLE_BYTE_INTEGER:
        write_variable_byte_integer(writer, property->number & MQTT_MAXIMUM_REMAINING_LENGTH);
        break;
    case MQTT_UTF8_STRING_PAIR:
        write_string(writer, property->bytes);
        write_string(writer, property->value);
        break;
    case MQTT_UTF8_STRING:
    case MQTT_BINARY_DATA:
        write_string(writer, property->bytes);
        break;
    default:
        break;
    }
}

bool mqtt_append_property(uint8_t *buffer, size_t capacity, size_t *length, const struct mqtt_property *property) {
    struct writer counter = {0};
    write_property(&counter, property);
    if (counter.impossible || *length > capacity || capacity - *length < counter.length)
        return false;
    struct writer writer = {.at = buffer + *length};
    write_property(&writer, property);
    *length += counter.length;
    return true;
}

static bool is_omitted(uint8_t identifier, unsigned omission) {
    return (identifier == MQTT_USER_PROPERTY && (omission & MQTT_OMIT_USER_PROPERTIES) != 0) ||
           (identifier == MQTT_REASON_STRING && (omission & MQTT_OMIT_REASON_STRING) != 0);
}

/* The set without what is left out; what does not read as properties is written as it is. */
static void write_set(struct writer *writer, struct mqtt_bytes properties, unsigned omission) {
    struct mqtt_property property;
    struct mqtt_bytes rest = properties;
    while (omission != 0 && mqtt_next_property(&rest, &property)) {
        if (!is_omitted(property.identifier, omission))
            write_bytes(writer, (struct mqtt_bytes){properties.data, properties.length - rest.length});
        properties = rest;
    }
    write_bytes(writer, properties);
}

void write_properties(struct writer *writer, struct mqtt_bytes properties, unsigned omission) {
    struct writer counter = {0};
    write_set(&counter, properties, omission);
    if (counter.impossible || counter.length > MQTT_MAXIMUM_REMAINING_LENGTH) {
        writer->impossible = true;
        return;
    }
    write_variable_byte_integer(writer, (uint32_t)counter.length);
    write_set(writer, properties, omission);
}
