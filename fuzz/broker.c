/* The reference broker and four clients in virtual time, under the eyes of the monitor. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fuzz/world.h"

#define BROKER_MEMORY      ((size_t)24 << 20)
#define MOST_OPERATIONS    400u
#define MOST_VIEWS         16u
#define MOST_TICKS         1000u /* within one wait: each closes a connection or puts its deadline off */
#define SMALL_PACKET_LIMIT 300u
#define CAPTURED_PORT      1883

__attribute__((format(printf, 3, 4))) static void fail(struct world *world, enum spec_statement statement,
                                                       const char *format, ...) {
    if (world->failed)
        return;
    world->failed = true;
    world->finding->statement = statement;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world->finding->what, sizeof world->finding->what, format, arguments);
    va_end(arguments);
}

uint8_t world_next_byte(struct input *input) {
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

/* ---- What monitor and broker tell ------------------------------------------------------------------------ */

static void note_breach(void *context, const struct monitor_breach *breach) {
    struct world *world = context;
    /* A broker that had no memory left may have had to forget what it owed. */
    if (breach->side == MQTT_CLIENT || world->broker_account.refused || world->monitor_account.refused)
        return;
    fail(world, breach->statement, "the Server broke %s: %s", spec_name(breach->statement), breach->what);
}

static enum mqtt_type answer_to(const struct mqtt_packet *packet) {
    if (packet->type == MQTT_PUBLISH)
        return mqtt_publish_qos(packet->flags) == 0   ? MQTT_RESERVED
               : mqtt_publish_qos(packet->flags) == 1 ? MQTT_PUBACK
                                                      : MQTT_PUBREC;
    if (packet->type == MQTT_PUBREC)
        return packet->acknowledgement.reason_code < MQTT_REASON_FAILURE ? MQTT_PUBREL : MQTT_RESERVED;
    return packet->type == MQTT_PUBREL ? MQTT_PUBCOMP : MQTT_RESERVED;
}

static void note_challenge(struct client *client, const struct mqtt_packet *packet) {
    struct mqtt_bytes data = mqtt_property_bytes(packet->disconnect.properties, MQTT_AUTHENTICATION_DATA);
    client->challenge_length = data.length <= sizeof client->challenge ? data.length : 0;
    if (client->challenge_length > 0)
        memcpy(client->challenge, data.data, client->challenge_length);
}

static void note_packet(void *context, void *owner, enum mqtt_side side, microseconds time,
                        const struct mqtt_packet *packet, struct mqtt_bytes bytes) {
    struct client *client = owner;
    (void)context;
    (void)time;
    (void)bytes;
    if (side == MQTT_SERVER && packet->type == MQTT_AUTH)
        note_challenge(client, packet);
    if (side == MQTT_CLIENT || client->unanswered_count == MOST_UNANSWERED)
        return;
    enum mqtt_type answer = answer_to(packet);
    if (answer == MQTT_RESERVED)
        return;
    uint16_t identifier =
        packet->type == MQTT_PUBLISH ? packet->publish.packet_identifier : packet->acknowledgement.packet_identifier;
    client->unanswered[client->unanswered_count++] = (struct unanswered){answer, identifier};
}

static bool may_use(void *context, const struct broker_client *client, struct mqtt_bytes topic) {
    const struct world *world = context;
    (void)client;
    return (world->options & OPTION_DENY) == 0 || topic.length == 0 || topic.data[0] != 'b';
}

/* ---- The network ----------------------------------------------------------------------------------------- */

void world_close(struct client *client, enum mqtt_side closes) {
    struct world *world = client->world;
    if (client->captured != NULL)
        capture_writer_close(client->captured, closes, world->now);
    client->captured = NULL;
    monitor_half_closed(client->monitored, closes, world->now);
    monitor_close(client->monitored, world->now);
    broker_closed(client->connection, world->now);
    client->monitored = NULL;
    client->connection = NULL;
    client->unanswered_count = 0;
    client->challenge_length = 0;
}

/* What a side sends is seen. */
static void pass(struct client *client, enum mqtt_side side, struct mqtt_bytes bytes) {
    if (client->captured != NULL)
        capture_writer_bytes(client->captured, side, bytes, client->world->now);
    monitor_bytes(client->monitored, side, bytes, client->world->now);
}

static void read_output(struct client *client) {
    struct mqtt_bytes views[MOST_VIEWS];
    size_t count;
    while ((count = broker_output(client->connection, views, MOST_VIEWS)) > 0) {
        size_t length = 0;
        for (size_t i = 0; i < count; i++) {
            pass(client, MQTT_SERVER, views[i]);
            length += views[i].length;
        }
        broker_sent(client->connection, length);
    }
    if (broker_is_closing(client->connection))
        world_close(client, MQTT_SERVER);
}

void world_deliver(struct world *world) {
    struct connection *ready;
    while ((ready = broker_next_ready(world->broker)) != NULL) {
        struct client *client = broker_owner(ready);
        if (client->reads)
            read_output(client);
    }
}

bool world_open(struct client *client) {
    struct world *world = client->world;
    if (client->connection != NULL)
        return true;
    client->connection = broker_accept(world->broker, world->now, client);
    if (client->connection == NULL)
        return false;
    client->monitored = monitor_open(world->monitor, world->now, client, true);
    if (client->monitored == NULL) {
        broker_closed(client->connection, world->now);
        client->connection = NULL;
        return false;
    }
    if (world->capture != NULL)
        client->captured = capture_writer_connect(world->capture, CAPTURED_PORT, world->now);
    client->reads = true;
    client->version = MQTT_3_1_1;
    return true;
}

static size_t part_of(const struct world *world, size_t length) {
    size_t part = (world->options & OPTION_CUT_ONE) != 0 ? 1 : (world->options & OPTION_CUT_SEVEN) != 0 ? 7 : length;
    return part < length ? part : length;
}

void world_send(struct client *client, const uint8_t *data, size_t length) {
    struct world *world = client->world;
    if (!world_open(client))
        return;
    while (length > 0 && client->connection != NULL && !broker_is_closing(client->connection)) {
        struct mqtt_bytes part = {data, (uint32_t)part_of(world, length)};
        pass(client, MQTT_CLIENT, part);
        broker_receive(client->connection, part, world->now);
        data += part.length;
        length -= part.length;
        if (part.length < length)
            world_deliver(world);
    }
}

/* ---- Time -------------------------------------------------------------------------------------------------- */

void world_pass_time(struct world *world, microseconds duration) {
    microseconds end = world->now + duration;
    unsigned ticks = 0;
    microseconds deadline;
    while ((deadline = broker_deadline(world->broker)) <= end) {
        if (deadline > world->now)
            world->now = deadline;
        broker_tick(world->broker, world->now);
        world_deliver(world);
        monitor_tick(world->monitor, world->now);
        if (broker_deadline(world->broker) <= world->now || ++ticks > MOST_TICKS) {
            fail(world, SPEC_NONE, "the broker's deadline does not move on");
            return;
        }
    }
    world->now = end;
    broker_tick(world->broker, world->now);
    world_deliver(world);
    monitor_tick(world->monitor, world->now);
}

void world_change_reading(struct client *client) {
    client->reads = !client->reads;
    if (client->reads && client->connection != NULL)
        read_output(client);
}

/* ---- The world ------------------------------------------------------------------------------------------- */

/* What is announced to clients of 5.0. */
static void choose_offer(struct broker_settings *settings, uint8_t options) {
    if ((options & OPTION_RECEIVE_LITTLE) != 0)
        settings->receive_maximum = 2;
    if ((options & OPTION_NO_ALIASES) != 0)
        settings->topic_alias_maximum = 0;
    if ((options & OPTION_SHORT_KEEP_ALIVE) != 0)
        settings->maximum_keep_alive = 5;
    if ((options & OPTION_SHORT_SESSIONS) != 0)
        settings->maximum_session_expiry = 2;
    if ((options & OPTION_MAXIMUM_QOS) != 0)
        settings->maximum_qos = 1;
    settings->retain_available = (options & OPTION_NO_RETAIN) == 0;
    if ((options & OPTION_FEW_ALIASES) != 0)
        settings->own_topic_aliases = 2;
    if ((options & OPTION_NO_RESPONSE) != 0)
        settings->response_information = (struct mqtt_bytes){NULL, 0};
}

static struct broker_settings settings_for(struct world *world, uint8_t offer) {
    struct broker_settings settings = broker_default_settings();
    choose_offer(&settings, offer);
    if ((world->options & OPTION_FEW_IN_FLIGHT) != 0)
        settings.maximum_in_flight = 2;
    if ((world->options & OPTION_SHORT_QUEUE) != 0)
        settings.maximum_queued = 3;
    if ((world->options & OPTION_SMALL_OUTPUT) != 0)
        settings.maximum_output = 2048;
    if ((world->options & OPTION_SMALL_PACKETS) != 0)
        settings.maximum_packet_size = SMALL_PACKET_LIMIT;
    settings.maximum_client_identifier = 23;
    settings.hooks = (struct broker_hooks){
        .context = world, .scram_credentials = world_credentials, .may_publish = may_use, .may_subscribe = may_use};
    return settings;
}

/* False where there is no memory for a broker at all. */
static bool begin_world(struct world *world, struct fuzz_memory *memory, enum spec_statement off, struct input *input) {
    world->options = world_next_byte(input);
    uint8_t second = world_next_byte(input);
    bool fails = (world->options & OPTION_NO_MEMORY) != 0;
    world->broker_account = (struct fuzz_account){.memory = memory, .random = 1};
    world->monitor_account = (struct fuzz_account){.memory = memory, .random = 2};
    if (fails)
        world->broker_account.fails_at = (uint64_t)second + 2;
    struct environment environment = fuzz_environment(&world->broker_account);
    struct broker_settings settings = settings_for(world, fails ? 0 : second);
    world->broker = broker_create(&settings, &environment);
    if (world->broker == NULL)
        return false;
    if (off != SPEC_NONE)
        spec_switch_off(broker_rules(world->broker), off);
    environment = fuzz_environment(&world->monitor_account);
    struct monitor_hooks hooks = {.context = world, .breach = note_breach, .packet = note_packet};
    world->monitor = monitor_create(&hooks, &environment);
    for (unsigned i = 0; i < FUZZ_CLIENTS; i++)
        world->clients[i] = (struct client){.world = world, .version = MQTT_3_1_1};
    if (world->monitor != NULL)
        return true;
    broker_destroy(world->broker);
    return false;
}

static void end_world(struct world *world) {
    broker_shut_down(world->broker, world->now);
    world_deliver(world);
    for (unsigned i = 0; i < FUZZ_CLIENTS; i++)
        if (world->clients[i].connection != NULL)
            world_close(&world->clients[i], MQTT_CLIENT);
    broker_destroy(world->broker);
    monitor_destroy(world->monitor);
    if (world->broker_account.live > 0)
        fail(world, SPEC_NONE, "the broker did not give back %zu bytes", world->broker_account.live);
    if (world->monitor_account.live > 0)
        fail(world, SPEC_NONE, "the monitor did not give back %zu bytes", world->monitor_account.live);
}

bool fuzz_broker(struct fuzz_memory *memory, enum spec_statement off, struct capture_writer *capture,
                 const uint8_t *data, size_t size, struct finding *finding) {
    struct world world;
    struct input input = {data, size};
    if (!fuzz_memory_begin(memory))
        return true;
    memset(&world, 0, sizeof world);
    world.finding = finding;
    world.capture = capture;
    if (!begin_world(&world, memory, off, &input))
        return true;
    for (unsigned i = 0; i < MOST_OPERATIONS && input.size > 0 && !world.failed; i++)
        world_perform(&world, &input);
    end_world(&world);
    return !world.failed;
}
