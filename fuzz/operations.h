/* What an input of the broker target means.
 *
 * Two bytes of options come first, then operations. Each is one byte, the client in its two lowest bits and the kind in
 * the rest, and then the operands that its kind has, a byte each. Operands that the end of the input cuts off are 0. So
 * any bytes are some list of operations, and bytes moved or changed at random mostly give another sensible list.
 *
 * A client that has no connection opens one before it sends. Clients number their requests themselves. */
#ifndef MQSPEC_FUZZ_OPERATIONS_H
#define MQSPEC_FUZZ_OPERATIONS_H

#include <stdint.h>

#define FUZZ_CLIENTS 4u

/* The first byte of options; the second one is N for OPTION_NO_MEMORY: every (N + 2)th allocation is refused. */
enum fuzz_option {
    OPTION_CUT_ONE = 0x01,   /* what clients send arrives byte by byte */
    OPTION_CUT_SEVEN = 0x02, /* ... by seven bytes */
    OPTION_FEW_IN_FLIGHT = 0x04,
    OPTION_SHORT_QUEUE = 0x08,
    OPTION_SMALL_OUTPUT = 0x10,
    OPTION_SMALL_PACKETS = 0x20,
    OPTION_DENY = 0x40, /* nobody may publish to or subscribe to topics that begin with 'b' */
    OPTION_NO_MEMORY = 0x80,
};

enum operation {
    OPERATION_BYTES,        /* length, then that many bytes: sent as they are */
    OPERATION_CONNECT,      /* Connect Flags but those of user name and password; what CONNECT_... says; Keep Alive */
    OPERATION_SUBSCRIBE,    /* filter, QoS and number of filters as SUBSCRIBE_... says */
    OPERATION_UNSUBSCRIBE,  /* filter */
    OPERATION_PUBLISH,      /* flags and payload as PUBLISH_... says; topic */
    OPERATION_PUBLISH_NEXT, /* the same; for the sake of frequency */
    OPERATION_ANSWER,       /* the oldest packet of the broker's that wants an answer gets it */
    OPERATION_ANSWER_LAST,  /* the newest one does */
    OPERATION_ANSWER_ALL,
    OPERATION_PINGREQ,
    OPERATION_DISCONNECT,
    OPERATION_DROP,        /* the network closes the connection */
    OPERATION_OPEN,        /* a connection that sends nothing yet */
    OPERATION_WAIT,        /* n: n * n milliseconds pass, at most 65 seconds */
    OPERATION_STALL,       /* the client stops reading, or starts again */
    OPERATION_ACKNOWLEDGE, /* type from PUBACK up in the two lowest bits, Packet Identifier in the rest: unasked */
    OPERATION_COUNT
};

/* Second operand of CONNECT. */
enum {
    CONNECT_IDENTIFIER = 0x07, /* index in the table of Client Identifiers */
    CONNECT_3_1 = 0x08,
};

/* Second operand of SUBSCRIBE. */
enum {
    SUBSCRIBE_QOS = 0x03,
    SUBSCRIBE_MORE = 0x0C, /* further filters, those that follow in the table */
    SUBSCRIBE_MORE_SHIFT = 2,
};

/* First operand of PUBLISH. */
enum {
    PUBLISH_FLAGS = 0x0F,
    PUBLISH_SIZE = 0x30, /* index in the table of payload sizes */
    PUBLISH_SIZE_SHIFT = 4,
    PUBLISH_AGAIN = 0x40, /* with the Packet Identifier used last */
};

#endif
