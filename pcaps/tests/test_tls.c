/* TLS read with a key log: conversations of OpenSSL's own client and server, whole, cut, changed and with gaps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#include "pcaps/tests/tls_listener.h"
#include "pcaps/tests/tls_talks.h"

enum { TLS_BEGINNING = 7 };

/* ---- Reading a conversation -------------------------------------------------------------------------------------- */

/* What the capture does to it. */
struct damage {
    size_t cut;        /* bytes come in parts of that size; 0: as they were sent */
    size_t changed;    /* 1 is the first byte of all; 0: none */
    size_t lacks_from; /* of the bytes of `lacking_side`, those from here to before `lacks_to` are missing */
    size_t lacks_to;
    enum mqtt_side lacking_side;
    bool tells_length; /* of what is missing */
};

struct reader {
    struct stream_hooks hooks;
    void *owner;
    const struct damage *damage;
    uint64_t frame;
    size_t total;   /* bytes so far */
    size_t sent[2]; /* of each side */
    bool has_gap;
};

static void read_part(struct reader *reader, enum mqtt_side side, const uint8_t *bytes, size_t length) {
    /* Of its own size, so that a sanitizer sees what is read behind its end. */
    uint8_t *copy = malloc(length);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    size_t changed = reader->damage->changed;
    if (changed > reader->total && changed <= reader->total + length)
        copy[changed - 1 - reader->total] ^= 0x11;
    reader->total += length;
    reader->frame++;
    reader->hooks.bytes(reader->hooks.context, reader->owner, side, (struct mqtt_bytes){copy, (uint32_t)length},
                        reader->frame, reader->frame * 1000);
    free(copy);
}

static void read_gap(struct reader *reader, enum mqtt_side side, size_t length) {
    reader->frame++;
    reader->hooks.gap(reader->hooks.context, reader->owner, side, length, reader->frame, reader->frame * 1000);
}

/* True where the byte is missing. The first is told. */
static bool lacks(struct reader *reader, enum mqtt_side side, size_t at) {
    const struct damage *damage = reader->damage;
    if (side != damage->lacking_side || at < damage->lacks_from || at >= damage->lacks_to)
        return false;
    if (!reader->has_gap)
        read_gap(reader, side, damage->tells_length ? damage->lacks_to - damage->lacks_from : 0);
    reader->has_gap = true;
    return true;
}

static void read_flight(struct reader *reader, const struct flight *flight) {
    size_t step = reader->damage->cut > 0 ? reader->damage->cut : flight->length;
    size_t start = 0, before = reader->sent[flight->side];
    for (size_t at = 0; at < flight->length; at++) {
        if (lacks(reader, flight->side, before + at)) {
            start = at + 1;
            continue;
        }
        bool last = at + 1 == flight->length || at + 1 - start == step;
        bool gap_next = flight->side == reader->damage->lacking_side && before + at + 1 == reader->damage->lacks_from &&
                        reader->damage->lacks_from < reader->damage->lacks_to;
        if (!last && !gap_next)
            continue;
        read_part(reader, flight->side, flight->bytes + start, at + 1 - start);
        start = at + 1;
    }
    reader->sent[flight->side] += flight->length;
}

static struct keylog *keys_of(const char *text) {
    char reason[256] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    fputs(text, file);
    rewind(file);
    struct keylog *keylog = keylog_read(file, "keys", reason, sizeof reason);
    fclose(file);
    assert_non_null(keylog);
    return keylog;
}

static void read_talk(const struct talk *talk, const char *keys, const struct damage *damage,
                      struct listener *listener) {
    static const struct stream_address client = {"10.0.0.1:50000", 50000}, server = {"10.0.0.2:8883", 8883};
    const struct stream_hooks wanted = {listener,     listener_opened, listener_bytes,
                                        listener_gap, listener_ended,  listener_closed};
    struct tls_filter *filter = malloc(sizeof *filter);
    struct keylog *keylog = keys != NULL ? keys_of(keys) : NULL;
    assert_non_null(filter);
    memset(listener, 0, sizeof *listener);
    struct reader reader = {.hooks = tls_begin(filter, keylog, false, &wanted), .damage = damage};
    reader.owner = reader.hooks.opened(reader.hooks.context, &client, &server, true, ++reader.frame, 1000);
    assert_non_null(reader.owner);
    for (size_t i = 0; i < talk->flight_count; i++)
        read_flight(&reader, &talk->flights[i]);
    uint64_t frame = ++reader.frame;
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++)
        reader.hooks.ended(reader.hooks.context, reader.owner, (enum mqtt_side)side, false, frame, frame * 1000);
    reader.hooks.closed(reader.hooks.context, reader.owner, frame, frame * 1000);
    tls_end(filter);
    listener->totals = filter->totals;
    assert_int_equal(listener->closed, listener->opened);
    free(filter);
    keylog_free(keylog);
}

static bool heard_all(const struct talk *talk, const struct listener *listener) {
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++)
        if (listener->heard[side].length != talk->said_length[side] ||
            memcmp(listener->heard[side].bytes, talk->said[side], talk->said_length[side]) != 0)
            return false;
    return true;
}

/* Nothing is wrong, and between two gaps nothing is left out. */
static bool heard_truly(const struct talk *talk, const struct listener *listener, enum mqtt_side side) {
    const struct heard *heard = &listener->heard[side];
    size_t at = 0;
    for (size_t piece = 0; piece <= heard->pieces; piece++) {
        size_t start = piece == 0 ? 0 : heard->starts[piece - 1];
        size_t length = (piece == heard->pieces ? heard->length : heard->starts[piece]) - start;
        if (length == 0)
            continue;
        const uint8_t *found =
            memmem(talk->said[side] + at, talk->said_length[side] - at, heard->bytes + start, length);
        if (found == NULL || (piece == 0 && found != talk->said[side]))
            return false;
        at = (size_t)(found - talk->said[side]) + length;
    }
    return true;
}

static bool heard_last(const struct talk *talk, const struct listener *listener, enum mqtt_side side, size_t length) {
    const struct heard *heard = &listener->heard[side];
    return heard->length >= length && memcmp(heard->bytes + heard->length - length,
                                             talk->said[side] + talk->said_length[side] - length, length) == 0;
}

/* ---- Whole conversations ----------------------------------------------------------------------------------------- */

struct talk_test {
    const char *name;
    struct talk_settings settings;
};

#define T12(suite, features)                                                                                           \
    {                                                                                                                  \
        "1.2 " suite " " #features, {                                                                                  \
            TLS1_2_VERSION, suite, features                                                                            \
        }                                                                                                              \
    }
#define T13(suite, features)                                                                                           \
    {                                                                                                                  \
        "1.3 " suite " " #features, {                                                                                  \
            TLS1_3_VERSION, suite, features                                                                            \
        }                                                                                                              \
    }
#define GCM12 "ECDHE-ECDSA-AES128-GCM-SHA256"
#define CBC12 "ECDHE-RSA-AES128-SHA256"
#define GCM13 "TLS_AES_256_GCM_SHA384"

/* clang-format off */
static const struct talk_test tests[] = {
    T13("TLS_AES_128_GCM_SHA256", 0),
    T13("TLS_AES_256_GCM_SHA384", 0),
    T13("TLS_CHACHA20_POLY1305_SHA256", 0),
    T13("TLS_AES_128_CCM_SHA256", 0),
    T13("TLS_AES_128_CCM_8_SHA256", 0),
    T13(GCM13, TALK_RESUMED),
    T13(GCM13, TALK_KEY_UPDATE),
    T13("TLS_CHACHA20_POLY1305_SHA256", TALK_KEY_UPDATE),
    T13(GCM13, TALK_RETRY),
    T13(GCM13, TALK_CLIENT_CERTIFICATE),
    T13(GCM13, TALK_RETRY | TALK_CLIENT_CERTIFICATE | TALK_KEY_UPDATE),
    T13(GCM13, TALK_BIG),
    T13(GCM13, TALK_TINY),
    T13(GCM13, TALK_PADDED),
    T13("TLS_AES_128_CCM_8_SHA256", TALK_BIG | TALK_KEY_UPDATE),
    T12(GCM12, 0),
    T12("ECDHE-ECDSA-AES256-GCM-SHA384", 0),
    T12("ECDHE-RSA-AES128-GCM-SHA256", 0),
    T12("ECDHE-RSA-AES256-GCM-SHA384", 0),
    T12("DHE-RSA-AES128-GCM-SHA256", 0),
    T12("DHE-RSA-AES256-GCM-SHA384", 0),
    T12("AES128-GCM-SHA256", 0),
    T12("AES256-GCM-SHA384", 0),
    T12("PSK-AES128-GCM-SHA256", 0),
    T12("ECDHE-ECDSA-CHACHA20-POLY1305", 0),
    T12("ECDHE-RSA-CHACHA20-POLY1305", 0),
    T12("DHE-RSA-CHACHA20-POLY1305", 0),
    T12("PSK-CHACHA20-POLY1305", 0),
    T12("ECDHE-ECDSA-AES128-CCM", 0),
    T12("ECDHE-ECDSA-AES256-CCM", 0),
    T12("ECDHE-ECDSA-AES128-CCM8", 0),
    T12("ECDHE-ECDSA-AES256-CCM8", 0),
    T12("DHE-RSA-AES128-CCM", 0),
    T12("AES256-CCM8", 0),
    T12("PSK-AES128-CCM8", 0),
    T12("AES128-SHA", 0),
    T12("AES256-SHA", 0),
    T12("AES128-SHA256", 0),
    T12("AES256-SHA256", 0),
    T12("ECDHE-RSA-AES128-SHA", 0),
    T12("ECDHE-RSA-AES256-SHA384", 0),
    T12("ECDHE-ECDSA-AES128-SHA256", 0),
    T12("DHE-RSA-AES256-SHA256", 0),
    T12("PSK-AES256-CBC-SHA384", 0),
    T12("AES128-SHA", TALK_NO_ENCRYPT_THEN_MAC),
    T12(CBC12, TALK_NO_ENCRYPT_THEN_MAC),
    T12("ECDHE-RSA-AES256-SHA384", TALK_NO_ENCRYPT_THEN_MAC),
    T12("ECDHE-RSA-AES256-SHA384", TALK_NO_ENCRYPT_THEN_MAC | TALK_BIG),
    T12(CBC12, TALK_BIG),
    T12(CBC12, TALK_TINY),
    T12(CBC12, TALK_RESUMED),
    T12(GCM12, TALK_RESUMED),
    T12(GCM12, TALK_RESUMED | TALK_BY_TICKET),
    T12(GCM12, TALK_BY_TICKET),
    T12(GCM12, TALK_CLIENT_CERTIFICATE),
    T12(GCM12, TALK_RENEGOTIATED),
    T12(CBC12, TALK_RENEGOTIATED | TALK_CLIENT_CERTIFICATE),
    T12(GCM12, TALK_BIG),
    T12(GCM12, TALK_TINY),
};
/* clang-format on */

/* However the bytes come. */
static void test_whole(void **state) {
    static const size_t cuts[] = {0, 1, 2, 3, 4, 5, 6, 7, 21, 100, 1000, 1460, 16384};
    const struct talk_test *test = *state;
    struct talk talk;
    struct listener listener;
    if (!talk_make(&talk, &test->settings))
        skip();
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        read_talk(&talk, talk.keylog, &(struct damage){.cut = cuts[i]}, &listener);
        if (!heard_all(&talk, &listener))
            fail_msg("%s in parts of %zu: heard %zu of %zu and %zu of %zu", test->name, cuts[i],
                     listener.heard[0].length, talk.said_length[0], listener.heard[1].length, talk.said_length[1]);
        assert_int_equal(listener.heard[0].gaps + listener.heard[1].gaps, 0);
        assert_int_equal(listener.totals.decrypted, 1);
        assert_int_equal(listener.totals.refused + listener.totals.given_up, 0);
        assert_int_equal(listener.ended, 2);
        listener_free(&listener);
    }
    talk_free(&talk);
}

/* ---- Damage ------------------------------------------------------------------------------------------------------ */

/* Those that the tests below go through byte by byte. */
static const struct talk_test damaged[] = {
    T13("TLS_AES_128_GCM_SHA256", 0),
    T13("TLS_AES_128_CCM_8_SHA256", TALK_KEY_UPDATE),
    T13("TLS_CHACHA20_POLY1305_SHA256", TALK_TINY),
    T12(GCM12, TALK_RESUMED),
    T12("ECDHE-RSA-CHACHA20-POLY1305", 0),
    T12(CBC12, 0),
    T12(CBC12, TALK_NO_ENCRYPT_THEN_MAC | TALK_RESUMED),
};

static void check_damaged(const struct talk *talk, const struct damage *damage, const char *name) {
    struct listener listener;
    read_talk(talk, talk->keylog, damage, &listener);
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++)
        if (!heard_truly(talk, &listener, (enum mqtt_side)side))
            fail_msg("%s: what is heard was not said: changed %zu, missing %zu to %zu", name, damage->changed,
                     damage->lacks_from, damage->lacks_to);
    listener_free(&listener);
}

static size_t talk_length(const struct talk *talk, size_t first) {
    size_t length = 0;
    for (size_t i = first; i < talk->flight_count; i++)
        length += talk->flights[i].length;
    return length;
}

/* A byte that was changed is never handed on, nor anything out of its order. */
static void test_any_byte_changed(void **state) {
    const struct talk_test *test = *state;
    struct talk talk;
    assert_true(talk_make(&talk, &test->settings));
    size_t total = talk_length(&talk, 0);
    for (size_t at = TLS_BEGINNING; at <= total; at += at < 600 ? 1 : 3) /* before, it is no TLS */
        check_damaged(&talk, &(struct damage){.changed = at}, test->name);
    talk_free(&talk);
}

/* Behind the handshake, a changed byte costs one record: all others are heard. */
static void test_one_record_is_lost(void **state) {
    const struct talk_test *test = *state;
    struct talk talk;
    struct listener listener;
    assert_true(talk_make(&talk, &test->settings));
    size_t total = talk_length(&talk, 0), handshake = total - talk_length(&talk, talk.handshake_count);
    for (size_t at = handshake + TLS_HEADER_SIZE + 1; at <= total; at += 7) {
        read_talk(&talk, talk.keylog, &(struct damage){.changed = at}, &listener);
        size_t lost = talk.said_length[0] - listener.heard[0].length + talk.said_length[1] - listener.heard[1].length;
        if (lost > 80)
            fail_msg("%s: byte %zu of %zu, %zu behind the handshake, costs %zu, %zu and %zu gaps", test->name, at,
                     total, at - handshake, lost, listener.heard[0].gaps, listener.heard[1].gaps);
        assert_in_range(listener.heard[0].gaps + listener.heard[1].gaps, lost > 0, 3);
        listener_free(&listener);
    }
    talk_free(&talk);
}

/* Bytes [from, to) of a side are missing. What is heard is true, and the last that was said is heard. */
static void check_gap(const struct talk *talk, const struct talk_test *test, struct damage damage, size_t last) {
    struct listener listener;
    for (int tells = 0; tells <= 1; tells++) {
        damage.tells_length = tells != 0;
        read_talk(talk, talk->keylog, &damage, &listener);
        if (!heard_truly(talk, &listener, damage.lacking_side) ||
            !heard_last(talk, &listener, damage.lacking_side, last) || listener.heard[damage.lacking_side].gaps == 0)
            fail_msg("%s: %zu to %zu of side %d are missing, told %d: heard %zu of %zu, %zu gaps", test->name,
                     damage.lacks_from, damage.lacks_to, damage.lacking_side, tells,
                     listener.heard[damage.lacking_side].length, talk->said_length[damage.lacking_side],
                     listener.heard[damage.lacking_side].gaps);
        assert_int_equal(listener.heard[1 - damage.lacking_side].length, talk->said_length[1 - damage.lacking_side]);
        listener_free(&listener);
    }
}

/* Where what a side sends begins and ends, behind its handshake. The last flight is its goodbye, and the one before
 * says `last` bytes. */
struct extent {
    size_t from, to, last;
};

static struct extent extent_of(const struct talk *talk, enum mqtt_side side) {
    struct extent extent = {0};
    size_t at = 0, before = 0, before_that = 0;
    for (size_t i = 0; i < talk->flight_count; i++) {
        if (talk->flights[i].side != side)
            continue;
        if (i < talk->handshake_count)
            extent.from = at + talk->flights[i].length;
        before_that = before;
        before = at;
        at += talk->flights[i].length;
    }
    extent.to = before_that;
    extent.last = 1;
    return extent;
}

static void test_gaps(void **state) {
    const struct talk_test *test = *state;
    struct talk talk;
    assert_true(talk_make(&talk, &test->settings));
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++) {
        struct extent extent = extent_of(&talk, (enum mqtt_side)side);
        for (size_t from = extent.from; from < extent.to; from += 29)
            for (size_t to = from + 1; to <= extent.to; to += 3 + (to - from))
                check_gap(&talk, test,
                          (struct damage){.lacks_from = from, .lacks_to = to, .lacking_side = (enum mqtt_side)side},
                          extent.last);
    }
    talk_free(&talk);
}

/* Anything may be missing, the handshake too: what is heard is true, and the totals tell why nothing is. */
static void test_gaps_anywhere(void **state) {
    const struct talk_test *test = *state;
    struct talk talk;
    assert_true(talk_make(&talk, &test->settings));
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++) {
        struct extent extent = extent_of(&talk, (enum mqtt_side)side);
        for (size_t from = 0; from < extent.to; from += 61)
            for (size_t to = from + 1; to <= extent.to; to += 5 + 3 * (to - from)) {
                check_damaged(&talk,
                              &(struct damage){.lacks_from = from,
                                               .lacks_to = to,
                                               .lacking_side = (enum mqtt_side)side,
                                               .tells_length = from % 2 == 0,
                                               .cut = from % 3 == 0 ? 7 : 0},
                              test->name);
            }
    }
    talk_free(&talk);
}

/* What is lost of a handshake, whose hellos are there, costs no data. */
static void test_handshake_with_gaps(void **state) {
    const struct talk_test *test = *state;
    struct talk talk;
    struct listener listener;
    assert_true(talk_make(&talk, &test->settings));
    size_t client = 0;
    for (size_t i = 0; i < talk.handshake_count; i++) {
        const struct flight *flight = &talk.flights[i];
        if (flight->side != MQTT_CLIENT)
            continue;
        if (client > 0) {
            read_talk(&talk, talk.keylog,
                      &(struct damage){.lacks_from = client,
                                       .lacks_to = client + flight->length,
                                       .lacking_side = MQTT_CLIENT,
                                       .tells_length = true},
                      &listener);
            assert_true(heard_all(&talk, &listener));
            assert_int_equal(listener.totals.decrypted, 1);
            listener_free(&listener);
        }
        client += flight->length;
    }
    talk_free(&talk);
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

static const struct talk_settings any_1_2 = {TLS1_2_VERSION, GCM12, 0};
static const struct talk_settings any_1_3 = {TLS1_3_VERSION, GCM13, 0};
static const struct damage none;

static void check_trouble(const struct talk *talk, const char *keys, enum tls_trouble trouble) {
    struct listener listener;
    read_talk(talk, keys, &none, &listener);
    assert_int_equal(listener.heard[0].length + listener.heard[1].length, 0);
    assert_int_equal(listener.totals.decrypted + listener.totals.refused + listener.totals.given_up, 0);
    assert_int_equal(listener.totals.troubled[trouble], 1);
    listener_free(&listener);
}

static void test_without_keys(void **state) {
    const struct talk_settings *settings = *state;
    struct talk talk, other;
    assert_true(talk_make(&talk, settings) && talk_make(&other, settings));
    check_trouble(&talk, NULL, TLS_NO_SECRETS);
    check_trouble(&talk, "", TLS_NO_SECRETS);
    check_trouble(&talk, other.keylog, TLS_NO_SECRETS);
    talk_free(&talk);
    talk_free(&other);
}

/* The last digit of each secret is another. */
static void test_wrong_keys(void **state) {
    const struct talk_settings *settings = *state;
    struct talk talk;
    assert_true(talk_make(&talk, settings));
    char *wrong = strdup(talk.keylog);
    assert_non_null(wrong);
    for (char *end = strchr(wrong, '\n'); end != NULL; end = strchr(end + 1, '\n'))
        end[-1] = end[-1] == '0' ? '1' : '0';
    check_trouble(&talk, wrong, TLS_WRONG_SECRETS);
    free(wrong);
    talk_free(&talk);
}

/* A key log without the lines that begin so. */
static char *without(const char *keylog, const char *label) {
    char *rest = calloc(1, strlen(keylog) + 1);
    assert_non_null(rest);
    for (const char *line = keylog; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strncmp(line, label, strlen(label)) != 0)
            strncat(rest, line, strcspn(line, "\n") + 1);
    return rest;
}

/* Of TLS 1.3, what comes behind the handshake is enough. */
static void test_without_handshake_keys(void **state) {
    struct talk talk;
    struct listener listener;
    (void)state;
    assert_true(talk_make(&talk, &any_1_3));
    char *client_only = without(talk.keylog, "SERVER_HANDSHAKE");
    char *neither = without(client_only, "CLIENT_HANDSHAKE");
    read_talk(&talk, neither, &none, &listener);
    assert_true(heard_all(&talk, &listener));
    assert_int_equal(listener.heard[0].gaps + listener.heard[1].gaps, 0);
    assert_int_equal(listener.totals.refused, 0);
    listener_free(&listener);
    free(client_only);
    free(neither);
    talk_free(&talk);
}

/* And what is wrong with the first record of it is told. */
static void test_changed_without_handshake_keys(void **state) {
    struct talk talk;
    struct listener listener;
    (void)state;
    assert_true(talk_make(&talk, &any_1_3));
    char *client_only = without(talk.keylog, "SERVER_HANDSHAKE");
    char *neither = without(client_only, "CLIENT_HANDSHAKE");
    size_t total = talk_length(&talk, 0), handshake = total - talk_length(&talk, talk.handshake_count);
    for (size_t at = handshake + 1; at < total; at += 5) {
        read_talk(&talk, neither, &(struct damage){.changed = at}, &listener);
        assert_true(heard_truly(&talk, &listener, MQTT_CLIENT) && heard_truly(&talk, &listener, MQTT_SERVER));
        listener_free(&listener);
    }
    free(client_only);
    free(neither);
    talk_free(&talk);
}

static void test_keys_of_one_side(void **state) {
    struct talk talk;
    struct listener listener;
    (void)state;
    assert_true(talk_make(&talk, &any_1_3));
    char *keys = without(talk.keylog, "SERVER_TRAFFIC");
    read_talk(&talk, keys, &none, &listener);
    assert_int_equal(listener.heard[MQTT_CLIENT].length, talk.said_length[MQTT_CLIENT]);
    assert_int_equal(listener.heard[MQTT_SERVER].length, 0);
    assert_true(listener.heard[MQTT_SERVER].gaps > 0);
    assert_int_equal(listener.totals.given_up, 1);
    listener_free(&listener);
    free(keys);
    talk_free(&talk);
}

/* What was said before the handshake is a gap; the rest is heard. */
static void test_early_data(void **state) {
    static const struct talk_settings settings = {TLS1_3_VERSION, GCM13, TALK_EARLY_DATA | TALK_RESUMED};
    struct talk talk;
    struct listener listener;
    (void)state;
    assert_true(talk_make(&talk, &settings));
    read_talk(&talk, talk.keylog, &none, &listener);
    assert_true(heard_all(&talk, &listener));
    assert_int_equal(listener.heard[MQTT_CLIENT].starts[0], 0);
    assert_true(listener.heard[MQTT_CLIENT].gaps > 0);
    assert_int_equal(listener.heard[MQTT_SERVER].gaps, 0);
    listener_free(&listener);
    talk_free(&talk);
}

static void test_too_old(void **state) {
    static const struct talk_settings settings = {TLS1_1_VERSION, "AES128-SHA", 0};
    struct talk talk;
    (void)state;
    assert_true(talk_make(&talk, &settings));
    check_trouble(&talk, talk.keylog, TLS_TOO_OLD);
    talk_free(&talk);
}

/* Secrets that are written while the connection goes on: after so many flights the whole key log is there. */
static void read_late(const struct talk *talk, size_t flights, struct listener *listener) {
    static const struct stream_address client = {"10.0.0.1:50000", 50000}, server = {"10.0.0.2:8883", 8883};
    const struct stream_hooks wanted = {listener,     listener_opened, listener_bytes,
                                        listener_gap, listener_ended,  listener_closed};
    static struct tls_filter filter;
    char path[] = "/tmp/mqspec-keys-XXXXXX", reason[256] = "";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    FILE *file = fdopen(descriptor, "w");
    struct keylog *keylog = keylog_open(path, reason, sizeof reason);
    assert_true(file != NULL && keylog != NULL);
    memset(listener, 0, sizeof *listener);
    struct reader reader = {.hooks = tls_begin(&filter, keylog, true, &wanted), .damage = &none};
    reader.owner = reader.hooks.opened(reader.hooks.context, &client, &server, true, ++reader.frame, 1000);
    for (size_t i = 0; i < talk->flight_count; i++) {
        if (i == flights)
            fputs(talk->keylog, file);
        fflush(file);
        read_flight(&reader, &talk->flights[i]);
    }
    reader.hooks.closed(reader.hooks.context, reader.owner, reader.frame, reader.frame * 1000);
    tls_end(&filter);
    listener->totals = filter.totals;
    keylog_free(keylog);
    fclose(file);
    assert_int_equal(remove(path), 0);
}

static void test_late_keys(void **state) {
    const struct talk_test *test = *state;
    struct talk talk;
    struct listener listener;
    assert_true(talk_make(&talk, &test->settings));
    for (size_t flights = 0; flights <= talk.flight_count; flights++) {
        read_late(&talk, flights, &listener);
        /* The last flight of the handshake may be tickets, which could be data to who has no keys. */
        bool in_time = flights <= talk.handshake_count, well_in_time = flights < talk.handshake_count;
        if (heard_all(&talk, &listener) != in_time ||
            (well_in_time && listener.heard[0].gaps + listener.heard[1].gaps > 0))
            fail_msg("%s: keys after %zu of %zu flights: %zu and %zu bytes heard, %zu and %zu gaps", test->name,
                     flights, talk.flight_count, listener.heard[0].length, listener.heard[1].length,
                     listener.heard[0].gaps, listener.heard[1].gaps);
        assert_true(heard_truly(&talk, &listener, MQTT_CLIENT) && heard_truly(&talk, &listener, MQTT_SERVER));
        assert_int_equal(listener.totals.troubled[TLS_NO_SECRETS], flights >= talk.flight_count);
        listener_free(&listener);
    }
    talk_free(&talk);
}

/* ---- What is no TLS, or begins before --------------------------------------------------------------------------- */

struct bytes_test {
    const char *name;
    const char
        *says[3];  /* 'C' or 'S' before what the client or the server sends, '-' before the side that lacks some */
    size_t length; /* of the first; 0: it ends with a zero */
    uint16_t port;
    bool joined;
    const char *heard; /* NULL: nothing, for it is TLS that cannot be read */
};

/* clang-format off */
static const struct bytes_test others[] = {
    {"MQTT", {"C\x10\x0d", "Ctext"}, 0, 1883, false, "C\x10\x0d;Ctext;"},
    {"begins like TLS", {"C\x16\x03\x01", "Ctext"}, 0, 1883, false, "C\x16\x03\x01;Ctext;"},
    {"a CONNECT with wrong flags", {"C\x16\x0d\0\4MQTT\4\2\0\x3c\0\1a"}, 16, 1883, false, "C\x16\x0d"},
    {"begins like TLS and ends", {"C\x16\x03"}, 0, 1883, false, "C\x16\x03;"},
    {"the server speaks first", {"S\x16\x03\x03\x02\x02\x01", "Ctext"}, 0, 8883, false,
     "S\x16\x03\x03\x02\x02\x01;Ctext;"},
    {"begins like TLS and has a gap", {"C\x16\x03", "-C", "Ctext"}, 0, 1883, false, "C\x16\x03;C gap;Ctext;"},
    {"MQTT joined", {"Stext", "Ctext"}, 0, 1883, true, "Stext;Ctext;"},
    {"MQTT behind a gap", {"-C", "Ctext"}, 0, 1883, false, "C gap;Ctext;"},
    {"TLS joined", {"S\x17\x03\x03\x01\x01text"}, 0, 4711, true, NULL},
    {"TLS behind a gap", {"-C", "C\x17\x03\x03\x01\x01text"}, 0, 4711, false, NULL},
    {"joined at the port of MQTT over TLS", {"Ctext"}, 0, 8883, true, NULL},
};
/* clang-format on */

enum { LOG_CAPACITY = 256 };

static void note(void *context, const char *what, size_t length) {
    char *log = context;
    size_t before = strlen(log);
    snprintf(log + before, LOG_CAPACITY - before, "%.*s", (int)length, what);
}

static void *note_opened(void *context, const struct stream_address *client, const struct stream_address *server,
                         bool from_start, uint64_t frame, microseconds time) {
    (void)client;
    (void)server;
    (void)from_start;
    (void)frame;
    (void)time;
    return context;
}

static void note_bytes(void *context, void *owner, enum mqtt_side side, struct mqtt_bytes bytes, uint64_t frame,
                       microseconds time) {
    (void)frame;
    (void)time;
    assert_ptr_equal(owner, context);
    note(context, side == MQTT_CLIENT ? "C" : "S", 1);
    note(context, (const char *)bytes.data, bytes.length);
    note(context, ";", 1);
}

static void note_gap(void *context, void *owner, enum mqtt_side side, uint64_t length, uint64_t frame,
                     microseconds time) {
    (void)frame;
    (void)time;
    assert_ptr_equal(owner, context);
    assert_int_equal(length, 99);
    note(context, side == MQTT_CLIENT ? "C gap;" : "S gap;", 6);
}

static void test_others(void **state) {
    const struct bytes_test *test = *state;
    static struct tls_filter filter;
    char log[LOG_CAPACITY] = "";
    const struct stream_hooks wanted = {.context = log, .opened = note_opened, .bytes = note_bytes, .gap = note_gap};
    const struct stream_hooks hooks = tls_begin(&filter, NULL, false, &wanted);
    struct stream_address client = {"10.0.0.1:50000", 50000}, server = {"10.0.0.2:1", test->port};
    void *owner = hooks.opened(hooks.context, &client, &server, !test->joined, 1, 1);
    for (size_t i = 0; i < 3 && test->says[i] != NULL; i++) {
        const char *what = test->says[i];
        if (what[0] == '-') {
            hooks.gap(hooks.context, owner, what[1] == 'C' ? MQTT_CLIENT : MQTT_SERVER, 99, 1, 1);
            continue;
        }
        uint32_t length = (uint32_t)(i == 0 && test->length > 0 ? test->length : strlen(what + 1));
        hooks.bytes(hooks.context, owner, what[0] == 'C' ? MQTT_CLIENT : MQTT_SERVER,
                    (struct mqtt_bytes){(const uint8_t *)what + 1, length}, 1, 1);
    }
    hooks.ended(hooks.context, owner, MQTT_CLIENT, false, 1, 1);
    hooks.closed(hooks.context, owner, 1, 1);
    tls_end(&filter);
    assert_int_equal(filter.totals.troubled[TLS_JOINED], test->heard == NULL);
    if (strncmp(log, test->heard == NULL ? "" : test->heard, test->length > 0 ? 3 : sizeof log) != 0)
        fail_msg("%s: heard %s", test->name, log);
}

/* ---- All --------------------------------------------------------------------------------------------------------- */

static size_t add_rows(struct CMUnitTest *all, size_t count, const struct talk_test *rows, size_t row_count,
                       CMUnitTestFunction function, const char *what) {
    static char names[1024][96];
    for (size_t i = 0; i < row_count; i++, count++) {
        snprintf(names[count], sizeof names[count], "%s: %s", rows[i].name, what);
        all[count] = (struct CMUnitTest){names[count], function, NULL, NULL, (void *)&rows[i]};
    }
    return count;
}

/* The seeds of the fuzz target, as fuzz/targets.h tells. */
static int write_seeds(const char *directory) {
    static const struct talk_test seeds[] = {
        {"gcm-1.3", {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", TALK_TINY | TALK_KEY_UPDATE}},
        {"retry-1.3", {TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256", TALK_TINY | TALK_RETRY}},
        {"early-1.3", {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", TALK_TINY | TALK_RESUMED | TALK_EARLY_DATA}},
        {"gcm-1.2", {TLS1_2_VERSION, GCM12, TALK_TINY}},
        {"cbc-1.2", {TLS1_2_VERSION, CBC12, TALK_TINY | TALK_RESUMED}},
        {"ccm-1.2", {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM8", TALK_TINY | TALK_RENEGOTIATED}},
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        struct talk talk;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", directory, seeds[i].name);
        FILE *file = fopen(path, "wb");
        if (file == NULL || !talk_make(&talk, &seeds[i].settings))
            return 1;
        fprintf(file, "%s\n", talk.keylog);
        for (size_t part = 0; part < talk.flight_count; part++) {
            const struct flight *flight = &talk.flights[part];
            const uint8_t head[] = {flight->side, (uint8_t)(flight->length >> 8), (uint8_t)flight->length};
            fwrite(head, 1, sizeof head, file);
            fwrite(flight->bytes, 1, flight->length, file);
        }
        talk_free(&talk);
        if (fclose(file) != 0)
            return 1;
    }
    return 0;
}

/* With --write DIRECTORY, nothing is tested. */
int main(int count_of_arguments, char **arguments) {
    if (count_of_arguments == 3 && strcmp(arguments[1], "--write") == 0)
        return write_seeds(arguments[2]);
    enum {
        TESTS = sizeof tests / sizeof tests[0],
        DAMAGED = sizeof damaged / sizeof damaged[0],
        OTHERS = sizeof others / sizeof others[0]
    };
    struct CMUnitTest all[TESTS + 6 * DAMAGED + OTHERS + 16] = {
        {"1.2 without keys", test_without_keys, NULL, NULL, (void *)&any_1_2},
        {"1.3 without keys", test_without_keys, NULL, NULL, (void *)&any_1_3},
        {"1.2 with wrong keys", test_wrong_keys, NULL, NULL, (void *)&any_1_2},
        {"1.3 with wrong keys", test_wrong_keys, NULL, NULL, (void *)&any_1_3},
        cmocka_unit_test(test_without_handshake_keys),
        cmocka_unit_test(test_changed_without_handshake_keys),
        cmocka_unit_test(test_keys_of_one_side),
        cmocka_unit_test(test_early_data),
        cmocka_unit_test(test_too_old),
    };
    size_t count = 9;
    count = add_rows(all, count, tests, TESTS, test_whole, "whole");
    count = add_rows(all, count, damaged, DAMAGED, test_any_byte_changed, "any byte is changed");
    count = add_rows(all, count, damaged, DAMAGED, test_one_record_is_lost, "a changed byte costs one record");
    count = add_rows(all, count, damaged, DAMAGED, test_gaps, "bytes are missing");
    count = add_rows(all, count, damaged, DAMAGED, test_gaps_anywhere, "bytes are missing anywhere");
    count = add_rows(all, count, damaged, DAMAGED, test_handshake_with_gaps, "the end of the handshake is missing");
    count = add_rows(all, count, damaged, DAMAGED, test_late_keys, "keys that are written meanwhile");
    for (size_t i = 0; i < OTHERS; i++, count++)
        all[count] = (struct CMUnitTest){others[i].name, test_others, NULL, NULL, (void *)&others[i]};
    return _cmocka_run_group_tests("pcaps: TLS", all, count, NULL, NULL);
}
