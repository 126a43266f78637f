/* A conversation as an entry of a scenario table. */
#include "fuzz/finding.h"

#include <string.h>

/* ---- C literals ---------------------------------------------------------------------------------------------- */

/* Text as a C string, with the conversation's name as the "~" of the tables. */
static void put_text(FILE *file, struct mqtt_bytes text) {
    bool was_hex = false;
    fputc('"', file);
    for (uint32_t i = 0; i < text.length; i++) {
        uint8_t byte = text.data[i];
        bool is_name = text.length - i >= PLAN_NAME_LENGTH && memcmp(text.data + i, PLAN_NAME, PLAN_NAME_LENGTH) == 0;
        bool is_plain = byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\' && byte != '?' && !was_hex;
        if (is_name) {
            fputs(was_hex ? "\" \"~" : "~", file);
            i += PLAN_NAME_LENGTH - 1;
            was_hex = false;
        } else if (is_plain) {
            fputc(byte, file);
        } else {
            fprintf(file, "%s\\x%02X", was_hex ? "\" \"" : "", byte);
            was_hex = true;
            continue;
        }
        was_hex = false;
    }
    fputc('"', file);
}

static void put_field(FILE *file, const char **separator, const char *name) {
    fprintf(file, "%s.%s = ", *separator, name);
    *separator = ", ";
}

static void put_number(FILE *file, const char **separator, const char *name, unsigned number) {
    put_field(file, separator, name);
    fprintf(file, "%u", number);
}

static void put_string(FILE *file, const char **separator, const char *name, struct mqtt_bytes text) {
    put_field(file, separator, name);
    put_text(file, text);
}

/* "MQTT_TOPIC_ALIAS" of "topic_alias". */
static void put_identifier(FILE *file, uint8_t identifier) {
    const char *name = mqtt_property_kind(identifier)->name;
    fputs("MQTT_", file);
    for (; *name != '\0'; name++)
        fputc(*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name, file);
    if (identifier == MQTT_MAXIMUM_PACKET_SIZE_PROPERTY)
        fputs("_PROPERTY", file);
}

static void put_properties(FILE *file, const char **separator, const char *macro, struct mqtt_bytes set) {
    struct mqtt_property property;
    if (set.length == 0)
        return;
    fprintf(file, "%s%s(", *separator, macro);
    *separator = ", ";
    for (const char *between = ""; mqtt_next_property(&set, &property); between = ", ") {
        enum mqtt_property_form form = mqtt_property_kind(property.identifier)->form;
        fputs(between, file);
        if (form == MQTT_UTF8_STRING_PAIR) {
            fputs("USER(", file);
            put_text(file, property.bytes);
            fputs(", ", file);
            put_text(file, property.value);
            fputc(')', file);
            continue;
        }
        bool is_number = form <= MQTT_VARIABLE_BYTE_INTEGER;
        fputs(is_number ? "NUMBER(" : form == MQTT_BINARY_DATA ? "BINARY(" : "TEXT(", file);
        put_identifier(file, property.identifier);
        fputs(", ", file);
        if (is_number)
            fprintf(file, "%u", property.number);
        else
            put_text(file, property.bytes);
        fputc(')', file);
    }
    fputc(')', file);
}

/* ---- Packets ------------------------------------------------------------------------------------------------- */

static void put_connect(FILE *file, const struct mqtt_connect *connect) {
    const char *separator = "";
    put_number(file, &separator, "protocol_level", connect->protocol_level);
    put_number(file, &separator, "clean_session", (connect->flags & MQTT_CONNECT_CLEAN_SESSION) != 0);
    put_number(file, &separator, "keep_alive", connect->keep_alive);
    put_string(file, &separator, "client_identifier", connect->client_identifier);
    if ((connect->flags & MQTT_CONNECT_WILL) != 0) {
        put_string(file, &separator, "will_topic", connect->will_topic);
        put_string(file, &separator, "will_message", connect->will_message);
        put_number(file, &separator, "will_qos", mqtt_will_qos(connect->flags));
        put_number(file, &separator, "will_retain", (connect->flags & MQTT_CONNECT_WILL_RETAIN) != 0);
        put_properties(file, &separator, "WILL_PROPERTIES", connect->will_properties);
    }
    if (connect->user_name.data != NULL)
        put_string(file, &separator, "user_name", connect->user_name);
    if (connect->password.data != NULL)
        put_string(file, &separator, "password", connect->password);
    put_properties(file, &separator, "PROPERTIES", connect->properties);
}

static void put_publish(FILE *file, const struct mqtt_packet *packet, bool is_sent) {
    const char *separator = "";
    put_number(file, &separator, "qos", mqtt_publish_qos(packet->flags));
    put_number(file, &separator, "retain", (packet->flags & MQTT_PUBLISH_RETAIN) != 0);
    put_number(file, &separator, "dup", (packet->flags & MQTT_PUBLISH_DUP) != 0);
    if (is_sent && mqtt_publish_qos(packet->flags) > 0)
        put_number(file, &separator, "packet_identifier", packet->publish.packet_identifier);
    put_string(file, &separator, "topic", packet->publish.topic);
    put_string(file, &separator, "payload", packet->publish.payload);
    put_properties(file, &separator, "PROPERTIES", packet->publish.properties);
}

static void put_filters(FILE *file, uint16_t packet_identifier, struct mqtt_bytes filters, bool has_options,
                        struct mqtt_bytes properties) {
    const char *separator = "";
    const char *between = "";
    struct mqtt_bytes filter;
    uint8_t options = 0;
    put_number(file, &separator, "packet_identifier", packet_identifier);
    put_field(file, &separator, "filters");
    fputc('{', file);
    for (; mqtt_next_filter(&filters, &filter, has_options ? &options : NULL); between = ", ") {
        fprintf(file, "%s{", between);
        put_text(file, filter);
        if (has_options)
            fprintf(file, ", %u", options);
        else
            fputs(", -1", file);
        fputc('}', file);
    }
    fputc('}', file);
    put_properties(file, &separator, "PROPERTIES", properties);
}

/* Identifiers that the broker chose are variables of the table. */
static void put_acknowledgement(FILE *file, const struct mqtt_packet *packet, int variable) {
    if (variable >= 0)
        fprintf(file, ".packet_identifier = ID(%d)", variable);
    else
        fprintf(file, ".packet_identifier = %u", packet->acknowledgement.packet_identifier);
    if (packet->acknowledgement.reason_code != 0)
        fprintf(file, ", .reason = 0x%02X", packet->acknowledgement.reason_code);
}

static void put_codes(FILE *file, const struct mqtt_suback *suback) {
    fprintf(file, ".packet_identifier = %u, CODES(\"", suback->packet_identifier);
    for (uint32_t i = 0; i < suback->codes.length; i++)
        fprintf(file, "\\x%02X", suback->codes.data[i]);
    fputs("\")", file);
}

static void put_packet(FILE *file, enum mqtt_version version, const struct mqtt_packet *packet, bool is_sent,
                       int variable) {
    fprintf(file, "%s(", mqtt_type_name(packet->type));
    switch (packet->type) {
    case MQTT_CONNECT:
        put_connect(file, &packet->connect);
        break;
    case MQTT_CONNACK:
        fprintf(file, packet->connack.code == 0 ? ".code = 0, .session_present = %u" : ".code = REFUSAL",
                packet->connack.acknowledge_flags);
        break;
    case MQTT_PUBLISH:
        put_publish(file, packet, is_sent);
        if (variable >= 0)
            fprintf(file, ", .packet_identifier = ID(%d)", variable);
        break;
    case MQTT_SUBSCRIBE:
        put_filters(file, packet->subscribe.packet_identifier, packet->subscribe.filters, true,
                    packet->subscribe.properties);
        break;
    case MQTT_UNSUBSCRIBE:
        put_filters(file, packet->unsubscribe.packet_identifier, packet->unsubscribe.filters, false,
                    packet->unsubscribe.properties);
        break;
    case MQTT_SUBACK:
        put_codes(file, &packet->suback);
        break;
    case MQTT_UNSUBACK:
        if (version == MQTT_5_0)
            put_codes(file, &packet->suback);
        else
            put_acknowledgement(file, packet, -1);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        put_acknowledgement(file, packet, variable);
        break;
    case MQTT_DISCONNECT:
        if (is_sent && packet->disconnect.reason_code != 0)
            fprintf(file, ".reason = 0x%02X", packet->disconnect.reason_code);
        break;
    default:
        break;
    }
    fputc(')', file);
}

/* ---- Steps --------------------------------------------------------------------------------------------------- */

/* Which ID(n) stands for the message of item `index`, a RECEIVE; -1: none. Each later packet that has to do with it has
 * the same. */
static int variable_of(const struct script *script, uint32_t index) {
    int count = -1;
    for (uint32_t i = 0; i <= index; i++) {
        const struct script_item *item = &script->items[i];
        if (item->kind == SCRIPT_RECEIVE && item->decoded && item->packet.type == MQTT_PUBLISH &&
            mqtt_publish_qos(item->packet.flags) > 0)
            count++;
    }
    return count % 8;
}

/* The PUBLISH of the broker's that started the exchange of this Packet Identifier on the link. */
static int variable_of_exchange(const struct script *script, uint32_t before, uint8_t link, uint16_t identifier) {
    for (uint32_t i = before; i > 0; i--) {
        const struct script_item *item = &script->items[i - 1];
        if (item->kind == SCRIPT_RECEIVE && item->decoded && item->link == link && item->packet.type == MQTT_PUBLISH &&
            mqtt_publish_qos(item->packet.flags) > 0 && item->packet.publish.packet_identifier == identifier)
            return variable_of(script, i - 1);
    }
    return -1;
}

static void put_sent(FILE *file, const struct script *script, uint32_t index) {
    struct spec_rules rules;
    memset(&rules, 0, sizeof rules);
    const struct script_item *item = &script->items[index];
    struct mqtt_bytes bytes = script_bytes(script, item);
    bool is_connect = bytes.length > 0 && bytes.data[0] >> 4 == MQTT_CONNECT;
    struct mqtt_decoder decoder = {
        .version = is_connect ? MQTT_VERSION_UNKNOWN : item->version, .sender = MQTT_CLIENT, .rules = &rules};
    struct mqtt_packet packet;
    struct mqtt_error error;
    uint32_t size;
    bool is_packet = mqtt_next(&decoder, bytes, &packet, &size, &error) == MQTT_OK && size == bytes.length &&
                     packet.type != MQTT_AUTH && !(is_connect && packet.connect.client_identifier.data == NULL);
    if (is_packet) {
        bool answers = item->answers != SCRIPT_NONE;
        int variable = answers && packet.type != MQTT_PUBREL
                           ? variable_of_exchange(script, index, item->link, packet.acknowledgement.packet_identifier)
                           : -1;
        fprintf(file, ",\n        SEND(%c, ", 'A' + item->link);
        put_packet(file, item->version, &packet, true, variable);
    } else {
        fprintf(file, ",\n        SEND_BYTES(%c", 'A' + item->link);
        for (uint32_t i = 0; i < bytes.length; i++)
            fprintf(file, ", 0x%02X", bytes.data[i]);
    }
    fputc(')', file);
}

static void put_expected(FILE *file, const struct script *script, uint32_t index, const char *statement) {
    const struct script_item *item = &script->items[index];
    int variable = -1;
    fprintf(file, ",\n        EXPECT(%c, %s, ", 'A' + item->link, statement);
    if (item->kind == SCRIPT_CLOSED || !item->decoded) {
        fputs("CLOSED())", file);
        return;
    }
    if (item->packet.type == MQTT_PUBLISH && mqtt_publish_qos(item->packet.flags) > 0)
        variable = variable_of(script, index);
    if (item->packet.type == MQTT_PUBREL)
        variable = variable_of_exchange(script, index, item->link, item->packet.acknowledgement.packet_identifier);
    put_packet(file, item->version, &item->packet, false, variable);
    fputc(')', file);
}

/* V311(3_1_2_24) of "MQTT311:3.1.2-24". */
static void name_statement(enum spec_statement statement, char *name, size_t size) {
    if (statement == SPEC_NONE) {
        snprintf(name, size, "SPEC_NONE");
        return;
    }
    const struct spec_row *row = spec_row(statement);
    snprintf(name, size, "%s(%s)", row->version == SPEC_MQTT_5_0 ? "V5" : "V311", strchr(row->qualified, ':') + 1);
    for (char *at = name; *at != '\0'; at++)
        if (*at == '.' || *at == '-')
            *at = '_';
}

void finding_write_scenario(const struct script *script, const struct outcome *outcome, FILE *file) {
    char statement[60];
    name_statement(outcome->statement_count > 0 ? outcome->statements[0] : SPEC_NONE, statement, sizeof statement);
    fprintf(file, "/* What a Server does that keeps the standard, as the reference broker shows it.\n * Found: %s */\n",
            outcome->what);
    fprintf(file, "    SCENARIO(found_by_fuzzing,\n        \"Found by fuzzing\",\n        STATEMENTS(%s)", statement);
    for (uint32_t i = 0; i < script->count && script->items[i].step <= outcome->step; i++) {
        const struct script_item *item = &script->items[i];
        if (item->kind == SCRIPT_OPEN && (i + 1 == script->count || script->items[i + 1].kind != SCRIPT_SEND ||
                                          script->items[i + 1].link != item->link))
            fprintf(file, ",\n        OPEN(%c)", 'A' + item->link);
        else if (item->kind == SCRIPT_SEND)
            put_sent(file, script, i);
        else if (item->kind == SCRIPT_CLOSE)
            fprintf(file, ",\n        DROP(%c)", 'A' + item->link);
        else if (item->kind == SCRIPT_WAIT)
            fprintf(file, ",\n        WAIT(%u)", item->milliseconds);
        else if (item->kind == SCRIPT_RECEIVE || item->kind == SCRIPT_CLOSED)
            put_expected(file, script, i, statement);
    }
    fputs("),\n", file);
}
