#include "reference/websocket_handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define GUID          "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* section 1.3 */
#define ACCEPT_LENGTH 28u                                    /* a SHA-1 in Base64 */

/* ---- Text ------------------------------------------------------------------------------------------------- */

static struct mqtt_bytes part(struct mqtt_bytes bytes, uint32_t start, uint32_t end) {
    return (struct mqtt_bytes){bytes.data + start, end - start};
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

static struct mqtt_bytes trimmed(struct mqtt_bytes text) {
    while (text.length > 0 && is_blank(text.data[0]))
        text = part(text, 1, text.length);
    while (text.length > 0 && is_blank(text.data[text.length - 1]))
        text.length--;
    return text;
}

static uint8_t lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 'a' - 'A') : byte;
}

static bool equals_in_any_case(struct mqtt_bytes text, const char *other) {
    if (text.length != strlen(other))
        return false;
    for (uint32_t i = 0; i < text.length; i++)
        if (lower(text.data[i]) != lower((uint8_t)other[i]))
            return false;
    return true;
}

/* Takes the text before the separator, or all of it, from the front. */
static struct mqtt_bytes take_until(struct mqtt_bytes *text, uint8_t separator) {
    uint32_t end = 0;
    while (end < text->length && text->data[end] != separator)
        end++;
    struct mqtt_bytes taken = part(*text, 0, end);
    *text = part(*text, end < text->length ? end + 1 : end, text->length);
    return taken;
}

/* A line without its end. A line may also end in LF alone, RFC 9112, section 2.2. */
static struct mqtt_bytes take_line(struct mqtt_bytes *text) {
    struct mqtt_bytes line = take_until(text, '\n');
    if (line.length > 0 && line.data[line.length - 1] == '\r')
        line.length--;
    return line;
}

uint32_t handshake_end(struct mqtt_bytes bytes, uint32_t known) {
    for (uint32_t i = known > 2 ? known : 2; i < bytes.length; i++) {
        const uint8_t *at = bytes.data + i;
        if (at[0] == '\n' && (at[-1] == '\n' || (at[-1] == '\r' && at[-2] == '\n')))
            return i + 1;
    }
    return 0;
}

/* ---- Header fields ---------------------------------------------------------------------------------------- */

enum field {
    FIELD_UPGRADE,
    FIELD_CONNECTION,
    FIELD_KEY,
    FIELD_ACCEPT,
    FIELD_VERSION,
    FIELD_PROTOCOL,
    FIELD_EXTENSIONS,
    FIELD_HOST,
    FIELDS
};

static const char *const names[FIELDS] = {
    [FIELD_UPGRADE] = "Upgrade",
    [FIELD_CONNECTION] = "Connection",
    [FIELD_KEY] = "Sec-WebSocket-Key",
    [FIELD_ACCEPT] = "Sec-WebSocket-Accept",
    [FIELD_VERSION] = "Sec-WebSocket-Version",
    [FIELD_PROTOCOL] = "Sec-WebSocket-Protocol",
    [FIELD_EXTENSIONS] = "Sec-WebSocket-Extensions",
    [FIELD_HOST] = "Host",
};

/* What a message says, as far as the handshake needs it. */
struct fields {
    struct mqtt_bytes values[FIELDS]; /* of the first field of that name; absent: data NULL */
    unsigned counts[FIELDS];
    bool upgrades;    /* Upgrade names websocket */
    bool connects;    /* Connection names Upgrade */
    bool offers_mqtt; /* Sec-WebSocket-Protocol names mqtt */
    bool offers_other;
    bool compresses; /* Sec-WebSocket-Extensions names permessage-deflate */
};

/* Lists may be spread over several fields of one name. */
static bool names_token(struct mqtt_bytes list, const char *token, bool in_any_case) {
    while (list.length > 0) {
        struct mqtt_bytes one = trimmed(take_until(&list, ','));
        if (in_any_case ? equals_in_any_case(one, token) : mqtt_equal(one, mqtt_text(token)))
            return true;
    }
    return false;
}

static bool names_other_than(struct mqtt_bytes list, const char *token) {
    while (list.length > 0) {
        struct mqtt_bytes one = trimmed(take_until(&list, ','));
        if (one.length > 0 && !mqtt_equal(one, mqtt_text(token)))
            return true;
    }
    return false;
}

/* Extensions have parameters, behind semicolons: RFC 6455, section 9.1. */
static bool names_extension(struct mqtt_bytes list, const char *token) {
    while (list.length > 0) {
        struct mqtt_bytes one = take_until(&list, ',');
        if (equals_in_any_case(trimmed(take_until(&one, ';')), token))
            return true;
    }
    return false;
}

static void note_field(struct fields *fields, enum field field, struct mqtt_bytes value) {
    if (fields->counts[field]++ == 0)
        fields->values[field] = value;
    if (field == FIELD_UPGRADE)
        fields->upgrades = fields->upgrades || names_token(value, "websocket", true);
    if (field == FIELD_CONNECTION)
        fields->connects = fields->connects || names_token(value, "Upgrade", true);
    if (field == FIELD_PROTOCOL) {
        fields->offers_mqtt = fields->offers_mqtt || names_token(value, SUBPROTOCOL, false);
        fields->offers_other = fields->offers_other || names_other_than(value, SUBPROTOCOL);
    }
    if (field == FIELD_EXTENSIONS)
        fields->compresses = fields->compresses || names_extension(value, "permessage-deflate");
}

/* The lines behind the first one. False where one of them is no header field. */
static bool read_fields(struct mqtt_bytes text, struct fields *fields) {
    *fields = (struct fields){0};
    while (text.length > 0) {
        struct mqtt_bytes line = take_line(&text);
        if (line.length == 0)
            return true;
        struct mqtt_bytes value = line;
        struct mqtt_bytes name = take_until(&value, ':');
        if (name.length == 0 || name.length == line.length || is_blank(name.data[0]) ||
            is_blank(name.data[name.length - 1]))
            return false;
        for (int field = 0; field < FIELDS; field++)
            if (equals_in_any_case(name, names[field]))
                note_field(fields, (enum field)field, trimmed(value));
    }
    return true;
}

/* ---- Keys --------------------------------------------------------------------------------------------------- */

/* 16 bytes in Base64 are 22 characters and "==". */
static bool is_key(struct mqtt_bytes value) {
    uint8_t decoded[HANDSHAKE_KEY_LENGTH];
    return value.length == HANDSHAKE_KEY_LENGTH && value.data[21] != '=' && value.data[22] == '=' &&
           value.data[23] == '=' && EVP_DecodeBlock(decoded, value.data, (int)value.length) == 18;
}

static void make_accept(struct mqtt_bytes key, char accept[ACCEPT_LENGTH + 1]) {
    uint8_t text[HANDSHAKE_KEY_LENGTH + sizeof GUID];
    uint8_t hash[SHA_DIGEST_LENGTH];
    memcpy(text, key.data, HANDSHAKE_KEY_LENGTH);
    memcpy(text + HANDSHAKE_KEY_LENGTH, GUID, sizeof GUID - 1);
    SHA1(text, HANDSHAKE_KEY_LENGTH + sizeof GUID - 1, hash);
    EVP_EncodeBlock((uint8_t *)accept, hash, sizeof hash);
}

/* ---- The Server's side ---------------------------------------------------------------------------------------- */

enum fault {
    FAULT_NONE,
    FAULT_SYNTAX,
    FAULT_METHOD,
    FAULT_NO_UPGRADE,
    FAULT_VERSION,
    FAULT_KEY,
    FAULT_SUBPROTOCOL,
    FAULTS
};

static const struct {
    const char *status;
    const char *field; /* a further header field */
    const char *what;
} faults[FAULTS] = {
    [FAULT_SYNTAX] = {"400 Bad Request", "", "the request is not HTTP/1.1"},
    [FAULT_METHOD] = {"405 Method Not Allowed", "Allow: GET\r\n", "the request is not a GET"},
    [FAULT_NO_UPGRADE] = {"426 Upgrade Required", "Upgrade: websocket\r\nConnection: Upgrade\r\n",
                          "the request does not ask for WebSocket"},
    [FAULT_VERSION] = {"426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n",
                       "the request does not ask for version 13 of WebSocket"},
    [FAULT_KEY] = {"400 Bad Request", "", "the request has no Sec-WebSocket-Key of 16 bytes"},
    [FAULT_SUBPROTOCOL] = {"400 Bad Request", "", "the request does not offer the subprotocol mqtt"},
};

static enum fault judge_request(struct mqtt_bytes request, struct fields *fields) {
    struct mqtt_bytes rest = request;
    struct mqtt_bytes line = take_line(&rest);
    struct mqtt_bytes method = take_until(&line, ' ');
    struct mqtt_bytes target = take_until(&line, ' ');
    if (target.length == 0 || !mqtt_equal(line, mqtt_text("HTTP/1.1")) || !read_fields(rest, fields) ||
        fields->counts[FIELD_HOST] != 1)
        return FAULT_SYNTAX;
    if (!mqtt_equal(method, mqtt_text("GET")))
        return FAULT_METHOD;
    if (!fields->upgrades || !fields->connects)
        return FAULT_NO_UPGRADE;
    if (fields->counts[FIELD_VERSION] != 1 || !mqtt_equal(fields->values[FIELD_VERSION], mqtt_text("13")))
        return FAULT_VERSION;
    if (fields->counts[FIELD_KEY] != 1 || !is_key(fields->values[FIELD_KEY]))
        return FAULT_KEY;
    return fields->offers_mqtt ? FAULT_NONE : FAULT_SUBPROTOCOL;
}

const char *handshake_answer(struct mqtt_bytes request, const char *subprotocol,
                             char answer[HANDSHAKE_ANSWER_LONGEST]) {
    struct fields fields;
    enum fault fault = judge_request(request, &fields);
    if (fault != FAULT_NONE) {
        snprintf(answer, HANDSHAKE_ANSWER_LONGEST,
                 "HTTP/1.1 %s\r\n%sContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
                 faults[fault].status, faults[fault].field, strlen(faults[fault].what) + 1, faults[fault].what);
        return faults[fault].what;
    }
    char accept[ACCEPT_LENGTH + 1];
    make_accept(fields.values[FIELD_KEY], accept);
    snprintf(answer, HANDSHAKE_ANSWER_LONGEST,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n%s%s%s\r\n",
             accept, subprotocol != NULL ? "Sec-WebSocket-Protocol: " : "", subprotocol != NULL ? subprotocol : "",
             subprotocol != NULL ? "\r\n" : "");
    return NULL;
}

/* ---- The Client's side ---------------------------------------------------------------------------------------- */

const char *handshake_check(struct mqtt_bytes answer, const char key[HANDSHAKE_KEY_LENGTH + 1], char *subprotocol,
                            size_t size) {
    struct fields fields;
    struct mqtt_bytes rest = answer;
    struct mqtt_bytes line = take_line(&rest);
    struct mqtt_bytes protocol = take_until(&line, ' ');
    struct mqtt_bytes status = take_until(&line, ' ');
    char accept[ACCEPT_LENGTH + 1];
    if (!mqtt_equal(protocol, mqtt_text("HTTP/1.1")))
        return "the answer to the handshake is not HTTP/1.1";
    if (!mqtt_equal(status, mqtt_text("101")))
        return "the handshake was refused";
    if (!read_fields(rest, &fields) || !fields.upgrades || !fields.connects)
        return "the answer to the handshake does not switch to WebSocket";
    make_accept(mqtt_text(key), accept);
    if (fields.counts[FIELD_ACCEPT] != 1 || !mqtt_equal(fields.values[FIELD_ACCEPT], mqtt_text(accept)))
        return "the answer to the handshake has a wrong Sec-WebSocket-Accept";
    if (fields.counts[FIELD_PROTOCOL] > 1)
        return "the answer to the handshake chooses more than one subprotocol";
    struct mqtt_bytes chosen = fields.values[FIELD_PROTOCOL];
    size_t length = chosen.length < size ? chosen.length : size - 1;
    if (length > 0)
        memcpy(subprotocol, chosen.data, length);
    subprotocol[length] = '\0';
    return NULL;
}

/* ---- Watching ---------------------------------------------------------------------------------------------------- */

struct handshake_seen handshake_look(struct mqtt_bytes message, enum mqtt_side sender) {
    struct fields fields;
    struct mqtt_bytes line = take_line(&message);
    struct mqtt_bytes first = take_until(&line, ' ');
    struct mqtt_bytes second = take_until(&line, ' ');
    bool is_right = sender == MQTT_CLIENT ? mqtt_equal(first, mqtt_text("GET")) : mqtt_equal(second, mqtt_text("101"));
    if (!is_right || !read_fields(message, &fields))
        return (struct handshake_seen){0};
    return (struct handshake_seen){
        .upgrades = fields.upgrades,
        .names_mqtt = fields.offers_mqtt,
        .names_other = fields.offers_other,
        .compresses = fields.compresses,
    };
}
