/* The reference broker, set up as a target of the suite. */
#include <string.h>

#include "conformance/runner.h"
#include "conformance/scram_client.h"
#include "reference/server.h"

/* Large enough for the scenarios that send much, small enough to be exceeded at little cost. */
#define TARGET_PACKET_SIZE     (512u * 1024)
#define TARGET_RECEIVE_MAXIMUM 16
#define TARGET_TOPIC_ALIASES   8

static enum mqtt_connect_return_code authenticate(void *context, const struct broker_client *client,
                                                  const struct mqtt_connect *connect) {
    (void)context;
    (void)client;
    if (connect->user_name.data == NULL)
        return MQTT_CONNECTION_ACCEPTED;
    if (mqtt_equal(connect->user_name, mqtt_text("mqspec-denied")))
        return MQTT_NOT_AUTHORIZED;
    if (mqtt_equal(connect->user_name, mqtt_text("mqspec")) && !mqtt_equal(connect->password, mqtt_text("right")))
        return MQTT_BAD_USER_NAME_OR_PASSWORD;
    return MQTT_CONNECTION_ACCEPTED;
}

static bool has_denied_level(struct mqtt_bytes topic) {
    const struct mqtt_bytes denied = mqtt_text("denied");
    uint32_t start = 0;
    for (uint32_t i = 0; i <= topic.length; i++) {
        if (i < topic.length && topic.data[i] != '/')
            continue;
        if (mqtt_equal((struct mqtt_bytes){topic.data + start, i - start}, denied))
            return true;
        start = i + 1;
    }
    return false;
}

static bool may(void *context, const struct broker_client *client, struct mqtt_bytes topic) {
    (void)context;
    (void)client;
    return !has_denied_level(topic);
}

static bool scram_credentials(void *context, struct mqtt_bytes user_name, struct scram_credentials *credentials) {
    (void)context;
    *credentials = scram_stored_credentials;
    return mqtt_equal(user_name, mqtt_text(DEFAULT_SCRAM_USER));
}

static void offer_less(struct broker_settings *settings) {
    settings->maximum_qos = 1;
    settings->retain_available = false;
    settings->topic_alias_maximum = 0;
    settings->response_information = (struct mqtt_bytes){NULL, 0};
    settings->hooks.scram_credentials = NULL;
}

struct broker *create_target_broker(enum target_offer offer, const enum spec_statement *off, size_t off_count) {
    struct broker_settings settings = broker_default_settings();
    struct environment environment = environment_of_system();
    settings.maximum_packet_size = TARGET_PACKET_SIZE;
    settings.receive_maximum = TARGET_RECEIVE_MAXIMUM;
    settings.topic_alias_maximum = TARGET_TOPIC_ALIASES;
    settings.own_topic_aliases = TARGET_TOPIC_ALIASES;
    settings.response_information = mqtt_text("mqspec/response");
    settings.hooks = (struct broker_hooks){
        .authenticate = authenticate,
        .scram_credentials = scram_credentials,
        .may_publish = may,
        .may_subscribe = may,
    };
    if (offer == TARGET_OFFERS_LESS)
        offer_less(&settings);
    struct broker *broker = broker_create(&settings, &environment);
    if (broker == NULL)
        return NULL;
    for (size_t i = 0; i < off_count; i++)
        spec_switch_off(broker_rules(broker), off[i]);
    return broker;
}
