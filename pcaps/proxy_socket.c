#include "pcaps/proxy_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 1024 };

static bool prepare(int descriptor) {
    int one = 1;
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 && fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

/* Closes, and keeps errno. */
static int give_up(int descriptor) {
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int proxy_socket_listen(const struct addrinfo *address) {
    int one = 1;
    int descriptor = socket(address->ai_family, SOCK_STREAM, 0);
    if (descriptor < 0)
        return -1;
    (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* IPv4 has an address of its own. */
    if (address->ai_family == AF_INET6)
        (void)setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (prepare(descriptor) && bind(descriptor, address->ai_addr, address->ai_addrlen) == 0 &&
        listen(descriptor, LISTEN_BACKLOG) == 0)
        return descriptor;
    return give_up(descriptor);
}

uint16_t proxy_socket_port(int descriptor) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(descriptor, (struct sockaddr *)&address, &length) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static void show_address(const struct sockaddr_storage *address, socklen_t length, char *shown, size_t size) {
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getnameinfo((const struct sockaddr *)address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(shown, size, "?");
    else
        snprintf(shown, size, address->ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int proxy_socket_accept(int listening, char *shown, size_t size) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int descriptor = accept(listening, (struct sockaddr *)&address, &length);
    if (descriptor < 0)
        return -1;
    if (!prepare(descriptor))
        return give_up(descriptor);
    show_address(&address, length, shown, size);
    return descriptor;
}

int proxy_socket_connect(const struct addrinfo *address) {
    int descriptor = socket(address->ai_family, SOCK_STREAM, 0);
    if (descriptor < 0)
        return -1;
    if (prepare(descriptor) &&
        (connect(descriptor, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS))
        return descriptor;
    return give_up(descriptor);
}

int proxy_socket_error(int descriptor) {
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void proxy_socket_close(int descriptor, bool reset) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(descriptor);
}

void proxy_socket_allow_many(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* where it stays low, fewer connections are accepted at a time */
}
