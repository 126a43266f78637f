/* The event loop by epoll(7). Systems without it compile reference/event_loop_poll.c. */
#include "reference/event_loop.h"

#if defined(__linux__) && !defined(MQSPEC_USE_POLL)

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "reference/event_loop_time.h"

/* Sources called in one wait. More than these are ready again at once in the next. */
#define EVENTS_PER_WAIT 256

struct event_loop {
    int descriptor;
    microseconds now;
    /* What the current wait has still to call: from `next` up to `count`. */
    int next;
    int count;
    struct epoll_event events[EVENTS_PER_WAIT];
};

struct event_loop *event_loop_create(void) {
    struct event_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    loop->descriptor = epoll_create1(EPOLL_CLOEXEC);
    if (loop->descriptor < 0) {
        free(loop);
        return NULL;
    }
    loop->now = monotonic_time();
    return loop;
}

void event_loop_destroy(struct event_loop *loop) {
    if (loop == NULL)
        return;
    close(loop->descriptor);
    free(loop);
}

microseconds event_loop_now(const struct event_loop *loop) {
    return loop->now;
}

bool event_loop_watch(struct event_loop *loop, struct event_source *source, int descriptor, unsigned wanted,
                      void (*on_ready)(struct event_source *source, unsigned readiness)) {
    struct epoll_event event = {.data.ptr = source};
    if (wanted & EVENT_READABLE)
        event.events |= EPOLLIN;
    if (wanted & EVENT_WRITABLE)
        event.events |= EPOLLOUT;
    /* The kernel knows whether the descriptor is watched already, so the loop keeps no table of its own. */
    int result = epoll_ctl(loop->descriptor, EPOLL_CTL_MOD, descriptor, &event);
    if (result != 0 && errno == ENOENT)
        result = epoll_ctl(loop->descriptor, EPOLL_CTL_ADD, descriptor, &event);
    if (result != 0)
        return false;
    source->descriptor = descriptor;
    source->wanted = wanted;
    source->on_ready = on_ready;
    return true;
}

void event_loop_forget(struct event_loop *loop, struct event_source *source) {
    epoll_ctl(loop->descriptor, EPOLL_CTL_DEL, source->descriptor, &(struct epoll_event){0});
    for (int i = loop->next; i < loop->count; i++)
        if (loop->events[i].data.ptr == source)
            loop->events[i].data.ptr = NULL;
}

/* Wants may have changed since the kernel was asked; what is no longer wanted is not reported. */
static unsigned readiness_of(uint32_t events, unsigned wanted) {
    unsigned readiness = 0;
    if (events & EPOLLIN)
        readiness |= EVENT_READABLE;
    if (events & EPOLLOUT)
        readiness |= EVENT_WRITABLE;
    readiness &= wanted;
    /* Whoever reads or writes next learns the error from that call, so it counts as ready for it. */
    if (events & (EPOLLHUP | EPOLLERR))
        readiness |= EVENT_HUNG_UP | wanted;
    return readiness;
}

int event_loop_wait(struct event_loop *loop, microseconds deadline) {
    assert(loop->next == loop->count); /* not from inside on_ready */
    int timeout = milliseconds_until(deadline);
    int count = epoll_wait(loop->descriptor, loop->events, EVENTS_PER_WAIT, timeout);
    int error = errno;
    loop->now = monotonic_time();
    if (count < 0) {
        errno = error;
        return error == EINTR ? 0 : -1;
    }
    int called = 0;
    loop->count = count;
    for (loop->next = 0; loop->next < loop->count;) {
        const struct epoll_event *event = &loop->events[loop->next++];
        struct event_source *source = event->data.ptr;
        if (source == NULL)
            continue;
        unsigned readiness = readiness_of(event->events, source->wanted);
        if (readiness == 0)
            continue;
        source->on_ready(source, readiness);
        called++;
    }
    return called;
}

int event_loop_descriptor(const struct event_loop *loop) {
    return loop->descriptor;
}

int event_loop_timeout(microseconds deadline) {
    return milliseconds_until(deadline);
}

#endif
