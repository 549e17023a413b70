#include "proto/routes.h"

#include <string.h>

#include "base/limits.h"
#include "proto/ids.h"

const struct route_row route_rows[ROUTE_N] = {
#define ROUTE(ID, path, methods, who, method, body, option, help)                                  \
	[ROUTE_##ID] = {(path), (methods), (who), (method), (body), (option), (help)},
#include "proto/routes.def"
#undef ROUTE
};

/* The part of a row's path that has to be there as it stands, and whether a segment follows. */
static struct span
fixed_part(enum route route, bool *segment)
{
	struct span path = span_from_cstr(route_rows[route].path);

	*segment = span_ends_with(path, SPAN("*"));
	return span_sub(path, 0, path.len - *segment);
}

static bool
is_segment(struct span s)
{
	return s.len > 0 && memchr(s.ptr, '/', s.len) == NULL;
}

enum route
route_find(struct span path, struct span *tail)
{
	*tail = SPAN_EMPTY;
	for (unsigned i = 0; i < ROUTE_N; i++) {
		bool segment;
		struct span fixed = fixed_part((enum route)i, &segment);
		struct span rest = span_sub(path, fixed.len, path.len);

		if (!span_starts_with(path, fixed) || (segment ? !is_segment(rest) : rest.len > 0))
			continue;
		*tail = rest;
		return (enum route)i;
	}
	return ROUTE_N;
}

bool
route_is_misspelt(struct span path)
{
	for (unsigned i = 0; i < ROUTE_N; i++) {
		bool segment;
		struct span fixed = fixed_part((enum route)i, &segment);
		struct span same = span_sub(path, 0, fixed.len);

		if ((segment || path.len == fixed.len) && span_eq_nocase(same, fixed) &&
			!span_eq(same, fixed))
			return true;
	}
	return false;
}

struct span
route_allow(enum route route)
{
	return (route_rows[route].methods & ROUTE_GET) != 0 ? SPAN("GET, HEAD, OPTIONS")
							    : SPAN("POST, OPTIONS");
}
