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

/* The first byte of options; the second one is N for OPTION_NO_MEMORY: every (N + 2)th allocation is refused. Without
 * that option the second one is of enum fuzz_option_5. */
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

/* What the broker announces to clients of 5.0. */
enum fuzz_option_5 {
    OPTION_RECEIVE_LITTLE = 0x01,   /* Receive Maximum 2 */
    OPTION_NO_ALIASES = 0x02,       /* Topic Alias Maximum 0 */
    OPTION_SHORT_KEEP_ALIVE = 0x04, /* Server Keep Alive 5 */
    OPTION_SHORT_SESSIONS = 0x08,   /* Session Expiry Interval of at most 2 */
    OPTION_MAXIMUM_QOS = 0x10,      /* Maximum QoS 1 */
    OPTION_NO_RETAIN = 0x20,        /* Retain Available 0 */
    OPTION_FEW_ALIASES = 0x40,      /* the broker uses no more than two Topic Aliases of its own */
    OPTION_NO_RESPONSE = 0x80,      /* no Response Information is given */
};

enum operation {
    OPERATION_BYTES,     /* length, then that many bytes: sent as they are */
    OPERATION_CONNECT,   /* Connect Flags but those of user name and password, whose bits CONNECT_5_0 and CONNECT_MORE
                            take; what CONNECT_... says; Keep Alive; with CONNECT_MORE two bytes of properties */
    OPERATION_SUBSCRIBE, /* filter, options and number of filters as SUBSCRIBE_... says; in 5.0 a byte of properties */
    OPERATION_UNSUBSCRIBE,  /* filter */
    OPERATION_PUBLISH,      /* flags and payload as PUBLISH_... says; topic; in 5.0 with PUBLISH_MORE its properties */
    OPERATION_PUBLISH_NEXT, /* the same; for the sake of frequency */
    OPERATION_ANSWER,       /* the oldest packet of the broker's that wants an answer gets it */
    OPERATION_ANSWER_LAST,  /* the newest one does */
    OPERATION_ANSWER_ALL,
    OPERATION_PINGREQ,
    OPERATION_DISCONNECT,
    OPERATION_DROP,         /* the network closes the connection */
    OPERATION_OPEN,         /* a connection that sends nothing yet */
    OPERATION_WAIT,         /* n: n * n milliseconds pass, at most 65 seconds */
    OPERATION_STALL,        /* the client stops reading, or starts again */
    OPERATION_ACKNOWLEDGE,  /* type from PUBACK up in the two lowest bits, Packet Identifier in the rest: unasked */
    OPERATION_REFUSE,       /* Reason Code: with it, the oldest packet that wants an answer gets it */
    OPERATION_GOODBYE,      /* Reason Code, Session Expiry Interval by GOODBYE_...: DISCONNECT of 5.0 */
    OPERATION_AUTHENTICATE, /* what AUTHENTICATE_... says: AUTH */
    OPERATION_EXPIRE,       /* n: n seconds pass */
    OPERATION_COUNT
};

/* First operand of CONNECT, beside the Connect Flags. */
enum {
    CONNECT_5_0 = 0x40,
    CONNECT_MORE = 0x80, /* only in 5.0: two operands of properties come last */
};

/* Second operand of CONNECT. */
enum {
    CONNECT_IDENTIFIER = 0x07, /* index in the table of Client Identifiers */
    CONNECT_3_1 = 0x08,        /* not with CONNECT_5_0 */
};

/* The properties of CONNECT. Two bits of a field are an index in its table of values, of which the first is none. */
enum {
    CONNECT_SESSION_EXPIRY = 0x03,
    CONNECT_RECEIVE_MAXIMUM = 0x0C,
    CONNECT_ALIAS_MAXIMUM = 0x30,
    CONNECT_NO_PROBLEMS = 0x40,  /* Request Problem Information 0 */
    CONNECT_SMALL_PACKETS = 0x80 /* Maximum Packet Size */
};
enum {
    CONNECT_WILL_DELAY = 0x03,
    CONNECT_ASK_RESPONSE = 0x04, /* Request Response Information 1 */
    CONNECT_SCRAM = 0x08,        /* with the first message of an exchange */
    CONNECT_USER_PROPERTY = 0x10,
    CONNECT_WILL_PROPERTIES = 0x20,
    CONNECT_OTHER_METHOD = 0x40,
};

/* Second operand of SUBSCRIBE. */
enum {
    SUBSCRIBE_QOS = 0x03,
    SUBSCRIBE_MORE = 0x0C, /* further filters, those that follow in the table */
    SUBSCRIBE_MORE_SHIFT = 2,
    SUBSCRIBE_LOCAL = 0x10,     /* No Local; this one and the next two only in 5.0 */
    SUBSCRIBE_PUBLISHED = 0x20, /* Retain As Published */
    SUBSCRIBE_HANDLING = 0xC0,  /* Retain Handling */
    SUBSCRIBE_HANDLING_SHIFT = 6,
};

/* Third operand of SUBSCRIBE in 5.0. */
enum {
    SUBSCRIBE_IDENTIFIER = 0x03, /* index in a table */
    SUBSCRIBE_USER_PROPERTY = 0x04,
};

/* First operand of PUBLISH. */
enum {
    PUBLISH_FLAGS = 0x0F,
    PUBLISH_SIZE = 0x30, /* index in the table of payload sizes */
    PUBLISH_SIZE_SHIFT = 4,
    PUBLISH_AGAIN = 0x40, /* with the Packet Identifier used last */
    PUBLISH_MORE = 0x80,  /* only in 5.0: an operand of properties comes last */
};

/* The properties of PUBLISH. */
enum {
    PUBLISH_EXPIRY = 0x03, /* index in a table, as the next one */
    PUBLISH_ALIAS = 0x0C,
    PUBLISH_BY_ALIAS = 0x10, /* with no topic */
    PUBLISH_FORMAT = 0x20,   /* Payload Format Indicator and Content Type */
    PUBLISH_REQUEST = 0x40,  /* Response Topic and Correlation Data */
    PUBLISH_USER_PROPERTIES = 0x80,
};

/* Second operand of GOODBYE. */
enum { GOODBYE_EXPIRY = 0x03 /* index in the table of CONNECT */ };

/* Operand of AUTHENTICATE. The answer to the broker's last AUTH where there was one, else a first message. */
enum {
    AUTHENTICATE_AGAIN = 0x01, /* a first message, with Re-authenticate */
    AUTHENTICATE_WRONG = 0x02, /* the proof does not hold */
    AUTHENTICATE_OTHER = 0x04, /* with another Authentication Method */
};

#endif
