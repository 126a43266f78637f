/* Signals to a program that runs the broker, as readiness of an event loop. */
#ifndef MQSPEC_SIGNALS_H
#define MQSPEC_SIGNALS_H

#include "reference/event_loop.h"

struct signals {
    struct event_source source; /* first */
    int pipe[2];
    bool stop;   /* SIGTERM or SIGINT came */
    bool reload; /* SIGHUP came; whoever acts on it sets it back */
};

/* From here on event_loop_wait() wakes at each of the three. A second SIGTERM or SIGINT ends the process, should
 * stopping ever hang. False with errno set where the system refuses. One struct at a time in a process. */
bool signals_begin(struct signals *signals, struct event_loop *loop);

/* SIGTERM and SIGINT end the process again; SIGHUP is ignored. */
void signals_end(struct signals *signals, struct event_loop *loop);

#endif
