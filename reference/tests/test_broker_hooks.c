/* What the core asks its host about Clients, and what becomes of a no. */
#include "reference/tests/broker_bench_5.h"

/* Answers for everybody, and keeps what was asked last. */
static struct {
    const char *denied; /* the only topic or filter that is */
    enum mqtt_connect_return_code code;
    struct broker_client client;
    char text[200]; /* who was asked about: "version client user topic" */
    unsigned times;
} host;

static void note(const struct broker_client *client, struct mqtt_bytes topic) {
    host.client = *client;
    host.times++;
    snprintf(host.text, sizeof host.text, "%d %.*s %s%.*s %.*s", client->version, (int)client->client_identifier.length,
             client->client_identifier.length > 0 ? (const char *)client->client_identifier.data : "",
             client->user_name.data == NULL ? "-"
             : client->is_certified         ? "!"
                                            : "",
             (int)client->user_name.length, client->user_name.length > 0 ? (const char *)client->user_name.data : "",
             (int)topic.length, topic.length > 0 ? (const char *)topic.data : "");
}

static enum mqtt_connect_return_code authenticate(void *context, const struct broker_client *client,
                                                  const struct mqtt_connect *connect) {
    (void)context;
    (void)connect;
    note(client, (struct mqtt_bytes){NULL, 0});
    return host.code;
}

static bool may(void *context, const struct broker_client *client, struct mqtt_bytes topic) {
    (void)context;
    note(client, topic);
    return host.denied == NULL || !mqtt_equal(topic, mqtt_text(host.denied));
}

enum question { ASKS_WHO = 1, ASKS_PUBLISH = 2, ASKS_SUBSCRIBE = 4, ASKS_RECEIVE = 8 };

static struct bench *bench_that(unsigned asks, const char *denied) {
    struct broker_settings settings = broker_default_settings();
    memset(&host, 0, sizeof host);
    host.denied = denied;
    if ((asks & ASKS_WHO) != 0)
        settings.hooks.authenticate = authenticate;
    if ((asks & ASKS_PUBLISH) != 0)
        settings.hooks.may_publish = may;
    if ((asks & ASKS_SUBSCRIBE) != 0)
        settings.hooks.may_subscribe = may;
    if ((asks & ASKS_RECEIVE) != 0)
        settings.hooks.may_receive = may;
    return bench_create(settings, 0);
}

/* A CONNECT with a user name, and with a Will where `will` is its topic. */
static void connect_as(struct bench *bench, int number, enum mqtt_version version, const char *name, const char *user,
                       const char *will) {
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect = (struct mqtt_connect){.protocol_name = mqtt_text("MQTT"),
                                           .protocol_level = (uint8_t)version,
                                           .flags = MQTT_CONNECT_CLEAN_SESSION,
                                           .client_identifier = mqtt_text(name)};
    if (user != NULL) {
        packet.connect.flags |= MQTT_CONNECT_USER_NAME;
        packet.connect.user_name = mqtt_text(user);
    }
    if (will != NULL) {
        packet.connect.flags |= MQTT_CONNECT_WILL;
        packet.connect.will_topic = mqtt_text(will);
        packet.connect.will_message = mqtt_text("will");
    }
    bench->version[number] = version;
    if (bench->connections[number] == NULL)
        open_connection(bench, number);
    send_packet(bench, number, &packet);
}

/* ---- Who --------------------------------------------------------------------------------------------------------- */

static const struct {
    enum mqtt_version version;
    enum mqtt_connect_return_code code;
    const char *told;
} answers[] = {
    {MQTT_3_1_1, MQTT_CONNECTION_ACCEPTED, "C00"},       {MQTT_3_1_1, MQTT_BAD_USER_NAME_OR_PASSWORD, "C04 x"},
    {MQTT_3_1_1, MQTT_NOT_AUTHORIZED, "C05 x"},          {MQTT_5_0, MQTT_CONNECTION_ACCEPTED, "C00"},
    {MQTT_5_0, MQTT_BAD_USER_NAME_OR_PASSWORD, "C86 x"}, {MQTT_5_0, MQTT_NOT_AUTHORIZED, "C87 x"},
};

static void client_is_let_in_or_not(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct bench *bench = bench_that(ASKS_WHO, NULL);
        host.code = answers[i].code;
        connect_as(bench, 0, answers[i].version, "a", "u", NULL);
        EXPECT(0, answers[i].told);
        assert_int_equal(host.times, 1);
        bench_destroy(bench);
    }
}

static void host_learns_who_asks(void **state) {
    (void)state;
    struct bench *bench = bench_that(ASKS_WHO | ASKS_PUBLISH | ASKS_SUBSCRIBE | ASKS_RECEIVE, NULL);
    connect_as(bench, 0, MQTT_5_0, "a", "u", NULL);
    assert_string_equal(host.text, "5 a u ");
    assert_int_equal(host.client.connection, 1);
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "x"});
    assert_string_equal(host.text, "5 a u t");
    connect_as(bench, 1, MQTT_3_1_1, "b", NULL, NULL);
    assert_string_equal(host.text, "4 b - ");
    subscribe_5(bench, 0, "t", 1, 0);
    assert_string_equal(host.text, "5 a u t");
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "x", .qos = 1, .identifier = 1});
    assert_string_equal(host.text, "5 a u t");
    assert_int_equal(host.times, 6); /* may it be published, may it be received */
    connect_as(bench, 2, MQTT_3_1_1, "c", "", NULL);
    assert_string_equal(host.text, "4 c  ");
    bench_destroy(bench);
}

static void certified_name_goes_before_that_of_connect(void **state) {
    (void)state;
    struct bench *bench = bench_that(ASKS_WHO | ASKS_PUBLISH, NULL);
    open_connection(bench, 0);
    assert_true(broker_name_user(bench->connections[0], mqtt_text("certified")));
    connect_as(bench, 0, MQTT_5_0, "a", "u", NULL);
    assert_string_equal(host.text, "5 a !certified ");
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "x"});
    assert_string_equal(host.text, "5 a !certified t");
    lose(bench, 0);
    connect_as(bench, 0, MQTT_5_0, "a", "u", NULL);
    assert_string_equal(host.text, "5 a u ");
    bench_destroy(bench);
}

/* ---- May it publish? ------------------------------------------------------------------------------------------------
 */

static const struct {
    enum mqtt_version version;
    uint8_t qos;
    const char *told; /* to the publisher of what is denied */
} publications[] = {
    {MQTT_3_1_1, 0, ""}, {MQTT_3_1_1, 1, "a"}, {MQTT_3_1_1, 2, "r"},
    {MQTT_5_0, 0, ""},   {MQTT_5_0, 1, "a87"}, {MQTT_5_0, 2, "r87"},
};

static void denied_message_reaches_nobody(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof publications / sizeof publications[0]; i++) {
        struct bench *bench = bench_that(ASKS_PUBLISH, "no");
        connect_as(bench, 0, MQTT_5_0, "a", NULL, NULL);
        subscribe_5(bench, 0, "#", 2, 0);
        EXPECT(0, "C00 S02");
        connect_as(bench, 1, publications[i].version, "b", NULL, NULL);
        EXPECT(1, "C00");
        publish_5(bench, 1,
                  (struct message_5){.topic = "no",
                                     .payload = "x",
                                     .qos = publications[i].qos,
                                     .identifier = publications[i].qos > 0,
                                     .retain = true});
        EXPECT(1, publications[i].told);
        EXPECT(0, "");
        subscribe_5(bench, 0, "no", 2, 0);
        EXPECT(0, "S02"); /* nothing is retained */
        bench_destroy(bench);
    }
}

/* Permissions may change while a message of QoS 2 is on its way: it was taken, and its identifier stays its own. */
static void message_that_was_taken_is_not_denied_later(void **state) {
    (void)state;
    struct bench *bench = bench_that(ASKS_PUBLISH, NULL);
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 9});
    subscribe_5(bench, 0, "#", 0, 0);
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "x", .qos = 2, .identifier = 7});
    EXPECT(0, "C00 S00 P0:t=x r");
    host.denied = "t";
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "x", .qos = 2, .dup = true, .identifier = 7});
    EXPECT(0, "r");
    acknowledge_5(bench, 0, MQTT_PUBREL, 7, MQTT_REASON_SUCCESS);
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "x", .qos = 2, .identifier = 7});
    publish_5(bench, 0, (struct message_5){.topic = "u", .payload = "y", .qos = 2, .identifier = 7});
    EXPECT(0, "c r87 P0:u=y r");
    bench_destroy(bench);
}

static const struct {
    enum mqtt_version version;
    const char *will;
    const char *told;
} wills[] = {
    {MQTT_3_1_1, "yes", "C00"}, {MQTT_3_1_1, "no", "C05 x"},   {MQTT_5_0, "yes", "C00"},
    {MQTT_5_0, "no", "C87 x"},  {MQTT_5_0, "$SYS/x", "C87 x"},
};

static void client_whose_will_is_denied_is_not_let_in(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wills / sizeof wills[0]; i++) {
        struct bench *bench = bench_that(ASKS_PUBLISH, "no");
        connect_as(bench, 0, wills[i].version, "a", NULL, wills[i].will);
        EXPECT(0, wills[i].told);
        assert_int_equal(broker_counts(bench->broker).sessions, strcmp(wills[i].told, "C00") == 0);
        bench_destroy(bench);
    }
}

/* ---- May it subscribe, may it receive?
 * -------------------------------------------------------------------------------- */

static const struct {
    enum mqtt_version version;
    const char *told;
} subscriptions[] = {{MQTT_3_1_1, "S01.80.01"}, {MQTT_5_0, "S01.87.01"}};

static void denied_subscription_is_not_made(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof subscriptions / sizeof subscriptions[0]; i++) {
        struct bench *bench = bench_that(ASKS_SUBSCRIBE, "no");
        connect_as(bench, 0, subscriptions[i].version, "a", NULL, NULL);
        EXPECT(0, "C00");
        subscribe_5(bench, 0, "yes no also", 1, 0);
        EXPECT(0, subscriptions[i].told);
        publish_5(bench, 0, (struct message_5){.topic = "no", .payload = "x"});
        publish_5(bench, 0, (struct message_5){.topic = "also", .payload = "x"});
        EXPECT(0, "P0:also=x");
        bench_destroy(bench);
    }
}

static void message_that_may_not_be_received_is_left_out(void **state) {
    (void)state;
    struct bench *bench = bench_that(ASKS_RECEIVE, "no");
    connect_as(bench, 1, MQTT_5_0, "publisher", NULL, NULL);
    publish_5(bench, 1, (struct message_5){.topic = "no", .payload = "kept", .retain = true});
    publish_5(bench, 1, (struct message_5){.topic = "yes", .payload = "kept", .retain = true});
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 100});
    subscribe_5(bench, 0, "#", 1, 0);
    EXPECT(0, "C00 S01 P0r:yes=kept");
    publish_5(bench, 1, (struct message_5){.topic = "no", .payload = "0"});
    publish_5(bench, 1, (struct message_5){.topic = "no", .payload = "1", .qos = 1, .identifier = 1});
    publish_5(bench, 1, (struct message_5){.topic = "yes", .payload = "2"});
    EXPECT(0, "P0:yes=2");
    EXPECT(1, "C00 a10"); /* nobody got it */
    lose(bench, 0);
    publish_5(bench, 1, (struct message_5){.topic = "no", .payload = "3", .qos = 1, .identifier = 1});
    assert_string_equal(host.text, "5 a - no");
    assert_int_equal(host.client.connection, 0);
    publish_5(bench, 1, (struct message_5){.topic = "yes", .payload = "4", .qos = 1, .identifier = 2});
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 100});
    EXPECT(0, "C00p P1:yes=4");
    bench_destroy(bench);
}

int main(void) {
    const struct CMUnitTest rows[] = {
        cmocka_unit_test(client_is_let_in_or_not),
        cmocka_unit_test(host_learns_who_asks),
        cmocka_unit_test(certified_name_goes_before_that_of_connect),
        cmocka_unit_test(denied_message_reaches_nobody),
        cmocka_unit_test(message_that_was_taken_is_not_denied_later),
        cmocka_unit_test(client_whose_will_is_denied_is_not_let_in),
        cmocka_unit_test(denied_subscription_is_not_made),
        cmocka_unit_test(message_that_may_not_be_received_is_left_out),
    };
    return cmocka_run_group_tests(rows, NULL, NULL);
}
