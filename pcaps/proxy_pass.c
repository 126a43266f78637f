#include "pcaps/proxy_pass.h"

#include <assert.h>

/* Views sent in one call. */
enum { MAXIMUM_VIEWS = 64 };

/* A larger packet arrives once although it is to arrive twice: its copy would have to be kept. */
#define LARGEST_COPY ((size_t)1024 * 1024)

static enum mqtt_side other(enum mqtt_side side) {
    return side == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT;
}

/* ---- Sending on ----------------------------------------------------------------------------------------------------
 */

/* The first bytes of the views have left towards the receiver. */
static void note_sent(struct proxied *connection, enum mqtt_side sender, const struct mqtt_bytes *views, size_t count,
                      microseconds now) {
    for (; count > 0; views++) {
        struct mqtt_bytes part = {views->data, views->length < count ? views->length : (uint32_t)count};
        watch_bytes(&connection->proxy->watch, &connection->watched, other(sender), sender, part, now);
        count -= part.length;
    }
}

/* Returns how many bytes were taken. False in *goes_on where it is of no use to offer more now. */
static size_t send_views(struct proxied *connection, enum mqtt_side sender, const struct mqtt_bytes *views,
                         size_t count, bool *goes_on, microseconds now) {
    struct proxied_end *receiver = &connection->ends[other(sender)];
    size_t taken = 0;
    enum transport_result result = transport_send(&receiver->transport, views, count, &taken);
    receiver->is_deaf = result == TRANSPORT_ENDED || result == TRANSPORT_BROKEN;
    *goes_on = result == TRANSPORT_DONE;
    note_sent(connection, sender, views, taken, now);
    return taken;
}

void proxy_pass_queued(struct proxied *connection, enum mqtt_side sender, microseconds now) {
    struct byte_queue *queue = &connection->directions[sender].queue;
    struct proxied_end *receiver = &connection->ends[other(sender)];
    bool goes_on = receiver->is_started && !receiver->is_deaf;
    while (goes_on) {
        struct mqtt_bytes views[MAXIMUM_VIEWS];
        size_t count = byte_queue_due(queue, now, views, MAXIMUM_VIEWS);
        if (count == 0 && !transport_has_output(&receiver->transport))
            break;
        byte_queue_take(queue, send_views(connection, sender, views, count, &goes_on, now));
    }
    if (receiver->is_deaf)
        byte_queue_clear(queue);
}

static void send_on(struct proxied *connection, enum mqtt_side sender, struct mqtt_bytes bytes, microseconds now) {
    struct proxied_direction *direction = &connection->directions[sender];
    struct proxied_end *receiver = &connection->ends[other(sender)];
    if (receiver->is_deaf)
        return;
    if (byte_queue_is_empty(&direction->queue) && direction->due <= now) {
        bool goes_on;
        size_t taken = send_views(connection, sender, &bytes, 1, &goes_on, now);
        bytes.data += taken;
        bytes.length -= (uint32_t)taken;
    }
    if (!receiver->is_deaf && !byte_queue_append(&direction->queue, bytes, direction->due))
        connection->has_failed = true;
}

/* ---- Faults --------------------------------------------------------------------------------------------------------
 */

static void drop(struct proxied *connection, enum mqtt_side sender, const struct packet_piece *piece,
                 microseconds now) {
    (void)connection, (void)sender, (void)piece, (void)now;
}

static void delay(struct proxied *connection, enum mqtt_side sender, const struct packet_piece *piece,
                  microseconds now) {
    struct proxied_direction *direction = &connection->directions[sender];
    microseconds due = now + direction->fault->delay;
    if (piece->begins && due > direction->due)
        direction->due = due;
    send_on(connection, sender, piece->bytes, now);
}

static void duplicate(struct proxied *connection, enum mqtt_side sender, const struct packet_piece *piece,
                      microseconds now) {
    struct proxied_direction *direction = &connection->directions[sender];
    struct byte_queue *copy = &direction->copy;
    struct mqtt_bytes view;
    send_on(connection, sender, piece->bytes, now);
    if (piece->size > LARGEST_COPY) {
        fprintf(stderr, "mqspec proxy: c%zu: a packet of %u bytes is too large to be duplicated; it passes once\n",
                connection->number, piece->size);
        byte_queue_clear(copy);
        direction->fault = NULL;
        return;
    }
    if (piece->begins && piece->ends) {
        send_on(connection, sender, piece->bytes, now);
        return;
    }
    if (!byte_queue_append(copy, piece->bytes, 0))
        connection->has_failed = true;
    while (piece->ends && byte_queue_due(copy, now, &view, 1) == 1) {
        send_on(connection, sender, view, now);
        byte_queue_take(copy, view.length);
    }
}

static void cut(struct proxied *connection, enum mqtt_side sender) {
    connection->cut = connection->directions[sender].fault;
    connection->cut_side = sender;
}

static void cut_before(struct proxied *connection, enum mqtt_side sender, const struct packet_piece *piece,
                       microseconds now) {
    (void)piece, (void)now;
    cut(connection, sender);
}

static void cut_after(struct proxied *connection, enum mqtt_side sender, const struct packet_piece *piece,
                      microseconds now) {
    send_on(connection, sender, piece->bytes, now);
    if (piece->ends)
        cut(connection, sender);
}

/* At least one byte arrives and at least one does not: no packet is shorter than two. */
static void cut_middle(struct proxied *connection, enum mqtt_side sender, const struct packet_piece *piece,
                       microseconds now) {
    struct mqtt_bytes first_half = piece->bytes;
    uint32_t middle = piece->size / 2;
    if (piece->size > 0 && piece->offset + first_half.length >= middle) {
        first_half.length = middle > piece->offset ? middle - piece->offset : 0;
        cut(connection, sender);
    }
    send_on(connection, sender, first_half, now);
}

static void (*const acts[FAULT_ACTIONS])(struct proxied *, enum mqtt_side, const struct packet_piece *,
                                         microseconds) = {
    [FAULT_DROP] = drop,           [FAULT_DELAY] = delay,
    [FAULT_DUPLICATE] = duplicate, [FAULT_CUT_BEFORE] = cut_before,
    [FAULT_CUT_AFTER] = cut_after, [FAULT_CUT_MIDDLE] = cut_middle,
};

static void pass_piece(struct proxied *connection, enum mqtt_side sender, const struct packet_piece *piece,
                       microseconds now) {
    struct proxy *proxy = connection->proxy;
    struct proxied_direction *direction = &connection->directions[sender];
    watch_bytes(&proxy->watch, &connection->watched, sender, sender, piece->bytes, now);
    if (!piece->is_packet)
        direction->fault = NULL;
    else if (piece->begins)
        direction->fault = faults_strike(&proxy->settings->faults, sender, piece->type);
    const struct fault *fault = direction->fault;
    if (fault == NULL) {
        send_on(connection, sender, piece->bytes, now);
        return;
    }
    acts[fault->action](connection, sender, piece, now);
    if (direction->fault != NULL && (piece->ends || connection->cut != NULL))
        watch_fault(&proxy->watch, &connection->watched, fault, sender, piece->type, now);
}

static void pass_with_faults(struct proxied *connection, enum mqtt_side sender, struct mqtt_bytes bytes,
                             microseconds now) {
    struct packet_bounds *bounds = &connection->directions[sender].bounds;
    struct packet_piece piece;
    bounds->decoder.version = connection->watched.version;
    while (connection->cut == NULL && packet_bounds_next(bounds, &bytes, &piece)) {
        pass_piece(connection, sender, &piece, now);
        bounds->decoder.version = connection->watched.version; /* it may have been a CONNECT */
    }
}

/* ---- Both ----------------------------------------------------------------------------------------------------------
 */

void proxy_pass(struct proxied *connection, enum mqtt_side sender, struct mqtt_bytes bytes, microseconds now) {
    struct proxy *proxy = connection->proxy;
    if (proxy->settings->faults.count > 0) {
        pass_with_faults(connection, sender, bytes, now);
        return;
    }
    /* Whoever waits for the bytes waits no longer than it takes to send them. */
    send_on(connection, sender, bytes, now);
    watch_bytes(&proxy->watch, &connection->watched, sender, sender, bytes, now);
}
