#include "pcaps/proxy_fault.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAXIMUM_WORDS = 24, WORD_CAPACITY = 160 };

#define LONGEST_DELAY (3600 * MICROSECONDS_PER_SECOND)

/* The fault as words, of which the first ones have been read. */
struct reading {
    struct fault *fault;
    char words[MAXIMUM_WORDS][WORD_CAPACITY];
    size_t count;
    size_t next;
    bool has_delay;
    char *reason;
    size_t reason_size;
};

static const char *peek(const struct reading *reading) {
    return reading->next < reading->count ? reading->words[reading->next] : "";
}

static bool refuse(const struct reading *reading, const char *what) {
    snprintf(reading->reason, reading->reason_size, "%s", what);
    return false;
}

/* Takes the words, separated by blanks, where they come next. */
static bool takes(struct reading *reading, const char *words) {
    size_t at = reading->next;
    while (*words != '\0') {
        size_t length = strcspn(words, " ");
        if (at >= reading->count || strlen(reading->words[at]) != length ||
            strncasecmp(reading->words[at], words, length) != 0)
            return false;
        at++;
        words += length + strspn(words + length, " ");
    }
    reading->next = at;
    return true;
}

/* ---- Values ------------------------------------------------------------------------------------------------------ */

/* A number that is neither negative nor endless, with what stands behind it. False where there is none. */
static bool read_number(const char *text, double *number, const char **unit) {
    char *end;
    if (strchr("0123456789.", text[0]) == NULL || text[0] == '\0' || text[1] == 'x' || text[1] == 'X')
        return false;
    *number = strtod(text, &end);
    *unit = end;
    return end != text && isfinite(*number);
}

static bool read_whole(const char *text, uint32_t *number) {
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || errno != 0 || value == 0 || value > UINT32_MAX)
        return false;
    *number = (uint32_t)value;
    return true;
}

static bool read_delay(struct reading *reading) {
    static const struct {
        const char *unit;
        double microseconds;
    } units[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}};
    double number;
    const char *unit;
    if (!read_number(peek(reading), &number, &unit))
        return refuse(reading, "behind the packet's type, delay needs a time, as in 'delay PUBACK 200ms'");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcasecmp(unit, units[i].unit) != 0)
            continue;
        if (number * units[i].microseconds > (double)LONGEST_DELAY)
            return refuse(reading, "the longest delay is an hour, 3600s");
        reading->fault->delay = (microseconds)(number * units[i].microseconds);
        reading->next++;
        return true;
    }
    return refuse(reading, "the unit of a delay is us, ms or s, as in 200ms or 1.5s");
}

static bool read_type(struct reading *reading, const char *name, size_t length) {
    for (int type = MQTT_CONNECT; type < MQTT_TYPE_COUNT; type++) {
        const char *known = mqtt_type_name((enum mqtt_type)type);
        if (strlen(known) != length || strncasecmp(known, name, length) != 0)
            continue;
        reading->fault->types |= 1u << type;
        return true;
    }
    snprintf(reading->reason, reading->reason_size,
             "there is no packet type '%.*s'; write CONNECT, PUBLISH, PUBACK, ..., AUTH, several with commas between "
             "them, or any",
             (int)length, name);
    return false;
}

static bool read_types(struct reading *reading) {
    const char *at = peek(reading);
    if (*at == '\0')
        return refuse(reading, "the packet's type is missing; write CONNECT, PUBLISH, ..., AUTH or any");
    if (takes(reading, "any")) {
        reading->fault->types = ~1u; /* all but the reserved one */
        return true;
    }
    for (;;) {
        size_t length = strcspn(at, ",");
        if (!read_type(reading, at, length))
            return false;
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    reading->next++;
    return true;
}

/* ---- What stands behind the type -----------------------------------------------------------------------------------
 */

static bool read_sender(struct reading *reading) {
    if (takes(reading, "client"))
        reading->fault->senders = 1u << MQTT_CLIENT;
    else if (takes(reading, "server"))
        reading->fault->senders = 1u << MQTT_SERVER;
    else
        return refuse(reading, "behind 'from' stands client or server");
    return true;
}

static bool read_every(struct reading *reading) {
    if (!read_whole(peek(reading), &reading->fault->every))
        return refuse(reading, "behind 'every' stands a number from 1 on, as in 'drop PUBACK every 3'");
    reading->next++;
    return true;
}

static bool read_chance(struct reading *reading) {
    double number;
    const char *unit;
    if (!read_number(peek(reading), &number, &unit) || strcmp(unit, "%") != 0 || number > 100)
        return refuse(reading, "behind 'chance' stands a number from 0% to 100%, as in 'drop PUBACK chance 5%'");
    reading->fault->chance = (uint32_t)(number * (FAULT_ALWAYS / 100));
    reading->next++;
    return true;
}

static bool read_times(struct reading *reading) {
    uint32_t number;
    if (!read_whole(peek(reading), &number))
        return refuse(reading, "behind 'times' stands a number from 1 on, as in 'duplicate PUBLISH times 2'");
    reading->fault->times = number;
    reading->next++;
    return true;
}

static const struct {
    const char *word;
    const char *value;
    bool (*read)(struct reading *reading);
    const char *help;
} conditions[] = {
    {"from", "client|server", read_sender, "who sends the packet; else either side"},
    {"every", "N", read_every, "each N-th such packet of the run; else each"},
    {"chance", "P%", read_chance, "with this probability, by --seed; else always"},
    {"times", "N", read_times, "N times at most; else without end"},
};

enum { CONDITIONS = sizeof conditions / sizeof conditions[0] };

/* ---- The whole ------------------------------------------------------------------------------------------------------
 */

/* `before` stands in front of the type and `behind` behind it, which may be nothing. */
static const struct {
    const char *before;
    const char *behind;
    const char *value; /* of a delay */
    const char *outcome;
    const char *help;
} actions[FAULT_ACTIONS] = {
    [FAULT_DROP] = {"drop", "", "", "dropped", "the packet does not arrive"},
    [FAULT_DELAY] = {"delay", "", "TIME", "delayed", "it arrives later by TIME (200ms, 1.5s), and all behind it waits"},
    [FAULT_DUPLICATE] = {"duplicate", "", "", "duplicated", "it arrives twice, byte for byte"},
    [FAULT_CUT_BEFORE] = {"cut before", "", "", "cut before it", "both connections break in front of it,"},
    [FAULT_CUT_AFTER] = {"cut after", "", "", "cut behind it", "behind it,"},
    [FAULT_CUT_MIDDLE] = {"cut", "in the middle", "", "cut in the middle", "or when half of it has arrived"},
};

static bool read_action(struct reading *reading) {
    for (int action = 0; action < FAULT_ACTIONS; action++) {
        if (!takes(reading, actions[action].before))
            continue;
        reading->fault->action = (enum fault_action)action;
        return true;
    }
    return refuse(reading, "it begins with none of drop, delay, duplicate, cut before, cut after, cut");
}

static bool read_conditions(struct reading *reading) {
    unsigned read = 0;
    while (reading->next < reading->count) {
        size_t i = 0;
        while (i < CONDITIONS && !takes(reading, conditions[i].word))
            i++;
        if (i == CONDITIONS) {
            snprintf(reading->reason, reading->reason_size,
                     "'%s' is not understood; behind the packet stand from, every, chance, times", peek(reading));
            return false;
        }
        if (read & 1u << i) {
            snprintf(reading->reason, reading->reason_size, "'%s' stands in it twice", conditions[i].word);
            return false;
        }
        read |= 1u << i;
        if (!conditions[i].read(reading))
            return false;
    }
    return true;
}

/* False where it has more or longer words than any fault. */
static bool split(struct reading *reading, const char *text) {
    static const char blanks[] = " \t\r\n";
    text += strspn(text, blanks);
    while (*text != '\0') {
        size_t length = strcspn(text, blanks);
        if (reading->count == MAXIMUM_WORDS || length >= WORD_CAPACITY)
            return refuse(reading, "it is too long for a fault");
        memcpy(reading->words[reading->count], text, length);
        reading->words[reading->count++][length] = '\0';
        text += length;
        text += strspn(text, blanks);
    }
    return true;
}

bool faults_add(struct faults *faults, const char *text, char *reason, size_t size) {
    struct fault fault = {.senders = 1u << MQTT_CLIENT | 1u << MQTT_SERVER,
                          .every = 1,
                          .chance = FAULT_ALWAYS,
                          .times = UINT64_MAX,
                          .text = text};
    struct reading reading = {.fault = &fault, .reason = reason, .reason_size = size};
    if (faults->count == MAXIMUM_FAULTS)
        return refuse(&reading, "there are too many faults; 32 is the most");
    if (!split(&reading, text) || !read_action(&reading) || !read_types(&reading))
        return false;
    if (fault.action == FAULT_DELAY && !read_delay(&reading))
        return false;
    if (!takes(&reading, actions[fault.action].behind))
        return refuse(&reading, "cut says where: 'cut before PUBLISH', 'cut after PUBLISH' or 'cut PUBLISH in the "
                                "middle'");
    if (!read_conditions(&reading))
        return false;
    faults->list[faults->count++] = fault;
    return true;
}

const char *fault_outcome(enum fault_action action) {
    return actions[action].outcome;
}

void faults_explain(FILE *file) {
    fputs("A fault is one of these, with a packet TYPE, several with commas between them, or any,\n", file);
    for (int action = 0; action < FAULT_ACTIONS; action++) {
        char form[64];
        snprintf(form, sizeof form, "%s TYPE %s%s", actions[action].before, actions[action].value,
                 actions[action].behind);
        fprintf(file, "  %-24s %s\n", form, actions[action].help);
    }
    fputs("and behind it, in any order,\n", file);
    for (size_t i = 0; i < CONDITIONS; i++) {
        char form[64];
        snprintf(form, sizeof form, "%s %s", conditions[i].word, conditions[i].value);
        fprintf(file, "  %-24s %s\n", form, conditions[i].help);
    }
    fputs("Of several, the first that strikes a packet is made.\n", file);
}

/* ---- Striking -------------------------------------------------------------------------------------------------------
 */

/* The generator "splitmix64": small, and good enough for dice. */
static uint64_t next_random(struct faults *faults) {
    uint64_t number = faults->random += UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

static bool strikes(struct faults *faults, struct fault *fault) {
    fault->met++;
    if (fault->met % fault->every != 0 || fault->made == fault->times)
        return false;
    if (fault->chance < FAULT_ALWAYS && next_random(faults) % FAULT_ALWAYS >= fault->chance)
        return false;
    fault->made++;
    return true;
}

const struct fault *faults_strike(struct faults *faults, enum mqtt_side sender, enum mqtt_type type) {
    for (size_t i = 0; i < faults->count; i++) {
        struct fault *fault = &faults->list[i];
        if ((fault->types >> type & 1u) != 0 && (fault->senders >> sender & 1u) != 0 && strikes(faults, fault))
            return fault;
    }
    return NULL;
}

bool faults_depend_on_seed(const struct faults *faults) {
    for (size_t i = 0; i < faults->count; i++)
        if (faults->list[i].chance < FAULT_ALWAYS)
            return true;
    return false;
}
