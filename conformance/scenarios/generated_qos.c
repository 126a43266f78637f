/* Every QoS of publication against every QoS granted, for messages as they come, retained ones, and those that waited
 * for their Client: delivered at the lower of the two, section 3.8.4. */
#include "conformance/scenarios/generated.h"

#define MESSAGE .topic = "~/t", .payload = "message"

/* What the subscription is granted may be less than asked for; then the scenario is about something else. */
#define SUBSCRIBED_AT(who, qos, codes_of_qos)                                                                          \
    SEND(who, SUBSCRIBE(.packet_identifier = 9, .filters = {{"~/t", qos}})),                                           \
        EXPECT(who, V311(3_8_4_1), SUBACK(.packet_identifier = 9, .codes = codes_of_qos, .codes_length = 1),           \
               SUBACK(.packet_identifier = 9, .skip = "the target does not grant the QoS that is asked for"))

static const char codes[3][2] = {"\x00", "\x01", "\x02"};

/* B's message is the Server's. At QoS 0 the answer to a PINGREQ says so. */
#define PUBLISHED_QOS0(from, identifier, ...)                                                                          \
    SEND(from, PUBLISH(.qos = 0, __VA_ARGS__)), STILL_ALIVE(from, V311(3_12_4_1))

/* The steps differ by the QoS of publication, which is 0, 1 or 2. */
#define FOR_EACH_QOS(published, ADD)                                                                                   \
    switch (published) {                                                                                               \
    case 0:                                                                                                            \
        return ADD(0);                                                                                                 \
    case 1:                                                                                                            \
        return ADD(1);                                                                                                 \
    default:                                                                                                           \
        return ADD(2);                                                                                                 \
    }

static bool add_live(struct scenario_set *set, int published, int granted) {
    int lower = published < granted ? published : granted;
    const char *name = scenario_text(set, "qos_%d_to_a_grant_of_%d", published, granted);
    const char *title =
        scenario_text(set, "QoS %d reaches a subscription of QoS %d at QoS %d", published, granted, lower);
#define ADD_LIVE(at)                                                                                                   \
    ADD_SCENARIO(set, name, title, 0, V311(3_8_4_6), CONNECTED(A), SUBSCRIBED_AT(A, granted, codes[granted]),          \
                 CONNECTED(B), PUBLISHED_QOS##at(B, 1, MESSAGE),                                                       \
                 EXPECT(A, V311(3_8_4_6), PUBLISH(.qos = lower, .retain = 0, MESSAGE)))
    FOR_EACH_QOS(published, ADD_LIVE)
}

/* Nothing answers a QoS 0 PUBLISH. That it was taken shows at a subscriber, and by the QoS 1 message behind it. The
 * Server may discard it at any time, MQTT-3.3.1-7. */
static bool add_retained_at_0(struct scenario_set *set, const char *name, const char *title, int granted) {
    return ADD_SCENARIO(set, name, title, 0, V311(3_8_4_6), CONNECTED(B), GRANTED(B, "~/t", 0),
                        SEND(B, PUBLISH(.qos = 0, .retain = 1, MESSAGE)), EXPECT(B, V311(4_5_0_1), PUBLISH(MESSAGE)),
                        PUBLISHED_QOS1(B, 1, .topic = "~/other", .payload = "behind it"), CONNECTED(A),
                        SUBSCRIBED_AT(A, granted, codes[granted]), SEND(B, PUBLISH(.topic = "~/t", .payload = "fence")),
                        EXPECT(A, V311(3_8_4_6), PUBLISH(.qos = 0, .retain = 1, MESSAGE),
                               PUBLISH(.payload = "fence", .skip = "the target does not keep a message of QoS 0")));
}

static bool add_retained(struct scenario_set *set, int published, int granted) {
    int lower = published < granted ? published : granted;
    const char *name = scenario_text(set, "retained_qos_%d_to_a_grant_of_%d", published, granted);
    const char *title = scenario_text(set, "A retained message of QoS %d reaches a subscription of QoS %d at QoS %d",
                                      published, granted, lower);
    if (published == 0)
        return add_retained_at_0(set, name, title, granted);
#define ADD_RETAINED(at)                                                                                               \
    ADD_SCENARIO(set, name, title, 0, V311(3_8_4_6), CONNECTED(B), PUBLISHED_QOS##at(B, 1, .retain = 1, MESSAGE),      \
                 CONNECTED(A), SUBSCRIBED_AT(A, granted, codes[granted]),                                              \
                 EXPECT(A, V311(3_8_4_6), PUBLISH(.qos = lower, .retain = 1, MESSAGE)))
    FOR_EACH_QOS(published, ADD_RETAINED)
}

static bool add_waiting(struct scenario_set *set, int published, int granted) {
    int lower = published < granted ? published : granted;
    const char *name = scenario_text(set, "waiting_qos_%d_to_a_grant_of_%d", published, granted);
    const char *title = scenario_text(set, "QoS %d waits for a Client that was granted %d and comes at QoS %d",
                                      published, granted, lower);
#define ADD_WAITING(at)                                                                                                \
    ADD_SCENARIO(set, name, title, 0, V311(3_1_2_5), CONNECTED(A, .clean_session = 0),                                 \
                 SUBSCRIBED_AT(A, granted, codes[granted]), DISCONNECTED(A), CONNECTED(B),                             \
                 PUBLISHED_QOS##at(B, 1, MESSAGE), CONNECTED(A, .clean_session = 0),                                   \
                 EXPECT(A, V311(3_1_2_5), PUBLISH(.qos = lower, .retain = 0, MESSAGE)))
    FOR_EACH_QOS(published, ADD_WAITING)
}

static bool generate(struct scenario_set *set) {
    bool good = true;
    for (int published = 0; good && published <= 2; published++)
        for (int granted = 0; good && granted <= 2; granted++) {
            good = add_live(set, published, granted) && add_retained(set, published, granted);
            if (good && published > 0 && granted > 0)
                good = add_waiting(set, published, granted);
        }
    return good;
}

GENERATED_FAMILY(generated_qos, generate);
