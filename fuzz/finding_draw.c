/* A conversation as a sequence diagram. */
#include "fuzz/finding.h"

#include <string.h>

#define COLUMN    4 /* characters for each client */
#define LINE_SIZE 400u

/* The clients that take part. */
static unsigned count_links(const struct script *script) {
    unsigned count = 1;
    for (uint32_t i = 0; i < script->count; i++)
        if (script->items[i].kind != SCRIPT_WAIT && script->items[i].link >= count)
            count = script->items[i].link + 1u;
    return count;
}

static void draw_line(FILE *file, unsigned links, uint8_t link, char end, bool to_client, const char *text) {
    for (unsigned i = 0; i < links; i++) {
        char fill = i >= link ? '-' : ' ';
        fputc(i == link ? (to_client ? '<' : end) : i < link ? '|' : fill, file);
        for (int k = 1; k < COLUMN; k++)
            fputc(fill, file);
    }
    fprintf(file, "%c %s\n", to_client ? end : '>', text);
}

static void draw_sent(FILE *file, unsigned links, const struct script *script, const struct script_item *item) {
    struct spec_rules rules;
    memset(&rules, 0, sizeof rules);
    struct mqtt_bytes bytes = script_bytes(script, item);
    struct mqtt_decoder decoder = {.version = item->version, .sender = MQTT_CLIENT, .rules = &rules};
    struct mqtt_packet packet;
    struct mqtt_error error;
    uint32_t size;
    char text[LINE_SIZE];
    while (bytes.length > 0) {
        if (bytes.data[0] >> 4 == MQTT_CONNECT)
            decoder.version = MQTT_VERSION_UNKNOWN;
        enum mqtt_status status = mqtt_next(&decoder, bytes, &packet, &size, &error);
        bool whole = status == MQTT_OK || (status == MQTT_REFUSED && size > 0 && size <= bytes.length);
        if (!whole)
            size = bytes.length;
        decoder.version = item->version;
        if (status == MQTT_OK)
            mqtt_describe(item->version, &packet, text, sizeof text);
        else
            snprintf(text, sizeof text, "%s, %u bytes: %s", mqtt_type_name((enum mqtt_type)(bytes.data[0] >> 4)), size,
                     status == MQTT_REFUSED ? error.what : "unfinished");
        draw_line(file, links, item->link, '+', false, text);
        bytes = (struct mqtt_bytes){bytes.data + size, bytes.length - size};
    }
}

static void draw_received(FILE *file, unsigned links, const struct script *script, const struct script_item *item) {
    char text[LINE_SIZE];
    if (item->decoded)
        mqtt_describe(item->version, &item->packet, text, sizeof text);
    else
        snprintf(text, sizeof text, "%u bytes that are no packet", script_bytes(script, item).length);
    draw_line(file, links, item->link, '+', true, text);
}

void finding_draw(const struct script *script, const struct outcome *outcome, FILE *file) {
    unsigned links = count_links(script);
    for (unsigned i = 0; i < links; i++)
        fprintf(file, "%-*c", COLUMN, (char)('A' + i));
    fputs("Server\n", file);
    for (uint32_t i = 0; i < script->count; i++) {
        const struct script_item *item = &script->items[i];
        if (item->kind == SCRIPT_OPEN)
            draw_line(file, links, item->link, '+', false, "opens a connection");
        else if (item->kind == SCRIPT_SEND)
            draw_sent(file, links, script, item);
        else if (item->kind == SCRIPT_CLOSE)
            draw_line(file, links, item->link, '+', false, "closes the connection");
        else if (item->kind == SCRIPT_CLOSED)
            draw_line(file, links, item->link, '+', true, "closes the connection");
        else if (item->kind == SCRIPT_RECEIVE)
            draw_received(file, links, script, item);
        else
            fprintf(file, "%*s %u ms pass\n", (int)links * COLUMN, "", item->milliseconds);
    }
    fprintf(file, "\n%s\n", outcome->what);
}
