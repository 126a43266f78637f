/* A store in LMDB: one file, data.mdb, in a directory of its own. */
#ifndef MQSPEC_STORE_LMDB_H
#define MQSPEC_STORE_LMDB_H

#include <stdint.h>

#include "reference/store.h"

/* Opens the store in `directory`, which is made if it is not there (not so those above it), and keeps every other
 * process out until store->close(). `largest` bounds the file, in bytes: that much of the address space is set aside,
 * while the file grows as it is filled. A file that was there is read through first, so that what is damaged is
 * refused and left as it is.
 *
 * False where it cannot be opened: `error` then says why and what can be done, in words without full stop. */
bool store_lmdb_open(struct store *store, const char *directory, uint64_t largest, char error[STORE_LONGEST_ERROR]);

#endif
