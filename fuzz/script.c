/* Plays plans against the reference broker in virtual time. */
#include "fuzz/script.h"

#include <stdlib.h>
#include <string.h>

#define MOST_UNANSWERED 64u
#define MOST_ANSWERS    200u /* of one step */
#define MOST_TICKS      1000u
#define MOST_VIEWS      16u

/* ---- Scripts ----------------------------------------------------------------------------------------------- */

void script_release(struct script *script) {
    free(script->items);
    free(script->bytes);
    memset(script, 0, sizeof *script);
}

void script_clear(struct script *script) {
    script->count = 0;
    script->length = 0;
    script->is_cut = false;
}

static bool make_room(struct script *script, uint32_t length) {
    if (script->count == script->capacity) {
        uint32_t capacity = script->capacity == 0 ? 64 : script->capacity * 2;
        struct script_item *items = realloc(script->items, capacity * sizeof *items);
        if (items == NULL)
            return false;
        script->items = items;
        script->capacity = capacity;
    }
    if (length > UINT32_MAX / 4 - script->length)
        return false;
    uint32_t needed = script->length + length;
    if (needed <= script->bytes_capacity)
        return true;
    uint8_t *bytes = realloc(script->bytes, (size_t)needed * 2 + 1024);
    if (bytes == NULL)
        return false;
    script->bytes = bytes;
    script->bytes_capacity = needed * 2 + 1024;
    return true;
}

struct script_item *script_add(struct script *script, const struct script_item *item, struct mqtt_bytes bytes) {
    if (script->count == SCRIPT_ITEMS || !make_room(script, bytes.length)) {
        script->is_cut = true;
        return NULL;
    }
    struct script_item *added = &script->items[script->count++];
    *added = *item;
    added->offset = script->length;
    added->length = bytes.length;
    if (bytes.length > 0)
        memcpy(script->bytes + script->length, bytes.data, bytes.length);
    script->length += bytes.length;
    return added;
}

void script_decode(struct script *script, uint32_t first) {
    struct spec_rules rules;
    memset(&rules, 0, sizeof rules);
    struct mqtt_decoder decoder = {.sender = MQTT_SERVER, .rules = &rules};
    struct mqtt_error error;
    for (uint32_t i = first; i < script->count; i++) {
        struct script_item *item = &script->items[i];
        decoder.version = item->version;
        if (item->kind == SCRIPT_RECEIVE && item->decoded)
            item->decoded = mqtt_decode(&decoder, script_bytes(script, item), &item->packet, &error) == MQTT_OK;
    }
}

/* ---- When something is due ------------------------------------------------------------------------------------- */

/* The first packet of this type in what a client sends; false where there is none. */
static bool find_sent(const struct script *script, const struct script_item *item, enum mqtt_type type,
                      struct mqtt_packet *packet) {
    struct spec_rules rules;
    memset(&rules, 0, sizeof rules);
    struct mqtt_bytes bytes = script_bytes(script, item);
    struct mqtt_decoder decoder = {.version = item->version, .sender = MQTT_CLIENT, .rules = &rules};
    struct mqtt_error error;
    uint32_t size;
    if (bytes.length > 0 && bytes.data[0] >> 4 == MQTT_CONNECT)
        decoder.version = MQTT_VERSION_UNKNOWN;
    while (mqtt_next(&decoder, bytes, packet, &size, &error) == MQTT_OK) {
        if (packet->type == type)
            return true;
        decoder.version = item->version;
        bytes = (struct mqtt_bytes){bytes.data + size, bytes.length - size};
    }
    return false;
}

/* The step in which the client releases the message; SCRIPT_NEVER where it does not. */
static uint16_t step_of_release(const struct script *script, uint32_t sent, uint16_t identifier) {
    struct mqtt_packet packet;
    const struct script_item *item = &script->items[sent];
    for (uint32_t i = sent + 1; i < script->count; i++) {
        const struct script_item *later = &script->items[i];
        if (later->kind == SCRIPT_SEND && later->session == item->session && later->link == item->link &&
            find_sent(script, later, MQTT_PUBREL, &packet) && packet.acknowledgement.packet_identifier == identifier)
            return later->step;
    }
    return SCRIPT_NEVER;
}

/* Who answers a message before it is released has it by then. */
static bool is_answered_before(const struct script *script, uint32_t received, uint16_t step) {
    for (uint32_t i = received + 1; i < script->count && script->items[i].step < step; i++)
        if (script->items[i].kind == SCRIPT_SEND && script->items[i].answers == received)
            return true;
    return false;
}

static void put_off_deliveries(struct script *script, uint32_t sent, uint16_t identifier) {
    uint16_t step = script->items[sent].step;
    uint16_t release = step_of_release(script, sent, identifier);
    for (uint32_t i = sent + 1; i < script->count && script->items[i].step == step; i++) {
        struct script_item *item = &script->items[i];
        bool is_message = item->kind == SCRIPT_RECEIVE && item->decoded && item->packet.type == MQTT_PUBLISH;
        if (is_message && !is_answered_before(script, i, release))
            item->due = release;
    }
}

/* What comes at QoS 0 with the answer to CONNECT was kept for the client. */
static void excuse_kept(struct script *script, uint32_t sent) {
    const struct script_item *connect = &script->items[sent];
    for (uint32_t i = sent + 1; i < script->count && script->items[i].step == connect->step; i++) {
        struct script_item *item = &script->items[i];
        if (item->kind == SCRIPT_RECEIVE && item->decoded && item->link == connect->link &&
            item->packet.type == MQTT_PUBLISH && mqtt_publish_qos(item->packet.flags) == 0)
            item->due = SCRIPT_NEVER;
    }
}

void script_set_due(struct script *script) {
    struct mqtt_packet packet;
    for (uint32_t i = 0; i < script->count; i++)
        script->items[i].due = script->items[i].step;
    for (uint32_t i = 0; i < script->count; i++) {
        const struct script_item *item = &script->items[i];
        if (item->kind != SCRIPT_SEND || item->length == 0)
            continue;
        if (find_sent(script, item, MQTT_PUBLISH, &packet) && mqtt_publish_qos(packet.flags) == 2)
            put_off_deliveries(script, i, packet.publish.packet_identifier);
        else if (script_bytes(script, item).data[0] >> 4 == MQTT_CONNECT)
            excuse_kept(script, i);
    }
}

/* ---- The stage --------------------------------------------------------------------------------------------- */

struct unanswered {
    uint32_t item; /* the RECEIVE */
    enum mqtt_type answer;
    uint16_t packet_identifier;
};

struct stage;

struct actor {
    struct stage *stage;
    uint8_t link;
    struct connection *connection; /* NULL: none */
    uint64_t number;
    enum mqtt_version version;
    uint32_t session;
    bool connected;
    bool is_whole;           /* what the client sent ends with a packet */
    bool is_heard;           /* the broker has answered what the client sent last */
    enum spec_statement why; /* it is closed */
    struct unanswered unanswered[MOST_UNANSWERED];
    unsigned unanswered_count;
};

struct stage {
    struct script *script;
    struct broker *broker;
    microseconds now;
    uint16_t step;
    struct actor actors[PLAN_LINKS];
    struct spec_rules rules; /* of who decodes */
};

static const struct mqtt_bytes no_bytes = {NULL, 0};

static struct script_item *note(struct actor *actor, enum script_kind kind, struct mqtt_bytes bytes) {
    struct script_item item = {.kind = kind,
                               .link = actor->link,
                               .step = actor->stage->step,
                               .version = actor->version,
                               .session = actor->session,
                               .answers = SCRIPT_NONE};
    return script_add(actor->stage->script, &item, bytes);
}

static void report(void *context, const struct broker_event *event) {
    struct stage *stage = context;
    if (event->error.error_class == MQTT_NO_ERROR)
        return;
    for (unsigned i = 0; i < PLAN_LINKS; i++)
        if (stage->actors[i].connection != NULL && stage->actors[i].number == event->connection)
            stage->actors[i].why = event->error.statement;
}

/* ---- What the broker sends --------------------------------------------------------------------------------- */

static void note_unanswered(struct actor *actor, const struct mqtt_packet *packet, uint32_t item) {
    struct unanswered one = {item, MQTT_RESERVED, 0};
    if (packet->type == MQTT_PUBLISH && mqtt_publish_qos(packet->flags) > 0) {
        one.answer = mqtt_publish_qos(packet->flags) == 1 ? MQTT_PUBACK : MQTT_PUBREC;
        one.packet_identifier = packet->publish.packet_identifier;
    } else if (packet->type == MQTT_PUBREL) {
        one.answer = MQTT_PUBCOMP;
        one.packet_identifier = packet->acknowledgement.packet_identifier;
    } else if (packet->type == MQTT_PUBREC && packet->acknowledgement.reason_code < MQTT_REASON_FAILURE) {
        one.answer = MQTT_PUBREL;
        one.packet_identifier = packet->acknowledgement.packet_identifier;
    }
    if (one.answer != MQTT_RESERVED && actor->unanswered_count < MOST_UNANSWERED)
        actor->unanswered[actor->unanswered_count++] = one;
}

/* All that one connection sent, which stands at the end of the script's bytes, becomes packets. */
static void take_packets(struct actor *actor, uint32_t offset, uint32_t length) {
    struct stage *stage = actor->stage;
    struct script *script = stage->script;
    struct mqtt_decoder decoder = {.version = actor->version, .sender = MQTT_SERVER, .rules = &stage->rules};
    while (length > 0) {
        struct mqtt_packet packet;
        struct mqtt_error error;
        uint32_t size;
        struct mqtt_bytes rest = {script->bytes + offset, length};
        bool decoded = mqtt_next(&decoder, rest, &packet, &size, &error) == MQTT_OK;
        actor->is_heard = true;
        if (!decoded)
            size = length;
        if (decoded)
            note_unanswered(actor, &packet, script->count);
        if (decoded && packet.type == MQTT_CONNACK)
            actor->connected = packet.connack.code == 0;
        struct script_item *item = note(actor, SCRIPT_RECEIVE, no_bytes);
        if (item == NULL)
            return;
        item->offset = offset;
        item->length = size;
        item->decoded = decoded;
        offset += size;
        length -= size;
    }
}

static void take_output(struct actor *actor) {
    struct script *script = actor->stage->script;
    struct mqtt_bytes views[MOST_VIEWS];
    uint32_t start = script->length;
    size_t count;
    while ((count = broker_output(actor->connection, views, MOST_VIEWS)) > 0) {
        size_t taken = 0;
        for (size_t i = 0; i < count; i++) {
            taken += views[i].length;
            if (!make_room(script, views[i].length)) {
                script->is_cut = true;
                continue;
            }
            memcpy(script->bytes + script->length, views[i].data, views[i].length);
            script->length += views[i].length;
        }
        broker_sent(actor->connection, taken);
    }
    take_packets(actor, start, script->length - start);
}

static void leave(struct actor *actor) {
    broker_closed(actor->connection, actor->stage->now);
    actor->connection = NULL;
    actor->connected = false;
    actor->unanswered_count = 0;
}

static void settle(struct stage *stage) {
    struct connection *ready;
    while ((ready = broker_next_ready(stage->broker)) != NULL) {
        struct actor *actor = broker_owner(ready);
        take_output(actor);
        if (!broker_is_closing(actor->connection))
            continue;
        struct script_item *item = note(actor, SCRIPT_CLOSED, no_bytes);
        if (item != NULL)
            item->statement = actor->why;
        leave(actor);
    }
}

/* ---- What clients do --------------------------------------------------------------------------------------- */

static void open_connection(struct actor *actor) {
    struct stage *stage = actor->stage;
    if (actor->connection != NULL)
        return;
    actor->connection = broker_accept(stage->broker, stage->now, actor);
    if (actor->connection == NULL)
        return;
    actor->number = broker_connection_number(actor->connection);
    actor->version = MQTT_VERSION_UNKNOWN;
    actor->why = SPEC_NONE;
    actor->session = 0;
    actor->is_whole = true;
    (void)note(actor, SCRIPT_OPEN, no_bytes);
}

static uint32_t hash_of(struct mqtt_bytes bytes) {
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < bytes.length; i++)
        hash = (hash ^ bytes.data[i]) * 16777619u;
    return hash;
}

/* From its CONNECT on the version of a connection is known; before, answers are read as those of 3.1.1. */
static void learn_version(struct actor *actor, struct mqtt_bytes bytes) {
    struct mqtt_decoder decoder = {.sender = MQTT_CLIENT, .rules = &actor->stage->rules};
    struct mqtt_packet packet;
    struct mqtt_error error;
    uint32_t size;
    if (actor->version != MQTT_VERSION_UNKNOWN)
        return;
    actor->version = MQTT_3_1_1;
    if (mqtt_next(&decoder, bytes, &packet, &size, &error) != MQTT_OK || packet.type != MQTT_CONNECT ||
        packet.connect.client_identifier.data == NULL)
        return;
    actor->version = (enum mqtt_version)packet.connect.protocol_level;
    actor->session = hash_of(packet.connect.client_identifier);
}

static bool ends_with_a_packet(const struct actor *actor, struct mqtt_bytes bytes) {
    struct mqtt_decoder decoder = {.version = actor->version, .sender = MQTT_CLIENT, .rules = &actor->stage->rules};
    struct mqtt_frame frame;
    struct mqtt_error error;
    while (bytes.length > 0) {
        if (mqtt_frame(&decoder, bytes, &frame, &error) != MQTT_OK || frame.packet_size > bytes.length)
            return false;
        bytes = (struct mqtt_bytes){bytes.data + frame.packet_size, bytes.length - frame.packet_size};
    }
    return true;
}

static void send_bytes(struct actor *actor, struct mqtt_bytes bytes, uint32_t answers) {
    struct stage *stage = actor->stage;
    if (actor->connection == NULL || bytes.length == 0)
        return;
    learn_version(actor, bytes);
    actor->is_whole = actor->is_whole && ends_with_a_packet(actor, bytes);
    actor->is_heard = false;
    struct script_item *item = note(actor, SCRIPT_SEND, bytes);
    if (item != NULL)
        item->answers = answers;
    broker_receive(actor->connection, bytes, stage->now);
    settle(stage);
}

static void answer(struct actor *actor, unsigned which, uint8_t reason) {
    if (actor->connection == NULL || which >= actor->unanswered_count)
        return;
    struct unanswered one = actor->unanswered[which];
    actor->unanswered_count--;
    memmove(&actor->unanswered[which], &actor->unanswered[which + 1], (actor->unanswered_count - which) * sizeof one);
    struct mqtt_packet packet = {.type = one.answer, .flags = mqtt_required_flags(one.answer)};
    packet.acknowledgement.packet_identifier = one.packet_identifier;
    packet.acknowledgement.reason_code = actor->version == MQTT_5_0 ? reason : 0;
    uint8_t buffer[16];
    uint32_t length = (uint32_t)mqtt_encode(actor->version, &packet, buffer, sizeof buffer);
    send_bytes(actor, (struct mqtt_bytes){buffer, length}, one.item);
}

static void answer_all(struct actor *actor, uint8_t reason) {
    for (unsigned i = 0; i < MOST_ANSWERS && actor->unanswered_count > 0; i++)
        answer(actor, 0, reason);
}

static void pass_time(struct stage *stage, uint32_t milliseconds) {
    microseconds end = stage->now + milliseconds * UINT64_C(1000);
    struct script_item *item = note(&stage->actors[0], SCRIPT_WAIT, no_bytes);
    if (item != NULL)
        item->milliseconds = milliseconds;
    for (unsigned ticks = 0; ticks < MOST_TICKS && broker_deadline(stage->broker) <= end; ticks++) {
        microseconds deadline = broker_deadline(stage->broker);
        stage->now = deadline > stage->now ? deadline : stage->now;
        broker_tick(stage->broker, stage->now);
        settle(stage);
    }
    stage->now = end;
    broker_tick(stage->broker, stage->now);
    settle(stage);
}

static void perform(struct stage *stage, const struct plan *plan, const struct plan_step *step) {
    struct actor *actor = &stage->actors[step->link];
    if (step->kind == PLAN_OPEN)
        open_connection(actor);
    else if (step->kind == PLAN_SEND)
        send_bytes(actor, plan_bytes(plan, step), SCRIPT_NONE);
    else if (step->kind == PLAN_ANSWER && step->which == PLAN_ALL)
        answer_all(actor, step->reason);
    else if (step->kind == PLAN_ANSWER)
        answer(actor, step->which, step->reason);
    else if (step->kind == PLAN_WAIT)
        pass_time(stage, step->milliseconds);
    else if (actor->connection != NULL) {
        (void)note(actor, SCRIPT_CLOSE, no_bytes);
        leave(actor);
        settle(stage);
    }
}

static const uint8_t pingreq[] = {0xC0, 0};
static const uint8_t disconnect[] = {0xE0, 0};

/* What is sent on different connections arrives in any order. Where the next step is another client's, it has to wait
 * until the broker has taken this one's: where nothing shows that, the client asks. */
static void fence(struct stage *stage, const struct plan *plan, unsigned index) {
    const struct plan_step *step = &plan->steps[index];
    struct actor *actor = &stage->actors[step->link];
    bool is_message = step->kind == PLAN_SEND || step->kind == PLAN_ANSWER;
    bool is_last = index + 1 == plan->count || plan->steps[index + 1].kind == PLAN_WAIT;
    if (!is_message || is_last || plan->steps[index + 1].link == step->link)
        return;
    if (actor->connected && actor->is_whole && !actor->is_heard)
        send_bytes(actor, (struct mqtt_bytes){pingreq, sizeof pingreq}, SCRIPT_NONE);
}

static void say_farewell(struct stage *stage) {
    for (unsigned i = 0; i < PLAN_LINKS; i++)
        if (stage->actors[i].connected)
            send_bytes(&stage->actors[i], (struct mqtt_bytes){pingreq, sizeof pingreq}, SCRIPT_NONE);
    stage->step++;
    for (unsigned i = 0; i < PLAN_LINKS; i++)
        if (stage->actors[i].connected)
            send_bytes(&stage->actors[i], (struct mqtt_bytes){disconnect, sizeof disconnect}, SCRIPT_NONE);
    stage->step++;
    for (unsigned i = 0; i < PLAN_LINKS; i++)
        if (stage->actors[i].connection != NULL) {
            (void)note(&stage->actors[i], SCRIPT_CLOSE, no_bytes);
            leave(&stage->actors[i]);
            settle(stage);
        }
}

bool script_rehearse(struct script *script, struct fuzz_memory *memory, const struct plan *plan,
                     const struct broker_settings *settings, enum spec_statement off, uint64_t *reached) {
    struct stage stage = {.script = script};
    struct fuzz_account account = {.memory = memory, .random = 1};
    struct broker_settings own = *settings;
    script_clear(script);
    if (!fuzz_memory_begin(memory))
        return false;
    struct environment environment = fuzz_environment(&account);
    own.hooks.context = &stage;
    own.hooks.report = report;
    stage.broker = broker_create(&own, &environment);
    if (stage.broker == NULL)
        return false;
    if (off != SPEC_NONE)
        spec_switch_off(broker_rules(stage.broker), off);
    if (reached != NULL)
        spec_count_visits(broker_rules(stage.broker));
    for (uint8_t i = 0; i < PLAN_LINKS; i++)
        stage.actors[i] = (struct actor){.stage = &stage, .link = i};
    for (unsigned i = 0; i < plan->count; i++, stage.step++) {
        perform(&stage, plan, &plan->steps[i]);
        fence(&stage, plan, i);
    }
    say_farewell(&stage);
    if (reached != NULL)
        memcpy(reached, broker_rules(stage.broker)->reached, SPEC_COUNT * sizeof *reached);
    broker_destroy(stage.broker);
    script_decode(script, 0);
    script_set_due(script);
    return true;
}
