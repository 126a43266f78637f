/* The event loop by poll(2), for systems without epoll. MQSPEC_USE_POLL chooses it everywhere. */
#include "reference/event_loop.h"

#if !defined(__linux__) || defined(MQSPEC_USE_POLL)

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "reference/event_loop_time.h"

#define NO_SLOT (-1)

/* Slots are the rows of `polled` and `sources`. A forgotten slot stays as a hole until the next wait, so that the
 * rows do not move while sources are called. */
struct event_loop {
    microseconds now;
    struct pollfd *polled;
    struct event_source **sources; /* NULL in a hole */
    int *slots;                    /* by descriptor; NO_SLOT where it is not watched */
    int slot_count;
    int slot_capacity;
    int descriptor_capacity;
    bool waiting;
};

struct event_loop *event_loop_create(void) {
    struct event_loop *loop = calloc(1, sizeof *loop);
    if (loop != NULL)
        loop->now = monotonic_time();
    return loop;
}

void event_loop_destroy(struct event_loop *loop) {
    if (loop == NULL)
        return;
    free(loop->polled);
    free(loop->sources);
    free(loop->slots);
    free(loop);
}

microseconds event_loop_now(const struct event_loop *loop) {
    return loop->now;
}

static bool grow_slots(struct event_loop *loop) {
    if (loop->slot_count < loop->slot_capacity)
        return true;
    size_t capacity = loop->slot_capacity == 0 ? 16 : (size_t)loop->slot_capacity * 2;
    struct pollfd *polled = realloc(loop->polled, capacity * sizeof *polled);
    if (polled == NULL)
        return false;
    loop->polled = polled;
    struct event_source **sources = realloc(loop->sources, capacity * sizeof *sources);
    if (sources == NULL)
        return false;
    loop->sources = sources;
    loop->slot_capacity = (int)capacity;
    return true;
}

static bool grow_descriptors(struct event_loop *loop, int descriptor) {
    if (descriptor < loop->descriptor_capacity)
        return true;
    size_t capacity = ((size_t)descriptor + 1) * 2;
    int *slots = realloc(loop->slots, capacity * sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = (size_t)loop->descriptor_capacity; i < capacity; i++)
        slots[i] = NO_SLOT;
    loop->slots = slots;
    loop->descriptor_capacity = (int)capacity;
    return true;
}

bool event_loop_watch(struct event_loop *loop, struct event_source *source, int descriptor, unsigned wanted,
                      void (*on_ready)(struct event_source *source, unsigned readiness)) {
    if (descriptor < 0 || descriptor > INT_MAX / 4) {
        errno = EBADF;
        return false;
    }
    if (!grow_descriptors(loop, descriptor) || !grow_slots(loop)) {
        errno = ENOMEM;
        return false;
    }
    int slot = loop->slots[descriptor];
    if (slot == NO_SLOT) {
        slot = loop->slot_count++;
        loop->polled[slot] = (struct pollfd){.fd = descriptor};
        loop->slots[descriptor] = slot;
    }
    loop->sources[slot] = source;
    loop->polled[slot].events =
        (short)((wanted & EVENT_READABLE ? POLLIN : 0) | (wanted & EVENT_WRITABLE ? POLLOUT : 0));
    source->descriptor = descriptor;
    source->wanted = wanted;
    source->on_ready = on_ready;
    return true;
}

void event_loop_forget(struct event_loop *loop, struct event_source *source) {
    if (source->descriptor < 0 || source->descriptor >= loop->descriptor_capacity)
        return;
    int slot = loop->slots[source->descriptor];
    if (slot == NO_SLOT)
        return;
    loop->slots[source->descriptor] = NO_SLOT;
    loop->sources[slot] = NULL;
    loop->polled[slot].fd = -1;
}

static void close_holes(struct event_loop *loop) {
    int kept = 0;
    for (int slot = 0; slot < loop->slot_count; slot++) {
        if (loop->sources[slot] == NULL)
            continue;
        loop->polled[kept] = loop->polled[slot];
        loop->sources[kept] = loop->sources[slot];
        loop->slots[loop->polled[kept].fd] = kept;
        kept++;
    }
    loop->slot_count = kept;
}

/* Wants may have changed since the kernel was asked; what is no longer wanted is not reported. */
static unsigned readiness_of(short events, unsigned wanted) {
    unsigned readiness = 0;
    if (events & POLLIN)
        readiness |= EVENT_READABLE;
    if (events & POLLOUT)
        readiness |= EVENT_WRITABLE;
    readiness &= wanted;
    /* Whoever reads or writes next learns the error from that call, so it counts as ready for it. */
    if (events & (POLLHUP | POLLERR | POLLNVAL))
        readiness |= EVENT_HUNG_UP | wanted;
    return readiness;
}

int event_loop_wait(struct event_loop *loop, microseconds deadline) {
    assert(!loop->waiting); /* not from inside on_ready */
    close_holes(loop);
    int timeout = milliseconds_until(deadline);
    int result = poll(loop->polled, (nfds_t)loop->slot_count, timeout);
    int error = errno;
    loop->now = monotonic_time();
    if (result < 0) {
        errno = error;
        return error == EINTR ? 0 : -1;
    }
    int called = 0;
    int seen = loop->slot_count; /* rows behind these were added by the calls below */
    loop->waiting = true;
    for (int slot = 0; slot < seen; slot++) {
        struct event_source *source = loop->sources[slot];
        short events = loop->polled[slot].revents;
        unsigned readiness = source == NULL ? 0 : readiness_of(events, source->wanted);
        if (readiness == 0)
            continue;
        source->on_ready(source, readiness);
        called++;
    }
    loop->waiting = false;
    return called;
}

int event_loop_descriptor(const struct event_loop *loop) {
    (void)loop;
    return -1;
}

int event_loop_timeout(microseconds deadline) {
    return milliseconds_until(deadline);
}

#endif
