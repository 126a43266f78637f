#include "pcaps/capture_wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_ready(struct event_source *source, unsigned readiness) {
    struct capture_wait *wait = (struct capture_wait *)((char *)source - offsetof(struct capture_wait, source));
    (void)readiness;
    wait->is_ready = true;
}

bool capture_wait_begin(struct capture_wait *wait, int descriptor, microseconds duration) {
    memset(wait, 0, sizeof *wait);
    wait->loop = event_loop_create();
    if (wait->loop == NULL)
        return false;
    if (!signals_begin(&wait->signals, wait->loop)) {
        event_loop_destroy(wait->loop);
        return false;
    }
    wait->end = duration > 0 ? event_loop_now(wait->loop) + duration : NO_DEADLINE;
    if (event_loop_watch(wait->loop, &wait->source, descriptor, EVENT_READABLE, on_ready))
        return true;
    int error = errno;
    signals_end(&wait->signals, wait->loop);
    event_loop_destroy(wait->loop);
    errno = error;
    return false;
}

void capture_wait_end(struct capture_wait *wait) {
    event_loop_forget(wait->loop, &wait->source);
    signals_end(&wait->signals, wait->loop);
    event_loop_destroy(wait->loop);
}

static bool wait_until(struct capture_wait *wait, microseconds deadline) {
    wait->is_ready = false;
    return event_loop_wait(wait->loop, deadline < wait->end ? deadline : wait->end) >= 0;
}

bool capture_wait_is_ready(struct capture_wait *wait) {
    return wait_until(wait, 0) && wait->is_ready;
}

bool capture_wait_for(struct capture_wait *wait, microseconds most) {
    return wait_until(wait, most < NO_DEADLINE ? event_loop_now(wait->loop) + most : NO_DEADLINE);
}

bool capture_wait_is_over(const struct capture_wait *wait) {
    return wait->signals.stop || event_loop_now(wait->loop) >= wait->end;
}

/* ---- A stream ------------------------------------------------------------------------------------------------------
 */

struct waiting_stream {
    struct capture_wait *wait;
    const struct capture_source *source;
};

/* As read(). */
static ssize_t read_waiting(void *cookie, char *buffer, size_t size) {
    struct waiting_stream *stream = cookie;
    struct capture_wait *wait = stream->wait;
    bool ready = capture_wait_is_ready(wait);
    if (!ready && stream->source->pause != NULL)
        stream->source->pause(stream->source->pause_context, 0);
    while (!ready && !capture_wait_is_over(wait)) {
        if (!capture_wait_for(wait, NO_DEADLINE))
            return -1;
        ready = wait->is_ready;
    }
    if (capture_wait_is_over(wait))
        return 0;
    ssize_t length;
    do {
        length = read(wait->source.descriptor, buffer, size);
    } while (length < 0 && errno == EINTR && !capture_wait_is_over(wait));
    return length;
}

static int close_waiting(void *cookie) {
    free(cookie);
    return 0;
}

#if defined(__GLIBC__)
static FILE *open_stream(struct waiting_stream *stream) {
    return fopencookie(stream, "rb", (cookie_io_functions_t){.read = read_waiting, .close = close_waiting});
}
#else /* the BSDs and macOS */
static int read_as_bsd(void *cookie, char *buffer, int size) {
    return (int)read_waiting(cookie, buffer, (size_t)size);
}

static FILE *open_stream(struct waiting_stream *stream) {
    return funopen(stream, read_as_bsd, NULL, NULL, close_waiting);
}
#endif

FILE *capture_wait_open(struct capture_wait *wait, const struct capture_source *source) {
    struct waiting_stream *stream = malloc(sizeof *stream);
    if (stream == NULL)
        return NULL;
    *stream = (struct waiting_stream){wait, source};
    FILE *file = open_stream(stream);
    if (file == NULL)
        free(stream);
    return file;
}
