/* Memory that runs out: each conversation is held again and again, and each time another allocation fails, until none
 * does. Whatever becomes of that conversation, the others are served, and in the end everything is given back. */
#include "reference/tests/broker_bench_scram.h"

#define BYSTANDER 7 /* is there from the start */
#define NEWCOMER  6 /* comes afterwards */

#define FOREVER UINT32_MAX

static void publish_to(struct bench *bench, int number, const char *topic, const char *payload, uint8_t qos,
                       uint16_t identifier) {
    publish_5(bench, number,
              (struct message_5){.topic = topic, .payload = payload, .qos = qos, .identifier = identifier});
}

/* Ends a QoS 2 exchange that the Client began. */
static void release_5(struct bench *bench, int number, uint16_t identifier) {
    acknowledge_5(bench, number, MQTT_PUBREL, identifier, MQTT_REASON_SUCCESS);
}

static void pass_time(struct bench *bench, microseconds by) {
    bench->now += by;
    broker_tick(bench->broker, bench->now);
    settle(bench, 0);
}

/* ---- The conversations: Clients 0 to 5, with the names "a" to "f" --------------------------------------------------
 */

static void connects(struct bench *bench) {
    connect_3(bench, 0, "a", true);
    connect_3(bench, 1, "b", false);
    connect_3(bench, 2, "", true);
    connect_5(bench, 3, (struct client_5){.name = "", .keep_alive = 10});
    connect_5(bench, 4, (struct client_5){.name = "e", .session_expiry = FOREVER, .maximum_packet_size = 10});
    ping_5(bench, 0);
    disconnect_5(bench, 3, MQTT_REASON_SUCCESS, NO_EXPIRY_GIVEN);
    pass_time(bench, SECONDS(100));
}

static void subscribes(struct bench *bench) {
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 10});
    subscribe_5(bench, 0, "t/1 t/+ t/# + # /", 2, 0);
    subscribe_5(bench, 0, "t/1 t/2", 1, 268435455);
    subscribe_5(bench, 0, "a/very/long/topic/filter/of/many/levels/with/+/names/that/nobody/else/has/and/then/#", 0, 1);
    subscribe_5(bench, 0, "$SYS/# t/#/wrong", 0, 0);
    lose(bench, 0);
    connect_3(bench, 1, "b", true);
    subscribe_5(bench, 1, "t/1 t/1 $share/group/t/1", 1, 0);
    unsubscribe_5(bench, 1, "t/1");
    unsubscribe_5(bench, 1, "nothing");
}

static void qos_0(struct bench *bench) {
    char large[3000];
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    connect_3(bench, 0, "a", true);
    subscribe_5(bench, 0, "t", 0, 0);
    connect_5(bench, 1, (struct client_5){.name = "b"});
    subscribe_5(bench, 1, "t +", 0, 5);
    connect_5(bench, 2, (struct client_5){.name = "c", .maximum_packet_size = 100});
    subscribe_5(bench, 2, "#", 2, 0);
    publish_to(bench, 0, "t", "small", 0, 0);
    publish_to(bench, 1, "t", large, 0, 0);
    publish_5(bench, 1, (struct message_5){.topic = "t", .payload = "x", .user_property = 900});
}

static void qos_1(struct bench *bench) {
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 20, .receive_maximum = 1});
    subscribe_5(bench, 0, "t/#", 1, 3);
    connect_3(bench, 1, "b", false);
    subscribe_5(bench, 1, "t/+", 2, 0);
    for (uint16_t i = 1; i <= 20; i++)
        publish_to(bench, 1, "t/1", "x", 1, i);
    for (uint16_t i = 1; i <= 20; i++) {
        acknowledge_5(bench, 0, MQTT_PUBACK, 1, i == 3 ? MQTT_REASON_QUOTA_EXCEEDED : MQTT_REASON_SUCCESS);
        acknowledge_5(bench, 1, MQTT_PUBACK, i, MQTT_REASON_SUCCESS);
    }
}

static void qos_2(struct bench *bench) {
    connect_5(bench, 0, (struct client_5){.name = "a"});
    subscribe_5(bench, 0, "t/#", 2, 0);
    connect_3(bench, 1, "b", true);
    for (uint16_t i = 1; i <= 20; i++)
        publish_to(bench, 1, "t/2", "x", 2, i);
    publish_5(bench, 1, (struct message_5){.topic = "t/2", .payload = "x", .qos = 2, .dup = true, .identifier = 7});
    for (uint16_t i = 1; i <= 20; i++) {
        release_5(bench, 1, i);
        acknowledge_5(bench, 0, MQTT_PUBREC, i, i == 4 ? MQTT_REASON_UNSPECIFIED_ERROR : MQTT_REASON_SUCCESS);
        acknowledge_5(bench, 0, MQTT_PUBCOMP, i, MQTT_REASON_SUCCESS);
    }
    acknowledge_5(bench, 0, MQTT_PUBREC, 999, MQTT_REASON_SUCCESS);
    release_5(bench, 1, 999);
}

static void retains(struct bench *bench) {
    static const char *const topics[] = {"r/1", "r/2", "r/deep/er/than/that", "r/1"};
    connect_5(bench, 0, (struct client_5){.name = "a"});
    for (uint16_t i = 0; i < 4; i++)
        publish_5(bench, 0,
                  (struct message_5){.topic = topics[i],
                                     .payload = "kept",
                                     .qos = (uint8_t)(i % 3),
                                     .identifier = (uint16_t)(i + 1),
                                     .retain = true,
                                     .expires = true,
                                     .expiry = 10u + i});
    connect_3(bench, 1, "b", true);
    subscribe_5(bench, 1, "r/# r/1 +/2", 2, 0);
    publish_5(bench, 0, (struct message_5){.topic = "r/2", .payload = "", .retain = true});
    pass_time(bench, SECONDS(12));
    pass_time(bench, SECONDS(12));
}

static void wills(struct bench *bench) {
    connect_3(bench, 0, "a", true);
    subscribe_5(bench, 0, "w/#", 1, 0);
    connect_5(bench, 1, (struct client_5){.name = "b", .will_topic = "w/1", .will_qos = 1});
    connect_5(bench, 2,
              (struct client_5){.name = "c",
                                .session_expiry = 100,
                                .will_topic = "w/2",
                                .will_qos = 2,
                                .will_delay = 5,
                                .will_expiry = 50});
    connect_5(bench, 3, (struct client_5){.name = "d", .session_expiry = 3, .will_topic = "w/3", .will_delay = 9});
    connect_5(bench, 4, (struct client_5){.name = "e", .will_topic = "w/4"});
    connect_5(bench, 5, (struct client_5){.name = "f", .keep_alive = 2, .will_topic = "w/5", .will_retain = true});
    for (int client = 1; client <= 3; client++)
        lose(bench, client);
    disconnect_5(bench, 4, MQTT_REASON_DISCONNECT_WITH_WILL_MESSAGE, NO_EXPIRY_GIVEN);
    for (int i = 0; i < 8; i++)
        pass_time(bench, SECONDS(1));
    connect_5(bench, 2, (struct client_5){.name = "c"});
}

static void shares(struct bench *bench) {
    for (int client = 0; client < 3; client++) {
        const char name[] = {(char)('a' + client), '\0'};
        connect_5(bench, client, (struct client_5){.name = name, .session_expiry = 30, .receive_maximum = 2});
        subscribe_5(bench, client, "$share/group/s/+ $share/other/s/#", 2, (uint32_t)client);
    }
    for (uint16_t i = 1; i <= 18; i++)
        publish_to(bench, 2, "s/1", "x", (uint8_t)(i % 3), i);
    acknowledge_5(bench, 0, MQTT_PUBREC, 1, MQTT_REASON_SUCCESS);
    disconnect_5(bench, 0, MQTT_REASON_SUCCESS, 0);
    unsubscribe_5(bench, 1, "$share/group/s/+");
    lose(bench, 1);
    pass_time(bench, SECONDS(60));
}

static void aliases(struct bench *bench) {
    static const char *const topics[] = {"t/1", "t/2", "", "t/3", "t/1"};
    connect_5(bench, 0, (struct client_5){.name = "a", .topic_alias_maximum = 2});
    subscribe_5(bench, 0, "t/#", 1, 0);
    connect_5(bench, 1, (struct client_5){.name = "b"});
    for (uint16_t i = 0; i < 5; i++)
        publish_5(bench, 1,
                  (struct message_5){.topic = topics[i],
                                     .payload = "x",
                                     .qos = i % 2,
                                     .identifier = (uint16_t)(i + 1),
                                     .alias = topics[i][0] == '\0' ? 2u : i + 1u});
    publish_5(bench, 1, (struct message_5){.topic = "", .payload = "x", .alias = 64});
}

static void authenticates(struct bench *bench) {
    connect_5(bench, 0, (struct client_5){.name = "a", .authentication_data = "n,," FIRST});
    send_auth_5(bench, 0, MQTT_REASON_CONTINUE_AUTHENTICATION, final_message("secret"));
    send_auth_5(bench, 0, MQTT_REASON_RE_AUTHENTICATE, "n,," FIRST);
    send_auth_5(bench, 0, MQTT_REASON_CONTINUE_AUTHENTICATION, final_message("secret"));
    connect_5(bench, 1, (struct client_5){.name = "b", .authentication_data = "n,," FIRST});
    send_auth_5(bench, 1, MQTT_REASON_CONTINUE_AUTHENTICATION, final_message("guess"));
    connect_5(bench, 2, (struct client_5){.name = "c", .authentication_data = "n,," FIRST});
    lose(bench, 2);
}

static void takes_over(struct bench *bench) {
    connect_5(bench, 0, (struct client_5){.name = "a", .session_expiry = 50, .will_topic = "w/1"});
    subscribe_5(bench, 0, "t/# w/#", 2, 0);
    connect_3(bench, 1, "b", false);
    for (uint16_t i = 1; i <= 6; i++)
        publish_to(bench, 1, "t/1", "x", (uint8_t)(i % 3), i);
    connect_5(bench, 2, (struct client_5){.name = "a", .session_expiry = 60});
    connect_3(bench, 3, "a", false);
    connect_5(bench, 4, (struct client_5){.name = "b", .clean_start = true});
    connect_3(bench, 5, "a", true);
}

static void waits_offline(struct bench *bench) {
    connect_3(bench, 0, "a", false);
    subscribe_5(bench, 0, "t/#", 2, 0);
    lose(bench, 0);
    connect_5(bench, 1, (struct client_5){.name = "b", .session_expiry = FOREVER});
    subscribe_5(bench, 1, "t/#", 1, 9);
    disconnect_5(bench, 1, MQTT_REASON_SUCCESS, 40);
    connect_3(bench, 2, "c", true);
    for (uint16_t i = 1; i <= 12; i++)
        publish_5(bench, 2,
                  (struct message_5){.topic = "t/1", .payload = "x", .qos = (uint8_t)(i % 3), .identifier = i});
    connect_3(bench, 0, "a", false);
    acknowledge_5(bench, 0, MQTT_PUBACK, 1, MQTT_REASON_SUCCESS);
    acknowledge_5(bench, 0, MQTT_PUBREC, 2, MQTT_REASON_SUCCESS);
    lose(bench, 0);
    connect_3(bench, 0, "a", false);
    pass_time(bench, SECONDS(30));
    pass_time(bench, SECONDS(30));
}

static void comes_in_pieces(struct bench *bench) {
    static uint8_t publish[2000] = "\x30\xCD\x0F\0\1t"; /* 2000 bytes, of which the first are these */
    connect_3(bench, 0, "a", true);
    subscribe_5(bench, 0, "t", 0, 0);
    connect_3(bench, 1, "b", true);
    for (size_t at = 0; at < sizeof publish; at += 100)
        receive(bench, 1, publish + at, 100);
    receive(bench, 1, publish, 1500);
    lose(bench, 1);
}

static void breaks_rules(struct bench *bench) {
    for (int client = 0; client < 5; client++) {
        const char name[] = {(char)('a' + client), '\0'};
        connect_5(bench, client, (struct client_5){.name = name, .session_expiry = 5, .will_topic = "w/1"});
    }
    publish_to(bench, 0, "t/#", "x", 0, 0);
    publish_to(bench, 1, "$SYS/mine", "x", 1, 1);
    receive(bench, 2, "\x00\x00", 2);
    acknowledge_5(bench, 3, MQTT_PUBREC, 5, MQTT_REASON_SUCCESS);
    connect_5(bench, 5, (struct client_5){.name = "f", .maximum_packet_size = 1});
    receive(bench, 4, "\x10\x02\0\0", 4);
    pass_time(bench, SECONDS(10));
}

/* The host program publishes, too. */
static void host_publishes(struct bench *bench) {
    connect_5(bench, 0, (struct client_5){.name = "a"});
    subscribe_5(bench, 0, "h/#", 2, 0);
    for (uint8_t qos = 0; qos < 3; qos++)
        (void)broker_publish(bench->broker,
                             &(struct broker_message){.topic = mqtt_text("h/1"), .payload = mqtt_text("x"), .qos = qos},
                             bench->now);
    settle(bench, 0);
}

/* Asked by a hook that answers later. */
static uint64_t last_ticket;

static bool answers_later(void *context, const struct broker_client *client, struct mqtt_bytes topic) {
    (void)context;
    bool is_asked = topic.length > 5 && memcmp(topic.data, "later", 5) == 0;
    last_ticket = is_asked ? broker_defer(client) : 0;
    return true;
}

static void answer_allowed(struct bench *bench) {
    if (last_ticket != 0)
        broker_answer(bench->broker, last_ticket, MQTT_CONNECTION_ACCEPTED, bench->now);
    last_ticket = 0;
    settle(bench, 0);
}

static void waits_for_host(struct bench *bench) {
    connect_5(bench, 0, (struct client_5){.name = "a", .will_topic = "later/will"});
    answer_allowed(bench);
    subscribe_5(bench, 0, "later/+ t/1", 1, 0);
    ping_5(bench, 0);
    answer_allowed(bench);
    publish_to(bench, 0, "later/1", "x", 1, 1);
    publish_to(bench, 0, "later/2", "x", 2, 2);
    answer_allowed(bench);
    answer_allowed(bench);
    publish_to(bench, 0, "later/3", "x", 1, 3);
    lose(bench, 0);
    answer_allowed(bench);
}

static const struct conversation {
    const char *name;
    void (*hold)(struct bench *bench);
    bool host_answers_later;
} conversations[] = {
    {"connect, ping and leave", connects, false},
    {"subscribe and unsubscribe", subscribes, false},
    {"QoS 0, small and large", qos_0, false},
    {"QoS 1 both ways, queued", qos_1, false},
    {"QoS 2 both ways", qos_2, false},
    {"retained messages", retains, false},
    {"Wills", wills, false},
    {"Shared Subscriptions", shares, false},
    {"Topic Aliases both ways", aliases, false},
    {"enhanced authentication", authenticates, false},
    {"a Session is taken over", takes_over, false},
    {"a Client is away, and Sessions expire", waits_offline, false},
    {"packets come in pieces", comes_in_pieces, false},
    {"Clients break rules", breaks_rules, false},
    {"the host publishes", host_publishes, false},
    {"the host answers later", waits_for_host, true},
};

/* ---- What is held against them --------------------------------------------------------------------------------------
 */

static struct broker_settings settings_for(const struct conversation *conversation) {
    struct broker_settings settings = settings_with_scram();
    settings.own_topic_aliases = 3;
    if (conversation->host_answers_later) {
        settings.hooks.may_publish = answers_later;
        settings.hooks.may_subscribe = answers_later;
    }
    return settings;
}

/* A round trip at each QoS. The Server takes its Packet Identifiers in turn: the next is `identifier`. */
static void bystander_is_served(struct bench *bench, uint16_t identifier) {
    bench->length[BYSTANDER] = 0;
    ping_5(bench, BYSTANDER);
    EXPECT(BYSTANDER, "p");
    publish_to(bench, BYSTANDER, "mine", "0", 0, 0);
    EXPECT(BYSTANDER, "P0:mine=0");
    publish_to(bench, BYSTANDER, "mine", "1", 1, 1);
    EXPECT(BYSTANDER, "P1:mine=1 a");
    acknowledge_5(bench, BYSTANDER, MQTT_PUBACK, identifier, MQTT_REASON_SUCCESS);
    publish_to(bench, BYSTANDER, "mine", "2", 2, 2);
    EXPECT(BYSTANDER, "P2:mine=2 r");
    acknowledge_5(bench, BYSTANDER, MQTT_PUBREC, identifier + 1, MQTT_REASON_SUCCESS);
    release_5(bench, BYSTANDER, 2);
    acknowledge_5(bench, BYSTANDER, MQTT_PUBCOMP, identifier + 1, MQTT_REASON_SUCCESS);
    EXPECT(BYSTANDER, "l c");
}

/* All that its Session needs is there afterwards. */
static void bystander_comes(struct bench *bench) {
    connect_5(bench, BYSTANDER, (struct client_5){.name = "bystander"});
    subscribe_5(bench, BYSTANDER, "mine", 2, 0);
    EXPECT(BYSTANDER, "C00 S02");
    bystander_is_served(bench, 1);
}

static void newcomer_is_served(struct bench *bench) {
    connect_3(bench, NEWCOMER, "newcomer", true);
    subscribe_5(bench, NEWCOMER, "news", 1, 0);
    EXPECT(NEWCOMER, "C00 S01");
    publish_to(bench, BYSTANDER, "news", "today", 1, 1);
    EXPECT(BYSTANDER, "a");
    EXPECT(NEWCOMER, "P1:news=today");
    acknowledge_5(bench, NEWCOMER, MQTT_PUBACK, 1, MQTT_REASON_SUCCESS);
}

/* All leave but the bystander, their Sessions end, and the Will that was retained goes. */
static void others_leave(struct bench *bench) {
    for (int client = 0; client < BYSTANDER; client++)
        lose(bench, client);
    for (int client = 0; client < BYSTANDER; client++) {
        const char name[] = {(char)('a' + client), '\0'};
        connect_3(bench, client, name, true);
        lose(bench, client);
    }
    pass_time(bench, SECONDS(1000));
    publish_5(bench, BYSTANDER, (struct message_5){.topic = "w/5", .payload = "", .retain = true});
}

/* Holds the conversation with the n-th allocation failing; false where it needs fewer. */
static bool hold_with_failure(const struct conversation *conversation, size_t n, bool each_block) {
    struct bench *bench = bench_create(settings_for(conversation), each_block ? SIZE_MAX : 0);
    bystander_comes(bench);
    size_t outstanding = bench->outstanding;
    struct broker_counts before = broker_counts(bench->broker);
    bench->failing = bench->allocations + n;
    conversation->hold(bench);
    bool failed = bench->allocations >= bench->failing;
    bench->failing = 0;
    bystander_is_served(bench, 3);
    newcomer_is_served(bench);
    others_leave(bench);
    struct broker_counts after = broker_counts(bench->broker);
    assert_int_equal(after.sessions, before.sessions);
    assert_int_equal(after.subscriptions, before.subscriptions);
    assert_int_equal(after.messages, 0);
    assert_int_equal(after.retained, 0);
    assert_int_equal(after.in_flight, 0);
    if (each_block)
        assert_int_equal(bench->outstanding, outstanding);
    bench_destroy(bench);
    return failed;
}

static void any_allocation_may_fail(void **state) {
    const struct conversation *conversation = *state;
    size_t n = 1;
    while (hold_with_failure(conversation, n, true))
        n++;
    assert_true(n > 3);
}

/* Blocks that come in slabs, as in use, fail many at a time. */
static void any_slab_may_fail(void **state) {
    const struct conversation *conversation = *state;
    size_t n = 1;
    while (hold_with_failure(conversation, n, false))
        n++;
}

int main(void) {
    enum { COUNT = sizeof conversations / sizeof conversations[0] };
    struct CMUnitTest tests[2 * COUNT];
    static char names[2 * COUNT][80];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "%s, and an allocation fails", conversations[i].name);
        snprintf(names[COUNT + i], sizeof names[i], "%s, and a slab fails", conversations[i].name);
        tests[i] = (struct CMUnitTest){names[i], any_allocation_may_fail, NULL, NULL, (void *)&conversations[i]};
        tests[COUNT + i] =
            (struct CMUnitTest){names[COUNT + i], any_slab_may_fail, NULL, NULL, (void *)&conversations[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
