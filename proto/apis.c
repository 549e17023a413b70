#include "proto/apis.h"

#include <string.h>

#include "base/err.h"

const struct api_row api_rows[PROVIDER_N] = {
#define API(ID, name, path, stream_path, header, prefix, extra, version)                           \
	[PROVIDER_##ID] = {name, path, stream_path, header, prefix, extra, version},
#include "proto/apis.def"
#undef API
};

enum provider
api_find(struct span word)
{
	for (unsigned i = 0; i < PROVIDER_N; i++) {
		if (api_rows[i].name != NULL && span_eq(word, span_from_cstr(api_rows[i].name)))
			return (enum provider)i;
	}
	return PROVIDER_N;
}

static bool
is_unreserved(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != 0 && strchr("-._~", c) != NULL);
}

static void
put_name(struct buf *out, struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (is_unreserved(name.ptr[i]))
			(void)buf_put_u8(out, name.ptr[i]);
		else
			(void)buf_put_fmt(out, "%%%02X", name.ptr[i]);
	}
}

int
api_path_put(enum provider api, struct span base, struct span model, bool stream, struct buf *out)
{
	static const struct span place = SPAN("{model}");
	struct span path;
	ptrdiff_t at;

	if (api >= PROVIDER_N || api_rows[api].name == NULL)
		return ERR_RANGE;
	path = span_from_cstr(stream ? api_rows[api].stream_path : api_rows[api].path);
	at = span_find(path, place);
	(void)buf_put(out, base);
	if (at >= 0) {
		(void)buf_put(out, span_sub(path, 0, (size_t)at));
		put_name(out, model);
		path = span_sub(path, (size_t)at + place.len, path.len);
	}
	(void)buf_put(out, path);
	return out->err;
}
