/* The one place that asks the operating system for readiness and time. One loop belongs to one thread.
 *
 * Used by the broker's shell, by the conformance runner and by replay. */
#ifndef MQSPEC_EVENT_LOOP_H
#define MQSPEC_EVENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "reference/environment.h"

struct event_loop;

enum event_readiness { EVENT_READABLE = 1, EVENT_WRITABLE = 2, EVENT_HUNG_UP = 4 };

/* One watched descriptor; embed it in the struct that owns the descriptor. The fields are set by
 * event_loop_watch(). */
struct event_source {
    int descriptor;
    unsigned wanted; /* of EVENT_READABLE and EVENT_WRITABLE */
    void (*on_ready)(struct event_source *source, unsigned readiness);
};

/* NULL with errno set where the system refuses. */
struct event_loop *event_loop_create(void);
void event_loop_destroy(struct event_loop *loop);

/* Monotonic time, read from the system once for each wait; cheap to ask. */
microseconds event_loop_now(const struct event_loop *loop);

/* Starts watching, or changes what is wanted. The descriptor should be non-blocking; readiness is reported for as
 * long as it lasts (level-triggered). False with errno set on failure. */
bool event_loop_watch(struct event_loop *loop, struct event_source *source, int descriptor, unsigned wanted,
                      void (*on_ready)(struct event_source *source, unsigned readiness));

/* Stops watching; call it before closing the descriptor. The source is not called again, also not for readiness
 * that the current wait has already seen. Safe inside on_ready. */
void event_loop_forget(struct event_loop *loop, struct event_source *source);

/* Waits until a source is ready or the time `deadline` has come, and calls the sources that are ready. Returns
 * the number of sources called; 0 on the deadline or a signal. -1 with errno set on failure. */
int event_loop_wait(struct event_loop *loop, microseconds deadline);

/* A descriptor that is readable while a source is ready, for another loop to watch. -1 where the system has none. */
int event_loop_descriptor(const struct event_loop *loop);

/* Milliseconds until then, rounded up; -1 for NO_DEADLINE. For another loop that waits in this one's place. */
int event_loop_timeout(microseconds deadline);

#endif
