#include "reference/websocket.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "reference/websocket_handshake.h"

#define FIRST_CAPACITY 256u

#define FINAL_BIT   0x80u /* the last frame of its message */
#define MASK_BIT    0x80u
#define MASK_LENGTH 4u

/* Bytes that wait to be written. */
struct backlog {
    uint8_t *data;
    size_t start; /* of what is not written yet */
    size_t length;
    size_t capacity;
};

struct websocket {
    enum mqtt_side side;
    enum websocket_state state;
    struct spec_rules *rules;
    const char *reason;
    wslay_event_context_ptr frames;
    uint64_t (*random)(void *context);
    void *random_context;
    uint8_t *handshake; /* received so far; NULL once it is over */
    uint32_t handshake_length;
    char key[HANDSHAKE_KEY_LENGTH + 1];
    char subprotocol[WEBSOCKET_SUBPROTOCOL_SIZE];
    bool ignores_frame; /* the payload that comes is not MQTT */
    bool is_text;       /* the message that comes */
    /* While bytes are taken: */
    struct mqtt_bytes input;
    uint8_t *mqtt;
    size_t mqtt_length;
    size_t frame_start; /* where the MQTT bytes of the current frame begin */
    struct backlog output;
};

/* ---- Output ------------------------------------------------------------------------------------------------- */

static bool reserve(struct backlog *backlog, size_t length) {
    if (length <= backlog->capacity - backlog->length)
        return true;
    size_t capacity = backlog->capacity == 0 ? FIRST_CAPACITY : backlog->capacity;
    while (capacity - backlog->length < length)
        capacity *= 2;
    uint8_t *grown = realloc(backlog->data, capacity);
    if (grown == NULL)
        return false;
    backlog->data = grown;
    backlog->capacity = capacity;
    return true;
}

static bool put(struct backlog *backlog, const void *data, size_t length) {
    if (!reserve(backlog, length))
        return false;
    memcpy(backlog->data + backlog->length, data, length);
    backlog->length += length;
    return true;
}

struct mqtt_bytes websocket_output(const struct websocket *websocket) {
    const struct backlog *output = &websocket->output;
    if (output->data == NULL)
        return (struct mqtt_bytes){NULL, 0};
    return (struct mqtt_bytes){output->data + output->start, (uint32_t)(output->length - output->start)};
}

/* An idle websocket keeps no memory for output. */
void websocket_sent(struct websocket *websocket, size_t count) {
    struct backlog *output = &websocket->output;
    assert(count <= output->length - output->start);
    output->start += count;
    if (output->start < output->length)
        return;
    free(output->data);
    *output = (struct backlog){0};
}

static void end_with(struct websocket *websocket, const char *reason) {
    if (websocket->reason == NULL)
        websocket->reason = reason;
    websocket->state = WEBSOCKET_ENDING;
}

/* ---- What the library of frames asks for ------------------------------------------------------------------------ */

static ssize_t on_wants_bytes(wslay_event_context_ptr context, uint8_t *buffer, size_t size, int flags, void *user) {
    struct websocket *websocket = user;
    (void)flags;
    size_t length = websocket->input.length < size ? websocket->input.length : size;
    if (length == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(buffer, websocket->input.data, length);
    websocket->input.data += length;
    websocket->input.length -= (uint32_t)length;
    return (ssize_t)length;
}

static ssize_t on_has_bytes(wslay_event_context_ptr context, const uint8_t *data, size_t length, int flags,
                            void *user) {
    struct websocket *websocket = user;
    (void)flags;
    if (put(&websocket->output, data, length))
        return (ssize_t)length;
    wslay_event_set_error(context, WSLAY_ERR_NOMEM);
    return -1;
}

static void fill_randomly(struct websocket *websocket, uint8_t *buffer, size_t size) {
    uint64_t random;
    for (size_t i = 0; i < size; i += sizeof random) {
        random = websocket->random(websocket->random_context);
        memcpy(buffer + i, &random, size - i < sizeof random ? size - i : sizeof random);
    }
}

static int on_wants_mask(wslay_event_context_ptr context, uint8_t *buffer, size_t size, void *user) {
    (void)context;
    fill_randomly(user, buffer, size);
    return 0;
}

/* MQTT-6.0.0-1. It binds in both versions, and which one is spoken is not known before CONNECT. */
static bool must_refuse_text(struct websocket *websocket) {
    bool in_3_1_1 = MUST(websocket->rules, V311(6_0_0_1));
    return MUST(websocket->rules, V5(6_0_0_1)) && in_3_1_1;
}

static void on_frame(wslay_event_context_ptr context, const struct wslay_event_on_frame_recv_start_arg *frame,
                     void *user) {
    struct websocket *websocket = user;
    websocket->frame_start = websocket->mqtt_length;
    websocket->ignores_frame = wslay_is_ctrl_frame(frame->opcode);
    if (websocket->ignores_frame)
        return;
    if (frame->opcode != WSLAY_CONTINUATION_FRAME)
        websocket->is_text = frame->opcode == WSLAY_TEXT_FRAME;
    if (!websocket->is_text || !must_refuse_text(websocket))
        return;
    static const uint8_t why[] = "MQTT goes in binary frames";
    websocket->ignores_frame = true;
    wslay_event_shutdown_read(context);
    wslay_event_queue_close(context, WSLAY_CODE_UNSUPPORTED_DATA, why, sizeof why - 1);
    end_with(websocket, "a frame is not binary");
}

static void on_chunk(wslay_event_context_ptr context, const struct wslay_event_on_frame_recv_chunk_arg *chunk,
                     void *user) {
    struct websocket *websocket = user;
    (void)context;
    if (websocket->ignores_frame || websocket->state != WEBSOCKET_OPEN)
        return;
    memcpy(websocket->mqtt + websocket->mqtt_length, chunk->data, chunk->data_length);
    websocket->mqtt_length += chunk->data_length;
}

/* The length of the whole MQTT packets at the beginning. */
static size_t whole_packets(const uint8_t *data, size_t length) {
    size_t whole = 0;
    while (length - whole >= 2) {
        size_t size = 0;
        size_t at = whole + 1;
        unsigned shift = 0;
        do {
            size |= (size_t)(data[at] & 0x7Fu) << shift;
            shift += 7;
        } while ((data[at++] & 0x80u) != 0 && at < length && shift < 28);
        if (size > length - at || (data[at - 1] & 0x80u) != 0)
            break;
        whole = at + size;
    }
    return whole;
}

/* MQTT-6.0.0-2. A receiver that breaks it takes each frame for whole packets and drops what is left over. */
static void on_frame_end(wslay_event_context_ptr context, void *user) {
    struct websocket *websocket = user;
    (void)context;
    if (websocket->ignores_frame)
        return;
    bool in_3_1_1 = MUST(websocket->rules, V311(6_0_0_2));
    if (MUST(websocket->rules, V5(6_0_0_2)) && in_3_1_1)
        return;
    size_t length = websocket->mqtt_length - websocket->frame_start;
    websocket->mqtt_length = websocket->frame_start + whole_packets(websocket->mqtt + websocket->frame_start, length);
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_wants_bytes,
    .send_callback = on_has_bytes,
    .genmask_callback = on_wants_mask,
    .on_frame_recv_start_callback = on_frame,
    .on_frame_recv_chunk_callback = on_chunk,
    .on_frame_recv_end_callback = on_frame_end,
};

/* ---- Life ------------------------------------------------------------------------------------------------------- */

static void make_key(struct websocket *websocket) {
    uint8_t bytes[16];
    fill_randomly(websocket, bytes, sizeof bytes);
    EVP_EncodeBlock((uint8_t *)websocket->key, bytes, sizeof bytes);
}

static bool send_request(struct websocket *websocket, const struct websocket_settings *settings) {
    char request[HANDSHAKE_LONGEST];
    make_key(websocket);
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
                          settings->path, settings->host, websocket->key,
                          settings->subprotocols == NULL ? SUBPROTOCOL : settings->subprotocols);
    return length > 0 && (size_t)length < sizeof request && put(&websocket->output, request, (size_t)length);
}

struct websocket *websocket_create(const struct websocket_settings *settings) {
    struct websocket *websocket = calloc(1, sizeof *websocket);
    if (websocket == NULL)
        return NULL;
    websocket->side = settings->side;
    websocket->rules = settings->rules;
    websocket->random = settings->random;
    websocket->random_context = settings->random_context;
    if (settings->side == MQTT_SERVER || send_request(websocket, settings))
        return websocket;
    websocket_destroy(websocket);
    return NULL;
}

void websocket_destroy(struct websocket *websocket) {
    if (websocket == NULL)
        return;
    if (websocket->frames != NULL)
        wslay_event_context_free(websocket->frames);
    free(websocket->handshake);
    free(websocket->output.data);
    free(websocket);
}

enum websocket_state websocket_state(const struct websocket *websocket) {
    return websocket->state;
}

const char *websocket_reason(const struct websocket *websocket) {
    return websocket->reason;
}

const char *websocket_subprotocol(const struct websocket *websocket) {
    return websocket->subprotocol;
}

/* ---- The handshake ------------------------------------------------------------------------------------------------
 */

static bool start_frames(struct websocket *websocket) {
    int error = websocket->side == MQTT_SERVER
                    ? wslay_event_context_server_init(&websocket->frames, &callbacks, websocket)
                    : wslay_event_context_client_init(&websocket->frames, &callbacks, websocket);
    if (error != 0)
        return false;
    wslay_event_config_set_no_buffering(websocket->frames, 1);
    wslay_event_config_set_max_recv_msg_length(websocket->frames, UINT64_MAX >> 1);
    return true;
}

/* MQTT-6.0.0-4. A Server that breaks it names the subprotocol of MQTT 3.1. */
static const char *subprotocol_to_name(struct websocket *websocket) {
    bool in_3_1_1 = MUST(websocket->rules, V311(6_0_0_4));
    return MUST(websocket->rules, V5(6_0_0_4)) && in_3_1_1 ? SUBPROTOCOL : "mqttv3.1";
}

static void judge_handshake(struct websocket *websocket, struct mqtt_bytes message) {
    char answer[HANDSHAKE_ANSWER_LONGEST];
    const char *fault;
    if (websocket->side == MQTT_SERVER) {
        fault = handshake_answer(message, subprotocol_to_name(websocket), answer);
        if (!put(&websocket->output, answer, strlen(answer)))
            fault = "out of memory";
    } else {
        fault = handshake_check(message, websocket->key, websocket->subprotocol, sizeof websocket->subprotocol);
    }
    if (fault == NULL && !start_frames(websocket))
        fault = "out of memory";
    if (fault != NULL)
        end_with(websocket, fault);
    else
        websocket->state = WEBSOCKET_OPEN;
}

static void refuse_length(struct websocket *websocket) {
    static const char answer[] = "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n";
    if (websocket->side == MQTT_SERVER)
        (void)put(&websocket->output, answer, sizeof answer - 1); /* without memory it ends all the same */
    end_with(websocket, "the handshake is longer than 8 KiB");
}

/* Takes bytes until the handshake is over, and leaves the rest. */
static void take_handshake(struct websocket *websocket, struct mqtt_bytes *bytes) {
    uint32_t known = websocket->handshake_length;
    uint32_t room = HANDSHAKE_LONGEST - known;
    uint32_t taken = bytes->length < room ? bytes->length : room;
    uint8_t *grown = realloc(websocket->handshake, known + taken);
    if (grown == NULL) {
        end_with(websocket, "out of memory");
        return;
    }
    websocket->handshake = grown;
    memcpy(grown + known, bytes->data, taken);
    struct mqtt_bytes message = {grown, known + taken};
    uint32_t end = handshake_end(message, known);
    websocket->handshake_length = message.length;
    /* HTTP begins with a capital letter, both ways. MQTT and TLS do not, and would wait for an answer. */
    if (end == 0 && (grown[0] < 'A' || grown[0] > 'Z'))
        end = message.length;
    if (end == 0) {
        *bytes = (struct mqtt_bytes){bytes->data + taken, bytes->length - taken};
        if (message.length == HANDSHAKE_LONGEST)
            refuse_length(websocket);
        return;
    }
    *bytes = (struct mqtt_bytes){bytes->data + (end - known), bytes->length - (end - known)};
    message.length = end;
    judge_handshake(websocket, message);
    free(websocket->handshake);
    websocket->handshake = NULL;
}

/* ---- Frames ---------------------------------------------------------------------------------------------------------
 */

/* Moves what the library wants to send to the output. */
static void collect(struct websocket *websocket) {
    if (wslay_event_want_write(websocket->frames) && wslay_event_send(websocket->frames) != 0)
        end_with(websocket, "out of memory");
}

static void take_frames(struct websocket *websocket) {
    int error = wslay_event_recv(websocket->frames);
    collect(websocket);
    if (error != 0)
        end_with(websocket, error == WSLAY_ERR_NOMEM ? "out of memory" : "the frames cannot be read");
    else if (wslay_event_get_close_sent(websocket->frames) || !wslay_event_get_read_enabled(websocket->frames))
        end_with(websocket, wslay_event_get_close_received(websocket->frames) ? NULL : "a frame breaks RFC 6455");
}

size_t websocket_receive(struct websocket *websocket, struct mqtt_bytes bytes, uint8_t *mqtt) {
    if (websocket->state == WEBSOCKET_OPENING && bytes.length > 0)
        take_handshake(websocket, &bytes);
    if (websocket->state != WEBSOCKET_OPEN || bytes.length == 0)
        return 0;
    websocket->input = bytes;
    websocket->mqtt = mqtt;
    websocket->mqtt_length = 0;
    websocket->frame_start = 0;
    take_frames(websocket);
    return websocket->mqtt_length;
}

static bool queue_ping(struct websocket *websocket) {
    struct wslay_event_msg message = {.opcode = WSLAY_PING};
    if (wslay_event_queue_msg(websocket->frames, &message) != 0)
        return false;
    collect(websocket);
    return websocket->state == WEBSOCKET_OPEN;
}

/* Data frames are written here, without the library's copies of them; it writes those in between. A Client's are
 * masked, section 5.3. */
static bool put_frame(struct websocket *websocket, uint8_t first, const struct mqtt_bytes *views, size_t count) {
    uint8_t header[2 + sizeof(uint64_t) + MASK_LENGTH] = {first};
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += views[i].length;
    size_t extended = total < 126 ? 0 : total <= UINT16_MAX ? 2 : 8;
    header[1] = extended == 0 ? (uint8_t)total : extended == 2 ? 126 : 127;
    for (size_t i = 0; i < extended; i++)
        header[2 + i] = (uint8_t)(total >> 8 * (extended - 1 - i));
    uint8_t *mask = NULL;
    size_t length = 2 + extended;
    if (websocket->side == MQTT_CLIENT) {
        header[1] |= MASK_BIT;
        mask = header + length;
        fill_randomly(websocket, mask, MASK_LENGTH);
        length += MASK_LENGTH;
    }
    struct backlog *output = &websocket->output;
    if (!reserve(output, length + total) || !put(output, header, length))
        return false;
    size_t start = output->length;
    for (size_t i = 0; i < count; i++)
        if (!put(output, views[i].data, views[i].length))
            return false;
    for (size_t i = 0; mask != NULL && i < total; i++)
        output->data[start + i] ^= mask[i % MASK_LENGTH];
    return true;
}

/* A frame for each byte, or one message whose fragments are a byte each, with pings between them. */
static bool put_bytes_apart(struct websocket *websocket, const struct mqtt_bytes *views, size_t count, bool fragments) {
    uint8_t opcode = WSLAY_BINARY_FRAME;
    for (size_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < views[i].length; k++) {
            bool last = !fragments || (i + 1 == count && k + 1 == views[i].length);
            struct mqtt_bytes byte = {views[i].data + k, 1};
            if (!put_frame(websocket, (uint8_t)(opcode | (last ? FINAL_BIT : 0)), &byte, 1) ||
                (!last && !queue_ping(websocket)))
                return false;
            if (fragments)
                opcode = WSLAY_CONTINUATION_FRAME;
        }
    return true;
}

bool websocket_send(struct websocket *websocket, const struct mqtt_bytes *views, size_t count,
                    enum websocket_framing framing) {
    if (websocket->state != WEBSOCKET_OPEN)
        return false;
    switch (framing) {
    case FRAMED_TOGETHER:
        return put_frame(websocket, FINAL_BIT | WSLAY_BINARY_FRAME, views, count);
    case FRAMED_AS_TEXT:
        return put_frame(websocket, FINAL_BIT | WSLAY_TEXT_FRAME, views, count);
    case FRAMED_BYTEWISE:
    case FRAMED_FRAGMENTED:
        return put_bytes_apart(websocket, views, count, framing == FRAMED_FRAGMENTED);
    }
    return false;
}

void websocket_close(struct websocket *websocket) {
    if (websocket->state != WEBSOCKET_OPEN)
        return;
    wslay_event_queue_close(websocket->frames, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0);
    collect(websocket);
    end_with(websocket, NULL);
}
