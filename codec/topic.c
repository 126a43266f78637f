/* Topic Names and Topic Filters, section 4.7. */
#include <string.h>

#include "codec/topic.h"

bool mqtt_topic_name_valid(struct mqtt_bytes topic) {
    return topic.length > 0 && !mqtt_topic_filter_has_wildcard(topic);
}

bool mqtt_topic_filter_has_wildcard(struct mqtt_bytes filter) {
    for (uint32_t i = 0; i < filter.length; i++)
        if (is_wildcard(filter.data[i]))
            return true;
    return false;
}

bool mqtt_topic_filter_valid(struct mqtt_bytes filter) {
    for (uint32_t i = 0; i < filter.length; i++)
        if (is_wildcard(filter.data[i]) && !wildcard_is_in_place(filter, i))
            return false;
    return filter.length > 0;
}

static uint32_t level_end(struct mqtt_bytes text, uint32_t start) {
    while (start < text.length && text.data[start] != '/')
        start++;
    return start;
}

bool mqtt_topic_matches(struct mqtt_bytes filter, struct mqtt_bytes topic) {
    if (filter.length == 0 || topic.length == 0)
        return false;
    if (topic.data[0] == '$' && (filter.data[0] == '+' || filter.data[0] == '#'))
        return false;
    /* Both walk level by level; past the end stands at length + 1. */
    uint32_t f = 0, t = 0;
    while (f <= filter.length) {
        uint32_t f_end = level_end(filter, f);
        uint32_t f_length = f_end - f;
        if (f_length == 1 && filter.data[f] == '#')
            return true;
        if (t > topic.length)
            return false;
        uint32_t t_end = level_end(topic, t);
        bool any = f_length == 1 && filter.data[f] == '+';
        if (!any && (f_length != t_end - t || (f_length > 0 && memcmp(filter.data + f, topic.data + t, f_length) != 0)))
            return false;
        f = f_end + 1;
        t = t_end + 1;
    }
    return t > topic.length;
}

bool mqtt_shared_filter(struct mqtt_bytes filter, struct mqtt_bytes *share_name, struct mqtt_bytes *topic_filter) {
    static const char prefix[] = "$share/";
    const uint32_t start = sizeof prefix - 1;
    if (filter.length <= start || memcmp(filter.data, prefix, start) != 0)
        return false;
    uint32_t end = level_end(filter, start);
    if (end == start || end + 1 >= filter.length)
        return false;
    *share_name = (struct mqtt_bytes){filter.data + start, end - start};
    *topic_filter = (struct mqtt_bytes){filter.data + end + 1, filter.length - end - 1};
    return true;
}
