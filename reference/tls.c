#include "reference/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0 /* such systems have SO_NOSIGPIPE */
#endif

#define SELF_SIGNED_DAYS 2

struct tls_context {
    SSL_CTX *ssl;
    BIO_METHOD *socket;
    enum mqtt_side side;
    const char *host;     /* to ask for by name; owned, or NULL */
    bool has_expired;     /* the own certificate */
    int key_log;          /* a descriptor, or -1 */
    SSL_SESSION *session; /* of a Client that resumes: the newest; or NULL */
};

/* ---- A socket as OpenSSL sees it ----------------------------------------------------------------------------- */

/* OpenSSL's own would raise SIGPIPE, and a library may not change what its host does about signals. */

static int descriptor_of(BIO *bio) {
    return (int)(intptr_t)BIO_get_data(bio);
}

static bool may_go_on(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ENOBUFS;
}

static int socket_write(BIO *bio, const char *data, int length) {
    ssize_t sent = send(descriptor_of(bio), data, (size_t)length, MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (sent < 0 && may_go_on(errno))
        BIO_set_retry_write(bio);
    return (int)sent;
}

static int socket_read(BIO *bio, char *data, int length) {
    ssize_t received = recv(descriptor_of(bio), data, (size_t)length, 0);
    BIO_clear_retry_flags(bio);
    BIO_clear_flags(bio, BIO_FLAGS_IN_EOF);
    if (received < 0 && may_go_on(errno))
        BIO_set_retry_read(bio);
    else if (received == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)received;
}

static long socket_control(BIO *bio, int command, long number, void *pointer) {
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

static int socket_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *socket_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket without signals");
    if (method != NULL && BIO_meth_set_write(method, socket_write) && BIO_meth_set_read(method, socket_read) &&
        BIO_meth_set_ctrl(method, socket_control) && BIO_meth_set_create(method, socket_create))
        return method;
    BIO_meth_free(method);
    return NULL;
}

struct ssl_st *tls_open(struct tls_context *context, int descriptor) {
    SSL *ssl = SSL_new(context->ssl);
    BIO *bio = BIO_new(context->socket);
    if (ssl == NULL || bio == NULL || (context->host != NULL && !SSL_set_tlsext_host_name(ssl, context->host))) {
        SSL_free(ssl);
        BIO_free(bio);
        return NULL;
    }
    if (context->session != NULL)
        (void)SSL_set_session(ssl, context->session);
    BIO_set_data(bio, (void *)(intptr_t)descriptor);
    SSL_set_bio(ssl, bio, bio);
    if (context->side == MQTT_SERVER)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return ssl;
}

/* ---- Complaints ------------------------------------------------------------------------------------------------ */

struct complaint {
    char *text;
    size_t size;
};

/* Always false. */
__attribute__((format(printf, 2, 3))) static bool complain(const struct complaint *complaint, const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(complaint->text, complaint->size, format, values);
    va_end(values);
    return false;
}

static const char *reason_of_library(void) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason == NULL ? "unknown reason" : reason;
}

/* OpenSSL says less than the system does about a file that cannot be opened. */
static FILE *open_file(const char *what, const char *name, const struct complaint *complaint) {
    FILE *file = fopen(name, "r");
    if (file == NULL)
        complain(complaint, "cannot read the %s '%s': %s", what, name, strerror(errno));
    return file;
}

static bool can_be_read(const char *what, const char *name, const struct complaint *complaint) {
    FILE *file = open_file(what, name, complaint);
    if (file == NULL)
        return false;
    fclose(file);
    return true;
}

/* ---- The own certificate ----------------------------------------------------------------------------------------- */

static bool has_expired(const X509 *certificate) {
    return X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
}

/* Without this, OpenSSL would ask the terminal, where there may be nobody. */
static int no_password(char *buffer, int size, int writing, void *user) {
    (void)buffer;
    (void)size;
    (void)writing;
    (void)user;
    return -1;
}

static bool is_encrypted(const char *name) {
    char line[128];
    bool found = false;
    FILE *file = fopen(name, "r");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
        found = strstr(line, "ENCRYPTED") != NULL;
    if (file != NULL)
        fclose(file);
    return found;
}

static bool load_key(SSL_CTX *ssl, const struct tls_settings *settings, const struct complaint *complaint) {
    const char *name = settings->key == NULL ? settings->certificate : settings->key;
    if (!can_be_read("key", name, complaint))
        return false;
    bool loaded = SSL_CTX_use_PrivateKey_file(ssl, name, SSL_FILETYPE_PEM) == 1;
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (loaded ? SSL_CTX_check_private_key(ssl) != 1
               : reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH)
        return complain(complaint, "the key '%s' does not belong to the certificate '%s'", name, settings->certificate);
    if (!loaded && is_encrypted(name))
        return complain(complaint,
                        "the key '%s' is protected by a password; give one that is not, as made by "
                        "'openssl pkey -in FILE -out PLAIN'",
                        name);
    return loaded || complain(complaint, "there is no private key in PEM form in '%s': %s", name, reason_of_library());
}

static bool load_certificate(struct tls_context *context, const struct tls_settings *settings,
                             const struct complaint *complaint) {
    if (settings->certificate == NULL)
        return settings->side == MQTT_CLIENT || complain(complaint, "TLS needs a certificate and its key");
    if (!can_be_read("certificate", settings->certificate, complaint))
        return false;
    if (SSL_CTX_use_certificate_chain_file(context->ssl, settings->certificate) != 1)
        return complain(complaint, "there is no certificate in PEM form in '%s': %s", settings->certificate,
                        reason_of_library());
    context->has_expired = has_expired(SSL_CTX_get0_certificate(context->ssl));
    return load_key(context->ssl, settings, complaint);
}

const char *tls_context_warning(const struct tls_context *context) {
    return context->has_expired ? "the certificate has expired; most peers will refuse it" : NULL;
}

/* ---- The other side's certificate -------------------------------------------------------------------------------- */

/* Takes all certificates of the file. Those that have expired do not count, for a bundle has some. */
static bool trust_all(SSL_CTX *ssl, FILE *file, size_t *found, size_t *usable) {
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    X509 *certificate;
    bool good = true;
    *found = *usable = 0;
    while (good && (certificate = PEM_read_X509(file, NULL, no_password, NULL)) != NULL) {
        ++*found;
        *usable += !has_expired(certificate);
        good = X509_STORE_add_cert(store, certificate) == 1 && SSL_CTX_add_client_CA(ssl, certificate) == 1;
        X509_free(certificate);
    }
    /* The end of the file shows as an error, too. */
    return good && (*found == 0 || ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE);
}

static bool load_authorities(SSL_CTX *ssl, const struct tls_settings *settings, const struct complaint *complaint) {
    size_t found, usable;
    if (settings->authorities == NULL)
        return settings->demand == TLS_NO_CERTIFICATE || SSL_CTX_set_default_verify_paths(ssl) == 1 ||
               complain(complaint, "the certificates that the system trusts cannot be read: %s", reason_of_library());
    FILE *file = open_file("CA", settings->authorities, complaint);
    if (file == NULL)
        return false;
    bool good = trust_all(ssl, file, &found, &usable);
    fclose(file);
    if (!good || found == 0)
        return complain(complaint, "there is no CA certificate in PEM form in '%s': %s", settings->authorities,
                        reason_of_library());
    return usable > 0 || complain(complaint, "the CA certificate in '%s' has expired", settings->authorities);
}

static bool name_host(struct tls_context *context, const char *host) {
    X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(context->ssl);
    uint8_t address[sizeof(struct in6_addr)];
    if (host == NULL)
        return true;
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1;
    context->host = strdup(host);
    return context->host != NULL && X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1;
}

static int verify_mode(const struct tls_settings *settings) {
    if (settings->demand == TLS_NO_CERTIFICATE)
        return SSL_VERIFY_NONE;
    return SSL_VERIFY_PEER | (settings->demand == TLS_CERTIFICATE_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
}

/* ---- Contexts
 * -------------------------------------------------------------------------------------------------------- */

/* Without certificates. */
static struct tls_context *create(enum mqtt_side side, enum tls_version lowest) {
    static const uint8_t session_context[] = "mqspec";
    struct tls_context *context = calloc(1, sizeof *context);
    if (context == NULL)
        return NULL;
    ERR_clear_error();
    context->side = side;
    context->key_log = -1;
    context->socket = socket_method();
    context->ssl = SSL_CTX_new(side == MQTT_SERVER ? TLS_server_method() : TLS_client_method());
    if (context->socket == NULL || context->ssl == NULL ||
        !SSL_CTX_set_min_proto_version(context->ssl, lowest == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) ||
        !SSL_CTX_set_session_id_context(context->ssl, session_context, sizeof session_context - 1)) {
        tls_context_destroy(context);
        return NULL;
    }
    /* A connection that ends without goodbye is none the worse: MQTT has its own. */
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION |
                                          SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* What could not be sent lies elsewhere the next time, and an idle connection costs little. */
    SSL_CTX_set_mode(context->ssl,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    /* Sessions are resumed by tickets, which cost the Server no memory. */
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_dh_auto(context->ssl, 1);
    SSL_CTX_set_app_data(context->ssl, context);
    SSL_CTX_set_default_passwd_cb(context->ssl, no_password);
    return context;
}

/* Keeps it, and takes over the reference. */
static int keep_session(SSL *ssl, SSL_SESSION *session) {
    struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_SESSION_free(context->session);
    context->session = session;
    return 1;
}

static void resume_sessions(struct tls_context *context) {
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->ssl, keep_session);
}

/* Each line at once, so that those of several programs do not mix. What cannot be written is only missing there. */
static void log_key(const SSL *ssl, const char *line) {
    const struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    char text[512];
    int length = snprintf(text, sizeof text, "%s\n", line);
    if (length > 0 && length < (int)sizeof text)
        (void)!write(context->key_log, text, (size_t)length);
    OPENSSL_cleanse(text, sizeof text);
}

static bool open_key_log(struct tls_context *context, const char *name, const struct complaint *complaint) {
    context->key_log = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (context->key_log < 0)
        return complain(complaint, "cannot write the key log '%s': %s", name, strerror(errno));
    SSL_CTX_set_keylog_callback(context->ssl, log_key);
    return true;
}

const char *tls_key_log_wanted(void) {
    const char *name = getenv("SSLKEYLOGFILE");
    return name != NULL && name[0] != '\0' ? name : NULL;
}

struct tls_context *tls_context_create(const struct tls_settings *settings, char *reason, size_t size) {
    struct complaint complaint = {reason, size};
    struct tls_context *context = create(settings->side, settings->lowest);
    if (context == NULL) {
        complain(&complaint, "OpenSSL cannot be set up: %s", reason_of_library());
        return NULL;
    }
    SSL_CTX_set_verify(context->ssl, verify_mode(settings), NULL);
    bool good = load_certificate(context, settings, &complaint) && load_authorities(context->ssl, settings, &complaint);
    if (good && !name_host(context, settings->host))
        good = complain(&complaint, "no certificate can be for the host '%s'", settings->host);
    if (good && settings->key_log != NULL)
        good = open_key_log(context, settings->key_log, &complaint);
    if (good && settings->resumes)
        resume_sessions(context);
    if (good)
        return context;
    tls_context_destroy(context);
    return NULL;
}

void tls_context_destroy(struct tls_context *context) {
    if (context == NULL)
        return;
    if (context->key_log >= 0)
        close(context->key_log);
    SSL_SESSION_free(context->session);
    SSL_CTX_free(context->ssl);
    BIO_meth_free(context->socket);
    free((void *)context->host);
    free(context);
}

/* ---- A certificate made now ---------------------------------------------------------------------------------------
 */

static bool fill_certificate(X509 *certificate, EVP_PKEY *key) {
    X509_NAME *name = X509_get_subject_name(certificate);
    const uint8_t *host = (const uint8_t *)"localhost";
    return X509_set_version(certificate, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), SELF_SIGNED_DAYS * 86400) != NULL &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, host, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

struct tls_context *tls_context_self_signed(void) {
    struct tls_context *context = create(MQTT_SERVER, TLS_1_2);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    bool good = context != NULL && key != NULL && certificate != NULL && fill_certificate(certificate, key) &&
                SSL_CTX_use_certificate(context->ssl, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(context->ssl, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (good)
        return context;
    tls_context_destroy(context);
    return NULL;
}
