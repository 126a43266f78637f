/* What `mqspec proxy` tells of what passes: packets, breaches, faults, a summary, and the capture. Internal to pcaps/.
 *
 * Where faults are made, what a side sent is not what the other received. So each end of a connection has a monitor of
 * its own, which sees what that end sent and received, and is believed about that end alone: a fault is nobody's
 * breach. Without faults one monitor sees it all. */
#ifndef MQSPEC_PROXY_WATCH_H
#define MQSPEC_PROXY_WATCH_H

#include <stdio.h>

#include "pcaps/capture.h"
#include "pcaps/lint.h"
#include "pcaps/proxy_fault.h"
#include "pcaps/show.h"
#include "reference/monitor.h"

struct watch_settings {
    FILE *file;          /* that it is told to */
    bool json;           /* one object a line; else text */
    bool quiet;          /* breaches alone */
    bool at_each_end;    /* faults are made */
    const char *capture; /* name of the file, or NULL */
    uint16_t ports[2];   /* of the capture: [MQTT_CLIENT] is where the proxy listens, [MQTT_SERVER] the target's */
};

/* One end's view of all connections. */
struct watch_view {
    struct watch *watch;
    struct monitor *monitor;
    int believed; /* the enum mqtt_side that it is believed about, or -1 for both */
};

struct watch {
    struct watch_settings settings;
    struct watch_view views[2]; /* by the end, where there are two */
    size_t memory;              /* that the monitors use */
    bool memory_told;
    struct capture_writer *capture;
    microseconds start;
    microseconds epoch; /* the wall time at which the event loop's was 0 */
    struct lint_totals totals;
};

/* One connection; zeros until watch_opened(). */
struct watched {
    size_t number; /* from 1 */
    bool is_mqtt;
    enum mqtt_version version;       /* MQTT_VERSION_UNKNOWN until its CONNECT */
    char client[SHOW_NAME_CAPACITY]; /* "?" until known */
    char address[64];                /* the client's */
    struct monitored *monitored[2];
    struct capture_connection *captured[2];
};

/* False with a sentence in `reason`. */
bool watch_begin(struct watch *watch, const struct watch_settings *settings, microseconds now, char *reason,
                 size_t reason_size);

/* Tells the summary and frees. False where the capture could not be written. */
bool watch_end(struct watch *watch, const struct faults *faults);

void watch_opened(struct watch *watch, struct watched *watched, size_t number, const char *address, microseconds now);

/* Bytes that `sender` sent are seen at the end `at`: sent where it is the sender's, else received. */
void watch_bytes(struct watch *watch, struct watched *watched, enum mqtt_side at, enum mqtt_side sender,
                 struct mqtt_bytes bytes, microseconds now);

/* The end of what `sender` sends, by a reset or not, seen in the same way. */
void watch_half_closed(struct watch *watch, struct watched *watched, enum mqtt_side at, enum mqtt_side sender,
                       bool reset, microseconds now);

/* A fault was made. `type` is the packet's that it struck. */
void watch_fault(struct watch *watch, struct watched *watched, const struct fault *fault, enum mqtt_side sender,
                 enum mqtt_type type, microseconds now);

/* How a connection ended. */
struct watch_ending {
    const char *how; /* in words: "closed by the client" */
    int first;       /* the enum mqtt_side that closed first, or -1 for the proxy */
    bool reset;      /* by a reset */
};

/* The connection is gone. */
void watch_closed(struct watch *watch, struct watched *watched, const struct watch_ending *ending, microseconds now);

/* What silence shows. */
void watch_tick(struct watch *watch, microseconds now);

#endif
