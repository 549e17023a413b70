/* The rows of apis.def, by enum provider. */
#ifndef PROTO_APIS_H
#define PROTO_APIS_H

#include "base/mem.h"
#include "proto/ids.h"

struct api_row {
	const char *name; /* NULL: PROVIDER_OFFLINE, which has none */
	const char *path;
	const char *stream_path;
	const char *header;
	const char *prefix;
	const char *extra;
	const char *version;
};
extern const struct api_row api_rows[PROVIDER_N];

/* By its word; PROVIDER_N when there is none. */
enum provider api_find(struct span word);

/*
 * Appends the path of a request: base ("" or "/..." without a final '/'), and the row's with the model's name in it; what is no
 * unreserved character of a URI (RFC 3986, 2.3) in the name leaves as %XX. ERR_RANGE for no format, ERR_TOOBIG.
 */
int api_path_put(
	enum provider api, struct span base, struct span model, bool stream, struct buf *out);

#endif
