#include "edge_frame.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"

void
edge_refuse(struct edge_refusal *r, unsigned code, uint16_t close, const char *fmt, ...)
{
	va_list ap;

	r->code = code;
	r->close = close;
	va_start(ap, fmt);
	/* va_start is above: clang 14 loses sight of it */
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	(void)vsnprintf(r->message, sizeof(r->message), fmt, ap);
	va_end(ap);
}

void
edge_frame_res(struct json_out *o, struct span id, bool ok)
{
	json_out_begin_object(o);
	json_out_member_str(o, "type", SPAN("res"));
	json_out_member_str(o, "id", id);
	json_out_member_bool(o, "ok", ok);
}

void
edge_frame_event(struct json_out *o, const char *name)
{
	json_out_begin_object(o);
	json_out_member_str(o, "type", SPAN("event"));
	json_out_member_str(o, "event", span_from_cstr(name));
}

void
edge_frame_refusal(struct buf *buf, struct span id, const struct edge_refusal *r)
{
	struct json_out o;

	json_out_init(&o, buf, NULL);
	edge_frame_res(&o, id, false);
	json_out_key(&o, SPAN("error"));
	json_out_begin_object(&o);
	json_out_member_str(&o, "code", span_from_cstr(rpc_code_name(r->code)));
	json_out_member_str(&o, "message", span_from_cstr(r->message));
	if (r->request_id.len > 0 || r->expected > 0) {
		json_out_key(&o, SPAN("details"));
		json_out_begin_object(&o);
		if (r->request_id.len > 0)
			json_out_member_str(&o, "requestId", r->request_id);
		if (r->expected > 0)
			json_out_member_u64(&o, "expectedProtocol", r->expected);
		json_out_end_object(&o);
	}
	if (r->retry_ms > 0) {
		json_out_member_bool(&o, "retryable", true);
		json_out_member_u64(&o, "retryAfterMs", r->retry_ms);
	}
	json_out_end_object(&o);
	json_out_end_object(&o);
}

/* ---- closed objects ---- */

static const char *
type_fault(const struct json_node *n, enum edge_type type)
{
	int64_t i;

	switch (type) {
	case EDGE_ANY:
		return NULL;
	case EDGE_STR:
	case EDGE_STR1:
		if (n->kind != JSON_STRING)
			return "must be string";
		return type == EDGE_STR1 && n->v.text.len == 0
			       ? "must NOT have fewer than 1 characters"
			       : NULL;
	case EDGE_INT:
	case EDGE_INT1:
		if (n->kind != JSON_NUMBER || json_node_i64(n, &i) < 0)
			return "must be integer";
		if (type == EDGE_INT1)
			return i < 1 ? "must be >= 1" : NULL;
		return i < 0 ? "must be >= 0" : NULL;
	case EDGE_STRS:
		if (n->kind != JSON_ARRAY)
			return "must be array";
		for (const struct json_node *c = json_first(n); c != NULL; c = c->next) {
			if (c->kind != JSON_STRING)
				return "must be array of strings";
		}
		return NULL;
	case EDGE_FLAGS:
		if (n->kind != JSON_OBJECT)
			return "must be object";
		for (const struct json_node *c = json_first(n); c != NULL; c = c->next) {
			if (c->kind != JSON_BOOL)
				return "must be object of booleans";
		}
		return NULL;
	case EDGE_OBJECT:
		return n->kind == JSON_OBJECT ? NULL : "must be object";
	}
	return "must be valid";
}

/* A name from outside as it may stand in a message. */
static int
put_name(char *out, size_t cap, const char *where, struct span name)
{
	struct buf safe = {.max = 256};

	log_put_safe(&safe, span_sub(name, 0, 64));
	(void)snprintf(out, cap, "at %s: unexpected property '%.*s'",
		where[0] == 0 ? "root" : where, (int)safe.len, (const char *)safe.ptr);
	buf_clear(&safe);
	return ERR_SYNTAX;
}

static const struct edge_field *
find_field(const struct edge_field *rows, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++) {
		if (span_eq(span_from_cstr(rows[i].name), name))
			return &rows[i];
	}
	return NULL;
}

int
edge_object_check(const struct json_node *obj, const char *where, const struct edge_field *rows,
	size_t n, char *message, size_t cap)
{
	if (obj == NULL || obj->kind != JSON_OBJECT) {
		(void)snprintf(
			message, cap, "at %s: must be object", where[0] == 0 ? "root" : where);
		return ERR_SYNTAX;
	}
	for (size_t i = 0; i < n; i++) {
		if (rows[i].required && json_get(obj, span_from_cstr(rows[i].name)) == NULL) {
			(void)snprintf(message, cap, "at %s/%s: must have required property", where,
				rows[i].name);
			return ERR_SYNTAX;
		}
	}
	for (const struct json_node *m = json_first(obj); m != NULL; m = m->next) {
		const struct edge_field *row = find_field(rows, n, m->key);
		const char *fault;

		if (row == NULL)
			return put_name(message, cap, where, m->key);
		fault = type_fault(m, row->type);
		if (fault != NULL) {
			(void)snprintf(message, cap, "at %s/%s: %s", where, row->name, fault);
			return ERR_SYNTAX;
		}
	}
	return 0;
}
