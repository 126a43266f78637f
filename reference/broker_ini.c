#include "reference/broker_ini.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS              " \t"
#define MAXIMUM_SHOWN_PLACE 4200 /* a file name with what is put around it */

/* A file while it is read. */
struct ini_file {
    struct broker_options *options;
    FILE *stream;
    int line;                   /* the one that was read last */
    bool failed;                /* standard error was told why: nothing more is read */
    bool seen[MAXIMUM_OPTIONS]; /* options by their place in the table */
};

/* Always false. */
__attribute__((format(printf, 2, 3))) static bool refuse_line(struct ini_file *file, const char *format, ...) {
    va_list values;
    va_start(values, format);
    fprintf(stderr, "mqspec broker: %s:%d: ", file->options->config_file, file->line);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    file->failed = true;
    return false;
}

/* ---- Keys --------------------------------------------------------------------------------------------------- */

static bool is_in_its_section(struct ini_file *file, const char *section, const struct broker_option *option) {
    const char *own = broker_option_section(option->group);
    if (*section == '\0' || strcmp(section, own) == 0)
        return true;
    return refuse_line(file, "%s does not belong to [%s]; its section is [%s], or none", option->name, section, own);
}

static bool take_key(struct ini_file *file, const char *section, const char *name, const char *value) {
    char where[MAXIMUM_SHOWN_PLACE];
    const struct broker_option *option = broker_option_named(name);
    if (option == NULL)
        return refuse_line(file, "no option is called '%s'; 'mqspec broker --help' lists them", name);
    if (option->kind == OPTION_ENDS || option->kind == OPTION_CONFIG)
        return refuse_line(file, "%s is for the command line only; take it out of the file", name);
    if (!is_in_its_section(file, section, option))
        return false;
    size_t place = broker_option_place(option);
    if (file->seen[place] && !option->repeats)
        return refuse_line(file, "%s stands in the file twice; keep one", name);
    file->seen[place] = true;
    if (file->options->given[place])
        return true;
    snprintf(where, sizeof where, "mqspec broker: %s:%d", file->options->config_file, file->line);
    struct option_reading reading = {file->options, option, where, ""};
    const char *kept = broker_options_keep(file->options, value);
    if (kept == NULL)
        return refuse_line(file, "no memory for the value of %s", name);
    file->failed = !broker_option_take(&reading, kept);
    return !file->failed;
}

static int on_key(void *context, const char *section, const char *name, const char *value) {
    struct ini_file *file = context;
    return file->failed || take_key(file, section, name, value);
}

/* ---- Lines -------------------------------------------------------------------------------------------------- */

static bool is_at_end(FILE *stream) {
    int next = getc(stream);
    if (next != EOF)
        ungetc(next, stream);
    return next == EOF;
}

/* The library takes an indented line for more of the value before it, which would hide a key: so the indentation goes
 * away here. */
static char *read_line(char *line, int room, void *context) {
    struct ini_file *file = context;
    if (file->failed || fgets(line, room, file->stream) == NULL)
        return NULL;
    file->line++;
    size_t length = strlen(line);
    if (length == 0 || (line[length - 1] != '\n' && !is_at_end(file->stream))) {
        refuse_line(file, "not a line of text with at most %d bytes; make it shorter", room - 3);
        return NULL;
    }
    size_t blanks = strspn(line, BLANKS);
    memmove(line, line + blanks, length - blanks + 1);
    return line;
}

bool broker_ini_read(struct broker_options *options) {
    struct ini_file file = {.options = options, .stream = fopen(options->config_file, "r")};
    if (file.stream == NULL) {
        fprintf(stderr, "mqspec broker: cannot read the configuration file '%s': %s\n", options->config_file,
                strerror(errno));
        return false;
    }
    int line = ini_parse_stream(read_line, &file, on_key, &file);
    bool unread = ferror(file.stream) != 0;
    fclose(file.stream);
    if (!file.failed && unread) /* a directory can be opened */
        fprintf(stderr, "mqspec broker: cannot read the configuration file '%s'\n", options->config_file);
    else if (!file.failed && line > 0) {
        file.line = line;
        refuse_line(&file, "neither 'key = value' nor '[section]'; a comment begins with ; or #");
    } else if (!file.failed && line < 0)
        fprintf(stderr, "mqspec broker: no memory to read the configuration file\n");
    return !file.failed && !unread && line == 0;
}
