#include <pcap/pcap.h>
#include <stdio.h>

#include "pcaps/capture.h"
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

static bool check_link_type(pcap_t *capture, char *reason, size_t reason_size) {
    int link_type = pcap_datalink(capture);
    if (unwrap_knows(link_type))
        return true;
    const char *name = pcap_datalink_val_to_name(link_type);
    snprintf(reason, reason_size,
             "its link type is %s (%d), which is not read; capture on Ethernet, loopback or the Linux \"any\" device",
             name != NULL ? name : "unknown", link_type);
    return false;
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
    snprintf(reason, reason_size, "it is cut or damaged after packet %llu: %s", (unsigned long long)frame,
             pcap_geterr(capture));
    return false;
}

static pcap_t *open_source(const struct capture_source *source, char *error) {
    if (source->file == NULL)
        return pcap_open_offline(source->path, error);
    pcap_t *capture = pcap_fopen_offline(source->file, error);
    if (capture == NULL)
        fclose(source->file); /* else it is libpcap's */
    return capture;
}

bool capture_read(const struct capture_source *source, const struct stream_hooks *hooks, char *reason,
                  size_t reason_size) {
    char error[PCAP_ERRBUF_SIZE] = "";
    pcap_t *capture = open_source(source, error);
    if (capture == NULL) {
        snprintf(reason, reason_size, "it cannot be read as pcap or pcapng: %s", error);
        return false;
    }
    bool whole = check_link_type(capture, reason, reason_size) && read_packets(capture, hooks, reason, reason_size);
    pcap_close(capture);
    return whole;
}
