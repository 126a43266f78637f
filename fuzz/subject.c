/* Starts and watches the broker under test. */
#include "fuzz/subject.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_TIME     (10 * MICROSECONDS_PER_SECOND)
#define START_INTERVAL (MICROSECONDS_PER_SECOND / 50)
#define END_TIME       (MICROSECONDS_PER_SECOND / 2)
#define PROBE_TIME     (3 * MICROSECONDS_PER_SECOND)

/* ---- Life -------------------------------------------------------------------------------------------------- */

static void probe(const struct subject *subject, enum mqtt_version version, microseconds patience,
                  struct probe *outcome) {
    struct way ways[TRANSPORT_KINDS];
    memset(ways, 0, sizeof ways);
    ways[TRANSPORT_TCP].address = subject->address;
    ways[TRANSPORT_TCP].transport.kind = TRANSPORT_TCP;
    const struct socket_settings settings = {.loop = subject->loop, .ways = ways, .timeout = patience};
    probe_target(outcome, &settings, TRANSPORT_TCP, version);
}

static bool wait_until_ready(struct subject *subject, char *reason, size_t reason_size) {
    struct probe outcome;
    event_loop_wait(subject->loop, 0);
    microseconds end = event_loop_now(subject->loop) + START_TIME;
    for (;;) {
        probe(subject, MQTT_3_1_1, PROBE_TIME, &outcome);
        microseconds now = event_loop_now(subject->loop);
        if (outcome.outcome != PROBE_UNREACHABLE || !outcome.refused_at_once)
            break;
        if (subject->process == NULL || *process_ended(subject->process) || now >= end)
            break;
        event_loop_wait(subject->loop, now + START_INTERVAL);
    }
    /* What answers in a strange way, or not, may be just what is to be found out. */
    if (!outcome.refused_at_once && !subject_has_ended(subject, outcome.outcome == PROBE_UNREACHABLE))
        return true;
    if (subject_has_ended(subject, true))
        snprintf(reason, reason_size, "the target ended before it could be tested: %s",
                 process_last_words(subject->process));
    else
        snprintf(reason, reason_size, "%s", outcome.reason);
    return false;
}

bool subject_start(struct subject *subject, char *reason, size_t reason_size) {
    const char *why = "";
    if (subject->command != NULL) {
        uint16_t port = address_free_port();
        subject->address = address_of_loopback(port);
        subject->process = port == 0 ? NULL : process_start(subject->loop, subject->command, port, &why);
        if (subject->process == NULL) {
            snprintf(reason, reason_size, "the target could not be started: %s", port == 0 ? "no port is free" : why);
            return false;
        }
    }
    return wait_until_ready(subject, reason, reason_size);
}

void subject_stop(struct subject *subject) {
    if (subject->process != NULL)
        process_stop(subject->process);
    subject->process = NULL;
}

bool subject_has_ended(const struct subject *subject, bool wait) {
    if (subject->process == NULL)
        return false;
    microseconds end = event_loop_now(subject->loop) + END_TIME;
    while (wait && !*process_ended(subject->process) && event_loop_now(subject->loop) < end)
        event_loop_wait(subject->loop, end);
    return *process_ended(subject->process);
}

bool subject_answers(const struct subject *subject, microseconds patience) {
    struct probe outcome;
    probe(subject, MQTT_3_1_1, patience, &outcome);
    return outcome.outcome != PROBE_UNREACHABLE;
}

/* ---- What it is like --------------------------------------------------------------------------------------- */

static void take_announced(const struct mqtt_bytes properties, struct broker_settings *settings) {
    settings->receive_maximum = (uint16_t)mqtt_property_number(properties, MQTT_RECEIVE_MAXIMUM, 65535);
    settings->topic_alias_maximum = (uint16_t)mqtt_property_number(properties, MQTT_TOPIC_ALIAS_MAXIMUM, 0);
    settings->maximum_qos = (uint8_t)mqtt_property_number(properties, MQTT_MAXIMUM_QOS, 2);
    settings->retain_available = mqtt_property_number(properties, MQTT_RETAIN_AVAILABLE, 1) != 0;
    settings->maximum_packet_size =
        mqtt_property_number(properties, MQTT_MAXIMUM_PACKET_SIZE_PROPERTY, MQTT_MAXIMUM_PACKET_SIZE);
    settings->maximum_keep_alive = (uint16_t)mqtt_property_number(properties, MQTT_SERVER_KEEP_ALIVE, 0);
}

/* Connects as a client of 5.0 that asks for no keep alive, and reads what CONNACK says. */
static void learn_offer(const struct subject *subject, struct broker_settings *settings) {
    static const uint8_t connect[] = {0x10, 0x17, 0,   4,   'M', 'Q', 'T', 'T', 5,   2,   0,   0,  0,
                                      0,    10,   'z', 'q', 'z', 'q', 'z', 'q', 'z', 'q', 'z', 'q'};
    struct plan plan = {.count = 0};
    struct fuzz_memory memory = {.used = 0};
    struct talk *talk = calloc(1, sizeof *talk);
    struct talk_target target = {
        .loop = subject->loop, .address = subject->address, .settings = *settings, .patience = PROBE_TIME};
    if (talk != NULL && plan_open(&plan, 0) && plan_send(&plan, 0, (struct mqtt_bytes){connect, sizeof connect})) {
        talk_start(talk, &target, &memory, &plan, 1);
        while (talk->verdict == TALK_GOES_ON) {
            event_loop_wait(subject->loop, talk_deadline(talk));
            talk_tick(talk, event_loop_now(subject->loop));
        }
        talk_stop(talk);
        const struct script_item *first = talk->observed.items;
        if (talk->observed.count > 0 && first->decoded && first->packet.type == MQTT_CONNACK)
            take_announced(first->packet.connack.properties, settings);
        talk_release(talk);
    }
    free(talk);
    plan_release(&plan);
    fuzz_memory_end(&memory);
}

void subject_look(struct subject *subject, struct broker_settings *settings) {
    static const struct {
        enum mqtt_version version;
        unsigned flag;
    } versions[] = {{MQTT_3_1_1, IN_3_1_1}, {MQTT_3_1, IN_3_1}, {MQTT_5_0, IN_5_0}};
    struct probe outcome;
    subject->versions = 0;
    for (unsigned i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        probe(subject, versions[i].version, PROBE_TIME, &outcome);
        if (outcome.outcome == PROBE_FINE)
            subject->versions |= versions[i].flag;
    }
    subject->answers = subject->versions != 0;
    if (subject->versions == 0)
        subject->versions = IN_3_1 | IN_3_1_1 | IN_5_0;
    if ((subject->versions & IN_5_0) != 0)
        learn_offer(subject, settings);
}

/* ---- What it holds ------------------------------------------------------------------------------------------- */

/* The session and the resident pages of a process, of /proc/PID/stat; the name in parentheses may hold anything. */
static bool read_stat(const char *pid, long *session, unsigned long *pages) {
    char path[300], line[1024];
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    const char *behind = fgets(line, sizeof line, file) == NULL ? NULL : strrchr(line, ')');
    fclose(file);
    return behind != NULL && sscanf(behind,
                                    ") %*c %*d %*d %ld %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                                    "%*d %*d %*u %*u %lu",
                                    session, pages) == 2;
}

static unsigned count_descriptors(const char *pid) {
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *directory = opendir(path);
    unsigned count = 0;
    while (directory != NULL && readdir(directory) != NULL)
        count++;
    if (directory != NULL)
        closedir(directory);
    return count;
}

struct subject_use subject_use(const struct subject *subject) {
    struct subject_use use = {0, 0};
    DIR *processes = subject->process == NULL ? NULL : opendir("/proc");
    const struct dirent *entry;
    long session;
    unsigned long pages;
    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0]) || !read_stat(entry->d_name, &session, &pages) ||
            session != (long)process_session(subject->process))
            continue;
        use.memory += (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
        use.descriptors += count_descriptors(entry->d_name);
    }
    if (processes != NULL)
        closedir(processes);
    return use;
}
