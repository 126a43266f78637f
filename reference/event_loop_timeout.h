/* How long a loop may wait, as epoll_wait() and poll() want it: milliseconds, -1 for ever. */
#ifndef MQSPEC_EVENT_LOOP_TIMEOUT_H
#define MQSPEC_EVENT_LOOP_TIMEOUT_H

#include <limits.h>

#include "reference/environment.h"

static inline int timeout_in_milliseconds(microseconds now, microseconds deadline) {
    if (deadline == NO_DEADLINE)
        return -1;
    if (deadline <= now)
        return 0;
    microseconds left = deadline - now;
    /* Rounded up: waking early would spin until the deadline. */
    microseconds milliseconds = left / 1000 + (left % 1000 != 0);
    return milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
}

#endif
