/* Character classes of HTTP and URI grammar; private to lib/http. */
#ifndef HTTP_CHARS_H
#define HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum {
	CHAR_TOKEN = 1,       /* tchar, RFC 9110 5.6.2 */
	CHAR_VISIBLE = 2,     /* VCHAR: 0x21 to 0x7e */
	CHAR_VALUE = 4,       /* may stand in a field value: VCHAR, SP, HTAB, 0x80 and up */
	CHAR_PATH = 8,        /* pchar and '/', RFC 3986 3.3, without '%' */
	CHAR_UNRESERVED = 16, /* RFC 3986 2.3 */
	CHAR_HEX = 32,
	CHAR_HOST = 64,    /* a registered name or an IPv4 address */
	CHAR_COOKIE = 128, /* cookie-octet, RFC 6265 4.1.1 */
};

extern const uint8_t http_chars[256];

static inline bool
char_is(uint8_t c, unsigned class)
{
	return (http_chars[c] & class) != 0;
}

/* Every byte of s is of the class. */
bool http_chars_all(struct span s, unsigned class);

/* The value of a hexadecimal digit, -1 for another character. */
int http_hex_value(uint8_t c);

#endif
