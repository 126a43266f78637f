#include <stdlib.h>
#include <string.h>

#include "pcaps/conversation.h"

enum {
    MQTT_PORT = 1883,
    /* Fixed Header, the longest protocol name with its length, and the Protocol Level. */
    LONGEST_PREFIX = 5 + 2 + 6 + 1,
    /* Bytes of a connection joined in the middle in which MQTT is looked for. */
    SEARCHED = 1024 * 1024,
};

enum recognition { UNDECIDED, IS_MQTT, IS_OTHER };

struct conversation {
    struct stream_address client;
    struct stream_address server;
    bool from_start;
    enum recognition recognition;
    enum mqtt_version version;
    bool version_known;
    bool version_told;
    bool lacks_connect;                /* what follows has to show the version */
    bool begun;                        /* the client has sent something */
    bool aligned[2];                   /* by enum mqtt_side: the next byte begins a packet or goes on with one */
    struct packet_search *searches[2]; /* NULL where none is under way */
    uint32_t searched;                 /* bytes, while it is not decided */
    uint64_t frame;                    /* where it appeared */
    microseconds time;
    uint8_t held[LONGEST_PREFIX]; /* the client's first bytes, until they decide */
    uint32_t held_length;
    struct websocket_fault faults[WEBSOCKET_MOST_FAULTS]; /* that wait until it is known for MQTT */
    uint32_t fault_count;
    void *owner;
};

/* ---- Recognising ----------------------------------------------------------------------------------------- */

/* Does it begin with a CONNECT? UNDECIDED where more bytes are needed. `version` is filled for IS_MQTT. */
static enum recognition starts_with_connect(struct mqtt_bytes bytes, enum mqtt_version *version) {
    static const char *const names[] = {"\0\4MQTT", "\0\6MQIsdp"};
    static const uint32_t lengths[] = {6, 8};
    if (bytes.length > 0 && bytes.data[0] >> 4 != MQTT_CONNECT)
        return IS_OTHER;
    uint32_t at = 1;
    while (at < bytes.length && at <= 4 && bytes.data[at] & 0x80)
        at++;
    if (at > 4)
        return IS_OTHER;
    at++; /* the last byte of the Remaining Length */
    if (at >= bytes.length)
        return UNDECIDED;
    struct mqtt_bytes rest = {bytes.data + at, bytes.length - at};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t known = rest.length < lengths[i] ? rest.length : lengths[i];
        if (memcmp(rest.data, names[i], known) != 0)
            continue;
        if (rest.length <= lengths[i])
            return UNDECIDED;
        uint8_t level = rest.data[lengths[i]];
        *version = level == MQTT_3_1 || level == MQTT_5_0 ? (enum mqtt_version)level : MQTT_3_1_1;
        return IS_MQTT;
    }
    return IS_OTHER;
}

/* What a run of bytes is in one version. */
struct reading {
    bool whole;     /* packets and nothing else */
    bool tells_5_0; /* some of them would hardly be what they are by chance */
};

/* A PUBLISH of 3.1.1 whose payload begins as a set of properties does is rare, and rarer where that set is not empty or
 * where text begins right behind the zero of an empty one. */
static bool is_hardly_3_1_1(const struct mqtt_packet *packet) {
    const struct mqtt_publish *publish = &packet->publish;
    if (packet->type != MQTT_PUBLISH)
        return false;
    return publish->properties.length > 0 ||
           (publish->payload.length > 0 && mqtt_check_text(publish->payload, NULL) == MQTT_TEXT_FINE);
}

static struct reading read_as(struct conversations *all, enum mqtt_version version, enum mqtt_side side,
                              struct mqtt_bytes bytes) {
    struct mqtt_decoder decoder = {.version = version, .sender = side, .rules = &all->rules};
    struct reading reading = {.whole = bytes.length > 0};
    while (bytes.length > 0) {
        struct mqtt_frame frame;
        struct mqtt_packet packet;
        struct mqtt_error error;
        if (mqtt_frame(&decoder, bytes, &frame, &error) != MQTT_OK || frame.packet_size > bytes.length)
            return (struct reading){.whole = false};
        struct mqtt_bytes whole = {bytes.data, frame.packet_size};
        if (mqtt_decode(&decoder, whole, &packet, &error) != MQTT_OK)
            return (struct reading){.whole = false};
        reading.tells_5_0 |= version == MQTT_5_0 && is_hardly_3_1_1(&packet);
        bytes.data += whole.length;
        bytes.length -= whole.length;
    }
    return reading;
}

/* Looks for the version of a connection without CONNECT. */
static void find_version(struct conversations *all, struct conversation *conversation, enum mqtt_side side,
                         struct mqtt_bytes bytes) {
    struct reading before_5 = read_as(all, MQTT_3_1_1, side, bytes);
    struct reading in_5 = read_as(all, MQTT_5_0, side, bytes);
    if (before_5.whole == in_5.whole && !in_5.tells_5_0)
        return;
    conversation->version = in_5.whole ? MQTT_5_0 : MQTT_3_1_1;
    conversation->version_known = true;
}

static void accept(struct conversations *all, struct conversation *conversation) {
    conversation->recognition = IS_MQTT;
    all->mqtt_count++;
    conversation->owner = all->hooks.opened(all->hooks.context, &conversation->client, &conversation->server,
                                            conversation->from_start, conversation->frame, conversation->time);
    for (uint32_t i = 0; i < conversation->fault_count && all->fault != NULL; i++)
        all->fault(all->hooks.context, conversation->owner, &conversation->faults[i]);
}

static void end_search(struct conversations *all, struct conversation *conversation, enum mqtt_side side) {
    if (conversation->searches[side] != NULL)
        packet_search_end(&all->searcher, conversation->searches[side]);
    free(conversation->searches[side]);
    conversation->searches[side] = NULL;
}

static void refuse(struct conversations *all, struct conversation *conversation) {
    conversation->recognition = IS_OTHER;
    all->other_count++;
    end_search(all, conversation, MQTT_CLIENT);
    end_search(all, conversation, MQTT_SERVER);
}

static void hand_on(struct conversations *all, struct conversation *conversation, enum mqtt_side side,
                    struct mqtt_bytes bytes, uint64_t frame, microseconds time) {
    if (conversation->version_known && !conversation->version_told && all->version != NULL)
        all->version(all->hooks.context, conversation->owner, conversation->version);
    conversation->version_told |= conversation->version_known;
    if (all->hooks.bytes != NULL && bytes.length > 0)
        all->hooks.bytes(all->hooks.context, conversation->owner, side, bytes, frame, time);
}

static void hand_on_gap(struct conversations *all, struct conversation *conversation, enum mqtt_side side,
                        uint64_t length, uint64_t frame, microseconds time) {
    if (all->hooks.gap != NULL && conversation->recognition == IS_MQTT)
        all->hooks.gap(all->hooks.context, conversation->owner, side, length, frame, time);
}

/* ---- What the capture tells ------------------------------------------------------------------------------ */

static void *opened(void *context, const struct stream_address *client, const struct stream_address *server,
                    bool from_start, uint64_t frame, microseconds time) {
    struct conversations *all = context;
    struct conversation *conversation = calloc(1, sizeof *conversation);
    if (conversation == NULL)
        return NULL;
    conversation->client = *client;
    conversation->server = *server;
    conversation->from_start = from_start;
    conversation->version = MQTT_3_1_1;
    conversation->lacks_connect = !from_start;
    conversation->aligned[MQTT_CLIENT] = conversation->aligned[MQTT_SERVER] = from_start;
    conversation->frame = frame;
    conversation->time = time;
    if (server->port == MQTT_PORT)
        accept(all, conversation);
    return conversation;
}

/* Keeps the client's first bytes until they decide. */
static enum recognition hold(struct conversation *conversation, struct mqtt_bytes bytes) {
    uint8_t *held = conversation->held;
    uint32_t before = conversation->held_length;
    uint32_t taken = bytes.length < LONGEST_PREFIX - before ? bytes.length : LONGEST_PREFIX - before;
    memcpy(held + before, bytes.data, taken);
    conversation->held_length += taken;
    return starts_with_connect((struct mqtt_bytes){held, conversation->held_length}, &conversation->version);
}

/* Bytes of a connection on another port, seen from its start. */
static void decide(struct conversations *all, struct conversation *conversation, enum mqtt_side side,
                   struct mqtt_bytes bytes, uint64_t frame, microseconds time) {
    if (side == MQTT_SERVER) { /* in MQTT the client speaks first */
        refuse(all, conversation);
        return;
    }
    uint32_t before = conversation->held_length;
    enum recognition recognition = hold(conversation, bytes);
    if (recognition == IS_OTHER)
        refuse(all, conversation);
    if (recognition != IS_MQTT)
        return;
    accept(all, conversation);
    hand_on(all, conversation, side, (struct mqtt_bytes){conversation->held, before}, frame, time);
    hand_on(all, conversation, side, bytes, frame, time);
}

/* ---- Where packets begin ---------------------------------------------------------------------------------- */

/* The search has come to nothing: its bytes are passed over. */
static void give_up_search(struct conversations *all, struct conversation *conversation, enum mqtt_side side,
                           uint64_t frame, microseconds time) {
    const struct packet_search *search = conversation->searches[side];
    if (search != NULL && search->length > 0)
        hand_on_gap(all, conversation, side, search->length, frame, time);
    end_search(all, conversation, side);
}

/* The search has found a packet: hands on what is there from it on. */
static void take_up(struct conversations *all, struct conversation *conversation, enum mqtt_side side, uint64_t frame,
                    microseconds time) {
    const struct packet_search *search = conversation->searches[side];
    uint32_t boundary = search->boundary;
    if (boundary > 0)
        hand_on_gap(all, conversation, side, boundary, frame, time);
    if (conversation->lacks_connect && !conversation->version_known)
        find_version(all, conversation, side, (struct mqtt_bytes){search->bytes + boundary, search->end - boundary});
    conversation->aligned[side] = true;
    hand_on(all, conversation, side, (struct mqtt_bytes){search->bytes + boundary, search->length - boundary}, frame,
            time);
    end_search(all, conversation, side);
}

static bool has_found(const struct conversation *conversation, enum mqtt_side side) {
    return conversation->searches[side] != NULL && conversation->searches[side]->total >= SEARCH_TRUSTED;
}

/* What one side shows may show that all of it is MQTT. */
static void conclude(struct conversations *all, struct conversation *conversation, enum mqtt_side side, uint64_t frame,
                     microseconds time) {
    enum mqtt_side other = side == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT;
    if (!has_found(conversation, side))
        return;
    if (conversation->recognition == UNDECIDED) {
        if (conversation->searches[side]->total < SEARCH_RECOGNISED && !has_found(conversation, other))
            return;
        accept(all, conversation);
        if (has_found(conversation, other))
            take_up(all, conversation, other, frame, time);
    }
    take_up(all, conversation, side, frame, time);
}

/* Bytes of a side whose packets' beginnings are not known, at most a slice. */
static void search_slice(struct conversations *all, struct conversation *conversation, enum mqtt_side side,
                         struct mqtt_bytes slice, bool begins, bool ends, uint64_t frame, microseconds time) {
    struct packet_search *search = conversation->searches[side];
    bool is_any = conversation->lacks_connect && !conversation->version_known;
    enum mqtt_version version = is_any ? MQTT_VERSION_UNKNOWN : conversation->version;
    uint32_t kept = search->length;
    if (!packet_search_put(&all->searcher, search, side, version, slice, begins, ends)) {
        hand_on_gap(all, conversation, side, kept + slice.length, frame, time);
        return;
    }
    conclude(all, conversation, side, frame, time);
    if (conversation->searches[side] == NULL)
        return;
    uint32_t passed = packet_search_drop(search);
    if (passed > 0)
        hand_on_gap(all, conversation, side, passed, frame, time);
}

static void align(struct conversations *all, struct conversation *conversation, enum mqtt_side side,
                  struct mqtt_bytes bytes, uint64_t frame, microseconds time) {
    bool begins = true;
    if (conversation->searches[side] == NULL)
        conversation->searches[side] = calloc(1, sizeof *conversation->searches[side]);
    if (conversation->searches[side] == NULL) {
        hand_on_gap(all, conversation, side, bytes.length, frame, time);
        return;
    }
    while (bytes.length > 0 && !conversation->aligned[side]) {
        struct mqtt_bytes slice = {bytes.data, bytes.length < SEARCH_SLICE ? bytes.length : SEARCH_SLICE};
        search_slice(all, conversation, side, slice, begins, slice.length == bytes.length, frame, time);
        bytes.data += slice.length;
        bytes.length -= slice.length;
        begins = false;
        if (conversation->recognition == UNDECIDED && (conversation->searched += slice.length) > SEARCHED) {
            refuse(all, conversation);
            return;
        }
    }
    hand_on(all, conversation, side, bytes, frame, time);
}

static void received(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                     microseconds time) {
    struct conversations *all = context;
    struct conversation *conversation = owner;
    if (conversation == NULL || conversation->recognition == IS_OTHER)
        return;
    conversation->begun |= side == MQTT_CLIENT;
    if (conversation->lacks_connect && !conversation->version_known && conversation->aligned[side])
        find_version(all, conversation, side, bytes);
    /* Who reads the CONNECT learns the version from it. Here it is wanted behind a gap. */
    if (side == MQTT_CLIENT && conversation->recognition == IS_MQTT && !conversation->lacks_connect &&
        conversation->held_length < LONGEST_PREFIX)
        (void)hold(conversation, bytes);
    if (!conversation->aligned[side])
        align(all, conversation, side, bytes, frame, time);
    else if (conversation->recognition == UNDECIDED && conversation->from_start)
        decide(all, conversation, side, bytes, frame, time);
    else
        hand_on(all, conversation, side, bytes, frame, time);
}

static void missing(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                    microseconds time) {
    struct conversations *all = context;
    struct conversation *conversation = owner;
    if (conversation == NULL || conversation->recognition == IS_OTHER)
        return;
    give_up_search(all, conversation, side, frame, time);
    conversation->aligned[side] = false;
    conversation->lacks_connect |= side == MQTT_CLIENT && !conversation->begun;
    if (conversation->recognition == IS_MQTT) {
        hand_on_gap(all, conversation, side, length, frame, time);
        return;
    }
    /* Its CONNECT is lost: all that is left is to join in the middle. */
    conversation->from_start = false;
    conversation->lacks_connect = true;
    conversation->aligned[MQTT_CLIENT] = conversation->aligned[MQTT_SERVER] = false;
}

static void ended(void *context, void *owner, enum mqtt_side side, bool reset, uint64_t frame, microseconds time) {
    struct conversations *all = context;
    struct conversation *conversation = owner;
    if (conversation == NULL)
        return;
    give_up_search(all, conversation, side, frame, time);
    if (conversation->recognition == IS_MQTT && all->hooks.ended != NULL)
        all->hooks.ended(all->hooks.context, conversation->owner, side, reset, frame, time);
}

static void closed(void *context, void *owner, uint64_t frame, microseconds time) {
    struct conversations *all = context;
    struct conversation *conversation = owner;
    if (conversation == NULL)
        return;
    give_up_search(all, conversation, MQTT_CLIENT, frame, time);
    give_up_search(all, conversation, MQTT_SERVER, frame, time);
    if (conversation->recognition == UNDECIDED)
        refuse(all, conversation);
    if (conversation->recognition == IS_MQTT && all->hooks.closed != NULL)
        all->hooks.closed(all->hooks.context, conversation->owner, frame, time);
    free(conversation);
}

void conversation_has_fault(void *context, void *owner, const struct websocket_fault *fault) {
    struct conversations *all = context;
    struct conversation *conversation = owner;
    if (conversation == NULL)
        return;
    if (conversation->recognition == IS_MQTT && all->fault != NULL)
        all->fault(all->hooks.context, conversation->owner, fault);
    else if (conversation->recognition == UNDECIDED && conversation->fault_count < WEBSOCKET_MOST_FAULTS)
        conversation->faults[conversation->fault_count++] = *fault;
}

struct stream_hooks conversations_begin(struct conversations *conversations, const struct stream_hooks *hooks,
                                        conversation_version *version, websocket_fault_teller *fault) {
    memset(conversations, 0, sizeof *conversations);
    conversations->hooks = *hooks;
    conversations->version = version;
    conversations->fault = fault;
    packet_searcher_begin(&conversations->searcher, &conversations->rules);
    return (struct stream_hooks){conversations, opened, received, missing, ended, closed};
}
