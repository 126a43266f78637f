/* What the broker tells of itself in topics below $SYS/broker, named and meant as mosquitto's (its manual, section
 * "Broker status"): retained, at QoS 0, each told again when it has changed. */
#ifndef MQSPEC_STATISTICS_H
#define MQSPEC_STATISTICS_H

#include "reference/broker.h"

#define STATISTICS_TOPICS       34
#define STATISTICS_LOADS        9
#define STATISTICS_PERIODS      3 /* 1, 5 and 15 minutes */
#define STATISTICS_LONGEST_TEXT 24

/* Memory that the core holds, in bytes. */
struct memory_use {
    uint64_t current;
    uint64_t maximum; /* since the start */
};

struct statistics {
    struct broker *broker;
    const struct memory_use *memory;
    microseconds interval;
    microseconds started;
    microseconds last;           /* when the topics were told */
    struct broker_counts counts; /* at that time */
    double loads[STATISTICS_LOADS][STATISTICS_PERIODS];
    /* What was told last. */
    char topics[STATISTICS_TOPICS][STATISTICS_LONGEST_TEXT];
    char load_topics[STATISTICS_LOADS][STATISTICS_PERIODS][STATISTICS_LONGEST_TEXT];
};

/* Tells all topics for the first time. `version` is what $SYS/broker/version says. `memory` lives as long as the
 * statistics. An interval of 0 switches them off: nothing is told, now or later. */
void statistics_begin(struct statistics *statistics, struct broker *broker, const char *version,
                      const struct memory_use *memory, microseconds interval, microseconds now);

/* Tells what has changed once the interval has passed. Returns when it wants to be called next; NO_DEADLINE where they
 * are off. */
microseconds statistics_turn(struct statistics *statistics, microseconds now);

#endif
