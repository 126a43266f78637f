/* Plans out of what the clients of a capture did. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/plan.h"
#include "pcaps/replay.h"

#define LONGEST_WAITS   12000u /* milliseconds: what waits longer is not worth its time */
#define WAIT_AT_LEAST   20000u /* microseconds between two steps that are a wait, not chance */
#define ENOUGH_STEPS    40u    /* a capture is cut where nobody is connected and this much has been done */
#define MOST_UNANSWERED 32u

/* ---- Links ------------------------------------------------------------------------------------------------- */

struct import_link {
    bool used;
    size_t connection; /* in the recording */
    struct unanswered {
        enum mqtt_type answer;
        uint16_t packet_identifier;
    } unanswered[MOST_UNANSWERED];
    unsigned count;
};

struct import {
    struct plan_list *list;
    const struct recording *recording;
    struct plan plan;
    struct import_link links[PLAN_LINKS];
    bool spoiled;    /* something of this plan found no room */
    size_t sent_on;  /* the connection that sent last, with nothing between; or NOBODY */
    microseconds at; /* when the step before was done */
};
#define NOBODY SIZE_MAX

/* PLAN_LINKS where there is none. */
static uint8_t link_of(const struct import *import, size_t connection) {
    uint8_t link = 0;
    while (link < PLAN_LINKS && (!import->links[link].used || import->links[link].connection != connection))
        link++;
    return link;
}

static void open_link(struct import *import, size_t connection) {
    uint8_t link = 0;
    while (link < PLAN_LINKS && import->links[link].used)
        link++;
    if (link == PLAN_LINKS || !plan_open(&import->plan, link)) {
        import->spoiled = true;
        return;
    }
    import->links[link] = (struct import_link){.used = true, .connection = connection};
}

/* ---- Packets ------------------------------------------------------------------------------------------------ */

static void note_received(struct import_link *link, const struct step *step) {
    const struct mqtt_packet *packet = &step->packet;
    enum mqtt_type answer = MQTT_RESERVED;
    uint16_t identifier = 0;
    if (!step->decoded || link->count == MOST_UNANSWERED)
        return;
    if (packet->type == MQTT_PUBLISH && mqtt_publish_qos(packet->flags) > 0) {
        answer = mqtt_publish_qos(packet->flags) == 1 ? MQTT_PUBACK : MQTT_PUBREC;
        identifier = packet->publish.packet_identifier;
    } else if (packet->type == MQTT_PUBREL) {
        answer = MQTT_PUBCOMP;
        identifier = packet->acknowledgement.packet_identifier;
    } else if (packet->type == MQTT_PUBREC && packet->acknowledgement.reason_code < MQTT_REASON_FAILURE) {
        answer = MQTT_PUBREL;
        identifier = packet->acknowledgement.packet_identifier;
    }
    if (answer != MQTT_RESERVED)
        link->unanswered[link->count++] = (struct unanswered){answer, identifier};
}

/* The place of what this packet answers; `count` where it answers nothing. */
static unsigned answered(const struct import_link *link, const struct step *step) {
    unsigned which = 0;
    if (!step->decoded || step->packet.type < MQTT_PUBACK || step->packet.type > MQTT_PUBCOMP)
        return link->count;
    while (which < link->count &&
           (link->unanswered[which].answer != step->packet.type ||
            link->unanswered[which].packet_identifier != step->packet.acknowledgement.packet_identifier))
        which++;
    return which;
}

static bool add_answer(struct import *import, uint8_t place, unsigned which, const struct step *step) {
    struct import_link *link = &import->links[place];
    link->count--;
    memmove(&link->unanswered[which], &link->unanswered[which + 1], (link->count - which) * sizeof link->unanswered[0]);
    return plan_answer(&import->plan, place, (uint8_t)which, step->packet.acknowledgement.reason_code);
}

/* What a client sends at once is one step. */
static bool add_bytes(struct import *import, uint8_t place, const struct step *step) {
    struct plan *plan = &import->plan;
    struct mqtt_bytes bytes = {step->bytes, step->length};
    if (import->sent_on != step->connection || plan->count == 0)
        return plan_send(plan, place, bytes);
    struct plan_step *last = &plan->steps[plan->count - 1];
    uint32_t before = last->length;
    if (last->kind != PLAN_SEND || last->link != place)
        return plan_send(plan, place, bytes);
    if (!plan_send(plan, place, bytes)) /* its bytes stand behind those of the last one */
        return false;
    plan->count--;
    plan->steps[plan->count - 1].length = before + bytes.length;
    return true;
}

static void add_sent(struct import *import, const struct step *step) {
    uint8_t place = link_of(import, step->connection);
    if (place == PLAN_LINKS)
        return;
    unsigned which = answered(&import->links[place], step);
    bool added =
        which < import->links[place].count ? add_answer(import, place, which, step) : add_bytes(import, place, step);
    import->spoiled = import->spoiled || !added;
    import->sent_on = step->connection;
}

/* ---- A recording -------------------------------------------------------------------------------------------- */

static void add_wait(struct import *import, const struct step *step) {
    microseconds passed = step->time - import->at;
    if (import->plan.count > 0 && passed >= WAIT_AT_LEAST) {
        microseconds milliseconds = (passed + 999) / 1000;
        uint32_t wait = milliseconds < PLAN_LONGEST ? (uint32_t)milliseconds : PLAN_LONGEST;
        import->spoiled = !plan_wait(&import->plan, wait) || import->spoiled;
        import->sent_on = NOBODY;
    }
    import->at = step->time;
}

static void take_step(struct import *import, const struct step *step) {
    uint8_t place = link_of(import, step->connection);
    if (step->kind == STEP_OPEN)
        open_link(import, step->connection);
    else if (step->kind == STEP_SEND)
        add_sent(import, step);
    else if (place < PLAN_LINKS && step->kind == STEP_RECEIVE)
        note_received(&import->links[place], step);
    else if (place < PLAN_LINKS && step->kind == STEP_CLOSE && !plan_close(&import->plan, place))
        import->spoiled = true;
    if (step->kind != STEP_SEND)
        import->sent_on = NOBODY;
    if (place < PLAN_LINKS && (step->kind == STEP_CLOSE || step->kind == STEP_CLOSED))
        import->links[place].used = false;
}

/* The plan is done, and a new one begins. */
static bool hand_over(struct import *import) {
    bool wanted = !import->spoiled && import->plan.count > 1 && plan_waits(&import->plan) <= LONGEST_WAITS;
    bool added = !wanted || plan_list_add(import->list, &import->plan);
    plan_clear(&import->plan);
    memset(import->links, 0, sizeof import->links);
    import->spoiled = false;
    import->sent_on = NOBODY;
    return added;
}

static bool nobody_is_connected(const struct import *import) {
    for (unsigned i = 0; i < PLAN_LINKS; i++)
        if (import->links[i].used)
            return false;
    return true;
}

/* False where there is no memory. */
static bool import_recording(struct plan_list *list, const struct recording *recording, bool is_whole) {
    struct import import = {.list = list, .recording = recording, .sent_on = NOBODY};
    bool added = true;
    for (size_t i = 0; i < recording->step_count && added; i++) {
        const struct step *step = &recording->steps[i];
        add_wait(&import, step);
        take_step(&import, step);
        bool is_long = import.spoiled || (import.plan.count >= ENOUGH_STEPS && nobody_is_connected(&import));
        if (!is_whole && is_long) {
            import.spoiled = import.spoiled && import.plan.count < PLAN_STEPS; /* what is full is good so far */
            added = hand_over(&import);
        }
    }
    added = added && hand_over(&import);
    plan_release(&import.plan);
    return added;
}

/* ---- Captures ----------------------------------------------------------------------------------------------- */

static bool import_capture(struct plan_list *list, const char *path, const struct replay_names *names, bool is_whole,
                           char *reason, size_t reason_size) {
    struct recording recording;
    const struct capture_source source = {.path = path};
    bool good = recording_read(&recording, &source, names, reason, reason_size);
    if (good && !import_recording(list, &recording, is_whole)) {
        snprintf(reason, reason_size, "no memory for all of it");
        good = false;
    }
    recording_free(&recording);
    return good;
}

bool plan_list_capture(struct plan_list *list, const char *path, char *reason, size_t reason_size) {
    const struct replay_names names = {PLAN_NAME, PLAN_NAME "/"};
    return import_capture(list, path, &names, false, reason, reason_size);
}

bool plan_list_own_capture(struct plan_list *list, const char *path, char *reason, size_t reason_size) {
    const struct replay_names names = {NULL, NULL};
    return import_capture(list, path, &names, true, reason, reason_size);
}
