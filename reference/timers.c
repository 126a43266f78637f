/* What waits for its time, by deadline. A connection's place is corrected when its deadline comes, not with each
 * packet: keep alive only moves deadlines later. */
#include <assert.h>

#include "reference/core.h"

bool timers_reserve(struct broker *broker, struct timer *timer, enum timer_kind kind) {
    struct timers *timers = &broker->timers;
    *timer = (struct timer){.deadline = NO_DEADLINE, .place = NO_TIMER, .kind = kind};
    if (timers->reserved < timers->capacity) {
        timers->reserved++;
        return true;
    }
    size_t capacity = timers->capacity == 0 ? 16 : timers->capacity * 2;
    struct timer **heap = memory_resize(&broker->memory, timers->heap, timers->capacity * sizeof(struct timer *),
                                        capacity * sizeof(struct timer *), timers->count * sizeof(struct timer *));
    if (heap == NULL)
        return false;
    timers->heap = heap;
    timers->capacity = capacity;
    timers->reserved++;
    return true;
}

static void place(struct timers *timers, size_t at, struct timer *timer) {
    timers->heap[at] = timer;
    timer->place = at;
}

static void settle(struct timers *timers, size_t at) {
    struct timer *timer = timers->heap[at];
    for (size_t parent = (at - 1) / 2; at > 0 && timers->heap[parent]->deadline > timer->deadline;
         parent = (at - 1) / 2) {
        place(timers, at, timers->heap[parent]);
        at = parent;
    }
    for (;;) {
        size_t child = at * 2 + 1;
        if (child + 1 < timers->count && timers->heap[child + 1]->deadline < timers->heap[child]->deadline)
            child++;
        if (child >= timers->count || timers->heap[child]->deadline >= timer->deadline)
            break;
        place(timers, at, timers->heap[child]);
        at = child;
    }
    place(timers, at, timer);
}

static void take_away(struct timers *timers, struct timer *timer) {
    if (timer->place == NO_TIMER)
        return;
    size_t at = timer->place;
    timer->place = NO_TIMER;
    timers->count--;
    if (at == timers->count)
        return;
    place(timers, at, timers->heap[timers->count]);
    settle(timers, at);
}

void timers_set(struct broker *broker, struct timer *timer, microseconds deadline) {
    struct timers *timers = &broker->timers;
    timer->deadline = deadline;
    if (deadline == NO_DEADLINE) {
        take_away(timers, timer);
        return;
    }
    if (timer->place == NO_TIMER) {
        assert(timers->count < timers->capacity);
        place(timers, timers->count, timer);
        timers->count++;
    }
    settle(timers, timer->place);
}

void timers_return(struct broker *broker, struct timer *timer) {
    take_away(&broker->timers, timer);
    assert(broker->timers.reserved > 0);
    broker->timers.reserved--;
}
