/* What happens when a plan is played: what clients send, and what comes back. The reference broker's is what a target
 * is compared with; a target's is noted in the same form. */
#ifndef MQSPEC_SCRIPT_H
#define MQSPEC_SCRIPT_H

#include "fuzz/memory.h"
#include "fuzz/plan.h"
#include "reference/broker.h"

#define SCRIPT_ITEMS 1500u /* at most; what needs more is cut there */
#define SCRIPT_NONE  UINT32_MAX
#define SCRIPT_NEVER UINT16_MAX

enum script_kind {
    SCRIPT_OPEN,
    SCRIPT_SEND,    /* the client sends bytes */
    SCRIPT_CLOSE,   /* the client closes */
    SCRIPT_WAIT,    /* time passes */
    SCRIPT_RECEIVE, /* the broker sends a packet, or bytes that are none */
    SCRIPT_CLOSED,  /* the broker closes */
};

struct script_item {
    enum script_kind kind;
    uint8_t link;
    uint16_t step;             /* of the plan; those behind its last one are the farewell, see below */
    uint16_t due;              /* of what the broker does: the step in which it has to have come; or SCRIPT_NEVER */
    enum mqtt_version version; /* of the connection */
    uint32_t session;          /* a hash of its Client Identifier */
    uint32_t offset;           /* in the script's bytes, of SEND and RECEIVE */
    uint32_t length;
    uint32_t answers;              /* of SEND: the RECEIVE that it answers; or SCRIPT_NONE */
    uint32_t milliseconds;         /* of WAIT */
    enum spec_statement statement; /* of CLOSED by the reference broker: why; or SPEC_NONE */
    bool decoded;                  /* of RECEIVE: `packet` is filled, with views into the script's bytes */
    struct mqtt_packet packet;
};

/* All zero: empty. */
struct script {
    struct script_item *items; /* owned, as the next one */
    uint32_t count;
    uint32_t capacity;
    uint8_t *bytes;
    uint32_t length;
    uint32_t bytes_capacity;
    bool is_cut; /* something found no room */
};

void script_release(struct script *script);
void script_clear(struct script *script);

/* Adds a copy of the item, with these bytes. NULL, and the script is cut, where there is no room or no memory. The
 * pointer lives until the next one is added; views of decoded packets do not: see script_decode(). */
struct script_item *script_add(struct script *script, const struct script_item *item, struct mqtt_bytes bytes);

static inline struct mqtt_bytes script_bytes(const struct script *script, const struct script_item *item) {
    return (struct mqtt_bytes){script->bytes + item->offset, item->length};
}

/* Decodes what the broker has sent from item `first` on. To be called once all have been added. */
void script_decode(struct script *script, uint32_t first);

/* Says when what the broker has sent is due: mostly at once. A message of QoS 2 may be delivered with its PUBREL only
 * (4.3.3, both methods), and one of QoS 0 need not be kept for a client that is away (4.1.0). To be called once it is
 * decoded. */
void script_set_due(struct script *script);

/* ---- The reference broker ------------------------------------------------------------------------------------
 *
 * Behind the plan's last step comes the farewell: each client that is still connected sends PINGREQ, so that all that
 * is on its way comes before the answer, and then DISCONNECT. */

/* Plays the plan against a reference broker of its own, in virtual time. `off` is switched off unless it is SPEC_NONE.
 * `reached` receives SPEC_COUNT counts of visits, unless it is NULL. False where there is no memory. */
bool script_rehearse(struct script *script, struct fuzz_memory *memory, const struct plan *plan,
                     const struct broker_settings *settings, enum spec_statement off, uint64_t *reached);

#endif
