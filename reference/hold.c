/* Questions that the host answers later. The packet that a question is about waits, and with it all that its Client
 * sends afterwards, so that its packets still take effect in order. With the answer, the packet is handled anew, and
 * what was answered before is recalled instead of asked again: handlers ask before they change anything. */
#include "reference/core.h"

static size_t size_for(uint32_t questions) {
    return sizeof(struct hold) + questions;
}

void hold_begin(struct connection *connection, uint32_t questions) {
    if (connection->hold != NULL)
        return; /* the packet is handled anew */
    connection->hold = memory_take_zeroed(&connection->broker->memory, size_for(questions));
    if (connection->hold == NULL)
        return; /* then the host has to answer at once */
    connection->hold->connection = connection;
    connection->hold->capacity = questions;
}

static void leave_line(struct hold *hold) {
    struct broker *broker = hold->connection->broker;
    *(hold->previous == NULL ? &broker->held_first : &hold->previous->next) = hold->next;
    *(hold->next == NULL ? &broker->held_last : &hold->next->previous) = hold->previous;
    hold->ticket = 0;
}

void hold_end(struct connection *connection) {
    struct hold *hold = connection->hold;
    if (hold == NULL)
        return;
    if (hold->ticket != 0)
        leave_line(hold);
    memory_give(&connection->broker->memory, hold, size_for(hold->capacity));
    connection->hold = NULL;
}

bool hold_recall(struct connection *connection, enum mqtt_connect_return_code *answer) {
    struct hold *hold = connection->hold;
    if (hold == NULL || hold->asked == hold->answered)
        return false;
    *answer = (enum mqtt_connect_return_code)hold->answers[hold->asked++];
    return true;
}

void hold_note(struct connection *connection, enum mqtt_connect_return_code answer) {
    struct hold *hold = connection->hold;
    if (hold == NULL || hold->ticket != 0 || hold->answered == hold->capacity)
        return;
    hold->answers[hold->answered++] = (uint8_t)answer;
    hold->asked = hold->answered;
}

uint64_t broker_defer(const struct broker_client *client) {
    struct connection *connection = client->asking;
    if (connection == NULL)
        return 0;
    struct broker *broker = connection->broker;
    hold_begin(connection, 1);
    struct hold *hold = connection->hold;
    if (hold == NULL || hold->answered == hold->capacity)
        return 0;
    if (hold->ticket != 0)
        return hold->ticket;
    hold->ticket = ++broker->last_ticket;
    hold->next = NULL;
    hold->previous = broker->held_last;
    *(broker->held_last == NULL ? &broker->held_first : &broker->held_last->next) = hold;
    broker->held_last = hold;
    return hold->ticket;
}

void broker_undefer(const struct broker_client *client) {
    struct hold *hold = client->asking != NULL ? client->asking->hold : NULL;
    if (hold != NULL && hold->ticket != 0)
        leave_line(hold);
}

/* Answers come mostly in the order of their questions, so this looks at few. */
static struct hold *find(struct broker *broker, uint64_t ticket) {
    struct hold *hold = broker->held_first;
    while (hold != NULL && hold->ticket != ticket)
        hold = hold->next;
    return hold;
}

bool broker_answer(struct broker *broker, uint64_t ticket, enum mqtt_connect_return_code code, microseconds now) {
    struct hold *hold = ticket == 0 ? NULL : find(broker, ticket);
    broker->now = now;
    if (hold == NULL)
        return false;
    leave_line(hold);
    hold->answers[hold->answered++] = (uint8_t)code;
    hold->asked = 0;
    hold->is_anew = true;
    connection_handle_anew(hold->connection);
    return true;
}

bool broker_takes_input(const struct connection *connection) {
    return !hold_is_waiting(connection) || connection->input.length < connection->input_packet_size + HELD_INPUT;
}

bool broker_is_waiting(const struct connection *connection) {
    return hold_is_waiting(connection);
}
