/* Plays a plan against a target. */
#include "fuzz/talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reference/server.h"

#define READ_SIZE  16384u
#define MOST_INPUT (1u << 21)
/* Once something odd has come, what belongs to it may follow for this part of the patience: networks may hold a packet
 * back until the one before it is acknowledged. */
#define AFTERMATH    4u
#define CLOSING_TIME (MICROSECONDS_PER_SECOND / 5)

static void advance(struct talk *talk);

static void end_with(struct talk *talk, enum talk_verdict verdict) {
    if (talk->verdict == TALK_GOES_ON)
        talk->verdict = verdict;
}

static microseconds now_of(const struct talk *talk) {
    return event_loop_now(talk->target->loop);
}

/* ---- Names ------------------------------------------------------------------------------------------------- */

static void choose_name(struct talk *talk, uint64_t number) {
    for (unsigned i = PLAN_NAME_LENGTH; i > 0; i--, number /= 36)
        talk->name[i - 1] = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
    talk->name[PLAN_NAME_LENGTH] = '\0';
}

/* ---- The monitor ------------------------------------------------------------------------------------------- */

static void note_breach(void *context, const struct monitor_breach *breach) {
    struct talk *talk = context;
    if (breach->side == MQTT_CLIENT || talk->breach_count == TALK_BREACHES)
        return;
    talk->breaches[talk->breach_count++] = (struct talk_breach){breach->statement, breach->what, talk->step};
}

static void show(struct talk_link *link, enum mqtt_side side, struct mqtt_bytes bytes) {
    if (link->captured != NULL)
        capture_writer_bytes(link->captured, side, bytes, now_of(link->talk));
    if (link->monitored != NULL)
        monitor_bytes(link->monitored, side, bytes, now_of(link->talk));
}

/* ---- Links ------------------------------------------------------------------------------------------------- */

static bool reserve(uint8_t **buffer, uint32_t *capacity, uint32_t needed) {
    if (needed <= *capacity)
        return true;
    uint8_t *larger = realloc(*buffer, (size_t)needed * 2);
    if (larger == NULL)
        return false;
    *buffer = larger;
    *capacity = needed * 2;
    return true;
}

static void close_link(struct talk_link *link, enum mqtt_side side) {
    struct talk *talk = link->talk;
    if (!link->open)
        return;
    event_loop_forget(talk->target->loop, &link->source);
    close(link->source.descriptor);
    link->open = false;
    if (link->captured != NULL)
        capture_writer_close(link->captured, side, now_of(talk));
    link->captured = NULL;
    if (link->monitored != NULL) {
        monitor_half_closed(link->monitored, side, now_of(talk));
        monitor_close(link->monitored, now_of(talk));
    }
    link->monitored = NULL;
    link->in_length = 0;
    link->out_length = 0;
    topic_aliases_free(&link->aliases);
}

/* For people: what passed, in the order in which it did. */
static void note_passed(struct talk_link *link, enum script_kind kind, struct mqtt_bytes bytes) {
    struct talk *talk = link->talk;
    struct script_item item = {.kind = kind,
                               .link = link->link,
                               .step = talk->step,
                               .version = link->version,
                               .decoded = kind == SCRIPT_RECEIVE && !link->spoiled};
    if (talk->target->capture != NULL)
        (void)script_add(&talk->transcript, &item, bytes);
}

/* ---- Messages of other conversations -------------------------------------------------------------------------- */

static void flush(struct talk_link *link);

static void acknowledge(struct talk_link *link, enum mqtt_type type, uint16_t identifier) {
    const uint8_t packet[4] = {(uint8_t)(type << 4), 2, (uint8_t)(identifier >> 8), (uint8_t)identifier};
    if (!reserve(&link->out, &link->out_capacity, link->out_length + sizeof packet)) {
        end_with(link->talk, TALK_NO_MEMORY);
        return;
    }
    memcpy(link->out + link->out_length, packet, sizeof packet);
    link->out_length += sizeof packet;
    show(link, MQTT_CLIENT, (struct mqtt_bytes){packet, sizeof packet});
    flush(link);
}

static bool has_own_name(const struct talk *talk, struct mqtt_bytes topic) {
    return memmem(topic.data, topic.length, talk->name, PLAN_NAME_LENGTH) != NULL;
}

/* Who subscribes to everything gets what is published elsewhere, too. It is acknowledged, and that is all. */
static bool is_of_others(struct talk_link *link, const struct script_item *item) {
    const struct mqtt_packet *packet = &item->packet;
    if (item->kind != SCRIPT_RECEIVE || !item->decoded)
        return false;
    if (packet->type == MQTT_PUBLISH && !has_own_name(link->talk, packet->publish.topic)) {
        uint16_t identifier = packet->publish.packet_identifier;
        uint8_t qos = mqtt_publish_qos(packet->flags);
        if (qos == 2 && link->other_count < TALK_OTHERS)
            link->others[link->other_count++] = identifier;
        if (qos > 0)
            acknowledge(link, qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, identifier);
        return true;
    }
    for (unsigned i = 0; packet->type == MQTT_PUBREL && i < link->other_count; i++)
        if (link->others[i] == packet->acknowledgement.packet_identifier) {
            link->others[i] = link->others[--link->other_count];
            acknowledge(link, MQTT_PUBCOMP, packet->acknowledgement.packet_identifier);
            return true;
        }
    return false;
}

/* ---- What comes ------------------------------------------------------------------------------------------------ */

/* What the target did: it is noted, and looked for in the script. */
static void take_observed(struct talk_link *link, struct script_item *item, struct mqtt_bytes bytes) {
    struct talk *talk = link->talk;
    item->link = link->link;
    item->step = talk->step;
    item->version = link->version;
    item->session = link->session;
    item->answers = SCRIPT_NONE;
    note_passed(link, item->kind, bytes);
    if (script_add(&talk->observed, item, bytes) == NULL)
        end_with(talk, TALK_NO_MEMORY);
    if (match_take(&talk->match, talk->step, item) != SCRIPT_NONE || match_may_come(&talk->match, talk->step, item))
        return;
    if (is_of_others(link, item)) {
        talk->observed.count -= talk->observed.count > 0;
        return;
    }
    microseconds end = now_of(talk) + talk->target->patience / AFTERMATH;
    if (!talk->is_odd && end < talk->deadline)
        talk->deadline = end;
    talk->is_odd = true;
}

static void lose_link(struct talk_link *link) {
    struct talk *talk = link->talk;
    struct script_item item = {.kind = SCRIPT_CLOSED};
    if (link->closing) {
        close_link(link, MQTT_CLIENT);
        advance(talk);
        return;
    }
    if (link->in_length > 0 && !link->spoiled)
        show(link, MQTT_SERVER, (struct mqtt_bytes){link->in, link->in_length});
    close_link(link, MQTT_SERVER);
    take_observed(link, &item, (struct mqtt_bytes){NULL, 0});
    advance(talk);
}

/* ---- Receiving --------------------------------------------------------------------------------------------- */

/* A PUBLISH that names its topic by an alias is noted with the topic itself. */
static void take_packet(struct talk_link *link, struct mqtt_packet *packet, struct mqtt_bytes bytes) {
    struct talk *talk = link->talk;
    struct script_item item = {.kind = SCRIPT_RECEIVE, .decoded = true};
    bool named = packet->type != MQTT_PUBLISH || packet->publish.topic.length > 0;
    uint8_t *resolved = NULL;
    talk->packets++;
    if (!topic_aliases_resolve(&link->aliases, packet))
        end_with(talk, TALK_NO_MEMORY);
    item.packet = *packet;
    if (!named && packet->publish.topic.length > 0) {
        size_t size = mqtt_encoded_size(link->version, packet);
        resolved = malloc(size);
        if (resolved != NULL)
            bytes = (struct mqtt_bytes){resolved, (uint32_t)mqtt_encode(link->version, packet, resolved, size)};
    }
    take_observed(link, &item, bytes);
    free(resolved);
}

static void take_spoiled(struct talk_link *link, struct mqtt_bytes bytes) {
    struct script_item item = {.kind = SCRIPT_RECEIVE};
    link->spoiled = true;
    show(link, MQTT_SERVER, bytes);
    take_observed(link, &item, bytes);
}

static void take_input(struct talk_link *link) {
    struct talk *talk = link->talk;
    struct mqtt_decoder decoder = {
        .version = link->version == MQTT_VERSION_UNKNOWN ? MQTT_3_1_1 : link->version,
        .sender = MQTT_SERVER,
        .rules = &talk->rules,
    };
    struct mqtt_frame frame;
    struct mqtt_packet packet;
    struct mqtt_error error;
    uint32_t at = 0;
    while (at < link->in_length && !link->spoiled && link->open) {
        struct mqtt_bytes rest = {link->in + at, link->in_length - at};
        enum mqtt_status status = mqtt_frame(&decoder, rest, &frame, &error);
        if (status == MQTT_INCOMPLETE || (status == MQTT_OK && frame.packet_size > rest.length))
            break;
        if (status == MQTT_OK) {
            rest.length = frame.packet_size;
            status = mqtt_decode(&decoder, rest, &packet, &error);
        }
        at += rest.length;
        if (status != MQTT_OK) {
            take_spoiled(link, rest);
            break;
        }
        show(link, MQTT_SERVER, rest);
        take_packet(link, &packet, rest);
    }
    if (!link->open)
        return;
    link->in_length = link->spoiled ? 0 : link->in_length - at;
    memmove(link->in, link->in + at, link->in_length);
}

static void receive(struct talk_link *link) {
    struct talk *talk = link->talk;
    if (link->in_length > MOST_INPUT || !reserve(&link->in, &link->in_capacity, link->in_length + READ_SIZE)) {
        end_with(talk, TALK_NO_MEMORY);
        return;
    }
    ssize_t got = read(link->source.descriptor, link->in + link->in_length, READ_SIZE);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        lose_link(link);
        return;
    }
    if (link->closing)
        return; /* nobody takes it any more */
    link->in_length += (uint32_t)got;
    take_input(link);
    advance(talk);
}

/* ---- Sending ----------------------------------------------------------------------------------------------- */

static void on_ready(struct event_source *source, unsigned readiness);

static void watch(struct talk_link *link, unsigned wanted) {
    int descriptor = link->source.descriptor;
    if (link->source.wanted != wanted &&
        !event_loop_watch(link->talk->target->loop, &link->source, descriptor, wanted, on_ready))
        end_with(link->talk, TALK_NO_MEMORY);
}

/* Where the target does not read, or is gone, the rest waits; reading tells of the end. */
static void flush(struct talk_link *link) {
    while (link->out_length > 0) {
        ssize_t sent = send(link->source.descriptor, link->out, link->out_length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN && errno != ENOTCONN)
            link->out_length = 0;
        if (sent <= 0)
            break;
        link->out_length -= (uint32_t)sent;
        memmove(link->out, link->out + sent, link->out_length);
    }
    watch(link, link->out_length > 0 ? EVENT_READABLE | EVENT_WRITABLE : EVENT_READABLE);
}

static void on_ready(struct event_source *source, unsigned readiness) {
    struct talk_link *link = (struct talk_link *)source;
    int error = 0;
    socklen_t length = sizeof error;
    if (!link->established) {
        getsockopt(source->descriptor, SOL_SOCKET, SO_ERROR, &error, &length);
        if (error == ECONNREFUSED || error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH) {
            end_with(link->talk, TALK_UNREACHABLE);
            return;
        }
        link->established = true;
    }
    if ((readiness & EVENT_WRITABLE) != 0)
        flush(link);
    if ((readiness & (EVENT_READABLE | EVENT_HUNG_UP)) != 0)
        receive(link);
}

static uint32_t hash_of(struct mqtt_bytes bytes) {
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < bytes.length; i++)
        hash = (hash ^ bytes.data[i]) * 16777619u;
    return hash;
}

static void learn_version(struct talk_link *link, struct mqtt_bytes bytes) {
    struct mqtt_decoder decoder = {.sender = MQTT_CLIENT, .rules = &link->talk->rules};
    struct mqtt_packet packet;
    struct mqtt_error error;
    uint32_t size;
    if (link->version != MQTT_VERSION_UNKNOWN)
        return;
    link->version = MQTT_3_1_1;
    if (mqtt_next(&decoder, bytes, &packet, &size, &error) != MQTT_OK || packet.type != MQTT_CONNECT ||
        packet.connect.client_identifier.data == NULL)
        return;
    link->version = (enum mqtt_version)packet.connect.protocol_level;
    link->session = hash_of(packet.connect.client_identifier);
}

static void open_link(struct talk_link *link) {
    struct talk *talk = link->talk;
    close_link(link, MQTT_CLIENT);
    int descriptor = address_connect(&talk->target->address);
    if (descriptor < 0) {
        end_with(talk, TALK_UNREACHABLE);
        return;
    }
    note_passed(link, SCRIPT_OPEN, (struct mqtt_bytes){NULL, 0});
    link->open = true;
    link->closing = false;
    link->other_count = 0;
    link->established = link->spoiled = false;
    link->version = MQTT_VERSION_UNKNOWN;
    link->session = 0;
    link->source = (struct event_source){.descriptor = descriptor};
    watch(link, EVENT_READABLE);
    link->monitored = monitor_open(talk->monitor, now_of(talk), link, true);
    if (talk->target->capture != NULL)
        link->captured = capture_writer_connect(talk->target->capture, talk->target->address.port, now_of(talk));
}

/* Where it answers something of the target's, the Packet Identifier is the target's. */
static void send_item(struct talk_link *link, const struct script_item *item) {
    struct talk *talk = link->talk;
    struct mqtt_bytes bytes = script_bytes(&talk->expected, item);
    if (!link->open || link->closing)
        return;
    if (!reserve(&link->out, &link->out_capacity, link->out_length + bytes.length)) {
        end_with(talk, TALK_NO_MEMORY);
        return;
    }
    uint8_t *to = link->out + link->out_length;
    memcpy(to, bytes.data, bytes.length);
    if (item->answers != SCRIPT_NONE && bytes.length >= 4 && talk->match.live[item->answers] != 0) {
        to[2] = (uint8_t)(talk->match.live[item->answers] >> 8);
        to[3] = (uint8_t)talk->match.live[item->answers];
    }
    struct mqtt_bytes sent = {to, bytes.length};
    learn_version(link, sent);
    talk->packets++;
    note_passed(link, SCRIPT_SEND, sent);
    show(link, MQTT_CLIENT, sent);
    link->out_length += bytes.length;
    flush(link);
}

/* The target has noticed the end once it closes, too; what comes next must not be there before. */
static void begin_to_close(struct talk_link *link) {
    struct talk *talk = link->talk;
    if (!link->open)
        return;
    note_passed(link, SCRIPT_CLOSE, (struct mqtt_bytes){NULL, 0});
    link->closing = shutdown(link->source.descriptor, SHUT_WR) == 0;
    talk->closing_until = now_of(talk) + CLOSING_TIME;
    if (!link->closing)
        close_link(link, MQTT_CLIENT);
}

static bool is_closing(const struct talk *talk) {
    for (unsigned i = 0; i < PLAN_LINKS; i++)
        if (talk->links[i].open && talk->links[i].closing)
            return true;
    return false;
}

/* A target that does not close by itself is left. */
static void end_closing(struct talk *talk) {
    for (unsigned i = 0; i < PLAN_LINKS; i++)
        if (talk->links[i].closing)
            close_link(&talk->links[i], MQTT_CLIENT);
}

/* ---- Steps ------------------------------------------------------------------------------------------------- */

static bool is_clients(const struct script_item *item) {
    return item->kind != SCRIPT_RECEIVE && item->kind != SCRIPT_CLOSED;
}

static void perform(struct talk *talk, const struct script_item *item) {
    struct talk_link *link = &talk->links[item->link];
    switch (item->kind) {
    case SCRIPT_OPEN:
        open_link(link);
        break;
    case SCRIPT_SEND:
        send_item(link, item);
        break;
    case SCRIPT_CLOSE:
        begin_to_close(link);
        break;
    default:
        note_passed(link, SCRIPT_WAIT, (struct mqtt_bytes){NULL, 0});
        if (talk->transcript.count > 0)
            talk->transcript.items[talk->transcript.count - 1].milliseconds = item->milliseconds;
        talk->not_before = now_of(talk) + item->milliseconds * UINT64_C(1000);
        talk->deadline = talk->not_before + talk->target->patience;
        break;
    }
}

/* What clients do in this step, as far as it is due. True once all is done. */
static bool perform_due(struct talk *talk) {
    bool all = true;
    const struct script *expected = &talk->expected;
    for (uint32_t i = talk->cursor; i < expected->count && expected->items[i].step <= talk->step; i++) {
        const struct script_item *item = &expected->items[i];
        if (item->step < talk->step || !is_clients(item) || talk->done[i])
            continue;
        bool due = item->answers == SCRIPT_NONE || talk->match.met[item->answers];
        if (due) {
            talk->done[i] = true;
            perform(talk, item);
        }
        all = all && due;
    }
    return all;
}

static void next_step(struct talk *talk) {
    const struct script *expected = &talk->expected;
    while (talk->cursor < expected->count && expected->items[talk->cursor].step <= talk->step)
        talk->cursor++;
    if (talk->cursor == expected->count) {
        end_with(talk, TALK_AGREES);
        return;
    }
    talk->step = expected->items[talk->cursor].step;
    talk->not_before = 0;
    talk->deadline = now_of(talk) + talk->target->patience;
}

static void advance(struct talk *talk) {
    while (talk->verdict == TALK_GOES_ON && perform_due(talk) && !talk->is_odd && now_of(talk) >= talk->not_before &&
           !is_closing(talk) && match_is_done(&talk->match, talk->step))
        next_step(talk);
}

/* ---- Life -------------------------------------------------------------------------------------------------- */

void talk_start(struct talk *talk, const struct talk_target *target, struct fuzz_memory *memory,
                const struct plan *plan, uint64_t number) {
    struct environment environment = environment_of_system();
    struct monitor_hooks hooks = {.context = talk, .breach = note_breach};
    talk->target = target;
    talk->verdict = TALK_GOES_ON;
    talk->breach_count = talk->packets = 0;
    talk->step = 0;
    talk->cursor = 0;
    talk->is_odd = false;
    talk->not_before = 0;
    talk->deadline = event_loop_now(target->loop) + target->patience;
    choose_name(talk, number);
    script_clear(&talk->observed);
    script_clear(&talk->transcript);
    for (uint8_t i = 0; i < PLAN_LINKS; i++) {
        talk->links[i].talk = talk;
        talk->links[i].link = i;
    }
    talk->monitor = monitor_create(&hooks, &environment);
    if (talk->monitor == NULL || !plan_copy(&talk->plan, plan)) {
        end_with(talk, TALK_NO_MEMORY);
        return;
    }
    plan_rename(talk->plan.bytes, talk->plan.length, PLAN_NAME, talk->name);
    if (!script_rehearse(&talk->expected, memory, &talk->plan, &target->settings, SPEC_NONE, NULL)) {
        end_with(talk, TALK_NO_MEMORY);
        return;
    }
    memset(talk->done, 0, talk->expected.count * sizeof talk->done[0]);
    match_begin(&talk->match, &talk->expected);
    if (talk->expected.is_cut || talk->expected.count == 0) {
        end_with(talk, TALK_AGREES);
        return;
    }
    talk->step = talk->expected.items[0].step;
    advance(talk);
}

microseconds talk_deadline(const struct talk *talk) {
    if (talk->verdict != TALK_GOES_ON)
        return 0;
    microseconds now = now_of(talk);
    if (is_closing(talk) && talk->closing_until < talk->deadline)
        return talk->closing_until;
    return talk->not_before > now && talk->not_before < talk->deadline ? talk->not_before : talk->deadline;
}

void talk_tick(struct talk *talk, microseconds now) {
    if (is_closing(talk) && now >= talk->closing_until)
        end_closing(talk);
    advance(talk);
    if (talk->verdict == TALK_GOES_ON && now >= talk->deadline)
        end_with(talk, TALK_DIFFERS);
}

void talk_stop(struct talk *talk) {
    for (unsigned i = 0; i < PLAN_LINKS; i++)
        if (talk->links[i].talk != NULL)
            close_link(&talk->links[i], MQTT_CLIENT);
    if (talk->monitor != NULL)
        monitor_destroy(talk->monitor);
    talk->monitor = NULL;
    script_decode(&talk->observed, 0);
    script_decode(&talk->transcript, 0);
}

void talk_unname(struct talk *talk) {
    plan_rename(talk->plan.bytes, talk->plan.length, talk->name, PLAN_NAME);
    plan_rename(talk->expected.bytes, talk->expected.length, talk->name, PLAN_NAME);
    plan_rename(talk->observed.bytes, talk->observed.length, talk->name, PLAN_NAME);
    plan_rename(talk->transcript.bytes, talk->transcript.length, talk->name, PLAN_NAME);
}

void talk_release(struct talk *talk) {
    talk_stop(talk);
    for (unsigned i = 0; i < PLAN_LINKS; i++) {
        free(talk->links[i].in);
        free(talk->links[i].out);
    }
    plan_release(&talk->plan);
    script_release(&talk->expected);
    script_release(&talk->observed);
    script_release(&talk->transcript);
    memset(talk, 0, sizeof *talk);
}
