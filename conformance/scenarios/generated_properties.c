/* Properties of MQTT 5.0 where they do not belong, twice where they may stand once, and beyond their range; and at the
 * ends of their range, where they have to be taken. From the codec's table of properties. */
#include "conformance/scenarios/generated.h"

/* Where a Client sends properties. */
static const struct {
    uint32_t place;
    enum mqtt_type type;
    const char *name;
} places[] = {
    {MQTT_IN(MQTT_CONNECT), MQTT_CONNECT, "connect"},
    {MQTT_IN_WILL_PROPERTIES, MQTT_CONNECT, "will"},
    {MQTT_IN(MQTT_PUBLISH), MQTT_PUBLISH, "publish"},
    {MQTT_IN(MQTT_PUBACK), MQTT_PUBACK, "puback"},
    {MQTT_IN(MQTT_PUBREC), MQTT_PUBREC, "pubrec"},
    {MQTT_IN(MQTT_PUBREL), MQTT_PUBREL, "pubrel"},
    {MQTT_IN(MQTT_PUBCOMP), MQTT_PUBCOMP, "pubcomp"},
    {MQTT_IN(MQTT_SUBSCRIBE), MQTT_SUBSCRIBE, "subscribe"},
    {MQTT_IN(MQTT_UNSUBSCRIBE), MQTT_UNSUBSCRIBE, "unsubscribe"},
    {MQTT_IN(MQTT_DISCONNECT), MQTT_DISCONNECT, "disconnect"},
};

/* A property that would be fine elsewhere. */
static struct property_pattern sample(uint8_t identifier) {
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

/* The packet with these properties has to be refused: what goes wrong in it is found before anything is done about it.
 */
static bool add_refused(struct scenario_set *set, size_t place, const char *name, const char *title,
                        enum spec_statement statement, const struct property_pattern *properties, size_t count) {
    enum mqtt_type type = places[place].type;
    if (places[place].place == MQTT_IN_WILL_PROPERTIES)
        return ADD_SCENARIO(
            set, name, title, IN_5_0, statement,
            SEND(A, CONNECT(.will_topic = "~/will", .will_properties = properties, .will_property_count = count)),
            REFUSED(A, statement));
    if (type == MQTT_CONNECT)
        return ADD_SCENARIO(set, name, title, IN_5_0, statement,
                            SEND(A, CONNECT(.properties = properties, .property_count = count)), REFUSED(A, statement));
    return ADD_SCENARIO(set, name, title, IN_5_0, statement, CONNECTED(A),
                        SEND(A, PATTERN(type, .filters = {{"~/t", 0}}, .properties = properties,
                                        .property_count = count, .beyond_offer = true)),
                        EXPECT(A, statement, CLOSED()));
}

static bool add_misplaced(struct scenario_set *set, size_t place, uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    const struct property_pattern property = sample(identifier);
    if (kind != NULL && (kind->places & places[place].place) != 0)
        return true;
    const char *label = kind != NULL ? kind->name : scenario_text(set, "0x%02x", identifier);
    return add_refused(set, place, scenario_text(set, "property_%s_in_%s", label, places[place].name),
                       scenario_text(set, "The property %s does not belong in %s", label, places[place].name),
                       V5(4_13_1_1), &property, 1);
}

static bool add_twice(struct scenario_set *set, size_t place, uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    if (kind == NULL || (kind->places & places[place].place) == 0 || (kind->repeated & places[place].place) != 0)
        return true;
    const struct property_pattern twice[] = {sample(identifier), sample(identifier)};
    return add_refused(set, place, scenario_text(set, "property_%s_twice_in_%s", kind->name, places[place].name),
                       scenario_text(set, "The property %s may stand once only in %s", kind->name, places[place].name),
                       V5(4_13_1_1), twice, 2);
}

/* ---- Ranges -------------------------------------------------------------------------------------------------------
 */

static bool is_number(const struct mqtt_property_kind *kind) {
    return kind->form >= MQTT_BYTE && kind->form <= MQTT_VARIABLE_BYTE_INTEGER;
}

/* The largest number that its form can carry. */
static int64_t largest(const struct mqtt_property_kind *kind) {
    static const int64_t numbers[] = {[MQTT_BYTE] = 255,
                                      [MQTT_TWO_BYTE_INTEGER] = 65535,
                                      [MQTT_FOUR_BYTE_INTEGER] = UINT32_MAX,
                                      [MQTT_VARIABLE_BYTE_INTEGER] = MQTT_MAXIMUM_REMAINING_LENGTH};
    return numbers[kind->form];
}

static bool add_beyond(struct scenario_set *set, size_t place, uint8_t identifier, int64_t number) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    const struct property_pattern property = NUMBER(identifier, number);
    enum spec_statement statement = identifier == MQTT_TOPIC_ALIAS ? V5(3_3_2_8) : V5(4_13_1_1);
    return add_refused(
        set, place, scenario_text(set, "property_%s_of_%lld_in_%s", kind->name, (long long)number, places[place].name),
        scenario_text(set, "%lld is out of the range of the property %s", (long long)number, kind->name), statement,
        &property, 1);
}

static bool add_out_of_range(struct scenario_set *set, size_t place, uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    if (kind == NULL || (kind->places & places[place].place) == 0 || !is_number(kind))
        return true;
    if (identifier == MQTT_SUBSCRIPTION_IDENTIFIER && places[place].type == MQTT_PUBLISH)
        return true; /* it may not stand there at all, when a Client sends it */
    bool good = kind->minimum == 0 || add_beyond(set, place, identifier, (int64_t)kind->minimum - 1);
    if (good && (int64_t)kind->maximum < largest(kind))
        good = add_beyond(set, place, identifier, (int64_t)kind->maximum + 1) &&
               add_beyond(set, place, identifier, largest(kind));
    return good;
}

/* Numbers that mean something to the exchange itself are left to the families about them. */
static bool is_harmless(uint8_t identifier) {
    return identifier != MQTT_TOPIC_ALIAS && identifier != MQTT_MAXIMUM_PACKET_SIZE_PROPERTY &&
           identifier != MQTT_RECEIVE_MAXIMUM;
}

static bool add_taken(struct scenario_set *set, size_t place, uint8_t identifier, int64_t number) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    const char *name =
        scenario_text(set, "property_%s_of_%lld_is_taken_in_%s", kind->name, (long long)number, places[place].name);
    const char *title =
        scenario_text(set, "%lld is within the range of the property %s", (long long)number, kind->name);
    if (places[place].place == MQTT_IN_WILL_PROPERTIES)
        return ADD_SCENARIO(
            set, name, title, IN_5_0, V5(3_1_4_5),
            CONNECTED(A, .will_topic = "~/will", .will_message = "gone", WILL_PROPERTIES(NUMBER(identifier, number))));
    if (places[place].type == MQTT_CONNECT)
        return ADD_SCENARIO(set, name, title, IN_5_0, V5(3_1_4_5),
                            CONNECTED(A, PROPERTIES(NUMBER(identifier, number))));
    return ADD_SCENARIO(
        set, name, title, IN_5_0, V5(3_12_4_1), CONNECTED(A),
        SEND(A, PATTERN(places[place].type, .filters = {{"~/t", 0}}, PROPERTIES(NUMBER(identifier, number)))),
        STILL_ALIVE(A, V5(3_12_4_1)));
}

static bool add_ends_of_range(struct scenario_set *set, size_t place, uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    if (kind == NULL || (kind->places & places[place].place) == 0 || !is_number(kind) || !is_harmless(identifier) ||
        places[place].type == MQTT_DISCONNECT)
        return true;
    if (identifier == MQTT_SUBSCRIPTION_IDENTIFIER && places[place].type == MQTT_PUBLISH)
        return true;
    /* The standard gives two values of the Payload Format Indicator and does not say what another one is. */
    int64_t last = identifier == MQTT_PAYLOAD_FORMAT_INDICATOR ? 1 : (int64_t)kind->maximum;
    return add_taken(set, place, identifier, kind->minimum) && add_taken(set, place, identifier, last);
}

/* ---- All of them ----------------------------------------------------------------------------------------------------
 */

static bool generate(struct scenario_set *set) {
    bool good = true;
    for (size_t place = 0; good && place < COUNT_OF(places); place++)
        for (unsigned identifier = 0; good && identifier <= MQTT_PROPERTY_COUNT; identifier++)
            good = add_misplaced(set, place, (uint8_t)identifier) && add_twice(set, place, (uint8_t)identifier) &&
                   add_out_of_range(set, place, (uint8_t)identifier) &&
                   add_ends_of_range(set, place, (uint8_t)identifier);
    return good;
}

GENERATED_FAMILY(generated_properties, generate);
