/* Plans out of the protocol model, and changed ones. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/mutator.h"
#include "fuzz/plan.h"

#define LONGEST_PACKET  4096u
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const identifiers[] = {PLAN_NAME "a", PLAN_NAME "b", PLAN_NAME "c", PLAN_NAME "abcdefghijklm", ""};
static const char *const topics[] = {
    PLAN_NAME "/a",  PLAN_NAME "/a/b", PLAN_NAME "/a/b/c",    PLAN_NAME "/b",
    PLAN_NAME "/b/", PLAN_NAME "//b",  PLAN_NAME "/\xC3\xBC", PLAN_NAME,
};
static const char *const filters[] = {
    PLAN_NAME "/a",   PLAN_NAME "/a/b", PLAN_NAME "/#",  PLAN_NAME "/+",        PLAN_NAME "/+/b",
    PLAN_NAME "/a/#", PLAN_NAME "/b",   PLAN_NAME "/+/", PLAN_NAME "/a/+/c",    PLAN_NAME "//b",
    PLAN_NAME,        PLAN_NAME "/+/+", PLAN_NAME "/#/", PLAN_NAME "/\xC3\xBC", "$share/g/" PLAN_NAME "/#",
};
#define OWN_FILTERS (COUNT_OF(filters) - 1) /* the last one only in 5.0 */

/* One client as its plan goes. */
struct part {
    bool open;
    enum mqtt_version version;
    unsigned identifier; /* index in the table */
    uint16_t packet_identifier;
};

struct writer {
    struct random *random;
    struct plan *plan;
    struct part parts[PLAN_LINKS];
    unsigned links;
    unsigned published;
    uint8_t properties[512], more_properties[512];
    size_t length, more_length;
};

static uint32_t pick(struct writer *writer, uint32_t bound) {
    return random_below(writer->random, bound);
}

static bool one_in(struct writer *writer, uint32_t times) {
    return random_one_in(writer->random, times);
}

/* ---- Properties -------------------------------------------------------------------------------------------- */

static void add(uint8_t *buffer, size_t *length, const struct mqtt_property *property) {
    (void)mqtt_append_property(buffer, 512, length, property);
}

static void add_number(struct writer *writer, enum mqtt_property_identifier identifier, uint32_t number) {
    add(writer->properties, &writer->length,
        &(struct mqtt_property){.identifier = (uint8_t)identifier, .number = number});
}

static void add_text(struct writer *writer, enum mqtt_property_identifier identifier, const char *text) {
    add(writer->properties, &writer->length,
        &(struct mqtt_property){.identifier = (uint8_t)identifier, .bytes = mqtt_text(text)});
}

static void add_pair(struct writer *writer, const char *name, const char *value) {
    add(writer->properties, &writer->length,
        &(struct mqtt_property){.identifier = MQTT_USER_PROPERTY, .bytes = mqtt_text(name), .value = mqtt_text(value)});
}

static struct mqtt_bytes properties(const struct writer *writer) {
    return (struct mqtt_bytes){writer->properties, (uint32_t)writer->length};
}

static void add_message_properties(struct writer *writer) {
    if (one_in(writer, 3))
        add_number(writer, MQTT_MESSAGE_EXPIRY_INTERVAL, one_in(writer, 3) ? 1 : 600);
    if (one_in(writer, 3))
        add_number(writer, MQTT_PAYLOAD_FORMAT_INDICATOR, pick(writer, 2));
    if (one_in(writer, 4))
        add_text(writer, MQTT_CONTENT_TYPE, "text/plain");
    if (one_in(writer, 4))
        add_text(writer, MQTT_RESPONSE_TOPIC, PLAN_NAME "/a");
    if (one_in(writer, 4))
        add_text(writer, MQTT_CORRELATION_DATA, "4711");
    if (one_in(writer, 3)) {
        add_pair(writer, "b", "2");
        add_pair(writer, "a", "1");
    }
}

/* ---- Packets ----------------------------------------------------------------------------------------------- */

static bool send_packet(struct writer *writer, uint8_t link, const struct mqtt_packet *packet) {
    uint8_t buffer[LONGEST_PACKET];
    size_t length = mqtt_encode(writer->parts[link].version, packet, buffer, sizeof buffer);
    return plan_send(writer->plan, link, (struct mqtt_bytes){buffer, (uint32_t)length});
}

static uint16_t next_identifier(struct writer *writer, struct part *part) {
    if (!one_in(writer, 12)) /* seldom the same again */
        part->packet_identifier++;
    return part->packet_identifier == 0 ? ++part->packet_identifier : part->packet_identifier;
}

static void add_connect_properties(struct writer *writer) {
    static const uint32_t maximums[] = {1, 2, 10, 65535};
    if (one_in(writer, 2))
        add_number(writer, MQTT_SESSION_EXPIRY_INTERVAL, one_in(writer, 4) ? 1 : 600);
    if (one_in(writer, 3))
        add_number(writer, MQTT_RECEIVE_MAXIMUM, maximums[pick(writer, COUNT_OF(maximums))]);
    if (one_in(writer, 4))
        add_number(writer, MQTT_TOPIC_ALIAS_MAXIMUM, 1 + pick(writer, 5));
    if (one_in(writer, 5))
        add_number(writer, MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, 60 + pick(writer, 200));
    if (one_in(writer, 5))
        add_number(writer, MQTT_REQUEST_PROBLEM_INFORMATION, pick(writer, 2));
    if (one_in(writer, 5))
        add_number(writer, MQTT_REQUEST_RESPONSE_INFORMATION, pick(writer, 2));
    if (one_in(writer, 5))
        add_pair(writer, "name", "value");
}

static void add_will(struct writer *writer, struct mqtt_connect *connect) {
    connect->flags |= (uint8_t)(MQTT_CONNECT_WILL | (pick(writer, 3) << MQTT_CONNECT_WILL_QOS_SHIFT));
    connect->flags |= one_in(writer, 3) ? MQTT_CONNECT_WILL_RETAIN : 0;
    connect->will_topic = mqtt_text(topics[pick(writer, COUNT_OF(topics))]);
    connect->will_message = mqtt_text("will");
    if (connect->protocol_level != MQTT_5_0)
        return;
    size_t before = writer->length;
    if (one_in(writer, 3))
        add_number(writer, MQTT_WILL_DELAY_INTERVAL, pick(writer, 2));
    add_message_properties(writer);
    writer->more_length = writer->length - before;
    memcpy(writer->more_properties, writer->properties + before, writer->more_length);
    writer->length = before;
    connect->will_properties = (struct mqtt_bytes){writer->more_properties, (uint32_t)writer->more_length};
}

static bool connect_link(struct writer *writer, uint8_t link) {
    struct part *part = &writer->parts[link];
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    writer->length = 0;
    if (one_in(writer, 4))
        part->identifier = pick(writer, COUNT_OF(identifiers));
    packet.connect.protocol_name = mqtt_text(part->version == MQTT_3_1 ? "MQIsdp" : "MQTT");
    packet.connect.protocol_level = (uint8_t)part->version;
    packet.connect.client_identifier = mqtt_text(identifiers[part->identifier]);
    packet.connect.flags = one_in(writer, 2) ? MQTT_CONNECT_CLEAN_SESSION : 0;
    packet.connect.keep_alive = one_in(writer, 2) ? 60 : 0;
    if (part->version == MQTT_5_0)
        add_connect_properties(writer);
    if (one_in(writer, 3))
        add_will(writer, &packet.connect);
    packet.connect.properties = properties(writer);
    part->open = true;
    return plan_open(writer->plan, link) && send_packet(writer, link, &packet);
}

static uint8_t subscription_options(struct writer *writer, const struct part *part) {
    uint8_t options = (uint8_t)pick(writer, 3);
    if (part->version != MQTT_5_0)
        return options;
    options |= one_in(writer, 5) ? MQTT_SUBSCRIBE_NO_LOCAL : 0;
    options |= one_in(writer, 3) ? MQTT_SUBSCRIBE_RETAIN_AS_PUBLISHED : 0;
    return options | (uint8_t)(pick(writer, 3) << MQTT_SUBSCRIBE_RETAIN_HANDLING_SHIFT);
}

static bool subscribe(struct writer *writer, uint8_t link) {
    struct part *part = &writer->parts[link];
    struct mqtt_packet packet = {.type = MQTT_SUBSCRIBE, .flags = mqtt_required_flags(MQTT_SUBSCRIBE)};
    uint8_t list[256];
    size_t length = 0;
    unsigned count = one_in(writer, 3) ? 1 + pick(writer, 3) : 1;
    for (unsigned i = 0; i < count; i++) {
        uint8_t options = subscription_options(writer, part);
        unsigned chosen = pick(writer, part->version == MQTT_5_0 ? COUNT_OF(filters) : OWN_FILTERS);
        (void)mqtt_append_filter(list, sizeof list, &length, mqtt_text(filters[chosen]), &options);
    }
    writer->length = 0;
    if (part->version == MQTT_5_0 && one_in(writer, 3))
        add_number(writer, MQTT_SUBSCRIPTION_IDENTIFIER, 1 + pick(writer, 3));
    packet.subscribe.packet_identifier = next_identifier(writer, part);
    packet.subscribe.properties = properties(writer);
    packet.subscribe.filters = (struct mqtt_bytes){list, (uint32_t)length};
    return send_packet(writer, link, &packet);
}

static bool unsubscribe(struct writer *writer, uint8_t link) {
    struct mqtt_packet packet = {.type = MQTT_UNSUBSCRIBE, .flags = mqtt_required_flags(MQTT_UNSUBSCRIBE)};
    uint8_t list[256];
    size_t length = 0;
    unsigned count = 1 + pick(writer, 2);
    for (unsigned i = 0; i < count; i++)
        (void)mqtt_append_filter(list, sizeof list, &length, mqtt_text(filters[pick(writer, OWN_FILTERS)]), NULL);
    packet.unsubscribe.packet_identifier = next_identifier(writer, &writer->parts[link]);
    packet.unsubscribe.filters = (struct mqtt_bytes){list, (uint32_t)length};
    return send_packet(writer, link, &packet);
}

static bool answer_everywhere(struct writer *writer) {
    bool added = true;
    for (uint8_t i = 0; i < writer->links; i++)
        if (writer->parts[i].open && !one_in(writer, 8))
            added = plan_answer(writer->plan, i, PLAN_ALL, 0) && added;
    return added;
}

static bool publish(struct writer *writer, uint8_t link) {
    struct part *part = &writer->parts[link];
    struct mqtt_packet packet = {.type = MQTT_PUBLISH};
    char payload[64];
    int length = snprintf(payload, sizeof payload, "%u", ++writer->published);
    packet.flags = (uint8_t)(pick(writer, 3) << MQTT_PUBLISH_QOS_SHIFT) | (one_in(writer, 4) ? MQTT_PUBLISH_RETAIN : 0);
    packet.publish.topic = mqtt_text(topics[pick(writer, COUNT_OF(topics))]);
    writer->length = 0;
    if (part->version == MQTT_5_0 && one_in(writer, 2))
        add_message_properties(writer);
    if (part->version == MQTT_5_0 && one_in(writer, 6))
        add_number(writer, MQTT_TOPIC_ALIAS, 1 + pick(writer, 3));
    packet.publish.properties = properties(writer);
    if (mqtt_publish_qos(packet.flags) > 0)
        packet.publish.packet_identifier = next_identifier(writer, part);
    packet.publish.payload = (struct mqtt_bytes){(const uint8_t *)payload, one_in(writer, 8) ? 0 : (uint32_t)length};
    return send_packet(writer, link, &packet) && (one_in(writer, 4) || answer_everywhere(writer));
}

static bool ping(struct writer *writer, uint8_t link) {
    return send_packet(writer, link, &(struct mqtt_packet){.type = MQTT_PINGREQ});
}

static bool leave(struct writer *writer, uint8_t link) {
    writer->parts[link].open = false;
    if (one_in(writer, 2))
        return plan_close(writer->plan, link);
    struct mqtt_packet packet = {.type = MQTT_DISCONNECT};
    if (writer->parts[link].version == MQTT_5_0 && one_in(writer, 2))
        packet.disconnect.reason_code = MQTT_REASON_DISCONNECT_WITH_WILL_MESSAGE;
    return send_packet(writer, link, &packet);
}

static bool answer_one(struct writer *writer, uint8_t link) {
    uint8_t reason = one_in(writer, 4) ? MQTT_REASON_QUOTA_EXCEEDED : MQTT_REASON_SUCCESS;
    return plan_answer(writer->plan, link, (uint8_t)pick(writer, 2), reason);
}

static bool act(struct writer *writer, uint8_t link) {
    static const struct {
        unsigned weight;
        bool (*act)(struct writer *writer, uint8_t link);
    } acts[] = {{8, publish}, {5, subscribe}, {2, unsubscribe}, {1, ping}, {2, leave}, {2, answer_one}};
    unsigned sum = 0, chosen = 0;
    for (unsigned i = 0; i < COUNT_OF(acts); i++)
        sum += acts[i].weight;
    for (unsigned at = pick(writer, sum); at >= acts[chosen].weight; chosen++)
        at -= acts[chosen].weight;
    return acts[chosen].act(writer, link);
}

bool plan_generate(struct random *random, struct plan *plan) {
    static const enum mqtt_version versions[] = {MQTT_5_0, MQTT_5_0, MQTT_3_1_1, MQTT_3_1_1, MQTT_3_1};
    struct writer writer = {.random = random, .plan = plan};
    plan_clear(plan);
    writer.links = 1 + random_below(random, 3);
    enum mqtt_version version = versions[random_below(random, COUNT_OF(versions))];
    bool mixed = random_one_in(random, 4);
    for (unsigned i = 0; i < writer.links; i++) {
        writer.parts[i].version = mixed ? versions[random_below(random, COUNT_OF(versions))] : version;
        writer.parts[i].identifier = i;
    }
    unsigned steps = 3 + random_below(random, 10);
    bool added = true;
    for (unsigned i = 0; i < steps && added; i++) {
        uint8_t link = (uint8_t)random_below(random, writer.links);
        added = (writer.parts[link].open || connect_link(&writer, link)) && act(&writer, link);
    }
    if (random_one_in(random, 50))
        (void)plan_wait(plan, 1100 + random_below(random, 1000));
    return plan->count > 0;
}

/* ---- Changing ---------------------------------------------------------------------------------------------- */

/* The version of the connection that a step sends on: that of the CONNECT before it. */
static enum mqtt_version version_at(const struct plan *plan, unsigned at) {
    for (unsigned i = at; i > 0; i--) {
        const struct plan_step *step = &plan->steps[i - 1];
        struct mqtt_bytes bytes = plan_bytes(plan, step);
        bool is_connect = step->kind == PLAN_SEND && step->link == plan->steps[at].link && bytes.length > 9 &&
                          bytes.data[0] >> 4 == MQTT_CONNECT;
        if (is_connect)
            return bytes.data[8] == MQTT_5_0 ? MQTT_5_0 : bytes.data[3] == 6 ? MQTT_3_1 : MQTT_3_1_1;
    }
    return MQTT_3_1_1;
}

/* Takes the step with its packet changed: mostly so that it stays lawful, else broken in one way. */
static bool take_changed(struct random *random, struct plan *plan, const struct plan *from, unsigned at) {
    const struct plan_step *step = &from->steps[at];
    struct spec_rules rules;
    uint8_t changed[LONGEST_PACKET];
    /* Where time matters, another Keep Alive would be up just when the plan goes on. */
    if (plan_waits(from) > 0 || step->kind != PLAN_SEND || step->length == 0 || step->length > LONGEST_PACKET / 2)
        return plan_take(plan, from, at);
    memset(&rules, 0, sizeof rules);
    bool is_connect = plan_bytes(from, step).data[0] >> 4 == MQTT_CONNECT;
    const struct mqtt_decoder decoder = {
        .version = is_connect ? MQTT_VERSION_UNKNOWN : version_at(from, at), .sender = MQTT_CLIENT, .rules = &rules};
    enum mutation mutation = random_one_in(random, 3) ? MUTATION_BREAK : MUTATION_LAWFUL;
    size_t length = mutate_packet(random, &decoder, mutation, plan_bytes(from, step), changed, sizeof changed);
    return plan_send(plan, step->link, (struct mqtt_bytes){changed, (uint32_t)length});
}

static bool change_once(struct random *random, struct plan *plan, const struct plan *from, const struct plan *other) {
    unsigned at = random_below(random, from->count);
    unsigned kind = random_below(random, 5);
    if (kind == 0)
        return plan_copy_without(plan, from, at, 1 + random_below(random, 3));
    plan_clear(plan);
    bool added = true;
    for (unsigned i = 0; i < from->count && added; i++) {
        added = kind >= 3 && i == at ? take_changed(random, plan, from, i) : plan_take(plan, from, i);
        if (i != at || !added)
            continue;
        if (kind == 1)
            added = plan_take(plan, from, random_below(random, from->count));
        for (unsigned k = 0; kind == 2 && other->count > 0 && k < 3 && added; k++)
            added = plan_take(plan, other, random_below(random, other->count));
    }
    return plan->count > 0;
}

bool plan_mutate(struct random *random, struct plan *plan, const struct plan *from, const struct plan *other) {
    struct plan between = {.count = 0};
    bool changed = from->count > 0 && change_once(random, plan, from, other);
    for (unsigned i = 0; changed && plan->count > 0 && i < 2 && random_one_in(random, 2); i++)
        changed = plan_copy(&between, plan) && change_once(random, plan, &between, other);
    plan_release(&between);
    return changed && plan->count > 0;
}
