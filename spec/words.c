#include "spec/words.h"

const char *spec_binds_name(enum spec_binds binds) {
    static const char *const names[] = {
        [SPEC_BINDS_CLIENT] = "client", [SPEC_BINDS_SERVER] = "server",     [SPEC_BINDS_BOTH] = "both",
        [SPEC_BINDS_SENDER] = "sender", [SPEC_BINDS_RECEIVER] = "receiver",
    };
    return names[binds];
}

const char *spec_level_name(enum spec_level level) {
    static const char *const names[] = {[SPEC_MUST] = "MUST", [SPEC_MUST_NOT] = "MUST NOT", [SPEC_OTHER] = "other"};
    return names[level];
}

const char *spec_seen_name(enum spec_seen seen) {
    static const char *const names[] = {[SPEC_SEEN_BROKER] = "broker",
                                        [SPEC_SEEN_CLIENT] = "client",
                                        [SPEC_SEEN_BOTH] = "both",
                                        [SPEC_SEEN_NOWHERE] = "none"};
    return names[seen];
}
