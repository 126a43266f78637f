#include "pcaps/websocket_stream.h"

#include <stdlib.h>
#include <string.h>

#include "pcaps/websocket_frame.h"
#include "reference/websocket_handshake.h"

enum place {
    IN_HEADER,
    IN_PAYLOAD,
    LOST,      /* where frames begin is not known */
    BEHIND_ALL /* a close frame was sent: what follows is no MQTT */
};

/* One side's frames. */
struct direction {
    enum place place;
    uint8_t header[WEBSOCKET_LONGEST_HEADER]; /* what is there of the next one */
    uint32_t header_length;
    struct websocket_header frame;
    uint64_t left;   /* of its payload */
    bool compressed; /* the message that is under way */
    bool has_text;   /* a text frame was told */
};

struct websocket {
    bool open;               /* the handshake is over */
    uint8_t *kept[2];        /* what came before it was, by enum mqtt_side */
    uint32_t kept_length[2]; /* at most HANDSHAKE_LONGEST */
    uint32_t request_end;    /* 0 while the request is not whole */
    uint64_t request_frame;  /* where it ends */
    bool offers_mqtt;        /* the client */
    bool chooses_other;      /* the server, another subprotocol */
    bool compresses;
    struct direction directions[2];
};

struct websocket_stream {
    struct websocket *websocket; /* NULL unless the connection is one, or may be */
    bool passes;                 /* it is none */
    void *owner;                 /* of `wanted` */
};

/* Something that came: what all functions below need to tell of it. */
struct arrival {
    struct websocket_filter *filter;
    struct websocket_stream *stream;
    enum mqtt_side side;
    uint64_t frame;
    microseconds time;
};

static void hand_on(const struct arrival *arrival, struct mqtt_bytes bytes) {
    const struct stream_hooks *wanted = &arrival->filter->wanted;
    if (wanted->bytes != NULL && bytes.length > 0)
        wanted->bytes(wanted->context, arrival->stream->owner, arrival->side, bytes, arrival->frame, arrival->time);
}

static void hand_on_gap(const struct arrival *arrival, uint64_t length) {
    const struct stream_hooks *wanted = &arrival->filter->wanted;
    if (wanted->gap != NULL)
        wanted->gap(wanted->context, arrival->stream->owner, arrival->side, length, arrival->frame, arrival->time);
}

static void hand_on_end(const struct arrival *arrival, bool reset) {
    const struct stream_hooks *wanted = &arrival->filter->wanted;
    if (wanted->ended != NULL)
        wanted->ended(wanted->context, arrival->stream->owner, arrival->side, reset, arrival->frame, arrival->time);
}

static void tell_fault(const struct arrival *arrival, enum websocket_fault_kind kind) {
    const struct websocket_fault fault = {kind, arrival->side, arrival->frame, arrival->time};
    if (arrival->filter->fault != NULL)
        arrival->filter->fault(arrival->filter->wanted.context, arrival->stream->owner, &fault);
}

/* ---- Frames ----------------------------------------------------------------------------------------------- */

static void skip(struct mqtt_bytes *bytes, uint32_t count) {
    bytes->data += count;
    bytes->length -= count;
}

static void lose(const struct arrival *arrival, struct direction *direction) {
    direction->place = LOST;
    hand_on_gap(arrival, 0);
}

/* A header is whole. A message is compressed as a whole, and its first frame says so. */
static void begin_frame(const struct arrival *arrival, struct direction *direction) {
    const struct websocket_header *frame = &direction->frame;
    direction->left = frame->length;
    direction->place = frame->length > 0 ? IN_PAYLOAD : IN_HEADER;
    if (frame->opcode == OPCODE_TEXT || frame->opcode == OPCODE_BINARY)
        direction->compressed = frame->compressed;
    if (frame->opcode == OPCODE_TEXT && !direction->has_text) {
        direction->has_text = true;
        tell_fault(arrival, WEBSOCKET_TEXT_FRAME);
    }
    if (frame->opcode != OPCODE_CLOSE)
        return;
    direction->place = BEHIND_ALL;
    hand_on_end(arrival, false);
}

/* The place of the mask's byte that meets the next one of the payload. */
static unsigned phase(const struct direction *direction) {
    return (direction->frame.length - direction->left) % 4;
}

static void take_header(const struct arrival *arrival, struct direction *direction, struct mqtt_bytes *bytes) {
    const struct websocket *websocket = arrival->stream->websocket;
    uint32_t before = direction->header_length;
    uint32_t room = WEBSOCKET_LONGEST_HEADER - before;
    uint32_t taken = bytes->length < room ? bytes->length : room;
    memcpy(direction->header + before, bytes->data, taken);
    struct mqtt_bytes known = {direction->header, before + taken};
    enum mqtt_status status = websocket_read_header(known, &direction->frame);
    if (status == MQTT_INCOMPLETE) {
        direction->header_length = known.length;
        skip(bytes, taken);
        return;
    }
    direction->header_length = 0;
    /* What is compressed without agreement has no meaning. */
    if (status == MQTT_REFUSED || (direction->frame.compressed && !websocket->compresses)) {
        lose(arrival, direction);
        return;
    }
    skip(bytes, direction->frame.size - before);
    begin_frame(arrival, direction);
}

static void hand_on_unmasked(const struct arrival *arrival, const struct direction *direction,
                             struct mqtt_bytes bytes) {
    unsigned at = phase(direction); /* a piece is a multiple of the mask */
    while (bytes.length > 0) {
        struct mqtt_bytes piece = {bytes.data, bytes.length < WEBSOCKET_PIECE ? bytes.length : WEBSOCKET_PIECE};
        websocket_unmask(arrival->filter->piece, piece, direction->frame.mask, at);
        hand_on(arrival, (struct mqtt_bytes){arrival->filter->piece, piece.length});
        skip(&bytes, piece.length);
    }
}

static void pass_payload(struct direction *direction, uint64_t count) {
    direction->left -= count;
    if (direction->left == 0)
        direction->place = IN_HEADER;
}

static void take_payload(const struct arrival *arrival, struct direction *direction, struct mqtt_bytes *bytes) {
    struct mqtt_bytes part = {bytes->data, direction->left < bytes->length ? (uint32_t)direction->left : bytes->length};
    if (!websocket_is_control(direction->frame.opcode)) {
        if (direction->compressed)
            hand_on_gap(arrival, part.length);
        else if (direction->frame.masked)
            hand_on_unmasked(arrival, direction, part);
        else
            hand_on(arrival, part);
    }
    pass_payload(direction, part.length);
    skip(bytes, part.length);
}

static void find_frame(const struct arrival *arrival, struct direction *direction, struct mqtt_bytes *bytes) {
    uint32_t passed = websocket_find_frame(*bytes, arrival->side, &arrival->filter->rules);
    if (passed < bytes->length)
        direction->place = IN_HEADER;
    if (passed > 0)
        hand_on_gap(arrival, passed);
    skip(bytes, passed);
}

static void take_frames(const struct arrival *arrival, struct mqtt_bytes bytes) {
    struct direction *direction = &arrival->stream->websocket->directions[arrival->side];
    while (bytes.length > 0) {
        switch (direction->place) {
        case IN_HEADER:
            take_header(arrival, direction, &bytes);
            break;
        case IN_PAYLOAD:
            take_payload(arrival, direction, &bytes);
            break;
        case LOST:
            find_frame(arrival, direction, &bytes);
            break;
        case BEHIND_ALL:
            return;
        }
    }
}

/* Bytes are missing between frames, or inside one. */
static void take_gap(const struct arrival *arrival, uint64_t length) {
    struct direction *direction = &arrival->stream->websocket->directions[arrival->side];
    if (direction->place == BEHIND_ALL)
        return;
    bool keeps_place = direction->place == IN_PAYLOAD && length > 0 && length <= direction->left;
    if (!keeps_place) {
        direction->place = LOST;
        direction->header_length = 0;
        direction->compressed = false;
        hand_on_gap(arrival, length);
        return;
    }
    if (!websocket_is_control(direction->frame.opcode))
        hand_on_gap(arrival, length);
    pass_payload(direction, length);
}

/* ---- The handshake ---------------------------------------------------------------------------------------- */

static struct mqtt_bytes kept_bytes(const struct websocket *websocket, enum mqtt_side side) {
    return (struct mqtt_bytes){websocket->kept[side], websocket->kept_length[side]};
}

static void drop_kept(struct websocket_filter *filter, struct websocket *websocket) {
    for (unsigned side = 0; side < 2; side++) {
        filter->kept -= websocket->kept_length[side];
        free(websocket->kept[side]);
        websocket->kept[side] = NULL;
        websocket->kept_length[side] = 0;
    }
}

static void free_websocket(struct websocket_filter *filter, struct websocket_stream *stream) {
    if (stream->websocket != NULL)
        drop_kept(filter, stream->websocket);
    free(stream->websocket);
    stream->websocket = NULL;
}

/* It is no WebSocket: what was kept goes its way. */
static void let_pass(const struct arrival *arrival) {
    struct websocket_stream *stream = arrival->stream;
    stream->passes = true;
    if (stream->websocket == NULL)
        return;
    struct arrival kept = *arrival;
    for (kept.side = MQTT_CLIENT; kept.side <= MQTT_SERVER; kept.side++)
        hand_on(&kept, kept_bytes(stream->websocket, kept.side));
    free_websocket(arrival->filter, stream);
}

/* The handshake is over; `ends` are where its messages end. */
static void open_websocket(const struct arrival *arrival, const uint32_t ends[2]) {
    struct websocket *websocket = arrival->stream->websocket;
    struct arrival kept = *arrival;
    websocket->open = true;
    if (!websocket->offers_mqtt) {
        kept.side = MQTT_CLIENT;
        kept.frame = websocket->request_frame;
        tell_fault(&kept, WEBSOCKET_MQTT_NOT_OFFERED);
        kept.frame = arrival->frame;
    }
    if (websocket->chooses_other) {
        kept.side = MQTT_SERVER;
        tell_fault(&kept, WEBSOCKET_OTHER_CHOSEN);
    }
    for (kept.side = MQTT_CLIENT; kept.side <= MQTT_SERVER; kept.side++) {
        struct mqtt_bytes bytes = kept_bytes(websocket, kept.side);
        if (bytes.length == ends[kept.side])
            continue;
        skip(&bytes, ends[kept.side]);
        take_frames(&kept, bytes);
    }
    drop_kept(arrival->filter, websocket);
}

static void judge_request(const struct arrival *arrival, struct mqtt_bytes message) {
    struct websocket *websocket = arrival->stream->websocket;
    struct handshake_seen request = handshake_look(message, MQTT_CLIENT);
    if (!request.upgrades) {
        let_pass(arrival);
        return;
    }
    websocket->request_end = message.length;
    websocket->request_frame = arrival->frame;
    websocket->offers_mqtt = request.names_mqtt;
}

static void judge_answer(const struct arrival *arrival, struct mqtt_bytes message) {
    struct websocket *websocket = arrival->stream->websocket;
    struct handshake_seen answer = handshake_look(message, MQTT_SERVER);
    if (!answer.upgrades) {
        let_pass(arrival);
        return;
    }
    websocket->compresses = answer.compresses;
    websocket->chooses_other = answer.names_other;
    open_websocket(arrival, (const uint32_t[2]){websocket->request_end, message.length});
}

/* As many of the bytes as there is room for. */
static uint32_t append(const struct arrival *arrival, struct mqtt_bytes bytes) {
    struct websocket *websocket = arrival->stream->websocket;
    uint32_t known = websocket->kept_length[arrival->side];
    uint32_t room = HANDSHAKE_LONGEST - known;
    uint32_t taken = bytes.length < room ? bytes.length : room;
    if (taken == 0 || taken > WEBSOCKET_MOST_KEPT - arrival->filter->kept)
        return 0;
    uint8_t *grown = realloc(websocket->kept[arrival->side], known + taken);
    if (grown == NULL)
        return 0;
    memcpy(grown + known, bytes.data, taken);
    websocket->kept[arrival->side] = grown;
    websocket->kept_length[arrival->side] += taken;
    arrival->filter->kept += taken;
    return taken;
}

/* Keeps bytes until the handshake is over, and what cannot be kept goes where they go. */
static void keep(const struct arrival *arrival, struct mqtt_bytes bytes) {
    struct websocket *websocket = arrival->stream->websocket;
    bool is_asked = websocket->request_end > 0;
    uint32_t known = websocket->kept_length[arrival->side];
    skip(&bytes, append(arrival, bytes));
    struct mqtt_bytes message = kept_bytes(websocket, arrival->side);
    message.length = handshake_end(message, known);
    if (arrival->side == MQTT_SERVER && !is_asked)
        let_pass(arrival); /* it speaks out of turn */
    else if (arrival->side == MQTT_CLIENT && !is_asked && message.length > 0)
        judge_request(arrival, message);
    else if (arrival->side == MQTT_SERVER && message.length > 0)
        judge_answer(arrival, message);
    if (bytes.length == 0)
        return;
    websocket = arrival->stream->websocket;
    if (websocket != NULL && !websocket->open)
        let_pass(arrival);
    if (arrival->stream->passes)
        hand_on(arrival, bytes);
    else
        take_frames(arrival, bytes);
}

/* The first bytes of a connection. Those of a request are worth to be kept. */
static void begin(const struct arrival *arrival, struct mqtt_bytes bytes) {
    static const char request[] = "GET ";
    uint32_t compared = bytes.length < sizeof request - 1 ? bytes.length : sizeof request - 1;
    struct websocket_stream *stream = arrival->stream;
    if (arrival->side == MQTT_CLIENT && memcmp(bytes.data, request, compared) == 0)
        stream->websocket = calloc(1, sizeof *stream->websocket);
    if (stream->websocket != NULL) {
        keep(arrival, bytes);
        return;
    }
    stream->passes = true;
    hand_on(arrival, bytes);
}

/* ---- What the capture tells ------------------------------------------------------------------------------- */

static void *opened(void *context, const struct stream_address *client, const struct stream_address *server,
                    bool from_start, uint64_t frame, microseconds time) {
    struct websocket_filter *filter = context;
    struct websocket_stream *stream = calloc(1, sizeof *stream);
    if (stream != NULL)
        stream->owner = filter->wanted.opened(filter->wanted.context, client, server, from_start, frame, time);
    return stream;
}

static void received(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                     microseconds time) {
    struct websocket_filter *filter = context;
    struct websocket_stream *stream = owner;
    if (stream == NULL)
        return;
    struct arrival arrival = {filter, stream, side, frame, time};
    if (stream->passes)
        hand_on(&arrival, bytes);
    else if (stream->websocket == NULL)
        begin(&arrival, bytes);
    else if (!stream->websocket->open)
        keep(&arrival, bytes);
    else
        take_frames(&arrival, bytes);
}

/* Where the answer is missing, frames will show whether it was a good one. */
static void lose_handshake(const struct arrival *arrival) {
    struct websocket *websocket = arrival->stream->websocket;
    if (websocket == NULL || websocket->request_end == 0 || arrival->side == MQTT_CLIENT) {
        let_pass(arrival);
        return;
    }
    websocket->directions[MQTT_SERVER].place = LOST;
    open_websocket(arrival, (const uint32_t[2]){websocket->request_end, websocket->kept_length[MQTT_SERVER]});
}

static void missing(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                    microseconds time) {
    struct websocket_filter *filter = context;
    struct websocket_stream *stream = owner;
    if (stream == NULL)
        return;
    struct arrival arrival = {filter, stream, side, frame, time};
    if (!stream->passes && (stream->websocket == NULL || !stream->websocket->open))
        lose_handshake(&arrival);
    if (stream->passes)
        hand_on_gap(&arrival, length);
    else
        take_gap(&arrival, length);
}

static void ended(void *context, void *owner, enum mqtt_side side, bool reset, uint64_t frame, microseconds time) {
    struct websocket_filter *filter = context;
    struct websocket_stream *stream = owner;
    if (stream == NULL)
        return;
    struct arrival arrival = {filter, stream, side, frame, time};
    const struct websocket *websocket = stream->websocket;
    if (websocket != NULL && !websocket->open)
        let_pass(&arrival);
    else if (websocket != NULL && !reset && websocket->directions[side].place == BEHIND_ALL)
        return; /* told when it sent its close frame */
    hand_on_end(&arrival, reset);
}

static void closed(void *context, void *owner, uint64_t frame, microseconds time) {
    struct websocket_filter *filter = context;
    struct websocket_stream *stream = owner;
    if (stream == NULL)
        return;
    struct arrival arrival = {filter, stream, MQTT_CLIENT, frame, time};
    if (stream->websocket != NULL && !stream->websocket->open)
        let_pass(&arrival);
    if (filter->wanted.closed != NULL)
        filter->wanted.closed(filter->wanted.context, stream->owner, frame, time);
    free_websocket(filter, stream);
    free(stream);
}

struct stream_hooks websocket_begin(struct websocket_filter *filter, const struct stream_hooks *wanted,
                                    websocket_fault_teller *fault) {
    memset(filter, 0, sizeof *filter);
    filter->wanted = *wanted;
    filter->fault = fault;
    return (struct stream_hooks){filter, opened, received, missing, ended, closed};
}
