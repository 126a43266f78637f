/* The functions of the table of breakages. Each breaks one thing of a draft that is lawful, and may change others
 * lawfully for it; false where that cannot be done. */
#ifndef MQSPEC_MUTATOR_BREAK_H
#define MQSPEC_MUTATOR_BREAK_H

#include "fuzz/mutator_draft.h"

typedef bool breaker(struct draft *draft);

breaker break_type, break_direction, break_reserved_flags, break_qos, break_dup, break_length_padded,
    break_length_fifth, break_tail, break_start, break_connect_name, break_connect_header, break_client_identifier_end,
    break_will_end, break_user_name_end, break_password_end, break_topic_end, break_publish_identifier_end,
    break_publish_without_properties, break_filter_end, break_length_of_connect, break_length_of_publish,
    break_length_of_filters, break_length_of_others, break_protocol_name, break_protocol_level, break_connect_flag,
    break_will_qos_3, break_qos_without_will, break_retain_without_will, break_password_alone, break_will_missing,
    break_user_name_missing, break_password_missing, break_tail_without_user_name, break_tail_without_password,
    break_tail_behind_password, break_client_identifier_text, break_client_identifier_null, break_user_name_text,
    break_user_name_null, break_will_topic_text, break_will_topic_null, break_will_topic_wildcard,
    break_will_topic_empty, break_topic_text, break_topic_null, break_topic_wildcard, break_topic_empty,
    break_filter_text, break_filter_null, break_filter_empty, break_filter_none, break_filter_number, break_filter_plus,
    break_share_empty, break_share_name, break_requested_qos, break_option_bits, break_retain_handling, break_no_local,
    break_identifier, break_acknowledge_flags, break_session_present, break_connack_code, break_reason, break_codes,
    break_codes_none, break_reason_string, break_content_type, break_response_topic_text, break_user_property_text,
    break_user_property_null, break_response_topic, break_topic_alias, break_subscription_identifier_sender,
    break_session_expiry_sender, break_range, break_twice, break_place, break_undefined, break_value_end,
    break_number_padded, break_data_without_method, break_property_length_padded, break_property_length_fifth,
    break_property_length_beyond;

#endif
