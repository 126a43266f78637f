#include "reference/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* What is wrong with line `number`, the last that was read; NULL at the end of the file. */
static const char *take_all(FILE *file, take_line *take, void *context, size_t *number) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    const char *fault = NULL;
    while (fault == NULL && (length = getline(&line, &capacity, file)) >= 0) {
        ++*number;
        if (strlen(line) != (size_t)length)
            fault = "the line has a byte 0 in it";
        line[strcspn(line, "\r\n")] = '\0';
        if (fault == NULL)
            fault = take(context, line);
    }
    free(line);
    return fault;
}

bool lines_read(const char *name, const char *kind, take_line *take, void *context, char *error, size_t size) {
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        snprintf(error, size, "cannot read the %s '%s': %s", kind, name, strerror(errno));
        return false;
    }
    size_t number = 0;
    const char *fault = take_all(file, take, context, &number);
    bool unreadable = ferror(file) != 0;
    fclose(file);
    if (unreadable)
        snprintf(error, size, "cannot read the %s '%s': it is a folder, or damaged", kind, name);
    else if (fault != NULL)
        snprintf(error, size, "%s:%zu: %s", name, number, fault);
    return !unreadable && fault == NULL;
}

char *trim_blanks(char *text) {
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    text[length] = '\0';
    return text;
}
