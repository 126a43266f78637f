/* Looks at a target before the suite is played, so that its absence is said once and clearly. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conformance/runner.h"
#include "reference/server.h"

/* Fixed Header, flags and code: all that is looked at. */
#define ANSWER_SIZE (MQTT_MAXIMUM_FIXED_HEADER + 2)

struct probing {
    struct event_source source; /* first, so that on_ready finds it */
    struct probe *probe;
    const struct socket_settings *settings;
    const struct way *way;
    enum mqtt_version version;
    struct transport transport;
    bool connected;
    bool asked; /* CONNECT is sent */
    bool over;
    uint8_t answer[ANSWER_SIZE];
    size_t length;
};

static void decide(struct probing *probing, enum probe_outcome outcome, const char *reason) {
    probing->probe->outcome = outcome;
    snprintf(probing->probe->reason, sizeof probing->probe->reason, "%s", reason);
    probing->over = true;
}

static void fail_to_connect(struct probing *probing, int error) {
    char reason[160];
    probing->probe->refused_at_once = error == ECONNREFUSED;
    snprintf(reason, sizeof reason, "could not connect: %s%s", strerror(error),
             error == ECONNREFUSED ? "; nothing listens there, start the broker or mend the address" : "");
    decide(probing, PROBE_UNREACHABLE, reason);
}

static void send_connect(struct probing *probing) {
    struct mqtt_packet packet = {.type = MQTT_CONNECT};
    packet.connect.protocol_name = mqtt_text(probing->version == MQTT_3_1 ? "MQIsdp" : "MQTT");
    packet.connect.protocol_level = (uint8_t)probing->version;
    packet.connect.flags = MQTT_CONNECT_CLEAN_SESSION;
    packet.connect.keep_alive = 60;
    struct play name = {0};
    play_name(&name, probing->settings->seed, 0, 35);
    packet.connect.client_identifier = mqtt_text(name.name_space);
    uint8_t bytes[80];
    size_t length = mqtt_encode(probing->version, &packet, bytes, sizeof bytes);
    struct mqtt_bytes view = {bytes, (uint32_t)length};
    size_t taken;
    probing->asked = true;
    if (transport_send(&probing->transport, &view, 1, &taken) == TRANSPORT_BROKEN || taken != length)
        fail_to_connect(probing, errno);
}

static void finish_connecting(struct probing *probing) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(probing->source.descriptor, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    if (error == 0 && !transport_start(&probing->transport, probing->source.descriptor, &probing->way->transport))
        error = ENOMEM;
    probing->connected = error == 0;
    if (error != 0)
        fail_to_connect(probing, error);
}

/* What a code of either kind means for the user. */
static const char *hint_for(uint8_t code) {
    static const struct {
        uint8_t return_code;
        uint8_t reason_code;
        const char *hint;
    } hints[] = {
        {MQTT_UNACCEPTABLE_PROTOCOL_VERSION, MQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION,
         ": it does not support this version of MQTT"},
        {MQTT_IDENTIFIER_REJECTED, MQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID,
         ": it rejects a Client Identifier of letters and digits"},
        {MQTT_BAD_USER_NAME_OR_PASSWORD, MQTT_REASON_BAD_USER_NAME_OR_PASSWORD,
         ": the suite needs a target that lets clients in without user name and password"},
        {MQTT_NOT_AUTHORIZED, MQTT_REASON_NOT_AUTHORIZED,
         ": the suite needs a target that lets clients in without user name and password"},
    };
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (code == hints[i].return_code || code == hints[i].reason_code)
            return hints[i].hint;
    return "";
}

static void judge_code(struct probing *probing, uint8_t code) {
    char reason[180];
    snprintf(reason, sizeof reason, "the target refuses CONNECT of MQTT %s with CONNACK %s code %u%s",
             mqtt_version_name(probing->version), code < MQTT_REASON_FAILURE ? "return" : "reason", code,
             hint_for(code));
    probing->probe->code = code;
    decide(probing, code == 0 ? PROBE_FINE : PROBE_REFUSED, code == 0 ? "" : reason);
}

/* Where the code of CONNACK stands, or 0 while that cannot be told. A target that does not know 5.0 answers in the form
 * of 3.1.1, which has the code in the same place. */
static size_t place_of_code(const struct probing *probing) {
    for (size_t i = 1; i < probing->length && i < MQTT_MAXIMUM_FIXED_HEADER; i++)
        if ((probing->answer[i] & 0x80) == 0)
            return i + 2;
    return 0;
}

/* No broker begins so: the first byte is that of CONNACK, and its content is two bytes or, in 5.0, more. */
static bool is_no_connack(const struct probing *probing) {
    if (probing->answer[0] != MQTT_CONNACK << 4)
        return true;
    if (probing->length < 2)
        return false;
    return probing->version == MQTT_5_0 ? probing->answer[1] < 2 : probing->answer[1] != 2;
}

static void judge_answer(struct probing *probing) {
    char reason[160];
    size_t place = place_of_code(probing);
    if (is_no_connack(probing) || (place == 0 && probing->length == ANSWER_SIZE)) {
        snprintf(reason, sizeof reason,
                 "the target answers CONNECT with bytes that are not MQTT (they begin with %02X); is it a broker, "
                 "without TLS?",
                 probing->answer[0]);
        decide(probing, PROBE_UNREACHABLE, reason);
    } else if (place > 0 && place < probing->length) {
        judge_code(probing, probing->answer[place]);
    }
}

/* The connection ended without an answer. */
static void judge_end(struct probing *probing) {
    char why[120];
    char reason[200];
    if (*transport_reason(&probing->transport, why, sizeof why) == '\0') {
        decide(probing, PROBE_UNREACHABLE,
               probing->asked || probing->way->transport.kind == TRANSPORT_TCP
                   ? "the target accepts the connection and closes it without answering CONNECT; is it an MQTT broker?"
                   : "the target closes the connection during the handshake; does it speak TLS or WebSocket there?");
        return;
    }
    snprintf(reason, sizeof reason, "%s; --ca, --insecure, --ws-path and the port are the first to look at", why);
    decide(probing, PROBE_UNREACHABLE, reason);
}

static void receive_answer(struct probing *probing) {
    uint8_t input[TRANSPORT_RECEIVE_LEAST];
    size_t count;
    enum transport_result result = transport_receive(&probing->transport, input, sizeof input, &count);
    if (!probing->asked && transport_is_open(&probing->transport) && result != TRANSPORT_ENDED &&
        result != TRANSPORT_BROKEN)
        send_connect(probing);
    if (count > ANSWER_SIZE - probing->length)
        count = ANSWER_SIZE - probing->length;
    memcpy(probing->answer + probing->length, input, count);
    probing->length += count;
    if (count > 0 && !probing->over)
        judge_answer(probing);
    if (!probing->over && (result == TRANSPORT_ENDED || result == TRANSPORT_BROKEN))
        judge_end(probing);
}

static void on_ready(struct event_source *source, unsigned readiness) {
    struct probing *probing = (struct probing *)source;
    size_t taken;
    (void)readiness;
    if (!probing->connected)
        finish_connecting(probing);
    if (!probing->over && transport_has_output(&probing->transport))
        (void)transport_send(&probing->transport, NULL, 0, &taken);
    if (!probing->over)
        receive_answer(probing);
    if (!probing->over && !event_loop_watch(probing->settings->loop, source, source->descriptor,
                                            transport_wants(&probing->transport, true, false), on_ready))
        fail_to_connect(probing, errno);
}

static void wait_for_answer(struct probing *probing, microseconds deadline) {
    const struct socket_settings *settings = probing->settings;
    while (!probing->over) {
        microseconds wake = deadline;
        if (event_loop_now(settings->loop) >= deadline) {
            decide(probing, PROBE_UNREACHABLE,
                   probing->connected ? "the target accepts the connection and does not answer CONNECT in time; is it "
                                        "an MQTT broker? --timeout gives it longer"
                                      : "could not connect in time; is the address right?");
            return;
        }
        if (settings->server != NULL) {
            microseconds server = server_turn(settings->server);
            wake = server < wake ? server : wake;
        }
        if (event_loop_wait(settings->loop, wake) < 0)
            fail_to_connect(probing, errno);
    }
}

void probe_target(struct probe *probe, const struct socket_settings *settings, enum transport_kind transport,
                  enum mqtt_version version) {
    const struct way *way = &settings->ways[transport];
    struct probing probing = {.probe = probe, .settings = settings, .way = way, .version = version};
    *probe = (struct probe){0};
    int descriptor = address_connect(&way->address);
    if (descriptor < 0 || !event_loop_watch(settings->loop, &probing.source, descriptor, EVENT_WRITABLE, on_ready)) {
        fail_to_connect(&probing, errno);
        if (descriptor >= 0)
            close(descriptor);
        return;
    }
    event_loop_wait(settings->loop, 0); /* brings the loop's time up to date */
    wait_for_answer(&probing, event_loop_now(settings->loop) + settings->timeout);
    event_loop_forget(settings->loop, &probing.source);
    transport_release(&probing.transport);
    close(descriptor);
}
