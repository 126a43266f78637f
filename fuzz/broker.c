/* The reference broker and four clients in virtual time, under the eyes of the monitor. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fuzz/operations.h"
#include "fuzz/targets.h"
#include "reference/broker.h"
#include "reference/monitor.h"

#define BROKER_MEMORY      ((size_t)24 << 20)
#define MOST_OPERATIONS    400u
#define MOST_UNANSWERED    32u
#define MOST_VIEWS         16u
#define LONGEST_PACKET     8192u
#define MOST_TICKS         1000u /* within one wait: each closes a connection or puts its deadline off */
#define SMALL_PACKET_LIMIT 300u

static const char *const client_identifiers[] = {"a", "b", "c", "", "a", "b", "c", "abcdefghijklmnopqrstuvw"};
static const char *const topics[] = {"a", "a/b", "b",  "a/b/c", "$SYS/a", "/",    "a//b", "b/\xC3\xBC",
                                     "+", "$",   "/a", "a/",    "b/c/d",  "a/$b", "c",    "aa"};
static const char *const filters[] = {"a",  "a/b", "#",   "+", "a/#", "+/b",    "$SYS/#", "a/+/c",
                                      "/+", "+/+", "b/#", "b", "+/#", "$SYS/+", "a#",     "/"};
static const uint16_t payload_sizes[] = {0, 3, 64, 3000};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A packet of the broker's that wants an answer. */
struct unanswered {
    enum mqtt_type answer;
    uint16_t packet_identifier;
};

struct client {
    struct world *world;
    struct connection *connection; /* NULL: not connected */
    struct monitored *monitored;
    bool reads;
    enum mqtt_version version;
    uint16_t packet_identifier; /* used last */
    struct unanswered unanswered[MOST_UNANSWERED];
    unsigned unanswered_count;
};

struct world {
    struct broker *broker;
    struct monitor *monitor;
    struct client clients[FUZZ_CLIENTS];
    struct fuzz_account broker_account;
    struct fuzz_account monitor_account;
    microseconds now;
    uint8_t options;
    uint16_t published;
    bool failed;
    struct finding *finding;
};

/* The rest of the input. */
struct input {
    const uint8_t *data;
    size_t size;
};

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

static uint8_t next_byte(struct input *input) {
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
    return packet->type == MQTT_PUBREC ? MQTT_PUBREL : packet->type == MQTT_PUBREL ? MQTT_PUBCOMP : MQTT_RESERVED;
}

static void note_packet(void *context, void *owner, enum mqtt_side side, microseconds time,
                        const struct mqtt_packet *packet, struct mqtt_bytes bytes) {
    struct client *client = owner;
    (void)context;
    (void)time;
    (void)bytes;
    if (side == MQTT_CLIENT || client->unanswered_count == MOST_UNANSWERED)
        return;
    enum mqtt_type answer = answer_to(packet);
    if (answer == MQTT_RESERVED)
        return;
    uint16_t identifier =
        packet->type == MQTT_PUBLISH ? packet->publish.packet_identifier : packet->acknowledgement.packet_identifier;
    client->unanswered[client->unanswered_count++] = (struct unanswered){answer, identifier};
}

static bool may_use(void *context, struct mqtt_bytes client_identifier, struct mqtt_bytes topic) {
    const struct world *world = context;
    (void)client_identifier;
    return (world->options & OPTION_DENY) == 0 || topic.length == 0 || topic.data[0] != 'b';
}

/* ---- The network ----------------------------------------------------------------------------------------- */

static void close_connection(struct client *client, enum mqtt_side closes) {
    struct world *world = client->world;
    monitor_half_closed(client->monitored, closes, world->now);
    monitor_close(client->monitored, world->now);
    broker_closed(client->connection, world->now);
    client->monitored = NULL;
    client->connection = NULL;
    client->unanswered_count = 0;
}

static void read_output(struct client *client) {
    struct world *world = client->world;
    struct mqtt_bytes views[MOST_VIEWS];
    size_t count;
    while ((count = broker_output(client->connection, views, MOST_VIEWS)) > 0) {
        size_t length = 0;
        for (size_t i = 0; i < count; i++) {
            monitor_bytes(client->monitored, MQTT_SERVER, views[i], world->now);
            length += views[i].length;
        }
        broker_sent(client->connection, length);
    }
    if (broker_is_closing(client->connection))
        close_connection(client, MQTT_SERVER);
}

static void deliver_output(struct world *world) {
    struct connection *ready;
    while ((ready = broker_next_ready(world->broker)) != NULL) {
        struct client *client = broker_owner(ready);
        if (client->reads)
            read_output(client);
    }
}

static bool open_connection(struct client *client) {
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
    client->reads = true;
    client->version = MQTT_3_1_1;
    return true;
}

static size_t part_of(const struct world *world, size_t length) {
    size_t part = (world->options & OPTION_CUT_ONE) != 0 ? 1 : (world->options & OPTION_CUT_SEVEN) != 0 ? 7 : length;
    return part < length ? part : length;
}

static void send_bytes(struct client *client, const uint8_t *data, size_t length) {
    struct world *world = client->world;
    if (!open_connection(client))
        return;
    while (length > 0 && client->connection != NULL && !broker_is_closing(client->connection)) {
        struct mqtt_bytes part = {data, (uint32_t)part_of(world, length)};
        monitor_bytes(client->monitored, MQTT_CLIENT, part, world->now);
        broker_receive(client->connection, part, world->now);
        data += part.length;
        length -= part.length;
        if (part.length < length)
            deliver_output(world);
    }
}

static void send_packet(struct client *client, const struct mqtt_packet *packet) {
    uint8_t buffer[LONGEST_PACKET];
    size_t length = mqtt_encode(client->version, packet, buffer, sizeof buffer);
    send_bytes(client, buffer, length);
}

/* ---- Operations ------------------------------------------------------------------------------------------ */

static void send_raw(struct client *client, struct input *input) {
    size_t length = next_byte(input);
    if (length > input->size)
        length = input->size;
    const uint8_t *data = input->data;
    input->data += length;
    input->size -= length;
    send_bytes(client, data, length);
}

static void send_connect(struct client *client, struct input *input) {
    uint8_t flags = next_byte(input) & (uint8_t) ~(MQTT_CONNECT_USER_NAME | MQTT_CONNECT_PASSWORD);
    uint8_t choice = next_byte(input);
    bool is_3_1 = (choice & CONNECT_3_1) != 0;
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect.protocol_name = mqtt_text(is_3_1 ? "MQIsdp" : "MQTT");
    packet.connect.protocol_level = is_3_1 ? MQTT_3_1 : MQTT_3_1_1;
    packet.connect.flags = flags;
    packet.connect.client_identifier = mqtt_text(client_identifiers[choice & CONNECT_IDENTIFIER]);
    packet.connect.keep_alive = next_byte(input);
    if ((flags & MQTT_CONNECT_WILL) != 0) {
        packet.connect.will_topic = mqtt_text(topics[choice >> 4]);
        packet.connect.will_message = mqtt_text("will");
    }
    if (!open_connection(client))
        return;
    client->version = (enum mqtt_version)packet.connect.protocol_level;
    send_packet(client, &packet);
}

static uint16_t next_identifier(struct client *client) {
    client->packet_identifier = client->packet_identifier % 100 + 1;
    return client->packet_identifier;
}

static void send_subscribe(struct client *client, struct input *input) {
    uint8_t first = next_byte(input), choice = next_byte(input);
    uint8_t qos = choice & SUBSCRIBE_QOS;
    uint8_t list[256];
    size_t length = 0;
    for (unsigned i = 0; i <= (unsigned)(choice & SUBSCRIBE_MORE) >> SUBSCRIBE_MORE_SHIFT; i++)
        mqtt_append_filter(list, sizeof list, &length, mqtt_text(filters[(first + i) % COUNT_OF(filters)]), &qos);
    struct mqtt_packet packet = {.type = MQTT_SUBSCRIBE, .flags = mqtt_required_flags(MQTT_SUBSCRIBE)};
    packet.subscribe.packet_identifier = next_identifier(client);
    packet.subscribe.filters = (struct mqtt_bytes){list, (uint32_t)length};
    send_packet(client, &packet);
}

static void send_unsubscribe(struct client *client, struct input *input) {
    uint8_t list[256];
    size_t length = 0;
    mqtt_append_filter(list, sizeof list, &length, mqtt_text(filters[next_byte(input) % COUNT_OF(filters)]), NULL);
    struct mqtt_packet packet = {.type = MQTT_UNSUBSCRIBE, .flags = mqtt_required_flags(MQTT_UNSUBSCRIBE)};
    packet.unsubscribe.packet_identifier = next_identifier(client);
    packet.unsubscribe.filters = (struct mqtt_bytes){list, (uint32_t)length};
    send_packet(client, &packet);
}

/* Payloads differ, so that one message is not taken for another. */
static void send_publish(struct client *client, struct input *input) {
    static const uint8_t zeros[3000];
    uint8_t choice = next_byte(input);
    uint8_t payload[sizeof zeros];
    uint16_t size = payload_sizes[(choice & PUBLISH_SIZE) >> PUBLISH_SIZE_SHIFT];
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = choice & PUBLISH_FLAGS};
    packet.publish.topic = mqtt_text(topics[next_byte(input) % COUNT_OF(topics)]);
    if (mqtt_publish_qos(packet.flags) > 0)
        packet.publish.packet_identifier =
            (choice & PUBLISH_AGAIN) != 0 ? client->packet_identifier : next_identifier(client);
    memcpy(payload, zeros, size);
    if (size >= 2) {
        client->world->published++;
        payload[0] = (uint8_t)(client->world->published >> 8);
        payload[1] = (uint8_t)client->world->published;
    }
    packet.publish.payload = (struct mqtt_bytes){payload, size};
    send_packet(client, &packet);
}

static void send_acknowledgement(struct client *client, enum mqtt_type type, uint16_t packet_identifier) {
    struct mqtt_packet packet = {.type = type, .flags = mqtt_required_flags(type)};
    packet.acknowledgement.packet_identifier = packet_identifier;
    send_packet(client, &packet);
}

static void answer(struct client *client, unsigned which) {
    if (which >= client->unanswered_count)
        return;
    struct unanswered chosen = client->unanswered[which];
    client->unanswered_count--;
    memmove(client->unanswered + which, client->unanswered + which + 1,
            (client->unanswered_count - which) * sizeof chosen);
    send_acknowledgement(client, chosen.answer, chosen.packet_identifier);
}

static void answer_all(struct client *client) {
    for (unsigned i = 0; i < MOST_UNANSWERED && client->unanswered_count > 0; i++) {
        answer(client, 0);
        deliver_output(client->world);
    }
}

static void send_unasked(struct client *client, struct input *input) {
    uint8_t choice = next_byte(input);
    send_acknowledgement(client, (enum mqtt_type)(MQTT_PUBACK + (choice & 3)), choice >> 2);
}

static void pass_time(struct world *world, microseconds duration) {
    microseconds end = world->now + duration;
    unsigned ticks = 0;
    microseconds deadline;
    while ((deadline = broker_deadline(world->broker)) <= end) {
        if (deadline > world->now)
            world->now = deadline;
        broker_tick(world->broker, world->now);
        deliver_output(world);
        monitor_tick(world->monitor, world->now);
        if (broker_deadline(world->broker) <= world->now || ++ticks > MOST_TICKS) {
            fail(world, SPEC_NONE, "the broker's deadline does not move on");
            return;
        }
    }
    world->now = end;
    broker_tick(world->broker, world->now);
    deliver_output(world);
    monitor_tick(world->monitor, world->now);
}

static void change_reading(struct client *client) {
    client->reads = !client->reads;
    if (client->reads && client->connection != NULL)
        read_output(client);
}

static void perform(struct world *world, struct input *input) {
    uint8_t first = next_byte(input);
    struct client *client = &world->clients[first % FUZZ_CLIENTS];
    struct mqtt_packet pingreq = {.type = MQTT_PINGREQ}, disconnect = {.type = MQTT_DISCONNECT};
    uint8_t milliseconds;
    switch ((enum operation)(first / FUZZ_CLIENTS % OPERATION_COUNT)) {
    case OPERATION_BYTES:
        send_raw(client, input);
        break;
    case OPERATION_CONNECT:
        send_connect(client, input);
        break;
    case OPERATION_SUBSCRIBE:
        send_subscribe(client, input);
        break;
    case OPERATION_UNSUBSCRIBE:
        send_unsubscribe(client, input);
        break;
    case OPERATION_PUBLISH:
    case OPERATION_PUBLISH_NEXT:
        send_publish(client, input);
        break;
    case OPERATION_ANSWER:
        answer(client, 0);
        break;
    case OPERATION_ANSWER_LAST:
        answer(client, client->unanswered_count - 1);
        break;
    case OPERATION_ANSWER_ALL:
        answer_all(client);
        break;
    case OPERATION_PINGREQ:
        send_packet(client, &pingreq);
        break;
    case OPERATION_DISCONNECT:
        send_packet(client, &disconnect);
        break;
    case OPERATION_DROP:
        if (client->connection != NULL)
            close_connection(client, MQTT_CLIENT);
        break;
    case OPERATION_OPEN:
        open_connection(client);
        break;
    case OPERATION_WAIT:
        milliseconds = next_byte(input);
        pass_time(world, (microseconds)milliseconds * milliseconds * 1000);
        break;
    case OPERATION_STALL:
        change_reading(client);
        break;
    case OPERATION_ACKNOWLEDGE:
        send_unasked(client, input);
        break;
    case OPERATION_COUNT:
        break;
    }
    deliver_output(world);
}

/* ---- The world ------------------------------------------------------------------------------------------- */

static struct broker_settings settings_for(struct world *world) {
    struct broker_settings settings = broker_default_settings();
    if ((world->options & OPTION_FEW_IN_FLIGHT) != 0)
        settings.maximum_in_flight = 2;
    if ((world->options & OPTION_SHORT_QUEUE) != 0)
        settings.maximum_queued = 3;
    if ((world->options & OPTION_SMALL_OUTPUT) != 0)
        settings.maximum_output = 2048;
    if ((world->options & OPTION_SMALL_PACKETS) != 0)
        settings.maximum_packet_size = SMALL_PACKET_LIMIT;
    settings.maximum_client_identifier = 23;
    settings.hooks = (struct broker_hooks){.context = world, .may_publish = may_use, .may_subscribe = may_use};
    return settings;
}

/* False where there is no memory for a broker at all. */
static bool begin_world(struct world *world, struct fuzz_memory *memory, enum spec_statement off, struct input *input) {
    world->options = next_byte(input);
    uint8_t fails_at = next_byte(input);
    world->broker_account = (struct fuzz_account){.memory = memory, .random = 1};
    world->monitor_account = (struct fuzz_account){.memory = memory, .random = 2};
    if ((world->options & OPTION_NO_MEMORY) != 0)
        world->broker_account.fails_at = (uint64_t)fails_at + 2;
    struct environment environment = fuzz_environment(&world->broker_account);
    struct broker_settings settings = settings_for(world);
    world->broker = broker_create(&settings, &environment);
    if (world->broker == NULL)
        return false;
    if (off != SPEC_NONE)
        broker_rules(world->broker)->off[off] = true;
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
    for (unsigned i = 0; i < FUZZ_CLIENTS; i++)
        if (world->clients[i].connection != NULL)
            close_connection(&world->clients[i], MQTT_CLIENT);
    broker_destroy(world->broker);
    monitor_destroy(world->monitor);
    if (world->broker_account.live > 0)
        fail(world, SPEC_NONE, "the broker did not give back %zu bytes", world->broker_account.live);
    if (world->monitor_account.live > 0)
        fail(world, SPEC_NONE, "the monitor did not give back %zu bytes", world->monitor_account.live);
}

bool fuzz_broker(struct fuzz_memory *memory, enum spec_statement off, const uint8_t *data, size_t size,
                 struct finding *finding) {
    struct world world;
    struct input input = {data, size};
    if (!fuzz_memory_begin(memory))
        return true;
    memset(&world, 0, sizeof world);
    world.finding = finding;
    if (!begin_world(&world, memory, off, &input))
        return true;
    for (unsigned i = 0; i < MOST_OPERATIONS && input.size > 0 && !world.failed; i++)
        perform(&world, &input);
    end_world(&world);
    return !world.failed;
}
