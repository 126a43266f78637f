/* The table of breakages. */
#include "fuzz/mutator_break.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define BEFORE_5   (BREAKS_3_1 | BREAKS_3_1_1)
#define IN_5       BREAKS_5_0
#define FROM_3_1_1 (BREAKS_3_1_1 | BREAKS_5_0)
#define ANY        (BEFORE_5 | IN_5)

#define CLIENT (1u << MQTT_CLIENT)
#define SERVER (1u << MQTT_SERVER)
#define EITHER (CLIENT | SERVER)

#define CONNECT_     MQTT_IN(MQTT_CONNECT)
#define CONNACK_     MQTT_IN(MQTT_CONNACK)
#define PUBLISH_     MQTT_IN(MQTT_PUBLISH)
#define PUBACK_      MQTT_IN(MQTT_PUBACK)
#define PUBREC_      MQTT_IN(MQTT_PUBREC)
#define PUBREL_      MQTT_IN(MQTT_PUBREL)
#define PUBCOMP_     MQTT_IN(MQTT_PUBCOMP)
#define RECEIPTS_    (PUBACK_ | PUBREC_ | PUBREL_ | PUBCOMP_)
#define SUBSCRIBE_   MQTT_IN(MQTT_SUBSCRIBE)
#define SUBACK_      MQTT_IN(MQTT_SUBACK)
#define UNSUBSCRIBE_ MQTT_IN(MQTT_UNSUBSCRIBE)
#define UNSUBACK_    MQTT_IN(MQTT_UNSUBACK)
#define FILTERS_     (SUBSCRIBE_ | UNSUBSCRIBE_)
#define CODES_       (SUBACK_ | UNSUBACK_)
#define PINGS_       (MQTT_IN(MQTT_PINGREQ) | MQTT_IN(MQTT_PINGRESP))
#define DISCONNECT_  MQTT_IN(MQTT_DISCONNECT)
#define AUTH_        MQTT_IN(MQTT_AUTH)
#define ANSWERS_     (CONNACK_ | RECEIPTS_ | CODES_ | DISCONNECT_ | AUTH_)
#define SETS_        (ANSWERS_ | CONNECT_ | PUBLISH_ | FILTERS_)
#define ALL_         (SETS_ | PINGS_)

/* What has no statement of its own; see mutate_broken_statement(). */
#define GENERAL V311(4_8_0_1), V5(4_13_1_1)

/* clang-format off: one row a line */
static const struct breakage breakages[] = {
    /* ---- The Fixed Header ---- */
    {"type 0", ALL_ & ~CONNECT_, ANY, EITHER, MQTT_MALFORMED, GENERAL, break_type},
    {"type 0 in place of CONNECT", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(4_8_0_1), V311(4_8_0_1), break_type},
    {"packet of the other side", PINGS_, ANY, EITHER, MQTT_PROTOCOL, GENERAL, break_direction},
    {"reserved flags", CONNECT_ | CONNACK_ | PUBACK_ | PUBREC_ | PUBCOMP_ | CODES_ | PINGS_, FROM_3_1_1, EITHER,
     MQTT_MALFORMED, V311(2_2_2_2), V5(2_1_3_1), break_reserved_flags},
    {"reserved flags of PUBREL", PUBREL_, FROM_3_1_1, EITHER, MQTT_MALFORMED, V311(3_6_1_1), V5(3_6_1_1),
     break_reserved_flags},
    {"reserved flags of SUBSCRIBE", SUBSCRIBE_, FROM_3_1_1, CLIENT, MQTT_MALFORMED, V311(3_8_1_1), V5(3_8_1_1),
     break_reserved_flags},
    {"reserved flags of UNSUBSCRIBE", UNSUBSCRIBE_, FROM_3_1_1, CLIENT, MQTT_MALFORMED, V311(3_10_1_1), V5(3_10_1_1),
     break_reserved_flags},
    {"reserved flags of DISCONNECT", DISCONNECT_, FROM_3_1_1, EITHER, MQTT_MALFORMED, V311(3_14_1_1), V5(3_14_1_1),
     break_reserved_flags},
    {"reserved flags of AUTH", AUTH_, IN_5, EITHER, MQTT_MALFORMED, SPEC_NONE, V5(3_15_1_1), break_reserved_flags},
    {"QoS 3", PUBLISH_, ANY, EITHER, MQTT_MALFORMED, V311(3_3_1_4), V5(3_3_1_4), break_qos},
    {"DUP at QoS 0", PUBLISH_, FROM_3_1_1, EITHER, MQTT_PROTOCOL, V311(3_3_1_2), V5(3_3_1_2), break_dup},
    {"Remaining Length in too many bytes", ALL_, IN_5, EITHER, MQTT_MALFORMED, SPEC_NONE, V5(1_5_5_1),
     break_length_padded},
    {"Remaining Length of five bytes", ALL_ & ~CONNECT_, ANY, EITHER, MQTT_MALFORMED, GENERAL, break_length_fifth},
    {"Remaining Length of CONNECT of five bytes", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(4_8_0_1), V311(4_8_0_1),
     break_length_fifth},
    {"Remaining Length of CONNECT too small", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_3_3), V5(3_1_3_3),
     break_length_of_connect},
    {"Remaining Length of PUBLISH too small", PUBLISH_, ANY, EITHER, MQTT_MALFORMED, V311(3_3_2_1), V5(3_3_2_1),
     break_length_of_publish},
    {"Remaining Length too small for the filters", FILTERS_, ANY, CLIENT, MQTT_MALFORMED, GENERAL,
     break_length_of_filters},
    {"Remaining Length too small", CONNACK_ | RECEIPTS_ | CODES_, ANY, EITHER, MQTT_MALFORMED, GENERAL,
     break_length_of_others},

    /* ---- Packets that end too early or too late ---- */
    {"ends in its first field", CONNACK_ | RECEIPTS_ | FILTERS_ | CODES_, ANY, EITHER, MQTT_MALFORMED, GENERAL,
     break_start},
    {"ends in the protocol name", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_4_1), V311(3_1_4_1),
     break_connect_name},
    {"ends in flags or Keep Alive", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_4_1), V5(3_1_4_1),
     break_connect_header},
    {"ends in the Client Identifier", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_3_3), V5(3_1_3_3),
     break_client_identifier_end},
    {"ends in the Will Message", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_2_9), V5(3_1_2_9), break_will_end},
    {"ends in the user name", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_2_19), V5(3_1_2_17), break_user_name_end},
    {"ends in the password", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_2_21), V5(3_1_2_19), break_password_end},
    {"ends in the topic", PUBLISH_, ANY, EITHER, MQTT_MALFORMED, V311(3_3_2_1), V5(3_3_2_1), break_topic_end},
    {"ends in the Packet Identifier", PUBLISH_, ANY, CLIENT, MQTT_MALFORMED, V311(2_3_1_1), V5(2_2_1_3),
     break_publish_identifier_end},
    {"ends in the Server's Packet Identifier", PUBLISH_, ANY, SERVER, MQTT_MALFORMED, V311(2_3_1_1), V5(2_2_1_4),
     break_publish_identifier_end},
    {"no Property Length", PUBLISH_, IN_5, EITHER, MQTT_MALFORMED, SPEC_NONE, V5(2_2_2_1),
     break_publish_without_properties},
    {"ends in the last filter", FILTERS_, ANY, CLIENT, MQTT_MALFORMED, GENERAL, break_filter_end},
    {"bytes behind the end", CONNACK_ | RECEIPTS_ | PINGS_ | DISCONNECT_ | AUTH_, ANY, EITHER, MQTT_MALFORMED, GENERAL,
     break_tail},
    {"bytes behind the end of UNSUBACK", UNSUBACK_, BEFORE_5, SERVER, MQTT_MALFORMED, GENERAL, break_tail},
    {"bytes behind, and no user name", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_2_18), V5(3_1_2_16),
     break_tail_without_user_name},
    {"bytes behind the user name", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_2_20), V5(3_1_2_18),
     break_tail_without_password},
    {"bytes behind the password", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_4_1), V5(3_1_4_1),
     break_tail_behind_password},

    /* ---- CONNECT ---- */
    {"wrong protocol name", CONNECT_, ANY, CLIENT, MQTT_NO_ERROR, V311(3_1_2_1), V5(3_1_2_1), break_protocol_name},
    {"wrong Protocol Level", CONNECT_, ANY, CLIENT, MQTT_NO_ERROR, V311(3_1_2_2), V5(3_1_2_2), break_protocol_level},
    {"reserved Connect Flag", CONNECT_, FROM_3_1_1, CLIENT, MQTT_MALFORMED, V311(3_1_2_3), V5(3_1_2_3),
     break_connect_flag},
    {"Will QoS 3", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_2_14), V5(3_1_2_12), break_will_qos_3},
    {"Will QoS without Will", CONNECT_, FROM_3_1_1, CLIENT, MQTT_MALFORMED, V311(3_1_2_13), V5(3_1_2_11),
     break_qos_without_will},
    {"Will Retain without Will", CONNECT_, FROM_3_1_1, CLIENT, MQTT_MALFORMED, V311(3_1_2_15), V5(3_1_2_13),
     break_retain_without_will},
    {"password without user name", CONNECT_, BEFORE_5, CLIENT, MQTT_MALFORMED, V311(3_1_2_22), SPEC_NONE,
     break_password_alone},
    {"Will Flag without a Will", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_2_9), V5(3_1_2_9), break_will_missing},
    {"User Name Flag without a user name", CONNECT_, FROM_3_1_1, CLIENT, MQTT_MALFORMED, V311(3_1_2_19), V5(3_1_2_17),
     break_user_name_missing},
    {"Password Flag without a password", CONNECT_, FROM_3_1_1, CLIENT, MQTT_MALFORMED, V311(3_1_2_21), V5(3_1_2_19),
     break_password_missing},
    {"Client Identifier not UTF-8", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_3_4), V5(3_1_3_4),
     break_client_identifier_text},
    {"Client Identifier with U+0000", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(1_5_3_2), V5(1_5_4_2),
     break_client_identifier_null},
    {"user name not UTF-8", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_3_11), V5(3_1_3_12), break_user_name_text},
    {"user name with U+0000", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(1_5_3_2), V5(1_5_4_2), break_user_name_null},
    {"Will Topic not UTF-8", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(3_1_3_10), V5(3_1_3_11),
     break_will_topic_text},
    {"Will Topic with U+0000", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(4_7_3_2), V5(4_7_3_2),
     break_will_topic_null},
    {"Will Topic with a wildcard", CONNECT_, ANY, CLIENT, MQTT_MALFORMED, V311(4_7_1_1), V5(4_7_0_1),
     break_will_topic_wildcard},
    {"empty Will Topic", CONNECT_, ANY, CLIENT, MQTT_PROTOCOL, V311(4_7_3_1), V5(4_7_3_1), break_will_topic_empty},

    /* ---- Topics and filters ---- */
    {"topic not UTF-8", PUBLISH_, ANY, EITHER, MQTT_MALFORMED, V311(3_3_2_1), V5(3_3_2_1), break_topic_text},
    {"topic with U+0000", PUBLISH_, ANY, EITHER, MQTT_MALFORMED, V311(4_7_3_2), V5(4_7_3_2), break_topic_null},
    {"topic with a wildcard", PUBLISH_, ANY, EITHER, MQTT_MALFORMED, V311(3_3_2_2), V5(3_3_2_2), break_topic_wildcard},
    {"empty topic", PUBLISH_, ANY, EITHER, MQTT_PROTOCOL, V311(4_7_3_1), V5(4_7_3_1), break_topic_empty},
    {"filter of SUBSCRIBE not UTF-8", SUBSCRIBE_, ANY, CLIENT, MQTT_MALFORMED, V311(3_8_3_1), V5(3_8_3_1),
     break_filter_text},
    {"filter of UNSUBSCRIBE not UTF-8", UNSUBSCRIBE_, ANY, CLIENT, MQTT_MALFORMED, V311(3_10_3_1), V5(3_10_3_1),
     break_filter_text},
    {"filter with U+0000", FILTERS_, ANY, CLIENT, MQTT_MALFORMED, V311(4_7_3_2), V5(4_7_3_2), break_filter_null},
    {"empty filter", FILTERS_, ANY, CLIENT, MQTT_PROTOCOL, V311(4_7_3_1), V5(4_7_3_1), break_filter_empty},
    {"SUBSCRIBE without a filter", SUBSCRIBE_, ANY, CLIENT, MQTT_PROTOCOL, V311(3_8_3_3), V5(3_8_3_2),
     break_filter_none},
    {"UNSUBSCRIBE without a filter", UNSUBSCRIBE_, ANY, CLIENT, MQTT_PROTOCOL, V311(3_10_3_2), V5(3_10_3_2),
     break_filter_none},
    {"# that is not alone in the last level", FILTERS_, ANY, CLIENT, MQTT_MALFORMED, V311(4_7_1_2), V5(4_7_1_1),
     break_filter_number},
    {"+ that is not alone in its level", FILTERS_, ANY, CLIENT, MQTT_MALFORMED, V311(4_7_1_3), V5(4_7_1_2),
     break_filter_plus},
    {"empty ShareName", FILTERS_, IN_5, CLIENT, MQTT_MALFORMED, SPEC_NONE, V5(4_8_2_1), break_share_empty},
    {"ShareName with a wildcard, or nothing behind it", FILTERS_, IN_5, CLIENT, MQTT_MALFORMED, SPEC_NONE, V5(4_8_2_2),
     break_share_name},
    {"requested QoS 3", SUBSCRIBE_, BEFORE_5, CLIENT, MQTT_MALFORMED, V311(3_8_3_4), SPEC_NONE, break_requested_qos},
    {"requested QoS 3 in 5.0", SUBSCRIBE_, IN_5, CLIENT, MQTT_PROTOCOL, GENERAL, break_requested_qos},
    {"reserved bits of the options", SUBSCRIBE_, FROM_3_1_1, CLIENT, MQTT_MALFORMED, V311(3_8_3_4), V5(3_8_3_5),
     break_option_bits},
    {"Retain Handling 3", SUBSCRIBE_, IN_5, CLIENT, MQTT_PROTOCOL, GENERAL, break_retain_handling},
    {"No Local on a Shared Subscription", SUBSCRIBE_, IN_5, CLIENT, MQTT_PROTOCOL, SPEC_NONE, V5(3_8_3_4),
     break_no_local},

    /* ---- Packet Identifiers and codes ---- */
    {"Packet Identifier 0 from a Client", PUBLISH_ | FILTERS_, ANY, CLIENT, MQTT_PROTOCOL, V311(2_3_1_1), V5(2_2_1_3),
     break_identifier},
    {"Packet Identifier 0 from a Server", PUBLISH_, ANY, SERVER, MQTT_PROTOCOL, V311(2_3_1_1), V5(2_2_1_4),
     break_identifier},
    {"Packet Identifier 0 acknowledged", RECEIPTS_, ANY, EITHER, MQTT_PROTOCOL, V311(2_3_1_1), V5(2_2_1_5),
     break_identifier},
    {"Packet Identifier 0 in SUBACK or UNSUBACK", CODES_, ANY, SERVER, MQTT_PROTOCOL, V311(2_3_1_7), V5(2_2_1_6),
     break_identifier},
    {"reserved Connect Acknowledge Flags", CONNACK_, FROM_3_1_1, SERVER, MQTT_MALFORMED, SPEC_NONE, V5(3_2_2_1),
     break_acknowledge_flags},
    {"Session Present in a refusal", CONNACK_, FROM_3_1_1, SERVER, MQTT_PROTOCOL, V311(3_2_2_4), V5(3_2_2_6),
     break_session_present},
    {"return code that CONNACK has not", CONNACK_, BEFORE_5, SERVER, MQTT_MALFORMED, V311(3_2_2_6), SPEC_NONE,
     break_connack_code},
    {"return code that SUBACK has not", SUBACK_, BEFORE_5, SERVER, MQTT_MALFORMED, V311(3_9_3_2), SPEC_NONE,
     break_codes},
    {"no return code", SUBACK_, ANY, SERVER, MQTT_MALFORMED, V311(3_8_4_5), V5(3_8_4_6), break_codes_none},
    {"no return code in UNSUBACK", UNSUBACK_, IN_5, SERVER, MQTT_MALFORMED, SPEC_NONE, V5(3_11_3_1), break_codes_none},
    {"Reason Code that CONNACK has not", CONNACK_, IN_5, SERVER, MQTT_PROTOCOL, SPEC_NONE, V5(3_2_2_8),
     break_connack_code},
    {"Reason Code that PUBACK has not", PUBACK_, IN_5, EITHER, MQTT_PROTOCOL, SPEC_NONE, V5(3_4_2_1), break_reason},
    {"Reason Code that PUBREC has not", PUBREC_, IN_5, EITHER, MQTT_PROTOCOL, SPEC_NONE, V5(3_5_2_1), break_reason},
    {"Reason Code that PUBREL has not", PUBREL_, IN_5, EITHER, MQTT_PROTOCOL, SPEC_NONE, V5(3_6_2_1), break_reason},
    {"Reason Code that PUBCOMP has not", PUBCOMP_, IN_5, EITHER, MQTT_PROTOCOL, SPEC_NONE, V5(3_7_2_1), break_reason},
    {"Reason Code that SUBACK has not", SUBACK_, IN_5, SERVER, MQTT_PROTOCOL, SPEC_NONE, V5(3_9_3_2), break_codes},
    {"Reason Code that UNSUBACK has not", UNSUBACK_, IN_5, SERVER, MQTT_PROTOCOL, SPEC_NONE, V5(3_11_3_2), break_codes},
    {"Reason Code that DISCONNECT has not", DISCONNECT_, IN_5, EITHER, MQTT_PROTOCOL, SPEC_NONE, V5(3_14_2_1),
     break_reason},
    {"Reason Code that AUTH has not", AUTH_, IN_5, EITHER, MQTT_PROTOCOL, SPEC_NONE, V5(3_15_2_1), break_reason},

    /* ---- Properties ---- */
    {"property twice", SETS_ & ~UNSUBSCRIBE_, IN_5, EITHER, MQTT_PROTOCOL, GENERAL, break_twice},
    {"property in the wrong place", SETS_, IN_5, EITHER, MQTT_MALFORMED, GENERAL, break_place},
    {"property that is not defined", SETS_, IN_5, EITHER, MQTT_MALFORMED, GENERAL, break_undefined},
    {"property whose value ends early", SETS_, IN_5, EITHER, MQTT_MALFORMED, GENERAL, break_value_end},
    {"property value out of range", CONNECT_ | CONNACK_ | SUBSCRIBE_, IN_5, EITHER, MQTT_PROTOCOL, GENERAL,
     break_range},
    {"property value out of range from a Server", PUBLISH_, IN_5, SERVER, MQTT_PROTOCOL, GENERAL, break_range},
    {"property number in too many bytes", SUBSCRIBE_, IN_5, CLIENT, MQTT_MALFORMED, SPEC_NONE, V5(1_5_5_1),
     break_number_padded},
    {"property number in too many bytes from a Server", PUBLISH_, IN_5, SERVER, MQTT_MALFORMED, SPEC_NONE, V5(1_5_5_1),
     break_number_padded},
    {"Topic Alias 0", PUBLISH_, IN_5, EITHER, MQTT_PROTOCOL, SPEC_NONE, V5(3_3_2_8), break_topic_alias},
    {"Subscription Identifier from a Client", PUBLISH_, IN_5, CLIENT, MQTT_PROTOCOL, SPEC_NONE, V5(3_3_4_6),
     break_subscription_identifier_sender},
    {"Session Expiry Interval from a Server", DISCONNECT_, IN_5, SERVER, MQTT_PROTOCOL, SPEC_NONE, V5(3_14_2_2),
     break_session_expiry_sender},
    {"Authentication Data without a method", CONNECT_ | AUTH_, IN_5, EITHER, MQTT_PROTOCOL, GENERAL,
     break_data_without_method},
    {"Reason String not UTF-8", ANSWERS_, IN_5, EITHER, MQTT_MALFORMED, SPEC_NONE, V5(1_5_4_1), break_reason_string},
    {"Content Type not UTF-8", PUBLISH_, IN_5, EITHER, MQTT_MALFORMED, SPEC_NONE, V5(3_3_2_19), break_content_type},
    {"Response Topic not UTF-8", PUBLISH_, IN_5, EITHER, MQTT_MALFORMED, SPEC_NONE, V5(3_3_2_13),
     break_response_topic_text},
    {"Response Topic with a wildcard", PUBLISH_, IN_5, EITHER, MQTT_PROTOCOL, SPEC_NONE, V5(3_3_2_14),
     break_response_topic},
    {"User Property not UTF-8", SETS_, IN_5, EITHER, MQTT_MALFORMED, SPEC_NONE, V5(1_5_7_1), break_user_property_text},
    {"User Property with U+0000", SETS_, IN_5, EITHER, MQTT_MALFORMED, SPEC_NONE, V5(1_5_4_2),
     break_user_property_null},
    {"Property Length in too many bytes", SETS_, IN_5, EITHER, MQTT_MALFORMED, SPEC_NONE, V5(1_5_5_1),
     break_property_length_padded},
    {"Property Length of five bytes", SETS_, IN_5, EITHER, MQTT_MALFORMED, GENERAL, break_property_length_fifth},
    {"Property Length beyond the packet", SETS_, IN_5, EITHER, MQTT_MALFORMED, GENERAL, break_property_length_beyond},
};
/* clang-format on */

const struct breakage *mutate_breakages(size_t *count) {
    *count = COUNT_OF(breakages);
    return breakages;
}

/* The general statement of 5.0 binds Servers, which close on what a Client breaks. */
enum spec_statement mutate_broken_statement(const struct breakage *breakage, enum mqtt_version version,
                                            enum mqtt_side sender) {
    enum spec_statement statement = BY_VERSION(version, breakage->before_5, breakage->in_5);
    return statement == V5(4_13_1_1) && sender == MQTT_SERVER ? SPEC_NONE : statement;
}

static bool is_for(const struct breakage *breakage, const struct draft *draft) {
    enum mqtt_version version = draft->decoder.version;
    unsigned bit = version == MQTT_3_1 ? BREAKS_3_1 : version == MQTT_3_1_1 ? BREAKS_3_1_1 : BREAKS_5_0;
    return (breakage->packets & MQTT_IN(draft->packet.type)) != 0 && (breakage->versions & bit) != 0 &&
           (breakage->senders & 1u << draft->decoder.sender) != 0;
}

bool draft_break(struct draft *draft) {
    uint32_t first = random_below(draft->random, COUNT_OF(breakages));
    for (size_t i = 0; i < COUNT_OF(breakages); i++) {
        const struct breakage *row = &breakages[(first + i) % COUNT_OF(breakages)];
        if (is_for(row, draft))
            return row->apply(draft);
    }
    return false;
}

size_t mutate_break(struct random *random, const struct mqtt_decoder *decoder, const struct breakage *breakage,
                    struct mqtt_bytes in, uint8_t *out, size_t capacity) {
    struct draft draft;
    if (!draft_begin(&draft, random, decoder, in) || !is_for(breakage, &draft) || !breakage->apply(&draft))
        return 0;
    return draft_finish(&draft, out, capacity);
}
