/* From a packet to a draft and back. */
#include <assert.h>
#include <string.h>

#include "fuzz/mutator_draft.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

size_t mutator_splice(uint8_t *data, size_t size, size_t capacity, size_t at, size_t old, const uint8_t *bytes,
                      size_t count) {
    assert(at <= size && old <= size - at && size <= capacity);
    if (count > capacity - (size - old))
        return size;
    memmove(data + at + count, data + at + old, size - at - old);
    if (count > 0)
        memcpy(data + at, bytes, count);
    return size - old + count;
}

uint8_t *draft_take(struct draft *draft, size_t size) {
    if (size > DRAFT_MEMORY - draft->used)
        return NULL;
    uint8_t *memory = draft->memory + draft->used;
    draft->used += size;
    return memory;
}

void draft_of(struct draft *draft, struct random *random, const struct mqtt_decoder *decoder,
              const struct mqtt_packet *packet) {
    draft->random = random;
    draft->decoder = *decoder;
    draft->packet = *packet;
    draft->first_byte = 0;
    draft->remaining_length = draft->property_length = LENGTH_SHORTEST;
    draft->kept = DRAFT_ALL;
    draft->leaves_rest = draft->has_tail = false;
    draft->level = 0;
    draft->used = 0;
    if (packet->type == MQTT_CONNECT)
        draft->decoder.version = (enum mqtt_version)packet->connect.protocol_level;
}

bool draft_begin(struct draft *draft, struct random *random, const struct mqtt_decoder *decoder, struct mqtt_bytes in) {
    struct mqtt_packet packet;
    struct mqtt_error error;
    uint32_t size;
    if (mqtt_next(decoder, in, &packet, &size, &error) != MQTT_OK || size != in.length)
        return false;
    if (packet.type == MQTT_CONNECT && packet.connect.client_identifier.data == NULL)
        return false;
    draft_of(draft, random, decoder, &packet);
    return true;
}

uint16_t *draft_identifier(struct draft *draft) {
    struct mqtt_packet *packet = &draft->packet;
    switch (packet->type) {
    case MQTT_PUBLISH:
        return mqtt_publish_qos(packet->flags) > 0 ? &packet->publish.packet_identifier : NULL;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        return &packet->acknowledgement.packet_identifier;
    case MQTT_SUBSCRIBE:
        return &packet->subscribe.packet_identifier;
    case MQTT_UNSUBSCRIBE:
        return &packet->unsubscribe.packet_identifier;
    case MQTT_SUBACK:
        return &packet->suback.packet_identifier;
    case MQTT_UNSUBACK:
        return draft->decoder.version == MQTT_5_0 ? &packet->suback.packet_identifier
                                                  : &packet->acknowledgement.packet_identifier;
    default:
        return NULL;
    }
}

/* ---- Texts --------------------------------------------------------------------------------------------------- */

static const char *const topics[] = {"a",
                                     "b",
                                     "a/b",
                                     "a/b/c",
                                     "/",
                                     "a//b",
                                     "/a",
                                     "a/",
                                     "$SYS/a",
                                     "$own/a",
                                     "$",
                                     " ",
                                     "b/\xC3\xBC",
                                     "aa",
                                     "a ",
                                     "\xEF\xBB\xBF",
                                     "$share",
                                     "a/\xF0\x9F\x98\x80",
                                     "\xE2\x82\xAC/\x7F",
                                     "\x01"};
static const char *const filters[] = {"#",   "+",      "a/#",        "+/b",        "+/+",        "a/+/c",        "/+",
                                      "/#",  "$SYS/#", "$share/g/a", "$share/g/#", "$share/h/+", "$share/g/a/b", "+/#",
                                      "a/+", "$own/+"};
static const char *const words[] = {"",
                                    "SCRAM-SHA-256",
                                    "text/plain",
                                    "abcdefghijklmnopqrstuvw",
                                    "abcdefghijklmnopqrstuvwx",
                                    "MQTT",
                                    "\xC2\x80",
                                    "\xF4\x8F\xBF\xBF",
                                    "\xED\x9F\xBF",
                                    "#",
                                    "+"};
static const uint16_t long_lengths[] = {8, 127, 128, 200, 1000, 8000};

/* Where there is no memory for it, the empty text is told by false. */
static bool long_text(struct draft *draft, struct mqtt_bytes *text) {
    uint32_t length = long_lengths[random_below(draft->random, COUNT_OF(long_lengths))];
    uint8_t *memory = draft_take(draft, length);
    if (memory == NULL)
        return false;
    for (uint32_t i = 0; i < length; i++)
        memory[i] = (uint8_t)("abcdefg/"[i % 8]);
    *text = (struct mqtt_bytes){memory, length};
    return true;
}

struct mqtt_bytes draft_text(struct draft *draft, enum text_kind kind) {
    struct mqtt_bytes text;
    if (random_one_in(draft->random, 24) && long_text(draft, &text))
        return text;
    if (kind == TEXT_FILTER && !random_one_in(draft->random, 3))
        return mqtt_text(filters[random_below(draft->random, COUNT_OF(filters))]);
    if (kind == TEXT_ANY && !random_one_in(draft->random, 3))
        return mqtt_text(words[random_below(draft->random, COUNT_OF(words))]);
    return mqtt_text(topics[random_below(draft->random, COUNT_OF(topics))]);
}

struct mqtt_bytes draft_binary(struct draft *draft) {
    uint32_t length = random_below(draft->random, random_one_in(draft->random, 8) ? 600 : 12);
    uint8_t *memory = draft_take(draft, length);
    if (memory == NULL)
        return mqtt_text("");
    for (uint32_t i = 0; i < length; i++)
        memory[i] = (uint8_t)random_next(draft->random);
    return (struct mqtt_bytes){memory, length};
}

bool draft_insert(struct draft *draft, struct mqtt_bytes *text, struct mqtt_bytes inserted, bool anywhere) {
    size_t length = (size_t)text->length + inserted.length;
    uint8_t *memory = length > MQTT_MAXIMUM_STRING ? NULL : draft_take(draft, length);
    if (memory == NULL)
        return false;
    uint32_t at = anywhere                          ? random_below(draft->random, text->length + 1)
                  : random_one_in(draft->random, 2) ? text->length
                                                    : 0;
    if (at > 0)
        memcpy(memory, text->data, at);
    memcpy(memory + at, inserted.data, inserted.length);
    if (at < text->length)
        memcpy(memory + at + inserted.length, text->data + at, text->length - at);
    *text = (struct mqtt_bytes){memory, (uint32_t)length};
    return true;
}

bool draft_append_filter(struct draft *draft, struct mqtt_bytes filter, uint8_t options) {
    bool subscribes = draft->packet.type == MQTT_SUBSCRIBE;
    struct mqtt_bytes *list = subscribes ? &draft->packet.subscribe.filters : &draft->packet.unsubscribe.filters;
    size_t capacity = (size_t)list->length + filter.length + 3, length = list->length;
    uint8_t *memory = draft_take(draft, capacity);
    if (memory == NULL)
        return false;
    if (list->length > 0)
        memcpy(memory, list->data, list->length);
    if (!mqtt_append_filter(memory, capacity, &length, filter, subscribes ? &options : NULL))
        return false;
    *list = (struct mqtt_bytes){memory, (uint32_t)length};
    return true;
}

/* ---- The fields that a CONNECT may lack ------------------------------------------------------------------------ */

bool draft_set_will(struct draft *draft) {
    struct mqtt_connect *connect = &draft->packet.connect;
    connect->will_topic = draft_text(draft, TEXT_TOPIC);
    connect->will_message = draft_binary(draft);
    if ((connect->flags & MQTT_CONNECT_WILL) != 0)
        return true;
    connect->flags =
        (connect->flags & (uint8_t) ~(MQTT_CONNECT_WILL_QOS | MQTT_CONNECT_WILL_RETAIN)) | MQTT_CONNECT_WILL;
    if (draft->decoder.version == MQTT_5_0)
        connect->will_properties = mqtt_text("");
    return true;
}

bool draft_drop_will(struct draft *draft) {
    struct mqtt_connect *connect = &draft->packet.connect;
    connect->will_topic = connect->will_message = connect->will_properties = (struct mqtt_bytes){NULL, 0};
    connect->flags &= (uint8_t) ~(MQTT_CONNECT_WILL | MQTT_CONNECT_WILL_QOS | MQTT_CONNECT_WILL_RETAIN);
    return true;
}

bool draft_set_user_name(struct draft *draft) {
    draft->packet.connect.user_name = draft_text(draft, TEXT_ANY);
    draft->packet.connect.flags |= MQTT_CONNECT_USER_NAME;
    return true;
}

/* Before 5.0 a Password does not stand alone. */
bool draft_drop_user_name(struct draft *draft) {
    draft->packet.connect.user_name = (struct mqtt_bytes){NULL, 0};
    draft->packet.connect.flags &= (uint8_t)~MQTT_CONNECT_USER_NAME;
    return draft->decoder.version == MQTT_5_0 || draft_drop_password(draft);
}

bool draft_set_password(struct draft *draft) {
    if (draft->decoder.version != MQTT_5_0 && draft->packet.connect.user_name.data == NULL)
        draft_set_user_name(draft);
    draft->packet.connect.password = draft_binary(draft);
    draft->packet.connect.flags |= MQTT_CONNECT_PASSWORD;
    return true;
}

bool draft_drop_password(struct draft *draft) {
    draft->packet.connect.password = (struct mqtt_bytes){NULL, 0};
    draft->packet.connect.flags &= (uint8_t)~MQTT_CONNECT_PASSWORD;
    return true;
}

/* ---- Bytes ------------------------------------------------------------------------------------------------------ */

static uint32_t shortest_size(uint32_t number) {
    return number < 1u << 7 ? 1 : number < 1u << 14 ? 2 : number < 1u << 21 ? 3 : 4;
}

/* Writes the number in this form and returns how many bytes it takes. */
static uint32_t write_length(uint8_t bytes[MQTT_MAXIMUM_FIXED_HEADER], uint32_t number, enum length_form form) {
    uint32_t size = shortest_size(number);
    if (form == LENGTH_FIFTH || form == LENGTH_BEYOND) {
        memset(bytes, 0xFF, 4);
        bytes[form == LENGTH_FIFTH ? 4 : 3] = form == LENGTH_FIFTH ? 0x01 : 0x7F;
        return form == LENGTH_FIFTH ? 5 : 4;
    }
    if (form == LENGTH_PADDED && size < 4)
        size++;
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((number >> 7 * i & 0x7F) | (i + 1 < size ? 0x80 : 0));
    return size;
}

/* Replaces `old` bytes at `at` by others. Returns the new size, 0 where it does not fit. */
static size_t replace(uint8_t *out, size_t size, size_t capacity, size_t at, size_t old, const uint8_t *bytes,
                      size_t count) {
    if (size - old + count > capacity)
        return 0;
    memmove(out + at + count, out + at + old, size - at - old);
    memcpy(out + at, bytes, count);
    return size - old + count;
}

/* Writes the Property Length of the packet's own set in another form. */
static size_t rewrite_property_length(const struct draft *draft, uint8_t *out, size_t size, size_t capacity) {
    struct mqtt_packet packet;
    struct mqtt_error error;
    uint8_t bytes[MQTT_MAXIMUM_FIXED_HEADER];
    if (mqtt_decode(&draft->decoder, (struct mqtt_bytes){out, (uint32_t)size}, &packet, &error) != MQTT_OK)
        return 0;
    struct mqtt_bytes set = mqtt_packet_properties(&packet);
    if (set.data == NULL)
        return 0;
    size_t old = shortest_size(set.length);
    uint32_t count = write_length(bytes, set.length, draft->property_length);
    return replace(out, size, capacity, (size_t)(set.data - out) - old, old, bytes, count);
}

uint32_t draft_body_size(const struct draft *draft) {
    size_t size = mqtt_encoded_size(draft->decoder.version, &draft->packet);
    for (uint32_t header = 1; header <= 4; header++)
        if (size > header && shortest_size((uint32_t)size - 1 - header) == header)
            return (uint32_t)size - 1 - header;
    return 0;
}

size_t draft_finish(const struct draft *draft, uint8_t *out, size_t capacity) {
    uint8_t bytes[MQTT_MAXIMUM_FIXED_HEADER];
    size_t size = mqtt_encode(draft->decoder.version, &draft->packet, out, capacity);
    size_t header = 1 + (size > 0 ? shortest_size(draft_body_size(draft)) : 0);
    if (size > 0 && draft->property_length != LENGTH_SHORTEST)
        size = rewrite_property_length(draft, out, size, capacity);
    if (size > 0 && draft->has_tail)
        size = replace(out, size, capacity, size, 0, (const uint8_t *)"", 1);
    if (size == 0)
        return 0;
    if (draft->level != 0)
        out[header + 2 + draft->packet.connect.protocol_name.length] = draft->level;
    uint32_t body = (uint32_t)(size - header);
    uint32_t told = draft->kept < body ? draft->kept : body;
    if (!draft->leaves_rest)
        size = header + told;
    out[0] ^= draft->first_byte;
    uint32_t count = write_length(bytes, told, draft->remaining_length);
    return replace(out, size, capacity, 1, header - 1, bytes, count);
}
