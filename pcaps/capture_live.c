#include "pcaps/capture_live.h"

#include <errno.h>
#include <math.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pcaps/capture_wait.h"
#include "pcaps/unwrap.h"

enum {
    WHOLE_PACKETS = 262144,
    KERNEL_BUFFER = 32 * 1024 * 1024, /* for bursts that come faster than they are read */
    /* Milliseconds for which the kernel may hold packets back to hand over many at once. Were each to come at once, it
     * would take room for the largest possible packet in the buffer, and bursts would be lost. */
    HELD_BACK = 50,
    PACKETS_A_TURN = 256, /* between two looks at the signals and the clock */
};

/* How often silence is judged. */
#define TICK (MICROSECONDS_PER_SECOND / 4)
/* A packet may be read some time after its own; by so much the clock of silence is behind. */
#define LAG (MICROSECONDS_PER_SECOND / 2)

struct live_reading {
    const struct capture_source *source;
    struct capture_live *live;
    struct reassembler *reassembler;
    struct capture_wait wait;
    pcap_t *capture;
    pcap_dumper_t *dumper; /* or NULL */
    uint64_t frame;
    microseconds next_tick; /* by the loop's clock */
    char *reason;
    size_t reason_size;
};

/* ---- Opening ----------------------------------------------------------------------------------------------- */

/* Names of the interfaces, as long as there is room. */
static void list_interfaces(char *text, size_t size) {
    char error[PCAP_ERRBUF_SIZE];
    pcap_if_t *all = NULL;
    size_t length = 0;
    text[0] = '\0';
    if (pcap_findalldevs(&all, error) != 0)
        return;
    for (const pcap_if_t *one = all; one != NULL && length < size; one = one->next)
        length += (size_t)snprintf(text + length, size - length, "%s%s", length > 0 ? ", " : "", one->name);
    pcap_freealldevs(all);
}

static void tell_refusal(const struct live_reading *reading, int status) {
    char names[256];
    switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
        list_interfaces(names, sizeof names);
        snprintf(reading->reason, reading->reason_size, "there is no such interface%s%s",
                 names[0] != '\0' ? "; there are " : "", names);
        break;
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        snprintf(reading->reason, reading->reason_size,
                 "you are not allowed to capture there; use sudo, or once: sudo setcap cap_net_raw+ep mqspec");
        break;
    default:
        snprintf(reading->reason, reading->reason_size, "it cannot be captured from: %s", pcap_statustostr(status));
    }
}

static bool set_filter(const struct live_reading *reading) {
    struct bpf_program program;
    if (reading->live->filter == NULL)
        return true;
    if (pcap_compile(reading->capture, &program, reading->live->filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        snprintf(reading->reason, reading->reason_size, "--filter is not understood: %s",
                 pcap_geterr(reading->capture));
        return false;
    }
    bool set = pcap_setfilter(reading->capture, &program) == 0;
    if (!set)
        snprintf(reading->reason, reading->reason_size, "--filter cannot be used here: %s",
                 pcap_geterr(reading->capture));
    pcap_freecode(&program);
    return set;
}

static bool open_dump(struct live_reading *reading) {
    if (reading->live->write_to == NULL)
        return true;
    reading->dumper = pcap_dump_open(reading->capture, reading->live->write_to);
    if (reading->dumper == NULL)
        snprintf(reading->reason, reading->reason_size, "%s", pcap_geterr(reading->capture));
    return reading->dumper != NULL;
}

static bool activate(struct live_reading *reading) {
    pcap_t *capture = reading->capture;
    char error[PCAP_ERRBUF_SIZE] = "";
    pcap_set_snaplen(capture, WHOLE_PACKETS);
    pcap_set_timeout(capture, HELD_BACK);
    pcap_set_buffer_size(capture, KERNEL_BUFFER);
    pcap_set_promisc(capture, 1);
    int status = pcap_activate(capture);
    if (status < 0) {
        tell_refusal(reading, status);
        return false;
    }
    int link_type = pcap_datalink(capture);
    if (!unwrap_knows(link_type)) {
        snprintf(reading->reason, reading->reason_size, "its link type is %s, which is not read; \"-i any\" may do",
                 pcap_datalink_val_to_name(link_type) != NULL ? pcap_datalink_val_to_name(link_type) : "unknown");
        return false;
    }
    if (pcap_setnonblock(capture, 1, error) != 0) {
        snprintf(reading->reason, reading->reason_size, "it cannot be captured from: %s", error);
        return false;
    }
    return set_filter(reading) && open_dump(reading);
}

/* ---- Reading ----------------------------------------------------------------------------------------------- */

static microseconds wall_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (microseconds)now.tv_sec * MICROSECONDS_PER_SECOND + (microseconds)now.tv_nsec / 1000;
}

static void take_packet(struct live_reading *reading, const struct pcap_pkthdr *header, const u_char *data) {
    microseconds time = (microseconds)header->ts.tv_sec * MICROSECONDS_PER_SECOND + (microseconds)header->ts.tv_usec;
    if (reading->dumper != NULL)
        pcap_dump((u_char *)reading->dumper, header, data);
    reassembler_packet(reading->reassembler, pcap_datalink(reading->capture), (struct mqtt_bytes){data, header->caplen},
                       ++reading->frame, time);
}

/* Takes what is there, some of it. False with a reason where the interface is gone. */
static bool take_turn(struct live_reading *reading, bool *more) {
    struct pcap_pkthdr *header;
    const u_char *data;
    int result = 1;
    for (int i = 0; i < PACKETS_A_TURN && result == 1; i++) {
        result = pcap_next_ex(reading->capture, &header, &data);
        if (result == 1)
            take_packet(reading, header, data);
    }
    *more = result == 1;
    if (result >= 0)
        return true;
    snprintf(reading->reason, reading->reason_size, "capturing ended after packet %llu: %s",
             (unsigned long long)reading->frame, pcap_geterr(reading->capture));
    return false;
}

/* What silence shows. */
static void tick(struct live_reading *reading) {
    microseconds now = wall_clock() - LAG;
    reassembler_tick(reading->reassembler, now);
    if (reading->source->pause != NULL)
        reading->source->pause(reading->source->pause_context, now);
    if (reading->dumper != NULL)
        (void)pcap_dump_flush(reading->dumper); /* what fails here fails again at the end, and is told there */
    reading->next_tick = event_loop_now(reading->wait.loop) + TICK;
}

static bool read_on(struct live_reading *reading) {
    bool more = false;
    while (!capture_wait_is_over(&reading->wait)) {
        if (!take_turn(reading, &more))
            return false;
        if (more)
            (void)capture_wait_is_ready(&reading->wait); /* for the signals */
        if (!more || event_loop_now(reading->wait.loop) >= reading->next_tick)
            tick(reading);
        if (!more && !capture_wait_for(&reading->wait, TICK)) {
            snprintf(reading->reason, reading->reason_size, "waiting for packets failed: %s", strerror(errno));
            return false;
        }
    }
    return true;
}

/* What the kernel has held back until now comes after the signal. */
static bool read_rest(struct live_reading *reading) {
    microseconds end = wall_clock() + 2 * HELD_BACK * (MICROSECONDS_PER_SECOND / 1000);
    struct pollfd held_back = {.fd = reading->wait.source.descriptor, .events = POLLIN};
    bool more = true;
    for (int turns = 0; turns < KERNEL_BUFFER / PACKETS_A_TURN && (more || wall_clock() < end); turns++) {
        if (!take_turn(reading, &more))
            return false;
        if (!more)
            (void)poll(&held_back, 1, HELD_BACK); /* where nothing comes, nothing is read */
    }
    return true;
}

static bool close_dump(struct live_reading *reading) {
    if (reading->dumper == NULL)
        return true;
    bool written = pcap_dump_flush(reading->dumper) == 0;
    pcap_dump_close(reading->dumper);
    if (!written)
        snprintf(reading->reason, reading->reason_size, "%s could not be written whole", reading->live->write_to);
    return written;
}

static bool wait_and_read(struct live_reading *reading, const struct stream_hooks *hooks) {
    int descriptor = pcap_get_selectable_fd(reading->capture);
    if (descriptor < 0 || !capture_wait_begin(&reading->wait, descriptor, reading->live->duration)) {
        snprintf(reading->reason, reading->reason_size, "it cannot be waited for");
        return false;
    }
    reading->reassembler = reassembler_create(hooks);
    bool whole = reading->reassembler != NULL;
    if (!whole)
        snprintf(reading->reason, reading->reason_size, "no memory");
    else
        fprintf(stderr, "mqspec: capturing on %s; Ctrl-C ends it\n", reading->live->interface);
    whole = whole && read_on(reading) && read_rest(reading);
    struct pcap_stat statistics;
    if (pcap_stats(reading->capture, &statistics) == 0)
        reading->live->dropped = statistics.ps_drop;
    if (reading->reassembler != NULL)
        reassembler_destroy(reading->reassembler, reading->frame, wall_clock() - LAG);
    capture_wait_end(&reading->wait);
    return whole;
}

bool capture_live_read(const struct capture_source *source, const struct stream_hooks *hooks, char *reason,
                       size_t reason_size) {
    char error[PCAP_ERRBUF_SIZE] = "";
    struct live_reading reading = {
        .source = source, .live = source->live, .reason = reason, .reason_size = reason_size};
    reading.capture = pcap_create(source->live->interface, error);
    if (reading.capture == NULL) {
        snprintf(reason, reason_size, "it cannot be captured from: %s", error);
        return false;
    }
    bool whole = activate(&reading) && wait_and_read(&reading, hooks);
    whole = close_dump(&reading) && whole;
    pcap_close(reading.capture);
    return whole;
}

/* ---- Options ------------------------------------------------------------------------------------------------ */

static bool parse_duration(struct capture_live *live, const char *command, const char *text) {
    char *end;
    errno = 0;
    double seconds = strtod(text, &end);
    bool good = end != text && *end == '\0' && errno == 0 && isfinite(seconds) && seconds >= 0.001 && seconds <= 1e9;
    if (good)
        live->duration = (microseconds)(seconds * (double)MICROSECONDS_PER_SECOND);
    else
        fprintf(stderr, "mqspec %s: --duration takes seconds from 0.001 to 1000000000, not '%s'\n", command, text);
    return good;
}

bool live_option(struct capture_live *live, const char *command, int option, const char *argument, bool *wrong) {
    *wrong = false;
    switch (option) {
    case 'i':
        live->interface = argument;
        return true;
    case 'w':
        live->write_to = argument;
        return true;
    case LIVE_OPTION_FILTER:
        live->filter = argument;
        return true;
    case LIVE_OPTION_DURATION:
        *wrong = !parse_duration(live, command, argument);
        return true;
    default:
        return false;
    }
}

bool live_options_fit(const struct capture_live *live, const char *command, int files) {
    bool given = live->write_to != NULL || live->filter != NULL || live->duration != 0;
    if (live->interface == NULL && given)
        fprintf(stderr,
                "mqspec %s: --filter, --duration and --write are for -i; of a file, tcpdump can take a part: "
                "tcpdump -r FILE -w - FILTER | mqspec %s -\n",
                command, command);
    else if (live->interface != NULL && files > 0)
        fprintf(stderr, "mqspec %s: give either files or -i, not both\n", command);
    else if (live->write_to != NULL && strcmp(live->write_to, "-") == 0)
        fprintf(stderr, "mqspec %s: standard output has the results; give -w a file\n", command);
    else
        return true;
    return false;
}

void live_tell_dropped(const struct capture_live *live, const char *command) {
    if (live->dropped > 0)
        fprintf(stderr,
                "mqspec %s: the kernel dropped %llu packets, which came faster than they were read; what they "
                "held is shown as gaps\n",
                command, (unsigned long long)live->dropped);
}
