/* All TCP connections of a capture: which segment belongs to which, who is the client, when each begins and ends. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcaps/capture.h"
#include "pcaps/flow.h"
#include "pcaps/fragments.h"
#include "pcaps/unwrap.h"

enum {
    BUCKETS = 4096,
    /* Connections kept in mind; past that, the one longest unused is closed. */
    MAXIMUM_STREAMS = 65536,
    /* Bytes that wait for earlier ones, over all connections; past that, none waits. */
    MAXIMUM_WAITING = 64 * 1024 * 1024,
};

/* A connection that is over is kept this long, so that stray segments do not look like a new one. */
#define LINGER (120 * MICROSECONDS_PER_SECOND)

struct stream {
    struct stream *next_in_bucket;
    struct stream *newer;
    struct stream *older;
    struct segment_end ends[2]; /* in the order in which they were first seen */
    struct flow flows[2];       /* what each of them sends */
    unsigned client;            /* which end it is; known once announced */
    bool from_start;
    bool announced; /* `opened` was called */
    bool over;
    uint32_t first_sequence; /* of the SYN, when from_start */
    microseconds last_seen;
    void *owner;
};

struct reassembler {
    struct stream_hooks hooks;
    struct stream *buckets[BUCKETS];
    struct stream *newest;
    struct stream *oldest;
    size_t count;
    size_t waiting; /* bytes in all flows */
    struct fragments *fragments;
    uint64_t frame; /* of the packet at hand */
    microseconds now;
};

struct reassembler *reassembler_create(const struct stream_hooks *hooks) {
    struct reassembler *reassembler = calloc(1, sizeof *reassembler);
    if (reassembler == NULL)
        return NULL;
    reassembler->hooks = *hooks;
    reassembler->fragments = fragments_create();
    if (reassembler->fragments != NULL)
        return reassembler;
    free(reassembler);
    return NULL;
}

/* ---- The table of connections --------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 32;
}

static uint64_t hash_end(const struct segment_end *end) {
    uint64_t words[2];
    memcpy(words, end->address, sizeof words);
    return mix(mix(mix(0, words[0]), words[1]), end->port);
}

/* The same for both directions. */
static uint32_t bucket_of(const struct segment_end *one, const struct segment_end *other) {
    return (uint32_t)((hash_end(one) + hash_end(other)) % BUCKETS);
}

static bool same_end(const struct segment_end *one, const struct segment_end *other) {
    return memcmp(one, other, sizeof *one) == 0;
}

static void unlink_age(struct reassembler *reassembler, struct stream *stream) {
    *(stream->newer != NULL ? &stream->newer->older : &reassembler->newest) = stream->older;
    *(stream->older != NULL ? &stream->older->newer : &reassembler->oldest) = stream->newer;
}

static void link_newest(struct reassembler *reassembler, struct stream *stream) {
    stream->newer = NULL;
    stream->older = reassembler->newest;
    *(stream->older != NULL ? &stream->older->newer : &reassembler->oldest) = stream;
    reassembler->newest = stream;
}

static struct stream *find_stream(const struct reassembler *reassembler, const struct segment *segment) {
    struct stream *stream = reassembler->buckets[bucket_of(&segment->source, &segment->destination)];
    for (; stream != NULL; stream = stream->next_in_bucket) {
        if (same_end(&stream->ends[0], &segment->source) && same_end(&stream->ends[1], &segment->destination))
            return stream;
        if (same_end(&stream->ends[1], &segment->source) && same_end(&stream->ends[0], &segment->destination))
            return stream;
    }
    return NULL;
}

static void remove_stream(struct reassembler *reassembler, struct stream *stream) {
    struct stream **at = &reassembler->buckets[bucket_of(&stream->ends[0], &stream->ends[1])];
    while (*at != stream)
        at = &(*at)->next_in_bucket;
    *at = stream->next_in_bucket;
    unlink_age(reassembler, stream);
    reassembler->count--;
    free(stream);
}

/* ---- Telling what happens -------------------------------------------------------------------------------- */

static void describe_end(const struct segment_end *end, struct stream_address *address) {
    char host[INET6_ADDRSTRLEN] = "?";
    inet_ntop(end->is_ipv6 ? AF_INET6 : AF_INET, end->address, host, sizeof host);
    address->port = end->port;
    snprintf(address->text, sizeof address->text, end->is_ipv6 ? "[%s]:%u" : "%s:%u", host, (unsigned)end->port);
}

static void announce(struct reassembler *reassembler, struct stream *stream, unsigned client) {
    struct stream_address addresses[2];
    stream->announced = true;
    stream->client = client;
    describe_end(&stream->ends[client], &addresses[MQTT_CLIENT]);
    describe_end(&stream->ends[1 - client], &addresses[MQTT_SERVER]);
    stream->owner =
        reassembler->hooks.opened(reassembler->hooks.context, &addresses[MQTT_CLIENT], &addresses[MQTT_SERVER],
                                  stream->from_start, reassembler->frame, reassembler->now);
}

static void tell_item(struct reassembler *reassembler, struct stream *stream, enum mqtt_side side,
                      const struct flow_item *item) {
    const struct stream_hooks *hooks = &reassembler->hooks;
    switch (item->kind) {
    case FLOW_BYTES:
        if (hooks->bytes != NULL)
            hooks->bytes(hooks->context, stream->owner, side, item->bytes, reassembler->frame, reassembler->now);
        break;
    case FLOW_GAP:
        if (hooks->gap != NULL)
            hooks->gap(hooks->context, stream->owner, side, item->length, reassembler->frame, reassembler->now);
        break;
    case FLOW_END:
        if (hooks->ended != NULL)
            hooks->ended(hooks->context, stream->owner, side, false, reassembler->frame, reassembler->now);
        break;
    }
}

/* Hands out what flow `which` has in order. */
static void drain(struct reassembler *reassembler, struct stream *stream, unsigned which) {
    struct flow *flow = &stream->flows[which];
    struct flow_item item;
    if (!stream->announced)
        return;
    enum mqtt_side side = which == stream->client ? MQTT_CLIENT : MQTT_SERVER;
    size_t before = flow->waiting_bytes;
    bool impatient = reassembler->waiting > MAXIMUM_WAITING;
    while (flow_take(flow, reassembler->now, impatient, &item))
        tell_item(reassembler, stream, side, &item);
    reassembler->waiting -= before - flow->waiting_bytes;
}

static void close_stream(struct reassembler *reassembler, struct stream *stream) {
    if (stream->over)
        return;
    stream->over = true;
    for (unsigned which = 0; which < 2; which++) {
        struct flow *flow = &stream->flows[which];
        flow_finish(flow);
        drain(reassembler, stream, which);
        reassembler->waiting -= flow->waiting_bytes;
        flow_clear(flow);
    }
    const struct stream_hooks *hooks = &reassembler->hooks;
    if (stream->announced && hooks->closed != NULL)
        hooks->closed(hooks->context, stream->owner, reassembler->frame, reassembler->now);
}

static void reset_stream(struct reassembler *reassembler, struct stream *stream, unsigned which) {
    for (unsigned i = 0; i < 2; i++) {
        flow_finish(&stream->flows[i]);
        drain(reassembler, stream, i);
    }
    const struct stream_hooks *hooks = &reassembler->hooks;
    if (stream->announced && hooks->ended != NULL)
        hooks->ended(hooks->context, stream->owner, which == stream->client ? MQTT_CLIENT : MQTT_SERVER, true,
                     reassembler->frame, reassembler->now);
    close_stream(reassembler, stream);
}

/* ---- Who is the client ------------------------------------------------------------------------------------ */

/* What the first byte says about its sender, for connections whose beginning was not seen. */
static int sender_by_content(struct mqtt_bytes data) {
    switch (data.data[0]) {
    case MQTT_CONNECT << 4:
    case MQTT_SUBSCRIBE << 4 | 2:
    case MQTT_UNSUBSCRIBE << 4 | 2:
    case MQTT_PINGREQ << 4:
    case MQTT_DISCONNECT << 4:
        return MQTT_CLIENT;
    case MQTT_CONNACK << 4:
    case MQTT_SUBACK << 4:
    case MQTT_UNSUBACK << 4:
    case MQTT_PINGRESP << 4:
        return MQTT_SERVER;
    default:
        return -1;
    }
}

static bool is_mqtt_port(uint16_t port) {
    return port == 1883 || port == 8883;
}

/* The index of the end that is likely the client. `which` sent `data`, the first bytes seen. */
static unsigned guess_client(const struct stream *stream, unsigned which, struct mqtt_bytes data) {
    uint16_t port = stream->ends[which].port;
    uint16_t other_port = stream->ends[1 - which].port;
    if (is_mqtt_port(port) != is_mqtt_port(other_port))
        return is_mqtt_port(port) ? 1 - which : which;
    int sender = sender_by_content(data);
    if (sender >= 0)
        return sender == MQTT_CLIENT ? which : 1 - which;
    return port < other_port ? 1 - which : which; /* servers have the lower port */
}

/* ---- Segments --------------------------------------------------------------------------------------------- */

static struct stream *add_stream(struct reassembler *reassembler, const struct segment *segment) {
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return NULL;
    if (reassembler->count >= MAXIMUM_STREAMS) {
        struct stream *oldest = reassembler->oldest;
        close_stream(reassembler, oldest);
        remove_stream(reassembler, oldest);
    }
    stream->ends[0] = segment->source;
    stream->ends[1] = segment->destination;
    struct stream **bucket = &reassembler->buckets[bucket_of(&segment->source, &segment->destination)];
    stream->next_in_bucket = *bucket;
    *bucket = stream;
    link_newest(reassembler, stream);
    reassembler->count++;
    return stream;
}

static bool opens(const struct segment *segment) {
    return (segment->flags & (SEGMENT_SYN | SEGMENT_ACK | SEGMENT_RST)) == SEGMENT_SYN;
}

/* The addresses and ports of a connection that is over, or of one whose end was not captured, are used again. */
static bool starts_anew(const struct reassembler *reassembler, const struct stream *stream,
                        const struct segment *segment) {
    if (opens(segment))
        return stream->over || !stream->from_start || stream->first_sequence != segment->sequence;
    return stream->over && reassembler->now - stream->last_seen > LINGER;
}

/* The connection that the segment belongs to, a new one where needed. NULL where it belongs to none. */
static struct stream *stream_of(struct reassembler *reassembler, const struct segment *segment) {
    struct stream *stream = find_stream(reassembler, segment);
    if (stream != NULL && starts_anew(reassembler, stream, segment)) {
        close_stream(reassembler, stream);
        remove_stream(reassembler, stream);
        stream = NULL;
    }
    if (stream != NULL)
        return stream;
    if (segment->flags & SEGMENT_RST)
        return NULL;
    stream = add_stream(reassembler, segment);
    if (stream == NULL || !(segment->flags & SEGMENT_SYN))
        return stream;
    /* A SYN with ACK shows the beginning as well, where the first SYN was not captured. */
    bool is_answer = (segment->flags & SEGMENT_ACK) != 0;
    stream->from_start = true;
    stream->first_sequence = is_answer ? segment->acknowledgement - 1 : segment->sequence;
    announce(reassembler, stream, is_answer ? 1 : 0);
    return stream;
}

/* What the segment acknowledges, the other end has sent. */
static void take_acknowledgement(struct reassembler *reassembler, struct stream *stream, unsigned which,
                                 const struct segment *segment) {
    unsigned other = 1 - which;
    if (!stream->flows[other].started)
        flow_start(&stream->flows[other], segment->acknowledgement);
    flow_acknowledged(&stream->flows[other], segment->acknowledgement);
    drain(reassembler, stream, other);
}

static void take_payload(struct reassembler *reassembler, struct stream *stream, unsigned which,
                         const struct segment *segment) {
    struct flow *flow = &stream->flows[which];
    bool end = (segment->flags & SEGMENT_FIN) != 0;
    uint32_t sequence = segment->sequence + (segment->flags & SEGMENT_SYN ? 1 : 0);
    bool has_content = segment->length > 0 || end;
    if (!flow->started && (has_content || segment->flags & SEGMENT_SYN))
        flow_start(flow, sequence);
    if (!has_content)
        return;
    if (!stream->announced && segment->data.length > 0)
        announce(reassembler, stream, guess_client(stream, which, segment->data));
    if (!end && stream->announced && flow_pass(flow, sequence, segment->data, segment->length, reassembler->now)) {
        const struct flow_item item = {.kind = FLOW_BYTES, .bytes = segment->data};
        tell_item(reassembler, stream, which == stream->client ? MQTT_CLIENT : MQTT_SERVER, &item);
        return;
    }
    size_t before = flow->waiting_bytes;
    /* Without memory the segment is lost, and a gap tells of it. */
    (void)flow_put(flow, sequence, segment->data, segment->length, end, reassembler->now);
    reassembler->waiting += flow->waiting_bytes - before;
    drain(reassembler, stream, which);
}

static void take_segment(struct reassembler *reassembler, const struct segment *segment) {
    struct stream *stream = stream_of(reassembler, segment);
    if (stream == NULL || stream->over)
        return;
    unsigned which = same_end(&stream->ends[0], &segment->source) ? 0 : 1;
    stream->last_seen = reassembler->now;
    unlink_age(reassembler, stream);
    link_newest(reassembler, stream);
    if (segment->flags & SEGMENT_RST) {
        reset_stream(reassembler, stream, which);
        return;
    }
    /* First what it acknowledges: an answer stands behind what it answers, also where that is missing. */
    if (segment->flags & SEGMENT_ACK)
        take_acknowledgement(reassembler, stream, which, segment);
    take_payload(reassembler, stream, which, segment);
    if (stream->flows[0].ended && stream->flows[1].ended)
        close_stream(reassembler, stream);
}

void reassembler_packet(struct reassembler *reassembler, int link_type, struct mqtt_bytes packet, uint64_t frame,
                        microseconds time) {
    struct segment segment;
    struct fragment fragment;
    struct mqtt_bytes payload;
    reassembler->frame = frame;
    /* The clock of a capturing machine may be set back; ours never goes back. */
    if (time > reassembler->now)
        reassembler->now = time;
    enum unwrapped found = unwrap(link_type, packet, &segment, &fragment);
    if (found == UNWRAPPED_FRAGMENT && fragments_add(reassembler->fragments, &fragment, reassembler->now, &payload) &&
        unwrap_whole(&fragment, payload, &segment))
        found = UNWRAPPED_SEGMENT;
    if (found == UNWRAPPED_SEGMENT)
        take_segment(reassembler, &segment);
}

void reassembler_tick(struct reassembler *reassembler, microseconds time) {
    if (time <= reassembler->now)
        return;
    reassembler->now = time;
    if (reassembler->waiting == 0)
        return;
    for (struct stream *stream = reassembler->newest; stream != NULL; stream = stream->older)
        for (unsigned which = 0; which < 2; which++)
            if (stream->flows[which].waiting_bytes > 0)
                drain(reassembler, stream, which);
}

void reassembler_destroy(struct reassembler *reassembler, uint64_t frame, microseconds time) {
    reassembler->frame = frame;
    if (time > reassembler->now)
        reassembler->now = time;
    while (reassembler->oldest != NULL) {
        struct stream *stream = reassembler->oldest;
        close_stream(reassembler, stream);
        remove_stream(reassembler, stream);
    }
    fragments_destroy(reassembler->fragments);
    free(reassembler);
}
