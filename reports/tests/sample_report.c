/* Writes reports in every form, for validate.sh and for looking at them. Usage: sample_report DIRECTORY */
#include <stdlib.h>

#include "reports/tests/samples.h"

static void write_plain_text(FILE *file, const struct report *report) {
    report_write_text(file, report, false, true);
}

static void write_coloured_text(FILE *file, const struct report *report) {
    report_write_text(file, report, true, false);
}

static const struct {
    const char *ending;
    void (*write)(FILE *file, const struct report *report);
} forms[] = {
    {"txt", write_plain_text},   {"ansi", write_coloured_text}, {"tap", report_write_tap},
    {"xml", report_write_junit}, {"json", report_write_json},   {"html", report_write_html},
};

static bool write_form(const char *directory, const char *name, size_t form, const struct report *report) {
    char path[1000];
    int length = snprintf(path, sizeof path, "%s/%s.%s", directory, name, forms[form].ending);
    if (length < 0 || (size_t)length >= sizeof path)
        return false;
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return false;
    forms[form].write(file, report);
    bool good = !ferror(file);
    return fclose(file) == 0 && good;
}

static bool write_all(const char *directory, const char *name, const struct result *results, size_t count) {
    const struct report report = {
        .target = results == sample_hostile ? "127.0.0.1:1884 " HOSTILE : "127.0.0.1:1884",
        .command =
            results == sample_hostile ? HOSTILE : "mqspec test --target 127.0.0.1:1884 --html 'a b.html' --seed 7",
        .results = results,
        .count = count,
        .duration = 5250000,
    };
    for (size_t form = 0; form < COUNT(forms); form++)
        if (!write_form(directory, name, form, &report)) {
            fprintf(stderr, "sample_report: cannot write %s.%s to '%s'\n", name, forms[form].ending, directory);
            return false;
        }
    return true;
}

/* As many as the largest suites have, with the mixed ones over and over. */
static bool write_many(const char *directory) {
    const size_t count = 3000;
    struct result *many = calloc(count, sizeof *many);
    if (many == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        many[i] = sample_mixed[i % 50 < COUNT(sample_mixed) ? i % 50 : 0];
    bool good = write_all(directory, "many", many, count);
    free(many);
    return good;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fputs("usage: sample_report DIRECTORY\n", stderr);
        return 2;
    }
    const char *directory = arguments[1];
    bool good = write_all(directory, "empty", NULL, 0) && write_all(directory, "passing", sample_mixed, 1) &&
                write_all(directory, "mixed", sample_mixed, COUNT(sample_mixed)) &&
                write_all(directory, "five", sample_five, COUNT(sample_five)) &&
                write_all(directory, "hostile", sample_hostile, COUNT(sample_hostile)) && write_many(directory);
    return good ? 0 : 1;
}
