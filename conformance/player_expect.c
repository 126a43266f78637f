/* Expectations: what has come is held against what the scenario says. */
#include <assert.h>
#include <string.h>

#include "conformance/player_internal.h"

#define MICROSECONDS_PER_MILLISECOND UINT64_C(1000)

/* ---- One packet against one pattern ------------------------------------------------------------------------ */

static bool number_fits(int wanted, unsigned number) {
    return wanted == ANY || (unsigned)wanted == number;
}

static bool text_fits(struct player *player, const char *wanted, struct mqtt_bytes text) {
    return wanted == NULL || mqtt_equal(mqtt_text(player_expand(player, wanted)), text);
}

static bool is_variable(int wanted) {
    return wanted >= ID(0) && wanted < ID(IDENTIFIER_VARIABLES);
}

/* A variable that holds nothing yet fits anything. */
static bool identifier_fits(const struct player *player, int wanted, uint16_t identifier) {
    if (wanted >= OTHER_THAN_ID(0) && wanted < OTHER_THAN_ID(IDENTIFIER_VARIABLES))
        return player->identifiers[wanted - OTHER_THAN_ID(0)] != identifier;
    if (is_variable(wanted))
        wanted = player->identifiers[wanted - ID(0)];
    return number_fits(wanted, identifier);
}

static bool made_payload_fits(int size, struct mqtt_bytes payload) {
    if ((uint32_t)size != payload.length)
        return false;
    for (uint32_t i = 0; i < payload.length; i++)
        if (payload.data[i] != player_payload_byte(i))
            return false;
    return true;
}

static uint16_t identifier_of(enum mqtt_version version, const struct mqtt_packet *packet) {
    switch (packet->type) {
    case MQTT_PUBLISH:
        return mqtt_publish_qos(packet->flags) > 0 ? packet->publish.packet_identifier : 0;
    case MQTT_SUBACK:
        return packet->suback.packet_identifier;
    case MQTT_UNSUBACK:
        return version == MQTT_5_0 ? packet->suback.packet_identifier : packet->acknowledgement.packet_identifier;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        return packet->acknowledgement.packet_identifier;
    default:
        return 0;
    }
}

/* ---- Codes ------------------------------------------------------------------------------------------------- */

uint8_t player_reason_of_code(int code) {
    static const uint8_t reasons[] = {
        [MQTT_CONNECTION_ACCEPTED] = MQTT_REASON_SUCCESS,
        [MQTT_UNACCEPTABLE_PROTOCOL_VERSION] = MQTT_REASON_UNSUPPORTED_PROTOCOL_VERSION,
        [MQTT_IDENTIFIER_REJECTED] = MQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID,
        [MQTT_SERVER_UNAVAILABLE] = MQTT_REASON_SERVER_UNAVAILABLE,
        [MQTT_BAD_USER_NAME_OR_PASSWORD] = MQTT_REASON_BAD_USER_NAME_OR_PASSWORD,
        [MQTT_NOT_AUTHORIZED] = MQTT_REASON_NOT_AUTHORIZED,
    };
    return code >= 0 && (size_t)code < sizeof reasons ? reasons[code] : (uint8_t)code;
}

/* `failures` is where the codes that tell of a failure begin. */
static bool reason_fits(int wanted, uint8_t reason, uint8_t failures) {
    if (wanted == REFUSAL)
        return reason >= failures;
    if (wanted == FINE)
        return reason < failures;
    return number_fits(wanted, reason);
}

static bool connack_code_fits(enum mqtt_version version, const struct pattern *pattern, uint8_t code) {
    if (version != MQTT_5_0)
        return reason_fits(pattern->code, code, 1);
    int wanted = pattern->code > 0 ? player_reason_of_code(pattern->code) : pattern->code;
    return reason_fits(wanted, code, MQTT_REASON_FAILURE) && reason_fits(pattern->reason, code, MQTT_REASON_FAILURE);
}

/* In 5.0, the one code for a failure that 3.1.1 has stands for all of them. */
static bool codes_fit(enum mqtt_version version, const struct pattern *pattern, struct mqtt_bytes codes) {
    if (pattern->codes == NULL)
        return true;
    if ((uint32_t)pattern->codes_length != codes.length)
        return false;
    for (uint32_t i = 0; i < codes.length; i++) {
        uint8_t wanted = (uint8_t)pattern->codes[i];
        bool any_failure = version == MQTT_5_0 && wanted == MQTT_SUBSCRIBE_FAILURE;
        if (any_failure ? codes.data[i] < MQTT_REASON_FAILURE : codes.data[i] != wanted)
            return false;
    }
    return true;
}

static bool has_reason(enum mqtt_type type) {
    return type == MQTT_PUBACK || type == MQTT_PUBREC || type == MQTT_PUBREL || type == MQTT_PUBCOMP ||
           type == MQTT_DISCONNECT || type == MQTT_AUTH;
}

/* ---- Fields: each returns NULL where all fit, else the name of the first that does not ------------------------ */

static const char *publish_misfit(struct player *player, const struct pattern *pattern,
                                  const struct received *received) {
    const struct mqtt_packet *packet = &received->packet;
    if (!text_fits(player, pattern->topic, received->topic))
        return "topic";
    if (!text_fits(player, pattern->wire_topic, packet->publish.topic))
        return "wire_topic";
    if (pattern->payload != NULL && !mqtt_equal(mqtt_text(pattern->payload), packet->publish.payload))
        return "payload";
    if (pattern->payload_size != ANY && !made_payload_fits(pattern->payload_size, packet->publish.payload))
        return "payload";
    if (!number_fits(pattern->qos, mqtt_publish_qos(packet->flags)))
        return "qos";
    if (!number_fits(pattern->dup, (packet->flags & MQTT_PUBLISH_DUP) != 0))
        return "dup";
    if (!number_fits(pattern->retain, (packet->flags & MQTT_PUBLISH_RETAIN) != 0))
        return "retain";
    return NULL;
}

static const char *connack_misfit(enum mqtt_version version, const struct pattern *pattern,
                                  const struct mqtt_packet *packet) {
    if (!connack_code_fits(version, pattern, packet->connack.code))
        return "code";
    /* The bit is reserved in MQTT 3.1. */
    bool present = packet->connack.acknowledge_flags & 1;
    if (version != MQTT_3_1 && !number_fits(pattern->session_present, present))
        return "session_present";
    return NULL;
}

static const char *misfit_of_5_0(struct player *player, const struct client *client, const struct pattern *pattern,
                                 const struct mqtt_packet *packet) {
    if (has_reason(packet->type) && !reason_fits(pattern->reason, mqtt_packet_reason(packet), MQTT_REASON_FAILURE))
        return "reason";
    if (packet->type == MQTT_UNSUBACK && !codes_fit(MQTT_5_0, pattern, packet->suback.codes))
        return "codes";
    return player_properties_misfit(player, client, pattern->properties, pattern->property_count,
                                    mqtt_packet_properties(packet));
}

static const char *misfit(struct player *player, const struct client *client, const struct pattern *pattern,
                          const struct received *received) {
    const struct mqtt_packet *packet = &received->packet;
    enum mqtt_version version = client->decoder.version;
    const char *field = NULL;
    if (pattern->kind != PATTERN_PACKET || pattern->type != packet->type)
        return "type";
    if (!number_fits(pattern->flags, packet->flags))
        return "flags";
    if (packet->type == MQTT_CONNACK)
        field = connack_misfit(version, pattern, packet);
    if (packet->type == MQTT_PUBLISH)
        field = publish_misfit(player, pattern, received);
    if (packet->type == MQTT_SUBACK && !codes_fit(version, pattern, packet->suback.codes))
        field = "codes";
    if (field == NULL && !identifier_fits(player, pattern->packet_identifier, identifier_of(version, packet)))
        field = "packet_identifier";
    if (field == NULL && version == MQTT_5_0)
        field = misfit_of_5_0(player, client, pattern, packet);
    if (field == NULL && pattern->packet_size != ANY &&
        mqtt_encoded_size(version, packet) > (size_t)pattern->packet_size)
        field = "packet_size";
    return field;
}

/* ---- Windows ----------------------------------------------------------------------------------------------- */

enum timing { IN_TIME, TOO_EARLY, TOO_LATE };

static microseconds since(microseconds start, microseconds time) {
    return time > start ? time - start : 0;
}

/* The lower bound counts from the last step that was no expectation: the broker's clock may have started when it
 * got that, and its answers may have been held up on the way. */
static enum timing judge_time(const struct player *player, const struct pattern *pattern, microseconds time) {
    microseconds after = (microseconds)pattern->after * MICROSECONDS_PER_MILLISECOND;
    microseconds before = (microseconds)pattern->before * MICROSECONDS_PER_MILLISECOND;
    if (since(player->acted_at, time) < after)
        return TOO_EARLY;
    if (before > 0 && since(player->step_began, time) > before)
        return TOO_LATE;
    return IN_TIME;
}

/* ---- Failing ----------------------------------------------------------------------------------------------- */

static void fail_with(struct player *player, const struct step *step, const char *reason, const char *received,
                      size_t line, microseconds now) {
    player_fail(player,
                &(struct failure){
                    .statement = player_statement(player, step->statement),
                    .reason = reason,
                    .expected = player_expectation(player, step),
                    .received = received,
                    .line = line,
                },
                now);
}

static void fail_by_time(struct player *player, const struct step *step, enum timing timing, const char *what,
                         microseconds time, size_t line, microseconds now) {
    const char *reason = timing == TOO_EARLY ? arena_text(&player->arena, "%s came too early, after %s", what,
                                                          player_seconds(player, since(player->acted_at, time)))
                                             : arena_text(&player->arena, "%s came too late, after %s", what,
                                                          player_seconds(player, since(player->step_began, time)));
    fail_with(player, step, reason, reason, line, now);
}

/* Says what is different where one pattern alone was meant, and that none fits where there are several. */
static void fail_by_packet(struct player *player, const struct step *step, const struct received *received,
                           microseconds now) {
    const struct client *client = &player->clients[step->client];
    const char *type = mqtt_type_name(received->packet.type);
    const struct pattern *meant = NULL;
    size_t of_type = 0;
    for (size_t i = 0; i < step->pattern_count; i++)
        if (step->patterns[i].kind == PATTERN_PACKET && step->patterns[i].type == received->packet.type &&
            !step->patterns[i].may_come && (player->matched & 1u << i) == 0) {
            meant = &step->patterns[i];
            of_type++;
        }
    const char *reason = arena_text(&player->arena, "%s came that fits none of the alternatives", type);
    if (of_type == 0)
        reason = arena_text(&player->arena, "%s came out of turn", type);
    if (of_type == 1)
        reason = arena_text(&player->arena, "%s came with another %s", type, misfit(player, client, meant, received));
    fail_with(player, step, reason,
              player_notation(player, client->decoder.version, &received->packet, received->topic), received->line,
              now);
}

/* ---- Choosing ---------------------------------------------------------------------------------------------- */

static void learn_identifier(struct player *player, enum mqtt_version version, const struct pattern *pattern,
                             const struct mqtt_packet *packet) {
    if (is_variable(pattern->packet_identifier))
        player->identifiers[pattern->packet_identifier - ID(0)] = identifier_of(version, packet);
}

/* The pattern is what came. */
static void accept_pattern(struct player *player, const struct step *step, const struct pattern *pattern) {
    if (pattern->warn != NULL)
        player_warn(player, player_statement(player, step->statement), pattern->warn);
}

static bool is_open(const struct player *player, const struct step *step, size_t pattern) {
    return step->kind != STEP_EXPECT_ALL || (player->matched & 1u << pattern) == 0;
}

/* Finds the pattern that the packet meets, among those that are awaited or among those that may come before. NULL where
 * there is none; *timing then says whether the time alone is wrong. */
static const struct pattern *find_pattern(struct player *player, const struct step *step, bool may_come,
                                          const struct received *received, enum timing *timing) {
    const struct client *client = &player->clients[step->client];
    for (size_t i = 0; i < step->pattern_count; i++) {
        const struct pattern *pattern = &step->patterns[i];
        if (pattern->may_come != may_come || !is_open(player, step, i) ||
            misfit(player, client, pattern, received) != NULL)
            continue;
        enum timing this = judge_time(player, pattern, received->time);
        if (this == IN_TIME)
            return pattern;
        *timing = this;
    }
    return NULL;
}

/* A Server may turn away a Client that it would serve at another time. */
static const char *turned_away(enum mqtt_version version, const struct mqtt_packet *packet) {
    if (packet->type != MQTT_CONNACK)
        return NULL;
    uint8_t code = packet->connack.code;
    switch (version == MQTT_5_0 ? code : player_reason_of_code(code)) {
    case MQTT_REASON_SERVER_UNAVAILABLE:
        return "the target refuses the connection: Server unavailable";
    case MQTT_REASON_SERVER_BUSY:
        return "the target refuses the connection: Server busy";
    case MQTT_REASON_QUOTA_EXCEEDED:
        return "the target refuses the connection: Quota exceeded";
    case MQTT_REASON_CONNECTION_RATE_EXCEEDED:
        return "the target refuses the connection: Connection rate exceeded";
    default:
        return NULL;
    }
}

/* The packet is due: it meets one of the patterns, or the scenario fails. Returns the pattern or NULL. */
static const struct pattern *judge_packet(struct player *player, const struct step *step, struct received *received,
                                          microseconds now) {
    enum timing timing = IN_TIME;
    const struct pattern *pattern = find_pattern(player, step, false, received, &timing);
    if (pattern == NULL)
        pattern = find_pattern(player, step, true, received, &timing);
    if (pattern != NULL) {
        received->taken = true;
        if (!pattern->may_come)
            player->matched |= 1u << (pattern - step->patterns);
        learn_identifier(player, player->clients[step->client].decoder.version, pattern, &received->packet);
        accept_pattern(player, step, pattern);
        return pattern;
    }
    const char *away = turned_away(player->clients[step->client].decoder.version, &received->packet);
    if (away != NULL)
        player_skip(player, away);
    else if (timing != IN_TIME)
        fail_by_time(player, step, timing, mqtt_type_name(received->packet.type), received->time, received->line, now);
    else
        fail_by_packet(player, step, received, now);
    return NULL;
}

/* The close, and the DISCONNECT of 5.0 before it, which may say why. */
static const char *describe_close(struct player *player, const struct client *client) {
    if (client->inbox_count == 0)
        return "CLOSED()";
    const struct received *last = &client->inbox[client->inbox_count - 1];
    if (last->packet.type != MQTT_DISCONNECT || last->taken)
        return "CLOSED()";
    return arena_text(&player->arena, "%s, CLOSED()",
                      player_notation(player, client->decoder.version, &last->packet, last->topic));
}

/* The connection is closed and nothing more can come. Returns the pattern that allows it, or NULL. */
static const struct pattern *judge_close(struct player *player, const struct step *step, struct client *client,
                                         microseconds now) {
    enum timing timing = IN_TIME;
    for (size_t i = 0; i < step->pattern_count; i++) {
        const struct pattern *pattern = &step->patterns[i];
        if (pattern->kind != PATTERN_CLOSED || !is_open(player, step, i))
            continue;
        enum timing this = client->close_taken ? IN_TIME : judge_time(player, pattern, client->closed_at);
        if (this != IN_TIME) {
            timing = this;
            continue;
        }
        client->close_taken = true;
        player->matched |= 1u << i;
        accept_pattern(player, step, pattern);
        return pattern;
    }
    if (timing != IN_TIME)
        fail_by_time(player, step, timing, "the close", client->closed_at, client->closed_line, now);
    else
        fail_with(player, step, "the target closed the connection while a packet was awaited",
                  describe_close(player, client), client->closed_line, now);
    return NULL;
}

/* In 5.0 the broker may send DISCONNECT before it closes the connection. The monitor judges whether it may do so here;
 * where the close is all the same to the scenario, it is passed by. */
static bool announces_close(const struct player *player, const struct step *step, enum mqtt_type type) {
    bool may_close = false;
    if (type != MQTT_DISCONNECT)
        return false;
    for (size_t i = 0; i < step->pattern_count; i++) {
        const struct pattern *pattern = &step->patterns[i];
        if (pattern->kind == PATTERN_PACKET && pattern->type == MQTT_DISCONNECT)
            return false;
        may_close = may_close || (pattern->kind == PATTERN_CLOSED && is_open(player, step, i));
    }
    return may_close;
}

static bool is_awaited(const struct player *player, const struct step *step, enum mqtt_type type) {
    if (announces_close(player, step, type))
        return false;
    if (step->kind == STEP_EXPECT_NEXT)
        return true;
    for (size_t i = 0; i < step->pattern_count; i++)
        if (step->patterns[i].kind != PATTERN_CLOSED && step->patterns[i].type == type && is_open(player, step, i))
            return true;
    return false;
}

static struct received *first_awaited(const struct player *player, const struct step *step, struct client *client) {
    for (size_t i = 0; i < client->inbox_count; i++)
        if (!client->inbox[i].taken && is_awaited(player, step, client->inbox[i].packet.type))
            return &client->inbox[i];
    return NULL;
}

static bool all_met(const struct player *player, const struct step *step) {
    for (size_t i = 0; i < step->pattern_count; i++)
        if (!step->patterns[i].may_come && (player->matched & 1u << i) == 0)
            return false;
    return true;
}

static bool has_fitting(struct player *player, const struct step *step) {
    enum timing timing = IN_TIME;
    const struct received *received = first_awaited(player, step, &player->clients[step->client]);
    return received != NULL && find_pattern(player, step, false, received, &timing) != NULL;
}

/* Of the two that the broker may choose from: who has got what is awaited, or why that can no longer come. False while
 * it may still come to either. */
static bool choose_client(struct player *player, struct step *step) {
    const struct step first = *step;
    struct step second = *step;
    second.client = step->other;
    bool over[2];
    const struct step *const both[] = {&first, &second};
    for (size_t i = 0; i < 2; i++) {
        *step = *both[i];
        if (has_fitting(player, step))
            return true;
        struct client *client = &player->clients[step->client];
        over[i] = client->state != CLIENT_OPEN || first_awaited(player, step, client) != NULL;
    }
    *step = first_awaited(player, &first, &player->clients[first.client]) != NULL ? first : second;
    return over[0] && over[1];
}

static bool expect_of_client(struct player *player, const struct step *step, microseconds now) {
    struct client *client = &player->clients[step->client];
    assert(step->pattern_count <= MAXIMUM_PATTERNS);
    for (;;) {
        const struct pattern *met = NULL;
        struct received *received = first_awaited(player, step, client);
        if (received != NULL)
            met = judge_packet(player, step, received, now);
        else if (client->state == CLIENT_CLOSED)
            met = judge_close(player, step, client, now);
        else if (client->state == CLIENT_APART)
            fail_with(player, step, "the scenario expects something of a client that it has not connected", "", NO_LINE,
                      now);
        else
            return false;
        if (met == NULL)
            return true; /* failed */
        if (met->skip != NULL) {
            player_skip(player, met->skip);
            return true;
        }
        if (!met->may_come && (step->kind != STEP_EXPECT_ALL || all_met(player, step)))
            return true;
    }
}

bool player_expect(struct player *player, const struct step *step, microseconds now) {
    struct step chosen = *step;
    if (step->either && !choose_client(player, &chosen))
        return false;
    return expect_of_client(player, &chosen, now);
}

/* ---- Waiting ----------------------------------------------------------------------------------------------- */

/* What a CLOSED() that is no reason to skip is worth waiting for. */
static microseconds patience(const struct player *player, const struct step *step, const struct pattern *pattern) {
    microseconds timeout = player->options.timeout;
    bool begins = !player->clients[step->client].answered;
    if (pattern->kind != PATTERN_CLOSED || pattern->skip != NULL || !begins || timeout > PATIENCE_BEFORE_CONNACK)
        return timeout;
    return PATIENCE_BEFORE_CONNACK;
}

microseconds player_expect_deadline(const struct player *player, const struct step *step) {
    microseconds latest = 0;
    for (size_t i = 0; i < step->pattern_count; i++) {
        const struct pattern *pattern = &step->patterns[i];
        microseconds wait = (microseconds)pattern->before * MICROSECONDS_PER_MILLISECOND;
        if (pattern->kind == PATTERN_TIMEOUT)
            return player->step_began + wait;
        if (pattern->may_come)
            continue;
        if (wait == 0)
            wait = (microseconds)pattern->after * MICROSECONDS_PER_MILLISECOND + patience(player, step, pattern);
        if (wait > latest)
            latest = wait;
    }
    return player->step_began + latest;
}

static bool closing_is_all(const struct step *step) {
    for (size_t i = 0; i < step->pattern_count; i++)
        if (step->patterns[i].kind != PATTERN_CLOSED && !step->patterns[i].may_come)
            return false;
    return true;
}

bool player_expect_silence(struct player *player, const struct step *step, microseconds now) {
    for (size_t i = 0; i < step->pattern_count; i++)
        if (step->patterns[i].kind == PATTERN_TIMEOUT) {
            accept_pattern(player, step, &step->patterns[i]);
            if (step->patterns[i].skip != NULL)
                player_skip(player, step->patterns[i].skip);
            return true;
        }
    const char *waited = player_seconds(player, player_expect_deadline(player, step) - player->step_began);
    const char *reason = closing_is_all(step)
                             ? arena_text(&player->arena, "the target did not close the connection within %s", waited)
                             : arena_text(&player->arena, "nothing came within %s", waited);
    fail_with(player, step, reason, reason, NO_LINE, now);
    return false;
}
