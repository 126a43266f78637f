/* Bytes of one direction to records of TLS, also behind a gap. Internal to pcaps/.
 *
 *     tls_framing_put(framing, bytes);
 *     while (tls_framing_take(framing, buffers, &piece))
 *         if (piece.kind == TLS_RECORD)         it looks like one: whether it is, shows when it is opened
 *             tls_framing_judge(framing, buffers, it_is_one);
 */
#ifndef MQSPEC_TLS_FRAMING_H
#define MQSPEC_TLS_FRAMING_H

#include "pcaps/tls_buffers.h"

/* A zeroed one stands at the beginning of a record. */
struct tls_framing {
    bool astray;             /* where records begin is not known */
    uint32_t taken;          /* of what is held, was handed out and goes with the next call */
    uint32_t pass_over;      /* rest of a record of which bytes are missing */
    uint32_t shortest;       /* no record is shorter, header and all; tells candidates from chance */
    struct tls_buffer *held; /* the beginning of a record, or NULL */
    struct mqtt_bytes input;
};

enum tls_piece_kind {
    TLS_RECORD, /* what looks like one, header and all; to be judged before the next is taken */
    TLS_ASTRAY, /* no record begins where one should; from here on one is looked for */
    TLS_PASSED  /* no record begins in so many bytes */
};

struct tls_piece {
    enum tls_piece_kind kind;
    struct mqtt_bytes bytes; /* live until the record was judged; of TLS_PASSED, there is the length only */
};

/* What comes next. The bytes live until all has been taken. */
void tls_framing_put(struct tls_framing *framing, struct mqtt_bytes bytes);

/* False where all has been taken. */
bool tls_framing_take(struct tls_framing *framing, struct tls_buffers *buffers, struct tls_piece *piece);

/* It is a record, behind which the next begins; or it is none, and one is looked for behind its first byte. */
void tls_framing_judge(struct tls_framing *framing, struct tls_buffers *buffers, bool is_record);

/* `length` bytes are missing, an unknown number where it is 0. True where they are of one record, of which the rest is
 * passed over: then it is one record that is missing, and the next is where it should be. */
bool tls_framing_gap(struct tls_framing *framing, struct tls_buffers *buffers, uint64_t length);

/* Nothing more comes. True where there are bytes that began a record: one is then looked for behind the first of them,
 * and what is left can be taken. */
bool tls_framing_end(struct tls_framing *framing, struct tls_buffers *buffers);

/* Gives back what it holds. */
void tls_framing_clear(struct tls_framing *framing, struct tls_buffers *buffers);

#endif
