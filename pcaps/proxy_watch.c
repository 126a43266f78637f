#include "pcaps/proxy_watch.h"

#include <stdlib.h>
#include <string.h>

#include "pcaps/lint_report.h"
#include "reference/server.h"

/* What the monitors may use together. Beyond it, they leave connections unjudged. */
#define MONITOR_MEMORY ((size_t)256 * 1024 * 1024)

/* ---- Memory --------------------------------------------------------------------------------------------------------
 */

static void *allocate(void *context, size_t size) {
    struct watch *watch = context;
    void *memory = size <= MONITOR_MEMORY - watch->memory ? malloc(size) : NULL;
    if (memory != NULL) {
        watch->memory += size;
        return memory;
    }
    if (!watch->memory_told)
        fprintf(stderr, "mqspec proxy: there is no memory left to judge all that passes; some breaches are not seen\n");
    watch->memory_told = true;
    return NULL;
}

static void release(void *context, void *memory, size_t size) {
    struct watch *watch = context;
    watch->memory -= size;
    free(memory);
}

/* ---- Lines ---------------------------------------------------------------------------------------------------------
 */

static const char *arrow(enum mqtt_side sender) {
    return sender == MQTT_CLIENT ? "->" : "<-";
}

static void begin_line(const struct watch *watch, const struct watched *watched, microseconds now) {
    fprintf(watch->settings.file, "%12.6f  c%-3zu %-16s ", show_seconds(watch->start, now), watched->number,
            watched->client);
}

static void begin_object(const struct watch *watch, struct json_writer *json, const struct watched *watched,
                         const char *event, microseconds now) {
    json_begin(json, watch->settings.file);
    json_open_object(json, NULL);
    json_text(json, "event", event);
    json_number(json, "time", watch->epoch + now);
    json_number(json, "connection", watched->number);
    json_text(json, "client_address", watched->address);
    json_text(json, "client", watched->client);
}

static void end_object(struct json_writer *json) {
    json_close_object(json);
    fputc('\n', json->file);
}

/* A line on the connection as a whole. */
static void tell(const struct watch *watch, const struct watched *watched, const char *event, const char *text,
                 microseconds now) {
    struct json_writer json;
    if (watch->settings.quiet)
        return;
    if (watch->settings.json) {
        begin_object(watch, &json, watched, event, now);
        json_text(&json, "text", text);
        end_object(&json);
        return;
    }
    begin_line(watch, watched, now);
    fprintf(watch->settings.file, "-- %s\n", text);
}

static void tell_packet(const struct watch *watch, const struct watched *watched, enum mqtt_side sender,
                        const struct mqtt_packet *packet, struct mqtt_bytes bytes, microseconds now) {
    struct json_writer json;
    char text[SHOW_PACKET_CAPACITY];
    if (watch->settings.json) {
        begin_object(watch, &json, watched, "packet", now);
        json_text(&json, "sender", show_side(sender));
        json_text(&json, "type", mqtt_type_name(packet->type));
        json_text(&json, "version", mqtt_version_name(watched->version));
        show_json_fields(&json, watched->version, packet);
        json_bytes_as_hex(&json, "bytes", bytes.data, bytes.length);
        end_object(&json);
        return;
    }
    show_packet(watched->version, packet, text, sizeof text);
    begin_line(watch, watched, now);
    fprintf(watch->settings.file, "%s %s\n", arrow(sender), text);
}

static void breach_as_json(const struct watch *watch, const struct watched *watched,
                           const struct monitor_breach *breach) {
    struct json_writer json;
    char text[SHOW_PACKET_CAPACITY] = "";
    if (breach->packet != NULL)
        show_packet(watched->version, breach->packet, text, sizeof text);
    begin_object(watch, &json, watched, "breach", breach->time);
    json_text(&json, "statement", spec_name(breach->statement));
    json_text(&json, "paraphrase", lint_paraphrase(breach->statement));
    json_text(&json, "what", breach->what);
    json_text(&json, "broken_by", show_side(breach->side));
    json_number(&json, "offset", breach->offset);
    json_text(&json, "packet", text);
    json_bytes_as_hex(&json, "bytes", breach->bytes.data, breach->bytes.length);
    end_object(&json);
}

/* The packet that broke the rule stands in the line above, unless packets are not told. */
static void breach_as_text(const struct watch *watch, const struct watched *watched,
                           const struct monitor_breach *breach) {
    FILE *file = watch->settings.file;
    char text[SHOW_PACKET_CAPACITY];
    begin_line(watch, watched, breach->time);
    fprintf(file, "the %s broke %s: %s\n%14sseen: %s\n", show_side(breach->side), spec_name(breach->statement),
            lint_paraphrase(breach->statement), "", breach->what);
    if (breach->packet != NULL && watch->settings.quiet) {
        show_packet(watched->version, breach->packet, text, sizeof text);
        fprintf(file, "%14s%s %s\n", "", arrow(breach->side), text);
    }
    if (breach->packet == NULL && breach->bytes.length > 0) {
        fprintf(file, "%14s%s %u bytes that are no packet: ", "", arrow(breach->side), breach->bytes.length);
        show_bytes_around(file, breach->bytes, breach->offset);
        fputc('\n', file);
    }
}

/* ---- What the monitors tell ----------------------------------------------------------------------------------------
 */

static void learn(struct watched *watched, const struct mqtt_packet *packet) {
    struct mqtt_bytes name = {NULL, 0};
    if (packet->type == MQTT_CONNECT) {
        uint8_t level = packet->connect.protocol_level;
        watched->version = level >= MQTT_3_1 && level <= MQTT_5_0 ? (enum mqtt_version)level : MQTT_3_1_1;
        watched->is_mqtt = true;
        name = packet->connect.client_identifier;
    }
    if (packet->type == MQTT_CONNACK)
        name = mqtt_property_bytes(packet->connack.properties, MQTT_ASSIGNED_CLIENT_IDENTIFIER);
    if (name.length > 0)
        show_name(name, watched->client, sizeof watched->client);
}

static void saw_packet(void *context, void *owner, enum mqtt_side side, microseconds time,
                       const struct mqtt_packet *packet, struct mqtt_bytes bytes) {
    struct watch_view *view = context;
    struct watch *watch = view->watch;
    struct watched *watched = owner;
    if (view->believed >= 0 && view->believed != (int)side)
        return;
    watch->totals.packets++;
    if (packet->type == MQTT_CONNECT && !watched->is_mqtt) {
        watch->totals.conversations++;
        watch->totals.others--;
    }
    learn(watched, packet);
    if (!watch->settings.quiet)
        tell_packet(watch, watched, side, packet, bytes, time);
}

static void saw_breach(void *context, const struct monitor_breach *breach) {
    struct watch_view *view = context;
    struct watch *watch = view->watch;
    const struct watched *watched = breach->owner;
    if (view->believed >= 0 && view->believed != (int)breach->side)
        return;
    watch->totals.breaches[breach->side]++;
    watch->totals.by_statement[breach->statement]++;
    lint_totals_client(&watch->totals, watched->client)->breaches[breach->side]++;
    if (watch->settings.json)
        breach_as_json(watch, watched, breach);
    else
        breach_as_text(watch, watched, breach);
}

/* ---- Connections ---------------------------------------------------------------------------------------------------
 */

static size_t view_count(const struct watch *watch) {
    return watch->settings.at_each_end ? 2 : 1;
}

/* What is seen at an end goes to the view of that end. Where there is one view, it has what is sent. False where it is
 * for none. */
static bool find_view(const struct watch *watch, enum mqtt_side at, enum mqtt_side sender, size_t *view) {
    *view = watch->settings.at_each_end ? (size_t)at : 0;
    return watch->settings.at_each_end || at == sender;
}

void watch_opened(struct watch *watch, struct watched *watched, size_t number, const char *address, microseconds now) {
    char text[96];
    *watched = (struct watched){.number = number, .client = "?"};
    snprintf(watched->address, sizeof watched->address, "%s", address);
    watch->totals.others++; /* until it sends a CONNECT */
    for (size_t i = 0; i < view_count(watch); i++) {
        uint16_t port = watch->settings.ports[watch->settings.at_each_end ? i : MQTT_SERVER];
        watched->monitored[i] = monitor_open(watch->views[i].monitor, now, watched, true);
        watch->totals.not_judged += watched->monitored[i] == NULL;
        if (watch->capture != NULL)
            watched->captured[i] = capture_writer_connect(watch->capture, port, now);
    }
    snprintf(text, sizeof text, "opened by %s", watched->address);
    tell(watch, watched, "opened", text, now);
}

void watch_bytes(struct watch *watch, struct watched *watched, enum mqtt_side at, enum mqtt_side sender,
                 struct mqtt_bytes bytes, microseconds now) {
    size_t view;
    if (!find_view(watch, at, sender, &view))
        return;
    if (watched->captured[view] != NULL)
        capture_writer_bytes(watched->captured[view], sender, bytes, now);
    if (watched->monitored[view] != NULL)
        monitor_bytes(watched->monitored[view], sender, bytes, now);
}

void watch_half_closed(struct watch *watch, struct watched *watched, enum mqtt_side at, enum mqtt_side sender,
                       bool reset, microseconds now) {
    size_t view;
    if (!find_view(watch, at, sender, &view))
        return;
    if (watched->captured[view] != NULL && !reset)
        capture_writer_half_close(watched->captured[view], sender, now);
    if (watched->monitored[view] != NULL)
        monitor_half_closed(watched->monitored[view], sender, now);
}

void watch_fault(struct watch *watch, struct watched *watched, const struct fault *fault, enum mqtt_side sender,
                 enum mqtt_type type, microseconds now) {
    struct json_writer json;
    if (watch->settings.quiet)
        return;
    if (watch->settings.json) {
        begin_object(watch, &json, watched, "fault", now);
        json_text(&json, "sender", show_side(sender));
        json_text(&json, "type", mqtt_type_name(type));
        json_text(&json, "fault", fault->text);
        json_text(&json, "outcome", fault_outcome(fault->action));
        end_object(&json);
        return;
    }
    begin_line(watch, watched, now);
    fprintf(watch->settings.file, "%s %s %s by the fault '%s'\n", arrow(sender), mqtt_type_name(type),
            fault_outcome(fault->action), fault->text);
}

/* To each end the proxy stands for the other one. */
static enum mqtt_side closes_first(const struct watch_ending *ending, size_t view) {
    if (ending->first >= 0)
        return (enum mqtt_side)ending->first;
    return view == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT;
}

void watch_closed(struct watch *watch, struct watched *watched, const struct watch_ending *ending, microseconds now) {
    for (size_t i = 0; i < view_count(watch); i++) {
        enum mqtt_side first = closes_first(ending, i);
        if (watched->monitored[i] != NULL)
            monitor_close(watched->monitored[i], now);
        if (watched->captured[i] != NULL && ending->reset)
            capture_writer_reset(watched->captured[i], first, now);
        else if (watched->captured[i] != NULL)
            capture_writer_close(watched->captured[i], first, now);
        watched->monitored[i] = NULL;
        watched->captured[i] = NULL;
    }
    tell(watch, watched, "closed", ending->how, now);
}

void watch_tick(struct watch *watch, microseconds now) {
    for (size_t i = 0; i < view_count(watch); i++)
        monitor_tick(watch->views[i].monitor, now);
}

/* ---- Beginning and end ---------------------------------------------------------------------------------------------
 */

static bool create_monitors(struct watch *watch) {
    struct environment environment = environment_of_system();
    environment.context = watch;
    environment.allocate = allocate;
    environment.release = release;
    for (size_t i = 0; i < view_count(watch); i++) {
        struct watch_view *view = &watch->views[i];
        struct monitor_hooks hooks = {.context = view, .breach = saw_breach, .packet = saw_packet};
        view->watch = watch;
        view->believed = watch->settings.at_each_end ? (int)i : -1;
        view->monitor = monitor_create(&hooks, &environment);
        if (view->monitor == NULL)
            return false;
    }
    return true;
}

static void free_all(struct watch *watch) {
    for (size_t i = 0; i < view_count(watch); i++)
        monitor_destroy(watch->views[i].monitor);
    lint_totals_free(&watch->totals);
}

bool watch_begin(struct watch *watch, const struct watch_settings *settings, microseconds now, char *reason,
                 size_t reason_size) {
    struct environment environment = environment_of_system();
    memset(watch, 0, sizeof *watch);
    watch->settings = *settings;
    watch->start = now;
    watch->epoch = environment.wall_clock(NULL) - now;
    snprintf(reason, reason_size, "no memory");
    bool begun = create_monitors(watch);
    if (begun && settings->capture != NULL) {
        watch->capture = capture_writer_open(settings->capture, watch->epoch, reason, reason_size);
        begun = watch->capture != NULL;
    }
    if (!begun)
        free_all(watch);
    return begun;
}

static void summary_as_json(struct watch *watch, const struct faults *faults) {
    struct json_writer json;
    json_begin(&json, watch->settings.file);
    json_open_object(&json, NULL);
    json_text(&json, "event", "summary");
    lint_json_summary(&json, &watch->totals, "");
    json_open_list(&json, "faults");
    for (size_t i = 0; i < faults->count; i++) {
        json_open_object(&json, NULL);
        json_text(&json, "fault", faults->list[i].text);
        json_number(&json, "made", faults->list[i].made);
        json_number(&json, "packets", faults->list[i].met);
        json_close_object(&json);
    }
    json_close_list(&json);
    end_object(&json);
}

static void summary_as_text(struct watch *watch, const struct faults *faults) {
    struct lint_output output = {.file = watch->settings.file, .capture = "proxy"};
    if (watch->totals.conversations == 0)
        fprintf(output.file, "proxy: no MQTT connection, %zu others\n", watch->totals.others);
    lint_text.end_capture(&output, &watch->totals, "");
    for (size_t i = 0; i < faults->count; i++)
        fprintf(output.file, "  fault '%s': made %llu times, of %llu such packets\n", faults->list[i].text,
                (unsigned long long)faults->list[i].made, (unsigned long long)faults->list[i].met);
}

bool watch_end(struct watch *watch, const struct faults *faults) {
    if (watch->settings.json && !watch->settings.quiet)
        summary_as_json(watch, faults);
    else if (!watch->settings.quiet)
        summary_as_text(watch, faults);
    bool written = watch->capture == NULL || capture_writer_finish(watch->capture);
    free_all(watch);
    return written;
}
