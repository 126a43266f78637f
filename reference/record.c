/* Records of the store as bytes. Writing and reading stand side by side. */
#include "reference/record.h"

#include <assert.h>
#include <string.h>

#define CHECKSUM_SIZE 8u
#define NUMBER_SIZE   8u

/* ---- Numbers, big-endian ------------------------------------------------------------------------------------- */

struct cursor {
    const uint8_t *data; /* when reading */
    uint8_t *to;         /* when writing */
    uint32_t at;
    uint32_t length;
    bool is_short; /* there was less to read than was asked for */
};

static void put_number(struct cursor *cursor, uint64_t number, uint32_t size) {
    assert(size <= cursor->length - cursor->at);
    for (uint32_t i = 0; i < size; i++)
        cursor->to[cursor->at + i] = (uint8_t)(number >> (8 * (size - 1 - i)));
    cursor->at += size;
}

static uint64_t take_number(struct cursor *cursor, uint32_t size) {
    uint64_t number = 0;
    if (size > cursor->length - cursor->at) {
        cursor->is_short = true;
        return 0;
    }
    for (uint32_t i = 0; i < size; i++)
        number = number << 8 | cursor->data[cursor->at + i];
    cursor->at += size;
    return number;
}

static struct mqtt_bytes take_bytes(struct cursor *cursor, uint32_t size) {
    struct mqtt_bytes bytes = {cursor->data + cursor->at, size};
    if (size > cursor->length - cursor->at) {
        cursor->is_short = true;
        return (struct mqtt_bytes){NULL, 0};
    }
    cursor->at += size;
    return bytes;
}

static struct mqtt_bytes take_rest(struct cursor *cursor) {
    return take_bytes(cursor, cursor->length - cursor->at);
}

/* ---- Keys ---------------------------------------------------------------------------------------------------- */

/* Bytes of the second number. */
static uint32_t second_size(enum record_kind kind) {
    switch (kind) {
    case RECORD_SUBSCRIPTION:
    case RECORD_DELIVERY:
        return NUMBER_SIZE;
    case RECORD_RECEIVED:
        return 2; /* a Packet Identifier */
    default:
        return 0;
    }
}

struct record_key record_key(enum record_kind kind, uint64_t first, uint64_t second) {
    struct record_key key;
    struct cursor cursor = {.to = key.bytes, .length = sizeof key.bytes};
    put_number(&cursor, kind, 1);
    put_number(&cursor, first, NUMBER_SIZE);
    put_number(&cursor, second, second_size(kind));
    key.length = cursor.at;
    return key;
}

bool record_read_key(struct mqtt_bytes key, enum record_kind kind, uint64_t *first, uint64_t *second) {
    struct cursor cursor = {.data = key.data, .length = key.length};
    bool is_kind = take_number(&cursor, 1) == kind;
    *first = take_number(&cursor, NUMBER_SIZE);
    *second = take_number(&cursor, second_size(kind));
    return is_kind && !cursor.is_short && cursor.at == cursor.length;
}

/* ---- Checksums ----------------------------------------------------------------------------------------------- */

/* FNV-1a: what it must find is a page that was torn or overwritten, not what somebody forged. The key is part of it, so
 * that a value that strayed under another key is found too. */
#define CHECKSUM_START UINT64_C(0xCBF29CE484222325)

static uint64_t checksum(uint64_t sum, struct mqtt_bytes bytes) {
    for (uint32_t i = 0; i < bytes.length; i++)
        sum = (sum ^ bytes.data[i]) * UINT64_C(0x100000001B3);
    return sum;
}

static struct cursor begin(struct record_value *value) {
    return (struct cursor){.to = value->fixed, .at = CHECKSUM_SIZE, .length = sizeof value->fixed};
}

static void add_part(struct record_value *value, struct mqtt_bytes part) {
    if (part.length > 0)
        value->parts[value->count++] = part;
}

/* The fields end at the cursor; `tail` and `end` follow them. */
static void finish(struct record_value *value, const struct record_key *key, const struct cursor *cursor,
                   struct mqtt_bytes tail, struct mqtt_bytes end) {
    value->count = 0;
    add_part(value, (struct mqtt_bytes){value->fixed, cursor->at});
    add_part(value, tail);
    add_part(value, end);
    uint64_t sum = checksum(CHECKSUM_START, (struct mqtt_bytes){key->bytes, key->length});
    sum = checksum(sum, (struct mqtt_bytes){value->fixed + CHECKSUM_SIZE, cursor->at - CHECKSUM_SIZE});
    sum = checksum(checksum(sum, tail), end);
    struct cursor start = {.to = value->fixed, .length = CHECKSUM_SIZE};
    put_number(&start, sum, CHECKSUM_SIZE);
}

/* A cursor after the checksum; one that is short where that is wrong. */
static struct cursor check(struct mqtt_bytes key, struct mqtt_bytes value) {
    struct cursor cursor = {.data = value.data, .length = value.length};
    uint64_t sum = take_number(&cursor, CHECKSUM_SIZE);
    if (cursor.is_short)
        return cursor;
    struct mqtt_bytes rest = {value.data + CHECKSUM_SIZE, value.length - CHECKSUM_SIZE};
    cursor.is_short = checksum(checksum(CHECKSUM_START, key), rest) != sum;
    return cursor;
}

static bool is_whole(const struct cursor *cursor) {
    return !cursor->is_short && cursor->at == cursor->length;
}

/* ---- Each kind ----------------------------------------------------------------------------------------------- */

static const struct mqtt_bytes nothing = {NULL, 0};

void record_write_format(struct record_value *value, const struct record_key *key, const struct format_record *record) {
    struct cursor cursor = begin(value);
    put_number(&cursor, record->version, 4);
    put_number(&cursor, record->seed, 8);
    finish(value, key, &cursor, mqtt_text("mqspec"), nothing);
}

/* Of another version there may be more to read. */
bool record_read_format(struct mqtt_bytes key, struct mqtt_bytes value, struct format_record *record) {
    struct cursor cursor = check(key, value);
    record->version = (uint32_t)take_number(&cursor, 4);
    record->seed = take_number(&cursor, 8);
    struct mqtt_bytes name = take_rest(&cursor);
    return is_whole(&cursor) && (record->version != RECORD_VERSION || mqtt_equal(name, mqtt_text("mqspec")));
}

void record_write_session(struct record_value *value, const struct record_key *key,
                          const struct session_record *record) {
    struct cursor cursor = begin(value);
    put_number(&cursor, record->left, 8);
    put_number(&cursor, record->will, 8);
    put_number(&cursor, record->will_delay, 4);
    put_number(&cursor, record->expiry, 4);
    put_number(&cursor, record->version, 1);
    put_number(&cursor, record->is_certified, 1);
    put_number(&cursor, record->user_name.data != NULL, 1);
    put_number(&cursor, record->client_identifier.length, 2);
    finish(value, key, &cursor, record->client_identifier, record->user_name);
}

bool record_read_session(struct mqtt_bytes key, struct mqtt_bytes value, struct session_record *record) {
    struct cursor cursor = check(key, value);
    record->left = take_number(&cursor, 8);
    record->will = take_number(&cursor, 8);
    record->will_delay = (uint32_t)take_number(&cursor, 4);
    record->expiry = (uint32_t)take_number(&cursor, 4);
    record->version = (uint8_t)take_number(&cursor, 1);
    record->is_certified = take_number(&cursor, 1) != 0;
    bool has_user = take_number(&cursor, 1) != 0;
    uint32_t length = (uint32_t)take_number(&cursor, 2);
    struct mqtt_bytes rest = take_rest(&cursor);
    if (!is_whole(&cursor) || length > rest.length || rest.length - length > MQTT_MAXIMUM_STRING)
        return false;
    record->client_identifier = (struct mqtt_bytes){rest.data, length};
    record->user_name = has_user ? (struct mqtt_bytes){rest.data + length, rest.length - length} : nothing;
    return has_user || length == rest.length;
}

void record_write_subscription(struct record_value *value, const struct record_key *key,
                               const struct subscription_record *record) {
    struct cursor cursor = begin(value);
    put_number(&cursor, record->identifier, 4);
    put_number(&cursor, record->options, 1);
    finish(value, key, &cursor, record->filter, nothing);
}

bool record_read_subscription(struct mqtt_bytes key, struct mqtt_bytes value, struct subscription_record *record) {
    struct cursor cursor = check(key, value);
    record->identifier = (uint32_t)take_number(&cursor, 4);
    record->options = (uint8_t)take_number(&cursor, 1);
    record->filter = take_rest(&cursor);
    return is_whole(&cursor) && record->filter.length > 0 && record->filter.length <= MQTT_MAXIMUM_STRING;
}

void record_write_message(struct record_value *value, const struct record_key *key,
                          const struct message_record *record) {
    struct cursor cursor = begin(value);
    put_number(&cursor, record->published, 8);
    put_number(&cursor, record->expiry_interval, 8);
    put_number(&cursor, record->publisher, 8);
    put_number(&cursor, record->topic_length, 4);
    put_number(&cursor, record->payload_length, 4);
    put_number(&cursor, record->flags, 1);
    finish(value, key, &cursor, record->bytes, nothing);
}

bool record_read_message(struct mqtt_bytes key, struct mqtt_bytes value, struct message_record *record) {
    struct cursor cursor = check(key, value);
    record->published = take_number(&cursor, 8);
    record->expiry_interval = take_number(&cursor, 8);
    record->publisher = take_number(&cursor, 8);
    record->topic_length = (uint32_t)take_number(&cursor, 4);
    record->payload_length = (uint32_t)take_number(&cursor, 4);
    record->flags = (uint8_t)take_number(&cursor, 1);
    record->bytes = take_rest(&cursor);
    return is_whole(&cursor) && record->topic_length <= MQTT_MAXIMUM_STRING &&
           record->topic_length <= record->bytes.length &&
           record->payload_length <= record->bytes.length - record->topic_length;
}

void record_write_delivery(struct record_value *value, const struct record_key *key,
                           const struct delivery_record *record) {
    struct cursor cursor = begin(value);
    assert(record->identifiers.length == record->identifier_count * RECORD_IDENTIFIER_SIZE);
    put_number(&cursor, record->message, 8);
    put_number(&cursor, record->packet_identifier, 2);
    put_number(&cursor, record->identifier_count, 2);
    put_number(&cursor, record->state, 1);
    put_number(&cursor, record->qos, 1);
    put_number(&cursor, record->retain, 1);
    finish(value, key, &cursor, record->identifiers, record->share);
}

bool record_read_delivery(struct mqtt_bytes key, struct mqtt_bytes value, struct delivery_record *record) {
    struct cursor cursor = check(key, value);
    record->message = take_number(&cursor, 8);
    record->packet_identifier = (uint16_t)take_number(&cursor, 2);
    record->identifier_count = (uint16_t)take_number(&cursor, 2);
    record->state = (uint8_t)take_number(&cursor, 1);
    record->qos = (uint8_t)take_number(&cursor, 1);
    record->retain = (uint8_t)take_number(&cursor, 1);
    record->identifiers = take_bytes(&cursor, record->identifier_count * RECORD_IDENTIFIER_SIZE);
    record->share = take_rest(&cursor);
    return is_whole(&cursor) && record->qos >= 1 && record->qos <= 2 && record->retain <= 1;
}

void record_write_nothing(struct record_value *value, const struct record_key *key) {
    struct cursor cursor = begin(value);
    finish(value, key, &cursor, nothing, nothing);
}

bool record_read_nothing(struct mqtt_bytes key, struct mqtt_bytes value) {
    struct cursor cursor = check(key, value);
    return is_whole(&cursor);
}
