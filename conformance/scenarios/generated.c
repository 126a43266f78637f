#include "conformance/scenarios/generated.h"

#include "conformance/scenarios/authentication.h"

/* Where `length_at` counts on it: the Remaining Length has one byte, and the Client Identifier of a CONNECT with a Will
 * is empty. */
const struct property_place property_places[PROPERTY_PLACES] = {
    {MQTT_IN(MQTT_CONNECT), MQTT_CONNECT, "connect", 12},
    {MQTT_IN_WILL_PROPERTIES, MQTT_CONNECT, "will", 15},
    {MQTT_IN(MQTT_PUBLISH), MQTT_PUBLISH, "publish", 5},
    {MQTT_IN(MQTT_PUBACK), MQTT_PUBACK, "puback", 5},
    {MQTT_IN(MQTT_PUBREC), MQTT_PUBREC, "pubrec", 5},
    {MQTT_IN(MQTT_PUBREL), MQTT_PUBREL, "pubrel", 5},
    {MQTT_IN(MQTT_PUBCOMP), MQTT_PUBCOMP, "pubcomp", 5},
    {MQTT_IN(MQTT_SUBSCRIBE), MQTT_SUBSCRIBE, "subscribe", 4},
    {MQTT_IN(MQTT_UNSUBSCRIBE), MQTT_UNSUBSCRIBE, "unsubscribe", 4},
    {MQTT_IN(MQTT_DISCONNECT), MQTT_DISCONNECT, "disconnect", 3},
    {MQTT_IN(MQTT_AUTH), MQTT_AUTH, "auth", 0},
};

struct property_pattern sample_property(uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    struct property_pattern property = {.test = PROPERTY_EQUALS, .identifier = identifier};
    if (kind == NULL)
        return property;
    if (kind->form == MQTT_UTF8_STRING_PAIR)
        property.value = "value";
    if (kind->form == MQTT_UTF8_STRING || kind->form == MQTT_BINARY_DATA || kind->form == MQTT_UTF8_STRING_PAIR)
        property.text = "text";
    else
        property.number = 1;
    return property;
}

/* ---- Faults -------------------------------------------------------------------------------------------------- */

#define SEND_FAULTY(who, fault, ...)                                                                                   \
    {                                                                                                                  \
        .kind = STEP_SEND_BROKEN, .client = (who), PATTERNS(__VA_ARGS__), .broken = (fault)->broken,                   \
        .offset = (fault)->offset, .value = (fault)->value, .source = "SEND_FAULTY(" #who ", " #__VA_ARGS__ ")"        \
    }

#define ADD_FAULT(set, fault, tested, ...)                                                                             \
    scenario_set_add((set), &(const struct scenario){.name = (fault)->name,                                            \
                                                     .title = (fault)->title,                                          \
                                                     .file = (fault)->file,                                            \
                                                     .line = (fault)->line,                                            \
                                                     .versions = IN_5_0,                                               \
                                                     tested,                                                           \
                                                     STEPS(__VA_ARGS__)})

#define BROKEN_BY(fault) STATEMENTS((fault)->statement)
#define GIVEN(fault)     .properties = (fault)->properties, .property_count = (fault)->count

static bool add_in_connect(struct scenario_set *set, const struct property_fault *fault) {
    return ADD_FAULT(set, fault, BROKEN_BY(fault), SEND_FAULTY(A, fault, CONNECT(GIVEN(fault))),
                     REFUSED(A, fault->statement));
}

static bool add_in_will(struct scenario_set *set, const struct property_fault *fault) {
    return ADD_FAULT(set, fault, BROKEN_BY(fault),
                     SEND_FAULTY(A, fault,
                                 CONNECT(.client_identifier = "", .will_topic = "~/will", .will_message = "gone",
                                         .will_properties = fault->properties, .will_property_count = fault->count)),
                     REFUSED(A, fault->statement));
}

static bool add_in_disconnect(struct scenario_set *set, const struct property_fault *fault) {
    return ADD_FAULT(set, fault, STATEMENTS(fault->statement, V5(3_1_2_8)), CONNECTED(B), SUBSCRIBED(B, "~/will", 0),
                     CONNECTED(A, .will_topic = "~/will", .will_message = "gone"),
                     SEND_FAULTY(A, fault, DISCONNECT(.reason = 0, GIVEN(fault))),
                     EXPECT(A, fault->statement, CLOSED()),
                     EXPECT(B, V5(3_1_2_8), PUBLISH(.topic = "~/will", .payload = "gone")));
}

/* But for the fault, this AUTH would be right. */
static bool add_in_auth(struct scenario_set *set, const struct property_fault *fault) {
    struct property_pattern properties[2 + PROPERTY_FAULT_MAXIMUM] = {METHOD(SCRAM), DATA(SCRAM_FINAL)};
    size_t count = 2;
    for (size_t i = 0; i < fault->count; i++)
        properties[count++] = fault->properties[i];
    return ADD_FAULT(set, fault, BROKEN_BY(fault), CHALLENGED(),
                     SEND_FAULTY(A, fault, AUTH(.reason = 0x18, .properties = properties, .property_count = count)),
                     NOT_LET_IN(fault->statement));
}

bool add_property_fault(struct scenario_set *set, const struct property_place *place,
                        const struct property_fault *fault) {
    if (place->place == MQTT_IN_WILL_PROPERTIES)
        return add_in_will(set, fault);
    switch (place->type) {
    case MQTT_CONNECT:
        return add_in_connect(set, fault);
    case MQTT_DISCONNECT:
        return add_in_disconnect(set, fault);
    case MQTT_AUTH:
        return add_in_auth(set, fault);
    default:
        return ADD_FAULT(set, fault, BROKEN_BY(fault), CONNECTED(A),
                         SEND_FAULTY(A, fault,
                                     PATTERN(place->type, .topic = "t", .filters = {{"~/t", 0}}, GIVEN(fault),
                                             .beyond_offer = true)),
                         EXPECT(A, fault->statement, CLOSED()));
    }
}
