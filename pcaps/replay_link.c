#include "pcaps/replay_link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 64 * 1024 };

static void on_ready(struct event_source *source, unsigned readiness);

static bool watch(struct link *link) {
    bool writes = link->state == LINK_CONNECTING || link->waiting_length > 0;
    unsigned wanted = writes ? EVENT_READABLE | EVENT_WRITABLE : EVENT_READABLE;
    return event_loop_watch(link->loop, &link->source, link->source.descriptor, wanted, on_ready);
}

static void drop(struct link *link) {
    event_loop_forget(link->loop, &link->source);
    close(link->source.descriptor);
    link->source.descriptor = -1;
}

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
        link->error = errno;
    }
    link->state = LINK_GONE;
    return false;
}

static void lose(struct link *link) {
    drop(link);
    link->state = LINK_GONE;
    link->on_closed(link);
}

static void finish_connecting(struct link *link) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(link->source.descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error == 0) {
        link->state = LINK_OPEN;
        if (!watch(link))
            lose(link);
        return;
    }
    link->error = error;
    drop(link);
    if (!link_connect(link, link->address->ai_next))
        link->on_closed(link);
}

/* Writes what the socket takes. */
static void flush_waiting(struct link *link) {
    size_t done = 0;
    while (done < link->waiting_length) {
        ssize_t written = write(link->source.descriptor, link->waiting + done, link->waiting_length - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
            done = link->waiting_length; /* reading will tell that the connection is broken */
        if (written <= 0)
            break;
        done += (size_t)written;
    }
    memmove(link->waiting, link->waiting + done, link->waiting_length - done);
    link->waiting_length -= done;
    if (link->waiting_length == 0 && link->half_closed)
        (void)shutdown(link->source.descriptor, SHUT_WR);
}

static void read_once(struct link *link) {
    uint8_t buffer[READ_SIZE];
    ssize_t length = read(link->source.descriptor, buffer, sizeof buffer);
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (length <= 0)
        lose(link);
    else
        link->on_bytes(link, (struct mqtt_bytes){buffer, (uint32_t)length});
}

static void on_ready(struct event_source *source, unsigned readiness) {
    struct link *link = (struct link *)source;
    if (link->state == LINK_CONNECTING) {
        if (readiness & (EVENT_WRITABLE | EVENT_HUNG_UP))
            finish_connecting(link);
        return;
    }
    if (readiness & EVENT_WRITABLE && link->waiting_length > 0) {
        flush_waiting(link);
        if (!watch(link)) {
            lose(link);
            return;
        }
    }
    if (readiness & (EVENT_READABLE | EVENT_HUNG_UP))
        read_once(link);
}

bool link_send(struct link *link, struct mqtt_bytes bytes) {
    size_t wanted = link->waiting_length + bytes.length;
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
    if (link->waiting_length == 0)
        (void)shutdown(link->source.descriptor, SHUT_WR);
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
