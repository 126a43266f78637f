#include "pcaps/lint_packets.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcaps/show.h"

enum {
    MAXIMUM_WAITING = 128,
    PACKETS_AROUND = LINT_PACKETS_BEFORE + 1 + LINT_PACKETS_AFTER,
    ADDRESS_CAPACITY = 64,
};

struct waiting_breach {
    struct lint_breach breach; /* its views lead into this struct */
    struct packet_ring *ring;  /* NULL: waits for nothing more */
    size_t following;          /* packets that came behind it */
    char client[SHOW_NAME_CAPACITY];
    char addresses[2][ADDRESS_CAPACITY];
    struct lint_packet packets[PACKETS_AROUND];
};

struct breach_queue {
    lint_breach_teller *tell;
    void *context;
    microseconds patience;
    size_t first;
    size_t count;
    struct waiting_breach waiting[MAXIMUM_WAITING]; /* a ring */
};

/* ---- The last packets of a connection ------------------------------------------------------------------------ */

void packet_ring_add(struct packet_ring *ring, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                     microseconds time) {
    enum { PLACES = LINT_PACKETS_BEFORE + 1 };
    struct lint_packet *packet = &ring->packets[ring->next];
    ring->next = (ring->next + 1) % PLACES;
    ring->count += ring->count < PLACES;
    packet->side = side;
    packet->offends = false;
    packet->frame = frame;
    packet->time = time;
    packet->length = bytes.length;
    packet->kept = bytes.length < LINT_KEPT_BYTES ? bytes.length : LINT_KEPT_BYTES;
    memcpy(packet->bytes, bytes.data, packet->kept);
}

/* Copies them, the oldest first. Of those before, a breach without an offending packet has no use for one more. */
static size_t copy_ring(const struct packet_ring *ring, bool offends, struct lint_packet *packets) {
    enum { PLACES = LINT_PACKETS_BEFORE + 1 };
    size_t count = ring->count;
    if (!offends && count > LINT_PACKETS_BEFORE)
        count = LINT_PACKETS_BEFORE;
    for (size_t i = 0; i < count; i++)
        packets[i] = ring->packets[(ring->next + PLACES - count + i) % PLACES];
    if (offends && count > 0)
        packets[count - 1].offends = true;
    return count;
}

/* ---- Breaches that wait ---------------------------------------------------------------------------------------- */

struct breach_queue *breach_queue_create(lint_breach_teller *tell, void *context, microseconds patience) {
    struct breach_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return NULL;
    queue->tell = tell;
    queue->context = context;
    queue->patience = patience;
    return queue;
}

static struct waiting_breach *at(struct breach_queue *queue, size_t index) {
    assert(index < queue->count);
    return &queue->waiting[(queue->first + index) % MAXIMUM_WAITING];
}

static void tell_first(struct breach_queue *queue) {
    struct waiting_breach *first = at(queue, 0);
    queue->tell(queue->context, &first->breach);
    queue->first = (queue->first + 1) % MAXIMUM_WAITING;
    queue->count--;
}

static void tell_complete(struct breach_queue *queue) {
    while (queue->count > 0 && at(queue, 0)->ring == NULL)
        tell_first(queue);
}

void breach_queue_destroy(struct breach_queue *queue) {
    while (queue != NULL && queue->count > 0)
        tell_first(queue);
    free(queue);
}

void breach_queue_add(struct breach_queue *queue, const struct lint_breach *breach, struct packet_ring *ring,
                      bool offends) {
    if (queue->count == MAXIMUM_WAITING)
        tell_first(queue);
    queue->count++;
    struct waiting_breach *added = at(queue, queue->count - 1);
    added->breach = *breach;
    added->ring = ring;
    added->following = 0;
    snprintf(added->client, sizeof added->client, "%s", breach->client);
    snprintf(added->addresses[MQTT_CLIENT], ADDRESS_CAPACITY, "%s", breach->client_address);
    snprintf(added->addresses[MQTT_SERVER], ADDRESS_CAPACITY, "%s", breach->server_address);
    added->breach.client = added->client;
    added->breach.client_address = added->addresses[MQTT_CLIENT];
    added->breach.server_address = added->addresses[MQTT_SERVER];
    added->breach.packets = added->packets;
    added->breach.packet_count = copy_ring(ring, offends, added->packets);
    ring->awaited = true;
}

void breach_queue_packet(struct breach_queue *queue, struct packet_ring *ring) {
    enum { PLACES = LINT_PACKETS_BEFORE + 1 };
    if (!ring->awaited)
        return;
    const struct lint_packet *newest = &ring->packets[(ring->next + PLACES - 1) % PLACES];
    ring->awaited = false;
    for (size_t i = 0; i < queue->count; i++) {
        struct waiting_breach *waiting = at(queue, i);
        if (waiting->ring != ring)
            continue;
        waiting->packets[waiting->breach.packet_count++] = *newest;
        if (++waiting->following == LINT_PACKETS_AFTER)
            waiting->ring = NULL;
        ring->awaited |= waiting->ring != NULL;
    }
    tell_complete(queue);
}

void breach_queue_closed(struct breach_queue *queue, struct packet_ring *ring) {
    if (!ring->awaited)
        return;
    for (size_t i = 0; i < queue->count; i++)
        if (at(queue, i)->ring == ring)
            at(queue, i)->ring = NULL;
    ring->awaited = false;
    tell_complete(queue);
}

void breach_queue_tick(struct breach_queue *queue, microseconds now) {
    while (queue->count > 0 && now - at(queue, 0)->breach.time > queue->patience) {
        tell_first(queue);
        tell_complete(queue);
    }
}

/* ---- In words -------------------------------------------------------------------------------------------------- */

enum {
    HEADER_AND_KEPT = MQTT_MAXIMUM_FIXED_HEADER + LINT_KEPT_BYTES,
    ENOUGH_PAYLOAD = 80, /* what is shown of one at most, and the rest of a character */
};

/* What is kept of a longer packet, as a packet of its own: its length then tells what is there. */
static struct mqtt_bytes as_packet(const struct lint_packet *kept, uint8_t buffer[HEADER_AND_KEPT]) {
    uint32_t body = 1, length = 0;
    if (kept->kept == kept->length)
        return (struct mqtt_bytes){kept->bytes, kept->length};
    while (body < MQTT_MAXIMUM_FIXED_HEADER && body < kept->kept && kept->bytes[body] & 0x80)
        body++;
    body++; /* the last byte of the Remaining Length */
    if (body >= kept->kept)
        return (struct mqtt_bytes){NULL, 0};
    buffer[length++] = kept->bytes[0];
    for (uint32_t rest = kept->kept - body; length == 1 || rest > 0; rest /= 128)
        buffer[length++] = (uint8_t)(rest % 128 | (rest >= 128 ? 0x80 : 0));
    memcpy(buffer + length, kept->bytes + body, kept->kept - body);
    return (struct mqtt_bytes){buffer, length + kept->kept - body};
}

static bool show_as(enum mqtt_version version, const struct lint_packet *kept, struct mqtt_bytes bytes, char *text,
                    size_t capacity) {
    struct spec_rules rules = {0};
    struct mqtt_decoder decoder = {.version = version, .sender = kept->side, .rules = &rules};
    struct mqtt_packet packet;
    struct mqtt_error error;
    uint32_t size;
    if (mqtt_next(&decoder, bytes, &packet, &size, &error) != MQTT_OK || size != bytes.length)
        return false;
    /* Of a payload no more is shown than is there; its length is told as it was. */
    if (packet.type == MQTT_PUBLISH && packet.publish.payload.length >= ENOUGH_PAYLOAD)
        packet.publish.payload.length += kept->length - kept->kept;
    show_packet(version, &packet, text, capacity);
    return true;
}

static void show_bytes(const struct lint_packet *kept, char *text, size_t capacity) {
    enum { SHOWN = 32 };
    int length = snprintf(text, capacity, "%u byte%s:", kept->length, kept->length == 1 ? "" : "s");
    size_t written = length > 0 ? (size_t)length : 0;
    for (uint32_t i = 0; i < kept->kept && i < SHOWN && written + 8 < capacity; i++)
        written += (size_t)snprintf(text + written, capacity - written, " %02x", kept->bytes[i]);
    if (kept->length > SHOWN && written + 8 < capacity)
        snprintf(text + written, capacity - written, " ...");
}

void lint_show_packet(enum mqtt_version version, const struct lint_packet *packet, char *text, size_t capacity) {
    /* A Server refuses a version that it does not know in its own. */
    const enum mqtt_version versions[] = {version, MQTT_3_1_1, MQTT_5_0};
    uint8_t buffer[HEADER_AND_KEPT];
    struct mqtt_bytes bytes = as_packet(packet, buffer);
    for (size_t i = 0; bytes.length > 0 && i < sizeof versions / sizeof versions[0]; i++)
        if (show_as(versions[i], packet, bytes, text, capacity))
            return;
    show_bytes(packet, text, capacity);
}
