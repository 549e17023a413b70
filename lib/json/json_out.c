#include "json/json_out.h"

#include "base/err.h"
#include "base/log.h"
#include "base/utf8.h"
#include "base/weak.h"
#include "json/json_parse.h"

/* What is known of each open level, and at level 0 of the whole text. */
enum { LEVEL_OBJECT = 1, LEVEL_USED = 2, LEVEL_KEYED = 4 };

void
json_out_init(struct json_out *o, struct buf *buf, const struct json_out_opts *opts)
{
	*o = (struct json_out){.buf = buf};
	if (opts != NULL)
		o->opts = *opts;
}

static int
fail(struct json_out *o, int code)
{
	if (o->err == 0)
		o->err = code;
	return o->err;
}

/* The result of a call that has put something. */
static int
done(struct json_out *o)
{
	return o->buf->err < 0 ? fail(o, o->buf->err) : 0;
}

static void
put_break(struct json_out *o)
{
	if (!o->opts.pretty)
		return;
	buf_put_u8(o->buf, '\n');
	for (int i = 0; i < o->depth; i++)
		buf_put(o->buf, SPAN("  "));
}

/* Comma and line break in front of an element or key. */
static void
put_separator(struct json_out *o)
{
	if (o->level[o->depth] & LEVEL_USED)
		buf_put_u8(o->buf, ',');
	put_break(o);
}

/* May a value stand here? Writes what belongs in front of it. */
static int
begin_value(struct json_out *o)
{
	uint8_t *level = &o->level[o->depth];

	if (o->err < 0)
		return o->err;
	if (o->depth == 0 ? (*level & LEVEL_USED) != 0
			  : (*level & LEVEL_OBJECT) && !(*level & LEVEL_KEYED))
		return fail(o, ERR_STATE);
	if (o->depth > 0 && !(*level & LEVEL_OBJECT))
		put_separator(o);
	*level = (uint8_t)((*level | LEVEL_USED) & ~LEVEL_KEYED);
	return done(o);
}

static int
begin_container(struct json_out *o, uint8_t level)
{
	int rc;

	if (o->err == 0 && o->depth == JSON_DEPTH_MAX)
		return fail(o, ERR_TOODEEP);
	rc = begin_value(o);
	if (rc < 0)
		return rc;
	o->level[++o->depth] = level;
	buf_put_u8(o->buf, level == LEVEL_OBJECT ? '{' : '[');
	return done(o);
}

static int
end_container(struct json_out *o, uint8_t kind)
{
	uint8_t level = o->level[o->depth];

	if (o->err < 0)
		return o->err;
	if (o->depth == 0 || (level & LEVEL_OBJECT) != kind || (level & LEVEL_KEYED))
		return fail(o, ERR_STATE);
	o->depth--;
	if (level & LEVEL_USED)
		put_break(o);
	buf_put_u8(o->buf, kind == LEVEL_OBJECT ? '}' : ']');
	return done(o);
}

int
json_out_begin_object(struct json_out *o)
{
	return begin_container(o, LEVEL_OBJECT);
}

int
json_out_end_object(struct json_out *o)
{
	return end_container(o, LEVEL_OBJECT);
}

int
json_out_begin_array(struct json_out *o)
{
	return begin_container(o, 0);
}

int
json_out_end_array(struct json_out *o)
{
	return end_container(o, 0);
}

static void
put_unit(struct buf *b, uint16_t unit)
{
	buf_put(b, SPAN("\\u"));
	buf_put_hex(b, span_of((const uint8_t[]){(uint8_t)(unit >> 8), (uint8_t)unit}, 2));
}

static void
put_escape(struct buf *b, uint32_t c)
{
	static const char short_names[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	if (c == '"' && WEAK(JSON_ESCAPE)) {
		buf_put_u8(b, '"');
		return;
	}
	for (size_t i = 0; i + 1 < sizeof(short_names); i += 2) {
		if (c == (uint8_t)short_names[i]) {
			buf_put_u8(b, '\\');
			buf_put_u8(b, (uint8_t)short_names[i + 1]);
			return;
		}
	}
	if (c > 0xffff) { /* as a pair of surrogates */
		put_unit(b, (uint16_t)(0xd800 + ((c - 0x10000) >> 10)));
		c = 0xdc00 + (c & 0x3ff);
	}
	put_unit(b, (uint16_t)c);
}

static bool
is_plain(const struct json_out *o, uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && !(c == '<' && o->opts.html_safe) &&
	       !(c == 0x7f && o->opts.shown);
}

/* The index from at on of the first byte that cannot be copied as it is; s.len when there is none.
 */
static size_t
skip_plain(const struct json_out *o, struct span s, size_t at)
{
	while (s.len - at >= 8 && !o->opts.shown) {
		uint64_t x = json_load64(s.ptr + at);
		uint64_t special = json_special_bytes(x, '"');

		if (o->opts.html_safe)
			special |= json_zero_bytes(x ^ JSON_ONES * '<') & JSON_HIGHS;
		if (special != 0)
			return at + json_first_byte(special);
		at += 8;
	}
	while (at < s.len && is_plain(o, s.ptr[at]))
		at++;
	return at;
}

static void
put_string(struct json_out *o, struct span s)
{
	size_t run = 0; /* begin of what can be copied as it is */
	size_t at = 0;

	buf_put_u8(o->buf, '"');
	while ((at = skip_plain(o, s, at)) < s.len) {
		uint32_t cp;
		size_t n = utf8_decode(span_of(s.ptr + at, s.len - at), &cp);
		if (n > 1 && cp != 0x2028 && cp != 0x2029 &&
			!(o->opts.shown && log_is_unsafe(cp))) {
			at += n;
			continue;
		}
		buf_put(o->buf, span_of(s.ptr + run, at - run));
		if (n == 0)
			buf_put(o->buf, SPAN("\xef\xbf\xbd"));
		else
			put_escape(o->buf, cp);
		at += n == 0 ? 1 : n;
		run = at;
	}
	if (at > run)
		buf_put(o->buf, span_of(s.ptr + run, at - run));
	buf_put_u8(o->buf, '"');
}

int
json_out_key(struct json_out *o, struct span key)
{
	uint8_t *level = &o->level[o->depth];

	if (o->err < 0)
		return o->err;
	if (!(*level & LEVEL_OBJECT) || (*level & LEVEL_KEYED))
		return fail(o, ERR_STATE);
	put_separator(o);
	put_string(o, key);
	buf_put(o->buf, o->opts.pretty ? SPAN(": ") : SPAN(":"));
	*level |= LEVEL_USED | LEVEL_KEYED;
	return done(o);
}

int
json_out_str(struct json_out *o, struct span s)
{
	int rc = begin_value(o);

	if (rc < 0)
		return rc;
	put_string(o, s);
	return done(o);
}

int
json_out_u64(struct json_out *o, uint64_t v)
{
	int rc = begin_value(o);

	if (rc < 0)
		return rc;
	buf_put_u64_dec(o->buf, v);
	return done(o);
}

int
json_out_i64(struct json_out *o, int64_t v)
{
	int rc = begin_value(o);

	if (rc < 0)
		return rc;
	buf_put_i64_dec(o->buf, v);
	return done(o);
}

/* A value that is already text. */
static int
put_verbatim(struct json_out *o, struct span text)
{
	int rc = begin_value(o);

	if (rc < 0)
		return rc;
	buf_put(o->buf, text);
	return done(o);
}

int
json_out_bool(struct json_out *o, bool v)
{
	return put_verbatim(o, v ? SPAN("true") : SPAN("false"));
}

int
json_out_null(struct json_out *o)
{
	return put_verbatim(o, SPAN("null"));
}

int
json_out_member_str(struct json_out *o, const char *key, struct span v)
{
	int rc = json_out_key(o, span_from_cstr(key));

	return rc < 0 ? rc : json_out_str(o, v);
}

int
json_out_member_u64(struct json_out *o, const char *key, uint64_t v)
{
	int rc = json_out_key(o, span_from_cstr(key));

	return rc < 0 ? rc : json_out_u64(o, v);
}

int
json_out_member_bool(struct json_out *o, const char *key, bool v)
{
	int rc = json_out_key(o, span_from_cstr(key));

	return rc < 0 ? rc : json_out_bool(o, v);
}

int
json_out_raw_number(struct json_out *o, struct span text)
{
	const uint8_t *end = text.ptr + text.len;
	const uint8_t *stop;
	const char *expected;

	if (o->err < 0)
		return o->err;
	if (text.len == 0 || json_number_scan(text.ptr, end, false, &stop, &expected) < 0 ||
		stop != end)
		return fail(o, ERR_SYNTAX);
	return put_verbatim(o, text);
}

static int
put_number(struct json_out *o, struct span text)
{
	int rc = begin_value(o);

	if (rc < 0)
		return rc;
	rc = json_number_put(o->buf, text);
	return rc < 0 ? fail(o, rc) : done(o);
}

/* A scalar, or the opening bracket of a container. */
static int
put_node(struct json_out *o, const struct json_node *n)
{
	switch (n->kind) {
	case JSON_NULL:
		return json_out_null(o);
	case JSON_BOOL:
		return json_out_bool(o, n->v.truth);
	case JSON_NUMBER:
		return put_number(o, n->v.text);
	case JSON_STRING:
		return json_out_str(o, n->v.text);
	case JSON_ARRAY:
		return json_out_begin_array(o);
	case JSON_OBJECT:
		return json_out_begin_object(o);
	}
	return fail(o, ERR_TYPE);
}

int
json_out_node(struct json_out *o, const struct json_node *n)
{
	const struct json_node *open[JSON_DEPTH_MAX];
	int depth = 0;

	if (n == NULL)
		return fail(o, ERR_MISSING);
	for (;;) {
		bool is_container = n->kind == JSON_ARRAY || n->kind == JSON_OBJECT;

		if (depth > 0 && open[depth - 1]->kind == JSON_OBJECT)
			json_out_key(o, n->key);
		if (put_node(o, n) < 0)
			return o->err;
		if (is_container) {
			/* json_out_begin_*() has refused what would not fit */
			open[depth++] = n;
			n = n->v.first;
		} else {
			n = depth > 0 ? n->next : NULL;
		}
		while (n == NULL && depth > 0) {
			const struct json_node *c = open[--depth];

			end_container(o, c->kind == JSON_OBJECT ? LEVEL_OBJECT : 0);
			n = depth > 0 ? c->next : NULL;
		}
		if (depth == 0)
			return o->err;
	}
}

int
json_out_finish(struct json_out *o)
{
	if (o->err == 0 && (o->depth > 0 || !(o->level[0] & LEVEL_USED)))
		return fail(o, ERR_STATE);
	return o->err;
}
