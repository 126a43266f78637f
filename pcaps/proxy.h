/* `mqspec proxy`: between live clients and a broker. Internal to pcaps/.
 *
 * Each client that connects gets a connection of its own to the target. What arrives on one is sent on at once on the
 * other, also bytes that are no MQTT; then it is judged and told. Where a receiver is slow, its sender is not read
 * for a while, so that memory is bounded. The end of one direction is handed on, and so is a reset. */
#ifndef MQSPEC_PROXY_H
#define MQSPEC_PROXY_H

#include "pcaps/place.h"
#include "pcaps/proxy_fault.h"
#include "pcaps/proxy_watch.h"

struct proxy_settings {
    struct place listen;
    struct place target;
    const char *port_file;       /* receives the port that it listens on; or NULL */
    struct watch_settings watch; /* its ports are filled in */
    struct faults faults;
};

enum proxy_result {
    PROXY_ENDED,     /* by a signal */
    PROXY_NO_LISTEN, /* a message was written */
    PROXY_FAILED,    /* likewise */
};

/* Runs until SIGINT or SIGTERM comes. *breaches receives how many were told. */
enum proxy_result proxy_run(struct proxy_settings *settings, size_t *breaches);

#endif
