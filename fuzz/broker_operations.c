/* What the clients of the broker target do: from operands to packets. */
#include <string.h>

#include "fuzz/world.h"

#define LONGEST_PACKET  8192u
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const client_identifiers[] = {"a", "b", "c", "", "a", "b", "c", "abcdefghijklmnopqrstuvw"};
static const char *const topics[] = {"a", "a/b", "b",  "a/b/c", "$own/a", "/",    "a//b",   "b/\xC3\xBC",
                                     "+", "$",   "/a", "a/",    "b/c/d",  "a/$b", "$SYS/a", "aa"};
static const char *const filters[] = {"a",     "a/b", "#",          "+",          "a/#",        "+/b",         "$own/#",
                                      "a/+/c", "/+",  "+/+",        "b/#",        "b",          "+/#",         "$own/+",
                                      "a#",    "/",   "$share/g/a", "$share/g/#", "$share/h/+", "$share/g/a/b"};
static const uint16_t payload_sizes[] = {0, 3, 64, 3000};

/* Values of properties; 0 stands for none where 0 is no value that a client would send. */
static const uint32_t session_expiries[] = {0, 1, 5, UINT32_MAX};
static const uint32_t receive_maximums[] = {0, 1, 2, 65535};
static const uint32_t alias_maximums[] = {0, 1, 2, 10};
static const uint32_t will_delays[] = {0, 1, 5, 60};
static const uint32_t message_expiries[] = {0, 1, 5, 3600};
static const uint32_t aliases[] = {0, 1, 2, 9};
static const uint32_t subscription_identifiers[] = {0, 1, 2, MQTT_MAXIMUM_REMAINING_LENGTH};
#define SMALL_MAXIMUM_PACKET_SIZE 100u

/* ---- Properties -------------------------------------------------------------------------------------------- */

struct property_list {
    uint8_t bytes[SCRAM_MAXIMUM_MESSAGE + 256];
    size_t length;
};

static struct mqtt_bytes view_of(const struct property_list *list) {
    return (struct mqtt_bytes){list->bytes, (uint32_t)list->length};
}

static void add(struct property_list *list, const struct mqtt_property *property) {
    (void)mqtt_append_property(list->bytes, sizeof list->bytes, &list->length, property);
}

static void add_number(struct property_list *list, enum mqtt_property_identifier identifier, uint32_t number) {
    add(list, &(struct mqtt_property){.identifier = (uint8_t)identifier, .number = number});
}

/* Not where the number is 0. */
static void add_chosen(struct property_list *list, enum mqtt_property_identifier identifier, uint32_t number) {
    if (number != 0)
        add_number(list, identifier, number);
}

static void add_text(struct property_list *list, enum mqtt_property_identifier identifier, const char *text) {
    add(list, &(struct mqtt_property){.identifier = (uint8_t)identifier, .bytes = mqtt_text(text)});
}

static void add_pair(struct property_list *list, const char *name, const char *value) {
    add(list,
        &(struct mqtt_property){.identifier = MQTT_USER_PROPERTY, .bytes = mqtt_text(name), .value = mqtt_text(value)});
}

/* ---- Packets ----------------------------------------------------------------------------------------------- */

static void send_packet(struct client *client, const struct mqtt_packet *packet) {
    uint8_t buffer[LONGEST_PACKET];
    size_t length = mqtt_encode(client->version, packet, buffer, sizeof buffer);
    world_send(client, buffer, length);
}

static uint16_t next_identifier(struct client *client) {
    client->packet_identifier = client->packet_identifier % 100 + 1;
    return client->packet_identifier;
}

/* ---- Authentication ---------------------------------------------------------------------------------------- */

static const struct scram_client scram_user = {
    .user = "fuzz", .password = DEFAULT_SCRAM_PASSWORD, .nonce = "fyko+d2lbbFgONRv"};

bool world_credentials(void *context, struct mqtt_bytes user_name, struct scram_credentials *credentials) {
    (void)context;
    *credentials = scram_stored_credentials;
    return mqtt_equal(user_name, mqtt_text(scram_user.user));
}

static void add_first_message(struct property_list *list) {
    char message[SCRAM_MAXIMUM_MESSAGE];
    add_text(list, MQTT_AUTHENTICATION_METHOD, SCRAM_METHOD);
    if (scram_client_first(&scram_user, message))
        add_text(list, MQTT_AUTHENTICATION_DATA, message);
}

/* The answer to the broker's challenge; none where that cannot be answered. */
static void add_final_message(struct property_list *list, struct client *client, bool wrong) {
    char message[SCRAM_MAXIMUM_MESSAGE];
    add_text(list, MQTT_AUTHENTICATION_METHOD, SCRAM_METHOD);
    if (scram_client_final(&scram_user, client->challenge, client->challenge_length, wrong, message) == NULL)
        add_text(list, MQTT_AUTHENTICATION_DATA, message);
    client->challenge_length = 0;
}

static void authenticate(struct client *client, struct input *input) {
    uint8_t choice = world_next_byte(input);
    struct property_list list = {.length = 0};
    struct mqtt_packet packet = {.type = MQTT_AUTH, .disconnect.reason_code = MQTT_REASON_CONTINUE_AUTHENTICATION};
    if ((choice & AUTHENTICATE_OTHER) != 0) {
        add_text(&list, MQTT_AUTHENTICATION_METHOD, "other");
    } else if ((choice & AUTHENTICATE_AGAIN) != 0 || client->challenge_length == 0) {
        add_first_message(&list);
    } else {
        add_final_message(&list, client, (choice & AUTHENTICATE_WRONG) != 0);
    }
    if ((choice & AUTHENTICATE_AGAIN) != 0)
        packet.disconnect.reason_code = MQTT_REASON_RE_AUTHENTICATE;
    packet.disconnect.properties = view_of(&list);
    send_packet(client, &packet);
}

/* ---- Coming and going -------------------------------------------------------------------------------------- */

static void add_connect_properties(struct property_list *list, uint8_t first, uint8_t second) {
    add_chosen(list, MQTT_SESSION_EXPIRY_INTERVAL, session_expiries[first & CONNECT_SESSION_EXPIRY]);
    add_chosen(list, MQTT_RECEIVE_MAXIMUM, receive_maximums[(first & CONNECT_RECEIVE_MAXIMUM) >> 2]);
    add_chosen(list, MQTT_TOPIC_ALIAS_MAXIMUM, alias_maximums[(first & CONNECT_ALIAS_MAXIMUM) >> 4]);
    if ((first & CONNECT_NO_PROBLEMS) != 0)
        add_number(list, MQTT_REQUEST_PROBLEM_INFORMATION, 0);
    if ((first & CONNECT_SMALL_PACKETS) != 0)
        add_number(list, MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, SMALL_MAXIMUM_PACKET_SIZE);
    if ((second & CONNECT_ASK_RESPONSE) != 0)
        add_number(list, MQTT_REQUEST_RESPONSE_INFORMATION, 1);
    if ((second & CONNECT_SCRAM) != 0)
        add_first_message(list);
    else if ((second & CONNECT_OTHER_METHOD) != 0)
        add_text(list, MQTT_AUTHENTICATION_METHOD, "other");
    if ((second & CONNECT_USER_PROPERTY) != 0)
        add_pair(list, "name", "value");
}

static void add_will_properties(struct property_list *list, uint8_t second) {
    add_chosen(list, MQTT_WILL_DELAY_INTERVAL, will_delays[second & CONNECT_WILL_DELAY]);
    if ((second & CONNECT_WILL_PROPERTIES) == 0)
        return;
    add_number(list, MQTT_PAYLOAD_FORMAT_INDICATOR, 1);
    add_number(list, MQTT_MESSAGE_EXPIRY_INTERVAL, 3);
    add_text(list, MQTT_CONTENT_TYPE, "text/plain");
    add_text(list, MQTT_RESPONSE_TOPIC, "c");
    add_pair(list, "b", "2");
    add_pair(list, "a", "1");
}

static void send_connect(struct client *client, struct input *input) {
    uint8_t flags = world_next_byte(input), choice = world_next_byte(input);
    bool is_5_0 = (flags & CONNECT_5_0) != 0, is_3_1 = !is_5_0 && (choice & CONNECT_3_1) != 0;
    bool has_more = is_5_0 && (flags & CONNECT_MORE) != 0;
    struct property_list properties = {.length = 0}, of_will = {.length = 0};
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect.protocol_name = mqtt_text(is_3_1 ? "MQIsdp" : "MQTT");
    packet.connect.protocol_level = is_5_0 ? MQTT_5_0 : is_3_1 ? MQTT_3_1 : MQTT_3_1_1;
    packet.connect.flags = flags & (uint8_t) ~(CONNECT_5_0 | CONNECT_MORE);
    packet.connect.client_identifier = mqtt_text(client_identifiers[choice & CONNECT_IDENTIFIER]);
    packet.connect.keep_alive = world_next_byte(input);
    uint8_t first = has_more ? world_next_byte(input) : 0, second = has_more ? world_next_byte(input) : 0;
    add_connect_properties(&properties, first, second);
    packet.connect.properties = view_of(&properties);
    if ((flags & MQTT_CONNECT_WILL) != 0) {
        add_will_properties(&of_will, second);
        packet.connect.will_properties = view_of(&of_will);
        packet.connect.will_topic = mqtt_text(topics[choice >> 4]);
        packet.connect.will_message = mqtt_text("will");
    }
    if (!world_open(client))
        return;
    client->version = (enum mqtt_version)packet.connect.protocol_level;
    send_packet(client, &packet);
}

static void send_disconnect(struct client *client, struct input *input) {
    (void)input;
    send_packet(client, &(struct mqtt_packet){.type = MQTT_DISCONNECT});
}

static void send_goodbye(struct client *client, struct input *input) {
    struct mqtt_packet packet = {.type = MQTT_DISCONNECT};
    struct property_list list = {.length = 0};
    packet.disconnect.reason_code = world_next_byte(input);
    add_chosen(&list, MQTT_SESSION_EXPIRY_INTERVAL, session_expiries[world_next_byte(input) & GOODBYE_EXPIRY]);
    if (list.length > 0)
        packet.disconnect.properties = view_of(&list);
    send_packet(client, &packet);
}

static void send_pingreq(struct client *client, struct input *input) {
    (void)input;
    send_packet(client, &(struct mqtt_packet){.type = MQTT_PINGREQ});
}

static void drop(struct client *client, struct input *input) {
    (void)input;
    if (client->connection != NULL)
        world_close(client, MQTT_CLIENT);
}

static void open_only(struct client *client, struct input *input) {
    (void)input;
    (void)world_open(client);
}

static void stall(struct client *client, struct input *input) {
    (void)input;
    world_change_reading(client);
}

static void send_raw(struct client *client, struct input *input) {
    size_t length = world_next_byte(input);
    if (length > input->size)
        length = input->size;
    const uint8_t *data = input->data;
    input->data += length;
    input->size -= length;
    world_send(client, data, length);
}

/* ---- Subscriptions ----------------------------------------------------------------------------------------- */

/* In 5.0 the options, before it the QoS alone. */
static uint8_t subscription_options(const struct client *client, uint8_t choice) {
    uint8_t options = choice & SUBSCRIBE_QOS;
    if (client->version != MQTT_5_0)
        return options;
    options |= (choice & SUBSCRIBE_LOCAL) != 0 ? MQTT_SUBSCRIBE_NO_LOCAL : 0;
    options |= (choice & SUBSCRIBE_PUBLISHED) != 0 ? MQTT_SUBSCRIBE_RETAIN_AS_PUBLISHED : 0;
    return options |
           (uint8_t)((choice & SUBSCRIBE_HANDLING) >> SUBSCRIBE_HANDLING_SHIFT << MQTT_SUBSCRIBE_RETAIN_HANDLING_SHIFT);
}

static void send_subscribe(struct client *client, struct input *input) {
    uint8_t first = world_next_byte(input), choice = world_next_byte(input);
    uint8_t options = subscription_options(client, choice);
    uint8_t more = client->version == MQTT_5_0 ? world_next_byte(input) : 0;
    struct property_list properties = {.length = 0};
    uint8_t list[256];
    size_t length = 0;
    for (unsigned i = 0; i <= (unsigned)(choice & SUBSCRIBE_MORE) >> SUBSCRIBE_MORE_SHIFT; i++)
        mqtt_append_filter(list, sizeof list, &length, mqtt_text(filters[(first + i) % COUNT_OF(filters)]), &options);
    add_chosen(&properties, MQTT_SUBSCRIPTION_IDENTIFIER, subscription_identifiers[more & SUBSCRIBE_IDENTIFIER]);
    if ((more & SUBSCRIBE_USER_PROPERTY) != 0)
        add_pair(&properties, "name", "value");
    struct mqtt_packet packet = {.type = MQTT_SUBSCRIBE, .flags = mqtt_required_flags(MQTT_SUBSCRIBE)};
    packet.subscribe.packet_identifier = next_identifier(client);
    packet.subscribe.properties = view_of(&properties);
    packet.subscribe.filters = (struct mqtt_bytes){list, (uint32_t)length};
    send_packet(client, &packet);
}

static void send_unsubscribe(struct client *client, struct input *input) {
    uint8_t list[256];
    size_t length = 0;
    mqtt_append_filter(list, sizeof list, &length, mqtt_text(filters[world_next_byte(input) % COUNT_OF(filters)]),
                       NULL);
    struct mqtt_packet packet = {.type = MQTT_UNSUBSCRIBE, .flags = mqtt_required_flags(MQTT_UNSUBSCRIBE)};
    packet.unsubscribe.packet_identifier = next_identifier(client);
    packet.unsubscribe.filters = (struct mqtt_bytes){list, (uint32_t)length};
    send_packet(client, &packet);
}

/* ---- Messages ---------------------------------------------------------------------------------------------- */

static void add_message_properties(struct property_list *list, uint8_t more) {
    add_chosen(list, MQTT_MESSAGE_EXPIRY_INTERVAL, message_expiries[more & PUBLISH_EXPIRY]);
    add_chosen(list, MQTT_TOPIC_ALIAS, aliases[(more & PUBLISH_ALIAS) >> 2]);
    if ((more & PUBLISH_FORMAT) != 0) {
        add_number(list, MQTT_PAYLOAD_FORMAT_INDICATOR, 0);
        add_text(list, MQTT_CONTENT_TYPE, "application/octet-stream");
    }
    if ((more & PUBLISH_REQUEST) != 0) {
        add_text(list, MQTT_RESPONSE_TOPIC, "a/b");
        add_text(list, MQTT_CORRELATION_DATA, "4711");
    }
    if ((more & PUBLISH_USER_PROPERTIES) != 0) {
        add_pair(list, "b", "2");
        add_pair(list, "a", "1");
        add_pair(list, "b", "");
    }
}

/* Payloads differ, so that one message is not taken for another. */
static void send_publish(struct client *client, struct input *input) {
    static const uint8_t zeros[3000];
    uint8_t choice = world_next_byte(input);
    uint8_t payload[sizeof zeros];
    uint16_t size = payload_sizes[(choice & PUBLISH_SIZE) >> PUBLISH_SIZE_SHIFT];
    struct property_list properties = {.length = 0};
    struct mqtt_packet packet = {.type = MQTT_PUBLISH, .flags = choice & PUBLISH_FLAGS};
    packet.publish.topic = mqtt_text(topics[world_next_byte(input) % COUNT_OF(topics)]);
    if (client->version == MQTT_5_0 && (choice & PUBLISH_MORE) != 0) {
        uint8_t more = world_next_byte(input);
        add_message_properties(&properties, more);
        if ((more & PUBLISH_BY_ALIAS) != 0)
            packet.publish.topic = mqtt_text("");
    }
    packet.publish.properties = view_of(&properties);
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

static void send_acknowledgement(struct client *client, enum mqtt_type type, uint16_t packet_identifier,
                                 uint8_t reason_code) {
    struct mqtt_packet packet = {.type = type, .flags = mqtt_required_flags(type)};
    packet.acknowledgement.packet_identifier = packet_identifier;
    packet.acknowledgement.reason_code = reason_code;
    send_packet(client, &packet);
}

static void answer(struct client *client, unsigned which, uint8_t reason_code) {
    if (which >= client->unanswered_count)
        return;
    struct unanswered chosen = client->unanswered[which];
    client->unanswered_count--;
    memmove(client->unanswered + which, client->unanswered + which + 1,
            (client->unanswered_count - which) * sizeof chosen);
    send_acknowledgement(client, chosen.answer, chosen.packet_identifier, reason_code);
}

static void answer_oldest(struct client *client, struct input *input) {
    (void)input;
    answer(client, 0, MQTT_REASON_SUCCESS);
}

static void answer_newest(struct client *client, struct input *input) {
    (void)input;
    answer(client, client->unanswered_count - 1, MQTT_REASON_SUCCESS);
}

static void answer_all(struct client *client, struct input *input) {
    (void)input;
    for (unsigned i = 0; i < MOST_UNANSWERED && client->unanswered_count > 0; i++) {
        answer(client, 0, MQTT_REASON_SUCCESS);
        world_deliver(client->world);
    }
}

static void refuse_oldest(struct client *client, struct input *input) {
    answer(client, 0, world_next_byte(input));
}

static void send_unasked(struct client *client, struct input *input) {
    uint8_t choice = world_next_byte(input);
    send_acknowledgement(client, (enum mqtt_type)(MQTT_PUBACK + (choice & 3)), choice >> 2, MQTT_REASON_SUCCESS);
}

/* ---- Time -------------------------------------------------------------------------------------------------- */

static void wait_a_while(struct client *client, struct input *input) {
    microseconds milliseconds = world_next_byte(input);
    world_pass_time(client->world, milliseconds * milliseconds * 1000);
}

static void wait_long(struct client *client, struct input *input) {
    world_pass_time(client->world, world_next_byte(input) * MICROSECONDS_PER_SECOND);
}

/* ---- All of them ------------------------------------------------------------------------------------------- */

typedef void operation_performer(struct client *client, struct input *input);

static operation_performer *const performers[OPERATION_COUNT] = {
    [OPERATION_BYTES] = send_raw,
    [OPERATION_CONNECT] = send_connect,
    [OPERATION_SUBSCRIBE] = send_subscribe,
    [OPERATION_UNSUBSCRIBE] = send_unsubscribe,
    [OPERATION_PUBLISH] = send_publish,
    [OPERATION_PUBLISH_NEXT] = send_publish,
    [OPERATION_ANSWER] = answer_oldest,
    [OPERATION_ANSWER_LAST] = answer_newest,
    [OPERATION_ANSWER_ALL] = answer_all,
    [OPERATION_PINGREQ] = send_pingreq,
    [OPERATION_DISCONNECT] = send_disconnect,
    [OPERATION_DROP] = drop,
    [OPERATION_OPEN] = open_only,
    [OPERATION_WAIT] = wait_a_while,
    [OPERATION_STALL] = stall,
    [OPERATION_ACKNOWLEDGE] = send_unasked,
    [OPERATION_REFUSE] = refuse_oldest,
    [OPERATION_GOODBYE] = send_goodbye,
    [OPERATION_AUTHENTICATE] = authenticate,
    [OPERATION_EXPIRE] = wait_long,
};

void world_perform(struct world *world, struct input *input) {
    uint8_t first = world_next_byte(input);
    struct client *client = &world->clients[first % FUZZ_CLIENTS];
    performers[first / FUZZ_CLIENTS % OPERATION_COUNT](client, input);
    world_deliver(world);
}
