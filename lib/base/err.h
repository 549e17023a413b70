/* Error codes: 0 or a negative code from err.def; one text for each. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
#define ERR(name, value, text) ERR_##name = (value),
#include "base/err.def"
#undef ERR
};

/* The text of a code ("unknown error" for a value that is no code). Static storage, never NULL. */
const char *err_text(int code);

/* The code's name without its prefix ("TOOBIG"), for logs and --json. Static storage, never NULL. */
const char *err_name(int code);

#endif
