/* Counts by client, in a table that does not grow beyond a fixed size. */
#include <stdlib.h>
#include <string.h>

#include "pcaps/lint.h"

/* Twice as many as clients, so that a free place is near. A power of two. */
enum { PLACES = 2 * LINT_MAXIMUM_CLIENTS };

_Static_assert(LINT_MAXIMUM_CLIENTS < UINT16_MAX, "a place holds the index of a client and one more");

static size_t first_place(const char *name) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
    return (hash ^ hash >> 32) % PLACES;
}

static struct lint_client *add_client(struct lint_totals *totals, const char *name, uint16_t *place) {
    char *copy = totals->client_count < LINT_MAXIMUM_CLIENTS ? strdup(name) : NULL;
    if (copy == NULL)
        return &totals->other_clients;
    struct lint_client *added = &totals->clients[totals->client_count++];
    *added = (struct lint_client){.name = copy};
    *place = (uint16_t)totals->client_count;
    return added;
}

struct lint_client *lint_totals_client(struct lint_totals *totals, const char *name) {
    if (totals->clients == NULL)
        totals->clients = malloc(LINT_MAXIMUM_CLIENTS * sizeof *totals->clients);
    if (totals->client_places == NULL)
        totals->client_places = calloc(PLACES, sizeof *totals->client_places);
    if (totals->clients == NULL || totals->client_places == NULL)
        return &totals->other_clients;
    size_t at = first_place(name);
    while (totals->client_places[at] != 0) {
        struct lint_client *client = &totals->clients[totals->client_places[at] - 1];
        if (strcmp(client->name, name) == 0)
            return client;
        at = (at + 1) % PLACES;
    }
    return add_client(totals, name, &totals->client_places[at]);
}

void lint_totals_free(struct lint_totals *totals) {
    for (size_t i = 0; i < totals->client_count; i++)
        free(totals->clients[i].name);
    free(totals->clients);
    free(totals->client_places);
    totals->clients = NULL;
    totals->client_places = NULL;
    totals->client_count = 0;
}
