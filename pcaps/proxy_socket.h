/* The sockets of `mqspec proxy`: non-blocking, and without the delay that TCP makes to gather bytes. Internal to
 * pcaps/. */
#ifndef MQSPEC_PROXY_SOCKET_H
#define MQSPEC_PROXY_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addrinfo;

/* Listens. Returns the descriptor, or -1 with errno set. */
int proxy_socket_listen(const struct addrinfo *address);

/* The port of a socket of ours, or 0. */
uint16_t proxy_socket_port(int descriptor);

/* The next connection that waits, with its address in words ("127.0.0.1:40000"); -1 with errno set. */
int proxy_socket_accept(int listening, char *shown, size_t size);

/* Begins to connect; the socket is writable when that is done. -1 with errno set. */
int proxy_socket_connect(const struct addrinfo *address);

/* How connecting went: 0, or why not, as errno has it. */
int proxy_socket_error(int descriptor);

/* Closes, with `reset` so that the other side sees a broken connection. */
void proxy_socket_close(int descriptor, bool reset);

/* Lets this process have as many sockets as the system allows. */
void proxy_socket_allow_many(void);

#endif
