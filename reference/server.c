/* The broker's network: sockets in front of the core.
 *
 * A peer is one connected socket. It passes through these phases and never goes back:
 *
 *     open       the core has the connection and wants to keep it
 *     flushing   it is to be closed, but the socket does not take the last bytes yet
 *     lingering  all is written and the direction to the Client is shut down; what still arrives is thrown away
 *                until the Client closes too
 *
 * Without the last phase, bytes from the Client that nobody reads would make the kernel reset the connection, and
 * a reset destroys what the Client has not read yet: the CONNACK that says why it was refused. */
#include "reference/server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Shared by all peers. Also the most that is read from one of them in a turn, so that none starves the others. */
#define RECEIVE_BUFFER_SIZE (128 * 1024)
/* Views written in one call. */
#define MAXIMUM_VIEWS 256
/* The most that is written to one peer in a turn, so that a fast reader does not starve the others. */
#define WRITTEN_PER_TURN (4 * 1024 * 1024)
/* A peer that does not read its answers may send this much; then it is not read until it takes some. Each byte
 * that is read can make a byte to be sent, so this bounds what a peer that only sends costs. */
#define READ_WHILE_BLOCKED (1024 * 1024)
/* Connections accepted in one go, so that a flood of them does not starve those that are there. */
#define ACCEPTED_PER_TURN 64
#define LISTEN_BACKLOG    1024

#define FLUSHING_TIME     (30 * MICROSECONDS_PER_SECOND)
#define LINGERING_TIME    (2 * MICROSECONDS_PER_SECOND)
#define ACCEPT_PAUSE_TIME (1 * MICROSECONDS_PER_SECOND)

#define MAXIMUM_USER_NAME 256
#define MAXIMUM_NOTICE    400

enum phase { PHASE_OPEN, PHASE_FLUSHING, PHASE_LINGERING, PHASE_COUNT };

struct peer {
    struct event_source source; /* first: the loop hands back its address */
    struct server *server;
    const struct listener *listener; /* NULL once the transport is open and nothing of it is needed any more */
    struct transport transport;
    struct connection *connection; /* NULL when lingering, and sometimes before: the core knows it no more */
    struct peer *next;
    struct peer *previous;
    microseconds deadline; /* of flushing and lingering */
    uint32_t read_while_blocked;
    bool has_ended;  /* the Client sends no more, but what it sent waits for an answer of the host */
    bool is_blocked; /* something waits until the socket takes it */
    enum phase phase;
};

/* In the order in which they entered the phase, so that the first has the earliest deadline. */
struct peer_list {
    struct peer *first;
    struct peer *last;
};

struct listener {
    struct event_source source; /* first */
    struct server *server;
    struct listener *next;
    struct transport_settings transport;
    bool names_user;
};

struct server {
    struct broker *broker;
    struct event_loop *loop;
    struct listener *listeners;
    struct peer_list peers[PHASE_COUNT];
    bool accept_paused;
    bool accept_pause_told;
    microseconds accept_again; /* when paused */
    void (*notice)(void *context, const char *text);
    void *notice_context;
    struct mqtt_bytes views[MAXIMUM_VIEWS];
    uint8_t received[RECEIVE_BUFFER_SIZE];
};

/* ---- Peers and their phases ------------------------------------------------------------------------------ */

static void list_append(struct peer *peer, enum phase phase) {
    struct peer_list *list = &peer->server->peers[phase];
    peer->phase = phase;
    peer->next = NULL;
    peer->previous = list->last;
    *(list->last == NULL ? &list->first : &list->last->next) = peer;
    list->last = peer;
}

static void list_remove(struct peer *peer) {
    struct peer_list *list = &peer->server->peers[peer->phase];
    *(peer->previous == NULL ? &list->first : &peer->previous->next) = peer->next;
    *(peer->next == NULL ? &list->last : &peer->next->previous) = peer->previous;
}

static void enter_phase(struct peer *peer, enum phase phase, microseconds time_allowed) {
    assert(phase > peer->phase);
    list_remove(peer);
    list_append(peer, phase);
    peer->deadline = event_loop_now(peer->server->loop) + time_allowed;
}

static void resume_accepting(struct server *server);

/* The socket is gone before the core hears of it, so the peer is sent nothing of what the core then does. */
static void remove_peer(struct peer *peer) {
    struct server *server = peer->server;
    struct connection *connection = peer->connection;
    event_loop_forget(server->loop, &peer->source);
    transport_release(&peer->transport);
    close(peer->source.descriptor);
    list_remove(peer);
    free(peer);
    if (connection != NULL)
        broker_closed(connection, event_loop_now(server->loop));
    resume_accepting(server);
}

static void on_peer_ready(struct event_source *source, unsigned readiness);

/* Waits for what the transport needs to receive, and to send where something waits. False, and the peer is removed,
 * where the system refuses. */
static bool want(struct peer *peer, bool receiving) {
    bool takes_input = peer->connection == NULL || broker_takes_input(peer->connection);
    if (peer->has_ended && peer->connection != NULL && broker_is_waiting(peer->connection))
        takes_input = false;
    unsigned wanted = transport_wants(&peer->transport, receiving && takes_input, peer->is_blocked);
    if (peer->source.wanted == wanted)
        return true;
    if (event_loop_watch(peer->server->loop, &peer->source, peer->source.descriptor, wanted, on_peer_ready))
        return true;
    remove_peer(peer);
    return false;
}

static void tell(const struct server *server, const char *text) {
    if (server->notice != NULL)
        server->notice(server->notice_context, text);
}

/* ---- Writing --------------------------------------------------------------------------------------------- */

/* What the core has for this peer, as far as the socket takes it. */
static enum transport_result write_output(struct peer *peer) {
    struct server *server = peer->server;
    for (size_t written = 0; written < WRITTEN_PER_TURN;) {
        size_t taken;
        size_t count = peer->connection == NULL ? 0 : broker_output(peer->connection, server->views, MAXIMUM_VIEWS);
        if (count == 0 && !transport_has_output(&peer->transport))
            return TRANSPORT_DONE;
        enum transport_result result = transport_send(&peer->transport, server->views, count, &taken);
        if (taken > 0)
            broker_sent(peer->connection, taken);
        if (result != TRANSPORT_DONE)
            return result;
        written += taken;
    }
    return TRANSPORT_BLOCKED;
}

/* The core is done with the connection, and all its output is sent. The Client may still have to read. */
static void say_goodbye(struct peer *peer) {
    struct server *server = peer->server;
    struct connection *connection = peer->connection;
    enum transport_result result = transport_finish(&peer->transport);
    if (result != TRANSPORT_DONE && result != TRANSPORT_BLOCKED) {
        remove_peer(peer);
        return;
    }
    peer->connection = NULL;
    peer->is_blocked = result == TRANSPORT_BLOCKED;
    if (!peer->is_blocked)
        enter_phase(peer, PHASE_LINGERING, LINGERING_TIME);
    else if (peer->phase == PHASE_OPEN)
        enter_phase(peer, PHASE_FLUSHING, FLUSHING_TIME);
    want(peer, true);
    if (connection != NULL)
        broker_closed(connection, event_loop_now(server->loop));
}

/* Writes what waits, and goes where the outcome leads. False where the peer is gone afterwards, or may be. */
static bool serve_output(struct peer *peer) {
    enum transport_result result = write_output(peer);
    bool closing = peer->connection == NULL || broker_is_closing(peer->connection);
    if (result == TRANSPORT_BLOCKED) {
        if (closing && peer->phase == PHASE_OPEN)
            enter_phase(peer, PHASE_FLUSHING, FLUSHING_TIME);
        peer->read_while_blocked = 0;
        peer->is_blocked = true;
        return want(peer, true);
    }
    if (result == TRANSPORT_DONE && !closing) {
        peer->is_blocked = false;
        return want(peer, true);
    }
    if (result == TRANSPORT_DONE)
        say_goodbye(peer);
    else
        remove_peer(peer);
    return false;
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

static void tell_failure(const struct peer *peer) {
    char reason[MAXIMUM_NOTICE / 2];
    char text[MAXIMUM_NOTICE];
    if (*transport_reason(&peer->transport, reason, sizeof reason) == '\0' || peer->connection == NULL)
        return;
    snprintf(text, sizeof text, "connection #%" PRIu64 ": %s", broker_connection_number(peer->connection), reason);
    tell(peer->server, text);
}

/* The Client sends no more. It may still read, so it gets what waits for it as far as the socket takes it. Layers above
 * TCP have a goodbye of their own, or say why they failed. */
static void end_of_input(struct peer *peer) {
    bool is_plain = peer->transport.tls == NULL && peer->transport.websocket == NULL;
    tell_failure(peer);
    if (write_output(peer) == TRANSPORT_BROKEN || is_plain)
        remove_peer(peer);
    else
        say_goodbye(peer);
}

/* A connection that the core has done with, and whose bytes matter to nobody. */
static void discard_input(struct peer *peer) {
    struct server *server = peer->server;
    ssize_t count = recv(peer->source.descriptor, server->received, sizeof server->received, 0);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        remove_peer(peer);
}

/* Once all handshakes are over: the core is told who showed a certificate. False where that names nobody: whoever it
 * is then is not to give another name in CONNECT. */
static bool note_opening(struct peer *peer) {
    char name[MAXIMUM_USER_NAME];
    size_t length = 0;
    if (!transport_is_open(&peer->transport))
        return true;
    bool names = peer->listener->names_user;
    peer->listener = NULL;
    if (!names)
        return true;
    if (!transport_peer_name(&peer->transport, name, sizeof name, &length)) {
        tell(peer->server, "a connection is closed: its certificate has no Common Name that can be a user name");
        return false;
    }
    return length == 0 ||
           broker_name_user(peer->connection, (struct mqtt_bytes){(const uint8_t *)name, (uint32_t)length});
}

/* What arrived is dealt with. */
static void wait_on(struct peer *peer, size_t received) {
    if (transport_has_output(&peer->transport) && !peer->is_blocked) {
        peer->read_while_blocked = 0;
        peer->is_blocked = true;
    }
    if (peer->is_blocked)
        peer->read_while_blocked += (uint32_t)received;
    want(peer, !peer->is_blocked || peer->read_while_blocked < READ_WHILE_BLOCKED);
}

static void serve_input(struct peer *peer) {
    struct server *server = peer->server;
    size_t count;
    if (peer->connection == NULL) {
        discard_input(peer);
        return;
    }
    enum transport_result result =
        transport_receive(&peer->transport, server->received, sizeof server->received, &count);
    if (peer->listener != NULL && !note_opening(peer)) {
        remove_peer(peer);
        return;
    }
    if (count > 0) {
        struct mqtt_bytes bytes = {.data = server->received, .length = (uint32_t)count};
        broker_receive(peer->connection, bytes, event_loop_now(server->loop));
    }
    if (result == TRANSPORT_ENDED && broker_is_waiting(peer->connection)) {
        peer->has_ended = true;
        want(peer, false); /* the end is read again */
    } else if (result == TRANSPORT_ENDED)
        end_of_input(peer);
    else if (result == TRANSPORT_BROKEN)
        remove_peer(peer);
    else
        wait_on(peer, count);
}

static void on_peer_ready(struct event_source *source, unsigned readiness) {
    struct peer *peer = (struct peer *)source;
    bool plain = peer->transport.tls == NULL;
    /* Writing first: after it the peer may be gone. TLS may have to read to write, or the other way round. */
    if (peer->is_blocked && ((readiness & EVENT_WRITABLE) || !plain) && (!serve_output(peer) || plain))
        return;
    if (!plain || (readiness & (EVENT_READABLE | EVENT_HUNG_UP)))
        serve_input(peer);
}

/* ---- Accepting ------------------------------------------------------------------------------------------- */

static bool make_non_blocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

/* False where there is no memory. */
static bool open_connection(struct peer *peer) {
    struct server *server = peer->server;
    if (!transport_start(&peer->transport, peer->source.descriptor, &peer->listener->transport))
        return false;
    peer->connection = broker_accept(server->broker, event_loop_now(server->loop), peer);
    if (peer->connection == NULL)
        transport_release(&peer->transport);
    return peer->connection != NULL;
}

/* False where the socket is not usable: it is then still the caller's. */
static bool add_peer(struct listener *listener, int descriptor) {
    struct server *server = listener->server;
    int yes = 1;
    if (!make_non_blocking(descriptor))
        return false;
    /* Answers are written once a turn already: waiting for more would only add delay. */
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
#if defined(SO_NOSIGPIPE)
    setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
#endif
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        return false;
    peer->server = server;
    peer->listener = listener;
    if (!event_loop_watch(server->loop, &peer->source, descriptor, EVENT_READABLE, on_peer_ready)) {
        free(peer);
        return false;
    }
    if (!open_connection(peer)) {
        event_loop_forget(server->loop, &peer->source);
        free(peer);
        return false;
    }
    list_append(peer, PHASE_OPEN);
    return true;
}

static void on_listener_ready(struct event_source *source, unsigned readiness);

static void want_connections(struct server *server, unsigned wanted) {
    for (struct listener *listener = server->listeners; listener != NULL; listener = listener->next)
        event_loop_watch(server->loop, &listener->source, listener->source.descriptor, wanted, on_listener_ready);
}

/* A connection that cannot be accepted stays in the kernel's queue and its readiness lasts: watching on would
 * spin. The time is for descriptors that are not the server's own. */
static void pause_accepting(struct server *server) {
    server->accept_again = event_loop_now(server->loop) + ACCEPT_PAUSE_TIME;
    if (server->accept_paused)
        return;
    server->accept_paused = true;
    want_connections(server, 0);
    if (!server->accept_pause_told)
        tell(server, "no descriptors or memory left for a new connection; it waits until another one closes");
    server->accept_pause_told = true;
}

static void resume_accepting(struct server *server) {
    if (!server->accept_paused)
        return;
    server->accept_paused = false;
    want_connections(server, EVENT_READABLE);
}

/* Where accept() failed. What is not named here belongs to a connection that is gone already. */
static void accept_failed(struct server *server, int error) {
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)
        pause_accepting(server);
    else if ((error == EAGAIN || error == EWOULDBLOCK) && server->accept_pause_told) {
        tell(server, "all connections that waited are accepted");
        server->accept_pause_told = false;
    }
}

static void on_listener_ready(struct event_source *source, unsigned readiness) {
    struct listener *listener = (struct listener *)source;
    (void)readiness;
    for (int accepted = 0; accepted < ACCEPTED_PER_TURN; accepted++) {
        int descriptor = accept(source->descriptor, NULL, NULL);
        if (descriptor < 0) {
            accept_failed(listener->server, errno);
            return;
        }
        if (!add_peer(listener, descriptor))
            close(descriptor);
    }
}

/* ---- Listening ------------------------------------------------------------------------------------------- */

static const char *reason_of(int error) {
    switch (error) {
    case EADDRINUSE:
        return "the port is in use";
    case EADDRNOTAVAIL:
        return "this machine does not have that address";
    case EACCES:
        return "the system does not let this user listen on that port";
    default:
        return strerror(error);
    }
}

static int port_of(int descriptor) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(descriptor, (struct sockaddr *)&address, &length) != 0)
        return -1;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* A listening socket, or -1 with errno set. */
static int open_listener(const struct addrinfo *address) {
    int yes = 1;
    int descriptor = socket(address->ai_family, SOCK_STREAM, 0);
    if (descriptor < 0)
        return -1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    /* IPv4 has listeners of its own. */
    if (address->ai_family == AF_INET6)
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (make_non_blocking(descriptor) && bind(descriptor, address->ai_addr, address->ai_addrlen) == 0 &&
        listen(descriptor, LISTEN_BACKLOG) == 0)
        return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

/* Returns the port, or -1 with errno set. */
static int add_listener(struct server *server, const struct addrinfo *address, const struct server_listening *how) {
    int descriptor = open_listener(address);
    if (descriptor < 0)
        return -1;
    struct listener *listener = calloc(1, sizeof *listener);
    int port = port_of(descriptor);
    if (listener != NULL && port >= 0) {
        listener->server = server;
        listener->names_user = how->names_user;
        listener->transport = (struct transport_settings){
            .kind = how->kind, .side = MQTT_SERVER, .tls = how->tls, .rules = broker_rules(server->broker)};
        if (event_loop_watch(server->loop, &listener->source, descriptor, EVENT_READABLE, on_listener_ready)) {
            listener->next = server->listeners;
            server->listeners = listener;
            return port;
        }
    }
    int error = errno;
    free(listener);
    close(descriptor);
    errno = error;
    return -1;
}

static void set_port(struct addrinfo *address, uint16_t port) {
    if (address->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)address->ai_addr)->sin6_port = htons(port);
    else if (address->ai_family == AF_INET)
        ((struct sockaddr_in *)address->ai_addr)->sin_port = htons(port);
}

int server_listen(struct server *server, const char *address, uint16_t port, const char **reason) {
    return server_listen_over(server, address, port, &(struct server_listening){.kind = TRANSPORT_TCP}, reason);
}

int server_listen_over(struct server *server, const char *address, uint16_t port, const struct server_listening *how,
                       const char **reason) {
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(address, NULL, &hints, &found);
    if (result != 0) {
        *reason = gai_strerror(result);
        errno = EADDRNOTAVAIL;
        return -1;
    }
    int chosen = -1;
    int error = 0;
    for (struct addrinfo *one = found; one != NULL; one = one->ai_next) {
        /* Where the system chooses, all addresses of a name get the same port. */
        set_port(one, chosen >= 0 ? (uint16_t)chosen : port);
        int listening = add_listener(server, one, how);
        if (listening >= 0)
            chosen = listening;
        else if (error == 0 || (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT))
            error = errno;
    }
    freeaddrinfo(found);
    bool only_missing = error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
    if (error == 0 || (chosen >= 0 && only_missing))
        return chosen;
    *reason = reason_of(error);
    errno = error;
    return -1;
}

/* ---- Life ------------------------------------------------------------------------------------------------ */

struct server *server_create(struct broker *broker, struct event_loop *loop) {
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return NULL;
    server->broker = broker;
    server->loop = loop;
    return server;
}

void server_tell(struct server *server, void (*notice)(void *context, const char *text), void *context) {
    server->notice = notice;
    server->notice_context = context;
}

static void close_listeners(struct server *server) {
    while (server->listeners != NULL) {
        struct listener *listener = server->listeners;
        server->listeners = listener->next;
        event_loop_forget(server->loop, &listener->source);
        close(listener->source.descriptor);
        free(listener);
    }
}

void server_destroy(struct server *server) {
    if (server == NULL)
        return;
    close_listeners(server);
    (void)broker_commit(server->broker, event_loop_now(server->loop)); /* where it fails, less is written */
    for (enum phase phase = PHASE_OPEN; phase <= PHASE_FLUSHING; phase++)
        for (struct peer *peer = server->peers[phase].first; peer != NULL; peer = peer->next) {
            if (write_output(peer) == TRANSPORT_DONE)
                (void)transport_finish(&peer->transport);
            shutdown(peer->source.descriptor, SHUT_WR);
            /* What was read does not reset the connection. One bufferful: this does not wait for more. */
            (void)!recv(peer->source.descriptor, server->received, sizeof server->received, 0);
        }
    for (enum phase phase = PHASE_OPEN; phase < PHASE_COUNT; phase++)
        while (server->peers[phase].first != NULL)
            remove_peer(server->peers[phase].first);
    free(server);
}

/* ---- A turn ---------------------------------------------------------------------------------------------- */

static microseconds earlier(microseconds left, microseconds right) {
    return left < right ? left : right;
}

static microseconds first_deadline(const struct peer_list *list) {
    return list->first == NULL ? NO_DEADLINE : list->first->deadline;
}

static void remove_late_peers(struct server *server, microseconds now) {
    for (enum phase phase = PHASE_FLUSHING; phase < PHASE_COUNT; phase++)
        while (first_deadline(&server->peers[phase]) <= now)
            remove_peer(server->peers[phase].first);
}

static void serve_ready(struct server *server) {
    struct connection *connection;
    while ((connection = broker_next_ready(server->broker)) != NULL) {
        struct peer *peer = broker_owner(connection);
        assert(peer->connection == connection);
        if (!peer->is_blocked)
            (void)serve_output(peer);
        else if (broker_is_closing(connection) && peer->phase == PHASE_OPEN)
            enter_phase(peer, PHASE_FLUSHING, FLUSHING_TIME);
    }
}

microseconds server_turn(struct server *server) {
    microseconds now = event_loop_now(server->loop);
    if (broker_deadline(server->broker) <= now)
        broker_tick(server->broker, now);
    remove_late_peers(server, now);
    if (server->accept_paused && server->accept_again <= now)
        resume_accepting(server);
    if (!broker_commit(server->broker, now)) /* nothing more may be sent */
        return NO_DEADLINE;
    serve_ready(server);
    if (broker_is_ready(server->broker)) /* there is more output, which waits for the next commit */
        return now;
    microseconds deadline = broker_deadline(server->broker);
    for (enum phase phase = PHASE_FLUSHING; phase < PHASE_COUNT; phase++)
        deadline = earlier(deadline, first_deadline(&server->peers[phase]));
    return server->accept_paused ? earlier(deadline, server->accept_again) : deadline;
}
