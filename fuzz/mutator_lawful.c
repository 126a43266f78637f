/* Changes after which a packet decodes as before. Each function makes one, or tells that it cannot. */
#include <string.h>

#include "fuzz/mutator_draft.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Fields that several packets have ---------------------------------------------------------------------------- */

static uint16_t any_identifier(struct random *random) {
    static const uint16_t odd[] = {1, 2, 100, 255, 256, 0x7FFF, 0x8000, 65535};
    if (random_one_in(random, 2))
        return odd[random_below(random, COUNT_OF(odd))];
    return (uint16_t)(1 + random_below(random, 65535));
}

static bool change_identifier(struct draft *draft) {
    uint16_t *identifier = draft_identifier(draft);
    if (identifier == NULL)
        return false;
    *identifier = any_identifier(draft->random);
    return true;
}

static uint8_t any_reason(struct random *random, enum mqtt_type type) {
    for (unsigned tries = 0; tries < 50; tries++) {
        uint8_t reason = (uint8_t)random_below(random, 0xA3);
        if (mqtt_reason_allowed(type, reason))
            return reason;
    }
    return 0; /* which every type has */
}

static bool change_reason(struct draft *draft) {
    uint8_t *reason = draft->packet.type == MQTT_DISCONNECT || draft->packet.type == MQTT_AUTH
                          ? &draft->packet.disconnect.reason_code
                          : &draft->packet.acknowledgement.reason_code;
    *reason = any_reason(draft->random, draft->packet.type);
    if (draft->packet.type == MQTT_AUTH && draft->packet.disconnect.properties.data == NULL)
        draft->packet.disconnect.properties = mqtt_text("");
    return true;
}

/* ---- CONNECT
 * --------------------------------------------------------------------------------------------------------- */

static bool change_keep_alive(struct draft *draft) {
    static const uint16_t odd[] = {0, 1, 2, 10, 60, 65535};
    draft->packet.connect.keep_alive = random_one_in(draft->random, 3)
                                           ? (uint16_t)random_next(draft->random)
                                           : odd[random_below(draft->random, COUNT_OF(odd))];
    return true;
}

static bool change_clean_session(struct draft *draft) {
    draft->packet.connect.flags ^= MQTT_CONNECT_CLEAN_SESSION;
    return true;
}

static bool change_client_identifier(struct draft *draft) {
    draft->packet.connect.client_identifier = draft_text(draft, TEXT_ANY);
    return true;
}

static bool change_will_flags(struct draft *draft) {
    struct mqtt_connect *connect = &draft->packet.connect;
    if ((connect->flags & MQTT_CONNECT_WILL) == 0)
        return draft_set_will(draft);
    uint8_t qos = (uint8_t)random_below(draft->random, 3);
    connect->flags = (connect->flags & (uint8_t)~MQTT_CONNECT_WILL_QOS) | (uint8_t)(qos << MQTT_CONNECT_WILL_QOS_SHIFT);
    if (random_one_in(draft->random, 2))
        connect->flags ^= MQTT_CONNECT_WILL_RETAIN;
    return true;
}

/* ---- CONNACK
 * --------------------------------------------------------------------------------------------------------- */

static bool change_connack(struct draft *draft) {
    struct mqtt_connack *connack = &draft->packet.connack;
    bool in_5 = draft->decoder.version == MQTT_5_0;
    bool accepts = random_one_in(draft->random, 2);
    connack->code = accepts ? 0
                    : in_5  ? any_reason(draft->random, MQTT_CONNACK)
                            : (uint8_t)random_below(draft->random, 6);
    connack->acknowledge_flags = connack->code == 0 ? (uint8_t)random_below(draft->random, 2) : 0;
    return true;
}

/* ---- PUBLISH
 * --------------------------------------------------------------------------------------------------------- */

static bool change_publish_flags(struct draft *draft) {
    uint8_t qos = (uint8_t)random_below(draft->random, 3);
    uint8_t flags = (uint8_t)(qos << MQTT_PUBLISH_QOS_SHIFT | random_below(draft->random, 2));
    if (qos > 0 && random_one_in(draft->random, 2))
        flags |= MQTT_PUBLISH_DUP;
    if (mqtt_publish_qos(draft->packet.flags) == 0)
        draft->packet.publish.packet_identifier = any_identifier(draft->random);
    draft->packet.flags = flags;
    return true;
}

static bool change_topic(struct draft *draft) {
    draft->packet.publish.topic = draft_text(draft, TEXT_TOPIC);
    return true;
}

static bool use_alias(struct draft *draft) {
    struct mqtt_property alias;
    draft_value(draft, MQTT_TOPIC_ALIAS, &alias);
    if (!draft_put_property(draft, draft_properties(draft), &alias, false))
        return false;
    if (random_one_in(draft->random, 2))
        draft->packet.publish.topic = mqtt_text("");
    return true;
}

static bool change_payload(struct draft *draft) {
    struct mqtt_bytes *payload = &draft->packet.publish.payload;
    if (random_one_in(draft->random, 2)) {
        *payload = random_one_in(draft->random, 4) ? draft_text(draft, TEXT_ANY) : draft_binary(draft);
        return true;
    }
    payload->length = random_below(draft->random, payload->length + 1);
    return true;
}

/* ---- SUBSCRIBE and UNSUBSCRIBE
 * --------------------------------------------------------------------------------------- */

static uint8_t any_options(struct draft *draft, struct mqtt_bytes filter) {
    struct mqtt_bytes share_name, shared;
    uint8_t qos = (uint8_t)random_below(draft->random, 3);
    if (draft->decoder.version != MQTT_5_0)
        return qos;
    uint8_t options = (uint8_t)(qos | random_below(draft->random, 3) << MQTT_SUBSCRIBE_RETAIN_HANDLING_SHIFT);
    options |= random_one_in(draft->random, 2) ? MQTT_SUBSCRIBE_RETAIN_AS_PUBLISHED : 0;
    if (random_one_in(draft->random, 2) && !mqtt_shared_filter(filter, &share_name, &shared))
        options |= MQTT_SUBSCRIBE_NO_LOCAL;
    return options;
}

static struct mqtt_bytes *filters_of(struct draft *draft) {
    return draft->packet.type == MQTT_SUBSCRIBE ? &draft->packet.subscribe.filters : &draft->packet.unsubscribe.filters;
}

static bool add_filter(struct draft *draft) {
    struct mqtt_bytes filter = draft_text(draft, TEXT_FILTER);
    return draft_append_filter(draft, filter, any_options(draft, filter));
}

/* Of one filter by chance, out of those there are, it leaves the others; or changes its options. */
static bool edit_filter(struct draft *draft, bool leaves_out) {
    bool subscribes = draft->packet.type == MQTT_SUBSCRIBE;
    struct mqtt_bytes *list = filters_of(draft), rest = *list, filter;
    uint8_t options = 0;
    uint32_t count = 0;
    while (mqtt_next_filter(&rest, &filter, subscribes ? &options : NULL))
        count++;
    uint32_t chosen = random_below(draft->random, count), i = 0;
    if (leaves_out && count < 2)
        return false;
    rest = *list;
    *list = (struct mqtt_bytes){list->data, 0};
    for (; mqtt_next_filter(&rest, &filter, subscribes ? &options : NULL); i++) {
        if (i == chosen && leaves_out)
            continue;
        if (!draft_append_filter(draft, filter, i == chosen ? any_options(draft, filter) : options))
            return false;
    }
    return true;
}

static bool leave_out_filter(struct draft *draft) {
    return edit_filter(draft, true);
}

static bool change_options(struct draft *draft) {
    return edit_filter(draft, false);
}

/* All filters go, and one comes. */
static bool replace_filters(struct draft *draft) {
    *filters_of(draft) = mqtt_text("");
    return add_filter(draft);
}

/* ---- SUBACK and UNSUBACK
 * ------------------------------------------------------------------------------------------------ */

static bool change_codes(struct draft *draft) {
    static const uint8_t return_codes[] = {0, 1, 2, MQTT_SUBSCRIBE_FAILURE};
    enum mqtt_version version = draft->decoder.version;
    uint32_t count = 1 + random_below(draft->random, 5);
    uint8_t *codes = draft_take(draft, count);
    if (codes == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        codes[i] = version == MQTT_5_0 ? any_reason(draft->random, draft->packet.type)
                                       : return_codes[random_below(draft->random, version == MQTT_3_1 ? 3 : 4)];
    draft->packet.suback.codes = (struct mqtt_bytes){codes, count};
    return true;
}

/* ---- All of them
 * ----------------------------------------------------------------------------------------------------------- */

#define BEFORE_5 (BREAKS_3_1 | BREAKS_3_1_1)
#define IN_5     BREAKS_5_0
#define ANY      (BEFORE_5 | IN_5)

#define CONNECT_   MQTT_IN(MQTT_CONNECT)
#define PUBLISH_   MQTT_IN(MQTT_PUBLISH)
#define RECEIPTS_  (MQTT_IN(MQTT_PUBACK) | MQTT_IN(MQTT_PUBREC) | MQTT_IN(MQTT_PUBREL) | MQTT_IN(MQTT_PUBCOMP))
#define SUBSCRIBE_ MQTT_IN(MQTT_SUBSCRIBE)
#define FILTERS_   (SUBSCRIBE_ | MQTT_IN(MQTT_UNSUBSCRIBE))
#define CODES_     (MQTT_IN(MQTT_SUBACK) | MQTT_IN(MQTT_UNSUBACK))
#define REASONS_   (RECEIPTS_ | MQTT_IN(MQTT_DISCONNECT) | MQTT_IN(MQTT_AUTH))
#define ALL_       0xFFFFu

/* clang-format off: one row a line */
static const struct change {
    uint32_t packets;
    uint8_t versions;
    bool (*apply)(struct draft *draft);
} changes[] = {
    {ALL_, ANY, change_identifier},
    {REASONS_, IN_5, change_reason},
    {CONNECT_, ANY, change_keep_alive},
    {CONNECT_, ANY, change_clean_session},
    {CONNECT_, ANY, change_client_identifier},
    {CONNECT_, ANY, draft_set_will},
    {CONNECT_, ANY, draft_drop_will},
    {CONNECT_, ANY, change_will_flags},
    {CONNECT_, ANY, draft_set_user_name},
    {CONNECT_, ANY, draft_drop_user_name},
    {CONNECT_, ANY, draft_set_password},
    {CONNECT_, ANY, draft_drop_password},
    {MQTT_IN(MQTT_CONNACK), ANY, change_connack},
    {PUBLISH_, ANY, change_publish_flags},
    {PUBLISH_, ANY, change_publish_flags},
    {PUBLISH_, ANY, change_topic},
    {PUBLISH_, ANY, change_payload},
    {PUBLISH_, IN_5, use_alias},
    {FILTERS_, ANY, add_filter},
    {FILTERS_, ANY, leave_out_filter},
    {FILTERS_, ANY, replace_filters},
    {SUBSCRIBE_, ANY, change_options},
    {MQTT_IN(MQTT_SUBACK), BEFORE_5, change_codes},
    {CODES_, IN_5, change_codes},
    {ALL_, IN_5, draft_add_property},
    {ALL_, IN_5, draft_add_property},
    {ALL_, IN_5, draft_change_property},
    {ALL_, IN_5, draft_leave_out_property},
};
/* clang-format on */

static bool is_for(const struct change *change, const struct draft *draft) {
    enum mqtt_version version = draft->decoder.version;
    unsigned bit = version == MQTT_3_1 ? BREAKS_3_1 : version == MQTT_3_1_1 ? BREAKS_3_1_1 : BREAKS_5_0;
    return (change->packets & MQTT_IN(draft->packet.type)) != 0 && (change->versions & bit) != 0;
}

bool draft_change(struct draft *draft) {
    const struct change *suitable[COUNT_OF(changes)];
    uint32_t count = 0, wanted = 1 + random_below(draft->random, 3), made = 0;
    for (size_t i = 0; i < COUNT_OF(changes); i++)
        if (is_for(&changes[i], draft))
            suitable[count++] = &changes[i];
    for (unsigned tries = 0; count > 0 && made < wanted && tries < 8; tries++) {
        struct mqtt_packet before = draft->packet; /* a change that cannot be made leaves nothing behind */
        if (suitable[random_below(draft->random, count)]->apply(draft))
            made++;
        else
            draft->packet = before;
    }
    return made > 0;
}

struct mqtt_packet draft_least_packet(enum mqtt_version version, enum mqtt_type type, struct mqtt_bytes set) {
    struct mqtt_packet packet = {.type = type, .flags = mqtt_required_flags(type)};
    static const uint8_t filter[] = {0, 1, 'a', 0}, code = 0;
    switch (type) {
    case MQTT_RESERVED:
    case MQTT_CONNECT:
        packet.type = MQTT_CONNECT;
        packet.connect = (struct mqtt_connect){.protocol_name = mqtt_text(version == MQTT_3_1 ? "MQIsdp" : "MQTT"),
                                               .protocol_level = (uint8_t)version,
                                               .flags = MQTT_CONNECT_CLEAN_SESSION,
                                               .properties = type == MQTT_CONNECT ? set : mqtt_text(""),
                                               .client_identifier = mqtt_text("c")};
        if (type == MQTT_CONNECT)
            break;
        packet.connect.flags |= MQTT_CONNECT_WILL;
        packet.connect.will_properties = set;
        packet.connect.will_topic = packet.connect.will_message = mqtt_text("w");
        break;
    case MQTT_CONNACK:
        packet.connack.properties = set;
        break;
    case MQTT_PUBLISH:
        packet.publish = (struct mqtt_publish){.topic = mqtt_text("a"), .properties = set, .payload = mqtt_text("p")};
        break;
    case MQTT_SUBSCRIBE:
        packet.subscribe = (struct mqtt_subscribe){1, set, {filter, 4}, 1};
        break;
    case MQTT_UNSUBSCRIBE:
        packet.unsubscribe = (struct mqtt_unsubscribe){1, set, {filter, 3}, 1};
        break;
    case MQTT_SUBACK:
    case MQTT_UNSUBACK: /* before 5.0 its identifier alone is written */
        packet.suback = (struct mqtt_suback){1, set, {&code, 1}};
        break;
    case MQTT_DISCONNECT:
    case MQTT_AUTH:
        packet.disconnect.properties = set;
        break;
    case MQTT_PINGREQ:
    case MQTT_PINGRESP:
        break;
    default:
        packet.acknowledgement = (struct mqtt_acknowledgement){1, 0, set};
        break;
    }
    return packet;
}
