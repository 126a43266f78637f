#include "pcaps/tls_stream.h"

#include <stdlib.h>
#include <string.h>

#include "pcaps/tls_messages.h"
#include "pcaps/tls_talk.h"

enum { MQTT_OVER_TLS_PORT = 8883 };

/* A capture of which more has to be searched than that is damaged throughout. */
#define MOST_WORK (UINT64_C(1) << 30)

/* What is kept until the first bytes tell what the connection is. */
struct undecided {
    struct tls_opening opening;
    bool from_start;
    bool lacks[2]; /* by enum mqtt_side: bytes are missing at its beginning */
    uint64_t missing[2];
    uint8_t held[TLS_BEGINNING_SIZE]; /* the client's first bytes */
    uint32_t held_length;
};

enum carries { CARRIES_UNKNOWN, CARRIES_TLS, CARRIES_OTHER, CARRIES_SECRETS };

struct carrier {
    enum carries carries;
    struct undecided *undecided; /* of CARRIES_UNKNOWN */
    struct tls_talk *talk;       /* of CARRIES_TLS */
    void *owner;                 /* of CARRIES_OTHER: who wants it knows it by this */
};

/* ---- Passing through --------------------------------------------------------------------------------------------- */

static void pass_gap(struct tls_filter *filter, const struct carrier *carrier, enum mqtt_side side, uint64_t length,
                     struct tls_moment moment) {
    if (filter->hooks.gap != NULL)
        filter->hooks.gap(filter->hooks.context, carrier->owner, side, length, moment.frame, moment.time);
}

static void pass_bytes(struct tls_filter *filter, const struct carrier *carrier, enum mqtt_side side,
                       struct mqtt_bytes bytes, struct tls_moment moment) {
    if (filter->hooks.bytes != NULL && bytes.length > 0)
        filter->hooks.bytes(filter->hooks.context, carrier->owner, side, bytes, moment.frame, moment.time);
}

/* It is no TLS: hands on all that came so far. */
static void let_pass(struct tls_filter *filter, struct carrier *carrier, struct tls_moment moment) {
    struct undecided *undecided = carrier->undecided;
    const struct tls_opening *opening = &undecided->opening;
    carrier->undecided = NULL;
    carrier->carries = CARRIES_OTHER;
    carrier->owner = filter->hooks.opened(filter->hooks.context, &opening->client, &opening->server,
                                          undecided->from_start, opening->moment.frame, opening->moment.time);
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++)
        if (undecided->lacks[side])
            pass_gap(filter, carrier, (enum mqtt_side)side, undecided->missing[side], moment);
    pass_bytes(filter, carrier, MQTT_CLIENT, (struct mqtt_bytes){undecided->held, undecided->held_length}, moment);
    free(undecided);
}

/* ---- Recognising ------------------------------------------------------------------------------------------------- */

static void begin_talk(struct tls_filter *filter, struct carrier *carrier, struct tls_moment moment) {
    struct undecided *undecided = carrier->undecided;
    carrier->undecided = NULL;
    carrier->carries = CARRIES_TLS;
    carrier->talk = tls_talk_create(filter, &undecided->opening);
    if (carrier->talk != NULL && undecided->held_length > 0)
        tls_talk_bytes(carrier->talk, MQTT_CLIENT, (struct mqtt_bytes){undecided->held, undecided->held_length},
                       moment);
    free(undecided);
}

static void set_aside(struct tls_filter *filter, struct carrier *carrier) {
    free(carrier->undecided);
    carrier->undecided = NULL;
    carrier->carries = CARRIES_SECRETS;
    filter->totals.troubled[TLS_JOINED]++;
    filter->withheld++;
}

/* The client's first bytes, with what is held before. */
static enum tls_beginning judge(const struct undecided *undecided, struct mqtt_bytes bytes) {
    uint8_t first[TLS_BEGINNING_SIZE];
    uint32_t held = undecided->held_length;
    uint32_t more = bytes.length < sizeof first - held ? bytes.length : (uint32_t)sizeof first - held;
    memcpy(first, undecided->held, held);
    memcpy(first + held, bytes.data, more);
    return tls_begins((struct mqtt_bytes){first, held + more});
}

/* Decides, where the bytes tell; else holds them. */
static void decide(struct tls_filter *filter, struct carrier *carrier, enum mqtt_side side, struct mqtt_bytes bytes,
                   struct tls_moment moment) {
    struct undecided *undecided = carrier->undecided;
    bool joined = !undecided->from_start || undecided->lacks[MQTT_CLIENT] || undecided->lacks[MQTT_SERVER];
    enum tls_beginning beginning = side == MQTT_CLIENT ? judge(undecided, bytes) : TLS_BEGINS_NOT;
    if (beginning == TLS_BEGINS) {
        begin_talk(filter, carrier, moment);
    } else if (beginning == TLS_MAY_BEGIN) {
        memcpy(undecided->held + undecided->held_length, bytes.data, bytes.length);
        undecided->held_length += bytes.length;
    } else if (joined && (undecided->opening.server.port == MQTT_OVER_TLS_PORT || tls_looks_like_record(bytes))) {
        set_aside(filter, carrier);
    } else {
        let_pass(filter, carrier, moment);
    }
}

/* ---- What the capture tells -------------------------------------------------------------------------------------- */

static void *opened(void *context, const struct stream_address *client, const struct stream_address *server,
                    bool from_start, uint64_t frame, microseconds time) {
    (void)context;
    struct carrier *carrier = calloc(1, sizeof *carrier);
    struct undecided *undecided = calloc(1, sizeof *undecided);
    if (carrier == NULL || undecided == NULL) {
        free(carrier);
        free(undecided);
        return NULL;
    }
    undecided->opening = (struct tls_opening){*client, *server, {frame, time}};
    undecided->from_start = from_start;
    carrier->undecided = undecided;
    return carrier;
}

static void received(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                     microseconds time) {
    struct tls_filter *filter = context;
    struct carrier *carrier = owner;
    struct tls_moment moment = {frame, time};
    if (carrier == NULL)
        return;
    if (carrier->carries == CARRIES_UNKNOWN) {
        decide(filter, carrier, side, bytes, moment);
        if (carrier->carries == CARRIES_UNKNOWN)
            return;
    }
    if (carrier->carries == CARRIES_OTHER)
        pass_bytes(filter, carrier, side, bytes, moment);
    else if (carrier->talk != NULL)
        tls_talk_bytes(carrier->talk, side, bytes, moment);
}

static void missing(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                    microseconds time) {
    struct tls_filter *filter = context;
    struct carrier *carrier = owner;
    struct tls_moment moment = {frame, time};
    if (carrier == NULL)
        return;
    if (carrier->carries == CARRIES_UNKNOWN && carrier->undecided->held_length > 0)
        let_pass(filter, carrier, moment);
    if (carrier->carries == CARRIES_UNKNOWN) {
        carrier->undecided->lacks[side] = true;
        carrier->undecided->missing[side] = length;
    } else if (carrier->carries == CARRIES_OTHER) {
        pass_gap(filter, carrier, side, length, moment);
    } else if (carrier->talk != NULL) {
        tls_talk_gap(carrier->talk, side, length, moment);
    }
}

static void ended(void *context, void *owner, enum mqtt_side side, bool reset, uint64_t frame, microseconds time) {
    struct tls_filter *filter = context;
    struct carrier *carrier = owner;
    struct tls_moment moment = {frame, time};
    if (carrier == NULL)
        return;
    if (carrier->carries == CARRIES_UNKNOWN)
        let_pass(filter, carrier, moment);
    if (carrier->talk != NULL)
        tls_talk_ended(carrier->talk, side, reset, moment);
    else if (carrier->carries == CARRIES_OTHER && filter->hooks.ended != NULL)
        filter->hooks.ended(filter->hooks.context, carrier->owner, side, reset, frame, time);
}

static void closed(void *context, void *owner, uint64_t frame, microseconds time) {
    struct tls_filter *filter = context;
    struct carrier *carrier = owner;
    struct tls_moment moment = {frame, time};
    if (carrier == NULL)
        return;
    if (carrier->carries == CARRIES_UNKNOWN)
        let_pass(filter, carrier, moment);
    if (carrier->talk != NULL)
        tls_talk_closed(carrier->talk, moment);
    else if (carrier->carries == CARRIES_OTHER && filter->hooks.closed != NULL)
        filter->hooks.closed(filter->hooks.context, carrier->owner, frame, time);
    free(carrier);
}

struct stream_hooks tls_begin(struct tls_filter *filter, struct keylog *keylog, bool follows,
                              const struct stream_hooks *wanted) {
    memset(filter, 0, sizeof *filter);
    filter->hooks = *wanted;
    filter->keylog = keylog;
    filter->follows = follows && keylog != NULL;
    filter->work = MOST_WORK;
    return (struct stream_hooks){filter, opened, received, missing, ended, closed};
}

void tls_end(struct tls_filter *filter) {
    SSL_free(filter->library);
    SSL_CTX_free(filter->context);
    filter->library = NULL;
    filter->context = NULL;
    tls_buffers_clear(&filter->buffers);
}
