/* Files of lines that people write: users and permissions. */
#ifndef MQSPEC_LINES_H
#define MQSPEC_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* NULL, or what is wrong with the line, which comes without its end and may be changed. */
typedef const char *take_line(void *context, char *line);

/* Has each line of the file taken in turn, up to the first that is wrong. False with `error` naming the file and what
 * is wrong, and in which line; what cannot be read is called the `kind` of file that it is. */
bool lines_read(const char *name, const char *kind, take_line *take, void *context, char *error, size_t size);

/* Cuts blanks and tabs off both ends. */
char *trim_blanks(char *text);

#endif
