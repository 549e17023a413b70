/* UTF-8 (RFC 3629): the one decoder. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* Length (1 to 4) of the well-formed sequence at the start of s and its code point in *cp; 0 when there is none. */
size_t utf8_decode(struct span s, uint32_t *cp);

/* The whole span is well-formed (empty is). */
bool utf8_is_valid(struct span s);

#endif
