/* Names what a conversation shows. */
#include "fuzz/judge.h"

#include <ctype.h>
#include <string.h>

#define LINE_SIZE 160u

const char *outcome_name(enum outcome_kind kind) {
    static const char *const names[] = {"held", "difference", "breach", "hang", "memory", "crash", "unreachable"};
    return names[kind];
}

/* ---- What differs ------------------------------------------------------------------------------------------ */

/* What came and is not expected, and what is expected and did not come; each the first of the step, or NULL. */
struct left_over {
    const struct script_item *came, *missing;
};

static struct left_over find_left_over(struct match *match, const struct talk *talk) {
    struct left_over left = {NULL, NULL};
    match_begin(match, &talk->expected);
    for (uint32_t i = 0; i < talk->observed.count; i++) {
        const struct script_item *item = &talk->observed.items[i];
        if (match_take(match, item->step, item) == SCRIPT_NONE && !match_may_come(match, item->step, item) &&
            left.came == NULL)
            left.came = item;
    }
    for (uint32_t i = 0; i < talk->expected.count && left.missing == NULL; i++) {
        const struct script_item *item = &talk->expected.items[i];
        bool is_brokers = item->kind == SCRIPT_RECEIVE || item->kind == SCRIPT_CLOSED;
        if (item->due == talk->step && is_brokers && !match->met[i])
            left.missing = item;
    }
    return left;
}

static void describe(const struct script *script, const struct script_item *item, char *line, size_t size) {
    if (item == NULL)
        snprintf(line, size, "nothing more");
    else if (item->kind == SCRIPT_CLOSED)
        snprintf(line, size, "the end of the connection");
    else if (!item->decoded)
        snprintf(line, size, "%u bytes that are no packet", script_bytes(script, item).length);
    else
        mqtt_describe(item->version, &item->packet, line, size);
}

static const char *type_of(const struct script_item *item) {
    if (item == NULL)
        return "nothing";
    if (item->kind == SCRIPT_CLOSED)
        return "close";
    return item->decoded ? mqtt_type_name(item->packet.type) : "bytes";
}

/* The packet that the client sent last before that, for people and for the key. */
static const char *provocation(const struct talk *talk) {
    const char *type = "time";
    for (uint32_t i = 0; i < talk->expected.count; i++) {
        const struct script_item *item = &talk->expected.items[i];
        if (item->step > talk->step)
            break;
        if (item->kind == SCRIPT_SEND && item->step == talk->step)
            return mqtt_type_name((enum mqtt_type)(script_bytes(&talk->expected, item).data[0] >> 4));
        if (item->kind == SCRIPT_CLOSE && item->step == talk->step)
            type = "close";
    }
    return type;
}

/* ---- What is open ------------------------------------------------------------------------------------------ */

static bool refuses(const struct script_item *item) {
    const struct mqtt_packet *packet = &item->packet;
    if (packet->type == MQTT_PUBACK || packet->type == MQTT_PUBREC)
        return packet->acknowledgement.reason_code >= MQTT_REASON_FAILURE;
    if (packet->type != MQTT_SUBACK)
        return packet->type == MQTT_CONNACK && packet->connack.code != 0;
    for (uint32_t i = 0; i < packet->suback.codes.length; i++)
        if (packet->suback.codes.data[i] >= MQTT_REASON_FAILURE)
            return true;
    return false;
}

/* Less QoS than was asked for may be granted. */
static bool grants_less(const struct script_item *came, const struct script_item *missing) {
    if (came->packet.type != MQTT_SUBACK || missing->packet.type != MQTT_SUBACK ||
        came->packet.suback.codes.length != missing->packet.suback.codes.length)
        return false;
    for (uint32_t i = 0; i < came->packet.suback.codes.length; i++)
        if (came->packet.suback.codes.data[i] > missing->packet.suback.codes.data[i])
            return false;
    return true;
}

/* A copy for each subscription that matches: 3.3.5-1, 5.0: 3.3.4. */
static bool is_another_copy(const struct talk *talk, const struct script_item *came) {
    if (came->packet.type != MQTT_PUBLISH)
        return false;
    for (uint32_t i = 0; i < talk->expected.count; i++) {
        const struct script_item *item = &talk->expected.items[i];
        if (item->kind == SCRIPT_RECEIVE && item->decoded && item->link == came->link && item->step == came->step &&
            item->packet.type == MQTT_PUBLISH && mqtt_equal(item->packet.publish.topic, came->packet.publish.topic) &&
            mqtt_equal(item->packet.publish.payload, came->packet.publish.payload))
            return true;
    }
    return false;
}

/* A message of QoS 2 that its receiver has to answer before it was released: it may come later, and then all that
 * follows does. */
static bool is_method_a(const struct talk *talk, const struct left_over *left) {
    const struct script_item *missing = left->missing;
    if (left->came != NULL || missing == NULL || missing->kind != SCRIPT_RECEIVE || !missing->decoded ||
        missing->packet.type != MQTT_PUBLISH)
        return false;
    for (uint32_t i = 0; i < talk->expected.count; i++) {
        const struct script_item *item = &talk->expected.items[i];
        if (item->step == missing->step && item->kind == SCRIPT_SEND && item->length > 0 &&
            (script_bytes(&talk->expected, item).data[0] & 0xF6) == 0x34)
            return true;
    }
    return false;
}

/* What the standard lets a Server do in its own way, where no statement explains the difference. */
static bool is_open(const struct talk *talk, const struct left_over *left) {
    const struct script_item *came = left->came, *missing = left->missing;
    if (is_method_a(talk, left))
        return true;
    if (came == NULL || came->kind != SCRIPT_RECEIVE || !came->decoded)
        return false;
    if (refuses(came) || is_another_copy(talk, came))
        return true;
    return missing != NULL && missing->kind == SCRIPT_RECEIVE && missing->decoded && grants_less(came, missing);
}

/* ---- Which statement --------------------------------------------------------------------------------------- */

struct candidate {
    enum spec_statement statement;
    uint64_t rank; /* the smaller the likelier */
};

static void add_candidate(struct outcome *outcome, struct candidate *candidates, struct candidate added) {
    unsigned at = outcome->statement_count;
    if (at == OUTCOME_STATEMENTS && candidates[at - 1].rank <= added.rank)
        return;
    if (at == OUTCOME_STATEMENTS)
        at--;
    else
        outcome->statement_count++;
    for (; at > 0 && candidates[at - 1].rank > added.rank; at--)
        candidates[at] = candidates[at - 1];
    candidates[at] = added;
}

static bool monitor_says(const struct talk *talk, enum spec_statement statement) {
    for (unsigned i = 0; i < talk->breach_count; i++)
        if (talk->breaches[i].statement == statement)
            return true;
    return false;
}

/* Why the reference broker closes a connection in the step that differs. */
static enum spec_statement reference_says(const struct talk *talk) {
    for (uint32_t i = 0; i < talk->expected.count; i++)
        if (talk->expected.items[i].step == talk->step && talk->expected.items[i].kind == SCRIPT_CLOSED)
            return talk->expected.items[i].statement;
    return SPEC_NONE;
}

/* What monitor and reference broker name comes first; then what is reached least, and so says most. */
static uint64_t rank_of(const struct talk *talk, enum spec_statement statement, uint64_t reached) {
    if (statement == reference_says(talk))
        return 0;
    return monitor_says(talk, statement) ? 1 : 2 + reached;
}

/* Switches off one statement after the other that the conversation reaches, and looks whether the reference broker then
 * does what the target did. */
static void find_statements(struct judge *judge, const struct talk *talk, struct outcome *outcome) {
    struct candidate candidates[OUTCOME_STATEMENTS];
    uint64_t reached[SPEC_COUNT];
    const struct broker_settings *settings = &talk->target->settings;
    if (!script_rehearse(&judge->script, &judge->memory, &talk->plan, settings, SPEC_NONE, reached))
        return;
    for (enum spec_statement statement = 1; statement < SPEC_COUNT; statement++) {
        if (reached[statement] == 0 || !spec_can_deviate(spec_row(statement)))
            continue;
        if (!script_rehearse(&judge->script, &judge->memory, &talk->plan, settings, statement, NULL))
            continue;
        if (match_whole(&judge->match, &judge->script, &talk->observed, talk->step))
            add_candidate(outcome, candidates,
                          (struct candidate){statement, rank_of(talk, statement, reached[statement])});
    }
    for (unsigned i = 0; i < outcome->statement_count; i++)
        outcome->statements[i] = candidates[i].statement;
}

static void add_breaches(const struct talk *talk, struct outcome *outcome) {
    for (unsigned i = 0; i < talk->breach_count && outcome->statement_count < OUTCOME_STATEMENTS; i++) {
        enum spec_statement statement = talk->breaches[i].statement;
        bool known = statement == SPEC_NONE;
        for (unsigned k = 0; k < outcome->statement_count; k++)
            known = known || outcome->statements[k] == statement;
        if (!known)
            outcome->statements[outcome->statement_count++] = statement;
    }
}

/* ---- The outcome ------------------------------------------------------------------------------------------- */

/* What a file may be called. */
static void make_key(struct outcome *outcome, const char *first, const char *second, const char *third) {
    snprintf(outcome->key, sizeof outcome->key, "%s-%s%s%s%s%s", outcome_name(outcome->kind), first,
             second[0] != '\0' ? "-" : "", second, third[0] != '\0' ? "-" : "", third);
    for (char *at = outcome->key; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && *at != '.' && *at != '-')
            *at = '_';
}

static void tell_difference(const struct talk *talk, const struct left_over *left, char *what, size_t size) {
    char came[LINE_SIZE], missing[LINE_SIZE];
    describe(&talk->observed, left->came, came, sizeof came);
    describe(&talk->expected, left->missing, missing, sizeof missing);
    if (left->came == NULL)
        snprintf(what, size, "after %s the reference broker sends %s; the target does not", provocation(talk), missing);
    else
        snprintf(what, size, "after %s the target sends %s; the reference broker sends %s", provocation(talk), came,
                 missing);
}

static void judge_breach(const struct talk *talk, const struct left_over *left, struct outcome *outcome) {
    outcome->kind = OUTCOME_BREACH;
    if (talk->breach_count > 0) {
        outcome->step = talk->breaches[0].step;
        snprintf(outcome->what, sizeof outcome->what, "%s", talk->breaches[0].what);
    } else {
        tell_difference(talk, left, outcome->what, sizeof outcome->what);
    }
    if (outcome->statement_count > 0)
        make_key(outcome, spec_name(outcome->statements[0]), "", "");
    else
        make_key(outcome, outcome->what, "", "");
}

void judge_talk(struct judge *judge, struct talk *talk, struct outcome *outcome) {
    *outcome = (struct outcome){.kind = OUTCOME_HELD, .step = talk->step};
    if (talk->verdict == TALK_UNREACHABLE)
        outcome->kind = OUTCOME_UNREACHABLE;
    if (talk->verdict != TALK_DIFFERS && talk->breach_count == 0) {
        talk_unname(talk);
        return;
    }
    struct left_over left = {NULL, NULL};
    if (talk->verdict == TALK_DIFFERS) {
        left = find_left_over(&judge->match, talk);
        if (!is_method_a(talk, &left))
            find_statements(judge, talk, outcome);
    }
    talk_unname(talk);
    add_breaches(talk, outcome);
    if (outcome->statement_count > 0 || talk->breach_count > 0) {
        judge_breach(talk, &left, outcome);
        return;
    }
    if (is_open(talk, &left))
        return;
    outcome->kind = OUTCOME_DIFFERENCE;
    tell_difference(talk, &left, outcome->what, sizeof outcome->what);
    make_key(outcome, provocation(talk), type_of(left.missing), type_of(left.came));
}

void judge_release(struct judge *judge) {
    fuzz_memory_end(&judge->memory);
    script_release(&judge->script);
}
