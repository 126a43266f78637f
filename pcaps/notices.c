#include "pcaps/notices.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcaps/show.h"

/* ---- The table ------------------------------------------------------------------------------------------------- */

#define IDLE_PERCENT         90
#define STORM_CONNECTS       5
#define STORM_SECONDS        10
#define TAKEN_OVER_TIMES     3
#define TAKEN_OVER_SECONDS   60
#define RETAINED_COUNT       1000
#define RETAINED_SECONDS     10
#define GROWTH_MESSAGES      50
#define GROWTH_TIMES         4
#define UNFINISHED_SECONDS   10
#define SUBSCRIPTION_SECONDS 300

#define WORD_OF(number) #number
#define WORD(number)    WORD_OF(number)

static const struct notice_row rows[NOTICE_COUNT] = {
    [NOTICE_KEEP_ALIVE_OFF] = {"keep-alive-off", "the client switched Keep Alive off", "a Keep Alive of 0 in use",
                               "When such a client vanishes without closing its connection, the server keeps the "
                               "connection and sends no Will Message, perhaps for hours. Give a Keep Alive."},
    [NOTICE_KEEP_ALIVE_UNUSED] =
        {"keep-alive-unused", "the client was silent up to its Keep Alive and never sent PINGREQ",
         "silent for " WORD(IDLE_PERCENT) " % of the Keep Alive or more, not yet beyond one and a half times, and no "
                                          "PINGREQ before on this connection",
         "The client seems to have no timer for Keep Alive: a little later and the server must drop it. Send PINGREQ "
         "in time."},
    [NOTICE_RECONNECT_STORM] =
        {"reconnect-storm", "the client connects again and again",
         WORD(STORM_CONNECTS) " CONNECT packets of one Client Identifier within " WORD(STORM_SECONDS) " seconds",
         "Each connection costs the server a handshake and a session. Look at why they end (a refusal, a breach, a "
         "second device of that name), and wait longer after each failure."},
    [NOTICE_TAKEN_OVER] =
        {"taken-over", "connections of one Client Identifier take over from each other",
         WORD(TAKEN_OVER_TIMES) " times within " WORD(TAKEN_OVER_SECONDS) " seconds, a CONNECT while an earlier "
                                                                          "connection was open",
         "Mostly two devices have the same Client Identifier and throw each other out; else a client that forgets its "
         "old connection. Give each device an identifier of its own."},
    [NOTICE_RETAINED_FLOOD] =
        {"retained-flood", "a flood of retained messages",
         WORD(RETAINED_COUNT) " PUBLISH packets with RETAIN of one side within " WORD(RETAINED_SECONDS) " seconds",
         "From a server: a subscription matches more retained messages than a small device can take; narrow the "
         "filter, or in 5.0 use Retain Handling. From a client: it fills the server's store; retain only what a late "
         "subscriber needs."},
    [NOTICE_IN_FLIGHT_GROWS] =
        {"in-flight-grows", "messages are published faster than they are acknowledged",
         WORD(GROWTH_TIMES) " stretches of " WORD(GROWTH_MESSAGES) " messages of QoS 1 or 2 in a row, each with more "
                                                                   "unacknowledged at its lowest than the one before",
         "Packet Identifiers or memory run out if it goes on. Publish more slowly, or look at why the other side does "
         "not acknowledge; in 5.0 grant a smaller Receive Maximum."},
    [NOTICE_QOS_2_UNFINISHED] =
        {"qos-2-unfinished", "an exchange of QoS 2 was never completed",
         "no packet of it for " WORD(UNFINISHED_SECONDS) " seconds when the connection or the capture ended",
         "Its Packet Identifier stays in use, and the message may never be handed on. PUBREC, PUBREL or PUBCOMP is "
         "missing; a session that goes on has to go on with it at the next connection."},
    [NOTICE_SUBSCRIPTION_UNUSED] =
        {"subscription-unused", "a subscription that no message matched",
         "granted " WORD(SUBSCRIPTION_SECONDS) " seconds or more before it or the connection ended, no message since",
         "Nothing may have been published; but a slip of the pen in the filter looks the same. Compare it with the "
         "topics that are in use."},
};

const struct notice_row *notice_row(enum notice_kind kind) {
    return &rows[kind];
}

__attribute__((format(printf, 5, 6))) static void tell(struct notices *notices, struct noticed *noticed,
                                                       enum notice_kind kind, enum mqtt_side side, const char *format,
                                                       ...) {
    char detail[256];
    if (noticed->told >> kind & 1)
        return;
    noticed->told |= 1u << kind;
    va_list values;
    va_start(values, format);
    vsnprintf(detail, sizeof detail, format, values);
    va_end(values);
    notices->tell(notices->context, noticed->owner, kind, side, detail);
}

static double seconds(microseconds time) {
    return (double)time / (double)MICROSECONDS_PER_SECOND;
}

/* ---- Clients, across their connections ------------------------------------------------------------------------- */

enum { CLIENT_SETS = 1024, CLIENTS_IN_SET = 4 };

struct noticed_client {
    uint64_t client; /* 0: nobody */
    uint64_t used;   /* the turn at which it was last looked up */
    uint64_t connect_count;
    uint64_t taken_over_count;
    microseconds connects[STORM_CONNECTS];     /* the last ones, a ring */
    microseconds taken_over[TAKEN_OVER_TIMES]; /* likewise */
    uint32_t open;                             /* connections */
    bool storms;                               /* and it was told */
    bool fights;
};

static uint64_t number_of(uint64_t number, struct mqtt_bytes bytes) {
    number ^= UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < bytes.length; i++)
        number = (number ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    return number != 0 ? number : 1;
}

/* The record of a client: who was not looked up for longest makes room for it. NULL where there is no memory. */
static struct noticed_client *find_client(struct notices *notices, uint64_t client) {
    if (notices->clients == NULL)
        notices->clients = calloc((size_t)CLIENT_SETS * CLIENTS_IN_SET, sizeof *notices->clients);
    if (notices->clients == NULL)
        return NULL;
    struct noticed_client *set = notices->clients + (client ^ client >> 32) % CLIENT_SETS * CLIENTS_IN_SET;
    struct noticed_client *found = set;
    for (size_t i = 0; i < CLIENTS_IN_SET; i++) {
        if (set[i].client == client) {
            found = &set[i];
            break;
        }
        if (set[i].used < found->used)
            found = &set[i];
    }
    if (found->client != client)
        *found = (struct noticed_client){.client = client};
    found->used = ++notices->turn;
    return found;
}

/* Notes one more time in a ring of `size`; true where the ring is then full of times that lie within `window`. */
static bool is_frequent(microseconds *ring, size_t size, uint64_t *count, microseconds window, microseconds now) {
    ring[(*count)++ % size] = now;
    return *count >= size && now - ring[*count % size] <= window;
}

static void client_connects(struct notices *notices, struct noticed *noticed, microseconds now) {
    struct noticed_client *client = noticed->client != 0 ? find_client(notices, noticed->client) : NULL;
    if (client == NULL)
        return;
    bool storms = is_frequent(client->connects, STORM_CONNECTS, &client->connect_count,
                              STORM_SECONDS * MICROSECONDS_PER_SECOND, now);
    if (storms && !client->storms)
        tell(notices, noticed, NOTICE_RECONNECT_STORM, MQTT_CLIENT, "%d connections within %.3f s", STORM_CONNECTS,
             seconds(now - client->connects[client->connect_count % STORM_CONNECTS]));
    client->storms = storms;
    if (client->open == 0)
        return;
    bool fights = is_frequent(client->taken_over, TAKEN_OVER_TIMES, &client->taken_over_count,
                              TAKEN_OVER_SECONDS * MICROSECONDS_PER_SECOND, now);
    if (fights && !client->fights)
        tell(notices, noticed, NOTICE_TAKEN_OVER, MQTT_CLIENT, "taken over %d times within %.3f s", TAKEN_OVER_TIMES,
             seconds(now - client->taken_over[client->taken_over_count % TAKEN_OVER_TIMES]));
    client->fights = fights;
}

static void client_is_in(struct notices *notices, struct noticed *noticed) {
    struct noticed_client *client = noticed->client != 0 ? find_client(notices, noticed->client) : NULL;
    if (client == NULL || noticed->counted)
        return;
    noticed->counted = true;
    client->open++;
}

static void client_leaves(struct notices *notices, struct noticed *noticed) {
    struct noticed_client *client = noticed->counted ? find_client(notices, noticed->client) : NULL;
    noticed->counted = false;
    if (client != NULL && client->open > 0) /* it may have been forgotten meanwhile */
        client->open--;
}

/* ---- Keep Alive -------------------------------------------------------------------------------------------------- */

static void take_connect(struct notices *notices, struct noticed *noticed, const struct mqtt_connect *connect,
                         microseconds now) {
    noticed->keep_alive = connect->keep_alive * MICROSECONDS_PER_SECOND;
    if (connect->client_identifier.length > 0)
        noticed->client = number_of(noticed->server, connect->client_identifier);
    client_connects(notices, noticed, now);
}

static void take_connack(struct notices *notices, struct noticed *noticed, const struct mqtt_connack *connack) {
    struct mqtt_property keep_alive;
    if (connack->code != MQTT_CONNECTION_ACCEPTED || noticed->connected)
        return;
    noticed->connected = true;
    client_is_in(notices, noticed);
    if (mqtt_find_property(connack->properties, MQTT_SERVER_KEEP_ALIVE, &keep_alive))
        noticed->keep_alive = keep_alive.number * MICROSECONDS_PER_SECOND;
    if (noticed->keep_alive == 0)
        tell(notices, noticed, NOTICE_KEEP_ALIVE_OFF, MQTT_CLIENT, "Keep Alive is 0");
}

/* The client's silence is over. A longer one is a breach, which is told elsewhere. */
static void judge_silence(struct notices *notices, struct noticed *noticed, microseconds now) {
    microseconds silence = now - noticed->client_spoke;
    if (!noticed->connected || noticed->over || noticed->pinged || noticed->keep_alive == 0 ||
        silence < noticed->keep_alive / 100 * IDLE_PERCENT || silence > noticed->keep_alive * 3 / 2)
        return;
    tell(notices, noticed, NOTICE_KEEP_ALIVE_UNUSED, MQTT_CLIENT, "silent for %.3f s, with a Keep Alive of %.0f s",
         seconds(silence), seconds(noticed->keep_alive));
}

static void client_speaks(struct notices *notices, struct noticed *noticed, enum mqtt_type type, microseconds now) {
    noticed->pinged |= type == MQTT_PINGREQ;
    judge_silence(notices, noticed, now);
    noticed->client_spoke = now;
}

/* ---- Messages ------------------------------------------------------------------------------------------------------
 */

static void count_retained(struct notices *notices, struct noticed *noticed, enum mqtt_side side, microseconds now) {
    if (noticed->retained[side].count == 0 ||
        now - noticed->retained[side].since > RETAINED_SECONDS * MICROSECONDS_PER_SECOND) {
        noticed->retained[side].since = now;
        noticed->retained[side].count = 0;
    }
    if (++noticed->retained[side].count == RETAINED_COUNT)
        tell(notices, noticed, NOTICE_RETAINED_FLOOD, side, "%d retained messages within %.3f s", RETAINED_COUNT,
             seconds(now - noticed->retained[side].since));
}

static void publish_in_flight(struct notices *notices, struct noticed *noticed, enum mqtt_side side) {
    uint32_t now = ++noticed->in_flight[side].now;
    if (noticed->in_flight[side].published == 0 || now < noticed->in_flight[side].lowest)
        noticed->in_flight[side].lowest = now;
    if (++noticed->in_flight[side].published < GROWTH_MESSAGES)
        return;
    uint32_t lowest = noticed->in_flight[side].lowest;
    noticed->in_flight[side].grown =
        lowest > noticed->in_flight[side].lowest_before ? noticed->in_flight[side].grown + 1 : 0;
    noticed->in_flight[side].lowest_before = lowest;
    noticed->in_flight[side].published = 0;
    if (noticed->in_flight[side].grown >= GROWTH_TIMES)
        tell(notices, noticed, NOTICE_IN_FLIGHT_GROWS, side, "%u messages are unacknowledged", now);
}

static void acknowledged(struct noticed *noticed, enum mqtt_side publisher) {
    if (noticed->in_flight[publisher].now > 0) /* else published before the connection began */
        noticed->in_flight[publisher].now--;
    if (noticed->in_flight[publisher].now < noticed->in_flight[publisher].lowest)
        noticed->in_flight[publisher].lowest = noticed->in_flight[publisher].now;
}

/* Where it stands among the exchanges; their count where it does not. */
static size_t find_exchange(const struct noticed *noticed, enum mqtt_side publisher, uint16_t packet_identifier) {
    size_t at = 0;
    while (at < noticed->exchange_count && (noticed->exchanges[at].packet_identifier != packet_identifier ||
                                            noticed->exchanges[at].publisher != publisher))
        at++;
    return at;
}

static void exchange_goes_on(struct noticed *noticed, enum mqtt_side publisher, uint16_t packet_identifier,
                             microseconds now, bool starts) {
    size_t at = find_exchange(noticed, publisher, packet_identifier);
    if (at == noticed->exchange_count && (!starts || at == NOTICED_EXCHANGES))
        return;
    noticed->exchanges[at] = (struct noticed_exchange){now, packet_identifier, (uint8_t)publisher};
    noticed->exchange_count += at == noticed->exchange_count;
}

static void exchange_ends(struct noticed *noticed, enum mqtt_side publisher, uint16_t packet_identifier) {
    size_t at = find_exchange(noticed, publisher, packet_identifier);
    if (at < noticed->exchange_count)
        noticed->exchanges[at] = noticed->exchanges[--noticed->exchange_count];
    acknowledged(noticed, publisher);
}

static void judge_exchanges(struct notices *notices, struct noticed *noticed, microseconds now) {
    for (size_t i = 0; i < noticed->exchange_count; i++) {
        const struct noticed_exchange *exchange = &noticed->exchanges[i];
        if (now - exchange->since >= UNFINISHED_SECONDS * MICROSECONDS_PER_SECOND)
            tell(notices, noticed, NOTICE_QOS_2_UNFINISHED, (enum mqtt_side)exchange->publisher,
                 "Packet Identifier %u of the %s, its last packet %.3f s before the end", exchange->packet_identifier,
                 show_side((enum mqtt_side)exchange->publisher), seconds(now - exchange->since));
    }
}

/* ---- Subscriptions
 * --------------------------------------------------------------------------------------------------- */

enum { WATCHED_FILTERS = 8, WATCHED_LENGTH = 120 };

/* Further filters of a connection, longer ones, and shared subscriptions are not watched. */
struct noticed_filters {
    size_t count;
    size_t unused; /* of these, those that wait for their first message */
    struct watched_filter {
        enum { ASKED, GRANTED, USED } state;
        microseconds since; /* of GRANTED */
        uint16_t packet_identifier;
        uint16_t place; /* in the SUBSCRIBE */
        uint8_t length;
        uint8_t text[WATCHED_LENGTH];
    } all[WATCHED_FILTERS];
};

static struct mqtt_bytes text_of(const struct watched_filter *watched) {
    return (struct mqtt_bytes){watched->text, watched->length};
}

static struct watched_filter *find_filter(struct noticed_filters *filters, struct mqtt_bytes filter) {
    for (size_t i = 0; i < filters->count; i++)
        if (mqtt_equal(text_of(&filters->all[i]), filter))
            return &filters->all[i];
    return NULL;
}

static void watch_filter(struct noticed_filters *filters, struct mqtt_bytes filter, uint16_t packet_identifier,
                         uint16_t place) {
    struct mqtt_bytes share_name, shared;
    if (filters->count == WATCHED_FILTERS || filter.length > WATCHED_LENGTH || find_filter(filters, filter) != NULL ||
        mqtt_shared_filter(filter, &share_name, &shared))
        return;
    struct watched_filter *watched = &filters->all[filters->count++];
    *watched = (struct watched_filter){.packet_identifier = packet_identifier, .place = place};
    watched->length = (uint8_t)filter.length;
    memcpy(watched->text, filter.data, filter.length);
}

static void take_subscribe(struct noticed *noticed, const struct mqtt_subscribe *subscribe) {
    struct mqtt_bytes filters = subscribe->filters, filter;
    uint8_t options;
    if (noticed->filters == NULL)
        noticed->filters = calloc(1, sizeof *noticed->filters);
    if (noticed->filters == NULL)
        return;
    for (uint16_t place = 0; place < UINT16_MAX && mqtt_next_filter(&filters, &filter, &options); place++)
        watch_filter(noticed->filters, filter, subscribe->packet_identifier, place);
}

static void take_suback(struct noticed *noticed, const struct mqtt_suback *suback, microseconds now) {
    struct noticed_filters *filters = noticed->filters;
    for (size_t i = 0; filters != NULL && i < filters->count; i++) {
        struct watched_filter *watched = &filters->all[i];
        if (watched->state != ASKED || watched->packet_identifier != suback->packet_identifier)
            continue;
        bool granted =
            watched->place < suback->codes.length && suback->codes.data[watched->place] < MQTT_SUBSCRIBE_FAILURE;
        watched->state = granted ? GRANTED : USED; /* nothing can match what was refused */
        watched->since = now;
        filters->unused += granted;
    }
}

static void judge_filter(struct notices *notices, struct noticed *noticed, const struct watched_filter *watched,
                         microseconds now) {
    char name[SHOW_NAME_CAPACITY * 2];
    if (watched->state != GRANTED || now - watched->since < SUBSCRIPTION_SECONDS * MICROSECONDS_PER_SECOND)
        return;
    show_name(text_of(watched), name, sizeof name);
    tell(notices, noticed, NOTICE_SUBSCRIPTION_UNUSED, MQTT_CLIENT, "nothing matched '%s' in %.0f s", name,
         seconds(now - watched->since));
}

static void take_unsubscribe(struct notices *notices, struct noticed *noticed,
                             const struct mqtt_unsubscribe *unsubscribe, microseconds now) {
    struct mqtt_bytes filters = unsubscribe->filters, filter;
    struct noticed_filters *all = noticed->filters;
    while (all != NULL && mqtt_next_filter(&filters, &filter, NULL)) {
        struct watched_filter *watched = find_filter(all, filter);
        if (watched == NULL)
            continue;
        judge_filter(notices, noticed, watched, now);
        all->unused -= watched->state == GRANTED;
        *watched = all->all[--all->count];
    }
}

/* A message for the client. One without topic has an alias, which may be that of any. */
static void use_filters(struct noticed *noticed, struct mqtt_bytes topic) {
    struct noticed_filters *filters = noticed->filters;
    if (filters == NULL || filters->unused == 0)
        return;
    for (size_t i = 0; i < filters->count; i++) {
        struct watched_filter *watched = &filters->all[i];
        if (watched->state != GRANTED || (topic.length > 0 && !mqtt_topic_matches(text_of(watched), topic)))
            continue;
        watched->state = USED;
        filters->unused--;
    }
}

/* ---- Packets
 * ----------------------------------------------------------------------------------------------------------- */

static void take_publish(struct notices *notices, struct noticed *noticed, enum mqtt_side side,
                         const struct mqtt_packet *packet, microseconds now) {
    uint8_t qos = mqtt_publish_qos(packet->flags);
    if (packet->flags & MQTT_PUBLISH_RETAIN)
        count_retained(notices, noticed, side, now);
    if (side == MQTT_SERVER)
        use_filters(noticed, packet->publish.topic);
    if (qos > 0 && (packet->flags & MQTT_PUBLISH_DUP) == 0)
        publish_in_flight(notices, noticed, side);
    if (qos == 2)
        exchange_goes_on(noticed, side, packet->publish.packet_identifier, now, true);
}

static enum mqtt_side other(enum mqtt_side side) {
    return side == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT;
}

static void take_acknowledgement(struct noticed *noticed, enum mqtt_side side, const struct mqtt_packet *packet,
                                 microseconds now) {
    const struct mqtt_acknowledgement *taken = &packet->acknowledgement;
    enum mqtt_side publisher = packet->type == MQTT_PUBREL ? side : other(side);
    if (packet->type == MQTT_PUBACK)
        acknowledged(noticed, publisher);
    else if (packet->type == MQTT_PUBCOMP || taken->reason_code >= MQTT_REASON_FAILURE)
        exchange_ends(noticed, publisher, taken->packet_identifier);
    else
        exchange_goes_on(noticed, publisher, taken->packet_identifier, now, packet->type == MQTT_PUBREL);
}

void noticed_packet(struct notices *notices, struct noticed *noticed, enum mqtt_side side,
                    const struct mqtt_packet *packet, microseconds now) {
    if (side == MQTT_CLIENT)
        client_speaks(notices, noticed, packet->type, now);
    switch (packet->type) {
    case MQTT_CONNECT:
        take_connect(notices, noticed, &packet->connect, now);
        break;
    case MQTT_CONNACK:
        take_connack(notices, noticed, &packet->connack);
        break;
    case MQTT_PUBLISH:
        take_publish(notices, noticed, side, packet, now);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        take_acknowledgement(noticed, side, packet, now);
        break;
    case MQTT_SUBSCRIBE:
        take_subscribe(noticed, &packet->subscribe);
        break;
    case MQTT_SUBACK:
        take_suback(noticed, &packet->suback, now);
        break;
    case MQTT_UNSUBSCRIBE:
        take_unsubscribe(notices, noticed, &packet->unsubscribe, now);
        break;
    case MQTT_DISCONNECT:
        noticed->over = true;
        client_leaves(notices, noticed);
        break;
    default:
        break;
    }
}

/* ---- Life
 * ---------------------------------------------------------------------------------------------------------------- */

void notices_begin(struct notices *notices, notice_teller *tell_notice, void *context) {
    *notices = (struct notices){.tell = tell_notice, .context = context};
}

void notices_end(struct notices *notices) {
    free(notices->clients);
    notices->clients = NULL;
}

void noticed_begin(struct noticed *noticed, const char *server, void *owner, microseconds now) {
    memset(noticed, 0, sizeof *noticed);
    noticed->owner = owner;
    noticed->server = number_of(0, mqtt_text(server));
    noticed->client_spoke = now;
}

void noticed_gap(struct noticed *noticed, enum mqtt_side side, microseconds now) {
    noticed->exchange_count = 0;
    memset(noticed->in_flight, 0, sizeof noticed->in_flight);
    if (side == MQTT_SERVER)
        use_filters(noticed, (struct mqtt_bytes){NULL, 0});
    noticed->pinged |= side == MQTT_CLIENT; /* perhaps */
    noticed->client_spoke = now;
}

void noticed_half_closed(struct notices *notices, struct noticed *noticed, microseconds now) {
    judge_silence(notices, noticed, now);
    noticed->over = true;
    client_leaves(notices, noticed);
}

void noticed_end(struct notices *notices, struct noticed *noticed, microseconds now) {
    judge_exchanges(notices, noticed, now);
    for (size_t i = 0; noticed->filters != NULL && i < noticed->filters->count; i++)
        judge_filter(notices, noticed, &noticed->filters->all[i], now);
    client_leaves(notices, noticed);
    free(noticed->filters);
    noticed->filters = NULL;
}
