#include "conformance/scenarios/families.h"

/* In the order in which they are listed and reported. */
const struct scenario_family *const scenario_families[] = {
    &connect_family,
    &connack_family,
    &keepalive_family,
    &clean_session_family,
    &qos0_family,
    &qos1_family,
    &qos2_family,
    &order_family,
    &retain_family,
    &will_family,
    &subscribe_family,
    &unsubscribe_family,
    &topics_family,
    &ping_disconnect_family,
    &malformed_family,
    &malformed_connect_family,
    &malformed_publish_family,
    &malformed_subscribe_family,
    NULL,
};
