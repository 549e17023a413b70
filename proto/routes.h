/* The HTTP routes, from routes.def: edge serves by them, `moltbot topology --routes` prints them. */
#ifndef PROTO_ROUTES_H
#define PROTO_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum route {
#define ROUTE(ID, path, methods, who, method, body, option, help) ROUTE_##ID,
#include "proto/routes.def"
#undef ROUTE
	ROUTE_N
};

enum route_methods { ROUTE_GET = 1 /* and HEAD */, ROUTE_POST = 2 };
enum route_who { ROUTE_PUBLIC, ROUTE_CALL };

struct route_row {
	const char *path; /* "/x", or "/x/" and a star for one more segment */
	unsigned methods;
	enum route_who who;
	unsigned method; /* ROUTE_CALL: row of methods.def */
	size_t body_max;
	const char *option; /* "" or what turns it off */
	const char *help;
};
extern const struct route_row route_rows[ROUTE_N];

/* The route of a canonical path (http/path.h), ROUTE_N for none; *tail: what stands for the star, or empty. */
enum route route_find(struct span path, struct span *tail);
/* A route's path in other letters: two spellings of one place, so nobody's. */
bool route_is_misspelt(struct span path);
/* "GET, HEAD, OPTIONS": the value of Allow. Static. */
struct span route_allow(enum route route);

#endif
