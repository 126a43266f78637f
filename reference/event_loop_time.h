/* Time for either event loop: what the system says, and how long epoll_wait() and poll() may wait. */
#ifndef MQSPEC_EVENT_LOOP_TIME_H
#define MQSPEC_EVENT_LOOP_TIME_H

#include <limits.h>
#include <time.h>

#include "reference/environment.h"

static inline microseconds monotonic_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (microseconds)time.tv_sec * MICROSECONDS_PER_SECOND + (microseconds)time.tv_nsec / 1000;
}

/* -1: for ever. */
static inline int milliseconds_until(microseconds deadline) {
    if (deadline == NO_DEADLINE)
        return -1;
    microseconds now = monotonic_time();
    if (deadline <= now)
        return 0;
    microseconds left = deadline - now;
    /* Rounded up: waking early would spin until the deadline. */
    microseconds milliseconds = left / 1000 + (left % 1000 != 0);
    return milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
}

#endif
