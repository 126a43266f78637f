/* Seeds that are texts. */
#include "fuzz/seeds.h"

struct text {
    const char *target;
    const char *name;
    const char *bytes;
    size_t length;
};

#define TEXT(seed_target, seed_name, text)                                                                             \
    { (seed_target), (seed_name), (text), sizeof(text) - 1 }

/* An option, then lines: d and e put a filter in and take it out, f and g a name, h clears, i asks (see topic.c). */
static const struct text topics[] = {
    TEXT("topic", "exact", "\0dsport/tennis\nfsport/tennis\nisport/tennis\nesport/tennis\nisport/tennis"),
    TEXT("topic", "wildcards",
         "\0dsport/#\ndsport/+\nd+/tennis\nd#\nd+/+\nd/+\nd+\nfsport\nfsport/\nfsport/tennis/player1\nisport\nisport/\n"
         "i/finance\ni#\ni+/+\nisport/tennis/player1"),
    TEXT("topic", "dollar",
         "\0d#\nd+/monitor/Clients\nd$SYS/#\nd$SYS/monitor/+\nf$SYS/monitor/Clients\nfa\n"
         "i$SYS/monitor/Clients\ni#\ni+/monitor/Clients\ni$SYS/#"),
    TEXT("topic", "dollar-is-plain", "\2d#\nd+/x\nf$a/x\ni$a/x\ni#\ni+/x"),
    TEXT("topic", "empty-levels", "\0d/\nd//\nd+//+\nd/#\nf/\nf//\nfa//b\ni/\ni//\nia//b\ni/#\ni+//+"),
    TEXT("topic", "together", "\1da/b\nda/+\nd+/b\nd+/+\nd#\nda/#\nda/b/#\nia/b\nia/b/c\nia\nh\nia/b"),
    TEXT("topic", "cleared", "\0da\nda/b\nda/b/c\nda/b/d\nfa\nfa/b\nfa/b/c\nh\nia/b/c\nia/#\nh\nga/b\ni#"),
    TEXT("topic", "no-memory", "\4da/b/c/d\nda/+/c\nfa/b/c/d/e\nfx/y\nia/b/c/d\ni#\nea/b/c/d\nia/b/c/d"),
    TEXT("topic", "invalid", "\0da#\nd#/a\nd++\nda+/b\nfa+\nf#\nd\nf\nia/#/b\ni+a\nd+/\nd/+"),
};

bool write_text_seeds(const char *directory) {
    bool written = true;
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        written = write_seed(directory, topics[i].target, topics[i].name, (const uint8_t *)topics[i].bytes,
                             topics[i].length) &&
                  written;
    return written;
}
