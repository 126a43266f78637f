/* How TLS 1.2 and 1.3 protect records: keys from secrets, and records opened with them, by OpenSSL. Internal to
 * pcaps/.
 *
 *     tls_suite_find(library, 0x1301, &suite);
 *     tls_protect_1_3(&protection, &suite, secret);        one for each direction
 *     tls_record_open(&protection, sequence, record, plain, &content);
 *     tls_protection_clear(&protection);
 */
#ifndef MQSPEC_TLS_PROTECTION_H
#define MQSPEC_TLS_PROTECTION_H

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "codec/codec.h"

enum {
    TLS_RANDOM_SIZE = 32,
    TLS_MAXIMUM_SECRET = 48,
    TLS_HEADER_SIZE = 5,
    TLS_MAXIMUM_FRAGMENT = 16384 + 2048, /* of TLS 1.2, which allows more than 1.3 */
    TLS_MAXIMUM_RECORD = TLS_HEADER_SIZE + TLS_MAXIMUM_FRAGMENT,
};

enum tls_content_type {
    TLS_CHANGE_CIPHER_SPEC = 20,
    TLS_ALERT = 21,
    TLS_HANDSHAKE = 22,
    TLS_APPLICATION_DATA = 23,
    TLS_HEARTBEAT = 24,
};

/* An alert is a level and one of these. */
enum tls_alert { TLS_CLOSE_NOTIFY = 0 };

/* What a cipher suite uses. All are OpenSSL's and live for ever. */
struct tls_suite {
    const EVP_CIPHER *cipher;
    const EVP_MD *mac;  /* of CBC; NULL where the cipher authenticates */
    const EVP_MD *hash; /* that keys are derived with */
    uint8_t tag_size;
    uint8_t nonce_size; /* in each record, in TLS 1.2: the rest of it, or the IV of CBC */
};

/* `library` is any SSL object, for OpenSSL finds suites by it. False where it does not know the suite, or it does not
 * encrypt, or by a stream cipher that is not ChaCha20. */
bool tls_suite_find(SSL *library, unsigned number, struct tls_suite *suite);

/* The keys of one direction. To be cleared when it has been set up. A zeroed one protects nothing and may be cleared.
 */
struct tls_protection {
    struct tls_suite suite;
    bool is_1_3;
    bool encrypt_then_mac;
    EVP_CIPHER_CTX *cipher; /* NULL: nothing is set up */
    EVP_MAC_CTX *mac;       /* of CBC */
    uint8_t iv[12];         /* or its beginning */
    struct {
        uint8_t bytes[TLS_MAXIMUM_SECRET];
        uint32_t size;
    } secret; /* of TLS 1.3, for the next keys */
};

/* What both sides have said in TLS 1.2. */
struct tls_session {
    struct tls_suite suite;
    uint8_t master_secret[TLS_MAXIMUM_SECRET];
    uint8_t client_random[TLS_RANDOM_SIZE];
    uint8_t server_random[TLS_RANDOM_SIZE];
    bool encrypt_then_mac;
};

/* All set up a zeroed protection, and return false where OpenSSL fails or the secret is not one for the suite. */
bool tls_protect_1_2(struct tls_protection *protection, const struct tls_session *session, enum mqtt_side sender);
bool tls_protect_1_3(struct tls_protection *protection, const struct tls_suite *suite, struct mqtt_bytes secret);

/* The keys that come behind those of `before`, in TLS 1.3. */
bool tls_protect_next(struct tls_protection *protection, const struct tls_protection *before);

void tls_protection_clear(struct tls_protection *protection);

/* What a record holds. The bytes lie where it was opened to. */
struct tls_content {
    enum tls_content_type type;
    struct mqtt_bytes bytes;
};

/* Opens a whole record, header and all, with that sequence number; `plain` has room for TLS_MAXIMUM_FRAGMENT bytes.
 * False where it does not authenticate. */
bool tls_record_open(const struct tls_protection *protection, uint64_t sequence, struct mqtt_bytes record,
                     uint8_t *plain, struct tls_content *content);

/* No record of this protection is shorter, header and all. */
uint32_t tls_shortest_record(const struct tls_protection *protection);

#endif
