/* What the clients of one conversation do, whatever broker they talk to: the input of a campaign on the network.
 *
 * A plan names no socket and no time of day. The same plan is played against the reference broker in virtual time and
 * against a target over TCP; it is saved as text, changed step by step, and cut down until only what matters is left.
 *
 * All Client Identifiers and topics in it begin with PLAN_NAME. What talks to a target puts a name of the same length
 * in its place, another one for each conversation, so that many can go on at once and do not meet. */
#ifndef MQSPEC_PLAN_H
#define MQSPEC_PLAN_H

#include <stdbool.h>
#include <stdio.h>

#include "codec/codec.h"
#include "fuzz/random.h"

#define PLAN_NAME        "zqzqzqzqzq"
#define PLAN_NAME_LENGTH 10u
#define PLAN_LINKS       8u   /* connections at one time */
#define PLAN_STEPS       120u /* at most */
#define PLAN_BYTES       (512u * 1024)
#define PLAN_LONGEST     60000u /* milliseconds of one wait */
#define PLAN_ALL         255u

enum plan_step_kind {
    PLAN_OPEN,   /* a connection opens; without effect while it is open */
    PLAN_SEND,   /* the client sends bytes: one packet, several, or none */
    PLAN_ANSWER, /* the client answers a packet of the broker's: PUBLISH, PUBREC or PUBREL */
    PLAN_CLOSE,  /* the client closes the connection, without DISCONNECT */
    PLAN_WAIT,   /* time passes */
    PLAN_STEP_KINDS
};

struct plan_step {
    enum plan_step_kind kind;
    uint8_t link;          /* below PLAN_LINKS; not of PLAN_WAIT */
    uint8_t which;         /* of PLAN_ANSWER: of those not answered, from the oldest; or PLAN_ALL, and what follows */
    uint8_t reason;        /* of PLAN_ANSWER: Reason Code, in 5.0 */
    uint32_t milliseconds; /* of PLAN_WAIT */
    uint32_t offset;       /* of PLAN_SEND: in the plan's bytes */
    uint32_t length;
};

/* All zero: an empty plan. */
struct plan {
    struct plan_step steps[PLAN_STEPS];
    unsigned count;
    uint8_t *bytes; /* owned */
    uint32_t length;
    uint32_t capacity;
};

void plan_release(struct plan *plan);

/* Leaves it empty and keeps its memory. */
void plan_clear(struct plan *plan);

/* Each adds a step at the end. False where there is no room or no memory. */
bool plan_open(struct plan *plan, uint8_t link);
bool plan_send(struct plan *plan, uint8_t link, struct mqtt_bytes bytes);
bool plan_answer(struct plan *plan, uint8_t link, uint8_t which, uint8_t reason);
bool plan_close(struct plan *plan, uint8_t link);
bool plan_wait(struct plan *plan, uint32_t milliseconds);

/* Adds a copy of another plan's step. */
bool plan_take(struct plan *plan, const struct plan *from, unsigned step);

/* `plan` becomes a copy. False where there is no memory. */
bool plan_copy(struct plan *plan, const struct plan *from);

/* `plan` becomes a copy without the steps from `first` on, `count` of them. */
bool plan_copy_without(struct plan *plan, const struct plan *from, unsigned first, unsigned count);

static inline struct mqtt_bytes plan_bytes(const struct plan *plan, const struct plan_step *step) {
    return (struct mqtt_bytes){plan->bytes + step->offset, step->length};
}

/* Puts one name of PLAN_NAME_LENGTH in the place of another, wherever it stands. */
void plan_rename(uint8_t *bytes, uint32_t length, const char *from, const char *to);

/* Milliseconds that it spends waiting. */
uint64_t plan_waits(const struct plan *plan);

/* Each Client Identifier, and each topic that it publishes to, has the name in it, as far as they can be read: nobody
 * else meets them. With `is_changed` it subscribes to nothing else either: a scenario may, once, but all that others
 * retain would come for it each time. */
bool plan_keeps_to_itself(const struct plan *plan, bool is_changed);

/* ---- As text ----------------------------------------------------------------------------------------------
 *
 * One step a line: "1 open", "1 send 10 0c 00 04 ...", "1 answer all 0", "1 close", "wait 1500". What stands behind '#'
 * is for people. */

void plan_write(const struct plan *plan, FILE *file);

/* False with *line set to the line that is wrong. */
bool plan_read(struct plan *plan, FILE *file, unsigned *line);

/* ---- Where plans come from ---------------------------------------------------------------------------------- */

/* Out of the protocol model: clients that subscribe, publish, answer, go and come back. */
bool plan_generate(struct random *random, struct plan *plan);

/* A changed form of one plan, which may take steps of another. */
bool plan_mutate(struct random *random, struct plan *plan, const struct plan *from, const struct plan *other);

struct plan_list {
    struct plan *plans; /* owned */
    size_t count;
    size_t capacity;
};

/* Adds a copy. */
bool plan_list_add(struct plan_list *list, const struct plan *plan);
void plan_list_release(struct plan_list *list);

/* The scenarios of the suite, as they go against the built-in broker. False with a reason. */
bool plan_list_scenarios(struct plan_list *list, char *reason, size_t reason_size);

/* The clients of a capture, with PLAN_NAME put before their names; cut into several plans where it is long. False with
 * a reason. */
bool plan_list_capture(struct plan_list *list, const char *path, char *reason, size_t reason_size);

/* One plan, of a capture whose names begin with PLAN_NAME already. */
bool plan_list_own_capture(struct plan_list *list, const char *path, char *reason, size_t reason_size);

#endif
