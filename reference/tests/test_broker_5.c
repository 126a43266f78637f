/* The core with Clients of MQTT 5.0: what the conformance scenarios do not reach. Authentication, memory that runs out,
 * hostile input and the Reason Codes for it. */
#include "reference/tests/broker_bench_scram.h"

/* ---- Enhanced authentication ------------------------------------------------------------------------------------ */

static void authentication_is_carried_through_and_again(void **state) {
    (void)state;
    struct bench *bench = bench_create(settings_with_scram(), 0);
    connect_5(bench, 0, (struct client_5){.name = "a", .authentication_data = "n,," FIRST});
    send_auth_5(bench, 0, MQTT_REASON_CONTINUE_AUTHENTICATION, final_message("secret"));
    EXPECT(0, "A18 C00");
    for (int i = 0; i < 3; i++) {
        send_auth_5(bench, 0, MQTT_REASON_RE_AUTHENTICATE, "n,," FIRST);
        subscribe_5(bench, 0, "t", 0, 0); /* goes on meanwhile */
        send_auth_5(bench, 0, MQTT_REASON_CONTINUE_AUTHENTICATION, final_message("secret"));
        EXPECT(0, "A18 S00 A");
    }
    send_auth_5(bench, 0, MQTT_REASON_RE_AUTHENTICATE, "n,," FIRST);
    send_auth_5(bench, 0, MQTT_REASON_CONTINUE_AUTHENTICATION, final_message("guess"));
    EXPECT(0, "A18 D87 x");
    bench_destroy(bench);
}

/* The data of CONNECT, of an AUTH with Continue authentication, and what the Client is told. */
static const struct {
    const char *first;
    const char *final; /* NULL: "secret" is proven */
    const char *expected;
} authentications[] = {
    {"n,," FIRST, NULL, "A18 C00"},
    {"n,," FIRST, "", "A18 C87 x"},
    {"n,," FIRST, "c=biws,r=abc,p=AAAA", "A18 C87 x"},
    {"n,,n=nobody,r=abc", NULL, "C87 x"},
    {"n,,n=u,r=", NULL, "C87 x"},
    {"", NULL, "C87 x"},
};

static void authentication_fails_closed(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof authentications / sizeof authentications[0]; i++) {
        struct bench *bench = bench_create(settings_with_scram(), 0);
        const char *final = authentications[i].final;
        connect_5(bench, 0, (struct client_5){.name = "a", .authentication_data = authentications[i].first});
        send_auth_5(bench, 0, MQTT_REASON_CONTINUE_AUTHENTICATION, final != NULL ? final : final_message("secret"));
        EXPECT(0, authentications[i].expected);
        bench_destroy(bench);
    }
}

static void only_auth_may_follow_while_it_is_under_way(void **state) {
    (void)state;
    struct bench *bench = bench_create(settings_with_scram(), 0);
    connect_5(bench, 0, (struct client_5){.name = "a", .authentication_data = "n,," FIRST});
    ping_5(bench, 0);
    EXPECT(0, "A18 C82 x");
    connect_5(bench, 0, (struct client_5){.name = "a", .authentication_data = "n,," FIRST});
    disconnect_5(bench, 0, MQTT_REASON_SUCCESS, NO_EXPIRY_GIVEN);
    EXPECT(0, "A18 x");
    connect_5(bench, 0, (struct client_5){.name = "a", .authentication_data = "n,," FIRST});
    send_auth_5(bench, 0, MQTT_REASON_RE_AUTHENTICATE, "n,," FIRST);
    EXPECT(0, "A18 C82 x");
    connect_5(bench, 0, (struct client_5){.name = "a"});
    send_auth_5(bench, 0, MQTT_REASON_RE_AUTHENTICATE, "n,," FIRST);
    EXPECT(0, "C00 D82 x");
    bench_destroy(bench);
}

/* Another connection may take the Client Identifier while the first proves itself: that one takes it back. */
static void identifier_is_taken_when_authentication_ends(void **state) {
    (void)state;
    struct bench *bench = bench_create(settings_with_scram(), 0);
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 9, .authentication_data = "n,," FIRST});
    connect_5(bench, 1, (struct client_5){.name = "a", .session_expiry = 9});
    send_auth_5(bench, 0, MQTT_REASON_CONTINUE_AUTHENTICATION, final_message("secret"));
    EXPECT(0, "A18 C00p");
    EXPECT(1, "C00 D8E x");
    bench_destroy(bench);
}

/* A broker that breaks MQTT-3.1.4-3 lets the first connection go on without a session: it may begin again. */
static void connection_robbed_while_it_authenticates_begins_again(void **state) {
    (void)state;
    struct bench *bench = bench_create(settings_with_scram(), 0);
    spec_switch_off(broker_rules(bench->broker), V5(3_1_4_3));
    connect_5(bench, 0, (struct client_5){.name = "a", .will_topic = "w", .authentication_data = "n,," FIRST});
    send_auth_5(bench, 0, MQTT_REASON_CONTINUE_AUTHENTICATION, final_message("secret"));
    publish_5(bench, 0, (struct message_5){.topic = "t", .payload = "", .alias = 1});
    send_auth_5(bench, 0, MQTT_REASON_RE_AUTHENTICATE, "n,," FIRST);
    EXPECT(0, "A18 C00 A18");
    connect_5(bench, 1, (struct client_5){.name = "a"});
    struct connection *first = bench->connections[0];
    struct properties properties = {.length = 0};
    add_bytes(&properties, MQTT_AUTHENTICATION_METHOD, mqtt_text(SCRAM_METHOD));
    add_bytes(&properties, MQTT_AUTHENTICATION_DATA, mqtt_text("n,," FIRST));
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect = (struct mqtt_connect){.protocol_name = mqtt_text("MQTT"),
                                           .protocol_level = MQTT_5_0,
                                           .properties = bytes_of(&properties),
                                           .client_identifier = mqtt_text("b")};
    send_packet(bench, 0, &packet);
    send_auth_5(bench, 0, MQTT_REASON_CONTINUE_AUTHENTICATION, final_message("secret"));
    EXPECT(0, "A18 C00");
    assert_ptr_equal(bench->connections[0], first);
    bench_destroy(bench);
}

/* ---- Memory ----------------------------------------------------------------------------------------------------- */

static void subscribers_come(struct bench *bench) {
    connect_5(bench, 0,
              (struct client_5){.name = "shared 1",
                                .session_expiry = 50,
                                .topic_alias_maximum = 3,
                                .will_topic = "a/w",
                                .will_delay = 20,
                                .will_retain = true});
    subscribe_5(bench, 0, "$share/g/a/+ a/b", 2, 7);
    subscribe_5(bench, 0, "a/#", 1, 8);
    connect_5(bench, 1, (struct client_5){.name = "shared 2", .session_expiry = UINT32_MAX, .receive_maximum = 2});
    subscribe_5(bench, 1, "$share/g/a/+", 1, 9);
    connect_5(bench, 2, (struct client_5){.name = "proven", .authentication_data = "n,," FIRST});
    send_auth_5(bench, 2, MQTT_REASON_CONTINUE_AUTHENTICATION, final_message("secret"));
    send_auth_5(bench, 2, MQTT_REASON_RE_AUTHENTICATE, "n,," FIRST);
    send_auth_5(bench, 2, MQTT_REASON_CONTINUE_AUTHENTICATION, final_message("secret"));
}

static void messages_come(struct bench *bench) {
    connect_5(bench, 3, (struct client_5){.name = "publisher", .session_expiry = 5, .topic_alias_maximum = 1});
    for (uint16_t i = 1; i < 12; i++)
        publish_5(bench, 3,
                  (struct message_5){.topic = i % 2 != 0 ? "a/b" : "a/c",
                                     .payload = "x",
                                     .qos = (uint8_t)(i % 3),
                                     .identifier = i,
                                     .retain = i % 4 == 0,
                                     .alias = i % 5,
                                     .expires = i % 2 == 0,
                                     .expiry = i,
                                     .user_property = i == 5 ? 900 : i});
    acknowledge_5(bench, 0, MQTT_PUBREC, 2, MQTT_REASON_SUCCESS);
    acknowledge_5(bench, 0, MQTT_PUBREC, 3, MQTT_REASON_QUOTA_EXCEEDED);
    acknowledge_5(bench, 1, MQTT_PUBACK, 1, MQTT_REASON_SUCCESS);
    acknowledge_5(bench, 3, MQTT_PUBREL, 2, MQTT_REASON_SUCCESS);
}

/* Touches all that the core stores for 5.0. */
static void converse_5(struct bench *bench) {
    subscribers_come(bench);
    messages_come(bench);
    lose(bench, 0);
    lose(bench, 1);
    bench->now += SECONDS(3);
    broker_tick(bench->broker, bench->now);
    settle(bench, 0);
    connect_5(bench, 4, (struct client_5){.name = "shared 3", .session_expiry = 1, .maximum_packet_size = 60});
    subscribe_5(bench, 4, "$share/g/a/+ a/+", 2, 1);
    for (uint16_t i = 20; i < 24; i++)
        publish_5(bench, 3, (struct message_5){.topic = "a/b", .payload = "y", .qos = 1, .identifier = i});
    connect_5(bench, 1, (struct client_5){.name = "shared 2", .session_expiry = 2, .receive_maximum = 1});
    connect_3(bench, 5, "shared 2", false);
    unsubscribe_5(bench, 4, "$share/g/a/+");
    disconnect_5(bench, 4, MQTT_REASON_DISCONNECT_WITH_WILL_MESSAGE, 3);
    bench->now += SECONDS(60);
    broker_tick(bench->broker, bench->now);
    settle(bench, 0);
    connect_5(bench, 0, (struct client_5){.name = ""});
    subscribe_5(bench, 0, "a/#", 0, 3);
}

static void bystander_is_served(struct bench *bench) {
    ping_5(bench, 7);
    publish_5(bench, 7, (struct message_5){.topic = "mine", .payload = "x", .qos = 1, .identifier = 1});
    EXPECT(7, "p P1:mine=x a");
}

static void any_allocation_may_fail_in_5(void **state) {
    (void)state;
    size_t n = 1;
    for (bool failed = true; failed; n++) {
        struct bench *bench = bench_create(settings_with_scram(), n);
        if (bench->broker == NULL) {
            assert_int_equal(bench->outstanding, 0);
            free(bench);
            continue;
        }
        connect_5(bench, 7, (struct client_5){.name = "bystander"});
        subscribe_5(bench, 7, "mine", 1, 0);
        bool bystander_is_in = strcmp(told(bench, 7), "C00 S01") == 0;
        converse_5(bench);
        failed = bench->allocations >= bench->failing;
        if (bystander_is_in && failed) /* else the allocation that fails may be the bystander's own */
            bystander_is_served(bench);
        bench_destroy(bench);
    }
    assert_true(n > 5); /* blocks come in slabs */
}

static void nothing_of_5_is_left_behind(void **state) {
    (void)state;
    struct bench *bench = bench_create(settings_with_scram(), 0);
    converse_5(bench);
    for (int client = 0; client < CLIENTS; client++)
        lose(bench, client);
    bench->now += SECONDS(1000);
    broker_tick(bench->broker, bench->now);
    struct broker_counts counts = broker_counts(bench->broker);
    assert_int_equal(counts.connections, 0);
    assert_int_equal(counts.sessions, 1); /* that of 3.1.1 */
    connect_3(bench, 0, "shared 2", true);
    lose(bench, 0);
    counts = broker_counts(bench->broker);
    assert_int_equal(counts.sessions, 0);
    assert_int_equal(counts.subscriptions, 0);
    assert_int_equal(counts.messages, counts.retained);
    assert_true(broker_deadline(bench->broker) == NO_DEADLINE);
    bench_destroy(bench);
}

static void large_message_is_stored_once(void **state) {
    static uint8_t payload[100000], buffer[100100];
    (void)state;
    struct bench *bench = bench_5();
    for (int client = 0; client < 4; client++) {
        connect_5(bench, client, (struct client_5){.name = (const char *[]){"a", "b", "c", "d"}[client]});
        subscribe_5(bench, client, "t", 0, client == 3);
    }
    struct mqtt_packet packet = {.type = MQTT_PUBLISH};
    packet.publish = (struct mqtt_publish){.topic = mqtt_text("t"), .payload = {payload, (uint32_t)sizeof payload}};
    size_t length = mqtt_encode(MQTT_5_0, &packet, buffer, sizeof buffer);
    size_t before = bench->allocations;
    broker_receive(bench->connections[0], (struct mqtt_bytes){buffer, (uint32_t)length}, 0);
    assert_int_equal(broker_counts(bench->broker).messages, 1);
    assert_in_range(bench->allocations - before, 1, 12);
    settle(bench, 0);
    EXPECT(3, "C00 S00 P0:t=(100000)[1]");
    assert_int_equal(broker_counts(bench->broker).messages, 0);
    bench_destroy(bench);
}

/* ---- What is wrong, and the Reason Code for it
 * ------------------------------------------------------------------------ */

#define BYTES(text) text, sizeof text - 1

/* What a Client sends after CONNACK, and what it is told. */
static const struct {
    const char *name;
    const char *bytes;
    size_t length;
    const char *expected;
} errors[] = {
    {"second CONNECT", BYTES("\x10\x0E\0\4MQTT\5\2\0\0\0\0\1a"), "D82 x"},
    {"CONNACK from a Client", BYTES("\x20\x03\0\0\0"), "D82 x"},
    {"type 0", BYTES("\0\0"), "D81 x"},
    {"flags of PINGREQ", BYTES("\xC1\0"), "D81 x"},
    {"Remaining Length of five bytes", BYTES("\x30\x80\x80\x80\x80\1"), "D81 x"},
    {"packet too large", BYTES("\x30\x81\x80\x80\x08"), "D95 x"},
    {"PUBLISH with QoS 3", BYTES("\x36\6\0\1t\0\1\0"), "D81 x"},
    {"PUBLISH with DUP and QoS 0", BYTES("\x38\4\0\1t\0"), "D82 x"},
    {"PUBLISH with identifier 0", BYTES("\x32\6\0\1t\0\0\0"), "D82 x"},
    {"PUBLISH to a filter", BYTES("\x30\4\0\1+\0"), "D81 x"},
    {"PUBLISH without topic", BYTES("\x30\3\0\0\0"), "D82 x"},
    {"PUBLISH to what is no text", BYTES("\x30\4\0\1\xFF\0"), "D81 x"},
    {"PUBLISH with Topic Alias 0", BYTES("\x30\7\0\1t\3\x23\0\0"), "D94 x"},
    {"PUBLISH with Topic Alias over the maximum", BYTES("\x30\7\0\1t\3\x23\0\x41"), "D94 x"},
    {"PUBLISH with a Topic Alias that was not set", BYTES("\x30\6\0\0\3\x23\0\1"), "D82 x"},
    {"PUBLISH with a property twice", BYTES("\x30\x0A\0\1t\6\x23\0\1\x23\0\1"), "D82 x"},
    {"PUBLISH with a property that is none", BYTES("\x30\6\0\1t\2\x7F\0"), "D81 x"},
    {"PUBLISH with a property of CONNECT", BYTES("\x30\7\0\1t\3\x21\0\1"), "D81 x"},
    {"PUBLISH with a Subscription Identifier", BYTES("\x30\6\0\1t\2\x0B\1"), "D82 x"},
    {"PUBLISH with properties that are cut", BYTES("\x30\5\0\1t\2\x23"), "D81 x"},
    {"PUBLISH to the Server's own topics", BYTES("\x32\x0C\0\6$SYS/a\0\1\0z"), "a87"},
    {"PUBREL with wrong flags", BYTES("\x60\2\0\1"), "D81 x"},
    {"PUBREL for nothing", BYTES("\x62\2\0\1"), "c92"},
    {"PUBREC for nothing", BYTES("\x50\2\0\1"), "l92"},
    {"PUBACK for nothing", BYTES("\x40\2\0\1"), ""},
    {"PUBACK with a code that it has not", BYTES("\x40\4\0\1\x02\0"), "D82 x"},
    {"SUBSCRIBE without filter", BYTES("\x82\3\0\1\0"), "D82 x"},
    {"SUBSCRIBE with a wrong filter",
     BYTES("\x82\7\0\1\0\0\1\x23"
           "\x40"),
     "D81 x"},
    {"SUBSCRIBE to a/#/b", BYTES("\x82\x0B\0\1\0\0\5a/#/b\0"), "D81 x"},
    {"SUBSCRIBE with QoS 3", BYTES("\x82\7\0\1\0\0\1t\3"), "D82 x"},
    {"SUBSCRIBE with Retain Handling 3", BYTES("\x82\7\0\1\0\0\1t\x30"), "D82 x"},
    {"SUBSCRIBE with reserved options", BYTES("\x82\7\0\1\0\0\1t\x40"), "D81 x"},
    {"SUBSCRIBE with Subscription Identifier 0", BYTES("\x82\x09\0\1\2\x0B\0\0\1t\0"), "D82 x"},
    {"SUBSCRIBE with No Local to a share", BYTES("\x82\x10\0\1\0\0\x0A$share/g/t\4"), "D82 x"},
    {"SUBSCRIBE to a share without filter", BYTES("\x82\x0E\0\1\0\0\x08$share/g\0"), "D81 x"},
    {"SUBSCRIBE to a share with + in its name", BYTES("\x82\x10\0\1\0\0\x0A$share/+/t\0"), "D81 x"},
    {"UNSUBSCRIBE without filter", BYTES("\xA2\3\0\1\0"), "D82 x"},
    {"UNSUBSCRIBE of what there is not", BYTES("\xA2\6\0\1\0\0\1t"), "U11"},
    {"AUTH, though CONNECT named no method", BYTES("\xF0\6\x18\4\x15\0\1m"), "D82 x"},
    {"DISCONNECT with a code of a Server", BYTES("\xE0\1\x8E"), "x"},
    {"DISCONNECT with a Session Expiry Interval", BYTES("\xE0\7\0\5\x11\0\0\0\1"), "D82 x"},
};

static void every_error_has_its_reason_code(void **state) {
    unsigned wrong = 0;
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct bench *bench = bench_5();
        connect_5(bench, 0, (struct client_5){.name = "a"});
        (void)told(bench, 0);
        receive(bench, 0, errors[i].bytes, errors[i].length);
        const char *text = told(bench, 0);
        if (strcmp(text, errors[i].expected) != 0) {
            print_error("%s: '%s', not '%s'\n", errors[i].name, text, errors[i].expected);
            wrong++;
        }
        bench_destroy(bench);
    }
    assert_int_equal(wrong, 0);
}

/* A first packet, and what comes back. */
static const struct {
    const char *name;
    const char *bytes;
    size_t length;
    enum mqtt_version answered; /* in this version */
    const char *expected;
} wrong_connects[] = {
    {"reserved flag", BYTES("\x10\x0E\0\4MQTT\5\3\0\0\0\0\1a"), MQTT_5_0, "C81 x"},
    {"Will QoS 3", BYTES("\x10\x15\0\4MQTT\5\x1E\0\0\0\0\1a\0\0\1w\0\1w"), MQTT_5_0, "C81 x"},
    {"Receive Maximum 0", BYTES("\x10\x11\0\4MQTT\5\2\0\0\3\x21\0\0\0\1a"), MQTT_5_0, "C82 x"},
    {"Maximum Packet Size 0", BYTES("\x10\x13\0\4MQTT\5\2\0\0\5\x27\0\0\0\0\0\1a"), MQTT_5_0, "C82 x"},
    {"Authentication Data without method", BYTES("\x10\x12\0\4MQTT\5\2\0\0\4\x16\0\1d\0\1a"), MQTT_5_0, "C82 x"},
    {"unknown Authentication Method", BYTES("\x10\x12\0\4MQTT\5\2\0\0\4\x15\0\1m\0\1a"), MQTT_5_0, "C8C x"},
    {"property of PUBLISH", BYTES("\x10\x11\0\4MQTT\5\2\0\0\3\x23\0\1\0\1a"), MQTT_5_0, "C81 x"},
    {"cut in its properties", BYTES("\x10\x0D\0\4MQTT\5\2\0\0\5\x27\0"), MQTT_5_0, "C81 x"},
    {"payload that does not end in time", BYTES("\x10\x0E\0\4MQTT\5\2\0\0\0\0\2a"), MQTT_5_0, "C81 x"},
    {"level 6", BYTES("\x10\x0E\0\4MQTT\6\2\0\0\0\0\1a"), MQTT_3_1_1, "C01 x"},
    {"another protocol", BYTES("\x10\x0E\0\4MQTX\5\2\0\0\0\0\1a"), MQTT_3_1_1, "x"},
    {"no CONNECT", BYTES("\xC0\0"), MQTT_3_1_1, "x"},
    {"AUTH", BYTES("\xF0\0"), MQTT_3_1_1, "x"},
};

static void wrong_connect_is_refused_in_its_version(void **state) {
    unsigned wrong = 0;
    (void)state;
    for (size_t i = 0; i < sizeof wrong_connects / sizeof wrong_connects[0]; i++) {
        struct bench *bench = bench_5();
        bench->version[0] = wrong_connects[i].answered;
        open_connection(bench, 0);
        receive(bench, 0, wrong_connects[i].bytes, wrong_connects[i].length);
        const char *text = told(bench, 0);
        if (strcmp(text, wrong_connects[i].expected) != 0) {
            print_error("%s: '%s', not '%s'\n", wrong_connects[i].name, text, wrong_connects[i].expected);
            wrong++;
        }
        bench_destroy(bench);
    }
    assert_int_equal(wrong, 0);
}

/* ---- Input cut and altered anywhere
 * ---------------------------------------------------------------------------------- */

static const char conversation[] = "\x10\x2B\0\4MQTT\5\xC6\0\x3C\x0B\x11\0\0\0\5\x21\0\2\x22\0\3\0\1a" /* CONNECT */
                                   "\5\x18\0\0\0\1\0\1w\0\1w\0\1u\0\1p"
                                   "\x82\x16\0\1\2\x0B\7\0\1t\2\0\x0A$share/g/t\1" /* SUBSCRIBE */
                                   "\x34\x10\0\1t\0\x09\x08\2\0\0\0\5\x23\0\1"     /* PUBLISH */
                                   "xx"
                                   "\x62\2\0\x09"                  /* PUBREL */
                                   "\x32\x09\0\0\0\x0A\3\x23\0\1z" /* PUBLISH by alias */
                                   "\x50\2\0\1"                    /* PUBREC */
                                   "\x70\2\0\1"                    /* PUBCOMP */
                                   "\x40\2\0\2"                    /* PUBACK */
                                   "\xA2\6\0\2\0\0\1t"             /* UNSUBSCRIBE */
                                   "\xC0\0"                        /* PINGREQ */
                                   "\xE0\7\4\5\x11\0\0\0\x0A";     /* DISCONNECT */

static void hold_conversation(const char *bytes, size_t length, size_t chunk, const char *expected) {
    struct bench *bench = bench_5();
    bench->version[0] = MQTT_5_0;
    open_connection(bench, 0);
    for (size_t at = 0; at < length; at += chunk)
        receive(bench, 0, bytes + at, length - at < chunk ? length - at : chunk);
    if (expected != NULL)
        EXPECT(0, expected);
    connect_5(bench, 7, (struct client_5){.name = "bystander"});
    subscribe_5(bench, 7, "mine", 1, 0);
    (void)told(bench, 7);
    bystander_is_served(bench);
    lose(bench, 0);
    bench_destroy(bench);
}

static void conversation_may_be_cut_anywhere(void **state) {
    (void)state;
    size_t length = sizeof conversation - 1;
    for (size_t chunk = 1; chunk <= length; chunk++)
        hold_conversation(conversation, length, chunk,
                          "C00 S02.01 P2:t=xx~5[7]#1 P1:=xx~5[7]#1 r c a l P1:=z[7]#1 P1:=z[7]#1 U00 p x");
    for (size_t cut = 1; cut < length; cut++)
        hold_conversation(conversation, cut, length, NULL);
}

static void conversation_may_be_altered_anywhere(void **state) {
    static const uint8_t changes[] = {0x01, 0x02, 0x10, 0x7F, 0x80, 0xFF};
    char altered[sizeof conversation];
    (void)state;
    for (size_t at = 0; at < sizeof conversation - 1; at++)
        for (size_t i = 0; i < sizeof changes; i++) {
            memcpy(altered, conversation, sizeof altered);
            altered[at] = (char)(altered[at] ^ changes[i]);
            hold_conversation(altered, sizeof conversation - 1, sizeof conversation, NULL);
        }
}

/* Whatever statement a broker breaks, and whatever it lets pass: it goes on. */
static void broker_that_breaks_any_rule_goes_on(void **state) {
    (void)state;
    for (int statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++) {
        if (!spec_can_deviate(spec_row((enum spec_statement)statement)))
            continue;
        struct bench *bench = bench_create(settings_with_scram(), 0);
        spec_switch_off(broker_rules(bench->broker), statement);
        converse_5(bench);
        for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
            connect_5(bench, 6, (struct client_5){.name = "wrong", .session_expiry = 1, .topic_alias_maximum = 2});
            subscribe_5(bench, 6, "#", 1, 1);
            receive(bench, 6, errors[i].bytes, errors[i].length);
            bench->length[6] = 0;
        }
        broker_shut_down(bench->broker, bench->now);
        bench_destroy(bench);
    }
}

int main(void) {
    const struct CMUnitTest rows[] = {
        cmocka_unit_test(authentication_is_carried_through_and_again),
        cmocka_unit_test(authentication_fails_closed),
        cmocka_unit_test(only_auth_may_follow_while_it_is_under_way),
        cmocka_unit_test(identifier_is_taken_when_authentication_ends),
        cmocka_unit_test(connection_robbed_while_it_authenticates_begins_again),
        cmocka_unit_test(any_allocation_may_fail_in_5),
        cmocka_unit_test(nothing_of_5_is_left_behind),
        cmocka_unit_test(large_message_is_stored_once),
        cmocka_unit_test(every_error_has_its_reason_code),
        cmocka_unit_test(wrong_connect_is_refused_in_its_version),
        cmocka_unit_test(conversation_may_be_cut_anywhere),
        cmocka_unit_test(conversation_may_be_altered_anywhere),
        cmocka_unit_test(broker_that_breaks_any_rule_goes_on),
    };
    return cmocka_run_group_tests(rows, NULL, NULL);
}
