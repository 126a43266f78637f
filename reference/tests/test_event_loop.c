/* The event loop, by whichever system call it was compiled with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "reference/event_loop.h"

#define SOON(loop) (event_loop_now(loop) + 2 * MICROSECONDS_PER_SECOND)

/* One end of a socket pair that notes how it was called. */
struct end {
    struct event_source source;
    struct event_loop *loop;
    int calls;
    unsigned readiness;
    struct end *to_forget;
    struct end *to_watch;
};

struct fixture {
    struct event_loop *loop;
    struct end left;
    struct end right;
};

static void note(struct event_source *source, unsigned readiness) {
    struct end *end = (struct end *)source;
    end->calls++;
    end->readiness = readiness;
    if (end->to_forget != NULL)
        event_loop_forget(end->loop, &end->to_forget->source);
    if (end->to_watch != NULL)
        assert_true(event_loop_watch(end->loop, &end->to_watch->source, end->to_watch->source.descriptor,
                                     EVENT_WRITABLE, note));
}

static int set_up(void **state) {
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    int pair[2];
    fixture->loop = event_loop_create();
    assert_non_null(fixture->loop);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fixture->left = (struct end){.source.descriptor = pair[0], .loop = fixture->loop};
    fixture->right = (struct end){.source.descriptor = pair[1], .loop = fixture->loop};
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    event_loop_destroy(fixture->loop);
    close(fixture->left.source.descriptor);
    if (fixture->right.source.descriptor >= 0)
        close(fixture->right.source.descriptor);
    test_free(fixture);
    return 0;
}

static void watch(struct end *end, unsigned wanted) {
    assert_true(event_loop_watch(end->loop, &end->source, end->source.descriptor, wanted, note));
}

static void say(const struct end *end) {
    assert_int_equal(write(end->source.descriptor, "x", 1), 1);
}

static void hang_up(struct end *end) {
    close(end->source.descriptor);
    end->source.descriptor = -1;
}

static void deadline_is_kept(void **state) {
    struct fixture *fixture = *state;
    watch(&fixture->left, EVENT_READABLE);
    microseconds start = event_loop_now(fixture->loop);
    assert_int_equal(event_loop_wait(fixture->loop, start + 20300), 0);
    assert_true(event_loop_now(fixture->loop) >= start + 20300);
    assert_int_equal(fixture->left.calls, 0);
}

static void past_deadline_still_calls_who_is_ready(void **state) {
    struct fixture *fixture = *state;
    watch(&fixture->left, EVENT_READABLE);
    say(&fixture->right);
    assert_int_equal(event_loop_wait(fixture->loop, 0), 1);
    assert_int_equal(fixture->left.readiness, EVENT_READABLE);
}

static void readiness_lasts_until_it_is_used(void **state) {
    struct fixture *fixture = *state;
    char byte;
    watch(&fixture->left, EVENT_READABLE);
    say(&fixture->right);
    assert_int_equal(event_loop_wait(fixture->loop, SOON(fixture->loop)), 1);
    assert_int_equal(event_loop_wait(fixture->loop, SOON(fixture->loop)), 1);
    assert_int_equal(read(fixture->left.source.descriptor, &byte, 1), 1);
    assert_int_equal(event_loop_wait(fixture->loop, 0), 0);
}

static void wants_can_change(void **state) {
    struct fixture *fixture = *state;
    watch(&fixture->left, EVENT_READABLE);
    assert_int_equal(event_loop_wait(fixture->loop, 0), 0);
    watch(&fixture->left, EVENT_READABLE | EVENT_WRITABLE);
    assert_int_equal(fixture->left.source.wanted, EVENT_READABLE | EVENT_WRITABLE);
    assert_int_equal(event_loop_wait(fixture->loop, SOON(fixture->loop)), 1);
    assert_int_equal(fixture->left.readiness, EVENT_WRITABLE);
    watch(&fixture->left, 0);
    say(&fixture->right);
    assert_int_equal(event_loop_wait(fixture->loop, 0), 0);
}

static void end_of_file_is_readable(void **state) {
    struct fixture *fixture = *state;
    watch(&fixture->left, EVENT_READABLE);
    hang_up(&fixture->right);
    assert_int_equal(event_loop_wait(fixture->loop, SOON(fixture->loop)), 1);
    assert_true(fixture->left.readiness & EVENT_READABLE);
    assert_true(fixture->left.readiness & EVENT_HUNG_UP);
}

static void hang_up_wakes_who_waits_to_write(void **state) {
    struct fixture *fixture = *state;
    watch(&fixture->left, EVENT_WRITABLE);
    hang_up(&fixture->right);
    assert_int_equal(event_loop_wait(fixture->loop, SOON(fixture->loop)), 1);
    assert_true(fixture->left.readiness & EVENT_WRITABLE);
    assert_true(fixture->left.readiness & EVENT_HUNG_UP);
}

static void refused_connection_is_writable(void **state) {
    struct fixture *fixture = *state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct end client = {.loop = fixture->loop, .source.descriptor = socket(AF_INET, SOCK_STREAM, 0)};
    /* A port that was bound and never listened on refuses. */
    int bound = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(bound, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(bound, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(fcntl(client.source.descriptor, F_SETFL, O_NONBLOCK), 0);
    (void)connect(client.source.descriptor, (struct sockaddr *)&address, sizeof address);
    watch(&client, EVENT_WRITABLE);
    assert_int_equal(event_loop_wait(fixture->loop, SOON(fixture->loop)), 1);
    assert_true(client.readiness & EVENT_WRITABLE);
    close(client.source.descriptor);
    close(bound);
}

static void forgotten_is_not_called(void **state) {
    struct fixture *fixture = *state;
    watch(&fixture->left, EVENT_READABLE);
    say(&fixture->right);
    event_loop_forget(fixture->loop, &fixture->left.source);
    assert_int_equal(event_loop_wait(fixture->loop, 0), 0);
    watch(&fixture->left, EVENT_READABLE);
    assert_int_equal(event_loop_wait(fixture->loop, SOON(fixture->loop)), 1);
}

/* Both are ready in the same wait, and whoever comes first forgets both. */
static void forgetting_inside_a_call_holds_at_once(void **state) {
    struct fixture *fixture = *state;
    struct end *ends[] = {&fixture->left, &fixture->right};
    struct end *other[] = {&fixture->right, &fixture->left};
    for (int i = 0; i < 2; i++) {
        ends[i]->to_forget = other[i];
        watch(ends[i], EVENT_WRITABLE);
    }
    assert_int_equal(event_loop_wait(fixture->loop, SOON(fixture->loop)), 1);
    assert_int_equal(fixture->left.calls + fixture->right.calls, 1);
    struct end *called = fixture->left.calls == 1 ? &fixture->left : &fixture->right;
    called->to_forget = called;
    assert_int_equal(event_loop_wait(fixture->loop, SOON(fixture->loop)), 1);
    assert_int_equal(event_loop_wait(fixture->loop, 0), 0);
}

static void forgotten_and_watched_again_inside_a_call(void **state) {
    struct fixture *fixture = *state;
    fixture->left.to_forget = &fixture->left;
    fixture->left.to_watch = &fixture->left;
    watch(&fixture->left, EVENT_WRITABLE);
    assert_int_equal(event_loop_wait(fixture->loop, SOON(fixture->loop)), 1);
    fixture->left.to_forget = fixture->left.to_watch = NULL;
    assert_int_equal(event_loop_wait(fixture->loop, SOON(fixture->loop)), 1);
    assert_int_equal(fixture->left.calls, 2);
}

static void many_sources_all_get_their_turn(void **state) {
    struct fixture *fixture = *state;
    enum { COUNT = 400 }; /* more than one wait takes */
    struct end *ends = test_calloc(COUNT, sizeof *ends);
    for (int i = 0; i < COUNT; i++) {
        ends[i].loop = fixture->loop;
        ends[i].source.descriptor = dup(fixture->left.source.descriptor);
        assert_true(ends[i].source.descriptor >= 0);
        ends[i].to_forget = &ends[i];
        watch(&ends[i], EVENT_WRITABLE);
    }
    int called = 0;
    for (int turn = 0; turn < 10 && called < COUNT; turn++)
        called += event_loop_wait(fixture->loop, SOON(fixture->loop));
    assert_int_equal(called, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(ends[i].calls, 1);
        close(ends[i].source.descriptor);
    }
    test_free(ends);
}

static void ignore_signal(int number) {
    (void)number;
}

static void signal_ends_the_wait(void **state) {
    struct fixture *fixture = *state;
    struct sigaction action = {.sa_handler = ignore_signal};
    struct sigaction before;
    struct itimerval timer = {.it_value.tv_usec = 10000};
    watch(&fixture->left, EVENT_READABLE);
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
    microseconds deadline = SOON(fixture->loop);
    assert_int_equal(event_loop_wait(fixture->loop, deadline), 0);
    assert_true(event_loop_now(fixture->loop) < deadline);
    sigaction(SIGALRM, &before, NULL);
}

static void closed_descriptor_cannot_be_watched(void **state) {
    struct fixture *fixture = *state;
    struct end none = {.loop = fixture->loop};
    assert_false(event_loop_watch(fixture->loop, &none.source, -1, EVENT_READABLE, note));
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest rows[] = {
        ROW(deadline_is_kept),
        ROW(past_deadline_still_calls_who_is_ready),
        ROW(readiness_lasts_until_it_is_used),
        ROW(wants_can_change),
        ROW(end_of_file_is_readable),
        ROW(hang_up_wakes_who_waits_to_write),
        ROW(refused_connection_is_writable),
        ROW(forgotten_is_not_called),
        ROW(forgetting_inside_a_call_holds_at_once),
        ROW(forgotten_and_watched_again_inside_a_call),
        ROW(many_sources_all_get_their_turn),
        ROW(signal_ends_the_wait),
        ROW(closed_descriptor_cannot_be_watched),
    };
    return cmocka_run_group_tests(rows, NULL, NULL);
}
