/* What lint found, as SARIF 2.1.0: a rule a statement, a result a breach or notice, with the packets around a breach as
 * a flow. A capture has no lines: a place in it is a frame of a connection, as a logical location.
 *
 * The order of members is free in JSON: the rules stand behind the results, once it is known which are needed. */
#include <string.h>

#include "pcaps/lint_report.h"
#include "pcaps/show.h"

static const char *const standards[SPEC_VERSION_COUNT] = {
    [SPEC_MQTT_3_1_1] = "https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html",
    [SPEC_MQTT_5_0] = "https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html",
};

static const char no_statement[] = "no-statement";

static const char *rule_of(enum spec_statement statement) {
    return statement == SPEC_NONE ? no_statement : spec_name(statement);
}

static const char *level_of(enum spec_statement statement) {
    return statement != SPEC_NONE && spec_row(statement)->level == SPEC_OTHER ? "warning" : "error";
}

static void write_message(struct json_writer *json, const char *name, const char *text) {
    json_open_object(json, name);
    json_text(json, "text", text);
    json_close_object(json);
}

/* ---- Places --------------------------------------------------------------------------------------------------------
 */

/* The path as a URI: relative stays relative. */
static void write_uri(struct json_writer *json, const char *path) {
    enum { LONGEST = 4096 };
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    char uri[LONGEST * 3 + 8];
    size_t length = 0;
    if (strcmp(path, "-") == 0)
        path = "stdin";
    if (path[0] == '/')
        length = (size_t)snprintf(uri, sizeof uri, "file://");
    for (; *path != '\0' && length + 4 < sizeof uri; path++) {
        if (strchr(plain, *path) != NULL)
            uri[length++] = *path;
        else
            length += (size_t)snprintf(uri + length, sizeof uri - length, "%%%02X", (uint8_t)*path);
    }
    uri[length] = '\0';
    json_open_object(json, "physicalLocation");
    json_open_object(json, "artifactLocation");
    json_text(json, "uri", uri);
    json_close_object(json);
    json_close_object(json);
}

/* The members of a location. */
static void write_place(struct json_writer *json, const char *capture, size_t connection, uint64_t frame) {
    char name[64], whole[128];
    snprintf(name, sizeof name, "frame %llu", (unsigned long long)frame);
    snprintf(whole, sizeof whole, "connection %zu/%s", connection, name);
    write_uri(json, capture);
    json_open_list(json, "logicalLocations");
    json_open_object(json, NULL);
    json_text(json, "name", name);
    json_text(json, "fullyQualifiedName", whole);
    json_text(json, "kind", "packet");
    json_close_object(json);
    json_close_list(json);
}

static void write_locations(struct json_writer *json, const char *capture, size_t connection, uint64_t frame) {
    json_open_list(json, "locations");
    json_open_object(json, NULL);
    write_place(json, capture, connection, frame);
    json_close_object(json);
    json_close_list(json);
}

/* The packets around a breach, in their order. */
static void write_flow(struct lint_output *output, const struct lint_breach *breach) {
    struct json_writer *json = &output->json;
    char text[SHOW_PACKET_CAPACITY];
    char line[SHOW_PACKET_CAPACITY + 16];
    if (breach->packet_count == 0)
        return;
    json_open_list(json, "codeFlows");
    json_open_object(json, NULL);
    json_open_list(json, "threadFlows");
    json_open_object(json, NULL);
    json_open_list(json, "locations");
    for (size_t i = 0; i < breach->packet_count; i++) {
        const struct lint_packet *packet = &breach->packets[i];
        lint_show_packet(breach->version, packet, text, sizeof text);
        snprintf(line, sizeof line, "%s: %s", show_side(packet->side), text);
        json_open_object(json, NULL);
        json_open_object(json, "location");
        write_place(json, output->capture, breach->connection, packet->frame);
        write_message(json, "message", line);
        json_close_object(json);
        json_text(json, "importance", packet->offends ? "essential" : "important");
        json_close_object(json);
    }
    json_close_list(json);
    json_close_object(json);
    json_close_list(json);
    json_close_object(json);
    json_close_list(json);
}

/* ---- Results
 * --------------------------------------------------------------------------------------------------------- */

struct finding {
    const char *rule;
    const char *level;
    const char *message;
    enum mqtt_side side;
    uint64_t frame;
    microseconds time;
    size_t connection;
    const char *client;
    const char *client_address;
    const char *server_address;
};

/* Opens a result and writes what all have. */
static void open_result(struct lint_output *output, const struct finding *finding) {
    struct json_writer *json = &output->json;
    json_open_object(json, NULL);
    json_text(json, "ruleId", finding->rule);
    json_text(json, "level", finding->level);
    write_message(json, "message", finding->message);
    write_locations(json, output->capture, finding->connection, finding->frame);
    json_open_object(json, "properties");
    json_text(json, "by", show_side(finding->side));
    json_number(json, "frame", finding->frame);
    json_number(json, "time", finding->time);
    json_number(json, "connection", finding->connection);
    json_text(json, "client", finding->client);
    json_text(json, "clientAddress", finding->client_address);
    json_text(json, "serverAddress", finding->server_address);
    json_close_object(json);
}

static void tell_breach(struct lint_output *output, const struct lint_breach *breach) {
    char message[512];
    snprintf(message, sizeof message, "The %s of connection %zu (client %s) broke %s in frame %llu: %s.",
             show_side(breach->side), breach->connection, breach->client, rule_of(breach->statement),
             (unsigned long long)breach->frame, breach->what);
    struct finding finding = {rule_of(breach->statement),
                              level_of(breach->statement),
                              message,
                              breach->side,
                              breach->frame,
                              breach->time,
                              breach->connection,
                              breach->client,
                              breach->client_address,
                              breach->server_address};
    output->statements[breach->statement] = true;
    open_result(output, &finding);
    write_flow(output, breach);
    json_close_object(&output->json);
}

static void tell_notice(struct lint_output *output, const struct lint_notice *notice) {
    const struct notice_row *row = notice_row(notice->kind);
    char message[512];
    snprintf(message, sizeof message, "Connection %zu (client %s), frame %llu: %s: %s.", notice->connection,
             notice->client, (unsigned long long)notice->frame, row->title, notice->detail);
    struct finding finding = {row->name,
                              "note",
                              message,
                              notice->side,
                              notice->frame,
                              notice->time,
                              notice->connection,
                              notice->client,
                              notice->client_address,
                              notice->server_address};
    output->notices[notice->kind] = true;
    open_result(output, &finding);
    json_close_object(&output->json);
}

/* ---- Rules
 * ------------------------------------------------------------------------------------------------------------- */

static void write_rule(struct json_writer *json, const char *id, const char *rule, const char *help, const char *uri,
                       const char *level) {
    json_open_object(json, NULL);
    json_text(json, "id", id);
    write_message(json, "shortDescription", rule);
    write_message(json, "fullDescription", rule);
    write_message(json, "help", help);
    if (uri != NULL)
        json_text(json, "helpUri", uri);
    json_open_object(json, "defaultConfiguration");
    json_text(json, "level", level);
    json_close_object(json);
    json_close_object(json);
}

static void write_statement(struct json_writer *json, enum spec_statement statement) {
    static const char *const binds[] = {[SPEC_BINDS_CLIENT] = "the client",
                                        [SPEC_BINDS_SERVER] = "the server",
                                        [SPEC_BINDS_BOTH] = "client and server",
                                        [SPEC_BINDS_SENDER] = "the sender of a message",
                                        [SPEC_BINDS_RECEIVER] = "the receiver of a message"};
    const struct spec_row *row = spec_row(statement);
    char help[2048];
    snprintf(help, sizeof help,
             "%s Statement %s, section %s of MQTT %s; it binds %s. Wireshark shows the packet with the display filter "
             "frame.number == N, N being the frame that the result names.",
             row->paraphrase, row->id, row->section, spec_version_name(row->version), binds[row->binds]);
    write_rule(json, row->qualified, row->paraphrase, help, standards[row->version], level_of(statement));
}

static void write_notice(struct json_writer *json, enum notice_kind kind) {
    const struct notice_row *row = notice_row(kind);
    char help[2048];
    snprintf(help, sizeof help, "No statement forbids this, but it looks wrong. Told at: %s. %s", row->threshold,
             row->why);
    write_rule(json, row->name, row->title, help, NULL, "note");
}

static void write_tool(struct lint_output *output) {
    struct json_writer *json = &output->json;
    json_open_object(json, "tool");
    json_open_object(json, "driver");
    json_text(json, "name", "mqspec lint");
    json_text(json, "version", output->version);
    json_open_list(json, "rules");
    if (output->statements[SPEC_NONE])
        write_rule(json, no_statement, "What the standard asks for without a numbered statement",
                   "The text of the standard asks for it, but no numbered statement does.", NULL, "error");
    for (unsigned statement = SPEC_NONE + 1; statement < SPEC_COUNT; statement++)
        if (output->statements[statement])
            write_statement(json, (enum spec_statement)statement);
    for (int kind = 0; kind < NOTICE_COUNT; kind++)
        if (output->notices[kind])
            write_notice(json, (enum notice_kind)kind);
    json_close_list(json);
    json_close_object(json);
    json_close_object(json);
}

/* ---- The form
 * ---------------------------------------------------------------------------------------------------------- */

static void begin(struct lint_output *output) {
    struct json_writer *json = &output->json;
    json_begin(json, output->file);
    json_open_object(json, NULL);
    json_text(json, "$schema",
              "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json");
    json_text(json, "version", "2.1.0");
    json_open_list(json, "runs");
    json_open_object(json, NULL);
    json_open_list(json, "results");
    lint_aside_begin(output);
}

static void begin_capture(struct lint_output *output) {
    (void)output;
}

/* A capture that could not be read to its end, for the account of the run. */
static void end_capture(struct lint_output *output, const struct lint_totals *totals, const char *reason) {
    struct json_writer *json = &output->aside_json;
    char message[1024];
    (void)totals;
    if (reason[0] == '\0' || output->aside == NULL)
        return;
    output->unreadable = true;
    snprintf(message, sizeof message, "%s: %s", output->capture, reason);
    json_open_object(json, NULL);
    json_text(json, "level", "error");
    write_message(json, "message", message);
    json_close_object(json);
}

static void end(struct lint_output *output) {
    struct json_writer *json = &output->json;
    json_close_list(json);
    json_open_list(json, "invocations");
    json_open_object(json, NULL);
    json_flag(json, "executionSuccessful", !output->unreadable);
    lint_aside_end(output, "toolExecutionNotifications");
    json_close_object(json);
    json_close_list(json);
    write_tool(output);
    json_close_object(json);
    json_close_list(json);
    json_close_object(json);
    fputc('\n', output->file);
}

const struct lint_form lint_sarif = {begin, begin_capture, tell_breach, tell_notice, end_capture, end};
