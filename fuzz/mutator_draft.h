/* A packet that is being changed. What the mutator's files share. */
#ifndef MQSPEC_MUTATOR_DRAFT_H
#define MQSPEC_MUTATOR_DRAFT_H

#include "fuzz/mutator.h"

#define DRAFT_MEMORY 16384u
#define DRAFT_ALL    UINT32_MAX

/* How a number of variable length is written. */
enum length_form {
    LENGTH_SHORTEST,
    LENGTH_PADDED, /* in one byte more than it needs */
    LENGTH_FIFTH,  /* with a fifth byte */
    LENGTH_BEYOND, /* a larger number than is true */
};

/* Fields of `packet` are views into the packet that it was made from, into `memory`, or into static text. What cannot
 * be said in fields is done to the encoded bytes when the draft is finished. */
struct draft {
    struct random *random;
    struct mqtt_decoder decoder; /* its version is that of the packet, also for CONNECT */
    struct mqtt_packet packet;
    uint8_t first_byte; /* these bits of the encoded packet's first byte are inverted */
    enum length_form remaining_length, property_length;
    uint32_t kept;    /* bytes of the body that stay, or DRAFT_ALL */
    bool leaves_rest; /* ... and the others stand behind the packet's told end */
    bool has_tail;    /* a byte stands behind the last field */
    uint8_t level;    /* the Protocol Level told, or 0: that of `packet` */
    size_t used;      /* of memory */
    uint8_t memory[DRAFT_MEMORY];
};

/* Decodes the packet. False where it is refused, or a CONNECT of an unknown protocol. */
bool draft_begin(struct draft *draft, struct random *random, const struct mqtt_decoder *decoder, struct mqtt_bytes in);

/* A draft of these fields. */
void draft_of(struct draft *draft, struct random *random, const struct mqtt_decoder *decoder,
              const struct mqtt_packet *packet);

/* Encodes it. 0 where it does not fit. */
size_t draft_finish(const struct draft *draft, uint8_t *out, size_t capacity);

/* Bytes behind the Fixed Header as the fields are now. */
uint32_t draft_body_size(const struct draft *draft);

/* Memory that lives as long as the draft; NULL where there is no more. */
uint8_t *draft_take(struct draft *draft, size_t size);

/* The Packet Identifier of a packet that has one, else NULL. */
uint16_t *draft_identifier(struct draft *draft);

enum text_kind { TEXT_ANY, TEXT_TOPIC, TEXT_FILTER };

/* A text that is lawful as such, some of them odd: beyond ASCII, long, empty levels. Of TEXT_ANY also the empty one. */
struct mqtt_bytes draft_text(struct draft *draft, enum text_kind kind);

/* Any bytes, from none to some hundred. */
struct mqtt_bytes draft_binary(struct draft *draft);

/* `text` with further bytes in front of it, behind it, or (`anywhere`) within. False where there is no memory. */
bool draft_insert(struct draft *draft, struct mqtt_bytes *text, struct mqtt_bytes inserted, bool anywhere);

/* The filters with one more behind them, `options` for SUBSCRIBE. */
bool draft_append_filter(struct draft *draft, struct mqtt_bytes filter, uint8_t options);

/* The fields that the flags of a CONNECT tell of. */
bool draft_set_will(struct draft *draft);
bool draft_drop_will(struct draft *draft);
bool draft_set_user_name(struct draft *draft);
bool draft_drop_user_name(struct draft *draft);
bool draft_set_password(struct draft *draft);
bool draft_drop_password(struct draft *draft);

/* ---- Bytes ------------------------------------------------------------------------------------------------------ */

/* Replaces `old` bytes at `at` by others, which are not among them. Returns the new size; the old one, and nothing is
 * changed, where it does not fit. */
size_t mutator_splice(uint8_t *data, size_t size, size_t capacity, size_t at, size_t old, const uint8_t *bytes,
                      size_t count);

/* ---- Properties, mutator_properties.c ------------------------------------------------------------------------- */

/* A set of properties and where it stands. */
struct place {
    struct mqtt_bytes *set; /* NULL where the packet has none */
    uint32_t in;            /* MQTT_IN() */
};

/* The packet's own set; one that is absent becomes an empty one when it is changed. */
struct place draft_properties(struct draft *draft);

/* That or, of a CONNECT with a Will, the Will Properties. */
struct place draft_any_properties(struct draft *draft);

/* Puts the property behind the others; those of its identifier go before, unless it may be `repeated`. */
bool draft_put_property(struct draft *draft, struct place place, const struct mqtt_property *property, bool repeated);
bool draft_remove_property(struct draft *draft, struct place place, uint8_t identifier);

/* Puts bytes behind the set that need not be properties. */
bool draft_put_raw(struct draft *draft, struct place place, const void *bytes, size_t size);

/* A lawful value for this property. */
void draft_value(struct draft *draft, uint8_t identifier, struct mqtt_property *property);

/* The property may be added to what stands there: by the table, by who sends it, by what else is there. */
bool draft_may_add(const struct draft *draft, struct place place, uint8_t identifier);

/* Lawful changes. */
bool draft_add_property(struct draft *draft);
bool draft_leave_out_property(struct draft *draft);
bool draft_change_property(struct draft *draft);

/* ---- Packets, mutator_lawful.c ---------------------------------------------------------------------------------- */

/* Makes one to three lawful changes. False where nothing could be changed. */
bool draft_change(struct draft *draft);

/* Breaks one thing, see mutator_breakages.c. False where that could not be done; the draft is of no use then. */
bool draft_break(struct draft *draft);

/* A packet of this type with the least that it needs; `set` is its set of properties (RESERVED: a CONNECT with these
 * Will Properties). */
struct mqtt_packet draft_least_packet(enum mqtt_version version, enum mqtt_type type, struct mqtt_bytes set);

/* Writes such a packet, mutated, of a type by chance that the decoder lets pass. Returns its length; 0 where it does
 * not fit. */
size_t draft_new_packet(struct random *random, const struct mqtt_decoder *decoder, uint8_t *out, size_t capacity);

#endif
