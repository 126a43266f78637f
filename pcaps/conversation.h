/* Which connections of a capture speak MQTT, and where their packets begin. Internal to pcaps/.
 *
 * A filter that stands between capture_read() and whoever wants MQTT. A connection is MQTT when its client's first
 * bytes are a CONNECT, or when it goes to port 1883. One that was joined in the middle is MQTT when it goes to
 * port 1883, or when there are packets in it beyond doubt: in one side with SEARCH_RECOGNISED bits of evidence, or in
 * both with SEARCH_TRUSTED, as packet_search.h counts them, within the first MiB.
 *
 * What comes out is what stream_hooks promises, and more: at the start, and behind each gap, the bytes of a side
 * begin with a packet. Where it begins is found as packet_search.h says; bytes that are looked at for that stand with
 * the frame that ends the search. Bytes that had to be passed over are told as a gap too.
 *
 * The version of a connection whose CONNECT is not in the capture is 3.1.1 until bytes show another: such that
 * hold whole packets in one version only, or properties, or text right behind the place where properties would stand.
 */
#ifndef MQSPEC_CONVERSATION_H
#define MQSPEC_CONVERSATION_H

#include "pcaps/packet_search.h"
#include "pcaps/websocket_stream.h"

/* The version of a connection without CONNECT shows in the bytes that are handed on next. */
typedef void conversation_version(void *context, void *owner, enum mqtt_version version);

struct conversations {
    struct stream_hooks hooks;     /* who wants MQTT */
    conversation_version *version; /* or NULL */
    websocket_fault_teller *fault; /* or NULL; the owner is that of hooks */
    size_t mqtt_count;             /* connections handed on */
    size_t other_count;            /* connections that are not MQTT */
    struct spec_rules rules;
    struct packet_searcher searcher;
};

/* Fills `conversations`, which the returned hooks point to. */
struct stream_hooks conversations_begin(struct conversations *conversations, const struct stream_hooks *hooks,
                                        conversation_version *version, websocket_fault_teller *fault);

/* Hands a fault on that the filter before this one has found, as soon as the connection is known for MQTT. */
websocket_fault_teller conversation_has_fault;

#endif
