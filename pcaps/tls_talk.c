#include "pcaps/tls_talk.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "pcaps/tls_framing.h"
#include "pcaps/tls_messages.h"

enum {
    TLS_1_2_NUMBER = 0x0303,
    TLS_1_3_NUMBER = 0x0304,
    /* Records that are looked for beyond the one that should come. */
    MOST_DOUBT = 4096,
    /* What a try costs beside the bytes of its record, and keys, in bytes. */
    TRY_COST = 256,
    KEYS_COST = 32 * 1024,
    /* A record that authenticates gives back what some tries cost, so that much damage over a long time does no harm.
     */
    REGAINED = 16,
};

/* What may be spent in one direction. */
#define MOST_DIRECTION_WORK (UINT64_C(16) << 20)

enum stage {
    STAGE_PLAIN,     /* not yet protected */
    STAGE_HANDSHAKE, /* TLS 1.3: protected, and no application data yet but early data */
    STAGE_TRAFFIC
};

struct tls_direction {
    struct tls_framing framing;
    struct tls_messages messages;
    bool messages_lost; /* where the next begins is not known, until the stage changes */
    bool is_lost;       /* given up */
    bool has_ended;     /* its sender has said that nothing more comes */
    enum stage stage;
    struct tls_protection protection;
    unsigned session;  /* which of the connection it is of, in TLS 1.2; 0 is none */
    uint64_t sequence; /* of the next record, at least */
    uint32_t doubt;    /* records that may have come before it */
    uint64_t passed;   /* bytes without record since the last gap that was told */
    bool has_untold;   /* gaps from before the connection was handed on */
    uint64_t untold;   /* bytes in them */
    uint64_t work;     /* that may still be spent */
};

struct tls_talk {
    struct tls_filter *filter;
    struct tls_opening opening;
    struct tls_direction directions[2]; /* by enum mqtt_side: who sends */
    bool is_open;                       /* the filter's hooks know it, for a record of it authenticated */
    bool is_troubled;                   /* it cannot be read */
    bool has_hello;
    bool has_early_data;
    bool has_failed;            /* some record did not authenticate */
    size_t refused;             /* records of application data, as far as that can be told */
    unsigned version;           /* 0: not yet known */
    struct tls_session session; /* of TLS 1.2; only the suite, and the client's Random, of TLS 1.3 */
    unsigned session_count;
    void *owner;
};

/* ---- Handing on -------------------------------------------------------------------------------------------------- */

static void hand_on_gap(struct tls_talk *talk, enum mqtt_side side, uint64_t length, struct tls_moment moment) {
    const struct stream_hooks *hooks = &talk->filter->hooks;
    struct tls_direction *direction = &talk->directions[side];
    if (!talk->is_open) {
        direction->has_untold = true;
        direction->untold += length;
    } else if (hooks->gap != NULL) {
        hooks->gap(hooks->context, talk->owner, side, length, moment.frame, moment.time);
    }
}

/* Bytes in which no record was found are told together. */
static void tell_passed(struct tls_talk *talk, enum mqtt_side side, struct tls_moment moment) {
    uint64_t passed = talk->directions[side].passed;
    talk->directions[side].passed = 0;
    if (passed > 0)
        hand_on_gap(talk, side, passed, moment);
}

static void hand_on(struct tls_talk *talk, enum mqtt_side side, struct mqtt_bytes bytes, struct tls_moment moment) {
    const struct stream_hooks *hooks = &talk->filter->hooks;
    if (hooks->bytes != NULL && bytes.length > 0)
        hooks->bytes(hooks->context, talk->owner, side, bytes, moment.frame, moment.time);
}

/* Some record authenticates: the secrets are right. */
static void open_talk(struct tls_talk *talk, struct tls_moment moment) {
    const struct stream_hooks *hooks = &talk->filter->hooks;
    const struct tls_opening *opening = &talk->opening;
    if (talk->is_open)
        return;
    talk->is_open = true;
    /* What it carries is seen from its start, also where the SYN was not. */
    talk->owner = hooks->opened(hooks->context, &opening->client, &opening->server, true, opening->moment.frame,
                                opening->moment.time);
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++)
        if (talk->directions[side].has_untold)
            hand_on_gap(talk, (enum mqtt_side)side, talk->directions[side].untold, moment);
}

static void clear_direction(struct tls_talk *talk, struct tls_direction *direction) {
    struct tls_buffers *buffers = &talk->filter->buffers;
    tls_framing_clear(&direction->framing, buffers);
    tls_messages_restart(&direction->messages, buffers);
    tls_protection_clear(&direction->protection);
}

static void give_up(struct tls_talk *talk, struct tls_direction *direction) {
    if (direction->is_lost)
        return;
    direction->is_lost = true;
    clear_direction(talk, direction);
}

/* The connection cannot be read, or not to its end where some of it was. */
static void be_in_trouble(struct tls_talk *talk, enum tls_trouble trouble) {
    if (talk->is_troubled)
        return;
    talk->is_troubled = true;
    if (!talk->is_open)
        talk->filter->totals.troubled[trouble]++;
    give_up(talk, &talk->directions[MQTT_CLIENT]);
    give_up(talk, &talk->directions[MQTT_SERVER]);
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

static struct mqtt_bytes secret_of(const struct tls_talk *talk, enum keylog_label label) {
    const struct tls_filter *filter = talk->filter;
    struct mqtt_bytes secret = {NULL, 0};
    if (filter->keylog == NULL)
        return secret;
    secret = keylog_find(filter->keylog, talk->session.client_random, label);
    if (secret.length == 0 && filter->follows && keylog_refresh(filter->keylog))
        secret = keylog_find(filter->keylog, talk->session.client_random, label);
    return secret;
}

static bool has_secrets(const struct tls_talk *talk) {
    if (talk->version == TLS_1_2_NUMBER)
        return secret_of(talk, KEYLOG_MASTER_SECRET).length > 0;
    return secret_of(talk, KEYLOG_CLIENT_TRAFFIC).length > 0 || secret_of(talk, KEYLOG_SERVER_TRAFFIC).length > 0;
}

static bool next_of_1_2(struct tls_talk *talk, enum mqtt_side side, struct tls_protection *next) {
    struct mqtt_bytes secret = secret_of(talk, KEYLOG_MASTER_SECRET);
    if (talk->directions[side].session == talk->session_count || secret.length != sizeof talk->session.master_secret)
        return false;
    memcpy(talk->session.master_secret, secret.data, secret.length);
    return tls_protect_1_2(next, &talk->session, side);
}

/* The keys that a side turns to next, where they can be known. */
static bool next_protection(struct tls_talk *talk, enum mqtt_side side, struct tls_protection *next) {
    static const enum keylog_label labels[] = {KEYLOG_CLIENT_TRAFFIC, KEYLOG_SERVER_TRAFFIC};
    const struct tls_direction *direction = &talk->directions[side];
    if (talk->version == TLS_1_2_NUMBER)
        return next_of_1_2(talk, side, next);
    if (direction->stage == STAGE_HANDSHAKE)
        return tls_protect_1_3(next, &talk->session.suite, secret_of(talk, labels[side]));
    return direction->stage == STAGE_TRAFFIC && direction->protection.cipher != NULL &&
           tls_protect_next(next, &direction->protection);
}

/* From its record `sequence` on, the side uses these keys. */
static void turn_to(struct tls_talk *talk, enum mqtt_side side, const struct tls_protection *next, enum stage stage,
                    uint64_t sequence) {
    struct tls_direction *direction = &talk->directions[side];
    /* Records that were not read held no application data, unless it came early, or some of these keys come before the
     * one at hand: in TLS 1.2, the first of them ends the handshake. */
    bool is_early = side == MQTT_CLIENT && talk->has_early_data;
    if (direction->stage != STAGE_TRAFFIC && !is_early && sequence <= (talk->version == TLS_1_2_NUMBER ? 2 : 1))
        direction->passed = 0;
    tls_protection_clear(&direction->protection);
    direction->protection = *next;
    direction->framing.shortest = next->cipher != NULL ? tls_shortest_record(next) : 0;
    direction->session = talk->session_count;
    direction->stage = stage;
    direction->sequence = sequence;
    direction->messages_lost = false;
    tls_messages_restart(&direction->messages, &talk->filter->buffers);
}

/* The side has said that it turns to its next keys. Those that may still come to be known are tried with each record.
 */
static void turn_to_next(struct tls_talk *talk, enum mqtt_side side) {
    struct tls_direction *direction = &talk->directions[side];
    struct tls_protection next = {0};
    if (next_protection(talk, side, &next))
        turn_to(talk, side, &next, STAGE_TRAFFIC, 0);
    else if (talk->filter->follows && direction->stage != STAGE_TRAFFIC)
        direction->stage = STAGE_HANDSHAKE;
    else
        give_up(talk, direction);
}

/* ---- Handshake --------------------------------------------------------------------------------------------------- */

static bool find_suite(struct tls_talk *talk, unsigned number) {
    struct tls_filter *filter = talk->filter;
    if (filter->context == NULL)
        filter->context = SSL_CTX_new(TLS_method());
    if (filter->library == NULL && filter->context != NULL)
        filter->library = SSL_new(filter->context);
    return filter->library != NULL && tls_suite_find(filter->library, number, &talk->session.suite);
}

static void start_1_2(struct tls_talk *talk, const struct tls_server_hello *hello) {
    memcpy(talk->session.server_random, hello->random, TLS_RANDOM_SIZE);
    talk->session.encrypt_then_mac = hello->encrypt_then_mac;
    talk->session_count++;
}

static void start_1_3(struct tls_talk *talk) {
    static const enum keylog_label labels[] = {KEYLOG_CLIENT_HANDSHAKE, KEYLOG_SERVER_HANDSHAKE};
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++) {
        struct tls_protection next = {0};
        /* Without keys for the handshake, the first record of what follows shows itself by authenticating. */
        (void)tls_protect_1_3(&next, &talk->session.suite, secret_of(talk, labels[side]));
        turn_to(talk, (enum mqtt_side)side, &next, STAGE_HANDSHAKE, 0);
    }
}

static void take_client_hello(struct tls_talk *talk, struct mqtt_bytes body) {
    struct tls_client_hello hello;
    if (!tls_read_client_hello(body, &hello)) {
        be_in_trouble(talk, TLS_HANDSHAKE_MISSING);
        return;
    }
    talk->has_hello = true;
    talk->has_early_data |= hello.has_early_data;
    memcpy(talk->session.client_random, hello.random, TLS_RANDOM_SIZE);
}

static void take_server_hello(struct tls_talk *talk, struct mqtt_bytes body) {
    struct tls_server_hello hello;
    if (!talk->has_hello || !tls_read_server_hello(body, &hello)) {
        be_in_trouble(talk, TLS_HANDSHAKE_MISSING);
        return;
    }
    if (hello.is_retry)
        return;
    if (hello.version != TLS_1_2_NUMBER && hello.version != TLS_1_3_NUMBER) {
        be_in_trouble(talk, TLS_TOO_OLD);
        return;
    }
    talk->version = hello.version;
    if (hello.compresses || !find_suite(talk, hello.suite))
        be_in_trouble(talk, TLS_NO_SUITE);
    else if (!talk->filter->follows && !has_secrets(talk))
        be_in_trouble(talk, TLS_NO_SECRETS);
    else if (hello.version == TLS_1_2_NUMBER)
        start_1_2(talk, &hello);
    else
        start_1_3(talk);
}

static void take_message(struct tls_talk *talk, enum mqtt_side side, const struct tls_message *message) {
    bool is_1_3 = talk->version == TLS_1_3_NUMBER;
    enum stage stage = talk->directions[side].stage;
    switch (message->type) {
    case TLS_CLIENT_HELLO:
        if (side == MQTT_CLIENT && !is_1_3)
            take_client_hello(talk, message->body);
        break;
    case TLS_SERVER_HELLO:
        if (side == MQTT_SERVER && !is_1_3)
            take_server_hello(talk, message->body);
        break;
    case TLS_FINISHED:
        if (is_1_3 && stage == STAGE_HANDSHAKE)
            turn_to_next(talk, side);
        break;
    case TLS_KEY_UPDATE:
        if (is_1_3 && stage == STAGE_TRAFFIC && message->body.length == 1)
            turn_to_next(talk, side);
        break;
    default:
        break;
    }
}

static void take_handshake(struct tls_talk *talk, enum mqtt_side side, struct mqtt_bytes bytes) {
    struct tls_direction *direction = &talk->directions[side];
    struct tls_message message;
    unsigned session = direction->session;
    enum stage stage = direction->stage;
    /* New keys begin with a record. */
    while (!direction->messages_lost && !direction->is_lost && direction->stage == stage &&
           direction->session == session &&
           tls_messages_take(&direction->messages, &talk->filter->buffers, &bytes, &message))
        take_message(talk, side, &message);
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

/* Accounts for work. False where there was enough of it: then the direction is given up. */
static bool spend(struct tls_talk *talk, struct tls_direction *direction, uint64_t cost) {
    struct tls_filter *filter = talk->filter;
    if (direction->work < cost || filter->work < cost) {
        give_up(talk, direction);
        return false;
    }
    direction->work -= cost;
    filter->work -= cost;
    return true;
}

static void regain(struct tls_talk *talk, struct tls_direction *direction, uint64_t cost) {
    uint64_t lacking = MOST_DIRECTION_WORK - direction->work;
    uint64_t regained = cost < lacking ? cost : lacking;
    direction->work += regained;
    talk->filter->work += regained;
}

static uint32_t tries(const struct tls_direction *direction) {
    uint64_t records = direction->passed / (direction->framing.shortest + 1) + direction->doubt;
    return 1 + (uint32_t)(records < MOST_DOUBT ? records : MOST_DOUBT);
}

/* With the sequence number `first` or one of the next. */
static bool try_numbers(struct tls_talk *talk, struct tls_direction *direction, const struct tls_protection *protection,
                        uint64_t first, struct mqtt_bytes record, struct tls_content *content) {
    uint64_t cost = record.length + TRY_COST;
    uint32_t count = tries(direction);
    for (uint64_t sequence = first; sequence < first + count; sequence++) {
        if (!spend(talk, direction, cost))
            return false;
        if (!tls_record_open(protection, sequence, record, talk->filter->plain, content))
            continue;
        regain(talk, direction, REGAINED * cost + KEYS_COST);
        direction->sequence = sequence + 1;
        direction->doubt = 0;
        return true;
    }
    return false;
}

/* With the keys of the direction, else with those that it turns to next. */
static bool open_record(struct tls_talk *talk, enum mqtt_side side, struct mqtt_bytes record,
                        struct tls_content *content) {
    struct tls_direction *direction = &talk->directions[side];
    struct tls_protection next = {0};
    if (direction->protection.cipher != NULL &&
        try_numbers(talk, direction, &direction->protection, direction->sequence, record, content))
        return true;
    if (direction->is_lost || !spend(talk, direction, KEYS_COST) || !next_protection(talk, side, &next))
        return false;
    if (try_numbers(talk, direction, &next, 0, record, content)) {
        turn_to(talk, side, &next, STAGE_TRAFFIC, direction->sequence);
        return true;
    }
    tls_protection_clear(&next);
    return false;
}

/* Who answers the other side's goodbye may be the first to close the TCP connection. So the goodbye itself is the end.
 */
static void hand_on_end(struct tls_talk *talk, enum mqtt_side side, struct tls_moment moment) {
    const struct stream_hooks *hooks = &talk->filter->hooks;
    if (!talk->directions[side].has_ended && hooks->ended != NULL)
        hooks->ended(hooks->context, talk->owner, side, false, moment.frame, moment.time);
    talk->directions[side].has_ended = true;
}

static void take_content(struct tls_talk *talk, enum mqtt_side side, const struct tls_content *content,
                         struct tls_moment moment) {
    open_talk(talk, moment);
    tell_passed(talk, side, moment);
    switch (content->type) {
    case TLS_APPLICATION_DATA:
        hand_on(talk, side, content->bytes, moment);
        break;
    case TLS_HANDSHAKE:
        if (content->bytes.length > 0)
            take_handshake(talk, side, content->bytes);
        break;
    case TLS_CHANGE_CIPHER_SPEC: /* TLS 1.2 negotiates anew */
        if (talk->version == TLS_1_2_NUMBER)
            turn_to_next(talk, side);
        break;
    case TLS_ALERT:
        if (content->bytes.length == 2 && content->bytes.data[1] == TLS_CLOSE_NOTIFY)
            hand_on_end(talk, side, moment);
        break;
    default:
        break;
    }
}

static void take_plain(struct tls_talk *talk, enum mqtt_side side, struct mqtt_bytes record) {
    struct mqtt_bytes content = {record.data + TLS_HEADER_SIZE, record.length - TLS_HEADER_SIZE};
    if (record.data[0] == TLS_HANDSHAKE)
        take_handshake(talk, side, content);
    /* In TLS 1.3 it means nothing, and before a version is agreed on it belongs to that. */
    if (record.data[0] == TLS_CHANGE_CIPHER_SPEC && talk->version == TLS_1_2_NUMBER)
        turn_to_next(talk, side);
}

/* Up to so many records more are missing. */
static void lose_track(struct tls_talk *talk, enum mqtt_side side, uint32_t doubt) {
    struct tls_direction *direction = &talk->directions[side];
    direction->doubt = direction->doubt + doubt < MOST_DOUBT ? direction->doubt + doubt : MOST_DOUBT;
    tls_messages_restart(&direction->messages, &talk->filter->buffers);
    direction->messages_lost = direction->stage != STAGE_TRAFFIC;
    if (side == MQTT_CLIENT ? !talk->has_hello : talk->version == 0)
        be_in_trouble(talk, TLS_HANDSHAKE_MISSING);
}

static void refuse_record(struct tls_talk *talk, enum mqtt_side side) {
    const struct tls_direction *direction = &talk->directions[side];
    talk->has_failed = true;
    if (direction->framing.astray)
        return; /* it only looked like one */
    talk->refused += direction->stage == STAGE_TRAFFIC;
    lose_track(talk, side, 1);
}

/* What stands where a record should, or looks like one. */
static void take_record(struct tls_talk *talk, enum mqtt_side side, struct mqtt_bytes record,
                        struct tls_moment moment) {
    struct tls_direction *direction = &talk->directions[side];
    struct tls_content content = {.bytes = {NULL, 0}};
    bool is_data = record.data[0] == TLS_APPLICATION_DATA;
    bool is_plain =
        !is_data && !direction->framing.astray && (direction->stage == STAGE_PLAIN || talk->version == TLS_1_3_NUMBER);
    bool is_record = is_plain || open_record(talk, side, record, &content);
    if (!is_record)
        refuse_record(talk, side);
    if (direction->is_lost)
        return;
    tls_framing_judge(&direction->framing, &talk->filter->buffers, is_record);
    direction->passed += !is_record;
    /* Of TLS 1.3, it is left over from TLS 1.2 or a complaint about the handshake. */
    if (is_plain && direction->stage == STAGE_PLAIN)
        take_plain(talk, side, record);
    else if (is_record && !is_plain)
        take_content(talk, side, &content, moment);
}

/* ---- What the capture tells -------------------------------------------------------------------------------------- */

struct tls_talk *tls_talk_create(struct tls_filter *filter, const struct tls_opening *opening) {
    struct tls_talk *talk = calloc(1, sizeof *talk);
    if (talk == NULL)
        return NULL;
    talk->filter = filter;
    talk->opening = *opening;
    talk->directions[MQTT_CLIENT].work = talk->directions[MQTT_SERVER].work = MOST_DIRECTION_WORK;
    return talk;
}

static void take_piece(struct tls_talk *talk, enum mqtt_side side, const struct tls_piece *piece,
                       struct tls_moment moment) {
    switch (piece->kind) {
    case TLS_RECORD:
        take_record(talk, side, piece->bytes, moment);
        break;
    case TLS_ASTRAY:
        lose_track(talk, side, 1);
        break;
    case TLS_PASSED:
        talk->directions[side].passed += piece->bytes.length;
        break;
    }
}

static void take_pieces(struct tls_talk *talk, enum mqtt_side side, struct tls_moment moment) {
    struct tls_direction *direction = &talk->directions[side];
    struct tls_piece piece;
    while (!direction->is_lost && tls_framing_take(&direction->framing, &talk->filter->buffers, &piece))
        take_piece(talk, side, &piece, moment);
}

void tls_talk_bytes(struct tls_talk *talk, enum mqtt_side side, struct mqtt_bytes bytes, struct tls_moment moment) {
    struct tls_direction *direction = &talk->directions[side];
    tls_framing_put(&direction->framing, bytes);
    take_pieces(talk, side, moment);
    if (direction->is_lost)
        direction->passed += direction->framing.input.length;
}

/* What began a record that does not come to its end may be none, and hide others. */
static void take_rest(struct tls_talk *talk, enum mqtt_side side, struct tls_moment moment) {
    struct tls_direction *direction = &talk->directions[side];
    tls_framing_put(&direction->framing, (struct mqtt_bytes){NULL, 0});
    while (!direction->is_lost && tls_framing_end(&direction->framing, &talk->filter->buffers)) {
        direction->passed++;
        take_pieces(talk, side, moment);
    }
    tell_passed(talk, side, moment);
}

static uint32_t records_in(const struct tls_direction *direction, uint64_t length) {
    /* Of the first and the last, other bytes may be there. */
    uint64_t records = length / (direction->framing.shortest + 1) + 2;
    return length == 0 || records > MOST_DOUBT ? MOST_DOUBT : (uint32_t)records;
}

void tls_talk_gap(struct tls_talk *talk, enum mqtt_side side, uint64_t length, struct tls_moment moment) {
    struct tls_direction *direction = &talk->directions[side];
    if (direction->is_lost) {
        hand_on_gap(talk, side, length, moment);
        return;
    }
    bool is_one_record = tls_framing_gap(&direction->framing, &talk->filter->buffers, length);
    lose_track(talk, side, is_one_record ? 1 : records_in(direction, length));
    if (direction->stage == STAGE_TRAFFIC || !is_one_record)
        hand_on_gap(talk, side, length, moment);
}

void tls_talk_ended(struct tls_talk *talk, enum mqtt_side side, bool reset, struct tls_moment moment) {
    const struct stream_hooks *hooks = &talk->filter->hooks;
    take_rest(talk, side, moment);
    bool is_told = talk->directions[side].has_ended && !reset;
    if (talk->is_open && !is_told && hooks->ended != NULL)
        hooks->ended(hooks->context, talk->owner, side, reset, moment.frame, moment.time);
}

static void count_talk(const struct tls_talk *talk) {
    struct tls_totals *totals = &talk->filter->totals;
    if (talk->is_open) {
        totals->decrypted++;
        totals->refused += talk->refused;
        for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++)
            totals->given_up += talk->directions[side].is_lost;
        return;
    }
    talk->filter->withheld++;
    if (talk->is_troubled)
        return;
    if (talk->has_failed)
        totals->troubled[has_secrets(talk) ? TLS_WRONG_SECRETS : TLS_NO_SECRETS]++;
    else
        totals->unfinished++;
}

void tls_talk_closed(struct tls_talk *talk, struct tls_moment moment) {
    const struct stream_hooks *hooks = &talk->filter->hooks;
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++) {
        take_rest(talk, (enum mqtt_side)side, moment);
        clear_direction(talk, &talk->directions[side]);
    }
    if (talk->is_open && hooks->closed != NULL)
        hooks->closed(hooks->context, talk->owner, moment.frame, moment.time);
    count_talk(talk);
    OPENSSL_cleanse(talk, sizeof *talk);
    free(talk);
}
