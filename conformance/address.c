#include "conformance/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PORT "1883"
#define MAXIMUM_NAME 256

/* Splits the text into host and port; both are copied. False where it is not of the form. */
static bool split(const char *text, char host[MAXIMUM_NAME], char port[8]) {
    const char *host_end;
    const char *rest;
    if (text[0] == '[') {
        text++;
        host_end = strchr(text, ']');
        if (host_end == NULL)
            return false;
        rest = host_end + 1;
    } else {
        host_end = strrchr(text, ':');
        if (host_end == NULL)
            host_end = text + strlen(text);
        rest = host_end;
        if (memchr(text, ':', (size_t)(host_end - text)) != NULL)
            return false; /* an IPv6 address needs its brackets */
    }
    size_t length = (size_t)(host_end - text);
    if (length == 0 || length >= MAXIMUM_NAME)
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    if (*rest == '\0')
        rest = ":" DEFAULT_PORT;
    if (*rest != ':' || strlen(rest + 1) == 0 || strlen(rest + 1) > 5)
        return false;
    snprintf(port, 8, "%s", rest + 1);
    return true;
}

bool address_host(const char *text, char *host, size_t size) {
    char name[MAXIMUM_NAME];
    char port[8];
    return split(text, name, port) && (size_t)snprintf(host, size, "%s", name) < size;
}

static bool parse_port(const char *text, uint16_t *port) {
    unsigned long number = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9')
            return false;
        number = number * 10 + (unsigned long)(*c - '0');
    }
    if (number == 0 || number > 65535)
        return false;
    *port = (uint16_t)number;
    return true;
}

bool address_parse(struct address *address, const char *text, const char **reason, bool *usage) {
    char host[MAXIMUM_NAME];
    char port[8];
    *usage = true;
    if (!split(text, host, port)) {
        *reason = "it is not HOST:PORT; an IPv6 address stands in brackets, as in [::1]:1883";
        return false;
    }
    if (!parse_port(port, &address->port)) {
        *reason = "the port is not a number from 1 to 65535";
        return false;
    }
    *usage = false;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        *reason = gai_strerror(error);
        return false;
    }
    /* Of a name with addresses of both kinds, IPv4 is taken: brokers listen there more often. */
    const struct addrinfo *chosen = found;
    for (const struct addrinfo *info = found; info != NULL; info = info->ai_next)
        if (info->ai_family == AF_INET) {
            chosen = info;
            break;
        }
    memcpy(&address->socket, chosen->ai_addr, chosen->ai_addrlen);
    address->length = chosen->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

struct address address_of_loopback(uint16_t port) {
    struct address address = {.port = port, .length = sizeof(struct sockaddr_in)};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(&address.socket, &in, sizeof in);
    return address;
}

uint16_t address_free_port(void) {
    struct address address = address_of_loopback(0);
    struct sockaddr_in in;
    socklen_t length = sizeof in;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (descriptor < 0)
        return 0;
    uint16_t port = 0;
    if (bind(descriptor, (struct sockaddr *)&address.socket, address.length) == 0 &&
        getsockname(descriptor, (struct sockaddr *)&in, &length) == 0)
        port = ntohs(in.sin_port);
    close(descriptor);
    return port;
}

int address_connect(const struct address *address) {
    int descriptor = socket(address->socket.ss_family, SOCK_STREAM, 0);
    if (descriptor < 0)
        return -1;
    int one = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
    if (connect(descriptor, (const struct sockaddr *)&address->socket, address->length) == 0 || errno == EINPROGRESS)
        return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}
