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
    {MQTT_CONNECT, "connect", 26, IN_3_1_1 | IN_5_0, V311(3_1_4_1)},
    {MQTT_SUBSCRIBE, "subscribe", 17, IN_3_1_1 | IN_5_0, V311(4_8_0_1)},
    {MQTT_UNSUBSCRIBE, "unsubscribe", 17, IN_3_1_1 | IN_5_0, V311(4_8_0_1)},
    {MQTT_PUBACK, "puback", 2, IN_3_1_1 | IN_5_0, V311(4_8_0_1)},
    {MQTT_PUBREC, "pubrec", 2, IN_3_1_1 | IN_5_0, V311(4_8_0_1)},
    {MQTT_PUBREL, "pubrel", 2, IN_3_1_1 | IN_5_0, V311(4_8_0_1)},
    {MQTT_PUBCOMP, "pubcomp", 2, IN_3_1_1 | IN_5_0, V311(4_8_0_1)},
};

/* The last so many bytes of a CONNECT stand behind its Protocol Level. Without that there is no version to tell apart.
 */
#define BEHIND_LEVEL 20

static bool add_cut_connect(struct scenario_set *set, const char *name, const char *title, int cut) {
    const struct scenario scenario = {
        .name = name,
        .title = title,
        .file = __FILE__,
        .line = __LINE__,
        .versions = cut > BEHIND_LEVEL ? IN_3_1_1 : IN_3_1_1 | IN_5_0,
        .no_deviation = cut > BEHIND_LEVEL ? "no broker is offered that reads on where the packet ends" : NULL,
        STATEMENTS(V311(3_1_4_1)),
        STEPS(SEND_BROKEN(A, CUT, 0, cut, CONNECT()), REFUSED(A, V311(3_1_4_1))),
    };
    return scenario_set_add(set, &scenario);
}

static bool add_cut(struct scenario_set *set, size_t i, int cut) {
    enum spec_statement statement = packets[i].statement;
    const char *name = scenario_text(set, "%s_cut_by_%d", packets[i].name, cut);
    const char *title = scenario_text(set, "%s that ends " BYTES_FORMAT " too early is refused",
                                      mqtt_type_name(packets[i].type), BYTES(cut));
    if (packets[i].type == MQTT_CONNECT)
        return add_cut_connect(set, name, title, cut);
    return ADD_SCENARIO(set, name, title, packets[i].versions, statement, CONNECTED(A),
                        SEND_BROKEN(A, CUT, 0, cut, PATTERN(packets[i].type, .filters = {{"~/t", 0}})),
                        EXPECT(A, statement, CLOSED()));
}

/* A PUBLISH may lose its payload and no more: "~/t" has 15 bytes, its length two, the Packet Identifier two. */
static bool add_cut_publish(struct scenario_set *set, int qos, int cut) {
    return ADD_SCENARIO(set, scenario_text(set, "publish_of_qos_%d_cut_by_%d", qos, cut),
                        scenario_text(set,
                                      "PUBLISH of QoS %d without the last " BYTES_FORMAT " of its header is refused",
                                      qos, BYTES(cut)),
                        IN_3_1_1, V311(3_3_2_1), CONNECTED(A),
                        SEND_BROKEN(A, CUT, 0, cut, PUBLISH(.qos = qos, .topic = "~/t", .payload = "")),
                        EXPECT(A, V311(3_3_2_1), CLOSED()));
}

/* In 5.0 an empty set of properties stands behind that, and has a length. */
static enum spec_statement statement_of_cut_publish(int qos, int cut) {
    if (cut == 1)
        return V5(2_2_2_1);
    return qos > 0 && cut <= 3 ? V5(2_2_1_3) : V5(3_3_2_1);
}

static bool add_cut_publish_in_5_0(struct scenario_set *set, int qos, int cut) {
    enum spec_statement statement = statement_of_cut_publish(qos, cut);
    return ADD_SCENARIO(set, scenario_text(set, "publish_with_properties_of_qos_%d_cut_by_%d", qos, cut),
                        scenario_text(set,
                                      "PUBLISH of QoS %d without the last " BYTES_FORMAT " of its header is refused",
                                      qos, BYTES(cut)),
                        IN_5_0, statement, CONNECTED(A),
                        SEND_BROKEN(A, CUT, 0, cut, PUBLISH(.qos = qos, .topic = "~/t", .payload = "")),
                        EXPECT(A, statement, CLOSED()));
}

/* A CONNECT with all fields: the last 32 bytes are a password and a user name of one character, a Will Message of four,
 * and a Will Topic of 18. */
static bool add_cut_whole_connect(struct scenario_set *set, int cut) {
    return ADD_SCENARIO(
        set, scenario_text(set, "connect_with_will_and_user_cut_by_%d", cut),
        scenario_text(set, "CONNECT that ends " BYTES_FORMAT " too early is refused", BYTES(cut)), IN_3_1_1 | IN_5_0,
        V311(3_1_4_1),
        SEND_BROKEN(A, CUT, 0, cut,
                    CONNECT(.will_topic = "~/will", .will_message = "gone", .user_name = "u", .password = "p")),
        REFUSED(A, V311(3_1_4_1)));
}

/* ---- Too long ----------------------------------------------------------------------------------------------- */

static bool add_longer_connect(struct scenario_set *set, int more) {
    return ADD_SCENARIO(
        set, scenario_text(set, "connect_longer_by_%d", more),
        scenario_text(set, "CONNECT with " BYTES_FORMAT " behind its last field is refused", BYTES(more)),
        IN_3_1_1 | IN_5_0, V311(3_1_4_1), SEND_BROKEN(A, APPEND, 0, more, CONNECT(.user_name = "u", .password = "p")),
        REFUSED(A, V311(3_1_4_1)));
}

static bool add_longer(struct scenario_set *set, enum mqtt_type type, const char *name, int more) {
    return ADD_SCENARIO(set, scenario_text(set, "%s_longer_by_%d", name, more),
                        scenario_text(set, "%s with " BYTES_FORMAT " too many closes the connection",
                                      mqtt_type_name(type), BYTES(more)),
                        IN_3_1_1 | IN_5_0, V311(4_8_0_1), CONNECTED(A),
                        SEND_BROKEN(A, APPEND, 0, more, PATTERN(type, .filters = {{"~/t", 0}})),
                        EXPECT(A, V311(4_8_0_1), CLOSED()));
}

/* What is added are zeros. Behind a Packet Identifier, two of them are a Reason Code and the length of no properties in
 * 5.0, and the third is one too many. Behind a filter, two of them are an empty filter, and with a third for the QoS a
 * whole entry, which may be refused in other ways; so these lengths are left out. */
static const struct {
    enum mqtt_type type;
    const char *name;
    int more;
} too_long[] = {
    {MQTT_SUBSCRIBE, "subscribe", 1},     {MQTT_SUBSCRIBE, "subscribe", 2},     {MQTT_SUBSCRIBE, "subscribe", 4},
    {MQTT_UNSUBSCRIBE, "unsubscribe", 1}, {MQTT_UNSUBSCRIBE, "unsubscribe", 3}, {MQTT_PUBACK, "puback", 3},
    {MQTT_PUBACK, "puback", 4},           {MQTT_PUBREC, "pubrec", 3},           {MQTT_PUBREC, "pubrec", 4},
    {MQTT_PUBREL, "pubrel", 3},           {MQTT_PUBREL, "pubrel", 4},           {MQTT_PUBCOMP, "pubcomp", 3},
    {MQTT_PUBCOMP, "pubcomp", 4},         {MQTT_PINGREQ, "pingreq", 1},         {MQTT_PINGREQ, "pingreq", 2},
    {MQTT_PINGREQ, "pingreq", 4},
};

static bool generate(struct scenario_set *set) {
    bool good = true;
    for (size_t i = 0; good && i < COUNT_OF(packets); i++)
        for (int cut = 1; good && cut <= packets[i].longest_cut; cut++)
            good = add_cut(set, i, cut);
    for (int qos = 0; good && qos <= 2; qos++) {
        for (int cut = 1; good && cut <= 16; cut++)
            good = add_cut_publish(set, qos, cut);
        for (int cut = 1; good && cut <= 18; cut++)
            good = add_cut_publish_in_5_0(set, qos, cut);
    }
    for (int cut = 1; good && cut <= 32; cut++)
        good = add_cut_whole_connect(set, cut);
    for (int more = 1; good && more <= 3; more++)
        good = add_longer_connect(set, more);
    for (size_t i = 0; good && i < COUNT_OF(too_long); i++)
        good = add_longer(set, too_long[i].type, too_long[i].name, too_long[i].more);
    return good;
}

GENERATED_FAMILY(generated_lengths, generate);
