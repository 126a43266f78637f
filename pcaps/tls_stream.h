/* TLS 1.2 and 1.3 in a capture, decrypted with a key log. Internal to pcaps/.
 *
 * A filter that stands between capture_read() and whoever wants what connections carry. One whose client begins with a
 * ClientHello is TLS; what else there is passes through as it is. Of a TLS connection whose secrets are in the key log,
 * what comes out is the application data, with the frame in which its record became whole, and none of the handshake;
 * of one that cannot be read, nothing.
 *
 * What does not authenticate is left out and told as a gap, in bytes of the capture. Behind bytes that are missing the
 * next record is the one that authenticates, with the number that it then has to have. */
#ifndef MQSPEC_TLS_STREAM_H
#define MQSPEC_TLS_STREAM_H

#include "pcaps/capture.h"
#include "pcaps/keylog.h"
#include "pcaps/tls_buffers.h"
#include "pcaps/tls_troubles.h"

struct tls_filter {
    struct stream_hooks hooks; /* who wants what connections carry */
    struct keylog *keylog;     /* or NULL */
    bool follows;              /* secrets may come later */
    struct tls_totals totals;
    size_t withheld; /* connections of which nothing came out */
    struct tls_buffers buffers;
    SSL_CTX *context; /* once one is needed */
    SSL *library;
    uint64_t work; /* that may still be spent on finding records, in bytes */
    uint8_t plain[TLS_MAXIMUM_FRAGMENT];
};

/* Fills `filter`, which the returned hooks point to; the key log may be NULL, and is the caller's. `follows`: both the
 * capture and the key log are still written, so that secrets that are not there may come; they are then looked for with
 * each record. */
struct stream_hooks tls_begin(struct tls_filter *filter, struct keylog *keylog, bool follows,
                              const struct stream_hooks *wanted);

/* When all connections are closed. The totals stay. */
void tls_end(struct tls_filter *filter);

#endif
