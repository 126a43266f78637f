/* Plans: made, copied, written and read. */
#include "fuzz/plan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void plan_release(struct plan *plan) {
    free(plan->bytes);
    memset(plan, 0, sizeof *plan);
}

void plan_clear(struct plan *plan) {
    plan->count = 0;
    plan->length = 0;
}

/* ---- Steps ------------------------------------------------------------------------------------------------- */

static bool add_step(struct plan *plan, const struct plan_step *step) {
    if (plan->count == PLAN_STEPS || step->link >= PLAN_LINKS)
        return false;
    plan->steps[plan->count++] = *step;
    return true;
}

static bool make_room(struct plan *plan, uint32_t length) {
    if (length > PLAN_BYTES - plan->length)
        return false;
    uint32_t needed = plan->length + length;
    if (needed <= plan->capacity)
        return true;
    uint32_t capacity = needed < 512 ? 1024 : needed * 2;
    uint8_t *bytes = realloc(plan->bytes, capacity);
    if (bytes == NULL)
        return false;
    plan->bytes = bytes;
    plan->capacity = capacity;
    return true;
}

bool plan_open(struct plan *plan, uint8_t link) {
    return add_step(plan, &(struct plan_step){.kind = PLAN_OPEN, .link = link});
}

bool plan_send(struct plan *plan, uint8_t link, struct mqtt_bytes bytes) {
    struct plan_step step = {.kind = PLAN_SEND, .link = link, .offset = plan->length, .length = bytes.length};
    if (!make_room(plan, bytes.length) || !add_step(plan, &step))
        return false;
    if (bytes.length > 0)
        memcpy(plan->bytes + plan->length, bytes.data, bytes.length);
    plan->length += bytes.length;
    return true;
}

bool plan_answer(struct plan *plan, uint8_t link, uint8_t which, uint8_t reason) {
    return add_step(plan, &(struct plan_step){.kind = PLAN_ANSWER, .link = link, .which = which, .reason = reason});
}

bool plan_close(struct plan *plan, uint8_t link) {
    return add_step(plan, &(struct plan_step){.kind = PLAN_CLOSE, .link = link});
}

bool plan_wait(struct plan *plan, uint32_t milliseconds) {
    uint32_t wait = milliseconds < PLAN_LONGEST ? milliseconds : PLAN_LONGEST;
    return add_step(plan, &(struct plan_step){.kind = PLAN_WAIT, .milliseconds = wait});
}

bool plan_take(struct plan *plan, const struct plan *from, unsigned step) {
    const struct plan_step *taken = &from->steps[step];
    if (taken->kind == PLAN_SEND)
        return plan_send(plan, taken->link, plan_bytes(from, taken));
    return add_step(plan, taken);
}

bool plan_copy(struct plan *plan, const struct plan *from) {
    return plan_copy_without(plan, from, 0, 0);
}

bool plan_copy_without(struct plan *plan, const struct plan *from, unsigned first, unsigned count) {
    bool all = true;
    plan_clear(plan);
    for (unsigned i = 0; i < from->count; i++)
        if (i < first || i - first >= count)
            all = plan_take(plan, from, i) && all;
    return all;
}

void plan_rename(uint8_t *bytes, uint32_t length, const char *from, const char *to) {
    uint8_t *end = bytes + length;
    for (uint8_t *at = bytes; length > 0 && (at = memmem(at, (size_t)(end - at), from, PLAN_NAME_LENGTH)) != NULL;
         at += PLAN_NAME_LENGTH)
        memcpy(at, to, PLAN_NAME_LENGTH);
}

/* ---- What a plan does -------------------------------------------------------------------------------------- */

uint64_t plan_waits(const struct plan *plan) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < plan->count; i++)
        sum += plan->steps[i].kind == PLAN_WAIT ? plan->steps[i].milliseconds : 0;
    return sum;
}

static bool is_own(struct mqtt_bytes text) {
    return memmem(text.data, text.length, PLAN_NAME, PLAN_NAME_LENGTH) != NULL;
}

static bool filters_are_own(struct mqtt_bytes filters) {
    struct mqtt_bytes filter;
    uint8_t options;
    while (mqtt_next_filter(&filters, &filter, &options))
        if (!is_own(filter))
            return false;
    return true;
}

/* A message that lives for no second at all may be delivered or not. */
static bool lives(const struct mqtt_publish *publish) {
    return mqtt_property_number(publish->properties, MQTT_MESSAGE_EXPIRY_INTERVAL, 1) > 0;
}

static bool packet_keeps_to_itself(const struct mqtt_packet *packet, bool is_changed) {
    const struct mqtt_connect *connect = &packet->connect;
    if (packet->type == MQTT_PUBLISH)
        return lives(&packet->publish) && (packet->publish.topic.length == 0 || is_own(packet->publish.topic));
    if (packet->type == MQTT_SUBSCRIBE)
        return !is_changed || filters_are_own(packet->subscribe.filters);
    if (packet->type != MQTT_CONNECT || connect->client_identifier.data == NULL)
        return true;
    return (connect->client_identifier.length == 0 || is_own(connect->client_identifier)) &&
           (connect->will_topic.data == NULL || is_own(connect->will_topic));
}

bool plan_keeps_to_itself(const struct plan *plan, bool is_changed) {
    struct spec_rules rules;
    memset(&rules, 0, sizeof rules);
    struct mqtt_decoder decoders[PLAN_LINKS];
    for (unsigned i = 0; i < PLAN_LINKS; i++)
        decoders[i] = (struct mqtt_decoder){.sender = MQTT_CLIENT, .rules = &rules};
    for (unsigned i = 0; i < plan->count; i++) {
        const struct plan_step *step = &plan->steps[i];
        struct mqtt_decoder *decoder = &decoders[step->link];
        struct mqtt_packet packet;
        struct mqtt_error error;
        uint32_t size;
        if (step->kind == PLAN_OPEN)
            decoder->version = MQTT_VERSION_UNKNOWN;
        if (step->kind != PLAN_SEND)
            continue;
        struct mqtt_bytes bytes = plan_bytes(plan, step);
        while (mqtt_next(decoder, bytes, &packet, &size, &error) == MQTT_OK) {
            if (packet.type == MQTT_CONNECT && packet.connect.client_identifier.data != NULL)
                decoder->version = (enum mqtt_version)packet.connect.protocol_level;
            if (!packet_keeps_to_itself(&packet, is_changed))
                return false;
            bytes = (struct mqtt_bytes){bytes.data + size, bytes.length - size};
        }
    }
    return true;
}

/* ---- As text ----------------------------------------------------------------------------------------------- */

static void write_bytes(struct mqtt_bytes bytes, FILE *file) {
    for (uint32_t i = 0; i < bytes.length; i++)
        fprintf(file, " %02x", bytes.data[i]);
}

void plan_write(const struct plan *plan, FILE *file) {
    for (unsigned i = 0; i < plan->count; i++) {
        const struct plan_step *step = &plan->steps[i];
        switch (step->kind) {
        case PLAN_OPEN:
            fprintf(file, "%u open", step->link);
            break;
        case PLAN_SEND:
            fprintf(file, "%u send", step->link);
            write_bytes(plan_bytes(plan, step), file);
            break;
        case PLAN_ANSWER:
            if (step->which == PLAN_ALL)
                fprintf(file, "%u answer all %u", step->link, step->reason);
            else
                fprintf(file, "%u answer %u %u", step->link, step->which, step->reason);
            break;
        case PLAN_CLOSE:
            fprintf(file, "%u close", step->link);
            break;
        default:
            fprintf(file, "wait %u", step->milliseconds);
            break;
        }
        fputc('\n', file);
    }
}

/* The next word of the line, cut out of it; NULL at its end. */
static char *next_word(char **line) {
    char *word = *line + strspn(*line, " \t\r\n");
    if (*word == '\0' || *word == '#')
        return NULL;
    char *end = word + strcspn(word, " \t\r\n");
    *line = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

static bool read_number(char **line, int base, unsigned long most, unsigned long *number) {
    char *word = next_word(line), *end;
    if (word == NULL || !isxdigit((unsigned char)*word))
        return false;
    *number = strtoul(word, &end, base);
    return *end == '\0' && *number <= most;
}

static bool read_send(struct plan *plan, uint8_t link, char *line) {
    unsigned long number;
    if (!plan_send(plan, link, (struct mqtt_bytes){NULL, 0}))
        return false;
    struct plan_step *step = &plan->steps[plan->count - 1];
    while (*(line += strspn(line, " \t\r\n")) != '\0' && *line != '#') {
        if (!read_number(&line, 16, 255, &number) || !make_room(plan, 1))
            return false;
        plan->bytes[plan->length++] = (uint8_t)number;
        step->length++;
    }
    return true;
}

static bool read_answer(struct plan *plan, uint8_t link, char *line) {
    char *all = line + strspn(line, " \t");
    unsigned long which = PLAN_ALL, reason;
    if (strncmp(all, "all", 3) == 0)
        line = all + 3;
    else if (!read_number(&line, 10, PLAN_ALL - 1, &which))
        return false;
    return read_number(&line, 10, 255, &reason) && next_word(&line) == NULL &&
           plan_answer(plan, link, (uint8_t)which, (uint8_t)reason);
}

static bool read_line(struct plan *plan, char *line) {
    unsigned long number;
    char *start = line + strspn(line, " \t\r\n");
    if (*start == '\0' || *start == '#')
        return true;
    if (strncmp(start, "wait", 4) == 0) {
        line = start + 4;
        return read_number(&line, 10, PLAN_LONGEST, &number) && next_word(&line) == NULL &&
               plan_wait(plan, (uint32_t)number);
    }
    if (!read_number(&line, 10, PLAN_LINKS - 1, &number))
        return false;
    uint8_t link = (uint8_t)number;
    const char *word = next_word(&line);
    if (word == NULL)
        return false;
    if (strcmp(word, "send") == 0)
        return read_send(plan, link, line);
    if (strcmp(word, "answer") == 0)
        return read_answer(plan, link, line);
    if (next_word(&line) != NULL)
        return false;
    return strcmp(word, "open") == 0    ? plan_open(plan, link)
           : strcmp(word, "close") == 0 ? plan_close(plan, link)
                                        : false;
}

bool plan_read(struct plan *plan, FILE *file, unsigned *line) {
    char *text = NULL;
    size_t capacity = 0;
    bool good = true;
    plan_clear(plan);
    for (*line = 0; good && getline(&text, &capacity, file) >= 0;) {
        ++*line;
        good = read_line(plan, text);
    }
    free(text);
    return good && !ferror(file);
}

/* ---- Lists ------------------------------------------------------------------------------------------------- */

bool plan_list_add(struct plan_list *list, const struct plan *plan) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        struct plan *plans = realloc(list->plans, capacity * sizeof *plans);
        if (plans == NULL)
            return false;
        list->plans = plans;
        list->capacity = capacity;
    }
    struct plan *added = &list->plans[list->count];
    memset(added, 0, sizeof *added);
    if (!plan_copy(added, plan)) {
        plan_release(added);
        return false;
    }
    list->count++;
    return true;
}

void plan_list_release(struct plan_list *list) {
    for (size_t i = 0; i < list->count; i++)
        plan_release(&list->plans[i]);
    free(list->plans);
    memset(list, 0, sizeof *list);
}
