/* Plans out of the scenarios of the suite. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conformance/runner.h"
#include "fuzz/plan.h"

static bool import_play(struct plan_list *list, struct play *play, const char *path, char *reason, size_t reason_size) {
    struct virtual_settings settings = {.timeout = MICROSECONDS_PER_SECOND, .seed = 1};
    settings.capture = capture_writer_open(path, 0, reason, reason_size);
    if (settings.capture == NULL)
        return false;
    strcpy(play->name_space, PLAN_NAME);
    play_virtual(play, &settings);
    if (!capture_writer_finish(settings.capture)) {
        snprintf(reason, reason_size, "%s could not be written whole", path);
        return false;
    }
    bool good = plan_list_own_capture(list, path, reason, reason_size);
    unlink(path); /* a file that is emptied and written again would have to reach the disk */
    return good;
}

static bool import_plays(struct plan_list *list, struct run *run, const char *path, char *reason, size_t reason_size) {
    for (size_t i = 0; i < run->count; i++)
        if (run->plays[i].scenario->websocket == NULL && !import_play(list, &run->plays[i], path, reason, reason_size))
            return false;
    return true;
}

bool plan_list_scenarios(struct plan_list *list, char *reason, size_t reason_size) {
    char path[] = "/tmp/mqspec-fuzz-XXXXXX";
    struct run run;
    int descriptor = mkstemp(path);
    if (descriptor < 0) {
        snprintf(reason, reason_size, "no temporary file can be made in /tmp");
        return false;
    }
    close(descriptor);
    bool good = run_plan(&run, NULL, 0, IN_3_1 | IN_3_1_1 | IN_5_0, NO_TRANSPORTS);
    if (!good)
        snprintf(reason, reason_size, "no memory for the scenarios");
    good = good && import_plays(list, &run, path, reason, reason_size);
    run_release(&run);
    unlink(path);
    return good;
}
