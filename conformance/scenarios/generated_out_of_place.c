/* Packets out of place: each as the first of a connection, each that only a Server sends, each that comes in place of
 * AUTH, and messages behind DISCONNECT. */
#include "conformance/scenarios/authentication.h"
#include "conformance/scenarios/generated.h"

/* MQTT 3.1 does not say what becomes of a connection that begins with another packet than CONNECT. */
static unsigned versions_of(enum mqtt_type type) {
    return type == MQTT_AUTH ? IN_5_0 : IN_3_1_1 | IN_5_0;
}

static const char *lower_case_name(struct scenario_set *set, enum mqtt_type type) {
    char name[16];
    size_t i = 0;
    for (const char *c = mqtt_type_name(type); *c != '\0' && i + 1 < sizeof name; c++)
        name[i++] = (char)(*c - 'A' + 'a');
    name[i] = '\0';
    return scenario_text(set, "%s", name);
}

static bool add_first(struct scenario_set *set, enum mqtt_type type) {
    bool from_client = mqtt_may_send(MQTT_CLIENT, MQTT_5_0, type);
    enum spec_statement statement = from_client ? V311(3_1_0_1) : V311(4_8_0_1);
    return ADD_SCENARIO(set, scenario_text(set, "first_packet_is_%s", lower_case_name(set, type)),
                        scenario_text(set, "%s as the first packet closes the connection", mqtt_type_name(type)),
                        versions_of(type), statement, OPEN(A),
                        SEND(A, PATTERN(type, .filters = {{"~/t", 0}}, .topic = "~/t")),
                        EXPECT(A, statement, CLOSED()));
}

static bool add_from_client(struct scenario_set *set, enum mqtt_type type) {
    if (mqtt_may_send(MQTT_CLIENT, MQTT_5_0, type))
        return true;
    return ADD_SCENARIO(
        set, scenario_text(set, "%s_sent_by_a_client", lower_case_name(set, type)),
        scenario_text(set, "%s, which only a Server sends, closes the connection", mqtt_type_name(type)),
        IN_3_1_1 | IN_5_0, V311(4_8_0_1), CONNECTED(A), SEND(A, PATTERN(type, .packet_identifier = 1)),
        EXPECT(A, V311(4_8_0_1), CLOSED()));
}

/* Nobody may send this until the authentication is over. The Server may pass it over or end the connection; but nothing
 * comes before CONNACK. */
static bool add_under_way(struct scenario_set *set, enum mqtt_type type) {
    return ADD_SCENARIO(set, scenario_text(set, "%s_while_authentication_is_under_way", lower_case_name(set, type)),
                        scenario_text(set, "%s in place of AUTH is not answered before CONNACK", mqtt_type_name(type)),
                        IN_5_0, V5(3_2_0_1), CHALLENGED(),
                        SEND(A, PATTERN(type, .qos = type == MQTT_PUBLISH ? 1 : ANY, .filters = {{"~/t", 0}}),
                             AUTH(.reason = 0x18, PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FINAL)))),
                        EXPECT_NEXT(A, V5(3_2_0_1), CLOSED(), CONNACK()));
}

/* The Server may act upon what is sent behind DISCONNECT, or not. Another Client is served all the same. */
static bool add_behind_disconnect(struct scenario_set *set, int qos) {
    return ADD_SCENARIO(
        set, scenario_text(set, "publish_of_qos_%d_behind_disconnect", qos),
        scenario_text(set, "The Server may ignore, and must not choke on, QoS %d behind DISCONNECT", qos), 0,
        V311(3_12_4_1), CONNECTED(A), SEND(A, DISCONNECT(), PUBLISH(.qos = qos, .topic = "~/t", .payload = "too late")),
        EXPECT(A, V311(3_14_4_3), CLOSED(), SILENCE(.before = 2000, .warn = LEFT_OPEN)), CONNECTED(B),
        STILL_ALIVE(B, V311(3_12_4_1)));
}

static bool generate(struct scenario_set *set) {
    bool good = true;
    for (unsigned type = MQTT_CONNACK; good && type < MQTT_TYPE_COUNT; type++)
        good = add_first(set, (enum mqtt_type)type) && add_from_client(set, (enum mqtt_type)type);
    for (unsigned type = MQTT_PUBLISH; good && type < MQTT_DISCONNECT; type++)
        if (mqtt_may_send(MQTT_CLIENT, MQTT_5_0, (enum mqtt_type)type))
            good = add_under_way(set, (enum mqtt_type)type);
    for (int qos = 0; good && qos <= 2; qos++)
        good = add_behind_disconnect(set, qos);
    return good;
}

GENERATED_FAMILY(generated_out_of_place, generate);
