#include "reference/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* A signal handler is given nothing but the number of the signal, so what it needs cannot be passed. */
static volatile sig_atomic_t signal_pipe = -1;

static void note_signal(int number) {
    int before = errno;
    char byte = (char)number;
    (void)!write(signal_pipe, &byte, 1); /* full: the loop has been woken already */
    errno = before;
}

static void on_signal_ready(struct event_source *source, unsigned readiness) {
    struct signals *signals = (struct signals *)source;
    char numbers[64];
    (void)readiness;
    ssize_t count = read(signals->pipe[0], numbers, sizeof numbers);
    for (ssize_t i = 0; i < count; i++) {
        if (numbers[i] == SIGHUP)
            signals->reload = true;
        else
            signals->stop = true;
    }
}

static bool handle_all(void) {
    struct sigaction once = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};
    struct sigaction always = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    return sigaction(SIGTERM, &once, NULL) == 0 && sigaction(SIGINT, &once, NULL) == 0 &&
           sigaction(SIGHUP, &always, NULL) == 0;
}

bool signals_begin(struct signals *signals, struct event_loop *loop) {
    signals->stop = signals->reload = false;
    if (pipe(signals->pipe) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        fcntl(signals->pipe[i], F_SETFL, O_NONBLOCK);
        fcntl(signals->pipe[i], F_SETFD, FD_CLOEXEC);
    }
    signal_pipe = signals->pipe[1];
    if (event_loop_watch(loop, &signals->source, signals->pipe[0], EVENT_READABLE, on_signal_ready) && handle_all())
        return true;
    close(signals->pipe[0]);
    close(signals->pipe[1]);
    return false;
}

void signals_end(struct signals *signals, struct event_loop *loop) {
    struct sigaction normal = {.sa_handler = SIG_DFL}, ignored = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &normal, NULL);
    sigaction(SIGINT, &normal, NULL);
    sigaction(SIGHUP, &ignored, NULL);
    event_loop_forget(loop, &signals->source);
    close(signals->pipe[0]);
    close(signals->pipe[1]);
}
