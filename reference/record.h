/* What the records of the store look like: keys that sort as they are to be read, and values that are versioned,
 * checked against damage, and read within their bounds.
 *
 * A key is a letter for the kind of record and numbers, big-endian, so that the order of the bytes is that of the
 * numbers. A value is a checksum of all else, fields of fixed size, and for some kinds bytes to the end. */
#ifndef MQSPEC_RECORD_H
#define MQSPEC_RECORD_H

#include "codec/codec.h"
#include "reference/environment.h"
#include "reference/store.h"

/* A broker reads stores of this version alone: it refuses others, and leaves them as they are. */
#define RECORD_VERSION 2u

enum record_kind {
    RECORD_FORMAT = 'A',       /* one, first of all */
    RECORD_SESSION = 'S',      /* number */
    RECORD_SUBSCRIPTION = 'F', /* number of the session, number */
    RECORD_MESSAGE = 'M',      /* number */
    RECORD_DELIVERY = 'D',     /* number of the session, number: in the order of section 4.6 */
    RECORD_RECEIVED = 'R',     /* number of the session, Packet Identifier */
    RECORD_RETAINED = 'T',     /* number of the message */
};

struct record_key {
    uint8_t bytes[STORE_LONGEST_KEY];
    uint32_t length;
};

/* `second` is 0 for the kinds that have one number. */
struct record_key record_key(enum record_kind kind, uint64_t first, uint64_t second);
/* False where it is not a key of this kind. */
bool record_read_key(struct mqtt_bytes key, enum record_kind kind, uint64_t *first, uint64_t *second);

/* ---- Values. Times are microseconds of the wall clock; message numbers are 0 for none. ------------------------- */

struct format_record {
    uint32_t version;
    uint64_t seed; /* of the sessions' hashes, by which messages know their publishers */
};

struct session_record {
    microseconds left; /* 0: its Client is connected */
    uint64_t will;
    uint32_t will_delay; /* seconds from `left` */
    uint32_t expiry;     /* seconds from `left` */
    uint8_t version;     /* enum mqtt_version */
    bool is_certified;   /* the user name is that of a certificate */
    struct mqtt_bytes client_identifier;
    struct mqtt_bytes user_name; /* absent: none */
};

struct subscription_record {
    uint32_t identifier;
    uint8_t options;
    struct mqtt_bytes filter; /* the whole, with $share and ShareName */
};

struct message_record {
    microseconds published;
    uint64_t expiry_interval;
    uint64_t publisher;
    uint32_t topic_length;
    uint32_t payload_length;
    uint8_t flags;           /* of its PUBLISH */
    struct mqtt_bytes bytes; /* topic, payload and properties */
};

struct delivery_record {
    uint64_t message;
    uint16_t packet_identifier;
    uint16_t identifier_count;
    uint8_t state;
    uint8_t qos;
    uint8_t retain;
    struct mqtt_bytes identifiers; /* Subscription Identifiers, RECORD_IDENTIFIER_SIZE bytes each */
    struct mqtt_bytes share;       /* its whole filter, or empty */
};

#define RECORD_IDENTIFIER_SIZE 4u

/* A value on its way to a store: what store.put() takes. */
struct record_value {
    uint8_t fixed[64]; /* the checksum and the fields */
    struct mqtt_bytes parts[3];
    size_t count;
};

/* The views in the record must live as long as the value is used; so must the value stay where it is. */
void record_write_format(struct record_value *value, const struct record_key *key, const struct format_record *record);
void record_write_session(struct record_value *value, const struct record_key *key,
                          const struct session_record *record);
void record_write_subscription(struct record_value *value, const struct record_key *key,
                               const struct subscription_record *record);
void record_write_message(struct record_value *value, const struct record_key *key,
                          const struct message_record *record);
void record_write_delivery(struct record_value *value, const struct record_key *key,
                           const struct delivery_record *record);
/* For the kinds whose key says it all. */
void record_write_nothing(struct record_value *value, const struct record_key *key);

/* False where the value is damaged. Views in the record point into it. */
bool record_read_format(struct mqtt_bytes key, struct mqtt_bytes value, struct format_record *record);
bool record_read_session(struct mqtt_bytes key, struct mqtt_bytes value, struct session_record *record);
bool record_read_subscription(struct mqtt_bytes key, struct mqtt_bytes value, struct subscription_record *record);
bool record_read_message(struct mqtt_bytes key, struct mqtt_bytes value, struct message_record *record);
bool record_read_delivery(struct mqtt_bytes key, struct mqtt_bytes value, struct delivery_record *record);
bool record_read_nothing(struct mqtt_bytes key, struct mqtt_bytes value);

#endif
