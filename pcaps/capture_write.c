/* Writes conversations as a capture: Ethernet, IPv4, TCP, all made up but right in every sum and number. */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcaps/capture.h"

enum {
    ETHERNET_HEADER = 14,
    IP_HEADER = 20,
    TCP_HEADER = 20,
    SEGMENT_SIZE_OPTION = 4,
    HEADERS = ETHERNET_HEADER + IP_HEADER + TCP_HEADER + SEGMENT_SIZE_OPTION,
    SEGMENT_SIZE = 1460, /* what an Ethernet frame of 1500 bytes leaves */
    SNAPSHOT_LENGTH = 65535,
    /* A receiver acknowledges every second full segment (RFC 1122); so the window below is never full. */
    SEGMENTS_PER_ACKNOWLEDGEMENT = 2,
    WINDOW = 65535,
};

enum tcp_flag { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_ACK = 0x10 };

/* Addresses kept for documentation (RFC 5737): they name nobody. */
#define SERVER_ADDRESS   0xC0000201u /* 192.0.2.1 */
#define CLIENT_ADDRESSES 0xC6336400u /* 198.51.100.0 */
#define CLIENT_HOSTS     254u
#define CLIENT_PORTS     16384u
#define FIRST_PORT       49152u

struct capture_writer {
    pcap_t *format;
    pcap_dumper_t *dumper;
    microseconds epoch;
    bool failed;
    uint32_t connection_count;
    struct capture_connection *connections; /* those that are open */
};

struct end {
    uint32_t address;
    uint16_t port;
    uint32_t sequence; /* of the next byte it sends */
    uint16_t datagram; /* IPv4 identification */
    bool closed;       /* it has sent its FIN */
};

struct capture_connection {
    struct capture_writer *writer;
    struct capture_connection *next;
    struct capture_connection **previous;
    struct end ends[2]; /* by enum mqtt_side */
};

static void put16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, (uint16_t)(value >> 16));
    put16(at + 2, (uint16_t)value);
}

/* Adds to the ones' complement sum of RFC 1071. 65,535 bytes cannot wrap it. */
static uint32_t add_words(uint32_t sum, const uint8_t *data, size_t length) {
    for (size_t at = 0; at + 1 < length; at += 2)
        sum += (uint32_t)data[at] << 8 | data[at + 1];
    if (length % 2 != 0)
        sum += (uint32_t)data[length - 1] << 8;
    return sum;
}

static uint16_t finish_sum(uint32_t sum) {
    while (sum > 0xFFFF)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_ethernet(uint8_t *frame, enum mqtt_side sender) {
    /* Locally administered addresses: 02:...:01 is the client's, 02:...:02 the server's. */
    uint8_t receiver_last = sender == MQTT_CLIENT ? 2 : 1;
    memset(frame, 0, ETHERNET_HEADER);
    frame[0] = frame[6] = 0x02;
    frame[5] = receiver_last;
    frame[11] = (uint8_t)(3 - receiver_last);
    put16(frame + 12, 0x0800);
}

static void put_ip(uint8_t *header, struct end *from, const struct end *to, size_t tcp_length) {
    memset(header, 0, IP_HEADER);
    header[0] = 0x45;
    put16(header + 2, (uint16_t)(IP_HEADER + tcp_length));
    put16(header + 4, from->datagram++);
    put16(header + 6, 0x4000); /* do not fragment */
    header[8] = 64;            /* time to live */
    header[9] = 6;             /* TCP */
    put32(header + 12, from->address);
    put32(header + 16, to->address);
    put16(header + 10, finish_sum(add_words(0, header, IP_HEADER)));
}

/* Returns the length of the header. */
static size_t put_tcp(uint8_t *header, const struct end *from, const struct end *to, uint8_t flags) {
    size_t length = TCP_HEADER + (flags & TCP_SYN ? (size_t)SEGMENT_SIZE_OPTION : 0);
    memset(header, 0, length);
    put16(header, from->port);
    put16(header + 2, to->port);
    put32(header + 4, from->sequence);
    if (flags & TCP_ACK)
        put32(header + 8, to->sequence);
    header[12] = (uint8_t)(length / 4 << 4);
    header[13] = flags;
    put16(header + 14, WINDOW);
    if (flags & TCP_SYN) {
        header[20] = 2;
        header[21] = SEGMENT_SIZE_OPTION;
        put16(header + 22, SEGMENT_SIZE);
    }
    return length;
}

static void put_tcp_sum(uint8_t *tcp, size_t length, const struct end *from, const struct end *to) {
    uint8_t pseudo_header[12] = {[9] = 6};
    put32(pseudo_header, from->address);
    put32(pseudo_header + 4, to->address);
    put16(pseudo_header + 10, (uint16_t)length);
    put16(tcp + 16, finish_sum(add_words(add_words(0, pseudo_header, sizeof pseudo_header), tcp, length)));
}

/* Writes one segment that `side` sends, and moves its sequence number. */
static void write_segment(struct capture_connection *connection, enum mqtt_side side, uint8_t flags,
                          struct mqtt_bytes payload, microseconds now) {
    struct capture_writer *writer = connection->writer;
    struct end *from = &connection->ends[side];
    struct end *to = &connection->ends[side == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT];
    uint8_t frame[HEADERS + SEGMENT_SIZE];
    uint8_t *tcp = frame + ETHERNET_HEADER + IP_HEADER;
    size_t tcp_length = put_tcp(tcp, from, to, flags);
    if (payload.length > 0)
        memcpy(tcp + tcp_length, payload.data, payload.length);
    tcp_length += payload.length;
    put_tcp_sum(tcp, tcp_length, from, to);
    put_ip(frame + ETHERNET_HEADER, from, to, tcp_length);
    put_ethernet(frame, side);

    microseconds time = writer->epoch + now;
    struct pcap_pkthdr header = {
        .ts = {.tv_sec = (time_t)(time / MICROSECONDS_PER_SECOND),
               .tv_usec = (suseconds_t)(time % MICROSECONDS_PER_SECOND)},
        .caplen = (bpf_u_int32)(ETHERNET_HEADER + IP_HEADER + tcp_length),
        .len = (bpf_u_int32)(ETHERNET_HEADER + IP_HEADER + tcp_length),
    };
    pcap_dump((u_char *)writer->dumper, &header, frame);
    if (ferror(pcap_dump_file(writer->dumper)))
        writer->failed = true;
    from->sequence += payload.length + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
}

static void write_empty(struct capture_connection *connection, enum mqtt_side side, uint8_t flags, microseconds now) {
    write_segment(connection, side, flags, (struct mqtt_bytes){0}, now);
}

struct capture_writer *capture_writer_open(const char *path, microseconds epoch, char *reason, size_t reason_size) {
    struct capture_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        snprintf(reason, reason_size, "cannot write %s: no memory", path);
        return NULL;
    }
    writer->epoch = epoch;
    writer->format = pcap_open_dead(DLT_EN10MB, SNAPSHOT_LENGTH);
    if (writer->format == NULL) {
        snprintf(reason, reason_size, "cannot write %s: no memory", path);
        free(writer);
        return NULL;
    }
    writer->dumper = pcap_dump_open(writer->format, path);
    if (writer->dumper == NULL) {
        snprintf(reason, reason_size, "cannot write %s", pcap_geterr(writer->format));
        pcap_close(writer->format);
        free(writer);
        return NULL;
    }
    return writer;
}

struct capture_connection *capture_writer_connect(struct capture_writer *writer, uint16_t server_port,
                                                  microseconds now) {
    struct capture_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        writer->failed = true;
        return NULL;
    }
    uint32_t number = writer->connection_count++;
    connection->writer = writer;
    connection->ends[MQTT_CLIENT] = (struct end){
        .address = CLIENT_ADDRESSES + 1 + number % CLIENT_HOSTS,
        .port = (uint16_t)(FIRST_PORT + number / CLIENT_HOSTS % CLIENT_PORTS),
        /* Numbers differ between connections, so that a port used again is a new connection to every reader. */
        .sequence = 1000 + number * 64000u,
    };
    connection->ends[MQTT_SERVER] =
        (struct end){.address = SERVER_ADDRESS, .port = server_port, .sequence = 2000 + number * 64000u};
    connection->next = writer->connections;
    connection->previous = &writer->connections;
    if (connection->next != NULL)
        connection->next->previous = &connection->next;
    writer->connections = connection;

    write_empty(connection, MQTT_CLIENT, TCP_SYN, now);
    write_empty(connection, MQTT_SERVER, TCP_SYN | TCP_ACK, now);
    write_empty(connection, MQTT_CLIENT, TCP_ACK, now);
    return connection;
}

void capture_writer_bytes(struct capture_connection *connection, enum mqtt_side side, struct mqtt_bytes bytes,
                          microseconds now) {
    enum mqtt_side other = side == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT;
    unsigned unacknowledged = 0;
    while (bytes.length > 0) {
        struct mqtt_bytes part = {bytes.data, bytes.length < SEGMENT_SIZE ? bytes.length : SEGMENT_SIZE};
        bytes.data += part.length;
        bytes.length -= part.length;
        write_segment(connection, side, bytes.length == 0 ? TCP_ACK | TCP_PSH : TCP_ACK, part, now);
        if (++unacknowledged == SEGMENTS_PER_ACKNOWLEDGEMENT || bytes.length == 0) {
            write_empty(connection, other, TCP_ACK, now);
            unacknowledged = 0;
        }
    }
}

static void free_connection(struct capture_connection *connection) {
    *connection->previous = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    free(connection);
}

void capture_writer_half_close(struct capture_connection *connection, enum mqtt_side side, microseconds now) {
    if (connection->ends[side].closed)
        return;
    connection->ends[side].closed = true;
    write_empty(connection, side, TCP_FIN | TCP_ACK, now);
    write_empty(connection, side == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT, TCP_ACK, now);
}

void capture_writer_close(struct capture_connection *connection, enum mqtt_side side, microseconds now) {
    enum mqtt_side other = side == MQTT_CLIENT ? MQTT_SERVER : MQTT_CLIENT;
    if (connection->ends[side].closed || connection->ends[other].closed) {
        capture_writer_half_close(connection, side, now);
        capture_writer_half_close(connection, other, now);
    } else {
        write_empty(connection, side, TCP_FIN | TCP_ACK, now);
        write_empty(connection, other, TCP_FIN | TCP_ACK, now);
        write_empty(connection, side, TCP_ACK, now);
    }
    free_connection(connection);
}

void capture_writer_reset(struct capture_connection *connection, enum mqtt_side side, microseconds now) {
    write_empty(connection, side, TCP_RST | TCP_ACK, now);
    free_connection(connection);
}

bool capture_writer_finish(struct capture_writer *writer) {
    while (writer->connections != NULL)
        free_connection(writer->connections);
    bool complete = pcap_dump_flush(writer->dumper) == 0 && !writer->failed;
    pcap_dump_close(writer->dumper);
    pcap_close(writer->format);
    free(writer);
    return complete;
}
