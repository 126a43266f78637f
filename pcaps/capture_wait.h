/* Waiting for the rest of a capture that is still being made: on an interface, or by a program that writes into
 * standard input. SIGINT and SIGTERM end the capture, not the program; a second one does. Internal to pcaps/. */
#ifndef MQSPEC_CAPTURE_WAIT_H
#define MQSPEC_CAPTURE_WAIT_H

#include "pcaps/capture.h"
#include "reference/event_loop.h"
#include "reference/signals.h"

struct capture_wait {
    struct event_loop *loop;
    struct signals signals;
    struct event_source source;
    bool is_ready; /* there is something to read */
    microseconds end;
};

/* For a descriptor that is read from. The capture ends by itself after `duration`, or with 0 never. False with errno
 * set where the system refuses; then there is nothing to end. */
bool capture_wait_begin(struct capture_wait *wait, int descriptor, microseconds duration);
void capture_wait_end(struct capture_wait *wait);

/* Looks at once whether there is something to read. */
bool capture_wait_is_ready(struct capture_wait *wait);

/* Waits until there is something to read, at most for so long. False with errno set where the system refuses. */
bool capture_wait_for(struct capture_wait *wait, microseconds most);

/* The user, or the time, wants no more. Looked up at each of the two above. */
bool capture_wait_is_over(const struct capture_wait *wait);

/* A stream that reads the descriptor, for libpcap, and calls the source's `pause` before it waits. Where the capture is
 * to end, it comes to its end. The waiting stays the caller's, outlives the stream, and is begun. NULL with errno set.
 */
FILE *capture_wait_open(struct capture_wait *wait, const struct capture_source *source);

#endif
