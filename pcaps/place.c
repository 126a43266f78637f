#include "pcaps/place.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "reference/listeners.h"

/* Of a broker, where none is given. */
static const uint16_t usual_ports[TRANSPORT_KINDS] = {
    [TRANSPORT_TCP] = 1883, [TRANSPORT_TLS] = 8883, [TRANSPORT_WS] = 80, [TRANSPORT_WSS] = 443};

/* Reads a scheme and an address that has no port behind it. */
static bool parse_without_port(struct listener_option *parsed, const char *text) {
    const char *reason;
    char with_port[408];
    snprintf(with_port, sizeof with_port, "%s:0", text);
    if (!listener_parse(parsed, with_port, &reason))
        return false;
    parsed->port = usual_ports[parsed->kind];
    return true;
}

bool place_parse(struct place *place, const char *command, const char *option) {
    const char *reason = "it is too long";
    char text[400];
    bool port_alone = place->text[0] != '\0' && strspn(place->text, "0123456789") == strlen(place->text);
    const char *prefix = strstr(place->text, "://") != NULL ? "" : port_alone ? "mqtt://127.0.0.1:" : "mqtt://";
    int length = snprintf(text, sizeof text, "%s%s", prefix, place->text);
    bool fits = length >= 0 && (size_t)length < sizeof text;
    bool usual = fits && place->side == MQTT_CLIENT && parse_without_port(&place->parsed, text);
    if (!fits || (!usual && !listener_parse(&place->parsed, text, &reason))) {
        fprintf(stderr, "mqspec %s: %s '%s': %s\n", command, option, place->text, reason);
        return false;
    }
    if (place->side == MQTT_CLIENT && place->parsed.port == 0) {
        fprintf(stderr, "mqspec %s: %s '%s': the port is a number from 1 to 65535\n", command, option, place->text);
        return false;
    }
    snprintf(place->authority, sizeof place->authority, strchr(place->parsed.address, ':') ? "[%s]:%u" : "%s:%u",
             place->parsed.address, place->parsed.port);
    return true;
}

bool place_find(struct place *place, const char *command) {
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICSERV | (place->side == MQTT_SERVER ? AI_PASSIVE : 0)};
    char port[8];
    snprintf(port, sizeof port, "%u", place->parsed.port);
    place->transport = (struct transport_settings){.kind = place->parsed.kind,
                                                   .side = place->side,
                                                   .rules = &place->rules,
                                                   .host = place->authority,
                                                   .path = place->path != NULL ? place->path : "/mqtt"};
    int error = getaddrinfo(place->parsed.address, port, &hints, &place->addresses);
    if (error == 0)
        return true;
    place->addresses = NULL;
    fprintf(stderr, "mqspec %s: the address of %s cannot be found: %s\n", command, place->text, gai_strerror(error));
    return false;
}

bool place_secure(struct place *place, const char *command) {
    bool trusts_all = place->side == MQTT_SERVER || place->insecure;
    const struct tls_settings settings = {
        .side = place->side,
        .certificate = place->certificate,
        .key = place->key,
        .authorities = place->authorities,
        .demand = trusts_all ? TLS_NO_CERTIFICATE : TLS_CERTIFICATE_REQUIRED,
        .host = place->side == MQTT_CLIENT ? place->parsed.address : NULL,
    };
    char reason[512] = "";
    if (!transport_has_tls(place->transport.kind))
        return true;
    place->transport.tls = tls_context_create(&settings, reason, sizeof reason);
    if (place->transport.tls == NULL)
        fprintf(stderr, "mqspec %s: %s\n", command, reason);
    return place->transport.tls != NULL;
}

bool place_wants_tls(const struct place *place) {
    return place->certificate != NULL || place->key != NULL || place->authorities != NULL || place->insecure;
}

void place_release(struct place *place) {
    tls_context_destroy(place->transport.tls);
    if (place->addresses != NULL)
        freeaddrinfo(place->addresses);
    place->transport.tls = NULL;
    place->addresses = NULL;
}
