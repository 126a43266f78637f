/* What lint found, for people. */
#include "pcaps/lint_report.h"
#include "pcaps/show.h"

const char *lint_paraphrase(enum spec_statement statement) {
    return statement == SPEC_NONE ? "no numbered statement" : spec_row(statement)->paraphrase;
}

static const char *plural(size_t count) {
    return count == 1 ? "" : "s";
}

static void begin(struct lint_output *output) {
    (void)output;
}

/* ---- Findings ------------------------------------------------------------------------------------------------------
 */

static void show_packets(struct lint_output *output, const struct lint_breach *breach) {
    char text[SHOW_PACKET_CAPACITY];
    for (size_t i = 0; i < breach->packet_count; i++) {
        const struct lint_packet *packet = &breach->packets[i];
        double apart = packet->time >= breach->time ? show_seconds(breach->time, packet->time)
                                                    : -show_seconds(packet->time, breach->time);
        lint_show_packet(breach->version, packet, text, sizeof text);
        fprintf(output->file, "%12s%s %+11.6f  #%-5llu %s %s\n", "", packet->offends ? ">" : " ", apart,
                (unsigned long long)packet->frame, packet->side == MQTT_CLIENT ? "->" : "<-", text);
    }
}

static void tell_breach(struct lint_output *output, const struct lint_breach *breach) {
    fprintf(output->file, "%12.6f  #%-5llu c%-3zu %-16s the %s broke %s: %s\n", breach->seconds,
            (unsigned long long)breach->frame, breach->connection, breach->client, show_side(breach->side),
            spec_name(breach->statement), lint_paraphrase(breach->statement));
    fprintf(output->file, "%14sseen: %s\n", "", breach->what);
    show_packets(output, breach);
}

static void tell_notice(struct lint_output *output, const struct lint_notice *notice) {
    const struct notice_row *row = notice_row(notice->kind);
    fprintf(output->file, "%12.6f  #%-5llu c%-3zu %-16s notice %s: %s\n", notice->seconds,
            (unsigned long long)notice->frame, notice->connection, notice->client, row->name, row->title);
    fprintf(output->file, "%14sseen: %s\n", "", notice->detail);
}

/* ---- The summary ---------------------------------------------------------------------------------------------------
 */

static void summarise_client(FILE *file, const char *name, const struct lint_client *client) {
    fprintf(file, "    %-24s %zu by it, %zu by its server", name, client->breaches[MQTT_CLIENT],
            client->breaches[MQTT_SERVER]);
    if (client->notices > 0)
        fprintf(file, ", %zu notice%s", client->notices, plural(client->notices));
    fputc('\n', file);
}

static void summarise_clients(FILE *file, const struct lint_totals *totals) {
    const struct lint_client *others = &totals->other_clients;
    fputs("  by client:\n", file);
    for (size_t i = 0; i < totals->client_count; i++)
        summarise_client(file, totals->clients[i].name, &totals->clients[i]);
    if (others->breaches[MQTT_CLIENT] + others->breaches[MQTT_SERVER] + others->notices > 0)
        summarise_client(file, "(further clients)", others);
}

static void summarise_statements(FILE *file, const struct lint_totals *totals) {
    fputs("  by statement:\n", file);
    for (int statement = 0; statement < SPEC_COUNT; statement++)
        if (totals->by_statement[statement] > 0)
            fprintf(file, "    %-24s %zu  %s\n", spec_name((enum spec_statement)statement),
                    totals->by_statement[statement], lint_paraphrase((enum spec_statement)statement));
}

static void summarise_notices(FILE *file, const struct lint_totals *totals) {
    fputs("  by notice; what looks wrong though no statement forbids it:\n", file);
    for (int kind = 0; kind < NOTICE_COUNT; kind++) {
        const struct notice_row *row = notice_row((enum notice_kind)kind);
        if (totals->by_notice[kind] == 0)
            continue;
        fprintf(file, "    %-24s %zu  %s\n", row->name, totals->by_notice[kind], row->title);
        fprintf(file, "%29stold at: %s\n%29s%s\n", "", row->threshold, "", row->why);
    }
}

static void summarise(struct lint_output *output, const struct lint_totals *totals, const char *reason) {
    FILE *file = output->file;
    size_t breaches = totals->breaches[MQTT_CLIENT] + totals->breaches[MQTT_SERVER];
    (void)reason; /* is said on standard error */
    if (totals->conversations == 0)
        return;
    fprintf(file, "%s: %zu MQTT connection%s, %zu packet%s, ", output->capture, totals->conversations,
            plural(totals->conversations), totals->packets, plural(totals->packets));
    if (breaches == 0)
        fputs("no breach", file);
    else
        fprintf(file, "%zu breach%s: %zu by clients, %zu by servers", breaches, breaches == 1 ? "" : "es",
                totals->breaches[MQTT_CLIENT], totals->breaches[MQTT_SERVER]);
    if (totals->notices > 0)
        fprintf(file, "; %zu notice%s", totals->notices, plural(totals->notices));
    fputc('\n', file);
    if (breaches + totals->notices > 0)
        summarise_clients(file, totals);
    if (breaches > 0)
        summarise_statements(file, totals);
    if (totals->notices > 0)
        summarise_notices(file, totals);
}

const struct lint_form lint_text = {begin, begin, tell_breach, tell_notice, summarise, begin};
