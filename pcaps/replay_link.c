#include "pcaps/replay_link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 64 * 1024 };

static void on_ready(struct event_source *source, unsigned readiness);

static bool has_to_send(const struct link *link) {
    return link->waiting_length > 0 || (link->half_closed && !link->is_finished);
}

static bool watch(struct link *link) {
    unsigned wanted =
        link->is_started ? transport_wants(&link->transport, true, has_to_send(link)) : (unsigned)EVENT_WRITABLE;
    return event_loop_watch(link->loop, &link->source, link->source.descriptor, wanted, on_ready);
}

static void drop(struct link *link) {
    if (link->is_started)
        transport_release(&link->transport);
    link->is_started = false;
    event_loop_forget(link->loop, &link->source);
    close(link->source.descriptor);
    link->source.descriptor = -1;
}

/* ---- Connecting -------------------------------------------------------------------------------------------- */

/* Opens a socket and begins to connect. */
static bool try_address(struct link *link) {
    int one = 1;
    int descriptor = socket(link->address->ai_family, SOCK_STREAM, 0);
    if (descriptor < 0)
        return false;
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    bool begun = fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 &&
                 (connect(descriptor, link->address->ai_addr, link->address->ai_addrlen) == 0 || errno == EINPROGRESS);
    link->source.descriptor = descriptor;
    link->state = LINK_CONNECTING;
    if (begun && watch(link))
        return true;
    int error = errno;
    close(descriptor);
    link->source.descriptor = -1;
    errno = error;
    return false;
}

bool link_connect(struct link *link, const struct addrinfo *addresses) {
    for (link->address = addresses; link->address != NULL; link->address = link->address->ai_next) {
        if (try_address(link))
            return true;
        snprintf(link->reason, sizeof link->reason, "%s", strerror(errno));
    }
    link->state = LINK_GONE;
    return false;
}

static void lose(struct link *link) {
    char why[sizeof link->reason] = "";
    if (link->is_started)
        transport_reason(&link->transport, why, sizeof why);
    if (link->state == LINK_CONNECTING)
        snprintf(link->reason, sizeof link->reason, "%s", why[0] != '\0' ? why : "the target closed the connection");
    drop(link);
    link->state = LINK_GONE;
    link->on_closed(link);
}

/* The socket is connected, or cannot be. False where the link is gone or tries another address. */
static bool start_transport(struct link *link) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(link->source.descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error == 0 && !transport_start(&link->transport, link->source.descriptor, link->settings))
        error = ENOMEM;
    link->is_started = error == 0;
    if (link->is_started)
        return true;
    snprintf(link->reason, sizeof link->reason, "%s", strerror(error));
    drop(link);
    if (!link_connect(link, link->address->ai_next))
        link->on_closed(link);
    return false;
}

/* ---- Bytes ------------------------------------------------------------------------------------------------- */

/* Writes what the socket takes. That the connection is broken shows when it is read. */
static void flush_waiting(struct link *link) {
    struct mqtt_bytes bytes = {link->waiting, (uint32_t)link->waiting_length};
    size_t taken = 0;
    enum transport_result result = transport_send(&link->transport, &bytes, 1, &taken);
    if (result == TRANSPORT_ENDED || result == TRANSPORT_BROKEN)
        taken = link->waiting_length;
    if (taken > 0)
        memmove(link->waiting, link->waiting + taken, link->waiting_length - taken);
    link->waiting_length -= taken;
    if (link->waiting_length == 0 && link->half_closed && !link->is_finished)
        link->is_finished = transport_finish(&link->transport) != TRANSPORT_BLOCKED;
}

/* A handshake has failed. Where the target just closes, that is an answer. */
static bool is_refused(const struct link *link) {
    char why[sizeof link->reason];
    return transport_reason(&link->transport, why, sizeof why)[0] != '\0';
}

static void note_open(struct link *link) {
    if (!transport_is_open(&link->transport))
        return;
    link->state = LINK_OPEN;
    link->reason[0] = '\0'; /* of an address that was tried before */
}

static void read_once(struct link *link) {
    uint8_t buffer[READ_SIZE];
    size_t count = 0;
    enum transport_result result = transport_receive(&link->transport, buffer, sizeof buffer, &count);
    bool ended = result == TRANSPORT_ENDED || result == TRANSPORT_BROKEN;
    if (link->state == LINK_CONNECTING && !(ended && is_refused(link)))
        note_open(link);
    if (count > 0)
        link->on_bytes(link, (struct mqtt_bytes){buffer, (uint32_t)count});
    if (ended)
        lose(link);
}

static void on_ready(struct event_source *source, unsigned readiness) {
    struct link *link = (struct link *)source;
    (void)readiness;
    if (!link->is_started && !start_transport(link))
        return;
    if (has_to_send(link) || transport_has_output(&link->transport))
        flush_waiting(link);
    read_once(link);
    if (link->state != LINK_GONE && !watch(link))
        lose(link);
}

bool link_send(struct link *link, struct mqtt_bytes bytes) {
    size_t wanted = link->waiting_length + bytes.length;
    if (wanted > UINT32_MAX)
        return false;
    if (wanted > link->waiting_capacity) {
        uint8_t *waiting = realloc(link->waiting, wanted * 2);
        if (waiting == NULL)
            return false;
        link->waiting = waiting;
        link->waiting_capacity = wanted * 2;
    }
    if (bytes.length > 0)
        memcpy(link->waiting + link->waiting_length, bytes.data, bytes.length);
    link->waiting_length = wanted;
    if (wanted > 0)
        flush_waiting(link);
    return watch(link);
}

void link_half_close(struct link *link) {
    if (link->state != LINK_OPEN || link->half_closed)
        return;
    link->half_closed = true;
    flush_waiting(link);
    (void)watch(link); /* what does not leave now is tried again when something comes */
}

void link_close(struct link *link, bool reset) {
    if (link->state == LINK_CONNECTING || link->state == LINK_OPEN) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        if (reset)
            (void)setsockopt(link->source.descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        drop(link);
    }
    link->state = LINK_GONE;
    free(link->waiting);
    link->waiting = NULL;
    link->waiting_length = link->waiting_capacity = 0;
}
