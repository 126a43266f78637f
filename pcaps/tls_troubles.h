/* What became of the TLS in a capture, and what is said of that which could not be read. Internal to pcaps/. */
#ifndef MQSPEC_TLS_TROUBLES_H
#define MQSPEC_TLS_TROUBLES_H

#include <stdbool.h>
#include <stddef.h>

/* Why a connection that is TLS cannot be read. */
enum tls_trouble {
    TLS_NO_SECRETS,        /* no key log, or none of its secrets are in it */
    TLS_JOINED,            /* it begins before the capture */
    TLS_HANDSHAKE_MISSING, /* the part of its handshake that has to be known is not in the capture, or malformed */
    TLS_TOO_OLD,           /* before TLS 1.2 */
    TLS_NO_SUITE,          /* a cipher suite that is not known here, or compression */
    TLS_WRONG_SECRETS,     /* not one record authenticates */
    TLS_TROUBLE_COUNT
};

struct tls_totals {
    bool has_keys;    /* a key log was there */
    size_t decrypted; /* connections */
    size_t troubled[TLS_TROUBLE_COUNT];
    size_t unfinished; /* connections whose server did not answer their ClientHello: they hold nothing */
    size_t refused;    /* records of decrypted connections that do not authenticate */
    size_t given_up;   /* directions of decrypted connections that were not read to their end */
};

/* Says on standard error what of a capture could not be read, and what to do. */
void tls_show_troubles(const char *subcommand, const char *capture, const struct tls_totals *totals);

#endif
