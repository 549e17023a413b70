/* How hard a configured secret is to guess, as far as its bytes tell. For warnings and the audit,
 * never for a verdict. */
#ifndef CRYPTO_CRYPTO_ENTROPY_H
#define CRYPTO_CRYPTO_ENTROPY_H

#include "base/span.h"

/*
 * A low estimate in bits, at most 4,096. Counts each byte at the size of the character classes used
 * (hex and decimal texts at 16 and 10), or of the distinct bytes where that is less; repeated
 * bytes, runs up or down, keyboard rows, well-known words and repeated blocks count next to
 * nothing; letters alone, as in a phrase, count two bits each. Random bytes as hex or base64 come
 * out at three quarters of their size or more; looks at SECRET_LEN_MAX bytes at most.
 */
unsigned crypto_entropy_bits(struct span s);

#endif
