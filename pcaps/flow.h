/* One direction of a TCP connection: segments in any order go in, bytes in order come out. Internal to pcaps/.
 *
 *     flow_start(flow, sequence);
 *     flow_put(flow, ...);                                for each segment of this direction
 *     flow_acknowledged(flow, ...);                       for each acknowledgement of the other
 *     while (flow_take(flow, ..., &item)) use(item);      after each of the above */
#ifndef MQSPEC_FLOW_H
#define MQSPEC_FLOW_H

#include "codec/codec.h"
#include "reference/environment.h"

/* How long a flow waits for a missing segment before it gives it up. Whichever comes first. */
enum {
    /* A window of 64 KiB in small segments is some hundreds. */
    FLOW_MAXIMUM_PIECES = 1024,
    /* Senders with a large window have a few megabytes on the way. */
    FLOW_MAXIMUM_BYTES = 4 * 1024 * 1024,
};
/* A sender repeats a lost segment within seconds. */
#define FLOW_MAXIMUM_WAIT (10 * MICROSECONDS_PER_SECOND)

struct piece; /* a segment that waits */

struct flow {
    bool started;
    uint32_t next; /* sequence number of the next byte to hand out */
    bool has_acknowledged;
    uint32_t acknowledged; /* the other side has all before this */
    bool has_end;
    uint32_t end;  /* sequence number of the FIN */
    bool ended;    /* the end was handed out */
    bool finished; /* nothing more will come: do not wait */
    struct piece *waiting;
    struct piece *handed_out; /* its bytes are the caller's until the next flow_take() */
    size_t waiting_count;
    size_t waiting_bytes; /* memory, the headers of the pieces included */
    microseconds waiting_since;
};

enum flow_item_kind { FLOW_BYTES, FLOW_GAP, FLOW_END };

struct flow_item {
    enum flow_item_kind kind;
    struct mqtt_bytes bytes; /* of FLOW_BYTES; live until the next call with the flow */
    uint32_t length;         /* of FLOW_GAP */
};

/* A zeroed flow has not started. `sequence` is that of the first byte. */
void flow_start(struct flow *flow, uint32_t sequence);

/* True where the segment, which carries no FIN, is just what comes next, and nothing waits: as nearly all are. Its
 * bytes are then handed out by this, as they are, and are not to be put. */
bool flow_pass(struct flow *flow, uint32_t sequence, struct mqtt_bytes data, uint32_t length, microseconds now);

/* A segment of a flow that has started: `data` as captured, of `length` bytes on the wire, with `end` where it
 * carries FIN. What came before or is too far off is passed over. False where there is no memory: the segment is
 * then lost. */
bool flow_put(struct flow *flow, uint32_t sequence, struct mqtt_bytes data, uint32_t length, bool end,
              microseconds now);

/* The other side has received all before `sequence`. */
void flow_acknowledged(struct flow *flow, uint32_t sequence);

/* Nothing more will come; what waits is handed out with the gaps between. */
void flow_finish(struct flow *flow);

/* Takes the next item. False where there is none for now. With `impatient`, waits for no missing segment. */
bool flow_take(struct flow *flow, microseconds now, bool impatient, struct flow_item *item);

/* Frees what waits. */
void flow_clear(struct flow *flow);

#endif
