/* The families of scenarios. Each is an array of struct scenario in a file of this folder that bears its name. */
#ifndef MQSPEC_FAMILIES_H
#define MQSPEC_FAMILIES_H

#include "conformance/scenario.h"

extern const struct scenario_family connect_family;
extern const struct scenario_family connack_family;
extern const struct scenario_family keepalive_family;
extern const struct scenario_family qos0_family;
extern const struct scenario_family qos1_family;
extern const struct scenario_family qos2_family;
extern const struct scenario_family clean_session_family;
extern const struct scenario_family retain_family;
extern const struct scenario_family will_family;
extern const struct scenario_family subscribe_family;
extern const struct scenario_family unsubscribe_family;
extern const struct scenario_family topics_family;
extern const struct scenario_family order_family;
extern const struct scenario_family ping_disconnect_family;
extern const struct scenario_family malformed_family;
extern const struct scenario_family malformed_connect_family;
extern const struct scenario_family malformed_publish_family;
extern const struct scenario_family malformed_subscribe_family;
extern const struct scenario_family subscription_options_family;
extern const struct scenario_family subscription_identifiers_family;
extern const struct scenario_family subscription_reasons_family;
extern const struct scenario_family shared_subscriptions_family;
extern const struct scenario_family message_properties_family;
extern const struct scenario_family request_information_family;
extern const struct scenario_family acknowledgement_reasons_family;
extern const struct scenario_family disconnect_reasons_family;
extern const struct scenario_family authentication_family;
extern const struct scenario_family versions_family;
extern const struct scenario_family connack5_family;
extern const struct scenario_family session_expiry_family;
extern const struct scenario_family will_delay_family;
extern const struct scenario_family message_expiry_family;
extern const struct scenario_family topic_alias_family;
extern const struct scenario_family flow_control_family;
extern const struct scenario_family exchanges_family;
extern const struct scenario_family packet_size_family;
extern const struct scenario_family taken_over_family;
extern const struct scenario_family encoding5_family;
extern const struct scenario_family websocket_family;
extern const struct scenario_family generated_properties_family;
extern const struct scenario_family generated_property_sets_family;
extern const struct scenario_family generated_text_family;
extern const struct scenario_family generated_flags_family;
extern const struct scenario_family generated_out_of_place_family;
extern const struct scenario_family generated_reasons_family;
extern const struct scenario_family generated_lengths_family;
extern const struct scenario_family generated_topics_family;
extern const struct scenario_family generated_qos_family;

/* Defines NAME_family from the array `table`. */
#define FAMILY(family, table) const struct scenario_family family##_family = {#family, table, COUNT_OF(table), NULL}

/* Defines NAME_family from the function that makes its scenarios. */
#define GENERATED_FAMILY(family, make) const struct scenario_family family##_family = {#family, NULL, 0, make}

#endif
