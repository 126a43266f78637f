/* The core with a store that crashes: after each packet of a conversation, a broker that was ended and started anew is
 * to go on just as one that only lost its connections. */
#include "reference/record.h"
#include "reference/tests/broker_bench_5.h"
#include "reference/tests/store_in_memory.h"

#define WALL_AT_START  (UINT64_C(1700000000) * MICROSECONDS_PER_SECOND)
#define MAXIMUM_STEPS  24
#define HOUR           3600u
#define ALWAYS         UINT32_MAX
#define PUBLISHER      0
#define FIRST          1
#define SECOND         2
#define FRESH          3
#define LONGEST_RECORD 32768
#define RETAINING      "r/1 r/2 r/3 a b w w/1 w/2 w/3" /* one by one: their order is not promised */

/* ---- Conversations ------------------------------------------------------------------------------------------- */

enum action { END, CONNECT, CONNECT_3, SUBSCRIBE, UNSUBSCRIBE, PUBLISH, ANSWER, DISCONNECT, LOSE, WAIT };

struct step {
    enum action action;
    int client;
    const char *text; /* filters, or the name for CONNECT_3 */
    struct client_5 connect;
    struct message_5 message;
    uint8_t options;
    uint32_t number; /* Subscription Identifier; Session Expiry Interval for DISCONNECT; seconds; 1: CleanSession */
    enum mqtt_type type;
    uint16_t identifier;
};

struct conversation {
    const char *name;
    struct step steps[MAXIMUM_STEPS];
};

#define AS(client_name, expiry, ...) .connect = {.name = client_name, .session_expiry = expiry, __VA_ARGS__}
#define MESSAGE(...)                 .message = {__VA_ARGS__}

static const struct conversation conversations[] = {
    {"QoS 1 to a Client that is there, and acknowledges late",
     {{CONNECT, FIRST, AS("first", HOUR, )},
      {SUBSCRIBE, FIRST, "a/# b", .options = 1},
      {CONNECT, PUBLISHER, AS("publisher", HOUR, )},
      {PUBLISH, PUBLISHER, MESSAGE("a/1", "one", .qos = 1, .identifier = 1)},
      {PUBLISH, PUBLISHER, MESSAGE("b", "two", .qos = 2, .identifier = 2)},
      {PUBLISH, PUBLISHER, MESSAGE("a/1", "three", .qos = 1, .identifier = 3)},
      {ANSWER, FIRST, .type = MQTT_PUBACK, .identifier = 1},
      {ANSWER, FIRST, .type = MQTT_PUBACK, .identifier = 3},
      {PUBLISH, PUBLISHER, MESSAGE("a/1", "four", .qos = 1, .identifier = 4)}}},
    {"QoS 2 through each of its states, PUBREC in another order",
     {{CONNECT, FIRST, AS("first", HOUR, .receive_maximum = 3)},
      {SUBSCRIBE, FIRST, "a", .options = 2, .number = 7},
      {CONNECT, PUBLISHER, AS("publisher", HOUR, )},
      {PUBLISH, PUBLISHER, MESSAGE("a", "one", .qos = 2, .identifier = 1)},
      {PUBLISH, PUBLISHER, MESSAGE("a", "two", .qos = 2, .identifier = 2)},
      {PUBLISH, PUBLISHER, MESSAGE("a", "three", .qos = 2, .identifier = 3)},
      {PUBLISH, PUBLISHER, MESSAGE("a", "four", .qos = 2, .identifier = 4)},
      {ANSWER, PUBLISHER, .type = MQTT_PUBREL, .identifier = 1},
      {ANSWER, FIRST, .type = MQTT_PUBREC, .identifier = 2},
      {ANSWER, FIRST, .type = MQTT_PUBREC, .identifier = 1},
      {ANSWER, FIRST, .type = MQTT_PUBCOMP, .identifier = 1},
      {ANSWER, PUBLISHER, .type = MQTT_PUBREL, .identifier = 7},
      {ANSWER, FIRST, .type = MQTT_PUBCOMP, .identifier = 2},
      {PUBLISH, PUBLISHER, MESSAGE("a", "five", .qos = 2, .identifier = 1)}}},
    {"a Client that was away",
     {{CONNECT, FIRST, AS("first", HOUR, )},
      {CONNECT, SECOND, AS("second", HOUR, )},
      {SUBSCRIBE, FIRST, "a", .options = 1},
      {SUBSCRIBE, SECOND, "a +", .options = 2, .number = 3},
      {DISCONNECT, FIRST, .number = 7200},
      {.action = LOSE, .client = SECOND},
      {CONNECT, PUBLISHER, AS("publisher", HOUR, )},
      {PUBLISH, PUBLISHER, MESSAGE("a", "one", .qos = 2, .identifier = 1, .user_property = 9)},
      {PUBLISH, PUBLISHER, MESSAGE("a", "two", .qos = 1, .identifier = 2)},
      {PUBLISH, PUBLISHER, MESSAGE("a", "lost", .qos = 0)},
      {CONNECT, FIRST, AS("first", HOUR, .receive_maximum = 1)},
      {PUBLISH, PUBLISHER, MESSAGE("a", "three", .qos = 1, .identifier = 3)},
      {ANSWER, FIRST, .type = MQTT_PUBACK, .identifier = 1},
      {DISCONNECT, FIRST, .number = 0}}},
    {"subscriptions that are replaced, removed and shared",
     {{CONNECT, FIRST, AS("first", HOUR, )},
      {CONNECT, SECOND, AS("second", HOUR, )},
      {SUBSCRIBE, FIRST, "a b c/+/d", .options = 2, .number = 1},
      {SUBSCRIBE, FIRST, "a", .options = 1, .number = 2},
      {UNSUBSCRIBE, FIRST, .text = "b"},
      {SUBSCRIBE, FIRST, "$share/group/s", .options = 1, .number = 5},
      {SUBSCRIBE, SECOND, "$share/group/s $share/other/#", .options = 1},
      {CONNECT, PUBLISHER, AS("publisher", HOUR, )},
      {PUBLISH, PUBLISHER, MESSAGE("s", "one", .qos = 1, .identifier = 1)},
      {PUBLISH, PUBLISHER, MESSAGE("s", "two", .qos = 1, .identifier = 2)},
      {UNSUBSCRIBE, SECOND, .text = "$share/other/#"},
      {DISCONNECT, SECOND, .number = 0}}},
    {"what topics retain",
     {{CONNECT, PUBLISHER, AS("publisher", HOUR, )},
      {PUBLISH, PUBLISHER, MESSAGE("r/1", "one", .qos = 1, .retain = true, .identifier = 1)},
      {PUBLISH, PUBLISHER, MESSAGE("r/2", "two", .retain = true)},
      {PUBLISH, PUBLISHER, MESSAGE("r/1", "three", .qos = 2, .retain = true, .identifier = 2, .user_property = 4)},
      {PUBLISH, PUBLISHER, MESSAGE("r/3", "soon over", .retain = true, .expires = true, .expiry = 60)},
      {PUBLISH, PUBLISHER, MESSAGE("r/2", "", .retain = true)},
      {CONNECT, FIRST, AS("first", HOUR, )},
      {SUBSCRIBE, FIRST, "r/#", .options = 1},
      {SUBSCRIBE, PUBLISHER, "r/#", .options = 1 | MQTT_SUBSCRIBE_NO_LOCAL}}},
    {"time",
     {{CONNECT, FIRST, AS("first", 200, )},
      {SUBSCRIBE, FIRST, "a", .options = 1},
      {DISCONNECT, FIRST, .number = 150},
      {CONNECT, SECOND, AS("second", ALWAYS, )},
      {SUBSCRIBE, SECOND, "a w", .options = 2},
      {WAIT, .number = 20},
      {.action = LOSE, .client = SECOND},
      {CONNECT, PUBLISHER,
       AS("publisher", HOUR, .will_topic = "w", .will_qos = 1, .will_delay = 100, .will_expiry = 500)},
      {PUBLISH, PUBLISHER, MESSAGE("a", "soon over", .qos = 1, .identifier = 1, .expires = true, .expiry = 40)},
      {PUBLISH, PUBLISHER, MESSAGE("a", "lasts", .qos = 2, .identifier = 2, .expires = true, .expiry = 4000)},
      {WAIT, .number = 15},
      {.action = LOSE, .client = PUBLISHER},
      {WAIT, .number = 30},
      {WAIT, .number = 45},
      {WAIT, .number = 25}, /* the Will is due just now */
      {WAIT, .number = 15}, /* so is the end of the first Session */
      {WAIT, .number = 2}}},
    {"Wills that are published, taken back and delayed",
     {{CONNECT, FIRST, AS("first", HOUR, )},
      {SUBSCRIBE, FIRST, "w/#", .options = 1},
      {CONNECT, PUBLISHER, AS("publisher", HOUR, .will_topic = "w/1", .will_qos = 1, .will_retain = true)},
      {DISCONNECT, PUBLISHER, .number = 3600},
      {CONNECT, PUBLISHER, AS("publisher", HOUR, .will_topic = "w/2", .will_qos = 1)},
      {.action = LOSE, .client = PUBLISHER},
      {CONNECT, PUBLISHER, AS("publisher", HOUR, .will_topic = "w/3", .will_qos = 1, .will_delay = 30)},
      {.action = LOSE, .client = PUBLISHER},
      {WAIT, .number = 30}}},
    {"Sessions that end, and begin to be kept",
     {{CONNECT_3, FIRST, "first", .number = 1},
      {SUBSCRIBE, FIRST, "a", .options = 1},
      {.action = LOSE, .client = FIRST},
      {CONNECT_3, FIRST, .text = "first"},
      {SUBSCRIBE, FIRST, "b", .options = 1},
      {.action = LOSE, .client = FIRST},
      {CONNECT, PUBLISHER, AS("publisher", HOUR, )},
      {PUBLISH, PUBLISHER, MESSAGE("b", "one", .qos = 1, .identifier = 1)},
      {CONNECT_3, FIRST, .text = "first"},
      {.action = LOSE, .client = FIRST},
      {CONNECT, FIRST, AS("first", 0, )},
      {PUBLISH, PUBLISHER, MESSAGE("b", "two", .qos = 1, .identifier = 2)},
      {.action = LOSE, .client = FIRST},
      {CONNECT, FIRST, AS("first", HOUR, .clean_start = true)},
      {SUBSCRIBE, FIRST, "b", .options = 1}}},
};

#define CONVERSATION_COUNT (sizeof conversations / sizeof conversations[0])

static void wait_for(struct bench *bench, uint32_t seconds) {
    advance(bench, bench->now + SECONDS(seconds));
    broker_tick(bench->broker, bench->now);
    settle(bench, 0);
}

static void play_step(struct bench *bench, const struct step *step) {
    switch (step->action) {
    case CONNECT:
        connect_5(bench, step->client, step->connect);
        break;
    case CONNECT_3:
        connect_3(bench, step->client, step->text, step->number == 1);
        break;
    case SUBSCRIBE:
        subscribe_5(bench, step->client, step->text, step->options, step->number);
        break;
    case UNSUBSCRIBE:
        unsubscribe_5(bench, step->client, step->text);
        break;
    case PUBLISH:
        publish_5(bench, step->client, step->message);
        break;
    case ANSWER:
        acknowledge_5(bench, step->client, step->type, step->identifier, MQTT_REASON_SUCCESS);
        break;
    case DISCONNECT:
        disconnect_5(bench, step->client, MQTT_REASON_SUCCESS, step->number);
        break;
    case LOSE:
        lose(bench, step->client);
        break;
    case WAIT:
        wait_for(bench, step->number);
        break;
    case END:
        break;
    }
}

static size_t step_count(const struct conversation *conversation) {
    size_t count = 0;
    while (count < MAXIMUM_STEPS && conversation->steps[count].action != END)
        count++;
    return count;
}

/* ---- What a broker does afterwards --------------------------------------------------------------------------- */

struct transcript {
    char text[LONGEST_RECORD];
    size_t length;
};

static void note(struct transcript *transcript, const char *label, const char *text) {
    int length = snprintf(transcript->text + transcript->length, sizeof transcript->text - transcript->length,
                          "%s %s\n", label, text);
    assert_true(length > 0 && transcript->length + (size_t)length < sizeof transcript->text);
    transcript->length += (size_t)length;
}

/* The answers that the Client owes for what it was sent, in order. */
static size_t collect_answers(struct bench *bench, int client, struct mqtt_packet *answers, size_t capacity) {
    struct mqtt_decoder decoder = {
        .version = bench->version[client], .sender = MQTT_SERVER, .rules = broker_rules(bench->broker)};
    struct mqtt_bytes rest = {bench->output[client], (uint32_t)bench->length[client]};
    size_t count = 0;
    while (rest.length > 0) {
        struct mqtt_packet packet;
        struct mqtt_error error;
        uint32_t size;
        assert_int_equal(mqtt_next(&decoder, rest, &packet, &size, &error), MQTT_OK);
        rest.data += size;
        rest.length -= size;
        uint8_t qos = mqtt_publish_qos(packet.flags);
        bool is_publish = packet.type == MQTT_PUBLISH && qos > 0;
        if (!is_publish && packet.type != MQTT_PUBREL)
            continue;
        assert_true(count < capacity);
        enum mqtt_type type = !is_publish ? MQTT_PUBCOMP : qos == 1 ? MQTT_PUBACK : MQTT_PUBREC;
        answers[count] = (struct mqtt_packet){.type = type, .flags = mqtt_required_flags(type)};
        answers[count++].acknowledgement.packet_identifier =
            is_publish ? packet.publish.packet_identifier : packet.acknowledgement.packet_identifier;
    }
    return count;
}

/* Takes and acknowledges all that the Client is sent. */
static void take_all(struct bench *bench, int client, const char *name, struct transcript *transcript) {
    struct mqtt_packet answers[64];
    size_t count;
    do {
        count = collect_answers(bench, client, answers, 64);
        note(transcript, name, told(bench, client));
        for (size_t i = 0; i < count; i++)
            send_packet(bench, client, &answers[i]);
    } while (count > 0);
}

/* All come back; the publisher repeats the QoS 2 messages that it may not have heard of; somebody looks at what is
 * retained; and time goes on. */
static void look_into(struct bench *bench, struct transcript *transcript) {
    static const char *const names[] = {"publisher", "first", "second"};
    wait_for(bench, 0);
    for (int client = PUBLISHER; client <= SECOND; client++) {
        connect_5(bench, client, (struct client_5){.name = names[client], .session_expiry = 3600});
        take_all(bench, client, names[client], transcript);
    }
    for (uint16_t identifier = 1; identifier <= 4; identifier++) {
        publish_5(bench, PUBLISHER, (struct message_5){"a", "again", .qos = 2, .dup = true, .identifier = identifier});
        acknowledge_5(bench, PUBLISHER, MQTT_PUBREL, identifier, MQTT_REASON_SUCCESS);
    }
    publish_5(bench, PUBLISHER, (struct message_5){"b", "new", .qos = 1, .identifier = 9});
    for (int client = PUBLISHER; client <= SECOND; client++)
        take_all(bench, client, names[client], transcript);
    connect_5(bench, FRESH, (struct client_5){.name = "fresh", .clean_start = true});
    subscribe_5(bench, FRESH, RETAINING, 2, 0);
    take_all(bench, FRESH, "fresh", transcript);
    wait_for(bench, 61);
    subscribe_5(bench, FRESH, RETAINING, 2, 0);
    take_all(bench, FRESH, "fresh", transcript);
}

/* ---- Ended and started anew ------------------------------------------------------------------------------------ */

static struct bench *start(struct store_in_memory *store, size_t failing) {
    struct broker_settings settings = broker_default_settings();
    settings.store = store != NULL ? &store->store : NULL;
    struct bench *bench = bench_create(settings, failing);
    bench->wall_at_start = WALL_AT_START;
    return bench;
}

/* The broker ends without notice and is started after a while, on a machine whose clock has begun anew. */
static struct bench *crash_and_start(struct bench *bench, struct store_in_memory *store, microseconds while_away) {
    microseconds wall = wall_clock(bench) + while_away;
    bench_destroy(bench);
    store_in_memory_crash(store);
    bench = start(store, 0);
    bench->now = SECONDS(5);
    bench->wall_at_start = wall - bench->now;
    assert_null(broker_restore(bench->broker, bench->now));
    settle(bench, 0);
    return bench;
}

/* Subscribers first, as if all were lost at once: nobody is there for the Wills. */
static void lose_all(struct bench *bench) {
    for (int client = CLIENTS - 1; client >= 0; client--)
        lose(bench, client);
}

/* How the broker ends after so many steps, and what the one that it is compared with does instead. */
enum ending {
    AFTER_COMMIT,   /* all was sent */
    BEFORE_SENDING, /* the last step is committed; the other one's connections fail before it sends */
    BEFORE_COMMIT,  /* the last step is lost; the other one never sees it */
    AFTER_LEAVING,  /* all connections had ended, and it is started much later */
    ENDINGS
};

#define LATER 20u

static void transcript_of_crash(const struct conversation *conversation, size_t steps, enum ending ending,
                                struct transcript *transcript) {
    struct store_in_memory *store = store_in_memory_create();
    struct bench *bench = start(store, 0);
    assert_null(broker_restore(bench->broker, bench->now));
    for (size_t i = 0; i < steps; i++) {
        bench->holds_commit = i + 1 == steps && (ending == BEFORE_COMMIT || ending == BEFORE_SENDING);
        play_step(bench, &conversation->steps[i]);
    }
    if (ending == BEFORE_SENDING)
        assert_true(broker_commit(bench->broker, bench->now));
    if (ending == AFTER_LEAVING)
        lose_all(bench);
    bench = crash_and_start(bench, store, ending == AFTER_LEAVING ? SECONDS(LATER) : 0);
    look_into(bench, transcript);
    bench_destroy(bench);
    store_in_memory_destroy(store);
}

static void transcript_of_loss(const struct conversation *conversation, size_t steps, enum ending ending,
                               struct transcript *transcript) {
    struct bench *bench = start(NULL, 0);
    size_t seen = ending == BEFORE_COMMIT && steps > 0 ? steps - 1 : steps;
    for (size_t i = 0; i < seen; i++)
        play_step(bench, &conversation->steps[i]);
    lose_all(bench);
    if (seen < steps && conversation->steps[seen].action == WAIT) /* time passes anyway */
        play_step(bench, &conversation->steps[seen]);
    if (ending == AFTER_LEAVING)
        wait_for(bench, LATER);
    look_into(bench, transcript);
    bench_destroy(bench);
}

static void a_crash_is_no_more_than_lost_connections(void **state) {
    (void)state;
    struct transcript *crashed = malloc(sizeof *crashed), *lost = malloc(sizeof *lost);
    assert_true(crashed != NULL && lost != NULL);
    for (size_t i = 0; i < CONVERSATION_COUNT; i++)
        for (size_t steps = 0; steps <= step_count(&conversations[i]); steps++)
            for (enum ending ending = 0; ending < ENDINGS; ending++) {
                crashed->length = lost->length = 0;
                transcript_of_crash(&conversations[i], steps, ending, crashed);
                transcript_of_loss(&conversations[i], steps, ending, lost);
                if (strcmp(crashed->text, lost->text) != 0)
                    fail_msg("%s, after %zu steps, ending %d: crashed\n%s\nlost connections\n%s", conversations[i].name,
                             steps, ending, crashed->text, lost->text);
            }
    free(crashed);
    free(lost);
}

/* ---- Nothing leaves before it is durable ----------------------------------------------------------------------- */

static size_t sent_in_all(const struct bench *bench) {
    size_t sent = 0;
    for (int client = 0; client < CLIENTS; client++)
        sent += bench->length[client];
    return sent;
}

/* The step at which the store fails is not answered, nor any after it; a broker started anew knows all before. */
static void check_failure(const struct conversation *conversation, unsigned failing, struct transcript *crashed,
                          struct transcript *lost, bool *has_failed) {
    struct store_in_memory *store = store_in_memory_create();
    struct bench *bench = start(store, 0);
    assert_null(broker_restore(bench->broker, bench->now));
    settle(bench, 0);
    store->failing = store->calls + failing;
    size_t steps = 0, sent = 0;
    while (broker_failure(bench->broker) == NULL && steps < step_count(conversation)) {
        sent = sent_in_all(bench);
        play_step(bench, &conversation->steps[steps++]);
    }
    *has_failed = broker_failure(bench->broker) != NULL;
    if (*has_failed) {
        for (int client = PUBLISHER; client <= SECOND; client++)
            ping_5(bench, client);
        assert_string_equal(broker_failure(bench->broker), "the store fails");
        assert_true(sent_in_all(bench) <= sent);
        crashed->length = lost->length = 0;
        bench = crash_and_start(bench, store, 0);
        look_into(bench, crashed);
        transcript_of_loss(conversation, steps, BEFORE_COMMIT, lost);
        assert_string_equal(crashed->text, lost->text);
    }
    bench_destroy(bench);
    store_in_memory_destroy(store);
}

static void a_store_that_fails_loses_nothing_acknowledged(void **state) {
    (void)state;
    struct transcript *crashed = malloc(sizeof *crashed), *lost = malloc(sizeof *lost);
    assert_true(crashed != NULL && lost != NULL);
    for (size_t i = 0; i < CONVERSATION_COUNT; i++) {
        bool has_failed = true;
        for (unsigned failing = 1; has_failed; failing++)
            check_failure(&conversations[i], failing, crashed, lost, &has_failed);
    }
    free(crashed);
    free(lost);
}

/* ---- A store as it should not be ------------------------------------------------------------------------------- */

static struct store_in_memory *store_after(const struct conversation *conversation) {
    struct store_in_memory *store = store_in_memory_create();
    struct bench *bench = start(store, 0);
    assert_null(broker_restore(bench->broker, bench->now));
    for (size_t i = 0; i < step_count(conversation); i++)
        play_step(bench, &conversation->steps[i]);
    bench_destroy(bench);
    store_in_memory_crash(store);
    return store;
}

/* What a broker that starts says of it; empty where it starts. */
static const char *restored(struct store_in_memory *store) {
    struct bench *bench = start(store, 0);
    const char *problem = broker_restore(bench->broker, bench->now);
    bench_destroy(bench);
    assert_true(problem == NULL || store->calls == 0); /* what it cannot read it leaves as it is */
    store_in_memory_crash(store);
    return problem != NULL ? problem : "";
}

static bool says(const char *text, const char *wanted) {
    return strstr(text, wanted) != NULL;
}

/* Each bit of each value, and each value cut short. */
static void damage_is_found(void **state) {
    (void)state;
    for (size_t i = 0; i < CONVERSATION_COUNT; i++) {
        struct store_in_memory *store = store_after(&conversations[i]);
        assert_string_equal(restored(store), "");
        for (size_t record = 0; record < store->changed.count; record++) {
            struct stored_record *damaged = &store->durable.records[record];
            for (uint32_t bit = 0; bit < damaged->value_length * 8; bit++) {
                damaged->value[bit / 8] ^= (uint8_t)(1u << bit % 8);
                store_in_memory_crash(store);
                assert_true(says(restored(store), "is damaged"));
                damaged->value[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
            uint32_t length = damaged->value_length;
            for (damaged->value_length = 0; damaged->value_length < length; damaged->value_length++) {
                store_in_memory_crash(store);
                assert_true(says(restored(store), "is damaged"));
            }
        }
        store_in_memory_destroy(store);
    }
}

/* A record that is missing leaves others that refer to it, but for those that stand alone. */
static void what_is_missing_does_no_harm(void **state) {
    (void)state;
    for (size_t i = 0; i < CONVERSATION_COUNT; i++) {
        struct store_in_memory *store = store_after(&conversations[i]);
        for (size_t record = 0; record < store->durable.count; record++) {
            const struct stored_record *gone = &store->durable.records[record];
            store_in_memory_crash(store);
            memory_remove(store, (struct mqtt_bytes){gone->key, gone->key_length});
            struct bench *bench = start(store, 0);
            const char *problem = broker_restore(bench->broker, bench->now);
            assert_true(problem == NULL || says(problem, "is damaged") ||
                        (gone->key[0] == 'A' && says(problem, "else")));
            bench_destroy(bench);
        }
        store_in_memory_destroy(store);
    }
}

static void put_bytes(struct store_in_memory *store, struct record_key key, const struct record_value *value) {
    memory_put(store, (struct mqtt_bytes){key.bytes, key.length}, value->parts, value->count);
    assert_true(memory_commit(store));
    store_in_memory_crash(store);
}

static void other_stores_are_refused(void **state) {
    (void)state;
    struct store_in_memory *store = store_in_memory_create();
    store->cannot_be_read = true;
    assert_string_equal(restored(store), "the store cannot be read");
    store->cannot_be_read = false;
    struct record_key key = record_key(RECORD_FORMAT, 0, 0);
    struct record_value value;
    record_write_format(&value, &key, &(struct format_record){.version = RECORD_VERSION + 1});
    put_bytes(store, key, &value);
    assert_true(says(restored(store), "another version of mqspec"));
    memory_remove(store, (struct mqtt_bytes){key.bytes, key.length});
    assert_true(memory_commit(store));
    store_in_memory_crash(store);
    assert_string_equal(restored(store), "");
    key = record_key(RECORD_SESSION, 'x', 0);
    record_write_nothing(&value, &key);
    put_bytes(store, key, &value);
    assert_true(says(restored(store), "something else"));
    store_in_memory_destroy(store);
}

/* ---- A clock that jumps ---------------------------------------------------------------------------------------- */

/* Where the wall clock shows a time before what the store knows, nothing has grown older; all goes on from there. */
static void a_wall_clock_may_jump_back(void **state) {
    (void)state;
    struct store_in_memory *store = store_in_memory_create();
    struct bench *bench = start(store, 0);
    assert_null(broker_restore(bench->broker, bench->now));
    connect_5(bench, FIRST, (struct client_5){.name = "first", .session_expiry = 100});
    subscribe_5(bench, FIRST, "a", 1, 0);
    lose(bench, FIRST);
    connect_5(bench, PUBLISHER, (struct client_5){.name = "publisher"});
    publish_5(bench, PUBLISHER, (struct message_5){"a", "x", .qos = 1, .identifier = 1, .expires = true, .expiry = 90});
    bench = crash_and_start(bench, store, 0);
    bench_destroy(bench);
    bench = start(store, 0);
    bench->wall_at_start = 0;
    assert_null(broker_restore(bench->broker, bench->now));
    settle(bench, 0);
    wait_for(bench, 60);
    bench = crash_and_start(bench, store, SECONDS(20));
    connect_5(bench, FIRST, (struct client_5){.name = "first", .session_expiry = 100});
    EXPECT(FIRST, "C00p P1:a=x~90");
    lose(bench, FIRST);
    bench = crash_and_start(bench, store, SECONDS(120));
    wait_for(bench, 0);
    connect_5(bench, FIRST, (struct client_5){.name = "first", .session_expiry = 100});
    EXPECT(FIRST, "C00");
    bench_destroy(bench);
    store_in_memory_destroy(store);
}

/* ---- Users ----------------------------------------------------------------------------------------------------- */

static bool only_alice_receives(void *context, const struct broker_client *client, struct mqtt_bytes topic) {
    (void)context, (void)topic;
    return mqtt_equal(client->user_name, mqtt_text("alice")) && !client->is_certified;
}

/* Who may receive a message is asked when it is published: also where the Client has been away since the broker was
 * started. */
static void a_session_keeps_its_user(void **state) {
    (void)state;
    struct store_in_memory *store = store_in_memory_create();
    struct broker_settings settings = broker_default_settings();
    settings.store = &store->store;
    settings.hooks.may_receive = only_alice_receives;
    for (int round = 0; round < 2; round++) {
        struct bench *bench = bench_create(settings, 0);
        assert_null(broker_restore(bench->broker, bench->now));
        if (round == 0) {
            open_connection(bench, FIRST);
            receive(bench, FIRST, "\x10\x18\0\4MQTT\4\x80\0\0\0\5first\0\5alice", 26);
            subscribe_5(bench, FIRST, "a", 1, 0);
            EXPECT(FIRST, "C00 S01");
            lose(bench, FIRST);
        } else {
            connect_5(bench, PUBLISHER, (struct client_5){.name = "publisher"});
            publish_5(bench, PUBLISHER, (struct message_5){"a", "x", .qos = 1, .identifier = 1});
            EXPECT(PUBLISHER, "C00 a");
            assert_int_equal(broker_counts(bench->broker).in_flight, 0);
            connect_3(bench, FIRST, "first", false);
            EXPECT(FIRST, "C00p P1:a=x");
        }
        bench_destroy(bench);
    }
    store_in_memory_destroy(store);
}

/* ---- No memory ------------------------------------------------------------------------------------------------- */

/* Whatever allocation fails: nothing leaks, and what is stored can be taken up again. */
static void any_allocation_may_fail_with_a_store(void **state) {
    struct transcript *transcript = malloc(sizeof *transcript);
    (void)state;
    assert_non_null(transcript);
    for (size_t i = 0; i < CONVERSATION_COUNT; i++) {
        bool failed = true;
        for (size_t failing = 1; failed; failing++) {
            struct store_in_memory *store = store_in_memory_create();
            struct bench *bench = start(store, failing);
            bool runs = bench->broker != NULL && broker_restore(bench->broker, bench->now) == NULL;
            for (size_t step = 0; runs && step < step_count(&conversations[i]); step++)
                play_step(bench, &conversations[i].steps[step]);
            failed = bench->allocations >= failing;
            if (bench->broker != NULL) {
                transcript->length = 0;
                bench = crash_and_start(bench, store, 0);
                look_into(bench, transcript);
                bench_destroy(bench);
            } else {
                assert_int_equal(bench->outstanding, 0);
                free(bench);
            }
            store_in_memory_destroy(store);
        }
    }
    free(transcript);
}

static void any_allocation_may_fail_while_restoring(void **state) {
    (void)state;
    for (size_t i = 0; i < CONVERSATION_COUNT; i++) {
        struct store_in_memory *store = store_after(&conversations[i]);
        bool failed = true;
        for (size_t failing = 1; failed; failing++) {
            struct bench *bench = start(store, failing);
            const char *problem = bench->broker != NULL ? broker_restore(bench->broker, bench->now) : NULL;
            failed = bench->allocations >= failing;
            assert_true(problem == NULL || says(problem, "memory"));
            if (bench->broker != NULL)
                broker_destroy(bench->broker);
            assert_int_equal(bench->outstanding, 0);
            free(bench);
            store_in_memory_crash(store);
        }
        store_in_memory_destroy(store);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_is_no_more_than_lost_connections),
        cmocka_unit_test(a_store_that_fails_loses_nothing_acknowledged),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(what_is_missing_does_no_harm),
        cmocka_unit_test(other_stores_are_refused),
        cmocka_unit_test(a_wall_clock_may_jump_back),
        cmocka_unit_test(a_session_keeps_its_user),
        cmocka_unit_test(any_allocation_may_fail_with_a_store),
        cmocka_unit_test(any_allocation_may_fail_while_restoring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
