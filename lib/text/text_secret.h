/* Texts that look like credentials, and how hard one would be to guess: estimates for reports, never a decision about access. */
#ifndef TEXT_TEXT_SECRET_H
#define TEXT_TEXT_SECRET_H

#include <stdbool.h>

#include "base/span.h"

/*
 * The first credential in s by its shape: the prefixes and lengths that services give to their keys, a bearer value, a private
 * key's first line, a Telegram bot's token. *kind is its name for people (static). Empty when there is none.
 */
struct span text_secret_find(struct span s, const char **kind);

/* Does a setting of this name hold a secret: "token", "botToken", "signing_secret", "apiKey"; not "maxTokens". */
bool text_secret_is_name(struct span name);

/* A whole "${NAME}": the name, else empty. */
struct span text_secret_reference(struct span value);

/* Bits of a guess at least, by the number of different bytes; what a dictionary would find first counts as 0. */
unsigned text_secret_bits(struct span s);

#endif
