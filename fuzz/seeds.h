/* The parts of the program that writes the seeds. Internal to fuzz/seeds*.c. */
#ifndef MQSPEC_SEEDS_H
#define MQSPEC_SEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes DIRECTORY/TARGET/NAME. False with a message on standard error. */
bool write_seed(const char *directory, const char *target, const char *name, const uint8_t *data, size_t size);

/* Those that are texts. False with a message on standard error. */
bool write_text_seeds(const char *directory);

#endif
