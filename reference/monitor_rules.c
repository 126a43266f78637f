/* The rules: under which statement a breach is reported, and what must be known to be sure of it. */
#include "reference/monitor_internal.h"

/* What a rule needs beyond the packet itself. Own is the side that is judged. */
enum need {
    NEEDS_NOTHING = 0,
    NEEDS_OWN_PAST = 1,    /* all that the side may hold from before was seen */
    NEEDS_OTHER_SEEN = 2,  /* all that the other side sent on this connection was seen */
    NEEDS_OTHER_HEARD = 4, /* the other side's packets are still being read */
    NEEDS_OWN_SEEN = 8,    /* all that the side sent on this connection was seen */
    NEEDS_INFORMED = 16,   /* a Client: it has received the CONNACK */
};

/* Where in the packet the offending byte is. */
enum place { AT_START, AT_IDENTIFIER, AT_CLIENT_IDENTIFIER, AT_BODY, AT_CODES, AT_PROPERTIES };

enum column { COLUMN_3_1, COLUMN_3_1_1, COLUMN_5_0, COLUMN_COUNT };

/* SPEC_NONE: that version asks nothing of the kind from that side. */
#define NOT_ASKED                                                                                                      \
    { SPEC_NONE, SPEC_NONE, SPEC_NONE }
#define SINCE_3_1(id, in_5)                                                                                            \
    { V311(id), V311(id), V5(in_5) }
#define SINCE_3_1_1(id, in_5)                                                                                          \
    { SPEC_NONE, V311(id), V5(in_5) }
#define SINCE_3_1_BUT_5_0(id)                                                                                          \
    { V311(id), V311(id), SPEC_NONE }
#define IN_3_1_1(id)                                                                                                   \
    { SPEC_NONE, V311(id), SPEC_NONE }
#define IN_5_0(id)                                                                                                     \
    { SPEC_NONE, SPEC_NONE, V5(id) }
/* By the type of the packet: see monitor_breach_of(). */
#define BY_TYPE NOT_ASKED

struct rule {
    unsigned needs;
    enum place place;
    const char *what;
    enum spec_statement statements[MONITOR_SIDES][COLUMN_COUNT]; /* Client, Server */
};

static const struct rule rules[MONITOR_RULE_COUNT] = {
    [MONITOR_RULE_BEFORE_CONNECT] = {NEEDS_NOTHING,
                                     AT_START,
                                     "the Server sent a packet before the Client's CONNECT",
                                     {NOT_ASKED, SINCE_3_1(3_2_0_1, 3_2_0_1)}},
    [MONITOR_RULE_FIRST_NOT_CONNACK] = {NEEDS_NOTHING,
                                        AT_START,
                                        "the Server's first packet is not CONNACK",
                                        {NOT_ASKED, SINCE_3_1(3_2_0_1, 3_2_0_1)}},
    [MONITOR_RULE_SECOND_CONNACK] = {NEEDS_NOTHING,
                                     AT_START,
                                     "the Server sent a second CONNACK",
                                     {NOT_ASKED, SINCE_3_1(3_2_0_1, 3_2_0_2)}},
    [MONITOR_RULE_AFTER_REFUSAL] = {NEEDS_NOTHING,
                                    AT_START,
                                    "the Server sent a packet after refusing the connection",
                                    {NOT_ASKED, SINCE_3_1(3_2_2_5, 3_2_2_7)}},
    [MONITOR_RULE_PRESENT_AFTER_CLEAN] = {NEEDS_NOTHING,
                                          AT_BODY,
                                          "Session Present is 1 though CleanSession is 1",
                                          {NOT_ASKED, SINCE_3_1_1(3_2_2_1, 3_2_2_2)}},
    [MONITOR_RULE_NOT_PRESENT] = {NEEDS_NOTHING,
                                  AT_BODY,
                                  "Session Present is 0 though the Server stored the Session",
                                  {NOT_ASKED, SINCE_3_1_1(3_2_2_2, 3_1_2_5)}},
    [MONITOR_RULE_PRESENT_FROM_NOWHERE] = {NEEDS_NOTHING,
                                           AT_BODY,
                                           "Session Present is 1 though there is no Session",
                                           {NOT_ASKED, SINCE_3_1_1(3_2_2_3, 3_2_2_3)}},
    [MONITOR_RULE_EMPTY_IDENTIFIER_ACCEPTED] = {NEEDS_NOTHING,
                                                AT_BODY,
                                                "an empty Client Identifier with CleanSession 0 was accepted",
                                                {NOT_ASKED, IN_3_1_1(3_1_3_8)}},
    [MONITOR_RULE_SECOND_CONNECT] = {NEEDS_NOTHING,
                                     AT_START,
                                     "CONNECT is not the first packet of the Client",
                                     {SINCE_3_1(3_1_0_2, 3_1_0_2), NOT_ASKED}},
    [MONITOR_RULE_EMPTY_IDENTIFIER] = {NEEDS_NOTHING,
                                       AT_CLIENT_IDENTIFIER,
                                       "the Client Identifier is empty and CleanSession is 0",
                                       {SINCE_3_1_BUT_5_0(3_1_3_7), NOT_ASKED}},
    [MONITOR_RULE_AFTER_DISCONNECT] = {NEEDS_NOTHING,
                                       AT_START,
                                       "a packet follows DISCONNECT",
                                       {SINCE_3_1(3_14_4_2, 3_14_4_1), IN_5_0(3_14_4_1)}},
    [MONITOR_RULE_KEEP_ALIVE] = {NEEDS_NOTHING,
                                 AT_START,
                                 "the Client was silent for more than one and a half times its Keep Alive",
                                 {SINCE_3_1(3_1_2_23, 3_1_2_20), NOT_ASKED}},
    [MONITOR_RULE_REQUEST_IDENTIFIER_IN_USE] = {NEEDS_OTHER_HEARD,
                                                AT_IDENTIFIER,
                                                "the Packet Identifier is still in use",
                                                {SINCE_3_1(2_3_1_2, 2_2_1_3), NOT_ASKED}},
    [MONITOR_RULE_IDENTIFIER_IN_USE_QOS_1] = {NEEDS_OTHER_HEARD,
                                              AT_IDENTIFIER,
                                              "the Packet Identifier of a QoS 1 PUBLISH is still in use",
                                              {SINCE_3_1(2_3_1_2, 4_3_2_1), SINCE_3_1(2_3_1_4, 4_3_2_1)}},
    [MONITOR_RULE_IDENTIFIER_IN_USE_QOS_2] = {NEEDS_OTHER_HEARD,
                                              AT_IDENTIFIER,
                                              "the Packet Identifier of a QoS 2 PUBLISH is still in use",
                                              {SINCE_3_1(2_3_1_2, 4_3_3_1), SINCE_3_1(2_3_1_4, 4_3_3_1)}},
    [MONITOR_RULE_RESENT_OTHER_IDENTIFIER] = {NEEDS_OWN_PAST,
                                              AT_IDENTIFIER,
                                              "a PUBLISH is resent under another Packet Identifier",
                                              {SINCE_3_1(2_3_1_3, 4_4_0_1), SINCE_3_1(2_3_1_4, 4_4_0_1)}},
    [MONITOR_RULE_RESENT_WITHOUT_DUP] = {NEEDS_NOTHING,
                                         AT_START,
                                         "a PUBLISH is resent with DUP 0",
                                         {SINCE_3_1(3_3_1_1, 3_3_1_1), SINCE_3_1(3_3_1_1, 3_3_1_1)}},
    [MONITOR_RULE_FIRST_WITH_DUP_QOS_1] = {NEEDS_OWN_PAST,
                                           AT_START,
                                           "a QoS 1 PUBLISH is sent for the first time with DUP 1",
                                           {SINCE_3_1(4_3_2_1, 4_3_2_2), SINCE_3_1(3_3_1_3, 4_3_2_2)}},
    [MONITOR_RULE_FIRST_WITH_DUP_QOS_2] = {NEEDS_OWN_PAST,
                                           AT_START,
                                           "a QoS 2 PUBLISH is sent for the first time with DUP 1",
                                           {SINCE_3_1(4_3_3_1, 4_3_3_2), SINCE_3_1(3_3_1_3, 4_3_3_2)}},
    [MONITOR_RULE_RESENT_AFTER_PUBREL] = {NEEDS_OTHER_HEARD,
                                          AT_START,
                                          "a PUBLISH is resent after its PUBREL",
                                          {SINCE_3_1(4_3_3_1, 4_3_3_6), SINCE_3_1(4_3_3_1, 4_3_3_6)}},
    [MONITOR_RULE_RESENT_ORDER] = {NEEDS_NOTHING,
                                   AT_IDENTIFIER,
                                   "PUBLISH packets are resent out of their original order",
                                   {SINCE_3_1_1(4_6_0_1, 4_6_0_1), IN_3_1_1(4_6_0_6)}},
    [MONITOR_RULE_NOT_RESENT] =
        {NEEDS_NOTHING,
         AT_START,
         "an unacknowledged PUBLISH was not resent",
         {SINCE_3_1_1(4_4_0_1, 4_4_0_1), NOT_ASKED}},
    [MONITOR_RULE_PUBREL_EARLY] = {NEEDS_OTHER_HEARD,
                                   AT_IDENTIFIER,
                                   "PUBREL is sent though no PUBREC has come",
                                   {SINCE_3_1(4_3_3_1, 4_3_3_3), SINCE_3_1(4_3_3_1, 4_3_3_3)}},
    [MONITOR_RULE_PUBREL_UNKNOWN] = {NEEDS_OWN_PAST | NEEDS_OTHER_SEEN,
                                     AT_IDENTIFIER,
                                     "PUBREL is sent for no QoS 2 PUBLISH",
                                     {SINCE_3_1(2_3_1_6, 2_2_1_5), SINCE_3_1(2_3_1_6, 2_2_1_5)}},
    [MONITOR_RULE_PUBREL_ORDER] = {NEEDS_NOTHING,
                                   AT_IDENTIFIER,
                                   "PUBREL is not sent in the order of the PUBRECs",
                                   {SINCE_3_1_1(4_6_0_4, 4_6_0_4), IN_3_1_1(4_6_0_6)}},
    [MONITOR_RULE_ANSWERS_NOTHING] = {NEEDS_OWN_PAST | NEEDS_OTHER_SEEN,
                                      AT_IDENTIFIER,
                                      "the acknowledgement answers no PUBLISH",
                                      {SINCE_3_1(2_3_1_6, 2_2_1_5), SINCE_3_1(2_3_1_6, 2_2_1_5)}},
    [MONITOR_RULE_WRONG_ANSWER] = {NEEDS_OTHER_SEEN,
                                   AT_START,
                                   "the acknowledgement is of the wrong kind for the QoS of its PUBLISH",
                                   {SINCE_3_1(3_3_4_1, 3_3_4_1), SINCE_3_1(3_3_4_1, 3_3_4_1)}},
    [MONITOR_RULE_PUBACK_ORDER] = {NEEDS_OTHER_SEEN,
                                   AT_IDENTIFIER,
                                   "PUBACK is not sent in the order of the PUBLISH packets",
                                   {SINCE_3_1_1(4_6_0_2, 4_6_0_2), NOT_ASKED}},
    [MONITOR_RULE_PUBREC_ORDER] = {NEEDS_OTHER_SEEN,
                                   AT_IDENTIFIER,
                                   "PUBREC is not sent in the order of the PUBLISH packets",
                                   {SINCE_3_1_1(4_6_0_3, 4_6_0_3), NOT_ASKED}},
    [MONITOR_RULE_PUBCOMP_UNKNOWN] = {NEEDS_OWN_PAST | NEEDS_OTHER_SEEN,
                                      AT_IDENTIFIER,
                                      "PUBCOMP answers no PUBREL",
                                      {SINCE_3_1(4_3_3_2, 4_3_3_11), SINCE_3_1(4_3_3_2, 4_3_3_11)}},
    [MONITOR_RULE_SUBACK_UNKNOWN] = {NEEDS_OTHER_SEEN,
                                     AT_IDENTIFIER,
                                     "SUBACK answers no SUBSCRIBE",
                                     {NOT_ASKED, SINCE_3_1(3_8_4_2, 3_8_4_2)}},
    [MONITOR_RULE_SUBACK_COUNT] = {NEEDS_OTHER_SEEN,
                                   AT_CODES,
                                   "SUBACK does not have one return code for each Topic Filter",
                                   {NOT_ASKED, SINCE_3_1(3_8_4_5, 3_8_4_6)}},
    [MONITOR_RULE_GRANT_ABOVE_REQUEST] = {NEEDS_OTHER_SEEN,
                                          AT_CODES,
                                          "SUBACK grants a higher QoS than was requested",
                                          {NOT_ASKED, SINCE_3_1_BUT_5_0(3_8_4_5)}},
    [MONITOR_RULE_UNSUBACK_UNKNOWN] = {NEEDS_OTHER_SEEN,
                                       AT_IDENTIFIER,
                                       "UNSUBACK answers no UNSUBSCRIBE",
                                       {NOT_ASKED, SINCE_3_1(3_10_4_4, 3_10_4_5)}},
    [MONITOR_RULE_NO_SUBSCRIPTION] = {NEEDS_OWN_PAST | NEEDS_OTHER_SEEN,
                                      AT_BODY,
                                      "the Topic Name matches no subscription of the Session",
                                      {NOT_ASKED, SINCE_3_1(3_3_2_3, 3_3_2_3)}},
    [MONITOR_RULE_DOLLAR_TOPIC] = {NEEDS_OWN_PAST | NEEDS_OTHER_SEEN,
                                   AT_BODY,
                                   "a Topic Name that starts with $ matches only a filter that starts with a wildcard",
                                   {NOT_ASKED, SINCE_3_1_1(4_7_2_1, 4_7_2_1)}},
    [MONITOR_RULE_QOS_ABOVE_GRANT] = {NEEDS_OWN_PAST | NEEDS_OTHER_SEEN,
                                      AT_START,
                                      "the QoS is above all that was granted to subscriptions that match",
                                      {NOT_ASKED, SINCE_3_1(3_8_4_6, 3_8_4_8)}},
    [MONITOR_RULE_IDENTIFIER_OF_NO_SUBSCRIPTION] = {NEEDS_OWN_PAST | NEEDS_OTHER_SEEN,
                                                    AT_PROPERTIES,
                                                    "no subscription that matches has this Subscription Identifier",
                                                    {NOT_ASKED, IN_5_0(3_3_4_5)}},
    [MONITOR_RULE_IDENTIFIER_MISSING] =
        {NEEDS_OWN_PAST | NEEDS_OTHER_SEEN,
         AT_PROPERTIES,
         "all subscriptions that match have a Subscription Identifier, and none is sent",
         {NOT_ASKED, IN_5_0(3_3_4_3)}},
    [MONITOR_RULE_RETAIN_UNASKED] =
        {NEEDS_OWN_PAST | NEEDS_OTHER_SEEN,
         AT_START,
         "RETAIN is 1 though no subscription that matches asks for retained messages or keeps RETAIN",
         {NOT_ASKED, IN_5_0(3_3_1_11)}},
    [MONITOR_RULE_UNSUBACK_COUNT] = {NEEDS_OTHER_SEEN,
                                     AT_CODES,
                                     "UNSUBACK does not have one Reason Code for each Topic Filter",
                                     {NOT_ASKED, IN_5_0(3_11_3_1)}},
    [MONITOR_RULE_SERVER_KEEP_ALIVE] =
        {NEEDS_NOTHING,
         AT_START,
         "the Client was silent for more than one and a half times the Server Keep Alive",
         {IN_5_0(3_1_2_21), NOT_ASKED}},
    [MONITOR_RULE_RESENT_ON_CONNECTION] = {NEEDS_OTHER_HEARD,
                                           AT_IDENTIFIER,
                                           "a packet is resent on the connection on which it was sent",
                                           {IN_5_0(4_4_0_1), IN_5_0(4_4_0_1)}},
    [MONITOR_RULE_RECEIVE_MAXIMUM] = {NEEDS_OTHER_SEEN | NEEDS_INFORMED,
                                      AT_IDENTIFIER,
                                      "more PUBLISH packets are unacknowledged than the Receive Maximum allows",
                                      {IN_5_0(3_3_4_7), IN_5_0(3_3_4_9)}},
    [MONITOR_RULE_PACKET_SIZE] =
        {NEEDS_INFORMED,
         AT_START,
         "the packet is larger than the Maximum Packet Size",
         {IN_5_0(3_2_2_15), IN_5_0(3_1_2_24)}},
    [MONITOR_RULE_REASON_STRING_SIZE] = {NEEDS_INFORMED,
                                         AT_PROPERTIES,
                                         "a Reason String makes the packet larger than the Maximum Packet Size",
                                         {BY_TYPE, BY_TYPE}},
    [MONITOR_RULE_USER_PROPERTY_SIZE] = {NEEDS_INFORMED,
                                         AT_PROPERTIES,
                                         "User Properties make the packet larger than the Maximum Packet Size",
                                         {BY_TYPE, BY_TYPE}},
    [MONITOR_RULE_PROBLEM_INFORMATION] =
        {NEEDS_NOTHING,
         AT_PROPERTIES,
         "a Reason String or User Property is sent though Request Problem Information is 0",
         {NOT_ASKED, IN_5_0(3_1_2_29)}},
    [MONITOR_RULE_RESPONSE_INFORMATION] = {NEEDS_NOTHING,
                                           AT_PROPERTIES,
                                           "Response Information is sent though the Client did not ask for it",
                                           {NOT_ASKED, IN_5_0(3_1_2_28)}},
    [MONITOR_RULE_ALIAS_UNWANTED] = {NEEDS_NOTHING,
                                     AT_PROPERTIES,
                                     "a Topic Alias is sent to a receiver that takes none",
                                     {IN_5_0(3_2_2_18), IN_5_0(3_1_2_27)}},
    [MONITOR_RULE_ALIAS_TOO_HIGH] = {NEEDS_NOTHING,
                                     AT_PROPERTIES,
                                     "the Topic Alias is above the Topic Alias Maximum",
                                     {IN_5_0(3_2_2_17), IN_5_0(3_1_2_26)}},
    [MONITOR_RULE_ALIAS_NOT_SET] = {NEEDS_OWN_SEEN,
                                    AT_PROPERTIES,
                                    "the Topic Alias was not set on this connection",
                                    {IN_5_0(3_3_2_7), IN_5_0(3_3_2_7)}},
    [MONITOR_RULE_QOS_NOT_OFFERED] = {NEEDS_INFORMED,
                                      AT_START,
                                      "the QoS is above the Maximum QoS of the Server",
                                      {IN_5_0(3_2_2_11), NOT_ASKED}},
    [MONITOR_RULE_RETAIN_NOT_OFFERED] = {NEEDS_INFORMED,
                                         AT_START,
                                         "RETAIN is 1 though the Server does not retain messages",
                                         {IN_5_0(3_2_2_14), NOT_ASKED}},
    [MONITOR_RULE_WILDCARD_NOT_OFFERED] = {NEEDS_INFORMED,
                                           AT_START,
                                           "a Topic Filter has a wildcard though the Server takes none",
                                           {IN_5_0(4_13_1_1), NOT_ASKED}},
    [MONITOR_RULE_SHARED_NOT_OFFERED] = {NEEDS_INFORMED,
                                         AT_START,
                                         "a subscription is shared though the Server has no Shared Subscriptions",
                                         {IN_5_0(4_13_1_1), NOT_ASKED}},
    [MONITOR_RULE_IDENTIFIER_NOT_OFFERED] = {NEEDS_INFORMED,
                                             AT_PROPERTIES,
                                             "a subscription has an identifier though the Server takes none",
                                             {IN_5_0(4_13_1_1), NOT_ASKED}},
    [MONITOR_RULE_NO_ASSIGNED_IDENTIFIER] = {NEEDS_NOTHING,
                                             AT_PROPERTIES,
                                             "an empty Client Identifier was accepted without assigning one",
                                             {NOT_ASKED, IN_5_0(3_2_2_16)}},
    [MONITOR_RULE_ASSIGNED_NOT_UNIQUE] = {NEEDS_NOTHING,
                                          AT_PROPERTIES,
                                          "the Assigned Client Identifier is that of another Session",
                                          {NOT_ASKED, IN_5_0(3_2_2_16)}},
    [MONITOR_RULE_EXPIRY_RAISED] = {NEEDS_NOTHING,
                                    AT_PROPERTIES,
                                    "a Session Expiry Interval of 0 is raised in DISCONNECT",
                                    {IN_5_0(4_13_1_1), NOT_ASKED}},
    [MONITOR_RULE_GOES_ON_WITHOUT_SESSION] =
        {NEEDS_INFORMED,
         AT_START,
         "the Client goes on though the Server has a Session that the Client does not have",
         {IN_5_0(3_2_2_4), NOT_ASKED}},
    [MONITOR_RULE_RESENT_OF_LOST_SESSION] = {NEEDS_INFORMED,
                                             AT_START,
                                             "a PUBLISH is resent of a Session that the Server does not have",
                                             {IN_5_0(3_2_2_5), NOT_ASKED}},
    [MONITOR_RULE_EARLY_DISCONNECT] = {NEEDS_NOTHING,
                                       AT_START,
                                       "the Server sent DISCONNECT without having accepted the connection",
                                       {NOT_ASKED, IN_5_0(3_14_0_1)}},
    [MONITOR_RULE_BEFORE_AUTHENTICATED] =
        {NEEDS_NOTHING,
         AT_START,
         "the Client sent a packet other than AUTH and DISCONNECT before it is authenticated",
         {IN_5_0(3_1_2_30), NOT_ASKED}},
    [MONITOR_RULE_NO_METHOD_ASKED] = {NEEDS_NOTHING,
                                      AT_START,
                                      "CONNECT names no Authentication Method, and the packet is about one",
                                      {IN_5_0(4_12_0_7), IN_5_0(4_12_0_6)}},
    [MONITOR_RULE_METHOD_MISSING] = {NEEDS_NOTHING,
                                     AT_PROPERTIES,
                                     "the Authentication Method is missing",
                                     {IN_5_0(4_12_0_5), IN_5_0(4_12_0_5)}},
    [MONITOR_RULE_OTHER_METHOD] = {NEEDS_NOTHING,
                                   AT_PROPERTIES,
                                   "the Authentication Method is not that of CONNECT",
                                   {IN_5_0(4_12_0_5), IN_5_0(4_12_0_5)}},
    [MONITOR_RULE_OTHER_METHOD_AGAIN] = {NEEDS_NOTHING,
                                         AT_PROPERTIES,
                                         "the Client authenticates again by another Authentication Method",
                                         {IN_5_0(4_12_1_1), NOT_ASKED}},
    [MONITOR_RULE_AUTH_REASON] = {NEEDS_NOTHING,
                                  AT_BODY,
                                  "AUTH before CONNACK does not say that authentication continues",
                                  {IN_5_0(4_12_0_3), IN_5_0(4_12_0_2)}},
    [MONITOR_RULE_AUTH_REASON_OF_OTHER_SIDE] = {NEEDS_NOTHING,
                                                AT_BODY,
                                                "AUTH has a Reason Code that only the other side may send",
                                                {IN_5_0(3_15_2_1), IN_5_0(3_15_2_1)}},
};

static enum column column_of(enum mqtt_version version) {
    return version == MQTT_3_1 ? COLUMN_3_1 : version == MQTT_5_0 ? COLUMN_5_0 : COLUMN_3_1_1;
}

static enum spec_statement statement_of(const struct monitored *connection, enum mqtt_side side,
                                        const struct rule *rule) {
    const enum spec_statement *statements = rule->statements[side];
    /* Where the version is only assumed, what 3.1 does not ask for cannot be held against anybody. */
    if (connection->version_assumed && statements[COLUMN_3_1] == SPEC_NONE)
        return SPEC_NONE;
    return statements[column_of(connection->version)];
}

static bool enough_is_known(const struct monitored *connection, enum mqtt_side side, unsigned needs) {
    enum mqtt_side other = monitor_other(side);
    if ((needs & NEEDS_OWN_PAST) != 0 && (connection->session == NULL || !connection->session->past[side]))
        return false;
    if ((needs & NEEDS_OTHER_SEEN) != 0 && !connection->seen[other])
        return false;
    if ((needs & NEEDS_OWN_SEEN) != 0 && !connection->seen[side])
        return false;
    if ((needs & NEEDS_INFORMED) != 0 && side == MQTT_CLIENT && !connection->informed)
        return false;
    return (needs & NEEDS_OTHER_HEARD) == 0 || !connection->streams[other].silent;
}

static uint32_t offset_of(const struct monitored *connection, enum place place) {
    const struct mqtt_packet *packet = connection->packet;
    if (packet == NULL || place == AT_START)
        return 0;
    uint32_t body = 1;
    while (body < MQTT_MAXIMUM_FIXED_HEADER && (connection->bytes.data[body] & 0x80u) != 0)
        body++;
    body++;
    struct mqtt_bytes properties = mqtt_packet_properties(packet);
    if (place == AT_PROPERTIES && properties.data != NULL)
        return (uint32_t)(properties.data - connection->bytes.data);
    if (place == AT_CODES)
        return (uint32_t)(packet->suback.codes.data - connection->bytes.data);
    if (place == AT_CLIENT_IDENTIFIER) /* of its length, for it is empty */
        return (uint32_t)(packet->connect.client_identifier.data - connection->bytes.data) - 2;
    if (place == AT_BODY || place == AT_PROPERTIES || packet->type != MQTT_PUBLISH)
        return body <= connection->bytes.length ? body : 0;
    return (uint32_t)(packet->publish.topic.data - connection->bytes.data) + packet->publish.topic.length;
}

static void tell(const struct monitored *connection, enum mqtt_side side, const struct rule *rule,
                 enum spec_statement statement) {
    const struct monitor_hooks *hooks = &connection->monitor->hooks;
    if (statement == SPEC_NONE || hooks->breach == NULL || !enough_is_known(connection, side, rule->needs))
        return;
    struct monitor_breach breach = {
        .side = side,
        .statement = statement,
        .what = rule->what,
        .time = connection->now,
        .owner = connection->owner,
        .packet = connection->packet,
        .bytes = connection->packet != NULL ? connection->bytes : (struct mqtt_bytes){NULL, 0},
        .offset = offset_of(connection, rule->place),
    };
    hooks->breach(hooks->context, &breach);
}

void monitor_breach(const struct monitored *connection, enum mqtt_side side, enum monitor_rule number) {
    tell(connection, side, &rules[number], statement_of(connection, side, &rules[number]));
}

void monitor_breach_of(const struct monitored *connection, enum mqtt_side side, enum monitor_rule number,
                       enum spec_statement statement) {
    tell(connection, side, &rules[number], connection->version_assumed ? SPEC_NONE : statement);
}
