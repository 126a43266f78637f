/* The configuration file of `mqspec broker`, in the INI format.
 *
 *     ; a comment; so is a line that begins with #
 *     [limits]
 *     max-queued = 500
 *
 * A key is the long name of an option. An option that may be given several times is so in the file; every other stands
 * there once at most. Sections are the headings of --help in small letters, and optional: a key stands before all of
 * them, or in its own. */
#ifndef MQSPEC_BROKER_INI_H
#define MQSPEC_BROKER_INI_H

#include "reference/broker_options.h"

/* Takes from options->config_file what the command line has not given. False after standard error was told the file,
 * line and key, what is wrong there, and what to do. */
bool broker_ini_read(struct broker_options *options);

#endif
