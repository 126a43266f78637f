/* Where a target is: HOST:PORT as users write it, and as the system wants it. */
#ifndef MQSPEC_ADDRESS_H
#define MQSPEC_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    struct sockaddr_storage socket;
    socklen_t length;
    uint16_t port;
};

/* Reads "HOST:PORT", "HOST" (port 1883), "[::1]:1883" or "[::1]" and looks the name up. False with *reason, static or
 * from the system, saying why not; *usage then tells whether the text itself is at fault. */
bool address_parse(struct address *address, const char *text, const char **reason, bool *usage);

/* The host alone, without port and brackets. False where the text is not of that form. */
bool address_host(const char *text, char *host, size_t size);

/* 127.0.0.1 and the port. */
struct address address_of_loopback(uint16_t port);

/* A port of the loopback interface that nothing uses now; 0 where there is none. */
uint16_t address_free_port(void);

/* Opens a non-blocking socket and starts to connect it. Returns the descriptor, or -1 with errno set. */
int address_connect(const struct address *address);

#endif
