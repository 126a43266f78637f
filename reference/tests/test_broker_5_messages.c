/* The core with Clients of MQTT 5.0: limits, aliases, what subscriptions ask for, Shared Subscriptions that change
 * hands, sessions that change versions. */
#include "reference/tests/broker_bench_5.h"

/* ---- Receive Maximum -------------------------------------------------------------------------------------------- */

static void receive_maximum_of_each_connection_holds(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 9, .receive_maximum = 3});
    subscribe_5(bench, 0, "t", 1, 0);
    connect_5(bench, 1, (struct client_5){.name = "b"});
    for (uint16_t i = 1; i <= 5; i++)
        publish_5(
            bench, 1,
            (struct message_5){.topic = "t", .payload = (char[]){(char)('0' + i), '\0'}, .qos = 1, .identifier = i});
    EXPECT(0, "C00 S01 P1:t=1 P1:t=2 P1:t=3");
    acknowledge_5(bench, 0, MQTT_PUBACK, 2, MQTT_REASON_SUCCESS);
    EXPECT(0, "P1:t=4");
    lose(bench, 0);
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 9, .receive_maximum = 1});
    EXPECT(0, "C00p P1d:t=1");
    acknowledge_5(bench, 0, MQTT_PUBACK, 3, MQTT_REASON_SUCCESS); /* is not under way here: passed over */
    EXPECT(0, "");
    acknowledge_5(bench, 0, MQTT_PUBACK, 1, MQTT_REASON_SUCCESS);
    EXPECT(0, "P1d:t=3");
    acknowledge_5(bench, 0, MQTT_PUBACK, 3, MQTT_REASON_SUCCESS);
    acknowledge_5(bench, 0, MQTT_PUBACK, 4, MQTT_REASON_SUCCESS);
    EXPECT(0, "P1d:t=4 P1:t=5");
    bench_destroy(bench);
}

static void server_holds_clients_to_its_receive_maximum(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.receive_maximum = 2;
    struct bench *bench = bench_create(settings, 0);
    struct message_5 message = {.topic = "t", .payload = "x", .qos = 2};
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 9});
    for (message.identifier = 1; message.identifier <= 2; message.identifier++)
        publish_5(bench, 0, message);
    acknowledge_5(bench, 0, MQTT_PUBREL, 1, MQTT_REASON_SUCCESS);
    publish_5(bench, 0, message); /* 3 */
    EXPECT(0, "C00 r10 r10 c r10");
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "x", .qos = 1, .identifier = 9});
    message.dup = true;
    publish_5(bench, 0, message); /* 3 again: no other one */
    EXPECT(0, "a10 r");
    lose(bench, 0);
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 9});
    publish_5(bench, 0, message);
    message.dup = false;
    for (message.identifier = 11; message.identifier <= 13; message.identifier++)
        publish_5(bench, 0, message);
    EXPECT(0, "C00p r r10 r10 D93 x");
    bench_destroy(bench);
}

/* ---- Topic Aliases and the Maximum Packet Size --------------------------------------------------------------------
 */

static void alias_that_makes_a_packet_too_large_is_left_out(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    /* The PUBLISH has 2 bytes of Fixed Header, 2 + 20 of topic, 1 of Property Length and 4 of payload. */
    connect_5(bench, 0, (struct client_5){.name = "a", .maximum_packet_size = 29, .topic_alias_maximum = 5});
    subscribe_5(bench, 0, "#", 0, 0);
    publish_5(bench, 0, (struct message_5){.topic = "twenty bytes of name", .payload = "four"});
    publish_5(bench, 0, (struct message_5){.topic = "twenty bytes of name", .payload = "fives"});
    publish_5(bench, 0, (struct message_5){.topic = "twenty bytes of name", .payload = "1"});
    publish_5(bench, 0, (struct message_5){.topic = "twenty bytes of name", .payload = "any number up to 20."});
    EXPECT(0, "C00 S00 P0:twenty bytes of name=four P0:twenty bytes of name=1#1 P0:=any number up to 20.#1");
    assert_int_equal(broker_counts(bench->broker).discarded, 1);
    bench_destroy(bench);
}

/* Behind a topic of one byte, an alias takes more than it saves. */
static void alias_that_is_known_is_left_out_as_well(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .maximum_packet_size = 20, .topic_alias_maximum = 5});
    subscribe_5(bench, 0, "#", 0, 0);
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "1"});
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "fourteen bytes"}); /* 2 + 3 + 1 + 14 */
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "2"});
    EXPECT(0, "C00 S00 P0:t=1#1 P0:t=fourteen bytes P0:=2#1");
    assert_int_equal(broker_counts(bench->broker).discarded, 0);
    bench_destroy(bench);
}

/* ---- Clients that do not read -------------------------------------------------------------------------------------
 */

static void one_large_message_is_not_held_against_its_client(void **state) {
    (void)state;
    struct broker_settings settings = broker_default_settings();
    settings.maximum_output = 1024;
    struct bench *bench = bench_create(settings, 0);
    char payload[3000];
    memset(payload, 'x', sizeof payload);
    payload[sizeof payload - 1] = '\0';
    connect_3(bench, 0, "a", true);
    subscribe_5(bench, 0, "t", 0, 0);
    connect_3(bench, 1, "b", true);
    EXPECT(0, "C00 S00");
    bench->holds_commit = true; /* nothing is read */
    publish_5(bench, 1, (struct message_5){.topic = "t", .payload = payload});
    for (int i = 0; i < 400; i++) /* of 2 bytes */
        ping_5(bench, 0);
    bench->holds_commit = false;
    settle(bench, 0);
    assert_false(bench->closed[0]);
    bench->length[0] = 0;
    bench->holds_commit = true;
    publish_5(bench, 1, (struct message_5){.topic = "t", .payload = payload});
    for (int i = 0; i < 600; i++)
        ping_5(bench, 0);
    bench->holds_commit = false;
    settle(bench, 0);
    assert_true(bench->closed[0]); /* it asks and asks, and reads nothing */
    bench_destroy(bench);
}

static void message_that_is_too_large_counts_as_delivered(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 9, .maximum_packet_size = 40});
    subscribe_5(bench, 0, "t", 2, 0);
    connect_5(bench, 1, (struct client_5){.name = "b"});
    const char *large = "a payload that no packet of forty bytes can hold";
    publish_5(bench, 1, (struct message_5){.topic = "t", .payload = large, .qos = 1, .identifier = 1});
    publish_5(bench, 1, (struct message_5){.topic = "t", .payload = large, .qos = 2, .identifier = 2});
    publish_5(bench, 1, (struct message_5){.topic = "t", .payload = large});
    publish_5(bench, 1, (struct message_5){.topic = "t", .payload = "fine", .qos = 1, .identifier = 3});
    EXPECT(0, "C00 S02 P1:t=fine");
    assert_int_equal(broker_counts(bench->broker).discarded, 3);
    assert_int_equal(broker_counts(bench->broker).messages, 1);
    bench_destroy(bench);
}

static void client_of_tiny_packets_is_told_what_fits(void **state) {
    static const struct {
        uint32_t maximum_packet_size;
        const char *expected;
    } rows[] = {{1, "x"}, {15, "x"}, {16, "C00 D82 x"}, {200, "C00 D82 x"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench *bench = bench_5();
        connect_5(bench, 0, (struct client_5){.name = "a", .maximum_packet_size = rows[i].maximum_packet_size});
        disconnect_5(bench, 0, MQTT_REASON_SUCCESS, 1); /* which is wrong */
        EXPECT(0, rows[i].expected);
        bench_destroy(bench);
    }
}

static void aliases_of_a_client_end_with_its_connection(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 9});
    subscribe_5(bench, 0, "#", 0, 0);
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "1", .alias = 64});
    publish_5(bench, 0, (struct message_5){.topic = "", .payload = "2", .alias = 64});
    publish_5(bench, 0, (struct message_5){.topic = "u", .payload = "3", .alias = 64});
    publish_5(bench, 0, (struct message_5){.topic = "", .payload = "4", .alias = 64});
    EXPECT(0, "C00 S00 P0:t=1 P0:t=2 P0:u=3 P0:u=4");
    lose(bench, 0);
    connect_5(bench, 0, (struct client_5){.name = "a"});
    publish_5(bench, 0, (struct message_5){.topic = "", .payload = "5", .alias = 64});
    EXPECT(0, "C00p D82 x");
    bench_destroy(bench);
}

/* A broker whose decoder lets an empty topic pass gives it no alias. */
static void empty_topic_gets_no_alias(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    spec_switch_off(broker_rules(bench->broker), V5(4_7_3_1));
    spec_switch_off(broker_rules(bench->broker), V5(4_13_1_1));
    connect_5(bench, 0, (struct client_5){.name = "a", .topic_alias_maximum = 5});
    subscribe_5(bench, 0, "#", 0, 0);
    publish_5(bench, 0, (struct message_5){.topic = "", .payload = "x"});
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "x"});
    EXPECT(0, "C00 S00 P0:=x P0:t=x#1");
    bench_destroy(bench);
}

/* ---- Subscriptions ------------------------------------------------------------------------------------------------
 */

static void identifiers_of_many_subscriptions_go_out_in_copies(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a"});
    char filter[1024] = "";
    for (unsigned i = 0; i < 513; i++) { /* all match a/a/.../a */
        size_t length = 0;
        for (unsigned bit = 0; bit < 10; bit++)
            length += (size_t)snprintf(filter + length, sizeof filter - length, "%s%s", bit > 0 ? "/" : "",
                                       (i >> bit & 1) != 0 ? "+" : "a");
        subscribe_5(bench, 0, filter, 1, 1000 + i);
    }
    (void)told(bench, 0);
    publish_5(bench, 0, (struct message_5){.topic = "a/a/a/a/a/a/a/a/a/a", .payload = "x", .qos = 1, .identifier = 1});
    const char *text = told(bench, 0);
    unsigned copies = 0, identifiers = 0;
    for (const char *at = text; *at != '\0'; at++) {
        copies += *at == 'P';
        identifiers += *at == '[';
    }
    assert_int_equal(copies, 2);
    assert_int_equal(identifiers, 513);
    bench_destroy(bench);
}

/* Options, what was retained and is there already, and what comes after SUBACK. */
static const struct {
    const char *filters;
    uint8_t options;
    bool had_it; /* the session had the filter before */
    const char *expected;
} retained_rows[] = {
    {"r/a", 0x00, false, "S00 P0r:r/a=a[5]"},
    {"r/a", 0x00, true, "S00 P0r:r/a=a[5]"},
    {"r/a", 0x10, false, "S00 P0r:r/a=a[5]"},
    {"r/a", 0x10, true, "S00"},
    {"r/a", 0x20, false, "S00"},
    {"r/a r/a", 0x10, false, "S00.00 P0r:r/a=a[5]"},
    {"r/a r/+", 0x00, false, "S00.00 P0r:r/a=a[5] P0r:r/a=a[5]"},
    {"r/a", 0x04, false, "S00"},              /* No Local: it is the Client's own */
    {"r/a", 0x08, false, "S00 P0r:r/a=a[5]"}, /* Retain As Published */
    {"r/a", 0x01, false, "S01 P0r:r/a=a[5]"}, /* published with QoS 0 */
    {"$share/g/r/a", 0x00, false, "S00"},     /* never sent for a share */
    {"#", 0x00, false, "S00 P0r:r/a=a[5]"},
    {"+/a", 0x10, false, "S00 P0r:r/a=a[5]"},
};

static void retained_messages_for_a_new_subscription(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof retained_rows / sizeof retained_rows[0]; i++) {
        struct bench *bench = bench_5();
        connect_5(bench, 0, (struct client_5){.name = "a"});
        publish_5(bench, 0, (struct message_5){.topic = "r/a", .payload = "a", .retain = true});
        if (retained_rows[i].had_it)
            subscribe_5(bench, 0, retained_rows[i].filters, 0x20, 0);
        (void)told(bench, 0);
        subscribe_5(bench, 0, retained_rows[i].filters, retained_rows[i].options, 5);
        const char *text = told(bench, 0);
        if (strcmp(text, retained_rows[i].expected) != 0)
            fail_msg("row %zu, %s with options %02X: %s, not %s", i, retained_rows[i].filters, retained_rows[i].options,
                     text, retained_rows[i].expected);
        bench_destroy(bench);
    }
}

static void no_local_holds_for_the_publisher_alone(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a"});
    connect_5(bench, 1, (struct client_5){.name = "b"});
    subscribe_5(bench, 0, "t", MQTT_SUBSCRIBE_NO_LOCAL, 0);
    subscribe_5(bench, 1, "t", MQTT_SUBSCRIBE_NO_LOCAL, 0);
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "x", .qos = 1, .identifier = 1});
    EXPECT(0, "C00 S00 a");
    EXPECT(1, "C00 S00 P0:t=x");
    subscribe_5(bench, 0, "+", 1, 0); /* a second subscription without it counts by itself */
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "y", .qos = 1, .identifier = 2});
    EXPECT(0, "S01 P1:t=y a");
    bench_destroy(bench);
}

/* ---- Shared Subscriptions -----------------------------------------------------------------------------------------
 */

static void publish_numbered(struct bench *bench, int client, unsigned first, unsigned last, uint8_t qos) {
    for (unsigned i = first; i <= last; i++) {
        char payload[8];
        snprintf(payload, sizeof payload, "%u", i);
        publish_5(bench, client,
                  (struct message_5){.topic = "t", .payload = payload, .qos = qos, .identifier = (uint16_t)i});
    }
}

static void messages_go_round(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    for (int client = 0; client < 3; client++) {
        connect_5(bench, client,
                  (struct client_5){.name = (const char *[]){"a", "b", "c"}[client], .session_expiry = 9});
        subscribe_5(bench, client, "$share/g/t", 0, 0);
        (void)told(bench, client);
    }
    connect_5(bench, 3, (struct client_5){.name = "p"});
    publish_numbered(bench, 3, 1, 6, 0);
    for (int client = 0; client < 3; client++)
        assert_int_equal(strlen(told(bench, client)), strlen("P0:t=1 P0:t=4"));
    lose(bench, 1); /* who is away is passed over */
    publish_numbered(bench, 3, 1, 4, 0);
    assert_int_equal(strlen(told(bench, 0)), strlen("P0:t=1 P0:t=3"));
    assert_int_equal(strlen(told(bench, 2)), strlen("P0:t=2 P0:t=4"));
    unsubscribe_5(bench, 0, "$share/g/t");
    publish_numbered(bench, 3, 1, 2, 0);
    EXPECT(0, "U00");
    EXPECT(2, "P0:t=1 P0:t=2");
    bench_destroy(bench);
}

/* QoS 1 goes to another member, sent or not; QoS 2 that was sent does not. */
static void messages_of_a_member_that_ends_change_hands(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 5, .receive_maximum = 2});
    subscribe_5(bench, 0, "$share/g/t", 2, 1);
    connect_5(bench, 1, (struct client_5){.name = "p"});
    publish_numbered(bench, 1, 1, 1, 1);
    publish_numbered(bench, 1, 2, 2, 2);
    publish_numbered(bench, 1, 3, 3, 1);
    publish_numbered(bench, 1, 4, 4, 2);
    EXPECT(0, "C00 S02 P1:t=1[1] P2:t=2[1]");
    connect_5(bench, 2, (struct client_5){.name = "b"});
    subscribe_5(bench, 2, "$share/g/t", 1, 2);
    lose(bench, 0);
    EXPECT(2, "C00 S01");
    advance(bench, SECONDS(5));
    EXPECT(2, "P1:t=1[2] P1:t=3[2] P1:t=4[2]");
    bench_destroy(bench);
}

static void messages_of_the_last_member_end_with_it(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 5});
    subscribe_5(bench, 0, "$share/g/t", 1, 0);
    connect_5(bench, 1, (struct client_5){.name = "b", .session_expiry = 5});
    subscribe_5(bench, 1, "$share/g/t", 1, 0);
    publish_numbered(bench, 1, 1, 4, 1);
    unsubscribe_5(bench, 0, "$share/g/t"); /* its two messages still count as shared */
    unsubscribe_5(bench, 1, "$share/g/t");
    assert_int_equal(broker_counts(bench->broker).messages, 4);
    subscribe_5(bench, 1, "$share/g/t", 1, 0); /* another share of the same name */
    (void)told(bench, 1);
    lose(bench, 0);
    advance(bench, SECONDS(5));
    EXPECT(1, "");
    assert_int_equal(broker_counts(bench->broker).messages, 2);
    bench_destroy(bench);
}

static void versions_share(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_3(bench, 0, "a", true);
    subscribe_5(bench, 0, "$share/g/t", 1, 0);
    connect_5(bench, 1, (struct client_5){.name = "b"});
    subscribe_5(bench, 1, "$share/g/t $share/h/t", 1, 3);
    connect_3(bench, 2, "p", true);
    publish_numbered(bench, 2, 1, 2, 1);
    unsigned first = strncmp(told(bench, 0) + strlen("C00 S01 "), "P1:t=", 5) == 0;
    assert_int_equal(first, 1);
    assert_int_equal(strlen(told(bench, 1)), strlen("C00 S01.01 P1:t=1[3] P1:t=1[3] P1:t=2[3]"));
    bench_destroy(bench);
}

/* Before 5.0 a filter that begins with $share/ and is not of the form is a filter like others. */
static void malformed_share_of_3_1_1_is_a_filter(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_3(bench, 0, "a", true);
    subscribe_5(bench, 0, "$share/g", 0, 0);
    publish_5(bench, 0, (struct message_5){.topic = "$share/g", .payload = "x"});
    EXPECT(0, "C00 S00 P0:$share/g=x");
    bench_destroy(bench);
}

/* A broker that breaks MQTT-4.8.2-6 gives what one member refused to another, but only while there is something. */
static void refusal_behind_pubrec_ends_the_exchange(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    spec_switch_off(broker_rules(bench->broker), V5(4_8_2_6));
    connect_5(bench, 0, (struct client_5){.name = "a"});
    subscribe_5(bench, 0, "$share/g/t", 2, 0);
    publish_numbered(bench, 0, 1, 1, 2);
    acknowledge_5(bench, 0, MQTT_PUBREC, 1, MQTT_REASON_SUCCESS);
    acknowledge_5(bench, 0, MQTT_PUBREC, 1, MQTT_REASON_QUOTA_EXCEEDED);
    EXPECT(0, "C00 S02 P2:t=1 r l");
    bench_destroy(bench);
}

/* ---- Sessions that change versions ----------------------------------------------------------------------------------
 */

static void session_of_5_is_served_as_3_1_1(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 9});
    subscribe_5(bench, 0, "t", 1 | MQTT_SUBSCRIBE_RETAIN_AS_PUBLISHED, 7);
    connect_5(bench, 1, (struct client_5){.name = "b"});
    struct message_5 message = {
        .topic = "t", .payload = "1", .qos = 1, .identifier = 1, .retain = true, .expires = true, .expiry = 5};
    publish_5(bench, 1, message);
    EXPECT(0, "C00 S01 P1r:t=1~5[7]");
    lose(bench, 0);
    connect_3(bench, 0, "a", false);
    EXPECT(0, "C00p P1dr:t=1");
    message.payload = "2";
    publish_5(bench, 1, message);
    EXPECT(0, "P1:t=2"); /* MQTT-3.3.1-9 of 3.1.1 */
    lose(bench, 0);
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 9});
    EXPECT(0, "C00p P1dr:t=1~5[7] P1d:t=2~5");
    bench_destroy(bench);
}

static void takeover_across_versions(void **state) {
    (void)state;
    struct bench *bench = bench_5();
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 9});
    connect_3(bench, 1, "a", false);
    connect_5(bench, 2, (struct client_5){.name = "a", .clean_start = true, .session_expiry = 9});
    connect_5(bench, 3, (struct client_5){.name = "a"});
    EXPECT(0, "C00 D8E x");
    EXPECT(1, "C00p x");
    EXPECT(2, "C00 D8E x");
    EXPECT(3, "C00p");
    bench_destroy(bench);
}

static void clients_without_name_get_names_apart(void **state) {
    (void)state;
    struct bench *bench = bench_5(); /* whose generator gives one number */
    for (int client = 0; client < 3; client++) {
        connect_5(bench, client, (struct client_5){.name = ""});
        EXPECT(client, "C00");
    }
    assert_int_equal(broker_counts(bench->broker).sessions, 3);
    bench_destroy(bench);
}

int main(void) {
    const struct CMUnitTest rows[] = {
        cmocka_unit_test(receive_maximum_of_each_connection_holds),
        cmocka_unit_test(server_holds_clients_to_its_receive_maximum),
        cmocka_unit_test(alias_that_makes_a_packet_too_large_is_left_out),
        cmocka_unit_test(alias_that_is_known_is_left_out_as_well),
        cmocka_unit_test(one_large_message_is_not_held_against_its_client),
        cmocka_unit_test(message_that_is_too_large_counts_as_delivered),
        cmocka_unit_test(client_of_tiny_packets_is_told_what_fits),
        cmocka_unit_test(aliases_of_a_client_end_with_its_connection),
        cmocka_unit_test(empty_topic_gets_no_alias),
        cmocka_unit_test(identifiers_of_many_subscriptions_go_out_in_copies),
        cmocka_unit_test(retained_messages_for_a_new_subscription),
        cmocka_unit_test(no_local_holds_for_the_publisher_alone),
        cmocka_unit_test(messages_go_round),
        cmocka_unit_test(messages_of_a_member_that_ends_change_hands),
        cmocka_unit_test(messages_of_the_last_member_end_with_it),
        cmocka_unit_test(versions_share),
        cmocka_unit_test(malformed_share_of_3_1_1_is_a_filter),
        cmocka_unit_test(refusal_behind_pubrec_ends_the_exchange),
        cmocka_unit_test(session_of_5_is_served_as_3_1_1),
        cmocka_unit_test(takeover_across_versions),
        cmocka_unit_test(clients_without_name_get_names_apart),
    };
    return cmocka_run_group_tests(rows, NULL, NULL);
}
