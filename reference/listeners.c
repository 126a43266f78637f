#include "reference/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAXIMUM_FILE_NAME 4096
#define MAXIMUM_SHOWN     400

/* ---- Reading an address ---------------------------------------------------------------------------------------- */

static const struct {
    const char *scheme;
    enum transport_kind kind;
} schemes[] = {{"mqtt", TRANSPORT_TCP}, {"mqtts", TRANSPORT_TLS}, {"ws", TRANSPORT_WS}, {"wss", TRANSPORT_WSS}};

static const char *scheme_of(enum transport_kind kind) {
    size_t i = 0;
    while (schemes[i].kind != kind)
        i++;
    return schemes[i].scheme;
}

/* Returns what stands behind "SCHEME://", or NULL. */
static const char *parse_scheme(enum transport_kind *kind, const char *text) {
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i].scheme);
        if (strncmp(text, schemes[i].scheme, length) != 0 || strncmp(text + length, "://", 3) != 0)
            continue;
        *kind = schemes[i].kind;
        return text + length + 3;
    }
    return NULL;
}

static bool parse_port(uint16_t *port, const char *text) {
    unsigned long number = 0;
    if (*text == '\0' || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text))
        return false;
    number = strtoul(text, NULL, 10);
    *port = (uint16_t)number;
    return number <= UINT16_MAX;
}

bool listener_parse(struct listener_option *listener, const char *text, const char **reason) {
    const char *address = parse_scheme(&listener->kind, text);
    *reason = "it does not begin with mqtt://, mqtts://, ws:// or wss://";
    if (address == NULL)
        return false;
    bool bracketed = *address == '[';
    address += bracketed;
    size_t length = strcspn(address, bracketed ? "]" : ":");
    *reason = "an IPv6 address stands in brackets, as in mqtt://[::1]:1883";
    if (bracketed ? address[length] != ']' : strchr(address, ':') != strrchr(address, ':'))
        return false;
    *reason = "it has no address; 127.0.0.1 is for this machine only, 0.0.0.0 for all";
    if (length == 0 || length >= sizeof listener->address)
        return false;
    memcpy(listener->address, address, length);
    listener->address[length] = '\0';
    const char *port = address + length + bracketed;
    *reason = "behind the address there is no port from 0 to 65535, as in mqtt://127.0.0.1:1883";
    return *port == ':' && parse_port(&listener->port, port + 1);
}

/* ---- Certificates ------------------------------------------------------------------------------------------------ */

/* What does not go together, with what to do, or NULL. */
static const char *find_contradiction(const struct broker_options *options) {
    bool has_tls = false;
    for (size_t i = 0; i < options->listener_count; i++)
        has_tls = has_tls || transport_has_tls(options->listeners[i].kind);
    if (has_tls && options->certificate == NULL)
        return "mqtts and wss need a certificate; give --cert FILE and --key FILE";
    if (!has_tls && (options->certificate != NULL || options->key != NULL || options->authorities != NULL ||
                     options->demand != TLS_NO_CERTIFICATE || options->user_from_certificate))
        return "certificates are for mqtts and wss; add --listen mqtts://127.0.0.1:8883 or the like";
    if (options->demand != TLS_NO_CERTIFICATE && options->authorities == NULL)
        return "--client-cert needs --ca FILE: the certificates of those who certify clients";
    if (options->user_from_certificate && options->demand == TLS_NO_CERTIFICATE)
        return "--user-from-cert needs --client-cert optional or required";
    return NULL;
}

bool listeners_prepare(struct listeners *listeners, const struct broker_options *options) {
    const char *contradiction = find_contradiction(options);
    if (contradiction != NULL) {
        fprintf(stderr, "mqspec broker: %s\n", contradiction);
        return false;
    }
    if (options->certificate == NULL)
        return true;
    const char *key_log = options->key_log != NULL ? options->key_log : tls_key_log_wanted();
    const struct tls_settings settings = {.side = MQTT_SERVER,
                                          .key_log = key_log,
                                          .certificate = options->certificate,
                                          .key = options->key,
                                          .authorities = options->authorities,
                                          .demand = options->demand,
                                          .lowest = options->tls_lowest};
    char reason[MAXIMUM_SHOWN + MAXIMUM_FILE_NAME];
    listeners->tls = tls_context_create(&settings, reason, sizeof reason);
    if (listeners->tls == NULL) {
        fprintf(stderr, "mqspec broker: %s\n", reason);
        return false;
    }
    if (key_log != NULL)
        listeners->tell(listeners->context, "the secrets of TLS connections are written to the key log");
    if (tls_context_warning(listeners->tls) != NULL)
        listeners->tell(listeners->context, tls_context_warning(listeners->tls));
    return true;
}

void listeners_release(struct listeners *listeners) {
    tls_context_destroy(listeners->tls);
    listeners->tls = NULL;
}

/* ---- Opening -------------------------------------------------------------------------------------------------------
 */

static void note_port(struct listeners *listeners, enum transport_kind kind, int port) {
    listeners->opened[listeners->count].scheme = scheme_of(kind);
    listeners->opened[listeners->count++].port = port;
}

/* Returns the port, or -1 after a message. `prefix`: how the address is shown. */
static int open_one(struct listeners *listeners, struct server *server, const char *prefix, const char *address,
                    uint16_t port, const struct server_listening *how) {
    const char *reason;
    const char *format = strchr(address, ':') == NULL ? "%s%s%s:%d" : "%s%s[%s]:%d";
    char shown[MAXIMUM_SHOWN];
    int result = server_listen_over(server, address, port, how, &reason);
    int error = errno;
    snprintf(shown, sizeof shown, format, result < 0 ? "" : "listening on ", prefix, address,
             result < 0 ? port : result);
    if (result >= 0)
        listeners->tell(listeners->context, shown);
    else
        fprintf(stderr, "mqspec broker: cannot listen on %s: %s%s\n", shown, reason,
                error == EADDRINUSE ? "; choose another with -p, or stop the program that uses it" : "");
    return result;
}

/* A machine without IPv6 is served without it. */
static bool has_ipv6_loopback(void) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int descriptor = socket(AF_INET6, SOCK_STREAM, 0);
    if (descriptor < 0)
        return false;
    bool has = bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0;
    close(descriptor);
    return has;
}

/* What -p and --bind say. Where the system chooses the port, it chooses for the first address, and the others follow.
 */
static bool open_plain(struct listeners *listeners, const struct broker_options *options, struct server *server) {
    static const char *const loopback[] = {"127.0.0.1", "::1"};
    static const struct server_listening plain = {.kind = TRANSPORT_TCP};
    const char *const *addresses = options->address_count > 0 ? options->addresses : loopback;
    size_t count = options->address_count > 0 ? options->address_count : (has_ipv6_loopback() ? 2 : 1);
    int port = options->port;
    for (size_t i = 0; i < count; i++) {
        port = open_one(listeners, server, "", addresses[i], (uint16_t)port, &plain);
        if (port < 0)
            return false;
    }
    note_port(listeners, TRANSPORT_TCP, port);
    return true;
}

bool listeners_open(struct listeners *listeners, const struct broker_options *options, struct server *server) {
    bool asked = options->port_given || options->address_count > 0 || options->listener_count == 0;
    if (asked && !open_plain(listeners, options, server))
        return false;
    for (size_t i = 0; i < options->listener_count; i++) {
        const struct listener_option *listener = &options->listeners[i];
        const struct server_listening how = {
            .kind = listener->kind, .tls = listeners->tls, .names_user = options->user_from_certificate};
        char prefix[16];
        snprintf(prefix, sizeof prefix, "%s://", scheme_of(listener->kind));
        int port = open_one(listeners, server, prefix, listener->address, listener->port, &how);
        if (port < 0)
            return false;
        note_port(listeners, listener->kind, port);
    }
    return true;
}

/* ---- The port file
 * --------------------------------------------------------------------------------------------------- */

static bool write_ports(const struct listeners *listeners, int descriptor) {
    bool fine = dprintf(descriptor, "%d\n", listeners->opened[0].port) > 0;
    for (size_t i = 1; i < listeners->count; i++)
        fine = dprintf(descriptor, "%s %d\n", listeners->opened[i].scheme, listeners->opened[i].port) > 0 && fine;
    return fine;
}

/* Written aside and renamed, so that whoever waits for the file finds all of it. */
bool listeners_write_ports(const struct listeners *listeners, const char *file_name) {
    char temporary[MAXIMUM_FILE_NAME];
    int length = snprintf(temporary, sizeof temporary, "%s.XXXXXX", file_name);
    if (length < 0 || (size_t)length >= sizeof temporary) {
        errno = ENAMETOOLONG;
        return false;
    }
    int descriptor = mkstemp(temporary);
    if (descriptor < 0)
        return false;
    bool fine = fchmod(descriptor, 0644) == 0 && write_ports(listeners, descriptor);
    fine = close(descriptor) == 0 && fine;
    if (fine && rename(temporary, file_name) == 0)
        return true;
    int error = errno;
    unlink(temporary);
    errno = error;
    return false;
}
