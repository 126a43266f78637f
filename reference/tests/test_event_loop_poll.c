/* The same tests for the event loop by poll(2), which Linux does not use otherwise. Its functions stand in this
 * program and so come before those of the archive. */
#ifndef MQSPEC_USE_POLL
#define MQSPEC_USE_POLL
#endif

#include "reference/event_loop_poll.c"
#include "reference/tests/test_event_loop.c"
