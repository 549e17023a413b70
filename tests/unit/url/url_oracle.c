/*
 * What lib/url says of each line of its input: "url HEX" gives "ok KIND HOST PORT" or "no", "addr
 * TEXT" gives the class. For the differential checks beside it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "url/addr.h"
#include "url/url.h"

static size_t
unhex(const char *s, size_t len, uint8_t *out)
{
	size_t n = 0;

	for (; n < len / 2; n++) {
		unsigned v = 0;

		/* two digits always fit */
		if (sscanf(s + 2 * n, "%2x", &v) != 1) /* NOLINT(cert-err34-c) */
			break;
		out[n] = (uint8_t)v;
	}
	return n;
}

static void
judge_url(const char *hex, size_t len)
{
	static uint8_t bytes[65536];
	static const char *const kinds[] = {"none", "name", "v4", "v6"};
	struct url u;

	if (url_parse(span_of(bytes, unhex(hex, len, bytes)), URL_ALLOW_WS, &u) < 0)
		puts("no");
	else
		printf("ok %s %s %u\n", kinds[u.kind], u.host, (unsigned)u.port);
}

static void
judge_addr(const char *text, size_t len)
{
	char again[ADDR_TEXT_MAX];
	struct addr a;

	if (addr_parse(span_of(text, len), &a) < 0) {
		puts("no");
		return;
	}
	addr_format(&a, again);
	printf("%s %s (%s)\n", addr_is_global(&a) ? "global" : "other", again,
		addr_class_text(addr_classify(&a)));
}

int
main(void)
{
	static char line[131072];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		size_t len = strcspn(line, "\n");

		if (strncmp(line, "url ", 4) == 0)
			judge_url(line + 4, len - 4);
		else if (strncmp(line, "addr ", 5) == 0)
			judge_addr(line + 5, len - 5);
		else
			return 1;
	}
	return 0;
}
