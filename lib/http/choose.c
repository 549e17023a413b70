#include "http/choose.h"

#include "base/err.h"
#include "http/date.h"

struct choice {
	const struct http_request *req;
	const struct http_stored *stored;
	time_t now;
};

static bool
field(const struct choice *c, const char *name, struct span *v)
{
	return http_field_get(c->req, span_from_cstr(name), v) == 0;
}

static bool
date_field(const struct choice *c, const char *name, time_t *t)
{
	struct span v;

	return field(c, name, &v) && http_date_parse(v, c->now, t) == 0;
}

static bool
is_failed(const struct choice *c)
{
	struct span v;
	time_t t;

	if (field(c, "if-match", &v))
		return !http_etag_is_listed(v, c->stored->etag);
	return date_field(c, "if-unmodified-since", &t) && c->stored->modified > t;
}

static bool
is_known(const struct choice *c)
{
	struct span v;
	time_t t;

	if (field(c, "if-none-match", &v))
		return http_etag_matches(v, c->stored->etag);
	return date_field(c, "if-modified-since", &t) && c->stored->modified <= t;
}

/* If-Range: an entity tag, or exactly our date; anything else means all of it. */
static bool
is_same_as_part(const struct choice *c)
{
	struct span v;
	time_t t;
	int rc = http_field_get(c->req, SPAN("if-range"), &v);

	if (rc < 0)
		return rc == ERR_MISSING;
	if (v.len > 0 && v.ptr[0] == '"')
		return span_eq(v, c->stored->etag);
	return http_date_parse(v, c->now, &t) == 0 && t == c->stored->modified;
}

unsigned
http_choose(const struct http_request *req, const struct http_stored *stored, time_t now,
	struct http_range *range)
{
	const struct choice c = {req, stored, now};
	struct span v;
	int rc;

	if (is_failed(&c))
		return 412;
	if (is_known(&c))
		return 304;
	if (req->method != HTTP_GET || !field(&c, "range", &v) || !is_same_as_part(&c))
		return 200;
	rc = http_range_parse(v, stored->size, range);
	if (rc == ERR_RANGE)
		return 416;
	return rc == 0 ? 206 : 200;
}

/* ---- content codings ---- */

/* The weight behind a coding is 0: ";q=0", "; q=0.00". ERR_SYNTAX in *rc for what is no weight. */
static bool
is_zero_weight(struct span params, int *rc)
{
	struct span name = span_trim(span_cut(&params, '='));
	struct span v = span_trim(params);

	if (!span_eq_nocase(name, SPAN("q")) || v.len == 0 || v.len > 5 ||
		(v.ptr[0] != '0' && v.ptr[0] != '1') || (v.len > 1 && v.ptr[1] != '.')) {
		*rc = ERR_SYNTAX;
		return true;
	}
	for (size_t i = 2; i < v.len; i++) {
		if (v.ptr[i] < '0' || v.ptr[i] > '9')
			*rc = ERR_SYNTAX;
	}
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] != '0' && v.ptr[i] != '.')
			return false;
	}
	return true;
}

bool
http_coding_accepts(struct span list, struct span coding)
{
	bool found = false;
	int rc = 0;

	while (list.len > 0 && rc == 0) {
		struct span element = span_trim(span_cut(&list, ','));
		struct span name = span_trim(span_cut(&element, ';'));
		bool zero = element.ptr != NULL && is_zero_weight(element, &rc);

		if (!http_is_token(name))
			rc = ERR_SYNTAX;
		else if (span_eq_nocase(name, coding))
			found = !zero;
	}
	return found && rc == 0;
}
