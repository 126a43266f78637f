/* Topic Filters against Topic Names, section 4.7: what matches arrives, and nothing else. mqtt_topic_matches() says
 * which it is. */
#include "conformance/scenarios/generated.h"

/* All stand behind the name space, so that nobody else's messages come in between. */
static const char *const filters[] = {
    "~",     "~/",    "~/#",    "~/+",     "~/a",     "~/a/",    "~/a/#",      "~/a/+",   "~/a/b",
    "~/+/b", "~/+/#", "~/+/+",  "~/+/b/#", "~/a/+/c", "~/a/b/c", "~/+/+/+",    "~//",     "~//#",
    "~//+",  "~/+/",  "~/a//b", "~/a/+/",  "~/A",     "~/a b",   "~/\xC3\xA9", "~/+/+/#", "~/a/b/#",
};
static const char *const names[] = {
    "~", "~/", "~/a", "~/a/", "~/a/b", "~/a/b/c", "~//", "~/a//b", "~/A", "~/a b", "~/\xC3\xA9", "~/x/b",
};

static bool matches(const char *filter, const char *name) {
    return mqtt_topic_matches(mqtt_text(filter), mqtt_text(name));
}

/* A comes to know by the fence, which goes the same way, that nothing else was sent. */
static bool add_pair(struct scenario_set *set, size_t f, size_t n) {
    const char *filter = filters[f], *name = names[n];
    if (!matches(filter, name))
        return ADD_SCENARIO(
            set, scenario_text(set, "filter_%zu_hides_topic_%zu", f + 1, n + 1),
            scenario_text(set, "The filter '%s' does not match the topic '%s'", filter, name), 0, V311(3_3_2_3),
            CONNECTED(A), SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{filter, 0}, {"~/fence/~", 0}})),
            EXPECT(A, V311(3_8_4_1), SUBACK(.packet_identifier = 1)),
            SEND(A, PUBLISH(.topic = name, .payload = "hidden"), PUBLISH(.topic = "~/fence/~", .payload = "fence")),
            EXPECT(A, V311(3_3_2_3), PUBLISH(.topic = "~/fence/~", .payload = "fence")));
    return ADD_SCENARIO(set, scenario_text(set, "filter_%zu_shows_topic_%zu", f + 1, n + 1),
                        scenario_text(set, "The filter '%s' matches the topic '%s'", filter, name), 0, V311(4_5_0_1),
                        CONNECTED(A), SEND(A, SUBSCRIBE(.packet_identifier = 1, .filters = {{filter, 0}})),
                        EXPECT(A, V311(3_8_4_1), SUBACK(.packet_identifier = 1)),
                        SEND(A, PUBLISH(.topic = name, .payload = "shown")),
                        EXPECT(A, V311(4_5_0_1), PUBLISH(.topic = name, .payload = "shown")));
}

static bool generate(struct scenario_set *set) {
    bool good = true;
    for (size_t f = 0; good && f < COUNT_OF(filters); f++)
        for (size_t n = 0; good && n < COUNT_OF(names); n++)
            good = add_pair(set, f, n);
    return good;
}

GENERATED_FAMILY(generated_topics, generate);
