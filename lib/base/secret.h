/*
 * Bytes that must not leave: never logged (there is no formatter), wiped when cleared, kept out of core files and,
 * where the limit on locked memory permits, out of swap. Zero-initialised is valid and empty.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/span.h"

struct secret {
	uint8_t *ptr; /* own page-aligned mapping */
	size_t len;
	size_t cap;
};

/* A copy of s. ERR_TOOBIG above SECRET_LEN_MAX. Any former content is wiped first. */
int secret_set(struct secret *sec, struct span s);
/* Wipes and unmaps. Legal on a zeroed one and twice. */
void secret_clear(struct secret *sec);
/* Borrowed until the next set or clear. */
struct span secret_get(const struct secret *sec);
/* Wipes bytes in a way the compiler keeps. NULL is legal with a len of 0. */
void secret_wipe(void *ptr, size_t len);

#endif
