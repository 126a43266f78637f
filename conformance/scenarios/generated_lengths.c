/* Packets that end too early, with a Remaining Length that says so: cut by every number of bytes that leaves something
 * of what has to be there. */
#include "conformance/scenarios/generated.h"

/* What a packet consists of behind the Fixed Header at least, whatever the name space: so many bytes may be cut. */
static const struct {
    enum mqtt_type type;
    const char *name;
    int longest_cut;
    unsigned versions;
    enum spec_statement statement;
} packets[] = {
    {MQTT_CONNECT, "connect", 20, IN_3_1_1 | IN_5_0, V311(3_1_4_1)},
    {MQTT_SUBSCRIBE, "subscribe", 17, IN_3_1_1 | IN_5_0, V311(4_8_0_1)},
    {MQTT_UNSUBSCRIBE, "unsubscribe", 17, IN_3_1_1 | IN_5_0, V311(4_8_0_1)},
    {MQTT_PUBACK, "puback", 2, IN_3_1_1 | IN_5_0, V311(4_8_0_1)},
    {MQTT_PUBREC, "pubrec", 2, IN_3_1_1 | IN_5_0, V311(4_8_0_1)},
    {MQTT_PUBREL, "pubrel", 2, IN_3_1_1 | IN_5_0, V311(4_8_0_1)},
    {MQTT_PUBCOMP, "pubcomp", 2, IN_3_1_1 | IN_5_0, V311(4_8_0_1)},
};

static bool add_cut(struct scenario_set *set, size_t i, int cut) {
    enum spec_statement statement = packets[i].statement;
    const char *name = scenario_text(set, "%s_cut_by_%d", packets[i].name, cut);
    const char *title =
        scenario_text(set, "%s that ends %d bytes too early is refused", mqtt_type_name(packets[i].type), cut);
    if (packets[i].type == MQTT_CONNECT)
        return ADD_SCENARIO(set, name, title, packets[i].versions, statement, SEND_BROKEN(A, CUT, 0, cut, CONNECT()),
                            REFUSED(A, statement));
    return ADD_SCENARIO(set, name, title, packets[i].versions, statement, CONNECTED(A),
                        SEND_BROKEN(A, CUT, 0, cut, PATTERN(packets[i].type, .filters = {{"~/t", 0}})),
                        EXPECT(A, statement, CLOSED()));
}

/* A PUBLISH may lose its payload and no more: "~/t" has 15 bytes, its length two, the Packet Identifier two. */
static bool add_cut_publish(struct scenario_set *set, int qos, int cut) {
    return ADD_SCENARIO(
        set, scenario_text(set, "publish_of_qos_%d_cut_by_%d", qos, cut),
        scenario_text(set, "PUBLISH of QoS %d without the last %d bytes of its header is refused", qos, cut), IN_3_1_1,
        V311(3_3_2_1), CONNECTED(A), SEND_BROKEN(A, CUT, 0, cut, PUBLISH(.qos = qos, .topic = "~/t", .payload = "")),
        EXPECT(A, V311(3_3_2_1), CLOSED()));
}

/* ---- Too long ------------------------------------------------------------------------------------------------------
 */

/* Behind the last field of a CONNECT, and of a SUBSCRIBE or UNSUBSCRIBE, where a further filter would begin. */
static bool add_longer(struct scenario_set *set, int more) {
    return ADD_SCENARIO(set, scenario_text(set, "connect_longer_by_%d", more),
                        scenario_text(set, "CONNECT with %d bytes behind its last field is refused", more),
                        IN_3_1_1 | IN_5_0, V311(3_1_4_1),
                        SEND_BROKEN(A, APPEND, 0, more, CONNECT(.user_name = "u", .password = "p")),
                        REFUSED(A, V311(3_1_4_1))) &&
           ADD_SCENARIO(set, scenario_text(set, "subscribe_longer_by_%d", more),
                        scenario_text(set, "SUBSCRIBE with %d bytes of a further filter is refused", more),
                        IN_3_1_1 | IN_5_0, V311(4_8_0_1), CONNECTED(A),
                        SEND_BROKEN(A, APPEND, 0, more, SUBSCRIBE(.filters = {{"~/t", 0}})),
                        EXPECT(A, V311(4_8_0_1), CLOSED())) &&
           ADD_SCENARIO(set, scenario_text(set, "unsubscribe_longer_by_%d", more),
                        scenario_text(set, "UNSUBSCRIBE with %d bytes of a further filter is refused", more),
                        IN_3_1_1 | IN_5_0, V311(4_8_0_1), CONNECTED(A),
                        SEND_BROKEN(A, APPEND, 0, more, UNSUBSCRIBE(.filters = {{"~/t", -1}})),
                        EXPECT(A, V311(4_8_0_1), CLOSED()));
}

static bool generate(struct scenario_set *set) {
    bool good = true;
    for (size_t i = 0; good && i < COUNT_OF(packets); i++)
        for (int cut = 1; good && cut <= packets[i].longest_cut; cut++)
            good = add_cut(set, i, cut);
    for (int qos = 0; good && qos <= 2; qos++)
        for (int cut = 1; good && cut <= 16; cut++)
            good = add_cut_publish(set, qos, cut);
    /* Two zero bytes would be the length of an empty filter, which is another fault. */
    return good && add_longer(set, 1) && add_longer(set, 2) && add_longer(set, 3);
}

GENERATED_FAMILY(generated_lengths, generate);
