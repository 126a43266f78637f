/* What lint found, for scripts. */
#include "pcaps/lint_report.h"
#include "pcaps/show.h"

/* ---- Findings ------------------------------------------------------------------------------------------------------
 */

static void write_packet(struct json_writer *json, const struct lint_packet *packet, const char *text) {
    json_open_object(json, NULL);
    json_number(json, "frame", packet->frame);
    json_number(json, "time", packet->time);
    json_text(json, "sender", show_side(packet->side));
    json_flag(json, "offends", packet->offends);
    json_number(json, "length", packet->length);
    json_text(json, "packet", text);
    json_close_object(json);
}

void lint_json_breach(struct json_writer *json, const struct lint_breach *breach) {
    char text[SHOW_PACKET_CAPACITY];
    char offender[SHOW_PACKET_CAPACITY] = "";
    json_open_object(json, NULL);
    json_text(json, "statement", spec_name(breach->statement));
    json_text(json, "paraphrase", lint_paraphrase(breach->statement));
    json_text(json, "what", breach->what);
    json_text(json, "broken_by", show_side(breach->side));
    json_number(json, "frame", breach->frame);
    json_number(json, "time", breach->time);
    json_number(json, "connection", breach->connection);
    json_text(json, "client", breach->client);
    json_text(json, "client_address", breach->client_address);
    json_text(json, "server_address", breach->server_address);
    json_number(json, "offset", breach->offset);
    json_open_list(json, "packets");
    for (size_t i = 0; i < breach->packet_count; i++) {
        char *words = breach->packets[i].offends ? offender : text;
        lint_show_packet(breach->version, &breach->packets[i], words, sizeof text);
        write_packet(json, &breach->packets[i], words);
    }
    json_close_list(json);
    json_text(json, "packet", offender);
    json_close_object(json);
}

void lint_json_notice(struct json_writer *json, const struct lint_notice *notice) {
    const struct notice_row *row = notice_row(notice->kind);
    json_open_object(json, NULL);
    json_text(json, "notice", row->name);
    json_text(json, "title", row->title);
    json_text(json, "threshold", row->threshold);
    json_text(json, "why", row->why);
    json_text(json, "what", notice->detail);
    json_text(json, "by", show_side(notice->side));
    json_number(json, "frame", notice->frame);
    json_number(json, "time", notice->time);
    json_number(json, "connection", notice->connection);
    json_text(json, "client", notice->client);
    json_text(json, "client_address", notice->client_address);
    json_text(json, "server_address", notice->server_address);
    json_close_object(json);
}

/* ---- The summary ---------------------------------------------------------------------------------------------------
 */

static void write_client(struct json_writer *json, const char *name, const struct lint_client *client) {
    json_open_object(json, NULL);
    json_text(json, "client", name);
    json_number(json, "by_client", client->breaches[MQTT_CLIENT]);
    json_number(json, "by_server", client->breaches[MQTT_SERVER]);
    json_number(json, "notices", client->notices);
    json_close_object(json);
}

static void write_clients(struct json_writer *json, const struct lint_totals *totals) {
    const struct lint_client *others = &totals->other_clients;
    json_open_list(json, "by_client");
    for (size_t i = 0; i < totals->client_count; i++)
        write_client(json, totals->clients[i].name, &totals->clients[i]);
    if (others->breaches[MQTT_CLIENT] + others->breaches[MQTT_SERVER] + others->notices > 0)
        write_client(json, "(further clients)", others);
    json_close_list(json);
}

static void write_statements(struct json_writer *json, const struct lint_totals *totals) {
    json_open_list(json, "by_statement");
    for (int statement = 0; statement < SPEC_COUNT; statement++) {
        if (totals->by_statement[statement] == 0)
            continue;
        json_open_object(json, NULL);
        json_text(json, "statement", spec_name((enum spec_statement)statement));
        json_text(json, "paraphrase", lint_paraphrase((enum spec_statement)statement));
        json_number(json, "breaches", totals->by_statement[statement]);
        json_close_object(json);
    }
    json_close_list(json);
}

static void write_notices(struct json_writer *json, const struct lint_totals *totals) {
    json_open_list(json, "by_notice");
    for (int kind = 0; kind < NOTICE_COUNT; kind++) {
        const struct notice_row *row = notice_row((enum notice_kind)kind);
        if (totals->by_notice[kind] == 0)
            continue;
        json_open_object(json, NULL);
        json_text(json, "notice", row->name);
        json_text(json, "title", row->title);
        json_text(json, "threshold", row->threshold);
        json_text(json, "why", row->why);
        json_number(json, "notices", totals->by_notice[kind]);
        json_close_object(json);
    }
    json_close_list(json);
}

void lint_json_summary(struct json_writer *json, const struct lint_totals *totals, const char *reason) {
    json_number(json, "connections", totals->conversations);
    json_number(json, "other_connections", totals->others);
    json_number(json, "packets", totals->packets);
    json_number(json, "connections_not_judged", totals->not_judged + totals->joined_5_0);
    json_number(json, "breaches_by_clients", totals->breaches[MQTT_CLIENT]);
    json_number(json, "breaches_by_servers", totals->breaches[MQTT_SERVER]);
    json_number(json, "notice_count", totals->notices);
    write_clients(json, totals);
    write_statements(json, totals);
    write_notices(json, totals);
    json_text(json, "unreadable", reason);
}

/* ---- A list beside another
 * ------------------------------------------------------------------------------------------- */

void lint_aside_begin(struct lint_output *output) {
    output->aside = tmpfile();
    output->failed |= output->aside == NULL;
    if (output->aside != NULL)
        json_begin(&output->aside_json, output->aside);
}

void lint_aside_end(struct lint_output *output, const char *name) {
    char part[4096];
    size_t length;
    json_open_list(&output->json, name);
    if (output->aside != NULL) {
        output->failed |= fflush(output->aside) != 0;
        rewind(output->aside);
        while ((length = fread(part, 1, sizeof part, output->aside)) > 0)
            fwrite(part, 1, length, output->file);
        output->failed |= ferror(output->aside) != 0;
        fclose(output->aside);
        output->aside = NULL;
    }
    json_close_list(&output->json);
}

/* ---- The form
 * ---------------------------------------------------------------------------------------------------------- */

static void begin(struct lint_output *output) {
    json_begin(&output->json, output->file);
    json_open_list(&output->json, NULL);
}

static void begin_capture(struct lint_output *output) {
    json_open_object(&output->json, NULL);
    json_text(&output->json, "file", output->capture);
    json_open_list(&output->json, "breaches");
    lint_aside_begin(output);
}

static void tell_breach(struct lint_output *output, const struct lint_breach *breach) {
    lint_json_breach(&output->json, breach);
}

static void tell_notice(struct lint_output *output, const struct lint_notice *notice) {
    if (output->aside != NULL)
        lint_json_notice(&output->aside_json, notice);
}

static void end_capture(struct lint_output *output, const struct lint_totals *totals, const char *reason) {
    json_close_list(&output->json);
    lint_aside_end(output, "notices");
    lint_json_summary(&output->json, totals, reason);
    json_close_object(&output->json);
}

static void end(struct lint_output *output) {
    json_close_list(&output->json);
    fputc('\n', output->file);
}

const struct lint_form lint_json = {begin, begin_capture, tell_breach, tell_notice, end_capture, end};
