/* Three layers, of which the upper two may be absent: the socket, TLS on it, WebSocket on that. */
#include "reference/transport.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "reference/event_loop.h"

#define MAXIMUM_VECTORS 256u   /* views written in one call */
#define RECORD_SIZE     16384u /* bytes that TLS sends in one piece */
#define FRAME_SIZE      65536u /* bytes that WebSocket sends in one piece; more waits with the owner */
/* More than this goes out in further calls, so that one fast reader does not starve others. */
#define SENT_AT_ONCE (1024u * 1024)
/* Nothing more is received while this much waits to be sent: each ping that is received is answered. */
#define MAXIMUM_BACKLOG (256u * 1024)

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0 /* such systems have SO_NOSIGPIPE */
#endif

static const struct {
    const char *name;
    bool has_tls;
    bool has_websocket;
} kinds[TRANSPORT_KINDS] = {
    [TRANSPORT_TCP] = {"tcp", false, false},
    [TRANSPORT_TLS] = {"tls", true, false},
    [TRANSPORT_WS] = {"ws", false, true},
    [TRANSPORT_WSS] = {"wss", true, true},
};

const char *transport_kind_name(enum transport_kind kind) {
    return kinds[kind].name;
}

bool transport_has_tls(enum transport_kind kind) {
    return kinds[kind].has_tls;
}

bool transport_has_websocket(enum transport_kind kind) {
    return kinds[kind].has_websocket;
}

/* ---- The socket -------------------------------------------------------------------------------------------------- */

static enum transport_result judge_errno(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR ? TRANSPORT_BLOCKED
                                                                                         : TRANSPORT_BROKEN;
}

static enum transport_result receive_from_socket(struct transport *transport, uint8_t *buffer, size_t size,
                                                 size_t *count) {
    ssize_t received = recv(transport->descriptor, buffer, size, 0);
    if (received < 0)
        return judge_errno();
    *count = (size_t)received;
    return received == 0 ? TRANSPORT_ENDED : TRANSPORT_DONE;
}

static enum transport_result send_to_socket(struct transport *transport, const struct mqtt_bytes *views, size_t count,
                                            size_t *taken) {
    struct iovec vectors[MAXIMUM_VECTORS];
    size_t used = count < MAXIMUM_VECTORS ? count : MAXIMUM_VECTORS;
    size_t total = 0;
    ssize_t sent;
    for (size_t i = 0; i < used; i++) {
        vectors[i] = (struct iovec){.iov_base = (void *)views[i].data, .iov_len = views[i].length};
        total += views[i].length;
    }
    if (total == 0)
        return TRANSPORT_DONE;
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = used};
    do {
        sent = sendmsg(transport->descriptor, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return judge_errno();
    *taken = (size_t)sent;
    return (size_t)sent < total || used < count ? TRANSPORT_BLOCKED : TRANSPORT_DONE;
}

/* ---- TLS --------------------------------------------------------------------------------------------------------- */

/* What OpenSSL's answer means. A failure of TLS leaves an alert to be read, so the socket is not closed at once. */
static enum transport_result judge_tls(struct transport *transport, int returned, bool *wants_other, int other) {
    int error = SSL_get_error(transport->tls, returned);
    *wants_other = error == other;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return TRANSPORT_BLOCKED;
    if (error == SSL_ERROR_ZERO_RETURN)
        return TRANSPORT_ENDED;
    transport->is_finished = true; /* OpenSSL takes no more */
    if (error != SSL_ERROR_SSL)
        return TRANSPORT_BROKEN;
    long verified = SSL_get_verify_result(transport->tls);
    bool distrusted = verified != X509_V_OK && (SSL_get_verify_mode(transport->tls) & SSL_VERIFY_PEER) != 0;
    transport->reason[0] = transport->is_secure ? "TLS failed" : "the TLS handshake failed";
    transport->reason[1] =
        distrusted ? X509_verify_cert_error_string(verified) : ERR_reason_error_string(ERR_peek_error());
    return TRANSPORT_ENDED;
}

static enum transport_result shake_hands(struct transport *transport) {
    if (transport->is_secure)
        return TRANSPORT_DONE;
    if (transport->is_finished)
        return TRANSPORT_ENDED;
    ERR_clear_error();
    int returned = SSL_do_handshake(transport->tls);
    transport->is_secure = returned == 1;
    if (transport->is_secure) {
        transport->receive_wants_writing = transport->send_wants_reading = false;
        return TRANSPORT_DONE;
    }
    enum transport_result result =
        judge_tls(transport, returned, &transport->receive_wants_writing, SSL_ERROR_WANT_WRITE);
    transport->send_wants_reading = !transport->receive_wants_writing;
    return result;
}

/* A record is taken as a whole, so that none is left inside OpenSSL, where the event loop does not see it. */
static enum transport_result receive_from_tls(struct transport *transport, uint8_t *buffer, size_t size,
                                              size_t *count) {
    enum transport_result result = shake_hands(transport);
    assert(size >= TRANSPORT_RECEIVE_LEAST);
    while (result == TRANSPORT_DONE && size - *count >= TRANSPORT_RECEIVE_LEAST) {
        size_t received = 0;
        ERR_clear_error();
        int returned = SSL_read_ex(transport->tls, buffer + *count, size - *count, &received);
        if (returned != 1)
            result = judge_tls(transport, returned, &transport->receive_wants_writing, SSL_ERROR_WANT_WRITE);
        *count += received;
    }
    /* What ended shows again the next time, after what came before it. */
    return *count > 0 && result == TRANSPORT_BLOCKED ? TRANSPORT_DONE : result;
}

/* The next bytes of the views in a row, at most RECORD_SIZE: copied to the buffer where they lie apart. */
static struct mqtt_bytes next_record(const struct mqtt_bytes *views, size_t count, size_t skipped, uint8_t *buffer) {
    struct mqtt_bytes record = {buffer, 0};
    for (size_t i = 0; i < count && record.length < RECORD_SIZE; i++) {
        if (skipped >= views[i].length) {
            skipped -= views[i].length;
            continue;
        }
        struct mqtt_bytes part = {views[i].data + skipped, (uint32_t)(views[i].length - skipped)};
        skipped = 0;
        if (part.length > RECORD_SIZE - record.length)
            part.length = RECORD_SIZE - record.length;
        if (record.length == 0 && (part.length == RECORD_SIZE || i + 1 == count))
            return part;
        memcpy(buffer + record.length, part.data, part.length);
        record.length += part.length;
    }
    return record;
}

static enum transport_result send_to_tls(struct transport *transport, const struct mqtt_bytes *views, size_t count,
                                         size_t *taken) {
    uint8_t buffer[RECORD_SIZE];
    enum transport_result result = shake_hands(transport);
    while (result == TRANSPORT_DONE) {
        if (*taken >= SENT_AT_ONCE)
            return TRANSPORT_BLOCKED;
        struct mqtt_bytes record = next_record(views, count, *taken, buffer);
        size_t sent = 0;
        if (record.length == 0)
            return TRANSPORT_DONE;
        ERR_clear_error();
        int returned = SSL_write_ex(transport->tls, record.data, record.length, &sent);
        if (returned != 1)
            result = judge_tls(transport, returned, &transport->send_wants_reading, SSL_ERROR_WANT_READ);
        *taken += sent;
    }
    return result == TRANSPORT_ENDED ? TRANSPORT_BROKEN : result;
}

static enum transport_result receive_bytes(struct transport *transport, uint8_t *buffer, size_t size, size_t *count) {
    return transport->tls == NULL ? receive_from_socket(transport, buffer, size, count)
                                  : receive_from_tls(transport, buffer, size, count);
}

static enum transport_result send_bytes(struct transport *transport, const struct mqtt_bytes *views, size_t count,
                                        size_t *taken) {
    return transport->tls == NULL ? send_to_socket(transport, views, count, taken)
                                  : send_to_tls(transport, views, count, taken);
}

/* ---- WebSocket -----------------------------------------------------------------------------------------------------
 */

static uint64_t random_number(void *context) {
    uint64_t number = 0;
    (void)context;
    (void)RAND_bytes((uint8_t *)&number, sizeof number);
    return number;
}

/* Writes what waits in the WebSocket. */
static enum transport_result flush_websocket(struct transport *transport) {
    for (;;) {
        struct mqtt_bytes output = websocket_output(transport->websocket);
        size_t taken = 0;
        if (output.length == 0)
            return TRANSPORT_DONE;
        enum transport_result result = send_bytes(transport, &output, 1, &taken);
        websocket_sent(transport->websocket, taken);
        if (result != TRANSPORT_DONE)
            return result;
    }
}

static bool is_overfull(const struct transport *transport) {
    return transport->websocket != NULL && websocket_output(transport->websocket).length >= MAXIMUM_BACKLOG;
}

/* The MQTT bytes replace those of the frames in the buffer: they are fewer. */
static enum transport_result receive_from_websocket(struct transport *transport, uint8_t *buffer, size_t size,
                                                    size_t *count) {
    size_t received = 0;
    if (is_overfull(transport))
        return flush_websocket(transport);
    enum transport_result result = receive_bytes(transport, buffer, size, &received);
    if (received > 0)
        *count = websocket_receive(transport->websocket, (struct mqtt_bytes){buffer, (uint32_t)received}, buffer);
    /* Pongs, and answers to handshakes. */
    if (result != TRANSPORT_BROKEN && flush_websocket(transport) == TRANSPORT_BROKEN)
        return TRANSPORT_BROKEN;
    if (websocket_state(transport->websocket) != WEBSOCKET_ENDING)
        return result;
    if (websocket_reason(transport->websocket) != NULL) {
        transport->reason[0] = "WebSocket failed";
        transport->reason[1] = websocket_reason(transport->websocket);
    }
    return TRANSPORT_ENDED;
}

/* The views that one frame takes, behind the first `skipped` bytes. Returns how many; `total` receives their bytes. */
static size_t next_frame(const struct mqtt_bytes *views, size_t count, size_t skipped,
                         struct mqtt_bytes parts[MAXIMUM_VECTORS], size_t *total) {
    size_t used = 0;
    *total = 0;
    for (size_t i = 0; i < count && used < MAXIMUM_VECTORS && *total < FRAME_SIZE; i++) {
        if (skipped >= views[i].length) {
            skipped -= views[i].length;
            continue;
        }
        struct mqtt_bytes part = {views[i].data + skipped, (uint32_t)(views[i].length - skipped)};
        skipped = 0;
        if (part.length > FRAME_SIZE - *total)
            part.length = (uint32_t)(FRAME_SIZE - *total);
        *total += part.length;
        parts[used++] = part;
    }
    return used;
}

static enum transport_result send_to_websocket(struct transport *transport, const struct mqtt_bytes *views,
                                               size_t count, size_t *taken) {
    struct mqtt_bytes parts[MAXIMUM_VECTORS];
    for (;;) {
        size_t total;
        enum transport_result result = flush_websocket(transport);
        size_t used = next_frame(views, count, *taken, parts, &total);
        if (result != TRANSPORT_DONE || used == 0)
            return result;
        if (websocket_state(transport->websocket) == WEBSOCKET_OPENING || *taken >= SENT_AT_ONCE)
            return TRANSPORT_BLOCKED;
        /* Nobody wants what comes after a Close frame. */
        if (websocket_state(transport->websocket) == WEBSOCKET_OPEN &&
            !websocket_send(transport->websocket, parts, used, transport->framing))
            return TRANSPORT_BROKEN;
        *taken += total;
    }
}

/* ---- All layers
 * ------------------------------------------------------------------------------------------------------ */

bool transport_start(struct transport *transport, int descriptor, const struct transport_settings *settings) {
    *transport = (struct transport){.descriptor = descriptor, .framing = FRAMED_TOGETHER};
    if (transport_has_tls(settings->kind)) {
        transport->tls = tls_open(settings->tls, descriptor);
        if (transport->tls == NULL)
            return false;
    }
    if (!transport_has_websocket(settings->kind))
        return true;
    struct websocket_settings websocket = {
        .side = settings->side,
        .host = settings->host,
        .path = settings->path,
        .subprotocols = settings->subprotocols,
        .rules = settings->rules,
        .random = random_number,
    };
    transport->websocket = websocket_create(&websocket);
    if (transport->websocket != NULL)
        return true;
    transport_release(transport);
    return false;
}

void transport_release(struct transport *transport) {
    websocket_destroy(transport->websocket);
    SSL_free(transport->tls);
    transport->websocket = NULL;
    transport->tls = NULL;
}

enum transport_result transport_receive(struct transport *transport, uint8_t *buffer, size_t size, size_t *count) {
    *count = 0;
    return transport->websocket == NULL ? receive_bytes(transport, buffer, size, count)
                                        : receive_from_websocket(transport, buffer, size, count);
}

enum transport_result transport_send(struct transport *transport, const struct mqtt_bytes *views, size_t count,
                                     size_t *taken) {
    *taken = 0;
    return transport->websocket == NULL ? send_bytes(transport, views, count, taken)
                                        : send_to_websocket(transport, views, count, taken);
}

bool transport_has_output(const struct transport *transport) {
    return transport->websocket != NULL && websocket_output(transport->websocket).length > 0;
}

bool transport_is_open(const struct transport *transport) {
    return (transport->tls == NULL || transport->is_secure) &&
           (transport->websocket == NULL || websocket_state(transport->websocket) != WEBSOCKET_OPENING);
}

unsigned transport_wants(const struct transport *transport, bool receiving, bool sending) {
    unsigned wanted = 0;
    if (!transport_is_open(transport))
        sending = false; /* handshakes come first */
    if (receiving && !is_overfull(transport))
        wanted |= transport->receive_wants_writing ? EVENT_WRITABLE : EVENT_READABLE;
    if (sending || transport_has_output(transport))
        wanted |= transport->send_wants_reading ? EVENT_READABLE : EVENT_WRITABLE;
    return wanted;
}

static enum transport_result finish_tls(struct transport *transport) {
    if (transport->tls == NULL || !transport->is_secure || transport->is_finished)
        return TRANSPORT_DONE;
    ERR_clear_error();
    int returned = SSL_shutdown(transport->tls);
    if (returned >= 0 ||
        judge_tls(transport, returned, &transport->send_wants_reading, SSL_ERROR_WANT_READ) != TRANSPORT_BLOCKED) {
        transport->is_finished = true;
        return TRANSPORT_DONE;
    }
    return TRANSPORT_BLOCKED;
}

enum transport_result transport_finish(struct transport *transport) {
    enum transport_result result = TRANSPORT_DONE;
    if (transport->websocket != NULL) {
        websocket_close(transport->websocket);
        result = flush_websocket(transport);
    }
    if (result == TRANSPORT_DONE)
        result = finish_tls(transport);
    if (result != TRANSPORT_DONE)
        return result;
    return shutdown(transport->descriptor, SHUT_WR) == 0 ? TRANSPORT_DONE : TRANSPORT_BROKEN;
}

const char *transport_reason(const struct transport *transport, char *text, size_t size) {
    const char *first = transport->reason[0];
    const char *second = transport->reason[1];
    snprintf(text, size, "%s%s%s", first == NULL ? "" : first, second == NULL ? "" : ": ",
             second == NULL ? "" : second);
    return text;
}

bool transport_peer_name(const struct transport *transport, char *name, size_t size, size_t *length) {
    X509 *certificate = transport->tls == NULL ? NULL : SSL_get1_peer_certificate(transport->tls);
    *length = 0;
    if (certificate == NULL)
        return true;
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    uint8_t *text = NULL;
    int count =
        place < 0 ? -1 : ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)));
    X509_free(certificate);
    bool fits = count > 0 && (size_t)count <= size &&
                mqtt_check_text((struct mqtt_bytes){text, (uint32_t)count}, NULL) == MQTT_TEXT_FINE;
    if (fits) {
        memcpy(name, text, (size_t)count);
        *length = (size_t)count;
    }
    OPENSSL_free(text);
    return fits;
}

const char *transport_subprotocol(const struct transport *transport) {
    return transport->websocket == NULL ? "" : websocket_subprotocol(transport->websocket);
}

void transport_set_framing(struct transport *transport, enum websocket_framing framing) {
    transport->framing = framing;
}
