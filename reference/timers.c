/* Connections by deadline. A connection's place is corrected when its deadline comes, not with each packet: keep
 * alive only moves deadlines later. */
#include <assert.h>

#include "reference/core.h"

bool timers_reserve(struct broker *broker, size_t count) {
    struct timers *timers = &broker->timers;
    if (count <= timers->capacity)
        return true;
    size_t capacity = timers->capacity == 0 ? 16 : timers->capacity * 2;
    struct connection **heap = memory_resize(&broker->memory, timers->heap, timers->capacity * sizeof *heap,
                                             capacity * sizeof *heap, timers->count * sizeof *heap);
    if (heap == NULL)
        return false;
    timers->heap = heap;
    timers->capacity = capacity;
    return true;
}

static void place(struct timers *timers, size_t at, struct connection *connection) {
    timers->heap[at] = connection;
    connection->timer = at;
}

static void settle(struct timers *timers, size_t at) {
    struct connection *connection = timers->heap[at];
    for (size_t parent = (at - 1) / 2; at > 0 && timers->heap[parent]->deadline > connection->deadline;
         parent = (at - 1) / 2) {
        place(timers, at, timers->heap[parent]);
        at = parent;
    }
    for (;;) {
        size_t child = at * 2 + 1;
        if (child + 1 < timers->count && timers->heap[child + 1]->deadline < timers->heap[child]->deadline)
            child++;
        if (child >= timers->count || timers->heap[child]->deadline >= connection->deadline)
            break;
        place(timers, at, timers->heap[child]);
        at = child;
    }
    place(timers, at, connection);
}

void timers_set(struct broker *broker, struct connection *connection, microseconds deadline) {
    struct timers *timers = &broker->timers;
    if (deadline == NO_DEADLINE) {
        timers_remove(broker, connection);
        return;
    }
    connection->deadline = deadline;
    if (connection->timer == NO_TIMER) {
        assert(timers->count < timers->capacity);
        place(timers, timers->count, connection);
        timers->count++;
    }
    settle(timers, connection->timer);
}

void timers_remove(struct broker *broker, struct connection *connection) {
    struct timers *timers = &broker->timers;
    if (connection->timer == NO_TIMER)
        return;
    size_t at = connection->timer;
    connection->timer = NO_TIMER;
    timers->count--;
    if (at == timers->count)
        return;
    place(timers, at, timers->heap[timers->count]);
    settle(timers, at);
}
