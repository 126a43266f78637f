#include "pcaps/tls_troubles.h"

#include <stdio.h>

/* Behind the number of connections: why they are not read, and what to do. */
static const char *const troubles[TLS_TROUBLE_COUNT] = {
    [TLS_NO_SECRETS] = "the key log has no secrets for them; run one of their ends with SSLKEYLOGFILE",
    [TLS_JOINED] = "they begin before the capture; start it before they connect",
    [TLS_HANDSHAKE_MISSING] = "a part of their handshake is missing from the capture",
    [TLS_TOO_OLD] = "they are older than TLS 1.2",
    [TLS_NO_SUITE] = "their cipher suite or compression is not known here",
    [TLS_WRONG_SECRETS] = "the secrets that the key log has for them are not those that they used",
};

static void show_without_keys(const char *subcommand, const char *capture, const struct tls_totals *totals) {
    size_t count = 0;
    for (size_t i = 0; i < TLS_TROUBLE_COUNT; i++)
        count += totals->troubled[i];
    if (count > 0)
        fprintf(stderr,
                "mqspec %s: %s: TLS connections that are not read: %zu; give --keys FILE, the key log that one of "
                "their ends writes when it is run with SSLKEYLOGFILE\n",
                subcommand, capture, count);
}

void tls_show_troubles(const char *subcommand, const char *capture, const struct tls_totals *totals) {
    if (!totals->has_keys) {
        show_without_keys(subcommand, capture, totals);
        return;
    }
    for (size_t i = 0; i < TLS_TROUBLE_COUNT; i++)
        if (totals->troubled[i] > 0)
            fprintf(stderr, "mqspec %s: %s: TLS connections that are not read: %zu; %s\n", subcommand, capture,
                    totals->troubled[i], troubles[i]);
    if (totals->refused > 0)
        fprintf(stderr, "mqspec %s: %s: TLS records that do not authenticate and are left out: %zu\n", subcommand,
                capture, totals->refused);
    if (totals->given_up > 0)
        fprintf(stderr,
                "mqspec %s: %s: sides of TLS connections that are not read to their end: %zu; too much of them is "
                "missing or damaged\n",
                subcommand, capture, totals->given_up);
}
