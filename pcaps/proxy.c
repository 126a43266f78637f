#include "pcaps/proxy.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pcaps/proxy_connection.h"
#include "pcaps/proxy_socket.h"
#include "reference/event_loop.h"
#include "reference/signals.h"

enum { MAXIMUM_LISTENING = 8, ACCEPTED_PER_TURN = 64 };

/* How long nothing is accepted where descriptors run out and no connection closes. */
#define ACCEPT_PAUSE (1 * MICROSECONDS_PER_SECOND)
/* How often silence is judged, while there is anybody who can be silent. */
#define TICK (MICROSECONDS_PER_SECOND / 10)

/* How long it stays awake behind each event. */
#define AWAKE ((microseconds)100)

struct running;

struct listening {
    struct event_source source; /* first */
    struct running *running;
};

struct running {
    struct proxy proxy; /* first: what connections hand back is this */
    struct listening listening[MAXIMUM_LISTENING];
    size_t listening_count;
    struct signals signals;
    microseconds accept_again; /* NO_DEADLINE: accepting */
    bool pause_told;
    microseconds next_tick;
    microseconds sleeps_from;
};

/* ---- Accepting -----------------------------------------------------------------------------------------------------
 */

static void on_client(struct event_source *source, unsigned readiness);

static void want_clients(struct running *running, unsigned wanted) {
    for (size_t i = 0; i < running->listening_count; i++) {
        struct event_source *source = &running->listening[i].source;
        (void)event_loop_watch(running->proxy.loop, source, source->descriptor, wanted, on_client);
    }
}

/* Who cannot be accepted stays in the kernel's queue, ready for as long: watching on would spin. */
static void pause_accepting(struct running *running) {
    running->accept_again = event_loop_now(running->proxy.loop) + ACCEPT_PAUSE;
    want_clients(running, 0);
    if (!running->pause_told)
        fprintf(stderr, "mqspec proxy: no descriptors left for a new connection, which takes two; clients wait until "
                        "others leave. 'ulimit -n' shows how many there are\n");
    running->pause_told = true;
}

static void resume_accepting(struct proxy *proxy) {
    struct running *running = (struct running *)proxy;
    if (running->accept_again == NO_DEADLINE)
        return;
    running->accept_again = NO_DEADLINE;
    want_clients(running, EVENT_READABLE);
}

/* Each client takes two descriptors. The second is made sure of before the first is taken, so that a client that there
 * is no room for waits, and is not turned away. */
static int accept_client(int listening, char *address, size_t size) {
    int second = dup(listening);
    if (second < 0)
        return -1;
    int descriptor = proxy_socket_accept(listening, address, size);
    int error = errno;
    close(second);
    errno = error;
    return descriptor;
}

static void on_client(struct event_source *source, unsigned readiness) {
    struct running *running = ((struct listening *)source)->running;
    char address[64];
    (void)readiness;
    for (int accepted = 0; accepted < ACCEPTED_PER_TURN; accepted++) {
        int descriptor = accept_client(source->descriptor, address, sizeof address);
        bool full = descriptor < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM);
        if (full || (descriptor >= 0 && !proxied_open(&running->proxy, descriptor, address)))
            pause_accepting(running);
        if (descriptor < 0)
            return;
    }
}

/* ---- Listening -----------------------------------------------------------------------------------------------------
 */

static void set_port(struct addrinfo *address, uint16_t port) {
    if (address->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)address->ai_addr)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)address->ai_addr)->sin_port = htons(port);
}

static bool listen_on(struct running *running, const struct addrinfo *address) {
    struct listening *listening = &running->listening[running->listening_count];
    int descriptor = proxy_socket_listen(address);
    if (descriptor < 0)
        return false;
    listening->running = running;
    if (event_loop_watch(running->proxy.loop, &listening->source, descriptor, EVENT_READABLE, on_client)) {
        running->listening_count++;
        return true;
    }
    int error = errno;
    close(descriptor);
    errno = error;
    return false;
}

/* On all addresses of the name, at one port. False after a message. */
static bool listen_everywhere(struct running *running, uint16_t *port) {
    const struct place *place = &running->proxy.settings->listen;
    int error = 0;
    for (struct addrinfo *address = place->addresses; address != NULL; address = address->ai_next) {
        if (running->listening_count == MAXIMUM_LISTENING)
            break;
        if (*port != 0)
            set_port(address, *port);
        if (!listen_on(running, address)) {
            error = errno;
            continue;
        }
        *port = proxy_socket_port(running->listening[running->listening_count - 1].source.descriptor);
    }
    bool missing = error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
    if (running->listening_count > 0 && (error == 0 || missing))
        return true;
    fprintf(stderr, "mqspec proxy: cannot listen on %s: %s%s\n", place->text, strerror(error),
            error == EADDRINUSE ? "; choose another port, or stop the program that uses it" : "");
    return false;
}

/* Written aside and renamed, so that whoever waits for the file finds all of it. */
static bool write_port(const char *name, uint16_t port) {
    char aside[4096];
    int length = snprintf(aside, sizeof aside, "%s.%ld", name, (long)getpid());
    FILE *file = length > 0 && (size_t)length < sizeof aside ? fopen(aside, "w") : NULL;
    bool written = file != NULL && fprintf(file, "%u\n", port) > 0;
    if (file != NULL)
        written = fclose(file) == 0 && written;
    if (written && rename(aside, name) == 0)
        return true;
    fprintf(stderr, "mqspec proxy: %s cannot be written: %s\n", name, strerror(errno));
    return false;
}

/* ---- Running -------------------------------------------------------------------------------------------------------
 */

static microseconds next_deadline(const struct running *running) {
    microseconds deadline = proxied_next_wake(&running->proxy);
    if (running->next_tick < deadline && running->proxy.connections != NULL)
        deadline = running->next_tick;
    return running->accept_again < deadline ? running->accept_again : deadline;
}

/* Behind something that passed, looks for what follows before it sleeps, since whoever sleeps is woken late. Others
 * that want the processor go first. False with errno set on failure. */
static bool wait_for_events(struct running *running) {
    struct event_loop *loop = running->proxy.loop;
    int called = 0;
    while (called == 0 && event_loop_now(loop) < running->sleeps_from && !running->signals.stop) {
        called = event_loop_wait(loop, 0);
        if (called == 0)
            (void)sched_yield();
    }
    if (called == 0)
        called = event_loop_wait(loop, next_deadline(running));
    if (called > 0)
        running->sleeps_from = event_loop_now(loop) + AWAKE;
    return called >= 0;
}

/* False where the system, or whoever reads the output, does not let it go on. */
static bool turn(struct running *running) {
    struct proxy *proxy = &running->proxy;
    if (fflush(proxy->settings->watch.file) != 0)
        return false; /* whoever called tells why */
    if (!wait_for_events(running)) {
        fprintf(stderr, "mqspec proxy: waiting for connections failed: %s\n", strerror(errno));
        return false;
    }
    microseconds now = event_loop_now(proxy->loop);
    proxied_wake(proxy);
    if (now >= running->next_tick) {
        watch_tick(&proxy->watch, now);
        running->next_tick = now + TICK;
    }
    if (now >= running->accept_again)
        resume_accepting(proxy);
    return true;
}

static size_t breaches_of(const struct lint_totals *totals) {
    return totals->breaches[MQTT_CLIENT] + totals->breaches[MQTT_SERVER];
}

/* Two places in a capture that have the same port could not be told apart. */
static uint16_t port_beside(uint16_t port, uint16_t taken) {
    if (port != taken)
        return port;
    return port < UINT16_MAX ? (uint16_t)(port + 1) : (uint16_t)(port - 1);
}

static uint16_t port_of(const struct addrinfo *address) {
    return ntohs(address->ai_family == AF_INET6 ? ((struct sockaddr_in6 *)address->ai_addr)->sin6_port
                                                : ((struct sockaddr_in *)address->ai_addr)->sin_port);
}

static enum proxy_result watch_and_run(struct running *running, uint16_t port, size_t *breaches) {
    struct proxy *proxy = &running->proxy;
    struct proxy_settings *settings = proxy->settings;
    uint16_t target_port = port_of(settings->target.addresses);
    char reason[4096];
    settings->watch.ports[MQTT_SERVER] = target_port;
    settings->watch.ports[MQTT_CLIENT] = port_beside(port, target_port);
    settings->watch.at_each_end = settings->faults.count > 0;
    if (!watch_begin(&proxy->watch, &settings->watch, event_loop_now(proxy->loop), reason, sizeof reason)) {
        fprintf(stderr, "mqspec proxy: %s\n", reason);
        return PROXY_FAILED;
    }
    running->next_tick = event_loop_now(proxy->loop) + TICK;
    fprintf(stderr, "mqspec proxy: listening on port %u for %s\n", port, settings->target.text);
    bool fine = settings->port_file == NULL || write_port(settings->port_file, port);
    while (fine && !running->signals.stop)
        fine = turn(running);
    while (proxy->connections != NULL)
        proxied_close(proxy->connections);
    *breaches = breaches_of(&proxy->watch.totals);
    if (!watch_end(&proxy->watch, &settings->faults)) {
        fprintf(stderr, "mqspec proxy: %s could not be written to its end\n", settings->watch.capture);
        fine = false;
    }
    return fine ? PROXY_ENDED : PROXY_FAILED;
}

static void stop_listening(struct running *running) {
    for (size_t i = 0; i < running->listening_count; i++) {
        struct event_source *source = &running->listening[i].source;
        event_loop_forget(running->proxy.loop, source);
        close(source->descriptor);
    }
}

enum proxy_result proxy_run(struct proxy_settings *settings, size_t *breaches) {
    struct running *running = calloc(1, sizeof *running);
    struct event_loop *loop = event_loop_create();
    enum proxy_result result = PROXY_FAILED;
    uint16_t port = 0;
    *breaches = 0;
    if (running == NULL || loop == NULL || !signals_begin(&running->signals, loop)) {
        fprintf(stderr, "mqspec proxy: it cannot start: %s\n", strerror(errno));
        event_loop_destroy(loop);
        free(running);
        return PROXY_FAILED;
    }
    running->proxy.settings = settings;
    running->proxy.loop = loop;
    running->proxy.on_gone = resume_accepting;
    running->accept_again = NO_DEADLINE;
    proxy_socket_allow_many();
    if (listen_everywhere(running, &port))
        result = watch_and_run(running, port, breaches);
    else
        result = PROXY_NO_LISTEN;
    stop_listening(running);
    signals_end(&running->signals, loop);
    event_loop_destroy(loop);
    free(running);
    return result;
}
