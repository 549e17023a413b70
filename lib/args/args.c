#include "args/args.h"

#include <string.h>

#include "base/err.h"
#include "base/utf8.h"

/* Little-endian integers; the caller has checked the length. */
static uint32_t
get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int
take(struct span *s, size_t n, const uint8_t **out)
{
	if (s->len < n)
		return ERR_SYNTAX;
	*out = s->ptr;
	s->ptr += n;
	s->len -= n;
	return 0;
}

static int
take_step(struct span *rest, struct args_step *step)
{
	const uint8_t *p;
	size_t len;

	if (take(rest, 1, &p) < 0)
		return ERR_SYNTAX;
	*step = (struct args_step){.is_index = *p == 1};
	if (*p > 1)
		return ERR_SYNTAX;
	if (step->is_index) {
		if (take(rest, 4, &p) < 0)
			return ERR_SYNTAX;
		step->index = get_u32(p);
		return 0;
	}
	if (take(rest, 2, &p) < 0)
		return ERR_SYNTAX;
	len = (size_t)p[0] | (size_t)p[1] << 8;
	if (take(rest, len, &p) < 0)
		return ERR_SYNTAX;
	step->key = span_of(p, len);
	return utf8_is_valid(step->key) ? 0 : ERR_UTF8;
}

static size_t
digits(struct span s, size_t at)
{
	while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
		at++;
	return at;
}

/* RFC 8259 section 6. */
static bool
is_number(struct span s)
{
	size_t at = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;
	size_t from = at;

	at = digits(s, at);
	if (at == from || (at > from + 1 && s.ptr[from] == '0'))
		return false;
	if (at < s.len && s.ptr[at] == '.') {
		from = at + 1;
		at = digits(s, from);
		if (at == from)
			return false;
	}
	if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
		at++;
		if (at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-'))
			at++;
		from = at;
		at = digits(s, from);
		if (at == from)
			return false;
	}
	return at == s.len;
}

static int
check_value(const struct args_leaf *leaf)
{
	switch (leaf->type) {
	case ARGS_NULL:
	case ARGS_FALSE:
	case ARGS_TRUE:
	case ARGS_EMPTY_OBJECT:
	case ARGS_EMPTY_ARRAY:
		return leaf->value.len == 0 ? 0 : ERR_SYNTAX;
	case ARGS_NUMBER:
		return is_number(leaf->value) ? 0 : ERR_SYNTAX;
	case ARGS_STRING:
		return utf8_is_valid(leaf->value) ? 0 : ERR_UTF8;
	}
	return ERR_SYNTAX;
}

int
args_next(struct span *rest, struct args_leaf *leaf)
{
	const uint8_t *p;
	uint32_t len;
	int rc;

	if (rest->len == 0)
		return 0;
	rc = take(rest, 1, &p);
	if (rc < 0)
		return rc;
	leaf->depth = *p;
	if (leaf->depth > ARGS_DEPTH_MAX)
		return ERR_TOODEEP;
	for (size_t i = 0; i < leaf->depth; i++) {
		rc = take_step(rest, &leaf->path[i]);
		if (rc < 0)
			return rc;
	}
	if (take(rest, 5, &p) < 0 || p[0] > ARGS_EMPTY_ARRAY)
		return ERR_SYNTAX;
	leaf->type = (enum args_type)p[0];
	len = get_u32(p + 1);
	if (take(rest, len, &p) < 0)
		return ERR_SYNTAX;
	leaf->value = span_of(p, len);
	rc = check_value(leaf);
	return rc < 0 ? rc : 1;
}

int
args_check(struct span list)
{
	struct args_leaf leaf;
	size_t n = 0;
	int rc;

	while ((rc = args_next(&list, &leaf)) > 0) {
		if (++n > ARGS_LEAVES_MAX)
			return ERR_TOOBIG;
	}
	return rc;
}

int
args_get(struct span list, const char *key, struct args_leaf *leaf)
{
	struct span want = span_from_cstr(key);
	int rc;

	while ((rc = args_next(&list, leaf)) > 0) {
		if (leaf->depth == 1 && !leaf->path[0].is_index && span_eq(leaf->path[0].key, want))
			return 0;
	}
	return rc < 0 ? rc : ERR_NOTFOUND;
}

bool
args_has(struct span list, const char *key)
{
	struct span want = span_from_cstr(key);
	struct args_leaf leaf;

	while (args_next(&list, &leaf) > 0) {
		if (leaf.depth >= 1 && !leaf.path[0].is_index && span_eq(leaf.path[0].key, want))
			return true;
	}
	return false;
}

int
args_get_str(struct span list, const char *key, struct span *out)
{
	struct args_leaf leaf;
	int rc = args_get(list, key, &leaf);

	if (rc < 0)
		return rc;
	if (leaf.type != ARGS_STRING)
		return leaf.type == ARGS_NULL ? ERR_NOTFOUND : ERR_TYPE;
	*out = leaf.value;
	return 0;
}

int
args_get_u64(struct span list, const char *key, uint64_t min, uint64_t max, uint64_t *out)
{
	struct args_leaf leaf;
	int rc = args_get(list, key, &leaf);

	if (rc < 0)
		return rc;
	if (leaf.type != ARGS_NUMBER)
		return leaf.type == ARGS_NULL ? ERR_NOTFOUND : ERR_TYPE;
	return span_to_u64(leaf.value, min, max, out) < 0 ? ERR_RANGE : 0;
}

int
args_get_bool(struct span list, const char *key, bool *out)
{
	struct args_leaf leaf;
	int rc = args_get(list, key, &leaf);

	if (rc < 0)
		return rc;
	if (leaf.type != ARGS_TRUE && leaf.type != ARGS_FALSE)
		return leaf.type == ARGS_NULL ? ERR_NOTFOUND : ERR_TYPE;
	*out = leaf.type == ARGS_TRUE;
	return 0;
}

static void
put_step(struct buf *b, const struct args_step *s)
{
	buf_put_u8(b, s->is_index ? 1 : 0);
	if (s->is_index) {
		uint8_t le[4] = {(uint8_t)s->index, (uint8_t)(s->index >> 8),
			(uint8_t)(s->index >> 16), (uint8_t)(s->index >> 24)};

		buf_put(b, span_of(le, 4));
	} else if (s->key.len > UINT16_MAX) {
		b->err = ERR_TOOBIG;
	} else {
		uint8_t le[2] = {(uint8_t)s->key.len, (uint8_t)(s->key.len >> 8)};

		buf_put(b, span_of(le, 2));
		buf_put(b, s->key);
	}
}

static void
put_value(struct buf *b, enum args_type type, struct span v)
{
	uint8_t head[5] = {(uint8_t)type, (uint8_t)v.len, (uint8_t)(v.len >> 8),
		(uint8_t)(v.len >> 16), (uint8_t)(v.len >> 24)};

	if (v.len > UINT32_MAX) {
		b->err = ERR_TOOBIG;
		return;
	}
	buf_put(b, span_of(head, 5));
	buf_put(b, v);
}

int
args_put_leaf(struct buf *buf, const struct args_leaf *leaf)
{
	buf_put_u8(buf, (uint8_t)leaf->depth);
	for (size_t i = 0; i < leaf->depth; i++)
		put_step(buf, &leaf->path[i]);
	put_value(buf, leaf->type, leaf->value);
	return buf->err;
}

void
args_out_init(struct args_out *out, struct buf *buf, bool root_is_array)
{
	memset(out, 0, sizeof(*out));
	out->buf = buf;
	out->root_is_array = root_is_array;
}

/* The step to a new child of the innermost container. */
static struct args_step
next_step(struct args_out *out, struct span key)
{
	bool in_array = out->depth == 0 ? out->root_is_array : out->stack[out->depth - 1].is_array;
	uint32_t *count = out->depth == 0 ? &out->root_count : &out->stack[out->depth - 1].count;
	struct args_step step = {.is_index = in_array, .index = in_array ? *count : 0, .key = key};

	(*count)++;
	return step;
}

static void
enter(struct args_out *out, struct span key, bool is_array)
{
	struct args_step step = next_step(out, key);

	if (out->depth + 1 >= ARGS_DEPTH_MAX) {
		out->err = ERR_TOODEEP;
		return;
	}
	out->stack[out->depth].step = step;
	out->stack[out->depth].is_array = is_array;
	out->stack[out->depth].count = 0;
	out->depth++;
}

void
args_out_object(struct args_out *out, const char *key)
{
	enter(out, span_from_cstr(key), false);
}

void
args_out_object_named(struct args_out *out, struct span key)
{
	enter(out, key, false);
}

void
args_out_array(struct args_out *out, const char *key)
{
	enter(out, span_from_cstr(key), true);
}

static void
put_path(struct args_out *out, const struct args_step *last)
{
	buf_put_u8(out->buf, (uint8_t)(out->depth + (last != NULL ? 1 : 0)));
	for (size_t i = 0; i < out->depth; i++)
		put_step(out->buf, &out->stack[i].step);
	if (last != NULL)
		put_step(out->buf, last);
}

void
args_out_end(struct args_out *out)
{
	if (out->err < 0)
		return;
	if (out->depth == 0) {
		out->err = ERR_STATE;
		return;
	}
	if (out->stack[out->depth - 1].count == 0) {
		put_path(out, NULL);
		put_value(out->buf,
			out->stack[out->depth - 1].is_array ? ARGS_EMPTY_ARRAY : ARGS_EMPTY_OBJECT,
			SPAN_EMPTY);
	}
	out->depth--;
}

void
args_out_leaf(struct args_out *out, const char *key, enum args_type type, struct span v)
{
	struct args_step step;

	if (out->err < 0)
		return;
	step = next_step(out, span_from_cstr(key));
	put_path(out, &step);
	put_value(out->buf, type, v);
}

void
args_out_str(struct args_out *out, const char *key, struct span v)
{
	args_out_leaf(out, key, ARGS_STRING, v);
}

void
args_out_cstr(struct args_out *out, const char *key, const char *v)
{
	args_out_leaf(out, key, ARGS_STRING, span_from_cstr(v));
}

void
args_out_u64(struct args_out *out, const char *key, uint64_t v)
{
	uint8_t mem[24];
	struct buf b = {.ptr = mem, .cap = sizeof(mem), .max = sizeof(mem)};

	buf_put_u64_dec(&b, v);
	args_out_leaf(out, key, ARGS_NUMBER, buf_span(&b));
}

void
args_out_i64(struct args_out *out, const char *key, int64_t v)
{
	uint8_t mem[24];
	struct buf b = {.ptr = mem, .cap = sizeof(mem), .max = sizeof(mem)};

	buf_put_i64_dec(&b, v);
	args_out_leaf(out, key, ARGS_NUMBER, buf_span(&b));
}

void
args_out_bool(struct args_out *out, const char *key, bool v)
{
	args_out_leaf(out, key, v ? ARGS_TRUE : ARGS_FALSE, SPAN_EMPTY);
}

void
args_out_null(struct args_out *out, const char *key)
{
	args_out_leaf(out, key, ARGS_NULL, SPAN_EMPTY);
}

int
args_out_done(struct args_out *out)
{
	if (out->err == 0 && out->depth != 0)
		out->err = ERR_STATE;
	if (out->err == 0 && out->root_count == 0) {
		put_path(out, NULL);
		put_value(out->buf, out->root_is_array ? ARGS_EMPTY_ARRAY : ARGS_EMPTY_OBJECT,
			SPAN_EMPTY);
	}
	return out->err < 0 ? out->err : out->buf->err;
}
