/* Packets in the notation of scenario.h, so that what came can be held against what the table says. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conformance/player_internal.h"

#define NOTATION_SIZE 1000
#define TEXT_SHOWN    120u

/* A text that grows up to its size and is cut there. */
struct notation {
    const struct player *player;
    enum mqtt_version version;
    struct mqtt_bytes topic; /* of PUBLISH, with what its alias stands for in its place */
    size_t length;
    bool has_field;
    char text[NOTATION_SIZE];
};

__attribute__((format(printf, 2, 3))) static void put(struct notation *notation, const char *format, ...) {
    size_t room = sizeof notation->text - notation->length;
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(notation->text + notation->length, room, format, arguments);
    va_end(arguments);
    if (written > 0)
        notation->length += (size_t)written < room ? (size_t)written : room - 1;
}

static void put_name(struct notation *notation, const char *name) {
    put(notation, "%s.%s = ", notation->has_field ? ", " : "", name);
    notation->has_field = true;
}

static void put_number(struct notation *notation, const char *name, unsigned number) {
    put_name(notation, name);
    put(notation, "%u", number);
}

/* A C string; the name space becomes "~" again. */
static void put_string(struct notation *notation, struct mqtt_bytes text) {
    const char *name_space = notation->player->options.name_space;
    size_t width = strlen(name_space);
    put(notation, "\"");
    for (uint32_t i = 0; i < text.length && i < TEXT_SHOWN; i++) {
        unsigned char c = text.data[i];
        if (width > 0 && width <= text.length - i && memcmp(text.data + i, name_space, width) == 0) {
            put(notation, "~");
            i += (uint32_t)width - 1;
        } else if (c == '"' || c == '\\') {
            put(notation, "\\%c", c);
        } else if (c < 0x20 || c >= 0x7F) {
            put(notation, "\\x%02X", c);
        } else {
            put(notation, "%c", c);
        }
    }
    put(notation, text.length > TEXT_SHOWN ? "...\"" : "\"");
}

static void put_text(struct notation *notation, const char *name, struct mqtt_bytes text) {
    put_name(notation, name);
    put_string(notation, text);
}

/* A Reason Code and what it is called. */
static void put_reason(struct notation *notation, enum mqtt_type type, uint8_t reason) {
    const char *name = mqtt_reason_name(type, reason);
    put_name(notation, "reason");
    put(notation, "0x%02X", reason);
    if (name != NULL)
        put(notation, " /* %s */", name);
}

static void put_codes(struct notation *notation, struct mqtt_bytes codes) {
    put(notation, notation->has_field ? ", " : "");
    notation->has_field = true;
    put(notation, "CODES(\"");
    for (uint32_t i = 0; i < codes.length && i < TEXT_SHOWN / 4; i++)
        put(notation, "\\x%02X", codes.data[i]);
    put(notation, "\")");
}

/* ---- Properties -------------------------------------------------------------------------------------------- */

/* MQTT_TOPIC_ALIAS for "topic_alias". */
static void put_identifier(struct notation *notation, uint8_t identifier) {
    const struct mqtt_property_kind *kind = mqtt_property_kind(identifier);
    if (kind == NULL) {
        put(notation, "0x%02X", identifier);
        return;
    }
    put(notation, "MQTT_");
    for (const char *name = kind->name; *name != '\0'; name++)
        put(notation, "%c", toupper((unsigned char)*name));
    put(notation, identifier == MQTT_MAXIMUM_PACKET_SIZE_PROPERTY ? "_PROPERTY" : "");
}

static void put_property(struct notation *notation, const struct mqtt_property *property) {
    static const char *const macros[MQTT_PROPERTY_FORM_COUNT] = {
        [MQTT_UTF8_STRING] = "TEXT",
        [MQTT_BINARY_DATA] = "BINARY",
        [MQTT_UTF8_STRING_PAIR] = "USER",
    };
    const struct mqtt_property_kind *kind = mqtt_property_kind(property->identifier);
    const char *macro = kind == NULL ? NULL : macros[kind->form];
    if (kind == NULL)
        return;
    put(notation, "%s(", macro == NULL ? "NUMBER" : macro);
    if (kind->form != MQTT_UTF8_STRING_PAIR) {
        put_identifier(notation, property->identifier);
        put(notation, ", ");
    }
    if (macro == NULL)
        put(notation, "%lu", (unsigned long)property->number);
    else
        put_string(notation, property->bytes);
    if (kind->form == MQTT_UTF8_STRING_PAIR) {
        put(notation, ", ");
        put_string(notation, property->value);
    }
    put(notation, ")");
}

static void put_properties(struct notation *notation, struct mqtt_bytes properties) {
    struct mqtt_property property;
    const char *separator = "PROPERTIES(";
    if (properties.length == 0)
        return;
    put(notation, notation->has_field ? ", " : "");
    notation->has_field = true;
    while (mqtt_next_property(&properties, &property)) {
        put(notation, "%s", separator);
        put_property(notation, &property);
        separator = ", ";
    }
    put(notation, ")");
}

/* ---- Fields, one function for packets of a kind ------------------------------------------------------------ */

static void write_connack(struct notation *notation, const struct mqtt_packet *packet) {
    if (notation->version != MQTT_3_1)
        put_number(notation, "session_present", packet->connack.acknowledge_flags & 1u);
    if (notation->version == MQTT_5_0 && packet->connack.code != 0)
        put_reason(notation, MQTT_CONNACK, packet->connack.code);
    else
        put_number(notation, "code", packet->connack.code);
}

static bool is_made_payload(struct mqtt_bytes payload) {
    for (uint32_t i = 0; i < payload.length; i++)
        if (payload.data[i] != player_payload_byte(i))
            return false;
    return payload.length > TEXT_SHOWN;
}

static void write_publish(struct notation *notation, const struct mqtt_packet *packet) {
    const struct mqtt_publish *publish = &packet->publish;
    put_text(notation, "topic", notation->topic);
    if (!mqtt_equal(notation->topic, publish->topic))
        put_text(notation, "wire_topic", publish->topic);
    if (is_made_payload(publish->payload))
        put_number(notation, "payload_size", publish->payload.length);
    else
        put_text(notation, "payload", publish->payload);
    put_number(notation, "qos", mqtt_publish_qos(packet->flags));
    put_number(notation, "dup", (packet->flags & MQTT_PUBLISH_DUP) != 0);
    put_number(notation, "retain", (packet->flags & MQTT_PUBLISH_RETAIN) != 0);
    if (mqtt_publish_qos(packet->flags) > 0)
        put_number(notation, "packet_identifier", publish->packet_identifier);
}

static void write_acknowledgement(struct notation *notation, const struct mqtt_packet *packet) {
    put_number(notation, "packet_identifier", packet->acknowledgement.packet_identifier);
    if (packet->acknowledgement.reason_code != 0)
        put_reason(notation, packet->type, packet->acknowledgement.reason_code);
}

static void write_suback(struct notation *notation, const struct mqtt_packet *packet) {
    put_number(notation, "packet_identifier", packet->suback.packet_identifier);
    put_codes(notation, packet->suback.codes);
}

static void write_unsuback(struct notation *notation, const struct mqtt_packet *packet) {
    if (notation->version == MQTT_5_0)
        write_suback(notation, packet);
    else
        write_acknowledgement(notation, packet);
}

static void write_disconnect(struct notation *notation, const struct mqtt_packet *packet) {
    put_reason(notation, packet->type, packet->disconnect.reason_code);
}

static void write_nothing(struct notation *notation, const struct mqtt_packet *packet) {
    (void)notation;
    (void)packet;
}

const char *player_notation(struct player *player, enum mqtt_version version, const struct mqtt_packet *packet,
                            struct mqtt_bytes topic) {
    /* What a Server never sends is refused in decoding and does not get here. */
    static void (*const write[MQTT_TYPE_COUNT])(struct notation *, const struct mqtt_packet *) = {
        [MQTT_RESERVED] = write_nothing,       [MQTT_CONNECT] = write_nothing,
        [MQTT_CONNACK] = write_connack,        [MQTT_PUBLISH] = write_publish,
        [MQTT_PUBACK] = write_acknowledgement, [MQTT_PUBREC] = write_acknowledgement,
        [MQTT_PUBREL] = write_acknowledgement, [MQTT_PUBCOMP] = write_acknowledgement,
        [MQTT_SUBSCRIBE] = write_nothing,      [MQTT_SUBACK] = write_suback,
        [MQTT_UNSUBSCRIBE] = write_nothing,    [MQTT_UNSUBACK] = write_unsuback,
        [MQTT_PINGREQ] = write_nothing,        [MQTT_PINGRESP] = write_nothing,
        [MQTT_DISCONNECT] = write_disconnect,  [MQTT_AUTH] = write_disconnect,
    };
    struct notation notation = {.player = player, .version = version, .topic = topic};
    put(&notation, "%s(", mqtt_type_name(packet->type));
    write[packet->type](&notation, packet);
    if (version == MQTT_5_0)
        put_properties(&notation, mqtt_packet_properties(packet));
    if (packet->type != MQTT_PUBLISH && packet->flags != mqtt_required_flags(packet->type))
        put_number(&notation, "flags", packet->flags);
    put(&notation, ")");
    return arena_text(&player->arena, "%s", notation.text);
}

/* ---- Expectations ------------------------------------------------------------------------------------------ */

static void put_wanted_property(struct notation *notation, const struct property_pattern *wanted) {
    if (wanted->test == PROPERTY_PRESENT || wanted->test == PROPERTY_ABSENT) {
        put(notation, wanted->test == PROPERTY_PRESENT ? "PRESENT(" : "ABSENT(");
        put_identifier(notation, wanted->identifier);
        put(notation, ")");
        return;
    }
    if (wanted->test == PROPERTY_BETWEEN) {
        put(notation, "BETWEEN(");
        put_identifier(notation, wanted->identifier);
        put(notation, ", %lld, %lld)", (long long)wanted->number, (long long)wanted->most);
        return;
    }
    struct mqtt_property property = {
        .identifier = wanted->identifier,
        .number = (uint32_t)wanted->number,
        .bytes = mqtt_text(wanted->text == NULL ? "" : wanted->text),
        .value = mqtt_text(wanted->value == NULL ? "" : wanted->value),
    };
    if (wanted->length > 0)
        property.bytes = (struct mqtt_bytes){(const uint8_t *)wanted->text, (uint32_t)wanted->length};
    put_property(notation, &property);
}

static void put_wanted_number(struct notation *notation, const char *name, int wanted) {
    if (wanted == ANY)
        return;
    put_name(notation, name);
    if (wanted == REFUSAL || wanted == FINE)
        put(notation, wanted == REFUSAL ? "REFUSAL" : "FINE");
    else
        put(notation, strcmp(name, "reason") == 0 ? "0x%02X" : "%d", wanted);
}

static void put_wanted_identifier(struct notation *notation, int wanted) {
    if (wanted < ID(0)) {
        put_wanted_number(notation, "packet_identifier", wanted);
        return;
    }
    put_name(notation, "packet_identifier");
    if (wanted >= OTHER_THAN_ID(0))
        put(notation, "OTHER_THAN_ID(%d)", wanted - OTHER_THAN_ID(0));
    else
        put(notation, "ID(%d)", wanted - ID(0));
}

static void put_wanted_text(struct notation *notation, const char *name, const char *wanted) {
    if (wanted != NULL)
        put_text(notation, name, mqtt_text(wanted));
}

static void put_wanted_packet(struct notation *notation, const struct pattern *wanted) {
    put_wanted_number(notation, "session_present", wanted->session_present);
    put_wanted_number(notation, "code", wanted->code);
    put_wanted_number(notation, "reason", wanted->reason);
    put_wanted_text(notation, "topic", wanted->topic);
    put_wanted_text(notation, "wire_topic", wanted->wire_topic);
    put_wanted_text(notation, "payload", wanted->payload);
    put_wanted_number(notation, "payload_size", wanted->payload_size);
    put_wanted_number(notation, "packet_size", wanted->packet_size);
    put_wanted_number(notation, "qos", wanted->qos);
    put_wanted_number(notation, "dup", wanted->dup);
    put_wanted_number(notation, "retain", wanted->retain);
    put_wanted_identifier(notation, wanted->packet_identifier);
    put_wanted_number(notation, "flags", wanted->flags);
    if (wanted->codes != NULL)
        put_codes(notation, (struct mqtt_bytes){(const uint8_t *)wanted->codes, (uint32_t)wanted->codes_length});
    for (size_t i = 0; i < wanted->property_count; i++) {
        put(notation, i > 0 || notation->has_field ? ", " : "");
        put(notation, i == 0 ? "PROPERTIES(" : "");
        notation->has_field = true;
        put_wanted_property(notation, &wanted->properties[i]);
    }
    put(notation, wanted->property_count > 0 ? ")" : "");
}

static void put_wanted(struct notation *notation, const struct pattern *wanted) {
    notation->has_field = false;
    put(notation, "%s(",
        wanted->kind == PATTERN_CLOSED    ? "CLOSED"
        : wanted->kind == PATTERN_TIMEOUT ? "SILENCE"
                                          : mqtt_type_name(wanted->type));
    if (wanted->kind == PATTERN_PACKET)
        put_wanted_packet(notation, wanted);
    if (wanted->after > 0)
        put_number(notation, "after", (unsigned)wanted->after);
    if (wanted->before > 0)
        put_number(notation, "before", (unsigned)wanted->before);
    put_wanted_text(notation, "skip", wanted->skip);
    put_wanted_text(notation, "warn", wanted->warn);
    if (wanted->may_come)
        put_name(notation, "may_come");
    put(notation, wanted->may_come ? "true)" : ")");
}

/* A step whose text in the table was taken apart by other macros, put together again. */
static const char *rewrite_step(struct player *player, const struct step *step) {
    static const char *const names[] = {
        [STEP_EXPECT] = "EXPECT", [STEP_EXPECT_NEXT] = "EXPECT_NEXT", [STEP_EXPECT_ALL] = "EXPECT_ALL"};
    struct notation notation = {.player = player, .version = player->options.version};
    if (step->either)
        put(&notation, "EXPECT_EITHER(%c, %c", 'A' + (int)step->client, 'A' + (int)step->other);
    else
        put(&notation, "%s(%c", names[step->kind], 'A' + (int)step->client);
    for (size_t i = 0; i < step->pattern_count; i++) {
        put(&notation, ", ");
        put_wanted(&notation, &step->patterns[i]);
    }
    put(&notation, ")");
    return arena_text(&player->arena, "%s", notation.text);
}

static bool is_expectation(const struct step *step) {
    return step->kind == STEP_EXPECT || step->kind == STEP_EXPECT_NEXT || step->kind == STEP_EXPECT_ALL;
}

const char *player_expectation(struct player *player, const struct step *step) {
    const char *text = step->source;
    bool taken_apart = strstr(text, "(const struct") != NULL || strstr(text, ".codes_length") != NULL;
    if (taken_apart && is_expectation(step))
        text = rewrite_step(player, step);
    for (int n = 0; n < IDENTIFIER_VARIABLES; n++) {
        char name[16];
        snprintf(name, sizeof name, "ID(%d)", n);
        if (player->identifiers[n] != ANY && strstr(step->source, name) != NULL)
            text = arena_text(&player->arena, "%s, %s is %d", text, name, player->identifiers[n]);
    }
    return text;
}

const char *player_seconds(struct player *player, microseconds time) {
    return arena_text(&player->arena, "%.3g s", (double)time / (double)MICROSECONDS_PER_SECOND);
}
