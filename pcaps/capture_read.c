#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pcaps/capture_live.h"
#include "pcaps/capture_wait.h"
#include "pcaps/pcapng.h"
#include "pcaps/unwrap.h"

/* Far beyond any real capture; larger seconds are damage and must not wrap. */
#define LATEST_SECOND INT64_C(1000000000000)

static microseconds time_of(const struct pcap_pkthdr *header) {
    int64_t seconds = (int64_t)header->ts.tv_sec;
    int64_t fraction = (int64_t)header->ts.tv_usec;
    if (seconds < 0 || seconds > LATEST_SECOND)
        return 0;
    if (fraction < 0 || fraction >= (int64_t)MICROSECONDS_PER_SECOND)
        fraction = 0;
    return (microseconds)seconds * MICROSECONDS_PER_SECOND + (microseconds)fraction;
}

static bool check_link_type(int link_type, char *reason, size_t reason_size) {
    if (unwrap_knows(link_type))
        return true;
    const char *name = pcap_datalink_val_to_name(link_type);
    snprintf(
        reason, reason_size,
        "its link type is %s (%d), which is not read; capture on Ethernet, PPP, loopback or the Linux \"any\" device",
        name != NULL ? name : "unknown", link_type);
    return false;
}

static void tell_damage(uint64_t frame, const char *how, char *reason, size_t reason_size) {
    snprintf(reason, reason_size, "it is cut or damaged after packet %llu: %s", (unsigned long long)frame, how);
}

static bool read_packets(pcap_t *capture, const struct stream_hooks *hooks, char *reason, size_t reason_size) {
    struct reassembler *reassembler = reassembler_create(hooks);
    if (reassembler == NULL) {
        snprintf(reason, reason_size, "no memory");
        return false;
    }
    int link_type = pcap_datalink(capture);
    struct pcap_pkthdr *header;
    const u_char *data;
    uint64_t frame = 0;
    microseconds now = 0;
    int result;
    while ((result = pcap_next_ex(capture, &header, &data)) == 1) {
        now = time_of(header);
        reassembler_packet(reassembler, link_type, (struct mqtt_bytes){data, header->caplen}, ++frame, now);
    }
    reassembler_destroy(reassembler, frame, now);
    if (result == PCAP_ERROR_BREAK)
        return true;
    tell_damage(frame, pcap_geterr(capture), reason, reason_size);
    return false;
}

/* Standard input that some program writes, and may still be at it. */
static bool is_piped(const struct capture_source *source) {
    struct stat status;
    return source->file == NULL && strcmp(source->path, "-") == 0 && fstat(STDIN_FILENO, &status) == 0 &&
           (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

/* Closes the file in any case. */
static bool read_pcap(FILE *file, const struct stream_hooks *hooks, char *reason, size_t reason_size) {
    char error[PCAP_ERRBUF_SIZE] = "";
    pcap_t *capture = pcap_fopen_offline(file, error);
    if (capture == NULL) {
        fclose(file); /* else it is libpcap's */
        snprintf(reason, reason_size, "it cannot be read as pcap or pcapng: %s", error);
        return false;
    }
    bool whole = check_link_type(pcap_datalink(capture), reason, reason_size) &&
                 read_packets(capture, hooks, reason, reason_size);
    pcap_close(capture);
    return whole;
}

/* Packets of interfaces whose link type is not read are passed over, as long as others are there. */
static bool read_blocks(struct pcapng *reader, const struct stream_hooks *hooks, char *reason, size_t reason_size) {
    struct reassembler *reassembler = reassembler_create(hooks);
    struct pcapng_packet packet = {.time = 0};
    uint64_t frame = 0, known = 0;
    enum pcapng_result result;
    if (reassembler == NULL) {
        snprintf(reason, reason_size, "no memory");
        return false;
    }
    while ((result = pcapng_next(reader, &packet)) == PCAPNG_PACKET) {
        frame++;
        known += unwrap_knows(packet.link_type);
        reassembler_packet(reassembler, packet.link_type, packet.data, frame, packet.time);
    }
    reassembler_destroy(reassembler, frame, packet.time);
    if (result == PCAPNG_DAMAGED)
        tell_damage(frame, pcapng_reason(reader), reason, reason_size);
    else if (frame > 0 && known == 0)
        return check_link_type(packet.link_type, reason, reason_size);
    return result == PCAPNG_END;
}

/* Closes the file in any case. */
static bool read_pcapng(FILE *file, const struct stream_hooks *hooks, char *reason, size_t reason_size) {
    struct pcapng *reader = pcapng_create(file);
    bool whole = reader != NULL && read_blocks(reader, hooks, reason, reason_size);
    if (reader != NULL)
        pcapng_destroy(reader);
    else
        snprintf(reason, reason_size, "no memory");
    fclose(file);
    return whole;
}

static bool read_file(FILE *file, const struct stream_hooks *hooks, char *reason, size_t reason_size) {
    return pcapng_begins(file) ? read_pcapng(file, hooks, reason, reason_size)
                               : read_pcap(file, hooks, reason, reason_size);
}

/* Where the user ends it, it may end within a packet. */
static bool read_pipe(const struct capture_source *source, const struct stream_hooks *hooks, char *reason,
                      size_t reason_size) {
    struct capture_wait wait;
    if (!capture_wait_begin(&wait, STDIN_FILENO, 0)) {
        snprintf(reason, reason_size, "it cannot be waited for: %s", strerror(errno));
        return false;
    }
    FILE *file = capture_wait_open(&wait, source);
    if (file == NULL)
        snprintf(reason, reason_size, "%s", strerror(errno));
    bool whole = file != NULL && (read_file(file, hooks, reason, reason_size) || capture_wait_is_over(&wait));
    capture_wait_end(&wait);
    return whole;
}

bool capture_read(const struct capture_source *source, const struct stream_hooks *hooks, char *reason,
                  size_t reason_size) {
    if (source->live != NULL)
        return capture_live_read(source, hooks, reason, reason_size);
    if (is_piped(source))
        return read_pipe(source, hooks, reason, reason_size);
    FILE *file = source->file;
    if (file == NULL)
        file = strcmp(source->path, "-") == 0 ? stdin : fopen(source->path, "rb");
    if (file == NULL) {
        snprintf(reason, reason_size, "it cannot be opened: %s", strerror(errno));
        return false;
    }
    return read_file(file, hooks, reason, reason_size);
}
