/* What a side shows and asks for in TLS 1.2 and 1.3: certificates and how they are judged. By OpenSSL.
 *
 *     struct tls_context *context = tls_context_create(&settings, reason, sizeof reason);
 *     ... struct transport_settings.tls = context ...
 *     tls_context_destroy(context);          // after the transports that use it
 *
 * Connections themselves are in transport.h. */
#ifndef MQSPEC_TLS_H
#define MQSPEC_TLS_H

#include <stddef.h>

#include "codec/codec.h"

struct tls_context;
struct ssl_st; /* OpenSSL's SSL */

enum tls_demand { TLS_NO_CERTIFICATE, TLS_CERTIFICATE_OPTIONAL, TLS_CERTIFICATE_REQUIRED };
enum tls_version { TLS_1_2, TLS_1_3 };

/* Names of PEM files, which are read once. */
struct tls_settings {
    enum mqtt_side side;
    const char *certificate; /* with the certificates that it rests on behind it; NULL: none, only for a Client */
    const char *key;         /* NULL: in the certificate's file */
    const char *authorities; /* whose certificates are trusted; NULL: those of the system */
    enum tls_demand demand;  /* of the other side's certificate. A Client that demands none trusts everybody */
    enum tls_version lowest;
    bool resumes;        /* a Client's connections take up the session of the last one, which costs both sides less */
    const char *key_log; /* a file to which the secrets of connections are added, as SSLKEYLOGFILE does; NULL: none */
    const char *host;    /* that the Server's certificate must be for, a name or an address; NULL: any */
};

/* NULL with a sentence in `reason`: what is wrong with which file, and what to do. */
struct tls_context *tls_context_create(const struct tls_settings *settings, char *reason, size_t size);

/* For a Server that nobody needs to trust: a key and a certificate for "localhost" of its own, made now, without files.
 * NULL where OpenSSL fails. */
struct tls_context *tls_context_self_signed(void);

void tls_context_destroy(struct tls_context *context); /* NULL is fine */

/* The file that the environment names for the secrets, in SSLKEYLOGFILE, as other programs take it. NULL: none. */
const char *tls_key_log_wanted(void);

/* What there is to be said about a certificate that works: that it has expired. NULL: nothing. Static. */
const char *tls_context_warning(const struct tls_context *context);

/* A connection's TLS on a socket, for transport.c. NULL where there is no memory. */
struct ssl_st *tls_open(struct tls_context *context, int descriptor);

#endif
