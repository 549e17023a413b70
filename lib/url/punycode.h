/* Punycode (RFC 3492), only to tell a possible internationalised label from one that no registry
 * can have given out. */
#ifndef URL_PUNYCODE_H
#define URL_PUNYCODE_H

#include <stdbool.h>

#include "base/span.h"

/*
 * s is what follows "xn--": letters, digits and hyphens. True when it decodes to code points of
 * which at least one is not ASCII and none is a surrogate or above U+10FFFF. What IDNA permits of
 * them is not looked at.
 */
bool punycode_is_valid(struct span s);

#endif
