/* How each kind of field is broken, and nothing else of the packet: what the table in mutator_breakages.c names. */
#include <string.h>

#include "fuzz/mutator_break.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t below(struct draft *draft, uint32_t bound) {
    return random_below(draft->random, bound);
}

static struct mqtt_bytes view(const void *data, size_t length) {
    return (struct mqtt_bytes){data, (uint32_t)length};
}

/* ---- The Fixed Header ----------------------------------------------------------------------------------------------
 */

bool break_type(struct draft *draft) {
    draft->first_byte = (uint8_t)(draft->packet.type << 4);
    return true;
}

/* PINGREQ becomes PINGRESP, or the other way round. */
bool break_direction(struct draft *draft) {
    draft->first_byte = (MQTT_PINGREQ ^ MQTT_PINGRESP) << 4;
    return true;
}

bool break_reserved_flags(struct draft *draft) {
    draft->first_byte = (uint8_t)(1 + below(draft, 15));
    return true;
}

bool break_qos(struct draft *draft) {
    if (mqtt_publish_qos(draft->packet.flags) == 0)
        draft->packet.publish.packet_identifier = 1;
    draft->packet.flags |= MQTT_PUBLISH_QOS;
    return true;
}

bool break_dup(struct draft *draft) {
    draft->packet.flags = (draft->packet.flags & (uint8_t)~MQTT_PUBLISH_QOS) | MQTT_PUBLISH_DUP;
    return true;
}

bool break_length_padded(struct draft *draft) {
    draft->remaining_length = LENGTH_PADDED;
    return true;
}

bool break_length_fifth(struct draft *draft) {
    draft->remaining_length = LENGTH_FIFTH;
    return true;
}

/* ---- Packets that end too early or too late -------------------------------------------------------------------------
 */

/* Keeps `least` bytes of the body, or up to `choices` - 1 more. */
static bool keep(struct draft *draft, uint32_t least, uint32_t choices) {
    draft->kept = least + below(draft, choices);
    return true;
}

/* Of the last field, which has its length in front, at least one byte goes and one stays. */
static bool cut_last(struct draft *draft, uint32_t length) {
    uint32_t cut = 1 + below(draft, length + 1), body = draft_body_size(draft);
    draft->kept = body - cut;
    return body > cut;
}

bool break_tail(struct draft *draft) {
    struct place place = draft_properties(draft);
    if (place.set != NULL && place.set->data == NULL) /* so that the byte is no Reason Code or Property Length */
        *place.set = mqtt_text("");
    draft->has_tail = true;
    return true;
}

bool break_start(struct draft *draft) {
    return keep(draft, 0, 2);
}

bool break_connect_name(struct draft *draft) {
    return keep(draft, 0, 2 + draft->packet.connect.protocol_name.length + 1);
}

bool break_connect_header(struct draft *draft) {
    return keep(draft, 2 + draft->packet.connect.protocol_name.length + 1, 3);
}

bool break_client_identifier_end(struct draft *draft) {
    return draft_drop_will(draft) && draft_drop_user_name(draft) && draft_drop_password(draft) &&
           cut_last(draft, draft->packet.connect.client_identifier.length);
}

bool break_will_end(struct draft *draft) {
    return draft_set_will(draft) && draft_drop_user_name(draft) && draft_drop_password(draft) &&
           cut_last(draft, draft->packet.connect.will_message.length);
}

bool break_user_name_end(struct draft *draft) {
    return draft_set_user_name(draft) && draft_drop_password(draft) &&
           cut_last(draft, draft->packet.connect.user_name.length);
}

bool break_password_end(struct draft *draft) {
    return draft_set_password(draft) && cut_last(draft, draft->packet.connect.password.length);
}

bool break_topic_end(struct draft *draft) {
    return keep(draft, 0, 2 + draft->packet.publish.topic.length);
}

/* At QoS 1 or 2. */
static void ask_for_identifier(struct draft *draft) {
    if (mqtt_publish_qos(draft->packet.flags) > 0)
        return;
    draft->packet.flags |= 1 << MQTT_PUBLISH_QOS_SHIFT;
    draft->packet.publish.packet_identifier = 1;
}

bool break_publish_identifier_end(struct draft *draft) {
    ask_for_identifier(draft);
    return keep(draft, 2 + draft->packet.publish.topic.length, 2);
}

bool break_publish_without_properties(struct draft *draft) {
    uint32_t identifier = mqtt_publish_qos(draft->packet.flags) > 0 ? 2 : 0;
    return keep(draft, 2 + draft->packet.publish.topic.length + identifier, 1);
}

/* The length of the last filter in a list. */
static uint32_t last_filter(const struct draft *draft) {
    bool subscribes = draft->packet.type == MQTT_SUBSCRIBE;
    struct mqtt_bytes rest = subscribes ? draft->packet.subscribe.filters : draft->packet.unsubscribe.filters;
    struct mqtt_bytes filter = {NULL, 0};
    uint8_t options;
    while (mqtt_next_filter(&rest, &filter, subscribes ? &options : NULL))
        ;
    return filter.length;
}

/* The options byte of SUBSCRIBE goes first. */
bool break_filter_end(struct draft *draft) {
    return cut_last(draft, last_filter(draft) + (draft->packet.type == MQTT_SUBSCRIBE ? 1 : 0));
}

static bool leave_rest(struct draft *draft, bool is_cut) {
    draft->leaves_rest = true;
    return is_cut;
}

bool break_length_of_connect(struct draft *draft) {
    return leave_rest(draft, break_client_identifier_end(draft));
}

bool break_length_of_publish(struct draft *draft) {
    return leave_rest(draft, break_topic_end(draft));
}

bool break_length_of_filters(struct draft *draft) {
    return leave_rest(draft, break_filter_end(draft));
}

bool break_length_of_others(struct draft *draft) {
    return leave_rest(draft, break_start(draft));
}

/* ---- CONNECT
 * --------------------------------------------------------------------------------------------------------- */

bool break_protocol_name(struct draft *draft) {
    static const char *const names[] = {"", "MQTX", "mqtt", "MQTT ", "MQIsdq", "MQT", "HTTP/1.1"};
    draft->packet.connect.protocol_name = mqtt_text(names[below(draft, COUNT_OF(names))]);
    return true;
}

bool break_protocol_level(struct draft *draft) {
    static const uint8_t levels[] = {1, 2, 6, 7, 0x7F, 0x83, 0x84, 0xFF};
    draft->level = levels[below(draft, COUNT_OF(levels))];
    return true;
}

bool break_connect_flag(struct draft *draft) {
    draft->packet.connect.flags |= MQTT_CONNECT_RESERVED;
    return true;
}

/* The QoS comes last: setting a Will clears it. */
bool break_will_qos_3(struct draft *draft) {
    draft_set_will(draft);
    draft->packet.connect.flags |= MQTT_CONNECT_WILL_QOS;
    return true;
}

bool break_qos_without_will(struct draft *draft) {
    draft_drop_will(draft);
    draft->packet.connect.flags |= (uint8_t)((1 + below(draft, 3)) << MQTT_CONNECT_WILL_QOS_SHIFT);
    return true;
}

bool break_retain_without_will(struct draft *draft) {
    draft_drop_will(draft);
    draft->packet.connect.flags |= MQTT_CONNECT_WILL_RETAIN;
    return true;
}

bool break_password_alone(struct draft *draft) {
    draft_drop_user_name(draft);
    draft->packet.connect.flags |= MQTT_CONNECT_PASSWORD;
    draft->packet.connect.password = draft_binary(draft);
    return true;
}

/* The flag is there, and the field that comes last is not. */
bool break_will_missing(struct draft *draft) {
    draft_drop_will(draft);
    draft_drop_user_name(draft);
    draft_drop_password(draft);
    draft->packet.connect.flags |= MQTT_CONNECT_WILL;
    draft->packet.connect.will_properties = mqtt_text("");
    return true;
}

bool break_user_name_missing(struct draft *draft) {
    draft_drop_user_name(draft);
    draft_drop_password(draft);
    draft->packet.connect.flags |= MQTT_CONNECT_USER_NAME;
    return true;
}

bool break_password_missing(struct draft *draft) {
    draft_set_user_name(draft);
    draft_drop_password(draft);
    draft->packet.connect.flags |= MQTT_CONNECT_PASSWORD;
    return true;
}

bool break_tail_without_user_name(struct draft *draft) {
    draft_drop_user_name(draft);
    return break_tail(draft);
}

bool break_tail_without_password(struct draft *draft) {
    draft_set_user_name(draft);
    draft_drop_password(draft);
    return break_tail(draft);
}

bool break_tail_behind_password(struct draft *draft) {
    draft_set_user_name(draft);
    draft_set_password(draft);
    return break_tail(draft);
}

/* ---- Texts
 * ------------------------------------------------------------------------------------------------------------- */

static bool make_ill_formed(struct draft *draft, struct mqtt_bytes *text) {
    static const char *const faults[] = {"\xFF",         "\x80",         "\xC0\x80",         "\xED\xA0\x80",
                                         "\xED\xBF\xBF", "\xE2\x82\xFF", "\xF4\x90\x80\x80", "\xC1\xBF"};
    return draft_insert(draft, text, mqtt_text(faults[below(draft, COUNT_OF(faults))]), true);
}

/* Not within a character. */
static bool make_null(struct draft *draft, struct mqtt_bytes *text) {
    return draft_insert(draft, text, view("", 1), false);
}

static bool make_wildcard(struct draft *draft, struct mqtt_bytes *text) {
    return draft_insert(draft, text, mqtt_text(below(draft, 2) == 0 ? "+" : "#"), false);
}

bool break_client_identifier_text(struct draft *draft) {
    return make_ill_formed(draft, &draft->packet.connect.client_identifier);
}

bool break_client_identifier_null(struct draft *draft) {
    return make_null(draft, &draft->packet.connect.client_identifier);
}

bool break_user_name_text(struct draft *draft) {
    return draft_set_user_name(draft) && make_ill_formed(draft, &draft->packet.connect.user_name);
}

bool break_user_name_null(struct draft *draft) {
    return draft_set_user_name(draft) && make_null(draft, &draft->packet.connect.user_name);
}

bool break_will_topic_text(struct draft *draft) {
    return draft_set_will(draft) && make_ill_formed(draft, &draft->packet.connect.will_topic);
}

bool break_will_topic_null(struct draft *draft) {
    return draft_set_will(draft) && make_null(draft, &draft->packet.connect.will_topic);
}

bool break_will_topic_wildcard(struct draft *draft) {
    return draft_set_will(draft) && make_wildcard(draft, &draft->packet.connect.will_topic);
}

bool break_will_topic_empty(struct draft *draft) {
    draft_set_will(draft);
    draft->packet.connect.will_topic = mqtt_text("");
    return true;
}

bool break_topic_text(struct draft *draft) {
    return make_ill_formed(draft, &draft->packet.publish.topic);
}

bool break_topic_null(struct draft *draft) {
    return make_null(draft, &draft->packet.publish.topic);
}

bool break_topic_wildcard(struct draft *draft) {
    return make_wildcard(draft, &draft->packet.publish.topic);
}

/* In 5.0 a Topic Alias would stand for it. */
bool break_topic_empty(struct draft *draft) {
    struct place place = draft_properties(draft);
    draft->packet.publish.topic = mqtt_text("");
    return place.set == NULL || draft_remove_property(draft, place, MQTT_TOPIC_ALIAS);
}

/* ---- Filters and their options
 * -------------------------------------------------------------------------------------------- */

bool break_filter_text(struct draft *draft) {
    struct mqtt_bytes filter = draft_text(draft, TEXT_TOPIC); /* no wildcard that would be misplaced then */
    return make_ill_formed(draft, &filter) && draft_append_filter(draft, filter, 0);
}

bool break_filter_null(struct draft *draft) {
    struct mqtt_bytes filter = mqtt_text("a/b");
    return make_null(draft, &filter) && draft_append_filter(draft, filter, 0);
}

bool break_filter_empty(struct draft *draft) {
    return draft_append_filter(draft, mqtt_text(""), 0);
}

bool break_filter_none(struct draft *draft) {
    if (draft->packet.type == MQTT_SUBSCRIBE)
        draft->packet.subscribe.filters = mqtt_text("");
    else
        draft->packet.unsubscribe.filters = mqtt_text("");
    return true;
}

static bool append_one_of(struct draft *draft, const char *const *texts, uint32_t count) {
    return draft_append_filter(draft, mqtt_text(texts[below(draft, count)]), 0);
}

bool break_filter_number(struct draft *draft) {
    static const char *const texts[] = {"a#", "#/a", "##", "a/#/", "a/#b", "/#/", "#a"};
    return append_one_of(draft, texts, COUNT_OF(texts));
}

bool break_filter_plus(struct draft *draft) {
    static const char *const texts[] = {"a+", "+a", "++", "a/+b", "a/b+/c", "/++"};
    return append_one_of(draft, texts, COUNT_OF(texts));
}

bool break_share_empty(struct draft *draft) {
    static const char *const texts[] = {"$share//a", "$share//a/b", "$share//#"};
    return append_one_of(draft, texts, COUNT_OF(texts));
}

bool break_share_name(struct draft *draft) {
    static const char *const texts[] = {"$share/+/a", "$share/g", "$share/g/", "$share/+/+"};
    return append_one_of(draft, texts, COUNT_OF(texts));
}

bool break_requested_qos(struct draft *draft) {
    return draft_append_filter(draft, mqtt_text("a"), 3);
}

bool break_option_bits(struct draft *draft) {
    uint8_t reserved = draft->decoder.version == MQTT_5_0 ? MQTT_SUBSCRIBE_RESERVED : 0xFC;
    uint8_t bits = (uint8_t)(0x80 >> below(draft, draft->decoder.version == MQTT_5_0 ? 2 : 6));
    return draft_append_filter(draft, mqtt_text("a"), bits & reserved);
}

bool break_retain_handling(struct draft *draft) {
    return draft_append_filter(draft, mqtt_text("a"), MQTT_SUBSCRIBE_RETAIN_HANDLING);
}

bool break_no_local(struct draft *draft) {
    return draft_append_filter(draft, mqtt_text("$share/g/a"), MQTT_SUBSCRIBE_NO_LOCAL);
}

/* ---- Numbers and codes
 * ------------------------------------------------------------------------------------------------------ */

bool break_identifier(struct draft *draft) {
    if (draft->packet.type == MQTT_PUBLISH)
        ask_for_identifier(draft);
    *draft_identifier(draft) = 0;
    return true;
}

bool break_acknowledge_flags(struct draft *draft) {
    draft->packet.connack.code = 0; /* a refusal has no flags at all */
    draft->packet.connack.acknowledge_flags |= (uint8_t)(0x80 >> below(draft, 7));
    return true;
}

bool break_session_present(struct draft *draft) {
    draft->packet.connack.acknowledge_flags = 1;
    draft->packet.connack.code = draft->decoder.version == MQTT_5_0 ? MQTT_REASON_BANNED : MQTT_NOT_AUTHORIZED;
    return true;
}

/* One that no table gives to this packet; there is such for each. */
static uint8_t wrong_code(struct draft *draft) {
    enum mqtt_type type = draft->packet.type;
    if (draft->decoder.version != MQTT_5_0)
        return (uint8_t)(0x81 + below(draft, 0x7F));
    uint8_t code = (uint8_t)random_next(draft->random);
    for (unsigned tries = 0; tries < 256 && mqtt_reason_allowed(type, code); tries++)
        code++;
    return code;
}

bool break_connack_code(struct draft *draft) {
    draft->packet.connack.acknowledge_flags = 0;
    draft->packet.connack.code = wrong_code(draft);
    return true;
}

bool break_reason(struct draft *draft) {
    bool has_no_identifier = draft->packet.type == MQTT_DISCONNECT || draft->packet.type == MQTT_AUTH;
    uint8_t *reason =
        has_no_identifier ? &draft->packet.disconnect.reason_code : &draft->packet.acknowledgement.reason_code;
    *reason = wrong_code(draft);
    if (draft->packet.type == MQTT_AUTH && draft->packet.disconnect.properties.data == NULL)
        draft->packet.disconnect.properties = mqtt_text("");
    return true;
}

bool break_codes(struct draft *draft) {
    uint8_t code = wrong_code(draft);
    return draft_insert(draft, &draft->packet.suback.codes, view(&code, 1), true);
}

bool break_codes_none(struct draft *draft) {
    draft->packet.suback.codes = mqtt_text("");
    return true;
}

/* ---- Properties
 * --------------------------------------------------------------------------------------------------------------- */

static bool put_text(struct draft *draft, uint8_t identifier, struct mqtt_bytes text, bool is_null) {
    struct mqtt_property property = {.identifier = identifier, .bytes = text, .value = text};
    return (is_null ? make_null(draft, &property.bytes) : make_ill_formed(draft, &property.bytes)) &&
           draft_put_property(draft, draft_properties(draft), &property, identifier == MQTT_USER_PROPERTY);
}

bool break_reason_string(struct draft *draft) {
    return put_text(draft, MQTT_REASON_STRING, draft_text(draft, TEXT_ANY), false);
}

bool break_content_type(struct draft *draft) {
    return put_text(draft, MQTT_CONTENT_TYPE, draft_text(draft, TEXT_ANY), false);
}

bool break_response_topic_text(struct draft *draft) {
    return put_text(draft, MQTT_RESPONSE_TOPIC, draft_text(draft, TEXT_TOPIC), false);
}

bool break_user_property_text(struct draft *draft) {
    return put_text(draft, MQTT_USER_PROPERTY, draft_text(draft, TEXT_ANY), false);
}

bool break_user_property_null(struct draft *draft) {
    return put_text(draft, MQTT_USER_PROPERTY, draft_text(draft, TEXT_ANY), true);
}

bool break_response_topic(struct draft *draft) {
    struct mqtt_property property = {.identifier = MQTT_RESPONSE_TOPIC, .bytes = draft_text(draft, TEXT_TOPIC)};
    return make_wildcard(draft, &property.bytes) &&
           draft_put_property(draft, draft_properties(draft), &property, false);
}

static bool put_number(struct draft *draft, uint8_t identifier, uint32_t number) {
    struct mqtt_property property = {.identifier = identifier, .number = number};
    return draft_put_property(draft, draft_properties(draft), &property, false);
}

bool break_topic_alias(struct draft *draft) {
    return put_number(draft, MQTT_TOPIC_ALIAS, 0);
}

bool break_subscription_identifier_sender(struct draft *draft) {
    return put_number(draft, MQTT_SUBSCRIPTION_IDENTIFIER, 1);
}

bool break_session_expiry_sender(struct draft *draft) {
    return put_number(draft, MQTT_SESSION_EXPIRY_INTERVAL, below(draft, 10));
}

/* Numbers that may not be 0, and those that may only be 0 or 1. Topic Alias has a row of its own. */
bool break_range(struct draft *draft) {
    struct place place = draft_properties(draft);
    uint8_t candidates[MQTT_PROPERTY_COUNT];
    uint32_t count = 0;
    for (uint8_t identifier = 1; identifier < MQTT_PROPERTY_COUNT; identifier++) {
        const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
        if (kind != NULL && (kind->places & place.in) != 0 && identifier != MQTT_TOPIC_ALIAS &&
            (kind->minimum == 1 || kind->maximum == 1))
            candidates[count++] = identifier;
    }
    if (count == 0)
        return false;
    uint8_t chosen = candidates[below(draft, count)];
    return put_number(draft, chosen, mqtt_property_kind(chosen)->minimum == 1 ? 0 : 2 + below(draft, 254));
}

bool break_twice(struct draft *draft) {
    struct place place = draft_any_properties(draft);
    uint8_t candidates[MQTT_PROPERTY_COUNT];
    uint32_t count = 0;
    struct mqtt_property property;
    for (uint8_t identifier = 1; identifier < MQTT_PROPERTY_COUNT; identifier++) {
        const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
        if (kind != NULL && (kind->repeated & place.in) == 0 &&
            (draft_may_add(draft, place, identifier) ||
             mqtt_find_property(*place.set, (enum mqtt_property_identifier)identifier, &property)))
            candidates[count++] = identifier;
    }
    if (count == 0)
        return false;
    draft_value(draft, candidates[below(draft, count)], &property);
    return draft_put_property(draft, place, &property, false) && draft_put_property(draft, place, &property, true);
}

bool break_place(struct draft *draft) {
    struct place place = draft_any_properties(draft);
    uint8_t candidates[MQTT_PROPERTY_COUNT];
    uint32_t count = 0;
    struct mqtt_property property;
    for (uint8_t identifier = 1; identifier < MQTT_PROPERTY_COUNT; identifier++) {
        const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
        if (kind != NULL && (kind->places & place.in) == 0)
            candidates[count++] = identifier;
    }
    draft_value(draft, candidates[below(draft, count)], &property);
    return draft_put_property(draft, place, &property, true);
}

bool break_undefined(struct draft *draft) {
    static const uint8_t undefined[] = {0x00, 0x04, 0x0A, 0x14, 0x1B, 0x20, 0x2B, 0x7F, 0x80, 0xFF};
    uint8_t identifier = undefined[below(draft, COUNT_OF(undefined))];
    return draft_put_raw(draft, draft_any_properties(draft), &identifier, 1);
}

/* A User Property that ends anywhere before its last byte. */
bool break_value_end(struct draft *draft) {
    static const uint8_t pair[] = {MQTT_USER_PROPERTY, 0, 1, 'k', 0, 2, 'v', 'v'};
    return draft_put_raw(draft, draft_any_properties(draft), pair, 1 + below(draft, sizeof pair - 1));
}

bool break_number_padded(struct draft *draft) {
    static const uint8_t padded[] = {MQTT_SUBSCRIPTION_IDENTIFIER, 0x81, 0x80, 0x00};
    static const uint8_t shorter[] = {MQTT_SUBSCRIPTION_IDENTIFIER, 0x81, 0x00};
    struct place place = draft_properties(draft);
    bool is_short = below(draft, 2) == 0;
    return draft_remove_property(draft, place, MQTT_SUBSCRIPTION_IDENTIFIER) &&
           draft_put_raw(draft, place, is_short ? shorter : padded, is_short ? sizeof shorter : sizeof padded);
}

bool break_data_without_method(struct draft *draft) {
    struct place place = draft_properties(draft);
    struct mqtt_property property;
    draft_value(draft, MQTT_AUTHENTICATION_DATA, &property);
    return draft_remove_property(draft, place, MQTT_AUTHENTICATION_METHOD) &&
           draft_put_property(draft, place, &property, false);
}

static bool write_property_length(struct draft *draft, enum length_form form) {
    struct place place = draft_properties(draft);
    if (place.set->data == NULL)
        *place.set = mqtt_text("");
    draft->property_length = form;
    return true;
}

bool break_property_length_padded(struct draft *draft) {
    return write_property_length(draft, LENGTH_PADDED);
}

bool break_property_length_fifth(struct draft *draft) {
    return write_property_length(draft, LENGTH_FIFTH);
}

bool break_property_length_beyond(struct draft *draft) {
    return write_property_length(draft, LENGTH_BEYOND);
}
