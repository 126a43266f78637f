#include <stdarg.h>
#include <stdio.h>

#include "fuzz/targets.h"

bool fuzz_fails(struct finding *finding, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    finding->statement = SPEC_NONE;
    vsnprintf(finding->what, sizeof finding->what, format, arguments);
    va_end(arguments);
    return false;
}
