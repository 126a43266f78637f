#include "pcaps/tls_protection.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <string.h>

enum {
    GCM_TAG_SIZE = 16,
    SHORT_TAG_SIZE = 8, /* of CCM_8 */
    GCM_NONCE_SIZE = 8, /* that stands in each record of TLS 1.2 */
    AEAD_IV_SIZE = 12,
    MAXIMUM_BLOCK_SIZE = 16,
    /* Both directions: MAC key, key, IV. */
    KEY_BLOCK_SIZE = 2 * (EVP_MAX_MD_SIZE + EVP_MAX_KEY_LENGTH + AEAD_IV_SIZE),
};

/* ---- Suites ------------------------------------------------------------------------------------------------------ */

static bool is_aead(const struct tls_suite *suite) {
    return suite->mac == NULL;
}

bool tls_suite_find(SSL *library, unsigned number, struct tls_suite *suite) {
    const uint8_t bytes[2] = {(uint8_t)(number >> 8), (uint8_t)number};
    const SSL_CIPHER *found = SSL_CIPHER_find(library, bytes);
    if (found == NULL)
        return false;
    bool is_chacha20 = SSL_CIPHER_get_cipher_nid(found) == NID_chacha20_poly1305;
    const EVP_MD *hash = SSL_CIPHER_get_handshake_digest(found);
    *suite = (struct tls_suite){
        .cipher = EVP_get_cipherbynid(SSL_CIPHER_get_cipher_nid(found)), .hash = hash, .tag_size = GCM_TAG_SIZE};
    /* Suites that are older than TLS 1.2 have SHA-256 in it. */
    if (hash != NULL && EVP_MD_is_a(hash, SN_md5_sha1))
        suite->hash = EVP_sha256();
    if (suite->cipher == NULL || suite->hash == NULL || EVP_MD_get_size(suite->hash) > TLS_MAXIMUM_SECRET)
        return false;
    int mode = EVP_CIPHER_get_mode(suite->cipher);
    switch (mode) {
    case EVP_CIPH_GCM_MODE:
    case EVP_CIPH_CCM_MODE:
        suite->nonce_size = GCM_NONCE_SIZE;
        if (mode == EVP_CIPH_CCM_MODE && strstr(SSL_CIPHER_standard_name(found), "CCM_8") != NULL)
            suite->tag_size = SHORT_TAG_SIZE;
        return true;
    case EVP_CIPH_CBC_MODE:
        suite->nonce_size = (uint8_t)EVP_CIPHER_get_iv_length(suite->cipher);
        suite->mac = EVP_get_digestbynid(SSL_CIPHER_get_digest_nid(found));
        suite->tag_size = suite->mac == NULL ? 0 : (uint8_t)EVP_MD_get_size(suite->mac);
        return suite->mac != NULL;
    default:
        return is_chacha20;
    }
}

/* ---- Derivation -------------------------------------------------------------------------------------------------- */

static bool derive(const char *function, OSSL_PARAM *parameters, uint8_t *key, size_t size) {
    EVP_KDF *method = EVP_KDF_fetch(NULL, function, NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(method);
    bool good = context != NULL && EVP_KDF_derive(context, key, size, parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(method);
    return good;
}

static OSSL_PARAM octets(const char *name, const uint8_t *bytes, size_t size) {
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)bytes, size);
}

static OSSL_PARAM digest(const EVP_MD *hash) {
    return OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)EVP_MD_get0_name(hash), 0);
}

/* The PRF of TLS 1.2, as it makes keys. */
static bool derive_1_2(const struct tls_session *session, uint8_t *key, size_t size) {
    static const uint8_t label[] = "key expansion";
    OSSL_PARAM parameters[] = {
        digest(session->suite.hash),
        octets(OSSL_KDF_PARAM_SECRET, session->master_secret, sizeof session->master_secret),
        octets(OSSL_KDF_PARAM_SEED, label, sizeof label - 1),
        octets(OSSL_KDF_PARAM_SEED, session->server_random, TLS_RANDOM_SIZE),
        octets(OSSL_KDF_PARAM_SEED, session->client_random, TLS_RANDOM_SIZE),
        OSSL_PARAM_construct_end(),
    };
    return derive(OSSL_KDF_NAME_TLS1_PRF, parameters, key, size);
}

/* HKDF-Expand-Label of TLS 1.3, with an empty context. */
static bool derive_1_3(const EVP_MD *hash, const uint8_t *secret, size_t secret_size, const char *label, uint8_t *key,
                       size_t size) {
    uint8_t info[32] = {(uint8_t)(size >> 8), (uint8_t)size};
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    /* The label, with its length, and the context, of which there is the length only. */
    int length = snprintf((char *)info + 3, sizeof info - 3, "tls13 %s", label);
    info[2] = (uint8_t)length;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        digest(hash),
        octets(OSSL_KDF_PARAM_KEY, secret, secret_size),
        octets(OSSL_KDF_PARAM_INFO, info, (size_t)length + 4),
        OSSL_PARAM_construct_end(),
    };
    return derive(OSSL_KDF_NAME_HKDF, parameters, key, size);
}

/* ---- Setting up -------------------------------------------------------------------------------------------------- */

static bool set_cipher(struct tls_protection *protection, const uint8_t *key) {
    const struct tls_suite *suite = &protection->suite;
    EVP_CIPHER_CTX *cipher = protection->cipher = EVP_CIPHER_CTX_new();
    bool is_ccm = EVP_CIPHER_get_mode(suite->cipher) == EVP_CIPH_CCM_MODE;
    if (cipher == NULL || EVP_DecryptInit_ex(cipher, suite->cipher, NULL, NULL, NULL) != 1)
        return false;
    if (is_aead(suite) && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_IVLEN, AEAD_IV_SIZE, NULL) != 1)
        return false;
    /* CCM needs to know before it has the key. */
    if (is_ccm && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, suite->tag_size, NULL) != 1)
        return false;
    return EVP_DecryptInit_ex(cipher, NULL, NULL, key, NULL) == 1 && EVP_CIPHER_CTX_set_padding(cipher, 0) == 1;
}

static bool set_mac(struct tls_protection *protection, const uint8_t *key) {
    const EVP_MD *hash = protection->suite.mac;
    EVP_MAC *method = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)EVP_MD_get0_name(hash), 0),
        OSSL_PARAM_construct_end(),
    };
    protection->mac = EVP_MAC_CTX_new(method);
    bool good =
        protection->mac != NULL && EVP_MAC_init(protection->mac, key, (size_t)EVP_MD_get_size(hash), parameters) == 1;
    EVP_MAC_free(method);
    return good;
}

/* A protection that is not whole is none. */
static bool finish(struct tls_protection *protection, bool good) {
    if (!good)
        tls_protection_clear(protection);
    return good;
}

bool tls_protect_1_2(struct tls_protection *protection, const struct tls_session *session, enum mqtt_side sender) {
    uint8_t block[KEY_BLOCK_SIZE];
    const struct tls_suite *suite = &session->suite;
    size_t mac_size = suite->mac != NULL ? (size_t)EVP_MD_get_size(suite->mac) : 0;
    size_t key_size = (size_t)EVP_CIPHER_get_key_length(suite->cipher);
    size_t iv_size = is_aead(suite) ? AEAD_IV_SIZE - (size_t)suite->nonce_size : 0;
    size_t which = sender == MQTT_CLIENT ? 0 : 1;
    *protection = (struct tls_protection){.suite = *suite, .encrypt_then_mac = session->encrypt_then_mac};
    bool good = derive_1_2(session, block, 2 * (mac_size + key_size + iv_size));
    good = good && set_cipher(protection, block + 2 * mac_size + which * key_size);
    good = good && (suite->mac == NULL || set_mac(protection, block + which * mac_size));
    if (good)
        memcpy(protection->iv, block + 2 * (mac_size + key_size) + which * iv_size, iv_size);
    OPENSSL_cleanse(block, sizeof block);
    return finish(protection, good);
}

bool tls_protect_1_3(struct tls_protection *protection, const struct tls_suite *suite, struct mqtt_bytes secret) {
    uint8_t key[EVP_MAX_KEY_LENGTH];
    const EVP_MD *hash = suite->hash;
    *protection = (struct tls_protection){.suite = *suite, .is_1_3 = true};
    bool good =
        is_aead(suite) && secret.length == (uint32_t)EVP_MD_get_size(hash) &&
        derive_1_3(hash, secret.data, secret.length, "key", key, (size_t)EVP_CIPHER_get_key_length(suite->cipher)) &&
        derive_1_3(hash, secret.data, secret.length, "iv", protection->iv, sizeof protection->iv) &&
        set_cipher(protection, key);
    if (good) {
        memcpy(protection->secret.bytes, secret.data, secret.length);
        protection->secret.size = secret.length;
    }
    OPENSSL_cleanse(key, sizeof key);
    return finish(protection, good);
}

bool tls_protect_next(struct tls_protection *protection, const struct tls_protection *before) {
    uint8_t secret[TLS_MAXIMUM_SECRET];
    bool good = derive_1_3(before->suite.hash, before->secret.bytes, before->secret.size, "traffic upd", secret,
                           before->secret.size) &&
                tls_protect_1_3(protection, &before->suite, (struct mqtt_bytes){secret, before->secret.size});
    OPENSSL_cleanse(secret, sizeof secret);
    return good;
}

void tls_protection_clear(struct tls_protection *protection) {
    EVP_CIPHER_CTX_free(protection->cipher);
    EVP_MAC_CTX_free(protection->mac);
    OPENSSL_cleanse(protection, sizeof *protection);
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

enum { EXTRA_SIZE = 13 }; /* what is authenticated beside the content, in TLS 1.2 */

static void write_sequence(uint8_t *at, uint64_t sequence) {
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(sequence >> (56 - 8 * i));
}

/* Sequence number, type, version and length. */
static void write_extra(uint8_t *extra, uint64_t sequence, struct mqtt_bytes record, uint32_t length) {
    write_sequence(extra, sequence);
    memcpy(extra + 8, record.data, 3);
    extra[11] = (uint8_t)(length >> 8);
    extra[12] = (uint8_t)length;
}

static void write_nonce(const struct tls_protection *protection, uint64_t sequence, struct mqtt_bytes record,
                        uint8_t *nonce) {
    uint8_t number[8];
    memcpy(nonce, protection->iv, AEAD_IV_SIZE);
    if (!protection->is_1_3 && protection->suite.nonce_size > 0) {
        memcpy(nonce + AEAD_IV_SIZE - GCM_NONCE_SIZE, record.data + TLS_HEADER_SIZE, GCM_NONCE_SIZE);
        return;
    }
    write_sequence(number, sequence);
    for (int i = 0; i < 8; i++)
        nonce[AEAD_IV_SIZE - 8 + i] ^= number[i];
}

static bool open_aead(const struct tls_protection *protection, uint64_t sequence, struct mqtt_bytes record,
                      uint8_t *plain, uint32_t *length) {
    EVP_CIPHER_CTX *cipher = protection->cipher;
    uint8_t nonce[AEAD_IV_SIZE], extra[EXTRA_SIZE];
    uint32_t start = TLS_HEADER_SIZE + (protection->is_1_3 ? 0 : protection->suite.nonce_size);
    uint32_t tag_size = protection->suite.tag_size;
    bool is_ccm = EVP_CIPHER_get_mode(protection->suite.cipher) == EVP_CIPH_CCM_MODE;
    int size, written = 0, rest = 0;
    *length = record.length - start - tag_size;
    write_nonce(protection, sequence, record, nonce);
    write_extra(extra, sequence, record, *length);
    const uint8_t *tag = record.data + start + *length;
    if (EVP_DecryptInit_ex(cipher, NULL, NULL, NULL, nonce) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, (int)tag_size, (void *)(uintptr_t)tag) != 1)
        return false;
    if (is_ccm && EVP_DecryptUpdate(cipher, NULL, &size, NULL, (int)*length) != 1)
        return false;
    bool good = protection->is_1_3 ? EVP_DecryptUpdate(cipher, NULL, &size, record.data, TLS_HEADER_SIZE) == 1
                                   : EVP_DecryptUpdate(cipher, NULL, &size, extra, sizeof extra) == 1;
    good = good && EVP_DecryptUpdate(cipher, plain, &written, record.data + start, (int)*length) == 1;
    /* CCM has authenticated all by now. */
    return good && (is_ccm || EVP_DecryptFinal_ex(cipher, plain + written, &rest) == 1);
}

/* The MAC of what the extra bytes and `bytes` are. */
static bool mac_fits(const struct tls_protection *protection, const uint8_t *extra, const uint8_t *bytes, size_t length,
                     const uint8_t *expected) {
    uint8_t mac[EVP_MAX_MD_SIZE];
    size_t size;
    return EVP_MAC_init(protection->mac, NULL, 0, NULL) == 1 &&
           EVP_MAC_update(protection->mac, extra, EXTRA_SIZE) == 1 &&
           EVP_MAC_update(protection->mac, bytes, length) == 1 &&
           EVP_MAC_final(protection->mac, mac, &size, sizeof mac) == 1 && size == protection->suite.tag_size &&
           CRYPTO_memcmp(mac, expected, size) == 0;
}

/* Takes the padding off, whose last byte tells how many others there are. */
static bool strip_padding(const uint8_t *plain, uint32_t *length) {
    uint32_t size = plain[*length - 1] + 1u;
    if (size > *length)
        return false;
    for (uint32_t i = 2; i <= size; i++)
        if (plain[*length - i] != size - 1)
            return false;
    *length -= size;
    return true;
}

static bool open_cbc(const struct tls_protection *protection, uint64_t sequence, struct mqtt_bytes record,
                     uint8_t *plain, uint32_t *length) {
    uint32_t mac_size = protection->suite.tag_size, iv_size = protection->suite.nonce_size;
    uint32_t outside = protection->encrypt_then_mac ? mac_size : 0;
    const uint8_t *iv = record.data + TLS_HEADER_SIZE;
    uint32_t encrypted = record.length - TLS_HEADER_SIZE - iv_size - outside;
    uint8_t extra[EXTRA_SIZE];
    int written = 0;
    if (encrypted == 0 || encrypted % iv_size != 0)
        return false;
    write_extra(extra, sequence, record, iv_size + encrypted);
    if (outside > 0 && !mac_fits(protection, extra, iv, iv_size + encrypted, iv + iv_size + encrypted))
        return false;
    if (EVP_DecryptInit_ex(protection->cipher, NULL, NULL, NULL, iv) != 1 ||
        EVP_DecryptUpdate(protection->cipher, plain, &written, iv + iv_size, (int)encrypted) != 1)
        return false;
    *length = encrypted;
    if (!strip_padding(plain, length))
        return false;
    if (outside > 0)
        return true;
    if (*length < mac_size)
        return false;
    *length -= mac_size;
    write_extra(extra, sequence, record, *length);
    return mac_fits(protection, extra, plain, *length, plain + *length);
}

uint32_t tls_shortest_record(const struct tls_protection *protection) {
    const struct tls_suite *suite = &protection->suite;
    uint32_t shortest = TLS_HEADER_SIZE + suite->tag_size;
    return shortest + (protection->is_1_3 ? 1 : suite->nonce_size); /* TLS 1.3 has the type inside */
}

bool tls_record_open(const struct tls_protection *protection, uint64_t sequence, struct mqtt_bytes record,
                     uint8_t *plain, struct tls_content *content) {
    uint32_t length = 0;
    if (record.length < tls_shortest_record(protection) || record.length > TLS_MAXIMUM_RECORD)
        return false;
    if (!(is_aead(&protection->suite) ? open_aead(protection, sequence, record, plain, &length)
                                      : open_cbc(protection, sequence, record, plain, &length)))
        return false;
    *content = (struct tls_content){(enum tls_content_type)record.data[0], {plain, length}};
    if (!protection->is_1_3)
        return true;
    while (length > 0 && plain[length - 1] == 0)
        length--;
    if (length == 0)
        return false; /* padding alone */
    *content = (struct tls_content){(enum tls_content_type)plain[length - 1], {plain, length - 1}};
    return true;
}
