/* A capture that is made while it is read, from a network interface. Internal to pcaps/. */
#ifndef MQSPEC_CAPTURE_LIVE_H
#define MQSPEC_CAPTURE_LIVE_H

#include "pcaps/capture.h"

/* As capture_read(), for a source with `live`. */
bool capture_live_read(const struct capture_source *source, const struct stream_hooks *hooks, char *reason,
                       size_t reason_size);

/* ---- Its options, which decode and lint have ----------------------------------------------------------------------
 */

/* For getopt_long(); short: "i:w:". */
#define LIVE_OPTIONS                                                                                                   \
    {"interface", required_argument, NULL, 'i'}, {"write", required_argument, NULL, 'w'},                              \
        {"filter", required_argument, NULL, LIVE_OPTION_FILTER}, {                                                     \
        "duration", required_argument, NULL, LIVE_OPTION_DURATION                                                      \
    }
#define LIVE_SHORT_OPTIONS "i:w:"
enum { LIVE_OPTION_FILTER = 1000, LIVE_OPTION_DURATION };

#define LIVE_USAGE                                                                                                     \
    "Live, until SIGINT (Ctrl-C) or SIGTERM:\n"                                                                        \
    "  -i, --interface NAME  capture there; any: everywhere\n"                                                         \
    "  --filter EXPRESSION   only these packets, as tcpdump has them: 'tcp port 1883'\n"                               \
    "  --duration S          end by itself after so many seconds\n"                                                    \
    "  -w, --write FILE      keep what is captured; the frames of the output are counted as in this file\n"

/* Takes one of them. True where `option` is one; *wrong then tells that its argument is not what it takes, which was
 * said. */
bool live_option(struct capture_live *live, const char *command, int option, const char *argument, bool *wrong);

/* The options go together with `files`, the number of capture files that were given. False after a message. */
bool live_options_fit(const struct capture_live *live, const char *command, int files);

/* Says what the kernel had to drop. */
void live_tell_dropped(const struct capture_live *live, const char *command);

#endif
