/* Connections of TLS made in memory by OpenSSL's own client and server, as a capture would show them, for tests. */
#ifndef MQSPEC_TESTS_TLS_TALKS_H
#define MQSPEC_TESTS_TLS_TALKS_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"

enum tls_talk_feature {
    TALK_RESUMED = 1,    /* a session of a connection before, which is not recorded */
    TALK_BY_TICKET = 2,  /* in TLS 1.2, where sessions are else kept by the server */
    TALK_KEY_UPDATE = 4, /* of both sides, in the middle */
    TALK_RETRY = 8,      /* the server wants another key share: HelloRetryRequest */
    TALK_CLIENT_CERTIFICATE = 16,
    TALK_NO_ENCRYPT_THEN_MAC = 32,
    TALK_RENEGOTIATED = 64, /* in the middle, in TLS 1.2 */
    TALK_EARLY_DATA = 128,  /* of the client, in TLS 1.3 */
    TALK_BIG = 256,         /* messages of several records */
    TALK_TINY = 512,        /* records of a few bytes */
    TALK_PADDED = 1024,     /* records of TLS 1.3 */
};

struct talk_settings {
    int version;       /* TLS1_2_VERSION, ... */
    const char *suite; /* OpenSSL's name */
    unsigned features;
};

/* What one side sent at once. */
struct flight {
    enum mqtt_side side;
    uint8_t *bytes;
    size_t length;
};

enum { MOST_FLIGHTS = 256 };

struct talk {
    struct flight flights[MOST_FLIGHTS];
    size_t flight_count;
    size_t handshake_count; /* flights before the first application data */
    char *keylog;
    uint8_t *said[2]; /* application data, by enum mqtt_side */
    size_t said_length[2];
};

/* ---- What both sides have ---------------------------------------------------------------------------------------- */

struct talk_maker {
    struct talk *talk;
    const struct talk_settings *settings;
    SSL_CTX *contexts[2]; /* by enum mqtt_side */
    SSL *ends[2];
    SSL_SESSION *session;
    bool records; /* what goes over the wire */
};

/* A test that cannot be set up shows nothing. */
static void talk_needs(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "a connection for a test cannot be made: %s\n", what);
    ERR_print_errors_fp(stderr);
    abort();
}

static bool talk_has(const struct talk_maker *maker, unsigned feature) {
    return (maker->settings->features & feature) != 0;
}

/* Made once, for that takes longer than all else. */
static EVP_PKEY *talk_key(bool is_rsa) {
    static EVP_PKEY *keys[2];
    if (keys[is_rsa] == NULL)
        keys[is_rsa] = is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    return keys[is_rsa];
}

static void talk_certify(SSL_CTX *context, EVP_PKEY *key) {
    X509 *certificate = X509_new();
    talk_needs(key != NULL && certificate != NULL, "certificate");
    X509_NAME *name = X509_get_subject_name(certificate);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"localhost", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    talk_needs(X509_sign(certificate, key, EVP_sha256()) > 0, "signature");
    talk_needs(SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1,
               "certificate in use");
    X509_free(certificate);
}

static void talk_log_key(const SSL *ssl, const char *line) {
    struct talk_maker *maker = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    size_t before = strlen(maker->talk->keylog);
    maker->talk->keylog = realloc(maker->talk->keylog, before + strlen(line) + 2);
    talk_needs(maker->talk->keylog != NULL, "memory");
    sprintf(maker->talk->keylog + before, "%s\n", line);
}

static int talk_keep_session(SSL *ssl, SSL_SESSION *session) {
    struct talk_maker *maker = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_SESSION_free(maker->session);
    maker->session = session;
    return 1;
}

static int talk_trust(int good, X509_STORE_CTX *store) {
    (void)good;
    (void)store;
    return 1;
}

static unsigned talk_psk_client(SSL *ssl, const char *hint, char *identity, unsigned identity_size, uint8_t *key,
                                unsigned key_size) {
    (void)ssl;
    (void)hint;
    snprintf(identity, identity_size, "device");
    memset(key, 7, key_size < 16 ? key_size : 16);
    return 16;
}

static unsigned talk_psk_server(SSL *ssl, const char *identity, uint8_t *key, unsigned key_size) {
    (void)ssl;
    (void)identity;
    memset(key, 7, key_size < 16 ? key_size : 16);
    return 16;
}

/* False where there is no such suite. */
static bool talk_set_context(struct talk_maker *maker, enum mqtt_side side) {
    const struct talk_settings *settings = maker->settings;
    SSL_CTX *context = maker->contexts[side] = SSL_CTX_new(TLS_method());
    talk_needs(context != NULL, "context");
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_app_data(context, maker);
    SSL_CTX_set_min_proto_version(context, settings->version);
    SSL_CTX_set_max_proto_version(context, settings->version);
    SSL_CTX_set_dh_auto(context, 1);
    SSL_CTX_set_options(context, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    if (talk_has(maker, TALK_NO_ENCRYPT_THEN_MAC))
        SSL_CTX_set_options(context, SSL_OP_NO_ENCRYPT_THEN_MAC);
    if (!talk_has(maker, TALK_BY_TICKET) && settings->version < TLS1_3_VERSION)
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    if (talk_has(maker, TALK_PADDED))
        SSL_CTX_set_block_padding(context, 128);
    return settings->version == TLS1_3_VERSION ? SSL_CTX_set_ciphersuites(context, settings->suite) == 1
                                               : SSL_CTX_set_cipher_list(context, settings->suite) == 1;
}

static bool talk_set_contexts(struct talk_maker *maker) {
    if (!talk_set_context(maker, MQTT_CLIENT) || !talk_set_context(maker, MQTT_SERVER))
        return false;
    SSL_CTX *client = maker->contexts[MQTT_CLIENT], *server = maker->contexts[MQTT_SERVER];
    talk_certify(server, talk_key(false));
    talk_certify(server, talk_key(true));
    if (strstr(maker->settings->suite, "PSK") != NULL) {
        SSL_CTX_set_psk_client_callback(client, talk_psk_client);
        SSL_CTX_set_psk_server_callback(server, talk_psk_server);
    }
    SSL_CTX_set_session_id_context(server, (const uint8_t *)"test", 4);
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client, talk_keep_session);
    SSL_CTX_set_max_early_data(server, talk_has(maker, TALK_EARLY_DATA) ? 16384 : 0);
    if (talk_has(maker, TALK_CLIENT_CERTIFICATE)) {
        talk_certify(client, talk_key(false));
        SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, talk_trust);
    }
    if (talk_has(maker, TALK_RETRY)) {
        SSL_CTX_set1_groups_list(client, "X25519:P-256");
        SSL_CTX_set1_groups_list(server, "P-256");
    }
    return true;
}

/* ---- The wire ---------------------------------------------------------------------------------------------------- */

static uint8_t *talk_append(uint8_t *bytes, size_t *length, const uint8_t *more, size_t more_length) {
    bytes = realloc(bytes, *length + more_length);
    talk_needs(bytes != NULL, "memory");
    memcpy(bytes + *length, more, more_length);
    *length += more_length;
    return bytes;
}

/* Brings what a side has sent to the other. */
static void talk_carry(struct talk_maker *maker, enum mqtt_side from) {
    uint8_t *bytes;
    BIO *wire = SSL_get_wbio(maker->ends[from]);
    long length = BIO_get_mem_data(wire, &bytes);
    if (length <= 0)
        return;
    struct talk *talk = maker->talk;
    if (maker->records) {
        talk_needs(talk->flight_count < MOST_FLIGHTS, "too many flights");
        struct flight *flight = &talk->flights[talk->flight_count++];
        flight->side = from;
        flight->bytes = talk_append(NULL, &flight->length, bytes, (size_t)length);
    }
    BIO_write(SSL_get_rbio(maker->ends[1 - from]), bytes, (int)length);
    (void)BIO_reset(wire);
}

/* Reads what has come, which also does what the protocol asks for beside data. */
static void talk_hear(struct talk_maker *maker, enum mqtt_side side) {
    uint8_t bytes[4096];
    while (SSL_read(maker->ends[side], bytes, sizeof bytes) > 0)
        continue;
}

static void talk_say(struct talk_maker *maker, enum mqtt_side side, const uint8_t *bytes, size_t length) {
    struct talk *talk = maker->talk;
    talk_needs(SSL_write(maker->ends[side], bytes, (int)length) == (int)length, "writing");
    if (maker->records)
        talk->said[side] = talk_append(talk->said[side], &talk->said_length[side], bytes, length);
    talk_carry(maker, side);
    talk_hear(maker, (enum mqtt_side)(1 - side));
    talk_carry(maker, (enum mqtt_side)(1 - side));
}

/* Says something of that length that is said nowhere else in the test. */
static void talk_say_new(struct talk_maker *maker, enum mqtt_side side, size_t length) {
    uint8_t *text = malloc(length + 16);
    talk_needs(text != NULL, "memory");
    for (size_t at = 0; at < length; at += 10)
        snprintf((char *)text + at, 16, "%c%08zx ", side == MQTT_CLIENT ? 'c' : 's',
                 maker->talk->said_length[side] + at);
    talk_say(maker, side, text, length);
    free(text);
}

static void talk_open(struct talk_maker *maker) {
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++) {
        SSL *ssl = maker->ends[side] = SSL_new(maker->contexts[side]);
        talk_needs(ssl != NULL, "end of a connection");
        SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    }
    SSL_set_connect_state(maker->ends[MQTT_CLIENT]);
    SSL_set_accept_state(maker->ends[MQTT_SERVER]);
}

static void talk_shake_hands(struct talk_maker *maker) {
    for (int turn = 0; turn < 20; turn++)
        for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++) {
            int result = SSL_do_handshake(maker->ends[side]);
            talk_needs(result == 1 || SSL_get_error(maker->ends[side], result) == SSL_ERROR_WANT_READ,
                       maker->settings->suite);
            talk_carry(maker, (enum mqtt_side)side);
        }
    talk_needs(SSL_is_init_finished(maker->ends[MQTT_CLIENT]) && SSL_is_init_finished(maker->ends[MQTT_SERVER]),
               maker->settings->suite);
    talk_hear(maker, MQTT_CLIENT); /* tickets */
}

static void talk_close(struct talk_maker *maker) {
    for (int side = MQTT_CLIENT; side <= MQTT_SERVER; side++) {
        SSL_shutdown(maker->ends[side]);
        talk_carry(maker, (enum mqtt_side)side);
        SSL_free(maker->ends[side]);
    }
}

/* ---- Talking ----------------------------------------------------------------------------------------------------- */

/* A connection before, whose session is then taken up. */
static void talk_before(struct talk_maker *maker) {
    talk_open(maker);
    talk_shake_hands(maker);
    talk_say_new(maker, MQTT_CLIENT, 20);
    talk_say_new(maker, MQTT_SERVER, 20);
    talk_close(maker);
    talk_needs(maker->session != NULL, "a session to take up");
    maker->talk->keylog[0] = '\0';
}

static void talk_early(struct talk_maker *maker) {
    static const uint8_t early[] = "said before the server has answered";
    uint8_t bytes[256];
    size_t length;
    talk_needs(SSL_write_early_data(maker->ends[MQTT_CLIENT], early, sizeof early - 1, &length) == 1, "early data");
    talk_carry(maker, MQTT_CLIENT);
    talk_needs(SSL_read_early_data(maker->ends[MQTT_SERVER], bytes, sizeof bytes, &length) ==
                   SSL_READ_EARLY_DATA_SUCCESS,
               "early data taken");
    talk_carry(maker, MQTT_SERVER);
}

static void talk_middle(struct talk_maker *maker) {
    if (talk_has(maker, TALK_KEY_UPDATE))
        SSL_key_update(maker->ends[MQTT_CLIENT], SSL_KEY_UPDATE_REQUESTED);
    if (talk_has(maker, TALK_RENEGOTIATED)) {
        talk_needs(SSL_renegotiate(maker->ends[MQTT_CLIENT]) == 1, "renegotiation");
        for (int turn = 0; turn < 20; turn++) {
            SSL_do_handshake(maker->ends[MQTT_CLIENT]);
            talk_carry(maker, MQTT_CLIENT);
            talk_hear(maker, MQTT_SERVER);
            talk_carry(maker, MQTT_SERVER);
        }
        talk_needs(SSL_total_renegotiations(maker->ends[MQTT_CLIENT]) == 1, "renegotiation to its end");
    }
}

static void talk_messages(struct talk_maker *maker) {
    for (size_t i = 0; i < 6; i++) {
        size_t length = talk_has(maker, TALK_BIG) ? 50000 : talk_has(maker, TALK_TINY) ? 1 + i : 40 + 7 * i;
        if (i == 3)
            talk_middle(maker);
        talk_say_new(maker, MQTT_CLIENT, length);
        talk_say_new(maker, MQTT_SERVER, length + 3);
        talk_say_new(maker, MQTT_SERVER, length);
    }
}

/* False where this OpenSSL has no such suite. */
static bool talk_make(struct talk *talk, const struct talk_settings *settings) {
    struct talk_maker maker = {.talk = talk, .settings = settings};
    memset(talk, 0, sizeof *talk);
    talk->keylog = calloc(1, 1);
    talk_needs(talk->keylog != NULL, "memory");
    bool good = talk_set_contexts(&maker);
    if (good) {
        SSL_CTX_set_keylog_callback(maker.contexts[MQTT_CLIENT], talk_log_key);
        if (talk_has(&maker, TALK_RESUMED))
            talk_before(&maker);
        maker.records = true;
        talk_open(&maker);
        if (maker.session != NULL)
            SSL_set_session(maker.ends[MQTT_CLIENT], maker.session);
        if (talk_has(&maker, TALK_EARLY_DATA))
            talk_early(&maker);
        talk_shake_hands(&maker);
        talk_needs(SSL_session_reused(maker.ends[MQTT_CLIENT]) == talk_has(&maker, TALK_RESUMED), "resumption");
        talk->handshake_count = talk->flight_count;
        talk_messages(&maker);
        talk_close(&maker);
    }
    SSL_SESSION_free(maker.session);
    SSL_CTX_free(maker.contexts[MQTT_CLIENT]);
    SSL_CTX_free(maker.contexts[MQTT_SERVER]);
    if (!good)
        free(talk->keylog);
    return good;
}

static void talk_free(struct talk *talk) {
    for (size_t i = 0; i < talk->flight_count; i++)
        free(talk->flights[i].bytes);
    free(talk->said[MQTT_CLIENT]);
    free(talk->said[MQTT_SERVER]);
    free(talk->keylog);
}

#endif
